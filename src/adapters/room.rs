//! How much can still be written where the ledger is.

use std::path::Path;

use crate::domain::{
    fault::{Fault, FaultKind},
    readiness::Disk,
    text::Clean,
};

/// Of the file system that holds `file`, or will: the nearest folder above it that is there counts. Blocking.
pub fn around(file: &Path) -> Result<Disk, Fault> {
    let mut above = file.ancestors().skip(1);
    let folder = above
        .find(|folder| folder.is_dir())
        .unwrap_or_else(|| Path::new("."));
    let shown = folder.display().to_string();
    let space = rustix::fs::statvfs(folder).map_err(|error| {
        let doing = format!("looking how much room there is in {shown}");
        Fault::new("disk", FaultKind::Refused, doing, &error.to_string())
            .hint("look whether the folder may be read: it holds the ledger")
    })?;
    Ok(Disk {
        folder: Clean::new(&shown),
        free: space.f_bavail.saturating_mul(space.f_frsize),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_yet_counts_as_the_one_above_it() {
        let here = tempfile::tempdir().expect("a folder");
        let disk = around(&here.path().join("a/b/ledger.db")).expect("room");
        assert_eq!(disk.folder.as_str(), here.path().display().to_string());
        assert!(disk.free > 0);
    }
}
