//! Who says go, what it counts for, and what takes it back (SPEC A1, A2, A4, A5, A6): quorums of several roles, vetoes,
//! answers that stand, answers that are void, waivers of two, rules that answer by themselves; and people who interleave
//! any commands without a release ever flying on somebody's answer to another plan.

use gonogo::{
    domain::{
        change::ActKind,
        entry::{Answer, Body, IntentId, Means, Outcome},
        environment::{ApprovalRule, AutoApproval, Policy},
        metric::Metric,
        plan::ItemId,
        target::TargetId,
        workspace::{Actor, IdentityMeans, Person},
    },
    flight::process::{self, Next},
    policy::{
        decide::{Command, Decision, decide},
        gates,
        plan_difference::differences,
        planner,
        poll::{self, Call, Poll},
        refusal::Refusal,
    },
};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::{
    fixture::{self, Story, actor, at, target},
    support::Served,
};

fn here() -> TargetId {
    target("production", "auth-service")
}

fn rule(quorum: u32, role: &str) -> ApprovalRule {
    ApprovalRule {
        quorum,
        role: role.to_owned(),
        exclude_requester: true,
        exclude_authors: false,
        expires_after: SignedDuration::from_hours(4),
    }
}

fn person(name: &str, roles: &[&str]) -> Person {
    Person {
        name: name.to_owned(),
        accounts: vec![format!("{name}2")],
        email: Some(format!("{name}@acme.example")),
        roles: [(
            "production".to_owned(),
            roles.iter().map(|role| (*role).to_owned()).collect(),
        )]
        .into(),
    }
}

/// Production with more people and other rules, nothing requested yet.
fn room(change: impl FnOnce(&mut Policy)) -> Story {
    let mut story = fixture::calm();
    let workspace = &mut story.cockpit.known.workspace;
    workspace.people.extend([
        person("ann", &["qa"]),
        person("mia", &["approve", "approve:qa"]),
        person("rob", &["security"]),
    ]);
    story.policy(change);
    story
}

fn requested(change: impl FnOnce(&mut Policy)) -> Story {
    let mut story = room(change);
    let plan = Box::new(story.plan(&here(), 42));
    let reason = "passkeys".to_owned();
    recorded(&mut story, "dana", &Command::Request { plan, reason });
    story
}

fn try_as(story: &Story, who: &Actor, command: &Command) -> Result<Decision, Refusal> {
    let facts = story.cockpit.known.facts(&here(), story.cockpit.now);
    decide(command, &facts.unwrap(), who)
}

fn rule_of(decided: Result<Decision, Refusal>) -> String {
    decided.map_or_else(|refusal| refusal.rule, |_| "allowed".to_owned())
}

fn recorded_as(story: &mut Story, who: &Actor, command: &Command) {
    let Decision::Record(bodies) = try_as(story, who, command).unwrap() else {
        panic!("{command:?} is an act");
    };
    let now = story.cockpit.now;
    for body in bodies {
        story.enter(&here(), now, who, body);
    }
}

fn recorded(story: &mut Story, who: &str, command: &Command) {
    recorded_as(story, &actor(who), command);
}

fn says(story: &Story, answer: Answer) -> Command {
    let plan = story.cockpit.known.targets[&here()]
        .state
        .current
        .as_ref()
        .unwrap()
        .plan
        .digest
        .clone();
    let reason = "looked at it".to_owned();
    match answer {
        Answer::Go => Command::Approve { plan, reason },
        Answer::NoGo => Command::Reject { plan, reason },
        Answer::Hold => Command::SayHold { plan, reason },
    }
}

fn withdraw(story: &Story) -> Command {
    let Command::Approve { plan, .. } = says(story, Answer::Go) else {
        unreachable!();
    };
    Command::Withdraw { plan }
}

fn say(story: &mut Story, who: &str, answer: Answer) {
    let said = says(story, answer);
    recorded(story, who, &said);
}

fn take_back(story: &mut Story, who: &str) {
    let back = withdraw(story);
    recorded(story, who, &back);
}

fn all_say(story: &mut Story, names: &[&str]) {
    for name in names {
        say(story, name, Answer::Go);
    }
}

fn polled(story: &Story) -> Poll {
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    poll::poll(&facts, &facts.current().unwrap().plan).unwrap()
}

fn awaited(story: &Story) -> Vec<String> {
    polled(story)
        .awaited()
        .map(|voice| voice.name.clone())
        .collect()
}

/// What the gate says, as take-off asks it.
fn gate(story: &Story, id: &str) -> (bool, String) {
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    let judgement = gates::take_off(&facts, &facts.current().unwrap().plan);
    let gate = judgement.gates.iter().find(|gate| gate.id == id).unwrap();
    (gate.verdict.lets_through(), gate.sentence.clone())
}

