//! Environments, their names and their order.

use crate::domain::{
    environment::{ApprovalRule, AutoApproval, Environment, EnvironmentName, Policy},
    hotfix::HotfixPolicy,
    release::TriggerKind,
};

use super::{
    super::{
        problem::{Report, did_you_mean},
        typed::Form,
    },
    Meant, item, values,
};

/// `after` is still as typed; `order` checks it and `resolved` puts the environment's own name there.
pub(super) fn environments<'f>(root: &'f Form, report: &mut Report) -> Vec<Meant<'f, Environment>> {
    let mut environments: Vec<Meant<Environment>> = Vec::new();
    for form in root.forms("environment") {
        let Some(name) = form.text("name") else {
            continue;
        };
        let names = std::iter::once((name, form.place("name"))).chain(
            form.texts("other_names")
                .iter()
                .map(|other| (other.value.as_str(), other.at)),
        );
        for (name, at) in names {
            if let Some(other) = environments
                .iter()
                .find(|other| other.value.answers_to(name))
            {
                report.problem(
                    at,
                    format!("`{name}` is a name of {} already", other.value.name),
                    "give every environment names of its own",
                );
            }
        }
        let value = Environment {
            name: EnvironmentName::new(name),
            other_names: values(form.texts("other_names")),
            purpose: form.text("purpose").unwrap_or_default().to_owned(),
            protected: form.flag("protected"),
            customer_data: form.flag("customer_data"),
            policy: form
                .form("policy")
                .map(|form| policy(form, report))
                .unwrap_or_default(),
        };
        environments.push(Meant { form, value });
    }
    environments
}

fn policy(form: &Form, report: &mut Report) -> Policy {
    let triggers = form.texts("allowed_triggers").iter();
    Policy {
        allowed_triggers: triggers
            .map(|trigger| match trigger.value.as_str() {
                "branch_push" => TriggerKind::BranchPush,
                "tag" => TriggerKind::Tag,
                _ => TriggerKind::Manual,
            })
            .collect(),
        allowed_branches: values(form.texts("allowed_branches")),
        allowed_tags: values(form.texts("allowed_tags")),
        after: form.text("after").map(EnvironmentName::new),
        soak: form.duration("soak").unwrap_or_default(),
        approvals: form.forms("approvals").iter().map(approvals).collect(),
        veto: values(form.texts("veto")),
        auto_approve: form
            .forms("auto_approve")
            .iter()
            .map(|form| AutoApproval {
                rule: form.text("rule").unwrap_or_default().to_owned(),
                role: form.text("role").unwrap_or_default().to_owned(),
                gates: values(form.texts("gates")),
            })
            .collect(),
        hotfix: form.form("hotfix").map(|form| hotfix(form, report)),
    }
}

/// What is not typed is as in the domain: 004's own steps.
fn hotfix(form: &Form, report: &mut Report) -> HotfixPolicy {
    let standard = HotfixPolicy::default();
    let mut validation = standard.validation;
    if form.is_typed("items") {
        validation.clear();
        item::items(form.forms("items"), &mut validation, report);
        if let Some(late) = validation.iter().find(|item| item.is_verification()) {
            report.problem(
                form.place("items"),
                format!("the item {} is verified after the flight", late.id),
                "what stands for the soak is done before take-off: another phase than verify",
            );
        }
    }
    let text = |key: &str, left_out: String| form.text(key).map_or(left_out, str::to_owned);
    HotfixPolicy {
        branches: values(form.texts("branches")),
        role: text("role", standard.role),
        expires_after: form
            .duration("expires_after")
            .unwrap_or(standard.expires_after),
        onto: text("onto", standard.onto),
        validation,
    }
}

fn approvals(form: &Form) -> ApprovalRule {
    ApprovalRule {
        quorum: form
            .count("quorum")
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(1),
        role: form.text("role").unwrap_or_default().to_owned(),
        exclude_requester: form.flag("exclude_requester"),
        exclude_authors: form.flag("exclude_authors"),
        expires_after: form.duration("expires_after").unwrap_or_default(),
    }
}

/// `after` names an environment that comes before this one, and nothing is allowed to enter is a slip.
pub(super) fn order(environments: &[Meant<Environment>], report: &mut Report) {
    for (index, Meant { form, value }) in environments.iter().enumerate() {
        let Some(policy) = form.form("policy") else {
            continue;
        };
        for key in ["allowed_triggers", "allowed_branches"] {
            if policy.is_typed(key) && policy.texts(key).is_empty() {
                report.warning(
                    policy.place(key),
                    format!("nothing can ever enter {}: `{key}` is empty", value.name),
                    "name something, or leave the key out to allow everything",
                );
            }
        }
        let Some(after) = policy.text("after") else {
            if policy.is_typed("soak") {
                report.warning(
                    policy.place("soak"),
                    "`soak` does nothing without `after`",
                    "say where the release must have been first: after = \"staging\"",
                );
            }
            continue;
        };
        let position = environments
            .iter()
            .position(|other| other.value.answers_to(after));
        let (sentence, hint) = match position {
            Some(position) if position < index => continue,
            Some(position) if position == index => (
                format!("{} comes after itself", value.name),
                "name an environment before it, or leave `after` out".to_owned(),
            ),
            Some(_) => (
                format!(
                    "{} comes after {after}, which stands later in this file",
                    value.name
                ),
                "the order of the file is the order of promotion: move one of them".to_owned(),
            ),
            None => (
                format!("there is no environment `{after}`"),
                did_you_mean(after, names(environments)),
            ),
        };
        report.problem(policy.place("after"), sentence, hint);
    }
}

pub(super) fn names<'a>(
    environments: &'a [Meant<Environment>],
) -> impl Iterator<Item = &'a str> + Clone {
    environments
        .iter()
        .map(|environment| environment.value.name.as_str())
}

pub(super) fn resolved(environments: Vec<Meant<Environment>>) -> Vec<Environment> {
    let mut resolved: Vec<Environment> = Vec::new();
    for Meant {
        value: mut next, ..
    } in environments
    {
        if let Some(after) = &next.policy.after {
            next.policy.after = resolved
                .iter()
                .find(|earlier| earlier.answers_to(after.as_str()))
                .map(|earlier| earlier.name.clone());
        }
        resolved.push(next);
    }
    resolved
}
