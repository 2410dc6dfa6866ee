//! Commands of the checklist. A program runs without a shell, without our terminal (a session of its own) and without
//! standard input, in an environment that is only what was configured; at its deadline, or when somebody cancels, it and
//! all that it started is ended.

mod capture;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessSession};
use regex::Regex;
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio_util::sync::CancellationToken;

use self::capture::{Capture, From};
use crate::{
    domain::{evidence::RunEnd, plan::CommandSpec, text::Clean},
    ports::run::{Listen, Order, Report},
};

/// Between the word that it has to end and the one that cannot be refused.
const GRACE: Duration = Duration::from_secs(2);
/// How often it is looked whether all of it is gone.
const LOOK: Duration = Duration::from_millis(20);
/// What it started may hold its output open; then that is ended too.
const LEFTOVERS: Duration = Duration::from_secs(1);

/// Handed on where they are set: without them hardly a program finds its way.
const ALWAYS: &[&str] = &["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"];

/// Runs it to its end; what it printed comes with it, the last megabyte as it came. `folder` is where the item's own folder is looked for.
pub async fn run(
    spec: &CommandSpec,
    order: &Order,
    folder: &Path,
    listen: Listen,
    cancel: CancellationToken,
) -> (Report, Vec<u8>) {
    let not_started = |why: &str| (not_started(why), Vec::new());
    let expect = spec.expect.as_deref().map(Regex::new).transpose();
    let expect = match expect {
        Ok(expect) => expect,
        Err(error) => return not_started(&format!("`expect` is no regular expression: {error}")),
    };
    let names_secret = |entry: &&String| !entry.contains('=');
    let secrets: Vec<String> = spec
        .env
        .iter()
        .filter(names_secret)
        .filter_map(|name| std::env::var(name).ok())
        .collect();
    let mut capture = Capture::new(listen, &secrets, expect);
    let mut child = match start(spec, order, folder) {
        Ok(child) => child,
        Err(why) => return not_started(&why),
    };
    let leader = child.id().and_then(|id| i32::try_from(id).ok());
    let group = Group(leader.and_then(Pid::from_raw));
    let patience = Duration::try_from(order.item.patience()).unwrap_or(Duration::MAX);
    let (stdout, stderr) = (child.stdout().take(), child.stderr().take());
    let (end, status) = {
        let reading = read(stdout, stderr, &mut capture);
        tokio::pin!(reading);
        tokio::select! {
            biased;
            () = cancel.cancelled() => (Some(RunEnd::Cancelled), None),
            () = tokio::time::sleep(patience) => (Some(RunEnd::TimedOut), None),
            status = ended(child.as_mut(), reading.as_mut()) => (None, status),
        }
    };
    let end = end.unwrap_or_else(|| exit(status));
    // Whatever came of it: nothing that it started goes on behind our back.
    if group.is_alive() {
        group.stop(child.as_mut()).await;
    }
    drop(group);
    capture.end();
    let good = end == RunEnd::Exited { code: 0 };
    let ok = good && (spec.expect.is_none() || capture.matched);
    let said = match &spec.expect {
        Some(expect) if good && !ok => {
            Clean::new(&format!("no line of its output matches `{expect}`"))
        }
        _ => capture.said(ok),
    };
    let report = Report {
        end,
        ok,
        output: capture.digest(),
        bytes: capture.bytes,
        text: capture.text(),
        left_out: capture.left_out,
        said,
    };
    (report, capture.output())
}

/// It never began, and why.
pub fn not_started(why: &str) -> Report {
    let why = Clean::new(why);
    Report {
        end: RunEnd::NotStarted { why: why.clone() },
        ok: false,
        output: crate::domain::release::Digest::of(b""),
        bytes: 0,
        text: String::new(),
        left_out: 0,
        said: why,
    }
}

fn start(
    spec: &CommandSpec,
    order: &Order,
    folder: &Path,
) -> Result<Box<dyn ChildWrapper>, String> {
    let words = spec.argv_for(&order.target, &order.release);
    let Some((program, rest)) = words.split_first() else {
        return Err("it names no program".to_owned());
    };
    let within = spec
        .folder
        .as_deref()
        .map_or_else(|| folder.to_owned(), |inner| folder.join(inner));
    if !within.is_dir() {
        return Err(format!("there is no folder {}", within.display()));
    }
    let environment = environment(spec, order)?;
    let mut command = CommandWrap::with_new(program_path(program, &within), |command| {
        command
            .args(rest)
            .current_dir(&within)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
    });
    // A session of its own: no controlling terminal that it could write to or ask for a password.
    command.wrap(ProcessSession);
    command
        .spawn()
        .map_err(|error| format!("{program} cannot be started: {error}"))
}

