//! The live session: where the flight is, who moves next, and the evidence for going on.

use ratatui::layout::Rect;

use crate::domain::deployment::{Deployment, FlightState};
use crate::domain::time;
use crate::policy::facts::Facts;
use crate::session::cockpit::Cockpit;
use crate::session::pointer::Spot;
use crate::session::show::{self, FlightShown, NextCard, NextStep, StagePlace, StepState};
use crate::session::view::FlightPane;
use crate::ui::canvas::{Canvas, Line, wrapped};
use crate::ui::layout::{cut_left, cut_top};
use crate::ui::marks;
use crate::ui::text;
use crate::ui::theme::Role;
use crate::ui::widgets::{Mood, Stage, StageTrack, Standing};

use super::gates;
use super::{empty, idle, key, metrics, pods, timeline};
use crate::input::Action;

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let Some(facts) = cockpit.facts() else {
        empty(
            canvas,
            area,
            "This project has no target in this environment.",
            Role::TextStrong,
            &[&format!(
                "{} shows the fleet, where another environment is chosen.",
                key(cockpit, Action::ShowFleet)
            )],
        );
        return;
    };
    let Some(flight) = show::flight(cockpit) else {
        idle::draw(canvas, cockpit, &facts, area);
        return;
    };
    let (line, rest) = cut_top(area, 1);
    track(canvas, cockpit, &flight, line);
    let rows = next(canvas, cockpit, &flight, rest);
    let (_, rest) = cut_top(rest, rows);
    let (body, narrow) = (rest, rest.width < 76 || rest.height < 15);
    if narrow {
        stacked(canvas, cockpit, &facts, &flight, body);
    } else if body.width >= 100 && body.height >= 24 {
        wide(canvas, cockpit, &facts, &flight, body);
    } else {
        condensed(canvas, cockpit, &facts, &flight, body);
    }
}

/// The stages with the one that is being flown.
fn track(canvas: &mut Canvas, cockpit: &Cockpit, flight: &FlightShown<'_>, area: Rect) {
    let state = stands(cockpit, flight);
    let mood = match state {
        FlightState::Aborted | FlightState::RollingBack => Mood::Stopped,
        _ if flight.held.is_some() || is_held_back(flight) => Mood::Held,
        _ => Mood::Moving,
    };
    let note = note(cockpit, flight);
    let stage = |stage: &'_ show::StageShown| match stage.place {
        StagePlace::Done => Standing::Done,
        StagePlace::Next => Standing::Next,
        StagePlace::Current => Standing::Current {
            progress: flight.progress,
            mood,
            note: &note,
            next: "",
        },
    };
    // What was to come does not, once the flight is on its way back.
    let returning = matches!(state, FlightState::Aborted | FlightState::RollingBack);
    let stages: Vec<Stage> = flight
        .stages
        .iter()
        .filter(|shown| !(returning && shown.place == StagePlace::Next))
        .map(|shown| Stage {
            label: &shown.label,
            standing: stage(shown),
        })
        .collect();
    StageTrack { stages: &stages }.render(area, canvas.buf, canvas.theme);
}

/// The bake is over and something else than patience is missing.
fn is_held_back(flight: &FlightShown<'_>) -> bool {
    flight.deployment.state == FlightState::Flying
        && flight
            .waiting
            .as_ref()
            .is_some_and(|waiting| waiting.sentence.starts_with("HOLD"))
}

fn stands(cockpit: &Cockpit, flight: &FlightShown<'_>) -> FlightState {
    let facts = cockpit.facts();
    facts
        .and_then(|facts| facts.flight_state())
        .unwrap_or(flight.deployment.state)
}

