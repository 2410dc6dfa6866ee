//! What a deployment would do, every gate with its sentence, who must approve, and the key that comes next.

use ratatui::layout::Rect;

use crate::domain::deployment::FlightState;
use crate::domain::entry::Answer;
use crate::input::{Action, Context};
use crate::policy::gate::Judgement;
use crate::session::cockpit::Cockpit;
use crate::session::pointer::Spot;
use crate::session::show::{self, PlanShown, RunShown};
use crate::session::wanted;
use crate::ui::canvas::{Canvas, Line, Part, wrapped};
use crate::ui::layout::{cut_left, cut_top};
use crate::ui::marks;
use crate::ui::text;
use crate::ui::theme::Role;

use super::gates::{self, Style, hang};
use super::{empty, key};

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let Some(plan) = show::plan(cockpit) else {
        let inner = canvas.pane(area, "Plan", &[], true);
        empty(
            canvas,
            inner,
            "No release is chosen.",
            Role::TextStrong,
            &[&format!(
                "{} lists the releases; {} opens the plan of one, for the environment in the header.",
                key(cockpit, Action::ShowReleases),
                key(cockpit, Action::Open)
            )],
        );
        return;
    };
    let (top, rest) = cut_top(area, 2);
    verdict(canvas, cockpit, &plan, top);
    if let Some(run) = show::run_shown(cockpit) {
        with_output(canvas, cockpit, &plan, &run, rest);
        return;
    }
    if rest.width >= 100 {
        let (left, right) = cut_left(rest, rest.width * 3 / 5);
        canvas.guarded(left, "Gates and checklist", |canvas| {
            list(canvas, cockpit, &plan, left);
        });
        canvas.guarded(right, "What changes", |canvas| {
            aside(canvas, cockpit, &plan, right);
        });
    } else {
        let lines = changes(canvas, &plan, rest.width.saturating_sub(4));
        let wanted = u16::try_from(lines.len()).unwrap_or(5) + 2;
        let room = wanted.min(rest.height.saturating_sub(8)).min(6);
        // A frame without a line in it says nothing.
        let (top, below) = cut_top(rest, if room > 2 { room } else { 0 });
        if top.height > 0 {
            let inner = canvas.pane(top, "What changes", &[], false);
            canvas.lines(inner, &lines);
        }
        list(canvas, cockpit, &plan, below);
    }
}

/// What the selected item's run prints takes the place of all that does not change meanwhile.
fn with_output(
    canvas: &mut Canvas,
    cockpit: &Cockpit,
    plan: &PlanShown,
    run: &RunShown,
    area: Rect,
) {
    let (first, second) = if area.width >= 100 {
        cut_left(area, area.width / 2)
    } else {
        cut_top(area, area.height / 2)
    };
    canvas.guarded(first, "Gates and checklist", |canvas| {
        list(canvas, cockpit, plan, first);
    });
    canvas.guarded(second, "Output", |canvas| {
        output(canvas, run, second);
    });
}

/// The newest lines, and above them how it stands.
fn output(canvas: &mut Canvas, run: &RunShown, area: Rect) {
    let title = format!("Output of {}", run.item);
    let inner = canvas.pane(area, &title, &[], false);
    let mark = marks::item(run.status);
    let lead = [canvas.piece(format!("{} {} ", mark.glyph, mark.word), mark.role)];
    let mut lines = hang(
        canvas,
        &lead,
        &run.standing,
        Role::TextStrong,
        inner.width,
        2,
    );
    let room = usize::from(inner.height).saturating_sub(lines.len());
    let shown = run.lines.len().min(room);
    for spoken in run.lines.iter().skip(run.lines.len() - shown) {
        let (sign, role) = if spoken.error {
            ("!", Role::Warning)
        } else {
            (" ", Role::Text)
        };
        let words = text::fit(spoken.line.as_str(), inner.width.saturating_sub(2));
        lines.push(vec![
            canvas.piece(format!("{sign} "), role),
            canvas.piece(words, role),
        ]);
    }
    canvas.lines(inner, &lines);
    let above = run.gone + (run.lines.len() - shown) as u64;
    if above > 0 {
        canvas.footnote(area, &format!("{above} lines above"));
    }
}

