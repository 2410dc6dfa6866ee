//! Whatever is pressed, pasted, pointed at and resized, in whatever order: nothing panics, and what is drawn is whole.
#![allow(clippy::unwrap_used, clippy::panic)]

use gonogo::input::{Chord, Key};
use gonogo::session::cockpit::Cockpit;
use gonogo::session::event::{Event, Stamped};
use gonogo::session::pointer::{Pointing, Spot};
use gonogo::session::update::update;
use gonogo::session::view::{FlightPane, Screen};
use gonogo::ui::render;
use gonogo::ui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fixture;
use crate::pty::Pty;

/// `SplitMix64`: the same numbers for the same seed everywhere.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn side(&mut self, most: u16) -> u16 {
        u16::try_from(self.below(usize::from(most) + 1)).unwrap()
    }
}

const LETTERS: &[u8] = b"jkhlgGpPzARTCFrXaxwcWoq?:/yv12345 e42production";
const NAMED: [Key; 14] = [
    Key::Enter,
    Key::Enter,
    Key::Esc,
    Key::Tab,
    Key::Backspace,
    Key::Delete,
    Key::Up,
    Key::Down,
    Key::Left,
    Key::Right,
    Key::PageUp,
    Key::PageDown,
    Key::Home,
    Key::End,
];
const PASTES: [&str; 5] = [
    "production\n",
    "\u{1b}[A\u{202e}",
    "",
    "日本語 e\u{301}",
    "👩‍👩‍👧\t\r\n",
];

fn event(dice: &mut Dice) -> Event {
    match dice.below(20) {
        0..=10 => Event::Key(Chord::char(char::from(dice.of(LETTERS)))),
        11..=15 => {
            let chord = Chord::new(dice.of(&NAMED));
            Event::Key(match dice.below(6) {
                0 => chord.with_shift(),
                1 => Chord::char(char::from(dice.of(LETTERS))).with_ctrl(),
                _ => chord,
            })
        }
        16 => Event::Paste(dice.of(&PASTES).to_owned()),
        17 => Event::Painted,
        _ => {
            let how = dice.of(&[Pointing::Click, Pointing::WheelUp, Pointing::WheelDown]);
            let line = dice.below(50);
            let pane = dice.of(&FlightPane::ALL);
            let spot = match dice.below(7) {
                0 => Spot::Tab(dice.of(&Screen::ALL)),
                1 => Spot::Cell {
                    project: dice.below(4),
                    environment: dice.below(4),
                },
                2 => Spot::Line(line),
                3 => Spot::Pane(pane),
                4 => Spot::PaneLine { pane, line },
                5 => Spot::Command(line),
                _ => Spot::Ground,
            };
            Event::Pointed { spot, how }
        }
    }
}

/// Mostly small, where sums run under; now and then far larger than any screen.
fn size(dice: &mut Dice) -> (u16, u16) {
    match dice.below(1000) {
        0 => (1000, 500),
        1..=20 => (dice.side(220), dice.side(70)),
        21..=120 => (60 + dice.side(70), 16 + dice.side(20)),
        121..=180 => (0, dice.side(3)),
        _ => (dice.side(62), dice.side(17)),
    }
}

const SEQUENCES: usize = 100_000;
/// Each begins where the one before it ended, so that what builds up is found; after so many it begins anew.
const ANEW: usize = 50;

