//! Cockpits in the states that screens are looked at in, built from data alone: a ledger, a catalogue, readings.
//! auth-service goes from 41 v1.2.3 to 42 v1.3.0 in production on a Thursday afternoon.

#![allow(dead_code)]

use std::collections::BTreeMap;

use gonogo::{
    domain::{
        change::{Act, ActKind},
        entry::{
            Answer, Body, DeploymentId, Ending, Entry, FORMAT, IntentId, Means, Outcome, StreamId,
        },
        environment::{ApprovalRule, AutoApproval, Environment, EnvironmentName, Policy},
        fault::{Fault, FaultKind},
        health::{Health, HealthAnswer, HealthSide},
        metric::{Figures, Limit, Metric, Metrics, SideFigures},
        observation::{Observation, Seen},
        plan::{Chain, ItemId, ItemKind, ItemSpec, Phase, Probe, StageSpec, StoredPlan, TimeBox},
        project::{CatalogueSource, ImageSource, Project, ProjectId, TagStrategy, Triggers},
        readiness::{
            Capacity, Disk, OnPlatform, PodNeeds, Readiness, Reference, ReferenceKind, Right,
        },
        release::{Alias, AliasKind, Artifact, Commit, Digest, Release, Trigger},
        rollout::{
            Observed, PlatformPause, Pod, PodState, ReplicaSet, RolloutPhase, Step, Workload,
        },
        target::{
            ClusterRef, Endpoint, MetricsSource, Target, TargetId, WorkloadKind, WorkloadRef,
        },
        text::Clean,
        version_file::Preparing,
        workspace::{Actor, IdentityMeans, Person, Rehearsal, Timings, Workspace},
    },
    input::{Keymap, sequence},
    policy::planner,
    session::{
        cockpit::Cockpit,
        effect::Effect,
        event::{Event, Stamped},
        update::update,
        view::Screen,
    },
};
use jiff::{SignedDuration, Timestamp};

pub const STABLE: &str = "7d4b9c6f5";
pub const CANARY: &str = "5c8f7d9b4";

pub fn at(clock: &str) -> Timestamp {
    format!("2026-03-12T{clock}Z")
        .parse()
        .expect("a time of day")
}

fn days_ago(days: i64, clock: &str) -> Timestamp {
    at(clock)
        .checked_sub(SignedDuration::from_hours(24 * days))
        .expect("in range")
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

pub fn actor(name: &str) -> Actor {
    Actor {
        name: name.to_owned(),
        email: Some(format!("{name}@acme.example")),
        means: IdentityMeans::Account,
        host: "bastion".to_owned(),
    }
}

pub fn project(name: &str) -> ProjectId {
    ProjectId::parse(&format!("acme/shop/{name}")).expect("valid")
}

/// All rights, what the pods name, and room for more of them.
pub fn readiness() -> Readiness {
    let right = |verb: &str, resource: &str| Right {
        verb: verb.to_owned(),
        resource: resource.to_owned(),
        allowed: true,
        reason: Clean::default(),
    };
    Readiness {
        platform: OnPlatform {
            rights: Ok(vec![
                right("get", "rollouts"),
                right("patch", "rollouts"),
                right("patch", "rollouts/status"),
            ]),
            references: Ok(vec![Reference {
                kind: ReferenceKind::Secret,
                name: Clean::new("auth-service"),
                optional: false,
                there: Ok(true),
            }]),
            capacity: Ok(Capacity {
                pod: PodNeeds {
                    cpu: 100,
                    memory: 256 << 20,
                },
                surge: 3,
                room: 214,
                nodes: 3,
                of_nodes: 3,
                waiting: 0,
                over_quota: None,
                quotas: 0,
            }),
        },
        disk: Ok(Disk {
            folder: Clean::new("/home/dana/.local/share/gonogo"),
            free: 42 << 30,
        }),
    }
}

pub fn target(environment: &str, name: &str) -> TargetId {
    TargetId::new(EnvironmentName::new(environment), project(name))
}

fn environment(name: &str, protected: bool) -> Environment {
    let policy = Policy {
        after: match name {
            "production" => Some(EnvironmentName::new("staging")),
            _ => None,
        },
        approvals: if protected {
            vec![ApprovalRule {
                quorum: 2,
                role: "approve".to_owned(),
                exclude_requester: true,
                exclude_authors: false,
                expires_after: SignedDuration::from_hours(4),
            }]
        } else {
            Vec::new()
        },
        ..Policy::default()
    };
    Environment {
        name: EnvironmentName::new(name),
        other_names: Vec::new(),
        purpose: String::new(),
        protected,
        customer_data: protected,
        data: String::new(),
        contacts: Vec::new(),
        dashboards: Vec::new(),
        policy,
    }
}

fn item(id: &str, phase: Phase, title: &str, kind: ItemKind, due: Option<(i64, i64)>) -> ItemSpec {
    ItemSpec {
        id: ItemId(id.to_owned()),
        phase,
        title: title.to_owned(),
        kind,
        required: true,
        owner: None,
        time_box: due.map(|(from, until)| TimeBox {
            from: minutes(from),
            until: minutes(until),
        }),
        max_age: None,
        timeout: None,
        types: Vec::new(),
        auto: false,
        chain: Chain::default(),
    }
}

fn items() -> Vec<ItemSpec> {
    let mut announce = item(
        "announce.channel",
        Phase::Communicate,
        "the release channel knows",
        ItemKind::Check,
        None,
    );
    announce.required = false;
    let mut oncall = item(
        "oncall.confirmed",
        Phase::Deploy,
        "on-call is at the keyboard",
        ItemKind::Check,
        None,
    );
    oncall.owner = Some("on-call".to_owned());
    vec![
        item(
            "backup.recent",
            Phase::Validate,
            "the database backup is younger than 24 h",
            ItemKind::Check,
            None,
        ),
        oncall,
        item(
            "verify.pods",
            Phase::Verify,
            "all pods ready, none restarts",
            ItemKind::Probe(Probe::Pods),
            Some((0, 2)),
        ),
        item(
            "verify.health",
            Phase::Verify,
            "health is good ten times in a row",
            ItemKind::Probe(Probe::Health),
            Some((2, 5)),
        ),
        item(
            "verify.metrics",
            Phase::Verify,
            "error rate and latency within limits",
            ItemKind::Probe(Probe::Metrics),
            Some((5, 10)),
        ),
        item(
            "verify.login",
            Phase::Verify,
            "a person logs in",
            ItemKind::Check,
            Some((10, 15)),
        ),
        announce,
    ]
}

fn workload(name: &str) -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Rollout,
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        container: "app".to_owned(),
    }
}

