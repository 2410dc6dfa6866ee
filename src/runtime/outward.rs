//! What leaves the cockpit and what comes back: feeds, the followed ledger and catalogues, and the effects of `update`,
//! each on a task of its own. The screen and the lines have the same.

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        entry::{Draft, StreamId},
        workspace::Actor,
    },
    ports::keep::Expected,
    session::{
        cockpit::Cockpit,
        effect::Effect,
        event::{End, Event},
    },
};

use super::{board::Board, executor::Executor, outside::Outside};

/// How often the ledger is asked whether others wrote.
const POLL: Duration = Duration::from_millis(500);
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
    /// Effects still out there; waited for, briefly, before the process ends.
    under_way: tokio::task::JoinSet<()>,
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
            outside,
            board,
            outcomes,
            nudge,
            cancel,
            feeds,
            under_way: tokio::task::JoinSet::new(),
        };
        (outward, answered)
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
        let answer = async move |event: Event| {
            nudge.notify_one();
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
                    let end = executor
                        .execute(&confirmed, &command, opening.map(|body| *body))
                        .await;
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
                    let end = executor.execute(&confirmed, &command, None).await;
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
                    let end: End = Executor {
                        outside: &outside,
                        known,
                        actor,
                    }
                    .record(&command, &target)
                    .await;
                    answer(Event::Recorded {
                        target,
                        verb: command.verb().to_owned(),
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
                    let _ = outside
                        .ledger
                        .append(
                            &StreamId::target(&target),
                            Expected::Position(position),
                            drafts,
                        )
                        .await;
                    answer(Event::Attended { target, position }).await;
                });
            }
            Effect::Resolve { project, commit } => {
                self.under_way.spawn(async move {
                    let event = match outside.artifact(&project, &commit).await {
                        Ok(artifact) => Event::Artifact {
                            project,
                            commit,
                            artifact,
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
            Effect::Refresh => self.refresh(),
            Effect::Tell(_) | Effect::Copy(_) | Effect::Bell | Effect::Redraw | Effect::Quit => {}
        }
    }

    /// Acts that were sent get a moment to write their outcome down; what does not is looked up at the next start.
    pub async fn leave(mut self) {
        self.cancel.cancel();
        let rest = async { while self.under_way.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_millis(700), rest).await;
    }
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
    loop {
        let now = outside.ledger.version().await;
        let read = match &now {
            Ok(now) if version == Some(*now) && ready => Ok(Vec::new()),
            Ok(_) => outside.ledger.read(seq).await,
            Err(fault) => Err(fault.clone()),
        };
        let events = match read {
            Ok(entries) => {
                seq = entries.last().map_or(seq, |entry| entry.seq);
                version = now.ok();
                let first = !std::mem::replace(&mut ready, true);
                let news = (!entries.is_empty()).then_some(Event::Entries(entries));
                news.into_iter()
                    .chain(first.then_some(Event::LedgerReady))
                    .collect()
            }
            Err(fault) => vec![Event::LedgerFailed(fault)],
        };
        for event in events {
            if outcomes.send(event).await.is_err() {
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
    loop {
        for configured in &outside.workspace.projects {
            let project = configured.id.clone();
            let event = match outside.catalogue(configured).await {
                Ok(releases) => Event::Catalogue { project, releases },
                Err(fault) => Event::CatalogueFailed { project, fault },
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
