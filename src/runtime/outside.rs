//! The outside of one workspace, opened once per process: ledger, clusters, repositories, registry. Screen and verbs
//! reach everything through this.

pub mod releases;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::{
    adapters::{
        git::{GitSource, branch},
        ledger::local::LocalLedger,
        platforms,
        registry::OciRegistry,
        room,
    },
    config::Folders,
    domain::{
        change::short_image,
        fault::{Fault, FaultKind},
        observation::{Observation, Seen},
        project::{Project, ProjectId},
        readiness::{OnPlatform, Readiness},
        release::{Artifact, Commit, Shipped},
        rollout::Observed,
        target::{ClusterRef, Target, TargetId},
        workspace::Workspace,
    },
    ports::{
        act::Site,
        ask::Registry,
        keep::{Ledger, Standby},
        now::Clock,
        watch::Post,
    },
};

use super::clock::WallClock;

/// After a cluster could not be reached at all.
const RECONNECT: Duration = Duration::from_secs(3);

pub struct Outside {
    pub workspace: Workspace,
    pub ledger: Arc<dyn Ledger>,
    /// The same, for when it cannot be used.
    pub standby: Arc<dyn Standby>,
    pub clock: Arc<dyn Clock>,
    pub host: String,
    /// This process, as heartbeats name it.
    pub process: String,
    registry: OciRegistry,
    git: GitSource,
    /// What the ledger says about the releases of each project, as far as it was read.
    books: Mutex<releases::Books>,
    /// What the registry answered, so that a catalogue that is read again has it.
    learned: std::sync::Mutex<releases::Learned>,
    clusters: std::sync::Mutex<BTreeMap<ClusterRef, Arc<Mutex<Connection>>>>,
}

/// One cluster as far as it was reached. Each has its own, so that one that hangs delays no other.
#[derive(Default)]
struct Connection {
    cluster: Option<Arc<dyn Site>>,
    /// When the last try ended, and how: whoever waited for it shares it.
    failed: Option<(Instant, Fault)>,
}

