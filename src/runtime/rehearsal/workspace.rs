//! The workspace of a rehearsal: what a real configuration would say, with its durations divided by the speed.

use std::{collections::BTreeMap, path::Path};

use jiff::SignedDuration;

use crate::{
    domain::{
        environment::{ApprovalRule, Environment, EnvironmentName, Policy},
        hotfix::{Budgets, HotfixPolicy},
        metric::{Limit, Metric},
        plan::{Chain, ItemId, ItemKind, ItemSpec, Phase, Probe, StageSpec, TimeBox},
        project::{CatalogueSource, ImageSource, Project, ProjectId, TagStrategy, Triggers},
        release::TriggerKind,
        target::{
            ClusterRef, Endpoint, MetricsSource, Target, TargetId, WorkloadKind, WorkloadRef,
        },
        version_file::Preparing,
        workspace::{self, Person, Timings, Workspace},
    },
    simulator::Practice,
};

use super::Wish;

/// Nothing is divided below this (SPEC L1).
const FLOOR: f64 = 1.0;

/// Divides durations.
#[derive(Clone, Copy)]
struct Pace(f64);

impl Pace {
    fn seconds(self, seconds: i64) -> SignedDuration {
        self.at_least(seconds, FLOOR)
    }

    /// A window wants several scrapes in it, and staleness more than one reading: they have higher floors.
    fn at_least(self, seconds: i64, floor: f64) -> SignedDuration {
        let millis = (seconds as f64 / self.0).max(floor.min(seconds as f64)) * 1000.0;
        #[expect(clippy::cast_possible_truncation, reason = "hours at most")]
        SignedDuration::from_millis(millis.round() as i64)
    }
}

pub fn of(practice: &Practice, wish: Wish, dir: &Path) -> Workspace {
    let pace = Pace(wish.speed.max(0.01));
    let mut projects: Vec<Project> = Vec::new();
    for built in practice.releases() {
        let Ok(id) = ProjectId::parse(&built.project) else {
            continue;
        };
        if projects.iter().any(|project| project.id == id) {
            continue;
        }
        let repository = built
            .image
            .split_once('/')
            .map_or(built.image.as_str(), |(_, repository)| repository)
            .to_owned();
        let image = ImageSource {
            name: built.image.clone(),
            endpoint: practice.registry_url().to_owned(),
            repository,
        };
        let source = practice.source().to_owned();
        projects.push(Project {
            id,
            source,
            tags: TagStrategy::Monorepo,
            branches: vec!["main".to_owned(), "hotfix/.+".to_owned()],
            branch_aliases: vec!["main".to_owned()],
            triggers: Triggers::default(),
            manifests: Vec::new(),
            preparing: Preparing::default(),
            catalogue: CatalogueSource::Git,
            image,
        });
    }
    let environments = environments(pace);
    let mut targets = Vec::new();
    for environment in &environments {
        for project in &projects {
            targets.push(target(practice, pace, environment, &project.id));
        }
    }
    Workspace {
        name: "practice".to_owned(),
        projects,
        environments,
        targets,
        people: people(),
        timings: Timings {
            stale: pace.at_least(15, 5.0),
            health_interval: pace.seconds(2),
            health_answers: 3,
            scrape_interval: pace.seconds(5),
            hotfix: Budgets::new(|leg| pace.seconds(leg.budget().as_secs())),
            heartbeat: pace.seconds(10),
            // Several heartbeats, also on a machine that is busy.
            absent: pace.at_least(30, 5.0),
            ..Timings::default()
        },
        trust_names: true,
        access: crate::domain::access::Access::default(),
        ledger: dir.join("ledger.sqlite"),
        state_files: std::collections::BTreeMap::new(),
        rehearsal: Some(workspace::Rehearsal {
            scenario: wish.scenario.to_string(),
            speed: wish.speed,
        }),
    }
}

fn environments(pace: Pace) -> Vec<Environment> {
    let name = |name: &str| EnvironmentName::new(name);
    let dev = Environment {
        name: name("dev"),
        other_names: vec!["development".to_owned()],
        purpose: "every push, at once".to_owned(),
        protected: false,
        customer_data: false,
        data: String::new(),
        contacts: Vec::new(),
        dashboards: Vec::new(),
        policy: Policy {
            soak: SignedDuration::ZERO,
            ..Policy::default()
        },
    };
    let staging = Environment {
        name: name("staging"),
        other_names: vec!["stage".to_owned(), "uat".to_owned()],
        purpose: "the evidence for production".to_owned(),
        protected: false,
        customer_data: false,
        data: String::new(),
        contacts: Vec::new(),
        dashboards: Vec::new(),
        policy: Policy {
            allowed_branches: vec![
                "main".to_owned(),
                "release/*".to_owned(),
                "hotfix/*".to_owned(),
            ],
            after: None,
            soak: SignedDuration::ZERO,
            ..Policy::default()
        },
    };
    let production = Environment {
        name: name("production"),
        other_names: vec!["prod".to_owned()],
        purpose: "customers".to_owned(),
        protected: true,
        customer_data: true,
        data: String::new(),
        contacts: Vec::new(),
        dashboards: Vec::new(),
        policy: Policy {
            allowed_triggers: vec![TriggerKind::Tag, TriggerKind::Manual],
            allowed_branches: vec!["main".to_owned()],
            allowed_tags: vec!["v*".to_owned(), "!*-*".to_owned()],
            after: Some(name("staging")),
            soak: pace.seconds(3600),
            approvals: vec![ApprovalRule {
                quorum: 2,
                role: "approve".to_owned(),
                exclude_requester: true,
                exclude_authors: false,
                expires_after: SignedDuration::from_hours(4),
            }],
            hotfix: Some(HotfixPolicy::default()),
            ..Policy::default()
        },
    };
    vec![dev, staging, production]
}

