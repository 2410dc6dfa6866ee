//! Putting words into cells: measured in columns, cut with `…`, never outside the buffer, and never anything
//! that could act on a terminal (every string passes [`cleaned`] here, whatever was done to it before).

use ratatui::buffer::{Buffer, CellWidth};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Span;
use unicode_segmentation::UnicodeSegmentation;

use crate::domain::text::cleaned;

/// A run of text and the style it is drawn in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub text: String,
    pub style: Style,
}

impl Piece {
    pub fn new(text: impl Into<String>, style: Style) -> Self {
        Self {
            text: text.into(),
            style,
        }
    }
}

/// The columns `text` takes on the screen, as the drawing library counts them.
pub fn width(text: &str) -> u16 {
    if text.is_ascii() {
        return u16::try_from(text.len()).unwrap_or(u16::MAX);
    }
    text.graphemes(true).fold(0, |sum: u16, grapheme| {
        sum.saturating_add(columns(grapheme))
    })
}

/// Control characters are drawn as nothing.
fn columns(grapheme: &str) -> u16 {
    if grapheme.contains(char::is_control) {
        0
    } else {
        grapheme.cell_width()
    }
}

/// `text` in at most `room` columns, ending in `…` where something was cut.
pub fn fit(text: &str, room: u16) -> String {
    if width(text) <= room {
        return text.to_owned();
    }
    if room == 0 {
        return String::new();
    }
    let mut kept = String::new();
    let mut used = 0;
    for grapheme in text.graphemes(true) {
        let next = used + columns(grapheme);
        if next >= room {
            break;
        }
        used = next;
        kept.push_str(grapheme);
    }
    kept.push('…');
    kept
}

/// Like [`fit`], filled up with spaces to exactly `room` columns.
pub fn pad(text: &str, room: u16) -> String {
    let mut fitted = fit(text, room);
    let missing = room.saturating_sub(width(&fitted));
    fitted.extend(std::iter::repeat_n(' ', usize::from(missing)));
    fitted
}

/// Like [`pad`], with the spaces in front.
pub fn pad_left(text: &str, room: u16) -> String {
    let fitted = fit(text, room);
    let missing = usize::from(room.saturating_sub(width(&fitted)));
    format!("{}{fitted}", " ".repeat(missing))
}

/// Breaks `text` at spaces into lines of at most `room` columns; a longer word is broken where it must be.
pub fn wrap(text: &str, room: u16) -> Vec<String> {
    let mut lines = vec![String::new()];
    if room == 0 {
        return lines;
    }
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let needed = width(word);
        if used > 0 && used + 1 + needed <= room {
            push(&mut lines, " ");
            push(&mut lines, word);
            used += 1 + needed;
            continue;
        }
        if used > 0 {
            lines.push(String::new());
            used = 0;
        }
        for grapheme in word.graphemes(true) {
            let next = columns(grapheme);
            if used > 0 && used + next > room {
                lines.push(String::new());
                used = 0;
            }
            if next > room {
                // One character wider than a line: there is no breaking it.
                push(&mut lines, &fit(grapheme, room));
                used = room;
                continue;
            }
            push(&mut lines, grapheme);
            used += next;
        }
    }
    lines
}

fn push(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}

/// Text from anywhere as a span for the drawing library's own widgets, made harmless first.
pub fn span(text: &str, style: Style) -> Span<'static> {
    Span::styled(cleaned(text).into_owned(), style)
}

/// Writes `text` into row `row` of `area` from column `column` on (both counted from the area's corner), cut
/// with `…` at the area's edge. Returns the column after it. Outside the area nothing happens.
pub fn put(buf: &mut Buffer, area: Rect, column: u16, row: u16, text: &str, style: Style) -> u16 {
    // What is inside the area but outside the buffer is cut as well: a resize may come between the two.
    let seen = area.intersection(buf.area);
    let (x, y) = (area.x.saturating_add(column), area.y.saturating_add(row));
    if column >= area.width
        || row >= area.height
        || x < seen.left()
        || x >= seen.right()
        || y < seen.top()
        || y >= seen.bottom()
    {
        return column;
    }
    let fitted = fit(&cleaned(text), seen.right() - x);
    let (end, _) = buf.set_stringn(x, y, &fitted, usize::from(seen.right() - x), style);
    end - area.x
}

