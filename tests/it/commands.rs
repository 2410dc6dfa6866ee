//! Items that are run: commands and questions on this machine, and the verb `check` from its first entry to its exit code
//! (SPEC C1, D13, §6).
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
};

use gonogo::{
    adapters::probe::Here,
    domain::{
        access::Access,
        environment::EnvironmentName,
        evidence::RunEnd,
        plan::{Chain, CommandSpec, GitProbe, HttpProbe, ItemId, ItemKind, ItemSpec, Phase, Probe},
        project::ProjectId,
        release::{Commit, Digest, ReleaseRef},
        target::{ClusterRef, TargetId},
    },
    ports::run::{Listen, Order, Report, Runner as _},
};
use jiff::SignedDuration;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::support::{Ran, gonogo, run, until};

fn item(kind: ItemKind) -> ItemSpec {
    ItemSpec {
        id: ItemId("the.item".to_owned()),
        phase: Phase::Validate,
        title: "it holds".to_owned(),
        kind,
        required: true,
        owner: None,
        time_box: None,
        max_age: None,
        timeout: Some(SignedDuration::from_secs(60)),
        types: Vec::new(),
        auto: false,
        chain: Chain::default(),
    }
}

pub fn words(argv: &[&str]) -> CommandSpec {
    CommandSpec {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        env: Vec::new(),
        folder: None,
        checkout: false,
        expect: None,
    }
}

pub fn release(commit: &str) -> ReleaseRef {
    ReleaseRef {
        number: 42,
        commit: Commit::parse(commit).unwrap(),
        image: Some("registry.example/auth@sha256:abc".to_owned()),
        ..ReleaseRef::of_revision(1, "registry.example/auth")
    }
}

pub fn order(kind: ItemKind, source: &Path) -> Order {
    Order {
        target: TargetId::new(
            EnvironmentName::new("staging"),
            ProjectId::parse("acme/shop/auth").unwrap(),
        ),
        item: item(kind),
        release: release(&"a".repeat(40)),
        before: None,
        source: source.to_owned(),
        cluster: ClusterRef::default(),
        namespace: "shop".to_owned(),
        access: Access::default(),
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

pub fn ran(order: &Order) -> (Report, Vec<String>) {
    let lines: Arc<Mutex<Vec<String>>> = Arc::default();
    let into = Arc::clone(&lines);
    let listen: Listen = Arc::new(move |spoken| into.lock().unwrap().push(spoken.line.to_string()));
    let report = block_on(Here.run(order, listen, CancellationToken::new()));
    let lines = lines.lock().unwrap().clone();
    (report, lines)
}

fn shell(script: &str) -> (Report, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let command = ItemKind::Command(words(&["sh", "-c", script]));
    ran(&order(command, folder.path()))
}

fn alive(pid: &str) -> bool {
    // A zombie has ended; whoever inherits it has not looked yet.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn exit_status_output_and_digest_are_kept() {
    let (report, lines) = shell("echo one; echo two; echo wrong >&2; exit 3");
    assert_eq!(report.end, RunEnd::Exited { code: 3 });
    assert!(!report.ok);
    assert_eq!(report.output, Digest::of(b"one\ntwo\n"));
    assert_eq!(report.bytes, 14);
    assert_eq!(report.said.as_str(), "wrong");
    assert_eq!(lines.len(), 3);
    assert!(report.text.contains("! wrong\n") && report.text.contains("  one\n"));

    let (report, _) = shell("echo fine");
    assert!(report.ok);
    let (report, _) = shell("kill -9 $$");
    assert_eq!(report.end, RunEnd::Signalled { signal: 9 });
}

#[test]
fn a_command_that_never_ends_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    // Deaf to the first word, with a child of its own.
    let script = "trap '' TERM; sleep 600 & echo $!; echo $$; while :; do sleep 1; done";
    let mut order = order(
        ItemKind::Command(words(&["sh", "-c", script])),
        folder.path(),
    );
    order.item.timeout = Some(SignedDuration::from_millis(700));
    let (report, lines) = ran(&order);
    assert_eq!(report.end, RunEnd::TimedOut);
    assert!(!report.ok);
    assert_eq!(lines.len(), 2, "{lines:?}");
    for pid in &lines {
        until("all of it to be gone", || (!alive(pid)).then_some(()));
    }
}

#[test]
fn who_cancels_ends_it_and_what_it_printed_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let order = order(
        ItemKind::Command(words(&["sh", "-c", "echo begun; sleep 600"])),
        folder.path(),
    );
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    let listen: Listen = Arc::new(move |_| canceller.cancel());
    let report = block_on(Here.run(&order, listen, cancel));
    assert_eq!(report.end, RunEnd::Cancelled);
    assert!(report.text.contains("begun"));
}

