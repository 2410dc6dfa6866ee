//! By which members the items of a list are told apart. `k8s-openapi` leaves this out of its schemas, so it is written
//! down here, from the markers `+patchMergeKey` and `+listMapKey` of `kubernetes/api`.

use serde_json::{Value, json};

/// The member of a schema that names the key of strategic merge.
pub(super) const MERGE_KEY: &str = "x-kubernetes-patch-merge-key";

/// Type, list, keys: server-side apply goes by all of them, strategic merge by the first.
const KEYED: [(&str, &str, &[&str]); 29] = [
    ("ObjectMeta", "ownerReferences", &["uid"]),
    ("PodSpec", "containers", &["name"]),
    ("PodSpec", "initContainers", &["name"]),
    ("PodSpec", "ephemeralContainers", &["name"]),
    ("PodSpec", "volumes", &["name"]),
    ("PodSpec", "imagePullSecrets", &["name"]),
    ("PodSpec", "hostAliases", &["ip"]),
    ("PodSpec", "resourceClaims", &["name"]),
    ("PodSpec", "schedulingGates", &["name"]),
    (
        "PodSpec",
        "topologySpreadConstraints",
        &["topologyKey", "whenUnsatisfiable"],
    ),
    ("Container", "ports", &["containerPort", "protocol"]),
    ("Container", "env", &["name"]),
    ("Container", "volumeMounts", &["mountPath"]),
    ("Container", "volumeDevices", &["devicePath"]),
    (
        "EphemeralContainer",
        "ports",
        &["containerPort", "protocol"],
    ),
    ("EphemeralContainer", "env", &["name"]),
    ("EphemeralContainer", "volumeMounts", &["mountPath"]),
    ("EphemeralContainer", "volumeDevices", &["devicePath"]),
    ("ResourceRequirements", "claims", &["name"]),
    ("ServiceSpec", "ports", &["port", "protocol"]),
    ("ServiceAccount", "secrets", &["name"]),
    ("DeploymentStatus", "conditions", &["type"]),
    ("ReplicaSetStatus", "conditions", &["type"]),
    ("NamespaceStatus", "conditions", &["type"]),
    ("NodeStatus", "conditions", &["type"]),
    ("PodStatus", "conditions", &["type"]),
    ("PodStatus", "podIPs", &["ip"]),
    ("PodStatus", "hostIPs", &["ip"]),
    ("ServiceStatus", "conditions", &["type"]),
];

/// Maps and references that are taken as a whole, from `+structType=atomic`.
const WHOLE: [&str; 5] = [
    "LabelSelector",
    "ObjectReference",
    "LocalObjectReference",
    "ObjectFieldSelector",
    "NodeSelector",
];

/// Says of the lists of a component by what they merge.
pub(super) fn annotate(name: &str, component: &mut Value) {
    let name = name.rsplit('.').next().unwrap_or(name);
    for (owner, list, keys) in KEYED {
        if owner == name
            && let Some(Value::Object(schema)) =
                component.pointer_mut(&format!("/properties/{list}"))
        {
            let strategy = if list == "volumes" {
                "merge,retainKeys"
            } else {
                "merge"
            };
            schema.insert("x-kubernetes-list-type".to_owned(), json!("map"));
            schema.insert("x-kubernetes-list-map-keys".to_owned(), json!(keys));
            schema.insert(MERGE_KEY.to_owned(), json!(keys[0]));
            schema.insert("x-kubernetes-patch-strategy".to_owned(), json!(strategy));
        }
    }
    if name == "ObjectMeta"
        && let Some(Value::Object(schema)) = component.pointer_mut("/properties/finalizers")
    {
        schema.insert("x-kubernetes-list-type".to_owned(), json!("set"));
        schema.insert("x-kubernetes-patch-strategy".to_owned(), json!("merge"));
    }
    if name == "DeploymentSpec"
        && let Some(Value::Object(schema)) = component.pointer_mut("/properties/strategy")
    {
        schema.insert(
            "x-kubernetes-patch-strategy".to_owned(),
            json!("retainKeys"),
        );
    }
    if WHOLE.contains(&name)
        && let Value::Object(schema) = component
    {
        schema.insert("x-kubernetes-map-type".to_owned(), json!("atomic"));
    }
}
