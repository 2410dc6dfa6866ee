//! The session as lines: commands on standard input, one a line, what changes on standard output. The same cockpit, the
//! same `update` and the same effects as the screen; no cursor is moved, and no colour is written unless asked for.

use std::{
    collections::VecDeque,
    io::{self, BufRead as _, Read as _, Write as _},
    sync::Arc,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use crate::{
    domain::{evidence::Spoken, text::cleaned, workspace::Actor},
    policy::refusal::RefusalKind,
    ports::now::Clock,
    session::{
        cockpit::Cockpit,
        effect::Effect,
        event::{End, Event, Stamped},
        lines::{self, Line, Told, Tone, pages},
        update::{slept, update},
    },
    ui::theme::{Catalogue, ColourChoice, DEFAULT, Depth, Role, Theme},
};

use super::{
    kept::Keeper,
    outside::Outside,
    outward::Outward,
    run::{RunError, Wishes},
};

/// Before the first command is taken, everything is read once; a cluster that hangs delays it no longer than this.
const STARTING: Duration = Duration::from_secs(15);
/// What was written comes back through the ledger within one poll.
const SETTLING: Duration = Duration::from_millis(700);
/// Lines waiting to be taken. A person never has as many; a pipe that has more waits.
const QUEUE: usize = 1024;
const LONGEST_LINE: u64 = 8192;

/// How the last command of the session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Done,
    Refused(RefusalKind),
    Failed,
    Unknown,
    /// By a signal.
    Interrupted,
}

/// What the next command waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pace {
    /// The first readings.
    Starting(Instant),
    Free,
    /// What the last command sent has no answer.
    Answer,
    /// It was answered, and the ledger has yet to be read.
    Settling(Instant),
}

struct Typed {
    text: String,
    at: Timestamp,
}

struct Plain {
    outward: Outward,
    cockpit: Cockpit,
    told: Told,
    keeper: Keeper,
    paint: Paint,
    alive: Timestamp,
    queue: VecDeque<Typed>,
    pace: Pace,
    /// A request that waits for the digest of its release, to be taken again when that is there.
    again: Option<Typed>,
    ended: Ended,
    /// Nobody reads what is written.
    deaf: bool,
}

pub async fn run(outside: Arc<Outside>, me: Actor, wishes: Wishes) -> Result<Ended, RunError> {
    let workspace = outside.workspace.clone();
    let mut cockpit = Cockpit::new(workspace, me, wishes.keymap, outside.now());
    cockpit.process.clone_from(&outside.process);
    let keeper = Keeper::take_up(wishes.kept, &mut cockpit);
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut typed = read_lines(Arc::clone(&outside.clock));
    let (outward, mut answered) = Outward::start(outside);
    let board = outward.board.clone();
    let mut plain = Plain {
        alive: outward.outside.now(),
        outward,
        cockpit,
        told: Told::default(),
        keeper,
        paint: Paint::new(wishes.colour, wishes.theme.as_deref()),
        queue: VecDeque::new(),
        pace: Pace::Starting(Instant::now() + STARTING),
        again: None,
        ended: Ended::Done,
        deaf: false,
    };
    plain.print(&pages::welcome(&plain.cockpit));
    let mut heartbeat = tokio::time::interval(Duration::from_secs(1));
    heartbeat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    // Rounds of the queue while something is awaited that makes no event of its own.
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut open = true;
    loop {
        let room = open && plain.queue.len() < QUEUE;
        let events = tokio::select! {
            biased;
            _ = terminate.recv() => vec![Event::Terminate],
            _ = hangup.recv() => vec![Event::Terminate],
            _ = interrupt.recv() => vec![Event::Terminate],
            Some(event) = answered.recv() => vec![event],
            line = typed.recv(), if room => {
                match line {
                    Some(line) => plain.queue.push_back(line),
                    None => open = false,
                }
                Vec::new()
            }
            () = board.news() => board.take().into_iter().map(Event::Seen).collect(),
            _ = heartbeat.tick() => vec![Event::Tick],
            _ = beat.tick(), if plain.pace != Pace::Free || !plain.queue.is_empty() || !open => Vec::new(),
        };
        plain.look_at_the_clock();
        let mut over = false;
        for event in events {
            if event == Event::Terminate {
                plain.ended = Ended::Interrupted;
            }
            plain.hear(&event);
            over |= plain.step(event);
        }
        plain.pace_on();
        while !over && let Some(line) = plain.next_line() {
            over |= plain.take(line);
        }
        plain.news();
        plain.keeper.now_and_then(&plain.cockpit);
        plain.outward.keep_state_files(&plain.cockpit);
        if plain.deaf || !open && plain.has_nothing_left() {
            over = true;
        }
        if over {
            return Ok(plain.leave().await);
        }
    }
}

