//! The world in virtual time: whole flights, without a clock or a socket.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::{Deletion, Making, Request, Verb, World, Writer};
use crate::simulator::catalogue::{Catalogue, REGISTRY, REPOSITORY};
use crate::simulator::json::{Json, condition};
use crate::simulator::kinds::{DEPLOYMENTS, KINDS, Kind, NODES, PODS, REPLICA_SETS, ROLLOUTS};
use crate::simulator::patch::Patch;
use crate::simulator::refusal::Refusal;
use crate::simulator::store::Id;
use crate::simulator::{BuiltRelease, Scenario};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::{collections::BTreeSet, sync::Arc};

pub(super) const SERVICE: &str = "auth-service";

/// A world with hands on its clock.
pub(super) struct Flight {
    pub(super) world: World,
    pub(super) now: Timestamp,
}

fn catalogue(now: Timestamp) -> Catalogue {
    let mut releases = Vec::new();
    for (nth, folder) in ["auth-service", "catalog-api", "web-front"]
        .into_iter()
        .enumerate()
    {
        for number in 1..=43_u64 {
            let name = format!("{REPOSITORY}/{folder}");
            releases.push(BuiltRelease {
                image: format!("{REGISTRY}/{name}"),
                project: name,
                number,
                commit: format!("{number:040x}"),
                digest: format!("sha256:{:064x}", number * 10 + nth as u64),
                tag: (number == 42).then(|| "v1.3.0".to_owned()),
                committed_at: now - SignedDuration::from_hours(24 * 30),
            });
        }
    }
    Catalogue::new(releases)
}

impl Flight {
    pub(super) fn new(scenario: Scenario) -> Self {
        let now: Timestamp = "2026-03-02T09:00:00Z".parse().unwrap();
        let making = Making {
            scenario,
            seed: 7,
            speed: 1.0,
            catalogue: Arc::new(catalogue(now)),
        };
        let mut world = World::new(making, now);
        world.furnish();
        Self { world, now }
    }

    pub(super) fn fly(&mut self, seconds: i64) {
        for _ in 0..seconds * 10 {
            self.now += SignedDuration::from_millis(100);
            self.world.advance(self.now);
        }
    }

    pub(super) fn ask(
        &mut self,
        kind: &'static Kind,
        namespace: &str,
        subresource: &str,
        verb: Verb,
    ) -> Result<Value, Refusal> {
        let request = Request {
            kind,
            namespace: namespace.to_owned(),
            name: SERVICE.to_owned(),
            subresource: subresource.to_owned(),
            verb,
            dry_run: false,
            writer: Writer::default(),
        };
        Ok(self.world.apply(self.now, &request)?.object)
    }

    pub(super) fn steer(&mut self, status: &Value) {
        self.ask(
            &ROLLOUTS,
            "production",
            "status",
            Verb::Patch(Patch::Merge(json!({"status": status}))),
        )
        .unwrap();
    }

    pub(super) fn set_image(&mut self, kind: &'static Kind, namespace: &str, number: u64) {
        let image = self
            .world
            .making
            .catalogue
            .numbered(SERVICE, number)
            .unwrap()
            .reference();
        let patch = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]);
        self.ask(kind, namespace, "", Verb::Patch(Patch::Json(patch)))
            .unwrap();
    }

    pub(super) fn promote(&mut self) {
        self.steer(&json!({"pauseConditions": null}));
    }

    pub(super) fn object(&self, kind: &'static Kind, namespace: &str) -> Value {
        self.world.find(&Id::new(kind, namespace, SERVICE)).unwrap()
    }

    pub(super) fn rollout(&self) -> Value {
        self.object(&ROLLOUTS, "production")
    }

    /// Phase, step, updated and all pods.
    pub(super) fn at(&self) -> (String, i64, i64, i64) {
        let status = &self.rollout()["status"];
        let count = |member: &str| status.count(&format!("/{member}"));
        (
            status.text("/phase").to_owned(),
            count("currentStepIndex"),
            count("updatedReplicas"),
            count("replicas"),
        )
    }

    pub(super) fn check(&self, phase: &str, step: i64, updated: i64, all: i64) {
        assert_eq!(self.at(), (phase.to_owned(), step, updated, all));
    }

    /// Pods that run a release in production.
    pub(super) fn pods_of(&self, number: u64) -> Vec<Value> {
        let image = self
            .world
            .making
            .catalogue
            .numbered(SERVICE, number)
            .unwrap()
            .reference();
        let pods = self.world.store.list(&PODS, "production");
        pods.filter(|pod| pod.text("/spec/containers/0/image") == image)
            .map(|pod| Value::clone(pod))
            .collect()
    }

    pub(super) fn events(&self, reason: &str) -> usize {
        let events = self
            .world
            .store
            .list(&super::super::kinds::EVENTS, "production");
        events
            .filter(|event| event.text("/reason") == reason)
            .count()
    }
}

