//! Everything that can happen to the cockpit, as one serialisable type in one order, so that a session can be
//! recorded and played again through the same `update`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    domain::{
        catalogue::Catalogue,
        change::ActKind,
        difference::Difference,
        entry::Entry,
        evidence::Spoken,
        fault::Fault,
        observation::Observation,
        plan::ItemId,
        presence::Presence,
        project::ProjectId,
        release::{Commit, Digest, Shipped},
        standing::{Aside, Standing},
        target::TargetId,
    },
    input::Chord,
    policy::refusal::Refusal,
};

use super::pointer::{Pointing, Spot};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    pub at: Timestamp,
    pub event: Event,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "event", content = "value")]
pub enum Event {
    Key(Chord),
    /// A whole line, where there is no screen, and when it was typed.
    Line {
        text: String,
        typed_at: Timestamp,
    },
    /// Bracketed paste: text, never keys.
    Paste(String),
    Resize {
        columns: u16,
        rows: u16,
    },
    /// The mouse, at something that the last frame showed.
    Pointed {
        spot: Spot,
        how: Pointing,
    },
    /// SIGTSTP from outside: what ctrl-z does by its key.
    Suspend,
    /// The terminal is ours again, in whatever size it has now.
    Resumed {
        columns: u16,
        rows: u16,
    },
    /// Nobody is there who could bring it back.
    NotSuspended,
    /// The heartbeat, once a second.
    Tick,
    /// The process stood still from `since` on: a laptop that slept, or a stop.
    Woke {
        since: Timestamp,
    },
    /// A frame with the present overlay is on the screen.
    Painted,
    /// New entries of the ledger, in chain order.
    Entries(Vec<Entry>),
    /// The ledger was read to its end.
    LedgerReady,
    LedgerFailed(Fault),
    /// It was tried: how far it can be used.
    LedgerStands(Standing),
    /// The heartbeats of all who attend anything.
    Present(Vec<Presence>),
    /// All that waits in the journal of this machine.
    Aside(Vec<Aside>),
    Seen(Observation),
    Catalogue {
        project: ProjectId,
        releases: Catalogue,
    },
    CatalogueFailed {
        project: ProjectId,
        fault: Fault,
    },
    Shipped {
        project: ProjectId,
        commit: Commit,
        shipped: Box<Shipped>,
    },
    ArtifactFailed {
        project: ProjectId,
        commit: Commit,
        fault: Fault,
    },
    /// What lies between two releases was read.
    Compared {
        difference: Box<Difference>,
    },
    CompareFailed {
        from: Commit,
        to: Commit,
        fault: Fault,
    },
    /// What is kept of a run was read.
    OutputRead {
        kept: Digest,
        outcome: Result<String, Fault>,
    },
    /// A command without an act was written, or not.
    Recorded {
        target: TargetId,
        verb: String,
        end: End,
    },
    /// A run of this process printed: its newest lines, and how many before them came too fast to be handed on.
    RunSpoke {
        target: TargetId,
        item: ItemId,
        lines: Vec<Spoken>,
        skipped: u64,
    },
    /// A run of this process ended, or never began.
    RunEnded {
        target: TargetId,
        item: ItemId,
        /// Its verdict and its evidence in one sentence, where there is any.
        evidence: Option<(bool, String)>,
        end: End,
    },
    /// What an attending process wanted to write down was written, or not.
    Attended {
        target: TargetId,
        position: u64,
    },
    ActEnded {
        target: TargetId,
        kind: ActKind,
        end: End,
    },
    /// What the guard wanted to hold was held, or not.
    Guarded {
        target: TargetId,
        sentence: String,
        end: End,
    },
    /// The registry was asked for an image: what came back, where it is not there.
    Image {
        image: String,
        missing: Option<Fault>,
    },
    /// The dead-man card of a target is in its place.
    Card {
        target: TargetId,
        path: String,
        text: String,
    },
    CardFailed {
        target: TargetId,
        fault: Fault,
    },
    /// SIGTERM or SIGHUP.
    Terminate,
}

/// How something that left the cockpit came back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "end", content = "why")]
pub enum End {
    Done,
    Refused(Refusal),
    Failed(Fault),
    Unknown(Fault),
}
