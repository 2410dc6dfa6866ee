//! Whether the cluster has what a flight will need (SPEC E8): rights are asked for one by one, objects that the pods name
//! by name alone, and room is counted. Nothing is changed by it.

mod capacity;
mod quantity;
mod template;

use bytes::Bytes;
use futures::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};

use self::template::{Flown, Named};
use super::{
    Cluster, POINT,
    call::{self, Ask},
    encoded, missing, object, workloads,
};
use crate::domain::{
    fault::{Fault, FaultKind},
    readiness::{OnPlatform, Reference, ReferenceKind, Right},
    target::{Target, WorkloadKind, WorkloadRef},
    text::Clean,
};

/// A review, or a table of one row, is small.
const SMALL: usize = 1 << 20;

pub(super) async fn ask(cluster: &Cluster, target: &Target) -> OnPlatform {
    let (rights, (references, capacity)) = futures::join!(rights(cluster, target), async {
        match flown(cluster, &target.workload).await {
            Ok(flown) => {
                let at = &target.workload;
                futures::join!(
                    references(cluster, at, flown.pod.named()),
                    capacity::ask(cluster, at, &flown)
                )
            }
            Err(fault) => (Err(fault.clone()), Err(fault)),
        }
    });
    OnPlatform {
        rights,
        references,
        capacity,
    }
}

/// One question of an access review.
#[derive(Clone, Copy)]
struct Wanted<'a> {
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
    name: &'a str,
}

impl Wanted<'_> {
    fn words(&self) -> String {
        match self.subresource {
            "" => self.resource.to_owned(),
            sub => format!("{}/{sub}", self.resource),
        }
    }
}

/// Everything that is done to a target while it is watched, flown, held and brought back.
fn wanted(target: &Target) -> Vec<Wanted<'_>> {
    let at = &target.workload;
    let (group, resource) = match at.kind {
        WorkloadKind::Deployment => ("apps", "deployments"),
        WorkloadKind::Rollout => ("argoproj.io", "rollouts"),
    };
    let of = |verb, group, resource, subresource, name| Wanted {
        verb,
        group,
        resource,
        subresource,
        name,
    };
    let mut all: Vec<Wanted<'_>> = ["get", "list", "watch", "patch"]
        .into_iter()
        .map(|verb| of(verb, group, resource, "", at.name.as_str()))
        .collect();
    if at.kind == WorkloadKind::Rollout {
        all.push(of("patch", group, resource, "status", &at.name));
    }
    for (group, resource) in [("apps", "replicasets"), ("", "pods")] {
        for verb in ["list", "watch"] {
            all.push(of(verb, group, resource, "", ""));
        }
    }
    if target.health.is_some() || target.metrics.is_some() {
        all.push(of("get", "", "pods", "proxy", ""));
    }
    all
}

#[derive(Deserialize)]
struct Review {
    status: Option<Verdict>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Verdict {
    allowed: bool,
    denied: bool,
    reason: String,
    evaluation_error: String,
}

async fn rights(cluster: &Cluster, target: &Target) -> Result<Vec<Right>, Fault> {
    let namespace = &target.workload.namespace;
    let asked = wanted(target);
    let answers = asked
        .iter()
        .map(|wanted| review(cluster, namespace, wanted));
    join_all(answers).await.into_iter().collect()
}

async fn review(cluster: &Cluster, namespace: &str, wanted: &Wanted<'_>) -> Result<Right, Fault> {
    let what = wanted.words();
    let doing = format!(
        "asking whether {} {what} in {namespace} is allowed ({})",
        wanted.verb, cluster.place
    );
    let body = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {
            "namespace": namespace,
            "verb": wanted.verb,
            "group": wanted.group,
            "resource": wanted.resource,
            "subresource": wanted.subresource,
            "name": wanted.name,
        }},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let ask = Ask::post(path, Bytes::from(body.to_string()), &doing);
    let reply = call::send(&cluster.reads, &ask, POINT, SMALL).await;
    let answer: Review = reply
        .and_then(|reply| call::decode(&ask, &reply))
        .map_err(|fault| cluster.hinted(fault))?;
    let unsaid = || {
        ask.fault(
            FaultKind::Malformed,
            "the review came back without an answer",
        )
    };
    let verdict = answer.status.ok_or_else(unsaid)?;
    // An authoriser that could not tell has not said no.
    if !verdict.allowed && !verdict.denied && !verdict.evaluation_error.is_empty() {
        return Err(ask.fault(FaultKind::Unreachable, &verdict.evaluation_error));
    }
    Ok(Right {
        verb: wanted.verb.to_owned(),
        resource: what,
        allowed: verdict.allowed && !verdict.denied,
        reason: Clean::new(&verdict.reason),
    })
}

