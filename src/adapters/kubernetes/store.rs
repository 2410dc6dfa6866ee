//! What the three watches of one target have told so far, pruned, and whether that still agrees with a fresh read.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::{
    Snapshot,
    convert::{self, PodOf, SetOf},
    objects::{Listed, RawWorkload, Selector},
    stream::Event,
};
use crate::domain::{rollout::Observed, target::WorkloadRef};

/// What the watches have told so far.
pub(super) struct Store {
    pub workload: RawWorkload,
    /// By name, as the API names them.
    pub sets: BTreeMap<String, SetOf>,
    pub pods: BTreeMap<String, PodOf>,
    /// Everything each of the three watches said, changed or not: a watch that speaks is alive.
    pub heard: Heard,
    pub dirty: bool,
    pub gone: bool,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Heard {
    pub workload: u64,
    pub sets: u64,
    pub pods: u64,
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

    pub fn observed(&self, at: &WorkloadRef) -> Observed {
        convert::observed(at, &self.workload, self.sets.values(), self.pods.values())
    }

    /// Is each part as it was read, or has its watch spoken since `before` the read?
    pub fn agrees(&self, read: &Snapshot, before: Heard) -> bool {
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
pub(super) fn apply<T: Listed, Kept: PartialEq>(
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
pub(super) struct Shared {
    store: Mutex<Store>,
    pub news: Notify,
    /// A watch failed: time to look whether it is the watch or the cluster.
    pub doubt: Notify,
}

impl Shared {
    pub fn new(snapshot: Snapshot) -> Self {
        Self {
            store: Mutex::new(Store::new(snapshot)),
            news: Notify::new(),
            doubt: Notify::new(),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn heard<T>(&self, event: Event<T>, take: impl FnOnce(&mut Store, Event<T>) -> bool) {
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

pub(super) fn selector_of(raw: &RawWorkload) -> Option<String> {
    raw.spec.selector.as_ref().and_then(Selector::query)
}

pub(super) fn take_workload(store: &mut Store, event: Event<RawWorkload>) -> bool {
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
