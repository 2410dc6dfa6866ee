//! One key press with its modifiers, as people write it: `p`, `P`, `ctrl-c`, `shift-tab`, `pgdn`, `f1`.
//!
//! Our own type, so that keymap, configuration, recordings and tests do not depend on a terminal library.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A key without its modifiers. A letter is the letter that was typed: `P` is shift and `p`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    Char(char),
    Enter,
    Esc,
    Tab,
    Backspace,
    Delete,
    Insert,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    F(u8),
}

/// A key with its modifiers, in one normal form: build it with [`Chord::new`] or by parsing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chord {
    pub key: Key,
    pub ctrl: bool,
    pub alt: bool,
    /// Only with keys that are not characters: a shifted letter is another letter.
    pub shift: bool,
}

/// Why a chord could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChordError {
    pub text: String,
    /// A key name that may have been meant.
    pub nearest: Option<&'static str>,
}

/// The first name of a key is the one that is shown; the others are read as well.
const NAMES: &[(&str, Key)] = &[
    ("enter", Key::Enter),
    ("esc", Key::Esc),
    ("tab", Key::Tab),
    ("space", Key::Char(' ')),
    ("backspace", Key::Backspace),
    ("del", Key::Delete),
    ("ins", Key::Insert),
    ("up", Key::Up),
    ("down", Key::Down),
    ("left", Key::Left),
    ("right", Key::Right),
    ("home", Key::Home),
    ("end", Key::End),
    ("pgup", Key::PageUp),
    ("pgdn", Key::PageDown),
    ("return", Key::Enter),
    ("escape", Key::Esc),
    ("delete", Key::Delete),
    ("insert", Key::Insert),
    ("pageup", Key::PageUp),
    ("pagedown", Key::PageDown),
];

impl Chord {
    pub const fn new(key: Key) -> Self {
        Self {
            key,
            ctrl: false,
            alt: false,
            shift: false,
        }
    }

    pub const fn char(symbol: char) -> Self {
        Self::new(Key::Char(symbol))
    }

    #[must_use]
    pub const fn with_ctrl(mut self) -> Self {
        self.ctrl = true;
        self.normal()
    }

    #[must_use]
    pub const fn with_alt(mut self) -> Self {
        self.alt = true;
        self
    }

    #[must_use]
    pub const fn with_shift(mut self) -> Self {
        self.shift = true;
        self.normal()
    }

    /// The character this chord types, if it types one.
    pub const fn typed(self) -> Option<char> {
        match self.key {
            Key::Char(symbol) if !self.ctrl && !self.alt => Some(symbol),
            _ => None,
        }
    }

    /// Terminals disagree whether shift comes with a capital, and ctrl knows no capitals at all.
    const fn normal(mut self) -> Self {
        if let Key::Char(symbol) = self.key {
            let symbol = if self.ctrl {
                symbol.to_ascii_lowercase()
            } else if self.shift {
                symbol.to_ascii_uppercase()
            } else {
                symbol
            };
            self.key = Key::Char(symbol);
            self.shift = false;
        }
        self
    }
}

/// Reads chords that are pressed one after the other: `g g`, `ctrl-w q`.
pub fn sequence(text: &str) -> Result<Vec<Chord>, ChordError> {
    let chords = text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<Vec<_>, _>>()?;
    if chords.is_empty() {
        return Err(ChordError {
            text: text.to_owned(),
            nearest: None,
        });
    }
    Ok(chords)
}

/// The opposite of [`sequence`].
pub fn sequence_text(chords: &[Chord]) -> String {
    chords
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

impl FromStr for Chord {
    type Err = ChordError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut chord = Self::char(' ');
        let mut rest = text;
        // The last character may itself be the dash: `-`, `ctrl--`.
        while let Some((word, tail)) = rest
            .split_once('-')
            .filter(|(word, tail)| !word.is_empty() && !tail.is_empty())
        {
            match word.to_ascii_lowercase().as_str() {
                "ctrl" | "c" => chord.ctrl = true,
                "alt" | "a" => chord.alt = true,
                "shift" | "s" => chord.shift = true,
                _ => return Err(unknown(text, word)),
            }
            rest = tail;
        }
        chord.key = key(rest).ok_or_else(|| unknown(text, rest))?;
        Ok(chord.normal())
    }
}

