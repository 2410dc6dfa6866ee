//! Conditions, phase and message of a Rollout, in the words of the Argo Rollouts controller
//! (`argoproj/argo-rollouts:rollout/sync.go`, `utils/rollout/rolloututil.go`).

use super::revisions::{ROLLOUT, revision_of};
use super::steps::{STEPS, current_index};
use crate::simulator::json::{Json, condition, set_condition, stamp};
use crate::simulator::store::Id;
use crate::simulator::world::{ROLLOUTS_CONTROLLER, World};
use jiff::SignedDuration;
use serde_json::Value;

/// What a Rollout had come to before this look, to tell progress from none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Counted {
    updated: i64,
    available: i64,
    old: i64,
    index: i64,
    hash: String,
}

impl Counted {
    pub fn of(rollout: &Value) -> Self {
        let updated = rollout.count("/status/updatedReplicas");
        Self {
            updated,
            available: rollout.count("/status/availableReplicas"),
            old: rollout.count("/status/replicas") - updated,
            index: rollout.count("/status/currentStepIndex"),
            hash: rollout.text("/status/currentPodHash").to_owned(),
        }
    }

    fn progressed(&self, before: &Self) -> bool {
        self.updated > before.updated
            || self.available > before.available
            || self.old < before.old
            || self.index != before.index
            || self.hash != before.hash
    }
}

impl World {
    /// Conditions that follow a change of pause or abort.
    pub(super) fn note_pause(&mut self, rollout: &mut Value) {
        let now = self.now;
        let reason = condition(rollout, "Progressing")
            .map_or("", |found| found.text("/reason"))
            .to_owned();
        let paused =
            rollout.flag("/spec/paused") || !rollout.items("/status/pauseConditions").is_empty();
        let was = reason == "RolloutPaused";
        if paused && !was && !rollout.flag("/status/abort") {
            set_condition(
                rollout,
                "Progressing",
                "Unknown",
                "RolloutPaused",
                "Rollout is paused",
                now,
            );
            self.note(
                rollout,
                ROLLOUTS_CONTROLLER,
                "RolloutPaused",
                "Rollout is paused",
            );
        } else if !paused && was {
            set_condition(
                rollout,
                "Progressing",
                "Unknown",
                "RolloutResumed",
                "Rollout is resumed",
                now,
            );
            self.note(
                rollout,
                ROLLOUTS_CONTROLLER,
                "RolloutResumed",
                "Rollout is resumed",
            );
        }
        if reason == "RolloutAborted" && !rollout.flag("/status/abort") {
            let message = "Retrying Rollout after abort";
            set_condition(
                rollout,
                "Progressing",
                "Unknown",
                "RolloutRetry",
                message,
                now,
            );
            self.note(rollout, ROLLOUTS_CONTROLLER, "RolloutRetry", message);
        }
        let held =
            condition(rollout, "Paused").is_some_and(|found| found.text("/status") == "True");
        if paused != held {
            let status = if paused { "True" } else { "False" };
            set_condition(
                rollout,
                "Paused",
                status,
                "RolloutPaused",
                "Rollout is paused",
                now,
            );
        }
    }

