//! What the ledger knows of one target, whatever is under way: what is live, what was, what may not fly again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Deployment;
use crate::domain::{
    change::ActKind,
    entry::{DeploymentId, Ending, Entry},
    environment::Lock,
    migration::RollbackWord,
    plan::{ItemId, ItemSpec},
    release::{Commit, ReleaseRef},
    time,
};

/// Everything the ledger knows of one target.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TargetState {
    /// Position of the last entry folded; the next append expects this.
    pub position: u64,
    pub current: Option<Deployment>,
    /// Oldest first.
    pub past: Vec<Past>,
    /// What the ledger says serves here, and since when it is verified.
    pub live: Option<Live>,
    /// Releases rolled back here, or grounded by hand: no GO until a person waives or clears it (SPEC E9).
    pub grounded: BTreeMap<Commit, Grounded>,
    /// Every flight past gates that only an emergency may pass; oldest first.
    #[serde(default)]
    pub glass: Vec<Glass>,
    /// Somebody keeps everything from taking off to this target alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<Lock>,
    /// Deployments that ended and left of their migrations what stands or may stand: the newest last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub migrated: Vec<Deployment>,
    /// Holds entries of a later format: nothing may be appended by this program.
    pub read_only: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Live {
    pub release: ReleaseRef,
    pub since: Timestamp,
    pub verified: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grounded {
    pub at: Timestamp,
    pub by: String,
    pub how: ActKind,
    /// By hand, and why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Grounded {
    /// `rolled back here by kim`
    pub fn words(&self) -> String {
        match &self.reason {
            Some(reason) => format!("grounded by {}: {reason}", self.by),
            None => format!("{} here by {}", self.how.done(), self.by),
        }
    }
}

/// A break-glass, red until a second person has countersigned it (SPEC 8.13).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Glass {
    pub deployment: DeploymentId,
    pub by: String,
    pub at: Timestamp,
    pub reason: String,
    pub skipped: Vec<String>,
    /// It was a hotfix, on its own terms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hotfix: Option<String>,
    pub countersigned: Option<Signature>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Signature {
    pub by: String,
    pub at: Timestamp,
    pub reason: String,
}

impl Glass {
    pub fn due(&self, within: SignedDuration) -> Timestamp {
        self.at.checked_add(within).unwrap_or(Timestamp::MAX)
    }

    /// What waits for the countersign, in capitals.
    pub fn word(&self) -> &'static str {
        if self.hotfix.is_some() {
            "HOTFIX"
        } else {
            "BREAK-GLASS"
        }
    }

    /// One line that every screen and `status` show, red.
    pub fn sentence(&self, within: SignedDuration, now: Timestamp) -> String {
        let (due, id) = (self.due(within), &self.deployment);
        let left = due.duration_since(now);
        let until = if left.is_negative() {
            format!("OVERDUE since {}", due.strftime("%H:%M:%S"))
        } else {
            format!("due in {}", time::clock(left))
        };
        format!(
            "{} by {} ({id}: {}): countersign {until}",
            self.word(),
            self.by,
            self.reason
        )
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    pub id: DeploymentId,
    pub release: ReleaseRef,
    pub before: Option<ReleaseRef>,
    pub requested_at: Timestamp,
    pub promoted_at: Option<Timestamp>,
    pub verified_at: Option<Timestamp>,
    /// From take-off to the last stage without the bakes: what the platform itself took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_for: Option<SignedDuration>,
    pub ended_at: Timestamp,
    pub ending: Ending,
}

/// So many ended deployments with a migration that is safe are kept.
const MIGRATED: usize = 8;

impl TargetState {
    /// The deployment of that id, under way or ended with a migration that stands.
    pub fn deployment(&self, id: &DeploymentId) -> Option<&Deployment> {
        let all = self.current.iter().chain(&self.migrated);
        all.into_iter().find(|deployment| deployment.id == *id)
    }

    /// The deployment that an item belongs to: the one with an act that nobody knows the end of, for that act and for what
    /// looks at it; else the one under way, or for what is looked at and taken back after its end the newest whose migration
    /// stands.
    pub fn carrier(&self, item: &ItemId) -> Option<&Deployment> {
        let acted = |it: &Deployment| it.acted().is_some();
        let due = |it: &&Deployment| {
            let spec = it.plan.plan.item(item);
            spec.is_some_and(|spec| !spec.chain.way_back || acted(it))
        };
        let hangs = |it: &&Deployment, spec: &ItemSpec| {
            let acts = |id: &ItemId| it.plan.plan.item(id).is_some_and(ItemSpec::acts);
            spec.chain.way_back || spec.chain.after.iter().any(acts)
        };
        let outlives = |it: &&Deployment| {
            let spec = it.plan.plan.item(item);
            spec.is_some_and(|spec| hangs(it, spec))
        };
        let asks = |it: &&Deployment| {
            let spec = it.plan.plan.item(item);
            spec.is_some_and(|spec| spec.acts() || hangs(it, spec))
        };
        self.unsettled()
            .filter(asks)
            .or_else(|| self.current.as_ref().filter(due))
            .or_else(|| self.ended_and_acted().filter(outlives))
            .or(self.current.as_ref())
    }

    /// The oldest ones that let anybody go back behind them; any other is kept, however many came since.
    pub(super) fn forget_safe(&mut self) {
        let safe = |it: &Deployment| {
            let claim = it.plan.plan.rollback.as_ref();
            let says = claim.is_some_and(|claim| claim.word == Some(RollbackWord::Safe));
            says && it.stands().is_some() && it.unsettled().is_none()
        };
        let mut more = self.migrated.len().saturating_sub(MIGRATED);
        self.migrated.retain(|it| {
            let goes = more > 0 && safe(it);
            more -= usize::from(goes);
            !goes
        });
    }

    fn ended_and_acted(&self) -> Option<&Deployment> {
        self.migrated.iter().rev().find(|it| it.acted().is_some())
    }

    /// With an act that is under way, or of which nobody heard how it ended.
    pub fn unsettled(&self) -> Option<&Deployment> {
        let mut all = self.current.iter().chain(self.migrated.iter().rev());
        all.find(|it| it.unsettled().is_some())
    }

    /// The newest deployment whose migration stands, or may stand.
    pub fn last_migrated(&self) -> Option<&Deployment> {
        let current = self.current.as_ref();
        current
            .filter(|current| current.acted().is_some())
            .or_else(|| self.ended_and_acted())
    }

    /// Migrations of which something stands or may stand, and that a way back to `to` would leave behind it; the newest
    /// first.
    pub fn crossed(&self, to: &ReleaseRef) -> Vec<&Deployment> {
        let current = self.current.iter().filter(|it| it.touched().is_some());
        let standing = current.chain(self.migrated.iter().rev());
        let mut last = true;
        standing
            .filter(|it| it.plan.release.commit != to.commit)
            // Of what only the platform knows, only what came last is known to be newer.
            .filter(|it| {
                let newest = std::mem::take(&mut last);
                if to.is_only_a_revision() {
                    newest
                } else {
                    it.plan.release.number > to.number
                }
            })
            .collect()
    }

    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut state = Self::default();
        for entry in entries {
            state.evolve(entry);
        }
        state
    }

    /// The deployments so far plus one: the number of the next.
    pub fn next_deployment(&self, environment: &str, project: &str) -> DeploymentId {
        DeploymentId(format!(
            "{environment}-{project}-{}",
            self.past.len() + usize::from(self.current.is_some()) + 1
        ))
    }

    /// What a plain rollback goes back to: while a deployment is under way, what was live before it; else
    /// the release that was live before the present one.
    pub fn former(&self) -> Option<&ReleaseRef> {
        if let Some(current) = &self.current {
            // A rollback under way goes where it was sent, however often R is pressed.
            return current
                .rolling_back_to
                .as_ref()
                .or(current.plan.before.as_ref());
        }
        let live = self.live.as_ref()?;
        let earlier = |past: &&Past| {
            past.verified_at.is_some()
                && past.release.commit != live.release.commit
                && !self.grounded.contains_key(&past.release.commit)
        };
        self.past
            .iter()
            .rev()
            .find(earlier)
            .map(|past| &past.release)
    }

    /// What nobody has countersigned yet.
    pub fn unsigned(&self) -> impl Iterator<Item = &Glass> {
        self.glass
            .iter()
            .filter(|glass| glass.countersigned.is_none())
    }

    /// Every release that the ledger quotes here, newest first: enough to name one and to put it back when its
    /// repository cannot be read.
    pub fn quoted(&self) -> Vec<&ReleaseRef> {
        let current = self.current.iter().flat_map(|current| {
            let plan = &current.plan;
            std::iter::once(&plan.release)
                .chain(plan.before.as_ref())
                .chain(current.rolling_back_to.as_ref())
        });
        let live = self.live.iter().map(|live| &live.release);
        let past = self.past.iter().rev();
        let past = past.flat_map(|past| std::iter::once(&past.release).chain(past.before.as_ref()));
        let mut quoted: Vec<&ReleaseRef> = Vec::new();
        for release in current.chain(live).chain(past) {
            if !quoted.iter().any(|other| other.commit == release.commit) {
                quoted.push(release);
            }
        }
        quoted
    }

    /// Was this release verified here, and since when does that hold?
    pub fn verified(&self, commit: &Commit) -> Option<Timestamp> {
        let past = self
            .past
            .iter()
            .rev()
            .find(|past| &past.release.commit == commit && past.ending == Ending::Closed)
            .and_then(|past| past.verified_at);
        past.or_else(|| {
            self.live
                .as_ref()
                .filter(|live| &live.release.commit == commit)
                .and_then(|live| live.verified)
        })
    }
}
