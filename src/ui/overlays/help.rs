//! The keys of this screen and what each of them does, from the table in force.

use ratatui::layout::Rect;

use crate::input::Action;
use crate::input::reference::{self, HelpRow};
use crate::session::cockpit::Cockpit;
use crate::ui::canvas::{Canvas, Line};
use crate::ui::panes::gates::hang;
use crate::ui::panes::key;
use crate::ui::text;
use crate::ui::theme::Role;

/// Its keys, or what is typed where it has none.
fn asked_by(row: &HelpRow) -> String {
    if row.keys.is_empty() {
        format!(":{}", row.action.verb().unwrap_or(row.action.id()))
    } else {
        row.keys.clone()
    }
}

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let width = area.width.min(116);
    let context = cockpit.view.screen.context();
    let groups = reference::help(&cockpit.keymap, context);
    let keys = groups
        .iter()
        .flat_map(|group| &group.rows)
        .map(|row| text::width(&asked_by(row)))
        .max()
        .unwrap_or(6)
        .clamp(6, 20);
    let mut lines: Vec<Line> = Vec::new();
    // What had no room at the foot of the screen is read here.
    if let Some(message) = &cockpit.message {
        lines.push(vec![canvas.piece("Said last", Role::Header)]);
        let words = message.words(cockpit.now);
        let room = width.saturating_sub(4);
        lines.extend(hang(canvas, &[], &words, Role::Dialog, room, 8));
    }
    for group in &groups {
        if !lines.is_empty() {
            lines.push(Line::new());
        }
        lines.push(vec![canvas.piece(group.title, Role::Header)]);
        for row in &group.rows {
            let keys = text::pad(&asked_by(row), keys);
            let mut lead = vec![canvas.piece(format!("{keys}  "), Role::HintKey)];
            if width >= 100 {
                lead.push(canvas.piece(text::pad(row.action.label(), 16), Role::TextStrong));
            }
            lines.extend(hang(
                canvas,
                &lead,
                row.doc,
                Role::Dialog,
                width.saturating_sub(4),
                3,
            ));
        }
    }
    let height = area.height.min(
        u16::try_from(lines.len())
            .unwrap_or(u16::MAX)
            .saturating_add(2),
    );
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 2,
        width,
        height,
    };
    canvas.clear(place, Role::Dialog);
    let title = format!("Keys of the {} screen", context.title());
    let inner = canvas.pane(
        place,
        &title,
        &[canvas.piece("esc closes", Role::TextDim)],
        true,
    );
    let room = usize::from(inner.height);
    let first = cockpit.view.help_top.min(lines.len().saturating_sub(room));
    canvas.lines(inner, lines.get(first..).unwrap_or_default());
    if lines.len() > room {
        canvas.footnote(
            place,
            &format!(
                "lines {}–{} of {}, {} and {} scroll",
                first + 1,
                (first + room).min(lines.len()),
                lines.len(),
                key(cockpit, Action::MoveDown),
                key(cockpit, Action::MoveUp),
            ),
        );
    }
}
