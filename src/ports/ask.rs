//! Asking once: the git history behind the releases, and the registry behind their digests.

use std::collections::BTreeSet;

use futures::future::BoxFuture;

pub use crate::domain::catalogue::SourceCommit;
use crate::domain::{
    fault::Fault,
    project::{ImageSource, Project},
    release::{Commit, Digest},
};

pub trait Source: Send + Sync {
    /// Every commit of the project that is a release, by its triggers or because somebody created it, oldest first by
    /// commit time. Blocking; call it off the UI task.
    fn commits(
        &self,
        project: &Project,
        created: &BTreeSet<Commit>,
    ) -> Result<Vec<SourceCommit>, Fault>;
}

pub trait Registry: Send + Sync {
    /// The digest of the manifest that `reference` (a tag, here the full commit id) names.
    fn digest<'a>(
        &'a self,
        image: &'a ImageSource,
        reference: &'a str,
    ) -> BoxFuture<'a, Result<Digest, Fault>>;
}
