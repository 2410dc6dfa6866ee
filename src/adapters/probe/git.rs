//! Questions to a project's repository about one release's commit, and copies of it. Read with libgit2: no hook runs,
//! nothing is fetched.

use std::{collections::BTreeSet, path::Path};

use git2::{Commit, DiffOptions, Oid, Repository, Sort, build::CheckoutBuilder};
use globset::{Glob, GlobSetBuilder};

use crate::{
    domain::{
        plan::GitProbe,
        release::{self, ReleaseRef},
    },
    ports::run::Order,
};

/// So many commits or places are named in an answer.
const SOME: usize = 3;

/// The answer and its sentence, or why there is none. Blocking.
pub fn ask(question: &GitProbe, order: &Order) -> Result<(bool, String), String> {
    let repository = open(&order.source)?;
    let commit = find(&repository, &order.release)?;
    match question {
        GitProbe::Merged { branch } => merged(&repository, &commit, branch),
        GitProbe::Tagged => tagged(&repository, &commit),
        GitProbe::Changed { paths } => {
            let before = before(&repository, order)?;
            changed(&repository, before.as_ref(), &commit, paths)
        }
        GitProbe::NoNewTodo => {
            let before = before(&repository, order)?;
            no_new_todo(&repository, before.as_ref(), &commit)
        }
        GitProbe::Changelog { path } => changelog(&repository, &commit, path),
        GitProbe::Reviewed { by } => {
            let before = before(&repository, order)?;
            reviewed(&repository, before.as_ref(), &commit, *by)
        }
    }
}

/// The files of `commit` as they were committed, into an empty folder. Blocking.
pub fn check_out(source: &Path, commit: &release::Commit, into: &Path) -> Result<(), String> {
    let repository = open(source)?;
    let id = Oid::from_str(commit.as_str()).map_err(|error| error.message().to_owned())?;
    let failed =
        |error: git2::Error| format!("copying commit {}: {}", commit.short(), error.message());
    let tree = repository
        .find_commit(id)
        .and_then(|commit| commit.tree())
        .map_err(failed)?;
    let mut options = CheckoutBuilder::new();
    // The repository's own index stays as it is.
    options.target_dir(into).force().update_index(false);
    repository
        .checkout_tree(tree.as_object(), Some(&mut options))
        .map_err(failed)
}

fn open(source: &Path) -> Result<Repository, String> {
    Repository::open(source)
        .map_err(|error| format!("the repository {}: {}", source.display(), error.message()))
}

fn find<'r>(repository: &'r Repository, release: &ReleaseRef) -> Result<Commit<'r>, String> {
    let id = Oid::from_str(release.commit.as_str()).map_err(|error| error.message().to_owned())?;
    repository.find_commit(id).map_err(|_| {
        format!(
            "commit {} is not in this clone; fetch it first",
            release.commit.short()
        )
    })
}

/// None: nothing was live before.
fn before<'r>(repository: &'r Repository, order: &Order) -> Result<Option<Commit<'r>>, String> {
    let Some(before) = &order.before else {
        return Ok(None);
    };
    if before.is_only_a_revision() {
        return Err(
            "what is live was not deployed by gonogo, so nobody knows since when to look"
                .to_owned(),
        );
    }
    find(repository, before).map(Some)
}

fn told(error: &git2::Error) -> String {
    format!("reading the repository: {}", error.message())
}

fn short(id: Oid) -> String {
    id.to_string().chars().take(7).collect()
}

fn merged(
    repository: &Repository,
    commit: &Commit,
    branch: &str,
) -> Result<(bool, String), String> {
    let tip = repository
        .find_branch(branch, git2::BranchType::Local)
        .and_then(|branch| branch.get().peel_to_commit())
        .map_err(|_| format!("there is no branch {branch} in this clone"))?;
    let within = tip.id() == commit.id()
        || repository
            .graph_descendant_of(tip.id(), commit.id())
            .map_err(|error| told(&error))?;
    let id = short(commit.id());
    Ok(if within {
        (true, format!("commit {id} is on {branch}"))
    } else {
        (false, format!("commit {id} is not on {branch}"))
    })
}

