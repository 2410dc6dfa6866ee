//! Commands that move a flight on: take-off, promotion, full promotion.

use super::{
    Act, ActKind, Body, Decision, Deployment, Digest, Facts, FlightState, Judgement, LastAct,
    Refusal, RefusalKind, Verdict, Workload, WorkloadKind, confirm, current, gates, go, in_state,
    planner, same_plan, settled, time,
};
use crate::policy::hotfix;

pub(super) fn fly(
    facts: &Facts<'_>,
    plan: &Digest,
    glass: Option<&str>,
) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    if deployment.state != FlightState::Requested {
        let who = deployment
            .last_act
            .as_ref()
            .map_or_else(|| deployment.requester.name.clone(), |act| act.by.clone());
        return Err(Refusal::raced(
            "flight.state",
            format!(
                "release {} took off already, by {who}",
                deployment.plan.release.title()
            ),
        ));
    }
    same_plan(deployment, plan)?;
    settled(deployment, facts)?;
    let judgement = gates::take_off(facts, &deployment.plan);
    let Some(reason) = glass else {
        go(&judgement, "fly")?;
        let act = planner::fly(facts, &deployment.plan)?;
        return Ok(hurry(facts, deployment, act));
    };
    break_glass(facts, deployment, &judgement, reason)
}

/// Past approvals, order and soak, never past anything else (SPEC 8.13, A6). Where nothing of that stands in the way
/// there is no glass to break.
fn break_glass(
    facts: &Facts<'_>,
    deployment: &Deployment,
    judgement: &Judgement,
    reason: &str,
) -> Result<Decision, Refusal> {
    if reason.trim().is_empty() {
        let sentence = "break-glass needs a reason: a second person has to answer for it";
        return Err(Refusal::new(RefusalKind::Usage, "glass.reason", sentence));
    }
    // A person who said NO is not a person who did not answer.
    if let Some((Verdict::Fail, sentence)) = gates::people::no_go(facts, &deployment.plan) {
        let sentence = format!("NO-GO, and break-glass does not pass it: {sentence}");
        return Err(Refusal::rule("decision.no_go", sentence));
    }
    let (past, rest): (Vec<_>, Vec<_>) = judgement
        .blocking()
        .cloned()
        .partition(|gate| gates::breakable(&gate.id));
    go(&Judgement::of(rest), "fly, break-glass or not")?;
    let mut act = planner::fly(facts, &deployment.plan)?;
    if past.is_empty() {
        return Ok(hurry(facts, deployment, act));
    }
    let skipped: Vec<String> = past.into_iter().map(|gate| gate.sentence).collect();
    act.reason = Some(reason.to_owned());
    act.broken.clone_from(&skipped);
    act.afterwards.push(format!(
        "BREAK-GLASS, past: {}. It stays red until a second person countersigns, due within {}",
        skipped.join("; "),
        time::exact(facts.workspace.timings.countersign)
    ));
    Ok(Decision::Act {
        act: Box::new(act),
        opening: Some(Body::GlassBroken {
            deployment: deployment.id.clone(),
            reason: reason.to_owned(),
            skipped,
            hotfix: None,
        }),
    })
}

/// On the terms of a hotfix a second person answers for what they pass by (SPEC R8). Any other plan flies as it is.
fn hurry(facts: &Facts<'_>, deployment: &Deployment, mut act: Act) -> Decision {
    let Some((expedited, terms)) = hotfix::terms(&deployment.plan) else {
        return confirm(act);
    };
    if terms.approvals.is_empty() && terms.soak.is_zero() && terms.afterwards.is_empty() {
        return confirm(act);
    }
    let skipped = expedited.relaxations();
    act.afterwards.push(format!(
        "HOTFIX {}, criterion {}: {}. It stays red until a second person countersigns, due within {}",
        expedited.hotfix,
        expedited.criterion,
        skipped.join("; "),
        time::exact(facts.workspace.timings.countersign)
    ));
    Decision::Act {
        act: Box::new(act),
        opening: Some(Body::GlassBroken {
            deployment: deployment.id.clone(),
            reason: expedited.words(),
            skipped,
            hotfix: Some(expedited.hotfix.clone()),
        }),
    }
}

/// The rollout the deployment flies, read afresh, and asking for the release that was planned.
pub(super) fn ours<'a>(
    facts: &Facts<'a>,
    deployment: &Deployment,
) -> Result<&'a Workload, Refusal> {
    let workload = &planner::fresh(facts)?.workload;
    let wanted = match deployment.state {
        FlightState::RollingBack => deployment.rolling_back_to.as_ref(),
        _ => Some(&deployment.plan.release),
    };
    let wanted = wanted.unwrap_or(&deployment.plan.release);
    if workload.image != wanted.image {
        let other = workload
            .image
            .as_deref()
            .map_or_else(|| "no image".to_owned(), crate::domain::change::short_image);
        let sentence = format!(
            "{} no longer asks for release {}, but for {other}",
            facts.target.workload,
            wanted.title()
        );
        return Err(Refusal::raced("target.drift", sentence)
            .hint("somebody changed it outside gonogo; a rollback goes back"));
    }
    Ok(workload)
}

