//! Objects that are broken in any place, by any value: read as what they are or refused, never a panic (QUALITY T24).
#![allow(clippy::unwrap_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::domain::rollout::Side;

fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        any::<String>().prop_map(Value::from),
        prop_oneof![
            Just("setWeight"),
            Just("pause"),
            Just("True"),
            Just("2024-13-45T99:00:00Z"),
            Just("9999-12-31T23:59:59Z"),
            Just("-1h"),
            Just("1e9"),
            Just("CanaryPauseStep"),
        ]
        .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map("[a-zA-Z]{0,9}", inner, 0..4)
                .prop_map(|map| json!(map)),
        ]
    })
}

fn rollout() -> Value {
    json!({
        "metadata": {"name": "a", "uid": "u", "resourceVersion": "7", "generation": 3,
            "labels": {"a": "b"}, "creationTimestamp": "2024-01-15T14:30:00Z",
            "annotations": {"rollout.argoproj.io/revision": "4", "gonogo.dev/held-by": "dana", "gonogo.dev/intent": "i"},
            "ownerReferences": [{"uid": "o", "controller": true}]},
        "spec": {"replicas": 10, "paused": false,
            "selector": {"matchLabels": {"app": "a"}, "matchExpressions": [{"key": "k", "operator": "In", "values": ["v"]}]},
            "template": {"spec": {"containers": [{"name": "app", "image": "r/a:1"}]}},
            "strategy": {"canary": {"steps": [{"setWeight": 10}, {"pause": {"duration": "1h"}}, {"setWeight": 50}, {"pause": {}}],
                "trafficRouting": {"maxTrafficWeight": 100}}, "blueGreen": {"autoPromotionSeconds": 5}}},
        "status": {"observedGeneration": "3", "replicas": 10, "updatedReplicas": 5, "readyReplicas": 10, "availableReplicas": 10,
            "conditions": [{"type": "Progressing", "status": "True", "reason": "X", "message": "m", "lastTransitionTime": "2024-01-15T14:30:00Z"}],
            "phase": "Paused", "message": "m", "currentPodHash": "h2", "stableRS": "h1", "currentStepIndex": 1,
            "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2024-01-15T14:30:00Z"}],
            "controllerPause": true, "abort": false, "promoteFull": false, "blueGreen": {"activeSelector": "h1"}},
    })
}

fn pod_json() -> Value {
    json!({
        "metadata": {"name": "a-h1-x", "resourceVersion": "9", "labels": {"rollouts-pod-template-hash": "h1"},
            "ownerReferences": [{"uid": "s1", "controller": true}], "creationTimestamp": "2024-01-15T14:30:00Z"},
        "status": {"phase": "Running", "reason": "r",
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": "2024-01-15T14:30:00Z"}],
            "initContainerStatuses": [{"restartCount": 0, "state": {"terminated": {"exitCode": 0}}}],
            "containerStatuses": [{"restartCount": 2, "ready": true, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]},
    })
}

fn set_json() -> Value {
    json!({
        "metadata": {"name": "a-h1", "uid": "s1", "resourceVersion": "8", "labels": {"rollouts-pod-template-hash": "h1"},
            "annotations": {"rollout.argoproj.io/revision": "3"}, "ownerReferences": [{"uid": "u", "controller": true}]},
        "spec": {"replicas": 5, "template": {"spec": {"containers": [{"name": "app", "image": "r/a:0"}]}}},
        "status": {"replicas": 5, "readyReplicas": 5},
    })
}

/// Every place of an object, deepest last.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    let step = |key: &str| format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                places(value, &step(key), found);
            }
        }
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                places(value, &step(&index.to_string()), found);
            }
        }
        _ => {}
    }
}

/// The object with up to three of its places replaced by anything.
fn broken(object: fn() -> Value) -> impl Strategy<Value = Value> {
    proptest::collection::vec((any::<prop::sample::Index>(), anything()), 0..4).prop_map(
        move |changes| {
            let mut value = object();
            for (index, other) in changes {
                let mut all = Vec::new();
                places(&value, "", &mut all);
                let place = all[index.index(all.len())].clone();
                if let Some(target) = value.pointer_mut(&place) {
                    *target = other;
                }
            }
            value
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn no_object_makes_the_reader_panic(
        raw in broken(rollout),
        set in broken(set_json),
        pod in broken(pod_json),
        kind in prop_oneof![Just(WorkloadKind::Rollout), Just(WorkloadKind::Deployment)],
    ) {
        let at = WorkloadRef {
            kind,
            namespace: "n".to_owned(),
            name: "a".to_owned(),
            container: "app".to_owned(),
        };
        // As it comes: a text.
        let Ok(raw) = serde_json::from_str::<RawWorkload>(&raw.to_string()) else {
            return Ok(());
        };
        let sets: Vec<SetOf> = serde_json::from_str::<RawReplicaSet>(&set.to_string())
            .ok()
            .and_then(|set| replica_set(&at, &set))
            .into_iter()
            .collect();
        let pods: Vec<PodOf> = serde_json::from_str::<RawPod>(&pod.to_string())
            .ok()
            .and_then(|raw| super::pod(kind, &raw))
            .into_iter()
            .collect();
        let _ = raw.spec.selector.as_ref().and_then(super::super::objects::Selector::query);
        let seen = observed(&at, &raw, sets.iter(), pods.iter());
        let workload = &seen.workload;
        prop_assert!(workload.set_weight().is_none_or(|weight| weight <= 100));
        for share in 0..=100 {
            let _ = workload.resting_step(share);
        }
        let step = workload.step.unwrap_or(0);
        let _ = (workload.unknown_after(step), workload.rests_at_step(), workload.is_midway(), seen.stable_image());
        let _ = seen.pods_of(Side::Canary).count();
        // What is not read as healthy by the platform's own words is not promoted.
        if workload.is_promoted() {
            prop_assert!(workload.observed && workload.available >= workload.desired);
        }
        prop_assert!(!workload.message.as_ref().chars().any(crate::domain::text::is_hidden));
    }
}
