//! All state of the cockpit: what is known, where the person is, what is under way from here.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use jiff::Timestamp;

use crate::{
    domain::{
        catalogue::Catalogue,
        change::ActKind,
        difference::Difference,
        fault::Fault,
        plan::ItemId,
        presence::Presence,
        project::ProjectId,
        release::{Commit, Digest, Release, ReleaseRef},
        target::{Target, TargetId},
        workspace::{Actor, Workspace},
    },
    flight::known::{FEED_LAG, Known, TargetKnown},
    input::Keymap,
    policy::{facts::Facts, refusal::RefusalKind},
};

use super::{
    last_seen::LastSeen,
    runs::Runs,
    search::{self, Haystack},
    show::LookedBack,
    view::View,
};

/// Columns and rows from which on there is room for panes.
pub const SMALLEST: (u16, u16) = (60, 16);

#[derive(Clone, Debug)]
pub struct Cockpit {
    pub known: Known,
    pub me: Actor,
    /// This process, as its heartbeats name it, and since when it attends.
    pub process: String,
    pub since: Timestamp,
    /// The last heartbeats it sent.
    pub beaten: Vec<Presence>,
    /// The time of the last event.
    pub now: Timestamp,
    pub view: View,
    pub keymap: Keymap,
    /// Acts that this process sent and that have not come back, by target.
    pub busy: BTreeMap<TargetId, Busy>,
    /// Items that this process runs or ran.
    pub runs: Runs,
    /// Positions at which this process is writing down what it saw.
    pub attending: BTreeMap<TargetId, u64>,
    /// Where the guard of this process holds now (None), or rests after a failure until then.
    pub guarding: BTreeMap<TargetId, Option<Timestamp>>,
    pub message: Option<Message>,
    /// Why the last line or key was turned down, for whoever has to map it to an exit code.
    pub refused: Option<RefusalKind>,
    /// What was on the screen when gonogo last ended; display only, no gate reads it.
    pub last_seen: Option<LastSeen>,
    /// When the machine was found to have slept: what was typed before counts for nothing.
    pub woke: Option<Timestamp>,
    /// From when until when this process did not attend, until the ledger has it.
    pub gaps: BTreeMap<TargetId, (Timestamp, Timestamp)>,
    pub ledger: LedgerStatus,
    /// What the filter reads of each release in `known.releases`, in the same order. Made when something is filtered.
    haystacks: BTreeMap<ProjectId, OnceLock<Vec<Haystack>>>,
    pub catalogue_trouble: BTreeMap<ProjectId, Fault>,
    /// Digests asked for and not answered.
    pub resolving: BTreeSet<(ProjectId, Commit)>,
    /// Images that the registry was asked for, without an answer yet.
    pub looked_for: BTreeSet<String>,
    /// Targets whose readiness was asked for, without an answer yet.
    pub readying: BTreeSet<TargetId>,
    /// The dead-man cards that were written from here, and where they are.
    pub cards: BTreeMap<TargetId, Written>,
    pub artifact_trouble: BTreeMap<(ProjectId, Commit), Fault>,
    /// The two releases that were compared last.
    pub comparison: Option<Comparison>,
    /// What the History shows, as it was made last.
    pub looked_back: Box<LookedBack>,
    /// What was printed and is looked at.
    pub printed: Option<Printed>,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
}

/// A file that was written, and what stands in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    pub path: String,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Busy {
    pub kind: ActKind,
    pub since: Timestamp,
}

/// Two releases side by side.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    pub from: ReleaseRef,
    pub to: ReleaseRef,
    /// When it was asked for.
    pub at: Timestamp,
    /// None until it was read.
    pub outcome: Option<Result<Box<Difference>, Fault>>,
}

/// What a run printed, on its way from beside the ledger.
#[derive(Clone, Debug, PartialEq)]
pub struct Printed {
    pub item: ItemId,
    pub said: String,
    /// Of the whole of what was printed.
    pub of: Digest,
    /// Of what is kept.
    pub kept: Digest,
    /// When it was asked for.
    pub at: Timestamp,
    /// None until it was read.
    pub outcome: Option<Result<String, Fault>>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct LedgerStatus {
    /// Read to its end once; before that nothing acts.
    pub ready: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Info,
    Warning,
    Error,
}

/// The one line that answers the last thing the person did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub severity: Severity,
    pub text: String,
    pub at: Timestamp,
    /// When the server that was too busy said that it can be asked again.
    pub again_at: Option<Timestamp>,
}