fn configured(environment: &str, name: &str) -> Target {
    let staged = environment == "production";
    let stage = |share| StageSpec {
        share,
        bake: minutes(5),
    };
    Target {
        id: target(environment, name),
        cluster: ClusterRef::default(),
        workload: workload(name),
        health: Some(Endpoint {
            port: 8080,
            path: "/health".to_owned(),
        }),
        metrics: Some(MetricsSource {
            endpoint: Endpoint {
                port: 8080,
                path: "/metrics".to_owned(),
            },
            prefix: "auth".to_owned(),
            window: minutes(1),
            min_requests: 100,
        }),
        limits: vec![
            Limit {
                metric: Metric::ErrorRate,
                hold: 0.1,
                roll_back: Some(5.0),
                intervals: Limit::INTERVALS,
            },
            Limit {
                metric: Metric::LatencyP99,
                hold: 500.0,
                roll_back: Some(2000.0),
                intervals: Limit::INTERVALS,
            },
        ],
        stages: if staged {
            vec![stage(10), stage(50)]
        } else {
            Vec::new()
        },
        items: if staged { items() } else { Vec::new() },
        monitoring: SignedDuration::from_hours(1),
        rollout_deadline: minutes(10),
    }
}

fn person(name: &str, roles: &[&str]) -> Person {
    Person {
        name: name.to_owned(),
        accounts: vec![name.to_owned()],
        email: Some(format!("{name}@acme.example")),
        roles: BTreeMap::from([(
            "*".to_owned(),
            roles.iter().map(|role| (*role).to_owned()).collect(),
        )]),
    }
}

pub fn workspace() -> Workspace {
    let names = ["auth-service", "checkout", "search-api"];
    let source = |name: &str| Project {
        id: project(name),
        source: "/srv/git/shop".into(),
        tags: TagStrategy::Monorepo,
        branches: vec!["main".to_owned()],
        branch_aliases: vec!["main".to_owned()],
        triggers: Triggers::default(),
        manifests: vec![],
        preparing: Preparing::default(),
        catalogue: CatalogueSource::Git,
        image: ImageSource {
            name: image_name(name),
            endpoint: "https://registry.acme.example".to_owned(),
            repository: format!("acme/shop/{name}"),
        },
    };
    let mut targets: Vec<Target> = Vec::new();
    for name in names {
        for environment in ["dev", "staging", "production"] {
            if (name, environment) != ("search-api", "dev") {
                targets.push(configured(environment, name));
            }
        }
    }
    Workspace {
        name: "shop".to_owned(),
        projects: names.map(source).to_vec(),
        environments: vec![
            environment("dev", false),
            environment("staging", false),
            environment("production", true),
        ],
        targets,
        people: vec![
            person("dana", &["operate", "stop", "waive"]),
            person("lee", &["approve", "stop", "configure"]),
            person("sam", &["approve"]),
            person("kim", &["watch", "operate", "waive"]),
        ],
        timings: Timings::default(),
        trust_names: true,
        access: gonogo::domain::access::Access::default(),
        ledger: "/var/lib/gonogo/ledger.db".into(),
        state_files: std::collections::BTreeMap::new(),
        rehearsal: None,
    }
}

fn image_name(name: &str) -> String {
    format!("registry.acme.example/acme/shop/{name}")
}

