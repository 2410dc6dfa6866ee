//! After a change was sent: what became of it, seen by reading. Used when the answer was lost, when its deadline
//! passed, and at the start after a kill between intent and outcome.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    change::Change,
    deployment::Outstanding,
    entry::{IntentId, Outcome},
    rollout::Observed,
};

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

/// It landed, and we know by reading alone. Whether it was ours is on the object only if our intent is: a status has no
/// place for it, and a promotion or a resume by a colleague looks the same.
pub fn seen(change: &Change, intent: &IntentId, observed: &Observed) -> Outcome {
    let named = observed.workload.intent.as_deref() == Some(intent.0.as_str());
    let told_apart = match change {
        Change::PromoteStep { .. } | Change::PromoteFull { .. } | Change::Resume { .. } => named,
        _ => true,
    };
    Outcome::Applied {
        seen: true,
        perhaps: !told_apart,
    }
}

/// The outcome of an intent nobody waits for any more, or None while it may still land by itself.
/// `read_at` is when the read began, `deadline` the mutation's.
pub fn settle(
    outstanding: &Outstanding,
    observed: &Observed,
    read_at: Timestamp,
    deadline: SignedDuration,
) -> Option<Outcome> {
    if read_at < outstanding.at {
        return None;
    }
    let change = outstanding.act.changes.get(outstanding.change)?;
    if landed(change, observed) {
        return Some(seen(change, &outstanding.intent, observed));
    }
    (read_at.duration_since(outstanding.at) > deadline).then_some(Outcome::NotApplied)
}