/// How far the present stage is, in a few words.
fn note(cockpit: &Cockpit, flight: &FlightShown<'_>) -> String {
    let deployment = flight.deployment;
    match stands(cockpit, flight) {
        FlightState::Aborted => "aborted".to_owned(),
        FlightState::RollingBack => deployment
            .rolling_back_to
            .as_ref()
            .map_or_else(String::new, |to| format!("back to {}", to.title())),
        FlightState::Verifying => {
            let (done, all) = (
                deployment
                    .verification()
                    .filter(|item| deployment.is_settled(item))
                    .count(),
                deployment.verification().count(),
            );
            format!("{done} of {all}")
        }
        // A clock that runs while nothing is known would count what nobody watches.
        FlightState::Monitoring | FlightState::Flying if flight.stale => "not watched".to_owned(),
        FlightState::Monitoring => deployment
            .monitoring_ends()
            .map_or_else(String::new, |ends| {
                format!("{} left", time::clock(ends.duration_since(cockpit.now)))
            }),
        FlightState::Flying => match (
            deployment.bake_ends(),
            deployment
                .stage()
                .and_then(|stage| deployment.plan.plan.stages.get(stage)),
        ) {
            (Some(ends), Some(stage)) if ends > cockpit.now => {
                let left = ends.duration_since(cockpit.now);
                format!(
                    "bakes {} of {}",
                    time::clock(stage.bake.checked_sub(left).unwrap_or_default()),
                    time::clock(stage.bake)
                )
            }
            (Some(_), Some(stage)) => format!("baked {}", time::clock(stage.bake)),
            _ => "under way".to_owned(),
        },
        FlightState::Requested => String::new(),
    }
}

/// Who moves next and why, never cut short; the judgement at the right. In as many rows as that takes.
fn next(canvas: &mut Canvas, cockpit: &Cockpit, flight: &FlightShown<'_>, area: Rect) -> u16 {
    let inside = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    };
    let right = said(canvas, flight);
    canvas.right(inside, 0, &right);
    let room = inside.width.saturating_sub(text::pieces_width(&right) + 2);
    let Some(waiting) = &flight.waiting else {
        return 1;
    };
    let (glyph, word, ink) = marks::moves(waiting);
    // The judgement is said at the right already.
    let words = waiting
        .sentence
        .trim_start_matches("HOLD: ")
        .trim_start_matches("NO-GO: ");
    let role = if waiting.is_for(&cockpit.me.name) {
        Role::TextStrong
    } else {
        Role::Text
    };
    let lead = vec![canvas.piece(format!("{glyph} {word}  "), ink)];
    let lines = gates::hang(
        canvas,
        &lead,
        words,
        role,
        room,
        if area.height >= 18 { 3 } else { 2 },
    );
    canvas.lines(
        Rect {
            width: room,
            ..inside
        },
        &lines,
    );
    u16::try_from(lines.len()).unwrap_or(1).max(1)
}

/// GO or not and why, or what has become of the flight.
fn said(canvas: &Canvas, flight: &FlightShown<'_>) -> Line {
    let state = flight.deployment.state;
    if matches!(state, FlightState::Aborted | FlightState::RollingBack) {
        let mark = marks::flight(state);
        return vec![canvas.piece(
            format!("{} {}", mark.glyph, mark.word.to_uppercase()),
            mark.role,
        )];
    }
    if flight.judgement.gates.is_empty() {
        return Line::new();
    }
    // Whatever the gates say, nothing goes on under a hold.
    if state == FlightState::Flying && flight.held.is_some() {
        let count = flight.judgement.blocking().count();
        let all = flight.judgement.gates.len();
        return vec![
            canvas.piece("◐ HELD", Role::Paused),
            canvas.piece(
                format!("  {} of {all} gates pass", all - count),
                Role::TextDim,
            ),
        ];
    }
    let (said, count) = marks::judgement(Some(state), &flight.judgement);
    vec![
        canvas.piece(format!("{} {}", said.glyph, said.word), said.role),
        canvas.piece(format!("  {count}"), Role::TextDim),
    ]
}

/// What the panes are called and which has the cursor.
fn focused(cockpit: &Cockpit, pane: FlightPane) -> bool {
    cockpit.view.pane == pane && cockpit.view.overlay.is_none()
}

fn pods_pane(
    canvas: &mut Canvas,
    cockpit: &Cockpit,
    facts: &Facts<'_>,
    flight: &FlightShown<'_>,
    area: Rect,
) {
    let age = flight
        .age
        .clone()
        .map_or_else(|| "never read".to_owned(), |age| format!("{age} ago"));
    let note = if flight.stale {
        canvas.piece(format!("STALE, {age}"), Role::Warning)
    } else {
        canvas.piece(age, Role::TextDim)
    };
    let focus = focused(cockpit, FlightPane::Pods);
    canvas.spot(area, Spot::Pane(FlightPane::Pods));
    let inner = canvas.pane(area, "Pods", &[note], focus);
    match flight.observed {
        Some(observed) if focus && !observed.pods.is_empty() => {
            let position = pods::list(canvas, inner, observed, cockpit.view.pod_line);
            canvas.footnote(area, &position.unwrap_or_default());
        }
        Some(observed) => pods::draw(canvas, inner, &pods::sides(facts, observed)),
        None => pods::unread(canvas, cockpit, &facts.target.id, inner),
    }
    if flight.stale {
        // What was true a while ago is no good news now.
        canvas.ground(inner, Role::Stale);
    }
}

