//! Rollback readiness before anything is touched (SPEC 8.5): what would be put back is kept by the platform, not pushed
//! out by this flight, and in protected environments still in its registry. What nobody asked is no pass.

use gonogo::{
    domain::fault::{Fault, FaultKind},
    policy::{
        gate::{GateResult, Verdict},
        gates::{self, order},
    },
    session::{
        effect::Effect,
        event::{Event, Stamped},
        update::update,
    },
};
use jiff::SignedDuration;

use crate::{
    fixture::{self, Story, target},
    flight::{SPEED, at},
    support::Served,
};

fn gate(story: &Story) -> GateResult {
    let facts = story.cockpit.facts().unwrap();
    let judgement = gates::take_off(&facts, &facts.current().unwrap().plan);
    let mut gates = judgement.gates.into_iter();
    gates.find(|gate| gate.id == "way.back").unwrap()
}

#[track_caller]
fn says(story: &Story, verdict: Verdict, words: &str) {
    let gate = gate(story);
    assert_eq!(gate.verdict, verdict, "{}", gate.sentence);
    assert!(gate.sentence.contains(words), "{}", gate.sentence);
}

fn image(story: &Story) -> String {
    order::image_to_ask(&story.cockpit.facts().unwrap()).unwrap()
}

#[test]
fn each_reason_against_the_way_back_has_its_sentence() {
    let mut story = fixture::ready();
    says(
        &story,
        Verdict::Pass,
        "rollback to 41 v1.2.3 is ready: its replica set is kept, 1 of 10 revisions back, its image in the registry",
    );
    let (now, asked) = (story.cockpit.now, image(&story));
    let came_back = |story: &mut Story, kind: FaultKind, detail: &str| {
        let fault = Fault::new("registry", kind, "looking for it", detail);
        story.cockpit.known.image(&asked, Some(fault), now);
    };
    came_back(&mut story, FaultKind::NotFound, "manifest unknown");
    says(&story, Verdict::Fail, "is gone from the registry");
    came_back(&mut story, FaultKind::TimedOut, "no answer within 5000 ms");
    says(&story, Verdict::Unknown, "no answer within 5000 ms");
    let long_ago = now - SignedDuration::from_mins(16);
    story.cockpit.known.image(&asked, None, long_ago);
    says(&story, Verdict::Unknown, "16 min ago");
    story.cockpit.known.images.clear();
    says(&story, Verdict::Unknown, "the registry was not asked for");

    // The platform itself would drop it.
    let mut story = fixture::ready();
    let here = target("production", "auth-service");
    let known = story.cockpit.known.targets.get_mut(&here).unwrap();
    let observed = &mut known.workload.last.as_mut().unwrap().value;
    observed.workload.history_limit = Some(0);
    says(
        &story,
        Verdict::Fail,
        "it would be 1 revisions back, and the platform keeps 0 (revisionHistoryLimit)",
    );
}

/// Asked once for what is requested, before somebody presses F; in open environments nobody asks.
#[test]
fn the_registry_is_asked_once_and_in_time() {
    let mut story = fixture::ready();
    story.cockpit.known.images.clear();
    let wanted = image(&story);
    let tick = |story: &mut Story| -> Vec<String> {
        let at = story.cockpit.now;
        let event = Event::Tick;
        let effects = update(&mut story.cockpit, &Stamped { at, event });
        let asked = effects.into_iter().filter_map(|effect| match effect {
            Effect::LookFor { image, .. } => Some(image),
            _ => None,
        });
        asked.collect()
    };
    assert_eq!(tick(&mut story), std::slice::from_ref(&wanted));
    assert!(tick(&mut story).is_empty(), "one question at a time");
    let at = story.cockpit.now;
    let event = Event::Image {
        image: wanted,
        missing: None,
    };
    update(&mut story.cockpit, &Stamped { at, event });
    says(&story, Verdict::Pass, "its image in the registry");
    assert!(tick(&mut story).is_empty(), "it was answered");
    let staging = story
        .cockpit
        .known
        .facts(&target("staging", "auth-service"), at)
        .unwrap();
    assert_eq!(order::image_to_ask(&staging), None);
}

#[test]
fn a_plan_has_asked_the_registry() {
    let served = Served::start("good", SPEED);
    let planned = served.verb(&at("plan", &["42"])).json();
    let gates = planned["gates"].as_array().unwrap();
    let gate = gates.iter().find(|gate| gate["id"] == "way.back").unwrap();
    assert_eq!(gate["verdict"], "pass", "{gate:#}");
    let sentence = gate["sentence"].as_str().unwrap();
    assert!(
        sentence.ends_with("revisions back, its image in the registry"),
        "{sentence}"
    );
}
