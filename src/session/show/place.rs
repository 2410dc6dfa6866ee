//! An environment as a whole, in a few words: locked, frozen, closed, or by a policy that is not the file's.

use jiff::Timestamp;

use crate::{
    domain::environment::EnvironmentName,
    flight::known::Known,
    policy::{auto, facts::Facts, gates::calendar},
};

/// Where there is room for a few words: `LOCKED by dana`, `CLOSED until Mon 16 Mar 09:00 CET`.
pub fn place_word(known: &Known, name: &EnvironmentName, now: Timestamp) -> Option<String> {
    let place = known.environments.get(name)?;
    if place.state.read_only {
        return Some("LATER GONOGO".to_owned());
    }
    match place.state.lock(now) {
        Some(lock) => Some(format!("LOCKED by {}", lock.by)),
        None => calendar::closed(&place.in_force.policy.calendar, now),
    }
}

/// The same in sentences, and what holds this target alone.
pub fn place_notes(facts: &Facts<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let (environment, target) = (&facts.environment.name, &facts.target.id);
    if let Some(lock) = facts.place.lock(facts.now) {
        notes.push(format!("{environment} is {}", lock.sentence(facts.now)));
    }
    if let Some(lock) = facts
        .state
        .lock
        .as_ref()
        .filter(|lock| lock.holds(facts.now))
    {
        notes.push(format!("{target} is {}", lock.sentence(facts.now)));
    }
    let closed = calendar::closed(&facts.environment.policy.calendar, facts.now);
    notes.extend(closed.map(|words| format!("{environment} is {words}")));
    if facts.environment.protected && facts.place.recorded.is_none() {
        notes.push(format!("no policy is recorded for {environment}"));
    }
    if facts.environment.policy.auto_deploy && !facts.environment.protected {
        let next = auto::wanted(facts).map_or_else(String::new, |release| {
            format!("; release {} is next", release.title())
        });
        notes.push(format!(
            "{environment} follows its releases where somebody lets it: gonogo follow, or [screen] follow = true{next}"
        ));
    }
    if !facts.place.differences(facts.configured()).is_empty() {
        notes.push(format!(
            "the policy of {environment} in this file is not the one that is recorded (gonogo policy show {environment})"
        ));
    }
    notes
}
