//! What was read of a long history, kept in a file, so that the next process does not read it again. The file is never
//! believed over git: it has to be ours alone, whole, of this repository, and what is picked out of it at random has to be
//! what git says; else all of it is read anew. Which commits there are, git always says.

use std::{
    collections::HashMap,
    fs::File,
    hash::Hash,
    io::{Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use git2::{Oid, Repository};

use super::kept::{Kept, Link, Told};
use crate::domain::{release::Digest, text::Clean};

/// Of the format: another one is not read.
const MAGIC: &[u8] = b"gonogo git index 1\n";

/// A history that is shorter is read faster than it is checked.
pub(super) const WORTH: usize = 1_000;

/// So many are compared with git, and of each kind.
const PICKED: usize = 32;

const LARGEST: u64 = 512 << 20;

/// Where the index of a repository lies.
pub(super) fn path(folder: &Path, source: &Path) -> PathBuf {
    folder.join(format!("{}.index", name(source).hex()))
}

fn name(source: &Path) -> Digest {
    Digest::of(source.as_os_str().as_encoded_bytes())
}

/// Nothing where it is not there, not ours, or not true.
pub(super) fn load(folder: &Path, source: &Path, repository: &Repository) -> Option<Kept> {
    // What lies behind the edge of a shallow clone is not to be seen, whoever saw it once.
    if repository.is_shallow() {
        return None;
    }
    let path = path(folder, source);
    let kept = read(&path, source)?;
    match is_true(&kept, repository) {
        Ok(picked) => Some(kept.after(picked)),
        Err(why) => {
            tracing::warn!(path = %path.display(), why, "the index of a history is not what git says, and is made anew");
            let _ = std::fs::remove_file(&path);
            None
        }
    }
}

fn read(path: &Path, source: &Path) -> Option<Kept> {
    let mut file = File::open(path).ok()?;
    let about = file.metadata().ok()?;
    let ours = about.uid() == rustix::process::geteuid().as_raw() && about.mode() & 0o777 == 0o600;
    if !ours || !about.is_file() || about.len() > LARGEST {
        tracing::warn!(path = %path.display(), "an index that others may change is not read");
        return None;
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    parse(&bytes, source)
}

fn parse(bytes: &[u8], source: &Path) -> Option<Kept> {
    let (body, sum) = bytes.split_at_checked(bytes.len().checked_sub(64)?)?;
    if Digest::of(body).hex().as_bytes() != sum {
        return None;
    }
    let mut rest = body.strip_prefix(MAGIC)?;
    let rest = &mut rest;
    if take(rest, 64)? != name(source).hex().as_bytes() {
        return None;
    }
    let mut links = HashMap::new();
    for _ in 0..number(rest)? {
        let (id, time) = (oid(rest)?, time(rest)?);
        let parents = (0..number(rest)?)
            .map(|_| oid(rest))
            .collect::<Option<_>>()?;
        // One more than its length; none is 0.
        let rollback = match number(rest)? {
            0 => None,
            more => Some(plain(rest, more - 1)?.into()),
        };
        let link = Link {
            parents,
            time,
            rollback,
        };
        links.insert(id, link);
    }
    let mut told = HashMap::new();
    for _ in 0..number(rest)? {
        let (id, time) = (oid(rest)?, time(rest)?);
        let of_commit = Told {
            author: text(rest)?,
            email: text(rest)?,
            subject: text(rest)?,
            time,
        };
        told.insert(id, of_commit);
    }
    rest.is_empty().then(|| Kept::from(links, told))
}

fn take<'b>(rest: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (head, tail) = rest.split_at_checked(count)?;
    *rest = tail;
    Some(head)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(take(rest, 4)?.try_into().ok()?))
}

fn time(rest: &mut &[u8]) -> Option<i64> {
    Some(i64::from_le_bytes(take(rest, 8)?.try_into().ok()?))
}

fn oid(rest: &mut &[u8]) -> Option<Oid> {
    Oid::from_bytes(take(rest, 20)?).ok()
}

fn plain<'b>(rest: &mut &'b [u8], length: u32) -> Option<&'b str> {
    std::str::from_utf8(take(rest, usize::try_from(length).ok()?)?).ok()
}

fn text(rest: &mut &[u8]) -> Option<Clean> {
    let length = number(rest)?;
    plain(rest, length).map(Clean::new)
}

