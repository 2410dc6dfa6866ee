//! Probes that ask a CI, an object of the cluster, or a figure that a command prints (SPEC C1, R12); and items that begin
//! by themselves.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use gonogo::{
    domain::{
        access::{CiSource, SecretRef},
        entry::Body,
        evidence::RunEnd,
        plan::{
            Bound, Chain, CiProbe, CommandSpec, Find, GitProbe, ItemId, ItemKind, ItemSpec,
            NumberProbe, ObjectProbe, Phase, Probe, TimeBox,
        },
        target::ClusterRef,
    },
    policy::{decide::Command, refusal::Refusal},
    ports::run::Order,
    session::{
        effect::Effect,
        event::{End, Event, Stamped},
        update::update,
    },
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::{
    commands::{asked, commit, git, order, ran, release, words},
    fixture,
    support::Served,
};

const COMMIT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

/// Status, headers and body by path and query.
type Pages = BTreeMap<String, (u16, Vec<(&'static str, String)>, Value)>;

/// A forge on loopback. What it was asked is kept, with the token that came along.
struct Forge {
    address: String,
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

impl Forge {
    fn with(pages: Pages) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let into = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let first = lines.next().and_then(Result::ok).unwrap_or_default();
                let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                let mut token = String::new();
                for line in lines
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                {
                    if let Some((name, value)) = line.split_once(": ")
                        && name.eq_ignore_ascii_case("authorization")
                    {
                        value.clone_into(&mut token);
                    }
                }
                into.lock().unwrap().push((path.clone(), token));
                let none = (404, Vec::new(), json!({"message": "Not Found"}));
                let (status, headers, body) = pages.get(&path).unwrap_or(&none);
                let body = body.to_string();
                let mut stream = stream;
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n",
                    body.len()
                );
                for (name, value) in headers {
                    let _ = write!(stream, "{name}: {value}\r\n");
                }
                let _ = write!(stream, "\r\n{body}");
            }
        });
        Self { address, asked }
    }

    fn order(&self, probe: CiProbe) -> Order {
        let folder = std::env::temp_dir();
        let mut order = order(ItemKind::Probe(Probe::Ci(probe)), &folder);
        order.release = release(COMMIT);
        let source = CiSource {
            address: self.address.clone(),
            repository: "acme/shop".to_owned(),
            token: None,
            checks: BTreeMap::new(),
        };
        order.access.ci.insert(order.target.project.clone(), source);
        order
    }

    fn checks(&self, contexts: &[&str]) -> (bool, String) {
        let contexts = contexts.iter().map(|name| (*name).to_owned()).collect();
        answer(&self.order(CiProbe::Checks { contexts }))
    }
}

fn answer(order: &Order) -> (bool, String) {
    let (report, _) = ran(order);
    assert_eq!(report.end, RunEnd::Answered);
    (report.ok, report.said.to_string())
}

fn path(rest: &str, page: u32) -> String {
    let joint = if rest.contains('?') { '&' } else { '?' };
    format!("/repos/acme/shop/{rest}{joint}per_page=100&page={page}")
}

fn statuses(states: &[(&str, &str)]) -> Value {
    let all = states.iter();
    let all: Vec<Value> = all
        .map(|(context, state)| json!({"context": context, "state": state}))
        .collect();
    json!({"state": "x", "statuses": all})
}

fn runs(all: &[(&str, &str, Option<&str>)]) -> Value {
    let all = all.iter();
    let all: Vec<Value> = all
        .map(|(name, status, end)| json!({"name": name, "status": status, "conclusion": end}))
        .collect();
    json!({"total_count": all.len(), "check_runs": all})
}

fn forge(statuses: Value, check_runs: Value) -> Forge {
    let (status, runs) = (
        format!("commits/{COMMIT}/status"),
        format!("commits/{COMMIT}/check-runs?filter=latest"),
    );
    Forge::with(Pages::from([
        (path(&status, 1), (200, Vec::new(), statuses)),
        (path(&runs, 1), (200, Vec::new(), check_runs)),
    ]))
}

