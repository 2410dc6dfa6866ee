//! Asking once: the git history behind the releases, and the registry behind their digests.

use futures::future::BoxFuture;
use jiff::Timestamp;

use crate::domain::{
    fault::Fault,
    project::{ImageSource, Project},
    release::{Commit, Digest, Trigger},
    text::Clean,
};

/// One commit that is a release by the project's triggers (SPEC R5, R6), not yet numbered.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceCommit {
    pub commit: Commit,
    pub triggers: Vec<Trigger>,
    /// Tags as they stand in git, in full, that this project's strategy accepts, with the alias each gives.
    pub tags: Vec<(Clean, Clean)>,
    /// Branches that reach it.
    pub branches: Vec<Clean>,
    pub author: Clean,
    pub email: Clean,
    pub subject: Clean,
    pub committed_at: Timestamp,
}

pub trait Source: Send + Sync {
    /// Every commit of the project that is a release, oldest first by commit time. Blocking; call it off the
    /// UI task.
    fn commits(&self, project: &Project) -> Result<Vec<SourceCommit>, Fault>;
}

pub trait Registry: Send + Sync {
    /// The digest of the manifest that `reference` (a tag, here the full commit id) names.
    fn digest<'a>(
        &'a self,
        image: &'a ImageSource,
        reference: &'a str,
    ) -> BoxFuture<'a, Result<Digest, Fault>>;
}
