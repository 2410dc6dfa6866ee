//! The ledgers: one file per store, and what they share, the chain and the place it is kept.

mod chain;
mod folder;
mod journal;
pub mod local;
pub mod sqlite;
