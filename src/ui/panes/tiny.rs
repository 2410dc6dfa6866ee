//! Below 60 × 16 there is one line of what matters, and the keys that end a flight still work and are answered.

use ratatui::layout::Rect;

use crate::policy::confirm::Friction;
use crate::session::cockpit::{Cockpit, Message};
use crate::session::show;
use crate::session::update::listed;
use crate::session::view::{Dialog, Overlay};
use crate::ui::canvas::{Canvas, Line};
use crate::ui::marks;
use crate::ui::text::{self, Piece};
use crate::ui::theme::Role;

use super::flight::state_words;
use super::header;

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    if area.height == 1 {
        let line = one_line(canvas, cockpit, area.width);
        canvas.line(area, 0, 0, &line);
        return;
    }
    // A question has the first line: it has the keyboard.
    let asked = asked(canvas, cockpit, area.width);
    let mut sentences: Vec<Line> = Vec::new();
    if asked.is_empty() {
        // On few rows the state takes one of them: the keys below it are needed more than its last words.
        let room = if area.height < 6 {
            area.width
        } else {
            u16::MAX
        };
        sentences.push(state(canvas, cockpit, room));
        if let Some(message) = &cockpit.message {
            let mark = marks::severity(message.severity);
            sentences.push(vec![canvas.piece(
                format!("{} {}", mark.glyph, message.words(cockpit.now)),
                mark.role,
            )]);
        }
        if let Some(waiting) = cockpit
            .facts()
            .and_then(|facts| show::waiting(cockpit, &facts))
        {
            let (glyph, word, role) = marks::moves(&waiting);
            sentences.push(vec![
                canvas.piece(format!("{glyph} {word} "), role),
                canvas.piece(waiting.sentence, Role::Text),
            ]);
        }
        sentences.insert(1, keys(canvas, cockpit));
    } else {
        sentences.extend(asked);
        if area.height > 3 {
            sentences.push(state(canvas, cockpit, u16::MAX));
        }
    }
    let mut row = 0;
    for sentence in sentences {
        for line in broken(&sentence, area.width, 4) {
            canvas.line(area, 0, row, &line);
            row += 1;
        }
    }
}

/// How long an answer takes the place of the state, where there is room for one of them.
const ANSWERED_SECONDS: i64 = 6;

