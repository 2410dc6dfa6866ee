//! The verbs that move a flight on or attend it: deploy, fly, guard, promote.

use std::io::IsTerminal as _;

use crate::{
    domain::{deployment::FlightState, target::Target},
    policy::{
        decide::Command,
        refusal::{Refusal, RefusalKind},
    },
};

use super::{
    args::Place,
    attend::{self, Until},
    exit::Exit,
    headless::{Headless, Stop},
};

impl Headless {
    pub(super) async fn deploy(
        &mut self,
        place: &Place,
        name: &str,
        reason: Option<String>,
        wait: bool,
    ) -> Result<Exit, Stop> {
        let glass = self.glass(reason.as_ref())?;
        let reason = reason.unwrap_or_else(|| "deploy".to_owned());
        let target = self.find(place)?;
        self.sync().await?;
        let release = self.release(&target.id.project, name).await?;
        let open = self.facts(&target)?.current().map(|current| {
            (
                current.plan.release.commit.clone(),
                current.plan.release.title(),
            )
        });
        match open {
            Some((commit, title)) if commit != release.commit => {
                return Err(Refusal::raced(
                    "target.idle",
                    format!("release {title} is under way here"),
                )
                .hint("cancel it, or see it through, first")
                .into());
            }
            Some(_) => {}
            None => self.stored(&target, name, reason).await?,
        }
        self.take_off(place, &target, glass).await?;
        if wait && !self.common.dry_run {
            self.waited(&target, Until::NeedsPerson).await
        } else {
            Ok(Exit::Done)
        }
    }

    /// The reason of a break-glass, which is never left to a default.
    fn glass(&self, reason: Option<&String>) -> Result<Option<String>, Stop> {
        match reason.filter(|reason| !reason.trim().is_empty()) {
            _ if !self.common.break_glass => Ok(None),
            Some(reason) => Ok(Some(reason.clone())),
            None => {
                let sentence = "--break-glass needs --reason: a second person has to answer for it";
                Err(Refusal::new(RefusalKind::Usage, "glass.reason", sentence).into())
            }
        }
    }

    async fn take_off(
        &mut self,
        place: &Place,
        target: &Target,
        glass: Option<String>,
    ) -> Result<(), Stop> {
        let facts = self.facts(target)?;
        let Some(plan) = facts.current().map(|current| current.plan.digest.clone()) else {
            return Ok(());
        };
        let fly = Command::Fly { plan, glass };
        match self.acting(place, fly, false).await? {
            Exit::Done => Ok(()),
            other => Err(Stop::Exit(other)),
        }
    }

    /// Attends to the close. Takes off first where it is GO.
    pub(super) async fn fly(
        &mut self,
        place: &Place,
        reason: Option<String>,
    ) -> Result<Exit, Stop> {
        let glass = self.glass(reason.as_ref())?;
        let target = self.find(place)?;
        self.sync().await?;
        let before = self
            .facts(&target)?
            .current()
            .map(|current| current.id.clone());
        self.look(&target).await?;
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
            Some(FlightState::Requested) => self.take_off(place, &target, glass).await?,
            Some(_) => {}
        }
        if self.common.dry_run {
            return Ok(Exit::Done);
        }
        self.attend_until(&target, Until::Ended).await
    }

    /// Attends what flies, without ever taking off.
    pub(super) async fn stand_guard(&mut self, place: &Place) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        let state = self
            .facts(&target)?
            .current()
            .map(|current| current.state.is_airborne());
        if state != Some(true) {
            let sentence = format!("nothing flies in {}: there is nothing to guard", target.id);
            return Err(Refusal::new(RefusalKind::NotFound, "target.idle", sentence).into());
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
}
