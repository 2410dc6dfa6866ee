//! The Timeline: every entry of the target in focus as a sentence.

use jiff::Timestamp;

use crate::{domain::time, session::cockpit::Cockpit};

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

/// All entries of the target in focus, oldest first.
pub fn timeline(cockpit: &Cockpit) -> Vec<TimelineLine> {
    timeline_since(cockpit, Timestamp::MIN)
}

/// The entries of one deployment: only they are put into words.
pub(super) fn timeline_since(cockpit: &Cockpit, since: Timestamp) -> Vec<TimelineLine> {
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
    let late = known.entries.iter().filter(|entry| entry.at >= since);
    late.map(line).collect()
}
