//! Releases that are listed from a registry: pages, several tags of one digest, tags that move, and what no label says.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{extract::Request, response::Response};
use gonogo::{
    adapters::registry::OciRegistry,
    domain::{catalogue::images::Image, fault::FaultKind, release::Digest},
};
use serde_json::json;

use crate::{
    registry::{Server, respond},
    shop::Shop,
};

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Tags, and everything by digest.
#[derive(Default)]
struct Held {
    tags: BTreeMap<String, String>,
    bytes: BTreeMap<String, Vec<u8>>,
}

impl Held {
    fn put(&mut self, value: &serde_json::Value) -> String {
        let bytes = value.to_string().into_bytes();
        let digest = Digest::of(&bytes).to_string();
        self.bytes.insert(digest.clone(), bytes);
        digest
    }

    /// An image with these labels.
    fn image(&mut self, labels: &serde_json::Value, tags: &[&str]) -> String {
        let config =
            self.put(&json!({"created": "2026-11-21T12:00:00Z", "config": {"Labels": labels}}));
        let manifest = self.put(&json!({"schemaVersion": 2, "config": {"digest": config}}));
        for tag in tags {
            self.tags.insert((*tag).to_owned(), manifest.clone());
        }
        manifest
    }
}

fn answer(held: &Held, request: &Request) -> Response {
    let path = request
        .uri()
        .path()
        .strip_prefix("/v2/acme/shop/auth/")
        .unwrap_or_default();
    if path == "tags/list" {
        // Two a page, whatever was asked for.
        let query = request.uri().query().unwrap_or_default();
        let last = query.split("last=").nth(1).unwrap_or_default();
        let rest: Vec<&String> = held.tags.keys().filter(|tag| tag.as_str() > last).collect();
        let given: Vec<&String> = rest.iter().copied().take(2).collect();
        let body = json!({"name": "acme/shop/auth", "tags": given}).to_string();
        let link = format!(
            "</v2/acme/shop/auth/tags/list?last={}>; rel=\"next\"",
            given.last().map_or("", |it| it.as_str())
        );
        let more = if rest.len() > 2 {
            vec![("link", link.as_str())]
        } else {
            vec![]
        };
        return respond(200, &more, body);
    }
    let wanted = path.rsplit('/').next().unwrap_or_default();
    let digest = held.tags.get(wanted).map_or(wanted, String::as_str);
    match held.bytes.get(digest) {
        Some(bytes) => respond(
            200,
            &[("docker-content-digest", digest)],
            String::from_utf8(bytes.clone()).unwrap(),
        ),
        None => respond(404, &[], String::new()),
    }
}

async fn serve(held: &Arc<Mutex<Held>>) -> Server {
    let held = Arc::clone(held);
    Server::start(move |_, request| answer(&held.lock().unwrap(), request)).await
}

fn tags(image: &Image) -> String {
    let tags: Vec<&str> = image.tags.iter().map(AsRef::as_ref).collect();
    tags.join(" ")
}

#[tokio::test]
async fn all_pages_are_read_and_what_a_digest_says_only_once() {
    let held = Arc::new(Mutex::new(Held::default()));
    let (one, two) = {
        let mut held = held.lock().unwrap();
        let name = |of: &str| format!("org.opencontainers.image.{of}");
        let labels = json!({name("revision"): A, name("version"): "1.0.0", name("source"): "https://h/acme"});
        let one = held.image(&labels, &[A, "latest", "prod", "v1.0.0"]);
        let two = held.image(&json!({}), &["edge"]);
        // An index says it itself, or its first image does; what is beside an image is none.
        let index = held.put(&json!({"manifests": [
            {"digest": "sha256:0", "platform": {"os": "unknown"}},
            {"digest": one, "platform": {"os": "linux"}},
        ], "annotations": {name("version"): "2.0.0"}}));
        held.tags.insert("v2.0.0".to_owned(), index);
        held.tags.insert("sha256-abc.sig".to_owned(), two.clone());
        // Its manifest is there, and is none.
        let torn = held.put(&json!("no manifest"));
        held.tags.insert("torn".to_owned(), torn);
        (one, two)
    };
    let server = serve(&held).await;
    let registry = OciRegistry::default();
    let images = registry.images(&server.image()).await.unwrap();
    assert_eq!(images.len(), 4);
    let by = |digest: &str| {
        images
            .iter()
            .find(|it| it.digest.as_str() == digest)
            .unwrap()
    };
    assert_eq!(tags(by(&one)), format!("{A} latest prod v1.0.0"));
    let labels = by(&one).labels.as_ref().unwrap();
    assert_eq!(labels.revision.as_ref().map(AsRef::as_ref), Some(A));
    assert!(labels.created.is_some());
    let bare = by(&two).labels.as_ref().unwrap();
    assert_eq!((&bare.revision, &bare.version), (&None, &None));
    let index = images
        .iter()
        .find(|it| tags(it) == "v2.0.0")
        .unwrap()
        .labels
        .as_ref()
        .unwrap();
    assert_eq!(index.version.as_ref().map(AsRef::as_ref), Some("2.0.0"));
    assert_eq!(index.revision.as_ref().map(AsRef::as_ref), Some(A));
    let torn = images.iter().find(|it| tags(it) == "torn").unwrap();
    assert!(
        torn.labels
            .as_ref()
            .unwrap_err()
            .as_str()
            .contains("manifest cannot be read")
    );

    // Only tags are asked for again: one moved, and names the other digest now.
    let asked = server.asked().len();
    held.lock()
        .unwrap()
        .tags
        .insert("v1.0.0".to_owned(), two.clone());
    let images = registry.images(&server.image()).await.unwrap();
    let by = |digest: &str| {
        images
            .iter()
            .find(|it| it.digest.as_str() == digest)
            .unwrap()
    };
    assert_eq!(tags(by(&one)), format!("{A} latest prod"));
    assert_eq!(tags(by(&two)), "edge v1.0.0");
    let fresh = &server.asked()[asked..];
    let reads = fresh
        .iter()
        .filter(|line| line.starts_with("GET") && !line.contains("tags/list"));
    assert_eq!(reads.count(), 0, "{fresh:?}");
}

