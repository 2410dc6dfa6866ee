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
    /// It waits in the journal of this machine, and is not in the ledger yet.
    pub waits: bool,
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
    let told = known.map_or_else(Vec::new, |known| told(known, |entry| entry.seq > seq));
    told.into_iter().filter(|line| !line.waits).collect()
}

/// What waits in the journal for a place in the ledger, oldest first.
pub fn timeline_aside(cockpit: &Cockpit, id: &TargetId) -> Vec<TimelineLine> {
    let known = cockpit.known.targets.get(id);
    let told = known.map_or_else(Vec::new, |known| told(known, |_| false));
    told.into_iter().filter(|line| line.waits).collect()
}

/// The entries that are wanted, and all that waits beside the ledger after them.
fn told(known: &TargetKnown, wanted: impl Fn(&Entry) -> bool) -> Vec<TimelineLine> {
    use crate::domain::entry::{Answer, Body, Outcome};
    let sentence = |entry: &Entry| match (&entry.body, &known.stands().current) {
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
        waits: false,
    };
    let aside = known.aside.iter().map(|entry| {
        let line = line(entry);
        TimelineLine {
            sentence: format!("waits in the journal: {}", line.sentence),
            waits: true,
            ..line
        }
    });
    let entries = known.entries.iter().filter(|entry| wanted(entry));
    entries.map(line).chain(aside).collect()
}
