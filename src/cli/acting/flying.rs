//! The verbs that change the platform: taking off, attending, promoting, stopping and going back.

use std::io::IsTerminal as _;

use serde_json::json;

use crate::{
    domain::{
        change::Act,
        deployment::FlightState,
        entry::{Body, IntentId},
        release::ReleaseRef,
        target::Target,
    },
    policy::{
        confirm::Challenge,
        decide::{Command, Decision, decide},
        refusal::{Refusal, RefusalKind},
    },
    ports::act::Platform as _,
    session::event::End,
};

use crate::cli::{
    args::Place,
    attend::{self, Until},
    exit::Exit,
    headless::{Headless, Stop},
};

impl Headless {
    pub(super) async fn take_off(&mut self, place: &Place, target: &Target) -> Result<(), Stop> {
        let facts = self.facts(target)?;
        let Some(plan) = facts.current().map(|current| current.plan.digest.clone()) else {
            return Ok(());
        };
        match self.acting(place, Command::Fly { plan }, false).await? {
            Exit::Done => Ok(()),
            other => Err(Stop::Exit(other)),
        }
    }

    /// Attends to the close. Takes off first where it is GO.
    pub(super) async fn fly(&mut self, place: &Place) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        let before = self
            .facts(&target)?
            .current()
            .map(|current| current.id.clone());
        self.read(&target).await;
        self.sync().await?;
        if !self.common.dry_run {
            self.attend(&target.id).await?;
        }
        let facts = self.facts(&target)?;
        match facts.current().map(|current| current.state) {
            // The first look saw it end.
            None if before.is_some() => {
                return Ok(attend::ending(&facts, Until::Ended, before.as_ref()));
            }
            None => {
                let id = &target.id;
                let refusal = Refusal::new(
                    RefusalKind::NotFound,
                    "target.idle",
                    format!(
                        "nothing is under way for {} in {}",
                        id.project.name(),
                        id.environment
                    ),
                );
                return Err(refusal.into());
            }
            Some(FlightState::Requested) => self.take_off(place, &target).await?,
            Some(_) => {}
        }
        if self.common.dry_run {
            return Ok(Exit::Done);
        }
        self.attend_until(&target, Until::Ended).await
    }

    pub(super) async fn promote(
        &mut self,
        place: &Place,
        step: Option<usize>,
        full: bool,
        wait: bool,
    ) -> Result<Exit, Stop> {
        if full {
            return self.acting(place, Command::PromoteFully, wait).await;
        }
        let step = match step {
            Some(step) => step,
            None if self.common.yes || !std::io::stdin().is_terminal() => {
                return Err(Refusal::new(
                    RefusalKind::Usage,
                    "promote.step",
                    "--step N says which step the promotion is meant for; gonogo status shows it",
                )
                .into());
            }
            None => {
                let target = self.find(place)?;
                self.read(&target).await;
                let facts = self.facts(&target)?;
                let step = facts.fresh().and_then(|observed| observed.workload.step);
                step.ok_or_else(|| {
                    Refusal::rule(
                        "promote.step",
                        "the rollout could not be read, or has no steps",
                    )
                })?
            }
        };
        self.acting(place, Command::Promote { step }, wait).await
    }

    /// By any name; what the ledger quotes with its image needs no registry.
    pub(super) async fn rollback_release(
        &mut self,
        place: &Place,
        name: &str,
    ) -> Result<ReleaseRef, Stop> {
        let target = self.find(place)?;
        self.sync().await.map_err(|fault| {
            let hint = "numbers and names are in the ledger: leave RELEASE out, and it goes to what is stable now";
            fault.hint(hint)
        })?;
        let release = self.release(&target.id.project, name).await?;
        let facts = self.facts(&target)?;
        let quoted = facts
            .state
            .past
            .iter()
            .rev()
            .map(|past| &past.release)
            .find(|past| past.commit == release.commit && past.image.is_some());
        if let Some(quoted) = quoted {
            return Ok(quoted.clone());
        }
        Ok(self
            .release_with_artifact(&target.id.project, name)
            .await?
            .to_ref())
    }

    /// A command that changes the platform: decided, confirmed, executed.
    pub(super) async fn acting(
        &mut self,
        place: &Place,
        command: Command,
        wait: bool,
    ) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        let mut tries = 0;
        let confirmed = loop {
            self.gather(&target, &command).await?;
            let facts = self.facts(&target)?;
            let (act, opening) = match decide(&command, &facts, &self.actor)? {
                Decision::Act { act, opening } => (act, opening),
                // The platform is there already: what is left is to write it down.
                Decision::Record(_) => {
                    self.record(&target, &command).await?;
                    self.told(&target, command.verb());
                    return Ok(Exit::Done);
                }
            };
            if self.common.dry_run {
                return self.dry_run(&target, &act, opening.as_ref()).await;
            }
            let challenge = Challenge::new(*act, facts.environment);
            let confirmed = self.confirm(challenge).await?;
            let end = self.executor().execute(&confirmed, &command, opening).await;
            let synced = self.sync_for(&command).await;
            tries += 1;
            // The ledger failed between the question and the intent: asked again, with what that means in it.
            if let End::Failed(fault) = &end
                && fault.system == "ledger"
                && command.is_escape()
                && !confirmed.act().unrecorded
                && self.outside.standby.standing().trouble().is_some()
                && tries == 1
            {
                self.output.fault_said(fault);
                self.known.ledger = self.outside.standby.standing();
                continue;
            }
            self.ended(end)?;
            synced?;
            break confirmed;
        };
        let waits = self.outside.standby.waiting();
        if let Some(place) = &waits {
            self.output.say(&format!(
                "gonogo: the ledger could not be written; what was done waits in {place} and is appended when it is back"
            ));
        }
        self.read(&target).await;
        if waits.is_none() {
            self.attend(&target.id).await?;
        }
        if wait {
            let until = match command {
                Command::RollBack { .. } => Until::RolledBack,
                _ => Until::NeedsPerson,
            };
            return self.waited(&target, until).await;
        }
        let outline = self.outline(&target);
        let act = confirmed.act();
        let object = json!({"verb": command.verb(), "result": "applied", "act": act.kind, "step": act.step, "fingerprint": act.fingerprint(), "journal": waits, "target": outline});
        self.data(object, || {
            vec![format!(
                "{}: applied; {}",
                command.verb(),
                act.afterwards.join("; ")
            )]
        });
        Ok(Exit::Done)
    }

    /// Until a person is needed or it ended; then says for what.
    pub(super) async fn waited(&mut self, target: &Target, until: Until) -> Result<Exit, Stop> {
        let exit = self.attend_until(target, until).await?;
        let outline = self.outline(target);
        self.data(json!({"verb": "wait", "target": outline}), Vec::new);
        Ok(exit)
    }

    pub(super) async fn dry_run(
        &self,
        target: &Target,
        act: &Act,
        opening: Option<&Body>,
    ) -> Result<Exit, Stop> {
        let cluster = self.outside.cluster(target).await?;
        let intent = IntentId("dry-run".to_owned());
        let requests: Vec<String> = act
            .changes
            .iter()
            .map(|change| cluster.request(change, &intent))
            .collect();
        let object = json!({"dry_run": true, "act": act, "opening": opening, "requests": requests});
        self.data(object, || {
            let mut lines: Vec<String> = act
                .changes
                .iter()
                .map(crate::domain::change::Change::line)
                .collect();
            lines.extend(requests.iter().cloned());
            lines
        });
        Ok(Exit::Done)
    }
}
