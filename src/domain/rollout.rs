//! What a platform shows of a workload: one view for a Deployment and an Argo Rollout, its replica sets and
//! its pods. Observed, never stored as truth.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{target::WorkloadKind, text::Clean};

/// What the platform says of itself. `Unknown` is never healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RolloutPhase {
    Healthy,
    Progressing,
    Paused,
    Degraded,
    Unknown,
}

impl std::fmt::Display for RolloutPhase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Progressing => "progressing",
            Self::Paused => "paused",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
        })
    }
}

/// One step of an Argo canary (FACTS §1.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    SetWeight(u8),
    /// None: until somebody promotes.
    Pause(Option<SignedDuration>),
    Analysis,
    /// A kind we do not act on, by its name.
    Other(String),
}

/// A Deployment or Rollout as last read.
#[expect(
    clippy::struct_excessive_bools,
    reason = "they mirror independent fields of the object"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    pub kind: WorkloadKind,
    pub uid: String,
    pub resource_version: String,
    pub phase: RolloutPhase,
    pub message: Clean,
    /// The image in the desired template of the container we set.
    pub image: Option<String>,
    /// Position of that container in the template.
    pub container_index: Option<usize>,
    /// Hash of the desired template, where the platform tells it (Rollout) or its newest replica set does.
    pub current_hash: Option<String>,
    /// Hash of the template that serves as stable. Equal to `current_hash` when fully promoted.
    pub stable_hash: Option<String>,
    /// The controller has seen the newest spec.
    pub observed: bool,
    pub generation: i64,
    pub revision: Option<u64>,
    pub desired: u32,
    pub updated: u32,
    pub ready: u32,
    pub available: u32,
    /// `spec.paused`.
    pub paused: bool,
    /// Who holds it, when the hold is ours: the annotation `gonogo.dev/held-by`.
    pub held_by: Option<Clean>,
    /// Since when the platform itself waits, and for how long (None: for a person).
    pub pause: Option<PlatformPause>,
    pub steps: Vec<Step>,
    pub step: Option<usize>,
    pub aborted: bool,
    pub promoting_fully: bool,
    /// The intent that last touched it: the annotation `gonogo.dev/intent`.
    pub intent: Option<String>,
    /// `spec.revisionHistoryLimit`: how many former revisions the platform keeps; it keeps 10 where that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history_limit: Option<u32>,
    /// The two sides, when it is blue-green.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sides: Option<Sides>,
}

/// Which template serves and which is only looked at, as hashes of the services of a blue-green Rollout (FACTS §1.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sides {
    pub active: Option<String>,
    pub preview: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlatformPause {
    pub reason: String,
    pub since: Option<Timestamp>,
    pub lasts: Option<SignedDuration>,
}

impl Workload {
    /// Everybody is served by the desired template and the controller is done.
    pub fn is_promoted(&self) -> bool {
        self.observed
            && self.phase == RolloutPhase::Healthy
            && !self.aborted
            && self.current_hash.is_some()
            && self.current_hash == self.stable_hash
            && self.updated == self.desired
            && self.available >= self.desired
    }

    /// A canary is under way: stable and desired differ.
    pub fn is_midway(&self) -> bool {
        self.current_hash.is_some()
            && self.stable_hash.is_some()
            && self.current_hash != self.stable_hash
    }

    /// The share the steps ask for at the present step, in percent: 0 once aborted, 100 past the end
    /// (FACTS §1.4 `GetCurrentSetWeight`).
    pub fn set_weight(&self) -> Option<u8> {
        if self.kind == WorkloadKind::Deployment {
            return None;
        }
        if self.aborted {
            return Some(0);
        }
        let step = self.step?;
        if step >= self.steps.len() {
            return Some(100);
        }
        let weight = self.steps.iter().take(step + 1).rev().find_map(|s| {
            if let Step::SetWeight(weight) = s {
                Some(*weight)
            } else {
                None
            }
        });
        Some(weight.unwrap_or(0))
    }

    /// The indices of the pause steps that end each share, in order: where a stage of that share rests.
    pub fn resting_step(&self, share: u8) -> Option<usize> {
        let at = self
            .steps
            .iter()
            .position(|step| *step == Step::SetWeight(share))?;
        let rest = self.steps.iter().enumerate().skip(at + 1);
        rest.take_while(|(_, step)| !matches!(step, Step::SetWeight(_)))
            .find(|(_, step)| matches!(step, Step::Pause(_)))
            .map(|(index, _)| index)
    }

    /// The first step behind `step` and up to the next pause that we cannot foretell, and its name. Whoever promotes
    /// passes over it.
    pub fn unknown_after(&self, step: usize) -> Option<(usize, &str)> {
        self.steps
            .iter()
            .enumerate()
            .skip(step.saturating_add(1))
            .take_while(|(_, step)| !matches!(step, Step::Pause(_)))
            .find_map(|(at, step)| match step {
                Step::Other(name) => Some((at, name.as_str())),
                _ => None,
            })
    }

    /// How many former revisions stay (`kubectl explain deployment.spec.revisionHistoryLimit`, and Argo's the same).
    pub fn kept_revisions(&self) -> u32 {
        self.history_limit.unwrap_or(10)
    }

    /// Is the controller resting at a step's own pause?
    pub fn rests_at_step(&self) -> bool {
        self.observed
            && !self.aborted
            && self
                .pause
                .as_ref()
                .is_some_and(|pause| pause.reason == "CanaryPauseStep")
            && self
                .step
                .and_then(|step| self.steps.get(step))
                .is_some_and(|step| matches!(step, Step::Pause(_)))
    }
}

/// Which side of a canary a pod or replica set is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Canary,
    Stable,
    /// Neither the desired nor the stable template.
    Old,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaSet {
    pub name: Clean,
    pub hash: String,
    pub revision: u64,
    pub image: Option<String>,
    pub desired: u32,
    pub ready: u32,
    pub created: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PodState {
    Pending,
    Starting,
    Ready,
    Failing,
    Terminating,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pod {
    pub name: Clean,
    pub hash: String,
    pub state: PodState,
    /// Why it is not ready, in the platform's word: `CrashLoopBackOff`, `ImagePullBackOff`, …
    pub reason: Option<Clean>,
    pub restarts: u32,
    pub since: Option<Timestamp>,
}

/// One target, as its platform showed it at one moment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    pub workload: Workload,
    pub replica_sets: Vec<ReplicaSet>,
    pub pods: Vec<Pod>,
    /// Nobody looked whether it was the cluster that said so: insecure-skip-tls-verify.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unverified: bool,
}

impl Observed {
    pub fn side(&self, hash: &str) -> Side {
        let is = |other: &Option<String>| other.as_deref() == Some(hash);
        if is(&self.workload.stable_hash) {
            Side::Stable
        } else if is(&self.workload.current_hash) {
            Side::Canary
        } else {
            Side::Old
        }
    }

    pub fn pods_of(&self, side: Side) -> impl Iterator<Item = &Pod> {
        self.pods
            .iter()
            .filter(move |pod| self.side(&pod.hash) == side)
    }

    /// Pods of the desired template, whether it is canary or already stable.
    pub fn new_pods(&self) -> impl Iterator<Item = &Pod> {
        self.pods
            .iter()
            .filter(|pod| self.workload.current_hash.as_deref() == Some(pod.hash.as_str()))
    }

    /// The image that stable runs, read off its replica set.
    pub fn stable_image(&self) -> Option<&str> {
        let hash = self.workload.stable_hash.as_deref()?;
        self.replica_sets
            .iter()
            .find(|set| set.hash == hash)?
            .image
            .as_deref()
    }
}
