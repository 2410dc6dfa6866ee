//! The configuration as meant: projects, environments, targets, people, and the clocks of the cockpit.

use std::{collections::BTreeMap, path::PathBuf};

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{
    access::Access,
    environment::{Environment, EnvironmentName},
    hotfix::Budgets,
    project::{Project, ProjectId},
    target::{Target, TargetId},
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workspace {
    pub name: String,
    pub projects: Vec<Project>,
    /// In promotion order.
    pub environments: Vec<Environment>,
    pub targets: Vec<Target>,
    pub people: Vec<Person>,
    pub timings: Timings,
    /// An OS account or `--as` counts toward a quorum in protected environments too (SPEC A5).
    pub trust_names: bool,
    pub ledger: PathBuf,
    /// The folders of the projects that keep state files (SPEC D14), like `.atlas`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub state_files: BTreeMap<ProjectId, PathBuf>,
    /// Credential plugins, and what registries want to be told.
    #[serde(default)]
    pub access: Access,
    /// Set on the practice cluster, also through its written configuration.
    pub rehearsal: Option<Rehearsal>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rehearsal {
    pub scenario: String,
    /// Durations were already divided by it when this configuration was written.
    pub speed: f64,
}

/// Somebody who may act or approve, by whatever names they come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub name: String,
    /// OS accounts, `account` or `account@host`.
    pub accounts: Vec<String>,
    pub email: Option<String>,
    /// Roles by environment name; `*` holds everywhere. Role words: watch, operate, stop, waive, configure,
    /// and whatever approval rules name.
    pub roles: BTreeMap<String, Vec<String>>,
}

impl Person {
    /// May say go where a rule asks for `role`: `qa`, or `approve:qa` as it may also be written.
    pub fn approves_as(&self, environment: &EnvironmentName, role: &str) -> bool {
        self.has_role(environment, role) || self.has_role(environment, &format!("approve:{role}"))
    }

    pub fn has_role(&self, environment: &EnvironmentName, role: &str) -> bool {
        [environment.as_str(), "*"].iter().any(|scope| {
            self.roles
                .get(*scope)
                .is_some_and(|roles| roles.iter().any(|r| r == role))
        })
    }
}

/// How we know who acts, strongest first (SPEC A5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentityMeans {
    /// The account on this machine.
    Account,
    /// `--as`, or `:as` in a rehearsal.
    Claimed,
    /// gonogo itself, recording what was reached.
    Program,
}

/// Who did it, as an entry keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub means: IdentityMeans,
    pub host: String,
}

impl Actor {
    /// gonogo itself: for what any attending process records once.
    pub fn program(host: &str) -> Self {
        Self {
            name: "gonogo".to_owned(),
            email: None,
            means: IdentityMeans::Program,
            host: host.to_owned(),
        }
    }

    /// The guard: it acts while nobody presses a key, with the rights of whoever watches.
    pub fn guard(host: &str) -> Self {
        Self {
            name: "guard".to_owned(),
            ..Self::program(host)
        }
    }
}

/// Defaults of SPEC §3; all of them configurable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timings {
    /// After this a mutation's outcome is unknown.
    pub mutation_deadline: SignedDuration,
    /// For so long after it, a change that is not seen may still land.
    pub settling: SignedDuration,
    /// A reading older than this is not known.
    pub stale: SignedDuration,
    /// Between two polls of `/health`.
    pub health_interval: SignedDuration,
    /// How many good answers in a row make it healthy.
    pub health_answers: u32,
    /// Between two scrapes of `/metrics`.
    pub scrape_interval: SignedDuration,
    /// How long after a break-glass a second person may take to countersign it.
    pub countersign: SignedDuration,
    /// How long each leg of a hotfix may take.
    #[serde(default)]
    pub hotfix: Budgets,
    /// Between two signs of life of whoever attends a flight.
    pub heartbeat: SignedDuration,
    /// Whoever was not heard for so long is absent.
    pub absent: SignedDuration,
}

impl Timings {
    /// What was sent so long ago and is not seen, never landed.
    pub fn settled_after(&self) -> SignedDuration {
        self.mutation_deadline + self.settling
    }
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            mutation_deadline: SignedDuration::from_secs(10),
            settling: SignedDuration::from_secs(5),
            stale: SignedDuration::from_secs(15),
            health_interval: SignedDuration::from_secs(2),
            health_answers: 10,
            scrape_interval: SignedDuration::from_secs(5),
            countersign: SignedDuration::from_mins(60),
            hotfix: Budgets::default(),
            heartbeat: SignedDuration::from_secs(10),
            absent: SignedDuration::from_secs(30),
        }
    }
}

/// A name that fits nothing, or more than one thing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{sentence}")]
pub struct NotFound {
    pub sentence: String,
}

impl Workspace {
    pub fn project(&self, id: &ProjectId) -> Option<&Project> {
        self.projects.iter().find(|project| &project.id == id)
    }

    pub fn environment(&self, name: &EnvironmentName) -> Option<&Environment> {
        self.environments
            .iter()
            .find(|environment| &environment.name == name)
    }

    pub fn target(&self, id: &TargetId) -> Option<&Target> {
        self.targets.iter().find(|target| &target.id == id)
    }

    pub fn person(&self, name: &str) -> Option<&Person> {
        self.people.iter().find(|person| person.name == name)
    }

    /// Do both names belong to one person? Accounts of `host` count as whoever they belong to.
    pub fn same_person(&self, one: &Actor, other: &Actor) -> bool {
        let behind = |actor: &Actor| {
            self.person_behind(&actor.name, &actor.host)
                .map_or_else(|| actor.name.clone(), |person| person.name.clone())
        };
        one.name == other.name || behind(one) == behind(other)
    }

    /// Whom does this account or claimed name belong to? A person counts once by whatever name.
    pub fn person_behind(&self, name: &str, host: &str) -> Option<&Person> {
        let at_host = format!("{name}@{host}");
        self.people
            .iter()
            .find(|p| p.name == name || p.accounts.iter().any(|a| a == name || *a == at_host))
    }

    /// By any of its names.
    pub fn find_environment(&self, text: &str) -> Result<&Environment, NotFound> {
        self.environments
            .iter()
            .find(|environment| environment.answers_to(text))
            .ok_or_else(|| NotFound {
                sentence: format!(
                    "no environment `{text}`; there are: {}",
                    list(self.environments.iter().map(|e| e.name.as_str()))
                ),
            })
    }

    /// By its full name or an unambiguous tail.
    pub fn find_project(&self, text: &str) -> Result<&Project, NotFound> {
        let mut matches = self
            .projects
            .iter()
            .filter(|project| project.id.answers_to(text));
        match (matches.next(), matches.next()) {
            (Some(project), None) => Ok(project),
            (Some(first), Some(second)) => Err(NotFound {
                sentence: format!(
                    "`{text}` could be {} or {}; say more of the name",
                    first.id, second.id
                ),
            }),
            (None, _) => Err(NotFound {
                sentence: format!(
                    "no project `{text}`; there are: {}",
                    list(self.projects.iter().map(|p| p.id.as_str()))
                ),
            }),
        }
    }

    pub fn find_target(&self, environment: &str, project: &str) -> Result<&Target, NotFound> {
        let environment = self.find_environment(environment)?;
        let project = self.find_project(project)?;
        let id = TargetId::new(environment.name.clone(), project.id.clone());
        self.target(&id).ok_or_else(|| NotFound {
            sentence: format!(
                "{} is not configured for {}; add a [[target]] for it",
                project.id, environment.name
            ),
        })
    }
}

fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
