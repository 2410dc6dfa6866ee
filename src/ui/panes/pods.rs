//! Pods of both sides, each with its release, counts and the worst that any of them says.

use ratatui::layout::Rect;

use crate::domain::change::short_image;
use crate::domain::rollout::{Observed, Pod, PodState, Side};
use crate::domain::target::TargetId;
use crate::policy::facts::Facts;
use crate::session::cockpit::Cockpit;
use crate::session::pointer::Spot;
use crate::session::show::{self, side_title};
use crate::session::view::FlightPane;
use crate::ui::canvas::{Canvas, Line};
use crate::ui::text;
use crate::ui::theme::Role;
use crate::ui::widgets::{PodGrid, PodMark};

use super::gates;

/// One side as it is drawn.
pub struct SideShown {
    pub side: Side,
    /// `canary 42 v1.3.0`
    pub title: String,
    pub ready: usize,
    pub pods: Vec<PodMark>,
    pub restarts: u64,
    /// `auth-7d9f-x2k CrashLoopBackOff ×4`
    pub worst: Option<String>,
}

fn mark(state: PodState) -> PodMark {
    match state {
        PodState::Pending => PodMark::Pending,
        PodState::Starting => PodMark::Starting,
        PodState::Ready => PodMark::Ready,
        PodState::Failing => PodMark::Crashing,
        PodState::Terminating => PodMark::Terminating,
    }
}

/// Where nothing was read yet: what was seen last, which no gate counts on.
pub fn unread(canvas: &mut Canvas, cockpit: &Cockpit, target: &TargetId, area: Rect) {
    let seen = cockpit
        .last_seen
        .as_ref()
        .and_then(|seen| seen.target(target));
    let mut lines = vec![vec![
        canvas.piece("the platform was not read yet", Role::Unknown),
    ]];
    if let Some(seen) = seen {
        let ready = seen.pods.map_or_else(String::new, |(ready, of)| {
            format!("{ready} of {of} ready, ")
        });
        let words = format!("last seen: {ready}{}", seen.words(cockpit.now));
        lines.push(vec![canvas.piece(words, Role::Stale)]);
    }
    canvas.lines(area, &lines);
}

pub fn sides(facts: &Facts<'_>, observed: &Observed) -> Vec<SideShown> {
    let midway = observed.workload.is_midway();
    let mut shown = Vec::new();
    for side in [Side::Canary, Side::Stable, Side::Old] {
        let pods: Vec<&Pod> = observed.pods_of(side).collect();
        if pods.is_empty() {
            continue;
        }
        let urgency = |pod: &&&Pod| (mark(pod.state), std::cmp::Reverse(pod.restarts));
        let worst = pods
            .iter()
            .filter(|pod| {
                pod.state != PodState::Ready && pod.state != PodState::Terminating
                    || pod.restarts > 0
            })
            .min_by_key(urgency);
        let worst = worst.map(|pod| {
            let why = pod
                .reason
                .as_ref()
                .map_or_else(|| mark(pod.state).word().to_owned(), ToString::to_string);
            let times = if pod.restarts > 0 {
                format!(" ×{}", pod.restarts)
            } else {
                String::new()
            };
            format!("{why}{times}  {}", own_name(pod))
        });
        // After the last stage the new release is the stable one: the word would only puzzle.
        let word = if side == Side::Stable && !midway {
            "serving"
        } else {
            side_title(side, &observed.workload)
        };
        let release = pods
            .first()
            .and_then(|pod| release(facts, observed, &pod.hash));
        shown.push(SideShown {
            side,
            title: release.map_or_else(|| word.to_owned(), |release| format!("{word} {release}")),
            ready: pods
                .iter()
                .filter(|pod| pod.state == PodState::Ready)
                .count(),
            pods: pods.iter().map(|pod| mark(pod.state)).collect(),
            restarts: pods.iter().map(|pod| u64::from(pod.restarts)).sum(),
            worst,
        });
    }
    shown
}

/// Behind the template's hash stands what tells pods apart; what is before it is the same for all.
fn own_name(pod: &Pod) -> &str {
    let name = pod.name.as_str();
    let (_, own) = name.rsplit_once('-').unwrap_or(("", name));
    match name.strip_suffix(own) {
        Some(before) if before.ends_with(&format!("-{}-", pod.hash)) => own,
        _ => name,
    }
}

/// The release behind a template, by the image of its replica set.
fn release(facts: &Facts<'_>, observed: &Observed, hash: &str) -> Option<String> {
    let set = observed.replica_sets.iter().find(|set| set.hash == hash);
    let image = match set {
        Some(set) => set.image.as_deref(),
        None if observed.workload.current_hash.as_deref() == Some(hash) => {
            observed.workload.image.as_deref()
        }
        None => None,
    }?;
    Some(
        facts
            .named(image)
            .map_or_else(|| short_image(image), |release| release.title()),
    )
}

pub fn role(side: Side) -> Role {
    match side {
        Side::Canary => Role::Canary,
        Side::Stable => Role::Stable,
        Side::Old => Role::TextDim,
    }
}

/// `5 of 5 ready` and the restarts, where there are any.
fn counts(canvas: &Canvas, side: &SideShown) -> Line {
    let all = side.pods.len();
    let role = if side.ready == all {
        Role::Text
    } else {
        Role::TextStrong
    };
    let words = if side.side == Side::Old {
        format!("{all}")
    } else {
        format!("{} of {all} ready", side.ready)
    };
    let mut line = vec![canvas.piece(words, role)];
    if side.restarts > 0 {
        line.push(canvas.piece(format!("  restarts {}", side.restarts), Role::Warning));
    }
    line
}

