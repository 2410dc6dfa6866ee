//! Readiness before anything is touched (SPEC E8): rights, what the pods name, room, disk. What nobody could tell lets
//! nothing through where it counts.

use gonogo::{
    domain::{
        entry::Body,
        fault::{Fault, FaultKind},
        observation::{Observation, Seen},
        readiness::{OnPlatform, Readiness, ReferenceKind},
        reading::Subject,
        target::TargetId,
        text::Clean,
    },
    policy::{
        gate::{GateResult, Verdict},
        gates,
    },
    session::{
        effect::Effect,
        event::{Event, Stamped},
        update::update,
        view::Screen,
    },
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::{
    fixture::{self, Story, target},
    support::{Served, has_kubectl},
};

fn here() -> TargetId {
    target("production", "auth-service")
}

fn gate(story: &Story, id: &str) -> GateResult {
    let facts = story.cockpit.known.facts(&here(), story.cockpit.now);
    let facts = facts.unwrap();
    let judgement = gates::take_off(&facts, &facts.current().unwrap().plan);
    let mut gates = judgement.gates.into_iter();
    gates.find(|gate| gate.id == id).unwrap()
}

fn found(story: &mut Story, target: &TargetId, readiness: Readiness, at: Timestamp) {
    let seen = Seen::Readiness(Box::new(readiness));
    let observation = Observation {
        target: target.clone(),
        seen,
    };
    story.cockpit.known.observe(&observation, at);
}

/// What the gate says once the readiness is changed like this.
#[track_caller]
fn says(change: impl FnOnce(&mut Readiness), id: &str, verdict: Verdict, words: &str) {
    let mut story = fixture::ready();
    let mut readiness = fixture::readiness();
    change(&mut readiness);
    let now = story.cockpit.now;
    found(&mut story, &here(), readiness, now);
    let gate = gate(&story, id);
    assert_eq!(gate.verdict, verdict, "{}", gate.sentence);
    assert!(gate.sentence.contains(words), "{}", gate.sentence);
    assert!(!gate.advisory && gate.waivable);
}

fn forbidden() -> Fault {
    let doing = "asking whether patch rollouts in production is allowed (practice)";
    Fault::new("kubernetes", FaultKind::Forbidden, doing, "403: no")
}

#[test]
fn a_missing_right_is_named_with_the_question_that_shows_it() {
    let all = "all 3 rights that flying and watching rollout/auth-service in shop takes are given";
    says(|_| {}, "ready.rights", Verdict::Pass, all);
    says(
        |found| {
            let rights = found.platform.rights.as_mut().unwrap();
            rights[2].allowed = false;
            rights[2].reason = Clean::new("RBAC: role \u{202e}x not bound");
        },
        "ready.rights",
        Verdict::Fail,
        "1 of 3 rights for rollout/auth-service in shop are missing: patch rollouts/status (RBAC: role ",
    );
    says(
        |found| found.platform.rights.as_mut().unwrap()[2].allowed = false,
        "ready.rights",
        Verdict::Fail,
        "kubectl auth can-i patch rollouts --subresource=status -n shop",
    );
    let unknown = |found: &mut Readiness| found.platform.rights = Err(forbidden());
    says(unknown, "ready.rights", Verdict::Unknown, "403: no");
}

/// The pods name a config map too.
fn another(found: &mut Readiness, there: Result<bool, Fault>, optional: bool) {
    let references = found.platform.references.as_mut().unwrap();
    let mut other = references[0].clone();
    (other.kind, other.name) = (ReferenceKind::ConfigMap, Clean::new("limits"));
    (other.there, other.optional) = (there, optional);
    references.push(other);
}

fn capacity(found: &mut Readiness) -> &mut gonogo::domain::readiness::Capacity {
    found.platform.capacity.as_mut().unwrap()
}

#[test]
fn what_the_pods_name_is_there_or_missing_by_name() {
    let pass = "there, by name: secret/auth-service";
    says(|_| {}, "ready.secrets", Verdict::Pass, pass);
    says(
        |found| another(found, Ok(false), false),
        "ready.secrets",
        Verdict::Fail,
        "the pods name what is not in shop: configmap/limits",
    );
    says(
        |found| another(found, Ok(false), true),
        "ready.secrets",
        Verdict::Pass,
        "secret/auth-service; 1 optional not",
    );
    says(
        |found| another(found, Err(forbidden()), false),
        "ready.secrets",
        Verdict::Unknown,
        "whether configmap/limits is there: ",
    );
    says(
        |found| found.platform.references = Ok(Vec::new()),
        "ready.secrets",
        Verdict::Pass,
        "the pods name no secret and no config map",
    );
}

#[test]
fn room_and_disk_are_figures_against_what_is_wanted() {
    let room = "room for 214 more pods (0.1 CPU and 256 MiB each) on 3 of 3 nodes; the flight adds 3 more pods at a time";
    says(|_| {}, "ready.capacity", Verdict::Pass, room);
    says(
        |found| capacity(found).room = 2,
        "ready.capacity",
        Verdict::Fail,
        "room for 2 more pods",
    );
    says(
        |found| (capacity(found).room, capacity(found).waiting) = (4, 2),
        "ready.capacity",
        Verdict::Fail,
        "room for 2 more pods (0.1 CPU and 256 MiB each) on 3 of 3 nodes, 2 pods waiting for a node before them",
    );
    says(
        |found| capacity(found).over_quota = Some(Clean::new("the quota team is used up")),
        "ready.capacity",
        Verdict::Fail,
        "the quota team is used up",
    );
    says(
        |found| capacity(found).surge = 0,
        "ready.capacity",
        Verdict::Pass,
        "the flight adds no pods",
    );
    says(
        |found| found.platform = OnPlatform::unreached(&forbidden()),
        "ready.capacity",
        Verdict::Unknown,
        "capacity: kubernetes: ",
    );
    says(|_| {}, "ready.disk", Verdict::Pass, "42 GiB free");
    says(
        |found| found.disk.as_mut().unwrap().free = (100 << 20) - 1,
        "ready.disk",
        Verdict::Fail,
        "99 MiB free for ledger and evidence in /home/dana/.local/share/gonogo, at least 100 MiB are wanted",
    );
}

#[test]
fn silence_and_age_are_unknown() {
    let mut story = fixture::ready();
    let known = story.cockpit.known.targets.get_mut(&here()).unwrap();
    known.readiness = Subject::default();
    let silent = gate(&story, "ready.disk");
    assert_eq!(silent.verdict, Verdict::Unknown);
    assert_eq!(silent.sentence, "disk: it was not asked yet");
    let long_ago = story.cockpit.now - SignedDuration::from_mins(6);
    found(&mut story, &here(), fixture::readiness(), long_ago);
    let old = gate(&story, "ready.rights");
    assert_eq!(old.verdict, Verdict::Unknown);
    assert_eq!(old.sentence, "rights: it was last asked 6 min ago");
}

/// In an open environment it is said and stops nothing; where nobody asked, nothing is said.
#[test]
fn in_open_environments_readiness_is_advice() {
    let mut story = fixture::ready();
    let dev = target("dev", "auth-service");
    let plan = |story: &Story| {
        let facts = story.cockpit.known.facts(&dev, story.cockpit.now).unwrap();
        let release = facts.releases.last().unwrap();
        let plan = gonogo::policy::planner::store(
            facts.environment,
            facts.target,
            release,
            facts.before(),
        );
        gates::take_off(&facts, &plan)
    };
    let mut readiness = fixture::readiness();
    readiness.platform.rights.as_mut().unwrap()[0].allowed = false;
    let now = story.cockpit.now;
    found(&mut story, &dev, readiness, now);
    let judgement = plan(&story);
    let rights = judgement.gates.iter().find(|it| it.id == "ready.rights");
    let rights = rights.unwrap();
    assert_eq!(rights.verdict, Verdict::Fail);
    assert!(rights.advisory && rights.sentence.ends_with("(stops nothing in dev)"));
    assert!(
        judgement
            .blocking()
            .all(|gate| !gate.id.starts_with("ready."))
    );

    let known = story.cockpit.known.targets.get_mut(&dev).unwrap();
    known.readiness = Subject::default();
    let mut gates = plan(&story).gates.into_iter();
    assert!(!gates.any(|gate| gate.id.starts_with("ready.")));
}

/// Asked where a plan is looked at, one question at a time, and again after a minute.
#[test]
fn the_cockpit_asks_where_it_is_looked_at_and_every_minute() {
    let mut story = fixture::ready();
    let asks = |story: &mut Story, seconds: i64| -> Vec<TargetId> {
        let at = story.cockpit.now + SignedDuration::from_secs(seconds);
        let event = Event::Tick;
        let effects = update(&mut story.cockpit, &Stamped { at, event });
        let ready = effects.into_iter().filter_map(|effect| match effect {
            Effect::Ready(target) => Some(target),
            _ => None,
        });
        ready.collect()
    };
    story.cockpit.view.screen = Screen::Fleet;
    // It was asked at 14:32:00, 7 s ago; what is requested is asked about wherever one looks.
    assert_eq!(asks(&mut story, 40), []);
    assert_eq!(asks(&mut story, 20), [here()]);
    assert_eq!(asks(&mut story, 1), [], "one question at a time");
    let seen = Seen::Readiness(Box::new(fixture::readiness()));
    let target = here();
    let event = Event::Seen(Observation { target, seen });
    let at = story.cockpit.now;
    update(&mut story.cockpit, &Stamped { at, event });
    assert_eq!(asks(&mut story, 58), []);
    assert_eq!(asks(&mut story, 2), [here()]);
    // In the air nobody asks for what the take-off needed.
    let known = story.cockpit.known.targets.get_mut(&here()).unwrap();
    let current = known.state.current.as_mut().unwrap();
    current.state = gonogo::domain::deployment::FlightState::Flying;
    story.cockpit.readying.clear();
    assert_eq!(asks(&mut story, 120), []);
}

fn gates_of(plan: &Value) -> Vec<(String, String, String)> {
    let text = |gate: &Value, key: &str| gate[key].as_str().unwrap_or_default().to_owned();
    let all = plan["gates"].as_array().unwrap().iter();
    let ready = all.filter(|gate| text(gate, "id").starts_with("ready."));
    ready
        .map(|gate| {
            (
                text(gate, "id"),
                text(gate, "verdict"),
                text(gate, "sentence"),
            )
        })
        .collect()
}

fn one<'a>(gates: &'a [(String, String, String)], id: &str) -> (&'a str, &'a str) {
    let found = gates.iter().find(|gate| gate.0 == id);
    let (_, verdict, sentence) = found.unwrap_or_else(|| panic!("{id}: {gates:?}"));
    (verdict, sentence)
}

