//! Releases as they come about: commits from git, numbers and what was created by hand from the ledger. Git is read off
//! this task, and once; the ledger from where it was read last.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::PoisonError,
};

use crate::{
    domain::{
        catalogue::{self, Catalogue, Register, SourceCommit, images},
        entry::{Body, Draft, StreamId},
        fault::{Fault, FaultKind},
        hotfix::Lineage,
        project::{CatalogueSource, Project, ProjectId, Triggers},
        release::{Commit, Digest, Release, Shipped},
        text::Clean,
        workspace::Actor,
    },
    ports::{
        ask::Source as _,
        keep::{AppendError, Expected},
    },
};

use super::Outside;

mod books;
mod creating;
mod questions;
mod tagging;

pub(super) use self::books::Books;
pub use self::{creating::Creation, tagging::Begun};

/// How often numbering a new commit is tried again when another process numbers at the same time.
const NUMBERING_TRIES: usize = 20;

/// After so many the ledger is read from its beginning: perhaps it is another one.
const MISSED: usize = 3;

/// So many numbers are written at once.
const AT_ONCE: usize = 1_000;

/// What was looked up, by project and commit.
pub(super) type Learned = BTreeMap<ProjectId, BTreeMap<Commit, Shipped>>;

/// What the releases of a project follow from: as long as this stays the same, so do they.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    refs: Digest,
    position: u64,
    /// What is asked of git about hotfixes.
    hotfixes: Digest,
}

impl Outside {
    /// The releases of a project: commits from git, numbers from the ledger. Commits without a number get the next
    /// ones, gap-free, whoever sees them first.
    pub async fn catalogue(&self, project: &Project) -> Result<Vec<Release>, Fault> {
        self.numbered(project, true).await
    }

    /// The same, with the numbers that new commits would get: nothing is written.
    pub async fn foretold(&self, project: &Project) -> Result<Vec<Release>, Fault> {
        self.numbered(project, false).await
    }

    /// The same, where git or the ledger say something else than when it was read last.
    pub async fn news(
        &self,
        project: &Project,
        last: &mut Option<Edition>,
    ) -> Result<Option<Catalogue>, Fault> {
        let edition = self.edition(project).await?;
        if last.as_ref() == Some(&edition) {
            return Ok(None);
        }
        let mut releases = self.catalogue(project).await?;
        self.remember(&project.id, &mut releases);
        // Numbering moved the stream on; what somebody else wrote meanwhile is read the next time.
        let position = self.register(project).await?.position;
        *last = Some(Edition {
            position,
            ..edition
        });
        Ok(Some(Catalogue::from(releases)))
    }

    async fn edition(&self, project: &Project) -> Result<Edition, Fault> {
        let refs = self.points(project).await?;
        let position = self.register(project).await?.position;
        let hotfixes = Digest::of_json(&self.asked(project).await?);
        Ok(Edition {
            refs,
            position,
            hotfixes,
        })
    }

    pub(super) fn learn(&self, project: &ProjectId, commit: &Commit, shipped: &Shipped) {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let of_project = learned.entry(project.clone()).or_default();
        of_project.insert(commit.clone(), shipped.clone());
    }

    /// Puts in what was looked up before.
    fn remember(&self, project: &ProjectId, releases: &mut [Release]) {
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = learned.get(project) else {
            return;
        };
        for release in releases.iter_mut().filter(|it| it.artifacts.is_empty()) {
            if let Some(shipped) = known.get(&release.commit) {
                release.ships(shipped);
            }
        }
    }

    async fn commits(
        &self,
        project: &Project,
        created: BTreeSet<Commit>,
    ) -> Result<Vec<SourceCommit>, Fault> {
        if project.catalogue == CatalogueSource::Oci {
            let images = Box::pin(self.registry.images(&project.image)).await?;
            return Ok(images::of_images(project, &images));
        }
        let (git, project) = (self.git.clone(), project.clone());
        blocking(move || git.commits(&project, &created)).await
    }

    /// Where everything points that the releases of a project are read from.
    async fn points(&self, project: &Project) -> Result<Digest, Fault> {
        if project.catalogue == CatalogueSource::Oci {
            let images = Box::pin(self.registry.images(&project.image)).await?;
            let all: Vec<_> = images.iter().map(|it| (&it.digest, &it.tags)).collect();
            return Ok(Digest::of_json(&all));
        }
        let (git, of) = (self.git.clone(), project.clone());
        blocking(move || git.refs_digest(&of)).await
    }

