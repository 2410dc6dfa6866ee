//! The plan of one deployment: made from configuration, release and target only. Its digest is what is
//! approved, so nothing live (verdicts, evidence, ages) stands in it (SPEC §1).

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{
    environment::{EnvironmentName, Policy},
    hotfix::Expedited,
    metric::Limit,
    migration::RollbackClaim,
    project::ProjectId,
    release::{Digest, ReleaseRef},
    target::{MetricsSource, Target, TargetId, WorkloadRef},
    text::Clean,
};

pub use super::item::{
    Acts, Bound, Chain, CiProbe, CommandSpec, Find, FlightAction, GitProbe, HttpProbe, ItemId,
    ItemKind, ItemSpec, NumberProbe, ObjectProbe, Phase, Probe, TimeBox,
};

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

/// What its verdicts rest on. Where it is the usual it is left out, so that the digests of plans approved before stay what
/// they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measuring {
    pub window: SignedDuration,
    /// Fewer in the window are no verdict.
    pub min_requests: u64,
    /// Whether the pods are asked how they are.
    pub health: bool,
}

impl Default for Measuring {
    fn default() -> Self {
        Self {
            window: MetricsSource::WINDOW,
            min_requests: MetricsSource::MIN_REQUESTS,
            health: true,
        }
    }
}

impl Measuring {
    /// Limits of a target without metrics are unknown whatever the window, so that stays the usual one.
    pub fn of(target: &Target) -> Self {
        let usual = Self::default();
        let source = target.metrics.as_ref();
        Self {
            window: source.map_or(usual.window, |source| source.window),
            min_requests: source.map_or(usual.min_requests, |source| source.min_requests),
            health: target.health.is_some(),
        }
    }

    fn is_usual(&self) -> bool {
        *self == Self::default()
    }
}

/// Everything the digest covers. Field order is part of the format.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub format: u32,
    pub environment: EnvironmentName,
    pub project: ProjectId,
    pub release_digest: Digest,
    /// The part of it that the manifests are; none where there are none, and in plans from before they counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Digest>,
    pub protected: bool,
    pub policy: Policy,
    pub delivery: Delivery,
    pub stages: Vec<StageSpec>,
    pub items: Vec<ItemSpec>,
    pub limits: Vec<Limit>,
    #[serde(default, skip_serializing_if = "Measuring::is_usual")]
    pub measuring: Measuring,
    pub monitoring: SignedDuration,
    pub rollout_deadline: SignedDuration,
    /// It flies a hotfix, on these terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hotfix: Option<Expedited>,
    /// What the release says of its way back, since what was live before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<RollbackClaim>,
}

impl Plan {
    /// Items of the way forth that change what is outside before the flight does: a migration.
    pub fn acts(&self) -> impl Iterator<Item = &ItemSpec> {
        let forth = self.items.iter().filter(|item| !item.chain.way_back);
        forth.filter(|item| item.acts())
    }

    /// The way back of what those did, in order; empty where there is none.
    pub fn way_back(&self) -> impl Iterator<Item = &ItemSpec> {
        self.items.iter().filter(|item| item.chain.way_back)
    }

    /// What is run to see whether an act is there. Only what says what it has to find can find that it is not.
    pub fn looks_at(&self, act: &ItemId) -> Option<&ItemSpec> {
        let looks = |item: &&ItemSpec| item.looks() && item.chain.after.contains(act);
        self.items.iter().find(looks)
    }

    /// The item by which somebody reads what this one printed.
    pub fn reader_of(&self, id: &ItemId) -> Option<&ItemSpec> {
        let reads = |item: &&ItemSpec| matches!(&item.kind, ItemKind::Read(of) if of == id);
        self.items.iter().find(reads)
    }

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

impl StoredPlan {
    /// What was approved is this plan, and what it would deliver is the release beside it: an entry may say anything.
    pub fn agrees(&self) -> bool {
        let Delivery::SetImage { image, .. } = &self.plan.delivery;
        self.plan.digest() == self.digest && *image == self.release.image
    }
}
