//! What `update` wants done outside. Not serialisable: a replay cannot touch production.

use super::lines::Line;
use crate::{
    domain::{
        change::Act,
        entry::Body,
        evidence::Kept,
        plan::ItemId,
        presence::Presence,
        project::ProjectId,
        release::{Commit, Release},
        target::TargetId,
    },
    policy::{confirm::Confirmed, decide::Command},
};

#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Intent, send, outcome. Decided again by itself, once, if the ledger moved on meanwhile.
    Execute {
        confirmed: Box<Confirmed<Act>>,
        command: Box<Command>,
        opening: Option<Box<Body>>,
    },
    /// The guard holds; in its own name, and only if what it saw is still so.
    Guard {
        target: TargetId,
        confirmed: Box<Confirmed<Act>>,
        command: Box<Command>,
    },
    /// Decide again on the newest state and append.
    Record {
        target: TargetId,
        command: Box<Command>,
    },
    /// Begin a run (`Command::Run`), hear its output, and write down how it ended.
    Run {
        target: TargetId,
        item: ItemId,
        command: Box<Command>,
    },
    /// Write down what the process manager saw, if the stream still stands at `position`.
    Attend {
        target: TargetId,
        position: u64,
        bodies: Vec<Body>,
    },
    /// Signs of life, one for each flight that is attended from here.
    Beat(Vec<Presence>),
    /// Ask the registry whether it still has this image.
    LookFor {
        project: ProjectId,
        image: String,
    },
    /// Ask whether everything is there that a flight will need.
    Ready(TargetId),
    /// Write the target's dead-man card anew.
    Card(TargetId),
    /// Ask the registry for a release's digest.
    Resolve {
        project: ProjectId,
        commit: Commit,
    },
    /// Read what lies between two releases of one project.
    Compare {
        from: Box<Release>,
        to: Box<Release>,
    },
    /// Read what is kept of a run.
    ReadOutput {
        kept: Kept,
    },
    /// Lines for a session without a screen: the answer to what was typed.
    Tell(Vec<Line>),
    /// The machine slept: connections are dead and figures old. Read everything anew, now.
    Refresh,
    Copy(String),
    Bell,
    /// Give the terminal back and stop until somebody says `fg`.
    Suspend,
    /// Draw everything again.
    Redraw,
    Quit,
}
