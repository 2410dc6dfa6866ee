//! The place of a ledger file: its folder is the owner's alone, the file nobody else's to write, and the disk
//! one whose locks can be trusted (QUALITY T20, SPEC S2).

mod network;

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, MetadataExt as _, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::domain::fault::{Fault, FaultKind};

/// Makes the folder where it is missing, and refuses what others could write. True: there is no file yet.
pub(super) fn prepare(path: &Path) -> Result<bool, Fault> {
    let folder = folder_of(path);
    make_private(&folder)?;
    check(path)?;
    match fs::symlink_metadata(path) {
        Ok(_) => keep_private(path).map(|()| false),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(fault("looking at", path, &error)),
    }
}

/// Makes a folder and the missing ones above it for this account alone, whatever the umask.
pub(super) fn make_private(folder: &Path) -> Result<(), Fault> {
    let missing: Vec<&Path> = folder
        .ancestors()
        .take_while(|above| !above.as_os_str().is_empty() && !above.exists())
        .collect();
    for each in missing.into_iter().rev() {
        match DirBuilder::new().mode(0o700).create(each) {
            Ok(()) => fs::set_permissions(each, Permissions::from_mode(0o700))
                .map_err(|error| fault("making the folder", each, &error))?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(fault("making the folder", each, &error)),
        }
    }
    Ok(())
}

/// A new empty file beside `path`, of a name that nobody else has.
pub(super) fn beside(path: &Path) -> Result<PathBuf, Fault> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unique = format!(
        ".{name}.{}.{}",
        std::process::id(),
        COUNT.fetch_add(1, Ordering::Relaxed)
    );
    let draft = folder_of(path).join(unique);
    let _ = fs::remove_file(&draft);
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|file| file.set_permissions(Permissions::from_mode(0o600)))
        .map_err(|error| fault("making the file", path, &error))?;
    Ok(draft)
}

/// Gives a finished file its name, unless somebody was first.
pub(super) fn put_in_place(draft: &Path, path: &Path) -> Result<(), Fault> {
    let linked = match fs::hard_link(draft, path) {
        // Some file systems have no second names.
        Err(error) if error.kind() == ErrorKind::Unsupported || error.raw_os_error() == Some(1) => {
            if path.exists() {
                Ok(())
            } else {
                fs::rename(draft, path)
            }
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        other => other,
    };
    linked.map_err(|error| fault("making the file", path, &error))?;
    sync_folder(&folder_of(path));
    Ok(())
}

/// A new name is durable when its folder is.
pub(super) fn sync_folder(folder: &Path) {
    if let Err(error) = fs::File::open(folder).and_then(|folder| folder.sync_all()) {
        tracing::debug!(%error, folder = %folder.display(), "syncing a folder");
    }
}

/// Which file it is, so that another one in its place is noticed.
pub(super) fn identity(path: &Path) -> Option<(u64, u64)> {
    fs::metadata(path).ok().map(|it| (it.dev(), it.ino()))
}

/// A ledger never is an empty file: that is one which was cut off, and beginning anew would hide it.
pub(super) fn check_contents(path: &Path) -> Result<(), Fault> {
    let it = fs::metadata(path).map_err(|error| fault("looking at", path, &error))?;
    if it.len() > 0 {
        return Ok(());
    }
    let doing = format!("opening {}", path.display());
    let detail =
        "the file is empty, and a ledger never is: it was cut off, or something else made it";
    Err(
        Fault::new("ledger", FaultKind::Malformed, doing, detail).hint(format!(
            "Restore a copy; or, if there never was a ledger, remove it: rm {}",
            path.display()
        )),
    )
}

/// The checks alone; nothing is made.
pub(super) fn check(path: &Path) -> Result<(), Fault> {
    let folder = folder_of(path);
    let it = fs::metadata(&folder).map_err(|error| fault("looking at", &folder, &error))?;
    if !it.is_dir() {
        return Err(refused(&folder, "it is not a folder").hint("Name a file in a folder"));
    }
    if it.permissions().mode() & 0o022 != 0 {
        return Err(refused(&folder, "others may write in this folder").hint(format!(
            "Take that right away with `chmod go-w {}`, or keep the ledger in a folder of its own",
            folder.display()
        )));
    }
    // Its log and its shared memory are followed like itself.
    for end in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(end);
        let name = Path::new(&name);
        if fs::symlink_metadata(name).is_ok_and(|it| it.is_symlink()) {
            return Err(refused(name, "it is a symbolic link")
                .hint("Name the file itself, so that nobody can put another in its place"));
        }
    }
    match fs::symlink_metadata(path) {
        Ok(file) if !file.is_file() => {
            return Err(refused(path, "it is not a file").hint("Name a file for the ledger"));
        }
        Ok(file) if file.permissions().mode() & 0o022 != 0 => {
            return Err(refused(path, "others may write to this file").hint(format!(
                "Look who did (`gonogo audit verify`), then `chmod 600 {}`",
                path.display()
            )));
        }
        _ => {}
    }
    let whole = fs::canonicalize(&folder).unwrap_or(folder);
    match network::under(&whole) {
        Some(kind) => Err(refused(
            path,
            &format!("it would lie on {kind}, a network file system, where locks cannot be trusted"),
        )
        .hint(
            "Keep the ledger on a disk of this machine: [ledger] path = \"…\". A team that needs one ledger on several machines will keep it in PostgreSQL, which this gonogo does not do yet",
        )),
        None => Ok(()),
    }
}

