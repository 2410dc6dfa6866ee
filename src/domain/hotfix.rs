//! A hotfix: why it may hurry, which leg of 002's clock it is on, what it flew, and what it still owes when everybody
//! else has gone home (SPEC R8, E12). The fold that makes it is in `fold`, its clock in `clock`, what git says of it in
//! `lineage`.

mod clock;
mod fold;
mod lineage;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    entry::{DeploymentId, Ending},
    environment::{ApprovalRule, EnvironmentName},
    plan::{Chain, ItemId, ItemKind, ItemSpec, Phase},
    release::ReleaseRef,
    text::Clean,
    time,
};

pub use clock::{Budgets, Leg, LegShown};
pub use fold::Hotfixes;
pub use lineage::{Asked, Carried, Fix, How, Lineage, Mark, PatchProof, PatchVerdict, proofs};

/// The item that only the proof closes.
pub const BACKPORT: &str = "hotfix.backport";

/// Why it may hurry: one of 002's four.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    BreakingBug,
    Security,
    DataLoss,
    Revenue,
}

impl Criterion {
    pub const ALL: [Self; 4] = [
        Self::BreakingBug,
        Self::Security,
        Self::DataLoss,
        Self::Revenue,
    ];

    /// As it is typed.
    pub const fn word(self) -> &'static str {
        match self {
            Self::BreakingBug => "breaking-bug",
            Self::Security => "security",
            Self::DataLoss => "data-loss",
            Self::Revenue => "revenue",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|criterion| criterion.word() == text)
    }
}

impl std::fmt::Display for Criterion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// How an environment lets a hotfix in (SPEC R8). Part of its policy, and so of every plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HotfixPolicy {
    /// Globs over branch names: what counts as a hotfix here.
    pub branches: Vec<String>,
    /// One person who holds this role says GO, and is not the requester.
    pub role: String,
    /// A decision older than this no longer counts.
    pub expires_after: SignedDuration,
    /// The branch that the fix has to reach afterwards.
    pub onto: String,
    /// What is done before take-off in place of the soak and of the list that follows later.
    pub validation: Vec<ItemSpec>,
}

impl Default for HotfixPolicy {
    fn default() -> Self {
        Self {
            branches: vec!["hotfix/*".to_owned()],
            role: "emergency".to_owned(),
            expires_after: SignedDuration::from_hours(1),
            onto: "main".to_owned(),
            validation: fast_validation(),
        }
    }
}

/// What 004 (hotfix, steps 2 to 5) and 002 (protocol, steps 2 and 3) ask for before production.
fn fast_validation() -> Vec<ItemSpec> {
    let check = |id: &str, phase: Phase, title: &str| ItemSpec {
        id: ItemId(id.to_owned()),
        phase,
        title: title.to_owned(),
        kind: ItemKind::Check,
        required: true,
        owner: None,
        time_box: None,
        max_age: None,
        timeout: None,
        types: Vec::new(),
        auto: false,
        chain: Chain::default(),
    };
    vec![
        check(
            "hotfix.minimal",
            Phase::Validate,
            "The fix is minimal: nothing else rides along",
        ),
        check(
            "hotfix.tested",
            Phase::Validate,
            "Critical tests passed, locally and in dev",
        ),
        check(
            "hotfix.reviewed",
            Phase::Validate,
            "The pull request to main is open and was reviewed",
        ),
        check(
            "hotfix.validated",
            Phase::Staging,
            "Quick validation in staging passed",
        ),
    ]
}

/// What stands in the plan of a hotfix. Covered by its digest, so the hurry itself is approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expedited {
    pub hotfix: String,
    pub branch: String,
    pub criterion: Criterion,
    /// What this environment relaxes; none where it has no hotfix policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terms: Option<Terms>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The soak that the fast validation stands for.
    pub soak: SignedDuration,
    /// The items of the plan that stand for it.
    pub validation: Vec<ItemId>,
    /// Who would have had to approve.
    pub approvals: Vec<ApprovalRule>,
    /// Maintenance windows and freezes do not hold it.
    pub windows_lifted: bool,
    /// The rest of the list: open from the last stage on, and past the close.
    pub afterwards: Vec<ItemSpec>,
}

