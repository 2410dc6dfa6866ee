//! Commands that only write: requests, decisions, checklists, the close.

use super::{
    Actor, Answer, Body, Decision, Deployment, Digest, Ending, Facts, FlightState, ItemId,
    ItemStatus, Refusal, RefusalKind, StoredPlan, acting, current, gates, go, in_state, record,
    same_plan, settled, time,
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
    // What runs is ended by name, and then looked at.
    let mut items = deployment.plan.plan.items.iter();
    let runs =
        items.find(|item| item.acts() && deployment.status(item, facts.now) == ItemStatus::Running);
    if let Some(item) = runs {
        return Err(acting::under_way(facts, deployment, item));
    }
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
    in_time(facts, deployment, answer)?;
    let given = given(facts, deployment, actor).find(|given| !is_too_old(facts, given));
    if let Some(given) = given {
        let word = given.answer.word();
        return Err(Refusal::rule(
            "approvals.once",
            format!(
                "{} has said {word} already; decisions are withdrawn, never edited",
                given.by.name
            ),
        )
        .hint("withdraw it first"));
    }
    if reason.trim().is_empty() {
        let sentence = format!("a {} needs a reason: others will read it", answer.word());
        return Err(Refusal::new(
            RefusalKind::Usage,
            "approvals.reason",
            sentence,
        ));
    }
    Ok(record(Body::Decided {
        deployment: deployment.id.clone(),
        plan: plan.clone(),
        answer,
        reason: reason.to_owned(),
    }))
}

/// A GO counts before take-off only; a NO-GO or a HOLD as long as there is a step that it could stop.
fn in_time(facts: &Facts<'_>, deployment: &Deployment, answer: Answer) -> Result<(), Refusal> {
    let counts = match deployment.state {
        FlightState::Requested => true,
        FlightState::Flying | FlightState::Aborted => answer != Answer::Go,
        _ => false,
    };
    if counts {
        return Ok(());
    }
    let since = deployment.took_off_at.unwrap_or(deployment.requested_at);
    let ago = time::age(facts.now.duration_since(since));
    let sentence = format!(
        "a {} counts no more: release {} took off {ago} ago and is {}",
        answer.word(),
        deployment.plan.release.title(),
        deployment.state.word()
    );
    let hint = match deployment.state {
        FlightState::Flying | FlightState::Aborted => {
            "NO-GO and HOLD stop its next step; hold, abort and roll back stop it"
        }
        _ => "roll back brings the release before it back",
    };
    Err(Refusal::raced("approvals.late", sentence).hint(hint))
}

/// In a protected environment a name that proves nothing moves nothing out of the way.
pub(super) fn verified(facts: &Facts<'_>, actor: &Actor, rule: &str) -> Result<(), Refusal> {
    let trusted = crate::domain::deployment::is_verified(actor, facts.workspace.trust_names);
    if !facts.environment.protected || trusted {
        return Ok(());
    }
    let sentence = format!(
        "{} is not verified (set `trust_names` or sign), so the name proves nothing in {}",
        actor.name, facts.environment.name
    );
    Err(Refusal::rule(rule, sentence))
}

pub(super) fn withdraw(
    facts: &Facts<'_>,
    actor: &Actor,
    plan: &Digest,
) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    same_plan(deployment, plan)?;
    if given(facts, deployment, actor).any(|given| given.answer != Answer::Go) {
        verified(facts, actor, "approvals.verified")?;
    }
    let withdrawn: Vec<Body> = given(facts, deployment, actor)
        .map(|given| Body::Withdrawn {
            deployment: deployment.id.clone(),
            plan: plan.clone(),
            given_as: (given.by.name != actor.name).then(|| given.by.name.clone()),
        })
        .collect();
    if withdrawn.is_empty() {
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
    Ok(Decision::Record(withdrawn))
}

/// What this person said, under whatever account.
fn given<'a>(
    facts: &Facts<'a>,
    deployment: &'a Deployment,
    actor: &'a Actor,
) -> impl Iterator<Item = &'a crate::domain::deployment::Decision> {
    let workspace = facts.workspace;
    deployment
        .decisions
        .iter()
        .filter(move |given| workspace.same_person(&given.by, actor))
}

