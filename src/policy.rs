//! Decisions over the domain alone.

pub mod resolve;
