//! Text from outside, made harmless and visible: the one function that everything a cluster, a
//! repository, a registry, a log or a person wrote passes before it can reach a cell or a line.
//!
//! Letters that pass for others are named (`m‹Cyrillic a›in`), in `disguise`. It owns what counts as dangerous; it knows nothing of terminals, colours or where text came from.
//! Nothing is dropped in silence: a character that could move the cursor, reorder or hide text is
//! replaced by something a person can see (`␛[31m`, `‹U+202E›`).

mod disguise;
mod redact;

use std::borrow::{Borrow, Cow};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use disguise::look_alike;
pub use redact::{REDACTED, redacted};

/// The longest field that is kept, in bytes of UTF-8, the mark of the cut included.
pub const FIELD_BYTES: usize = 4096;

/// What a cut field ends in.
const CUT: char = '…';

/// One line of text that is safe to print: no control, bidi, zero-width or tag character is left in it.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Clean(Box<str>);

impl Clean {
    /// Sanitises `raw`, and takes out what looks like a secret. Line breaks become visible too; use [`clean_lines`] where
    /// they are meant.
    pub fn new(raw: &str) -> Self {
        // Nobody reads the rest, and it may be long.
        let beginning = beginning(raw, 4 * FIELD_BYTES);
        Self(cleaned(&redacted(beginning)).into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Splits at line breaks (`\n`, `\r\n`) and sanitises each line; the cap holds per line.
pub fn clean_lines(raw: &str) -> Vec<Clean> {
    raw.lines().map(Clean::new).collect()
}

/// The text as [`Clean`] would hold it, borrowed where there is nothing to do.
///
/// Drawing calls this on every string as a second fence, so the common case must cost one scan.
pub fn cleaned(raw: &str) -> Cow<'_, str> {
    let plain = if raw.is_ascii() {
        raw.bytes().all(|byte| (0x20..0x7f).contains(&byte))
    } else {
        !raw.chars().any(is_hidden) && disguise::shown(raw).is_none()
    };
    if plain && raw.len() <= FIELD_BYTES {
        return Cow::Borrowed(raw);
    }
    Cow::Owned(replaced(raw))
}

/// Until there is nothing left to replace: a cut may take away what told a Russian word from a disguise.
fn replaced(raw: &str) -> String {
    let mut out = visible(raw);
    while let Some(named) = disguise::shown(&out) {
        out = cut(named);
    }
    out
}

/// At most so many bytes of it, in whole characters.
fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len()))
        .rev()
        .find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or(text)
}

/// What is too long ends before an escape or after it, and never within.
fn cut(mut text: String) -> String {
    if text.len() <= FIELD_BYTES {
        return text;
    }
    let mut end = beginning(&text, FIELD_BYTES - CUT.len_utf8()).len();
    let kept = text.get(..end).unwrap_or_default();
    if let Some(open) = kept.rfind('‹')
        && !kept.get(open..).unwrap_or_default().contains('›')
        && end - open < 64
    {
        end = open;
    }
    text.truncate(end);
    text.push(CUT);
    text
}

/// Without what is hidden.
fn visible(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len().min(FIELD_BYTES));
    // The end of the longest prefix that leaves room for the mark; cutting there never halves an escape.
    let mut cut_at = 0;
    for symbol in raw.chars() {
        if out.len() + CUT.len_utf8() <= FIELD_BYTES {
            cut_at = out.len();
        }
        push_visible(&mut out, symbol);
        if out.len() > FIELD_BYTES {
            out.truncate(cut_at);
            out.push(CUT);
            break;
        }
    }
    out
}

fn push_visible(out: &mut String, symbol: char) {
    use fmt::Write as _;
    let code = u32::from(symbol);
    // Writing to a String cannot fail.
    let _ = match code {
        0x00..=0x1f => out.write_char(char::from_u32(0x2400 + code).unwrap_or('␀')),
        0x7f => out.write_char('␡'),
        0x80..=0x9f => write!(out, "\\u{{{code:x}}}"),
        _ if is_hidden(symbol) => write!(out, "‹U+{code:04X}›"),
        _ => out.write_char(symbol),
    };
}

/// Whether a character acts on its neighbours or on the terminal, or takes no room while meaning something.
///
/// Variation selectors 15 and 16 stay: they only choose between the text and emoji form of a glyph.
pub fn is_hidden(symbol: char) -> bool {
    symbol.is_control()
        || matches!(u32::from(symbol),
            0x00ad                              // soft hyphen
            | 0x034f                            // combining grapheme joiner
            | 0x061c                            // Arabic letter mark
            | 0x115f | 0x1160 | 0x3164 | 0xffa0 // Hangul fillers: letters that are drawn as nothing
            | 0x180b..=0x180f                   // Mongolian selectors and vowel separator
            | 0x200b..=0x200f                   // zero-width, left-to-right and right-to-left marks
            | 0x2028..=0x202e                   // line and paragraph separators, bidi embeddings
            | 0x2060..=0x206f                   // word joiner, invisible operators, bidi isolates
            | 0xfe00..=0xfe0d                   // variation selectors that no emoji needs
            | 0xfeff                            // byte order mark
            | 0xfff9..=0xfffb                   // interlinear annotation
            | 0x1d173..=0x1d17a                 // musical controls
            | 0xe0000..=0xe0fff                 // tags and further variation selectors
        )
}