/// Ours and not for others to read.
fn keep_private(path: &Path) -> Result<(), Fault> {
    let it = fs::metadata(path).map_err(|error| fault("looking at", path, &error))?;
    let others = it.permissions().mode() & 0o077;
    if others == 0 {
        return Ok(());
    }
    // What cannot be changed (somebody else's file, a disk mounted to be read) is only read: no reason to refuse it.
    match fs::set_permissions(path, Permissions::from_mode(0o600)) {
        Err(error)
            if !matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Err(error)
        }
        _ => Ok(()),
    }
    .map_err(|error| fault("taking others' rights from", path, &error))
}

pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn refused(path: &Path, detail: &str) -> Fault {
    let doing = format!("opening {}", path.display());
    Fault::new("ledger", FaultKind::Refused, doing, detail)
}

fn fault(doing: &str, path: &Path, error: &io::Error) -> Fault {
    let kind = match error.kind() {
        ErrorKind::NotFound => FaultKind::NotFound,
        ErrorKind::PermissionDenied => FaultKind::Forbidden,
        _ => FaultKind::Refused,
    };
    Fault::new(
        "ledger",
        kind,
        format!("{doing} {}", path.display()),
        &error.to_string(),
    )
    .hint("Set `ledger` in the configuration to a path that this account may write")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("ours");
    }

    #[test]
    fn folder_and_file_are_made_for_the_owner_alone() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state/gonogo/ledger.db");
        assert_eq!(prepare(&path), Ok(true));
        assert_eq!(mode(&dir.path().join("state")), 0o700);
        assert_eq!(mode(&dir.path().join("state/gonogo")), 0o700);
        let draft = beside(&path).expect("made");
        assert_eq!(mode(&draft), 0o600);
        put_in_place(&draft, &path).expect("placed");
        assert!(check_contents(&path).is_err(), "an empty file is no ledger");
        fs::write(&path, "first").expect("ours");
        let late = beside(&path).expect("made");
        put_in_place(&late, &path).expect("somebody was first");
        assert_eq!(fs::read_to_string(&path).expect("there"), "first");
        set(&path, 0o644);
        assert_eq!(prepare(&path), Ok(false));
        assert_eq!(mode(&path), 0o600);
    }

    #[test]
    fn what_others_could_write_is_refused_with_the_way_out() {
        for bad in [0o770, 0o702, 0o1777] {
            let dir = tempfile::tempdir().expect("a folder");
            set(dir.path(), bad);
            let fault = prepare(&dir.path().join("ledger.db")).expect_err("refused");
            assert_eq!(fault.kind, FaultKind::Refused);
            assert!(fault.to_string().contains("chmod go-w"), "{fault}");
        }
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("ledger.db");
        fs::write(&path, "x").expect("made");
        set(&path, 0o660);
        let fault = prepare(&path).expect_err("refused");
        assert!(fault.to_string().contains("chmod 600"), "{fault}");
    }

    #[test]
    fn a_link_or_a_folder_is_no_ledger() {
        let dir = tempfile::tempdir().expect("a folder");
        let link = dir.path().join("ledger.db");
        std::os::unix::fs::symlink("/etc/hosts", &link).expect("linked");
        assert!(prepare(&link).is_err());
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).expect("made");
        assert!(prepare(&folder).is_err());
    }
}
