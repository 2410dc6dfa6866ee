//! One frame from one cockpit. Pure: no clock, no state, nothing looked up.

use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::canvas::Canvas;
use super::layout::{areas, is_tiny};
use super::overlays;
use super::panes::{fleet, flight, foot, header, plan, releases, timeline, tiny};
use super::theme::{Role, Theme};
use crate::session::cockpit::Cockpit;
use crate::session::view::Screen;

pub fn draw(cockpit: &Cockpit, theme: &Theme, frame: &mut Frame) {
    render(cockpit, theme, frame.area(), frame.buffer_mut());
}

/// The same into any buffer, for tests and pictures.
pub fn render(cockpit: &Cockpit, theme: &Theme, area: Rect, buf: &mut Buffer) {
    let area = area.intersection(buf.area);
    if area.is_empty() {
        return;
    }
    let mut canvas = Canvas { buf, theme };
    canvas.ground(area, Role::Text);
    if is_tiny(area) {
        tiny::draw(&mut canvas, cockpit, area);
        return;
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
    header::banner(&mut canvas, cockpit, places.banner);
    header::draw(
        &mut canvas,
        cockpit,
        places.header,
        places.banner.height == 0,
    );
    header::tabs(&mut canvas, cockpit, places.tabs);
    match screen {
        Screen::Fleet => fleet::draw(&mut canvas, cockpit, places.body),
        Screen::Releases => releases::draw(&mut canvas, cockpit, places.body),
        Screen::Plan => plan::draw(&mut canvas, cockpit, places.body),
        Screen::Flight => flight::draw(&mut canvas, cockpit, places.body),
        Screen::Timeline => timeline::draw(&mut canvas, cockpit, places.body),
    }
    canvas.lines(places.message, &message);
    foot::pending(&mut canvas, cockpit, places.message);
    foot::hints(&mut canvas, cockpit, places.hints, places.tabs.height > 0);
    overlays::draw(&mut canvas, cockpit, places.body);
}
