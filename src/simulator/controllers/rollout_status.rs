//! Conditions, phase and message of a Rollout, in the words of the Argo Rollouts controller
//! (`argoproj/argo-rollouts:rollout/sync.go`, `utils/rollout/rolloututil.go`).

use super::pauses::Pauses;
use super::revisions::{ROLLOUT, revision_of};
use super::rollouts::is_blue_green;
use super::steps::{STEPS, current_index, current_step};
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
    /// Which sides the services of a blue-green Rollout show.
    selectors: (String, String),
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
            selectors: (
                rollout.text("/status/blueGreen/activeSelector").to_owned(),
                rollout.text("/status/blueGreen/previewSelector").to_owned(),
            ),
        }
    }

    fn progressed(&self, before: &Self) -> bool {
        self.updated > before.updated
            || self.available > before.available
            || self.old < before.old
            || self.index != before.index
            || self.hash != before.hash
            || self.selectors != before.selectors
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
        } else if !paused && was {
            set_condition(
                rollout,
                "Progressing",
                "Unknown",
                "RolloutResumed",
                "Rollout is resumed",
                now,
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
        pauses: &mut Pauses,
    ) {
        let now = self.now;
        let aborted = pauses.aborts(rollout);
        let blue_green = is_blue_green(rollout);
        let replicas = rollout.int("/spec/replicas").unwrap_or(1);
        let status = |pointer: &str| rollout.count(pointer);
        let (running, updated) = (
            status("/status/replicas"),
            status("/status/updatedReplicas"),
        );
        let available = status("/status/availableReplicas");
        let hash = rollout.text("/status/currentPodHash");
        let promoted = rollout.text("/status/stableRS") == hash
            && current_index(rollout) >= rollout.items(STEPS).len();
        let strategy_done = if blue_green {
            rollout.text("/status/blueGreen/activeSelector") == hash
                && (!rollout.has("/spec/strategy/blueGreen/previewService")
                    || rollout.text("/status/blueGreen/previewSelector") == hash)
        } else {
            running == replicas
        };
        let healthy = promoted && strategy_done && updated == replicas && available == replicas;
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
        let was_completed =
            condition(rollout, "Completed").is_some_and(|found| found.text("/status") == "True");
        set_condition(
            rollout,
            "Completed",
            completed,
            "RolloutCompleted",
            message,
            now,
        );
        if was_completed && !promoted {
            let message = format!(
                "Rollout not completed, started update to revision {} ({})",
                revision_of(&ROLLOUT, rollout) + 1,
                rollout.text("/status/currentPodHash")
            );
            self.note(
                rollout,
                ROLLOUTS_CONTROLLER,
                "RolloutNotCompleted",
                &message,
            );
        }
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
            // The first reason stays: later looks know none.
            let known = condition(rollout, "Progressing")
                .is_some_and(|found| found.text("/reason") == "RolloutAborted");
            if known {
                return;
            }
            let mut message = format!(
                "Rollout aborted update to revision {}",
                revision_of(&ROLLOUT, rollout)
            );
            if !pauses.reason().is_empty() {
                message = format!("{message}: {}", pauses.reason());
            }
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
        } else if !is_indefinite(rollout) {
            self.consider_deadline(rollout, &name, pauses);
        }
    }

    fn consider_deadline(&mut self, rollout: &mut Value, name: &str, pauses: &mut Pauses) {
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
            if rollout.flag("/spec/progressDeadlineAbort") {
                pauses.abort(&message);
                self.warn(rollout, ROLLOUTS_CONTROLLER, "RolloutAborted", &message);
            }
        } else if let Some(id) = Id::of(rollout) {
            self.look_within(&id, until.duration_since(self.now));
        }
    }
}

/// An analysis, experiment or pause takes as long as it takes: no deadline runs meanwhile.
fn is_indefinite(rollout: &Value) -> bool {
    current_step(rollout).is_some_and(|step| {
        ["/analysis", "/experiment", "/pause"]
            .iter()
            .any(|kind| step.has(kind))
    })
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
    } else if is_blue_green(rollout) {
        let current = rollout.text("/status/currentPodHash");
        if rollout.text("/status/blueGreen/activeSelector") != current {
            "active service cutover pending"
        } else if rollout.text("/status/stableRS") != current {
            "waiting for analysis to complete"
        } else {
            return ("Healthy", String::new());
        }
    } else if rollout.count("/status/replicas") > updated {
        "old replicas are pending termination"
    } else if rollout.text("/status/stableRS") != rollout.text("/status/currentPodHash") {
        "waiting for all steps to complete"
    } else {
        return ("Healthy", String::new());
    };
    ("Progressing", waiting.to_owned())
}
