//! `Platform` over the Kubernetes API: fresh reads, and each change sent exactly once.

use std::time::Duration;

use bytes::Bytes;
use futures::{FutureExt, future::BoxFuture};
use http::StatusCode;
use tokio::time::Instant;

use super::{
    Cluster, POINT,
    call::{self, Ask, Reply, SYSTEM},
    convert::HELD_BY,
    patch::{self, Lacking, Request, Shape},
};
use crate::{
    domain::{
        change::{Change, Expect},
        entry::IntentId,
        fault::{Fault, FaultKind},
        rollout::Observed,
        target::WorkloadRef,
    },
    ports::act::{Platform, Receipt},
};

/// Between two looks of a wait.
const LOOK: Duration = Duration::from_millis(250);

impl Platform for Cluster {
    fn is_unverified(&self) -> bool {
        self.unverified
    }

    fn read<'a>(&'a self, workload: &'a WorkloadRef) -> BoxFuture<'a, Result<Observed, Fault>> {
        async move {
            let snapshot = tokio::time::timeout(POINT, self.snapshot(workload)).await;
            let snapshot = snapshot.unwrap_or_else(|_| {
                let doing = format!("reading {workload} ({})", self.place);
                Err(call::late(&Ask::get("", &doing), POINT))
            })?;
            Ok(snapshot.observed(workload))
        }
        .boxed()
    }

    fn apply<'a>(
        &'a self,
        change: &'a Change,
        intent: &'a IntentId,
        awaited: Option<&'a Expect>,
        deadline: Duration,
    ) -> BoxFuture<'a, Result<Receipt, Fault>> {
        async move {
            if let Change::AwaitTemplate {
                workload,
                image,
                deadline: own,
            } = change
            {
                let own = Duration::try_from(*own).unwrap_or(deadline);
                return self
                    .await_template(workload, image, own.min(deadline))
                    .await;
            }
            self.write(change, intent, awaited, deadline).await
        }
        .boxed()
    }

    fn request(&self, change: &Change, intent: &IntentId) -> String {
        // What only a read can tell stands in as it usually is.
        let shape = Shape {
            held_by: Some("<whoever holds it>".to_owned()),
            ..Shape::default()
        };
        match change {
            Change::AwaitTemplate { workload, .. } => format!(
                "GET {}\nuntil status.observedGeneration and the image of the template are the new ones",
                super::object(workload)
            ),
            Change::PromoteFull { workload, expect } if expect.pod_hash.is_none() => {
                let expect = Expect {
                    pod_hash: Some("<the hash that the wait before read>".to_owned()),
                    ..expect.clone()
                };
                let workload = workload.clone();
                shown(&Change::PromoteFull { workload, expect }, intent, &shape)
            }
            change => shown(change, intent, &shape),
        }
    }
}

fn shown(change: &Change, intent: &IntentId, shape: &Shape) -> String {
    match patch::request(change, intent, None, shape) {
        Err(why) => why.to_string(),
        Ok(request) => {
            let operations: Vec<String> = request
                .operations
                .iter()
                .map(|operation| format!("  {operation}"))
                .collect();
            format!(
                "PATCH {}\nContent-Type: application/json-patch+json\n\n[\n{}\n]",
                request.url(),
                operations.join(",\n")
            )
        }
    }
}

