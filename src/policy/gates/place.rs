//! Is the environment free, and is its policy the one that was recorded (SPEC E2, E11).

use crate::{
    domain::plan::StoredPlan,
    policy::{
        facts::Facts,
        gate::{Judged, Verdict},
    },
};

/// Who locked it takes it off again; so it is not waived.
pub fn lock(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let environment = &plan.plan.environment;
    if facts.place.read_only {
        return Some((
            Verdict::Unknown,
            format!(
                "a later gonogo wrote of {environment}; this one cannot know whether it is locked"
            ),
        ));
    }
    let lock = facts.lock()?;
    let whole = facts.place.lock(facts.now).is_some();
    let what = if whole {
        environment.to_string()
    } else {
        facts.target.id.to_string()
    };
    Some((
        Verdict::Fail,
        format!(
            "{what} is {}; {} unlocks it, or whoever holds configure",
            lock.sentence(facts.now),
            lock.by
        ),
    ))
}

/// In a protected environment only a recorded policy counts. Nothing is said where the file says the same.
pub fn recorded(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    if !facts.environment.protected {
        return None;
    }
    let environment = &plan.plan.environment;
    let Some(recorded) = &facts.place.recorded else {
        return Some((
            Verdict::Fail,
            format!(
                "no policy is recorded for {environment}, so none counts; somebody with configure reads and records it: gonogo policy record {environment}"
            ),
        ));
    };
    let differences = facts.place.differences(facts.configured());
    let first = differences.first()?;
    let more = match differences.len() - 1 {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    };
    Some((
        Verdict::Pass,
        format!(
            "the policy that {} recorded counts, not this file's; {first}{more}",
            recorded.by
        ),
    ))
}
