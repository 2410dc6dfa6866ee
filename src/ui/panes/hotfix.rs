//! The hotfixes of a project: the clock leg by leg, on which terms, 004's steps, and what is still owed.

use ratatui::layout::Rect;

use crate::domain::hotfix::{LegShown, PatchVerdict};
use crate::domain::time;
use crate::input::Action;
use crate::session::cockpit::Cockpit;
use crate::session::pointer::Spot;
use crate::session::show::{self, HotfixBoard, HotfixShown};
use crate::ui::canvas::{Canvas, Line, Part, wrapped};
use crate::ui::layout::{cut_left, cut_top};
use crate::ui::text;
use crate::ui::theme::Role;
use crate::ui::widgets::bar;

use super::gates::{self, Row, hang};
use super::{empty, key};

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let Some(board) = show::hotfix_board(cockpit) else {
        let says = "This project has no target in any environment.";
        empty(canvas, area, says, Role::TextStrong, &[]);
        return;
    };
    let Some(shown) = &board.shown else {
        none_open(canvas, cockpit, &board, area);
        return;
    };
    let (line, rest) = cut_top(area, 1);
    headline(canvas, cockpit, &board, shown, line);
    let rest = unsigned(canvas, cockpit, &board, rest);
    if rest.width < 76 || rest.height < 15 {
        let (clock, below) = cut_top(rest, 5);
        let clock = Rect {
            x: clock.x + 1,
            width: clock.width.saturating_sub(2),
            ..clock
        };
        let lines = legs(canvas, shown, clock.width);
        canvas.lines(clock, &lines);
        owed(canvas, &board, shown, below);
        return;
    }
    let (left, right) = cut_left(rest, rest.width * 9 / 20);
    let (top, below) = cut_top(left, 7);
    let inner = canvas.pane(top, "Clock", &[], false);
    let lines = legs(canvas, shown, inner.width);
    canvas.lines(inner, &lines);
    let inner = canvas.pane(below, "Terms", &[], false);
    let lines: Vec<Line> = shown
        .terms
        .iter()
        .flat_map(|term| {
            let lead = [canvas.piece("· ", Role::TextDim)];
            hang(canvas, &lead, term, Role::Text, inner.width, 3)
        })
        .collect();
    canvas.lines(inner, &lines);
    let steps = steps(canvas, shown, right.width.saturating_sub(4));
    let high = u16::try_from(steps.len()).unwrap_or(8) + 2;
    let (top, below) = cut_top(right, high.min(right.height.saturating_sub(5)));
    let inner = canvas.pane(top, "Steps", &[], false);
    canvas.lines(inner, &steps);
    canvas.guarded(below, "Still owed", |canvas| {
        owed(canvas, &board, shown, below);
    });
}

fn none_open(canvas: &mut Canvas, cockpit: &Cockpit, board: &HotfixBoard<'_>, area: Rect) {
    let inner = canvas.pane(area, "Hotfix", &[], true);
    let project = board.home.project.name();
    let live = cockpit.known.targets.get(&board.home);
    let live = live.and_then(|known| known.state.live.as_ref());
    let from = live.map_or_else(
        || "nothing is live there by the ledger yet".to_owned(),
        |live| format!("{} now", live.release.title()),
    );
    let start = format!(
        "{} starts one: it asks for the criterion, branches from what is live in {} ({from}) and opens the clock.",
        key(cockpit, Action::HotfixStart),
        board.home.environment
    );
    let over = board.over.first().map(|last| {
        format!(
            "The last one was {} ({}), started by {} {}.",
            last.name,
            last.criterion,
            last.by,
            gates::ago(cockpit.now, last.started_at)
        )
    });
    let mut then = vec![start.as_str()];
    then.extend(board.unsigned.iter().map(String::as_str));
    then.extend(over.as_deref());
    let says = format!("No hotfix of {project} is open.");
    empty(canvas, inner, &says, Role::TextStrong, &then);
}

fn headline(
    canvas: &mut Canvas,
    cockpit: &Cockpit,
    board: &HotfixBoard<'_>,
    shown: &HotfixShown<'_>,
    area: Rect,
) {
    let hotfix = shown.hotfix;
    let part = |rank: u8, words: String, role: Role| Part {
        pieces: vec![canvas.piece(words, role)],
        rank,
    };
    let late = shown.legs.iter().any(|leg| leg.under_way && leg.late);
    let role = if late { Role::Danger } else { Role::TextStrong };
    let banner = hotfix.banner(&cockpit.workspace().timings.hotfix, cockpit.now);
    let mut left = vec![
        part(0, banner, role),
        part(1, hotfix.criterion.to_string(), Role::Warning),
        part(3, format!("on {}", hotfix.branch), Role::Text),
        part(2, format!("from {}", hotfix.from.title()), Role::Text),
    ];
    if board.open > 1 {
        left.push(part(1, format!("1 of {} open", board.open), Role::Warning));
    }
    let by = format!(
        "by {} {}",
        hotfix.by,
        gates::ago(cockpit.now, hotfix.started_at)
    );
    let right = vec![part(4, by, Role::TextDim)];
    let inside = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    };
    canvas.spread(inside, 0, left, right);
}