impl Cluster {
    async fn write(
        &self,
        change: &Change,
        intent: &IntentId,
        awaited: Option<&Expect>,
        deadline: Duration,
    ) -> Result<Receipt, Fault> {
        let until = Instant::now() + deadline;
        let doing = doing(change, &self.place);
        let shape = self.shape(change, deadline, &doing).await?;
        let request = patch::request(change, intent, awaited, &shape).map_err(|why| {
            let kind = match why {
                Lacking::Steps => FaultKind::Refused,
                _ => FaultKind::Bug,
            };
            Fault::new(
                SYSTEM,
                kind,
                doing.as_str(),
                &format!("{why}; nothing was sent"),
            )
            .not_sent()
        })?;
        let mut reply = self
            .patch(request.url(), &request, &doing, deadline, until)
            .await?;
        // Controllers before 1.0 came without the subresource; a 404 there has changed nothing.
        if request.on_status && reply.status == StatusCode::NOT_FOUND {
            reply = self
                .patch(request.url_of_main(), &request, &doing, deadline, until)
                .await?;
        }
        let ask = Ask::json_patch(request.url(), Bytes::new(), &doing);
        if reply.status.is_success() {
            // Not everything that says 200 is the API server: a portal or a proxy may have answered in its place.
            let changed = call::decode::<Changed>(&ask, &reply);
            return changed.map(|_| Receipt::default()).map_err(|fault| {
                self.hinted(fault.hint(
                    "Something between us and the API server may have answered: look at the proxy and the VPN.",
                ))
            });
        }
        Err(self.explained(change, &request, call::refusal(&ask, &reply)))
    }

    /// Sends once, on the client of the mutations, with what is left of the deadline.
    async fn patch(
        &self,
        url: String,
        request: &Request,
        doing: &str,
        deadline: Duration,
        until: Instant,
    ) -> Result<Reply, Fault> {
        let body = Bytes::from(request.body());
        let ask = Ask::json_patch(url, body, doing);
        let left = until.saturating_duration_since(Instant::now());
        let sent = call::send(&self.mutations, &ask, left, 16 << 20).await;
        sent.map_err(|fault| match fault.kind {
            // Of the whole, with the read before it; not of what was left.
            FaultKind::TimedOut => self.hinted(call::late(&ask, deadline)),
            _ => self.hinted(fault),
        })
    }

    /// Only where the form of the patch depends on it. An escape goes out even if this read fails.
    async fn shape(
        &self,
        change: &Change,
        deadline: Duration,
        doing: &str,
    ) -> Result<Shape, Fault> {
        let at = change.workload();
        let escape = matches!(change, Change::Hold { .. });
        if matches!(change, Change::Abort { .. } | Change::Retry { .. }) {
            return Ok(Shape::default());
        }
        let patience = if escape { deadline / 4 } else { deadline / 2 };
        let read = tokio::time::timeout(patience.min(POINT), self.get(at, doing)).await;
        let read = read.unwrap_or_else(|_| Err(call::late(&Ask::get("", doing), patience)));
        let raw = match read {
            Ok(raw) => raw,
            Err(_) if escape => return Ok(Shape::default()),
            Err(mut fault) => {
                let detail = format!(
                    "the read before it failed, nothing was sent: {}",
                    fault.detail
                );
                fault.detail = crate::domain::text::Clean::new(&detail);
                return Err(fault.not_sent());
            }
        };
        let held_by = raw.metadata.annotation(HELD_BY).map(str::to_owned);
        let abort = raw.status.as_ref().and_then(|status| status.abort);
        let no = |detail: &str| {
            let detail = format!("{detail}; nothing was sent");
            Err(Fault::new(SYSTEM, FaultKind::Refused, doing, &detail).not_sent())
        };
        match change {
            Change::Resume { .. } if raw.spec.paused != Some(true) => no("it is not paused"),
            Change::Resume { .. } if held_by.is_none() => {
                no("the pause is not ours").map_err(|fault: Fault| {
                    fault.hint("Somebody paused it with another tool; it is theirs to resume.")
                })
            }
            Change::PromoteStep { .. } | Change::PromoteFull { .. } if abort == Some(true) => {
                no("it is aborted")
            }
            _ => Ok(Shape {
                has_annotations: raw.metadata.annotations.is_some(),
                abort,
                held_by,
            }),
        }
    }

