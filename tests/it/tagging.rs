//! `release tag`: versions, the commit that says them, and tags that are never moved; through crashes too.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{os::unix::fs::PermissionsExt as _, path::PathBuf, process::Stdio};

use gonogo::{
    adapters::{git::tags, ledger::sqlite::SqliteLedger},
    domain::{
        entry::Body,
        project::{Project, TagStrategy},
    },
    ports::keep::Ledger as _,
};
use serde_json::Value;

use crate::{
    shop::{Shop, commit, git, project, repository},
    support::Ran,
};

#[test]
fn versions_are_told_from_tags_and_from_what_a_commit_contains() {
    let folder = tempfile::tempdir().unwrap();
    let place = repository(folder.path());
    let one = commit(&place, "one", &[]);
    for tag in [
        "auth/v1.0.0",
        "auth/nightly",
        "auth/v1.0",
        "v9.9.9",
        "authority/v2.0.0",
    ] {
        git(&place, &["tag", tag]);
    }
    let two = commit(&place, "two", &[]);
    git(&place, &["tag", "-a", "-m", "x", "auth/v1.1.0-rc.1"]);
    let project = project(&place);
    let told = |versions: &tags::Versions| {
        let all: Vec<String> = versions.taken.keys().map(ToString::to_string).collect();
        let contained: Vec<String> = versions.contained.iter().map(ToString::to_string).collect();
        (all.join(" "), contained.join(" "), versions.contains)
    };
    let at_one = tags::versions(&project, &one, Some(&two)).unwrap();
    assert_eq!(
        told(&at_one),
        ("v1.0.0 v1.1.0-rc.1".into(), "v1.0.0".into(), false)
    );
    let at_two = tags::versions(&project, &two, Some(&one)).unwrap();
    assert_eq!(
        told(&at_two),
        (
            "v1.0.0 v1.1.0-rc.1".into(),
            "v1.0.0 v1.1.0-rc.1".into(),
            true
        )
    );
    let every = Project {
        tags: TagStrategy::TagAll,
        ..project
    };
    let at_two = tags::versions(&every, &two, None).unwrap();
    assert_eq!(told(&at_two).0, "v9.9.9");
}

#[test]
fn the_next_version_is_tagged_annotated_pushed_and_never_twice() {
    let shop = Shop::start(str::to_owned);
    let source = shop.source();
    let bare = shop.served.path().join("remote.git");
    git(
        shop.served.path(),
        &["clone", "-q", "--bare", "source", bare.to_str().unwrap()],
    );
    let tag = |more: &[&str]| shop.verb(&[&["release", "tag", "auth-service"], more].concat());
    let version = |ran: Ran| ran.exits(0).json()["version"].as_str().unwrap().to_owned();
    let before = shop.tags();
    // HEAD is release 43; v1.3.0 is 42, and v1.2.3 (41) is live in production.
    for (kind, expect) in [
        ("major", "v2.0.0"),
        ("minor", "v1.4.0"),
        ("patch", "v1.3.1"),
        ("hotfix", "v1.2.4"),
        ("rc", "v1.4.0-rc.1"),
        ("stage", "v1.4.0-stage"),
    ] {
        assert_eq!(
            version(tag(&["--type", kind, "--dry-run"])),
            expect,
            "{kind}"
        );
    }
    assert_eq!(shop.tags(), before, "a dry run writes nothing");
    // It needs a remote to push to, and says so before anything is made.
    let fault = tag(&["--type", "minor", "--push"]).exits(4);
    assert!(fault.err.contains("no remote"), "{}", fault.err);
    assert_eq!(shop.tags(), before);
    git(
        &source,
        &["remote", "add", "origin", bare.to_str().unwrap()],
    );

    // What is taken is refused with the next free one, and what has a version gets no second one.
    let taken = tag(&["--type", "patch", "--commit", "40"]).exits(3);
    assert_eq!(taken.rule(), "version.taken");
    assert!(
        taken.sentence().ends_with("the next free one is v1.2.4"),
        "{}",
        taken.sentence()
    );
    assert_eq!(
        tag(&["--type", "patch", "--commit", "42"]).exits(3).rule(),
        "version.here"
    );
    assert_eq!(
        tag(&["--version", "v1.3.0"]).exits(3).rule(),
        "version.taken"
    );
    let elsewhere = tag(&["--type", "hotfix", "--commit", "40"]).exits(3);
    assert_eq!(elsewhere.rule(), "version.hotfix");
    tag(&["--version", "1.4.0"]).exits(2);

    let made = tag(&["--type", "minor"]).exits(0).json();
    assert_eq!(made["tag"], "auth-service/v1.4.0");
    assert_eq!(
        (&made["made"], &made["pushed"]),
        (&true.into(), &Value::Null)
    );
    assert_eq!(made["release"]["number"], 43);
    assert!(
        made["release"]["aliases"]
            .as_array()
            .unwrap()
            .contains(&"v1.4.0".into())
    );
    assert_eq!(
        git(&source, &["cat-file", "-t", "auth-service/v1.4.0"]),
        "tag"
    );
    assert_eq!(tag(&["--type", "minor"]).exits(3).rule(), "version.here");
    // Published afterwards, and once more changes nothing.
    for _ in 0..2 {
        let pushed = tag(&["--version", "v1.4.0", "--push"]).exits(0).json();
        assert_eq!(
            (&pushed["made"], &pushed["pushed"]),
            (&false.into(), &"origin".into())
        );
    }
    let there = git(&bare, &["rev-parse", "auth-service/v1.4.0"]);
    assert_eq!(there, git(&source, &["rev-parse", "auth-service/v1.4.0"]));
}

