//! A person's own keys: what is wrong with them is told where it stands, and sequences show how they go on.
#![allow(clippy::unwrap_used, clippy::panic)]

use gonogo::config::{EXAMPLE, Folders, Trust, parse_with};
use gonogo::input::{Context, Keymap, Overrides};
use gonogo::session::view::Overlay;
use gonogo::session::view::Screen;
use gonogo::ui::render;
use gonogo::ui::text::lines;
use gonogo::ui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fixture::{self, press};
use crate::pty::Pty;

fn with_keys(keys: &str) -> String {
    let begin = EXAMPLE.find("[keys]").unwrap();
    let end = begin + EXAMPLE[begin..].find("# ---").unwrap();
    format!("{}{keys}\n{}", &EXAMPLE[..begin], &EXAMPLE[end..])
}

#[test]
fn everything_wrong_is_told_at_once_with_its_place() {
    let text = with_keys(
        "[keys]\n\"rollout.promot\" = [\"p\"]\nrollout.retry = [\"entr\"]\n\"rollout.abort\" = [\"X\", \"p\"]\n\"palette.run\" = [\"x\"]\n\"move.top\" = [\"g\", \"g e\"]\n\"view.copy\" = \"y\"",
    );
    let folders = Folders::within("/w".as_ref(), Some("/home/dana".into()));
    let problems = parse_with(&text, "/w/gonogo.toml".as_ref(), Trust::Own, Some(&folders));
    let first = text[..text.find("[keys]").unwrap()].lines().count() + 1;
    let told: Vec<String> = problems
        .unwrap_err()
        .0
        .iter()
        .map(|problem| {
            let (line, column) = (problem.line - first, problem.column);
            format!("{line}:{column} {}; {}", problem.sentence, problem.hint)
        })
        .collect();
    assert_eq!(
        told,
        [
            "1:1 `rollout.promot` is not an action; did you mean `rollout.promote`?",
            "2:18 rollout.retry: `entr` is not a key; did you mean `enter`?",
            "3:25 `p` would mean both rollout.promote and rollout.abort (flight); give one of them another key",
            "4:18 palette.run: `x` would be typed as text there; use ctrl, alt or a named key",
            "5:20 `g` (move.top) and `g e` (move.top) begin alike (everywhere); give one of them another key",
            "6:15 `keys` in this file takes lists of keys; write \"rollout.promote\" = [\"p\", \"ctrl-p\"]",
        ]
    );
}

#[test]
fn a_file_from_a_repository_may_not_set_them() {
    let text = with_keys("[keys]\n\"rollout.promote\" = [\"j\"]\n\"move.down\" = [\"down\"]");
    let folders = Folders::within("/w".as_ref(), Some("/home/dana".into()));
    let problems = parse_with(
        &text,
        "/w/gonogo.toml".as_ref(),
        Trust::Repository,
        Some(&folders),
    );
    let told = problems.unwrap_err().to_string();
    assert!(told.contains("may not set `keys`"), "{told}");
}

#[test]
fn the_example_changes_what_it_says() {
    let folders = Folders::within("/w".as_ref(), Some("/home/dana".into()));
    let loaded = parse_with(
        EXAMPLE,
        "/w/gonogo.toml".as_ref(),
        Trust::Own,
        Some(&folders),
    )
    .unwrap();
    let keymap = &loaded.screen.keymap;
    let texts =
        |id: &str| keymap.texts(gonogo::input::Action::from_id(id).unwrap(), Context::Flight);
    assert_eq!(texts("move.top"), ["g g", "home"]);
    assert_eq!(texts("rollout.promote_full"), [""; 0]);
    assert_eq!(texts("rollout.promote"), ["p"]);
}

fn sequences() -> Keymap {
    let rows = [
        ("move.top", vec!["g g"]),
        ("move.bottom", vec!["g e"]),
        ("view.help", vec!["ctrl-x h"]),
        ("view.redraw", vec!["ctrl-x ctrl-l"]),
    ];
    let overrides: Overrides = rows
        .into_iter()
        .map(|(id, keys)| (id.to_owned(), keys.into_iter().map(str::to_owned).collect()))
        .collect();
    Keymap::new(&overrides).unwrap()
}

