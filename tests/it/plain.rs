//! The session as lines over a pipe: a whole flight by commands, what does not confirm, and how it ends.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    io::{Read as _, Write as _},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
    thread::sleep,
    time::{Duration, Instant},
};

use super::rig::{self, Rig, command};

const PATIENCE: Duration = Duration::from_secs(90);
/// Longer than a question is deaf.
const READ: Duration = Duration::from_millis(500);

struct Lines {
    child: Child,
    input: Option<ChildStdin>,
    output: Arc<Mutex<String>>,
    /// Up to where it was looked at.
    seen: usize,
}

impl Lines {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = Arc::new(Mutex::new(String::new()));
        let (mut from, into) = (child.stdout.take().unwrap(), Arc::clone(&output));
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(count @ 1..) = from.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
                into.lock().unwrap().push_str(&text);
            }
        });
        Self {
            input: child.stdin.take(),
            child,
            output,
            seen: 0,
        }
    }

    fn on(rig: &Rig) -> Self {
        Self::start(
            command(rig.path())
                .arg("--config")
                .arg(rig.config())
                .args(["--plain", "--as", "dana"]),
        )
    }

    fn text(&self) -> String {
        self.output.lock().unwrap().clone()
    }

    fn type_in(&mut self, line: &str) {
        let input = self.input.as_mut().unwrap();
        input.write_all(format!("{line}\n").as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// One of these comes after everything that was looked at before; says which.
    #[track_caller]
    fn sees_one_of(&mut self, wanted: &[&str]) -> usize {
        let started = Instant::now();
        loop {
            let text = self.text();
            let found = wanted
                .iter()
                .enumerate()
                .filter_map(|(index, words)| {
                    Some((self.seen + text[self.seen..].find(words)?, index))
                })
                .min();
            if let Some((at, index)) = found {
                self.seen = at + wanted[index].len();
                return index;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "not within {PATIENCE:?}: {wanted:?}\n{text}"
            );
            sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    fn sees(&mut self, wanted: &str) {
        self.sees_one_of(&[wanted]);
    }

    /// A command with its question and answer. On a busy machine figures go missing for a moment and then it is refused,
    /// in words; so it is tried again.
    #[track_caller]
    fn act(&mut self, line: &str, wants: &str, answer: &str, done: &str) {
        for _ in 0..8 {
            self.type_in(line);
            if self.sees_one_of(&[wants, "warning: "]) == 0 {
                sleep(READ);
                self.type_in(answer);
                if self.sees_one_of(&[done, "warning: "]) == 0 {
                    return;
                }
            }
            sleep(Duration::from_secs(1));
        }
        panic!("refused again and again: {line}\n{}", self.text());
    }

    /// The input ends; how it ended.
    fn ends(mut self) -> (i32, String) {
        drop(self.input.take());
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "it does not end\n{}",
                self.text()
            );
            sleep(Duration::from_millis(20));
        };
        sleep(Duration::from_millis(100));
        (status.code().unwrap_or(-1), self.text())
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// From the request to the close and back again, as somebody types it who sees no screen.
#[test]
fn a_flight_by_lines() {
    let home = tempfile::tempdir().unwrap();
    let mut lines = Lines::start(
        command(home.path())
            .env("TMPDIR", home.path())
            .args(["rehearse", "--plain", "--speed", "100"]),
    );
    lines.sees("REHEARSAL");
    lines.sees("production auth-service: 41 v1.2.3 is healthy");
    lines.type_in("help");
    lines.sees("promote [ENV PROJECT] [--step N]");
    lines.type_in("request production auth-service 42 --reason passkeys for everybody");
    lines.sees("dana requested release 42 v1.3.0: passkeys for everybody");
    lines.sees("gate approvals passes: approved, 2 of 2");
    for item in [
        "oncall.confirmed",
        "stakeholders.notified",
        "rollback.reviewed",
    ] {
        lines.type_in(&format!("check {item}"));
    }
    lines.sees("GO: `fly` flies");

    // What came before the question was to be read does not answer it, however right it is.
    lines.type_in("fly\n42");
    lines.sees("type 42 to confirm");
    lines.sees("`42` came before the question could be read");
    sleep(READ);
    lines.type_in("41");
    lines.sees("`41` does not answer it");
    lines.type_in("esc");
    lines.sees("left, nothing was done");

    lines.act("fly", "type 42 to confirm", "42", "10 % reached");
    for done in ["50 % reached", "100 % reached", "serves everybody"] {
        lines.sees("ready: `promote` promotes");
        lines.act("p", "enter alone confirms", "", done);
    }
    lines.sees("check verify.smoke");
    lines.type_in("check verify.smoke");
    lines.sees("deployment closed");
    lines.act(
        "rollback --reason slow pages",
        "type production to confirm",
        "production",
        "deployment rolled back",
    );
    lines.type_in("status");
    lines.sees("PRODUCTION (protected) auth-service: 41 v1.2.3");
    let (code, text) = lines.ends();
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains('\x1b'), "an escape sequence: {text:?}");
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Somebody else's flight: hold, resume, abort and roll back; and the end of the input confirms nothing.
#[test]
fn hold_abort_and_rollback_by_lines() {
    let rig = Rig::serve("60");
    rig.airborne("42");
    let mut lines = Lines::on(&rig);
    lines.sees("production auth-service: pods: ");
    lines.type_in("hold production auth-service");
    lines.sees("hold: applied");
    assert_eq!(rig.rollout()["spec"]["paused"], true);
    // A word means what it says: it does not take the hold off again.
    let seq = rig.seq();
    lines.type_in("hold");
    lines.sees("hold: ");
    assert_eq!(rig.seq(), seq);
    lines.act("resume", "enter alone confirms", "", "resume: applied");
    lines.type_in("abort");
    lines.sees("enter alone confirms");
    let (code, text) = lines.ends();
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("not confirmed, nothing was done"), "{text}");
    assert_ne!(rig.rollout()["spec"]["abort"], true);
    assert_ne!(rig.rollout()["status"]["abort"], true);

    let mut lines = Lines::on(&rig);
    lines.sees("production auth-service: pods: ");
    lines.act(
        "abort production auth-service",
        "enter alone confirms",
        "",
        "aborted: stable serves",
    );
    lines.type_in("rollback");
    lines.sees("Roll back: why?");
    sleep(READ);
    lines.act(
        "pages are slow",
        "type production to confirm",
        "production",
        "deployment rolled back",
    );
    let (code, text) = lines.ends();
    assert_eq!(code, 0, "{text}");
    rig.ledger_is_sound();
}

/// The end of the input ends it, with the exit code of the last command.
#[test]
fn the_last_command_says_how_it_ended() {
    let rig = Rig::serve("60");
    for (typed, code) in [
        ("status", 0),
        ("bogus", 2),
        ("request", 2),
        ("promote production auth-service", 4),
        ("request production auth-service 43 --reason too early", 0),
        ("fly production auth-service", 3),
    ] {
        let mut lines = Lines::on(&rig);
        lines.type_in(typed);
        let (ended, text) = lines.ends();
        assert_eq!(ended, code, "{typed}\n{text}");
    }
}

/// Stopped for longer than a machine breathes: said, nothing typed meanwhile counts, the question is gone, and the gap is
/// in the ledger.
#[test]
fn a_stopped_process_says_so_and_takes_nothing_that_was_typed() {
    let rig = Rig::serve("60");
    rig.airborne("42");
    let mut lines = Lines::on(&rig);
    lines.sees("production auth-service: pods: ");
    lines.type_in("abort production auth-service");
    lines.sees("enter alone confirms");
    let signal = |lines: &Lines, name: &str| {
        let id = lines.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    };
    sleep(READ);
    signal(&lines, "-STOP");
    lines.type_in("");
    lines.type_in("abort\n");
    sleep(Duration::from_secs(9));
    signal(&lines, "-CONT");
    lines.sees("the confirmation of abort was cancelled, nothing was sent");
    lines.sees("was typed before the machine woke");
    lines.sees("unattended from");
    rig::wait_for("the gap in the ledger", || {
        rig.entries()
            .iter()
            .any(|entry| entry["body"]["kind"] == "unattended")
            .then_some(())
    });
    assert_ne!(rig.rollout()["status"]["abort"], true);
    // It goes on as if nothing had been.
    sleep(Duration::from_secs(1));
    lines.act(
        "abort",
        "enter alone confirms",
        "",
        "aborted: stable serves",
    );
    let (code, text) = lines.ends();
    assert_eq!(code, 0, "{text}");
}
