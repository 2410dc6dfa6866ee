//! A served rehearsal, the binary against it, and waiting without guessing: what the end-to-end tests stand on.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

const GONOGO: &str = env!("CARGO_BIN_EXE_gonogo");

/// Generous: a busy machine is no failure. What waits forever is.
pub const PATIENCE: Duration = Duration::from_secs(90);
const BEAT: Duration = Duration::from_millis(50);

/// `gonogo rehearse --serve` in a folder of its own; stopped when it goes.
pub struct Served {
    child: Child,
    dir: tempfile::TempDir,
}

/// How a command ended, and everything it said.
pub struct Ran {
    pub line: String,
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// Looks until `look` finds something; panics with `what` when patience ends.
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "waited {PATIENCE:?} for {what}"
        );
        thread::sleep(BEAT);
    }
}

fn reader(mut from: impl std::io::Read + Send + 'static) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = from.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Runs to the end, or kills it when patience ends.
pub fn run(command: &mut Command) -> Ran {
    let line = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{line}: {error}"));
    let out = reader(child.stdout.take().unwrap());
    let err = reader(child.stderr.take().unwrap());
    let started = Instant::now();
    let code = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status.code();
        }
        if started.elapsed() > PATIENCE {
            let _ = child.kill();
            let _ = child.wait();
            panic!(
                "{line} did not end within {PATIENCE:?}\n{}\n{}",
                out.join().unwrap(),
                err.join().unwrap()
            );
        }
        thread::sleep(Duration::from_millis(5));
    };
    Ran {
        line,
        code,
        out: out.join().unwrap(),
        err: err.join().unwrap(),
    }
}

/// `gonogo` with these arguments, in an environment that says nothing.
pub fn gonogo(args: &[&str]) -> Command {
    let mut command = Command::new(GONOGO);
    command.args(args).current_dir(std::env::temp_dir());
    for name in [
        "GONOGO_CONFIG",
        "GONOGO_CONFIG_DIR",
        "KUBECONFIG",
        "NO_COLOR",
        "USER",
    ] {
        command.env_remove(name);
    }
    command
}

/// Is kubectl here? If not, the test says so by name, and `.ci/run` fails on that line.
pub fn has_kubectl() -> bool {
    let found = Command::new("kubectl")
        .args(["version", "--client"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        println!("skipped: needs kubectl");
    }
    found
}

impl Ran {
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "{}\nstdout: {}\nstderr: {}",
            self.line,
            self.out,
            self.err
        );
        self
    }

    /// The objects on stdout, one a line.
    #[track_caller]
    pub fn objects(&self) -> Vec<Value> {
        let object = |line: &str| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("{}: {error}: {line}", self.line))
        };
        let objects: Vec<Value> = self.out.lines().map(object).collect();
        for object in &objects {
            assert_eq!(object["schema"], 1, "{}: {object}", self.line);
            assert_eq!(object["rehearsal"], true, "{}: {object}", self.line);
        }
        objects
    }

    /// The last object: what a verb says at its end.
    #[track_caller]
    pub fn json(&self) -> Value {
        self.objects()
            .pop()
            .unwrap_or_else(|| panic!("{} printed nothing; {}", self.line, self.err))
    }

    /// The rule that refused.
    #[track_caller]
    pub fn rule(&self) -> String {
        let refusal = &self.json()["refusal"];
        assert!(
            refusal["sentence"]
                .as_str()
                .is_some_and(|sentence| self.err.contains(sentence)),
            "{refusal} is also said: {}",
            self.err
        );
        refusal["rule"].as_str().unwrap_or_default().to_owned()
    }

    /// The sentence of the refusal, or of the failure.
    #[track_caller]
    pub fn sentence(&self) -> String {
        let object = self.json();
        let sentence = object["refusal"]["sentence"]
            .as_str()
            .or_else(|| object["failure"]["detail"].as_str());
        sentence
            .unwrap_or_else(|| panic!("{} was not refused: {object}", self.line))
            .to_owned()
    }
}