/// The versions that tags give the commit, without what a monorepo writes before them.
fn versions(repository: &Repository, commit: &Commit) -> Result<Vec<String>, String> {
    let names = tags_of(repository, commit)?;
    let versions = names.iter().filter_map(|name| {
        let last = name.rsplit('/').next().unwrap_or(name);
        let bare = last.strip_prefix('v').unwrap_or(last);
        bare.starts_with(|c: char| c.is_ascii_digit())
            .then(|| bare.to_owned())
    });
    Ok(versions.collect())
}

fn changelog(
    repository: &Repository,
    commit: &Commit,
    path: &str,
) -> Result<(bool, String), String> {
    let id = short(commit.id());
    let versions = versions(repository, commit)?;
    if versions.is_empty() {
        return Ok((false, format!("no tag gives commit {id} a version")));
    }
    let blob = commit
        .tree()
        .and_then(|tree| tree.get_path(Path::new(path)))
        .and_then(|entry| entry.to_object(repository))
        .and_then(|object| object.peel_to_blob());
    let Ok(blob) = blob else {
        return Ok((false, format!("commit {id} has no {path}")));
    };
    let text = String::from_utf8_lossy(blob.content()).into_owned();
    let headings = || text.lines().filter(|line| line.starts_with('#'));
    let within = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    let named = |version: &&String| {
        headings().any(|line| {
            let mut words = line.split(|c| !within(c));
            words.any(|word| word.strip_prefix('v').unwrap_or(word) == version.as_str())
        })
    };
    Ok(match versions.iter().find(named) {
        Some(version) => (
            true,
            format!("{path} of commit {id} has a heading for {version}"),
        ),
        None => (
            false,
            format!(
                "{path} of commit {id} has no heading for {}",
                versions.join(", ")
            ),
        ),
    })
}

fn tags_of(repository: &Repository, commit: &Commit) -> Result<Vec<String>, String> {
    let references = repository
        .references_glob("refs/tags/*")
        .map_err(|error| told(&error))?;
    let here = references.flatten().filter(|reference| {
        let leads = reference.peel_to_commit();
        leads.is_ok_and(|tagged| tagged.id() == commit.id())
    });
    let name = |it: git2::Reference<'_>| String::from_utf8_lossy(it.shorthand_bytes()).into_owned();
    Ok(here.map(name).collect())
}

fn tagged(repository: &Repository, commit: &Commit) -> Result<(bool, String), String> {
    let names = tags_of(repository, commit)?;
    let id = short(commit.id());
    Ok(if names.is_empty() {
        (false, format!("no tag names commit {id}"))
    } else {
        (true, format!("commit {id} is {}", names.join(", ")))
    })
}

fn difference<'r>(
    repository: &'r Repository,
    before: Option<&Commit>,
    commit: &Commit,
    context: u32,
) -> Result<git2::Diff<'r>, git2::Error> {
    let old = before.map(Commit::tree).transpose()?;
    let mut options = DiffOptions::new();
    options.context_lines(context);
    repository.diff_tree_to_tree(old.as_ref(), Some(&commit.tree()?), Some(&mut options))
}

fn changed(
    repository: &Repository,
    before: Option<&Commit>,
    commit: &Commit,
    paths: &[String],
) -> Result<(bool, String), String> {
    let mut globs = GlobSetBuilder::new();
    for path in paths {
        globs.add(Glob::new(path).map_err(|error| error.to_string())?);
    }
    let globs = globs.build().map_err(|error| error.to_string())?;
    let difference = difference(repository, before, commit, 0).map_err(|error| told(&error))?;
    let hit: Vec<String> = difference
        .deltas()
        .filter_map(|delta| delta.new_file().path().map(Path::to_owned))
        .filter(|path| globs.is_match(path))
        .map(|path| path.display().to_string())
        .collect();
    let since = before.map_or_else(String::new, |before| {
        format!(" since {}", short(before.id()))
    });
    Ok(if hit.is_empty() {
        (
            false,
            format!("nothing of {} changed{since}", paths.join(", ")),
        )
    } else {
        (true, format!("changed{since}: {}", some(&hit)))
    })
}