fn gates_pane(canvas: &mut Canvas, cockpit: &Cockpit, flight: &FlightShown<'_>, area: Rect) {
    if let Some(card) = &flight.next {
        let badge: Line = said(canvas, flight).into_iter().take(1).collect();
        let inner = canvas.pane(
            area,
            &card.title,
            &badge,
            focused(cockpit, FlightPane::Gates),
        );
        let lines = next_steps(canvas, card, inner);
        canvas.lines(inner, &lines);
        return;
    }
    let of = match flight.deployment.state {
        FlightState::Requested => "Gates of take-off",
        FlightState::Flying => "Gates of the next step",
        FlightState::Verifying | FlightState::Monitoring => "Gates of the close",
        FlightState::Aborted | FlightState::RollingBack => "What now",
    };
    let badge: Line = said(canvas, flight).into_iter().take(1).collect();
    let focus = focused(cockpit, FlightPane::Gates);
    canvas.spot(area, Spot::Pane(FlightPane::Gates));
    let inner = canvas.pane(area, of, &badge, focus);
    if flight.lines.is_empty() {
        canvas.put(inner, 0, 0, "nothing stands against it", Role::TextDim);
        return;
    }
    let list = Rect {
        x: inner.x.saturating_sub(1),
        width: inner.width + 1,
        ..inner
    };
    let selected = cockpit.view.flight_line.min(flight.lines.len() - 1);
    let unfolded = if focus { selected } else { usize::MAX };
    let rows = gates::fitting(canvas, &flight.lines, unfolded, list);
    if let Some(position) = gates::list(canvas, list, &rows, focus.then_some(selected), gate_spot) {
        canvas.footnote(area, &position);
    }
}

fn gate_spot(line: usize) -> Spot {
    Spot::PaneLine {
        pane: FlightPane::Gates,
        line,
    }
}

/// Its key, whether it is done, and what it is for: as much of the words as there is room for all of them.
pub(super) fn next_steps(canvas: &Canvas, card: &NextCard, area: Rect) -> Vec<Line> {
    let widest = card.steps.iter().map(|step| text::width(&step.key)).max();
    let told = |step: &NextStep, most: usize| -> Vec<Line> {
        {
            let (glyph, ink, role) = match step.state {
                StepState::Done => ("✔", Role::GatePass, Role::TextDim),
                StepState::Refused => ("–", Role::TextDim, Role::TextDim),
                StepState::Open => ("○", Role::Text, Role::Text),
            };
            let key = text::pad(&step.key, widest.unwrap_or(1) + 1);
            let lead = [
                canvas.piece(key, Role::HintKey),
                canvas.piece(format!("{glyph} "), ink),
            ];
            gates::hang(canvas, &lead, &step.words, role, area.width, most)
        }
    };
    let room = usize::from(area.height);
    let mut spare = room.saturating_sub(card.steps.len());
    let mut lines: Vec<Line> = Vec::new();
    for step in &card.steps {
        let said = told(step, 1 + spare.min(3));
        spare = spare.saturating_sub(said.len() - 1);
        lines.extend(said);
    }
    if lines.len() > room && room > 0 {
        let left = lines.len() - (room - 1);
        lines.truncate(room - 1);
        let words = format!("… {left} more steps: ? lists their keys");
        lines.push(vec![canvas.piece(words, Role::TextDim)]);
    }
    lines
}

fn health_pane(canvas: &mut Canvas, flight: &FlightShown<'_>, area: Rect) {
    let Some(health) = &flight.health else {
        let inner = canvas.pane(area, "Health", &[], false);
        canvas.put(
            inner,
            0,
            0,
            "/health is not configured, or was not asked yet",
            Role::TextDim,
        );
        return;
    };
    let mark = marks::verdict(health.verdict);
    let mut badge = vec![canvas.piece(format!("{} {}", mark.glyph, mark.word), mark.role)];
    if let Some(age) = &health.age {
        let (words, role) = if health.stale {
            (format!("  STALE {age}"), Role::Warning)
        } else {
            (format!("  {age} ago"), Role::TextDim)
        };
        badge.push(canvas.piece(words, role));
    }
    let inner = canvas.pane(area, "Health", &badge, false);
    let lines = metrics::health(canvas, health, inner.width);
    canvas.lines(inner, &lines);
}

