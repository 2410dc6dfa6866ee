//! What the screens show, computed from the cockpit alone: rows, lines, words. The drawing side adds places and
//! colours; `--plain` and the tests read the same.

pub mod pods;

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::{
        deployment::{Deployment, FlightState, ItemState, ItemStatus},
        metric::{Figures, Limit, Metric},
        plan::{ItemId, ItemKind, ItemSpec, StoredPlan},
        release::ReleaseRef,
        rollout::{Observed, RolloutPhase, Side},
        target::TargetId,
        time,
    },
    flight::process::{self, Mover, Next, Waiting},
    input::reference,
    policy::{
        facts::Facts,
        gate::{GateResult, Judgement, Verdict},
        gates, judge,
    },
};

use super::{cockpit::Cockpit, view::Screen, wanted};

/// How a thing is, in one word; each has a role in the themes and a glyph of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    Healthy,
    Progressing,
    Paused,
    Degraded,
    /// Not read, or too long ago.
    Unknown,
}

impl Condition {
    pub fn word(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Progressing => "progressing",
            Self::Paused => "paused",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
        }
    }
}

/// One cell of the fleet.
#[derive(Clone, Debug, PartialEq)]
pub struct FleetCell {
    pub target: TargetId,
    /// `41 v1.2.3`, or what runs instead of a known release.
    pub live: String,
    pub condition: Condition,
    /// `requested 42 · NO-GO`, `flying 42 · 50 % · you`, or empty.
    pub note: String,
    /// Somebody waits for a person here.
    pub waits: bool,
    /// What runs is not what the ledger says is live.
    pub drift: bool,
    /// Age of the reading, when it is stale or missing.
    pub stale: Option<String>,
    /// How long the release has been live.
    pub since: Option<String>,
    pub pods: Option<(u32, u32)>,
}

/// The platform of a target in one word.
pub fn condition(facts: &Facts<'_>) -> Condition {
    let Some(observed) = facts.fresh() else {
        return Condition::Unknown;
    };
    match observed.workload.phase {
        RolloutPhase::Healthy => Condition::Healthy,
        RolloutPhase::Progressing => Condition::Progressing,
        RolloutPhase::Paused => Condition::Paused,
        RolloutPhase::Degraded => Condition::Degraded,
        RolloutPhase::Unknown => Condition::Unknown,
    }
}

pub fn fleet_cell(cockpit: &Cockpit, id: &TargetId) -> Option<FleetCell> {
    let facts = cockpit.known.facts(id, cockpit.now)?;
    let (running, recorded) = (facts.running(), facts.state.live.as_ref());
    let live = match (&running, recorded) {
        (Some(release), _) => release.title(),
        (None, Some(live)) if facts.workload.value().is_none() => live.release.title(),
        (None, _) if facts.workload.value().is_some() => "not a known release".to_owned(),
        _ => "?".to_owned(),
    };
    let limit = facts.workspace.timings.stale;
    let stale = match &facts.workload.last {
        Some(last) if last.is_stale(cockpit.now, limit) => Some(time::age(last.age(cockpit.now))),
        Some(_) => None,
        None => Some("never read".to_owned()),
    };
    let (note, waits) = facts
        .current()
        .map_or((String::new(), false), |current| note(&facts, current));
    Some(FleetCell {
        target: id.clone(),
        live,
        condition: condition(&facts),
        note,
        waits,
        drift: facts.drift(),
        stale,
        since: recorded.map(|live| time::age(cockpit.now.duration_since(live.since))),
        pods: facts
            .workload
            .value()
            .map(|o| (o.workload.ready, o.workload.desired)),
    })
}

fn note(facts: &Facts<'_>, current: &Deployment) -> (String, bool) {
    let title = current.plan.release.number;
    let waiting = waiting(facts);
    let yours = waiting
        .as_ref()
        .is_some_and(|waiting| waiting.mover == Mover::You);
    let text = match current.state {
        FlightState::Requested => {
            let go = gates::take_off(facts, &current.plan).go;
            format!("{title} requested · {}", if go { "GO" } else { "NO-GO" })
        }
        FlightState::Flying => match current
            .stage()
            .and_then(|stage| current.plan.plan.stages.get(stage))
        {
            Some(stage) => format!("{title} flying · {} %", stage.share),
            None => format!("{title} flying"),
        },
        state => format!("{title} {}", state.word()),
    };
    (text, yours)
}

