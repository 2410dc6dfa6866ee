//! What help, palette, hint bar and documentation say about keys: read from the table and the keymap in
//! force, so that none of them can be wrong about a key.

use std::fmt::Write as _;

use super::action::{Action, Group, Headless, Risk};
use super::context::Context;
use super::keymap::Keymap;

/// One line of help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelpRow {
    pub action: Action,
    /// All its keys here, joined by two spaces; empty when it has none and is reached by the palette.
    pub keys: String,
    pub doc: &'static str,
}

/// A heading of help and its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HelpGroup {
    pub title: &'static str,
    pub rows: Vec<HelpRow>,
}

/// Everything that works in `context`, most consequential first.
pub fn help(keymap: &Keymap, context: Context) -> Vec<HelpGroup> {
    let mut groups = Vec::new();
    for group in Group::ALL {
        let here = |action: &&Action| action.group() == group && action.works_in(context);
        let row = |action: &Action| HelpRow {
            action: *action,
            keys: keymap.texts(*action, context).join("  "),
            doc: action.doc(),
        };
        let rows: Vec<HelpRow> = Action::ALL.iter().filter(here).map(row).collect();
        if !rows.is_empty() {
            groups.push(HelpGroup {
                title: group.title(),
                rows,
            });
        }
    }
    groups
}

/// A key and its word at the foot of the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    pub action: Action,
    pub key: String,
    pub label: &'static str,
}

/// What the foot of the screen offers, most important first: acts, then ways out. Moving about is left out.
pub fn hints(keymap: &Keymap, context: Context) -> Vec<Hint> {
    let mut hints = Vec::new();
    for group in Group::ALL.into_iter().filter(|group| *group != Group::Move) {
        // Its own keys say more about a screen than the ones that work everywhere.
        for own in [true, false] {
            for action in Action::ALL.iter().copied() {
                if action.group() == group
                    && action.works_in(context)
                    && action.contexts().contains(&context) == own
                {
                    let key = keymap.texts(action, context).into_iter().next();
                    hints.extend(key.map(|key| Hint {
                        action,
                        key,
                        label: action.label(),
                    }));
                }
            }
        }
    }
    hints
}

/// One thing that can be chosen in the palette.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaletteEntry {
    pub action: Action,
    /// What is typed: the verb of the command line, or the id where there is no verb.
    pub command: &'static str,
    /// Its first key in `context`, to be learnt in passing.
    pub key: Option<String>,
    pub doc: &'static str,
}

/// Everything the palette offers over `context`, each verb as an entry of its own.
pub fn palette(keymap: &Keymap, context: Context) -> Vec<PaletteEntry> {
    let mut entries = Vec::new();
    for action in Action::ALL
        .iter()
        .copied()
        .filter(|action| !action.contexts().iter().all(|at| at.takes_text()))
    {
        let key = keymap.texts(action, context).into_iter().next();
        let commands = match action.headless() {
            Headless::Verbs(verbs) => verbs,
            Headless::NotNeeded(_) => &[action.id()],
        };
        for command in commands {
            let command = command.trim_start_matches("--");
            entries.push(PaletteEntry {
                action,
                command,
                key: key.clone(),
                doc: action.doc(),
            });
        }
    }
    entries
}

/// The table of `gonogo keys --markdown`, which the README repeats.
pub fn markdown(keymap: &Keymap) -> String {
    let mut text = String::from(
        "| keys | action | where | what it does | without a screen |\n|---|---|---|---|---|\n",
    );
    for group in Group::ALL {
        for action in Action::ALL
            .iter()
            .copied()
            .filter(|action| action.group() == group)
        {
            let keys = keymap
                .chords(action)
                .iter()
                .map(|chords| code(&super::sequence_text(chords)));
            let places = action.contexts().iter().map(|context| context.title());
            let headless = match action.headless() {
                Headless::Verbs(verbs) => join(
                    verbs.iter().map(|verb| code(&format!("gonogo {verb}"))),
                    ", ",
                ),
                Headless::NotNeeded(_) => "–".to_owned(),
            };
            let warning = if action.risk() == Risk::Destructive {
                " **Always asks.**"
            } else {
                ""
            };
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "| {} | `{action}` | {} | {}{warning} | {headless} |",
                join(keys, " "),
                join(places.map(str::to_owned), ", "),
                action.doc(),
            );
        }
    }
    text
}

fn join(words: impl Iterator<Item = String>, by: &str) -> String {
    words.collect::<Vec<_>>().join(by)
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn help_shows_the_keys_in_force_and_only_what_works_here() {
        let overrides = [("rollout.promote".to_owned(), vec!["ctrl-n".to_owned()])].into();
        let keymap = Keymap::new(&overrides).unwrap();
        let groups = help(&keymap, Context::Flight);
        assert_eq!(groups[0].title, "In flight");
        let promote = groups[0]
            .rows
            .iter()
            .find(|row| row.action == Action::Promote)
            .unwrap();
        assert_eq!(promote.keys, "ctrl-n");
        assert!(
            groups
                .iter()
                .flat_map(|group| &group.rows)
                .all(|row| row.action != Action::Request)
        );
    }

    #[test]
    fn hints_of_a_flight_begin_with_what_matters() {
        let hints = hints(&Keymap::default(), Context::Flight);
        let first: Vec<String> = hints
            .iter()
            .take(5)
            .map(|hint| format!("{} {}", hint.key, hint.label))
            .collect();
        assert_eq!(
            first,
            ["F fly", "p promote", "P promote fully", "z hold", "A abort"]
        );
    }

    #[test]
    fn the_palette_speaks_the_command_line() {
        let entries = palette(&Keymap::default(), Context::Flight);
        let commands: Vec<&str> = entries.iter().map(|entry| entry.command).collect();
        for command in [
            "promote",
            "promote --full",
            "hold",
            "resume",
            "as",
            "view.copy",
            "status",
        ] {
            assert!(commands.contains(&command), "{command} in {commands:?}");
        }
        assert!(!commands.contains(&"dialog.answer"));
        let promote = entries
            .iter()
            .find(|entry| entry.command == "promote")
            .unwrap();
        assert_eq!(promote.key.as_deref(), Some("p"));
    }

    #[test]
    fn markdown_has_a_row_for_each_action() {
        let text = markdown(&Keymap::default());
        assert_eq!(text.lines().count(), 2 + Action::ALL.len());
        assert!(text.contains(
            "| `A` | `rollout.abort` | flight, timeline | Send everybody back to the stable release now; \
             the new one stays the desired one until you roll back. **Always asks.** | `gonogo abort` |"
        ));
    }
}
