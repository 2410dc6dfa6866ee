//! A release: an immutable snapshot of a project at a commit, its names, and its digest (SPEC §1, R1, R2).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    hotfix::Lineage,
    migration::Trail,
    project::ProjectId,
    text::Clean,
    version::{ReleaseType, Version},
};

/// A full git commit id, 40 hex digits, lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Commit(String);

impl Commit {
    pub fn parse(text: &str) -> Option<Self> {
        (text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit()))
            .then(|| Self(text.to_ascii_lowercase()))
    }

    /// Stands where none is known: git never makes it.
    pub fn unknown() -> Self {
        Self("0".repeat(40))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Seven digits, for screens; never for comparing.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for Commit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// `sha256:` and 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix("sha256:")?;
        (hex.len() == 64
            && hex
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
        .then(|| Self(text.to_owned()))
    }

    /// SHA-256 of bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::of_hash(Sha256::new_with_prefix(bytes))
    }

    /// Of bytes that came piece by piece.
    pub fn of_hash(hash: Sha256) -> Self {
        use std::fmt::Write as _;
        let mut text = String::from("sha256:");
        for byte in hash.finalize() {
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The 64 hex digits alone, as a file may be called.
    pub fn hex(&self) -> &str {
        self.0.strip_prefix("sha256:").unwrap_or(&self.0)
    }

    /// SHA-256 of a value's JSON. Our structs have a fixed field order and ordered maps, so equal values
    /// have equal bytes.
    pub fn of_json<T: Serialize>(value: &T) -> Self {
        Self::of(&serde_json::to_vec(value).unwrap_or_default())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Twelve hex digits without the prefix, for screens; never for comparing.
    pub fn short(&self) -> &str {
        self.0.get(7..19).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The manifests of a release, as they stand in its repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    pub files: usize,
    /// None: there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

/// What was found of a release when its registry and its repository were asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shipped {
    pub artifact: Artifact,
    pub resources: Resources,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AliasKind {
    Tag,
    Branch,
}

/// Another name of a release, beside its number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Alias {
    pub kind: AliasKind,
    pub name: Clean,
    /// The full git tag, where the alias leaves a prefix out; it resolves too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<Clean>,
}

impl Alias {
    /// Names that look like a number or a commit never become aliases (SPEC R3): they would shadow
    /// release 42 or commit `deadbee`.
    pub fn may_be_named(name: &str) -> bool {
        let digits = name.bytes().all(|b| b.is_ascii_digit());
        let hex =
            name.len() >= 7 && name.len() <= 40 && name.bytes().all(|b| b.is_ascii_hexdigit());
        !name.is_empty() && !digits && !hex
    }
}

/// What named the commit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Trigger {
    BranchPush { branch: Clean },
    Tag { tag: Clean },
    Manual,
}

impl Trigger {
    pub fn kind(&self) -> TriggerKind {
        match self {
            Self::BranchPush { .. } => TriggerKind::BranchPush,
            Self::Tag { .. } => TriggerKind::Tag,
            Self::Manual => TriggerKind::Manual,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TriggerKind {
    BranchPush,
    Tag,
    Manual,
}

impl std::fmt::Display for TriggerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::BranchPush => "branch_push",
            Self::Tag => "tag",
            Self::Manual => "manual",
        })
    }
}

/// What a release ships. Without a digest it is not known what would run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    pub name: String,
    /// Without tag or digest.
    pub uri: String,
    pub digest: Option<Digest>,
}

