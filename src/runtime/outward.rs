//! What leaves the cockpit and what comes back: feeds, the followed ledger and catalogues, and the effects of `update`,
//! each on a task of its own. The screen and the lines have the same.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures::FutureExt as _;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    adapters::evidence,
    domain::{
        entry::{Draft, StreamId},
        fault::{Fault, FaultKind},
        plan::ItemId,
        presence::Presence,
        standing::{Aside, Standing},
        target::TargetId,
        workspace::Actor,
    },
    ports::keep::Expected,
    session::{
        cockpit::Cockpit,
        effect::Effect,
        event::{End, Event},
    },
};

use super::{
    board::Board,
    card,
    executor::Executor,
    outside::Outside,
    running::{self, Heard},
    state_files::StateFiles,
};

/// How often the ledger is asked whether others wrote.
const POLL: Duration = Duration::from_millis(500);
/// Between two handfuls of lines of a run.
const SPEECH: Duration = Duration::from_millis(100);
/// At every how many of these it is tried whether it can still be written.
const PROBES: u32 = 20;
/// How often the repositories are read again.
const CATALOGUE: Duration = Duration::from_secs(30);

/// Outcomes and entries: ordered, never dropped.
type Outcomes = mpsc::Sender<Event>;

pub struct Outward {
    pub outside: Arc<Outside>,
    pub board: Board,
    outcomes: Outcomes,
    nudge: Arc<Notify>,
    cancel: CancellationToken,
    /// Ends the feeds alone.
    feeds: CancellationToken,
    /// The last heartbeats that went out, to be taken back at the end.
    beaten: Vec<Presence>,
    /// Effects still out there; waited for, briefly, before the process ends.
    under_way: tokio::task::JoinSet<()>,
    state_files: Option<StateFiles>,
    /// Something was run.
    running: bool,
}

impl Outward {
    /// Starts to watch everything. Outcomes and entries come out of the receiver, readings are on the board.
    pub fn start(outside: Arc<Outside>) -> (Self, mpsc::Receiver<Event>) {
        let (outcomes, answered) = mpsc::channel(256);
        let (cancel, nudge) = (CancellationToken::new(), Arc::new(Notify::new()));
        let feeds = cancel.child_token();
        let board = Board::default();
        start_feeds(&outside, &board, &feeds);
        tokio::spawn(follow_ledger(
            Arc::clone(&outside),
            outcomes.clone(),
            Arc::clone(&nudge),
            cancel.clone(),
        ));
        tokio::spawn(follow_catalogues(
            Arc::clone(&outside),
            outcomes.clone(),
            Arc::clone(&nudge),
            cancel.clone(),
        ));
        let outward = Self {
            state_files: StateFiles::start(&outside.workspace),
            outside,
            board,
            outcomes,
            nudge,
            cancel,
            feeds,
            beaten: Vec::new(),
            under_way: tokio::task::JoinSet::new(),
            running: false,
        };
        (outward, answered)
    }

    /// What the ledger has now goes into the state files, once all of it was read.
    pub fn keep_state_files(&mut self, cockpit: &Cockpit) {
        if let Some(files) = self.state_files.as_mut().filter(|_| cockpit.ledger.ready) {
            files.tell(&cockpit.known);
        }
    }

    /// After a sleep: connections are dead without knowing it, and timers have stood still.
    pub fn refresh(&mut self) {
        self.feeds.cancel();
        self.feeds = self.cancel.child_token();
        self.outside.forget_connections();
        start_feeds(&self.outside, &self.board, &self.feeds);
        self.nudge.notify_one();
    }

    /// Whether something that was sent has no answer yet.
    pub fn is_waiting(&mut self) -> bool {
        while self.under_way.try_join_next().is_some() {}
        !self.under_way.is_empty()
    }

