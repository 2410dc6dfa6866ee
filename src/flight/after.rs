//! After a change was sent: what became of it, seen by reading. Used when the answer was lost, when its deadline
//! passed, and at the start after a kill between intent and outcome.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    change::Change,
    deployment::Outstanding,
    entry::{IntentId, Outcome},
    rollout::Observed,
    workspace::Timings,
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

/// How long whoever sent a change waits for its answer: `mutation`, or as long as a declared wait lasts.
pub fn deadline(outstanding: &Outstanding, mutation: SignedDuration) -> SignedDuration {
    match outstanding.act.changes.get(outstanding.change) {
        Some(Change::AwaitTemplate { deadline, .. }) => mutation.max(*deadline),
        _ => mutation,
    }
}

/// It landed, and we know by reading alone. Whether it was ours is on the object only if our intent is: a status has no
/// place for it, and a promotion or an abort by a colleague looks the same.
pub fn seen(change: &Change, intent: &IntentId, observed: &Observed) -> Outcome {
    let named = observed.workload.intent.as_deref() == Some(intent.0.as_str());
    let waits = matches!(change, Change::AwaitTemplate { .. });
    Outcome::Applied {
        seen: true,
        perhaps: !named && !waits,
    }
}

/// The outcome of an intent nobody waits for any more, or None while it may still land by itself.
/// `read_at` is when the reading arrived and `lag` how much earlier its read may have begun: that a change is not there
/// counts only from a read that began when it could no longer land, its deadline and the settling time over.
pub fn settle(
    outstanding: &Outstanding,
    observed: &Observed,
    read_at: Timestamp,
    lag: SignedDuration,
    timings: &Timings,
) -> Option<Outcome> {
    if read_at < outstanding.at {
        return None;
    }
    let change = outstanding.act.changes.get(outstanding.change)?;
    if landed(change, observed) {
        return Some(seen(change, &outstanding.intent, observed));
    }
    let began = read_at.duration_since(outstanding.at).saturating_sub(lag);
    let settled = deadline(outstanding, timings.mutation_deadline) + timings.settling;
    (began > settled).then_some(Outcome::NotApplied)
}
