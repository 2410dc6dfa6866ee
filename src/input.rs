//! From keys to meanings: the one table of actions, and everything that is projected from it.
//!
//! It owns names, default keys and documentation of what a person can do. It knows no terminal library
//! (the runtime translates its key events into [`Chord`]s), no state, and no reason why an action might
//! not be possible now.

mod action;
mod chord;
mod context;
mod keymap;
mod nearest;
pub mod reference;

pub use action::{Action, Group, Headless, Risk};
pub use chord::{Chord, ChordError, Key, sequence, sequence_text};
pub use context::Context;
pub use keymap::{Keymap, Lookup, Overrides, Problem as KeymapProblem};
pub use nearest::{did_you_mean, nearest};
