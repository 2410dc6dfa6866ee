//! Analyses, blue-green updates, borrowed templates and events, in virtual time.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::tests::{Flight, SERVICE};
use super::{Request, Verb, Writer};
use crate::simulator::Scenario;
use crate::simulator::json::{Json, condition};
use crate::simulator::kinds::{
    ANALYSIS_RUNS, ANALYSIS_TEMPLATES, DEPLOYMENTS, EVENTS, Kind, REPLICA_SETS, ROLLOUTS, SERVICES,
};
use crate::simulator::patch::Patch;
use crate::simulator::store::Id;
use serde_json::{Value, json};

const SPACE: &str = "production";
/// Errors by request of one template, over a minute.
const ERRORS: &str = "sum(rate(release_manager_errors_total{rollouts_pod_template_hash=\"{{args.hash}}\"}[1m])) \
    / sum(rate(release_manager_requests_total{rollouts_pod_template_hash=\"{{args.hash}}\"}[1m]))";

impl Flight {
    fn create(&mut self, kind: &'static Kind, object: Value) {
        let request = Request {
            kind,
            namespace: SPACE.to_owned(),
            name: String::new(),
            subresource: String::new(),
            verb: Verb::Create(object),
            dry_run: false,
            writer: Writer::default(),
        };
        self.world.apply(self.now, &request).unwrap();
    }

    fn change(&mut self, kind: &'static Kind, patch: Value) {
        self.ask(kind, SPACE, "", Verb::Patch(Patch::Merge(patch)))
            .unwrap();
    }

    /// A template that measures the errors of the new pods every ten seconds.
    fn template(&mut self, name: &str, metric: Value) {
        let mut metric = metric;
        metric.set("/name", "error-rate");
        if !metric.has("/provider") {
            metric.set("/provider/prometheus/query", ERRORS);
        }
        self.create(
            &ANALYSIS_TEMPLATES,
            json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
            "metadata": {"name": name}, "spec": {"args": [{"name": "hash"}], "metrics": [metric]}}),
        );
    }

    fn runs(&self) -> Vec<Value> {
        let runs = self.world.store.list(&ANALYSIS_RUNS, SPACE);
        runs.map(|run| Value::clone(run)).collect()
    }

    fn told(&self, reason: &str) -> Vec<String> {
        let events = self.world.store.list(&EVENTS, SPACE);
        events
            .filter(|event| event.text("/reason") == reason)
            .map(|event| event.text("/message").to_owned())
            .collect()
    }

    fn service(&self, name: &str) -> String {
        let service = self.world.find(&Id::new(&SERVICES, SPACE, name)).unwrap();
        service["spec"]["selector"]["rollouts-pod-template-hash"]
            .as_str()
            .unwrap_or("")
            .to_owned()
    }

    /// Flies until something holds; never longer than ten minutes.
    fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) -> i64 {
        for second in 0..600 {
            if holds(self) {
                return second;
            }
            self.fly(1);
        }
        panic!("never {what}: {:#}", self.rollout()["status"]);
    }

    fn message(&self) -> String {
        self.rollout().text("/status/message").to_owned()
    }

    fn phase(&self) -> String {
        self.rollout().text("/status/phase").to_owned()
    }
}

fn analysis(template: &str) -> Value {
    let hash = json!({"name": "hash", "valueFrom": {"podTemplateHashValue": "Latest"}});
    json!({"templates": [{"templateName": template}], "args": [hash]})
}

fn steps(steps: &Value) -> Value {
    json!({"spec": {"strategy": {"canary": {"steps": steps}}}})
}

/// A canary that goes to half, bakes a minute, and measures there.
fn measured(scenario: Scenario, metric: Value) -> Flight {
    let mut flight = Flight::new(scenario);
    flight.template("errors", metric);
    flight.change(
        &ROLLOUTS,
        steps(&json!([{"setWeight": 50}, {"pause": {"duration": "1m"}}, {"analysis": analysis("errors")}, {"setWeight": 100}])),
    );
    flight.fly(5);
    flight.set_image(&ROLLOUTS, SPACE, 42);
    flight.fly(3);
    flight
}

fn thrice(success: &str) -> Value {
    json!({"interval": "10s", "count": 3, "successCondition": success})
}

