//! Deployments and Argo Rollouts through the Kubernetes API. Knows objects, requests and their failures; knows nothing
//! of acts, plans or screens.

mod act;
mod call;
mod connect;
mod convert;
mod objects;
mod patch;
mod phase;
mod pin;
mod plugin;
mod proxy;
mod ready;
mod renewal;
mod steps;
mod store;
mod stream;
mod turns;
pub mod watch;
mod way_in;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{FutureExt as _, future::BoxFuture};
use jiff::{SignedDuration, Timestamp};
use kube::client::Client;
use serde_json::Value;

pub use self::connect::{connect, connect_with, open};
pub use self::way_in::way_in;
use self::{
    call::Ask,
    convert::{PodOf, SetOf},
    objects::{Listed, RawPod, RawReplicaSet, RawWorkload},
};
pub(super) use self::{
    call::is_html,
    proxy::{Caller, PodReply, Trouble, patience, pods_to_ask},
};
use crate::{
    adapters::{health::HealthFeed, scrape::ScrapeFeed},
    domain::{
        fault::Fault,
        plan::ObjectProbe,
        readiness::OnPlatform,
        rollout::Observed,
        target::{Target, WorkloadKind, WorkloadRef},
        workspace::Timings,
    },
    ports::{act::Site, now::Clock, watch::Feed},
};

/// Deadline of a read of one object.
const POINT: Duration = Duration::from_secs(5);
/// Deadline of one page of a list.
const PAGE: Duration = Duration::from_secs(30);
/// A page of 500 pods is 3 MB, and 25 MB where they are as large as they come. What is larger is asked for in smaller
/// pages.
const LARGEST: usize = 32 << 20;
/// One object is at most 1.5 MB in etcd, unless somebody raised that limit.
const LARGEST_OBJECT: usize = 16 << 20;

/// One cluster, seen as one user.
#[derive(Clone)]
pub struct Cluster {
    reads: Client,
    mutations: Client,
    /// The context, for sentences.
    place: String,
    hint: String,
    /// Whoever answers is taken at his word: the kubeconfig says insecure-skip-tls-verify.
    unverified: bool,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// Everything that is watched of one target: the workload, and `/health` and `/metrics` of its pods where the target
/// names them. They share what the first one sees.
pub fn feeds(
    cluster: &Arc<Cluster>,
    target: &Target,
    timings: &Timings,
    clock: Arc<dyn Clock>,
) -> Vec<Box<dyn Feed>> {
    let (sender, seen) = tokio::sync::watch::channel(None);
    let mut feeds: Vec<Box<dyn Feed>> = vec![Box::new(watch::WorkloadFeed::new(
        Arc::clone(cluster),
        target,
        timings.stale,
        sender,
        Arc::clone(&clock),
    ))];
    if let Some(endpoint) = &target.health {
        let caller = Caller::new(Arc::clone(cluster), target, endpoint.clone());
        let every = timings.health_interval;
        feeds.push(Box::new(HealthFeed::new(caller, every, seen.clone())));
    }
    if let Some(source) = &target.metrics {
        let caller = Caller::new(Arc::clone(cluster), target, source.endpoint.clone());
        let every = timings.scrape_interval;
        feeds.push(Box::new(ScrapeFeed::new(
            caller, source, every, seen, clock,
        )));
    }
    feeds
}

impl Site for Cluster {
    fn feeds(
        self: Arc<Self>,
        target: &Target,
        timings: &Timings,
        clock: Arc<dyn Clock>,
    ) -> Vec<Box<dyn Feed>> {
        feeds(&self, target, timings, clock)
    }

    fn readiness<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, OnPlatform> {
        ready::ask(self, target).boxed()
    }
}

/// A path segment or a query value, percent-encoded where it has to be.
fn encoded(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// The collection that holds objects of this kind in this namespace.
fn workloads(kind: WorkloadKind, namespace: &str) -> String {
    let namespace = encoded(namespace);
    match kind {
        WorkloadKind::Deployment => format!("/apis/apps/v1/namespaces/{namespace}/deployments"),
        WorkloadKind::Rollout => {
            format!("/apis/argoproj.io/v1alpha1/namespaces/{namespace}/rollouts")
        }
    }
}

fn object(at: &WorkloadRef) -> String {
    let collection = workloads(at.kind, &at.namespace);
    format!("{collection}/{}", encoded(&at.name))
}

/// A list of one kind under one selector, and where to read on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Collection {
    path: String,
    /// Already encoded: `labelSelector=…` or `fieldSelector=…`.
    query: String,
}

impl Collection {
    fn workload(at: &WorkloadRef) -> Self {
        Self {
            path: workloads(at.kind, &at.namespace),
            query: format!(
                "fieldSelector={}",
                encoded(&format!("metadata.name={}", at.name))
            ),
        }
    }