/// A go that no longer counts for any rule may be said again; what objects never gets too old.
fn is_too_old(facts: &Facts<'_>, given: &crate::domain::deployment::Decision) -> bool {
    let rules = facts
        .current()
        .map_or(&[][..], |current| &current.plan.plan.policy.approvals);
    let age = facts.age(given.at);
    given.answer == Answer::Go
        && !rules.is_empty()
        && rules.iter().all(|rule| age > rule.expires_after)
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

/// In a protected environment one person proposes and a second one, who may waive too, makes it so.
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
            let hint = match item.0.as_str() {
                "checklist" | "verification" => {
                    "its items are what is waived: `waive ITEM`, one by one"
                }
                "approvals" => "ask those who have not answered; in an emergency break the glass",
                "lock" => "unlock it, or ask who locked it",
                _ => "what it says has to be mended",
            };
            return Err(
                Refusal::rule("waiver.never", format!("the gate {item} is never waived"))
                    .hint(hint),
            );
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
    if let Some(spec) = deployment.plan.plan.item(item).filter(|spec| spec.acts()) {
        acting::may_waive(facts, deployment, spec)?;
    }
    verified(facts, actor, "waiver.verified")?;
    let alone = facts.workspace.people.is_empty() || !facts.environment.protected;
    if let Some(state) = deployment
        .items
        .get(item)
        .filter(|state| state.status == ItemStatus::Waived && !item.is_measured())
    {
        let sentence = format!("{item} was waived already by {}", state.by);
        return Err(Refusal::raced("waiver.done", sentence));
    }
    match deployment.proposal(item).filter(|_| !alone) {
        None if !alone => {
            return Ok(record(Body::WaiverProposed {
                deployment: deployment.id.clone(),
                item: item.clone(),
                reason: reason.to_owned(),
            }));
        }
        Some(proposal) if proposal.by == actor.name => {
            let sentence = format!(
                "{} proposed it; in {} a second person with the role waive seconds it",
                actor.name, facts.environment.name
            );
            let others: Vec<&str> = facts
                .workspace
                .people
                .iter()
                .filter(|person| person.has_role(&facts.environment.name, "waive"))
                .map(|person| person.name.as_str())
                .filter(|name| *name != actor.name)
                .collect();
            let who = if others.is_empty() {
                "nobody else holds it here; give it to somebody".to_owned()
            } else {
                format!("{} may: gonogo waive … {item}", others.join(", "))
            };
            return Err(Refusal::rule("waiver.four_eyes", sentence).hint(who));
        }
        _ => {}
    }
    Ok(record(Body::Waived {
        deployment: deployment.id.clone(),
        item: item.clone(),
        reason: reason.to_owned(),
    }))
}

pub(super) fn reopen(
    facts: &Facts<'_>,
    actor: &Actor,
    item: &ItemId,
    reason: Option<&String>,
) -> Result<Decision, Refusal> {
    let carrier = facts.state.carrier(item);
    let deployment = match carrier {
        Some(carrier) => carrier,
        None => current(facts)?,
    };
    if !deployment.items.contains_key(item) && !deployment.proposals.contains_key(item) {
        return Err(no_such_item(deployment, item));
    }
    if let Some(spec) = deployment.plan.plan.item(item).filter(|spec| spec.acts()) {
        acting::may_reopen(facts, actor, deployment, spec, reason)?;
    }
    Ok(record(Body::Reopened {
        deployment: deployment.id.clone(),
        item: item.clone(),
        reason: reason.cloned(),
    }))
}

/// Said in the record, whatever the item is and becomes.
pub(super) fn note(facts: &Facts<'_>, item: &ItemId, text: &str) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    if deployment.plan.plan.item(item).is_none() {
        return Err(no_such_item(deployment, item));
    }
    if text.trim().is_empty() {
        return Err(Refusal::new(
            RefusalKind::Usage,
            "note",
            format!("there is nothing to note on {item}: say what"),
        ));
    }
    Ok(record(Body::Noted {
        deployment: deployment.id.clone(),
        item: item.clone(),
        text: text.to_owned(),
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
