//! The fleet: one cell for each project in each environment.

use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        deployment::{Deployment, FlightState},
        rollout::RolloutPhase,
        target::TargetId,
        time,
    },
    policy::{facts::Facts, gates},
    session::cockpit::Cockpit,
};

use super::waiting;

/// How a thing is, in one word; each has a role in the themes and a glyph of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    Healthy,
    Progressing,
    Paused,
    Degraded,
    /// Not read, or too long ago.
    Unknown,
}

impl Condition {
    pub fn of(phase: RolloutPhase) -> Self {
        match phase {
            RolloutPhase::Healthy => Self::Healthy,
            RolloutPhase::Progressing => Self::Progressing,
            RolloutPhase::Paused => Self::Paused,
            RolloutPhase::Degraded => Self::Degraded,
            RolloutPhase::Unknown => Self::Unknown,
        }
    }

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
    /// In words, when the reading is stale or missing: `STALE 40 s`, `last seen healthy 3 h ago`, `never read`.
    pub stale: Option<String>,
    /// How long the release has been live.
    pub since: Option<String>,
    pub pods: Option<(u32, u32)>,
}

/// The platform of a target in one word.
pub fn condition(facts: &Facts<'_>) -> Condition {
    facts.fresh().map_or(Condition::Unknown, |observed| {
        Condition::of(observed.workload.phase)
    })
}

pub fn fleet_cell(cockpit: &Cockpit, id: &TargetId) -> Option<FleetCell> {
    let facts = cockpit.known.facts(id, cockpit.now)?;
    let (running, recorded) = (facts.running(), facts.state.live.as_ref());
    // Nothing was read yet: what was on the screen when gonogo last ended, marked as that.
    let before = cockpit
        .last_seen
        .as_ref()
        .filter(|_| facts.workload.last.is_none())
        .and_then(|seen| seen.target(id));
    let live = match (&running, recorded) {
        (None, None) if before.is_some() => {
            before.map_or_else(String::new, |seen| seen.live.to_string())
        }
        (Some(release), _) => release.title(),
        (None, Some(live)) if facts.workload.value().is_none() => live.release.title(),
        (None, _) if facts.workload.value().is_some() => "not a known release".to_owned(),
        _ => "?".to_owned(),
    };
    let limit = facts.workspace.timings.stale;
    let stale = match &facts.workload.last {
        Some(last) if last.is_stale(cockpit.now, limit) => {
            Some(format!("STALE {}", time::age(last.age(cockpit.now))))
        }
        Some(_) => None,
        None => Some(before.map_or_else(
            || "never read".to_owned(),
            |seen| format!("last seen {}", seen.words(cockpit.now)),
        )),
    };
    let (mut note, mut waits) = facts.current().map_or((String::new(), false), |current| {
        note(cockpit, &facts, current)
    });
    let lock = facts.state.lock.as_ref();
    note = match lock.filter(|lock| lock.holds(cockpit.now)) {
        Some(lock) if note.is_empty() => format!("locked by {}", lock.by),
        Some(lock) => format!("{note} · locked by {}", lock.by),
        None => note,
    };
    // What a hotfix owes outlives its deployment.
    for hotfix in super::hotfixes(&facts) {
        if !note.is_empty() {
            note.push_str(" · ");
        }
        note.push_str(&hotfix.banner(&facts.workspace.timings.hotfix, cockpit.now));
        waits = true;
    }
    Some(FleetCell {
        target: id.clone(),
        live,
        condition: condition(&facts),
        note,
        waits,
        drift: facts.drift(),
        stale,
        since: promoted_since(&facts)
            .or_else(|| recorded.map(|live| live.since))
            .map(|since| time::age(cockpit.now.duration_since(since))),
        pods: facts
            .workload
            .value()
            .map(|o| (o.workload.ready, o.workload.desired)),
    })
}

/// Since when what flies serves everybody, until the ledger has it as live.
fn promoted_since(facts: &Facts<'_>) -> Option<jiff::Timestamp> {
    let current = facts.current()?;
    let serves = facts.running()?.commit == current.plan.release.commit;
    current.promoted_at.filter(|_| serves)
}

fn note(cockpit: &Cockpit, facts: &Facts<'_>, current: &Deployment) -> (String, bool) {
    let title = current.plan.release.number;
    let waiting = waiting(cockpit, facts);
    let yours = waiting
        .as_ref()
        .is_some_and(|waiting| waiting.is_for(&cockpit.me.name));
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
