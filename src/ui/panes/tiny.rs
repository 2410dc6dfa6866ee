//! Below 60 × 16 there is one line of what matters, and the keys that end a flight still work and are answered.

use ratatui::layout::Rect;

use crate::policy::confirm::Friction;
use crate::session::cockpit::Cockpit;
use crate::session::show;
use crate::session::update::listed;
use crate::session::view::Overlay;
use crate::ui::canvas::{Canvas, Line};
use crate::ui::marks;
use crate::ui::text::{self, Piece};
use crate::ui::theme::Role;

use super::flight::state_words;
use super::header;

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    // A question has the first line: it has the keyboard.
    let asked = asked(canvas, cockpit);
    let mut sentences: Vec<Line> = Vec::new();
    if asked.is_empty() {
        sentences.push(state(canvas, cockpit));
        if let Some(message) = &cockpit.message {
            let mark = marks::severity(message.severity);
            sentences.push(vec![
                canvas.piece(format!("{} {}", mark.glyph, message.text), mark.role),
            ]);
        }
        if let Some(waiting) = cockpit.facts().and_then(|facts| show::waiting(&facts)) {
            let mark = marks::mover(waiting.mover);
            sentences.push(vec![
                canvas.piece(format!("{} {} ", mark.glyph, mark.word), mark.role),
                canvas.piece(waiting.sentence, Role::Text),
            ]);
        }
        if area.height > 1 {
            sentences.insert(1, keys(canvas, cockpit));
        }
    } else {
        sentences.extend(asked);
        if area.height > 3 {
            sentences.push(state(canvas, cockpit));
        }
    }
    let mut row = 0;
    for sentence in sentences {
        for line in broken(&sentence, area.width, if area.height == 1 { 1 } else { 4 }) {
            canvas.line(area, 0, row, &line);
            row += 1;
        }
    }
}

/// Pieces wrapped word by word at `room` columns.
fn broken(line: &[Piece], room: u16, most: usize) -> Vec<Line> {
    if text::pieces_width(line) <= room || most < 2 {
        return vec![line.to_vec()];
    }
    let mut lines: Vec<Line> = vec![Line::new()];
    let mut used = 0;
    for piece in line {
        for word in piece.text.split_inclusive(' ') {
            let wide = text::width(word);
            if used > 0 && used + text::width(word.trim_end()) > room && lines.len() < most {
                lines.push(Line::new());
                used = 0;
            }
            used = used.saturating_add(wide);
            if let Some(last) = lines.last_mut() {
                last.push(Piece::new(word, piece.style));
            }
        }
    }
    lines
}

/// `PRODUCTION auth-service 41 → 42 50 % YOU STALE 40 s`
fn state(canvas: &Canvas, cockpit: &Cockpit) -> Line {
    let mut line = Line::new();
    if cockpit.workspace().rehearsal.is_some() {
        line.push(canvas.piece("REHEARSAL", Role::Rehearsal));
        line.push(canvas.piece(" ", Role::Text));
    }
    let workspace = cockpit.workspace();
    if let Some(environment) = workspace.environments.get(cockpit.view.environment) {
        line.push(header::environment(canvas, environment));
    }
    if let Some((target, glass)) = cockpit.known.unsigned().next() {
        let words = format!("BREAK-GLASS {} by {}", target.environment, glass.by);
        line.push(canvas.piece(" ", Role::Text));
        line.push(canvas.badge(&words, Role::DialogDanger));
    }
    let Some(facts) = cockpit.facts() else {
        line.push(canvas.piece(" nothing here", Role::TextDim));
        return line;
    };
    line.push(canvas.piece(" ", Role::Text));
    if let Some(current) = facts.current() {
        let before = current
            .plan
            .before
            .as_ref()
            .map_or_else(|| "0".to_owned(), |before| before.number.to_string());
        line.push(canvas.piece(
            format!("{before}→{} ", current.plan.release.number),
            Role::Canary,
        ));
        let mark = marks::flight(current.state);
        line.push(canvas.piece(
            format!("{} {} ", mark.glyph, state_words(current)),
            mark.role,
        ));
        if let Some(waiting) = show::waiting(&facts) {
            let mark = marks::mover(waiting.mover);
            line.push(canvas.piece(format!("{} ", mark.word), mark.role));
        }
    } else if let Some(cell) = show::fleet_cell(cockpit, &facts.target.id) {
        let mark = marks::condition(cell.condition);
        line.push(canvas.piece(format!("{} ", cell.live), Role::Text));
        line.push(canvas.piece(format!("{} {} ", mark.glyph, mark.word), mark.role));
    }
    if let Some(last) = &facts.workload.last {
        let stale = last.is_stale(cockpit.now, workspace.timings.stale);
        let age = crate::domain::time::age(last.age(cockpit.now));
        let (words, role) = if stale {
            (format!("STALE {age}"), Role::Warning)
        } else {
            (format!("{age} ago"), Role::TextDim)
        };
        line.push(canvas.piece(words, role));
    } else {
        line.push(canvas.piece("never read", Role::Warning));
    }
    // Last, because it is the first that a person can do without.
    line.push(canvas.piece(
        format!(" {}", facts.target.id.project.name()),
        Role::TextStrong,
    ));
    line
}

