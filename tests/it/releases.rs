//! Releases as verbs make and compare them: created once whoever asks, tagged and never moved, told apart; and a history
//! that is read once.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use gonogo::{
    adapters::git::{GitSource, range, resources},
    domain::{
        catalogue::Catalogue,
        difference::{Compared, Difference, FileChange, Log, Logged},
        project::{Project, Triggers},
        release::{Commit, Digest, Resources, Trigger},
    },
    policy::{plan_difference::differences, planner},
    ports::ask::Source as _,
    session::{
        effect::Effect,
        event::{Event, Stamped},
        update::update,
        view::{Overlay, Screen},
    },
};
use serde_json::Value;

use crate::{
    fixture::{self, Story, press, write},
    shop::{Shop, by_hand, commit, git, git_command, project, repository},
    tiny,
};

#[test]
fn a_difference_tells_commits_what_breaks_and_manifests() {
    let folder = tempfile::tempdir().unwrap();
    let place = repository(folder.path());
    let manifest = "kind: Deployment\nreplicas: 2\npassword: hunter2hunter2\n";
    let one = commit(
        &place,
        "feat: begin",
        &[("auth/k8s/deploy.yaml", manifest), ("a", "1\n")],
    );
    git(&place, &["switch", "-q", "-c", "side"]);
    commit(&place, "work", &[("b", "1\n2\n")]);
    git(&place, &["switch", "-q", "main"]);
    commit(
        &place,
        "feat(auth)!: tokens\n\nBREAKING CHANGE: old tokens are refused",
        &[("a", "2\n")],
    );
    git(
        &place,
        &["merge", "-q", "--no-ff", "-m", "Merge side", "side"],
    );
    let two = commit(
        &place,
        "scale",
        &[(
            "auth/k8s/deploy.yaml",
            &manifest.replace("replicas: 2", "replicas: 4"),
        )],
    );
    let project = project(&place);
    let compared = range::compare(&project, &one, &two).unwrap();
    let log = &compared.gained;
    assert_eq!((log.total, log.mainline, log.more), (4, 3, false));
    assert_eq!(log.authors, [("Dana".into(), 4)]);
    let breaking: Vec<String> = log.breaking().map(|(_, what)| what.to_string()).collect();
    assert_eq!(breaking, ["old tokens are refused"]);
    let side = log.commits.iter().find(|it| it.subject.as_str() == "work");
    assert!(side.is_some_and(|it| !it.mainline));
    assert_eq!(compared.lost.total, 0);
    assert_eq!(compared.files.map(|files| files.changed), Some(3));
    let [manifest] = compared.manifests.as_slice() else {
        panic!("{:?}", compared.manifests);
    };
    assert_eq!(manifest.path.as_str(), "auth/k8s/deploy.yaml");
    assert_eq!(
        (manifest.how, manifest.added, manifest.removed),
        (FileChange::Changed, 1, 1)
    );
    let lines: Vec<&str> = manifest.lines.iter().map(AsRef::as_ref).collect();
    assert!(
        lines.contains(&"-replicas: 2") && lines.contains(&"+replicas: 4"),
        "{lines:?}"
    );
    assert!(!lines.concat().contains("hunter2"), "{lines:?}");
    let secret = "apiVersion: v1\nkind: Secret\ndata:\n  a: aHVudGVy\n";
    let three = commit(&place, "secret", &[("auth/k8s/secret.yaml", secret)]);
    let told = range::compare(&project, &two, &three).unwrap().manifests;
    assert!(told[0].withheld && told[0].lines.is_empty(), "{told:?}");
    // Backwards the same commits are what is taken away.
    let back = range::compare(&project, &two, &one).unwrap();
    assert_eq!((back.gained.total, back.lost.total), (0, 4));
    let same = range::compare(&project, &one, &one).unwrap();
    assert_eq!((same.gained.total, same.lost.total), (0, 0));
    assert!(same.manifests.is_empty());
    let foreign = Commit::parse(&"1".repeat(40)).unwrap();
    let fault = range::compare(&project, &one, &foreign).unwrap_err();
    assert!(fault.to_string().contains("fetch"), "{fault}");
}

/// `count` commits in a line on main, every tenth of them tagged, written as fast as git can.
fn long(folder: &Path, count: usize) -> PathBuf {
    let place = folder.join("long");
    std::fs::create_dir(&place).unwrap();
    git(&place, &["init", "-q", "--bare", "-b", "main"]);
    import(&place, 0..count, None);
    place
}

