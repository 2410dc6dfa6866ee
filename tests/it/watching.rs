//! What a person needs at night on a screen of any size: who flies, whose move it is, what waits for them, what a key
//! does here and why not, and nothing that is stale.

use gonogo::{
    domain::{
        entry::{Answer, Body, StreamId},
        plan::ItemId,
        presence::{Duty, Presence},
        workspace::IdentityMeans,
    },
    flight::process::Mover,
    input::Action,
    policy::{
        decide::{Command, Scope, decide},
        refusal::{Refusal, RefusalKind},
    },
    session::{
        cockpit::Cockpit,
        event::{Event, Stamped},
        show::{self, ErrandKind},
        update::update,
        view::Screen,
    },
};

use crate::{
    fixture::{self, Story, actor, at, press, wait, write},
    hotfix,
    support::Served,
    tiny,
};

/// `name` took the controls and is there.
fn flown_by(story: &mut Story, name: &str) {
    let taken = Body::ControlsTaken {
        deployment: Story::id(),
        from: None,
        reason: None,
    };
    let now = story.cockpit.now;
    story.enter(&Story::here(), now, &actor(name), taken);
    let present = Presence {
        process: format!("bastion/{name}"),
        stream: StreamId::target(&Story::here()),
        name: name.to_owned(),
        duty: Duty::Guarding,
        since: now,
        at: now,
        left: false,
    };
    let event = Event::Present(vec![present]);
    update(&mut story.cockpit, &Stamped { at: now, event });
}

#[test]
fn whoever_looks_on_reads_whose_move_it_is() {
    let mut story = fixture::aborted();
    flown_by(&mut story, "lee");
    let cockpit = story.show(Screen::Flight);
    let waiting = show::flight(&cockpit).unwrap().waiting.unwrap();
    assert_eq!(
        (waiting.mover, waiting.by.as_deref()),
        (Mover::You, Some("lee"))
    );
    for size in [(120, 36), (80, 24), (60, 16)] {
        let screen = tiny::text(&cockpit, size);
        assert!(screen.contains("▶ lee"), "{size:?}: {screen}");
        assert!(!screen.contains("YOU"), "{size:?}: {screen}");
    }
    // To lee it is theirs, and once lee is gone it is everybody's.
    let mut lee = cockpit.clone();
    lee.me = actor("lee");
    assert!(tiny::text(&lee, (80, 24)).contains("▶ YOU"));
    let mut later = cockpit;
    later.now = at("14:40:00");
    assert!(tiny::text(&later, (80, 24)).contains("YOU"));
}

#[test]
fn who_flies_ones_name_and_the_clock_stay_in_the_header() {
    // Where much is wrong at once one's own name gives way last but one.
    for (story, name) in [
        (fixture::breach(), "dana"),
        (fixture::aborted(), "dana"),
        (fixture::stale(), ""),
    ] {
        let mut story = story;
        flown_by(&mut story, "lee");
        let mut cockpit = fixture::rehearsed(story).show(Screen::Flight);
        let clock = cockpit.now.strftime("%H:%M:%S").to_string();
        for means in [IdentityMeans::Account, IdentityMeans::Claimed] {
            cockpit.me.means = means;
            for width in [80u16, 100, 120] {
                let screen = tiny::text(&cockpit, (width, 24));
                let head: String = screen.chars().take(usize::from(width)).collect();
                for words in ["PRODUCTION", "controls: lee", name, &clock] {
                    assert!(head.contains(words), "{words} at {width}: {head}");
                }
            }
            let head: String = tiny::text(&cockpit, (60, 16)).chars().take(62).collect();
            assert!(head.contains("controls: lee"), "{head}");
        }
    }
    let mut mine = fixture::breach();
    flown_by(&mut mine, "dana");
    let screen = tiny::text(&mine.show(Screen::Flight), (80, 24));
    let head: String = screen.chars().take(82).collect();
    assert!(head.contains("controls: dana (you)"), "{head}");
}

