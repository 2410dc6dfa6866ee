//! Releases as they come about: commits from git, numbers and what was created by hand from the ledger. Git is read off
//! this task, and once; the ledger from where it was read last.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, PoisonError},
};

use crate::{
    adapters::git::{range, tags},
    domain::{
        catalogue::{self, Catalogue, Register, SourceCommit},
        difference::{Compared, Difference, Log},
        entry::{Body, Draft, StreamId},
        fault::{Fault, FaultKind},
        hotfix::{Asked, Hotfixes, Lineage},
        project::{Project, ProjectId, Triggers},
        release::{Artifact, Commit, Digest, Release},
        text::Clean,
        workspace::Actor,
    },
    policy::{
        refusal::Refusal,
        releasing::{self, Wish},
    },
    ports::{
        ask::Source as _,
        keep::{AppendError, Expected},
    },
};

use super::Outside;

/// How often numbering a new commit is tried again when another process numbers at the same time.
const NUMBERING_TRIES: usize = 20;

/// After so many the ledger is read from its beginning: perhaps it is another one.
const MISSED: usize = 3;

/// So many numbers are written at once.
const AT_ONCE: usize = 1_000;

/// What the ledger says about releases, up to `seq` of its chain.
#[derive(Debug, Default)]
pub(super) struct Books {
    seq: u64,
    registers: BTreeMap<StreamId, Arc<Register>>,
    hotfixes: BTreeMap<ProjectId, Hotfixes>,
}

/// Artifacts by project and commit.
pub(super) type Learned = BTreeMap<ProjectId, BTreeMap<Commit, Artifact>>;

/// What the releases of a project follow from: as long as this stays the same, so do they.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edition {
    refs: Digest,
    position: u64,
    /// What is asked of git about hotfixes.
    hotfixes: Digest,
}

