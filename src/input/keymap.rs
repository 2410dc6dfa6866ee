//! Which keys mean which action, where: the defaults of the table with a person's own keys laid over them.
//!
//! A keymap that is in doubt is refused whole, with every problem listed: a misspelt action that does
//! nothing, or a key with two meanings, is found before the flight and not in it.

use std::collections::BTreeMap;
use std::fmt;

use super::action::Action;
use super::chord::{self, Chord, ChordError};
use super::context::Context;
use super::nearest::nearest;

/// Action id → chord sequences that replace its defaults; an empty list takes its keys away.
pub type Overrides = BTreeMap<String, Vec<String>>;

/// What the chords pressed so far mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lookup {
    Match(Action),
    /// The beginning of a longer sequence.
    Pending,
    None,
}

/// Something wrong with a person's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    UnknownAction {
        id: String,
        nearest: Option<&'static str>,
    },
    BadChord {
        action: Action,
        error: ChordError,
    },
    /// Two actions want the same keys in one place, or one's keys begin the other's.
    Conflict {
        context: Context,
        first: (Action, String),
        second: (Action, String),
    },
    /// Every place of the action takes text, and so would take this key.
    TakenAsText {
        action: Action,
        chords: String,
    },
}

/// Chord sequences → actions, per context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keymap {
    /// By [`Action`], in the order in which they were given.
    chords: BTreeMap<Action, Vec<Vec<Chord>>>,
    /// By context; few enough that a scan beats anything clever.
    bindings: BTreeMap<Context, Vec<(Vec<Chord>, Action)>>,
}

impl Default for Keymap {
    /// The keys of the table; a test shows that they have no problem.
    fn default() -> Self {
        Self::build(&Overrides::new()).0
    }
}

impl Keymap {
    /// The defaults with `overrides` laid over them, or everything that is wrong.
    pub fn new(overrides: &Overrides) -> Result<Self, Vec<Problem>> {
        let (keymap, problems) = Self::build(overrides);
        if problems.is_empty() {
            Ok(keymap)
        } else {
            Err(problems)
        }
    }

    pub fn lookup(&self, context: Context, pressed: &[Chord]) -> Lookup {
        let Some(bindings) = self.bindings.get(&context).filter(|_| !pressed.is_empty()) else {
            return Lookup::None;
        };
        let mut found = Lookup::None;
        for (chords, action) in bindings {
            if chords == pressed {
                return Lookup::Match(*action);
            }
            if chords.starts_with(pressed) {
                found = Lookup::Pending;
            }
        }
        found
    }

    /// What may come after the keys pressed so far: the rest of each sequence, and what it means.
    pub fn continuations(&self, context: Context, pressed: &[Chord]) -> Vec<(String, Action)> {
        let Some(bindings) = self.bindings.get(&context).filter(|_| !pressed.is_empty()) else {
            return Vec::new();
        };
        let rest = |(chords, action): &(Vec<Chord>, Action)| {
            let rest = chords.strip_prefix(pressed)?;
            (!rest.is_empty()).then(|| (chord::sequence_text(rest), *action))
        };
        bindings.iter().filter_map(rest).collect()
    }

    /// Every sequence that means `action` somewhere; the first is the one to show.
    pub fn chords(&self, action: Action) -> &[Vec<Chord>] {
        self.chords.get(&action).map_or(&[], Vec::as_slice)
    }

    /// The keys of `action` as text, those that work in `context` only.
    pub fn texts(&self, action: Action, context: Context) -> Vec<String> {
        if !action.works_in(context) {
            return Vec::new();
        }
        let bindable = |chords: &&Vec<Chord>| is_bindable(context, chords);
        self.chords(action)
            .iter()
            .filter(bindable)
            .map(|chords| chord::sequence_text(chords))
            .collect()
    }

