//! What a flight to a target will need, as it was found before anything is touched (SPEC E8). Each part answers for
//! itself: what could not be asked is a fault, and never counts as there.

use serde::{Deserialize, Serialize};

use super::{fault::Fault, text::Clean};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Readiness {
    pub platform: OnPlatform,
    pub disk: Result<Disk, Fault>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnPlatform {
    pub rights: Result<Vec<Right>, Fault>,
    pub references: Result<Vec<Reference>, Fault>,
    pub capacity: Result<Capacity, Fault>,
}

impl OnPlatform {
    /// It was not reached at all.
    pub fn unreached(fault: &Fault) -> Self {
        Self {
            rights: Err(fault.clone()),
            references: Err(fault.clone()),
            capacity: Err(fault.clone()),
        }
    }
}

/// One thing that the delivery or the watching will do, and whether this user may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Right {
    /// `patch`.
    pub verb: String,
    /// With its subresource: `rollouts/status`.
    pub resource: String,
    pub allowed: bool,
    /// What the platform says about it, where it says something.
    #[serde(default, skip_serializing_if = "Clean::is_empty")]
    pub reason: Clean,
}

impl Right {
    /// `patch rollouts/status`
    pub fn words(&self) -> String {
        format!("{} {}", self.verb, self.resource)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReferenceKind {
    Secret,
    ConfigMap,
}

impl ReferenceKind {
    /// As kubectl takes it before a slash.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::ConfigMap => "configmap",
        }
    }
}

/// An object that the pods name and cannot start without, unless it is optional. By name only: no value is ever asked
/// for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reference {
    pub kind: ReferenceKind,
    pub name: Clean,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    pub there: Result<bool, Fault>,
}

impl Reference {
    /// `secret/auth-service`
    pub fn words(&self) -> String {
        format!("{}/{}", self.kind.resource(), self.name)
    }
}

/// What one pod asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodNeeds {
    /// Thousandths of a CPU.
    pub cpu: u64,
    /// Bytes.
    pub memory: u64,
}

/// Whether the pods that a flight adds at a time find a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    pub pod: PodNeeds,
    /// How many pods more than now there are at the most while it flies.
    pub surge: u32,
    /// How many more pods like it fit on the nodes that take them.
    pub room: u64,
    /// Nodes that take them, of all.
    pub nodes: u32,
    pub of_nodes: u32,
    /// Pods of anybody that wait for a node already.
    #[serde(default)]
    pub waiting: u32,
    /// The quota that would be passed, in words: `quota team: pods 10 of 10 used, 3 more wanted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over_quota: Option<Clean>,
    /// Quotas of the namespace that were looked at.
    #[serde(default)]
    pub quotas: u32,
}

/// Where ledger and evidence are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    pub folder: Clean,
    /// Bytes that this user may still write.
    pub free: u64,
}
