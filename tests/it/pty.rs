//! A PTY with a program in it and a VT parser behind it: what tests see is what a terminal would show.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    io::{Read as _, Write as _},
    num::NonZero,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::sleep,
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use super::rig::GONOGO;

const PATIENCE: Duration = Duration::from_secs(40);
/// Longer than a dialog is deaf.
pub const READ: Duration = Duration::from_millis(400);

pub struct Pty {
    pub master: Option<Box<dyn MasterPty + Send>>,
    pub child: Box<dyn Child + Send + Sync>,
    keyboard: Option<Box<dyn std::io::Write + Send>>,
    parser: Arc<Mutex<vt100::Parser>>,
    /// Everything that was written, as it came.
    bytes: Arc<Mutex<Vec<u8>>>,
    gone: Arc<AtomicBool>,
    modes: String,
}

pub fn size(columns: u16, rows: u16) -> PtySize {
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
    pub fn start(command: CommandBuilder) -> Self {
        let pair = native_pty_system().openpty(size(120, 36)).unwrap();
        let modes = format!("{:?}", pair.master.get_termios().unwrap());
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let parser = Arc::new(Mutex::new(vt100::Parser::new(cells(36), cells(120), 0)));
        let mut output = pair.master.try_clone_reader().unwrap();
        let screen = Arc::clone(&parser);
        let bytes = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&bytes);
        let gone = Arc::new(AtomicBool::new(false));
        let hung_up = Arc::clone(&gone);
        std::thread::spawn(move || {
            let mut piece = [0; 8192];
            while let Ok(count @ 1..) = output.read(&mut piece) {
                written.lock().unwrap().extend_from_slice(&piece[..count]);
                screen.lock().unwrap().process(&piece[..count]);
                if hung_up.load(Ordering::SeqCst) {
                    // The clock is drawn every second, so this is soon; now the last descriptor goes.
                    break;
                }
            }
        });
        let keyboard = pair.master.take_writer().unwrap();
        Self {
            master: Some(pair.master),
            child,
            keyboard: Some(keyboard),
            parser,
            bytes,
            gone,
            modes,
        }
    }

    /// The cockpit on a practice cluster of its own.
    pub fn rehearse(home: &Path, speed: &str) -> Self {
        Self::rehearse_with(home, &["--speed", speed], &[])
    }

    /// The same with more arguments and another environment.
    pub fn rehearse_with(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = CommandBuilder::new(GONOGO);
        command.arg("rehearse");
        command.args(arguments);
        environment(&mut command, home);
        for (name, value) in variables {
            command.env(name, value);
        }
        Self::start(command)
    }

    /// Written since the last call.
    pub fn take_bytes(&self) -> Vec<u8> {
        std::mem::take(&mut self.bytes.lock().unwrap())
    }

    pub fn peek_bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }

    /// Whether presses and the wheel are reported, and in which form.
    pub fn mouse(&self) -> (vt100::MouseProtocolMode, vt100::MouseProtocolEncoding) {
        let parser = self.parser.lock().unwrap();
        let screen = parser.screen();
        (
            screen.mouse_protocol_mode(),
            screen.mouse_protocol_encoding(),
        )
    }

    /// Whether some cell of a line with these words is in reverse video.
    pub fn is_reversed(&self, words: &str) -> bool {
        self.any_cell(words, vt100::Cell::inverse)
    }

    /// Whether some cell of a line with these words is as told.
    pub fn any_cell(&self, words: &str, is: impl Fn(&vt100::Cell) -> bool) -> bool {
        let parser = self.parser.lock().unwrap();
        let screen = parser.screen();
        let (rows, columns) = screen.size();
        let (rows, columns) = (rows.get(), columns.get());
        let says = |row: u16| {
            let line: String = (0..columns)
                .filter_map(|column| screen.cell(row, column))
                .map(vt100::Cell::contents)
                .collect();
            line.contains(words)
        };
        (0..rows).filter(|row| says(*row)).any(|row| {
            (0..columns)
                .filter_map(|column| screen.cell(row, column))
                .any(&is)
        })
    }

    /// The terminal goes away, as when a connection breaks.
    pub fn hang_up(&mut self) {
        self.gone.store(true, Ordering::SeqCst);
        self.keyboard = None;
        self.master = None;
    }

    pub fn text(&self) -> String {
        self.parser.lock().unwrap().screen().contents()
    }

    #[track_caller]
    pub fn until(&mut self, what: &str, is: impl Fn(&str) -> bool) -> String {
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
    pub fn sees(&mut self, wanted: &str) -> String {
        self.until(wanted, |text| text.contains(wanted))
    }

    pub fn keys(&mut self, keys: &str) {
        let keyboard = self.keyboard.as_mut().unwrap();
        keyboard.write_all(keys.as_bytes()).unwrap();
        keyboard.flush().unwrap();
    }

    /// A dialog with these words is on the screen; read, then answered.
    #[track_caller]
    pub fn confirm(&mut self, words: &str, answer: &str) {
        self.sees(words);
        sleep(READ);
        self.keys(answer);
        self.keys("\r");
        self.until("the dialog is gone", |text| !text.contains(words));
    }

    /// An act by its key and its dialog. On a busy machine figures go missing for a moment, and then it is refused, in
    /// words; so it is tried again. What is neither done nor refused in words is a failure.
    #[track_caller]
    pub fn act(&mut self, ready: &str, key: &str, words: &str, answer: &str, done: &str) {
        for _ in 0..5 {
            self.sees(ready);
            self.keys(key);
            let text = self.until("a dialog or a reason", |text| {
                text.contains(words) || text.contains("cannot")
            });
            if text.contains(words) {
                self.confirm(words, answer);
                // What is refused is said in the last lines; the line of the mover names keys that would be.
                let refused =
                    |text: &str| text.lines().rev().take(3).any(|it| it.contains("refused:"));
                let text = self.until(done, |text| text.contains(done) || refused(text));
                if text.contains(done) {
                    return;
                }
            }
            sleep(Duration::from_secs(1));
        }
        panic!("refused five times: {done}\n{}", self.text());
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        self.parser
            .lock()
            .unwrap()
            .screen_mut()
            .set_size(cells(rows), cells(columns));
        let master = self.master.as_ref().unwrap();
        master.resize(size(columns, rows)).unwrap();
    }

    pub fn signal(&self, name: &str) {
        let id = self.child.process_id().unwrap().to_string();
        let sent = std::process::Command::new("kill")
            .args([name, &id])
            .status();
        assert!(sent.unwrap().success());
    }

    /// To the program that has the terminal, for where that is not the one that was started.
    pub fn signal_job(&self, name: &str) {
        let leader = self.master.as_ref().unwrap().process_group_leader();
        let sent = std::process::Command::new("kill")
            .args([name, "--", &format!("-{}", leader.unwrap())])
            .status();
        assert!(sent.unwrap().success());
    }

    /// Presses until the words are there. A machine that stood still for seconds counts as one that slept, and what was
    /// typed meanwhile is ignored, so a key may be needed again.
    #[track_caller]
    pub fn presses(&mut self, keys: &str, wanted: &str) -> String {
        for _ in 0..8 {
            self.keys(keys);
            let started = Instant::now();
            while started.elapsed() < PATIENCE / 8 {
                let text = self.text();
                if text.contains(wanted) {
                    return text;
                }
                sleep(Duration::from_millis(20));
            }
        }
        panic!("{keys:?} never brought {wanted:?}\n{}", self.text());
    }

    /// Leaves by the key for it; as with [`Pty::presses`], more than once where the machine stood still.
    #[track_caller]
    pub fn quits(&mut self) {
        for _ in 0..8 {
            self.keys("q");
            let started = Instant::now();
            while started.elapsed() < PATIENCE / 8 {
                if self.child.try_wait().unwrap().is_some() {
                    assert_eq!(self.gives_back(), 0);
                    return;
                }
                sleep(Duration::from_millis(10));
            }
        }
        panic!("q does not leave\n{}", self.text());
    }

    /// It ends by itself; then the terminal is as it was. Returns the status.
    #[track_caller]
    pub fn gives_back(&mut self) -> u32 {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "still there after {PATIENCE:?}\n{}",
                self.text()
            );
            sleep(Duration::from_millis(10));
        };
        // What it wrote last may still be on its way.
        while self.is_taken_in_part() && started.elapsed() < PATIENCE {
            sleep(Duration::from_millis(10));
        }
        self.is_given_back();
        status.exit_code()
    }

    fn is_taken_in_part(&self) -> bool {
        let parser = self.parser.lock().unwrap();
        let screen = parser.screen();
        screen.alternate_screen()
            || screen.hide_cursor()
            || screen.bracketed_paste()
            || screen.mouse_protocol_mode() != vt100::MouseProtocolMode::None
    }

    #[track_caller]
    pub fn is_given_back(&self) {
        let parser = self.parser.lock().unwrap();
        let screen = parser.screen();
        assert!(!screen.alternate_screen(), "still on the alternate screen");
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is on");
        assert_eq!(
            screen.mouse_protocol_mode(),
            vt100::MouseProtocolMode::None,
            "the mouse is reported"
        );
        assert_eq!(
            format!("{:?}", self.master.as_ref().unwrap().get_termios().unwrap()),
            self.modes,
            "raw mode"
        );
    }

    #[track_caller]
    pub fn is_taken(&self) {
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

pub fn environment(command: &mut CommandBuilder, home: &Path) {
    command.env_clear();
    command.env("PATH", std::env::var("PATH").unwrap_or_default());
    command.env("TERM", "xterm-256color");
    command.env("LANG", "C.UTF-8");
    for name in ["HOME", "TMPDIR", "GONOGO_CONFIG_DIR"] {
        command.env(name, home);
    }
    command.cwd(home);
}

pub fn leftovers(home: &Path) -> Vec<String> {
    let names = std::fs::read_dir(home)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names
        .filter(|name| name.starts_with("gonogo-rehearsal-"))
        .collect()
}
