//! The nouns of a release, with no IO and no clock.

pub mod text;
