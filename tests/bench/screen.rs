//! What a person feels: start to first useful frame, key to screen, and what the cockpit costs while nothing happens;
//! beside gitui and bottom where they are installed, and a raw echo as the floor under all of them.
//!
//! `cargo bench --bench screen`, or `-- --presses 1000 --idle 60 --starts 20` for figures to quote. Nothing else should run
//! meanwhile: the load average is printed with the table. A press counts from just before the byte is written to the
//! last byte that came before 30 ms of quiet, and only where a cell of the screen changed.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::{
    io::{Read as _, Write as _},
    num::NonZero,
    path::Path,
    process::{Child as Process, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::{Duration, Instant},
};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

const GONOGO: &str = env!("CARGO_BIN_EXE_gonogo");
const SIZE: PtySize = PtySize {
    rows: 50,
    cols: 200,
    pixel_width: 0,
    pixel_height: 0,
};
const QUIET: Duration = Duration::from_millis(30);
const PATIENCE: Duration = Duration::from_secs(20);

/// What terminals are asked at start, and what this one says; a program that waits for an answer would be measured
/// waiting.
const QUESTIONS: [(&[u8], &[u8]); 4] = [
    (b"\x1b[c", b"\x1b[?62;22c"),
    (b"\x1b[6n", b"\x1b[1;1R"),
    (b"\x1b]10;?", b"\x1b]10;rgb:dddd/dddd/dddd\x1b\\"),
    (b"\x1b]11;?", b"\x1b]11;rgb:1111/1111/1111\x1b\\"),
];

/// A program to look at.
struct Peer {
    name: &'static str,
    command: CommandBuilder,
    /// On the screen once it is of use.
    marker: &'static str,
    /// Two keys that undo each other, each of which changes a cell.
    keys: [&'static str; 2],
}

/// It, running in a terminal of its own.
struct Running {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keyboard: Box<dyn std::io::Write + Send>,
    output: Receiver<(Instant, Vec<u8>)>,
    parser: vt100::Parser,
    started: Instant,
}

impl Running {
    fn start(command: CommandBuilder) -> Self {
        let pair = native_pty_system().openpty(SIZE).unwrap();
        let started = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let keyboard = pair.master.take_writer().unwrap();
        let (send, output) = channel();
        std::thread::spawn(move || {
            let mut bytes = [0; 8_192];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if send
                    .send((Instant::now(), bytes[..count].to_vec()))
                    .is_err()
                {
                    return;
                }
            }
        });
        let cells = |count| NonZero::new(count).unwrap();
        Self {
            child,
            master: pair.master,
            keyboard,
            output,
            parser: vt100::Parser::new(cells(SIZE.rows), cells(SIZE.cols), 0),
            started,
        }
    }

