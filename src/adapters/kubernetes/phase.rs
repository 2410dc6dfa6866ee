//! What a workload's own fields say of its progress: the rules of `kubectl rollout status` for a Deployment (FACTS §2)
//! and of the Argo Rollouts plugin for a Rollout (FACTS §1.4).

use super::objects::{Condition, Generation, RawWorkload, WorkloadStatus};
use crate::domain::rollout::RolloutPhase;

type Verdict = (RolloutPhase, String);

/// Counts of replicas, absent ones as Kubernetes means them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub desired: u32,
    pub total: u32,
    pub updated: u32,
    pub ready: u32,
    pub available: u32,
}

pub(super) fn count(value: Option<i64>) -> u32 {
    u32::try_from(value.unwrap_or(0).max(0)).unwrap_or(u32::MAX)
}

impl Counts {
    pub fn of(raw: &RawWorkload) -> Self {
        let status = raw.status.as_ref();
        let get = |field: fn(&WorkloadStatus) -> Option<i64>| count(status.and_then(field));
        Self {
            desired: count(raw.spec.replicas.or(Some(1))),
            total: get(|s| s.replicas),
            updated: get(|s| s.updated_replicas),
            ready: get(|s| s.ready_replicas),
            available: get(|s| s.available_replicas),
        }
    }
}

fn condition<'a>(status: &'a WorkloadStatus, kind: &str) -> Option<&'a Condition> {
    status
        .conditions
        .iter()
        .flatten()
        .find(|condition| condition.kind == kind)
}

/// Has the controller seen the newest spec? A Rollout says so in a string; one that is no number was written by
/// version 0.9 (a hash), and counts as seen. One that is absent was written by nobody.
pub(super) fn observed(raw: &RawWorkload) -> bool {
    let generation = raw.metadata.generation.unwrap_or(0);
    match raw
        .status
        .as_ref()
        .and_then(|status| status.observed_generation.as_ref())
    {
        None => false,
        Some(Generation::Number(seen)) => *seen >= generation,
        Some(Generation::Text(text)) if text.is_empty() => false,
        Some(Generation::Text(text)) => text.parse::<i64>().map_or(true, |seen| seen >= generation),
    }
}

/// A pause that somebody set wins over the progress it stops: kubectl would say "waiting" for ever.
pub(super) fn of_deployment(raw: &RawWorkload) -> Verdict {
    let Some(status) = raw.status.as_ref().filter(|_| observed(raw)) else {
        return unobserved();
    };
    if let Some(late) = condition(status, "Progressing")
        .filter(|c| is(c.reason.as_ref(), "ProgressDeadlineExceeded"))
    {
        let said = late.message.as_deref().unwrap_or_default();
        return (
            RolloutPhase::Degraded,
            join("it exceeded its progress deadline", said),
        );
    }
    let failing = condition(status, "ReplicaFailure").filter(|c| c.status == "True");
    let waiting = failing
        .map(|c| {
            let said = c.message.as_deref().unwrap_or_default();
            join("pods cannot be created", said)
        })
        .or_else(|| waiting_for(Counts::of(raw)));
    match waiting {
        _ if raw.spec.paused == Some(true) => (
            RolloutPhase::Paused,
            waiting.map_or_else(|| "paused".to_owned(), |w| join("paused", &w)),
        ),
        Some(waiting) => (RolloutPhase::Progressing, waiting),
        None => (RolloutPhase::Healthy, String::new()),
    }
}

fn unobserved() -> Verdict {
    (
        RolloutPhase::Progressing,
        "its controller has not seen the newest spec yet".to_owned(),
    )
}

fn waiting_for(counts: Counts) -> Option<String> {
    let Counts {
        desired,
        total,
        updated,
        available,
        ..
    } = counts;
    if updated < desired {
        Some(format!("{updated} of {desired} replicas are updated"))
    } else if total > updated {
        let old = total - updated;
        Some(format!(
            "{old} old {} terminating",
            if old == 1 {
                "replica is"
            } else {
                "replicas are"
            }
        ))
    } else if available < updated {
        Some(format!(
            "{available} of {updated} updated replicas are available"
        ))
    } else {
        None
    }
}