pub fn waiting(facts: &Facts<'_>) -> Option<Waiting> {
    match process::next(facts) {
        Next::Waiting(waiting) => Some(waiting),
        Next::Record(_) => Some(Waiting {
            mover: Mover::Gonogo,
            sentence: "writing down what was reached".to_owned(),
            until: None,
        }),
        Next::Idle => None,
    }
}

/// One line of a list that a cursor goes over: a gate or an item.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub id: ItemId,
    pub kind: LineKind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum LineKind {
    Gate(GateResult),
    Item {
        spec: ItemSpec,
        status: ItemStatus,
        state: Option<ItemState>,
    },
}

/// The Plan screen.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanShown {
    pub plan: StoredPlan,
    /// Stored in the ledger, with its deployment; else only looked at.
    pub deployment: Option<Deployment>,
    pub judgement: Judgement,
    /// Gates first, then all items.
    pub lines: Vec<Line>,
    /// What will change, before → after, one per line.
    pub changes: Vec<String>,
    /// Why no digest is known yet.
    pub resolving: bool,
    pub trouble: Option<String>,
}

/// The plan in focus: the open request's, else the one of the chosen release.
pub fn plan(cockpit: &Cockpit) -> Option<PlanShown> {
    let facts = cockpit.facts()?;
    let (plan, deployment) = match facts.current() {
        Some(current) => (current.plan.clone(), Some(current.clone())),
        None => (wanted::plan_of(&facts, cockpit.view.chosen?).ok()?, None),
    };
    let judgement = gates::take_off(&facts, &plan);
    let mut lines = gate_lines(&judgement);
    lines.extend(
        plan.plan
            .items
            .iter()
            .map(|spec| item_line(spec, deployment.as_ref())),
    );
    let key = (plan.plan.project.clone(), plan.release.commit.clone());
    let resolving = cockpit.resolving.contains(&key);
    let trouble = cockpit.artifact_trouble.get(&key).map(ToString::to_string);
    Some(PlanShown {
        changes: changes(&facts, &plan),
        plan,
        deployment,
        judgement,
        lines,
        resolving,
        trouble,
    })
}

/// What stands in the way first, and what only wants time behind it; the table's order stays otherwise.
fn gate_lines(judgement: &Judgement) -> Vec<Line> {
    let passing = judgement
        .gates
        .iter()
        .filter(|gate| gate.verdict.lets_through());
    let (later, now): (Vec<_>, Vec<_>) =
        judgement.blocking().partition(|gate| only_wants_time(gate));
    now.into_iter()
        .chain(later)
        .chain(passing)
        .map(gate_line)
        .collect()
}

/// A gate that is closed by time or order alone: nothing is wrong, it is not yet time.
pub fn only_wants_time(gate: &GateResult) -> bool {
    gate.verdict == Verdict::Fail
        && ["stage.bake", "verification", "monitoring"].contains(&gate.id.as_str())
}

fn gate_line(gate: &GateResult) -> Line {
    Line {
        id: ItemId(gate.id.clone()),
        kind: LineKind::Gate(gate.clone()),
    }
}

fn item_line(spec: &ItemSpec, deployment: Option<&Deployment>) -> Line {
    let state = deployment.and_then(|d| d.items.get(&spec.id)).cloned();
    let status = state
        .as_ref()
        .map_or(ItemStatus::Open, |state| state.status);
    Line {
        id: spec.id.clone(),
        kind: LineKind::Item {
            spec: spec.clone(),
            status,
            state,
        },
    }
}

