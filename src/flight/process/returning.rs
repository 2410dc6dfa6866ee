//! On the way back: what a rollback waits for, and when it has arrived.

use jiff::SignedDuration;

use super::{Mover, Next, outside, waiting, yours};
use crate::{
    domain::{
        change::ActKind,
        deployment::Deployment,
        entry::{Body, Ending},
        rollout::Side,
        time,
    },
    policy::{facts::Facts, measure},
};

const GOES_ON: [(ActKind, &str); 1] = [(ActKind::RollBack, "goes on")];

pub(super) fn rolling_back(facts: &Facts<'_>, deployment: &Deployment) -> Next {
    let Some(to) = &deployment.rolling_back_to else {
        return yours(
            "the way back is not known",
            &[(ActKind::RollBack, "rolls back")],
        );
    };
    if let Some(act) = &deployment.unfinished {
        return yours(
            format!("the {} stopped half way", act.kind.noun()),
            &[(ActKind::RollBack, "finishes it")],
        );
    }
    let asked = deployment
        .last_act
        .as_ref()
        .filter(|act| act.kind == ActKind::RollBack && act.applied == act.of);
    let Some(observed) = facts.fresh() else {
        return waiting(Mover::Gonogo, measure::blind(facts), None);
    };
    let workload = &observed.workload;
    if workload.image == to.image
        && workload.is_promoted()
        && observed.pods_of(Side::Old).next().is_none()
    {
        return Next::Record(vec![Body::Ended {
            deployment: deployment.id.clone(),
            ending: Ending::RolledBack,
        }]);
    }
    if workload.image != to.image && deployment.outstanding.is_none() {
        let Some(act) = asked else {
            let words = format!("the desired state is not {} yet", to.title());
            return yours(words, &GOES_ON);
        };
        let read_at = facts.workload.last.as_ref().map(|reading| reading.at);
        let left = [
            Some(&deployment.plan.release),
            deployment.plan.before.as_ref(),
        ];
        let as_before = left
            .iter()
            .flatten()
            .any(|release| release.image == workload.image);
        // A reading may be older than it arrived; what the platform asked for before is believed after a while only.
        let patience = if as_before {
            facts.workspace.timings.mutation_deadline
        } else {
            SignedDuration::ZERO
        };
        let late = act.settled_at.checked_add(patience).ok();
        if read_at > late {
            let sentence = format!(
                "{} while it rolled back to {}",
                outside(workload),
                to.title()
            );
            return yours(sentence, &GOES_ON);
        }
        let ago = time::age(facts.now.duration_since(act.at));
        return waiting(
            Mover::Controller,
            format!("rollback asked {ago} ago, not seen yet"),
            None,
        );
    }
    if workload.paused {
        let by = workload
            .held_by
            .as_ref()
            .map_or_else(|| "somebody outside gonogo".to_owned(), ToString::to_string);
        let sentence = format!(
            "rolling back to {}: held on the platform by {by}, it goes on when that is taken off",
            to.title()
        );
        return waiting(Mover::You, sentence, None);
    }
    if workload.rests_at_step() {
        let step = workload.step.unwrap_or(0);
        return yours(
            format!("rolling back through the stages: rests at step {step}"),
            &[(ActKind::RollBack, "promotes it past them")],
        );
    }
    waiting(
        Mover::Controller,
        format!("rolling back to {}: {}", to.title(), workload.message),
        None,
    )
}
