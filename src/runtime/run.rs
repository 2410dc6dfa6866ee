//! The loop: signals, keys, outcomes, frames, board, heartbeat, in that order of precedence. It stamps events with the
//! clock, hands them to `update`, and carries the effects out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crossterm::event::EventStream;
use futures::StreamExt as _;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::{Notify, mpsc},
};
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        entry::{Draft, StreamId},
        workspace::Actor,
    },
    input::Keymap,
    ports::keep::Expected,
    session::{
        cockpit::{Cockpit, Severity},
        effect::Effect,
        event::{End, Event, Stamped},
        update::update,
        view::Overlay,
    },
    ui::{
        Drawn, Spots,
        theme::{AUTO, Catalogue, ColourChoice, DEFAULT, Depth, Theme},
    },
};

use super::{
    board::Board,
    clipboard,
    executor::Executor,
    ground, keys,
    outside::Outside,
    pacer::Pacer,
    signals::{Heard, Signals},
    suspend,
    terminal::Screen,
};

/// How the person wants the screen.
pub struct Wishes {
    pub colour: ColourChoice,
    /// A name, or `auto`.
    pub theme: Option<String>,
    pub mouse: bool,
    pub keymap: Keymap,
}

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("the terminal could not be used: {0}. Verbs work without one: gonogo status")]
    Terminal(#[from] std::io::Error),
    #[error("this is not a terminal; verbs work without one: gonogo status")]
    NoTerminal,
}

/// How often the ledger is asked whether others wrote.
const POLL: Duration = Duration::from_millis(500);
/// How often the repositories are read again.
const CATALOGUE: Duration = Duration::from_secs(30);

/// Outcomes and entries: ordered, never dropped.
type Outcomes = mpsc::Sender<Event>;

struct Shell {
    outside: Arc<Outside>,
    outcomes: Outcomes,
    nudge: Arc<Notify>,
    screen: Screen,
    theme: Theme,
    /// What the last frame shows where.
    spots: Spots,
    pacer: Pacer,
    /// Effects still out there; waited for, briefly, before the terminal goes.
    under_way: tokio::task::JoinSet<()>,
}

/// Resolves at SIGINT or SIGTERM.
pub async fn interrupted() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

pub async fn run(outside: Arc<Outside>, me: Actor, wishes: Wishes) -> Result<(), RunError> {
    if !std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        return Err(RunError::NoTerminal);
    }
    let depth = Depth::detect(wishes.colour, &|name| std::env::var(name).ok());
    let theme = match wishes.theme.as_deref().unwrap_or(DEFAULT) {
        // Where there are no colours the question would be for nothing.
        AUTO if depth == Depth::None => DEFAULT,
        AUTO => ground::theme(),
        named => named,
    };
    let loaded = Catalogue::default().load(theme, depth);
    let mut cockpit = Cockpit::new(outside.workspace.clone(), me, wishes.keymap, outside.now());
    if let Some(problem) = loaded.problems.first() {
        cockpit.say(
            Severity::Warning,
            format!("theme {}: {}", problem.theme, problem.message),
        );
    }
    if let Ok(size) = crossterm::terminal::size() {
        cockpit.size = size;
    }
    let (outcomes, mut answered) = mpsc::channel(256);
    let (board, cancel, nudge) = (
        Board::default(),
        CancellationToken::new(),
        Arc::new(Notify::new()),
    );
    start_feeds(&outside, &board, &cancel);
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
    let mut signals = Signals::listen()?;
    let screen = Screen::take(wishes.mouse)?;
    let mut shell = Shell {
        outside,
        outcomes,
        nudge,
        screen,
        theme: loaded.theme,
        spots: Spots::default(),
        pacer: Pacer::default(),
        under_way: tokio::task::JoinSet::new(),
    };
    let mut typed = EventStream::new();
    let mut heartbeat = tokio::time::interval(Duration::from_secs(1));
    heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    shell.pacer.urgent(Instant::now());
    loop {
        let due = shell.pacer.due().map(tokio::time::Instant::from_std);
        let frame = async {
            match due {
                Some(due) => tokio::time::sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let (events, urgent) = tokio::select! {
            biased;
            heard = signals.next() => match heard {
                Heard::Terminate => (vec![Event::Terminate], true),
                Heard::Suspend => (vec![Event::Suspend], true),
                Heard::Resumed => (vec![shell.take_again()?], true),
            },
            key = typed.next() => match key {
                Some(Ok(raw)) => (keys::event(&raw, &shell.spots).into_iter().collect(), true),
                // The terminal is gone.
                Some(Err(_)) | None => (vec![Event::Terminate], true),
            },
            Some(event) = answered.recv() => (vec![event], false),
            () = frame => {
                if let Err(gone) = shell.draw(&mut cockpit) {
                    // There is nothing left to draw on; what was sent still gets its outcome written down.
                    cancel.cancel();
                    shell.leave().await;
                    // A hang-up that the signal was not yet heard of.
                    let hung_up = matches!(&gone, RunError::Terminal(error)
                        if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()));
                    return if hung_up { Ok(()) } else { Err(gone) };
                }
                continue;
            }
            () = board.news() => (board.take().into_iter().map(Event::Seen).collect(), false),
            _ = heartbeat.tick() => (vec![Event::Tick], false),
        };
        if events.is_empty() {
            continue;
        }
        if urgent {
            shell.pacer.urgent(Instant::now());
        } else {
            shell.pacer.changed(Instant::now());
        }
        for event in events {
            match shell.step(&mut cockpit, event)? {
                Turn::On => {}
                Turn::Suspend => {
                    let event = shell.suspend(&mut signals).await?;
                    shell.step(&mut cockpit, event)?;
                    shell.pacer.urgent(Instant::now());
                }
                Turn::Leave => {
                    cancel.cancel();
                    shell.leave().await;
                    return Ok(());
                }
            }
        }
    }
}

