//! The shell: the only part that reads a clock, spawns tasks and touches the terminal. It turns the outside into events,
//! effects into calls, and owns no decision.

pub mod clock;
pub mod executor;
pub mod outside;
pub mod rehearsal;
