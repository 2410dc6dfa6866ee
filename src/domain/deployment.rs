//! One deployment as the ledger tells it: where it stands, what was answered, ticked, measured and done.
//! The fold that makes it is in `fold`, what stays of a target between deployments in `target`.

mod acting;
pub mod difference;
mod fold;
mod target;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    change::{Act, ActKind},
    entry::{Answer, DeploymentId, IntentId, OutsideAct},
    evidence::Evidence,
    plan::{ItemId, ItemKind, ItemSpec, StoredPlan},
    release::{Digest, ReleaseRef},
    time,
    workspace::{Actor, IdentityMeans},
};

pub use fold::count_gap;
pub use target::{Glass, Grounded, Live, Past, Signature, TargetState};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlightState {
    /// Waits for approvals, checks, and somebody to press F.
    Requested,
    Flying,
    /// Stable serves everybody; the new release is still the desired one.
    Aborted,
    RollingBack,
    /// The new release serves everybody; its verification items are open.
    Verifying,
    Monitoring,
}

impl FlightState {
    pub fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Flying => "flying",
            Self::Aborted => "aborted",
            Self::RollingBack => "rolling back",
            Self::Verifying => "verifying",
            Self::Monitoring => "monitoring",
        }
    }

    /// The platform was touched and the session is not closed.
    pub fn is_airborne(self) -> bool {
        self != Self::Requested
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    pub id: DeploymentId,
    pub plan: StoredPlan,
    pub requester: Actor,
    pub requested_at: Timestamp,
    pub reason: String,
    pub state: FlightState,
    /// The latest standing decision of each person.
    pub decisions: Vec<Decision>,
    pub items: BTreeMap<ItemId, ItemState>,
    /// Acts that were begun and not taken back: whatever became of them, something may be there.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub begun: BTreeSet<ItemId>,
    /// What was said about items, oldest first; it outlives whatever becomes of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub notes: BTreeMap<ItemId, Vec<Note>>,
    /// Waivers that wait for their second person.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub proposals: BTreeMap<ItemId, Held>,
    pub took_off_at: Option<Timestamp>,
    /// When each stage of the plan was reached.
    pub stages: Vec<Option<Timestamp>>,
    pub promoted_at: Option<Timestamp>,
    pub monitoring_since: Option<Timestamp>,
    /// When nobody attended, in order and apart from each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps: Vec<(Timestamp, Timestamp)>,
    /// Intended and not settled.
    pub outstanding: Option<Outstanding>,
    /// The latest act that was applied.
    pub last_act: Option<LastAct>,
    /// Who promoted which of the platform's steps, since take-off or the last retry.
    #[serde(default)]
    pub promoted_steps: BTreeMap<usize, LastAct>,
    /// Somebody here skipped all steps, since take-off or the last retry.
    #[serde(default)]
    pub promoted_fully: bool,
    /// What somebody did past this ledger, since take-off or the last retry.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<SeenOutside>,
    /// When it was last seen to have been retried outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restarted_at: Option<Timestamp>,
    /// Where a rollback goes.
    pub rolling_back_to: Option<ReleaseRef>,
    /// It is a rollback from the start: its plan's release is where it first went, what was live is left.
    #[serde(default)]
    pub is_way_back: bool,
    pub held: Option<Held>,
    /// What the guard held it for, since take-off or the last retry.
    #[serde(default)]
    pub guarded: Vec<Guarded>,
    /// Who stopped the guard, for the rest of this flight.
    #[serde(default)]
    pub guard_stopped: Option<Held>,
    /// Who flies it; None: the controls are free (SPEC K1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub controls: Option<Controls>,
    /// Set when some change of an act was refused after an earlier one was applied.
    pub unfinished: Option<Act>,
    /// What was asked for last, if it was looked for and never landed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<Box<Lost>>,
}

/// An act that was sent, looked for, and not found: it can be asked for again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lost {
    pub act: Act,
    pub change: usize,
    pub by: String,
    pub at: Timestamp,
    /// How often it was sent, in a row.
    pub times: usize,
}

