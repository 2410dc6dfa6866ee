//! Carries out what was confirmed, and writes down what was decided. Guard, intent (durable), send once with a
//! deadline, observe, outcome: applied, refused, or unknown.
//!
//! A lost race for the stream's next position is decided again by itself; the person sees one result. A guarded act
//! is decided once more on a fresh read; hold, abort and rollback are not kept waiting by that, and are sent again
//! after a read shows that they have not landed.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use jiff::SignedDuration;

use crate::{
    domain::{
        change::{Act, ActKind, Change, Expect},
        entry::{Body, DeploymentId, Draft, Entry, IntentId, Outcome, StreamId},
        fault::{Fault, FaultKind},
        release::Digest,
        target::TargetId,
        workspace::Actor,
    },
    flight::{after, known::Known},
    policy::{
        confirm::Confirmed,
        decide::{Command, Decision, decide},
        refusal::{Refusal, RefusalKind},
    },
    ports::{
        act::Platform,
        keep::{AppendError, Expected},
    },
    session::event::End,
};

use super::outside::Outside;

/// How often a command is decided again after a lost race.
const DECISIONS: usize = 8;
/// How often hold, abort and rollback are sent, in all.
const ESCAPE_SENDS: usize = 5;
/// How often a promotion whose preconditions still hold is sent again after a conflict, in all.
const CONFLICT_SENDS: usize = 3;
/// How long an unknown outcome is looked for by reading, beyond the deadline.
const LOOKING: Duration = Duration::from_secs(5);

/// Everything that one command needs while it is carried out.
pub struct Executor<'a> {
    pub outside: &'a Outside,
    /// The facts as the person saw them; entries and the platform are read again on top.
    pub known: Known,
    pub actor: Actor,
}

