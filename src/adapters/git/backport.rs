//! Whether a commit goes onto a branch by itself: tried in memory, nothing is written.

use git2::{Oid, Repository};

use super::{lossy, open};
use crate::domain::{
    fault::{Fault, FaultKind},
    project::Project,
    release::Commit,
    text::Clean,
};

/// So many files are named.
const NAMED: usize = 5;

/// Files in which it and the branch changed the same; none of them: it goes on without a question. Blocking.
pub fn clashes(project: &Project, branch: &str, commit: &Commit) -> Result<Vec<Clean>, Fault> {
    let repository = open(&project.source)?;
    clash(&repository, branch, commit).map_err(|error| {
        let doing = format!("trying commit {} on {branch}", commit.short());
        Fault::new("git", FaultKind::Malformed, doing, error.message())
    })
}

fn clash(
    repository: &Repository,
    branch: &str,
    commit: &Commit,
) -> Result<Vec<Clean>, git2::Error> {
    let tip = repository
        .find_reference(&format!("refs/heads/{branch}"))?
        .peel_to_commit()?;
    let commit = repository.find_commit(Oid::from_str(commit.as_str())?)?;
    let index = repository.cherrypick_commit(&commit, &tip, 0, None)?;
    if !index.has_conflicts() {
        return Ok(Vec::new());
    }
    let mut paths: Vec<Clean> = Vec::new();
    for conflict in index.conflicts()? {
        let conflict = conflict?;
        let entry = conflict.our.or(conflict.their).or(conflict.ancestor);
        let path = entry.map(|entry| Clean::from(lossy(&entry.path)));
        paths.extend(path.filter(|path| !paths.contains(path)));
    }
    paths.truncate(NAMED);
    Ok(paths)
}