#[test]
fn nobody_answers_a_command_that_asks() {
    let (report, lines) = shell("read answer; echo got:$answer");
    assert_eq!((report.ok, lines), (true, vec!["got:".to_owned()]));
    // A password prompt goes to the terminal itself: there is none.
    let (report, _) = shell("exec 3</dev/tty && echo open");
    assert!(!report.ok, "{report:?}");
    let (report, _) = shell("printf '\\033[2J' >/dev/tty");
    assert!(!report.ok, "{report:?}");
}

#[test]
fn escape_sequences_are_made_visible_wherever_they_go() {
    let (report, lines) =
        shell("printf '\\033[2J\\033]0;owned\\007x\\n'; printf 'a\\342\\200\\256b\\n' >&2");
    assert!(lines.iter().all(|line| !line.chars().any(char::is_control)));
    assert!(lines.iter().any(|line| line.contains("␛[2J")), "{lines:?}");
    assert!(
        lines.iter().any(|line| line.contains("‹U+202E›")),
        "{lines:?}"
    );
    assert!(!report.text.contains('\u{1b}') && !report.text.contains('\u{202e}'));
    assert!(!report.said.as_str().contains('\u{202e}'));
}

#[test]
fn fifty_megabytes_are_read_to_their_end_and_hardly_kept() {
    let (report, _) =
        shell("yes 0123456789012345678901234567890123456789012345678 | head -c 50000000");
    assert_eq!(report.bytes, 50_000_000);
    assert!(report.ok);
    assert!(report.text.len() < 600_000, "{}", report.text.len());
    assert!(report.left_out > 49_000_000, "{}", report.left_out);
    let whole = b"0123456789012345678901234567890123456789012345678\n".repeat(1_000_000);
    assert_eq!(report.output, Digest::of(&whole));
}

#[test]
fn the_environment_is_what_was_configured() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = words(&[
        "sh",
        "-c",
        "env; echo {environment} {commit} {number} {other}",
    ]);
    // Cargo sets both for whoever runs the tests.
    assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
    let handed_on = std::env::var("CARGO_PKG_NAME").unwrap();
    spec.env = vec!["CARGO_PKG_NAME".to_owned(), "MODE=a b".to_owned()];
    let (report, lines) = ran(&order(ItemKind::Command(spec.clone()), folder.path()));
    let has = |start: &str| lines.iter().any(|line| line.starts_with(start));
    assert!(has("PATH=") && has("MODE=a b"), "{lines:?}");
    assert!(has("GONOGO_ENVIRONMENT=staging"), "{lines:?}");
    assert!(!has("CARGO_MANIFEST_DIR"), "{lines:?}");
    // What is handed on may be a secret, so it is not printed.
    assert!(has("CARGO_PKG_NAME=•••"), "{lines:?}");
    assert!(!report.text.contains(&format!("={handed_on}")));
    let last = format!("staging {} 42 {{other}}", "a".repeat(40));
    assert_eq!(lines.last(), Some(&last));

    spec.env = vec!["GONOGO_TEST_THAT_NOBODY_SETS".to_owned()];
    let (report, _) = ran(&order(ItemKind::Command(spec), folder.path()));
    assert!(matches!(report.end, RunEnd::NotStarted { .. }));
    assert!(
        report
            .said
            .as_str()
            .contains("is not set where gonogo was started")
    );
}

