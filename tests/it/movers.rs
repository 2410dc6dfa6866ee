//! Who moves next, in words that are true: what never landed is offered again, what is refused is not offered, what is
//! not known is not counted, and nobody without keys is told of keys.

use gonogo::{
    domain::{
        change::{Act, ActKind},
        entry::{Body, IntentId, Means, Outcome},
        fault::{Fault, FaultKind},
        observation::{Observation, Seen},
    },
    flight::process::{Mover, Waiting},
    policy::{
        decide::{Command, Decision, decide},
        gate::Verdict,
    },
    session::{
        cockpit::Cockpit,
        event::{End, Event, Stamped},
        lines::Told,
        show,
        update::update,
        view::{Overlay, Screen},
    },
};
use jiff::Timestamp;

use crate::fixture::{self, Story, actor, at, press};

fn waiting(cockpit: &Cockpit) -> Waiting {
    show::flight(cockpit).unwrap().waiting.unwrap()
}

fn act(story: &Story, command: &Command) -> Act {
    let facts = story.cockpit.facts().unwrap();
    let Decision::Act { act, .. } = decide(command, &facts, &actor("dana")).unwrap() else {
        panic!("{command:?} is an act");
    };
    *act
}

/// Sent, and looked for in vain.
fn never_landed(story: &mut Story, act: &Act, clock: &str, number: usize) {
    let intent = IntentId(format!("lost-{number}"));
    let here = Story::here();
    let intended = Body::Intended {
        deployment: Story::id(),
        intent: intent.clone(),
        act: Box::new(act.clone()),
        change: 0,
        means: Means::Dialog,
    };
    story.enter(&here, at(clock), &actor("dana"), intended);
    let settled = Body::Settled {
        deployment: Story::id(),
        intent,
        outcome: Outcome::NotApplied,
    };
    story.enter(&here, at(clock), &actor("dana"), settled);
}

fn happens(cockpit: &mut Cockpit, now: Timestamp, event: Event) {
    update(cockpit, &Stamped { at: now, event });
}

#[test]
fn what_never_landed_is_offered_again_and_counted() {
    for (command, key, noun) in [
        (Command::Abort, "A again", "the abort never landed"),
        (Command::Hold, "z again", "the hold never landed"),
        (
            Command::RollBack {
                to: None,
                staged: false,
                reason: "slow".to_owned(),
            },
            "R again",
            "the rollback never landed",
        ),
    ] {
        let mut story = fixture::breach();
        let act = act(&story, &command);
        never_landed(&mut story, &act, "14:31:50", 1);
        let said = waiting(&story.cockpit);
        assert_eq!(said.mover, Mover::You);
        assert!(said.sentence.starts_with(noun), "{}", said.sentence);
        assert!(said.sentence.contains(key), "{}", said.sentence);
        never_landed(&mut story, &act, "14:31:51", 2);
        never_landed(&mut story, &act, "14:31:52", 3);
        let said = waiting(&story.cockpit).sentence;
        assert!(said.contains(&format!("{noun}, asked 3 times")), "{said}");
        // Once in the timeline, with how often; each outcome stands.
        let lines = show::timeline(&story.cockpit);
        let asked: Vec<&str> = lines
            .iter()
            .map(|line| line.sentence.as_str())
            .filter(|sentence| sentence.starts_with("dana asked") && sentence.contains("3 times"))
            .collect();
        assert_eq!(asked.len(), 1, "{lines:?}");
        let verb = act.kind.verb();
        let other = lines
            .iter()
            .filter(|line| line.sentence.contains(&format!("asked ({verb})")));
        assert_eq!(other.count(), 0, "{lines:?}");
        let lost = lines
            .iter()
            .filter(|line| line.sentence.contains("never landed"));
        assert_eq!(lost.count(), 3);
    }
}

/// Whoever reads line by line was told the first asking already.
#[test]
fn line_by_line_an_asking_is_told_as_one_more() {
    let mut story = fixture::breach();
    let act = act(&story, &Command::Abort);
    let mut told = Told::default();
    told.news(&story.cockpit);
    never_landed(&mut story, &act, "14:31:50", 1);
    let first: Vec<String> = told
        .news(&story.cockpit)
        .into_iter()
        .map(|line| line.text)
        .collect();
    assert!(
        first.iter().any(|line| line.contains("dana asked (abort)")),
        "{first:?}"
    );
    assert!(
        first
            .iter()
            .any(|line| line.contains("the abort never landed") && line.contains("`abort` again")),
        "{first:?}"
    );
    never_landed(&mut story, &act, "14:31:51", 2);
    let second: Vec<String> = told
        .news(&story.cockpit)
        .into_iter()
        .map(|line| line.text)
        .collect();
    assert!(
        second
            .iter()
            .any(|line| line.contains("dana asked again, 2 times now (abort)")),
        "{second:?}"
    );
}