impl Expedited {
    pub fn mark(&self) -> Mark {
        Mark {
            name: self.hotfix.clone(),
            branch: self.branch.clone(),
            criterion: self.criterion,
        }
    }

    /// `hotfix session-leak, criterion security`
    pub fn words(&self) -> String {
        format!("hotfix {}, criterion {}", self.hotfix, self.criterion)
    }

    /// What this plan passes by, one sentence each. A second person answers for it.
    pub fn relaxations(&self) -> Vec<String> {
        let Some(terms) = &self.terms else {
            return Vec::new();
        };
        let mut said = Vec::new();
        if !terms.soak.is_zero() {
            said.push(format!(
                "soak of {} replaced by {} fast-validation items",
                time::exact(terms.soak),
                terms.validation.len()
            ));
        }
        for rule in &terms.approvals {
            said.push(format!(
                "{} of the role {} replaced by one emergency approver",
                rule.quorum, rule.role
            ));
        }
        if terms.windows_lifted {
            said.push("windows and freezes lifted".to_owned());
        }
        if !terms.afterwards.is_empty() {
            said.push(format!(
                "{} items of the list follow after the flight",
                terms.afterwards.len()
            ));
        }
        said
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hotfix {
    pub name: String,
    pub branch: String,
    /// The branch it has to reach.
    pub onto: String,
    pub criterion: Criterion,
    /// What was live when it began; its branch begins there.
    pub from: ReleaseRef,
    /// Where it was live.
    pub environment: EnvironmentName,
    pub by: String,
    pub started_at: Timestamp,
    /// When each leg began. A leg that is missing before one that began was passed over.
    pub legs: BTreeMap<Leg, Timestamp>,
    /// Every deployment of it, oldest first.
    pub flights: Vec<Flight>,
    /// The list that its plan put off.
    pub owed: Vec<ItemSpec>,
    pub checked: BTreeMap<ItemId, Signed>,
    pub backported: Option<Backported>,
    pub closed: Option<Signed>,
}

/// One deployment that flies a hotfix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Flight {
    pub deployment: DeploymentId,
    pub environment: EnvironmentName,
    pub release: ReleaseRef,
    pub requested_at: Timestamp,
    pub approved: Vec<String>,
    pub checked: Vec<ItemId>,
    pub promoted_at: Option<Timestamp>,
    pub ended: Option<(Timestamp, Ending)>,
}

impl Flight {
    /// It serves everybody, or did until something newer came.
    pub fn stayed(&self) -> bool {
        self.promoted_at.is_some()
            && self
                .ended
                .is_none_or(|(_, ending)| ending == Ending::Closed)
    }
}

/// Who said so, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    pub by: String,
    pub at: Timestamp,
    pub note: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backported {
    pub by: String,
    pub at: Timestamp,
    pub fixes: Vec<Carried>,
}

/// One of 004's eight steps, with what the ledger says of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    pub id: &'static str,
    pub title: &'static str,
    pub done: bool,
    pub evidence: String,
}

impl Hotfix {
    /// Flown to where it came from, and still there.
    pub fn landed(&self) -> Option<&Flight> {
        self.flights
            .iter()
            .rev()
            .find(|flight| flight.environment == self.environment && flight.stayed())
    }

    /// Everything that outlives the deployment: what the plan put off, and the backport.
    pub fn open_items(&self) -> Vec<(ItemId, String)> {
        if self.closed.is_some() {
            return Vec::new();
        }
        let owed = self.owed.iter().filter(|_| self.landed().is_some());
        let mut open: Vec<(ItemId, String)> = owed
            .filter(|item| !self.checked.contains_key(&item.id))
            .map(|item| (item.id.clone(), item.title.clone()))
            .collect();
        if self.backported.is_none() {
            let title = format!("The fix is on {}, proved by patch id", self.onto);
            open.push((ItemId(BACKPORT.to_owned()), title));
        }
        open
    }