#[test]
fn what_cannot_be_started_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let said = |spec: CommandSpec| {
        let (report, _) = ran(&order(ItemKind::Command(spec), folder.path()));
        assert!(!report.ok && matches!(report.end, RunEnd::NotStarted { .. }));
        report.said.to_string()
    };
    let missing = said(words(&["gonogo-no-such-program"]));
    assert!(
        missing.contains("gonogo-no-such-program cannot be started"),
        "{missing}"
    );
    let mut spec = words(&["true"]);
    spec.folder = Some("inner".to_owned());
    let missing = said(spec);
    assert!(
        missing.contains("there is no folder") && missing.contains("inner"),
        "{missing}"
    );
}

#[test]
fn an_expectation_is_looked_for_in_the_output() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = words(&["echo", "ae1027 (head)"]);
    spec.expect = Some(r"\(head\)$".to_owned());
    let (report, _) = ran(&order(ItemKind::Command(spec.clone()), folder.path()));
    assert!(report.ok);
    spec.expect = Some("other".to_owned());
    let (report, _) = ran(&order(ItemKind::Probe(Probe::Command(spec)), folder.path()));
    assert!(!report.ok);
    assert_eq!(report.end, RunEnd::Exited { code: 0 });
    assert_eq!(
        report.said.as_str(),
        "no line of its output matches `other`"
    );
}

// Questions.

pub fn git(folder: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(folder)
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_AUTHOR_NAME", "Dana")
        .env("GIT_AUTHOR_EMAIL", "dana@example.com")
        .env("GIT_COMMITTER_NAME", "Dana")
        .env("GIT_COMMITTER_EMAIL", "dana@example.com")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "git {args:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub fn commit(folder: &Path, file: &str, text: &str, message: &str) -> String {
    let path = folder.join(file);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
    git(folder, &["add", "."]);
    git(folder, &["commit", "-qm", message]);
    git(folder, &["rev-parse", "HEAD"])
}

pub fn asked(
    folder: &Path,
    question: GitProbe,
    commit: &str,
    before: Option<&str>,
) -> (bool, String) {
    let mut order = order(ItemKind::Probe(Probe::Git(question)), folder);
    order.release = release(commit);
    order.before = before.map(release);
    let (report, _) = ran(&order);
    assert_eq!(report.end, RunEnd::Answered);
    (report.ok, report.said.to_string())
}

#[test]
fn git_is_asked_about_exactly_this_commit() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    git(at, &["init", "-qb", "main"]);
    let first = commit(at, "src/a.rs", "fn a() {}\n// TODO old\n", "first");
    let reviewed =
        "second\n\nReviewed-by: Lee <lee@example.com>\nReviewed-by: Dana <dana@example.com>";
    let second = commit(at, "CHANGELOG.md", "- better\n", reviewed);
    git(at, &["tag", "v1.0.0"]);
    git(at, &["checkout", "-qb", "side"]);
    let third = commit(at, "src/b.rs", "fn b() {}\n// FIXME later\n", "third");

    let merged = || GitProbe::Merged {
        branch: "main".to_owned(),
    };
    assert!(asked(at, merged(), &first, None).0);
    assert!(asked(at, merged(), &second, None).0);
    let (ok, said) = asked(at, merged(), &third, None);
    assert!(!ok && said.ends_with("is not on main"), "{said}");

    assert!(
        asked(at, GitProbe::Tagged, &second, None)
            .1
            .ends_with("is v1.0.0")
    );
    assert!(!asked(at, GitProbe::Tagged, &third, None).0);

    let changed = |paths: &[&str]| GitProbe::Changed {
        paths: paths.iter().map(|path| (*path).to_owned()).collect(),
    };
    assert!(asked(at, changed(&["CHANGELOG.md"]), &second, Some(&first)).0);
    let (ok, said) = asked(
        at,
        changed(&["CHANGELOG.md", "docs/**"]),
        &third,
        Some(&second),
    );
    assert!(
        !ok && said.starts_with("nothing of CHANGELOG.md, docs/** changed"),
        "{said}"
    );

    // What was there before is nobody's fault today.
    assert!(asked(at, GitProbe::NoNewTodo, &second, Some(&first)).0);
    let (ok, said) = asked(at, GitProbe::NoNewTodo, &third, Some(&second));
    assert!(!ok && said.contains("src/b.rs:2"), "{said}");

    let by = |by| GitProbe::Reviewed { by };
    assert!(asked(at, by(1), &second, Some(&first)).0);
    // The author's own word is none.
    assert!(!asked(at, by(2), &second, Some(&first)).0);
    let (ok, said) = asked(at, by(1), &third, Some(&first));
    assert!(
        !ok && said.starts_with("1 of 2 commits were not reviewed by 1"),
        "{said}"
    );

    let (ok, said) = asked(at, GitProbe::Tagged, &"b".repeat(40), None);
    assert!(!ok && said.contains("is not in this clone"), "{said}");
}

