//! Is this the time: windows, freezes and days off (SPEC E4). Asked before take-off only: nothing here stops a hold,
//! an abort or a rollback.

use jiff::SignedDuration;

use crate::{
    domain::{
        calendar::{Calendar, Opening, Rule},
        plan::StoredPlan,
        time,
    },
    policy::{
        facts::Facts,
        gate::{Judged, Verdict},
        hotfix,
    },
};

pub fn window(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let calendar = &plan.plan.policy.calendar;
    if !calendar.closes_ever() {
        return None;
    }
    let environment = &plan.plan.environment;
    let Some(opening) = calendar.at(facts.now) else {
        let zone = calendar.zone.name();
        return Some((
            Verdict::Unknown,
            format!(
                "the windows of {environment} are in {zone}, a time zone this gonogo does not know"
            ),
        ));
    };
    Some(match opening {
        Opening::Closed { by, .. } if lifted(plan).is_some() => (
            Verdict::Pass,
            format!(
                "{environment} is closed: {}; lifted: {}",
                words(by),
                lifted(plan).unwrap_or_default()
            ),
        ),
        Opening::Closed { by, opens } => {
            let opens = opens.map_or_else(
                || "no opening in the years to come".to_owned(),
                |at| {
                    let wait = time::age(at.duration_since(facts.now));
                    format!("next opening {}, in {wait}", calendar.local(at, facts.now))
                },
            );
            (
                Verdict::Fail,
                format!("{environment} is closed: {}; {opens}", words(by)),
            )
        }
        Opening::Open { closes: None } => (
            Verdict::Pass,
            format!("{environment} is open, and no rule closes it"),
        ),
        Opening::Open {
            closes: Some((at, by)),
        } => {
            let at = calendar.local(at, facts.now);
            let sentence = too_long(facts, plan)
                .unwrap_or_else(|| format!("{environment} is open until {at}: {}", words(by)));
            (Verdict::Pass, sentence)
        }
    })
}

/// The hotfix that does not wait for an opening (SPEC R8).
fn lifted(plan: &StoredPlan) -> Option<String> {
    let (hurry, terms) = hotfix::terms(plan)?;
    terms.windows_lifted.then(|| hurry.words())
}

/// The warning before a flight that will outlast its window (SPEC E4): said in the gate and in the dialog of take-off.
pub fn too_long(facts: &Facts<'_>, plan: &StoredPlan) -> Option<String> {
    let calendar = &plan.plan.policy.calendar;
    let Some(Opening::Open {
        closes: Some((at, by)),
    }) = calendar.at(facts.now)
    else {
        return None;
    };
    let left = at.duration_since(facts.now);
    let (takes, how) = takes(plan);
    (takes > left).then(|| {
        format!(
            "{} closes in {} ({}: {}), and the flight takes {} {how}",
            plan.plan.environment,
            time::age(left),
            calendar.local(at, facts.now),
            words(by),
            time::exact(takes),
        )
    })
}

/// By the plan alone: people and platforms come on top.
fn takes(plan: &StoredPlan) -> (SignedDuration, &'static str) {
    let bakes = plan
        .plan
        .stages
        .iter()
        .map(|stage| stage.bake)
        .fold(SignedDuration::ZERO, SignedDuration::saturating_add);
    if bakes.is_zero() {
        (plan.plan.rollout_deadline, "at most")
    } else {
        (bakes, "for its bakes alone")
    }
}

/// `freeze, year end`, `nothing is deployed on Fridays`
pub fn words(rule: Rule<'_>) -> String {
    match rule {
        Rule::Freeze(freeze) => format!("freeze, {}", freeze.reason),
        Rule::DayOff(day) => format!("nothing is deployed on {}", day.plural()),
        Rule::NoWindow => "outside its windows".to_owned(),
    }
}

/// One line for the header of the fleet; None where nothing is closed.
pub fn closed(calendar: &Calendar, now: jiff::Timestamp) -> Option<String> {
    let Opening::Closed { by, opens } = calendar.at(now)? else {
        return None;
    };
    let by = match by {
        Rule::Freeze(_) => "FROZEN",
        Rule::DayOff(_) | Rule::NoWindow => "CLOSED",
    };
    let until = opens.map_or_else(String::new, |at| {
        format!(" until {}", calendar.local(at, now))
    });
    Some(format!("{by}{until}"))
}