fn timeline_pane(canvas: &mut Canvas, cockpit: &Cockpit, flight: &FlightShown<'_>, area: Rect) {
    let focus = focused(cockpit, FlightPane::Timeline);
    canvas.spot(area, Spot::Pane(FlightPane::Timeline));
    let inner = canvas.pane(area, "Timeline", &[], focus);
    if !focus {
        timeline::tail(canvas, cockpit, &flight.timeline, inner);
        if let Some(path) = &flight.card {
            canvas.footnote(area, &format!("dead-man card: {path}"));
        }
    } else if let Some(position) = timeline::pane(canvas, cockpit, &flight.timeline, inner) {
        canvas.footnote(area, &position);
    }
}

/// Pods above gates.
fn left_panes(
    canvas: &mut Canvas,
    cockpit: &Cockpit,
    facts: &Facts<'_>,
    flight: &FlightShown<'_>,
    top: Rect,
    below: Rect,
) {
    canvas.guarded(top, "Pods", |canvas| {
        pods_pane(canvas, cockpit, facts, flight, top);
    });
    canvas.guarded(below, "Gates", |canvas| {
        gates_pane(canvas, cockpit, flight, below);
    });
}

fn midway(flight: &FlightShown<'_>) -> bool {
    flight
        .observed
        .is_some_and(|observed| observed.workload.is_midway())
}

/// 100 columns and more: pods and gates left, evidence and story right.
fn wide(
    canvas: &mut Canvas,
    cockpit: &Cockpit,
    facts: &Facts<'_>,
    flight: &FlightShown<'_>,
    area: Rect,
) {
    let (left, right) = cut_left(area, (area.width * 2 / 5).clamp(46, 76));
    let sides = flight
        .observed
        .map(|observed| pods::sides(facts, observed))
        .unwrap_or_default();
    let wanted = pods::rows(&sides, left.width.saturating_sub(4), true).max(4) + 2;
    let (top, below) = cut_top(left, wanted.min(area.height / 2));
    left_panes(canvas, cockpit, facts, flight, top, below);

    let midway = midway(flight);
    let high = match area.height {
        0..40 => 8,
        40..50 => 11,
        _ => 14,
    };
    let (cards, below) = if flight.metrics.is_empty() {
        cut_top(right, 0)
    } else {
        cut_top(right, high)
    };
    let mut rest = cards;
    for (index, metric) in flight.metrics.iter().enumerate() {
        let left = u16::try_from(flight.metrics.len() - index)
            .unwrap_or(1)
            .max(1);
        let (card, others) = cut_left(rest, rest.width / left);
        canvas.guarded(card, "Metric", |canvas| {
            metrics::card(canvas, card, metric, midway);
        });
        rest = others;
    }
    let health = flight.health.as_ref().map_or(1, |health| {
        metrics::health(canvas, health, below.width.saturating_sub(4)).len()
    });
    let (place, below) = cut_top(below, u16::try_from(health).unwrap_or(1) + 2);
    canvas.guarded(place, "Health", |canvas| health_pane(canvas, flight, place));
    canvas.guarded(below, "Timeline", |canvas| {
        timeline_pane(canvas, cockpit, flight, below);
    });
}

/// 80 × 24: the same panes, metrics and health in one.
fn condensed(
    canvas: &mut Canvas,
    cockpit: &Cockpit,
    facts: &Facts<'_>,
    flight: &FlightShown<'_>,
    area: Rect,
) {
    let (left, right) = cut_left(area, area.width * 12 / 25);
    let sides = flight
        .observed
        .map(|observed| pods::sides(facts, observed))
        .unwrap_or_default();
    let wanted = pods::rows(&sides, left.width.saturating_sub(4), false).max(1) + 2;
    let (top, below) = cut_top(left, wanted.min(area.height.saturating_sub(8)));
    left_panes(canvas, cockpit, facts, flight, top, below);
    let lines = evidence(canvas, flight, right.width.saturating_sub(4));
    let (top, below) = cut_top(
        right,
        (u16::try_from(lines.len()).unwrap_or(4) + 2).min(area.height.saturating_sub(6)),
    );
    let age = flight.metrics.first().and_then(|metric| {
        let age = metric.age.as_ref()?;
        Some(if metric.stale {
            canvas.piece(format!("STALE {age}"), Role::Warning)
        } else {
            canvas.piece(format!("{age} ago"), Role::TextDim)
        })
    });
    let note = [age.unwrap_or_else(|| canvas.piece("", Role::TextDim))];
    let inner = canvas.pane(top, "Metrics and health", &note, false);
    canvas.lines(inner, &lines);
    canvas.guarded(below, "Timeline", |canvas| {
        timeline_pane(canvas, cockpit, flight, below);
    });
}

