//! A catalogue from the images of a registry (SPEC R6): each digest is one release, its labels say of which commit, and
//! its tags are its names. What no label says is said to be missing, never guessed.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::{
    migration::Trail,
    project::Project,
    release::{Artifact, Commit, Digest, Trigger},
    text::Clean,
    version::Version,
};

use super::{Listed, SourceCommit};

/// What a registry says of one image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    /// `org.opencontainers.image.revision`, and so on
    /// (<https://github.com/opencontainers/image-spec/blob/main/annotations.md>).
    pub revision: Option<Clean>,
    pub version: Option<Clean>,
    pub created: Option<Timestamp>,
    pub source: Option<Clean>,
}

/// One digest, with everything that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub digest: Digest,
    /// In lexical order.
    pub tags: Vec<Clean>,
    /// None: what the registry has there is no image that could be read; the reason.
    pub labels: Result<Labels, Clean>,
}

/// Signatures and the like, which are stored beside an image under its digest
/// (`sha256-….sig`): no images.
pub fn is_beside(tag: &str) -> bool {
    tag.starts_with("sha256-")
}

/// The images as releases that have no numbers yet.
pub fn of_images(project: &Project, images: &[Image]) -> Vec<SourceCommit> {
    let mut claims: BTreeMap<Commit, Vec<(&Image, SourceCommit)>> = BTreeMap::new();
    for image in images {
        let source = of_image(project, image, images);
        let of_commit = claims.entry(source.commit.clone()).or_default();
        of_commit.push((image, source));
    }
    claims.into_values().filter_map(one).collect()
}

/// Of several images of one commit, the one that is tagged with it: the release image (SPEC §1). Without such a tag
/// nobody can say which of them would run.
fn one(mut claims: Vec<(&Image, SourceCommit)>) -> Option<SourceCommit> {
    if claims.len() > 1 {
        let named = claims
            .iter()
            .position(|(image, source)| has_tag(image, source.commit.as_str()));
        if let Some(named) = named {
            return Some(claims.swap_remove(named).1);
        }
        let digests: Vec<&str> = claims
            .iter()
            .map(|(image, _)| image.digest.short())
            .collect();
        let reason = format!(
            "which image: {} say that they are of commit {}, and none is tagged with it",
            digests.join(" and "),
            claims.first()?.1.commit.short()
        );
        let mut whole = claims.first()?.1.clone();
        for (_, other) in claims.iter().skip(1) {
            whole.tags.extend(other.tags.clone());
            whole.triggers.extend(other.triggers.clone());
        }
        if let Some(listed) = &mut whole.listed {
            listed.artifacts.clear();
            listed.missing.push(Clean::new(&reason));
        }
        return Some(whole);
    }
    claims.pop().map(|(_, source)| source)
}

fn has_tag(image: &Image, name: &str) -> bool {
    image.tags.iter().any(|tag| tag.as_str() == name)
}

