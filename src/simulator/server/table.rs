//! Tables, as `kubectl get` shows them: columns per kind and the cells of an object.

use super::call::Call;
use super::reads::metadata_only;
use crate::simulator::json::{Json, condition};
use crate::simulator::kinds::Kind;
use crate::simulator::world::last_seen;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// Name of a column, and whether only `-o wide` shows it.
type Column = (&'static str, bool);

/// How much of the object comes with a row (`includeObject`); sorting by a field needs all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Included {
    Metadata,
    Whole,
    Nothing,
}

impl Included {
    pub fn of(call: &Call) -> Self {
        match call.parameter("includeObject") {
            "Object" => Self::Whole,
            "None" => Self::Nothing,
            _ => Self::Metadata,
        }
    }

    fn take(self, object: &Value) -> Value {
        match self {
            Self::Metadata => metadata_only(object),
            Self::Whole => object.clone(),
            Self::Nothing => Value::Null,
        }
    }
}

pub(super) fn of_one(kind: &Kind, object: &Value, included: Included) -> Value {
    let metadata = json!({"resourceVersion": object.text("/metadata/resourceVersion")});
    table(kind, &[object], &metadata, included)
}

pub(super) fn of_many(
    kind: &Kind,
    objects: &[Arc<Value>],
    metadata: &Value,
    included: Included,
) -> Value {
    let objects: Vec<&Value> = objects.iter().map(|object| &**object).collect();
    table(kind, &objects, metadata, included)
}

fn table(kind: &Kind, objects: &[&Value], metadata: &Value, included: Included) -> Value {
    let definitions: Vec<Value> = columns(kind)
        .iter()
        .map(|(name, wide)| {
            let format = if *name == "Name" { "name" } else { "" };
            json!({"name": name, "type": "string", "format": format, "description": "", "priority": i32::from(*wide)})
        })
        .collect();
    let rows: Vec<Value> = objects
        .iter()
        .map(|object| json!({"cells": cells(kind, object), "object": included.take(object)}))
        .collect();
    json!({"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "columnDefinitions": definitions,
        "rows": rows})
}

fn columns(kind: &Kind) -> &'static [Column] {
    match kind.plural {
        "pods" => &[
            ("Name", false),
            ("Ready", false),
            ("Status", false),
            ("Restarts", false),
            ("Age", false),
            ("IP", true),
            ("Node", true),
            ("Nominated Node", true),
            ("Readiness Gates", true),
        ],
        "replicasets" => &[
            ("Name", false),
            ("Desired", false),
            ("Current", false),
            ("Ready", false),
            ("Age", false),
            ("Containers", true),
            ("Images", true),
            ("Selector", true),
        ],
        "deployments" => &[
            ("Name", false),
            ("Ready", false),
            ("Up-to-date", false),
            ("Available", false),
            ("Age", false),
            ("Containers", true),
            ("Images", true),
            ("Selector", true),
        ],
        "rollouts" => &[
            ("Name", false),
            ("Desired", false),
            ("Current", false),
            ("Up-to-date", false),
            ("Available", false),
            ("Age", false),
            ("Status", true),
            ("Step", true),
            ("Images", true),
        ],
        "services" => &[
            ("Name", false),
            ("Type", false),
            ("Cluster-IP", false),
            ("External-IP", false),
            ("Port(s)", false),
            ("Age", false),
            ("Selector", true),
        ],
        "events" => &[
            ("Last Seen", false),
            ("Type", false),
            ("Reason", false),
            ("Object", false),
            ("Subobject", true),
            ("Source", true),
            ("Message", false),
            ("First Seen", true),
            ("Count", true),
            ("Name", true),
        ],
        "nodes" => &[
            ("Name", false),
            ("Status", false),
            ("Roles", false),
            ("Age", false),
            ("Version", false),
            ("Internal-IP", true),
            ("OS-Image", true),
            ("Container-Runtime", true),
        ],
        "namespaces" | "analysisruns" => &[("Name", false), ("Status", false), ("Age", false)],
        _ => &[("Name", false), ("Age", false)],
    }
}

