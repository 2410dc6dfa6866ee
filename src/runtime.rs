//! The shell: the only part that reads a clock, spawns tasks and touches the terminal. It turns the outside into events,
//! effects into calls, and owns no decision.

pub mod beside;
pub mod board;
pub mod card;
mod clipboard;
pub mod clock;
pub mod executor;
mod ground;
pub mod kept;
pub mod keys;
pub mod logging;
pub mod outside;
pub mod outward;
pub mod pacer;
mod painting;
pub mod plain;
pub mod rehearsal;
pub mod run;
pub mod running;
mod signals;
pub mod state_files;
mod suspend;
pub mod terminal;
