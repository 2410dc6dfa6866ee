//! The borrowed view that gates, planner and process manager may read: configuration, ledger state and
//! readings of one target at one moment.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    deployment::{Deployment, FlightState, TargetState},
    entry::{Body, Entry},
    environment::{Environment, EnvironmentState, Lock},
    health::Health,
    hotfix::Hotfixes,
    metric::Metrics,
    presence::Presence,
    readiness::Readiness,
    reading::Subject,
    release::{Commit, Release, ReleaseRef},
    rollout::{Observed, ReplicaSet},
    standing::Standing,
    target::{Target, WorkloadKind},
    workspace::Workspace,
};

use super::guard::Watch;

#[derive(Clone, Copy)]
pub struct Facts<'a> {
    pub now: Timestamp,
    /// The latest that any clock says: ours, the ledger's newest entry, the platform's. What expires, expires by it
    /// (QUALITY F8).
    pub latest: Timestamp,
    pub workspace: &'a Workspace,
    /// As configured, with the policy that is in force.
    pub environment: &'a Environment,
    /// What the ledger knows of the environment as a whole.
    pub place: &'a EnvironmentState,
    pub target: &'a Target,
    pub state: &'a TargetState,
    /// What of it waits in the journal of this machine, and is not in the ledger yet.
    pub aside: &'a [Entry],
    /// How much earlier than it arrived a reading may have been begun.
    pub lag: SignedDuration,
    pub ledger: &'a Standing,
    /// The target of the same project in the environment that must come before.
    pub earlier: Option<&'a TargetState>,
    /// All releases of the project, oldest first.
    pub releases: &'a [Release],
    /// Every hotfix of the project.
    pub hotfixes: &'a Hotfixes,
    pub workload: &'a Subject<Observed>,
    pub health: &'a Subject<Health>,
    pub metrics: &'a Subject<Metrics>,
    /// What the flight will need, as it was found when it was last asked.
    pub readiness: &'a Subject<Readiness>,
    /// Who attends or attended this target, by heartbeat.
    pub present: &'a [Presence],
    /// Images that the registry was asked for, by their whole name: there as of then, or what came back instead.
    pub images: &'a BTreeMap<String, Subject<()>>,
    /// What this process has seen go wrong, and since when.
    pub guard: &'a Watch,
}

impl<'a> Facts<'a> {
    /// The platform, if it was read recently enough to act on.
    pub fn fresh(&self) -> Option<&'a Observed> {
        self.workload.fresh(self.now, self.workspace.timings.stale)
    }

    /// What keeps things from taking off now: of the whole environment first, then of this target.
    pub fn lock(&self) -> Option<&'a Lock> {
        let target = self.state.lock.as_ref();
        self.place
            .lock(self.now)
            .or(target.filter(|lock| lock.holds(self.now)))
    }

    /// The environment as the file has it, whatever is in force.
    pub fn configured(&self) -> &'a Environment {
        let name = &self.environment.name;
        self.workspace.environment(name).unwrap_or(self.environment)
    }

    /// How old something is, by whichever clock makes it older.
    pub fn age(&self, at: Timestamp) -> SignedDuration {
        self.latest.duration_since(at)
    }

    pub fn current(&self) -> Option<&'a Deployment> {
        self.state.current.as_ref()
    }

    /// How the flight stands: as the ledger has it, except that what somebody else aborted on the platform is aborted.
    pub fn flight_state(&self) -> Option<FlightState> {
        let state = self.current()?.state;
        let aborted = self
            .workload
            .value()
            .is_some_and(|observed| observed.workload.aborted);
        Some(if aborted && state == FlightState::Flying {
            FlightState::Aborted
        } else {
            state
        })
    }

    /// `the abort of dana waits in the journal`: the latest act that the ledger does not have yet.
    pub fn waits_in_journal(&self) -> Option<String> {
        let act = self.aside.iter().rev().find_map(|entry| match &entry.body {
            Body::Intended { act, .. } => Some(format!(
                "the {} of {} waits in the journal",
                act.kind.noun(),
                entry.actor.name
            )),
            _ => None,
        });
        act.or_else(|| {
            let waits = !self.aside.is_empty();
            waits.then(|| "what became of it waits in the journal".to_owned())
        })
    }

    pub fn release(&self, commit: &Commit) -> Option<&'a Release> {
        self.releases
            .iter()
            .find(|release| &release.commit == commit)
    }

    /// What really runs here, by the image that the stable pods have: a release the ledger or the catalogue
    /// can name. None when the platform was never read or runs something nobody knows.
    pub fn running(&self) -> Option<ReleaseRef> {
        let image = self.workload.value()?.stable_image()?;
        self.named(image)
    }

    /// The platform's own former revision, whatever the ledger says (SPEC E6): what stable is while a canary is under
    /// way, else the newest replica set of another image. By a release's name where one is known.
    pub fn former_revision(&self) -> Option<ReleaseRef> {
        let observed = self.workload.value()?;
        let workload = &observed.workload;
        let other = |set: &&ReplicaSet| set.image.is_some() && set.image != workload.image;
        let stable = workload
            .stable_hash
            .as_deref()
            .filter(|_| workload.kind == WorkloadKind::Rollout && workload.is_midway());
        let sets = observed.replica_sets.iter();
        let set = match stable {
            Some(stable) => sets.filter(other).find(|set| set.hash == stable),
            None => sets.filter(other).max_by_key(|set| set.revision),
        }?;
        let image = set.image.as_deref()?;
        self.named(image)
            .or_else(|| Some(ReleaseRef::of_revision(set.revision, image)))
    }

    /// With nothing under way, something else serves or is asked for than the ledger says.
    pub fn drift(&self) -> bool {
        super::drift::look(self).is_some()
    }

    /// The release whose artifact is `image`.
    pub fn named(&self, image: &str) -> Option<ReleaseRef> {
        let has = |release: &ReleaseRef| release.image.as_deref() == Some(image);
        let state = self.state;
        let here = state.live.iter().map(|live| &live.release);
        let current = state
            .current
            .iter()
            .flat_map(|c| std::iter::once(&c.plan.release).chain(c.plan.before.as_ref()));
        let past = state.past.iter().rev().map(|past| &past.release);
        let there = self.earlier.into_iter().flat_map(|s| {
            s.live
                .iter()
                .map(|live| &live.release)
                .chain(s.past.iter().map(|past| &past.release))
        });
        here.chain(current)
            .chain(past)
            .chain(there)
            .find(|release| has(release))
            .cloned()
            .or_else(|| {
                let known = self.releases.iter().find(|release| {
                    release
                        .artifacts
                        .iter()
                        .any(|a| a.pinned().as_deref() == Some(image))
                });
                known.map(Release::to_ref)
            })
    }

    /// What a new deployment would replace: what the platform shows, else what the ledger says.
    pub fn before(&self) -> Option<ReleaseRef> {
        self.running()
            .or_else(|| self.state.live.as_ref().map(|live| live.release.clone()))
            .or_else(|| {
                let observed = self.workload.value()?;
                let hash = observed.workload.stable_hash.as_deref()?;
                let set = observed.replica_sets.iter().find(|set| set.hash == hash)?;
                Some(ReleaseRef::of_revision(set.revision, set.image.as_deref()?))
            })
    }
}
