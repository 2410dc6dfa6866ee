//! Objects as the API serves them, in tables.
#![allow(clippy::unwrap_used, clippy::panic)]

use serde_json::{Value, json};

use super::*;
use crate::domain::rollout::RolloutPhase;

fn at(kind: WorkloadKind) -> WorkloadRef {
    WorkloadRef {
        kind,
        namespace: "production".to_owned(),
        name: "auth".to_owned(),
        container: "app".to_owned(),
    }
}

fn merged(mut base: Value, over: &Value) -> Value {
    json_patch::merge(&mut base, over);
    base
}

fn rollout(over: &Value) -> Value {
    let base = json!({
        "metadata": {"name": "auth", "uid": "u1", "resourceVersion": "7", "generation": 3,
            "annotations": {"rollout.argoproj.io/revision": "5", "gonogo.dev/intent": "i-1"}},
        "spec": {"replicas": 10, "selector": {"matchLabels": {"app": "auth"}},
            "template": {"spec": {"containers": [{"name": "sidecar", "image": "r/s:1"}, {"name": "app", "image": "r/a:2"}]}},
            "strategy": {"canary": {"steps": [{"setWeight": 10}, {"pause": {}}, {"setWeight": 50},
                {"pause": {"duration": "5m"}}, {"setWeight": 100}]}}},
        "status": {"observedGeneration": "3", "phase": "Paused", "message": "CanaryPauseStep", "currentPodHash": "new",
            "stableRS": "old", "currentStepIndex": 1, "controllerPause": true, "replicas": 10, "updatedReplicas": 1,
            "readyReplicas": 10, "availableReplicas": 10,
            "pauseConditions": [{"reason": "CanaryPauseStep", "startTime": "2026-08-01T10:00:00Z"}]}
    });
    merged(base, over)
}

fn deployment(over: &Value) -> Value {
    let base = json!({
        "metadata": {"name": "auth", "uid": "u1", "resourceVersion": "7", "generation": 2,
            "annotations": {"deployment.kubernetes.io/revision": "2"}},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": "auth"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": "25%"}},
            "template": {"spec": {"containers": [{"name": "app", "image": "r/a:2"}]}}},
        "status": {"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3,
            "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]}
    });
    merged(base, over)
}

fn set(kind: WorkloadKind, hash: &str, revision: &str, image: &str, pods: u32) -> SetOf {
    let raw = json!({
        "metadata": {"name": format!("auth-{hash}"), "uid": format!("rs-{hash}"), "labels": {kind.hash_label(): hash},
            "annotations": {kind.revision_annotation(): revision},
            "ownerReferences": [{"uid": "u1", "controller": true}]},
        "spec": {"replicas": pods, "template": {"spec": {"containers": [{"name": "app", "image": image}]}}},
        "status": {"replicas": pods, "readyReplicas": pods}
    });
    replica_set(&at(kind), &serde_json::from_value(raw).unwrap()).unwrap()
}

fn seen(kind: WorkloadKind, raw: Value, sets: &[SetOf]) -> Workload {
    let raw: RawWorkload = serde_json::from_value(raw).unwrap();
    observed(&at(kind), &raw, sets.iter(), std::iter::empty()).workload
}

fn of_rollout(over: &Value) -> Workload {
    seen(WorkloadKind::Rollout, rollout(over), &[])
}

fn of_deployment(over: &Value) -> Workload {
    let kind = WorkloadKind::Deployment;
    let sets = [
        set(kind, "one", "1", "r/a:1", 1),
        set(kind, "two", "2", "r/a:2", 3),
    ];
    seen(kind, deployment(over), &sets)
}

#[test]
fn a_rollout_at_the_pause_of_a_step() {
    let workload = of_rollout(&json!({}));
    assert_eq!(workload.phase, RolloutPhase::Paused);
    assert_eq!(
        (workload.image.as_deref(), workload.container_index),
        (Some("r/a:2"), Some(1))
    );
    assert_eq!(workload.current_hash.as_deref(), Some("new"));
    assert_eq!(workload.stable_hash.as_deref(), Some("old"));
    assert_eq!(workload.revision, Some(5));
    assert_eq!(workload.intent.as_deref(), Some("i-1"));
    assert_eq!(workload.set_weight(), Some(10));
    assert!(workload.rests_at_step() && workload.is_midway() && !workload.is_promoted());
    let pause = workload.pause.unwrap();
    assert_eq!((pause.lasts, pause.since.is_some()), (None, true));
}

