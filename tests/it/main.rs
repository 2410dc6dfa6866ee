//! Integration tests, in one binary so that they link once.

mod actions;
mod architecture;
mod config;
mod fixture;
mod frames;
mod git;
mod ledger;
mod registry;
mod sizes;
mod themes;
