//! A cluster that serves nonsense, floods and nothing: objects, `/metrics` and `/health` that no controller and no library
//! would write (QUALITY T24, P12). What is shown is true, bounded, and never green by accident.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use gonogo::{
    adapters::kubernetes,
    domain::{
        environment::EnvironmentName,
        observation::{Observation, Seen},
        project::ProjectId,
        rollout::Step,
        target::{
            ClusterRef, Endpoint, MetricsSource, Target, TargetId, WorkloadKind, WorkloadRef,
        },
        workspace::Timings,
    },
    policy::decide::{Command, decide},
    ports::now::Clock,
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{fixture, support::gonogo};

/// What is served at a path; the longest beginning that fits decides.
#[derive(Clone)]
enum Serve {
    Json(Value),
    Text(String),
    /// Status, one header, body.
    Reply(u16, &'static str, String, String),
    /// This, so often.
    Flood(&'static str, Bytes, usize),
    /// A beginning, then a byte at a time, for ever.
    Drip(String),
}

#[derive(Clone, Default)]
struct Stub {
    answers: Arc<Mutex<BTreeMap<String, Serve>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

struct Served {
    stub: Stub,
    dir: tempfile::TempDir,
    kubeconfig: PathBuf,
    _runtime: tokio::runtime::Runtime,
}

impl Stub {
    fn set(&self, path: &str, serve: Serve) {
        self.answers.lock().unwrap().insert(path.to_owned(), serve);
    }

    fn answer(&self, path: &str) -> Response {
        let answers = self.answers.lock().unwrap().clone();
        let found = answers
            .iter()
            .filter(|(beginning, _)| path.starts_with(beginning.as_str()))
            .max_by_key(|(beginning, _)| beginning.len());
        let typed = |kind: &str, body: Body| {
            Response::builder()
                .header("content-type", kind)
                .body(body)
                .unwrap()
        };
        match found.map(|(_, serve)| serve.clone()) {
            None => (axum::http::StatusCode::NOT_FOUND, "nothing here").into_response(),
            Some(Serve::Json(value)) => typed("application/json", Body::from(value.to_string())),
            Some(Serve::Text(text)) => typed("text/plain; version=0.0.4", Body::from(text)),
            Some(Serve::Reply(status, name, value, body)) => Response::builder()
                .status(status)
                .header(name, value)
                .body(Body::from(body))
                .unwrap(),
            Some(Serve::Flood(beginning, piece, times)) => {
                let pieces = std::iter::once(Bytes::from_static(beginning.as_bytes()))
                    .chain(std::iter::repeat_n(piece, times))
                    .map(Ok::<Bytes, std::io::Error>);
                typed(
                    "application/json",
                    Body::from_stream(futures::stream::iter(pieces)),
                )
            }
            Some(Serve::Drip(beginning)) => {
                let drops = futures::stream::unfold(Some(beginning), |first| async move {
                    let bytes = match first {
                        Some(first) => Bytes::from(first),
                        None => {
                            tokio::time::sleep(Duration::from_millis(50)).await;
                            Bytes::from_static(b" ")
                        }
                    };
                    Some((Ok::<Bytes, std::io::Error>(bytes), None))
                });
                typed("application/json", Body::from_stream(drops))
            }
        }
    }
}

const ROLLOUT: &str = "/apis/argoproj.io/v1alpha1/namespaces/production/rollouts/auth-service";
const SETS: &str = "/apis/apps/v1/namespaces/production/replicasets";
const PODS: &str = "/api/v1/namespaces/production/pods?";
const METRICS: &str = "/api/v1/namespaces/production/pods/auth-1:9090/proxy/metrics";
const HEALTH: &str = "/api/v1/namespaces/production/pods/auth-1:8080/proxy/health";

/// A healthy Rollout of one pod, over which `change` is laid.
fn rollout(change: &Value) -> Value {
    let mut object = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout",
        "metadata": {"name": "auth-service", "namespace": "production", "uid": "u1", "resourceVersion": "7", "generation": 3},
        "spec": {
            "replicas": 1, "selector": {"matchLabels": {"app": "auth"}},
            "template": {"spec": {"containers": [{"name": "auth-service", "image": "registry.example/auth@sha256:00"}]}},
            "strategy": {"canary": {"steps": [{"setWeight": 10}, {"pause": {}}, {"setWeight": 100}]}},
        },
        "status": {
            "observedGeneration": "3", "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
            "phase": "Healthy", "currentPodHash": "h1", "stableRS": "h1", "currentStepIndex": 3,
        },
    });
    json_patch::merge(&mut object, change);
    object
}

impl Served {
    fn start() -> Self {
        let stub = Stub::default();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let address = listener.local_addr().unwrap();
        let answering = stub.clone();
        let router = Router::new().fallback(move |request: Request| {
            let path = request.uri().to_string();
            answering.asked.lock().unwrap().push(path.clone());
            let response = answering.answer(&path);
            async move { response }
        });
        runtime.spawn(async move { axum::serve(listener, router).await });
        let dir = tempfile::tempdir().unwrap();
        let kubeconfig = dir.path().join("kubeconfig");
        std::fs::write(
            &kubeconfig,
            format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: stub\nclusters:\n- name: stub\n  cluster: {{server: 'http://{address}'}}\nusers:\n- name: stub\n  user: {{token: t}}\ncontexts:\n- name: stub\n  context: {{cluster: stub, user: stub}}\n"
            ),
        )
        .unwrap();
        git2::Repository::init(dir.path().join("source")).unwrap();
        std::fs::write(
            dir.path().join("gonogo.toml"),
            "name = \"stub\"\nledger = { path = \"ledger.sqlite\" }\n[[project]]\nid = \"acme/auth-service\"\nsource = \"source\"\n\
             image = \"registry.example/auth\"\n[[environment]]\nname = \"production\"\n[[target]]\nenvironment = \"production\"\n\
             project = \"auth-service\"\nkubeconfig = \"kubeconfig\"\nnamespace = \"production\"\nworkload = \"rollout/auth-service\"\n\
             metrics = { port = 9090 }\nhealth = { port = 8080 }\n",
        )
        .unwrap();
        stub.set("/version", Serve::Json(json!({"major": "1"})));
        stub.set(ROLLOUT, Serve::Json(rollout(&json!({}))));
        // The collection that is watched, and watches, which say nothing and stay open.
        for (path, list) in [
            (
                "/apis/argoproj.io/v1alpha1/namespaces/production/rollouts?",
                json!({"metadata": {"resourceVersion": "9"}, "items": [rollout(&json!({}))]}),
            ),
            (
                SETS,
                json!({"metadata": {"resourceVersion": "9"}, "items": [{
                    "metadata": {"name": "auth-h1", "uid": "s1", "labels": {"rollouts-pod-template-hash": "h1"},
                        "ownerReferences": [{"uid": "u1", "controller": true}]},
                    "spec": {"replicas": 1}, "status": {"replicas": 1, "readyReplicas": 1},
                }]}),
            ),
            (
                PODS,
                json!({"metadata": {"resourceVersion": "9"}, "items": [{
                    "metadata": {"name": "auth-1", "labels": {"rollouts-pod-template-hash": "h1"},
                        "ownerReferences": [{"uid": "s1", "controller": true}]},
                    "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
                }]}),
            ),
        ] {
            stub.set(path, Serve::Json(list));
        }
        Self {
            stub,
            dir,
            kubeconfig,
            _runtime: runtime,
        }
    }

