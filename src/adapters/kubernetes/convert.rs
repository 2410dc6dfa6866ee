//! Objects as the API serves them → what the domain knows of a target. Pure; no call is made here.

use jiff::{SignedDuration, Timestamp};

use super::{
    objects::{ContainerStatus, RawPod, RawReplicaSet, RawWorkload, controller},
    phase::{self, Counts, count},
    steps::steps,
};
use crate::domain::{
    rollout::{Observed, PlatformPause, Pod, PodState, ReplicaSet, Sides, Step, Workload},
    target::{WorkloadKind, WorkloadRef},
    text::Clean,
};

/// Who holds a workload, and which intent last touched it.
pub(super) const HELD_BY: &str = "gonogo.dev/held-by";
pub(super) const INTENT: &str = "gonogo.dev/intent";

/// A replica set with what is needed to tell whose it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct SetOf {
    pub uid: String,
    pub owner: Option<String>,
    pub pods: u32,
    pub set: ReplicaSet,
}

/// A pod with the replica set that owns it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PodOf {
    pub owner: Option<String>,
    pub pod: Pod,
}

fn time(text: Option<&String>) -> Option<Timestamp> {
    text?.parse().ok()
}

/// Only sets with a template hash: all others were not made by the workload's controller.
pub(super) fn replica_set(at: &WorkloadRef, raw: &RawReplicaSet) -> Option<SetOf> {
    let meta = &raw.metadata;
    let revision = meta.annotation(at.kind.revision_annotation());
    let template = raw.spec.template.as_ref();
    Some(SetOf {
        uid: meta.uid.clone(),
        owner: meta.controller().map(str::to_owned),
        pods: count(raw.status.as_ref().and_then(|status| status.replicas)),
        set: ReplicaSet {
            name: Clean::new(&meta.name),
            hash: meta.label(at.kind.hash_label())?.to_owned(),
            revision: revision.and_then(|r| r.parse().ok()).unwrap_or(0),
            image: template
                .and_then(|template| template.container(&at.container))
                .and_then(|(_, image)| image.map(str::to_owned)),
            desired: count(raw.spec.replicas),
            ready: count(raw.status.as_ref().and_then(|status| status.ready_replicas)),
            created: time(meta.creation_timestamp.as_ref()),
        },
    })
}

/// Only pods with a template hash.
pub(super) fn pod(kind: WorkloadKind, raw: &RawPod) -> Option<PodOf> {
    let meta = &raw.metadata;
    let hash = meta.labels.as_ref()?.get(kind.hash_label())?.clone();
    let (state, reason) = pod_state(raw);
    let status = raw.status.as_ref();
    let ready_since = status
        .filter(|_| state == PodState::Ready)
        .and_then(|status| {
            status
                .conditions
                .iter()
                .flatten()
                .find(|c| c.kind == "Ready")
        })
        .and_then(|condition| condition.last_transition_time.as_ref());
    let restarts = status
        .and_then(|status| status.container_statuses.as_deref())
        .unwrap_or_default()
        .iter()
        .map(|container| count(container.restart_count))
        .fold(0, u32::saturating_add);
    Some(PodOf {
        owner: controller(meta.owner_references.as_deref()).map(str::to_owned),
        pod: Pod {
            name: Clean::new(&meta.name),
            hash,
            state,
            reason: reason.map(|reason| Clean::new(&reason)),
            restarts,
            since: time(
                meta.deletion_timestamp
                    .as_ref()
                    .or(ready_since)
                    .or(meta.creation_timestamp.as_ref()),
            ),
        },
    })
}

