//! The Flight screen while nothing is under way: what is live and how it does, what was, and which key begins.

use ratatui::layout::Rect;

use crate::domain::entry::Ending;
use crate::domain::time;
use crate::policy::facts::Facts;
use crate::session::cockpit::Cockpit;
use crate::session::show;
use crate::ui::canvas::{Canvas, Line, Part, wrapped};
use crate::ui::layout::{cut_left, cut_top};
use crate::ui::marks;
use crate::ui::text;
use crate::ui::theme::Role;

use super::{flight, gates, metrics, pods};

/// Nothing is under way: what is live, how it is, what was, and which key begins.
pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, facts: &Facts<'_>, area: Rect) {
    let inside = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    };
    let place = format!(
        "{} in {}",
        facts.target.id.project.name(),
        facts.target.id.environment
    );
    canvas.spread(
        inside,
        0,
        vec![Part {
            pieces: vec![
                canvas.piece("No deployment is under way for ", Role::Text),
                canvas.piece(place, Role::TextStrong),
            ],
            rank: 0,
        }],
        Vec::new(),
    );
    let (_, rest) = cut_top(area, 1);
    let (top, below) = cut_top(rest, 8.min(rest.height / 2).max(5));
    let (left, right) = if area.width >= 76 {
        cut_left(top, area.width / 2)
    } else {
        (top, Rect { height: 0, ..top })
    };

    let cell = show::fleet_cell(cockpit, &facts.target.id);
    let inner = canvas.pane(left, "Live here", &[], false);
    let mut lines: Vec<Line> = Vec::new();
    if let Some(cell) = &cell {
        lines = super::fleet::facts_of(canvas, cockpit, facts, cell, inner.width);
    }
    canvas.lines(inner, &lines);
    if right.height > 0 {
        let inner = canvas.pane(right, "Pods", &[], false);
        match facts.workload.value() {
            Some(observed) => pods::draw(canvas, inner, &pods::sides(facts, observed)),
            None => pods::unread(canvas, cockpit, &facts.target.id, inner),
        }
    }
    let card = show::next_steps(cockpit);
    // What is to be done comes before how it does, where there is no room for both.
    let below = match card {
        Some(_) if below.height < 24 => below,
        _ => readings(canvas, cockpit, facts, below),
    };
    let hint = if card.is_some() { 0 } else { 3 };
    let (past, hint) = cut_top(below, below.height.saturating_sub(hint));
    let past = match &card {
        Some(card) if past.width >= 100 => {
            let (past, right) = cut_left(past, past.width / 2);
            let inner = canvas.pane(right, &card.title, &[], false);
            let lines = flight::next_steps(canvas, card, inner);
            canvas.lines(inner, &lines);
            past
        }
        // There is room for one of them: what comes is more than what was.
        Some(card) => {
            let inner = canvas.pane(past, &card.title, &[], false);
            let lines = flight::next_steps(canvas, card, inner);
            canvas.lines(inner, &lines);
            return;
        }
        None => past,
    };
    let inner = canvas.pane(past, "Last flights", &[], false);
    let flights = flights(canvas, facts, cockpit, inner.width);
    if flights.is_empty() {
        canvas.put(inner, 0, 0, "none yet", Role::TextDim);
    } else {
        canvas.lines(inner, &flights);
    }
    let key = |action| {
        cockpit
            .keymap
            .texts(action, crate::input::Context::Flight)
            .into_iter()
            .next()
            .unwrap_or_default()
    };
    let (releases, back) = (
        key(crate::input::Action::ShowReleases),
        key(crate::input::Action::Rollback),
    );
    let words = format!(
        "{releases} lists the releases; enter there opens a plan. {back} goes back to the release that was live before."
    );
    let hint = Rect {
        x: hint.x + 2.min(hint.width),
        width: hint.width.saturating_sub(4),
        ..hint
    };
    for (row, line) in (1..hint.height).zip(wrapped(&words, hint.width, 2)) {
        canvas.put(hint, 0, row, &line, Role::TextDim);
    }
}

/// How the release that is live does, where something was read of it; returns what room is left.
fn readings(canvas: &mut Canvas, cockpit: &Cockpit, facts: &Facts<'_>, area: Rect) -> Rect {
    let metrics: Vec<_> = show::metrics(cockpit, facts, &facts.target.limits)
        .into_iter()
        .filter(|metric| metric.age.is_some())
        .collect();
    let health = show::health(facts).filter(|_| facts.health.last.is_some());
    if (metrics.is_empty() && health.is_none()) || area.height < 12 {
        return area;
    }
    let width = area.width.saturating_sub(4);
    let mut lines: Vec<Line> = Vec::new();
    let roomy = area.width >= 100 && area.height >= 20 && !metrics.is_empty();
    if let Some(health) = &health {
        let mark = marks::verdict(health.verdict);
        lines.push(vec![
            canvas.piece(text::pad("Health", 12), Role::Title),
            canvas.piece(format!("{} {}  ", mark.glyph, mark.word), mark.role),
            canvas.piece(health.sentence.as_str(), Role::Text),
        ]);
        lines.extend(metrics::checks(canvas, health));
    }
    if !roomy {
        for metric in &metrics {
            lines.extend(metrics::brief(canvas, metric, false, width));
        }
    }
    let high = u16::try_from(lines.len()).unwrap_or(4) + 2;
    let mut below = area;
    if roomy {
        let (cards, rest) = cut_top(area, 8);
        let mut row = cards;
        for (index, metric) in metrics.iter().enumerate() {
            let left = u16::try_from(metrics.len() - index).unwrap_or(1).max(1);
            let (card, others) = cut_left(row, row.width / left);
            metrics::card(canvas, card, metric, false);
            row = others;
        }
        below = rest;
    }
    if lines.is_empty() {
        return below;
    }
    let (pane, rest) = cut_top(below, high.min(below.height / 2));
    let title = if roomy {
        "Health"
    } else {
        "Metrics and health"
    };
    let inner = canvas.pane(pane, title, &[], false);
    canvas.lines(inner, &lines);
    rest
}

fn flights(canvas: &Canvas, facts: &Facts<'_>, cockpit: &Cockpit, width: u16) -> Vec<Line> {
    let line = |past: &crate::domain::deployment::Past| {
        let (glyph, role) = match past.ending {
            Ending::Closed => ("✔", Role::GatePass),
            Ending::RolledBack => ("◀", Role::Warning),
            Ending::Cancelled => ("○", Role::TextDim),
        };
        let took = past.promoted_at.map_or_else(String::new, |at| {
            format!(
                "flew in {}",
                time::age(at.duration_since(past.requested_at))
            )
        });
        let before = past.before.as_ref().map_or_else(
            || "nothing".to_owned(),
            crate::domain::release::ReleaseRef::title,
        );
        let mut line = vec![
            canvas.piece(
                format!("{glyph} {} ", text::pad(&past.ending.to_string(), 12)),
                role,
            ),
            canvas.piece(
                format!(
                    "{} ",
                    text::pad(&format!("{before} → {}", past.release.title()), 26)
                ),
                Role::Text,
            ),
            canvas.piece(
                text::pad(&gates::ago(cockpit.now, past.ended_at), 12),
                Role::TextDim,
            ),
        ];
        if width > 70 {
            line.push(canvas.piece(took, Role::TextDim));
        }
        line
    };
    facts.state.past.iter().rev().map(line).collect()
}