fn import(place: &Path, numbers: std::ops::Range<usize>, from: Option<&str>) {
    let mut child = git_command(place, &["fast-import", "--quiet"])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = std::io::BufWriter::new(child.stdin.take().unwrap());
    let first = numbers.start;
    for n in numbers {
        let at = 1_600_000_000 + n * 60;
        let message = format!("feat: change {n}");
        writeln!(input, "commit refs/heads/main\nmark :{}", n + 1).unwrap();
        writeln!(input, "committer Dana <d@example.com> {at} +0000").unwrap();
        writeln!(input, "data {}\n{message}", message.len()).unwrap();
        if let (true, Some(from)) = (n == first, from) {
            writeln!(input, "from {from}").unwrap();
        }
        writeln!(input, "M 100644 inline f\ndata 1\n{}", n % 10).unwrap();
        if n % 10 == 0 {
            writeln!(input, "reset refs/tags/auth/v0.0.{n}\nfrom :{}\n", n + 1).unwrap();
        }
    }
    drop(input);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_history_is_read_once_and_after_that_what_is_new_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let place = long(folder.path(), 5_000);
    let (project, source, none) = (project(&place), GitSource::default(), BTreeSet::new());
    let refs = source.refs_digest(&project).unwrap();
    assert_eq!(
        source.commits_read(&project),
        0,
        "refs alone read no commit"
    );
    let first = source.commits(&project, &none).unwrap();
    assert_eq!(first.len(), 5_000);
    assert_eq!(first.iter().filter(|it| !it.tags.is_empty()).count(), 500);
    let read = source.commits_read(&project);
    assert!(read <= 2 * 5_000, "{read} reads");

    let again = source.commits(&project, &none).unwrap();
    assert_eq!(again, first);
    assert_eq!(source.commits_read(&project), read, "nothing is new");
    assert_eq!(source.refs_digest(&project).unwrap(), refs);

    let tip = git(&place, &["rev-parse", "main"]);
    import(&place, 5_000..5_003, Some(&tip));
    assert_ne!(source.refs_digest(&project).unwrap(), refs);
    let more = source.commits(&project, &none).unwrap();
    assert_eq!(more.len(), 5_003);
    assert_eq!(more[..5_000], first);
    let new = source.commits_read(&project) - read;
    assert!(new <= 2 * 3, "{new} reads for three commits");
}

/// Another process reads what is new, and what it looks at to believe the rest; a file that is not true is not believed.
#[test]
fn a_long_history_is_kept_for_the_next_process_and_never_believed_over_git() {
    let folder = tempfile::tempdir().unwrap();
    let place = long(folder.path(), 3_000);
    let project = project(&place);
    let none = BTreeSet::new();
    let state = folder.path().join("state");
    let read = || {
        let source = GitSource::kept_in(state.clone());
        let commits = source.commits(&project, &none).unwrap();
        (commits, source.commits_read(&project))
    };
    let (first, reads) = read();
    assert_eq!(first.len(), 3_000);
    assert!(reads >= 3_000);
    let (again, reads) = read();
    assert_eq!(again, first);
    assert!(reads <= 100, "{reads} reads for what is kept");
    import(&place, 3_000..3_005, Some("refs/heads/main^0"));
    let (more, reads) = read();
    assert_eq!((more.len(), &more[..3_000]), (3_005, &first[..]));
    assert!(reads <= 100 + 10, "{reads} reads for five commits");
    let file = || {
        let mut files = std::fs::read_dir(&state).unwrap();
        let file = files.next().unwrap().unwrap().path();
        assert!(files.next().is_none());
        file
    };
    // Cut, and open to others.
    let whole = std::fs::read(file()).unwrap();
    std::fs::write(file(), &whole[..whole.len() / 2]).unwrap();
    assert_eq!(read().0, more);
    assert!(
        std::fs::read(file()).unwrap().len() >= whole.len(),
        "made anew"
    );
    std::fs::set_permissions(file(), std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let (same, reads) = read();
    assert!(same == more && reads >= 3_000, "{reads}");
    // It says of every commit that Lee wrote it, and its sum is right.
    let mut lies = std::fs::read(file()).unwrap();
    let at: Vec<usize> = (0..lies.len() - 4)
        .filter(|at| &lies[*at..at + 4] == b"Dana")
        .collect();
    assert!(at.len() >= 3_000);
    for at in at {
        lies[at..at + 4].copy_from_slice(b"Leee");
    }
    let body = lies.len() - 64;
    let sum = Digest::of(&lies[..body]);
    lies[body..].copy_from_slice(sum.hex().as_bytes());
    std::fs::write(file(), &lies).unwrap();
    let (truth, reads) = read();
    assert!(truth == more && reads >= 3_000, "{reads}");
    // A shallow clone sees no further than it does.
    let place_name = format!("file://{}", place.display());
    git(
        folder.path(),
        &[
            "clone",
            "-q",
            "--bare",
            "--depth",
            "5",
            &place_name,
            "shallow",
        ],
    );
    std::fs::rename(&place, folder.path().join("away")).unwrap();
    std::fs::rename(folder.path().join("shallow"), &place).unwrap();
    assert_eq!(read().0.len(), 5);
}

/// Counted, not timed: `cargo bench --bench core -- catalogue` has the figures.
#[test]
fn a_huge_range_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let place = long(folder.path(), 21_000);
    let project = project(&place);
    let of = |rev: &str| Commit::parse(&git(&place, &["rev-parse", rev])).unwrap();
    let (first, last) = (of("main~20999"), of("main"));
    let compared = range::compare(&project, &first, &last).unwrap();
    let log = compared.gained;
    assert!(
        log.more && log.total == 20_000,
        "{} of {}",
        log.total,
        log.more
    );
    assert_eq!(log.commits.len(), 500);
    assert_eq!(log.commits[0].subject.as_str(), "feat: change 20999");
    assert!(log.summary().starts_with("more than 20000 commits by Dana"));
}

