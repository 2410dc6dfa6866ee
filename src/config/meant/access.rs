//! Credential plugins, and logins of registries.

use std::path::PathBuf;

use crate::domain::access::{Access, Login, PluginPolicy, Plugins, SecretRef};

use super::{
    super::{paths, problem::Report, typed::Form},
    Ground,
};

pub(super) fn access(root: &Form, ground: &Ground, report: &mut Report) -> Access {
    Access {
        plugins: root
            .form("plugins")
            .map(|form| plugins(form, report))
            .unwrap_or_default(),
        registries: registries(root, ground, report),
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
        if let Some(password) = secret(password, form, ground, report) {
            logins.push(Login {
                address,
                user: user.to_owned(),
                password,
            });
        }
    }
    logins
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
fn secret(text: &str, form: &Form, ground: &Ground, report: &mut Report) -> Option<SecretRef> {
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
                    form.place("password"),
                    "`password` begins with a home folder that cannot be found",
                    "write the whole path",
                );
            }
            path.map(SecretRef::File)
        }
    }
}