#[test]
fn a_tag_that_appeared_meanwhile_is_refused_and_nothing_is_moved() {
    let shop = Shop::start(str::to_owned);
    let source = shop.source();
    let bare = shop.served.path().join("remote.git");
    let bare_name = bare.to_str().unwrap();
    git(
        shop.served.path(),
        &["clone", "-q", "--bare", "source", bare_name],
    );
    git(&source, &["remote", "add", "origin", bare_name]);
    let push =
        |kind: &str| shop.verb(&["release", "tag", "auth-service", "--type", kind, "--push"]);
    // The other side has it, and we did not fetch.
    git(
        &bare,
        &["tag", "-a", "-m", "theirs", "auth-service/v1.4.0", "main~3"],
    );
    let theirs = git(&bare, &["rev-parse", "auth-service/v1.4.0"]);
    assert_eq!(push("minor").exits(5).rule(), "version.taken");
    assert!(!shop.tags().contains("auth-service/v1.4.0"));
    // It comes between our look and our push: the hook plays the other one.
    let hook = source.join(".git/hooks/pre-push");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    let script = format!(
        "#!/bin/sh\nunset GIT_DIR\ngit -C '{bare_name}' -c user.name=Lee -c user.email=l@example.com tag -a -m theirs auth-service/v2.0.0 main~3\n"
    );
    std::fs::write(&hook, script).unwrap();
    let mut mode = std::fs::metadata(&hook).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    std::fs::set_permissions(&hook, mode).unwrap();
    assert_eq!(push("major").exits(5).rule(), "version.taken");
    assert!(
        !shop.tags().contains("auth-service/v2.0.0"),
        "ours is taken back"
    );
    assert_eq!(git(&bare, &["rev-parse", "auth-service/v1.4.0"]), theirs);
    assert_eq!(
        git(&bare, &["rev-parse", "auth-service/v2.0.0^{commit}"]),
        shop.commit("main~3")
    );
}

