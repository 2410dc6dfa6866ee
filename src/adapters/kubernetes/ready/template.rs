//! What a workload says about its pods: which objects they name, what each asks for, and how many there will be more of.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use super::quantity;
use crate::domain::readiness::{PodNeeds, ReferenceKind};

/// As the server writes quantities: text, or a bare number.
pub(super) type Quantities = BTreeMap<String, Value>;

pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct PodSpec {
    /// Where it runs, of a pod that has its place.
    pub node_name: Option<String>,
    containers: Vec<Container>,
    init_containers: Option<Vec<Container>>,
    volumes: Option<Vec<Volume>>,
    image_pull_secrets: Option<Vec<Name>>,
    overhead: Option<Quantities>,
    pub node_selector: Option<BTreeMap<String, String>>,
    pub tolerations: Option<Vec<Toleration>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Container {
    env: Option<Vec<Env>>,
    env_from: Option<Vec<EnvFrom>>,
    resources: Option<Resources>,
    restart_policy: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Resources {
    requests: Option<Quantities>,
    limits: Option<Quantities>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Env {
    value_from: Option<ValueFrom>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ValueFrom {
    secret_key_ref: Option<Name>,
    config_map_key_ref: Option<Name>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct EnvFrom {
    secret_ref: Option<Name>,
    config_map_ref: Option<Name>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Name {
    /// A volume of a secret has another word for it.
    #[serde(alias = "secretName")]
    name: String,
    optional: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Volume {
    secret: Option<Name>,
    config_map: Option<Name>,
    projected: Option<Projected>,
    csi: Option<Csi>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Projected {
    sources: Vec<Source>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Source {
    secret: Option<Name>,
    config_map: Option<Name>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Csi {
    node_publish_secret_ref: Option<Name>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Toleration {
    pub key: String,
    pub operator: String,
    pub value: String,
    pub effect: String,
}

/// An object that pods name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub kind: ReferenceKind,
    pub name: String,
    pub optional: bool,
}

impl PodSpec {
    /// Every object once; optional only where it is so wherever it is named.
    pub fn named(&self) -> Vec<Named> {
        use ReferenceKind::{ConfigMap, Secret};
        let mut needed: BTreeSet<(ReferenceKind, String)> = BTreeSet::new();
        let mut all: BTreeSet<(ReferenceKind, String)> = BTreeSet::new();
        let mut add = |kind, of: Option<&Name>| {
            let Some(of) = of else { return };
            if of.name.is_empty() {
                return;
            }
            all.insert((kind, of.name.clone()));
            if of.optional != Some(true) {
                needed.insert((kind, of.name.clone()));
            }
        };
        for container in self.every_container() {
            for from in container.env.iter().flatten() {
                let from = from.value_from.as_ref();
                add(Secret, from.and_then(|from| from.secret_key_ref.as_ref()));
                add(
                    ConfigMap,
                    from.and_then(|from| from.config_map_key_ref.as_ref()),
                );
            }
            for from in container.env_from.iter().flatten() {
                add(Secret, from.secret_ref.as_ref());
                add(ConfigMap, from.config_map_ref.as_ref());
            }
        }
        for volume in self.volumes.iter().flatten() {
            add(Secret, volume.secret.as_ref());
            add(ConfigMap, volume.config_map.as_ref());
            for source in volume.projected.iter().flat_map(|it| &it.sources) {
                add(Secret, source.secret.as_ref());
                add(ConfigMap, source.config_map.as_ref());
            }
            let csi = volume.csi.as_ref();
            add(
                Secret,
                csi.and_then(|it| it.node_publish_secret_ref.as_ref()),
            );
        }
        for pull in self.image_pull_secrets.iter().flatten() {
            add(Secret, Some(pull));
        }
        let named = all.into_iter().map(|(kind, name)| Named {
            optional: !needed.contains(&(kind, name.clone())),
            kind,
            name,
        });
        named.collect()
    }

    fn every_container(&self) -> impl Iterator<Item = &Container> {
        self.containers
            .iter()
            .chain(self.init_containers.iter().flatten())
    }

    /// What the scheduler counts for one pod: all containers and sidecars together, or an init container beside the
    /// sidecars before it, whichever is more; and its overhead.
    fn sum(&self, of: impl Fn(&Container) -> u128, overhead: u128) -> u64 {
        let (mut sidecars, mut most) = (0_u128, 0_u128);
        for init in self.init_containers.iter().flatten() {
            let asks = of(init);
            if init.restart_policy.as_deref() == Some("Always") {
                sidecars += asks;
                most = most.max(sidecars);
            } else {
                most = most.max(sidecars + asks);
            }
        }
        let running = self.containers.iter().map(of).sum::<u128>() + sidecars;
        u64::try_from(running.max(most) + overhead).unwrap_or(u64::MAX)
    }

    pub fn needs(&self) -> PodNeeds {
        PodNeeds {
            cpu: self.asked("cpu", false),
            memory: self.asked("memory", false).div_ceil(1000),
        }
    }

    pub fn limits(&self) -> PodNeeds {
        PodNeeds {
            cpu: self.asked("cpu", true),
            memory: self.asked("memory", true).div_ceil(1000),
        }
    }

    /// In thousandths. A container that has a limit and no request asks for its limit.
    fn asked(&self, what: &str, limits: bool) -> u64 {
        let read = |from: Option<&Quantities>| {
            let text = text_of(from?.get(what)?)?;
            quantity::thousandths(&text)
        };
        let of = |container: &Container| {
            let resources = container.resources.as_ref();
            let limit = || read(resources.and_then(|it| it.limits.as_ref()));
            let request = || read(resources.and_then(|it| it.requests.as_ref()));
            let asked = if limits {
                limit()
            } else {
                request().or_else(limit)
            };
            asked.unwrap_or(0)
        };
        self.sum(of, read(self.overhead.as_ref()).unwrap_or(0))
    }
}

/// A workload about to be flown.
pub(super) struct Flown {
    pub pod: PodSpec,
    /// How many pods more than now there may be at the most.
    pub surge: u32,
}

impl Flown {
    /// `own` has the strategy; `pods` the template, which may be another object's.
    pub fn read(own: &Value, pods: &Value) -> Result<Self, serde_json::Error> {
        let spec = pods.pointer("/spec/template/spec");
        let pod = spec.map(PodSpec::deserialize).transpose()?;
        Ok(Self {
            pod: pod.unwrap_or_default(),
            surge: surge(own),
        })
    }
}

/// By the strategy of a Deployment (25 % where it says nothing) or of a Rollout. Blue-green, and a canary whose traffic
/// is routed, may stand beside the whole of stable.
fn surge(own: &Value) -> u32 {
    let replicas = own.pointer("/spec/replicas").and_then(Value::as_u64);
    let replicas = replicas.unwrap_or(1);
    let at = |path: &str| own.pointer(path).filter(|value| !value.is_null());
    let share = |limit: Option<&Value>| match limit {
        Some(Value::Number(number)) => number.as_u64().unwrap_or(0),
        Some(Value::String(text)) => match text.strip_suffix('%') {
            Some(percent) => {
                let percent: u64 = percent.parse().unwrap_or(25);
                replicas.saturating_mul(percent).div_ceil(100)
            }
            None => text.parse().unwrap_or(0),
        },
        _ => replicas.saturating_mul(25).div_ceil(100),
    };
    let more = if at("/spec/strategy/blueGreen").is_some()
        || at("/spec/strategy/canary/trafficRouting").is_some()
    {
        replicas
    } else if at("/spec/strategy/canary").is_some() {
        share(at("/spec/strategy/canary/maxSurge"))
    } else if at("/spec/strategy/type").and_then(Value::as_str) == Some("Recreate") {
        0
    } else {
        share(at("/spec/strategy/rollingUpdate/maxSurge"))
    };
    u32::try_from(more).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(own: &Value) -> Flown {
        Flown::read(own, own).expect("a workload")
    }

    #[test]
    fn every_object_that_pods_name_is_found_once() {
        let pod = json!({"spec": {"template": {"spec": {
            "imagePullSecrets": [{"name": "pull"}],
            "initContainers": [{"envFrom": [{"secretRef": {"name": "both", "optional": true}}]}],
            "containers": [{
                "env": [
                    {"name": "A", "valueFrom": {"secretKeyRef": {"name": "both", "key": "a"}}},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "b", "key": "b", "optional": true}}},
                    {"name": "C", "value": "plain"}],
                "envFrom": [{"configMapRef": {"name": "env"}}]}],
            "volumes": [
                {"name": "v", "secret": {"secretName": "tls"}},
                {"name": "p", "projected": {"sources": [{"configMap": {"name": "ca"}}, {"serviceAccountToken": {}}]}},
                {"name": "e", "emptyDir": {}}],
        }}}});
        let named: Vec<String> = read(&pod)
            .pod
            .named()
            .iter()
            .map(|it| format!("{}/{} {}", it.kind.resource(), it.name, it.optional))
            .collect();
        assert_eq!(
            named,
            [
                "secret/both false",
                "secret/pull false",
                "secret/tls false",
                "configmap/b true",
                "configmap/ca false",
                "configmap/env false"
            ]
        );
    }

    #[test]
    fn a_pod_asks_for_what_the_scheduler_counts() {
        let pod = json!({"spec": {"template": {"spec": {
            "overhead": {"cpu": "10m"},
            "initContainers": [
                {"restartPolicy": "Always", "resources": {"requests": {"cpu": "50m", "memory": "10Mi"}}},
                {"resources": {"requests": {"cpu": "1"}}}],
            "containers": [
                {"resources": {"requests": {"cpu": "100m", "memory": "100Mi"}}},
                {"resources": {"limits": {"memory": "28Mi"}}}],
        }}}});
        let pod = read(&pod).pod;
        let (cpu, memory) = (1060, 138 << 20);
        assert_eq!(pod.needs(), PodNeeds { cpu, memory });
        assert_eq!(pod.limits().memory, 28 << 20);
    }

    #[test]
    fn how_many_more_there_will_be_follows_from_the_strategy() {
        let of = |strategy: Value| {
            let own = json!({"spec": {"replicas": 10, "strategy": strategy}});
            read(&own).surge
        };
        assert_eq!(of(json!(null)), 3);
        assert_eq!(of(json!({"rollingUpdate": {"maxSurge": 1}})), 1);
        assert_eq!(of(json!({"rollingUpdate": {"maxSurge": "11%"}})), 2);
        assert_eq!(of(json!({"type": "Recreate"})), 0);
        assert_eq!(of(json!({"canary": {"maxSurge": "0%"}})), 0);
        assert_eq!(of(json!({"canary": {"trafficRouting": {}}})), 10);
        assert_eq!(of(json!({"blueGreen": {}})), 10);
    }
}