    /// What leaves the process goes on a task of its own; its answer comes back as an event.
    pub fn carry_out(&mut self, cockpit: &Cockpit, effect: Effect) {
        let (outside, outcomes, nudge) = (
            Arc::clone(&self.outside),
            self.outcomes.clone(),
            Arc::clone(&self.nudge),
        );
        let (known, actor) = (cockpit.known.clone(), cockpit.me.clone());
        let standby = Arc::clone(&self.outside.standby);
        let answer = async move |event: Event| {
            nudge.notify_one();
            // Before it is said what became of an act, the journal says that it was ours.
            if standby.waiting().is_some() {
                let _ = outcomes.send(Event::Aside(standby.aside())).await;
            }
            // Closed only when the loop has ended.
            let _ = outcomes.send(event).await;
        };
        match effect {
            Effect::Execute {
                confirmed,
                command,
                opening,
            } => {
                self.under_way.spawn(async move {
                    let mut executor = Executor {
                        outside: &outside,
                        known,
                        actor,
                    };
                    let act = executor.execute(&confirmed, &command, opening.map(|body| *body));
                    // It may have been sent before: what became of it is looked up, never supposed.
                    let end = caught(command.verb(), act)
                        .await
                        .unwrap_or_else(End::Unknown);
                    let (target, kind) = (confirmed.act().target.clone(), confirmed.act().kind);
                    answer(Event::ActEnded { target, kind, end }).await;
                });
            }
            Effect::Guard {
                target,
                confirmed,
                command,
            } => {
                self.under_way.spawn(async move {
                    let actor = Actor::guard(&outside.host);
                    let mut executor = Executor {
                        outside: &outside,
                        known,
                        actor,
                    };
                    let act = executor.execute(&confirmed, &command, None);
                    let end = caught(command.verb(), act)
                        .await
                        .unwrap_or_else(End::Unknown);
                    let sentence = confirmed.act().reason.clone().unwrap_or_default();
                    answer(Event::Guarded {
                        target,
                        sentence,
                        end,
                    })
                    .await;
                });
            }
            Effect::Record { target, command } => {
                self.under_way.spawn(async move {
                    let mut executor = Executor {
                        outside: &outside,
                        known,
                        actor,
                    };
                    let record = executor.record(&command, &target);
                    let end = caught(command.verb(), record)
                        .await
                        .unwrap_or_else(End::Failed);
                    answer(Event::Recorded {
                        target,
                        verb: command.title(),
                        end,
                    })
                    .await;
                });
            }
            Effect::Run {
                target,
                item,
                command,
            } => {
                self.running = true;
                let (outcomes, cancel) = (self.outcomes.clone(), self.cancel.child_token());
                self.under_way.spawn(async move {
                    let mut executor = Executor {
                        outside: &outside,
                        known,
                        actor,
                    };
                    let heard = Heard::default();
                    let run =
                        running::run(&mut executor, &command, &target, heard.listen(), cancel);
                    let run = Box::pin(caught("check", run));
                    let ran = spoken(&outcomes, &target, &item, &heard, run).await;
                    let (evidence, end) = match ran {
                        Ok(Ok(ran)) => (Some((ran.ok, ran.evidence.sentence())), End::Done),
                        Ok(Err(end)) => (None, end),
                        Err(fault) => (None, End::Failed(fault)),
                    };
                    answer(Event::RunEnded {
                        target,
                        item,
                        evidence,
                        end,
                    })
                    .await;
                });
            }
            Effect::Attend {
                target,
                position,
                bodies,
            } => {
                self.under_way.spawn(async move {
                    let (at, actor) = (outside.now(), Actor::program(&outside.host));
                    let drafts = bodies
                        .into_iter()
                        .map(|body| Draft {
                            at,
                            actor: actor.clone(),
                            body,
                        })
                        .collect();
                    // A lost race means that somebody else wrote it down; a failure shows in the ledger's own state.
                    let stream = StreamId::target(&target);
                    let append =
                        outside
                            .ledger
                            .append(&stream, Expected::Position(position), drafts);
                    let _ = caught("attend", append).await;
                    answer(Event::Attended { target, position }).await;
                });
            }
            Effect::Resolve { project, commit } => {
                self.under_way.spawn(async move {
                    let asked = caught("resolve", outside.shipped(&project, &commit));
                    let event = match asked.await.and_then(|shipped| shipped) {
                        Ok(shipped) => Event::Shipped {
                            project,
                            commit,
                            shipped: Box::new(shipped),
                        },
                        Err(fault) => Event::ArtifactFailed {
                            project,
                            commit,
                            fault,
                        },
                    };
                    answer(event).await;
                });
            }
            Effect::Compare { from, to } => {
                self.under_way.spawn(async move {
                    let (first, second) = (from.commit.clone(), to.commit.clone());
                    let compared = caught("release diff", outside.difference(*from, *to));
                    let event = match compared.await.and_then(|difference| difference) {
                        Ok(difference) => Event::Compared {
                            difference: Box::new(difference),
                        },
                        Err(fault) => Event::CompareFailed {
                            from: first,
                            to: second,
                            fault,
                        },
                    };
                    answer(event).await;
                });
            }
            Effect::ReadOutput { kept } => {
                let ledger = outside.workspace.ledger.clone();
                self.under_way.spawn(async move {
                    let digest = kept.digest.clone();
                    let reading =
                        tokio::task::spawn_blocking(move || evidence::read(&ledger, &kept));
                    let read = caught("migrate show", reading).await;
                    let outcome = read.and_then(|read| {
                        read.unwrap_or_else(|error| {
                            let doing = "reading what was printed";
                            let kind = FaultKind::Malformed;
                            Err(Fault::new("evidence", kind, doing, &error.to_string()))
                        })
                    });
                    answer(Event::OutputRead {
                        kept: digest,
                        outcome,
                    })
                    .await;
                });
            }
            Effect::Beat(rows) => {
                self.beaten.clone_from(&rows);
                // Nobody waits for it, and a missed one only makes us look absent.
                tokio::spawn(async move {
                    if let Err(fault) = outside.ledger.beat(rows).await {
                        tracing::warn!(%fault, "a heartbeat was not written");
                    }
                });
            }
            Effect::LookFor { project, image } => {
                tokio::spawn(async move {
                    let missing = outside.image_there(&project, &image).await;
                    answer(Event::Image { image, missing }).await;
                });
            }
            Effect::Ready(target) => {
                let Some(target) = outside.workspace.target(&target).cloned() else {
                    return;
                };
                let post = self.board.post();
                tokio::spawn(async move { post(outside.readiness(&target).await) });
            }
            Effect::Card(target) => {
                tokio::spawn(async move {
                    let event = match card::write(&outside, known, &target).await {
                        Ok((path, text)) => Event::Card {
                            target,
                            path: path.display().to_string(),
                            text,
                        },
                        Err(fault) => Event::CardFailed { target, fault },
                    };
                    answer(event).await;
                });
            }
            Effect::Refresh => self.refresh(),
            Effect::Tell(_)
            | Effect::Copy(_)
            | Effect::Bell
            | Effect::Suspend
            | Effect::Redraw
            | Effect::Quit => {}
        }
    }