#[test]
fn a_no_go_or_a_hold_stands_whatever_the_quorum_until_its_giver_withdraws_it() {
    for (answer, call, word) in [
        (Answer::NoGo, Call::NoGo, "NO-GO"),
        (Answer::Hold, Call::Hold, "HOLD"),
    ] {
        let mut story = requested(|_| {});
        all_say(&mut story, &["lee", "sam"]);
        assert_eq!(polled(&story).call, Call::Go);
        say(&mut story, "mia", answer);
        let poll = polled(&story);
        assert_eq!(poll.call, call);
        assert_eq!(poll.sentence, format!("mia says {word}: looked at it"));
        assert!(!gate(&story, "approvals").0);
        // Nobody else takes it back, she says nothing else before she did, and break-glass does not pass it.
        assert_eq!(
            rule_of(try_as(&story, &actor("lee"), &says(&story, Answer::Go))),
            "approvals.once"
        );
        assert_eq!(
            rule_of(try_as(&story, &actor("mia"), &says(&story, Answer::Go))),
            "approvals.once"
        );
        let plan = poll.plan.clone();
        let glass = Some("customers cannot log in".to_owned());
        let broken = try_as(&story, &actor("dana"), &Command::Fly { plan, glass });
        assert_eq!(rule_of(broken), "decision.no_go");
        // Not even time does.
        story.cockpit.now = story
            .cockpit
            .now
            .checked_add(SignedDuration::from_hours(9))
            .unwrap();
        assert_eq!(polled(&story).call, call);
        story.cockpit.now = at("14:32:07");
        take_back(&mut story, "mia");
        assert_eq!(polled(&story).call, Call::Go, "{word} withdrawn");
    }
}

#[test]
fn in_flight_a_hold_stops_the_next_step() {
    let mut story = fixture::breach();
    story.figures("auth-service", 0.03, 290.0, Some((0.04, 312.0, 4096.0)));
    let promote = Command::Promote { step: 3 };
    assert_eq!(rule_of(try_as(&story, &actor("dana"), &promote)), "allowed");
    take_back(&mut story, "sam");
    say(&mut story, "sam", Answer::Hold);
    let refused = try_as(&story, &actor("dana"), &promote).unwrap_err();
    assert_eq!(refused.rule, "decision.no_go");
    assert!(
        refused
            .sentence
            .contains("sam says HOLD: looked at it; it stands until sam withdraws it"),
        "{}",
        refused.sentence
    );
}

#[test]
fn several_rules_each_want_persons_of_their_own() {
    let two = |policy: &mut Policy| policy.approvals = vec![rule(1, "qa"), rule(2, "approve")];
    let mut story = requested(two);
    assert_eq!(awaited(&story), ["ann", "mia", "lee", "sam"]);
    // mia could be either; she is counted where she helps most, and once.
    all_say(&mut story, &["mia", "lee"]);
    assert_eq!(polled(&story).count(), "1 of 1 qa, 1 of 2 approve");
    assert_eq!(awaited(&story), ["sam"]);
    all_say(&mut story, &["ann"]);
    let poll = polled(&story);
    assert_eq!(poll.call, Call::Go, "{}", poll.sentence);
    assert_eq!(
        poll.sentence,
        "approved, 1 of 1 qa, 2 of 2 approve: ann, mia, lee"
    );
    assert_eq!(poll.seats[1].holders, 3, "2 of the 3 who hold it");
    assert!(gate(&story, "approvals").0);
    // Without ann mia moves back, and one of the other rule is missing again.
    take_back(&mut story, "ann");
    assert_eq!(polled(&story).count(), "1 of 1 qa, 1 of 2 approve");
    assert!(!gate(&story, "approvals").0);
}

#[test]
fn a_veto_is_not_outvoted_and_its_holder_approves_nothing() {
    let mut story = requested(|policy| policy.veto = vec!["security".to_owned()]);
    all_say(&mut story, &["lee", "sam"]);
    // rob is asked for no approval, and his would count for nothing.
    assert_eq!(
        rule_of(try_as(&story, &actor("rob"), &says(&story, Answer::Go))),
        "role.approve"
    );
    assert_eq!(polled(&story).call, Call::Go);
    say(&mut story, "rob", Answer::NoGo);
    let poll = polled(&story);
    assert_eq!(
        poll.sentence,
        "rob says NO-GO, and has a veto: looked at it"
    );
    assert!(poll.voice("rob").unwrap().veto);
    assert!(!gate(&story, "approvals").0);
    // Whoever gave it takes it back, even without the role by now.
    let people = &mut story.cockpit.known.workspace.people;
    people
        .iter_mut()
        .find(|person| person.name == "rob")
        .unwrap()
        .roles
        .clear();
    assert!(!gate(&story, "approvals").0);
    take_back(&mut story, "rob");
    assert!(gate(&story, "approvals").0);
}

#[test]
fn an_approver_who_is_none_is_told_who_is() {
    let story = requested(|policy| policy.approvals = vec![rule(1, "qa"), rule(2, "approve")]);
    for who in ["kim", "rob"] {
        let refused = try_as(&story, &actor(who), &says(&story, Answer::Go)).unwrap_err();
        assert_eq!(refused.rule, "role.qa");
        assert_eq!(
            refused.sentence,
            format!("{who} does not hold the role qa or approve in production; lee, sam, ann, mia")
        );
    }
    let stranger = try_as(&story, &actor("eve"), &says(&story, Answer::Go)).unwrap_err();
    assert_eq!(stranger.rule, "role.person");
    let silent = Command::Approve {
        plan: polled(&story).plan,
        reason: "  ".to_owned(),
    };
    assert_eq!(
        rule_of(try_as(&story, &actor("lee"), &silent)),
        "approvals.reason"
    );
}

