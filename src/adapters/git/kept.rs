//! What was read of the commits of one repository. A commit never changes, so nothing here goes stale; only what cannot
//! be read is asked for again.

use std::collections::HashMap;

use git2::{Oid, Repository};

use super::lossy;
use crate::domain::{migration, text::Clean};

#[derive(Debug, Default)]
pub(super) struct Kept {
    links: HashMap<Oid, Link>,
    told: HashMap<Oid, Told>,
    reads: usize,
    /// So many of them are in its file.
    saved: usize,
}

/// How a commit hangs together with others.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Link {
    pub parents: Vec<Oid>,
    /// Seconds since 1970, as committed.
    pub time: i64,
    /// The word of its trailer `Rollback:`.
    pub rollback: Option<Box<str>>,
}

/// What people read of a commit. Kept only of those that are releases.
#[derive(Debug, PartialEq)]
pub(super) struct Told {
    pub author: Clean,
    pub email: Clean,
    pub subject: Clean,
    pub time: i64,
}

impl Kept {
    /// As a file had them.
    pub fn from(links: HashMap<Oid, Link>, told: HashMap<Oid, Told>) -> Self {
        let saved = links.len() + told.len();
        Self {
            links,
            told,
            reads: 0,
            saved,
        }
    }

    /// So many commits were read to see that it is true.
    pub fn after(mut self, reads: usize) -> Self {
        self.reads += reads;
        self
    }

    pub fn links(&self) -> &HashMap<Oid, Link> {
        &self.links
    }

    pub fn all_told(&self) -> &HashMap<Oid, Told> {
        &self.told
    }

    /// How many are not in its file.
    pub fn unsaved(&self) -> usize {
        (self.links.len() + self.told.len()).saturating_sub(self.saved)
    }

    /// Its file has them all.
    pub fn is_saved(&mut self) {
        self.saved = self.links.len() + self.told.len();
    }

    pub fn reads(&self) -> usize {
        self.reads
    }

    pub fn link(&mut self, repository: &Repository, id: Oid) -> Result<&Link, git2::Error> {
        match self.links.entry(id) {
            std::collections::hash_map::Entry::Occupied(kept) => Ok(kept.into_mut()),
            std::collections::hash_map::Entry::Vacant(place) => {
                let commit = repository.find_commit(id)?;
                self.reads += 1;
                Ok(place.insert(Link {
                    parents: commit.parent_ids().collect(),
                    time: commit.time().seconds(),
                    rollback: trailer(commit.message_bytes()),
                }))
            }
        }
    }

    pub fn told(&mut self, repository: &Repository, id: Oid) -> Option<&Told> {
        match self.told.entry(id) {
            std::collections::hash_map::Entry::Occupied(kept) => Some(kept.into_mut()),
            std::collections::hash_map::Entry::Vacant(place) => {
                let commit = repository.find_commit(id).ok()?;
                self.reads += 1;
                let author = commit.author();
                Some(place.insert(Told {
                    author: Clean::from(lossy(author.name_bytes())),
                    email: Clean::from(lossy(author.email_bytes())),
                    subject: Clean::from(lossy(commit.summary_bytes().unwrap_or_default())),
                    time: commit.time().seconds(),
                }))
            }
        }
    }
}

/// Most messages have none: they are not copied to find that out.
fn trailer(message: &[u8]) -> Option<Box<str>> {
    let mut colons = memchr::memchr_iter(b':', message);
    let named = |colon: usize| {
        let key = message.get(colon.checked_sub(8)?..colon)?;
        key.eq_ignore_ascii_case(b"rollback").then_some(())
    };
    colons.find_map(named)?;
    migration::trailer(&lossy(message)).map(String::into_boxed_str)
}
