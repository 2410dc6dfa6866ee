//! What a project asks beside the policy of its environment (SPEC E2): gates say which of the two rules spoke, others do
//! not feel it, and what is recorded counts.

use gonogo::{
    domain::{
        entry::Body,
        environment::{ApprovalRule, Tightening},
        release::TriggerKind,
        target::TargetId,
        workspace::Workspace,
    },
    policy::{
        gate::{GateResult, Verdict},
        gates,
    },
};
use jiff::SignedDuration;

use crate::fixture::{self, Story, actor, project, target};

fn here() -> TargetId {
    target("production", "auth-service")
}

/// Production as the fixture has it, with what auth-service asks beside.
fn tighter(own: Tightening) -> Workspace {
    let mut workspace = fixture::workspace();
    let mut places = workspace.environments.iter_mut();
    let place = places.find(|place| place.name == here().environment);
    let projects = &mut place.unwrap().policy.projects;
    projects.insert(project("auth-service"), own);
    workspace
}

fn gate_of(story: &Story, target: &TargetId, id: &str) -> GateResult {
    let facts = story.cockpit.known.facts(target, story.cockpit.now);
    let plan = story.plan(target, 42);
    let judgement = gates::take_off(&facts.unwrap(), &plan);
    let mut gates = judgement.gates.into_iter();
    gates.find(|gate| gate.id == id).unwrap()
}

#[track_caller]
fn says(own: Tightening, id: &str, verdict: Verdict, words: &str) {
    let story = Story::of(tighter(own));
    let gate = gate_of(&story, &here(), id);
    assert_eq!(gate.verdict, verdict, "{}", gate.sentence);
    assert!(gate.sentence.contains(words), "{}", gate.sentence);
    // Another project of the same environment goes by the environment's rule alone.
    let other = gate_of(&story, &target("production", "checkout"), id);
    assert!(
        !other.sentence.contains("rule of auth-service"),
        "{}",
        other.sentence
    );
}

#[test]
fn each_gate_names_the_rule_that_spoke() {
    says(
        Tightening {
            allowed_triggers: Some(vec![TriggerKind::Manual]),
            ..Tightening::default()
        },
        "policy.trigger",
        Verdict::Fail,
        "the rule of auth-service in production allows triggers manual; release 42 v1.3.0 has ",
    );
    says(
        Tightening {
            allowed_branches: vec!["release/*".to_owned()],
            ..Tightening::default()
        },
        "policy.branch",
        Verdict::Fail,
        "the rule of auth-service in production allows branches release/* (tighter than production, which allows main); release 42 v1.3.0 is on main",
    );
    says(
        Tightening {
            soak: Some(SignedDuration::from_hours(200)),
            ..Tightening::default()
        },
        "order.verified",
        Verdict::Fail,
        "the soak by the rule of auth-service is 200 h",
    );
    says(
        Tightening {
            approvals: vec![ApprovalRule {
                quorum: 1,
                role: "security".to_owned(),
                exclude_requester: true,
                exclude_authors: false,
                expires_after: SignedDuration::from_hours(1),
            }],
            ..Tightening::default()
        },
        "approvals",
        Verdict::Fail,
        "; 1 of the role security is the rule of auth-service",
    );
}

#[test]
fn a_tag_and_a_calendar_of_its_own_have_to_fit_too() {
    let own = Tightening {
        allowed_tags: vec!["v9.*".to_owned()],
        ..Tightening::default()
    };
    let story = Story::of(tighter(own));
    let tag = gate_of(&story, &here(), "policy.tag");
    assert_eq!(tag.verdict, Verdict::Fail);
    let said = "the rule of auth-service in production wants a tag like v9.*, tighter than production; release 42 v1.3.0 has v1.3.0";
    assert_eq!(tag.sentence, said);

    // It is a Thursday afternoon.
    let closed = gonogo::domain::calendar::Calendar {
        no_deploys_on: vec![gonogo::domain::calendar::Day::Thursday],
        ..Default::default()
    };
    let own = Tightening {
        calendar: closed,
        ..Tightening::default()
    };
    let story = Story::of(tighter(own));
    let window = gate_of(&story, &here(), "calendar.window");
    assert_eq!(window.verdict, Verdict::Fail);
    let said = "production by the rule of auth-service is closed: nothing is deployed on Thursdays; next opening ";
    assert!(window.sentence.starts_with(said), "{}", window.sentence);
}

/// In a protected environment the recorded rule counts, the file's does not; recording another voids what was planned
/// under the former one, for this project alone.
#[test]
fn it_counts_once_it_is_recorded_and_voids_what_was_approved_before() {
    let mut story = fixture::ready();
    let judged = |story: &Story| {
        let facts = story
            .cockpit
            .known
            .facts(&here(), story.cockpit.now)
            .unwrap();
        let plan = facts.current().unwrap().plan.clone();
        let judgement = gates::take_off(&facts, &plan);
        let sentence = |id: &str| {
            let mut gates = judgement.gates.iter();
            gates
                .find(|gate| gate.id == id)
                .map(|gate| (gate.verdict, gate.sentence.clone()))
        };
        (
            sentence("plan.current").unwrap(),
            sentence("policy.recorded"),
        )
    };
    assert_eq!(judged(&story).0.0, Verdict::Pass);

    // The file asks for more: shown, and it does not count yet.
    let own = Tightening {
        soak: Some(SignedDuration::from_hours(200)),
        ..Tightening::default()
    };
    story.cockpit.known.workspace = tighter(own.clone());
    let (plan, recorded) = judged(&story);
    assert_eq!(plan.0, Verdict::Pass);
    let said = recorded.unwrap().1;
    assert!(
        said.contains("projects: nothing is recorded, the file says"),
        "{said}"
    );

    let mut places = story.cockpit.known.workspace.environments.iter();
    let policy = places.find(|place| place.name == here().environment);
    let policy = Box::new(policy.unwrap().policy.clone());
    let when = story.cockpit.now;
    let record = |story: &mut Story, policy| {
        let reason = "logins are watched".to_owned();
        let protected = true;
        let body = Body::PolicyRecorded {
            protected,
            policy,
            reason,
        };
        story.enter_place("production", when, &actor("lee"), body);
    };
    record(&mut story, policy.clone());
    let (plan, recorded) = judged(&story);
    assert_eq!(recorded, None);
    assert_eq!(plan.0, Verdict::Fail);
    let said = "the soak changed (1 h → 200 h); what the project asks for itself changed since";
    assert!(plan.1.contains(said), "{}", plan.1);

    // What checkout asks for itself is nothing to auth-service.
    let mut other = policy;
    other.projects.clear();
    other.projects.insert(project("checkout"), own);
    record(&mut story, other);
    assert_eq!(judged(&story).0.0, Verdict::Pass);
}