/// A6: each command asks for its role, whoever sends it, from a screen or without one.
#[test]
fn every_command_asks_for_its_role() {
    let mut story = requested(|_| {});
    let watcher = person("wes", &["watch"]);
    story.cockpit.known.workspace.people.push(watcher);
    let plan = Box::new(story.plan(&here(), 42));
    let digest = plan.digest.clone();
    let release = Box::new(plan.release.clone());
    let item = ItemId("backup.recent".to_owned());
    let reason = || "because".to_owned();
    for (command, role) in [
        (
            Command::Request {
                plan,
                reason: reason(),
            },
            "role.operate",
        ),
        (Command::Cancel { reason: None }, "role.operate"),
        (
            Command::Check {
                item: item.clone(),
                note: None,
            },
            "role.operate",
        ),
        (
            Command::Reopen {
                item: item.clone(),
                reason: None,
            },
            "role.operate",
        ),
        (
            Command::Fly {
                plan: digest.clone(),
                glass: None,
            },
            "role.operate",
        ),
        (Command::Promote { step: 1 }, "role.operate"),
        (Command::PromoteFully, "role.operate"),
        (Command::Resume, "role.operate"),
        (Command::Retry, "role.operate"),
        (Command::Close, "role.operate"),
        (
            Command::Waive {
                item,
                reason: reason(),
            },
            "role.waive",
        ),
        (
            Command::Clear {
                release: release.clone(),
                reason: reason(),
            },
            "role.waive",
        ),
        (
            Command::Approve {
                plan: digest.clone(),
                reason: reason(),
            },
            "role.approve",
        ),
        (
            Command::Reject {
                plan: digest.clone(),
                reason: reason(),
            },
            "role.approve",
        ),
        (
            Command::SayHold {
                plan: digest,
                reason: reason(),
            },
            "role.approve",
        ),
        (Command::Countersign { reason: reason() }, "role.approve"),
        (Command::Hold, "role.stop"),
        (Command::Abort, "role.stop"),
        (
            Command::RollBack {
                to: None,
                staged: false,
                reason: reason(),
            },
            "role.stop",
        ),
        (Command::StopGuard { reason: reason() }, "role.stop"),
        (
            Command::Ground {
                release,
                reason: reason(),
            },
            "role.stop",
        ),
    ] {
        assert_eq!(
            rule_of(try_as(&story, &actor("wes"), &command)),
            role,
            "{command:?}"
        );
    }
}

#[test]
fn the_requester_may_say_go_and_is_told_that_it_does_not_count() {
    let mut story = requested(|_| {});
    let people = &mut story.cockpit.known.workspace.people;
    let dana = people
        .iter_mut()
        .find(|person| person.name == "dana")
        .unwrap();
    dana.roles
        .insert("production".to_owned(), vec!["approve".to_owned()]);
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    let why = poll::would_not_count(&facts, &actor("dana"));
    assert_eq!(why.as_deref(), Some("dana requested it and does not count"));
    assert_eq!(poll::would_not_count(&facts, &actor("lee")), None);
    all_say(&mut story, &["dana", "lee"]);
    let poll = polled(&story);
    assert_eq!(poll.count(), "1 of 2 approve");
    assert_eq!(
        poll.sentence,
        "1 of 2 approvals (lee); may approve: sam, mia; dana requested it and does not count"
    );
}

#[test]
fn authors_do_not_count_where_the_policy_says_so() {
    let mut story = requested(|policy| policy.approvals[0].exclude_authors = true);
    let release = story
        .cockpit
        .known
        .release(&here().project, 42)
        .unwrap()
        .clone();
    let author = release.author.to_string();
    let mut wrote = person("lin", &["approve"]);
    wrote.email = Some(release.email.to_string().to_uppercase());
    story.cockpit.known.workspace.people.push(wrote);
    all_say(&mut story, &["lin", "lee"]);
    let poll = polled(&story);
    assert_eq!(
        poll.count(),
        "1 of 2 approve",
        "{author} <{}>",
        release.email
    );
    assert_eq!(
        poll.voice("lin").unwrap().note.as_deref(),
        Some("lin wrote part of it and does not count")
    );
    // Without the catalogue nobody knows who wrote it: unknown is never a pass.
    all_say(&mut story, &["sam"]);
    assert_eq!(polled(&story).call, Call::Go);
    story.cockpit.known.releases.clear();
    assert_eq!(polled(&story).call, Call::Unknown);
    assert!(!gate(&story, "approvals").0);
}

#[test]
fn a_person_counts_once_by_whatever_account() {
    let mut story = requested(|_| {});
    let second = |name: &str| Actor {
        host: "bastion".to_owned(),
        ..actor(name)
    };
    // As another machine, whose configuration does not know the account, would have written it.
    let plan = polled(&story).plan;
    for name in ["mia", "mia2"] {
        let body = Body::Decided {
            deployment: polled(&story).deployment.unwrap(),
            plan: plan.clone(),
            answer: Answer::Go,
            reason: "good".to_owned(),
        };
        story.enter(&here(), at("14:32:07"), &second(name), body);
    }
    let poll = polled(&story);
    assert_eq!(poll.count(), "1 of 2 approve");
    assert_eq!(
        poll.voices
            .iter()
            .filter(|voice| voice.answer.is_some())
            .count(),
        1
    );
    assert_eq!(
        rule_of(try_as(&story, &actor("mia"), &says(&story, Answer::NoGo))),
        "approvals.once"
    );
    // Taken back once, it is taken back whole.
    take_back(&mut story, "mia");
    assert_eq!(polled(&story).count(), "0 of 2 approve");
}