/// Rows that all of it takes at this width.
pub fn rows(sides: &[SideShown], width: u16, gaps: bool) -> u16 {
    let grid = |side: &SideShown| {
        PodGrid {
            pods: &side.pods,
            restarts: None,
        }
        .rows(width.saturating_sub(2))
        .min(4)
    };
    let gap = if gaps {
        u16::try_from(sides.len().saturating_sub(1)).unwrap_or(0)
    } else {
        0
    };
    sides
        .iter()
        .map(|side| 1 + grid(side) + u16::from(side.worst.is_some()))
        .sum::<u16>()
        + gap
}

pub fn draw(canvas: &mut Canvas, area: Rect, sides: &[SideShown]) {
    if sides.is_empty() {
        canvas.put(area, 0, 0, "no pods were seen", Role::Unknown);
        return;
    }
    // Air between the sides only where everything fits with it.
    let gaps = rows(sides, area.width, true) <= area.height;
    let mut rest = area;
    for (index, side) in sides.iter().enumerate() {
        if gaps && index > 0 {
            rest = down(rest, 1);
        }
        if rest.height == 0 {
            return;
        }
        canvas.put(rest, 0, 0, &side.title, role(side.side));
        let mut counted = counts(canvas, side);
        // The restarts stand at the worst pod too; the title is not written over for them.
        if text::width(&side.title) + text::pieces_width(&counted) >= rest.width {
            counted.truncate(1);
        }
        canvas.right(rest, 0, &counted);
        rest = down(rest, 1);
        let grid = PodGrid {
            pods: &side.pods,
            restarts: None,
        };
        let others = u16::try_from(sides.len() - index - 1).unwrap_or(0) * 2
            + u16::from(side.worst.is_some());
        let high = grid
            .rows(rest.width.saturating_sub(2))
            .min(rest.height.saturating_sub(others).max(1))
            .min(4);
        let place = ratatui::layout::Rect {
            x: rest.x + 2.min(rest.width),
            width: rest.width.saturating_sub(2),
            height: high.min(rest.height),
            ..rest
        };
        grid.render(place, canvas.buf, canvas.theme);
        rest = down(rest, high);
        if let Some(worst) = &side.worst {
            canvas.put(rest, 2, 0, worst, Role::Degraded);
            rest = down(rest, 1);
        }
    }
}

/// One line per side, for screens without room: `canary 42 v1.3.0 ● ● ● 3 of 3 ready`.
pub fn brief(canvas: &Canvas, sides: &[SideShown], width: u16) -> Vec<Line> {
    let mut lines = Vec::new();
    for side in sides {
        let mut line = vec![canvas.piece(text::pad(&side.title, 18), role(side.side))];
        let glyphs = usize::from(width.saturating_sub(50) / 2).max(4);
        let mut marks = side.pods.clone();
        marks.sort();
        for pod in marks.iter().take(glyphs) {
            line.push(canvas.piece(format!(" {}", pod.glyph()), pod.role()));
        }
        line.push(canvas.piece("  ", Role::Text));
        line.extend(counts(canvas, side));
        if let Some(worst) = &side.worst {
            line.push(canvas.piece(format!("  {worst}"), Role::Degraded));
        }
        lines.push(line);
    }
    lines
}

/// With the cursor in the pane: every pod by its name, with what it says. Returns `3–12 of 40` where not all is seen.
pub fn list(
    canvas: &mut Canvas,
    area: Rect,
    observed: &Observed,
    selected: usize,
) -> Option<String> {
    let pods = show::pods::lines(observed);
    let names = pods
        .iter()
        .map(|pod| text::width(own_name(pod)))
        .max()
        .unwrap_or(0);
    let names = names.min(area.width.saturating_sub(24).max(12));
    let row = |pod: &&Pod| {
        let (mark, side) = (mark(pod.state), observed.side(&pod.hash));
        let mut line = vec![
            canvas.piece(format!("{} ", mark.glyph()), mark.role()),
            canvas.piece(format!("{} ", text::pad(own_name(pod), names)), role(side)),
            canvas.piece(
                pod.reason
                    .as_ref()
                    .map_or_else(|| mark.word().to_owned(), ToString::to_string),
                if pod.reason.is_some() {
                    Role::Degraded
                } else {
                    Role::Text
                },
            ),
        ];
        if pod.restarts > 0 {
            line.push(canvas.piece(format!("  ×{}", pod.restarts), Role::Warning));
        }
        line.push(canvas.piece(
            format!("  {}", side_title(side, &observed.workload)),
            Role::TextDim,
        ));
        gates::Row {
            lines: vec![line],
            selectable: true,
        }
    };
    let rows: Vec<gates::Row> = pods.iter().map(row).collect();
    let place = Rect {
        x: area.x.saturating_sub(1),
        width: area.width + 1,
        ..area
    };
    let spot = |line| Spot::PaneLine {
        pane: FlightPane::Pods,
        line,
    };
    gates::list(canvas, place, &rows, Some(selected), spot)
}

fn down(area: Rect, rows: u16) -> Rect {
    crate::ui::layout::cut_top(area, rows).1
}
