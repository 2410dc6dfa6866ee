//! What the API says about itself: groups and resources, legacy and aggregated, version, and the `OpenAPI` by which
//! kubectl creates, applies and explains.

use super::call::{Answer, Call, full, json, ok};
use super::openapi_v2;
use crate::simulator::kinds::{self, Kind};
use crate::simulator::schema::schemas;
use hyper::StatusCode;
use serde_json::{Map, Value, json as object};

pub(super) fn version() -> Value {
    object!({"major": "1", "minor": "33", "gitVersion": "v1.33.0+practice", "gitCommit": "", "gitTreeState": "clean",
        "buildDate": "2025-04-23T00:00:00Z", "goVersion": "go1.24", "compiler": "gc", "platform": "linux/amd64"})
}

/// The answer to a path of discovery, if it is one.
pub(super) fn answer(call: &Call, path: &str) -> Option<Answer> {
    match path {
        "/api" | "/apis" => return Some(groups(call, path == "/api")),
        "/openapi/v2" => {
            return Some(full(
                StatusCode::OK,
                openapi_v2::MEDIA_TYPE,
                openapi_v2::document(),
            ));
        }
        "/openapi/v3" => return Some(ok(&openapi_index())),
        _ => {}
    }
    for (group, version) in kinds::groups() {
        let root = root(group, version);
        if path == root {
            return Some(ok(&resources(group, version)));
        }
        if !group.is_empty() && path == format!("/apis/{group}") {
            return Some(ok(&legacy_group(group, version)));
        }
        if path == format!("/openapi/v3{root}") {
            return Some(ok(&openapi(group, version)));
        }
    }
    None
}

fn root(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("/api/{version}")
    } else {
        format!("/apis/{group}/{version}")
    }
}

fn groups(call: &Call, core: bool) -> Answer {
    let accept = call.header("accept");
    if accept.contains("as=APIGroupDiscoveryList") {
        let version = if accept.contains("v=v2;") || accept.contains(";v=v2,") {
            "v2"
        } else {
            "v2beta1"
        };
        let items: Vec<Value> = kinds::groups()
            .into_iter()
            .filter(|(group, _)| group.is_empty() == core)
            .map(|(group, served)| aggregated(group, served))
            .collect();
        let list = object!({"kind": "APIGroupDiscoveryList", "apiVersion": format!("apidiscovery.k8s.io/{version}"),
            "metadata": {}, "items": items});
        let content_type = if version == "v2" {
            "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
        } else {
            "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
        };
        return full(StatusCode::OK, content_type, list.to_string());
    }
    let list = if core {
        object!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []})
    } else {
        let groups: Vec<Value> = kinds::groups()
            .into_iter()
            .filter(|(group, _)| !group.is_empty())
            .map(|(group, version)| legacy_group(group, version))
            .collect();
        object!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
    };
    json(StatusCode::OK, &list)
}

fn legacy_group(group: &str, version: &str) -> Value {
    let served = object!({"groupVersion": format!("{group}/{version}"), "version": version});
    object!({"kind": "APIGroup", "apiVersion": "v1", "name": group, "versions": [served], "preferredVersion": served})
}

const VERBS: [&str; 8] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];

fn verbs_of(subresource: &str) -> Vec<&'static str> {
    match subresource {
        "log" | "proxy" => vec!["get"],
        _ => vec!["get", "patch", "update"],
    }
}

/// Group, version and kind of what a subresource answers.
fn kind_of(kind: &Kind, subresource: &str) -> (String, String, &'static str) {
    if subresource == "scale" {
        ("autoscaling".to_owned(), "v1".to_owned(), "Scale")
    } else {
        (kind.group.to_owned(), kind.version.to_owned(), kind.kind)
    }
}

