//! What the platform and the pods say. Nothing old, nothing absent counts as good.

use crate::{
    domain::{
        change::short_image,
        plan::StoredPlan,
        rollout::{Observed, PodState, RolloutPhase},
        target::WorkloadKind,
        text::counted,
        time,
    },
    policy::{
        facts::Facts,
        gate::{Judged, Verdict},
    },
};

/// The platform as read within the stale limit, or the sentence that says why it is not known.
fn fresh<'a>(facts: &Facts<'a>) -> Result<&'a Observed, (Verdict, String)> {
    facts.fresh().ok_or_else(|| {
        let on = &facts.target.workload;
        let sentence = match (&facts.workload.trouble, &facts.workload.last) {
            (Some(trouble), _) => trouble.value.to_string(),
            (None, Some(last)) => {
                format!("{on} was last read {} ago", time::age(last.age(facts.now)))
            }
            (None, None) => format!("{on} was not read yet"),
        };
        (Verdict::Unknown, sentence)
    })
}

/// `the platform was last read 40 s ago`: why it does not answer stands in a gate of its own.
fn read(facts: &Facts<'_>) -> String {
    facts.workload.last.as_ref().map_or_else(
        || "the platform was not read yet".to_owned(),
        |last| {
            let age = time::age(last.age(facts.now));
            format!("the platform was last read {age} ago")
        },
    )
}

/// Before take-off: the target is healthy as it is.
pub fn target(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let observed = match fresh(facts) {
        Ok(observed) => observed,
        Err(unknown) => return Some(unknown),
    };
    let (workload, environment) = (&observed.workload, &plan.plan.environment);
    if workload.container_index.is_none() {
        let on = &facts.target.workload;
        return Some((
            Verdict::Fail,
            format!("{on} has no container `{}`", on.container),
        ));
    }
    Some(match workload.phase {
        RolloutPhase::Healthy if workload.is_promoted() => (
            Verdict::Pass,
            format!(
                "{environment} is healthy: {} of {} pods available",
                workload.available, workload.desired
            ),
        ),
        RolloutPhase::Unknown => (
            Verdict::Unknown,
            format!("{environment}: {}", workload.message),
        ),
        phase => (
            Verdict::Fail,
            format!("{environment} is {phase}: {}", workload.message),
        ),
    })
}

/// The shares of the plan are the shares the platform will stop at.
pub fn steps(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    if facts.target.workload.kind != WorkloadKind::Rollout || plan.plan.stages.is_empty() {
        return None;
    }
    let observed = match fresh(facts) {
        Ok(observed) => observed,
        Err(unknown) => return Some(unknown),
    };
    let missing: Vec<String> = plan
        .plan
        .stages
        .iter()
        .filter(|stage| observed.workload.resting_step(stage.share).is_none())
        .map(|stage| format!("{} %", stage.share))
        .collect();
    Some(if missing.is_empty() {
        let shares: Vec<String> = plan
            .plan
            .stages
            .iter()
            .map(|stage| stage.share.to_string())
            .collect();
        (
            Verdict::Pass,
            format!("the rollout pauses at {} %", shares.join(", ")),
        )
    } else {
        (
            Verdict::Fail,
            format!(
                "the rollout has no pause after setWeight {}; align its steps or the plan's stages",
                missing.join(", ")
            ),
        )
    })
}

/// The platform still asks for the release that was flown.
pub fn drift(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let observed = match fresh(facts) {
        Ok(observed) => observed,
        Err(unknown) => return Some(unknown),
    };
    let workload = &observed.workload;
    Some(
        if workload.image == plan.release.image && !workload.aborted {
            let title = plan.release.title();
            (Verdict::Pass, format!("the platform asks for {title}"))
        } else {
            let other = workload
                .image
                .as_deref()
                .map_or_else(|| "no image".to_owned(), short_image);
            (
                Verdict::Fail,
                format!("changed outside gonogo: the platform now asks for {other}"),
            )
        },
    )
}

/// The stage that the platform rests at has been watched as long as the plan says. Counted from when it was written
/// down, or from when the platform came to rest there anew.
pub fn bake(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let deployment = facts.current()?;
    if let (Some(stage), None) = (deployment.stage(), facts.fresh()) {
        let share = plan.plan.stages.get(stage)?.share;
        let sentence = format!("{}: it may not bake at {share} % any more", read(facts));
        return Some((Verdict::Unknown, sentence));
    }
    let workload = facts.workload.value().map(|observed| &observed.workload);
    let rests = workload
        .filter(|workload| workload.rests_at_step())
        .and_then(|workload| {
            let at = |share| workload.resting_step(share) == workload.step;
            plan.plan.stages.iter().position(|stage| at(stage.share))
        });
    let at = rests.or_else(|| deployment.stage())?;
    let stage = plan.plan.stages.get(at)?;
    let reached = deployment.stages.get(at).copied().flatten();
    let since = workload
        .and_then(|w| w.pause.as_ref())
        .and_then(|pause| pause.since);
    let since = since
        .filter(|_| rests.is_some())
        .into_iter()
        .chain(reached)
        .max()?;
    let left = deployment
        .attended(since, stage.bake)?
        .duration_since(facts.now);
    Some(if left.is_positive() {
        (
            Verdict::Fail,
            format!(
                "{} % bakes {} more of {}",
                stage.share,
                time::clock(left),
                time::clock(stage.bake)
            ),
        )
    } else {
        (
            Verdict::Pass,
            format!("{} % has baked {}", stage.share, time::clock(stage.bake)),
        )
    })
}

