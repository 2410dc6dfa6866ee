//! Credential plugins: a kubeconfig names a program, and kube runs it as us (QUALITY T14). Which may run is the
//! configuration's decision; what runs is the very file that was looked at, without our tokens, and without a terminal.
//!
//! A kubeconfig can also hand such a program variables, and some variables are as good as a program of one's own.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use kube::config::{AuthInfo, ExecInteractiveMode};

use crate::domain::access::{Access, PluginPolicy, Plugins, SecretRef};

/// What clouds and identity providers ship for this purpose.
const KNOWN: [&str; 14] = [
    "aws",
    "aws-iam-authenticator",
    "az",
    "doctl",
    "exo",
    "gcloud",
    "gke-gcloud-auth-plugin",
    "ibmcloud",
    "kubelogin",
    "oci",
    "pinniped",
    "scw",
    "tsh",
    "yc",
];

/// Where systems and their package managers put programs.
const FOLDERS: [&str; 9] = [
    "/usr/bin",
    "/bin",
    "/usr/local/bin",
    "/usr/lib/google-cloud-sdk/bin",
    "/usr/local/google-cloud-sdk/bin",
    "/opt/google-cloud-sdk/bin",
    "/opt/homebrew/bin",
    "/opt/local/bin",
    "/snap/bin",
];

/// Loaders and interpreters run what these say.
const LOADERS: [&str; 14] = [
    "LD_",
    "DYLD_",
    "PATH",
    "PYTHON",
    "PERL5",
    "RUBYOPT",
    "RUBYLIB",
    "NODE_",
    "JAVA_TOOL_OPTIONS",
    "BASH_ENV",
    "ENV",
    "GCONV_PATH",
    "GONOGO_",
    "CLOUDSDK_PYTHON",
];

/// Why it does not run, and what would let it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub detail: String,
    pub hint: String,
}

/// Leaves in `auth` only what may run, by its whole path; or refuses.
pub(super) fn restrict(auth: &mut AuthInfo, access: &Access) -> Result<(), Refused> {
    let search = std::env::var_os("PATH").unwrap_or_default();
    restrict_with(auth, access, &search)
}

fn restrict_with(auth: &mut AuthInfo, access: &Access, search: &OsStr) -> Result<(), Refused> {
    let plugins = &access.plugins;
    // The form of old kubeconfigs of Google's: it too names a program, and its words.
    if let Some(provider) = &mut auth.auth_provider
        && let Some(command) = provider.config.get_mut("cmd-path")
    {
        let found = allowed(command, plugins, search)?;
        *command = found.display().to_string();
        let drop = provider
            .config
            .entry("cmd-drop-env".to_owned())
            .or_default();
        *drop = format!("{drop} {}", ours(access).join(" "));
    }
    let Some(exec) = &mut auth.exec else {
        return Ok(());
    };
    let command = exec.command.clone().unwrap_or_default();
    let found = allowed(&command, plugins, search)?;
    if plugins.policy != PluginPolicy::AllowAll {
        let given = exec.env.iter().flatten().filter_map(|one| one.get("name"));
        for name in given {
            if LOADERS
                .iter()
                .any(|loader| name.to_uppercase().starts_with(loader))
            {
                return Err(Refused {
                    detail: format!(
                        "it sets {name} for its credential plugin {command}, which decides what else is run"
                    ),
                    hint: "Take it out of the kubeconfig; or, if you trust that file wholly, say in your own \
                        configuration: [plugins] policy = \"allow-all\""
                        .to_owned(),
                });
            }
        }
    }
    exec.command = Some(found.display().to_string());
    // One that asks at the terminal would ask into the cockpit.
    exec.interactive_mode = Some(ExecInteractiveMode::Never);
    exec.drop_env.get_or_insert_default().extend(ours(access));
    Ok(())
}

/// The file that would run, if it may.
fn allowed(command: &str, plugins: &Plugins, search: &OsStr) -> Result<PathBuf, Refused> {
    let named = |why: &str, hint: String| Refused {
        detail: format!("its user is logged in by the program {command}, {why}"),
        hint,
    };
    if plugins.policy == PluginPolicy::Deny {
        return Err(named(
            "and no credential plugins are run here",
            "To allow it, say in your own configuration: [plugins] policy = \"allowlist\""
                .to_owned(),
        ));
    }
    let Some(path) = resolved(command, search) else {
        return Err(named(
            "which is not found",
            "Install it, or name it in the kubeconfig by its whole path.".to_owned(),
        ));
    };
    let known = || {
        let (name, folder) = (path.file_name(), path.parent());
        name.is_some_and(|name| KNOWN.iter().any(|known| name == *known))
            && folder.is_some_and(|folder| FOLDERS.iter().any(|known| folder == Path::new(known)))
    };
    if plugins.policy == PluginPolicy::AllowAll || plugins.allow.contains(&path) || known() {
        return Ok(path);
    }
    Err(named(
        "which is not among those allowed",
        format!(
            "If you trust it, say in your own configuration: [plugins] allow = [\"{}\"]",
            path.display()
        ),
    ))
}

/// The file behind a command: a path as it stands, a name by the search path. The current folder is never searched, and
/// a relative path is none: what it means depends on where we were started.
fn resolved(command: &str, search: &OsStr) -> Option<PathBuf> {
    let path = Path::new(command);
    let is_plain = path
        .components()
        .all(|part| !matches!(part, std::path::Component::ParentDir));
    if path.is_absolute() {
        return (is_plain && path.is_file()).then(|| path.components().collect());
    }
    if command.is_empty() || command.contains('/') {
        return None;
    }
    std::env::split_paths(search)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(command))
        .find(|path| path.is_file())
}

