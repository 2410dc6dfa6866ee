//! The testing matrix (SPEC C4): what a test is, how it stands in each environment, and what was said of it.

use gonogo::{
    domain::{
        deployment::TargetState,
        entry::{Body, StreamId},
        evidence::{Evidence, RunEnd},
        item::{ItemId, ItemKind, ItemSpec, Phase},
        matrix::TestStatus,
        release::Digest,
        text::Clean,
    },
    flight::matrix::{self, Matrix},
    policy::decide::{Command, Decision, decide},
};
use jiff::SignedDuration;

use crate::fixture::{self, Story, actor, at, target};

fn id(name: &str) -> ItemId {
    ItemId(name.to_owned())
}

fn item(name: &str, max_age: Option<SignedDuration>) -> ItemSpec {
    ItemSpec {
        id: id(name),
        phase: Phase::Staging,
        title: name.to_owned(),
        kind: ItemKind::Check,
        required: true,
        owner: None,
        time_box: None,
        max_age,
        timeout: None,
        types: Vec::new(),
        auto: false,
        chain: gonogo::domain::item::Chain::default(),
    }
}

/// 43 is asked for in production, with four tests of its own; staging has one.
fn asked() -> Story {
    let mut workspace = fixture::workspace();
    for (environment, names) in [
        ("staging", &["matrix.smoke"][..]),
        (
            "production",
            &[
                "matrix.smoke",
                "matrix.smoke.login",
                "matrix.security",
                "matrix.acceptance",
            ],
        ),
    ] {
        let here = target(environment, "auth-service");
        let target = workspace.targets.iter_mut().find(|t| t.id == here).unwrap();
        let day = Some(SignedDuration::from_hours(24));
        target
            .items
            .extend(names.iter().map(|name| item(name, day)));
    }
    let mut story = Story::of(workspace);
    let here = Story::here();
    let plan = Box::new(story.plan(&here, 42));
    let facts = story.cockpit.facts().unwrap();
    let reason = "ship it".to_owned();
    let request = Command::Request { plan, reason };
    let Ok(Decision::Record(bodies)) = decide(&request, &facts, &actor("dana")) else {
        panic!("a request is written");
    };
    for body in bodies {
        story.enter_on(
            StreamId::target(&here),
            at("14:33:00"),
            &actor("dana"),
            body,
        );
    }
    story
}

fn enter(story: &mut Story, clock: &str, body: Body) {
    story.enter(&Story::here(), at(clock), &actor("dana"), body);
}

fn shown(story: &Story, clock: &str) -> Matrix {
    let known = &story.cockpit.known;
    let current = known.targets[&Story::here()]
        .state
        .current
        .as_ref()
        .unwrap();
    matrix::of(
        known,
        &Story::here(),
        &current.plan.release,
        None,
        at(clock),
    )
}

fn statuses(matrix: &Matrix) -> Vec<(String, TestStatus)> {
    let own = matrix.columns.last().unwrap();
    let tests = own.tests.iter();
    tests
        .map(|test| (test.item.0.clone(), test.status))
        .collect()
}