fn keys(canvas: &Canvas, cockpit: &Cockpit) -> Line {
    use crate::input::Action;
    let mut line = Line::new();
    for hint in show::hints(cockpit) {
        if matches!(
            hint.action,
            Action::HoldOrResume
                | Action::Abort
                | Action::Rollback
                | Action::Help
                | Action::ShowFlight
        ) {
            let (key, word) = if hint.blocked.is_some() {
                (Role::TextDim, Role::TextDim)
            } else {
                (Role::HintKey, Role::HintText)
            };
            line.push(canvas.piece(hint.key, key));
            line.push(canvas.piece(format!(" {}  ", hint.label), word));
        }
    }
    line
}

/// The question that is open, in the words without which it cannot be answered.
fn asked(canvas: &Canvas, cockpit: &Cockpit) -> Vec<Line> {
    let typed = |value: &str| canvas.piece(format!("{value}_"), Role::Input);
    let mut lines: Vec<Line> = Vec::new();
    let note = match &cockpit.view.overlay {
        Some(Overlay::Dialog(dialog)) => {
            let act = &dialog.challenge.act;
            let mut first = vec![
                canvas.badge(&act.kind.verb().to_uppercase(), Role::DialogDanger),
                canvas.piece(format!(" {} ", act.release.number), Role::TextStrong),
            ];
            match &dialog.challenge.friction {
                Friction::Type(expected) => {
                    first.push(canvas.piece(format!("type {expected} "), Role::TextStrong));
                    first.push(typed(dialog.input.value()));
                }
                _ => first.push(canvas.piece(
                    format!("in {}: enter, or esc", act.target.environment),
                    Role::TextStrong,
                )),
            }
            lines.push(first);
            lines.extend(
                act.afterwards
                    .iter()
                    .map(|after| vec![canvas.piece(format!("→ {after}"), Role::Text)]),
            );
            dialog.note.as_ref()
        }
        Some(Overlay::Prompt(prompt)) => {
            lines.push(vec![
                canvas.piece(format!("{} ", prompt.ask.title()), Role::TextStrong),
                typed(prompt.input.value()),
            ]);
            prompt.note.as_ref()
        }
        Some(Overlay::Palette(palette)) => {
            let first = listed(cockpit)
                .into_iter()
                .nth(palette.selected)
                .map_or_else(String::new, |(entry, _)| format!("  {}", entry.command));
            lines.push(vec![
                canvas.piece(":", Role::HintKey),
                typed(palette.input.value()),
                canvas.piece(first, Role::TextDim),
            ]);
            palette.note.as_ref()
        }
        Some(Overlay::Help) => {
            let mut line = vec![canvas.piece("The screen is too small for help. ", Role::Text)];
            line.extend(keys(canvas, cockpit));
            lines.push(line);
            None
        }
        None => None,
    };
    if let Some(note) = note {
        lines.push(vec![canvas.piece(format!("! {note}"), Role::Warning)]);
    }
    lines
}
