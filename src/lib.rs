//! gonogo.
pub mod domain;
pub mod flight;
pub mod policy;
pub mod ports;
