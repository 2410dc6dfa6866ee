//! The tables of gates: what is asked before take-off, before a promotion, and before the close.

pub mod calendar;
pub mod fit;
pub mod health;
pub mod hotfix;
pub mod order;
pub mod people;
pub mod place;
pub mod ready;

use super::{
    facts::Facts,
    gate::{Gate, GateResult, Judgement, judge_all, waive},
    migration,
};
use crate::domain::plan::StoredPlan;

/// Before anything is touched.
pub const TAKE_OFF: &[Gate] = &[
    Gate {
        id: "release.digest",
        title: "digest",
        waivable: false,
        judge: fit::digest,
    },
    Gate {
        id: "plan.current",
        title: "plan",
        waivable: false,
        judge: fit::plan_is_current,
    },
    Gate {
        id: "policy.recorded",
        title: "policy",
        waivable: false,
        judge: place::recorded,
    },
    Gate {
        id: "lock",
        title: "lock",
        waivable: false,
        judge: place::lock,
    },
    Gate {
        id: "release.tag",
        title: "tags",
        waivable: false,
        judge: fit::tags_stay,
    },
    Gate {
        id: "policy.trigger",
        title: "trigger",
        waivable: true,
        judge: fit::trigger,
    },
    Gate {
        id: "policy.branch",
        title: "branch",
        waivable: true,
        judge: fit::branch,
    },
    Gate {
        id: "policy.tag",
        title: "tag",
        waivable: true,
        judge: fit::tag,
    },
    Gate {
        id: "target.idle",
        title: "one at a time",
        waivable: false,
        judge: order::idle,
    },
    Gate {
        id: "target.change",
        title: "a change",
        waivable: true,
        judge: order::is_a_change,
    },
    Gate {
        id: "order.verified",
        title: "order",
        waivable: true,
        judge: order::verified,
    },
    Gate {
        id: "calendar.window",
        title: "calendar",
        waivable: true,
        judge: calendar::window,
    },
    Gate {
        id: "release.grounded",
        title: "not grounded",
        waivable: true,
        judge: order::grounded,
    },
    Gate {
        id: "release.backport",
        title: "no fix lost",
        waivable: true,
        judge: hotfix::backport,
    },
    Gate {
        id: "hotfix.open",
        title: "hotfix",
        waivable: false,
        judge: hotfix::open,
    },
    Gate {
        id: "approvals",
        title: "approvals",
        waivable: false,
        judge: people::approvals,
    },
    Gate {
        id: "checklist",
        title: "checklist",
        waivable: false,
        judge: people::checklist,
    },
    Gate {
        id: "target.health",
        title: "target health",
        waivable: true,
        judge: health::target,
    },
    Gate {
        id: "target.steps",
        title: "steps",
        waivable: true,
        judge: health::steps,
    },
    Gate {
        id: "way.back",
        title: "way back",
        waivable: true,
        judge: order::way_back,
    },
    Gate {
        id: "migration.rollback",
        title: "data back",
        waivable: true,
        judge: migration::rollback,
    },
    Gate {
        id: "ready.rights",
        title: "rights",
        waivable: true,
        judge: ready::rights,
    },
    Gate {
        id: "ready.secrets",
        title: "secrets",
        waivable: true,
        judge: ready::references,
    },
    Gate {
        id: "ready.capacity",
        title: "capacity",
        waivable: true,
        judge: ready::capacity,
    },
    Gate {
        id: "ready.disk",
        title: "disk",
        waivable: true,
        judge: ready::disk,
    },
];

/// What has to pass before an item changes anything outside: all that is asked of release, plan, order, people and time.
/// What the flight itself asks of the platform comes later.
const BEFORE_ACTS: &[&str] = &[
    "release.digest",
    "plan.current",
    "policy.recorded",
    "lock",
    "release.tag",
    "policy.trigger",
    "policy.branch",
    "policy.tag",
    "target.idle",
    "order.verified",
    "calendar.window",
    "release.grounded",
    "release.backport",
    "hotfix.open",
    "approvals",
    "migration.rollback",
];

/// Before an item is run that acts.
pub fn before_acts(facts: &Facts<'_>, plan: &StoredPlan) -> Judgement {
    let mut gates = judge_all(TAKE_OFF, facts, plan);
    gates.retain(|gate| BEFORE_ACTS.contains(&gate.id.as_str()));
    Judgement::of(gates)
}

/// Before an item takes back what another did.
pub fn before_way_back(facts: &Facts<'_>, plan: &StoredPlan) -> Judgement {
    let mut gates = judge_all(TAKE_OFF, facts, plan);
    gates.retain(|gate| gate.id == "lock");
    Judgement::of(gates)
}

/// Before one more pod gets the new release.
pub const PROMOTION: &[Gate] = &[
    Gate {
        id: "decision.no_go",
        title: "no objection",
        waivable: false,
        judge: people::no_go,
    },
    Gate {
        id: "lock",
        title: "lock",
        waivable: false,
        judge: place::lock,
    },
    Gate {
        id: "stage.bake",
        title: "bake",
        waivable: true,
        judge: health::bake,
    },
    Gate {
        id: "stage.pods",
        title: "pods",
        waivable: true,
        judge: health::pods,
    },
    Gate {
        id: "stage.health",
        title: "health",
        waivable: true,
        judge: health::answers,
    },
];

