//! No size, no screen and no key makes the drawing panic or leave its area.

use gonogo::input::{Chord, Key};
use gonogo::session::cockpit::Cockpit;
use gonogo::session::event::{Event, Stamped};
use gonogo::session::update::update;
use gonogo::session::view::Screen;
use gonogo::ui::render;
use gonogo::ui::text::lines;
use gonogo::ui::theme::Theme;
use proptest::prelude::*;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fixture::{self, press, wait, write};

/// Every screen and overlay, in states that draw as much as possible.
fn all() -> Vec<(String, Cockpit)> {
    let mut all = Vec::new();
    for screen in Screen::ALL {
        all.push((
            format!("{screen:?}, breach"),
            fixture::rehearsed(fixture::breach()).show(screen),
        ));
        all.push((format!("{screen:?}, calm"), fixture::calm().show(screen)));
    }
    for story in [
        fixture::crashing(),
        fixture::verifying(),
        fixture::stale(),
        fixture::rolling_back(),
    ] {
        all.push(("flight".to_owned(), story.show(Screen::Flight)));
    }
    for keys in ["?", ":", "A", "R", "R enter", "z"] {
        let mut cockpit = fixture::breach().show(Screen::Flight);
        press(&mut cockpit, keys);
        wait(&mut cockpit, 300);
        write(&mut cockpit, "prod");
        all.push((format!("flight, {keys}"), cockpit));
    }
    let mut filtered = fixture::calm().show(Screen::Releases);
    press(&mut filtered, "/");
    write(&mut filtered, "pass");
    all.push(("filter".to_owned(), filtered));
    let mut nothing = fixture::calm();
    nothing.cockpit.known.workspace.projects.clear();
    nothing.cockpit.known.workspace.environments.clear();
    for screen in Screen::ALL {
        let mut cockpit = nothing.cockpit.clone();
        cockpit.view.go(screen);
        all.push((format!("{screen:?}, nothing configured"), cockpit));
    }
    all
}

fn draw(cockpit: &Cockpit, width: u16, height: u16) -> Buffer {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    render(cockpit, &Theme::probe(), area, &mut buf);
    buf
}

#[test]
fn every_screen_at_every_size() {
    for (name, cockpit) in all() {
        for width in (0..=80).step_by(4) {
            for height in 0..=30 {
                let buf = draw(&cockpit, width, height);
                assert_eq!(buf.area, Rect::new(0, 0, width, height), "{name}");
            }
        }
        draw(&cockpit, 1000, 500);
        // A part of a larger screen is all that is written to.
        let screen = Rect::new(0, 0, 100, 40);
        let mut buf = Buffer::empty(screen);
        render(&cockpit, &Theme::probe(), Rect::new(7, 5, 80, 24), &mut buf);
        let outside = |x: u16, y: u16| !Rect::new(7, 5, 80, 24).contains((x, y).into());
        let empty = Buffer::empty(screen);
        for (x, y) in (0..100)
            .flat_map(|x| (0..40).map(move |y| (x, y)))
            .filter(|(x, y)| outside(*x, *y))
        {
            assert_eq!(buf.cell((x, y)), empty.cell((x, y)), "{name} at {x}, {y}");
        }
    }
}

/// What a person needs is on every screen that is large enough for one.
#[test]
fn what_matters_is_there_from_the_smallest_size_on() {
    let cockpit = fixture::rehearsed(fixture::breach()).show(Screen::Flight);
    for (width, height) in [
        (60, 16),
        (70, 20),
        (80, 24),
        (100, 30),
        (120, 36),
        (200, 60),
    ] {
        let text = lines(&draw(&cockpit, width, height)).join("\n");
        for words in [
            "REHEARSAL",
            "PRODUCTION",
            "50 %",
            "YOU",
            "HOLD",
            "512 ms",
            "500 ms",
            "5 of 5 ready",
            "z hold",
            "A abort",
            "R roll back",
            "? help",
        ] {
            assert!(
                text.contains(words),
                "{words} is missing at {width}×{height}:\n{text}"
            );
        }
    }
    let mut back = fixture::breach().show(Screen::Flight);
    press(&mut back, "R enter");
    wait(&mut back, 300);
    write(&mut back, "prod");
    for (width, height) in [(40, 1), (30, 3), (60, 15), (60, 16), (80, 24)] {
        let text = lines(&draw(&back, width, height)).join("\n");
        for words in ["production", "prod", "41"] {
            assert!(
                text.contains(words),
                "{words} is missing at {width}×{height}:\n{text}"
            );
        }
    }
}

fn key() -> impl Strategy<Value = Chord> {
    let letters = proptest::sample::select(
        "jkhlgGpPzARTCFrXaxwcWoq?:/yv12345 e"
            .chars()
            .collect::<Vec<_>>(),
    )
    .prop_map(Chord::char);
    let others = proptest::sample::select(vec![
        Key::Enter,
        Key::Esc,
        Key::Tab,
        Key::Backspace,
        Key::Up,
        Key::Down,
        Key::Left,
        Key::Right,
        Key::PageUp,
        Key::PageDown,
        Key::Home,
        Key::End,
    ])
    .prop_map(Chord::new);
    prop_oneof![3 => letters, 2 => others]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn no_keys_and_no_size_make_it_panic(
        keys in proptest::collection::vec((key(), 0i64..600), 1..40),
        sizes in proptest::collection::vec((0u16..220, 0u16..70), 1..6),
        state in 0usize..6,
    ) {
        let story = match state {
            0 => fixture::calm(),
            1 => fixture::requested(),
            2 => fixture::breach(),
            3 => fixture::verifying(),
            4 => fixture::unknown(),
            _ => fixture::fleet(),
        };
        let mut cockpit = story.cockpit;
        for (index, (chord, millis)) in keys.into_iter().enumerate() {
            let at = cockpit.now.checked_add(jiff::SignedDuration::from_millis(millis)).expect("in range");
            update(&mut cockpit, &Stamped { at, event: Event::Key(chord) });
            let (width, height) = sizes[index % sizes.len()];
            draw(&cockpit, width, height);
            update(&mut cockpit, &Stamped { at, event: Event::Painted });
        }
    }
}