impl fmt::Display for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Clean {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl AsRef<str> for Clean {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Clean {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Clean {
    fn from(raw: &str) -> Self {
        Self::new(raw)
    }
}

impl From<String> for Clean {
    fn from(raw: String) -> Self {
        Self::new(&raw)
    }
}

impl From<Clean> for String {
    fn from(text: Clean) -> Self {
        text.0.into()
    }
}

impl FromStr for Clean {
    type Err = Infallible;

    fn from_str(raw: &str) -> Result<Self, Self::Err> {
        Ok(Self::new(raw))
    }
}

impl PartialEq<str> for Clean {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Clean {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl Serialize for Clean {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Clean {
    /// A stored file is outside too: what is read is sanitised again.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&Cow::<str>::deserialize(deserializer)?))
    }
}

/// `1 pod`, `7 pods`.
pub fn counted(count: usize, one: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {one}{s}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_could_act_becomes_visible() {
        let cases = [
            ("plain text, äöü 日本 ●", "plain text, äöü 日本 ●"),
            ("\u{1b}[31mred\u{1b}[0m", "␛[31mred␛[0m"),
            ("\u{1b}]52;c;ZXZpbA==\u{7}", "␛]52;c;ZXZpbA==␇"),
            ("\u{1b}Pq\u{1b}\\", "␛Pq␛\\"),
            ("\u{9b}2J\u{9d}0;t\u{9c}", "\\u{9b}2J\\u{9d}0;t\\u{9c}"),
            ("one\r\ntwo\tthree\0\u{7f}", "one␍␊two␉three␀␡"),
            ("user\u{202e}nimda\u{2066}", "user‹U+202E›nimda‹U+2066›"),
            (
                "a\u{200b}b\u{200d}c\u{feff}d\u{2060}",
                "a‹U+200B›b‹U+200D›c‹U+FEFF›d‹U+2060›",
            ),
            ("\u{61c}\u{200e}\u{200f}", "‹U+061C›‹U+200E›‹U+200F›"),
            ("tag\u{e0041}\u{e007f}", "tag‹U+E0041›‹U+E007F›"),
            ("a\u{2028}b", "a‹U+2028›b"),
            ("⚠\u{fe0f}", "⚠\u{fe0f}"),
            ("", ""),
        ];
        for (raw, expected) in cases {
            assert_eq!(Clean::new(raw), expected, "{raw:?}");
        }
    }

    #[test]
    fn a_long_field_is_cut_with_a_mark_and_never_inside_an_escape() {
        let exact = "x".repeat(FIELD_BYTES);
        assert_eq!(Clean::new(&exact), exact.as_str());

        let long = Clean::new(&"x".repeat(FIELD_BYTES + 1));
        assert_eq!(long.as_str().len(), FIELD_BYTES);
        assert!(long.as_str().ends_with("x…"));

        let escapes = Clean::new(&"\u{202e}".repeat(FIELD_BYTES));
        assert!(escapes.as_str().ends_with("›…"), "{escapes}");
        assert!(escapes.as_str().len() <= FIELD_BYTES);
    }

    #[test]
    fn lines_are_split_and_each_is_clean() {
        assert_eq!(
            clean_lines("one\r\n\u{1b}two\n\nthree\n"),
            ["one", "␛two", "", "three"].map(Clean::new)
        );
    }

    #[test]
    fn what_is_read_back_is_sanitised_again() {
        let read: Clean = serde_json::from_str(r#""a\u001b[2Jb""#).unwrap();
        assert_eq!(read, "a␛[2Jb");
        assert_eq!(serde_json::to_string(&read).unwrap(), r#""a␛[2Jb""#);
    }

    proptest! {
        #[test]
        fn nothing_hidden_survives_and_cleaning_twice_changes_nothing(raw in any_text()) {
            let once = Clean::new(&raw);
            prop_assert!(!once.as_str().chars().any(is_hidden), "{once:?}");
            prop_assert!(once.as_str().len() <= FIELD_BYTES);
            prop_assert_eq!(&Clean::new(once.as_str()), &once);
        }
    }

    /// Any string, with the dangerous ranges far more likely than chance would have them.
    fn any_text() -> impl Strategy<Value = String> {
        let symbol = prop_oneof![
            any::<char>(),
            proptest::char::range('\0', '\u{9f}'),
            proptest::char::range('\u{2000}', '\u{206f}'),
            proptest::char::range('\u{e0000}', '\u{e01ef}'),
            proptest::char::range('a', 'z'),
            proptest::char::range('\u{370}', '\u{58f}'),
        ];
        proptest::collection::vec(symbol, 0..700).prop_map(|symbols| symbols.into_iter().collect())
    }
}
