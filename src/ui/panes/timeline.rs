//! Everything that was decided and done, oldest first, the newest at the bottom.

use jiff::Timestamp;
use ratatui::layout::Rect;

use crate::session::cockpit::Cockpit;
use crate::session::pointer::Spot;
use crate::session::show::{self, TimelineLine};
use crate::session::view::FlightPane;
use crate::ui::canvas::{Canvas, Line, wrapped};
use crate::ui::text;
use crate::ui::theme::Role;

use super::gates::{self, Row, hang};
use super::{empty, key};
use crate::input::Action;

fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// Columns of `! 14:28:51  `.
fn lines_of(canvas: &Canvas, line: &TimelineLine, width: u16, most: usize) -> Vec<Line> {
    let (glyph, role) = if line.bad {
        ("!", Role::Degraded)
    } else {
        (" ", Role::Text)
    };
    let lead = vec![
        canvas.piece(format!("{glyph} "), role),
        canvas.piece(format!("{}  ", line.clock), Role::TextDim),
    ];
    hang(canvas, &lead, &line.sentence, role, width, most)
}

/// The last lines that fit, the newest at the bottom; long ones wrap.
pub fn tail(canvas: &mut Canvas, cockpit: &Cockpit, entries: &[TimelineLine], area: Rect) {
    let room = usize::from(area.height);
    let mut lines: Vec<Line> = Vec::new();
    let today = day(cockpit.now);
    for entry in entries.iter().rev() {
        let mut said = lines_of(canvas, entry, area.width, 2);
        let date = said.first_mut().and_then(|line| line.get_mut(1));
        if let Some(place) = date.filter(|_| day(entry.at) != today) {
            place.text = format!("{}  ", entry.at.strftime("%m-%d %H:%M"));
        }
        if lines.len() + said.len() > room {
            break;
        }
        said.extend(lines);
        lines = said;
    }
    if let Some(entry) = entries.last().filter(|_| lines.is_empty()) {
        lines = lines_of(canvas, entry, area.width, room.max(1));
    }
    canvas.lines(area, &lines);
}

/// With the cursor in it, the pane of the flight is a list like the screen of its own.
pub fn pane(
    canvas: &mut Canvas,
    cockpit: &Cockpit,
    entries: &[TimelineLine],
    area: Rect,
) -> Option<String> {
    let spot = |line| Spot::PaneLine {
        pane: FlightPane::Timeline,
        line,
    };
    list(canvas, cockpit, entries, area, spot)
}

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let entries = show::timeline(cockpit);
    let inner = canvas.pane(
        area,
        "Timeline, newest at the bottom",
        &[canvas.piece("UTC", Role::TextDim)],
        true,
    );
    if entries.is_empty() {
        empty(
            canvas,
            inner,
            "Nothing was decided or done here yet.",
            Role::TextStrong,
            &[&format!(
                "A request is the first entry: {} lists the releases, where one is requested.",
                key(cockpit, Action::ShowReleases)
            )],
        );
        return;
    }
    if let Some(position) = list(canvas, cockpit, &entries, inner, Spot::Line) {
        canvas.footnote(area, &position);
    }
}

fn list(
    canvas: &mut Canvas,
    cockpit: &Cockpit,
    entries: &[TimelineLine],
    inner: Rect,
    spot: impl Fn(usize) -> Spot,
) -> Option<String> {
    let list = Rect {
        x: inner.x.saturating_sub(1),
        width: inner.width + 1,
        ..inner
    };
    let (today, width) = (day(cockpit.now), list.width.saturating_sub(gates::MARGIN));
    let last = entries.len().checked_sub(1)?;
    let selected = last - cockpit.view.timeline_back.min(last);
    let mut rows: Vec<Row> = Vec::new();
    let mut above = String::new();
    for (index, entry) in entries.iter().enumerate() {
        let date = day(entry.at);
        if date != above {
            let name = if date == today {
                format!("{date}, today")
            } else {
                date.clone()
            };
            let mut lines = vec![vec![canvas.piece(name, Role::Header)]];
            if !above.is_empty() {
                lines.insert(0, Line::new());
            }
            rows.push(Row {
                lines,
                selectable: false,
            });
            above = date;
        }
        let most = if index == selected { 8 } else { 3 };
        rows.push(Row {
            lines: with_author(canvas, entry, width, most),
            selectable: true,
        });
    }
    gates::list(canvas, list, &rows, Some(selected), spot)
}

/// Most sentences begin with their author; the others get one in a column where there is room.
fn with_author(canvas: &Canvas, entry: &TimelineLine, width: u16, most: usize) -> Vec<Line> {
    if width < 70 {
        return lines_of(canvas, entry, width, most);
    }
    let (glyph, role) = if entry.bad {
        ("!", Role::Degraded)
    } else {
        (" ", Role::Text)
    };
    let sentence = entry
        .sentence
        .strip_prefix(&entry.by)
        .map_or(entry.sentence.as_str(), |rest| {
            rest.trim_start_matches(':').trim_start()
        });
    let lead = vec![
        canvas.piece(format!("{glyph} "), role),
        canvas.piece(format!("{}  ", entry.clock), Role::TextDim),
        canvas.piece(format!("{}  ", text::pad(&entry.by, 10)), Role::TextStrong),
    ];
    let indent = text::pieces_width(&lead);
    let mut lines = Vec::new();
    for (index, words) in wrapped(sentence, width.saturating_sub(indent).max(8), most)
        .into_iter()
        .enumerate()
    {
        let mut line = if index == 0 {
            lead.clone()
        } else {
            vec![canvas.piece(" ".repeat(usize::from(indent)), Role::Text)]
        };
        line.push(canvas.piece(words, role));
        lines.push(line);
    }
    lines
}