/// Red until somebody else has answered for it.
fn unsigned(canvas: &mut Canvas, cockpit: &Cockpit, board: &HotfixBoard<'_>, area: Rect) -> Rect {
    let Some(glass) = board.unsigned.first() else {
        return area;
    };
    let words = format!("{glass} ({})", key(cockpit, Action::Countersign));
    let lines: Vec<Line> = wrapped(&words, area.width.saturating_sub(2), 2)
        .into_iter()
        .map(|line| vec![canvas.piece(format!(" {line}"), Role::Danger)])
        .collect();
    let (top, rest) = cut_top(area, u16::try_from(lines.len()).unwrap_or(1));
    canvas.lines(top, &lines);
    rest
}

fn legs(canvas: &Canvas, shown: &HotfixShown<'_>, width: u16) -> Vec<Line> {
    shown
        .legs
        .iter()
        .map(|leg| one_leg(canvas, leg, width))
        .collect()
}

/// `▶ fix      ━━━━━╌╌╌╌ 12:03 of 30:00 LATE`
fn one_leg(canvas: &Canvas, leg: &LegShown, width: u16) -> Line {
    let (glyph, role) = match (leg.began, leg.under_way, leg.late) {
        (None, ..) => ("○", Role::TextDim),
        (_, true, true) => ("!", Role::Danger),
        (_, true, false) => ("▶", Role::TrackCurrent),
        (_, false, true) => ("!", Role::Warning),
        (_, false, false) => ("✔", Role::GatePass),
    };
    let took = match (leg.began, leg.late) {
        (None, _) => format!("{:>15}", time::clock(leg.budget)),
        (_, late) => format!(
            "{:>6} of {:>5}{}",
            time::clock(leg.took),
            time::clock(leg.budget),
            if late { " LATE" } else { "" }
        ),
    };
    let name = format!("{glyph} {:<9}", leg.leg.word());
    let room = width.saturating_sub(text::width(&name) + 21).min(30);
    let share = leg.took.as_secs_f64() / leg.budget.as_secs_f64().max(f64::MIN_POSITIVE);
    let (done, open) = bar(share, room);
    vec![
        canvas.piece(name, role),
        canvas.piece(done, role),
        canvas.piece(open, Role::TrackNext),
        canvas.piece(format!(" {took}"), role),
    ]
}

fn steps(canvas: &Canvas, shown: &HotfixShown<'_>, width: u16) -> Vec<Line> {
    let one = |(nth, step): (usize, &crate::domain::hotfix::Step)| {
        let (glyph, role) = if step.done {
            ("✔", Role::GatePass)
        } else {
            ("○", Role::TextDim)
        };
        let words = if step.done {
            format!("{}. {}: {}", nth + 1, step.title, step.evidence)
        } else {
            format!("{}. {}", nth + 1, step.title)
        };
        vec![
            canvas.piece(format!("{glyph} "), role),
            canvas.piece(text::fit(&words, width.saturating_sub(2)), Role::Text),
        ]
    };
    shown.steps.iter().enumerate().map(one).collect()
}

/// The list with the cursor; under the backport, where each commit is.
fn owed(canvas: &mut Canvas, board: &HotfixBoard<'_>, shown: &HotfixShown<'_>, area: Rect) {
    let count = canvas.piece(board.owed.len().to_string(), Role::TextDim);
    let inner = canvas.pane(area, "Still owed", &[count], true);
    if board.owed.is_empty() {
        let says = "Nothing is owed: it ends when its flight is closed.";
        empty(canvas, inner, says, Role::Text, &[]);
        return;
    }
    let list = Rect {
        x: inner.x.saturating_sub(1),
        width: inner.width + 1,
        ..inner
    };
    let width = list.width.saturating_sub(gates::MARGIN);
    let rows: Vec<Row> = board
        .owed
        .iter()
        .map(|owed| {
            let lead = [canvas.piece("○ ", Role::TextDim)];
            let name = if board.open > 1 {
                format!("{}: ", owed.hotfix)
            } else {
                String::new()
            };
            let words = format!("{name}{}  {}", owed.item, owed.title);
            let mut lines = hang(canvas, &lead, &words, Role::Text, width, 2);
            if owed.proved && owed.hotfix == shown.hotfix.name {
                lines.extend(proof(canvas, shown, width));
            }
            Row {
                lines,
                selectable: true,
            }
        })
        .collect();
    let position = gates::list(canvas, list, &rows, Some(board.selected), Spot::Line);
    if let Some(position) = position {
        canvas.footnote(area, &position);
    }
}

fn proof(canvas: &Canvas, shown: &HotfixShown<'_>, width: u16) -> Vec<Line> {
    if shown.proofs.is_empty() {
        let words = format!("  git names no commit on {} yet", shown.hotfix.branch);
        return vec![vec![canvas.piece(text::fit(&words, width), Role::TextDim)]];
    }
    let one = |proof| {
        let words = format!("  {}", show::proof_line(proof, &shown.hotfix.onto));
        let role = match proof.verdict {
            PatchVerdict::Proved { .. } => Role::GatePass,
            PatchVerdict::Missing => Role::GateFail,
            PatchVerdict::CannotTell { .. } => Role::GateUnknown,
        };
        vec![canvas.piece(text::fit(&words, width), role)]
    };
    shown.proofs.iter().map(one).collect()
}
