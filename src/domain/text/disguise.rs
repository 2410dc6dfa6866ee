//! Letters that pass for others: `mаin` with a Cyrillic a is no `main`, and nobody can see it (QUALITY T2). In a word that
//! reads as Latin throughout, each letter that is not is named: `m‹Cyrillic a›in`.
//!
//! Words of other languages stay as they are: what is wholly Russian is not in disguise, short words that happen to
//! consist of look-alikes included, as long as something around them could not be Latin.

use std::fmt::Write as _;

use unicode_script::{Script, UnicodeScript as _};
use unicode_security::{GeneralSecurityProfile as _, skeleton};

/// The text with its disguised letters named; none if there are none.
pub(super) fn shown(text: &str) -> Option<String> {
    if text.is_ascii() || !text.chars().any(|letter| passes_for(letter).is_some()) {
        return None;
    }
    let foreign = text.chars().any(is_foreign);
    let mut out = String::with_capacity(text.len() + 32);
    let mut changed = false;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if is_disguised(word, foreign) {
            changed = true;
            word.chars().for_each(|letter| name(&mut out, letter));
        } else {
            out.push_str(word);
        }
        // What stands between two words.
        let begin = after.find(in_word).unwrap_or(after.len());
        let (between, next) = after.split_at(begin);
        out.push_str(between);
        rest = next;
    }
    changed.then_some(out)
}

/// Whether two names can be taken for each other: `lee` and `1ee`.
pub fn look_alike(one: &str, other: &str) -> bool {
    skeleton(one).eq(skeleton(other))
}

fn in_word(symbol: char) -> bool {
    symbol.is_alphanumeric()
}

/// Reads as Latin from end to end, and is not.
fn is_disguised(word: &str, foreign: bool) -> bool {
    let (mut latin, mut passing) = (false, false);
    for letter in word.chars() {
        if passes_for(letter).is_some() {
            passing = true;
        } else if is_foreign(letter) {
            return false;
        } else {
            latin |= letter.is_alphabetic();
        }
    }
    passing && (latin || !foreign)
}

/// A letter that nobody takes for a Latin one.
fn is_foreign(letter: char) -> bool {
    letter.is_alphabetic()
        && !letter.is_ascii()
        && !matches!(
            letter.script(),
            Script::Latin | Script::Common | Script::Inherited
        )
        && passes_for(letter).is_none()
}

/// The one ASCII letter or digit that it looks like. Latin letters of living languages are what they are (`ı` is no
/// disguise), and so are the ordinals ª and º; other forms, as fullwidth and mathematical ones, have no place in a name.
fn passes_for(letter: char) -> Option<char> {
    if letter.is_ascii() || !letter.is_alphanumeric() || matches!(letter, 'ª' | 'º') {
        return None;
    }
    if letter.script() == Script::Latin && letter.identifier_allowed() {
        return None;
    }
    let mut buffer = [0; 4];
    let mut like = skeleton(letter.encode_utf8(&mut buffer));
    let first = like.next().filter(char::is_ascii_alphanumeric)?;
    let second = like.next();
    // `m` is listed as `rn`.
    match (first, second) {
        ('r', Some('n')) => Some('m'),
        _ => second
            .is_none_or(|symbol| symbol.is_ascii_alphanumeric())
            .then_some(first),
    }
}

fn name(out: &mut String, letter: char) {
    let Some(like) = passes_for(letter) else {
        out.push(letter);
        return;
    };
    let script = match letter.script() {
        Script::Latin | Script::Common | Script::Inherited => "odd",
        script => script.full_name(),
    };
    // Writing to a String cannot fail.
    let _ = write!(out, "‹{script} {like}›");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_looks_latin_is_named() {
        for (text, expect) in [
            ("m\u{430}in", "m‹Cyrillic a›in"),
            ("d\u{430}na approves 42", "d‹Cyrillic a›na approves 42"),
            ("v1.2.3-\u{3b1}", "v1.2.3-‹Greek a›"),
            ("release/\u{440}rod", "release/‹Cyrillic p›rod"),
            (
                "\u{455}\u{441}\u{43e}\u{440}\u{435}",
                "‹Cyrillic s›‹Cyrillic c›‹Cyrillic o›‹Cyrillic p›‹Cyrillic e›",
            ),
            ("\u{ff4d}ain", "‹odd m›ain"),
            ("\u{1d5c6}ain", "‹odd m›ain"),
            ("auth\u{2d3}", "auth\u{2d3}"),
            ("l\u{585}gin", "l‹Armenian o›gin"),
        ] {
            assert_eq!(shown(text).as_deref().unwrap_or(text), expect);
        }
    }

    #[test]
    fn words_of_any_language_stay_as_they_are() {
        for text in [
            "main",
            "Größe ändern, naïve café",
            "Işık İstanbul ılık",
            "Łódź przełącznik",
            "а у нас хор, оса и суп",
            "Исправлена ошибка в auth-service",
            "διόρθωση του ωαο",
            "機能/ログイン を追加",
            "إصلاح الخطأ",
            "תיקון באג",
            "Đã sửa lỗi đăng nhập",
            "1º 2ª µs Δt 50 Ω",
            "✔ ● ━━ ▁▂▃ …",
            "podов",
        ] {
            assert_eq!(shown(text), None, "{text}");
        }
    }

    #[test]
    fn names_that_can_be_taken_for_each_other_are_found() {
        for (one, other) in [("lee", "1ee"), ("dana", "d\u{430}na"), ("sam", "sarn")] {
            assert!(look_alike(one, other), "{one} {other}");
        }
        assert!(!look_alike("dana", "dane"));
    }
}
