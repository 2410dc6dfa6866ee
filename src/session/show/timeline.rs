//! The Timeline: every entry of the target in focus as a sentence.

use jiff::Timestamp;

use crate::{
    domain::{entry::Entry, target::TargetId, time},
    flight::known::TargetKnown,
    session::cockpit::Cockpit,
};

#[derive(Clone, Debug, PartialEq)]
pub struct TimelineLine {
    /// Place in the chain.
    pub seq: u64,
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
    cockpit
        .focus_known()
        .map_or_else(Vec::new, |known| told(known, |entry| entry.at >= since))
}

/// The entries of a target that came after this place in the chain.
pub fn timeline_after(cockpit: &Cockpit, id: &TargetId, seq: u64) -> Vec<TimelineLine> {
    let known = cockpit.known.targets.get(id);
    known.map_or_else(Vec::new, |known| told(known, |entry| entry.seq > seq))
}

fn told(known: &TargetKnown, wanted: impl Fn(&Entry) -> bool) -> Vec<TimelineLine> {
    use crate::domain::entry::{Answer, Body, Outcome};
    let sentence = |entry: &Entry| match (&entry.body, &known.state.current) {
        // Of the deployment under way the plan is at hand, and says which share a stage is.
        (Body::StageReached { deployment, stage }, Some(current)) if *deployment == current.id => {
            current.plan.plan.stages.get(*stage).map_or_else(
                || entry.sentence(),
                |spec| format!("{} % reached, bakes {}", spec.share, time::exact(spec.bake)),
            )
        }
        _ => entry.sentence(),
    };
    let line = |entry: &Entry| TimelineLine {
        seq: entry.seq,
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
                    answer: Answer::NoGo | Answer::Hold,
                    ..
                }
        ),
        by: entry.actor.name.clone(),
    };
    known
        .entries
        .iter()
        .filter(|entry| wanted(entry))
        .map(line)
        .collect()
}
