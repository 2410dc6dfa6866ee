//! What the screens show, computed from the cockpit alone: rows, lines, words. The drawing side adds places and
//! colours; `--plain` and the tests read the same. One file per screen.

mod connection;
mod controls;
mod evidence;
mod fleet;
mod flight;
mod hints;
mod history;
mod hotfix;
mod next;
mod page;
mod place;
mod plan;
pub mod pods;
mod poll;
mod runs;
pub mod sql;
mod timeline;

use jiff::Timestamp;

use crate::{
    domain::{
        change::ActKind,
        deployment::{Deployment, ItemState, ItemStatus},
        plan::{ItemId, ItemKind, ItemSpec},
        rollout::{Side, Workload},
    },
    flight::{
        inbox,
        process::{self, Mover, Next, Waiting},
    },
    input::{Action, Context},
    policy::{
        facts::Facts,
        gate::{GateResult, Judgement},
    },
};

use super::{cockpit::Cockpit, view::Screen, wanted};

pub use crate::flight::inbox::{Errand, ErrandKind};
pub use crate::flight::looking_back::Row as HistoryRow;
pub use crate::flight::matrix::Tone as PageTone;
pub use connection::{Down, connection, skew};
pub use controls::{ControlsShown, controls};
pub use evidence::{HealthShown, MetricShown, health, metrics};
pub use fleet::{Condition, FleetCell, condition, fleet_cell};
pub use flight::{FlightShown, StagePlace, StageShown, flight, flight_lines, judgement};
pub use hints::{HintShown, hints, ways_out};
pub use history::{Kept as LookedBack, history, scorecard};
pub use hotfix::{
    HotfixBoard, HotfixShown, Owed, home, hotfix_board, hotfix_lines, hotfix_owed, hotfixes,
    only_hotfix, proof_line, selected_owed,
};
pub use next::{NextCard, NextStep, StepState, next_steps};
pub use page::{PageShown, page};
pub use place::{place_notes, place_word};
pub use plan::{PlanShown, plan};
pub use poll::{PollShown, poll};
pub use runs::{RunShown, run_shown};
pub use timeline::{TimelineLine, timeline, timeline_after, timeline_aside};

/// Who moves next, in the keys of the screen. What would be refused is not offered; where nothing else is, it says so.
pub fn waiting(cockpit: &Cockpit, facts: &Facts<'_>) -> Option<Waiting> {
    let mut waiting = moves(facts)?;
    if waiting.by.as_ref() == Some(&cockpit.me.name) {
        waiting.by = None;
    }
    let here = cockpit
        .focus()
        .is_some_and(|focus| focus.id == facts.target.id);
    let key = |act: ActKind| {
        let texts = cockpit.keymap.texts(action(act), Context::Flight);
        texts
            .into_iter()
            .next()
            .unwrap_or_else(|| format!(":{}", act.verb()))
    };
    let refused = |act: ActKind| wanted::why_not(cockpit, action(act)).filter(|_| here);
    let mut sentence = waiting.said(|act| refused(act).is_none().then(|| key(act)));
    let all_refused =
        waiting.by.is_none() && waiting.ways.iter().all(|way| refused(way.act).is_some());
    if let Some((way, why)) = waiting
        .ways
        .first()
        .filter(|_| all_refused)
        .and_then(|way| Some((way, refused(way.act)?)))
    {
        sentence = format!("{sentence}; {} is refused: {why}", key(way.act));
    }
    if let Some(down) = connection(cockpit, &facts.target.id).filter(|_| facts.fresh().is_none()) {
        let said = sentence.trim_end_matches('.');
        sentence = format!("{said}; {}", down.words(cockpit.now));
    }
    waiting.sentence = sentence;
    Some(waiting)
}

/// The same where things are asked for by their commands.
pub fn waiting_in_commands(facts: &Facts<'_>) -> Option<Waiting> {
    let waiting = moves(facts)?;
    Some(Waiting {
        sentence: waiting.in_commands(),
        ..waiting
    })
}