#[test]
fn a_timed_pause_says_how_long_it_lasts() {
    let workload = of_rollout(&json!({"status": {"currentStepIndex": 3}}));
    assert_eq!(
        workload.pause.unwrap().lasts,
        Some(SignedDuration::from_mins(5))
    );
}

#[test]
fn phases_of_a_rollout() {
    use RolloutPhase::{Degraded, Healthy, Paused, Progressing, Unknown};
    let legacy = |status: Value| {
        let mut over = json!({"phase": null, "pauseConditions": null, "controllerPause": null, "updatedReplicas": 10,
            "stableRS": "new"});
        json_patch::merge(&mut over, &status);
        json!({"status": over})
    };
    let table = [
        (json!({}), Paused, "CanaryPauseStep"),
        (
            json!({"status": {"observedGeneration": "2"}}),
            Progressing,
            "newest spec",
        ),
        (
            json!({"status": {"observedGeneration": null}}),
            Progressing,
            "newest spec",
        ),
        (json!({"status": null}), Progressing, "newest spec"),
        // Version 0.9 wrote a hash there; a number that is too large is one as well.
        (
            json!({"status": {"observedGeneration": "5f8c9"}}),
            Paused,
            "CanaryPauseStep",
        ),
        (
            json!({"status": {"observedGeneration": "99"}}),
            Paused,
            "CanaryPauseStep",
        ),
        (
            json!({"status": {"pauseConditions": null}}),
            Progressing,
            "unpausing",
        ),
        (
            json!({"status": {"phase": "Degraded", "message": "RolloutAborted: aborted", "controllerPause": false}}),
            Degraded,
            "RolloutAborted",
        ),
        (
            json!({"status": {"phase": "Confused"}}),
            Unknown,
            "Confused",
        ),
        (
            json!({"spec": {"workloadRef": {"kind": "Deployment", "name": "auth"}},
            "metadata": {"annotations": {"rollout.argoproj.io/workload-generation": "2"}},
            "status": {"workloadObservedGeneration": "1"}}),
            Progressing,
            "newest template",
        ),
        (legacy(json!({})), Healthy, ""),
        (
            legacy(json!({"updatedReplicas": 3})),
            Progressing,
            "need to be updated",
        ),
        (
            legacy(json!({"availableReplicas": 3})),
            Progressing,
            "not available",
        ),
        (legacy(json!({"replicas": 12})), Progressing, "terminating"),
        (legacy(json!({"stableRS": "old"})), Progressing, "all steps"),
        (
            legacy(
                json!({"conditions": [{"type": "InvalidSpec", "status": "True", "message": "no steps"}]}),
            ),
            Degraded,
            "no steps",
        ),
        (
            legacy(
                json!({"conditions": [{"type": "Progressing", "status": "False", "reason": "RolloutAborted"}]}),
            ),
            Degraded,
            "RolloutAborted",
        ),
    ];
    for (over, phase, message) in table {
        let workload = of_rollout(&over);
        assert_eq!(workload.phase, phase, "{over}");
        assert!(
            workload.message.as_ref().contains(message),
            "{over}: {}",
            workload.message
        );
    }
    let paused = of_rollout(&merged(
        legacy(json!({})),
        &json!({"spec": {"paused": true}}),
    ));
    assert_eq!((paused.phase, paused.paused), (Paused, true));
}

#[test]
fn a_promoted_an_aborted_and_a_held_rollout() {
    let done = json!({"status": {"phase": "Healthy", "message": "", "currentStepIndex": 5, "stableRS": "new",
        "updatedReplicas": 10, "pauseConditions": null, "controllerPause": null}});
    let workload = of_rollout(&done);
    assert!(workload.is_promoted());
    assert_eq!((workload.set_weight(), workload.pause), (Some(100), None));

    let aborted =
        of_rollout(&json!({"status": {"abort": true, "promoteFull": true, "currentStepIndex": 0}}));
    assert!(aborted.aborted && aborted.promoting_fully && !aborted.rests_at_step());

    let held = of_rollout(
        &json!({"spec": {"paused": true}, "metadata": {"annotations": {"gonogo.dev/held-by": "ada\u{1b}[2J"}}}),
    );
    assert!(held.paused && !held.held_by.unwrap().as_ref().contains('\u{1b}'));
}

