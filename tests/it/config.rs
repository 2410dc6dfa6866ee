//! Configurations that are good, those that are not with all that is said about them, and the way back from a
//! workspace to a text.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::{Path, PathBuf};

use gonogo::{
    config::{EXAMPLE, Folders, Loaded, Problems, Trust, load_with, parse_with, render},
    domain::{
        access::{Access, CiSource, Login, PluginPolicy, Plugins, SecretRef},
        calendar::{Calendar, Day, Freeze, Window, Zone},
        environment::{
            ApprovalRule, AutoApproval, Contact, Dashboard, Environment, EnvironmentName, Policy,
            Tightening,
        },
        hotfix::HotfixPolicy,
        metric::{Limit, Metric},
        migration::RollbackWord,
        plan::{
            Acts, Bound, Chain, CiProbe, CommandSpec, Find, FlightAction, GitProbe, HttpProbe,
            ItemId, ItemKind, ItemSpec, NumberProbe, ObjectProbe, Phase, Probe, StageSpec, TimeBox,
        },
        project::{CatalogueSource, ImageSource, Project, ProjectId, TagStrategy, Triggers},
        release::TriggerKind,
        target::{
            ClusterRef, Endpoint, MetricsSource, Pin, Target, TargetId, WorkloadKind, WorkloadRef,
        },
        version::ReleaseType,
        version_file::{Place, Preparing, VersionFile},
        workspace::{Person, Rehearsal, Timings, Workspace},
    },
};
use jiff::SignedDuration;
use proptest::prelude::*;

fn folders() -> Folders {
    Folders::within(Path::new("/own"), Some(PathBuf::from("/home/dana")))
}

fn read(text: &str) -> Result<Loaded, Problems> {
    read_as(text, Trust::Own)
}

fn read_as(text: &str, trust: Trust) -> Result<Loaded, Problems> {
    parse_with(text, Path::new("/ws/gonogo.toml"), trust, Some(&folders()))
}

