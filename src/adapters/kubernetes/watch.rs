//! The feed of one target's workload, its replica sets and its pods. Prunes and compares before it posts; a burst of
//! events becomes one posting. Every ten seconds all of it is read afresh: a quiet watch alone proves nothing.

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, future::BoxFuture};
use jiff::SignedDuration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    Cluster, Collection, Dated, Snapshot, convert,
    objects::{RawPod, RawReplicaSet, RawWorkload},
    store::{Shared, apply, selector_of, take_workload},
    stream,
};
use crate::{
    adapters::backoff::Backoff,
    domain::{
        fault::{Fault, FaultKind},
        observation::{Observation, Seen},
        rollout::Observed,
        target::{Target, TargetId, WorkloadRef},
    },
    ports::{
        now::Clock,
        watch::{Feed, Post},
    },
};

/// Everything watched is read again this often at the latest: a quiet watch alone proves nothing. More often where the
/// configured staleness asks for it.
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
    reread: Duration,
    shown: tokio::sync::watch::Sender<Shown>,
    clock: Arc<dyn Clock>,
}

impl WorkloadFeed {
    pub fn new(
        cluster: Arc<Cluster>,
        target: &Target,
        stale: SignedDuration,
        shown: tokio::sync::watch::Sender<Shown>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let half = Duration::try_from(stale).unwrap_or(REREAD) / 2;
        Self {
            cluster,
            target: target.id.clone(),
            workload: target.workload.clone(),
            reread: REREAD.min(half),
            shown,
            clock,
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

/// Compares with what was posted last.
struct Poster<'a> {
    feed: &'a WorkloadFeed,
    post: &'a Post,
    last: Shown,
    /// What was said last of the server's clock.
    ahead: SignedDuration,
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

    /// The server's clock beside ours, if it is news.
    fn compare_clocks(&mut self, dated: Option<Dated>) {
        let Some(dated) = dated else {
            return;
        };
        let ahead = dated.ahead(self.feed.clock.now());
        if ahead != self.ahead {
            self.ahead = ahead;
            self.say(Seen::ServerClock { ahead });
        }
    }

    /// `wait`: when it is tried again.
    fn fail(&self, mut fault: Fault, wait: Duration) {
        fault.retry_after = SignedDuration::try_from(wait).ok();
        self.say(Seen::WorkloadFailed(fault));
    }
}

impl WorkloadFeed {
    async fn watch(&self, post: &Post) {
        let mut poster = Poster {
            feed: self,
            post,
            last: None,
            ahead: SignedDuration::ZERO,
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
                    poster.compare_clocks(snapshot.dated);
                    poster.show(snapshot.observed(&self.workload), true);
                    fresh = self.session(snapshot, &mut poster).await;
                }
                Err(fault) => {
                    let wait = backoff.next(&fault);
                    poster.fail(fault, wait);
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
        let shared = Shared::new(snapshot);
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
        let mut reread = Box::pin(self.reread(shared, self.reread));
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
                Some(Ok((snapshot, true))) => {
                    backoff.reset();
                    poster.compare_clocks(snapshot.dated);
                    let observed = shared.lock().observed(&self.workload);
                    poster.show(observed, true);
                    reread.set(self.reread(shared, self.reread));
                }
                Some(Ok((snapshot, false))) => return Some(snapshot),
                Some(Err(fault)) => {
                    let wait = backoff.next(&fault);
                    let gone = fault.kind == FaultKind::NotFound;
                    poster.fail(fault, wait);
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