    /// The server does not say which of the preconditions failed; at least it is said which there were.
    fn explained(&self, change: &Change, request: &Request, mut fault: Fault) -> Fault {
        match fault.kind {
            FaultKind::Refused => {
                let said = fault.detail.as_ref();
                let detail = match request.named_in(said) {
                    Some(one) => format!("it no longer holds that {one} ({said})"),
                    None if said.starts_with("422") => format!(
                        "a precondition no longer holds, one of: {} ({said})",
                        request.preconditions()
                    ),
                    None => said.to_owned(),
                };
                fault.detail = crate::domain::text::Clean::new(&detail);
                if fault.hint.is_none() {
                    fault.hint = Some("Look again: somebody else may have been first.".to_owned());
                }
            }
            FaultKind::Forbidden | FaultKind::NotFound => {
                let at = change.workload();
                let what = format!(
                    "{}{}",
                    at.kind.resource(),
                    if request.on_status { "s/status" } else { "s" }
                );
                fault.hint = Some(if fault.kind == FaultKind::Forbidden {
                    format!(
                        "Ask for the right: `kubectl auth can-i patch {what} -n {}`.",
                        at.namespace
                    )
                } else {
                    format!(
                        "Look for it with `kubectl get {} -n {}`.",
                        at.kind.resource(),
                        at.namespace
                    )
                });
            }
            FaultKind::Conflict => {
                fault.hint = Some("Look again: somebody else was first.".to_owned());
            }
            FaultKind::Unauthorised => {
                fault.hint = Some(format!(
                    "Nothing was changed. The credentials were asked for again: press again. {}",
                    self.hint
                ));
            }
            _ => {}
        }
        self.hinted(fault)
    }

    /// Looks until the controller has taken the template with this image up. A read that fails is tried again: a wait
    /// changes nothing.
    async fn await_template(
        &self,
        at: &WorkloadRef,
        image: &str,
        deadline: Duration,
    ) -> Result<Receipt, Fault> {
        let doing = format!("waiting for the template of {at} ({})", self.place);
        let last = std::sync::Mutex::new(None);
        let look = async {
            loop {
                match self.snapshot(at).await {
                    Ok(snapshot) => {
                        let observed = snapshot.observed(at);
                        if let Some(expect) = taken_up(&observed, image) {
                            return expect;
                        }
                        *last
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner) = None;
                    }
                    Err(fault) => {
                        *last
                            .lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner) = Some(fault);
                    }
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        if let Ok(expect) = tokio::time::timeout(deadline, look).await {
            return Ok(Receipt {
                awaited: Some(expect),
            });
        }
        let fault = last
            .into_inner()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        Err(fault.unwrap_or_else(|| {
            let seconds = deadline.as_secs();
            let detail =
                format!("its controller has not taken the new template up within {seconds} s");
            Fault::new(SYSTEM, FaultKind::TimedOut, doing, &detail)
                .hint("Look whether the controller runs; nothing was sent by this wait.")
        }))
    }
}

/// The object as it is after a change, as far as it has to be one.
#[derive(serde::Deserialize)]
struct Changed {
    #[serde(rename = "metadata")]
    _metadata: super::objects::Meta,
}

/// What the change after the wait relies on, once the controller has seen the image and named its template.
fn taken_up(observed: &Observed, image: &str) -> Option<Expect> {
    let workload = &observed.workload;
    let hash = workload.current_hash.as_deref()?;
    let of_hash = observed.replica_sets.iter().find(|set| set.hash == hash)?;
    let is_it = workload.observed
        && workload.image.as_deref() == Some(image)
        && of_hash.image.as_deref() == Some(image);
    is_it.then(|| Expect {
        uid: workload.uid.clone(),
        pod_hash: Some(hash.to_owned()),
        step: workload.step,
        image: Some(image.to_owned()),
    })
}

fn doing(change: &Change, place: &str) -> String {
    let at = change.workload();
    let what = match change {
        Change::SetImage { .. } => format!("setting the image of {at}"),
        Change::PromoteStep { .. } => format!("promoting {at}"),
        Change::PromoteFull { .. } => format!("promoting {at} past its steps"),
        Change::Abort { .. } => format!("aborting {at}"),
        Change::Retry { .. } => format!("retrying {at}"),
        Change::Hold { .. } => format!("pausing {at}"),
        Change::Resume { .. } => format!("taking our pause off {at}"),
        Change::AwaitTemplate { .. } => format!("waiting for the template of {at}"),
    };
    format!("{what} ({place})")
}

#[cfg(test)]
#[path = "act_tests.rs"]
mod tests;
