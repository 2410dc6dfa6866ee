//! Hostile text in every string from outside: what the real backend writes to a terminal is what our own encoder says,
//! and nothing else. Told by a parser of terminal sequences with a list of what is allowed.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;

use gonogo::domain::entry::Entry;
use gonogo::domain::fault::{Fault, FaultKind};
use gonogo::domain::observation::{Observation, Seen};
use gonogo::domain::text::is_hidden;
use gonogo::session::cockpit::Cockpit;
use gonogo::session::event::{End, Event, Stamped};
use gonogo::session::update::update;
use gonogo::session::view::Screen;
use gonogo::ui::draw;
use gonogo::ui::theme::{Depth, Theme};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use serde_json::Value;

use crate::fixture::{self, Story};

/// CSI, OSC 52 and a title, C1 as a character, DCS, bell, backspace, line breaks, bidi, zero width, tags.
const HOSTILE: &str = "\x1b[2J\x1b]52;c;QQ==\x07\u{9b}31m\x1b]0;t\x1b\\\x1bP+q\x1b\\\x08\r\n\u{202e}\u{200b}\u{e0041}\x7f";

/// What is drawn of it, wherever there is room for its beginning.
const SEEN: char = '␛';

#[derive(Clone, Default)]
struct Wire(Rc<RefCell<Vec<u8>>>);

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Everything that a frame may consist of: printable characters, moves, styles and the cursor's visibility.
#[derive(Default)]
struct Grammar {
    wrong: Vec<String>,
    seen: usize,
}

impl vte::Perform for Grammar {
    fn print(&mut self, symbol: char) {
        if is_hidden(symbol) || symbol.is_control() {
            self.wrong.push(format!("prints {symbol:?}"));
        }
        self.seen += usize::from(symbol == SEEN);
    }

    fn execute(&mut self, byte: u8) {
        self.wrong.push(format!("control {byte:#x}"));
    }

    fn csi_dispatch(&mut self, numbers: &vte::Params, between: &[u8], ignored: bool, end: char) {
        let ours = match (between, end) {
            ([], 'H' | 'm') => true,
            (b"?", 'h' | 'l') => numbers.iter().all(|number| number == [25]),
            _ => false,
        };
        if !ours || ignored {
            self.wrong.push(format!("CSI {between:?} {end}"));
        }
    }

    fn osc_dispatch(&mut self, parts: &[&[u8]], _: bool) {
        self.wrong.push(format!("OSC {parts:?}"));
    }

    fn esc_dispatch(&mut self, between: &[u8], _: bool, byte: u8) {
        self.wrong.push(format!("ESC {between:?} {byte:#x}"));
    }

    fn hook(&mut self, _: &vte::Params, _: &[u8], _: bool, end: char) {
        self.wrong.push(format!("DCS {end}"));
    }
}

/// Draws as the cockpit does, through the real backend; how often the hostile text was to be seen.
#[track_caller]
fn check(what: &str, cockpit: &Cockpit, size: (u16, u16)) -> usize {
    crossterm::style::force_color_output(true);
    let wire = Wire::default();
    let viewport = Viewport::Fixed(Rect::new(0, 0, size.0, size.1));
    let backend = CrosstermBackend::new(wire.clone());
    let mut terminal = Terminal::with_options(backend, TerminalOptions { viewport }).unwrap();
    let theme = Theme::builtin("dark", Depth::True);
    terminal
        .draw(|frame| drop(draw(cockpit, &theme, frame)))
        .unwrap();
    let bytes = wire.0.borrow();
    assert!(bytes.len() > 20, "{what}: nothing was written");
    let mut grammar = Grammar::default();
    vte::Parser::new().advance(&mut grammar, &bytes);
    assert_eq!(grammar.wrong, [""; 0], "{what}");
    grammar.seen
}

