//! What people said and ticked: approvals, vetoes, checklists (SPEC A1, A2, A5, C1).

use crate::{
    domain::{
        deployment::{Decision, Deployment, is_verified},
        entry::Answer,
        environment::ApprovalRule,
        plan::{ItemSpec, StoredPlan},
        time,
    },
    policy::{
        facts::Facts,
        gate::{Judged, Verdict},
        hotfix,
    },
};

/// The deployment that this plan is, if it was requested.
fn requested<'a>(facts: &Facts<'a>, plan: &StoredPlan) -> Option<&'a Deployment> {
    facts
        .current()
        .filter(|current| current.plan.digest == plan.digest)
}

pub fn approvals(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let rule = plan.plan.policy.approvals.as_ref()?;
    let Some(deployment) = requested(facts, plan) else {
        return Some((
            Verdict::Fail,
            format!(
                "needs {} of {}; request it first",
                rule.quorum,
                eligible(facts, rule, None)
            ),
        ));
    };
    if let Some(no) = standing_no_go(deployment) {
        return Some((
            Verdict::Fail,
            format!("{} says NO-GO: {}", no.by.name, no.reason),
        ));
    }
    let counted: Vec<&Decision> = deployment
        .decisions
        .iter()
        .filter(|decision| why_not_counted(facts, plan, rule, deployment, decision).is_none())
        .collect();
    let names: Vec<&str> = counted
        .iter()
        .map(|decision| decision.by.name.as_str())
        .collect();
    let given = format!("{} of {}", counted.len(), rule.quorum);
    if counted.len() >= rule.quorum as usize {
        return Some((
            Verdict::Pass,
            format!("approved, {given}: {}{}", names.join(", "), hurried(plan)),
        ));
    }
    let discounted = deployment
        .decisions
        .iter()
        .find_map(|decision| why_not_counted(facts, plan, rule, deployment, decision));
    let so_far = if names.is_empty() {
        String::new()
    } else {
        format!(" ({})", names.join(", "))
    };
    let others = eligible(facts, rule, Some(deployment));
    let why = discounted.map_or_else(String::new, |why| format!("; {why}"));
    Some((
        Verdict::Fail,
        format!(
            "{given} approvals{so_far}; may approve: {others}{why}{}",
            hurried(plan)
        ),
    ))
}

/// In whose place one emergency approver stands.
fn hurried(plan: &StoredPlan) -> String {
    let Some((hurry, terms)) = hotfix::terms(plan) else {
        return String::new();
    };
    match (&terms.approvals, &plan.plan.policy.approvals) {
        (Some(usual), Some(now)) => format!(
            "; one of the role {} in place of {} of the role {}: {}",
            now.role,
            usual.quorum,
            usual.role,
            hurry.words()
        ),
        _ => String::new(),
    }
}

pub fn standing_no_go(deployment: &Deployment) -> Option<&Decision> {
    deployment
        .decisions
        .iter()
        .find(|decision| decision.answer == Answer::NoGo)
}

/// In flight a no-go holds promotion until its giver withdraws it.
pub fn no_go(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let no = standing_no_go(requested(facts, plan)?)?;
    Some((
        Verdict::Fail,
        format!(
            "{} says NO-GO: {}; it stands until {} withdraws it",
            no.by.name, no.reason, no.by.name
        ),
    ))
}

/// A break-glass is answered for by a second person before the session is closed.
pub fn countersigned(facts: &Facts<'_>, _: &StoredPlan) -> Judged {
    let id = &facts.current()?.id;
    let mut broken = facts.state.glass.iter();
    let mut broken = broken.by_ref().filter(|glass| glass.deployment == *id);
    let first = broken.next()?;
    let open = std::iter::once(first)
        .chain(broken)
        .find(|glass| glass.countersigned.is_none());
    Some(match (open, &first.countersigned) {
        (None, Some(signature)) => (
            Verdict::Pass,
            format!(
                "break-glass by {}, countersigned by {}",
                first.by, signature.by
            ),
        ),
        (open, _) => {
            let within = facts.workspace.timings.countersign;
            let open = open.unwrap_or(first);
            (Verdict::Fail, open.sentence(within, facts.now))
        }
    })
}

