//! The checklist as data and decisions: kinds of items, evidence and its age, who may run what (SPEC C1, C2, 8.10).

use gonogo::{
    domain::{
        deployment::ItemStatus,
        entry::Body,
        evidence::{Evidence, RunEnd, Spoken},
        plan::{CommandSpec, FlightAction, ItemId, ItemKind, Probe},
        release::Digest,
        target::TargetId,
        text::Clean,
        version::ReleaseType,
    },
    policy::{
        decide::{Command, Decision, decide, items},
        gate::Verdict,
        gates, planner,
        refusal::Refusal,
    },
    session::{
        effect::Effect,
        event::{End, Event, Stamped},
        show,
        update::update,
        view::Screen,
    },
};
use jiff::{SignedDuration, Timestamp};

use crate::fixture::{self, Story, actor, at, target};

fn here() -> TargetId {
    target("production", "auth-service")
}

fn id(name: &str) -> ItemId {
    ItemId(name.to_owned())
}

/// A request whose item `backup.recent` is of another kind, with the same in the configuration.
fn with(kind: &ItemKind, max_age: Option<SignedDuration>) -> Story {
    let mut story = fixture::requested();
    let known = story.cockpit.known.targets.get_mut(&here()).unwrap();
    let current = known.state.current.as_mut().unwrap();
    current.items.remove(&id("backup.recent"));
    let plan = &mut current.plan;
    for item in &mut plan.plan.items {
        if item.id.0 == "backup.recent" {
            item.kind = kind.clone();
            item.max_age = max_age;
        }
    }
    plan.digest = plan.plan.digest();
    let plan = plan.plan.clone();
    let known = &mut story.cockpit.known;
    let targets = &mut known.workspace.targets;
    let configured = targets
        .iter_mut()
        .find(|target| target.id == here())
        .unwrap();
    configured.items = plan.items;
    story
}

fn backup_command() -> ItemKind {
    ItemKind::Command(CommandSpec {
        argv: vec!["pg_dump".to_owned(), "--check".to_owned()],
        env: Vec::new(),
        folder: None,
        checkout: false,
        expect: None,
    })
}

fn decided(story: &Story, who: &str, command: &Command) -> Result<Decision, Refusal> {
    let facts = story.cockpit.known.facts(&here(), story.cockpit.now);
    decide(command, &facts.unwrap(), &actor(who))
}

fn rule(decided: Result<Decision, Refusal>) -> String {
    decided.map_or_else(|refusal| refusal.rule, |_| "allowed".to_owned())
}

fn recorded(story: &mut Story, who: &str, command: &Command) {
    let Decision::Record(bodies) = decided(story, who, command).unwrap() else {
        panic!("{command:?} acts");
    };
    let now = story.cockpit.now;
    for body in bodies {
        story.enter(&here(), now, &actor(who), body);
    }
}

fn status(story: &Story, item: &str) -> ItemStatus {
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    facts.current().unwrap().item(&id(item))
}

fn gate(story: &Story) -> (Verdict, String) {
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    gates::people::checklist(&facts, &facts.current().unwrap().plan).unwrap()
}

fn run(item: &str) -> Command {
    Command::Run {
        item: id(item),
        note: None,
        confirmed: None,
    }
}

fn evidence(code: i32) -> Evidence {
    Evidence {
        end: RunEnd::Exited { code },
        took: SignedDuration::from_secs(3),
        output: Digest::of(b"dumped"),
        bytes: 6,
        kept: None,
        lost: None,
        said: Clean::new("dumped"),
    }
}

fn conclude(item: &str, code: i32) -> Command {
    Command::Conclude {
        item: id(item),
        ok: code == 0,
        evidence: Box::new(evidence(code)),
        note: None,
    }
}

#[test]
fn a_command_is_run_never_ticked_and_its_evidence_is_the_verdict() {
    let mut story = with(&backup_command(), None);
    let facts = story
        .cockpit
        .known
        .facts(&here(), story.cockpit.now)
        .unwrap();
    assert_eq!(
        items::meaning(&facts, &id("backup.recent"), None),
        run("backup.recent")
    );
    let tick = Command::Check {
        item: id("backup.recent"),
        note: None,
    };
    assert_eq!(rule(decided(&story, "dana", &tick)), "checklist.run");
    // Nobody ends what nobody began.
    assert_eq!(
        rule(decided(&story, "dana", &conclude("backup.recent", 0))),
        "checklist.running"
    );
    recorded(&mut story, "dana", &run("backup.recent"));
    assert_eq!(status(&story, "backup.recent"), ItemStatus::Running);
    recorded(&mut story, "dana", &conclude("backup.recent", 1));
    assert_eq!(status(&story, "backup.recent"), ItemStatus::Failed);
    let (verdict, sentence) = gate(&story);
    assert_eq!(verdict, Verdict::Fail);
    assert!(sentence.contains("backup.recent (failed)"), "{sentence}");
    recorded(&mut story, "dana", &run("backup.recent"));
    recorded(&mut story, "dana", &conclude("backup.recent", 0));
    assert_eq!(status(&story, "backup.recent"), ItemStatus::Done);
    let entries = &story.cockpit.known.targets[&here()].entries;
    let last = entries.last().unwrap();
    assert_eq!(
        last.sentence(),
        "backup.recent passed: exit 0 after 3 s: dumped"
    );
}

