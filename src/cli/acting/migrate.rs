//! `migrate`: what an item with SQL behind it is to a person: its preview, reading it, applying it, looking whether it is
//! there, and taking it back. The items themselves are run as `check` runs them.

use std::{
    io::{BufRead as _, IsTerminal as _},
    sync::Arc,
};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    adapters::{evidence, probe::Here},
    cli::{
        args::{MigrateVerb, Place},
        exit::Exit,
        headless::{Headless, Stop},
    },
    domain::{
        deployment::{Deployment, ItemStatus},
        evidence::Evidence,
        item::hang_on_acts,
        migration,
        plan::{ItemId, Plan},
        release::Digest,
        sql,
        target::Target,
    },
    policy::{
        decide::{Command, may_operate},
        facts::Facts,
        migration::{Direction, Steps, Typed, shown},
        planner,
        refusal::{Refusal, RefusalKind},
    },
    ports::run::{Listen, Order, Runner as _},
    runtime::running::Ran,
};

/// The deployment that is asked about.
type Whose = for<'a> fn(&Facts<'a>, Direction) -> Result<&'a Deployment, Refusal>;

impl Headless {
    pub(super) async fn migrate(&mut self, verb: MigrateVerb) -> Result<Exit, Stop> {
        match verb {
            MigrateVerb::Preview {
                place,
                release,
                revert,
            } => {
                self.preview(&place, release.as_deref(), Direction::of(revert))
                    .await
            }
            MigrateVerb::Show { place, revert } => {
                self.show_sql(&place, Direction::of(revert)).await
            }
            MigrateVerb::Approve {
                place,
                sql,
                revert,
                reason,
            } => {
                let (_, _, steps) = self
                    .steps(&place, None, Direction::of(revert), Steps::carrier)
                    .await?;
                let of = self.digest_of(&place, &steps.preview, &sql)?;
                let item = steps.read;
                self.simple(&place, Command::Read { item, of, reason })
                    .await
            }
            MigrateVerb::Apply { place, release } => {
                self.act_on(
                    &place,
                    release.as_deref(),
                    Direction::Forth,
                    "migrate apply",
                )
                .await
            }
            MigrateVerb::Verify { place, release } => {
                let (target, _, steps) = self
                    .steps(&place, release.as_deref(), Direction::Forth, Steps::actor)
                    .await?;
                let Some(item) = steps.verify else {
                    let sentence = format!(
                        "nothing of {} says how {} is verified",
                        target.id, steps.act
                    );
                    return Err(Refusal::new(RefusalKind::NotFound, "migration", sentence).into());
                };
                self.run_item(&target, &item, None, "migrate verify", None)
                    .await
            }
            MigrateVerb::Revert { place, release } => {
                self.act_on(
                    &place,
                    release.as_deref(),
                    Direction::Back,
                    "migrate revert",
                )
                .await
            }
        }
    }

