//! What to do after an abort, a rollback or a failure: each step one key that works, with what is done of it by whom; and
//! the hotfix on the screen.

use gonogo::{
    domain::{calendar::Day, entry::Body, hotfix::Criterion},
    input::Action,
    policy::decide::{Command, HotfixCommand},
    session::{
        cockpit::Cockpit,
        effect::Effect,
        show::{self, NextStep, StepState},
        view::{Ask, FlightPane, Overlay, Screen},
    },
};

use crate::{
    fixture::{self, Story, actor, at, press, write},
    hotfix, tiny,
};

fn step(cockpit: &Cockpit, action: Action) -> NextStep {
    let card = show::next_steps(cockpit).expect("a card");
    let mut steps = card.steps.into_iter();
    steps
        .find(|step| step.action == action)
        .unwrap_or_else(|| panic!("{action} is no step"))
}

/// The last flight was rolled back, and nothing is under way.
fn rolled_back() -> Story {
    let mut story = fixture::rolling_back();
    let ended = Body::Ended {
        deployment: Story::id(),
        ending: gonogo::domain::entry::Ending::RolledBack,
    };
    story.enter(&Story::here(), at("14:32:05"), &actor("dana"), ended);
    story
}

#[test]
fn the_card_has_each_step_of_d18_with_its_key_and_what_is_done() {
    for (name, story) in [
        ("aborted", fixture::aborted()),
        ("rolling back", fixture::rolling_back()),
        ("rolled back", rolled_back()),
        ("failed", fixture::crashing()),
    ] {
        let cockpit = story.show(Screen::Flight);
        for action in [
            Action::Investigate,
            Action::Ground,
            Action::HotfixStart,
            Action::ShowWindow,
            Action::Announce,
        ] {
            let step = step(&cockpit, action);
            assert_eq!(step.key.chars().count(), 1, "{name}: {step:?}");
            assert_ne!(step.state, StepState::Refused, "{name}: {step:?}");
        }
    }
    let grounded = step(&rolled_back().show(Screen::Flight), Action::Ground);
    assert_eq!(grounded.state, StepState::Done);
    assert!(grounded.words.contains("by dana"), "{}", grounded.words);
    assert_eq!(
        step(&fixture::crashing().show(Screen::Flight), Action::Ground).state,
        StepState::Open
    );
}

/// What is written there stands on the screen, whatever its size: with a mark where it does not fit.
#[test]
fn the_card_is_on_every_screen_with_room_for_panes() {
    for story in [fixture::aborted(), fixture::rolling_back(), rolled_back()] {
        let cockpit = story.show(Screen::Flight);
        for size in [(120, 36), (80, 24)] {
            let screen = tiny::text(&cockpit, size);
            for step in show::next_steps(&cockpit).unwrap().steps {
                let words: String = step.words.chars().take(10).collect();
                assert!(screen.contains(&words), "{words} at {size:?}:\n{screen}");
            }
        }
        let screen = tiny::text(&cockpit, (60, 16));
        assert!(screen.contains("investigate"), "{screen}");
    }
}

#[test]
fn investigate_goes_to_the_pod_that_is_not_ready_and_then_to_what_ended_it() {
    let mut cockpit = fixture::crashing().show(Screen::Flight);
    press(&mut cockpit, "i");
    assert_eq!(
        (cockpit.view.screen, cockpit.view.pane),
        (Screen::Flight, FlightPane::Pods)
    );
    let said = cockpit.message.clone().unwrap().text;
    assert!(said.contains("CrashLoopBackOff"), "{said}");
    press(&mut cockpit, "i");
    assert_eq!(cockpit.view.screen, Screen::Timeline);

    let mut aborted = fixture::aborted().show(Screen::Flight);
    press(&mut aborted, "i");
    assert_eq!(aborted.view.screen, Screen::Timeline);
    let lines = show::timeline(&aborted);
    let under_cursor = &lines[lines.len() - 1 - aborted.view.timeline_back];
    assert!(under_cursor.sentence.contains("abort"), "{under_cursor:?}");
}

fn paper(cockpit: &Cockpit) -> &gonogo::session::view::Paper {
    match &cockpit.view.overlay {
        Some(Overlay::Paper { paper, .. }) => paper,
        other => panic!("{other:?}"),
    }
}

