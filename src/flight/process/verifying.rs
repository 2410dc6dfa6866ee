//! After the last stage: verification items in their boxes, then the monitoring period, then the close.

use jiff::Timestamp;

use super::{Mover, Next, changed_outside, waiting, yours};
use crate::{
    domain::{
        change::ActKind,
        deployment::{Deployment, FlightState, ItemStatus},
        entry::{Body, Ending},
        plan::{ItemKind, ItemSpec},
        time,
        workspace::Actor,
    },
    policy::{
        decide::{Command, decide},
        facts::Facts,
        gates,
        measure::measure,
    },
};

/// What the evidence of such a run says beside its verdict.
const BY_ITSELF: &str = "started by itself when its box began";

/// Items in order, each in its box; probes measure by themselves.
pub(super) fn verifying(facts: &Facts<'_>, deployment: &Deployment) -> Next {
    if let Some(changed) = changed_outside(facts, deployment) {
        return changed;
    }
    let Some(item) = deployment
        .verification()
        .find(|item| item.required && !deployment.is_settled(item))
    else {
        return Next::Record(vec![Body::MonitoringBegan {
            deployment: deployment.id.clone(),
        }]);
    };
    due_item(facts, deployment, item)
}

/// One item of the verification: measured, or waited for, in its box.
fn due_item(facts: &Facts<'_>, deployment: &Deployment, item: &ItemSpec) -> Next {
    let done_at = deployment.promoted_at.unwrap_or(facts.now);
    let edge = |offset| done_at.checked_add(offset).ok();
    let (opens, closes) = (
        item.time_box.and_then(|b| edge(b.from)),
        item.time_box.and_then(|b| edge(b.until)),
    );
    // What was opened again gets as long a box from then.
    let again = deployment
        .items
        .get(&item.id)
        .filter(|state| state.status == ItemStatus::Open)
        .and_then(|state| {
            let due = item.time_box?;
            let long = due.until.checked_sub(due.from)?;
            state.at.checked_add(long).ok()
        });
    let closes = closes.map(|closes| again.map_or(closes, |again| closes.max(again)));
    if let Some(opens) = opens.filter(|opens| *opens > facts.now) {
        return waiting(
            Mover::Gonogo,
            format!(
                "{}: its box opens in {}",
                item.title,
                time::clock(opens.duration_since(facts.now))
            ),
            Some(opens),
        );
    }
    let missed = closes.is_some_and(|closes| facts.now > closes);
    if item.is_run() {
        return run_item(facts, deployment, item, closes, missed);
    }
    match &item.kind {
        ItemKind::Probe(probe) => match measure(probe, facts, &deployment.plan) {
            (verdict, evidence) if verdict.lets_through() => {
                measured(deployment, item, true, evidence)
            }
            (_, evidence) if missed && deployment.item(&item.id) != ItemStatus::Failed => {
                measured(deployment, item, false, evidence)
            }
            (_, evidence) if missed => yours(
                format!("{} failed: {evidence}; waive it, or go back", item.id),
                &[(ActKind::RollBack, "rolls back")],
            ),
            (_, evidence) => waiting(
                Mover::Gonogo,
                format!("measuring {}: {evidence}", item.title),
                closes,
            ),
        },
        _ => {
            let late = if missed { " (its box is over)" } else { "" };
            waiting(
                Mover::You,
                format!("check {}: {}{late}", item.id, item.title),
                closes,
            )
        }
    }
}

/// The item that begins by itself now (`auto = true`), once and in its box: what this process may run, by its own
/// configuration, and nobody has begun. Whoever attends asks; the ledger lets one of them begin it.
pub fn begins_by_itself(facts: &Facts<'_>, actor: &Actor) -> Option<Command> {
    let deployment = facts.current()?;
    let after = [FlightState::Verifying, FlightState::Monitoring];
    let promoted = deployment
        .promoted_at
        .filter(|_| after.contains(&deployment.state))?;
    let since = facts.now.duration_since(promoted);
    let due = |item: &&ItemSpec| {
        let boxed = item.time_box;
        item.auto
            && item.is_run()
            && item.chain.acts.is_none()
            && !item.chain.way_back
            && boxed.is_some_and(|it| it.from <= since && since <= it.until)
            && !deployment.items.contains_key(&item.id)
    };
    let commands = deployment
        .verification()
        .filter(due)
        .map(|item| Command::Run {
            item: item.id.clone(),
            note: Some(BY_ITSELF.to_owned()),
            confirmed: None,
        });
    let mut commands = commands.filter(|command| decide(command, facts, actor).is_ok());
    commands.next()
}

/// What has to be run is begun by a person, and its evidence is the verdict.
fn run_item(
    facts: &Facts<'_>,
    deployment: &Deployment,
    item: &ItemSpec,
    closes: Option<Timestamp>,
    missed: bool,
) -> Next {
    let late = if missed { " (its box is over)" } else { "" };
    let state = deployment.items.get(&item.id);
    match state.map(|state| (state.status, state)) {
        Some((ItemStatus::Running, state)) => {
            let since = time::clock(facts.now.duration_since(state.at));
            let sentence = format!("{} runs {} since {since}{late}", state.by, item.id);
            waiting(Mover::Gonogo, sentence, closes)
        }
        Some((ItemStatus::Failed, state)) => {
            let why = state
                .evidence
                .as_ref()
                .map_or_else(String::new, |evidence| format!(": {}", evidence.sentence()));
            yours(
                format!(
                    "{} failed{why}; run it again, waive it, or go back",
                    item.id
                ),
                &[(ActKind::RollBack, "rolls back")],
            )
        }
        None if item.auto && !missed => waiting(
            Mover::Gonogo,
            format!("{} starts by itself: {}", item.id, item.title),
            closes,
        ),
        _ => waiting(
            Mover::You,
            format!("run {}: {}{late}", item.id, item.title),
            closes,
        ),
    }
}

fn measured(deployment: &Deployment, item: &ItemSpec, ok: bool, evidence: String) -> Next {
    Next::Record(vec![Body::Measured {
        deployment: deployment.id.clone(),
        item: item.id.clone(),
        ok,
        evidence,
    }])
}

pub(super) fn monitoring(facts: &Facts<'_>, deployment: &Deployment) -> Next {
    if let Some(changed) = changed_outside(facts, deployment) {
        return changed;
    }
    // Opened again while it is monitored: done again, like the first time.
    let reopened = deployment
        .verification()
        .find(|item| item.required && !deployment.is_settled(item));
    if let Some(item) = reopened {
        return due_item(facts, deployment, item);
    }
    let judgement = gates::close(facts, &deployment.plan);
    if judgement.go {
        return Next::Record(vec![Body::Ended {
            deployment: deployment.id.clone(),
            ending: Ending::Closed,
        }]);
    }
    let ends = deployment
        .monitoring_ends()
        .filter(|ends| *ends > facts.now);
    if let Some(ends) = ends {
        let left = time::clock(ends.duration_since(facts.now));
        return waiting(
            Mover::Gonogo,
            format!(
                "monitoring, {left} left of {}",
                time::clock(deployment.plan.plan.monitoring)
            ),
            Some(ends),
        );
    }
    let why = judgement
        .blocking()
        .next()
        .map_or_else(String::new, |gate| gate.sentence.clone());
    waiting(Mover::You, format!("cannot close: {why}"), None)
}
