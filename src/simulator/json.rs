//! Reading and writing Kubernetes objects, which the world keeps as plain JSON so that unknown fields survive.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Short ways into an object, by JSON pointer. Reading never fails: what is missing reads as empty.
pub(super) trait Json {
    fn text(&self, pointer: &str) -> &str;
    fn int(&self, pointer: &str) -> Option<i64>;
    fn flag(&self, pointer: &str) -> bool;
    fn items(&self, pointer: &str) -> &[Value];
    fn has(&self, pointer: &str) -> bool;
    /// Sets a member, making the objects on the way.
    fn set(&mut self, pointer: &str, value: impl Into<Value>);
    fn unset(&mut self, pointer: &str);
    /// Sets a text member of one item of a list.
    fn set_item(&mut self, list: &str, at: usize, member: &str, value: &str);
    fn label(&self, key: &str) -> Option<&str>;
    fn annotation(&self, key: &str) -> Option<&str>;
    fn annotate(&mut self, key: &str, value: &str);

    fn count(&self, pointer: &str) -> i64 {
        self.int(pointer).unwrap_or(0)
    }
    fn name(&self) -> &str {
        self.text("/metadata/name")
    }
    fn namespace(&self) -> &str {
        self.text("/metadata/namespace")
    }
    fn uid(&self) -> &str {
        self.text("/metadata/uid")
    }
    fn time(&self, pointer: &str) -> Option<Timestamp> {
        self.text(pointer).parse().ok()
    }
    /// Uid of the controlling owner, or "".
    fn controller(&self) -> &str {
        self.items("/metadata/ownerReferences")
            .iter()
            .find(|owner| owner.flag("/controller"))
            .map_or("", |owner| owner.text("/uid"))
    }
}

impl Json for Value {
    fn text(&self, pointer: &str) -> &str {
        self.pointer(pointer).and_then(Value::as_str).unwrap_or("")
    }

    fn int(&self, pointer: &str) -> Option<i64> {
        self.pointer(pointer).and_then(Value::as_i64)
    }

    fn flag(&self, pointer: &str) -> bool {
        self.pointer(pointer)
            .and_then(Value::as_bool)
            .unwrap_or(false)
    }

    fn items(&self, pointer: &str) -> &[Value] {
        self.pointer(pointer)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    fn has(&self, pointer: &str) -> bool {
        self.pointer(pointer).is_some_and(|found| !found.is_null())
    }

    fn set(&mut self, pointer: &str, value: impl Into<Value>) {
        let mut here = self;
        for key in pointer.split('/').skip(1) {
            if let Value::Array(items) = here {
                match key.parse::<usize>().ok().and_then(|at| items.get_mut(at)) {
                    Some(item) => here = item,
                    None => return,
                }
                continue;
            }
            if !here.is_object() {
                *here = Value::Object(Map::new());
            }
            let Value::Object(members) = here else { return };
            here = members
                .entry(key.replace("~1", "/").replace("~0", "~"))
                .or_insert(Value::Null);
        }
        *here = value.into();
    }

    fn unset(&mut self, pointer: &str) {
        let Some((parent, key)) = pointer.rsplit_once('/') else {
            return;
        };
        if let Some(Value::Object(members)) = self.pointer_mut(parent) {
            members.remove(&key.replace("~1", "/").replace("~0", "~"));
        }
    }

    fn set_item(&mut self, list: &str, at: usize, member: &str, value: &str) {
        if let Some(Value::Object(item)) = self.pointer_mut(&format!("{list}/{at}")) {
            item.insert(member.to_owned(), value.into());
        }
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.pointer("/metadata/labels")?.get(key)?.as_str()
    }

    fn annotation(&self, key: &str) -> Option<&str> {
        self.pointer("/metadata/annotations")?.get(key)?.as_str()
    }

    fn annotate(&mut self, key: &str, value: &str) {
        self.set(&format!("/metadata/annotations/{}", escape(key)), value);
    }
}

/// A key as one token of a JSON pointer.
pub(super) fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A time as Kubernetes writes it: whole seconds, UTC.
pub(super) fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// What is left of a value without nulls and empties: how specs and templates are compared and hashed, because a
/// typed client writes `"creationTimestamp":null` and `"resources":{}` back.
pub(super) fn pruned(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .map(|(key, member)| (key.clone(), pruned(member)))
                .filter(|(_, member)| !is_empty(member))
                .collect(),
        ),
        Value::Array(members) => Value::Array(members.iter().map(pruned).collect()),
        other => other.clone(),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(members) => members.is_empty(),
        Value::String(text) => text.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Sets a condition by type as controllers do: `lastTransitionTime` moves only when the status does, and a condition
/// with the same status, reason and message is left alone. Returns whether anything changed.
pub(super) fn set_condition(
    object: &mut Value,
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    at: Timestamp,
) -> bool {
    let now = stamp(at);
    let mut conditions = object.items("/status/conditions").to_vec();
    let mut fresh = serde_json::json!({"type": kind, "status": status, "reason": reason, "message": message,
        "lastUpdateTime": now, "lastTransitionTime": now});
    match conditions
        .iter_mut()
        .find(|condition| condition.text("/type") == kind)
    {
        Some(old)
            if old.text("/status") == status
                && old.text("/reason") == reason
                && old.text("/message") == message =>
        {
            return false;
        }
        Some(old) => {
            if old.text("/status") == status {
                fresh.set("/lastTransitionTime", old.text("/lastTransitionTime"));
            }
            *old = fresh;
        }
        None => conditions.push(fresh),
    }
    object.set("/status/conditions", conditions);
    true
}

/// The condition of a type.
pub(super) fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    object
        .items("/status/conditions")
        .iter()
        .find(|condition| condition.text("/type") == kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pruning_forgets_what_a_typed_client_adds() {
        let read = json!({"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [{"name": "app"}]}});
        let written = json!({"metadata": {"creationTimestamp": null, "labels": {"app": "a"}},
            "spec": {"containers": [{"name": "app", "resources": {}}]}});
        assert_eq!(pruned(&read), pruned(&written));
    }
}
