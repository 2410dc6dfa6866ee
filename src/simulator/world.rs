//! The practice world: objects, controllers and pods over time. A pure function of the seed and of the list of
//! (time, request): it reads no clock and spawns nothing; all times are passed in.

mod apply;
#[cfg(test)]
mod argo_tests;
mod defaults;
mod records;
mod requests;
#[cfg(test)]
mod tests;

pub(super) use records::{
    DEPLOYMENT_CONTROLLER, KUBELET, REPLICA_SET_CONTROLLER, ROLLOUTS_CONTROLLER, SCHEDULER,
    last_seen,
};
pub(super) use requests::{Deletion, Request, Validation, Verb, Writer, scale_of};

use super::Scenario;
use super::catalogue::Catalogue;
use super::chance;
use super::controllers::pods::{NODES as MACHINES, PodLife};
use super::controllers::workload_ref::give_back;
use super::json::{Json, condition, pruned, stamp};
use super::kinds::{
    self, ANALYSIS_RUNS, DEPLOYMENTS, ENDPOINT_SLICES, Kind, PODS, REPLICA_SETS, ROLLOUTS,
};
use super::store::{Id, Store};
use super::traffic::Traffic;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Something that becomes due: a controller looks at an object, a pod takes its next step, the churn writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Work {
    Reconcile(Id),
    PodStep(Id),
    Churn,
}

/// What the world is made from.
#[derive(Clone, Debug)]
pub(super) struct Making {
    pub scenario: Scenario,
    pub seed: u64,
    pub speed: f64,
    pub catalogue: Arc<Catalogue>,
}

impl Making {
    /// Seconds without progress after which a Rollout of production counts as stuck. It belongs to the scene and stays
    /// as it is at any speed, but for the scenario that is about it.
    pub fn progress_deadline(&self) -> i64 {
        if self.scenario != Scenario::SlowStart {
            return 600;
        }
        let seconds = (600.0 / self.speed).clamp(20.0, 600.0);
        #[expect(clippy::cast_possible_truncation, reason = "600 at most")]
        {
            seconds.round() as i64
        }
    }
}

/// All state of the practice cluster.
#[derive(Debug)]
pub(super) struct World {
    pub(super) making: Making,
    pub(super) now: Timestamp,
    pub(super) store: Store,
    pub(super) pods: BTreeMap<Id, PodLife>,
    pub(super) traffic: Traffic,
    /// Machine and image: what has been pulled where.
    pub(super) images: BTreeSet<(String, String)>,
    /// Pods changed since traffic and endpoints followed them.
    pub(super) pods_changed: bool,
    due: BTreeMap<Work, Timestamp>,
    /// Counts what was generated, so that each name, uid and delay is drawn anew.
    generated: u64,
    /// Counts the addresses given to pods.
    addressed: u32,
    churn: Option<SignedDuration>,
}

impl World {
    /// An empty world; `scene` furnishes it.
    pub fn new(making: Making, now: Timestamp) -> Self {
        let traffic = Traffic::new(making.seed);
        Self {
            making,
            now,
            store: Store::default(),
            pods: BTreeMap::new(),
            images: BTreeSet::new(),
            traffic,
            pods_changed: false,
            due: BTreeMap::new(),
            generated: 0,
            addressed: 0,
            churn: None,
        }
    }

