//! The frame of a dialog: in the middle, as large as what it says, over everything else.

use ratatui::buffer::Buffer;
use ratatui::layout::{Margin, Rect};
use ratatui::widgets::{Block, BorderType, Clear, Widget};

use super::hint_bar::{HintBar, HintWord};
use crate::ui::text::{self, Piece};
use crate::ui::theme::{Role, Theme};

/// How much is at stake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Plain,
    /// Something is taken from users, or it is production: said by the title, the border and its colour.
    Danger,
}

/// A dialog: its words are wrapped where they are too long, and cut at the bottom with a note.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dialog<'a> {
    pub title: &'a str,
    pub tone: Tone,
    /// One entry per line of text; an empty one is an empty line.
    pub body: &'a [Vec<Piece>],
    /// Room kept below the body for an input line and the like, in rows; the caller draws it.
    pub extra: u16,
    pub hints: &'a [HintWord<'a>],
}

/// Border and one column of air on either side.
const FRAME: u16 = 4;

impl Dialog<'_> {
    /// Where it stands on `screen`.
    pub fn area(&self, screen: Rect) -> Rect {
        let widest = self.body.iter().map(|line| text::pieces_width(line));
        let hints = self.hints.iter().fold(0u16, |sum, hint| {
            sum.saturating_add(text::width(hint.key))
                .saturating_add(text::width(hint.label))
                .saturating_add(3)
        });
        let words = widest
            .chain([text::width(self.title).saturating_add(2), hints, 40])
            .max()
            .unwrap_or(0);
        // Lines longer than this are hard to read at three in the morning.
        let width = words.min(76).saturating_add(FRAME).min(screen.width);
        let rows: usize = self
            .body
            .iter()
            .map(|line| wrapped(line, width.saturating_sub(FRAME)).len())
            .sum();
        let foot = if self.hints.is_empty() { 0 } else { 2 };
        let rows = u16::try_from(rows).unwrap_or(u16::MAX);
        let height = rows
            .saturating_add(self.extra)
            .saturating_add(foot + 2)
            .min(screen.height);
        Rect {
            x: screen.x.saturating_add((screen.width - width) / 2),
            y: screen.y.saturating_add((screen.height - height) / 2),
            width,
            height,
        }
    }

    /// Draws it, and returns the rows kept by [`Dialog::extra`].
    pub fn render(&self, screen: Rect, buf: &mut Buffer, theme: &Theme) -> Rect {
        let area = self.area(screen).intersection(buf.area);
        if area.is_empty() {
            return Rect::ZERO;
        }
        let (border, title, kind) = match self.tone {
            Tone::Plain => (Role::DialogBorder, Role::Title, BorderType::Plain),
            Tone::Danger => (Role::Danger, Role::DialogDanger, BorderType::Double),
        };
        Clear.render(area, buf);
        let ground = theme.style(Role::Dialog);
        Block::bordered()
            .border_type(kind)
            .border_style(theme.style(border))
            .title(text::span(&format!(" {} ", self.title), theme.style(title)))
            .style(ground)
            .render(area, buf);

        let inner = area.inner(Margin::new(2, 1));
        let foot = u16::from(!self.hints.is_empty());
        let body_rows = inner.height.saturating_sub(self.extra).saturating_sub(foot);
        let lines: Vec<Vec<Piece>> = self
            .body
            .iter()
            .flat_map(|line| wrapped(line, inner.width))
            .collect();
        let seen = usize::from(body_rows);
        let hidden = if lines.len() > seen {
            lines.len() + 1 - seen.max(1)
        } else {
            0
        };
        for (row, line) in (0..body_rows).zip(lines.iter().take(if hidden > 0 {
            seen.saturating_sub(1)
        } else {
            seen
        })) {
            let over_ground: Vec<Piece> = line
                .iter()
                .map(|piece| Piece::new(piece.text.as_str(), ground.patch(piece.style)))
                .collect();
            text::put_pieces(buf, inner, 0, row, &over_ground);
        }
        if hidden > 0 && body_rows > 0 {
            let note = format!("… {hidden} more lines, the screen is too small");
            text::put(
                buf,
                inner,
                0,
                body_rows - 1,
                &note,
                theme.style(Role::Warning),
            );
        }
        if foot > 0 && inner.height > 0 {
            let line = Rect {
                x: inner.x.saturating_sub(1),
                y: inner.bottom() - 1,
                height: 1,
                width: inner.width + 1,
            };
            HintBar {
                hints: self.hints,
                last: None,
            }
            .render(line, buf, theme);
        }
        let extra = self.extra.min(inner.height);
        let top = inner
            .y
            .saturating_add(lines.len().try_into().unwrap_or(u16::MAX).min(body_rows));
        Rect {
            y: top,
            height: extra.min(inner.bottom().saturating_sub(top)),
            ..inner
        }
    }
}

