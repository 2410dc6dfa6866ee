//! Server-side apply, and who owns what of an object: `metadata.managedFields`.
//! Follows `kubernetes-sigs/structured-merge-diff:merge/update.go` and `apiserver/pkg/util/managedfields`.

use crate::simulator::fields::{self, Tree};
use crate::simulator::json::{Json, stamp};
use crate::simulator::kinds::Kind;
use crate::simulator::refusal::{Cause, Refusal};
use crate::simulator::schema::Place;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

/// Who writes, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manager<'a> {
    pub name: &'a str,
    pub operation: &'static str,
    pub subresource: &'a str,
}

impl Manager<'_> {
    fn is(&self, entry: &Value) -> bool {
        entry.text("/manager") == self.name
            && entry.text("/operation") == self.operation
            && entry.text("/subresource") == self.subresource
    }
}

/// Members of the metadata that nobody owns: the server keeps them.
const OF_THE_SERVER: [&str; 10] = [
    "name",
    "namespace",
    "generateName",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "selfLink",
    "managedFields",
];

/// An object without what nobody can own.
fn ownable(object: &Value) -> Value {
    let mut object = object.clone();
    object.unset("/apiVersion");
    object.unset("/kind");
    for member in OF_THE_SERVER {
        object.unset(&format!("/metadata/{member}"));
    }
    if object["metadata"].as_object().is_some_and(Map::is_empty) {
        object.unset("/metadata");
    }
    object
}

fn tree_of(entry: &Value) -> Tree {
    entry["fieldsV1"].as_object().cloned().unwrap_or_default()
}

fn managers(object: &Value) -> Vec<Value> {
    object.items("/metadata/managedFields").to_vec()
}

fn keep(object: &mut Value, managers: Vec<Value>) {
    let managers: Vec<Value> = managers
        .into_iter()
        .filter(|entry| !tree_of(entry).is_empty())
        .collect();
    if managers.is_empty() {
        object.unset("/metadata/managedFields");
    } else {
        object.set("/metadata/managedFields", managers);
    }
}

fn entry(kind: &Kind, manager: &Manager<'_>, tree: &Tree, now: Timestamp) -> Value {
    let mut entry = json!({"manager": manager.name, "operation": manager.operation,
        "apiVersion": kind.api_version(), "time": stamp(now), "fieldsType": "FieldsV1",
        "fieldsV1": tree});
    if !manager.subresource.is_empty() {
        entry.set("/subresource", manager.subresource);
    }
    entry
}

/// Notes what a create, replace or patch has changed. Objects from before anybody kept managers stay without.
pub(super) fn track(
    kind: &Kind,
    old: Option<&Value>,
    new: &mut Value,
    manager: &Manager<'_>,
    now: Timestamp,
) {
    let mut all = managers(new);
    if old.is_some() && all.is_empty() {
        return;
    }
    let place = Place::of(kind);
    let (before, after) = (old.map(ownable), ownable(new));
    let changed = match fields::changed(place, before.as_ref(), &after) {
        Some(Value::Object(tree)) => tree,
        _ => Tree::new(),
    };
    let gone = before.map_or_else(Tree::new, |before| {
        fields::without(
            &fields::all_of(place, &before),
            &fields::all_of(place, &after),
        )
    });
    if changed.is_empty() && gone.is_empty() {
        return;
    }
    let mut mine = changed.clone();
    for found in &mut all {
        let mut rest = fields::without(&tree_of(found), &gone);
        if manager.is(found) {
            fields::union(&mut rest, &mine);
            mine = rest;
            found["fieldsV1"] = json!({});
        } else {
            found["fieldsV1"] = Value::Object(fields::without(&rest, &changed));
        }
    }
    all.push(entry(kind, manager, &mine, now));
    keep(new, all);
}

/// What an apply of `config` makes of a live object, or the conflicts that stand against it.
pub(super) fn apply(
    kind: &'static Kind,
    live: &Value,
    config: &Value,
    manager: &Manager<'_>,
    force: bool,
    now: Timestamp,
) -> Result<Value, Refusal> {
    let place = Place::of(kind);
    let config = ownable(config);
    let wanted = fields::all_of(place, &config);
    let mut all = managers(live);
    if all.is_empty() {
        // Nobody has kept managers so far: what is there belongs to whoever came before.
        let before = Manager {
            name: "before-first-apply",
            operation: "Update",
            subresource: "",
        };
        let mut there = ownable(live);
        if kind.has("status") {
            there.unset("/status");
        }
        all.push(entry(kind, &before, &fields::all_of(place, &there), now));
    }
    let mut merged = live.clone();
    fields::merge(place, &mut merged, &config);

    let changed = match fields::changed(place, Some(&ownable(live)), &ownable(&merged)) {
        Some(Value::Object(tree)) => tree,
        _ => Tree::new(),
    };
    let taken = fields::common(&changed, &wanted);
    let mut conflicts = Vec::new();
    let mut former = Tree::new();
    for found in &mut all {
        if manager.is(found) {
            former = tree_of(found);
            continue;
        }
        let theirs = tree_of(found);
        let both = fields::common(&theirs, &taken);
        if both.is_empty() {
            continue;
        }
        if force {
            found["fieldsV1"] = Value::Object(fields::without(&theirs, &both));
        } else {
            let who = format!(
                "conflict with \"{}\"{} using {}",
                found.text("/manager"),
                match found.text("/subresource") {
                    "" => String::new(),
                    subresource => format!(" with subresource \"{subresource}\""),
                },
                found.text("/apiVersion")
            );
            conflicts.extend(fields::paths(&both).into_iter().map(|field| Cause {
                reason: "FieldManagerConflict",
                field,
                message: who.clone(),
            }));
        }
    }
    if !conflicts.is_empty() {
        return Err(Refusal::apply_conflict(kind, live.name(), conflicts));
    }

    // What this manager applied before and no longer mentions goes, unless somebody else owns it as well.
    let mut gone = fields::without(&former, &wanted);
    for found in all.iter().filter(|found| !manager.is(found)) {
        gone = fields::without(&gone, &tree_of(found));
    }
    fields::remove(place, &mut merged, &gone);

    if merged == *live && former == wanted {
        return Ok(live.clone());
    }
    all.retain(|found| !manager.is(found));
    all.push(entry(kind, manager, &wanted, now));
    keep(&mut merged, all);
    Ok(merged)
}
