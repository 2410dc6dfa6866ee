//! The ledger: append-only, hash-chained, ordered per stream; and what there is while it cannot be used.

use futures::future::BoxFuture;

use crate::domain::{
    entry::{Draft, Entry, StreamId},
    fault::Fault,
    presence::Presence,
    standing::{Aside, Standing},
};

/// What an append insists on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The stream's last position is exactly this (0: empty).
    Position(u64),
    /// Outcomes are facts: they go in wherever the stream stands.
    Any,
}

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum AppendError {
    /// Somebody appended first; fold again and decide again.
    #[error("the stream moved on to position {found}")]
    Conflict { found: u64 },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What a walk over the whole chain found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verified {
    Whole {
        entries: u64,
        head: String,
    },
    /// The first entry that does not follow from the one before it.
    Broken {
        seq: u64,
        why: String,
    },
}

pub trait Ledger: Send + Sync {
    /// All or none, durable when it returns.
    fn append<'a>(
        &'a self,
        stream: &'a StreamId,
        expected: Expected,
        drafts: Vec<Draft>,
    ) -> BoxFuture<'a, Result<Vec<Entry>, AppendError>>;

    /// Entries of all streams after `seq`, in chain order.
    fn read(&self, after: u64) -> BoxFuture<'_, Result<Vec<Entry>, Fault>>;

    /// A number that changes whenever another process wrote; cheap enough to poll twice a second.
    fn version(&self) -> BoxFuture<'_, Result<i64, Fault>>;

    fn verify(&self) -> BoxFuture<'_, Result<Verified, Fault>>;

    /// Heartbeats: each row takes the place of the former one of its process and stream. No entries, and not chained.
    fn beat(&self, rows: Vec<Presence>) -> BoxFuture<'_, Result<(), Fault>>;

    /// The last heartbeat of each process and stream, of the last day.
    fn present(&self) -> BoxFuture<'_, Result<Vec<Presence>, Fault>>;
}

/// Beside a ledger: whether it can be used, and where the intents of hold, abort and rollback go while it cannot.
pub trait Standby: Send + Sync {
    /// As it was last seen; costs nothing.
    fn standing(&self) -> Standing;

    /// Tries it: opens what is closed, appends what waits in the journal, and writes something that changes nothing.
    fn probe(&self) -> BoxFuture<'_, Standing>;

    /// Keeps entries in a journal of this machine. Durable when it returns, with the place; each is appended to the
    /// ledger once, whoever opens it next.
    fn set_aside(&self, stream: &StreamId, drafts: &[Draft]) -> Result<String, Fault>;

    /// What waits in the journal of this machine, oldest first.
    fn aside(&self) -> Vec<Aside>;

    /// The first place where entries still wait.
    fn waiting(&self) -> Option<String>;
}
