//! The verbs that act: each is the command of the screen's action, decided on the same facts.

mod change;
mod check;
mod confirm;
pub mod migrate;
mod request;

use serde_json::json;

use crate::{
    domain::{plan::ItemId, target::Target},
    flight::needs::{Query, needs},
    policy::{
        decide::{Command, Decision, decide, items::UNMEASURED},
        gates, poll,
        refusal::{Refusal, RefusalKind},
    },
};

use super::{
    args::{ControlsVerb, GuardWord, Place, PolicyVerb, Verb},
    attend::Until,
    exit::Exit,
    headless::{Headless, Stop},
    items,
};

impl Headless {
    pub async fn act(&mut self, verb: Verb) -> Result<Exit, Stop> {
        let flies = matches!(verb, Verb::Deploy { .. } | Verb::Fly { .. });
        if self.common.break_glass && !flies {
            let sentence = "--break-glass is for deploy and fly; nothing else is behind glass";
            return Err(Refusal::new(RefusalKind::Usage, "glass.verb", sentence).into());
        }
        // Before anything is decided or asked: can it be written down?
        if !self.common.dry_run {
            self.known.ledger = self.outside.standby.probe().await;
        }
        match verb {
            Verb::Request {
                place,
                release,
                reason,
            } => self.request(&place, &release, reason).await,
            Verb::Cancel { place, reason } => self.simple(&place, Command::Cancel { reason }).await,
            Verb::Deploy {
                place,
                release,
                reason,
                wait,
            } => self.deploy(&place, &release, reason, wait).await,
            Verb::Fly { place, reason } => self.fly(&place, reason).await,
            Verb::Follow {
                environment,
                project,
                once,
            } => self.follow(&environment, project.as_deref(), once).await,
            Verb::Guard {
                place,
                what: Some(GuardWord::Stop),
                reason,
            } => {
                let reason = reason.unwrap_or_default();
                self.simple(&place, Command::StopGuard { reason }).await
            }
            Verb::Guard { place, .. } => self.stand_guard(&place).await,
            Verb::Controls { verb } => self.controls(verb).await,
            Verb::Adopt { place, reason } => {
                self.catalogue_of(&place).await?;
                self.simple(&place, Command::Adopt { reason }).await
            }
            Verb::Restore { place, reason } => self.restore(&place, reason).await,
            Verb::Countersign { place, reason } => {
                self.simple(&place, Command::Countersign { reason }).await
            }
            Verb::Ground {
                place,
                release,
                clear,
                reason,
            } => self.ground(&place, release.as_deref(), clear, reason).await,
            Verb::Approve {
                place,
                plan,
                reason,
            } => {
                let plan = self.plan_digest(&place, plan.as_deref()).await?;
                self.simple(&place, Command::Approve { plan, reason }).await
            }
            Verb::Reject {
                place,
                plan,
                reason,
            } => {
                let plan = self.plan_digest(&place, plan.as_deref()).await?;
                self.simple(&place, Command::Reject { plan, reason }).await
            }
            Verb::Poll {
                place,
                plan,
                reason,
                ..
            } => {
                let plan = self.plan_digest(&place, plan.as_deref()).await?;
                let reason = reason.unwrap_or_default();
                self.simple(&place, Command::SayHold { plan, reason }).await
            }
            Verb::Withdraw { place, plan } => {
                let plan = self.plan_digest(&place, plan.as_deref()).await?;
                self.simple(&place, Command::Withdraw { plan }).await
            }
            Verb::Check {
                place,
                item,
                stop,
                note: None,
                reason,
            } => self.check(&place, item, stop, reason).await,
            Verb::Check {
                place,
                item,
                note: Some(text),
                ..
            } => {
                let item = ItemId(item);
                self.simple(&place, Command::Note { item, text }).await
            }
            Verb::Waive {
                place,
                item,
                reason,
            } => {
                self.simple(
                    &place,
                    Command::Waive {
                        item: ItemId(item),
                        reason,
                    },
                )
                .await
            }
            Verb::Reopen {
                place,
                item,
                reason,
            } => {
                self.simple(
                    &place,
                    Command::Reopen {
                        item: ItemId(item),
                        reason,
                    },
                )
                .await
            }
            Verb::Migrate { verb } => self.migrate(verb).await,
            Verb::Hotfix { verb } => self.hotfix(verb).await,
            Verb::Lock {
                environment,
                project,
                reason,
                lasts,
            } => {
                self.lock(&environment, project.as_deref(), reason, lasts)
                    .await
            }
            Verb::Unlock {
                environment,
                project,
                reason,
            } => self.unlock(&environment, project.as_deref(), reason).await,
            Verb::Policy {
                verb:
                    PolicyVerb::Record {
                        environment,
                        reason,
                    },
            } => self.record_policy(&environment, reason).await,
            Verb::Close { place } => self.simple(&place, Command::Close).await,
            Verb::Promote {
                place,
                step,
                full,
                wait,
            } => self.promote(&place, step, full, wait).await,
            Verb::Hold { place } => self.acting(&place, Command::Hold, false).await,
            Verb::Resume { place } => self.acting(&place, Command::Resume, false).await,
            Verb::Abort { place } => self.acting(&place, Command::Abort, false).await,
            Verb::Retry { place } => self.acting(&place, Command::Retry, false).await,
            Verb::Rollback {
                place,
                release,
                former_revision,
                staged,
                reason,
                wait,
            } => {
                let to = match release {
                    Some(name) => Some(Box::new(self.rollback_release(&place, &name).await?)),
                    None if former_revision => Some(Box::new(self.former_revision(&place).await?)),
                    None => None,
                };
                self.acting(&place, Command::RollBack { to, staged, reason }, wait)
                    .await
            }
            _ => {
                Err(Refusal::new(RefusalKind::Usage, "verb", "this verb belongs elsewhere").into())
            }
        }
    }

