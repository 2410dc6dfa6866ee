//! Integration tests, in one binary so that they link once.
#![allow(clippy::unwrap_used, clippy::panic)]

mod actions;
mod adapters;
mod architecture;
mod config;
mod fixture;
mod frames;
mod git;
mod ledger;
mod registry;
mod sizes;
mod themes;
