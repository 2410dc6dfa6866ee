//! The feed of one target's workload, its replica sets and its pods. Prunes and compares before it posts; a burst of
//! events becomes one posting. Every ten seconds all of it is read afresh: a quiet watch alone proves nothing.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    Cluster, Collection, Snapshot,
    convert::{self, PodOf, SetOf},
    objects::{Listed, RawPod, RawReplicaSet, RawWorkload, Selector},
    stream::{self, Event},
};
use crate::{
    adapters::backoff::Backoff,
    domain::{
        fault::{Fault, FaultKind},
        observation::{Observation, Seen},
        rollout::Observed,
        target::{Target, TargetId, WorkloadRef},
    },
    ports::watch::{Feed, Post},
};

const REREAD: Duration = Duration::from_secs(10);
/// The least time between two postings.
const PACE: Duration = Duration::from_millis(40);
/// How long a watch may lag behind a fresh read before it is taken for deaf.
const LAG: Duration = Duration::from_millis(500);
/// After a failure of a watch: look whether it is the watch or the cluster.
const LOOK: Duration = Duration::from_secs(1);

/// What the latest posting showed, for the feeds that ask the pods.
pub type Shown = Option<Arc<Observed>>;

#[derive(Clone)]
pub struct WorkloadFeed {
    cluster: Arc<Cluster>,
    target: TargetId,
    workload: WorkloadRef,
    shown: tokio::sync::watch::Sender<Shown>,
}

impl WorkloadFeed {
    pub fn new(
        cluster: Arc<Cluster>,
        target: &Target,
        shown: tokio::sync::watch::Sender<Shown>,
    ) -> Self {
        Self {
            cluster,
            target: target.id.clone(),
            workload: target.workload.clone(),
            shown,
        }
    }
}

impl Feed for WorkloadFeed {
    fn run(&self, post: Post, cancel: CancellationToken) -> BoxFuture<'static, ()> {
        let feed = self.clone();
        async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = feed.watch(&post) => {}
            }
        }
        .boxed()
    }
}

/// What the watches have told so far.
struct Store {
    workload: RawWorkload,
    /// By name, as the API names them.
    sets: BTreeMap<String, SetOf>,
    pods: BTreeMap<String, PodOf>,
    /// Everything each of the three watches said, changed or not: a watch that speaks is alive.
    heard: Heard,
    dirty: bool,
    gone: bool,
}

#[derive(Clone, Copy, Default)]
struct Heard {
    workload: u64,
    sets: u64,
    pods: u64,
}

impl Store {
    fn new(snapshot: Snapshot) -> Self {
        Self {
            workload: snapshot.workload,
            sets: by_name(snapshot.sets, |set| set.set.name.to_string()),
            pods: by_name(snapshot.pods, |pod| pod.pod.name.to_string()),
            heard: Heard::default(),
            dirty: false,
            gone: false,
        }
    }

    fn observed(&self, at: &WorkloadRef) -> Observed {
        convert::observed(at, &self.workload, self.sets.values(), self.pods.values())
    }

    /// Is each part as it was read, or has its watch spoken since `before` the read?
    fn agrees(&self, read: &Snapshot, before: Heard) -> bool {
        let version = |raw: &RawWorkload| raw.metadata.resource_version.clone();
        let now = self.heard;
        (now.workload != before.workload || version(&self.workload) == version(&read.workload))
            && (now.sets != before.sets
                || self.sets.len() == read.sets.len()
                    && read
                        .sets
                        .iter()
                        .all(|set| self.sets.get(set.set.name.as_ref()) == Some(set)))
            && (now.pods != before.pods
                || self.pods.len() == read.pods.len()
                    && read
                        .pods
                        .iter()
                        .all(|pod| self.pods.get(pod.pod.name.as_ref()) == Some(pod)))
    }
}

fn by_name<T>(all: Vec<T>, name: impl Fn(&T) -> String) -> BTreeMap<String, T> {
    all.into_iter().map(|one| (name(&one), one)).collect()
}

