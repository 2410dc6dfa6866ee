//! What happened to a target, one record a deployment: who asked for it, when each leg of it was done, how it ended.
//! A fold over the same entries as the state, kept for good: the state forgets a deployment when it ends.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    change::{Act, ActKind},
    deployment::count_gap,
    entry::{Answer, Body, DeploymentId, Ending, Entry, IntentId, Outcome, OutsideAct},
    plan::{ItemId, StoredPlan},
    release::{Digest, ReleaseRef},
    target::TargetId,
};

/// Something that somebody did, and what they said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    pub at: Timestamp,
    pub by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Done {
    fn of(entry: &Entry, reason: Option<&String>) -> Self {
        Self {
            at: entry.at,
            by: entry.actor.name.clone(),
            reason: reason.filter(|reason| !reason.is_empty()).cloned(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    #[serde(flatten)]
    pub done: Done,
    pub answer: Answer,
    /// When they took it back, or answered again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<Timestamp>,
}

/// One canary stage of the plan, and when the platform rested at it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    pub share: u8,
    pub bake: SignedDuration,
    pub reached_at: Option<Timestamp>,
    /// When somebody, or the controller, went on from there.
    pub left_at: Option<Timestamp>,
}

/// One change of a rollback: from the intent to its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Leg {
    pub what: String,
    pub by: String,
    pub asked_at: Timestamp,
    pub settled_at: Option<Timestamp>,
    pub applied: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    pub at: Timestamp,
    pub by: String,
    pub how: Ending,
}

/// One deployment, under way or over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub id: DeploymentId,
    pub target: TargetId,
    pub release: ReleaseRef,
    pub before: Option<ReleaseRef>,
    pub subject: String,
    pub plan: Digest,
    /// Opened as a rollback: it needed no request.
    pub rollback: bool,
    pub requested: Done,
    /// In the order in which they were given.
    pub answers: Vec<Answered>,
    pub took_off: Option<Done>,
    pub stages: Vec<StageRecord>,
    /// Everybody was served by the new release.
    pub promoted_at: Option<Timestamp>,
    /// Verified; from here it was monitored.
    pub monitored_at: Option<Timestamp>,
    pub aborted: Option<Done>,
    /// The last word on going back.
    pub rolled_back: Option<Done>,
    pub rolled_back_to: Option<ReleaseRef>,
    /// Every change that was sent to go back, in order.
    pub rollback_legs: Vec<Leg>,
    /// Verification items that failed, as often as they did.
    pub failed_items: Vec<ItemId>,
    /// What somebody did past the ledger, as it was seen.
    pub outside: usize,
    pub gaps: Vec<(Timestamp, Timestamp)>,
    pub broke_glass: Option<Done>,
    pub cancelled: Option<Done>,
    pub ended: Option<Ended>,
    /// The rollout deadline of its plan, which a rollback is measured against where nothing else is said.
    pub rollout_deadline: SignedDuration,
}

impl Record {
    fn new(entry: &Entry, id: &DeploymentId, plan: &StoredPlan, reason: &String) -> Self {
        let rollback = matches!(entry.body, Body::RollbackOpened { .. });
        let stage = |stage: &super::plan::StageSpec| StageRecord {
            share: stage.share,
            bake: stage.bake,
            reached_at: None,
            left_at: None,
        };
        let requested = Done::of(entry, Some(reason));
        Self {
            id: id.clone(),
            target: plan.plan.target(),
            release: plan.release.clone(),
            before: plan.before.clone(),
            subject: plan.subject.to_string(),
            plan: plan.digest.clone(),
            rollback,
            took_off: rollback.then(|| requested.clone()),
            rolled_back: rollback.then(|| requested.clone()),
            rolled_back_to: rollback.then(|| plan.release.clone()),
            requested,
            answers: Vec::new(),
            stages: plan.plan.stages.iter().map(stage).collect(),
            promoted_at: None,
            monitored_at: None,
            aborted: None,
            rollback_legs: Vec::new(),
            failed_items: Vec::new(),
            outside: 0,
            gaps: Vec::new(),
            broke_glass: None,
            cancelled: None,
            ended: None,
            rollout_deadline: plan.plan.rollout_deadline,
        }
    }

    /// When the last GO was given that stood at take-off; None where none was asked for or it did not take off.
    pub fn approved_at(&self) -> Option<Timestamp> {
        let off = self.took_off.as_ref()?.at;
        self.answers
            .iter()
            .filter(|a| a.answer == Answer::Go && a.done.at <= off)
            .filter(|a| a.withdrawn_at.is_none_or(|back| back > off))
            .map(|a| a.done.at)
            .max()
    }

    /// From the request to the end or, while under way, to `now`.
    pub fn lasted(&self, now: Timestamp) -> SignedDuration {
        let until = self.ended.as_ref().map_or(now, |ended| ended.at);
        until.duration_since(self.requested.at)
    }

