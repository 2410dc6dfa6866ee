//! A cockpit in memory: the story it begins with, what is observed, keys, time, frames and effects.
//!
//! | step | means |
//! |---|---|
//! | `me NAME` | who sits there |
//! | `show SCREEN` | goes there |
//! | `item ENV ID TITLE` | a check of auth-service's checklist there, for what is requested from here on |
//! | `observe resting STEP PODS` | the rollout rests at the pause of this step, with so many pods of the new release |
//! | `observe serving NUMBER` | that release serves everybody |
//! | `observe figures ERRORS P99` | of the new release, in percent and milliseconds, under a limit or over it |
//! | `observe healthy GOOD of ASKED` | of the new release's `/health` |
//! | `observe unreachable WORDS` | the platform cannot be read |
//! | `observe NAME go\|no-go\|hold REASON` | what somebody else answered |
//! | `keys j k enter` | pressed one after the other, each seen before the next |
//! | `type TEXT` | letter by letter |
//! | `at +10m` | time passes, with the heartbeat that a running program has |
//! | `record` | what the keys asked to write down is decided and stands in the ledger |
//! | `effects` | below it, what the keys asked for outside since it was asked last |
//! | `screen 80x24` | below it, the frame |

use gonogo::{
    domain::{
        change::Change,
        entry::{Answer, Body, StreamId},
        fault::{Fault, FaultKind},
        item::{ItemId, ItemKind, ItemSpec, Phase},
        observation::{Observation, Seen},
    },
    policy::decide::{Decision, decide},
    session::{
        effect::Effect,
        event::{Event, Stamped},
        update::update,
        view::Screen,
    },
    ui::{render, text, theme::Theme},
};
use jiff::SignedDuration;
use ratatui::{buffer::Buffer, layout::Rect};

use super::{Stage, Step};
use crate::fixture::{self, CANARY, Scene, Story, actor};

type Begin = fn() -> Story;

const STORIES: [(&str, Begin); 13] = [
    ("calm", fixture::calm),
    ("requested", fixture::requested),
    ("polled", fixture::polled),
    ("vetoed", fixture::vetoed),
    ("ready", fixture::ready),
    ("baking", fixture::baking),
    ("breach", fixture::breach),
    ("crashing", fixture::crashing),
    ("aborted", fixture::aborted),
    ("rolling-back", fixture::rolling_back),
    ("verifying", fixture::verifying),
    ("monitoring", fixture::monitoring),
    ("fleet", fixture::fleet),
];

pub struct Room {
    story: Story,
    /// Not said yet.
    effects: Vec<Effect>,
}

impl Room {
    pub fn of(name: &str) -> Self {
        let names: Vec<&str> = STORIES.iter().map(|(name, _)| *name).collect();
        let story = STORIES.iter().find(|(known, _)| *known == name);
        let (_, begin) = story.unwrap_or_else(|| panic!("no story `{name}`; there are {names:?}"));
        Self {
            story: begin(),
            effects: Vec::new(),
        }
    }

    fn now(&self) -> String {
        self.story.cockpit.now.strftime("%H:%M:%S").to_string()
    }

    /// `+90s`, `+10m`, `+1h`: second by second up to a minute, and then minute by minute.
    fn pass(&mut self, span: &str) {
        let amount = span.strip_prefix('+').expect("+10m");
        let (count, unit) = amount.split_at(amount.len() - 1);
        let seconds = count.parse::<i64>().expect("a number")
            * match unit {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                _ => panic!("s, m or h"),
            };
        let beat = if seconds > 60 { 60 } else { 1 };
        for _ in 0..seconds / beat {
            let cockpit = &mut self.story.cockpit;
            let at = cockpit.now.checked_add(SignedDuration::from_secs(beat));
            let stamped = Stamped {
                at: at.expect("in range"),
                event: Event::Tick,
            };
            self.effects.extend(update(cockpit, &stamped));
        }
    }

    fn observe(&mut self, words: &[&str]) {
        let (here, now) = (Story::here(), self.now());
        let figure = |word: &str| word.parse::<f64>().expect("a figure");
        let count = |word: &str| word.parse::<u32>().expect("a count");
        match words {
            ["resting", step, pods] => {
                let (step, pods) = (count(step) as usize, count(pods) as usize);
                let scene = Scene::resting(step, pods, &now);
                self.story.see(&here, &scene, 41, &now);
            }
            ["serving", number] => {
                let desired = u64::from(count(number));
                let scene = Scene {
                    desired,
                    ..Scene::calm()
                };
                self.story.see(&here, &scene, desired, &now);
            }
            ["figures", errors, p99] => {
                let canary = (figure(errors), figure(p99), 1200.0);
                let name = here.project.name().to_owned();
                self.story.figures(&name, 0.03, 290.0, Some(canary));
            }
            ["healthy", good, "of", asked] => {
                let name = here.project.name().to_owned();
                self.story.healthy(&name, CANARY, count(asked), count(good));
            }
            ["unreachable", rest @ ..] => {
                let fault = Fault::new(
                    "kubernetes",
                    FaultKind::Unreachable,
                    "reading rollout/auth-service",
                    &rest.join(" "),
                );
                let seen = Seen::WorkloadFailed(fault.hint("Check the VPN and the cluster's API."));
                self.happens(Event::Seen(Observation { target: here, seen }));
            }
            [name, answer @ ("go" | "no-go" | "hold"), reason @ ..] => {
                let answer = match *answer {
                    "go" => Answer::Go,
                    "hold" => Answer::Hold,
                    _ => Answer::NoGo,
                };
                self.story.decide(&now, name, answer, &reason.join(" "));
            }
            _ => panic!("nothing that can be observed"),
        }
    }