impl Plain {
    fn look_at_the_clock(&mut self) {
        let now = self.outward.outside.now();
        let since = std::mem::replace(&mut self.alive, now);
        if slept(since, now) {
            self.step(Event::Woke { since });
            self.news();
        }
    }

    /// One event through `update`; true when it is over.
    fn step(&mut self, event: Event) -> bool {
        let stamped = Stamped {
            at: self.outward.outside.now(),
            event,
        };
        let mut over = false;
        for effect in update(&mut self.cockpit, &stamped) {
            match effect {
                Effect::Quit => over = true,
                Effect::Tell(lines) => self.print(&lines),
                // A line says it.
                Effect::Redraw | Effect::Suspend | Effect::Bell | Effect::Copy(_) => {}
                effect => {
                    let asked = matches!(
                        effect,
                        Effect::Execute { .. }
                            | Effect::Record { .. }
                            | Effect::Resolve { .. }
                            | Effect::Compare { .. }
                            | Effect::ReadOutput { .. }
                    );
                    if asked {
                        self.pace = Pace::Answer;
                    }
                    self.outward.carry_out(&self.cockpit, effect);
                }
            }
        }
        over
    }

    /// What an answer says about the last command.
    fn hear(&mut self, event: &Event) {
        let end = match event {
            Event::RunSpoke { item, lines, .. } => {
                let said = |spoken: &Spoken| {
                    let tone = if spoken.error {
                        Tone::Warning
                    } else {
                        Tone::Plain
                    };
                    Line::new(tone, format!("  {item}: {}", spoken.line))
                };
                let lines: Vec<Line> = lines.iter().map(said).collect();
                self.print(&lines);
                return;
            }
            Event::RunEnded {
                evidence: Some((ok, _)),
                end: End::Done,
                ..
            } => {
                self.ended = if *ok { Ended::Done } else { Ended::Failed };
                return;
            }
            Event::Recorded { end, .. }
            | Event::ActEnded { end, .. }
            | Event::RunEnded { end, .. } => end,
            Event::Shipped { .. } | Event::ArtifactFailed { .. } => {
                if let Some(line) = self.again.take() {
                    self.queue.push_front(line);
                }
                self.pace = Pace::Free;
                return;
            }
            Event::Entries(_) if matches!(self.pace, Pace::Settling(_)) => {
                self.pace = Pace::Free;
                return;
            }
            _ => return,
        };
        self.ended = match end {
            End::Done => Ended::Done,
            End::Refused(refusal) => Ended::Refused(refusal.kind),
            End::Failed(_) => Ended::Failed,
            End::Unknown(_) => Ended::Unknown,
        };
        self.pace = Pace::Settling(Instant::now() + SETTLING);
    }

    fn pace_on(&mut self) {
        self.pace = match self.pace {
            Pace::Starting(until) if lines::is_ready(&self.cockpit) || Instant::now() >= until => {
                Pace::Free
            }
            Pace::Settling(until) if Instant::now() >= until => Pace::Free,
            Pace::Answer if !self.outward.is_waiting() => {
                // Its answer is in the channel already, or it never sent anything.
                Pace::Settling(Instant::now() + SETTLING)
            }
            pace => pace,
        };
    }

