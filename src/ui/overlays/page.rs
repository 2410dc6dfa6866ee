//! A page over the screen that it was opened from: the testing matrix, or one entry of the timeline.

use ratatui::layout::Rect;

use crate::session::cockpit::Cockpit;
use crate::session::show::{self, PageTone as Tone};
use crate::session::view::Page;
use crate::ui::canvas::{Canvas, Line};
use crate::ui::panes::gates::hang;
use crate::ui::text;
use crate::ui::theme::Role;

const WIDEST: u16 = 132;

/// Lines that one sentence may take.
const MOST: usize = 4;

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, page: &Page, top: usize, area: Rect) {
    let shown = show::page(cockpit, page);
    let width = area.width.min(WIDEST);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        width,
        ..area
    };
    canvas.clear(place, Role::Dialog);
    let close = canvas.piece("esc closes", Role::TextDim);
    let inner = canvas.pane(place, &shown.title, &[close], true);
    let room = usize::from(inner.height);
    let count = shown.lines.len();
    let mut lines: Vec<Line> = Vec::new();
    let mut told = 0;
    for line in shown.lines.iter().skip(top.min(count.saturating_sub(1))) {
        let role = match line.tone {
            Tone::Plain => Role::Text,
            Tone::Heading => Role::Header,
            Tone::Good => Role::Healthy,
            Tone::Bad => Role::Danger,
            Tone::Open => Role::Degraded,
        };
        // A table keeps its columns; only what is too long is wrapped.
        let fits = text::width(&line.text) <= inner.width;
        let told_in = if fits {
            vec![vec![canvas.piece(line.text.as_str(), role)]]
        } else {
            hang(canvas, &[], &line.text, role, inner.width, MOST)
        };
        if lines.len() + told_in.len() > room && told > 0 {
            break;
        }
        lines.extend(told_in);
        told += 1;
    }
    lines.truncate(room);
    canvas.lines(inner, &lines);
    if told < count {
        let first = top.min(count.saturating_sub(1));
        let footnote = format!(
            "lines {}–{} of {count}, j and k scroll",
            first + 1,
            first + told
        );
        canvas.footnote(place, &footnote);
    }
}
