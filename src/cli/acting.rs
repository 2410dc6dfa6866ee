//! The verbs that act: each is the command of the screen's action, decided on the same facts.

use std::io::{BufRead as _, IsTerminal as _};

use serde_json::json;

use crate::{
    domain::{
        change::Act,
        entry::{Body, IntentId},
        plan::ItemId,
        release::Digest,
        target::Target,
    },
    flight::needs::{Query, needs},
    policy::{
        confirm::{Challenge, Confirmed, Friction, Reply},
        decide::{Command, Decision, decide},
        gates, planner,
        refusal::{Refusal, RefusalKind},
    },
    ports::act::Platform as _,
    runtime::terminal,
};

use super::{
    args::{GuardWord, Place, Verb},
    attend::Until,
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
    pub(super) async fn look(&mut self, target: &Target) -> Result<(), Stop> {
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
    pub(super) async fn simple(&mut self, place: &Place, command: Command) -> Result<Exit, Stop> {
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
    pub(super) async fn stored(
        &mut self,
        target: &Target,
        name: &str,
        reason: String,
    ) -> Result<(), Stop> {
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

    /// A command that changes the platform: decided, confirmed, executed.
    pub(super) async fn acting(
        &mut self,
        place: &Place,
        command: Command,
        wait: bool,
    ) -> Result<Exit, Stop> {
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
    pub(super) async fn waited(&mut self, target: &Target, until: Until) -> Result<Exit, Stop> {
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
