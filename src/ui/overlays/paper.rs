//! A page over the screen, to be read and copied.

use ratatui::layout::Rect;

use crate::session::view::Paper;
use crate::ui::canvas::{Canvas, Line, wrapped};
use crate::ui::text;
use crate::ui::theme::Role;

/// So wide that a sentence is read without turning the head.
const WIDEST: u16 = 84;

pub fn draw(canvas: &mut Canvas, paper: &Paper, top: usize, area: Rect) {
    let width = area.width.min(WIDEST);
    let room = width.saturating_sub(4);
    let lines: Vec<Line> = paper
        .lines
        .iter()
        .flat_map(|line| {
            if line.is_empty() {
                return vec![Line::new()];
            }
            let role = if line.starts_with("! ") {
                Role::Warning
            } else {
                Role::Text
            };
            let wrapped = wrapped(line, room, usize::MAX).into_iter();
            wrapped.map(|line| vec![canvas.piece(line, role)]).collect()
        })
        .collect();
    let wanted = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let height = wanted.saturating_add(4).min(area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 3,
        width,
        height,
    };
    canvas.clear(place, Role::Dialog);
    let close = canvas.piece("esc closes", Role::TextDim);
    let inner = canvas.pane(place, &paper.title, &[close], true);
    let body = usize::from(inner.height.saturating_sub(1));
    let first = top.min(lines.len().saturating_sub(body));
    let shown: Vec<Line> = lines.iter().skip(first).take(body).cloned().collect();
    canvas.lines(inner, &shown);
    let foot = text::fit(&paper.foot, inner.width);
    canvas.put(
        inner,
        0,
        inner.height.saturating_sub(1),
        &foot,
        Role::HintKey,
    );
    if lines.len() > body {
        let words = format!(
            "lines {}–{} of {}, j and k scroll",
            first + 1,
            (first + body).min(lines.len()),
            lines.len()
        );
        canvas.footnote(place, &words);
    }
}