#[test]
fn a_tag_may_name_a_release_without_making_one_and_a_hand_may_make_one_without_a_branch() {
    let folder = tempfile::tempdir().unwrap();
    let place = repository(folder.path());
    let one = commit(&place, "one", &[]);
    git(&place, &["tag", "auth/v1.0.0"]);
    git(&place, &["switch", "-q", "-c", "side"]);
    let side = commit(&place, "side", &[]);
    git(&place, &["tag", "auth/v1.1.0"]);
    let made = commit(&place, "made", &[]);
    let read = |triggers, created: &[&Commit]| -> Vec<(Commit, Vec<Trigger>, usize)> {
        let project = Project {
            triggers,
            ..project(&place)
        };
        let created = created.iter().map(|commit| (*commit).clone()).collect();
        let commits = GitSource::default().commits(&project, &created).unwrap();
        let told = commits.into_iter();
        told.map(|it| (it.commit, it.triggers, it.tags.len()))
            .collect()
    };
    let push = || Trigger::BranchPush {
        branch: "main".into(),
    };
    let tag = |name: &str| Trigger::Tag { tag: name.into() };
    let all = read(Triggers::BranchesAndTags, &[]);
    assert_eq!(
        all,
        [
            (one.clone(), vec![push(), tag("auth/v1.0.0")], 1),
            (side.clone(), vec![tag("auth/v1.1.0")], 1)
        ]
    );
    let named = read(Triggers::Branches, &[]);
    assert_eq!(named, [(one.clone(), vec![push()], 1)]);
    // One that was created has the tag's name as well, and one that nobody has is left out.
    let nowhere = Commit::parse(&"1".repeat(40)).unwrap();
    let created = read(Triggers::Branches, &[&side, &made, &nowhere]);
    assert_eq!(
        created,
        [
            (one, vec![push()], 1),
            (side, vec![Trigger::Manual], 1),
            (made, vec![Trigger::Manual], 0)
        ]
    );
}

#[test]
fn racing_creates_number_without_a_gap_and_create_each_release_once() {
    let shop = Shop::start(by_hand);
    let commits: Vec<String> = (1..=4).map(|n| shop.commit(&format!("main~{n}"))).collect();
    let children: Vec<_> = (0..12)
        .map(|n| {
            let commit = commits[n % commits.len()].clone();
            let child = shop
                .command(&["release", "create", "auth-service", "--commit", &commit])
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            (commit, child)
        })
        .collect();
    let mut numbers: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let mut created: BTreeMap<String, usize> = BTreeMap::new();
    for (commit, child) in children {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["release"]["commit"], commit.as_str());
        let number = answer["release"]["number"].as_u64().unwrap();
        numbers.entry(commit.clone()).or_default().insert(number);
        *created.entry(commit).or_default() += usize::from(answer["created"] == true);
    }
    let all: BTreeSet<u64> = numbers.values().flatten().copied().collect();
    assert_eq!(all, (1..=4).collect(), "{numbers:?}");
    assert!(
        numbers.values().all(|of_one| of_one.len() == 1),
        "{numbers:?}"
    );
    assert!(created.values().all(|times| *times == 1), "{created:?}");
    let listed = shop
        .verb(&["release", "list", "auth-service"])
        .exits(0)
        .json();
    assert_eq!(listed["releases"].as_array().unwrap().len(), 4);
}

