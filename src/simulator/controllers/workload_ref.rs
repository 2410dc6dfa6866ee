//! Rollouts whose pod template lives in another object (`spec.workloadRef`).
//! Follows `argoproj/argo-rollouts:rollout/templateref.go`.

use crate::simulator::json::Json;
use crate::simulator::kinds::{DEPLOYMENTS, REPLICA_SETS, ROLLOUTS};
use crate::simulator::store::Id;
use crate::simulator::world::World;
use serde_json::Value;

/// The generation of the object that the template was taken from.
pub(super) const GENERATION: &str = "rollout.argoproj.io/workload-generation";

/// Says of a Rollout in the controller's hands that its template is borrowed; what is stored has neither.
const BORROWED: &str = "/spec/templateResolvedFromRef";

/// Gives back what was borrowed, before a Rollout is stored.
pub(in crate::simulator) fn give_back(rollout: &mut Value) {
    if rollout.flag(BORROWED) {
        rollout.unset("/spec/template");
        if rollout.flag("/spec/selectorResolvedFromRef") {
            rollout.unset("/spec/selector");
        }
        rollout.unset("/spec/selectorResolvedFromRef");
        rollout.unset(BORROWED);
    }
}

impl World {
    /// Borrows template and selector from the object that a Rollout refers to; Err says why that is no use.
    pub(super) fn resolve_workload(&mut self, rollout: &mut Value) -> Result<(), String> {
        if !rollout.has("/spec/workloadRef") {
            let key = crate::simulator::json::escape(GENERATION);
            rollout.unset(&format!("/metadata/annotations/{key}"));
            if rollout.items("/spec/template/spec/containers").is_empty() {
                return Err("spec.template.spec.containers: Required value".to_owned());
            }
            return Ok(());
        }
        if rollout.has("/spec/template") {
            return Err("template must be empty for workload reference rollout".to_owned());
        }
        let reference = rollout["spec"]["workloadRef"].clone();
        let (group, _) = reference
            .text("/apiVersion")
            .split_once('/')
            .unwrap_or(("", ""));
        let kind = match (group, reference.text("/kind")) {
            ("apps", "Deployment") => &DEPLOYMENTS,
            ("apps", "ReplicaSet") => &REPLICA_SETS,
            (group, kind) => {
                return Err(format!("workload of type {group}/{kind} is not supported"));
            }
        };
        let name = reference.text("/name");
        let found = self.find(&Id::new(kind, rollout.namespace(), name));
        let Some(workload) = found else {
            return Err(format!("{} \"{name}\" not found", kind.qualified()));
        };
        rollout.set("/spec/template", workload["spec"]["template"].clone());
        rollout.set(BORROWED, true);
        if !rollout.has("/spec/selector") {
            rollout.set("/spec/selector", workload["spec"]["selector"].clone());
            rollout.set("/spec/selectorResolvedFromRef", true);
        }
        let generation = workload.count("/metadata/generation").to_string();
        rollout.annotate(GENERATION, &generation);
        self.take_over(rollout, workload);
        Ok(())
    }

    /// Scales the Deployment down, when the Rollout is asked to take its place.
    fn take_over(&mut self, rollout: &Value, mut workload: Value) {
        let wanted = rollout.int("/spec/replicas").unwrap_or(1);
        let available = rollout.count("/status/availableReplicas");
        let size = match rollout.text("/spec/workloadRef/scaleDown") {
            "onsuccess" if rollout.text("/status/phase") == "Healthy" => 0,
            "progressively" => (wanted - available).max(0),
            _ => return,
        };
        let shrinks = workload.count("/spec/replicas") > size;
        // Until the Rollout was healthy once, a Deployment may also grow back.
        let grows = rollout.text("/spec/workloadRef/scaleDown") == "progressively"
            && rollout.flag("/status/abort");
        if workload.text("/kind") == "Deployment"
            && (shrinks || grows)
            && workload.count("/spec/replicas") != size
        {
            workload.set("/spec/replicas", size);
            self.put(workload);
        }
    }

    /// Lets the Rollouts look that refer to an object.
    pub(in crate::simulator) fn wake_referring(&mut self, object: &Value) {
        let referring: Vec<Id> = self
            .store
            .list(&ROLLOUTS, object.namespace())
            .filter(|rollout| {
                rollout.text("/spec/workloadRef/name") == object.name()
                    && rollout.text("/spec/workloadRef/kind") == object.text("/kind")
            })
            .filter_map(|rollout| Id::of(rollout))
            .collect();
        for id in referring {
            let after = self.latency(&id.name, 0.05, 0.25);
            self.look_within(&id, after);
        }
    }
}