/// F8: by whichever clock makes it older.
#[test]
fn an_answer_expires_by_the_clock_that_is_ahead() {
    let mut story = requested(|_| {});
    all_say(&mut story, &["lee", "sam"]);
    let given = story.cockpit.now;
    let hours = |hours: i64, minutes: i64| {
        given
            .checked_add(SignedDuration::from_mins(60 * hours + minutes))
            .unwrap()
    };
    story.cockpit.now = hours(4, 0);
    assert_eq!(polled(&story).call, Call::Go, "4 h to the second");
    story.cockpit.now = hours(4, 1);
    let late = polled(&story);
    assert_eq!(late.call, Call::Waiting);
    assert!(
        late.sentence.ends_with("lee's approval expired after 4 h"),
        "{}",
        late.sentence
    );
    // Ours runs behind, and the ledger knows better.
    story.cockpit.now = hours(0, 5);
    assert_eq!(polled(&story).call, Call::Go);
    let mut behind = hours(4, 30);
    let checked = Body::Checked {
        deployment: polled(&story).deployment.unwrap(),
        item: ItemId("backup.recent".to_owned()),
        note: None,
    };
    story.enter(&here(), behind, &actor("kim"), checked);
    assert_eq!(polled(&story).call, Call::Waiting, "by the ledger's clock");
    // Too old to count, it may be given again without being withdrawn.
    assert_eq!(awaited(&story), ["lee", "sam", "mia"]);
    story.cockpit.now = behind;
    all_say(&mut story, &["lee", "sam"]);
    assert_eq!(polled(&story).call, Call::Go);
    // The platform's clock counts too.
    behind = behind.checked_sub(SignedDuration::from_mins(20)).unwrap();
    story.cockpit.now = behind;
    let known = story.cockpit.known.targets.get_mut(&here()).unwrap();
    known.ahead = SignedDuration::from_hours(5);
    assert_eq!(
        polled(&story).call,
        Call::Waiting,
        "by the platform's clock"
    );
}

type Change = Box<dyn Fn(&mut Story)>;

#[test]
fn what_changes_voids_every_answer_and_is_named() {
    let target = |edit: fn(&mut gonogo::domain::target::Target)| -> Change {
        Box::new(move |story| {
            let targets = &mut story.cockpit.known.workspace.targets;
            edit(targets.iter_mut().find(|t| t.id == here()).unwrap());
        })
    };
    let place = |edit: fn(&mut Policy)| -> Change { Box::new(move |story| story.policy(edit)) };
    let cases: Vec<(Change, &str)> = vec![
        (
            target(|t| t.limits[0].hold = 0.5),
            "limits changed (error rate 0.10 % → 0.50 %)",
        ),
        (
            target(|t| t.limits.truncate(1)),
            "limits changed (p99 latency gone)",
        ),
        (
            target(|t| t.metrics.as_mut().unwrap().window = SignedDuration::from_secs(10)),
            "the window changed (1 min → 10 s)",
        ),
        (
            target(|t| t.metrics.as_mut().unwrap().min_requests = 20),
            "requests for a verdict changed (100 → 20)",
        ),
        (
            target(|t| t.health = None),
            "health changed (asked → not asked)",
        ),
        (
            target(|t| t.stages.truncate(1)),
            "stages changed (10 % (5 min), 50 % (5 min) → 10 % (5 min))",
        ),
        (
            target(|t| t.items.truncate(1)),
            "checklist changed (oncall.confirmed gone",
        ),
        (
            target(|t| t.items[0].required = false),
            "checklist changed (backup.recent changed)",
        ),
        (
            target(|t| t.monitoring = SignedDuration::from_mins(5)),
            "monitoring changed (1 h → 5 min)",
        ),
        (
            target(|t| t.workload.name = "other".to_owned()),
            "the workload changed (",
        ),
        (
            place(|p| p.approvals[0].quorum = 1),
            "who approves changed (2 of approve, for 4 h → 1 of approve, for 4 h)",
        ),
        (
            place(|p| p.soak = SignedDuration::ZERO),
            "the soak changed (1 h → 0 s)",
        ),
        (
            place(|p| p.allowed_branches = vec!["main".to_owned()]),
            "policy allowed branches changed (* → main)",
        ),
        (
            place(|p| p.veto = vec!["security".to_owned()]),
            "policy veto changed (none → security)",
        ),
    ];
    for (edit, words) in cases {
        let mut story = requested(|_| {});
        all_say(&mut story, &["lee", "sam"]);
        assert_eq!(polled(&story).call, Call::Go);
        edit(&mut story);
        let poll = polled(&story);
        assert_eq!(poll.call, Call::Void, "{words}");
        assert_eq!(poll.void.len(), 1, "{:?}", poll.void);
        assert!(
            poll.void[0].starts_with(words),
            "{} is not {words}",
            poll.void[0]
        );
        assert!(
            poll.sentence.starts_with("2 answers are void: "),
            "{}",
            poll.sentence
        );
        assert!(poll.voices.iter().all(|voice| voice.counts_for.is_none()));
        let note = poll.voice("lee").unwrap().note.clone().unwrap();
        assert!(note.starts_with(&format!("void: {words}")), "{note}");
        assert!(!gate(&story, "approvals").0);
        let (passes, sentence) = gate(&story, "plan.current");
        assert!(!passes && sentence.contains(words), "{sentence}");
        // Without the catalogue it is still seen.
        story.cockpit.known.releases.clear();
        assert_eq!(polled(&story).call, Call::Void, "{words}");
    }
}

