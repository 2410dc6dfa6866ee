//! Pasted text is text: it goes into fields, runs nothing and confirms nothing. Copied text is exactly what was meant.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::thread::sleep;

use gonogo::session::cockpit::Cockpit;
use gonogo::session::effect::Effect;
use gonogo::session::event::{Event, Stamped};
use gonogo::session::update::{MOST_COPIED, update};
use gonogo::session::view::{FlightPane, Overlay, Screen};

use crate::fixture::{self, press, wait};
use crate::pty::{Pty, READ};
use crate::rig::Rig;

fn paste(cockpit: &mut Cockpit, text: &str) -> Vec<Effect> {
    let at = cockpit.now;
    let event = Event::Paste(text.to_owned());
    update(cockpit, &Stamped { at, event })
}

fn prompt(cockpit: &Cockpit) -> (String, Option<String>) {
    match &cockpit.view.overlay {
        Some(Overlay::Prompt(prompt)) => (prompt.input.value().to_owned(), prompt.note.clone()),
        other => panic!("no prompt but {other:?}"),
    }
}

#[test]
fn it_goes_into_a_field_as_one_line_of_visible_text() {
    let mut cockpit = fixture::breach().show(Screen::Flight);
    press(&mut cockpit, "R ctrl-u");
    assert_eq!(
        paste(&mut cockpit, "p99 is\r\n  512 ms\n\n\tsee \x1bPchart\n"),
        []
    );
    let (value, note) = prompt(&cockpit);
    assert_eq!(value, "p99 is 512 ms see Pchart");
    assert_eq!(
        note.unwrap(),
        "pasted without 1 characters that cannot be seen"
    );
    // Where the cursor is, and the rest stays behind it.
    press(&mut cockpit, "home");
    paste(&mut cockpit, "no: ");
    press(&mut cockpit, "!");
    assert_eq!(prompt(&cockpit).0, "no:!p99 is 512 ms see Pchart");
    paste(&mut cockpit, &"y".repeat(100_000));
    let (value, note) = prompt(&cockpit);
    assert_eq!(value.len(), 28 + 4096);
    assert!(note.unwrap().contains("last 95904 characters"));
}

#[test]
fn outside_of_fields_it_does_nothing_and_says_so() {
    for screen in Screen::ALL {
        let mut cockpit = fixture::breach().show(screen);
        let before = format!("{:?}", cockpit.view);
        assert_eq!(paste(&mut cockpit, "ARPzq\n\x1b[A"), []);
        assert_eq!(format!("{:?}", cockpit.view), before, "{screen:?}");
        assert!(
            cockpit
                .message
                .unwrap()
                .text
                .contains("pasted text is ignored")
        );
    }
}

#[test]
fn it_never_confirms() {
    for (keys, answer) in [("A", "\n"), ("R enter", "production\n"), ("F", "42\n")] {
        let story = if keys == "F" {
            fixture::ready()
        } else {
            fixture::breach()
        };
        let mut cockpit = story.show(Screen::Flight);
        press(&mut cockpit, keys);
        wait(&mut cockpit, 400);
        for text in [answer, answer.trim(), "\r\n\r\n"] {
            assert_eq!(paste(&mut cockpit, text), [], "{keys}");
            let Some(Overlay::Dialog(dialog)) = &cockpit.view.overlay else {
                panic!("{keys}: the dialog is gone");
            };
            assert_eq!(dialog.input.value(), "");
            assert!(dialog.note.as_ref().unwrap().contains("pasted text"));
        }
    }
}

