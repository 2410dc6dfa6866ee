//! The ledger fails in the middle of a flight: everything is refused in words, and hold, abort and rollback go all the
//! same, once a confirmation said so. What was done gets into the ledger once when it is back.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use portable_pty::CommandBuilder;
use serde_json::Value;

use super::{
    pty::{Pty, environment},
    rig::{GONOGO, Rig, Said, wait_for},
};

const HOLD: &[&str] = &["hold", "production", "auth-service"];
const ABORT: &[&str] = &["abort", "production", "auth-service", "--yes"];
const PROMOTE: &[&str] = &[
    "promote",
    "production",
    "auth-service",
    "--step",
    "1",
    "--yes",
];
const ROLL_BACK: &[&str] = &[
    "rollback",
    "production",
    "auth-service",
    "--yes",
    "--confirm",
    "production",
    "--reason",
    "it is slow",
];

/// A flight at its first pause, with the ledger in a folder of its own that nobody else has open.
struct Flight {
    rig: Rig,
}

impl Flight {
    fn new() -> Self {
        let rig = Rig::serve("30");
        let data = rig.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::set_permissions(&data, fs::Permissions::from_mode(0o700)).unwrap();
        for end in ["", "-wal"] {
            let from = rig.path().join(format!("ledger.sqlite{end}"));
            if from.exists() {
                fs::copy(from, data.join(format!("ledger.sqlite{end}"))).unwrap();
            }
        }
        for name in ["gonogo.toml", "patient.toml"] {
            let file = rig.path().join(name);
            let text = fs::read_to_string(&file).unwrap();
            let moved = text.replace("/ledger.sqlite", "/data/ledger.sqlite");
            assert_ne!(text, moved, "{text}");
            fs::write(file, moved).unwrap();
        }
        rig.airborne("42");
        rig.clear();
        Self { rig }
    }

    fn ledger(&self) -> PathBuf {
        self.rig.path().join("data/ledger.sqlite")
    }

    /// What is in the write-ahead log goes into the file, so that damage to the file is damage.
    fn fold_log(&self) {
        use sqlx::Connection as _;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.ledger());
        let busy: i64 = self.rig.block_on(async {
            let mut shell = sqlx::SqliteConnection::connect_with(&options)
                .await
                .unwrap();
            let folded = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)");
            let busy = folded.fetch_one(&mut shell).await.unwrap();
            shell.close().await.unwrap();
            busy
        });
        assert_eq!(busy, 0);
    }

    fn verb(&self, arguments: &[&str]) -> Said {
        let started = Instant::now();
        Rig::end(self.rig.start("dana", arguments), started)
    }

    /// A verb whose files may not grow beyond a few kilobytes.
    fn cramped(&self, arguments: &[&str]) -> Said {
        let mut verb = Command::new("sh");
        verb.args(["-c", "ulimit -f 64; exec \"$@\"", "sh", GONOGO, "--config"])
            .arg(self.rig.config())
            .args(["--json", "--as", "dana"])
            .args(arguments)
            .env("HOME", self.rig.path())
            .env("GONOGO_CONFIG_DIR", self.rig.path().join("none"))
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("KUBECONFIG")
            .current_dir(self.rig.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started = Instant::now();
        Rig::end(verb.spawn().unwrap(), started)
    }

    /// Files that hold what waits for the ledger.
    fn journals(&self) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for folder in ["data", "none/state"] {
            let Ok(entries) = fs::read_dir(self.rig.path().join(folder)) else {
                continue;
            };
            let files = entries.map(|entry| entry.unwrap().path());
            found.extend(files.filter(|path| path.extension().is_some_and(|it| it == "journal")));
        }
        found
    }

    /// Kinds of what waits, in order.
    #[track_caller]
    fn waiting(&self) -> Vec<String> {
        let journals = self.journals();
        assert_eq!(journals.len(), 1, "{journals:?}");
        let mode = fs::metadata(&journals[0]).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::read_to_string(&journals[0])
            .unwrap()
            .lines()
            .filter(|line| !line.is_empty())
            .map(|line| {
                let line: Value = serde_json::from_str(line).unwrap();
                let body = &line["draft"]["body"];
                let of = body["act"]["kind"].as_str();
                let of = of.or_else(|| body["outcome"]["result"].as_str());
                of.unwrap_or_default().to_owned()
            })
            .collect()
    }

    /// Kinds of the acts intended after an entry, in the order of the ledger.
    fn intended_after(&self, seq: u64) -> Vec<String> {
        let entries = self.rig.entries();
        let after = entries
            .iter()
            .filter(|entry| entry["seq"].as_u64().unwrap() > seq);
        after
            .filter(|entry| entry["body"]["kind"] == "intended")
            .map(|entry| entry["body"]["act"]["kind"].as_str().unwrap().to_owned())
            .collect()
    }

    /// Everything that waited is in the ledger, each once, and the chain is whole.
    #[track_caller]
    fn is_brought_back(&self, seq: u64, first: &[&str]) {
        let intended = self.intended_after(seq);
        assert_eq!(intended[..first.len()], *first, "{intended:?}");
        assert_eq!(self.journals(), Vec::<PathBuf>::new());
        self.rig.ledger_is_sound();
        let again = self.intended_after(seq);
        assert_eq!(again, intended, "nothing twice");
        self.verb(&["audit", "verify"]).exits(0);
    }

    fn paused(&self) -> bool {
        self.rig.rollout()["spec"]["paused"] == true
    }

    fn aborted(&self) -> bool {
        self.rig.rollout()["status"]["abort"] == true
    }
}