#[test]
fn a_copy_is_of_the_commit_and_not_of_what_lies_there() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    git(at, &["init", "-qb", "main"]);
    let first = commit(at, "src/version", "one\n", "first");
    commit(at, "src/version", "two\n", "second");
    std::fs::write(at.join("src/version"), "dirty\n").unwrap();
    let mut spec = words(&["sh", "-c", "cat version; pwd"]);
    spec.folder = Some("src".to_owned());
    spec.checkout = true;
    let mut order = order(ItemKind::Command(spec), at);
    order.release = release(&first);
    let (report, lines) = ran(&order);
    assert!(report.ok, "{report:?}");
    assert_eq!(lines[0], "one");
    assert!(
        !Path::new(&lines[1]).exists(),
        "the copy is gone: {}",
        lines[1]
    );
    assert_eq!(
        std::fs::read_to_string(at.join("src/version")).unwrap(),
        "dirty\n"
    );
    assert_eq!(git(at, &["status", "--porcelain"]), "M src/version");
}

#[test]
fn questions_to_the_network_name_their_answer() {
    use axum::{Router, http::StatusCode, routing::get};
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new()
        .route("/good", get(|| async { "status: fine" }))
        .route(
            "/bad",
            get(|| async { (StatusCode::SERVICE_UNAVAILABLE, "\u{1b}[31mdown") }),
        )
        .route(
            "/away",
            get(|| async { (StatusCode::FOUND, [("location", "/good")]) }),
        );
    runtime.spawn(async move { axum::serve(listener, router).await });

    let folder = tempfile::tempdir().unwrap();
    let asked = |probe: Probe| {
        let (report, _) = ran(&order(ItemKind::Probe(probe), folder.path()));
        assert_eq!(report.end, RunEnd::Answered);
        assert!(!report.text.contains('\u{1b}'));
        (report.ok, report.said.to_string())
    };
    let http = |path: &str, status: Option<u16>, expect: Option<&str>| {
        asked(Probe::Http(HttpProbe {
            url: format!("http://{address}{path}"),
            status,
            expect: expect.map(str::to_owned),
        }))
    };
    assert!(http("/good", None, None).0);
    assert!(http("/good", None, Some("fi.e")).0);
    assert!(!http("/good", None, Some("down")).0);
    let (ok, said) = http("/bad", None, None);
    assert!(
        !ok && said.ends_with("answers 503, wanted 200 to 299"),
        "{said}"
    );
    assert!(http("/bad", Some(503), None).0);
    // Nobody is led elsewhere.
    assert!(!http("/away", None, None).0);

    assert!(asked(Probe::Tcp(address.to_string())).0);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = closed.local_addr().unwrap();
    drop(closed);
    assert!(!asked(Probe::Tcp(nobody.to_string())).0);
    assert!(asked(Probe::Dns("localhost".to_owned())).0);
    assert!(!asked(Probe::Dns("no-such-name.invalid".to_owned())).0);
}

// The verb.

/// A workspace without a cluster: what is run needs none.
struct Bench {
    dir: tempfile::TempDir,
}

impl Bench {
    fn new(items: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("shop");
        std::fs::create_dir(&source).unwrap();
        git(&source, &["init", "-qb", "main"]);
        commit(&source, "version", "one\n", "first");
        let bench = Self { dir };
        bench.configure(items);
        bench
    }

