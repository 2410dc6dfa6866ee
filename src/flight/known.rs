//! Everything a process knows: the configuration, the ledger's fold per target, the catalogue, and the newest
//! readings. The screen keeps one for its whole life, a verb for one command.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::{
        catalogue::Catalogue,
        deployment::{Glass, TargetState},
        entry::{Body, Entry, FORMAT, StreamId},
        environment::{Environment, EnvironmentName, EnvironmentState},
        fault::Fault,
        health::Health,
        history::History,
        hotfix::Hotfixes,
        metric::{Figures, Metrics},
        observation::{Observation, Seen},
        presence::Presence,
        project::ProjectId,
        readiness::Readiness,
        reading::Subject,
        release::{Commit, Release, Shipped},
        rollout::Observed,
        standing::{Aside, Standing},
        target::TargetId,
        version::ReleaseType,
        workspace::{Actor, Workspace},
    },
    policy::{
        decide::may_stand_guard,
        facts::Facts,
        guard::{Stand, Watch},
    },
};

/// A feed's reading arrives before the deadline of its read, and a moment for its watches to agree.
pub const FEED_LAG: SignedDuration = SignedDuration::from_secs(6);

/// Points kept for a curve: ten minutes at the default scrape interval.
const CURVE_POINTS: usize = 120;

static NO_HOTFIXES: Hotfixes = Hotfixes::NONE;

#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    pub workspace: Workspace,
    pub targets: BTreeMap<TargetId, TargetKnown>,
    pub environments: BTreeMap<EnvironmentName, EnvironmentKnown>,
    /// Oldest first; missing until the repository was read.
    pub releases: BTreeMap<ProjectId, Catalogue>,
    /// What kind of release somebody made by hand, by the stream of its project.
    pub kinds: BTreeMap<(StreamId, Commit), ReleaseType>,
    pub hotfixes: BTreeMap<ProjectId, Hotfixes>,
    /// The last entry of the chain that was folded.
    pub seq: u64,
    /// The latest time that any entry has.
    pub newest: Option<Timestamp>,
    /// How much earlier than it arrives a reading may have been begun: nothing for one's own, up to its deadline for a
    /// feed's.
    pub lag: SignedDuration,
    /// What the registry said of images.
    pub images: BTreeMap<String, Subject<()>>,
    /// How far the ledger can be used.
    pub ledger: Standing,
    /// What waits in the journal of this machine, oldest first.
    aside: Vec<Aside>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EnvironmentKnown {
    pub state: EnvironmentState,
    /// As configured, with the policy that counts.
    pub in_force: Environment,
    /// The same for each project that asks more for itself.
    tightened: BTreeMap<ProjectId, Environment>,
}

impl EnvironmentKnown {
    fn new(configured: &Environment) -> Self {
        let mut known = Self {
            state: EnvironmentState::default(),
            in_force: configured.clone(),
            tightened: BTreeMap::new(),
        };
        known.tighten();
        known
    }

    fn evolve(&mut self, entry: &Entry, configured: &Environment) {
        self.state.evolve(entry);
        self.in_force = self.state.in_force(configured);
        self.tighten();
    }

    fn tighten(&mut self) {
        let policy = &self.in_force.policy;
        let tightened = policy.projects.keys().map(|project| {
            let mut environment = self.in_force.clone();
            environment.policy = policy.for_project(project);
            (project.clone(), environment)
        });
        self.tightened = tightened.collect();
    }

    /// With the policy that counts for one project.
    fn of(&self, project: &ProjectId) -> &Environment {
        self.tightened.get(project).unwrap_or(&self.in_force)
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct TargetKnown {
    /// As the ledger has it.
    pub state: TargetState,
    pub entries: Vec<Entry>,
    /// Its deployments, one record each.
    pub history: History,
    /// What waits in the journal for a place in the ledger; their own is not known yet.
    pub aside: Vec<Entry>,
    /// The state with what waits folded on top, where something does.
    foreseen: Option<Box<TargetState>>,
    pub workload: Subject<Observed>,
    pub health: Subject<Health>,
    pub metrics: Subject<Metrics>,
    /// What a flight will need; asked where a take-off is judged.
    pub readiness: Subject<Readiness>,
    pub curve: VecDeque<CurvePoint>,
    /// How far the platform's clock is ahead of ours; behind is negative. Nothing is ordered by it.
    pub ahead: SignedDuration,
    /// Who attends or attended it.
    pub present: Vec<Presence>,
    /// The guard's memory of the flight under way.
    pub guard: Watch,
}

/// Figures of the latest interval by template hash, for the sparklines.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePoint {
    pub at: Timestamp,
    pub sides: BTreeMap<String, Figures>,
}

impl TargetKnown {
    /// What the ledger says, and what it will say once the journal of this machine is in it.
    pub fn stands(&self) -> &TargetState {
        self.foreseen.as_deref().unwrap_or(&self.state)
    }