fn cells(kind: &Kind, object: &Value) -> Vec<Value> {
    let name = json!(object.name());
    let count = |pointer: &str| json!(object.count(pointer));
    let text = |pointer: &str| json!(or_none(object.text(pointer)));
    let age = json!(since(object.text("/metadata/creationTimestamp")));
    let template = &object["spec"]["template"]["spec"]["containers"];
    let of_containers = |member: &str| {
        let names: Vec<&str> = template
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| one.text(member))
            .collect();
        json!(or_none(&names.join(",")))
    };
    let labels = |pointer: &str| json!(or_none(&pairs(object.pointer(pointer))));
    match kind.plural {
        "pods" => {
            let (ready, status, restarts) = pod_summary(object);
            let none = json!("<none>");
            let (address, machine) = (text("/status/podIP"), text("/spec/nodeName"));
            vec![
                name,
                json!(ready),
                json!(status),
                json!(restarts),
                age,
                address,
                machine,
                none.clone(),
                none,
            ]
        }
        "replicasets" => vec![
            name,
            count("/spec/replicas"),
            count("/status/replicas"),
            count("/status/readyReplicas"),
            age,
            of_containers("/name"),
            of_containers("/image"),
            labels("/spec/selector/matchLabels"),
        ],
        "deployments" => vec![
            name,
            json!(format!(
                "{}/{}",
                object.count("/status/readyReplicas"),
                object.count("/spec/replicas")
            )),
            count("/status/updatedReplicas"),
            count("/status/availableReplicas"),
            age,
            of_containers("/name"),
            of_containers("/image"),
            labels("/spec/selector/matchLabels"),
        ],
        "rollouts" => {
            let steps = object.items("/spec/strategy/canary/steps").len();
            vec![
                name,
                count("/spec/replicas"),
                count("/status/replicas"),
                count("/status/updatedReplicas"),
                count("/status/availableReplicas"),
                age,
                text("/status/phase"),
                json!(format!(
                    "{}/{steps}",
                    object.count("/status/currentStepIndex")
                )),
                of_containers("/image"),
            ]
        }
        "services" => {
            let ports: Vec<String> = object
                .items("/spec/ports")
                .iter()
                .map(|port| format!("{}/{}", port.count("/port"), port.text("/protocol")))
                .collect();
            let none = json!("<none>");
            let (sort, address) = (text("/spec/type"), text("/spec/clusterIP"));
            vec![
                name,
                sort,
                address,
                none,
                json!(ports.join(",")),
                age,
                labels("/spec/selector"),
            ]
        }
        "events" => {
            let about = &object["involvedObject"];
            vec![
                json!(since(last_seen(object))),
                text("/type"),
                text("/reason"),
                json!(format!(
                    "{}/{}",
                    about.text("/kind").to_lowercase(),
                    about.text("/name")
                )),
                json!(about.text("/fieldPath")),
                json!(or_none(match object.text("/source/component") {
                    "" => object.text("/reportingComponent"),
                    component => component,
                })),
                json!(object.text("/message").trim()),
                json!(since(match object.text("/firstTimestamp") {
                    "" => last_seen(object),
                    first => first,
                })),
                json!(object.count("/count").max(1)),
                name,
            ]
        }
        "nodes" => {
            let ready =
                condition(object, "Ready").is_some_and(|found| found.text("/status") == "True");
            vec![
                name,
                json!(if ready { "Ready" } else { "NotReady" }),
                json!("<none>"),
                age,
                text("/status/nodeInfo/kubeletVersion"),
                text("/status/addresses/0/address"),
                text("/status/nodeInfo/osImage"),
                text("/status/nodeInfo/containerRuntimeVersion"),
            ]
        }
        "namespaces" | "analysisruns" => vec![name, text("/status/phase"), age],
        _ => vec![name, age],
    }
}

/// Ready containers, status and restarts of a pod, as the printer of Kubernetes sums them up.
fn pod_summary(pod: &Value) -> (String, String, String) {
    let containers = pod.items("/status/containerStatuses");
    let ready = containers
        .iter()
        .filter(|container| container.flag("/ready"))
        .count();
    let restarts: i64 = containers
        .iter()
        .map(|container| container.count("/restartCount"))
        .sum();
    let mut status = pod.text("/status/phase").to_owned();
    for container in containers {
        for reason in ["/state/waiting/reason", "/state/terminated/reason"] {
            if !container.text(reason).is_empty() {
                container.text(reason).clone_into(&mut status);
            }
        }
    }
    if pod.has("/metadata/deletionTimestamp") {
        "Terminating".clone_into(&mut status);
    }
    let last = containers
        .iter()
        .map(|container| container.text("/lastState/terminated/finishedAt"))
        .max();
    let restarts = match last {
        Some(last) if restarts > 0 && !last.is_empty() => {
            format!("{restarts} ({} ago)", since(last))
        }
        _ => restarts.to_string(),
    };
    let all = pod.items("/spec/containers").len();
    (format!("{ready}/{all}"), status, restarts)
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "<none>" } else { text }
}

fn pairs(map: Option<&Value>) -> String {
    let members = map.and_then(Value::as_object).into_iter().flatten();
    let pairs: Vec<String> = members
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
        .collect();
    pairs.join(",")
}

/// The age of something, in the words of kubectl.
fn since(stamp: &str) -> String {
    match stamp.parse::<Timestamp>() {
        Ok(then) => short(Timestamp::now().duration_since(then).as_secs()),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// `90s`, `5m30s`, `3h10m`, `2d4h`, `12d`.
fn short(seconds: i64) -> String {
    let seconds = seconds.max(0);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    let with = |big: i64, unit: &str, small: i64, small_unit: &str| {
        if small == 0 {
            format!("{big}{unit}")
        } else {
            format!("{big}{unit}{small}{small_unit}")
        }
    };
    match seconds {
        0..120 => format!("{seconds}s"),
        120..600 => with(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => with(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => with(days, "d", hours % 24, "h"),
        _ => format!("{days}d"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        for (seconds, text) in [
            (5, "5s"),
            (119, "119s"),
            (330, "5m30s"),
            (3600, "60m"),
            (11_400, "3h10m"),
            (187_200, "2d4h"),
            (864_000, "10d"),
        ] {
            assert_eq!(short(seconds), text);
        }
    }
}