/// Puts an event into a map, and says whether that changed it.
fn apply<T: Listed, Kept: PartialEq>(
    map: &mut BTreeMap<String, Kept>,
    event: Event<T>,
    keep: impl Fn(&T) -> Option<Kept>,
) -> bool {
    match event {
        Event::All(all) => {
            let new: BTreeMap<String, Kept> = all
                .iter()
                .filter_map(|raw| Some((raw.name().to_owned(), keep(raw)?)))
                .collect();
            let changed = *map != new;
            *map = new;
            changed
        }
        Event::Put(raw) => match keep(&raw) {
            Some(kept) if map.get(raw.name()) == Some(&kept) => false,
            Some(kept) => {
                map.insert(raw.name().to_owned(), kept);
                true
            }
            None => map.remove(raw.name()).is_some(),
        },
        Event::Gone(name) => map.remove(&name).is_some(),
        Event::Failed(_) => false,
    }
}

/// The store as the three watches and the pacer share it. Never held across an await.
struct Shared {
    store: Mutex<Store>,
    news: Notify,
    /// A watch failed: time to look whether it is the watch or the cluster.
    doubt: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard<T>(&self, event: Event<T>, take: impl FnOnce(&mut Store, Event<T>) -> bool) {
        if let Event::Failed(fault) = event {
            tracing::debug!(%fault, "a watch failed");
            self.doubt.notify_one();
            return;
        }
        let mut store = self.lock();
        if take(&mut store, event) {
            store.dirty = true;
            drop(store);
            self.news.notify_one();
        }
    }
}

/// Compares with what was posted last.
struct Poster<'a> {
    feed: &'a WorkloadFeed,
    post: &'a Post,
    last: Shown,
}

impl Poster<'_> {
    fn say(&self, seen: Seen) {
        (self.post)(Observation {
            target: self.feed.target.clone(),
            seen,
        });
    }

    /// `read`: the values come from a fresh read, so their age is news even if they are the same.
    fn show(&mut self, observed: Observed, read: bool) {
        if self.last.as_deref() == Some(&observed) {
            if read {
                self.say(Seen::WorkloadUnchanged);
            }
            return;
        }
        let observed = Arc::new(observed);
        self.last = Some(Arc::clone(&observed));
        self.feed.shown.send_replace(self.last.clone());
        self.say(Seen::Workload(Box::new(observed.as_ref().clone())));
    }

    fn fail(&self, fault: Fault) {
        self.say(Seen::WorkloadFailed(fault));
    }
}

