//! Who we are to the server, and whether it is the server we mean: credentials that run out, plugins that ask, clusters
//! that are pinned, certificates that nobody looks at.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use gonogo::{
    adapters::kubernetes::{self, Cluster},
    domain::{
        access::{Access, PluginPolicy},
        change::{Change, Expect},
        entry::IntentId,
        fault::{Fault, FaultKind},
        target::{ClusterRef, Pin, WorkloadKind, WorkloadRef},
    },
    ports::act::Platform as _,
    simulator::{Options, Practice, Scenario},
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{
    fault_proxy::{FaultProxy, Strike},
    rig::Rig,
};

struct Ground {
    practice: Practice,
    proxy: FaultProxy,
    dir: tempfile::TempDir,
}

async fn ground() -> Ground {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        scenario: Scenario::Good,
        seed: 7,
        speed: 30.0,
        dir: dir.path().to_owned(),
    };
    let practice = Practice::start(options).await.unwrap();
    let proxy = FaultProxy::before(practice.kubeconfig()).await;
    Ground {
        practice,
        proxy,
        dir,
    }
}

fn read(kubeconfig: &Path) -> Value {
    let file = kube::config::Kubeconfig::read_from(kubeconfig).unwrap();
    serde_json::to_value(file).unwrap()
}

fn token(kubeconfig: &Path) -> String {
    read(kubeconfig)["users"][0]["user"]["token"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn workload() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Rollout,
        namespace: "production".to_owned(),
        name: "auth-service".to_owned(),
        container: "app".to_owned(),
    }
}

impl Ground {
    fn write(&self, name: &str, file: &Value) -> ClusterRef {
        let path = self.dir.path().join(name);
        std::fs::write(&path, file.to_string()).unwrap();
        ClusterRef {
            kubeconfig: Some(path),
            ..ClusterRef::default()
        }
    }

    /// Through the proxy, with a plugin that hands out what stands in `tokens`, one line after the other and the last
    /// one again and again, and counts how often it was run.
    fn plugin(&self, mode: &str, tokens: &[&str], lasts: i64) -> (ClusterRef, Counter) {
        let dir = self.dir.path();
        let count = dir.join("runs");
        let _ = std::fs::remove_file(&count);
        std::fs::write(dir.join("tokens"), tokens.join("\n") + "\n").unwrap();
        let expiry = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(lasts);
        let script = format!(
            "echo run >> {count}; echo 'Password: s3cr3t' >&2; n=$(wc -l < {count}); \
             t=$(sed -n \"${{n}}p\" {tokens}); [ -n \"$t\" ] || t=$(tail -n 1 {tokens}); \
             echo '{{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{{\"expirationTimestamp\":\"{expiry}\",\"token\":\"'$t'\"}}}}'",
            count = count.display(),
            tokens = dir.join("tokens").display(),
        );
        let mut file = read(self.practice.kubeconfig());
        file["clusters"][0]["cluster"]["server"] = json!(self.proxy.url);
        file["users"][0]["user"] = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1",
            "command": "sh", "args": ["-c", script], "interactiveMode": mode}});
        (self.write("plugin", &file), Counter(count))
    }
}

/// The plugin of these tests is a shell, which is no known helper.
async fn connect(reference: &ClusterRef) -> Result<Cluster, Fault> {
    let mut access = Access::default();
    access.plugins.policy = PluginPolicy::AllowAll;
    kubernetes::connect_with(reference, &access).await
}

struct Counter(PathBuf);