#[test]
fn a_tag_that_moved_after_the_request_is_no_go_and_nobody_waives_it() {
    let shop = Shop::start(str::to_owned);
    let place = ["production", "auth-service"];
    shop.verb(&[&["request"], &place[..], &["42", "--reason", "monthly"]].concat())
        .exits(0);
    let gate = || {
        let plan = shop.verb(&[&["plan"], &place[..]].concat()).json();
        let gates = plan["gates"].as_array().unwrap().clone();
        gates
            .into_iter()
            .find(|gate| gate["id"] == "release.tag")
            .unwrap()
    };
    assert_eq!(gate()["verdict"], "pass");
    git(
        &shop.source(),
        &["tag", "-f", "auth-service/v1.3.0", "main"],
    );
    let failed = gate();
    assert_eq!(failed["verdict"], "fail");
    let sentence = failed["sentence"].as_str().unwrap();
    let (was, is) = (shop.commit("main~1"), shop.commit("main"));
    assert!(
        sentence.contains(&was[..7]) && sentence.contains(&is[..7]),
        "{sentence}"
    );
    shop.verb(&[&["waive"], &place[..], &["release.tag", "--reason", "x"]].concat())
        .exits(3);
    assert_eq!(gate()["verdict"], "fail");
    // Gone is not moved, and not known either.
    git(&shop.source(), &["tag", "-d", "auth-service/v1.3.0"]);
    assert_eq!(gate()["verdict"], "unknown");
}

/// The project says its version at three places of two files, and has a CHANGELOG.
struct Prepared {
    shop: Shop,
    source: PathBuf,
    bare: PathBuf,
    base: String,
}

const CHANGELOG: &str = "# Changelog\n\n## [Unreleased]\n\n### Fixed\n\n- a clock that ran fast\n\n## [1.3.0] - 2026-01-01\n\n- old\n";
const PACKAGE: &str = "{\n  \"name\": \"auth\",\n    \"version\":\"1.3.0\",\n  \"auth\": {\"version\" : \"1.3.0\"}\n}\n";

impl Prepared {
    fn new() -> Self {
        Self::with(
            "version_files = [\"auth-service/package.json:/version\", \"auth-service/package.json:/auth/version\", \"VERSION\"]",
        )
    }

    fn with(version_files: &str) -> Self {
        let shop = Shop::start(|text| {
            let files = text.replacen("version_files = []", version_files, 1);
            let log = "changelog = \"auth-service/CHANGELOG.md\"";
            files.replacen("changelog = \"CHANGELOG.md\"", log, 1)
        });
        let source = shop.source();
        git(&source, &["reset", "-q", "--hard"]);
        commit(
            &source,
            "feat(auth)!: tokens\n\nBREAKING CHANGE: old tokens are refused",
            &[
                ("auth-service/package.json", PACKAGE),
                ("auth-service/CHANGELOG.md", CHANGELOG),
                ("VERSION", "v1.3.0\n"),
            ],
        );
        let base = git(&source, &["rev-parse", "HEAD"]);
        let bare = shop.served.path().join("remote.git");
        let name = bare.to_str().unwrap();
        git(
            shop.served.path(),
            &["clone", "-q", "--bare", "source", name],
        );
        git(&source, &["remote", "add", "origin", name]);
        Self {
            shop,
            source,
            bare,
            base,
        }
    }

    fn tag(&self, more: &[&str]) -> Ran {
        self.shop
            .verb(&[&["release", "tag", "auth-service"], more].concat())
    }

    fn show(&self, rev: &str, path: &str) -> String {
        git(&self.source, &["show", &format!("{rev}:{path}")])
    }

    fn hook(&self, name: &str, script: &str) {
        let hook = self.source.join(".git/hooks").join(name);
        std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
        std::fs::write(&hook, format!("#!/bin/sh\n{script}\n")).unwrap();
        let mut mode = std::fs::metadata(&hook).unwrap().permissions();
        mode.set_mode(0o755);
        std::fs::set_permissions(&hook, mode).unwrap();
    }

