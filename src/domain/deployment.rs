//! The state of one target, as a fold over its stream: the deployment under way, what is live, what was.
//! `evolve` is total: an entry that does not fit changes nothing but the position.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    change::{Act, ActKind},
    entry::{Answer, Body, DeploymentId, Ending, Entry, FORMAT, IntentId, Outcome},
    plan::{ItemId, ItemSpec, StoredPlan},
    release::{Commit, Digest, ReleaseRef},
    workspace::{Actor, IdentityMeans},
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
    /// Releases aborted or rolled back here: no GO until a person waives it (SPEC E9).
    pub grounded: BTreeMap<Commit, Grounded>,
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
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    pub id: DeploymentId,
    pub release: ReleaseRef,
    pub before: Option<ReleaseRef>,
    pub requested_at: Timestamp,
    pub promoted_at: Option<Timestamp>,
    pub verified_at: Option<Timestamp>,
    pub ended_at: Timestamp,
    pub ending: Ending,
}

/// Where a deployment stands. What was asked is not what is: acts under way are in `outstanding`.
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
    /// Where a rollback goes.
    pub rolling_back_to: Option<ReleaseRef>,
    pub held: Option<Held>,
    /// Set when some change of an act was refused after an earlier one was applied.
    pub unfinished: Option<Act>,
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemStatus {
    Open,
    Done,
    Failed,
    Waived,
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

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    pub by: String,
    pub at: Timestamp,
}

impl TargetState {
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

    pub fn evolve(&mut self, entry: &Entry) {
        self.position = entry.position;
        if entry.format > FORMAT || matches!(entry.body, Body::Unknown { .. }) {
            self.read_only = true;
            return;
        }
        match &entry.body {
            // One at a time: what would overwrite the deployment under way changes nothing.
            Body::Requested { .. } | Body::RollbackOpened { .. } if self.current.is_some() => {}
            Body::Requested {
                deployment,
                plan,
                reason,
            } => {
                self.current = Some(Deployment::new(
                    deployment,
                    plan,
                    entry,
                    reason,
                    FlightState::Requested,
                ));
            }
            Body::RollbackOpened {
                deployment,
                plan,
                reason,
            } => {
                let mut opened =
                    Deployment::new(deployment, plan, entry, reason, FlightState::RollingBack);
                opened.rolling_back_to = Some(plan.release.clone());
                opened.took_off_at = Some(entry.at);
                self.current = Some(opened);
            }
            Body::Cancelled { .. } => self.end(entry, Ending::Cancelled),
            Body::Ended { ending, .. } => self.end(entry, *ending),
            body => {
                let Some(current) = self
                    .current
                    .as_mut()
                    .filter(|current| body.deployment() == Some(&current.id))
                else {
                    return;
                };
                current.evolve(entry);
            }
        }
    }

    fn end(&mut self, entry: &Entry, ending: Ending) {
        let Some(current) = self
            .current
            .take_if(|current| entry.body.deployment() == Some(&current.id))
        else {
            return;
        };
        match ending {
            Ending::Closed => {
                let since = current.promoted_at.unwrap_or(entry.at);
                self.grounded.remove(&current.plan.release.commit);
                self.live = Some(Live {
                    release: current.plan.release.clone(),
                    since,
                    verified: current.monitoring_since.or(Some(entry.at)),
                });
            }
            Ending::RolledBack => {
                let to = current
                    .rolling_back_to
                    .clone()
                    .or_else(|| current.plan.before.clone());
                // What was left is grounded: the release that was flown, or what a plain rollback replaced.
                let opened = to
                    .as_ref()
                    .is_some_and(|to| to.commit == current.plan.release.commit);
                let left = if opened {
                    current
                        .plan
                        .before
                        .as_ref()
                        .map(|before| before.commit.clone())
                } else {
                    Some(current.plan.release.commit.clone())
                };
                let left = left.filter(|left| to.as_ref().is_none_or(|to| to.commit != *left));
                if let Some(commit) = left {
                    let by = current
                        .last_act
                        .as_ref()
                        .map_or_else(|| entry.actor.name.clone(), |act| act.by.clone());
                    self.grounded.insert(
                        commit,
                        Grounded {
                            at: entry.at,
                            by,
                            how: ActKind::RollBack,
                        },
                    );
                }
                if let Some(release) = to {
                    let verified = self.verified(&release.commit);
                    self.live = Some(Live {
                        release,
                        since: entry.at,
                        verified,
                    });
                }
            }
            Ending::Cancelled => {}
        }
        self.past.push(Past {
            id: current.id,
            release: current.plan.release,
            before: current.plan.before,
            requested_at: current.requested_at,
            promoted_at: current.promoted_at,
            verified_at: (ending == Ending::Closed)
                .then_some(current.monitoring_since.unwrap_or(entry.at)),
            ended_at: entry.at,
            ending,
        });
    }
}

impl Deployment {
    fn new(
        id: &DeploymentId,
        plan: &StoredPlan,
        entry: &Entry,
        reason: &str,
        state: FlightState,
    ) -> Self {
        Self {
            id: id.clone(),
            plan: plan.clone(),
            requester: entry.actor.clone(),
            requested_at: entry.at,
            reason: reason.to_owned(),
            state,
            decisions: Vec::new(),
            items: BTreeMap::new(),
            took_off_at: None,
            stages: vec![None; plan.plan.stages.len()],
            promoted_at: None,
            monitoring_since: None,
            gaps: Vec::new(),
            outstanding: None,
            last_act: None,
            promoted_steps: BTreeMap::new(),
            rolling_back_to: None,
            held: None,
            unfinished: None,
        }
    }

