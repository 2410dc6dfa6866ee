//! The git history behind the releases, read with libgit2 from a repository on this machine, bare or not:
//! no hook runs, nothing is fetched, nothing is written. Local branches and tags count; remote-tracking ones
//! do not. Whatever refs and objects cannot be read is left out with a remark, for one broken ref must not
//! hide all releases; where nothing is left, that is a fault.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use git2::{ErrorCode, Oid, Reference, Repository};
use jiff::Timestamp;
use regex::Regex;

use self::{graph::Graph, kept::Kept};
use crate::{
    domain::{
        fault::{Fault, FaultKind},
        hotfix::{Asked, Lineage},
        migration::Trail,
        project::{Project, TagStrategy, Triggers},
        release::{Alias, Commit, Digest, Trigger},
        text::Clean,
    },
    ports::ask::{Source, SourceCommit},
};

pub mod backport;
pub mod branch;
mod graph;
mod index;
mod kept;
mod lineage;
pub mod prepare;
pub mod program;
pub mod range;
pub mod resources;
pub mod tags;
mod trail;

const BRANCHES: &[u8] = b"refs/heads/";
const TAGS: &[u8] = b"refs/tags/";

/// Unreadable refs in a row after which we believe that there are only such.
const GIVE_UP: usize = 1_000;

/// Every call opens the repository anew, so that it sees what was fetched meanwhile. Commits never change, so what was
/// read of one is kept: a history is read once, and after that what is new in it.
#[derive(Clone, Debug, Default)]
pub struct GitSource {
    kept: Arc<Mutex<HashMap<PathBuf, Kept>>>,
    /// Where long histories are kept for the next process; none: nowhere.
    folder: Option<PathBuf>,
}

impl Source for GitSource {
    fn commits(
        &self,
        project: &Project,
        created: &BTreeSet<Commit>,
    ) -> Result<Vec<SourceCommit>, Fault> {
        self.history(project, created).map(|(commits, _)| commits)
    }
}

impl GitSource {
    /// Long histories are kept in that folder for the next process.
    pub fn kept_in(folder: PathBuf) -> Self {
        Self {
            folder: Some(folder),
            ..Self::default()
        }
    }

    /// What the releases of a project have of its hotfixes; nothing is said of a release that is older than all of them.
    pub fn lineage(
        &self,
        project: &Project,
        asked: &[Asked],
        releases: &[Commit],
    ) -> Result<BTreeMap<Commit, Lineage>, Fault> {
        let repository = open(&project.source)?;
        Ok(lineage::of(&repository, asked, releases))
    }

    /// What is odd about the repository, so that something may be missing among its releases.
    pub fn remarks(
        &self,
        project: &Project,
        created: &BTreeSet<Commit>,
    ) -> Result<Vec<Clean>, Fault> {
        self.history(project, created).map(|(_, remarks)| remarks)
    }

    /// How many commits were read from this repository so far.
    pub fn commits_read(&self, project: &Project) -> usize {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&project.source).map_or(0, Kept::reads)
    }

    /// Where all its branches and tags point, as a digest: as long as it stays the same, so do its releases. Reads no
    /// commit. Blocking.
    pub fn refs_digest(&self, project: &Project) -> Result<Digest, Fault> {
        let repository = open(&project.source)?;
        let all = repository.references().map_err(|error| {
            let doing = format!("reading the refs of {}", project.source.display());
            Fault::new("git", FaultKind::Malformed, doing, error.message())
        })?;
        let mut bytes = Vec::new();
        let mut unreadable = 0;
        for reference in all {
            let Ok(reference) = reference else {
                unreadable += 1;
                bytes.extend_from_slice(b"?\n");
                if unreadable == GIVE_UP {
                    break;
                }
                continue;
            };
            bytes.extend_from_slice(reference.name_bytes());
            match reference.target() {
                Some(target) => bytes.extend_from_slice(target.as_bytes()),
                None => bytes.extend_from_slice(reference.symbolic_target_bytes().unwrap_or(b"?")),
            }
            bytes.push(b'\n');
        }
        Ok(Digest::of(&bytes))
    }

    fn history(
        &self,
        project: &Project,
        created: &BTreeSet<Commit>,
    ) -> Result<(Vec<SourceCommit>, Vec<Clean>), Fault> {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let source = &project.source;
        if let (Some(folder), false) = (&self.folder, all.contains_key(source)) {
            let kept = index::load(folder, source, &open(source)?).unwrap_or_default();
            all.insert(source.clone(), kept);
        }
        let kept = all.entry(source.clone()).or_default();
        let read = history(project, created, kept);
        if let Some(folder) = self
            .folder
            .as_ref()
            .filter(|_| kept.unsaved() >= index::WORTH)
        {
            match index::save(folder, source, kept) {
                Ok(()) => kept.is_saved(),
                Err(error) => tracing::warn!(%error, "the index of a history cannot be kept"),
            }
        }
        read
    }
}

