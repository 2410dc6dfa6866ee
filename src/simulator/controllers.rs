//! The controllers of the practice cluster. Each looks at one object and moves it one step towards what is asked;
//! a change wakes it again, so that "asked" and "done" lie visibly apart.

mod analysis;
mod analysis_runs;
mod blue_green;
mod canary;
pub(super) mod counts;
mod deployments;
mod endpoints;
mod pauses;
pub(super) mod pods;
mod replica_sets;
mod revisions;
mod rollout_status;
mod rollouts;
mod sides;
mod steps;
pub(super) mod workload_ref;
