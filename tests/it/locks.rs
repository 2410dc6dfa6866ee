//! Locks of environments and targets, and the policy that is in force: who may say so, what they stop, what they never
//! stop, and what a file that differs is worth.

use gonogo::{
    domain::{
        entry::{Body, Entry},
        environment::{EnvironmentState, Policy},
        workspace::Workspace,
    },
    policy::{
        decide::{Command, Decision, Scope, decide},
        gate::{GateResult, Verdict},
        gates,
        refusal::{Refusal, RefusalKind},
    },
};
use gonogo::{
    input::Action,
    session::{
        palette::{self, Line},
        view::Aim,
        wanted::{self, Wanted},
    },
};
use jiff::SignedDuration;

use crate::fixture::{self, Story, actor, at, target};
use crate::support::Served;

fn asked(story: &Story, name: &str, command: &Command) -> Result<Decision, Refusal> {
    let id = target("production", "auth-service");
    let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
    decide(command, &facts, &actor(name))
}

fn body(decision: Decision) -> Body {
    let Decision::Record(bodies) = decision else {
        panic!("it only writes");
    };
    bodies.into_iter().next().unwrap()
}

fn lock(scope: Scope, minutes: Option<i64>) -> Command {
    Command::Lock {
        scope,
        reason: "the database moves".to_owned(),
        lasts: minutes.map(SignedDuration::from_mins),
    }
}

fn unlock(scope: Scope) -> Command {
    Command::Unlock {
        scope,
        reason: "it has moved".to_owned(),
    }
}

/// Decided and written, by this person, now.
fn done(story: &mut Story, name: &str, command: &Command) {
    let written = body(asked(story, name, command).unwrap());
    let now = story.cockpit.now;
    match command.scope() {
        Scope::Environment => story.enter_place("production", now, &actor(name), written),
        Scope::Target => {
            story.enter(
                &target("production", "auth-service"),
                now,
                &actor(name),
                written,
            );
        }
    }
}

fn gate(story: &Story, project: &str, id: &str) -> Option<GateResult> {
    let here = target("production", project);
    let facts = story.cockpit.known.facts(&here, story.cockpit.now).unwrap();
    let plan = facts
        .current()
        .map_or_else(|| story.plan(&here, 42), |current| current.plan.clone());
    let gates = gates::take_off(&facts, &plan).gates;
    gates.into_iter().find(|gate| gate.id == id)
}

#[test]
fn a_lock_names_its_owner_its_reason_and_its_end() {
    let mut story = fixture::ready();
    assert_eq!(gate(&story, "auth-service", "lock"), None);
    done(&mut story, "dana", &lock(Scope::Environment, Some(30)));
    story.cockpit.now = at("14:37:07");
    let closed = gate(&story, "auth-service", "lock").unwrap();
    assert_eq!(closed.verdict, Verdict::Fail);
    assert!(
        !closed.waivable,
        "it is unlocked, by its owner or by configure"
    );
    assert_eq!(
        closed.sentence,
        "production is locked by dana 5 min ago, for 25 min more: the database moves; dana unlocks it, or whoever holds configure"
    );
    assert!(
        gate(&story, "checkout", "lock").is_some(),
        "all of production"
    );
    // Over by itself.
    story.cockpit.now = at("15:02:06");
    assert!(gate(&story, "auth-service", "lock").is_some());
    story.cockpit.now = at("15:02:07");
    assert_eq!(gate(&story, "auth-service", "lock"), None);
}

#[test]
fn a_target_is_locked_alone() {
    let mut story = fixture::ready();
    done(&mut story, "dana", &lock(Scope::Target, None));
    let closed = gate(&story, "auth-service", "lock").unwrap();
    assert!(
        closed.sentence.contains("until it is unlocked"),
        "{}",
        closed.sentence
    );
    assert_eq!(gate(&story, "checkout", "lock"), None);
    done(&mut story, "dana", &unlock(Scope::Target));
    assert_eq!(gate(&story, "auth-service", "lock"), None);
}

