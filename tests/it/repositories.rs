//! Repositories in every state but a good one: what can be read is, what is missing is said, with its place and the next
//! step, and nothing of the repository's own is run.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::BTreeSet,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use gonogo::{adapters::git::GitSource, domain::fault::FaultKind, ports::ask::Source as _};
use proptest::prelude::*;

use crate::shop::{git, project, repository};

/// Three commits on main, packed, and a tag.
fn shop(folder: &Path) -> PathBuf {
    let place = repository(folder);
    for n in 1..=3 {
        git(
            &place,
            &[
                "commit",
                "-q",
                "--allow-empty",
                "-m",
                &format!("change {n}"),
            ],
        );
    }
    git(&place, &["tag", "auth/v1.0.0", "HEAD~1"]);
    git(&place, &["gc", "-q"]);
    place
}

fn packs(place: &Path, ending: &str) -> PathBuf {
    std::fs::read_dir(place.join(".git/objects/pack"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|found| found == ending))
        .unwrap()
}

fn writable(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
}

/// How many commits were read and what was said, or the fault.
fn told(place: &Path) -> String {
    let project = project(place);
    match (
        GitSource::default().commits(&project, &BTreeSet::new()),
        GitSource::default().remarks(&project, &BTreeSet::new()),
    ) {
        (Ok(commits), Ok(remarks)) => {
            let remarks: Vec<&str> = remarks.iter().map(AsRef::as_ref).collect();
            format!("{} commits. {}", commits.len(), remarks.join(". "))
        }
        (Err(fault), Err(again)) => {
            assert_eq!(fault, again);
            assert!(fault.hint.is_some(), "what to do: {fault}");
            assert!(
                fault.doing.contains(&place.display().to_string()),
                "where: {fault}"
            );
            format!("{:?}. {fault}", fault.kind)
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check(place: &Path, parts: &[&str]) {
    let said = told(place);
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn repositories_that_are_whole_in_another_way_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let place = shop(folder.path());
    check(&place, &["3 commits. "]);
    // Bare, a worktree, and a folder that points to its repository.
    let bare = folder.path().join("bare.git");
    git(
        folder.path(),
        &["clone", "-q", "--bare", "shop", "bare.git"],
    );
    check(&bare, &["3 commits. "]);
    let tree = folder.path().join("tree");
    git(
        &place,
        &["worktree", "add", "-q", "--detach", tree.to_str().unwrap()],
    );
    check(&tree, &["3 commits. "]);
    let apart = folder.path().join("apart");
    git(
        folder.path(),
        &[
            "clone",
            "-q",
            "--separate-git-dir",
            "apart.git",
            "shop",
            "apart",
        ],
    );
    check(&apart, &["3 commits. "]);
    // Shallow: what is there, and that there is more.
    let shallow = folder.path().join("shallow");
    let url = format!("file://{}", place.display());
    git(
        folder.path(),
        &["clone", "-q", "--depth", "2", &url, "shallow"],
    );
    check(&shallow, &["2 commits. ", "a shallow clone", "--unshallow"]);
    // Empty, and with nothing for us in it.
    let empty = folder.path().join("empty");
    git(folder.path(), &["init", "-q", "-b", "main", "empty"]);
    check(&empty, &["0 commits. ", "no branches and no tags yet"]);
    git(&place, &["checkout", "-q", "-b", "trunk"]);
    git(&place, &["branch", "-q", "-D", "main"]);
    git(&place, &["tag", "-d", "auth/v1.0.0"]);
    check(
        &place,
        &[
            "0 commits. ",
            "none of its branches matches main",
            "it has: trunk",
        ],
    );
}

#[test]
fn repositories_that_are_damaged_say_what_and_what_to_do() {
    type Damage = fn(&Path);
    let table: [(Damage, &[&str]); 12] = [
        // Nothing left: a fault.
        (
            |place| {
                let pack = packs(place, "pack");
                writable(&pack);
                let file = std::fs::File::options().write(true).open(pack).unwrap();
                file.set_len(40).unwrap();
            },
            &[
                "Malformed",
                "none of its branches and tags can be read",
                "fsck",
            ],
        ),
        (
            |place| std::fs::remove_file(packs(place, "idx")).unwrap(),
            &["Malformed", "none of its branches", "fsck"],
        ),
        (
            |place| {
                let index = packs(place, "idx");
                writable(&index);
                std::fs::write(index, [0xff; 64]).unwrap();
            },
            &["Malformed", "none of its branches", "fsck"],
        ),
        (
            |place| std::fs::remove_dir_all(place.join(".git/objects/pack")).unwrap(),
            &["Malformed", "none of its branches", "fsck"],
        ),
        // Not even a repository any more.
        (
            |place| std::fs::remove_file(place.join(".git/HEAD")).unwrap(),
            &["Malformed", "It was a repository once"],
        ),
        (
            |place| std::fs::remove_dir_all(place.join(".git/refs")).unwrap(),
            &["Malformed", "It was a repository once"],
        ),
        (
            |place| std::fs::write(place.join(".git/config"), "[core\nbare = perhaps").unwrap(),
            &["Malformed", "config"],
        ),
        (
            |place| {
                std::fs::rename(place.join(".git"), place.join("git")).unwrap();
                std::fs::write(place.join(".git"), "gitdir: /nowhere/at/all\n").unwrap();
            },
            &["Malformed", "It was a repository once"],
        ),
        // Something left: that, and what is missing.
        (
            |place| std::fs::write(place.join(".git/HEAD"), "\0\u{1b}garbage\n").unwrap(),
            &["3 commits. "],
        ),
        (
            |place| {
                let folder = place.join(".git/refs/tags/auth");
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join("v8"), "ref: refs/tags/auth/v9\n").unwrap();
                std::fs::write(folder.join("v9"), "ref: refs/tags/auth/v8\n").unwrap();
            },
            &[
                "3 commits. ",
                "refs cannot be read and are left out; the first: ",
            ],
        ),
        (
            |place| {
                let lost = format!("{:040x}\n", 7);
                let folder = place.join(".git/refs/tags/auth");
                std::fs::create_dir_all(&folder).unwrap();
                std::fs::write(folder.join("v2.0.0"), lost).unwrap();
            },
            &["3 commits. ", "1 of its refs", "refs/tags/auth/v2.0.0"],
        ),
        (
            |place| {
                // One commit in the middle, as loose objects go with a bad disk.
                let pack = packs(place, "pack");
                let kept = std::fs::read(&pack).unwrap();
                let middle = git(place, &["rev-parse", "HEAD~1"]);
                std::fs::remove_dir_all(place.join(".git/objects/pack")).unwrap();
                let mut unpack = Command::new("git")
                    .current_dir(place)
                    .args(["unpack-objects", "-q"])
                    .stdin(std::process::Stdio::piped())
                    .spawn()
                    .unwrap();
                std::io::Write::write_all(&mut unpack.stdin.take().unwrap(), &kept).unwrap();
                assert!(unpack.wait().unwrap().success());
                let (folder, file) = middle.split_at(2);
                std::fs::remove_file(place.join(".git/objects").join(folder).join(file)).unwrap();
            },
            &[
                "1 commits. ",
                "1 of its commits cannot be read",
                "what came before them is not seen",
            ],
        ),
    ];
    for (nth, (damage, parts)) in table.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let place = shop(folder.path());
        damage(&place);
        let said = told(&place);
        for part in parts {
            assert!(said.contains(part), "row {nth}: {part}: {said}");
        }
        assert!(!said.contains('\u{1b}'), "row {nth}: {said:?}");
    }
}

#[test]
fn what_is_no_repository_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    check(folder.path(), &["NotFound", "git clone"]);
    check(&folder.path().join("nowhere"), &["NotFound", "git clone"]);
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    check(&file, &["NotFound"]);
    // Nobody but its owner may enter. Root may, and then there is nothing to see.
    let place = shop(folder.path());
    let closed = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(&place, closed).unwrap();
    if std::fs::read_dir(&place).is_err() {
        check(&place, &["Forbidden", "ls -ld"]);
    }
    std::fs::set_permissions(&place, std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Somebody else's repository is not read before a person trusts it: git's safe.directory stays on.
#[test]
fn a_repository_of_another_account_says_who_may_trust_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = shop(folder.path());
    let other = rustix::process::geteuid().as_raw() + 4711;
    if std::os::unix::fs::chown(&place, Some(other), None).is_err() {
        println!("not tried: only root can give a folder away");
        return;
    }
    let _ = std::os::unix::fs::chown(place.join(".git"), Some(other), None);
    check(&place, &["Forbidden", "another account", "safe.directory"]);
}

/// T16's spirit: programs that a repository's configuration names, and hooks, are not ours to run.
#[test]
fn nothing_of_a_repositorys_own_is_run() {
    let folder = tempfile::tempdir().unwrap();
    let place = shop(folder.path());
    let witness = folder.path().join("witness");
    let evil = folder.path().join("evil");
    std::fs::write(
        &evil,
        format!("#!/bin/sh\necho \"$0 $*\" >> {}\n", witness.display()),
    )
    .unwrap();
    std::fs::set_permissions(&evil, std::fs::Permissions::from_mode(0o755)).unwrap();
    let program = evil.to_str().unwrap();
    let attributes = folder.path().join("attributes");
    std::fs::write(&attributes, "* filter=evil diff=evil\n").unwrap();
    for (key, value) in [
        ("core.fsmonitor", program),
        ("core.hooksPath", folder.path().to_str().unwrap()),
        ("core.sshCommand", program),
        ("core.pager", program),
        ("core.editor", program),
        ("core.gitProxy", program),
        ("core.attributesFile", attributes.to_str().unwrap()),
        ("filter.evil.process", program),
        ("filter.evil.smudge", program),
        ("diff.evil.textconv", program),
        ("diff.external", program),
        ("gpg.program", program),
        ("credential.helper", program),
        ("uploadpack.packObjectsHook", program),
        ("remote.origin.url", "ext::sh -c evil"),
    ] {
        git(&place, &["config", key, value]);
    }
    for hook in [
        "post-checkout",
        "reference-transaction",
        "pre-auto-gc",
        "fsmonitor-watchman",
    ] {
        let path = place.join(".git/hooks").join(hook);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::copy(&evil, &path).unwrap();
        std::fs::copy(&evil, folder.path().join(hook)).unwrap();
    }
    std::fs::remove_file(&witness).ok();
    check(&place, &["3 commits. "]);
    assert!(
        !witness.exists(),
        "{}",
        std::fs::read_to_string(&witness).unwrap()
    );
    // The trap is set: git itself walks into it.
    let _ = Command::new("git")
        .current_dir(&place)
        .args(["status"])
        .output();
    assert!(witness.exists(), "the test sees too little");
}

#[test]
fn ten_thousand_tags_and_tags_that_are_no_versions() {
    let folder = tempfile::tempdir().unwrap();
    let place = shop(folder.path());
    let head = git(&place, &["rev-parse", "HEAD"]);
    let mut packed = std::fs::read_to_string(place.join(".git/packed-refs")).unwrap();
    let kept: Vec<String> = packed
        .lines()
        .filter(|line| !line.contains("refs/tags"))
        .map(str::to_owned)
        .collect();
    let mut tags: Vec<String> = (0..10_000)
        .map(|n| format!("{head} refs/tags/auth/v1.{}.{n}", n % 7))
        .collect();
    for odd in [
        "auth/latest",
        "auth/v",
        "auth/v1",
        "auth/vnext",
        "auth/1.0.0",
        "v9.9.9",
        "auth/v1.0.0/x",
        "auth/v\u{202e}1",
        "auth/v1.0-\u{430}",
        "42",
        "deadbee",
        "auth/v1;reboot",
        "auth/v$(id)",
        "auth/v'\"&|",
    ] {
        tags.push(format!("{head} refs/tags/{odd}"));
    }
    tags.sort_by(|a, b| a[41..].cmp(&b[41..]));
    packed = format!("{}\n{}\n", kept.join("\n"), tags.join("\n"));
    std::fs::write(place.join(".git/packed-refs"), packed).unwrap();
    let commits = GitSource::default()
        .commits(&project(&place), &BTreeSet::new())
        .unwrap();
    assert_eq!(commits.len(), 3);
    let names: Vec<&str> = commits[2]
        .tags
        .iter()
        .map(|(_, alias)| alias.as_str())
        .collect();
    assert!(names.len() > 10_000, "{}", names.len());
    assert!(names.contains(&"v1.6.9995") && names.contains(&"vnext"));
    // What hides or passes for something else is visible.
    assert!(
        names.contains(&"v‹U+202E›1") && names.contains(&"v1.0-‹Cyrillic a›"),
        "{:?}",
        &names[..20]
    );
    assert!(!names.contains(&"42") && !names.contains(&"deadbee") && !names.contains(&"1.0.0"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Names of refs and texts of commits, of any bytes: read or left out, visible, never a panic.
    #[test]
    fn no_name_and_no_text_makes_the_reader_panic(
        names in proptest::collection::vec(proptest::collection::vec(1_u8..=255, 1..30), 1..8),
        text in proptest::collection::vec(1_u8..=255, 0..200),
        who in "\\PC{1,20}",
        time in any::<i64>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let repository = git2::Repository::init_bare(folder.path()).unwrap();
        let tree = repository.treebuilder(None).unwrap().write().unwrap();
        let who = who.replace(['<', '>', '\n', '\0'], "x");
        let mut commit = format!("tree {tree}\nauthor x{who} <a@b> {time} +0000\ncommitter x{who} <a@b> {time} +9999\n\n").into_bytes();
        commit.extend(&text);
        let written = repository.odb().unwrap().write(git2::ObjectType::Commit, &commit).unwrap();
        let mut packed = b"# pack-refs with: peeled fully-peeled sorted \n".to_vec();
        packed.extend(format!("{written} refs/heads/main\n").as_bytes());
        for name in names {
            packed.extend(format!("{written} refs/tags/auth/v").as_bytes());
            packed.extend(name);
            packed.push(b'\n');
        }
        std::fs::write(folder.path().join("packed-refs"), packed).unwrap();
        let project = project(folder.path());
        let (commits, _) = match (GitSource::default().commits(&project, &BTreeSet::new()), GitSource::default().remarks(&project, &BTreeSet::new())) {
            (Ok(commits), Ok(remarks)) => (commits, remarks),
            (Err(fault), _) | (_, Err(fault)) => {
                prop_assert!(matches!(fault.kind, FaultKind::Malformed), "{fault}");
                return Ok(());
            }
        };
        for commit in commits {
            for shown in [commit.subject.as_ref(), commit.author.as_ref()]
                .into_iter()
                .chain(commit.tags.iter().map(|(_, alias)| alias.as_ref()))
            {
                prop_assert!(!shown.chars().any(gonogo::domain::text::is_hidden), "{shown:?}");
            }
        }
    }
}