    async fn controls(&mut self, verb: ControlsVerb) -> Result<Exit, Stop> {
        match verb {
            ControlsVerb::Take { place, reason } => {
                let over = self.common.take_over;
                self.simple(&place, Command::TakeControls { over, reason })
                    .await
            }
            ControlsVerb::Hand {
                place,
                name,
                reason,
            } => {
                self.simple(&place, Command::HandControls { to: name, reason })
                    .await
            }
            ControlsVerb::Release { place } => self.simple(&place, Command::ReleaseControls).await,
        }
    }

    /// What runs may be a release that the ledger never saw here: its digest is asked for, as far as that goes.
    async fn catalogue_of(&mut self, place: &Place) -> Result<(), Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        if let Err(fault) = self.catalogue(&target.id.project).await {
            self.output.say(&format!("gonogo: {fault}"));
        }
        Ok(())
    }

    /// The newest facts a command needs.
    pub(super) async fn gather(&mut self, target: &Target, command: &Command) -> Result<(), Stop> {
        self.sync_for(command).await?;
        let needs = needs(command);
        if needs.contains(&Query::Catalogue) {
            self.catalogue(&target.id.project).await?;
        }
        if needs.contains(&Query::Workload) {
            self.look_for(target, command).await?;
        }
        if needs.contains(&Query::Catalogue) {
            self.before_take_off(target).await;
        }
        if needs.contains(&Query::Figures) && self.common.sample {
            // What no figure could change is said at once.
            if let Err(refusal) = decide(command, &self.facts(target)?, &self.actor)
                && gates::waivable(&refusal.rule).is_none()
                && refusal.rule != UNMEASURED
            {
                return Err(refusal.into());
            }
            self.sample(target).await?;
            self.look_for(target, command).await?;
        }
        Ok(())
    }

    /// Reads the platform, and writes down what is seen.
    pub(super) async fn look(&mut self, target: &Target) -> Result<(), Stop> {
        self.read(target).await;
        // Whoever changed what was just read had written the intent before: now it is known who.
        self.sync().await?;
        if !self.common.dry_run {
            self.attend(&target.id).await?;
        }
        Ok(())
    }

    /// The same for a command; hold, abort and rollback do not depend on the ledger.
    async fn look_for(&mut self, target: &Target, command: &Command) -> Result<(), Stop> {
        self.read(target).await;
        // Whoever changed what was just read had written the intent before: now it is known who.
        self.sync_for(command).await?;
        if self.common.dry_run {
            return Ok(());
        }
        match self.attend(&target.id).await {
            // The way out does not wait until it can be written what was seen on the way.
            Err(Stop::Fault(_)) if command.is_escape() => Ok(()),
            attended => attended,
        }
    }

    /// Watches for one window. What ends it early, ends the verb.
    pub async fn sample(&mut self, target: &Target) -> Result<(), Stop> {
        match self.attend_until(target, Until::Sampled).await? {
            Exit::Done => Ok(()),
            other => Err(Stop::Exit(other)),
        }
    }

    /// A command that only writes to the ledger.
    pub(super) async fn simple(&mut self, place: &Place, command: Command) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.gather(&target, &command).await?;
        self.record(&target, &command).await?;
        self.told(&target, &command);
        Ok(Exit::Done)
    }

    pub(super) async fn record(&mut self, target: &Target, command: &Command) -> Result<(), Stop> {
        if self.common.dry_run {
            let facts = self.facts(target)?;
            let Decision::Record(bodies) = decide(command, &facts, &self.actor)? else {
                return Ok(());
            };
            self.data(json!({"dry_run": true, "entries": bodies}), || {
                bodies
                    .iter()
                    .map(|body| format!("would append {}", json!(body)))
                    .collect()
            });
            return Err(Stop::Exit(Exit::Done));
        }
        let end = self.executor().record(command, &target.id).await;
        self.sync().await?;
        self.ended(end)
    }

    fn told(&self, target: &Target, command: &Command) {
        let (outline, verb) = (self.outline(target), command.verb());
        let remark = self.remark(target, command);
        let result = match (&remark, command) {
            (Some(_), Command::Waive { .. }) => "proposed",
            _ => "done",
        };
        let left = self.left(target, command);
        let title = command.title();
        self.data(
            json!({"verb": verb, "result": result, "remark": remark, "target": outline}),
            || {
                let words = [Some(format!("{title}: {result}")), remark, left];
                let words: Vec<String> = words.into_iter().flatten().collect();
                vec![words.join("; ")]
            },
        );
    }

    /// What is still wanted after this, in the same words as the gates.
    fn left(&self, target: &Target, command: &Command) -> Option<String> {
        let facts = self.facts(target).ok()?;
        match command {
            Command::Check { item, .. }
            | Command::Waive { item, .. }
            | Command::Reopen { item, .. } => items::left(&facts, item),
            Command::Approve { .. }
            | Command::Reject { .. }
            | Command::SayHold { .. }
            | Command::Withdraw { .. } => {
                let plan = &facts.current()?.plan;
                poll::poll(&facts, plan).map(|poll| poll.sentence)
            }
            _ => None,
        }
    }

    /// What was taken, but does less than one may think.
    fn remark(&self, target: &Target, command: &Command) -> Option<String> {
        let facts = self.facts(target).ok()?;
        match command {
            Command::Approve { .. } => poll::would_not_count(&facts, &self.actor),
            Command::Waive { item, .. } => {
                let proposal = facts.current()?.proposal(item)?;
                let who = &proposal.by;
                Some(format!(
                    "a second person with the role waive has to second {who}"
                ))
            }
            _ => None,
        }
    }
}
