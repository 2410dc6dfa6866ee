//! The `ReplicaSet` controller: as many pods as asked, and the counts of those that are ready and available.

use crate::simulator::json::{Json, condition};
use crate::simulator::kinds::PODS;
use crate::simulator::store::Id;
use crate::simulator::world::{REPLICA_SET_CONTROLLER, World};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

impl World {
    pub(in crate::simulator) fn reconcile_replica_set(&mut self, id: &Id) {
        let Some(mut set) = self.find(id) else { return };
        let mut pods = self.living_pods(&set);
        let wanted = usize::try_from(set.count("/spec/replicas")).unwrap_or(0);
        if pods.len() < wanted {
            for _ in pods.len()..wanted {
                self.create_pod(&set);
            }
        } else if pods.len() > wanted {
            // First those that serve least: not ready, then restarted most, then youngest.
            pods.sort_by_key(|pod| {
                let restarts: i64 = pod
                    .items("/status/containerStatuses")
                    .iter()
                    .map(|c| c.count("/restartCount"))
                    .sum();
                (
                    ready_since(pod).is_some(),
                    -restarts,
                    std::cmp::Reverse(pod.text("/metadata/creationTimestamp").to_owned()),
                )
            });
            for pod in &pods[..pods.len() - wanted] {
                if let Some(pod_id) = Id::of(pod) {
                    self.note(
                        &set,
                        REPLICA_SET_CONTROLLER,
                        "SuccessfulDelete",
                        &format!("Deleted pod: {}", pod.name()),
                    );
                    self.terminate_pod(&pod_id);
                }
            }
        }
        let pods = self.living_pods(&set);
        let settle = SignedDuration::from_secs(set.count("/spec/minReadySeconds"));
        let ready: Vec<Timestamp> = pods.iter().filter_map(ready_since).collect();
        let available = ready
            .iter()
            .filter(|since| **since + settle <= self.now)
            .count();
        if let Some(next) = ready
            .iter()
            .map(|since| *since + settle)
            .filter(|at| *at > self.now)
            .min()
        {
            self.look_within(id, next.duration_since(self.now));
        }
        let mut status = json!({"replicas": pods.len(), "observedGeneration": set.count("/metadata/generation")});
        for (member, count) in [
            ("fullyLabeledReplicas", pods.len()),
            ("readyReplicas", ready.len()),
            ("availableReplicas", available),
        ] {
            if count > 0 {
                status[member] = json!(count);
            }
        }
        set.set("/status", status);
        self.put(set);
    }

    fn living_pods(&self, set: &Value) -> Vec<Value> {
        let mut pods = self.controlled(&PODS, set.namespace(), set.uid());
        pods.retain(|pod| {
            !pod.has("/metadata/deletionTimestamp")
                && !["Succeeded", "Failed"].contains(&pod.text("/status/phase"))
        });
        pods
    }
}

/// Since when a pod is ready, if it is.
pub(in crate::simulator) fn ready_since(pod: &Value) -> Option<Timestamp> {
    let ready = condition(pod, "Ready").filter(|ready| ready.text("/status") == "True")?;
    ready.time("/lastTransitionTime")
}
