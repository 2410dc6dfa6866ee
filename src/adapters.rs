//! The outside, one file or folder per system. Each maps to the domain at its edge: what fails comes back as
//! a `Fault`, redacted, with the hint it knows.

pub mod git;
pub mod ledger;
pub mod registry;
