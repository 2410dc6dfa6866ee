//! Which configurations that came with a repository may do what one's own may (SPEC §6): by the digest of every byte, so
//! that a changed file is a stranger again. Kept in the data folder of the user, where no repository can write.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::paths::Folders;
use crate::domain::release::Digest;

/// By the path of a file, the digest it had when somebody trusted it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
struct Trusted(BTreeMap<PathBuf, Digest>);

fn place(folders: &Folders) -> PathBuf {
    folders.data.join("trusted.json")
}

/// What cannot be read trusts nothing.
fn load(folders: &Folders) -> Trusted {
    std::fs::read_to_string(place(folders))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

fn named(file: &Path) -> PathBuf {
    std::fs::canonicalize(file).unwrap_or_else(|_| file.to_owned())
}

/// Whether exactly this text at this place was trusted.
pub(super) fn is_trusted(folders: &Folders, file: &Path, text: &str) -> bool {
    load(folders).0.get(&named(file)) == Some(&Digest::of(text.as_bytes()))
}

/// Trusts this text at this place from now on, and no other.
pub fn trust(folders: &Folders, file: &Path, text: &str) -> std::io::Result<Digest> {
    let digest = Digest::of(text.as_bytes());
    let mut trusted = load(folders);
    trusted.0.insert(named(file), digest.clone());
    store(folders, &trusted)?;
    Ok(digest)
}

/// Whether it was trusted before.
pub fn revoke(folders: &Folders, file: &Path) -> std::io::Result<bool> {
    let mut trusted = load(folders);
    let was = trusted.0.remove(&named(file)).is_some();
    if was {
        store(folders, &trusted)?;
    }
    Ok(was)
}

fn store(folders: &Folders, trusted: &Trusted) -> std::io::Result<()> {
    std::fs::create_dir_all(&folders.data)?;
    // First under another name: half a list would trust nothing any more.
    let (place, part) = (place(folders), folders.data.join("trusted.json.part"));
    let mut file = std::fs::File::create(&part)?;
    serde_json::to_writer_pretty(&mut file, trusted)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    std::fs::rename(part, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_changed_byte_or_another_place_is_a_stranger() {
        let root = tempfile::tempdir().expect("a folder");
        let folders = Folders::within(root.path(), None);
        let (file, other) = (root.path().join("gonogo.toml"), root.path().join("b.toml"));
        assert!(!is_trusted(&folders, &file, "a"));
        trust(&folders, &file, "a").expect("kept");
        assert!(is_trusted(&folders, &file, "a"));
        assert!(!is_trusted(&folders, &file, "b"));
        assert!(!is_trusted(&folders, &other, "a"));
        assert!(revoke(&folders, &file).expect("kept"));
        assert!(!is_trusted(&folders, &file, "a"));
        std::fs::write(place(&folders), "not JSON").expect("written");
        assert!(!is_trusted(&folders, &file, "a"));
    }
}
