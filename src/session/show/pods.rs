//! Every pod of a target on a line of its own, in an order that does not change with its state.

use crate::domain::rollout::{Observed, Pod, Side};

/// Canary first, then stable, then what is leaving; by name within each.
pub fn lines(observed: &Observed) -> Vec<&Pod> {
    let rank = |pod: &Pod| match observed.side(&pod.hash) {
        Side::Canary => 0,
        Side::Stable => 1,
        Side::Old => 2,
    };
    let mut pods: Vec<&Pod> = observed.pods.iter().collect();
    pods.sort_by(|one, other| (rank(one), &one.name).cmp(&(rank(other), &other.name)));
    pods
}
