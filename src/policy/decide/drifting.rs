//! Adopting what runs: the ledger follows the platform, with a name and a reason (SPEC E6).

use super::{Body, Decision, Facts, Refusal, planner, record};
use crate::policy::drift;

pub(super) fn adopt(facts: &Facts<'_>, reason: &str) -> Result<Decision, Refusal> {
    super::guarding::reasoned("drift.reason", "adopting what runs", reason)?;
    if let Some(current) = facts.current() {
        return Err(drift::under_way(
            &current.plan.release,
            current.state.word(),
        ));
    }
    let workload = &planner::fresh(facts)?.workload;
    let on = &facts.target.workload;
    if !workload.is_promoted() {
        let sentence = format!(
            "{on} is on its way ({}): what runs is not settled yet",
            workload.message
        );
        return Err(Refusal::rule("drift.settled", sentence)
            .hint("wait until it is healthy, or restore what is recorded"));
    }
    let running = drift::running(facts).ok_or_else(|| {
        Refusal::rule(
            "drift.running",
            format!("{on} does not tell which image serves"),
        )
    })?;
    let before = facts.state.live.as_ref().map(|live| live.release.clone());
    if before
        .as_ref()
        .is_some_and(|before| before.commit == running.commit)
    {
        let sentence = format!("{} is recorded as live already", running.title());
        return Err(Refusal::raced("drift.none", sentence));
    }
    Ok(record(Body::Adopted {
        release: running,
        before,
        reason: reason.to_owned(),
    }))
}
