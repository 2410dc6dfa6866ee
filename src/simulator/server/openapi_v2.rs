//! The schemas as `OpenAPI` 2 in protobuf: what kubectl before 1.27 explains and validates by. Numbers of the fields
//! from `google/gnostic:openapiv2/OpenAPIv2.proto`.

use crate::simulator::json::Json;
use crate::simulator::kinds::{self, KINDS};
use crate::simulator::schema::schemas;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

pub(super) const MEDIA_TYPE: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// The document of all kinds.
pub(super) fn document() -> &'static [u8] {
    static DOCUMENT: LazyLock<Vec<u8>> = LazyLock::new(build);
    &DOCUMENT
}

fn build() -> Vec<u8> {
    let mut all = Map::new();
    for (group, version) in kinds::groups() {
        all.extend(schemas().of_group(group, version));
    }
    let mut definitions = Vec::new();
    for (name, component) in &all {
        part(&mut definitions, 1, &named(name, &schema(component)));
    }
    let mut info = Vec::new();
    part(&mut info, 1, b"Kubernetes");
    part(&mut info, 2, b"v1.33.0");
    let mut document = Vec::new();
    part(&mut document, 1, b"2.0");
    part(&mut document, 2, &info);
    part(&mut document, 8, &paths());
    part(&mut document, 9, &definitions);
    document
}

/// For each kind the path of its patch, by which kubectl 1.25 and 1.26 see what the server can do.
fn paths() -> Vec<u8> {
    let mut paths = Vec::new();
    for kind in KINDS {
        let mut operation = Vec::new();
        for name in ["dryRun", "fieldManager", "fieldValidation"] {
            let mut query = Vec::new();
            part(&mut query, 2, b"query");
            part(&mut query, 4, name.as_bytes());
            part(&mut query, 6, b"string");
            // ParametersItem, Parameter, NonBodyParameter: each a choice of one.
            let item = [3, 2, 1].into_iter().fold(query, |inner, number| {
                let mut outer = Vec::new();
                part(&mut outer, number, &inner);
                outer
            });
            part(&mut operation, 8, &item);
        }
        let about = json!({"group": kind.group, "version": kind.version, "kind": kind.kind});
        let extension = named("x-kubernetes-group-version-kind", &any(&about));
        part(&mut operation, 13, &extension);
        let mut item = Vec::new();
        part(&mut item, 8, &operation);
        let namespace = if kind.namespaced {
            "/namespaces/{namespace}"
        } else {
            ""
        };
        let path = format!("{}{namespace}/{}/{{name}}", kind.root(), kind.plural);
        part(&mut paths, 2, &named(&path, &item));
    }
    paths
}

fn schema(of: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    let reference = match of.text("/allOf/0/$ref") {
        "" => of.text("/$ref"),
        inner => inner,
    };
    if !reference.is_empty() {
        let name = reference.rsplit('/').next().unwrap_or("");
        part(&mut bytes, 1, format!("#/definitions/{name}").as_bytes());
    }
    let mixed = of.flag("/x-kubernetes-int-or-string");
    let (kind, format) = if mixed {
        ("string", "int-or-string")
    } else {
        (of.text("/type"), of.text("/format"))
    };
    for (number, text) in [(2, format), (4, of.text("/description"))] {
        if !text.is_empty() {
            part(&mut bytes, number, text.as_bytes());
        }
    }
    for name in of.items("/required").iter().filter_map(Value::as_str) {
        part(&mut bytes, 19, name.as_bytes());
    }
    if let Some(inner @ Value::Object(_)) = of.get("additionalProperties") {
        let mut item = Vec::new();
        part(&mut item, 1, &schema(inner));
        part(&mut bytes, 21, &item);
    }
    if !kind.is_empty() && reference.is_empty() {
        let mut item = Vec::new();
        part(&mut item, 1, kind.as_bytes());
        part(&mut bytes, 22, &item);
    }
    if let Some(inner) = of.get("items") {
        let mut item = Vec::new();
        part(&mut item, 1, &schema(inner));
        part(&mut bytes, 23, &item);
    }
    if let Some(Value::Object(members)) = of.get("properties")
        && !members.is_empty()
    {
        let mut properties = Vec::new();
        for (name, member) in members {
            part(&mut properties, 1, &named(name, &schema(member)));
        }
        part(&mut bytes, 25, &properties);
    }
    for (key, value) in of.as_object().into_iter().flatten() {
        if key.starts_with("x-") {
            part(&mut bytes, 31, &named(key, &any(value)));
        }
    }
    bytes
}

/// A value of an extension, as YAML, which JSON is.
fn any(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    part(&mut bytes, 2, value.to_string().as_bytes());
    bytes
}

/// A pair of a map.
fn named(name: &str, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    part(&mut bytes, 1, name.as_bytes());
    part(&mut bytes, 2, value);
    bytes
}

/// A length-delimited field.
fn part(into: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    varint(into, number << 3 | 2);
    varint(into, bytes.len() as u64);
    into.extend_from_slice(bytes);
}

fn varint(into: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or(0);
        number >>= 7;
        if number == 0 {
            into.push(low);
            return;
        }
        into.push(low | 0x80);
    }
}
