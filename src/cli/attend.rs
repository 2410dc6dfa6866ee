//! Attending a deployment without a screen: feeds, ledger and process manager in one loop, until something holds.

use std::{collections::BTreeSet, time::Duration};

use jiff::Timestamp;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        deployment::Deployment,
        entry::{DeploymentId, Ending, StreamId},
        presence::{Duty, Presence},
        standing::Standing,
        target::Target,
        workspace::Actor,
    },
    flight::{
        known::FEED_LAG,
        process::{self, Mover, Next, Waiting},
    },
    policy::{
        confirm::Challenge,
        decide::{Command, Decision, decide, may_stand_guard},
        facts::Facts,
        guard::Stand,
    },
    runtime::{board::Board, outside::Outside},
    session::event::End,
};

use super::{
    beginning::Begun,
    exit::Exit,
    headless::{Headless, Stop},
};

/// A ledger in trouble is tried again at every how many beats.
const TRIES: u32 = 5;

/// What the loop stops at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// A person is needed, or it ended.
    NeedsPerson,
    Ended,
    /// A rollback was asked for: that it ended rolled back is what was wanted.
    RolledBack,
    /// One window has passed, and figures are there to judge by; or two have passed.
    Sampled,
}

/// Stops the feeds when it goes.
struct Watching(CancellationToken);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl Headless {
    /// Runs the feeds of a target and records what is reached. `line` prints what changes.
    pub async fn attend_until(&mut self, target: &Target, until: Until) -> Result<Exit, Stop> {
        let cancel = CancellationToken::new();
        let _watching = Watching(cancel.clone());
        // The newest of each kind, as on the screen's board: a feed never waits, and nothing piles up.
        let board = Board::default();
        let post = board.post();
        let outside = Outside::open(self.outside.workspace.clone()).await?;
        let watched = target.clone();
        let watch = async move { outside.watch(&watched, post, cancel).await };
        tokio::pin!(watch);
        self.known.lag = FEED_LAG;
        let started = self.outside.now();
        let deadline = self.common.timeout;
        let mut beat = tokio::time::interval(Duration::from_millis(200));
        let (mut shown, mut rested) = (Shown::default(), None);
        let mut heart = Heart::default();
        let mut begun = Begun::default();
        let before = self
            .facts(target)?
            .current()
            .map(|current| current.id.clone());
        loop {
            tokio::select! {
                () = &mut watch => return Ok(Exit::Failed),
                () = board.news() => {
                    let now = self.outside.now();
                    for observation in board.take() {
                        self.known.observe(&observation, now);
                    }
                }
                _ = beat.tick() => {
                    self.follow_ledger(&mut shown).await;
                    self.beat(target, started, &mut heart).await;
                }
            }
            if until != Until::Sampled {
                match self.attend(&target.id).await {
                    // Said when the ledger is looked at next; it may come back.
                    Err(Stop::Fault(_)) if self.known.ledger.trouble().is_some() => {}
                    attended => attended?,
                }
                self.guard(target, &mut rested).await?;
                self.begin_by_itself(target, &mut begun).await?;
                self.show(target, &mut shown);
            }
            let elapsed =
                Duration::try_from(self.outside.now().duration_since(started)).unwrap_or_default();
            if let Some(exit) = self.reached(target, until, started, before.as_ref())? {
                self.leave(&heart).await;
                return Ok(exit);
            }
            if deadline.is_some_and(|deadline| elapsed >= deadline) {
                self.output
                    .say("gonogo: still under way when --timeout ended");
                self.leave(&heart).await;
                return Ok(Exit::UnderWay);
            }
        }
    }

    /// A sign of life, when one is due.
    async fn beat(&mut self, target: &Target, since: Timestamp, heart: &mut Heart) {
        if self.common.dry_run {
            return;
        }
        let now = self.outside.now();
        let heartbeat = self.outside.workspace.timings.heartbeat;
        let due = heart
            .0
            .as_ref()
            .is_none_or(|last| now.duration_since(last.at) >= heartbeat);
        let Some(facts) = self.known.facts(&target.id, now).filter(|_| due) else {
            return;
        };
        let duty = if may_stand_guard(&facts, &self.actor) {
            Duty::Guarding
        } else {
            Duty::Watching
        };
        let row = Presence {
            process: self.outside.process.clone(),
            stream: StreamId::target(&target.id),
            name: self.actor.name.clone(),
            duty,
            since,
            at: now,
            left: false,
        };
        heart.0 = Some(row.clone());
        if let Err(fault) = self.outside.ledger.beat(vec![row]).await {
            tracing::warn!(%fault, "a heartbeat was not written");
        }
    }

