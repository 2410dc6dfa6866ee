//! The commit that a release is tagged on: files as they stand at a commit, changed in memory, and committed by the `git`
//! program in a checkout of its own. The one that people work in is not looked at and not touched, and nothing points to
//! the new commit before somebody makes a branch or a tag of it.

use std::{
    io::ErrorKind,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use git2::{DiffOptions, ObjectType, Oid, Patch, Repository};
use rustix::fs::{FlockOperation, flock};

use super::{open, program};
use crate::domain::{
    fault::{Fault, FaultKind},
    release::Commit,
    text::{Clean, clean_lines},
};

/// Of a checkout, and of a commit with its hooks.
const DEADLINE: Duration = Duration::from_secs(600);

/// No file that says a version is larger.
const LARGEST: usize = 16 << 20;

/// Beside git's own files, so that a crash leaves it where the next one finds it.
const CHECKOUT: &str = "gonogo-release";
const LOCK: &str = "gonogo-release.lock";

/// One file as it is and as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// From the root of the repository.
    pub path: String,
    /// None: there is no such file.
    pub before: Option<String>,
    pub after: String,
}

/// The text of a file at a commit; none where there is no such file. Blocking.
pub fn read(source: &Path, commit: &Commit, path: &str) -> Result<Option<String>, Fault> {
    let repository = open(source)?;
    let fault = |kind, detail: &str| {
        let doing = format!("reading {path} of commit {}", commit.short());
        Fault::new("git", kind, doing, detail)
    };
    let tree = Oid::from_str(commit.as_str())
        .and_then(|id| repository.find_commit(id)?.tree())
        .map_err(|error| fault(FaultKind::NotFound, error.message()))?;
    let Ok(entry) = tree.get_path(Path::new(path)) else {
        return Ok(None);
    };
    if entry.filemode() == 0o120_000 {
        return Err(fault(FaultKind::Refused, "it is a symbolic link")
            .hint("Name the file that it leads to"));
    }
    if entry.kind() != Some(ObjectType::Blob) {
        return Err(fault(FaultKind::Refused, "it is a folder, and no file"));
    }
    let blob = repository
        .find_blob(entry.id())
        .map_err(|error| fault(FaultKind::Malformed, error.message()))?;
    if blob.size() > LARGEST {
        return Err(fault(FaultKind::Refused, "it is larger than 16 MB"));
    }
    let text = std::str::from_utf8(blob.content())
        .map_err(|_| fault(FaultKind::Refused, "it is no text in UTF-8"))?;
    Ok(Some(text.to_owned()))
}

/// As `git diff` would show it.
pub fn diff(edits: &[Edit]) -> Result<Vec<Clean>, Fault> {
    let mut lines = Vec::new();
    for edit in edits {
        let mut options = DiffOptions::new();
        options.context_lines(3);
        let before = edit.before.as_deref().unwrap_or_default();
        let path = Path::new(&edit.path);
        let text = Patch::from_buffers(
            before.as_bytes(),
            Some(path),
            edit.after.as_bytes(),
            Some(path),
            Some(&mut options),
        )
        .and_then(|mut patch| patch.to_buf())
        .map_err(|error| {
            let doing = format!("comparing {}", edit.path);
            Fault::new("git", FaultKind::Bug, doing, error.message())
        })?;
        lines.extend(clean_lines(&String::from_utf8_lossy(&text)));
    }
    Ok(lines)
}

/// Is the commit here? What nothing points to may have been cleared away. Blocking.
pub fn is_here(source: &Path, commit: &Commit) -> Result<bool, Fault> {
    let repository = open(source)?;
    Ok(Oid::from_str(commit.as_str()).is_ok_and(|id| repository.find_commit(id).is_ok()))
}

/// The commit that a branch points at; none where there is no such branch. Blocking.
pub fn branch_tip(source: &Path, branch: &str) -> Result<Option<String>, Fault> {
    let repository = open(source)?;
    let found = repository.find_reference(&format!("refs/heads/{branch}"));
    Ok(found
        .ok()
        .and_then(|it| it.target())
        .map(|id| id.to_string()))
}

/// The words that `commit` says to git, for whoever wants to see them first.
pub fn words(
    source: &Path,
    base: &Commit,
    edits: &[Edit],
    message: &str,
) -> Result<Vec<program::Words>, Fault> {
    let place = folder(source)?.join(CHECKOUT);
    Ok(vec![
        program::checkout(source, &place, base),
        program::stage(&place, &paths(edits)),
        program::commit(&place, message),
        program::remove_checkout(source, &place),
    ])
}

