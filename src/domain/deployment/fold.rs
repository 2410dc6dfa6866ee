//! The fold: each entry of a target's stream changes its state, and nothing else does. Total: an entry that does not
//! fit changes nothing but the position.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{
    Controls, Decision, Deployment, FlightState, Glass, Grounded, Guarded, Held, ItemState,
    ItemStatus, LastAct, Live, Lost, Note, OUTSIDE, Outstanding, Past, SeenOutside, Signature,
    TargetState,
};
use crate::domain::{
    change::ActKind,
    entry::{Answer, Body, DeploymentId, Ending, Entry, FORMAT, IntentId, Outcome, OutsideAct},
    environment::Lock,
    plan::{FlightAction, ItemKind, StoredPlan},
    release::Commit,
    workspace::Actor,
};

impl TargetState {
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
                opened.is_way_back = true;
                self.current = Some(opened);
            }
            Body::Grounded { release, reason } => {
                self.grounded.insert(
                    release.commit.clone(),
                    Grounded {
                        at: entry.at,
                        by: entry.actor.name.clone(),
                        how: ActKind::RollBack,
                        reason: Some(reason.clone()),
                    },
                );
            }
            Body::Cleared { release, .. } => {
                self.grounded.remove(&release.commit);
            }
            // While something flies, what flies is the story.
            Body::Adopted { release, .. } if self.current.is_none() => {
                let verified = self.verified(&release.commit);
                self.live = Some(Live {
                    release: release.clone(),
                    since: entry.at,
                    verified,
                });
            }
            Body::GlassBroken {
                deployment,
                reason,
                skipped,
                hotfix,
            } => self.glass.push(Glass {
                deployment: deployment.clone(),
                by: entry.actor.name.clone(),
                at: entry.at,
                reason: reason.clone(),
                skipped: skipped.clone(),
                hotfix: hotfix.clone(),
                countersigned: None,
            }),
            Body::Countersigned { deployment, reason } => {
                let open = self.glass.iter_mut().find(|glass| {
                    glass.countersigned.is_none()
                        && glass.deployment == *deployment
                        && glass.by != entry.actor.name
                });
                if let Some(glass) = open {
                    glass.countersigned = Some(Signature {
                        by: entry.actor.name.clone(),
                        at: entry.at,
                        reason: reason.clone(),
                    });
                }
            }
            Body::Locked { reason, until } => self.lock = Some(Lock::of(entry, reason, *until)),
            Body::Unlocked { .. } => self.lock = None,
            Body::Cancelled { .. } => self.end(entry, Ending::Cancelled),
            Body::Ended { ending, .. } => self.end(entry, *ending),
            body => {
                let named = |it: &Deployment| body.deployment() == Some(&it.id);
                if let Some(current) = self.current.as_mut().filter(|it| named(it)) {
                    current.evolve(entry);
                    // Of the same release it is the same migration.
                    if current.stands().is_some() {
                        let commit = &current.plan.release.commit;
                        self.migrated.retain(|it| it.plan.release.commit != *commit);
                    }
                } else if let Some(ended) = self.migrated.iter_mut().find(|it| named(it)) {
                    ended.evolve(entry);
                    self.migrated.retain(|it| it.touched().is_some());
                }
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
        if current.touched().is_some() {
            self.migrated.push(current.clone());
            self.forget_safe();
        }
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
                // One that went further back than it was opened for leaves both.
                let before = current.plan.before.iter().filter(|_| current.is_way_back);
                let left: Vec<Commit> = std::iter::once(&current.plan.release)
                    .chain(before)
                    .map(|release| release.commit.clone())
                    .filter(|left| to.as_ref().is_none_or(|to| to.commit != *left))
                    .collect();
                for commit in left {
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
                            reason: None,
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
        let baked = current
            .plan
            .plan
            .stages
            .iter()
            .map(|stage| stage.bake)
            .fold(SignedDuration::ZERO, SignedDuration::saturating_add);
        let moved_for = current
            .took_off_at
            .zip(current.promoted_at)
            .map(|(from, until)| until.duration_since(from).saturating_sub(baked))
            .map(|moved| moved.max(SignedDuration::ZERO));
        self.past.push(Past {
            moved_for,
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
            begun: BTreeSet::new(),
            notes: BTreeMap::new(),
            proposals: BTreeMap::new(),
            took_off_at: None,
            stages: vec![None; plan.plan.stages.len()],
            promoted_at: None,
            monitoring_since: None,
            gaps: Vec::new(),
            outstanding: None,
            last_act: None,
            promoted_steps: BTreeMap::new(),
            promoted_fully: false,
            outside: Vec::new(),
            restarted_at: None,
            rolling_back_to: None,
            is_way_back: false,
            held: None,
            guarded: Vec::new(),
            guard_stopped: None,
            controls: None,
            unfinished: None,
            lost: None,
        }
    }

    /// Items of the kind *action* are what the flight does.
    fn act_done(&mut self, action: FlightAction, by: &str, at: Timestamp) {
        let plan = &self.plan.plan;
        let done = plan
            .items
            .iter()
            .filter(|item| item.kind == ItemKind::Action(action));
        for item in done {
            let state = ItemState {
                status: ItemStatus::Done,
                by: by.to_owned(),
                at,
                note: None,
                evidence: None,
                of: None,
            };
            self.items.insert(item.id.clone(), state);
        }
    }

    /// From the first stage again; nothing of the flight before counts.
    fn start_over(&mut self) {
        self.state = FlightState::Flying;
        self.stages.fill(None);
        self.promoted_steps.clear();
        self.promoted_fully = false;
        self.guarded.clear();
        self.lost = None;
        self.outside.clear();
    }

    fn evolve(&mut self, entry: &Entry) {
        let item = |status, note: Option<String>| ItemState {
            status,
            by: entry.actor.name.clone(),
            at: entry.at,
            note,
            evidence: None,
            of: None,
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
            Body::Withdrawn { given_as, .. } => {
                let name = given_as.as_ref().unwrap_or(&entry.actor.name);
                self.decisions.retain(|decision| decision.by.name != *name);
            }
            Body::AutoApproved {
                plan, rule, reason, ..
            } => {
                let by = Actor {
                    name: format!("auto:{rule}"),
                    ..Actor::program(&entry.actor.host)
                };
                self.decisions
                    .retain(|decision| decision.by.name != by.name);
                self.decisions.push(Decision {
                    by,
                    at: entry.at,
                    plan: plan.clone(),
                    answer: Answer::Go,
                    reason: reason.clone(),
                });
            }
            Body::Checked { item: id, note, .. } => {
                self.items
                    .insert(id.clone(), item(ItemStatus::Done, note.clone()));
            }
            Body::OutputRead {
                item: id,
                of,
                reason,
                ..
            } => {
                let read = ItemState {
                    of: Some(of.clone()),
                    ..item(ItemStatus::Done, Some(reason.clone()))
                };
                self.items.insert(id.clone(), read);
            }
            // What was done, or may have been, no waiver undoes.
            Body::Waived { item: id, .. } if self.is_or_may_be_done(id) => {}
            Body::Waived {
                item: id, reason, ..
            } => {
                let mut waived = item(ItemStatus::Waived, Some(reason.clone()));
                if let Some(first) = self
                    .proposals
                    .remove(id)
                    .filter(|first| first.by != waived.by)
                {
                    waived.by = format!("{} and {}", first.by, waived.by);
                }
                self.items.insert(id.clone(), waived);
            }
            Body::WaiverProposed {
                item: id, reason, ..
            } => {
                let proposal = Held {
                    by: entry.actor.name.clone(),
                    at: entry.at,
                    reason: Some(reason.clone()),
                };
                self.proposals.insert(id.clone(), proposal);
            }
            Body::Reopened {
                item: id, reason, ..
            } => {
                self.proposals.remove(id);
                if self.is_or_may_be_done(id) {
                    self.begun.insert(id.clone());
                }
                self.items
                    .insert(id.clone(), item(ItemStatus::Open, reason.clone()));
            }
            Body::Noted { item: id, text, .. } => {
                let note = Note {
                    by: entry.actor.name.clone(),
                    at: entry.at,
                    text: text.clone(),
                };
                self.notes.entry(id.clone()).or_default().push(note);
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
            Body::RunBegan { item: id, .. } => {
                self.items
                    .insert(id.clone(), item(ItemStatus::Running, None));
                self.run_began(id);
            }
            Body::RunStopped { item: id, .. } => self.run_stopped(id),
            Body::Ran {
                item: id,
                ok,
                evidence,
                note,
                ..
            } => {
                let state = ItemState {
                    evidence: Some(evidence.clone()),
                    ..item(self.verdict(id, *ok, evidence), note.clone())
                };
                self.items.insert(id.clone(), state);
                self.run_ended(id);
            }
            Body::Intended {
                intent,
                act,
                change,
                ..
            } => {
                if let Some(cause) = &act.guard {
                    self.guarded.push(Guarded {
                        gate: cause.gate.clone(),
                        at: entry.at,
                        intent: intent.clone(),
                    });
                }
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
                self.lost = None;
                if let Some(reached) = self
                    .stages
                    .get_mut(*stage)
                    .filter(|reached| reached.is_none())
                {
                    *reached = Some(entry.at);
                }
            }
            Body::GuardStopped { reason, .. } => {
                self.guard_stopped = Some(Held {
                    by: entry.actor.name.clone(),
                    at: entry.at,
                    reason: Some(reason.clone()),
                });
            }
            Body::ControlsTaken { .. } => {
                self.controls = Some(Controls {
                    by: entry.actor.name.clone(),
                    since: entry.at,
                });
            }
            Body::ControlsHanded { to, .. } => {
                self.controls = Some(Controls {
                    by: to.clone(),
                    since: entry.at,
                });
            }
            Body::ControlsReleased { .. } => self.controls = None,
            Body::RetriedOutside { .. } => {
                self.start_over();
                self.restarted_at = Some(entry.at);
            }
            Body::SeenOutside { what, .. } => {
                if let OutsideAct::Promoted { step } = what {
                    let by = OUTSIDE.to_owned();
                    self.promoted_steps.entry(*step).or_insert(LastAct {
                        kind: ActKind::Promote,
                        step: Some(*step),
                        by,
                        at: entry.at,
                        settled_at: entry.at,
                        applied: 1,
                        of: 1,
                    });
                }
                self.outside.push(SeenOutside {
                    what: what.clone(),
                    at: entry.at,
                });
            }
            Body::Promoted { .. } => {
                self.act_done(FlightAction::Promote, &entry.actor.name, entry.at);
                self.state = FlightState::Verifying;
                self.promoted_at = Some(entry.at);
                (self.held, self.lost) = (None, None);
            }
            Body::Unattended { from, until, .. } => count_gap(&mut self.gaps, *from, *until),
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
                // What never landed was not done: the guard may try again.
                self.guarded.retain(|guarded| guarded.intent != *intent);
                if matches!(outcome, Outcome::NotApplied) {
                    self.never_landed(&outstanding);
                }
                if applied_before {
                    self.unfinished = Some(outstanding.act);
                }
            }
            Outcome::Applied { .. } => self.applied(&outstanding, at),
        }
    }

    fn never_landed(&mut self, outstanding: &Outstanding) {
        let (act, change) = (outstanding.act.clone(), outstanding.change);
        let before = self.lost.take().filter(|lost| lost.is_of(&act, change));
        self.lost = Some(Box::new(Lost {
            act,
            change,
            by: outstanding.by.name.clone(),
            at: outstanding.at,
            times: before.map_or(0, |lost| lost.times) + 1,
        }));
    }

    /// The first applied change of an act moves the state; the rest only count.
    fn applied(&mut self, done: &Outstanding, at: Timestamp) {
        let act = &done.act;
        match act.kind {
            ActKind::Fly => {
                self.act_done(FlightAction::Deliver, &done.by.name, at);
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
                    reason: act.reason.clone(),
                });
            }
            ActKind::Resume => self.held = None,
            ActKind::PromoteFully => self.promoted_fully = true,
            ActKind::Promote => {}
        }
        if act.kind != ActKind::Hold {
            self.held = None;
        }
        (self.unfinished, self.lost) = (None, None);
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

/// A stretch that nobody attended: two processes that slept through the same hour missed one hour.
pub fn count_gap(gaps: &mut Vec<(Timestamp, Timestamp)>, from: Timestamp, until: Timestamp) {
    let counted = gaps.last().map_or(from, |(_, until)| *until);
    let from = from.max(counted);
    if from < until {
        gaps.push((from, until));
    }
}
