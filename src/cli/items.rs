//! Items of the checklist as lines and as JSON: where each stands, who did it, and what it left.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::{
    domain::{
        deployment::{Deployment, ItemStatus},
        item::{ItemId, ItemSpec},
        plan::StoredPlan,
    },
    policy::facts::Facts,
};

fn status(facts: &Facts<'_>, deployment: Option<&Deployment>, item: &ItemSpec) -> ItemStatus {
    deployment.map_or(ItemStatus::Open, |it| it.status(item, facts.now))
}

fn word(status: ItemStatus) -> &'static str {
    match status {
        ItemStatus::Open => "○ open   ",
        ItemStatus::Running => "◐ running",
        ItemStatus::Done => "✔ done   ",
        ItemStatus::Failed => "✖ FAILED ",
        ItemStatus::Unknown => "? UNKNOWN",
        ItemStatus::Waived => "≈ waived ",
    }
}

/// The deployment that is under way, if it is this plan's.
fn own<'a>(facts: &Facts<'a>, plan: &StoredPlan) -> Option<&'a Deployment> {
    facts
        .current()
        .filter(|current| current.plan.digest == plan.digest)
}

/// Phase by phase, in the order of the plan.
pub fn lines(facts: &Facts<'_>, plan: &StoredPlan) -> Vec<String> {
    let deployment = own(facts, plan);
    let mut lines = Vec::new();
    let mut above = None;
    for item in &plan.plan.items {
        if above.replace(item.phase) != Some(item.phase) {
            lines.push(item.phase.title().to_owned());
        }
        let state = deployment.and_then(|it| it.items.get(&item.id));
        let mut text = format!(
            "  {} {:<22} {}",
            word(status(facts, deployment, item)),
            item.id.0,
            item.title
        );
        if !item.required {
            text.push_str(" (advisory)");
        }
        if let Some(stale) = deployment.and_then(|it| it.stale(item, facts.now)) {
            let _ = write!(text, "; {}", stale.sentence());
        } else if let Some(state) = state {
            let _ = write!(text, "; {}", state.by);
            let evidence = state.evidence.as_ref().map(|evidence| evidence.sentence());
            let said: Vec<String> = evidence.into_iter().chain(state.note.clone()).collect();
            if !said.is_empty() {
                let _ = write!(text, ": {}", said.join("; "));
            }
        }
        lines.push(text);
    }
    lines
}

pub fn json(facts: &Facts<'_>, plan: &StoredPlan) -> Value {
    let deployment = own(facts, plan);
    let item = |item: &ItemSpec| {
        let state = deployment.and_then(|it| it.items.get(&item.id));
        json!({
            "id": item.id, "phase": item.phase, "title": item.title, "required": item.required,
            "status": status(facts, deployment, item),
            "by": state.map(|state| &state.by), "at": state.map(|state| state.at),
            "note": state.and_then(|state| state.note.as_ref()),
            "notes": deployment.and_then(|it| it.notes.get(&item.id)),
        })
    };
    plan.plan.items.iter().map(item).collect()
}

/// What is still open where this item stands: `2 of 3 required items are open`.
pub fn left(facts: &Facts<'_>, item: &ItemId) -> Option<String> {
    let current = facts.current()?;
    let spec = current.plan.plan.item(item)?;
    let beside = |other: &&ItemSpec| {
        other.required
            && other.is_verification() == spec.is_verification()
            && (other.is_verification() || other.is_before_take_off())
    };
    let all: Vec<&ItemSpec> = current.plan.plan.items.iter().filter(beside).collect();
    let open = all
        .iter()
        .filter(|other| !current.counts(other, facts.now))
        .count();
    let what = if spec.is_verification() {
        "required verification items"
    } else {
        "required items"
    };
    Some(match open {
        0 => format!("all {} {what} are done", all.len()),
        open => format!("{open} of {} {what} are open", all.len()),
    })
}
