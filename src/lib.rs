//! gonogo.
pub mod domain;
pub mod input;
pub mod ui;