fn evidence(canvas: &Canvas, flight: &FlightShown<'_>, width: u16) -> Vec<Line> {
    let midway = midway(flight);
    let mut lines: Vec<Line> = flight
        .metrics
        .iter()
        .flat_map(|metric| metrics::brief(canvas, metric, midway, width))
        .collect();
    if let Some(health) = &flight.health {
        let mark = marks::verdict(health.verdict);
        lines.push(vec![
            canvas.piece(text::pad("Health", 12), Role::Title),
            canvas.piece(format!("{} {}", mark.glyph, mark.word), mark.role),
        ]);
        if health.verdict.lets_through() {
            lines.extend(metrics::checks(canvas, health));
        } else {
            lines.extend(
                wrapped(&health.sentence, width.saturating_sub(2), 2)
                    .into_iter()
                    .map(|line| vec![canvas.piece(format!("  {line}"), Role::TextStrong)]),
            );
        }
    }
    lines
}

/// Down to 60 × 16: no frames, what is against it first.
fn stacked(
    canvas: &mut Canvas,
    cockpit: &Cockpit,
    facts: &Facts<'_>,
    flight: &FlightShown<'_>,
    area: Rect,
) {
    let area = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    };
    let midway = midway(flight);
    let mut lines: Vec<Line> = Vec::new();
    if let Some(observed) = flight.observed {
        lines.extend(pods::brief(
            canvas,
            &pods::sides(facts, observed),
            area.width,
        ));
    }
    lines.extend(
        flight
            .metrics
            .iter()
            .map(|metric| metrics::briefest(canvas, metric, midway)),
    );
    if let Some(health) = &flight.health {
        let mark = marks::verdict(health.verdict);
        lines.push(vec![
            canvas.piece(text::pad("Health", 12), Role::Title),
            canvas.piece(format!("{} {}", mark.glyph, mark.word), mark.role),
        ]);
    }
    let used = u16::try_from(lines.len())
        .unwrap_or(0)
        .min(area.height.saturating_sub(4));
    let (top, rest) = cut_top(area, used);
    canvas.lines(top, &lines);
    if let Some(card) = &flight.next {
        let (_, below) = cut_top(rest, u16::from(rest.height > 4));
        let lines = next_steps(canvas, card, below);
        canvas.lines(below, &lines);
        return;
    }
    let selected = cockpit
        .view
        .flight_line
        .min(flight.lines.len().saturating_sub(1));
    let (_, list) = cut_top(rest, u16::from(rest.height > 4));
    let list = Rect {
        x: list.x - 1,
        width: list.width + 1,
        ..list
    };
    // There is room for one list: the one that has the cursor.
    match (cockpit.view.pane, flight.observed) {
        (FlightPane::Timeline, _) => {
            let inner = Rect {
                x: list.x + 1,
                width: list.width - 1,
                ..list
            };
            timeline::pane(canvas, cockpit, &flight.timeline, inner);
        }
        (FlightPane::Pods, Some(observed)) => {
            pods::list(canvas, list, observed, cockpit.view.pod_line);
        }
        _ => {
            let rows = gates::fitting(canvas, &flight.lines, selected, list);
            gates::list(canvas, list, &rows, Some(selected), gate_spot);
        }
    }
}

/// Used by the small screen: the state of the deployment with its stage.
pub fn state_words(deployment: &Deployment) -> String {
    let stage = deployment
        .stage()
        .and_then(|stage| deployment.plan.plan.stages.get(stage));
    match (deployment.state, stage) {
        (FlightState::Flying, Some(stage)) => format!("{} %", stage.share),
        (other, _) => other.word().to_owned(),
    }
}
