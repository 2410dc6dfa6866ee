//! The expedited plan: what an environment's hotfix policy makes of a plan, so that the ordinary gates judge its terms
//! (SPEC R8). Pure, and part of what is approved.

use jiff::SignedDuration;

use crate::domain::{
    environment::ApprovalRule,
    hotfix::{Expedited, HotfixPolicy, Mark, Terms},
    item::hang_on_acts,
    plan::{ItemId, ItemSpec, Plan, StoredPlan},
};

use super::gates::fit;

/// The plan as it is for a release that a hotfix's branch made.
pub fn expedite(mut plan: Plan, mark: &Mark) -> Plan {
    let policy = plan.policy.hotfix.clone();
    let policy = policy.filter(|policy| {
        policy
            .branches
            .iter()
            .any(|g| fit::matches(g, &mark.branch))
    });
    let terms = policy.map(|policy| relax(&mut plan, &policy, mark));
    plan.hotfix = Some(Expedited {
        hotfix: mark.name.clone(),
        branch: mark.branch.clone(),
        criterion: mark.criterion,
        terms,
    });
    plan
}

fn relax(plan: &mut Plan, policy: &HotfixPolicy, mark: &Mark) -> Terms {
    let validation: Vec<ItemId> = policy
        .validation
        .iter()
        .map(|item| item.id.clone())
        .collect();
    let listed = std::mem::take(&mut plan.items);
    // Nothing hurries so much that its data is changed unread, or not at all.
    let acts = hang_on_acts(&listed);
    let (acting, listed): (Vec<ItemSpec>, Vec<ItemSpec>) =
        listed.into_iter().partition(|item| acts.contains(&item.id));
    let (verification, before): (Vec<ItemSpec>, Vec<ItemSpec>) =
        listed.into_iter().partition(ItemSpec::is_verification);
    let afterwards = before
        .into_iter()
        .filter(|item| !validation.contains(&item.id))
        .collect();
    plan.items.clone_from(&policy.validation);
    plan.items.extend(acting);
    plan.items.extend(verification);
    if !plan.policy.allowed_branches.contains(&mark.branch) {
        plan.policy.allowed_branches.push(mark.branch.clone());
    }
    for own in plan.policy.projects.values_mut() {
        if !own.allowed_branches.is_empty() && !own.allowed_branches.contains(&mark.branch) {
            own.allowed_branches.push(mark.branch.clone());
        }
    }
    let approvals = std::mem::take(&mut plan.policy.approvals);
    if !approvals.is_empty() {
        plan.policy.approvals.push(ApprovalRule {
            quorum: 1,
            role: policy.role.clone(),
            exclude_requester: true,
            exclude_authors: approvals.iter().any(|rule| rule.exclude_authors),
            expires_after: policy.expires_after,
        });
    }
    let soak = match plan.policy.after {
        Some(_) => std::mem::replace(&mut plan.policy.soak, SignedDuration::ZERO),
        None => SignedDuration::ZERO,
    };
    Terms {
        soak,
        validation,
        approvals,
        windows_lifted: true,
        afterwards,
    }
}

/// The terms of a plan that hurries here; none where the environment relaxes nothing.
pub fn terms(plan: &StoredPlan) -> Option<(&Expedited, &Terms)> {
    let expedited = plan.plan.hotfix.as_ref()?;
    Some((expedited, expedited.terms.as_ref()?))
}
