//! One change, sent: once with a deadline, looked for when its answer was lost, and again where that is safe.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    domain::{
        change::{Act, Change, Expect},
        entry::{Body, DeploymentId, IntentId, Outcome},
        fault::{Fault, FaultKind},
        target::TargetId,
        text::Clean,
    },
    flight::after,
    policy::{
        confirm::Confirmed,
        decide::{Command, Decision},
        refusal::{Refusal, RefusalKind},
    },
    ports::keep::AppendError,
    session::event::End,
};

use super::{Executor, busy_ledger, moved_on, positive, same};

/// How often hold, abort and rollback are sent, in all.
const ESCAPE_SENDS: usize = 5;
/// And within which time of the first.
const ESCAPE_WINDOW: Duration = Duration::from_secs(30);
/// How often a promotion whose preconditions still hold is sent again after a conflict, in all.
const CONFLICT_SENDS: usize = 3;
/// Between two looks for what became of it.
const LOOK: Duration = Duration::from_millis(250);

impl Executor<'_> {
    /// One change: intent, send, outcome, and again where that is safe.
    pub(super) async fn carry_out(
        &mut self,
        confirmed: &Confirmed<Act>,
        command: &Command,
        index: usize,
        opening: Option<Body>,
        awaited: &mut Option<Expect>,
    ) -> End {
        let act = confirmed.act();
        let sends = if act.kind.is_escape() {
            ESCAPE_SENDS
        } else {
            CONFLICT_SENDS
        };
        let mut opening = opening;
        let Some(change) = act.changes.get(index) else {
            return End::Done;
        };
        let began = self.outside.now();
        for send in 1..=sends {
            // What made it conflict may have been a hold, a NO or a lock: it is decided anew before it goes again.
            if send > 1
                && !act.kind.is_escape()
                && let Err(end) = self.still_decided(command, act, index).await
            {
                return end;
            }
            let (deployment, intent) =
                match self.intend(confirmed, command, index, opening.take()).await {
                    Ok(named) => named,
                    Err(end) => return end,
                };
            let (outcome, read) = self.send(act, change, &intent, awaited.as_ref()).await;
            let outcome = self.straggler(act, change, &intent, send, outcome).await;
            if let Some(read) = read {
                *awaited = Some(read);
            }
            if let Err(error) = self
                .conclude(
                    &act.target,
                    &deployment,
                    &intent,
                    outcome.clone(),
                    act.kind.is_escape(),
                )
                .await
            {
                return match error {
                    AppendError::Fault(fault) => End::Unknown(fault),
                    AppendError::Conflict { .. } => End::Refused(busy_ledger()),
                };
            }
            let (outcome, came_back) = match outcome {
                Outcome::Unknown { fault } => {
                    match self.look(act, change, &deployment, &intent).await {
                        Some(seen) => (seen, Some(fault)),
                        None => return End::Unknown(fault),
                    }
                }
                known => (known, None),
            };
            match outcome {
                Outcome::Applied { .. } => return End::Done,
                Outcome::Refused { mut fault } => {
                    if send < sends && self.may_send_again(act, change, &fault, began).await {
                        continue;
                    }
                    fault.detail = Clean::new(&format!("{}{}", fault.detail, times(send)));
                    return self.refused(command, &act.target, fault).await;
                }
                Outcome::NotApplied if act.kind.is_escape() && send < sends => {
                    if self.since(began) > ESCAPE_WINDOW {
                        break;
                    }
                }
                Outcome::NotApplied | Outcome::Unknown { .. } => {
                    let hint = match index {
                        0 => "Nothing was changed; press again.".to_owned(),
                        1 => "The change before it is done; press again to finish it.".to_owned(),
                        n => {
                            format!("The {n} changes before it are done; press again to finish it.")
                        }
                    };
                    let times = times(send);
                    let (doing, detail) = match came_back {
                        Some(fault) => (
                            fault.doing,
                            format!("{}; looked for{times}, and it never landed", fault.detail),
                        ),
                        None => (change.line(), format!("it never landed{times}")),
                    };
                    let fault = Fault::new("kubernetes", FaultKind::TimedOut, doing, &detail);
                    return End::Failed(fault.hint(hint));
                }
            }
        }
        End::Failed(
            Fault::new(
                "kubernetes",
                FaultKind::Refused,
                change.line(),
                &format!(
                    "sent as often as is allowed ({ESCAPE_SENDS} times in {} s)",
                    ESCAPE_WINDOW.as_secs()
                ),
            )
            .hint("Use `kubectl` on the object, or press again."),
        )
    }

    fn since(&self, began: Timestamp) -> Duration {
        positive(self.outside.now().duration_since(began))
    }

    /// An escape that was sent again is refused by its own tests if the first one landed late: that is *applied*.
    async fn straggler(
        &self,
        act: &Act,
        change: &Change,
        intent: &IntentId,
        send: usize,
        outcome: Outcome,
    ) -> Outcome {
        if send == 1 || !act.kind.is_escape() || !matches!(outcome, Outcome::Refused { .. }) {
            return outcome;
        }
        let Ok(target) = self.outside.target(&act.target) else {
            return outcome;
        };
        match self.outside.read_workload(target).await {
            Ok(observed) if after::landed(change, &observed) => {
                after::seen(change, intent, &observed)
            }
            _ => outcome,
        }
    }

    /// Once, with a deadline.
    async fn send(
        &self,
        act: &Act,
        change: &Change,
        intent: &IntentId,
        awaited: Option<&Expect>,
    ) -> (Outcome, Option<Expect>) {
        let cluster = match self.outside.target(&act.target) {
            Ok(target) => self.outside.cluster(target).await,
            Err(fault) => Err(fault),
        };
        let cluster = match cluster {
            Ok(cluster) => cluster,
            // Not connected: nothing was sent.
            Err(fault) => return (Outcome::Refused { fault }, None),
        };
        let deadline = match change {
            Change::AwaitTemplate { deadline, .. } => *deadline,
            _ => self.outside.workspace.timings.mutation_deadline,
        };
        match cluster
            .apply(change, intent, awaited, positive(deadline))
            .await
        {
            Ok(receipt) => (
                Outcome::Applied {
                    seen: false,
                    perhaps: false,
                },
                receipt.awaited,
            ),
            Err(fault)
                if fault.leaves_outcome_unknown()
                    && !matches!(change, Change::AwaitTemplate { .. }) =>
            {
                (Outcome::Unknown { fault }, None)
            }
            Err(fault) => (Outcome::Refused { fault }, None),
        }
    }

    /// Looks until it is known what became of it, or the patience ends; what is found goes into the ledger.
    async fn look(
        &mut self,
        act: &Act,
        change: &Change,
        deployment: &DeploymentId,
        intent: &IntentId,
    ) -> Option<Outcome> {
        let target = self.outside.target(&act.target).ok()?.clone();
        let started = self.outside.now();
        let settling = positive(self.outside.workspace.timings.settling);
        loop {
            let read = self.outside.read_workload(&target).await;
            let waited = positive(self.outside.now().duration_since(started));
            let outcome = match read {
                Ok(observed) if after::landed(change, &observed) => {
                    Some(after::seen(change, intent, &observed))
                }
                // Escapes do not wait for a straggler: being sent twice does no harm.
                Ok(_) if act.kind.is_escape() || waited >= settling => Some(Outcome::NotApplied),
                Err(_) if waited >= settling => return None,
                Ok(_) | Err(_) => None,
            };
            if let Some(outcome) = outcome {
                let _ = self
                    .conclude(
                        &act.target,
                        deployment,
                        intent,
                        outcome.clone(),
                        act.kind.is_escape(),
                    )
                    .await;
                return Some(outcome);
            }
            tokio::time::sleep(LOOK.min(settling)).await;
        }
    }

    /// After a refusal: is a fresh read still what the act relies on, and the failure one that passes?
    /// On a fresh reading and everything that others wrote, the same act follows from the command.
    async fn still_decided(
        &mut self,
        command: &Command,
        act: &Act,
        index: usize,
    ) -> Result<(), End> {
        let configured = self.outside.target(&act.target).map_err(End::Failed)?;
        let began = self.outside.now();
        let observation = self.outside.read(configured).await;
        self.known.observe(&observation, began);
        self.sync().await.map_err(End::Failed)?;
        // In the middle of an act its later changes follow from the first.
        if index > 0 {
            return Ok(());
        }
        match self.decided(command, &act.target) {
            Ok(Decision::Act { act: again, .. }) if same(&again, act) => Ok(()),
            Ok(_) => Err(End::Refused(moved_on(command))),
            Err(refusal) => Err(End::Refused(refusal)),
        }
    }

    async fn may_send_again(
        &self,
        act: &Act,
        change: &Change,
        fault: &Fault,
        began: Timestamp,
    ) -> bool {
        let passes = match fault.kind {
            FaultKind::Conflict => true,
            FaultKind::Throttled | FaultKind::Unreachable | FaultKind::TimedOut => {
                act.kind.is_escape()
            }
            _ => false,
        };
        if !passes {
            return false;
        }
        let wait = fault
            .retry_after
            .map_or(Duration::from_millis(200), positive)
            .min(Duration::from_secs(5));
        if self.since(began) + wait > ESCAPE_WINDOW {
            return false;
        }
        tokio::time::sleep(wait).await;
        let Ok(target) = self.outside.target(&act.target) else {
            return false;
        };
        match self.outside.read_workload(target).await {
            Ok(observed) => !after::landed(change, &observed),
            Err(_) => act.kind.is_escape(),
        }
    }

    /// The platform said no. If the world moved on, say who moved it rather than which test failed.
    async fn refused(&mut self, command: &Command, target: &TargetId, fault: Fault) -> End {
        if matches!(fault.kind, FaultKind::Refused | FaultKind::Conflict) {
            let _ = self.sync().await;
            if let Ok(configured) = self.outside.target(target) {
                let began = self.outside.now();
                let observation = self.outside.read(configured).await;
                self.known.observe(&observation, began);
            }
            if let Err(mut refusal) = self.decided(command, target) {
                // It was allowed when it was sent: whatever stands against it now, somebody did before us.
                if refusal.kind == RefusalKind::Rule {
                    refusal.kind = RefusalKind::Raced;
                }
                return End::Refused(refusal);
            }
            return End::Refused(
                Refusal::raced(
                    "precondition",
                    format!("{}: the platform refused it: {}", fault.doing, fault.detail),
                )
                .hint("look again and decide again"),
            );
        }
        End::Failed(fault)
    }
}

/// What was sent again is said.
fn times(send: usize) -> String {
    match send {
        1 => String::new(),
        n => format!(" (sent {n} times)"),
    }
}
