//! GET of one object and of lists: selectors, pages, and the form that the caller accepts.

use super::Shell;
use super::call::{Answer, Call, ok};
use super::route::Target;
use super::table::{self, Included};
use crate::simulator::json::Json;
use crate::simulator::kinds::Kind;
use crate::simulator::refusal::Refusal;
use crate::simulator::selector::{Fields, Labels};
use crate::simulator::store::Id;
use crate::simulator::world::scale_of;
use serde_json::{Value, json};
use std::sync::Arc;

/// In which form a caller wants objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Whole,
    Table,
    Metadata,
}

/// The first form in `Accept` that is served.
pub(super) fn form(call: &Call) -> Form {
    for accepted in call.header("accept").split(',') {
        let mut parts = accepted.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or("");
        if !["application/json", "application/*", "*/*"].contains(&media_type) {
            continue;
        }
        return match parts.find_map(|part| part.strip_prefix("as=")) {
            Some("Table") => Form::Table,
            Some("PartialObjectMetadata" | "PartialObjectMetadataList") => Form::Metadata,
            _ => Form::Whole,
        };
    }
    Form::Whole
}

/// An object with nothing but its metadata.
pub(super) fn metadata_only(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

pub(super) fn get(shell: &Shell, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    let id = Id::new(target.kind, &target.namespace, &target.name);
    let found = shell.with_world(|world, _| world.store.get(&id).cloned());
    let object = found.ok_or_else(|| Refusal::not_found(target.kind, &target.name))?;
    if target.subresource == "scale" {
        return Ok(ok(&scale_of(target.kind, &object)));
    }
    Ok(match form(call) {
        Form::Whole => ok(&object),
        Form::Table => ok(&table::of_one(target.kind, &object, Included::of(call))),
        Form::Metadata => ok(&metadata_only(&object)),
    })
}

/// Objects that a list call selects, and the version they were read at.
fn selected(
    shell: &Shell,
    call: &Call,
    target: &Target,
) -> Result<(Vec<Arc<Value>>, u64), Refusal> {
    let labels = Labels::parse(call.parameter("labelSelector"));
    let fields = Fields::parse(call.parameter("fieldSelector"));
    let (objects, version) = shell.with_world(|world, _| {
        let objects: Vec<Arc<Value>> = world
            .store
            .list(target.kind, &target.namespace)
            .filter(|object| labels.take(object) && fields.take(object))
            .cloned()
            .collect();
        (objects, world.store.version())
    });
    let wanted: u64 = call.parameter("resourceVersion").parse().unwrap_or(0);
    if wanted > version {
        return Err(Refusal::from_the_future(wanted, version));
    }
    Ok((objects, version))
}

pub(super) fn list(shell: &Shell, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    let (mut objects, mut version) = selected(shell, call, target)?;
    if let Some((first, after)) = parse_continue(call.parameter("continue")) {
        version = first;
        objects.retain(|object| key(object) > after);
    }
    let mut metadata = json!({"resourceVersion": version.to_string()});
    let limit = call.parameter("limit").parse().unwrap_or(0);
    if limit > 0 && objects.len() > limit {
        metadata["remainingItemCount"] = json!(objects.len() - limit);
        objects.truncate(limit);
        let last = objects.last().map(|object| key(object)).unwrap_or_default();
        metadata["continue"] = json!(format!("{version}~{}", last.replace('/', "~")));
    }
    Ok(ok(&match form(call) {
        Form::Table => table::of_many(target.kind, &objects, &metadata, Included::of(call)),
        Form::Metadata => {
            let items: Vec<Value> = objects.iter().map(|object| metadata_only(object)).collect();
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
                "items": items})
        }
        Form::Whole => whole_list(target.kind, &objects, &metadata),
    }))
}

fn whole_list(kind: &Kind, objects: &[Arc<Value>], metadata: &Value) -> Value {
    // Items of a list of built-ins carry no kind of their own, as in the real API; those of custom resources do.
    let items: Vec<Value> = objects
        .iter()
        .map(|object| {
            let mut item = Value::clone(object);
            if !kind.custom {
                item.unset("/kind");
                item.unset("/apiVersion");
            }
            item
        })
        .collect();
    json!({"kind": format!("{}List", kind.kind), "apiVersion": kind.api_version(), "metadata": metadata, "items": items})
}

/// Where an object stands in the order of lists.
fn key(object: &Value) -> String {
    format!("{}/{}", object.namespace(), object.name())
}

/// Version of the first page and the key of the last object that was listed.
fn parse_continue(token: &str) -> Option<(u64, String)> {
    let (version, last) = token.split_once('~')?;
    Some((version.parse().ok()?, last.replace('~', "/")))
}
