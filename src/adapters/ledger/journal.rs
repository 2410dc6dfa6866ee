//! What was done while the ledger could not be written: lines of JSON in an append-only file, synced before anything is
//! sent. The first folder that takes it keeps it; all are read when the ledger is back. A line is an entry without its
//! place, and is told from others by all that it says (its time, who, and the intent's id), so that it gets into the
//! ledger once however often and by whomever it is brought back.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::folder;
use crate::domain::{
    fault::{Fault, FaultKind},
    release::Digest,
    standing::Aside,
};

/// As much of it is shown; all of it is brought back.
const LARGEST: u64 = 4 << 20;

/// The journal of one ledger.
#[derive(Debug)]
pub(super) struct Journal {
    /// In the order in which they are tried.
    files: Vec<PathBuf>,
}

impl Journal {
    /// `folders` are tried after the ledger's own, which is often what fails.
    pub fn of(ledger: &Path, folders: &[PathBuf]) -> Self {
        let absolute = std::path::absolute(ledger).unwrap_or_else(|_| ledger.to_owned());
        let digest = Digest::of(absolute.to_string_lossy().as_bytes());
        let name = format!("ledger-{}.journal", digest.short());
        let own = folder::folder_of(ledger);
        let files = std::iter::once(&own)
            .chain(folders)
            .map(|folder| folder.join(&name))
            .collect();
        Self { files }
    }

    /// The first file that holds lines.
    pub fn waiting(&self) -> Option<&Path> {
        let holds = |path: &&PathBuf| fs::metadata(path).is_ok_and(|it| it.len() > 0);
        self.files.iter().find(holds).map(PathBuf::as_path)
    }

    /// What waits, oldest first, as far as it can be read. Only looked at: nobody is kept from bringing it back.
    pub fn lines(&self) -> Vec<Aside> {
        let read = |path: &PathBuf| {
            let mut text = Vec::new();
            let file = open(path).ok().flatten()?;
            file.take(LARGEST).read_to_end(&mut text).ok()?;
            Some(String::from_utf8_lossy(&text).into_owned())
        };
        let mut lines: Vec<Aside> = self
            .files
            .iter()
            .filter_map(read)
            .flat_map(|text| {
                text.lines()
                    .filter_map(|line| serde_json::from_str(line).ok())
                    .collect::<Vec<Aside>>()
            })
            .collect();
        lines.sort_by_key(|line| line.draft.at);
        lines
    }

    /// Durable when it returns, with the file.
    pub fn keep(&self, lines: &[Aside]) -> Result<&Path, Fault> {
        let mut text = String::from("\n");
        for line in lines {
            // Cannot fail for what serialises into the ledger.
            text.push_str(&serde_json::to_string(line).unwrap_or_default());
            text.push('\n');
        }
        let mut told = Vec::new();
        for path in &self.files {
            match write(path, text.as_bytes()) {
                Ok(()) => return Ok(path),
                Err(error) => told.push(format!("{}: {error}", path.display())),
            }
        }
        Err(Fault::new(
            "journal",
            FaultKind::Refused,
            "keeping what is done beside the ledger",
            &told.join("; "),
        )
        .hint("Nothing on this machine takes it; note by hand what you do and when"))
    }

    /// Hands all lines of all files to `take`, which answers those that could not be brought back. A file without such
    /// goes away.
    pub async fn bring_back<F>(&self, mut take: impl FnMut(Vec<Aside>) -> F) -> Result<(), Fault>
    where
        F: Future<Output = Result<Vec<Aside>, Fault>>,
    {
        for path in &self.files {
            let failed = |error: &io::Error| {
                let doing = format!("bringing back what waits in {}", path.display());
                Fault::new("journal", FaultKind::Refused, doing, &error.to_string())
            };
            let (mut file, text) = match read(path) {
                Ok(Some(there)) => there,
                Ok(None) => continue,
                // One that cannot be read keeps no other back.
                Err(error) => {
                    tracing::warn!(fault = %failed(&error), "a journal is left as it is");
                    continue;
                }
            };
            let (mut lines, mut torn) = (Vec::new(), String::new());
            for line in text.lines().filter(|line| !line.is_empty()) {
                match serde_json::from_str(line) {
                    Ok(line) => lines.push(line),
                    // Cut off by a full disk: it was tried again elsewhere. Kept for a person to see.
                    Err(_) => torn.extend([line, "\n"]),
                }
            }
            let left = if lines.is_empty() {
                lines
            } else {
                take(lines).await?
            };
            if !torn.is_empty() {
                let _ = fs::write(path.with_extension("torn"), &torn);
            }
            let rewritten = if left.is_empty() {
                fs::remove_file(path)
            } else {
                rewrite(&mut file, &left)
            };
            rewritten.map_err(|error| failed(&error))?;
        }
        Ok(())
    }
}