#[test]
fn users_are_told_what_was_read_and_nothing_is_sent() {
    let mut cockpit = fixture::aborted().show(Screen::Flight);
    assert!(press(&mut cockpit, "u").is_empty());
    let text = paper(&cockpit).copied.clone();
    assert!(
        text.starts_with("auth-service in production: release 42 v1.3.0 was stopped"),
        "{text}"
    );
    assert!(text.contains("up to 50 % of the pods"), "{text}");
    assert!(
        text.contains("Everybody is served by release 41 v1.2.3 again."),
        "{text}"
    );
    let screen = tiny::text(&cockpit, (80, 24));
    assert!(screen.contains("gonogo sends nothing"), "{screen}");
    let effects = press(&mut cockpit, "y");
    assert_eq!(effects, [Effect::Copy(text)]);
    press(&mut cockpit, "esc");
    assert!(cockpit.view.overlay.is_none());

    // What is not read is not claimed.
    let mut story = fixture::aborted();
    story.cockpit.now = at("14:40:00");
    let mut unread = story.show(Screen::Flight);
    press(&mut unread, "u");
    let page = paper(&unread);
    assert!(
        !page.copied.contains("Everybody is served"),
        "{}",
        page.copied
    );
    assert!(
        page.lines
            .iter()
            .any(|line| line.contains("was not read just now")),
        "{:?}",
        page.lines
    );
    let mut never = fixture::calm().show(Screen::Flight);
    never.view.project = 1;
    never.known.targets.values_mut().for_each(|known| {
        known.history = gonogo::domain::history::History::default();
    });
    press(&mut never, "u");
    assert!(never.view.overlay.is_none());
    assert!(never.message.unwrap().text.contains("nothing ever flew"));
}

#[test]
fn the_window_says_when_it_opens_next() {
    let mut story = fixture::rolling_back();
    story.policy(|policy| policy.calendar.no_deploys_on = vec![Day::Thursday]);
    let mut cockpit = story.show(Screen::Flight);
    let words = step(&cockpit, Action::ShowWindow).words;
    assert!(
        words.contains("closed (nothing is deployed on Thursdays)"),
        "{words}"
    );
    assert!(words.contains("opens Fri 13 Mar 00:00"), "{words}");
    press(&mut cockpit, "N");
    assert!(
        paper(&cockpit)
            .lines
            .contains(&"days off  Thursdays".to_owned())
    );
}

fn asked(cockpit: &Cockpit) -> &Ask {
    match &cockpit.view.overlay {
        Some(Overlay::Prompt(prompt)) => &prompt.ask,
        other => panic!("{other:?}"),
    }
}