impl Counter {
    fn runs(&self) -> usize {
        std::fs::read_to_string(&self.0).map_or(0, |text| text.lines().count())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_is_asked_again_a_minute_before_its_token_ends() {
    let ground = ground().await;
    let token = token(ground.practice.kubeconfig());
    let (long, runs) = ground.plugin("Never", &[&token], 3600);
    let cluster = connect(&long).await.unwrap();
    let asked = runs.runs();
    for _ in 0..5 {
        cluster.read(&workload()).await.unwrap();
    }
    assert_eq!(runs.runs(), asked, "a token that is good is used");
    let (short, runs) = ground.plugin("IfAvailable", &[&token], 50);
    let cluster = connect(&short).await.unwrap();
    let asked = runs.runs();
    cluster.read(&workload()).await.unwrap();
    assert!(runs.runs() > asked, "it ends in 50 s and was not renewed");
    ground.practice.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn after_401_a_read_is_asked_once_more_and_a_change_goes_back() {
    let ground = ground().await;
    let token = token(ground.practice.kubeconfig());
    // Both clients are made with a token each.
    let (reference, runs) = ground.plugin("Never", &[&token], 3600);
    let cluster = connect(&reference).await.unwrap();
    let before = cluster.read(&workload()).await.unwrap();
    let asked = runs.runs();
    let refused = |times| {
        let body = r#"{"kind":"Status","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#;
        let answer = format!(
            "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        (times, Strike::Answer(answer.into_bytes()))
    };

    // The change first: sent once, refused, and the credentials are new for the next.
    let hold = Change::Hold {
        workload: workload(),
        expect: Expect {
            uid: before.workload.uid.clone(),
            pod_hash: before.workload.current_hash.clone(),
            ..Expect::default()
        },
        by: "dana".to_owned(),
    };
    ground.proxy.clear();
    let (times, strike) = refused(1);
    ground.proxy.arm("PATCH", 0, times, strike);
    let intent = IntentId("i".to_owned());
    let deadline = Duration::from_secs(10);
    let fault = cluster
        .apply(&hold, &intent, None, deadline)
        .await
        .unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unauthorised);
    assert!(!fault.leaves_outcome_unknown());
    assert!(fault.hint.unwrap().contains("press again"));
    assert_eq!(ground.proxy.seen("PATCH").len(), 1);
    assert!(runs.runs() > asked, "nobody asked the plugin again");
    cluster.apply(&hold, &intent, None, deadline).await.unwrap();

    // A server that never knows us: once more, and no plugin run for each of many requests.
    let asked = runs.runs();
    ground.proxy.clear();
    let (times, strike) = refused(usize::MAX);
    ground.proxy.arm("GET", 0, times, strike);
    for _ in 0..3 {
        let fault = cluster.read(&workload()).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Unauthorised);
    }
    assert!(ground.proxy.seen("GET").len() <= 4);
    assert_eq!(runs.runs(), asked, "within ten seconds of the last time");

    // A read whose token was taken back while it was not looking.
    let (reference, runs) = ground.plugin("Never", &["stale", "stale", &token], 3600);
    ground.proxy.clear();
    let cluster = connect(&reference).await.unwrap();
    let asked = runs.runs();
    assert_eq!(ground.proxy.seen("GET").len(), 2, "401, and once more");
    cluster.read(&workload()).await.unwrap();
    assert_eq!(runs.runs(), asked);
    ground.practice.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_wants_the_terminal_is_not_run() {
    let ground = ground().await;
    let (reference, runs) = ground.plugin("Always", &["t"], 3600);
    let fault = connect(&reference).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Unauthorised, "{fault}");
    assert!(
        fault.to_string().contains("asks at the terminal"),
        "{fault}"
    );
    assert!(fault.hint.unwrap().contains("Log in outside gonogo"));
    assert_eq!(runs.runs(), 0);
    ground.practice.stop().await;
}

/// What a plugin writes to its stderr is on no screen and in no output of ours.
#[test]
fn what_a_plugin_says_stays_off_the_screen() {
    let rig = Rig::serve("30");
    let path = rig.path().join("kubeconfig");
    let mut file = read(&path);
    let token = token(&path);
    let script = format!(
        "echo 'Password for dana: s3cr3t' >&2; cat; echo '{{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{{\"token\":\"{token}\"}}}}'"
    );
    file["users"][0]["user"] = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1",
        "command": "sh", "args": ["-c", script], "interactiveMode": "IfAvailable"}});
    std::fs::write(&path, file.to_string()).unwrap();
    // A shell is no known helper.
    let configuration = rig.path().join("gonogo.toml");
    let mut text = std::fs::read_to_string(&configuration).unwrap();
    text.push_str("\n[plugins]\npolicy = \"allow-all\"\n");
    std::fs::write(configuration, text).unwrap();
    let said = rig.verb(&["status", "production", "auth-service"]).exits(0);
    assert!(
        said.json()["targets"][0]["workload"].is_object(),
        "{}",
        said.out
    );
    for text in [&said.out, &said.err] {
        assert!(!text.contains("Password"), "{text}");
        assert!(!text.contains("s3cr3t"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_cluster_than_the_pinned_one_is_never_touched() {
    let ground = ground().await;
    let file = kube::config::Kubeconfig::read_from(ground.practice.kubeconfig()).unwrap();
    let options = kube::config::KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(file, &options)
        .await
        .unwrap();
    let mut hash = Sha256::new();
    for root in config.root_cert.as_ref().unwrap() {
        hash.update(root);
    }
    let mut authority = String::new();
    for byte in hash.finalize() {
        write!(authority, "{byte:02x}").unwrap();
    }
    let namespace = http::Request::get("/api/v1/namespaces/kube-system")
        .body(Vec::new())
        .unwrap();
    let client = kube::Client::try_from(config).unwrap();
    let namespace: Value =
        serde_json::from_str(&client.request_text(namespace).await.unwrap()).unwrap();
    let uid = namespace["metadata"]["uid"].as_str().unwrap().to_owned();
    let right = Pin {
        server: Some(ground.practice.api_url().to_owned()),
        ca_sha256: Some(authority),
        uid: Some(uid),
    };
    let pinned = |pin: Pin| ClusterRef {
        kubeconfig: Some(ground.practice.kubeconfig().to_owned()),
        pin: Some(pin),
        ..ClusterRef::default()
    };
    connect(&pinned(right.clone())).await.unwrap();
    let wrong = [
        (
            Pin {
                server: Some("https://api.prod.acme.example:6443".to_owned()),
                ..right.clone()
            },
            "it leads to https://127.0.0.1",
        ),
        (
            Pin {
                ca_sha256: Some("ab".repeat(32)),
                ..right.clone()
            },
            "its certificate authority is",
        ),
        (
            Pin {
                uid: Some("3f2b8c1e-5d0a-4b6f-9a37-1c2d3e4f5a6b".to_owned()),
                ..right.clone()
            },
            "its namespace kube-system is",
        ),
    ];
    for (pin, says) in wrong {
        let fault = connect(&pinned(pin)).await.unwrap_err();
        assert_eq!(fault.kind, FaultKind::Refused, "{fault}");
        assert!(fault.not_sent, "{fault}");
        assert!(fault.to_string().contains(says), "{fault}");
        assert!(fault.hint.unwrap().contains("Nothing is sent there"));
    }
    ground.practice.stop().await;
}

/// The same over verbs: nothing is sent, escapes are refused as well, and reading says why.
#[test]
fn verbs_refuse_the_wrong_cluster_escapes_included() {
    let rig = Rig::serve("30");
    rig.airborne("42");
    let text = std::fs::read_to_string(rig.config()).unwrap();
    let pinned = text.replace(
        "namespace = \"production\"",
        "pin = { uid = \"another\" }\nnamespace = \"production\"",
    );
    assert_ne!(text, pinned);
    std::fs::write(rig.config(), pinned).unwrap();
    rig.clear();
    for arguments in [
        &["hold", "production", "auth-service"][..],
        &["abort", "production", "auth-service", "--yes"],
        &[
            "rollback",
            "production",
            "auth-service",
            "--yes",
            "--confirm",
            "production",
            "--reason",
            "slow",
        ],
        &[
            "promote",
            "production",
            "auth-service",
            "--step",
            "1",
            "--yes",
        ],
    ] {
        let said = rig.verb(arguments);
        assert_ne!(said.code, 0, "{arguments:?}: {}", said.out);
        assert!(
            said.err.contains("pinned is another"),
            "{arguments:?}: {}",
            said.err
        );
    }
    assert_eq!(rig.patches().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_nobody_looks_at_is_refused_where_it_is_protected() {
    let ground = ground().await;
    let mut file = read(ground.practice.kubeconfig());
    let cluster = &mut file["clusters"][0]["cluster"];
    cluster["insecure-skip-tls-verify"] = json!(true);
    cluster
        .as_object_mut()
        .unwrap()
        .remove("certificate-authority-data");
    let mut reference = ground.write("insecure", &file);
    let cluster = connect(&reference).await.unwrap();
    assert!(cluster.is_unverified());
    reference.must_be_verified = true;
    let fault = connect(&reference).await.unwrap_err();
    assert!(fault.not_sent, "{fault}");
    assert!(
        fault.to_string().contains("insecure-skip-tls-verify"),
        "{fault}"
    );
    assert!(fault.hint.unwrap().contains("certificate-authority-data"));
    ground.practice.stop().await;
}
