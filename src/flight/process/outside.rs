//! What somebody did to the platform past this ledger: seen by reading, and written down once, so that a timeline is
//! not silent about it.

use jiff::Timestamp;

use crate::{
    domain::{
        deployment::{Deployment, FlightState},
        entry::{Body, OutsideAct},
        rollout::{Step, Workload},
        target::WorkloadKind,
        text::Clean,
    },
    policy::facts::Facts,
};

/// What the newest reading shows that no entry tells. Nothing while an act of ours is on its way, and nothing by a
/// reading that may have begun before the last thing that we know.
pub(super) fn seen(facts: &Facts<'_>, deployment: &Deployment) -> Vec<Body> {
    let looked = [
        FlightState::Flying,
        FlightState::Verifying,
        FlightState::Monitoring,
    ];
    let Some(observed) = facts.fresh() else {
        return Vec::new();
    };
    if !looked.contains(&deployment.state)
        || deployment.outstanding.is_some()
        || deployment.unfinished.is_some()
        || !is_newer(facts, deployment)
    {
        return Vec::new();
    }
    let workload = &observed.workload;
    let body = |what| Body::SeenOutside {
        deployment: deployment.id.clone(),
        what,
        reason: None,
    };
    if let Some(changed) = image_set(deployment, workload) {
        return vec![body(changed)];
    }
    if workload.image != deployment.plan.release.image {
        return Vec::new();
    }
    let mut found: Vec<OutsideAct> = promoted(deployment, workload);
    if deployment.state == FlightState::Flying {
        found.extend(aborted(deployment, workload));
        found.extend(held(deployment, workload));
    }
    found.into_iter().map(body).collect()
}

/// The canary that was seen aborted moves again, and no act of ours made it.
pub(super) fn retried(facts: &Facts<'_>, deployment: &Deployment) -> bool {
    let was_aborted = deployment
        .outside
        .iter()
        .any(|seen| matches!(seen.what, OutsideAct::Aborted { .. }));
    was_aborted
        && deployment.state == FlightState::Flying
        && deployment.outstanding.is_none()
        && is_newer(facts, deployment)
        && facts.fresh().is_some_and(|observed| {
            let workload = &observed.workload;
            let ours = workload.image == deployment.plan.release.image;
            workload.observed && ours && !workload.aborted && workload.is_midway()
        })
}

/// The reading began after the last act was answered, and after what was last seen was written down.
fn is_newer(facts: &Facts<'_>, deployment: &Deployment) -> bool {
    let acted = deployment.last_act.as_ref().map(|act| act.settled_at);
    let written = deployment.outside.last().map(|seen| seen.at);
    let known: Option<Timestamp> = [acted, written, deployment.restarted_at]
        .into_iter()
        .flatten()
        .max();
    let reading = facts.workload.last.as_ref();
    let began = reading.and_then(|reading| reading.at.checked_sub(facts.lag).ok());
    began.is_some_and(|began| known.is_none_or(|known| began > known))
}

/// Each time the platform asks for yet another image than the one that flies.
fn image_set(deployment: &Deployment, workload: &Workload) -> Option<OutsideAct> {
    if workload.image == deployment.plan.release.image {
        return None;
    }
    let image = workload.image.as_deref().map(Clean::new);
    let last = deployment.outside.iter().rev().find_map(|seen| {
        if let OutsideAct::ImageSet { image } = &seen.what {
            Some(image)
        } else {
            None
        }
    });
    (last != Some(&image)).then_some(OutsideAct::ImageSet { image })
}

/// Pauses that wait for a person and were left without an act of ours. A pause with a time of its own is left by the
/// controller, and blue-green has no steps: its switch alone is seen, as the promotion of everybody.
fn promoted(deployment: &Deployment, workload: &Workload) -> Vec<OutsideAct> {
    // Before the controller has seen a template, its step is that of the one before; and the first template of all
    // passes its steps by itself.
    let counts = workload.observed && deployment.plan.before.is_some() && !workload.aborted;
    if workload.kind != WorkloadKind::Rollout || !counts || deployment.promoted_fully {
        return Vec::new();
    }
    let passed = if workload.is_promoted() {
        workload.steps.len()
    } else {
        workload.step.unwrap_or(0)
    };
    let steps = workload.steps.iter().enumerate().take(passed);
    steps
        .filter(|(_, step)| **step == Step::Pause(None))
        .map(|(at, _)| at)
        .filter(|at| !deployment.promoted_steps.contains_key(at))
        .map(|step| OutsideAct::Promoted { step })
        .collect()
}

fn aborted(deployment: &Deployment, workload: &Workload) -> Option<OutsideAct> {
    let told = deployment
        .outside
        .iter()
        .any(|seen| matches!(seen.what, OutsideAct::Aborted { .. }));
    (workload.aborted && !told).then(|| OutsideAct::Aborted {
        message: workload.message.clone(),
    })
}

/// A pause that nobody here made, and the end of one; on a Rollout alone, where a pause is a hold.
fn held(deployment: &Deployment, workload: &Workload) -> Option<OutsideAct> {
    if workload.kind != WorkloadKind::Rollout {
        return None;
    }
    let told = deployment
        .outside
        .iter()
        .rev()
        .find_map(|seen| match seen.what {
            OutsideAct::Held => Some(true),
            OutsideAct::Released => Some(false),
            _ => None,
        });
    let theirs = workload.paused && workload.held_by.is_none();
    if theirs && told != Some(true) {
        return Some(OutsideAct::Held);
    }
    let was_held = told == Some(true) || (deployment.held.is_some() && told.is_none());
    (!workload.paused && was_held).then_some(OutsideAct::Released)
}
