//! The ways out and what may not slip past them: old readings, open requests, locks, limits that nobody measures.
#![allow(clippy::unwrap_used, clippy::panic)]

use gonogo::{
    domain::{
        entry::Body,
        target::TargetId,
        workspace::{Actor, IdentityMeans},
    },
    policy::{
        decide::{Command, Decision, decide},
        gate::Verdict,
        gates,
        refusal::Refusal,
    },
};
use jiff::SignedDuration;

use crate::fixture::{self, Scene, Story, actor, target};

fn here() -> TargetId {
    target("production", "auth-service")
}

fn decided(story: &Story, who: &Actor, command: &Command) -> Result<Decision, Refusal> {
    let facts = story.cockpit.known.facts(&here(), story.cockpit.now);
    decide(command, &facts.unwrap(), who)
}

fn rule(decided: Result<Decision, Refusal>) -> String {
    decided.map_or_else(|refusal| refusal.rule, |_| "allowed".to_owned())
}

fn back() -> Command {
    Command::RollBack {
        to: None,
        staged: false,
        reason: "errors".to_owned(),
    }
}

/// A screen whose feed hangs still shows what served before the flight. That ends nothing.
#[test]
fn a_rollback_on_a_reading_from_before_the_flight_ends_nothing() {
    let mut story = fixture::baking();
    // As it was before take-off, read then and never since.
    story.see(&here(), &Scene::calm(), 41, "14:05:00");
    let said = decided(&story, &actor("dana"), &back());
    assert_eq!(said.unwrap_err().rule, "rollback.unread");
    // Read now, it is what somebody brought back outside.
    let now = story.cockpit.now.strftime("%H:%M:%S").to_string();
    story.see(&here(), &Scene::calm(), 41, &now);
    let known = story.cockpit.known.targets.get_mut(&here()).unwrap();
    known.workload.last.as_mut().unwrap().at = story.cockpit.now;
    let Decision::Record(bodies) = decided(&story, &actor("dana"), &back()).unwrap() else {
        panic!("nothing is left to do");
    };
    assert!(matches!(bodies.last(), Some(Body::Ended { .. })));
}

/// Who may only stop is not kept from going back by somebody's open request.
#[test]
fn who_may_stop_may_take_a_request_off_the_way() {
    let story = fixture::requested();
    let mut people = story.cockpit.known.workspace.people.iter();
    let stops = people.find(|person| {
        let environment = &here().environment;
        person.has_role(environment, "stop") && !person.has_role(environment, "operate")
    });
    let cancel = Command::Cancel {
        reason: Some("in the way".to_owned()),
    };
    let stops = actor(&stops.unwrap().name);
    assert_eq!(rule(decided(&story, &stops, &cancel)), "allowed");
}

/// Limits stand in the plan: a configuration that measures nothing does not make them go away.
#[test]
fn limits_that_are_not_measured_here_hold() {
    let mut story = fixture::baking();
    let targets = &mut story.cockpit.known.workspace.targets;
    let target = targets.iter_mut().find(|target| target.id == here());
    target.unwrap().metrics = None;
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    let plan = &facts.current().unwrap().plan;
    let limits = plan.plan.limits.len();
    let judged = gates::promotion(&facts, plan);
    let unknown = judged.gates.iter().filter(|gate| {
        gate.verdict == Verdict::Unknown && gate.sentence.contains("is not measured here")
    });
    assert!(limits > 0);
    assert_eq!(unknown.count(), limits);
}

/// A retry sends the canary out again, so whatever stops a promotion stops it too.
#[test]
fn a_lock_stops_a_retry_and_never_a_rollback() {
    let mut story = fixture::aborted();
    assert_eq!(
        rule(decided(&story, &actor("dana"), &Command::Retry)),
        "allowed"
    );
    let now = story.cockpit.now;
    story.enter_place(
        "production",
        now,
        &actor("kim"),
        Body::Locked {
            reason: "incident 12".to_owned(),
            until: None,
        },
    );
    assert_eq!(
        rule(decided(&story, &actor("dana"), &Command::Retry)),
        "lock"
    );
    assert_eq!(rule(decided(&story, &actor("dana"), &back())), "allowed");
}

/// A name that proves nothing seconds no waiver where it is protected.
#[test]
fn an_unverified_name_seconds_no_waiver() {
    let mut story = fixture::ready();
    story.cockpit.known.workspace.trust_names = false;
    let claimed = Actor {
        means: IdentityMeans::Claimed,
        ..actor("kim")
    };
    let waive = Command::Waive {
        item: gonogo::domain::plan::ItemId("policy.tag".to_owned()),
        reason: "known".to_owned(),
    };
    assert_eq!(rule(decided(&story, &claimed, &waive)), "waiver.verified");
}

/// What is stored under a digest is that plan, and delivers the release beside it; else nothing flies on it.
#[test]
fn a_plan_that_is_not_what_its_digest_says_is_no_go() {
    let judged = |story: &Story| {
        let facts = story
            .cockpit
            .known
            .facts(&here(), story.cockpit.now)
            .unwrap();
        let plan = &facts.current().unwrap().plan;
        let judged = gates::take_off(&facts, plan);
        let gate = judged.gates.iter().find(|gate| gate.id == "plan.current");
        gate.unwrap().verdict
    };
    let mut story = fixture::ready();
    assert_eq!(judged(&story), Verdict::Pass);
    let known = story.cockpit.known.targets.get_mut(&here()).unwrap();
    let plan = &mut known.state.current.as_mut().unwrap().plan;
    let honest = plan.clone();
    plan.release.image = Some("registry.acme.example/other@sha256:00".to_owned());
    assert_eq!(judged(&story), Verdict::Fail);
    let known = story.cockpit.known.targets.get_mut(&here()).unwrap();
    let plan = &mut known.state.current.as_mut().unwrap().plan;
    *plan = honest;
    plan.plan.items.clear();
    plan.plan.monitoring = SignedDuration::ZERO;
    assert_eq!(judged(&story), Verdict::Fail);
}
