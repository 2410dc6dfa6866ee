//! gonogo.

pub mod adapters;
pub mod cli;
pub mod config;
pub mod domain;
pub mod flight;
pub mod input;
pub mod policy;
pub mod ports;
pub mod runtime;
pub mod session;
pub mod simulator;
pub mod ui;