/// Commits the edits on top of `base`, and nothing else. Hooks run, and names and signatures are those that git is set up
/// with. One at a time in a repository.
pub async fn commit(
    source: &Path,
    base: &Commit,
    edits: &[Edit],
    message: &str,
) -> Result<Commit, Fault> {
    let folder = folder(source)?;
    let _lock = lock(&folder)?;
    let place = folder.join(CHECKOUT);
    // What a crash left.
    clear(source, &place).await?;
    let doing = format!("checking commit {} out beside yours", base.short());
    let words = program::checkout(source, &place, base);
    let made = match program::run_within(&words, &doing, DEADLINE).await {
        Ok(_) => committed(&place, base, edits, message).await,
        Err(fault) => Err(fault),
    };
    let cleared = clear(source, &place).await;
    let commit = made?;
    cleared?;
    Ok(commit)
}

async fn committed(
    place: &Path,
    base: &Commit,
    edits: &[Edit],
    message: &str,
) -> Result<Commit, Fault> {
    for edit in edits {
        write(place, edit)?;
    }
    let doing = format!("committing to {}", paths(edits).join(", "));
    program::run(&program::stage(place, &paths(edits)), &doing).await?;
    program::run_within(&program::commit(place, message), &doing, DEADLINE).await?;
    made(place, base, edits).map_err(|detail| {
        Fault::new("git", FaultKind::Refused, doing, &detail)
            .hint("Nothing points to that commit; see which hook of the repository changes commits")
    })
}

/// One commit on top of `base`, with those files and no others: a hook may have done more.
fn made(place: &Path, base: &Commit, edits: &[Edit]) -> Result<Commit, String> {
    let told = |error: git2::Error| error.message().to_owned();
    let repository = Repository::open(place).map_err(told)?;
    let head = repository
        .head()
        .and_then(|head| head.peel_to_commit())
        .map_err(told)?;
    let parents: Vec<String> = head.parent_ids().map(|id| id.to_string()).collect();
    if parents != [base.as_str()] {
        return Err("what was committed does not stand on the commit it was made for".to_owned());
    }
    let before = head
        .parent(0)
        .and_then(|parent| parent.tree())
        .map_err(told)?;
    let after = head.tree().map_err(told)?;
    let diff = repository
        .diff_tree_to_tree(Some(&before), Some(&after), None)
        .map_err(told)?;
    let wanted = paths(edits);
    let other = diff.deltas().find_map(|delta| {
        let path = delta.new_file().path()?.to_str()?.to_owned();
        (!wanted.contains(&path.as_str())).then_some(path)
    });
    match (other, Commit::parse(&head.id().to_string())) {
        (Some(other), _) => Err(format!(
            "the commit changes {other} too, which nobody asked for"
        )),
        (None, Some(commit)) => Ok(commit),
        (None, None) => Err("its id has not 40 digits".to_owned()),
    }
}

fn write(place: &Path, edit: &Edit) -> Result<(), Fault> {
    let path = place.join(&edit.path);
    let folder = path.parent().unwrap_or(place);
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&path, &edit.after))
        .map_err(|error| {
            let doing = format!("writing {}", path.display());
            Fault::new("git", FaultKind::Refused, doing, &error.to_string())
        })
}

async fn clear(source: &Path, place: &Path) -> Result<(), Fault> {
    let kept = place
        .parent()
        .map(|folder| folder.join("worktrees").join(CHECKOUT));
    if place.exists() || kept.is_some_and(|kept| kept.exists()) {
        // What git does not know any more is removed as the folder that it is.
        let words = program::remove_checkout(source, place);
        let _ = program::run(&words, "removing the checkout of a release").await;
    }
    match std::fs::remove_dir_all(place) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            let doing = format!("removing {}", place.display());
            Err(Fault::new(
                "git",
                FaultKind::Refused,
                doing,
                &error.to_string(),
            ))
        }
        _ => Ok(()),
    }
}

fn paths(edits: &[Edit]) -> Vec<&str> {
    edits.iter().map(|edit| edit.path.as_str()).collect()
}

/// Where git keeps its own files: the same for all checkouts of a repository.
fn folder(source: &Path) -> Result<PathBuf, Fault> {
    Ok(open(source)?.commondir().to_owned())
}

/// Held until it goes, and let go by a crash.
fn lock(folder: &Path) -> Result<std::fs::File, Fault> {
    let path = folder.join(LOCK);
    let fault =
        |kind, detail: &str| Fault::new("git", kind, format!("locking {}", path.display()), detail);
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path)
        .map_err(|error| fault(FaultKind::Forbidden, &error.to_string()))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        fault(
            FaultKind::Conflict,
            "another release is being prepared in this repository",
        )
        .hint("Wait until it is done, and run it again")
    })?;
    Ok(file)
}