#[test]
fn a_release_is_created_once_all_of_it_is_there_and_then_never_changes() {
    let shop = Shop::start(by_hand);
    let create = |more: &[&str]| {
        let args = [&["release", "create", "auth-service", "--commit"], more].concat();
        shop.verb(&args)
    };
    // Its image was never built: nothing is recorded.
    let refused = create(&["feature/passkeys"]).exits(4);
    assert!(refused.sentence().contains("no commit id"));
    let unbuilt = shop.commit("feature/passkeys");
    assert_eq!(create(&[&unbuilt]).exits(3).rule(), "release.artifact");
    let commit = shop.commit("main~1");
    let dry = create(&[&commit, "--type", "minor", "--dry-run"])
        .exits(0)
        .json();
    assert_eq!(
        (&dry["release"]["number"], &dry["created"]),
        (&1.into(), &true.into())
    );
    let listed = shop
        .verb(&["release", "list", "auth-service"])
        .exits(0)
        .json();
    assert_eq!(listed["releases"], serde_json::json!([]));

    let first = create(&[&commit, "--type", "minor"]).exits(0).json();
    assert_eq!(first["created"], true);
    let release = &first["release"];
    assert_eq!(
        (&release["number"], &release["type"]),
        (&1.into(), &"minor".into())
    );
    assert_eq!(release["triggers"], serde_json::json!([{"kind": "manual"}]));
    assert!(release["artifacts"][0]["digest"].is_string());
    let again = create(&[&commit[..9], "--type", "major"]).exits(0);
    assert!(
        again.err.contains("a release never changes"),
        "{}",
        again.err
    );
    let again = again.json();
    assert_eq!(again["created"], false);
    assert_eq!(again["release"], *release);
    // Who may not operate makes none.
    let stranger = shop.verb(&["release", "create", "auth-service", "--as", "mallory"]);
    assert_eq!(stranger.exits(3).rule(), "role.person");
}

#[test]
fn where_releases_are_off_none_is_made_and_those_there_are_stay() {
    let shop = Shop::start(|text| text.replace("enabled = true", "enabled = false"));
    let number = |shop: &Shop| {
        let listed = shop
            .verb(&["release", "list", "auth-service"])
            .exits(0)
            .json();
        listed["releases"][0]["number"].as_u64().unwrap()
    };
    let before = number(&shop);
    git(
        &shop.source(),
        &["commit", "-q", "--allow-empty", "-m", "feat: more"],
    );
    assert_eq!(number(&shop), before);
    let refused = shop.verb(&["release", "create", "auth-service", "--commit", "main-41"]);
    assert_eq!(refused.exits(3).rule(), "release.enabled");
}

