//! Whether the nodes have room for the pods that a flight adds, and the namespace's quotas too. Counted as the scheduler
//! does by requests, node selector and taints; affinity and spread are not.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    super::{
        Cluster, Collection, encoded,
        objects::{Listed, Meta, listed},
    },
    quantity,
    template::{Flown, PodSpec, Quantities, Toleration, text_of},
};
use crate::domain::{
    fault::{Fault, FaultKind},
    readiness::{Capacity, PodNeeds},
    target::WorkloadRef,
    text::Clean,
};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawNode {
    metadata: Meta,
    spec: NodeSpec,
    status: NodeStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeSpec {
    unschedulable: Option<bool>,
    taints: Option<Vec<Taint>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Taint {
    key: String,
    value: String,
    effect: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct NodeStatus {
    allocatable: Quantities,
    conditions: Option<Vec<super::super::objects::Condition>>,
}

/// A pod of anybody: where it is, and what it asks for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawPlaced {
    metadata: PlacedMeta,
    spec: PodSpec,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PlacedMeta {
    name: String,
    resource_version: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawQuota {
    metadata: Meta,
    spec: QuotaSpec,
    status: QuotaStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct QuotaSpec {
    scopes: Option<Vec<String>>,
    scope_selector: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct QuotaStatus {
    hard: Option<Quantities>,
    used: Option<Quantities>,
}

listed!(RawNode, RawPlaced, RawQuota);

/// What is left of a node, in the units of `PodNeeds`, and how many pods it still takes.
struct Room {
    cpu: u64,
    memory: u64,
    pods: u64,
}

impl Room {
    fn of(allocatable: &Quantities) -> Self {
        let read = |what: &str| text_of(allocatable.get(what)?);
        Self {
            cpu: read("cpu").and_then(|it| quantity::cpu(&it)).unwrap_or(0),
            memory: read("memory")
                .and_then(|it| quantity::units(&it))
                .unwrap_or(0),
            pods: read("pods")
                .and_then(|it| quantity::units(&it))
                .unwrap_or(0),
        }
    }

    fn less(&mut self, pod: PodNeeds) {
        self.cpu = self.cpu.saturating_sub(pod.cpu);
        self.memory = self.memory.saturating_sub(pod.memory);
        self.pods = self.pods.saturating_sub(1);
    }

    fn fits(&self, pod: PodNeeds) -> u64 {
        let of = |free: u64, each: u64| free.checked_div(each).unwrap_or(u64::MAX);
        of(self.cpu, pod.cpu)
            .min(of(self.memory, pod.memory))
            .min(self.pods)
    }
}

pub(super) async fn ask(
    cluster: &Cluster,
    at: &WorkloadRef,
    flown: &Flown,
) -> Result<Capacity, Fault> {
    let place = &cluster.place;
    let (nodes, pods) = (
        format!("reading the nodes ({place})"),
        format!("reading what runs on the nodes ({place})"),
    );
    let quotas = format!("reading the quotas of {} ({place})", at.namespace);
    let of_nodes = Collection {
        path: "/api/v1/nodes".to_owned(),
        query: String::new(),
    };
    let of_pods = Collection {
        path: "/api/v1/pods".to_owned(),
        query: format!(
            "fieldSelector={}",
            encoded("status.phase!=Succeeded,status.phase!=Failed")
        ),
    };
    let of_quotas = Collection {
        path: format!(
            "/api/v1/namespaces/{}/resourcequotas",
            encoded(&at.namespace)
        ),
        query: String::new(),
    };
    let placed = |raw: RawPlaced| {
        let needs = raw.spec.needs();
        Some((raw.spec.node_name, needs))
    };
    let ((nodes, _), (pods, _), (quotas, _)) = futures::try_join!(
        cluster.list(&of_nodes, &nodes, Some::<RawNode>),
        cluster.list(&of_pods, &pods, placed),
        cluster.list(&of_quotas, &quotas, Some::<RawQuota>),
    )
    .map_err(asking_for_rights)?;
    Ok(count(flown, &nodes, &pods, &quotas))
}

fn asking_for_rights(fault: Fault) -> Fault {
    if fault.kind != FaultKind::Forbidden {
        return fault;
    }
    fault.hint(
        "Counting room takes the right to list nodes and all pods: `kubectl auth can-i list nodes`, \
         `kubectl auth can-i list pods -A`.",
    )
}

fn count(
    flown: &Flown,
    nodes: &[RawNode],
    pods: &[(Option<String>, PodNeeds)],
    quotas: &[RawQuota],
) -> Capacity {
    let mut room: BTreeMap<&str, Room> = nodes
        .iter()
        .filter(|node| takes(node, &flown.pod))
        .map(|node| {
            let room = Room::of(&node.status.allocatable);
            (node.metadata.name.as_str(), room)
        })
        .collect();
    for (node, needs) in pods {
        let node = node.as_deref().and_then(|node| room.get_mut(node));
        if let Some(node) = node {
            node.less(*needs);
        }
    }
    let pod = flown.pod.needs();
    let fits = room.values().map(|room| room.fits(pod));
    let waiting = pods.iter().filter(|(node, _)| node.is_none()).count();
    // A quota for some pods only may not be about these.
    let (whole, scoped): (Vec<&RawQuota>, Vec<&RawQuota>) = quotas.iter().partition(|quota| {
        let scopes = quota.spec.scopes.as_deref().unwrap_or_default();
        scopes.is_empty() && quota.spec.scope_selector.is_none()
    });
    let figures: Vec<Figure> = whole.iter().flat_map(|it| figures(it, flown)).collect();
    let over = figures.iter().find_map(|it| it.as_ref().ok()?.clone());
    Capacity {
        pod,
        surge: flown.surge,
        room: fits.fold(0, u64::saturating_add),
        nodes: u32::try_from(room.len()).unwrap_or(u32::MAX),
        of_nodes: u32::try_from(nodes.len()).unwrap_or(u32::MAX),
        waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
        over_quota: over,
        unread_quotas: figures.into_iter().filter_map(Result::err).collect(),
        scoped_quotas: scoped
            .iter()
            .map(|it| Clean::new(&it.metadata.name))
            .collect(),
        quotas: u32::try_from(whole.len()).unwrap_or(u32::MAX),
    }
}

/// The node is ready, not cordoned, has the labels asked for, and no taint that keeps these pods off.
fn takes(node: &RawNode, pod: &PodSpec) -> bool {
    let ready = node
        .status
        .conditions
        .iter()
        .flatten()
        .any(|it| it.kind == "Ready" && it.status == "True");
    let mut selector = pod.node_selector.iter().flatten();
    let labelled = selector.all(|(key, value)| node.metadata.label(key) == Some(value));
    let tolerations = pod.tolerations.as_deref().unwrap_or_default();
    let mut taints = node.spec.taints.iter().flatten();
    let tolerated = taints.all(|taint| {
        taint.effect == "PreferNoSchedule" || tolerations.iter().any(|it| tolerates(it, taint))
    });
    ready && labelled && tolerated && node.spec.unschedulable != Some(true)
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.is_empty() || toleration.effect == taint.effect;
    let any = toleration.key.is_empty() && toleration.operator == "Exists";
    let key = any || toleration.key == taint.key;
    let value = toleration.operator == "Exists" || toleration.value == taint.value;
    effect && key && value
}

/// One figure of a quota: in words if the added pods would pass it, its name if it cannot be read.
type Figure = Result<Option<Clean>, Clean>;

fn figures(quota: &RawQuota, flown: &Flown) -> Vec<Figure> {
    let surge = u128::from(flown.surge);
    let (needs, limits) = (flown.pod.needs(), flown.pod.limits());
    let wanted = [
        ("pods", 1000),
        ("count/pods", 1000),
        ("cpu", u128::from(needs.cpu)),
        ("requests.cpu", u128::from(needs.cpu)),
        ("memory", u128::from(needs.memory) * 1000),
        ("requests.memory", u128::from(needs.memory) * 1000),
        ("limits.cpu", u128::from(limits.cpu)),
        ("limits.memory", u128::from(limits.memory) * 1000),
    ];
    let read = |from: &Option<Quantities>, what: &str| text_of(from.as_ref()?.get(what)?);
    let is_there = |what: &str| {
        let hard = quota.status.hard.as_ref();
        hard.is_some_and(|hard| hard.contains_key(what))
    };
    let name = &quota.metadata.name;
    let figure = |what: &str, each: u128| {
        let unread = || Clean::new(&format!("{what} of {name}"));
        let hard = read(&quota.status.hard, what).ok_or_else(unread)?;
        let used = read(&quota.status.used, what).ok_or_else(unread)?;
        let (of, taken) = (quantity::thousandths(&hard), quantity::thousandths(&used));
        let (of, taken) = of.zip(taken).ok_or_else(unread)?;
        let more = each.saturating_mul(surge);
        Ok((more > of.saturating_sub(taken)).then(|| {
            Clean::new(&format!(
                "the quota {name} has {used} of {hard} {what} in use, and the flight adds {} at a time",
                crate::domain::text::counted(flown.surge as usize, "pod"),
            ))
        }))
    };
    let there = wanted.into_iter().filter(|(what, _)| is_there(what));
    there.map(|(what, each)| figure(what, each)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn flown(spec: &Value) -> Flown {
        let own = json!({"spec": {"replicas": 4, "template": {"spec": spec}}});
        Flown::read(&own, &own).expect("a workload")
    }

    fn node(name: &str, more: &Value) -> RawNode {
        let mut node = json!({"metadata": {"name": name, "labels": {"disk": "fast"}}, "spec": more,
            "status": {"allocatable": {"cpu": "1", "memory": "1Gi", "pods": "10"},
                "conditions": [{"type": "Ready", "status": "True"}]}});
        if name == "gone" {
            node["status"]["conditions"] = json!([{"type": "Ready", "status": "Unknown"}]);
        }
        serde_json::from_value(node).expect("a node")
    }

    fn small() -> Value {
        json!({"containers": [{"resources": {"requests": {"cpu": "300m", "memory": "100Mi"}}}]})
    }

    #[test]
    fn room_is_what_is_allocatable_less_what_is_requested_on_nodes_that_take_the_pods() {
        let nodes = [
            node("a", &json!({})),
            node("cordoned", &json!({"unschedulable": true})),
            node("gone", &json!({})),
            node(
                "tainted",
                &json!({"taints": [{"key": "gpu", "effect": "NoSchedule"}]}),
            ),
        ];
        let one = PodNeeds {
            cpu: 300,
            memory: 0,
        };
        let pods = [(Some("a".to_owned()), one), (None, one)];
        let capacity = count(&flown(&small()), &nodes, &pods, &[]);
        // 700 m are left of one node: two pods of 300 m.
        assert_eq!(
            (capacity.room, capacity.nodes, capacity.of_nodes),
            (2, 1, 4)
        );
        assert_eq!((capacity.surge, capacity.waiting), (1, 1));

        let mut tolerating = small();
        tolerating["tolerations"] = json!([{"key": "gpu", "operator": "Exists"}]);
        assert_eq!(count(&flown(&tolerating), &nodes, &pods, &[]).nodes, 2);
        let mut picky = small();
        picky["nodeSelector"] = json!({"disk": "slow"});
        assert_eq!(count(&flown(&picky), &nodes, &pods, &[]).room, 0);
    }

    #[test]
    fn a_quota_that_would_be_passed_is_named_with_its_figures() {
        let quota = |scopes: Value, used: &str| -> RawQuota {
            serde_json::from_value(json!({"metadata": {"name": "team"}, "spec": {"scopes": scopes},
                "status": {"hard": {"pods": "10", "requests.cpu": "2"}, "used": {"pods": "4", "requests.cpu": used}}}))
            .expect("a quota")
        };
        let over = |quota: RawQuota| count(&flown(&small()), &[], &[], &[quota]).over_quota;
        assert_eq!(over(quota(json!(null), "1700m")), None);
        let said = over(quota(json!(null), "1701m")).expect("too much");
        assert_eq!(
            said.as_str(),
            "the quota team has 1701m of 2 requests.cpu in use, and the flight adds 1 pod at a time"
        );
        assert_eq!(over(quota(json!(["BestEffort"]), "1701m")), None);

        let of = |quota: RawQuota| count(&flown(&small()), &[], &[], &[quota]);
        assert_eq!(
            of(quota(json!(["BestEffort"]), "1701m")).scoped_quotas,
            [Clean::new("team")]
        );
        let unread = of(quota(json!(null), "much"));
        assert_eq!(unread.over_quota, None);
        assert_eq!(unread.unread_quotas, [Clean::new("requests.cpu of team")]);
    }
}