    /// Folds what waits on top of the state, less what got into the ledger meanwhile. The position stays the ledger's.
    fn foresee(&mut self, aside: &[Aside], stream: &StreamId) {
        let mut state = self.state.clone();
        let mut waits = Vec::new();
        let ours = aside.iter().filter(|line| line.stream == *stream);
        for line in ours {
            let mut draft = line.draft.clone();
            if let (Some(id), Some(current)) = (draft.body.deployment_mut(), &state.current)
                && id.is_unread()
            {
                id.clone_from(&current.id);
            }
            if self.entries.iter().rev().any(|entry| entry.tells(&draft)) {
                continue;
            }
            let entry = Entry {
                seq: 0,
                stream: stream.clone(),
                position: self.state.position,
                format: FORMAT,
                at: draft.at,
                actor: draft.actor,
                body: draft.body,
            };
            state.evolve(&entry);
            waits.push(entry);
        }
        self.foreseen = (!waits.is_empty()).then(|| Box::new(state));
        self.aside = waits;
    }
}

impl Known {
    pub fn new(workspace: Workspace) -> Self {
        let targets = workspace
            .targets
            .iter()
            .map(|target| (target.id.clone(), TargetKnown::default()))
            .collect();
        let environments = workspace
            .environments
            .iter()
            .map(|environment| (environment.name.clone(), EnvironmentKnown::new(environment)))
            .collect();
        Self {
            workspace,
            targets,
            environments,
            releases: BTreeMap::new(),
            kinds: BTreeMap::new(),
            hotfixes: BTreeMap::new(),
            seq: 0,
            newest: None,
            lag: SignedDuration::ZERO,
            images: BTreeMap::new(),
            ledger: Standing::Whole,
            aside: Vec::new(),
        }
    }

    /// Something waited in the journal when it was last looked at.
    pub fn has_aside(&self) -> bool {
        !self.aside.is_empty()
    }

    /// This is what waits in the journal now. False: it is known.
    pub fn set_aside(&mut self, aside: Vec<Aside>) -> bool {
        if self.aside == aside {
            return false;
        }
        self.aside = aside;
        for (id, known) in &mut self.targets {
            known.foresee(&self.aside, &StreamId::target(id));
        }
        true
    }

    /// Folds one entry, once; entries that were folded already change nothing.
    pub fn enter(&mut self, entry: &Entry) {
        if entry.seq <= self.seq {
            return;
        }
        self.seq = entry.seq;
        self.newest = self.newest.max(Some(entry.at));
        // A history of a hundred thousand releases is numbered by as many entries: none of them is a target's.
        if matches!(entry.body, Body::Numbered { .. }) {
            return;
        }
        if let Body::ReleaseCreated {
            commit,
            release_type: Some(kind),
            ..
        } = &entry.body
        {
            // As it was created first.
            let key = (entry.stream.clone(), commit.clone());
            self.kinds.entry(key).or_insert(*kind);
        }
        if let Some((id, known)) = self
            .targets
            .iter_mut()
            .find(|(id, _)| StreamId::target(id) == entry.stream)
        {
            known.state.evolve(entry);
            known.history.evolve(entry);
            known.entries.push(entry.clone());
            if !self.aside.is_empty() {
                known.foresee(&self.aside, &entry.stream);
            }
            if let Some(hotfixes) = self.hotfixes.get_mut(&id.project) {
                hotfixes.flown(&id.environment, entry);
            }
            return;
        }
        if let Some(project) = entry.stream.hotfixes_of() {
            self.hotfixes.entry(project).or_default().evolve(entry);
            return;
        }
        let environment = self
            .workspace
            .environments
            .iter()
            .find(|environment| StreamId::environment(&environment.name) == entry.stream);
        if let Some(environment) = environment {
            if let Some(known) = self.environments.get_mut(&environment.name) {
                known.evolve(entry, environment);
            }
            // It is about each of its targets, and stands in the timeline of each.
            let targets = self.targets.iter_mut();
            for (_, known) in targets.filter(|(id, _)| id.environment == environment.name) {
                known.entries.push(entry.clone());
            }
        }
    }

    /// Who attends what now, as all heartbeats tell.
    pub fn attended(&mut self, all: &[Presence]) {
        for (id, known) in &mut self.targets {
            let stream = StreamId::target(id);
            let here = all.iter().filter(|row| row.stream == stream);
            known.present = here.cloned().collect();
        }
    }

    pub fn observe(&mut self, observation: &Observation, at: Timestamp) {
        let Some(known) = self.targets.get_mut(&observation.target) else {
            return;
        };
        let source = observation.target.to_string();
        match &observation.seen {
            Seen::Workload(observed) => known.workload.good((**observed).clone(), at, source),
            Seen::WorkloadUnchanged => {
                if let Some(last) = &mut known.workload.last {
                    last.at = at;
                    known.workload.answered();
                }
            }
            Seen::WorkloadFailed(fault) => known.workload.failed(fault.clone(), at),
            Seen::ServerClock { ahead } => known.ahead = *ahead,
            Seen::Health(health) => known.health.good(health.clone(), at, source),
            Seen::HealthFailed(fault) => known.health.failed(fault.clone(), at),
            Seen::Metrics(metrics) => {
                let sides = metrics
                    .sides
                    .iter()
                    .map(|(hash, side)| (hash.clone(), side.latest))
                    .collect();
                known.curve.push_back(CurvePoint { at, sides });
                if known.curve.len() > CURVE_POINTS {
                    known.curve.pop_front();
                }
                known.metrics.good(metrics.clone(), at, source);
            }
            Seen::MetricsFailed(fault) => known.metrics.failed(fault.clone(), at),
            Seen::Readiness(found) => known.readiness.good((**found).clone(), at, source),
        }
    }

