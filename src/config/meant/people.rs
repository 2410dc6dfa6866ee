//! Who may act: one person behind every name, and roles that exist.

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
    let policies = environments.iter().map(|place| &place.value.policy);
    let asked = policies.flat_map(|policy| {
        let vetoes = policy.veto.iter().map(String::as_str);
        let emergency = policy.hotfix.iter().map(|hotfix| hotfix.role.as_str());
        policy.approver_roles().chain(vetoes).chain(emergency)
    });
    let known: Vec<&str> = ROLES.iter().copied().chain(asked).collect();
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
            let role = word.value.strip_prefix("approve:").unwrap_or(&word.value);
            if known.contains(&role) {
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
