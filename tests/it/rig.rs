//! A served practice cluster for tests that break things: verbs as processes, faults, what the server was asked, and what
//! the ledger says of it.
#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

pub const GONOGO: &str = env!("CARGO_BIN_EXE_gonogo");
pub const ROLLOUT: &str = "/apis/argoproj.io/v1alpha1/namespaces/production/rollouts/auth-service";
const PATIENCE: Duration = Duration::from_secs(60);

/// What the tests set instead of ten seconds.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// So long after it was sent, what is not seen never landed.
pub const SETTLED: Duration = Duration::from_secs(3);

/// Gates that want a window of figures; waived, so that a test of something else need not sample.
const SAMPLED: [&str; 4] = [
    "stage.bake",
    "stage.health",
    "metric.error_rate",
    "metric.latency_p99",
];

pub struct Rig {
    server: Child,
    dir: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    client: kube::Client,
}

pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
    pub took: Duration,
}

impl Said {
    /// The last object of the output.
    pub fn json(&self) -> Value {
        let last = self
            .out
            .lines()
            .last()
            .unwrap_or_else(|| panic!("nothing was printed: {}", self.err));
        serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {last}"))
    }

    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        self
    }
}

/// A verb's process without the environment of whoever runs the tests.
pub fn command(dir: &Path) -> Command {
    let mut command = Command::new(GONOGO);
    command
        .env("HOME", dir)
        .env("GONOGO_CONFIG_DIR", dir.join("none"))
        .env_remove("XDG_CONFIG_HOME")
        .env_remove("KUBECONFIG");
    command.current_dir(dir).stdin(Stdio::null());
    command
}

#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            started.elapsed() < PATIENCE,
            "not within {PATIENCE:?}: {what}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