    pub(super) fn write_conditions(
        &mut self,
        rollout: &mut Value,
        before: &Counted,
        aborted: bool,
    ) {
        let now = self.now;
        let replicas = rollout.int("/spec/replicas").unwrap_or(1);
        let status = |pointer: &str| rollout.count(pointer);
        let (running, updated) = (
            status("/status/replicas"),
            status("/status/updatedReplicas"),
        );
        let available = status("/status/availableReplicas");
        let promoted = rollout.text("/status/stableRS") == rollout.text("/status/currentPodHash")
            && current_index(rollout) >= rollout.items(STEPS).len();
        let healthy =
            promoted && updated == replicas && running == replicas && available == replicas;
        let (holds, reason, message) = if available >= replicas {
            (
                "True",
                "AvailableReason",
                "Rollout has minimum availability",
            )
        } else {
            (
                "False",
                "AvailableReason",
                "Rollout does not have minimum availability",
            )
        };
        set_condition(rollout, "Available", holds, reason, message, now);
        let (completed, message) = if promoted {
            ("True", "Rollout completed")
        } else {
            ("False", "Rollout is not completed")
        };
        set_condition(
            rollout,
            "Completed",
            completed,
            "RolloutCompleted",
            message,
            now,
        );
        let (well, message) = if healthy {
            ("True", "Rollout is healthy")
        } else {
            ("False", "Rollout is not healthy")
        };
        set_condition(rollout, "Healthy", well, "RolloutHealthy", message, now);

        let paused =
            rollout.flag("/spec/paused") || !rollout.items("/status/pauseConditions").is_empty();
        if paused && !aborted {
            return;
        }
        let name = format!(
            "{}-{}",
            rollout.name(),
            rollout.text("/status/currentPodHash")
        );
        if aborted {
            let message = format!(
                "Rollout aborted update to revision {}",
                revision_of(&ROLLOUT, rollout)
            );
            if set_condition(
                rollout,
                "Progressing",
                "False",
                "RolloutAborted",
                &message,
                now,
            ) {
                self.warn(rollout, ROLLOUTS_CONTROLLER, "RolloutAborted", &message);
            }
        } else if healthy {
            let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
            set_condition(
                rollout,
                "Progressing",
                "True",
                "NewReplicaSetAvailable",
                &message,
                now,
            );
        } else if Counted::of(rollout).progressed(before) {
            let message = format!("ReplicaSet \"{name}\" is progressing.");
            if !set_condition(
                rollout,
                "Progressing",
                "True",
                "ReplicaSetUpdated",
                &message,
                now,
            ) {
                super::deployments::touch_condition(rollout, "Progressing", &stamp(now));
            }
        } else {
            self.consider_deadline(rollout, &name);
        }
    }

    fn consider_deadline(&mut self, rollout: &mut Value, name: &str) {
        let deadline = rollout.int("/spec/progressDeadlineSeconds").unwrap_or(600);
        let Some(found) = condition(rollout, "Progressing") else {
            return;
        };
        let settled =
            ["NewReplicaSetAvailable", "ProgressDeadlineExceeded"].contains(&found.text("/reason"));
        let since = found.time("/lastUpdateTime").unwrap_or(self.now);
        let until = since + SignedDuration::from_secs(deadline);
        if settled {
            return;
        }
        if until <= self.now {
            let message = format!("ReplicaSet \"{name}\" has timed out progressing.");
            set_condition(
                rollout,
                "Progressing",
                "False",
                "ProgressDeadlineExceeded",
                &message,
                self.now,
            );
            self.warn(
                rollout,
                ROLLOUTS_CONTROLLER,
                "ProgressDeadlineExceeded",
                &message,
            );
        } else if let Some(id) = Id::of(rollout) {
            self.look_within(&id, until.duration_since(self.now));
        }
    }
}

pub(super) fn write_phase(rollout: &mut Value) {
    let (phase, message) = phase(rollout);
    rollout.set("/status/phase", phase);
    if message.is_empty() {
        rollout.unset("/status/message");
    } else {
        rollout.set("/status/message", message);
    }
}

/// Phase and message, as the controller of version 1.0 and later writes them.
fn phase(rollout: &Value) -> (&'static str, String) {
    for found in rollout.items("/status/conditions") {
        let reason = found.text("/reason");
        if found.text("/type") == "InvalidSpec"
            || ["RolloutAborted", "ProgressDeadlineExceeded"].contains(&reason)
        {
            return ("Degraded", format!("{reason}: {}", found.text("/message")));
        }
    }
    if rollout.flag("/spec/paused") {
        return ("Paused", "manually paused".to_owned());
    }
    if let Some(pause) = rollout.items("/status/pauseConditions").first() {
        return ("Paused", pause.text("/reason").to_owned());
    }
    let updated = rollout.count("/status/updatedReplicas");
    let waiting = if updated < rollout.int("/spec/replicas").unwrap_or(1) {
        "more replicas need to be updated"
    } else if rollout.count("/status/availableReplicas") < updated {
        "updated replicas are still becoming available"
    } else if rollout.count("/status/replicas") > updated {
        "old replicas are pending termination"
    } else if rollout.text("/status/stableRS") != rollout.text("/status/currentPodHash") {
        "waiting for all steps to complete"
    } else {
        return ("Healthy", String::new());
    };
    ("Progressing", waiting.to_owned())
}
