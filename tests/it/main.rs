//! Integration tests, in one binary so that they link once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod actions;
mod adapters;
mod architecture;
mod bad_input;
mod cluster;
mod config;
mod emergency;
mod escapes;
mod fixture;
mod flight;
mod frames;
mod git;
mod guard;
mod hostile;
mod kill;
mod last_seen;
mod ledger;
mod parked;
mod plain;
mod policy;
mod race;
mod readme;
mod reconnect;
mod registry;
mod replay;
mod rig;
mod scenarios;
mod secrets;
mod settle;
mod shell;
mod sizes;
mod sleep;
mod support;
mod terminal;
mod themes;