#[test]
fn ci_passes_only_what_has_passed() {
    let forge = forge(
        statuses(&[
            ("lint", "success"),
            ("deploy", "pending"),
            ("scan", "error"),
        ]),
        runs(&[
            ("build", "completed", Some("success")),
            ("test", "in_progress", None),
            ("docs", "completed", Some("skipped")),
            ("bench", "completed", Some("failure")),
        ]),
    );
    let said = |contexts: &[&str]| forge.checks(contexts);
    let good = "2 of 2 checks of commit aaaaaaa passed";
    assert_eq!(said(&["lint", "build"]), (true, good.to_owned()));
    for (context, why) in [
        ("deploy", "deploy pending"),
        ("scan", "scan error"),
        ("test", "test in_progress"),
        ("docs", "docs skipped"),
        ("bench", "bench failure"),
        ("nobody", "nobody not reported"),
    ] {
        let wanted = format!("1 of 2 checks of commit aaaaaaa have not passed: {why}");
        assert_eq!(said(&["lint", context]), (false, wanted));
    }
    // None named: all that say something; what was skipped says nothing.
    let all = said(&[]);
    let wanted = "4 of 6 checks of commit aaaaaaa have not passed: bench failure, deploy pending, scan error and 1 more";
    assert_eq!(all, (false, wanted.to_owned()));
}

#[test]
fn a_commit_that_nothing_was_said_of_has_not_passed() {
    let silent = forge(
        statuses(&[]),
        runs(&[("docs", "completed", Some("neutral"))]),
    );
    let wanted = "no check says anything of commit aaaaaaa";
    assert_eq!(silent.checks(&[]), (false, wanted.to_owned()));
    let green = forge(statuses(&[("lint", "success")]), runs(&[]));
    assert!(green.checks(&[]).0);
    // And where the configuration here names no CI, nothing is asked.
    let mut order = green.order(CiProbe::Checks {
        contexts: Vec::new(),
    });
    order.access.ci.clear();
    let (ok, said) = answer(&order);
    assert!(!ok && said.contains("names no [[ci]]"), "{said}");
}

#[test]
fn every_page_is_read_from_the_configured_address_alone() {
    let elsewhere = (
        "link",
        "<http://192.0.2.1/other?page=2>; rel=\"next\"".to_owned(),
    );
    let runs_at = format!("commits/{COMMIT}/check-runs?filter=latest");
    let status_at = format!("commits/{COMMIT}/status");
    let first = runs(&[("build", "completed", Some("success"))]);
    let second = runs(&[("late", "completed", Some("failure"))]);
    let forge = Forge::with(Pages::from([
        (path(&status_at, 1), (200, Vec::new(), statuses(&[]))),
        (path(&runs_at, 1), (200, vec![elsewhere], first)),
        (path(&runs_at, 2), (200, Vec::new(), second)),
    ]));
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "s3cret-token\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(&token, mode).unwrap();
    let mut order = forge.order(CiProbe::Checks {
        contexts: Vec::new(),
    });
    let mut sources = order.access.ci.values_mut();
    sources.next().unwrap().token = Some(SecretRef::File(token));
    let (report, lines) = ran(&order);
    assert!(!report.ok && report.said.as_str().contains("late failure"));
    assert!(!format!("{report:?}{lines:?}").contains("s3cret"));
    let asked = forge.asked.lock().unwrap();
    assert_eq!(asked.len(), 3);
    assert!(
        asked
            .iter()
            .all(|(_, token)| token == "Bearer s3cret-token")
    );
}

#[test]
fn what_a_forge_refuses_is_told_apart() {
    let reset = vec![
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-reset", "1773325927".to_owned()),
    ];
    let wait = vec![("retry-after", "30".to_owned())];
    for (status, headers, words) in [
        (
            401,
            Vec::new(),
            "does not know the token of acme/shop (401)",
        ),
        (
            403,
            Vec::new(),
            "the token may not read checks and statuses of acme/shop",
        ),
        (
            403,
            reset,
            "is asked too often (403); ask again after 2026-03-12T14:32:07Z",
        ),
        (429, wait, "is asked too often (429); ask again in 30 s"),
        (
            404,
            Vec::new(),
            "has no acme/shop, or the token may not see it (404)",
        ),
        (
            422,
            Vec::new(),
            "does not know this commit of acme/shop (422)",
        ),
        (500, Vec::new(), "answers 500"),
    ] {
        let at = path(&format!("commits/{COMMIT}/status"), 1);
        let runs_at = path(&format!("commits/{COMMIT}/check-runs?filter=latest"), 1);
        let forge = Forge::with(Pages::from([
            (at, (status, headers.clone(), json!({}))),
            (runs_at, (status, headers, json!({}))),
        ]));
        let (ok, said) = forge.checks(&[]);
        assert!(!ok && said.contains(words), "{status}: {said}");
    }
    let nobody = forge_of_nobody();
    let (ok, said) = nobody.checks(&[]);
    assert!(!ok && said.contains("does not answer"), "{said}");
}