#[test]
fn who_does_not_operate_runs_nothing_and_who_may_stop_stops_it() {
    let mut story = with(&backup_command(), None);
    assert_eq!(
        rule(decided(&story, "sam", &run("backup.recent"))),
        "role.operate"
    );
    recorded(&mut story, "dana", &run("backup.recent"));
    let stop = Command::StopRun {
        item: id("backup.recent"),
    };
    recorded(&mut story, "dana", &stop);
    // It goes on to say how it ended.
    assert_eq!(status(&story, "backup.recent"), ItemStatus::Running);
}

#[test]
fn two_do_not_run_it_at_once_and_a_run_that_died_is_begun_again_later() {
    let mut story = with(&backup_command(), None);
    recorded(&mut story, "dana", &run("backup.recent"));
    let refused = decided(&story, "dana", &run("backup.recent")).unwrap_err();
    assert_eq!(refused.rule, "checklist.running");
    assert!(
        refused.sentence.contains("dana runs backup.recent since"),
        "{}",
        refused.sentence
    );
    // Ten minutes, and one for the last words.
    story.cockpit.now = story
        .cockpit
        .now
        .checked_add(SignedDuration::from_mins(12))
        .unwrap();
    assert_eq!(
        rule(decided(&story, "dana", &run("backup.recent"))),
        "allowed"
    );
}

#[test]
fn what_was_opened_again_meanwhile_is_not_settled_by_a_late_run() {
    let mut story = with(&backup_command(), None);
    recorded(&mut story, "dana", &run("backup.recent"));
    let reopen = Command::Reopen {
        item: id("backup.recent"),
        reason: None,
    };
    recorded(&mut story, "dana", &reopen);
    assert_eq!(
        rule(decided(&story, "dana", &conclude("backup.recent", 0))),
        "checklist.running"
    );
}

#[test]
fn a_command_that_came_with_the_ledger_is_not_run() {
    let mut story = with(&backup_command(), None);
    let targets = &mut story.cockpit.known.workspace.targets;
    let configured = targets
        .iter_mut()
        .find(|target| target.id == here())
        .unwrap();
    for item in &mut configured.items {
        if item.id.0 == "backup.recent" {
            item.kind = ItemKind::Check;
        }
    }
    let refused = decided(&story, "dana", &run("backup.recent")).unwrap_err();
    assert_eq!(refused.rule, "item.configured");
    assert!(
        refused.sentence.contains("pg_dump --check"),
        "{}",
        refused.sentence
    );
}

#[test]
fn evidence_grows_old_and_opens_its_item_again() {
    let day = SignedDuration::from_hours(24);
    let mut story = with(&ItemKind::Check, Some(day));
    let tick = Command::Check {
        item: id("backup.recent"),
        note: None,
    };
    recorded(&mut story, "dana", &tick);
    assert!(!gate(&story).1.contains("backup.recent"));
    assert_eq!(rule(decided(&story, "dana", &tick)), "checklist.done");
    story.cockpit.now = story
        .cockpit
        .now
        .checked_add(SignedDuration::from_hours(26))
        .unwrap();
    let (verdict, sentence) = gate(&story);
    assert_eq!(verdict, Verdict::Fail);
    assert!(
        sentence.contains("backup.recent (its evidence is 26 h old, limit 24 h)"),
        "{sentence}"
    );
    // And it can be done again without being opened by hand.
    recorded(&mut story, "dana", &tick);
    assert!(!gate(&story).1.contains("backup.recent"));
}

#[test]
fn a_gate_probe_is_what_the_gate_says_now() {
    let mut story = with(
        &ItemKind::Probe(Probe::Gate("release.digest".to_owned())),
        None,
    );
    let measure = Command::Measure {
        item: id("backup.recent"),
    };
    recorded(&mut story, "dana", &measure);
    assert_eq!(status(&story, "backup.recent"), ItemStatus::Done);
    let story = with(&ItemKind::Probe(Probe::Gate("checklist".to_owned())), None);
    assert_eq!(rule(decided(&story, "dana", &measure)), "checklist.unknown");
}

