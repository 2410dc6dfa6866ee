//! The Deployment controller: rolling updates within their bounds, revisions, pause, scale, and honest conditions.
//! Follows `kubernetes/kubernetes:pkg/controller/deployment/{rolling,sync,progress}.go`.

use super::counts::Bounds;
use super::revisions::{DEPLOYMENT, total};
use crate::simulator::json::{Json, condition, set_condition, stamp};
use crate::simulator::kinds::REPLICA_SETS;
use crate::simulator::store::Id;
use crate::simulator::world::World;
use jiff::SignedDuration;
use serde_json::{Value, json};

const WANTED: &str = "/spec/replicas";
const AVAILABLE: &str = "/status/availableReplicas";

impl World {
    pub(in crate::simulator) fn reconcile_deployment(&mut self, id: &Id) {
        let Some(mut deployment) = self.find(id) else {
            return;
        };
        let mut sets = self.controlled(&REPLICA_SETS, &id.namespace, deployment.uid());
        let replicas = deployment.count(WANTED);
        let mut current = Self::current_set(&deployment, &sets);

        if deployment.flag("/spec/paused") {
            self.scale_proportionally(&deployment, current.as_ref(), &mut sets);
            self.report_deployment(deployment, current.as_ref(), &sets);
            return;
        }
        if scaled_by_hand(&sets, replicas) {
            self.scale_proportionally(&deployment, current.as_ref(), &mut sets);
            self.report_deployment(deployment, current.as_ref(), &sets);
            return;
        }
        let mut new = if let Some(found) = current.take() {
            found
        } else {
            let created = self.create_set(&DEPLOYMENT, &deployment);
            let message = format!("Created new replica set \"{}\"", created.name());
            set_condition(
                &mut deployment,
                "Progressing",
                "True",
                "NewReplicaSetCreated",
                &message,
                self.now,
            );
            deployment = Value::clone(&self.put(deployment));
            created
        };
        self.number_revision(&DEPLOYMENT, &mut deployment, &mut new, &sets);
        let mut old: Vec<Value> = sets
            .into_iter()
            .filter(|set| set.uid() != new.uid())
            .collect();

        if deployment.text("/spec/strategy/type") == "Recreate" {
            self.recreate(&deployment, &mut new, &mut old);
        } else {
            let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
            let bounds = Bounds::resolve(
                rolling.get("maxSurge"),
                rolling.get("maxUnavailable"),
                replicas,
            );
            self.roll(&deployment, bounds, &mut new, &mut old);
        }
        let complete = new.count(AVAILABLE) == replicas && total(&old, "/status/replicas") == 0;
        if complete {
            self.forget_old_sets(&deployment, &old);
        }
        let all: Vec<Value> = std::iter::once(new.clone()).chain(old).collect();
        self.report_deployment(deployment, Some(&new), &all);
    }

    /// One step of a rolling update: up within the surge, else down within the availability.
    fn roll(&mut self, deployment: &Value, bounds: Bounds, new: &mut Value, old: &mut [Value]) {
        let replicas = deployment.count(WANTED);
        let wanted = new.count(WANTED);
        let everything = wanted + total(old.iter(), WANTED);
        let size = if wanted > replicas {
            replicas
        } else {
            wanted
                + (replicas + bounds.surge - everything)
                    .max(0)
                    .min(replicas - wanted)
        };
        if self.scale_set(&DEPLOYMENT, deployment, new, size) || total(old.iter(), WANTED) == 0 {
            return;
        }
        let least = replicas - bounds.unavailable;
        let unready = wanted - new.count(AVAILABLE);
        let mut spare = everything - least - unready;
        // Broken pods of old sets go first: they are no loss.
        for set in old.iter_mut() {
            let broken = (set.count(WANTED) - set.count(AVAILABLE)).min(spare);
            if broken > 0 {
                let size = set.count(WANTED) - broken;
                self.scale_set(&DEPLOYMENT, deployment, set, size);
                spare -= broken;
            }
        }
        let available = new.count(AVAILABLE) + total(old.iter(), AVAILABLE);
        let mut spare = spare.min(available - least);
        for set in old.iter_mut() {
            let fewer = set.count(WANTED).min(spare);
            if fewer > 0 {
                let size = set.count(WANTED) - fewer;
                self.scale_set(&DEPLOYMENT, deployment, set, size);
                spare -= fewer;
            }
        }
    }

