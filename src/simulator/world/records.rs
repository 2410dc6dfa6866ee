//! Events that the controllers record, counted when they repeat, and forgotten when there are too many.

use super::World;
use crate::simulator::chance;
use crate::simulator::json::{Json, stamp};
use crate::simulator::kinds::EVENTS;
use crate::simulator::store::Id;
use serde_json::{Value, json};

/// Events kept; the real ones live an hour.
const KEPT: usize = 600;

/// Who records.
pub(in crate::simulator) const DEPLOYMENT_CONTROLLER: &str = "deployment-controller";
pub(in crate::simulator) const REPLICA_SET_CONTROLLER: &str = "replicaset-controller";
pub(in crate::simulator) const ROLLOUTS_CONTROLLER: &str = "rollouts-controller";
pub(in crate::simulator) const SCHEDULER: &str = "default-scheduler";
pub(in crate::simulator) const KUBELET: &str = "kubelet";

impl World {
    /// Records an event of type Normal.
    pub(in crate::simulator) fn note(
        &mut self,
        about: &Value,
        source: &str,
        reason: &str,
        message: &str,
    ) {
        self.record(about, source, "Normal", reason, message);
    }

    /// Records an event of type Warning.
    pub(in crate::simulator) fn warn(
        &mut self,
        about: &Value,
        source: &str,
        reason: &str,
        message: &str,
    ) {
        self.record(about, source, "Warning", reason, message);
    }

    fn record(&mut self, about: &Value, source: &str, severity: &str, reason: &str, message: &str) {
        let words = format!("{}/{reason}/{message}", about.uid());
        let name = format!(
            "{}.{:016x}",
            about.name(),
            chance::draw(self.making.seed, &words)
        );
        let namespace = if about.namespace().is_empty() {
            "default"
        } else {
            about.namespace()
        };
        let id = Id::new(&EVENTS, namespace, &name);
        let now = stamp(self.now);
        if let Some(mut again) = self.find(&id) {
            again.set("/count", again.count("/count") + 1);
            again.set("/lastTimestamp", now);
            self.store.put(&id, again);
            return;
        }
        let fresh = self.fresh(&name);
        let mut event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": namespace, "creationTimestamp": now,
                "uid": chance::uid(self.making.seed, &fresh)},
            "involvedObject": {"apiVersion": about["apiVersion"], "kind": about["kind"], "name": about.name(),
                "namespace": about.namespace(), "uid": about.uid(),
                "resourceVersion": about.text("/metadata/resourceVersion")},
            "type": severity, "reason": reason, "message": message, "count": 1,
            "firstTimestamp": now, "lastTimestamp": now, "eventTime": null,
            "source": {"component": source}, "reportingComponent": source, "reportingInstance": "",
        });
        if source == KUBELET {
            // The kubelet says on which machine, and of which container.
            let node = about.text("/spec/nodeName");
            event.set("/source/host", node);
            event.set("/reportingInstance", node);
            let container = about.text("/spec/containers/0/name");
            event.set(
                "/involvedObject/fieldPath",
                format!("spec.containers{{{container}}}"),
            );
        } else if source == SCHEDULER {
            // The scheduler writes events of the newer form, which are not counted.
            event.set("/action", "Binding");
            event.set(
                "/eventTime",
                self.now.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string(),
            );
            event.set("/reportingInstance", format!("{SCHEDULER}-practice"));
            event.set("/source", json!({}));
            for gone in ["count", "firstTimestamp", "lastTimestamp"] {
                event.set(&format!("/{gone}"), Value::Null);
            }
        }
        self.store.put(&id, event);
        self.forget_old_events();
    }

    fn forget_old_events(&mut self) {
        let mut events: Vec<(String, Id)> = self
            .store
            .list(&EVENTS, "")
            .filter_map(|event| Some((last_seen(event).to_owned(), Id::of(event)?)))
            .collect();
        if events.len() <= KEPT {
            return;
        }
        events.sort();
        let excess = events.len() - KEPT;
        for (_, id) in events.drain(..excess) {
            self.store.remove(&id);
        }
    }
}

/// When an event was last seen, in the older form or the newer.
pub(in crate::simulator) fn last_seen(event: &Value) -> &str {
    match event.text("/lastTimestamp") {
        "" => event.text("/eventTime"),
        seen => seen,
    }
}