impl Lost {
    /// `the abort never landed, asked 3 times`
    pub fn words(&self) -> String {
        let noun = self.act.kind.noun();
        match self.times {
            1 => format!("the {noun} never landed"),
            n => format!("the {noun} never landed, asked {n} times"),
        }
    }

    pub fn is_of(&self, act: &Act, change: usize) -> bool {
        (self.act.kind, self.act.step, self.change) == (act.kind, act.step, change)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    pub by: Actor,
    pub at: Timestamp,
    pub plan: Digest,
    pub answer: Answer,
    pub reason: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemState {
    pub status: ItemStatus,
    pub by: String,
    pub at: Timestamp,
    pub note: Option<String>,
    /// What a run left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Box<Evidence>>,
    /// The output that was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Digest>,
}

/// What somebody said about an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub by: String,
    pub at: Timestamp,
    pub text: String,
}

/// How long after its deadline a run may still say how it ended.
pub const GRACE: SignedDuration = SignedDuration::from_mins(1);

/// Evidence that is older than its item lets it be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale {
    pub age: SignedDuration,
    pub limit: SignedDuration,
}

impl Stale {
    /// `its evidence is 25 h old, limit 24 h`
    pub fn sentence(self) -> String {
        let (age, limit) = (time::age(self.age), time::exact(self.limit));
        format!("its evidence is {age} old, limit {limit}")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemStatus {
    Open,
    /// Somebody runs it, or began to and never said how it ended.
    Running,
    Done,
    Failed,
    Waived,
    /// It acts, and nobody heard how it ended: it may have happened.
    Unknown,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outstanding {
    pub intent: IntentId,
    pub act: Act,
    pub change: usize,
    pub by: Actor,
    pub at: Timestamp,
    /// The deadline passed, or the connection broke: it may have landed.
    pub unknown: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastAct {
    pub kind: ActKind,
    pub step: Option<usize>,
    pub by: String,
    pub at: Timestamp,
    pub settled_at: Timestamp,
    /// How many of its changes were applied, of how many.
    pub applied: usize,
    pub of: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Controls {
    pub by: String,
    pub since: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    pub by: String,
    pub at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Who did what no entry of this ledger intended.
pub const OUTSIDE: &str = "somebody outside gonogo";

/// What somebody did past this ledger, and when that was written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeenOutside {
    pub what: OutsideAct,
    pub at: Timestamp,
}

/// The guard held for this gate; not for the same again before it was seen to pass.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Guarded {
    pub gate: String,
    pub at: Timestamp,
    intent: IntentId,
}

impl Deployment {
    pub fn item(&self, id: &ItemId) -> ItemStatus {
        self.items
            .get(id)
            .map_or(ItemStatus::Open, |item| item.status)
    }

    /// Since when the stage lasts that is flown now: what is measured anew at each stage is waived for one only.
    pub fn measured_since(&self) -> Option<Timestamp> {
        let reached = self
            .stage()
            .and_then(|stage| self.stages.get(stage).copied().flatten());
        self.promoted_at.or(reached).or(self.took_off_at)
    }

    /// Who wants to waive this, and may still be seconded.
    pub fn proposal(&self, id: &ItemId) -> Option<&Held> {
        let since = self.measured_since().filter(|_| id.is_measured());
        self.proposals
            .get(id)
            .filter(|proposal| since.is_none_or(|since| proposal.at >= since))
    }

    pub fn is_waived(&self, id: &str) -> bool {
        self.item(&ItemId(id.to_owned())) == ItemStatus::Waived
    }

    /// The last stage that was reached, if any.
    pub fn stage(&self) -> Option<usize> {
        self.stages.iter().rposition(Option::is_some)
    }

    /// When the bake of the last reached stage is over.
    pub fn bake_ends(&self) -> Option<Timestamp> {
        let stage = self.stage()?;
        let reached = self.stages.get(stage).copied().flatten()?;
        self.attended(reached, self.plan.plan.stages.get(stage)?.bake)
    }

    /// Verification items in their order.
    pub fn verification(&self) -> impl Iterator<Item = &ItemSpec> {
        self.plan
            .plan
            .items
            .iter()
            .filter(|item| item.is_verification())
    }

    /// Green, or waived by name.
    pub fn is_settled(&self, item: &ItemSpec) -> bool {
        matches!(self.item(&item.id), ItemStatus::Done | ItemStatus::Waived)
    }

    /// What turned the item green is too old to count.
    pub fn stale(&self, item: &ItemSpec, now: Timestamp) -> Option<Stale> {
        let limit = item.max_age.filter(|_| !item.is_verification())?;
        let state = self.items.get(&item.id)?;
        let age = now.duration_since(state.at);
        (state.status == ItemStatus::Done && age > limit).then_some(Stale { age, limit })
    }

    /// As it counts now: what grew too old, or rests on what was done again since, is open again. What acted stays so, and
    /// is unknown once nobody can be expected to say how it ended.
    pub fn status(&self, item: &ItemSpec, now: Timestamp) -> ItemStatus {
        match self.item(&item.id) {
            ItemStatus::Running if item.acts() && self.is_silent(item, now) => ItemStatus::Unknown,
            ItemStatus::Done if item.acts() => ItemStatus::Done,
            ItemStatus::Done if self.stale(item, now).is_some() || self.is_overtaken(item) => {
                ItemStatus::Open
            }
            status => status,
        }
    }

    /// Its run should have ended some time ago, and nobody said so.
    fn is_silent(&self, item: &ItemSpec, now: Timestamp) -> bool {
        let state = self.items.get(&item.id);
        state.is_some_and(|state| {
            now.duration_since(state.at) > item.patience().saturating_add(GRACE)
        })
    }

    /// What it rests on was done again since, or is not green any more; what was read is another output now.
    pub fn is_overtaken(&self, item: &ItemSpec) -> bool {
        let Some(state) = self.items.get(&item.id) else {
            return false;
        };
        let green = |id: &ItemId| matches!(self.item(id), ItemStatus::Done | ItemStatus::Waived);
        let another = match &item.kind {
            ItemKind::Read(of) => !green(of) || self.output_of(of) != state.of.as_ref(),
            _ => false,
        };
        another
            || item.chain.after.iter().any(|earlier| {
                let since = self.items.get(earlier).map(|earlier| earlier.at);
                !green(earlier) || since.is_some_and(|since| since > state.at)
            })
    }

    /// The digest of what the last run of an item printed, if it ended well.
    pub fn output_of(&self, id: &ItemId) -> Option<&Digest> {
        let state = self
            .items
            .get(id)
            .filter(|state| state.status == ItemStatus::Done)?;
        state.evidence.as_ref().map(|evidence| &evidence.output)
    }

    /// Green now, or waived by name.
    pub fn counts(&self, item: &ItemSpec, now: Timestamp) -> bool {
        matches!(
            self.status(item, now),
            ItemStatus::Done | ItemStatus::Waived
        )
    }

    pub fn monitoring_ends(&self) -> Option<Timestamp> {
        self.attended(self.monitoring_since?, self.plan.plan.monitoring)
    }

    /// When `lasts` will have been attended since `from`: gaps put it off.
    pub fn attended(&self, from: Timestamp, lasts: SignedDuration) -> Option<Timestamp> {
        let missed = |(began, ended): &(Timestamp, Timestamp)| {
            ended
                .duration_since((*began).max(from))
                .max(SignedDuration::ZERO)
        };
        let all = self
            .gaps
            .iter()
            .map(missed)
            .fold(SignedDuration::ZERO, SignedDuration::saturating_add);
        from.checked_add(lasts).ok()?.checked_add(all).ok()
    }

    /// From take-off to the last stage or, while under way, to now.
    pub fn flown(&self, now: Timestamp) -> Option<SignedDuration> {
        Some(
            self.promoted_at
                .unwrap_or(now)
                .duration_since(self.took_off_at?),
        )
    }
}

/// Who may be counted: somebody whose identity the environment trusts.
pub fn is_verified(actor: &Actor, trust_names: bool) -> bool {
    match actor.means {
        IdentityMeans::Account | IdentityMeans::Claimed => trust_names,
        IdentityMeans::Program => false,
    }
}
