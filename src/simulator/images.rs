//! The images of the practice registry: OCI manifests whose digests are those that the cluster runs.

use jiff::Timestamp;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;

pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// One image: its manifest as served, the digest of those bytes, and the blobs that it names.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub digest: String,
    pub manifest: Vec<u8>,
    blobs: Vec<(String, Vec<u8>)>,
}

impl Image {
    pub fn build(name: &str, commit: &str, created: Timestamp) -> Self {
        let layer = format!("practice layer of {name} at {commit}\n").into_bytes();
        let layer_digest = digest(&layer);
        let config = json!({"architecture": "amd64", "os": "linux", "created": created.to_string(),
            "config": {"Entrypoint": ["/app"], "Labels": {"org.opencontainers.image.revision": commit}},
            "rootfs": {"type": "layers", "diff_ids": [layer_digest]}})
        .to_string()
        .into_bytes();
        let config_digest = digest(&config);
        let manifest = json!({"schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": config_digest,
                "size": config.len()},
            "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": layer_digest,
                "size": layer.len()}],
            "annotations": {"org.opencontainers.image.revision": commit,
                "org.opencontainers.image.source": format!("https://git.acme.example/{name}"),
                "org.opencontainers.image.created": created.to_string()}})
        .to_string()
        .into_bytes();
        Self {
            digest: digest(&manifest),
            manifest,
            blobs: vec![(config_digest, config), (layer_digest, layer)],
        }
    }
}

fn digest(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    let mut text = String::from("sha256:");
    for byte in hash {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// All images, by repository name and by tag or digest.
#[derive(Debug, Default)]
pub(super) struct Images {
    manifests: BTreeMap<(String, String), Vec<u8>>,
    tags: BTreeMap<String, Vec<(String, String)>>,
    blobs: BTreeMap<String, Vec<u8>>,
}

impl Images {
    pub fn push(&mut self, name: &str, tag: &str, image: Image) {
        self.tags
            .entry(name.to_owned())
            .or_default()
            .push((tag.to_owned(), image.digest.clone()));
        self.manifests
            .insert((name.to_owned(), image.digest), image.manifest);
        self.blobs.extend(image.blobs);
    }

    /// Another tag of an image.
    pub fn name(&mut self, name: &str, tag: &str, digest: &str) {
        let tags = self.tags.entry(name.to_owned()).or_default();
        tags.push((tag.to_owned(), digest.to_owned()));
    }

    pub fn knows(&self, name: &str) -> bool {
        self.tags.contains_key(name)
    }

    /// Digest and bytes of a manifest, by tag or digest.
    pub fn manifest(&self, name: &str, reference: &str) -> Option<(&str, &[u8])> {
        let tagged = self
            .tags
            .get(name)?
            .iter()
            .find(|(tag, _)| tag == reference)
            .map(|(_, digest)| digest.as_str());
        let wanted = tagged.unwrap_or(reference);
        let ((_, digest), bytes) = self
            .manifests
            .get_key_value(&(name.to_owned(), wanted.to_owned()))?;
        Some((digest, bytes))
    }

    pub fn blob(&self, digest: &str) -> Option<&[u8]> {
        self.blobs.get(digest).map(Vec::as_slice)
    }

    /// Tags of a repository in lexical order.
    pub fn tags(&self, name: &str) -> Option<Vec<&str>> {
        let mut tags: Vec<&str> = self
            .tags
            .get(name)?
            .iter()
            .map(|(tag, _)| tag.as_str())
            .collect();
        tags.sort_unstable();
        Some(tags)
    }
}
