//! The verbs that look back: timeline, history, scorecard.

use serde_json::Value;

use crate::{
    domain::{
        entry::DeploymentId,
        history::History,
        project::ProjectId,
        release::{Release, ReleaseRef},
    },
    flight::report,
    policy::refusal::{Refusal, RefusalKind},
};

use super::{
    args::{Format, Place},
    exit::Exit,
    headless::{Headless, Stop},
    output::Output,
};

impl Headless {
    pub async fn timeline(
        &mut self,
        place: &Place,
        deployment: Option<&str>,
        format: Format,
    ) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        // Names beyond the one that a plan quotes are in the repository; without it the report has what the ledger has.
        let releases = self.foretold(&target.id.project).await;
        let Some(known) = self.known.targets.get(&target.id) else {
            return Ok(Exit::Done);
        };
        let only = deployment
            .map(|name| named(&known.history, name, place))
            .transpose()?;
        let names = |quoted: &ReleaseRef| every_name(&releases, quoted);
        let report = report::report(&target.id, known, only.as_ref(), &names);
        if self.output.json || format == Format::Json {
            let object = serde_json::to_value(&report).unwrap_or(Value::Null);
            Output::new(true).data(self.rehearsal(), object, Vec::new);
            return Ok(Exit::Done);
        }
        for line in report::markdown::lines(&report) {
            self.output.line(&line);
        }
        Ok(Exit::Done)
    }

    /// The releases of a project, without writing numbers down; none where the repository cannot be read, which is said.
    pub async fn foretold(&self, project: &ProjectId) -> Vec<Release> {
        let Some(configured) = self.outside.workspace.project(project).cloned() else {
            return Vec::new();
        };
        match self.outside.foretold(&configured).await {
            Ok(releases) => releases,
            Err(fault) => {
                self.output.fault_said(&fault);
                Vec::new()
            }
        }
    }
}

/// One deployment by its id, by its number, or the newest.
fn named(history: &History, name: &str, place: &Place) -> Result<DeploymentId, Stop> {
    let records = history.records();
    let found = match name {
        "last" => records.last(),
        name => records.iter().find(|record| {
            record.id.0 == name || record.id.0.rsplit('-').next().is_some_and(|n| n == name)
        }),
    };
    found.map(|record| record.id.clone()).ok_or_else(|| {
        let sentence = format!("no deployment `{name}` here");
        Refusal::new(RefusalKind::NotFound, "deployment.name", sentence)
            .hint(format!(
                "gonogo history {} {}",
                place.environment, place.project
            ))
            .into()
    })
}

fn every_name(releases: &[Release], quoted: &ReleaseRef) -> Vec<String> {
    let known = releases.iter().find(|r| r.commit == quoted.commit);
    let aliases = known.map_or(&[][..], |release| &release.aliases);
    let mut names: Vec<String> = quoted.name.iter().map(ToString::to_string).collect();
    for alias in aliases {
        for name in std::iter::once(&alias.name).chain(alias.full.as_ref()) {
            if !names.iter().any(|other| other == name.as_str()) {
                names.push(name.to_string());
            }
        }
    }
    names
}
