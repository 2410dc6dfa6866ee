//! The outside, behind the traits of `ports`. Each adapter maps its failures to a `Fault` at its own edge; nothing here
//! reads a clock or starts a task of its own.

pub mod backoff;
pub mod health;
pub mod kubernetes;
pub mod scrape;