/// The first few, and how many more there are.
fn some(all: &[String]) -> String {
    let first = all
        .iter()
        .take(SOME)
        .cloned()
        .collect::<Vec<_>>()
        .join(", ");
    match all.len().saturating_sub(SOME) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn no_new_todo(
    repository: &Repository,
    before: Option<&Commit>,
    commit: &Commit,
) -> Result<(bool, String), String> {
    let difference = difference(repository, before, commit, 0).map_err(|error| told(&error))?;
    let mut found = Vec::new();
    let walked = difference.foreach(
        &mut |_, _| true,
        None,
        None,
        Some(&mut |delta, _, line| {
            let says = |word: &[u8]| memchr::memmem::find(line.content(), word).is_some();
            if line.origin() == '+' && (says(b"TODO") || says(b"FIXME")) {
                let file = delta
                    .new_file()
                    .path()
                    .map(|path| path.display().to_string());
                let at = line.new_lineno().unwrap_or_default();
                found.push(format!("{}:{at}", file.unwrap_or_default()));
            }
            true
        }),
    );
    walked.map_err(|error| told(&error))?;
    Ok(if found.is_empty() {
        (true, "no line that was added says TODO or FIXME".to_owned())
    } else {
        (
            false,
            format!(
                "{} added lines say TODO or FIXME: {}",
                found.len(),
                some(&found)
            ),
        )
    })
}

/// Merges are reviewed by whoever merges; what they bring is what is looked at.
fn reviewed(
    repository: &Repository,
    before: Option<&Commit>,
    commit: &Commit,
    by: u64,
) -> Result<(bool, String), String> {
    let walk = || -> Result<(usize, Vec<String>), git2::Error> {
        let mut walk = repository.revwalk()?;
        walk.set_sorting(Sort::TOPOLOGICAL)?;
        walk.push(commit.id())?;
        if let Some(before) = before {
            walk.hide(before.id())?;
        }
        let (mut all, mut lacking) = (0, Vec::new());
        for id in walk {
            let commit = repository.find_commit(id?)?;
            if commit.parent_count() > 1 {
                continue;
            }
            all += 1;
            if (reviewers(&commit).len() as u64) < by {
                lacking.push(short(commit.id()));
            }
        }
        Ok((all, lacking))
    };
    let (all, lacking) = walk().map_err(|error| told(&error))?;
    Ok(if lacking.is_empty() {
        (true, format!("all {all} commits were reviewed by {by}"))
    } else {
        (
            false,
            format!(
                "{} of {all} commits were not reviewed by {by}: {}",
                lacking.len(),
                some(&lacking)
            ),
        )
    })
}

/// Of the `Reviewed-by:` trailers, each person once and never the author.
fn reviewers(commit: &Commit) -> BTreeSet<String> {
    let author = commit.author();
    let author = String::from_utf8_lossy(author.email_bytes()).to_lowercase();
    let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
    let trailers = git2::message_trailers_strs(&message);
    let Ok(trailers) = trailers else {
        return BTreeSet::new();
    };
    trailers
        .iter()
        .filter(|(key, _)| key.eq_ignore_ascii_case("reviewed-by"))
        .map(|(_, person)| {
            let email = person.rsplit_once('<').map(|(_, email)| email);
            email
                .unwrap_or(person)
                .trim_end_matches('>')
                .trim()
                .to_lowercase()
        })
        .filter(|person| *person != author)
        .collect()
}