fn moves(facts: &Facts<'_>) -> Option<Waiting> {
    match process::outlook(facts) {
        Next::Waiting(waiting) => Some(waiting.of_whoever_flies(facts)),
        Next::Record(_) => Some(Waiting {
            mover: Mover::Gonogo,
            sentence: "writing down what was reached".to_owned(),
            until: None,
            by: None,
            ways: Vec::new(),
        }),
        Next::Idle => None,
    }
}

/// The action whose key asks for an act.
fn action(act: ActKind) -> Action {
    match act {
        ActKind::Fly => Action::Fly,
        ActKind::Promote => Action::Promote,
        ActKind::PromoteFully => Action::PromoteFull,
        ActKind::Hold | ActKind::Resume => Action::HoldOrResume,
        ActKind::Abort => Action::Abort,
        ActKind::Retry => Action::Retry,
        ActKind::RollBack => Action::Rollback,
    }
}

/// One line of a list that a cursor goes over: a gate or an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub id: ItemId,
    pub kind: LineKind,
}

impl Line {
    pub fn is_gate(&self) -> bool {
        matches!(self.kind, LineKind::Gate(_))
    }

    /// There is nothing to tick on it: a gate, or an item that is green already.
    pub fn is_settled(&self) -> bool {
        match &self.kind {
            LineKind::Gate(_) => true,
            LineKind::Item { status, .. } => {
                matches!(status, ItemStatus::Done | ItemStatus::Waived)
            }
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub enum LineKind {
    Gate(GateResult),
    Item {
        spec: Box<ItemSpec>,
        status: ItemStatus,
        state: Option<ItemState>,
    },
}

/// What stands in the way first, and what only wants time behind it; the table's order stays otherwise.
fn gate_lines(judgement: &Judgement) -> Vec<Line> {
    let passing = judgement
        .gates
        .iter()
        .filter(|gate| gate.verdict.lets_through());
    let (later, now): (Vec<_>, Vec<_>) = judgement
        .blocking()
        .partition(|gate| gate.only_wants_time());
    now.into_iter()
        .chain(later)
        .chain(passing)
        .map(gate_line)
        .collect()
}

fn gate_line(gate: &GateResult) -> Line {
    Line {
        id: ItemId(gate.id.clone()),
        kind: LineKind::Gate(gate.clone()),
    }
}

/// What grew too old is shown as the open item that it is again.
fn item_line(spec: &ItemSpec, deployment: Option<&Deployment>, now: Timestamp) -> Line {
    let state = deployment.and_then(|d| d.items.get(&spec.id)).cloned();
    let status = deployment.map_or(ItemStatus::Open, |d| d.status(spec, now));
    Line {
        id: spec.id.clone(),
        kind: LineKind::Item {
            spec: Box::new(spec.clone()),
            status,
            state,
        },
    }
}

/// What waits for whoever sits here.
pub fn inbox(cockpit: &Cockpit) -> Vec<Errand> {
    inbox::inbox(&cockpit.known, &cockpit.me, cockpit.now)
}

/// The cursor's line on the Plan or Flight screen.
pub fn selected_line(cockpit: &Cockpit) -> Option<Line> {
    match cockpit.view.screen {
        Screen::Plan => plan(cockpit)?.lines.into_iter().nth(cockpit.view.plan_line),
        Screen::Flight => flight_lines(cockpit)
            .into_iter()
            .nth(cockpit.view.flight_line),
        _ => None,
    }
}

/// Which side of a workload a pod is on, for the legend. A blue-green Rollout has no canary: its new side is looked at
/// until it is switched to.
pub fn side_title(side: Side, workload: &Workload) -> &'static str {
    match side {
        Side::Canary => match &workload.sides {
            None => "canary",
            Some(sides) if sides.active == workload.current_hash => "active",
            Some(_) => "preview",
        },
        Side::Stable => "stable",
        Side::Old => "leaving",
    }
}

/// Is the line an item that waits for a person: to tick it, to have it measured, or to run it?
pub fn is_tickable(line: &Line) -> bool {
    matches!(&line.kind, LineKind::Item { spec, status, .. }
        if !matches!(spec.kind, ItemKind::Action(_))
            && (spec.kind == ItemKind::Check || !spec.is_verification() || spec.is_run())
            && matches!(status, ItemStatus::Open | ItemStatus::Failed))
}
