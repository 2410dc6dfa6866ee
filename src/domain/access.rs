//! How gonogo gets in: which programs may hand it credentials, and where its own secrets are. Never a secret itself:
//! what is read at such a place is a [`Secret`], which says nothing when it is printed.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::project::ProjectId;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    pub plugins: Plugins,
    /// What registries want to be told; whoever is not named here is asked anonymously.
    pub registries: Vec<Login>,
    /// Where each project's CI is asked.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub ci: BTreeMap<ProjectId, CiSource>,
}

/// The REST API of GitHub, or of whoever speaks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CiSource {
    /// Base URL: `https://api.github.com`.
    pub address: String,
    /// `owner/name`
    pub repository: String,
    /// None: asked as anybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<SecretRef>,
    /// Lines of a checklist that ships, by id, and the checks that turn each green.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, Vec<String>>,
}

/// Programs that a kubeconfig may have us run for credentials (QUALITY T14).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plugins {
    pub policy: PluginPolicy,
    /// Allowed beside the helpers that are known.
    pub allow: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginPolicy {
    Deny,
    /// Known helpers where systems install them, and those named.
    #[default]
    Allowlist,
    AllowAll,
}

impl PluginPolicy {
    pub fn word(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Allowlist => "allowlist",
            Self::AllowAll => "allow-all",
        }
    }
}

/// Who we are to one registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// Base URL, as projects name it.
    pub address: String,
    pub user: String,
    pub password: SecretRef,
}

/// Where a secret is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// A variable of our environment.
    Env(String),
    /// A file that only its owner can read.
    File(PathBuf),
    /// What a program prints: it, and its words.
    Cmd(Vec<String>),
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Cmd(words) => write!(f, "cmd:{}", words.join(" ")),
        }
    }
}

/// Handed to whoever needs it, and to nobody's screen.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("•••")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_says_nothing_however_it_is_printed() {
        let secret = Some(Secret::new("hunter2"));
        for text in [format!("{secret:?}"), format!("{secret:#?}")] {
            assert!(text.contains("•••") && !text.contains("hunter2"), "{text}");
        }
        assert_eq!(Secret::new("hunter2").to_string(), "•••");
    }
}
