//! From state to cells: pure drawing over ratatui. No terminal, no clock, no task.
//!
//! What is drawn is named by [`theme::Role`], never by colour; every string passes [`text::put`], which lets
//! nothing through that could act on a terminal.

pub mod draw;
pub mod text;
pub mod theme;
pub mod viewport;
pub mod widgets;
