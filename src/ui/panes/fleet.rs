//! All projects in all environments: what is live, how it is, and what waits for somebody.

use ratatui::layout::Rect;

use crate::domain::target::TargetId;
use crate::policy::facts::Facts;
use crate::session::cockpit::Cockpit;
use crate::session::pointer::Spot;
use crate::session::show::{self, Condition, FleetCell};
use crate::ui::canvas::{Canvas, Line, wrapped};
use crate::ui::layout::cut_top;
use crate::ui::marks;
use crate::ui::text::{self, Piece};
use crate::ui::theme::Role;
use crate::ui::viewport::Viewport;

use super::{empty, header};

/// Narrower than this a cell says too little, and fewer environments are shown.
const NARROWEST: u16 = 20;

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let workspace = cockpit.workspace();
    if workspace.projects.is_empty() || workspace.environments.is_empty() {
        empty(
            canvas,
            Rect {
                x: area.x + 2,
                width: area.width.saturating_sub(4),
                ..area
            },
            "Nothing is configured yet.",
            Role::TextStrong,
            &[
                "gonogo.toml names projects, environments and targets: `gonogo config check --example` prints a whole one, and says where it is looked for.",
                "`gonogo rehearse` opens this cockpit on a practice cluster; nothing there is real.",
            ],
        );
        return;
    }
    let detail = if area.height >= 26 { 9 } else { 6 };
    let rows = u16::try_from(workspace.projects.len()).unwrap_or(u16::MAX);
    let wanted = rows.saturating_mul(4).saturating_add(2);
    let (table, below) = cut_top(area, area.height.saturating_sub(detail).min(wanted));
    canvas.guarded(table, "Fleet", |canvas| grid(canvas, cockpit, table));
    canvas.guarded(below, "Selected", |canvas| selected(canvas, cockpit, below));
}

fn grid(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let (workspace, view) = (cockpit.workspace(), &cockpit.view);
    let names = workspace
        .projects
        .iter()
        .map(|project| text::width(project.id.name()))
        .max()
        .unwrap_or(8);
    let names = names.clamp(8, (area.width / 4).clamp(8, 28)) + 2;
    let room = area.width.saturating_sub(names);
    // The selected environment and its neighbours, where there is no room for all.
    let all = workspace.environments.len();
    let shown = usize::from((room / NARROWEST).max(1)).min(all);
    let columns = Viewport::around(view.environment, all, shown).visible();
    let each = room / u16::try_from(columns.len().max(1)).unwrap_or(1);
    let each = each.min(44);

    let rows = workspace.projects.len();
    let free = usize::from(area.height.saturating_sub(2));
    let high = [4usize, 3, 2]
        .into_iter()
        .find(|high| rows * high <= free)
        .unwrap_or(1);
    let seen = Viewport::around(view.project, rows, (free / high).max(1)).visible();

    let column_area = |index: usize| Rect {
        x: area.x + names + each * u16::try_from(index - columns.start).unwrap_or(0),
        width: each,
        ..area
    };
    for index in columns.clone() {
        let Some(environment) = workspace.environments.get(index) else {
            continue;
        };
        let place = column_area(index);
        let badge = header::environment(canvas, environment);
        let mut at = canvas.line(place, 2, 0, &[badge]) + 1;
        if environment.customer_data && at + 14 < place.width {
            at = canvas.put(place, at, 0, "customer data", Role::TextDim) + 1;
        }
        if let Some(words) = show::place_word(&cockpit.known, &environment.name, cockpit.now) {
            let room = place.width.saturating_sub(at + 1);
            at = canvas.put(place, at, 0, &text::fit(&words, room), Role::Warning) + 1;
        }
        let more = if index == columns.start && index > 0 {
            "◂"
        } else if index + 1 == columns.end && index + 1 < all {
            "▸ more"
        } else {
            ""
        };
        canvas.put(place, at, 0, more, Role::TextDim);
    }
    canvas.put(area, 1, 0, "PROJECT", Role::Header);
    for (line, row) in seen.clone().enumerate() {
        let Some(project) = workspace.projects.get(row) else {
            continue;
        };
        let top = 2 + u16::try_from(line * high).unwrap_or(u16::MAX);
        let role = if row == view.project {
            Role::TextStrong
        } else {
            Role::Text
        };
        canvas.put(
            area,
            1,
            top,
            &text::fit(project.id.name(), names.saturating_sub(2)),
            role,
        );
        for index in columns.clone() {
            let Some(environment) = workspace.environments.get(index) else {
                continue;
            };
            let place = Rect {
                y: area.y + top.min(area.height),
                height: area
                    .height
                    .saturating_sub(top)
                    .min(u16::try_from(high).unwrap_or(1)),
                ..column_area(index)
            };
            let lines = match show::fleet_cell(
                cockpit,
                &TargetId::new(environment.name.clone(), project.id.clone()),
            ) {
                Some(cell) => cell_lines(canvas, &cell, high, place.width.saturating_sub(3)),
                None => vec![vec![canvas.piece("–", Role::TextDim)]],
            };
            let chosen = row == view.project && index == view.environment;
            cell(canvas, place, &lines, environment.protected, chosen, high);
            let spot = Spot::Cell {
                project: row,
                environment: index,
            };
            canvas.spot(place, spot);
        }
    }
    for index in columns.clone() {
        rule(
            canvas,
            column_area(index),
            workspace
                .environments
                .get(index)
                .is_some_and(|environment| environment.protected),
        );
    }
    let (above, below) = (seen.start, rows - seen.end);
    if above + below > 0 {
        canvas.put(
            area,
            1,
            1,
            &format!("{}–{} of {rows}", seen.start + 1, seen.end),
            Role::TextDim,
        );
    }
}