    fn configure(&self, items: &str) {
        let text = format!(
            r#"
            name = "bench"
            trust_names = true
            [ledger]
            path = "ledger.sqlite"
            [[project]]
            id = "acme/shop/auth"
            source = "shop"
            image = "127.0.0.1:1/auth"
            registry = "http://127.0.0.1:1"
            [[environment]]
            name = "staging"
            [[target]]
            environment = "staging"
            project = "auth"
            kubeconfig = "no-such-kubeconfig"
            namespace = "shop"
            workload = "deployment/auth"
            items = [{items}]
            "#
        );
        std::fs::write(self.config(), text).unwrap();
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("gonogo.toml")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = gonogo(&["--config"]);
        command
            .arg(self.config())
            .args(args)
            .args(["--json", "--as", "dana"])
            .env("GONOGO_CONFIG_DIR", self.dir.path().join("own"));
        command
    }

    fn verb(&self, args: &[&str]) -> Ran {
        run(&mut self.command(args))
    }

    fn requested(items: &str) -> Self {
        let bench = Self::new(items);
        bench
            .verb(&["request", "staging", "auth", "1", "--reason", "tests"])
            .exits(0);
        bench
    }

    fn timeline(&self) -> Vec<Value> {
        let ran = self.verb(&["timeline", "staging", "auth", "--format", "json"]);
        let objects = objects(&ran);
        objects
            .iter()
            .flat_map(|object| match object["entries"].as_array() {
                Some(entries) => entries.clone(),
                None => vec![object.clone()],
            })
            .collect()
    }
}

fn objects(ran: &Ran) -> Vec<Value> {
    ran.out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect()
}

