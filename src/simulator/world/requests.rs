//! Writes that clients ask for: validated, given defaults, applied, or refused as the real API server does.

use super::World;
use super::apply::{self, Manager};
use super::defaults::{fill_defaults, rules};
use crate::simulator::chance;
use crate::simulator::json::{Json, pruned, stamp};
use crate::simulator::kinds::{DEPLOYMENTS, Kind, NAMESPACES, PODS, REPLICA_SETS, ROLLOUTS};
use crate::simulator::patch::Patch;
use crate::simulator::refusal::Refusal;
use crate::simulator::schema::{Findings, Wrong, tidy};
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
    pub writer: Writer,
}

/// Who writes, and what is done about members that the schema does not know.
#[derive(Clone, Debug, Default)]
pub(in crate::simulator) struct Writer {
    /// The field manager, "" for one that names itself nowhere.
    pub manager: String,
    pub validation: Validation,
}

/// What is done about unknown members (`fieldValidation`); they are dropped in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::simulator) enum Validation {
    Ignore,
    /// What the server does when it is not told.
    #[default]
    Warn,
    Strict,
}

/// What to do with it.
#[derive(Clone, Debug)]
pub(in crate::simulator) enum Verb {
    Create(Value),
    Replace(Value),
    Patch(Patch),
    /// Server-side apply.
    Apply {
        config: Value,
        force: bool,
    },
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

/// What became of a write.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulator) struct Written {
    /// The object as stored, or as it would be.
    pub object: Value,
    pub created: bool,
    /// Sentences for the `Warning` headers.
    pub warnings: Vec<String>,
}

impl Written {
    fn of(object: Value) -> Self {
        Self {
            object,
            created: false,
            warnings: Vec::new(),
        }
    }
}

impl World {
    /// Advances to the time of a request and carries it out.
    pub fn apply(&mut self, at: Timestamp, request: &Request) -> Result<Written, Refusal> {
        self.advance(at);
        let answer = match &request.verb {
            Verb::Create(object) => self.create_requested(request, object.clone(), "Update"),
            Verb::Replace(object) => self.update(request, "Update", |_, _| Ok(object.clone())),
            Verb::Patch(Patch::Strategic(_)) if request.kind.custom => Err(Refusal::media_type(
                "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml",
            )),
            Verb::Patch(patch) => {
                self.update(request, "Update", |kind, old| patch.apply(kind, old))
            }
            Verb::Apply { config, force } => self.apply_requested(request, config, *force),
            Verb::Delete(deletion) => self.delete_requested(request, deletion).map(Written::of),
        };
        self.follow_pods();
        answer
    }

    /// The object is there: merged into it. It is not: created from it.
    fn apply_requested(
        &mut self,
        request: &Request,
        config: &Value,
        force: bool,
    ) -> Result<Written, Refusal> {
        let kind = request.kind;
        if request.writer.manager.is_empty() {
            return Err(Refusal::invalid(
                kind,
                &request.name,
                &["fieldManager: Required value: is required for apply patch"],
            ));
        }
        if config.has("/metadata/managedFields") {
            return Err(Refusal::bad_request("metadata.managedFields must be nil"));
        }
        let mut config = without_nulls(config);
        let warnings = decode(kind, &mut config, request.writer.validation)?;
        let id = Id::new(kind, &request.namespace, &request.name);
        let mut written = if self.store.get(&id).is_none() {
            config.set("/metadata/name", request.name.as_str());
            self.create_requested(request, config, "Apply")?
        } else {
            let now = self.now;
            let manager = Manager {
                name: &request.writer.manager,
                operation: "Apply",
                subresource: &request.subresource,
            };
            self.update(request, "Apply", |kind, live| {
                apply::apply(kind, live, &config, &manager, force, now)
            })?
        };
        written.warnings = warnings;
        Ok(written)
    }