#[tokio::test]
async fn pages_that_lead_elsewhere_or_never_end_are_refused() {
    for (link, kind, why) in [
        (
            "<https://evil.example/v2/x>; rel=next",
            FaultKind::Refused,
            "another place",
        ),
        (
            "</v2/acme/shop/auth/tags/list?last=a>; rel=next",
            FaultKind::Malformed,
            "never end",
        ),
    ] {
        let server = Server::start(move |_, request| {
            let page = request.uri().path().ends_with("tags/list");
            let body = if page { "{\"tags\": [\"a\"]}" } else { "{}" };
            respond(200, &[("link", link)], body)
        })
        .await;
        let fault = OciRegistry::default()
            .images(&server.image())
            .await
            .unwrap_err();
        assert_eq!(fault.kind, kind, "{fault}");
        assert!(fault.to_string().contains(why), "{fault}");
        assert!(server.asked().len() < 5, "{:?}", server.asked());
    }
}

/// Without any repository on this machine.
#[test]
fn releases_are_listed_from_the_registry_alone() {
    let shop = Shop::start(|text| {
        let lines = text.lines().map(|line| match line {
            "catalogue = \"git\"" => "catalogue = \"oci\"\n".to_owned(),
            _ if line.starts_with("source = ") => String::new(),
            _ if line.ends_with("ledger.sqlite\"") => {
                line.replace("ledger.sqlite", "own.sqlite") + "\n"
            }
            _ => line.to_owned() + "\n",
        });
        lines.collect()
    });
    let listed = |limit: &str| {
        let ran = shop.verb(&["release", "list", "auth-service", "--limit", limit]);
        ran.exits(0).json()["releases"].as_array().unwrap().clone()
    };
    let all = listed("0");
    let numbers: Vec<u64> = all
        .iter()
        .map(|it| it["number"].as_u64().unwrap())
        .collect();
    let expect: Vec<u64> = (1..=43).rev().collect();
    assert_eq!(numbers, expect, "by the time they were made");
    assert_eq!(listed("0"), all, "and again the same");
    let show = |name: &str| {
        shop.verb(&["release", "show", "auth-service", name])
            .exits(0)
            .json()["release"]
            .clone()
    };
    let tagged = show("v1.3.0");
    assert_eq!(
        tagged["commit"],
        shop.commit("auth-service/v1.3.0").as_str()
    );
    assert_eq!(
        tagged["triggers"],
        json!([{"kind": "tag", "tag": "v1.3.0"}])
    );
    assert_eq!(
        tagged["missing"],
        json!(["who wrote it: a registry does not say"])
    );
    let digest = tagged["artifacts"][0]["digest"].as_str().unwrap();
    assert!(Digest::parse(digest).is_some(), "{digest}");
    let plain = show("40");
    assert!(
        plain["missing"]
            .to_string()
            .contains("its version: no such tag"),
        "{plain}"
    );
    // What cannot be known stops nobody from looking, and passes no gate.
    let plan = shop
        .verb(&["plan", "production", "auth-service", "40"])
        .json();
    let gates = plan["gates"].as_array().unwrap();
    let trigger = gates
        .iter()
        .find(|gate| gate["id"] == "policy.trigger")
        .unwrap();
    assert_ne!(trigger["verdict"], "pass", "{trigger}");
    assert_eq!(plan["go"], false, "{plan}");
}