#[test]
fn nothing_of_a_plan_differs_in_silence() {
    let story = fixture::requested();
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    let plan = &facts.current().unwrap().plan;
    assert_eq!(
        differences(&plan.plan, &planner::today(&facts, plan)),
        Vec::<String>::new()
    );
    // Each field of the plan and of its policy, changed behind the words' back.
    let whole = serde_json::to_value(&plan.plan).unwrap();
    let mut tried = 0;
    for (path, fields) in [("", &whole), ("/policy", &whole["policy"])] {
        for name in fields.as_object().unwrap().keys() {
            let mut other = whole.clone();
            let place = if path.is_empty() {
                &mut other
            } else {
                other.pointer_mut(path).unwrap()
            };
            let field = &mut place[name];
            *field = match field.clone() {
                serde_json::Value::Bool(flag) => (!flag).into(),
                serde_json::Value::Number(_) => 7.into(),
                serde_json::Value::Array(list) if !list.is_empty() => serde_json::json!([]),
                serde_json::Value::Null => "dev".into(),
                serde_json::Value::String(text) if text.starts_with("PT") => "PT77S".into(),
                _ => continue,
            };
            let Ok(other) = serde_json::from_value::<gonogo::domain::plan::Plan>(other) else {
                continue;
            };
            tried += 1;
            let said = differences(&plan.plan, &other);
            assert_eq!(said.len(), 1, "{path}/{name}: {said:?}");
        }
    }
    assert!(tried > 8, "only {tried} fields were changed");
}

#[test]
fn roles_are_those_of_the_moment_of_take_off() {
    let mut story = requested(|_| {});
    all_say(&mut story, &["lee", "sam"]);
    assert!(gate(&story, "approvals").0);
    let people = &mut story.cockpit.known.workspace.people;
    people
        .iter_mut()
        .find(|person| person.name == "sam")
        .unwrap()
        .roles
        .clear();
    let (passes, sentence) = gate(&story, "approvals");
    assert!(
        !passes && sentence.ends_with("sam does not hold the role approve"),
        "{sentence}"
    );
    // A name that nothing proves counts in production only where names are trusted.
    story.cockpit.known.workspace.trust_names = false;
    let (passes, sentence) = gate(&story, "approvals");
    assert!(
        !passes && sentence.contains("lee is not verified"),
        "{sentence}"
    );
    let lee = polled(&story).voice("lee").unwrap().clone();
    assert_eq!(
        lee.identity().as_deref(),
        Some("account on bastion, unverified")
    );
}

#[test]
fn a_waiver_in_production_takes_two() {
    let mut story = fixture::ready();
    let item = ItemId("policy.tag".to_owned());
    let waive = Command::Waive {
        item: item.clone(),
        reason: "known".to_owned(),
    };
    let never = |id: &str| Command::Waive {
        item: ItemId(id.to_owned()),
        reason: "x".to_owned(),
    };
    for id in [
        "approvals",
        "plan.current",
        "release.digest",
        "target.idle",
        "decision.no_go",
    ] {
        assert_eq!(
            rule_of(try_as(&story, &actor("kim"), &never(id))),
            "waiver.never",
            "{id}"
        );
    }
    recorded(&mut story, "dana", &waive);
    let state = |story: &Story| {
        story.cockpit.known.targets[&here()]
            .state
            .current
            .clone()
            .unwrap()
    };
    assert!(!state(&story).is_waived("policy.tag"));
    assert_eq!(state(&story).proposal(&item).unwrap().by, "dana");
    let again = try_as(&story, &actor("dana"), &waive).unwrap_err();
    assert_eq!(again.rule, "waiver.four_eyes");
    assert!(again.hint.unwrap().starts_with("kim may"));
    recorded(&mut story, "kim", &waive);
    let waived = &state(&story).items[&item];
    assert_eq!(waived.by, "dana and kim");
    // Opened again, it takes two again.
    recorded(
        &mut story,
        "dana",
        &Command::Reopen {
            item: item.clone(),
            reason: None,
        },
    );
    recorded(&mut story, "kim", &waive);
    assert!(!state(&story).is_waived("policy.tag"));
    recorded(
        &mut story,
        "kim",
        &Command::Reopen {
            item: item.clone(),
            reason: None,
        },
    );
    assert!(state(&story).proposal(&item).is_none(), "taken back");
}

#[test]
fn a_proposed_waiver_of_another_stage_is_not_seconded() {
    let mut story = fixture::breach();
    let item = ItemId("metric.latency_p99".to_owned());
    let deployment = Story::id();
    let reason = "known".to_owned();
    let early = Body::WaiverProposed {
        deployment,
        item: item.clone(),
        reason: reason.clone(),
    };
    // Before 50 % was reached.
    story.enter(&here(), at("14:00:30"), &actor("kim"), early);
    let waive = Command::Waive { item, reason };
    recorded(&mut story, "dana", &waive);
    let promote =
        |story: &Story| rule_of(try_as(story, &actor("dana"), &Command::Promote { step: 3 }));
    assert_eq!(
        promote(&story),
        "metric.latency_p99",
        "proposed anew, not seconded"
    );
    recorded(&mut story, "kim", &waive);
    assert_eq!(promote(&story), "allowed");
}

fn auto(gates: &[&str]) -> AutoApproval {
    AutoApproval {
        rule: "green".to_owned(),
        role: "approve".to_owned(),
        gates: gates.iter().map(|gate| (*gate).to_owned()).collect(),
    }
}