#[test]
fn starts_settled() {
    let mut flight = Flight::new(Scenario::Good);
    let before = flight.world.store.version();
    flight.fly(60);
    flight.check("Healthy", 6, 10, 10);
    assert_eq!(
        flight.world.store.version(),
        before,
        "nothing is written while nothing happens"
    );
    for (kind, namespace, sets) in [
        (&DEPLOYMENTS, "dev", 3),
        (&DEPLOYMENTS, "staging", 3),
        (&ROLLOUTS, "production", 3),
    ] {
        let workload = flight.object(kind, namespace);
        let owned = flight
            .world
            .controlled(&REPLICA_SETS, namespace, workload.uid());
        assert_eq!(owned.len(), sets);
        assert_eq!(
            owned
                .iter()
                .filter(|set| set.count("/spec/replicas") == 0)
                .count(),
            sets - 1
        );
    }
}

#[test]
fn canary_to_the_end() {
    let mut flight = Flight::new(Scenario::Good);
    let stable = flight.rollout().text("/status/stableRS").to_owned();
    flight.set_image(&ROLLOUTS, "production", 42);
    flight.check("Healthy", 6, 10, 10);
    flight.fly(20);
    flight.check("Paused", 1, 1, 10);
    assert_eq!(flight.pods_of(42).len(), 1);
    flight.promote();
    flight.check("Paused", 1, 1, 10);
    flight.fly(30);
    flight.check("Paused", 3, 5, 10);
    flight.promote();
    flight.fly(40);
    flight.check("Paused", 5, 10, 10);
    assert_eq!(
        flight.rollout().text("/status/stableRS"),
        stable,
        "not stable before the last promotion"
    );
    flight.promote();
    flight.fly(10);
    flight.check("Healthy", 6, 10, 10);
    let rollout = flight.rollout();
    assert_eq!(
        rollout.text("/status/stableRS"),
        rollout.text("/status/currentPodHash")
    );
    assert_ne!(rollout.text("/status/stableRS"), stable);
    assert_eq!(flight.events("RolloutCompleted"), 1);
}

#[test]
fn abort_and_retry() {
    let mut flight = Flight::new(Scenario::Good);
    flight.set_image(&ROLLOUTS, "production", 42);
    flight.fly(20);
    flight.promote();
    flight.fly(30);
    flight.steer(&json!({"abort": true}));
    flight.fly(30);
    flight.check("Degraded", 0, 0, 10);
    let rollout = flight.rollout();
    assert_eq!(
        rollout.text("/status/message"),
        "RolloutAborted: Rollout aborted update to revision 4"
    );
    assert_eq!(flight.pods_of(41).len(), 10);
    flight.steer(&json!({"abort": false}));
    flight.fly(20);
    flight.check("Paused", 1, 1, 10);
    assert!(!flight.rollout().has("/status/abort"));
}

#[test]
fn full_promotion_clears_an_abort() {
    let mut flight = Flight::new(Scenario::Good);
    flight.set_image(&ROLLOUTS, "production", 42);
    flight.fly(20);
    flight.steer(&json!({"abort": true}));
    flight.fly(20);
    flight.steer(&json!({"promoteFull": true}));
    flight.fly(60);
    flight.check("Healthy", 6, 10, 10);
    assert_eq!(flight.pods_of(42).len(), 10);
    assert!(!flight.rollout().has("/status/promoteFull"));
}

