//! The commits behind a few tips, in memory, each once: who is whose parent, how deep, and which tips reach
//! it. Everything here is linear in commits and edges, times tips over 64 for reaching.

use std::collections::HashMap;

use git2::{Oid, Repository};

use super::kept::Kept;

pub(super) struct Graph {
    places: HashMap<Oid, usize>,
    nodes: Vec<Node>,
    /// Children before parents.
    order: Vec<usize>,
    /// Commits that should be there and cannot be read, the first of them with its reason.
    pub lost: usize,
    pub first_lost: Option<(Oid, String)>,
}

struct Node {
    id: Oid,
    /// Places of the parents that are there; the first parent is first, if it is.
    parents: Vec<usize>,
    /// Whether `parents` begins with the first parent.
    has_first: bool,
    /// Seconds since 1970, as committed.
    time: i64,
    /// Longest way to a root: parents have less than their children, whatever the clocks said.
    depth: usize,
}

/// When a commit came: by its clock, among equals parents first, then by id, so that two people who import
/// the same history number it the same.
type Age = (i64, usize, Oid);

impl Graph {
    /// Everything that the tips reach. A parent that is not there (a shallow clone, a damaged store) ends its
    /// line.
    pub fn load(repository: &Repository, kept: &mut Kept, tips: impl Iterator<Item = Oid>) -> Self {
        let mut graph = Self {
            places: HashMap::new(),
            nodes: Vec::new(),
            order: Vec::new(),
            lost: 0,
            first_lost: None,
        };
        let mut open: Vec<usize> = Vec::new();
        for tip in tips {
            if let Some((at, true)) = graph.place(repository, kept, tip) {
                open.push(at);
            }
        }
        while let Some(at) = open.pop() {
            let Some(id) = graph.id(at) else { continue };
            let Ok(link) = kept.link(repository, id) else {
                continue;
            };
            for (nth, parent) in link.parents.clone().into_iter().enumerate() {
                let Some((parent, new)) = graph.place(repository, kept, parent) else {
                    continue;
                };
                if new {
                    open.push(parent);
                }
                if let Some(node) = graph.nodes.get_mut(at) {
                    node.has_first |= nth == 0;
                    node.parents.push(parent);
                }
            }
        }
        graph.sort();
        graph
    }

    /// The place of a commit, and whether it is new here; none if it cannot be read.
    fn place(
        &mut self,
        repository: &Repository,
        kept: &mut Kept,
        id: Oid,
    ) -> Option<(usize, bool)> {
        if let Some(at) = self.places.get(&id) {
            return Some((*at, false));
        }
        let time = match kept.link(repository, id) {
            Ok(link) => link.time,
            Err(error) => {
                tracing::warn!(commit = %id, error = error.message(), "a commit that cannot be read ends its line");
                self.lost += 1;
                self.first_lost
                    .get_or_insert_with(|| (id, error.message().to_owned()));
                return None;
            }
        };
        let at = self.nodes.len();
        self.places.insert(id, at);
        self.nodes.push(Node {
            id,
            parents: Vec::new(),
            has_first: false,
            time,
            depth: 0,
        });
        Some((at, true))
    }

    /// Kahn's order, and the depths from it.
    fn sort(&mut self) {
        let mut children = vec![0_usize; self.nodes.len()];
        for parent in self.nodes.iter().flat_map(|node| &node.parents) {
            if let Some(count) = children.get_mut(*parent) {
                *count += 1;
            }
        }
        let mut ready: Vec<usize> = (0..self.nodes.len())
            .filter(|at| children.get(*at) == Some(&0))
            .collect();
        while let Some(at) = ready.pop() {
            self.order.push(at);
            for parent in self.parents(at) {
                if let Some(count) = children.get_mut(*parent) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push(*parent);
                    }
                }
            }
        }
        for at in self.order.iter().rev() {
            let below = self.parents(*at).iter().filter_map(|p| self.nodes.get(*p));
            let depth = below.map(|parent| parent.depth + 1).max().unwrap_or(0);
            if let Some(node) = self.nodes.get_mut(*at) {
                node.depth = depth;
            }
        }
    }

    pub fn parents(&self, at: usize) -> &[usize] {
        self.nodes.get(at).map_or(&[], |node| &node.parents)
    }

    pub fn find(&self, id: Oid) -> Option<usize> {
        self.places.get(&id).copied()
    }

    /// The places of all commits.
    pub fn all(&self) -> std::ops::Range<usize> {
        0..self.nodes.len()
    }

    pub fn id(&self, at: usize) -> Option<Oid> {
        self.nodes.get(at).map(|node| node.id)
    }

    pub fn age(&self, at: usize) -> Option<Age> {
        let node = self.nodes.get(at)?;
        Some((node.time, node.depth, node.id))
    }

    /// The line of first parents from a tip down: what was pushed or merged to that branch.
    pub fn first_parents(&self, tip: Oid) -> impl Iterator<Item = usize> {
        std::iter::successors(self.find(tip), |at| {
            let node = self.nodes.get(*at).filter(|node| node.has_first)?;
            node.parents.first().copied()
        })
    }

    /// For every commit, the tips that reach it: one pass from children to parents, one bit a tip.
    pub fn reached_by(&self, tips: &[Oid]) -> Reached {
        let words = tips.len().div_ceil(64);
        let mut bits = vec![0_u64; words * self.nodes.len()];
        for (nth, tip) in tips.iter().enumerate() {
            let word = self.find(*tip).map(|at| at * words + nth / 64);
            if let Some(word) = word.and_then(|word| bits.get_mut(word)) {
                *word |= 1 << (nth % 64);
            }
        }
        for at in &self.order {
            for parent in self.parents(*at) {
                for word in 0..words {
                    let from = bits.get(at * words + word).copied().unwrap_or(0);
                    if let Some(to) = bits.get_mut(parent * words + word) {
                        *to |= from;
                    }
                }
            }
        }
        Reached { words, bits }
    }
}

pub(super) struct Reached {
    words: usize,
    bits: Vec<u64>,
}

impl Reached {
    /// Which tips, by their place in the list that was asked, reach this commit.
    pub fn of(&self, at: usize) -> impl Iterator<Item = usize> {
        let words = self.bits.iter().skip(at * self.words).take(self.words);
        words.enumerate().flat_map(|(nth, word)| {
            (0..64_usize)
                .filter(move |bit| word & (1 << bit) != 0)
                .map(move |bit| nth * 64 + bit)
        })
    }
}