    /// One piece of output, answered where it asks. None: nothing came in time.
    fn piece(&mut self, patience: Duration) -> Option<(Instant, usize)> {
        match self.output.recv_timeout(patience) {
            Ok((at, bytes)) => {
                for (question, answer) in QUESTIONS {
                    if bytes.windows(question.len()).any(|part| part == question) {
                        self.keyboard.write_all(answer).unwrap();
                    }
                }
                self.parser.process(&bytes);
                Some((at, bytes.len()))
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Until the marker is on the screen: how long it took from the start.
    fn until(&mut self, marker: &str) -> Option<Duration> {
        loop {
            let (at, _) = self.piece(PATIENCE)?;
            if self.parser.screen().contents().contains(marker) {
                return Some(at - self.started);
            }
        }
    }

    fn until_quiet(&mut self) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE && self.piece(Duration::from_millis(200)).is_some() {}
    }

    /// How long until the last byte of the answer, and whether any cell changed.
    fn press(&mut self, key: &str) -> Option<Duration> {
        let before = self.parser.screen().contents_formatted();
        let pressed = Instant::now();
        self.keyboard.write_all(key.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
        let (mut last, _) = self.piece(Duration::from_secs(2))?;
        while let Some((at, _)) = self.piece(QUIET) {
            last = at;
        }
        (self.parser.screen().contents_formatted() != before).then(|| last - pressed)
    }

    /// Bytes written, processor time, and memory over a while in which nobody presses anything.
    fn idle(&mut self, window: Duration) -> Idle {
        let pid = self.child.process_id().unwrap();
        let (began, spent) = (Instant::now(), processor(pid));
        let mut written = 0;
        while let Some(left) = window.checked_sub(began.elapsed()) {
            written += self.piece(left).map_or(0, |(_, count)| count);
        }
        let seconds = began.elapsed().as_secs_f64();
        Idle {
            processor: processor(pid).saturating_sub(spent).as_secs_f64() * 1_000.0 / seconds,
            written: written as f64 / seconds,
            resident: resident(pid),
        }
    }

    fn end(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        drop(self.master);
    }
}

struct Idle {
    /// Milliseconds of processor a second.
    processor: f64,
    /// Bytes a second.
    written: f64,
    /// Megabytes.
    resident: f64,
}

/// Of all threads of the process, from its start (`/proc/PID/schedstat` is of one thread; `stat` has ticks of 10 ms).
fn processor(pid: u32) -> Duration {
    let Ok(tasks) = std::fs::read_dir(format!("/proc/{pid}/task")) else {
        return Duration::ZERO;
    };
    let nanos = tasks.flatten().filter_map(|task| {
        let text = std::fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanos.sum())
}

fn resident(pid: u32) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kilobytes.unwrap_or(f64::NAN) / 1_024.0
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

/// The value below which this share of them lies.
fn percentile(sorted: &[Duration], share: f64) -> String {
    let at = (sorted.len() as f64 * share).ceil().max(1.0) - 1.0;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small index"
    )]
    let value = sorted.get(at as usize);
    value.map_or("–".to_owned(), |value| {
        format!("{:.2}", milliseconds(*value))
    })
}

fn measure(peer: &Peer, wish: &Wish) -> String {
    let mut starts = Vec::new();
    for _ in 0..wish.starts {
        let mut running = Running::start(peer.command.clone());
        let took = running.until(peer.marker);
        running.end();
        match took {
            Some(took) => starts.push(took),
            None => return format!("| {} | it never showed `{}` |", peer.name, peer.marker),
        }
    }
    starts.sort_unstable();
    let mut running = Running::start(peer.command.clone());
    running.until(peer.marker);
    running.until_quiet();
    let mut presses: Vec<Duration> = Vec::new();
    let mut silent = 0;
    for press in 0..wish.presses {
        match running.press(peer.keys[press % 2]) {
            Some(took) => presses.push(took),
            None => silent += 1,
        }
    }
    presses.sort_unstable();
    let idle = running.idle(wish.idle);
    running.end();
    format!(
        "| {} | {} | {} / {} / {} | {silent} | {:.2} | {:.0} | {:.1} |",
        peer.name,
        percentile(&starts, 0.5),
        percentile(&presses, 0.5),
        percentile(&presses, 0.99),
        percentile(&presses, 1.0),
        idle.processor,
        idle.written,
        idle.resident,
    )
}

struct Wish {
    starts: usize,
    presses: usize,
    idle: Duration,
}

impl Wish {
    fn read() -> Self {
        let words: Vec<String> = std::env::args().collect();
        let number = |name: &str, usual: usize| {
            let at = words.iter().position(|word| word == name);
            let value = at.and_then(|at| words.get(at + 1));
            value.and_then(|value| value.parse().ok()).unwrap_or(usual)
        };
        Self {
            starts: number("--starts", 5),
            presses: number("--presses", 200),
            idle: Duration::from_secs(number("--idle", 10) as u64),
        }
    }
}

/// A practice cluster in a process of its own, so that what it costs is not counted.
struct Cluster(Process);

impl Cluster {
    fn serve(folder: &Path) -> Self {
        let mut command = Command::new(GONOGO);
        command.args(["rehearse", "--serve", "--speed", "1", "--dir"]);
        command
            .arg(folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let cluster = Self(command.spawn().unwrap());
        let began = Instant::now();
        while !folder.join("ready").exists() {
            assert!(
                began.elapsed() < PATIENCE,
                "the practice cluster did not start"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        cluster
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default()
}

fn main() {
    let wish = Wish::read();
    let folder = tempfile::tempdir().unwrap();
    let home = tempfile::tempdir().unwrap();
    let cluster = Cluster::serve(folder.path());
    let command = |program: &str, arguments: &[&str]| {
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env("HOME", home.path());
        command.cwd(folder.path().join("source"));
        command
    };
    let configuration = folder.path().join("gonogo.toml");
    let cockpit = ["--config", configuration.to_str().unwrap()];
    let peers = [
        Peer {
            name: "raw echo (the floor)",
            command: command("sh", &["-c", "stty raw -echo; echo ready; exec cat"]),
            marker: "ready",
            keys: ["j", "k"],
        },
        Peer {
            name: "gonogo",
            command: command(GONOGO, &cockpit),
            marker: "auth-service",
            keys: ["j", "k"],
        },
        Peer {
            name: "gitui",
            command: command("gitui", &[]),
            marker: "Status",
            keys: ["2", "1"],
        },
        Peer {
            name: "btm",
            command: command("btm", &[]),
            marker: "CPU",
            keys: ["j", "k"],
        },
    ];
    println!("\nload before: {}", load().trim());
    println!("terminal of {}×{}; times in ms\n", SIZE.cols, SIZE.rows);
    println!(
        "| program | start → useful frame, p50 | key → last byte, p50 / p99 / max | presses that changed nothing | idle processor, ms/s | idle bytes/s | memory, MB |"
    );
    println!("|---|---|---|---|---|---|---|");
    for peer in &peers {
        let program = peer
            .command
            .get_argv()
            .first()
            .and_then(|word| word.to_str());
        if program.is_some_and(|program| program.contains('/') || is_installed(program)) {
            println!("{}", measure(peer, &wish));
        } else {
            println!("| {} | not installed here |", peer.name);
        }
    }
    println!("\nload after: {}", load().trim());
    drop(cluster);
}