impl Outside {
    #[expect(
        clippy::unused_async,
        reason = "the file is opened when it is first needed; a ledger on a server will be connected here"
    )]
    pub async fn open(workspace: Workspace) -> Result<Self, Fault> {
        let ledger = Arc::new(LocalLedger::new(&workspace.ledger, &journal_folders()));
        let registry = OciRegistry::with_logins(workspace.access.registries.clone());
        let clock = Arc::new(WallClock::default());
        let (host, began) = (host(), clock.now().as_microsecond());
        Ok(Self {
            workspace,
            standby: Arc::clone(&ledger) as Arc<dyn Standby>,
            ledger,
            clock,
            process: format!("{host}/{}/{began}", std::process::id()),
            host,
            registry,
            git: git_source(),
            books: Mutex::default(),
            learned: std::sync::Mutex::default(),
            clusters: std::sync::Mutex::default(),
        })
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The platform of a target, connected once.
    pub async fn cluster(&self, target: &Target) -> Result<Arc<dyn Site>, Fault> {
        let asked = Instant::now();
        let connection = {
            let mut clusters = self
                .clusters
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(clusters.entry(target.cluster.clone()).or_default())
        };
        let mut connection = connection.lock().await;
        if let Some(cluster) = &connection.cluster {
            return Ok(Arc::clone(cluster));
        }
        if let Some((_, fault)) = connection.failed.as_ref().filter(|(at, _)| *at >= asked) {
            return Err(fault.clone());
        }
        match platforms::connect(target, &self.workspace.access).await {
            Ok(cluster) => {
                connection.cluster = Some(Arc::clone(&cluster));
                connection.failed = None;
                Ok(cluster)
            }
            Err(fault) => {
                connection.failed = Some((Instant::now(), fault.clone()));
                Err(fault)
            }
        }
    }

    /// The next call connects anew: after a sleep the old connections are dead and do not know it.
    pub fn forget_connections(&self) {
        self.clusters
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clear();
    }

    /// A fresh read of the workload, as an observation.
    pub async fn read(&self, target: &Target) -> Observation {
        let seen = match self.read_workload(target).await {
            Ok(observed) => Seen::Workload(Box::new(observed)),
            Err(fault) => Seen::WorkloadFailed(fault),
        };
        Observation {
            target: target.id.clone(),
            seen,
        }
    }

    /// What a flight to this target will need, asked now (SPEC E8).
    pub async fn readiness(&self, target: &Target) -> Observation {
        let ledger = self.workspace.ledger.clone();
        let disk = tokio::task::spawn_blocking(move || room::around(&ledger));
        let platform = async {
            match self.cluster(target).await {
                Ok(site) => site.readiness(target).await,
                Err(fault) => OnPlatform::unreached(&fault),
            }
        };
        let (disk, platform) = tokio::join!(disk, platform);
        let disk = disk.unwrap_or_else(|error| Err(lost(&error)));
        Observation {
            target: target.id.clone(),
            seen: Seen::Readiness(Box::new(Readiness { platform, disk })),
        }
    }

    pub async fn read_workload(&self, target: &Target) -> Result<Observed, Fault> {
        let cluster = self.cluster(target).await?;
        let mut observed = cluster.read(&target.workload).await?;
        observed.unverified = cluster.is_unverified();
        Ok(observed)
    }

    /// Runs all feeds of a target until cancelled; connecting is tried again for as long as that takes.
    pub async fn watch(&self, target: &Target, post: Post, cancel: CancellationToken) {
        let cluster = loop {
            match self.cluster(target).await {
                Ok(cluster) => break cluster,
                Err(mut fault) => {
                    fault.retry_after = SignedDuration::try_from(RECONNECT).ok();
                    post(Observation {
                        target: target.id.clone(),
                        seen: Seen::WorkloadFailed(fault),
                    });
                }
            }
            tokio::select! {
                () = cancel.cancelled() => return,
                () = tokio::time::sleep(RECONNECT) => {}
            }
        };
        let unverified = cluster.is_unverified();
        let post: Post = Arc::new(move |mut observation: Observation| {
            if let Seen::Workload(observed) = &mut observation.seen {
                observed.unverified = unverified;
            }
            post(observation);
        });
        let feeds = cluster.feeds(target, &self.workspace.timings, Arc::clone(&self.clock));
        let running = feeds
            .iter()
            .map(|feed| feed.run(Arc::clone(&post), cancel.clone()));
        futures::future::join_all(running).await;
    }

    /// The branch of a hotfix could be made: the commit is here and no branch is called so.
    pub async fn branch_is_free(
        &self,
        project: &Project,
        branch: &str,
        at: &Commit,
    ) -> Result<(), Fault> {
        let (source, branch, at) = (project.source.clone(), branch.to_owned(), at.clone());
        let looked = tokio::task::spawn_blocking(move || branch::is_free(&source, &branch, &at));
        looked.await.map_err(|error| lost(&error))?
    }

    /// Makes it, and pushes it where that is asked.
    pub async fn branch(
        &self,
        project: &Project,
        branch: &str,
        at: &Commit,
        push: bool,
    ) -> Result<(), Fault> {
        let (source, name, at) = (project.source.clone(), branch.to_owned(), at.clone());
        let made = tokio::task::spawn_blocking(move || branch::create(&source, &name, &at));
        made.await.map_err(|error| lost(&error))??;
        if push {
            branch::push(&project.source, branch).await?;
        }
        Ok(())
    }

    /// Asks the registry which image the commit's build is.
    pub async fn artifact(&self, project: &ProjectId, commit: &Commit) -> Result<Artifact, Fault> {
        let found = self.workspace.project(project);
        let project = found.ok_or_else(|| {
            Fault::new(
                "configuration",
                FaultKind::NotFound,
                format!("looking {project} up"),
                "it is not configured",
            )
        })?;
        let digest = self
            .registry
            .digest(&project.image, commit.as_str())
            .await?;
        let artifact = Artifact {
            name: "image".to_owned(),
            uri: project.image.name.clone(),
            digest: Some(digest),
        };
        Ok(artifact)
    }

    /// All that its digest covers: from the registry, and from the repository. Both, or a fault.
    pub async fn shipped(&self, project: &ProjectId, commit: &Commit) -> Result<Shipped, Fault> {
        let artifact = self.artifact(project, commit).await?;
        let shipped = Shipped {
            artifact,
            resources: self.resources(project, commit).await?,
        };
        self.learn(project, commit, &shipped);
        Ok(shipped)
    }

    /// Asks the registry whether it still has this image (`name@sha256:…`). What came back instead, if it has not.
    pub async fn image_there(&self, project: &ProjectId, image: &str) -> Option<Fault> {
        let doing = format!("looking for {} in its registry", short_image(image));
        let unknown = |detail: &str| Fault::new("registry", FaultKind::Refused, &doing, detail);
        let configured = self.workspace.project(project);
        let (Some(project), Some((name, digest))) = (configured, image.split_once('@')) else {
            return Some(unknown("it is not known by digest"));
        };
        if project.image.name != name {
            return Some(unknown(&format!(
                "it is not from {}, the only registry that is configured for it",
                project.image.name
            )));
        }
        self.registry.digest(&project.image, digest).await.err()
    }

    pub fn target(&self, id: &TargetId) -> Result<&Target, Fault> {
        self.workspace.target(id).ok_or_else(|| {
            Fault::new(
                "configuration",
                FaultKind::NotFound,
                format!("looking {id} up"),
                "it is not configured",
            )
        })
    }
}

fn lost(error: &tokio::task::JoinError) -> Fault {
    Fault::new(
        "gonogo",
        FaultKind::Bug,
        "working on the disk",
        &error.to_string(),
    )
}

/// Long histories are kept where what may be deleted lies.
fn git_source() -> GitSource {
    let folders = Folders::of_user(&|name| std::env::var_os(name));
    folders.map_or_else(GitSource::default, |folders| {
        GitSource::kept_in(folders.state.join("git"))
    })
}

/// Where intents go while the ledger cannot be written, after its own folder: a disk that is full or read-only is seldom
/// the only one.
fn journal_folders() -> Vec<PathBuf> {
    let env = |name: &str| std::env::var_os(name);
    let state = Folders::of_user(&env).map(|folders| folders.state);
    let run = env("XDG_RUNTIME_DIR").map(|folder| PathBuf::from(folder).join("gonogo"));
    let user = rustix::process::geteuid().as_raw();
    let temporary = std::env::temp_dir().join(format!("gonogo-{user}"));
    state.into_iter().chain(run).chain([temporary]).collect()
}

/// This machine's name, as entries keep it.
pub fn host() -> String {
    let from_kernel = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = std::env::var("HOSTNAME")
        .ok()
        .or_else(from_kernel)
        .unwrap_or_default();
    let name = name.trim();
    if name.is_empty() {
        "localhost".to_owned()
    } else {
        name.to_owned()
    }
}
