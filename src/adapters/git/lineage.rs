//! Which releases have what a hotfix fixed: by ancestry, else by `git patch-id --stable`, else by the patch id of the
//! whole branch, as a squash makes it. Bounded: what is too much to look at is said to be unknown, never guessed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use git2::{Diff, DiffOptions, Oid, Repository, Sort};

use crate::domain::{
    hotfix::{Asked, Carried, Fix, How, Lineage},
    release::Commit,
    text::Clean,
};

/// A hotfix of more commits than this is no hotfix.
const FIXES: usize = 200;
/// So many commits since the branch point are looked at.
const COMMITS: usize = 5_000;

/// For each release that there is something to say of. The error is why one hotfix could not be looked at.
pub(super) fn of(
    repository: &Repository,
    asked: &[Asked],
    releases: &[Commit],
) -> BTreeMap<Commit, Lineage> {
    let mut found: BTreeMap<Commit, Lineage> = BTreeMap::new();
    for one in asked {
        if let Err(why) = hotfix(repository, one, releases, &mut found) {
            let why = Clean::new(&format!("hotfix {}: {why}", one.mark.name));
            for release in releases {
                let lineage = found.entry(release.clone()).or_default();
                lineage.unknown.get_or_insert_with(|| why.clone());
            }
        }
    }
    found
}

/// How a commit has a fix.
#[derive(Clone, Copy)]
struct By {
    commit: Oid,
    how: How,
}

fn hotfix(
    repository: &Repository,
    asked: &Asked,
    releases: &[Commit],
    found: &mut BTreeMap<Commit, Lineage>,
) -> Result<(), String> {
    let words = |error: git2::Error| error.message().to_owned();
    let oid = |commit: &Commit| Oid::from_str(commit.as_str()).map_err(words);
    let from = oid(&asked.from)?;
    repository.find_commit(from).map_err(|_| {
        format!(
            "the commit {} that it began on is not here",
            asked.from.short()
        )
    })?;
    let tips = tips(repository, asked);
    let fixes = fixes(repository, from, &tips).map_err(words)?;
    if fixes.len() > FIXES {
        return Err(format!("its branch has more than {FIXES} commits"));
    }
    if fixes.is_empty() {
        return Ok(());
    }
    let named: Vec<Fix> = fixes
        .iter()
        .filter_map(|id| named(repository, asked, *id))
        .collect();
    for line in &tips {
        for commit in own(repository, from, *line).map_err(words)? {
            if let Some(commit) = Commit::parse(&commit.to_string())
                && releases.contains(&commit)
            {
                found.entry(commit).or_default().of = Some(asked.mark.clone());
            }
        }
    }
    let reached: Vec<Oid> = releases.iter().filter_map(|r| oid(r).ok()).collect();
    let holds = holds(repository, from, &tips, &fixes, &reached).map_err(words)?;
    let Some(holds) = holds else {
        return Err(format!(
            "more than {COMMITS} commits lie after {}",
            asked.from.short()
        ));
    };
    for release in releases {
        let Some(holds) = oid(release).ok().and_then(|id| holds.get(&id)) else {
            // Not younger than the hotfix: it has none of it.
            continue;
        };
        let lineage = found.entry(release.clone()).or_default();
        for (place, fix) in named.iter().enumerate() {
            match holds.get(&place) {
                Some(by) => lineage
                    .has
                    .extend(Commit::parse(&by.commit.to_string()).map(|by_id| Carried {
                        fix: fix.clone(),
                        by: by_id,
                        how: by.how,
                    })),
                None => lineage.lacks.push(fix.clone()),
            }
        }
    }
    Ok(())
}

/// Its branch as it stands, and what was flown of it, as far as that is still here.
fn tips(repository: &Repository, asked: &Asked) -> Vec<Oid> {
    let branch = format!("refs/heads/{}", asked.mark.branch);
    let branch = repository
        .find_reference(&branch)
        .and_then(|reference| reference.peel_to_commit())
        .map(|commit| commit.id());
    let flown = asked.flown.iter().filter_map(|commit| {
        let id = Oid::from_str(commit.as_str()).ok()?;
        repository.find_commit(id).ok().map(|commit| commit.id())
    });
    let tips: BTreeSet<Oid> = branch.into_iter().chain(flown).collect();
    tips.into_iter().collect()
}

/// What its branch has beyond where it began, oldest first. Merges bring commits of their own and have no patch.
fn fixes(repository: &Repository, from: Oid, tips: &[Oid]) -> Result<Vec<Oid>, git2::Error> {
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)?;
    for tip in tips {
        walk.push(*tip)?;
    }
    walk.hide(from)?;
    let mut fixes = Vec::new();
    for id in walk {
        let id = id?;
        if repository.find_commit(id)?.parent_count() < 2 {
            fixes.push(id);
        }
        if fixes.len() > FIXES {
            break;
        }
    }
    Ok(fixes)
}

/// The line of first parents: what the branch itself made, not what was merged into it.
fn own(repository: &Repository, from: Oid, tip: Oid) -> Result<Vec<Oid>, git2::Error> {
    let mut walk = repository.revwalk()?;
    walk.simplify_first_parent()?;
    walk.push(tip)?;
    walk.hide(from)?;
    walk.take(COMMITS).collect()
}

fn named(repository: &Repository, asked: &Asked, id: Oid) -> Option<Fix> {
    let commit = repository.find_commit(id).ok()?;
    let subject = String::from_utf8_lossy(commit.summary_bytes().unwrap_or_default()).into_owned();
    Some(Fix {
        hotfix: asked.mark.name.clone(),
        commit: Commit::parse(&id.to_string())?,
        subject: Clean::from(subject),
    })
}

