//! Who owns which members of an object: `fieldsV1` trees, as `metadata.managedFields` keeps them, and the arithmetic on
//! them. A node is a JSON object: `{}` is owned itself, `.` says so where it has members below it.
//! Follows `kubernetes-sigs/structured-merge-diff:fieldpath`.

use super::schema::{Place, Shape};
use serde_json::{Map, Value, json};

/// A tree of owned members.
pub(super) type Tree = Map<String, Value>;

fn leaf() -> Value {
    Value::Object(Map::new())
}

fn is_leaf(node: &Value) -> bool {
    node.as_object().is_none_or(Map::is_empty)
}

/// The key by which an item of a keyed list is told apart: `k:{"name":"app"}`.
fn item_key(keys: &[String], item: &Value) -> String {
    let named: Map<String, Value> = keys
        .iter()
        .filter_map(|key| {
            let value = match (item.get(key), key.as_str()) {
                (Some(value), _) => value.clone(),
                // The default of every port.
                (None, "protocol") => json!("TCP"),
                (None, _) => return None,
            };
            Some((key.clone(), value))
        })
        .collect();
    format!("k:{}", Value::Object(named))
}

/// Where the item of a keyed list stands that has the keys of another.
pub(super) fn position(list: &[Value], keys: &[String], like: &Value) -> Option<usize> {
    let wanted = item_key(keys, like);
    list.iter().position(|item| item_key(keys, item) == wanted)
}

/// Everything that a value says, as owned.
pub(super) fn all_of(place: Place, value: &Value) -> Tree {
    let mut tree = Tree::new();
    match (place.shape(value), value) {
        (Shape::Struct | Shape::Map, Value::Object(members)) => {
            for (name, member) in members {
                let below = all_of(place.known(name), member);
                tree.insert(format!("f:{name}"), Value::Object(below));
            }
        }
        (Shape::Keyed(keys), Value::Array(items)) => {
            for item in items {
                let mut below = all_of(place.items(), item);
                below.insert(".".to_owned(), leaf());
                tree.insert(item_key(&keys, item), Value::Object(below));
            }
        }
        (Shape::Set, Value::Array(items)) => {
            for item in items {
                tree.insert(format!("v:{item}"), leaf());
            }
        }
        _ => {}
    }
    tree
}

/// What is new or different in `new`; maps and items that were not there are owned themselves, too.
pub(super) fn changed(place: Place, old: Option<&Value>, new: &Value) -> Option<Value> {
    if old == Some(new) {
        return None;
    }
    let mut tree = Tree::new();
    let shape = place.shape(new);
    match (&shape, new) {
        (Shape::Struct | Shape::Map, Value::Object(members)) => {
            let before = old.and_then(Value::as_object);
            for (name, member) in members {
                let earlier = before.and_then(|before| before.get(name));
                if let Some(below) = changed(place.known(name), earlier, member) {
                    tree.insert(format!("f:{name}"), below);
                }
            }
            if before.is_none() && shape == Shape::Map && !members.is_empty() {
                tree.insert(".".to_owned(), leaf());
            }
            // Only members were taken away.
            if tree.is_empty() && before.is_some() {
                return None;
            }
        }
        (Shape::Keyed(keys), Value::Array(items)) => {
            let before = old.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            for item in items {
                let earlier = position(before, keys, item).and_then(|at| before.get(at));
                if let Some(mut below) = changed(place.items(), earlier, item) {
                    if let (None, Value::Object(members)) = (earlier, &mut below) {
                        members.insert(".".to_owned(), leaf());
                    }
                    tree.insert(item_key(keys, item), below);
                }
            }
            if tree.is_empty() && old.is_some() {
                return None;
            }
        }
        (Shape::Set, Value::Array(items)) => {
            let before = old.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            for item in items.iter().filter(|item| !before.contains(item)) {
                tree.insert(format!("v:{item}"), leaf());
            }
            if tree.is_empty() {
                return None;
            }
        }
        _ => {}
    }
    Some(Value::Object(tree))
}

