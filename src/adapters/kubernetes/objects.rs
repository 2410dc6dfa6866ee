//! The little of each object that is read (QUALITY finding 1: a full `Pod` costs 50 kB, these a few hundred bytes).
//! Everything is optional, and null is absent: a field that is missing must not hide the rest.

use std::{borrow::Cow, collections::BTreeMap};

use serde::Deserialize;
use serde_json::Value;

pub(super) type Map = BTreeMap<String, String>;

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Meta {
    pub name: String,
    pub uid: String,
    pub resource_version: String,
    pub generation: Option<i64>,
    pub labels: Option<Map>,
    #[serde(deserialize_with = "short_ones")]
    pub annotations: Option<Map>,
    pub owner_references: Option<Vec<Owner>>,
    pub creation_timestamp: Option<String>,
}

/// What we read of annotations is short; others keep whole manifests in them. What is longer is not kept, and neither is
/// what comes after many: nobody but the API server's size limit bounds them.
fn short_ones<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Map>, D::Error> {
    const LONGEST: usize = 16 << 10;
    const MOST: usize = 1_000;
    struct Short;
    impl<'de> serde::de::Visitor<'de> for Short {
        type Value = Option<Map>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("annotations")
        }

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(
            self,
            mut map: A,
        ) -> Result<Self::Value, A::Error> {
            let mut kept = Map::new();
            while let Some((key, value)) = map.next_entry::<Cow<'de, str>, Borrowed<'de>>()? {
                let short = key.len() <= 512 && value.0.len() <= LONGEST;
                if short && (kept.len() < MOST || key.starts_with("gonogo.dev/")) {
                    kept.insert(key.into_owned(), value.0.into_owned());
                }
            }
            Ok(Some(kept))
        }
    }
    deserializer.deserialize_any(Short)
}

/// Not copied where it stands in the text as it is meant.
#[derive(Deserialize)]
struct Borrowed<'a>(#[serde(borrow)] Cow<'a, str>);

impl Meta {
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.as_ref()?.get(key).map(String::as_str)
    }

    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// The uid of the object that controls this one.
    pub fn controller(&self) -> Option<&str> {
        controller(self.owner_references.as_deref())
    }
}

