//! Integration tests, in one binary so that they link once.
#![allow(clippy::unwrap_used, clippy::panic)]

mod actions;
mod architecture;
mod themes;