fn forge_of_nobody() -> Forge {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", closed.local_addr().unwrap());
    Forge {
        address,
        asked: Arc::default(),
    }
}

#[test]
fn reviews_count_by_the_last_word_of_each_but_the_author() {
    let user = |login: &str| json!({"login": login});
    let review = |login: &str, state: &str| json!({"user": user(login), "state": state});
    let pull = json!([{"number": 7, "user": user("dana"), "merged_at": "2026-03-12T10:00:00Z"},
        {"number": 8, "user": user("dana"), "merged_at": null}]);
    let reviews = json!([
        review("lee", "APPROVED"),
        review("dana", "APPROVED"),
        review("sam", "APPROVED"),
        review("sam", "CHANGES_REQUESTED"),
        review("lee", "COMMENTED")
    ]);
    let forge = Forge::with(Pages::from([
        (
            path(&format!("commits/{COMMIT}/pulls"), 1),
            (200, Vec::new(), pull),
        ),
        (path("pulls/7/reviews", 1), (200, Vec::new(), reviews)),
    ]));
    let by = |by| answer(&forge.order(CiProbe::Reviews { by }));
    assert_eq!(by(1), (true, "commit aaaaaaa was reviewed by 1".to_owned()));
    let wanted = "commit aaaaaaa wants 2 reviews: #7 by 1";
    assert_eq!(by(2), (false, wanted.to_owned()));
}

fn number(command: &[&str], find: Find, bound: &str, checkout: bool) -> ItemKind {
    ItemKind::Probe(Probe::Number(NumberProbe {
        command: CommandSpec {
            checkout,
            ..words(command)
        },
        find,
        bound: Bound::parse(bound).unwrap(),
    }))
}

#[test]
fn a_figure_that_a_command_prints_is_held_against_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let told = |command: &[&str], find: Find, bound: &str| {
        let (report, _) = ran(&order(number(command, find, bound, false), folder.path()));
        (report.ok, report.end, report.said.to_string())
    };
    let total = || Find::Pattern(r"^TOTAL\s+(\S+)".to_owned());
    let coverage = ["sh", "-c", "echo a 1 %; echo TOTAL 83.2 %"];
    let exited = RunEnd::Exited { code: 0 };
    let met = (true, exited.clone(), "83.2 is >= 80".to_owned());
    assert_eq!(told(&coverage, total(), ">= 80"), met);
    let missed = (false, exited.clone(), "83.2 is not >= 90".to_owned());
    assert_eq!(told(&coverage, total(), ">= 90"), missed);
    // A whole document in one line, longer than a line is kept.
    let long = format!("{{\"pad\": \"{}\", \"critical\": 1}}", "x".repeat(9_000));
    std::fs::write(folder.path().join("audit.json"), long).unwrap();
    let audit = ["cat", "audit.json"];
    let critical = Find::Pointer("/critical".to_owned());
    let found = (false, exited.clone(), "1 is not <= 0".to_owned());
    assert_eq!(told(&audit, critical, "<= 0"), found);
    // No figure, and a program that failed, pass nothing.
    let (ok, _, said) = told(&["echo", "nothing"], total(), ">= 0");
    assert!(
        !ok && said.contains("no line of its output matches"),
        "{said}"
    );
    let (ok, end, _) = told(&["sh", "-c", "echo TOTAL 99; exit 3"], total(), ">= 0");
    assert_eq!((ok, end), (false, RunEnd::Exited { code: 3 }));
}

