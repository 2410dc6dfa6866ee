//! gonogo.