pub fn release(
    name: &str,
    number: u64,
    tag: Option<&str>,
    subject: &str,
    author: &str,
    committed_at: Timestamp,
) -> Release {
    let commit = Digest::of(format!("{name} {number}").as_bytes());
    let commit =
        Commit::parse(commit.as_str().get(7..47).unwrap_or_default()).expect("forty digits");
    let mut aliases = vec![Alias {
        kind: AliasKind::Branch,
        name: Clean::new(&format!("main-{number}")),
        full: None,
    }];
    if let Some(tag) = tag {
        aliases.insert(
            0,
            Alias {
                kind: AliasKind::Tag,
                name: Clean::new(tag),
                full: Some(Clean::new(&format!("{name}/{tag}"))),
            },
        );
    }
    Release {
        project: project(name),
        number,
        artifacts: vec![Artifact {
            name: "image".to_owned(),
            uri: image_name(name),
            digest: Some(Digest::of(commit.as_str().as_bytes())),
        }],
        commit,
        aliases,
        triggers: vec![Trigger::BranchPush {
            branch: Clean::new("main"),
        }],
        branches: vec![Clean::new("main")],
        author: Clean::new(author),
        email: Clean::new(&format!("{author}@acme.example")),
        subject: Clean::new(subject),
        committed_at,
        release_type: None,
        missing: Vec::new(),
        resources: None,
        lineage: Box::default(),
        trail: Box::default(),
    }
}

fn catalogue(name: &str) -> Vec<Release> {
    let subjects = [
        (
            36,
            None,
            "session store: one connection pool per shard",
            "kim",
        ),
        (37, Some("v1.2.0"), "passkeys behind a flag", "sam"),
        (38, None, "tokens: clock skew of 30 s is accepted", "lee"),
        (
            39,
            Some("v1.2.1"),
            "login page: the error says which field",
            "kim",
        ),
        (40, Some("v1.2.2"), "rate limits are per tenant", "dana"),
        (
            41,
            Some("v1.2.3"),
            "refresh tokens are rotated on use",
            "sam",
        ),
        (42, Some("v1.3.0"), "passkeys for everybody", "kim"),
        (43, None, "docs: how to rotate the signing key", "lee"),
    ];
    subjects
        .iter()
        .map(|(number, tag, subject, author)| {
            let days = 44 - i64::try_from(*number).unwrap_or(0);
            release(
                name,
                *number,
                *tag,
                subject,
                author,
                days_ago(days, "09:12:00"),
            )
        })
        .collect()
}

/// What the platform shows, in the terms of a story.
#[derive(Clone)]
pub struct Scene {
    pub canary: Vec<PodState>,
    pub stable: usize,
    pub leaving: usize,
    pub step: Option<usize>,
    pub paused_since: Option<Timestamp>,
    pub phase: RolloutPhase,
    pub message: String,
    pub held_by: Option<String>,
    pub aborted: bool,
    /// The desired release; stable is 41 unless it is promoted.
    pub desired: u64,
    pub promoted: bool,
}

impl Scene {
    pub fn calm() -> Self {
        Self {
            canary: Vec::new(),
            stable: 10,
            leaving: 0,
            step: Some(4),
            paused_since: None,
            phase: RolloutPhase::Healthy,
            message: String::new(),
            held_by: None,
            aborted: false,
            desired: 41,
            promoted: true,
        }
    }

    pub fn resting(step: usize, canary: usize, since: &str) -> Self {
        Self {
            canary: vec![PodState::Ready; canary],
            stable: 10 - canary,
            step: Some(step),
            paused_since: Some(at(since)),
            phase: RolloutPhase::Paused,
            message: "CanaryPauseStep".to_owned(),
            desired: 42,
            promoted: false,
            ..Self::calm()
        }
    }
}

pub fn observed(name: &str, scene: &Scene, stable_number: u64) -> Observed {
    let image = |number: u64| {
        catalogue(name)
            .iter()
            .find(|release| release.number == number)
            .and_then(|release| release.artifacts[0].pinned())
    };
    let (current, stable) = if scene.promoted {
        (STABLE, STABLE)
    } else {
        (CANARY, STABLE)
    };
    let pod = |hash: &str, index: usize, state: PodState| Pod {
        name: Clean::new(&format!(
            "{name}-{hash}-{}",
            [
                "x2kqp", "b7tzm", "q9dlw", "m4hvs", "k8rjc", "t5nfg", "w3pbx", "z6ylh", "c1vqd",
                "h0skt"
            ][index % 10]
        )),
        hash: hash.to_owned(),
        state,
        reason: (state == PodState::Failing).then(|| Clean::new("CrashLoopBackOff")),
        restarts: if state == PodState::Failing { 4 } else { 0 },
        since: None,
    };
    let mut pods: Vec<Pod> = scene
        .canary
        .iter()
        .enumerate()
        .map(|(index, state)| pod(current, index, *state))
        .collect();
    pods.extend((0..scene.stable).map(|index| pod(stable, index, PodState::Ready)));
    pods.extend((0..scene.leaving).map(|index| pod("66f5d8c7b", index, PodState::Terminating)));
    let ready = u32::try_from(
        pods.iter()
            .filter(|pod| pod.state == PodState::Ready)
            .count(),
    )
    .unwrap_or(0);
    let set = |hash: &str, revision: u64, number: u64| ReplicaSet {
        name: Clean::new(&format!("{name}-{hash}")),
        hash: hash.to_owned(),
        revision,
        image: image(number),
        desired: 0,
        ready: 0,
        created: None,
    };
    let mut replica_sets = vec![set(stable, 7, stable_number)];
    if !scene.promoted {
        replica_sets.push(set(current, 8, scene.desired));
    }
    Observed {
        workload: Workload {
            kind: WorkloadKind::Rollout,
            uid: "0b5e".to_owned(),
            resource_version: "81723".to_owned(),
            phase: scene.phase,
            message: Clean::new(&scene.message),
            image: image(scene.desired),
            container_index: Some(0),
            current_hash: Some(current.to_owned()),
            stable_hash: Some(stable.to_owned()),
            observed: true,
            generation: 9,
            revision: Some(8),
            desired: 10,
            updated: if scene.promoted {
                10
            } else {
                u32::try_from(scene.canary.len()).unwrap_or(0)
            },
            ready,
            available: ready,
            paused: scene.held_by.is_some(),
            held_by: scene.held_by.as_deref().map(Clean::new),
            pause: scene.paused_since.map(|since| PlatformPause {
                reason: "CanaryPauseStep".to_owned(),
                since: Some(since),
                lasts: None,
            }),
            steps: vec![
                Step::SetWeight(10),
                Step::Pause(None),
                Step::SetWeight(50),
                Step::Pause(None),
            ],
            step: scene.step,
            aborted: scene.aborted,
            promoting_fully: false,
            history_limit: Some(10),
            intent: None,
            sides: None,
        },
        replica_sets,
        pods,
        unverified: false,
    }
}