#[test]
fn going_back_to_stable_skips_all_steps() {
    let mut flight = Flight::new(Scenario::Good);
    flight.set_image(&ROLLOUTS, "production", 42);
    flight.fly(20);
    flight.promote();
    flight.fly(30);
    flight.set_image(&ROLLOUTS, "production", 41);
    flight.fly(30);
    flight.check("Healthy", 6, 10, 10);
    assert_eq!(
        (flight.pods_of(41).len(), flight.events("SkipSteps")),
        (10, 1)
    );
}

#[test]
fn within_the_rollback_window_no_step_is_walked() {
    let mut flight = Flight::new(Scenario::Good);
    let window = json!({"spec": {"rollbackWindow": {"revisions": 2}}});
    flight
        .ask(
            &ROLLOUTS,
            "production",
            "",
            Verb::Patch(Patch::Merge(window)),
        )
        .unwrap();
    flight.fly(5);
    flight.check("Healthy", 6, 10, 10);
    flight.set_image(&ROLLOUTS, "production", 39);
    flight.fly(40);
    flight.check("Healthy", 6, 10, 10);
    assert_eq!(flight.pods_of(39).len(), 10);
}

#[test]
fn a_change_of_steps_starts_anew() {
    let mut flight = Flight::new(Scenario::Good);
    flight.set_image(&ROLLOUTS, "production", 42);
    flight.fly(20);
    flight.steer(&json!({"abort": true}));
    flight.fly(20);
    let steps = json!({"spec": {"strategy": {"canary": {"steps": [{"setWeight": 20}, {"pause": {"duration": "10s"}}]}}}});
    flight
        .ask(
            &ROLLOUTS,
            "production",
            "",
            Verb::Patch(Patch::Merge(steps)),
        )
        .unwrap();
    flight.fly(10);
    flight.check("Paused", 1, 2, 10);
    flight.fly(50);
    flight.check("Healthy", 2, 10, 10);
}

#[test]
fn a_held_rollout_takes_no_step() {
    let mut flight = Flight::new(Scenario::Good);
    flight.set_image(&ROLLOUTS, "production", 42);
    flight.fly(20);
    let held = |paused: bool| Verb::Patch(Patch::Merge(json!({"spec": {"paused": paused}})));
    flight.ask(&ROLLOUTS, "production", "", held(true)).unwrap();
    flight.promote();
    flight.fly(20);
    assert_eq!(flight.at(), ("Paused".to_owned(), 1, 1, 10));
    assert_eq!(flight.rollout().text("/status/message"), "manually paused");
    flight
        .ask(&ROLLOUTS, "production", "", held(false))
        .unwrap();
    flight.fly(10);
    // The pause was cleared while the Rollout was held, so its step pauses once more, as with the real controller.
    flight.check("Paused", 1, 1, 10);
    assert_eq!(flight.rollout().text("/status/message"), "CanaryPauseStep");
}

#[test]
fn deployments_keep_their_bounds() {
    let mut flight = Flight::new(Scenario::Good);
    flight.set_image(&DEPLOYMENTS, "staging", 43);
    let mut seen = Vec::new();
    for _ in 0..300 {
        flight.fly(1);
        let deployment = flight.object(&DEPLOYMENTS, "staging");
        let status = (
            deployment.count("/status/replicas"),
            deployment.count("/status/availableReplicas"),
        );
        assert!(
            (3..=4).contains(&status.0) && status.1 >= 3,
            "25 % of 3: one more, none less, was {status:?}"
        );
        if !seen.contains(&status) {
            seen.push(status);
        }
        if deployment.count("/status/updatedReplicas") == 3 && status == (3, 3) {
            break;
        }
    }
    assert!(seen.contains(&(4, 3)) || seen.contains(&(4, 4)), "{seen:?}");
    let deployment = flight.object(&DEPLOYMENTS, "staging");
    assert_eq!(
        deployment.annotation("deployment.kubernetes.io/revision"),
        Some("4")
    );
}

