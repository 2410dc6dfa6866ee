//! Holds an object against the schema of its kind: members that nobody knows, values of the wrong type, members that
//! are missing. In the words of the real API server.

use super::{Member, Place};
use crate::simulator::kinds::Kind;
use serde_json::Value;

/// What was found; paths as `spec.template.spec.containers[0].image`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::simulator) struct Findings {
    pub unknown: Vec<String>,
    pub wrong: Vec<Wrong>,
}

/// A value of another type than the schema wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::simulator) struct Wrong {
    pub path: String,
    /// The component that has the member, such as `DeploymentSpec`.
    pub owner: String,
    /// `string`, `object`.
    pub found: &'static str,
    /// `integer`, `array`.
    pub wanted: String,
    /// `int32`, or "".
    pub format: String,
}

impl Wrong {
    /// As Go's decoder says it of a built-in kind.
    pub fn of_decoder(&self) -> String {
        let found = match self.found {
            "boolean" => "bool",
            "integer" | "number" => "number",
            found => found,
        };
        let wanted = match (self.wanted.as_str(), self.format.as_str()) {
            ("integer", "") => "int",
            ("boolean", _) => "bool",
            ("string", _) => "string",
            ("array", _) => "[]interface {}",
            ("object", _) => "map[string]interface {}",
            (_, format) => format,
        };
        let Self { owner, path, .. } = self;
        format!(
            "json: cannot unmarshal {found} into Go struct field {owner}.{path} of type {wanted}"
        )
    }

    /// As the validation of a custom resource says it.
    pub fn of_schema(&self) -> String {
        let Self {
            path,
            found,
            wanted,
            ..
        } = self;
        format!(
            "{path}: Invalid value: \"{found}\": {path} in body must be of type {wanted}: \"{found}\""
        )
    }
}

/// Drops the members that the schema of a kind does not know, and says what else is not as it should be. Status is not
/// looked at: it belongs to the controllers.
pub(in crate::simulator) fn tidy(kind: &Kind, object: &mut Value) -> Findings {
    let mut findings = Findings::default();
    let status = object
        .as_object_mut()
        .and_then(|members| members.remove("status"));
    look(Place::of(kind), kind.kind, "", object, &mut findings);
    if let (Some(status), Some(members)) = (status, object.as_object_mut()) {
        members.insert("status".to_owned(), status);
    }
    findings
}

fn look(place: Place, owner: &str, path: &str, value: &mut Value, findings: &mut Findings) {
    let below = |name: &str| {
        if path.is_empty() {
            name.to_owned()
        } else {
            format!("{path}.{name}")
        }
    };
    if let Some(wrong) = wrong_type(place, owner, path, value) {
        findings.wrong.push(wrong);
        return;
    }
    match value {
        Value::Object(members) => {
            let owner = owner_of(place).unwrap_or(owner);
            let names: Vec<String> = members.keys().cloned().collect();
            for name in names {
                match (place.member(&name), members.get_mut(&name)) {
                    (Member::At(_), Some(Value::Null)) | (_, None) => {}
                    (Member::At(member), Some(value)) => {
                        look(member, owner, &below(&name), value, findings);
                    }
                    (Member::Unknown, Some(_)) => {
                        findings.unknown.push(below(&name));
                        members.remove(&name);
                    }
                }
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                look(
                    place.items(),
                    owner,
                    &format!("{path}[{at}]"),
                    item,
                    findings,
                );
            }
        }
        _ => {}
    }
}

/// The last word of the component that a place refers to.
fn owner_of(place: Place) -> Option<&'static str> {
    let schema = place.schema?;
    let reference = schema
        .get("$ref")
        .or_else(|| schema.pointer("/allOf/0/$ref"))?;
    reference.as_str()?.rsplit('.').next()
}

fn wrong_type(place: Place, owner: &str, path: &str, value: &Value) -> Option<Wrong> {
    let schema = place.inner()?;
    if schema.get("x-kubernetes-int-or-string").is_some() {
        return None;
    }
    let found = match value {
        Value::Null => return None,
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let wanted = place.type_name();
    let fits = wanted.is_empty()
        || wanted == found
        || wanted == "number" && found == "integer"
        // A Quantity may be written as a number.
        || wanted == "string" && found == "integer" && schema.get("format").is_none() && owner == "Quantity";
    (!fits).then(|| Wrong {
        path: path.to_owned(),
        owner: owner.to_owned(),
        found,
        wanted: wanted.to_owned(),
        format: schema
            .get("format")
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_owned(),
    })
}

/// Members that a kind must have and an object has not.
pub(in crate::simulator) fn missing(kind: &Kind, object: &Value) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(spec) = object.get("spec") {
        look_for_missing(Place::of(kind).known("spec"), "spec", spec, &mut found);
    }
    found
}

fn look_for_missing(place: Place, path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            let required = place
                .inner()
                .and_then(|schema| schema.get("required")?.as_array());
            for name in required.into_iter().flatten().filter_map(Value::as_str) {
                if members.get(name).is_none_or(Value::is_null) {
                    found.push(format!("{path}.{name}"));
                }
            }
            for (name, member) in members {
                look_for_missing(place.known(name), &format!("{path}.{name}"), member, found);
            }
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                look_for_missing(place.items(), &format!("{path}[{at}]"), item, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::kinds::{DEPLOYMENTS, ROLLOUTS};
    use serde_json::json;

    #[test]
    fn unknown_members_are_named_and_dropped() {
        let template = json!({"spec": {"containers": [{"name": "a", "imag": "x"}]}});
        for kind in [&DEPLOYMENTS, &ROLLOUTS] {
            let mut object = json!({"kind": kind.kind, "metadata": {"labels": {"any": "thing"}}, "spec": {"replcas": 1,
                "template": template}, "status": {"anything": 1}});
            let findings = tidy(kind, &mut object);
            assert_eq!(
                findings.unknown,
                ["spec.replcas", "spec.template.spec.containers[0].imag"]
            );
            assert_eq!(
                object["spec"],
                json!({"template": {"spec": {"containers": [{"name": "a"}]}}})
            );
            assert_eq!(object["status"], json!({"anything": 1}));
        }
    }

    #[test]
    fn types_in_the_words_of_go_and_of_schemas() {
        let mut object = json!({"spec": {"replicas": "three"}});
        let findings = tidy(&DEPLOYMENTS, &mut object);
        assert_eq!(
            findings.wrong[0].of_decoder(),
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32"
        );
        let findings = tidy(&ROLLOUTS, &mut object);
        assert_eq!(
            findings.wrong[0].of_schema(),
            "spec.replicas: Invalid value: \"string\": spec.replicas in body must be of type integer: \"string\""
        );
    }

    #[test]
    fn what_must_be_there() {
        let object = json!({"spec": {"template": {"spec": {"containers": [{"image": "x"}]}}}});
        assert_eq!(
            missing(&DEPLOYMENTS, &object),
            ["spec.selector", "spec.template.spec.containers[0].name"]
        );
    }
}
