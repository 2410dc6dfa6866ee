//! The foot of the screen: keys and what they do, as many as fit, never half a word.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::text::{self, Piece};
use crate::ui::theme::{Role, Theme};

/// One key and its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HintWord<'a> {
    pub key: &'a str,
    pub label: &'a str,
    /// Why it cannot run now, in brief (`held: p99 latency`); it is shown dimmed with that.
    pub blocked: Option<&'a str>,
    /// A way out: it is there before all others, wherever it stands in the row.
    pub urgent: bool,
}

impl<'a> HintWord<'a> {
    pub const fn new(key: &'a str, label: &'a str) -> Self {
        Self {
            key,
            label,
            blocked: None,
            urgent: false,
        }
    }
}

/// Hints, most important first, and one at the end that always stays (`? help`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HintBar<'a> {
    pub hints: &'a [HintWord<'a>],
    pub last: Option<HintWord<'a>>,
}

const GAP: &str = "  ";
/// With less room than this, a reason says nothing.
const SHORTEST_REASON: u16 = 16;

impl HintBar<'_> {
    pub fn render(&self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        // One column of margin, as the header has.
        let room = area.width.saturating_sub(1);
        let gap = text::width(GAP);
        let bare = |hint: &HintWord| text::pieces_width(&pieces(hint, None, theme));
        let last = self.last.filter(|hint| bare(hint) <= room);
        let mut free = room.saturating_sub(last.as_ref().map_or(0, |hint| bare(hint) + gap));
        let mut kept = vec![false; self.hints.len()];
        // The first reason is worth more than the keys at the end of the row.
        let mut reserved = 0;
        for urgent in [true, false] {
            for (index, hint) in self.hints.iter().enumerate() {
                let why = hint
                    .blocked
                    .filter(|_| reserved == 0)
                    .map_or(0, |why| text::width(why) + 3);
                let needed = bare(hint).saturating_add(gap);
                let why = why.min(free.saturating_sub(needed));
                if !urgent && why >= SHORTEST_REASON {
                    reserved = why;
                    free -= why;
                }
                // Behind the last hint there is no gap.
                let spare = free.saturating_add(if last.is_none() { gap } else { 0 });
                if hint.urgent == urgent && needed <= spare {
                    kept[index] = true;
                    free = free.saturating_sub(needed);
                }
            }
        }
        // Reasons take what the keys leave.
        free = free.saturating_add(reserved);
        let mut line: Vec<Piece> = Vec::new();
        for (hint, _) in self.hints.iter().zip(&kept).filter(|(_, kept)| **kept) {
            let reason = hint
                .blocked
                .filter(|_| free >= SHORTEST_REASON)
                .map(|reason| text::fit(reason, free - 3));
            let form = pieces(hint, reason.as_deref(), theme);
            free = free.saturating_sub(text::pieces_width(&form).saturating_sub(bare(hint)));
            push(&mut line, form, theme);
        }
        if let Some(last) = last {
            push(&mut line, pieces(&last, None, theme), theme);
        }
        text::put_pieces(buf, area, 1, 0, &line);
    }
}

fn pieces(hint: &HintWord, reason: Option<&str>, theme: &Theme) -> Vec<Piece> {
    let blocked = hint.blocked.is_some();
    let (key, word) = if blocked {
        (Role::TextDim, Role::TextDim)
    } else {
        (Role::HintKey, Role::HintText)
    };
    let reason = reason
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default();
    vec![
        Piece::new(hint.key, theme.style(key)),
        Piece::new(format!(" {}{reason}", hint.label), theme.style(word)),
    ]
}

fn push(line: &mut Vec<Piece>, pieces: Vec<Piece>, theme: &Theme) {
    if !line.is_empty() {
        line.push(Piece::new(GAP, theme.style(Role::HintText)));
    }
    line.extend(pieces);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::widgets::tests::{drawn, survives_every_size};

    fn draw(width: u16) -> String {
        let promote = HintWord {
            blocked: Some("held: p99 latency"),
            ..HintWord::new("p", "promote")
        };
        let hints = [
            promote,
            HintWord::new("P", "promote fully"),
            HintWord {
                urgent: true,
                ..HintWord::new("z", "hold")
            },
            HintWord {
                urgent: true,
                ..HintWord::new("A", "abort")
            },
            HintWord {
                urgent: true,
                ..HintWord::new("R", "roll back")
            },
        ];
        let bar = HintBar {
            hints: &hints,
            last: Some(HintWord::new("?", "help")),
        };
        survives_every_size(|area, buf| bar.render(area, buf, &Theme::probe()));
        drawn(width, 1, |area, buf| bar.render(area, buf, &Theme::probe())).concat()
    }

    #[test]
    fn hints_that_do_not_fit_are_left_out_whole_and_help_stays() {
        assert_eq!(
            draw(90),
            " p promote (held: p99 latency)  P promote fully  z hold  A abort  R roll back  ? help"
        );
        assert_eq!(
            draw(70),
            " p promote (held: p99 latency)  z hold  A abort  R roll back  ? help"
        );
        assert_eq!(draw(30), " z hold  A abort  ? help");
        assert_eq!(draw(18), " z hold  ? help");
        assert_eq!(draw(14), " ? help");
        assert_eq!(draw(7), " ? help");
        assert_eq!(draw(6), "");
    }
}
