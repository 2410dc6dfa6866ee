//! A call that failed: what was tried, on what, what came back, and what to do. Plain data, so that it can
//! stand in state, ledger and snapshots. Adapters make it at their edge, already redacted.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::text::Clean;

/// What kind of failure it was; behaviour follows from this, never from the words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// No connection, or it broke. For a mutation the outcome is unknown.
    Unreachable,
    /// No answer before the deadline. For a mutation the outcome is unknown.
    TimedOut,
    /// 429, or a server that says it is too busy.
    Throttled,
    Unauthorised,
    Forbidden,
    NotFound,
    /// The object changed under us (409).
    Conflict,
    /// The server understood and said no (a failed precondition, an invalid value).
    Refused,
    /// An answer we cannot read.
    Malformed,
    Cancelled,
    /// Ours.
    Bug,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// The system asked: `kubernetes`, `git`, `registry`, `ledger`, …
    pub system: String,
    pub kind: FaultKind,
    /// What was tried and on what, as a gerund: `reading rollout auth-service in production`.
    pub doing: String,
    /// What came back.
    pub detail: Clean,
    /// What to do next.
    pub hint: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<SignedDuration>,
    /// Nothing of it went out: whatever the kind, the outcome is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub not_sent: bool,
}

impl Fault {
    pub fn new(system: &str, kind: FaultKind, doing: impl Into<String>, detail: &str) -> Self {
        Self {
            system: system.to_owned(),
            kind,
            doing: doing.into(),
            detail: Clean::new(detail),
            hint: None,
            retry_after: None,
            not_sent: false,
        }
    }

    /// It failed before anything was sent.
    #[must_use]
    pub fn not_sent(mut self) -> Self {
        self.not_sent = true;
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// After a mutation: may it have been applied all the same?
    pub fn leaves_outcome_unknown(&self) -> bool {
        !self.not_sent
            && matches!(
                self.kind,
                FaultKind::Unreachable
                    | FaultKind::TimedOut
                    | FaultKind::Cancelled
                    | FaultKind::Malformed
                    | FaultKind::Bug
            )
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.system, self.doing, self.detail)?;
        if let Some(hint) = &self.hint {
            write!(f, ". {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}
