//! The verbs that act: each is the command of the screen's action, decided on the same facts.

use std::io::{BufRead as _, IsTerminal as _};

use serde_json::json;

use crate::{
    domain::{
        change::Act,
        deployment::FlightState,
        entry::{Body, IntentId},
        plan::ItemId,
        release::{Digest, ReleaseRef},
        target::Target,
    },
    flight::needs::{Query, needs},
    policy::{
        confirm::{Challenge, Confirmed, Friction, Reply},
        decide::{Command, Decision, decide},
        gates, planner,
        refusal::{Refusal, RefusalKind},
        resolve,
    },
    ports::act::Platform as _,
    runtime::terminal,
};

use super::{
    args::{GuardWord, Place, Verb},
    attend::{self, Until},
    exit::Exit,
    headless::{Headless, Stop},
    reading::gate_lines,
};

impl Headless {
    pub async fn act(&mut self, verb: Verb) -> Result<Exit, Stop> {
        let flies = matches!(verb, Verb::Deploy { .. } | Verb::Fly { .. });
        if self.common.break_glass && !flies {
            let sentence = "--break-glass is for deploy and fly; nothing else is behind glass";
            return Err(Refusal::new(RefusalKind::Usage, "glass.verb", sentence).into());
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
            Verb::Guard {
                place,
                what: Some(GuardWord::Stop),
                reason,
            } => {
                let reason = reason.unwrap_or_default();
                self.simple(&place, Command::StopGuard { reason }).await
            }
            Verb::Guard { place, .. } => self.stand_guard(&place).await,
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
            Verb::Withdraw { place, plan } => {
                let plan = self.plan_digest(&place, plan.as_deref()).await?;
                self.simple(&place, Command::Withdraw { plan }).await
            }
            Verb::Check {
                place,
                item,
                reason,
            } => {
                self.simple(
                    &place,
                    Command::Check {
                        item: ItemId(item),
                        note: reason,
                    },
                )
                .await
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

    /// The newest facts a command needs.
    async fn gather(&mut self, target: &Target, command: &Command) -> Result<(), Stop> {
        self.sync().await?;
        let needs = needs(command);
        if needs.contains(&Query::Catalogue) {
            self.catalogue(&target.id.project).await?;
        }
        if needs.contains(&Query::Workload) {
            self.look(target).await?;
        }
        if needs.contains(&Query::Figures) && self.common.sample {
            // What no figure could change is said at once.
            if let Err(refusal) = decide(command, &self.facts(target)?, &self.actor)
                && gates::waivable(&refusal.rule).is_none()
            {
                return Err(refusal.into());
            }
            self.sample(target).await?;
            self.look(target).await?;
        }
        Ok(())
    }

    /// Reads the platform, and writes down what is seen.
    async fn look(&mut self, target: &Target) -> Result<(), Stop> {
        self.read(target).await;
        // Whoever changed what was just read had written the intent before: now it is known who.
        self.sync().await?;
        if !self.common.dry_run {
            self.attend(&target.id).await?;
        }
        Ok(())
    }

    /// Watches for one window. What ends it early, ends the verb.
    pub async fn sample(&mut self, target: &Target) -> Result<(), Stop> {
        match self.attend_until(target, Until::Sampled).await? {
            Exit::Done => Ok(()),
            other => Err(Stop::Exit(other)),
        }
    }

    /// A command that only writes to the ledger.
    async fn simple(&mut self, place: &Place, command: Command) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.gather(&target, &command).await?;
        self.record(&target, &command).await?;
        self.told(&target, command.verb());
        Ok(Exit::Done)
    }

    async fn record(&mut self, target: &Target, command: &Command) -> Result<(), Stop> {
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

    fn told(&self, target: &Target, verb: &str) {
        let outline = self.outline(target);
        self.data(
            json!({"verb": verb, "result": "done", "target": outline}),
            || vec![format!("{verb}: done")],
        );
    }

    async fn request(&mut self, place: &Place, name: &str, reason: String) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.stored(&target, name, reason).await?;
        let facts = self.facts(&target)?;
        let Some(current) = facts.current() else {
            return Ok(Exit::Failed);
        };
        let judgement = gates::take_off(&facts, &current.plan);
        let object = json!({"deployment": current.id, "plan": current.plan.digest, "release": current.plan.release, "go": judgement.go, "gates": judgement.gates});
        self.data(object, || {
            let mut lines = vec![format!(
                "requested {} as plan {}",
                current.plan.release.title(),
                current.plan.digest
            )];
            lines.extend(gate_lines(&judgement));
            lines
        });
        Ok(Exit::Done)
    }

    /// Makes the plan and stores it in the ledger.
    async fn stored(&mut self, target: &Target, name: &str, reason: String) -> Result<(), Stop> {
        self.sync().await?;
        self.read(target).await;
        let release = self.release_with_artifact(&target.id.project, name).await?;
        let facts = self.facts(target)?;
        let plan = planner::store(facts.environment, facts.target, &release, facts.before());
        self.record(
            target,
            &Command::Request {
                plan: Box::new(plan),
                reason,
            },
        )
        .await
    }

    /// The plan a decision is about: named by its digest or twelve digits of it; on a terminal it is shown first.
    async fn plan_digest(&mut self, place: &Place, given: Option<&str>) -> Result<Digest, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        let open = self
            .facts(&target)?
            .current()
            .map(|current| current.plan.clone());
        let nothing = || {
            Refusal::new(
                RefusalKind::NotFound,
                "target.idle",
                format!("nothing is requested for {}", target.id),
            )
        };
        let open = open.ok_or_else(nothing)?;
        match given {
            Some(text)
                if open.digest.as_str() == text
                    || (text.len() >= 12 && open.digest.short() == text) =>
            {
                Ok(open.digest)
            }
            Some(text) => match Digest::parse(text) {
                // Decided on, and refused there with the plan that is open now.
                Some(other) => Ok(other),
                None => Err(Refusal::raced(
                    "plan.digest",
                    format!(
                        "the open request is plan {}, not {text}",
                        open.digest.short()
                    ),
                )
                .into()),
            },
            None if std::io::stdin().is_terminal() => {
                self.output.say(&format!(
                    "plan {}\nrelease {}\n{}",
                    open.digest,
                    crate::domain::entry::from_to(open.before.as_ref(), &open.release),
                    open.subject
                ));
                Ok(open.digest)
            }
            None => Err(Refusal::new(
                RefusalKind::Usage,
                "plan.digest",
                "name the plan you decide on: --plan DIGEST (gonogo plan shows it)",
            )
            .into()),
        }
    }

    async fn deploy(
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
    async fn fly(&mut self, place: &Place, reason: Option<String>) -> Result<Exit, Stop> {
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

    async fn promote(
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

    /// Attends what flies, without ever taking off.
    async fn stand_guard(&mut self, place: &Place) -> Result<Exit, Stop> {
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

    async fn ground(
        &mut self,
        place: &Place,
        name: Option<&str>,
        clear: bool,
        reason: String,
    ) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        let release = match name {
            Some(name) => self.quoted_or_known(&target, name).await?,
            None => {
                let newest = self
                    .facts(&target)?
                    .state
                    .quoted()
                    .first()
                    .copied()
                    .cloned();
                newest.ok_or_else(|| {
                    let sentence = format!("no release flew in {}: name one", target.id);
                    Refusal::new(RefusalKind::NotFound, "release", sentence)
                })?
            }
        };
        let release = Box::new(release);
        let command = if clear {
            Command::Clear { release, reason }
        } else {
            Command::Ground { release, reason }
        };
        self.simple(place, command).await
    }

    async fn former_revision(&mut self, place: &Place) -> Result<ReleaseRef, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        self.read(&target).await;
        let kept = self.facts(&target)?.former_revision();
        Ok(kept.ok_or_else(|| {
            let sentence = format!("{} keeps no former revision to go back to", target.workload);
            Refusal::new(RefusalKind::NotFound, "rollback.former", sentence)
        })?)
    }

    /// By any name. A number that the ledger quotes needs no repository, and neither does another name while the
    /// repository cannot be read.
    async fn quoted_or_known(&mut self, target: &Target, name: &str) -> Result<ReleaseRef, Stop> {
        let state = &self.facts(target)?.state;
        let quoted = resolve::quoted(state, &target.id.project, name);
        let is_number = name.bytes().all(|digit| digit.is_ascii_digit());
        if let Some(quoted) = quoted.clone().filter(|_| is_number) {
            return Ok(quoted);
        }
        match self.release(&target.id.project, name).await {
            Ok(release) => Ok(release.to_ref()),
            Err(Stop::Fault(fault)) => match quoted {
                Some(quoted) => {
                    let title = quoted.title();
                    let said = format!("gonogo: {fault}; `{name}` is {title}, by the ledger");
                    self.output.say(&said);
                    Ok(quoted)
                }
                None => Err(fault.into()),
            },
            Err(other) => Err(other),
        }
    }

    /// By any name; what the ledger quotes with its image needs no registry.
    async fn rollback_release(&mut self, place: &Place, name: &str) -> Result<ReleaseRef, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        let release = self.quoted_or_known(&target, name).await?;
        let quoted = self.facts(&target)?.state.quoted();
        let quoted = quoted
            .into_iter()
            .find(|quoted| quoted.commit == release.commit && quoted.image.is_some());
        if let Some(quoted) = quoted {
            return Ok(quoted.clone());
        }
        Ok(self
            .release_with_artifact(&target.id.project, name)
            .await?
            .to_ref())
    }

    /// A command that changes the platform: decided, confirmed, executed.
    async fn acting(&mut self, place: &Place, command: Command, wait: bool) -> Result<Exit, Stop> {
        let target = self.find(place)?;
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
        self.sync().await?;
        self.ended(end)?;
        self.read(&target).await;
        self.attend(&target.id).await?;
        if wait {
            let until = match command {
                Command::RollBack { .. } => Until::RolledBack,
                _ => Until::NeedsPerson,
            };
            return self.waited(&target, until).await;
        }
        let outline = self.outline(&target);
        let act = confirmed.act();
        let object = json!({"verb": command.verb(), "result": "applied", "act": act.kind, "step": act.step, "fingerprint": act.fingerprint(), "target": outline});
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
    async fn waited(&mut self, target: &Target, until: Until) -> Result<Exit, Stop> {
        let exit = self.attend_until(target, until).await?;
        let outline = self.outline(target);
        self.data(json!({"verb": "wait", "target": outline}), Vec::new);
        Ok(exit)
    }

    async fn dry_run(
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

    /// By flags, or asked on the terminal.
    async fn confirm(&self, mut challenge: Challenge) -> Result<Confirmed<Act>, Stop> {
        let by_flags = challenge.by_flags(self.common.yes, self.common.confirm.as_deref());
        let asked = std::io::stdin().is_terminal() && !self.common.yes && !self.common.json;
        let refusal = match by_flags {
            Ok(confirmed) => return Ok(confirmed),
            Err(refusal) if !asked => return Err(refusal.into()),
            Err(refusal) => refusal,
        };
        let act = &challenge.act;
        self.output
            .say(&format!("{} {}", act.kind.verb(), act.target));
        for line in act
            .changes
            .iter()
            .map(crate::domain::change::Change::line)
            .chain(act.afterwards.iter().map(|line| format!("→ {line}")))
        {
            self.output.say(&format!("  {line}"));
        }
        self.output.say(&match &challenge.friction {
            Friction::Type(expected) => format!("type {expected} to confirm:"),
            _ => "press enter to confirm, ctrl-c to leave it:".to_owned(),
        });
        let _ = tokio::task::spawn_blocking(terminal::forget_typed_ahead).await;
        challenge.painted_at = Some(self.outside.now());
        // Read aside, so that ctrl-c is heard meanwhile.
        let line = tokio::task::spawn_blocking(|| {
            let mut typed = String::new();
            let read = std::io::stdin().lock().read_line(&mut typed);
            read.map(|_| typed).unwrap_or_default()
        });
        let typed = line.await.unwrap_or_default();
        if typed.is_empty() {
            return Err(refusal.into());
        }
        // The question was on the terminal, and what was typed before it is forgotten: this line came after.
        match challenge.answer(&typed, jiff::Timestamp::MAX) {
            Reply::Confirmed(confirmed) => Ok(*confirmed),
            Reply::Mismatch | Reply::TooEarly => Err(Refusal::new(
                RefusalKind::Usage,
                "confirm",
                "that is not what was asked for; nothing was done",
            )
            .into()),
        }
    }
}
