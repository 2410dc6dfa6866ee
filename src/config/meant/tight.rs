//! What a target asks beside the policy of its environment: only ever more. What would loosen it is a problem with its
//! place, and names both values.

use jiff::SignedDuration;

use crate::domain::{
    calendar::Calendar,
    environment::{ApprovalRule, Environment, Tightening},
    release::TriggerKind,
    time,
};

use super::{
    super::{problem::Report, typed::Form},
    Meant, place, values,
};

pub(super) fn tightening(
    form: &Form,
    project: &str,
    of: &Meant<'_, Environment>,
    report: &mut Report,
) -> Tightening {
    let (name, policy) = (&of.value.name, &of.value.policy);
    let mut loose = |key: &str, theirs: String, own: String| {
        report.problem(
            form.place(key),
            format!("`{key}` of {name} is {theirs}; {project} cannot have {own}: a project only tightens it"),
            format!("ask for more than {name} does, or leave `{key}` out"),
        );
    };
    let triggers = place::triggers(form);
    let more: Vec<TriggerKind> = triggers
        .iter()
        .filter(|trigger| !policy.allowed_triggers.contains(trigger))
        .copied()
        .collect();
    if !more.is_empty() {
        let key = "allowed_triggers";
        loose(key, words(&policy.allowed_triggers), words(&triggers));
    }
    let soak = form.duration("soak");
    if let Some(shorter) = soak.filter(|soak| *soak < policy.soak) {
        let exact = |soak: SignedDuration| time::exact(soak);
        loose("soak", exact(policy.soak), exact(shorter));
    }
    if form.flag("auto_deploy") {
        let theirs = policy.auto_deploy;
        if !theirs {
            loose("auto_deploy", theirs.to_string(), "true".to_owned());
        }
    }
    if soak.is_some() && policy.after.is_none() {
        report.warning(
            form.place("soak"),
            format!("`soak` does nothing: {name} comes after no environment"),
            "say `after` in its [environment.policy], or leave the soak out",
        );
    }
    Tightening {
        allowed_triggers: form.is_typed("allowed_triggers").then_some(triggers),
        allowed_branches: values(form.texts("allowed_branches")),
        allowed_tags: values(form.texts("allowed_tags")),
        soak,
        approvals: approvals(form, project, of, report),
        veto: values(form.texts("veto")),
        never_by_itself: form.is_typed("auto_deploy") && !form.flag("auto_deploy"),
        calendar: {
            let zone = policy.calendar.zone.clone();
            let calendar = place::calendar(zone, form, report);
            if calendar.closes_ever() {
                calendar
            } else {
                Calendar::default()
            }
        },
    }
}

fn words(triggers: &[TriggerKind]) -> String {
    let words: Vec<String> = triggers.iter().map(ToString::to_string).collect();
    format!("[{}]", words.join(", "))
}

/// Of a role that the environment asks already, each point may only be stricter; what is not typed is as there.
fn approvals(
    form: &Form,
    project: &str,
    of: &Meant<'_, Environment>,
    report: &mut Report,
) -> Vec<ApprovalRule> {
    let name = &of.value.name;
    let mut rules = Vec::new();
    for form in form.forms("approvals") {
        let mut rule = place::approvals(form);
        let theirs = &of.value.policy.approvals;
        if let Some(theirs) = theirs.iter().find(|other| other.role == rule.role) {
            let mut loose = |key: &str, theirs: String, own: String| {
                report.problem(
                    form.place(key),
                    format!(
                        "{name} asks for `{key}` {theirs} of the role `{}`; {project} cannot have {own}: a project only tightens it",
                        rule.role
                    ),
                    format!("ask for more than {name} does, or leave `{key}` out"),
                );
            };
            let typed = |key: &str| form.is_typed(key);
            if typed("quorum") && rule.quorum < theirs.quorum {
                loose("quorum", theirs.quorum.to_string(), rule.quorum.to_string());
            }
            if typed("expires_after") && rule.expires_after > theirs.expires_after {
                let exact = |wait: SignedDuration| time::exact(wait);
                loose(
                    "expires_after",
                    exact(theirs.expires_after),
                    exact(rule.expires_after),
                );
            }
            for (key, own, other) in [
                (
                    "exclude_requester",
                    rule.exclude_requester,
                    theirs.exclude_requester,
                ),
                (
                    "exclude_authors",
                    rule.exclude_authors,
                    theirs.exclude_authors,
                ),
            ] {
                if typed(key) && other && !own {
                    loose(key, "true".to_owned(), "false".to_owned());
                }
            }
            if !typed("quorum") {
                rule.quorum = theirs.quorum;
            }
            if !typed("expires_after") {
                rule.expires_after = theirs.expires_after;
            }
            if !typed("exclude_requester") {
                rule.exclude_requester = theirs.exclude_requester;
            }
            if !typed("exclude_authors") {
                rule.exclude_authors = theirs.exclude_authors;
            }
        }
        if rules
            .iter()
            .any(|other: &ApprovalRule| other.role == rule.role)
        {
            report.problem(
                form.at,
                format!("{project} asks twice for the role `{}`", rule.role),
                "say both in one table",
            );
        }
        rules.push(rule);
    }
    rules
}
