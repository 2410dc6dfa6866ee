//! The plan of one deployment: made from configuration, release and target only. Its digest is what is
//! approved, so nothing live (verdicts, evidence, ages) stands in it (SPEC §1).

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{
    environment::{EnvironmentName, Policy},
    metric::Limit,
    project::ProjectId,
    release::{Digest, ReleaseRef},
    target::{TargetId, WorkloadRef},
    text::Clean,
};

/// The seven phases of seed 002.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    Validate,
    Version,
    Package,
    Staging,
    Deploy,
    Verify,
    Communicate,
}

impl Phase {
    pub fn title(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Version => "version",
            Self::Package => "package",
            Self::Staging => "staging",
            Self::Deploy => "deploy",
            Self::Verify => "verify",
            Self::Communicate => "communicate",
        }
    }
}

/// A stable name of an item: `oncall.confirmed`, `verify.health`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ItemId(pub String);

impl ItemId {
    /// A gate whose figure is of one stage.
    pub fn is_measured(&self) -> bool {
        self.0.starts_with("metric.") || self.0.starts_with("stage.")
    }
}

impl std::fmt::Display for ItemId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who or what turns an item green.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// A person confirms.
    Check,
    /// We measure.
    Probe(Probe),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// Every pod of the new release is ready and none restarts.
    Pods,
    /// `/health` answered well as often as configured.
    Health,
    /// Every metric is within its limit over the window.
    Metrics,
}

/// One line of a checklist. Items of the phase *verify* are done after the last stage, in order, inside
/// their box; all others stand before take-off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemSpec {
    pub id: ItemId,
    pub phase: Phase,
    pub title: String,
    pub kind: ItemKind,
    pub required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// When it is due, counted from the end of the last stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_box: Option<TimeBox>,
}

impl ItemSpec {
    pub fn is_verification(&self) -> bool {
        self.phase == Phase::Verify
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeBox {
    pub from: SignedDuration,
    pub until: SignedDuration,
}

/// One canary step: the share of updated pods in percent, and how long it bakes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSpec {
    pub share: u8,
    pub bake: SignedDuration,
}

/// How the change is caused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Delivery {
    SetImage {
        workload: WorkloadRef,
        image: Option<String>,
    },
}

/// Everything the digest covers. Field order is part of the format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub format: u32,
    pub environment: EnvironmentName,
    pub project: ProjectId,
    pub release_digest: Digest,
    pub protected: bool,
    pub policy: Policy,
    pub delivery: Delivery,
    pub stages: Vec<StageSpec>,
    pub items: Vec<ItemSpec>,
    pub limits: Vec<Limit>,
    pub monitoring: SignedDuration,
    pub rollout_deadline: SignedDuration,
}

impl Plan {
    pub fn digest(&self) -> Digest {
        Digest::of_json(self)
    }

    pub fn target(&self) -> TargetId {
        TargetId::new(self.environment.clone(), self.project.clone())
    }

    pub fn item(&self, id: &ItemId) -> Option<&ItemSpec> {
        self.items.iter().find(|item| &item.id == id)
    }
}

/// A plan with what people want to read beside it: names, which may move and so are not in the digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredPlan {
    pub plan: Plan,
    pub digest: Digest,
    pub release: ReleaseRef,
    pub subject: Clean,
    /// The git tags, in full, that named its commit then: a tag that moves afterwards stops the flight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Clean>,
    /// What was live when it was made.
    pub before: Option<ReleaseRef>,
}
