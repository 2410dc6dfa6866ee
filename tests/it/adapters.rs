//! The cluster adapters against the practice cluster, over loopback TLS.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use gonogo::{
    adapters::kubernetes::{self, Cluster},
    domain::{
        access::{Access, PluginPolicy},
        change::{Change, Expect},
        entry::IntentId,
        environment::EnvironmentName,
        fault::{Fault, FaultKind},
        observation::{Observation, Seen},
        project::ProjectId,
        rollout::{Observed, RolloutPhase, Side},
        target::{
            ClusterRef, Endpoint, MetricsSource, Target, TargetId, WorkloadKind, WorkloadRef,
        },
        workspace::Timings,
    },
    ports::{
        act::{Platform, Receipt},
        now::Clock,
    },
    simulator::{Options, Practice, Scenario},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(5);

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

struct Range {
    practice: Practice,
    cluster: Arc<Cluster>,
    raw: kube::Client,
    at: WorkloadRef,
    _dir: tempfile::TempDir,
}

fn workload(kind: WorkloadKind, namespace: &str) -> WorkloadRef {
    WorkloadRef {
        kind,
        namespace: namespace.to_owned(),
        name: "auth-service".to_owned(),
        container: "app".to_owned(),
    }
}

async fn range(scenario: Scenario) -> Range {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        scenario,
        seed: 7,
        speed: 30.0,
        dir: dir.path().to_owned(),
    };
    let practice = Practice::start(options).await.unwrap();
    let cluster = kubernetes::connect(&reference(&practice)).await.unwrap();
    let kubeconfig = kube::config::Kubeconfig::read_from(practice.kubeconfig()).unwrap();
    let config = kube::Config::from_custom_kubeconfig(
        kubeconfig,
        &kube::config::KubeConfigOptions::default(),
    )
    .await;
    Range {
        raw: kube::Client::try_from(config.unwrap()).unwrap(),
        practice,
        cluster: Arc::new(cluster),
        at: workload(WorkloadKind::Rollout, "production"),
        _dir: dir,
    }
}

fn reference(practice: &Practice) -> ClusterRef {
    ClusterRef {
        kubeconfig: Some(practice.kubeconfig().to_owned()),
        ..ClusterRef::default()
    }
}

impl Range {
    async fn read(&self) -> Observed {
        self.cluster.read(&self.at).await.unwrap()
    }