    /// From take-off until everybody was served, bakes included.
    pub fn time_to_deploy(&self) -> Option<SignedDuration> {
        let off = self.took_off.as_ref()?.at;
        Some(self.promoted_at?.duration_since(off))
    }

    /// How long it rested at stages because the plan bakes there: never longer than the plan's bake.
    pub fn baked(&self) -> SignedDuration {
        let one = |stage: &StageRecord| {
            let left = stage.left_at.or(self.promoted_at)?;
            let rested = left.duration_since(stage.reached_at?);
            Some(rested.clamp(SignedDuration::ZERO, stage.bake))
        };
        self.stages
            .iter()
            .filter_map(one)
            .fold(SignedDuration::ZERO, SignedDuration::saturating_add)
    }

    /// From delivery to the last stage, without bakes (SPEC §7).
    pub fn duration(&self) -> Option<SignedDuration> {
        self.time_to_deploy()?.checked_sub(self.baked())
    }

    /// From the key that rolled back to the former release serving everybody; None while it is on its way.
    pub fn recovery(&self) -> Option<SignedDuration> {
        let ended = self.ended.as_ref()?;
        let began = self.rollback_began()?;
        (ended.how == Ending::RolledBack).then(|| ended.at.duration_since(began))
    }

    pub fn rollback_began(&self) -> Option<Timestamp> {
        let first = self.rollback_legs.first().map(|leg| leg.asked_at);
        first.or_else(|| self.rolled_back.as_ref().map(|done| done.at))
    }

    /// For how long nobody attended.
    pub fn unattended(&self) -> SignedDuration {
        self.gaps
            .iter()
            .map(|(from, until)| until.duration_since(*from))
            .fold(SignedDuration::ZERO, SignedDuration::saturating_add)
    }

    /// Why it ended as it did; while under way, why it was asked for.
    pub fn reason(&self) -> &str {
        let said = [&self.cancelled, &self.rolled_back];
        said.into_iter()
            .flatten()
            .find_map(|done| done.reason.as_deref())
            .or(self.requested.reason.as_deref())
            .unwrap_or_default()
    }

    /// `closed`, `rolled back`, or what it is doing now.
    pub fn word(&self) -> &'static str {
        match self.ended.as_ref().map(|ended| ended.how) {
            Some(Ending::Closed) => "closed",
            Some(Ending::Cancelled) => "cancelled",
            Some(Ending::RolledBack) => "rolled back",
            None if self.rolled_back.is_some() => "rolling back",
            None if self.monitored_at.is_some() => "monitoring",
            None if self.promoted_at.is_some() => "verifying",
            None if self.aborted.is_some() => "aborted",
            None if self.took_off.is_some() => "flying",
            None => "requested",
        }
    }

    fn evolve(&mut self, entry: &Entry, sent: Option<&Sent>) {
        match &entry.body {
            Body::Decided { answer, reason, .. } => {
                let done = Done::of(entry, Some(reason));
                self.take_back(entry);
                self.answers.push(Answered {
                    done,
                    answer: *answer,
                    withdrawn_at: None,
                });
            }
            Body::AutoApproved { rule, reason, .. } => self.answers.push(Answered {
                done: Done {
                    by: format!("auto:{rule}"),
                    ..Done::of(entry, Some(reason))
                },
                answer: Answer::Go,
                withdrawn_at: None,
            }),
            Body::Withdrawn { .. } => self.take_back(entry),
            Body::Intended { act, change, .. } => self.intended(entry, act, *change),
            Body::Settled { outcome, .. } => {
                if let (Outcome::Applied { .. }, Some(sent)) = (outcome, sent) {
                    self.applied(sent);
                }
            }
            Body::StageReached { stage, .. } => {
                let reached = self.stages.get_mut(*stage);
                if let Some(reached) = reached.filter(|stage| stage.reached_at.is_none()) {
                    reached.reached_at = Some(entry.at);
                }
                for before in self.stages.iter_mut().take(*stage) {
                    before.left_at.get_or_insert(entry.at);
                }
            }
            Body::RetriedOutside { .. } => self.start_over(),
            Body::SeenOutside { what, reason, .. } => {
                self.outside += 1;
                if *what == OutsideAct::BroughtBack {
                    self.rolled_back = Some(Done::of(entry, reason.as_ref()));
                }
            }
            Body::Promoted { .. } => self.promoted_at = Some(entry.at),
            Body::MonitoringBegan { .. } => {
                self.monitored_at.get_or_insert(entry.at);
            }
            Body::Measured {
                item, ok: false, ..
            } => self.failed_items.push(item.clone()),
            Body::Unattended { from, until, .. } => count_gap(&mut self.gaps, *from, *until),
            Body::GlassBroken { reason, .. } => {
                self.broke_glass = Some(Done::of(entry, Some(reason)));
            }
            Body::Cancelled { reason, .. } => {
                self.cancelled = Some(Done::of(entry, reason.as_ref()));
                self.end(entry, Ending::Cancelled);
            }
            Body::Ended { ending, .. } => self.end(entry, *ending),
            _ => {}
        }
    }

    fn take_back(&mut self, entry: &Entry) {
        let theirs = |answer: &&mut Answered| answer.done.by == entry.actor.name;
        for answer in self.answers.iter_mut().filter(theirs) {
            answer.withdrawn_at.get_or_insert(entry.at);
        }
    }

    fn intended(&mut self, entry: &Entry, act: &Act, change: usize) {
        if act.kind != ActKind::RollBack {
            return;
        }
        let done = Done::of(entry, act.reason.as_ref());
        match &mut self.rolled_back {
            Some(earlier) if done.reason.is_none() => earlier.at = earlier.at.min(done.at),
            rolled_back => *rolled_back = Some(done),
        }
        self.rolled_back_to = Some(act.release.clone());
        if let Some(change) = act.changes.get(change) {
            self.rollback_legs.push(Leg {
                what: change.line(),
                by: entry.actor.name.clone(),
                asked_at: entry.at,
                settled_at: None,
                applied: false,
            });
        }
    }

    fn applied(&mut self, sent: &Sent) {
        let done = |reason: Option<&String>| Done {
            at: sent.at,
            by: sent.by.clone(),
            reason: reason.cloned(),
        };
        match sent.act.kind {
            ActKind::Fly => {
                self.took_off.get_or_insert(done(None));
            }
            ActKind::Promote | ActKind::PromoteFully => {
                let reached = self.stages.iter_mut().rfind(|s| s.reached_at.is_some());
                if let Some(stage) = reached {
                    stage.left_at.get_or_insert(sent.at);
                }
            }
            ActKind::Abort => self.aborted = Some(done(sent.act.reason.as_ref())),
            ActKind::Retry => self.start_over(),
            ActKind::Hold | ActKind::Resume | ActKind::RollBack => {}
        }
    }

    /// From the first stage again.
    fn start_over(&mut self) {
        self.aborted = None;
        for stage in &mut self.stages {
            (stage.reached_at, stage.left_at) = (None, None);
        }
    }

    fn end(&mut self, entry: &Entry, how: Ending) {
        self.ended = Some(Ended {
            at: entry.at,
            by: entry.actor.name.clone(),
            how,
        });
    }
}