/// A hold asks nothing, so its answer says from whom it took the controls.
#[test]
fn a_hold_says_whose_controls_it_takes() {
    let mut story = fixture::breach();
    flown_by(&mut story, "lee");
    let mut cockpit = story.show(Screen::Flight);
    assert!(!press(&mut cockpit, "z").is_empty());
    let said = cockpit.message.unwrap().text;
    assert!(said.contains("takes the controls from lee"), "{said}");
    let mut own = fixture::breach();
    flown_by(&mut own, "dana");
    let mut cockpit = own.show(Screen::Flight);
    press(&mut cockpit, "z");
    assert_eq!(cockpit.message.unwrap().text, "hold: asked");
}

fn errands(cockpit: &Cockpit) -> Vec<(ErrandKind, String)> {
    let errands = show::inbox(cockpit).into_iter();
    errands
        .map(|errand| (errand.kind, errand.sentence))
        .collect()
}

#[track_caller]
fn waits(cockpit: &Cockpit, kind: ErrandKind, words: &str) {
    let all = errands(cockpit);
    assert!(
        all.iter()
            .any(|(of, said)| *of == kind && said.contains(words)),
        "{kind:?} {words}: {all:?}"
    );
}

#[test]
fn the_inbox_holds_open_items_steps_and_hotfixes() {
    let mut story = Story::new();
    story.request();
    waits(
        &story.cockpit,
        ErrandKind::Item,
        "of the list is open before it flies: backup.recent",
    );
    let mut lee = story.cockpit.clone();
    lee.me = actor("lee");
    assert!(
        !errands(&lee)
            .iter()
            .any(|(_, said)| said.contains("before it flies"))
    );

    let mut ready = fixture::baking();
    flown_by(&mut ready, "dana");
    ready.cockpit.now = at("14:32:07");
    let facts = ready.cockpit.facts().unwrap();
    let step = facts.fresh().and_then(|observed| observed.workload.step);
    let goes = step.map(|step| decide(&Command::Promote { step }, &facts, &actor("dana")));
    let expected = goes.is_some_and(|decided| decided.is_ok());
    let listed = errands(&ready.cockpit);
    let listed = listed.iter().any(|(kind, _)| *kind == ErrandKind::Promote);
    assert_eq!(
        listed, expected,
        "offered exactly where it would not be refused"
    );

    let burning = hotfix::burning();
    waits(&burning.cockpit, ErrandKind::Hotfix, "session-leak: test");
    let mut cockpit = burning.show(Screen::Inbox);
    let place = errands(&cockpit)
        .iter()
        .position(|(kind, _)| *kind == ErrandKind::Hotfix);
    cockpit.view.inbox_line = place.unwrap();
    press(&mut cockpit, "enter");
    assert_eq!(cockpit.view.screen, Screen::Hotfix);
}

/// A step that is GO waits for whoever flies it.
#[test]
fn a_baked_step_waits_for_whoever_flies() {
    let mut story = fixture::breach();
    for target in &mut story.cockpit.known.workspace.targets {
        target.limits.clear();
    }
    flown_by(&mut story, "dana");
    let facts = story.cockpit.facts().unwrap();
    let step = facts.fresh().unwrap().workload.step.unwrap();
    let decided = decide(&Command::Promote { step }, &facts, &actor("dana"));
    let listed = errands(&story.cockpit);
    let waits = listed.iter().any(|(kind, _)| *kind == ErrandKind::Promote);
    assert_eq!(waits, decided.is_ok(), "{decided:?}: {listed:?}");
    let mut lee = story.cockpit.clone();
    lee.me = actor("lee");
    assert!(
        !errands(&lee)
            .iter()
            .any(|(kind, _)| *kind == ErrandKind::Promote)
    );
}

#[test]
fn nobody_is_awaited_before_there_is_a_request() {
    let mut cockpit = fixture::calm().show(Screen::Releases);
    press(&mut cockpit, "enter 6");
    let poll = show::poll(&cockpit)
        .and_then(|shown| shown.poll)
        .expect("a poll");
    assert!(poll.deployment.is_none() && poll.awaited().next().is_none());
    let screen = tiny::text(&cockpit, (120, 36));
    assert!(!screen.contains("awaited"), "{screen}");
    assert!(screen.contains("not requested"), "{screen}");
}

