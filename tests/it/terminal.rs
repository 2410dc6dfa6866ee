//! The cockpit in a real terminal (a PTY read by a VT parser): a whole flight by keys, what a dialog does not listen to,
//! sizes that make no sense, and the terminal given back whole.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{io::Read as _, path::Path, thread::sleep, time::Duration};

use portable_pty::CommandBuilder;
use serde_json::json;

use super::{
    pty::{Pty, READ, environment, leftovers},
    rig::{GONOGO, Rig},
};

/// From the fleet to a closed deployment and back, as a newcomer would.
#[test]
fn a_flight_by_keys() {
    let home = tempfile::tempdir().unwrap();
    let mut pty = Pty::rehearse(home.path(), "200");
    pty.until("a healthy fleet", |text| {
        text.contains("REHEARSAL") && text.matches("healthy").count() >= 6
    });
    pty.is_taken();

    // Pick 42 by the filter.
    pty.keys("\r");
    pty.until("the releases", |text| {
        text.contains("v1.3.0") && text.contains("v1.2.3")
    });
    pty.keys("/42");
    pty.sees("▸ 42  v1.3.0");
    pty.keys("\r");
    sleep(Duration::from_millis(200));
    pty.keys("\r");
    pty.until("the plan of 42 with what stands against it", |text| {
        text.contains("NO-GO") && text.contains("approvals")
    });

    // Request; two colleagues answer.
    pty.until("the digest is known", |text| text.contains("sha256:"));
    pty.keys("r");
    pty.sees("Request release 42: why?");
    pty.keys("passkeys for everybody\r");
    pty.sees("approved, 2 of 2: lee, sam");

    // The checklist: the last line but six is the first item.
    pty.keys("Gkkkkkk");
    for done in 1..=3 {
        pty.keys("c");
        pty.until("one more is done", |text| {
            text.matches("✔ done").count() >= done
        });
        pty.keys("j");
    }
    pty.sees("F flies");

    // Keys that came before the dialog was on the screen do not answer it.
    pty.keys("F42\r");
    pty.sees("type 42");
    sleep(READ);
    assert!(pty.text().contains("type 42"), "{}", pty.text());
    pty.keys("\x1b");
    pty.until("the dialog is gone", |text| !text.contains("type 42"));

    pty.act("F flies", "F", "type 42", "42", "10 % reached");
    pty.act("ready: p promotes", "p", "Promote", "", "50 % reached");
    pty.act("ready: p promotes", "p", "Promote", "", "100 % reached");
    pty.act("ready: p promotes", "p", "Promote", "", "serves everybody");
    pty.sees("the new release serves everybody");
    // On a gate the key goes to what it can tick, and only ticks there.
    pty.keys("G");
    pty.sees("go to verify.smoke");
    pty.keys("c");
    pty.sees("check verify.smoke");
    pty.keys("c");
    pty.sees("dana checked verify.smoke");
    pty.until("the flight among the last ones", |text| {
        text.contains("✔ closed") && text.contains("41 v1.2.3 → 42 v1.3.0")
    });

    // Back to 41. Pasted text does not answer.
    pty.keys("R");
    pty.sees("Roll back: why?");
    pty.keys("\r");
    pty.sees("type production");
    sleep(READ);
    pty.keys("\x1b[200~production\r\x1b[201~");
    sleep(READ);
    let dialog = pty.text();
    assert!(
        dialog.contains("pasted text") && dialog.contains("type production"),
        "{dialog}"
    );
    pty.confirm("type production", "production");
    pty.keys("5");
    pty.sees("rolled back");
    pty.keys("1");
    pty.until("production shows 41 again", |text| {
        text.contains("41 v1.2.3") && text.contains("healthy")
    });

    pty.quits();
    assert_eq!(leftovers(home.path()), [""; 0]);
}

/// The cockpit on somebody else's practice cluster, at the flight.
pub fn attend(rig: &Rig, config: &Path) -> Pty {
    let mut command = CommandBuilder::new(GONOGO);
    command.arg("--config");
    command.arg(config);
    environment(&mut command, rig.path());
    let mut pty = Pty::start(command);
    pty.until("the fleet is read", |text| {
        text.contains("auth-service") && text.contains("41 v1.2.3 ─▶ 42 v1.3.0")
    });
    pty.keys("4");
    pty.sees("Gates of the next step");
    pty
}