pub(super) fn promote(facts: &Facts<'_>, step: usize) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    let passed = |by: &str| {
        Refusal::raced(
            "promote.step",
            format!("step {step} was already promoted by {by}"),
        )
    };
    // Unless the platform came to rest there anew since: somebody aborted and retried outside.
    let anew = |last: &LastAct| {
        let workload = facts.workload.value().map(|observed| &observed.workload);
        workload.is_some_and(|w| {
            let since = w.pause.as_ref().and_then(|pause| pause.since);
            w.step == Some(step) && since.is_some_and(|since| since > last.settled_at)
        })
    };
    if let Some(last) = deployment
        .promoted_steps
        .get(&step)
        .filter(|last| !anew(last))
    {
        let ago = time::age(facts.now.duration_since(last.settled_at));
        return Err(passed(&format!("{} {ago} ago", last.by)));
    }
    settled(deployment, facts)?;
    let deployment = in_state(facts, &[FlightState::Flying], "promote")?;
    let workload = ours(facts, deployment)?;
    if workload.aborted {
        // Flying by the ledger: who aborted it is somebody else, and the key was meant for a rollout that went on.
        return Err(Refusal::raced(
            "promote.aborted",
            "somebody outside this ledger aborted the rollout; retry comes first",
        ));
    }
    if facts.target.workload.kind == WorkloadKind::Deployment {
        return Err(Refusal::rule(
            "promote.kind",
            format!(
                "{} has no steps: it rolls on by itself",
                facts.target.workload
            ),
        ));
    }
    let now_at = workload.step.unwrap_or(workload.steps.len());
    let pauses = |at: usize| {
        matches!(
            workload.steps.get(at),
            Some(crate::domain::rollout::Step::Pause(_))
        )
    };
    if now_at > step && !pauses(step) {
        return Err(Refusal::rule(
            "promote.step",
            format!("step {step} is no pause; the rollout is at step {now_at}"),
        ));
    }
    if now_at > step {
        return Err(passed("somebody outside this ledger"));
    }
    if now_at < step {
        return Err(Refusal::rule(
            "promote.step",
            format!("the rollout is at step {now_at}, not at {step}"),
        ));
    }
    not_held(workload)?;
    if !workload.rests_at_step() {
        return Err(Refusal::rule(
            "promote.moving",
            format!("step {step} is still moving: {}", workload.message),
        ));
    }
    if let Some((at, name)) = workload.unknown_after(step) {
        let sentence = format!(
            "step {at} would come next, and gonogo does not know what `{name}` does: it cannot say what a promotion leads to"
        );
        return Err(Refusal::rule("promote.unknown_step", sentence)
            .hint("promote it with the platform's own tool, or take that step out"));
    }
    go(&gates::promotion(facts, &deployment.plan), "promote")?;
    Ok(confirm(planner::promote(facts, &deployment.plan, step)?))
}

/// Promotion passes over nobody's hold.
pub(super) fn not_held(workload: &Workload) -> Result<(), Refusal> {
    if !workload.paused {
        return Ok(());
    }
    let by = workload
        .held_by
        .as_ref()
        .map_or_else(|| "somebody outside gonogo".to_owned(), ToString::to_string);
    Err(Refusal::rule(
        "promote.held",
        format!("held by {by}; resume first"),
    ))
}

pub(super) fn promote_fully(facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    settled(deployment, facts)?;
    let last = deployment.last_act.as_ref();
    let done = last.filter(|last| {
        last.kind == ActKind::PromoteFully && deployment.state != FlightState::Flying
    });
    if let Some(last) = done {
        let ago = time::age(facts.now.duration_since(last.settled_at));
        let title = deployment.plan.release.title();
        return Err(Refusal::raced(
            "promote.step",
            format!(
                "release {title} was already promoted fully by {} {ago} ago",
                last.by
            ),
        ));
    }
    let deployment = in_state(
        facts,
        &[FlightState::Flying, FlightState::Aborted],
        "promote fully",
    )?;
    let workload = ours(facts, deployment)?;
    if workload.aborted || deployment.state == FlightState::Aborted {
        return Err(Refusal::rule(
            "promote.aborted",
            "the rollout is aborted; a full promotion would ship what was aborted. Retry comes first",
        ));
    }
    not_held(workload)?;
    if !workload.is_midway() {
        return Err(Refusal::raced(
            "promote.step",
            format!(
                "release {} is fully promoted already",
                deployment.plan.release.title()
            ),
        ));
    }
    go(
        &gates::full_promotion(facts, &deployment.plan),
        "promote fully",
    )?;
    Ok(confirm(planner::promote_fully(facts, &deployment.plan)?))
}
