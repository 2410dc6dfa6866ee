//! The outside, one file or folder per system, behind the traits of `ports`. Each maps its failures to a `Fault` at its
//! own edge, redacted, with the hint it knows; nothing here reads a clock or starts a task of its own.

pub mod backoff;
pub mod command;
pub mod evidence;
pub mod git;
pub mod health;
pub mod kubernetes;
pub mod ledger;
pub mod platforms;
pub mod probe;
pub mod registry;
pub mod room;
pub mod scrape;
pub mod secret;
pub mod version_file;
