//! Every command of the command line, found as one types; what cannot run says why.

use ratatui::layout::Rect;

use crate::session::cockpit::Cockpit;
use crate::session::pointer::Spot;
use crate::session::update::listed;
use crate::session::view::PaletteState;
use crate::ui::canvas::{Canvas, wrapped};
use crate::ui::layout::cut_top;
use crate::ui::text;
use crate::ui::theme::Role;
use crate::ui::viewport::Viewport;

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, state: &PaletteState, area: Rect) {
    let entries = listed(cockpit);
    let width = area.width.min(104);
    let wanted = u16::try_from(entries.len())
        .unwrap_or(u16::MAX)
        .saturating_add(5)
        .max(8);
    let height = wanted.min(area.height).min(26);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y,
        width,
        height,
    };
    canvas.clear(place, Role::Dialog);
    let inner = canvas.pane(
        place,
        "Command",
        &[canvas.piece("enter runs, tab completes, esc closes", Role::TextDim)],
        true,
    );
    let (line, rest) = cut_top(inner, 1);
    canvas.put(line, 0, 0, ":", Role::HintKey);
    canvas.input(line, 2, 0, state.input.value(), state.input.cursor());
    let (note, list) = cut_top(rest, 1);
    if let Some(words) = &state.note {
        canvas.put(note, 0, 0, &format!("! {words}"), Role::Warning);
    }
    if entries.is_empty() {
        canvas.put(
            list,
            0,
            0,
            "nothing is called like that; esc closes",
            Role::TextDim,
        );
        return;
    }
    // The whole sentence of the selected entry stands below the list.
    let below = if list.height > 6 { 2 } else { 0 };
    let (list, foot) = cut_top(list, list.height.saturating_sub(below));
    let selected = state.selected.min(entries.len() - 1);
    let view = Viewport::around(selected, entries.len(), usize::from(list.height));
    let verbs = entries
        .iter()
        .map(|(entry, _)| text::width(entry.command))
        .max()
        .unwrap_or(8)
        .clamp(8, 20);
    for (row, index) in (0..list.height).zip(view.visible()) {
        let Some((entry, blocked)) = entries.get(index) else {
            continue;
        };
        let chosen = index == selected;
        let line_area = Rect {
            y: list.y + row,
            height: 1,
            ..list
        };
        canvas.spot(line_area, Spot::Command(index));
        if chosen {
            canvas.ground(line_area, Role::Selection);
        }
        let role = |role: Role| if chosen { Role::Selection } else { role };
        let (verb, doc) = if blocked.is_some() {
            (Role::TextDim, Role::TextDim)
        } else {
            (Role::TextStrong, Role::Dialog)
        };
        canvas.put(
            list,
            0,
            row,
            if chosen { "▸" } else { " " },
            role(Role::Text),
        );
        let at = canvas.put(list, 2, row, &text::pad(entry.command, verbs), role(verb));
        let at = canvas.put(
            list,
            at + 1,
            row,
            &text::pad(entry.key.as_deref().unwrap_or(""), 9),
            role(Role::HintKey),
        );
        let words = blocked
            .as_ref()
            .map_or_else(|| entry.doc.to_owned(), |why| format!("not now: {why}"));
        canvas.put(list, at + 1, row, &words, role(doc));
    }
    if let (Some((entry, _)), true) = (entries.get(selected), below > 0) {
        for (row, words) in (1..foot.height).zip(wrapped(entry.doc, foot.width, 1)) {
            canvas.put(foot, 0, row, &words, Role::TextDim);
        }
    }
    if let Some(position) = view.position() {
        canvas.footnote(place, &position);
    }
}
