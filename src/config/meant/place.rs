//! Environments, their names and their order.

use std::collections::BTreeMap;

use crate::domain::{
    calendar::{Calendar, Day, Freeze, WHOLE_DAY, Window, Zone},
    environment::{
        ApprovalRule, AutoApproval, Contact, Dashboard, Environment, EnvironmentName, Policy,
        Tightening,
    },
    hotfix::HotfixPolicy,
    release::TriggerKind,
    target::TargetId,
};

use super::{
    super::{
        problem::{Report, did_you_mean, nearest},
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
            data: form.text("data").unwrap_or_default().to_owned(),
            contacts: contacts(form),
            dashboards: dashboards(form),
            policy: form
                .form("policy")
                .map(|policy_form| {
                    let calendar = calendar(zone(form, report), policy_form, report);
                    policy(policy_form, calendar, report)
                })
                .unwrap_or_default(),
        };
        environments.push(Meant { form, value });
    }
    environments
}

fn contacts(form: &Form) -> Vec<Contact> {
    let contact = |form: &Form| {
        Some(Contact {
            name: form.text("name")?.to_owned(),
            reach: form.text("reach")?.to_owned(),
        })
    };
    form.forms("contacts").iter().filter_map(contact).collect()
}

fn dashboards(form: &Form) -> Vec<Dashboard> {
    let dashboard = |form: &Form| {
        Some(Dashboard {
            title: form.text("title")?.to_owned(),
            url: form.text("url")?.to_owned(),
        })
    };
    form.forms("dashboards")
        .iter()
        .filter_map(dashboard)
        .collect()
}

fn zone(environment: &Form, report: &mut Report) -> Zone {
    environment
        .text("time_zone")
        .map_or_else(Zone::default, |zone| {
            Zone::parse(zone).unwrap_or_else(|| {
                report.problem(
                    environment.place("time_zone"),
                    format!("there is no time zone `{}`", zone.escape_debug()),
                    did_you_mean_zone(zone),
                );
                Zone::default()
            })
        })
}

/// What cannot be kept is reported where it stands: a freeze that ends before it begins, a window
/// that never opens.
pub(super) fn calendar(zone: Zone, form: &Form, report: &mut Report) -> Calendar {
    let off = days(form, "no_deploys_on");
    if off.len() == Day::ALL.len() {
        report.problem(
            form.place("no_deploys_on"),
            "no day is left on which anything may enter",
            "leave a day out, or write a freeze with its reason",
        );
    }
    let windows = form.forms("windows").iter().filter_map(|form| {
        let window = Window {
            days: days(form, "days"),
            from: form.clock("from")?,
            lasts: form.duration("for")?,
        };
        if window.lasts > WHOLE_DAY {
            report.problem(
                form.place("for"),
                "a window is open for a day at most",
                "write one window for each day",
            );
        } else if window.days.is_empty() {
            report.problem(
                form.place("days"),
                "this window never opens: it names no day",
                "name a day, or leave `days` out for every day",
            );
        } else if window.never_opens(&off) {
            let names: Vec<&str> = window.days.iter().map(|day| day.word()).collect();
            report.problem(
                form.at,
                format!(
                    "this window never opens: `no_deploys_on` has {}",
                    names.join(", ")
                ),
                "give it another day, or take the day out of `no_deploys_on`",
            );
        }
        Some(window)
    });
    let windows = windows.collect();
    let freezes = form.forms("freezes").iter().filter_map(|form| {
        let freeze = Freeze {
            from: form.moment("from")?.begins(),
            until: form.moment("until")?.ends(),
            reason: form.text("reason")?.to_owned(),
        };
        if freeze.until <= freeze.from {
            report.problem(
                form.place("until"),
                "this freeze ends before it begins",
                "`until` comes after `from`",
            );
        }
        Some(freeze)
    });
    Calendar {
        zone,
        windows,
        freezes: freezes.collect(),
        no_deploys_on: off,
    }
}

/// By its whole name, or by its city alone: `Berlin` means Europe/Berlin.
fn did_you_mean_zone(typed: &str) -> String {
    let city = |name: &&str| {
        name.rsplit('/')
            .next()
            .is_some_and(|city| city.eq_ignore_ascii_case(&typed.replace(' ', "_")))
    };
    match Zone::names().find(city) {
        Some(name) => format!("did you mean `{name}`?"),
        None => match nearest(typed, Zone::names()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => "write a name of the IANA database, like Europe/Berlin or UTC".to_owned(),
        },
    }
}

/// In the order of the week.
fn days(form: &Form, key: &str) -> Vec<Day> {
    let typed = form.texts(key);
    let named = |day: &Day| typed.iter().any(|text| text.value == day.word());
    Day::ALL.into_iter().filter(named).collect()
}

pub(super) fn triggers(form: &Form) -> Vec<TriggerKind> {
    let typed = form.texts("allowed_triggers").iter();
    let kind = |word: &str| match word {
        "branch_push" => TriggerKind::BranchPush,
        "tag" => TriggerKind::Tag,
        _ => TriggerKind::Manual,
    };
    typed.map(|trigger| kind(&trigger.value)).collect()
}

fn policy(form: &Form, calendar: Calendar, report: &mut Report) -> Policy {
    Policy {
        allowed_triggers: triggers(form),
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
        auto_deploy: form.flag("auto_deploy"),
        auto_deploy_tags: values(form.texts("auto_deploy_tags")),
        calendar,
        // What targets say is put in once all of them are read.
        projects: BTreeMap::new(),
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

pub(super) fn approvals(form: &Form) -> ApprovalRule {
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
        if policy.flag("auto_deploy") && value.protected {
            report.problem(
                policy.place("auto_deploy"),
                format!(
                    "{} is protected: nothing is deployed there by itself",
                    value.name
                ),
                "leave `auto_deploy` out; a person presses the key there",
            );
        }
        if policy.is_typed("auto_deploy_tags") && !policy.flag("auto_deploy") {
            report.warning(
                policy.place("auto_deploy_tags"),
                "`auto_deploy_tags` does nothing without `auto_deploy`",
                "say auto_deploy = true, or leave the tags out",
            );
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

/// With the names that were meant, and what projects ask for themselves.
pub(super) fn resolved(
    environments: Vec<Meant<Environment>>,
    own: Vec<(TargetId, Tightening)>,
) -> Vec<Environment> {
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
    for (target, own) in own {
        let mut places = resolved.iter_mut();
        if let Some(place) = places.find(|place| place.name == target.environment) {
            place.policy.projects.insert(target.project, own);
        }
    }
    resolved
}
