//! A command that changes the platform: decided, confirmed, executed, and asked again where the ledger failed meanwhile.

use serde_json::json;

use crate::{
    domain::{
        change::Act,
        entry::{Body, IntentId},
        target::Target,
    },
    policy::{
        confirm::Challenge,
        decide::{Command, Decision, decide},
        facts::Facts,
        refusal::Refusal,
    },
    session::event::End,
};

use crate::cli::{
    args::Place,
    attend::{self, Until},
    exit::Exit,
    headless::{Headless, Stop},
};

impl Headless {
    /// A command that changes the platform: decided, confirmed, executed.
    pub(in crate::cli) async fn acting(
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
            let decided = decide(&command, &facts, &self.actor);
            let (act, opening) = match decided.map_err(|refusal| self.or_sample(refusal))? {
                Decision::Act { act, opening } => (act, opening),
                // The platform is there already: what is left is to write it down.
                Decision::Record(_) => {
                    self.record(&target, &command).await?;
                    self.told(&target, &command);
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
        self.write_card(&target.id).await;
        let act = confirmed.act();
        let applied = format!("{}: applied; {}", command.verb(), act.afterwards.join("; "));
        if wait {
            if !self.output.json {
                self.output.line(&applied);
            }
            let until = match command {
                Command::RollBack { .. } => Until::RolledBack,
                _ => Until::NeedsPerson,
            };
            return self.waited(&target, until).await;
        }
        let outline = self.outline(&target);
        let object = json!({"verb": command.verb(), "result": "applied", "act": act.kind, "step": act.step, "fingerprint": act.fingerprint(), "journal": waits, "target": outline});
        self.data(object, || vec![applied]);
        Ok(Exit::Done)
    }

    /// What is only not measured yet can be measured by the same verb.
    fn or_sample(&self, refusal: Refusal) -> Refusal {
        let measured = refusal.rule.starts_with("metric.") || refusal.rule.contains("health");
        if measured && !self.common.sample && refusal.hint.is_none() {
            return refusal.hint("--sample measures for one window first");
        }
        refusal
    }

    /// Until a person is needed or it ended; then says for what.
    pub(in crate::cli) async fn waited(
        &mut self,
        target: &Target,
        until: Until,
    ) -> Result<Exit, Stop> {
        let exit = self.attend_until(target, until).await?;
        let outline = self.outline(target);
        let facts = self.facts(target)?;
        let line = format!(
            "{}  {}",
            self.outside.now().strftime("%H:%M:%S"),
            stands(&facts)
        );
        self.data(json!({"verb": "wait", "target": outline}), || vec![line]);
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

/// How things stand when nobody waits any longer: what it waits for, or how it ended and who serves.
fn stands(facts: &Facts<'_>) -> String {
    if let Some(current) = facts.current() {
        let title = current.plan.release.title();
        let waiting = attend::waiting(facts).map_or_else(String::new, |waiting| {
            format!(": {}: {}", waiting.who(), waiting.in_commands())
        });
        return format!("release {title} is {}{waiting}", current.state.word());
    }
    let live = facts.state.live.as_ref().map_or_else(
        || "nothing is".to_owned(),
        |live| format!("{} is", live.release.title()),
    );
    match facts.state.past.last() {
        Some(past) => format!(
            "release {}: {}; {live} live",
            past.release.title(),
            past.ending
        ),
        None => format!("{live} live"),
    }
}