    /// When something happens next without being asked.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.due.values().min().copied()
    }

    /// Lets everything happen that is due up to a time. A time in the past changes nothing.
    pub fn advance(&mut self, to: Timestamp) {
        while let Some((work, at)) = self
            .due
            .iter()
            .min_by_key(|(work, at)| (**at, (*work).clone()))
        {
            let (work, at) = (work.clone(), *at);
            if at > to {
                break;
            }
            self.due.remove(&work);
            self.now = self.now.max(at);
            match work {
                Work::Reconcile(id) if id.kind == DEPLOYMENTS.plural => {
                    self.reconcile_deployment(&id);
                }
                Work::Reconcile(id) if id.kind == ROLLOUTS.plural => self.reconcile_rollout(&id),
                Work::Reconcile(id) if id.kind == ANALYSIS_RUNS.plural => {
                    self.reconcile_analysis_run(&id);
                }
                Work::Reconcile(id) => self.reconcile_replica_set(&id),
                Work::PodStep(id) => self.step_pod(&id),
                Work::Churn => self.churn_once(),
            }
            self.follow_pods();
        }
        self.now = self.now.max(to);
    }

    /// Makes a controller write every Rollout's status all the while, or stops it with `None`.
    pub fn set_churn(&mut self, every: Option<SignedDuration>) {
        self.churn = every;
        self.due.remove(&Work::Churn);
        if let Some(every) = every {
            self.due.insert(Work::Churn, self.now + every);
        }
    }

    fn churn_once(&mut self) {
        let rollouts: Vec<Arc<Value>> = self.store.list(&ROLLOUTS, "").cloned().collect();
        for rollout in rollouts {
            let Some(id) = Id::of(&rollout) else { continue };
            let mut rollout = Value::clone(&rollout);
            let writes = rollout.count("/status/practiceWrites") + 1;
            rollout.set("/status/practiceWrites", writes);
            self.store.put(&id, rollout);
        }
        if let Some(every) = self.churn {
            self.due.insert(Work::Churn, self.now + every);
        }
    }

    // What controllers use.

    pub(super) fn find(&self, id: &Id) -> Option<Value> {
        self.store.get(id).map(|object| Value::clone(object))
    }

    /// Objects of a kind that an owner controls, oldest first.
    pub(super) fn controlled(
        &self,
        kind: &'static Kind,
        namespace: &str,
        owner: &str,
    ) -> Vec<Value> {
        let mut children: Vec<Value> = self
            .store
            .list(kind, namespace)
            .filter(|object| object.controller() == owner)
            .map(|object| Value::clone(object))
            .collect();
        children.sort_by(|a, b| {
            let key = |object: &Value| {
                (
                    object.text("/metadata/creationTimestamp").to_owned(),
                    object.name().to_owned(),
                )
            };
            key(a).cmp(&key(b))
        });
        children
    }

    /// Stores an object if it differs from what is stored, keeps its generation, and lets those react who watch it.
    pub(super) fn put(&mut self, mut object: Value) -> Arc<Value> {
        give_back(&mut object);
        let Some(id) = Id::of(&object) else {
            return Arc::new(object);
        };
        if let Some(old) = self.store.get(&id) {
            if **old == object {
                return Arc::clone(old);
            }
            let counts = kinds::named(object.text("/kind")).is_some_and(Kind::counts_generations);
            if counts && pruned(&old["spec"]) != pruned(&object["spec"]) {
                object.set(
                    "/metadata/generation",
                    old.count("/metadata/generation") + 1,
                );
            }
        }
        let stored = self.store.put(&id, object);
        self.react(&id, &stored);
        stored
    }

    /// Completes the metadata of a new object and stores it.
    pub(super) fn create(&mut self, mut object: Value) -> Arc<Value> {
        let about = format!(
            "{}/{}/{}",
            object.text("/kind"),
            object.namespace(),
            object.name()
        );
        if object.uid().is_empty() {
            let uid = chance::uid(self.making.seed, &self.fresh(&about));
            object.set("/metadata/uid", uid);
        }
        if object.text("/metadata/creationTimestamp").is_empty() {
            object.set("/metadata/creationTimestamp", stamp(self.now));
        }
        if kinds::named(object.text("/kind")).is_some_and(Kind::counts_generations)
            && !object.has("/metadata/generation")
        {
            object.set("/metadata/generation", 1);
        }
        let Some(id) = Id::of(&object) else {
            return Arc::new(object);
        };
        let stored = self.store.put(&id, object);
        self.react(&id, &stored);
        stored
    }

    /// Removes an object and, as the garbage collector does, what it controlled.
    pub(super) fn remove(&mut self, id: &Id) -> Option<Arc<Value>> {
        let gone = self.store.remove(id)?;
        self.react(id, &gone);
        self.due.remove(&Work::Reconcile(id.clone()));
        self.due.remove(&Work::PodStep(id.clone()));
        if self.pods.remove(id).is_some() {
            self.traffic.forget(id);
        }
        for kind in [&REPLICA_SETS, &PODS, &ENDPOINT_SLICES, &ANALYSIS_RUNS] {
            for child in self.controlled(kind, &id.namespace, gone.uid()) {
                let Some(child) = Id::of(&child) else {
                    continue;
                };
                if *kind == PODS {
                    self.terminate_pod(&child);
                } else {
                    self.remove(&child);
                }
            }
        }
        Some(gone)
    }

    /// A text that no other draw has used.
    pub(super) fn fresh(&mut self, about: &str) -> String {
        self.generated += 1;
        format!("{about}#{}", self.generated)
    }

    /// An address out of a node's range, each once: as network plugins do, in order.
    pub(super) fn address(&mut self, node: &str) -> String {
        let net = MACHINES.iter().position(|name| *name == node).unwrap_or(0);
        let place = self.addressed % (256 * 250);
        self.addressed += 1;
        format!("10.{}.{}.{}", 244 + net, place / 250, 2 + place % 250)
    }

    /// A seeded latency in `low..high` seconds, divided by the speed of the rehearsal.
    pub(super) fn latency(&mut self, about: &str, low: f64, high: f64) -> SignedDuration {
        let about = self.fresh(about);
        let seconds = chance::between(self.making.seed, &about, low, high);
        SignedDuration::from_secs_f64(seconds / self.making.speed)
    }

    /// Lets a controller look at an object no later than `after`.
    pub(super) fn look_within(&mut self, id: &Id, after: SignedDuration) {
        self.schedule(Work::Reconcile(id.clone()), after);
    }

    /// Replaces the time of a pod's next step.
    pub(super) fn step_pod_in(&mut self, id: &Id, after: SignedDuration) {
        self.due.insert(Work::PodStep(id.clone()), self.now + after);
    }

    /// Traffic and endpoints follow the pods.
    pub(super) fn follow_pods(&mut self) {
        if std::mem::take(&mut self.pods_changed) {
            self.share_traffic();
            self.publish_endpoints();
        }
    }

    /// Lets nothing be due, at a time.
    pub(super) fn rest(&mut self, now: Timestamp) {
        self.due.clear();
        self.now = now;
        self.follow_pods();
    }

    /// Forgets a pod's next step.
    pub(super) fn cancel_step(&mut self, id: &Id) {
        self.due.remove(&Work::PodStep(id.clone()));
    }

    fn schedule(&mut self, work: Work, after: SignedDuration) {
        let at = self.now + after.max(SignedDuration::from_millis(1));
        let due = self.due.entry(work).or_insert(at);
        *due = at.min(*due);
    }

    /// A change wakes the controllers that watch the object and its owner.
    fn react(&mut self, id: &Id, object: &Value) {
        match id.kind {
            "deployments" | "rollouts" => {
                let after = self.latency(&id.name, 0.3, 1.0);
                self.look_within(id, after);
                if id.kind == DEPLOYMENTS.plural {
                    self.wake_referring(object);
                }
            }
            "analysisruns" => {
                if !object.has("/status/completedAt") {
                    let after = self.latency(&id.name, 0.05, 0.25);
                    self.look_within(id, after);
                }
                self.wake_owner(object, &[&ROLLOUTS]);
            }
            // What a Rollout was refused for may be there now.
            "analysistemplates" | "clusteranalysistemplates" => self.wake_rollouts(&id.namespace),
            "replicasets" => {
                let after = self.latency(&id.name, 0.02, 0.08);
                self.look_within(id, after);
                self.wake_owner(object, &[&DEPLOYMENTS, &ROLLOUTS]);
            }
            "services" => {
                self.pods_changed = true;
                self.wake_rollouts(&id.namespace);
            }
            "pods" => {
                self.pods_changed = true;
                self.wake_owner(object, &[&REPLICA_SETS]);
            }
            _ => {}
        }
    }

    /// Lets the Rollouts of a namespace look ("": all of them) that could not be flown.
    fn wake_rollouts(&mut self, namespace: &str) {
        let refused: Vec<Id> = self
            .store
            .list(&ROLLOUTS, namespace)
            .filter(|rollout| condition(rollout, "InvalidSpec").is_some())
            .filter_map(|rollout| Id::of(rollout))
            .collect();
        for id in refused {
            let after = self.latency(&id.name, 0.05, 0.25);
            self.look_within(&id, after);
        }
    }

    fn wake_owner(&mut self, object: &Value, kinds: &[&'static Kind]) {
        let owner = object.controller();
        for kind in kinds {
            let named = object
                .items("/metadata/ownerReferences")
                .iter()
                .find(|candidate| {
                    candidate.text("/uid") == owner && candidate.text("/kind") == kind.kind
                });
            if let Some(named) = named {
                let id = Id::new(kind, object.namespace(), named.text("/name"));
                if self.store.get(&id).is_some() {
                    let after = self.latency(&id.name, 0.05, 0.25);
                    self.look_within(&id, after);
                }
            }
        }
    }
}