    async fn numbered(&self, project: &Project, write: bool) -> Result<Vec<Release>, Fault> {
        let releases = self.assembled(project, write).await?;
        self.with_lineage(project, releases).await
    }

    /// What git says of the releases and the hotfixes of their project. Where it cannot be read each release says so.
    async fn with_lineage(
        &self,
        project: &Project,
        mut releases: Vec<Release>,
    ) -> Result<Vec<Release>, Fault> {
        let asked = self.asked(project).await?;
        if asked.is_empty() {
            return Ok(releases);
        }
        let commits: Vec<Commit> = releases.iter().map(|r| r.commit.clone()).collect();
        let (git, project) = (self.git.clone(), project.clone());
        let read = blocking(move || git.lineage(&project, &asked, &commits)).await;
        for release in &mut releases {
            *release.lineage = match &read {
                Ok(read) => read.get(&release.commit).cloned().unwrap_or_default(),
                Err(fault) => Lineage {
                    unknown: Some(Clean::new(&fault.to_string())),
                    ..Lineage::default()
                },
            };
        }
        Ok(releases)
    }

    async fn assembled(&self, project: &Project, write: bool) -> Result<Vec<Release>, Fault> {
        let stream = StreamId::releases(&project.id);
        let register = self.register(project).await?;
        let created = register.created.keys().cloned().collect();
        drop(register);
        let commits = self.commits(project, created).await?;
        let actor = Actor::program(&self.host);
        for attempt in 0..NUMBERING_TRIES {
            if attempt > MISSED {
                self.reread().await;
            }
            let register = self.register(project).await?;
            let fresh = if project.triggers == Triggers::None {
                Vec::new()
            } else {
                catalogue::unnumbered(&commits, &register.numbers)
            };
            let foretold = |fresh: Vec<Commit>| {
                let mut register = Register::clone(&register);
                register.foretell(fresh);
                catalogue::assemble(project, &commits, &register)
            };
            if fresh.is_empty() || !write {
                return Ok(foretold(fresh));
            }
            let (mut position, mut number) = (register.position, register.next_number());
            let mut conflict = false;
            // In parts, so that a first import of a long history lets others write in between.
            for part in fresh.chunks(AT_ONCE) {
                let bodies = part
                    .iter()
                    .zip(number..)
                    .map(|(commit, number)| Body::Numbered {
                        number,
                        commit: commit.clone(),
                    });
                match self.append(&stream, position, &actor, bodies).await {
                    Ok(()) => {
                        let count = part.len() as u64;
                        (position, number) = (position + count, number + count);
                    }
                    Err(AppendError::Conflict { .. }) => {
                        conflict = true;
                        break;
                    }
                    // Nobody can number now, so nobody else gets these: they are as good as foretold.
                    Err(AppendError::Fault(_)) if self.standby.standing().trouble().is_some() => {
                        return Ok(foretold(fresh));
                    }
                    Err(AppendError::Fault(fault)) => return Err(fault),
                }
            }
            if !conflict {
                return Ok(foretold(fresh));
            }
        }
        Err(contested(project))
    }

    async fn append(
        &self,
        stream: &StreamId,
        position: u64,
        actor: &Actor,
        bodies: impl Iterator<Item = Body>,
    ) -> Result<(), AppendError> {
        let at = self.now();
        let drafts = bodies.map(|body| Draft {
            at,
            actor: actor.clone(),
            body,
        });
        let appended = self
            .ledger
            .append(stream, Expected::Position(position), drafts.collect());
        appended.await.map(|_| ())
    }
}

fn contested(project: &Project) -> Fault {
    Fault::new(
        "ledger",
        FaultKind::Conflict,
        format!("numbering the releases of {}", project.id),
        "another process kept numbering at the same time",
    )
    .hint("try again")
}

/// Off this task: git may have much to read.
async fn blocking<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(read).await.map_err(|error| {
        let doing = "reading the repository";
        Fault::new("git", FaultKind::Bug, doing, &error.to_string())
    })?
}
