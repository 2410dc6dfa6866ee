//! T12, T13, T14: what is secret reaches no output, no log, no ledger: neither when all goes well nor when it fails; and
//! a program that a kubeconfig names runs only where it may.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;

use crate::support::{Ran, Served, gonogo, run};

/// Every file under `folder` that gonogo writes by itself, with its bytes as text.
fn written(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        // What the test planted, and the practice cluster's own credentials and repositories, are no output.
        if ["kubeconfig", "source", "gitops.git", "planted"].contains(&name.as_str()) {
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

/// The token of the served kubeconfig.
fn token(served: &Served) -> String {
    let kubeconfig = std::fs::read_to_string(served.path().join("kubeconfig")).unwrap();
    let token = kubeconfig
        .lines()
        .find_map(|line| line.trim().strip_prefix("token: "))
        .map(|token| token.trim_matches('"').to_owned())
        .expect("the kubeconfig has a token");
    assert!(token.len() > 8, "{token}");
    token
}

/// What the test hides, and where it looks: every secret has a marker that no other text has.
struct Planted {
    served: Served,
    folder: PathBuf,
    markers: Vec<String>,
    /// What was said, by what.
    said: Vec<(String, String)>,
}

impl Planted {
    fn marker(&mut self, kind: &str) -> String {
        // Letters and digits, as keys are made of.
        let marker = format!("C4N4RY{:02}{kind}Q7X9", self.markers.len());
        self.markers.push(marker.clone());
        marker
    }

    fn file(&self, name: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    fn say(&mut self, config: &Path, env: &[(&str, String)], args: &[&str]) {
        let mut command = gonogo(&["--config"]);
        command
            .arg(config)
            .args(args)
            .env("GONOGO_CONFIG_DIR", self.served.path().join("own"))
            .env("GONOGO_LOG", "trace")
            .env("RUST_BACKTRACE", "full");
        for (name, value) in env {
            command.env(name, value);
        }
        let ran: Ran = run(&mut command);
        self.said
            .push((args.join(" "), format!("{}{}", ran.out, ran.err)));
    }
}

/// A registry that asks for a login, and repeats in its refusal what it was told.
fn mean_registry() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut told = String::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                if line.to_lowercase().starts_with("authorization") {
                    line.trim().clone_into(&mut told);
                }
            }
            let body = format!("you said {told}");
            let mut stream = stream;
            let _ = write!(
                stream,
                "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"{told}\"\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            );
        }
    });
    address
}

