//! The loop: signals, keys, outcomes, frames, board, heartbeat, in that order of precedence. It stamps events with the
//! clock, hands them to `update`, and carries the effects out.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;

use crossterm::event::EventStream;
use futures::StreamExt as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    domain::workspace::Actor,
    input::Keymap,
    session::{
        cockpit::{Cockpit, Severity},
        effect::Effect,
        event::{Event, Stamped},
        update::{slept, update},
        view::Overlay,
    },
    ui::{
        Spots,
        theme::{AUTO, Catalogue, ColourChoice, DEFAULT, Depth, Theme},
    },
};

use super::{
    clipboard, ground,
    kept::{Keeper, Kept},
    keys,
    outside::Outside,
    outward::Outward,
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
    /// Where what was seen is kept between two starts.
    pub kept: Option<Kept>,
}

#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error(
        "the terminal could not be used: {0}. Verbs work without one: gonogo status; and so does gonogo --plain"
    )]
    Terminal(#[from] std::io::Error),
    #[error(
        "this is not a terminal; verbs work without one: gonogo status; and so does gonogo --plain"
    )]
    NoTerminal,
}

struct Shell {
    outward: Outward,
    screen: Screen,
    theme: Theme,
    /// What the last frame shows where.
    spots: Spots,
    pacer: Pacer,
    keeper: Keeper,
    /// When the loop last turned; the heart beats every second.
    alive: Timestamp,
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
    cockpit.process.clone_from(&outside.process);
    let keeper = Keeper::take_up(wishes.kept, &mut cockpit);
    if let Some(problem) = loaded.problems.first() {
        cockpit.say(
            Severity::Warning,
            format!("theme {}: {}", problem.theme, problem.message),
        );
    }
    if let Ok(size) = crossterm::terminal::size() {
        cockpit.size = size;
    }
    let (outward, mut answered) = Outward::start(outside);
    let board = outward.board.clone();
    let mut signals = Signals::listen()?;
    let screen = Screen::take(wishes.mouse)?;
    let mut shell = Shell {
        alive: outward.outside.now(),
        outward,
        screen,
        theme: loaded.theme,
        spots: Spots::default(),
        pacer: Pacer::default(),
        keeper,
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
                    return shell.gone(&cockpit, gone).await;
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
        match shell.turn(&mut cockpit, events, &mut signals).await {
            Ok(false) => {}
            Ok(true) => {
                shell.leave(&cockpit).await;
                return Ok(());
            }
            Err(gone) => return shell.gone(&cockpit, gone).await,
        }
        shell.keeper.now_and_then(&cockpit);
        shell.outward.keep_state_files(&cockpit);
    }
}

/// How the loop goes on after an event.
enum Turn {
    On,
    Suspend,
    Leave,
}

impl Shell {
    /// What happened, in order; true when it is over.
    async fn turn(
        &mut self,
        cockpit: &mut Cockpit,
        events: Vec<Event>,
        signals: &mut Signals,
    ) -> Result<bool, RunError> {
        self.look_at_the_clock(cockpit)?;
        for event in events {
            match self.step(cockpit, event)? {
                Turn::On => {}
                Turn::Suspend => {
                    let event = self.suspend(signals).await?;
                    self.step(cockpit, event)?;
                    self.pacer.urgent(Instant::now());
                }
                Turn::Leave => return Ok(true),
            }
        }
        Ok(false)
    }

    /// There is nothing left to draw on; the view is parked, and what was sent still gets its outcome written down.
    async fn gone(self, cockpit: &Cockpit, error: RunError) -> Result<(), RunError> {
        self.leave(cockpit).await;
        // A hang-up that the signal was not yet heard of.
        let hung_up = matches!(&error, RunError::Terminal(error)
            if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()));
        if hung_up { Ok(()) } else { Err(error) }
    }

    /// A heart that has not beaten for long was stopped, or slept: that is said before anything else is done.
    fn look_at_the_clock(&mut self, cockpit: &mut Cockpit) -> Result<(), RunError> {
        let now = self.outward.outside.now();
        let since = std::mem::replace(&mut self.alive, now);
        if slept(since, now) {
            self.step(cockpit, Event::Woke { since })?;
            self.pacer.urgent(Instant::now());
        }
        Ok(())
    }

    /// One event through `update`.
    fn step(&mut self, cockpit: &mut Cockpit, event: Event) -> Result<Turn, RunError> {
        let mut turn = Turn::On;
        let stamped = Stamped {
            at: self.outward.outside.now(),
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
                        tokio::spawn(clipboard::to_tmux(text));
                    }
                }
                effect => self.outward.carry_out(cockpit, effect),
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
        let drawn = self
            .screen
            .draw(|area, buffer| crate::ui::render(cockpit, theme, area, buffer))?;
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

    /// Acts that were sent get a moment to write their outcome down; what does not is looked up at the next start.
    async fn leave(mut self, cockpit: &Cockpit) {
        // First the view, then the terminal: whoever hung up may not leave us time for more.
        self.keeper.at_once(cockpit);
        let Self {
            screen, outward, ..
        } = self;
        drop(screen);
        outward.leave().await;
    }
}