#[test]
fn steps_of_every_kind() {
    let minutes = |n| Step::Pause(Some(SignedDuration::from_mins(n)));
    let other = |name: &str| Step::Other(name.to_owned());
    let unreadable = || other("pause of an unreadable duration");
    let table = [
        (json!({"setWeight": 25}), Step::SetWeight(25)),
        (json!({"pause": {}}), Step::Pause(None)),
        (json!({"pause": null}), Step::Pause(None)),
        (json!({"pause": {"duration": null}}), Step::Pause(None)),
        (json!({"pause": {"duration": 60}}), minutes(1)),
        (json!({"pause": {"duration": "60"}}), minutes(1)),
        (json!({"pause": {"duration": "1h30m"}}), minutes(90)),
        (
            json!({"pause": {"duration": "1.5m"}}),
            Step::Pause(Some(SignedDuration::from_secs(90))),
        ),
        (
            json!({"pause": {"duration": "1500ms"}}),
            Step::Pause(Some(SignedDuration::from_millis(1500))),
        ),
        (json!({"pause": {"duration": "soon"}}), unreadable()),
        (json!({"pause": {"duration": "5 m"}}), unreadable()),
        (json!({"pause": {"duration": ""}}), unreadable()),
        (json!({"analysis": {"templates": []}}), Step::Analysis),
        (
            json!({"setCanaryScale": {"replicas": 1}}),
            other("setCanaryScale"),
        ),
        (json!({"setWeight": "many"}), other("setWeight of \"many\"")),
        (json!({"setWeight": 900}), other("setWeight of 900")),
        (json!({"setWeight": 101}), other("setWeight of 101")),
        (json!({"setWeight": -1}), other("setWeight of -1")),
        (json!({"setWeight": 33.3}), other("setWeight of 33.3")),
        (
            json!({"setWeight": 9_223_372_036_854_775_807_i64}),
            other("setWeight of 9223372036854775807"),
        ),
        (json!({"pause": {"duration": -5}}), unreadable()),
        (
            json!({"pause": {"duration": "99999999999999999999h"}}),
            unreadable(),
        ),
        (json!({"pause": []}), Step::Pause(None)),
        (json!({"a\u{1b}[2J": 1}), other("a␛[2J")),
        (json!({}), other("empty")),
    ];
    for (raw, step) in table {
        let over = json!({"spec": {"strategy": {"canary": {"steps": [raw]}}}});
        assert_eq!(of_rollout(&over).steps, [step], "{over}");
    }
    assert_eq!(
        of_rollout(&json!({"spec": {"strategy": {"canary": {"steps": null}}}})).steps,
        []
    );
    assert_eq!(of_rollout(&json!({"spec": {"strategy": null}})).steps, []);
    let thousand = json!({"spec": {"strategy": {"canary": {"trafficRouting": {"maxTrafficWeight": 1000},
        "steps": [{"setWeight": 250}]}}}});
    assert_eq!(of_rollout(&thousand).steps, [Step::SetWeight(25)]);
}

#[test]
fn a_container_of_another_name_is_none() {
    let over = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": "r/a:2"}]}}}});
    let workload = of_rollout(&over);
    assert_eq!((workload.image, workload.container_index), (None, None));
    let workload = of_rollout(&json!({"spec": {"template": null}}));
    assert_eq!((workload.image, workload.container_index), (None, None));
}

