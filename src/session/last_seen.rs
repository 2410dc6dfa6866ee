//! What was on the screen when gonogo last ended: the fleet as it was known, and where the person was. Display only:
//! it is never mixed with readings, so no gate can count on it. What a file said is checked before any of it is used.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{
    environment::EnvironmentName, project::ProjectId, target::TargetId, text::Clean, time,
};

use super::{
    cockpit::Cockpit,
    show::{self, Condition},
    view::Screen,
};

/// Another number is another program's, and is left alone.
const FORMAT: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastSeen {
    format: u32,
    /// The ledger that it belongs to: one workspace, one ledger.
    workspace: String,
    pub at: Timestamp,
    targets: Vec<TargetSeen>,
    view: Parked,
}

/// One cell of the fleet, as it was read last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetSeen {
    target: TargetId,
    pub live: Clean,
    pub condition: Condition,
    pub pods: Option<(u32, u32)>,
    /// When the platform was read, not when it was written down.
    pub read_at: Timestamp,
}

/// Screen, selection and target, by names: configurations change between two starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parked {
    screen: Screen,
    environment: Option<EnvironmentName>,
    project: Option<ProjectId>,
    chosen: Option<u64>,
    release: usize,
    plan_line: usize,
    flight_line: usize,
    filter: String,
}

impl TargetSeen {
    /// `healthy 3 h ago`
    pub fn words(&self, now: Timestamp) -> String {
        let age = time::age(now.duration_since(self.read_at));
        format!("{} {age} ago", self.condition.word())
    }
}

impl LastSeen {
    /// What would be shown first at the next start. Targets that were not read this time keep what was seen before.
    pub fn of(cockpit: &Cockpit) -> Self {
        let (workspace, view) = (cockpit.workspace(), &cockpit.view);
        let seen = |id: &TargetId| {
            let before = || cockpit.last_seen.as_ref()?.target(id).cloned();
            let reading = cockpit
                .known
                .targets
                .get(id)
                .and_then(|known| known.workload.last.as_ref());
            let Some(reading) = reading else {
                return before();
            };
            let cell = show::fleet_cell(cockpit, id)?;
            Some(TargetSeen {
                target: id.clone(),
                live: Clean::new(&cell.live),
                condition: Condition::of(reading.value.workload.phase),
                pods: cell.pods,
                read_at: reading.at,
            })
        };
        Self {
            format: FORMAT,
            workspace: workspace.ledger.display().to_string(),
            at: cockpit.now,
            targets: workspace
                .targets
                .iter()
                .filter_map(|target| seen(&target.id))
                .collect(),
            view: Parked {
                screen: view.screen,
                environment: workspace
                    .environments
                    .get(view.environment)
                    .map(|environment| environment.name.clone()),
                project: workspace
                    .projects
                    .get(view.project)
                    .map(|project| project.id.clone()),
                chosen: view.chosen,
                release: view.release,
                plan_line: view.plan_line,
                flight_line: view.flight_line,
                filter: view.filter.value().to_owned(),
            },
        }
    }

    /// Whether it is ours, of this workspace, and not from the future; else the reason why it is not used.
    pub fn fits(&self, cockpit: &Cockpit) -> Result<(), String> {
        let workspace = cockpit.workspace().ledger.display().to_string();
        if self.format != FORMAT {
            return Err(format!(
                "it has format {}, and this program knows {FORMAT}",
                self.format
            ));
        }
        if self.workspace != workspace {
            return Err("it belongs to another workspace".to_owned());
        }
        Ok(())
    }

    /// Read again and nothing moved: not worth a write.
    pub fn says_the_same(&self, other: &Self) -> bool {
        let gist = |seen: &Self| {
            let mut seen = seen.clone();
            seen.at = Timestamp::UNIX_EPOCH;
            for target in &mut seen.targets {
                // A minute more or less is no news either.
                target.read_at = Timestamp::from_second(target.read_at.as_second() / 60)
                    .unwrap_or(Timestamp::UNIX_EPOCH);
            }
            seen
        };
        gist(self) == gist(other)
    }

    pub fn target(&self, id: &TargetId) -> Option<&TargetSeen> {
        self.targets.iter().find(|seen| &seen.target == id)
    }

    /// The first frame shows it, and the view is where it was.
    pub fn restore(self, cockpit: &mut Cockpit) {
        let workspace = &cockpit.known.workspace;
        let parked = &self.view;
        let environment = workspace
            .environments
            .iter()
            .position(|environment| Some(&environment.name) == parked.environment.as_ref());
        let project = workspace
            .projects
            .iter()
            .position(|project| Some(&project.id) == parked.project.as_ref());
        // A selection of a target that is gone would be one of something else.
        if let (Some(environment), Some(project)) = (environment, project) {
            let view = &mut cockpit.view;
            (view.environment, view.project) = (environment, project);
            (view.chosen, view.release) = (parked.chosen, parked.release);
            (view.plan_line, view.flight_line) = (parked.plan_line, parked.flight_line);
            view.filter = tui_input::Input::new(Clean::new(&parked.filter).as_str().to_owned());
            view.go(parked.screen);
        }
        cockpit.last_seen = Some(self);
    }
}
