//! The guard: it compares the canary's figures with their limits while the platform would go on by itself, and holds
//! the flight there when a figure is lost or over its limit (SPEC W6, D3; QUALITY F17). It never promotes, never takes
//! off, never lifts a hold; no data is never a pass; and it holds once for one cause.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    change::Cause,
    deployment::{Deployment, FlightState, Held},
    entry::DeploymentId,
    metric::Limit,
    rollout::{Step, Workload},
    target::WorkloadKind,
    time,
};

use super::{
    facts::Facts,
    gate::{GateResult, Verdict},
    gates,
};

/// Who holds, as the object's annotation says it.
pub const NAME: &str = "guard";

/// What one process has seen of one flight, between two looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    deployment: Option<DeploymentId>,
    gates: BTreeMap<String, Stretch>,
}

/// How long a gate has not passed, and when it last did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Stretch {
    bad_since: Option<Timestamp>,
    passed_at: Option<Timestamp>,
}

/// What the guard makes of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Stand {
    /// There is nothing to guard: no canary in flight, no limits, or the platform waits for a person anyway.
    Off,
    /// A person has stopped it.
    Stopped(Held),
    Calm,
    /// Something does not pass. It holds then, unless that recovers or somebody stops it.
    Counting {
        cause: Cause,
        at: Timestamp,
    },
    Hold(Cause),
    /// It held for this already; what follows is a person's to decide.
    Acted(Cause),
}

impl Watch {
    /// One look at the facts of now. Looking twice at the same facts changes nothing.
    pub fn look(&mut self, facts: &Facts<'_>) {
        let Some(deployment) = flying(facts) else {
            *self = Self::default();
            return;
        };
        if self.deployment.as_ref() != Some(&deployment.id) {
            *self = Self {
                deployment: Some(deployment.id.clone()),
                gates: BTreeMap::new(),
            };
        }
        for (_, gate) in figures(facts, deployment) {
            let early = is_early(facts, deployment, &gate);
            let stretch = self.gates.entry(gate.id).or_default();
            if gate.verdict.lets_through() {
                stretch.passed_at = Some(facts.now);
                stretch.bad_since = None;
            } else if !early {
                stretch.bad_since.get_or_insert(facts.now);
            }
        }
    }

    /// What follows from what was seen until now.
    pub fn stand(&self, facts: &Facts<'_>) -> Stand {
        let Some(deployment) = flying(facts) else {
            return Stand::Off;
        };
        // Whoever has not looked does not guard.
        if self.deployment.as_ref() != Some(&deployment.id) {
            return Stand::Off;
        }
        let Some(workload) = held_back_by_nobody(facts, deployment) else {
            return Stand::Off;
        };
        if let Some(stopped) = &deployment.guard_stopped {
            return Stand::Stopped(stopped.clone());
        }
        let judged = figures(facts, deployment);
        if judged.is_empty() {
            return Stand::Off;
        }
        let mut acted = None;
        let mut first: Option<(Timestamp, Cause)> = None;
        for (limit, gate) in judged
            .into_iter()
            .filter(|(_, gate)| !gate.verdict.lets_through())
        {
            let stretch = self.gates.get(&gate.id).copied().unwrap_or_default();
            let Some(due) = due(facts, workload, limit, stretch) else {
                continue;
            };
            let cause = cause(facts, limit, workload, &gate, stretch);
            let same = deployment
                .guarded
                .iter()
                .filter(|guarded| guarded.gate == gate.id)
                .any(|guarded| stretch.passed_at.is_none_or(|passed| passed < guarded.at));
            if same {
                acted = Some(cause);
            } else if first.as_ref().is_none_or(|(earliest, _)| due < *earliest) {
                first = Some((due, cause));
            }
        }
        match (first, acted) {
            (Some((due, cause)), _) if facts.now >= due => Stand::Hold(cause),
            (Some((at, cause)), _) => Stand::Counting { cause, at },
            (None, Some(cause)) => Stand::Acted(cause),
            (None, None) => Stand::Calm,
        }
    }
}

/// The flight, where a canary of ours is under way.
fn flying<'a>(facts: &Facts<'a>) -> Option<&'a Deployment> {
    facts.current().filter(|deployment| {
        deployment.state == FlightState::Flying
            && facts.target.workload.kind == WorkloadKind::Rollout
    })
}

/// The rollout, if it is ours, nobody holds it, no act is under way, and it would go on by itself.
fn held_back_by_nobody<'a>(facts: &Facts<'a>, deployment: &Deployment) -> Option<&'a Workload> {
    let workload = &facts.workload.value()?.workload;
    let ours = workload.image == deployment.plan.release.image;
    let moves = workload.is_midway() && !workload.aborted && !workload.paused;
    // Held a moment ago, and not seen yet: a second hold, for whatever else is wrong, would hold nothing.
    let patience = facts.workspace.timings.mutation_deadline;
    let held = deployment
        .held
        .as_ref()
        .is_some_and(|held| facts.now.duration_since(held.at) < patience);
    let moves = moves && !held;
    (ours && moves && deployment.outstanding.is_none() && goes_on_alone(workload))
        .then_some(workload)
}

