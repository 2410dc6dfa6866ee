//! One frame from one cockpit. Pure: no clock, no state, nothing looked up. A part that panics is shown as a fault in
//! its place.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::layout::{areas, is_tiny};
use super::overlays;
use super::panes::{
    fleet, flight, foot, header, history, hotfix, inbox, plan, poll, releases, timeline, tiny,
};
use super::spots::Spots;
use super::theme::{Role, Theme};
use crate::session::cockpit::Cockpit;
use crate::session::view::Screen;

/// What a frame is, beyond its cells.
#[derive(Debug, Default)]
pub struct Drawn {
    /// What the mouse points at.
    pub spots: Spots,
    /// What lies over the screen is not there to be read; it may not be answered.
    pub unreadable: bool,
}

pub fn draw(cockpit: &Cockpit, theme: &Theme, frame: &mut Frame) -> Drawn {
    render(cockpit, theme, frame.area(), frame.buffer_mut())
}

/// The same into any buffer, for tests and pictures.
pub fn render(cockpit: &Cockpit, theme: &Theme, area: Rect, buf: &mut Buffer) -> Drawn {
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return Drawn {
            unreadable: true,
            ..Drawn::default()
        };
    }
    let mut canvas = Canvas {
        buf,
        theme,
        spots: Spots::default(),
    };
    canvas.ground(area, Role::Text);
    if is_tiny(area) {
        let whole = canvas.guarded(area, "gonogo", |canvas| tiny::draw(canvas, cockpit, area));
        return Drawn {
            spots: canvas.spots,
            unreadable: !whole,
        };
    }
    let screen = cockpit.view.screen;
    let message = foot::message(&canvas, cockpit, area);
    let rows = u16::try_from(message.len()).unwrap_or(1).max(1);
    let places = areas(
        area,
        cockpit.workspace().rehearsal.is_some(),
        screen == Screen::Flight,
        rows,
    );
    let banner = places.banner.height == 0;
    canvas.guarded(places.banner, "Rehearsal", |canvas| {
        header::banner(canvas, cockpit, places.banner);
    });
    canvas.guarded(places.header, "Header", |canvas| {
        header::draw(canvas, cockpit, places.header, banner);
    });
    canvas.guarded(places.tabs, "Screens", |canvas| {
        header::tabs(canvas, cockpit, places.tabs);
    });
    canvas.guarded(places.body, screen.title(), |canvas| match screen {
        Screen::Fleet => fleet::draw(canvas, cockpit, places.body),
        Screen::Releases => releases::draw(canvas, cockpit, places.body),
        Screen::Plan => plan::draw(canvas, cockpit, places.body),
        Screen::Flight => flight::draw(canvas, cockpit, places.body),
        Screen::Timeline => timeline::draw(canvas, cockpit, places.body),
        Screen::Poll => poll::draw(canvas, cockpit, places.body),
        Screen::Inbox => inbox::draw(canvas, cockpit, places.body),
        Screen::History => history::draw(canvas, cockpit, places.body),
        Screen::Hotfix => hotfix::draw(canvas, cockpit, places.body),
    });
    canvas.lines(places.message, &message);
    canvas.guarded(places.message, "Message", |canvas| {
        foot::pending(canvas, cockpit, places.message);
    });
    canvas.guarded(places.hints, "Keys", |canvas| {
        foot::hints(canvas, cockpit, places.hints, places.tabs.height > 0);
    });
    let readable = canvas.guarded(places.body, "Question", |canvas| {
        overlays::draw(canvas, cockpit, places.body);
    });
    Drawn {
        spots: canvas.spots,
        unreadable: !readable,
    }
}
