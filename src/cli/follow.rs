//! `gonogo follow ENV`: auto-deploy (SPEC E7). Flies what the environment's policy says shall be flown, as long as it
//! runs, and attends each flight; what needs a person waits for one.

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use crate::{
    domain::{
        deployment::FlightState,
        environment::EnvironmentName,
        target::{Target, TargetId},
        workspace::{Actor, Workspace},
    },
    policy::{
        auto,
        decide::{Command, may_operate},
        gate::Verdict,
        gates, planner,
        refusal::{Refusal, RefusalKind},
    },
    runtime::beside::Beside,
};

use super::{
    args::{Common, Place},
    attend::Until,
    exit::Exit,
    headless::{Headless, Stop},
    output::Output,
};

/// Between two looks at what is new.
const REST: Duration = Duration::from_secs(5);

/// After a failure that ended one look.
const AGAIN: Duration = Duration::from_secs(30);

/// The same for every environment with auto-deploy, while a cockpit is open that was told to (`[screen] follow`). It is
/// the verb itself on a thread of its own: what it does stands in the ledger as anybody's would, and of several processes
/// that follow the ledger lets one begin.
pub(super) fn beside(workspace: &Workspace, common: &Common) -> Option<Beside> {
    let environments = workspace.environments.iter();
    let followed: Vec<EnvironmentName> = environments
        .filter(|it| it.policy.auto_deploy && !it.protected)
        .map(|it| it.name.clone())
        .collect();
    if followed.is_empty() {
        return None;
    }
    let workspace = workspace.clone();
    let common = Common {
        json: false,
        dry_run: false,
        timeout: None,
        ..common.clone()
    };
    Beside::begin("follow", move || async move {
        let each = followed
            .iter()
            .map(|environment| forever(&workspace, &common, environment));
        futures::future::join_all(each).await;
    })
}

