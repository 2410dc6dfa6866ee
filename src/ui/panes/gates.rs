//! Gates and checklist items: one list with one cursor, each line with glyph, word and sentence.

use jiff::{SignedDuration, Timestamp};
use ratatui::layout::Rect;

use crate::domain::deployment::ItemStatus;
use crate::domain::plan::{ItemKind, ItemSpec, TimeBox};
use crate::domain::time;
use crate::policy::gate::{GateResult, Verdict};
use crate::session::pointer::Spot;
use crate::session::show::{self, LineKind};
use crate::ui::canvas::{Canvas, Line, window, wrapped};
use crate::ui::marks;
use crate::ui::text::{self, Piece};
use crate::ui::theme::Role;

/// One row of a list; headings cannot be selected.
pub struct Row {
    pub lines: Vec<Line>,
    pub selectable: bool,
}

/// Lines that the selected one may take: all it needs, but never the whole list.
const UNFOLDED: usize = 5;

/// How much each line may say.
#[derive(Clone, Copy)]
pub struct Style {
    /// Lines of a sentence that needs attention.
    pub most: usize,
    /// Of one that is green.
    pub green: usize,
}

/// Rows of lines as the view model gives them, in its order; `selected` gets all the lines it needs.
pub fn rows(
    canvas: &Canvas,
    lines: &[show::Line],
    selected: usize,
    width: u16,
    style: Style,
    headings: bool,
) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut above: Option<String> = None;
    for (index, line) in lines.iter().enumerate() {
        let heading = match &line.kind {
            LineKind::Gate(_) => "gates".to_owned(),
            LineKind::Item { spec, .. } => spec.phase.title().to_owned(),
        };
        let is_first = above.is_none();
        if above.as_ref() != Some(&heading) && (headings || !is_first) {
            let mut lines = Vec::new();
            if !is_first && headings {
                lines.push(Line::new());
            }
            let title = match &line.kind {
                LineKind::Gate(_) => "Gates".to_owned(),
                LineKind::Item { spec, .. } => capital(spec.phase.title()),
            };
            lines.push(vec![canvas.piece(title, Role::Header)]);
            rows.push(Row {
                lines,
                selectable: false,
            });
        }
        above = Some(heading);
        let most = if index == selected {
            UNFOLDED
        } else {
            style.most
        };
        let lines = match &line.kind {
            LineKind::Gate(gate) => {
                let most = if index != selected && gate.verdict == Verdict::Pass {
                    style.green
                } else {
                    most
                };
                gate_lines(canvas, gate, width, most)
            }
            LineKind::Item {
                spec,
                status,
                state,
            } => {
                let said = state.as_ref().and_then(|state| {
                    let evidence = state.evidence.as_ref().map(|evidence| evidence.sentence());
                    evidence.or_else(|| state.note.clone())
                });
                let who = state
                    .as_ref()
                    .map(|state| (state.by.as_str(), state.at, said.as_deref()));
                let was_done = state
                    .as_ref()
                    .is_some_and(|state| state.status == ItemStatus::Done);
                item_lines(
                    canvas,
                    spec,
                    (*status, was_done),
                    who,
                    width,
                    if index == selected {
                        UNFOLDED
                    } else {
                        style.green
                    },
                )
            }
        };
        rows.push(Row {
            lines,
            selectable: true,
        });
    }
    rows
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(letters).collect()
    })
}

/// Narrower than this the glyph stands for its word.
const WORDED: u16 = 40;

fn lead_of(canvas: &Canvas, mark: marks::Mark, width: u16) -> Piece {
    let words = if width >= WORDED {
        format!("{} {} ", mark.glyph, text::pad(mark.word, 7))
    } else {
        format!("{} ", mark.glyph)
    };
    canvas.piece(words, mark.role)
}

/// The narrow form leaves the gate's own name out: its sentence says it.
const NAMED: u16 = 66;

fn gate_lines(canvas: &Canvas, gate: &GateResult, width: u16, most: usize) -> Vec<Line> {
    let mark = marks::gate(gate);
    let mut lead = vec![lead_of(canvas, mark, width)];
    if width >= NAMED {
        let name = if gate.verdict.lets_through() {
            Role::TextDim
        } else {
            Role::TextStrong
        };
        lead.push(canvas.piece(format!("{}  ", text::pad(&gate.title, 13)), name));
    }
    let said = if gate.verdict.lets_through() {
        Role::Text
    } else {
        Role::TextStrong
    };
    hang(canvas, &lead, &gate.sentence, said, width, most)
}

/// `2–5 min`, or `4–10 s` where a box is that short.
fn span(due: TimeBox) -> String {
    let minutes = |at: SignedDuration| at.as_secs() % 60 == 0 && at.subsec_nanos() == 0;
    if minutes(due.from) && minutes(due.until) {
        format!("{}–{} min", due.from.as_mins(), due.until.as_mins())
    } else {
        format!("{}–{} s", due.from.as_secs(), due.until.as_secs())
    }
}

