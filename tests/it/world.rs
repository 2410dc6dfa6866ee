//! A practice world inside the test's own process, behind a fault proxy, and operators who act on it through the same
//! executor as screen and verbs, over one real ledger.
#![allow(clippy::unwrap_used, clippy::panic, dead_code)]

use std::{collections::BTreeMap, path::Path, time::Duration};

use gonogo::{
    domain::{
        entry::{Body, Outcome},
        plan::ItemId,
        release::Release,
        target::Target,
        workspace::{Actor, IdentityMeans, Workspace},
    },
    flight::known::Known,
    policy::{
        confirm::{Challenge, Flags},
        decide::{Command, Decision, decide},
        planner,
    },
    ports::keep::Verified,
    runtime::{
        executor::Executor,
        outside::Outside,
        rehearsal::{Rehearsal, Wish},
    },
    session::event::End,
    simulator::Scenario,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{
    fault_proxy::FaultProxy,
    rig::{ROLLOUT, rests},
};

/// Gates that want a window of figures; waived, so that a test of something else need not sample.
const SAMPLED: [&str; 4] = [
    "stage.bake",
    "stage.health",
    "metric.error_rate",
    "metric.latency_p99",
];

/// How many cuts, races or kills: the whole count where somebody asks (`GONOGO_COUNTS=whole .ci/run`), else a part of it
/// that covers the same ground more thinly.
pub fn whole_counts() -> bool {
    std::env::var("GONOGO_COUNTS").is_ok_and(|counts| counts == "whole")
}

pub struct World {
    rehearsal: Rehearsal,
    pub workspace: Workspace,
    pub proxy: FaultProxy,
    raw: kube::Client,
    dir: tempfile::TempDir,
}

/// One process, as far as ledger and platform can tell.
pub struct Operator {
    pub outside: Outside,
    pub known: Known,
    pub actor: Actor,
    pub target: Target,
}

impl World {
    /// With deadlines that a test has time for.
    pub async fn start(scenario: Scenario, deadline: Duration, settling: Duration) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let wish = Wish {
            scenario,
            seed: 7,
            speed: 30.0,
        };
        let rehearsal = Rehearsal::start(wish, dir.path()).await.unwrap();
        let kubeconfig = dir.path().join("kubeconfig");
        let proxy = FaultProxy::before(&kubeconfig).await;
        let proxied = dir.path().join("proxied");
        proxy.kubeconfig(&kubeconfig, &proxied);
        let mut workspace = gonogo::config::load(&dir.path().join("gonogo.toml"))
            .unwrap()
            .workspace;
        workspace.timings.mutation_deadline = SignedDuration::try_from(deadline).unwrap();
        workspace.timings.settling = SignedDuration::try_from(settling).unwrap();
        for target in &mut workspace.targets {
            target.cluster.kubeconfig = Some(proxied.clone());
        }
        let file = kube::config::Kubeconfig::read_from(&kubeconfig).unwrap();
        let options = kube::config::KubeConfigOptions::default();
        let config = kube::Config::from_custom_kubeconfig(file, &options)
            .await
            .unwrap();
        Self {
            rehearsal,
            workspace,
            proxy,
            raw: kube::Client::try_from(config).unwrap(),
            dir,
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub async fn stop(self) {
        self.rehearsal.stop().await;
    }

    /// Past the proxy.
    pub async fn api(&self, method: &str, path: &str, body: &Value) -> Value {
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
        let text = self.raw.request_text(request).await;
        let text = text.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        serde_json::from_str(&text).unwrap()
    }

    pub async fn rollout(&self) -> Value {
        self.api("GET", ROLLOUT, &Value::Null).await
    }

    pub async fn until(&self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let look = async {
            loop {
                let rollout = self.rollout().await;
                if is(&rollout) {
                    return rollout;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match tokio::time::timeout(Duration::from_secs(60), look).await {
            Ok(rollout) => rollout,
            Err(late) => panic!("not {what} ({late}): {:#}", self.rollout().await["status"]),
        }
    }

    pub async fn until_rests(&self, step: u64) {
        self.until(&format!("resting at step {step}"), |rollout| {
            rests(rollout) == Some(step)
        })
        .await;
    }

    /// Pauses one after the other, so that a promotion is over at once and another can follow.
    pub async fn many_steps(&self, count: usize) {
        let mut steps = vec![json!({"setWeight": 10})];
        steps.extend(vec![json!({"pause": {}}); count]);
        steps.extend([
            json!({"setWeight": 50}),
            json!({"pause": {}}),
            json!({"setWeight": 100}),
            json!({"pause": {}}),
        ]);
        let steps = json!({"spec": {"strategy": {"canary": {"steps": steps}}}});
        self.api("PATCH", ROLLOUT, &steps).await;
    }

    /// Set back to its first pause, as somebody with `kubectl` may; later than anything before it, by the second that
    /// the platform's times are kept in.
    pub async fn rests_anew(&self) {
        tokio::time::sleep(Duration::from_millis(1100)).await;
        let first = json!({"status": {"currentStepIndex": 1, "pauseConditions": null, "controllerPause": false}});
        self.api("PATCH", &format!("{ROLLOUT}/status"), &first)
            .await;
        self.until_rests(1).await;
    }

    /// Each intent has one outcome, at most one "unknown" before it; the chain is whole.
    pub async fn ledger_is_sound(&self) {
        let mut dana = self.operator("dana").await;
        dana.sync().await;
        let mut open: BTreeMap<String, usize> = BTreeMap::new();
        for entry in &dana.known.targets[&dana.target.id].entries {
            match &entry.body {
                Body::Intended { intent, .. } => {
                    let former = open.insert(intent.0.clone(), 0);
                    assert_eq!(former, None, "an intent was written twice");
                }
                Body::Settled {
                    intent, outcome, ..
                } if !matches!(outcome, Outcome::Unknown { .. }) => {
                    *open.get_mut(&intent.0).unwrap() += 1;
                }
                _ => {}
            }
        }
        let others: Vec<_> = open
            .iter()
            .filter(|(_, outcomes)| **outcomes != 1)
            .collect();
        assert!(others.is_empty(), "not one outcome each: {others:?}");
        let verified = dana.outside.ledger.verify().await.unwrap();
        assert!(matches!(verified, Verified::Whole { .. }), "{verified:?}");
    }

    pub async fn operator(&self, name: &str) -> Operator {
        Operator::of(self.workspace.clone(), name).await
    }

    /// Requested by dana, approved by lee and sam, checked.
    pub async fn request(&self, number: u64) {
        let mut dana = self.operator("dana").await;
        dana.look().await;
        let id = dana.target.id.clone();
        let release = dana.look_up(number).await;
        let facts = dana.known.facts(&id, dana.outside.now()).unwrap();
        let plan = planner::store(facts.environment, facts.target, &release, facts.before());
        let digest = plan.digest.clone();
        let command = Command::Request {
            plan: Box::new(plan),
            reason: "test".to_owned(),
        };
        assert_eq!(dana.record(&command).await, End::Done);
        for name in ["lee", "sam"] {
            let approve = Command::Approve {
                plan: digest.clone(),
                reason: "good".to_owned(),
            };
            let end = self.operator(name).await.record(&approve).await;
            assert_eq!(end, End::Done);
        }
        for item in [
            "oncall.confirmed",
            "stakeholders.notified",
            "rollback.reviewed",
        ] {
            let check = Command::Check {
                item: ItemId(item.to_owned()),
                note: None,
            };
            assert_eq!(dana.record(&check).await, End::Done);
        }
        self.waive_figures().await;
    }

    /// A waiver is for one stage: each wants its own.
    pub async fn waive_figures(&self) {
        let (mut lee, mut sam) = (self.operator("lee").await, self.operator("sam").await);
        for gate in SAMPLED {
            let waive = Command::Waive {
                item: ItemId(gate.to_owned()),
                reason: "not what is tested".to_owned(),
            };
            // In production it takes two.
            let _ = lee.record(&waive).await;
            let _ = sam.record(&waive).await;
        }
    }

    /// Flown by dana to its first pause.
    pub async fn airborne(&self, number: u64) {
        // A whole operator is in it: too much for the stack of whoever waits.
        Box::pin(self.take_off(number)).await;
    }

    async fn take_off(&self, number: u64) {
        Box::pin(self.request(number)).await;
        let mut dana = self.operator("dana").await;
        dana.look().await;
        dana.look_up(number).await;
        let plan = dana.plan();
        let end = dana.act(&Command::Fly { plan, glass: None }).await;
        assert_eq!(end, End::Done);
        self.until_rests(1).await;
        self.waive_figures().await;
    }
}

impl Operator {
    pub async fn of(workspace: Workspace, name: &str) -> Self {
        let target = workspace
            .find_target("production", "auth-service")
            .unwrap()
            .clone();
        let known = Known::new(workspace.clone());
        let outside = Outside::open(workspace).await.unwrap();
        let actor = Actor {
            name: name.to_owned(),
            email: None,
            means: IdentityMeans::Claimed,
            host: format!("{name}-laptop"),
        };
        Self {
            outside,
            known,
            actor,
            target,
        }
    }

    /// Entries only.
    pub async fn sync(&mut self) {
        for entry in self.outside.ledger.read(self.known.seq).await.unwrap() {
            self.known.enter(&entry);
        }
    }

    pub async fn look(&mut self) {
        self.sync().await;
        let observation = self.outside.read(&self.target).await;
        self.known.observe(&observation, self.outside.now());
        let now = self.outside.now();
        let readiness = self.outside.readiness(&self.target).await;
        self.known.observe(&readiness, now);
        let facts = self.known.facts(&self.target.id, now).unwrap();
        let wanted = gonogo::policy::gates::order::image_to_ask(&facts);
        if let Some(image) = wanted.filter(|image| !self.known.images.contains_key(image)) {
            let project = &self.target.id.project;
            let missing = self.outside.image_there(project, &image).await;
            self.known.image(&image, missing, now);
        }
    }

    /// The release, with what git and the registry say of it.
    pub async fn look_up(&mut self, number: u64) -> Release {
        let project = self.target.id.project.clone();
        let configured = self.known.workspace.project(&project).unwrap().clone();
        let releases = self.outside.catalogue(&configured).await.unwrap();
        self.known.catalogue(&project, releases);
        let release = self.known.release(&project, number).unwrap().clone();
        let shipped = Box::pin(self.outside.shipped(&project, &release.commit)).await;
        self.known
            .shipped(&project, &release.commit, &shipped.unwrap());
        self.known.release(&project, number).unwrap().clone()
    }

    pub fn plan(&self) -> gonogo::domain::release::Digest {
        let facts = self
            .known
            .facts(&self.target.id, self.outside.now())
            .unwrap();
        facts.current().unwrap().plan.digest.clone()
    }

    pub fn executor(&self) -> Executor<'_> {
        Executor {
            outside: &self.outside,
            known: self.known.clone(),
            actor: self.actor.clone(),
        }
    }

    pub async fn record(&mut self, command: &Command) -> End {
        self.sync().await;
        let mut executor = self.executor();
        executor.record(command, &self.target.id.clone()).await
    }

    /// Decided on what is known now, confirmed as a dialog would want it, and carried out.
    pub async fn act(&self, command: &Command) -> End {
        let facts = self
            .known
            .facts(&self.target.id, self.outside.now())
            .unwrap();
        let (act, opening) = match decide(command, &facts, &self.actor) {
            Ok(Decision::Act { act, opening }) => (act, opening),
            Ok(Decision::Record(bodies)) => panic!("{bodies:?}"),
            Err(refusal) => return End::Refused(refusal),
        };
        let challenge = Challenge::new(*act, facts.environment);
        let typed = ["42", "41", "production"];
        let confirmed = typed
            .iter()
            .find_map(|typed| {
                let flags = Flags {
                    yes: true,
                    confirm: Some(typed),
                    take_over: true,
                };
                challenge.by_flags(flags).ok()
            })
            .unwrap();
        self.executor().execute(&confirmed, command, opening).await
    }

    /// Results of the outcomes after this entry, oldest first.
    pub async fn outcomes_after(&mut self, seq: u64) -> Vec<&'static str> {
        self.sync().await;
        let entries = &self.known.targets[&self.target.id].entries;
        entries
            .iter()
            .filter(|entry| entry.seq > seq)
            .filter_map(|entry| match &entry.body {
                Body::Settled { outcome, .. } => Some(match outcome {
                    Outcome::Applied { .. } => "applied",
                    Outcome::Refused { .. } => "refused",
                    Outcome::NotApplied => "not applied",
                    Outcome::Unknown { .. } => "unknown",
                }),
                _ => None,
            })
            .collect()
    }
}
