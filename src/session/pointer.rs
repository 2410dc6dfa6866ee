//! What the mouse can point at. Drawing says where each of these is; what a click or the wheel does there is `update`'s.

use serde::{Deserialize, Serialize};

use super::view::{FlightPane, Screen};

/// Something on the screen that is more than words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "spot", content = "of")]
pub enum Spot {
    /// The tab of a screen.
    Tab(Screen),
    /// A cell of the fleet.
    Cell { project: usize, environment: usize },
    /// A line of the screen's own list.
    Line(usize),
    /// A pane of the flight.
    Pane(FlightPane),
    /// A line in one of them.
    PaneLine { pane: FlightPane, line: usize },
    /// A line of the palette.
    Command(usize),
    /// Nothing in particular: the wheel works everywhere.
    Ground,
}

/// What the mouse did there. Other buttons, and everything with shift, are the terminal's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pointing {
    Click,
    WheelUp,
    WheelDown,
}
