//! What git says of a release and the hotfixes of its project: whose branch made it, and which fixes it has, itself or
//! as the same patch. Read once with the catalogue; everything here is data.

use serde::{Deserialize, Serialize};

use super::{Criterion, Hotfix};
use crate::domain::{
    release::{Commit, Release},
    text::Clean,
};

/// What is asked of git about one hotfix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Asked {
    pub mark: Mark,
    pub from: Commit,
    /// What was flown of it: known also after its branch is gone.
    pub flown: Vec<Commit>,
}

impl Asked {
    /// None of a hotfix that was given up: it makes no release hurry.
    pub fn of(hotfix: &Hotfix) -> Option<Self> {
        if hotfix.closed.is_some() && hotfix.landed().is_none() {
            return None;
        }
        Some(Self {
            mark: Mark {
                name: hotfix.name.clone(),
                branch: hotfix.branch.clone(),
                criterion: hotfix.criterion,
            },
            from: hotfix.from.commit.clone(),
            flown: hotfix
                .flights
                .iter()
                .map(|flight| flight.release.commit.clone())
                .collect(),
        })
    }
}

/// A release that a hotfix's branch made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub name: String,
    pub branch: String,
    pub criterion: Criterion,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Mark>,
    /// Fixes that it has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub has: Vec<Carried>,
    /// Fixes that it has not; said only of what is not older than the hotfix.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<Fix>,
    /// Why more may be there than `has` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Clean>,
}

impl Lineage {
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    pub fn carries(&self, fix: &Commit) -> Option<&Carried> {
        self.has.iter().find(|carried| carried.fix.commit == *fix)
    }
}

/// One commit of a hotfix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    pub hotfix: String,
    pub commit: Commit,
    pub subject: Clean,
}

/// One commit of a hotfix, and the commit by which something has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    pub fix: Fix,
    pub by: Commit,
    pub how: How,
}

/// How the same change is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The commit itself.
    Commit,
    /// `git patch-id --stable` of one commit.
    PatchId,
    /// The patch id of the whole branch in one commit.
    Squash,
}

impl How {
    pub fn words(self) -> &'static str {
        match self {
            Self::Commit => "itself",
            Self::PatchId => "same patch id",
            Self::Squash => "squashed, patch id of the whole branch",
        }
    }
}

/// One commit of a hotfix against the branch it has to reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchProof {
    pub fix: Fix,
    pub verdict: PatchVerdict,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "verdict")]
pub enum PatchVerdict {
    Proved { by: Carried },
    Missing,
    CannotTell { why: Clean },
}

/// Each commit of the hotfix against the releases on `onto`. That branch only grows, so whichever of its releases has
/// the fix proves it. Empty when git knows no commit of it.
pub fn proofs(releases: &[Release], hotfix: &Hotfix) -> Vec<PatchProof> {
    let mut fixes: Vec<&Fix> = Vec::new();
    let named = releases.iter().flat_map(|release| {
        let has = release.lineage.has.iter().map(|carried| &carried.fix);
        has.chain(&release.lineage.lacks)
    });
    for fix in named {
        if fix.hotfix == hotfix.name && !fixes.iter().any(|other| other.commit == fix.commit) {
            fixes.push(fix);
        }
    }
    let there = || {
        releases
            .iter()
            .filter(|release| release.branches.iter().any(|b| b.as_ref() == hotfix.onto))
    };
    let verdict = |fix: &Commit| {
        if let Some(by) = there().find_map(|release| release.lineage.carries(fix)) {
            return PatchVerdict::Proved { by: by.clone() };
        }
        let mut unknown = releases
            .iter()
            .filter_map(|release| release.lineage.unknown.clone());
        match unknown.next() {
            Some(why) => PatchVerdict::CannotTell { why },
            None if there().next().is_none() => PatchVerdict::CannotTell {
                why: Clean::new(&format!("no release is on the branch {}", hotfix.onto)),
            },
            None => PatchVerdict::Missing,
        }
    };
    let proof = |fix: &Fix| PatchProof {
        verdict: verdict(&fix.commit),
        fix: fix.clone(),
    };
    fixes.into_iter().map(proof).collect()
}
