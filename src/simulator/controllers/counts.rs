//! Replica arithmetic: surge and unavailability bounds, and how many pods of each side a basic canary wants.
//!
//! The canary part follows `argoproj/argo-rollouts:utils/replicaset/canary.go`
//! (`CalculateReplicaCountsForBasicCanary`, `approximateWeightedCanaryStableReplicaCounts`), the bounds
//! `kubernetes/kubernetes:pkg/controller/deployment/util/deployment_util.go` (`ResolveFenceposts`).

use serde_json::Value;

/// How far a rolling change may leave the wanted number of pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulator) struct Bounds {
    pub surge: i64,
    pub unavailable: i64,
}

impl Bounds {
    /// Numbers or percentages; a share of surge rounds up, of unavailability down; both zero would never move.
    pub fn resolve(surge: Option<&Value>, unavailable: Option<&Value>, replicas: i64) -> Self {
        let surge = share(surge, replicas, true);
        let unavailable = share(unavailable, replicas, false);
        if surge == 0 && unavailable == 0 {
            return Self {
                surge,
                unavailable: 1,
            };
        }
        Self {
            surge,
            unavailable: unavailable.min(replicas),
        }
    }
}

fn share(bound: Option<&Value>, replicas: i64, up: bool) -> i64 {
    let percent = match bound {
        Some(Value::Number(number)) => return number.as_i64().unwrap_or(0),
        Some(Value::String(text)) => match text.strip_suffix('%') {
            Some(percent) => percent.parse().unwrap_or(25),
            None => return text.parse().unwrap_or(0),
        },
        _ => 25,
    };
    if up {
        (replicas * percent + 99) / 100
    } else {
        replicas * percent / 100
    }
}

/// What the arithmetic needs to know of a `ReplicaSet`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::simulator) struct Side {
    pub wanted: i64,
    pub available: i64,
}

impl Side {
    /// Pods to count when asking how many may go. While a side is on its way out, its broken pods count as well,
    /// or a crash-looping canary could never be replaced.
    fn removable(self, ignore_availability: bool) -> i64 {
        if ignore_availability {
            self.wanted
        } else {
            self.available.min(self.wanted)
        }
    }
}

/// Wanted pods of canary and stable at a weight, as near as whole pods come to it. The sum is `replicas`, or one more
/// where surge is allowed and that comes nearer.
pub(in crate::simulator) fn canary_and_stable(
    replicas: i64,
    weight: i64,
    surge: i64,
) -> (i64, i64) {
    if replicas == 0 {
        return (0, 0);
    }
    let floor = replicas * weight / 100;
    let ceiling = (replicas * weight + 99) / 100;
    let tied = |total: i64| (total * weight) % 100 == 50;
    let none_allowed = weight == 0 || weight == 100 || (replicas == 1 && surge == 0);
    let mut options = Vec::new();
    if ceiling < replicas || none_allowed {
        options.push((ceiling, replicas));
    }
    if !tied(replicas) && (floor != 0 || none_allowed) {
        options.push((floor, replicas));
    }
    if surge > 0 {
        options.push((ceiling, replicas + 1));
        if !tied(replicas + 1) && (floor != 0 || none_allowed) {
            options.push((floor, replicas + 1));
        }
    }
    // |canary/total − weight|, compared without division; the first of equals wins.
    let mut best = options.first().copied().unwrap_or((0, replicas));
    for (canary, total) in options {
        let off = |canary: i64, total: i64| (canary * 100 - weight * total).abs();
        if off(canary, total) * best.1 < off(best.0, best.1) * total {
            best = (canary, total);
        }
    }
    (best.0, best.1 - best.0)
}