    fn create_requested(
        &mut self,
        request: &Request,
        mut object: Value,
        operation: &'static str,
    ) -> Result<Written, Refusal> {
        let kind = request.kind;
        if object.text("/kind") != kind.kind {
            return Err(Refusal::bad_request(format!(
                "the object provided is not of kind {}",
                kind.kind
            )));
        }
        let warnings = decode(kind, &mut object, request.writer.validation)?;
        if kind.namespaced {
            if self
                .store
                .get(&Id::new(&NAMESPACES, "", &request.namespace))
                .is_none()
            {
                return Err(Refusal::not_found(&NAMESPACES, &request.namespace));
            }
            if !object.namespace().is_empty() && object.namespace() != request.namespace {
                return Err(Refusal::bad_request(format!(
                    "the namespace of the provided object does not match the namespace sent on the request: {} != {}",
                    object.namespace(),
                    request.namespace
                )));
            }
            object.set("/metadata/namespace", request.namespace.as_str());
        }
        if object.name().is_empty() {
            let prefix = object.text("/metadata/generateName").to_owned();
            if prefix.is_empty() {
                return Err(Refusal::invalid(
                    kind,
                    "",
                    &["metadata.name: Required value: name or generateName is required"],
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
        let said = object.clone();
        fill_defaults(kind, &mut object);
        rules(kind, &object)?;
        let manager = Manager {
            name: &request.writer.manager,
            operation,
            subresource: "",
        };
        if operation == "Apply" {
            // Defaults belong to nobody, only what was said.
            let empty = json!({"metadata": {"name": object.name(), "managedFields": [{"manager": "", "fieldsV1": {}}]}});
            let tracked = apply::apply(kind, &empty, &said, &manager, false, self.now)?;
            object.set(
                "/metadata/managedFields",
                tracked["metadata"]["managedFields"].clone(),
            );
        } else if !manager.name.is_empty() {
            apply::track(kind, None, &mut object, &manager, self.now);
        }
        let created = |object| Written {
            created: true,
            warnings,
            ..Written::of(object)
        };
        if request.dry_run {
            object.set("/metadata/creationTimestamp", stamp(self.now));
            let about = format!("{}/{}/dry-run", kind.kind, object.name());
            object.set("/metadata/uid", chance::uid(self.making.seed, &about));
            if kind.counts_generations() {
                object.set("/metadata/generation", 1);
            }
            return Ok(created(object));
        }
        if kind == &PODS {
            object.set("/status", json!({"phase": "Pending"}));
        } else if kind == &NAMESPACES {
            object.set("/status", json!({"phase": "Active"}));
        }
        let stored = self.create(object);
        if kind == &PODS {
            self.begin_pod(&id);
        }
        Ok(created(Value::clone(&stored)))
    }

    /// The common way of PUT and PATCH, for the object and its subresources.
    fn update(
        &mut self,
        request: &Request,
        operation: &'static str,
        change: impl Fn(&'static Kind, &Value) -> Result<Value, Refusal>,
    ) -> Result<Written, Refusal> {
        let kind = request.kind;
        let id = Id::new(kind, &request.namespace, &request.name);
        let old = self
            .find(&id)
            .ok_or_else(|| Refusal::not_found(kind, &request.name))?;
        let candidate = if request.subresource == "scale" {
            let scale = change(kind, &scale_of(kind, &old))?;
            let mut candidate = old.clone();
            candidate.set(
                "/metadata/resourceVersion",
                scale.text("/metadata/resourceVersion"),
            );
            candidate.set("/spec/replicas", scale.count("/spec/replicas"));
            candidate
        } else {
            change(kind, &old)?
        };
        for (pointer, what) in [
            ("/metadata/name", "name"),
            ("/metadata/namespace", "namespace"),
        ] {
            if !candidate.text(pointer).is_empty() && candidate.text(pointer) != old.text(pointer) {
                return Err(Refusal::bad_request(format!(
                    "the {what} of the object ({}) does not match the {what} on the URL ({})",
                    candidate.text(pointer),
                    old.text(pointer)
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
        let mut warnings = Vec::new();
        let mut next = if request.subresource == "status" {
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
            warnings = decode(kind, &mut next, request.writer.validation)?;
            // What the client left out is kept; an empty list asks to forget who owned what.
            if !next.has("/metadata/managedFields") {
                copy(&old, &mut next, "/metadata/managedFields");
            }
            if kind.has("status") {
                copy(&old, &mut next, "/status");
            }
            fill_defaults(kind, &mut next);
            let fixed = [&DEPLOYMENTS, &REPLICA_SETS].contains(&kind);
            let (was, is) = (&old["spec"]["selector"], &next["spec"]["selector"]);
            if fixed && pruned(is) != pruned(was) {
                return Err(Refusal::invalid(
                    kind,
                    &request.name,
                    &[format!(
                        "spec.selector: Invalid value: {is}: field is immutable"
                    )],
                ));
            }
            rules(kind, &next)?;
            next
        };
        if operation != "Apply" && !request.writer.manager.is_empty() {
            let manager = Manager {
                name: &request.writer.manager,
                operation,
                subresource: &request.subresource,
            };
            apply::track(kind, Some(&old), &mut next, &manager, self.now);
        }
        let answer = if request.dry_run {
            next
        } else {
            Value::clone(&self.put(next))
        };
        let object = if request.subresource == "scale" {
            scale_of(kind, &answer)
        } else {
            answer
        };
        Ok(Written {
            warnings,
            ..Written::of(object)
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

/// What a client means by null: nothing.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, member)| !member.is_null())
            .map(|(key, member)| (key.clone(), without_nulls(member)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// Reads an object as its kind: unknown members are dropped, and refused or warned of as the caller asks; a value of
/// the wrong type is refused.
fn decode(
    kind: &'static Kind,
    object: &mut Value,
    validation: Validation,
) -> Result<Vec<String>, Refusal> {
    let Findings { unknown, wrong } = tidy(kind, object);
    if !wrong.is_empty() {
        if kind.custom {
            let why: Vec<String> = wrong.iter().map(Wrong::of_schema).collect();
            return Err(Refusal::invalid(kind, object.name(), &why));
        }
        return Err(Refusal::undecodable(kind, &wrong[0].of_decoder()));
    }
    let sentences: Vec<String> = unknown
        .iter()
        .map(|path| format!("unknown field \"{path}\""))
        .collect();
    match validation {
        Validation::Strict if !sentences.is_empty() => {
            let why = format!("strict decoding error: {}", sentences.join(", "));
            Err(Refusal::undecodable(kind, &why))
        }
        Validation::Ignore => Ok(Vec::new()),
        Validation::Warn | Validation::Strict => Ok(sentences),
    }
}
