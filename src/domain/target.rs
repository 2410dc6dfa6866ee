//! A target: one project in one environment; where it runs, how it is changed and watched, and its limits.

use std::path::PathBuf;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{
    environment::EnvironmentName,
    metric::Limit,
    plan::{ItemSpec, StageSpec},
    project::ProjectId,
};

/// Names a target, and the stream of the ledger that tells its story.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TargetId {
    pub environment: EnvironmentName,
    pub project: ProjectId,
}

impl TargetId {
    pub fn new(environment: EnvironmentName, project: ProjectId) -> Self {
        Self {
            environment,
            project,
        }
    }

    /// As a verb takes it: `production auth-service`.
    pub fn place(&self) -> String {
        format!("{} {}", self.environment, self.project.name())
    }
}

impl std::fmt::Display for TargetId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.environment, self.project)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkloadKind {
    Deployment,
    Rollout,
}

impl WorkloadKind {
    /// As kubectl takes it before a slash.
    pub fn resource(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Rollout => "rollout",
        }
    }

    /// The label that ties pods and replica sets to a template.
    pub fn hash_label(self) -> &'static str {
        match self {
            Self::Deployment => "pod-template-hash",
            Self::Rollout => "rollouts-pod-template-hash",
        }
    }

    pub fn revision_annotation(self) -> &'static str {
        match self {
            Self::Deployment => "deployment.kubernetes.io/revision",
            Self::Rollout => "rollout.argoproj.io/revision",
        }
    }
}

/// The object whose template names the image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadRef {
    pub kind: WorkloadKind,
    pub namespace: String,
    pub name: String,
    pub container: String,
}

impl std::fmt::Display for WorkloadRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}/{} in {}",
            self.kind.resource(),
            self.name,
            self.namespace
        )
    }
}

/// Which cluster, and how to get in: a kubeconfig and one of its contexts.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ClusterRef {
    /// None: where kubectl would look.
    pub kubeconfig: Option<PathBuf>,
    /// None: the current context of that file.
    pub context: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// Somebody who only pretends to be this cluster is kept out even if the kubeconfig says not to look.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub must_be_verified: bool,
}

/// Which cluster it has to be (SPEC E8): whatever the kubeconfig says, another one is never touched.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pin {
    /// `https://host:port`.
    pub server: Option<String>,
    /// SHA-256 over the certificate authority in DER, in lowercase hex; over all of them where there are several.
    pub ca_sha256: Option<String>,
    /// Of the namespace kube-system, which lives as long as the cluster.
    pub uid: Option<String>,
}

/// A port and a path of a pod, reached through the API server's pod proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    pub port: u16,
    pub path: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub id: TargetId,
    pub cluster: ClusterRef,
    pub workload: WorkloadRef,
    pub health: Option<Endpoint>,
    pub metrics: Option<MetricsSource>,
    pub limits: Vec<Limit>,
    /// The shares it goes through; empty for a plain rolling update.
    pub stages: Vec<StageSpec>,
    /// Everything that has to be ticked, measured or run.
    pub items: Vec<ItemSpec>,
    pub monitoring: SignedDuration,
    /// How long the rollout of one stage may take before it is called late.
    pub rollout_deadline: SignedDuration,
}

/// Where the four families of seed 001 are served, and what they are called here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricsSource {
    pub endpoint: Endpoint,
    /// `release_manager` gives `release_manager_requests_total` and so on.
    pub prefix: String,
    pub window: SignedDuration,
    /// Fewer requests than this in the window are no verdict.
    pub min_requests: u64,
}

impl MetricsSource {
    pub const WINDOW: SignedDuration = SignedDuration::from_mins(1);
    pub const MIN_REQUESTS: u64 = 100;
}