fn history(
    project: &Project,
    created: &BTreeSet<Commit>,
    kept: &mut Kept,
) -> Result<(Vec<SourceCommit>, Vec<Clean>), Fault> {
    let patterns = patterns(project)?;
    let repository = open(&project.source)?;
    let refs = refs(&repository, project, &patterns)?;
    let (commits, graph) = releases(&repository, project, &refs, created, kept);
    let unreadable = || {
        let lost = graph.first_lost.as_ref();
        refs.broken
            .clone()
            .or_else(|| lost.map(|(id, why)| format!("commit {id}: {why}")))
    };
    if commits.is_empty()
        && let Some(first) = unreadable()
    {
        let doing = format!("reading the history of {}", project.source.display());
        let detail = format!("none of its branches and tags can be read; the first: {first}");
        return Err(
            Fault::new("git", FaultKind::Malformed, doing, &detail).hint(format!(
                "See what is damaged: `git -C {} fsck`; a new clone brings it back",
                project.source.display()
            )),
        );
    }
    let mut remarks = Vec::new();
    if repository.is_shallow() {
        remarks.push(
            "a shallow clone: releases older than its depth are not seen; `git fetch --unshallow`"
                .to_owned(),
        );
    }
    if let Some(first) = &refs.broken {
        remarks.push(format!(
            "{} of its refs cannot be read and are left out; the first: {first}",
            refs.unreadable
        ));
    }
    if let Some((id, why)) = &graph.first_lost {
        remarks.push(format!(
            "{} of its commits cannot be read, and what came before them is not seen; the first: {id}: {why}",
            graph.lost
        ));
    }
    if commits.is_empty() {
        remarks.push(nothing(project, &refs));
    }
    let place = project.source.display();
    let remarks = remarks
        .into_iter()
        .map(|remark| Clean::new(&format!("{place}: {remark}")));
    Ok((commits, remarks.collect()))
}

/// Why a repository that can be read has no releases.
fn nothing(project: &Project, refs: &Refs) -> String {
    if refs.others.is_empty() {
        return "it has no branches and no tags yet".to_owned();
    }
    let others: Vec<&str> = refs.others.iter().map(Clean::as_str).collect();
    format!(
        "none of its branches matches {}, and none of its tags names this project; it has: {}",
        project.branches.join(", "),
        others.join(", ")
    )
}

/// The refs that matter to one project, each with the commit it leads to.
struct Refs {
    /// By name. Branches that make releases, and those that give aliases; no others are walked, since
    /// reaching has to be worked out for every commit and branch.
    branches: Vec<Branch>,
    tags: Vec<Tag>,
    /// Some of those that do not matter, to say what there is.
    others: Vec<Clean>,
    unreadable: usize,
    /// The first that matters, or that has not even a name, with the reason.
    broken: Option<String>,
}

/// So many others are named.
const SOME: usize = 5;

struct Branch {
    name: Clean,
    tip: Oid,
    releases: bool,
}

struct Tag {
    commit: Oid,
    full: Clean,
    /// None: it would shadow a number or a commit (SPEC R3). Its commit is a release, and has no such name.
    alias: Option<Clean>,
}

/// What names one commit.
#[derive(Default)]
struct Named {
    triggers: Vec<Trigger>,
    tags: Vec<(Clean, Clean)>,
}

