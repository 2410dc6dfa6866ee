//! `pods/proxy` and `services/proxy`: GETs to what the pods serve.

use super::Shell;
use super::call::{Answer, Call, full};
use super::route::Target;
use crate::simulator::controllers::pods::Stage;
use crate::simulator::json::Json;
use crate::simulator::kinds::{PODS, SERVICES};
use crate::simulator::refusal::Refusal;
use crate::simulator::selector::Labels;
use crate::simulator::store::Id;
use crate::simulator::world::World;
use hyper::{Method, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

pub(super) fn answer(shell: &Shell, call: &Call, target: &Target) -> Result<Answer, Refusal> {
    if call.method != Method::GET {
        return Err(Refusal::not_allowed());
    }
    let (name, port) = named_port(&target.name);
    let path = format!("/{}", target.rest);
    let said = shell.with_world(|world, now| {
        let (pod, port) = if target.kind == &PODS {
            let id = Id::new(&PODS, &target.namespace, name);
            let pod = world
                .store
                .get(&id)
                .ok_or_else(|| Refusal::not_found(&PODS, name))?;
            let first = pod
                .int("/spec/containers/0/ports/0/containerPort")
                .unwrap_or(80);
            let wanted = if port.is_empty() {
                first
            } else {
                port.parse().unwrap_or(0)
            };
            (id, u16::try_from(wanted).unwrap_or(0))
        } else {
            behind_service(world, &target.namespace, name, port, now)?
        };
        let unreachable =
            |why| Refusal::unavailable(format!("error trying to reach service: {why}"));
        world.ask_pod(&pod, port, &path).map_err(unreachable)
    })?;
    let status = StatusCode::from_u16(said.status).unwrap_or(StatusCode::BAD_GATEWAY);
    Ok(full(status, said.content_type, said.body))
}

/// `name`, `name:port` or `scheme:name:port`.
fn named_port(text: &str) -> (&str, &str) {
    let parts: Vec<&str> = text.split(':').collect();
    match parts.as_slice() {
        [_, name, port] | [name, port] => (name, port),
        _ => (text, ""),
    }
}

/// A ready pod behind a Service, each second another one, and its port.
fn behind_service(
    world: &World,
    namespace: &str,
    name: &str,
    port: &str,
    now: Timestamp,
) -> Result<(Id, u16), Refusal> {
    let id = Id::new(&SERVICES, namespace, name);
    let service = world
        .store
        .get(&id)
        .ok_or_else(|| Refusal::not_found(&SERVICES, name))?;
    let ports = service.items("/spec/ports");
    let wanted =
        |entry: &&Value| entry.text("/name") == port || entry.count("/port").to_string() == port;
    let entry = if port.is_empty() {
        ports.first()
    } else {
        ports.iter().find(wanted)
    };
    let nowhere = || Refusal::unavailable(format!("no endpoints available for service \"{name}\""));
    let entry = entry.ok_or_else(nowhere)?;
    let target_port = entry
        .int("/targetPort")
        .unwrap_or_else(|| entry.count("/port"));
    let selector = Labels::of_service(&service["spec"]["selector"]);
    let pods: Vec<Id> = world
        .store
        .list(&PODS, namespace)
        .filter(|pod| selector.take(pod))
        .filter_map(|pod| Id::of(pod))
        .filter(|pod| {
            world
                .pods
                .get(pod)
                .is_some_and(|life| life.stage == Stage::Ready)
        })
        .collect();
    let turn = usize::try_from(now.as_second()).unwrap_or(0) % pods.len().max(1);
    let pod = pods.get(turn).cloned().ok_or_else(nowhere)?;
    Ok((pod, u16::try_from(target_port).unwrap_or(0)))
}
