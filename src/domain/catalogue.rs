//! The catalogue of one project: commits that git names as releases, the numbers that the ledger gave them,
//! and the releases that follow from both (SPEC R2, R6).

pub mod images;

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Deref,
    sync::Arc,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    entry::{Body, Entry},
    migration::{RollbackWord, Said, Trail},
    project::Project,
    release::{Alias, AliasKind, Artifact, Commit, Release, Resources, Trigger},
    text::Clean,
    version::ReleaseType,
};

/// The releases of one project, oldest first. Shared: there may be a hundred thousand of them, and a task of its own for
/// every act.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<Release>", into = "Vec<Release>")]
pub struct Catalogue(Arc<Vec<Release>>);

impl Catalogue {
    pub fn as_slice(&self) -> &[Release] {
        &self.0
    }

    /// Copies them first, where somebody else reads them too.
    pub fn change(&mut self) -> &mut Vec<Release> {
        Arc::make_mut(&mut self.0)
    }
}

impl From<Vec<Release>> for Catalogue {
    fn from(releases: Vec<Release>) -> Self {
        Self(Arc::new(releases))
    }
}

impl From<Catalogue> for Vec<Release> {
    fn from(catalogue: Catalogue) -> Self {
        Arc::unwrap_or_clone(catalogue.0)
    }
}

impl Deref for Catalogue {
    type Target = [Release];

    fn deref(&self) -> &[Release] {
        &self.0
    }
}

/// One commit that is a release by the project's triggers (SPEC R5, R6), not yet numbered.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceCommit {
    pub commit: Commit,
    pub triggers: Vec<Trigger>,
    /// Tags as they stand in git, in full, that this project's strategy accepts, with the alias each gives.
    pub tags: Vec<(Clean, Clean)>,
    /// Branches that reach it.
    pub branches: Vec<Clean>,
    pub author: Clean,
    pub email: Clean,
    pub subject: Clean,
    pub committed_at: Timestamp,
    /// What its commits say of their way back.
    pub trail: Trail,
    /// From a registry, which knows other things than git.
    pub listed: Option<Box<Listed>>,
}

/// What a registry says of a release, and what it does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listed {
    pub artifacts: Vec<Artifact>,
    pub source: Option<Clean>,
    /// One phrase each.
    pub missing: Vec<Clean>,
}

/// What a project's stream says: which number each commit has, and what was created by hand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Register {
    pub numbers: BTreeMap<Commit, u64>,
    pub created: BTreeMap<Commit, Created>,
    /// Tags that somebody began to make, by their full names.
    pub tags: BTreeMap<Clean, Tagging>,
    /// Last position of the stream.
    pub position: u64,
    taken: BTreeSet<u64>,
}

/// What became of a tag that somebody began to make with `release tag`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tagging {
    pub commit: Commit,
    /// What the commit was made from, where it was made for this tag.
    pub base: Option<Commit>,
    pub branch: Option<Clean>,
    pub by: Clean,
    pub at: Timestamp,
    /// Where it was to be pushed.
    pub meant_for: Option<Clean>,
    pub made: bool,
    pub pushed_to: BTreeSet<Clean>,
}

impl Tagging {
    /// What whoever asked for it named.
    pub fn asked(&self) -> &Commit {
        self.base.as_ref().unwrap_or(&self.commit)
    }

    /// Something that was meant is not known to be done.
    pub fn is_open(&self) -> bool {
        !self.made
            || self
                .meant_for
                .as_ref()
                .is_some_and(|remote| !self.pushed_to.contains(remote))
    }
}

/// What `release create` recorded (SPEC R4).
#[derive(Clone, Debug, PartialEq)]
pub struct Created {
    pub by: Clean,
    pub at: Timestamp,
    pub release_type: Option<ReleaseType>,
    pub rollback: Option<RollbackWord>,
    pub artifacts: Vec<Artifact>,
    /// None: created before they counted.
    pub resources: Option<Resources>,
}