#[test]
fn undo_finds_the_old_replica_set_again() {
    let mut flight = Flight::new(Scenario::Good);
    let deployment = flight.object(&DEPLOYMENTS, "staging");
    let sets = flight
        .world
        .controlled(&REPLICA_SETS, "staging", deployment.uid());
    let old = sets
        .iter()
        .find(|set| set.annotation("deployment.kubernetes.io/revision") == Some("2"))
        .unwrap();
    // What a typed client writes back: without the hash label, with nulls and empties.
    let mut template = old["spec"]["template"].clone();
    template.unset("/metadata/labels/pod-template-hash");
    template.set("/metadata/creationTimestamp", Value::Null);
    template.set("/spec/securityContext", json!({}));
    let patch = json!([{"op": "replace", "path": "/spec/template", "value": template}]);
    flight
        .ask(&DEPLOYMENTS, "staging", "", Verb::Patch(Patch::Json(patch)))
        .unwrap();
    for _ in 0..30 {
        flight.fly(1);
        let deployment = flight.object(&DEPLOYMENTS, "staging");
        let progressing = condition(&deployment, "Progressing").unwrap();
        assert_eq!(
            progressing.text("/status"),
            "True",
            "long ago is no missed deadline"
        );
    }
    let after = flight
        .world
        .controlled(&REPLICA_SETS, "staging", deployment.uid());
    assert_eq!(after.len(), sets.len());
    let again = after.iter().find(|set| set.uid() == old.uid()).unwrap();
    assert_eq!(
        again.annotation("deployment.kubernetes.io/revision"),
        Some("4")
    );
    assert_eq!(
        again.annotation("deployment.kubernetes.io/revision-history"),
        Some("2")
    );
    assert_eq!(again.count("/status/readyReplicas"), 3);
}

#[test]
fn an_image_that_was_never_pushed() {
    let mut flight = Flight::new(Scenario::Good);
    let patch = json!({"spec": {"progressDeadlineSeconds": 30,
        "template": {"spec": {"containers": [{"name": "app", "image": "registry.practice/acme/shop/auth-service:nope"}]}}}});
    flight
        .ask(
            &DEPLOYMENTS,
            "dev",
            "",
            Verb::Patch(Patch::Strategic(patch)),
        )
        .unwrap();
    flight.fly(60);
    let waiting = "/status/containerStatuses/0/state/waiting/reason";
    let reasons: Vec<String> = flight
        .world
        .store
        .list(&PODS, "dev")
        .map(|pod| pod.text(waiting).to_owned())
        .filter(|text| !text.is_empty())
        .collect();
    assert!(
        !reasons.is_empty()
            && reasons
                .iter()
                .all(|reason| reason.ends_with("Pull") || reason.ends_with("BackOff"))
    );
    let deployment = flight.object(&DEPLOYMENTS, "dev");
    let progressing = condition(&deployment, "Progressing").unwrap();
    assert_eq!(progressing.text("/reason"), "ProgressDeadlineExceeded");
    assert_eq!(
        deployment.count("/status/availableReplicas"),
        2,
        "the old pods still serve"
    );
}

#[test]
fn a_precondition_that_fails_changes_nothing() {
    let mut flight = Flight::new(Scenario::Good);
    flight.set_image(&ROLLOUTS, "production", 42);
    flight.fly(20);
    let before = flight.rollout();
    let patch = |step: i64| {
        Verb::Patch(Patch::Json(
            json!([{"op": "test", "path": "/status/currentStepIndex", "value": step},
            {"op": "test", "path": "/status/abort", "value": null},
            {"op": "remove", "path": "/status/pauseConditions"}]),
        ))
    };
    let refusal = flight
        .ask(&ROLLOUTS, "production", "status", patch(3))
        .unwrap_err();
    assert_eq!(refusal.code, 422);
    assert_eq!(flight.rollout(), before);
    flight
        .ask(&ROLLOUTS, "production", "status", patch(1))
        .unwrap();
    flight.fly(30);
    flight.check("Paused", 3, 5, 10);
}

