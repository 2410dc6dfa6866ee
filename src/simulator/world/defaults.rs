//! What the API server adds to an object that leaves it out, and what it insists on beyond the schema.

use crate::simulator::json::{Json, escape};
use crate::simulator::kinds::{
    DEPLOYMENTS, Kind, NAMESPACES, PODS, REPLICA_SETS, ROLLOUTS, SERVICES,
};
use crate::simulator::refusal::Refusal;
use crate::simulator::schema::missing;
use serde_json::{Value, json};

/// The defaults that controllers and clients rely on. Custom resources get none, as in the real cluster.
pub(super) fn fill_defaults(kind: &Kind, object: &mut Value) {
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
    } else if kind == &REPLICA_SETS {
        defaults.push(("/spec/replicas", json!(1)));
    } else if kind == &PODS {
        defaults.push(("/spec/restartPolicy", json!("Always")));
    } else if kind == &SERVICES {
        defaults.extend([
            ("/spec/type", json!("ClusterIP")),
            ("/spec/sessionAffinity", json!("None")),
        ]);
        fill_ports(object);
    } else if kind == &NAMESPACES {
        defaults.push(("/spec/finalizers", json!(["kubernetes"])));
        let label = format!("/metadata/labels/{}", escape("kubernetes.io/metadata.name"));
        object.set(&label, object.name().to_owned());
    }
    for (pointer, value) in defaults {
        if !object.has(pointer) {
            object.set(pointer, value);
        }
    }
}

/// Ports of a Service speak TCP and lead to a port of the same number.
fn fill_ports(object: &mut Value) {
    let mut ports = object.items("/spec/ports").to_vec();
    for port in &mut ports {
        if !port.has("/protocol") {
            port.set("/protocol", "TCP");
        }
        if !port.has("/targetPort") {
            port.set("/targetPort", port["port"].clone());
        }
    }
    if !ports.is_empty() {
        object.set("/spec/ports", ports);
    }
}

/// What must hold of an object, in the words of the API server's validation.
pub(super) fn rules(kind: &'static Kind, object: &Value) -> Result<(), Refusal> {
    let mut why: Vec<String> = missing(kind, object)
        .into_iter()
        .map(|path| {
            if kind.custom {
                format!("{path}: Required value")
            } else {
                format!("{path}: Required value: must be specified")
            }
        })
        .collect();
    if [&DEPLOYMENTS, &REPLICA_SETS].contains(&kind) && object.has("/spec/template") {
        let labels = &object["spec"]["template"]["metadata"]["labels"];
        let wanted = object["spec"]["selector"]["matchLabels"].as_object();
        let fits = wanted
            .into_iter()
            .flatten()
            .all(|(key, value)| labels.get(key) == Some(value));
        if !fits {
            why.push(format!(
                "spec.template.metadata.labels: Invalid value: {labels}: `selector` does not match template `labels`"
            ));
        }
    }
    let containers = match kind {
        kind if kind == &PODS => Some("/spec/containers"),
        kind if [&DEPLOYMENTS, &REPLICA_SETS].contains(&kind) => {
            Some("/spec/template/spec/containers")
        }
        kind if kind == &ROLLOUTS && object.has("/spec/template") => {
            Some("/spec/template/spec/containers")
        }
        _ => None,
    };
    if let Some(pointer) = containers
        && object.items(pointer).is_empty()
    {
        let path = pointer[1..].replace('/', ".");
        if !why
            .iter()
            .any(|why| path.starts_with(why.split(':').next().unwrap_or("")))
        {
            why.push(format!("{path}: Required value"));
        }
    }
    if why.is_empty() {
        Ok(())
    } else {
        Err(Refusal::invalid(kind, object.name(), &why))
    }
}
