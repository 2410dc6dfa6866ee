//! Writes that clients ask for: validated, given defaults, applied, or refused as the real API server does.

use super::World;
use crate::simulator::chance;
use crate::simulator::json::{Json, pruned, stamp};
use crate::simulator::kinds::{DEPLOYMENTS, Kind, NAMESPACES, PODS, REPLICA_SETS, ROLLOUTS};
use crate::simulator::patch::Patch;
use crate::simulator::refusal::Refusal;
use crate::simulator::store::Id;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A write to one object.
#[derive(Clone, Debug)]
pub(in crate::simulator) struct Request {
    pub kind: &'static Kind,
    pub namespace: String,
    pub name: String,
    /// "", "status" or "scale".
    pub subresource: String,
    pub verb: Verb,
    pub dry_run: bool,
}

/// What to do with it.
#[derive(Clone, Debug)]
pub(in crate::simulator) enum Verb {
    Create(Value),
    Replace(Value),
    Patch(Patch),
    Delete(Deletion),
}

/// What the caller of a deletion insists on; empty for nothing.
#[derive(Clone, Debug, Default)]
pub(in crate::simulator) struct Deletion {
    pub uid: String,
    pub version: String,
    /// Without the grace period.
    pub at_once: bool,
}

impl World {
    /// Advances to the time of a request and carries it out. The answer is the object as stored (or as it would be).
    pub fn apply(&mut self, at: Timestamp, request: &Request) -> Result<Value, Refusal> {
        self.advance(at);
        let answer = match &request.verb {
            Verb::Create(object) => self.create_requested(request, object.clone()),
            Verb::Replace(object) => self.update(request, |_| Ok(object.clone())),
            Verb::Patch(Patch::Strategic(_)) if request.kind.custom => Err(Refusal::media_type(
                "application/json-patch+json, application/merge-patch+json",
            )),
            Verb::Patch(patch) => self.update(request, |old| patch.apply(old)),
            Verb::Delete(deletion) => self.delete_requested(request, deletion),
        };
        self.follow_pods();
        answer
    }

    fn create_requested(&mut self, request: &Request, mut object: Value) -> Result<Value, Refusal> {
        let kind = request.kind;
        if object.text("/kind") != kind.kind {
            return Err(Refusal::bad_request(format!(
                "the object provided is not of kind {}",
                kind.kind
            )));
        }
        if kind.namespaced {
            if self
                .store
                .get(&Id::new(&NAMESPACES, "", &request.namespace))
                .is_none()
            {
                return Err(Refusal::not_found(&NAMESPACES, &request.namespace));
            }
            if !object.namespace().is_empty() && object.namespace() != request.namespace {
                return Err(Refusal::bad_request(
                    "the namespace of the object does not match that of the request",
                ));
            }
            object.set("/metadata/namespace", request.namespace.as_str());
        }
        if object.name().is_empty() {
            let prefix = object.text("/metadata/generateName").to_owned();
            if prefix.is_empty() {
                return Err(Refusal::invalid(
                    kind,
                    "",
                    "metadata.name: Required value: name or generateName is required",
                ));
            }
            let fresh = self.fresh(&prefix);
            let suffix = chance::suffix(self.making.seed, &fresh, 5);
            object.set("/metadata/name", format!("{prefix}{suffix}"));
        }
        let id = Id::new(kind, object.namespace(), object.name());
        if self.store.get(&id).is_some() {
            return Err(Refusal::exists(kind, object.name()));
        }
        for given in [
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "generation",
            "managedFields",
        ] {
            object.unset(&format!("/metadata/{given}"));
        }
        if kind.has("status") {
            object.unset("/status");
        }
        fill_defaults(kind, &mut object);
        if request.dry_run {
            object.set("/metadata/creationTimestamp", stamp(self.now));
            return Ok(object);
        }
        if kind == &PODS {
            object.set("/status", json!({"phase": "Pending"}));
        }
        let stored = self.create(object);
        if kind == &PODS {
            self.begin_pod(&id);
        }
        Ok(Value::clone(&stored))
    }

