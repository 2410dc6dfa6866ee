//! A buffer and a theme together, and the few strokes that every pane is made of. Everything is clipped to its
//! area, and every word passes [`text::put`].

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::style::Modifier;
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use super::guard;
use super::spots::Spots;
use super::text::{self, Piece};
use super::theme::{Role, Theme};
use super::widgets::{Scale, Sparkline};
use crate::session::pointer::Spot;

pub(super) type Line = Vec<Piece>;

pub(super) struct Canvas<'a> {
    pub buf: &'a mut Buffer,
    pub theme: &'a Theme,
    /// What the mouse can point at, as it is drawn.
    pub spots: Spots,
}

/// A part of a line that goes whole or not at all; rank 0 goes last.
pub(super) struct Part {
    pub pieces: Line,
    pub rank: u8,
}

const GAP: u16 = 2;

impl Canvas<'_> {
    pub fn piece(&self, text: impl Into<String>, role: Role) -> Piece {
        Piece::new(text, self.theme.style(role))
    }

    /// Says what stands at `area`, for the mouse.
    pub fn spot(&mut self, area: Rect, spot: Spot) {
        let seen = area.intersection(self.buf.area);
        self.spots.add(seen, spot);
    }

    /// Draws one part of the screen. If that panics, the part says so, and everything else goes on.
    pub fn guarded(&mut self, area: Rect, name: &str, draw: impl FnOnce(&mut Self)) -> bool {
        let Err(words) = guard::contained(|| draw(self)) else {
            return true;
        };
        self.clear(area, Role::Text);
        let role = Role::Danger;
        if area.height < 3 {
            let line = format!("✖ {name} could not be drawn: {words}");
            self.put(area, 0, 0, &line, role);
            return false;
        }
        let badge = [self.piece("✖ FAULT", role)];
        let inner = self.pane(area, name, &badge, false);
        let says = format!("This part could not be drawn: {words}");
        let mut lines: Vec<Line> = wrapped(&says, inner.width, 4)
            .into_iter()
            .map(|line| vec![self.piece(line, role)])
            .collect();
        let then = "It is a fault of gonogo; the log has its place. Everything else goes on.";
        for line in wrapped(then, inner.width, 3) {
            lines.push(vec![self.piece(line, Role::TextDim)]);
        }
        self.lines(inner, &lines);
        false
    }

    /// A word on a ground of its own, with air around it.
    pub fn badge(&self, word: &str, role: Role) -> Piece {
        self.piece(format!(" {word} "), role)
    }

    /// A word on a ground of its role's colour, to be seen from afar.
    pub fn block(&self, words: impl Into<String>, role: Role) -> Piece {
        let style = self.theme.style(role);
        Piece::new(
            words,
            style.add_modifier(Modifier::REVERSED | Modifier::BOLD),
        )
    }

    pub fn put(&mut self, area: Rect, column: u16, row: u16, words: &str, role: Role) -> u16 {
        text::put(self.buf, area, column, row, words, self.theme.style(role))
    }

    pub fn line(&mut self, area: Rect, column: u16, row: u16, pieces: &[Piece]) -> u16 {
        text::put_pieces(self.buf, area, column, row, pieces)
    }

    /// As many lines as there are rows.
    pub fn lines(&mut self, area: Rect, lines: &[Line]) {
        for (row, line) in (0..area.height).zip(lines) {
            self.line(area, 0, row, line);
        }
    }

    /// Ends at the right edge of `area`.
    pub fn right(&mut self, area: Rect, row: u16, pieces: &[Piece]) {
        let at = area.width.saturating_sub(text::pieces_width(pieces));
        self.line(area, at, row, pieces);
    }

    pub fn ground(&mut self, area: Rect, role: Role) {
        let seen = area.intersection(self.buf.area);
        self.buf.set_style(seen, self.theme.style(role));
    }

    pub fn clear(&mut self, area: Rect, role: Role) {
        let seen = area.intersection(self.buf.area);
        if !seen.is_empty() {
            Clear.render(seen, self.buf);
            self.buf.set_style(seen, self.theme.style(role));
        }
    }

    /// Parts left and right in one row; the highest ranks go first where there is no room for all.
    pub fn spread(&mut self, area: Rect, row: u16, mut left: Vec<Part>, mut right: Vec<Part>) {
        let width = |parts: &[Part]| {
            parts.iter().fold(0u16, |sum, part| {
                sum.saturating_add(text::pieces_width(&part.pieces))
                    .saturating_add(GAP)
            })
        };
        while width(&left).saturating_add(width(&right)) > area.width.saturating_add(GAP) {
            let worst = left
                .iter()
                .chain(&right)
                .map(|part| part.rank)
                .max()
                .unwrap_or(0);
            if worst == 0 {
                break;
            }
            let lowest =
                |parts: &mut Vec<Part>| match parts.iter().rposition(|part| part.rank == worst) {
                    Some(at) => {
                        parts.remove(at);
                        true
                    }
                    None => false,
                };
            if !lowest(&mut right) {
                lowest(&mut left);
            }
        }
        let mut at = 0;
        for part in &left {
            at = self.line(area, at, row, &part.pieces).saturating_add(GAP);
        }
        let mut pieces: Line = Vec::new();
        for part in right {
            if !pieces.is_empty() {
                pieces.push(self.piece("  ", Role::Text));
            }
            pieces.extend(part.pieces);
        }
        if text::pieces_width(&pieces).saturating_add(at) <= area.width.saturating_add(GAP) {
            self.right(area, row, &pieces);
        }
    }

    /// A bordered pane; returns what is inside, one column of air on either side. What has the cursor has a
    /// thick border, so that it is seen without colours.
    pub fn pane(&mut self, area: Rect, title: &str, right: &[Piece], focus: bool) -> Rect {
        let seen = area.intersection(self.buf.area);
        if seen.width < 4 || seen.height < 2 {
            return Rect { height: 0, ..seen };
        }
        let (kind, role) = if focus {
            (BorderType::Thick, Role::BorderFocus)
        } else {
            (BorderType::Plain, Role::Border)
        };
        Block::bordered()
            .border_type(kind)
            .border_style(self.theme.style(role))
            .render(seen, self.buf);
        let top = Rect {
            x: seen.x + 1,
            width: seen.width - 2,
            height: 1,
            ..seen
        };
        let end = self.put(top, 1, 0, &format!(" {title} "), Role::Title);
        let wide = text::pieces_width(right);
        if wide > 0 && end.saturating_add(wide).saturating_add(3) <= top.width {
            let mut pieces = vec![self.piece(" ", Role::Text)];
            pieces.extend_from_slice(right);
            pieces.push(self.piece(" ", Role::Text));
            self.line(top, top.width.saturating_sub(wide + 3), 0, &pieces);
        }
        seen.inner(Margin::new(2, 1))
    }

    /// Words on the lower border of a pane: `3–12 of 40`.
    pub fn footnote(&mut self, area: Rect, words: &str) {
        let seen = area.intersection(self.buf.area);
        if seen.height < 2 || seen.width < 6 || words.is_empty() {
            return;
        }
        let bottom = Rect {
            y: seen.bottom() - 1,
            height: 1,
            x: seen.x + 1,
            width: seen.width - 2,
        };
        let at = bottom.width.saturating_sub(text::width(words) + 3);
        self.put(bottom, at, 0, &format!(" {words} "), Role::TextDim);
    }

    /// A curve as pieces, for lines that hold more than the curve.
    pub fn curve(
        &self,
        values: &[Option<f64>],
        scale: Scale,
        role: Role,
        limit: Option<f64>,
        width: u16,
    ) -> Line {
        let area = Rect::new(0, 0, width, 1);
        let mut small = Buffer::empty(area);
        Sparkline {
            values,
            scale,
            role,
            limit,
        }
        .render(area, &mut small, self.theme);
        small
            .content()
            .iter()
            .map(|cell| Piece::new(cell.symbol(), cell.style()))
            .collect()
    }

    /// One line of typed text with its cursor, kept in sight.
    pub fn input(&mut self, area: Rect, column: u16, row: u16, value: &str, cursor: usize) {
        let style = self.theme.style(Role::Input);
        let field = Rect {
            x: area.x.saturating_add(column),
            width: area.width.saturating_sub(column),
            y: area.y.saturating_add(row),
            height: u16::from(row < area.height),
        };
        if field.is_empty() {
            return;
        }
        let before: String = value.chars().take(cursor).collect();
        let mut rest = value.chars().skip(cursor);
        let at = rest.next().map_or_else(|| " ".to_owned(), String::from);
        let after: String = rest.collect();
        // The tail of what stands before the cursor, as far as it fits.
        let mut shown = crate::domain::text::cleaned(&before).into_owned();
        let room = field.width.saturating_sub(2);
        if text::width(&shown) > room {
            let mut tail: Vec<char> = Vec::new();
            for symbol in shown.chars().rev() {
                tail.push(symbol);
                let longer: String = tail.iter().rev().collect();
                if text::width(&longer) >= room {
                    break;
                }
            }
            tail.pop();
            shown = std::iter::once('…').chain(tail.into_iter().rev()).collect();
        }
        self.ground(field, Role::Input);
        let end = text::put(self.buf, field, 0, 0, &shown, style);
        let end = text::put(
            self.buf,
            field,
            end,
            0,
            &at,
            style.add_modifier(Modifier::REVERSED),
        );
        text::put(self.buf, field, end, 0, &after, style);
    }
}