pub(super) fn of_rollout(raw: &RawWorkload) -> Verdict {
    let Some(status) = raw.status.as_ref().filter(|_| observed(raw)) else {
        return unobserved();
    };
    let pauses = status.pause_conditions.as_deref().unwrap_or_default();
    if status.controller_pause == Some(true) && pauses.is_empty() {
        return (RolloutPhase::Progressing, "unpausing".to_owned());
    }
    if raw.spec.workload_ref.is_some() && !source_observed(raw, status) {
        return (
            RolloutPhase::Progressing,
            "its controller has not seen the newest template yet".to_owned(),
        );
    }
    match status.phase.as_deref() {
        None | Some("") => of_old_rollout(raw, status),
        Some(word) => {
            let message = status.message.clone().unwrap_or_default();
            match word {
                "Healthy" => (RolloutPhase::Healthy, message),
                "Progressing" => (RolloutPhase::Progressing, message),
                "Paused" => (RolloutPhase::Paused, message),
                "Degraded" => (RolloutPhase::Degraded, message),
                _ => (
                    RolloutPhase::Unknown,
                    join(&format!("phase {word}"), &message),
                ),
            }
        }
    }
}

/// The template lives in another object, whose generation the controller copies.
fn source_observed(raw: &RawWorkload, status: &WorkloadStatus) -> bool {
    let seen = match &status.workload_observed_generation {
        None => String::new(),
        Some(Generation::Number(number)) => number.to_string(),
        Some(Generation::Text(text)) => text.clone(),
    };
    raw.metadata
        .annotation("rollout.argoproj.io/workload-generation")
        .unwrap_or_default()
        == seen
}

/// Controllers before 1.0 wrote no phase.
fn of_old_rollout(raw: &RawWorkload, status: &WorkloadStatus) -> Verdict {
    let counts = Counts::of(raw);
    for condition in status.conditions.iter().flatten() {
        let said = || condition.message.clone().unwrap_or_default();
        if condition.kind == "InvalidSpec" && condition.status != "False" {
            return (RolloutPhase::Degraded, join("invalid spec", &said()));
        }
        if is(condition.reason.as_ref(), "RolloutAborted")
            || is(condition.reason.as_ref(), "ProgressDeadlineExceeded")
        {
            let reason = condition.reason.as_deref().unwrap_or_default();
            return (RolloutPhase::Degraded, join(reason, &said()));
        }
    }
    if raw.spec.paused == Some(true) {
        return (RolloutPhase::Paused, "manually paused".to_owned());
    }
    if let Some(pause) = status.pause_conditions.iter().flatten().next() {
        return (RolloutPhase::Paused, pause.reason.clone());
    }
    let progressing = |why: String| (RolloutPhase::Progressing, why);
    if restart_pending(raw, status) {
        return progressing("restarting".to_owned());
    }
    if counts.updated < counts.desired {
        return progressing("more replicas need to be updated".to_owned());
    }
    if counts.available < counts.updated {
        return progressing("updated replicas are not available yet".to_owned());
    }
    let current = status.current_pod_hash.as_deref().unwrap_or_default();
    let strategy = raw.spec.strategy.as_ref();
    if strategy.is_some_and(|s| s.blue_green.is_some()) {
        let active = status
            .blue_green
            .as_ref()
            .and_then(|b| b.active_selector.as_deref());
        if active.unwrap_or_default() != current {
            return progressing("the active service is not switched yet".to_owned());
        }
    } else {
        let routed = strategy
            .and_then(|s| s.canary.as_ref())
            .is_some_and(|c| c.traffic_routing.is_some());
        if !routed && counts.total > counts.updated {
            return progressing("old replicas are terminating".to_owned());
        }
    }
    if status.stable_rs.as_deref().unwrap_or_default() != current {
        return progressing("waiting for all steps to complete".to_owned());
    }
    (RolloutPhase::Healthy, String::new())
}

fn restart_pending(raw: &RawWorkload, status: &WorkloadStatus) -> bool {
    let at = |text: &Option<String>| {
        text.as_deref()
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
    };
    match (at(&raw.spec.restart_at), at(&status.restarted_at)) {
        (Some(wanted), Some(done)) => wanted > done,
        (wanted, _) => wanted.is_some(),
    }
}

fn is(reason: Option<&String>, word: &str) -> bool {
    reason.is_some_and(|reason| reason == word)
}

fn join(what: &str, why: &str) -> String {
    if why.is_empty() {
        what.to_owned()
    } else {
        format!("{what}: {why}")
    }
}