fn configurations(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs");
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// Beside each stands what is said about it. `GONOGO_BLESS=1 cargo test config` writes that anew.
#[test]
fn invalid_configurations_are_told_all_their_problems() {
    let mut wrong = Vec::new();
    for file in configurations("invalid") {
        let text = std::fs::read_to_string(&file).unwrap();
        let trust = if text.starts_with("# found in a repository") {
            Trust::Repository
        } else {
            Trust::Own
        };
        let name = file.file_name().unwrap();
        let said = match parse_with(&text, Path::new(name), trust, Some(&folders())) {
            Ok(loaded) => panic!("{} is good: {loaded:?}", file.display()),
            Err(problems) => format!("{problems}\n"),
        };
        let expected = file.with_extension("txt");
        if std::env::var_os("GONOGO_BLESS").is_some() {
            std::fs::write(&expected, &said).unwrap();
        }
        if std::fs::read_to_string(&expected).unwrap_or_default() != said {
            wrong.push(format!("{} is told:\n{said}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn valid_configurations_are_read_and_written_back() {
    for file in configurations("valid") {
        let loaded = load_with(&file, Trust::Own, Some(&folders()));
        let workspace = loaded
            .unwrap_or_else(|problems| panic!("{problems}"))
            .workspace;
        let again = read(&render(&workspace)).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(again.workspace, workspace, "{}", file.display());
    }
}

#[test]
fn the_example_is_good_and_means_what_its_comments_say() {
    let loaded = read(EXAMPLE).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.warnings, []);
    let workspace = loaded.workspace;
    let production = workspace.find_target("prod", "auth-service").unwrap();
    assert_eq!(production.items.len(), 43);
    assert_eq!(
        production.limits,
        [
            Limit {
                metric: Metric::ErrorRate,
                hold: 0.1,
                roll_back: Some(5.0),
                intervals: Limit::INTERVALS,
            },
            Limit {
                metric: Metric::LatencyP99,
                hold: 500.0,
                roll_back: Some(2000.0),
                intervals: Limit::INTERVALS,
            }
        ]
    );
    let dev = workspace.find_target("dev", "auth-service").unwrap();
    assert_eq!(dev.rollout_deadline, SignedDuration::from_mins(5));
    assert_eq!(dev.workload.container, "auth-service");
    assert_eq!(
        workspace.projects[0].source,
        Path::new("/home/dana/src/shop")
    );
    let web = &workspace.projects[1].image;
    assert_eq!(web.endpoint, "https://registry-1.docker.io");
    assert_eq!(web.repository, "acmeshop/web");
    assert_eq!(workspace.environments[1].policy.soak, SignedDuration::ZERO);
}

/// SPEC E2: a project may only tighten what its environment asks; each key that would loosen it is an error that names
/// both values.
#[test]
fn a_project_that_would_loosen_a_policy_is_an_error_that_names_both_values() {
    let check = |from: &str, to: &str, sentence: &str| {
        let (before, own) = EXAMPLE.split_once("[target.policy]\n").unwrap();
        let changed = own.replacen(from, to, 1);
        assert_ne!(changed, own, "{from} does not stand in [target.policy]");
        let text = format!("{before}[target.policy]\n{changed}");
        let told = read(&text).unwrap_err().to_string();
        assert!(told.contains(sentence), "{told}");
        let line = 1
            + before.lines().count()
            + changed.lines().position(|line| line.contains(to)).unwrap()
            + 1;
        assert!(told.contains(&format!(":{line}:")), "line {line}: {told}");
    };
    check(
        "allowed_triggers = [\"tag\"]",
        "allowed_triggers = [\"tag\", \"branch_push\"]",
        "`allowed_triggers` of production is [tag, manual]; auth-service cannot have [tag, branch_push]",
    );
    check(
        "soak = \"2h\"",
        "soak = \"30m\"",
        "`soak` of production is 1 h; auth-service cannot have 30 min",
    );
    check(
        "auto_deploy = false",
        "auto_deploy = true",
        "`auto_deploy` of production is false; auth-service cannot have true",
    );
    check(
        "expires_after = \"2h\"",
        "expires_after = \"8h\"",
        "production asks for `expires_after` 4 h of the role `approve`; auth-service cannot have 8 h",
    );
    check(
        "expires_after = \"2h\"",
        "quorum = 1",
        "production asks for `quorum` 2 of the role `approve`; auth-service cannot have 1",
    );
    check(
        "expires_after = \"2h\"",
        "exclude_requester = false",
        "production asks for `exclude_requester` true of the role `approve`; auth-service cannot have false",
    );
    check(
        "expires_after = \"2h\"",
        "quorum = 5",
        "production asks for 5 with the role `approve`, and only 2 hold it",
    );
}

#[test]
fn what_a_project_asks_for_itself_is_part_of_the_policy_of_its_environment() {
    let workspace = read(EXAMPLE).unwrap().workspace;
    let production = workspace.find_environment("prod").unwrap();
    let (id, own) = production.policy.projects.first_key_value().unwrap();
    assert_eq!(id.name(), "auth-service");
    assert_eq!(own.approvals[0].quorum, 2, "what is left out is as there");
    let policy = production.policy.for_project(id);
    assert_eq!(policy.soak, SignedDuration::from_hours(2));
    assert_eq!(policy.veto, ["security", "qa"]);
    assert_eq!(policy.allowed_triggers, [TriggerKind::Tag]);
    assert_eq!(
        policy.approvals[0].expires_after,
        SignedDuration::from_hours(2)
    );
    assert_eq!(policy.approvals.len(), production.policy.approvals.len());
}

#[test]
fn names_become_those_of_the_environment() {
    let text = EXAMPLE
        .replace("after = \"staging\"", "after = \"uat\"")
        .replace("production = [\"waive\"]", "prod = [\"waive\"]");
    let workspace = read(&text).unwrap().workspace;
    assert_eq!(workspace, read(EXAMPLE).unwrap().workspace);
}

#[test]
fn odd_things_are_warned_about() {
    let check = |from: &str, to: &str, sentence: &str| {
        let text = EXAMPLE.replace(from, to);
        assert_ne!(text, EXAMPLE, "{from} does not stand in the example");
        let warnings = read(&text)
            .unwrap_or_else(|problems| panic!("{problems}"))
            .warnings;
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].sentence.contains(sentence), "{warnings:?}");
        assert!(warnings[0].line > 1);
    };
    check(
        "trust_names = true",
        "trust_names = false",
        "nobody's approval counts",
    );
    check("after = \"dev\"\n", "", "`soak` does nothing");
    check("hold = \"500ms\"", "hold = 0.5", "0.5 ms");
    check(
        "\"stop\", \"configure\"",
        "\"stop\"",
        "nobody holds `configure` in production",
    );
    check(
        "\"stop\", \"configure\"",
        "\"stop\", \"configure\", \"marketing\"",
        "`marketing`",
    );
    check(
        "items = [\n  { id = \"verify.health\", phase = \"verify\", kind = \"probe\", probe = \"health\", title = \"/health answers well\" },\n]\n",
        "",
        "nothing has to be ticked",
    );
}

#[test]
fn the_ledger_is_kept_in_the_data_folder_unless_said_otherwise() {
    let text = EXAMPLE.replace("path = \"~/acme/ledger.sqlite\"", "");
    let ledger = |text: &str| read(text).unwrap().workspace.ledger;
    assert_eq!(ledger(EXAMPLE), Path::new("/home/dana/acme/ledger.sqlite"));
    assert_eq!(ledger(&text), Path::new("/own/data/ledger.sqlite"));
}

#[test]
fn a_file_from_a_repository_is_only_read() {
    let told = read_as(EXAMPLE, Trust::Repository).unwrap_err().to_string();
    for key in ["kubeconfig", "path", "trust_names"] {
        assert!(told.contains(&format!("may not set `{key}`")), "{told}");
    }
}

#[test]
fn relative_paths_begin_at_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gonogo.toml");
    let text = EXAMPLE.replace("\"~/src/shop\"", "\"src/shop\"");
    std::fs::write(&file, text).unwrap();
    let loaded = load_with(&file, Trust::Own, Some(&folders())).unwrap();
    assert_eq!(
        loaded.workspace.projects[0].source,
        folder.path().join("src/shop")
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_anybody_may_change_is_not_used_and_one_of_a_group_is_warned_about() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gonogo.toml");
    std::fs::write(&file, EXAMPLE).unwrap();
    let mode = |mode| std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode));
    mode(0o666).unwrap();
    let told = load_with(&file, Trust::Own, Some(&folders()))
        .unwrap_err()
        .to_string();
    assert!(told.contains("chmod o-w"), "{told}");
    mode(0o664).unwrap();
    let warnings = load_with(&file, Trust::Own, Some(&folders()))
        .unwrap()
        .warnings;
    assert!(warnings[0].hint.contains("chmod g-w"), "{warnings:?}");
    mode(0o644).unwrap();
    let loaded = load_with(&file, Trust::Own, Some(&folders())).unwrap();
    assert_eq!(loaded.warnings, []);
}