/// GO or NO-GO with its count, and the next step by its key.
fn verdict(canvas: &mut Canvas, cockpit: &Cockpit, plan: &PlanShown, area: Rect) {
    let inside = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    };
    let state = plan.deployment.as_ref().map(|deployment| deployment.state);
    let (said, count) = if state.is_some_and(FlightState::is_airborne) {
        (
            marks::flight(state.unwrap_or(FlightState::Flying)),
            "as it was requested".to_owned(),
        )
    } else {
        marks::judgement(None, &plan.judgement)
    };
    let ground = match (state, plan.judgement.go) {
        (Some(state), _) if state.is_airborne() => Role::Selection,
        (_, true) => Role::Selection,
        (_, false) => Role::DialogDanger,
    };
    let go = !state.is_some_and(FlightState::is_airborne) && !plan.judgement.go;
    let count = if go {
        format!("{count} stand against it")
    } else {
        count
    };
    let left = vec![
        Part {
            pieces: vec![canvas.badge(&format!("{} {}", said.glyph, said.word), ground)],
            rank: 0,
        },
        Part {
            pieces: vec![canvas.piece(count, Role::Text)],
            rank: 3,
        },
        Part {
            pieces: vec![canvas.piece(plan.plan.release.title(), Role::TextStrong)],
            rank: 1,
        },
        Part {
            pieces: vec![canvas.piece(plan.plan.subject.as_str(), Role::TextDim)],
            rank: 9,
        },
    ];
    let right = vec![Part {
        pieces: vec![canvas.piece(format!("plan {}", plan.plan.digest.short()), Role::TextDim)],
        rank: 4,
    }];
    canvas.spread(inside, 0, left, right);
    let next = next_step(cockpit, plan);
    canvas.line(
        inside,
        0,
        1,
        &[
            canvas.piece("next  ", Role::TextDim),
            canvas.piece(next, Role::TextStrong),
        ],
    );
}

fn only_people_are_missing(judgement: &Judgement) -> bool {
    judgement
        .blocking()
        .all(|gate| gate.id == "approvals" || gate.id == "checklist")
}

fn next_step(cockpit: &Cockpit, plan: &PlanShown) -> String {
    let key = |action| {
        cockpit
            .keymap
            .texts(action, Context::Plan)
            .into_iter()
            .next()
            .unwrap_or_default()
    };
    let first = plan.judgement.gravest();
    match &plan.deployment {
        None if plan.resolving => "asking the registry for the digest of this release…".to_owned(),
        None => match first.filter(|_| !only_people_are_missing(&plan.judgement)) {
            Some(gate) => format!(
                "{} requests it; it cannot fly before this is settled: {}",
                key(Action::Request),
                gate.title
            ),
            None => format!(
                "{} requests it; nothing is touched yet",
                key(Action::Request)
            ),
        },
        Some(deployment) if deployment.state == FlightState::Requested => match first {
            None => format!("{} flies", key(Action::Fly)),
            Some(gate)
                if gate.id == "approvals"
                    && wanted::why_not(cockpit, Action::Approve).is_some() =>
            {
                format!("it waits for approvals: {}", gate.sentence)
            }
            Some(gate) if gate.id == "approvals" => format!(
                "{} approves, {} says no; it needs {}",
                key(Action::Approve),
                key(Action::Reject),
                gate.sentence
            ),
            Some(gate) if gate.id == "checklist" => format!(
                "{} checks the selected item, or goes to the next open one: {}",
                key(Action::Check),
                gate.sentence
            ),
            Some(gate) => format!("{} stands in the way: {}", gate.title, gate.sentence),
        },
        Some(deployment) => format!(
            "release {} is {}: {} shows the flight",
            deployment.plan.release.title(),
            deployment.state.word(),
            key(Action::ShowFlight)
        ),
    }
}

fn list(canvas: &mut Canvas, cockpit: &Cockpit, plan: &PlanShown, area: Rect) {
    let inner = canvas.pane(area, "Gates and checklist", &[], true);
    let list = Rect {
        x: inner.x.saturating_sub(1),
        width: inner.width + 1,
        ..inner
    };
    let selected = cockpit
        .view
        .plan_line
        .min(plan.lines.len().saturating_sub(1));
    let rows = gates::rows(
        canvas,
        &plan.lines,
        selected,
        list.width.saturating_sub(gates::MARGIN),
        Style {
            most: 3,
            green: if list.height > 24 { 2 } else { 1 },
        },
        true,
    );
    if let Some(position) = gates::list(canvas, list, &rows, Some(selected), Spot::Line) {
        canvas.footnote(area, &position);
    }
}

