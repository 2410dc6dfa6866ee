//! Integration tests.

mod git;
mod ledger;
mod registry;