#[test]
fn a_missing_file_says_what_to_check() {
    let problems = load_with(Path::new("/nowhere/gonogo.toml"), Trust::Own, None).unwrap_err();
    let told = problems.to_string();
    assert!(
        told.starts_with("/nowhere/gonogo.toml: cannot be read: ") && told.contains("--config"),
        "{told}"
    );
}

/// What is no text, no file, or too much of one.
#[cfg(unix)]
#[test]
fn files_that_are_no_configuration_are_told_apart() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let file = |name: &str, bytes: &[u8]| {
        std::fs::write(place(name), bytes).unwrap();
        place(name)
    };
    let large = place("large.toml");
    std::fs::File::create(&large)
        .unwrap()
        .set_len(50 << 20)
        .unwrap();
    std::fs::create_dir(place("folder.toml")).unwrap();
    let pipe = place("pipe.toml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()));
    let locked = file("locked.toml", EXAMPLE.as_bytes());
    std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(0o000)).unwrap();
    std::os::unix::fs::symlink(place("nowhere"), place("dangling.toml")).unwrap();
    let mut table = vec![
        (
            file("latin.toml", b"name = \"x\"\n# caf\xe9\n"),
            "latin.toml:2:6: this is not UTF-8; save the file as UTF-8",
        ),
        (
            file("nul.toml", b"name = \"x\"\nb\0"),
            "nul.toml:2:2: there is a NUL byte, so this is no text; is it the right file? Save it as UTF-8",
        ),
        (
            file("utf16.toml", b"\xff\xfen\0a\0"),
            "utf16.toml:1:4: there is a NUL byte",
        ),
        (large, "large.toml: is larger than 1 MB, and not read"),
        (
            place("folder.toml"),
            "folder.toml: is a folder; name the file in it, gonogo.toml",
        ),
        (pipe, "pipe.toml: is no file; name a text file"),
        ("/dev/zero".into(), "/dev/zero: is no file"),
        (
            place("dangling.toml"),
            "dangling.toml: cannot be read: No such file",
        ),
    ];
    // Root may read everything.
    if std::fs::File::open(&locked).is_err() {
        table.push((locked, "locked.toml: cannot be read: Permission denied"));
    }
    for (path, expect) in table {
        let told = load_with(&path, Trust::Own, Some(&folders())).unwrap_err();
        assert_eq!(told.0.len(), 1, "{told}");
        assert!(told.to_string().contains(expect), "{told}");
    }
    // A mark that some editors put in front is none of them.
    let marked = file("marked.toml", format!("\u{feff}{EXAMPLE}").as_bytes());
    assert!(load_with(&marked, Trust::Own, Some(&folders())).is_ok());
}

