//! Below 60 × 16, down to one line of twenty columns: how it stands, and the ways out with their questions.
#![allow(clippy::unwrap_used, clippy::panic)]

use gonogo::domain::change::ActKind;
use gonogo::session::cockpit::Cockpit;
use gonogo::session::effect::Effect;
use gonogo::session::event::{Event, Stamped};
use gonogo::session::update::update;
use gonogo::session::view::{Overlay, Screen};
use gonogo::ui::render;
use gonogo::ui::text::lines;
use gonogo::ui::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fixture::{self, press, wait, write};

const SIZES: [(u16, u16); 6] = [(20, 1), (30, 1), (59, 1), (20, 3), (40, 10), (59, 15)];

fn resize(cockpit: &mut Cockpit, (columns, rows): (u16, u16)) {
    let at = cockpit.now;
    update(
        cockpit,
        &Stamped {
            at,
            event: Event::Resize { columns, rows },
        },
    );
}

pub fn text(cockpit: &Cockpit, size: (u16, u16)) -> String {
    let area = Rect::new(0, 0, size.0, size.1);
    let mut buf = Buffer::empty(area);
    assert!(!render(cockpit, &Theme::probe(), area, &mut buf).unreadable);
    let words = lines(&buf).join("\n");
    // Words that are wrapped are seen, too.
    words.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[track_caller]
fn sees(cockpit: &Cockpit, size: (u16, u16), wanted: &[&str]) {
    let text = text(cockpit, size);
    for words in wanted {
        assert!(text.contains(words), "{words} at {size:?}:\n{text}");
    }
}

fn sent(effects: &[Effect]) -> Option<ActKind> {
    effects.iter().find_map(|effect| match effect {
        Effect::Execute { confirmed, .. } => Some(confirmed.act().kind),
        _ => None,
    })
}

#[test]
fn one_line_says_where_what_and_how() {
    let cockpit = fixture::rehearsed(fixture::breach()).show(Screen::Fleet);
    for size in SIZES {
        sees(&cockpit, size, &["PROD", "41→42", "▶ 5"]);
    }
    sees(&cockpit, (40, 1), &["PRODUCTION", "50 %", "REHEARSAL"]);
    let cockpit = fixture::stale().show(Screen::Flight);
    sees(&cockpit, (40, 1), &["STALE"]);
}

/// From whatever screen it was made small on.
#[test]
fn abort_works_with_its_question_from_every_screen() {
    for screen in Screen::ALL {
        for size in SIZES {
            let mut cockpit = fixture::breach().show(screen);
            resize(&mut cockpit, size);
            if size.1 > 1 {
                sees(&cockpit, size, &["A abort", "R roll back"]);
            }
            assert_eq!(sent(&press(&mut cockpit, "A")), None);
            sees(&cockpit, size, &["ABORT", "42", "enter", "esc"]);
            wait(&mut cockpit, 300);
            assert_eq!(
                sent(&press(&mut cockpit, "enter")),
                Some(ActKind::Abort),
                "{screen:?} {size:?}"
            );
        }
    }
}

#[test]
fn rollback_works_with_its_questions_from_every_screen() {
    for screen in Screen::ALL {
        for size in SIZES {
            let mut cockpit = fixture::breach().show(screen);
            resize(&mut cockpit, size);
            press(&mut cockpit, "R");
            sees(&cockpit, size, &["why?", "follow_"]);
            press(&mut cockpit, "enter");
            sees(&cockpit, size, &["production"]);
            wait(&mut cockpit, 300);
            write(&mut cockpit, "produ");
            sees(&cockpit, size, &["produ_"]);
            write(&mut cockpit, "ction");
            sees(&cockpit, size, &["ction_"]);
            assert_eq!(
                sent(&press(&mut cockpit, "enter")),
                Some(ActKind::RollBack),
                "{screen:?} {size:?}"
            );
        }
    }
}

/// Why not is said where the state was, for a while.
#[test]
fn a_refusal_is_read_in_one_line() {
    let mut cockpit = fixture::calm().show(Screen::Fleet);
    resize(&mut cockpit, (30, 1));
    press(&mut cockpit, "A");
    assert!(cockpit.view.overlay.is_none());
    sees(&cockpit, (30, 1), &["! abort:"]);
    wait(&mut cockpit, 7_000);
    sees(&cockpit, (30, 1), &["PROD"]);
}

/// On a screen with room, a key means what it means there; one that holds without a question does not act.
#[test]
fn large_screens_keep_their_own_keys() {
    let mut cockpit = fixture::breach().show(Screen::Fleet);
    resize(&mut cockpit, (80, 24));
    assert_eq!(press(&mut cockpit, "z"), []);
    assert!(cockpit.view.overlay.is_none());
    resize(&mut cockpit, (40, 5));
    press(&mut cockpit, ": A");
    assert!(matches!(cockpit.view.overlay, Some(Overlay::Palette(_))));
}
