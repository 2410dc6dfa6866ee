//! The scenarios that are about time and about other people, flown by verbs against the served practice cluster.

use serde_json::{Value, json};

use crate::{
    flight::{PLACE, SPEED, at, promote, ready, sentence, status, take_off},
    support::{Served, gonogo, until},
};

const EVENTS: &str = "/api/v1/namespaces/production/events";

fn writes(served: &Served) -> Vec<Value> {
    let writes = served.api("GET", "/rehearsal/requests", &Value::Null);
    writes.as_array().unwrap().clone()
}

#[test]
fn every_scenario_is_offered_where_one_is_asked_for() {
    let help = gonogo(&["rehearse", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let completions = gonogo(&["--", "gonogo", "rehearse", "--scenario", ""])
        .env("GONOGO_COMPLETE", "fish")
        .output()
        .unwrap();
    let completions = String::from_utf8(completions.stdout).unwrap();
    for scenario in gonogo::simulator::Scenario::ALL {
        let name = scenario.name();
        assert!(help.contains(name), "{name} is not in the help");
        assert!(completions.contains(name), "{name} is not completed");
    }
    let wrong = gonogo(&["rehearse", "--scenario", "slow-stat"])
        .output()
        .unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    let said = String::from_utf8(wrong.stderr).unwrap();
    assert!(said.contains("slow-start"), "{said}");
}

#[test]
fn a_slow_start_is_waited_for_and_said() {
    let served = Served::start("slow-start", SPEED);
    ready(&served);
    let deploy = at("deploy", &["42", "--yes", "--confirm", "42", "--sample"]);
    until("the figures to allow it", || {
        let ran = served.verb(&deploy);
        (ran.code != Some(3)).then(|| ran.exits(0))
    });
    // The canary runs, and its probe says that it is not ready.
    let event = until("the kubelet to say so", || {
        let events = served.api("GET", EVENTS, &Value::Null);
        let events = events["items"].as_array().unwrap().clone();
        events
            .into_iter()
            .find(|event| event["reason"] == "Unhealthy" && event["count"].as_u64() > Some(1))
    });
    assert_eq!(event["type"], "Warning");
    let pod = event["involvedObject"]["name"].as_str().unwrap().to_owned();
    let waiting = status(&served);
    assert_eq!(waiting["workload"]["phase"], "progressing", "{waiting:#}");
    assert_eq!(waiting["workload"]["step"], 0);
    let mover = &waiting["deployment"]["waiting"];
    assert_eq!(mover["mover"], "controller", "{mover}");

    // Within its deadline it arrives, and the flight goes on.
    let rests = served.until_status(PLACE[0], PLACE[1], "resting at its first step", |target| {
        target["workload"]["step"] == 1 && target["workload"]["phase"] == "paused"
    });
    assert_eq!(rests["workload"]["aborted"], false);
    let path = format!("/api/v1/namespaces/production/pods/{pod}");
    let pod = served.api("GET", &path, &Value::Null);
    assert_eq!(pod["status"]["containerStatuses"][0]["ready"], true);
    let half = promote(&served, "1");
    assert_eq!(half["deployment"]["stage"], 50);
}

#[test]
fn a_second_operator_is_seen_and_stale_keys_are_refused() {
    let served = Served::start("conflict", SPEED);
    ready(&served);
    let target = take_off(&served);
    assert_eq!(target["workload"]["step"], 1);
    let stable = target["live"]["release"]["number"].clone();

    // They promote the first step while we look at it.
    let theirs = until("the second operator to promote", || {
        let writes = writes(&served);
        writes.into_iter().find(|write| {
            write["user_agent"]
                .as_str()
                .unwrap()
                .starts_with("kubectl-argo-rollouts")
        })
    });
    assert_eq!(theirs["body"], json!({"status": {"pauseConditions": null}}));
    served.until_status(PLACE[0], PLACE[1], "past the first step", |target| {
        target["workload"]["step"].as_u64() > Some(1)
    });
    let before = writes(&served).len();
    let stale = served
        .verb(&at("promote", &["--step", "1", "--yes"]))
        .exits(5);
    assert!(stale.sentence().contains("outside"), "{}", stale.sentence());
    assert_eq!(writes(&served).len(), before, "nothing was sent");

    // At half they abort; the flight says so, and what it was about to do is refused.
    let aborted = served.until_status(PLACE[0], PLACE[1], "aborted", |target| {
        target["workload"]["aborted"] == true
    });
    assert_eq!(aborted["live"]["release"]["number"], stable);
    let waiting = sentence(&aborted["deployment"]["waiting"]);
    assert!(
        waiting.contains("aborted, but not by this ledger"),
        "{aborted:#}"
    );
    let before = writes(&served).len();
    let late = served
        .verb(&at("promote", &["--step", "3", "--yes"]))
        .exits(5);
    assert!(late.sentence().contains("aborted"), "{}", late.sentence());
    assert_eq!(writes(&served).len(), before, "nothing was sent");
    assert_eq!(
        served.verb(&["audit", "verify"]).exits(0).json()["whole"],
        true
    );
}

#[test]
fn a_blue_green_rollout_is_read_as_it_is() {
    let served = Served::start("good", 20);
    let base = "/apis/argoproj.io/v1alpha1/namespaces/production/rollouts/web-front";
    let preview = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web-preview"},
        "spec": {"selector": {"app": "web-front"}, "ports": [{"port": 80}]}});
    served.api("POST", "/api/v1/namespaces/production/services", &preview);
    let sides = json!({"activeService": "web-front", "previewService": "web-preview", "autoPromotionEnabled": false});
    served.api(
        "PATCH",
        base,
        &json!({"spec": {"strategy": {"canary": null, "blueGreen": sides}}}),
    );
    let settled = served.until_status(
        "production",
        "web-front",
        "settled as blue-green",
        |target| {
            target["workload"]["phase"] == "healthy"
                && target["workload"]["sides"]["active"].is_string()
        },
    );
    let old = settled["workload"]["sides"]["active"].clone();
    assert_eq!(settled["workload"]["sides"]["preview"], old);
    assert_eq!(
        (
            &settled["workload"]["steps"],
            &settled["workload"]["weight"]
        ),
        (&json!(0), &Value::Null)
    );

    let dev = served.api(
        "GET",
        "/apis/apps/v1/namespaces/dev/deployments/web-front",
        &Value::Null,
    );
    let mut template = served.api("GET", base, &Value::Null)["spec"]["template"].clone();
    template["spec"]["containers"][0]["image"] =
        dev["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    served.api("PATCH", base, &json!({"spec": {"template": template}}));
    let paused = served.until_status(
        "production",
        "web-front",
        "waiting before the switch",
        |target| target["workload"]["message"] == "BlueGreenPause",
    );
    let workload = &paused["workload"];
    assert_eq!(
        (&workload["phase"], &workload["step"]),
        (&json!("paused"), &Value::Null)
    );
    assert_eq!(workload["sides"]["active"], old);
    assert_ne!(workload["sides"]["preview"], old);
    assert_eq!(
        paused["running"], settled["running"],
        "what serves is what served"
    );

    served.api(
        "PATCH",
        &format!("{base}/status"),
        &json!({"status": {"pauseConditions": null}}),
    );
    let switched = served.until_status("production", "web-front", "switched", |target| {
        target["workload"]["phase"] == "healthy"
    });
    assert_ne!(switched["workload"]["sides"]["active"], old);
    served.plain(&["status"]).exits(0);
}
