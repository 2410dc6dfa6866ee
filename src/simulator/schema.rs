//! The shapes of the served kinds: what kubectl explains, what a write is held against, and by which keys the items of
//! a list are told apart. Built-ins come from `k8s-openapi`, the kinds of Argo from the table in `argo`.

mod argo;
mod keys;
mod validate;

pub(super) use validate::{Findings, Wrong, missing, tidy};

use super::kinds::{self, KINDS, Kind};
use k8s_openapi::api::{apps::v1 as apps, core::v1 as core, discovery::v1 as discovery};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::LazyLock;

/// Where components stand in a document.
const COMPONENTS: &str = "#/components/schemas/";

/// All components, by their name in `OpenAPI`.
#[derive(Debug)]
pub(super) struct Schemas {
    components: Map<String, Value>,
}

/// The schemas, made when first asked for.
pub(super) fn schemas() -> &'static Schemas {
    static ALL: LazyLock<Schemas> = LazyLock::new(Schemas::build);
    &ALL
}

impl Schemas {
    fn build() -> Self {
        let mut generator = SchemaSettings::openapi3().into_generator();
        for add in [
            SchemaGenerator::subschema_for::<core::Namespace>,
            SchemaGenerator::subschema_for::<core::Node>,
            SchemaGenerator::subschema_for::<core::Pod>,
            SchemaGenerator::subschema_for::<core::Service>,
            SchemaGenerator::subschema_for::<core::Event>,
            SchemaGenerator::subschema_for::<core::ConfigMap>,
            SchemaGenerator::subschema_for::<core::Secret>,
            SchemaGenerator::subschema_for::<core::ServiceAccount>,
            SchemaGenerator::subschema_for::<core::ResourceQuota>,
            SchemaGenerator::subschema_for::<apps::Deployment>,
            SchemaGenerator::subschema_for::<apps::ReplicaSet>,
            SchemaGenerator::subschema_for::<discovery::EndpointSlice>,
        ] {
            add(&mut generator);
        }
        let mut components = generator.take_definitions(true);
        components.extend(argo::components());
        for (name, component) in &mut components {
            keys::annotate(name, component);
        }
        for kind in KINDS {
            if let Some(Value::Object(component)) = components.get_mut(&component_of(kind)) {
                let about =
                    json!([{"group": kind.group, "version": kind.version, "kind": kind.kind}]);
                component.insert("x-kubernetes-group-version-kind".to_owned(), about);
                if !kind.custom {
                    // An apply may say as little as it likes; what an object needs is said by `missing`.
                    component.remove("required");
                }
            }
        }
        Self { components }
    }

    /// The components that the kinds of a group need, for its document.
    pub fn of_group(&self, group: &str, version: &str) -> Map<String, Value> {
        let mut wanted: Vec<String> = kinds::of_group(group, version).map(component_of).collect();
        let mut taken = BTreeSet::new();
        while let Some(name) = wanted.pop() {
            if let Some(component) = self.components.get(&name)
                && taken.insert(name)
            {
                references(component, &mut wanted);
            }
        }
        taken
            .into_iter()
            .filter_map(|name| Some((name.clone(), self.components.get(&name)?.clone())))
            .collect()
    }

    /// Follows a reference, if a schema is one.
    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        let reference = schema
            .get("$ref")
            .or_else(|| schema.pointer("/allOf/0/$ref"))
            .and_then(Value::as_str);
        reference
            .and_then(|path| self.components.get(path.strip_prefix(COMPONENTS)?))
            .unwrap_or(schema)
    }
}

/// The names of components that a schema refers to.
fn references(schema: &Value, found: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(path) if key == "$ref" => {
                        found.extend(path.strip_prefix(COMPONENTS).map(str::to_owned));
                    }
                    _ => references(member, found),
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                references(item, found);
            }
        }
        _ => {}
    }
}

/// `io.k8s.api.apps.v1.Deployment`, `io.argoproj.v1alpha1.Rollout`.
fn component_of(kind: &Kind) -> String {
    let group = match kind.group {
        "" => "io.k8s.api.core".to_owned(),
        "argoproj.io" => "io.argoproj".to_owned(),
        group => format!("io.k8s.api.{}", group.split('.').next().unwrap_or_default()),
    };
    format!("{group}.{}.{}", kind.version, kind.kind)
}

/// How a place takes part in merging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Named members, each with a place of its own.
    Struct,
    /// Members by keys that nobody foresaw, each with an owner of its own.
    Map,
    /// Items told apart by these members.
    Keyed(Vec<String>),
    /// Items told apart by themselves.
    Set,
    /// One value, as a whole.
    Atomic,
}

/// A place in an object: its schema, or None where anything may stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    schema: Option<&'static Value>,
}

/// What a schema knows of a member.
pub(super) enum Member {
    At(Place),
    Unknown,
}

