//! What waits for whoever sits here, over all targets; enter goes there.

use ratatui::layout::Rect;

use crate::domain::time;
use crate::session::cockpit::Cockpit;
use crate::session::pointer::Spot;
use crate::session::show::{self, Errand, ErrandKind};
use crate::ui::canvas::{Canvas, Line};
use crate::ui::text;
use crate::ui::theme::Role;

use super::empty;
use super::gates::{self, Row, hang};

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    let errands = show::inbox(cockpit);
    let title = format!("Waits for {}", cockpit.me.name);
    let count = canvas.piece(errands.len().to_string(), Role::TextDim);
    let inner = canvas.pane(area, &title, &[count], true);
    if errands.is_empty() {
        empty(
            canvas,
            inner,
            "Nothing waits for you.",
            Role::TextStrong,
            &[
                "Plans to answer, waivers to second, items you own, steps you fly, hotfixes you began, countersigns and your own holds come here, from every project and environment.",
            ],
        );
        return;
    }
    let list = Rect {
        x: inner.x.saturating_sub(1),
        width: inner.width + 1,
        ..inner
    };
    let width = list.width.saturating_sub(gates::MARGIN);
    let most = if list.height > 24 { 3 } else { 2 };
    let rows: Vec<Row> = errands
        .iter()
        .map(|errand| Row {
            lines: lines(canvas, cockpit, errand, width, most),
            selectable: true,
        })
        .collect();
    let selected = cockpit.view.inbox_line.min(errands.len() - 1);
    if let Some(position) = gates::list(canvas, list, &rows, Some(selected), Spot::Line) {
        canvas.footnote(area, &position);
    }
}

fn role(kind: ErrandKind) -> Role {
    match kind {
        ErrandKind::Countersign => Role::Danger,
        ErrandKind::Hold | ErrandKind::Objection | ErrandKind::Hotfix => Role::Warning,
        ErrandKind::Fly | ErrandKind::Promote => Role::GatePass,
        ErrandKind::Answer | ErrandKind::Second | ErrandKind::Item => Role::TextStrong,
    }
}

fn lines(
    canvas: &Canvas,
    cockpit: &Cockpit,
    errand: &Errand,
    width: u16,
    most: usize,
) -> Vec<Line> {
    let id = &errand.target;
    let protected = cockpit
        .workspace()
        .environment(&id.environment)
        .is_some_and(|environment| environment.protected);
    let place = if protected {
        canvas.piece(id.environment.as_str().to_uppercase(), Role::TextStrong)
    } else {
        canvas.piece(id.environment.as_str(), Role::Text)
    };
    let left = errand.due.map(|due| {
        let left = due.duration_since(cockpit.now);
        if left.is_negative() {
            (format!("OVERDUE {}", time::age(left.abs())), Role::Danger)
        } else {
            (format!("due in {}", time::clock(left)), Role::Warning)
        }
    });
    let (when, ink) = left.unwrap_or_else(|| {
        let since = cockpit.now.duration_since(errand.since);
        (time::age(since), Role::TextDim)
    });
    let mut head = vec![
        canvas.piece(text::pad(errand.kind.word(), 12), role(errand.kind)),
        place,
        canvas.piece(format!(" {}  ", id.project.name()), Role::TextStrong),
    ];
    head.push(canvas.piece(when, ink));
    let mut lines = vec![head];
    let lead = [canvas.piece(" ".repeat(12), Role::Text)];
    lines.extend(hang(
        canvas,
        &lead,
        &errand.sentence,
        Role::Text,
        width,
        most,
    ));
    lines
}