/// What whoever attends writes down.
fn attended(story: &mut Story) -> usize {
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    let Next::Record(bodies) = process::next(&facts) else {
        return 0;
    };
    let (count, now) = (bodies.len(), story.cockpit.now);
    for body in bodies {
        story.enter(&here(), now, &Actor::program("bastion"), body);
    }
    count
}

#[test]
fn a_rule_approves_once_its_gates_pass_and_is_never_the_second_pair_of_eyes() {
    let gates = ["order.verified", "metric.error_rate"];
    let mut story = requested(|policy| policy.auto_approve = vec![auto(&gates)]);
    assert_eq!(attended(&mut story), 1);
    assert_eq!(attended(&mut story), 0, "once");
    let poll = polled(&story);
    assert_eq!(poll.count(), "1 of 2 approve");
    let voice = poll.voice("auto:green").unwrap();
    assert!(voice.auto && !voice.unverified);
    assert_eq!(
        voice.reason.as_deref(),
        Some("order.verified, metric.error_rate pass")
    );
    all_say(&mut story, &["lee"]);
    assert_eq!(polled(&story).sentence, "approved, 2 of 2: lee, auto:green");
    // What it rests on is judged again at take-off.
    story.figures("auth-service", 2.0, 290.0, None);
    let (passes, sentence) = gate(&story, "approvals");
    assert!(
        !passes && sentence.contains("waits for metric.error_rate: "),
        "{sentence}"
    );

    // Of one approval with four eyes, the eyes are a person's.
    let alone = |policy: &mut Policy| {
        policy.approvals = vec![rule(1, "approve")];
        policy.auto_approve = vec![auto(&["order.verified"])];
    };
    let mut story = requested(alone);
    assert_eq!(attended(&mut story), 1);
    assert_eq!(polled(&story).call, Call::Waiting);
    // Where four eyes are not asked for, gates suffice.
    let mut story = requested(|policy| {
        alone(policy);
        policy.approvals[0].exclude_requester = false;
    });
    assert_eq!(attended(&mut story), 1);
    assert_eq!(polled(&story).call, Call::Go);
    // Nobody passes for a rule by its name.
    let mut story = requested(|policy| policy.auto_approve = vec![auto(&["no.such"])]);
    assert_eq!(attended(&mut story), 0);
    let waits = polled(&story).voice("auto:green").unwrap().note.clone();
    assert_eq!(waits.as_deref(), Some("there is no gate `no.such` here"));
    let fake = Body::Decided {
        deployment: polled(&story).deployment.unwrap(),
        plan: polled(&story).plan,
        answer: Answer::Go,
        reason: "trust me".to_owned(),
    };
    let eve = Actor {
        means: IdentityMeans::Claimed,
        ..actor("auto:green")
    };
    story.enter(&here(), story.cockpit.now, &eve, fake);
    all_say(&mut story, &["lee"]);
    assert_eq!(polled(&story).count(), "1 of 2 approve");
}

/// Everything that waits for somebody, in one place, and enter goes where it is done.
#[test]
fn the_inbox_leads_to_what_waits() {
    use gonogo::session::{
        show::{self, ErrandKind},
        view::Screen,
    };
    let mut story = fixture::polled();
    let kinds = |story: &Story, who: &str| -> Vec<ErrandKind> {
        let mut cockpit = story.cockpit.clone();
        cockpit.me = actor(who);
        show::inbox(&cockpit)
            .iter()
            .map(|errand| errand.kind)
            .collect()
    };
    assert_eq!(kinds(&story, "mia"), [ErrandKind::Answer]);
    assert_eq!(kinds(&story, "lee"), [], "answered already");
    assert_eq!(kinds(&story, "rob"), [], "a veto is a right, not a duty");
    // An item that kim owns, by a role she holds.
    let targets = &mut story.cockpit.known.workspace.targets;
    let owned = &targets.iter_mut().find(|t| t.id == here()).unwrap().items[1];
    assert_eq!(owned.owner.as_deref(), Some("on-call"));
    let people = &mut story.cockpit.known.workspace.people;
    let kim = people
        .iter_mut()
        .find(|person| person.name == "kim")
        .unwrap();
    kim.roles.get_mut("*").unwrap().push("on-call".to_owned());
    assert_eq!(kinds(&story, "kim"), [ErrandKind::Item]);
    let item = ItemId("order.verified".to_owned());
    let waive = Command::Waive {
        item,
        reason: "agreed".to_owned(),
    };
    recorded(&mut story, "dana", &waive);
    assert_eq!(kinds(&story, "kim"), [ErrandKind::Second, ErrandKind::Item]);
    assert_eq!(
        kinds(&story, "dana"),
        [],
        "her own proposal waits for somebody else"
    );
    say(&mut story, "sam", Answer::Hold);
    assert_eq!(kinds(&story, "sam"), [ErrandKind::Objection]);

    // From another project and environment, with the keyboard alone.
    for (who, screen) in [
        ("mia", Screen::Poll),
        ("sam", Screen::Poll),
        ("kim", Screen::Plan),
    ] {
        let mut cockpit = story.cockpit.clone();
        cockpit.me = actor(who);
        cockpit.focus_on(&target("staging", "checkout"));
        fixture::press(&mut cockpit, "7");
        assert_eq!(cockpit.view.screen, Screen::Inbox);
        fixture::press(&mut cockpit, "enter");
        assert_eq!(cockpit.view.screen, screen, "{who}");
        assert_eq!(cockpit.focus().unwrap().id, here());
    }
}