    fn build(overrides: &Overrides) -> (Self, Vec<Problem>) {
        let mut problems = Vec::new();
        let mut chords = BTreeMap::new();
        for id in overrides.keys().filter(|id| Action::from_id(id).is_none()) {
            let nearest = nearest(id, Action::ALL.iter().map(|action| action.id()));
            problems.push(Problem::UnknownAction {
                id: id.clone(),
                nearest,
            });
        }
        for action in Action::ALL.iter().copied() {
            let texts: Vec<&str> = match overrides.get(action.id()) {
                Some(texts) => texts.iter().map(String::as_str).collect(),
                None => action.default_chords().to_vec(),
            };
            let mut own = Vec::new();
            for text in texts {
                match chord::sequence(text) {
                    Ok(sequence) => own.push(sequence),
                    Err(error) => problems.push(Problem::BadChord { action, error }),
                }
            }
            for sequence in &own {
                if !Context::ALL
                    .iter()
                    .any(|context| action.works_in(*context) && is_bindable(*context, sequence))
                {
                    problems.push(Problem::TakenAsText {
                        action,
                        chords: chord::sequence_text(sequence),
                    });
                }
            }
            chords.insert(action, own);
        }
        let bindings = Context::ALL
            .iter()
            .map(|context| (*context, bind(*context, &chords, &mut problems)))
            .collect();
        (Self { chords, bindings }, problems)
    }
}

fn bind(
    context: Context,
    chords: &BTreeMap<Action, Vec<Vec<Chord>>>,
    problems: &mut Vec<Problem>,
) -> Vec<(Vec<Chord>, Action)> {
    let mut bound: Vec<(Vec<Chord>, Action)> = Vec::new();
    for (action, sequences) in chords.iter().filter(|(action, _)| action.works_in(context)) {
        for sequence in sequences
            .iter()
            .filter(|sequence| is_bindable(context, sequence))
        {
            let clashes = |(other, _): &&(Vec<Chord>, Action)| {
                other.starts_with(sequence) || sequence.starts_with(other)
            };
            if let Some((other, owner)) = bound.iter().find(clashes) {
                let problem = Problem::Conflict {
                    context,
                    first: (*owner, chord::sequence_text(other)),
                    second: (*action, chord::sequence_text(sequence)),
                };
                // What clashes everywhere is told once and not for every screen again.
                let told = |known: &Problem| same_clash(known, &problem);
                if !problems.iter().any(told) {
                    problems.push(problem);
                }
            } else {
                bound.push((sequence.clone(), *action));
            }
        }
    }
    bound
}

fn same_clash(one: &Problem, other: &Problem) -> bool {
    match (one, other) {
        (
            Problem::Conflict { first, second, .. },
            Problem::Conflict {
                first: a,
                second: b,
                ..
            },
        ) => first == a && second == b,
        _ => false,
    }
}