/// Killed while its promotion has no answer: the next start says so, looks, and writes down what it found.
#[test]
fn a_killed_cockpit_says_what_was_under_way() {
    let rig = Rig::serve("30");
    rig.airborne("42");
    for (fate, outcome, step) in [
        ("hang_before", "not_applied", 1),
        ("hang_after", "applied", 3),
    ] {
        rig.clear();
        let seq = rig.seq();
        rig.fault_writes("pauseConditions", &json!({fate: 60_000}), 1);
        let mut pty = attend(&rig, &rig.patient());
        pty.sees("ready: p ");
        pty.keys("p");
        pty.sees("Promote");
        sleep(READ);
        pty.keys("\r");
        super::rig::wait_for("the write to be held", || (rig.struck() == 1).then_some(()));
        sleep(Duration::from_millis(100));
        pty.child.kill().unwrap();
        drop(pty);
        rig.api("DELETE", "/rehearsal/faults", &serde_json::Value::Null);

        let mut pty = attend(&rig, &rig.config());
        pty.until("what was under way", |text| {
            text.contains("promote asked") || text.contains("outcome UNKNOWN")
        });
        pty.until("what became of it", |_| {
            rig.outcomes_after(seq) == [outcome]
        });
        assert_eq!((rig.patches().len(), rig.step()), (0, step));
        drop(pty);
        rig.until_rests(step);
    }
    rig.ledger_is_sound();
}

/// Sizes come and go; SIGTERM ends it with everything given back.
#[test]
fn any_size_then_sigterm() {
    let home = tempfile::tempdir().unwrap();
    let mut pty = Pty::rehearse(home.path(), "30");
    pty.sees("auth-service");
    for (columns, rows) in [
        (60, 16),
        (20, 5),
        (1, 1),
        (500, 100),
        (2, 40),
        (300, 1),
        (80, 24),
    ] {
        pty.resize(columns, rows);
        for key in ["?", "\x1b", "\x0c", "2", "3", "4", "5", ":", "\x1b", "1"] {
            pty.keys(key);
            sleep(Duration::from_millis(30));
        }
        assert!(
            pty.child.try_wait().unwrap().is_none(),
            "ended at {columns}×{rows}"
        );
    }
    pty.resize(120, 36);
    pty.until("the fleet, whole again", |text| {
        text.contains("auth-service") && text.contains("1 Fleet")
    });
    pty.is_taken();
    pty.signal("-TERM");
    assert_eq!(pty.gives_back(), 0);
    assert_eq!(leftovers(home.path()), [""; 0]);
}

/// Not a test by itself: borrows the terminal and panics, first on another thread, then on its own.
#[test]
#[ignore = "run by the test below, inside a PTY"]
fn borrows_and_panics() {
    use ratatui::widgets::Widget as _;
    let mut screen = gonogo::runtime::terminal::Screen::take(true).unwrap();
    screen
        .draw(|area, buffer| {
            ratatui::widgets::Paragraph::new("borrowed").render(area, buffer);
        })
        .unwrap();
    let other = std::thread::spawn(|| panic!("of a task"));
    assert!(other.join().is_err());
    screen
        .draw(|area, buffer| {
            ratatui::widgets::Paragraph::new("a task died").render(area, buffer);
        })
        .unwrap();
    std::io::stdin().read_exact(&mut [0]).unwrap();
    panic!("of the screen");
}

#[test]
fn a_panic_gives_the_terminal_back() {
    let home = tempfile::tempdir().unwrap();
    let mut command = CommandBuilder::new(std::env::current_exe().unwrap());
    command.args([
        "terminal::borrows_and_panics",
        "--exact",
        "--ignored",
        "--nocapture",
    ]);
    environment(&mut command, home.path());
    let mut pty = Pty::start(command);
    let text = pty.sees("a task died");
    assert!(
        !text.contains("of a task"),
        "a task's panic wrote on the screen: {text}"
    );
    pty.is_taken();
    pty.keys("x");
    assert_ne!(pty.gives_back(), 0);
    // The words of the panic stand on the screen that is left.
    assert!(pty.text().contains("of the screen"), "{}", pty.text());
}
