//! The endpoint slices of Services: which ready pods stand behind each.

use super::pods::Stage;
use crate::simulator::json::Json;
use crate::simulator::kinds::{ENDPOINT_SLICES, PODS, SERVICES};
use crate::simulator::selector::Labels;
use crate::simulator::store::Id;
use crate::simulator::world::World;
use serde_json::{Value, json};

impl World {
    /// Brings every slice up to date with the pods.
    pub(in crate::simulator) fn publish_endpoints(&mut self) {
        let services: Vec<Value> = self
            .store
            .list(&SERVICES, "")
            .filter(|service| service.has("/spec/selector"))
            .map(|service| Value::clone(service))
            .collect();
        for service in services {
            let slice = self.slice_of(&service);
            let id = Id::new(&ENDPOINT_SLICES, slice.namespace(), slice.name());
            match self.find(&id) {
                Some(mut old) => {
                    old.set("/endpoints", slice["endpoints"].clone());
                    self.put(old);
                }
                None => {
                    self.create(slice);
                }
            }
        }
    }

    fn slice_of(&self, service: &Value) -> Value {
        let selector = Labels::of_service(&service["spec"]["selector"]);
        let mut endpoints = Vec::new();
        for pod in self.store.list(&PODS, service.namespace()) {
            let life = Id::of(pod).and_then(|id| self.pods.get(&id));
            let ready = life.is_some_and(|life| life.stage == Stage::Ready);
            if selector.take(pod) && pod.has("/status/podIP") {
                endpoints.push(json!({"addresses": [pod.text("/status/podIP")],
                    "conditions": {"ready": ready, "serving": ready,
                        "terminating": pod.has("/metadata/deletionTimestamp")},
                    "nodeName": pod.text("/spec/nodeName"),
                    "targetRef": {"kind": "Pod", "namespace": pod.namespace(), "name": pod.name(),
                        "uid": pod.uid()}}));
            }
        }
        let ports: Vec<Value> = service
            .items("/spec/ports")
            .iter()
            .map(|port| {
                json!({"name": port["name"], "port": port["targetPort"], "protocol": port["protocol"]})
            })
            .collect();
        json!({"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
            "metadata": {"name": format!("{}-practice", service.name()), "namespace": service.namespace(),
                "labels": {"kubernetes.io/service-name": service.name()},
                "ownerReferences": [{"apiVersion": "v1", "kind": "Service", "name": service.name(),
                    "uid": service.uid(), "controller": true, "blockOwnerDeletion": true}]},
            "addressType": "IPv4", "endpoints": endpoints, "ports": ports})
    }
}