    /// What the ledger says of tags, in order.
    fn told(&self) -> Vec<String> {
        let path = self.shop.served.path().join("ledger.sqlite");
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let entries = runtime.block_on(async {
            let ledger = SqliteLedger::open_read_only(&path).await.unwrap();
            ledger.read(0).await.unwrap()
        });
        let word = |body: &Body| match body {
            Body::Tagging { .. } => Some("begun"),
            Body::Tagged { remote: None, .. } => Some("tagged"),
            Body::Tagged { .. } => Some("pushed"),
            Body::TagDropped { .. } => Some("dropped"),
            _ => None,
        };
        let words = entries.iter().filter_map(|entry| word(&entry.body));
        words.map(str::to_owned).collect()
    }

    /// No ref and no file is otherwise than it was.
    fn standing(&self) -> (String, String, String) {
        let refs = git(&self.source, &["for-each-ref"]);
        let trees = git(&self.source, &["worktree", "list", "--porcelain"]);
        (refs, trees, git(&self.bare, &["for-each-ref"]))
    }
}

const ALL: [&str; 6] = [
    "--type",
    "minor",
    "--files",
    "--changelog",
    "--branch",
    "--push",
];

#[test]
fn a_version_is_set_in_a_commit_of_its_own_and_the_checkout_of_people_stays_as_it_is() {
    let it = Prepared::new();
    // Somebody works there.
    std::fs::write(it.source.join("VERSION"), "half written").unwrap();
    std::fs::write(it.source.join("new"), "x").unwrap();
    let dirty = git(&it.source, &["status", "--porcelain"]);
    let before = it.standing();
    let dry = it.tag(&[&ALL[..], &["--dry-run"]].concat()).exits(0).json();
    assert_eq!(
        dry["files"],
        serde_json::json!([
            "auth-service/package.json",
            "VERSION",
            "auth-service/CHANGELOG.md"
        ])
    );
    let diff: Vec<&str> = dry["diff"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect();
    for line in [
        "-    \"version\":\"1.3.0\",",
        "+    \"version\":\"1.4.0\",",
        "-v1.3.0",
        "+v1.4.0",
    ] {
        assert!(diff.contains(&line), "{line} of {diff:?}");
    }
    assert_eq!(it.standing(), before, "a dry run writes nothing");
    assert_eq!(it.told(), Vec::<String>::new());

    let made = it.tag(&ALL).exits(0).json();
    let commit = made["commit"].as_str().unwrap();
    assert_eq!(
        (&made["base"], &made["made"], &made["pushed"]),
        (&it.base.as_str().into(), &true.into(), &"origin".into())
    );
    assert_eq!(made["branch"], "release/auth-service/v1.4.0");
    assert_eq!(made["release"]["commit"], commit);
    assert_eq!(
        git(&it.source, &["rev-parse", &format!("{commit}^")]),
        it.base
    );
    let package = PACKAGE.replace("1.3.0", "1.4.0");
    assert_eq!(it.show(commit, "auth-service/package.json"), package.trim());
    assert_eq!(it.show(commit, "VERSION"), "v1.4.0");
    let changelog = it.show(commit, "auth-service/CHANGELOG.md");
    assert!(
        changelog.starts_with("# Changelog\n\n## [Unreleased]\n\n## [1.4.0] - "),
        "{changelog}"
    );
    for line in [
        "- a clock that ran fast",
        "- **BREAKING** auth: tokens: old tokens are refused (",
        "## [1.3.0] - 2026-01-01",
    ] {
        assert!(changelog.contains(line), "{line} of {changelog}");
    }
    // Where people work nothing moved: no file, no branch, no checkout more.
    assert_eq!(git(&it.source, &["status", "--porcelain"]), dirty);
    assert_eq!(git(&it.source, &["rev-parse", "main"]), it.base);
    assert_eq!(it.standing().1, before.1);
    for reference in ["auth-service/v1.4.0", "release/auth-service/v1.4.0"] {
        let here = git(&it.source, &["rev-parse", reference]);
        assert_eq!(git(&it.bare, &["rev-parse", reference]), here);
    }
    assert_eq!(it.told(), ["begun", "pushed"]);

    // A second time it is done already, whichever way it is named.
    let after = it.standing();
    let again = it
        .tag(&[
            "--version",
            "v1.4.0",
            "--files",
            "--changelog",
            "--branch",
            "--push",
        ])
        .exits(0)
        .json();
    assert_eq!(
        (&again["commit"], &again["made"]),
        (&commit.into(), &false.into())
    );
    assert_eq!(it.tag(&ALL).exits(3).rule(), "version.here");
    let on_it = it.tag(&[
        "--version",
        "v1.4.0",
        "--commit",
        &commit[..12],
        "--files",
        "--changelog",
    ]);
    assert_eq!(on_it.exits(0).json()["made"], false);
    assert_eq!(it.standing(), after);
    assert_eq!(it.told(), ["begun", "pushed"]);
}

/// Whoever runs it dies with the whole of git between two steps; the next one goes on, and nothing is there twice.
#[test]
fn whatever_a_crash_left_is_found_and_gone_on_with() {
    let die = "kill -9 $(cut -d' ' -f4 /proc/$PPID/stat) $PPID";
    let at_ref = |reference: &str| {
        format!("[ \"$1\" = committed ] || exit 0\ngrep -q ' {reference}' || exit 0\n{die}")
    };
    let it = Prepared::new();
    for (hook, script, begun) in [
        ("pre-commit", die.to_owned(), false),
        ("post-commit", die.to_owned(), false),
        ("reference-transaction", at_ref("refs/heads/release/"), true),
        ("reference-transaction", at_ref("refs/tags/"), true),
        ("pre-push", format!("grep -q refs/heads/ && {die}"), true),
        (
            "pre-push",
            format!("grep -q refs/tags/ && {die} || exit 0"),
            true,
        ),
    ] {
        it.hook(hook, &script);
        let ran = it.tag(&ALL);
        assert_eq!(ran.code, None, "{hook} kills it: {}", ran.err);
        std::fs::remove_file(it.source.join(".git/hooks").join(hook)).unwrap();
        let told = it.told();
        assert_eq!(told.len(), usize::from(begun), "{hook}: {told:?}");
        // Named in the list until it is ended.
        let listed = it.shop.verb(&["release", "list", "auth-service"]).exits(0);
        assert_eq!(
            listed.err.contains("release tag auth-service --commit"),
            begun,
            "{hook}: {}",
            listed.err
        );
    }
    let made = it.tag(&ALL).exits(0);
    assert!(made.err.contains("going on with it"), "{}", made.err);
    let commit = made.json()["commit"].as_str().unwrap().to_owned();
    assert_eq!(it.told(), ["begun", "pushed"]);
    let (refs, trees, there) = it.standing();
    for all in [&refs, &there] {
        assert_eq!(
            all.matches("refs/tags/auth-service/v1.4.0").count(),
            1,
            "{all}"
        );
        assert_eq!(
            all.matches("refs/heads/release/auth-service").count(),
            1,
            "{all}"
        );
        assert!(!all.contains("v1.5.0"), "{all}");
    }
    assert_eq!(trees.matches("worktree ").count(), 1, "{trees}");
    assert_eq!(
        git(&it.source, &["rev-parse", "auth-service/v1.4.0^{commit}^"]),
        it.base
    );
    assert_eq!(
        git(&it.bare, &["rev-parse", "release/auth-service/v1.4.0"]),
        commit
    );
    let listed = it.shop.verb(&["release", "list", "auth-service"]).exits(0);
    assert!(!listed.err.contains("was not ended"), "{}", listed.err);
}

#[test]
fn two_who_prepare_the_same_version_make_one_commit_and_one_tag() {
    let it = Prepared::new();
    let words = [&["release", "tag", "auth-service"], &ALL[..]].concat();
    let children: Vec<_> = (0..3)
        .map(|_| {
            let mut command = it.shop.command(&words);
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            command.spawn().unwrap()
        })
        .collect();
    let ended: Vec<_> = children
        .into_iter()
        .map(|child| child.wait_with_output().unwrap())
        .collect();
    let made = ended.iter().filter(|output| {
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        answer["made"] == true
    });
    assert_eq!(made.count(), 1, "{ended:?}");
    for output in &ended {
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 1 | 3 | 5)), "{output:?}");
    }
    let tags = git(
        &it.bare,
        &[
            "for-each-ref",
            "refs/tags/auth-service/v1.4*",
            "refs/heads/release/auth-service",
        ],
    );
    assert_eq!(tags.lines().count(), 2, "{tags}");
    assert_eq!(
        it.told().iter().filter(|word| *word == "begun").count(),
        1,
        "{:?}",
        it.told()
    );
}