#[test]
fn an_analysis_step_that_succeeds_goes_on() {
    let mut flight = measured(Scenario::Good, thrice("result[0] < 0.01"));
    flight.until("promoted", |flight| {
        flight.at() == ("Healthy".to_owned(), 4, 10, 10)
    });
    let runs = flight.runs();
    assert_eq!(runs.len(), 1);
    let run = &runs[0];
    let hash = flight.rollout().text("/status/currentPodHash").to_owned();
    assert_eq!(run.name(), format!("{SERVICE}-{hash}-4-2"));
    assert_eq!(
        (run.label("rollout-type"), run.label("step-index")),
        (Some("Step"), Some("2"))
    );
    assert_eq!(run.text("/status/phase"), "Successful");
    let result = &run["status"]["metricResults"][0];
    assert_eq!(
        (result.count("/count"), result.count("/successful")),
        (3, 3)
    );
    assert_eq!(
        run["status"]["runSummary"],
        json!({"count": 1, "successful": 1})
    );
    let value = result.text("/measurements/2/value");
    assert!(value.starts_with('[') && value.ends_with(']'), "{value}");
    assert!(
        !flight
            .rollout()
            .has("/status/canary/currentStepAnalysisRunStatus")
    );
    assert_eq!(
        flight.told("AnalysisRunSuccessful").len(),
        2,
        "told of the run and of the Rollout"
    );
    assert_eq!(flight.told("RolloutResumed"), ["Rollout is resumed"]);
}

#[test]
fn the_templates_of_the_scene_tell_good_from_bad() {
    let both = json!([{"setWeight": 50}, {"pause": {"duration": "2m"}},
        {"analysis": {"templates": [{"templateName": "error-rate"}, {"templateName": "latency-p99"}],
            "args": analysis("")["args"]}}]);
    for (scenario, phase) in [
        (Scenario::Good, "Healthy"),
        (Scenario::BadCanary, "Degraded"),
    ] {
        let mut flight = Flight::new(scenario);
        flight.change(&ROLLOUTS, steps(&both));
        flight.fly(5);
        flight.set_image(&ROLLOUTS, SPACE, 42);
        flight.fly(3);
        flight.until("decided", |flight| flight.phase() == phase);
        let run = flight.runs().remove(0);
        assert_eq!(run.items("/status/metricResults").len(), 2, "{run:#}");
    }
}

#[test]
fn a_failed_analysis_aborts_with_its_reason() {
    let mut flight = measured(Scenario::BadCanary, thrice("result[0] < 0.01"));
    flight.until("aborted", |flight| flight.phase() == "Degraded");
    assert_eq!(
        flight.message(),
        "RolloutAborted: Rollout aborted update to revision 4: Metric \"error-rate\" assessed Failed due to failed (1) > failureLimit (0)"
    );
    flight.fly(60);
    flight.check("Degraded", 0, 0, 10);
    assert_eq!(flight.pods_of(41).len(), 10);
    let status = flight.rollout();
    assert_eq!(
        status.text("/status/canary/currentStepAnalysisRunStatus/status"),
        "Failed"
    );
    assert!(
        flight.message().contains("failureLimit"),
        "the first reason stays"
    );

    // Tried again, it is measured again.
    flight.steer(&json!({"abort": false}));
    flight.until("aborted again", |flight| {
        flight.runs().len() == 2 && flight.phase() == "Degraded"
    });
    assert!(flight.runs().iter().any(|run| run.name().ends_with("-2.1")));
}

#[test]
fn an_inconclusive_analysis_waits_for_a_person() {
    let metric = json!({"interval": "10s", "count": 2, "successCondition": "result[0] < 0.000001",
        "failureCondition": "result[0] > 0.5"});
    let mut flight = measured(Scenario::BadCanary, metric);
    flight.until("paused by the analysis", |flight| {
        flight.message() == "InconclusiveAnalysisRun"
    });
    flight.check("Paused", 2, 5, 10);
    let status = flight.rollout();
    assert_eq!(
        status.text("/status/canary/currentStepAnalysisRunStatus/status"),
        "Inconclusive"
    );
    assert_eq!(
        status.text("/status/pauseConditions/0/reason"),
        "InconclusiveAnalysisRun"
    );
    flight.fly(120);
    flight.check("Paused", 2, 5, 10);
    // As the plugin promotes it: past the step, and no longer paused.
    flight
        .steer(&json!({"pauseConditions": null, "controllerPause": false, "currentStepIndex": 3}));
    flight.until("promoted", |flight| flight.phase() == "Healthy");
    assert_eq!(flight.runs().len(), 1);
}