impl Register {
    pub fn of<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut register = Self::default();
        for entry in entries {
            register.enter(entry);
        }
        register
    }

    /// Folds one entry of the project's stream. A commit keeps its first number, and a number its first commit: a later
    /// entry that says otherwise changes nothing. What was created stays as it was created first.
    pub fn enter(&mut self, entry: &Entry) {
        self.position = entry.position;
        match &entry.body {
            Body::Numbered { number, commit }
                if !self.numbers.contains_key(commit) && self.taken.insert(*number) =>
            {
                self.numbers.insert(commit.clone(), *number);
            }
            Body::ReleaseCreated {
                commit,
                release_type,
                rollback,
                artifacts,
                resources,
            } => {
                self.created
                    .entry(commit.clone())
                    .or_insert_with(|| Created {
                        by: Clean::new(&entry.actor.name),
                        at: entry.at,
                        release_type: *release_type,
                        rollback: *rollback,
                        artifacts: artifacts.clone(),
                        resources: resources.clone(),
                    });
            }
            Body::Tagging {
                tag,
                commit,
                base,
                branch,
                remote,
            } => {
                let begun = Tagging {
                    commit: commit.clone(),
                    base: base.clone(),
                    branch: branch.clone(),
                    by: Clean::new(&entry.actor.name),
                    at: entry.at,
                    meant_for: remote.clone(),
                    made: false,
                    pushed_to: BTreeSet::new(),
                };
                // Of the same commit it is the same tag, which goes further than it was meant to.
                match self.tags.get_mut(tag) {
                    Some(known) if known.commit == *commit => known.meant_for.clone_from(remote),
                    _ => {
                        self.tags.insert(tag.clone(), begun);
                    }
                }
            }
            Body::TagDropped { tag, commit, .. } => {
                self.tags
                    .retain(|name, known| name != tag || known.commit != *commit);
            }
            Body::Tagged {
                tag,
                commit,
                remote,
            } => {
                if let Some(known) = self.tags.get_mut(tag).filter(|it| it.commit == *commit) {
                    known.made = true;
                    known.pushed_to.extend(remote.clone());
                }
            }
            _ => {}
        }
    }

    /// The number that the first commit without one gets; each one after it gets the next.
    pub fn next_number(&self) -> u64 {
        self.taken.last().map_or(1, |last| last + 1)
    }

    /// As if these had the next numbers already.
    pub fn foretell(&mut self, commits: Vec<Commit>) {
        for (commit, number) in commits.into_iter().zip(self.next_number()..) {
            self.taken.insert(number);
            self.numbers.insert(commit, number);
        }
    }
}

/// The commits that have no number yet, oldest first: the first import numbers by commit time, later ones go
/// on in the order they are seen.
pub fn unnumbered(commits: &[SourceCommit], numbers: &BTreeMap<Commit, u64>) -> Vec<Commit> {
    let mut fresh: Vec<&SourceCommit> = commits
        .iter()
        .filter(|source| !numbers.contains_key(&source.commit))
        .collect();
    // Stable: among equal times the source's order stays, parents before children.
    fresh.sort_by_key(|source| source.committed_at);
    let mut seen = BTreeSet::new();
    fresh
        .into_iter()
        .filter(|source| seen.insert(&source.commit))
        .map(|source| source.commit.clone())
        .collect()
}

/// The numbered commits as releases, in the order of their numbers. A commit without a number is no release
/// yet; a number whose commit git no longer names is left out.
pub fn assemble(project: &Project, commits: &[SourceCommit], register: &Register) -> Vec<Release> {
    let mut releases: Vec<Release> = commits
        .iter()
        .filter_map(|source| {
            let number = *register.numbers.get(&source.commit)?;
            let created = register.created.get(&source.commit);
            Some(release(project, source, number, created))
        })
        .collect();
    releases.sort_by_key(|release| release.number);
    releases.dedup_by_key(|release| release.number);
    releases
}

fn release(
    project: &Project,
    source: &SourceCommit,
    number: u64,
    created: Option<&Created>,
) -> Release {
    let tags = source.tags.iter().map(|(full, name)| Alias {
        kind: AliasKind::Tag,
        name: name.clone(),
        full: (full != name).then(|| full.clone()),
    });
    let branches = project
        .branch_aliases
        .iter()
        .filter(|branch| source.branches.iter().any(|b| b.as_ref() == *branch))
        .map(|branch| Alias {
            kind: AliasKind::Branch,
            name: Clean::new(&format!("{}-{number}", branch.replace('/', "-"))),
            full: None,
        });
    let listed = source.listed.as_deref();
    let found = || listed.map_or_else(Vec::new, |listed| listed.artifacts.clone());
    Release {
        project: project.id.clone(),
        number,
        commit: source.commit.clone(),
        aliases: tags
            .chain(branches)
            .filter(|alias| Alias::may_be_named(alias.name.as_ref()))
            .collect(),
        triggers: source.triggers.clone(),
        branches: source.branches.clone(),
        author: source.author.clone(),
        email: source.email.clone(),
        subject: source.subject.clone(),
        committed_at: source.committed_at,
        artifacts: created.map_or_else(found, |created| created.artifacts.clone()),
        release_type: created.and_then(|created| created.release_type),
        missing: listed.map_or_else(Vec::new, |listed| listed.missing.clone()),
        resources: created
            .and_then(|created| created.resources.clone())
            .map(Box::new),
        lineage: Box::default(),
        trail: Box::new(trail(source, number, created)),
    }
}

