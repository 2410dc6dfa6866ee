//! The testing matrix of a release on its way to an environment: a column for each environment up to it, and staging's
//! column is the evidence behind production's (SPEC C4).

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::Serialize;

use super::known::Known;
use crate::domain::{
    deployment::Deployment,
    entry::DeploymentId,
    environment::EnvironmentName,
    matrix::{self, Test, TestKind},
    release::ReleaseRef,
    target::{Target, TargetId},
};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Matrix {
    pub target: TargetId,
    pub release: ReleaseRef,
    /// In the order of promotion; the last is the target's own.
    pub columns: Vec<Column>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Column {
    pub environment: EnvironmentName,
    /// The last one of the release there; None: it was never asked for there.
    pub deployment: Option<DeploymentId>,
    pub tests: Vec<Test>,
}

/// How a line of it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Plain,
    Heading,
    Good,
    Bad,
    Open,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub tone: Tone,
    pub text: String,
}

impl Line {
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { tone, text }
    }
}

/// As it is now, or, for a deployment of the past, with its own column as that deployment left it.
pub fn of(
    known: &Known,
    target: &TargetId,
    release: &ReleaseRef,
    own: Option<&DeploymentId>,
    now: Timestamp,
) -> Matrix {
    let workspace = &known.workspace;
    let places = workspace.environments.iter().map(|place| &place.name);
    let last = places
        .clone()
        .position(|name| *name == target.environment)
        .map_or(0, |index| index + 1);
    let column = |environment: &EnvironmentName| {
        let id = TargetId::new(environment.clone(), target.project.clone());
        let target_here = workspace.target(&id)?;
        let own = own.filter(|_| id == *target);
        let deployment = known.targets.get(&id).and_then(|here| match own {
            Some(own) => matrix::stood(&here.entries, own),
            None => here
                .stands()
                .current
                .clone()
                .filter(|current| current.plan.release.commit == release.commit)
                .or_else(|| matrix::last_of(&here.entries, &release.commit)),
        });
        Some(Column {
            environment: environment.clone(),
            tests: tests(known, target_here, release, deployment.as_ref(), now),
            deployment: deployment.map(|deployment| deployment.id),
        })
    };
    Matrix {
        target: target.clone(),
        release: release.clone(),
        columns: places.take(last).filter_map(column).collect(),
    }
}

fn tests(
    known: &Known,
    target: &Target,
    release: &ReleaseRef,
    deployment: Option<&Deployment>,
    now: Timestamp,
) -> Vec<Test> {
    if let Some(deployment) = deployment {
        return matrix::of_deployment(deployment, now);
    }
    let kind = known
        .release(&target.id.project, release.number)
        .and_then(crate::domain::release::Release::kind);
    matrix::of_items(target.items.iter().filter(|item| item.is_for(kind)))
}

impl Matrix {
    pub fn is_empty(&self) -> bool {
        self.columns.iter().all(|column| column.tests.is_empty())
    }

    /// The table, and below it each environment's tests with who, when, what was found, and what was said of them.
    pub fn lines(&self) -> Vec<Line> {
        if self.is_empty() {
            return vec![
                Line::new(Tone::Plain, "No test of the matrix is configured here."),
                Line::new(
                    Tone::Plain,
                    "checklist = \"builtin:002\" brings its five; so does an item called matrix.smoke, matrix.integration, …",
                ),
            ];
        }
        let mut lines = vec![Line::new(
            Tone::Heading,
            self.row("", |column| column.environment.to_string()),
        )];
        for kind in TestKind::ALL {
            let text = self.row(kind.word(), |column| match column.worst(kind) {
                Some(test) => format!("{} {}", test.status.mark(), test.status.word()),
                None => "–".to_owned(),
            });
            let own = self.columns.last().and_then(|column| column.worst(kind));
            lines.push(Line::new(own.map_or(Tone::Plain, tone), text));
        }
        for column in &self.columns {
            column.told(&mut lines);
        }
        lines
    }

    fn row(&self, title: &str, cell: impl Fn(&Column) -> String) -> String {
        let mut row = format!("{title:<12}");
        for column in &self.columns {
            let _ = write!(row, "  {:<14}", cell(column));
        }
        row.trim_end().to_owned()
    }
}

impl Column {
    /// The test that says how a kind stands.
    pub fn worst(&self, kind: TestKind) -> Option<&Test> {
        let of_kind = self.tests.iter().filter(|test| test.kind == kind);
        of_kind.min_by_key(|test| test.status)
    }

    fn told(&self, lines: &mut Vec<Line>) {
        if self.tests.is_empty() {
            return;
        }
        let name = match &self.deployment {
            Some(id) => format!("{} ({id})", self.environment),
            None => format!("{} (not asked for there yet)", self.environment),
        };
        lines.push(Line::new(Tone::Plain, ""));
        lines.push(Line::new(Tone::Heading, name));
        for test in &self.tests {
            lines.push(Line::new(tone(test), test_line(test)));
            for note in &test.notes {
                let clock = note.at.strftime("%Y-%m-%d %H:%M");
                let text = format!("    note {clock} UTC, {}: {}", note.by, note.text);
                lines.push(Line::new(Tone::Plain, text));
            }
        }
    }
}

/// `✔ passed   matrix.smoke        2026-03-12 14:02 UTC, dana: exit 0 after 4 s: 3 of 3; evidence 0a1b2c3d4e5f`
fn test_line(test: &Test) -> String {
    let mut text = format!(
        "{} {:<8} {:<19}",
        test.status.mark(),
        test.status.word(),
        test.item.0
    );
    if let (Some(at), Some(by)) = (test.at, &test.by) {
        let _ = write!(text, " {} UTC, {by}", at.strftime("%Y-%m-%d %H:%M"));
    } else {
        let _ = write!(text, " {}", test.title);
    }
    if let Some(said) = &test.said {
        let _ = write!(text, ": {said}");
    }
    if let Some(evidence) = &test.evidence {
        let _ = write!(text, "; evidence sha256:{}", evidence.short());
    }
    if !test.required {
        text.push_str(" (advisory)");
    }
    text.trim_end().to_owned()
}

fn tone(test: &Test) -> Tone {
    use crate::domain::matrix::TestStatus;
    match test.status {
        TestStatus::Passed => Tone::Good,
        TestStatus::Failed | TestStatus::Unknown => Tone::Bad,
        TestStatus::Stale | TestStatus::Running | TestStatus::NotRun | TestStatus::Waived => {
            Tone::Open
        }
    }
}
