//! Who attends a target, as what and since when, by their heartbeats. Beside the ledger and no part of it: a presence
//! proves nothing, it only says who is there to be asked.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::entry::StreamId;

/// What somebody does who attends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duty {
    /// Looks on.
    Watching,
    /// May stop the flight, and stops it where the guard would.
    Guarding,
}

impl Duty {
    pub fn word(self) -> &'static str {
        match self {
            Self::Watching => "watching",
            Self::Guarding => "guarding",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        [Self::Watching, Self::Guarding]
            .into_iter()
            .find(|duty| duty.word() == word)
    }
}

/// One process at one target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Host, process id and start: tells two processes of one person apart.
    pub process: String,
    /// The target's stream.
    pub stream: StreamId,
    pub name: String,
    pub duty: Duty,
    pub since: Timestamp,
    /// The last heartbeat.
    pub at: Timestamp,
    /// It said good-bye with its last heartbeat.
    pub left: bool,
}

impl Presence {
    /// Whoever left, or was not heard for longer than `absent`, is not there.
    pub fn is_there(&self, now: Timestamp, absent: SignedDuration) -> bool {
        !self.left && now.duration_since(self.at) <= absent
    }
}