#[test]
fn a_benchmark_is_held_against_the_former_release_from_a_copy_of_each() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    git(at, &["init", "-qb", "main"]);
    let former = commit(at, "bench", "100\n", "former");
    let slower = commit(at, "bench", "112\n", "slower");
    let kind = number(
        &["cat", "bench"],
        Find::Pattern(r"^\d+".to_owned()),
        "<= former + 10 %",
        true,
    );
    let mut order = order(kind, at);
    order.release = release(&slower);
    let (report, _) = ran(&order);
    assert!(!report.ok && report.said.as_str().contains("nothing to compare with"));
    order.before = Some(release(&former));
    let (report, _) = ran(&order);
    let said = "112 is not <= former + 10 % (the former release has 100)";
    assert_eq!((report.ok, report.said.as_str()), (false, said));
    order.release = release(&commit(at, "bench", "109\n", "better"));
    assert!(ran(&order).0.ok);
}

#[test]
fn the_changelog_has_a_heading_for_the_version_that_is_tagged() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    git(at, &["init", "-qb", "main"]);
    let text = "# Changelog\n\n## [1.3.0] - 2026-03-12\n\n- better than 1.4.0\n";
    let first = commit(at, "CHANGELOG.md", text, "notes");
    let changelog = |path: &str| GitProbe::Changelog {
        path: path.to_owned(),
    };
    let (ok, said) = asked(at, changelog("CHANGELOG.md"), &first, None);
    assert!(!ok && said.starts_with("no tag gives"), "{said}");
    git(at, &["tag", "auth-service/v1.3.0"]);
    assert!(asked(at, changelog("CHANGELOG.md"), &first, None).0);
    let (ok, said) = asked(at, changelog("docs/none.md"), &first, None);
    assert!(!ok && said.contains("has no docs/none.md"), "{said}");
    let second = commit(at, "a", "a", "next");
    git(at, &["tag", "v1.4.0"]);
    let (ok, said) = asked(at, changelog("CHANGELOG.md"), &second, None);
    assert!(!ok && said.ends_with("has no heading for 1.4.0"), "{said}");
}

