//! The ledgers: one file per store, and what they share, the chain and the place it is kept.

mod chain;
mod folder;
pub mod sqlite;