/// Judged at the moment it is needed, with the roles of that moment.
fn why_not_counted(
    facts: &Facts<'_>,
    plan: &StoredPlan,
    rule: &ApprovalRule,
    deployment: &Deployment,
    decision: &Decision,
) -> Option<String> {
    let name = &decision.by.name;
    if decision.plan != plan.digest {
        return Some(format!(
            "{name} approved another plan, {}",
            decision.plan.short()
        ));
    }
    if rule.exclude_requester && *name == deployment.requester.name {
        return Some(format!("{name} requested it and does not count"));
    }
    if !facts
        .workspace
        .person(name)
        .is_some_and(|person| person.has_role(&plan.plan.environment, &rule.role))
    {
        return Some(format!("{name} does not hold the role {}", rule.role));
    }
    if plan.plan.protected && !is_verified(&decision.by, facts.workspace.trust_names) {
        return Some(format!(
            "{name} is not verified (set `trust_names` or sign)"
        ));
    }
    let age = facts.now.duration_since(decision.at);
    (age > rule.expires_after).then(|| {
        format!(
            "{name}'s approval expired after {}",
            time::exact(rule.expires_after)
        )
    })
}

/// Who could approve, without those who did.
fn eligible(facts: &Facts<'_>, rule: &ApprovalRule, deployment: Option<&Deployment>) -> String {
    let decided = |name: &str| {
        deployment.is_some_and(|d| d.decisions.iter().any(|decision| decision.by.name == name))
    };
    let requester =
        |name: &str| rule.exclude_requester && deployment.is_some_and(|d| d.requester.name == name);
    let people = facts
        .workspace
        .people
        .iter()
        .filter(|p| p.has_role(&facts.environment.name, &rule.role));
    let names: Vec<&str> = people
        .map(|p| p.name.as_str())
        .filter(|name| !decided(name) && !requester(name))
        .collect();
    if names.is_empty() {
        format!("nobody else holds the role {}", rule.role)
    } else {
        names.join(", ")
    }
}

/// Required items before take-off.
pub fn checklist(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let required: Vec<&ItemSpec> = plan
        .plan
        .items
        .iter()
        .filter(|item| item.required && !item.is_verification())
        .collect();
    if required.is_empty() {
        return None;
    }
    let deployment = requested(facts, plan);
    let open: Vec<String> = required
        .iter()
        .filter(|item| !deployment.is_some_and(|d| d.is_settled(item)))
        .map(|item| item.id.to_string())
        .collect();
    Some(if open.is_empty() {
        (
            Verdict::Pass,
            format!(
                "{} of {} required items are done{}",
                required.len(),
                required.len(),
                put_off(plan)
            ),
        )
    } else {
        (
            Verdict::Fail,
            format!(
                "{} of {} required items are open: {}",
                open.len(),
                required.len(),
                open.join(", ")
            ),
        )
    })
}

/// What a hotfix does after its flight.
fn put_off(plan: &StoredPlan) -> String {
    match hotfix::terms(plan) {
        Some((hurry, terms)) if !terms.afterwards.is_empty() => format!(
            "; {} more follow after the flight: {}",
            terms.afterwards.len(),
            hurry.words()
        ),
        _ => String::new(),
    }
}

/// Required verification items after the last stage.
pub fn verification(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let deployment = requested(facts, plan)?;
    let required: Vec<&ItemSpec> = deployment
        .verification()
        .filter(|item| item.required)
        .collect();
    let open: Vec<String> = required
        .iter()
        .filter(|item| !deployment.is_settled(item))
        .map(|item| item.id.to_string())
        .collect();
    Some(if deployment.promoted_at.is_none() {
        (Verdict::Fail, "the last stage is not reached".to_owned())
    } else if open.is_empty() {
        (
            Verdict::Pass,
            format!("{} verification items are green", required.len()),
        )
    } else {
        (
            Verdict::Fail,
            format!("verification is open: {}", open.join(", ")),
        )
    })
}
