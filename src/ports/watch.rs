//! Watching: a feed runs until it is cancelled and posts what it sees, failures included.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::domain::observation::Observation;

/// Where a feed puts what it sees: the latest value per subject counts, so posting never waits.
pub type Post = Arc<dyn Fn(Observation) + Send + Sync>;

pub trait Feed: Send + Sync {
    /// Ends only when cancelled. Watch errors are states of the stream, not its end: they are posted, and
    /// the feed goes on with a backoff.
    fn run(&self, post: Post, cancel: CancellationToken) -> BoxFuture<'static, ()>;
}
