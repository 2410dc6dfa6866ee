//! Integration tests, in one binary so that they link once.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

mod actions;
mod adapters;
mod architecture;
mod bad_input;
mod config;
mod credentials;
mod cuts;
mod fault_proxy;
mod faults;
mod fixture;
mod flight;
mod frames;
mod git;
mod kill;
mod ledger;
mod policy;
mod race;
mod readme;
mod registry;
mod replay;
mod rig;
mod secrets;
mod sizes;
mod support;
mod terminal;
mod themes;
mod world;