#[test]
fn an_analysis_in_the_background_aborts_at_any_step() {
    let mut flight = Flight::new(Scenario::BadCanary);
    flight.template(
        "errors",
        json!({"interval": "10s", "initialDelay": "1m", "failureLimit": 1,
        "successCondition": "len(result) == 0 || isNaN(result[0]) || result[0] < 0.01"}),
    );
    flight.change(
        &ROLLOUTS,
        json!({"spec": {"strategy": {"canary": {"analysis": analysis("errors")}}}}),
    );
    flight.set_image(&ROLLOUTS, SPACE, 42);
    flight.fly(100);
    flight.check("Paused", 1, 1, 10);
    let run = flight.runs().remove(0);
    assert_eq!(
        (run.label("rollout-type"), run.text("/status/phase")),
        (Some("Background"), "Running")
    );
    assert!(
        run.count("/status/metricResults/0/successful") >= 2,
        "{run:#}"
    );
    flight.promote();
    flight.until("aborted", |flight| flight.phase() == "Degraded");
    assert!(
        flight.message().contains("failed (2) > failureLimit (1)"),
        "{}",
        flight.message()
    );
}

#[test]
fn what_cannot_be_measured_is_an_error_and_not_a_pass() {
    let metric = json!({"interval": "10s", "count": 3, "successCondition": "result[0] < 0.01",
        "provider": {"prometheus": {"query": "sum(rate(nothing_total[1m]))"}}});
    let mut flight = measured(Scenario::Good, metric);
    flight.until("aborted", |flight| flight.phase() == "Degraded");
    assert!(
        flight
            .message()
            .contains("consecutiveErrors (5) > consecutiveErrorLimit (4)"),
        "{}",
        flight.message()
    );
    assert!(
        flight.message().contains("index out of range: 0"),
        "{}",
        flight.message()
    );
}

#[test]
fn a_run_ends_with_what_it_was_for() {
    let mut flight = measured(
        Scenario::Good,
        json!({"interval": "10s", "successCondition": "result[0] < 0.01"}),
    );
    flight.until("measuring", |flight| {
        flight
            .runs()
            .first()
            .is_some_and(|run| run.count("/status/metricResults/0/count") > 1)
    });
    flight.set_image(&ROLLOUTS, SPACE, 41);
    flight.until("back", |flight| flight.phase() == "Healthy");
    flight.fly(5);
    let run = flight.runs().remove(0);
    assert_eq!(
        (run.flag("/spec/terminate"), run.text("/status/phase")),
        (true, "Successful")
    );
    assert_eq!(run.text("/status/message"), "Run Terminated");
}

#[test]
fn a_missing_template_is_an_invalid_spec_until_it_is_there() {
    let mut flight = Flight::new(Scenario::Good);
    flight.change(&ROLLOUTS, steps(&json!([{"analysis": analysis("errors")}])));
    flight.fly(5);
    assert_eq!(flight.phase(), "Degraded");
    assert_eq!(
        flight.message(),
        "InvalidSpec: The Rollout \"auth-service\" is invalid: spec.strategy.canary.steps[0].analysis.templates: \
         Invalid value: \"errors\": AnalysisTemplate 'errors' not found"
    );
    flight.template("errors", thrice("true"));
    flight.fly(5);
    assert_eq!(flight.phase(), "Healthy");
}

/// auth-service in production as a blue-green Rollout that has settled.
fn two_sides(scenario: Scenario, more: &Value) -> Flight {
    let mut flight = Flight::new(scenario);
    flight.create(
        &SERVICES,
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "auth-preview"},
            "spec": {"selector": {"app": SERVICE}, "ports": [{"port": 80, "targetPort": 8080}]}}),
    );
    let mut blue_green = json!({"activeService": SERVICE, "previewService": "auth-preview"});
    json_patch::merge(&mut blue_green, more);
    flight.change(
        &ROLLOUTS,
        json!({"spec": {"strategy": {"canary": null, "blueGreen": blue_green}}}),
    );
    flight.until("settled", |flight| {
        flight.phase() == "Healthy" && !flight.service(SERVICE).is_empty()
    });
    flight.fly(5);
    flight
}

/// Pods of the release that is asked for, and of the one before.
fn pods(flight: &Flight) -> (usize, usize) {
    (flight.pods_of(42).len(), flight.pods_of(41).len())
}

