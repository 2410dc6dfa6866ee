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
}

impl<'a> HintWord<'a> {
    pub const fn new(key: &'a str, label: &'a str) -> Self {
        Self {
            key,
            label,
            blocked: None,
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

impl HintBar<'_> {
    pub fn render(&self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        // One column of margin, as the header has.
        let room = area.width.saturating_sub(1);
        let last = self
            .last
            .map(|hint| pieces(&hint, hint.blocked, theme))
            .filter(|last| text::pieces_width(last) <= room);
        let kept = last
            .as_ref()
            .map_or(0, |last| text::pieces_width(last) + text::width(GAP));
        let mut line: Vec<Piece> = Vec::new();
        for hint in self.hints {
            let gap = if line.is_empty() { 0 } else { text::width(GAP) };
            let used = text::pieces_width(&line)
                .saturating_add(gap)
                .saturating_add(kept);
            // The reason gives way before the key does.
            let forms = [pieces(hint, hint.blocked, theme), pieces(hint, None, theme)];
            let fits = |form: &Vec<Piece>| used.saturating_add(text::pieces_width(form)) <= room;
            if let Some(form) = forms.into_iter().find(fits) {
                push(&mut line, form, theme);
            }
        }
        if let Some(last) = last {
            push(&mut line, last, theme);
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
            HintWord::new("z", "hold"),
            HintWord::new("A", "abort"),
            HintWord::new("R", "roll back"),
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
            draw(80),
            " p promote (held: p99 latency)  z hold  A abort  R roll back  ? help"
        );
        assert_eq!(
            draw(60),
            " p promote (held: p99 latency)  z hold  A abort  ? help"
        );
        assert_eq!(draw(30), " p promote  z hold  ? help");
        assert_eq!(draw(14), " ? help");
        assert_eq!(draw(7), " ? help");
        assert_eq!(draw(6), "");
    }
}