/// Only this account's, as it is the record of what was done.
fn open(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .read(true)
        .append(true)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path);
    let file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let it = file.metadata()?;
    if it.uid() != rustix::process::geteuid().as_raw() || it.mode() & 0o022 != 0 {
        return Err(io::Error::other("others may write to it"));
    }
    Ok(Some(file))
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    let folder = folder::folder_of(path);
    folder::make_private(&folder).map_err(io::Error::other)?;
    // Whoever owns the folder can take the file away.
    let it = fs::metadata(&folder)?;
    if it.uid() != rustix::process::geteuid().as_raw() || it.mode() & 0o022 != 0 {
        return Err(io::Error::other("others may write in its folder"));
    }
    loop {
        let made = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let new = match made {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(error),
        };
        let Some(mut file) = open(path)? else {
            continue;
        };
        file.lock()?;
        // It may have been brought back, and gone, while we waited for it.
        if file.metadata()?.nlink() == 0 {
            continue;
        }
        let began = file.seek(io::SeekFrom::End(0))?;
        let written = file.write_all(text).and_then(|()| file.sync_all());
        if written.is_err() {
            // Half a line helps nobody.
            let _ = file.set_len(began);
            if began == 0 {
                let _ = fs::remove_file(path);
            }
        } else if new {
            folder::sync_folder(&folder);
        }
        return written;
    }
}

/// The file, locked, with all its text; None: there is none.
fn read(path: &Path) -> io::Result<Option<(File, String)>> {
    let Some(mut file) = open(path)? else {
        return Ok(None);
    };
    file.lock()?;
    if file.metadata()?.nlink() == 0 {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some((file, String::from_utf8_lossy(&bytes).into_owned())))
}

fn rewrite(file: &mut File, lines: &[Aside]) -> io::Result<()> {
    let mut text = String::from("\n");
    for line in lines {
        text.push_str(&serde_json::to_string(line)?);
        text.push('\n');
    }
    file.set_len(0)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use jiff::Timestamp;

    use super::*;
    use crate::domain::{
        entry::{Body, DeploymentId, Draft, StreamId},
        workspace::Actor,
    };

    fn line(name: &str) -> Aside {
        Aside {
            stream: StreamId("target:dev/acme/auth".to_owned()),
            draft: Draft {
                at: Timestamp::UNIX_EPOCH,
                actor: Actor::program("host"),
                body: Body::Promoted {
                    deployment: DeploymentId(name.to_owned()),
                },
            },
        }
    }

    async fn all(journal: &Journal) -> Vec<Aside> {
        let told = std::cell::RefCell::new(Vec::new());
        journal
            .bring_back(|lines| {
                told.borrow_mut().extend(lines);
                async { Ok(Vec::new()) }
            })
            .await
            .expect("read");
        told.into_inner()
    }

    #[tokio::test]
    async fn lines_are_kept_in_the_first_folder_that_takes_them_and_given_back_once() {
        let dir = tempfile::tempdir().expect("a folder");
        let (ledger, state) = (dir.path().join("data/ledger.db"), dir.path().join("state"));
        // A file stands where the ledger's folder should be.
        fs::write(dir.path().join("data"), "").expect("written");
        let journal = Journal::of(&ledger, std::slice::from_ref(&state));
        assert_eq!(journal.waiting(), None);
        let kept = journal.keep(&[line("a")]).expect("kept").to_owned();
        assert!(kept.starts_with(&state), "{}", kept.display());
        let mode = fs::metadata(&kept).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        journal.keep(&[line("b"), line("c")]).expect("kept");
        assert_eq!(journal.waiting(), Some(kept.as_path()));
        assert_eq!(journal.lines(), [line("a"), line("b"), line("c")]);
        assert_eq!(all(&journal).await, [line("a"), line("b"), line("c")]);
        assert_eq!(journal.lines(), []);
        assert_eq!(journal.waiting(), None);
        assert_eq!(all(&journal).await, []);
    }

    #[tokio::test]
    async fn a_torn_line_hides_no_other_and_what_cannot_go_back_stays() {
        let dir = tempfile::tempdir().expect("a folder");
        let journal = Journal::of(&dir.path().join("ledger.db"), &[]);
        let kept = journal.keep(&[line("a")]).expect("kept").to_owned();
        let mut file = OpenOptions::new().append(true).open(&kept).expect("ours");
        file.write_all(b"{\"stream\":\"tar").expect("written");
        journal.keep(&[line("b")]).expect("kept");
        journal
            .bring_back(|lines| async move {
                assert_eq!(lines, [line("a"), line("b")]);
                Ok(vec![line("b")])
            })
            .await
            .expect("read");
        assert_eq!(all(&journal).await, [line("b")]);
    }

    #[test]
    fn where_nothing_takes_them_that_is_said() {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("data"), "").expect("written");
        let journal = Journal::of(&dir.path().join("data/ledger.db"), &[]);
        let fault = journal.keep(&[line("a")]).expect_err("refused");
        assert!(fault.to_string().contains("by hand"), "{fault}");
        // Others could have written what stands there.
        let journal = Journal::of(&dir.path().join("ledger.db"), &[]);
        let kept = journal.keep(&[line("a")]).expect("kept").to_owned();
        fs::set_permissions(&kept, fs::Permissions::from_mode(0o666)).expect("ours");
        assert!(journal.keep(&[line("b")]).is_err());
    }
}