fn of_image(project: &Project, image: &Image, all: &[Image]) -> SourceCommit {
    let mut missing: Vec<String> = Vec::new();
    let unread = Labels::default();
    let labels = image.labels.as_ref().unwrap_or_else(|why| {
        missing.push(format!("its labels: {why}"));
        &unread
    });
    let tagged: Vec<Commit> = image
        .tags
        .iter()
        .filter_map(|tag| Commit::parse(tag.as_str()))
        .collect();
    let labelled = labels.revision.as_ref();
    let labelled = labelled.and_then(|revision| Commit::parse(revision.as_str()));
    let commit = match (tagged.as_slice(), labelled) {
        ([one], Some(label)) if *one != label => {
            missing.push(format!(
                "of which commit it is: its tag says {}, and its label revision {}",
                one.short(),
                label.short()
            ));
            stand_in(&image.digest)
        }
        ([one], _) => one.clone(),
        ([], Some(label)) => label,
        ([], None) => {
            missing.push(
                "of which commit it is: no label revision, and no tag with a commit".to_owned(),
            );
            stand_in(&image.digest)
        }
        (several, _) => {
            missing.push(format!(
                "of which commit it is: its tags say {} different ones",
                several.len()
            ));
            stand_in(&image.digest)
        }
    };
    let mut names: Vec<&Clean> = image
        .tags
        .iter()
        .filter(|tag| version(tag).is_some())
        .collect();
    names.sort_by_key(|tag| version(tag));
    let mut tags: Vec<Clean> = names.into_iter().cloned().collect();
    match &labels.version {
        Some(label) if tags.is_empty() => match spelled(label) {
            Some(name) if is_the_only(&name, label, all) => tags.push(name),
            Some(_) => missing.push(format!("its version: others are labelled {label} too")),
            None => missing.push(format!(
                "its version: the label says {label}, which is none"
            )),
        },
        None if tags.is_empty() => {
            missing.push("its version: no such tag, and no label".to_owned());
        }
        _ => {}
    }
    if labels.created.is_none() {
        missing.push("when it was made: no label created".to_owned());
    }
    if labels.source.is_none() {
        missing.push("where its source is: no label source".to_owned());
    }
    missing.push("who wrote it: a registry does not say".to_owned());
    let others: Vec<&str> = image.tags.iter().map(Clean::as_str).collect();
    SourceCommit {
        commit,
        triggers: tags
            .iter()
            .map(|tag| Trigger::Tag { tag: tag.clone() })
            .collect(),
        tags: tags.into_iter().map(|tag| (tag.clone(), tag)).collect(),
        branches: Vec::new(),
        author: Clean::default(),
        email: Clean::default(),
        subject: Clean::new(&format!(
            "image {} tagged {}",
            image.digest.short(),
            others.join(", ")
        )),
        committed_at: labels.created.unwrap_or(Timestamp::UNIX_EPOCH),
        trail: Trail::default(),
        listed: Some(Box::new(Listed {
            artifacts: vec![Artifact {
                name: "image".to_owned(),
                uri: project.image.name.clone(),
                digest: Some(image.digest.clone()),
            }],
            source: labels.source.clone(),
            missing: missing.iter().map(|text| Clean::new(text)).collect(),
        })),
    }
}

fn version(tag: &Clean) -> Option<Version> {
    tag.as_str().parse().ok()
}

/// `1.3.0` is often said of what is tagged `v1.3.0`.
fn spelled(label: &Clean) -> Option<Clean> {
    let plain = label.as_str();
    let with = format!("v{plain}");
    [plain, &with]
        .into_iter()
        .find(|text| text.parse::<Version>().is_ok())
        .map(Clean::new)
}

fn is_the_only(name: &Clean, label: &Clean, all: &[Image]) -> bool {
    let labelled = |image: &&Image| {
        let labels = image.labels.as_ref().ok();
        labels.and_then(|labels| labels.version.as_ref()) == Some(label)
    };
    all.iter().filter(labelled).count() == 1
        && !all.iter().any(|image| has_tag(image, name.as_str()))
}

