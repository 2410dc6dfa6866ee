//! All images of a repository, with what their labels say: `GET tags/list`, page by page, a digest for each tag, and of
//! each digest its manifest and its configuration, once.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::PoisonError,
    time::Duration,
};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use reqwest::{Method, header::LINK};
use serde::Deserialize;

use super::{OciRegistry, allowed::is_reference, talk::Talk};
use crate::domain::{
    catalogue::images::{Image, Labels, is_beside},
    fault::{Fault, FaultKind},
    project::ImageSource,
    release::Digest,
    text::Clean,
};

/// Of the whole list.
const DEADLINE: Duration = Duration::from_secs(60);

/// A repository with more tags is not listed in part: what is left out could be what somebody looks for.
const TAGS: usize = 10_000;

/// A page more than that is a registry that never ends.
const PAGES: usize = 1_000;

/// Asked at once.
const AT_ONCE: usize = 8;

/// An index of an index is none of ours.
const DEPTH: usize = 2;

/// What was read of one digest.
pub(super) type Read = Result<Labels, Clean>;

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
struct Manifest {
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    #[serde(default)]
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    #[serde(default)]
    os: String,
}

#[derive(Default, Deserialize)]
struct Configuration {
    #[serde(default)]
    created: Option<String>,
    #[serde(default)]
    config: Option<Inner>,
}

#[derive(Default, Deserialize)]
struct Inner {
    #[serde(default, rename = "Labels")]
    labels: Option<BTreeMap<String, String>>,
}

impl OciRegistry {
    /// Every digest that a tag names, with all tags that name it.
    pub async fn images(&self, image: &ImageSource) -> Result<Vec<Image>, Fault> {
        let doing = format!("listing the images of {}", image.repository);
        let talk = Talk::new(self, image, "", &doing)?;
        talk.within(DEADLINE, self.listed(&talk, image)).await
    }