#[test]
fn versions_generations_and_subresources() {
    let mut flight = Flight::new(Scenario::Good);
    let generation = |flight: &Flight| flight.rollout().count("/metadata/generation");
    let first = generation(&flight);
    let both = json!({"spec": {"paused": true}, "status": {"abort": true}});
    flight
        .ask(
            &ROLLOUTS,
            "production",
            "",
            Verb::Patch(Patch::Merge(both.clone())),
        )
        .unwrap();
    assert_eq!(
        (generation(&flight), flight.rollout().has("/status/abort")),
        (first + 1, false)
    );
    let stale = flight.rollout();
    let back = json!({"spec": {"paused": false}, "status": {"abort": true}});
    flight
        .ask(
            &ROLLOUTS,
            "production",
            "status",
            Verb::Patch(Patch::Merge(back)),
        )
        .unwrap();
    assert_eq!(
        (generation(&flight), flight.rollout().flag("/spec/paused")),
        (first + 1, true)
    );
    let conflict = flight
        .ask(&ROLLOUTS, "production", "", Verb::Replace(stale))
        .unwrap_err();
    assert_eq!((conflict.code, conflict.reason), (409, "Conflict"));
    let strategic = flight
        .ask(
            &ROLLOUTS,
            "production",
            "",
            Verb::Patch(Patch::Strategic(both)),
        )
        .unwrap_err();
    assert_eq!(strategic.code, 415);
    let metadata = json!({"metadata": {"labels": {"x": "y"}}});
    flight
        .ask(
            &ROLLOUTS,
            "production",
            "",
            Verb::Patch(Patch::Merge(metadata)),
        )
        .unwrap();
    assert_eq!(generation(&flight), first + 1);
}

#[test]
fn counters_only_rise_through_a_whole_canary() {
    let mut flight = Flight::new(Scenario::BadCanary);
    flight.set_image(&ROLLOUTS, "production", 42);
    let mut last = std::collections::BTreeMap::new();
    for second in 0..120 {
        flight.fly(1);
        if second == 30 {
            flight.promote();
        }
        for pod in flight
            .world
            .pods
            .keys()
            .filter(|pod| pod.namespace == "production")
        {
            let Some(counters) = flight.world.traffic.counters(pod, flight.now) else {
                continue;
            };
            if let Some(before) = last.insert(pod.clone(), counters.clone()) {
                let before: crate::simulator::traffic::Counters = before;
                assert!(
                    counters.requests >= before.requests && counters.errors >= before.errors,
                    "{pod:?}"
                );
            }
        }
    }
}

#[test]
fn a_bad_canary_shows_from_half_on() {
    let mut flight = Flight::new(Scenario::BadCanary);
    flight.set_image(&ROLLOUTS, "production", 42);
    flight.fly(60);
    let ratio = |flight: &mut Flight, number: u64| {
        let pods: Vec<Id> = flight.pods_of(number).iter().filter_map(Id::of).collect();
        let sum = |flight: &Flight| {
            let counters = pods
                .iter()
                .filter_map(|pod| flight.world.traffic.counters(pod, flight.now));
            counters.fold((0.0, 0.0), |sum, counters| {
                (sum.0 + counters.errors, sum.1 + counters.requests)
            })
        };
        let before = sum(flight);
        flight.fly(120);
        let after = sum(flight);
        (after.0 - before.0) / (after.1 - before.1)
    };
    assert!(ratio(&mut flight, 42) < 0.001, "well with one pod");
    flight.promote();
    flight.fly(40);
    let (bad, good) = (ratio(&mut flight, 42), ratio(&mut flight, 41));
    assert!(
        (0.02..0.04).contains(&bad) && good < 0.001,
        "{bad} and {good}"
    );
}