impl Place {
    /// The root of objects of a kind.
    pub fn of(kind: &Kind) -> Self {
        Self {
            schema: schemas().components.get(&component_of(kind)),
        }
    }

    const ANYWHERE: Self = Self { schema: None };

    fn at(schema: &'static Value) -> Self {
        Self {
            schema: Some(schema),
        }
    }

    /// The schema that holds `properties`, references followed.
    fn inner(self) -> Option<&'static Value> {
        self.schema.map(|schema| schemas().resolve(schema))
    }

    fn type_name(self) -> &'static str {
        self.inner()
            .and_then(|schema| schema.get("type"))
            .and_then(Value::as_str)
            .unwrap_or("")
    }

    pub fn member(self, name: &str) -> Member {
        let Some(schema) = self.inner() else {
            return Member::At(Self::ANYWHERE);
        };
        let properties = schema.get("properties");
        if let Some(member) = properties.and_then(|properties| properties.get(name)) {
            return Member::At(Self::at(member));
        }
        match schema.get("additionalProperties") {
            Some(member @ Value::Object(_)) => Member::At(Self::at(member)),
            _ if properties.is_none()
                || schema.get("x-kubernetes-preserve-unknown-fields").is_some() =>
            {
                Member::At(Self::ANYWHERE)
            }
            _ => Member::Unknown,
        }
    }

    /// The place of a member; anything goes where the schema knows none.
    pub fn known(self, name: &str) -> Self {
        match self.member(name) {
            Member::At(place) => place,
            Member::Unknown => Self::ANYWHERE,
        }
    }

    pub fn items(self) -> Self {
        match self.inner().and_then(|schema| schema.get("items")) {
            Some(items) => Self::at(items),
            None => Self::ANYWHERE,
        }
    }

    /// The member by which strategic merge tells the items of this list apart.
    pub fn merge_key(self) -> Option<&'static str> {
        self.schema?.get(keys::MERGE_KEY)?.as_str()
    }

    /// How a value at this place takes part in server-side apply.
    pub fn shape(self, value: &Value) -> Shape {
        let said = |word: &str| self.schema.and_then(|schema| schema.get(word)?.as_str());
        match value {
            Value::Object(_) => match self.inner() {
                _ if said("x-kubernetes-map-type") == Some("atomic") => Shape::Atomic,
                Some(schema) if schema.get("x-kubernetes-map-type").is_some() => Shape::Atomic,
                Some(schema) if schema.get("properties").is_some() => Shape::Struct,
                _ => Shape::Map,
            },
            Value::Array(_) => match said("x-kubernetes-list-type") {
                Some("map") => Shape::Keyed(self.list_keys()),
                Some("set") => Shape::Set,
                _ => Shape::Atomic,
            },
            _ => Shape::Atomic,
        }
    }

    fn list_keys(self) -> Vec<String> {
        let keys = self
            .schema
            .and_then(|schema| schema.get("x-kubernetes-list-map-keys")?.as_array());
        keys.into_iter()
            .flatten()
            .filter_map(|key| Some(key.as_str()?.to_owned()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::simulator::kinds::{DEPLOYMENTS, ROLLOUTS};

    fn place(kind: &Kind, path: &[&str]) -> Place {
        path.iter()
            .fold(Place::of(kind), |place, name| match *name {
                "[]" => place.items(),
                name => match place.member(name) {
                    Member::At(place) => place,
                    Member::Unknown => panic!("{name} of {path:?} is unknown"),
                },
            })
    }

    #[test]
    fn every_kind_has_a_schema() {
        for kind in KINDS {
            assert!(Place::of(kind).schema.is_some(), "{}", component_of(kind));
        }
    }

    #[test]
    fn lists_have_the_keys_of_the_real_api() {
        for kind in [&DEPLOYMENTS, &ROLLOUTS] {
            let pod = ["spec", "template", "spec"];
            let containers = place(kind, &[&pod[..], &["containers"]].concat());
            assert_eq!(containers.merge_key(), Some("name"));
            let ports = place(kind, &[&pod[..], &["containers", "[]", "ports"]].concat());
            assert_eq!(
                ports.shape(&json!([])),
                Shape::Keyed(vec!["containerPort".to_owned(), "protocol".to_owned()])
            );
            assert_eq!(ports.merge_key(), Some("containerPort"));
            let tolerations = place(kind, &[&pod[..], &["tolerations"]].concat());
            assert_eq!(tolerations.shape(&json!([])), Shape::Atomic);
            let selector = place(kind, &["spec", "selector"]);
            assert_eq!(selector.shape(&json!({})), Shape::Atomic);
        }
        let labels = place(&DEPLOYMENTS, &["metadata", "labels"]);
        assert_eq!(labels.shape(&json!({})), Shape::Map);
    }
}