/// What is owned in either.
pub(super) fn union(into: &mut Tree, other: &Tree) {
    for (key, theirs) in other {
        match into.get_mut(key) {
            None => {
                into.insert(key.clone(), theirs.clone());
            }
            Some(Value::Object(ours)) => {
                let Value::Object(theirs) = theirs else {
                    continue;
                };
                // A leaf keeps being owned itself when it gets members below it.
                let itself = ours.is_empty() != theirs.is_empty();
                union(ours, theirs);
                if itself {
                    ours.insert(".".to_owned(), leaf());
                }
            }
            Some(_) => {}
        }
    }
}

/// Whether a node is owned itself.
fn itself(node: &Value) -> bool {
    is_leaf(node) || node.get(".").is_some()
}

/// What is owned in the first and not in the second.
pub(super) fn without(tree: &Tree, other: &Tree) -> Tree {
    let mut rest = Tree::new();
    for (key, ours) in tree {
        let Some(theirs) = other.get(key) else {
            rest.insert(key.clone(), ours.clone());
            continue;
        };
        let keeps_itself = itself(ours) && !itself(theirs);
        if is_leaf(ours) {
            if keeps_itself {
                rest.insert(key.clone(), leaf());
            }
            continue;
        }
        let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) else {
            continue;
        };
        let mut below = without(ours, theirs);
        below.remove(".");
        if keeps_itself {
            below.insert(".".to_owned(), leaf());
        }
        if !below.is_empty() {
            rest.insert(key.clone(), Value::Object(below));
        }
    }
    rest
}

/// What is owned in both.
pub(super) fn common(tree: &Tree, other: &Tree) -> Tree {
    let mut both = Tree::new();
    for (key, ours) in tree {
        let Some(theirs) = other.get(key) else {
            continue;
        };
        let mine = match (ours, theirs) {
            (Value::Object(ours), Value::Object(theirs)) => common(ours, theirs),
            _ => Tree::new(),
        };
        if itself(ours) && itself(theirs) || !mine.is_empty() {
            let mut mine = mine;
            if is_leaf(ours) && is_leaf(theirs) {
                mine = Tree::new();
            }
            both.insert(key.clone(), Value::Object(mine));
        }
    }
    both
}

/// The owned members as paths: `.spec.template.spec.containers[name="app"].image`.
pub(super) fn paths(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    for (key, node) in tree {
        let step = if let Some(name) = key.strip_prefix("f:") {
            format!(".{name}")
        } else if let Some(keys) = key.strip_prefix("k:") {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let keys: Vec<String> = keys
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            format!("[{}]", keys.join(","))
        } else if let Some(value) = key.strip_prefix("v:") {
            format!("[={value}]")
        } else {
            continue;
        };
        if itself(node) {
            found.push(step.clone());
        }
        if let Value::Object(below) = node {
            found.extend(paths(below).into_iter().map(|rest| format!("{step}{rest}")));
        }
    }
    found
}

/// Takes the owned members out of a value.
pub(super) fn remove(place: Place, value: &mut Value, tree: &Tree) {
    let shape = place.shape(value);
    match value {
        Value::Object(members) => {
            for (key, node) in tree {
                let Some(name) = key.strip_prefix("f:") else {
                    continue;
                };
                let Some(member) = members.get_mut(name) else {
                    continue;
                };
                let emptied = match node {
                    Value::Object(below) if !below.is_empty() => {
                        remove(place.known(name), member, below);
                        member.as_object().is_some_and(Map::is_empty)
                            || member.as_array().is_some_and(Vec::is_empty)
                    }
                    _ => true,
                };
                if emptied {
                    members.remove(name);
                }
            }
        }
        Value::Array(items) => {
            if let Shape::Keyed(keys) = &shape {
                items.retain(|item| {
                    tree.get(&item_key(keys, item))
                        .is_none_or(|node| !itself(node))
                });
                for item in items.iter_mut() {
                    if let Some(Value::Object(below)) = tree.get(&item_key(keys, item)) {
                        remove(place.items(), item, below);
                    }
                }
            } else {
                items.retain(|item| !tree.contains_key(&format!("v:{item}")));
            }
        }
        _ => {}
    }
}