/// Where text is typed, a sequence that begins with a printable key is text.
fn is_bindable(context: Context, sequence: &[Chord]) -> bool {
    !context.takes_text()
        || sequence
            .first()
            .is_some_and(|chord| chord.typed().is_none())
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownAction {
                id,
                nearest: Some(nearest),
            } => {
                write!(f, "`{id}` is not an action; did you mean `{nearest}`?")
            }
            Self::UnknownAction { id, nearest: None } => {
                write!(
                    f,
                    "`{id}` is not an action; `gonogo keys --markdown` lists them"
                )
            }
            Self::BadChord { action, error } => write!(f, "{action}: {error}"),
            Self::Conflict {
                context,
                first: (one, keys),
                second: (other, others),
            } if keys == others => {
                write!(
                    f,
                    "`{keys}` would mean both {one} and {other} ({})",
                    context.title()
                )
            }
            Self::Conflict {
                context,
                first: (one, keys),
                second: (other, others),
            } => {
                write!(
                    f,
                    "`{keys}` ({one}) and `{others}` ({other}) begin alike ({})",
                    context.title()
                )
            }
            Self::TakenAsText { action, chords } => {
                write!(
                    f,
                    "{action}: `{chords}` would be typed as text there; use ctrl, alt or a named key"
                )
            }
        }
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn overrides(rows: &[(&str, &[&str])]) -> Overrides {
        rows.iter()
            .map(|(id, chords)| {
                (
                    (*id).to_owned(),
                    chords.iter().map(ToString::to_string).collect(),
                )
            })
            .collect()
    }

    fn check(rows: &[(&str, &[&str])], expect: &[&str]) {
        let problems = Keymap::new(&overrides(rows)).err().unwrap_or_default();
        let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expect, "{rows:?}");
    }

    fn press(keymap: &Keymap, context: Context, text: &str) -> Lookup {
        keymap.lookup(context, &chord::sequence(text).unwrap())
    }

    #[test]
    fn the_defaults_have_no_problem() {
        check(&[], &[]);
    }

    #[test]
    fn keys_mean_what_they_mean_where_they_mean_it() {
        let keymap = Keymap::default();
        assert_eq!(
            press(&keymap, Context::Flight, "p"),
            Lookup::Match(Action::Promote)
        );
        assert_eq!(
            press(&keymap, Context::Flight, "P"),
            Lookup::Match(Action::PromoteFull)
        );
        assert_eq!(press(&keymap, Context::Fleet, "p"), Lookup::None);
        assert_eq!(
            press(&keymap, Context::Fleet, "q"),
            Lookup::Match(Action::Quit)
        );
        assert_eq!(
            press(&keymap, Context::Dialog, "q"),
            Lookup::None,
            "text in a dialog"
        );
        assert_eq!(
            press(&keymap, Context::Dialog, "ctrl-c"),
            Lookup::Match(Action::Quit)
        );
        assert_eq!(
            press(&keymap, Context::Dialog, "enter"),
            Lookup::Match(Action::Answer)
        );
        assert_eq!(press(&keymap, Context::Dialog, "R"), Lookup::None);
        assert_eq!(
            press(&keymap, Context::Plan, "enter"),
            Lookup::Match(Action::Open)
        );
        assert_eq!(keymap.lookup(Context::Plan, &[]), Lookup::None);
    }

    #[test]
    fn sequences_wait_for_their_end() {
        let keymap = Keymap::new(&overrides(&[("move.top", &["g g", "home"])])).unwrap();
        assert_eq!(press(&keymap, Context::Fleet, "g"), Lookup::Pending);
        assert_eq!(
            press(&keymap, Context::Fleet, "g g"),
            Lookup::Match(Action::Top)
        );
        assert_eq!(press(&keymap, Context::Fleet, "g x"), Lookup::None);
        assert_eq!(keymap.texts(Action::Top, Context::Fleet), ["g g", "home"]);
        let pressed = chord::sequence("g").unwrap();
        assert_eq!(
            keymap.continuations(Context::Fleet, &pressed),
            [("g".to_owned(), Action::Top)]
        );
        assert_eq!(keymap.continuations(Context::Fleet, &[]), []);
    }

    #[test]
    fn an_empty_list_takes_the_keys_away() {
        let keymap = Keymap::new(&overrides(&[("rollout.promote_full", &[])])).unwrap();
        assert_eq!(press(&keymap, Context::Flight, "P"), Lookup::None);
        assert!(keymap.chords(Action::PromoteFull).is_empty());
    }

    #[test]
    fn all_problems_are_told_at_once() {
        check(
            &[
                ("rollout.promot", &["p"]),
                ("zzzzzzzzzz", &["p"]),
                ("rollout.retry", &["entr"]),
                ("rollout.abort", &["p"]),
                ("screen.fleet", &["q"]),
                ("palette.run", &["x"]),
                ("view.copy", &["g g"]),
            ],
            &[
                "`rollout.promot` is not an action; did you mean `rollout.promote`?",
                "`zzzzzzzzzz` is not an action; `gonogo keys --markdown` lists them",
                "rollout.retry: `entr` is not a key; did you mean `enter`?",
                "palette.run: `x` would be typed as text there; use ctrl, alt or a named key",
                "`q` would mean both screen.fleet and app.quit (everywhere)",
                "`g g` (view.copy) and `g` (move.top) begin alike (everywhere)",
                "`p` would mean both rollout.promote and rollout.abort (flight)",
            ],
        );
    }
}