#[derive(Clone, Debug)]
enum Move {
    Say(Answer),
    Withdraw,
    Check(usize),
    Waive(usize),
    Reopen(usize),
    Request(u64),
    Cancel,
    Fly,
    /// Somebody edits the limits.
    Limit(u8),
    /// Somebody takes the role from lee, or gives it back.
    Role,
    Attend,
    Hours(i64),
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        8 => Just(Move::Say(Answer::Go)),
        1 => Just(Move::Say(Answer::NoGo)),
        1 => Just(Move::Say(Answer::Hold)),
        1 => Just(Move::Withdraw),
        8 => (0..2usize).prop_map(Move::Check),
        1 => (0..3usize).prop_map(Move::Waive),
        1 => (0..3usize).prop_map(Move::Reopen),
        3 => (42..44u64).prop_map(Move::Request),
        4 => Just(Move::Cancel),
        6 => Just(Move::Fly),
        1 => (1..3u8).prop_map(Move::Limit),
        1 => Just(Move::Role),
        2 => Just(Move::Attend),
        1 => (0..6i64).prop_map(Move::Hours),
    ]
}

const PEOPLE: [&str; 7] = ["dana", "lee", "sam", "kim", "ann", "mia", "rob"];

fn meant(story: &Story, step: &Move) -> Option<Command> {
    let facts = story.cockpit.known.facts(&here(), story.cockpit.now)?;
    let reason = "because".to_owned();
    let current = facts.current();
    let item = |n: usize| {
        let items = &facts.target.items;
        items
            .get(n)
            .map_or(ItemId("order.verified".to_owned()), |item| item.id.clone())
    };
    Some(match step {
        Move::Say(answer) => {
            current?;
            says(story, *answer)
        }
        Move::Withdraw => {
            current?;
            withdraw(story)
        }
        Move::Check(n) => Command::Check {
            item: item(*n),
            note: None,
        },
        Move::Waive(n) => Command::Waive {
            item: item(*n),
            reason,
        },
        Move::Reopen(n) => Command::Reopen {
            item: item(*n),
            reason: None,
        },
        Move::Request(number) => Command::Request {
            plan: Box::new(story.plan(&here(), *number)),
            reason,
        },
        Move::Cancel => Command::Cancel { reason: None },
        Move::Fly => Command::Fly {
            plan: current?.plan.digest.clone(),
            glass: None,
        },
        Move::Limit(_) | Move::Role | Move::Attend | Move::Hours(_) => return None,
    })
}

/// Not a command: the world around them.
fn happens(story: &mut Story, step: &Move) {
    match step {
        Move::Limit(tenths) => {
            let targets = &mut story.cockpit.known.workspace.targets;
            let target = targets
                .iter_mut()
                .find(|target| target.id == here())
                .unwrap();
            let limit = target
                .limits
                .iter_mut()
                .find(|limit| limit.metric == Metric::ErrorRate);
            limit.unwrap().hold = f64::from(*tenths) / 10.0;
        }
        Move::Role => {
            let people = &mut story.cockpit.known.workspace.people;
            let lee = people
                .iter_mut()
                .find(|person| person.name == "lee")
                .unwrap();
            let roles = lee.roles.get_mut("*").unwrap();
            match roles.iter().position(|role| role == "approve") {
                Some(place) => drop(roles.remove(place)),
                None => roles.push("approve".to_owned()),
            }
        }
        Move::Attend => drop(attended(story)),
        Move::Hours(hours) => {
            let now = story
                .cockpit
                .now
                .checked_add(SignedDuration::from_hours(*hours))
                .unwrap();
            story.cockpit.now = now;
            // Read again, so that only people stand in the way.
            let clock = now.strftime("%H:%M:%S").to_string();
            if now < at("23:59:00") {
                story.see(&here(), &fixture::Scene::calm(), 41, &clock);
                story.figures("auth-service", 0.03, 290.0, None);
                story.healthy("auth-service", fixture::STABLE, 10, 10);
            }
        }
        _ => {}
    }
}

/// Random operators in any order: whatever flies has its gates, its quorums of different people who hold the roles now
/// and did not request it, each on exactly this plan and not too old, nobody who objects, and no change since.
#[test]
fn nothing_flies_on_answers_to_another_plan() {
    let moves = (
        prop::collection::vec((0..PEOPLE.len(), a_move()), 1..60),
        any::<bool>(),
    );
    let config = ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let (flown, replans) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let tried = proptest::test_runner::TestRunner::new(config).run(&moves, |(moves, ready)| {
        let (flights, plans) = played(&moves, ready)?;
        flown.set(flown.get() + flights);
        replans.set(replans.get() + plans);
        Ok(())
    });
    tried.unwrap();
    assert!(
        flown.get() > 8,
        "only {} flights took off: the test saw too little",
        flown.get()
    );
    assert!(
        replans.get() > 40,
        "only {} plans followed another",
        replans.get()
    );
}