/// What landed after all, or was followed by something else, is not offered.
#[test]
fn what_landed_late_is_not_offered_again() {
    let mut story = fixture::breach();
    let act = act(&story, &Command::Abort);
    never_landed(&mut story, &act, "14:31:50", 1);
    let known = story.cockpit.known.targets.get_mut(&Story::here()).unwrap();
    known.workload.last.as_mut().unwrap().value.workload.aborted = true;
    let said = waiting(&story.cockpit).sentence;
    assert!(!said.contains("never landed"), "{said}");
}

#[test]
fn a_way_that_is_refused_is_not_offered() {
    let mut story = fixture::aborted();
    let said = waiting(&story.cockpit).sentence;
    assert!(said.ends_with(": R rolls back, T retries"), "{said}");
    // What there is to go back to is grounded, and the platform keeps nothing else.
    let known = story.cockpit.known.targets.get_mut(&Story::here()).unwrap();
    let before = known
        .state
        .current
        .as_ref()
        .unwrap()
        .plan
        .before
        .clone()
        .unwrap();
    known.state.grounded.insert(
        before.commit.clone(),
        gonogo::domain::deployment::Grounded {
            at: at("14:00:00"),
            by: "kim".to_owned(),
            how: ActKind::RollBack,
            reason: None,
        },
    );
    let cockpit = story.show(Screen::Flight);
    let said = waiting(&cockpit).sentence;
    assert!(said.ends_with(": T retries"), "{said}");
}

/// A remapped key is named, and without keys the command.
#[test]
fn keys_are_those_in_force_and_lines_name_commands() {
    let mut story = fixture::ready();
    let overrides = [("flight.fly".to_owned(), vec!["ctrl-t".to_owned()])].into();
    story.cockpit.keymap = gonogo::input::Keymap::new(&overrides).unwrap();
    assert_eq!(waiting(&story.cockpit).sentence, "GO: ctrl-t flies");
    let facts = story.cockpit.facts().unwrap();
    let said = show::waiting_in_commands(&facts).unwrap().sentence;
    assert_eq!(said, "GO: `fly` flies");
    for story in [
        fixture::ready(),
        fixture::aborted(),
        fixture::breach(),
        fixture::stale(),
    ] {
        let cockpit = story.show(Screen::Flight);
        for line in gonogo::session::lines::pages::screen(&cockpit) {
            for keys in ["F flies", "R rolls", "T retries", "p promotes", "A again"] {
                assert!(!line.text.contains(keys), "{}", line.text);
            }
        }
    }
}

#[test]
fn below_a_stale_platform_nothing_fails_and_the_bake_is_nobodys() {
    let story = fixture::stale();
    let cockpit = story.show(Screen::Flight);
    let flight = show::flight(&cockpit).unwrap();
    let said = flight.waiting.as_ref().unwrap().sentence.clone();
    assert!(
        said.contains("by the clock the bake of 10 % would be over")
            && said.contains("nobody watches it"),
        "{said}"
    );
    assert!(said.contains("down since 14:32:58"), "{said}");
    assert_eq!(flight.health.as_ref().unwrap().verdict, Verdict::Unknown);
    let bake = flight
        .judgement
        .gates
        .iter()
        .find(|gate| gate.id == "stage.bake")
        .unwrap();
    assert_eq!(bake.verdict, Verdict::Unknown, "{}", bake.sentence);
    // Bad answers and figures of pods that may not be the ones any more are not known, they do not fail.
    for mut story in [fixture::breach(), fixture::crashing()] {
        story.cockpit.now = at("14:32:40");
        let facts = story.cockpit.facts().unwrap();
        assert!(facts.fresh().is_none());
        let failing: Vec<String> = show::flight(&story.cockpit)
            .unwrap()
            .judgement
            .gates
            .into_iter()
            .filter(|gate| gate.verdict == Verdict::Fail)
            .map(|gate| gate.id)
            .collect();
        assert_eq!(failing, Vec::<String>::new());
    }
    // The bar of the bake stands where it was when it was last watched.
    let mut later = fixture::stale();
    let before = show::flight(&later.cockpit).unwrap().progress;
    later.cockpit.now = at("14:33:40");
    assert!((show::flight(&later.cockpit).unwrap().progress - before).abs() < f64::EPSILON);
}

