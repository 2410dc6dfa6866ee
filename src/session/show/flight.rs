//! The Flight screen: where the flight is, who moves next, and the evidence for going on.

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::{
        deployment::{Deployment, FlightState},
        rollout::Observed,
        time,
    },
    flight::process::Waiting,
    policy::{facts::Facts, gate::Judgement, gates},
    session::cockpit::Cockpit,
};

use super::{
    Line,
    evidence::{self, HealthShown, MetricShown},
    gate_lines, item_line,
    next::{NextCard, next_steps},
    timeline::{TimelineLine, timeline_since},
    waiting,
};

/// Where a stage of the track stands.
#[derive(Clone, Debug, PartialEq)]
pub struct StageShown {
    /// `10 %`, `verify`, `monitor`.
    pub label: String,
    pub place: StagePlace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StagePlace {
    Done,
    Current,
    Next,
}

/// The Flight screen.
#[derive(Clone, Debug, PartialEq)]
pub struct FlightShown<'a> {
    pub deployment: &'a Deployment,
    /// Borrowed: ten thousand pods are not copied for a frame.
    pub observed: Option<&'a Observed>,
    /// Age of the reading of the platform.
    pub age: Option<String>,
    pub stale: bool,
    pub stages: Vec<StageShown>,
    /// 0 to 1 within the current stage.
    pub progress: f64,
    pub waiting: Option<Waiting>,
    /// Gates of the next move: take-off, promotion, or close.
    pub judgement: Judgement,
    /// Those gates, and the verification items once they are due.
    pub lines: Vec<Line>,
    pub metrics: Vec<MetricShown>,
    pub health: Option<HealthShown>,
    /// Newest last, time and sentence.
    pub timeline: Vec<TimelineLine>,
    pub held: Option<String>,
    /// Where the dead-man card is.
    pub card: Option<String>,
    /// What to do now, in place of the gates of a step that does not come.
    pub next: Option<NextCard>,
}

pub fn flight(cockpit: &Cockpit) -> Option<FlightShown<'_>> {
    let facts = cockpit.facts()?;
    let deployment = facts.current()?;
    let judgement = judgement(&facts, deployment);
    let next = next_steps(cockpit);
    // Gates of a step that does not come are no list to choose from.
    let lines = if next.is_some() {
        Vec::new()
    } else {
        lines(&judgement, deployment, cockpit.now)
    };
    let last = facts.workload.last.as_ref();
    let held = facts
        .workload
        .value()
        .filter(|o| o.workload.paused)
        .map(|o| {
            o.workload
                .held_by
                .as_ref()
                .map_or_else(|| "outside gonogo".to_owned(), ToString::to_string)
        });
    Some(FlightShown {
        observed: facts.workload.value(),
        age: last.map(|reading| time::age(reading.age(cockpit.now))),
        stale: facts.fresh().is_none(),
        stages: stages(deployment),
        // What was not watched has made no way that anybody knows of.
        progress: progress(
            last.map_or(cockpit.now, |last| match facts.fresh() {
                Some(_) => cockpit.now,
                None => last.at,
            }),
            deployment,
            facts.workload.value(),
        ),
        waiting: waiting(cockpit, &facts),
        judgement,
        lines,
        metrics: evidence::metrics(cockpit, &facts, &deployment.plan.plan.limits),
        health: evidence::health(&facts),
        timeline: timeline_since(cockpit, deployment.requested_at),
        held,
        card: cockpit
            .cards
            .get(&facts.target.id)
            .map(|written| written.path.clone()),
        next,
        deployment,
    })
}

/// Gates of the next move: take-off, promotion, or close.
pub fn judgement(facts: &Facts<'_>, deployment: &Deployment) -> Judgement {
    match deployment.state {
        FlightState::Requested => gates::take_off(facts, &deployment.plan),
        FlightState::Verifying | FlightState::Monitoring => gates::close(facts, &deployment.plan),
        _ => gates::promotion(facts, &deployment.plan),
    }
}