fn key(text: &str) -> Option<Key> {
    let mut symbols = text.chars();
    if let (Some(symbol), None) = (symbols.next(), symbols.next()) {
        return (!symbol.is_control() && !symbol.is_whitespace()).then_some(Key::Char(symbol));
    }
    let lower = text.to_ascii_lowercase();
    if let Some(number) = lower
        .strip_prefix('f')
        .and_then(|digits| digits.parse::<u8>().ok())
    {
        return (1..=24).contains(&number).then_some(Key::F(number));
    }
    NAMES
        .iter()
        .find(|(name, _)| *name == lower)
        .map(|(_, key)| *key)
}

fn unknown(text: &str, word: &str) -> ChordError {
    let candidates = NAMES
        .iter()
        .map(|(name, _)| *name)
        .chain(["ctrl", "alt", "shift"]);
    ChordError {
        text: text.to_owned(),
        nearest: super::nearest::nearest(&word.to_ascii_lowercase(), candidates),
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [
            (self.ctrl, "ctrl-"),
            (self.alt, "alt-"),
            (self.shift, "shift-"),
        ] {
            if held {
                f.write_str(name)?;
            }
        }
        match self.key {
            Key::F(number) => write!(f, "f{number}"),
            key => match NAMES.iter().find(|(_, named)| *named == key) {
                Some((name, _)) => f.write_str(name),
                None if let Key::Char(symbol) = key => write!(f, "{symbol}"),
                None => Ok(()),
            },
        }
    }
}

impl fmt::Display for ChordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a key", self.text)?;
        match self.nearest {
            Some(name) => write!(f, "; did you mean `{name}`?"),
            None => f.write_str(" (examples: p, P, ctrl-c, space, pgdn, f1, g g)"),
        }
    }
}

impl std::error::Error for ChordError {}

impl Serialize for Chord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Chord {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn chords_read_and_print_the_same() {
        for text in [
            "p",
            "P",
            "?",
            "-",
            ":",
            "/",
            "ctrl-c",
            "ctrl--",
            "alt-x",
            "enter",
            "esc",
            "space",
            "tab",
            "shift-tab",
        ] {
            assert_eq!(text.parse::<Chord>().unwrap().to_string(), text);
        }
        for text in [
            "f1",
            "f12",
            "pgup",
            "pgdn",
            "home",
            "ctrl-alt-del",
            "up",
            "backspace",
        ] {
            assert_eq!(text.parse::<Chord>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_spellings_mean_the_same_chord() {
        for (text, meant) in [
            ("shift-p", "P"),
            ("ctrl-C", "ctrl-c"),
            ("Escape", "esc"),
            ("PageDown", "pgdn"),
            ("C-x", "ctrl-x"),
            ("F5", "f5"),
        ] {
            assert_eq!(text.parse::<Chord>().unwrap().to_string(), meant);
        }
        assert_eq!(Chord::char('p').with_shift(), Chord::char('P'));
    }

    #[test]
    fn what_is_no_key_says_so_and_proposes_one() {
        assert_eq!(
            "entr".parse::<Chord>().unwrap_err().to_string(),
            "`entr` is not a key; did you mean `enter`?"
        );
        assert_eq!(
            "crtl-x".parse::<Chord>().unwrap_err().to_string(),
            "`crtl-x` is not a key; did you mean `ctrl`?"
        );
        assert!("f99".parse::<Chord>().is_err());
        assert!("ctrl-".parse::<Chord>().is_err());
        assert!(sequence("  ").is_err());
        assert!(sequence("g nonsense").is_err());
    }

    #[test]
    fn only_plain_characters_type_text() {
        assert_eq!("x".parse::<Chord>().unwrap().typed(), Some('x'));
        assert_eq!("space".parse::<Chord>().unwrap().typed(), Some(' '));
        assert_eq!("ctrl-x".parse::<Chord>().unwrap().typed(), None);
        assert_eq!("enter".parse::<Chord>().unwrap().typed(), None);
    }
}
