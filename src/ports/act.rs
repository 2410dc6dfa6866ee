//! Changing the outside: one change, sent once, with its preconditions.

use std::sync::Arc;

use futures::future::BoxFuture;

use super::{now::Clock, watch::Feed};
use crate::domain::{
    change::{Change, Expect},
    entry::IntentId,
    fault::Fault,
    readiness::OnPlatform,
    rollout::Observed,
    target::{Target, WorkloadRef},
    workspace::Timings,
};

/// A platform that is read and steered: the Kubernetes API for Deployments and Rollouts.
pub trait Platform: Send + Sync {
    /// A fresh read from the API server (never a cache) of the workload, its replica sets and its pods.
    /// Deadline 5 s.
    fn read<'a>(&'a self, workload: &'a WorkloadRef) -> BoxFuture<'a, Result<Observed, Fault>>;

    /// Sends one change exactly once: no retry of any kind inside. The object carries `intent` where the
    /// platform lets it. `deadline` bounds the whole call; past it the fault is `TimedOut` and the outcome
    /// unknown. A failed precondition is `Conflict` or `Refused`.
    ///
    /// `awaited` is what an `AwaitTemplate` before this change read; its pod hash takes the place of a
    /// missing one in `PromoteFull`. For `AwaitTemplate` itself the answer carries it.
    fn apply<'a>(
        &'a self,
        change: &'a Change,
        intent: &'a IntentId,
        awaited: Option<&'a Expect>,
        deadline: std::time::Duration,
    ) -> BoxFuture<'a, Result<Receipt, Fault>>;

    /// The exact request `apply` would send, for `--dry-run` and the dead-man card: method, path, body.
    fn request(&self, change: &Change, intent: &IntentId) -> String;

    /// Its certificate is not looked at, because somebody configured it so.
    fn is_unverified(&self) -> bool {
        false
    }
}

/// A platform that was reached, with everything that is watched of a target on it.
pub trait Site: Platform {
    /// The feeds of one target: how it stands, and what its pods answer where the target names that.
    fn feeds(
        self: Arc<Self>,
        target: &Target,
        timings: &Timings,
        clock: Arc<dyn Clock>,
    ) -> Vec<Box<dyn Feed>>;

    /// Whether the platform has what a flight to this target will need. Asks only; every failure is part of the answer.
    fn readiness<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, OnPlatform>;
}

/// The server took it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// What a wait read, for the change after it.
    pub awaited: Option<Expect>,
}