#[test]
fn a_lock_is_its_owners_and_configures() {
    let mut story = fixture::ready();
    let watcher = asked(&story, "sam", &lock(Scope::Environment, None)).unwrap_err();
    assert_eq!(watcher.rule, "role.stop");
    done(&mut story, "dana", &lock(Scope::Environment, None));
    // A second lock is refused with the name of the first; one's own is renewed.
    let second = asked(&story, "lee", &lock(Scope::Environment, None)).unwrap_err();
    assert_eq!(second.kind, RefusalKind::Raced);
    assert!(
        second.sentence.contains("locked by dana"),
        "{}",
        second.sentence
    );
    assert!(asked(&story, "dana", &lock(Scope::Environment, Some(5))).is_ok());
    // kim operates, but somebody else's lock is for configure, which lee holds.
    let refused = asked(&story, "kim", &unlock(Scope::Environment)).unwrap_err();
    assert_eq!(refused.rule, "role.configure");
    assert!(refused.sentence.contains("lee"), "{}", refused.sentence);
    done(&mut story, "lee", &unlock(Scope::Environment));
    let nothing = asked(&story, "lee", &unlock(Scope::Environment)).unwrap_err();
    assert_eq!(nothing.kind, RefusalKind::NotFound);
    for command in [
        Command::Lock {
            scope: Scope::Environment,
            reason: " ".to_owned(),
            lasts: None,
        },
        lock(Scope::Environment, Some(0)),
    ] {
        let refused = asked(&story, "dana", &command).unwrap_err();
        assert_eq!(refused.kind, RefusalKind::Usage, "{}", refused.sentence);
    }
}

#[test]
fn a_lock_stops_take_off_and_promotion_and_never_the_way_back() {
    let mut story = fixture::ready();
    done(&mut story, "dana", &lock(Scope::Environment, None));
    let id = target("production", "auth-service");
    let plan = story.cockpit.known.targets[&id]
        .state
        .current
        .as_ref()
        .unwrap()
        .plan
        .digest
        .clone();
    let fly = |glass: Option<&str>| Command::Fly {
        plan: plan.clone(),
        glass: glass.map(str::to_owned),
    };
    assert_eq!(asked(&story, "dana", &fly(None)).unwrap_err().rule, "lock");
    let glass = asked(&story, "dana", &fly(Some("customers cannot pay")));
    assert_eq!(
        glass.unwrap_err().rule,
        "lock",
        "break-glass passes no lock: it is unlocked"
    );

    let mut flying = fixture::breach();
    done(&mut flying, "dana", &lock(Scope::Environment, None));
    let facts = flying.cockpit.known.facts(&id, flying.cockpit.now).unwrap();
    let promotion = gates::promotion(&facts, &facts.current().unwrap().plan);
    assert!(promotion.blocking().any(|gate| gate.id == "lock"));
    let back = Command::RollBack {
        to: None,
        staged: false,
        reason: "errors".to_owned(),
    };
    for command in [Command::Hold, Command::Abort, back] {
        assert!(
            asked(&flying, "dana", &command).is_ok(),
            "{}",
            command.verb()
        );
    }
}

/// The file of somebody who would like less of it.
fn loosened(workspace: &mut Workspace) {
    for environment in &mut workspace.environments {
        if environment.protected {
            environment.policy.approvals = Vec::new();
            environment.policy.soak = SignedDuration::ZERO;
        }
    }
}

/// `story` with another file: the same ledger, folded again.
fn with_file(change: fn(&mut Workspace)) -> Story {
    let mut workspace = fixture::workspace();
    change(&mut workspace);
    let mut story = Story::of(workspace);
    let agreed = fixture::workspace()
        .environments
        .into_iter()
        .find(|e| e.protected);
    let body = Body::PolicyRecorded {
        protected: true,
        policy: Box::new(agreed.unwrap().policy),
        reason: "as we agreed".to_owned(),
    };
    story.enter_place("production", at("08:00:00"), &actor("lee"), body);
    story
}

#[test]
fn a_file_that_differs_is_shown_and_does_not_count_where_it_is_protected() {
    let story = with_file(loosened);
    let approvals = gate(&story, "auth-service", "approvals").unwrap();
    assert_eq!(approvals.verdict, Verdict::Fail, "{}", approvals.sentence);
    let shown = gate(&story, "auth-service", "policy.recorded").unwrap();
    assert_eq!(shown.verdict, Verdict::Pass);
    assert!(
        shown
            .sentence
            .starts_with("the policy that lee recorded counts, not this file's; approvals: {")
            && shown.sentence.ends_with("(and 1 more)"),
        "{}",
        shown.sentence
    );
    // Nor does a file that calls the environment open.
    let open = with_file(|workspace| {
        loosened(workspace);
        for environment in &mut workspace.environments {
            environment.protected = false;
        }
    });
    let id = target("production", "auth-service");
    let facts = open.cockpit.known.facts(&id, open.cockpit.now).unwrap();
    assert!(facts.environment.protected);
    assert!(gate(&open, "auth-service", "approvals").is_some());
    // In an open environment the file counts.
    let staging = target("staging", "auth-service");
    assert!(
        !open
            .cockpit
            .known
            .facts(&staging, open.cockpit.now)
            .unwrap()
            .environment
            .protected
    );
}