/// Waiting is normal while the image is pulled and the containers are made; every other reason to wait is a failure.
fn pod_state(raw: &RawPod) -> (PodState, Option<String>) {
    if raw.metadata.deletion_timestamp.is_some() {
        return (PodState::Terminating, None);
    }
    let Some(status) = raw.status.as_ref() else {
        return (PodState::Pending, None);
    };
    let containers = || {
        let init = status.init_container_statuses.iter().flatten();
        init.chain(status.container_statuses.iter().flatten())
    };
    match status.phase.as_deref() {
        Some("Failed") => return (PodState::Failing, status.reason.clone()),
        Some("Succeeded") => return (PodState::Failing, Some("Completed".to_owned())),
        Some("Unknown") => return (PodState::Failing, Some("NodeLost".to_owned())),
        _ => {}
    }
    if let Some(reason) = containers().find_map(stuck) {
        return (PodState::Failing, Some(reason));
    }
    let is = |kind: &str, value: &str| {
        status
            .conditions
            .iter()
            .flatten()
            .find(|c| c.kind == kind && c.status == value)
    };
    if is("Ready", "True").is_some() {
        return (PodState::Ready, None);
    }
    if status.phase.as_deref() == Some("Running") {
        let died = containers().find_map(|c| {
            let last = c.last_state.as_ref()?.terminated.as_ref()?;
            last.reason.clone()
        });
        return (PodState::Starting, died);
    }
    let unscheduled = is("PodScheduled", "False").and_then(|c| c.reason.clone());
    (PodState::Pending, unscheduled)
}

fn stuck(container: &ContainerStatus) -> Option<String> {
    let state = container.state.as_ref()?;
    if let Some(waiting) = &state.waiting {
        return waiting
            .reason
            .clone()
            .filter(|reason| !matches!(reason.as_str(), "ContainerCreating" | "PodInitializing"));
    }
    let ended = state.terminated.as_ref()?;
    // An init container that is done has ended well.
    (ended.exit_code != Some(0)).then(|| ended.reason.clone().unwrap_or_else(|| "Error".to_owned()))
}

/// The one view of a target. Sets and pods of other owners under the same selector are left out.
pub(super) fn observed<'a>(
    at: &WorkloadRef,
    raw: &RawWorkload,
    sets: impl Iterator<Item = &'a SetOf>,
    pods: impl Iterator<Item = &'a PodOf>,
) -> Observed {
    let mut owned: Vec<&SetOf> = sets
        .filter(|set| {
            set.owner
                .as_ref()
                .is_none_or(|uid| *uid == raw.metadata.uid)
        })
        .collect();
    owned.sort_by(|a, b| (b.set.revision, &b.set.name).cmp(&(a.set.revision, &a.set.name)));
    let workload = workload(at, raw, &owned);
    let mut pods: Vec<Pod> = pods
        .filter(|pod| match &pod.owner {
            Some(uid) => owned.iter().any(|set| set.uid == *uid),
            None => owned.iter().any(|set| set.set.hash == pod.pod.hash),
        })
        .map(|pod| pod.pod.clone())
        .collect();
    pods.sort_by(|a, b| a.name.cmp(&b.name));
    Observed {
        workload,
        replica_sets: owned.iter().map(|set| set.set.clone()).collect(),
        pods,
        unverified: false,
    }
}