fn plan(served: &Served) -> Vec<(String, String, String)> {
    let ran = served.verb(&["plan", "production", "auth-service", "42"]);
    gates_of(&ran.json())
}

/// The practice cluster answers all of it; nothing is written, and no value of a secret is asked for.
#[test]
fn a_served_cluster_is_asked_and_nothing_is_written() {
    let served = Served::start("good", 60);
    let gates = plan(&served);
    assert!(gates.iter().all(|gate| gate.1 == "pass"), "{gates:?}");
    let names = "there, by name: secret/auth-service, configmap/auth-service";
    assert_eq!(one(&gates, "ready.secrets"), ("pass", names));
    let room = one(&gates, "ready.capacity").1;
    assert!(
        room.contains("(0.1 CPU and 256 MiB each) on 2 of 2 nodes"),
        "{room}"
    );
    let rights = one(&gates, "ready.rights").1;
    assert!(rights.starts_with("all 10 rights"), "{rights}");
    let writes = served.api("GET", "/rehearsal/requests", &Value::Null);
    assert_eq!(writes, json!([]), "a review changes nothing");

    // A secret that is gone, a node that is cordoned, a quota that is used up: each is seen by the next who looks.
    let core = "/api/v1/namespaces/production";
    served.api(
        "DELETE",
        &format!("{core}/secrets/auth-service"),
        &Value::Null,
    );
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team"},
        "spec": {"hard": {"pods": "20"}}, "status": {"hard": {"pods": "20"}, "used": {"pods": "18"}}});
    served.api("POST", &format!("{core}/resourcequotas"), &quota);
    served.api(
        "PATCH",
        &format!("{core}/resourcequotas/team/status"),
        &json!({"status": quota["status"]}),
    );
    let gates = plan(&served);
    let missing = "the pods name what is not in production: secret/auth-service";
    assert_eq!(one(&gates, "ready.secrets"), ("fail", missing));
    let used = "the quota team has 18 of 20 pods in use, and the flight adds 3 pods at a time";
    assert_eq!(one(&gates, "ready.capacity"), ("fail", used));
    served.api(
        "DELETE",
        &format!("{core}/resourcequotas/team"),
        &Value::Null,
    );
    for node in served.api("GET", "/api/v1/nodes", &Value::Null)["items"]
        .as_array()
        .unwrap()
    {
        let name = node["metadata"]["name"].as_str().unwrap();
        let cordon = json!({"spec": {"unschedulable": true}});
        served.api("PATCH", &format!("/api/v1/nodes/{name}"), &cordon);
    }
    let gates = plan(&served);
    let (verdict, room) = one(&gates, "ready.capacity");
    assert_eq!(verdict, "fail");
    assert!(room.starts_with("room for 0 more pods"), "{room}");
}

