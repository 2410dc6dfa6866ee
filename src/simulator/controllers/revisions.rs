//! What Deployments and Rollouts have in common: `ReplicaSets` by template, revision numbers, history.

use crate::simulator::chance;
use crate::simulator::json::{Json, escape, pruned};
use crate::simulator::kinds::{PODS, REPLICA_SETS};
use crate::simulator::store::Id;
use crate::simulator::world::{REPLICA_SET_CONTROLLER, World};
use serde_json::{Value, json};

/// The words in which a controller writes labels and annotations.
#[derive(Debug)]
pub(in crate::simulator) struct Dialect {
    pub hash_label: &'static str,
    pub revision: &'static str,
    pub history: &'static str,
    pub desired: &'static str,
    pub source: &'static str,
}

pub(in crate::simulator) static DEPLOYMENT: Dialect = Dialect {
    hash_label: "pod-template-hash",
    revision: "deployment.kubernetes.io/revision",
    history: "deployment.kubernetes.io/revision-history",
    desired: "deployment.kubernetes.io/desired-replicas",
    source: crate::simulator::world::DEPLOYMENT_CONTROLLER,
};

pub(in crate::simulator) static ROLLOUT: Dialect = Dialect {
    hash_label: "rollouts-pod-template-hash",
    revision: "rollout.argoproj.io/revision",
    history: "rollout.argoproj.io/revision-history",
    desired: "rollout.argoproj.io/desired-replicas",
    source: crate::simulator::world::ROLLOUTS_CONTROLLER,
};

/// When a `ReplicaSet` that serves no more is scaled down.
pub(super) const DEADLINE: &str = "scale-down-deadline";

/// Annotations of a workload that are not handed to its `ReplicaSets`.
const KEPT_BACK: [&str; 7] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "rollout.argoproj.io/revision",
    "rollout.argoproj.io/workload-generation",
];

/// A template as it is compared: without nulls, empties and the hash labels.
fn comparable(template: &Value) -> Value {
    let mut template = template.clone();
    for dialect in [&DEPLOYMENT, &ROLLOUT] {
        template.unset(&format!("/metadata/labels/{}", escape(dialect.hash_label)));
    }
    pruned(&template)
}

/// The pod-template-hash of a template.
pub(in crate::simulator) fn template_hash(template: &Value) -> String {
    chance::suffix(0, &comparable(template).to_string(), 10)
}

pub(super) fn revision_of(dialect: &Dialect, object: &Value) -> i64 {
    object
        .annotation(dialect.revision)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

/// The hash label of a `ReplicaSet`.
pub(super) fn hash_of<'a>(dialect: &Dialect, set: &'a Value) -> &'a str {
    set.label(dialect.hash_label).unwrap_or("")
}

/// Sum of a count over `ReplicaSets`.
pub(super) fn total<'a>(sets: impl IntoIterator<Item = &'a Value>, pointer: &str) -> i64 {
    sets.into_iter().map(|set| set.count(pointer)).sum()
}

