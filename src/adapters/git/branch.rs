//! A branch is made on a commit, and pushed when asked: the only thing that is written here, and never forced. Made
//! with libgit2; pushed by the `git` program, so that credential helpers, SSH and hooks work as people set them up.

use std::path::Path;

use git2::{ErrorCode, Oid};

use super::{open, program};
use crate::domain::{
    fault::{Fault, FaultKind},
    release::Commit,
};

/// Why the branch could not be made there: it exists, or the commit is not here.
pub fn is_free(source: &Path, branch: &str, at: &Commit) -> Result<(), Fault> {
    let repository = open(source)?;
    let doing = || format!("looking for the branch {branch} in {}", source.display());
    let id = Oid::from_str(at.as_str()).and_then(|id| repository.find_commit(id));
    if id.is_err() {
        return Err(Fault::new(
            "git",
            FaultKind::NotFound,
            doing(),
            &format!("the commit {at} is not in this clone"),
        )
        .hint(format!("git -C {} fetch --all --tags", source.display())));
    }
    match repository.find_reference(&format!("refs/heads/{branch}")) {
        Ok(_) => Err(Fault::new(
            "git",
            FaultKind::Conflict,
            doing(),
            "there is such a branch already",
        )
        .hint("choose another name; gonogo moves no branch")),
        Err(error) if error.code() == ErrorCode::NotFound => Ok(()),
        Err(error) => Err(Fault::new(
            "git",
            FaultKind::Malformed,
            doing(),
            error.message(),
        )),
    }
}

/// Makes it; what exists is left as it is and is a fault.
pub fn create(source: &Path, branch: &str, at: &Commit) -> Result<(), Fault> {
    let repository = open(source)?;
    let made = Oid::from_str(at.as_str())
        .and_then(|id| repository.find_commit(id))
        .and_then(|commit| repository.branch(branch, &commit, false).map(drop));
    made.map_err(|error| {
        let kind = if error.code() == ErrorCode::Exists {
            FaultKind::Conflict
        } else {
            FaultKind::Refused
        };
        Fault::new(
            "git",
            kind,
            format!("making the branch {branch}"),
            error.message(),
        )
        .hint(format!(
            "the hotfix is open; make it by hand: git -C {} branch {branch} {at}",
            source.display()
        ))
    })
}

/// `git push origin`, without a question and without force.
pub async fn push(source: &Path, branch: &str) -> Result<(), Fault> {
    let words = program::push_branch(source, "origin", branch);
    let doing = format!("pushing the branch {branch}");
    let pushed = program::run(&words, &doing).await;
    pushed
        .map(drop)
        .map_err(|fault| fault.hint(format!("the branch is here; push it by hand: {words}")))
}