#[test]
fn phases_of_a_deployment() {
    use RolloutPhase::{Degraded, Healthy, Paused, Progressing};
    let status = |over: Value| json!({"status": over});
    let late =
        json!([{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]);
    let quota = json!([{"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}]);
    let table = [
        (json!({}), Healthy, ""),
        (
            status(json!({"observedGeneration": 1})),
            Progressing,
            "newest spec",
        ),
        (json!({"status": null}), Progressing, "newest spec"),
        (status(json!({"conditions": late})), Degraded, "deadline"),
        (
            status(json!({"updatedReplicas": 1})),
            Progressing,
            "1 of 3 replicas are updated",
        ),
        (
            status(json!({"replicas": 4})),
            Progressing,
            "1 old replica is terminating",
        ),
        (
            status(json!({"availableReplicas": 2})),
            Progressing,
            "2 of 3 updated replicas are available",
        ),
        (
            status(json!({"conditions": quota, "updatedReplicas": null})),
            Progressing,
            "exceeded quota",
        ),
        (json!({"spec": {"paused": true}}), Paused, "paused"),
        (
            json!({"spec": {"paused": true}, "status": {"updatedReplicas": 1}}),
            Paused,
            "1 of 3",
        ),
        (
            json!({"spec": {"replicas": 0}, "status": {"replicas": 0, "updatedReplicas": null, "availableReplicas": null}}),
            Healthy,
            "",
        ),
    ];
    for (over, phase, message) in table {
        let workload = of_deployment(&over);
        assert_eq!(workload.phase, phase, "{over}");
        assert!(
            workload.message.as_ref().contains(message),
            "{over}: {}",
            workload.message
        );
    }
}

#[test]
fn hashes_of_a_deployment_follow_its_replica_sets() {
    let hashes =
        |workload: &Workload| (workload.current_hash.clone(), workload.stable_hash.clone());
    let two = || Some("two".to_owned());
    assert_eq!(hashes(&of_deployment(&json!({}))), (two(), two()));
    let rolling = of_deployment(&json!({"status": {"replicas": 4, "updatedReplicas": 3}}));
    assert_eq!(hashes(&rolling), (two(), Some("one".to_owned())));
    // Paused with a new template: the newest replica set is not of that template.
    let moved = json!({"spec": {"paused": true, "template": {"spec": {"containers": [{"name": "app", "image": "r/a:3"}]}}},
        "status": {"updatedReplicas": 0}});
    assert_eq!(hashes(&of_deployment(&moved)), (None, two()));
    let alone = seen(
        WorkloadKind::Deployment,
        deployment(&json!({"status": {"availableReplicas": 1}})),
        &[set(WorkloadKind::Deployment, "two", "2", "r/a:2", 3)],
    );
    assert_eq!(hashes(&alone), (two(), two()));
    assert!(!alone.is_promoted() && of_deployment(&json!({})).is_promoted());
}

#[test]
fn sets_and_pods_of_others_are_left_out() {
    let kind = WorkloadKind::Rollout;
    let mut strange = set(kind, "strange", "9", "x", 1);
    strange.owner = Some("somebody else".to_owned());
    let sets = [
        set(kind, "old", "4", "r/a:1", 9),
        set(kind, "new", "5", "r/a:2", 1),
        strange,
    ];
    let pods: Vec<PodOf> = [("b", "new"), ("a", "old"), ("c", "strange")]
        .into_iter()
        .map(|(name, hash)| {
            let raw = json!({"metadata": {"name": format!("auth-{name}\u{202e}\u{7}"), "labels": {kind.hash_label(): hash},
                "ownerReferences": [{"uid": format!("rs-{hash}"), "controller": true}]}});
            pod(kind, &serde_json::from_value(raw).unwrap()).unwrap()
        })
        .collect();
    let raw: RawWorkload = serde_json::from_value(rollout(&json!({}))).unwrap();
    let observed = observed(&at(kind), &raw, sets.iter(), pods.iter());
    let hashes: Vec<&str> = observed
        .replica_sets
        .iter()
        .map(|set| set.hash.as_str())
        .collect();
    assert_eq!(hashes, ["new", "old"]);
    assert_eq!(observed.pods.len(), 2);
    assert!(
        observed
            .pods
            .iter()
            .all(|pod| !pod.name.as_ref().contains('\u{7}'))
    );
    assert_eq!(observed.stable_image(), Some("r/a:1"));
}

#[test]
fn states_of_pods() {
    let waiting =
        |reason: &str| json!([{"restartCount": 4, "state": {"waiting": {"reason": reason}}}]);
    let ready =
        json!([{"type": "Ready", "status": "True", "lastTransitionTime": "2026-08-01T10:00:00Z"}]);
    let table = [
        (
            json!({"status": {"phase": "Running", "conditions": ready}}),
            PodState::Ready,
            None,
        ),
        (
            json!({"metadata": {"deletionTimestamp": "2026-08-01T10:00:00Z"}, "status": {"phase": "Running", "conditions": ready}}),
            PodState::Terminating,
            None,
        ),
        (
            json!({"status": {"phase": "Pending", "containerStatuses": waiting("ContainerCreating")}}),
            PodState::Pending,
            None,
        ),
        (
            json!({"status": {"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}]}}),
            PodState::Pending,
            Some("Unschedulable"),
        ),
        (
            json!({"status": {"phase": "Pending", "containerStatuses": waiting("ImagePullBackOff")}}),
            PodState::Failing,
            Some("ImagePullBackOff"),
        ),
        (
            json!({"status": {"phase": "Running", "containerStatuses": waiting("CrashLoopBackOff")}}),
            PodState::Failing,
            Some("CrashLoopBackOff"),
        ),
        (
            json!({"status": {"phase": "Running", "containerStatuses": [{"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}]}}),
            PodState::Failing,
            Some("OOMKilled"),
        ),
        (
            json!({"status": {"phase": "Running", "initContainerStatuses": [{"state": {"terminated": {"reason": "Completed", "exitCode": 0}}}]}}),
            PodState::Starting,
            None,
        ),
        (
            json!({"status": {"phase": "Running", "containerStatuses": [{"restartCount": 1, "lastState": {"terminated": {"reason": "Error"}}}]}}),
            PodState::Starting,
            Some("Error"),
        ),
        (
            json!({"status": {"phase": "Failed", "reason": "Evicted"}}),
            PodState::Failing,
            Some("Evicted"),
        ),
        (json!({}), PodState::Pending, None),
    ];
    for (over, state, reason) in table {
        let base = json!({"metadata": {"name": "p", "labels": {"pod-template-hash": "h"}}});
        let raw = serde_json::from_value(merged(base, &over)).unwrap();
        let seen = pod(WorkloadKind::Deployment, &raw).unwrap().pod;
        assert_eq!(
            (seen.state, seen.reason.as_ref().map(AsRef::as_ref)),
            (state, reason),
            "{over}"
        );
    }
}

#[test]
fn selectors_as_queries() {
    use super::super::objects::Selector;
    let table = [
        (
            json!({"matchLabels": {"a": "1", "b": "2"}}),
            Some("a=1,b=2"),
        ),
        (
            json!({"matchLabels": {"a": "1"}, "matchExpressions": [
            {"key": "t", "operator": "In", "values": ["x", "y"]}, {"key": "u", "operator": "NotIn", "values": ["z"]},
            {"key": "v", "operator": "Exists"}, {"key": "w", "operator": "DoesNotExist"}]}),
            Some("a=1,t in (x,y),u notin (z),v,!w"),
        ),
        (
            json!({"matchExpressions": [{"key": "t", "operator": "Gt", "values": ["1"]}]}),
            None,
        ),
        (json!({}), None),
    ];
    for (raw, query) in table {
        let selector: Selector = serde_json::from_value(raw).unwrap();
        assert_eq!(selector.query().as_deref(), query);
    }
}

#[test]
fn a_blue_green_rollout_shows_its_sides_and_no_steps() {
    let over = json!({
        "spec": {"strategy": {"canary": null, "blueGreen": {"activeService": "a", "previewService": "p",
            "autoPromotionSeconds": 30}}},
        "status": {"currentStepIndex": 2, "message": "BlueGreenPause",
            "pauseConditions": [{"reason": "BlueGreenPause", "startTime": "2026-03-02T09:00:00Z"}],
            "blueGreen": {"activeSelector": "old", "previewSelector": "new"}}});
    let workload = of_rollout(&over);
    assert_eq!(
        (workload.steps.len(), workload.step, workload.set_weight()),
        (0, None, None)
    );
    let sides = workload.sides.clone().unwrap();
    assert_eq!(
        (sides.active.as_deref(), sides.preview.as_deref()),
        (Some("old"), Some("new"))
    );
    assert_eq!(workload.phase, RolloutPhase::Paused);
    let pause = workload.pause.clone().unwrap();
    assert_eq!(
        (pause.reason.as_str(), pause.lasts),
        ("BlueGreenPause", Some(SignedDuration::from_secs(30)))
    );
    assert!(workload.is_midway() && !workload.is_promoted() && !workload.rests_at_step());
}

#[test]
fn a_borrowed_template_has_the_image_of_its_set() {
    let over = json!({"spec": {"template": null, "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}}});
    let sets = [
        set(WorkloadKind::Rollout, "old", "4", "r/a:1", 1),
        set(WorkloadKind::Rollout, "new", "5", "r/a:2", 1),
    ];
    let workload = seen(WorkloadKind::Rollout, rollout(&over), &sets);
    assert_eq!(
        (workload.image.as_deref(), workload.container_index),
        (Some("r/a:2"), None)
    );
}
