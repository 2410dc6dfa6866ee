//! What runs printed, in files beside the ledger: `evidence/<sha256>.txt`, called by the digest that the ledger keeps, so
//! that a changed one shows.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use crate::domain::{
    evidence::Kept,
    fault::{Fault, FaultKind},
    release::Digest,
};

/// The folder of a ledger's evidence.
pub fn folder(ledger: &Path) -> PathBuf {
    ledger.parent().unwrap_or(Path::new(".")).join("evidence")
}

pub fn file(ledger: &Path, kept: &Kept) -> PathBuf {
    folder(ledger).join(format!("{}.txt", kept.digest.hex()))
}

/// Writes `text` down, durably, readable by its owner alone. Blocking. The same text is kept once.
pub fn keep(ledger: &Path, text: &str, left_out: u64) -> Result<Kept, Fault> {
    let kept = Kept {
        digest: Digest::of(text.as_bytes()),
        left_out,
    };
    let (folder, path) = (folder(ledger), file(ledger, &kept));
    let failed = |error: std::io::Error| {
        let doing = format!("keeping evidence in {}", folder.display());
        Fault::new("evidence", FaultKind::Refused, doing, &error.to_string())
            .hint("the verdict is in the ledger all the same; see whether the disk is full")
    };
    if path.is_file() {
        return Ok(kept);
    }
    std::fs::create_dir_all(&folder).map_err(failed)?;
    // First under another name: what was cut off on the way must not pass for the whole. Of its owner alone, as made.
    let mut part = tempfile::NamedTempFile::new_in(&folder).map_err(failed)?;
    part.write_all(text.as_bytes()).map_err(failed)?;
    part.as_file().sync_all().map_err(failed)?;
    part.persist(&path).map_err(|error| failed(error.error))?;
    Ok(kept)
}

/// Reads it back; what does not have its digest any more is refused. Blocking.
pub fn read(ledger: &Path, kept: &Kept) -> Result<String, Fault> {
    let path = file(ledger, kept);
    let doing = format!("reading the evidence {}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => FaultKind::NotFound,
            _ => FaultKind::Malformed,
        };
        Fault::new("evidence", kind, doing.clone(), &error.to_string())
            .hint("it lies on the machine where it was made, beside the ledger")
    })?;
    if Digest::of(text.as_bytes()) != kept.digest {
        let detail = "its digest is not the one that the ledger keeps: somebody changed it";
        return Err(Fault::new("evidence", FaultKind::Malformed, doing, detail)
            .hint("run the item again; the ledger says who ran it before"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_what_was_changed_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = folder.path().join("ledger.sqlite");
        let kept = keep(&ledger, "  all good\n", 0).expect("kept");
        assert_eq!(keep(&ledger, "  all good\n", 0).expect("again"), kept);
        assert_eq!(read(&ledger, &kept).expect("read"), "  all good\n");
        std::fs::write(file(&ledger, &kept), "  all bad\n").expect("written");
        let fault = read(&ledger, &kept).expect_err("it was changed");
        assert!(fault.to_string().contains("somebody changed it"), "{fault}");
    }

    #[cfg(unix)]
    #[test]
    fn evidence_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = folder.path().join("ledger.sqlite");
        let kept = keep(&ledger, "x", 0).expect("kept");
        let mode = std::fs::metadata(file(&ledger, &kept)).expect("there");
        assert_eq!(mode.permissions().mode() & 0o077, 0);
    }
}