/// A cockpit, told entry by entry and reading by reading.
pub struct Story {
    pub cockpit: Cockpit,
    seq: u64,
    positions: BTreeMap<StreamId, u64>,
    intents: u32,
}

impl Story {
    /// Staging is verified, production serves 41, nothing is under way.
    pub fn new() -> Self {
        Self::of(workspace())
    }

    pub fn of(workspace: Workspace) -> Self {
        let mut story = Self {
            cockpit: Cockpit::new(workspace, actor("dana"), Keymap::default(), at("14:32:07")),
            seq: 0,
            positions: BTreeMap::new(),
            intents: 0,
        };
        story.cockpit.ledger.ready = true;
        story.cockpit.size = (120, 36);
        for name in ["auth-service", "checkout", "search-api"] {
            story.cockpit.catalogue(&project(name), catalogue(name));
        }
        story.record_policies();
        // The registry was asked a moment ago, and has them all.
        let known = &mut story.cockpit.known;
        let mut images: Vec<String> = Vec::new();
        for releases in known.releases.values() {
            let pinned = |release: &Release| release.artifacts.first()?.pinned();
            images.extend(releases.iter().filter_map(pinned));
        }
        for image in images {
            known.image(&image, None, at("14:32:00"));
        }
        // And so was every platform, which has all that is wanted.
        let targets: Vec<TargetId> = known.targets.keys().cloned().collect();
        for target in targets {
            let seen = Seen::Readiness(Box::new(readiness()));
            known.observe(&Observation { target, seen }, at("14:32:00"));
        }
        for name in ["auth-service", "checkout", "search-api"] {
            story.past(&target("production", name), 40, days_ago(9, "10:02:11"));
            story.past(&target("production", name), 41, days_ago(2, "10:15:40"));
            story.past(&target("staging", name), 41, days_ago(3, "16:20:00"));
            story.past(&target("staging", name), 42, at("11:40:12"));
            if name != "search-api" {
                story.past(&target("dev", name), 43, at("09:31:00"));
            }
        }
        for target in story
            .cockpit
            .workspace()
            .targets
            .iter()
            .map(|target| target.id.clone())
            .collect::<Vec<_>>()
        {
            let number = match target.environment.as_str() {
                "dev" => 43,
                "staging" => 42,
                _ => 41,
            };
            let mut scene = Scene::calm();
            scene.desired = number;
            story.see(&target, &scene, number, "14:32:05");
        }
        story.figures("auth-service", 0.03, 290.0, None);
        story.healthy("auth-service", STABLE, 10, 10);
        story.focus("production", "auth-service");
        story
    }

    pub fn focus(&mut self, environment: &str, name: &str) {
        self.cockpit.focus_on(&target(environment, name));
    }

    /// A deployment that went well and was closed.
    fn past(&mut self, id: &TargetId, number: u64, when: Timestamp) {
        let plan = self.plan(id, number);
        let later = |minutes_on: i64| when.checked_add(minutes(minutes_on)).expect("in range");
        let count = self
            .cockpit
            .known
            .targets
            .get(id)
            .map_or(0, |known| known.state.past.len());
        let deployment = DeploymentId(format!(
            "{}-{}-{}",
            id.environment,
            id.project.name(),
            count + 1
        ));
        let program = Actor::program("bastion");
        self.enter(
            id,
            when,
            &actor("dana"),
            Body::Requested {
                deployment: deployment.clone(),
                plan: Box::new(plan),
                reason: "weekly train".to_owned(),
            },
        );
        self.enter(
            id,
            later(21),
            &program,
            Body::Promoted {
                deployment: deployment.clone(),
            },
        );
        self.enter(
            id,
            later(36),
            &program,
            Body::MonitoringBegan {
                deployment: deployment.clone(),
            },
        );
        self.enter(
            id,
            later(96),
            &program,
            Body::Ended {
                deployment,
                ending: Ending::Closed,
            },
        );
    }