/// How many were compared; or which of them is not what git says. Picked as the map has them: in another order in every
/// process.
fn is_true(kept: &Kept, repository: &Repository) -> Result<usize, String> {
    let mut fresh = Kept::default();
    for (id, link) in kept.links().iter().take(PICKED) {
        let true_link = fresh.link(repository, *id);
        let true_link = true_link.map_err(|error| format!("{id}: {}", error.message()))?;
        if true_link != link {
            return Err(format!(
                "{id} has other parents, another time or another way back"
            ));
        }
    }
    for (id, told) in kept.all_told().iter().take(PICKED) {
        if fresh.told(repository, *id) != Some(told) {
            return Err(format!("{id} says something else"));
        }
    }
    Ok(fresh.reads())
}

/// Written beside and put in its place: whoever reads meanwhile reads the old one. What cannot be written is read from git
/// the next time.
pub(super) fn save(folder: &Path, source: &Path, kept: &Kept) -> std::io::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let bytes = render(source, kept);
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&bytes)?;
    file.persist(path(folder, source))?;
    Ok(())
}

fn render(source: &Path, kept: &Kept) -> Vec<u8> {
    fn count(out: &mut Vec<u8>, count: usize) {
        out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
    }
    let mut out = MAGIC.to_vec();
    out.extend(name(source).hex().as_bytes());
    let links = sorted(kept.links());
    count(&mut out, links.len());
    for (id, link) in links {
        out.extend(id.as_bytes());
        out.extend(link.time.to_le_bytes());
        count(&mut out, link.parents.len());
        for parent in &link.parents {
            out.extend(parent.as_bytes());
        }
        match &link.rollback {
            None => count(&mut out, 0),
            Some(word) => {
                count(&mut out, word.len() + 1);
                out.extend(word.as_bytes());
            }
        }
    }
    let all = sorted(kept.all_told());
    count(&mut out, all.len());
    for (id, told) in all {
        out.extend(id.as_bytes());
        out.extend(told.time.to_le_bytes());
        for text in [&told.author, &told.email, &told.subject] {
            count(&mut out, text.as_str().len());
            out.extend(text.as_str().as_bytes());
        }
    }
    let sum = Digest::of(&out);
    out.extend(sum.hex().as_bytes());
    out
}

fn sorted<K: Ord + Hash, V>(map: &HashMap<K, V>) -> Vec<(&K, &V)> {
    let mut all: Vec<_> = map.iter().collect();
    all.sort_by(|a, b| a.0.cmp(b.0));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Kept {
        let id = |byte: u8| Oid::from_bytes(&[byte; 20]).expect("twenty bytes");
        let link = |parents: Vec<Oid>| Link {
            rollback: (parents.len() > 1).then(|| "forbidden".into()),
            parents,
            time: -7,
        };
        let told = Told {
            author: "Dana".into(),
            email: "d@example.com".into(),
            subject: "ä → ✔".into(),
            time: 9,
        };
        let links = [(id(1), link(vec![])), (id(2), link(vec![id(1), id(3)]))];
        Kept::from(links.into(), [(id(2), told)].into())
    }

    #[test]
    fn what_is_written_is_read_back_and_nothing_else_is() {
        let (source, kept) = (Path::new("/src/shop"), some());
        let bytes = render(source, &kept);
        let back = parse(&bytes, source).expect("read back");
        assert_eq!(
            (back.links(), back.all_told()),
            (kept.links(), kept.all_told())
        );
        assert!(
            parse(&bytes, Path::new("/src/other")).is_none(),
            "of another repository"
        );
        // Cut anywhere, and with any bit turned.
        for at in 0..bytes.len() {
            assert!(parse(&bytes[..at], source).is_none(), "cut at {at}");
            let mut turned = bytes.clone();
            turned[at] ^= 1;
            assert!(parse(&turned, source).is_none(), "turned at {at}");
        }
        // Whoever mends the sum, and promises more than there is.
        let mut body = MAGIC.to_vec();
        body.extend(name(source).hex().as_bytes());
        body.extend(u32::MAX.to_le_bytes());
        let sum = Digest::of(&body);
        body.extend(sum.hex().as_bytes());
        assert!(parse(&body, source).is_none());
    }
}
