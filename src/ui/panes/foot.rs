//! What happened, and what can be done: the last lines of every screen.

use ratatui::layout::Rect;

use crate::domain::time;
use crate::input::{Action, Group, sequence_text};
use crate::session::cockpit::{Cockpit, Severity};
use crate::session::show::{self, HintShown};
use crate::session::view::Screen;
use crate::ui::canvas::{Canvas, Line, wrapped};
use crate::ui::marks;
use crate::ui::text;
use crate::ui::theme::Role;
use crate::ui::widgets::{HintBar, HintWord};

/// The answer to the last key, or what is wrong with the ledger: never cut short where there is room to say it.
pub fn message(canvas: &Canvas, cockpit: &Cockpit, area: Rect) -> Vec<Line> {
    let trouble = cockpit
        .known
        .ledger
        .trouble()
        .map(|fault| (Severity::Error, fault.to_string()));
    let said = cockpit
        .message
        .as_ref()
        .map(|message| (message.severity, message.words(cockpit.now)))
        .or(trouble);
    let Some((severity, words)) = said else {
        return Vec::new();
    };
    let most = match area.height {
        0..16 => 1,
        16..20 => 2,
        20..30 => 3,
        _ => 4,
    };
    let mark = marks::severity(severity);
    let room = area.width.saturating_sub(18);
    let lines = wrapped(&words, room, most)
        .into_iter()
        .enumerate()
        .map(|(row, line)| {
            let glyph = if row == 0 { mark.glyph } else { " " };
            vec![
                canvas.piece(format!(" {glyph} "), mark.role),
                canvas.piece(line, mark.role),
            ]
        });
    lines.collect()
}

/// What was asked for and is not answered, and the keys of a chord that is not complete.
pub fn pending(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let mut pieces = Line::new();
    if let Some(busy) = cockpit
        .focus()
        .and_then(|target| cockpit.busy.get(&target.id))
    {
        let ago = time::age(cockpit.now.duration_since(busy.since));
        pieces.push(canvas.piece(
            format!("{} asked {ago} ago ", busy.kind.verb()),
            Role::Progressing,
        ));
    }
    if !cockpit.view.pending.is_empty() {
        pieces.push(canvas.piece(
            format!("{} … ", sequence_text(&cockpit.view.pending)),
            Role::HintKey,
        ));
    }
    let row = area.height.saturating_sub(1);
    canvas.right(area, row, &pieces);
}

/// The keys that work now. `tabs`: the screens are named elsewhere.
pub fn hints(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect, tabs: bool) {
    if !cockpit.view.pending.is_empty() {
        continuations(canvas, cockpit, area);
        return;
    }
    // What lies over a screen says its own keys.
    if cockpit.view.overlay.is_some() {
        return;
    }
    let shown = show::hints(cockpit);
    // On a plan the list is what there is to do.
    let ticks = cockpit.view.screen == Screen::Plan;
    let urgent = |action| {
        matches!(
            action,
            Action::HoldOrResume | Action::Abort | Action::Rollback
        ) || (ticks && action == Action::Check)
    };
    // What does not fit the selected line is not offered for it.
    let about_line =
        |hint: &HintShown| matches!(hint.action, Action::Check | Action::Waive | Action::Reopen);
    let kept = |hint: &&HintShown| {
        let elsewhere = matches!(
            hint.action,
            Action::Redraw | Action::Suspend | Action::Help | Action::Note | Action::ShowMatrix
        );
        let on_tabs = tabs && hint.action.group() == Group::Screens;
        let unfit = about_line(hint) && hint.blocked.is_some();
        !(elsewhere || on_tabs || unfit)
    };
    let with_reason = |hint: &HintShown| (hint.clone(), hint.blocked.as_deref().map(brief));
    let held: Vec<(HintShown, Option<String>)> =
        shown.iter().filter(kept).map(with_reason).collect();
    let words: Vec<HintWord> = held
        .iter()
        .map(|(hint, reason)| HintWord {
            key: &hint.key,
            label: &hint.label,
            blocked: reason.as_deref(),
            urgent: urgent(hint.action),
        })
        .collect();
    let last = shown
        .iter()
        .find(|hint| hint.action == Action::Help)
        .map(|hint| HintWord::new(&hint.key, &hint.label));
    HintBar {
        hints: &words,
        last,
    }
    .render(area, canvas.buf, canvas.theme);
}

/// What the next key of a sequence may be; every other one ends it.
fn continuations(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let next = cockpit
        .keymap
        .continuations(cockpit.view.context(), &cockpit.view.pending);
    let words: Vec<HintWord> = next
        .iter()
        .map(|(keys, action)| HintWord::new(keys, action.label()))
        .collect();
    HintBar {
        hints: &words,
        last: Some(HintWord::new("esc", "cancel")),
    }
    .render(area, canvas.buf, canvas.theme);
}

/// The first clause of a reason; the whole of it is said when the key is pressed.
fn brief(reason: &str) -> String {
    let said = if reason.starts_with("NO-GO") || reason.starts_with("cannot ") {
        reason.split_once(": ").map_or(reason, |(_, why)| why)
    } else {
        reason
    };
    let clause = said.split([';', '(']).next().unwrap_or(said);
    let clause = clause.split(", ").next().unwrap_or(clause).trim();
    text::fit(clause, 36)
}