#[test]
fn thirty_secrets_are_in_nothing_that_anybody_reads() {
    let served = Served::start("good", 60);
    let folder = served.path().join("planted");
    std::fs::create_dir(&folder).unwrap();
    let mut planted = Planted {
        folder,
        markers: vec![token(&served)],
        served,
        said: Vec::new(),
    };
    let good = std::fs::read_to_string(planted.served.path().join("kubeconfig")).unwrap();

    // A credential plugin that gives the token, and talks.
    let chatter = planted.marker("STDERR");
    let token = planted.markers[0].clone();
    let plugin = planted.file(
        "plugin",
        &format!("#!/bin/sh\necho 'token {chatter}' >&2\necho '{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"{token}\"}}}}'\n"),
        0o700,
    );
    let (argument, variable) = (planted.marker("PLUGINARG"), planted.marker("PLUGINENV"));
    let exec = |command: &Path| {
        good.replace(
            &format!("    token: {token}"),
            &format!(
                "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: {}\n      args: [--password={argument}]\n      env:\n      - name: VAULT\n        value: {variable}\n      interactiveMode: IfAvailable",
                command.display()
            ),
        )
    };
    assert!(exec(&plugin).contains("exec:"), "{good}");
    let with_plugin = planted.file("with-plugin", &exec(&plugin), 0o600);
    let broken = planted.marker("PLUGINOUT");
    let failing = planted.file(
        "failing",
        &format!("#!/bin/sh\necho '{broken}'\necho '{broken}' >&2\nexit 4\n"),
        0o700,
    );
    let with_failing = planted.file("with-failing", &exec(&failing), 0o600);
    let babbling = planted.file("babbling", &format!("#!/bin/sh\necho '{broken}'\n"), 0o700);
    let with_babbling = planted.file("with-babbling", &exec(&babbling), 0o600);
    let (user, password, proxy) = (
        planted.marker("USERINFO"),
        planted.marker("PASSWORD"),
        planted.marker("PROXY"),
    );
    let with_userinfo = planted.file(
        "with-userinfo",
        &good.replace(
            "server: https://",
            &format!("server: https://{user}:{password}@"),
        ),
        0o600,
    );
    let with_proxy = planted.file(
        "with-proxy",
        &good.replace(
            "    server:",
            &format!("    proxy-url: http://me:{proxy}@127.0.0.1:1\n    server:"),
        ),
        0o600,
    );
    let (basic, stranger, key) = (
        planted.marker("BASIC"),
        planted.marker("STRANGER"),
        planted.marker("CLIENTKEY"),
    );
    let with_basic = planted.file(
        "with-basic",
        &good.replace(
            &format!("token: {token}"),
            &format!("username: me\n    password: {basic}"),
        ),
        0o600,
    );
    let with_stranger = planted.file("with-stranger", &good.replace(&token, &stranger), 0o600);
    let with_key = planted.file(
        "with-key",
        &good.replace(
            &format!("token: {token}"),
            &format!("client-certificate-data: eHg=\n    client-key-data: {key}"),
        ),
        0o600,
    );
    let garbage = planted.marker("GARBAGE");
    let with_garbage = planted.file(
        "with-garbage",
        &format!("users: [{{token: {garbage}"),
        0o600,
    );

    // Logins: by each kind of reference, at a registry that repeats what it is told.
    let (in_file, in_env, in_cmd, exposed) = (
        planted.marker("FILE"),
        planted.marker("ENV"),
        planted.marker("CMD"),
        planted.marker("EXPOSED"),
    );
    let password_file = planted.file("password", &format!("{in_file}\n"), 0o600);
    let exposed_file = planted.file("exposed", &exposed, 0o644);
    let teller = planted.file(
        "teller",
        &format!("echo {in_cmd}; echo {in_cmd} >&2"),
        0o600,
    );
    let registry = mean_registry();
    let base = std::fs::read_to_string(planted.served.path().join("gonogo.toml")).unwrap();
    let practice = base
        .lines()
        .find_map(|line| line.strip_prefix("registry = "))
        .unwrap()
        .trim_matches('"')
        .to_owned();
    let kubeconfig = planted
        .served
        .path()
        .join("kubeconfig")
        .display()
        .to_string();
    let config = |planted: &Planted, name: &str, kube: Option<&Path>, password: Option<String>| {
        let mut text = base.clone();
        if let Some(kube) = kube {
            text = text.replace(&kubeconfig, &kube.display().to_string());
        }
        if let Some(password) = password {
            text = text.replace(&practice, &registry);
            text = format!(
                "{text}\n[[registry]]\naddress = \"{registry}\"\nuser = \"ci\"\npassword = \"{password}\"\n"
            );
        }
        text = format!(
            "{text}\n[plugins]\nallow = [\"{}\", \"{}\", \"{}\"]\n",
            plugin.display(),
            failing.display(),
            babbling.display()
        );
        planted.file(name, &text, 0o600)
    };

    // What others say: the objects of the cluster, the repository.
    let (bearer, url, cloud, pem, forge, signed, query) = (
        planted.marker("BEARER"),
        planted.marker("URL"),
        planted.marker("CLOUD"),
        planted.marker("PEM"),
        planted.marker("FORGE"),
        planted.marker("SIGNED"),
        planted.marker("QUERY"),
    );
    let said = [
        format!("Bearer {bearer}"),
        format!("postgres://app:{url}@db:5432/x"),
        format!("AKIA{:.<16}", "").replace('.', "7") + &format!(" password={cloud}"),
        format!("-----BEGIN PRIVATE KEY-----\n{pem}\n-----END PRIVATE KEY-----"),
        format!("ghp_{forge}abcdefghij0123456789"),
        format!("eyJhbGciOi.eyJzdWIiOi.{signed}"),
        format!("https://x/?token={query}&b=1"),
    ]
    .join(" ");
    let rollout = "/apis/argoproj.io/v1alpha1/namespaces/production/rollouts/auth-service";
    planted.served.api(
        "PATCH",
        rollout,
        &json!({"metadata": {"annotations": {"gonogo.dev/held-by": said}}, "spec": {"paused": true}}),
    );
    let repository = git2::Repository::open(planted.served.path().join("source")).unwrap();
    let remote = planted.marker("REMOTE");
    repository
        .remote("origin", &format!("https://me:{remote}@git.example/x"))
        .unwrap();
    let head = repository.head().unwrap().peel_to_commit().unwrap();
    let who = git2::Signature::now(
        &format!("ghp_{forge}abcdefghij0123456789"),
        "m@acme.example",
    )
    .unwrap();
    repository
        .commit(
            Some("HEAD"),
            &who,
            &who,
            &said,
            &head.tree().unwrap(),
            &[&head],
        )
        .unwrap();

    // What stands in our own environment.
    let env: Vec<(&str, String)> = [
        "AWS_SECRET_ACCESS_KEY",
        "GITHUB_TOKEN",
        "REGISTRY_PASSWORD",
        "HTTPS_PROXY",
        "GONOGO_TOKEN",
    ]
    .into_iter()
    .map(|name| {
        let marker = planted.marker("OWN");
        let value = match name {
            "HTTPS_PROXY" => format!("http://me:{marker}@127.0.0.1:1"),
            "REGISTRY_PASSWORD" => in_env.clone(),
            _ => marker,
        };
        (name, value)
    })
    .collect();

    // Secrets where they do not belong.
    let (literal, in_address, keyring) = (
        planted.marker("LITERAL"),
        planted.marker("ADDRESS"),
        planted.marker("KEYRING"),
    );
    let wrong = [
        format!(
            "{base}\n[[registry]]\naddress = \"{practice}\"\nuser = \"ci\"\npassword = \"{literal}\"\n"
        ),
        format!(
            "{base}\n[[registry]]\naddress = \"https://me:{in_address}@r.example\"\nuser = \"ci\"\npassword = \"keyring:{keyring}\"\n"
        ),
        base.replace(
            &format!("registry = \"{practice}\""),
            &format!("registry = \"https://me:{in_address}@r.example\""),
        ),
    ];
    for (nth, text) in wrong.iter().enumerate() {
        let path = planted.file(&format!("wrong-{nth}.toml"), text, 0o600);
        for args in [&["config", "check"][..], &["status", "--json"]] {
            planted.say(&path, &env, args);
        }
        let (_, told) = planted.said.last().unwrap();
        assert!(told.contains("wrong-"), "it is refused: {told}");
    }
    assert!(planted.markers.len() >= 30, "{}", planted.markers.len());

    // Every verb, on a cluster that we are let into by the plugin.
    let place = ["production", "auth-service"];
    let reason = ["--reason", "x"];
    let yes = ["--yes", "--confirm", "production", "--timeout", "3s"];
    let acting: [Vec<&str>; 18] = [
        ["request", "dev", "auth-service", "42"]
            .iter()
            .chain(&reason)
            .copied()
            .collect(),
        ["plan", place[0], place[1], "44"].to_vec(),
        ["approve", "dev", "auth-service"]
            .iter()
            .chain(&reason)
            .copied()
            .collect(),
        ["reject", "dev", "auth-service"]
            .iter()
            .chain(&reason)
            .copied()
            .collect(),
        vec!["withdraw", "dev", "auth-service"],
        vec!["check", "dev", "auth-service", "oncall.confirmed"],
        ["waive", "dev", "auth-service", "oncall.confirmed"]
            .iter()
            .chain(&reason)
            .copied()
            .collect(),
        vec!["reopen", "dev", "auth-service", "oncall.confirmed"],
        vec!["cancel", "dev", "auth-service"],
        ["deploy", "dev", "auth-service", "42"]
            .iter()
            .chain(&yes)
            .copied()
            .collect(),
        vec!["fly", "dev", "auth-service", "--timeout", "2s"],
        ["promote", place[0], place[1], "--step", "1"]
            .iter()
            .chain(&yes)
            .copied()
            .collect(),
        ["hold", place[0], place[1]]
            .iter()
            .chain(&yes)
            .copied()
            .collect(),
        ["resume", place[0], place[1]]
            .iter()
            .chain(&yes)
            .copied()
            .collect(),
        ["abort", place[0], place[1]]
            .iter()
            .chain(&yes)
            .copied()
            .collect(),
        ["retry", place[0], place[1]]
            .iter()
            .chain(&yes)
            .copied()
            .collect(),
        ["rollback", place[0], place[1]]
            .iter()
            .chain(&reason)
            .chain(&yes)
            .copied()
            .collect(),
        vec!["close", place[0], place[1]],
    ];
    let reading: [&[&str]; 14] = [
        &["status"],
        &["status", place[0]],
        &["resolve", "auth-service", "44"],
        &["release", "list", "auth-service"],
        &["release", "show", "auth-service", "44"],
        &["timeline", "dev", "auth-service"],
        &["timeline", place[0], place[1], "--format", "json"],
        &["audit", "verify"],
        &["config", "check"],
        &["config", "check", "--example"],
        &["keys"],
        &["man"],
        &["completions", "bash"],
        &["nonsense"],
    ];
    let by_plugin = config(&planted, "plugin.toml", Some(&with_plugin), None);
    let acting = acting.iter().map(Vec::as_slice);
    for args in reading.into_iter().chain(acting) {
        planted.say(&by_plugin, &env, &[args, &["--dry-run"]].concat());
        planted.say(&by_plugin, &env, &[args, &["--json"]].concat());
        planted.say(&by_plugin, &env, &[args[0], "--help"]);
    }
    let status = &planted
        .said
        .iter()
        .rfind(|(line, _)| line == "status --json")
        .unwrap()
        .1;
    assert!(
        status.contains("\"running\":"),
        "the plugin lets us in: {status}"
    );
    let held = &planted
        .said
        .iter()
        .find(|(line, _)| line == "status production --json")
        .unwrap()
        .1;
    assert!(
        held.contains("Bearer •••"),
        "it is shown that something was there: {held}"
    );

    // What does not work, and a cluster that fails.
    for (nth, kube) in [
        with_failing,
        with_babbling,
        with_userinfo,
        with_proxy,
        with_basic,
        with_stranger,
        with_key,
        with_garbage,
    ]
    .iter()
    .enumerate()
    {
        let path = config(&planted, &format!("kube-{nth}.toml"), Some(kube), None);
        planted.say(&path, &env, &["status", "production", "--json"]);
        planted.say(
            &path,
            &env,
            &["rollback", place[0], place[1], "--reason", "x", "--dry-run"],
        );
    }
    for action in [
        json!({"status": 401}),
        json!({"status": 500}),
        json!("reset_before"),
    ] {
        planted
            .served
            .fault(&json!({"match": {"method": "GET"}, "action": action, "times": 3}));
        planted.say(&by_plugin, &env, &["status"]);
    }
    // The registry is asked for the digest of what is planned.
    for (name, password) in [
        ("env", "env:REGISTRY_PASSWORD".to_owned()),
        ("file", format!("file:{}", password_file.display())),
        ("cmd", format!("cmd:sh {}", teller.display())),
        ("exposed", format!("file:{}", exposed_file.display())),
    ] {
        let path = config(&planted, &format!("{name}.toml"), None, Some(password));
        planted.say(
            &path,
            &env,
            &["plan", "production", "auth-service", "43", "--json"],
        );
        planted.say(
            &path,
            &env,
            &[
                "request",
                "production",
                "auth-service",
                "43",
                "--reason",
                "x",
            ],
        );
        let (_, told) = planted.said.last().unwrap();
        let expect = if name == "exposed" {
            "chmod 600"
        } else {
            "401"
        };
        assert!(told.contains(expect), "{name}: {told}");
    }

    // A session leaves what it saw for the next start.
    planted.say(&by_plugin, &env, &["--plain"]);

    let mut said = std::mem::take(&mut planted.said);
    written(planted.served.path(), &mut said);
    let seen = |name: &str| {
        said.iter()
            .any(|(file, text)| file.starts_with(name) && !text.is_empty())
    };
    assert!(
        seen("gonogo.log") && seen("ledger") && seen("last-seen"),
        "the test sees too little"
    );
    let mut found = Vec::new();
    for marker in &planted.markers {
        for (name, text) in &said {
            if let Some(at) = text.find(marker.as_str()) {
                let from = text.floor_char_boundary(at.saturating_sub(120));
                let to = text.ceil_char_boundary((at + 80).min(text.len()));
                found.push(format!("{marker} in {name}: {}", &text[from..to]));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

#[test]
fn a_program_that_a_kubeconfig_names_runs_only_where_it_may() {
    let served = Served::start("good", 60);
    let token = token(&served);
    let folder = served.path().join("planted");
    std::fs::create_dir(&folder).unwrap();
    let witness = folder.join("witness");
    let plugin = folder.join("acme-login");
    std::fs::write(
        &plugin,
        format!(
            "#!/bin/sh\n{{ echo ran; env | grep -E '^(REGISTRY_PASSWORD|GONOGO_TOKEN|AWS_PROFILE|KUBERNETES_EXEC_INFO)='; echo \"argv $0 $*\"; [ -t 0 ] && echo on-a-terminal; }} >> {}\ncat <<X\n{{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{{\"token\":\"{token}\"}}}}\nX\n",
            witness.display()
        ),
    )
    .unwrap();
    std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o700)).unwrap();
    let good = std::fs::read_to_string(served.path().join("kubeconfig")).unwrap();
    let kubeconfig = folder.join("kubeconfig");
    let base = std::fs::read_to_string(served.path().join("gonogo.toml")).unwrap();
    let own = served.path().join("kubeconfig").display().to_string();
    let status = |command: &str, extra: &str, given: &str| {
        let _ = std::fs::remove_file(&witness);
        std::fs::write(
            &kubeconfig,
            good.replace(
                &format!("    token: {token}"),
                &format!(
                    "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: {command}\n      interactiveMode: IfAvailable\n{given}"
                ),
            ),
        )
        .unwrap();
        let config = served.path().join("with-plugin.toml");
        let text = base.replace(&own, &kubeconfig.display().to_string());
        std::fs::write(&config, format!("{text}\n{extra}")).unwrap();
        let search = std::env::var("PATH").unwrap();
        let ran = run(gonogo(&["--config"])
            .arg(&config)
            .args(["status", "production", "auth-service", "--json"])
            .env("PATH", format!("{}:{search}", folder.display()))
            .env("REGISTRY_PASSWORD", "ours")
            .env("GONOGO_TOKEN", "ours")
            .env("AWS_PROFILE", "theirs"));
        let trouble = ran.json()["targets"][0]["trouble"].clone();
        let told = format!("{} {}", trouble["detail"], trouble["hint"]);
        (told, std::fs::read_to_string(&witness).unwrap_or_default())
    };
    let whole = plugin.display().to_string();
    let allow = format!("[plugins]\nallow = [\"{whole}\"]\n");
    let login = "[[registry]]\naddress = \"https://r.example\"\nuser = \"ci\"\npassword = \"env:REGISTRY_PASSWORD\"\n";

    // By its path or by its name: refused, with the line to add, and not run.
    for command in [whole.as_str(), "acme-login"] {
        let (told, ran) = status(command, "", "");
        let line = format!("[plugins] allow = [\\\"{whole}\\\"]");
        assert!(told.contains(&line) && ran.is_empty(), "{told}; {ran}");
    }
    let (told, ran) = status(&whole, "[plugins]\npolicy = \"deny\"\n", "");
    assert!(
        told.contains("no credential plugins are run") && ran.is_empty(),
        "{told}"
    );
    // Allowed: the very file runs, without our tokens, without a terminal.
    for (command, extra) in [
        (whole.as_str(), format!("{allow}{login}")),
        ("acme-login", format!("{allow}{login}")),
        (
            "acme-login",
            format!("[plugins]\npolicy = \"allow-all\"\n{login}"),
        ),
    ] {
        let (told, ran) = status(command, &extra, "");
        assert!(told.starts_with("null"), "{told}");
        assert!(ran.contains(&format!("argv {whole}")), "{ran}");
        assert!(
            !ran.contains("ours") && ran.contains("AWS_PROFILE=theirs"),
            "{ran}"
        );
        assert!(
            !ran.contains("on-a-terminal") && ran.contains("\"interactive\":false"),
            "{ran}"
        );
    }
    // A variable that would run something else in its stead.
    let preload = "      env:\n      - name: LD_PRELOAD\n        value: /tmp/evil.so\n";
    let (told, ran) = status(&whole, &allow, preload);
    assert!(told.contains("LD_PRELOAD") && ran.is_empty(), "{told}");
    // Found in a repository, a configuration may not allow anything.
    let repository = served.path().join("checkout");
    std::fs::create_dir_all(repository.join(".git")).unwrap();
    let text = base.replace("trust_names = true\n", "");
    std::fs::write(repository.join("gonogo.toml"), format!("{text}\n{allow}")).unwrap();
    let ran = run(gonogo(&["status"])
        .current_dir(&repository)
        .env("GONOGO_CONFIG_DIR", served.path().join("none")))
    .exits(2);
    assert!(
        ran.err.contains("may not set `allow` in [plugins]"),
        "{}",
        ran.err
    );
}

/// The command line of a process is for everybody to read.
#[test]
fn no_verb_takes_a_secret_as_an_argument() {
    let help = |args: &[&str]| run(gonogo(args).arg("--help")).exits(0).out.to_lowercase();
    for verb in ["", "deploy", "approve", "rollback", "config", "rehearse"] {
        let args: Vec<&str> = [verb].into_iter().filter(|verb| !verb.is_empty()).collect();
        for word in ["--password", "--token", "--secret"] {
            assert!(!help(&args).contains(word), "{verb} {word}");
        }
    }
    // Nor do we hand one to a program: git, for one, is not asked with a login in its words.
    let ran = Command::new("grep")
        .args([
            "-rn",
            "\\.arg(.*expose()",
            concat!(env!("CARGO_MANIFEST_DIR"), "/src"),
        ])
        .output()
        .unwrap();
    assert!(
        ran.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&ran.stdout)
    );
}