fn changes(facts: &Facts<'_>, plan: &StoredPlan) -> Vec<String> {
    let mut lines = vec![format!(
        "release  {}",
        crate::domain::entry::from_to(plan.before.as_ref(), &plan.release)
    )];
    let image = |release: &ReleaseRef| {
        release.image.as_deref().map_or_else(
            || "no digest".to_owned(),
            crate::domain::change::short_image,
        )
    };
    let before = plan
        .before
        .as_ref()
        .map_or_else(|| "nothing".to_owned(), image);
    lines.push(format!("image    {before} → {}", image(&plan.release)));
    lines.push(format!("on       {}", facts.target.workload));
    if !plan.plan.stages.is_empty() {
        let stages: Vec<String> = plan
            .plan
            .stages
            .iter()
            .map(|stage| format!("{} % ({})", stage.share, time::exact(stage.bake)))
            .collect();
        lines.push(format!("stages   {}", stages.join(", ")));
    }
    if let Some(commits) = commits(facts, plan) {
        lines.push(commits);
    }
    if let Some(took) = estimate(facts) {
        lines.push(format!("takes    about {}, by history", time::exact(took)));
    }
    lines
}

/// How many commits lie between what runs and what is planned.
fn commits(facts: &Facts<'_>, plan: &StoredPlan) -> Option<String> {
    let before = plan.before.as_ref()?;
    let number = plan.release.number;
    let inside: Vec<&str> = facts
        .releases
        .iter()
        .filter(|r| r.number > before.number && r.number <= number)
        .map(|r| r.subject.as_ref())
        .collect();
    match inside.as_slice() {
        [] => None,
        [one] => Some(format!("commits  1: {one}")),
        [.., newest] => Some(format!("commits  {}, newest: {newest}", inside.len())),
    }
}

/// The median of past flights here.
fn estimate(facts: &Facts<'_>) -> Option<SignedDuration> {
    let mut took: Vec<SignedDuration> = facts
        .state
        .past
        .iter()
        .filter_map(|past| Some(past.promoted_at?.duration_since(past.requested_at)))
        .collect();
    took.sort_unstable();
    let median = *took.get(took.len() / 2)?;
    Some(SignedDuration::from_secs(median.as_secs().max(1)))
}

/// The cursor's line on the Plan or Flight screen.
pub fn selected_line(cockpit: &Cockpit) -> Option<Line> {
    match cockpit.view.screen {
        Screen::Plan => plan(cockpit)?.lines.into_iter().nth(cockpit.view.plan_line),
        Screen::Flight => flight(cockpit)?
            .lines
            .into_iter()
            .nth(cockpit.view.flight_line),
        _ => None,
    }
}

