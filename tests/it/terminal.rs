//! The cockpit in a real terminal (a PTY read by a VT parser): a whole flight by keys, what a dialog does not listen to,
//! sizes that make no sense, and the terminal given back whole.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    io::{Read as _, Write as _},
    num::NonZero,
    path::Path,
    sync::{Arc, Mutex},
    thread::sleep,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use serde_json::json;

use super::rig::{GONOGO, Rig};

const PATIENCE: Duration = Duration::from_secs(40);
/// Longer than a dialog is deaf.
const READ: Duration = Duration::from_millis(400);

pub(super) struct Pty {
    master: Box<dyn MasterPty + Send>,
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn std::io::Write + Send>,
    parser: Arc<Mutex<vt100::Parser>>,
    modes: String,
}

fn size(columns: u16, rows: u16) -> PtySize {
    PtySize {
        rows,
        cols: columns,
        pixel_width: 0,
        pixel_height: 0,
    }
}

fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap()
}

impl Pty {
    pub(super) fn start(command: CommandBuilder) -> Self {
        let pair = native_pty_system().openpty(size(120, 36)).unwrap();
        let modes = format!("{:?}", pair.master.get_termios().unwrap());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let parser = Arc::new(Mutex::new(vt100::Parser::new(cells(36), cells(120), 0)));
        let mut output = pair.master.try_clone_reader().unwrap();
        let screen = Arc::clone(&parser);
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                screen.lock().unwrap().process(&bytes[..count]);
            }
        });
        let keyboard = pair.master.take_writer().unwrap();
        Self {
            master: pair.master,
            child,
            keyboard,
            parser,
            modes,
        }
    }

    /// The cockpit on a practice cluster of its own.
    fn rehearse(home: &Path, speed: &str) -> Self {
        let mut command = CommandBuilder::new(GONOGO);
        command.args(["rehearse", "--speed", speed]);
        environment(&mut command, home);
        Self::start(command)
    }

    pub(super) fn text(&self) -> String {
        self.parser.lock().unwrap().screen().contents()
    }

    #[track_caller]
    pub(super) fn until(&mut self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let started = Instant::now();
        loop {
            let text = self.text();
            if is(&text) {
                return text;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("it ended ({status}) before {what}:\n{text}");
            }
            assert!(
                started.elapsed() < PATIENCE,
                "not within {PATIENCE:?}: {what}\n{text}"
            );
            sleep(Duration::from_millis(20));
        }
    }

    #[track_caller]
    pub(super) fn sees(&mut self, wanted: &str) -> String {
        self.until(wanted, |text| text.contains(wanted))
    }

    pub(super) fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// A dialog with these words is on the screen; read, then answered.
    #[track_caller]
    pub(super) fn confirm(&mut self, words: &str, answer: &str) {
        self.sees(words);
        sleep(READ);
        self.keys(answer);
        self.keys("\r");
        self.until("the dialog is gone", |text| !text.contains(words));
    }

    /// An act by its key and its dialog. On a busy machine figures go missing for a moment, and then it is refused, in
    /// words; so it is tried again. What is neither done nor refused in words is a failure.
    #[track_caller]
    fn act(&mut self, ready: &str, key: &str, words: &str, answer: &str, done: &str) {
        for _ in 0..5 {
            self.sees(ready);
            self.keys(key);
            let text = self.until("a dialog or a reason", |text| {
                text.contains(words) || text.contains("cannot")
            });
            if text.contains(words) {
                self.confirm(words, answer);
                let text = self.until(done, |text| {
                    text.contains(done) || text.contains("refused:")
                });
                if text.contains(done) {
                    return;
                }
            }
            sleep(Duration::from_secs(1));
        }
        panic!("refused five times: {done}\n{}", self.text());
    }

    fn resize(&mut self, columns: u16, rows: u16) {
        self.parser
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(cells(rows), cells(columns));
        self.master.resize(size(columns, rows)).unwrap();
    }

    fn signal(&self, name: &str) {
        let id = self.child.process_id().unwrap().to_string();
        let sent = std::process::Command::new("kill")
            .args([name, &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// It ends by itself, soon; then the terminal is as it was.
    #[track_caller]
    fn gives_back(&mut self, within: Duration) -> u32 {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                started.elapsed() < within,
                "still there after {within:?}\n{}",
                self.text()
            );
            sleep(Duration::from_millis(10));
        };
        // What it wrote last may still be on its way.
        sleep(Duration::from_millis(200));
        self.is_given_back();
        status.exit_code()
    }

    #[track_caller]
    fn is_given_back(&self) {
        let parser = self.parser.lock().unwrap();
        let screen = parser.screen();
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is on");
        assert_eq!(
            format!("{:?}", self.master.get_termios().unwrap()),
            self.modes,
            "raw mode"
        );
    }

    #[track_caller]
    fn is_taken(&self) {
        let parser = self.parser.lock().unwrap();
        let screen = parser.screen();
        assert!(screen.alternate_screen() && screen.hide_cursor() && screen.bracketed_paste());
    }
}

impl Drop for Pty {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn environment(command: &mut CommandBuilder, home: &Path) {
    command.env_clear();
    command.env("PATH", std::env::var("PATH").unwrap_or_default());
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    for name in ["HOME", "TMPDIR", "GONOGO_CONFIG_DIR"] {
        command.env(name, home);
    }
    command.cwd(home);
}

fn leftovers(home: &Path) -> Vec<String> {
    let names = std::fs::read_dir(home)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names
        .filter(|name| name.starts_with("gonogo-rehearsal-"))
        .collect()
}

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
    pty.sees("check verify.smoke");
    pty.keys("Gc");
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

    pty.keys("q");
    assert_eq!(pty.gives_back(Duration::from_secs(5)), 0);
    assert_eq!(leftovers(home.path()), [""; 0]);
}

/// The cockpit on somebody else's practice cluster, at the flight.
fn attend(rig: &Rig, config: &Path) -> Pty {
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
        pty.sees("ready: p promotes");
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
    assert_eq!(pty.gives_back(Duration::from_secs(3)), 0);
    assert_eq!(leftovers(home.path()), [""; 0]);
}

/// Not a test by itself: borrows the terminal and panics, first on another thread, then on its own.
#[test]
#[ignore = "run by the test below, inside a PTY"]
fn borrows_and_panics() {
    let mut screen = gonogo::runtime::terminal::Screen::take().unwrap();
    screen
        .draw(|frame| {
            frame.render_widget(ratatui::widgets::Paragraph::new("borrowed"), frame.area());
        })
        .unwrap();
    let other = std::thread::spawn(|| panic!("of a task"));
    assert!(other.join().is_err());
    screen
        .draw(|frame| {
            frame.render_widget(
                ratatui::widgets::Paragraph::new("a task died"),
                frame.area(),
            );
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
    assert_ne!(pty.gives_back(Duration::from_secs(5)), 0);
    // The words of the panic stand on the screen that is left.
    assert!(pty.text().contains("of the screen"), "{}", pty.text());
}