impl World {
    /// The words of the controller of Rollouts, or of Deployments.
    pub(in crate::simulator) fn dialect(rollout: bool) -> &'static Dialect {
        if rollout { &ROLLOUT } else { &DEPLOYMENT }
    }

    /// The `ReplicaSet` of the workload's present template among its own.
    pub(super) fn current_set(workload: &Value, sets: &[Value]) -> Option<Value> {
        let wanted = comparable(&workload["spec"]["template"]);
        sets.iter()
            .find(|set| comparable(&set["spec"]["template"]) == wanted)
            .cloned()
    }

    /// Creates the `ReplicaSet` of a workload's template, with no pods yet.
    pub(in crate::simulator) fn create_set(
        &mut self,
        dialect: &Dialect,
        workload: &Value,
    ) -> Value {
        let template = &workload["spec"]["template"];
        let hash = template_hash(template);
        let name = format!("{}-{hash}", workload.name());
        let mut labeled = template.clone();
        labeled.set(
            &format!("/metadata/labels/{}", escape(dialect.hash_label)),
            hash.as_str(),
        );
        let mut selector = workload["spec"]["selector"].clone();
        selector.set(
            &format!("/matchLabels/{}", escape(dialect.hash_label)),
            hash.as_str(),
        );
        let mut set = json!({
            "apiVersion": "apps/v1", "kind": "ReplicaSet",
            "metadata": {"name": name, "namespace": workload.namespace(), "labels": labeled["metadata"]["labels"],
                "annotations": {},
                "ownerReferences": [{"apiVersion": workload["apiVersion"], "kind": workload["kind"],
                    "name": workload.name(), "uid": workload.uid(), "controller": true, "blockOwnerDeletion": true}]},
            "spec": {"replicas": 0, "selector": selector, "template": labeled},
            "status": {"replicas": 0},
        });
        if let Some(seconds) = workload.int("/spec/minReadySeconds") {
            set.set("/spec/minReadySeconds", seconds);
        }
        Value::clone(&self.create(set))
    }

    /// Gives the present `ReplicaSet` the newest revision number, keeping the numbers it had, and hands it the
    /// annotations of the workload (its change-cause among them).
    pub(in crate::simulator) fn number_revision(
        &mut self,
        dialect: &Dialect,
        workload: &mut Value,
        current: &mut Value,
        sets: &[Value],
    ) {
        let older = sets.iter().filter(|set| set.uid() != current.uid());
        let newest = older
            .map(|set| revision_of(dialect, set))
            .max()
            .unwrap_or(0)
            + 1;
        let mine = revision_of(dialect, current);
        if mine < newest {
            if mine > 0 {
                let history = match current.annotation(dialect.history) {
                    Some(history) if !history.is_empty() => format!("{history},{mine}"),
                    _ => mine.to_string(),
                };
                current.annotate(dialect.history, &history);
            }
            current.annotate(dialect.revision, &newest.to_string());
        }
        for (key, value) in workload["metadata"]["annotations"]
            .as_object()
            .cloned()
            .into_iter()
            .flatten()
        {
            if !KEPT_BACK.contains(&key.as_str()) {
                current.annotate(&key, value.as_str().unwrap_or(""));
            }
        }
        *current = Value::clone(&self.put(current.clone()));
        let revision = revision_of(dialect, current).to_string();
        if workload.annotation(dialect.revision) != Some(&revision) {
            workload.annotate(dialect.revision, &revision);
            *workload = Value::clone(&self.put(workload.clone()));
        }
    }

    /// Sets the size of a `ReplicaSet` and says so; answers whether it changed.
    pub(super) fn scale_set(
        &mut self,
        dialect: &Dialect,
        workload: &Value,
        set: &mut Value,
        size: i64,
    ) -> bool {
        let old = set.count("/spec/replicas");
        set.annotate(
            dialect.desired,
            &workload.int("/spec/replicas").unwrap_or(1).to_string(),
        );
        set.set("/spec/replicas", size);
        *set = Value::clone(&self.put(set.clone()));
        if old != size {
            let way = if size > old { "up" } else { "down" };
            let message = if dialect.source == ROLLOUT.source {
                format!(
                    "Scaled {way} ReplicaSet {} (revision {}) from {old} to {size}",
                    set.name(),
                    revision_of(dialect, set)
                )
            } else {
                format!(
                    "Scaled {way} replica set {} from {old} to {size}",
                    set.name()
                )
            };
            self.note(workload, dialect.source, "ScalingReplicaSet", &message);
        }
        old != size
    }

    /// Removes the oldest idle `ReplicaSets` beyond `spec.revisionHistoryLimit`.
    pub(super) fn forget_old_sets(&mut self, workload: &Value, old: &[Value]) {
        let limit =
            usize::try_from(workload.int("/spec/revisionHistoryLimit").unwrap_or(10)).unwrap_or(10);
        for set in old.iter().take(old.len().saturating_sub(limit)) {
            let idle = set.count("/spec/replicas") == 0 && set.count("/status/replicas") == 0;
            if idle && let Some(id) = Id::of(set) {
                self.remove(&id);
            }
        }
    }

    /// Creates one pod of a `ReplicaSet`.
    pub(in crate::simulator) fn create_pod(&mut self, set: &Value) -> Id {
        let fresh = self.fresh(set.name());
        let name = format!(
            "{}-{}",
            set.name(),
            chance::suffix(self.making.seed, &fresh, 5)
        );
        let template = &set["spec"]["template"];
        let mut spec = template["spec"].clone();
        for (pointer, value) in [
            ("/restartPolicy", json!("Always")),
            ("/terminationGracePeriodSeconds", json!(30)),
            ("/dnsPolicy", json!("ClusterFirst")),
            ("/serviceAccountName", json!("default")),
        ] {
            if !spec.has(pointer) {
                spec.set(pointer, value);
            }
        }
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": name, "generateName": format!("{}-", set.name()), "namespace": set.namespace(),
                "labels": template["metadata"]["labels"], "annotations": template["metadata"]["annotations"],
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": REPLICA_SETS.kind, "name": set.name(),
                    "uid": set.uid(), "controller": true, "blockOwnerDeletion": true}]},
            "spec": spec,
            "status": {"phase": "Pending", "qosClass": "Burstable"},
        });
        self.create(pod);
        self.note(
            set,
            REPLICA_SET_CONTROLLER,
            "SuccessfulCreate",
            &format!("Created pod: {name}"),
        );
        let id = Id::new(&PODS, set.namespace(), &name);
        self.begin_pod(&id);
        id
    }
}
