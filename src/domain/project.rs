//! A project: one deployable thing in a source repository, and where its releases come from.

use serde::{Deserialize, Serialize};

use super::version_file::Preparing;

/// `<repository>/<project>`, e.g. `acme/shop/auth-service`: the last segment is the project.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProjectId(String);

impl ProjectId {
    /// At least two segments of `[A-Za-z0-9._-]`, none of them `.` or `..`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let segments: Vec<&str> = text.split('/').collect();
        let good = |s: &&str| {
            !s.is_empty()
                && *s != "."
                && *s != ".."
                && s.chars()
                    .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        };
        if segments.len() < 2 || !segments.iter().all(good) {
            return Err(format!(
                "`{text}` is not <repository>/<project>, e.g. acme/shop/auth-service"
            ));
        }
        Ok(Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment: `auth-service`.
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or(&self.0)
    }

    pub fn repository(&self) -> &str {
        self.0
            .rsplit_once('/')
            .map_or("", |(repository, _)| repository)
    }

    /// Does `text` name this project: in full, or as an unambiguous tail of segments?
    pub fn answers_to(&self, text: &str) -> bool {
        self.0 == text
            || self
                .0
                .strip_suffix(text)
                .is_some_and(|head| head.ends_with('/'))
    }
}

impl std::fmt::Display for ProjectId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which git tags become aliases of a project's releases (SPEC R2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TagStrategy {
    /// Only `<project>/v*`; the alias is the tag without the prefix.
    #[default]
    Monorepo,
    /// Any tag.
    TagAll,
}

/// Where a project's releases and artifacts are found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Project {
    pub id: ProjectId,
    /// Path of the git repository on this machine.
    pub source: std::path::PathBuf,
    pub tags: TagStrategy,
    /// Branches whose first-parent commits are releases, as regular expressions.
    pub branches: Vec<String>,
    /// Branches that give `<branch>-<number>` aliases.
    pub branch_aliases: Vec<String>,
    /// Which commits become releases by themselves (SPEC R5).
    #[serde(default)]
    pub triggers: Triggers,
    /// Files of the repository that are manifests, as globs: what a difference shows line by line.
    #[serde(default)]
    pub manifests: Vec<String>,
    /// What a release changes before it is tagged.
    #[serde(default)]
    pub preparing: Preparing,
    #[serde(default)]
    pub catalogue: CatalogueSource,
    pub image: ImageSource,
}

/// Where the releases of a project are listed (SPEC R6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CatalogueSource {
    /// The commits and tags of its repository.
    #[default]
    Git,
    /// The tags of its image in the registry; the repository is not asked.
    Oci,
}

/// What makes a release of a commit without anybody's `release create`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Triggers {
    /// A push to a branch that is named, and a tag of the project.
    #[default]
    BranchesAndTags,
    /// A push alone: a tag names what is a release already.
    Branches,
    /// Nothing: no new release is made, and those there are stay (`release.enabled` of seed 003).
    None,
}

impl Triggers {
    pub fn of(enabled: bool, tag_trigger: bool) -> Self {
        match (enabled, tag_trigger) {
            (false, _) => Self::None,
            (true, false) => Self::Branches,
            (true, true) => Self::BranchesAndTags,
        }
    }
}

/// The container image of a project: its name in pod specs, and the registry that answers for it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageSource {
    /// As it stands in a pod spec, without tag or digest: `registry.example/acme/shop/auth-service`.
    pub name: String,
    /// Base URL of the registry API, e.g. `https://registry.example`.
    pub endpoint: String,
    /// Repository in that registry: `acme/shop/auth-service`.
    pub repository: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_answers_to_whole_trailing_segments_only() {
        let id = ProjectId::parse("acme/shop/auth-service").expect("valid");
        for name in [
            "acme/shop/auth-service",
            "shop/auth-service",
            "auth-service",
        ] {
            assert!(id.answers_to(name), "{name}");
        }
        for name in ["service", "hop/auth-service", "", "acme"] {
            assert!(!id.answers_to(name), "{name}");
        }
        assert_eq!((id.name(), id.repository()), ("auth-service", "acme/shop"));
    }

    #[test]
    fn path_like_segments_are_refused() {
        for bad in ["", "a", "a/..", "a//b", "a/b c", "../a"] {
            assert!(ProjectId::parse(bad).is_err(), "{bad}");
        }
    }
}