    /// The catalogue was read again; digests learned before stay. Whoever read it knows most of them, so that seldom
    /// anything has to be copied here.
    pub fn catalogue(&mut self, project: &ProjectId, releases: impl Into<Catalogue>) {
        let mut releases = releases.into();
        let former = self
            .releases
            .get(project)
            .map_or(&[][..], Catalogue::as_slice);
        let lacks = |known: &&Release| {
            let at = releases.binary_search_by_key(&known.number, |release| release.number);
            let release = at.ok().and_then(|at| releases.get(at));
            release.is_some_and(|it| it.commit == known.commit && it.artifacts.is_empty())
        };
        let learned: Vec<Release> = former
            .iter()
            .filter(|known| !known.artifacts.is_empty())
            .filter(lacks)
            .cloned()
            .collect();
        for known in learned {
            let mut all = releases.change().iter_mut();
            if let Some(release) = all.find(|release| release.commit == known.commit) {
                release.artifacts = known.artifacts;
                release.resources = known.resources;
            }
        }
        self.releases.insert(project.clone(), releases);
    }

    /// Registry and repository answered for a release.
    pub fn shipped(&mut self, project: &ProjectId, commit: &Commit, shipped: &Shipped) {
        let release = self.releases.get_mut(project).and_then(|releases| {
            let mut releases = releases.change().iter_mut();
            releases.find(|release| &release.commit == commit)
        });
        if let Some(release) = release {
            release.ships(shipped);
        }
    }

    /// The registry was asked whether it has this image.
    pub fn image(&mut self, image: &str, missing: Option<Fault>, at: Timestamp) {
        let subject = self.images.entry(image.to_owned()).or_default();
        match missing {
            None => subject.good((), at, "registry"),
            Some(fault) => subject.failed(fault, at),
        }
    }

    pub fn release(&self, project: &ProjectId, number: u64) -> Option<&Release> {
        self.releases
            .get(project)?
            .iter()
            .find(|release| release.number == number)
    }

    /// The view of one target at `now`; None for a target that is not configured.
    pub fn facts<'a>(&'a self, id: &TargetId, now: Timestamp) -> Option<Facts<'a>> {
        let known = self.targets.get(id)?;
        let target = self.workspace.target(id)?;
        self.workspace.environment(&id.environment)?;
        let place = self.environments.get(&id.environment)?;
        let environment = place.of(&id.project);
        let earlier = environment
            .policy
            .after
            .as_ref()
            .map(|after| TargetId::new(after.clone(), id.project.clone()));
        Some(Facts {
            now,
            latest: self.latest(known, now),
            workspace: &self.workspace,
            environment,
            place: &place.state,
            target,
            state: known.stands(),
            aside: &known.aside,
            lag: self.lag,
            ledger: &self.ledger,
            earlier: earlier
                .and_then(|id| self.targets.get(&id))
                .map(TargetKnown::stands),
            hotfixes: self.hotfixes.get(&id.project).unwrap_or(&NO_HOTFIXES),
            releases: self
                .releases
                .get(&id.project)
                .map_or(&[], Catalogue::as_slice),
            workload: &known.workload,
            health: &known.health,
            metrics: &known.metrics,
            readiness: &known.readiness,
            present: &known.present,
            images: &self.images,
            guard: &known.guard,
        })
    }

    /// A clock that runs behind makes nothing last longer.
    fn latest(&self, known: &TargetKnown, now: Timestamp) -> Timestamp {
        let platform = now.checked_add(known.ahead).unwrap_or(now);
        now.max(platform).max(self.newest.unwrap_or(now))
    }

    /// The guard looks at one target, and says what follows. Only who attends looks, and only who may hold: whoever may
    /// not, counts no time down that ends in nothing.
    pub fn guard(&mut self, id: &TargetId, now: Timestamp, watcher: &Actor) -> Stand {
        let Some(known) = self.targets.get_mut(id) else {
            return Stand::Off;
        };
        let mut watch = std::mem::take(&mut known.guard);
        match self.facts(id, now) {
            Some(facts) if may_stand_guard(&facts, watcher) => watch.look(&facts),
            _ => watch = Watch::default(),
        }
        if let Some(known) = self.targets.get_mut(id) {
            known.guard = watch;
        }
        self.facts(id, now)
            .map_or(Stand::Off, |facts| facts.guard.stand(&facts))
    }

    /// Every break-glass that nobody has countersigned, wherever it was.
    pub fn unsigned(&self) -> impl Iterator<Item = (&TargetId, &Glass)> {
        let targets = self.targets.iter();
        targets.flat_map(|(id, known)| known.stands().unsigned().map(move |glass| (id, glass)))
    }
}
