//! What lies between two commits: the log both ways, files, manifests. Bounded, whatever the distance.

use std::{borrow::Cow, collections::BTreeMap, path::Path};

use git2::{Delta, DiffFormat, DiffOptions, Oid, Repository, Sort, Tree};
use globset::{Glob, GlobSet, GlobSetBuilder};
use jiff::Timestamp;

use super::{lossy, open};
use crate::domain::{
    difference::{Compared, FileChange, Files, Log, Logged, ManifestChange},
    fault::{Fault, FaultKind},
    notes,
    project::Project,
    release::Commit,
    text::{Clean, REDACTED},
};

/// So many commits are kept of a range.
const KEPT: usize = 500;
/// Where counting stops.
const COUNTED: usize = 20_000;
/// Of all manifests together.
const MANIFEST_LINES: usize = 400;
const MANIFESTS: usize = 50;
/// More files than this are not gone through.
const FILES: usize = 20_000;

/// What `to` has and `from` has not, and the other way round. Blocking.
pub fn compare(project: &Project, from: &Commit, to: &Commit) -> Result<Compared, Fault> {
    let repository = open(&project.source)?;
    let (from, to) = (
        find(&repository, project, from)?,
        find(&repository, project, to)?,
    );
    let broken = |error: git2::Error| {
        let doing = format!("comparing two commits of {}", project.source.display());
        Fault::new("git", FaultKind::Malformed, doing, error.message()).hint(format!(
            "See what is damaged: `git -C {} fsck`",
            project.source.display()
        ))
    };
    let gained = log(&repository, to, Some(from)).map_err(broken)?;
    let lost = log(&repository, from, Some(to)).map_err(broken)?;
    let (files, manifests) = files(&repository, project, from, to).map_err(broken)?;
    Ok(Compared {
        gained,
        lost,
        files,
        manifests,
    })
}

/// The commits up to `to`, without those that `from` has. Blocking.
pub fn since(project: &Project, from: Option<&Commit>, to: &Commit) -> Result<Log, Fault> {
    let repository = open(&project.source)?;
    let to = find(&repository, project, to)?;
    let from = from
        .map(|from| find(&repository, project, from))
        .transpose()?;
    log(&repository, to, from).map_err(|error| {
        let doing = format!("reading the history of {}", project.source.display());
        Fault::new("git", FaultKind::Malformed, doing, error.message())
    })
}

fn find(repository: &Repository, project: &Project, commit: &Commit) -> Result<Oid, Fault> {
    let found = Oid::from_str(commit.as_str())
        .and_then(|id| repository.find_commit(id))
        .map(|found| found.id());
    found.map_err(|error| {
        Fault::new(
            "git",
            FaultKind::NotFound,
            format!(
                "looking for commit {commit} in {}",
                project.source.display()
            ),
            error.message(),
        )
        .hint(format!(
            "Fetch it: `git -C {} fetch --tags`",
            project.source.display()
        ))
    })
}

fn log(repository: &Repository, to: Oid, without: Option<Oid>) -> Result<Log, git2::Error> {
    let walk = |first_parents: bool| {
        let mut walk = repository.revwalk()?;
        walk.push(to)?;
        if let Some(without) = without {
            walk.hide(without)?;
        }
        if first_parents {
            walk.simplify_first_parent()?;
        }
        walk.set_sorting(Sort::TOPOLOGICAL | Sort::TIME)?;
        Ok::<_, git2::Error>(walk)
    };
    let mut mainline = std::collections::BTreeSet::new();
    for id in walk(true)?.take(COUNTED) {
        mainline.insert(id?);
    }
    let mut log = Log {
        mainline: mainline.len(),
        ..Log::default()
    };
    let mut authors: BTreeMap<Clean, usize> = BTreeMap::new();
    for id in walk(false)? {
        let id = id?;
        if log.total == COUNTED {
            log.more = true;
            break;
        }
        log.total += 1;
        let Ok(commit) = repository.find_commit(id) else {
            continue;
        };
        let author = Clean::from(lossy(commit.author().name_bytes()));
        *authors.entry(author.clone()).or_default() += 1;
        let message = lossy(commit.message_bytes());
        let breaking = notes::breaking(&message);
        // What breaks is kept, however long the list.
        if log.commits.len() >= KEPT && (breaking.is_none() || log.commits.len() >= 2 * KEPT) {
            continue;
        }
        let Some(short) = Commit::parse(&id.to_string()) else {
            continue;
        };
        log.commits.push(Logged {
            commit: short,
            author,
            at: Timestamp::from_second(commit.time().seconds()).unwrap_or(Timestamp::UNIX_EPOCH),
            subject: Clean::from(lossy(commit.summary_bytes().unwrap_or_default())),
            breaking: breaking.map(|text| Clean::new(&text)),
            mainline: mainline.contains(&id),
            merge: commit.parent_count() > 1,
        });
    }
    log.authors = authors.into_iter().collect();
    log.authors
        .sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(log)
}