    /// Whoever ends in order says so; whoever is killed is missed after a while.
    async fn leave(&self, heart: &Heart) {
        if let Some(mut row) = heart.0.clone() {
            (row.at, row.left) = (self.outside.now(), true);
            let _ = self.outside.ledger.beat(vec![row]).await;
        }
    }

    /// Reads what is new. A ledger that fails on the way is said and tried again: the flight does not end with it.
    async fn follow_ledger(&mut self, shown: &mut Shown) {
        shown.beats = shown.beats.wrapping_add(1);
        if self.known.ledger.trouble().is_some() && shown.beats.is_multiple_of(TRIES) {
            self.outside.standby.probe().await;
        }
        // What failed is in its standing.
        let _ = self.sync().await;
        let standing = &self.known.ledger;
        if *standing == shown.ledger {
            return;
        }
        match standing.trouble() {
            Some(fault) => self.output.fault_said(fault),
            None => self.output.say("gonogo: the ledger is back"),
        }
        shown.ledger = standing.clone();
    }

    /// Whoever attends is the guard as well. After a failure it rests for a scrape.
    async fn guard(&mut self, target: &Target, rested: &mut Option<Timestamp>) -> Result<(), Stop> {
        let now = self.outside.now();
        let Stand::Hold(mut cause) = self.known.guard(&target.id, now, &self.actor) else {
            return Ok(());
        };
        if rested.is_some_and(|until| now < until) {
            return Ok(());
        }
        cause.watched_by.clone_from(&self.actor.name);
        let command = Command::Guard {
            cause: Box::new(cause),
        };
        let facts = self.facts(target)?;
        let Ok(Decision::Act { act, .. }) = decide(&command, &facts, &self.actor) else {
            return Ok(());
        };
        let Some(confirmed) = Challenge::new(*act, facts.environment).by_guard() else {
            return Ok(());
        };
        let mut executor = self.executor();
        executor.actor = Actor::guard(&self.outside.host);
        let end = executor.execute(&confirmed, &command, None).await;
        // A ledger that fails now is said when it is looked at next; the hold is on the platform.
        let _ = self.sync().await;
        if let End::Failed(fault) | End::Unknown(fault) = end {
            let rest = self.outside.workspace.timings.scrape_interval;
            *rested = now.checked_add(rest).ok();
            self.output
                .say(&format!("gonogo: the guard could not hold: {fault}"));
        }
        Ok(())
    }

    fn reached(
        &self,
        target: &Target,
        until: Until,
        started: Timestamp,
        before: Option<&DeploymentId>,
    ) -> Result<Option<Exit>, Stop> {
        let facts = self.facts(target)?;
        if until == Until::Sampled {
            return Ok(sampled(&facts, target, started).then_some(Exit::Done));
        }
        let Some(current) = facts.current() else {
            return Ok(Some(ending(&facts, until, before)));
        };
        if until == Until::Ended {
            return Ok(None);
        }
        Ok(needs_person(&facts, current).then_some(Exit::Done))
    }

    /// Prints new entries and changes of what is waited for.
    fn show(&self, target: &Target, shown: &mut Shown) {
        let Some(known) = self.known.targets.get(&target.id) else {
            return;
        };
        for entry in known.entries.iter().filter(|entry| entry.seq > shown.seq) {
            if shown.seq > 0 {
                let (clock, sentence) = (entry.clock(), entry.sentence());
                self.data(
                    json!({"at": entry.at, "by": entry.actor.name, "entry": sentence}),
                    || vec![format!("{clock}  {sentence}")],
                );
            }
        }
        shown.seq = known.entries.last().map_or(1, |entry| entry.seq.max(1));
        let already = std::mem::take(&mut shown.aside);
        for entry in &known.aside {
            let (clock, sentence) = (entry.clock(), entry.sentence());
            let key = format!("{}{sentence}", entry.at);
            if !already.contains(&key) {
                self.data(
                    json!({"at": entry.at, "by": entry.actor.name, "entry": sentence, "waits": true}),
                    || vec![format!("{clock}  waits in the journal: {sentence}")],
                );
            }
            shown.aside.insert(key);
        }
        let Ok(facts) = self.facts(target) else {
            return;
        };
        let Some(waiting) = waiting(&facts) else {
            return;
        };
        // Countdowns tick every second; a line is for what changes.
        let gist: String = waiting
            .sentence
            .chars()
            .filter(|c| !c.is_ascii_digit())
            .collect();
        if gist != shown.gist {
            shown.gist = gist;
            let clock = self.outside.now().strftime("%H:%M:%S").to_string();
            let line = format!(
                "{clock}  next: {}: {}",
                waiting.who(),
                waiting.said(|act| Some(format!("`gonogo {}`", act.verb())))
            );
            self.data(
                json!({"at": self.outside.now(), "waiting": waiting}),
                || vec![line],
            );
        }
    }
}