    fn recreate(&mut self, deployment: &Value, new: &mut Value, old: &mut [Value]) {
        for set in old.iter_mut().filter(|set| set.count(WANTED) > 0) {
            self.scale_set(&DEPLOYMENT, deployment, set, 0);
        }
        if total(old.iter(), "/status/replicas") == 0 {
            self.scale_set(&DEPLOYMENT, deployment, new, deployment.count(WANTED));
        }
    }

    /// Answers a change of `spec.replicas`: the one active set takes it, or all share it by size.
    fn scale_proportionally(
        &mut self,
        deployment: &Value,
        current: Option<&Value>,
        sets: &mut [Value],
    ) {
        let replicas = deployment.count(WANTED);
        let active: Vec<usize> = (0..sets.len())
            .filter(|at| sets[*at].count(WANTED) > 0)
            .collect();
        let newest =
            current.and_then(|current| sets.iter().position(|set| set.uid() == current.uid()));
        match (active.as_slice(), newest) {
            ([], Some(only)) | (&[only], _) => {
                let mut set = sets[only].clone();
                self.scale_set(&DEPLOYMENT, deployment, &mut set, replicas);
                sets[only] = set;
            }
            (several, _) if !several.is_empty() => {
                let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
                let bounds = Bounds::resolve(
                    rolling.get("maxSurge"),
                    rolling.get("maxUnavailable"),
                    replicas,
                );
                let before = total(&*sets, WANTED).max(1);
                let most = if replicas > 0 {
                    replicas + bounds.surge
                } else {
                    0
                };
                let mut left = most;
                for (order, at) in several.iter().enumerate() {
                    let mut set = sets[*at].clone();
                    let share = (set.count(WANTED) * most + before / 2) / before;
                    let size = if order + 1 == several.len() {
                        left
                    } else {
                        share.min(left)
                    };
                    left -= size;
                    self.scale_set(&DEPLOYMENT, deployment, &mut set, size);
                    sets[*at] = set;
                }
            }
            _ => {}
        }
    }

    fn report_deployment(&mut self, mut deployment: Value, new: Option<&Value>, sets: &[Value]) {
        let sets: Vec<Value> = sets
            .iter()
            .filter_map(|set| self.find(&Id::of(set)?))
            .collect();
        let new = new.and_then(|new| sets.iter().find(|set| set.uid() == new.uid()));
        let before = deployment["status"].clone();
        let replicas = deployment.count(WANTED);
        let available = total(&sets, AVAILABLE);
        let running = total(&sets, "/status/replicas");
        let updated = new.map_or(0, |set| set.count("/status/replicas"));
        let mut status = json!({"observedGeneration": deployment.count("/metadata/generation")});
        for (member, count) in [
            ("replicas", running),
            ("updatedReplicas", updated),
            ("readyReplicas", total(&sets, "/status/readyReplicas")),
            ("availableReplicas", available),
            (
                "unavailableReplicas",
                (total(&sets, WANTED) - available).max(0),
            ),
        ] {
            if count > 0 {
                status[member] = json!(count);
            }
        }
        status["conditions"] = before["conditions"].clone();
        if status["conditions"].is_null() {
            status["conditions"] = json!([]);
        }
        deployment.set("/status", status);

        let rolling = &deployment["spec"]["strategy"]["rollingUpdate"];
        let bounds = Bounds::resolve(
            rolling.get("maxSurge"),
            rolling.get("maxUnavailable"),
            replicas,
        );
        let (holds, reason, message) = if available >= replicas - bounds.unavailable {
            (
                "True",
                "MinimumReplicasAvailable",
                "Deployment has minimum availability.",
            )
        } else {
            (
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
            )
        };
        set_condition(
            &mut deployment,
            "Available",
            holds,
            reason,
            message,
            self.now,
        );
        self.report_progress(&mut deployment, &before, new);
        self.put(deployment);
    }

