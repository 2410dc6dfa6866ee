//! The `ReplicaSet`s of a Rollout by the part they play.

use super::counts::{Bounds, Side};
use super::revisions::{ROLLOUT, hash_of};
use crate::simulator::json::Json;
use serde_json::Value;

/// The `ReplicaSets` of a Rollout by role. `stable` is None when the present template is the stable one.
pub(super) struct Sides {
    pub new: Option<Value>,
    pub stable: Option<Value>,
    pub others: Vec<Value>,
}

impl Sides {
    pub fn all(&self) -> Vec<Value> {
        self.new
            .iter()
            .chain(&self.stable)
            .chain(&self.others)
            .cloned()
            .collect()
    }
}

pub(super) fn by_role(rollout: &Value, new: Option<Value>, sets: Vec<Value>) -> Sides {
    let stable_hash = rollout.text("/status/stableRS");
    let new_uid = new
        .as_ref()
        .map_or(String::new(), |set| set.uid().to_owned());
    let (mut stable, mut others) = (None, Vec::new());
    for set in sets.into_iter().filter(|set| set.uid() != new_uid) {
        if !stable_hash.is_empty() && hash_of(&ROLLOUT, &set) == stable_hash {
            stable = Some(set);
        } else {
            others.push(set);
        }
    }
    Sides {
        new,
        stable,
        others,
    }
}

pub(super) fn bounds_of(rollout: &Value, replicas: i64) -> Bounds {
    let canary = &rollout["spec"]["strategy"]["canary"];
    Bounds::resolve(
        canary.get("maxSurge"),
        canary.get("maxUnavailable"),
        replicas,
    )
}

pub(super) fn side(set: &Value) -> Side {
    Side {
        wanted: set.count("/spec/replicas"),
        available: set.count("/status/availableReplicas"),
    }
}

/// Whether the present template is an earlier one that lies fewer revisions back than `spec.rollbackWindow` allows.
pub(super) fn within_rollback_window(rollout: &Value, sides: &Sides) -> bool {
    let Some(window) = rollout.int("/spec/rollbackWindow/revisions") else {
        return false;
    };
    let (Some(new), Some(stable)) = (&sides.new, &sides.stable) else {
        return false;
    };
    let born = |set: &Value| set.time("/metadata/creationTimestamp");
    let (from, to) = (born(new), born(stable));
    let between = sides
        .others
        .iter()
        .filter(|set| born(set) > from && born(set) < to)
        .count();
    from < to && i64::try_from(between).is_ok_and(|between| between < window)
}