    pub fn plan(&self, id: &TargetId, number: u64) -> StoredPlan {
        let facts = self
            .cockpit
            .known
            .facts(id, self.cockpit.now)
            .expect("configured");
        let release = facts
            .releases
            .iter()
            .find(|release| release.number == number)
            .expect("in the catalogue");
        let before = facts.state.live.as_ref().map(|live| live.release.clone());
        planner::store(facts.environment, facts.target, release, before)
    }

    pub fn enter(&mut self, id: &TargetId, when: Timestamp, who: &Actor, body: Body) {
        self.enter_on(StreamId::target(id), when, who, body);
    }

    /// Of an environment as a whole.
    pub fn enter_place(&mut self, environment: &str, when: Timestamp, who: &Actor, body: Body) {
        let name = EnvironmentName::new(environment);
        self.enter_on(StreamId::environment(&name), when, who, body);
    }

    /// As the file has them now, recorded a month ago.
    pub fn record_policies(&mut self) {
        for environment in self.cockpit.workspace().environments.clone() {
            if environment.protected {
                let body = Body::PolicyRecorded {
                    protected: true,
                    policy: Box::new(environment.policy.clone()),
                    reason: "as we agreed".to_owned(),
                };
                let when = days_ago(30, "09:00:00");
                self.enter_place(environment.name.as_str(), when, &actor("lee"), body);
            }
        }
    }

    pub fn enter_on(&mut self, stream: StreamId, when: Timestamp, who: &Actor, body: Body) {
        self.seq += 1;
        let position = self.positions.entry(stream.clone()).or_default();
        *position += 1;
        let entry = Entry {
            seq: self.seq,
            stream,
            position: *position,
            format: FORMAT,
            at: when,
            actor: who.clone(),
            body,
        };
        self.cockpit.known.enter(&entry);
    }

    pub fn see(&mut self, id: &TargetId, scene: &Scene, stable: u64, clock: &str) {
        let seen = Seen::Workload(Box::new(observed(id.project.name(), scene, stable)));
        self.cockpit.known.observe(
            &Observation {
                target: id.clone(),
                seen,
            },
            at(clock),
        );
    }

    /// Two minutes of scrapes that end in these figures.
    pub fn figures(
        &mut self,
        name: &str,
        error: f64,
        latency: f64,
        canary: Option<(f64, f64, f64)>,
    ) {
        let id = target("production", name);
        let side = |error: f64, latency: f64, requests: f64, wave: f64| {
            let figures = |factor: f64| Figures {
                scrapes: 12,
                pods: 5,
                requests: requests * factor,
                error_rate: Some(error * factor),
                latency_p99: Some(latency * factor),
            };
            SideFigures {
                over_window: figures(1.0),
                latest: figures(wave),
                silent: 0,
                trouble: None,
                answered_at: None,
            }
        };
        for step in 0..24i64 {
            let phase = f64::from(u32::try_from(step).unwrap_or(0));
            let wave = 1.0 + 0.12 * (phase * 1.7).sin();
            let mut sides =
                BTreeMap::from([(STABLE.to_owned(), side(error, latency, 4810.0, wave))]);
            if let Some((error, latency, requests)) = canary.filter(|_| step > 5) {
                let rise = 0.6 + 0.4 * (phase - 5.0) / 18.0 + 0.04 * (phase * 2.3).sin();
                sides.insert(CANARY.to_owned(), side(error, latency, requests, rise));
            }
            let when = at("14:30:08")
                .checked_add(SignedDuration::from_secs(step * 5))
                .expect("in range");
            let metrics = Metrics {
                window: minutes(1),
                sides,
            };
            self.cockpit.known.observe(
                &Observation {
                    target: id.clone(),
                    seen: Seen::Metrics(metrics),
                },
                when,
            );
        }
    }

    pub fn healthy(&mut self, name: &str, hash: &str, asked: u32, good: u32) {
        let check = |name: &str, word: &str| (Clean::new(name), Clean::new(word));
        let database = if good < asked { "timeout" } else { "ok" };
        let answer = HealthAnswer {
            status: Clean::new(if good < asked { "degraded" } else { "healthy" }),
            version: Clean::new(if hash == CANARY { "1.3.0" } else { "1.2.3" }),
            checks: BTreeMap::from([
                check("database", database),
                check("cache", "ok"),
                check("queue", "ok"),
            ]),
            latency: SignedDuration::from_millis(12),
        };
        let trouble = (good < asked).then(|| {
            Fault::new(
                "health",
                FaultKind::Refused,
                "asking /health",
                "database: timeout after 2 s",
            )
        });
        let side = HealthSide {
            asked,
            good,
            streak: if good < asked { 0 } else { 14 },
            last: Some(answer),
            trouble,
        };
        let health = Health {
            sides: BTreeMap::from([(hash.to_owned(), side)]),
        };
        self.cockpit.known.observe(
            &Observation {
                target: target("production", name),
                seen: Seen::Health(health),
            },
            at("14:32:06"),
        );
    }

    pub fn id() -> DeploymentId {
        DeploymentId("production-auth-service-3".to_owned())
    }

    pub fn here() -> TargetId {
        target("production", "auth-service")
    }