/// How it ended, as an exit code: a flight that was rolled back is a failed one, unless that was asked for.
pub fn ending(facts: &Facts<'_>, until: Until, before: Option<&DeploymentId>) -> Exit {
    let past = facts.state.past.last();
    match past
        .filter(|past| before == Some(&past.id))
        .map(|past| past.ending)
    {
        Some(Ending::Closed) | None => Exit::Done,
        Some(Ending::RolledBack) if until == Until::RolledBack || asked_for_it(facts) => Exit::Done,
        Some(Ending::RolledBack | Ending::Cancelled) => Exit::Failed,
    }
}

/// The last heartbeat.
#[derive(Default)]
struct Heart(Option<Presence>);

#[derive(Default)]
struct Shown {
    seq: u64,
    gist: String,
    ledger: Standing,
    beats: u32,
    /// What was told of the journal, until it is in the ledger.
    aside: BTreeSet<String>,
}

pub fn waiting(facts: &Facts<'_>) -> Option<Waiting> {
    match process::outlook(facts) {
        Next::Waiting(waiting) => Some(waiting.of_whoever_flies(facts)),
        // Whoever only reads does not write it down.
        Next::Record(_) => Some(Waiting {
            mover: Mover::Gonogo,
            sentence: "it went on and nobody attends: gonogo fly does".to_owned(),
            until: None,
            by: None,
            ways: Vec::new(),
        }),
        Next::Idle => None,
    }
}

/// A person moves next, and not only after a clock has run out or a figure came in.
fn needs_person(facts: &Facts<'_>, current: &Deployment) -> bool {
    let Some(waiting) = waiting(facts) else {
        return false;
    };
    if waiting.mover != Mover::You || current.outstanding.is_some() {
        return false;
    }
    let counting_down = waiting.until.is_some_and(|until| until > facts.now)
        && current.bake_ends() == waiting.until;
    // Right after a stage is reached the figures are not there yet; give them one window.
    let settling = !crate::policy::gates::promotion(facts, &current.plan).go
        && unknown_only(facts, current)
        && !window_passed(facts, current);
    !counting_down && !settling
}

/// Nothing has failed; something is only not known yet.
fn unknown_only(facts: &Facts<'_>, current: &Deployment) -> bool {
    use crate::{domain::deployment::FlightState, policy::gate::Verdict};
    let judgement = crate::policy::gates::promotion(facts, &current.plan);
    let all_unknown = judgement
        .blocking()
        .all(|gate| gate.verdict == Verdict::Unknown);
    current.state == FlightState::Flying && all_unknown
}

fn window_passed(facts: &Facts<'_>, current: &Deployment) -> bool {
    let Some(source) = &facts.target.metrics else {
        return true;
    };
    let since = current
        .stage()
        .and_then(|stage| current.stages.get(stage).copied().flatten());
    let patience = source.window.saturating_mul(2);
    since.is_none_or(|since| facts.now.duration_since(since) > patience)
}

/// The rollback itself was what this deployment was for.
fn asked_for_it(facts: &Facts<'_>) -> bool {
    facts.state.past.last().is_some_and(|past| {
        facts
            .state
            .live
            .as_ref()
            .is_some_and(|live| live.release.commit == past.release.commit)
    })
}

/// A whole window was watched, since a verdict on its first seconds lets a bad release through by chance; or time is up.
fn sampled(facts: &Facts<'_>, target: &Target, started: Timestamp) -> bool {
    let waited = facts.now.duration_since(started);
    let window = target.metrics.as_ref().map(|source| source.window);
    let patience = window.map_or(facts.workspace.timings.stale, |window| {
        window.saturating_mul(2)
    });
    if waited > patience {
        return true;
    }
    if window.is_some_and(|window| waited < window) {
        return false;
    }
    let Some(observed) = facts.fresh() else {
        return false;
    };
    let hash = observed.workload.current_hash.clone();
    let judged = match (&target.metrics, &hash) {
        (Some(source), Some(hash)) => target.limits.iter().all(|limit| {
            let judged = crate::policy::judge::judge(facts, source, limit, Some(hash), "it");
            judged.0 != crate::policy::gate::Verdict::Unknown
        }),
        _ => true,
    };
    let need = facts.workspace.timings.health_answers;
    let answered = target.health.is_none()
        || hash
            .as_ref()
            .and_then(|hash| facts.health.value()?.sides.get(hash))
            .is_some_and(|side| side.streak >= need || side.good < side.asked);
    judged && answered
}
