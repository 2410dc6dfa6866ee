//! Who may act: one person behind every name, roles that exist, and quorums that can be reached.

use crate::domain::{
    environment::Environment,
    text::{cleaned, look_alike},
    workspace::Person,
};

use super::{
    super::{
        problem::{At, Report, did_you_mean, nearest},
        schema::ROLES,
        typed::Form,
    },
    Meant, owned, place, values,
};

pub(super) fn people<'f>(
    root: &'f Form,
    environments: &[Meant<Environment>],
    report: &mut Report,
) -> Vec<Meant<'f, Person>> {
    let mut people: Vec<Meant<Person>> = Vec::new();
    for form in root.forms("person") {
        roles(form, root, environments, report);
        let Some(name) = form.text("name") else {
            continue;
        };
        let names = std::iter::once((name, form.place("name"))).chain(
            form.texts("accounts")
                .iter()
                .map(|account| (account.value.as_str(), account.at)),
        );
        for (name, at) in names {
            let taken = people.iter().map(|other| &other.value).find(|other| {
                other.name == name || other.accounts.iter().any(|account| account == name)
            });
            let shown = cleaned(name);
            if shown != name {
                report.problem(
                    at,
                    format!("`{shown}` has letters that pass for others"),
                    "write it in one script, so that nobody is taken for somebody else",
                );
            } else if let Some(other) = people.iter().map(|other| &other.value).find(|other| {
                std::iter::once(&other.name)
                    .chain(&other.accounts)
                    .any(|theirs| theirs != name && look_alike(theirs, name))
            }) {
                report.warning(
                    at,
                    format!("`{name}` looks like a name of {}", other.name),
                    "call one of them something else, so that nobody is taken for somebody else",
                );
            }
            if let Some(other) = taken {
                report.problem(
                    at,
                    format!("`{name}` is {} already", other.name),
                    "a person counts once: keep all their accounts in one [[person]]",
                );
            }
        }
        let value = Person {
            name: name.to_owned(),
            accounts: values(form.texts("accounts")),
            email: owned(form, "email"),
            roles: form
                .words("roles")
                .iter()
                .map(|(scope, words)| (canonical(scope, environments), values(words)))
                .collect(),
        };
        people.push(Meant { form, value });
    }
    people
}

fn canonical(scope: &At<String>, environments: &[Meant<Environment>]) -> String {
    environments
        .iter()
        .find(|environment| environment.value.answers_to(&scope.value))
        .map_or_else(
            || scope.value.clone(),
            |environment| environment.value.name.as_str().to_owned(),
        )
}

fn roles(form: &Form, root: &Form, environments: &[Meant<Environment>], report: &mut Report) {
    let all_named = environments.len() == root.forms("environment").len();
    let known: Vec<&str> = ROLES
        .iter()
        .copied()
        .chain(environments.iter().filter_map(|environment| {
            let rule = environment.value.policy.approvals.as_ref()?;
            Some(rule.role.as_str())
        }))
        .chain(environments.iter().filter_map(|environment| {
            let hotfix = environment.value.policy.hotfix.as_ref()?;
            Some(hotfix.role.as_str())
        }))
        .collect();
    let mut scopes: Vec<String> = Vec::new();
    for (scope, words) in form.words("roles") {
        let name = canonical(scope, environments);
        let found = scope.value == "*" || place::names(environments).any(|known| known == name);
        if !found && all_named {
            report.problem(
                scope.at,
                format!("there is no environment `{}`", scope.value.escape_debug()),
                did_you_mean(
                    &scope.value,
                    place::names(environments).chain(std::iter::once("*")),
                ),
            );
        }
        if scopes.contains(&name) {
            report.problem(
                scope.at,
                format!("the roles in {name} are given twice"),
                "put them in one list",
            );
        }
        scopes.push(name);
        for word in words {
            if known.contains(&word.value.as_str()) {
                continue;
            }
            // A slip of the finger would leave somebody without a right they count on.
            if let Some(near) = nearest(&word.value, known.iter().copied()) {
                report.problem(
                    word.at,
                    format!("there is no role `{}`", word.value),
                    format!("did you mean `{near}`?"),
                );
            } else {
                report.warning(
                    word.at,
                    format!("no rule asks for the role `{}`", word.value),
                    "name it in [environment.policy] approvals, or leave it out",
                );
            }
        }
    }
}

/// Somebody can approve a hotfix who is not the only one to ask for it.
fn emergency<'p>(
    form: &Form,
    environment: &Environment,
    holders: &impl Fn(&str) -> Vec<&'p str>,
    report: &mut Report,
) {
    let typed = form.form("policy").and_then(|policy| policy.form("hotfix"));
    let (Some(hotfix), Some(typed)) = (&environment.policy.hotfix, typed) else {
        return;
    };
    let (approvers, requesters) = (holders(&hotfix.role), holders("operate"));
    let reached = |requester: &&str| approvers.iter().any(|name| name != requester);
    if approvers.is_empty() || !requesters.iter().any(reached) {
        report.warning(
            typed.at,
            format!(
                "no hotfix can be approved in {}: nobody besides the requester holds the role `{}`",
                environment.name, hotfix.role
            ),
            format!(
                "give it to somebody: roles = {{ {} = [\"{}\"] }}",
                environment.name, hotfix.role
            ),
        );
    }
}

/// Some requester must be able to find enough others.
pub(super) fn quorums(
    root: &Form,
    environments: &[Meant<Environment>],
    people: &[Meant<Person>],
    report: &mut Report,
) {
    if people.len() != root.forms("person").len() || !report.is_clean() {
        return;
    }
    for Meant { form, value } in environments {
        let (Some(rule), Some(approvals)) = (
            &value.policy.approvals,
            form.form("policy")
                .and_then(|policy| policy.form("approvals")),
        ) else {
            continue;
        };
        if value.protected && !root.flag("trust_names") {
            report.warning(
                approvals.at,
                format!(
                    "{} is protected and names are not trusted, so nobody's approval counts there",
                    value.name
                ),
                "say trust_names = true where whoever can write the ledger may also approve",
            );
        }
        let holders = |role: &str| -> Vec<&str> {
            people
                .iter()
                .filter(|person| person.value.has_role(&value.name, role))
                .map(|person| person.value.name.as_str())
                .collect()
        };
        emergency(form, value, &holders, report);
        let approvers = holders(&rule.role);
        let requesters = holders("operate");
        let without_requester = requesters
            .iter()
            .map(|requester| approvers.iter().filter(|name| *name != requester).count())
            .max()
            .unwrap_or(approvers.len());
        let (reach, but) = if rule.exclude_requester && !approvers.is_empty() {
            (without_requester, " besides the requester")
        } else {
            (approvers.len(), "")
        };
        let needed = rule.quorum as usize;
        if reach < needed {
            let place = if approvals.is_typed("quorum") {
                approvals.place("quorum")
            } else {
                approvals.at
            };
            report.problem(
                place,
                format!(
                    "{} asks for {needed} with the role `{}`, and {} it{but}",
                    value.name,
                    rule.role,
                    match reach {
                        0 => "nobody holds".to_owned(),
                        1 => "only 1 person holds".to_owned(),
                        many => format!("only {many} hold"),
                    }
                ),
                format!(
                    "lower `quorum`, or give the role to more people: roles = {{ {} = [\"{}\"] }}",
                    value.name, rule.role
                ),
            );
        }
    }
}