#[test]
fn lost_metrics_answer_503_or_nothing() {
    let mut flight = Flight::new(Scenario::MetricsLost);
    flight.set_image(&ROLLOUTS, "production", 42);
    flight.fly(30);
    let canary = |flight: &Flight| Id::of(&flight.pods_of(42)[0]).unwrap();
    let pod = canary(&flight);
    assert!(
        flight
            .world
            .ask_pod(&pod, 9090, "/metrics")
            .unwrap()
            .body
            .contains("requests_total{version=\"v1.3.0\"}")
    );
    flight.promote();
    flight.fly(40);
    let pod = canary(&flight);
    let mut seen = Vec::new();
    for _ in 0..12 {
        flight.fly(1);
        let answer = flight.world.ask_pod(&pod, 9090, "/metrics").unwrap();
        seen.push((answer.status, answer.body.is_empty()));
    }
    assert!(
        seen.contains(&(503, false)) && seen.contains(&(200, true)),
        "{seen:?}"
    );
    assert_eq!(
        flight.world.ask_pod(&pod, 8080, "/health").unwrap().status,
        200
    );
}

#[test]
fn a_crash_loop_never_gets_past_its_first_step() {
    let mut flight = Flight::new(Scenario::CrashLoop);
    flight.set_image(&ROLLOUTS, "production", 42);
    flight.fly(90);
    assert_eq!(flight.rollout().count("/status/currentStepIndex"), 0);
    let pod = &flight.pods_of(42)[0];
    assert!(pod.count("/status/containerStatuses/0/restartCount") >= 2);
    let id = Id::of(pod).unwrap();
    assert!(
        flight.world.ask_pod(&id, 8080, "/health").is_err()
            || !pod.flag("/status/containerStatuses/0/ready")
    );
    flight.steer(&json!({"abort": true}));
    flight.fly(20);
    flight.check("Degraded", 0, 0, 10);
    // In staging the same release is well.
    flight.set_image(&DEPLOYMENTS, "dev", 42);
    flight.fly(30);
    assert_eq!(
        flight
            .object(&DEPLOYMENTS, "dev")
            .count("/status/availableReplicas"),
        2
    );
}

#[test]
fn a_deleted_pod_is_replaced() {
    let mut flight = Flight::new(Scenario::Good);
    let pod = Id::of(&flight.pods_of(41)[0]).unwrap();
    let request = Request {
        kind: &PODS,
        namespace: pod.namespace.clone(),
        name: pod.name.clone(),
        subresource: String::new(),
        verb: Verb::Delete(Deletion::default()),
        dry_run: false,
        writer: Writer::default(),
    };
    flight.world.apply(flight.now, &request).unwrap();
    flight.fly(10);
    assert!(flight.world.store.get(&pod).is_none());
    assert_eq!(flight.pods_of(41).len(), 10);
    flight.check("Healthy", 6, 10, 10);
}

#[test]
fn the_same_requests_make_the_same_world() {
    let fly = || {
        let mut flight = Flight::new(Scenario::BadCanary);
        flight.set_image(&ROLLOUTS, "production", 42);
        flight.fly(25);
        flight.promote();
        flight.fly(60);
        let objects = KINDS.into_iter().flat_map(|kind| {
            flight
                .world
                .store
                .list(kind, "")
                .cloned()
                .collect::<Vec<_>>()
        });
        objects.collect::<Vec<_>>()
    };
    assert!(fly() == fly());
}

#[test]
fn every_pod_has_an_address_of_its_own_in_the_range_of_its_node() {
    let flight = Flight::new(Scenario::Good);
    let mut addresses = BTreeSet::new();
    for namespace in ["dev", "staging", "production"] {
        for pod in flight.world.store.list(&PODS, namespace) {
            let address = pod.text("/status/podIP").to_owned();
            let node = Id::new(&NODES, "", pod.text("/spec/nodeName"));
            let range = flight.world.find(&node).unwrap();
            let range = range
                .text("/spec/podCIDR")
                .trim_end_matches("0.0/16")
                .to_owned();
            assert!(address.starts_with(&range), "{address} outside {range}");
            assert!(addresses.insert(address.clone()), "{address} twice");
        }
    }
    assert!(addresses.len() > 20);
}