/// How many took off, and how many plans followed another.
fn played(moves: &[(usize, Move)], ready: bool) -> Result<(u32, u32), TestCaseError> {
    let mut story = requested(|policy| {
        policy.approvals = vec![rule(1, "qa"), rule(2, "approve")];
        policy.veto = vec!["security".to_owned()];
        policy.auto_approve = vec![auto(&["order.verified"])];
    });
    if ready {
        all_say(&mut story, &["ann", "lee"]);
        for item in [0, 1] {
            let check = meant(&story, &Move::Check(item)).unwrap();
            recorded(&mut story, "kim", &check);
        }
    }
    let (mut flown, mut plans) = (0, 0);
    for (who, step) in moves {
        let me = actor(PEOPLE[*who]);
        happens(&mut story, step);
        let Some(command) = meant(&story, step) else {
            continue;
        };
        let now = story.cockpit.now;
        match try_as(&story, &me, &command) {
            Err(_) => {}
            Ok(Decision::Record(bodies)) => {
                plans += u32::from(matches!(command, Command::Request { .. }));
                for body in bodies {
                    story.enter(&here(), now, &me, body);
                }
            }
            Ok(Decision::Act { act, .. }) => {
                prop_assert_eq!(act.kind, ActKind::Fly);
                flown += 1;
                lawful(&story)?;
                let deployment = polled(&story).deployment.unwrap();
                let intent = IntentId(format!("intent-{flown}"));
                let intended = Body::Intended {
                    deployment: deployment.clone(),
                    intent: intent.clone(),
                    act,
                    change: 0,
                    means: Means::Flags,
                };
                story.enter(&here(), now, &me, intended);
                let outcome = Outcome::NotApplied;
                let settled = Body::Settled {
                    deployment,
                    intent,
                    outcome,
                };
                story.enter(&here(), now, &me, settled);
            }
        }
    }
    Ok((flown, plans))
}

/// Counted by hand, from the entries and the configuration alone.
fn lawful(story: &Story) -> Result<(), TestCaseError> {
    let known = &story.cockpit.known;
    let facts = known.facts(&here(), story.cockpit.now).unwrap();
    let current = facts.current().unwrap();
    prop_assert!(gates::take_off(&facts, &current.plan).go);
    prop_assert_eq!(&planner::today(&facts, &current.plan), &current.plan.plan);
    let entries = &known.targets[&here()].entries;
    let mine = entries
        .iter()
        .filter(|entry| entry.body.deployment() == Some(&current.id));
    let (mut standing, mut autos) = (std::collections::BTreeMap::new(), 0);
    for entry in mine {
        let name = entry.actor.name.clone();
        match &entry.body {
            Body::Decided { plan, answer, .. } => {
                standing.insert(name, (plan.clone(), *answer, entry.at));
            }
            Body::Withdrawn { .. } => drop(standing.remove(&name)),
            Body::AutoApproved { .. } => autos = 1,
            _ => {}
        }
    }
    let place = &here().environment;
    let four_hours = SignedDuration::from_hours(4);
    let (mut both, mut qa, mut approve) = (0, 0, 0);
    for (name, (plan, answer, at)) in &standing {
        prop_assert_eq!(*answer, Answer::Go, "{} objects", name);
        let Some(person) = known.workspace.person(name) else {
            continue;
        };
        let (a, q) = (
            person.approves_as(place, "approve"),
            person.approves_as(place, "qa"),
        );
        let counts = *plan == current.plan.digest
            && name != "dana"
            && *name != current.requester.name
            && story.cockpit.now.duration_since(*at) <= four_hours;
        match (counts, a, q) {
            (true, true, true) => both += 1,
            (true, true, false) => approve += 1,
            (true, false, true) => qa += 1,
            _ => {}
        }
    }
    // Of three seats at most one is a rule's, and nobody sits on two.
    prop_assert!(qa + both >= 1, "no qa");
    prop_assert!(approve + both >= 1, "only a rule approves");
    prop_assert!(
        qa.min(1) + approve + both + autos >= 3,
        "{qa} {approve} {both} {autos}"
    );
    Ok(())
}

/// The whole of it by verbs.
#[test]
fn the_poll_is_told_without_a_screen() {
    let served = Served::start("good", 60);
    let place = ["production", "auth-service"];
    let verb = |name: &str, who: &str, more: &[&str]| {
        served.verb_as(who, &[&[name], &place[..], more].concat())
    };
    assert_eq!(verb("poll", "dana", &[]).exits(4).rule(), "target.idle");
    let asked = verb("request", "dana", &["42", "--reason", "train"])
        .exits(0)
        .json();
    let plan = asked["plan"].as_str().unwrap().to_owned();
    let answer = ["--plan", &plan, "--reason", "read it"];
    let own = verb("approve", "dana", &answer).exits(0).json();
    assert_eq!(own["remark"], "dana requested it and does not count");
    let inbox = |who: &str| served.verb_as(who, &["inbox"]).exits(0).json()["inbox"].clone();
    assert_eq!(inbox("lee")[0]["kind"], "answer");
    verb("approve", "lee", &answer).exits(0);
    assert_eq!(inbox("lee"), serde_json::json!([]));
    assert_eq!(
        verb("approve", "kim", &answer).exits(3).rule(),
        "role.approve"
    );
    let held = [&["--hold"], &answer[..]].concat();
    verb("poll", "sam", &held).exits(0);
    let poll = verb("poll", "kim", &[]).exits(3).json();
    assert_eq!(poll["call"], "hold");
    assert_eq!(poll["sentence"], "sam says HOLD: read it");
    verb("withdraw", "sam", &["--plan", &plan]).exits(0);
    let poll = verb("poll", "kim", &[]).exits(3).json();
    assert_eq!(poll["call"], "waiting");
    assert_eq!(poll["waiting_for"], serde_json::json!(["sam"]));
    assert_eq!(poll["seats"][0]["taken"], serde_json::json!(["lee"]));
    verb("approve", "sam", &answer).exits(0);
    assert_eq!(verb("poll", "kim", &[]).exits(0).json()["call"], "go");
}