/// Megabytes that are wrong everywhere, or deep, are answered in a page.
#[test]
fn however_wrong_a_text_is_what_is_said_fits_a_page() {
    let deep = |open: &str, close: &str| {
        format!("name = {}1{}\n", open.repeat(20_000), close.repeat(20_000))
    };
    for text in [
        "x\n".repeat(200_000),
        "[[person]]\nnane = 1\n".repeat(10_000),
        (0..30_000).fold(String::new(), |text, n| text + &format!("k{n} = 1\n")),
        deep("[", "]"),
        deep("{a=", "}"),
        format!("{}\n", "[a.".repeat(30_000)),
        format!("a{} = 1\n", ".a".repeat(100_000)),
        format!("[[project]]\nbranches = [\"{}\"]\n", "(".repeat(100_000)),
        format!(
            "[[project]]\nbranches = [\"{}a{}\"]\n",
            "(".repeat(50_000),
            ")".repeat(50_000)
        ),
        "[[project]]\nbranches = [\"(((a{999}){999}){999}){999}\"]\n".to_owned(),
        format!(
            "[[environment]]\npolicy = {{ allowed_branches = [\"{}{}\"] }}\n",
            "{a,".repeat(50_000),
            "}".repeat(50_000)
        ),
        format!("name = \"{}\n", "y".repeat(900_000)),
    ] {
        let told = read(&text).unwrap_err();
        let head: String = text.chars().take(40).collect();
        assert!(told.0.len() <= 201, "{head}: {}", told.0.len());
        let said = told.to_string();
        assert!(said.len() < 100_000, "{head}: {} bytes", said.len());
    }
    let told = read(&"x\n".repeat(1000)).unwrap_err().to_string();
    assert!(told.ends_with("more; begin with those above"), "{told}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_reads_back_the_same(workspace in workspace()) {
        let text = render(&workspace);
        let loaded = read(&text);
        prop_assert!(loaded.is_ok(), "{}\n{}", loaded.unwrap_err(), text);
        prop_assert_eq!(loaded.unwrap().workspace, workspace);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}", cut in 0..10_000_usize) {
        let _ = read(&text);
        let shorter: String = EXAMPLE.chars().take(cut).collect();
        let _ = read(&shorter);
        let _ = read(&(shorter + &text));
    }
}

/// Anything visible, quotes and backslashes too.
fn text() -> impl Strategy<Value = String> {
    "[a-zäß\"'\\\\#=\\]\\[{},. 🚀]{0,12}x"
}

