//! The versions of a project in its repository, and which of them a commit contains.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use git2::Oid;

use super::{TAGS, accepted, lossy, open};
use crate::domain::{
    fault::{Fault, FaultKind},
    project::Project,
    release::Commit,
    version::Version,
};

/// What the tags of a project say about one commit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Versions {
    pub taken: BTreeMap<Version, Commit>,
    /// Whose commits the commit contains, its own included.
    pub contained: BTreeSet<Version>,
    /// Whether it contains the commit that was asked about.
    pub contains: bool,
}

/// Walks the history of `commit` once. Blocking.
pub fn versions(
    project: &Project,
    commit: &Commit,
    asked: Option<&Commit>,
) -> Result<Versions, Fault> {
    let broken = |error: git2::Error| {
        let doing = format!("reading the tags of {}", project.source.display());
        Fault::new("git", FaultKind::Malformed, doing, error.message()).hint(format!(
            "See what git says: `git -C {} fsck`",
            project.source.display()
        ))
    };
    let repository = open(&project.source)?;
    let mut found = Versions::default();
    let mut on: HashMap<Oid, Vec<Version>> = HashMap::new();
    for reference in repository.references().map_err(broken)? {
        let Ok(reference) = reference else { continue };
        let Some(name) = reference.name_bytes().strip_prefix(TAGS).map(lossy) else {
            continue;
        };
        let Some(version) = accepted(project, &name).and_then(|alias| alias.parse().ok()) else {
            continue;
        };
        // A tag of something else than a commit still has its name.
        let id = reference
            .peel_to_commit()
            .map(|commit| commit.id())
            .or_else(|_| {
                reference
                    .target()
                    .ok_or_else(|| git2::Error::from_str("a tag of nothing"))
            })
            .map_err(broken)?;
        if let Some(commit) = Commit::parse(&id.to_string()) {
            found.taken.insert(version, commit);
        }
        on.entry(id).or_default().push(version);
    }
    let mut walk = repository.revwalk().map_err(broken)?;
    let start = Oid::from_str(commit.as_str()).map_err(broken)?;
    walk.push(start).map_err(broken)?;
    let asked = asked.and_then(|commit| Oid::from_str(commit.as_str()).ok());
    for id in walk {
        let Ok(id) = id else {
            // A shallow or damaged history ends here: what lies behind it is not seen.
            break;
        };
        found.contains |= asked == Some(id);
        found
            .contained
            .extend(on.get(&id).into_iter().flatten().copied());
    }
    Ok(found)
}

/// The commit that `text` begins, in forty hex digits or fewer; what HEAD names where nothing is asked. Blocking.
pub fn commit(project: &Project, text: Option<&str>) -> Result<Commit, Fault> {
    let repository = open(&project.source)?;
    let found = match text {
        None => repository
            .head()
            .and_then(|head| head.peel_to_commit())
            .map(|commit| commit.id()),
        Some(text) => repository
            .find_commit_by_prefix(text)
            .map(|commit| commit.id()),
    };
    let shown = text.unwrap_or("HEAD");
    let id = found.map_err(|error| {
        let ambiguous = error.code() == git2::ErrorCode::Ambiguous;
        let detail = if ambiguous {
            "several commits begin so".to_owned()
        } else {
            error.message().to_owned()
        };
        Fault::new(
            "git",
            FaultKind::NotFound,
            format!("looking for commit {shown} in {}", project.source.display()),
            &detail,
        )
        .hint(if ambiguous {
            "Give more of its digits".to_owned()
        } else {
            format!("Fetch it: `git -C {} fetch`", project.source.display())
        })
    })?;
    Commit::parse(&id.to_string()).ok_or_else(|| {
        Fault::new(
            "git",
            FaultKind::Malformed,
            format!("reading commit {shown} of {}", project.source.display()),
            "its id has not 40 digits",
        )
    })
}

/// The object that a tag points at now, annotated or not; none where there is no such tag. Blocking.
pub fn object_of(project: &Project, tag: &str) -> Result<Option<String>, Fault> {
    let repository = open(&project.source)?;
    let found = repository.find_reference(&format!("refs/tags/{tag}"));
    Ok(found
        .ok()
        .and_then(|reference| reference.target())
        .map(|id| id.to_string()))
}
