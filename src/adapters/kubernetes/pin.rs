//! A cluster that is pinned is that cluster or none (SPEC E8): nothing at all is sent to another one, an abort neither.

use std::fmt::Write as _;

use kube::config::Config;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{
    Cluster, POINT,
    call::{self, Ask, SYSTEM},
};
use crate::domain::{
    fault::{Fault, FaultKind},
    target::Pin,
};

const HINT: &str = "Nothing is sent there. If the cluster did change, change its pin in the configuration; \
    otherwise look at the kubeconfig and its context.";

fn other(place: &str, detail: &str) -> Fault {
    let doing = format!("looking whether {place} is the pinned cluster");
    Fault::new(SYSTEM, FaultKind::Refused, doing, detail)
        .not_sent()
        .hint(HINT)
}

/// What the kubeconfig says, before anything is sent.
pub(super) fn same_way(pin: &Pin, place: &str, config: &Config) -> Result<(), Fault> {
    let server = config.cluster_url.to_string();
    let server = server.trim_end_matches('/');
    if let Some(pinned) = pin.server.as_deref().filter(|pinned| *pinned != server) {
        return Err(other(
            place,
            &format!("it leads to {server}, pinned is {pinned}"),
        ));
    }
    let Some(pinned) = &pin.ca_sha256 else {
        return Ok(());
    };
    let found = config.root_cert.as_deref().filter(|all| !all.is_empty());
    let Some(authorities) = found.filter(|_| !config.accept_invalid_certs) else {
        return Err(other(
            place,
            "it names no certificate authority of its own, and one is pinned",
        ));
    };
    let mut hash = Sha256::new();
    for authority in authorities {
        hash.update(authority);
    }
    let found = hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    if &found == pinned {
        return Ok(());
    }
    Err(other(
        place,
        &format!("its certificate authority is {found}, pinned is {pinned}"),
    ))
}

#[derive(Deserialize)]
struct Namespace {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    uid: String,
}

/// What the cluster says of itself, before anything else is asked of it.
pub(super) async fn same_cluster(cluster: &Cluster, pinned: &str) -> Result<(), Fault> {
    let doing = format!("looking whether {} is the pinned cluster", cluster.place);
    let ask = Ask::get("/api/v1/namespaces/kube-system", &doing);
    let reply = call::send(&cluster.reads, &ask, POINT, 1 << 20).await;
    let namespace: Namespace = reply
        .and_then(|reply| call::decode(&ask, &reply))
        .map_err(|fault| {
            let hint = format!(
                "A pinned uid wants the right to read it: `kubectl auth can-i get namespace/kube-system`. {HINT}"
            );
            fault.not_sent().hint(hint)
        })?;
    let found = namespace.metadata.uid;
    if found == pinned {
        return Ok(());
    }
    Err(other(
        &cluster.place,
        &format!("its namespace kube-system is {found}, pinned is {pinned}"),
    ))
}