#[test]
fn blue_green_waits_for_a_person_and_keeps_the_old_side_a_while() {
    let mut flight = two_sides(
        Scenario::Good,
        &json!({"autoPromotionEnabled": false, "scaleDownDelaySeconds": 60}),
    );
    let old = flight.service(SERVICE);
    flight.set_image(&ROLLOUTS, SPACE, 42);
    flight.until("paused", |flight| flight.message() == "BlueGreenPause");
    let new = flight.rollout().text("/status/currentPodHash").to_owned();
    assert_eq!(
        (flight.service(SERVICE), flight.service("auth-preview")),
        (old.clone(), new.clone())
    );
    let status = flight.rollout();
    assert_eq!(
        status["status"]["blueGreen"],
        json!({"activeSelector": old, "previewSelector": new})
    );
    assert!(
        !status.has("/status/currentStepIndex") || status["status"]["currentStepIndex"].is_null()
    );
    assert_eq!(pods(&flight), (10, 10));
    flight.fly(300);
    assert_eq!(flight.message(), "BlueGreenPause", "nobody went on");

    flight.promote();
    let took = flight.until("switched", |flight| flight.service(SERVICE) == new);
    assert!(took < 10);
    flight.until("done", |flight| flight.phase() == "Healthy");
    assert_eq!(flight.rollout().text("/status/stableRS"), new);
    assert_eq!(pods(&flight), (10, 10), "the old side stands for a minute");
    flight.fly(50);
    assert_eq!(pods(&flight), (10, 10));
    flight.fly(20);
    assert_eq!(pods(&flight), (10, 0));
    assert_eq!(flight.phase(), "Healthy");
    assert!(flight.told("SwitchService").iter().any(|told| told
        == &format!("Switched selector for service '{SERVICE}' from '{old}' to '{new}'")));
}

#[test]
fn blue_green_switches_by_itself_after_its_seconds() {
    let mut flight = two_sides(Scenario::Good, &json!({"autoPromotionSeconds": 30}));
    let old = flight.service(SERVICE);
    flight.set_image(&ROLLOUTS, SPACE, 42);
    flight.until("paused", |flight| flight.message() == "BlueGreenPause");
    let since = flight
        .rollout()
        .time("/status/pauseConditions/0/startTime")
        .unwrap();
    flight.fly(25);
    assert_eq!(flight.service(SERVICE), old);
    flight.until("switched", |flight| flight.service(SERVICE) != old);
    let waited = flight.now.duration_since(since).as_secs();
    assert!((30..35).contains(&waited), "{waited}");
    flight.until("done", |flight| flight.phase() == "Healthy");
}

#[test]
fn blue_green_without_a_pause_switches_once_the_new_side_stands() {
    let mut flight = two_sides(Scenario::Good, &json!({}));
    let old = flight.service(SERVICE);
    flight.set_image(&ROLLOUTS, SPACE, 42);
    for _ in 0..60 {
        flight.fly(1);
        let ready = flight
            .pods_of(42)
            .iter()
            .filter(|pod| pod.flag("/status/containerStatuses/0/ready"))
            .count();
        assert!(
            flight.service(SERVICE) == old || ready == 10,
            "switched with {ready} ready"
        );
    }
    assert_eq!(flight.phase(), "Healthy");
    assert_ne!(flight.service(SERVICE), old);
}

#[test]
fn blue_green_is_aborted_and_taken_up_again() {
    let mut flight = two_sides(Scenario::Good, &json!({"autoPromotionEnabled": false}));
    let old = flight.service(SERVICE);
    flight.set_image(&ROLLOUTS, SPACE, 42);
    flight.until("paused", |flight| flight.message() == "BlueGreenPause");
    flight.steer(&json!({"abort": true}));
    flight.until("aborted", |flight| flight.phase() == "Degraded");
    assert_eq!(
        (flight.service(SERVICE), pods(&flight)),
        (old.clone(), (10, 10))
    );
    flight.fly(40);
    assert_eq!(
        pods(&flight),
        (0, 10),
        "the preview goes after half a minute"
    );
    flight.steer(&json!({"abort": false}));
    flight.until("paused again", |flight| {
        flight.message() == "BlueGreenPause"
    });
    assert_eq!(pods(&flight), (10, 10));
    // Back to what was there: the old side still stands, so there is nothing to wait for.
    flight.promote();
    flight.until("promoted", |flight| {
        flight.phase() == "Healthy" && flight.service(SERVICE) != old
    });
    // The controller's next look gives the old side its deadline.
    flight.fly(2);
    flight.set_image(&ROLLOUTS, SPACE, 41);
    let took = flight.until("back", |flight| flight.service(SERVICE) == old);
    assert!(took < 10, "{took}");
    flight.until("settled", |flight| flight.phase() == "Healthy");
}