#[test]
fn nothing_enters_a_protected_environment_before_somebody_recorded_its_policy() {
    let mut story = fixture::ready();
    let place = story
        .cockpit
        .known
        .environments
        .values_mut()
        .find(|place| place.state.recorded.is_some());
    place.unwrap().state.recorded = None;
    let missing = gate(&story, "auth-service", "policy.recorded").unwrap();
    assert_eq!(missing.verdict, Verdict::Fail);
    assert!(!missing.waivable);
    assert!(
        missing.sentence.contains("gonogo policy record production"),
        "{}",
        missing.sentence
    );
}

#[test]
fn recording_needs_configure_and_voids_what_was_approved() {
    let mut story = fixture::ready();
    let record = Command::RecordPolicy {
        reason: "one approver is enough in summer".to_owned(),
    };
    let same = asked(&story, "lee", &record).unwrap_err();
    assert_eq!(same.kind, RefusalKind::Raced, "{}", same.sentence);
    assert_eq!(
        gate(&story, "auth-service", "plan.current")
            .unwrap()
            .verdict,
        Verdict::Pass
    );
    // lee edits the file and records it.
    let id = target("production", "auth-service");
    for environment in &mut story.cockpit.known.workspace.environments {
        if environment.protected {
            environment.policy.approvals[0].quorum = 1;
        }
    }
    assert_eq!(
        gate(&story, "auth-service", "plan.current")
            .unwrap()
            .verdict,
        Verdict::Pass
    );
    assert_eq!(
        asked(&story, "dana", &record).unwrap_err().rule,
        "role.configure"
    );
    done(&mut story, "lee", &record);
    let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
    assert_eq!(facts.environment.policy.approvals[0].quorum, 1);
    assert_eq!(
        gate(&story, "auth-service", "policy.recorded"),
        None,
        "file and record agree"
    );
    let void = gate(&story, "auth-service", "plan.current").unwrap();
    assert_eq!(void.verdict, Verdict::Fail, "{}", void.sentence);
}

#[test]
fn what_a_later_gonogo_wrote_of_an_environment_is_not_taken_for_an_open_one() {
    let mut story = fixture::ready();
    let unknown = Body::Unknown {
        kind: "quarantined".to_owned(),
    };
    story.enter_place("production", at("14:30:00"), &actor("lee"), unknown);
    assert_eq!(
        gate(&story, "auth-service", "lock").unwrap().verdict,
        Verdict::Unknown
    );
    let refused = asked(&story, "dana", &lock(Scope::Environment, None)).unwrap_err();
    assert_eq!(refused.rule, "ledger.format");
}

#[test]
fn the_entries_of_an_environment_are_kept_and_read_as_they_were() {
    let mut story = fixture::ready();
    done(&mut story, "dana", &lock(Scope::Environment, Some(30)));
    let id = target("production", "checkout");
    let entries: Vec<Entry> = story.cockpit.known.targets[&id]
        .entries
        .iter()
        .filter(|entry| entry.stream.0 == "environment:production")
        .map(|entry| serde_json::from_str(&serde_json::to_string(entry).unwrap()).unwrap())
        .collect();
    let said: Vec<String> = entries.iter().map(Entry::sentence).collect();
    assert_eq!(
        said,
        [
            "lee recorded the policy of production: as we agreed",
            "dana locked production for 30 min: the database moves",
        ]
    );
    let known = &story.cockpit.known.environments[&id.environment];
    assert_eq!(EnvironmentState::fold(&entries), known.state);
    // A policy from before calendars reads as one without.
    let mut old = serde_json::to_value(Policy::default()).unwrap();
    assert!(
        old.get("calendar").is_none(),
        "what is not configured leaves digests as they were"
    );
    old.as_object_mut().unwrap().remove("calendar");
    assert_eq!(
        serde_json::from_value::<Policy>(old).unwrap(),
        Policy::default()
    );
}