pub(super) fn globs(project: &Project) -> GlobSet {
    let mut set = GlobSetBuilder::new();
    for glob in project
        .manifests
        .iter()
        .filter_map(|glob| Glob::new(glob).ok())
    {
        set.add(glob);
    }
    set.build().unwrap_or_default()
}

fn files(
    repository: &Repository,
    project: &Project,
    from: Oid,
    to: Oid,
) -> Result<(Option<Files>, Vec<ManifestChange>), git2::Error> {
    let (before, after) = (
        repository.find_commit(from)?.tree()?,
        repository.find_commit(to)?.tree()?,
    );
    let diff = repository.diff_tree_to_tree(Some(&before), Some(&after), None)?;
    let globs = globs(project);
    let mut paths: Vec<(String, FileChange)> = Vec::new();
    for delta in diff.deltas() {
        let how = match delta.status() {
            Delta::Added => FileChange::Added,
            Delta::Deleted => FileChange::Removed,
            _ => FileChange::Changed,
        };
        let file = delta.new_file().path_bytes();
        let Some(path) = file.or_else(|| delta.old_file().path_bytes()).map(lossy) else {
            continue;
        };
        if globs.is_match(&path) {
            paths.push((path, how));
        }
    }
    let count = diff.deltas().len();
    let files = if count > FILES {
        None
    } else {
        let stats = diff.stats()?;
        Some(Files {
            changed: stats.files_changed(),
            added: stats.insertions(),
            removed: stats.deletions(),
        })
    };
    let mut manifests = Vec::new();
    let mut room = MANIFEST_LINES;
    for (path, how) in paths.into_iter().take(MANIFESTS) {
        let mut options = DiffOptions::new();
        options
            .pathspec(&path)
            .disable_pathspec_match(true)
            .context_lines(2);
        let diff = repository.diff_tree_to_tree(Some(&before), Some(&after), Some(&mut options))?;
        let mut change = ManifestChange {
            path: Clean::new(&path),
            how,
            added: 0,
            removed: 0,
            lines: Vec::new(),
            cut: false,
            withheld: [&before, &after]
                .iter()
                .any(|tree| holds_secret(repository, tree, &path)),
        };
        let withheld = change.withheld;
        diff.print(DiffFormat::Patch, |_, _, line| {
            let origin = line.origin();
            match origin {
                '+' => change.added += 1,
                '-' => change.removed += 1,
                ' ' | 'H' => {}
                _ => return true,
            }
            if withheld {
                return true;
            }
            if room == 0 {
                change.cut = true;
                return true;
            }
            room -= 1;
            let text = lossy(line.content());
            let text = text.trim_end_matches(['\n', '\r']);
            let text = if origin == 'H' {
                text.to_owned()
            } else {
                format!("{origin}{}", hidden(text))
            };
            change.lines.push(Clean::new(&text));
            true
        })?;
        manifests.push(change);
    }
    Ok((files, manifests))
}

/// Does the file hold a Kubernetes Secret, in YAML or JSON?
fn holds_secret(repository: &Repository, tree: &Tree<'_>, path: &str) -> bool {
    let Ok(entry) = tree.get_path(Path::new(path)) else {
        return false;
    };
    let Ok(blob) = repository.find_blob(entry.id()) else {
        return false;
    };
    String::from_utf8_lossy(blob.content()).lines().any(|line| {
        let plain: String = line
            .chars()
            .filter(|c| !c.is_whitespace() && !"\"',".contains(*c))
            .collect();
        plain.trim_start_matches('-') == "kind:Secret"
    })
}

/// A line of a manifest without the value of a key that is named like a secret.
fn hidden(line: &str) -> Cow<'_, str> {
    let Some((key, value)) = line.split_once(':') else {
        return Cow::Borrowed(line);
    };
    let name = key
        .trim_matches(|c: char| !c.is_ascii_alphanumeric())
        .to_ascii_lowercase()
        .replace(['-', '_'], "");
    let secret = [
        "password",
        "passwd",
        "secret",
        "token",
        "apikey",
        "privatekey",
    ]
    .iter()
    .any(|end| name.ends_with(end));
    if secret && !value.trim().is_empty() {
        Cow::Owned(format!("{key}: {REDACTED}"))
    } else {
        Cow::Borrowed(line)
    }
}

#[cfg(test)]
mod tests {
    use super::hidden;

    #[test]
    fn values_of_keys_that_are_named_like_secrets_are_not_told() {
        for (line, expect) in [
            ("  password: hunter2", "  password: •••"),
            ("\"DB_PASSWORD\": \"x\",", "\"DB_PASSWORD\": •••"),
            ("  api-key: x", "  api-key: •••"),
            ("  secretName: db", "  secretName: db"),
            ("  token:", "  token:"),
            ("image: r/a", "image: r/a"),
        ] {
            assert_eq!(hidden(line), expect);
        }
    }
}
