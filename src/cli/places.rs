//! The verbs about places: locks, and the policy that is in force.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    domain::{
        environment::{Environment, EnvironmentState},
        target::Target,
        workspace::NotFound,
    },
    policy::decide::{Command, Scope},
};

use super::{
    args::Place,
    exit::Exit,
    headless::{Headless, Stop},
};

impl Headless {
    /// An environment, or one target of it; the facts of an environment are those of its first target.
    fn anchored(&self, environment: &str, project: Option<&str>) -> Result<(Target, Scope), Stop> {
        let workspace = &self.outside.workspace;
        if let Some(project) = project {
            return Ok((
                workspace.find_target(environment, project)?.clone(),
                Scope::Target,
            ));
        }
        let name = &workspace.find_environment(environment)?.name;
        let first = workspace
            .targets
            .iter()
            .find(|target| &target.id.environment == name);
        let first = first.ok_or_else(|| NotFound {
            sentence: format!("{name} has no target, so there is nothing to keep from it"),
        })?;
        Ok((first.clone(), Scope::Environment))
    }

    pub(super) async fn lock(
        &mut self,
        environment: &str,
        project: Option<&str>,
        reason: String,
        lasts: Option<Duration>,
    ) -> Result<Exit, Stop> {
        let (target, scope) = self.anchored(environment, project)?;
        let lasts =
            lasts.map(|lasts| SignedDuration::try_from(lasts).unwrap_or(SignedDuration::MAX));
        let command = Command::Lock {
            scope,
            reason,
            lasts,
        };
        self.simple(&place(&target), command).await
    }

    pub(super) async fn unlock(
        &mut self,
        environment: &str,
        project: Option<&str>,
        reason: String,
    ) -> Result<Exit, Stop> {
        let (target, scope) = self.anchored(environment, project)?;
        self.simple(&place(&target), Command::Unlock { scope, reason })
            .await
    }

    pub(super) async fn record_policy(
        &mut self,
        environment: &str,
        reason: String,
    ) -> Result<Exit, Stop> {
        let (target, _) = self.anchored(environment, None)?;
        self.simple(&place(&target), Command::RecordPolicy { reason })
            .await
    }

    /// What counts, who recorded it, and how the file differs; of one environment or of all.
    pub(super) async fn policy_show(&mut self, environment: Option<&str>) -> Result<Exit, Stop> {
        self.sync().await?;
        let only = environment
            .map(|name| {
                let found = self.outside.workspace.find_environment(name);
                found.map(|environment| environment.name.clone())
            })
            .transpose()?;
        let (mut objects, mut lines) = (Vec::new(), Vec::new());
        for configured in &self.outside.workspace.environments {
            if only.as_ref().is_some_and(|only| *only != configured.name) {
                continue;
            }
            let Some(known) = self.known.environments.get(&configured.name) else {
                continue;
            };
            objects.push(object(&known.state, &known.in_force, configured));
            lines.extend(told(&known.state, &known.in_force, configured));
        }
        self.data(json!({"environments": objects}), || lines);
        Ok(Exit::Done)
    }
}

fn place(target: &Target) -> Place {
    Place {
        environment: target.id.environment.to_string(),
        project: target.id.project.to_string(),
    }
}

fn object(state: &EnvironmentState, in_force: &Environment, file: &Environment) -> Value {
    let recorded = state.recorded.as_ref();
    json!({
        "environment": file.name,
        "protected": in_force.protected,
        "policy": in_force.policy,
        "recorded": recorded.map(|recorded| json!({"by": recorded.by, "at": recorded.at})),
        "differences": state.differences(file),
        "lock": state.lock,
    })
}

fn told(state: &EnvironmentState, in_force: &Environment, file: &Environment) -> Vec<String> {
    let name = &file.name;
    let mut lines = vec![match &state.recorded {
        Some(recorded) => format!(
            "{name}: recorded by {} at {}",
            recorded.by,
            recorded.at.strftime("%Y-%m-%d %H:%M UTC")
        ),
        None if in_force.protected => format!(
            "{name}: NOT RECORDED, so nothing enters: gonogo policy record {name} --reason R"
        ),
        None => format!("{name}: as in the file; open environments need no record"),
    }];
    let fields = match serde_json::to_value(&in_force.policy) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    lines.extend(
        fields
            .iter()
            .map(|(key, value)| format!("  {key:<18} {value}")),
    );
    let differences = state.differences(file);
    if !differences.is_empty() {
        let counts = if in_force.protected {
            "the record counts; to make the file's count: gonogo policy record"
        } else {
            "the file counts: the environment is open"
        };
        lines.push(format!("  the file differs ({counts}):"));
        lines.extend(differences.iter().map(|line| format!("    {line}")));
    }
    lines
}
