//! Credential plugins, and logins of registries.

use std::{collections::BTreeMap, path::PathBuf};

use crate::domain::{
    access::{Access, CiSource, Login, PluginPolicy, Plugins, SecretRef},
    project::{Project, ProjectId},
};

use super::{
    super::{
        paths,
        problem::{Report, did_you_mean},
        typed::Form,
    },
    Ground, Meant, values,
};

pub(super) fn access(
    root: &Form,
    ground: &Ground,
    projects: &[Meant<Project>],
    report: &mut Report,
) -> Access {
    Access {
        plugins: root
            .form("plugins")
            .map(|form| plugins(form, report))
            .unwrap_or_default(),
        registries: registries(root, ground, report),
        ci: ci(root, ground, projects, report),
    }
}

fn plugins(form: &Form, report: &mut Report) -> Plugins {
    let policy = match form.text("policy") {
        Some("deny") => PluginPolicy::Deny,
        Some("allow-all") => PluginPolicy::AllowAll,
        _ => PluginPolicy::Allowlist,
    };
    let allow = form.texts("allow");
    if let Some(first) = allow.first().filter(|_| policy != PluginPolicy::Allowlist) {
        report.warning(
            first.at,
            format!("`allow` does nothing where the policy is {}", policy.word()),
            "leave it out, or say policy = \"allowlist\"",
        );
    }
    Plugins {
        policy,
        allow: allow
            .iter()
            .map(|path| PathBuf::from(&path.value))
            .collect(),
    }
}

fn registries(root: &Form, ground: &Ground, report: &mut Report) -> Vec<Login> {
    let mut logins: Vec<Login> = Vec::new();
    for form in root.forms("registry") {
        let (Some(address), Some(user), Some(password)) = (
            form.text("address"),
            form.text("user"),
            form.text("password"),
        ) else {
            continue;
        };
        let address = address.trim_end_matches('/').to_owned();
        if logins.iter().any(|other| other.address == address) {
            report.problem(
                form.place("address"),
                format!("there is a second [[registry]] {address}"),
                "leave one of them out",
            );
        }
        let asked = root
            .forms("project")
            .iter()
            .any(|project| asks(project, &address));
        if !asked {
            report.warning(
                form.place("address"),
                format!("no project asks the registry {address}"),
                "write it as in [[project]] `registry`, or leave it out",
            );
        }
        if let Some(password) = secret(password, form, "password", ground, report) {
            logins.push(Login {
                address,
                user: user.to_owned(),
                password,
            });
        }
    }
    logins
}

/// One for each project that it names.
fn ci(
    root: &Form,
    ground: &Ground,
    projects: &[Meant<Project>],
    report: &mut Report,
) -> BTreeMap<ProjectId, CiSource> {
    let mut all: BTreeMap<ProjectId, CiSource> = BTreeMap::new();
    for form in root.forms("ci") {
        let (Some(name), Some(repository)) = (form.text("project"), form.text("repository")) else {
            continue;
        };
        let ids = || projects.iter().map(|project| &project.value.id);
        let exact = ids().find(|id| id.as_str() == name);
        let mut fitting = ids().filter(|id| id.answers_to(name));
        let (first, second) = (fitting.next(), fitting.next());
        let Some(id) = exact.or(first.filter(|_| second.is_none())) else {
            if projects.len() == root.forms("project").len() {
                report.problem(
                    form.place("project"),
                    format!("`{name}` names no project, or more than one"),
                    did_you_mean(name, ids().map(ProjectId::as_str)),
                );
            }
            continue;
        };
        let token = form.text("token");
        let source = CiSource {
            address: form
                .text("api")
                .unwrap_or("https://api.github.com")
                .trim_end_matches('/')
                .to_owned(),
            repository: repository.to_owned(),
            token: token.and_then(|text| secret(text, form, "token", ground, report)),
            checks: form
                .forms("checks")
                .iter()
                .filter_map(|check| {
                    let item = check.text("item")?.to_owned();
                    Some((item, values(check.texts("contexts"))))
                })
                .collect(),
        };
        if source.token.is_some() && !is_sealed(&source.address) {
            report.problem(
                form.place("api"),
                "the token would go over the wire unencrypted",
                "write https://",
            );
        }
        if all.insert(id.clone(), source).is_some() {
            report.problem(
                form.place("project"),
                format!("there is a second [[ci]] for {id}"),
                "leave one of them out",
            );
        }
    }
    all
}

/// Encrypted, or of this machine.
fn is_sealed(address: &str) -> bool {
    let Some(host) = address.strip_prefix("http://") else {
        return true;
    };
    let here = ["127.0.0.1", "localhost", "[::1]"].into_iter();
    let mut rest = here.filter_map(|here| host.strip_prefix(here));
    rest.any(|rest| rest.is_empty() || rest.starts_with([':', '/']))
}

fn asks(project: &Form, address: &str) -> bool {
    project.text("registry").map_or_else(
        || {
            let host = project
                .text("image")
                .and_then(|image| image.split('/').next());
            let host = host.map(|host| {
                if host == "docker.io" {
                    "registry-1.docker.io"
                } else {
                    host
                }
            });
            host == address.strip_prefix("https://")
        },
        |registry| registry.trim_end_matches('/') == address,
    )
}

/// The reader made sure that it is one.
fn secret(
    text: &str,
    form: &Form,
    key: &str,
    ground: &Ground,
    report: &mut Report,
) -> Option<SecretRef> {
    let (kind, rest) = text.split_once(':')?;
    match kind {
        "env" => Some(SecretRef::Env(rest.to_owned())),
        "cmd" => Some(SecretRef::Cmd(
            rest.split_whitespace().map(str::to_owned).collect(),
        )),
        _ => {
            let home = ground.folders.and_then(|folders| folders.home.as_deref());
            let path = paths::resolve(rest, ground.folder, home);
            if path.is_none() {
                report.problem(
                    form.place(key),
                    format!("`{key}` begins with a home folder that cannot be found"),
                    "write the whole path",
                );
            }
            path.map(SecretRef::File)
        }
    }
}
