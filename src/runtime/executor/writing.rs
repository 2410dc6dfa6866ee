//! What goes into the ledger around a change: the intent at the position that the decision saw, and its outcome.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::{
    domain::{
        change::{Act, ActKind},
        entry::{Body, DeploymentId, Entry, IntentId, Outcome},
        fault::{Fault, FaultKind},
        release::Digest,
        target::TargetId,
    },
    flight::after,
    policy::{
        confirm::Confirmed,
        decide::{Command, Decision},
    },
    ports::keep::{AppendError, Expected},
    session::event::End,
};

use super::{DECISIONS, Executor, busy_ledger, moved_on, same};

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
                .and_then(|known| known.state.current.as_ref())
                .map(|current| current.id.clone());
            // Nothing is opened over what is under way.
            if current.is_some() {
                opening = None;
            }
            let deployment = match (&opening, current) {
                (Some(body), None) => body.deployment().cloned(),
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
                .chain([intended])
                .collect();
            match self
                .append(
                    &act.target,
                    Expected::Position(self.position(&act.target)),
                    bodies,
                )
                .await
            {
                Ok(_) => return Ok((deployment, intent)),
                Err(AppendError::Fault(fault)) => return Err(End::Failed(fault)),
                Err(AppendError::Conflict { .. }) => {}
            }
            // Somebody appended first: fold, decide again, and go on only if it is still the same act.
            self.sync().await.map_err(End::Failed)?;
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

    /// What an escape goes out over, without having waited for it: its outcome as far as it was read. Nobody looks for it
    /// after this, so it is written down here, and by whoever still waits for the answer.
    fn superseded(&self, target: &TargetId, by: ActKind) -> Option<Body> {
        let known = self.known.targets.get(target)?;
        let current = known.state.current.as_ref()?;
        let outstanding = current.outstanding.as_ref()?;
        let settled_after = self.outside.workspace.timings.settled_after();
        let read = known.workload.last.as_ref().and_then(|reading| {
            after::settle(outstanding, &reading.value, reading.at, settled_after)
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
    ) -> Result<(), AppendError> {
        let body = Body::Settled {
            deployment: deployment.clone(),
            intent: intent.clone(),
            outcome,
        };
        for _ in 0..DECISIONS {
            self.sync().await?;
            let same = |entry: &Entry| match (&entry.body, &body) {
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
            match self
                .append(
                    target,
                    Expected::Position(self.position(target)),
                    vec![body.clone()],
                )
                .await
            {
                Err(AppendError::Conflict { .. }) => {}
                other => return other.map(drop),
            }
        }
        self.append(target, Expected::Any, vec![body])
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
