//! How the cockpit looks and which keys it takes. A key with two meanings, or an action that is called otherwise, is
//! reported where it was typed; a cockpit never flies with keys in doubt.

use crate::input::{Action, Keymap, KeymapProblem, Overrides};

use super::super::{
    problem::{At, Report},
    typed::{Form, WordList},
};

/// What a person wants of the screen. The command line goes before it.
#[derive(Clone, Debug, PartialEq)]
pub struct Screen {
    pub theme: String,
    /// `auto`, `always` or `never`.
    pub color: String,
    pub mouse: bool,
    /// The cockpit flies what follows by itself, as long as it is open.
    pub follow: bool,
    pub keymap: Keymap,
}

impl Default for Screen {
    fn default() -> Self {
        Self {
            theme: "dark".to_owned(),
            color: "auto".to_owned(),
            mouse: true,
            follow: false,
            keymap: Keymap::default(),
        }
    }
}

pub fn screen(root: &Form, report: &mut Report) -> Screen {
    let standard = Screen::default();
    let form = root.form("screen");
    let text = |key: &str, standard: String| {
        form.and_then(|form| form.text(key))
            .map_or(standard, str::to_owned)
    };
    Screen {
        theme: text("theme", standard.theme),
        color: text("color", standard.color),
        mouse: form.is_none_or(|form| form.flag("mouse")),
        follow: form.is_some_and(|form| form.flag("follow")),
        keymap: keymap(root.words("keys"), report),
    }
}

fn keymap(typed: &[WordList], report: &mut Report) -> Keymap {
    let overrides: Overrides = typed
        .iter()
        .map(|(id, keys)| (id.value.clone(), super::values(keys)))
        .collect();
    let problems = match Keymap::new(&overrides) {
        Ok(keymap) => return keymap,
        Err(problems) => problems,
    };
    for problem in problems {
        let words = problem.to_string();
        let (sentence, hint) = words
            .split_once("; ")
            .unwrap_or((&words, "give one of them another key"));
        report.problem(place(typed, &problem), sentence, hint);
    }
    Keymap::default()
}

/// Where the key that is in doubt stands; of two, the one that was typed, and later.
fn place(typed: &[WordList], problem: &KeymapProblem) -> usize {
    let action = |id: &str| typed.iter().find(|(name, _)| name.value == id);
    let key = |of: Action, is: &dyn Fn(&str) -> bool| {
        let (name, keys) = action(of.id())?;
        let typed = keys.iter().find(|key: &&At<String>| is(&key.value));
        Some(typed.map_or(name.at, |key| key.at))
    };
    // `G  G` and `g g` are read as sequences; they are compared as such.
    let same = |keys: &str| {
        let keys = crate::input::sequence(keys).ok();
        move |typed: &str| crate::input::sequence(typed).ok() == keys
    };
    let found = match problem {
        KeymapProblem::UnknownAction { id, .. } => action(id).map(|(name, _)| name.at),
        KeymapProblem::BadChord { action, error } => {
            let bad = |typed: &str| typed.split_whitespace().any(|word| word == error.text);
            key(*action, &bad)
        }
        KeymapProblem::TakenAsText { action, chords } => key(*action, &same(chords)),
        KeymapProblem::Conflict { first, second, .. } => {
            let places = [first, second].map(|(action, keys)| key(*action, &same(keys)));
            places.into_iter().flatten().max()
        }
    };
    found.unwrap_or(0)
}