fn rule(ran: &Ran) -> String {
    let last = objects(ran).pop().unwrap_or_default();
    last["refusal"]["rule"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

const TESTS: &str = r#"{ id = "tests", phase = "validate", title = "tests pass", kind = "command", command = ["sh", "-c", "echo out; test -e ok"] }"#;

#[test]
fn check_streams_what_it_runs_keeps_it_and_answers_with_its_exit_code() {
    let bench = Bench::requested(TESTS);
    let failed = bench.verb(&["check", "staging", "auth", "tests"]).exits(1);
    let said = objects(&failed);
    assert_eq!(said[0]["line"], "out");
    let last = said.last().unwrap();
    assert_eq!(last["ok"], false);
    assert_eq!(last["evidence"]["end"]["code"], 1);
    let gate = bench.verb(&["plan", "staging", "auth"]);
    assert!(
        gate.out
            .contains("1 of 1 required items are open: tests (failed)"),
        "{}",
        gate.out
    );

    // A failed run is run again; what passed is not, unless it is opened again.
    std::fs::write(bench.dir.path().join("shop/ok"), "").unwrap();
    let passed = bench
        .verb(&["check", "staging", "auth", "tests", "--reason", "again"])
        .exits(0);
    let last = objects(&passed).pop().unwrap();
    let file = PathBuf::from(last["file"].as_str().unwrap());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "  out\n");
    assert_eq!(file.parent().unwrap(), bench.dir.path().join("evidence"));
    let kept = last["evidence"]["kept"]["digest"].as_str().unwrap();
    assert_eq!(kept, Digest::of(b"  out\n").as_str());
    let again = bench.verb(&["check", "staging", "auth", "tests"]).exits(5);
    assert_eq!(rule(&again), "checklist.done");
    let gate = bench.verb(&["plan", "staging", "auth"]);
    assert!(
        gate.out.contains("1 of 1 required items are done"),
        "{}",
        gate.out
    );
    let told = serde_json::to_string(&bench.timeline()).unwrap();
    assert!(
        told.contains("run_began") || told.contains("dana runs tests"),
        "{told}"
    );
}

#[test]
fn nothing_is_run_that_this_configuration_does_not_say() {
    let bench = Bench::requested(TESTS);
    let other = TESTS.replace("echo out", "touch ../owned");
    bench.configure(&other);
    let refused = bench.verb(&["check", "staging", "auth", "tests"]).exits(3);
    assert_eq!(rule(&refused), "item.configured");
    assert!(!bench.dir.path().join("owned").exists());
    bench.configure("");
    let refused = bench.verb(&["check", "staging", "auth", "tests"]).exits(3);
    assert_eq!(rule(&refused), "item.configured");
}

#[test]
fn a_dry_run_runs_nothing_and_writes_nothing() {
    let bench = Bench::requested(&TESTS.replace("echo out", "touch ran"));
    let dry = bench
        .verb(&["check", "staging", "auth", "tests", "--dry-run"])
        .exits(0);
    assert!(dry.err.contains("would run sh -c"), "{}", dry.err);
    assert!(!bench.dir.path().join("shop/ran").exists());
    let gate = bench.verb(&["plan", "staging", "auth"]);
    assert!(gate.out.contains("are open: tests\""), "{}", gate.out);
}

const LONG: &str = r#"{ id = "long", phase = "validate", title = "it takes long", kind = "command", command = ["sh", "-c", "echo $$ > pid; echo begun; sleep 600"] }"#;

/// The verb, and the process id of the command that it started.
fn begun(bench: &Bench) -> (Child, String) {
    let child = bench
        .command(&["check", "staging", "auth", "long"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = until("the command to begin", || {
        let pid = std::fs::read_to_string(bench.dir.path().join("shop/pid")).ok()?;
        pid.ends_with('\n').then(|| pid.trim().to_owned())
    });
    (child, pid)
}

#[test]
fn nobody_runs_it_twice_at_once_and_anybody_stops_it_from_elsewhere() {
    let bench = Bench::requested(LONG);
    let (mut first, pid) = begun(&bench);
    let second = bench.verb(&["check", "staging", "auth", "long"]).exits(5);
    assert_eq!(rule(&second), "checklist.running");
    bench
        .verb(&["check", "staging", "auth", "long", "--stop"])
        .exits(0);
    let status = until("the first to end", || first.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
    until("the command to be gone", || (!alive(&pid)).then_some(()));
    let mut out = String::new();
    std::io::Read::read_to_string(&mut first.stdout.take().unwrap(), &mut out).unwrap();
    let last: Value = serde_json::from_str(out.lines().last().unwrap()).unwrap();
    assert_eq!(last["evidence"]["end"]["how"], "cancelled");
    let nothing = bench
        .verb(&["check", "staging", "auth", "long", "--stop"])
        .exits(3);
    assert_eq!(rule(&nothing), "checklist.running");
}

#[test]
fn ctrl_c_ends_the_command_and_writes_that_down() {
    let bench = Bench::requested(LONG);
    let (mut child, pid) = begun(&bench);
    run(Command::new("kill").args(["-INT", &child.id().to_string()])).exits(0);
    let status = until("it to end", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(130));
    until("the command to be gone", || (!alive(&pid)).then_some(()));
    let gate = bench.verb(&["plan", "staging", "auth"]);
    assert!(gate.out.contains("long (failed)"), "{}", gate.out);
}

#[test]
fn a_configuration_of_a_repository_runs_nothing_until_it_is_trusted() {
    let bench = Bench::new(TESTS);
    // Nothing here that only one's own file may say, but the command.
    let text = std::fs::read_to_string(bench.config()).unwrap();
    let own_alone = ["trust_names", "[ledger]", "path =", "kubeconfig ="];
    let text: Vec<&str> = text
        .lines()
        .filter(|line| {
            !own_alone
                .iter()
                .any(|key| line.trim_start().starts_with(key))
        })
        .collect();
    let file = bench.dir.path().join("shop/gonogo.toml");
    std::fs::write(&file, text.join("\n")).unwrap();
    let found = |args: &[&str]| {
        let mut command = gonogo(args);
        command
            .current_dir(bench.dir.path().join("shop"))
            .env("GONOGO_CONFIG_DIR", bench.dir.path().join("own"));
        run(&mut command)
    };
    let refused = found(&["config", "check"]).exits(2);
    assert!(
        refused.err.contains("may not set `command`")
            && refused.err.contains("gonogo config trust"),
        "{}",
        refused.err
    );
    // Without a terminal nobody has said yes.
    let asked = found(&["config", "trust"]).exits(2);
    assert!(asked.err.contains("would run sh -c"), "{}", asked.err);
    found(&["config", "check"]).exits(2);
    found(&["config", "trust", "--yes"]).exits(0);
    found(&["config", "check"]).exits(0);
    std::fs::write(&file, text.join("\n") + "\n# changed\n").unwrap();
    found(&["config", "check"]).exits(2);
    found(&["config", "trust", "--yes"]).exits(0);
    found(&["config", "check"]).exits(0);
    found(&["config", "trust", "--revoke"]).exits(0);
    found(&["config", "check"]).exits(2);
}
