//! What lies over a screen and has the keyboard: help, palette, prompt, dialog.

mod dialog;
mod difference;
mod help;
mod page;
mod palette;
mod paper;
mod prompt;
mod sql;

use ratatui::layout::Rect;

use super::canvas::Canvas;
use crate::session::cockpit::Cockpit;
use crate::session::view::Overlay;

/// `area` is the body of the screen: header and foot stay in sight.
pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, area: Rect) {
    match &cockpit.view.overlay {
        None => {}
        Some(Overlay::Help) => help::draw(canvas, cockpit, area),
        Some(Overlay::Sql { top }) => sql::draw(canvas, cockpit, *top, area),
        Some(Overlay::Difference { top }) => difference::draw(canvas, cockpit, *top, area),
        Some(Overlay::Page { page, top }) => page::draw(canvas, cockpit, page, *top, area),
        Some(Overlay::Paper { paper, top }) => paper::draw(canvas, paper, *top, area),
        Some(Overlay::Palette(state)) => palette::draw(canvas, cockpit, state, area),
        Some(Overlay::Prompt(prompt)) => prompt::draw(canvas, prompt, area),
        Some(Overlay::Dialog(dialog)) => dialog::draw(canvas, cockpit, dialog, area),
    }
}