/// Every deployment of one target, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    records: Vec<Record>,
    places: BTreeMap<DeploymentId, usize>,
    /// Intents without an outcome, with when they were asked.
    sent: BTreeMap<IntentId, Sent>,
}

#[derive(Clone, Debug, PartialEq)]
struct Sent {
    act: Act,
    at: Timestamp,
    by: String,
    /// Its place among the legs of a rollback.
    leg: Option<usize>,
}

impl History {
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut history = Self::default();
        for entry in entries {
            history.evolve(entry);
        }
        history
    }

    pub fn records(&self) -> &[Record] {
        &self.records
    }

    pub fn record(&self, id: &DeploymentId) -> Option<&Record> {
        self.records.get(*self.places.get(id)?)
    }

    /// Total, like the fold of the state: what fits no deployment changes nothing.
    pub fn evolve(&mut self, entry: &Entry) {
        if let Body::Requested {
            deployment,
            plan,
            reason,
        }
        | Body::RollbackOpened {
            deployment,
            plan,
            reason,
        } = &entry.body
        {
            let open = self.records.last().is_some_and(|last| last.ended.is_none());
            if !open && !self.places.contains_key(deployment) {
                self.places.insert(deployment.clone(), self.records.len());
                self.records
                    .push(Record::new(entry, deployment, plan, reason));
            }
            return;
        }
        let Some(record) = entry
            .body
            .deployment()
            .and_then(|id| self.places.get(id))
            .and_then(|place| self.records.get_mut(*place))
            .filter(|record| record.ended.is_none())
        else {
            return;
        };
        let mut sent = None;
        if let Body::Settled {
            intent, outcome, ..
        } = &entry.body
        {
            if matches!(outcome, Outcome::Unknown { .. }) {
                return;
            }
            sent = self.sent.remove(intent);
            let leg = sent.as_ref().and_then(|sent: &Sent| sent.leg);
            if let Some(leg) = leg.and_then(|leg| record.rollback_legs.get_mut(leg)) {
                leg.settled_at = Some(entry.at);
                leg.applied = matches!(outcome, Outcome::Applied { .. });
            }
        }
        record.evolve(entry, sent.as_ref());
        if let Body::Intended { intent, act, .. } = &entry.body {
            let leg = (act.kind == ActKind::RollBack)
                .then(|| record.rollback_legs.len().checked_sub(1))
                .flatten();
            let sent = Sent {
                act: (**act).clone(),
                at: entry.at,
                by: entry.actor.name.clone(),
                leg,
            };
            self.sent.insert(intent.clone(), sent);
        }
    }
}
