//! The three patch types of the API: merge, JSON, strategic merge. Pure functions on JSON.

use super::json::Json;
use super::kinds::Kind;
use super::refusal::Refusal;
use super::schema::Place;
use serde_json::{Map, Value};

/// A patch as it came, by its media type.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Patch {
    Merge(Value),
    Json(Value),
    Strategic(Value),
}

impl Patch {
    /// The object of a kind with the patch applied.
    pub fn apply(&self, kind: &Kind, object: &Value) -> Result<Value, Refusal> {
        let mut patched = object.clone();
        match self {
            Self::Merge(patch) => json_patch::merge(&mut patched, patch),
            Self::Json(operations) => apply_operations(&mut patched, operations)?,
            Self::Strategic(patch) => strategic(Place::of(kind), &mut patched, patch)?,
        }
        Ok(patched)
    }
}

/// RFC 6902, except that a `test` for null passes on a missing member, as in evanphx/json-patch of the real server.
fn apply_operations(object: &mut Value, operations: &Value) -> Result<(), Refusal> {
    let list: Vec<Value> = operations
        .as_array()
        .cloned()
        .ok_or_else(|| Refusal::bad_request("a JSON patch is a list of operations"))?;
    for operation in list {
        if operation.text("/op") == "test" {
            let path = operation.text("/path");
            let found = object.pointer(path).unwrap_or(&Value::Null);
            if found != operation.get("value").unwrap_or(&Value::Null) {
                return Err(Refusal::patch_does_not_apply(&format!(
                    "testing value {path} failed"
                )));
            }
            continue;
        }
        let parsed: json_patch::PatchOperation = serde_json::from_value(operation)
            .map_err(|error| Refusal::bad_request(format!("unreadable JSON patch: {error}")))?;
        json_patch::patch(object, &[parsed])
            .map_err(|error| Refusal::patch_does_not_apply(&error.to_string()))?;
    }
    Ok(())
}

fn strategic(place: Place, target: &mut Value, patch: &Value) -> Result<(), Refusal> {
    let Value::Object(changes) = patch else {
        *target = patch.clone();
        return Ok(());
    };
    match patch.text("/$patch") {
        "replace" => {
            *target = without_directives(patch);
            return Ok(());
        }
        "delete" => {
            *target = Value::Null;
            return Ok(());
        }
        _ => {}
    }
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else {
        return Ok(());
    };
    if let Some(Value::Array(retained)) = changes.get("$retainKeys") {
        members.retain(|key, _| retained.iter().any(|kept| kept == key.as_str()));
    }
    for (key, change) in changes {
        if let Some(list) = key.strip_prefix("$deleteFromPrimitiveList/") {
            if let (Some(Value::Array(old)), Value::Array(gone)) = (members.get_mut(list), change) {
                old.retain(|item| !gone.contains(item));
            }
        } else if key.starts_with('$') {
            // Said beside the list that it is about.
        } else if change.is_null() {
            members.remove(key);
        } else if let Value::Array(items) = change {
            let old = members
                .entry(key.clone())
                .or_insert_with(|| Value::Array(Vec::new()));
            merge_list(place.known(key), old, items)?;
            order(
                place.known(key),
                old,
                changes.get(&format!("$setElementOrder/{key}")),
            );
        } else {
            let old = members.entry(key.clone()).or_insert(Value::Null);
            strategic(place.known(key), old, change)?;
            if old.is_null() {
                members.remove(key);
            }
        }
    }
    Ok(())
}

fn merge_list(place: Place, old: &mut Value, items: &[Value]) -> Result<(), Refusal> {
    let Value::Array(list) = old else {
        *old = Value::Array(items.iter().map(without_directives).collect());
        return Ok(());
    };
    let keyed = place
        .merge_key()
        .filter(|_| items.iter().all(Value::is_object));
    let Some(key) = keyed else {
        *list = items.iter().map(without_directives).collect();
        return Ok(());
    };
    if items.iter().any(|item| item.text("/$patch") == "replace") {
        let kept = items
            .iter()
            .filter(|item| item.text("/$patch") != "replace");
        *list = kept.map(without_directives).collect();
        return Ok(());
    }
    for item in items {
        let Some(wanted) = item.get(key) else {
            return Err(Refusal::bad_request(format!(
                "map: {item} does not contain declared merge key: {key}"
            )));
        };
        let found = list.iter().position(|old| old.get(key) == Some(wanted));
        match (found, item.text("/$patch")) {
            (Some(at), "delete") => {
                list.remove(at);
            }
            (None, "delete") => {}
            (Some(at), _) => strategic(place.items(), &mut list[at], item)?,
            (None, _) => list.push(without_directives(item)),
        }
    }
    Ok(())
}

