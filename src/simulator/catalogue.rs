//! What has been built: releases by project, and the image each of them is.

use super::BuiltRelease;
use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

/// The folder of all projects.
pub(super) const REPOSITORY: &str = "acme/shop";
/// Where images are said to come from.
pub(super) const REGISTRY: &str = "registry.practice";
/// The release that the scenarios are about: v1.3.0 of auth-service.
pub(super) const BAD_RELEASE: (&str, u64) = ("acme/shop/auth-service", 42);

/// Releases, findable by image reference.
#[derive(Debug, Default)]
pub(super) struct Catalogue {
    releases: Vec<BuiltRelease>,
    by_image: HashMap<String, usize>,
    /// What was committed since, and built when the registry was first asked for it.
    later: RwLock<Vec<BuiltRelease>>,
}

impl Catalogue {
    pub fn new(releases: Vec<BuiltRelease>) -> Self {
        let by_image = releases
            .iter()
            .enumerate()
            .flat_map(|(at, release)| {
                [
                    (format!("{}@{}", release.image, release.digest), at),
                    (format!("{}:{}", release.image, release.commit), at),
                ]
            })
            .collect();
        Self {
            releases,
            by_image,
            later: RwLock::default(),
        }
    }

    pub fn releases(&self) -> &[BuiltRelease] {
        &self.releases
    }

    /// The release behind `repository@digest` or `repository:commit`, if such an image was ever pushed.
    pub fn image(&self, reference: &str) -> Option<Cow<'_, BuiltRelease>> {
        if let Some(at) = self.by_image.get(reference) {
            return Some(Cow::Borrowed(&self.releases[*at]));
        }
        let later = self.later.read().unwrap_or_else(PoisonError::into_inner);
        let named = |release: &&BuiltRelease| {
            release.reference() == reference
                || format!("{}:{}", release.image, release.commit) == reference
        };
        later.iter().find(named).cloned().map(Cow::Owned)
    }

    /// The practice CI has built one more.
    pub fn add(&self, release: BuiltRelease) {
        self.later
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(release);
    }

    /// A release of `auth-service` and the like, by its number.
    pub fn numbered(&self, folder: &str, number: u64) -> Option<&BuiltRelease> {
        let project = format!("{REPOSITORY}/{folder}");
        self.releases
            .iter()
            .find(|release| release.project == project && release.number == number)
    }
}

impl BuiltRelease {
    /// `repository@digest`, as containers name it.
    pub(super) fn reference(&self) -> String {
        format!("{}@{}", self.image, self.digest)
    }

    /// The name by which the running program knows itself: the tag, else the short commit.
    pub(super) fn version(&self) -> String {
        self.tag
            .clone()
            .unwrap_or_else(|| self.commit.chars().take(8).collect())
    }
}
