//! Evidence: what running or asking an item left, as the ledger keeps it. The output itself lies beside the ledger,
//! bounded; its digests stand here.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{release::Digest, text::Clean, time};

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "how")]
pub enum RunEnd {
    Exited {
        code: i32,
    },
    /// Killed by a signal that was not ours.
    Signalled {
        signal: i32,
    },
    TimedOut,
    Cancelled,
    NotStarted {
        why: Clean,
    },
    /// Something was asked, and answered.
    Answered,
}

/// The output as it was kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// SHA-256 of the file, which is called by it: `evidence/<64 hex digits>.txt` beside the ledger.
    pub digest: Digest,
    /// Bytes of the output that were left out in its middle.
    #[serde(default, skip_serializing_if = "is_none_left_out")]
    pub left_out: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
fn is_none_left_out(bytes: &u64) -> bool {
    *bytes == 0
}

/// A line of the output, the moment it is whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    /// On standard error.
    pub error: bool,
    pub line: Clean,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    pub end: RunEnd,
    pub took: SignedDuration,
    /// SHA-256 over all of the standard output, however long it was.
    pub output: Digest,
    /// Of standard output and standard error together.
    pub bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
    /// Why the output could not be kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Clean>,
    /// One line: what it found, or the last that it said.
    pub said: Clean,
}

impl Evidence {
    /// `exit 1 after 12 s: 3 tests failed`
    pub fn sentence(&self) -> String {
        let how = match &self.end {
            RunEnd::Exited { code } => format!("exit {code} after {}", time::age(self.took)),
            RunEnd::Signalled { signal } => {
                format!("killed by signal {signal} after {}", time::age(self.took))
            }
            RunEnd::TimedOut => format!("timed out after {}", time::age(self.took)),
            RunEnd::Cancelled => format!("cancelled after {}", time::age(self.took)),
            RunEnd::NotStarted { why } => return format!("not started: {why}"),
            RunEnd::Answered => return self.said.to_string(),
        };
        if self.said.is_empty() {
            how
        } else {
            format!("{how}: {}", self.said)
        }
    }
}
