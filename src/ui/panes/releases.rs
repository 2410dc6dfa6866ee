//! The releases of the project in focus under all their names, newest first.

use ratatui::layout::Rect;

use crate::domain::release::Release;
use crate::domain::time;
use crate::session::cockpit::Cockpit;
use crate::session::pointer::Spot;
use crate::ui::canvas::Canvas;
use crate::ui::layout::cut_top;
use crate::ui::theme::Role;
use crate::ui::viewport::Viewport;
use crate::ui::widgets::{Align, Column, Columns, Field};

use super::empty;

const COLUMNS: [Column; 7] = [
    Column {
        title: "NO",
        align: Align::Right,
        least: 2,
        priority: 0,
    },
    Column {
        title: "NAMES",
        align: Align::Left,
        least: 16,
        priority: 1,
    },
    Column {
        title: "LIVE IN",
        align: Align::Left,
        least: 19,
        priority: 2,
    },
    Column {
        title: "COMMIT",
        align: Align::Left,
        least: 7,
        priority: 6,
    },
    Column {
        title: "AGE",
        align: Align::Right,
        least: 6,
        priority: 4,
    },
    Column {
        title: "AUTHOR",
        align: Align::Left,
        least: 6,
        priority: 5,
    },
    Column {
        title: "SUBJECT",
        align: Align::Left,
        least: 24,
        priority: 3,
    },
];

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let Some(project) = cockpit.workspace().projects.get(cockpit.view.project) else {
        empty(
            canvas,
            area,
            "No project is configured.",
            Role::TextStrong,
            &[
                "Add a [[project]] to gonogo.toml; `gonogo config check --example` prints a whole one.",
            ],
        );
        return;
    };
    let shown = cockpit.releases_shown();
    let all = cockpit
        .known
        .releases
        .get(&project.id)
        .map_or(0, |all| all.len());
    let view = &cockpit.view;
    let title = format!("Releases of {}", project.id);
    let count = if view.filter.value().is_empty() {
        format!("{all}")
    } else {
        format!("{} of {all}", shown.len())
    };
    let inner = canvas.pane(
        area,
        &title,
        &[canvas.piece(count, Role::TextDim)],
        !view.filtering,
    );
    let filtered = view.filtering || !view.filter.value().is_empty();
    let (line, list) = cut_top(inner, u16::from(filtered));
    if filtered {
        canvas.put(line, 0, 0, "/", Role::HintKey);
        if view.filtering {
            canvas.input(line, 2, 0, view.filter.value(), view.filter.cursor());
        } else {
            canvas.put(line, 2, 0, view.filter.value(), Role::Match);
        }
    }
    let (trouble, list) = match cockpit.catalogue_trouble.get(&project.id) {
        Some(fault) if all > 0 => {
            let (line, list) = cut_top(list, 1);
            canvas.put(
                line,
                0,
                0,
                &format!("! not read again: {fault}"),
                Role::Warning,
            );
            (None, list)
        }
        other => (other, list),
    };
    if let Some(fault) = trouble {
        empty(
            canvas,
            list,
            &format!("The catalogue could not be read: {fault}"),
            Role::Danger,
            &["It is tried again by itself."],
        );
        return;
    }
    if !cockpit.known.releases.contains_key(&project.id) {
        empty(
            canvas,
            list,
            "Reading the releases from git…",
            Role::TextStrong,
            &[&format!("From {}.", project.source.display())],
        );
        return;
    }
    if all == 0 {
        empty(
            canvas,
            list,
            "No commit of this project is a release yet.",
            Role::TextStrong,
            &[
                "A push to a trigger branch makes one, and so does a tag; both are set at the project in gonogo.toml.",
            ],
        );
        return;
    }
    if shown.is_empty() {
        empty(
            canvas,
            list,
            "No release matches.",
            Role::TextStrong,
            &[
                "esc takes the filter off. Numbers, tags, commits, authors and words of the subject are searched.",
            ],
        );
        return;
    }
    table(canvas, cockpit, list, &shown);
    let rows = usize::from(list.height.saturating_sub(1));
    if let Some(position) = Viewport::around(view.release, shown.len(), rows).position() {
        canvas.footnote(area, &position);
    }
}

fn table(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect, shown: &[&Release]) {
    let rows = usize::from(area.height.saturating_sub(1));
    // Only what can be seen is made: a catalogue may hold thousands.
    let visible = Viewport::around(cockpit.view.release, shown.len(), rows).visible();
    let words: Vec<[String; 7]> = shown[visible.clone()]
        .iter()
        .map(|release| words(cockpit, release))
        .collect();
    let fields: Vec<Vec<Field>> = words
        .iter()
        .map(|row| {
            let roles = [
                Role::TextStrong,
                Role::TextStrong,
                Role::Healthy,
                Role::TextDim,
                Role::TextDim,
                Role::Text,
                Role::Text,
            ];
            row.iter()
                .zip(roles)
                .map(|(text, role)| Field::new(text, role))
                .collect()
        })
        .collect();
    let selected = cockpit
        .view
        .release
        .min(shown.len().saturating_sub(1))
        .checked_sub(visible.start);
    let place = Rect {
        x: area.x.saturating_sub(1),
        width: area.width + 1,
        ..area
    };
    for (row, line) in (1..area.height).zip(visible) {
        let line_area = Rect {
            y: area.y + row,
            height: 1,
            ..place
        };
        canvas.spot(line_area, Spot::Line(line));
    }
    Columns {
        columns: &COLUMNS,
        rows: &fields,
        selected,
    }
    .render(place, canvas.buf, canvas.theme);
}

fn words(cockpit: &Cockpit, release: &Release) -> [String; 7] {
    let names: Vec<&str> = release
        .aliases
        .iter()
        .map(|alias| alias.name.as_str())
        .collect();
    [
        release.number.to_string(),
        names.join(" "),
        live_in(cockpit, release).join(" "),
        release.commit.short().to_owned(),
        time::age(cockpit.now.duration_since(release.committed_at)),
        release.author.to_string(),
        release.subject.to_string(),
    ]
}

/// Where this release serves, and where it is on its way: `staging production→`.
fn live_in(cockpit: &Cockpit, release: &Release) -> Vec<String> {
    let mut places = Vec::new();
    for environment in &cockpit.workspace().environments {
        let id =
            crate::domain::target::TargetId::new(environment.name.clone(), release.project.clone());
        let Some(known) = cockpit.known.targets.get(&id) else {
            continue;
        };
        if known
            .state
            .live
            .as_ref()
            .is_some_and(|live| live.release.commit == release.commit)
        {
            places.push(environment.name.to_string());
        }
        if known
            .state
            .current
            .as_ref()
            .is_some_and(|current| current.plan.release.commit == release.commit)
        {
            places.push(format!("▶{}", environment.name));
        }
    }
    places
}