impl Served {
    /// Starts it and waits until all of it answers.
    pub fn start(scenario: &str, speed: u32) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("gonogo-test-")
            .tempdir()
            .unwrap();
        let speed = speed.to_string();
        let args = [
            "rehearse",
            "--serve",
            "--scenario",
            scenario,
            "--speed",
            &speed,
            "--dir",
        ];
        let log = std::fs::File::create(dir.path().join("served.log")).unwrap();
        let child = gonogo(&args)
            .arg(dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut served = Self { child, dir };
        until("the practice cluster to be ready", || {
            if let Some(status) = served.child.try_wait().unwrap() {
                let log = std::fs::read_to_string(served.path().join("served.log"));
                panic!("the practice cluster ended: {status}; {log:?}");
            }
            served.path().join("ready").exists().then_some(())
        });
        served
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A verb as lines, as dana.
    pub fn plain(&self, args: &[&str]) -> Ran {
        let config = self.path().join("gonogo.toml");
        run(gonogo(&["--config"]).arg(config).args(args))
    }

    /// A verb with `--json`, as dana.
    pub fn verb(&self, args: &[&str]) -> Ran {
        self.plain(&[args, &["--json"]].concat())
    }

    /// A verb with `--json`, as somebody.
    pub fn verb_as(&self, who: &str, args: &[&str]) -> Ran {
        self.verb(&[args, &["--as", who]].concat())
    }

    /// One target of `status --json`.
    #[track_caller]
    pub fn status(&self, environment: &str, project: &str) -> Value {
        self.verb(&["status", environment, project]).exits(0).json()["targets"][0].clone()
    }

    /// Polls `status` until it is so.
    #[track_caller]
    pub fn until_status(
        &self,
        environment: &str,
        project: &str,
        what: &str,
        is: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut last = Value::Null;
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            last = self.status(environment, project);
            if is(&last) {
                return last;
            }
            thread::sleep(BEAT);
        }
        panic!("{environment} {project} is not {what}: {last:#}");
    }

    /// Entries of the whole ledger, from the chain itself.
    #[track_caller]
    pub fn entries(&self) -> u64 {
        self.verb(&["audit", "verify"]).exits(0).json()["entries"]
            .as_u64()
            .unwrap()
    }

    /// A call to the practice API server itself.
    pub fn api(&self, method: &str, path: &str, body: &Value) -> Value {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let kubeconfig =
                kube::config::Kubeconfig::read_from(self.path().join("kubeconfig")).unwrap();
            let options = kube::config::KubeConfigOptions::default();
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
            let client = kube::Client::try_from(config.unwrap()).unwrap();
            let content = if method == "PATCH" {
                "application/merge-patch+json"
            } else {
                "application/json"
            };
            let body = if body.is_null() {
                Vec::new()
            } else {
                body.to_string().into_bytes()
            };
            let request = http::Request::builder()
                .method(method)
                .uri(path)
                .header("content-type", content)
                .body(body)
                .unwrap();
            let text = client
                .request_text(request)
                .await
                .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
            serde_json::from_str(&text).unwrap_or(Value::Null)
        })
    }

    /// Makes the practice API misbehave.
    pub fn fault(&self, fault: &Value) {
        self.api("POST", "/rehearsal/faults", fault);
    }

    pub fn rollout(&self, project: &str) -> Value {
        self.api(
            "GET",
            &format!("/apis/argoproj.io/v1alpha1/namespaces/production/rollouts/{project}"),
            &Value::Null,
        )
    }

    /// kubectl against the practice cluster.
    pub fn kubectl(&self, args: &[&str]) -> Ran {
        run(Command::new("kubectl")
            .arg("--kubeconfig")
            .arg(self.path().join("kubeconfig"))
            .args(args))
    }

    /// The same, with its JSON.
    #[track_caller]
    pub fn kubectl_json(&self, args: &[&str]) -> Value {
        let ran = self.kubectl(&[args, &["-o", "json"]].concat()).exits(0);
        serde_json::from_str(&ran.out).unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status();
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(10) {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(BEAT);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        assert!(
            thread::panicking(),
            "SIGTERM did not stop the practice cluster"
        );
    }
}
