//! Who flies (SPEC K1): one person holds the controls of a deployment; whoever takes off, promotes, resumes or retries
//! needs them. Free ones are taken in the same confirmation, those of somebody absent taken over in it; hold, abort and
//! rollback take them from anybody. Who is there says the heartbeat, and nothing of it is ever a reason to stop an escape.

use jiff::{SignedDuration, Timestamp};

use crate::domain::{
    change::Taking,
    deployment::Controls,
    presence::{Duty, Presence},
    time,
    workspace::Actor,
};

use super::{decide::Command, facts::Facts, refusal::Refusal};

/// Somebody at this target, by name: the latest of their heartbeats.
fn newest<'a>(facts: &Facts<'a>, name: &str) -> Option<&'a Presence> {
    let rows = facts.present.iter().filter(|row| row.name == name);
    rows.max_by_key(|row| (!row.left, row.at))
}

fn is_there(facts: &Facts<'_>, row: &Presence) -> bool {
    row.is_there(facts.now, facts.workspace.timings.absent)
}

pub fn is_present(facts: &Facts<'_>, name: &str) -> bool {
    newest(facts, name).is_some_and(|row| is_there(facts, row))
}

/// Whoever flies the deployment under way.
pub fn holder<'a>(facts: &Facts<'a>) -> Option<&'a Controls> {
    facts.current()?.controls.as_ref()
}

/// Everybody who attends without holding the controls, once each and by name.
pub fn watching<'a>(facts: &Facts<'a>) -> Vec<&'a str> {
    let holder = holder(facts).map(|controls| controls.by.as_str());
    let mut names: Vec<&str> = facts
        .present
        .iter()
        .filter(|row| is_there(facts, row))
        .map(|row| row.name.as_str())
        .filter(|name| Some(*name) != holder)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Somebody attends who stops the flight where the guard would; `but` leaves out one process.
pub fn is_guarded(facts: &Facts<'_>, but: Option<&str>) -> bool {
    facts
        .present
        .iter()
        .filter(|row| but != Some(row.process.as_str()))
        .any(|row| row.duty == Duty::Guarding && is_there(facts, row))
}

/// When the last of them was heard, if nobody attends now.
pub fn unattended_since(facts: &Facts<'_>) -> Option<Timestamp> {
    let current = facts.current().filter(|c| c.state.is_airborne())?;
    if facts.present.iter().any(|row| is_there(facts, row)) {
        return None;
    }
    let heard = facts.present.iter().map(|row| row.at);
    let began = current.took_off_at.unwrap_or(current.requested_at);
    Some(heard.max().map_or(began, |heard| heard.max(began)))
}

fn heard_ago(facts: &Facts<'_>, name: &str) -> Option<SignedDuration> {
    newest(facts, name).map(|row| facts.now.duration_since(row.at))
}

/// `dana, heard of 4 s ago`, `dana, absent for 2 min`, `dana, who does not attend`
pub fn told(facts: &Facts<'_>, controls: &Controls) -> String {
    let name = &controls.by;
    match newest(facts, name) {
        Some(row) if is_there(facts, row) => {
            let ago = time::age(facts.now.duration_since(row.at));
            format!("{name}, heard of {ago} ago")
        }
        Some(row) if row.at >= controls.since => {
            let ago = heard_ago(facts, name).unwrap_or_default();
            format!("{name}, absent for {}", time::age(ago))
        }
        _ => format!("{name}, who does not attend"),
    }
}

fn needs_them(command: &Command) -> bool {
    matches!(
        command,
        Command::Fly { .. }
            | Command::Promote { .. }
            | Command::PromoteFully
            | Command::Resume
            | Command::Retry
    )
}

/// What a command does to the controls: nothing, or whoever confirms it takes them. Refused where somebody else flies
/// and is there.
pub fn taking(
    command: &Command,
    facts: &Facts<'_>,
    actor: &Actor,
) -> Result<Option<Taking>, Refusal> {
    if !needs_them(command) && !command.is_escape() {
        return Ok(None);
    }
    let Some(controls) = holder(facts) else {
        return Ok(Some(Taking { from: None }));
    };
    if controls.by == actor.name {
        return Ok(None);
    }
    if needs_them(command) && is_present(facts, &controls.by) {
        return Err(held(facts, controls, command.verb()));
    }
    Ok(Some(Taking {
        from: Some(controls.by.clone()),
    }))
}

/// Somebody flies, and is there to be asked.
pub fn held(facts: &Facts<'_>, controls: &Controls, verb: &str) -> Refusal {
    let sentence = format!(
        "cannot {verb}: the controls are with {} (since {} UTC)",
        told(facts, controls),
        controls.since.strftime("%H:%M:%S"),
    );
    let id = &facts.target.id;
    Refusal::raced("controls.held", sentence).hint(format!(
        "ask {} to hand them over (gonogo controls hand {} {} NAME); hold, abort and rollback go all the same",
        controls.by,
        id.environment,
        id.project.name()
    ))
}

/// The line under *afterwards* of an act that takes the controls.
pub fn line(facts: &Facts<'_>, taking: &Taking) -> String {
    match (&taking.from, holder(facts)) {
        (Some(_), Some(controls)) => {
            format!("you take the controls over from {}", told(facts, controls))
        }
        _ => "the controls are yours from then on".to_owned(),
    }
}
