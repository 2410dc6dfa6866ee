//! The SQL of a migration, over the screen that asked for it.

use ratatui::layout::Rect;

use crate::session::{cockpit::Cockpit, show};
use crate::ui::canvas::Canvas;
use crate::ui::panes::gates::hang;
use crate::ui::theme::Role;

use super::difference::{place, told};

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, top: usize, area: Rect) {
    let Some(printed) = &cockpit.printed else {
        return;
    };
    let place = place(area);
    canvas.clear(place, Role::Dialog);
    let title = format!("{}  {}", printed.item, printed.of.short());
    let close = canvas.piece("esc closes", Role::TextDim);
    let inner = canvas.pane(place, &title, &[close], true);
    match &printed.outcome {
        None => {
            let line = vec![canvas.piece("Reading it from beside the ledger…", Role::TextStrong)];
            canvas.lines(inner, &[line]);
        }
        Some(Err(fault)) => {
            let text = format!("It could not be read: {fault}");
            let lines = hang(canvas, &[], &text, Role::Danger, inner.width, 6);
            canvas.lines(inner, &lines);
        }
        Some(Ok(kept)) => told(canvas, &show::sql::lines(kept), top, place, inner),
    }
}