    pub fn item(&self, id: &ItemId) -> ItemStatus {
        self.items
            .get(id)
            .map_or(ItemStatus::Open, |item| item.status)
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

    /// From the first stage again; nothing of the flight before counts.
    fn start_over(&mut self) {
        self.state = FlightState::Flying;
        self.stages.fill(None);
        self.promoted_steps.clear();
    }

    fn evolve(&mut self, entry: &Entry) {
        let item = |status, note: Option<String>| ItemState {
            status,
            by: entry.actor.name.clone(),
            at: entry.at,
            note,
        };
        match &entry.body {
            Body::Decided {
                plan,
                answer,
                reason,
                ..
            } => {
                self.decisions
                    .retain(|decision| decision.by.name != entry.actor.name);
                let (by, at) = (entry.actor.clone(), entry.at);
                self.decisions.push(Decision {
                    by,
                    at,
                    plan: plan.clone(),
                    answer: *answer,
                    reason: reason.clone(),
                });
            }
            Body::Withdrawn { .. } => self
                .decisions
                .retain(|decision| decision.by.name != entry.actor.name),
            Body::Checked { item: id, note, .. } => {
                self.items
                    .insert(id.clone(), item(ItemStatus::Done, note.clone()));
            }
            Body::Waived {
                item: id, reason, ..
            } => {
                self.items
                    .insert(id.clone(), item(ItemStatus::Waived, Some(reason.clone())));
            }
            Body::Reopened {
                item: id, reason, ..
            } => {
                self.items
                    .insert(id.clone(), item(ItemStatus::Open, reason.clone()));
            }
            Body::Measured {
                item: id,
                ok,
                evidence,
                ..
            } => {
                let status = if *ok {
                    ItemStatus::Done
                } else {
                    ItemStatus::Failed
                };
                self.items
                    .insert(id.clone(), item(status, Some(evidence.clone())));
            }
            Body::Intended {
                intent,
                act,
                change,
                ..
            } => {
                let (intent, act, by) = (intent.clone(), (**act).clone(), entry.actor.clone());
                self.outstanding = Some(Outstanding {
                    intent,
                    act,
                    change: *change,
                    by,
                    at: entry.at,
                    unknown: false,
                });
            }
            Body::Settled {
                intent, outcome, ..
            } => self.settle(intent, outcome, entry.at),
            Body::StageReached { stage, .. } => {
                if let Some(reached) = self
                    .stages
                    .get_mut(*stage)
                    .filter(|reached| reached.is_none())
                {
                    *reached = Some(entry.at);
                }
            }
            Body::RetriedOutside { .. } => self.start_over(),
            Body::Promoted { .. } => {
                self.state = FlightState::Verifying;
                self.promoted_at = Some(entry.at);
                self.held = None;
            }
            Body::Unattended { from, until, .. } => {
                // Two processes that slept through the same hour missed one hour.
                let counted = self.gaps.last().map_or(*from, |(_, until)| *until);
                let from = (*from).max(counted);
                if from < *until {
                    self.gaps.push((from, *until));
                }
            }
            Body::MonitoringBegan { .. } => {
                self.state = FlightState::Monitoring;
                self.monitoring_since = Some(entry.at);
            }
            _ => {}
        }
    }

    fn settle(&mut self, intent: &IntentId, outcome: &Outcome, at: Timestamp) {
        let Some(mut outstanding) = self.outstanding.take_if(|o| &o.intent == intent) else {
            return;
        };
        let applied_before = self
            .last_act
            .as_ref()
            .is_some_and(|last| last.kind == outstanding.act.kind && outstanding.change > 0);
        match outcome {
            Outcome::Unknown { .. } => {
                outstanding.unknown = true;
                self.outstanding = Some(outstanding);
            }
            Outcome::Refused { .. } | Outcome::NotApplied => {
                if applied_before {
                    self.unfinished = Some(outstanding.act);
                }
            }
            Outcome::Applied { .. } => self.applied(&outstanding, at),
        }
    }

    /// The first applied change of an act moves the state; the rest only count.
    fn applied(&mut self, done: &Outstanding, at: Timestamp) {
        let act = &done.act;
        match act.kind {
            ActKind::Fly => {
                self.state = FlightState::Flying;
                self.took_off_at.get_or_insert(done.at);
            }
            ActKind::Retry => self.start_over(),
            ActKind::Abort => self.state = FlightState::Aborted,
            ActKind::RollBack => {
                self.state = FlightState::RollingBack;
                self.rolling_back_to = Some(act.release.clone());
            }
            ActKind::Hold => {
                self.held = Some(Held {
                    by: done.by.name.clone(),
                    at,
                });
            }
            ActKind::Resume => self.held = None,
            ActKind::Promote | ActKind::PromoteFully => {}
        }
        if act.kind != ActKind::Hold {
            self.held = None;
        }
        self.unfinished = None;
        let last = LastAct {
            kind: act.kind,
            step: act.step,
            by: done.by.name.clone(),
            at: done.at,
            settled_at: at,
            applied: done.change + 1,
            of: act.changes.len(),
        };
        if let (ActKind::Promote, Some(step)) = (act.kind, act.step) {
            self.promoted_steps.insert(step, last.clone());
        }
        self.last_act = Some(last);
    }
}

/// Who may be counted: somebody whose identity the environment trusts.
pub fn is_verified(actor: &Actor, trust_names: bool) -> bool {
    match actor.means {
        IdentityMeans::Account | IdentityMeans::Claimed => trust_names,
        IdentityMeans::Program => false,
    }
}
