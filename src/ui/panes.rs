//! The screens, one file each, and the parts that several of them share.

pub(super) mod fleet;
pub(super) mod flight;
pub(super) mod foot;
pub(super) mod gates;
pub(super) mod header;
pub(super) mod history;
pub(super) mod hotfix;
mod idle;
pub(super) mod inbox;
pub(super) mod metrics;
mod place;
pub(super) mod plan;
pub(super) mod pods;
pub(super) mod poll;
pub(super) mod releases;
pub(super) mod timeline;
pub(super) mod tiny;

use ratatui::layout::Rect;

use super::canvas::{Canvas, Line, wrapped};
use super::theme::Role;
use crate::input::Action;
use crate::session::cockpit::Cockpit;

/// The key of an action on the screen in front, as it is bound now; its command where it has none.
pub(super) fn key(cockpit: &Cockpit, action: Action) -> String {
    let here = cockpit.view.screen.context();
    let texts = cockpit.keymap.texts(action, here).into_iter().next();
    texts.unwrap_or_else(|| format!(":{}", action.verb().unwrap_or(action.id())))
}

/// Words where a list would be: what is missing, and what to do about it.
pub(super) fn empty(canvas: &mut Canvas, area: Rect, says: &str, role: Role, then: &[&str]) {
    let width = area.width.min(76);
    let mut lines: Vec<Line> = wrapped(says, width, 4)
        .into_iter()
        .map(|line| vec![canvas.piece(line, role)])
        .collect();
    lines.push(Line::new());
    for sentence in then {
        for line in wrapped(sentence, width, 3) {
            lines.push(vec![canvas.piece(line, Role::TextDim)]);
        }
    }
    // A third of the way down, where eyes look first.
    let top = (area
        .height
        .saturating_sub(u16::try_from(lines.len()).unwrap_or(u16::MAX))
        / 3)
    .min(4);
    let place = Rect {
        y: area.y + top,
        height: area.height - top,
        ..area
    };
    canvas.lines(place, &lines);
}