    fn item(&mut self, environment: &str, id: &str, title: &str) {
        let place = fixture::target(environment, "auth-service");
        let targets = &mut self.story.cockpit.known.workspace.targets;
        let target = targets.iter_mut().find(|target| target.id == place);
        let item = ItemSpec {
            id: ItemId(id.to_owned()),
            phase: Phase::Staging,
            title: title.to_owned(),
            kind: ItemKind::Check,
            required: true,
            owner: None,
            time_box: None,
            max_age: None,
            timeout: None,
            types: Vec::new(),
            auto: false,
            chain: gonogo::domain::item::Chain::default(),
        };
        target.expect("such a target").items.push(item);
    }

    fn happens(&mut self, event: Event) {
        let at = self.story.cockpit.now;
        let stamped = Stamped { at, event };
        self.effects
            .extend(update(&mut self.story.cockpit, &stamped));
    }

    /// What the executor does with a command that only writes.
    fn record(&mut self) {
        let due = std::mem::take(&mut self.effects);
        for effect in due {
            let Effect::Record { target, command } = &effect else {
                self.effects.push(effect);
                continue;
            };
            let cockpit = &self.story.cockpit;
            let (now, me) = (cockpit.now, cockpit.me.clone());
            let facts = cockpit.known.facts(target, now).expect("configured");
            match decide(command, &facts, &me) {
                Ok(Decision::Record(bodies)) => {
                    for body in bodies {
                        let stream = StreamId::target(target);
                        self.story.enter_on(stream, now, &me, body);
                    }
                }
                Ok(Decision::Act { .. }) => panic!("an act"),
                Err(refusal) => panic!("{}", refusal.sentence),
            }
        }
    }

    fn told(&mut self) -> Vec<String> {
        let due = std::mem::take(&mut self.effects);
        due.iter().filter_map(line).collect()
    }

    fn frame(&self, columns: u16, rows: u16) -> Vec<String> {
        let area = Rect::new(0, 0, columns, rows);
        let mut buffer = Buffer::empty(area);
        render(&self.story.cockpit, &Theme::probe(), area, &mut buffer);
        let lines = text::lines(&buffer);
        lines
            .iter()
            .map(|line| line.trim_end().to_owned())
            .collect()
    }
}

/// What the world sees of an effect; what only this terminal does is left out.
fn line(effect: &Effect) -> Option<String> {
    Some(match effect {
        Effect::Execute { confirmed, .. } => {
            let act = confirmed.act();
            let changes: Vec<String> = act.changes.iter().map(Change::line).collect();
            format!(
                "{} on {}: {}",
                act.kind.verb(),
                act.target,
                changes.join("; ")
            )
        }
        Effect::Guard { confirmed, .. } => format!("the guard: {}", confirmed.act().kind.verb()),
        Effect::Record { target, command } => format!("write down: {} on {target}", command.verb()),
        Effect::Run { item, .. } => format!("run {item}"),
        Effect::Attend { bodies, .. } => {
            let kind = |body: &Body| {
                serde_json::to_value(body).ok()?["kind"]
                    .as_str()
                    .map(str::to_owned)
            };
            let told: Vec<String> = bodies.iter().filter_map(kind).collect();
            format!("write down what was reached: {}", told.join(", "))
        }
        Effect::Copy(text) => format!("copy: {text}"),
        Effect::Quit => "quit".to_owned(),
        _ => return None,
    })
}

fn size(text: &str) -> (u16, u16) {
    let (columns, rows) = text.split_once('x').expect("80x24");
    (
        columns.parse().expect("columns"),
        rows.parse().expect("rows"),
    )
}

impl Stage for Room {
    fn play(&mut self, step: &Step) -> Option<Vec<String>> {
        match step.words().as_slice() {
            ["me", name] => self.story.cockpit.me = actor(name),
            ["show", title] => {
                let screen = Screen::ALL.iter().find(|screen| screen.title() == *title);
                self.story.cockpit.view.go(*screen.expect("such a screen"));
            }
            ["item", environment, id, title @ ..] => self.item(environment, id, &title.join(" ")),
            ["observe", words @ ..] => self.observe(words),
            ["keys", ..] => {
                // A dialog ignores what was pressed before it could be read.
                fixture::wait(&mut self.story.cockpit, 300);
                let keys = step.head.trim_start_matches("keys ");
                self.effects
                    .extend(fixture::press(&mut self.story.cockpit, keys));
            }
            ["type", ..] => {
                let text = step.head.trim_start_matches("type ");
                fixture::write(&mut self.story.cockpit, text);
            }
            ["at", span] => self.pass(span),
            ["record"] => self.record(),
            ["effects"] => return Some(self.told()),
            ["screen", wanted] => {
                let (columns, rows) = size(wanted);
                self.happens(Event::Resize { columns, rows });
                return Some(self.frame(columns, rows));
            }
            _ => panic!("no such step in a cockpit"),
        }
        None
    }
}