impl Message {
    /// As it is shown now: with the seconds that are left until it may be asked again.
    pub fn words(&self, now: Timestamp) -> String {
        let Some(at) = self.again_at else {
            return self.text.clone();
        };
        let left = at.duration_since(now);
        if left.is_positive() {
            let seconds = left.as_millis().div_euclid(1000) + 1;
            format!("{} (it can be asked again in {seconds} s)", self.text)
        } else {
            format!("{} (it can be asked again now)", self.text)
        }
    }
}

impl Cockpit {
    pub fn new(workspace: Workspace, me: Actor, keymap: Keymap, now: Timestamp) -> Self {
        // Start where most is at stake: the last environment.
        let view = View {
            environment: workspace.environments.len().saturating_sub(1),
            ..View::default()
        };
        let mut known = Known::new(workspace);
        known.lag = FEED_LAG;
        Self {
            known,
            me,
            process: "this one".to_owned(),
            since: now,
            beaten: Vec::new(),
            now,
            view,
            keymap,
            busy: BTreeMap::new(),
            runs: Runs::new(),
            attending: BTreeMap::new(),
            guarding: BTreeMap::new(),
            message: None,
            refused: None,
            last_seen: None,
            woke: None,
            gaps: BTreeMap::new(),
            ledger: LedgerStatus::default(),
            haystacks: BTreeMap::new(),
            catalogue_trouble: BTreeMap::new(),
            resolving: BTreeSet::new(),
            looked_for: BTreeSet::new(),
            readying: BTreeSet::new(),
            cards: BTreeMap::new(),
            artifact_trouble: BTreeMap::new(),
            comparison: None,
            looked_back: Box::default(),
            printed: None,
            size: (80, 24),
        }
    }

    pub fn workspace(&self) -> &Workspace {
        &self.known.workspace
    }

    /// The target under the fleet's cursor, which all other screens are about. None where the project has no
    /// target in that environment.
    pub fn focus(&self) -> Option<&Target> {
        let workspace = self.workspace();
        let project = workspace.projects.get(self.view.project)?;
        let environment = workspace.environments.get(self.view.environment)?;
        workspace
            .targets
            .iter()
            .find(|t| t.id.project == project.id && t.id.environment == environment.name)
    }

    /// There is no room for panes, and a few lines say what matters.
    pub fn is_tiny(&self) -> bool {
        self.size.0 < SMALLEST.0 || self.size.1 < SMALLEST.1
    }

    pub fn focus_on(&mut self, id: &TargetId) {
        let workspace = &self.known.workspace;
        if let Some(row) = workspace
            .projects
            .iter()
            .position(|project| project.id == id.project)
        {
            self.view.project = row;
        }
        if let Some(column) = workspace
            .environments
            .iter()
            .position(|environment| environment.name == id.environment)
        {
            self.view.environment = column;
        }
    }

    pub fn focus_known(&self) -> Option<&TargetKnown> {
        self.known.targets.get(&self.focus()?.id)
    }

    /// Facts of the target in focus, now.
    pub fn facts(&self) -> Option<Facts<'_>> {
        self.known.facts(&self.focus()?.id, self.now)
    }

    /// The project in focus has these releases, newest first, as far as the filter lets them through.
    pub fn releases_shown(&self) -> Vec<&Release> {
        let Some(project) = self.workspace().projects.get(self.view.project) else {
            return Vec::new();
        };
        let Some(releases) = self.known.releases.get(&project.id) else {
            return Vec::new();
        };
        let filter = self.view.filter.value();
        if filter.trim().is_empty() {
            return releases.iter().rev().collect();
        }
        match self.haystacks.get(&project.id) {
            Some(kept) => {
                let haystacks = kept.get_or_init(|| releases.iter().map(Haystack::of).collect());
                search::filter(releases, haystacks, filter)
            }
            None => {
                let haystacks: Vec<Haystack> = releases.iter().map(Haystack::of).collect();
                search::filter(releases, &haystacks, filter)
            }
        }
    }

    /// The repository was read.
    pub fn catalogue(&mut self, project: &ProjectId, releases: impl Into<Catalogue>) {
        self.haystacks.insert(project.clone(), OnceLock::new());
        self.known.catalogue(project, releases);
    }

    pub fn say(&mut self, severity: Severity, text: impl Into<String>) {
        self.message = Some(Message {
            severity,
            text: text.into(),
            at: self.now,
            again_at: None,
        });
    }
}