fn started(effects: &[Effect]) -> (String, Criterion, bool) {
    let [Effect::Record { command, target }] = effects else {
        panic!("{effects:?}");
    };
    assert_eq!(*target, Story::here());
    match command.as_ref() {
        Command::Hotfix {
            what:
                HotfixCommand::Start {
                    name,
                    criterion,
                    again,
                    ..
                },
        } => (name.clone(), *criterion, *again),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hotfix_is_started_by_one_key_and_its_criterion_is_asked() {
    let mut cockpit = rolled_back().show(Screen::Flight);
    press(&mut cockpit, "f");
    assert!(matches!(asked(&cockpit), Ask::HotfixCriterion { .. }));
    let screen = tiny::text(&cockpit, (80, 24));
    for words in ["breaking-bug", "security", "data-loss", "revenue"] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    write(&mut cockpit, "boredom");
    assert!(press(&mut cockpit, "enter").is_empty());
    assert!(matches!(asked(&cockpit), Ask::HotfixCriterion { .. }));
    press(&mut cockpit, "ctrl-u");
    write(&mut cockpit, "2");
    press(&mut cockpit, "enter");
    assert!(matches!(
        asked(&cockpit),
        Ask::HotfixName {
            criterion: Criterion::Security,
            ..
        }
    ));
    write(&mut cockpit, "a b");
    assert!(press(&mut cockpit, "enter").is_empty());
    assert!(matches!(asked(&cockpit), Ask::HotfixName { .. }));
    press(&mut cockpit, "ctrl-u");
    write(&mut cockpit, "cve-7");
    let effects = press(&mut cockpit, "enter");
    assert_eq!(
        started(&effects),
        ("cve-7".to_owned(), Criterion::Security, false)
    );
}

/// Wherever the cursor is, it begins where the customers are.
#[test]
fn a_hotfix_begins_in_the_last_environment() {
    let mut story = rolled_back();
    story.focus("staging", "auth-service");
    let mut cockpit = story.show(Screen::Fleet);
    press(&mut cockpit, "f");
    assert_eq!(cockpit.focus().unwrap().id, Story::here());
    assert!(matches!(asked(&cockpit), Ask::HotfixCriterion { .. }));
}

#[test]
fn a_second_one_of_the_same_criterion_is_asked_about() {
    let mut cockpit = hotfix::burning().show(Screen::Hotfix);
    press(&mut cockpit, "f");
    write(&mut cockpit, "sec");
    press(&mut cockpit, "enter");
    write(&mut cockpit, "second");
    assert!(press(&mut cockpit, "enter").is_empty());
    assert!(matches!(asked(&cockpit), Ask::HotfixAgain { .. }));
    let title = asked(&cockpit).title();
    assert!(
        title.contains("session-leak") && title.contains("dana"),
        "{title}"
    );
    write(&mut cockpit, "yes");
    assert!(press(&mut cockpit, "enter").is_empty());
    assert!(matches!(asked(&cockpit), Ask::HotfixAgain { .. }));
    press(&mut cockpit, "ctrl-u");
    write(&mut cockpit, "second");
    let effects = press(&mut cockpit, "enter");
    assert_eq!(
        started(&effects),
        ("second".to_owned(), Criterion::Security, true)
    );
    // Of another criterion nothing is asked.
    let mut other = hotfix::burning().show(Screen::Hotfix);
    press(&mut other, "f");
    write(&mut other, "revenue");
    press(&mut other, "enter");
    write(&mut other, "cart");
    assert!(!started(&press(&mut other, "enter")).2);
}

#[test]
fn the_hotfix_screen_shows_clock_terms_steps_and_what_is_owed() {
    let cockpit = hotfix::burning().show(Screen::Hotfix);
    for size in [(120, 36), (80, 24), (60, 16)] {
        let screen = tiny::text(&cockpit, size);
        for words in ["session-leak", "identify", "monitor", "hotfix.backport"] {
            assert!(screen.contains(words), "{words} at {size:?}:\n{screen}");
        }
    }
    let screen = tiny::text(&cockpit, (120, 36));
    for words in [
        "Terms",
        "role emergency",
        "countersigned",
        "Backport fix to main",
        "9 Hotfix",
    ] {
        assert!(screen.contains(words), "{words}:\n{screen}");
    }
    let empty = fixture::calm().show(Screen::Hotfix);
    let screen = tiny::text(&empty, (80, 24));
    assert!(
        screen.contains("No hotfix of auth-service is open"),
        "{screen}"
    );
    assert!(screen.contains("f starts one"), "{screen}");
}

#[test]
fn the_keys_of_the_hotfix_screen_are_its_verbs() {
    let mut cockpit = hotfix::burning().show(Screen::Hotfix);
    let what = |effects: Vec<Effect>| match effects.as_slice() {
        [Effect::Record { command, .. }] => match command.as_ref() {
            Command::Hotfix { what } => what.verb(),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(what(press(&mut cockpit, "n")), "hotfix advance");
    // What is closed by its proof alone is not ticked: the proof is asked for, and names what is missing.
    assert!(press(&mut cockpit, "c").is_empty());
    assert!(press(&mut cockpit, "X").is_empty());
    assert!(matches!(asked(&cockpit), Ask::HotfixGiveUp { .. }));
    write(&mut cockpit, "wrong alarm");
    assert_eq!(what(press(&mut cockpit, "enter")), "hotfix give-up");
}

/// The clock of a rehearsal is divided like its other durations, and both say so.
#[test]
fn the_clock_is_the_workspaces() {
    use gonogo::domain::hotfix::{Budgets, Leg};
    let mut story = hotfix::burning();
    story.cockpit.known.workspace.timings.hotfix = Budgets::new(|leg| leg.budget() / 10);
    let cockpit = story.show(Screen::Hotfix);
    let board = show::hotfix_board(&cockpit).unwrap();
    let leg = &board.shown.unwrap().legs[0];
    assert_eq!(
        (leg.leg, leg.budget.as_secs(), leg.late),
        (Leg::Identify, 30, true)
    );
    assert!(
        tiny::text(&cockpit, (80, 24)).contains("of 0:30 LATE"),
        "30 s of budget"
    );
}

/// A gate is nothing to tick: the key says so, goes where it can, and ticks there.
#[test]
fn c_ticks_what_is_under_the_cursor_and_nothing_else() {
    let mut cockpit = fixture::requested().show(Screen::Plan);
    assert!(show::selected_line(&cockpit).unwrap().is_gate());
    assert!(press(&mut cockpit, "c").is_empty());
    let said = cockpit.message.clone().unwrap().text;
    assert!(said.contains("is a gate, nothing to tick"), "{said}");
    let now = show::selected_line(&cockpit).unwrap();
    assert!(!now.is_gate() && said.contains(&now.id.0), "{said}");
    let effects = press(&mut cockpit, "c");
    let [Effect::Record { command, .. }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert!(matches!(command.as_ref(), Command::Check { item, .. } if *item == now.id));
}

/// The text of what went back names who serves now.
#[test]
fn what_is_going_back_is_not_told_as_done() {
    let mut cockpit = fixture::rolling_back().show(Screen::Flight);
    press(&mut cockpit, "u");
    let text = &paper(&cockpit).copied;
    assert!(text.contains("is being rolled back"), "{text}");
    assert!(
        text.contains("Release 41 v1.2.3 is being put back."),
        "{text}"
    );
}
