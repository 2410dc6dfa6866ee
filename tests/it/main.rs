//! Integration tests, in one binary so that they link once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod actions;
mod adapters;
mod architecture;
mod bad_input;
mod colours;
mod config;
mod emergency;
mod escapes;
mod fixture;
mod flight;
mod frames;
mod git;
mod guard;
mod hostile;
mod job_control;
mod keys;
mod kill;
mod ledger;
mod mouse;
mod paste;
mod policy;
mod pty;
mod race;
mod readme;
mod registry;
mod replay;
mod rig;
mod secrets;
mod shell;
mod sizes;
mod storms;
mod support;
mod terminal;
mod themes;
mod tiny;