fn patterns(project: &Project) -> Result<Vec<Regex>, Fault> {
    let compile = |pattern: &String| {
        Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
            let doing = format!("reading the branches of {}", project.id);
            Fault::new("git", FaultKind::Refused, doing, &error.to_string()).hint(format!(
                "Correct the regular expression `{pattern}` under `branches` in the configuration"
            ))
        })
    };
    project.branches.iter().map(compile).collect()
}

fn open(path: &Path) -> Result<Repository, Fault> {
    Repository::open(path).map_err(|error| {
        let shown = path.display();
        let closed = std::fs::read_dir(path)
            .is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
        let (kind, hint) = match error.code() {
            _ if closed => (
                FaultKind::Forbidden,
                format!("Look at it with `ls -ld {shown}`: you may not read it"),
            ),
            // What makes a folder a repository is damaged: it is not for us to say that there is none.
            ErrorCode::NotFound if path.join(".git").exists() || path.join("objects").is_dir() => (
                FaultKind::Malformed,
                format!(
                    "It was a repository once. See what git says: `git -C {shown} status`; a new clone brings it back"
                ),
            ),
            ErrorCode::NotFound => (
                FaultKind::NotFound,
                format!(
                    "Set the project's `source` to a clone on this machine: `git clone … {shown}`"
                ),
            ),
            // libgit2's own check of the owner, as git's safe.directory; it stays on.
            ErrorCode::Owner => (
                FaultKind::Forbidden,
                format!(
                    "It belongs to another account. If you trust it: \
                     `git config --global --add safe.directory {shown}`"
                ),
            ),
            _ => (
                FaultKind::Malformed,
                format!("See what git says: `git -C {shown} fsck`"),
            ),
        };
        Fault::new("git", kind, format!("opening {shown}"), error.message()).hint(hint)
    })
}

fn refs(repository: &Repository, project: &Project, patterns: &[Regex]) -> Result<Refs, Fault> {
    let all = repository.references().map_err(|error| {
        let doing = format!("reading the refs of {}", project.source.display());
        Fault::new("git", FaultKind::Malformed, doing, error.message()).hint(format!(
            "See what git says: `git -C {} fsck`",
            project.source.display()
        ))
    })?;
    let mut found = Refs {
        branches: Vec::new(),
        tags: Vec::new(),
        others: Vec::new(),
        unreadable: 0,
        broken: None,
    };
    for reference in all {
        let reference = match reference {
            Ok(reference) => reference,
            Err(error) => {
                tracing::warn!(
                    error = error.message(),
                    "a ref that cannot be read is left out"
                );
                found.unreadable += 1;
                found
                    .broken
                    .get_or_insert_with(|| error.message().to_owned());
                if found.unreadable == GIVE_UP {
                    break;
                }
                continue;
            }
        };
        let name = reference.name_bytes();
        if let Some(name) = name.strip_prefix(BRANCHES) {
            let name = lossy(name);
            let releases = patterns.iter().any(|pattern| pattern.is_match(&name));
            if !releases && !project.branch_aliases.contains(&name) {
                found.other(&name);
            } else if let Some(tip) = found.peel(&reference) {
                found.branches.push(Branch {
                    name: Clean::from(name),
                    tip,
                    releases,
                });
            }
        } else if let Some(name) = name.strip_prefix(TAGS) {
            let full = lossy(name);
            let Some(alias) = accepted(project, &full) else {
                found.other(&full);
                continue;
            };
            if let Some(commit) = found.peel(&reference) {
                let alias = Alias::may_be_named(alias).then(|| Clean::new(alias));
                let full = Clean::new(&full);
                found.tags.push(Tag {
                    commit,
                    full,
                    alias: alias.filter(|alias| Alias::may_be_named(alias.as_ref())),
                });
            }
        }
    }
    found.branches.sort_by(|a, b| a.name.cmp(&b.name));
    found.tags.sort_by(|a, b| a.full.cmp(&b.full));
    Ok(found)
}

impl Refs {
    fn other(&mut self, name: &str) {
        if self.others.len() < SOME {
            self.others.push(Clean::new(name));
        }
    }