impl Artifact {
    /// The reference that goes into a pod spec: by digest, never by tag.
    pub fn pinned(&self) -> Option<String> {
        self.digest
            .as_ref()
            .map(|digest| format!("{}@{digest}", self.uri))
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Release {
    pub project: ProjectId,
    pub number: u64,
    pub commit: Commit,
    pub aliases: Vec<Alias>,
    pub triggers: Vec<Trigger>,
    /// Branches from which the commit can be reached.
    pub branches: Vec<Clean>,
    pub author: Clean,
    pub email: Clean,
    pub subject: Clean,
    pub committed_at: Timestamp,
    /// Empty until the registry was asked.
    pub artifacts: Vec<Artifact>,
    /// As it was created; none where nobody said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_type: Option<ReleaseType>,
    /// What the place it is listed from does not say of it, one phrase each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Clean>,
    /// None until its repository was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Box<Resources>>,
    /// Whose hotfix it is, and which fixes it has.
    #[serde(default, skip_serializing_if = "Lineage::is_plain")]
    pub lineage: Box<Lineage>,
    /// What it says of its way back.
    #[serde(default, skip_serializing_if = "says_nothing")]
    pub trail: Box<Trail>,
}

fn says_nothing(trail: &Trail) -> bool {
    trail.is_empty()
}

impl Release {
    /// What was found of it. Artifacts that were recorded stay as they were recorded.
    pub fn ships(&mut self, shipped: &Shipped) {
        if self.artifacts.is_empty() {
            self.artifacts = vec![shipped.artifact.clone()];
        }
        self.resources = Some(Box::new(shipped.resources.clone()));
    }

    /// All that its digest covers is known.
    pub fn is_whole(&self) -> bool {
        !self.artifacts.is_empty() && self.resources.is_some()
    }

    /// The tags of git that name it, in full.
    pub fn tags(&self) -> impl Iterator<Item = &Clean> {
        let tags = self.aliases.iter().filter(|it| it.kind == AliasKind::Tag);
        tags.map(|alias| alias.full.as_ref().unwrap_or(&alias.name))
    }

    /// The highest version among its tags: a release before what ripens to it.
    pub fn version(&self) -> Option<Version> {
        let versions = self.aliases.iter().filter(|it| it.kind == AliasKind::Tag);
        versions
            .filter_map(|alias| alias.name.as_str().parse::<Version>().ok())
            .max_by_key(|version| (version.is_release(), *version))
    }

    /// What it changes for its users (SPEC R13): as it was created, else a hotfix by its branch, else as its version
    /// proposes. None where none of them says.
    pub fn kind(&self) -> Option<ReleaseType> {
        let pushed = |trigger: &Trigger| match trigger {
            Trigger::BranchPush { branch } => branch.as_str().starts_with("hotfix/"),
            Trigger::Tag { .. } | Trigger::Manual => false,
        };
        self.release_type
            .or_else(|| {
                let main = self
                    .branches
                    .iter()
                    .any(|branch| !branch.as_str().starts_with("hotfix/"));
                let hotfix = self.triggers.iter().any(pushed) && !main;
                hotfix.then_some(ReleaseType::Hotfix)
            })
            .or_else(|| self.version()?.release_type())
    }

    /// As much of a release as a plan quotes: enough to fly it again when its repository cannot be read.
    pub fn from_ref(project: &ProjectId, quoted: &ReleaseRef) -> Self {
        let pinned = quoted
            .image
            .as_deref()
            .and_then(|image| image.split_once('@'));
        let artifact = |(uri, digest): (&str, &str)| Artifact {
            name: "image".to_owned(),
            uri: uri.to_owned(),
            digest: Digest::parse(digest),
        };
        Self {
            project: project.clone(),
            number: quoted.number,
            commit: quoted.commit.clone(),
            aliases: quoted
                .name
                .iter()
                .map(|name| Alias {
                    kind: AliasKind::Tag,
                    name: name.clone(),
                    full: None,
                })
                .collect(),
            triggers: Vec::new(),
            branches: Vec::new(),
            author: Clean::default(),
            email: Clean::default(),
            subject: Clean::default(),
            committed_at: Timestamp::UNIX_EPOCH,
            artifacts: pinned.map(artifact).into_iter().collect(),
            release_type: None,
            missing: Vec::new(),
            resources: None,
            lineage: Box::default(),
            trail: Box::default(),
        }
    }

    /// SHA-256 over identity, artifact digests and resources (SPEC §1). Where it has none, or they were not read, it is
    /// what it was before resources counted: plans that were stored then keep their meaning.
    pub fn digest(&self) -> Digest {
        let artifacts: Vec<(&str, &str, Option<&str>)> = self
            .artifacts
            .iter()
            .map(|a| {
                (
                    a.name.as_str(),
                    a.uri.as_str(),
                    a.digest.as_ref().map(Digest::as_str),
                )
            })
            .collect();
        let (project, commit) = (self.project.as_str(), self.commit.as_str());
        match self.resources.as_ref().and_then(|it| it.digest.as_ref()) {
            None => Digest::of_json(&(project, commit, artifacts)),
            Some(resources) => {
                Digest::of_json(&("resources", project, commit, artifacts, resources))
            }
        }
    }

    /// The alias a person would say: the plainest version tag, else any tag, else a branch alias.
    pub fn friendly(&self) -> Option<&str> {
        let tag = |a: &&Alias| a.kind == AliasKind::Tag;
        let plain = |a: &&Alias| {
            tag(a)
                && a.name
                    .as_str()
                    .parse::<Version>()
                    .is_ok_and(Version::is_release)
        };
        let alias = self
            .aliases
            .iter()
            .find(plain)
            .or_else(|| self.aliases.iter().find(tag))
            .or_else(|| self.aliases.first());
        alias.map(|a| a.name.as_ref())
    }

    /// `42 v1.3.0`, or `43 9f3c2ab` where nothing friendlier exists.
    pub fn title(&self) -> String {
        match self.friendly() {
            Some(name) => format!("{} {name}", self.number),
            None => format!("{} {}", self.number, self.commit.short()),
        }
    }

    pub fn to_ref(&self) -> ReleaseRef {
        ReleaseRef {
            number: self.number,
            commit: self.commit.clone(),
            name: self.friendly().map(Clean::new),
            image: self.artifacts.first().and_then(Artifact::pinned),
        }
    }
}

/// A release as plans and entries quote it: enough to name it and to put it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseRef {
    pub number: u64,
    pub commit: Commit,
    /// The friendliest alias at the time; for people only.
    pub name: Option<Clean>,
    /// `uri@sha256:…` of the artifact bound to the workload.
    pub image: Option<String>,
}

impl ReleaseRef {
    /// What an image is of, where the ledger that would tell cannot be read.
    pub fn unread(image: &str) -> Self {
        Self {
            number: 0,
            commit: Commit::unknown(),
            name: Some(Clean::new(&super::change::short_image(image))),
            image: Some(image.to_owned()),
        }
    }