fn refused(story: &Story, who: &str, command: &Command) -> Refusal {
    let facts = story.cockpit.facts().unwrap();
    match decide(command, &facts, &actor(who)) {
        Err(refusal) => refusal,
        Ok(decision) => panic!("allowed: {decision:?}"),
    }
}

#[test]
fn a_go_after_take_off_is_refused_and_says_so() {
    let say = |story: &Story, answer: Answer| {
        let plan = story
            .cockpit
            .facts()
            .unwrap()
            .current()
            .unwrap()
            .plan
            .digest
            .clone();
        let reason = "late".to_owned();
        match answer {
            Answer::Go => Command::Approve { plan, reason },
            _ => Command::Reject { plan, reason },
        }
    };
    for story in [fixture::baking(), fixture::aborted(), fixture::monitoring()] {
        let late = refused(&story, "lee", &say(&story, Answer::Go));
        assert_eq!(
            (late.rule.as_str(), late.kind),
            ("approvals.late", RefusalKind::Raced)
        );
        assert!(
            late.sentence.contains("counts no more") && late.hint.is_some(),
            "{late:?}"
        );
    }
    // A NO-GO still stops the next step, and is taken as long as there is one.
    let flying = fixture::baking();
    let facts = flying.cockpit.facts().unwrap();
    let taken = decide(&say(&flying, Answer::NoGo), &facts, &actor("lee"));
    assert_ne!(
        taken.err().map(|refusal| refusal.rule).as_deref(),
        Some("approvals.late")
    );
    let over = fixture::monitoring();
    assert_eq!(
        refused(&over, "lee", &say(&over, Answer::NoGo)).rule,
        "approvals.late"
    );
}

#[test]
fn refusals_name_the_next_step() {
    let monitoring = fixture::monitoring();
    for (command, verb) in [(Command::Hold, "hold"), (Command::Abort, "abort")] {
        let why = refused(&monitoring, "dana", &command);
        assert!(why.sentence.contains(verb), "{why:?}");
        assert!(
            why.hint.as_deref().is_some_and(|hint| hint.contains('R')),
            "{why:?}"
        );
    }
    let requested = fixture::requested();
    let waive = Command::Waive {
        item: ItemId("checklist".to_owned()),
        reason: "in a hurry".to_owned(),
    };
    let why = refused(&requested, "dana", &waive);
    assert!(why.hint.is_some_and(|hint| hint.contains("waive ITEM")));
    let unlock = |scope| Command::Unlock {
        scope,
        reason: "done".to_owned(),
    };
    let why = refused(&requested, "dana", &unlock(Scope::Environment));
    assert!(
        why.hint
            .is_some_and(|hint| hint.contains("nothing is locked"))
    );
    let mut locked = fixture::requested();
    let body = Body::Locked {
        reason: "audit".to_owned(),
        until: None,
    };
    locked.enter(&Story::here(), at("14:30:00"), &actor("dana"), body);
    let why = refused(&locked, "dana", &unlock(Scope::Environment));
    assert!(
        why.hint
            .as_deref()
            .is_some_and(|hint| hint.contains("auth-service")),
        "{why:?}"
    );
}

#[test]
fn the_plan_offers_its_list_at_every_width() {
    let mut cockpit = fixture::requested().show(Screen::Plan);
    for width in [200, 120, 80, 60] {
        let screen = tiny::text(&cockpit, (width, 24));
        assert!(screen.contains("c go to "), "{width}: {screen}");
    }
    press(&mut cockpit, "c");
    for width in [200, 120, 80, 60] {
        let screen = tiny::text(&cockpit, (width, 24));
        assert!(screen.contains("c check "), "{width}: {screen}");
    }
}

#[test]
fn an_answer_ends_with_its_screen_and_a_failure_does_not() {
    use gonogo::session::cockpit::Severity;
    let mut cockpit = fixture::calm().show(Screen::Releases);
    press(&mut cockpit, "y");
    assert!(cockpit.message.is_some());
    press(&mut cockpit, "j");
    assert!(cockpit.message.is_some(), "it stays while one stays");
    press(&mut cockpit, "5");
    assert_eq!(cockpit.message, None);
    cockpit.say(Severity::Error, "the ledger could not be written");
    press(&mut cockpit, "2");
    assert!(cockpit.message.is_some());
}