fn item_lines(
    canvas: &Canvas,
    spec: &ItemSpec,
    (status, was_done): (ItemStatus, bool),
    who: Option<(&str, Timestamp, Option<&str>)>,
    width: u16,
    most: usize,
) -> Vec<Line> {
    let mark = marks::item(status);
    let mut lead = vec![lead_of(canvas, mark, width)];
    if let Some(due) = spec.time_box {
        let words = span(due);
        lead.push(canvas.piece(format!("{} ", text::pad(&words, 9)), Role::TextDim));
    }
    let mut words = spec.title.clone();
    if !spec.required {
        words.push_str(" (advisory)");
    }
    if status == ItemStatus::Open {
        if was_done {
            words.push_str(" (its evidence is too old)");
        }
        match (spec.errand(), &spec.kind) {
            (Some(errand), _) => words = format!("{words} ({errand})"),
            (None, ItemKind::Probe(_)) => words.push_str(" (gonogo measures)"),
            _ => {}
        }
    }
    if let Some(owner) = spec.owner.as_ref().filter(|_| status == ItemStatus::Open) {
        words = format!("{words} · {owner}");
    }
    if let Some((by, at, note)) = who.filter(|_| status != ItemStatus::Open) {
        words = format!("{words} · {by} {}", at.strftime("%H:%M:%S"));
        if let Some(note) = note.filter(|note| !note.is_empty()) {
            words = format!("{words}: {note}");
        }
    }
    let role = if status == ItemStatus::Failed {
        Role::TextStrong
    } else {
        Role::Text
    };
    hang(canvas, &lead, &words, role, width, most)
}

/// A sentence behind its lead, further lines under its beginning.
pub fn hang(
    canvas: &Canvas,
    lead: &[Piece],
    sentence: &str,
    role: Role,
    width: u16,
    most: usize,
) -> Vec<Line> {
    let indent = text::pieces_width(lead);
    let room = width.saturating_sub(indent);
    let mut lines = Vec::new();
    for (index, words) in wrapped(sentence, room.max(8), most).into_iter().enumerate() {
        let mut line = if index == 0 {
            lead.to_vec()
        } else {
            vec![canvas.piece(" ".repeat(usize::from(indent)), Role::Text)]
        };
        line.push(canvas.piece(words, role));
        lines.push(line);
    }
    lines
}

/// Width that the cursor's own column takes.
pub const MARGIN: u16 = 2;

/// Rows that say all they can and still fit, else ever less of what is green.
pub fn fitting(canvas: &Canvas, lines: &[show::Line], selected: usize, area: Rect) -> Vec<Row> {
    let styles = [
        Style {
            most: usize::MAX,
            green: usize::MAX,
        },
        Style { most: 3, green: 2 },
        Style { most: 3, green: 1 },
        Style { most: 2, green: 1 },
    ];
    let mut rows = Vec::new();
    for style in styles {
        rows = self::rows(
            canvas,
            lines,
            selected,
            area.width.saturating_sub(MARGIN),
            style,
            false,
        );
        if rows.iter().map(|row| row.lines.len()).sum::<usize>() <= usize::from(area.height) {
            break;
        }
    }
    rows
}

/// Draws the rows around the selected one, each a `spot` by its number; returns `3–12 of 40` where not all is seen.
pub fn list(
    canvas: &mut Canvas,
    area: Rect,
    rows: &[Row],
    selected: Option<usize>,
    spot: impl Fn(usize) -> Spot,
) -> Option<String> {
    let heights: Vec<usize> = rows.iter().map(|row| row.lines.len()).collect();
    let selectable: Vec<usize> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.selectable)
        .map(|(index, _)| index)
        .collect();
    let at = selectable
        .get(
            selected
                .unwrap_or(0)
                .min(selectable.len().saturating_sub(1)),
        )
        .copied()
        .unwrap_or(0);
    let mut seen = window(&heights, at, usize::from(area.height));
    // A heading right above the first line stays with it.
    if seen.start == 1 && selected == Some(0) {
        seen.start = 0;
    }
    let mut top = 0u16;
    for index in seen.clone() {
        let Some(row) = rows.get(index) else { continue };
        let chosen = selected.is_some() && index == at && row.selectable;
        if row.selectable {
            let number = selectable
                .iter()
                .take_while(|other| **other < index)
                .count();
            let high = u16::try_from(row.lines.len()).unwrap_or(u16::MAX);
            let place = Rect {
                y: area.y.saturating_add(top),
                height: high,
                ..area
            };
            canvas.spot(place.intersection(area), spot(number));
        }
        for (number, line) in row.lines.iter().enumerate() {
            if chosen {
                canvas.ground(
                    Rect {
                        y: area.y + top.min(area.height),
                        height: u16::from(top < area.height),
                        ..area
                    },
                    Role::Selection,
                );
                if number == 0 {
                    canvas.put(area, 0, top, "▸", Role::Selection);
                }
                let ground = canvas.theme.style(Role::Selection);
                let over: Line = line
                    .iter()
                    .map(|piece| Piece::new(piece.text.as_str(), piece.style.patch(ground)))
                    .collect();
                canvas.line(area, MARGIN, top, &over);
            } else {
                canvas.line(area, MARGIN, top, line);
            }
            top += 1;
        }
    }
    let place = |row: usize| selectable.iter().filter(|index| **index < row).count();
    let (first, last) = (place(seen.start), place(seen.end));
    (last - first < selectable.len() && last > first)
        .then(|| format!("{}–{last} of {}", first + 1, selectable.len()))
}

/// `2 min ago`, for evidence.
pub fn ago(now: Timestamp, at: Timestamp) -> String {
    format!("{} ago", time::age(now.duration_since(at)))
}