#[test]
fn each_test_says_how_it_stands_and_what_it_left() {
    let mut story = asked();
    let deployment = Story::id();
    let places: Vec<String> = shown(&story, "14:34:00")
        .columns
        .iter()
        .map(|column| column.environment.to_string())
        .collect();
    assert_eq!(places, ["dev", "staging", "production"]);
    assert!(
        statuses(&shown(&story, "14:34:00"))
            .iter()
            .all(|(_, status)| *status == TestStatus::NotRun)
    );

    let ran = |item: &str, ok: bool| Body::Ran {
        deployment: deployment.clone(),
        item: id(item),
        ok,
        evidence: Box::new(Evidence {
            end: RunEnd::Exited {
                code: i32::from(!ok),
            },
            took: SignedDuration::from_secs(4),
            output: Digest::of(b"3 of 3"),
            bytes: 6,
            kept: None,
            lost: None,
            said: Clean::new("3 of 3"),
        }),
        note: None,
    };
    enter(&mut story, "14:34:00", ran("matrix.smoke", true));
    enter(&mut story, "14:34:10", ran("matrix.smoke.login", false));
    enter(
        &mut story,
        "14:34:20",
        Body::RunBegan {
            deployment: deployment.clone(),
            item: id("matrix.security"),
        },
    );
    enter(
        &mut story,
        "14:34:30",
        Body::Waived {
            deployment: deployment.clone(),
            item: id("matrix.acceptance"),
            reason: "no users yet".to_owned(),
        },
    );
    let now = shown(&story, "14:35:00");
    let is = |name: &str, status| (name.to_owned(), status);
    assert_eq!(
        statuses(&now),
        [
            is("matrix.smoke", TestStatus::Passed),
            is("matrix.smoke.login", TestStatus::Failed),
            is("matrix.security", TestStatus::Running),
            is("matrix.acceptance", TestStatus::Waived),
        ]
    );
    let own = now.columns.last().unwrap();
    assert_eq!(own.tests[0].evidence, Some(Digest::of(b"3 of 3")));
    assert_eq!(
        own.tests[0].said.as_deref(),
        Some("exit 0 after 4 s: 3 of 3")
    );
    // One failed test is what the row says, however many passed.
    let lines: Vec<String> = now.lines().into_iter().map(|line| line.text).collect();
    let smoke = lines.iter().find(|line| line.starts_with("smoke")).unwrap();
    assert!(smoke.ends_with("✖ failed"), "{smoke}");
    assert!(
        lines.iter().any(|line| line.starts_with("performance   –")),
        "{lines:#?}"
    );

    // A day later what passed does not count any more.
    let mut late = now.clone();
    let tomorrow = at("14:35:00")
        .checked_add(SignedDuration::from_hours(25))
        .unwrap();
    let known = &story.cockpit.known;
    late.columns = matrix::of(known, &Story::here(), &now.release, None, tomorrow).columns;
    assert_eq!(statuses(&late)[0].1, TestStatus::Stale);
}

#[test]
fn a_note_stays_whatever_becomes_of_the_test_and_changes_nothing_else() {
    let mut story = asked();
    let note = |item: &str, text: &str| Command::Note {
        item: id(item),
        text: text.to_owned(),
    };
    let refused = |story: &Story, command: &Command| {
        let facts = story.cockpit.facts().unwrap();
        decide(command, &facts, &actor("kim")).unwrap_err().rule
    };
    assert_eq!(refused(&story, &note("matrix.nothing", "?")), "checklist");
    assert_eq!(refused(&story, &note("matrix.smoke", "  ")), "note");
    let facts = story.cockpit.facts().unwrap();
    let said = note("matrix.smoke", "flaky on Mondays");
    let Ok(Decision::Record(bodies)) = decide(&said, &facts, &actor("dana")) else {
        panic!("a note is written");
    };
    let body = bodies.into_iter().next().unwrap();
    let before = story.cockpit.known.targets[&Story::here()]
        .state
        .current
        .clone()
        .unwrap();
    enter(&mut story, "14:34:00", body);
    let deployment = Story::id();
    let after = story.cockpit.known.targets[&Story::here()]
        .state
        .current
        .clone()
        .unwrap();
    assert_eq!((&before.items, &before.plan), (&after.items, &after.plan));
    let item = id("matrix.smoke");
    enter(
        &mut story,
        "14:35:00",
        Body::Checked {
            deployment: deployment.clone(),
            item: item.clone(),
            note: None,
        },
    );
    enter(
        &mut story,
        "14:36:00",
        Body::Reopened {
            deployment,
            item,
            reason: None,
        },
    );
    let own = shown(&story, "14:37:00").columns.pop().unwrap();
    assert_eq!(own.tests[0].status, TestStatus::NotRun);
    assert_eq!(own.tests[0].notes[0].text, "flaky on Mondays");

    // It outlives the deployment, and a state that was kept before there were notes still reads.
    let known = &story.cockpit.known.targets[&Story::here()];
    let folded = TargetState::fold(&known.entries).current.unwrap();
    assert_eq!(folded.notes[&id("matrix.smoke")].len(), 1);
    let mut stored = serde_json::to_value(&folded).unwrap();
    stored.as_object_mut().unwrap().remove("notes");
    let old: gonogo::domain::deployment::Deployment = serde_json::from_value(stored).unwrap();
    assert!(old.notes.is_empty());
}
