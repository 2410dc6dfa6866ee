//! Commands that only write: requests, decisions, checklists, the close.

use super::{
    Actor, Answer, Body, Decision, Deployment, Digest, Ending, Facts, FlightState, ItemId, Refusal,
    RefusalKind, StoredPlan, current, gates, go, in_state, record, same_plan, settled, time,
};

pub(super) fn request(
    facts: &Facts<'_>,
    plan: &StoredPlan,
    reason: &str,
) -> Result<Decision, Refusal> {
    if let Some(open) = facts.current() {
        let ago = time::age(facts.now.duration_since(open.requested_at));
        let sentence = format!(
            "release {} is {} here, requested by {} {ago} ago",
            open.plan.release.title(),
            open.state.word(),
            open.requester.name
        );
        return Err(
            Refusal::raced("target.idle", sentence).hint("cancel it, or see it through, first")
        );
    }
    let id = &facts.target.id;
    let deployment = facts
        .state
        .next_deployment(id.environment.as_str(), id.project.name());
    Ok(record(Body::Requested {
        deployment,
        plan: Box::new(plan.clone()),
        reason: reason.to_owned(),
    }))
}

pub(super) fn cancel(facts: &Facts<'_>, reason: Option<&String>) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    // A rollback that was opened, but of which nothing was applied, has changed nothing either.
    let untouched = deployment.state == FlightState::RollingBack && deployment.last_act.is_none();
    if !untouched {
        in_state(facts, &[FlightState::Requested], "cancel")?;
    }
    settled(deployment, facts)?;
    Ok(record(Body::Cancelled {
        deployment: deployment.id.clone(),
        reason: reason.cloned(),
    }))
}

pub(super) fn answer(
    facts: &Facts<'_>,
    actor: &Actor,
    plan: &Digest,
    answer: Answer,
    reason: &str,
) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    same_plan(deployment, plan)?;
    if let Some(given) = deployment
        .decisions
        .iter()
        .find(|decision| decision.by.name == actor.name)
    {
        let word = if given.answer == Answer::Go {
            "GO"
        } else {
            "NO-GO"
        };
        return Err(Refusal::rule(
            "approvals.once",
            format!(
                "{} has said {word} already; decisions are withdrawn, never edited",
                actor.name
            ),
        )
        .hint("withdraw it first"));
    }
    Ok(record(Body::Decided {
        deployment: deployment.id.clone(),
        plan: plan.clone(),
        answer,
        reason: reason.to_owned(),
    }))
}

pub(super) fn withdraw(
    facts: &Facts<'_>,
    actor: &Actor,
    plan: &Digest,
) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    same_plan(deployment, plan)?;
    if !deployment
        .decisions
        .iter()
        .any(|decision| decision.by.name == actor.name)
    {
        return Err(Refusal::new(
            RefusalKind::NotFound,
            "approvals",
            format!(
                "{} has given no decision on plan {}",
                actor.name,
                plan.short()
            ),
        ));
    }
    Ok(record(Body::Withdrawn {
        deployment: deployment.id.clone(),
        plan: plan.clone(),
    }))
}

pub(super) fn no_such_item(deployment: &Deployment, item: &ItemId) -> Refusal {
    let ids: Vec<&str> = deployment
        .plan
        .plan
        .items
        .iter()
        .map(|item| item.id.0.as_str())
        .collect();
    Refusal::new(
        RefusalKind::NotFound,
        "checklist",
        format!("no item `{item}`; there are: {}", ids.join(", ")),
    )
}

/// In a protected environment the second person waives, not the one who requested.
pub(super) fn waive(
    facts: &Facts<'_>,
    actor: &Actor,
    item: &ItemId,
    reason: &str,
) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    let known = deployment.plan.plan.item(item).is_some();
    match gates::waivable(&item.0) {
        Some(false) => {
            return Err(Refusal::rule(
                "waiver.never",
                format!("{item} is never waived"),
            ));
        }
        None if !known => return Err(no_such_item(deployment, item)),
        _ => {}
    }
    if reason.trim().is_empty() {
        return Err(Refusal::new(
            RefusalKind::Usage,
            "waiver.reason",
            "a waiver needs a reason",
        ));
    }
    if facts.environment.protected
        && actor.name == deployment.requester.name
        && !facts.workspace.people.is_empty()
    {
        let sentence = format!(
            "{} requested this deployment; in {} a second person waives",
            actor.name, facts.environment.name
        );
        return Err(Refusal::rule("waiver.four_eyes", sentence));
    }
    Ok(record(Body::Waived {
        deployment: deployment.id.clone(),
        item: item.clone(),
        reason: reason.to_owned(),
    }))
}

pub(super) fn reopen(
    facts: &Facts<'_>,
    item: &ItemId,
    reason: Option<&String>,
) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    if !deployment.items.contains_key(item) {
        return Err(no_such_item(deployment, item));
    }
    Ok(record(Body::Reopened {
        deployment: deployment.id.clone(),
        item: item.clone(),
        reason: reason.cloned(),
    }))
}

pub(super) fn close(facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let deployment = in_state(facts, &[FlightState::Monitoring], "close")?;
    go(&gates::close(facts, &deployment.plan), "close")?;
    Ok(record(Body::Ended {
        deployment: deployment.id.clone(),
        ending: Ending::Closed,
    }))
}