fn storm(seed: u64, sequences: usize) -> usize {
    let stories: Vec<Cockpit> = vec![
        fixture::calm(),
        fixture::requested(),
        fixture::ready(),
        fixture::breach(),
        fixture::crashing(),
        fixture::verifying(),
        fixture::stale(),
        fixture::fleet(),
    ]
    .into_iter()
    .map(|story| story.cockpit)
    .collect();
    let mut dice = Dice(seed);
    let mut cockpit = stories[0].clone();
    let mut cells: Vec<Buffer> = Vec::new();
    for sequence in 0..sequences {
        if sequence % ANEW == 0 {
            cockpit = stories[dice.below(stories.len())].clone();
        }
        let (columns, rows) = size(&mut dice);
        let millis = i64::try_from(dice.below(400)).unwrap();
        let at = cockpit
            .now
            .checked_add(jiff::SignedDuration::from_millis(millis))
            .unwrap();
        update(
            &mut cockpit,
            &Stamped {
                at,
                event: Event::Resize { columns, rows },
            },
        );
        for _ in 0..=dice.below(4) {
            let event = event(&mut dice);
            update(&mut cockpit, &Stamped { at, event });
        }
        let area = Rect::new(0, 0, columns, rows);
        let mut buf = cells.pop().unwrap_or_default();
        buf.resize(area);
        buf.reset();
        // A part that panics would be contained and shown; here it counts.
        let drawn = render(&cockpit, &Theme::probe(), area, &mut buf);
        let whole = drawn.unreadable == area.is_empty();
        let faults = buf.content().iter().any(|cell| cell.symbol() == "✖")
            && gonogo::ui::text::lines(&buf)
                .join("\n")
                .contains("could not be drawn");
        assert!(
            whole && !faults,
            "seed {seed}, sequence {sequence}, {columns}×{rows}: {:?}\n{}",
            cockpit.view,
            gonogo::ui::text::lines(&buf).join("\n")
        );
        cells.push(buf);
    }
    sequences
}

#[test]
fn a_hundred_thousand_sequences_of_keys_pastes_clicks_and_sizes() {
    let threads = std::thread::available_parallelism()
        .map_or(2, std::num::NonZero::get)
        .clamp(2, 8);
    let each = SEQUENCES.div_ceil(threads);
    let workers: Vec<_> = (0..threads)
        .map(|number| std::thread::spawn(move || storm(7 + number as u64, each)))
        .collect();
    let flown: usize = workers
        .into_iter()
        .map(|worker| worker.join().unwrap())
        .sum();
    assert!(flown >= SEQUENCES);
}

/// A hundred sizes in a row, as when a window is dragged: it lives, and the last one is drawn whole.
#[test]
fn a_storm_of_sizes_in_a_real_terminal() {
    let home = tempfile::tempdir().unwrap();
    let mut pty = Pty::rehearse(home.path(), "30");
    pty.sees("auth-service");
    let mut dice = Dice(19);
    for _ in 0..100 {
        pty.resize(10 + dice.side(390), 3 + dice.side(97));
    }
    for (columns, rows) in [(80, 24), (200, 60), (120, 36)] {
        pty.resize(columns, rows);
        let text = pty.until("the fleet, whole, as wide as the screen", |text| {
            let wide = |line: &str| {
                let line = line.trim_end();
                // Where there is little room the clock leaves its zone out.
                let clock = line.trim_end_matches(" UTC");
                clock
                    .rsplit(' ')
                    .next()
                    .is_some_and(|it| it.len() == 8 && it.matches(':').count() == 2)
                    && line.chars().count() + 3 > usize::from(columns)
            };
            text.lines().any(wide)
                && ["1 Fleet", "auth-service", "? help"]
                    .iter()
                    .all(|words| text.contains(words))
        });
        assert!(text.lines().count() <= usize::from(rows), "{text}");
    }
    pty.is_taken();

    // Every frame is one synchronised update, and nothing is drawn outside of one.
    pty.quits();
    let bytes = pty.take_bytes();
    let text = String::from_utf8_lossy(&bytes);
    let (begin, end) = ("\x1b[?2026h", "\x1b[?2026l");
    let frames: Vec<&str> = text.split(begin).collect();
    assert!(frames.len() > 4, "{} frames", frames.len());
    for (index, frame) in frames.iter().enumerate() {
        let (_, after) = match index {
            0 => ("", *frame),
            _ => frame.split_once(end).unwrap(),
        };
        // The very last one is followed by what gives the terminal back, which ends an update once more.
        let between = after.replace(end, "");
        let words: String = between
            .split('\x1b')
            .skip(1)
            .flat_map(|part| {
                let stop = part
                    .find(|c: char| c.is_ascii_alphabetic())
                    .map_or(part.len(), |at| at + 1);
                part[stop..].chars()
            })
            .collect();
        assert_eq!(
            words.trim(),
            "",
            "drawn outside of frame {index}: {:?}",
            between.escape_debug().to_string()
        );
    }
}
