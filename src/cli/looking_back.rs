//! The verbs that look back: timeline, history, scorecard.

use serde_json::{Value, json};

use crate::{
    domain::{
        entry::DeploymentId,
        environment::EnvironmentName,
        history::{History, Record},
        project::ProjectId,
        release::{Release, ReleaseRef},
    },
    flight::{
        looking_back::{self, Row, Wanted},
        matrix, report,
    },
    policy::{
        refusal::{Refusal, RefusalKind},
        scorecard::{Scorecard, Verdict},
    },
};

use super::{
    args::{Format, Place, Since},
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
        let now = self.outside.now();
        let tested = |record: &Record| {
            let own = Some(&record.id);
            let shown = matrix::of(&self.known, &target.id, &record.release, own, now);
            (!record.rollback && !shown.is_empty()).then_some(shown)
        };
        let report = report::report(&target.id, known, only.as_ref(), &names, &tested);
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

    /// The testing matrix of a release (SPEC C4).
    pub async fn matrix(&mut self, place: &Place, release: Option<&str>) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        let release = match release {
            Some(name) => self.release(&target.id.project, name).await?.to_ref(),
            None => {
                let facts = self.facts(&target)?;
                let current = facts.current().map(|current| current.plan.release.clone());
                let live = || facts.state.live.as_ref().map(|live| live.release.clone());
                current.or_else(live).ok_or_else(|| {
                    let sentence = format!("nothing was deployed to {} yet", target.id);
                    Refusal::new(RefusalKind::NotFound, "matrix.release", sentence)
                        .hint("name the RELEASE whose tests are meant")
                })?
            }
        };
        let now = self.outside.now();
        let shown = matrix::of(&self.known, &target.id, &release, None, now);
        let title = format!("test matrix of {} for {}", release.title(), target.id);
        let object = serde_json::to_value(&shown).unwrap_or(Value::Null);
        self.data(object, || {
            let lines = shown.lines().into_iter().map(|line| line.text);
            std::iter::once(title).chain(lines).collect()
        });
        Ok(Exit::Done)
    }

    pub async fn history(
        &mut self,
        environment: Option<&str>,
        project: Option<&str>,
    ) -> Result<Exit, Stop> {
        let (environment, project) = self.meant(environment, project)?;
        self.sync().await?;
        let now = self.outside.now();
        let wanted = Wanted {
            environment: environment.as_ref(),
            project: project.as_ref(),
            filter: "",
        };
        let records = looking_back::deployments(&self.known, now, wanted);
        let quoted = |release: &ReleaseRef| every_name(&[], release);
        let objects: Vec<report::Section<'_>> = records
            .iter()
            .map(|record| report::section(record, &quoted, None))
            .collect();
        self.data(json!({"deployments": objects}), || {
            if records.is_empty() {
                return vec!["nothing was deployed yet".to_owned()];
            }
            let rows = records.iter().map(|record| Row::of(record, now));
            rows.zip(&records)
                .map(|(row, record)| history_line(&row, &record.id.0))
                .collect()
        });
        Ok(Exit::Done)
    }

    pub async fn scorecard(
        &mut self,
        since: Option<Since>,
        environment: Option<&str>,
    ) -> Result<Exit, Stop> {
        let (environment, _) = self.meant(environment, None)?;
        self.sync().await?;
        let environments = looking_back::counted(&self.known, environment.as_ref());
        let projects: Vec<ProjectId> = self
            .outside
            .workspace
            .projects
            .iter()
            .map(|p| p.id.clone())
            .collect();
        for project in projects {
            let releases = self.foretold(&project).await;
            if !releases.is_empty() {
                self.known.catalogue(&project, releases);
            }
        }
        let now = self.outside.now();
        let window = looking_back::window(now, since.map(|since| since.before(now)));
        let card = looking_back::scored(&self.known, &environments, window);
        let mut object = serde_json::to_value(&card).unwrap_or(Value::Null);
        object["environments"] = json!(environments);
        self.data(object, || scorecard_lines(&card, &environments));
        Ok(Exit::Done)
    }

    fn meant(
        &self,
        environment: Option<&str>,
        project: Option<&str>,
    ) -> Result<(Option<EnvironmentName>, Option<ProjectId>), Stop> {
        let workspace = &self.outside.workspace;
        let environment = environment
            .map(|name| workspace.find_environment(name))
            .transpose()?;
        let project = project
            .map(|name| workspace.find_project(name))
            .transpose()?;
        Ok((
            environment.map(|environment| environment.name.clone()),
            project.map(|project| project.id.clone()),
        ))
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

/// In columns, and with the id that `timeline --deployment` takes.
fn history_line(row: &Row, id: &str) -> String {
    format!(
        "{}  {:<12} {:<16} {:<24} {:<12} {:>9}  {:<8} {id}  {}",
        row.when,
        row.environment,
        row.project,
        row.release,
        row.ended,
        row.lasted,
        row.who,
        row.reason
    )
}

fn scorecard_lines(card: &Scorecard, environments: &[EnvironmentName]) -> Vec<String> {
    let names: Vec<&str> = environments.iter().map(EnvironmentName::as_str).collect();
    let day = |at: jiff::Timestamp| at.strftime("%Y-%m-%d").to_string();
    let mut lines = vec![format!(
        "scorecard of {}, {} to {}",
        names.join(", "),
        day(card.window.since),
        day(card.window.until)
    )];
    lines.extend(card.measures.iter().map(|measure| {
        let mark = match measure.verdict {
            Verdict::Met => "✔",
            Verdict::Missed => "✖",
            Verdict::TooFew | Verdict::NotMeasured => "?",
            Verdict::NoTarget => "·",
        };
        format!("{mark} {:<23} {}", measure.title, measure.sentence)
    }));
    lines
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
