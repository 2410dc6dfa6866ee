//! Integration tests, in one binary so that they link once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod actions;
mod adapters;
mod architecture;
mod bad_input;
mod config;
mod emergency;
mod fixture;
mod flight;
mod frames;
mod git;
mod guard;
mod hostile;
mod kill;
mod ledger;
mod policy;
mod race;
mod readme;
mod registry;
mod replay;
mod repositories;
mod rig;
mod secrets;
mod shell;
mod sizes;
mod support;
mod terminal;
mod themes;