/// Nothing was sent, and it was said why and what goes all the same.
#[track_caller]
fn is_refused(flight: &Flight, said: &Said, why: &str) {
    assert_ne!(said.code, 0, "{}{}", said.out, said.err);
    assert!(said.err.contains(why), "{}", said.err);
    assert_eq!(flight.rig.patches().len(), 0, "{}", said.err);
}

/// Without `--yes` it is not done, with it it is, and in both it is said what the confirmation means.
#[track_caller]
fn goes_once_it_was_said(said: Said, why: &str) -> Value {
    let said = said.exits(0);
    assert!(said.err.contains(why), "{}", said.err);
    assert!(
        said.err.contains("appended when it is back"),
        "{}",
        said.err
    );
    let told = said.json();
    assert!(told["journal"].as_str().unwrap().ends_with(".journal"));
    told
}

/// Read-only to whoever runs the tests, also to root; undone when it goes.
struct Frozen(Vec<PathBuf>);

fn chattr(flag: &str, path: &Path) -> bool {
    Command::new("chattr")
        .arg(flag)
        .arg(path)
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

impl Frozen {
    /// None: this machine knows no way to keep root from writing.
    fn new(paths: &[PathBuf]) -> Option<Self> {
        let root = rustix::process::geteuid().is_root();
        let mut frozen = Self(Vec::new());
        for path in paths {
            frozen.0.push(path.clone());
            if root {
                if !chattr("+i", path) {
                    return None;
                }
            } else {
                let mode = if path.is_dir() { 0o500 } else { 0o400 };
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
        Some(frozen)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let root = rustix::process::geteuid().is_root();
        for path in self.0.iter().rev() {
            if root {
                chattr("-i", path);
            } else {
                let mode = if path.is_dir() { 0o700 } else { 0o600 };
                let _ = fs::set_permissions(path, fs::Permissions::from_mode(mode));
            }
        }
    }
}

/// Keeps the write-ahead log of the ledger from being folded back: a reader that stays.
fn pinned(ledger: &Path, rig: &Rig) -> sqlx::SqliteConnection {
    use sqlx::Connection as _;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(ledger);
    rig.block_on(async {
        let mut pin = sqlx::SqliteConnection::connect_with(&options)
            .await
            .unwrap();
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM entries")
            .fetch_one(&mut pin)
            .await
            .unwrap();
        assert!(count > 0);
        pin
    })
}

#[test]
fn a_disk_without_room_stops_everything_but_the_ways_out() {
    let flight = Flight::new();
    let rig = &flight.rig;
    let pin = pinned(&flight.ledger(), rig);
    let log = flight.ledger().with_file_name("ledger.sqlite-wal");
    wait_for("a log larger than the limit", || {
        rig.waive_figures();
        (fs::metadata(&log).unwrap().len() > 128 * 1024).then_some(())
    });
    let seq = rig.seq();
    let why = "the ledger cannot be written";

    // Reading goes on.
    flight.cramped(&["status", "production"]).exits(0);
    flight
        .cramped(&["timeline", "production", "auth-service"])
        .exits(0);
    flight
        .cramped(&["release", "list", "auth-service"])
        .exits(0);
    let said = flight.cramped(PROMOTE);
    is_refused(&flight, &said, why);
    assert!(
        said.err
            .contains("Hold, abort and rollback go all the same"),
        "{}",
        said.err
    );
    is_refused(
        &flight,
        &flight.cramped(&["check", "production", "auth-service", "smoke"]),
        why,
    );

    // A hold needs no confirmation; one that nobody will read of yet does.
    let said = flight.cramped(HOLD);
    is_refused(&flight, &said, why);
    assert_eq!(said.code, 2);
    goes_once_it_was_said(flight.cramped(&[HOLD, &["--yes"]].concat()), why);
    assert!(flight.paused());
    let annotations = rig.rollout()["metadata"]["annotations"].to_string();
    let intent = fs::read_to_string(&flight.journals()[0]).unwrap();
    let intent: Value = serde_json::from_str(intent.lines().nth(1).unwrap()).unwrap();
    let intent = intent["draft"]["body"]["intent"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(annotations.contains(&intent), "{annotations}");

    goes_once_it_was_said(flight.cramped(ABORT), why);
    assert!(flight.aborted());
    goes_once_it_was_said(flight.cramped(ROLL_BACK), why);
    let waiting = flight.waiting();
    assert_eq!(&waiting[..4], ["hold", "applied", "abort", "applied"]);
    assert!(
        waiting[4..].contains(&"roll_back".to_owned()),
        "{waiting:?}"
    );
    let said = flight.cramped(&["status", "production"]).exits(0).json();
    let acts: Vec<&Value> = said["journal"]["waits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["body"]["act"]["kind"])
        .filter(|kind| kind.is_string())
        .collect();
    assert_eq!(acts[..2], ["hold", "abort"], "{said}");
    assert_eq!(
        said["targets"][0]["deployment"]["state"], "rolling_back",
        "what waits counts here already: {said}"
    );
    let told = flight
        .cramped(&["timeline", "production", "auth-service"])
        .exits(0);
    assert_eq!(
        told.json()["waits"].as_array().unwrap().len(),
        waiting.len()
    );
    assert_eq!(
        flight.waiting(),
        waiting,
        "without room it stays where it is"
    );

    // The next start with room brings it back, once.
    flight.is_brought_back(seq, &["hold", "abort"]);
    flight.verb(&["fly", "production", "auth-service", "--timeout", "30"]);
    assert_eq!(rig.status()["live"]["release"]["number"], 41);
    drop(pin);
}

#[test]
fn a_ledger_that_may_only_be_read_stops_everything_but_the_ways_out() {
    let flight = Flight::new();
    let rig = &flight.rig;
    let seq = rig.seq();
    let folder = flight.ledger().parent().unwrap().to_owned();
    flight.fold_log();
    for end in ["-wal", "-shm"] {
        let _ = fs::remove_file(folder.join(format!("ledger.sqlite{end}")));
    }
    let Some(frozen) = Frozen::new(&[flight.ledger(), folder]) else {
        println!("not tried: nothing keeps root from writing here");
        return;
    };
    for reading in [
        &["status", "production"][..],
        &["timeline", "production", "auth-service"],
        &["release", "list", "auth-service"],
        &["release", "show", "auth-service", "42"],
        &["resolve", "auth-service", "42"],
        &["audit", "verify"],
    ] {
        flight.verb(reading).exits(0);
    }
    let why = "the ledger cannot be written";
    is_refused(&flight, &flight.verb(PROMOTE), why);
    is_refused(
        &flight,
        &flight.verb(&["check", "production", "auth-service", "smoke"]),
        why,
    );
    is_refused(&flight, &flight.verb(HOLD), why);
    goes_once_it_was_said(flight.verb(ABORT), why);
    assert!(flight.aborted());
    assert_eq!(flight.waiting(), ["abort", "applied"]);
    // It goes on when it is written again, without anything else being done.
    drop(frozen);
    flight.is_brought_back(seq, &["abort"]);
    flight
        .verb(&["retry", "production", "auth-service", "--yes"])
        .exits(0);
}

#[test]
fn a_ledger_that_cannot_be_read_keeps_nobody_from_stopping() {
    let flight = Flight::new();
    let rig = &flight.rig;
    let seq = rig.seq();
    flight.fold_log();
    let whole = fs::read(flight.ledger()).unwrap();
    let good = rig.rollout()["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    fs::write(flight.ledger(), "a text file\n".repeat(100)).unwrap();
    let why = "the ledger cannot be read";
    is_refused(&flight, &flight.verb(PROMOTE), "ledger");
    is_refused(
        &flight,
        &flight.verb(&[
            "request",
            "production",
            "auth-service",
            "42",
            "--reason",
            "x",
        ]),
        "ledger",
    );
    flight.verb(&["audit", "verify"]).exits(1);
    is_refused(&flight, &flight.verb(HOLD), why);
    goes_once_it_was_said(flight.verb(&[HOLD, &["--yes"]].concat()), why);
    assert!(flight.paused());
    // A name is in the ledger that cannot be read; what is stable is not.
    let mut named = ROLL_BACK.to_vec();
    named.insert(3, "41");
    let said = flight.verb(&named);
    assert_ne!(said.code, 0);
    assert!(said.err.contains("leave RELEASE out"), "{}", said.err);
    goes_once_it_was_said(flight.verb(ROLL_BACK), why);
    let image = rig.rollout()["spec"]["template"]["spec"]["containers"][0]["image"].clone();
    assert_ne!(image, good, "the desired image went back");
    assert!(flight.waiting().contains(&"roll_back".to_owned()));

    // The copy is put back: what was done without it belongs to the deployment that it was about.
    fs::write(flight.ledger(), whole).unwrap();
    flight.is_brought_back(seq, &["hold"]);
    let of = rig.entries().last().unwrap()["body"]["deployment"].clone();
    assert_eq!(of, rig.status()["deployment"]["id"], "{of}");
    assert_eq!(rig.status()["deployment"]["state"], "rolling_back");
}

/// The cockpit on a flight whose ledger is replaced, and put back, under its eyes.
#[test]
fn on_the_screen_the_dialog_says_that_the_ledger_is_gone_and_it_comes_back_by_itself() {
    let flight = Flight::new();
    let rig = &flight.rig;
    let seq = rig.seq();
    let mut cockpit = CommandBuilder::new(GONOGO);
    cockpit.arg("--config");
    cockpit.arg(rig.config());
    cockpit.args(["--as", "dana"]);
    environment(&mut cockpit, rig.path());
    cockpit.env("GONOGO_CONFIG_DIR", rig.path().join("none"));
    let mut cockpit = Pty::start(cockpit);
    cockpit.sees("PRODUCTION");
    cockpit.keys("4");
    cockpit.sees("promote");
    flight.fold_log();
    let whole = fs::read(flight.ledger()).unwrap();
    let aside = flight.ledger().with_file_name("aside");
    fs::rename(flight.ledger(), &aside).unwrap();
    fs::write(flight.ledger(), "no ledger\n".repeat(100)).unwrap();
    cockpit.sees("LEDGER DOWN");
    cockpit.keys("p");
    cockpit.sees("the ledger cannot be read");
    assert_eq!(rig.patches().len(), 0);
    cockpit.keys("A");
    cockpit.sees("waits in a journal");
    std::thread::sleep(Duration::from_millis(400));
    cockpit.keys("\r");
    wait_for("the abort", || flight.aborted().then_some(()));
    wait_for("its outcome in the journal", || {
        let journals = flight.journals();
        let text = fs::read_to_string(journals.first()?).ok()?;
        text.contains("\"applied\"").then_some(())
    });
    assert_eq!(flight.waiting(), ["abort", "applied"]);
    // Whose abort it was is known here, although the ledger does not have it.
    cockpit.sees("the abort of dana");
    cockpit.until("it is nobody else's", |text| {
        text.contains("aborted: stable serves") && !text.contains("not by this ledger")
    });
    cockpit.keys("5");
    cockpit.sees("waits in the journal: dana asked (abort)");
    fs::write(&aside, &whole).unwrap();
    fs::rename(&aside, flight.ledger()).unwrap();
    cockpit.sees("the ledger is back");
    wait_for("the journal in the ledger", || {
        flight.journals().is_empty().then_some(())
    });
    cockpit.until("the badge is gone, and so is the mark", |text| {
        !text.contains("LEDGER") && !text.contains("waits in the jou")
    });
    flight.is_brought_back(seq, &["abort"]);
}

/// Somebody flipped one byte of an entry while the cockpit was open, and before it was opened.
#[test]
fn a_broken_chain_is_shown_and_keeps_nobody_from_stopping() {
    let flight = Flight::new();
    let rig = &flight.rig;
    flight.fold_log();
    let mut bytes = fs::read(flight.ledger()).unwrap();
    // Wherever it stands: pages that are free keep old copies.
    let places: Vec<usize> = (0..bytes.len() - 6)
        .filter(|at| &bytes[*at..at + 6] == b"\"lee\",")
        .collect();
    for at in places {
        bytes[at + 1] = b'L';
    }
    fs::write(flight.ledger(), &bytes).unwrap();
    let said = flight.verb(&["audit", "verify"]).exits(1);
    let broken = said.json();
    assert_eq!(broken["whole"], false);
    let place = format!("BROKEN at entry {}", broken["seq"]);
    let said = flight.verb(PROMOTE);
    is_refused(&flight, &said, &place);
    // It is read as far as it goes, and nobody is left to believe that it is whole.
    let said = flight.verb(&["status", "production"]).exits(1);
    assert!(
        said.json()["ledger"]["trouble"]["detail"]
            .as_str()
            .unwrap()
            .contains("BROKEN"),
        "{}",
        said.out
    );

    let mut cockpit = CommandBuilder::new(GONOGO);
    cockpit.arg("--config");
    cockpit.arg(rig.config());
    cockpit.args(["--as", "dana"]);
    environment(&mut cockpit, rig.path());
    cockpit.env("GONOGO_CONFIG_DIR", rig.path().join("none"));
    let mut cockpit = Pty::start(cockpit);
    cockpit.sees("LEDGER READ-ONLY");
    cockpit.sees(&place);
    goes_once_it_was_said(flight.verb(ABORT), "the ledger cannot be written");
    assert!(flight.aborted());
    assert_eq!(
        fs::read(flight.ledger()).unwrap(),
        bytes,
        "nothing was written to it"
    );
}