#[test]
fn the_ways_out_say_that_nobody_answers() {
    for (keys, title) in [("A", "abort"), ("z", "hold")] {
        let story = fixture::stale();
        let facts = story.cockpit.facts().unwrap();
        let command = if keys == "A" {
            Command::Abort
        } else {
            Command::Hold
        };
        let Decision::Act { act, .. } = decide(&command, &facts, &actor("dana")).unwrap() else {
            panic!("{title}");
        };
        assert!(
            act.afterwards[0]
                .starts_with("SILENT: the platform was last read 55 s ago (connection refused"),
            "{:?}",
            act.afterwards
        );
    }
    let mut cockpit = fixture::stale().show(Screen::Flight);
    press(&mut cockpit, "A");
    let Some(Overlay::Dialog(dialog)) = &cockpit.view.overlay else {
        panic!("a question");
    };
    assert!(dialog.challenge.act.afterwards[0].contains("SILENT"));
    // Nothing of the kind where it answers.
    let facts = fixture::breach();
    let facts = facts.cockpit.facts().unwrap();
    let Decision::Act { act, .. } = decide(&Command::Abort, &facts, &actor("dana")).unwrap() else {
        panic!("an act");
    };
    assert!(!act.afterwards.iter().any(|line| line.contains("SILENT")));
}

/// From any screen, where a flight of the selected target is under way; elsewhere a sentence says where.
#[test]
fn the_ways_out_work_or_say_where_on_every_screen() {
    for screen in [Screen::Fleet, Screen::Releases, Screen::Plan] {
        for size in [(60, 16), (120, 36)] {
            for key in ["A", "R"] {
                let mut cockpit = fixture::breach().show(screen);
                cockpit.size = size;
                press(&mut cockpit, key);
                assert!(
                    matches!(
                        cockpit.view.overlay,
                        Some(Overlay::Dialog(_) | Overlay::Prompt(_))
                    ),
                    "{key} on {screen:?} at {size:?}: {:?}",
                    cockpit.message
                );
                let mut cockpit = fixture::calm().show(screen);
                cockpit.size = size;
                press(&mut cockpit, key);
                assert!(cockpit.view.overlay.is_none());
                let said = cockpit.message.as_ref().unwrap().text.clone();
                assert!(
                    said.contains("works on the flight screen, 4")
                        && said.contains("nothing is under way for production/"),
                    "{said}"
                );
            }
            let mut cockpit = fixture::breach().show(screen);
            cockpit.size = size;
            let effects = press(&mut cockpit, "z");
            assert_eq!(
                effects,
                [],
                "a hold asks nothing, so it wants its own screen"
            );
            assert!(cockpit.message.is_some());
        }
    }
}

#[test]
fn what_c_confirms_is_named_before_it_is_pressed() {
    let mut cockpit = fixture::requested().show(Screen::Plan);
    let named = |cockpit: &Cockpit| {
        let hints = show::hints(cockpit);
        let check = hints
            .iter()
            .find(|hint| hint.action == gonogo::input::Action::Check);
        check.unwrap().label.clone()
    };
    let goes = named(&cockpit);
    assert!(press(&mut cockpit, "c").is_empty());
    let label = named(&cockpit);
    let item = label.strip_prefix("check ").unwrap().to_owned();
    assert_eq!(goes, format!("go to {item}"));
    let effects = press(&mut cockpit, "c");
    assert!(
        effects.iter().any(|effect| matches!(
            effect,
            gonogo::session::effect::Effect::Record { command, .. }
                if matches!(&**command, Command::Check { item: said, .. } if said.0 == item)
        )),
        "{label}: {effects:?}"
    );
}

/// Retry-After of a mutation counts down where its answer stands.
#[test]
fn a_server_that_is_too_busy_is_counted_down() {
    let mut cockpit = fixture::breach().show(Screen::Flight);
    let mut fault = Fault::new(
        "kubernetes",
        FaultKind::Throttled,
        "promoting",
        "429 Too Many Requests",
    );
    fault.retry_after = Some(jiff::SignedDuration::from_secs(7));
    let now = cockpit.now;
    let ended = Event::ActEnded {
        target: Story::here(),
        kind: ActKind::Promote,
        end: End::Failed(fault),
    };
    happens(&mut cockpit, now, ended);
    for (seconds, words) in [(0, "again in 8 s"), (4, "again in 4 s"), (9, "again now")] {
        let later = now
            .checked_add(jiff::SignedDuration::from_secs(seconds))
            .unwrap();
        let said = cockpit.message.as_ref().unwrap().words(later);
        assert!(said.contains(words), "{said}");
    }
}