#[test]
fn a_preview_of_its_own_size_grows_once_it_was_looked_at() {
    let small = json!({"autoPromotionEnabled": false, "previewReplicaCount": 3});
    let mut flight = two_sides(Scenario::Good, &small);
    let old = flight.service(SERVICE);
    flight.set_image(&ROLLOUTS, SPACE, 42);
    flight.until("paused", |flight| flight.message() == "BlueGreenPause");
    flight.fly(60);
    assert_eq!(pods(&flight), (3, 10));
    assert!(
        !flight
            .rollout()
            .flag("/status/blueGreen/scaleUpPreviewCheckPoint")
    );

    flight.promote();
    flight.until("looked at", |flight| {
        flight
            .rollout()
            .flag("/status/blueGreen/scaleUpPreviewCheckPoint")
    });
    assert_eq!(flight.service(SERVICE), old, "not before all of it stands");
    flight.until("switched", |flight| flight.service(SERVICE) != old);
    let ready = flight.pods_of(42);
    let ready = ready
        .iter()
        .filter(|pod| pod.flag("/status/containerStatuses/0/ready"));
    assert_eq!(ready.count(), 10);
    flight.until("done", |flight| flight.phase() == "Healthy");
    assert!(
        !flight
            .rollout()
            .flag("/status/blueGreen/scaleUpPreviewCheckPoint")
    );

    // A full promotion asks for no look.
    flight.set_image(&ROLLOUTS, SPACE, 43);
    flight.until("paused", |flight| flight.message() == "BlueGreenPause");
    assert_eq!(flight.pods_of(43).len(), 3);
    flight.steer(&json!({"promoteFull": true, "pauseConditions": null}));
    flight.until("done", |flight| {
        flight.phase() == "Healthy" && flight.pods_of(43).len() == 10
    });
}

#[test]
fn only_so_many_old_sides_wait_for_their_time() {
    let limited = json!({"scaleDownDelaySeconds": 3600, "scaleDownDelayRevisionLimit": 1});
    let mut flight = two_sides(Scenario::Good, &limited);
    for number in [42, 43] {
        flight.set_image(&ROLLOUTS, SPACE, number);
        flight.until("taken up", |flight| !flight.pods_of(number).is_empty());
        flight.until("done", |flight| flight.phase() == "Healthy");
    }
    flight.fly(60);
    let counts = [41, 42, 43].map(|number| flight.pods_of(number).len());
    assert_eq!(counts, [0, 10, 10], "the newest of the old ones stays");
}

#[test]
fn blue_green_is_measured_before_and_after_the_switch() {
    let mut flight = two_sides(Scenario::BadCanary, &json!({}));
    let mut before = thrice("len(result) > 0 && result[0] < 0.01");
    before.set("/initialDelay", "30s");
    flight.template("before", before);
    flight.template("after", thrice("result[0] < 0.01"));
    let both = json!({"prePromotionAnalysis": analysis("before"), "postPromotionAnalysis": analysis("after")});
    flight.change(
        &ROLLOUTS,
        json!({"spec": {"strategy": {"blueGreen": both}}}),
    );
    flight.fly(5);
    let old = flight.service(SERVICE);
    flight.set_image(&ROLLOUTS, SPACE, 42);
    flight.until("measured before", |flight| {
        flight
            .rollout()
            .text("/status/blueGreen/prePromotionAnalysisRunStatus/status")
            == "Successful"
    });
    flight.until("switched", |flight| flight.service(SERVICE) != old);
    assert_eq!(flight.message(), "waiting for analysis to complete");
    // Once it serves everybody it shows what it is, and the service goes back.
    flight.until("aborted", |flight| flight.phase() == "Degraded");
    flight.until("back", |flight| flight.service(SERVICE) == old);
    let kinds: Vec<String> = flight
        .runs()
        .iter()
        .map(|run| run.label("rollout-type").unwrap().to_owned())
        .collect();
    assert!(
        kinds.contains(&"PrePromotion".to_owned()) && kinds.contains(&"PostPromotion".to_owned())
    );
    assert_eq!(flight.pods_of(41).len(), 10);
}

