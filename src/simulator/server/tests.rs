//! The servers over loopback, as kube-rs and a plain HTTP client meet them.
#![allow(clippy::unwrap_used, clippy::panic)]

use crate::simulator::{Options, Practice, Scenario};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{
    Api, DynamicObject, ListParams, LogParams, Patch, PatchParams, WatchEvent, WatchParams,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::core::{ApiResource, GroupVersionKind};
use kube::runtime::watcher;
use kube::{Client, Config, ResourceExt as _};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

struct Flown {
    practice: Practice,
    client: Client,
    _directory: tempfile::TempDir,
}

async fn fly(speed: f64) -> Flown {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        scenario: Scenario::Good,
        seed: 3,
        speed,
        dir: directory.path().to_owned(),
    };
    let practice = Practice::start(options).await.unwrap();
    let kubeconfig = Kubeconfig::read_from(practice.kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .unwrap();
    Flown {
        practice,
        client: Client::try_from(config).unwrap(),
        _directory: directory,
    }
}

fn rollouts(client: &Client) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Rollout");
    Api::namespaced_with(client.clone(), "production", &ApiResource::from_gvk(&kind))
}

#[tokio::test]
async fn kube_lists_watches_patches() {
    let flown = fly(20.0).await;
    let pods: Api<Pod> = Api::namespaced(flown.client.clone(), "production");
    let listed = pods
        .list(&ListParams::default().labels("app=auth-service"))
        .await
        .unwrap();
    assert_eq!(listed.items.len(), 10);
    let paged = pods.list(&ListParams::default().limit(4)).await.unwrap();
    assert_eq!(
        (paged.items.len(), paged.metadata.remaining_item_count),
        (4, Some(14))
    );
    let token = paged.metadata.continue_.unwrap();
    let next = pods
        .list(&ListParams::default().limit(4).continue_token(&token))
        .await
        .unwrap();
    assert!(next.items[0].metadata.name > paged.items[3].metadata.name);

    let version = listed.metadata.resource_version.unwrap();
    let mut changes = pods
        .watch(&WatchParams::default(), &version)
        .await
        .unwrap()
        .boxed();
    let rollouts = rollouts(&flown.client);
    let release = flown
        .practice
        .releases()
        .iter()
        .find(|release| release.number == 42)
        .unwrap()
        .reference();
    let image = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": release}]);
    let patch: json_patch::Patch = serde_json::from_value(image).unwrap();
    rollouts
        .patch(
            "auth-service",
            &PatchParams::default(),
            &Patch::Json::<()>(patch),
        )
        .await
        .unwrap();
    let added = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            if let Some(WatchEvent::Added(pod)) = changes.try_next().await.unwrap() {
                return pod;
            }
        }
    });
    let added = added.await.unwrap();
    assert_eq!(
        added.spec.unwrap().containers[0].image.as_deref(),
        Some(release.as_str())
    );

    let wrong = json!([{"op": "test", "path": "/status/currentStepIndex", "value": 5},
        {"op": "remove", "path": "/status/pauseConditions"}]);
    let patch: json_patch::Patch = serde_json::from_value(wrong).unwrap();
    let refused = rollouts
        .patch_status(
            "auth-service",
            &PatchParams::default(),
            &Patch::Json::<()>(patch),
        )
        .await;
    let Err(kube::Error::Api(status)) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!((status.code, status.reason.as_str()), (422, "Invalid"));
    flown.practice.stop().await;
}