    /// Acts that were sent get a moment to write their outcome down; what does not is looked up at the next start.
    pub async fn leave(mut self) {
        self.cancel.cancel();
        let now = self.outside.now();
        for row in &mut self.beaten {
            (row.at, row.left) = (now, true);
        }
        let rest = async {
            while self.under_way.join_next().await.is_some() {}
            if !self.beaten.is_empty() {
                let _ = self.outside.ledger.beat(self.beaten).await;
            }
        };
        let patience = if self.running {
            // What was run is ended first, and that is written down.
            Duration::from_secs(5)
        } else {
            Duration::from_millis(700)
        };
        let _ = tokio::time::timeout(patience, rest).await;
        if let Some(files) = self.state_files {
            files.finish().await;
        }
    }
}

/// What a run prints goes to the screen ten times a second, however fast it comes, and the rest when it has ended.
async fn spoken<T>(
    outcomes: &Outcomes,
    target: &TargetId,
    item: &ItemId,
    heard: &Heard,
    run: impl Future<Output = T>,
) -> T {
    tokio::pin!(run);
    let mut pace = tokio::time::interval(SPEECH);
    loop {
        let ended = tokio::select! {
            ended = &mut run => Some(ended),
            _ = pace.tick() => None,
        };
        let (lines, skipped) = heard.take();
        if !lines.is_empty() {
            let event = Event::RunSpoke {
                target: target.clone(),
                item: item.clone(),
                lines,
                skipped,
            };
            let _ = outcomes.send(event).await;
        }
        if let Some(ended) = ended {
            return ended;
        }
    }
}

