//! Where things stand on the screen: the header above, the foot below, the body between. Computed anew for each
//! frame from its size alone.

use ratatui::layout::Rect;

use crate::session::cockpit::SMALLEST;

/// From this height on, banner and tabs have rows of their own.
const TALL: u16 = 30;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Areas {
    /// A row across the screen that says that this is a rehearsal.
    pub banner: Rect,
    pub header: Rect,
    pub tabs: Rect,
    pub body: Rect,
    pub message: Rect,
    pub hints: Rect,
}

pub(super) fn is_tiny(area: Rect) -> bool {
    area.width < SMALLEST.0 || area.height < SMALLEST.1
}

/// Divides the screen. A flight has a line of its own where other screens have their tabs, so it shows tabs
/// only on tall screens.
pub(super) fn areas(area: Rect, rehearsal: bool, flight: bool, message_rows: u16) -> Areas {
    let tall = area.height >= TALL;
    let mut top = area.y;
    let mut take = |rows: u16| {
        let taken = Rect {
            y: top,
            height: rows,
            ..area
        };
        top += rows;
        taken
    };
    let banner = take(u16::from(rehearsal && tall));
    let header = take(1);
    let tabs = take(u16::from(tall || !flight));
    let foot = message_rows + 1;
    let body = Rect {
        y: top,
        height: area.bottom().saturating_sub(top).saturating_sub(foot),
        ..area
    };
    let message = Rect {
        y: body.bottom(),
        height: message_rows,
        ..area
    };
    let hints = Rect {
        y: message.bottom(),
        height: 1,
        ..area
    };
    Areas {
        banner,
        header,
        tabs,
        body,
        message,
        hints,
    }
}

/// The first `rows` of an area, and the rest.
pub(super) fn cut_top(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    (
        Rect {
            height: rows,
            ..area
        },
        Rect {
            y: area.y + rows,
            height: area.height - rows,
            ..area
        },
    )
}

/// The first `columns` of an area, and the rest.
pub(super) fn cut_left(area: Rect, columns: u16) -> (Rect, Rect) {
    let columns = columns.min(area.width);
    (
        Rect {
            width: columns,
            ..area
        },
        Rect {
            x: area.x + columns,
            width: area.width - columns,
            ..area
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rows_of_a_screen_add_up() {
        for (height, rehearsal, flight, message) in [
            (16, true, true, 1),
            (24, false, false, 1),
            (36, true, true, 3),
            (60, false, true, 1),
        ] {
            let screen = Rect::new(0, 0, 80, height);
            let areas = areas(screen, rehearsal, flight, message);
            let all = [
                areas.banner,
                areas.header,
                areas.tabs,
                areas.body,
                areas.message,
                areas.hints,
            ];
            assert_eq!(all.iter().map(|area| area.height).sum::<u16>(), height);
            assert_eq!(areas.hints.bottom(), height);
        }
    }
}