fn workload(at: &WorkloadRef, raw: &RawWorkload, sets: &[&SetOf]) -> Workload {
    let meta = &raw.metadata;
    let status = raw.status.as_ref();
    let counts = Counts::of(raw);
    let container = raw
        .spec
        .template
        .as_ref()
        .and_then(|template| template.container(&at.container));
    let blue_green = raw
        .spec
        .strategy
        .as_ref()
        .is_some_and(|strategy| strategy.blue_green.is_some());
    let image = container
        .and_then(|(_, image)| image)
        .or_else(|| borrowed_image(raw, sets));
    let revision = meta
        .annotation(at.kind.revision_annotation())
        .and_then(|revision| revision.parse().ok());
    let full = |hash: &Option<String>| hash.clone().filter(|hash| !hash.is_empty());
    let steps = steps(raw);
    let step = status
        // What is left of the time when it was a canary is no step.
        .filter(|_| !blue_green)
        .and_then(|status| status.current_step_index)
        .and_then(|step| usize::try_from(step).ok());
    let ((phase, message), current_hash, stable_hash) = match at.kind {
        WorkloadKind::Rollout => (
            phase::of_rollout(raw),
            status.and_then(|status| full(&status.current_pod_hash)),
            status.and_then(|status| full(&status.stable_rs)),
        ),
        WorkloadKind::Deployment => {
            let current = current_set(sets, revision, image);
            let stable = stable_set(sets, current, counts);
            (
                phase::of_deployment(raw),
                current.map(|set| set.set.hash.clone()),
                stable.map(|set| set.set.hash.clone()),
            )
        }
    };
    Workload {
        kind: at.kind,
        uid: meta.uid.clone(),
        resource_version: meta.resource_version.clone(),
        phase,
        message: Clean::new(&message),
        image: image.map(str::to_owned),
        container_index: container.map(|(index, _)| index),
        current_hash,
        stable_hash,
        observed: phase::observed(raw),
        generation: meta.generation.unwrap_or(0),
        revision,
        desired: counts.desired,
        updated: counts.updated,
        ready: counts.ready,
        available: counts.available,
        paused: raw.spec.paused == Some(true),
        held_by: meta.annotation(HELD_BY).map(Clean::new),
        pause: pause(raw, &steps, step),
        steps,
        step,
        aborted: status.is_some_and(|status| status.abort == Some(true)),
        promoting_fully: status.is_some_and(|status| status.promote_full == Some(true)),
        intent: meta.annotation(INTENT).map(str::to_owned),
        history_limit: raw
            .spec
            .revision_history_limit
            .and_then(|limit| u32::try_from(limit).ok()),
        sides: blue_green.then(|| {
            let sides = status.and_then(|status| status.blue_green.as_ref());
            Sides {
                active: sides.and_then(|sides| full(&sides.active_selector)),
                preview: sides.and_then(|sides| full(&sides.preview_selector)),
            }
        }),
    }
}

/// The image of a template that lives in another object: what the controller made of it, in the set of its hash.
fn borrowed_image<'a>(raw: &RawWorkload, sets: &[&'a SetOf]) -> Option<&'a str> {
    raw.spec.workload_ref.as_ref()?;
    let hash = raw.status.as_ref()?.current_pod_hash.as_ref()?;
    let set = sets.iter().find(|set| set.set.hash == *hash)?;
    set.set.image.as_deref()
}

/// The set that runs the desired template: of the Deployment's revision, and of its image (a paused Deployment keeps
/// the old revision while its template has moved on).
fn current_set<'a>(
    sets: &[&'a SetOf],
    revision: Option<u64>,
    image: Option<&str>,
) -> Option<&'a SetOf> {
    sets.iter()
        .copied()
        .find(|set| Some(set.set.revision) == revision && set.set.image.as_deref() == image)
}

/// While another set still has pods, the newest such one; else there is none but the current.
fn stable_set<'a>(
    sets: &[&'a SetOf],
    current: Option<&'a SetOf>,
    counts: Counts,
) -> Option<&'a SetOf> {
    let rolled_out = counts.updated == counts.desired
        && counts.total == counts.updated
        && counts.available >= counts.updated;
    let before = sets
        .iter()
        .copied()
        .find(|set| set.pods > 0 && current.is_none_or(|current| current.uid != set.uid));
    match (current, before) {
        (Some(current), _) if rolled_out => Some(current),
        (_, Some(before)) => Some(before),
        (current, None) => current,
    }
}

fn pause(raw: &RawWorkload, steps: &[Step], step: Option<usize>) -> Option<PlatformPause> {
    let conditions = raw.status.as_ref()?.pause_conditions.as_ref()?;
    let condition = conditions.first()?;
    let lasts = match condition.reason.as_str() {
        "CanaryPauseStep" => step.and_then(|step| match steps.get(step) {
            Some(Step::Pause(lasts)) => *lasts,
            _ => None,
        }),
        "BlueGreenPause" => raw
            .spec
            .strategy
            .as_ref()
            .and_then(|strategy| strategy.blue_green.as_ref())
            .filter(|blue_green| blue_green.auto_promotion_enabled != Some(false))
            .and_then(|blue_green| blue_green.auto_promotion_seconds)
            .map(SignedDuration::from_secs),
        _ => None,
    };
    Some(PlatformPause {
        reason: Clean::new(&condition.reason).to_string(),
        since: time(condition.start_time.as_ref()),
        lasts,
    })
}

#[cfg(test)]
#[path = "convert_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "convert_fuzz.rs"]
mod fuzz;
