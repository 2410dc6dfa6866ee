//! Answers that the practice cluster does not give, from a scripted server in memory.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::{Arc, Mutex};

use http::{Request as Sent, Response};
use http_body_util::BodyExt;
use kube::client::{Body, Client};

use super::*;
use crate::adapters::kubernetes::renewal::Clients;
use crate::domain::target::WorkloadKind;

/// What was asked, as `PATCH /path body`.
type Log = Arc<Mutex<Vec<String>>>;

fn cluster(script: Vec<(u16, &'static str, &'static str)>) -> (Cluster, Log) {
    let log = Log::default();
    let script = Arc::new(Mutex::new(script.into_iter()));
    let into = Arc::clone(&log);
    let service = tower::service_fn(move |sent: Sent<Body>| {
        let (into, script) = (Arc::clone(&into), Arc::clone(&script));
        async move {
            let (parts, body) = sent.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = String::from_utf8_lossy(&body).into_owned();
            into.lock()
                .unwrap()
                .push(format!("{} {} {body}", parts.method, parts.uri));
            let (status, content_type, body) = script.lock().unwrap().next().unwrap();
            let response = Response::builder()
                .status(status)
                .header("content-type", content_type)
                .body(Body::from(body.as_bytes().to_vec()))
                .unwrap();
            Ok::<_, std::io::Error>(response)
        }
    });
    let client = Client::new(service, "default");
    let clients = Clients {
        reads: client.clone(),
        mutations: client,
    };
    let cluster = Cluster::new(clients, "prod".to_owned(), "Try it.".to_owned(), false);
    (cluster, log)
}

const JSON: &str = "application/json";
const OK: (u16, &str, &str) = (200, JSON, r#"{"metadata":{}}"#);

fn expect() -> Expect {
    Expect {
        uid: "u1".to_owned(),
        pod_hash: Some("new".to_owned()),
        step: Some(1),
        image: None,
    }
}

fn at() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Rollout,
        namespace: "production".to_owned(),
        name: "auth".to_owned(),
        container: "app".to_owned(),
    }
}

fn abort() -> Change {
    Change::Abort {
        workload: at(),
        expect: expect(),
    }
}

async fn sent(
    script: Vec<(u16, &'static str, &'static str)>,
    change: Change,
) -> (Result<Receipt, Fault>, Vec<String>) {
    let (cluster, log) = cluster(script);
    let intent = IntentId("i-1".to_owned());
    let result = cluster
        .apply(&change, &intent, None, Duration::from_secs(5))
        .await;
    let log = log.lock().unwrap().clone();
    (result, log)
}

#[tokio::test]
async fn without_a_status_subresource_the_same_goes_to_the_object() {
    let (result, log) = sent(vec![(404, "text/plain", "404 page not found"), OK], abort()).await;
    assert_eq!(result, Ok(Receipt::default()));
    let (first, second) = (log[0].replace("/status?", "?"), &log[1]);
    assert!(log[0].contains("/rollouts/auth/status?"), "{log:?}");
    assert_eq!(&first, second);
    let (result, log) = sent(vec![(404, JSON, "{}"), (404, JSON, "{}")], abort()).await;
    let fault = result.unwrap_err();
    assert_eq!((fault.kind, log.len()), (FaultKind::NotFound, 2));
    assert!(
        fault
            .hint
            .unwrap()
            .contains("kubectl get rollout -n production")
    );
}

#[tokio::test]
async fn only_the_api_servers_own_refusal_means_that_nothing_happened() {
    let busy =
        r#"{"kind":"Status","code":503,"message":"too busy","details":{"retryAfterSeconds":3}}"#;
    let table = [
        ((503, JSON, busy), FaultKind::Throttled, false),
        (
            (503, "text/html", "<html>upstream</html>"),
            FaultKind::Unreachable,
            true,
        ),
        ((502, "text/plain", ""), FaultKind::Unreachable, true),
        ((504, "text/plain", ""), FaultKind::TimedOut, true),
        (
            (500, JSON, r#"{"kind":"Status","message":"etcd"}"#),
            FaultKind::Unreachable,
            true,
        ),
        ((401, JSON, "{}"), FaultKind::Unauthorised, false),
        ((403, JSON, "{}"), FaultKind::Forbidden, false),
        ((409, JSON, "{}"), FaultKind::Conflict, false),
        (
            (
                422,
                JSON,
                r#"{"kind":"Status","message":"the server rejected our request"}"#,
            ),
            FaultKind::Refused,
            false,
        ),
        (
            (302, "text/html", "<html>sign in</html>"),
            FaultKind::Malformed,
            true,
        ),
    ];
    for (answer, kind, unknown) in table {
        let (result, log) = sent(vec![answer], abort()).await;
        let fault = result.unwrap_err();
        assert_eq!(
            (fault.kind, fault.leaves_outcome_unknown(), log.len()),
            (kind, unknown, 1),
            "{fault}"
        );
        match kind {
            FaultKind::Throttled => assert!(fault.retry_after.is_some()),
            FaultKind::Refused => assert!(
                fault.detail.as_ref().contains("its template is new"),
                "{fault}"
            ),
            FaultKind::Forbidden => assert!(fault.hint.unwrap().contains("patch rollouts/status")),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_hold_goes_out_even_if_nothing_can_be_read() {
    let hold = || Change::Hold {
        workload: at(),
        expect: expect(),
        by: "ada".to_owned(),
    };
    let (result, log) = sent(vec![(500, JSON, "{}"), OK], hold()).await;
    assert_eq!((result.is_ok(), log.len()), (true, 2));
    assert!(log[1].starts_with("PATCH") && !log[1].contains(r#""/metadata/annotations","#));
    let bare = r#"{"metadata":{"name":"auth","uid":"u1"},"spec":{}}"#;
    let (_, log) = sent(vec![(200, JSON, bare), OK], hold()).await;
    assert!(
        log[1].contains(r#""path":"/metadata/annotations","#),
        "{}",
        log[1]
    );
}

#[tokio::test]
async fn a_promotion_that_cannot_read_first_sends_nothing() {
    let promote = || Change::PromoteStep {
        workload: at(),
        expect: expect(),
    };
    let (result, log) = sent(vec![(403, JSON, "{}")], promote()).await;
    assert_eq!(
        (result.unwrap_err().kind, log.len()),
        (FaultKind::Forbidden, 1)
    );
    let aborted = r#"{"metadata":{"name":"auth"},"spec":{},"status":{"abort":true}}"#;
    let (result, log) = sent(vec![(200, JSON, aborted)], promote()).await;
    let fault = result.unwrap_err();
    assert_eq!((fault.kind, log.len()), (FaultKind::Refused, 1));
    assert!(fault.detail.as_ref().contains("aborted; nothing was sent"));
}

#[tokio::test]
async fn a_dry_run_shows_the_request_that_would_be_sent() {
    let (cluster, _) = cluster(vec![]);
    let shown = cluster.request(&abort(), &IntentId("i-1".to_owned()));
    assert!(shown.starts_with(
        "PATCH /apis/argoproj.io/v1alpha1/namespaces/production/rollouts/auth/status?"
    ));
    assert!(
        shown.contains(r#"{"op":"add","path":"/status/abort","value":true}"#),
        "{shown}"
    );
}