fn aggregated(group: &str, version: &str) -> Value {
    let resources: Vec<Value> = kinds::of_group(group, version)
        .map(|kind| {
            let subresources: Vec<Value> = kind
                .subresources
                .iter()
                .map(|subresource| {
                    let (group, version, name) = kind_of(kind, subresource);
                    object!({"subresource": subresource, "verbs": verbs_of(subresource),
                        "responseKind": {"group": group, "version": version, "kind": name}})
                })
                .collect();
            object!({"resource": kind.plural, "singularResource": kind.singular, "verbs": VERBS,
                "scope": if kind.namespaced { "Namespaced" } else { "Cluster" }, "shortNames": kind.short,
                "categories": if kind.in_all { vec!["all"] } else { vec![] },
                "responseKind": {"group": kind.group, "version": kind.version, "kind": kind.kind},
                "subresources": subresources})
        })
        .collect();
    object!({"metadata": {"name": group, "creationTimestamp": null},
        "versions": [{"version": version, "freshness": "Current", "resources": resources}]})
}

fn resources(group: &str, version: &str) -> Value {
    let mut list = Vec::new();
    for kind in kinds::of_group(group, version) {
        list.push(object!({"name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced,
            "kind": kind.kind, "verbs": VERBS, "shortNames": kind.short,
            "categories": if kind.in_all { vec!["all"] } else { vec![] }}));
        for subresource in kind.subresources {
            let (group, version, name) = kind_of(kind, subresource);
            list.push(
                object!({"name": format!("{}/{subresource}", kind.plural), "singularName": "",
                "namespaced": kind.namespaced, "group": group, "version": version, "kind": name,
                "verbs": verbs_of(subresource)}),
            );
        }
    }
    let group_version = root(group, version)
        .trim_start_matches("/apis/")
        .trim_start_matches("/api/")
        .to_owned();
    object!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": list})
}

fn openapi_index() -> Value {
    let paths: Map<String, Value> = kinds::groups()
        .into_iter()
        .map(|(group, version)| {
            let root = root(group, version);
            (
                root[1..].to_owned(),
                object!({"serverRelativeURL": format!("/openapi/v3{root}?hash=practice")}),
            )
        })
        .collect();
    object!({"paths": paths})
}

/// The document of a group: for each kind its paths, with the parameters and patch types by which kubectl decides how
/// to create and apply, and the schemas.
fn openapi(group: &str, version: &str) -> Value {
    let mut paths = Map::new();
    for kind in kinds::of_group(group, version) {
        let parameters: Vec<Value> = ["dryRun", "fieldValidation", "fieldManager"]
            .iter()
            .map(|name| object!({"name": name, "in": "query", "schema": {"type": "string", "uniqueItems": true}}))
            .collect();
        let about = object!({"group": kind.group, "version": kind.version, "kind": kind.kind});
        let operation = |action: &str| {
            object!({"operationId": format!("{action}{}", kind.kind), "parameters": parameters,
                "x-kubernetes-action": action, "x-kubernetes-group-version-kind": about, "responses": {}})
        };
        let base = if kind.namespaced {
            format!("{}/namespaces/{{namespace}}/{}", kind.root(), kind.plural)
        } else {
            format!("{}/{}", kind.root(), kind.plural)
        };
        let mut patch = operation("patch");
        for media_type in patch_types(kind) {
            patch["requestBody"]["content"][media_type] = object!({"schema": {"type": "object"}});
        }
        let many = object!({"get": operation("list"), "post": operation("post"),
            "delete": operation("deletecollection")});
        paths.insert(base.clone(), many);
        let one = object!({"get": operation("get"), "put": operation("put"), "patch": patch,
            "delete": operation("delete")});
        paths.insert(format!("{base}/{{name}}"), one);
    }
    object!({"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1.33.0"}, "paths": paths,
        "components": {"schemas": schemas().of_group(group, version)}})
}

fn patch_types(kind: &Kind) -> Vec<&'static str> {
    let mut types = vec![
        "application/apply-patch+yaml",
        "application/json-patch+json",
        "application/merge-patch+json",
    ];
    if !kind.custom {
        types.push("application/strategic-merge-patch+json");
    }
    types
}