    /// Given up, or landed, closed there, and with nothing owed.
    pub fn is_over(&self) -> bool {
        let landed = self.landed().is_some_and(|flight| flight.ended.is_some());
        self.closed.is_some() || (landed && self.open_items().is_empty())
    }

    /// 004's steps in their order.
    pub fn steps(&self) -> Vec<Step> {
        let ours = |flight: &&Flight| flight.environment == self.environment;
        let checked = |id: &'static str, title: &'static str| {
            let by = self.flights.iter().rev().filter(ours);
            let by = by.filter(|flight| flight.checked.iter().any(|item| item.0 == id));
            let flight = by.map(|flight| flight.deployment.to_string()).next();
            Step {
                id,
                title,
                done: flight.is_some(),
                evidence: flight.map_or_else(
                    || "open".to_owned(),
                    |deployment| format!("checked in {deployment}"),
                ),
            }
        };
        let staged = self
            .flights
            .iter()
            .find(|flight| flight.environment != self.environment && flight.stayed());
        let approved = self.flights.iter().rev().filter(ours);
        let approved: Vec<&str> = approved
            .flat_map(|flight| flight.approved.iter().map(String::as_str))
            .collect();
        let step = |id, title, done: Option<String>| Step {
            id,
            title,
            done: done.is_some(),
            evidence: done.unwrap_or_else(|| "open".to_owned()),
        };
        vec![
            step(
                "hotfix.branch",
                "Create hotfix branch from production tag",
                Some(format!(
                    "{} from {} {}",
                    self.branch,
                    self.from.title(),
                    self.from.commit.short()
                )),
            ),
            checked("hotfix.minimal", "Implement minimal fix"),
            checked("hotfix.tested", "Test locally and in dev"),
            checked("hotfix.reviewed", "Create PR for review"),
            step(
                "hotfix.staged",
                "Deploy to stage for quick validation",
                staged
                    .map(|flight| format!("{} in {}", flight.release.title(), flight.environment)),
            ),
            step(
                "hotfix.approved",
                "Get emergency approval",
                (!approved.is_empty()).then(|| format!("GO by {}", approved.join(", "))),
            ),
            step(
                "hotfix.deployed",
                "Deploy to production",
                self.landed()
                    .map(|flight| format!("{} in {}", flight.release.title(), flight.environment)),
            ),
            step(
                BACKPORT,
                "Backport fix to main branch",
                self.backported.as_ref().map(|proof| {
                    format!(
                        "{} of {} commits proved",
                        proof.fixes.len(),
                        proof.fixes.len()
                    )
                }),
            ),
        ]
    }
}

/// Why a name makes no branch `hotfix/<name>`; none if it does.
pub fn why_no_name(name: &str) -> Option<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let fits = !name.is_empty()
        && name.len() <= 60
        && name.chars().all(good)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.contains("..")
        && !name.ends_with('.')
        && !name.to_ascii_lowercase().ends_with(".lock");
    (!fits).then(|| {
        format!(
            "`{}` is no name for a branch: letters, digits, - _ . and at most 60 of them",
            Clean::new(name)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_git_or_a_shell_would_trip_over_are_refused() {
        for good in ["session-leak", "CVE-2026-1.2", "a", "9_x"] {
            assert_eq!(why_no_name(good), None, "{good}");
        }
        for bad in [
            "",
            "-x",
            "a b",
            "a..b",
            "a.lock",
            "x.",
            "a/b",
            "ä",
            ".a",
            &"x".repeat(61),
        ] {
            assert!(why_no_name(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn criteria_are_typed_as_they_are_said() {
        for criterion in Criterion::ALL {
            assert_eq!(Criterion::parse(criterion.word()), Some(criterion));
        }
        assert_eq!(Criterion::parse("bored"), None);
    }
}
