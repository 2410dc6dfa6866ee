//! The Plan screen: what would change, and everything for and against it.

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::{deployment::Deployment, plan::StoredPlan, release::ReleaseRef, time},
    policy::{facts::Facts, gate::Judgement, gates, migration},
    session::{cockpit::Cockpit, wanted},
};

use super::{Line, gate_lines, item_line};

/// The Plan screen.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanShown {
    pub plan: StoredPlan,
    /// Stored in the ledger, with its deployment; else only looked at.
    pub deployment: Option<Deployment>,
    pub judgement: Judgement,
    /// Gates first, then all items.
    pub lines: Vec<Line>,
    /// What will change, before → after, one per line.
    pub changes: Vec<String>,
    /// Why no digest is known yet.
    pub resolving: bool,
    pub trouble: Option<String>,
}

/// The plan in focus: the open request's, else the one of the chosen release.
pub fn plan(cockpit: &Cockpit) -> Option<PlanShown> {
    let facts = cockpit.facts()?;
    let (plan, deployment) = match facts.current() {
        Some(current) => (current.plan.clone(), Some(current.clone())),
        None => (wanted::plan_of(&facts, cockpit.view.chosen?).ok()?, None),
    };
    let judgement = gates::take_off(&facts, &plan);
    let lines = lines(&judgement, &plan, deployment.as_ref(), facts.now);
    let key = (plan.plan.project.clone(), plan.release.commit.clone());
    let resolving = cockpit.resolving.contains(&key);
    let trouble = cockpit.artifact_trouble.get(&key).map(ToString::to_string);
    Some(PlanShown {
        changes: changes(&facts, &plan),
        plan,
        deployment,
        judgement,
        lines,
        resolving,
        trouble,
    })
}

fn lines(
    judgement: &Judgement,
    plan: &StoredPlan,
    deployment: Option<&Deployment>,
    now: Timestamp,
) -> Vec<Line> {
    let items = plan.plan.items.iter();
    let items = items.map(|spec| item_line(spec, deployment, now));
    gate_lines(judgement).into_iter().chain(items).collect()
}

fn changes(facts: &Facts<'_>, plan: &StoredPlan) -> Vec<String> {
    let mut lines = vec![format!(
        "release  {}",
        crate::domain::entry::from_to(plan.before.as_ref(), &plan.release)
    )];
    let image = |release: &ReleaseRef| {
        release.image.as_deref().map_or_else(
            || "no digest".to_owned(),
            crate::domain::change::short_image,
        )
    };
    let before = plan
        .before
        .as_ref()
        .map_or_else(|| "nothing".to_owned(), image);
    lines.push(format!("image    {before} → {}", image(&plan.release)));
    lines.push(format!("on       {}", facts.target.workload));
    if !plan.plan.stages.is_empty() {
        let stages: Vec<String> = plan
            .plan
            .stages
            .iter()
            .map(|stage| format!("{} % ({})", stage.share, time::exact(stage.bake)))
            .collect();
        lines.push(format!("stages   {}", stages.join(", ")));
    }
    if let Some(commits) = commits(facts, plan) {
        lines.push(commits);
    }
    lines.extend(data(facts, plan));
    lines.push(format!("takes    {}", estimate(facts, plan)));
    if facts.environment.protected {
        lines.push(format!("ledger   {}", crate::domain::standing::ONE_MACHINE));
    }
    lines
}

/// What its migration says, and whether there is a way back from it.
fn data(facts: &Facts<'_>, plan: &StoredPlan) -> Vec<String> {
    let mut lines = Vec::new();
    for act in plan.plan.acts() {
        for preview in migration::previews_of(&plan.plan, act) {
            let carrier = facts
                .current()
                .filter(|current| current.plan.digest == plan.digest);
            let state = carrier.and_then(|carrier| carrier.items.get(&preview));
            let evidence = state.and_then(|state| state.evidence.as_ref());
            lines.push(match evidence {
                Some(evidence) => {
                    format!("data     {} {}", evidence.output.short(), evidence.said)
                }
                None => format!("data     {}, not previewed yet", act.id),
            });
        }
    }
    let claim = plan.plan.rollback.as_ref();
    lines.extend(claim.map(|claim| format!("back     {}", claim.sentence())));
    lines
}

/// How many commits lie between what runs and what is planned.
fn commits(facts: &Facts<'_>, plan: &StoredPlan) -> Option<String> {
    let before = plan.before.as_ref()?;
    let number = plan.release.number;
    let inside: Vec<&str> = facts
        .releases
        .iter()
        .filter(|r| r.number > before.number && r.number <= number)
        .map(|r| r.subject.as_ref())
        .collect();
    match inside.as_slice() {
        [] => None,
        [one] => Some(format!("commits  1: {one}")),
        [.., newest] => Some(format!("commits  {}, newest: {newest}", inside.len())),
    }
}

/// How long it takes: the plan's own bakes and boxes, and what the platform took for its part in past flights here (the
/// median).
fn estimate(facts: &Facts<'_>, plan: &StoredPlan) -> String {
    let plan = &plan.plan;
    let bakes = plan
        .stages
        .iter()
        .map(|stage| stage.bake)
        .fold(SignedDuration::ZERO, SignedDuration::saturating_add);
    let mut moved: Vec<SignedDuration> = facts
        .state
        .past
        .iter()
        .filter_map(|past| past.moved_for)
        .collect();
    moved.sort_unstable();
    let mut parts = Vec::new();
    if !bakes.is_zero() {
        parts.push(format!("bakes {}", time::exact(bakes)));
    }
    parts.push(match moved.get(moved.len() / 2) {
        Some(median) => {
            let median = SignedDuration::from_secs(median.as_secs().max(1));
            format!("pods {} by history", time::age(median))
        }
        None => "pods not timed yet".to_owned(),
    });
    let boxes = plan.items.iter().filter_map(|item| item.time_box);
    if let Some(last) = boxes.map(|due| due.until).max() {
        parts.push(format!("verification {}", time::exact(last)));
    }
    parts.push(format!("monitoring {}", time::exact(plan.monitoring)));
    parts.join(", ")
}
