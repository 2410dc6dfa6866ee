//! The git history behind the releases, read with libgit2 from a repository on this machine, bare or not:
//! no hook runs, nothing is fetched, nothing is written. Local branches and tags count; remote-tracking ones
//! do not. Whatever refs and objects cannot be read is left out with a warning, for one broken ref must not
//! hide all releases.

use std::{collections::BTreeMap, path::Path};

use git2::{ErrorCode, Oid, Reference, Repository};
use jiff::Timestamp;
use regex::Regex;

use self::graph::Graph;
use crate::{
    domain::{
        fault::{Fault, FaultKind},
        project::{Project, TagStrategy},
        release::{Alias, Commit, Trigger},
        text::Clean,
    },
    ports::ask::{Source, SourceCommit},
};

mod graph;

const BRANCHES: &[u8] = b"refs/heads/";
const TAGS: &[u8] = b"refs/tags/";

/// Unreadable refs in a row after which we believe that there are only such.
const GIVE_UP: usize = 1_000;

/// Holds nothing: every call opens the repository anew, so that it sees what was fetched meanwhile.
#[derive(Clone, Copy, Debug, Default)]
pub struct GitSource;

impl Source for GitSource {
    fn commits(&self, project: &Project) -> Result<Vec<SourceCommit>, Fault> {
        let patterns = patterns(project)?;
        let repository = open(&project.source)?;
        if repository.is_shallow() {
            tracing::warn!(
                repository = %project.source.display(),
                "a shallow clone: releases older than its depth are not seen"
            );
        }
        let refs = refs(&repository, project, &patterns)?;
        Ok(releases(&repository, &refs))
    }
}

/// The refs that matter to one project, each with the commit it leads to.
struct Refs {
    /// By name. Branches that make releases, and those that give aliases; no others are walked, since
    /// reaching has to be worked out for every commit and branch.
    branches: Vec<Branch>,
    tags: Vec<Tag>,
}

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
        let (kind, hint) = match error.code() {
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
    let mut branches = Vec::new();
    let mut tags = Vec::new();
    let mut unreadable = 0;
    for reference in all {
        let reference = match reference {
            Ok(reference) => reference,
            Err(error) => {
                tracing::warn!(
                    error = error.message(),
                    "a ref that cannot be read is left out"
                );
                unreadable += 1;
                if unreadable == GIVE_UP {
                    break;
                }
                continue;
            }
        };
        let name = reference.name_bytes();
        if let Some(name) = name.strip_prefix(BRANCHES) {
            let name = lossy(name);
            let releases = patterns.iter().any(|pattern| pattern.is_match(&name));
            if (releases || project.branch_aliases.contains(&name))
                && let Some(tip) = peel(&reference)
            {
                let name = Clean::from(name);
                branches.push(Branch {
                    name,
                    tip,
                    releases,
                });
            }
        } else if let Some(name) = name.strip_prefix(TAGS) {
            let full = lossy(name);
            if let Some(alias) = accepted(project, &full)
                && let Some(commit) = peel(&reference)
            {
                let alias = Alias::may_be_named(alias).then(|| Clean::new(alias));
                let full = Clean::new(&full);
                tags.push(Tag {
                    commit,
                    full,
                    alias: alias.filter(|alias| Alias::may_be_named(alias.as_ref())),
                });
            }
        }
    }
    branches.sort_by(|a, b| a.name.cmp(&b.name));
    tags.sort_by(|a, b| a.full.cmp(&b.full));
    Ok(Refs { branches, tags })
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

/// The commit behind branch, tag or annotated tag. Tags of trees and blobs have none.
fn peel(reference: &Reference<'_>) -> Option<Oid> {
    match reference.peel_to_commit() {
        Ok(commit) => Some(commit.id()),
        Err(error) => {
            let name = lossy(reference.name_bytes());
            tracing::warn!(%name, error = error.message(), "a ref that leads to no commit is left out");
            None
        }
    }
}

fn releases(repository: &Repository, refs: &Refs) -> Vec<SourceCommit> {
    let tips: Vec<Oid> = refs.branches.iter().map(|branch| branch.tip).collect();
    let tagged = refs.tags.iter().map(|tag| tag.commit);
    let graph = Graph::load(repository, tips.iter().copied().chain(tagged));
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
    for tag in &refs.tags {
        let Some(at) = graph.find(tag.commit) else {
            continue;
        };
        let named = named.entry(at).or_default();
        if let Some(alias) = &tag.alias {
            let full = tag.full.clone();
            named.triggers.push(Trigger::Tag { tag: full.clone() });
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
    named
        .into_iter()
        .filter_map(|(at, named)| {
            let branches = reached
                .of(at)
                .filter_map(|branch| refs.branches.get(branch))
                .map(|branch| branch.name.clone())
                .collect();
            describe(repository, graph.id(at)?, named, branches)
        })
        .collect()
}

fn describe(
    repository: &Repository,
    id: Oid,
    named: Named,
    branches: Vec<Clean>,
) -> Option<SourceCommit> {
    let commit = repository.find_commit(id).ok()?;
    let author = commit.author();
    Some(SourceCommit {
        commit: Commit::parse(&id.to_string())?,
        triggers: named.triggers,
        tags: named.tags,
        branches,
        author: Clean::from(lossy(author.name_bytes())),
        email: Clean::from(lossy(author.email_bytes())),
        subject: Clean::from(lossy(commit.summary_bytes().unwrap_or_default())),
        committed_at: Timestamp::from_second(commit.time().seconds())
            .unwrap_or(Timestamp::UNIX_EPOCH),
    })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