    fn report_progress(&mut self, deployment: &mut Value, before: &Value, new: Option<&Value>) {
        let now = self.now;
        let replicas = deployment.count(WANTED);
        let reason = condition(deployment, "Progressing")
            .map_or("", |found| found.text("/reason"))
            .to_owned();
        if deployment.flag("/spec/paused") {
            set_condition(
                deployment,
                "Progressing",
                "Unknown",
                "DeploymentPaused",
                "Deployment is paused",
                now,
            );
            return;
        }
        if reason == "DeploymentPaused" {
            set_condition(
                deployment,
                "Progressing",
                "Unknown",
                "DeploymentResumed",
                "Deployment is resumed",
                now,
            );
        }
        let (running, updated) = (
            deployment.count("/status/replicas"),
            deployment.count("/status/updatedReplicas"),
        );
        let settled = running == updated && reason == "NewReplicaSetAvailable";
        if settled {
            return;
        }
        let name = new.map_or("", Json::name);
        let available = deployment.count(AVAILABLE);
        if updated == replicas && running == replicas && available == replicas {
            let message = format!("ReplicaSet \"{name}\" has successfully progressed.");
            set_condition(
                deployment,
                "Progressing",
                "True",
                "NewReplicaSetAvailable",
                &message,
                now,
            );
            return;
        }
        let older = |status: &Value| status.count("/replicas") - status.count("/updatedReplicas");
        let after = &deployment["status"];
        let moved = after.count("/updatedReplicas") > before.count("/updatedReplicas")
            || older(after) < older(before)
            || after.count("/readyReplicas") > before.count("/readyReplicas")
            || after.count("/availableReplicas") > before.count("/availableReplicas");
        if moved {
            let message = format!("ReplicaSet \"{name}\" is progressing.");
            if !set_condition(
                deployment,
                "Progressing",
                "True",
                "ReplicaSetUpdated",
                &message,
                now,
            ) {
                touch_condition(deployment, "Progressing", &stamp(now));
            }
        }
        // A Deployment that was complete has no deadline until it moves again.
        let reason = condition(deployment, "Progressing").map_or("", |found| found.text("/reason"));
        if ["NewReplicaSetAvailable", "ProgressDeadlineExceeded"].contains(&reason) {
            return;
        }
        let deadline = deployment
            .int("/spec/progressDeadlineSeconds")
            .unwrap_or(600);
        let since = condition(deployment, "Progressing")
            .and_then(|found| found.time("/lastUpdateTime"))
            .unwrap_or(now);
        let until = since + SignedDuration::from_secs(deadline);
        if until <= now {
            let message = format!("ReplicaSet \"{name}\" has timed out progressing.");
            set_condition(
                deployment,
                "Progressing",
                "False",
                "ProgressDeadlineExceeded",
                &message,
                now,
            );
        } else if let Some(id) = Id::of(deployment) {
            self.look_within(&id, until.duration_since(now));
        }
    }
}

/// Whether `spec.replicas` changed since the sets were sized.
fn scaled_by_hand(sets: &[Value], replicas: i64) -> bool {
    sets.iter().filter(|set| set.count(WANTED) > 0).any(|set| {
        set.annotation(DEPLOYMENT.desired)
            .and_then(|text| text.parse::<i64>().ok())
            .is_some_and(|desired| desired != replicas)
    })
}

/// Notes progress without a change of the condition.
pub(super) fn touch_condition(object: &mut Value, kind: &str, now: &str) {
    let at = object
        .items("/status/conditions")
        .iter()
        .position(|found| found.text("/type") == kind);
    if let Some(at) = at {
        object.set_item("/status/conditions", at, "lastUpdateTime", now);
    }
}
