//! Every deployment of the workspace, one line each, newest first; on wide screens the scorecard beside it.

use ratatui::layout::Rect;

use crate::policy::scorecard::{Measure, Verdict};
use crate::session::cockpit::Cockpit;
use crate::session::pointer::Spot;
use crate::session::show::{self, HistoryRow as Row};
use crate::ui::canvas::{Canvas, Line, wrapped};
use crate::ui::layout::cut_top;
use crate::ui::theme::Role;
use crate::ui::viewport::Viewport;
use crate::ui::widgets::{Align, Column, Columns, Field};

use super::empty;

/// From this width on there is room for the scorecard beside the list.
const WIDE: u16 = 120;
/// What the list wants so that environment, project, both releases and the end stand there whole.
const LIST: u16 = 79;

const fn column(title: &'static str, least: u16, priority: u8) -> Column<'static> {
    Column {
        title,
        align: Align::Left,
        least,
        priority,
    }
}

const COLUMNS: [Column; 8] = [
    column("WHEN (UTC)", 11, 1),
    column("ENVIRONMENT", 10, 4),
    column("PROJECT", 10, 3),
    column("RELEASE", 19, 0),
    column("ENDED", 9, 2),
    column("TOOK", 4, 6),
    column("WHO", 4, 7),
    column("REASON", 20, 5),
];

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    if area.width < WIDE {
        list(canvas, cockpit, area);
        return;
    }
    let card = (area.width * 2 / 5).min(64).min(area.width - LIST);
    let left = Rect {
        width: area.width - card,
        ..area
    };
    let right = Rect {
        x: left.right(),
        width: card,
        ..area
    };
    list(canvas, cockpit, left);
    canvas.guarded(right, "Scorecard", |canvas| {
        scorecard(canvas, cockpit, right);
    });
}

fn list(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let view = &cockpit.view;
    let records = show::history(cockpit);
    let filtered = view.filtering || !view.history_filter.value().is_empty();
    let count = format!("{}", records.len());
    let inner = canvas.pane(
        area,
        "History, newest first",
        &[canvas.piece(count, Role::TextDim)],
        !view.filtering,
    );
    let (line, inner) = cut_top(inner, u16::from(filtered));
    if filtered {
        let (value, cursor) = (view.history_filter.value(), view.history_filter.cursor());
        canvas.put(line, 0, 0, "/", Role::HintKey);
        if view.filtering {
            canvas.input(line, 2, 0, value, cursor);
        } else {
            canvas.put(line, 2, 0, value, Role::Match);
        }
    }
    if records.is_empty() {
        let (says, then) = if filtered {
            (
                "No deployment matches.",
                "esc takes the filter off. Every word has to stand somewhere in the line.",
            )
        } else {
            (
                "Nothing was deployed yet.",
                "A request is the first line: 2 lists the releases, r requests one.",
            )
        };
        empty(canvas, inner, says, Role::TextStrong, &[then]);
        return;
    }
    let height = usize::from(inner.height.saturating_sub(1));
    let selected = view.history.min(records.len() - 1);
    let window = Viewport::around(selected, records.len(), height);
    let visible = window.visible();
    let this_year = cockpit.now.strftime("%Y-").to_string();
    // Only what can be seen is put into words.
    let rows: Vec<Row> = records[visible.clone()]
        .iter()
        .map(|record| {
            let mut row = Row::of(record, cockpit.now);
            // The year goes without saying while it is this one.
            if let Some(rest) = row.when.strip_prefix(&this_year) {
                row.when = rest.to_owned();
            }
            row
        })
        .collect();
    let place = Rect {
        x: inner.x.saturating_sub(1),
        width: inner.width + 1,
        ..inner
    };
    for (row, line) in (1..inner.height).zip(visible.clone()) {
        let line_area = Rect {
            y: inner.y + row,
            height: 1,
            ..place
        };
        canvas.spot(line_area, Spot::Line(line));
    }
    let fields: Vec<Vec<Field>> = rows.iter().map(fields).collect();
    Columns {
        columns: &COLUMNS,
        rows: &fields,
        selected: selected.checked_sub(visible.start),
    }
    .render(place, canvas.buf, canvas.theme);
    if let Some(position) = window.position() {
        canvas.footnote(area, &position);
    }
}

fn fields(row: &Row) -> Vec<Field<'_>> {
    let ended = match (row.under_way, row.bad) {
        (true, false) => Role::Progressing,
        (_, true) => Role::Degraded,
        (false, false) => Role::Healthy,
    };
    vec![
        Field::new(&row.when, Role::TextDim),
        Field::new(&row.environment, Role::Text),
        Field::new(&row.project, Role::Text),
        Field::new(&row.release, Role::TextStrong),
        Field::new(row.ended, ended),
        Field::new(&row.lasted, Role::Text),
        Field::new(&row.who, Role::Text),
        Field::new(&row.reason, Role::TextDim),
    ]
}

/// Title and target, the figure below: a glyph and a word go with every colour.
fn scorecard(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let (environments, card) = show::scorecard(cockpit);
    let since = card.window.since.strftime("since %Y-%m-%d").to_string();
    let title = format!("Scorecard of {environments}");
    let inner = canvas.pane(area, &title, &[canvas.piece(since, Role::TextDim)], false);
    let all = |most: usize| -> Vec<Line> {
        let measures = card.measures.iter();
        measures
            .flat_map(|measure| measured(canvas, measure, inner.width, most))
            .collect()
    };
    // Where the whole sentences do not fit, each has one line.
    let mut lines = all(3);
    if lines.len() > usize::from(inner.height) {
        lines = all(1);
    }
    canvas.lines(inner, &lines);
}

fn measured(canvas: &Canvas, measure: &Measure, width: u16, most: usize) -> Vec<Line> {
    let (glyph, role) = match measure.verdict {
        Verdict::Met => ("✔", Role::GatePass),
        Verdict::Missed => ("✖", Role::GateFail),
        Verdict::TooFew | Verdict::NotMeasured => ("?", Role::GateUnknown),
        Verdict::NoTarget => ("·", Role::TextDim),
    };
    let mut lines = vec![vec![
        canvas.piece(format!("{glyph} "), role),
        canvas.piece(measure.title, Role::TextStrong),
        canvas.piece(format!("  {}", measure.target), Role::TextDim),
    ]];
    let room = width.saturating_sub(2).max(8);
    // The target stands above it already.
    let words = match measure.verdict {
        Verdict::Met | Verdict::Missed => format!("{}: {}", measure.figure, measure.verdict.word()),
        _ => measure.sentence.clone(),
    };
    for words in wrapped(&words, room, most) {
        lines.push(vec![canvas.piece(format!("  {words}"), role)]);
    }
    lines
}
