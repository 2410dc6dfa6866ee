//! The exact operations of each change.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

fn on(kind: WorkloadKind) -> WorkloadRef {
    WorkloadRef {
        kind,
        namespace: "production".to_owned(),
        name: "auth".to_owned(),
        container: "app".to_owned(),
    }
}

fn expect() -> Expect {
    Expect {
        uid: "u1".to_owned(),
        pod_hash: Some("new".to_owned()),
        step: Some(1),
        image: Some("r/a:1".to_owned()),
    }
}

fn made(change: &Change, shape: &Shape) -> Result<Request, Lacking> {
    request(change, &IntentId("i-9".to_owned()), None, shape)
}

fn operations(change: &Change, shape: &Shape) -> Vec<String> {
    let short = |operation: &Value| {
        let value = operation
            .get("value")
            .map_or(String::new(), |value| format!(" {value}"));
        format!(
            "{} {}{value}",
            operation["op"].as_str().unwrap(),
            operation["path"].as_str().unwrap()
        )
    };
    made(change, shape)
        .unwrap()
        .operations
        .iter()
        .map(short)
        .collect()
}

#[test]
fn setting_an_image_tests_what_it_replaces() {
    let change = |kind| Change::SetImage {
        workload: on(kind),
        container_index: 1,
        image: "r/a:2".to_owned(),
        expect: expect(),
    };
    let bare = Shape {
        has_annotations: false,
        ..Shape::default()
    };
    assert_eq!(
        operations(&change(WorkloadKind::Rollout), &bare),
        [
            r#"test /metadata/uid "u1""#,
            r#"test /spec/template/spec/containers/1/name "app""#,
            r#"test /spec/template/spec/containers/1/image "r/a:1""#,
            r#"test /status/currentPodHash "new""#,
            r#"replace /spec/template/spec/containers/1/image "r/a:2""#,
            "add /metadata/annotations {}",
            r#"add /metadata/annotations/gonogo.dev~1intent "i-9""#,
        ]
    );
    let of_deployment = operations(&change(WorkloadKind::Deployment), &Shape::default());
    assert!(
        of_deployment
            .iter()
            .all(|operation| !operation.contains("/status"))
    );
    assert!(!of_deployment.contains(&"add /metadata/annotations {}".to_owned()));
    assert_eq!(
        made(&change(WorkloadKind::Rollout), &bare).unwrap().url(),
        "/apis/argoproj.io/v1alpha1/namespaces/production/rollouts/auth?fieldManager=gonogo"
    );
}

#[test]
fn a_promotion_is_bound_to_its_step() {
    let change = Change::PromoteStep {
        workload: on(WorkloadKind::Rollout),
        expect: expect(),
    };
    assert_eq!(
        operations(&change, &Shape::default()),
        [
            r#"test /metadata/uid "u1""#,
            "test /status/currentStepIndex 1",
            r#"test /status/currentPodHash "new""#,
            "test /status/abort null",
            r#"test /status/pauseConditions/0/reason "CanaryPauseStep""#,
            "remove /status/pauseConditions",
        ]
    );
    let retried = Shape {
        abort: Some(false),
        ..Shape::default()
    };
    assert!(operations(&change, &retried).contains(&"test /status/abort false".to_owned()));
    assert!(
        made(&change, &retried)
            .unwrap()
            .url()
            .contains("/rollouts/auth/status?")
    );
}

#[test]
fn steering_writes_one_member_of_the_status() {
    let workload = || on(WorkloadKind::Rollout);
    let table = [
        (
            Change::PromoteFull {
                workload: workload(),
                expect: expect(),
            },
            vec![
                r#"test /metadata/uid "u1""#,
                r#"test /status/currentPodHash "new""#,
                "test /status/abort null",
                "add /status/promoteFull true",
            ],
        ),
        (
            Change::Abort {
                workload: workload(),
                expect: expect(),
            },
            vec![
                r#"test /metadata/uid "u1""#,
                r#"test /status/currentPodHash "new""#,
                "add /status/abort true",
            ],
        ),
        (
            Change::Retry {
                workload: workload(),
                expect: expect(),
            },
            vec![
                r#"test /metadata/uid "u1""#,
                r#"test /status/currentPodHash "new""#,
                "test /status/abort true",
                "replace /status/abort false",
            ],
        ),
    ];
    for (change, wanted) in table {
        assert_eq!(operations(&change, &Shape::default()), wanted);
    }
}

#[test]
fn a_hold_carries_its_holder_and_only_ours_is_taken_off() {
    let hold = Change::Hold {
        workload: on(WorkloadKind::Rollout),
        expect: expect(),
        by: "ada".to_owned(),
    };
    assert_eq!(
        operations(&hold, &Shape::default())[2..],
        [
            "add /spec/paused true",
            r#"add /metadata/annotations/gonogo.dev~1held-by "ada""#,
            r#"add /metadata/annotations/gonogo.dev~1intent "i-9""#,
        ]
    );
    let resume = Change::Resume {
        workload: on(WorkloadKind::Rollout),
        expect: expect(),
    };
    let by_ada = Shape {
        held_by: Some("ada".to_owned()),
        ..Shape::default()
    };
    assert_eq!(
        operations(&resume, &by_ada),
        [
            r#"test /metadata/uid "u1""#,
            "test /spec/paused true",
            r#"test /metadata/annotations/gonogo.dev~1held-by "ada""#,
            "replace /spec/paused false",
            "remove /metadata/annotations/gonogo.dev~1held-by",
            r#"add /metadata/annotations/gonogo.dev~1intent "i-9""#,
        ]
    );
}

#[test]
fn what_cannot_be_guarded_is_not_sent() {
    let nothing = Expect {
        uid: "u1".to_owned(),
        ..Expect::default()
    };
    let workload = || on(WorkloadKind::Rollout);
    let shape = Shape::default();
    let promote = Change::PromoteStep {
        workload: workload(),
        expect: nothing.clone(),
    };
    assert_eq!(made(&promote, &shape), Err(Lacking::Place));
    let full = Change::PromoteFull {
        workload: workload(),
        expect: nothing,
    };
    assert_eq!(made(&full, &shape), Err(Lacking::Place));
    let awaited = request(&full, &IntentId("i".to_owned()), Some(&expect()), &shape).unwrap();
    assert!(
        awaited
            .body()
            .contains("\"/status/currentPodHash\",\"value\":\"new\""),
        "{}",
        awaited.body()
    );
    let nobody = Change::Abort {
        workload: workload(),
        expect: Expect::default(),
    };
    assert_eq!(made(&nobody, &shape), Err(Lacking::Uid));
    let stepless = Change::Abort {
        workload: on(WorkloadKind::Deployment),
        expect: expect(),
    };
    assert_eq!(made(&stepless, &shape), Err(Lacking::Steps));
}

#[test]
fn a_refusal_is_told_in_words() {
    let change = Change::PromoteStep {
        workload: on(WorkloadKind::Rollout),
        expect: expect(),
    };
    let request = made(&change, &Shape::default()).unwrap();
    let named = request.named_in("testing value /status/currentStepIndex failed: test failed");
    assert_eq!(named.as_deref(), Some("it is at step 1"));
    assert_eq!(request.named_in("the server rejected our request"), None);
    assert_eq!(
        request.preconditions(),
        "it is still the same object, it is at step 1, its template is new, it is not aborted, it rests at the pause of a step"
    );
}
