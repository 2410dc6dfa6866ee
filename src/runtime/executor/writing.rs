//! What goes into the ledger around a change: the intent at the position that the decision saw, and its outcome.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crate::{
    domain::{
        change::{Act, ActKind},
        entry::{Body, DeploymentId, Draft, Entry, IntentId, Outcome, StreamId},
        fault::{Fault, FaultKind},
        release::Digest,
        target::TargetId,
        workspace::IdentityMeans,
    },
    flight::after,
    policy::{
        confirm::Confirmed,
        decide::{Command, Decision},
    },
    ports::keep::{AppendError, Expected},
    session::event::End,
};

use super::{DECISIONS, Executor, busy_ledger, moved_on, same, without_ledger};

/// How long hold, abort and rollback wait for the ledger.
const ESCAPE_PATIENCE: Duration = Duration::from_secs(2);

fn hangs(target: &TargetId) -> Fault {
    Fault::new(
        "ledger",
        FaultKind::TimedOut,
        format!("appending to the stream of {target}"),
        &format!("no answer within {} s", ESCAPE_PATIENCE.as_secs()),
    )
    .hint("Another process may be writing, or the disk may hang")
}

impl Executor<'_> {
    /// Writes the intent at the position the decision was made on.
    pub(super) async fn intend(
        &mut self,
        confirmed: &Confirmed<Act>,
        command: &Command,
        index: usize,
        mut opening: Option<Body>,
    ) -> Result<(DeploymentId, IntentId), End> {
        let act = confirmed.act();
        for _ in 0..DECISIONS {
            let current = self
                .known
                .targets
                .get(&act.target)
                .and_then(|known| known.stands().current.as_ref())
                .map(|current| current.id.clone());
            // No rollback is opened over what is under way.
            if current.is_some() {
                opening = opening.filter(|body| !matches!(body, Body::RollbackOpened { .. }));
            }
            let deployment = match (&opening, current) {
                (Some(body), None) => body.deployment().cloned(),
                (None, None) if act.unrecorded => Some(DeploymentId::unread()),
                (_, current) => current,
            };
            let deployment = deployment.ok_or_else(|| End::Refused(moved_on(command)))?;
            let intent = self.new_intent();
            let intended = Body::Intended {
                deployment: deployment.clone(),
                intent: intent.clone(),
                act: Box::new(act.clone()),
                change: index,
                means: confirmed.means(),
            };
            let bodies: Vec<Body> = opening
                .iter()
                .cloned()
                .chain(self.superseded(&act.target, act.kind))
                .chain(self.taken(&act.target, &deployment))
                .chain([intended])
                .collect();
            let drafts = self.drafts(bodies);
            let expected = Expected::Position(self.position(&act.target));
            let append = self.append(&act.target, expected, drafts.clone());
            let appended = if act.kind.is_escape() {
                // What hangs is as good as what fails. Should it get there after all, it is found there by its id.
                tokio::time::timeout(ESCAPE_PATIENCE, append)
                    .await
                    .unwrap_or_else(|_| Err(hangs(&act.target).into()))
            } else {
                append.await
            };
            match appended {
                Ok(_) => return Ok((deployment, intent)),
                Err(AppendError::Fault(fault)) if act.unrecorded => {
                    tracing::warn!(%fault, intent = %intent, "the ledger does not take an intent");
                    // With no place to keep it the object alone carries it: stopping matters more than the record.
                    if let Err(fault) = self.aside(&act.target, &drafts) {
                        tracing::error!(%fault, intent = %intent, "the journal does not take an intent");
                    }
                    return Ok((deployment, intent));
                }
                Err(AppendError::Fault(fault)) => {
                    return Err(End::Failed(without_ledger(act.kind, fault)));
                }
                Err(AppendError::Conflict { .. }) => {}
            }
            // Somebody appended first: fold, decide again, and go on only if it is still the same act.
            if let Err(fault) = self.sync().await
                && !act.unrecorded
            {
                return Err(End::Failed(without_ledger(act.kind, fault)));
            }
            if index == 0 {
                match self.decided(command, &act.target) {
                    Ok(Decision::Act {
                        act: again,
                        opening: reopened,
                    }) if same(&again, act) => opening = reopened,
                    Ok(_) => return Err(End::Refused(moved_on(command))),
                    Err(refusal) => return Err(End::Refused(refusal)),
                }
            }
        }
        Err(End::Refused(busy_ledger()))
    }

    fn aside(&mut self, target: &TargetId, drafts: &[Draft]) -> Result<(), Fault> {
        let stream = StreamId::target(target);
        self.outside.standby.set_aside(&stream, drafts)?;
        // What comes after goes on from it.
        self.known.set_aside(self.outside.standby.aside());
        Ok(())
    }

    /// Whoever confirmed flies from now on; the guard never does.
    fn taken(&self, target: &TargetId, deployment: &DeploymentId) -> Option<Body> {
        if self.actor.means == IdentityMeans::Program {
            return None;
        }
        let known = self.known.targets.get(target)?;
        let current = known.state.current.as_ref();
        let from = current
            .and_then(|current| current.controls.as_ref())
            .map(|controls| controls.by.clone());
        (from.as_ref() != Some(&self.actor.name)).then(|| Body::ControlsTaken {
            deployment: deployment.clone(),
            from,
            reason: None,
        })
    }

    /// What an escape goes out over, without having waited for it: its outcome as far as it was read. Nobody looks for it
    /// after this, so it is written down here, and by whoever still waits for the answer.
    fn superseded(&self, target: &TargetId, by: ActKind) -> Option<Body> {
        let known = self.known.targets.get(target)?;
        let current = known.stands().current.as_ref()?;
        let outstanding = current.outstanding.as_ref()?;
        let timings = &self.outside.workspace.timings;
        let read = known.workload.last.as_ref().and_then(|reading| {
            let lag = self.known.lag;
            after::settle(outstanding, &reading.value, reading.at, lag, timings)
        });
        let outcome = read.unwrap_or_else(|| {
            let doing = format!("waiting for what became of {}", outstanding.act.kind.verb());
            Outcome::Unknown {
                fault: Fault::new(
                    "gonogo",
                    FaultKind::Cancelled,
                    doing,
                    &format!("{} did not wait for it", by.verb()),
                ),
            }
        });
        Some(Body::Settled {
            deployment: current.id.clone(),
            intent: outstanding.intent.clone(),
            outcome,
        })
    }

    /// Writes an outcome down, unless somebody who attends has read and written the same already.
    pub(super) async fn conclude(
        &mut self,
        target: &TargetId,
        deployment: &DeploymentId,
        intent: &IntentId,
        outcome: Outcome,
        escape: bool,
    ) -> Result<(), AppendError> {
        let body = Body::Settled {
            deployment: deployment.clone(),
            intent: intent.clone(),
            outcome,
        };
        let drafts = self.drafts(vec![body.clone()]);
        let written = self.written(target, &body, &drafts);
        let written = if escape {
            tokio::time::timeout(ESCAPE_PATIENCE, written)
                .await
                .unwrap_or_else(|_| Err(hangs(target).into()))
        } else {
            written.await
        };
        match written {
            // What became of it is known, and must not be lost with the ledger.
            Err(AppendError::Fault(fault)) => match self.aside(target, &drafts) {
                Ok(()) => Ok(()),
                Err(_) if escape => Ok(()),
                Err(_) => Err(fault.into()),
            },
            other => other,
        }
    }

    async fn written(
        &mut self,
        target: &TargetId,
        body: &Body,
        drafts: &[Draft],
    ) -> Result<(), AppendError> {
        for _ in 0..DECISIONS {
            self.sync().await?;
            let same = |entry: &Entry| match (&entry.body, body) {
                (
                    Body::Settled {
                        intent: other,
                        outcome: read,
                        ..
                    },
                    Body::Settled {
                        intent, outcome, ..
                    },
                ) => {
                    other == intent
                        && std::mem::discriminant(read) == std::mem::discriminant(outcome)
                }
                _ => false,
            };
            if self
                .known
                .targets
                .get(target)
                .is_some_and(|known| known.entries.iter().rev().any(same))
            {
                return Ok(());
            }
            let expected = Expected::Position(self.position(target));
            match self.append(target, expected, drafts.to_vec()).await {
                Err(AppendError::Conflict { .. }) => {}
                other => return other.map(drop),
            }
        }
        self.append(target, Expected::Any, drafts.to_vec())
            .await
            .map(drop)
    }

    /// Time, process and a counter: unique, and short enough for an annotation.
    fn new_intent(&self) -> IntentId {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let seed = (
            self.outside.now().as_microsecond(),
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed),
            &self.outside.host,
        );
        IntentId(Digest::of_json(&seed).short().to_owned())
    }
}