#[test]
fn a_sequence_shows_how_it_goes_on_and_anything_else_ends_it() {
    let mut cockpit = fixture::calm().show(Screen::Releases);
    cockpit.keymap = sequences();
    press(&mut cockpit, "j j j");
    press(&mut cockpit, "g");
    for (width, height) in [(80, 24), (120, 36), (40, 1), (30, 4)] {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        render(&cockpit, &Theme::probe(), area, &mut buf);
        let text = lines(&buf)
            .join(" ")
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        for words in ["g top", "e bottom", "esc cancel"] {
            assert!(text.contains(words), "{words} at {width}×{height}:\n{text}");
        }
    }
    // Time does not end it, esc does, and goes nowhere.
    fixture::wait(&mut cockpit, 3_600_000);
    assert_eq!(cockpit.view.pending.len(), 1);
    press(&mut cockpit, "esc");
    assert_eq!(
        (cockpit.view.pending.len(), cockpit.view.screen),
        (0, Screen::Releases)
    );
    assert_eq!(cockpit.view.release, 3);
    press(&mut cockpit, "g q");
    assert!(cockpit.view.overlay.is_none());
    press(&mut cockpit, "g g");
    assert_eq!(cockpit.view.release, 0);
    press(&mut cockpit, "g e");
    assert!(cockpit.view.release > 3);

    // In a field, the key that ends a sequence is no text.
    press(&mut cockpit, ": a ctrl-x b c");
    let Some(Overlay::Palette(palette)) = &cockpit.view.overlay else {
        panic!("the palette is gone");
    };
    assert_eq!(palette.input.value(), "ac");
}

#[test]
fn what_can_run_is_listed_first_and_what_was_typed_before_all() {
    use gonogo::session::update::listed;
    let mut cockpit = fixture::calm().show(Screen::Fleet);
    press(&mut cockpit, ":");
    let blocked: Vec<bool> = listed(&cockpit)
        .iter()
        .map(|(_, why)| why.is_some())
        .collect();
    assert!(
        blocked.contains(&true) && blocked.is_sorted(),
        "{blocked:?}"
    );
    fixture::write(&mut cockpit, "promote");
    let listed = listed(&cockpit);
    assert_eq!(listed[0].0.command, "promote");
    assert!(listed[0].1.is_some(), "nothing is flying");
}

/// Each pane of the flight that takes the focus has a cursor of its own.
#[test]
fn tab_goes_to_panes_that_j_and_k_move_in() {
    let mut cockpit = fixture::breach().show(Screen::Flight);
    let cursors = |cockpit: &gonogo::session::cockpit::Cockpit| {
        let view = &cockpit.view;
        [view.flight_line, view.pod_line, view.timeline_back]
    };
    for moved in 0..3 {
        let before = cursors(&cockpit);
        press(&mut cockpit, if moved == 2 { "k" } else { "j" });
        let after = cursors(&cockpit);
        for pane in 0..3 {
            assert_eq!(
                after[pane] == before[pane] + 1,
                pane == moved,
                "{before:?} {after:?}"
            );
        }
        for (width, height) in [(80, 24), (120, 36), (200, 60), (60, 16)] {
            let area = Rect::new(0, 0, width, height);
            let mut buf = Buffer::empty(area);
            render(&cockpit, &Theme::probe(), area, &mut buf);
            let text = lines(&buf).join("\n");
            assert_eq!(text.matches('▸').count(), 1, "at {width}×{height}:\n{text}");
        }
        press(&mut cockpit, "tab");
    }
    assert_eq!(cockpit.view.pane, gonogo::session::view::FlightPane::Gates);
    press(&mut cockpit, "shift-tab");
    assert_eq!(
        cockpit.view.pane,
        gonogo::session::view::FlightPane::Timeline
    );
}

/// The cockpit takes the keys of its configuration, and the mouse and theme it says.
#[test]
fn a_rehearsal_is_flown_with_ones_own_keys() {
    let home = tempfile::tempdir().unwrap();
    let text = with_keys("[keys]\n\"app.quit\" = [\"ctrl-x ctrl-c\"]")
        .replace("mouse = true", "mouse = false");
    std::fs::write(home.path().join("gonogo.toml"), text).unwrap();
    let mut pty = Pty::rehearse(home.path(), "30");
    pty.sees("auth-service");
    assert_eq!(pty.mouse().0, vt100::MouseProtocolMode::None);
    pty.keys("q\x18");
    pty.until("how it goes on", |text| {
        text.contains("ctrl-c quit") && text.contains("esc cancel")
    });
    pty.keys("\x03");
    assert_eq!(pty.gives_back(), 0);
}