/// A line of pieces as lines of at most `room` columns; each word keeps the style of its piece.
fn wrapped(line: &[Piece], room: u16) -> Vec<Vec<Piece>> {
    if text::pieces_width(line) <= room {
        return vec![line.to_vec()];
    }
    let mut lines: Vec<Vec<Piece>> = vec![Vec::new()];
    let mut used = 0u16;
    for piece in line {
        for (index, word) in piece.text.split(' ').enumerate() {
            let space = index > 0 && used > 0;
            let needed = text::width(word).saturating_add(u16::from(space));
            if used > 0 && used.saturating_add(needed) > room {
                lines.push(Vec::new());
                used = 0;
            }
            let glued = if space && used > 0 {
                format!(" {word}")
            } else {
                word.to_owned()
            };
            used = used.saturating_add(text::width(&glued));
            if let Some(last) = lines.last_mut() {
                last.push(Piece::new(glued, piece.style));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::widgets::tests::{drawn, survives_every_size};

    fn body(lines: &[&str]) -> Vec<Vec<Piece>> {
        let style = Theme::probe().style(Role::Text);
        lines
            .iter()
            .map(|line| vec![Piece::new(*line, style)])
            .collect()
    }

    #[test]
    fn a_dialog_is_as_large_as_what_it_says_and_stands_in_the_middle() {
        let lines = body(&[
            "Everybody gets 41 v1.2.3 again, now.",
            "",
            "42 stays the desired release.",
        ]);
        let hints = [
            HintWord::new("enter", "abort"),
            HintWord::new("esc", "back"),
        ];
        let dialog = Dialog {
            title: "Abort the flight",
            tone: Tone::Danger,
            body: &lines,
            extra: 0,
            hints: &hints,
        };
        let draw = |area: Rect, buf: &mut Buffer| {
            dialog.render(area, buf, &Theme::probe());
        };
        assert_eq!(
            drawn(60, 9, draw),
            [
                "",
                "        ╔ Abort the flight ════════════════════════╗",
                "        ║ Everybody gets 41 v1.2.3 again, now.     ║",
                "        ║                                          ║",
                "        ║ 42 stays the desired release.            ║",
                "        ║                                          ║",
                "        ║ enter abort  esc back                    ║",
                "        ╚══════════════════════════════════════════╝",
                "",
            ]
        );
        survives_every_size(draw);
    }

    #[test]
    fn long_words_are_wrapped_and_what_does_not_fit_is_said() {
        let lines = body(
            &["p99 latency 512 ms is over its limit of 500 ms since 3 minutes, canary only"; 4],
        );
        let dialog = Dialog {
            title: "Why",
            tone: Tone::Plain,
            body: &lines,
            extra: 0,
            hints: &[],
        };
        let screen = drawn(40, 6, |area, buf| {
            dialog.render(area, buf, &Theme::probe());
        });
        assert_eq!(
            screen,
            [
                "┌ Why ─────────────────────────────────┐",
                "│ p99 latency 512 ms is over its limit │",
                "│ of 500 ms since 3 minutes, canary    │",
                "│ only                                 │",
                "│ … 9 more lines, the screen is too s… │",
                "└──────────────────────────────────────┘",
            ]
        );
    }

    #[test]
    fn room_for_an_input_is_kept_below_the_words() {
        let lines = body(&["Type the release number to fly."]);
        let hints = [HintWord::new("esc", "back")];
        let dialog = Dialog {
            title: "Fly",
            tone: Tone::Plain,
            body: &lines,
            extra: 2,
            hints: &hints,
        };
        let screen = Rect::new(0, 0, 60, 16);
        let mut buf = Buffer::empty(screen);
        let kept = dialog.render(screen, &mut buf, &Theme::probe());
        assert_eq!((kept.height, kept.width), (2, 40));
        assert!(dialog.area(screen).contains(kept.as_position()));
        survives_every_size(|area, buf| {
            dialog.render(area, buf, &Theme::probe());
        });
    }
}