/// Forty digits of the digest, where no commit is known: told apart from others, and found again.
fn stand_in(digest: &Digest) -> Commit {
    let digits = digest.hex().get(..40).unwrap_or_default();
    Commit::parse(digits).unwrap_or_else(Commit::unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        project::{CatalogueSource, ImageSource, ProjectId, TagStrategy, Triggers},
        version_file::Preparing,
    };

    fn project() -> Project {
        Project {
            id: ProjectId::parse("acme/shop/auth").expect("valid"),
            source: "/nowhere".into(),
            tags: TagStrategy::Monorepo,
            branches: vec![],
            branch_aliases: vec![],
            triggers: Triggers::default(),
            manifests: vec![],
            preparing: Preparing::default(),
            catalogue: CatalogueSource::Oci,
            image: ImageSource {
                name: "r/auth".into(),
                endpoint: "https://r".into(),
                repository: "auth".into(),
            },
        }
    }

    fn image(bytes: &str, tags: &[&str], revision: Option<&str>, version: Option<&str>) -> Image {
        Image {
            digest: Digest::of(bytes.as_bytes()),
            tags: tags.iter().map(|tag| Clean::new(tag)).collect(),
            labels: Ok(Labels {
                revision: revision.map(Clean::new),
                version: version.map(Clean::new),
                created: Some(Timestamp::UNIX_EPOCH),
                source: Some("https://h/acme/shop".into()),
            }),
        }
    }

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

    fn told(images: &[Image]) -> Vec<(String, Vec<String>, usize, String)> {
        let told = |source: SourceCommit| {
            let listed = source.listed.expect("from a registry");
            let missing: Vec<&str> = listed.missing.iter().map(Clean::as_str).collect();
            (
                source.commit.short().to_owned(),
                source.tags.iter().map(|(_, tag)| tag.to_string()).collect(),
                listed.artifacts.len(),
                missing.join("; "),
            )
        };
        of_images(&project(), images)
            .into_iter()
            .map(told)
            .collect()
    }

    const AUTHOR: &str = "who wrote it: a registry does not say";

    #[test]
    fn several_tags_of_one_digest_are_names_of_one_release() {
        let one = image(
            "1",
            &[A, "latest", "prod", "v1.3.0", "v1.3.0-rc.1"],
            Some(A),
            Some("9.9.9"),
        );
        assert_eq!(
            told(&[one]),
            [(
                "aaaaaaa".into(),
                vec!["v1.3.0-rc.1".into(), "v1.3.0".into()],
                1,
                AUTHOR.into()
            )]
        );
        let labelled = image("1", &["latest"], Some(A), Some("1.3.0"));
        assert_eq!(told(std::slice::from_ref(&labelled))[0].1, ["v1.3.0"]);
        // A label that two images have names neither of them.
        let twice = told(&[labelled, image("2", &["edge"], Some(B), Some("1.3.0"))]);
        assert!(
            twice
                .iter()
                .all(|it| it.1.is_empty() && it.3.contains("others are labelled 1.3.0")),
            "{twice:?}"
        );
    }

    #[test]
    fn what_is_missing_is_said_and_nothing_is_guessed() {
        let bare = Image {
            labels: Ok(Labels::default()),
            ..image("1", &["latest"], None, None)
        };
        let [(commit, tags, images, missing)] = &told(&[bare])[..] else {
            unreachable!("one digest");
        };
        assert_eq!(*commit, Digest::of(b"1").hex()[..7]);
        assert_eq!((tags.len(), *images), (0, 1));
        for what in [
            "of which commit",
            "its version",
            "when it was made",
            "where its source is",
            AUTHOR,
        ] {
            assert!(missing.contains(what), "{what}: {missing}");
        }
        let torn = image("1", &[A], Some(B), None);
        assert!(
            told(&[torn])[0]
                .3
                .contains("its tag says aaaaaaa, and its label revision bbbbbbb")
        );
        let unread = Image {
            labels: Err("no such blob".into()),
            ..image("1", &[A], None, None)
        };
        assert!(told(&[unread])[0].3.starts_with("its labels: no such blob"));
    }

    #[test]
    fn of_two_images_of_one_commit_the_one_that_is_tagged_with_it_counts_and_else_none() {
        let (first, again) = (
            image("1", &["v1.0.0"], Some(A), None),
            image("2", &["v1.0.1"], Some(A), None),
        );
        let both = told(&[first.clone(), again]);
        assert_eq!((both.len(), both[0].2), (1, 0));
        assert!(both[0].3.contains("which image"), "{both:?}");
        let named = image("2", &["v1.0.1", A], Some(A), None);
        let both = told(&[first, named]);
        assert_eq!(
            (both[0].1.as_slice(), both[0].2),
            (&["v1.0.1".to_owned()][..], 1)
        );
    }
}
