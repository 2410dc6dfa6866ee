//! After a change was sent: what became of it, seen by reading. Used when the answer was lost, when its deadline
//! passed, and at the start after a kill between intent and outcome.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{change::Change, deployment::Outstanding, entry::Outcome, rollout::Observed};

/// Does the object show the change? Meant for a read that began after the change was sent.
pub fn landed(change: &Change, observed: &Observed) -> bool {
    let workload = &observed.workload;
    match change {
        Change::SetImage { image, .. } => workload.image.as_ref() == Some(image),
        Change::PromoteStep { expect, .. } => {
            let same = workload.current_hash == expect.pod_hash;
            let moved = workload.step != expect.step || !workload.rests_at_step();
            same && !workload.aborted && moved
        }
        Change::PromoteFull { expect, .. } => {
            let hash = expect.pod_hash.as_ref();
            let same = hash.is_none_or(|hash| workload.current_hash.as_ref() == Some(hash));
            same && !workload.aborted
                && (workload.promoting_fully || (!workload.is_midway() && workload.observed))
        }
        Change::Abort { .. } => workload.aborted,
        Change::Retry { .. } => !workload.aborted,
        // A colleague's own pause is not our hold.
        Change::Hold { .. } => workload.paused && workload.held_by.is_some(),
        Change::Resume { .. } => !workload.paused,
        Change::AwaitTemplate { image, .. } => {
            workload.observed && workload.image.as_ref() == Some(image)
        }
    }
}

/// The outcome of an intent nobody waits for any more, or None while it may still land by itself.
/// `read_at` is when the read began; what is not seen `settled_after` it was asked, never landed.
pub fn settle(
    outstanding: &Outstanding,
    observed: &Observed,
    read_at: Timestamp,
    settled_after: SignedDuration,
) -> Option<Outcome> {
    if read_at < outstanding.at {
        return None;
    }
    let change = outstanding.act.changes.get(outstanding.change)?;
    if landed(change, observed) {
        return Some(Outcome::Applied { seen: true });
    }
    (read_at.duration_since(outstanding.at) > settled_after).then_some(Outcome::NotApplied)
}