    fn replica_sets(at: &WorkloadRef, selector: &str) -> Self {
        let namespace = encoded(&at.namespace);
        Self {
            path: format!("/apis/apps/v1/namespaces/{namespace}/replicasets"),
            query: format!("labelSelector={}", encoded(selector)),
        }
    }

    fn pods(at: &WorkloadRef, selector: &str) -> Self {
        let namespace = encoded(&at.namespace);
        Self {
            path: format!("/api/v1/namespaces/{namespace}/pods"),
            query: format!("labelSelector={}", encoded(selector)),
        }
    }
}

/// What the server's clock showed when it answered, and when that arrived.
#[derive(Clone, Copy, Debug)]
struct Dated {
    at: Timestamp,
    heard: Instant,
}

impl Dated {
    fn of(headers: &http::HeaderMap) -> Option<Self> {
        let text = headers.get(http::header::DATE)?.to_str().ok()?;
        let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
        let heard = Instant::now();
        Some(Self { at, heard })
    }

    /// How far the server's clock is ahead of ours, in whole seconds; behind is negative. The header has no
    /// fractions, so the nearest that it can mean counts, and a server that is right is not accused.
    fn ahead(self, now: Timestamp) -> SignedDuration {
        let heard = SignedDuration::try_from(self.heard.elapsed()).unwrap_or_default();
        let ours = now.checked_sub(heard).unwrap_or(now);
        let least = self.at.duration_since(ours);
        let most = least.saturating_add(SignedDuration::from_secs(1));
        let ahead = if least.is_positive() {
            least
        } else if most.is_negative() {
            most
        } else {
            SignedDuration::ZERO
        };
        SignedDuration::from_secs(ahead.as_secs())
    }
}

/// All there is to know of one target, read afresh; with the places from which a watch goes on.
struct Snapshot {
    workload: RawWorkload,
    selector: Option<String>,
    sets: Vec<SetOf>,
    pods: Vec<PodOf>,
    sets_at: String,
    pods_at: String,
    dated: Option<Dated>,
}

impl Snapshot {
    fn observed(&self, at: &WorkloadRef) -> Observed {
        convert::observed(at, &self.workload, self.sets.iter(), self.pods.iter())
    }
}

impl Cluster {
    fn new(clients: renewal::Clients, place: String, hint: String, unverified: bool) -> Self {
        Self {
            reads: clients.reads,
            mutations: clients.mutations,
            place,
            hint,
            unverified,
        }
    }

    /// The context it was opened with.
    pub fn place(&self) -> &str {
        &self.place
    }

    /// Adds the next step where the fault has none of its own.
    fn hinted(&self, mut fault: Fault) -> Fault {
        use crate::domain::fault::FaultKind as K;
        if fault.hint.is_none() {
            fault.hint = Some(match (fault.kind, fault.retry_after) {
                (K::Throttled, Some(wait)) => format!(
                    "It is too busy: ask again in {}.",
                    crate::domain::time::exact(wait)
                ),
                (K::Throttled, None) => "It is too busy: ask again in a moment.".to_owned(),
                _ => self.hint.clone(),
            });
        }
        fault
    }