#[test]
fn what_cannot_be_set_is_refused_with_its_place_before_anything_is_made() {
    for (files, wish, rule, why) in [
        (
            "version_files = [\"nowhere.json:/version\"]",
            "--files",
            "version.files",
            "no such file",
        ),
        (
            "version_files = [\"VERSION:project.version\"]",
            "--files",
            "version.files",
            "line 1 is no TOML",
        ),
        (
            "version_patterns = [{ path = \"auth-service/package.json\", pattern = '\"version\" ?: ?\"(.+?)\"' }]",
            "--files",
            "version.files",
            "2 times, on lines 3, 4",
        ),
        (
            "version_files = []",
            "--files",
            "version.files",
            "names no files",
        ),
    ] {
        let it = Prepared::with(files);
        let before = it.standing();
        let refused = it.tag(&["--type", "minor", wish, "--branch"]);
        assert!(refused.err.contains(why), "{why}: {}", refused.err);
        assert_eq!(refused.rule(), rule);
        assert_eq!((it.standing(), it.told()), (before, vec![]));
    }
    let it = Prepared::new();
    assert_eq!(
        it.tag(&["--type", "rc", "--changelog"]).exits(3).rule(),
        "version.changelog"
    );
    // Somebody else has the branch: here, and on the other side.
    let branch = "release/auth-service/v1.4.0";
    git(&it.source, &["branch", branch, "main~2"]);
    assert_eq!(it.tag(&ALL).exits(5).rule(), "version.branch");
    git(&it.source, &["branch", "-D", "-q", branch]);
    git(&it.bare, &["branch", branch, "main~2"]);
    assert_eq!(it.tag(&ALL).exits(5).rule(), "version.branch");
    assert_eq!(it.told(), Vec::<String>::new());
    // What was begun with a commit of its own is not ended by somebody who asked for none.
    git(&it.bare, &["branch", "-D", "-q", branch]);
    let refuses = "[ \"$1\" = prepared ] || exit 0\ngrep -q refs/tags/ && exit 1\nexit 0";
    it.hook("reference-transaction", refuses);
    let cut = it.tag(&ALL);
    assert_ne!(cut.code, Some(0), "{}", cut.err);
    std::fs::remove_file(it.source.join(".git/hooks/reference-transaction")).unwrap();
    let plain = it.tag(&["--type", "minor"]).exits(3);
    assert_eq!(plain.rule(), "version.begun");
    // A folder that leads elsewhere is not written through.
    let it = Prepared::with("version_files = []");
    let elsewhere = tempfile::tempdir().unwrap();
    std::fs::remove_dir_all(it.source.join("auth-service")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), it.source.join("auth-service")).unwrap();
    git(&it.source, &["add", "-A"]);
    git(&it.source, &["commit", "-q", "-m", "feat: elsewhere"]);
    let link = it.tag(&["--type", "minor", "--changelog"]);
    assert!(link.err.contains("is a link or a file"), "{}", link.err);
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    // A hook that commits more than was shown.
    let it = Prepared::new();
    it.hook("pre-commit", "echo more > more; git add more");
    let more = it.tag(&["--type", "minor", "--files"]);
    assert!(
        more.code == Some(1) && more.err.contains("changes more too"),
        "{}",
        more.err
    );
    assert!(!it.shop.tags().contains("auth-service/v1.4.0"));
    assert_eq!(it.told(), Vec::<String>::new());
}
