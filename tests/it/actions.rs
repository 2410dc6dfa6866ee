//! The table of actions: each can be found, read, pressed, and done without a screen.

use std::collections::BTreeSet;

use gonogo::input::{Action, Context, Headless, Keymap, Overrides, Risk, reference};
use gonogo::session::{view::Screen, wanted};

use crate::fixture;

#[test]
fn ids_are_unique_and_lead_back() {
    let mut seen = BTreeSet::new();
    for action in Action::ALL {
        assert!(seen.insert(action.id()), "{action} is there twice");
        assert_eq!(Action::from_id(action.id()), Some(*action));
        let plain = |symbol: char| symbol.is_ascii_lowercase() || symbol == '.' || symbol == '_';
        assert!(
            action.id().contains('.') && action.id().chars().all(plain),
            "{action}"
        );
    }
}

#[test]
fn each_doc_is_one_sentence_for_a_person() {
    for action in Action::ALL {
        let doc = action.doc();
        assert!(
            doc.ends_with('.') && doc.chars().next().is_some_and(char::is_uppercase),
            "{action}: {doc}"
        );
        assert!(
            !doc.trim_end_matches('.').contains(". "),
            "{action}: one sentence: {doc}"
        );
        assert!(
            doc.chars().count() <= 110,
            "{action}: too long for a line of help: {doc}"
        );
        assert!(
            action.label().split(' ').count() <= 2,
            "{action}: {}",
            action.label()
        );
    }
}

#[test]
fn whatever_acts_can_be_done_without_a_screen() {
    for action in Action::ALL {
        match action.headless() {
            Headless::Verbs(verbs) => assert!(!verbs.is_empty(), "{action}"),
            Headless::NotNeeded(why) => {
                assert_eq!(
                    action.risk(),
                    Risk::None,
                    "{action} acts, so it needs a verb"
                );
                assert!(!why.is_empty(), "{action}");
            }
        }
    }
}

#[test]
fn every_action_is_reached_by_a_key_or_the_palette() {
    let keymap = Keymap::new(&Overrides::new()).unwrap();
    let palette = reference::palette(&keymap, Context::Flight);
    for action in Action::ALL {
        let in_palette = palette.iter().any(|entry| entry.action == *action);
        assert!(in_palette || !keymap.chords(*action).is_empty(), "{action}");
        assert!(
            in_palette || action.contexts().iter().all(|context| context.takes_text()),
            "{action} is not in the palette"
        );
    }
}

#[test]
fn no_destructive_act_is_on_a_plain_lower_case_key() {
    for action in Action::ALL
        .iter()
        .filter(|action| action.risk() == Risk::Destructive)
    {
        for chord in action.default_chords() {
            let slip = chord.len() == 1 && chord.chars().all(|symbol| !symbol.is_uppercase());
            assert!(
                !slip,
                "{action} is on `{chord}`, which a slip of the finger presses"
            );
        }
    }
}

#[test]
fn the_ways_out_work_everywhere() {
    let keymap = Keymap::default();
    for context in Context::ALL {
        for action in [Action::Back, Action::Quit] {
            assert!(
                !keymap.texts(action, context).is_empty(),
                "{action} in {}",
                context.title()
            );
        }
    }
}

#[test]
fn hold_abort_and_rollback_keep_their_key_wherever_they_work() {
    let keymap = Keymap::default();
    for context in [Context::Flight, Context::Timeline] {
        for (action, key) in [
            (Action::HoldOrResume, "z"),
            (Action::Abort, "A"),
            (Action::Rollback, "R"),
        ] {
            assert_eq!(keymap.texts(action, context), [key]);
        }
    }
}

#[test]
fn a_whole_context_round_trips_through_its_stored_form() {
    for action in Action::ALL {
        let stored = serde_json::to_string(action).unwrap();
        assert_eq!(serde_json::from_str::<Action>(&stored).unwrap(), *action);
    }
    assert!(serde_json::from_str::<Action>("\"rollout.promot\"").is_err());
}

/// Every word of the table's verbs is a verb, an option or a value of the command line.
#[test]
fn the_command_line_knows_every_verb_of_the_table() {
    use clap::CommandFactory as _;
    let mut whole = gonogo::cli::Cli::command();
    whole.build();
    for action in Action::ALL {
        let Headless::Verbs(verbs) = action.headless() else {
            continue;
        };
        for line in verbs {
            let mut at = &whole;
            for word in line.split(' ') {
                if let Some(option) = word.strip_prefix("--") {
                    let known = at.get_arguments().any(|arg| arg.get_long() == Some(option));
                    assert!(known, "{action}: `gonogo {line}`: there is no `{word}`");
                } else if let Some(verb) = at.find_subcommand(word) {
                    at = verb;
                } else {
                    let value = at
                        .get_positionals()
                        .flat_map(clap::Arg::get_possible_values)
                        .any(|value| value.matches(word, false));
                    assert!(value, "{action}: `gonogo {line}`: there is no `{word}`");
                }
            }
        }
    }
}

/// A row whose arm is missing in `session/wanted.rs` would be a key that says it changes nothing.
#[test]
fn whatever_acts_becomes_a_command_or_a_reason_why_not() {
    let cockpit = fixture::breach().show(Screen::Flight);
    for action in Action::ALL {
        let said = wanted::why_not(&cockpit, *action).unwrap_or_default();
        assert!(
            !said.contains("changes nothing outside the screen"),
            "{action} has a row in src/input/action.rs and no arm in src/session/wanted.rs"
        );
    }
}