/// How the loop goes on after an event.
enum Turn {
    On,
    Suspend,
    Leave,
}

impl Shell {
    /// One event through `update`.
    fn step(&mut self, cockpit: &mut Cockpit, event: Event) -> Result<Turn, RunError> {
        let mut turn = Turn::On;
        let stamped = Stamped {
            at: self.outside.now(),
            event,
        };
        for effect in update(cockpit, &stamped) {
            match effect {
                Effect::Quit => return Ok(Turn::Leave),
                Effect::Suspend => turn = Turn::Suspend,
                Effect::Redraw => self.screen.redraw()?,
                Effect::Bell => self.screen.bell()?,
                Effect::Copy(text) => {
                    self.screen.copy(&text)?;
                    if clipboard::inside_tmux() {
                        self.under_way.spawn(clipboard::to_tmux(text));
                    }
                }
                effect => self.carry_out(cockpit, effect),
            }
        }
        Ok(turn)
    }

    /// The terminal is the shell's until somebody says `fg`.
    async fn suspend(&mut self, signals: &mut Signals) -> Result<Event, RunError> {
        if !suspend::can_come_back() {
            return Ok(Event::NotSuspended);
        }
        self.screen.lend();
        signals.stop_and_wait().await?;
        self.take_again()
    }

    /// All modes anew, and the size the terminal has now.
    fn take_again(&mut self) -> Result<Event, RunError> {
        self.screen.take_again()?;
        let (columns, rows) = crossterm::terminal::size()?;
        Ok(Event::Resumed { columns, rows })
    }

    fn draw(&mut self, cockpit: &mut Cockpit) -> Result<(), RunError> {
        let theme = &self.theme;
        let mut drawn = Drawn::default();
        self.screen
            .draw(|frame| drawn = crate::ui::draw(cockpit, theme, frame))?;
        self.spots = drawn.spots;
        self.pacer.drawn(Instant::now());
        // What could not be shown cannot be answered.
        let unpainted = !drawn.unreadable
            && matches!(&cockpit.view.overlay, Some(Overlay::Dialog(dialog)) if dialog.challenge.painted_at.is_none());
        if unpainted {
            self.step(cockpit, Event::Painted)?;
        }
        Ok(())
    }

    /// What leaves the process goes on a task of its own; its answer comes back as an event.
    fn carry_out(&mut self, cockpit: &Cockpit, effect: Effect) {
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
            Effect::Copy(_) | Effect::Bell | Effect::Suspend | Effect::Redraw | Effect::Quit => {}
        }
    }

    /// Acts that were sent get a moment to write their outcome down; what does not is looked up at the next start.
    async fn leave(mut self) {
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