fn duration() -> impl Strategy<Value = SignedDuration> {
    prop_oneof![
        (1_i64..100_000).prop_map(SignedDuration::from_secs),
        (1_i64..100_000).prop_map(SignedDuration::from_millis),
        (1_i64..i64::from(u32::MAX)).prop_map(SignedDuration::from_nanos),
    ]
}

fn limit() -> impl Strategy<Value = Limit> {
    let figures = (0.01..100.0_f64, any::<bool>(), any::<bool>(), 1..9_u32);
    figures.prop_map(|(hold, latency, back, intervals)| Limit {
        metric: if latency {
            Metric::LatencyP99
        } else {
            Metric::ErrorRate
        },
        hold,
        roll_back: back.then_some(100.0),
        intervals,
    })
}

fn command() -> impl Strategy<Value = CommandSpec> {
    let words = proptest::collection::vec("[a-z'\"\\\\ \n\t{}$]{0,9}", 0..4);
    (words, any::<bool>(), proptest::option::of(text())).prop_map(|(words, full, expect)| {
        CommandSpec {
            argv: ["make".to_owned()].into_iter().chain(words).collect(),
            env: if full {
                vec!["DATABASE_URL".to_owned(), "MODE=a b".to_owned()]
            } else {
                Vec::new()
            },
            folder: full.then(|| "services/auth".to_owned()),
            checkout: full,
            expect: expect.map(|text| regex::escape(&text)),
        }
    })
}

fn kind_takes_time(kind: &ItemKind) -> bool {
    match kind {
        ItemKind::Command(_) => true,
        ItemKind::Probe(probe) => probe.is_outward(),
        ItemKind::Check | ItemKind::Action(_) | ItemKind::Read(_) => false,
    }
}

fn question() -> impl Strategy<Value = GitProbe> {
    prop_oneof![
        Just(GitProbe::Merged {
            branch: "release/1".to_owned()
        }),
        Just(GitProbe::Tagged),
        Just(GitProbe::Changed {
            paths: vec!["docs/**".to_owned()]
        }),
        Just(GitProbe::NoNewTodo),
        Just(GitProbe::Changelog {
            path: "docs/CHANGES.md".to_owned()
        }),
        (1..20_u64).prop_map(|by| GitProbe::Reviewed { by }),
    ]
}

