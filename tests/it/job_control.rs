//! ctrl-z, fg and hang-up in a real terminal with a real shell.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::thread::sleep;

use portable_pty::CommandBuilder;

use super::{
    pty::{Pty, READ, environment, leftovers},
    rig::GONOGO,
};

const PROMPT: &str = "prompt-of-the-shell";

/// bash with job control, in which the cockpit is a job like any other.
fn shell(home: &std::path::Path) -> Pty {
    let mut command = CommandBuilder::new("/bin/bash");
    command.args(["--norc", "--noprofile", "--noediting", "-i"]);
    environment(&mut command, home);
    command.env("PS1", format!("{PROMPT} "));
    let mut pty = Pty::start(command);
    pty.sees(PROMPT);
    pty
}

/// The shell has its terminal back: its prompt is there, and typing is echoed.
#[track_caller]
fn is_the_shells(pty: &mut Pty) {
    pty.until("the job is stopped", |text| text.contains("Stopped"));
    pty.sees(PROMPT);
    assert_eq!(pty.mouse().0, vt100::MouseProtocolMode::None);
    pty.keys("echo wor'king'\r");
    pty.until("the shell echoes and answers", |text| {
        text.contains("echo wor'king'") && text.lines().any(|line| line.trim() == "working")
    });
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_paints_all_of_it() {
    let home = tempfile::tempdir().unwrap();
    let mut pty = shell(home.path());
    pty.keys(&format!("{GONOGO} rehearse --speed 30\r"));
    pty.sees("auth-service");
    pty.is_taken();

    pty.keys("\x1a");
    is_the_shells(&mut pty);
    pty.keys("fg\r");
    pty.until("the fleet, whole again", |text| {
        text.contains("1 Fleet") && text.contains("auth-service") && !text.contains(PROMPT)
    });
    pty.is_taken();

    // Also from within a dialog's text field, and at another size than it was left at.
    pty.keys(":");
    pty.sees("enter runs");
    pty.keys("\x1a");
    is_the_shells(&mut pty);
    pty.resize(80, 24);
    pty.keys("fg\r");
    let text = pty.until("the palette, at the new size", |text| {
        text.contains("enter runs") && !text.contains(PROMPT)
    });
    assert!(text.lines().count() <= 24, "{text}");
    pty.is_taken();

    // A signal from elsewhere does the same as the key.
    pty.keys("\x1b");
    pty.until("the fleet", |text| !text.contains("enter runs"));
    pty.signal_job("-TSTP");
    is_the_shells(&mut pty);
    pty.keys("fg\r");
    pty.until("the fleet again", |text| {
        text.contains("1 Fleet") && !text.contains(PROMPT)
    });

    pty.keys("q");
    pty.sees(PROMPT);
    pty.keys("exit\r");
    pty.gives_back();
    assert_eq!(leftovers(home.path()), [""; 0]);
}

/// Stopped by SIGSTOP and left in the terminal's own modes, it sets them up anew when it goes on.
#[test]
fn a_stop_that_nobody_announced_is_mended_at_the_next_key() {
    let home = tempfile::tempdir().unwrap();
    let mut pty = shell(home.path());
    pty.keys(&format!("{GONOGO} rehearse --speed 30\r"));
    pty.sees("auth-service");
    pty.signal_job("-STOP");
    pty.until("the shell says so", |text| text.contains("Stopped"));
    pty.keys("fg\r");
    pty.until("the fleet, whole again", |text| {
        text.contains("1 Fleet") && text.contains("auth-service") && !text.contains("Stopped")
    });
    pty.is_taken();
    pty.keys("q");
    pty.sees(PROMPT);
}

/// Without a shell behind it a stop would be for ever; it says so and goes on.
#[test]
fn nobody_could_bring_it_back() {
    let home = tempfile::tempdir().unwrap();
    let mut pty = Pty::rehearse(home.path(), "30");
    pty.sees("auth-service");
    pty.presses("\x1a", "not suspended");
    pty.is_taken();
    pty.quits();
}

/// The connection breaks: it ends by itself and leaves nothing behind.
#[test]
fn a_terminal_that_goes_away_ends_it() {
    let home = tempfile::tempdir().unwrap();
    let mut pty = Pty::rehearse(home.path(), "30");
    pty.sees("auth-service");
    sleep(READ);
    assert_eq!(leftovers(home.path()).len(), 1);
    pty.hang_up();
    let status = super::rig::wait_for("it ends", || pty.child.try_wait().unwrap());
    assert_eq!(status.exit_code(), 0, "{status}");
    assert_eq!(leftovers(home.path()), [""; 0]);
}