/// What became of `release create`.
pub enum Creation {
    /// With whether it was created now.
    Release(Box<Release>, bool),
    Refused(Refusal),
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
        let (git, of) = (self.git.clone(), project.clone());
        let refs = blocking(move || git.refs_digest(&of)).await?;
        let position = self.register(project).await?.position;
        let hotfixes = Digest::of_json(&self.asked(project).await?);
        Ok(Edition {
            refs,
            position,
            hotfixes,
        })
    }

    pub(super) fn learn(&self, project: &ProjectId, commit: &Commit, artifact: &Artifact) {
        let mut learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let of_project = learned.entry(project.clone()).or_default();
        of_project.insert(commit.clone(), artifact.clone());
    }

    /// Puts in what the registry answered before.
    fn remember(&self, project: &ProjectId, releases: &mut [Release]) {
        let learned = self.learned.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = learned.get(project) else {
            return;
        };
        for release in releases.iter_mut().filter(|it| it.artifacts.is_empty()) {
            release
                .artifacts
                .extend(known.get(&release.commit).cloned());
        }
    }

    /// Two releases side by side, with their images as far as the registry knows them.
    pub async fn difference(&self, from: Release, to: Release) -> Result<Difference, Fault> {
        let project = self.workspace.project(&from.project).cloned();
        let project = project.ok_or_else(|| {
            let doing = format!("looking {} up", from.project);
            Fault::new(
                "configuration",
                FaultKind::NotFound,
                doing,
                "it is not configured",
            )
        })?;
        let compared = self.compare(&project, &from.commit, &to.commit).await?;
        let mut both = [from, to];
        for release in both.iter_mut().filter(|it| it.artifacts.is_empty()) {
            // Without an answer its digest is not known, and the difference says so.
            let asked = self.artifact(&release.project, &release.commit).await;
            release.artifacts.extend(asked.ok());
        }
        let [from, to] = both;
        Ok(Difference::between(&from, &to, compared))
    }

    /// What the stream of a project says now.
    async fn register(&self, project: &Project) -> Result<Arc<Register>, Fault> {
        let stream = StreamId::releases(&project.id);
        let mut books = self.books.lock().await;
        for entry in self.ledger.read(books.seq).await? {
            books.seq = entry.seq;
            if let Some(project) = entry.stream.hotfixes_of() {
                books.hotfixes.entry(project).or_default();
            }
            for (project, hotfixes) in &mut books.hotfixes {
                hotfixes.enter(project, &entry);
            }
            let of_releases = matches!(
                entry.body,
                Body::Numbered { .. } | Body::ReleaseCreated { .. } | Body::Tagged { .. }
            );
            if of_releases || books.registers.contains_key(&entry.stream) {
                let register = books.registers.entry(entry.stream.clone()).or_default();
                Arc::make_mut(register).enter(&entry);
            }
        }
        Ok(books.registers.get(&stream).cloned().unwrap_or_default())
    }

    /// Another ledger stands where the one that was read stood, perhaps: it is read from its beginning.
    async fn reread(&self) {
        *self.books.lock().await = Books::default();
    }

    async fn commits(
        &self,
        project: &Project,
        created: BTreeSet<Commit>,
    ) -> Result<Vec<SourceCommit>, Fault> {
        let (git, project) = (self.git.clone(), project.clone());
        blocking(move || git.commits(&project, &created)).await
    }

    /// Why releases may be missing that somebody looks for; nothing where the repository is whole, or cannot be read.
    pub async fn remarks(&self, project: &ProjectId) -> Vec<Clean> {
        let Some(project) = self.workspace.project(project).cloned() else {
            return Vec::new();
        };
        let register = self.register(&project).await.unwrap_or_default();
        let created = register.created.keys().cloned().collect();
        let git = self.git.clone();
        blocking(move || git.remarks(&project, &created))
            .await
            .unwrap_or_default()
    }

    /// What is to be asked of git about the hotfixes of a project.
    async fn asked(&self, project: &Project) -> Result<Vec<Asked>, Fault> {
        self.register(project).await?;
        let books = self.books.lock().await;
        let hotfixes = books.hotfixes.get(&project.id);
        let all = hotfixes.into_iter().flat_map(|hotfixes| &hotfixes.all);
        Ok(all.filter_map(Asked::of).collect())
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

    /// Makes a commit a release: once per commit, whoever asks how often, and all of it or nothing (SPEC R4).
    pub async fn create(
        &self,
        project: &Project,
        wish: &Wish,
        actor: &Actor,
        write: bool,
    ) -> Result<Creation, Fault> {
        // What triggers name comes first: the first import goes by commit time.
        self.numbered(project, write).await?;
        let stream = StreamId::releases(&project.id);
        for attempt in 0..NUMBERING_TRIES {
            if attempt > MISSED {
                self.reread().await;
            }
            let register = self.register(project).await?;
            let bodies = match releasing::create(project, &register, wish) {
                Ok(bodies) => bodies,
                Err(refusal) => return Ok(Creation::Refused(refusal)),
            };
            let fresh = !bodies.is_empty();
            if !write || !fresh {
                let mut created: BTreeSet<Commit> = register.created.keys().cloned().collect();
                created.insert(wish.commit.clone());
                let commits = self.commits(project, created).await?;
                let mut register = Register::clone(&register);
                register.foretell(catalogue::unnumbered(&commits, &register.numbers));
                return found(project, &commits, &register, wish)
                    .map(|release| Creation::Release(Box::new(release), fresh));
            }
            let appended = self.append(&stream, register.position, actor, bodies.into_iter());
            match appended.await {
                Ok(()) => {
                    let register = self.register(project).await?;
                    let created = register.created.keys().cloned().collect();
                    let commits = self.commits(project, created).await?;
                    return found(project, &commits, &register, wish)
                        .map(|release| Creation::Release(Box::new(release), true));
                }
                Err(AppendError::Conflict { .. }) => {}
                Err(AppendError::Fault(fault)) => return Err(fault),
            }
        }
        Err(contested(project))
    }

    /// Writes down that a tag was made. A fact: it goes in wherever the stream stands.
    pub async fn tagged(&self, project: &Project, actor: &Actor, body: Body) -> Result<(), Fault> {
        let stream = StreamId::releases(&project.id);
        let draft = Draft {
            at: self.now(),
            actor: actor.clone(),
            body,
        };
        let appended = self.ledger.append(&stream, Expected::Any, vec![draft]);
        match appended.await {
            Ok(_) => Ok(()),
            Err(AppendError::Fault(fault)) => Err(fault),
            Err(AppendError::Conflict { .. }) => Err(contested(project)),
        }
    }

    /// The commit whose id begins so; what HEAD names where nothing is asked.
    pub async fn commit(&self, project: &Project, text: Option<String>) -> Result<Commit, Fault> {
        let project = project.clone();
        blocking(move || tags::commit(&project, text.as_deref())).await
    }

    /// The versions there are, and which of them a commit contains; and whether it contains `asked`.
    pub async fn versions(
        &self,
        project: &Project,
        commit: &Commit,
        asked: Option<Commit>,
    ) -> Result<tags::Versions, Fault> {
        let (project, commit) = (project.clone(), commit.clone());
        blocking(move || tags::versions(&project, &commit, asked.as_ref())).await
    }

    pub async fn tag_object(&self, project: &Project, tag: &str) -> Result<Option<String>, Fault> {
        let (project, tag) = (project.clone(), tag.to_owned());
        blocking(move || tags::object_of(&project, &tag)).await
    }

    pub async fn compare(
        &self,
        project: &Project,
        from: &Commit,
        to: &Commit,
    ) -> Result<Compared, Fault> {
        let (project, from, to) = (project.clone(), from.clone(), to.clone());
        blocking(move || range::compare(&project, &from, &to)).await
    }

    /// The commits up to `to`, without those that `from` has.
    pub async fn since(
        &self,
        project: &Project,
        from: Option<Commit>,
        to: &Commit,
    ) -> Result<Log, Fault> {
        let (project, to) = (project.clone(), to.clone());
        blocking(move || range::since(&project, from.as_ref(), &to)).await
    }
}

fn found(
    project: &Project,
    commits: &[SourceCommit],
    register: &Register,
    wish: &Wish,
) -> Result<Release, Fault> {
    let releases = catalogue::assemble(project, commits, register);
    let release = releases.into_iter().find(|it| it.commit == wish.commit);
    release.ok_or_else(|| {
        Fault::new(
            "git",
            FaultKind::NotFound,
            format!(
                "looking for commit {} in {}",
                wish.commit,
                project.source.display()
            ),
            "it is recorded as a release, and this clone does not have it",
        )
        .hint(format!(
            "Fetch it: `git -C {} fetch`",
            project.source.display()
        ))
    })
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