/// What its commits say, and who created it.
fn trail(source: &SourceCommit, number: u64, created: Option<&Created>) -> Trail {
    let mut trail = source.trail.clone();
    let word = created.and_then(|created| Some((created, created.rollback?)));
    trail.said.extend(word.map(|(created, word)| Said {
        by: Clean::new(&format!("{}, who created release {number}", created.by)),
        word: Some(word),
        typed: Clean::new(word.word()),
        whole: true,
    }));
    trail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        project::{CatalogueSource, ImageSource, ProjectId, TagStrategy, Triggers},
        version_file::Preparing,
    };

    fn commit(digit: char) -> Commit {
        Commit::parse(&digit.to_string().repeat(40)).expect("hex")
    }

    fn source(digit: char, second: i64) -> SourceCommit {
        SourceCommit {
            commit: commit(digit),
            triggers: vec![],
            tags: vec![],
            branches: vec![],
            author: "Dana".into(),
            email: "dana@example.com".into(),
            subject: "a change".into(),
            trail: Trail::default(),
            committed_at: Timestamp::from_second(second).expect("in range"),
            listed: None,
        }
    }

    fn project() -> Project {
        Project {
            id: ProjectId::parse("acme/shop/auth").expect("valid"),
            source: "/nowhere".into(),
            tags: TagStrategy::Monorepo,
            branches: vec!["main".into()],
            branch_aliases: vec!["main".into(), "release/1".into()],
            triggers: Triggers::default(),
            manifests: vec![],
            preparing: Preparing::default(),
            catalogue: CatalogueSource::Git,
            image: ImageSource {
                name: "r/acme".into(),
                endpoint: "https://r".into(),
                repository: "acme".into(),
            },
        }
    }

    #[test]
    fn the_first_import_goes_by_commit_time_and_later_ones_go_on_after_it() {
        let first = [source('b', 20), source('a', 10)];
        let fresh = unnumbered(&first, &BTreeMap::new());
        assert_eq!(fresh, [commit('a'), commit('b')]);
        let mut register = Register::default();
        register.foretell(fresh);

        // An older commit that is seen later still comes after what has a number.
        let later = [source('c', 5), source('a', 10), source('b', 20)];
        let fresh = unnumbered(&later, &register.numbers);
        assert_eq!(fresh, [commit('c')]);
        assert_eq!(register.next_number(), 3);
        register.foretell(fresh);
        let releases = assemble(&project(), &later, &register);
        let in_order: Vec<u64> = releases.iter().map(|r| r.number).collect();
        assert_eq!(in_order, [1, 2, 3]);
        assert_eq!(releases[2].commit, commit('c'));
    }

    #[test]
    fn tags_and_the_branches_named_give_aliases() {
        let mut one = source('a', 1);
        one.tags = vec![
            ("auth/v1.0.0".into(), "v1.0.0".into()),
            ("deadbee".into(), "deadbee".into()),
        ];
        one.branches = vec!["main".into(), "release/1".into(), "other".into()];
        let mut register = Register::default();
        register.numbers.insert(commit('a'), 7);
        let releases = assemble(&project(), &[one], &register);
        let names: Vec<&str> = releases[0]
            .aliases
            .iter()
            .map(|a| a.name.as_ref())
            .collect();
        assert_eq!(names, ["v1.0.0", "main-7", "release-1-7"]);
        assert_eq!(releases[0].aliases[0].full, Some("auth/v1.0.0".into()));
        assert_eq!(releases[0].friendly(), Some("v1.0.0"));
    }

    #[test]
    fn a_commit_without_a_number_is_no_release_yet() {
        assert!(assemble(&project(), &[source('a', 1)], &Register::default()).is_empty());
    }
}