/// The line under the names of the environments; heavy under protected ones.
fn rule(canvas: &mut Canvas, place: Rect, protected: bool) {
    let (glyph, role) = if protected {
        ("━", Role::Danger)
    } else {
        ("─", Role::Border)
    };
    canvas.put(
        place,
        1,
        1,
        &glyph.repeat(usize::from(place.width.saturating_sub(2))),
        role,
    );
}

fn cell(
    canvas: &mut Canvas,
    place: Rect,
    lines: &[Line],
    protected: bool,
    chosen: bool,
    high: usize,
) {
    let inner = Rect {
        x: place.x + 1,
        width: place.width.saturating_sub(2),
        ..place
    };
    // The last line of a tall cell is air, unless it is needed.
    let tall = u16::try_from(lines.len().max(1).min(high))
        .unwrap_or(1)
        .max(if high >= 3 { 3 } else { 1 })
        .min(place.height);
    if chosen {
        canvas.ground(
            Rect {
                height: tall,
                ..inner
            },
            Role::Selection,
        );
        canvas.put(inner, 0, 0, "▸", Role::Selection);
    } else if protected {
        for row in 0..tall {
            canvas.put(place, 0, row, "┃", Role::Danger);
        }
    }
    let ground = canvas.theme.style(Role::Selection);
    for (row, line) in (0..place.height).zip(lines) {
        let styled: Line = line
            .iter()
            .map(|piece| {
                Piece::new(
                    piece.text.as_str(),
                    if chosen {
                        piece.style.patch(ground)
                    } else {
                        piece.style
                    },
                )
            })
            .collect();
        canvas.line(inner, 1, row, &styled);
    }
}

/// From one line to four, by the room there is.
fn cell_lines(canvas: &Canvas, cell: &FleetCell, high: usize, width: u16) -> Vec<Line> {
    let mark = marks::condition(cell.condition);
    let pods = cell
        .pods
        .map_or_else(String::new, |(ready, all)| format!("  {ready}/{all}"));
    let mut flags = Line::new();
    if cell.drift {
        flags.push(canvas.piece("  DRIFT", Role::Warning));
    }
    let note = |line: &mut Line| {
        if !cell.note.is_empty() {
            let (lead, role) = if cell.waits {
                ("▶ ", Role::Warning)
            } else {
                ("◐ ", Role::Progressing)
            };
            let mut words = format!("{lead}{}", cell.note);
            if text::width(&words) > width {
                words = words.replace("requested · ", "");
            }
            line.push(canvas.piece(words, role));
        }
    };
    let stale = |line: &mut Line| {
        if let Some(age) = &cell.stale {
            line.push(canvas.piece(age.as_str(), Role::Warning));
        }
    };
    let since = cell
        .since
        .as_ref()
        .map(|since| canvas.piece(format!("live {since}"), Role::TextDim));
    let platform = if cell.condition == Condition::Unknown && cell.stale.is_some() {
        let mut line = vec![canvas.piece(format!("{} ", mark.glyph), mark.role)];
        stale(&mut line);
        line
    } else {
        vec![
            canvas.piece(format!("{} {}", mark.glyph, mark.word), mark.role),
            canvas.piece(pods.clone(), Role::TextDim),
        ]
    };
    if high == 1 {
        let mut line = vec![
            canvas.piece(format!("{} ", mark.glyph), mark.role),
            canvas.piece(cell.live.as_str(), Role::TextStrong),
        ];
        line.append(&mut flags);
        line.push(canvas.piece("  ", Role::Text));
        stale(&mut line);
        note(&mut line);
        return vec![line];
    }
    let mut first = vec![canvas.piece(cell.live.as_str(), Role::TextStrong)];
    first.append(&mut flags);
    if high == 2 {
        let mut second = Line::new();
        note(&mut second);
        if second.is_empty() {
            second = platform;
        } else {
            first.push(canvas.piece(format!("  {}", mark.glyph), mark.role));
            first.push(canvas.piece(pods, Role::TextDim));
        }
        return vec![first, second];
    }
    let mut third = Line::new();
    note(&mut third);
    if third.is_empty() {
        third.extend(since);
    } else if let Some(since) = since.filter(|_| width > 34) {
        first.push(canvas.piece("  ", Role::Text));
        first.push(since);
    }
    vec![first, platform, third]
}