impl WorkloadFeed {
    async fn watch(&self, post: &Post) {
        let mut poster = Poster {
            feed: self,
            post,
            last: None,
        };
        let mut backoff = Backoff::of_feeds();
        let mut fresh = None;
        loop {
            let read = match fresh.take() {
                Some(snapshot) => Ok(snapshot),
                None => self.cluster.snapshot(&self.workload).await,
            };
            match read {
                Ok(snapshot) => {
                    backoff.reset();
                    poster.show(snapshot.observed(&self.workload), true);
                    fresh = self.session(snapshot, &mut poster).await;
                }
                Err(fault) => {
                    let wait = backoff.next(&fault);
                    poster.fail(fault);
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Watches from a snapshot on. Ends when the watches turn out deaf, or the selector changed, or the object is
    /// gone; with the newer snapshot if there is one.
    async fn session(&self, snapshot: Snapshot, poster: &mut Poster<'_>) -> Option<Snapshot> {
        let at = &self.workload;
        let doing = format!("watching {at} ({})", self.cluster.place);
        let selector = snapshot.selector.clone();
        let from = snapshot.workload.metadata.resource_version.clone();
        let (sets_at, pods_at) = (snapshot.sets_at.clone(), snapshot.pods_at.clone());
        let shared = Shared {
            store: Mutex::new(Store::new(snapshot)),
            news: Notify::new(),
            doubt: Notify::new(),
        };
        let client = &self.cluster.reads;
        let of_workload = Collection::workload(at);
        let workload =
            stream::follow::<RawWorkload>(client, &of_workload, &doing, &from, |event| {
                shared.heard(event, take_workload);
            });
        let children = async {
            let Some(query) = &selector else {
                return std::future::pending().await;
            };
            let (of_sets, of_pods) = (
                Collection::replica_sets(at, query),
                Collection::pods(at, query),
            );
            let sets =
                stream::follow::<RawReplicaSet>(client, &of_sets, &doing, &sets_at, |event| {
                    shared.heard(event, |store, event| {
                        store.heard.sets += 1;
                        apply(&mut store.sets, event, |raw| convert::replica_set(at, raw))
                    });
                });
            let pods = stream::follow::<RawPod>(client, &of_pods, &doing, &pods_at, |event| {
                shared.heard(event, |store, event| {
                    store.heard.pods += 1;
                    apply(&mut store.pods, event, |raw| convert::pod(at.kind, raw))
                });
            });
            futures::join!(sets, pods);
        };
        tokio::select! {
            () = workload => None,
            () = children => None,
            fresh = self.pace(&shared, selector.as_ref(), poster) => fresh,
        }
    }

    /// Posts what the watches bring, at most every `PACE`, while everything is read again every `REREAD`.
    async fn pace(
        &self,
        shared: &Shared,
        selector: Option<&String>,
        poster: &mut Poster<'_>,
    ) -> Option<Snapshot> {
        let mut backoff = Backoff::of_feeds();
        let mut reread = Box::pin(self.reread(shared, REREAD));
        loop {
            let read = tokio::select! {
                biased;
                read = &mut reread => Some(read),
                () = shared.news.notified() => None,
            };
            match read {
                None => {
                    let observed = {
                        let mut store = shared.lock();
                        if store.gone || selector_of(&store.workload).as_ref() != selector {
                            return None;
                        }
                        let dirty = std::mem::take(&mut store.dirty);
                        dirty.then(|| store.observed(&self.workload))
                    };
                    if let Some(observed) = observed {
                        poster.show(observed, false);
                        tokio::time::sleep(PACE).await;
                    }
                }
                Some(Ok((_, true))) => {
                    backoff.reset();
                    let observed = shared.lock().observed(&self.workload);
                    poster.show(observed, true);
                    reread.set(self.reread(shared, REREAD));
                }
                Some(Ok((snapshot, false))) => return Some(snapshot),
                Some(Err(fault)) => {
                    let wait = backoff.next(&fault);
                    let gone = fault.kind == FaultKind::NotFound;
                    poster.fail(fault);
                    if gone {
                        tokio::time::sleep(wait).await;
                        return None;
                    }
                    reread.set(self.reread(shared, wait));
                }
            }
        }
    }

    /// Reads everything after `wait`, or soon after a watch failed; true if what the watches told agrees with it.
    async fn reread(&self, shared: &Shared, wait: Duration) -> Result<(Snapshot, bool), Fault> {
        let at = Instant::now() + wait;
        tokio::select! {
            () = tokio::time::sleep_until(at) => {}
            () = shared.doubt.notified() => {
                tokio::time::sleep_until(at.min(Instant::now() + LOOK)).await;
            }
        }
        let before = shared.lock().heard;
        let snapshot = self.cluster.snapshot(&self.workload).await?;
        if shared.lock().agrees(&snapshot, before) {
            return Ok((snapshot, true));
        }
        tokio::time::sleep(LAG).await;
        let agrees = shared.lock().agrees(&snapshot, before);
        Ok((snapshot, agrees))
    }
}

fn selector_of(raw: &RawWorkload) -> Option<String> {
    raw.spec.selector.as_ref().and_then(Selector::query)
}

fn take_workload(store: &mut Store, event: Event<RawWorkload>) -> bool {
    store.heard.workload += 1;
    match event {
        Event::All(mut all) => match all.pop() {
            Some(raw) => store.workload = raw,
            None => store.gone = true,
        },
        Event::Put(raw) => store.workload = raw,
        Event::Gone(_) => store.gone = true,
        Event::Failed(_) => return false,
    }
    true
}
