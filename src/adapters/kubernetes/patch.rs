//! One change → the one request that makes it. Always a JSON patch whose `test` operations are the preconditions
//! (HOUSE §3 "Preconditions"): as narrow as the act, and judged by the server at the moment it lands.

use serde_json::{Value, json};

use super::{
    convert::{HELD_BY, INTENT},
    object,
};
use crate::domain::{
    change::{Change, Expect},
    entry::IntentId,
    target::{WorkloadKind, WorkloadRef},
};

/// In whose name the fields are written.
const MANAGER: &str = "fieldManager=gonogo";

/// What a read just before told of the object's shape; it decides how a patch is written, never whether.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    /// An `add` below a missing object fails.
    pub has_annotations: bool,
    /// `/status/abort` as it is written: absent, or the false that a retry leaves behind.
    pub abort: Option<bool>,
    pub held_by: Option<String>,
}

impl Default for Shape {
    /// Every workload that its controller has seen carries its revision as an annotation.
    fn default() -> Self {
        Self {
            has_annotations: true,
            abort: None,
            held_by: None,
        }
    }
}

/// A JSON patch, and where it goes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Request {
    pub path: String,
    /// On the status subresource; where the server has none, the same goes to `path`.
    pub on_status: bool,
    pub operations: Vec<Value>,
}

/// What is missing for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Lacking {
    #[error("a Deployment has no steps: it cannot be promoted, aborted or retried")]
    Steps,
    #[error("the change names no uid, so nothing tells the object from a namesake")]
    Uid,
    #[error("the change names no step or no template that it was meant for")]
    Place,
    #[error("waiting sends nothing")]
    Wait,
}

impl Request {
    pub fn url(&self) -> String {
        if self.on_status {
            format!("{}/status?{MANAGER}", self.path)
        } else {
            self.url_of_main()
        }
    }

    pub fn url_of_main(&self) -> String {
        format!("{}?{MANAGER}", self.path)
    }

    pub fn body(&self) -> String {
        Value::Array(self.operations.clone()).to_string()
    }

    /// The preconditions in words, for a refusal that does not say which one failed.
    pub fn preconditions(&self) -> String {
        let tests = self
            .operations
            .iter()
            .filter(|operation| operation["op"] == "test");
        let words: Vec<String> = tests
            .map(|test| {
                let path = test["path"].as_str().unwrap_or_default();
                precondition(path, &test["value"])
            })
            .collect();
        words.join(", ")
    }

    /// Which precondition a message names by its path.
    pub fn named_in(&self, message: &str) -> Option<String> {
        let tests = self
            .operations
            .iter()
            .filter(|operation| operation["op"] == "test");
        let mut named: Vec<(&str, &Value)> = tests
            .filter_map(|test| Some((test["path"].as_str()?, &test["value"])))
            .filter(|(path, _)| message.contains(*path))
            .collect();
        named.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        named.first().map(|(path, value)| precondition(path, value))
    }
}

fn precondition(path: &str, value: &Value) -> String {
    let text = value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned);
    match path {
        "/metadata/uid" => "it is still the same object".to_owned(),
        "/status/currentStepIndex" => format!("it is at step {text}"),
        "/status/currentPodHash" => format!("its template is {text}"),
        "/status/abort" if *value == Value::Bool(true) => "it is aborted".to_owned(),
        "/status/abort" => "it is not aborted".to_owned(),
        "/status/pauseConditions/0/reason" => "it rests at the pause of a step".to_owned(),
        "/spec/paused" => "it is paused".to_owned(),
        path if path.starts_with("/metadata/annotations/") => "the pause is ours".to_owned(),
        path if path.ends_with("/name") => format!("the container there is {text}"),
        path if path.ends_with("/image") => format!("its image is {text}"),
        path => format!("{path} is {text}"),
    }
}

fn pointer(annotation: &str) -> String {
    let escaped = annotation.replace('~', "~0").replace('/', "~1");
    format!("/metadata/annotations/{escaped}")
}

fn test(path: &str, value: impl Into<Value>) -> Value {
    json!({"op": "test", "path": path, "value": value.into()})
}

fn add(path: &str, value: impl Into<Value>) -> Value {
    json!({"op": "add", "path": path, "value": value.into()})
}

fn replace(path: &str, value: impl Into<Value>) -> Value {
    json!({"op": "replace", "path": path, "value": value.into()})
}

fn remove(path: &str) -> Value {
    json!({"op": "remove", "path": path})
}

