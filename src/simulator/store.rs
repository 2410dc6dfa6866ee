//! The objects of the practice cluster and the history of their changes, by resource version. Knows no rules.

use super::json::Json;
use super::kinds::{self, Kind};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Changes kept for watches; older ones are compacted, as etcd does.
const HISTORY: usize = 10_000;

/// Which object: kind (plural), namespace ("" when cluster-wide), name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Id {
    pub kind: &'static str,
    pub namespace: String,
    pub name: String,
}

impl Id {
    pub fn new(kind: &Kind, namespace: &str, name: &str) -> Self {
        Self {
            kind: kind.plural,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// The id that an object carries.
    pub fn of(object: &Value) -> Option<Self> {
        let kind = kinds::named(object.text("/kind"))?;
        Some(Self::new(kind, object.namespace(), object.name()))
    }
}

/// One change, as a watch tells it.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub version: u64,
    pub kind: &'static str,
    pub before: Option<Arc<Value>>,
    /// None after a deletion; `gone` then holds the last state.
    pub after: Option<Arc<Value>>,
    pub gone: Option<Arc<Value>>,
}

/// Objects and history.
#[derive(Debug)]
pub(super) struct Store {
    objects: BTreeMap<Id, Arc<Value>>,
    history: VecDeque<Change>,
    version: u64,
    /// Watches from before this version get "too old".
    compacted: u64,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            version: 1000,
            compacted: 1000,
        }
    }
}

impl Store {
    pub fn version(&self) -> u64 {
        self.version
    }

    pub fn get(&self, id: &Id) -> Option<&Arc<Value>> {
        self.objects.get(id)
    }

    /// Objects of a kind in a namespace (all of them for ""), by namespace and name.
    pub fn list<'a>(
        &'a self,
        kind: &'static Kind,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Value>> + 'a {
        let first = Id::new(kind, namespace, "");
        self.objects
            .range(first..)
            .take_while(move |(id, _)| {
                id.kind == kind.plural && (namespace.is_empty() || id.namespace == namespace)
            })
            .map(|(_, object)| object)
    }

    /// Stores an object under a new resource version.
    pub fn put(&mut self, id: &Id, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object.set("/metadata/resourceVersion", self.version.to_string());
        let object = Arc::new(object);
        let before = self.objects.insert(id.clone(), Arc::clone(&object));
        self.record(Change {
            version: self.version,
            kind: id.kind,
            before,
            after: Some(Arc::clone(&object)),
            gone: None,
        });
        object
    }

    /// Removes an object; its last state carries the version of the removal.
    pub fn remove(&mut self, id: &Id) -> Option<Arc<Value>> {
        let before = self.objects.remove(id)?;
        self.version += 1;
        let mut last = Value::clone(&before);
        last.set("/metadata/resourceVersion", self.version.to_string());
        let gone = Arc::new(last);
        self.record(Change {
            version: self.version,
            kind: id.kind,
            before: Some(before),
            after: None,
            gone: Some(Arc::clone(&gone)),
        });
        Some(gone)
    }

    /// Changes of a kind after a version, or None when that version has been compacted.
    pub fn since(
        &self,
        kind: &'static Kind,
        version: u64,
    ) -> Option<impl Iterator<Item = &Change>> {
        if version < self.compacted {
            return None;
        }
        let start = self
            .history
            .partition_point(|change| change.version <= version);
        Some(
            self.history
                .range(start..)
                .filter(move |change| change.kind == kind.plural),
        )
    }

    /// Forgets the history, so that older watches must list again.
    pub fn compact(&mut self) {
        self.history.clear();
        self.compacted = self.version;
    }

    fn record(&mut self, change: Change) {
        self.history.push_back(change);
        if self.history.len() > HISTORY
            && let Some(oldest) = self.history.pop_front()
        {
            self.compacted = oldest.version;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::kinds::{NODES, PODS};
    use super::*;
    use serde_json::json;

    #[test]
    fn history_by_version() {
        let mut store = Store::default();
        let id = Id::new(&PODS, "dev", "a");
        let start = store.version();
        store.put(
            &id,
            json!({"kind": "Pod", "metadata": {"namespace": "dev", "name": "a"}}),
        );
        store.put(&Id::new(&NODES, "", "n"), json!({}));
        store.remove(&id);
        let changes: Vec<_> = store.since(&PODS, start).unwrap().collect();
        assert_eq!(changes.len(), 2);
        assert_eq!(
            changes[1]
                .gone
                .as_ref()
                .unwrap()
                .text("/metadata/resourceVersion"),
            "1003"
        );
        store.compact();
        assert!(store.since(&PODS, start).is_none());
        assert!(store.since(&PODS, store.version()).is_some());
    }
}