/// Before the session is closed.
pub const CLOSE: &[Gate] = &[
    Gate {
        id: "target.drift",
        title: "no drift",
        waivable: false,
        judge: health::drift,
    },
    Gate {
        id: "glass.countersign",
        title: "countersign",
        waivable: false,
        judge: people::countersigned,
    },
    Gate {
        id: "verification",
        title: "verification",
        waivable: false,
        judge: people::verification,
    },
    Gate {
        id: "monitoring",
        title: "monitoring",
        waivable: true,
        judge: health::monitoring,
    },
    Gate {
        id: "stage.pods",
        title: "pods",
        waivable: true,
        judge: health::pods,
    },
];

pub fn take_off(facts: &Facts<'_>, plan: &StoredPlan) -> Judgement {
    let mut gates = judge_all(TAKE_OFF, facts, plan);
    let hash = facts
        .workload
        .value()
        .and_then(|o| o.workload.stable_hash.as_deref());
    gates.extend(limits(facts, plan, hash, "stable"));
    Judgement::of(gates)
}

/// One gate of take-off alone, by its id, for a rule that answers by gates. Never the approvals: no rule approves itself.
pub fn named(facts: &Facts<'_>, plan: &StoredPlan, id: &str) -> Option<GateResult> {
    if id == "approvals" {
        return None;
    }
    if let Some(gate) = TAKE_OFF.iter().position(|gate| gate.id == id) {
        return judge_all(TAKE_OFF.get(gate..=gate)?, facts, plan).pop();
    }
    let hash = facts
        .workload
        .value()
        .and_then(|o| o.workload.stable_hash.as_deref());
    limits(facts, plan, hash, "stable")
        .into_iter()
        .find(|gate| gate.id == id)
}

pub fn promotion(facts: &Facts<'_>, plan: &StoredPlan) -> Judgement {
    let mut gates = judge_all(PROMOTION, facts, plan);
    gates.extend(canary_limits(facts, plan));
    Judgement::of(gates)
}

/// The limits of the plan against the canary, one gate each, in the plan's order.
pub fn canary_limits(facts: &Facts<'_>, plan: &StoredPlan) -> Vec<GateResult> {
    let observed = facts.workload.value();
    let hash = observed.and_then(|o| o.workload.current_hash.as_deref());
    limits(facts, plan, hash, "canary")
}

/// What break-glass passes over: that people have not answered, that the environment before has not seen it long
/// enough, and that it is not the time. Nothing that says what would run, or where.
pub fn breakable(id: &str) -> bool {
    ["approvals", "order.verified", "calendar.window"].contains(&id)
}

/// Shown and never in the way: what is not ready in an environment that is not protected.
pub fn is_advisory(id: &str, facts: &Facts<'_>) -> bool {
    id.starts_with("ready.") && !facts.environment.protected
}

/// A stage's bake does not hold a full promotion back; everything else does.
pub fn full_promotion(facts: &Facts<'_>, plan: &StoredPlan) -> Judgement {
    let judgement = promotion(facts, plan);
    Judgement::of(
        judgement
            .gates
            .into_iter()
            .filter(|gate| gate.id != "stage.bake")
            .collect(),
    )
}

pub fn close(facts: &Facts<'_>, plan: &StoredPlan) -> Judgement {
    let mut gates = judge_all(CLOSE, facts, plan);
    let hash = facts
        .workload
        .value()
        .and_then(|o| o.workload.current_hash.as_deref());
    gates.extend(limits(facts, plan, hash, "the release"));
    Judgement::of(gates)
}

/// One gate for each limit of the plan, `metric.error_rate` and so on.
fn limits(facts: &Facts<'_>, plan: &StoredPlan, hash: Option<&str>, who: &str) -> Vec<GateResult> {
    let waivers = facts
        .current()
        .filter(|current| current.plan.digest == plan.digest);
    let judged = plan.plan.limits.iter().map(|limit| {
        let (verdict, sentence) = match &facts.target.metrics {
            Some(source) => super::judge::judge(facts, source, limit, hash, who),
            // Limits of the plan do not go away because somebody's configuration does not measure them.
            None => (
                super::gate::Verdict::Unknown,
                format!(
                    "{} of {who} is not measured here: the configuration names no metrics of {}",
                    limit.metric.title(),
                    facts.target.id
                ),
            ),
        };
        let id = format!("metric.{}", limit.metric.id());
        waive(
            GateResult {
                id,
                title: limit.metric.title().to_owned(),
                verdict,
                sentence,
                waivable: true,
                advisory: false,
            },
            waivers,
        )
    });
    judged.collect()
}

/// Every gate id a person could name in a waiver.
pub fn waivable(id: &str) -> Option<bool> {
    if let Some(metric) = id.strip_prefix("metric.") {
        return crate::domain::metric::Metric::ALL
            .iter()
            .any(|m| m.id() == metric)
            .then_some(true);
    }
    if id == migration::FORBIDDEN {
        return Some(true);
    }
    TAKE_OFF
        .iter()
        .chain(PROMOTION)
        .chain(CLOSE)
        .find(|gate| gate.id == id)
        .map(|gate| gate.waivable)
}