async fn forever(workspace: &Workspace, common: &Common, environment: &EnvironmentName) {
    loop {
        let opened = Headless::open(workspace.clone(), common.clone(), Output::silent()).await;
        let Ok(mut headless) = opened.map_err(|(stop, output)| stop.told(output)) else {
            return;
        };
        let followed = Box::pin(headless.follow(environment.as_str(), None, false)).await;
        if let Err(Stop::Refusal(refusal)) = &followed {
            tracing::warn!(%environment, sentence = %refusal.sentence, "not followed");
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// What was said of a target last, so that it is said once.
type Said = BTreeMap<TargetId, String>;

impl Headless {
    pub(super) async fn follow(
        &mut self,
        environment: &str,
        project: Option<&str>,
        once: bool,
    ) -> Result<Exit, Stop> {
        let targets = self.followed(environment, project)?;
        self.sync().await?;
        let started = tokio::time::Instant::now();
        let me = self.actor.clone();
        let mut said = Said::new();
        loop {
            for target in &targets {
                may_operate(&self.facts(target)?, &me)?;
                let step = self.step(target, &mut said).await;
                self.actor.clone_from(&me);
                match step {
                    Ok(()) => {}
                    // One target in trouble keeps no other from its releases.
                    Err(Stop::Fault(fault)) if !once => self.output.fault_said(&fault),
                    Err(Stop::Refusal(refusal)) if !once => {
                        self.say(target, &refusal.sentence, &mut said);
                    }
                    Err(stop) => return Err(stop),
                }
            }
            if once {
                return Ok(Exit::Done);
            }
            let left = self
                .common
                .timeout
                .map(|timeout| timeout.saturating_sub(started.elapsed()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(Exit::UnderWay);
            }
            tokio::time::sleep(left.map_or(REST, |left| left.min(REST))).await;
        }
    }

    fn followed(&self, environment: &str, project: Option<&str>) -> Result<Vec<Target>, Stop> {
        let workspace = &self.outside.workspace;
        let environment = workspace.find_environment(environment)?;
        let project = project
            .map(|name| {
                workspace
                    .find_project(name)
                    .map(|project| project.id.clone())
            })
            .transpose()?;
        if !environment.policy.auto_deploy {
            let sentence = format!("{} does not deploy by itself", environment.name);
            let refusal = Refusal::new(RefusalKind::Rule, "policy.auto_deploy", sentence)
                .hint("say auto_deploy = true in its [environment.policy]");
            return Err(refusal.into());
        }
        let here = |target: &&Target| {
            target.id.environment == environment.name
                && project.as_ref().is_none_or(|id| *id == target.id.project)
        };
        Ok(workspace.targets.iter().filter(here).cloned().collect())
    }

    /// Once what was tried is not tried again, this comes to rest by itself.
    async fn step(&mut self, target: &Target, said: &mut Said) -> Result<(), Stop> {
        self.sync().await?;
        self.catalogue_anew(&target.id.project).await?;
        self.look(target).await?;
        let automatic = self.automatic(&target.id.environment);
        if let Some(release) = auto::wanted(&self.facts(target)?).cloned() {
            self.actor = automatic.clone();
            let release = self
                .release_with_artifact(&target.id.project, &release.number.to_string())
                .await?;
            let facts = self.facts(target)?;
            let plan = planner::planned(&facts, &release);
            let reason = format!("{} follows its releases", target.id.environment);
            let plan = Box::new(plan);
            self.record(target, &Command::Request { plan, reason })
                .await?;
            self.say(
                target,
                &format!("requested release {}", release.title()),
                said,
            );
        }
        if auto::own(&self.facts(target)?).is_none() {
            return Ok(());
        }
        if self.unknown_at_take_off(target)? {
            // Nobody has watched yet: one window of figures, then it is judged.
            self.sample(target).await?;
            self.look(target).await?;
        }
        let facts = self.facts(target)?;
        let place = Place {
            environment: target.id.environment.to_string(),
            project: target.id.project.to_string(),
        };
        if let Some(current) = facts
            .current()
            .filter(|current| current.state == FlightState::Requested)
        {
            let judgement = gates::take_off(&facts, &current.plan);
            if let Some(gate) = judgement.gravest() {
                let sentence = format!(
                    "release {} waits: {}",
                    current.plan.release.title(),
                    gate.sentence
                );
                self.say(target, &sentence, said);
                return Ok(());
            }
            let plan = current.plan.digest.clone();
            let yes = std::mem::replace(&mut self.common.yes, true);
            self.actor = automatic.clone();
            let flown = self
                .acting(&place, Command::Fly { plan, glass: None }, false)
                .await;
            self.common.yes = yes;
            flown?;
        }
        self.attend_until(target, Until::NeedsPerson).await?;
        let facts = self.facts(target)?;
        let Some(current) = facts
            .current()
            .filter(|current| current.state == FlightState::Monitoring)
        else {
            return Ok(());
        };
        if gates::close(&facts, &current.plan).go {
            self.actor = automatic;
            self.simple(&place, Command::Close).await?;
        }
        Ok(())
    }

    /// It waits for take-off, and something that stands against that is only not known.
    fn unknown_at_take_off(&self, target: &Target) -> Result<bool, Stop> {
        let facts = self.facts(target)?;
        let requested = facts
            .current()
            .filter(|current| current.state == FlightState::Requested);
        Ok(requested.is_some_and(|current| {
            gates::take_off(&facts, &current.plan)
                .blocking()
                .any(|gate| gate.verdict == Verdict::Unknown)
        }))
    }

    fn automatic(&self, environment: &EnvironmentName) -> Actor {
        auto::actor(environment, &self.outside.host)
    }

    fn say(&self, target: &Target, sentence: &str, said: &mut Said) {
        if said.get(&target.id).is_some_and(|last| last == sentence) {
            return;
        }
        said.insert(target.id.clone(), sentence.to_owned());
        let object = json!({"target": target.id, "sentence": sentence});
        self.data(object, || vec![format!("{}: {sentence}", target.id)]);
    }
}