    async fn listed(&self, talk: &Talk<'_>, image: &ImageSource) -> Result<Vec<Image>, Fault> {
        let tags = tags(talk).await?;
        let digests: Vec<(String, Option<Digest>)> = stream::iter(tags)
            .map(|tag| async move {
                match talk.digest(&tag).await {
                    Ok(digest) => Ok((tag, Some(digest))),
                    // It went between our two questions.
                    Err(fault) if fault.kind == FaultKind::NotFound => Ok((tag, None)),
                    Err(fault) => Err(fault),
                }
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await?;
        let mut named: BTreeMap<Digest, BTreeSet<Clean>> = BTreeMap::new();
        for (tag, digest) in digests {
            if let Some(digest) = digest {
                named.entry(digest).or_default().insert(Clean::new(&tag));
            }
        }
        stream::iter(named)
            .map(|(digest, tags)| async move {
                let labels = self.labels(talk, image, &digest).await?;
                let tags = tags.into_iter().collect();
                Ok(Image {
                    digest,
                    tags,
                    labels,
                })
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    /// Its labels, read once. What is there and cannot be read is said of that image alone; a registry that does not answer
    /// is a fault of the whole list.
    async fn labels(
        &self,
        talk: &Talk<'_>,
        image: &ImageSource,
        digest: &Digest,
    ) -> Result<Read, Fault> {
        let key = (image.repository.clone(), digest.clone());
        let kept = |of: &Self| {
            let read = of.read.lock().unwrap_or_else(PoisonError::into_inner);
            read.get(&key).cloned()
        };
        if let Some(read) = kept(self) {
            return Ok(read);
        }
        let read = match labels(talk, digest).await {
            Ok(labels) => Ok(labels),
            Err(fault) if matches!(fault.kind, FaultKind::Malformed | FaultKind::NotFound) => {
                Err(fault.detail)
            }
            Err(fault) => return Err(fault),
        };
        let mut all = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(key, read.clone());
        Ok(read)
    }
}

async fn tags(talk: &Talk<'_>) -> Result<Vec<String>, Fault> {
    let mut tags: BTreeSet<String> = BTreeSet::new();
    let mut url = talk.url(&["tags", "list"]);
    url.query_pairs_mut().append_pair("n", "1000");
    for _ in 0..PAGES {
        let mut answer = talk.good(talk.ask(Method::GET, &url, "application/json").await?)?;
        let link = answer.headers().get(LINK);
        let next = link.and_then(|link| next(link.to_str().ok()?).map(str::to_owned));
        let body = talk.body(&mut answer).await?;
        let page: Page = serde_json::from_slice(&body).map_err(|error| {
            let detail = format!("its list of tags cannot be read: {error}");
            talk.fault(FaultKind::Malformed, &detail)
        })?;
        let before = tags.len();
        let given = page.tags.unwrap_or_default();
        let good = given
            .into_iter()
            .filter(|tag| is_reference(tag) && !is_beside(tag));
        tags.extend(good);
        if tags.len() > TAGS {
            let detail = format!("it has more than {TAGS} tags");
            return Err(talk
                .fault(FaultKind::Refused, &detail)
                .hint("List releases from git, or remove tags that nobody needs"));
        }
        let Some(next) = next else {
            return Ok(tags.into_iter().collect());
        };
        url = talk.next(&url, &next).ok_or_else(|| {
            let detail = "its next page is at another place";
            talk.fault(FaultKind::Refused, detail)
        })?;
        if tags.len() == before {
            break;
        }
    }
    Err(talk.fault(FaultKind::Malformed, "its pages of tags never end"))
}

/// `</v2/a/tags/list?last=x&n=2>; rel="next"`
/// (<https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-tags>).
fn next(header: &str) -> Option<&str> {
    header.split(',').find_map(|link| {
        let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
        let rel = rest
            .split(';')
            .any(|part| matches!(part.trim(), "rel=\"next\"" | "rel=next"));
        rel.then_some(address)
    })
}

/// From the manifest and its configuration; of an index from what it says itself, and else from its first image.
async fn labels(talk: &Talk<'_>, digest: &Digest) -> Result<Labels, Fault> {
    let mut found = Labels::default();
    let mut at = digest.clone();
    for _ in 0..DEPTH {
        let (_, bytes) = talk.manifest(at.as_str()).await?;
        let manifest: Manifest = parse(talk, "its manifest", &bytes)?;
        fill(&mut found, &manifest.annotations);
        if let Some(config) = &manifest.config {
            if let Some(config) = Digest::parse(&config.digest) {
                let bytes = talk.blob(&config).await?;
                // What is no image has a configuration of another kind, or an empty one.
                let config: Configuration = serde_json::from_slice(&bytes).unwrap_or_default();
                let labels = config.config.unwrap_or_default().labels.unwrap_or_default();
                fill(&mut found, &labels);
                let created = config.created.as_deref().and_then(time);
                found.created = found.created.or(created);
            }
            return Ok(found);
        }
        // What an index holds beside images has the platform `unknown`.
        let image = manifest.manifests.iter().find(|it| {
            let platform = it.platform.as_ref();
            platform.is_none_or(|platform| platform.os != "unknown")
        });
        let Some(next) = image.and_then(|it| Digest::parse(&it.digest)) else {
            return Ok(found);
        };
        at = next;
    }
    Ok(found)
}

fn parse<'b, T: Deserialize<'b>>(talk: &Talk<'_>, what: &str, bytes: &'b [u8]) -> Result<T, Fault> {
    serde_json::from_slice(bytes).map_err(|error| {
        talk.fault(
            FaultKind::Malformed,
            &format!("{what} cannot be read: {error}"),
        )
    })
}

/// What is said first counts: an index before its images, annotations before labels.
fn fill(found: &mut Labels, said: &BTreeMap<String, String>) {
    let get = |name: &str| {
        let value = said.get(&format!("org.opencontainers.image.{name}"))?;
        Some(Clean::new(value)).filter(|value| !value.is_empty())
    };
    found.revision = found.revision.take().or_else(|| get("revision"));
    found.version = found.version.take().or_else(|| get("version"));
    found.source = found.source.take().or_else(|| get("source"));
    let created = get("created").and_then(|value| time(value.as_str()));
    found.created = found.created.or(created);
}

/// Build tools that want the same digest twice write the beginning of 1970, or of the year 1: that says nothing.
fn time(text: &str) -> Option<Timestamp> {
    let time: Timestamp = text.parse().ok()?;
    (time > Timestamp::UNIX_EPOCH).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_read_from_its_link() {
        for (header, expect) in [
            (
                "</v2/a/tags/list?last=x&n=2>; rel=\"next\"",
                Some("/v2/a/tags/list?last=x&n=2"),
            ),
            ("<a>; rel=prev, <b>; rel=next", Some("b")),
            ("<a>; rel=\"prev\"", None),
            ("nothing", None),
            ("<a; rel=next", None),
        ] {
            assert_eq!(next(header), expect, "{header}");
        }
    }

    #[test]
    fn a_time_that_says_nothing_is_none() {
        assert_eq!(time("0001-01-01T00:00:00Z"), None);
        assert_eq!(time("1970-01-01T00:00:00Z"), None);
        assert_eq!(time("yesterday"), None);
        assert!(time("2026-11-21T12:00:00Z").is_some());
    }
}