#[test]
fn an_action_is_done_by_the_flight_and_holds_no_take_off() {
    let story = with(&ItemKind::Action(FlightAction::Promote), None);
    assert!(!gate(&story).1.contains("backup.recent"));
    let tick = Command::Check {
        item: id("backup.recent"),
        note: None,
    };
    assert_eq!(rule(decided(&story, "dana", &tick)), "checklist.action");
    let mut story = fixture::baking();
    let known = story.cockpit.known.targets.get_mut(&here()).unwrap();
    let current = known.state.current.as_mut().unwrap();
    current.plan.plan.items[0].kind = ItemKind::Action(FlightAction::Promote);
    let name = current.plan.plan.items[0].id.clone();
    let deployment = current.id.clone();
    let now = story.cockpit.now;
    story.enter(&here(), now, &actor("dana"), Body::Promoted { deployment });
    assert_eq!(status(&story, &name.0), ItemStatus::Done);
}

fn stamped(event: Event, at: Timestamp) -> Stamped {
    Stamped { at, event }
}

#[test]
fn on_the_screen_a_run_goes_on_in_the_background_and_its_lines_come_by() {
    let story = with(&backup_command(), None);
    let mut cockpit = story.show(Screen::Plan);
    let lines = show::plan(&cockpit).unwrap().lines;
    let row = lines
        .iter()
        .position(|line| line.id.0 == "backup.recent")
        .unwrap();
    cockpit.view.plan_line = row;
    let effects = fixture::press(&mut cockpit, "c");
    assert!(
        matches!(&effects[..], [Effect::Run { item, .. }] if item.0 == "backup.recent"),
        "{effects:?}"
    );
    let spoke = |word: &str| Event::RunSpoke {
        target: here(),
        item: id("backup.recent"),
        lines: vec![Spoken {
            error: false,
            line: Clean::new(word),
        }],
        skipped: 7,
    };
    let now = cockpit.now;
    update(&mut cockpit, &stamped(spoke("half done"), now));
    let shown = show::run_shown(&cockpit).unwrap();
    assert_eq!(shown.lines.len(), 1);
    assert_eq!(shown.gone, 7);
    assert!(shown.standing.starts_with("running"), "{}", shown.standing);
    // Leaving asks first: what runs would be ended.
    let effects = fixture::press(&mut cockpit, "q");
    assert!(effects.is_empty() && cockpit.view.overlay.is_some());
    fixture::press(&mut cockpit, "esc");
    let ended = Event::RunEnded {
        target: here(),
        item: id("backup.recent"),
        evidence: Some((false, "exit 1 after 3 s: no".to_owned())),
        end: End::Done,
    };
    let effects = update(&mut cockpit, &stamped(ended, now));
    assert_eq!(effects, [Effect::Bell]);
    let message = cockpit.message.as_ref().unwrap();
    assert_eq!(
        message.text,
        "backup.recent did not pass: exit 1 after 3 s: no"
    );
    assert_eq!(at("14:00:00").as_second() % 60, 0);
}

// What ships.

/// The items of a shipped list, for a target that can measure everything.
fn shipped(name: &str, own: &str) -> Vec<gonogo::domain::plan::ItemSpec> {
    let text = format!(
        r#"
        name = "shipped"
        [[project]]
        id = "a/b"
        source = "."
        image = "r.example/b"
        [[environment]]
        name = "dev"
        [[target]]
        environment = "dev"
        project = "b"
        namespace = "b"
        workload = "deployment/b"
        health = {{ port = 80 }}
        metrics = {{ port = 80 }}
        limits = [{{ metric = "error_rate", hold = 1 }}, {{ metric = "latency_p99", hold = 500 }}]
        checklist = "builtin:{name}"
        items = [{own}]
        "#
    );
    let folders = gonogo::config::Folders::within("/w".as_ref(), None);
    let trust = gonogo::config::Trust::Own;
    let loaded =
        gonogo::config::parse_with(&text, "/w/gonogo.toml".as_ref(), trust, Some(&folders));
    loaded
        .unwrap_or_else(|problems| panic!("{problems}"))
        .workspace
        .targets[0]
        .items
        .clone()
}