/// A panic of a task is a fault of ours: what it was about is answered, so that the next key is heard.
async fn caught<T>(verb: &str, task: impl Future<Output = T>) -> Result<T, Fault> {
    std::panic::AssertUnwindSafe(task)
        .catch_unwind()
        .await
        .map_err(|panic| {
            let words = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("a panic without words");
            Fault::new(
                "gonogo",
                FaultKind::Bug,
                format!("carrying out {verb}"),
                words,
            )
            .hint("please report this; the log has where it happened")
        })
}

fn start_feeds(outside: &Arc<Outside>, board: &Board, cancel: &CancellationToken) {
    for target in outside.workspace.targets.clone() {
        let (outside, post, cancel) = (Arc::clone(outside), board.post(), cancel.clone());
        tokio::spawn(async move { outside.watch(&target, post, cancel).await });
    }
}

/// Hands on what anybody appends, in chain order.
async fn follow_ledger(
    outside: Arc<Outside>,
    outcomes: Outcomes,
    nudge: Arc<Notify>,
    cancel: CancellationToken,
) {
    let (mut seq, mut version, mut ready) = (0, None, false);
    let (mut stood, mut polls) = (Standing::Whole, 0_u32);
    let mut there = Vec::new();
    let mut waited: Vec<Aside> = Vec::new();
    loop {
        let now = outside.ledger.version().await;
        let unchanged = matches!(&now, Ok(now) if version == Some(*now) && ready);
        let read = match &now {
            Ok(_) if unchanged => Ok(Vec::new()),
            Ok(_) => outside.ledger.read(seq).await,
            Err(fault) => Err(fault.clone()),
        };
        let events = match read {
            Ok(entries) => {
                seq = entries.last().map_or(seq, |entry| entry.seq);
                version = now.ok();
                let first = !std::mem::replace(&mut ready, true);
                let news = (!entries.is_empty()).then_some(Event::Entries(entries));
                let present = if unchanged {
                    None
                } else {
                    outside.ledger.present().await.ok()
                };
                let present = present.filter(|rows| *rows != there);
                if let Some(rows) = &present {
                    there.clone_from(rows);
                }
                news.into_iter()
                    .chain(present.map(Event::Present))
                    .chain(first.then_some(Event::LedgerReady))
                    .collect()
            }
            Err(fault) => vec![Event::LedgerFailed(fault)],
        };
        let failed = events
            .iter()
            .any(|event| matches!(event, Event::LedgerFailed(_)));
        for event in events {
            if outcomes.send(event).await.is_err() {
                return;
            }
        }
        // Before somebody needs it is the time to hear that it does not take a word.
        let standing = match outside.standby.standing() {
            Standing::Whole if !polls.is_multiple_of(PROBES) => Standing::Whole,
            _ => outside.standby.probe().await,
        };
        polls = polls.wrapping_add(1);
        let news = standing != stood && !failed;
        stood.clone_from(&standing);
        if news && outcomes.send(Event::LedgerStands(standing)).await.is_err() {
            return;
        }
        let waits = match outside.standby.waiting() {
            Some(_) => outside.standby.aside(),
            None => Vec::new(),
        };
        if waits != waited {
            waited.clone_from(&waits);
            if outcomes.send(Event::Aside(waits)).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = nudge.notified() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

async fn follow_catalogues(
    outside: Arc<Outside>,
    outcomes: Outcomes,
    nudge: Arc<Notify>,
    cancel: CancellationToken,
) {
    let mut editions = BTreeMap::new();
    loop {
        for configured in &outside.workspace.projects {
            let project = configured.id.clone();
            let last = editions.entry(project.clone()).or_default();
            let event = match outside.news(configured, last).await {
                Ok(Some(releases)) => Event::Catalogue { project, releases },
                Ok(None) => continue,
                Err(fault) => {
                    *last = None;
                    Event::CatalogueFailed { project, fault }
                }
            };
            nudge.notify_one();
            if outcomes.send(event).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(CATALOGUE) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_of_a_task_comes_back_as_a_fault() {
        let fault = caught("promote", async {
            tokio::task::yield_now().await;
            assert_eq!(1 + 1, 3, "sums are off");
        })
        .await
        .expect_err("it panicked");
        assert_eq!(fault.kind, FaultKind::Bug);
        assert!(fault.leaves_outcome_unknown());
        let said = fault.to_string();
        assert!(
            said.contains("promote") && said.contains("sums are off"),
            "{said}"
        );
        assert_eq!(caught("promote", async { 7 }).await, Ok(7));
    }
}
