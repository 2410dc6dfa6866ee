//! What commits say of their way back (`Rollback: …`), by the release that came with them.

use std::collections::{BTreeSet, HashMap};

use git2::Repository;

use super::{graph::Graph, kept::Kept};
use crate::domain::{
    migration::{Said, Trail},
    release::Commit,
};

/// Of every release in `named`: what its commits say that no release below it has, and which those are. Empty where no
/// commit says anything, which costs one look at each.
pub(super) fn of(
    repository: &Repository,
    kept: &mut Kept,
    graph: &Graph,
    named: &BTreeSet<usize>,
) -> HashMap<usize, Trail> {
    let commit = |at: usize| Commit::parse(&graph.id(at)?.to_string());
    let mut says: HashMap<usize, Said> = HashMap::new();
    for at in graph.all() {
        let link = graph.id(at).and_then(|id| kept.link(repository, id).ok());
        let typed = link.and_then(|link| link.rollback.as_deref());
        if let Some((typed, commit)) = typed.zip(commit(at)) {
            says.insert(at, Said::by_commit(&commit, typed));
        }
    }
    if says.is_empty() {
        return HashMap::new();
    }
    let trail = |release: usize| {
        let mut trail = Trail::default();
        let (mut seen, mut open) = (BTreeSet::from([release]), vec![release]);
        while let Some(at) = open.pop() {
            trail.said.extend(says.get(&at).cloned());
            for parent in graph.parents(at).iter().copied() {
                if !seen.insert(parent) {
                    continue;
                }
                if named.contains(&parent) {
                    trail.below.extend(commit(parent));
                } else {
                    open.push(parent);
                }
            }
        }
        trail.said.sort();
        trail
    };
    named.iter().map(|at| (*at, trail(*at))).collect()
}
