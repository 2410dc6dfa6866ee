//! Commands about the controls themselves: take, hand over, let go (SPEC K1).

use super::{Actor, Body, Decision, Deployment, Facts, Refusal, RefusalKind, current, record};
use crate::policy::controls;

/// Free ones are simply taken; those of somebody else only by who says so (`over`), there or not.
pub(super) fn take(
    facts: &Facts<'_>,
    actor: &Actor,
    over: bool,
    reason: Option<&String>,
) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    let Some(held) = &deployment.controls else {
        return Ok(taken(deployment, None, reason));
    };
    if held.by == actor.name {
        let sentence = "the controls are yours already";
        return Err(Refusal::raced("controls.yours", sentence));
    }
    if controls::is_present(facts, &held.by) && !over {
        return Err(controls::held(facts, held, "take the controls").hint(format!(
            "ask {} to hand them over; --take-over takes them all the same, and says so in the ledger",
            held.by
        )));
    }
    if !over {
        let told = controls::told(facts, held);
        return Err(absent(&format!("the controls are with {told}")));
    }
    Ok(taken(deployment, Some(held.by.clone()), reason))
}

/// Taking over from somebody absent is confirmed.
pub fn absent(sentence: &str) -> Refusal {
    Refusal::raced("controls.absent", sentence).hint("--take-over takes them over")
}

fn taken(deployment: &Deployment, from: Option<String>, reason: Option<&String>) -> Decision {
    record(Body::ControlsTaken {
        deployment: deployment.id.clone(),
        from,
        reason: reason.cloned(),
    })
}

fn yours<'a>(facts: &Facts<'a>, actor: &Actor, verb: &str) -> Result<&'a Deployment, Refusal> {
    let deployment = current(facts)?;
    match &deployment.controls {
        Some(held) if held.by == actor.name => Ok(deployment),
        Some(held) => Err(controls::held(facts, held, verb)),
        None => Err(Refusal::rule(
            "controls.free",
            format!("cannot {verb}: the controls are free"),
        )),
    }
}

/// To somebody who may fly here, there or not: the ledger says who carries on.
pub(super) fn hand(
    facts: &Facts<'_>,
    actor: &Actor,
    to: &str,
    reason: Option<&String>,
) -> Result<Decision, Refusal> {
    let deployment = yours(facts, actor, "hand the controls over")?;
    if to == actor.name {
        let sentence = "the controls are yours already";
        return Err(Refusal::new(RefusalKind::Usage, "controls.yours", sentence));
    }
    let (people, environment) = (&facts.workspace.people, &facts.environment.name);
    let may = |person: &crate::domain::workspace::Person| person.has_role(environment, "operate");
    if !people.is_empty() && !facts.workspace.person(to).is_some_and(may) {
        let others: Vec<&str> = people
            .iter()
            .filter(|person| may(person) && person.name != actor.name)
            .map(|person| person.name.as_str())
            .collect();
        let others = if others.is_empty() {
            "nobody else may".to_owned()
        } else {
            format!("these may: {}", others.join(", "))
        };
        let sentence = format!("{to} may not fly in {environment}; {others}");
        return Err(Refusal::rule("role.operate", sentence));
    }
    Ok(record(Body::ControlsHanded {
        deployment: deployment.id.clone(),
        to: to.to_owned(),
        reason: reason.cloned(),
    }))
}

pub(super) fn release(facts: &Facts<'_>, actor: &Actor) -> Result<Decision, Refusal> {
    let deployment = yours(facts, actor, "let go of the controls")?;
    Ok(record(Body::ControlsReleased {
        deployment: deployment.id.clone(),
    }))
}
