//! The second operator of the scenario `conflict`: steers the Rollout that is being flown, with the requests that the
//! Argo plugin of kubectl sends, and asks nobody. An HTTP client in all but the socket: faults meet these calls, and
//! they stand in the list of writes.

use super::Shell;
use super::call::Call;
use super::rights::Rights;
use super::route;
use crate::simulator::catalogue::BAD_RELEASE;
use crate::simulator::json::Json;
use crate::simulator::kinds::ROLLOUTS;
use crate::simulator::store::Id;
use hyper::Method;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

const AGENT: &str = "kubectl-argo-rollouts/v1.8.3 (linux/amd64)";
/// How often they look.
const LOOKS: Duration = Duration::from_millis(200);
/// How long the Rollout rests before they lose patience, at speed 1, and at the least.
const PATIENCE: f64 = 60.0;
const LEAST: f64 = 12.0;

/// At which step they do what.
fn deed(step: i64) -> Option<Value> {
    match step {
        1 => Some(json!({"status": {"pauseConditions": null}})),
        3 => Some(json!({"status": {"abort": true}})),
        _ => None,
    }
}

/// Acts until the servers stop.
pub(super) async fn act(shell: Arc<Shell>, speed: f64) {
    let patience = Duration::from_secs_f64((PATIENCE / speed).max(LEAST));
    let mut resting: Option<((String, i64), Instant)> = None;
    let mut done: Vec<(String, i64)> = Vec::new();
    loop {
        tokio::select! {
            () = shell.stop.cancelled() => return,
            () = tokio::time::sleep(LOOKS) => {}
        }
        let Some(place) = rests(&shell).filter(|place| !done.contains(place)) else {
            resting = None;
            continue;
        };
        let since = match &resting {
            Some((known, since)) if *known == place => *since,
            _ => {
                let now = Instant::now();
                resting = Some((place, now));
                continue;
            }
        };
        if since.elapsed() >= patience
            && let Some(body) = deed(place.1)
        {
            // A call that fails is not tried again: they look elsewhere by now.
            let _ = route::perform(&shell, &call(&body)).await;
            done.push(place);
        }
    }
}

/// Where the Rollout of the release that scenarios are about rests: its template and step.
fn rests(shell: &Shell) -> Option<(String, i64)> {
    let project = BAD_RELEASE.0.rsplit('/').next()?;
    let id = Id::new(&ROLLOUTS, "production", project);
    let rollout = shell.with_world(|world, _| world.store.get(&id).cloned())?;
    let observed = rollout.text("/status/observedGeneration")
        == rollout.count("/metadata/generation").to_string();
    let rests = observed && !rollout.items("/status/pauseConditions").is_empty();
    rests.then(|| {
        (
            rollout.text("/status/currentPodHash").to_owned(),
            rollout.count("/status/currentStepIndex"),
        )
    })
}

fn call(body: &Value) -> Call {
    let project = BAD_RELEASE.0.rsplit('/').next().unwrap_or_default();
    let path = format!(
        "{}/namespaces/production/rollouts/{project}/status",
        ROLLOUTS.root()
    );
    let mut headers = HeaderMap::new();
    headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/merge-patch+json"),
    );
    Call {
        method: Method::PATCH,
        target: path.clone(),
        path,
        query: Vec::new(),
        headers,
        body: body.to_string().into(),
        rights: Rights::Owner,
    }
}