/// Variables that are nobody's business but ours.
fn ours(access: &Access) -> Vec<String> {
    let secrets = access
        .registries
        .iter()
        .filter_map(|login| match &login.password {
            SecretRef::Env(name) => Some(name.clone()),
            _ => None,
        });
    let own = std::env::vars_os().filter_map(|(name, _)| {
        let name = name.into_string().ok()?;
        name.starts_with("GONOGO_").then_some(name)
    });
    secrets.chain(own).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use super::*;
    use crate::domain::access::Login;
    use kube::config::{AuthProviderConfig, ExecConfig};

    fn exec(command: &str) -> ExecConfig {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "client.authentication.k8s.io/v1", "command": command,
            "interactiveMode": "IfAvailable",
        }))
        .unwrap()
    }

    fn auth(command: &str) -> AuthInfo {
        AuthInfo {
            exec: Some(exec(command)),
            ..AuthInfo::default()
        }
    }

    fn access(policy: PluginPolicy, allow: &[&Path]) -> Access {
        Access {
            plugins: Plugins {
                policy,
                allow: allow.iter().map(|path| path.to_path_buf()).collect(),
            },
            registries: vec![Login {
                address: "https://r.example".to_owned(),
                user: "ci".to_owned(),
                password: SecretRef::Env("REGISTRY_PASSWORD".to_owned()),
            }],
            ..Access::default()
        }
    }

    #[test]
    fn what_is_not_known_is_refused_with_the_line_that_would_allow_it() {
        use PluginPolicy::{AllowAll, Allowlist, Deny};
        let folder = tempfile::tempdir().unwrap();
        let (evil, aws) = (folder.path().join("evil"), folder.path().join("aws"));
        for path in [&evil, &aws] {
            std::fs::write(path, "").unwrap();
        }
        let (evil, aws) = (evil.as_path(), aws.as_path());
        let search = folder.path().as_os_str();
        let check = |policy, allow: &[&Path], command: &str, expect: &str| {
            let mut auth = auth(command);
            let told = match restrict_with(&mut auth, &access(policy, allow), search) {
                Ok(()) => {
                    let exec = auth.exec.unwrap();
                    assert_eq!(exec.interactive_mode, Some(ExecInteractiveMode::Never));
                    assert!(
                        exec.drop_env
                            .unwrap()
                            .contains(&"REGISTRY_PASSWORD".to_owned())
                    );
                    format!("runs {}", exec.command.unwrap())
                }
                Err(refused) => format!("{}. {}", refused.detail, refused.hint),
            };
            assert!(told.contains(expect), "{command}: {told}");
        };
        let line = format!("[plugins] allow = [\"{}\"]", evil.display());
        check(Allowlist, &[], evil.to_str().unwrap(), &line);
        check(Allowlist, &[], "evil", &line);
        // A known name in a folder of the user's own is not the known helper.
        check(Allowlist, &[], "aws", "not among those allowed");
        let runs = format!("runs {}", evil.display());
        check(Allowlist, &[evil], "evil", &runs);
        check(Allowlist, &[evil], evil.to_str().unwrap(), &runs);
        check(Allowlist, &[evil], aws.to_str().unwrap(), "not among");
        check(AllowAll, &[], "evil", &runs);
        check(Deny, &[evil], "evil", "no credential plugins are run");
        check(AllowAll, &[], "./evil", "not found");
        check(AllowAll, &[], "nowhere", "not found");
        check(AllowAll, &[], "", "not found");
        let up = format!(
            "{}/../{}/evil",
            folder.path().display(),
            folder.path().display()
        );
        check(AllowAll, &[], &up, "not found");
    }

    #[test]
    fn variables_that_run_something_else_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("helper");
        std::fs::write(&path, "").unwrap();
        let check = |policy, name: &str| {
            let mut auth = auth(path.to_str().unwrap());
            let given = [("name", name), ("value", "x")].map(|(k, v)| (k.to_owned(), v.to_owned()));
            auth.exec.as_mut().unwrap().env = Some(vec![given.into()]);
            restrict_with(&mut auth, &access(policy, &[&path]), OsStr::new(""))
        };
        for name in [
            "LD_PRELOAD",
            "ld_library_path",
            "PATH",
            "PYTHONSTARTUP",
            "BASH_ENV",
            "NODE_OPTIONS",
        ] {
            let refused = check(PluginPolicy::Allowlist, name).unwrap_err();
            assert!(refused.detail.contains(name), "{refused:?}");
        }
        assert_eq!(check(PluginPolicy::Allowlist, "AWS_PROFILE"), Ok(()));
        assert_eq!(check(PluginPolicy::AllowAll, "LD_PRELOAD"), Ok(()));
    }

    #[test]
    fn the_old_form_of_google_is_a_plugin_too() {
        let mut auth = AuthInfo {
            auth_provider: Some(AuthProviderConfig {
                name: "gcp".to_owned(),
                config: [("cmd-path".to_owned(), "/bin/sh".to_owned())].into(),
                other: std::collections::BTreeMap::default(),
            }),
            ..AuthInfo::default()
        };
        let refused = restrict_with(&mut auth, &Access::default(), OsStr::new(""));
        assert!(refused.unwrap_err().hint.contains("[plugins] allow"));
    }
}