#[test]
fn releases_are_compared_and_told_as_notes() {
    let shop = Shop::start(str::to_owned);
    let diff = shop.verb(&["release", "diff", "auth-service", "v1.2.3", "v1.3.0"]);
    let difference = &diff.exits(0).json()["difference"];
    assert_eq!(
        (&difference["from"]["number"], &difference["to"]["number"]),
        (&41.into(), &42.into())
    );
    assert_eq!(difference["compared"]["gained"]["total"], 1);
    let artifact = &difference["artifacts"][0];
    assert!(artifact["before"].is_string() && artifact["before"] != artifact["after"]);
    let back = shop
        .verb(&["release", "diff", "auth-service", "42", "40"])
        .exits(0)
        .json();
    assert_eq!(back["difference"]["compared"]["lost"]["total"], 2);
    shop.verb(&["release", "diff", "auth-service", "42", "nowhere"])
        .exits(4);

    let notes = shop
        .verb(&["release", "notes", "auth-service", "v1.3.0"])
        .exits(0)
        .json();
    assert_eq!(
        (&notes["title"], &notes["from"]["number"]),
        (&"v1.3.0".into(), &41.into())
    );
    assert_eq!(notes["proposed"], "minor");
    let markdown = notes["markdown"].as_str().unwrap();
    assert!(markdown.starts_with("## [v1.3.0] - "), "{markdown}");
    assert!(
        markdown.contains("### Added\n\n- auth: session keys rotate daily ("),
        "{markdown}"
    );
    let told = |whom: &str| {
        let words = [
            "release",
            "notes",
            "auth-service",
            "43",
            "--from",
            "33",
            "--for",
            whom,
        ];
        shop.verb(&words).exits(0).json()["markdown"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let users = told("users");
    assert!(
        users.contains("## What you have to do\n\n- ") && !users.contains("**BREAKING**"),
        "{users}"
    );
    let guide = told("migration");
    assert!(
        guide.starts_with("# Migrating from ")
            && guide.contains("**BREAKING** Products carry variants ("),
        "{guide}"
    );
    let since = shop.verb(&["release", "notes", "auth-service", "43", "--from", "33"]);
    let since = since.exits(0).json();
    assert_eq!(
        (&since["title"], &since["proposed"]),
        (&"Unreleased".into(), &"major".into())
    );
    assert!(
        since["markdown"]
            .as_str()
            .unwrap()
            .contains("- **BREAKING** catalog: products carry variants (")
    );
}

/// `d` shows what lies between what is live here and the release under the cursor; the answer closes nothing and moves
/// nothing.
#[test]
fn on_the_screen_a_release_is_compared_with_what_is_live() {
    let mut story = fixture::calm().show(Screen::Releases);
    let effects = press(&mut story, "d");
    let [Effect::Compare { from, to }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let shown = story.releases_shown();
    assert_eq!(to.number, shown[story.view.release].number);
    assert_eq!(from.number, 41, "41 is live in production");
    let (from, to) = ((**from).clone(), (**to).clone());
    assert!(matches!(
        story.view.overlay,
        Some(Overlay::Difference { top: 0 })
    ));
    // An answer about others is not shown.
    let other = Difference::between(&to, &from, Compared::default());
    let at = story.now;
    let answer = |difference| Event::Compared {
        difference: Box::new(difference),
    };
    update(
        &mut story,
        &Stamped {
            at,
            event: answer(other),
        },
    );
    assert!(story.comparison.as_ref().unwrap().outcome.is_none());
    let gained = Log {
        total: 60,
        mainline: 60,
        commits: (0..60)
            .map(|n| Logged {
                commit: Commit::parse(&format!("{n:040}")).unwrap(),
                author: "Dana".into(),
                at,
                subject: format!("change {n}").into(),
                breaking: (n == 7).then(|| "all of it".into()),
                mainline: true,
                merge: false,
            })
            .collect(),
        authors: vec![("Dana".into(), 60)],
        more: false,
    };
    let compared = Compared {
        gained,
        ..Compared::default()
    };
    let told = Difference::between(&from, &to, compared);
    update(
        &mut story,
        &Stamped {
            at,
            event: answer(told),
        },
    );
    for (columns, rows) in [(80, 24), (120, 36), (200, 60)] {
        let text = tiny::text(&story, (columns, rows));
        assert!(
            text.contains("BREAKING (1)") && text.contains("! 0000000 all of it"),
            "{text}"
        );
        assert!(text.contains("60 commits by Dana"), "{text}");
    }
    press(&mut story, "G");
    let text = tiny::text(&story, (80, 24));
    assert!(
        text.contains("change 59") && !text.contains("BREAKING"),
        "{text}"
    );
    press(&mut story, "esc");
    assert!(story.view.overlay.is_none());
    assert_eq!(story.view.screen, Screen::Releases);
}

#[test]
fn the_palette_compares_any_two() {
    let mut story = fixture::calm().show(Screen::Fleet);
    press(&mut story, ":");
    write(&mut story, "release diff 40 42");
    let effects = press(&mut story, "enter");
    let [Effect::Compare { from, to }] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    assert_eq!((from.number, to.number), (40, 42));
    // With itself there is nothing to compare, and it says so.
    press(&mut story, "esc :");
    write(&mut story, "release diff 42 42");
    assert_eq!(press(&mut story, "enter"), []);
    let said = story.message.as_ref().map(|message| message.text.clone());
    assert!(said.is_some_and(|said| said.contains("nothing differs")));
}

/// A hundred thousand releases go through the cockpit without being copied: not when they come, not for an act, and not
/// when what the registry said is in them already.
#[test]
fn a_long_catalogue_is_shared_and_not_copied() {
    let mut story = fixture::calm().show(Screen::Releases);
    let id = fixture::project("auth-service");
    let releases: Vec<_> = story.known.releases[&id].iter().cloned().collect();
    let catalogue = Catalogue::from(releases);
    let at = story.now;
    let event = Event::Catalogue {
        project: id.clone(),
        releases: catalogue.clone(),
    };
    update(&mut story, &Stamped { at, event });
    let place = |all: &Catalogue| all.as_slice().as_ptr();
    assert_eq!(place(&story.known.releases[&id]), place(&catalogue));
    let of_an_act = story.known.clone();
    assert_eq!(place(&of_an_act.releases[&id]), place(&catalogue));
    // What was learned since is not lost, though the catalogue that comes does not have it.
    let mut bare: Vec<_> = catalogue.iter().cloned().collect();
    for release in &mut bare {
        release.artifacts.clear();
    }
    let event = Event::Catalogue {
        project: id.clone(),
        releases: bare.into(),
    };
    update(&mut story, &Stamped { at, event });
    assert_eq!(story.known.releases[&id], catalogue);
}

#[test]
fn the_manifests_of_a_commit_are_one_digest_over_paths_modes_and_contents() {
    let folder = tempfile::tempdir().unwrap();
    let place = repository(folder.path());
    let project = project(&place);
    let of = |commit: &Commit| resources::resources(&project, commit).unwrap();
    let none = commit(&place, "nothing", &[("a", "1")]);
    assert_eq!(of(&none), Resources::default());
    let two = [("auth/k8s/a.yaml", "a: 1\n"), ("k8s/deep/b.yaml", "b: 1\n")];
    let one = of(&commit(&place, "both", &two));
    assert_eq!(one.files, 2);
    let other = of(&commit(&place, "beside", &[("a", "2")]));
    assert_eq!(other, one, "what is no manifest changes nothing");
    let changed = of(&commit(&place, "changed", &[("auth/k8s/a.yaml", "a: 2\n")]));
    git(&place, &["mv", "auth/k8s/a.yaml", "auth/k8s/c.yaml"]);
    let moved = of(&commit(&place, "moved", &[]));
    git(&place, &["update-index", "--chmod=+x", "auth/k8s/c.yaml"]);
    git(&place, &["commit", "-q", "-m", "mode"]);
    let mode = of(&Commit::parse(&git(&place, &["rev-parse", "HEAD"])).unwrap());
    let all: BTreeSet<_> = [&one, &changed, &moved, &mode]
        .iter()
        .map(|it| it.digest.clone())
        .collect();
    assert_eq!(all.len(), 4);
    let missing = Commit::parse(&"1".repeat(40)).unwrap();
    assert!(resources::resources(&project, &missing).is_err());
}

/// What a request was given for stays what it was, whether its manifests counted then or not; what is not read says
/// nothing, and other manifests void it.
#[test]
fn manifests_are_part_of_what_is_approved() {
    let manifests = |bytes: &[u8]| {
        let digest = Some(Digest::of(bytes));
        Some(Box::new(Resources { files: 1, digest }))
    };
    let mut story = fixture::requested();
    let here = Story::here();
    let mut now = |resources: Option<Box<Resources>>| {
        let project = here.project.clone();
        let releases = story.cockpit.known.releases.get_mut(&project).unwrap();
        for release in releases.change() {
            release.resources.clone_from(&resources);
        }
        let facts = story.cockpit.known.facts(&here, story.cockpit.now).unwrap();
        let stored = facts.current().unwrap().plan.clone();
        let release = facts.release(&stored.release.commit).unwrap();
        let fresh = planner::store(facts.environment, facts.target, release, None);
        (
            planner::today(&facts, &stored) == stored.plan,
            fresh,
            stored,
        )
    };
    // Stored before manifests counted.
    let (same, fresh, stored) = now(manifests(b"1"));
    assert!(same && fresh.digest != stored.digest);
    // Stored with them.
    let mut now = |resources: Option<Box<Resources>>| {
        let releases = story.cockpit.known.releases.get_mut(&here.project).unwrap();
        for release in releases.change() {
            release.resources.clone_from(&resources);
        }
        let facts = story.cockpit.known.facts(&here, story.cockpit.now).unwrap();
        let today = planner::today(&facts, &fresh);
        differences(&fresh.plan, &today)
    };
    assert_eq!(now(manifests(b"1")), Vec::<String>::new());
    assert_eq!(now(None), Vec::<String>::new(), "not read says nothing");
    let said = now(manifests(b"2")).join("; ");
    assert!(said.contains("the release's manifests"), "{said}");
}