/// Puts what `wanted` says into a value: members and keyed items one by one, all else as a whole.
pub(super) fn merge(place: Place, value: &mut Value, wanted: &Value) {
    let shape = place.shape(wanted);
    match (&shape, wanted) {
        (Shape::Struct | Shape::Map, Value::Object(members)) => {
            if !value.is_object() {
                *value = leaf();
            }
            let Value::Object(into) = value else { return };
            for (name, member) in members {
                let old = into.entry(name.clone()).or_insert(Value::Null);
                merge(place.known(name), old, member);
            }
        }
        (Shape::Keyed(keys), Value::Array(items)) => {
            if !value.is_array() {
                *value = json!([]);
            }
            let Value::Array(list) = value else { return };
            for item in items {
                match position(list, keys, item) {
                    Some(at) => merge(place.items(), &mut list[at], item),
                    None => list.push(item.clone()),
                }
            }
        }
        (Shape::Set, Value::Array(items)) => {
            if !value.is_array() {
                *value = json!([]);
            }
            let Value::Array(list) = value else { return };
            for item in items {
                if !list.contains(item) {
                    list.push(item.clone());
                }
            }
        }
        _ => *value = wanted.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::kinds::DEPLOYMENTS;

    fn deployment(containers: &Value) -> Value {
        json!({"spec": {"template": {"spec": {"containers": containers}}}})
    }

    #[test]
    fn trees_in_the_form_of_the_real_api() {
        let object = deployment(&json!([{"name": "app", "image": "a"}]));
        let tree = all_of(Place::of(&DEPLOYMENTS), &object);
        let item = json!({".": {}, "f:image": {}, "f:name": {}});
        assert_eq!(
            Value::Object(tree.clone()),
            json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"app\"}": item}}}}})
        );
        assert_eq!(
            paths(&tree),
            [
                ".spec.template.spec.containers[name=\"app\"]",
                ".spec.template.spec.containers[name=\"app\"].image",
                ".spec.template.spec.containers[name=\"app\"].name"
            ]
        );
    }

    #[test]
    fn arithmetic() {
        let tree = |value: Value| value.as_object().cloned().unwrap_or_default();
        let a =
            tree(json!({"f:a": {}, "f:b": {"f:c": {}, "f:d": {}}, "f:e": {".": {}, "f:f": {}}}));
        let b = tree(json!({"f:a": {}, "f:b": {"f:c": {}}, "f:e": {"f:f": {}}}));
        assert_eq!(
            Value::Object(without(&a, &b)),
            json!({"f:b": {"f:d": {}}, "f:e": {".": {}}})
        );
        assert_eq!(
            Value::Object(common(&a, &b)),
            json!({"f:a": {}, "f:b": {"f:c": {}}, "f:e": {"f:f": {}}})
        );
        let mut both = without(&a, &b);
        union(&mut both, &b);
        assert_eq!(Value::Object(both), Value::Object(a));
    }

    #[test]
    fn a_removed_item_leaves_the_others() {
        let place = Place::of(&DEPLOYMENTS);
        let mut object =
            deployment(&json!([{"name": "app", "image": "a"}, {"name": "side", "image": "s"}]));
        let gone = all_of(place, &deployment(&json!([{"name": "side", "image": "s"}])));
        remove(place, &mut object, &gone);
        assert_eq!(object, deployment(&json!([{"name": "app", "image": "a"}])));
        merge(
            place,
            &mut object,
            &deployment(&json!([{"name": "app", "image": "b"}])),
        );
        assert_eq!(object, deployment(&json!([{"name": "app", "image": "b"}])));
    }
}
