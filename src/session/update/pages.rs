//! Opening the pages that lie over a screen.

use crate::session::{
    cockpit::Cockpit,
    show,
    view::{Overlay, Page},
};

pub fn open(cockpit: &mut Cockpit, page: Page) {
    cockpit.view.overlay = Some(Overlay::Page { page, top: 0 });
}

/// The entry under the timeline's cursor.
pub fn open_entry(cockpit: &mut Cockpit) {
    let lines = show::timeline(cockpit);
    let last = lines.len().checked_sub(1 + cockpit.view.timeline_back);
    if let Some(line) = last.and_then(|index| lines.get(index)) {
        open(cockpit, Page::Entry { seq: line.seq });
    }
}

pub fn moved(cockpit: &mut Cockpit, by: isize) {
    let Some(Overlay::Page { page, top }) = &cockpit.view.overlay else {
        return;
    };
    let count = show::page(cockpit, page).lines.len();
    let moved = top.saturating_add_signed(by).min(count.saturating_sub(1));
    if let Some(Overlay::Page { top, .. }) = &mut cockpit.view.overlay {
        *top = moved;
    }
}
