//! gonogo.
pub mod adapters;
pub mod domain;
pub mod policy;
pub mod ports;
