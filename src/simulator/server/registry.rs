//! The practice registry: OCI distribution over plain http, read only.

use super::Shell;
use super::call::{Answer, full, json};
use crate::simulator::images::MANIFEST;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderValue, LINK};
use hyper::{Method, Request, StatusCode};
use serde_json::json as object;
use std::sync::PoisonError;

pub(super) fn answer(shell: &Shell, request: &Request<Incoming>) -> Answer {
    let head = request.method() == Method::HEAD;
    if !head && request.method() != Method::GET {
        return error(
            StatusCode::METHOD_NOT_ALLOWED,
            "UNSUPPORTED",
            "this registry is read only",
        );
    }
    let path = request.uri().path();
    if let Some((name, reference)) = path
        .strip_prefix("/v2/")
        .and_then(|path| path.rsplit_once("/manifests/"))
    {
        shell.built(name, reference);
    }
    let images = &*shell.images.read().unwrap_or_else(PoisonError::into_inner);
    if path == "/v2/" || path == "/v2" {
        return json(StatusCode::OK, &object!({}));
    }
    let Some(path) = path.strip_prefix("/v2/") else {
        return error(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "no such path");
    };
    if let Some(name) = path.strip_suffix("/tags/list") {
        return match images.tags(name) {
            Some(tags) => page(name, &tags, request.uri().query().unwrap_or_default()),
            None => error(
                StatusCode::NOT_FOUND,
                "NAME_UNKNOWN",
                "repository name not known to registry",
            ),
        };
    }
    if let Some((name, reference)) = path.rsplit_once("/manifests/") {
        if !images.knows(name) {
            return error(
                StatusCode::NOT_FOUND,
                "NAME_UNKNOWN",
                "repository name not known to registry",
            );
        }
        return match images.manifest(name, reference) {
            Some((digest, bytes)) => content(head, MANIFEST, digest, bytes),
            None => error(
                StatusCode::NOT_FOUND,
                "MANIFEST_UNKNOWN",
                "manifest unknown",
            ),
        };
    }
    if let Some((_, digest)) = path.rsplit_once("/blobs/") {
        return match images.blob(digest) {
            Some(bytes) => content(head, "application/octet-stream", digest, bytes),
            None => error(
                StatusCode::NOT_FOUND,
                "BLOB_UNKNOWN",
                "blob unknown to registry",
            ),
        };
    }
    error(StatusCode::NOT_FOUND, "UNSUPPORTED", "no such path")
}

/// As many as are asked for with `n`, after the one that is named with `last`.
fn page(name: &str, tags: &[&str], query: &str) -> Answer {
    let asked = |key: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
    };
    let count = asked("n")
        .and_then(|n| n.parse().ok())
        .unwrap_or(usize::MAX);
    let last = asked("last").unwrap_or_default();
    let rest: Vec<&str> = tags.iter().copied().filter(|tag| *tag > last).collect();
    let (given, more) = rest.split_at(rest.len().min(count));
    let mut answer = json(StatusCode::OK, &object!({"name": name, "tags": given}));
    if let (Some(last), false) = (given.last(), more.is_empty()) {
        let link = format!("</v2/{name}/tags/list?last={last}&n={count}>; rel=\"next\"");
        if let Ok(link) = HeaderValue::from_str(&link) {
            answer.headers_mut().insert(LINK, link);
        }
    }
    answer
}

fn content(head: bool, media_type: &'static str, digest: &str, bytes: &[u8]) -> Answer {
    let body = if head { Vec::new() } else { bytes.to_vec() };
    let mut answer = full(StatusCode::OK, media_type, body);
    answer
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    if let Ok(digest) = HeaderValue::from_str(digest) {
        answer.headers_mut().insert("docker-content-digest", digest);
    }
    answer
}

fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    json(
        status,
        &object!({"errors": [{"code": code, "message": message, "detail": null}]}),
    )
}