    /// What the platform keeps and no release of ours explains: named by its revision and its image. It has no number
    /// and no commit; a digest of the image stands for that, so that two of them are told apart.
    pub fn of_revision(revision: u64, image: &str) -> Self {
        let digest = Digest::of(image.as_bytes());
        let stands_for = digest.as_str().get(7..47).unwrap_or_default();
        Self {
            number: 0,
            commit: Commit(stands_for.to_owned()),
            name: Some(Clean::new(&format!(
                "revision {revision} ({})",
                super::change::short_image(image)
            ))),
            image: Some(image.to_owned()),
        }
    }

    /// No release of ours: only the platform knows it.
    pub fn is_only_a_revision(&self) -> bool {
        self.number == 0
    }

    pub fn title(&self) -> String {
        match &self.name {
            Some(name) if self.is_only_a_revision() => name.to_string(),
            Some(name) => format!("{} {name}", self.number),
            None => format!("{} {}", self.number, self.commit.short()),
        }
    }

    pub fn image_digest(&self) -> Option<&str> {
        self.image
            .as_deref()
            .and_then(|image| image.split_once('@'))
            .map(|(_, digest)| digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_shadow_numbers_or_commits_are_no_aliases() {
        for bad in [
            "42",
            "007",
            "deadbee",
            "DEADBEEF",
            "0123456789abcdef0123456789abcdef01234567",
            "",
        ] {
            assert!(!Alias::may_be_named(bad), "{bad}");
        }
        for good in ["v1.2.3", "abc", "deadbe", "main-42", "release/1"] {
            assert!(Alias::may_be_named(good), "{good}");
        }
    }

    #[test]
    fn a_digest_covers_the_manifests_and_without_them_is_what_it_always_was() {
        let project = ProjectId::parse("acme/shop/auth").expect("valid");
        let quoted = ReleaseRef {
            number: 42,
            commit: Commit::unknown(),
            name: None,
            image: Some(format!("r/auth@{}", Digest::of(b"image"))),
        };
        let mut release = Release::from_ref(&project, &quoted);
        let before = release.digest();
        // As it stands in ledgers that are older.
        assert_eq!(before.short(), "a232510dabf6");
        release.resources = Some(Box::default());
        assert_eq!(release.digest(), before, "there are none");
        let of = |release: &mut Release, bytes: &[u8]| {
            let digest = Some(Digest::of(bytes));
            release.resources = Some(Box::new(Resources { files: 1, digest }));
            release.digest()
        };
        let (one, other) = (of(&mut release, b"1"), of(&mut release, b"2"));
        assert!(one != before && other != before && one != other);
    }

    #[test]
    fn digests_are_lower_case_hex_of_full_length() {
        let digest = Digest::of(b"");
        assert_eq!(
            digest.as_str(),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(digest.short(), "e3b0c44298fc");
        assert!(Digest::parse("sha256:E3").is_none());
        assert_eq!(Digest::parse(digest.as_str()), Some(digest));
    }
}
