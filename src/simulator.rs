//! The practice cluster: a deterministic world over time, and loopback servers that speak the real protocols, so that
//! a rehearsal and the integration tests fly the same adapters as production. Knows no other module of the crate.
//!
//! `world` is pure: a function of the seed and of the list of (time, request). `server` is a thin shell around it, the
//! only part that reads a clock or spawns a task. Between them: `store` (objects and their history), `schema`, `patch`,
//! `fields` and `protobuf` (what a write may say, and who owns what it said), `controllers` (Deployments, Rollouts,
//! `AnalysisRuns`, `ReplicaSets`, pods), `traffic`, `answers` and `figures` (what the pods serve, and how it is measured),
//! `scene` (how it starts), `source` and `images` (what was built).

mod answers;
mod catalogue;
mod chance;
mod controllers;
mod fields;
mod figures;
mod images;
mod json;
mod kinds;
mod patch;
mod protobuf;
mod refusal;
mod scene;
mod schema;
mod selector;
mod server;
mod source;
mod store;
mod traffic;
mod world;

use jiff::Timestamp;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What happens to auth-service v1.3.0 (release 42) in production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// All is well.
    Good,
    /// From half of the pods on, three per cent errors and a p99 of 1.2 s.
    BadCanary,
    /// Its pods crash as they start.
    CrashLoop,
    /// Its pods take most of the progress deadline to get ready.
    SlowStart,
    /// From half of the pods on, its `/metrics` answers 503 or nothing.
    MetricsLost,
    /// A second operator acts meanwhile: promotes the first step, and aborts at half.
    Conflict,
}

impl Scenario {
    pub const ALL: [Self; 6] = [
        Self::Good,
        Self::BadCanary,
        Self::CrashLoop,
        Self::SlowStart,
        Self::MetricsLost,
        Self::Conflict,
    ];

    /// All names, for messages and help.
    pub fn names() -> String {
        Self::ALL.map(Self::name).join(", ")
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::BadCanary => "bad-canary",
            Self::CrashLoop => "crash-loop",
            Self::SlowStart => "slow-start",
            Self::MetricsLost => "metrics-lost",
            Self::Conflict => "conflict",
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// No scenario has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no scenario is called \"{0}\": there are {list}", list = Scenario::names())]
pub struct UnknownScenario(String);

impl FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(text: &str) -> Result<Self, UnknownScenario> {
        Self::ALL
            .into_iter()
            .find(|scenario| scenario.name() == text)
            .ok_or_else(|| UnknownScenario(text.to_owned()))
    }
}

/// How to rehearse.
#[derive(Clone, Debug)]
pub struct Options {
    pub scenario: Scenario,
    pub seed: u64,
    /// Divides the latencies of the world itself; no clock runs fast.
    pub speed: f64,
    /// Where `kubeconfig`, `source` and `gitops.git` are made. The caller owns and clears it.
    pub dir: PathBuf,
}

/// A release as the source repository and the registry hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuiltRelease {
    /// `acme/shop/auth-service`.
    pub project: String,
    pub number: u64,
    /// Full id.
    pub commit: String,
    /// Repository without tag: `registry.practice/acme/shop/auth-service`.
    pub image: String,
    /// `sha256:…`, the digest that the registry serves and the cluster runs.
    pub digest: String,
    /// `v1.2.3`, without the project's prefix.
    pub tag: Option<String>,
    pub committed_at: Timestamp,
}

/// Why a practice cluster could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot prepare {path}: {source}", path = path.display())]
    Directory {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot build the practice repositories: {0}")]
    Git(#[from] git2::Error),
    #[error("cannot make the certificates of the practice API: {0}")]
    Certificates(#[from] rcgen::Error),
    #[error("cannot set up TLS for the practice API: {0}")]
    Tls(#[from] rustls::Error),
    #[error("cannot listen on loopback: {0}")]
    Listen(std::io::Error),
}

/// A running practice cluster. Dropping it stops its servers; [`Practice::stop`] waits for that.
#[derive(Debug)]
pub struct Practice {
    kubeconfig: PathBuf,
    source: PathBuf,
    gitops: PathBuf,
    servers: server::Servers,
}

impl Practice {
    /// Builds the repositories and binds a port of 127.0.0.1 for each server.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let dir = options.dir.clone();
        let servers = server::start(options).await?;
        Ok(Self {
            kubeconfig: dir.join("kubeconfig"),
            source: dir.join("source"),
            gitops: dir.join("gitops.git"),
            servers,
        })
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// The monorepo, with a work tree.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// The bare repository of deployment pointers.
    pub fn gitops(&self) -> &Path {
        &self.gitops
    }

    /// `https://127.0.0.1:PORT`.
    pub fn api_url(&self) -> &str {
        &self.servers.api_url
    }

    /// `http://127.0.0.1:PORT`, OCI distribution, read only.
    pub fn registry_url(&self) -> &str {
        &self.servers.registry_url
    }

    /// Every release that was built, by project, oldest first.
    pub fn releases(&self) -> &[BuiltRelease] {
        self.servers.releases()
    }

    /// Ends all servers, open watches and followed logs included.
    pub async fn stop(self) {
        self.servers.stop().await;
    }
}
