//! The terminal is gone (SIGHUP) or the person left (`q`): the next start shows the same view.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    io::{Read as _, Write as _},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::rig::{GONOGO, Rig};

const PATIENCE: Duration = Duration::from_secs(60);

struct Seat {
    master: Box<dyn MasterPty + Send>,
    /// The reader lets go of the terminal at its next word.
    closing: Arc<AtomicBool>,
    keyboard: Box<dyn std::io::Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    parser: Arc<Mutex<vt100::Parser>>,
}

impl Seat {
    fn at(rig: &Rig) -> Self {
        let mut command = CommandBuilder::new(GONOGO);
        command.arg("--config");
        command.arg(rig.config());
        command.env_clear();
        command.env("PATH", std::env::var("PATH").unwrap_or_default());
        command.env("TERM", "xterm-256color");
        for name in ["HOME", "TMPDIR", "GONOGO_CONFIG_DIR"] {
            command.env(name, rig.path());
        }
        command.cwd(rig.path());
        let size = PtySize {
            rows: 36,
            cols: 120,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let cells = |count| std::num::NonZero::new(count).unwrap();
        let parser = Arc::new(Mutex::new(vt100::Parser::new(cells(36), cells(120), 0)));
        let (mut output, screen) = (pair.master.try_clone_reader().unwrap(), Arc::clone(&parser));
        let closing = Arc::<AtomicBool>::default();
        let close = Arc::clone(&closing);
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                if close.load(Ordering::SeqCst) {
                    return;
                }
                screen.lock().unwrap().process(&bytes[..count]);
            }
        });
        let keyboard = pair.master.take_writer().unwrap();
        Self {
            master: pair.master,
            closing,
            keyboard,
            child,
            parser,
        }
    }

    #[track_caller]
    fn until(&self, what: &str, is: impl Fn(&str) -> bool) {
        let started = Instant::now();
        loop {
            let text = self.parser.lock().unwrap().screen().contents();
            if is(&text) {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "not seen: {what}\n{text}");
            sleep(Duration::from_millis(20));
        }
    }

    fn keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// The connection is gone: every end of the terminal but the program's own.
    #[track_caller]
    fn hangs_up(self) {
        let Self {
            master,
            closing,
            keyboard,
            mut child,
            ..
        } = self;
        closing.store(true, Ordering::SeqCst);
        drop((master, keyboard));
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            sleep(Duration::from_millis(10));
        };
        // Not killed, and no panic.
        assert!(status.exit_code() <= 1, "{status}");
    }

    #[track_caller]
    fn ends(mut self) {
        let started = Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < PATIENCE, "it does not end");
            sleep(Duration::from_millis(10));
        }
        assert!(!self.parser.lock().unwrap().screen().alternate_screen());
    }
}

#[test]
fn the_next_start_shows_the_same_view() {
    let rig = Rig::serve("30");
    let in_staging = |text: &str| {
        text.lines()
            .next()
            .is_some_and(|line| line.contains("staging"))
            || text
                .lines()
                .nth(1)
                .is_some_and(|line| line.contains("staging"))
    };
    let mut seat = Seat::at(&rig);
    seat.until("the fleet", |text| {
        text.contains("auth-service") && text.matches("healthy").count() >= 6
    });
    seat.keys("h");
    seat.until("staging", in_staging);
    seat.keys("5");
    seat.until("the timeline", |text| {
        text.contains("approved") || text.contains("requested")
    });
    let id = seat.child.process_id().unwrap().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-HUP", &id])
            .status()
            .unwrap()
            .success()
    );
    sleep(Duration::from_millis(200));
    seat.ends();

    // Nothing is read yet, and it is the timeline of staging already.
    let mut seat = Seat::at(&rig);
    seat.until("staging again", in_staging);
    seat.keys("2");
    seat.until("the releases", |text| text.contains("v1.3.0"));
    seat.keys("q");
    seat.ends();

    let mut seat = Seat::at(&rig);
    seat.until("the releases of staging, after q", |text| {
        in_staging(text) && text.contains("v1.3.0")
    });
    seat.keys("1l5");
    seat.until("the timeline of production", |text| {
        !in_staging(text) && text.contains("asked (fly)")
    });
    seat.hangs_up();

    let seat = Seat::at(&rig);
    seat.until(
        "the timeline again, after the connection was gone",
        |text| !in_staging(text) && text.contains("asked (fly)"),
    );
}

/// The screen after a sleep: it says so, and the key that was pressed in the dark did nothing.
#[test]
fn a_screen_that_slept_executes_no_key_from_before() {
    let rig = Rig::serve("30");
    let mut seat = Seat::at(&rig);
    let fleet = |text: &str| text.contains("auth-service") && text.matches("healthy").count() >= 6;
    seat.until("the fleet", fleet);
    let id = seat.child.process_id().unwrap().to_string();
    let signal = |name: &str| {
        let sent = std::process::Command::new("kill")
            .args([name, &id])
            .status();
        assert!(sent.unwrap().success());
    };
    signal("-STOP");
    seat.keys("4");
    sleep(Duration::from_secs(9));
    signal("-CONT");
    seat.until("that it slept", |text| text.contains("slept for"));
    // Everything is read anew, and it is the fleet still.
    sleep(Duration::from_millis(1500));
    seat.until("the fleet again", fleet);
    seat.keys("4");
    seat.until("the flight screen", |text| {
        text.contains("No deployment is under way")
    });
}
