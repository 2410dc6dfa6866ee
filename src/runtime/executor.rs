//! Carries out what was confirmed, and writes down what was decided. Guard, intent (durable), send once with a
//! deadline, observe, outcome: applied, refused, or unknown.
//!
//! A lost race for the stream's next position is decided again by itself; the person sees one result. A guarded act
//! is decided once more on a fresh read; hold, abort and rollback are not kept waiting by that, and are sent again
//! after a read shows that they have not landed.

mod branching;
mod sending;
mod writing;

use std::time::Duration;

use jiff::SignedDuration;

use crate::{
    domain::{
        change::{Act, ActKind},
        entry::{Body, Draft, Entry, StreamId},
        fault::{Fault, FaultKind},
        target::TargetId,
        workspace::Actor,
    },
    flight::known::Known,
    policy::{
        confirm::Confirmed,
        decide::{Command, Decision, Scope, decide},
        refusal::{Refusal, RefusalKind},
    },
    ports::keep::{AppendError, Expected},
    session::event::End,
};

use super::outside::Outside;

/// How often a command is decided again after a lost race.
const DECISIONS: usize = 8;

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
        let read = self.outside.ledger.read(self.known.seq).await;
        if self.known.has_aside() || self.outside.standby.waiting().is_some() {
            self.known.set_aside(self.outside.standby.aside());
        }
        for entry in read? {
            self.known.enter(&entry);
        }
        Ok(())
    }

    pub(super) fn decided(
        &self,
        command: &Command,
        target: &TargetId,
    ) -> Result<Decision, Refusal> {
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
            let branch = match self.branch_wanted(command, target, &bodies).await {
                Ok(branch) => branch,
                Err(fault) => return End::Failed(fault),
            };
            let (stream, position) = match (command, command.scope()) {
                (Command::Hotfix { .. }, _) => {
                    let known = self.known.hotfixes.get(&target.project);
                    let position = known.map_or(0, |known| known.position);
                    (StreamId::hotfixes(&target.project), position)
                }
                (_, Scope::Target) => (StreamId::target(target), self.position(target)),
                (_, Scope::Environment) => {
                    let name = &target.environment;
                    let known = self.known.environments.get(name);
                    let position = known.map_or(0, |known| known.state.position);
                    (StreamId::environment(name), position)
                }
            };
            let drafts = self.drafts(bodies);
            match self
                .append_to(&stream, Expected::Position(position), drafts)
                .await
            {
                Ok(_) => {
                    return match branch {
                        Some(branch) => self.make(branch).await,
                        None => End::Done,
                    };
                }
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
        drafts: Vec<Draft>,
    ) -> Result<Vec<Entry>, AppendError> {
        self.append_to(&StreamId::target(target), expected, drafts)
            .await
    }

    async fn append_to(
        &mut self,
        stream: &StreamId,
        expected: Expected,
        drafts: Vec<Draft>,
    ) -> Result<Vec<Entry>, AppendError> {
        let entries = self.outside.ledger.append(stream, expected, drafts).await?;
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
        if let Err(fault) = self.sync().await
            && !confirmed.act().unrecorded
        {
            return End::Failed(without_ledger(confirmed.act().kind, fault));
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
                    let began = self.outside.now();
                    let observation = self.outside.read(configured).await;
                    self.known.observe(&observation, began);
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
}

/// The same act, whatever became of ages and words: kind, step and changes decide.
fn same(a: &Act, b: &Act) -> bool {
    a.kind == b.kind
        && a.step == b.step
        && a.release.commit == b.release.commit
        && a.changes == b.changes
        // Whose controls come with it was confirmed too; a way out never hangs on that.
        && (a.kind.is_escape() || a.controls == b.controls)
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

/// What a failed ledger means for what was asked: hold, abort and rollback can be asked for again without it.
fn without_ledger(kind: ActKind, fault: Fault) -> Fault {
    if !kind.is_escape() {
        return fault;
    }
    let hint = format!(
        "nothing was sent. Ask for the {} again: it goes without the ledger, and the confirmation will say so",
        kind.verb()
    );
    let hint = match &fault.hint {
        Some(first) => format!("{first}; {hint}"),
        None => hint,
    };
    fault.hint(hint)
}

fn bug(command: &Command) -> Fault {
    Fault::new(
        "gonogo",
        FaultKind::Bug,
        command.verb(),
        "an act came where an entry was expected",
    )
}