/// `text` in lines of at most `room` columns and at most `most` lines; the last one ends in `…` where some is cut.
pub(super) fn wrapped(words: &str, room: u16, most: usize) -> Vec<String> {
    let clean = crate::domain::text::cleaned(words);
    let mut lines = text::wrap(&clean, room.max(1));
    if lines.len() > most.max(1) {
        let rest = lines.split_off(most.max(1) - 1).join(" ");
        lines.push(text::fit(&rest, room));
    }
    lines
}

/// Which rows of different heights are on the screen, so that `selected` is and the window is full.
pub(super) fn window(heights: &[usize], selected: usize, room: usize) -> std::ops::Range<usize> {
    if heights.is_empty() {
        return 0..0;
    }
    let selected = selected.min(heights.len() - 1);
    let (mut first, mut last, mut used) = (selected, selected + 1, heights[selected]);
    loop {
        let above = first
            .checked_sub(1)
            .filter(|row| used + heights[*row] <= room);
        let below = Some(last).filter(|row| *row < heights.len() && used + heights[*row] <= room);
        match (above, below) {
            // Half of the window above, as long as there is something below.
            (Some(row), Some(_)) if heights[row..selected].iter().sum::<usize>() <= room / 2 => {
                first = row;
            }
            (_, Some(row)) => {
                last = row + 1;
                used += heights[row];
                continue;
            }
            (Some(row), None) => first = row,
            (None, None) => return first..last,
        }
        used += heights[first];
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_window_is_full_and_holds_what_is_selected() {
        assert_eq!(window(&[1; 40], 20, 10), 15..25);
        assert_eq!(window(&[1; 40], 0, 10), 0..10);
        assert_eq!(window(&[1; 40], 39, 10), 30..40);
        assert_eq!(window(&[1, 3, 1], 1, 10), 0..3);
        assert_eq!(window(&[], 3, 10), 0..0);
    }

    #[test]
    fn cut_text_says_so() {
        assert_eq!(
            wrapped("one two three four", 9, 2),
            ["one two", "three fo…"]
        );
        assert_eq!(wrapped("one", 9, 2), ["one"]);
    }

    proptest! {
        #[test]
        fn windows_never_overflow(heights in proptest::collection::vec(1usize..4, 1..40), selected in 0usize..60, room in 4usize..30) {
            let range = window(&heights, selected, room);
            prop_assert!(range.contains(&selected.min(heights.len() - 1)));
            prop_assert!(heights[range].iter().sum::<usize>() <= room);
        }
    }
}