    /// The target, whose items these are, and which: of the release that was named, or of whatever is there.
    async fn steps(
        &mut self,
        place: &Place,
        release: Option<&str>,
        direction: Direction,
        whose: Whose,
    ) -> Result<(Target, Deployment, Steps), Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        let named = match release {
            Some(name) => Some(self.release(&target.id.project, name).await?),
            None => None,
        };
        let facts = self.facts(&target)?;
        let deployment = whose(&facts, direction)?;
        if let Some(named) = named.filter(|it| it.commit != deployment.plan.release.commit) {
            let sentence = format!(
                "the migration here is of release {}, not of {}",
                deployment.plan.release.title(),
                named.title()
            );
            return Err(Refusal::raced("migration.release", sentence)
                .hint(format!(
                    "gonogo plan {} {}",
                    target.id.environment,
                    target.id.project.name()
                ))
                .into());
        }
        let steps = Steps::of(&deployment.plan.plan, &target.id, direction)?;
        let deployment = deployment.clone();
        Ok((target, deployment, steps))
    }

    /// Runs the preview, keeps what it printed, and shows it.
    async fn preview(
        &mut self,
        place: &Place,
        release: Option<&str>,
        direction: Direction,
    ) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        if let Some(name) = release
            && direction == Direction::Forth
            && self.facts(&target)?.current().is_none()
        {
            return self.preview_of(&target, name).await;
        }
        let (target, _, steps) = self
            .steps(place, release, direction, Steps::carrier)
            .await?;
        let item = steps.preview.clone();
        if self.common.dry_run {
            return self
                .run_item(&target, &item, None, "migrate preview", None)
                .await;
        }
        let command = Command::Run {
            item: item.clone(),
            note: None,
            confirmed: None,
        };
        let ran = self.run_here(&target, &command, silent()).await?;
        self.told_preview(&target, &steps, &ran.evidence, ran.ok)
    }

    /// What was previewed last, as it was kept, for whoever is to read it.
    async fn show_sql(&mut self, place: &Place, direction: Direction) -> Result<Exit, Stop> {
        let (target, deployment, steps) =
            self.steps(place, None, direction, Steps::carrier).await?;
        let state = deployment.items.get(&steps.preview);
        let shown = state.and_then(|state| Some((state.status, state.evidence.clone()?)));
        let Some((status, evidence)) = shown else {
            let sentence = format!("{} was not run yet", steps.preview);
            return Err(
                Refusal::new(RefusalKind::NotFound, "migration.preview", sentence)
                    .hint(format!(
                        "gonogo migrate preview {} {}",
                        target.id.environment,
                        target.id.project.name()
                    ))
                    .into(),
            );
        };
        self.told_preview(&target, &steps, &evidence, status == ItemStatus::Done)
    }

    /// Of a release that nobody asked to deploy: shown, and kept nowhere.
    async fn preview_of(&mut self, target: &Target, name: &str) -> Result<Exit, Stop> {
        self.read(target).await;
        let release = self.release_with_artifact(&target.id.project, name).await?;
        let facts = self.facts(target)?;
        // It runs what the configuration says.
        may_operate(&facts, &self.actor)?;
        let plan = planner::planned(&facts, &release);
        let steps = Steps::of(&plan.plan, &target.id, Direction::Forth)?;
        let (Some(item), Some(project)) = (
            plan.plan.item(&steps.preview),
            self.outside.workspace.project(&target.id.project),
        ) else {
            return Ok(Exit::NotFound);
        };
        let order = Order {
            target: target.id.clone(),
            item: item.clone(),
            release: plan.release.clone(),
            before: plan.before.clone(),
            source: project.source.clone(),
            cluster: target.cluster.clone(),
            namespace: target.workload.namespace.clone(),
            access: self.outside.workspace.access.clone(),
        };
        if self.common.dry_run {
            let line = item.errand().unwrap_or_default();
            self.data(json!({"dry_run": true, "would": line}), || {
                vec![format!("would be done: {line}")]
            });
            return Ok(Exit::Done);
        }
        let report = Here.run(&order, silent(), interruption()).await;
        let (ok, said) = match migration::readable(&report.text, report.left_out, report.unseen) {
            Ok(said) if report.ok => (true, said),
            Err(why) if report.ok => (false, why),
            _ => (false, report.said.to_string()),
        };
        let text = migration::printed(&report.text);
        let losses = sql::losses(&text);
        let object = json!({
            "verb": "migrate preview", "item": steps.preview, "ok": ok, "stored": false,
            "sql": report.output, "text": text, "losses": losses, "said": said,
        });
        self.data(object, || listing(&text, &losses));
        self.output.say(&format!(
            "{}: {said}\n  not stored: release {} is not requested in {}",
            steps.preview,
            release.title(),
            target.id.environment
        ));
        Ok(if ok { Exit::Done } else { Exit::Failed })
    }

    fn told_preview(
        &self,
        target: &Target,
        steps: &Steps,
        evidence: &Evidence,
        ok: bool,
    ) -> Result<Exit, Stop> {
        let text = match &evidence.kept {
            Some(kept) => {
                let ledger = &self.outside.workspace.ledger;
                migration::printed(&evidence::read(ledger, kept)?)
            }
            None => String::new(),
        };
        let losses = sql::losses(&text);
        let object = json!({
            "verb": "migrate preview", "item": steps.preview, "ok": ok, "stored": true,
            "sql": evidence.output, "text": text, "losses": losses, "said": evidence.said,
            "evidence": evidence, "target": self.outline(target),
        });
        self.data(object, || listing(&text, &losses));
        let word = if ok { "passed" } else { "failed" };
        self.output.say(&format!(
            "{} {word}: {}",
            steps.preview,
            evidence.sentence()
        ));
        if ok {
            let back = if steps.direction == Direction::Back {
                " --revert"
            } else {
                ""
            };
            self.output.say(&format!(
                "  who has read it: gonogo migrate approve {} {}{back} --sql {} --reason …",
                target.id.environment,
                target.id.project.name(),
                evidence.output.short()
            ));
        }
        Ok(if ok { Exit::Done } else { Exit::Failed })
    }

    /// Twelve digits of the digest are enough of what was printed last.
    fn digest_of(&self, place: &Place, preview: &ItemId, given: &str) -> Result<Digest, Stop> {
        let target = self.find(place)?;
        let facts = self.facts(&target)?;
        let carrier = facts.state.carrier(preview);
        let state = carrier.and_then(|carrier| carrier.items.get(preview));
        let printed = state
            .and_then(|state| state.evidence.as_ref())
            .map(|evidence| evidence.output.clone());
        if let Some(printed) = &printed
            && (printed.as_str() == given
                || (given.len() >= 12 && printed.hex().starts_with(given)))
        {
            return Ok(printed.clone());
        }
        Digest::parse(given).ok_or_else(|| {
            let last = printed.map_or_else(
                || format!("{preview} printed nothing yet"),
                |printed| format!("{preview} printed {}, not {given}", printed.short()),
            );
            Refusal::raced("item.read", last)
                .hint("gonogo migrate show prints it with its digest")
                .into()
        })
    }

    /// Applies or takes back: confirmed by flags or on the terminal, and the preview made anew right before.
    async fn act_on(
        &mut self,
        place: &Place,
        release: Option<&str>,
        direction: Direction,
        verb: &'static str,
    ) -> Result<Exit, Stop> {
        let (target, deployment, steps) =
            self.steps(place, release, direction, Steps::actor).await?;
        let Some(spec) = deployment.plan.plan.item(&steps.act) else {
            return Ok(Exit::NotFound);
        };
        let shown = shown(&deployment, spec);
        let typed = |words: String| Typed {
            words,
            shown: shown.clone(),
        };
        let command = |words: String| Command::Run {
            item: steps.act.clone(),
            note: None,
            confirmed: Some(typed(words)),
        };
        let number = deployment.plan.release.number.to_string();
        self.gather(&target, &command(number.clone())).await?;
        // What nobody could confirm is said before anybody is asked.
        let facts = self.facts(&target)?;
        crate::policy::decide::decide(&command(number.clone()), &facts, &self.actor)?;
        let protected = facts.environment.protected;
        let confirmed = if self.common.yes {
            self.common.confirm.clone().or(Some(String::new()))
        } else if self.common.dry_run {
            Some(number.clone())
        } else {
            self.typed(
                &target,
                &deployment,
                &steps,
                protected.then_some(number.as_str()),
            )
            .await
        };
        self.run_item(&target, &steps.act, None, verb, confirmed.map(typed))
            .await
    }

    /// Asked where somebody sits; None anywhere else.
    async fn typed(
        &self,
        target: &Target,
        deployment: &Deployment,
        steps: &Steps,
        expected: Option<&str>,
    ) -> Option<String> {
        if !std::io::stdin().is_terminal() || self.common.json {
            return None;
        }
        let errand = deployment
            .plan
            .plan
            .item(&steps.act)
            .and_then(crate::domain::plan::ItemSpec::errand);
        self.output.say(&format!(
            "{} of release {} in {}: {}",
            steps.act,
            deployment.plan.release.title(),
            target.id.environment,
            errand.unwrap_or_default()
        ));
        let said = deployment
            .items
            .get(&steps.preview)
            .and_then(|state| state.evidence.as_ref());
        if let Some(evidence) = said {
            self.output
                .say(&format!("  {} {}", evidence.output.short(), evidence.said));
        }
        self.output.say(&match expected {
            Some(number) => format!("type {number} to confirm:"),
            None => "press enter to confirm, ctrl-c to leave it:".to_owned(),
        });
        let _ = tokio::task::spawn_blocking(crate::runtime::terminal::forget_typed_ahead).await;
        let line = tokio::task::spawn_blocking(|| {
            let mut typed = String::new();
            let read = std::io::stdin().lock().read_line(&mut typed);
            read.map(|_| typed).unwrap_or_default()
        });
        let typed = line.await.unwrap_or_default();
        (!typed.is_empty()).then(|| typed.trim().to_owned())
    }

    pub(super) fn exit_of(&self, target: &Target, item: &ItemId, ran: &Ran) -> Exit {
        let status = self.facts(target).ok().and_then(|facts| {
            let carrier = facts.state.carrier(item)?;
            let spec = carrier.plan.plan.item(item)?;
            Some(carrier.status(spec, facts.now))
        });
        match status {
            Some(ItemStatus::Unknown) => Exit::Unknown,
            // It was run, and is there all the same.
            Some(ItemStatus::Failed) if ran.looked.is_some() => Exit::Failed,
            _ if ran.ok => Exit::Done,
            _ => Exit::Failed,
        }
    }
}