fn people() -> Vec<Person> {
    let person = |name: &str, roles: &[&str]| Person {
        name: name.to_owned(),
        accounts: Vec::new(),
        email: Some(format!("{name}@acme.example")),
        roles: BTreeMap::from([(
            "*".to_owned(),
            roles.iter().map(|role| (*role).to_owned()).collect(),
        )]),
    };
    vec![
        person("dana", &["operate", "stop", "approve", "waive"]),
        person(
            "lee",
            &[
                "operate",
                "stop",
                "approve",
                "emergency",
                "waive",
                "configure",
            ],
        ),
        person("sam", &["operate", "stop", "approve", "waive"]),
        person("kim", &["watch", "stop"]),
    ]
}

fn target(
    practice: &Practice,
    pace: Pace,
    environment: &Environment,
    project: &ProjectId,
) -> Target {
    let production = environment.protected;
    let kind = if production {
        WorkloadKind::Rollout
    } else {
        WorkloadKind::Deployment
    };
    let share = |share: u8, bake: i64| StageSpec {
        share,
        bake: pace.seconds(bake),
    };
    let window = pace.at_least(60, 6.0);
    Target {
        id: TargetId::new(environment.name.clone(), project.clone()),
        cluster: ClusterRef {
            kubeconfig: Some(practice.kubeconfig().to_owned()),
            must_be_verified: environment.protected,
            ..ClusterRef::default()
        },
        workload: WorkloadRef {
            kind,
            namespace: environment.name.to_string(),
            name: project.name().to_owned(),
            container: "app".to_owned(),
        },
        health: Some(Endpoint {
            port: 8080,
            path: "/health".to_owned(),
        }),
        metrics: Some(MetricsSource {
            endpoint: Endpoint {
                port: 9090,
                path: "/metrics".to_owned(),
            },
            prefix: "release_manager".to_owned(),
            window,
            min_requests: 20,
        }),
        // 001's figures hold, 002's roll back (SPEC §7).
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
        stages: if production {
            vec![share(10, 300), share(50, 300), share(100, 300)]
        } else {
            Vec::new()
        },
        items: items(pace, production),
        monitoring: pace.seconds(3600),
        rollout_deadline: SignedDuration::from_mins(if production { 10 } else { 5 }),
    }
}

/// 001's list, the part a practice cluster can answer.
fn items(pace: Pace, production: bool) -> Vec<ItemSpec> {
    let item = |id: &str, phase: Phase, title: &str, kind: ItemKind| ItemSpec {
        id: ItemId(id.to_owned()),
        phase,
        title: title.to_owned(),
        kind,
        required: true,
        owner: None,
        time_box: None,
        max_age: None,
        timeout: None,
        types: Vec::new(),
        auto: false,
        chain: Chain::default(),
    };
    let boxed = |id: &str, title: &str, probe: Probe, from: i64, until: i64| ItemSpec {
        time_box: Some(TimeBox {
            from: if from == 0 {
                SignedDuration::ZERO
            } else {
                pace.seconds(from)
            },
            until: pace.at_least(until, 30.0),
        }),
        ..item(id, Phase::Verify, title, ItemKind::Probe(probe))
    };
    let mut items = Vec::new();
    if production {
        items.push(item(
            "oncall.confirmed",
            Phase::Validate,
            "On-call engineer confirmed and available",
            ItemKind::Check,
        ));
        items.push(item(
            "stakeholders.notified",
            Phase::Communicate,
            "Stakeholders notified of the deployment timeline",
            ItemKind::Check,
        ));
        items.push(item(
            "rollback.reviewed",
            Phase::Staging,
            "Rollback procedure tested and verified",
            ItemKind::Check,
        ));
    }
    items.push(boxed(
        "verify.pods",
        "Pods are running and ready",
        Probe::Pods,
        0,
        120,
    ));
    if production {
        items.push(boxed(
            "verify.health",
            "API answers /health",
            Probe::Health,
            120,
            300,
        ));
        items.push(boxed(
            "verify.metrics",
            "Key metrics are within their limits",
            Probe::Metrics,
            300,
            600,
        ));
        items.push(item(
            "verify.smoke",
            Phase::Verify,
            "Smoke tests passed",
            ItemKind::Check,
        ));
    }
    items
}