#[test]
fn blue_green_needs_two_services_that_are_there() {
    for (strategy, why) in [
        (
            json!({"activeService": SERVICE, "previewService": SERVICE}),
            "uses the same service",
        ),
        (
            json!({"activeService": "nowhere"}),
            "service \"nowhere\" not found",
        ),
    ] {
        let mut flight = Flight::new(Scenario::Good);
        flight.change(
            &ROLLOUTS,
            json!({"spec": {"strategy": {"canary": null, "blueGreen": strategy}}}),
        );
        flight.fly(5);
        assert_eq!(flight.phase(), "Degraded");
        assert!(flight.message().contains(why), "{}", flight.message());
        assert_eq!(flight.pods_of(41).len(), 10, "what runs goes on running");
    }
}

/// A Deployment and a Rollout that borrows its template.
fn borrowing(scale_down: &str) -> Flight {
    let mut flight = Flight::new(Scenario::Good);
    let image = flight
        .rollout()
        .text("/spec/template/spec/containers/0/image")
        .to_owned();
    let labels = json!({"app": "borrowed"});
    let template = json!({"metadata": {"labels": labels}, "spec": {"containers": [{"name": "app", "image": image}]}});
    flight.create(
        &DEPLOYMENTS,
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "lender"},
            "spec": {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}}),
    );
    flight.fly(20);
    flight.create(
        &ROLLOUTS,
        json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "borrower"},
            "spec": {"replicas": 2, "workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "lender",
                "scaleDown": scale_down}, "strategy": {"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}}}}),
    );
    flight.fly(30);
    flight
}

fn named(flight: &Flight, kind: &'static Kind, name: &str) -> Value {
    flight.world.find(&Id::new(kind, SPACE, name)).unwrap()
}

#[test]
fn a_borrowed_template_is_flown_and_not_kept() {
    let mut flight = borrowing("never");
    let rollout = named(&flight, &ROLLOUTS, "borrower");
    assert_eq!(
        rollout.text("/status/phase"),
        "Healthy",
        "{:#}",
        rollout["status"]
    );
    assert!(
        !rollout.has("/spec/template") && !rollout.has("/spec/selector"),
        "{:#}",
        rollout["spec"]
    );
    let generation = |flight: &Flight| {
        let rollout = named(flight, &ROLLOUTS, "borrower");
        (
            rollout
                .annotation("rollout.argoproj.io/workload-generation")
                .unwrap()
                .to_owned(),
            rollout
                .text("/status/workloadObservedGeneration")
                .to_owned(),
        )
    };
    assert_eq!(generation(&flight), ("1".to_owned(), "1".to_owned()));
    assert_eq!(
        named(&flight, &DEPLOYMENTS, "lender").count("/spec/replicas"),
        2
    );
    let sets = flight.world.controlled(&REPLICA_SETS, SPACE, rollout.uid());
    assert_eq!(sets.len(), 1);

    // Changed where it lives, it is flown from there.
    let mut lender = named(&flight, &DEPLOYMENTS, "lender");
    lender.set("/spec/template/metadata/annotations/why", "new");
    flight.world.put(lender);
    flight.fly(30);
    let rollout = named(&flight, &ROLLOUTS, "borrower");
    assert_eq!(rollout.text("/status/message"), "CanaryPauseStep");
    assert_eq!(generation(&flight), ("2".to_owned(), "2".to_owned()));
}

#[test]
fn the_lender_goes_when_the_borrower_is_healthy() {
    for way in ["onsuccess", "progressively"] {
        let flight = borrowing(way);
        assert_eq!(
            named(&flight, &ROLLOUTS, "borrower").text("/status/phase"),
            "Healthy"
        );
        assert_eq!(
            named(&flight, &DEPLOYMENTS, "lender").count("/spec/replicas"),
            0,
            "{way}"
        );
    }
}

