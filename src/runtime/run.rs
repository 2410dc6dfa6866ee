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
    ui::theme::{Catalogue, ColourChoice, DEFAULT, Depth, Theme},
};

use super::{
    kept::{Keeper, Kept},
    keys,
    outside::Outside,
    outward::Outward,
    pacer::Pacer,
    terminal::Screen,
};

/// How the person wants the screen.
pub struct Wishes {
    pub colour: ColourChoice,
    pub theme: Option<String>,
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
    let loaded = Catalogue::default().load(wishes.theme.as_deref().unwrap_or(DEFAULT), depth);
    let mut cockpit = Cockpit::new(
        outside.workspace.clone(),
        me,
        Keymap::default(),
        outside.now(),
    );
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
    let (mut terminate, mut hangup, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::hangup())?,
        signal(SignalKind::interrupt())?,
    );
    let screen = Screen::take()?;
    let mut shell = Shell {
        alive: outward.outside.now(),
        outward,
        screen,
        theme: loaded.theme,
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
            _ = terminate.recv() => (vec![Event::Terminate], true),
            _ = hangup.recv() => (vec![Event::Terminate], true),
            _ = interrupt.recv() => (vec![Event::Terminate], true),
            key = typed.next() => match key {
                Some(Ok(raw)) => (keys::event(&raw).into_iter().collect(), true),
                // The terminal is gone.
                Some(Err(_)) | None => (vec![Event::Terminate], true),
            },
            Some(event) = answered.recv() => (vec![event], false),
            () = frame => {
                if let Err(gone) = shell.draw(&mut cockpit) {
                    shell.end(&cockpit).await;
                    return Err(gone);
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
        let over = shell.turn(&mut cockpit, events);
        if !matches!(over, Ok(false)) {
            shell.end(&cockpit).await;
            return over.map(drop);
        }
        shell.keeper.now_and_then(&cockpit);
    }
}

impl Shell {
    /// What happened, in order; true when it is over.
    fn turn(&mut self, cockpit: &mut Cockpit, events: Vec<Event>) -> Result<bool, RunError> {
        self.look_at_the_clock(cockpit)?;
        for event in events {
            if self.step(cockpit, event)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// First the view, then the terminal: whoever hung up may not leave us time for more.
    async fn end(mut self, cockpit: &Cockpit) {
        self.keeper.at_once(cockpit);
        drop(self.screen);
        self.outward.leave().await;
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

    /// One event through `update`; true when it is over.
    fn step(&mut self, cockpit: &mut Cockpit, event: Event) -> Result<bool, RunError> {
        let stamped = Stamped {
            at: self.outward.outside.now(),
            event,
        };
        for effect in update(cockpit, &stamped) {
            match effect {
                Effect::Quit => return Ok(true),
                Effect::Redraw => self.screen.redraw()?,
                Effect::Bell => self.screen.bell()?,
                Effect::Copy(text) => self.screen.copy(&text)?,
                effect => self.outward.carry_out(cockpit, effect),
            }
        }
        Ok(false)
    }

    fn draw(&mut self, cockpit: &mut Cockpit) -> Result<(), RunError> {
        let theme = &self.theme;
        self.screen
            .draw(|frame| crate::ui::draw(cockpit, theme, frame))?;
        self.pacer.drawn(Instant::now());
        let unpainted = matches!(&cockpit.view.overlay, Some(Overlay::Dialog(dialog)) if dialog.challenge.painted_at.is_none());
        if unpainted {
            self.step(cockpit, Event::Painted)?;
        }
        Ok(())
    }
}
