//! The place of a ledger file: its folder is the owner's alone, the file nobody else's to write, and the disk
//! one whose locks can be trusted (QUALITY T20, SPEC S2).

use std::{
    fs::{self, DirBuilder, OpenOptions, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::domain::fault::{Fault, FaultKind};

/// File systems over a network: `SQLite`'s WAL needs memory shared by all who open it, and their locks are
/// often not kept.
const NETWORK: [&str; 14] = [
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "davfs",
    "fuse.glusterfs",
    "fuse.rclone",
    "fuse.s3fs",
    "fuse.sshfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "smb3",
];

/// Makes folder and file where they are missing, and refuses the ones that others could write.
pub(super) fn prepare(path: &Path) -> Result<(), Fault> {
    let folder = folder_of(path);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|error| fault("making the folder", &folder, &error))?;
    check(path)?;
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => keep_private(path),
        Err(error) => Err(fault("making the file", path, &error)),
    }
}

/// The checks alone; nothing is made.
pub(super) fn check(path: &Path) -> Result<(), Fault> {
    let folder = folder_of(path);
    let it = fs::metadata(&folder).map_err(|error| fault("looking at", &folder, &error))?;
    if it.permissions().mode() & 0o022 != 0 {
        return Err(refused(&folder, "others may write in this folder").hint(format!(
            "Take that right away with `chmod go-w {}`, or keep the ledger in a folder of its own",
            folder.display()
        )));
    }
    match fs::symlink_metadata(path) {
        Ok(file) if file.is_symlink() => {
            return Err(refused(path, "it is a symbolic link")
                .hint("Name the file itself, so that nobody can put another in its place"));
        }
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
    // Only Linux has it; elsewhere nothing is known and nothing refused.
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let whole = fs::canonicalize(&folder).unwrap_or(folder);
    match file_system(&mounts, &whole) {
        Some(kind) if NETWORK.contains(&kind) => Err(refused(
            path,
            &format!("it would lie on {kind}, a network file system"),
        )
        .hint(
            "Keep the ledger on a disk of this machine; over a network two writers could damage it",
        )),
        _ => Ok(()),
    }
}

/// Ours and not for others to read.
fn keep_private(path: &Path) -> Result<(), Fault> {
    let it = fs::metadata(path).map_err(|error| fault("looking at", path, &error))?;
    let others = it.permissions().mode() & 0o077;
    if others == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(0o600))
        .map_err(|error| fault("taking others' rights from", path, &error))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// The type of the file system that `path` (absolute, links resolved) lies on, by the longest mount point.
fn file_system<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mut best: Option<(usize, &str)> = None;
    for line in mounts.lines() {
        // 36 35 98:0 /root /mount/point options… - type source options
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        let (Some(point), Some(kind)) = (left.split(' ').nth(4), right.split(' ').next()) else {
            continue;
        };
        let point = point.replace("\\040", " ");
        // The last of equals lies on top.
        if path.starts_with(&point) && best.is_none_or(|(length, _)| point.len() >= length) {
            best = Some((point.len(), kind));
        }
    }
    best.map(|(_, kind)| kind)
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
        prepare(&path).expect("made");
        assert_eq!(mode(&dir.path().join("state")), 0o700);
        assert_eq!(mode(&dir.path().join("state/gonogo")), 0o700);
        assert_eq!(mode(&path), 0o600);
        set(&path, 0o644);
        prepare(&path).expect("kept");
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
        prepare(&path).expect("made");
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

    #[test]
    fn the_file_system_is_that_of_the_longest_mount_point() {
        let mounts = "27 1 254:0 / / rw - ext4 /dev/vda rw\n\
            30 27 0:40 / /home rw shared:1 - nfs4 server:/home rw\n\
            31 30 0:41 / /home/dana/my\\040disk rw - xfs /dev/sdb rw\n\
            nonsense";
        for (path, kind) in [
            ("/var/lib", "ext4"),
            ("/homes", "ext4"),
            ("/home/dana", "nfs4"),
            ("/home/dana/my disk/ledger", "xfs"),
        ] {
            assert_eq!(file_system(mounts, Path::new(path)), Some(kind), "{path}");
        }
        assert_eq!(file_system("", Path::new("/")), None);
    }
}