/// Ctrl-c, as something that a run understands.
fn interruption() -> CancellationToken {
    let cancel = CancellationToken::new();
    let heard = cancel.clone();
    tokio::spawn(async move {
        crate::runtime::run::interrupted().await;
        heard.cancel();
    });
    cancel
}

fn silent() -> Listen {
    Arc::new(|_| {})
}

/// The SQL with the numbers of its lines, and what of it may lose data.
fn listing(text: &str, losses: &[sql::Loss]) -> Vec<String> {
    let mut lines: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(at, line)| format!("{:>4}  {line}", at + 1))
        .collect();
    lines.extend(losses.iter().map(|loss| {
        format!(
            "MAY LOSE DATA: line {} {}: {}",
            loss.line, loss.why, loss.statement
        )
    }));
    if losses.is_empty() && !text.trim().is_empty() {
        lines.push(
            "nothing in it is known to lose data; that is what words say, not what it does"
                .to_owned(),
        );
    }
    lines
}

/// `null` where nothing is migrated and nobody says a word.
pub fn rollback_json(claim: Option<&migration::RollbackClaim>) -> Value {
    claim.map_or(
        Value::Null,
        |claim| json!({"word": claim.word(), "by": claim.by}),
    )
}

/// How far its migration is: each item by its id, with what its last run said.
pub fn steps_json(facts: &Facts<'_>, plan: &Plan) -> Vec<Value> {
    let hanging = hang_on_acts(&plan.items);
    let items = plan.items.iter().filter(|item| hanging.contains(&item.id));
    let steps = items.map(|item| {
        let carrier = facts.state.carrier(&item.id);
        let carrier = carrier.filter(|it| it.plan.plan.item(&item.id) == Some(item));
        let state = carrier.and_then(|it| it.items.get(&item.id));
        let evidence = state.and_then(|state| state.evidence.as_ref());
        json!({
            "item": item.id, "way_back": item.chain.way_back, "acts": item.acts(),
            "status": carrier.map_or(ItemStatus::Open, |it| it.status(item, facts.now)),
            "by": state.map(|state| &state.by), "sql": evidence.map(|it| &it.output),
            "read": state.and_then(|state| state.of.as_ref()), "said": evidence.map(|it| &it.said),
        })
    });
    steps.collect()
}
