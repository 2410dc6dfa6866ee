//! What a probe sees that is judged from what this process watches: pods, health, metrics, gates.

use crate::domain::{
    metric::Metric,
    plan::{Probe, StoredPlan},
    rollout::Observed,
    time,
};

use super::{
    facts::Facts,
    gate::{Verdict, judge_all},
    gates::{self, health},
    judge,
};

/// The verdict and its sentence. What has to be asked or run first is not known here.
pub fn measure(probe: &Probe, facts: &Facts<'_>, plan: &StoredPlan) -> (Verdict, String) {
    if let Probe::Gate(id) = probe {
        return gate(id, facts, plan);
    }
    let Some(observed) = facts.fresh() else {
        return (Verdict::Unknown, blind(facts));
    };
    match probe {
        Probe::Pods => health::judge_pods(observed),
        Probe::Health => health::answers(facts, plan)
            .unwrap_or((Verdict::Unknown, "/health is not configured".to_owned())),
        Probe::Metrics => metrics(facts, plan, observed, |_| true),
        Probe::Metric(one) => metrics(facts, plan, observed, |metric| metric == *one),
        Probe::Gate(_)
        | Probe::Command(_)
        | Probe::Http(_)
        | Probe::Tcp(_)
        | Probe::Dns(_)
        | Probe::Git(_)
        | Probe::Ci(_)
        | Probe::Kubernetes(_)
        | Probe::Number(_) => (
            Verdict::Unknown,
            format!(
                "nobody has asked yet: it is a probe of the kind {}",
                probe.id()
            ),
        ),
    }
}

/// That the platform was not read lately, and why.
pub fn blind(facts: &Facts<'_>) -> String {
    let on = &facts.target.workload;
    match (&facts.workload.trouble, &facts.workload.last) {
        (Some(trouble), _) => trouble.value.to_string(),
        (None, Some(last)) => format!("{on} was last read {} ago", time::age(last.age(facts.now))),
        (None, None) => format!("{on} was not read yet"),
    }
}

fn metrics(
    facts: &Facts<'_>,
    plan: &StoredPlan,
    observed: &Observed,
    wanted: impl Fn(Metric) -> bool,
) -> (Verdict, String) {
    let Some(source) = &facts.target.metrics else {
        return (Verdict::Unknown, "/metrics is not configured".to_owned());
    };
    let hash = observed.workload.current_hash.as_deref();
    let judged: Vec<(Verdict, String)> = plan
        .plan
        .limits
        .iter()
        .filter(|limit| wanted(limit.metric))
        .map(|limit| judge::judge(facts, source, limit, hash, "the release"))
        .collect();
    if judged.is_empty() {
        let sentence = "there is no limit that it could be compared with".to_owned();
        return (Verdict::Unknown, sentence);
    }
    let worst = judged
        .iter()
        .find(|(verdict, _)| *verdict != Verdict::Pass)
        .cloned();
    worst.unwrap_or_else(|| {
        let sentences: Vec<String> = judged.into_iter().map(|(_, sentence)| sentence).collect();
        (Verdict::Pass, sentences.join("; "))
    })
}

/// A gate of the take-off as it stands now. The checklist itself is none: it would ask itself.
fn gate(id: &str, facts: &Facts<'_>, plan: &StoredPlan) -> (Verdict, String) {
    let Some(gate) = gates::TAKE_OFF
        .iter()
        .find(|gate| gate.id == id && id != "checklist")
    else {
        return (
            Verdict::Unknown,
            format!("there is no gate {id} at take-off"),
        );
    };
    let judged = judge_all(std::slice::from_ref(gate), facts, plan);
    judged.into_iter().next().map_or(
        (
            Verdict::Pass,
            format!("the policy asks nothing of {}", gate.title),
        ),
        |result| (result.verdict, result.sentence),
    )
}