    async fn until(&self, what: &str, is: impl Fn(&Observed) -> bool) -> Observed {
        let look = async {
            loop {
                let observed = self.read().await;
                if is(&observed) {
                    return observed;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(30), look).await {
            Ok(observed) => observed,
            Err(late) => panic!("not {what} ({late}): {:#?}", self.read().await.workload),
        }
    }

    async fn send(&self, change: &Change) -> Result<Receipt, Fault> {
        self.send_within(change, DEADLINE).await
    }

    async fn send_within(&self, change: &Change, deadline: Duration) -> Result<Receipt, Fault> {
        self.cluster
            .apply(change, &IntentId("i-1".to_owned()), None, deadline)
            .await
    }

    async fn rehearse(&self, method: &str, path: &str, body: &Value) -> Value {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("/rehearsal/{path}"))
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .unwrap();
        serde_json::from_str(&self.raw.request_text(request).await.unwrap()).unwrap()
    }

    async fn patches(&self) -> Vec<Value> {
        let requests = self.rehearse("GET", "requests", &Value::Null).await;
        let requests = requests.as_array().unwrap().clone();
        requests
            .into_iter()
            .filter(|request| request["method"] == "PATCH")
            .collect()
    }

    fn digest_of(&self, number: u64) -> String {
        let releases = self.practice.releases();
        let release = releases
            .iter()
            .find(|r| r.project.ends_with("auth-service") && r.number == number)
            .unwrap();
        format!("{}@{}", release.image, release.digest)
    }

    fn set_image(&self, now: &Observed, image: String) -> Change {
        Change::SetImage {
            workload: self.at.clone(),
            container_index: now.workload.container_index.unwrap(),
            image,
            expect: expect(now),
        }
    }

    fn promote(&self, now: &Observed) -> Change {
        Change::PromoteStep {
            workload: self.at.clone(),
            expect: expect(now),
        }
    }

    /// Release 42 rests at its first pause.
    async fn flown(&self) -> Observed {
        let before = self.read().await;
        let image = self.digest_of(42);
        self.send(&self.set_image(&before, image)).await.unwrap();
        self.until("resting at step 1", |now| {
            now.workload.rests_at_step() && now.workload.step == Some(1) && now.workload.is_midway()
        })
        .await
    }
}

fn expect(now: &Observed) -> Expect {
    Expect {
        uid: now.workload.uid.clone(),
        pod_hash: now.workload.current_hash.clone(),
        step: now.workload.step,
        image: now.workload.image.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rollout_and_a_deployment_are_read() {
    let range = range(Scenario::Good).await;
    let now = range.read().await;
    assert!(now.workload.is_promoted(), "{:#?}", now.workload);
    assert_eq!((now.workload.steps.len(), now.workload.desired), (6, 10));
    assert_eq!(now.pods_of(Side::Stable).count(), 10);
    assert_eq!(now.replica_sets.len(), 3);
    assert_eq!(now.stable_image(), now.workload.image.as_deref());

    let staging = workload(WorkloadKind::Deployment, "staging");
    let now = range.cluster.read(&staging).await.unwrap();
    assert!(now.workload.is_promoted(), "{:#?}", now.workload);
    assert_eq!((now.workload.container_index, now.pods.len()), (Some(0), 3));

    let nobody = WorkloadRef {
        name: "nobody".to_owned(),
        ..staging
    };
    let fault = range.cluster.read(&nobody).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::NotFound);
    assert!(
        fault
            .hint
            .unwrap()
            .contains("kubectl get deployment -n staging")
    );
    range.practice.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_goes_step_by_step_and_no_step_twice() {
    let range = range(Scenario::Good).await;
    let first = range.flown().await;
    assert_eq!(first.workload.set_weight(), Some(10));
    assert_eq!(first.workload.intent.as_deref(), Some("i-1"));
    // Two operators at once, while the status is written a hundred times a second.
    range
        .rehearse("POST", "churn", &json!({"writes_per_second": 100}))
        .await;
    let promote = range.promote(&first);
    let (one, two) = tokio::join!(range.send(&promote), range.send(&promote));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    let second = range
        .until("resting at step 3", |now| {
            now.workload.rests_at_step() && now.workload.step == Some(3)
        })
        .await;
    // The same promotion again was meant for a step that is over.
    let fault = range.send(&range.promote(&first)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
    assert!(fault.detail.as_ref().contains("step 1"), "{fault}");
    assert_eq!(range.read().await.workload.step, Some(3));

    let full = Change::PromoteFull {
        workload: range.at.clone(),
        expect: expect(&second),
    };
    range.send(&full).await.unwrap();
    range
        .until("promoted", |now| now.workload.is_promoted())
        .await;
    range.practice.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn abort_retry_and_rollback() {
    let range = range(Scenario::Good).await;
    let before = range.read().await;
    let flown = range.flown().await;
    let (workload, expect_now) = (range.at.clone(), expect(&flown));
    let abort = Change::Abort {
        workload: workload.clone(),
        expect: expect_now.clone(),
    };
    range.send(&abort).await.unwrap();
    let aborted = range
        .until("aborted", |now| {
            now.workload.aborted && now.workload.phase == RolloutPhase::Degraded
        })
        .await;
    assert_eq!(aborted.workload.set_weight(), Some(0));
    let fault = range.send(&range.promote(&flown)).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused, "{fault}");

    let retry = Change::Retry {
        workload: workload.clone(),
        expect: expect_now,
    };
    range.send(&retry).await.unwrap();
    let again = range
        .until("resting again", |now| now.workload.rests_at_step())
        .await;
    assert!(!again.workload.aborted);
    // A retry leaves `abort: false` behind, which is not null.
    range.send(&range.promote(&again)).await.unwrap();
    let now = range
        .until("at step 3", |now| {
            now.workload.rests_at_step() && now.workload.step == Some(3)
        })
        .await;

    let old = before.workload.image.clone().unwrap();
    range
        .send(&range.set_image(&now, old.clone()))
        .await
        .unwrap();
    let wait = Change::AwaitTemplate {
        workload: workload.clone(),
        image: old.clone(),
        deadline: SignedDuration::from_secs(10),
    };
    let awaited = range
        .send_within(&wait, Duration::from_secs(10))
        .await
        .unwrap()
        .awaited
        .unwrap();
    assert_eq!(awaited.pod_hash, before.workload.current_hash);
    let full = Change::PromoteFull {
        workload,
        expect: Expect {
            uid: awaited.uid.clone(),
            ..Expect::default()
        },
    };
    let intent = IntentId("i-2".to_owned());
    range
        .cluster
        .apply(&full, &intent, Some(&awaited), DEADLINE)
        .await
        .unwrap();
    let back = range.until("back", |now| now.workload.is_promoted()).await;
    assert_eq!(back.workload.image, Some(old));
    range.practice.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_of_ours_is_taken_off_and_no_other() {
    let range = range(Scenario::Good).await;
    let now = range.read().await;
    let hold = Change::Hold {
        workload: range.at.clone(),
        expect: expect(&now),
        by: "ada".to_owned(),
    };
    let resume = Change::Resume {
        workload: range.at.clone(),
        expect: expect(&now),
    };
    let fault = range.send(&resume).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
    range.send(&hold).await.unwrap();
    let paused = range.until("held", |now| now.workload.paused).await;
    assert_eq!(paused.workload.held_by.unwrap().as_ref(), "ada");
    range.send(&resume).await.unwrap();
    let free = range.until("free", |now| !now.workload.paused).await;
    assert_eq!(free.workload.held_by, None);

    let staging = workload(WorkloadKind::Deployment, "staging");
    let now = range.cluster.read(&staging).await.unwrap();
    let abort = Change::Abort {
        workload: staging,
        expect: expect(&now),
    };
    assert_eq!(
        range.send(&abort).await.unwrap_err().kind,
        FaultKind::Refused
    );
    range.practice.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_is_sent_once_whatever_comes_back() {
    let range = range(Scenario::Good).await;
    let flown = range.flown().await;
    let abort = Change::Abort {
        workload: range.at.clone(),
        expect: expect(&flown),
    };
    let table = [
        (
            json!({"status": 503, "retry_after": 2}),
            FaultKind::Throttled,
            false,
        ),
        (
            json!({"status": 429, "retry_after": 2}),
            FaultKind::Throttled,
            false,
        ),
        (json!({"status": 409}), FaultKind::Conflict, false),
        (json!({"status": 500}), FaultKind::Unreachable, true),
        (json!({"status": 504}), FaultKind::TimedOut, true),
        (json!("reset_before"), FaultKind::Unreachable, true),
        (json!({"hang_before": 3000}), FaultKind::TimedOut, true),
        (json!("reset_after"), FaultKind::Unreachable, true),
    ];
    for (action, kind, unknown) in table {
        range.rehearse("DELETE", "requests", &Value::Null).await;
        let fault = json!({"match": {"method": "PATCH", "body_contains": "abort"}, "action": action, "times": 1});
        range.rehearse("POST", "faults", &fault).await;
        let fault = range
            .send_within(&abort, Duration::from_millis(800))
            .await
            .unwrap_err();
        assert_eq!(
            (fault.kind, fault.leaves_outcome_unknown()),
            (kind, unknown),
            "{action}: {fault}"
        );
        if kind == FaultKind::Throttled {
            assert_eq!(fault.retry_after, Some(SignedDuration::from_secs(2)));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        range.rehearse("DELETE", "faults", &Value::Null).await;
        assert!(
            range.patches().await.len() <= 1,
            "{action}: {:#?}",
            range.patches().await
        );
    }
    // The last one landed although its answer was lost.
    range.until("aborted", |now| now.workload.aborted).await;
    range.practice.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn kubeconfigs_that_do_not_work_say_what_to_do() {
    let range = range(Scenario::Good).await;
    let place = |kubeconfig: &std::path::Path, context: Option<&str>| ClusterRef {
        kubeconfig: Some(kubeconfig.to_owned()),
        context: context.map(str::to_owned),
        ..ClusterRef::default()
    };
    let good = std::fs::read_to_string(range.practice.kubeconfig()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let written = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let url = range.practice.api_url();
    let port_of_nobody = good.replace(url, "https://127.0.0.1:1");
    // Another practice cluster has another authority; its file with our address does not trust us.
    let other = self::range(Scenario::Good).await;
    let stranger = std::fs::read_to_string(other.practice.kubeconfig()).unwrap();
    let stranger = stranger.replace(other.practice.api_url(), url);
    let plugin = "apiVersion: v1\nkind: Config\ncurrent-context: c\n\
        contexts: [{name: c, context: {cluster: c, user: u}}]\n\
        clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}]\n\
        users: [{name: u, user: {exec: {apiVersion: client.authentication.k8s.io/v1, command: sh, \
        args: ['-c', 'read x; echo s3cr3t; echo s3cr3t >&2; exit 3'], interactiveMode: IfAvailable}}}]\n";
    let table = [
        (
            place(&written("stranger", &stranger), None),
            FaultKind::Unreachable,
            "TLS failed",
        ),
        (
            place(&written("plugin", plugin), None),
            FaultKind::Unauthorised,
            "credential plugin failed",
        ),
        (
            place(&dir.path().join("none"), None),
            FaultKind::NotFound,
            "does not exist",
        ),
        (
            place(&written("broken", "{token: s3cr3t, ["), None),
            FaultKind::Malformed,
            "no kubeconfig",
        ),
        (
            place(range.practice.kubeconfig(), Some("moon")),
            FaultKind::NotFound,
            "no context named moon",
        ),
        (
            place(&written("refused", &port_of_nobody), None),
            FaultKind::Unreachable,
            "refused",
        ),
    ];
    // The shell stands for a credential plugin that somebody allowed.
    let mut access = Access::default();
    access.plugins.policy = PluginPolicy::AllowAll;
    for (reference, kind, said) in table {
        let fault = kubernetes::connect_with(&reference, &access)
            .await
            .unwrap_err();
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.detail.as_ref().contains(said), "{fault}");
        assert!(fault.hint.is_some(), "{fault}");
        assert!(!fault.to_string().contains("s3cr3t"), "{fault}");
    }
    for (status, kind) in [(401, FaultKind::Unauthorised), (403, FaultKind::Forbidden)] {
        let refusal = json!({"match": {"method": "GET", "path_contains": "/apis/"}, "action": {"status": status}, "times": 2});
        range.rehearse("POST", "faults", &refusal).await;
        let fault = range.cluster.read(&range.at).await.unwrap_err();
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.hint.is_some(), "{fault}");
    }
    range.practice.stop().await;
}

type Posted = Arc<Mutex<Vec<Seen>>>;

fn feeds(range: &Range) -> (Posted, CancellationToken, Vec<tokio::task::JoinHandle<()>>) {
    let target = Target {
        id: TargetId::new(
            EnvironmentName::new("production"),
            ProjectId::parse("acme/shop/auth-service").unwrap(),
        ),
        cluster: reference(&range.practice),
        workload: range.at.clone(),
        health: Some(Endpoint {
            port: 8080,
            path: "/health".to_owned(),
        }),
        metrics: Some(MetricsSource {
            endpoint: Endpoint {
                port: 9090,
                path: "/metrics".to_owned(),
            },
            prefix: "release_manager".to_owned(),
            window: SignedDuration::from_secs(60),
            min_requests: 10,
        }),
        limits: Vec::new(),
        stages: Vec::new(),
        items: Vec::new(),
        monitoring: SignedDuration::from_secs(60),
        rollout_deadline: SignedDuration::from_secs(60),
    };
    let timings = Timings {
        health_interval: SignedDuration::from_millis(200),
        scrape_interval: SignedDuration::from_millis(500),
        ..Timings::default()
    };
    let posted = Posted::default();
    let cancel = CancellationToken::new();
    let running = kubernetes::feeds(&range.cluster, &target, &timings, Arc::new(Wall))
        .into_iter()
        .map(|feed| {
            let into = Arc::clone(&posted);
            let post = Arc::new(move |observation: Observation| {
                into.lock().unwrap().push(observation.seen);
            });
            tokio::spawn(feed.run(post, cancel.clone()))
        })
        .collect();
    (posted, cancel, running)
}

async fn seen(posted: &Posted, what: &str, within: u64, is: impl Fn(&Seen) -> bool) {
    for _ in 0..within * 20 {
        if posted.lock().unwrap().iter().any(&is) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!(
        "{what} was not posted: {:#?}",
        posted.lock().unwrap().last()
    );
}

fn shows(seen: &Seen, is: impl Fn(&Observed) -> bool) -> bool {
    matches!(seen, Seen::Workload(observed) if is(observed))
}

#[tokio::test(flavor = "multi_thread")]
async fn feeds_show_a_flight_and_end_when_cancelled() {
    let range = range(Scenario::Good).await;
    let (posted, cancel, running) = feeds(&range);
    seen(&posted, "the beginning", 5, |seen| {
        shows(seen, |now| now.workload.is_promoted())
    })
    .await;
    range.flown().await;
    seen(&posted, "the canary", 5, |seen| {
        shows(seen, |now| now.workload.rests_at_step())
    })
    .await;
    let both = |sides: usize, good: bool| sides == 2 && good;
    seen(&posted, "health of both sides", 10, |seen| {
        matches!(seen, Seen::Health(health) if both(health.sides.len(), health.sides.values().all(|side| side.streak > 2)))
    })
    .await;
    seen(&posted, "figures of both sides", 10, |seen| {
        matches!(seen, Seen::Metrics(metrics) if both(metrics.sides.len(), metrics.sides.values().all(|side|
            side.over_window.error_rate.is_some() && side.over_window.latency_p99.is_some() && side.silent == 0)))
    })
    .await;
    seen(&posted, "that nothing changed", 25, |seen| {
        matches!(seen, Seen::WorkloadUnchanged)
    })
    .await;
    cancel.cancel();
    for feed in running {
        tokio::time::timeout(Duration::from_secs(1), feed)
            .await
            .unwrap()
            .unwrap();
    }
    range.practice.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deaf_watch_a_compaction_and_an_outage_are_survived() {
    let range = range(Scenario::Good).await;
    let (posted, cancel, _running) = feeds(&range);
    seen(&posted, "the beginning", 5, |seen| {
        shows(seen, |now| now.workload.is_promoted())
    })
    .await;

    range
        .rehearse(
            "POST",
            "faults",
            &json!({"match": {"path_contains": "watch=1"}, "action": "drop_events"}),
        )
        .await;
    let now = range.read().await;
    let hold = Change::Hold {
        workload: range.at.clone(),
        expect: expect(&now),
        by: "ada".to_owned(),
    };
    range.send(&hold).await.unwrap();
    seen(&posted, "what the watch did not say", 20, |seen| {
        shows(seen, |now| now.workload.paused)
    })
    .await;
    range.rehearse("DELETE", "faults", &Value::Null).await;

    range.rehearse("POST", "compact", &Value::Null).await;
    let outage =
        json!({"match": {"method": "GET", "path_contains": "/apis/"}, "action": {"status": 500}});
    range.rehearse("POST", "faults", &outage).await;
    seen(&posted, "the outage", 20, |seen| {
        matches!(seen, Seen::WorkloadFailed(_))
    })
    .await;
    range.rehearse("DELETE", "faults", &Value::Null).await;
    posted.lock().unwrap().clear();
    let resume = Change::Resume {
        workload: range.at.clone(),
        expect: expect(&now),
    };
    range.send(&resume).await.unwrap();
    seen(&posted, "the resumption", 20, |seen| {
        shows(seen, |now| !now.workload.paused)
    })
    .await;
    cancel.cancel();
    range.practice.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pods_whose_metrics_are_lost_are_silent_and_say_why() {
    let range = range(Scenario::MetricsLost).await;
    let first = range.flown().await;
    range.send(&range.promote(&first)).await.unwrap();
    let (posted, cancel, _running) = feeds(&range);
    let new = first.workload.current_hash.clone().unwrap();
    seen(&posted, "silence", 20, |seen| {
        matches!(seen, Seen::Metrics(metrics) if metrics.sides.get(&new).is_some_and(|side| side.silent > 0 && side.trouble.is_some()))
    })
    .await;
    cancel.cancel();
    range.practice.stop().await;
}
