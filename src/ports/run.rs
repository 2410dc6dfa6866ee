//! Running what a checklist says: a command, or a question to something outside. Its output is heard while it goes on.

use std::{path::PathBuf, sync::Arc};

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

pub use crate::domain::evidence::Spoken;
use crate::domain::{
    access::Access,
    evidence::RunEnd,
    plan::ItemSpec,
    release::{Digest, ReleaseRef},
    target::{ClusterRef, TargetId},
    text::Clean,
};

/// One item, with everything it is about.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    pub target: TargetId,
    pub item: ItemSpec,
    pub release: ReleaseRef,
    /// What was live when the plan was made.
    pub before: Option<ReleaseRef>,
    /// The project's repository on this machine, bare or not.
    pub source: PathBuf,
    /// Where the target is, and how to get in.
    pub cluster: ClusterRef,
    pub namespace: String,
    pub access: Access,
}

/// Called from whatever task reads the output; must not wait.
pub type Listen = Arc<dyn Fn(Spoken) + Send + Sync>;

/// How it ended, and what it left.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    pub end: RunEnd,
    pub ok: bool,
    /// SHA-256 over all of the standard output.
    pub output: Digest,
    /// Of standard output and standard error together.
    pub bytes: u64,
    /// What is kept: the first and the last of it, harmless to print.
    pub text: String,
    /// Bytes left out of the middle of `text`.
    pub left_out: u64,
    /// What it found, or the last line that it said.
    pub said: Clean,
}

pub trait Runner: Send + Sync {
    /// Ends by itself, at the item's deadline, or soon after `cancel`; whatever it started is gone then. Every failure
    /// is a report too.
    fn run<'a>(
        &'a self,
        order: &'a Order,
        listen: Listen,
        cancel: CancellationToken,
    ) -> BoxFuture<'a, Report>;
}