/// One cluster that is gone is said once, not once for each of its targets.
#[test]
fn a_dead_cluster_is_told_once() {
    let mut cockpit = fixture::calm().cockpit;
    let mut told = Told::default();
    told.news(&cockpit);
    let now = cockpit.now;
    let targets: Vec<_> = cockpit
        .workspace()
        .targets
        .iter()
        .map(|t| t.id.clone())
        .collect();
    for target in &targets {
        let fault = Fault::new(
            "kubernetes",
            FaultKind::Unreachable,
            format!("reading {target}"),
            "connection refused (10.0.4.12:6443)",
        );
        let seen = Seen::WorkloadFailed(fault);
        let target = target.clone();
        happens(&mut cockpit, now, Event::Seen(Observation { target, seen }));
    }
    let lines: Vec<String> = told
        .news(&cockpit)
        .into_iter()
        .map(|line| line.text)
        .collect();
    let full = lines
        .iter()
        .filter(|line| line.contains("connection refused"));
    assert_eq!(full.count(), 1, "{lines:?}");
    let same = lines.iter().filter(|line| line.contains("the same as "));
    assert_eq!(same.count(), targets.len() - 1, "{lines:?}");
}

#[test]
fn a_hold_is_said_where_go_would_stand() {
    let mut story = fixture::baking();
    story.cockpit.now = at("14:40:00");
    let known = story.cockpit.known.targets.get_mut(&Story::here()).unwrap();
    let reading = known.workload.last.as_mut().unwrap();
    reading.at = at("14:39:59");
    reading.value.workload.paused = true;
    reading.value.workload.held_by = Some(gonogo::domain::text::Clean::new("dana"));
    let cockpit = story.show(Screen::Flight);
    let hints = show::hints(&cockpit);
    let promote = hints
        .iter()
        .find(|hint| hint.action == gonogo::input::Action::Promote);
    assert_eq!(
        promote.unwrap().blocked.as_deref(),
        Some("held by dana; resume first")
    );
    let screen = crate::tiny::text(&cockpit, (120, 36));
    assert!(screen.contains("◐ HELD"), "{screen}");
    assert!(!screen.contains("✔ GO"), "{screen}");
}

/// A row of the table that only looks and that nobody carries out would be a dead key.
#[test]
fn no_key_that_only_looks_is_silent() {
    use gonogo::input::{Action, Context, Risk};
    let mut tried = 0;
    for action in Action::ALL {
        if action.risk() != Risk::None {
            continue;
        }
        for screen in Screen::ALL {
            let mut cockpit = fixture::breach().show(screen);
            gonogo::session::update::run(&mut cockpit, *action);
            let said = cockpit
                .message
                .map(|message| message.text)
                .unwrap_or_default();
            assert!(
                !said.contains(gonogo::session::update::NO_ARM),
                "{} on {screen:?}",
                action.id()
            );
            tried += 1;
        }
    }
    assert!(tried > 100 && Context::ALL.len() > 5);
}

/// The compiler asks for a new screen here, and this asks for it in `ALL`.
#[test]
fn every_screen_is_among_all() {
    macro_rules! every {
        ($($name:ident)+) => {{
            let _ = |screen: Screen| match screen { $(Screen::$name => ()),+ };
            [$(Screen::$name),+]
        }};
    }
    assert_eq!(
        Screen::ALL,
        every!(Fleet Releases Plan Flight Timeline Poll Inbox History Hotfix)
    );
}

/// What had no room at the foot is read whole in the help.
#[test]
fn a_long_refusal_can_be_read_whole() {
    let mut cockpit = fixture::breach().show(Screen::Flight);
    let long = "word ".repeat(60) + "and the last of it";
    cockpit.say(gonogo::session::cockpit::Severity::Warning, long);
    cockpit.size = (60, 16);
    let screen = crate::tiny::text(&cockpit, (60, 16));
    assert!(!screen.contains("and the last of it"), "{screen}");
    press(&mut cockpit, "?");
    let screen = crate::tiny::text(&cockpit, (60, 16));
    let joined = screen.replace("┃ ┃", "").replace("  ", " ");
    assert!(joined.contains("last of it"), "{screen}");
}

/// Where it is and what time it is, whatever else there is to say.
#[test]
fn the_smallest_header_keeps_project_and_clock() {
    for story in [
        fixture::breach(),
        fixture::stale(),
        fixture::rehearsed(fixture::breach()),
        fixture::rehearsed(fixture::stale()),
    ] {
        let mut cockpit = story.show(Screen::Flight);
        cockpit.size = (60, 16);
        let clock = cockpit.now.strftime("%H:%M:%S").to_string();
        let screen = crate::tiny::text(&cockpit, (60, 16));
        let head: String = screen.chars().take(80).collect();
        for words in ["PRODUCTION", "auth-service", &clock] {
            assert!(head.contains(words), "{words} in {head}");
        }
    }
}