pub(super) fn controller(owners: Option<&[Owner]>) -> Option<&str> {
    owners?
        .iter()
        .find(|owner| owner.controller == Some(true))
        .map(|owner| owner.uid.as_str())
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Owner {
    pub uid: String,
    pub controller: Option<bool>,
}

/// A Deployment or a Rollout: their fields do not contradict each other, so one shape reads both.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawWorkload {
    pub metadata: Meta,
    pub spec: WorkloadSpec,
    pub status: Option<WorkloadStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WorkloadSpec {
    pub replicas: Option<i64>,
    pub paused: Option<bool>,
    pub revision_history_limit: Option<i64>,
    pub selector: Option<Selector>,
    pub template: Option<Template>,
    pub strategy: Option<Strategy>,
    pub restart_at: Option<String>,
    pub workload_ref: Option<WorkloadSource>,
}

/// That a Rollout takes its template from another object.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct WorkloadSource {
    pub kind: String,
    pub name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Strategy {
    pub canary: Option<Canary>,
    pub blue_green: Option<BlueGreen>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Canary {
    pub steps: Option<Vec<BTreeMap<String, Value>>>,
    pub traffic_routing: Option<Routing>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Routing {
    pub max_traffic_weight: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct BlueGreen {
    pub auto_promotion_enabled: Option<bool>,
    pub auto_promotion_seconds: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Template {
    pub spec: TemplateSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TemplateSpec {
    pub containers: Option<Vec<Container>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Container {
    pub name: String,
    pub image: Option<String>,
}

impl Template {
    /// Where the container of that name is, and its image.
    pub fn container(&self, name: &str) -> Option<(usize, Option<&str>)> {
        let containers = self.spec.containers.as_deref()?;
        let index = containers.iter().position(|c| c.name == name)?;
        Some((index, containers.get(index)?.image.as_deref()))
    }
}

/// A Deployment counts generations in a number, a Rollout in a string.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(untagged)]
pub(super) enum Generation {
    Number(i64),
    Text(String),
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct WorkloadStatus {
    pub observed_generation: Option<Generation>,
    pub workload_observed_generation: Option<Generation>,
    pub replicas: Option<i64>,
    pub updated_replicas: Option<i64>,
    pub ready_replicas: Option<i64>,
    pub available_replicas: Option<i64>,
    pub conditions: Option<Vec<Condition>>,
    pub phase: Option<String>,
    pub message: Option<String>,
    pub current_pod_hash: Option<String>,
    #[serde(rename = "stableRS")]
    pub stable_rs: Option<String>,
    pub current_step_index: Option<i64>,
    pub pause_conditions: Option<Vec<PauseCondition>>,
    pub controller_pause: Option<bool>,
    pub abort: Option<bool>,
    pub promote_full: Option<bool>,
    pub restarted_at: Option<String>,
    pub blue_green: Option<BlueGreenStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct BlueGreenStatus {
    pub active_selector: Option<String>,
    pub preview_selector: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PauseCondition {
    pub reason: String,
    pub start_time: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Condition {
    #[serde(rename = "type")]
    pub kind: String,
    pub status: String,
    pub reason: Option<String>,
    pub message: Option<String>,
    pub last_transition_time: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Selector {
    pub match_labels: Option<Map>,
    pub match_expressions: Option<Vec<Requirement>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Requirement {
    pub key: String,
    pub operator: String,
    pub values: Option<Vec<String>>,
}

impl Selector {
    /// As the query parameter `labelSelector` takes it. None when it selects nothing we can name: then the workload
    /// has no pods for us, rather than all pods of the namespace.
    pub fn query(&self) -> Option<String> {
        let mut terms: Vec<String> = self
            .match_labels
            .iter()
            .flatten()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        for Requirement {
            key,
            operator,
            values,
        } in self.match_expressions.iter().flatten()
        {
            let values = values.as_deref().unwrap_or_default().join(",");
            terms.push(match operator.as_str() {
                "In" => format!("{key} in ({values})"),
                "NotIn" => format!("{key} notin ({values})"),
                "Exists" => key.clone(),
                "DoesNotExist" => format!("!{key}"),
                _ => return None,
            });
        }
        (!terms.is_empty()).then(|| terms.join(","))
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawReplicaSet {
    pub metadata: Meta,
    pub spec: ReplicaSetSpec,
    pub status: Option<ReplicaSetStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ReplicaSetSpec {
    pub replicas: Option<i64>,
    pub template: Option<Template>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ReplicaSetStatus {
    pub replicas: Option<i64>,
    pub ready_replicas: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawPod {
    pub metadata: PodMeta,
    pub status: Option<PodStatus>,
}

/// Without annotations: they are the larger part of many pods.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodMeta {
    pub name: String,
    pub resource_version: String,
    pub labels: Option<Map>,
    pub owner_references: Option<Vec<Owner>>,
    pub creation_timestamp: Option<String>,
    pub deletion_timestamp: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodStatus {
    pub phase: Option<String>,
    pub reason: Option<String>,
    pub conditions: Option<Vec<Condition>>,
    pub init_container_statuses: Option<Vec<ContainerStatus>>,
    pub container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct ContainerStatus {
    pub restart_count: Option<i64>,
    pub ready: Option<bool>,
    pub state: Option<ContainerState>,
    pub last_state: Option<ContainerState>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ContainerState {
    pub waiting: Option<Because>,
    pub terminated: Option<Because>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Because {
    pub reason: Option<String>,
    pub exit_code: Option<i64>,
}

/// What of an object a list and a watch need to keep their place.
pub(super) trait Listed: serde::de::DeserializeOwned + Send {
    fn name(&self) -> &str;
    fn resource_version(&self) -> &str;
}

macro_rules! listed {
    ($($kind:ty),+) => {$(
        impl Listed for $kind {
            fn name(&self) -> &str {
                &self.metadata.name
            }
            fn resource_version(&self) -> &str {
                &self.metadata.resource_version
            }
        }
    )+};
}
pub(super) use listed;

listed!(RawWorkload, RawReplicaSet, RawPod);
