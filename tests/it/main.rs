//! Integration tests, in one binary so that they link once.

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
mod registry;
mod rig;
mod sizes;
mod terminal;
mod themes;