impl Rig {
    /// The practice cluster alone, with a short deadline for mutations in its configuration.
    pub fn serve(speed: &str) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let log = std::fs::File::create(dir.path().join("server.log")).unwrap();
        let mut server = command(dir.path())
            .args(["rehearse", "--serve", "--speed", speed, "--dir"])
            .arg(dir.path())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        wait_for("the practice cluster", || {
            assert!(
                server.try_wait().unwrap().is_none(),
                "the practice cluster ended"
            );
            dir.path().join("ready").exists().then_some(())
        });
        let file = dir.path().join("gonogo.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains("mutation_deadline = \"10s\""), "{text}");
        for (name, deadline) in [("gonogo.toml", "2s"), ("patient.toml", "1h")] {
            let wanted = format!("mutation_deadline = \"{deadline}\"");
            let text = text
                .replace("mutation_deadline = \"10s\"", &wanted)
                .replace("settling = \"5s\"", "settling = \"1s\"");
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let client = runtime.block_on(async {
            let kubeconfig =
                kube::config::Kubeconfig::read_from(dir.path().join("kubeconfig")).unwrap();
            let options = kube::config::KubeConfigOptions::default();
            let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options)
                .await
                .unwrap();
            kube::Client::try_from(config).unwrap()
        });
        Self {
            server,
            dir,
            runtime,
            client,
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn config(&self) -> PathBuf {
        self.path().join("gonogo.toml")
    }

    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// A call to the API of the practice cluster.
    #[track_caller]
    pub fn api(&self, method: &str, path: &str, body: &Value) -> Value {
        let kind = if method == "PATCH" {
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
            .header("content-type", kind)
            .body(body)
            .unwrap();
        let text = self
            .runtime
            .block_on(self.client.request_text(request))
            .unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        serde_json::from_str(&text).unwrap()
    }

    pub fn client(&self) -> kube::Client {
        self.client.clone()
    }

    pub fn rollout(&self) -> Value {
        self.api("GET", ROLLOUT, &Value::Null)
    }

    pub fn step(&self) -> u64 {
        self.rollout()["status"]["currentStepIndex"]
            .as_u64()
            .unwrap()
    }

    #[track_caller]
    pub fn until_rollout(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        wait_for(what, || Some(self.rollout()).filter(&is))
    }

    /// Resting at the pause of this step.
    #[track_caller]
    pub fn until_rests(&self, step: u64) {
        self.until_rollout(&format!("resting at step {step}"), |rollout| {
            rests(rollout) == Some(step)
        });
    }

    pub fn fault(&self, wanted: &Value, action: &Value, times: u64) {
        self.api(
            "POST",
            "/rehearsal/faults",
            &json!({"match": wanted, "action": action, "times": times}),
        );
    }

    /// A fault for the writes to the rollout of production whose body has this in it.
    pub fn fault_writes(&self, body: &str, action: &Value, times: u64) {
        self.fault(&json!({"method": "PATCH", "path_contains": "/rollouts/auth-service", "body_contains": body}), action, times);
    }

    /// How many calls the faults have met.
    pub fn struck(&self) -> u64 {
        let faults = self.api("GET", "/rehearsal/faults", &Value::Null);
        faults
            .as_array()
            .unwrap()
            .iter()
            .map(|fault| fault["struck"].as_u64().unwrap())
            .sum()
    }

    /// Takes all faults off and forgets the writes so far.
    pub fn clear(&self) {
        self.api("DELETE", "/rehearsal/faults", &Value::Null);
        self.api("DELETE", "/rehearsal/requests", &Value::Null);
    }

    /// The writes that reached the rollout, in order.
    pub fn patches(&self) -> Vec<Value> {
        let requests = self.api("GET", "/rehearsal/requests", &Value::Null);
        let of_rollout = |request: &&Value| {
            request["method"] == "PATCH"
                && request["path"]
                    .as_str()
                    .unwrap()
                    .contains("/rollouts/auth-service")
        };
        requests
            .as_array()
            .unwrap()
            .iter()
            .filter(of_rollout)
            .cloned()
            .collect()
    }

    /// How many of them had this in their body.
    pub fn patches_with(&self, text: &str) -> usize {
        self.patches()
            .iter()
            .filter(|request| request["body"].to_string().contains(text))
            .count()
    }

    /// The same with a deadline that never passes: however slow the machine is, nobody gives up waiting.
    pub fn patient(&self) -> PathBuf {
        self.path().join("patient.toml")
    }

    pub fn start(&self, who: &str, arguments: &[&str]) -> Child {
        self.start_with(&self.config(), who, arguments)
    }

    fn start_with(&self, config: &Path, who: &str, arguments: &[&str]) -> Child {
        let mut verb = command(self.path());
        verb.arg("--config")
            .arg(config)
            .args(["--json", "--as", who])
            .args(arguments);
        verb.stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub fn end(child: Child, started: Instant) -> Said {
        let output = child.wait_with_output().unwrap();
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
            took: started.elapsed(),
        }
    }

    pub fn verb_as(&self, who: &str, arguments: &[&str]) -> Said {
        self.prepare(arguments);
        let started = Instant::now();
        Self::end(self.start(who, arguments), started)
    }

    /// As somebody for whom the deadline of what is under way has not passed.
    pub fn patiently(&self, who: &str, arguments: &[&str]) -> Said {
        self.prepare(arguments);
        let started = Instant::now();
        Self::end(self.start_with(&self.patient(), who, arguments), started)
    }

    pub fn verb(&self, arguments: &[&str]) -> Said {
        self.verb_as("dana", arguments)
    }

    /// Without `--json`, as a person reads it.
    pub fn lines(&self, arguments: &[&str]) -> String {
        let output = command(self.path())
            .arg("--config")
            .arg(self.patient())
            .args(arguments)
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The production target of auth-service, as `status` shows it.
    pub fn status(&self) -> Value {
        self.verb(&["status", "production", "auth-service"]).json()["targets"][0].clone()
    }

    /// Bodies of the ledger's entries for it, with their place in the chain.
    pub fn entries(&self) -> Vec<Value> {
        self.verb(&["timeline", "production", "auth-service"])
            .exits(0)
            .json()["entries"]
            .as_array()
            .unwrap()
            .clone()
    }

    /// Requested by dana, approved, checked; gates that sample are waived by lee and sam.
    pub fn request(&self, release: &str) {
        let asked = self
            .verb(&[
                "request",
                "production",
                "auth-service",
                release,
                "--reason",
                "test",
            ])
            .exits(0)
            .json();
        let digest = asked["plan"].as_str().unwrap().to_owned();
        for who in ["lee", "sam"] {
            self.verb_as(
                who,
                &[
                    "approve",
                    "production",
                    "auth-service",
                    "--plan",
                    &digest,
                    "--reason",
                    "good",
                ],
            )
            .exits(0);
        }
        for item in [
            "oncall.confirmed",
            "stakeholders.notified",
            "rollback.reviewed",
        ] {
            self.verb(&["check", "production", "auth-service", item])
                .exits(0);
        }
        self.waive_figures();
    }

    fn prepare(&self, arguments: &[&str]) {
        if arguments.first() == Some(&"promote") {
            self.waive_figures();
        }
    }

    /// A waiver is for one stage: each promotion wants its own.
    pub fn waive_figures(&self) {
        for gate in SAMPLED {
            let words = [
                "waive",
                "production",
                "auth-service",
                gate,
                "--reason",
                "not what is tested",
            ];
            // Patiently: on a busy machine four verbs take longer than a deadline, and whoever looks after that settles.
            // In production it takes two.
            for who in ["lee", "sam"] {
                let waive = self.start_with(&self.patient(), who, &words);
                let waived = Self::end(waive, Instant::now());
                assert!(waived.code == 0 || waived.code == 4, "{}", waived.err);
            }
        }
    }

    /// Flown by dana to its first pause.
    pub fn airborne(&self, release: &str) {
        self.request(release);
        self.verb(&[
            "deploy",
            "production",
            "auth-service",
            release,
            "--yes",
            "--confirm",
            release,
        ])
        .exits(0);
        self.until_rests(1);
    }

    /// Starts a verb, waits until a fault holds its write, and kills it there. What it said is gone with it.
    #[track_caller]
    pub fn kill_while_held(&self, arguments: &[&str]) {
        self.prepare(arguments);
        let before = self.struck();
        let mut child = self.start_with(&self.patient(), "dana", arguments);
        let ended = wait_for("the write to be held", || {
            let ended = child.try_wait().unwrap();
            (ended.is_some() || self.struck() > before).then_some(ended)
        });
        if ended.is_some() {
            let said = Self::end(child, Instant::now());
            panic!(
                "{arguments:?} ended by itself with {}: {}{}",
                said.code, said.out, said.err
            );
        }
        // A write that is carried out before it hangs gets the moment that takes.
        std::thread::sleep(Duration::from_millis(100));
        child.kill().unwrap();
        child.wait().unwrap();
        self.api("DELETE", "/rehearsal/faults", &Value::Null);
    }

    /// Each intent has exactly one outcome, at most one "unknown" before it; the chain is whole.
    #[track_caller]
    pub fn ledger_is_sound(&self) {
        let entries = self.entries();
        let bodies: Vec<&Value> = entries.iter().map(|entry| &entry["body"]).collect();
        let mut intents: Vec<&str> = bodies
            .iter()
            .filter(|body| body["kind"] == "intended")
            .map(|body| body["intent"].as_str().unwrap())
            .collect();
        let all = intents.len();
        intents.sort_unstable();
        intents.dedup();
        assert_eq!(intents.len(), all, "an intent was written twice");
        for intent in intents {
            let outcomes = |unknown: bool| {
                let of_intent = bodies
                    .iter()
                    .filter(|body| body["kind"] == "settled" && body["intent"] == intent);
                of_intent
                    .filter(|body| (body["outcome"]["result"] == "unknown") == unknown)
                    .count()
            };
            let story: Vec<&&Value> = bodies
                .iter()
                .filter(|body| body["intent"] == intent)
                .collect();
            // Unknown is the last word only where an escape went out over it and nobody waited any more.
            let passed_over = story
                .iter()
                .any(|body| body["outcome"]["fault"]["kind"] == "cancelled");
            assert_eq!(outcomes(false), usize::from(!passed_over), "{story:#?}");
            assert!(outcomes(true) <= 1, "{story:#?}");
        }
        let verified = self.verb(&["audit", "verify"]).exits(0).json();
        assert_eq!(verified["whole"], true);
    }

    /// Results of the outcomes from this entry on.
    pub fn outcomes_after(&self, seq: u64) -> Vec<String> {
        let settled = |entry: &Value| {
            (entry["seq"].as_u64().unwrap() > seq).then(|| {
                entry["body"]["outcome"]["result"]
                    .as_str()
                    .map(str::to_owned)
            })?
        };
        self.entries().iter().filter_map(settled).collect()
    }

    pub fn seq(&self) -> u64 {
        self.entries()
            .last()
            .map_or(0, |entry| entry["seq"].as_u64().unwrap())
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The step at whose own pause the rollout rests.
pub fn rests(rollout: &Value) -> Option<u64> {
    let status = &rollout["status"];
    let conditions = status["pauseConditions"].as_array()?;
    let resting = conditions
        .iter()
        .any(|condition| condition["reason"] == "CanaryPauseStep");
    let observed = status["observedGeneration"]
        .as_str()
        .and_then(|generation| generation.parse().ok())
        .or_else(|| status["observedGeneration"].as_i64());
    (resting && observed == rollout["metadata"]["generation"].as_i64())
        .then(|| status["currentStepIndex"].as_u64())?
}