/// `./tests/smoke.sh` means the one of the folder it runs in; a bare name is looked for in PATH.
fn program_path(program: &str, folder: &Path) -> PathBuf {
    if program.contains('/') {
        folder.join(program)
    } else {
        PathBuf::from(program)
    }
}

fn environment(spec: &CommandSpec, order: &Order) -> Result<BTreeMap<String, String>, String> {
    let handed_on = |name: &&str| {
        std::env::var(name)
            .ok()
            .map(|value| ((*name).to_owned(), value))
    };
    let mut all: BTreeMap<String, String> = ALWAYS.iter().filter_map(handed_on).collect();
    let release = &order.release;
    let names = [
        ("GONOGO_ENVIRONMENT", order.target.environment.to_string()),
        ("GONOGO_PROJECT", order.target.project.to_string()),
        ("GONOGO_COMMIT", release.commit.to_string()),
        ("GONOGO_RELEASE", release.number.to_string()),
        ("GONOGO_IMAGE", release.image.clone().unwrap_or_default()),
        ("GONOGO_ITEM", order.item.id.to_string()),
    ];
    all.extend(names.map(|(name, value)| (name.to_owned(), value)));
    for entry in &spec.env {
        match entry.split_once('=') {
            Some((name, value)) => all.insert(name.to_owned(), value.to_owned()),
            None => match std::env::var(entry) {
                Ok(value) => all.insert(entry.clone(), value),
                Err(_) => {
                    return Err(format!(
                        "{entry} is to be handed on and is not set where gonogo was started"
                    ));
                }
            },
        };
    }
    Ok(all)
}

/// Reads both streams to their ends.
async fn read(
    stdout: Option<tokio::process::ChildStdout>,
    stderr: Option<tokio::process::ChildStderr>,
    capture: &mut Capture,
) {
    let (mut stdout, mut stderr) = (stdout, stderr);
    let (mut first, mut second) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    while stdout.is_some() || stderr.is_some() {
        tokio::select! {
            read = some(&mut stdout, &mut first) => match read {
                0 => stdout = None,
                count => capture.take(From::Output, first.get(..count).unwrap_or_default()),
            },
            read = some(&mut stderr, &mut second) => match read {
                0 => stderr = None,
                count => capture.take(From::Error, second.get(..count).unwrap_or_default()),
            },
        }
        // Whoever prints without end leaves the others their turn.
        tokio::task::yield_now().await;
    }
}

/// 0: it is at its end, or broken. Never where there is nothing to read from.
async fn some(from: &mut Option<impl AsyncRead + Unpin>, into: &mut [u8]) -> usize {
    match from {
        Some(from) => from.read(into).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

/// The program's own end counts, and what it printed until then; what it left behind is not waited for long.
async fn ended(
    child: &mut dyn ChildWrapper,
    mut reading: std::pin::Pin<&mut impl Future<Output = ()>>,
) -> Option<ExitStatus> {
    let mut open = true;
    let status = {
        let inner = child.inner_mut();
        let waiting = inner.wait();
        tokio::pin!(waiting);
        loop {
            tokio::select! {
                status = &mut waiting => break status.ok(),
                () = reading.as_mut(), if open => open = false,
            }
        }
    };
    if open {
        let _ = tokio::time::timeout(LEFTOVERS, reading).await;
    }
    status
}

fn exit(status: Option<ExitStatus>) -> RunEnd {
    use std::os::unix::process::ExitStatusExt as _;
    match status {
        Some(status) => match (status.code(), status.signal()) {
            (Some(code), _) => RunEnd::Exited { code },
            (None, Some(signal)) => RunEnd::Signalled { signal },
            (None, None) => RunEnd::NotStarted {
                why: Clean::new("the program was lost"),
            },
        },
        None => RunEnd::NotStarted {
            why: Clean::new("the program was lost"),
        },
    }
}

/// All that a program started, as far as it did not leave on purpose. What is dropped is gone.
struct Group(Option<Pid>);

impl Group {
    fn is_alive(&self) -> bool {
        self.0
            .is_some_and(|leader| rustix::process::test_kill_process_group(leader).is_ok())
    }

    fn send(&self, signal: Signal) {
        if let Some(leader) = self.0 {
            // Gone already is what is wanted.
            let _ = rustix::process::kill_process_group(leader, signal);
        }
    }

    /// Asked first, then made to.
    async fn stop(&self, child: &mut dyn ChildWrapper) {
        self.send(Signal::TERM);
        let asked = async {
            let _ = child.inner_mut().wait().await;
            while self.is_alive() {
                tokio::time::sleep(LOOK).await;
            }
        };
        if tokio::time::timeout(GRACE, asked).await.is_err() {
            self.send(Signal::KILL);
            let _ = tokio::time::timeout(GRACE, child.inner_mut().wait()).await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.send(Signal::KILL);
    }
}
