//! After the last stage: verification items in their boxes, then the monitoring period, then the close.

use super::{Mover, Next, blind, changed_outside, waiting, yours};
use crate::{
    domain::{
        change::ActKind,
        deployment::{Deployment, ItemStatus},
        entry::{Body, Ending},
        metric::Limit,
        plan::{ItemKind, ItemSpec, Probe},
        time,
    },
    policy::{
        facts::Facts,
        gate::Verdict,
        gates::{self, health},
        judge,
    },
};

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
    match item.kind {
        ItemKind::Check => {
            let late = if missed { " (its box is over)" } else { "" };
            waiting(
                Mover::You,
                format!("check {}: {}{late}", item.id, item.title),
                closes,
            )
        }
        ItemKind::Probe(probe) => match measure(probe, facts, &deployment.plan.plan.limits) {
            (Verdict::Pass, evidence) => measured(deployment, item, true, evidence),
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

/// What a probe sees now.
fn measure(probe: Probe, facts: &Facts<'_>, limits: &[Limit]) -> (Verdict, String) {
    let Some(observed) = facts.fresh() else {
        return (Verdict::Unknown, blind(facts));
    };
    match probe {
        Probe::Pods => health::judge_pods(observed),
        Probe::Health => {
            let plan = facts.current().map(|current| &current.plan);
            plan.and_then(|plan| health::answers(facts, plan))
                .unwrap_or((Verdict::Unknown, "/health is not configured".to_owned()))
        }
        Probe::Metrics => {
            let Some(source) = &facts.target.metrics else {
                return (Verdict::Unknown, "/metrics is not configured".to_owned());
            };
            let hash = observed.workload.current_hash.as_deref();
            let judged: Vec<(Verdict, String)> = limits
                .iter()
                .map(|limit| judge::judge(facts, source, limit, hash, "the release"))
                .collect();
            let worst = judged
                .iter()
                .find(|(verdict, _)| *verdict != Verdict::Pass)
                .cloned();
            worst.unwrap_or_else(|| {
                (
                    Verdict::Pass,
                    judged
                        .into_iter()
                        .map(|(_, sentence)| sentence)
                        .collect::<Vec<_>>()
                        .join("; "),
                )
            })
        }
    }
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
