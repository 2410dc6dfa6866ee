//! From entries to hotfixes: their own stream, and what the targets of their project flew.

use serde::{Deserialize, Serialize};

use super::{Backported, Flight, Hotfix, Leg, Signed};
use crate::domain::{
    entry::{Answer, Body, Entry, FORMAT},
    environment::EnvironmentName,
    project::ProjectId,
};

/// Every hotfix of one project, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hotfixes {
    /// Last position of their own stream; the next append expects this.
    pub position: u64,
    pub all: Vec<Hotfix>,
    /// Holds entries of a later format: nothing may be appended by this program.
    pub read_only: bool,
}

impl Hotfixes {
    pub const NONE: Self = Self {
        position: 0,
        all: Vec::new(),
        read_only: false,
    };

    /// From the whole ledger, in chain order.
    pub fn fold<'a>(project: &ProjectId, entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut hotfixes = Self::default();
        for entry in entries {
            hotfixes.enter(project, entry);
        }
        hotfixes
    }

    /// Any entry of the ledger: its own stream and the project's targets count, all else changes nothing.
    pub fn enter(&mut self, project: &ProjectId, entry: &Entry) {
        let target = entry.stream.0.strip_prefix("target:");
        let environment = target
            .and_then(|target| target.strip_suffix(project.as_str()))
            .and_then(|target| target.strip_suffix('/'));
        if let Some(environment) = environment {
            self.flown(&EnvironmentName::new(environment), entry);
        } else if entry.stream.hotfixes_of().as_ref() == Some(project) {
            self.evolve(entry);
        }
    }

    /// The newest of that name.
    pub fn named(&self, name: &str) -> Option<&Hotfix> {
        self.all.iter().rev().find(|hotfix| hotfix.name == name)
    }

    /// Whatever somebody still has to do something about.
    pub fn open(&self) -> impl Iterator<Item = &Hotfix> {
        self.all.iter().filter(|hotfix| !hotfix.is_over())
    }

    fn named_mut(&mut self, name: &str) -> Option<&mut Hotfix> {
        self.all.iter_mut().rev().find(|hotfix| hotfix.name == name)
    }

    /// An entry of their own stream.
    pub fn evolve(&mut self, entry: &Entry) {
        self.position = entry.position;
        if entry.format > FORMAT || matches!(entry.body, Body::Unknown { .. }) {
            self.read_only = true;
            return;
        }
        let signed = |note: Option<&String>| Signed {
            by: entry.actor.name.clone(),
            at: entry.at,
            note: note.cloned(),
        };
        match &entry.body {
            Body::HotfixStarted {
                name,
                branch,
                onto,
                criterion,
                from,
                environment,
                ..
            } => self.all.push(Hotfix {
                name: name.clone(),
                branch: branch.clone(),
                onto: onto.clone(),
                criterion: *criterion,
                from: (**from).clone(),
                environment: environment.clone(),
                by: entry.actor.name.clone(),
                started_at: entry.at,
                legs: [(Leg::Identify, entry.at)].into(),
                flights: Vec::new(),
                owed: Vec::new(),
                checked: std::collections::BTreeMap::new(),
                backported: None,
                closed: None,
            }),
            Body::HotfixAdvanced { name, leg } => {
                if let Some(hotfix) = self.named_mut(name) {
                    hotfix.legs.entry(*leg).or_insert(entry.at);
                }
            }
            Body::HotfixChecked { name, item, note } => {
                if let Some(hotfix) = self.named_mut(name) {
                    let signed = signed(note.as_ref());
                    hotfix.checked.insert(item.clone(), signed);
                }
            }
            Body::HotfixBackported { name, fixes } => {
                if let Some(hotfix) = self.named_mut(name) {
                    hotfix.backported = Some(Backported {
                        by: entry.actor.name.clone(),
                        at: entry.at,
                        fixes: fixes.clone(),
                    });
                }
            }
            Body::HotfixClosed { name, reason } => {
                if let Some(hotfix) = self.named_mut(name) {
                    hotfix.closed = Some(signed(Some(reason)));
                }
            }
            _ => {}
        }
    }

    /// An entry of a target of the project: what a hotfix flies moves its clock.
    pub fn flown(&mut self, environment: &EnvironmentName, entry: &Entry) {
        if self.all.is_empty() {
            return;
        }
        if let Body::Requested {
            deployment, plan, ..
        } = &entry.body
        {
            let Some(expedited) = &plan.plan.hotfix else {
                return;
            };
            let Some(hotfix) = self.named_mut(&expedited.hotfix) else {
                return;
            };
            hotfix.flights.push(Flight {
                deployment: deployment.clone(),
                environment: environment.clone(),
                release: plan.release.clone(),
                requested_at: entry.at,
                approved: Vec::new(),
                checked: Vec::new(),
                promoted_at: None,
                ended: None,
            });
            let home = *environment == hotfix.environment;
            if let Some(terms) = expedited.terms.as_ref().filter(|_| home) {
                hotfix.owed.clone_from(&terms.afterwards);
            }
            let leg = if home { Leg::Deploy } else { Leg::Test };
            // A second try in staging does not take the clock back.
            if hotfix.leg() < leg {
                hotfix.legs.insert(leg, entry.at);
            }
            return;
        }
        let Some(deployment) = entry.body.deployment() else {
            return;
        };
        let found = self.all.iter_mut().find_map(|hotfix| {
            let place = hotfix
                .flights
                .iter()
                .position(|flight| flight.deployment == *deployment)?;
            Some((hotfix, place))
        });
        let Some((hotfix, place)) = found else { return };
        let home = *environment == hotfix.environment;
        let Some(flight) = hotfix.flights.get_mut(place) else {
            return;
        };
        match &entry.body {
            Body::Decided { answer, .. } if *answer == Answer::Go => {
                flight.approved.push(entry.actor.name.clone());
            }
            Body::Withdrawn { .. } => flight.approved.retain(|by| *by != entry.actor.name),
            Body::Checked { item, .. } => flight.checked.push(item.clone()),
            Body::Reopened { item, .. } => flight.checked.retain(|other| other != item),
            Body::Promoted { .. } => {
                flight.promoted_at = Some(entry.at);
                if home {
                    hotfix.legs.entry(Leg::Monitor).or_insert(entry.at);
                }
            }
            Body::Cancelled { .. } => {
                flight.ended = Some((entry.at, crate::domain::entry::Ending::Cancelled));
            }
            Body::Ended { ending, .. } => flight.ended = Some((entry.at, *ending)),
            _ => {}
        }
    }
}