/// The lines of the documents' lists, in their order; `matrix` is a table there.
const LINES_001: &[&str] = &[
    "All changes merged to the main branch",
    "All automated tests passing (unit, integration, e2e)",
    "Code review completed and approved",
    "No known failing tests or TODO items in deployment-blocking code",
    "Git tags created for the release version",
    "Deployment plan documented (estimated duration, rollback plan)",
    "Release notes prepared with breaking changes clearly marked",
    "Database migration strategy reviewed (if applicable)",
    "Architecture changes documented and validated",
    "Deployment approval obtained from release manager",
    "Maintenance window scheduled (if required)",
    "Stakeholders notified of deployment timeline",
    "On-call engineer confirmed and available",
    "Incident response team on standby for critical deployments",
    "Target environment health verified",
    "Database backups completed",
    "Monitoring dashboards and alert rules verified",
    "Log aggregation system operational",
    "Rollback procedure tested and verified",
];
const LINES_002: &[&str] = &[
    "All tests passing",
    "Code coverage meets threshold",
    "No critical security vulnerabilities",
    "Performance benchmarks pass",
    "Documentation updated",
    "CHANGELOG prepared",
    "Smoke Tests",
    "Integration",
    "Performance",
    "Security Scan",
    "User Acceptance",
    "Application health checks",
    "Error rates normal",
    "Performance metrics stable",
    "Database connections healthy",
    "External services connected",
    "User traffic normal",
];
const LINES_004_STAGE: &[&str] = &[
    "All API endpoints responding correctly",
    "Web application loads without errors",
    "Database migrations applied successfully",
    "Authentication/authorization working",
    "Critical user flows tested",
    "Performance metrics acceptable",
    "No error spikes in logs",
    "CloudWatch alarms not triggered",
];
const LINES_004_PRODUCTION: &[&str] = &[
    "Stage environment validated",
    "Stakeholder approval obtained",
    "Database backup verified",
    "Rollback plan documented",
    "On-call engineer available",
    "Deployment window scheduled",
    "Communication sent to team",
    "Feature flags configured (if applicable)",
    "All services healthy",
    "Smoke tests passing",
    "No error rate increase",
    "Response times normal",
    "Database connections stable",
    "No CloudWatch alarms",
    "User reports monitored",
    "Release notes published",
];

#[test]
fn every_line_of_the_documents_ships_as_one_item() {
    for (name, lines) in [
        ("001", LINES_001),
        ("002", LINES_002),
        ("004-stage", LINES_004_STAGE),
        ("004-production", LINES_004_PRODUCTION),
    ] {
        let mut items = shipped(name, "");
        // What a major release gets beyond the lists.
        items.retain(|item| item.types != [ReleaseType::Major]);
        let titles: Vec<&str> = items.iter().map(|item| item.title.as_str()).collect();
        assert_eq!(titles, lines, "{name}");
    }
    assert_eq!(LINES_001.len(), 19);
    assert_eq!(LINES_002.len(), 6 + 5 + 6);
    assert_eq!(
        LINES_004_STAGE.len() + LINES_004_PRODUCTION.len(),
        8 + 8 + 8
    );
}

/// SPEC R13: major adds the migration guide and extended tests, patch has the minimal set; what does not say what it is
/// gets all of it.
#[test]
fn the_type_of_a_release_selects_its_items() {
    let mut story = fixture::calm();
    let here = here();
    let workspace = &mut story.cockpit.known.workspace;
    let target = workspace
        .targets
        .iter_mut()
        .find(|it| it.id == here)
        .unwrap();
    target.items = shipped("002", "");
    let (target, environment) = (
        target.clone(),
        workspace.environment(&here.environment).unwrap().clone(),
    );
    let release = story
        .cockpit
        .known
        .release(&here.project, 42)
        .unwrap()
        .clone();
    let planned = |kind: Option<ReleaseType>| {
        let mut release = release.clone();
        release.release_type = kind;
        if kind.is_none() {
            release.aliases.clear();
        }
        let plan = planner::make(&environment, &target, &release);
        let has = |id: &str| plan.items.iter().any(|item| item.id.0 == id);
        [
            "migration.guide",
            "matrix.extended",
            "matrix.acceptance",
            "matrix.smoke",
        ]
        .map(has)
    };
    for (kind, wanted) in [
        (Some(ReleaseType::Major), [true, true, true, true]),
        (Some(ReleaseType::Minor), [false, false, true, true]),
        (Some(ReleaseType::Patch), [false, false, false, true]),
        (Some(ReleaseType::Hotfix), [false, false, false, true]),
        (None, [true, true, true, true]),
    ] {
        assert_eq!(planned(kind), wanted, "{kind:?}");
    }
}

#[test]
fn the_gates_that_shipped_items_ask_are_there() {
    for name in ["001", "002", "004-stage", "004-production"] {
        for item in shipped(name, "") {
            if let ItemKind::Probe(Probe::Gate(gate)) = &item.kind {
                let mut gates = gates::TAKE_OFF.iter();
                assert!(gates.any(|known| known.id == gate), "{}: {gate}", item.id);
            }
        }
    }
}

#[test]
fn ones_own_item_takes_the_place_of_a_shipped_one() {
    let own = r#"{ id = "tests.passing", phase = "validate", kind = "command", command = ["make", "test"], title = "make test" },
        { id = "more", phase = "deploy", title = "one more" }"#;
    let items = shipped("001", own);
    assert_eq!(items.len(), 20);
    assert_eq!(items[1].id, id("tests.passing"));
    assert_eq!(items[1].command().unwrap().line(), "make test");
    assert_eq!(items[19].id, id("more"));
}
