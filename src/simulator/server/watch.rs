//! Watches: every change after a version as one line of JSON, sent at once.

use super::Shell;
use super::call::{Answer, Call, stream};
use super::reads::{Form, form, metadata_only};
use super::route::Target;
use super::table::{self, Included};
use crate::simulator::json::Json;
use crate::simulator::kinds::Kind;
use crate::simulator::refusal::Refusal;
use crate::simulator::selector::{Fields, Labels};
use crate::simulator::store::Change;
use bytes::Bytes;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch as latest;
use tokio::time::Instant;

/// How often a watch that wants bookmarks gets one.
const BOOKMARKS: Duration = Duration::from_secs(60);
/// How long a watch lasts that does not say; the real server picks half an hour to an hour.
const LASTS: u64 = 40 * 60;

struct Watch {
    shell: Arc<Shell>,
    kind: &'static Kind,
    namespace: String,
    name: String,
    labels: Labels,
    fields: Fields,
    form: Form,
    included: Included,
    target: String,
    /// Everything up to this version has been told.
    told: u64,
    newest: latest::Receiver<u64>,
    lines: VecDeque<Bytes>,
    bookmark: Option<Instant>,
    ends: Instant,
    over: bool,
}

pub(super) fn answer(shell: &Arc<Shell>, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    let seconds = call.parameter("timeoutSeconds").parse().unwrap_or(LASTS);
    let bookmarks = call.asks("allowWatchBookmarks");
    let version: u64 = match call.parameter("resourceVersion") {
        "" => 0,
        text => text
            .parse()
            .map_err(|_| Refusal::bad_request(format!("invalid resource version \"{text}\"")))?,
    };
    let mut watch = Watch {
        newest: shell.version.subscribe(),
        shell: Arc::clone(shell),
        kind: target.kind,
        namespace: target.namespace.clone(),
        name: target.name.clone(),
        labels: Labels::parse(call.parameter("labelSelector")),
        fields: Fields::parse(call.parameter("fieldSelector")),
        form: form(call),
        included: Included::of(call),
        target: call.target.clone(),
        told: version,
        lines: VecDeque::new(),
        bookmark: bookmarks.then(|| Instant::now() + BOOKMARKS),
        ends: Instant::now() + Duration::from_secs(seconds),
        over: false,
    };
    let streams_list = call.asks("sendInitialEvents");
    if streams_list || version == 0 && call.parameter("sendInitialEvents") != "false" {
        watch.tell_all();
        if streams_list && bookmarks {
            watch.tell_bookmark(true);
        }
    } else if version == 0 {
        watch.told = watch.shell.with_world(|world, _| world.store.version());
    }
    let lines = futures::stream::unfold(watch, |mut watch| async move {
        watch.next().await.map(|line| (line, watch))
    });
    Ok(stream("application/json", lines))
}

impl Watch {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            if self.over {
                return None;
            }
            self.newest.borrow_and_update();
            self.tell_changes();
            if !self.lines.is_empty() || self.over {
                continue;
            }
            let bookmark = self.bookmark.unwrap_or(self.ends + BOOKMARKS);
            tokio::select! {
                () = self.shell.stop.cancelled() => return None,
                () = tokio::time::sleep_until(self.ends) => return None,
                () = tokio::time::sleep_until(bookmark) => {
                    self.tell_bookmark(false);
                    self.bookmark = Some(bookmark + BOOKMARKS);
                }
                changed = self.newest.changed() => changed.ok()?,
            }
        }
    }

    /// Everything that exists, as if it had just been added.
    fn tell_all(&mut self) {
        let (kind, namespace) = (self.kind, self.namespace.clone());
        let (objects, version) = self.shell.with_world(|world, _| {
            (
                world
                    .store
                    .list(kind, &namespace)
                    .cloned()
                    .collect::<Vec<_>>(),
                world.store.version(),
            )
        });
        for object in objects {
            if self.takes(&object) {
                self.tell("ADDED", &object);
            }
        }
        self.told = version;
    }

    fn tell_changes(&mut self) {
        let (kind, told, shell) = (self.kind, self.told, Arc::clone(&self.shell));
        let (changes, version) = shell.with_world(|world, _| {
            let changes = world
                .store
                .since(kind, told)
                .map(|changes| changes.cloned().collect::<Vec<_>>());
            (changes, world.store.version())
        });
        let Some(changes) = changes else {
            let mut expired = Refusal::expired();
            expired.message = format!("too old resource version: {told} ({version})");
            self.lines
                .push_back(line(&json!({"type": "ERROR", "object": expired.status()})));
            self.over = true;
            return;
        };
        self.told = self.told.max(version);
        for change in &changes {
            if let Some((event, object)) = self.event(change)
                && !self.shell.rehearsal().drops_event(&self.target)
            {
                self.tell(event, &object);
            }
        }
    }

    /// What a change means to this watch: an object may come into its selection, or leave it.
    fn event(&self, change: &Change) -> Option<(&'static str, Arc<Value>)> {
        let before = change.before.as_ref().filter(|object| self.takes(object));
        let after = change.after.as_ref().filter(|object| self.takes(object));
        match (before, after) {
            (None, Some(after)) => Some(("ADDED", Arc::clone(after))),
            (Some(_), Some(after)) => Some(("MODIFIED", Arc::clone(after))),
            (Some(before), None) => {
                let mut last = Value::clone(change.gone.as_ref().unwrap_or(before));
                last.set("/metadata/resourceVersion", change.version.to_string());
                Some(("DELETED", Arc::new(last)))
            }
            (None, None) => None,
        }
    }

    fn takes(&self, object: &Value) -> bool {
        (self.namespace.is_empty() || object.namespace() == self.namespace)
            && (self.name.is_empty() || object.name() == self.name)
            && self.labels.take(object)
            && self.fields.take(object)
    }

    fn tell(&mut self, event: &str, object: &Value) {
        let object = match self.form {
            Form::Whole => object.clone(),
            Form::Table => table::of_one(self.kind, object, self.included),
            Form::Metadata => metadata_only(object),
        };
        self.lines
            .push_back(line(&json!({"type": event, "object": object})));
    }

    fn tell_bookmark(&mut self, initial_events_end: bool) {
        let mut metadata =
            json!({"resourceVersion": self.told.to_string(), "creationTimestamp": null});
        if initial_events_end {
            metadata["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        let (kind, api_version) = match self.form {
            Form::Metadata => ("PartialObjectMetadata", "meta.k8s.io/v1".to_owned()),
            Form::Whole | Form::Table => (self.kind.kind, self.kind.api_version()),
        };
        let object = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata});
        self.lines
            .push_back(line(&json!({"type": "BOOKMARK", "object": object})));
    }
}

fn line(event: &Value) -> Bytes {
    Bytes::from(format!("{event}\n"))
}
