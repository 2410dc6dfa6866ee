//! What is wrong outside reaches the operator as a sentence and an exit code, never as health and never raw.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::support::{Ran, Served, gonogo, run};

const SPEED: u32 = 600;
/// Right-to-left override: what follows is read backwards.
const BIDI: char = '\u{202e}';
const ESCAPE: char = '\u{1b}';

/// The served configuration under another name, after a change.
fn changed(served: &Served, name: &str, from: &str, to: &str) -> PathBuf {
    let text = std::fs::read_to_string(served.path().join("gonogo.toml")).unwrap();
    assert!(text.contains(from), "{text}");
    let path = served.path().join(name);
    std::fs::write(&path, text.replace(from, to)).unwrap();
    path
}

fn with(config: &PathBuf, args: &[&str]) -> Ran {
    run(gonogo(&["--config"]).arg(config).args(args))
}

/// A port that nobody listens on.
fn closed_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

#[track_caller]
fn nothing_acts(ran: &Ran) {
    for text in [&ran.out, &ran.err] {
        assert!(!text.contains([ESCAPE, BIDI]), "{}: {text:?}", ran.line);
    }
}

#[test]
fn a_configuration_that_is_wrong_says_where_and_what_was_meant() {
    let served = Served::start("good", SPEED);
    for (name, from, to, told) in [
        (
            "key.toml",
            "scrape_interval",
            "scrape_intervall",
            "scrape_interval",
        ),
        ("table.toml", "[timings]", "[timing]", "timings"),
        (
            "policy.toml",
            "allowed_branches",
            "allowed_branch",
            "allowed_branches",
        ),
    ] {
        let config = changed(&served, name, from, to);
        for args in [&["config", "check"][..], &["status"], &["status", "--json"]] {
            let ran = with(&config, args).exits(2);
            let meant = format!("`{told}`");
            assert!(
                ran.err.contains(name) && ran.err.contains(&meant),
                "{to}: {}",
                ran.err
            );
            assert!(
                ran.out.is_empty() || args.contains(&"--json"),
                "{}",
                ran.out
            );
        }
    }
    let broken = changed(&served, "broken.toml", "[timings]", "[timings");
    assert!(
        with(&broken, &["status"])
            .exits(2)
            .err
            .contains("broken.toml")
    );
    let missing = served.path().join("nowhere.toml");
    assert!(
        with(&missing, &["status"])
            .exits(2)
            .err
            .contains("nowhere.toml")
    );
    // Usage of the command line itself.
    served.plain(&["promote", "production"]).exits(2);
    served.plain(&["no-such-verb"]).exits(2);
    assert_eq!(
        served.verb(&["status", "produktion"]).exits(4).rule(),
        "name"
    );
}

#[test]
fn a_kubeconfig_that_does_not_work_is_never_health() {
    let served = Served::start("good", SPEED);
    let kubeconfig = served.path().join("kubeconfig");
    let good = std::fs::read_to_string(&kubeconfig).unwrap();
    let other = |name: &str, text: Option<String>| {
        let path = served.path().join(name);
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        let (from, to) = (kubeconfig.display().to_string(), path.display().to_string());
        changed(
            &served,
            &format!("{name}.toml"),
            &format!("kubeconfig = \"{from}\""),
            &format!("kubeconfig = \"{to}\""),
        )
    };
    let replaced = |what: &str, by: &str| {
        let line = good
            .lines()
            .find(|line| line.trim().starts_with(what))
            .unwrap();
        Some(good.replace(line.trim(), by))
    };
    let token = good
        .lines()
        .find_map(|line| line.trim().strip_prefix("token: "))
        .unwrap();
    for (config, kind, told) in [
        (
            other("missing", None),
            "not_found",
            "missing does not exist",
        ),
        (
            other("garbage", Some("{ not: [a kubeconfig".to_owned())),
            "malformed",
            "it is no kubeconfig",
        ),
        (
            other(
                "stranger",
                replaced("token:", "token: practice-somebody-else"),
            ),
            "unauthorised",
            "401",
        ),
        (
            other(
                "refused",
                replaced(
                    "server:",
                    &format!("server: https://127.0.0.1:{}", closed_port()),
                ),
            ),
            "unreachable",
            "refused",
        ),
        (
            other(
                "nobody",
                replaced("current-context:", "current-context: elsewhere"),
            ),
            "not_found",
            "elsewhere",
        ),
    ] {
        let started = Instant::now();
        let ran = with(&config, &["status", "--json"]).exits(1);
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{:?}",
            started.elapsed()
        );
        let targets = ran.json()["targets"].clone();
        assert_eq!(targets.as_array().unwrap().len(), 9);
        for target in targets.as_array().unwrap() {
            let trouble = &target["trouble"];
            assert_eq!(
                (&target["workload"], &target["running"], &trouble["kind"]),
                (&Value::Null, &Value::Null, &json!(kind)),
                "{trouble}"
            );
            assert!(
                trouble["detail"].as_str().unwrap().contains(told),
                "{told}: {trouble}"
            );
            assert!(
                trouble["hint"]
                    .as_str()
                    .is_some_and(|hint| !hint.is_empty()),
                "what to do: {trouble}"
            );
        }
        let lines = with(&config, &["status", "production"]).exits(1).out;
        assert!(
            lines.contains("unknown") && !lines.contains("healthy"),
            "{lines}"
        );
        assert!(
            !lines.contains(token) && !ran.out.contains(token),
            "a secret in {lines}"
        );
        // Nothing is begun blind.
        let plan = with(
            &config,
            &["plan", "production", "auth-service", "42", "--json"],
        )
        .exits(3)
        .json();
        let health = plan["gates"]
            .as_array()
            .unwrap()
            .iter()
            .find(|gate| gate["id"] == "target.health")
            .unwrap();
        assert_eq!(health["verdict"], "unknown");
        let back = [
            "rollback",
            "production",
            "auth-service",
            "--reason",
            "x",
            "--yes",
            "--confirm",
            "production",
        ];
        let refused = with(&config, &back).exits(3);
        assert!(refused.err.contains(told), "{}", refused.err);
    }
}