/// Every pod of the new release is ready.
pub fn pods(facts: &Facts<'_>, _: &StoredPlan) -> Judged {
    let observed = match fresh(facts) {
        Ok(observed) => observed,
        Err(unknown) => return Some(unknown),
    };
    Some(judge_pods(observed))
}

pub fn judge_pods(observed: &Observed) -> (Verdict, String) {
    let pods: Vec<_> = observed
        .new_pods()
        .filter(|pod| pod.state != PodState::Terminating)
        .collect();
    let ready = pods
        .iter()
        .filter(|pod| pod.state == PodState::Ready)
        .count();
    let restarts: u32 = pods.iter().map(|pod| pod.restarts).sum();
    if pods.is_empty() {
        return (
            Verdict::Unknown,
            "no pod of the new release was seen".to_owned(),
        );
    }
    if let Some(failing) = pods.iter().find(|pod| pod.state == PodState::Failing) {
        let why = failing
            .reason
            .as_ref()
            .map_or_else(|| "failing".to_owned(), ToString::to_string);
        return (
            Verdict::Fail,
            format!(
                "pod {} is in {why}, {} of {} ready, {}",
                failing.name,
                ready,
                pods.len(),
                counted(usize::try_from(restarts).unwrap_or(usize::MAX), "restart")
            ),
        );
    }
    if ready < pods.len() {
        return (
            Verdict::Fail,
            format!(
                "{ready} of {} of the new release ready",
                counted(pods.len(), "pod")
            ),
        );
    }
    (
        Verdict::Pass,
        format!(
            "{ready} of {} of the new release ready, {}",
            counted(ready, "pod"),
            counted(usize::try_from(restarts).unwrap_or(usize::MAX), "restart")
        ),
    )
}

/// `/health` of the new pods: good as often in a row as configured.
pub fn answers(facts: &Facts<'_>, _: &StoredPlan) -> Judged {
    new_pods_answer(facts)
}

/// The same with nothing under way: then the new pods are all there are.
pub fn new_pods_answer(facts: &Facts<'_>) -> Judged {
    facts.target.health.as_ref()?;
    // Which pods are the new ones is the platform's to say.
    if facts.workload.last.is_some() && facts.fresh().is_none() {
        let sentence = format!("{}: its new pods may be others by now", read(facts));
        return Some((Verdict::Unknown, sentence));
    }
    let need = facts.workspace.timings.health_answers;
    let workload = facts.workload.value().map(|observed| &observed.workload);
    let Some(hash) = workload.and_then(|workload| workload.current_hash.as_ref()) else {
        let unknown = "no pod of the new release is known yet".to_owned();
        return Some((Verdict::Unknown, unknown));
    };
    let Some(health) = facts.health.fresh(facts.now, facts.workspace.timings.stale) else {
        let why = match (&facts.health.trouble, &facts.health.last) {
            (Some(trouble), _) => trouble.value.to_string(),
            (None, Some(last)) => format!(
                "/health was last asked {} ago",
                time::age(last.age(facts.now))
            ),
            (None, None) => "/health was not asked yet".to_owned(),
        };
        return Some((Verdict::Unknown, why));
    };
    let Some(side) = health.sides.get(hash).filter(|side| side.asked > 0) else {
        return Some((
            Verdict::Unknown,
            "no pod of the new release was asked for /health".to_owned(),
        ));
    };
    Some(if side.good < side.asked {
        let why = side
            .trouble
            .as_ref()
            .map_or_else(String::new, |fault| format!(": {}", fault.detail));
        (
            Verdict::Fail,
            format!(
                "/health is good on {} of {}{why}",
                side.good,
                counted(usize::try_from(side.asked).unwrap_or(usize::MAX), "pod")
            ),
        )
    } else if side.streak < need {
        (
            Verdict::Unknown,
            format!(
                "/health was good {} times in a row, {need} are needed",
                side.streak
            ),
        )
    } else {
        (
            Verdict::Pass,
            format!(
                "/health is good on {}, {need} times in a row",
                counted(usize::try_from(side.asked).unwrap_or(usize::MAX), "pod")
            ),
        )
    })
}

/// The monitoring period has passed.
pub fn monitoring(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let deployment = facts.current()?;
    let Some(ends) = deployment.monitoring_ends() else {
        return Some((
            Verdict::Fail,
            format!(
                "monitoring ({}) begins when verification is green",
                time::exact(plan.plan.monitoring)
            ),
        ));
    };
    let left = ends.duration_since(facts.now);
    Some(if left.is_positive() {
        (
            Verdict::Fail,
            format!(
                "monitoring has {} left of {}",
                time::clock(left),
                time::clock(plan.plan.monitoring)
            ),
        )
    } else {
        (
            Verdict::Pass,
            format!("monitored for {}", time::exact(plan.plan.monitoring)),
        )
    })
}