#[tokio::test]
async fn a_watcher_with_streaming_lists() {
    let flown = fly(20.0).await;
    let rollouts = rollouts(&flown.client);
    let config = watcher::Config::default().streaming_lists();
    let mut events = watcher::watcher(rollouts.clone(), config).boxed();
    let mut listed = 0;
    loop {
        match next(&mut events).await {
            watcher::Event::Init => {}
            watcher::Event::InitApply(_) => listed += 1,
            watcher::Event::InitDone => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(listed, 3);
    let label = Patch::Merge(json!({"metadata": {"labels": {"seen": "yes"}}}));
    rollouts
        .patch("web-front", &PatchParams::default(), &label)
        .await
        .unwrap();
    let event = next(&mut events).await;
    assert!(matches!(event, watcher::Event::Apply(rollout) if rollout.labels()["seen"] == "yes"));
    flown.practice.stop().await;
}

async fn next<S, T>(events: &mut S) -> T
where
    S: futures::Stream<Item = Result<T, watcher::Error>> + Unpin,
{
    let event = tokio::time::timeout(Duration::from_secs(5), events.try_next()).await;
    event.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn a_tested_patch_meets_no_false_conflict() {
    let flown = fly(20.0).await;
    let churn = json!({"writes_per_second": 100}).to_string().into_bytes();
    let url = format!("{}/rehearsal/churn", flown.practice.api_url());
    let request = http::Request::post(url)
        .header("content-type", "application/json")
        .body(churn)
        .unwrap();
    flown.client.request_text(request).await.unwrap();
    let rollouts = rollouts(&flown.client);
    for round in 0..60 {
        let patch = json!([{"op": "test", "path": "/status/currentStepIndex", "value": 6},
            {"op": "test", "path": "/status/abort", "value": null},
            {"op": "add", "path": "/status/practiceRound", "value": round}]);
        let patch: json_patch::Patch = serde_json::from_value(patch).unwrap();
        let patched = rollouts
            .patch_status(
                "auth-service",
                &PatchParams::default(),
                &Patch::Json::<()>(patch),
            )
            .await;
        assert!(patched.is_ok(), "{patched:?}");
    }
    let written = rollouts.get("auth-service").await.unwrap();
    assert!(written.data["status"]["practiceWrites"].as_u64() > Some(3));
    flown.practice.stop().await;
}

#[tokio::test]
async fn a_dropped_practice_stops_too() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        scenario: Scenario::Good,
        seed: 3,
        speed: 1.0,
        dir: directory.path().to_owned(),
    };
    let practice = tokio::spawn(Practice::start(options))
        .await
        .unwrap()
        .unwrap();
    let address = practice.api_url().trim_start_matches("https://").to_owned();
    assert!(tokio::net::TcpStream::connect(&address).await.is_ok());
    drop(practice);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(tokio::net::TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn stops_within_a_second() {
    let flown = fly(1.0).await;
    let pods: Api<Pod> = Api::namespaced(flown.client.clone(), "production");
    let watch = pods.watch(&WatchParams::default(), "0").await.unwrap();
    let name = pods.list(&ListParams::default()).await.unwrap().items[0]
        .metadata
        .name
        .clone()
        .unwrap();
    let logs = pods
        .log_stream(
            &name,
            &LogParams {
                follow: true,
                ..LogParams::default()
            },
        )
        .await
        .unwrap();
    let asked = Instant::now();
    flown.practice.stop().await;
    assert!(asked.elapsed() < Duration::from_secs(1));
    drop((watch, logs));
}

#[tokio::test]
async fn faults_and_the_list_of_writes() {
    let flown = fly(20.0).await;
    let url = flown.practice.api_url();
    let ask = |method: &str, path: &str, body: Value| {
        let request = http::Request::builder()
            .method(method)
            .uri(format!("{url}{path}"));
        let request = request
            .header("content-type", "application/json")
            .body(body.to_string().into_bytes())
            .unwrap();
        let client = flown.client.clone();
        async move {
            serde_json::from_str::<Value>(&client.request_text(request).await.unwrap()).unwrap()
        }
    };
    let fault = |action: Value| json!({"match": {"method": "PATCH", "path_contains": "deployments"}, "action": action, "times": 1});
    ask("POST", "/rehearsal/faults", fault(json!({"status": 403}))).await;
    ask("POST", "/rehearsal/faults", fault(json!("reset_after"))).await;
    let deployments: Api<Deployment> = Api::namespaced(flown.client.clone(), "staging");
    let hold = |paused: bool| Patch::Merge(json!({"spec": {"paused": paused}}));
    let parameters = PatchParams::default();
    let refused = deployments
        .patch("auth-service", &parameters, &hold(true))
        .await;
    assert!(matches!(refused, Err(kube::Error::Api(status)) if status.code == 403));
    assert!(
        deployments
            .patch("auth-service", &parameters, &hold(true))
            .await
            .is_err()
    );
    let after = deployments.get("auth-service").await.unwrap();
    assert_eq!(
        after.spec.paused,
        Some(true),
        "applied, though the answer was cut"
    );
    let writes = ask("GET", "/rehearsal/requests", json!({})).await;
    let statuses: Vec<&Value> = writes
        .as_array()
        .unwrap()
        .iter()
        .map(|write| &write["status"])
        .collect();
    assert_eq!(statuses, [&json!(403), &Value::Null]);
    flown.practice.stop().await;
}

#[tokio::test]
async fn the_registry_serves_what_runs() {
    let flown = fly(1.0).await;
    let release = flown
        .practice
        .releases()
        .iter()
        .find(|release| release.number == 41)
        .unwrap()
        .clone();
    let url = format!(
        "{}/v2/{}/manifests/{}",
        flown.practice.registry_url(),
        release.project,
        release.commit
    );
    let address = url
        .trim_start_matches("http://")
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let path = url.split_once(&address).unwrap().1.to_owned();
    let answer = tokio::task::spawn_blocking(move || {
        use std::io::{Read as _, Write as _};
        let mut stream = std::net::TcpStream::connect(&address).unwrap();
        write!(
            stream,
            "HEAD {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    });
    let answer = answer.await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains(&release.digest),
        "{answer}"
    );
    let rollout = rollouts(&flown.client).get("auth-service").await.unwrap();
    assert_eq!(
        rollout.data["spec"]["template"]["spec"]["containers"][0]["image"],
        json!(release.reference())
    );
    flown.practice.stop().await;
}