/// A line of the palette, then the reason that it asks for.
#[test]
fn the_palette_locks_what_it_names_for_as_long_as_it_says() {
    let typed = |line: &str| {
        let workspace = fixture::workspace();
        let focus = target("production", "auth-service");
        match palette::parse(line, &workspace, Some(&focus), |_, _| Err(String::new())) {
            Ok(Line::Act { aim, target }) => Ok((aim, target)),
            Ok(other) => panic!("{other:?}"),
            Err(sentence) => Err(sentence),
        }
    };
    let story = fixture::ready();
    let built = |line: &str, action: Action| {
        let (aim, _) = typed(line).unwrap();
        assert_eq!(aim.action, Some(action));
        match wanted::build(&story.cockpit, action, &aim).unwrap() {
            Wanted::Record(command) => command,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        built(
            "lock production --for 2h --reason the database moves",
            Action::Lock
        ),
        lock(Scope::Environment, Some(120))
    );
    assert_eq!(
        built(
            "lock production auth-service --reason the database moves",
            Action::Lock
        ),
        lock(Scope::Target, None)
    );
    assert!(typed("lock production --for soon").is_err());
    let (aim, _) = typed("policy record production").unwrap();
    assert_eq!(aim.action, Some(Action::RecordPolicy));
    let asks = wanted::build(&story.cockpit, Action::Lock, &Aim::default()).unwrap();
    let Wanted::Prompt(ask) = asks else {
        panic!("a reason is asked for");
    };
    assert_eq!(ask.title(), "Lock production: why?");
    let why = wanted::why_not(&story.cockpit, Action::Unlock);
    assert_eq!(why.as_deref(), Some("production is not locked"));
}

/// By verbs, on a served rehearsal: exit codes, `--json`, and what `status` says.
#[test]
fn locks_and_policies_by_verbs() {
    let served = Served::start("good", 20);
    let lock = [
        "lock",
        "production",
        "--reason",
        "the database moves",
        "--for",
        "1h",
    ];
    served
        .verb_as("kim", &["unlock", "production", "--reason", "x"])
        .exits(4);
    served.verb(&lock).exits(0);
    let second = served.verb_as("lee", &lock).exits(5);
    assert!(second.err.contains("locked by dana"), "{}", second.err);
    let status = served.status("production", "auth-service");
    assert_eq!(status["lock"]["by"], "dana");
    assert!(
        status["notes"][0]
            .as_str()
            .unwrap()
            .contains("the database moves")
    );
    assert_eq!(
        served.status("staging", "auth-service")["lock"],
        serde_json::Value::Null
    );
    let refused = served
        .verb_as("sam", &["unlock", "production", "--reason", "mine"])
        .exits(3);
    assert!(refused.err.contains("configure"), "{}", refused.err);
    let story = served
        .verb(&["timeline", "production", "auth-service"])
        .exits(0)
        .out;
    assert!(
        story.contains("dana locked production for 60 min: the database moves"),
        "{story}"
    );
    served
        .verb_as("lee", &["unlock", "production", "--reason", "done"])
        .exits(0);

    // The file of this machine asks for one approval instead of two.
    let shown = |served: &Served| {
        served.verb(&["policy", "show", "prod"]).exits(0).json()["environments"][0].clone()
    };
    assert_eq!(shown(&served)["recorded"]["by"], "lee");
    assert_eq!(shown(&served)["differences"], serde_json::json!([]));
    let file = served.path().join("gonogo.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("quorum = 2"));
    std::fs::write(&file, text.replace("quorum = 2", "quorum = 1")).unwrap();
    assert_eq!(shown(&served)["differences"].as_array().unwrap().len(), 1);
    assert!(
        shown(&served)["policy"]["approvals"]
            .to_string()
            .contains("\"quorum\":2")
    );
    let status = served.status("production", "auth-service");
    assert!(
        status["notes"]
            .to_string()
            .contains("is not the one that is recorded"),
        "{status}"
    );
    let record = [
        "policy",
        "record",
        "production",
        "--reason",
        "one is enough",
    ];
    served.verb(&record).exits(3);
    served.verb_as("lee", &record).exits(0);
    assert_eq!(shown(&served)["differences"], serde_json::json!([]));
    assert!(
        shown(&served)["policy"]["approvals"]
            .to_string()
            .contains("\"quorum\":1")
    );
    served.verb_as("lee", &record).exits(5);
}
