//! Asking once: the git history behind the releases, and the registry behind their digests.

use futures::future::BoxFuture;

pub use crate::domain::catalogue::SourceCommit;
use crate::domain::{
    fault::Fault,
    project::{ImageSource, Project},
    release::Digest,
};

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
