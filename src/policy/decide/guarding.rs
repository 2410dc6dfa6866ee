//! Commands of the guard and of people who stop it, of the countersign, and of releases that may not fly.

use super::{
    Actor, Body, Decision, Facts, FlightState, Refusal, RefusalKind, ReleaseRef, confirm, in_state,
    planner, record, settled,
};
use crate::{domain::change::Cause, policy::guard};

/// The hold that nobody pressed. Decided again right before it is sent, and once more after a lost race.
pub(super) fn guard(facts: &Facts<'_>, cause: &Cause) -> Result<Decision, Refusal> {
    let deployment = in_state(facts, &[FlightState::Flying], "guard")?;
    settled(deployment, facts)?;
    if facts.state.read_only {
        // What this program cannot read may say that somebody stopped the guard.
        let sentence =
            "a later gonogo wrote here; the guard of this one does not act on what it cannot read";
        return Err(Refusal::rule("ledger.format", sentence));
    }
    guard::still(facts, cause).map_err(|why| Refusal::raced("guard.cause", why))?;
    let mut act = planner::hold(facts, &deployment.plan.release, guard::NAME)?;
    act.reason = Some(cause.sentence.clone());
    act.guard = Some(Box::new(cause.clone()));
    Ok(confirm(act))
}

pub(super) fn stop_guard(facts: &Facts<'_>, reason: &str) -> Result<Decision, Refusal> {
    let deployment = in_state(facts, &[FlightState::Flying], "stop the guard")?;
    reasoned("guard.reason", "stopping the guard", reason)?;
    if let Some(stopped) = &deployment.guard_stopped {
        return Err(Refusal::raced(
            "guard.stopped",
            format!("{} has stopped the guard already", stopped.by),
        ));
    }
    Ok(record(Body::GuardStopped {
        deployment: deployment.id.clone(),
        reason: reason.to_owned(),
    }))
}

/// By somebody else than whoever broke it (SPEC 8.13).
pub(super) fn countersign(
    facts: &Facts<'_>,
    actor: &Actor,
    reason: &str,
) -> Result<Decision, Refusal> {
    let id = &facts.target.id;
    reasoned("glass.reason", "a countersign", reason)?;
    let mut open = facts.state.unsigned().peekable();
    if open.peek().is_none() {
        return Err(Refusal::new(
            RefusalKind::NotFound,
            "glass.open",
            format!("no break-glass waits for a countersign in {id}"),
        ));
    }
    let bodies: Vec<Body> = open
        .filter(|glass| glass.by != actor.name)
        .map(|glass| Body::Countersigned {
            deployment: glass.deployment.clone(),
            reason: reason.to_owned(),
        })
        .collect();
    if bodies.is_empty() {
        let sentence = format!(
            "{} broke the glass; a second person countersigns",
            actor.name
        );
        return Err(Refusal::rule("glass.four_eyes", sentence));
    }
    if facts.environment.protected
        && !crate::domain::deployment::is_verified(actor, facts.workspace.trust_names)
    {
        let sentence = format!(
            "{} is not verified (set `trust_names` or sign), so the name proves nothing in {}",
            actor.name, id.environment
        );
        return Err(Refusal::rule("glass.verified", sentence));
    }
    Ok(Decision::Record(bodies))
}

pub(super) fn ground(
    facts: &Facts<'_>,
    release: &ReleaseRef,
    reason: &str,
) -> Result<Decision, Refusal> {
    reasoned("release.reason", "grounding a release", reason)?;
    if let Some(grounded) = facts.state.grounded.get(&release.commit) {
        let sentence = format!(
            "release {} is {} already",
            release.title(),
            grounded.words()
        );
        return Err(Refusal::raced("release.grounded", sentence));
    }
    Ok(record(Body::Grounded {
        release: release.clone(),
        reason: reason.to_owned(),
    }))
}

/// What was grounded by an abort or a rollback flies again only if somebody else than its last flyer says so.
pub(super) fn clear(
    facts: &Facts<'_>,
    actor: &Actor,
    release: &ReleaseRef,
    reason: &str,
) -> Result<Decision, Refusal> {
    reasoned("release.reason", "clearing a release", reason)?;
    let Some(grounded) = facts.state.grounded.get(&release.commit) else {
        return Err(Refusal::new(
            RefusalKind::NotFound,
            "release.grounded",
            format!("release {} is not grounded here", release.title()),
        ));
    };
    let requested_it = facts
        .current()
        .filter(|current| current.plan.release.commit == release.commit)
        .is_some_and(|current| current.requester.name == actor.name);
    if facts.environment.protected && requested_it && !facts.workspace.people.is_empty() {
        let sentence = format!(
            "{} requested release {} ({}); in {} a second person clears it",
            actor.name,
            release.title(),
            grounded.words(),
            facts.environment.name
        );
        return Err(Refusal::rule("release.four_eyes", sentence));
    }
    Ok(record(Body::Cleared {
        release: release.clone(),
        reason: reason.to_owned(),
    }))
}

pub(super) fn reasoned(rule: &str, what: &str, reason: &str) -> Result<(), Refusal> {
    if reason.trim().is_empty() {
        let sentence = format!("{what} needs a reason");
        return Err(Refusal::new(RefusalKind::Usage, rule, sentence));
    }
    Ok(())
}