/// Would the controller go beyond the present share without a person? Where the next pause waits for one, it would not:
/// a step's own pause holds better than ours.
pub fn goes_on_alone(workload: &Workload) -> bool {
    if workload.promoting_fully {
        return true;
    }
    let Some(step) = workload.step else {
        return false;
    };
    let pause = workload
        .steps
        .iter()
        .skip(step)
        .find_map(|step| match step {
            Step::Pause(lasts) => Some(lasts.is_some()),
            _ => None,
        });
    pause.unwrap_or(true)
}

/// The limits of the plan, each with its gate as a promotion would be judged; waivers count.
fn figures(facts: &Facts<'_>, deployment: &Deployment) -> Vec<(Limit, GateResult)> {
    let limits = deployment.plan.plan.limits.iter().copied();
    limits
        .zip(gates::canary_limits(facts, &deployment.plan))
        .collect()
}

/// Figures need a window before they are there; until then their absence is not a loss.
fn is_early(facts: &Facts<'_>, deployment: &Deployment, gate: &GateResult) -> bool {
    let Some(source) = &facts.target.metrics else {
        return false;
    };
    let retried = deployment
        .last_act
        .as_ref()
        .filter(|act| act.kind == crate::domain::change::ActKind::Retry)
        .map(|act| act.settled_at);
    let since = deployment.took_off_at.max(retried);
    gate.verdict == Verdict::Unknown
        && since.is_some_and(|since| facts.now.duration_since(since) < source.window)
}

/// When it has been so for too long, and before the controller's own timer ends in any case.
fn due(
    facts: &Facts<'_>,
    workload: &Workload,
    limit: Limit,
    stretch: Stretch,
) -> Option<Timestamp> {
    let counted = stretch
        .bad_since
        .and_then(|since| since.checked_add(patience(facts, limit)).ok());
    let last_call = timer(workload).and_then(|(ends, lasts)| {
        let lead = facts
            .workspace
            .timings
            .mutation_deadline
            .min(lasts.checked_div(2).unwrap_or_default());
        ends.checked_sub(lead).ok()
    });
    counted.into_iter().chain(last_call).min()
}

fn patience(facts: &Facts<'_>, limit: Limit) -> SignedDuration {
    let intervals = i32::try_from(limit.intervals).unwrap_or(i32::MAX);
    facts
        .workspace
        .timings
        .scrape_interval
        .saturating_mul(intervals)
}

/// When the pause of the present step ends by itself, and how long it is in all.
fn timer(workload: &Workload) -> Option<(Timestamp, SignedDuration)> {
    let pause = workload
        .pause
        .as_ref()
        .filter(|_| workload.rests_at_step())?;
    let (since, lasts) = (pause.since?, pause.lasts?);
    Some((since.checked_add(lasts).ok()?, lasts))
}

fn cause(
    facts: &Facts<'_>,
    limit: Limit,
    workload: &Workload,
    gate: &GateResult,
    stretch: Stretch,
) -> Cause {
    let since = stretch.bad_since.unwrap_or(facts.now);
    let bad = facts.now.duration_since(since);
    let long = if bad >= patience(facts, limit) {
        format!(
            ", for {} scrapes of {}",
            limit.intervals,
            time::exact(facts.workspace.timings.scrape_interval)
        )
    } else {
        String::new()
    };
    let timer = timer(workload).map_or_else(String::new, |(ends, _)| {
        format!(
            "; the controller would have gone on at {}",
            ends.strftime("%H:%M:%S")
        )
    });
    Cause {
        gate: gate.id.clone(),
        sentence: format!("{}{long}{timer}", gate.sentence),
        since,
        watched_by: String::new(),
    }
}

/// Is what the guard saw still so, at the moment it acts? The sentence of the gate, or why not.
pub(super) fn still(facts: &Facts<'_>, cause: &Cause) -> Result<(), String> {
    let deployment = flying(facts).ok_or("no canary of ours is in flight")?;
    if let Some(stopped) = &deployment.guard_stopped {
        return Err(format!("{} has stopped the guard", stopped.by));
    }
    if deployment
        .guarded
        .iter()
        .any(|guarded| guarded.gate == cause.gate && guarded.at >= cause.since)
    {
        return Err(format!("the guard held for {} already", cause.gate));
    }
    held_back_by_nobody(facts, deployment)
        .ok_or("it is held already, or the platform waits for a person")?;
    let passes = figures(facts, deployment)
        .iter()
        .any(|(_, gate)| gate.id == cause.gate && gate.verdict.lets_through());
    if passes {
        return Err(format!("{} passes again", cause.gate));
    }
    Ok(())
}

/// Does what the guard held for still stand in the way? Lifting its hold lets the controller go on.
pub(super) fn stands(facts: &Facts<'_>, deployment: &Deployment) -> Option<GateResult> {
    let by_guard = deployment.held.as_ref().is_some_and(|held| held.by == NAME);
    let alone = facts
        .workload
        .value()
        .is_some_and(|observed| goes_on_alone(&observed.workload));
    let judged = figures(facts, deployment).into_iter();
    let mut judged = judged.map(|(_, gate)| gate);
    judged.find(|gate| by_guard && alone && !gate.verdict.lets_through())
}
