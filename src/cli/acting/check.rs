//! `check`: a tick, a measurement, or a run whose output streams by and whose verdict is the exit code.

use std::sync::{Arc, atomic::Ordering};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{deployment::ItemStatus, plan::ItemId, target::Target},
    policy::{
        decide::{Command, items::meaning},
        facts::Facts,
        migration::Typed,
    },
    ports::run::{Listen, Spoken},
    runtime::{
        run::interrupted,
        running::{self, Ran},
    },
};

use crate::cli::{
    args::Place,
    exit::Exit,
    headless::{Headless, Stop},
    items,
};

impl Headless {
    pub(super) async fn check(
        &mut self,
        place: &Place,
        item: String,
        stop: bool,
        note: Option<String>,
    ) -> Result<Exit, Stop> {
        let item = ItemId(item);
        if stop {
            return self.simple(place, Command::StopRun { item }).await;
        }
        let target = self.find(place)?;
        self.sync().await?;
        match meaning(&self.facts(&target)?, &item, note) {
            Command::Run { item, note, .. } => {
                self.run_item(&target, &item, note, "check", None).await
            }
            Command::Measure { item } => self.measure(&target, item).await,
            command => self.simple(place, command).await,
        }
    }

    /// What was measured is its own answer, and a failure is one.
    async fn measure(&mut self, target: &Target, item: ItemId) -> Result<Exit, Stop> {
        let command = Command::Measure { item: item.clone() };
        let is_done = |facts: &Facts<'_>| {
            facts
                .current()
                .is_some_and(|it| it.item(&item) == ItemStatus::Done)
        };
        let before = is_done(&self.facts(target)?);
        self.gather(target, &command).await?;
        // Whoever attends measures what is due: that may have been this verb, while it gathered the figures.
        if before || !is_done(&self.facts(target)?) {
            self.record(target, &command).await?;
        }
        let facts = self.facts(target)?;
        let state = facts.current().and_then(|current| current.items.get(&item));
        let passed = is_done(&facts);
        let found = state.and_then(|state| state.note.clone());
        let left = items::left(&facts, &item);
        let object = json!({
            "verb": "check", "result": "done", "item": item, "ok": passed, "found": found,
            "target": self.outline(target),
        });
        let word = if passed { "passed" } else { "failed" };
        self.data(object, || {
            let words = [Some(format!("{item} {word}")), found]
                .into_iter()
                .flatten();
            let said = words.collect::<Vec<_>>().join(": ");
            vec![
                [Some(said), left]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join("; "),
            ]
        });
        Ok(if passed { Exit::Done } else { Exit::Failed })
    }

    /// Carries it out here, and says its lines as they come: JSON Lines where `--json` is asked for.
    pub(super) async fn run_item(
        &mut self,
        target: &Target,
        item: &ItemId,
        note: Option<String>,
        verb: &'static str,
        confirmed: Option<Typed>,
    ) -> Result<Exit, Stop> {
        let command = Command::Run {
            item: item.clone(),
            note,
            confirmed,
        };
        if self.common.dry_run {
            self.would_run(target, item);
            // Refused as the run itself would be.
            self.record(target, &command).await?;
            return Ok(Exit::Done);
        }
        let listen = self.listen(item);
        let ran = self.run_here(target, &command, listen).await?;
        Ok(self.told_run(target, item, &ran, verb))
    }

    /// Carries it out on this machine; ctrl-c ends it.
    pub(super) async fn run_here(
        &mut self,
        target: &Target,
        command: &Command,
        listen: Listen,
    ) -> Result<Ran, Stop> {
        let cancel = CancellationToken::new();
        let under_way = Arc::clone(&self.under_way);
        under_way.store(true, Ordering::Relaxed);
        let mut executor = self.executor();
        let ran = {
            let run = running::run(&mut executor, command, &target.id, listen, cancel.clone());
            tokio::pin!(run);
            tokio::select! {
                ran = &mut run => ran,
                () = interrupted() => {
                    cancel.cancel();
                    run.await
                }
            }
        };
        under_way.store(false, Ordering::Relaxed);
        match ran {
            Ok(ran) => {
                self.sync().await?;
                Ok(ran)
            }
            Err(end) => {
                self.sync().await?;
                self.ended(end)?;
                Err(Stop::Exit(Exit::Failed))
            }
        }
    }

    fn would_run(&self, target: &Target, item: &ItemId) {
        let command = self.facts(target).ok().and_then(|facts| {
            let carrier = facts.state.carrier(item)?;
            carrier.plan.plan.item(item)?.command().cloned()
        });
        if let Some(command) = command {
            self.output.say(&format!("would run {}", command.line()));
        }
    }

    pub(in crate::cli) fn listen(&self, item: &ItemId) -> Listen {
        let (output, rehearsal, item) = (self.output, self.rehearsal(), item.clone());
        Arc::new(move |Spoken { error, line }| {
            let object = json!({"item": item, "error": error, "line": line});
            output.data(rehearsal, object, || vec![line.to_string()]);
        })
    }

    pub(in crate::cli) fn told_run(
        &self,
        target: &Target,
        item: &ItemId,
        ran: &Ran,
        verb: &str,
    ) -> Exit {
        let exit = self.exit_of(target, item, ran);
        let word = match exit {
            Exit::Done => "passed",
            Exit::Unknown => "may have happened: nobody heard how it ended",
            _ => "failed",
        };
        let kept = ran.evidence.kept.as_ref().map(|kept| {
            let ledger = &self.outside.workspace.ledger;
            crate::adapters::evidence::file(ledger, kept)
        });
        let object = json!({
            "verb": verb, "item": item, "ok": exit == Exit::Done, "evidence": ran.evidence,
            "looked": ran.looked,
            "file": kept.as_ref().map_or(Value::Null, |path| json!(path)),
            "target": self.outline(target),
        });
        self.data(object, Vec::new);
        self.output
            .say(&format!("{item} {word}: {}", ran.evidence.sentence()));
        if let Some(looked) = &ran.looked {
            let sentence = looked.sentence();
            self.output
                .say(&format!("  what was looked at right after: {sentence}"));
        }
        if let Some(why) = &ran.evidence.lost {
            self.output
                .say(&format!("gonogo: its output could not be kept: {why}"));
        }
        if let Some(path) = kept {
            self.output.say(&format!("  kept in {}", path.display()));
        }
        exit
    }
}