    /// The commit behind branch, tag or annotated tag. Tags of trees and blobs have none, and lack nothing.
    fn peel(&mut self, reference: &Reference<'_>) -> Option<Oid> {
        match reference.peel_to_commit() {
            Ok(commit) => Some(commit.id()),
            Err(error) => {
                let name = lossy(reference.name_bytes());
                tracing::warn!(%name, error = error.message(), "a ref that leads to no commit is left out");
                if error.code() != ErrorCode::Peel && error.code() != ErrorCode::InvalidSpec {
                    self.unreadable += 1;
                    self.broken
                        .get_or_insert_with(|| format!("{name}: {}", error.message()));
                }
                None
            }
        }
    }
}

/// The alias that a tag gives under the project's strategy; none where the tag is not this project's.
fn accepted<'a>(project: &Project, tag: &'a str) -> Option<&'a str> {
    match project.tags {
        TagStrategy::TagAll => Some(tag),
        TagStrategy::Monorepo => tag
            .strip_prefix(project.id.name())
            .and_then(|rest| rest.strip_prefix('/'))
            .filter(|alias| alias.starts_with('v')),
    }
}

fn releases(
    repository: &Repository,
    project: &Project,
    refs: &Refs,
    created: &BTreeSet<Commit>,
    kept: &mut Kept,
) -> (Vec<SourceCommit>, Graph) {
    let tag_trigger = project.triggers != Triggers::Branches;
    let tips: Vec<Oid> = refs.branches.iter().map(|branch| branch.tip).collect();
    let tagged = refs.tags.iter().map(|tag| tag.commit);
    let created: Vec<Oid> = created
        .iter()
        .filter_map(|commit| Oid::from_str(commit.as_str()).ok())
        .collect();
    let tips_of_all = tips
        .iter()
        .copied()
        .chain(tagged)
        .chain(created.iter().copied());
    let graph = Graph::load(repository, kept, tips_of_all);
    let reached = graph.reached_by(&tips);

    let mut named: BTreeMap<usize, Named> = BTreeMap::new();
    for branch in refs.branches.iter().filter(|branch| branch.releases) {
        for at in graph.first_parents(branch.tip) {
            named
                .entry(at)
                .or_default()
                .triggers
                .push(Trigger::BranchPush {
                    branch: branch.name.clone(),
                });
        }
    }
    for at in created.iter().filter_map(|id| graph.find(*id)) {
        named.entry(at).or_default().triggers.push(Trigger::Manual);
    }
    for tag in &refs.tags {
        let Some(at) = graph.find(tag.commit) else {
            continue;
        };
        // Where a tag makes no release, it still names one.
        if !named.contains_key(&at) && !tag_trigger {
            continue;
        }
        let named = named.entry(at).or_default();
        if let Some(alias) = &tag.alias {
            let full = tag.full.clone();
            if tag_trigger {
                named.triggers.push(Trigger::Tag { tag: full.clone() });
            }
            named.tags.push((full, alias.clone()));
        } else {
            tracing::warn!(
                tag = tag.full.as_ref(),
                "a tag that looks like a number or a commit gives no name"
            );
        }
    }

    let mut named: Vec<(usize, Named)> = named.into_iter().collect();
    named.sort_by_key(|(at, _)| graph.age(*at));
    let places = named.iter().map(|(at, _)| *at).collect();
    let mut trails = trail::of(repository, kept, &graph, &places);
    let commits = named
        .into_iter()
        .filter_map(|(at, named)| {
            let branches = reached
                .of(at)
                .filter_map(|branch| refs.branches.get(branch))
                .map(|branch| branch.name.clone())
                .collect();
            let mut described = describe(repository, kept, graph.id(at)?, named, branches)?;
            described.trail = trails.remove(&at).unwrap_or_default();
            Some(described)
        })
        .collect();
    (commits, graph)
}

fn describe(
    repository: &Repository,
    kept: &mut Kept,
    id: Oid,
    named: Named,
    branches: Vec<Clean>,
) -> Option<SourceCommit> {
    let told = kept.told(repository, id)?;
    Some(SourceCommit {
        commit: Commit::parse(&id.to_string())?,
        triggers: named.triggers,
        tags: named.tags,
        branches,
        author: told.author.clone(),
        email: told.email.clone(),
        subject: told.subject.clone(),
        committed_at: Timestamp::from_second(told.time).unwrap_or(Timestamp::UNIX_EPOCH),
        listed: None,
        trail: Trail::default(),
    })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