/// The place of every string in a value.
fn strings(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at.to_owned()),
        Value::Array(values) => {
            for (index, inner) in values.iter().enumerate() {
                strings(inner, &format!("{at}/{index}"), found);
            }
        }
        Value::Object(map) => {
            for (key, inner) in map {
                let key = key.replace('~', "~0").replace('/', "~1");
                strings(inner, &format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

/// The event with one of its strings made hostile, for each that takes it.
fn poisoned(event: &Event) -> Vec<(String, Event)> {
    let plain = serde_json::to_value(event).unwrap();
    let mut places = Vec::new();
    strings(&plain, "", &mut places);
    let mut made = Vec::new();
    for place in places {
        let mut value = plain.clone();
        let text = value.pointer_mut(&place).unwrap();
        *text = Value::String(format!("{HOSTILE}{}", text.as_str().unwrap()));
        // What does not read back, like a digest or a date, is refused at the edge.
        if let Ok(event) = serde_json::from_value(value) {
            made.push((place, event));
        }
    }
    made
}

/// What comes from outside in a story: workloads, faults, releases, entries, answers.
fn outside(story: &Story) -> Vec<Event> {
    let known = &story.cockpit.known;
    let mut events = Vec::new();
    let fault = Fault::new(
        "kubernetes",
        FaultKind::Refused,
        "reading rollout/auth-service",
        "it said no",
    )
    .hint("ask again");
    for (id, target) in &known.targets {
        if let Some(last) = &target.workload.last {
            events.push(Event::Seen(Observation {
                target: id.clone(),
                seen: Seen::Workload(Box::new(last.value.clone())),
            }));
        }
        let next = target.entries.last().map_or(0, |entry| entry.position);
        for (index, entry) in target.entries.iter().enumerate() {
            let number = u64::try_from(index).unwrap() + 1;
            events.push(Event::Entries(vec![Entry {
                position: next + number,
                ..entry.clone()
            }]));
        }
    }
    let here = Story::here();
    events.push(Event::Seen(Observation {
        target: here.clone(),
        seen: Seen::WorkloadFailed(fault.clone()),
    }));
    events.push(Event::LedgerFailed(fault.clone()));
    let verb = "promote".to_owned();
    events.push(Event::Recorded {
        target: here,
        verb,
        end: End::Unknown(fault.clone()),
    });
    for (project, releases) in &known.releases {
        let releases: Vec<_> = releases.iter().rev().take(3).cloned().collect();
        events.push(Event::Catalogue {
            project: project.clone(),
            releases: releases.into(),
        });
        events.push(Event::CatalogueFailed {
            project: project.clone(),
            fault: fault.clone(),
        });
    }
    events
}

#[test]
fn no_text_from_outside_becomes_a_sequence() {
    let (mut drawn, mut seen) = (0, 0);
    for story in [fixture::crashing(), fixture::monitoring()] {
        for event in outside(&story) {
            for (place, event) in poisoned(&event) {
                let mut cockpit = story.cockpit.clone();
                let at = cockpit.now;
                update(&mut cockpit, &Stamped { at, event });
                // All screens for each would take minutes; over all strings each screen comes many times.
                let screens = [Screen::Flight, Screen::ALL[drawn % Screen::ALL.len()]];
                for screen in screens {
                    cockpit.view.screen = screen;
                    let size = [(120, 36), (80, 24), (40, 1)][drawn % 3];
                    seen += check(&format!("{place} on {screen:?}"), &cockpit, size);
                    drawn += 1;
                }
            }
        }
    }
    assert!(drawn > 500, "only {drawn} frames");
    assert!(seen > 100, "the hostile text was seen {seen} times only");
}

/// The configuration's words, the operator's name and what is typed and pasted are drawn the same way.
#[test]
fn nor_do_names_and_what_is_typed() {
    let mut story = fixture::breach();
    let workspace = &mut story.cockpit.known.workspace;
    workspace.name.push_str(HOSTILE);
    for environment in &mut workspace.environments {
        environment.purpose = HOSTILE.to_owned();
    }
    story.cockpit.me.name = HOSTILE.to_owned();
    let mut seen = 0;
    for keys in ["", ":", "R", "/"] {
        let mut cockpit = story.cockpit.clone();
        cockpit.view.screen = Screen::Flight;
        fixture::press(&mut cockpit, keys);
        let at = cockpit.now;
        let event = Event::Paste(HOSTILE.to_owned());
        update(&mut cockpit, &Stamped { at, event });
        for size in [(120, 36), (80, 24), (20, 1), (30, 5)] {
            seen += check(keys, &cockpit, size);
        }
    }
    assert!(seen > 3, "{seen}");
}