    /// The common way of PUT and PATCH, for the object and its subresources.
    fn update(
        &mut self,
        request: &Request,
        change: impl Fn(&Value) -> Result<Value, Refusal>,
    ) -> Result<Value, Refusal> {
        let kind = request.kind;
        let id = Id::new(kind, &request.namespace, &request.name);
        let old = self
            .find(&id)
            .ok_or_else(|| Refusal::not_found(kind, &request.name))?;
        let candidate = if request.subresource == "scale" {
            let scale = change(&scale_of(kind, &old))?;
            let mut candidate = old.clone();
            candidate.set(
                "/metadata/resourceVersion",
                scale.text("/metadata/resourceVersion"),
            );
            candidate.set("/spec/replicas", scale.count("/spec/replicas"));
            candidate
        } else {
            change(&old)?
        };
        for (pointer, what) in [
            ("/metadata/name", "name"),
            ("/metadata/namespace", "namespace"),
        ] {
            if !candidate.text(pointer).is_empty() && candidate.text(pointer) != old.text(pointer) {
                return Err(Refusal::bad_request(format!(
                    "the {what} of the object does not match the request"
                )));
            }
        }
        let other = |wanted: &str, found: &str| !wanted.is_empty() && wanted != found;
        let version = candidate.text("/metadata/resourceVersion");
        if other(version, old.text("/metadata/resourceVersion"))
            || other(candidate.uid(), old.uid())
        {
            return Err(Refusal::conflict(kind, &request.name));
        }
        let next = if request.subresource == "status" {
            let mut next = old.clone();
            copy(&candidate, &mut next, "/status");
            next
        } else {
            let mut next = candidate;
            for kept in [
                "uid",
                "creationTimestamp",
                "generation",
                "name",
                "namespace",
                "resourceVersion",
            ] {
                copy(&old, &mut next, &format!("/metadata/{kept}"));
            }
            next.unset("/metadata/managedFields");
            if kind.has("status") {
                copy(&old, &mut next, "/status");
            }
            fill_defaults(kind, &mut next);
            let fixed = [&DEPLOYMENTS, &REPLICA_SETS].contains(&kind);
            if fixed && pruned(&next["spec"]["selector"]) != pruned(&old["spec"]["selector"]) {
                return Err(Refusal::invalid(
                    kind,
                    &request.name,
                    "spec.selector: field is immutable",
                ));
            }
            next
        };
        let answer = if request.dry_run {
            next
        } else {
            Value::clone(&self.put(next))
        };
        Ok(if request.subresource == "scale" {
            scale_of(kind, &answer)
        } else {
            answer
        })
    }

    fn delete_requested(
        &mut self,
        request: &Request,
        deletion: &Deletion,
    ) -> Result<Value, Refusal> {
        let kind = request.kind;
        let id = Id::new(kind, &request.namespace, &request.name);
        let old = self
            .find(&id)
            .ok_or_else(|| Refusal::not_found(kind, &request.name))?;
        let other = |wanted: &str, found: &str| !wanted.is_empty() && wanted != found;
        if other(&deletion.uid, old.uid())
            || other(&deletion.version, old.text("/metadata/resourceVersion"))
        {
            return Err(Refusal::conflict(kind, &request.name));
        }
        if request.dry_run {
            return Ok(old);
        }
        if kind == &PODS && !deletion.at_once {
            self.terminate_pod(&id);
            return Ok(self.find(&id).unwrap_or(old));
        }
        self.remove(&id);
        Ok(
            json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": request.name, "group": kind.group, "kind": kind.plural, "uid": old.uid()}}),
        )
    }
}

/// The `Scale` of a workload.
pub(in crate::simulator) fn scale_of(kind: &Kind, object: &Value) -> Value {
    let selector: Vec<String> = object
        .pointer("/spec/selector/matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
        .collect();
    let running = if kind == &ROLLOUTS {
        "/status/HPAReplicas"
    } else {
        "/status/replicas"
    };
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1",
        "metadata": {"name": object.name(), "namespace": object.namespace(), "uid": object.uid(),
            "resourceVersion": object.text("/metadata/resourceVersion"),
            "creationTimestamp": object.text("/metadata/creationTimestamp")},
        "spec": {"replicas": object.int("/spec/replicas").unwrap_or(1)},
        "status": {"replicas": object.count(running), "selector": selector.join(",")}})
}

/// Makes a member the same as in another object, absent ones included.
fn copy(from: &Value, to: &mut Value, pointer: &str) {
    match from.pointer(pointer) {
        Some(value) => to.set(pointer, value.clone()),
        None => to.unset(pointer),
    }
}

/// The defaults that controllers and clients rely on. Custom resources get none, as in the real cluster.
fn fill_defaults(kind: &Kind, object: &mut Value) {
    let mut defaults = Vec::new();
    if kind == &DEPLOYMENTS {
        defaults.extend([
            ("/spec/replicas", json!(1)),
            ("/spec/revisionHistoryLimit", json!(10)),
            ("/spec/progressDeadlineSeconds", json!(600)),
            ("/spec/strategy/type", json!("RollingUpdate")),
        ]);
        if object.text("/spec/strategy/type") != "Recreate" {
            defaults.push(("/spec/strategy/rollingUpdate/maxSurge", json!("25%")));
            defaults.push(("/spec/strategy/rollingUpdate/maxUnavailable", json!("25%")));
        }
    } else if kind == &PODS {
        defaults.push(("/spec/restartPolicy", json!("Always")));
    }
    for (pointer, value) in defaults {
        if !object.has(pointer) {
            object.set(pointer, value);
        }
    }
}
