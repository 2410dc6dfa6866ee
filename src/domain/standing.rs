//! How far the ledger can be used at a moment. Without it nothing is decided, except to hold, abort or roll back.

use serde::{Deserialize, Serialize};

use super::{
    entry::{Draft, StreamId},
    fault::Fault,
};

/// What protected environments say of a ledger that is a file (SPEC S2).
pub const ONE_MACHINE: &str = "on this machine only: who operates elsewhere does not see it";

/// What was done while the ledger could not be written, and is not in it yet: an entry without its place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aside {
    pub stream: StreamId,
    pub draft: Draft,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "ledger", content = "why")]
pub enum Standing {
    /// It is read and written.
    #[default]
    Whole,
    /// It is read, as far as it goes, and nothing can be or may be appended.
    ReadOnly(Fault),
    /// It cannot be read either: what people decided is not known.
    Lost(Fault),
}

impl Standing {
    /// What is wrong with it.
    pub fn trouble(&self) -> Option<&Fault> {
        match self {
            Self::Whole => None,
            Self::ReadOnly(fault) | Self::Lost(fault) => Some(fault),
        }
    }

    pub fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_))
    }
}
