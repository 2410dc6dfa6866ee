//! Practice colleagues: after some seconds lee and sam read the open request and say go, through the same decision as
//! anybody. Whoever the operator is does not answer themselves.

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use crate::{
    domain::{
        deployment::FlightState,
        target::TargetId,
        workspace::{Actor, IdentityMeans},
    },
    flight::known::Known,
    policy::decide::Command,
    runtime::{executor::Executor, outside::Outside},
};

/// Who answers, after how many seconds, with which words.
const COLLEAGUES: [(&str, f64, &str); 2] = [
    ("lee", 12.0, "read the plan, limits look right"),
    ("sam", 20.0, "staging evidence checked"),
];

/// Runs until cancelled.
pub async fn answer_requests(outside: Arc<Outside>, cancel: CancellationToken) {
    let speed = outside
        .workspace
        .rehearsal
        .as_ref()
        .map_or(1.0, |rehearsal| rehearsal.speed);
    let mut known = Known::new(outside.workspace.clone());
    loop {
        tokio::select! {
            () = cancel.cancelled() => return,
            () = tokio::time::sleep(Duration::from_millis(400)) => {}
        }
        let Ok(entries) = outside.ledger.read(known.seq).await else {
            continue;
        };
        for entry in entries {
            known.enter(&entry);
        }
        for (name, target, command) in due(&known, &outside, speed) {
            let email = outside
                .workspace
                .person(name)
                .and_then(|person| person.email.clone());
            let actor = Actor {
                name: name.to_owned(),
                email,
                means: IdentityMeans::Claimed,
                host: outside.host.clone(),
            };
            // A colleague whose answer is refused says nothing: the operator sees that in the gate.
            let _ = Executor {
                outside: &outside,
                known: known.clone(),
                actor,
            }
            .record(&command, &target)
            .await;
        }
    }
}

fn due(known: &Known, outside: &Outside, speed: f64) -> Vec<(&'static str, TargetId, Command)> {
    let mut answers = Vec::new();
    for (target, facts) in &known.targets {
        let Some(current) = facts
            .state
            .current
            .as_ref()
            .filter(|current| current.state == FlightState::Requested)
        else {
            continue;
        };
        if current.plan.plan.policy.approvals.is_empty() {
            continue;
        }
        let waited = outside
            .now()
            .duration_since(current.requested_at)
            .as_secs_f64();
        for (name, seconds, words) in COLLEAGUES {
            let answered = current
                .decisions
                .iter()
                .any(|decision| decision.by.name == name);
            if !answered && current.requester.name != name && waited >= (seconds / speed).max(1.0) {
                answers.push((
                    name,
                    target.clone(),
                    Command::Approve {
                        plan: current.plan.digest.clone(),
                        reason: words.to_owned(),
                    },
                ));
            }
        }
    }
    answers
}
