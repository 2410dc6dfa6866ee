//! gonogo.

pub mod simulator;