/// The review itself is refused, and an old server that has none: unknown, never healthy.
#[test]
fn a_review_that_nobody_answers_is_unknown() {
    let served = Served::start("good", 60);
    for status in [403, 404] {
        served.fault(
            &json!({"match": {"path_contains": "selfsubjectaccessreviews"},
            "action": {"status": status}}),
        );
        let gates = plan(&served);
        let (verdict, sentence) = one(&gates, "ready.rights");
        assert_eq!(verdict, "unknown", "{sentence}");
        assert!(sentence.contains(&status.to_string()), "{sentence}");
        assert_eq!(one(&gates, "ready.secrets").0, "pass");
        served.api("DELETE", "/rehearsal/faults", &Value::Null);
    }
}

/// A token with fewer rights: NO-GO with what is missing, and kubectl says the same.
#[test]
fn a_token_with_fewer_rights_is_no_go() {
    let served = Served::start("good", 60);
    let config = served.path().join("kubeconfig");
    let text = std::fs::read_to_string(&config).unwrap();
    let narrowed = text.replace(
        "current-context: practice",
        "current-context: practice-viewer",
    );
    assert_ne!(narrowed, text);
    std::fs::write(&config, narrowed).unwrap();
    let gates = plan(&served);
    let (verdict, sentence) = one(&gates, "ready.rights");
    assert_eq!(verdict, "fail");
    assert!(
        sentence.starts_with(
            "3 of 10 rights for rollout/auth-service in production are missing: patch rollouts, patch rollouts/status, get pods/proxy (the practice cluster lets practice-viewer look only)"
        ),
        "{sentence}"
    );
    let (verdict, sentence) = one(&gates, "ready.secrets");
    assert_eq!(verdict, "unknown");
    assert!(
        sentence.contains("kubectl auth can-i get secret/auth-service -n production"),
        "{sentence}"
    );
    // In dev it is said, and would stop nothing.
    let dev = served.verb(&["plan", "dev", "auth-service", "43"]).json();
    let mut rights = dev["gates"].as_array().unwrap().iter();
    let rights = rights.find(|gate| gate["id"] == "ready.rights");
    assert_eq!(rights.unwrap()["advisory"], true);

    if !has_kubectl() {
        return;
    }
    let can = |args: &[&str]| {
        let viewer = ["--context", "practice-viewer", "auth", "can-i"];
        served.kubectl(&[&viewer, args].concat())
    };
    let patch = [
        "patch",
        "rollouts.argoproj.io",
        "--subresource=status",
        "-n",
        "production",
    ];
    assert!(can(&patch).exits(1).out.starts_with("no"));
    assert!(
        can(&["list", "pods", "-n", "production"])
            .exits(0)
            .out
            .starts_with("yes")
    );
    let all = can(&["--list", "-n", "production"]).exits(0).out;
    assert!(
        all.contains("rollouts.argoproj.io") && !all.contains("secrets"),
        "{all}"
    );
    let refused = served.kubectl(&[
        "--context",
        "practice-viewer",
        "delete",
        "pod",
        "--all",
        "-n",
        "dev",
    ]);
    assert!(
        refused.err.contains(
            "is forbidden: User \"practice-viewer\" cannot deletecollection resource \"pods\""
        ) || refused.err.contains("cannot delete resource \"pods\""),
        "{}",
        refused.err
    );
}

/// A plan that was stored before there were such gates reads and is judged as ever: the gates are no part of it.
#[test]
fn the_plan_is_what_it_was() {
    let story = fixture::ready();
    let current = gate(&story, "plan.current");
    assert_eq!(current.verdict, Verdict::Pass, "{}", current.sentence);
    let known = &story.cockpit.known.targets[&here()];
    let requested = known
        .entries
        .iter()
        .any(|entry| matches!(entry.body, Body::Requested { .. }));
    assert!(requested);
}
