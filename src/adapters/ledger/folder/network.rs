//! Which file systems are those of a network. `SQLite`'s WAL needs memory shared by all who open the file, and locks over
//! a network are often not kept, so two writers could damage it.

use std::path::Path;

/// By what `statfs` says (`linux/magic.h`). Names for the sentence.
const MAGIC: [(u64, &str); 16] = [
    (0x0000_6969, "NFS"),
    (0x0000_517b, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0xff53_4d42, "CIFS"),
    (0x0102_1997, "9p"),
    (0x5346_414f, "AFS"),
    (0x6b41_4653, "AFS"),
    (0x00c3_6400, "Ceph"),
    (0x0bd0_0bd0, "Lustre"),
    (0x1983_0326, "BeeGFS"),
    (0x4750_4653, "GPFS"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x7375_7245, "Coda"),
    (0x0000_564c, "NCP"),
    (0x786f_4256, "a folder shared by VirtualBox"),
];

/// What a program of its own serves; which one, only the table of mounts tells.
const FUSE: u64 = 0x6573_5546;

/// Local ones among those: all others are somebody's network, or nothing to trust a ledger to.
const FUSE_LOCAL: [&str; 8] = [
    "fuseblk",
    "fuse.ext2",
    "fuse.ext4",
    "fuse.fuse-overlayfs",
    "fuse.gocryptfs",
    "fuse.bindfs",
    "fuse.zfs",
    "fuse.ntfs-3g",
];

/// The name of the network file system, by its magic number and the type that the table of mounts has for it.
pub(super) fn name(magic: u64, mounted_as: Option<&str>) -> Option<String> {
    // Some platforms widen a signed 32-bit number.
    let magic = magic & 0xffff_ffff;
    if magic == FUSE {
        let kind = mounted_as.unwrap_or("fuse");
        return (!FUSE_LOCAL.contains(&kind)).then(|| kind.to_owned());
    }
    MAGIC
        .iter()
        .find(|(known, _)| *known == magic)
        .map(|(_, name)| (*name).to_owned())
}

/// Of the file system under `path` (absolute, links resolved).
#[cfg(target_os = "linux")]
pub(super) fn under(path: &Path) -> Option<String> {
    let magic = rustix::fs::statfs(path).ok()?.f_type;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    #[allow(
        clippy::cast_sign_loss,
        clippy::unnecessary_cast,
        reason = "the type of f_type differs between platforms; the bits are what counts"
    )]
    name(magic as u64, mounted_as(&mounts, path))
}

/// Elsewhere the numbers are others; nothing is known and nothing refused.
#[cfg(not(target_os = "linux"))]
pub(super) fn under(_path: &Path) -> Option<String> {
    None
}

/// The type of the file system that `path` lies on, by the longest mount point.
fn mounted_as<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_systems_of_a_network_are_known_by_their_numbers() {
        for (magic, mounted, expect) in [
            (0x6969, Some("nfs4"), Some("NFS")),
            (0xff53_4d42, Some("cifs"), Some("CIFS")),
            (0xfe53_4d42, Some("smb3"), Some("SMB")),
            (0xffff_ffff_ff53_4d42, None, Some("CIFS")),
            (0x0102_1997, Some("9p"), Some("9p")),
            (FUSE, Some("fuse.sshfs"), Some("fuse.sshfs")),
            (FUSE, Some("fuse.s3fs"), Some("fuse.s3fs")),
            (FUSE, None, Some("fuse")),
            (FUSE, Some("fuseblk"), None),
            // ext4, xfs, btrfs, tmpfs, overlayfs, zfs
            (0xef53, Some("ext4"), None),
            (0x5846_5342, Some("xfs"), None),
            (0x9123_683e, Some("btrfs"), None),
            (0x0102_1994, Some("tmpfs"), None),
            (0x794c_7630, Some("overlay"), None),
            (0x2fc1_2fc1, Some("zfs"), None),
        ] {
            assert_eq!(name(magic, mounted).as_deref(), expect, "{magic:#x}");
        }
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
            assert_eq!(mounted_as(mounts, Path::new(path)), Some(kind), "{path}");
        }
        assert_eq!(mounted_as("", Path::new("/")), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_kernel_is_asked() {
        // Every Linux has it, and it is of no network.
        assert_eq!(under(Path::new("/proc")), None);
        let magic = rustix::fs::statfs("/proc").map(|it| i128::from(it.f_type));
        assert_eq!(magic, Ok(0x9fa0));
    }
}