impl Executor<'_> {
    /// Folds what the ledger has beyond what is known.
    pub async fn sync(&mut self) -> Result<(), Fault> {
        for entry in self.outside.ledger.read(self.known.seq).await? {
            self.known.enter(&entry);
        }
        Ok(())
    }

    fn decided(&self, command: &Command, target: &TargetId) -> Result<Decision, Refusal> {
        let facts = self.known.facts(target, self.outside.now());
        let facts = facts.ok_or_else(|| {
            Refusal::new(
                RefusalKind::NotFound,
                "target",
                format!("{target} is not configured"),
            )
        })?;
        decide(command, &facts, &self.actor)
    }

    fn position(&self, target: &TargetId) -> u64 {
        self.known
            .targets
            .get(target)
            .map_or(0, |known| known.state.position)
    }

    fn drafts(&self, bodies: Vec<Body>) -> Vec<Draft> {
        let at = self.outside.now();
        bodies
            .into_iter()
            .map(|body| Draft {
                at,
                actor: self.actor.clone(),
                body,
            })
            .collect()
    }

    /// Decides a command that only writes, and appends it.
    pub async fn record(&mut self, command: &Command, target: &TargetId) -> End {
        for _ in 0..DECISIONS {
            if let Err(fault) = self.sync().await {
                return End::Failed(fault);
            }
            let bodies = match self.decided(command, target) {
                Ok(Decision::Record(bodies)) => bodies,
                Ok(Decision::Act { .. }) => return End::Failed(bug(command)),
                Err(refusal) => return End::Refused(refusal),
            };
            match self
                .append(target, Expected::Position(self.position(target)), bodies)
                .await
            {
                Ok(_) => return End::Done,
                Err(AppendError::Conflict { .. }) => {}
                Err(AppendError::Fault(fault)) => return End::Failed(fault),
            }
        }
        End::Refused(busy_ledger())
    }

    async fn append(
        &mut self,
        target: &TargetId,
        expected: Expected,
        bodies: Vec<Body>,
    ) -> Result<Vec<Entry>, AppendError> {
        let entries = self
            .outside
            .ledger
            .append(&StreamId::target(target), expected, self.drafts(bodies))
            .await?;
        // Own entries are folded like everybody's, in chain order.
        let _ = self.sync().await;
        Ok(entries)
    }

    /// Carries a confirmed act out.
    pub async fn execute(
        &mut self,
        confirmed: &Confirmed<Act>,
        command: &Command,
        opening: Option<Body>,
    ) -> End {
        let target = confirmed.act().target.clone();
        let (seen, mut opening) = (self.position(&target), opening);
        if let Err(fault) = self.sync().await {
            return End::Failed(fault);
        }
        if confirmed.act().kind.is_escape() && self.position(&target) != seen {
            // Others wrote since the dialog: what is opened follows from what is under way now.
            match self.decided(command, &target) {
                Ok(Decision::Act { opening: now, .. }) => opening = now,
                Ok(Decision::Record(_)) => return End::Refused(moved_on(command)),
                Err(refusal) => return End::Refused(refusal),
            }
        }
        if !confirmed.act().kind.is_escape() {
            match self.outside.target(&target) {
                Ok(configured) => {
                    let observation = self.outside.read(configured).await;
                    self.known.observe(&observation, self.outside.now());
                }
                Err(fault) => return End::Failed(fault),
            }
            // Whoever changed what was just read had written the intent before: now it is known who.
            if let Err(fault) = self.sync().await {
                return End::Failed(fault);
            }
            // The world may have moved on between the key and now.
            match self.decided(command, &target) {
                Ok(Decision::Act { act, .. }) if same(&act, confirmed.act()) => {}
                Ok(_) => return End::Refused(moved_on(command)),
                Err(refusal) => return End::Refused(refusal),
            }
        }
        let mut awaited = None;
        for index in 0..confirmed.act().changes.len() {
            let opening = opening.clone().filter(|_| index == 0);
            match self
                .carry_out(confirmed, command, index, opening, &mut awaited)
                .await
            {
                End::Done => {}
                end => return end,
            }
        }
        End::Done
    }

    /// One change: intent, send, outcome, and again where that is safe.
    async fn carry_out(
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
        for send in 1..=sends {
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
                .conclude(&act.target, &deployment, &intent, outcome.clone())
                .await
            {
                return match error {
                    AppendError::Fault(fault) => End::Unknown(fault),
                    AppendError::Conflict { .. } => End::Refused(busy_ledger()),
                };
            }
            let outcome = match outcome {
                Outcome::Unknown { fault } => {
                    match self.look(act, change, &deployment, &intent).await {
                        Some(seen) => seen,
                        None => return End::Unknown(fault),
                    }
                }
                known => known,
            };
            match outcome {
                Outcome::Applied { .. } => return End::Done,
                Outcome::Refused { fault } => {
                    if send < sends && self.may_send_again(act, change, &fault).await {
                        continue;
                    }
                    return self.refused(command, &act.target, fault).await;
                }
                Outcome::NotApplied if act.kind.is_escape() && send < sends => {}
                Outcome::NotApplied | Outcome::Unknown { .. } => {
                    let hint = match index {
                        0 => "nothing was changed; press again".to_owned(),
                        n => format!("the first {n} changes are done; press again to finish it"),
                    };
                    let fault = Fault::new(
                        "kubernetes",
                        FaultKind::TimedOut,
                        change.line(),
                        "it never landed",
                    );
                    return End::Failed(fault.hint(hint));
                }
            }
        }
        End::Failed(
            Fault::new(
                "kubernetes",
                FaultKind::Refused,
                change.line(),
                "sent as often as is allowed",
            )
            .hint("use the commands of `kubectl` on the object"),
        )
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

    /// Writes the intent at the position the decision was made on.
    async fn intend(
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
            // No rollback is opened over what is under way.
            if current.is_some() {
                opening = opening.filter(|body| !matches!(body, Body::RollbackOpened { .. }));
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
        let deadline = self.outside.workspace.timings.mutation_deadline;
        let read =
            known.workload.last.as_ref().and_then(|reading| {
                after::settle(outstanding, &reading.value, reading.at, deadline)
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
    async fn conclude(
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
        loop {
            let read = self.outside.read_workload(&target).await;
            let waited = positive(self.outside.now().duration_since(started));
            let outcome = match read {
                Ok(observed) if after::landed(change, &observed) => {
                    Some(after::seen(change, intent, &observed))
                }
                // Escapes do not wait for a straggler: being sent twice does no harm.
                Ok(_) if act.kind.is_escape() || waited >= LOOKING => Some(Outcome::NotApplied),
                Err(_) if waited >= LOOKING => return None,
                Ok(_) | Err(_) => None,
            };
            if let Some(outcome) = outcome {
                let _ = self
                    .conclude(&act.target, deployment, intent, outcome.clone())
                    .await;
                return Some(outcome);
            }
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }

    /// After a refusal: is a fresh read still what the act relies on, and the failure one that passes?
    async fn may_send_again(&self, act: &Act, change: &Change, fault: &Fault) -> bool {
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
                let observation = self.outside.read(configured).await;
                self.known.observe(&observation, self.outside.now());
            }
            if let Err(refusal) = self.decided(command, target) {
                return End::Refused(refusal);
            }
            return End::Refused(
                Refusal::raced(
                    "precondition",
                    format!("the platform refused it: {}", fault.detail),
                )
                .hint("look again and decide again"),
            );
        }
        End::Failed(fault)
    }
}

/// The same act, whatever became of ages and words: kind, step and changes decide.
fn same(a: &Act, b: &Act) -> bool {
    a.kind == b.kind
        && a.step == b.step
        && a.release.commit == b.release.commit
        && a.changes == b.changes
}

fn positive(duration: SignedDuration) -> Duration {
    Duration::try_from(duration).unwrap_or(Duration::ZERO)
}

fn moved_on(command: &Command) -> Refusal {
    Refusal::raced(
        "moved_on",
        format!("the world moved on while {} was confirmed", command.verb()),
    )
    .hint("look again and decide again")
}

fn busy_ledger() -> Refusal {
    Refusal::raced("ledger.busy", "others kept writing to this deployment")
        .hint("look again and decide again")
}

fn bug(command: &Command) -> Fault {
    Fault::new(
        "gonogo",
        FaultKind::Bug,
        command.verb(),
        "an act came where an entry was expected",
    )
}
