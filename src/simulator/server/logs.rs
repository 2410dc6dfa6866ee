//! `pods/log`: tail, since, previous, timestamps and follow.

use super::Shell;
use super::call::{Answer, Call, full, stream};
use super::route::Target;
use crate::simulator::json::Json;
use crate::simulator::kinds::PODS;
use crate::simulator::refusal::Refusal;
use crate::simulator::store::Id;
use bytes::Bytes;
use hyper::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// How far back a log reaches; older lines have been rotated away.
const KEPT: SignedDuration = SignedDuration::from_mins(30);

const PLAIN: &str = "text/plain; charset=utf-8";

pub(super) fn answer(shell: &Arc<Shell>, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    if call.method != Method::GET {
        return Err(Refusal::not_allowed());
    }
    let id = Id::new(&PODS, &target.namespace, &target.name);
    let previous = call.asks("previous");
    let container = call.parameter("container");
    let stamped = call.asks("timestamps");
    let (now, lines) = shell.with_world(|world, now| {
        let pod = world
            .store
            .get(&id)
            .ok_or_else(|| Refusal::not_found(&PODS, &target.name))?;
        let name = pod.text("/spec/containers/0/name");
        if !container.is_empty()
            && !pod
                .items("/spec/containers")
                .iter()
                .any(|found| found.text("/name") == container)
        {
            let message = format!("container {container} is not valid for pod {}", target.name);
            return Err(Refusal::bad_request(message));
        }
        let life = world.pods.get(&id);
        if previous && life.is_none_or(|life| life.previous.is_none()) {
            let message = format!(
                "previous terminated container \"{name}\" in pod \"{}\" not found",
                target.name
            );
            return Err(Refusal::bad_request(message));
        }
        if life.is_none_or(|life| life.started.is_none()) {
            let message = format!(
                "container \"{name}\" in pod \"{}\" is waiting to start: ContainerCreating",
                target.name
            );
            return Err(Refusal::bad_request(message));
        }
        Ok((now, world.log_lines(&id, since(call, now), now, previous)))
    })?;
    let tail = call.parameter("tailLines").parse().unwrap_or(usize::MAX);
    let text: String = lines[lines.len().saturating_sub(tail)..]
        .iter()
        .map(|(at, line)| written(*at, line, stamped))
        .collect();
    if !call.asks("follow") || previous {
        return Ok(full(StatusCode::OK, PLAIN, text));
    }
    let first = futures::stream::iter((!text.is_empty()).then(|| Bytes::from(text)));
    let follow = Follow {
        shell: Arc::clone(shell),
        pod: id,
        told: now,
        stamped,
    };
    let rest = futures::stream::unfold(follow, |mut follow| async move {
        follow.next().await.map(|text| (text, follow))
    });
    Ok(stream(PLAIN, futures::StreamExt::chain(first, rest)))
}

/// From when on lines are wanted.
fn since(call: &Call, now: Timestamp) -> Timestamp {
    let kept = now - KEPT;
    if let Ok(time) = call.parameter("sinceTime").parse::<Timestamp>() {
        return time.max(kept);
    }
    match call.parameter("sinceSeconds").parse::<i64>() {
        Ok(seconds) => {
            (now - SignedDuration::from_secs(seconds.clamp(0, KEPT.as_secs()))).max(kept)
        }
        Err(_) => kept,
    }
}

fn written(at: Timestamp, line: &str, stamped: bool) -> String {
    if stamped {
        format!("{at:.9} {line}\n")
    } else {
        format!("{line}\n")
    }
}

struct Follow {
    shell: Arc<Shell>,
    pod: Id,
    told: Timestamp,
    stamped: bool,
}

impl Follow {
    /// The next lines, or None once the container has ended.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                () = self.shell.stop.cancelled() => return None,
                () = tokio::time::sleep(Duration::from_millis(250)) => {}
            }
            let (now, present, lines) = self.shell.with_world(|world, now| {
                (
                    now,
                    world.pods.contains_key(&self.pod),
                    world.log_lines(&self.pod, self.told, now, false),
                )
            });
            self.told = now;
            if !lines.is_empty() {
                let text: String = lines
                    .iter()
                    .map(|(at, line)| written(*at, line, self.stamped))
                    .collect();
                return Some(Bytes::from(text));
            }
            if !present {
                return None;
            }
        }
    }
}