/// What is known of the cell under the cursor, and what it waits for.
fn selected(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let (Some(target), Some(facts)) = (cockpit.focus(), cockpit.facts()) else {
        let inner = canvas.pane(area, "Nothing here", &[], false);
        canvas.put(
            inner,
            0,
            0,
            "this project has no target in this environment",
            Role::TextDim,
        );
        return;
    };
    let title = format!("{} in {}", target.id.project.name(), target.id.environment);
    let inner = canvas.pane(
        area,
        &title,
        &[canvas.piece(target.workload.to_string(), Role::TextDim)],
        false,
    );
    let Some(cell) = show::fleet_cell(cockpit, &target.id) else {
        return;
    };
    let mut lines = Vec::new();
    if let Some(waiting) = show::waiting(cockpit, &facts) {
        let (glyph, word, role) = marks::moves(&waiting);
        let lead = vec![canvas.piece(format!("{glyph} {word}  "), role)];
        lines.extend(super::gates::hang(
            canvas,
            &lead,
            &waiting.sentence,
            Role::TextStrong,
            inner.width,
            2,
        ));
    }
    lines.extend(facts_of(canvas, cockpit, &facts, &cell, inner.width));
    let used = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    canvas.lines(inner, &lines);
    // What is left shows what happened here last.
    let (_, rest) = cut_top(inner, used.saturating_add(1));
    if rest.height > 1 {
        let story = show::timeline(cockpit);
        super::timeline::tail(canvas, cockpit, &story, rest);
    }
}

/// Live release, platform, and everything that is not as it should be.
pub fn facts_of(
    canvas: &Canvas,
    cockpit: &Cockpit,
    facts: &Facts<'_>,
    cell: &FleetCell,
    width: u16,
) -> Vec<Line> {
    let mark = marks::condition(cell.condition);
    let mut live = vec![
        canvas.piece("live      ", Role::TextDim),
        canvas.piece(cell.live.as_str(), Role::TextStrong),
    ];
    let new = facts.current().filter(|current| {
        let serves = facts
            .running()
            .is_some_and(|it| it.commit == current.plan.release.commit);
        serves && current.promoted_at.is_some()
    });
    if let Some((current, since)) = new.and_then(|current| Some((current, current.promoted_at?))) {
        let age = crate::domain::time::age(cockpit.now.duration_since(since));
        live.push(canvas.piece(
            format!("  for {age}, {}", current.state.word()),
            Role::TextDim,
        ));
    } else if let Some(recorded) = &facts.state.live {
        let verified = if recorded.verified.is_some() {
            ", verified"
        } else {
            ""
        };
        live.push(canvas.piece(
            format!(
                "  for {}{verified}",
                crate::domain::time::age(cockpit.now.duration_since(recorded.since))
            ),
            Role::TextDim,
        ));
    }
    let mut lines = vec![live];
    if cell.drift {
        let recorded = facts
            .state
            .live
            .as_ref()
            .map_or_else(|| "nothing".to_owned(), |live| live.release.title());
        lines.push(vec![
            canvas.piece("DRIFT     ", Role::Warning),
            canvas.piece(format!("the ledger says {recorded} is live"), Role::Text),
        ]);
    }
    let mut platform = vec![
        canvas.piece("platform  ", Role::TextDim),
        canvas.piece(format!("{} {}", mark.glyph, mark.word), mark.role),
    ];
    if let Some((ready, all)) = cell.pods {
        platform.push(canvas.piece(format!("  {ready} of {all} pods ready"), Role::Text));
    }
    if let Some(age) = &cell.stale {
        let words = match age.strip_prefix("STALE ") {
            Some(age) => format!("  STALE, read {age} ago"),
            None if age == "never read" => "  not read yet".to_owned(),
            None => format!("  {age}"),
        };
        platform.push(canvas.piece(words, Role::Warning));
    }
    lines.push(platform);
    if let Some(trouble) = &facts.workload.trouble {
        let down = show::connection(cockpit, &cell.target);
        let down = down.map_or_else(String::new, |down| format!("{}: ", down.words(cockpit.now)));
        let words = format!("{down}{}", trouble.value);
        for (row, words) in wrapped(&words, width.saturating_sub(10), 3)
            .into_iter()
            .enumerate()
        {
            let label = if row == 0 { "trouble   " } else { "          " };
            lines.push(vec![
                canvas.piece(label, Role::Warning),
                canvas.piece(words, Role::Text),
            ]);
        }
    } else if let Some(message) = facts
        .workload
        .value()
        .map(|observed| &observed.workload.message)
        .filter(|message| !message.is_empty())
    {
        lines.push(vec![
            canvas.piece("says      ", Role::TextDim),
            canvas.piece(
                text::fit(message.as_str(), width.saturating_sub(10)),
                Role::Text,
            ),
        ]);
    }
    for (commit, grounded) in facts.state.grounded.iter().rev().take(1) {
        let name = facts.release(commit).map_or_else(
            || commit.short().to_owned(),
            crate::domain::release::Release::title,
        );
        lines.push(vec![
            canvas.piece("grounded  ", Role::Warning),
            canvas.piece(format!("{name}: {}", grounded.words()), Role::Text),
        ]);
    }
    lines.extend(super::place::lines(canvas, facts, width));
    lines
}