/// The request for a change. `awaited` fills in the template hash (and the uid) that the change could not know yet.
pub(super) fn request(
    change: &Change,
    intent: &IntentId,
    awaited: Option<&Expect>,
    shape: &Shape,
) -> Result<Request, Lacking> {
    match change {
        Change::SetImage {
            workload,
            container_index,
            image,
            expect,
        } => {
            let container = format!("/spec/template/spec/containers/{container_index}");
            let at_image = format!("{container}/image");
            let mut operations = vec![
                of_uid(expect, awaited)?,
                test(&format!("{container}/name"), workload.container.as_str()),
            ];
            operations.extend(expect.image.as_deref().map(|old| test(&at_image, old)));
            operations.extend(of_hash(workload, expect.pod_hash.as_deref()));
            operations.push(replace(&at_image, image.as_str()));
            operations.extend(annotate(INTENT, &intent.0, shape));
            Ok(on_main(workload, operations))
        }
        Change::PromoteStep { workload, expect } => {
            let (Some(step), Some(hash)) = (expect.step, expect.pod_hash.as_deref()) else {
                return Err(Lacking::Place);
            };
            let operations = vec![
                of_uid(expect, awaited)?,
                test("/status/currentStepIndex", step),
                test("/status/currentPodHash", hash),
                not_aborted(shape),
                test("/status/pauseConditions/0/reason", "CanaryPauseStep"),
                remove("/status/pauseConditions"),
            ];
            on_status(workload, operations)
        }
        Change::PromoteFull { workload, expect } => {
            let awaited_hash = awaited.and_then(|awaited| awaited.pod_hash.as_deref());
            let hash = expect.pod_hash.as_deref().or(awaited_hash);
            let operations = vec![
                of_uid(expect, awaited)?,
                test("/status/currentPodHash", hash.ok_or(Lacking::Place)?),
                not_aborted(shape),
                add("/status/promoteFull", true),
            ];
            on_status(workload, operations)
        }
        Change::Abort { workload, expect } => {
            let mut operations = vec![of_uid(expect, awaited)?];
            operations.extend(of_hash(workload, expect.pod_hash.as_deref()));
            operations.push(add("/status/abort", true));
            on_status(workload, operations)
        }
        Change::Retry { workload, expect } => {
            let mut operations = vec![of_uid(expect, awaited)?];
            operations.extend(of_hash(workload, expect.pod_hash.as_deref()));
            operations.push(test("/status/abort", true));
            operations.push(replace("/status/abort", false));
            on_status(workload, operations)
        }
        Change::Hold {
            workload,
            expect,
            by,
        } => {
            let mut operations = vec![of_uid(expect, awaited)?];
            operations.extend(of_hash(workload, expect.pod_hash.as_deref()));
            operations.push(add("/spec/paused", true));
            operations.extend(annotate(HELD_BY, by, shape));
            operations.push(add(&pointer(INTENT), intent.0.as_str()));
            Ok(on_main(workload, operations))
        }
        Change::Resume { workload, expect } => {
            let held = pointer(HELD_BY);
            let operations = vec![
                of_uid(expect, awaited)?,
                test("/spec/paused", true),
                test(&held, shape.held_by.clone()),
                replace("/spec/paused", false),
                remove(&held),
                add(&pointer(INTENT), intent.0.as_str()),
            ];
            Ok(on_main(workload, operations))
        }
        Change::AwaitTemplate { .. } => Err(Lacking::Wait),
    }
}

fn on_main(at: &WorkloadRef, operations: Vec<Value>) -> Request {
    Request {
        path: object(at),
        on_status: false,
        operations,
    }
}

/// Metadata cannot be written through the status subresource, so these carry no intent.
fn on_status(at: &WorkloadRef, operations: Vec<Value>) -> Result<Request, Lacking> {
    if at.kind == WorkloadKind::Deployment {
        return Err(Lacking::Steps);
    }
    Ok(Request {
        path: object(at),
        on_status: true,
        operations,
    })
}

fn of_uid(expect: &Expect, awaited: Option<&Expect>) -> Result<Value, Lacking> {
    let awaited = awaited.map(|awaited| awaited.uid.as_str());
    let uid = Some(expect.uid.as_str())
        .filter(|uid| !uid.is_empty())
        .or(awaited);
    match uid {
        Some(uid) if !uid.is_empty() => Ok(test("/metadata/uid", uid)),
        _ => Err(Lacking::Uid),
    }
}

fn of_hash(at: &WorkloadRef, hash: Option<&str>) -> Option<Value> {
    let hash = hash.filter(|_| at.kind == WorkloadKind::Rollout)?;
    Some(test("/status/currentPodHash", hash))
}

/// A `test` for null passes on a member that is missing, in the library that Kubernetes uses (evanphx/json-patch v4).
fn not_aborted(shape: &Shape) -> Value {
    match shape.abort {
        None => test("/status/abort", Value::Null),
        Some(_) => test("/status/abort", false),
    }
}

fn annotate(key: &str, value: &str, shape: &Shape) -> Vec<Value> {
    let mut operations = Vec::new();
    if !shape.has_annotations {
        operations.push(add("/metadata/annotations", json!({})));
    }
    operations.push(add(&pointer(key), value));
    operations
}

#[cfg(test)]
#[path = "patch_tests.rs"]
mod tests;
