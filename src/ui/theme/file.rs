//! Theme files: read, laid over what they inherit, and turned into looks, with every problem at once.

use std::collections::BTreeMap;

use ratatui::style::{Color, Modifier};
use toml::{Table, Value};

use super::role::Role;
use super::{Problem, colour};
use crate::input::did_you_mean;

/// How a role looks before the terminal limits it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub fg: Option<Color>,
    pub bg: Option<Color>,
    pub modifiers: Modifier,
}

/// One per role, in the order of [`Role::ALL`].
pub(super) type Looks = [Look; Role::ALL.len()];

/// Every role as the terminal would write anything.
pub(super) const PLAIN: Looks = [Look {
    fg: None,
    bg: None,
    modifiers: Modifier::empty(),
}; Role::ALL.len()];

const MODIFIERS: [(&str, Modifier); 6] = [
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underlined", Modifier::UNDERLINED),
    ("reversed", Modifier::REVERSED),
    ("crossed-out", Modifier::CROSSED_OUT),
];

/// The files of a theme and of what it inherits, merged: later ones win.
#[derive(Default)]
struct Merged {
    palette: BTreeMap<String, Color>,
    /// By role id, with the theme that wrote it.
    roles: BTreeMap<Role, (String, Value)>,
}

/// The looks of the theme `name`; none where there is no theme to read at all.
pub(super) fn resolve<'a>(
    name: &str,
    find: &dyn Fn(&str) -> Option<&'a str>,
    known: &[&str],
) -> (Option<Looks>, Vec<Problem>) {
    let mut problems = Vec::new();
    let chain = chain(name, find, known, &mut problems);
    if chain.is_empty() {
        return (None, problems);
    }
    let mut merged = Merged::default();
    // From the eldest ancestor to the theme itself.
    for (theme, table) in chain.iter().rev() {
        read(theme, table, &mut merged, &mut problems);
    }
    let mut looks = PLAIN;
    for role in Role::ALL {
        match merged.roles.get(&role) {
            Some((theme, value)) => {
                let told = |message| {
                    problems.push(problem(theme, &format!("roles.{}", role.id()), message));
                };
                looks[role as usize] = look(value, &merged.palette, told);
            }
            None => problems.push(problem(
                name,
                &format!("roles.{}", role.id()),
                "missing, here and in what is inherited",
            )),
        }
    }
    problems.sort_by(|one, other| {
        (one.at.contains('.'), &one.at).cmp(&(other.at.contains('.'), &other.at))
    });
    (Some(looks), problems)
}

fn problem(theme: &str, at: &str, message: impl Into<String>) -> Problem {
    Problem {
        theme: theme.to_owned(),
        at: at.to_owned(),
        message: message.into(),
    }
}

/// The theme and its ancestors, itself first.
fn chain<'a>(
    name: &str,
    find: &dyn Fn(&str) -> Option<&'a str>,
    known: &[&str],
    problems: &mut Vec<Problem>,
) -> Vec<(String, Table)> {
    let mut chain: Vec<(String, Table)> = Vec::new();
    let mut next = Some(name.to_owned());
    while let Some(theme) = next.take() {
        let child = chain.last().map(|(child, _)| child.clone());
        let hint = did_you_mean(&theme, known.iter().copied());
        let Some(text) = find(&theme) else {
            problems.push(match child {
                Some(child) => problem(
                    &child,
                    "inherits",
                    format!("there is no theme `{theme}`{hint}"),
                ),
                None => problem(&theme, "", format!("there is no such theme{hint}")),
            });
            break;
        };
        if chain.iter().any(|(seen, _)| *seen == theme) {
            problems.push(problem(
                &child.unwrap_or_default(),
                "inherits",
                format!("`{theme}` inherits itself"),
            ));
            return Vec::new();
        }
        let table = match text.parse::<Table>() {
            Ok(table) => table,
            Err(error) => {
                problems.push(problem(&theme, "", error.to_string()));
                return Vec::new();
            }
        };
        match table.get("inherits") {
            Some(Value::String(parent)) => next = Some(parent.clone()),
            Some(_) => problems.push(problem(&theme, "inherits", "write the name of a theme")),
            None => {}
        }
        chain.push((theme, table));
    }
    // Without its parent every role would be missing, which says nothing that was not said.
    if problems.is_empty() {
        chain
    } else {
        Vec::new()
    }
}

fn read(theme: &str, table: &Table, merged: &mut Merged, problems: &mut Vec<Problem>) {
    for (key, value) in table {
        match (key.as_str(), value) {
            ("inherits", _) => {}
            ("palette", Value::Table(palette)) => {
                for (name, value) in palette {
                    let text = value.as_str().unwrap_or_default();
                    match colour::parse(text) {
                        Some(colour) => {
                            merged.palette.insert(name.clone(), colour);
                        }
                        None => problems.push(problem(
                            theme,
                            &format!("palette.{name}"),
                            format!(
                                "`{text}` is not a colour: write #rrggbb, a colour name or 0 to 255"
                            ),
                        )),
                    }
                }
            }
            ("roles", Value::Table(roles)) => {
                for (id, value) in roles {
                    if let Some(role) = Role::from_id(id) {
                        merged.roles.insert(role, (theme.to_owned(), value.clone()));
                    } else {
                        let hint = did_you_mean(id, Role::ALL.iter().map(|role| role.id()));
                        problems.push(problem(
                            theme,
                            &format!("roles.{id}"),
                            format!("not a role{hint}"),
                        ));
                    }
                }
            }
            ("palette" | "roles", _) => problems.push(problem(theme, key, "write a table")),
            _ => problems.push(problem(
                theme,
                key,
                "not a key of a theme; there are inherits, palette, roles",
            )),
        }
    }
}

fn look(value: &Value, palette: &BTreeMap<String, Color>, mut told: impl FnMut(String)) -> Look {
    let mut look = Look::default();
    let table = match value {
        Value::String(text) => {
            look.fg = named(text, palette, &mut told);
            return look;
        }
        Value::Table(table) => table,
        _ => {
            told("write a colour, or { fg, bg, modifiers }".to_owned());
            return look;
        }
    };
    for (key, value) in table {
        match (key.as_str(), value) {
            ("fg", Value::String(text)) => look.fg = named(text, palette, &mut told),
            ("bg", Value::String(text)) => look.bg = named(text, palette, &mut told),
            ("modifiers", Value::Array(words)) => {
                for word in words {
                    let word = word.as_str().unwrap_or_default();
                    match MODIFIERS.iter().find(|(name, _)| *name == word) {
                        Some((_, modifier)) => look.modifiers |= *modifier,
                        None => told(format!(
                            "`{word}` is not a modifier{}",
                            did_you_mean(word, MODIFIERS.iter().map(|(name, _)| *name))
                        )),
                    }
                }
            }
            ("fg" | "bg", _) => told(format!("`{key}` is a colour, written in quotes")),
            ("modifiers", _) => told("`modifiers` is a list of words".to_owned()),
            _ => told(format!(
                "`{key}` is not a key of a role; there are fg, bg, modifiers"
            )),
        }
    }
    look
}

fn named(
    text: &str,
    palette: &BTreeMap<String, Color>,
    told: &mut impl FnMut(String),
) -> Option<Color> {
    let found = palette.get(text).copied().or_else(|| colour::parse(text));
    if found.is_none() {
        let hint = did_you_mean(
            text,
            palette.keys().map(String::as_str).chain(colour::names()),
        );
        told(format!(
            "`{text}` is neither in the palette nor a colour{hint}"
        ));
    }
    found
}