/// Brings a keyed list into the order that `$setElementOrder` asks for, where that names every item.
fn order(place: Place, list: &mut Value, wanted: Option<&Value>) {
    let (Some(key), Value::Array(items), Some(Value::Array(wanted))) =
        (place.merge_key(), list, wanted)
    else {
        return;
    };
    let stands = |item: &Value| {
        wanted
            .iter()
            .position(|wanted| wanted.get(key) == item.get(key))
    };
    if items.iter().all(|item| stands(item).is_some()) {
        items.sort_by_key(stands);
    }
}

fn without_directives(value: &Value) -> Value {
    match value {
        Value::Object(members) => Value::Object(
            members
                .iter()
                .filter(|(key, member)| !key.starts_with('$') && !member.is_null())
                .map(|(key, member)| (key.clone(), without_directives(member)))
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.iter().map(without_directives).collect()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::simulator::kinds::{DEPLOYMENTS, ROLLOUTS, SERVICES};
    use serde_json::json;

    #[test]
    fn a_failed_test_refuses_the_whole_patch() {
        let rollout = json!({"status": {"currentStepIndex": 1, "pauseConditions": [{"reason": "CanaryPauseStep"}]}});
        let patch = |index| {
            Patch::Json(
                json!([{"op": "test", "path": "/status/currentStepIndex", "value": index},
                {"op": "test", "path": "/status/abort", "value": null},
                {"op": "remove", "path": "/status/pauseConditions"}]),
            )
        };
        assert_eq!(
            patch(1).apply(&ROLLOUTS, &rollout).unwrap(),
            json!({"status": {"currentStepIndex": 1}})
        );
        let refusal = patch(2).apply(&ROLLOUTS, &rollout).unwrap_err();
        assert_eq!((refusal.code, refusal.reason), (422, "Invalid"));
    }

    #[test]
    fn set_image_of_kubectl() {
        let deployment = json!({"spec": {"template": {"spec": {"containers":
            [{"name": "app", "image": "r/app:1", "ports": [{"containerPort": 80}]}, {"name": "side", "image": "s"}]}}}});
        let patch = Patch::Strategic(json!({"spec": {"template": {"spec": {
            "$setElementOrder/containers": [{"name": "app"}, {"name": "side"}],
            "containers": [{"name": "app", "image": "r/app:2"}]}}}}));
        let patched = patch.apply(&DEPLOYMENTS, &deployment).unwrap();
        assert_eq!(
            patched.text("/spec/template/spec/containers/0/image"),
            "r/app:2"
        );
        assert_eq!(
            patched.int("/spec/template/spec/containers/0/ports/0/containerPort"),
            Some(80)
        );
        assert_eq!(patched.text("/spec/template/spec/containers/1/image"), "s");
    }

    #[test]
    fn strategic_removes_by_null_and_by_directive() {
        let pod = |containers: Value| json!({"spec": {"containers": containers}});
        let deployment = json!({"spec": {"paused": true, "strategy": {"type": "RollingUpdate", "rollingUpdate": {}},
            "template": pod(json!([{"name": "a"}, {"name": "b"}]))}});
        let patch = Patch::Strategic(json!({"spec": {"paused": null,
            "strategy": {"$retainKeys": ["type"], "type": "Recreate"},
            "template": pod(json!([{"$patch": "delete", "name": "a"}]))}}));
        assert_eq!(
            patch.apply(&DEPLOYMENTS, &deployment).unwrap(),
            json!({"spec": {"strategy": {"type": "Recreate"}, "template": pod(json!([{"name": "b"}]))}})
        );
    }

    #[test]
    fn ports_of_a_service_have_a_key_of_their_own() {
        let service = json!({"spec": {"ports": [{"port": 80, "targetPort": 8080}, {"port": 90}]}});
        let patch = Patch::Strategic(
            json!({"spec": {"$setElementOrder/ports": [{"port": 90}, {"port": 80}],
            "ports": [{"port": 80, "targetPort": 8081}]}}),
        );
        assert_eq!(
            patch.apply(&SERVICES, &service).unwrap(),
            json!({"spec": {"ports": [{"port": 90}, {"port": 80, "targetPort": 8081}]}})
        );
    }
}