/// The workload with the pods it makes. A Rollout may take them from a Deployment.
async fn flown(cluster: &Cluster, at: &WorkloadRef) -> Result<Flown, Fault> {
    let doing = format!("reading {at} ({})", cluster.place);
    let read = async |path: String| -> Result<Value, Fault> {
        let ask = Ask::get(path, &doing);
        let reply = call::send(&cluster.reads, &ask, POINT, super::LARGEST_OBJECT).await;
        reply
            .and_then(|reply| call::decode(&ask, &reply))
            .map_err(|fault| cluster.hinted(missing(at, fault)))
    };
    let unreadable = |error: serde_json::Error| {
        let what = format!(
            "its pods cannot be read (line {}, column {})",
            error.line(),
            error.column()
        );
        Fault::new(call::SYSTEM, FaultKind::Malformed, doing.clone(), &what)
    };
    let own = read(object(at)).await?;
    let referred = own
        .pointer("/spec/workloadRef/name")
        .and_then(Value::as_str);
    let pods = match referred {
        Some(name) => {
            let collection = workloads(WorkloadKind::Deployment, &at.namespace);
            Some(read(format!("{collection}/{}", encoded(name))).await?)
        }
        None => None,
    };
    Flown::read(&own, pods.as_ref().unwrap_or(&own)).map_err(unreadable)
}

async fn references(
    cluster: &Cluster,
    at: &WorkloadRef,
    named: Vec<Named>,
) -> Result<Vec<Reference>, Fault> {
    let asked = named.into_iter().map(|named| async move {
        let there = is_there(cluster, at, named.kind, &named.name).await;
        Reference {
            kind: named.kind,
            name: Clean::new(&named.name),
            optional: named.optional,
            there,
        }
    });
    Ok(join_all(asked).await)
}

/// Asked for as the line of a table, without the object: not even its annotations come over the wire, which may hold a
/// copy of every value.
async fn is_there(
    cluster: &Cluster,
    at: &WorkloadRef,
    kind: ReferenceKind,
    name: &str,
) -> Result<bool, Fault> {
    let (resource, namespace) = (kind.resource(), &at.namespace);
    let doing = format!(
        "looking for {resource}/{name} in {namespace} ({})",
        cluster.place
    );
    let path = format!(
        "/api/v1/namespaces/{}/{resource}s/{}?includeObject=None",
        encoded(namespace),
        encoded(name)
    );
    let ask = Ask {
        accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
        ..Ask::get(path, &doing)
    };
    let reply = call::send(&cluster.reads, &ask, POINT, SMALL).await;
    match reply.and_then(|reply| call::decode::<Table>(&ask, &reply)) {
        Ok(table) if table.kind == "Table" => Ok(true),
        Ok(_) => Err(ask.fault(
            FaultKind::Malformed,
            "it answered with the object, which was not asked for; it was not looked at",
        )),
        Err(fault) if fault.kind == FaultKind::NotFound => Ok(false),
        Err(fault) if fault.kind == FaultKind::Forbidden => Err(fault.hint(format!(
            "Ask for the right to get it: `kubectl auth can-i get {resource}/{name} -n {namespace}`."
        ))),
        Err(fault) => Err(cluster.hinted(fault)),
    }
}

/// What came back, of which nothing but its kind is looked at.
#[derive(Deserialize)]
struct Table {
    #[serde(default)]
    kind: String,
}