/// Where the controller sets canary and stable next, given where they are; `others` is the number of pods of older
/// `ReplicaSets`, which go first. Repeated, it ends at [`canary_and_stable`].
pub(in crate::simulator) fn next_canary_and_stable(
    replicas: i64,
    weight: i64,
    bounds: Bounds,
    canary: Side,
    stable: Side,
    others: i64,
) -> (i64, i64) {
    let (want_canary, want_stable) = canary_and_stable(replicas, weight, bounds.surge);
    let most = replicas + bounds.surge;
    let (mut next_canary, mut next_stable) = (canary.wanted, stable.wanted);

    let mut room = (most - canary.wanted - stable.wanted - others).max(0);
    if stable.wanted < want_stable {
        let more = room.min(want_stable - stable.wanted);
        next_stable += more;
        room -= more;
    }
    if canary.wanted < want_canary {
        next_canary += room.min(want_canary - canary.wanted);
    }
    if others > 0 {
        return (next_canary, next_stable);
    }

    let least = replicas - bounds.unavailable;
    let growing = want_canary >= canary.wanted;
    let spare = canary.removable(!growing) + stable.removable(growing) - least;
    if spare <= 0 {
        return (next_canary, next_stable);
    }
    if growing {
        if stable.wanted > want_stable {
            next_stable = want_stable.max(stable.wanted - spare);
        }
        let (drained, kept) = within_bounds(stable, canary, next_stable, next_canary, most, least);
        (kept, drained)
    } else {
        next_canary = want_canary.max(canary.wanted - spare);
        within_bounds(canary, stable, next_canary, next_stable, most, least)
    }
}

/// Takes back what would exceed the allowed number of pods, from the kept side first unless that would cost
/// available pods which are needed. Answers (drained, kept).
fn within_bounds(
    drain: Side,
    keep: Side,
    drained: i64,
    kept: i64,
    most: i64,
    least: i64,
) -> (i64, i64) {
    let trimmed = kept - (kept + drained - most).max(0);
    let available = drain.available.min(drained) + keep.available.min(trimmed);
    let lost = (keep.available - trimmed).max(0);
    let kept = trimmed + lost.min((least - available).max(0));
    (drained - (kept + drained - most).max(0), kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn bounds() {
        let check = |surge: Value, unavailable: Value, replicas, expect: (i64, i64)| {
            let bounds = Bounds::resolve(Some(&surge), Some(&unavailable), replicas);
            assert_eq!((bounds.surge, bounds.unavailable), expect);
        };
        check(json!("25%"), json!("25%"), 3, (1, 0));
        check(json!("25%"), json!("25%"), 10, (3, 2));
        check(json!(1), json!(0), 10, (1, 0));
        check(json!(0), json!(0), 10, (0, 1));
    }

    #[test]
    fn weights_in_pods() {
        for (replicas, weight, surge, expect) in [
            (10, 10, 3, (1, 9)),
            (10, 50, 3, (5, 5)),
            (10, 100, 3, (10, 0)),
            (10, 0, 3, (0, 10)),
            (4, 10, 1, (1, 4)),
            (1, 10, 1, (1, 1)),
            (3, 50, 0, (2, 1)),
        ] {
            assert_eq!(
                canary_and_stable(replicas, weight, surge),
                expect,
                "{weight} % of {replicas}"
            );
        }
    }

    #[test]
    fn steps_end_at_the_weight_and_keep_the_bounds() {
        let bounds = Bounds {
            surge: 3,
            unavailable: 0,
        };
        for (from, weight, expect) in [
            ((0, 10), 10, (1, 9)),
            ((1, 9), 50, (5, 5)),
            ((5, 5), 0, (0, 10)),
        ] {
            let mut sides = from;
            for _ in 0..20 {
                let ready = |wanted| Side {
                    wanted,
                    available: wanted,
                };
                sides =
                    next_canary_and_stable(10, weight, bounds, ready(sides.0), ready(sides.1), 0);
                assert!((10..=13).contains(&(sides.0 + sides.1)), "{sides:?}");
            }
            assert_eq!(sides, expect);
        }
    }

    #[test]
    fn a_broken_canary_can_be_taken_back() {
        let bounds = Bounds {
            surge: 3,
            unavailable: 0,
        };
        let canary = Side {
            wanted: 1,
            available: 0,
        };
        let stable = Side {
            wanted: 10,
            available: 10,
        };
        assert_eq!(
            next_canary_and_stable(10, 0, bounds, canary, stable, 0),
            (0, 10)
        );
    }
}