#[test]
fn an_object_of_the_cluster_is_asked_and_not_changed() {
    let served = Served::start("good", 60);
    let folder = std::env::temp_dir();
    let told =
        |object: &str, pointer: Option<&str>, equals: Option<&str>, condition: Option<&str>| {
            let probe = ObjectProbe {
                object: object.to_owned(),
                namespace: None,
                whole_cluster: object.starts_with("v1/nodes"),
                pointer: pointer.map(str::to_owned),
                equals: equals.map(str::to_owned),
                condition: condition.map(str::to_owned),
            };
            let mut order = order(ItemKind::Probe(Probe::Kubernetes(probe)), &folder);
            order.namespace = "staging".to_owned();
            order.cluster = ClusterRef {
                kubeconfig: Some(served.path().join("kubeconfig")),
                ..ClusterRef::default()
            };
            answer(&order)
        };
    let deployment = "apps/v1/deployments/auth-service";
    let available = "deployments/auth-service: Available is True".to_owned();
    assert_eq!(
        told(deployment, None, None, Some("Available")),
        (true, available)
    );
    let replicas = told(deployment, Some("/spec/replicas"), Some("3"), None);
    assert_eq!(
        replicas,
        (
            true,
            "deployments/auth-service: /spec/replicas is 3".to_owned()
        )
    );
    let level = told(
        "v1/configmaps/auth-service",
        Some("/data/LOG_LEVEL"),
        Some("debug"),
        None,
    );
    assert_eq!(
        level.1,
        "configmaps/auth-service: /data/LOG_LEVEL is info, wanted debug"
    );
    assert!(!level.0);
    let gone = told("v1/configmaps/none", None, None, None);
    assert_eq!(gone, (false, "there is no configmaps/none".to_owned()));
    let nodes = served.api("GET", "/api/v1/nodes", &Value::Null);
    let node = nodes["items"][0]["metadata"]["name"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(told(&format!("v1/nodes/{node}"), None, None, Some("Ready")).0);
    let writes = served.api("GET", "/rehearsal/requests", &Value::Null);
    assert_eq!(writes, json!([]));
}

/// verify.smoke begins by itself: a command of the phase verify, in its box of 0 to 15 minutes.
fn smoking() -> fixture::Story {
    let mut story = fixture::verifying();
    let smoke = ItemSpec {
        id: ItemId("verify.smoke".to_owned()),
        phase: Phase::Verify,
        title: "the smoke tests pass".to_owned(),
        kind: ItemKind::Command(words(&["make", "smoke"])),
        required: false,
        owner: None,
        time_box: Some(TimeBox {
            from: SignedDuration::ZERO,
            until: SignedDuration::from_mins(15),
        }),
        max_age: None,
        timeout: None,
        types: Vec::new(),
        auto: true,
        chain: Chain::default(),
    };
    let known = &mut story.cockpit.known;
    let here = fixture::Story::here();
    let current = known.targets.get_mut(&here).unwrap();
    let current = current.state.current.as_mut().unwrap();
    // The first of its phase, so that it waits for no other.
    current.plan.plan.items.insert(0, smoke.clone());
    current.plan.digest = current.plan.plan.digest();
    let mut targets = known.workspace.targets.iter_mut();
    let target = targets.find(|target| target.id == here).unwrap();
    target.items.insert(0, smoke);
    story
}

fn begins(story: &mut fixture::Story, seconds: i64) -> Vec<String> {
    let at = story.cockpit.now + SignedDuration::from_secs(seconds);
    let event = Event::Tick;
    let effects = update(&mut story.cockpit, &Stamped { at, event });
    let runs = effects.into_iter().filter_map(|effect| match effect {
        Effect::Run { item, command, .. } => match *command {
            Command::Run { note, .. } => Some(format!("{item}: {}", note.unwrap_or_default())),
            _ => None,
        },
        _ => None,
    });
    runs.collect()
}

/// Once, by whoever attends and may run it; a person sees in the evidence that nobody pressed a key.
#[test]
fn what_is_to_begin_by_itself_begins_once_in_its_box() {
    let mut story = smoking();
    let wanted = "verify.smoke: started by itself when its box began";
    assert_eq!(begins(&mut story, 1), [wanted]);
    assert_eq!(
        begins(&mut story, 1),
        Vec::<String>::new(),
        "it is under way"
    );

    // Somebody else was first: nothing is said of it here, and it is not begun again.
    let mut story = smoking();
    story.say(
        "14:31:40",
        "lee",
        Body::RunBegan {
            deployment: fixture::Story::id(),
            item: ItemId("verify.smoke".to_owned()),
        },
    );
    assert_eq!(begins(&mut story, 1), Vec::<String>::new());

    // After its box it is a person's.
    let mut story = smoking();
    assert_eq!(begins(&mut story, 16 * 60), Vec::<String>::new());

    // What the configuration here does not say is not run here, and an item that does not say so waits.
    let mut story = smoking();
    let mut targets = story.cockpit.known.workspace.targets.iter_mut();
    let target = targets.find(|target| target.id == fixture::Story::here());
    target.unwrap().items[0].kind = ItemKind::Command(words(&["rm", "-rf"]));
    assert_eq!(begins(&mut story, 1), Vec::<String>::new());
    let mut story = smoking();
    let known = story.cockpit.known.targets.get_mut(&fixture::Story::here());
    let current = known.unwrap().state.current.as_mut().unwrap();
    current.plan.plan.items[0].auto = false;
    current.plan.digest = current.plan.plan.digest();
    assert_eq!(begins(&mut story, 1), Vec::<String>::new());
}

/// A race for it is lost in silence: nobody pressed a key here.
#[test]
fn a_run_that_somebody_else_began_first_is_no_news() {
    let mut story = smoking();
    assert_eq!(begins(&mut story, 1).len(), 1);
    let refusal = Refusal::raced("checklist.running", "lee runs verify.smoke");
    let event = Event::RunEnded {
        target: fixture::Story::here(),
        item: ItemId("verify.smoke".to_owned()),
        evidence: None,
        end: End::Refused(refusal),
    };
    let at = story.cockpit.now;
    story.cockpit.message = None;
    let effects = update(&mut story.cockpit, &Stamped { at, event });
    assert_eq!(effects, []);
    assert_eq!(story.cockpit.message, None);
}