/// Writes pieces one after the other, like [`put`].
pub fn put_pieces(buf: &mut Buffer, area: Rect, column: u16, row: u16, pieces: &[Piece]) -> u16 {
    pieces.iter().fold(column, |at, piece| {
        put(buf, area, at, row, &piece.text, piece.style)
    })
}

/// The columns that pieces take together.
pub fn pieces_width(pieces: &[Piece]) -> u16 {
    pieces
        .iter()
        .fold(0, |sum: u16, piece| sum.saturating_add(width(&piece.text)))
}

/// The lines of a buffer as text, without trailing spaces: what tests and snapshots compare.
pub fn lines(buf: &Buffer) -> Vec<String> {
    let area = buf.area;
    let row = |y: u16| {
        let mut line = String::new();
        let mut x = area.left();
        while let Some(cell) = (x < area.right()).then(|| buf.cell((x, y))).flatten() {
            line.push_str(cell.symbol());
            x += cell.symbol().cell_width().max(1);
        }
        line.trim_end().to_owned()
    };
    (area.top()..area.bottom()).map(row).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_is_cut_by_columns_and_says_so() {
        let cases = [
            ("auth-service", 12, "auth-service"),
            ("auth-service", 6, "auth-…"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日…"),
            ("abc", 1, "…"),
            ("abc", 0, ""),
            ("", 3, ""),
        ];
        for (text, room, expected) in cases {
            assert_eq!(fit(text, room), expected, "{text} in {room}");
        }
        assert_eq!(pad("日本語", 6), "日本語");
        assert_eq!(pad("日本語", 4), "日… ");
        assert_eq!(pad_left("42", 4), "  42");
    }

    #[test]
    fn wrapping_breaks_at_spaces_and_long_words_anywhere() {
        assert_eq!(
            wrap("p99 latency 512 ms, limit 500 ms", 12),
            ["p99 latency", "512 ms,", "limit 500 ms"]
        );
        assert_eq!(wrap("sha256:0123456789", 8), ["sha256:0", "12345678", "9"]);
        assert_eq!(wrap("", 8), [""]);
        assert_eq!(wrap("x", 0), [""]);
        // One character of three columns where there are two.
        assert_eq!(wrap("⿰\u{11f3e}", 2), ["…"]);
    }

    #[test]
    fn nothing_that_acts_on_a_terminal_reaches_a_cell() {
        let area = Rect::new(0, 0, 30, 1);
        let mut buf = Buffer::empty(area);
        put(
            &mut buf,
            area,
            0,
            0,
            "a\u{1b}[2J\u{202e}b\u{200b}",
            Style::new(),
        );
        assert_eq!(lines(&buf), ["a␛[2J‹U+202E›b‹U+200B›"]);
        assert_eq!(span("\u{1b}x", Style::new()).content, "␛x");
    }

    #[test]
    fn pieces_follow_each_other() {
        let area = Rect::new(2, 1, 10, 1);
        let mut buf = Buffer::empty(Rect::new(0, 0, 14, 3));
        let pieces = [
            Piece::new("日", Style::new()),
            Piece::new(" then a tail", Style::new()),
        ];
        assert_eq!(put_pieces(&mut buf, area, 0, 0, &pieces), 10);
        assert_eq!(lines(&buf), ["", "  日 then a…", ""]);
        assert_eq!(pieces_width(&pieces), 14);
    }

    proptest! {
        #[test]
        fn fitted_text_fits_and_putting_never_leaves_the_area(text in any::<String>(), room in 0u16..40, x in 0u16..20, y in 0u16..5) {
            prop_assert!(width(&fit(&cleaned(&text), room)) <= room);
            prop_assert!(wrap(&cleaned(&text), room.max(2)).iter().all(|line| width(line) <= room.max(2)));
            let mut buf = Buffer::empty(Rect::new(0, 0, 20, 4));
            put(&mut buf, Rect::new(x, y, room, 2), 1, 1, &text, Style::new());
        }
    }
}
