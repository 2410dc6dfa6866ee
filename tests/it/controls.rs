//! Who flies: one holder per deployment, known by heartbeat; observers look on and may always stop it (SPEC K1). With
//! several processes against the served practice cluster, and with cockpits made of data.

use std::process::{Child, Stdio};

use gonogo::{
    domain::{
        entry::{Body, StreamId},
        presence::{Duty, Presence},
        target::TargetId,
    },
    policy::decide::Command,
    session::{
        effect::Effect,
        event::{Event, Stamped},
        show,
        update::update,
        view::{Ask, Overlay, Screen},
    },
};
use serde_json::{Value, json};

use crate::{
    fixture::{self, Story, actor, target},
    flight::{PLACE, SPEED, at, ready, status, take_off},
    support::{Served, gonogo, until},
};

/// `gonogo fly` in a process of its own: it attends, and its heart beats.
struct Attending(Child);

impl Attending {
    fn of(served: &Served, who: &str) -> Self {
        let child = gonogo(&["--config"])
            .arg(served.path().join("gonogo.toml"))
            .args(at("fly", &["--as", who]))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    /// Without a word, like a machine that loses its power.
    fn dies(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn controls(served: &Served) -> Value {
    status(served)["controls"].clone()
}

fn until_present(served: &Served, present: bool) {
    until("the heartbeat to tell", || {
        (controls(served)["present"] == present).then_some(())
    });
}

fn timeline(served: &Served) -> String {
    served.plain(&at("timeline", &[])).exits(0).out
}

/// The controls go to whoever takes off. While the holder is there nobody else moves the flight on, with whatever flags;
/// once the heart has stopped they are taken over by who says so; hold, abort and rollback are open all the while.
#[test]
fn one_flies_and_the_others_look_on() {
    let served = Served::start("good", SPEED);
    ready(&served);
    take_off(&served);
    let held = controls(&served);
    assert_eq!(
        (&held["holder"], &held["present"]),
        (&json!("dana"), &json!(false)),
        "a verb that has ended attends nothing"
    );
    assert!(timeline(&served).contains("dana took the controls"));
    served.verb(&at("hold", &[])).exits(0);

    let dana = Attending::of(&served, "dana");
    let lee = Attending::of(&served, "lee");
    until_present(&served, true);
    until("lee to be seen", || {
        (controls(&served)["watching"] == json!(["lee"])).then_some(())
    });
    for args in [
        at("resume", &["--yes"]),
        at("resume", &["--yes", "--take-over"]),
        at("promote", &["--step", "1", "--yes", "--take-over"]),
        at("promote", &["--full", "--yes", "--confirm", "42"]),
        ["controls", "take", PLACE[0], PLACE[1]].to_vec(),
    ] {
        let refused = served.verb_as("lee", &args).exits(5);
        assert_eq!(refused.rule(), "controls.held", "{args:?}");
        let why = refused.sentence();
        assert!(
            why.contains("the controls are with dana, heard of") && why.contains("ago"),
            "{why}"
        );
    }
    // What needs no controls is not refused for them.
    let plan = status(&served)["deployment"]["plan"]
        .as_str()
        .unwrap()
        .to_owned();
    served
        .verb_as("sam", &at("withdraw", &["--plan", &plan]))
        .exits(0);
    served
        .verb_as(
            "sam",
            &at("reject", &["--plan", &plan, "--reason", "not now"]),
        )
        .exits(0);
    served
        .verb_as("sam", &at("withdraw", &["--plan", &plan]))
        .exits(0);
    // But a GO counts before take-off only, and is not taken as if it did.
    let late = served
        .verb_as(
            "sam",
            &at("approve", &["--plan", &plan, "--reason", "again"]),
        )
        .exits(5);
    assert_eq!(late.rule(), "approvals.late");
    assert!(late.sentence().contains("took off"), "{}", late.sentence());
    // The same person from another terminal.
    let again = served.verb(&at("hold", &[])).exits(5);
    assert_eq!(again.rule(), "hold.held");

    // Heartbeats are no entries, and the chain does not mind them.
    let entries = served.entries();
    dana.dies();
    until_present(&served, false);
    assert_eq!(served.entries(), entries);
    let absent = served.verb_as("lee", &at("resume", &["--yes"])).exits(5);
    assert_eq!(absent.rule(), "controls.absent");
    served
        .verb_as("lee", &at("resume", &["--yes", "--take-over"]))
        .exits(0);
    assert_eq!(controls(&served)["holder"], "lee");
    assert!(timeline(&served).contains("lee took the controls over from dana"));
    drop(lee);
}

/// Who may only stop takes the controls with it, from somebody who is there; they are handed on and let go of by name.
#[test]
fn whoever_stops_it_flies_from_then_on() {
    let served = Served::start("good", SPEED);
    ready(&served);
    take_off(&served);
    let dana = Attending::of(&served, "dana");
    until_present(&served, true);
    served.verb_as("kim", &at("abort", &["--yes"])).exits(0);
    assert_eq!(controls(&served)["holder"], "kim");
    assert!(timeline(&served).contains("kim took the controls over from dana"));
    // Dana is there, but does not fly any more.
    let retry = at("retry", &["--yes"]);
    assert_eq!(served.verb(&retry).exits(5).rule(), "controls.absent");

    let hand =
        |who: &str, to: &str| served.verb_as(who, &["controls", "hand", PLACE[0], PLACE[1], to]);
    assert_eq!(hand("dana", "lee").exits(5).rule(), "controls.held");
    hand("kim", "dana").exits(0);
    assert_eq!(hand("dana", "kim").exits(3).rule(), "role.operate");
    hand("dana", "lee").exits(0);
    assert_eq!(controls(&served)["holder"], "lee");
    let let_go = ["controls", "release", PLACE[0], PLACE[1]];
    served.verb_as("lee", &let_go).exits(0);
    assert_eq!(controls(&served)["holder"], Value::Null);
    assert_eq!(
        served.verb_as("lee", &let_go).exits(3).rule(),
        "controls.free"
    );
    served
        .verb_as("sam", &["controls", "take", PLACE[0], PLACE[1]])
        .exits(0);
    for told in [
        "kim handed the controls to dana",
        "dana handed the controls to lee",
        "lee let go of the controls",
        "sam took the controls",
    ] {
        assert!(timeline(&served).contains(told), "{told}");
    }
    drop(dana);
}

fn production() -> TargetId {
    target("production", "auth-service")
}

fn row(story: &Story, name: &str, duty: Duty, seconds_ago: i64) -> Presence {
    let at = story.cockpit.now - jiff::SignedDuration::from_secs(seconds_ago);
    Presence {
        process: format!("bastion/{name}"),
        stream: StreamId::target(&production()),
        name: name.to_owned(),
        duty,
        since: at,
        at,
        left: false,
    }
}

fn happens(story: &mut Story, event: Event) -> Vec<Effect> {
    let at = story.cockpit.now;
    update(&mut story.cockpit, &Stamped { at, event })
}

fn holds(story: &mut Story, name: &str) {
    let now = story.cockpit.now;
    let deployment = story.cockpit.known.targets[&production()]
        .state
        .current
        .as_ref()
        .unwrap()
        .id
        .clone();
    let taken = Body::ControlsTaken {
        deployment,
        from: None,
        reason: None,
    };
    story.enter(&production(), now, &actor(name), taken);
}

fn shown(story: &Story) -> show::ControlsShown {
    let facts = story.cockpit.facts().unwrap();
    show::controls(&story.cockpit, &facts).unwrap()
}

#[test]
fn the_header_says_who_flies_and_who_looks_on() {
    let mut story = fixture::baking();
    assert_eq!(story.cockpit.me.name, "dana");
    assert_eq!(shown(&story).holder, "controls: free");
    holds(&mut story, "dana");
    let there = vec![
        row(&story, "lee", Duty::Guarding, 4),
        row(&story, "sam", Duty::Watching, 29),
        // Too long ago, and gone by itself.
        row(&story, "kim", Duty::Watching, 31),
        Presence {
            left: true,
            ..row(&story, "eve", Duty::Watching, 1)
        },
    ];
    happens(&mut story, Event::Present(there));
    let told = shown(&story);
    assert_eq!(
        (told.holder.as_str(), told.watching, told.unguarded),
        ("controls: dana (you)", 2, None)
    );
    let mut story = fixture::baking();
    holds(&mut story, "lee");
    assert_eq!(shown(&story).holder, "controls: lee (absent)");
    let there = vec![row(&story, "lee", Duty::Guarding, 4)];
    happens(&mut story, Event::Present(there));
    let told = shown(&story);
    assert_eq!((told.holder.as_str(), told.watching), ("controls: lee", 1));
    // Who may not stop it guards nothing.
    story.cockpit.me = actor("sam");
    assert_eq!(shown(&story).unguarded, None);
    happens(&mut story, Event::Present(Vec::new()));
    assert_eq!(shown(&story).unguarded.as_deref(), Some("UNGUARDED"));
}

/// Leaving asks where it leaves the controls or the last guard behind, and nowhere else.
#[test]
fn quitting_asks_whoever_is_needed() {
    let asked = |story: &Story| match &story.cockpit.view.overlay {
        Some(Overlay::Prompt(prompt)) => match &prompt.ask {
            Ask::Quit { why } => Some(why.clone()),
            _ => None,
        },
        _ => None,
    };
    let quit = |story: &mut Story| {
        fixture::press(&mut story.cockpit, "q");
        asked(story)
    };
    let mut alone = fixture::baking();
    assert_eq!(
        quit(&mut alone).as_deref(),
        Some("Nobody else guards auth-service in production")
    );
    let mut flies = fixture::baking();
    holds(&mut flies, "dana");
    let there = vec![row(&flies, "lee", Duty::Guarding, 1)];
    happens(&mut flies, Event::Present(there));
    assert_eq!(
        quit(&mut flies).as_deref(),
        Some("You hold the controls of auth-service in production")
    );
    let mut looks_on = fixture::baking();
    holds(&mut looks_on, "lee");
    let there = vec![row(&looks_on, "lee", Duty::Guarding, 1)];
    happens(&mut looks_on, Event::Present(there));
    assert_eq!(quit(&mut looks_on), None);
    // Only looking on guards nothing.
    let mut unguarded = fixture::baking();
    holds(&mut unguarded, "lee");
    let there = vec![row(&unguarded, "lee", Duty::Watching, 1)];
    happens(&mut unguarded, Event::Present(there));
    assert!(quit(&mut unguarded).is_some());
}

/// One sign of life at once, the next when it is due or when somebody else sits here.
#[test]
fn the_heart_beats_for_what_is_under_way() {
    let mut story = fixture::baking();
    let beat = |story: &mut Story, seconds: i64| -> Vec<Presence> {
        story.cockpit.now += jiff::SignedDuration::from_secs(seconds);
        let effects = happens(story, Event::Tick);
        let rows = effects.into_iter().find_map(|effect| match effect {
            Effect::Beat(rows) => Some(rows),
            _ => None,
        });
        rows.unwrap_or_default()
    };
    let first = beat(&mut story, 1);
    let here: Vec<&StreamId> = first.iter().map(|row| &row.stream).collect();
    assert_eq!(here, [&StreamId::target(&production())]);
    assert_eq!((first[0].duty, first[0].left), (Duty::Guarding, false));
    assert!(beat(&mut story, 9).is_empty());
    assert_eq!(beat(&mut story, 1).len(), 1);
    story.cockpit.me = actor("sam");
    let changed = beat(&mut story, 1);
    assert_eq!(
        (changed[0].name.as_str(), changed[0].duty),
        ("sam", Duty::Watching)
    );
    let mut idle = fixture::calm();
    assert!(beat(&mut idle, 60).is_empty());
}

/// `t` takes free controls at once, and asks before it takes those of somebody else, there or not.
#[test]
fn the_key_takes_what_may_be_taken() {
    let mut story = fixture::baking();
    story.cockpit.view.screen = Screen::Flight;
    let press = |story: &mut Story| fixture::press(&mut story.cockpit, "t");
    assert!(matches!(
        press(&mut story).as_slice(),
        [Effect::Record { .. }]
    ));
    holds(&mut story, "lee");
    let mut absent = story;
    assert!(press(&mut absent).is_empty());
    assert!(matches!(
        &absent.cockpit.view.overlay,
        Some(Overlay::Prompt(prompt)) if prompt.ask == Ask::TakeOver { from: "lee".to_owned(), present: false }
    ));
    absent.cockpit.view.overlay = None;
    let there = vec![row(&absent, "lee", Duty::Guarding, 4)];
    happens(&mut absent, Event::Present(there));
    // Somebody who flies is taken over from only by who was told so, and says why.
    assert!(press(&mut absent).is_empty());
    assert!(matches!(
        &absent.cockpit.view.overlay,
        Some(Overlay::Prompt(prompt)) if prompt.ask == Ask::TakeOver { from: "lee".to_owned(), present: true }
    ));
    let screen = crate::tiny::text(&absent.cockpit, (120, 36));
    assert!(
        screen.contains("TAKE OVER from lee, who is there and flies"),
        "{screen}"
    );
    fixture::write(&mut absent.cockpit, "lee asked me to");
    let effects = fixture::press(&mut absent.cockpit, "enter");
    let [Effect::Record { command, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let Command::TakeControls {
        over: true,
        reason: Some(reason),
    } = command.as_ref()
    else {
        panic!("{command:?}");
    };
    assert_eq!(reason, "lee asked me to");
}
