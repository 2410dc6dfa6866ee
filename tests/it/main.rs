//! Integration tests, in one binary so that they link once.
#![allow(clippy::unwrap_used, clippy::panic)]

mod actions;
mod adapters;
mod architecture;
mod bad_input;
mod config;
mod fixture;
mod flight;
mod frames;
mod git;
mod ledger;
mod registry;
mod support;
mod themes;
