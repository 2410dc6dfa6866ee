//! The manifests that belong to a release, as they stand at its commit: part of its digest (SPEC R1).

use std::path::Path;

use git2::{ObjectType, Oid, TreeWalkMode, TreeWalkResult};

use super::{lossy, open, range::globs};
use crate::domain::{
    fault::{Fault, FaultKind},
    project::Project,
    release::{Commit, Digest, Resources},
};

/// No release has more manifests, or more bytes of them.
const FILES: usize = 10_000;
const BYTES: usize = 64 << 20;

/// Paths, modes and contents of the manifests, in the order of git's trees, as one digest. Blocking.
pub fn resources(project: &Project, commit: &Commit) -> Result<Resources, Fault> {
    if project.manifests.is_empty() {
        return Ok(Resources::default());
    }
    let repository = open(&project.source)?;
    let fault = |detail: &str| {
        let doing = format!("reading the manifests of commit {}", commit.short());
        Fault::new("git", FaultKind::Malformed, doing, detail).hint(format!(
            "See what is damaged: `git -C {} fsck`",
            project.source.display()
        ))
    };
    let broken = |error: git2::Error| fault(error.message());
    let tree = Oid::from_str(commit.as_str())
        .and_then(|id| repository.find_commit(id)?.tree())
        .map_err(broken)?;
    let globs = globs(project);
    let mut found: Vec<(String, i32, Oid)> = Vec::new();
    tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
        let path = format!("{folder}{}", lossy(entry.name_bytes()));
        if entry.kind() == Some(ObjectType::Blob) && globs.is_match(Path::new(&path)) {
            found.push((path, entry.filemode(), entry.id()));
        }
        TreeWalkResult::Ok
    })
    .map_err(broken)?;
    if found.len() > FILES {
        return Err(fault("there are more than 10,000 of them")
            .hint("Name them more narrowly under `manifests` in the configuration"));
    }
    let mut bytes = 0;
    let mut parts: Vec<(String, i32, Digest)> = Vec::new();
    for (path, mode, id) in found {
        let blob = repository.find_blob(id).map_err(broken)?;
        bytes += blob.size();
        if bytes > BYTES {
            return Err(fault("together they are larger than 64 MB")
                .hint("Name them more narrowly under `manifests` in the configuration"));
        }
        parts.push((path, mode, Digest::of(blob.content())));
    }
    Ok(Resources {
        files: parts.len(),
        digest: (!parts.is_empty()).then(|| Digest::of_json(&parts)),
    })
}