    /// The next command, if it is its turn. What ends a flight waits for nobody's answer.
    fn next_line(&mut self) -> Option<Typed> {
        match self.pace {
            Pace::Free => self.queue.pop_front(),
            Pace::Answer | Pace::Settling(_) => {
                let urgent = self.queue.iter().position(|line| is_urgent(&line.text))?;
                self.queue.remove(urgent)
            }
            Pace::Starting(_) => None,
        }
    }

    fn take(&mut self, line: Typed) -> bool {
        let resolving = self.cockpit.resolving.len();
        self.ended = Ended::Done;
        let over = self.step(Event::Line {
            text: line.text.clone(),
            typed_at: line.at,
        });
        if let Some(kind) = self.cockpit.refused {
            self.ended = Ended::Refused(kind);
        }
        let is_request = line.text.trim_start().starts_with("request");
        if self.cockpit.resolving.len() > resolving && is_request {
            self.again = Some(line);
        }
        self.news();
        over
    }

    /// Everything that is new goes out; a question that went out can be answered from now on.
    fn news(&mut self) {
        let news = self.told.news(&self.cockpit);
        self.print(&news);
        let unread = lines::question(&self.cockpit).is_some_and(|q| q.asked_at.is_none());
        if unread && !self.deaf {
            self.step(Event::Painted);
        }
    }

    fn has_nothing_left(&mut self) -> bool {
        // What was begun is seen to its end, also when nobody can type any more.
        let mut runs = self.cockpit.runs.values();
        let running = runs.any(|run| run.ended.is_none());
        self.queue.is_empty() && self.again.is_none() && self.pace == Pace::Free && !running
    }

    async fn leave(mut self) -> Ended {
        self.keeper.at_once(&self.cockpit);
        if lines::question(&self.cockpit).is_some() && self.ended == Ended::Done {
            self.ended = Ended::Refused(RefusalKind::Usage);
        }
        self.print(&pages::farewell(&self.cockpit));
        self.outward.leave().await;
        self.ended
    }

    fn print(&mut self, lines: &[Line]) {
        if lines.is_empty() || self.deaf {
            return;
        }
        let mut text = String::new();
        for line in lines {
            text.push_str(&self.paint.line(line));
            text.push('\n');
        }
        let mut out = io::stdout().lock();
        // A reader that went away ends the session: nobody would see what it says.
        self.deaf = out
            .write_all(text.as_bytes())
            .and_then(|()| out.flush())
            .is_err();
    }
}

fn is_urgent(text: &str) -> bool {
    let verb = text.split_whitespace().next().unwrap_or_default();
    ["hold", "abort", "rollback"].contains(&verb.trim_start_matches(':'))
}

/// Lines of standard input, each with the moment at which it was read. The thread ends with the input or the process.
fn read_lines(clock: Arc<dyn Clock>) -> mpsc::Receiver<Typed> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut bytes = Vec::new();
            match input
                .by_ref()
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut bytes)
            {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
            let line = Typed {
                text: cleaned(String::from_utf8_lossy(&bytes).trim_end_matches(['\n', '\r']))
                    .into_owned(),
                at: clock.now(),
            };
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Colour, if it was asked for in so many words.
struct Paint {
    theme: Option<Theme>,
}

impl Paint {
    fn new(choice: ColourChoice, theme: Option<&str>) -> Self {
        let asked = matches!(choice, ColourChoice::Always);
        let theme = asked.then(|| {
            let depth = Depth::detect(choice, &|name| std::env::var(name).ok());
            let loaded = Catalogue::default().load(theme.unwrap_or(DEFAULT), depth);
            loaded.theme
        });
        Self { theme }
    }

    fn line(&self, line: &Line) -> String {
        use ratatui::backend::IntoCrossterm as _;
        let text = cleaned(&line.text);
        let role = match line.tone {
            Tone::Plain => return text.into_owned(),
            Tone::Good => Role::GatePass,
            Tone::Warning => Role::Warning,
            Tone::Bad => Role::GateFail,
            Tone::Question => Role::TextStrong,
        };
        let Some(theme) = &self.theme else {
            return text.into_owned();
        };
        crossterm::style::force_color_output(true);
        let style: crossterm::style::ContentStyle = theme.style(role).into_crossterm();
        style.apply(text).to_string()
    }
}
