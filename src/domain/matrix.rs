//! Seed 002's testing matrix: five kinds of tests, and what became of each in one deployment (SPEC C4). An item is of a
//! kind by its id: `matrix.smoke`, or `matrix.smoke.login` where there are several.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{
    deployment::{Deployment, ItemState, ItemStatus, Note, TargetState},
    entry::{Body, DeploymentId, Entry},
    item::{ItemId, ItemSpec},
    release::{Commit, Digest},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestKind {
    Smoke,
    Integration,
    Performance,
    Security,
    Acceptance,
}

impl TestKind {
    pub const ALL: [Self; 5] = [
        Self::Smoke,
        Self::Integration,
        Self::Performance,
        Self::Security,
        Self::Acceptance,
    ];

    pub fn word(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Integration => "integration",
            Self::Performance => "performance",
            Self::Security => "security",
            Self::Acceptance => "acceptance",
        }
    }

    pub fn of(item: &ItemId) -> Option<Self> {
        let name = item.0.strip_prefix("matrix.")?;
        let kind = name.split('.').next()?;
        Self::ALL.into_iter().find(|known| known.word() == kind)
    }
}

/// From what is worst to what is best: where a kind has several tests, the first of them says how it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestStatus {
    Failed,
    /// It was begun, and nobody knows how it ended.
    Unknown,
    /// Passed, and grew too old to count.
    Stale,
    Running,
    NotRun,
    Waived,
    Passed,
}

impl TestStatus {
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Unknown => "unknown",
            Self::Stale => "stale",
            Self::Running => "running",
            Self::NotRun => "not run",
            Self::Waived => "waived",
            Self::Passed => "passed",
        }
    }

    pub fn mark(self) -> &'static str {
        match self {
            Self::Failed => "✖",
            Self::Unknown => "?",
            Self::Stale => "!",
            Self::Running => "◐",
            Self::NotRun => "○",
            Self::Waived => "≈",
            Self::Passed => "✔",
        }
    }
}

/// One test of one deployment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Test {
    pub kind: TestKind,
    pub item: ItemId,
    pub title: String,
    pub required: bool,
    pub status: TestStatus,
    /// When it came to that, and by whom.
    pub at: Option<Timestamp>,
    pub by: Option<String>,
    /// What was found or said when it came to that.
    pub said: Option<String>,
    /// What people said of it since, oldest first.
    pub notes: Vec<Note>,
    /// SHA-256 of the output that was kept, else of all that was printed.
    pub evidence: Option<Digest>,
}

impl Test {
    fn not_run(spec: &ItemSpec) -> Option<Self> {
        Some(Self {
            kind: TestKind::of(&spec.id)?,
            item: spec.id.clone(),
            title: spec.title.clone(),
            required: spec.required,
            status: TestStatus::NotRun,
            at: None,
            by: None,
            said: None,
            notes: Vec::new(),
            evidence: None,
        })
    }

    fn is(mut self, state: &ItemState, stale: bool) -> Self {
        self.status = match state.status {
            ItemStatus::Open => TestStatus::NotRun,
            ItemStatus::Running => TestStatus::Running,
            ItemStatus::Failed => TestStatus::Failed,
            ItemStatus::Unknown => TestStatus::Unknown,
            ItemStatus::Waived => TestStatus::Waived,
            ItemStatus::Done if stale => TestStatus::Stale,
            ItemStatus::Done => TestStatus::Passed,
        };
        self.at = Some(state.at);
        self.by = Some(state.by.clone());
        let evidence = state.evidence.as_deref();
        let found = evidence.map(super::evidence::Evidence::sentence);
        let said: Vec<String> = found.into_iter().chain(state.note.clone()).collect();
        self.said = Some(said.join("; ")).filter(|said| !said.is_empty());
        self.evidence = evidence.map(|evidence| {
            let kept = evidence.kept.as_ref().map(|kept| &kept.digest);
            kept.unwrap_or(&evidence.output).clone()
        });
        self
    }
}

/// The tests of a deployment as they stand, in the order of their kinds.
pub fn of_deployment(deployment: &Deployment, now: Timestamp) -> Vec<Test> {
    let test = |spec: &ItemSpec| {
        let mut test = Test::not_run(spec)?;
        if let Some(state) = deployment.items.get(&spec.id) {
            test = test.is(state, deployment.stale(spec, now).is_some());
        }
        test.notes = deployment.notes.get(&spec.id).cloned().unwrap_or_default();
        Some(test)
    };
    sorted(deployment.plan.plan.items.iter().filter_map(test))
}

/// The tests that there would be.
pub fn of_items<'a>(items: impl Iterator<Item = &'a ItemSpec>) -> Vec<Test> {
    sorted(items.filter_map(Test::not_run))
}

fn sorted(tests: impl Iterator<Item = Test>) -> Vec<Test> {
    let mut tests: Vec<Test> = tests.collect();
    tests.sort_by_key(|test| test.kind);
    tests
}

/// The last deployment of this release that the entries of a target tell of, as it stood when it ended, or stands.
pub fn last_of(entries: &[Entry], release: &Commit) -> Option<Deployment> {
    let named = entries.iter().rev().find_map(|entry| match &entry.body {
        Body::Requested {
            deployment, plan, ..
        } if plan.release.commit == *release => Some(deployment),
        _ => None,
    })?;
    stood(entries, named)
}

/// A deployment as it stood before it ended, or stands.
pub fn stood(entries: &[Entry], named: &DeploymentId) -> Option<Deployment> {
    let over = |entry: &&Entry| {
        matches!(
            entry.body,
            Body::Ended { .. } | Body::Cancelled { .. } | Body::Unknown { .. }
        )
    };
    let own = entries
        .iter()
        .filter(|entry| entry.body.deployment() == Some(named));
    TargetState::fold(own.take_while(|entry| !over(entry))).current
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_says_which_kind_of_test_an_item_is() {
        let kind = |id: &str| TestKind::of(&ItemId(id.to_owned())).map(TestKind::word);
        assert_eq!(kind("matrix.smoke"), Some("smoke"));
        assert_eq!(kind("matrix.security.image"), Some("security"));
        assert_eq!(kind("matrix.smoked"), None);
        assert_eq!(kind("matrix.extended"), None);
        assert_eq!(kind("verify.smoke"), None);
    }
}
