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

/// A calendar that has a say, and whose it is.
struct Say<'a> {
    who: String,
    calendar: &'a Calendar,
}

/// The environment's, and the project's own where it has one; both have to be open.
fn says(plan: &StoredPlan) -> Vec<Say<'_>> {
    let policy = &plan.plan.policy;
    let environment = &plan.plan.environment;
    let theirs = Say {
        who: environment.to_string(),
        calendar: &policy.calendar,
    };
    let own = policy.tightening().map(|(project, own)| Say {
        who: format!("{environment} by the rule of {}", project.name()),
        calendar: &own.calendar,
    });
    let all = std::iter::once(theirs).chain(own);
    all.filter(|say| say.calendar.closes_ever()).collect()
}

/// So often one calendar may open while the other is closed before the search gives up.
const TURNS: usize = 400;

/// When all of them are open.
fn next_opening(says: &[Say<'_>], now: jiff::Timestamp) -> Option<jiff::Timestamp> {
    let mut at = now;
    for _ in 0..TURNS {
        let mut closed = says.iter().filter_map(|say| match say.calendar.at(at) {
            Some(Opening::Closed { opens, .. }) => Some(opens),
            _ => None,
        });
        match closed.next() {
            None => return Some(at),
            Some(opens) => at = opens?,
        }
    }
    None
}

pub fn window(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let says = says(plan);
    let mut open = None;
    for say in &says {
        let (who, calendar) = (&say.who, say.calendar);
        let Some(opening) = calendar.at(facts.now) else {
            let zone = calendar.zone.name();
            return Some((
                Verdict::Unknown,
                format!(
                    "the windows of {who} are in {zone}, a time zone this gonogo does not know"
                ),
            ));
        };
        let sentence = match opening {
            Opening::Closed { by, .. } if lifted(plan).is_some() => format!(
                "{who} is closed: {}; lifted: {}",
                words(by),
                lifted(plan).unwrap_or_default()
            ),
            Opening::Closed { by, .. } => {
                let opens = next_opening(&says, facts.now).map_or_else(
                    || "no opening in the years to come".to_owned(),
                    |at| {
                        let wait = time::age(at.duration_since(facts.now));
                        format!("next opening {}, in {wait}", calendar.local(at, facts.now))
                    },
                );
                let said = format!("{who} is closed: {}; {opens}", words(by));
                return Some((Verdict::Fail, said));
            }
            Opening::Open { closes: None } => format!("{who} is open, and no rule closes it"),
            Opening::Open {
                closes: Some((at, by)),
            } => {
                let at = calendar.local(at, facts.now);
                too_long(facts, plan)
                    .unwrap_or_else(|| format!("{who} is open until {at}: {}", words(by)))
            }
        };
        // The project's own rule is the narrower one.
        open = Some((Verdict::Pass, sentence));
    }
    open
}

/// The hotfix that does not wait for an opening (SPEC R8).
fn lifted(plan: &StoredPlan) -> Option<String> {
    let (hurry, terms) = hotfix::terms(plan)?;
    terms.windows_lifted.then(|| hurry.words())
}

/// The warning before a flight that will outlast its window (SPEC E4): said in the gate and in the dialog of take-off.
pub fn too_long(facts: &Facts<'_>, plan: &StoredPlan) -> Option<String> {
    let says = says(plan);
    let closing = says
        .iter()
        .filter_map(|say| match say.calendar.at(facts.now)? {
            Opening::Open {
                closes: Some((at, by)),
            } => Some((at, by, say)),
            _ => None,
        });
    let (at, by, Say { who, calendar }) = closing.min_by_key(|(at, ..)| *at)?;
    let left = at.duration_since(facts.now);
    let (takes, how) = takes(plan);
    (takes > left).then(|| {
        format!(
            "{who} closes in {} ({}: {}), and the flight takes {} {how}",
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