    /// An object that a probe asks about, as it is.
    pub(super) async fn object(
        &self,
        probe: &ObjectProbe,
        namespace: &str,
    ) -> Result<Value, Fault> {
        let namespace = probe.namespace.as_deref().unwrap_or(namespace);
        let place = if probe.whole_cluster {
            String::new()
        } else {
            format!(" in {namespace}")
        };
        let doing = format!("reading {}{place} ({})", probe.words(), self.place);
        let Some((version, plural, name)) = probe.parts() else {
            let kind = crate::domain::fault::FaultKind::Bug;
            return Err(Fault::new(call::SYSTEM, kind, doing, "it is no object"));
        };
        let root = if version.contains('/') { "apis" } else { "api" };
        let within = if probe.whole_cluster {
            String::new()
        } else {
            format!("namespaces/{}/", encoded(namespace))
        };
        let version: Vec<String> = version.split('/').map(encoded).collect();
        let path = format!(
            "/{root}/{}/{within}{}/{}",
            version.join("/"),
            encoded(plural),
            encoded(name)
        );
        let ask = Ask::get(path, &doing);
        let reply = call::send(&self.reads, &ask, POINT, LARGEST_OBJECT).await;
        reply
            .and_then(|reply| call::decode(&ask, &reply))
            .map_err(|fault| self.hinted(fault))
    }

    async fn get(&self, at: &WorkloadRef, doing: &str) -> Result<RawWorkload, Fault> {
        Ok(self.get_dated(at, doing).await?.0)
    }

    /// The object, and the moment of which the server says that it is now.
    async fn get_dated(
        &self,
        at: &WorkloadRef,
        doing: &str,
    ) -> Result<(RawWorkload, Option<Dated>), Fault> {
        let ask = Ask::get(object(at), doing);
        let reply = call::send(&self.reads, &ask, POINT, LARGEST_OBJECT).await;
        let read = reply.and_then(|reply| {
            let read: RawWorkload = call::decode(&ask, &reply)?;
            // Everything in it is optional, so that `{}` would pass for an object.
            if read.metadata.name == at.name {
                Ok((read, Dated::of(&reply.headers)))
            } else {
                let kind = crate::domain::fault::FaultKind::Malformed;
                Err(ask.fault(kind, "it answered with something that is not this object"))
            }
        });
        read.map_err(|fault| self.hinted(missing(at, fault)))
    }

    /// Sets and pods are read at the same time, in pages.
    async fn snapshot(&self, at: &WorkloadRef) -> Result<Snapshot, Fault> {
        let doing = format!("reading {at} ({})", self.place);
        let (workload, dated) = self.get_dated(at, &doing).await?;
        let selector = workload
            .spec
            .selector
            .as_ref()
            .and_then(objects::Selector::query);
        let Some(query) = &selector else {
            return Ok(Snapshot {
                sets: Vec::new(),
                pods: Vec::new(),
                sets_at: String::new(),
                pods_at: String::new(),
                dated,
                selector,
                workload,
            });
        };
        let of_sets = Collection::replica_sets(at, query);
        let of_pods = Collection::pods(at, query);
        let ((sets, sets_at), (pods, pods_at)) = futures::try_join!(
            self.list(&of_sets, &doing, |raw: RawReplicaSet| convert::replica_set(
                at, &raw
            )),
            self.list(&of_pods, &doing, |raw: RawPod| convert::pod(at.kind, &raw)),
        )?;
        Ok(Snapshot {
            workload,
            selector,
            sets,
            pods,
            sets_at,
            pods_at,
            dated,
        })
    }

    /// Every object, pruned page by page, and the resource version at which the list was true.
    async fn list<T: Listed, Kept>(
        &self,
        of: &Collection,
        doing: &str,
        keep: impl Fn(T) -> Option<Kept> + Send,
    ) -> Result<(Vec<Kept>, String), Fault> {
        let listed = stream::list(&self.reads, of, doing, keep).await;
        listed.map_err(|fault| self.hinted(fault))
    }
}

/// A 404 on an object is as often a wrong name in the configuration.
fn missing(at: &WorkloadRef, mut fault: Fault) -> Fault {
    use crate::domain::fault::FaultKind as K;
    let kind = at.kind.resource();
    let namespace = &at.namespace;
    match fault.kind {
        K::NotFound => {
            fault.hint = Some(format!(
                "Look for it with `kubectl get {kind} -n {namespace}`; its name stands in the configuration."
            ));
        }
        K::Forbidden => {
            fault.hint = Some(format!(
                "Ask for the right to get, list, watch and patch it: `kubectl auth can-i get {kind} -n {namespace}`."
            ));
        }
        _ => {}
    }
    fault
}
