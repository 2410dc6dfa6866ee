//! What lies between two releases, over the screen that asked for it.

use ratatui::layout::Rect;

use crate::domain::difference::{DifferenceLine, LineTone};
use crate::session::cockpit::Cockpit;
use crate::ui::canvas::{Canvas, Line};
use crate::ui::panes::gates::hang;
use crate::ui::theme::Role;

/// So wide that a line of a manifest is read without turning the head.
const WIDEST: u16 = 132;

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, top: usize, area: Rect) {
    let Some(comparison) = &cockpit.comparison else {
        return;
    };
    let place = place(area);
    canvas.clear(place, Role::Dialog);
    let title = format!("{} → {}", comparison.from.title(), comparison.to.title());
    let close = canvas.piece("esc closes", Role::TextDim);
    let inner = canvas.pane(place, &title, &[close], true);
    match &comparison.outcome {
        None => {
            let line = vec![canvas.piece("Reading both from git…", Role::TextStrong)];
            canvas.lines(inner, &[line]);
        }
        Some(Err(fault)) => {
            let text = format!("They could not be compared: {fault}");
            let lines = hang(canvas, &[], &text, Role::Danger, inner.width, 6);
            canvas.lines(inner, &lines);
        }
        Some(Ok(difference)) => {
            // The title has the first one already.
            let lines = difference.lines();
            told(
                canvas,
                lines.get(1..).unwrap_or_default(),
                top,
                place,
                inner,
            );
        }
    }
}

/// In the middle of a wide screen.
pub fn place(area: Rect) -> Rect {
    let width = area.width.min(WIDEST);
    Rect {
        x: area.x + (area.width - width) / 2,
        width,
        ..area
    }
}

/// Lines that scroll, from `top` on, and at the foot how many there are.
pub fn told(canvas: &mut Canvas, lines: &[DifferenceLine], top: usize, place: Rect, inner: Rect) {
    let room = usize::from(inner.height);
    let first = top.min(lines.len().saturating_sub(room));
    let shown: Vec<Line> = lines
        .iter()
        .skip(first)
        .take(room)
        .map(|line| {
            let (lead, role) = match line.tone {
                LineTone::Plain => ("  ", Role::Text),
                LineTone::Heading => ("", Role::Header),
                LineTone::Breaking => ("  ", Role::Danger),
                LineTone::Added => ("  ", Role::Healthy),
                LineTone::Removed => ("  ", Role::Degraded),
            };
            vec![canvas.piece(format!("{lead}{}", line.text), role)]
        })
        .collect();
    canvas.lines(inner, &shown);
    if lines.len() > room {
        let footnote = format!(
            "lines {}–{} of {}, j and k scroll",
            first + 1,
            (first + room).min(lines.len()),
            lines.len()
        );
        canvas.footnote(place, &footnote);
    }
}