    /// `status --json` of the one target, its exit code, and the most memory it had, in MB.
    fn status(&self) -> (Value, Option<i32>, u64) {
        let mut child = gonogo(&["--config"])
            .arg(self.dir.path().join("gonogo.toml"))
            .args(["status", "--json"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let of_child = format!("/proc/{}/status", child.id());
        let mut most = 0;
        let code = loop {
            let status = std::fs::read_to_string(&of_child).unwrap_or_default();
            let now = status.lines().find_map(|line| {
                let kilobytes = line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?;
                kilobytes.parse::<u64>().ok()
            });
            most = most.max(now.unwrap_or(0));
            if let Some(status) = child.try_wait().unwrap() {
                break status.code();
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let object: Value = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)));
        (object["targets"][0].clone(), code, most / 1024)
    }
}

#[test]
fn objects_that_make_no_sense_are_shown_as_what_they_are() {
    let served = Served::start();
    let canary = |steps: Value| json!({"spec": {"strategy": {"canary": {"steps": steps}}}});
    let (target, code, _) = served.status();
    assert_eq!(
        (target["workload"]["phase"].as_str(), code),
        (Some("healthy"), Some(0)),
        "{target:#}"
    );
    // Readable, if strange.
    for (change, field, expect) in [
        (canary(json!(null)), "steps", json!(0)),
        (canary(json!([])), "steps", json!(0)),
        (
            canary(json!([{}, {"dance": 1}, {"setWeight": 150}])),
            "steps",
            json!(3),
        ),
        (
            canary(json!(vec![json!({"setWeight": 1}); 20_000])),
            "steps",
            json!(20_000),
        ),
        (json!({"spec": {"strategy": null}}), "steps", json!(0)),
        (
            json!({"status": {"currentStepIndex": 99}}),
            "weight",
            json!(100),
        ),
        (
            json!({"status": {"currentStepIndex": -1}}),
            "step",
            Value::Null,
        ),
        (
            json!({"status": {"phase": "Dancing"}}),
            "phase",
            json!("unknown"),
        ),
        (json!({"status": null}), "ready", json!(0)),
        (json!({"status": {"readyReplicas": -5}}), "ready", json!(0)),
        (
            json!({"spec": {"replicas": 9_223_372_036_854_775_807_i64}}),
            "desired",
            json!(u32::MAX),
        ),
        (
            json!({"spec": {"template": {"spec": {"containers": []}}}}),
            "image",
            Value::Null,
        ),
        (
            json!({"status": {"message": "\u{1b}[2J\u{202e}"}}),
            "message",
            json!("␛[2J‹U+202E›"),
        ),
    ] {
        served.stub.set(ROLLOUT, Serve::Json(rollout(&change)));
        let (target, _, _) = served.status();
        let told = change.to_string().chars().take(120).collect::<String>();
        assert_eq!(target["workload"][field], expect, "{told}: {target:#}");
    }
    // Not readable: where, and nothing is known.
    for (change, place) in [
        (canary(json!("soon")), "spec.strategy.canary.steps"),
        (canary(json!([5])), "spec.strategy.canary.steps[0]"),
        (json!({"spec": {"replicas": "ten"}}), "spec.replicas"),
        (json!({"spec": {"replicas": 1e300}}), "spec.replicas"),
        (json!({"status": 5}), "status"),
        (
            json!({"metadata": {"annotations": {"a": 1}}}),
            "metadata.annotations",
        ),
        (json!({"metadata": {"labels": "x"}}), "metadata.labels"),
        (
            json!({"status": {"conditions": {"a": 1}}}),
            "status.conditions",
        ),
    ] {
        served.stub.set(ROLLOUT, Serve::Json(rollout(&change)));
        let (target, code, _) = served.status();
        let detail = target["trouble"]["detail"].as_str().unwrap_or_default();
        assert!(
            detail.contains(&format!("its {place}"))
                && target["workload"].is_null()
                && code == Some(1),
            "{change}: {target:#}"
        );
    }
    served.stub.set(ROLLOUT, Serve::Json(json!([])));
    assert!(served.status().0["workload"].is_null());
    for text in ["", "null", "[[[", "\u{0}", "<html>sign in</html>"] {
        served.stub.set(ROLLOUT, Serve::Text(text.to_owned()));
        let (target, code, _) = served.status();
        assert!(
            target["workload"].is_null() && code == Some(1),
            "{text:?}: {target:#}"
        );
    }
    let deep = format!(
        "{{\"spec\":{}1{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    served.stub.set(ROLLOUT, Serve::Text(deep));
    assert!(served.status().0["workload"].is_null());
}

#[test]
fn a_hundred_megabytes_in_an_annotation_cost_no_memory() {
    let served = Served::start();
    let (_, _, calm) = served.status();
    let megabyte = Bytes::from(vec![b'x'; 1 << 20]);
    served.stub.set(
        ROLLOUT,
        Serve::Flood(
            "{\"metadata\":{\"annotations\":{\"big\":\"",
            megabyte.clone(),
            100,
        ),
    );
    let (target, code, most) = served.status();
    let detail = target["trouble"]["detail"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        detail.contains("larger than 16 MB") && code == Some(1),
        "{target:#}"
    );
    println!("{calm} MB at rest, {most} MB with 100 MB in an annotation");
    assert!(most < calm + 100, "{most} MB, and {calm} MB at rest");
    // One that still fits is read, and not kept.
    let large = rollout(
        &json!({"metadata": {"annotations": {"big": "x".repeat(10 << 20), "gonogo.dev/held-by": "dana"}}}),
    );
    served.stub.set(ROLLOUT, Serve::Json(large));
    let (target, code, most) = served.status();
    assert_eq!(
        (&target["workload"]["held_by"], code),
        (&json!("dana"), Some(0)),
        "{target:#}"
    );
    assert!(most < calm + 100, "{most} MB, and {calm} MB at rest");
}

#[test]
fn a_page_that_is_too_large_is_asked_for_in_smaller_ones() {
    let served = Served::start();
    let megabyte = Bytes::from(vec![b'x'; 1 << 20]);
    let flood = Serve::Flood("{\"items\":[{\"metadata\":{\"name\":\"", megabyte, 100);
    let pods = served.stub.answers.lock().unwrap()[PODS].clone();
    let with_limit = |limit: &str| format!("{PODS}labelSelector=app%3Dauth&limit={limit}");
    served.stub.set(&with_limit("500"), flood.clone());
    served.stub.set(&with_limit("50"), pods);
    let (target, code, most) = served.status();
    assert_eq!(
        (target["workload"]["phase"].as_str(), code),
        (Some("healthy"), Some(0)),
        "{target:#}"
    );
    assert!(most < 300, "{most} MB");
    // However small the pages are.
    served.stub.set(&with_limit("5"), flood.clone());
    served.stub.set(PODS, flood);
    served
        .stub
        .answers
        .lock()
        .unwrap()
        .remove(&with_limit("50"));
    served.stub.asked.lock().unwrap().clear();
    let (target, code, _) = served.status();
    let detail = target["trouble"]["detail"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    assert!(
        detail.contains("5 objects are larger than 32 MB") && code == Some(1),
        "{target:#}"
    );
    let asked = served.stub.asked.lock().unwrap().clone();
    assert_eq!(
        asked.iter().filter(|path| path.starts_with(PODS)).count(),
        3,
        "{asked:?}"
    );
}

struct Wall;

impl Clock for Wall {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// What the feeds post of the one pod, once both have posted anew.
async fn posted(served: &Served) -> (String, String) {
    let reference = ClusterRef {
        kubeconfig: Some(served.kubeconfig.clone()),
        context: None,
        must_be_verified: false,
        pin: None,
    };
    let cluster = Arc::new(kubernetes::connect(&reference).await.unwrap());
    let endpoint = |port: u16, path: &str| Endpoint {
        port,
        path: path.to_owned(),
    };
    let target = Target {
        id: TargetId::new(
            EnvironmentName::new("production"),
            ProjectId::parse("acme/auth-service").unwrap(),
        ),
        cluster: reference,
        workload: WorkloadRef {
            kind: WorkloadKind::Rollout,
            namespace: "production".to_owned(),
            name: "auth-service".to_owned(),
            container: "auth-service".to_owned(),
        },
        health: Some(endpoint(8080, "/health")),
        metrics: Some(MetricsSource {
            endpoint: endpoint(9090, "/metrics"),
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
        health_interval: SignedDuration::from_secs(1),
        scrape_interval: SignedDuration::from_secs(3),
        ..Timings::default()
    };
    let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let cancel = CancellationToken::new();
    for feed in kubernetes::feeds(&cluster, &target, &timings, Arc::new(Wall)) {
        let into = Arc::clone(&seen);
        let post = Arc::new(move |observation: Observation| {
            into.lock().unwrap().push(observation.seen);
        });
        tokio::spawn(feed.run(post, cancel.clone()));
    }
    let told = async {
        loop {
            let all = seen.lock().unwrap().clone();
            let health = all.iter().find_map(|seen| match seen {
                Seen::Health(health) => health.sides.get("h1").map(|side| match &side.trouble {
                    Some(fault) => fault.to_string(),
                    None => format!("good {}", side.good),
                }),
                Seen::HealthFailed(fault) => Some(format!("failed: {fault}")),
                _ => None,
            });
            let metrics = all.iter().find_map(|seen| match seen {
                Seen::Metrics(metrics) => metrics.sides.get("h1").map(|side| match &side.trouble {
                    Some(fault) => fault.to_string(),
                    None => format!("silent {}, {:?}", side.silent, side.over_window.error_rate),
                }),
                Seen::MetricsFailed(fault) => Some(format!("failed: {fault}")),
                _ => None,
            });
            if let (Some(health), Some(metrics)) = (health, metrics) {
                return (health, metrics);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let told = tokio::time::timeout(Duration::from_secs(60), told)
        .await
        .unwrap_or_else(|_| panic!("nothing was posted: {:#?}", seen.lock().unwrap()));
    cancel.cancel();
    told
}

#[test]
fn pods_that_answer_with_nonsense_are_silent_and_say_why() {
    let served = Served::start();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let wanted = "release_manager_requests_total{v=\"1\"} 5\nrelease_manager_errors_total 0\n";
    let of_others: String = (0..340_000).fold(String::new(), |text, n| {
        text + &format!("http_server_requests_seconds_bucket{{path=\"/p{n}\",le=\"1\"}} {n}\n")
    });
    assert!(of_others.len() > 19 << 20, "{}", of_others.len());
    let ours: String = (0..20_001).fold(String::new(), |text, n| {
        text + &format!("release_manager_requests_total{{user=\"{n}\"}} 1\n")
    });
    let reply = |status, name, value: &str, body: &str| {
        Serve::Reply(status, name, value.to_owned(), body.to_owned())
    };
    let well = || Serve::Text(wanted.to_owned());
    let healthy = || Serve::Json(json!({"status": "ok"}));
    let kilobyte = Bytes::from(vec![b'#'; 1 << 20]);
    let table = [
        (healthy(), "good 1", well(), "silent 0, None"),
        (
            Serve::Flood("{\"status\":\"", kilobyte.clone(), 50),
            "larger than 1 MB",
            Serve::Text(format!("{of_others}{wanted}")),
            "silent 0, None",
        ),
        (
            reply(200, "content-type", "text/html", "<html>ok</html>"),
            "a page of HTML",
            Serve::Flood("", kilobyte, 40),
            "more than 32 MB",
        ),
        (
            reply(302, "location", HEALTH, ""),
            "302 Found",
            Serve::Text(ours),
            "series, more than 20000",
        ),
        (
            Serve::Drip("{\"status\":".to_owned()),
            "no answer within 1 s",
            Serve::Drip(wanted.to_owned()),
            "no answer within 3 s",
        ),
        (
            reply(200, "content-encoding", "gzip", "\u{1f}\u{8b}"),
            "answered compressed",
            reply(200, "content-encoding", "gzip", "\u{1f}\u{8b}"),
            "answered compressed",
        ),
        (
            Serve::Text(String::new()),
            "answered with nothing",
            Serve::Text(String::new()),
            "no metrics at all",
        ),
        (
            Serve::Json(json!({"status": 200})),
            "no `status` word",
            reply(302, "location", METRICS, ""),
            "302 Found",
        ),
        (
            Serve::Text("[".repeat(500_000)),
            "no JSON",
            Serve::Text("go_goroutines 7\n".to_owned()),
            "none of the expected families",
        ),
        (
            reply(500, "content-type", "text/plain", "boom"),
            "500",
            Serve::Text(format!(
                "{wanted}release_manager_requests_total{{v=\"1\"}} 6\n"
            )),
            "twice, with different values",
        ),
        (
            healthy(),
            "good 1",
            // No HELP, no TYPE, and no numbers: read, and no figure.
            Serve::Text(
                "release_manager_requests_total NaN\nrelease_manager_errors_total +Inf\n"
                    .to_owned(),
            ),
            "silent 0, None",
        ),
    ];
    for (health, said, metrics, told) in table {
        served.stub.set(HEALTH, health);
        served.stub.set(METRICS, metrics);
        served.stub.asked.lock().unwrap().clear();
        let (of_health, of_metrics) = runtime.block_on(posted(&served));
        assert!(of_health.contains(said), "{said}: {of_health}");
        assert!(of_metrics.contains(told), "{told}: {of_metrics}");
        let asked = served.stub.asked.lock().unwrap().clone();
        let rounds = asked.iter().filter(|path| *path == HEALTH).count();
        assert!(rounds < 12, "a redirection is not followed: {rounds}");
    }
}

/// The step that a promotion would pass over is of a kind that gonogo does not know.
#[test]
fn nobody_promotes_into_a_step_that_is_not_known() {
    let id = fixture::target("production", "auth-service");
    let dana = fixture::actor("dana");
    let mut story = fixture::baking();
    let observed = {
        let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
        facts.workload.value().unwrap().clone()
    };
    let step = observed.workload.step.unwrap();
    let mut rule_with = |follow: &[Step]| {
        let mut seen = observed.clone();
        seen.workload.steps.truncate(step + 1);
        seen.workload.steps.extend_from_slice(follow);
        let now = story.cockpit.now;
        let observation = Observation {
            target: id.clone(),
            seen: Seen::Workload(Box::new(seen)),
        };
        story.cockpit.known.observe(&observation, now);
        let facts = story.cockpit.known.facts(&id, now).unwrap();
        for command in [Command::Hold, Command::Abort] {
            assert!(
                decide(&command, &facts, &dana).is_ok(),
                "the ways out are open"
            );
        }
        let refused = decide(&Command::Promote { step }, &facts, &dana).unwrap_err();
        (refused.rule.clone(), refused.sentence)
    };
    let other = || Step::Other("setWeight of 150".to_owned());
    for follow in [&[other()][..], &[Step::SetWeight(100), other()]] {
        let (rule, sentence) = rule_with(follow);
        let at = format!("step {}", step + follow.len());
        assert_eq!(rule, "promote.unknown_step", "{sentence}");
        assert!(
            sentence.contains(&at) && sentence.contains("`setWeight of 150`"),
            "{sentence}"
        );
    }
    // Behind the next pause it is another moment's.
    let (rule, _) = rule_with(&[Step::SetWeight(100), Step::Pause(None), other()]);
    assert_ne!(rule, "promote.unknown_step");
}

/// A canary without steps is promoted the moment it is healthy: there is no stage to rest at and none to promote.
#[test]
fn a_rollout_with_no_steps_rests_nowhere_and_keeps_its_ways_out() {
    let id = fixture::target("production", "auth-service");
    let dana = fixture::actor("dana");
    let mut story = fixture::baking();
    let now = story.cockpit.now;
    let mut seen = {
        let facts = story.cockpit.known.facts(&id, now).unwrap();
        facts.workload.value().unwrap().clone()
    };
    seen.workload.steps.clear();
    seen.workload.step = None;
    seen.workload.pause = None;
    let observation = Observation {
        target: id.clone(),
        seen: Seen::Workload(Box::new(seen)),
    };
    story.cockpit.known.observe(&observation, now);
    let facts = story.cockpit.known.facts(&id, now).unwrap();
    assert!(!facts.workload.value().unwrap().workload.rests_at_step());
    for step in [0, 1] {
        let refused = decide(&Command::Promote { step }, &facts, &dana).unwrap_err();
        assert!(refused.rule.starts_with("promote."), "{refused:?}");
    }
    for command in [Command::Hold, Command::Abort] {
        decide(&command, &facts, &dana).unwrap();
    }
    // The plan has stages that this rollout never stops at: that is a reason against it, by its figures.
    let plan = facts.current().unwrap().plan.clone();
    let judged = gonogo::policy::gates::take_off(&facts, &plan);
    let steps = judged
        .gates
        .iter()
        .find(|gate| gate.sentence.contains("no pause after setWeight"));
    assert!(steps.is_some(), "{:?}", judged.gates);
}

/// Kinds that came after this program are told by name, wherever they stand.
#[test]
fn step_kinds_that_are_not_known_keep_their_names() {
    let served = Served::start();
    for kind in [
        "setMirrorRoute",
        "plugin",
        "experiment",
        "somethingOfTomorrow",
    ] {
        let steps = json!([{"setWeight": 10}, {"pause": {}}, {kind: {"name": "x"}}, {"pause": {}}]);
        let object = rollout(&json!({"spec": {"strategy": {"canary": {"steps": steps}}}}));
        served.stub.set(ROLLOUT, Serve::Json(object));
        let (target, ..) = served.status();
        assert_eq!(target["workload"]["steps"], json!(4), "{kind}: {target:#}");
        assert_eq!(target["workload"]["phase"], "healthy", "{kind}: {target:#}");
    }
}