/// What has the keyboard, else what was just answered, else how things stand.
fn one_line(canvas: &Canvas, cockpit: &Cockpit, width: u16) -> Line {
    if let Some(first) = asked(canvas, cockpit, width).into_iter().next() {
        return first;
    }
    if !cockpit.view.pending.is_empty() {
        return keys(canvas, cockpit);
    }
    let fresh =
        |message: &&Message| cockpit.now.duration_since(message.at).as_secs() < ANSWERED_SECONDS;
    match cockpit.message.as_ref().filter(fresh) {
        Some(message) => {
            let mark = marks::severity(message.severity);
            vec![canvas.piece(format!("{} {}", mark.glyph, message.text), mark.role)]
        }
        None => state(canvas, cockpit, width),
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

/// `PRODUCTION 41→42 ▶ 50 % YOU STALE 40 s auth-service`, without its last parts where there is no room for all.
fn state(canvas: &Canvas, cockpit: &Cockpit, width: u16) -> Line {
    let narrow = width < 32;
    let mut parts: Vec<Line> = Vec::new();
    let workspace = cockpit.workspace();
    if let Some(environment) = workspace.environments.get(cockpit.view.environment) {
        let whole = header::environment(canvas, environment);
        let name = if narrow && text::width(&whole.text) > 9 {
            let room = if environment.protected { 5 } else { 9 };
            let short = text::fit(whole.text.trim(), room);
            Piece::new(
                if environment.protected {
                    format!(" {short} ")
                } else {
                    short
                },
                whole.style,
            )
        } else {
            whole
        };
        parts.push(vec![name]);
    }
    let Some(facts) = cockpit.facts() else {
        parts.push(vec![canvas.piece("nothing here", Role::TextDim)]);
        return joined(canvas, parts, width);
    };
    let mut rest: Vec<Line> = Vec::new();
    if let Some((target, glass)) = cockpit.known.unsigned().next() {
        let words = format!("{} {} by {}", glass.word(), target.environment, glass.by);
        rest.push(vec![canvas.badge(&words, Role::DialogDanger)]);
    }
    if let Some(current) = facts.current() {
        let before = current
            .plan
            .before
            .as_ref()
            .map_or_else(|| "0".to_owned(), |before| before.number.to_string());
        let numbers = format!("{before}→{}", current.plan.release.number);
        parts.push(vec![canvas.piece(numbers, Role::Canary)]);
        let mark = marks::flight(current.state);
        let words = format!("{} {}", mark.glyph, state_words(current));
        parts.push(vec![canvas.piece(words, mark.role)]);
        if let Some(waiting) = show::waiting(cockpit, &facts) {
            let (_, word, role) = marks::moves(&waiting);
            rest.push(vec![canvas.piece(word, role)]);
        }
    } else if let Some(cell) = show::fleet_cell(cockpit, &facts.target.id) {
        let mark = marks::condition(cell.condition);
        parts.push(vec![canvas.piece(cell.live, Role::Text)]);
        let words = format!("{} {}", mark.glyph, mark.word);
        parts.push(vec![canvas.piece(words, mark.role)]);
    }
    if let Some(last) = &facts.workload.last {
        let stale = last.is_stale(cockpit.now, workspace.timings.stale);
        let age = crate::domain::time::age(last.age(cockpit.now));
        // Old news matters more than whose move it would be.
        if stale {
            rest.insert(0, vec![canvas.piece(format!("STALE {age}"), Role::Warning)]);
        } else {
            rest.push(vec![canvas.piece(format!("{age} ago"), Role::TextDim)]);
        }
    } else {
        rest.insert(0, vec![canvas.piece("never read", Role::Warning)]);
    }
    if workspace.rehearsal.is_some() {
        let word = if narrow { "REH" } else { "REHEARSAL" };
        let badge = canvas.piece(word, Role::Rehearsal);
        // In front wherever it fits beside what else is needed.
        let needed = parts
            .iter()
            .map(|part| text::pieces_width(part) + 1)
            .sum::<u16>();
        if needed.saturating_add(text::width(word)) <= width {
            parts.insert(0, vec![badge]);
        } else {
            rest.push(vec![badge]);
        }
    }
    // Last, because it is the first that a person can do without.
    rest.push(vec![
        canvas.piece(facts.target.id.project.name(), Role::TextStrong),
    ]);
    parts.extend(rest);
    joined(canvas, parts, width)
}

/// Parts with a space between them, as many whole ones as fit; the first of all is cut rather than left out.
fn joined(canvas: &Canvas, parts: Vec<Line>, width: u16) -> Line {
    let mut line = Line::new();
    let mut used: u16 = 0;
    for (index, part) in parts.into_iter().enumerate() {
        let wide = text::pieces_width(&part).saturating_add(u16::from(index > 0));
        if index > 2 && used.saturating_add(wide) > width {
            continue;
        }
        if index > 0 {
            line.push(canvas.piece(" ", Role::Text));
        }
        used = used.saturating_add(wide);
        line.extend(part);
    }
    line
}

/// The keys that matter here, or the ones that go on a sequence.
fn keys(canvas: &Canvas, cockpit: &Cockpit) -> Line {
    let mut line = Line::new();
    let mut say = |key: &str, words: &str, blocked: bool| {
        let (own, word) = if blocked {
            (Role::TextDim, Role::TextDim)
        } else {
            (Role::HintKey, Role::HintText)
        };
        line.push(canvas.piece(key, own));
        line.push(canvas.piece(format!(" {words}  "), word));
    };
    let pending = &cockpit.view.pending;
    if !pending.is_empty() {
        say(&crate::input::sequence_text(pending), "…", false);
        let context = cockpit.view.context();
        for (keys, action) in cockpit.keymap.continuations(context, pending) {
            say(&keys, action.label(), false);
        }
        say("esc", "cancel", false);
        return line;
    }
    for hint in show::ways_out(cockpit) {
        say(&hint.key, &hint.label, hint.blocked.is_some());
    }
    line
}

/// The question that is open, in the words without which it cannot be answered.
fn asked(canvas: &Canvas, cockpit: &Cockpit, width: u16) -> Vec<Line> {
    // The end of what is typed stays in sight.
    let typed = |value: &str, before: &str| {
        let room = width.saturating_sub(text::width(before) + 1).max(4);
        canvas.piece(format!("{}_", tail(value, room)), Role::Input)
    };
    let mut lines: Vec<Line> = Vec::new();
    let note = match &cockpit.view.overlay {
        Some(Overlay::Dialog(dialog)) => {
            lines.push(question(canvas, dialog, width, &typed));
            lines.extend(
                dialog
                    .challenge
                    .act
                    .afterwards
                    .iter()
                    .map(|after| vec![canvas.piece(format!("→ {after}"), Role::Text)]),
            );
            dialog.note.as_ref()
        }
        Some(Overlay::Prompt(prompt)) => {
            let value = prompt.input.value();
            let long = format!("{} ", prompt.ask.title());
            let fits = text::width(&long).saturating_add(text::width(value)) < width;
            let asks = if fits || width >= 40 {
                long
            } else {
                format!("{}: ", prompt.ask.word())
            };
            let answer = typed(value, &asks);
            lines.push(vec![canvas.piece(asks, Role::TextStrong), answer]);
            prompt.note.as_ref()
        }
        Some(Overlay::Palette(palette)) => {
            let first = listed(cockpit)
                .into_iter()
                .nth(palette.selected)
                .map_or_else(String::new, |(entry, _)| format!("  {}", entry.command));
            lines.push(vec![
                canvas.piece(":", Role::HintKey),
                typed(palette.input.value(), ":"),
                canvas.piece(first, Role::TextDim),
            ]);
            palette.note.as_ref()
        }
        Some(
            over @ (Overlay::Help
            | Overlay::Difference { .. }
            | Overlay::Paper { .. }
            | Overlay::Sql { .. }
            | Overlay::Page { .. }),
        ) => {
            let what = match over {
                Overlay::Help => "esc: too small for help. ",
                Overlay::Sql { .. } | Overlay::Page { .. } => "esc: too small to read. ",
                Overlay::Paper { .. } => "esc: too small to read; y copies it. ",
                _ => "esc: too small to compare. ",
            };
            let mut line = vec![canvas.piece(what, Role::Text)];
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

/// What is asked and what answers it, in the longest form that fits; the shortest is for 20 columns.
fn question(
    canvas: &Canvas,
    dialog: &Dialog,
    width: u16,
    typed: &dyn Fn(&str, &str) -> Piece,
) -> Line {
    let act = &dialog.challenge.act;
    let verb = act.kind.verb().to_uppercase();
    let badge = canvas.badge(&verb, Role::DialogDanger);
    let number = canvas.piece(format!(" {} ", act.release.number), Role::TextStrong);
    let lead = text::width(&badge.text) + text::width(&number.text);
    match &dialog.challenge.friction {
        Friction::Type(expected) => {
            let asks = format!("type {expected} ");
            // The whole answer is to be seen while it is typed.
            let needed = lead + text::width(&asks) + text::width(expected) + 1;
            if needed <= width || width >= 40 {
                let before = " ".repeat(usize::from(lead + text::width(&asks)));
                let answer = typed(dialog.input.value(), &before);
                vec![badge, number, canvas.piece(asks, Role::TextStrong), answer]
            } else {
                let asks = format!("{expected}? ");
                let answer = typed(dialog.input.value(), &asks);
                vec![canvas.piece(asks, Role::DialogDanger), answer]
            }
        }
        _ => {
            let asks = format!("in {}: enter, or esc", act.target.environment);
            if lead + text::width(&asks) <= width || width >= 40 {
                return vec![badge, number, canvas.piece(asks, Role::TextStrong)];
            }
            // The answer first: it is the name of the act that may be cut.
            let words = format!("{verb} {}", act.release.number);
            vec![
                canvas.piece("enter/esc ", Role::TextStrong),
                canvas.piece(words, Role::DialogDanger),
            ]
        }
    }
}

/// The end of `value` in `room` columns.
fn tail(value: &str, room: u16) -> String {
    if text::width(value) <= room {
        return value.to_owned();
    }
    let mut kept = value;
    while text::width(kept) >= room.max(1) {
        let mut symbols = kept.chars();
        if symbols.next().is_none() {
            break;
        }
        kept = symbols.as_str();
    }
    format!("…{kept}")
}