fn changes(canvas: &Canvas, plan: &PlanShown, width: u16) -> Vec<Line> {
    let mut lines = Vec::new();
    for change in &plan.changes {
        // `release  41 v1.2.3 → 42 v1.3.0`: the first word is the label.
        let (label, words) = change.split_once(' ').unwrap_or(("", change));
        lines.extend(hang(
            canvas,
            &[canvas.piece(text::pad(label, 9), Role::TextDim)],
            words.trim_start(),
            Role::Text,
            width,
            3,
        ));
    }
    if let Some(trouble) = &plan.trouble {
        lines.extend(hang(
            canvas,
            &[canvas.piece("! digest ", Role::Warning)],
            trouble,
            Role::Warning,
            width,
            3,
        ));
    }
    lines
}

/// Beside the list: what changes, who decides, how the request stands.
fn aside(canvas: &mut Canvas, cockpit: &Cockpit, plan: &PlanShown, area: Rect) {
    let width = area.width.saturating_sub(4);
    let changes = changes(canvas, plan, width);
    let (top, below) = cut_top(
        area,
        (u16::try_from(changes.len()).unwrap_or(6) + 2).min(area.height.saturating_sub(8)),
    );
    let inner = canvas.pane(top, "What changes", &[], false);
    canvas.lines(inner, &changes);

    let people = people(canvas, plan, width);
    let (middle, below) = cut_top(
        below,
        (u16::try_from(people.len()).unwrap_or(3) + 2).min(below.height.saturating_sub(4)),
    );
    let inner = canvas.pane(middle, "Who decides", &[], false);
    canvas.lines(inner, &people);

    let request = request(canvas, cockpit, plan, width);
    let inner = canvas.pane(below, "Request", &[], false);
    canvas.lines(inner, &request);
}

fn people(canvas: &Canvas, plan: &PlanShown, width: u16) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let rules = &plan.plan.plan.policy.approvals;
    if rules.is_empty() {
        lines.push(vec![canvas.piece(
            "no approval is asked for in this environment",
            Role::TextDim,
        )]);
    }
    for rule in rules {
        let others = if rule.exclude_requester {
            ", not the requester"
        } else {
            ""
        };
        let words = format!(
            "{} with the role {}{others}; good for {}",
            rule.quorum,
            rule.role,
            crate::domain::time::exact(rule.expires_after)
        );
        lines.extend(
            wrapped(&words, width, 2)
                .into_iter()
                .map(|line| vec![canvas.piece(line, Role::TextDim)]),
        );
    }
    for decision in plan
        .deployment
        .iter()
        .flat_map(|deployment| &deployment.decisions)
    {
        let (glyph, word, role) = match decision.answer {
            Answer::Go => ("✔", "GO", Role::GatePass),
            Answer::NoGo => ("✖", "NO-GO", Role::GateFail),
            Answer::Hold => ("!", "HOLD", Role::GateUnknown),
        };
        let lead = vec![
            canvas.piece(format!("{glyph} {} ", text::pad(word, 5)), role),
            canvas.piece(
                format!("{} ", text::pad(&decision.by.name, 8)),
                Role::TextStrong,
            ),
        ];
        let words = format!("{} · {}", decision.at.strftime("%H:%M:%S"), decision.reason);
        lines.extend(hang(canvas, &lead, &words, Role::Text, width, 2));
    }
    lines
}

fn request(canvas: &Canvas, cockpit: &Cockpit, plan: &PlanShown, width: u16) -> Vec<Line> {
    let Some(deployment) = &plan.deployment else {
        return wrapped(
            "Not requested: only looked at. Nothing is stored and nobody was told.",
            width,
            3,
        )
        .into_iter()
        .map(|line| vec![canvas.piece(line, Role::TextDim)])
        .collect();
    };
    let mut lines = vec![vec![
        canvas.piece(deployment.requester.name.as_str(), Role::TextStrong),
        canvas.piece(
            format!(
                " asked {}, at {}",
                gates::ago(cockpit.now, deployment.requested_at),
                deployment.requested_at.strftime("%H:%M:%S")
            ),
            Role::Text,
        ),
    ]];
    lines.extend(
        wrapped(&deployment.reason, width, 3)
            .into_iter()
            .map(|line| vec![canvas.piece(line, Role::Text)]),
    );
    lines.push(vec![canvas.piece(deployment.id.to_string(), Role::TextDim)]);
    lines
}
