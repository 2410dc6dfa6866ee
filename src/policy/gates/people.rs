//! What people said and ticked: approvals, vetoes, checklists (SPEC A1, A2, A5, C1).

use jiff::Timestamp;

use crate::{
    domain::{
        deployment::{Deployment, ItemStatus},
        plan::{ItemSpec, StoredPlan},
    },
    policy::{
        facts::Facts,
        gate::{Judged, Verdict},
        hotfix,
        poll::{self, Call},
    },
};

/// The deployment that this plan is, if it was requested.
fn requested<'a>(facts: &Facts<'a>, plan: &StoredPlan) -> Option<&'a Deployment> {
    facts
        .current()
        .filter(|current| current.plan.digest == plan.digest)
}

pub fn approvals(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let poll = poll::poll(facts, plan)?;
    // Nobody is asked, and nobody objects.
    if poll.seats.is_empty() && poll.call == Call::Go {
        return None;
    }
    let sentence = format!("{}{}{}", poll.sentence, tightened(plan), hurried(plan));
    Some((poll.call.verdict(), sentence))
}

/// That the project asks for more here than the environment does.
fn tightened(plan: &StoredPlan) -> String {
    let policy = &plan.plan.policy;
    let own = policy.tightening().filter(|_| plan.plan.hotfix.is_none());
    match own.filter(|(_, own)| !own.approvals.is_empty()) {
        Some((project, own)) => {
            let rules = own.approvals.iter();
            let asked: Vec<String> = rules
                .map(|rule| format!("{} of the role {}", rule.quorum, rule.role))
                .collect();
            format!(
                "; {} is the rule of {}",
                asked.join(" and "),
                project.name()
            )
        }
        None => String::new(),
    }
}

/// In whose place one emergency approver stands.
fn hurried(plan: &StoredPlan) -> String {
    let Some((hurry, terms)) = hotfix::terms(plan) else {
        return String::new();
    };
    let usual: Vec<String> = terms
        .approvals
        .iter()
        .map(|rule| format!("{} of the role {}", rule.quorum, rule.role))
        .collect();
    match plan.plan.policy.approvals.first() {
        Some(now) if !usual.is_empty() => format!(
            "; one of the role {} in place of {}: {}",
            now.role,
            usual.join(" and "),
            hurry.words()
        ),
        _ => String::new(),
    }
}

/// In flight a no-go or a hold stops promotion until its giver withdraws it.
pub fn no_go(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let no = poll::objection(requested(facts, plan)?)?;
    Some((
        Verdict::Fail,
        format!(
            "{} says {}: {}; it stands until {} withdraws it",
            no.by.name,
            no.answer.word(),
            no.reason,
            no.by.name
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

/// Required items before take-off.
pub fn checklist(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let required: Vec<&ItemSpec> = plan
        .plan
        .items
        .iter()
        .filter(|item| item.required && item.is_before_take_off())
        .collect();
    if required.is_empty() {
        return None;
    }
    let deployment = requested(facts, plan);
    let open: Vec<String> = required
        .iter()
        .filter(|item| !deployment.is_some_and(|d| d.counts(item, facts.now)))
        .map(|item| open_item(deployment, item, facts.now))
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

/// `tests.passed`, and what is wrong with it where that is not only that nobody did it.
fn open_item(deployment: Option<&Deployment>, item: &ItemSpec, now: Timestamp) -> String {
    let id = &item.id;
    let Some(deployment) = deployment else {
        return id.to_string();
    };
    if let Some(stale) = deployment.stale(item, now) {
        return format!("{id} ({})", stale.sentence());
    }
    let status = match deployment.item(id) {
        ItemStatus::Done => ItemStatus::Done,
        _ => deployment.status(item, now),
    };
    match status {
        ItemStatus::Failed => format!("{id} (failed)"),
        ItemStatus::Running => format!("{id} (running)"),
        ItemStatus::Unknown => format!("{id} (nobody heard how it ended)"),
        ItemStatus::Done if deployment.is_overtaken(item) => {
            format!("{id} (what it rests on was done again)")
        }
        _ => id.to_string(),
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
