//! From a call to its answer: token, faults, then the path.

use super::call::{Answer, Call, Cut, decode, full, ok, parse_query, refused};
use super::faults::{self, Action};
use super::rights::{self, Rights};
use super::{Shell, discovery, logs, proxy, reads, watch, writes};
use crate::simulator::kinds::{self, Kind, PODS, SERVICES};
use crate::simulator::refusal::Refusal;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// What a path below an API group means.
#[derive(Debug)]
pub(super) struct Target {
    pub kind: &'static Kind,
    pub namespace: String,
    pub name: String,
    pub subresource: String,
    /// What follows the subresource, for proxies.
    pub rest: String,
}

pub(super) async fn answer(
    shell: Arc<Shell>,
    request: hyper::Request<Incoming>,
) -> Result<Answer, Cut> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let target = parts
        .uri
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    let bearer = parts
        .headers
        .get("authorization")
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    let rights = match bearer {
        Some(token) if token == shell.token => Some(Rights::Owner),
        Some(token) if token == shell.viewer => Some(Rights::Viewer),
        _ => None,
    };
    let Some(rights) = rights else {
        return Ok(refused(&Refusal::unauthorised()));
    };
    let call = Call {
        rights,
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parse_query(parts.uri.query().unwrap_or("")),
        target,
        headers: parts.headers,
        body,
    };
    if call.path.starts_with("/rehearsal/") && rights == Rights::Owner {
        return Ok(faults::rehearse(&shell, &call).unwrap_or_else(|refusal| refused(&refusal)));
    }
    perform(&shell, &call).await
}

/// Carries out a call of somebody who may, faults included, and remembers it if it writes.
pub(super) async fn perform(shell: &Arc<Shell>, call: &Call) -> Result<Answer, Cut> {
    let received = Timestamp::now();
    let action = shell.rehearsal().hit(call);
    let outcome = carry_out(shell, call, action).await;
    if call.method != Method::GET && !rights::is_review(call) {
        let status = outcome
            .as_ref()
            .map_or(0, |answer| answer.status().as_u16());
        shell.rehearsal().note(call, received, status);
    }
    outcome
}

/// Answers a call the way that a fault wants it.
async fn carry_out(shell: &Arc<Shell>, call: &Call, action: Option<Action>) -> Result<Answer, Cut> {
    match action {
        Some(Action::ResetBefore) => return Err(Cut),
        Some(Action::Status {
            status,
            retry_after,
        }) => return Ok(refused(&Refusal::injected(status, retry_after))),
        Some(Action::HangBefore(wait)) => hang(shell, wait).await?,
        Some(Action::HangAfter(_) | Action::ResetAfter | Action::DropEvents) | None => {}
    }
    let answer = dispatch(shell, call).unwrap_or_else(|refusal| refused(&refusal));
    match action {
        Some(Action::ResetAfter) => return Err(Cut),
        Some(Action::HangAfter(wait)) => hang(shell, wait).await?,
        _ => {}
    }
    Ok(answer)
}

async fn hang(shell: &Shell, milliseconds: u64) -> Result<(), Cut> {
    tokio::select! {
        () = shell.stop.cancelled() => Err(Cut),
        () = tokio::time::sleep(Duration::from_millis(milliseconds)) => Ok(()),
    }
}

fn dispatch(shell: &Arc<Shell>, call: &Call) -> Result<Answer, Refusal> {
    let path = call.path.trim_end_matches('/');
    match path {
        "/healthz" | "/livez" | "/readyz" => {
            return Ok(full(StatusCode::OK, "text/plain; charset=utf-8", "ok"));
        }
        "/version" => return Ok(ok(&discovery::version())),
        _ => {}
    }
    if let Some(answer) = discovery::answer(call, path) {
        return Ok(answer);
    }
    if rights::is_review(call) {
        return rights::review(call);
    }
    let Some(target) = target(path) else {
        return Err(Refusal::unknown_path());
    };
    call.rights.check(call, &target)?;
    match target.subresource.as_str() {
        "log" if target.kind == &PODS => return logs::answer(shell, call, &target),
        "proxy" if target.kind == &PODS || target.kind == &SERVICES => {
            return proxy::answer(shell, call, &target);
        }
        _ => {}
    }
    if !target.subresource.is_empty() && !["status", "scale"].contains(&target.subresource.as_str())
        || !target.subresource.is_empty() && !target.kind.has(&target.subresource)
    {
        return Err(Refusal::unknown_path());
    }
    if call.method == Method::GET {
        return if call.asks("watch") && target.subresource.is_empty() {
            watch::answer(shell, call, &target)
        } else if target.name.is_empty() {
            reads::list(shell, call, &target)
        } else {
            reads::get(shell, call, &target)
        };
    }
    writes::answer(shell, call, &target)
}

/// Reads a path such as `/apis/apps/v1/namespaces/dev/deployments/a/scale`.
fn target(path: &str) -> Option<Target> {
    let parts: Vec<String> = path.split('/').skip(1).map(decode).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let make = |kind, namespace: &str, name: &str, subresource: &str, rest: &[&str]| Target {
        kind,
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: subresource.to_owned(),
        rest: rest.join("/"),
    };
    let found = |plural: &str| kinds::served(group, version, plural);
    Some(match rest {
        ["namespaces", namespace, plural] if found(plural).is_some_and(|kind| kind.namespaced) => {
            make(found(plural)?, namespace, "", "", &[])
        }
        ["namespaces", namespace, plural, name, rest @ ..]
            if found(plural).is_some_and(|kind| kind.namespaced) =>
        {
            let (subresource, rest) = rest.split_first().unwrap_or((&"", &[]));
            make(found(plural)?, namespace, name, subresource, rest)
        }
        [plural] => make(found(plural)?, "", "", "", &[]),
        [plural, name, rest @ ..] => {
            let kind = found(plural).filter(|kind| !kind.namespaced)?;
            let (subresource, rest) = rest.split_first().unwrap_or((&"", &[]));
            make(kind, "", name, subresource, rest)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn paths() {
        let check = |path: &str, expect: (&str, &str, &str, &str, &str)| {
            let found = target(path).unwrap();
            let Target {
                kind,
                namespace,
                name,
                subresource,
                rest,
            } = &found;
            assert_eq!(
                (kind.plural, &**namespace, &**name, &**subresource, &**rest),
                expect
            );
        };
        check("/api/v1/pods", ("pods", "", "", "", ""));
        check("/api/v1/namespaces/dev", ("namespaces", "", "dev", "", ""));
        check(
            "/api/v1/namespaces/dev/pods/a:9090/proxy/a/b",
            ("pods", "dev", "a:9090", "proxy", "a/b"),
        );
        check(
            "/apis/apps/v1/namespaces/dev/deployments/a/scale",
            ("deployments", "dev", "a", "scale", ""),
        );
        assert!(target("/apis/apps/v1/namespaces/dev/statefulsets").is_none());
    }
}