/// Where a stage of the track stands.
#[derive(Clone, Debug, PartialEq)]
pub struct StageShown {
    /// `10 %`, `verify`, `monitor`.
    pub label: String,
    pub place: StagePlace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StagePlace {
    Done,
    Current,
    Next,
}

/// One metric with both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricShown {
    pub metric: Metric,
    pub limit: Limit,
    pub verdict: Verdict,
    /// The verdict's sentence, about the canary while there is one.
    pub sentence: String,
    pub canary: Option<f64>,
    pub stable: Option<f64>,
    pub canary_curve: Vec<Option<f64>>,
    pub stable_curve: Vec<Option<f64>>,
    /// Of the last scrape.
    pub age: Option<String>,
    pub requests: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct HealthShown {
    pub verdict: Verdict,
    pub sentence: String,
    /// Each check of the last answer: name, word.
    pub checks: Vec<(String, String)>,
    pub version: Option<String>,
}

/// The Flight screen.
#[derive(Clone, Debug, PartialEq)]
pub struct FlightShown {
    pub deployment: Deployment,
    pub observed: Option<Observed>,
    /// Age of the reading of the platform.
    pub age: Option<String>,
    pub stale: bool,
    pub stages: Vec<StageShown>,
    /// 0 to 1 within the current stage.
    pub progress: f64,
    pub waiting: Option<Waiting>,
    /// Gates of the next move: take-off, promotion, or close.
    pub judgement: Judgement,
    /// Those gates, and the verification items once they are due.
    pub lines: Vec<Line>,
    pub metrics: Vec<MetricShown>,
    pub health: Option<HealthShown>,
    /// Newest last, time and sentence.
    pub timeline: Vec<TimelineLine>,
    pub held: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TimelineLine {
    pub at: Timestamp,
    pub clock: String,
    pub sentence: String,
    /// Refused, failed, unknown: worth a second look.
    pub bad: bool,
    /// Whose doing it was.
    pub by: String,
}

pub fn flight(cockpit: &Cockpit) -> Option<FlightShown> {
    let facts = cockpit.facts()?;
    let deployment = facts.current()?;
    let judgement = match deployment.state {
        FlightState::Requested => gates::take_off(&facts, &deployment.plan),
        FlightState::Verifying | FlightState::Monitoring => gates::close(&facts, &deployment.plan),
        _ => gates::promotion(&facts, &deployment.plan),
    };
    let mut lines = gate_lines(&judgement);
    if deployment.promoted_at.is_some() {
        let items = deployment
            .verification()
            .map(|spec| item_line(spec, Some(deployment)));
        // While they are what is being done, they come first.
        let at = if deployment.state == FlightState::Verifying {
            0
        } else {
            lines.len()
        };
        lines.splice(at..at, items);
    }
    let last = facts.workload.last.as_ref();
    let held = facts
        .workload
        .value()
        .filter(|o| o.workload.paused)
        .map(|o| {
            o.workload
                .held_by
                .as_ref()
                .map_or_else(|| "outside gonogo".to_owned(), ToString::to_string)
        });
    Some(FlightShown {
        observed: facts.workload.value().cloned(),
        age: last.map(|reading| time::age(reading.age(cockpit.now))),
        stale: facts.fresh().is_none(),
        stages: stages(deployment),
        progress: progress(cockpit.now, deployment, facts.workload.value()),
        waiting: waiting(&facts),
        judgement,
        lines,
        metrics: metrics(cockpit, &facts, deployment),
        health: health(&facts, deployment),
        timeline: timeline(cockpit)
            .into_iter()
            .filter(|line| line.at >= deployment.requested_at)
            .collect(),
        held,
        deployment: deployment.clone(),
    })
}

fn stages(deployment: &Deployment) -> Vec<StageShown> {
    let flying = deployment.state == FlightState::Flying;
    let promoted = deployment.promoted_at.is_some();
    let current = deployment.stage();
    let mut shown: Vec<StageShown> = Vec::new();
    for (index, stage) in deployment.plan.plan.stages.iter().enumerate() {
        let place = match current {
            _ if promoted => StagePlace::Done,
            Some(at) if index < at => StagePlace::Done,
            Some(at) if index == at => StagePlace::Current,
            None if index == 0 && flying => StagePlace::Current,
            _ => StagePlace::Next,
        };
        shown.push(StageShown {
            label: format!("{} %", stage.share),
            place,
        });
    }
    if deployment.plan.plan.stages.is_empty() {
        shown.push(StageShown {
            label: "rolling update".to_owned(),
            place: if promoted {
                StagePlace::Done
            } else if flying {
                StagePlace::Current
            } else {
                StagePlace::Next
            },
        });
    }
    // The plan's shares end where the release serves everybody.
    if deployment
        .plan
        .plan
        .stages
        .last()
        .is_some_and(|stage| stage.share < 100)
    {
        shown.push(StageShown {
            label: "100 %".to_owned(),
            place: if promoted {
                StagePlace::Done
            } else {
                StagePlace::Next
            },
        });
    }
    if deployment.verification().next().is_some() {
        let place = match deployment.state {
            FlightState::Verifying => StagePlace::Current,
            FlightState::Monitoring => StagePlace::Done,
            _ => StagePlace::Next,
        };
        shown.push(StageShown {
            label: "verify".to_owned(),
            place,
        });
    }
    let place = if deployment.state == FlightState::Monitoring {
        StagePlace::Current
    } else {
        StagePlace::Next
    };
    shown.push(StageShown {
        label: "monitor".to_owned(),
        place,
    });
    shown
}

/// Within the current stage: the bake once it rests, the share of pods before that, the clock while monitoring.
fn progress(now: Timestamp, deployment: &Deployment, observed: Option<&Observed>) -> f64 {
    let part = |since: Timestamp, whole: SignedDuration| {
        if whole.is_zero() {
            1.0
        } else {
            (now.duration_since(since).as_secs_f64() / whole.as_secs_f64()).clamp(0.0, 1.0)
        }
    };
    match deployment.state {
        FlightState::Monitoring => deployment
            .monitoring_since
            .map_or(0.0, |since| part(since, deployment.plan.plan.monitoring)),
        FlightState::Verifying => {
            let all = deployment.verification().count().max(1);
            deployment
                .verification()
                .filter(|item| deployment.is_settled(item))
                .count() as f64
                / all as f64
        }
        FlightState::Flying => {
            let stage = deployment.stage();
            let reached = stage.and_then(|s| deployment.stages.get(s).copied().flatten());
            match (
                reached,
                stage.and_then(|s| deployment.plan.plan.stages.get(s)),
            ) {
                (Some(since), Some(spec)) => part(since, spec.bake),
                _ => observed.map_or(0.0, |o| {
                    f64::from(o.workload.updated) / f64::from(o.workload.desired.max(1))
                }),
            }
        }
        _ => 0.0,
    }
}

fn metrics(cockpit: &Cockpit, facts: &Facts<'_>, deployment: &Deployment) -> Vec<MetricShown> {
    let Some(source) = &facts.target.metrics else {
        return Vec::new();
    };
    let workload = facts.workload.value().map(|observed| &observed.workload);
    let (canary, stable) = (
        workload.and_then(|w| w.current_hash.clone()),
        workload.and_then(|w| w.stable_hash.clone()),
    );
    let midway = workload.is_some_and(crate::domain::rollout::Workload::is_midway);
    let who = if midway { "canary" } else { "the release" };
    let side = |hash: &Option<String>| {
        hash.as_ref()
            .and_then(|hash| facts.metrics.value()?.sides.get(hash))
    };
    let curve = |hash: &Option<String>, metric: Metric| -> Vec<Option<f64>> {
        let points = cockpit
            .known
            .targets
            .get(&facts.target.id)
            .map(|known| &known.curve);
        let at = |sides: &std::collections::BTreeMap<String, Figures>| {
            hash.as_ref()
                .and_then(|hash| sides.get(hash))
                .and_then(|figures| figures.get(metric))
        };
        points
            .map(|points| points.iter().map(|point| at(&point.sides)).collect())
            .unwrap_or_default()
    };
    let show = |limit: &Limit| {
        let (verdict, sentence) = judge::judge(facts, source, limit, canary.as_deref(), who);
        MetricShown {
            metric: limit.metric,
            limit: *limit,
            verdict,
            sentence,
            canary: if midway {
                side(&canary).and_then(|s| s.over_window.get(limit.metric))
            } else {
                None
            },
            stable: side(&stable).and_then(|s| s.over_window.get(limit.metric)),
            canary_curve: if midway {
                curve(&canary, limit.metric)
            } else {
                Vec::new()
            },
            stable_curve: curve(&stable, limit.metric),
            age: facts
                .metrics
                .last
                .as_ref()
                .map(|last| time::age(last.age(facts.now))),
            requests: side(&canary).map(|s| s.over_window.requests),
        }
    };
    deployment.plan.plan.limits.iter().map(show).collect()
}

fn health(facts: &Facts<'_>, deployment: &Deployment) -> Option<HealthShown> {
    let (verdict, sentence) = gates::health::answers(facts, &deployment.plan)?;
    let hash = facts.workload.value()?.workload.current_hash.as_ref()?;
    let last = facts
        .health
        .value()
        .and_then(|health| health.sides.get(hash))
        .and_then(|side| side.last.as_ref());
    let checks = last.map(|answer| {
        answer
            .checks
            .iter()
            .map(|(name, word)| (name.to_string(), word.to_string()))
            .collect()
    });
    Some(HealthShown {
        verdict,
        sentence,
        checks: checks.unwrap_or_default(),
        version: last.map(|answer| answer.version.to_string()),
    })
}

/// All entries of the target in focus, oldest first.
pub fn timeline(cockpit: &Cockpit) -> Vec<TimelineLine> {
    use crate::domain::entry::{Answer, Body, Outcome};
    let Some(known) = cockpit.focus_known() else {
        return Vec::new();
    };
    let sentence = |entry: &crate::domain::entry::Entry| match (&entry.body, &known.state.current) {
        // Of the deployment under way the plan is at hand, and says which share a stage is.
        (Body::StageReached { deployment, stage }, Some(current)) if *deployment == current.id => {
            current.plan.plan.stages.get(*stage).map_or_else(
                || entry.sentence(),
                |spec| format!("{} % reached, bakes {}", spec.share, time::exact(spec.bake)),
            )
        }
        _ => entry.sentence(),
    };
    let line = |entry: &crate::domain::entry::Entry| TimelineLine {
        at: entry.at,
        clock: entry.clock(),
        sentence: sentence(entry),
        bad: matches!(
            &entry.body,
            Body::Settled {
                outcome: Outcome::Refused { .. } | Outcome::Unknown { .. } | Outcome::NotApplied,
                ..
            } | Body::Measured { ok: false, .. }
                | Body::Decided {
                    answer: Answer::NoGo,
                    ..
                }
        ),
        by: entry.actor.name.clone(),
    };
    known.entries.iter().map(line).collect()
}

/// One hint: its key, its word, and why it would be refused now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HintShown {
    pub action: crate::input::Action,
    pub key: String,
    pub label: String,
    pub blocked: Option<String>,
}

/// The hint bar is true: what cannot run now says so, what makes no sense here is not there.
pub fn hints(cockpit: &Cockpit) -> Vec<HintShown> {
    hints_in(cockpit, cockpit.view.context())
}

fn hints_in(cockpit: &Cockpit, context: crate::input::Context) -> Vec<HintShown> {
    use crate::input::Action;
    let state = cockpit
        .facts()
        .and_then(|facts| facts.current())
        .map(|current| current.state);
    let paused = cockpit
        .facts()
        .and_then(|facts| facts.workload.value().map(|o| o.workload.paused))
        .unwrap_or(false);
    let hints = reference::hints(&cockpit.keymap, context).into_iter();
    hints
        .filter(|hint| {
            hint.action.risk() == crate::input::Risk::None || makes_sense(hint.action, state)
        })
        .map(|hint| {
            let label = if hint.action == Action::HoldOrResume && paused {
                "resume"
            } else {
                hint.label
            };
            HintShown {
                action: hint.action,
                key: hint.key,
                label: label.to_owned(),
                blocked: wanted::why_not(cockpit, hint.action),
            }
        })
        .collect()
}

/// What a screen without room for screens offers: the ways out of a flight, wherever one is, and where to look.
pub fn ways_out(cockpit: &Cockpit) -> Vec<HintShown> {
    use crate::input::Action::{Abort, Help, HoldOrResume, Rollback, ShowFlight};
    let offered = [HoldOrResume, Abort, Rollback, ShowFlight, Help];
    hints_in(cockpit, crate::input::Context::Flight)
        .into_iter()
        .filter(|hint| offered.contains(&hint.action))
        .collect()
}

/// Could this action be meant at all while the deployment stands so? Whether it may run is for `decide`.
fn makes_sense(action: crate::input::Action, state: Option<FlightState>) -> bool {
    use crate::input::Action;
    use FlightState::{Aborted, Flying, Monitoring, Requested, Verifying};
    match action {
        Action::Request => state.is_none(),
        Action::Rollback => state != Some(Requested),
        Action::Fly | Action::Cancel => state == Some(Requested),
        Action::Promote | Action::PromoteFull | Action::HoldOrResume | Action::Abort => {
            state == Some(Flying)
        }
        Action::Retry => state == Some(Aborted),
        Action::Close => matches!(state, Some(Verifying | Monitoring)),
        _ => state.is_some(),
    }
}

/// Which side a pod hash is on, for the legend.
pub fn side_title(side: Side) -> &'static str {
    match side {
        Side::Canary => "canary",
        Side::Stable => "stable",
        Side::Old => "leaving",
    }
}

/// Is the line an item that a person ticks and has not ticked?
pub fn is_tickable(line: &Line) -> bool {
    matches!(&line.kind, LineKind::Item { spec, status, .. }
        if spec.kind == ItemKind::Check && matches!(status, ItemStatus::Open | ItemStatus::Failed))
}