fn item() -> impl Strategy<Value = ItemSpec> {
    let kind = prop_oneof![
        Just(ItemKind::Check),
        Just(ItemKind::Probe(Probe::Pods)),
        Just(ItemKind::Probe(Probe::Health)),
        Just(ItemKind::Probe(Probe::Metrics)),
        Just(ItemKind::Probe(Probe::Metric(Metric::ErrorRate))),
        Just(ItemKind::Probe(Probe::Gate("approvals".to_owned()))),
        command().prop_map(|command| ItemKind::Probe(Probe::Command(command))),
        command().prop_map(ItemKind::Command),
        Just(ItemKind::Action(FlightAction::Promote)),
        proptest::option::of(100_u16..600).prop_map(|status| {
            ItemKind::Probe(Probe::Http(HttpProbe {
                url: "https://api.example/health?full=1".to_owned(),
                status,
                expect: status.map(|_| r#""status": *"ok""#.to_owned()),
            }))
        }),
        Just(ItemKind::Probe(Probe::Tcp("[::1]:5432".to_owned()))),
        Just(ItemKind::Probe(Probe::Dns("db.internal".to_owned()))),
        question().prop_map(|question| ItemKind::Probe(Probe::Git(question))),
        Just(ItemKind::Probe(Probe::Ci(CiProbe::Reviews { by: 2 }))),
        Just(ItemKind::Probe(Probe::Ci(CiProbe::Checks {
            contexts: vec!["build / linux".to_owned()]
        }))),
        Just(ItemKind::Probe(Probe::Kubernetes(ObjectProbe {
            object: "v1/nodes/a.b".to_owned(),
            namespace: None,
            whole_cluster: true,
            pointer: Some("/spec/x~1y".to_owned()),
            equals: Some("\"yes\"".to_owned()),
            condition: None,
        }))),
        command().prop_map(|command| ItemKind::Probe(Probe::Number(NumberProbe {
            command: CommandSpec {
                expect: None,
                ..command
            },
            find: Find::Pattern(r"^(\d+) %".to_owned()),
            bound: Bound::parse(">= 80.5").unwrap(),
        }))),
    ];
    let seconds = (0_i64..600, 1_i64..600);
    (
        text(),
        kind,
        any::<bool>(),
        proptest::option::of(text()),
        proptest::option::of(seconds),
    )
        .prop_map(|(title, kind, required, owner, time)| ItemSpec {
            id: ItemId("the.item".to_owned()),
            phase: if time.is_some() {
                Phase::Verify
            } else {
                Phase::Communicate
            },
            title,
            required,
            owner,
            max_age: time.is_none().then(|| SignedDuration::from_hours(24)),
            timeout: kind_takes_time(&kind).then(|| SignedDuration::from_secs(90)),
            chain: Chain {
                acts: matches!(kind, ItemKind::Command(_)).then_some(Acts {
                    rollback: required.then_some(RollbackWord::NeedsSteps),
                }),
                way_back: !required,
                after: Vec::new(),
            },
            types: if required {
                vec![ReleaseType::Major, ReleaseType::Hotfix]
            } else {
                Vec::new()
            },
            auto: time.is_some() && required && matches!(kind, ItemKind::Probe(Probe::Command(_))),
            kind,
            time_box: time.map(|(from, length)| TimeBox {
                from: SignedDuration::from_secs(from),
                until: SignedDuration::from_secs(from + length),
            }),
        })
}

fn policy() -> impl Strategy<Value = Policy> {
    (
        proptest::sample::subsequence(
            vec![
                TriggerKind::BranchPush,
                TriggerKind::Tag,
                TriggerKind::Manual,
            ],
            0..=3,
        ),
        proptest::sample::subsequence(vec!["main".to_owned(), "hotfix/*".to_owned()], 0..=2),
        any::<bool>(),
        duration(),
        proptest::option::of((any::<bool>(), duration())),
    )
        .prop_map(
            |(allowed_triggers, allowed_branches, after, soak, rule)| Policy {
                allowed_triggers,
                allowed_branches,
                allowed_tags: vec!["!*-*".to_owned()],
                after: after.then(|| EnvironmentName::new("staging")),
                soak,
                auto_approve: rule
                    .iter()
                    .map(|_| AutoApproval {
                        rule: "green".to_owned(),
                        role: "approve".to_owned(),
                        gates: vec!["order.verified".to_owned()],
                    })
                    .collect(),
                veto: after.then(|| "approve".to_owned()).into_iter().collect(),
                approvals: rule
                    .into_iter()
                    .flat_map(|(several, expires_after)| {
                        let one = move |exclude_authors| ApprovalRule {
                            quorum: 1,
                            role: "approve".to_owned(),
                            exclude_requester: false,
                            exclude_authors,
                            expires_after,
                        };
                        [Some(one(several)), several.then(|| one(false))]
                    })
                    .flatten()
                    .collect(),
                hotfix: after.then(|| HotfixPolicy {
                    role: "approve".to_owned(),
                    ..HotfixPolicy::default()
                }),
                auto_deploy: soak.is_zero(),
                auto_deploy_tags: soak
                    .is_zero()
                    .then(|| "v*".to_owned())
                    .into_iter()
                    .collect(),
                calendar: calendar(soak),
                projects: std::collections::BTreeMap::new(),
            },
        )
}

/// One of each rule, or none; windows are of whole minutes.
fn calendar(seed: SignedDuration) -> Calendar {
    let seconds = seed.as_secs();
    if seconds % 3 == 0 {
        return Calendar::default();
    }
    let moment = |day: i8| jiff::civil::date(2026, 12, day).at(0, 0, 0, 0);
    Calendar {
        zone: Zone::parse("America/New_York").unwrap(),
        windows: vec![Window {
            days: vec![Day::Monday, Day::Saturday],
            from: jiff::civil::time(21, 5, 0, 0),
            lasts: SignedDuration::from_mins(1 + seconds.abs() % 1440),
        }],
        freezes: vec![Freeze {
            from: moment(18),
            until: moment(19),
            reason: "a \"busy\" day".to_owned(),
        }],
        no_deploys_on: vec![Day::Friday, Day::Sunday],
    }
}

/// Some of everything, and nothing looser.
fn tightening(policy: &Policy) -> Tightening {
    Tightening {
        allowed_triggers: policy.allowed_triggers.first().map(|first| vec![*first]),
        allowed_branches: vec!["main".to_owned()],
        allowed_tags: vec!["v*".to_owned(), "!*-*".to_owned()],
        soak: policy
            .after
            .as_ref()
            .map(|_| policy.soak + SignedDuration::from_mins(1)),
        approvals: policy.approvals.iter().take(1).cloned().collect(),
        veto: vec!["approve".to_owned()],
        never_by_itself: policy.auto_deploy,
        calendar: policy.calendar.clone(),
    }
}

fn target() -> impl Strategy<Value = Target> {
    (
        proptest::option::of(text()),
        any::<bool>(),
        limit(),
        proptest::sample::subsequence(vec![1_u8, 5, 50, 99], 0..=4),
        item(),
        duration(),
        (1_u16.., 20_u64..1_000_000),
    )
        .prop_map(
            |(context, rollout, limit, shares, item, time, (port, min_requests))| Target {
                id: TargetId::new(
                    EnvironmentName::new("production"),
                    ProjectId::parse("acme/shop/auth").unwrap(),
                ),
                cluster: ClusterRef {
                    kubeconfig: context.as_ref().map(|name| format!("/kube/{name}").into()),
                    context,
                    pin: rollout.then(|| Pin {
                        server: Some("https://api.acme.example:6443".to_owned()),
                        ca_sha256: Some("ab".repeat(32)),
                        uid: (port % 2 == 0).then(|| "f3c1".to_owned()),
                    }),
                    must_be_verified: false,
                },
                workload: WorkloadRef {
                    kind: if rollout {
                        WorkloadKind::Rollout
                    } else {
                        WorkloadKind::Deployment
                    },
                    namespace: "shop".to_owned(),
                    name: "auth".to_owned(),
                    container: "main".to_owned(),
                },
                health: Some(Endpoint {
                    port,
                    path: "/health".to_owned(),
                }),
                metrics: Some(MetricsSource {
                    endpoint: Endpoint {
                        port,
                        path: "/metrics?x=1".to_owned(),
                    },
                    prefix: "release_manager".to_owned(),
                    window: time + SignedDuration::from_mins(1),
                    min_requests,
                }),
                limits: vec![limit],
                stages: shares
                    .iter()
                    .chain([&100])
                    .map(|share| StageSpec {
                        share: *share,
                        bake: if *share == 100 {
                            SignedDuration::ZERO
                        } else {
                            time
                        },
                    })
                    .collect(),
                items: vec![item],
                monitoring: time,
                rollout_deadline: time,
            },
        )
}

fn workspace() -> impl Strategy<Value = Workspace> {
    let environment = |name: &str, policy: Policy, purpose: String| Environment {
        name: EnvironmentName::new(name),
        other_names: vec![format!("{name}-1")],
        purpose,
        protected: !policy.soak.is_zero(),
        customer_data: policy.after.is_some(),
        data: "what people \"bought\"".to_owned(),
        contacts: vec![Contact {
            name: "on-call".to_owned(),
            reach: "#ops".to_owned(),
        }],
        dashboards: vec![Dashboard {
            title: "errors".to_owned(),
            url: "https://grafana.acme.example/d/1?a=b".to_owned(),
        }],
        policy,
    };
    (
        (text(), text(), text()),
        policy(),
        target(),
        any::<bool>(),
        proptest::option::of(1.0..100.0_f64),
        duration(),
    )
        .prop_map(
            move |((name, purpose, person), mut policy, mut target, flag, speed, time)| {
                let project = target.id.project.clone();
                let asks_ci = target
                    .items
                    .iter()
                    .any(|item| matches!(item.kind, ItemKind::Probe(Probe::Ci(_))));
                if flag {
                    let own = tightening(&policy);
                    policy.projects.insert(target.id.project.clone(), own);
                }
                target.cluster.must_be_verified = !policy.soak.is_zero();
                Workspace {
                    projects: vec![Project {
                        id: target.id.project.clone(),
                        source: PathBuf::from(format!("/src/{name}")),
                        tags: if flag {
                            TagStrategy::Monorepo
                        } else {
                            TagStrategy::TagAll
                        },
                        branches: vec!["main".to_owned(), r"hotfix/\d+".to_owned()],
                        branch_aliases: vec![],
                        triggers: Triggers::of(flag, speed.is_none()),
                        manifests: vec!["**/k8s/**".to_owned()],
                        preparing: Preparing {
                            version_files: vec![
                                VersionFile::parse("a/package.json:/version").unwrap(),
                                VersionFile {
                                    path: "a.py".to_owned(),
                                    place: Place::Pattern("^v = \"(.+)\"$".to_owned()),
                                },
                            ],
                            changelog: "a/NEWS.md".to_owned(),
                        },
                        catalogue: if flag {
                            CatalogueSource::Oci
                        } else {
                            CatalogueSource::Git
                        },
                        image: ImageSource {
                            name: "127.0.0.1:5000/auth".to_owned(),
                            endpoint: "http://127.0.0.1:5000".to_owned(),
                            repository: "acme/auth".to_owned(),
                        },
                    }],
                    name,
                    environments: vec![
                        environment("staging", Policy::default(), String::new()),
                        environment("production", policy, purpose),
                    ],
                    targets: vec![target],
                    people: ["a", "b"]
                        .map(|end| Person {
                            name: format!("{person}{end}"),
                            accounts: vec![format!("account-{end}"), format!("{end}@host")],
                            email: flag.then(|| format!("{end}@acme.example")),
                            roles: [("*", vec!["operate", "approve"]), ("staging", vec![])]
                                .into_iter()
                                .map(|(scope, words)| {
                                    let words = words.into_iter().map(str::to_owned).collect();
                                    (scope.to_owned(), words)
                                })
                                .collect(),
                        })
                        .to_vec(),
                    timings: Timings {
                        mutation_deadline: time,
                        ..Timings::default()
                    },
                    trust_names: flag,
                    access: Access {
                        plugins: Plugins {
                            policy: if flag {
                                PluginPolicy::AllowAll
                            } else {
                                PluginPolicy::Allowlist
                            },
                            allow: vec![PathBuf::from("/opt/a b/login")],
                        },
                        registries: [
                            ("http://127.0.0.1:5000", SecretRef::Env("A_1".to_owned())),
                            ("https://b.example", SecretRef::File("/a b/c".into())),
                            (
                                "https://c.example",
                                SecretRef::Cmd(vec!["pass".to_owned(), "show".to_owned()]),
                            ),
                        ]
                        .map(|(address, password)| Login {
                            address: address.to_owned(),
                            user: "release".to_owned(),
                            password,
                        })
                        .to_vec(),
                        ci: (flag || asks_ci)
                            .then(|| {
                                let source = CiSource {
                                    address: "https://api.github.com".to_owned(),
                                    repository: "acme/shop".to_owned(),
                                    token: speed.map(|_| SecretRef::Env("A_1".to_owned())),
                                    checks: [("tests.passing".to_owned(), vec!["a b".to_owned()])]
                                        .into(),
                                };
                                (project.clone(), source)
                            })
                            .into_iter()
                            .collect(),
                    },
                    ledger: PathBuf::from("/var/ledger.sqlite"),
                    state_files: std::collections::BTreeMap::new(),
                    rehearsal: speed.map(|speed| Rehearsal {
                        scenario: "bad-canary".to_owned(),
                        speed,
                    }),
                }
            },
        )
}
