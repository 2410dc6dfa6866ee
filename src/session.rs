//! The cockpit's whole state and the one function that changes it. `update` is pure: it takes a stamped event and
//! returns effects; it asks nobody and draws nothing.

pub mod cockpit;
pub mod effect;
pub mod event;
pub mod last_seen;
pub mod lines;
pub mod memo;
pub mod palette;
pub mod pointer;
pub mod runs;
pub mod search;
pub mod show;
pub mod update;
pub mod view;
pub mod wanted;

pub use crate::flight::process::{Mover, Waiting};
