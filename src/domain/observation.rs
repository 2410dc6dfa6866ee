//! What a feed posts: the newest word of one subject of one target.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{
    fault::Fault, health::Health, metric::Metrics, readiness::Readiness, rollout::Observed,
    target::TargetId,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    pub target: TargetId,
    pub seen: Seen,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "subject", content = "value")]
pub enum Seen {
    Workload(Box<Observed>),
    /// Read again and nothing changed: only the age is new.
    WorkloadUnchanged,
    WorkloadFailed(Fault),
    /// How far the platform's clock is ahead of ours; behind is negative.
    ServerClock {
        ahead: SignedDuration,
    },
    Health(Health),
    HealthFailed(Fault),
    Metrics(Metrics),
    MetricsFailed(Fault),
    Readiness(Box<Readiness>),
}