    pub fn say(&mut self, clock: &str, who: &str, body: Body) {
        let actor = if who == "gonogo" {
            Actor::program("bastion")
        } else {
            actor(who)
        };
        let here = Self::here();
        self.enter(&here, at(clock), &actor, body);
    }

    pub fn request(&mut self) {
        let plan = self.plan(&Self::here(), 42);
        self.say(
            "13:58:20",
            "dana",
            Body::Requested {
                deployment: Self::id(),
                plan: Box::new(plan),
                reason: "passkeys for everybody, announced for today".to_owned(),
            },
        );
    }

    pub fn decide(&mut self, clock: &str, who: &str, answer: Answer, reason: &str) {
        let plan = self
            .cockpit
            .facts()
            .and_then(|facts| facts.current())
            .map(|current| current.plan.digest.clone())
            .expect("requested");
        self.say(
            clock,
            who,
            Body::Decided {
                deployment: Self::id(),
                plan,
                answer,
                reason: reason.to_owned(),
            },
        );
    }

    pub fn check(&mut self, clock: &str, who: &str, id: &str) {
        self.say(
            clock,
            who,
            Body::Checked {
                deployment: Self::id(),
                item: ItemId(id.to_owned()),
                note: None,
            },
        );
    }

    fn approve(&mut self) {
        self.decide(
            "14:02:10",
            "lee",
            Answer::Go,
            "read the migration, it is additive",
        );
        self.check("14:03:02", "kim", "backup.recent");
        self.check("14:04:41", "dana", "oncall.confirmed");
        self.decide("14:05:33", "sam", Answer::Go, "looks good");
    }

    fn intend(&mut self, clock: &str, who: &str, act: &Act, change: usize) -> IntentId {
        self.intents += 1;
        let intent = IntentId(format!("intent-{}", self.intents));
        self.say(
            clock,
            who,
            Body::Intended {
                deployment: Self::id(),
                intent: intent.clone(),
                act: Box::new(act.clone()),
                change,
                means: Means::Dialog,
            },
        );
        intent
    }

    fn done(&mut self, clock: &str, who: &str, act: &Act) {
        for change in 0..act.changes.len() {
            let intent = self.intend(clock, who, act, change);
            self.say(
                clock,
                who,
                Body::Settled {
                    deployment: Self::id(),
                    intent,
                    outcome: Outcome::Applied {
                        seen: false,
                        perhaps: false,
                    },
                },
            );
        }
    }

    fn act(&self, kind: ActKind, step: usize) -> Act {
        let facts = self.cockpit.facts().expect("a target");
        let plan = &facts.current().expect("under way").plan;
        let act = match kind {
            ActKind::Fly => planner::fly(&facts, plan),
            ActKind::Promote => planner::promote(&facts, plan, step),
            ActKind::Abort => planner::abort(&facts, &plan.release, plan.before.as_ref()),
            ActKind::Hold => planner::hold(&facts, &plan.release, "dana"),
            _ => planner::roll_back(
                &facts,
                plan.before.as_ref().expect("something before"),
                false,
                "p99 latency over its limit",
            ),
        };
        act.expect("a plan of it")
    }

    fn reached(&mut self, clock: &str, stage: usize) {
        self.say(
            clock,
            "gonogo",
            Body::StageReached {
                deployment: Self::id(),
                stage,
            },
        );
    }

    fn take_off(&mut self) {
        self.request();
        self.approve();
        let act = self.act(ActKind::Fly, 0);
        self.done("14:20:02", "dana", &act);
        let here = Self::here();
        self.see(&here, &Scene::resting(1, 1, "14:20:55"), 41, "14:32:06");
        self.reached("14:20:57", 0);
    }

    fn reach_fifty(&mut self) {
        self.take_off();
        let act = self.act(ActKind::Promote, 1);
        self.done("14:26:31", "dana", &act);
        let here = Self::here();
        self.see(&here, &Scene::resting(3, 5, "14:27:02"), 41, "14:32:06");
        self.reached("14:27:03", 1);
    }

    fn promoted(&mut self) {
        self.reach_fifty();
        let act = self.act(ActKind::Promote, 3);
        self.done("14:27:40", "dana", &act);
        let mut scene = Scene::calm();
        scene.desired = 42;
        let here = Self::here();
        self.see(&here, &scene, 42, "14:32:06");
        self.say(
            "14:28:20",
            "gonogo",
            Body::Promoted {
                deployment: Self::id(),
            },
        );
        self.figures("auth-service", 0.04, 301.0, None);
        self.healthy("auth-service", STABLE, 10, 10);
        let known = self
            .cockpit
            .known
            .targets
            .get_mut(&here)
            .expect("configured");
        let side = known
            .health
            .last
            .as_mut()
            .and_then(|reading| reading.value.sides.get_mut(STABLE))
            .expect("asked");
        side.streak = 6;
        if let Some(answer) = &mut side.last {
            answer.version = Clean::new("1.3.0");
        }
    }

    /// Another policy for production, in the file and in force.
    pub fn policy(&mut self, change: impl FnOnce(&mut Policy)) {
        let known = &mut self.cockpit.known;
        let name = EnvironmentName::new("production");
        let force = &mut known.environments.get_mut(&name).expect("known").in_force;
        change(&mut force.policy);
        let mut places = known.workspace.environments.iter_mut();
        let place = places.find(|place| place.name == name);
        place.expect("configured").policy = force.policy.clone();
    }