#[test]
fn the_way_out_of_gonogo_says_what_enter_does() {
    let mut story = fixture::breach();
    flown_by(&mut story, "dana");
    let mut cockpit = story.show(Screen::Flight);
    press(&mut cockpit, "q");
    let screen = tiny::text(&cockpit, (80, 24));
    assert!(!screen.contains("go on"), "{screen}");
    assert!(
        screen.contains("enter leaves") && screen.contains("esc stay"),
        "{screen}"
    );
}

#[test]
fn locks_have_keys() {
    let mut cockpit = fixture::calm().show(Screen::Fleet);
    press(&mut cockpit, "L");
    write(&mut cockpit, "audit until noon");
    wait(&mut cockpit, 400);
    let effects = press(&mut cockpit, "enter");
    let said = format!("{effects:?}");
    assert!(
        said.contains("Lock") && said.contains("audit until noon"),
        "{said}"
    );
    let mut locked = fixture::calm();
    let body = Body::Locked {
        reason: "audit".to_owned(),
        until: None,
    };
    locked.enter_place("production", at("14:30:00"), &actor("dana"), body);
    let mut cockpit = locked.show(Screen::Fleet);
    let hints = show::hints(&cockpit);
    assert!(
        hints
            .iter()
            .any(|hint| hint.action == Action::Unlock && hint.key == "U")
    );
    press(&mut cockpit, "U");
    assert!(cockpit.view.overlay.is_some());
}

/// A frame asks for it; only a change makes it anew.
#[test]
fn the_history_is_made_once_for_each_change() {
    let mut story = fixture::verifying();
    story.cockpit.view.screen = Screen::History;
    for _ in 0..20 {
        tiny::text(&story.cockpit, (200, 60));
    }
    assert_eq!(story.cockpit.looked_back.made(), (1, 1));
    story.check("14:31:02", "dana", "verify.login");
    tiny::text(&story.cockpit, (200, 60));
    tiny::text(&story.cockpit, (200, 60));
    assert_eq!(story.cockpit.looked_back.made(), (2, 2));
    press(&mut story.cockpit, "/");
    write(&mut story.cockpit, "closed");
    let listed = show::history(&story.cockpit).len();
    assert_eq!(listed, show::history(&story.cockpit.clone()).len());
    assert_eq!(
        story.cockpit.looked_back.made().1,
        2,
        "the filter is none of the scorecard's"
    );
}

/// By the verbs: the step that `promote --step` takes, a last line that is true, and nothing older than its commit.
#[test]
fn the_verbs_say_where_it_stands() {
    let served = Served::start("good", 200);
    let releases = served
        .verb(&["release", "list", "auth-service"])
        .exits(0)
        .json();
    let history = served.verb(&["history"]).exits(0).json();
    let mut compared = 0;
    for flown in history["deployments"].as_array().unwrap() {
        if flown["target"]["project"] != "acme/shop/auth-service"
            && flown["project"] != "acme/shop/auth-service"
        {
            continue;
        }
        let commit = &flown["release"]["commit"];
        let mut all = releases["releases"].as_array().unwrap().iter();
        let release = all.find(|release| release["commit"] == *commit);
        let Some(release) = release else { continue };
        let parse =
            |value: &serde_json::Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert!(
            parse(&flown["requested"]["at"]) > parse(&release["committed_at"]),
            "{} flew before it was committed",
            flown["id"]
        );
        compared += 1;
    }
    assert!(compared >= 3, "{compared} compared");
    // Every project, nothing open; then a window, and what users are told.
    served.verb(&["hotfix", "status"]).exits(0);
    let window = served
        .verb(&["window", "production", "auth-service"])
        .exits(0)
        .json();
    assert_eq!(window["window"]["open"], true);
    let told = served
        .verb(&["announce", "production", "auth-service"])
        .exits(0)
        .json();
    assert_eq!(told["sent"], false);
    assert!(
        told["announcement"]["title"]
            .as_str()
            .unwrap()
            .contains("is live")
    );
}