#[test]
fn a_cluster_that_hangs_is_told_in_time() {
    let served = Served::start("good", SPEED);
    let hang = |path: &str| {
        let fault = json!({"match": {"method": "GET", "path_contains": path}, "action": {"hang_before": 60_000}});
        served.fault(&fault);
    };
    let entries = served.entries();
    // All of it; or only what matters, after a greeting.
    for (path, verb) in [
        ("/", "connecting to practice"),
        ("/rollouts", "rollout"),
        ("/pods", ""),
    ] {
        hang(path);
        let started = Instant::now();
        let ran = served.verb(&["status", "production"]).exits(1);
        let took = started.elapsed();
        assert!(took < Duration::from_secs(12), "{path}: {took:?}");
        for target in ran.json()["targets"].as_array().unwrap() {
            let trouble = &target["trouble"];
            assert_eq!(
                (&target["workload"], &trouble["kind"]),
                (&Value::Null, &json!("timed_out")),
                "{path}: {target:#}"
            );
            let sentence = format!(
                "{}: {}",
                trouble["doing"].as_str().unwrap(),
                trouble["detail"].as_str().unwrap()
            );
            assert!(
                sentence.contains(verb) && sentence.contains("no answer within"),
                "{sentence}"
            );
        }
        served.api("DELETE", "/rehearsal/faults", &Value::Null);
    }
    hang("/");
    let started = Instant::now();
    let lines = served.plain(&["status"]).exits(1).out;
    assert!(
        started.elapsed() < Duration::from_secs(12),
        "nine targets of one cluster wait once: {:?}",
        started.elapsed()
    );
    assert!(
        !lines.contains("healthy") && lines.lines().count() == 9,
        "{lines}"
    );
    let waited = served.plain(&["hold", "production", "auth-service"]);
    assert_ne!(waited.code, Some(0), "{}", waited.out);
    served.api("DELETE", "/rehearsal/faults", &Value::Null);
    assert_eq!(served.entries(), entries);
    let lines = served.plain(&["status"]).exits(0).out;
    assert_eq!(lines.matches("healthy").count(), 9, "{lines}");
}

#[test]
fn what_others_wrote_never_acts_on_the_terminal() {
    let served = Served::start("good", SPEED);
    let evil = format!("fix{ESCAPE}]0;owned\u{7}{ESCAPE}[2J {BIDI}gnp.exe \u{200b}x");
    // A commit that everybody reads.
    let repository = git2::Repository::open(served.path().join("source")).unwrap();
    let who = git2::Signature::now(&format!("mallory{ESCAPE}[31m"), "m@acme.example").unwrap();
    let head = repository.head().unwrap().peel_to_commit().unwrap();
    repository
        .commit(
            Some("HEAD"),
            &who,
            &who,
            &evil,
            &head.tree().unwrap(),
            &[&head],
        )
        .unwrap();
    drop(head);

    let entries = served.entries();
    let dry = served
        .verb(&[
            "request",
            "dev",
            "auth-service",
            "44",
            "--reason",
            &evil,
            "--dry-run",
        ])
        .exits(0);
    nothing_acts(&dry);
    assert_eq!(
        served.entries(),
        entries,
        "a new commit gets its number when somebody acts, not before"
    );
    for args in [
        &["release", "list", "auth-service"][..],
        &["release", "show", "auth-service", "44"],
        &["resolve", "auth-service", "44"],
        &["plan", "dev", "auth-service", "44"],
        &["request", "dev", "auth-service", "42", "--reason", &evil],
        &["timeline", "dev", "auth-service"],
        &["timeline", "dev", "auth-service", "--format", "json"],
        &["status", "dev"],
        &["resolve", "auth-service", &evil],
        &["cancel", "dev", "auth-service", "--reason", &evil],
        &["status", &evil],
    ] {
        nothing_acts(&served.plain(args));
        if args[0] != "request" && args[0] != "cancel" {
            nothing_acts(&served.verb(args));
        }
    }
    let listed = served
        .plain(&["release", "list", "auth-service", "--limit", "1"])
        .exits(0)
        .out;
    assert!(
        listed.contains("fix␛]0;owned␇␛[2J ‹U+202E›gnp.exe"),
        "it is shown, not hidden: {listed}"
    );
    let told = served
        .plain(&["timeline", "dev", "auth-service"])
        .exits(0)
        .out;
    assert!(told.contains("‹U+202E›gnp.exe"), "{told}");
    let reason = served
        .verb(&["timeline", "dev", "auth-service"])
        .exits(0)
        .json();
    let kept = reason["entries"]
        .as_array()
        .unwrap()
        .iter()
        .any(|entry| entry["body"]["reason"] == evil.as_str());
    assert!(kept, "JSON keeps what was written");

    // On the object itself.
    let path = "/apis/argoproj.io/v1alpha1/namespaces/production/rollouts/auth-service";
    let mark = json!({"metadata": {"annotations": {"gonogo.dev/held-by": evil}}, "spec": {"paused": true}});
    served.api("PATCH", path, &mark);
    for args in [
        &["status", "production"][..],
        &["plan", "production", "auth-service", "42"],
    ] {
        nothing_acts(&served.plain(args));
        nothing_acts(&served.verb(args));
    }
    let held = served.status("production", "auth-service")["workload"]["held_by"].clone();
    assert!(
        held.as_str().is_some_and(|held| held.contains("‹U+202E›")),
        "{held}"
    );
}