    pub fn show(mut self, screen: Screen) -> Cockpit {
        self.cockpit.view.go(screen);
        self.cockpit
    }
}

/// Nothing is under way.
pub fn calm() -> Story {
    Story::new()
}

/// Requested, one approval and a check missing.
pub fn requested() -> Story {
    let mut story = Story::new();
    story.request();
    story.decide(
        "14:02:10",
        "lee",
        Answer::Go,
        "read the migration, it is additive",
    );
    story.check("14:03:02", "kim", "backup.recent");
    story
}

/// Several roles, a veto, a rule of gates; the room is half through its poll.
pub fn polled() -> Story {
    let mut story = Story::new();
    let workspace = &mut story.cockpit.known.workspace;
    let more = |name: &str, roles: &[&str]| person(name, roles);
    workspace.people.extend([
        more("ann", &["qa"]),
        more("mia", &["approve", "qa"]),
        more("rob", &["security"]),
    ]);
    story.policy(|policy| {
        let mut qa = policy.approvals[0].clone();
        (qa.quorum, qa.role) = (1, "qa".to_owned());
        policy.approvals[0].quorum = 3;
        policy.approvals.push(qa);
        policy.veto = vec!["security".to_owned()];
        policy.auto_approve = vec![AutoApproval {
            rule: "seen-in-staging".to_owned(),
            role: "approve".to_owned(),
            gates: vec!["order.verified".to_owned()],
        }];
    });
    story.request();
    story.decide(
        "14:02:10",
        "ann",
        Answer::Go,
        "every case of the plan is green",
    );
    story.decide(
        "14:05:33",
        "lee",
        Answer::Go,
        "read the migration, it is additive",
    );
    story.check("14:06:02", "kim", "backup.recent");
    let plan = story.plan(&Story::here(), 42).digest;
    let auto = Body::AutoApproved {
        deployment: Story::id(),
        plan,
        rule: "seen-in-staging".to_owned(),
        reason: "order.verified pass".to_owned(),
    };
    story.enter(
        &Story::here(),
        at("14:06:03"),
        &Actor::program("bastion"),
        auto,
    );
    story
}

/// The same, and security is not content.
pub fn vetoed() -> Story {
    let mut story = polled();
    story.decide(
        "14:20:41",
        "rob",
        Answer::Hold,
        "the passkey audit is read until three, then I answer",
    );
    story
}

/// Everything green, before the key.
pub fn ready() -> Story {
    let mut story = Story::new();
    story.request();
    story.approve();
    story
}

/// The same in a workspace that was changed first.
pub fn ready_by(change: impl FnOnce(&mut Workspace)) -> Story {
    let mut workspace = workspace();
    change(&mut workspace);
    let mut story = Story::of(workspace);
    story.request();
    story.approve();
    story
}

/// 10 %, in the middle of its bake.
pub fn baking() -> Story {
    let mut story = ready();
    let act = story.act(ActKind::Fly, 0);
    story.done("14:28:02", "dana", &act);
    let here = Story::here();
    story.see(&here, &Scene::resting(1, 1, "14:28:55"), 41, "14:32:06");
    story.reached("14:28:57", 0);
    story.figures("auth-service", 0.03, 290.0, Some((0.04, 312.0, 512.0)));
    story.healthy("auth-service", CANARY, 1, 1);
    story
}

/// 50 %, baked, held back by a latency over its limit.
pub fn breach() -> Story {
    let mut story = Story::new();
    story.reach_fifty();
    story.figures("auth-service", 0.03, 295.0, Some((0.04, 512.0, 2390.0)));
    story.healthy("auth-service", CANARY, 5, 5);
    story
}

/// 10 %, the new pods crash.
pub fn crashing() -> Story {
    let mut story = Story::new();
    story.take_off();
    let mut scene = Scene::resting(1, 1, "14:20:55");
    scene.canary = vec![PodState::Failing];
    scene.phase = RolloutPhase::Degraded;
    "ProgressDeadlineExceeded".clone_into(&mut scene.message);
    let here = Story::here();
    story.see(&here, &scene, 41, "14:32:06");
    story.figures("auth-service", 0.03, 290.0, None);
    story.healthy("auth-service", CANARY, 1, 0);
    story
}

pub fn aborted() -> Story {
    let mut story = breach();
    let act = story.act(ActKind::Abort, 3);
    story.done("14:31:40", "dana", &act);
    let mut scene = Scene::resting(0, 0, "14:31:41");
    scene.aborted = true;
    scene.paused_since = None;
    scene.phase = RolloutPhase::Degraded;
    "RolloutAborted: Rollout aborted update to revision 8".clone_into(&mut scene.message);
    scene.stable = 10;
    let here = Story::here();
    story.see(&here, &scene, 41, "14:32:06");
    story
}

pub fn rolling_back() -> Story {
    let mut story = breach();
    let act = story.act(ActKind::RollBack, 3);
    story.done("14:31:52", "dana", &act);
    let mut scene = Scene::calm();
    scene.phase = RolloutPhase::Progressing;
    "more replicas need to be updated".clone_into(&mut scene.message);
    scene.stable = 8;
    scene.leaving = 3;
    let here = Story::here();
    story.see(&here, &scene, 41, "14:32:06");
    story
}