fn lines(judgement: &Judgement, deployment: &Deployment, now: Timestamp) -> Vec<Line> {
    let mut lines = gate_lines(judgement);
    if deployment.promoted_at.is_some() {
        let items = deployment
            .verification()
            .map(|spec| item_line(spec, Some(deployment), now));
        // While they are what is being done, they come first.
        let at = if deployment.state == FlightState::Verifying {
            0
        } else {
            lines.len()
        };
        lines.splice(at..at, items);
    }
    lines
}

/// The list that the cursor of the Flight screen goes over, without the rest of the screen.
pub fn flight_lines(cockpit: &Cockpit) -> Vec<Line> {
    let Some(facts) = cockpit.facts() else {
        return Vec::new();
    };
    let gates = facts.current().filter(|_| next_steps(cockpit).is_none());
    gates.map_or_else(Vec::new, |deployment| {
        lines(&judgement(&facts, deployment), deployment, cockpit.now)
    })
}

fn stages(deployment: &Deployment) -> Vec<StageShown> {
    let flying = deployment.state == FlightState::Flying;
    let promoted = deployment.promoted_at.is_some();
    let current = deployment.stage();
    let mut shown: Vec<StageShown> = Vec::new();
    for (index, stage) in deployment.plan.plan.stages.iter().enumerate() {
        let place = match current {
            _ if promoted => StagePlace::Done,
            Some(at) if index < at => StagePlace::Done,
            Some(at) if index == at => StagePlace::Current,
            None if index == 0 && flying => StagePlace::Current,
            _ => StagePlace::Next,
        };
        shown.push(StageShown {
            label: format!("{} %", stage.share),
            place,
        });
    }
    if deployment.plan.plan.stages.is_empty() {
        shown.push(StageShown {
            label: "rolling update".to_owned(),
            place: if promoted {
                StagePlace::Done
            } else if flying {
                StagePlace::Current
            } else {
                StagePlace::Next
            },
        });
    }
    // The plan's shares end where the release serves everybody.
    if deployment
        .plan
        .plan
        .stages
        .last()
        .is_some_and(|stage| stage.share < 100)
    {
        shown.push(StageShown {
            label: "100 %".to_owned(),
            place: if promoted {
                StagePlace::Done
            } else {
                StagePlace::Next
            },
        });
    }
    if deployment.verification().next().is_some() {
        let place = match deployment.state {
            FlightState::Verifying => StagePlace::Current,
            FlightState::Monitoring => StagePlace::Done,
            _ => StagePlace::Next,
        };
        shown.push(StageShown {
            label: "verify".to_owned(),
            place,
        });
    }
    let place = if deployment.state == FlightState::Monitoring {
        StagePlace::Current
    } else {
        StagePlace::Next
    };
    shown.push(StageShown {
        label: "monitor".to_owned(),
        place,
    });
    shown
}

/// Within the current stage: the bake once it rests, the share of pods before that, the clock while monitoring.
fn progress(now: Timestamp, deployment: &Deployment, observed: Option<&Observed>) -> f64 {
    let part = |since: Timestamp, whole: SignedDuration| {
        if whole.is_zero() {
            1.0
        } else {
            // What nobody attended does not count.
            let ends = deployment.attended(since, whole).unwrap_or(now);
            let left = ends.duration_since(now).as_secs_f64();
            (1.0 - left / whole.as_secs_f64()).clamp(0.0, 1.0)
        }
    };
    match deployment.state {
        FlightState::Monitoring => deployment
            .monitoring_since
            .map_or(0.0, |since| part(since, deployment.plan.plan.monitoring)),
        FlightState::Verifying => {
            let all = deployment.verification().count().max(1);
            deployment
                .verification()
                .filter(|item| deployment.is_settled(item))
                .count() as f64
                / all as f64
        }
        FlightState::Flying => {
            let stage = deployment.stage();
            let reached = stage.and_then(|s| deployment.stages.get(s).copied().flatten());
            match (
                reached,
                stage.and_then(|s| deployment.plan.plan.stages.get(s)),
            ) {
                (Some(since), Some(spec)) => part(since, spec.bake),
                _ => observed.map_or(0.0, |o| {
                    f64::from(o.workload.updated) / f64::from(o.workload.desired.max(1))
                }),
            }
        }
        _ => 0.0,
    }
}