/// Thousands of keys in one write, the answers among them, while the dialogs come up: nothing is sent.
#[test]
fn a_flood_of_keys_answers_no_dialog_that_was_not_there_yet() {
    let rig = Rig::serve("30");
    rig.airborne("42");
    rig.clear();
    let mut pty = crate::terminal::attend(&rig, &rig.config());
    let seq = rig.seq();
    let flood = "R\rproduction\rA\r\r".repeat(300);
    pty.keys(&flood);
    pty.keys(&format!("\x1b[200~{flood}\x1b[201~"));
    sleep(READ);
    pty.until("it has read them all", |text| {
        text.contains("pasted text") || text.contains("type production") || text.contains("why?")
    });
    assert_eq!(rig.patches().len(), 0);
    assert_eq!(rig.seq(), seq, "something was written down");
    assert!(pty.child.try_wait().unwrap().is_none());
}

#[test]
fn what_is_copied_is_what_is_selected() {
    let copied = |cockpit: &mut Cockpit| {
        let effects = press(cockpit, "y");
        let [Effect::Copy(text)] = effects.as_slice() else {
            panic!("{effects:?}");
        };
        let said = cockpit.message.clone().unwrap().text;
        assert_eq!(said, format!("copied {text}"));
        text.clone()
    };
    let mut cockpit = fixture::breach().show(Screen::Fleet);
    assert!(copied(&mut cockpit).contains("auth-service"));
    let mut cockpit = fixture::requested().show(Screen::Plan);
    assert!(copied(&mut cockpit).starts_with("sha256:") || copied(&mut cockpit).len() >= 12);
    let mut cockpit = fixture::breach().show(Screen::Flight);
    assert!(copied(&mut cockpit).contains("p99 latency"));
    press(&mut cockpit, "tab");
    assert_eq!(cockpit.view.pane, FlightPane::Pods);
    let pod = copied(&mut cockpit);
    let observed = gonogo::session::show::flight(&cockpit)
        .unwrap()
        .observed
        .unwrap();
    assert!(
        observed.pods.iter().any(|other| other.name.as_str() == pod),
        "{pod}"
    );
}

#[test]
fn more_than_terminals_take_is_not_copied_and_says_so() {
    let mut cockpit = fixture::calm().show(Screen::Fleet);
    let id = "x".repeat(MOST_COPIED + 1);
    let name = gonogo::domain::project::ProjectId::parse(&format!("acme/{id}")).unwrap();
    cockpit.known.workspace.projects[0].id = name.clone();
    for target in &mut cockpit.known.workspace.targets {
        target.id.project = name.clone();
    }
    cockpit.view.project = 0;
    assert_eq!(press(&mut cockpit, "y"), []);
    let said = cockpit.message.clone().unwrap().text;
    assert!(
        said.starts_with("not copied: ") && said.contains("74994"),
        "{said}"
    );
}

/// OSC 52 to the clipboard, base64 of exactly the text, ended by ST; and nothing ever asks for what is in it.
#[test]
fn the_bytes_of_a_copy() {
    let home = tempfile::tempdir().unwrap();
    let mut pty = Pty::rehearse(home.path(), "30");
    pty.sees("auth-service");
    pty.take_bytes();
    pty.keys("y");
    let text = pty.sees("copied ");
    let line = text.lines().find(|line| line.contains("copied ")).unwrap();
    let said = line.split("copied ").nth(1).unwrap().trim();
    let bytes = pty.take_bytes();
    let expected = format!("\x1b]52;c;{}\x1b\\", base64(said.as_bytes()));
    let found = bytes
        .windows(expected.len())
        .any(|part| part == expected.as_bytes());
    assert!(
        found,
        "{said}: {}",
        String::from_utf8_lossy(&bytes).escape_debug()
    );
    assert_eq!(String::from_utf8_lossy(&bytes).matches("\x1b]").count(), 1);
    pty.quits();
}

/// RFC 4648, by hand, so that the encoder is not judged by itself.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for part in bytes.chunks(3) {
        let number = part
            .iter()
            .fold(0u32, |sum, byte| sum << 8 | u32::from(*byte))
            << (8 * (3 - part.len()));
        for place in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= part.len() {
                letter.into()
            } else {
                '='
            });
        }
    }
    out
}
