//! T12: what is secret reaches no output, no log, no ledger: neither when all goes well nor when it fails.

use std::path::Path;

use serde_json::json;

use crate::support::{Served, gonogo, run};

/// Every file under `folder` that gonogo writes by itself, with its bytes as text.
fn written(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // The practice cluster's own credentials and repositories are no output.
        if name == "kubeconfig" || name == "source" || name == "gitops.git" {
            continue;
        }
        if path.is_dir() {
            written(&path, found);
        } else {
            let bytes = std::fs::read(&path).unwrap();
            found.push((name, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}

#[test]
fn a_token_stays_where_it_is() {
    let served = Served::start("good", 60);
    let kubeconfig = std::fs::read_to_string(served.path().join("kubeconfig")).unwrap();
    let token = kubeconfig
        .lines()
        .find_map(|line| line.trim().strip_prefix("token: "))
        .map(|token| token.trim_matches('"').to_owned())
        .expect("the kubeconfig has a token");
    assert!(token.len() > 8, "{token}");
    let config = served.path().join("gonogo.toml");
    let config = config.to_str().unwrap();
    let own = served.path().join("own");
    let say = |args: &[&str]| {
        let mut command = gonogo(&["--config", config]);
        command
            .args(args)
            .env("GONOGO_CONFIG_DIR", &own)
            .env("GONOGO_LOG", "trace");
        let ran = run(&mut command);
        format!("{}{}", ran.out, ran.err)
    };
    let place = ["production", "auth-service"];
    let all: [&[&str]; 9] = [
        &["status", "--json"],
        &["plan", place[0], place[1], "42", "--json"],
        &["request", place[0], place[1], "42", "--reason", "x"],
        &["deploy", place[0], place[1], "42", "--yes"],
        &["hold", place[0], place[1], "--dry-run"],
        &["rollback", place[0], place[1], "--reason", "x", "--dry-run"],
        &["timeline", place[0], place[1], "--format", "json"],
        &["release", "show", "auth-service", "42"],
        &["audit", "verify", "--json"],
    ];
    let mut said: Vec<(String, String)> =
        all.iter().map(|args| (args.join(" "), say(args))).collect();
    // The same while the API refuses, breaks off, and answers nonsense.
    for action in [
        json!({"status": 401}),
        json!({"status": 500}),
        json!("reset_before"),
    ] {
        served.fault(&json!({"match": {"method": "GET"}, "action": action, "times": 3}));
        said.push((format!("status under {action}"), say(&["status"])));
    }
    written(served.path(), &mut said);
    assert!(
        said.iter().any(|(name, _)| name == "gonogo.log"),
        "nothing was logged: the test sees too little"
    );
    assert!(
        said.iter()
            .any(|(name, text)| name.starts_with("ledger") && !text.is_empty())
    );
    for (name, text) in &said {
        assert!(!text.contains(&token), "the token is in {name}");
    }
}