#[test]
fn what_cannot_be_borrowed_is_said() {
    let template = json!({"metadata": {"labels": {"app": "x"}}, "spec": {"containers": [{"name": "app", "image": "x"}]}});
    for (reference, template, why) in [
        (
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"}),
            None,
            "deployments.apps \"none\" not found",
        ),
        (
            json!({"apiVersion": "batch/v1", "kind": "Job", "name": "none"}),
            None,
            "workload of type batch/Job is not supported",
        ),
        (
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "none"}),
            Some(template),
            "template must be empty for workload reference rollout",
        ),
    ] {
        let mut flight = Flight::new(Scenario::Good);
        let mut rollout = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "borrower"},
            "spec": {"workloadRef": reference, "strategy": {"canary": {}}}});
        if let Some(template) = template {
            rollout.set("/spec/template", template);
        }
        flight.create(&ROLLOUTS, rollout);
        flight.fly(5);
        let rollout = named(&flight, &ROLLOUTS, "borrower");
        assert_eq!(rollout.text("/status/phase"), "Degraded");
        assert!(
            rollout.text("/status/message").contains(why),
            "{}",
            rollout.text("/status/message")
        );
    }
}

#[test]
fn a_slow_start_comes_near_its_deadline_and_arrives() {
    let mut flight = Flight::new(Scenario::SlowStart);
    flight.set_image(&ROLLOUTS, SPACE, 42);
    flight.fly(300);
    flight.check("Progressing", 0, 1, 11);
    let pod = flight.pods_of(42).remove(0);
    let id = Id::of(&pod).unwrap();
    assert_eq!(
        flight.world.ask_pod(&id, 8080, "/health").unwrap().status,
        503
    );
    let unhealthy: Vec<Value> = flight
        .world
        .store
        .list(&EVENTS, SPACE)
        .filter(|event| event.text("/reason") == "Unhealthy")
        .map(|event| Value::clone(event))
        .collect();
    assert_eq!(unhealthy.len(), 1, "one event that is counted");
    assert!(unhealthy[0].count("/count") > 100);
    let mut nearest = 0;
    for _ in 0..400 {
        flight.fly(1);
        let rollout = flight.rollout();
        assert_ne!(
            rollout.text("/status/phase"),
            "Degraded",
            "it stays within the deadline"
        );
        let progressing = condition(&rollout, "Progressing").unwrap();
        if rollout.text("/status/phase") == "Progressing" {
            let waited = flight
                .now
                .duration_since(progressing.time("/lastUpdateTime").unwrap());
            nearest = nearest.max(waited.as_secs());
        }
    }
    assert!((360..600).contains(&nearest), "{nearest}");
    flight.check("Paused", 1, 1, 10);
}

#[test]
fn events_say_who_what_and_where() {
    let mut flight = Flight::new(Scenario::Good);
    // A release that has run on no machine here.
    flight.set_image(&ROLLOUTS, SPACE, 40);
    flight.fly(30);
    flight.promote();
    flight.fly(10);
    let hash = flight.rollout().text("/status/currentPodHash").to_owned();
    for (reason, message) in [
        ("RolloutUpdated", "Rollout updated to revision 4".to_owned()),
        (
            "RolloutNotCompleted",
            format!("Rollout not completed, started update to revision 4 ({hash})"),
        ),
        (
            "NewReplicaSetCreated",
            format!("Created ReplicaSet {SERVICE}-{hash} (revision 4)"),
        ),
        (
            "ScalingReplicaSet",
            format!("Scaled up ReplicaSet {SERVICE}-{hash} (revision 4) from 0 to 1"),
        ),
        (
            "RolloutStepCompleted",
            "Rollout step 1/6 completed (setWeight: 10)".to_owned(),
        ),
        (
            "RolloutPaused",
            "Rollout is paused (CanaryPauseStep)".to_owned(),
        ),
    ] {
        assert!(
            flight.told(reason).contains(&message),
            "{reason}: {:?}",
            flight.told(reason)
        );
    }
    let of = |reason: &str, begins: &str| {
        let mut events = flight.world.store.list(&EVENTS, SPACE);
        let found = events.find(|event| {
            event.text("/reason") == reason && event.text("/message").starts_with(begins)
        });
        Value::clone(found.unwrap_or_else(|| panic!("no {reason}: {begins}")))
    };
    let pulled = of("Pulled", "Successfully pulled image");
    assert_eq!(
        pulled.text("/involvedObject/fieldPath"),
        "spec.containers{app}"
    );
    assert!(pulled.text("/source/host").starts_with("practice-"));
    let scheduled = of("Scheduled", "");
    assert!(scheduled["firstTimestamp"].is_null() && scheduled.text("/eventTime").ends_with('Z'));
    assert_eq!(scheduled.text("/reportingComponent"), "default-scheduler");
    assert_eq!(
        of("RolloutUpdated", "").text("/source/component"),
        "rollouts-controller"
    );
}