/// By commit, the fixes it has by their place.
type Holds = HashMap<Oid, BTreeMap<usize, By>>;

/// For each commit since the branch point, the fixes it has, by their place; None where there are too many commits.
/// Parents come first, so a commit has what its parents have and what it is itself.
fn holds(
    repository: &Repository,
    from: Oid,
    tips: &[Oid],
    fixes: &[Oid],
    releases: &[Oid],
) -> Result<Option<Holds>, git2::Error> {
    let patches = Patches::of(repository, from, tips, fixes)?;
    let mut walk = repository.revwalk()?;
    walk.set_sorting(Sort::TOPOLOGICAL | Sort::REVERSE)?;
    for id in releases.iter().chain(tips) {
        // A release that git does not have any more reaches nothing.
        let _ = walk.push(*id);
    }
    walk.hide(from)?;
    let mut holds = Holds::new();
    for id in walk {
        let id = id?;
        if holds.len() == COMMITS {
            return Ok(None);
        }
        let commit = repository.find_commit(id)?;
        let mut has: BTreeMap<usize, By> = BTreeMap::new();
        for parent in commit.parent_ids() {
            if let Some(inherited) = holds.get(&parent) {
                for (place, by) in inherited {
                    has.entry(*place).or_insert(*by);
                }
            }
        }
        if let Some(place) = fixes.iter().position(|fix| *fix == id) {
            let how = How::Commit;
            has.insert(place, By { commit: id, how });
        } else if commit.parent_count() == 1 && has.len() < fixes.len() {
            for (place, how) in patches.matching(repository, id)? {
                has.entry(place).or_insert(By { commit: id, how });
            }
        }
        holds.insert(id, has);
    }
    Ok(Some(holds))
}

/// Paths that a change touches: cheap to read, and unequal for almost all that is not the same change.
type Paths = BTreeSet<Vec<u8>>;

struct Patches {
    /// Of each fix, by its place; an empty change has none.
    single: Vec<(usize, Paths, Oid)>,
    /// Of each whole branch, with the places of what it holds.
    whole: Vec<(Vec<usize>, Paths, Oid)>,
}

impl Patches {
    fn of(
        repository: &Repository,
        from: Oid,
        tips: &[Oid],
        fixes: &[Oid],
    ) -> Result<Self, git2::Error> {
        let mut patches = Self {
            single: Vec::new(),
            whole: Vec::new(),
        };
        for (place, fix) in fixes.iter().enumerate() {
            if let Some((paths, id)) = patch(&of_commit(repository, *fix)?)? {
                patches.single.push((place, paths, id));
            }
        }
        // Every point of the branch may be what was squashed; its tips are what people squash.
        for tip in tips {
            let places: Vec<usize> = fixes
                .iter()
                .enumerate()
                .filter(|(_, fix)| {
                    *fix == tip || repository.graph_descendant_of(*tip, **fix).unwrap_or(false)
                })
                .map(|(place, _)| place)
                .collect();
            if places.len() < 2 {
                continue;
            }
            if let Some((paths, id)) = patch(&between(repository, from, *tip)?)? {
                patches.whole.push((places, paths, id));
            }
        }
        Ok(patches)
    }

    /// Which fixes this commit is the same change as.
    fn matching(&self, repository: &Repository, id: Oid) -> Result<Vec<(usize, How)>, git2::Error> {
        let diff = of_commit(repository, id)?;
        let touched = paths(&diff);
        let any = self.single.iter().any(|(_, paths, _)| *paths == touched)
            || self.whole.iter().any(|(_, paths, _)| *paths == touched);
        if !any {
            return Ok(Vec::new());
        }
        let id = diff.patchid(None)?;
        let single = self.single.iter().filter(|(_, _, patch)| *patch == id);
        let mut found: Vec<(usize, How)> =
            single.map(|(place, _, _)| (*place, How::PatchId)).collect();
        for (places, _, patch) in &self.whole {
            if *patch == id {
                found.extend(places.iter().map(|place| (*place, How::Squash)));
            }
        }
        Ok(found)
    }
}

fn options() -> DiffOptions {
    let mut options = DiffOptions::new();
    // As `git diff` has them: a patch id is over the text that it prints.
    options.context_lines(3).interhunk_lines(0);
    options
}

fn of_commit(repository: &Repository, id: Oid) -> Result<Diff<'_>, git2::Error> {
    let commit = repository.find_commit(id)?;
    let before = commit.parents().next().map(|p| p.tree()).transpose()?;
    repository.diff_tree_to_tree(before.as_ref(), Some(&commit.tree()?), Some(&mut options()))
}

fn between(repository: &Repository, from: Oid, to: Oid) -> Result<Diff<'_>, git2::Error> {
    let tree = |id| repository.find_commit(id)?.tree();
    repository.diff_tree_to_tree(Some(&tree(from)?), Some(&tree(to)?), Some(&mut options()))
}

fn paths(diff: &Diff<'_>) -> Paths {
    let both = diff.deltas().flat_map(|delta| {
        let old = delta.old_file().path_bytes().map(<[u8]>::to_vec);
        let new = delta.new_file().path_bytes().map(<[u8]>::to_vec);
        [old, new]
    });
    both.flatten().collect()
}

fn patch(diff: &Diff<'_>) -> Result<Option<(Paths, Oid)>, git2::Error> {
    let touched = paths(diff);
    if touched.is_empty() {
        return Ok(None);
    }
    Ok(Some((touched, diff.patchid(None)?)))
}
