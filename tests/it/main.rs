//! Integration tests, in one binary so that they link once.
#![allow(clippy::unwrap_used, clippy::panic)]

mod actions;
mod adapters;
mod architecture;
mod config;
mod fixture;
mod frames;
mod git;
mod kill;
mod ledger;
mod race;
mod policy;
mod readme;
mod registry;
mod rig;
mod sizes;
mod terminal;
mod themes;