pub fn verifying() -> Story {
    let mut story = Story::new();
    story.promoted();
    story.say(
        "14:28:24",
        "gonogo",
        Body::Measured {
            deployment: Story::id(),
            item: ItemId("verify.pods".to_owned()),
            ok: true,
            evidence: "10 of 10 pods of the new release are ready, 0 restarts".to_owned(),
        },
    );
    story
}

pub fn monitoring() -> Story {
    let mut story = verifying();
    story.healthy("auth-service", STABLE, 10, 10);
    for (clock, id, evidence) in [
        (
            "14:30:31",
            "verify.health",
            "/health is good on 10 pods, 10 times in a row",
        ),
        (
            "14:30:44",
            "verify.metrics",
            "error rate of the release 0.04 %, limit 0.10 %",
        ),
    ] {
        story.say(
            clock,
            "gonogo",
            Body::Measured {
                deployment: Story::id(),
                item: ItemId(id.to_owned()),
                ok: true,
                evidence: evidence.to_owned(),
            },
        );
    }
    story.check("14:31:02", "dana", "verify.login");
    story.say(
        "14:31:03",
        "gonogo",
        Body::MonitoringBegan {
            deployment: Story::id(),
        },
    );
    story
}

/// The connection broke under a promotion; nobody knows yet whether it landed.
pub fn unknown() -> Story {
    let mut story = Story::new();
    story.take_off();
    story.figures("auth-service", 0.03, 290.0, Some((0.04, 312.0, 512.0)));
    story.healthy("auth-service", CANARY, 1, 1);
    let act = story.act(ActKind::Promote, 1);
    let intent = story.intend("14:31:50", "dana", &act, 0);
    let fault = Fault::new(
        "kubernetes",
        FaultKind::TimedOut,
        "promoting rollout/auth-service in shop",
        "no answer within 10 s",
    )
    .hint("It is looked up by itself.");
    story.say(
        "14:32:00",
        "dana",
        Body::Settled {
            deployment: Story::id(),
            intent,
            outcome: Outcome::Unknown { fault },
        },
    );
    let here = Story::here();
    story.see(&here, &Scene::resting(1, 1, "14:20:55"), 41, "14:31:49");
    story
}

/// The platform has been silent for most of a minute.
pub fn stale() -> Story {
    let mut story = baking();
    story.cockpit.now = at("14:33:01");
    let fault = Fault::new(
        "kubernetes",
        FaultKind::Unreachable,
        "reading rollout/auth-service in shop",
        "connection refused (10.0.4.12:6443)",
    )
    .hint("Check the VPN and the cluster's API.");
    let here = Story::here();
    story.cockpit.known.observe(
        &Observation {
            target: here,
            seen: Seen::WorkloadFailed(fault),
        },
        at("14:32:58"),
    );
    story
}

/// Different weather in each cell of the fleet.
pub fn fleet() -> Story {
    let mut story = breach();
    let mut scene = Scene::calm();
    scene.phase = RolloutPhase::Degraded;
    "ProgressDeadlineExceeded".clone_into(&mut scene.message);
    scene.stable = 7;
    scene.desired = 42;
    story.see(&target("staging", "checkout"), &scene, 42, "14:32:06");
    let mut scene = Scene::calm();
    scene.desired = 39;
    story.see(&target("production", "search-api"), &scene, 39, "14:32:06");
    story.see(
        &target("staging", "search-api"),
        &Scene {
            desired: 42,
            ..Scene::calm()
        },
        42,
        "14:29:00",
    );
    story
}

/// The same on the practice cluster.
pub fn rehearsed(mut story: Story) -> Story {
    story.cockpit.known.workspace.rehearsal = Some(Rehearsal {
        scenario: "bad-canary".to_owned(),
        speed: 10.0,
    });
    story
}

/// Keys as a person presses them, each seen on the screen before the next.
pub fn press(cockpit: &mut Cockpit, keys: &str) -> Vec<Effect> {
    let mut effects = Vec::new();
    for key in keys.split(' ').filter(|key| !key.is_empty()) {
        for chord in sequence(key).expect("a key") {
            let at = cockpit.now;
            effects.extend(update(
                cockpit,
                &Stamped {
                    at,
                    event: Event::Key(chord),
                },
            ));
        }
        let at = cockpit.now;
        update(
            cockpit,
            &Stamped {
                at,
                event: Event::Painted,
            },
        );
    }
    effects
}

/// Time in which a dialog can be read.
pub fn wait(cockpit: &mut Cockpit, millis: i64) {
    let at = cockpit
        .now
        .checked_add(SignedDuration::from_millis(millis))
        .expect("in range");
    update(
        cockpit,
        &Stamped {
            at,
            event: Event::Painted,
        },
    );
}

/// Text, letter by letter.
pub fn write(cockpit: &mut Cockpit, text: &str) {
    for letter in text.chars() {
        let at = cockpit.now;
        update(
            cockpit,
            &Stamped {
                at,
                event: Event::Key(gonogo::input::Chord::char(letter)),
            },
        );
    }
}
