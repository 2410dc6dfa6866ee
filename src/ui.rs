//! From state to cells: pure drawing over ratatui. No terminal, no clock, no task.
//!
//! [`draw()`] makes one frame of a cockpit; each screen is a file in `panes/`, what lies over it one in
//! `overlays/`. What is drawn is named by [`theme::Role`], never by colour; every string passes [`text::put`],
//! which lets nothing through that could act on a terminal.

mod canvas;
mod draw;
pub mod guard;
mod layout;
mod marks;
mod overlays;
mod panes;
pub mod picture;
mod spots;
pub mod text;
pub mod theme;
pub mod viewport;
pub mod widgets;

pub use draw::{Drawn, draw, render};
pub use spots::Spots;
