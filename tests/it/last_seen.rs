//! What is kept between two starts: shown first, marked as what it is, counted on by nothing, and never a reason not to
//! start.

use std::os::unix::fs::PermissionsExt as _;

use gonogo::{
    domain::workspace::Workspace,
    input::Keymap,
    policy::gates,
    runtime::kept::Kept,
    session::{
        cockpit::Cockpit,
        last_seen::LastSeen,
        lines::pages,
        show::{self, Condition},
        view::Screen,
    },
};
use jiff::SignedDuration;

use super::fixture::{self, actor, target};

/// Another start, three hours later.
fn fresh(workspace: Workspace, before: &Cockpit) -> Cockpit {
    let now = before
        .now
        .checked_add(SignedDuration::from_hours(3))
        .unwrap();
    Cockpit::new(workspace, actor("dana"), Keymap::default(), now)
}

#[test]
fn the_first_frame_is_what_was_seen_last_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let kept = Kept::at(dir.path().join("state/last-seen.json"));
    let mut story = fixture::breach();
    story.focus("staging", "checkout");
    let mut before = story.show(Screen::Timeline);
    before.view.chosen = Some(42);
    kept.save(&LastSeen::of(&before)).unwrap();
    let mode = |path: &str| {
        std::fs::metadata(dir.path().join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode("state"), mode("state/last-seen.json")),
        (0o700, 0o600)
    );

    let mut now = fresh(before.known.workspace.clone(), &before);
    let nothing = now.clone();
    let seen = kept.load(&now).unwrap().unwrap();
    seen.restore(&mut now);
    assert_eq!(now.view.screen, Screen::Timeline);
    assert_eq!(
        now.focus().map(|target| &target.id),
        Some(&target("staging", "checkout"))
    );
    assert_eq!(now.view.chosen, Some(42));

    let cell = show::fleet_cell(&now, &target("production", "checkout")).unwrap();
    assert!(cell.live.starts_with("41"), "{cell:?}");
    assert_eq!(cell.condition, Condition::Unknown);
    assert_eq!(cell.stale.as_deref(), Some("last seen healthy 3 h ago"));
    now.view.go(Screen::Fleet);
    let page = pages::screen(&now);
    assert!(
        page.iter()
            .any(|line| line.text.contains("last seen healthy 3 h ago")),
        "{page:?}"
    );

    now.focus_on(&target("production", "checkout"));
    now.view.go(Screen::Flight);
    let frame = super::tiny::text(&now, (120, 36));
    assert!(frame.contains("the platform was not read yet"), "{frame}");
    assert!(frame.contains("ready, healthy 3 h ago"), "{frame}");

    // No gate knows of it.
    let id = target("production", "auth-service");
    let plan = story_plan();
    let judged =
        |cockpit: &Cockpit| gates::take_off(&cockpit.known.facts(&id, cockpit.now).unwrap(), &plan);
    assert_eq!(judged(&now), judged(&nothing));
    assert!(!judged(&now).go);
}

fn story_plan() -> gonogo::domain::plan::StoredPlan {
    fixture::calm().plan(&target("production", "auth-service"), 42)
}

/// Cut off anywhere, or somebody else's: a sentence, and the start goes on without it.
#[test]
fn a_damaged_or_foreign_file_is_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("last-seen.json");
    let kept = Kept::at(path.clone());
    let before = fixture::calm().show(Screen::Fleet);
    let now = fresh(before.known.workspace.clone(), &before);
    assert_eq!(kept.load(&now), Ok(None));
    kept.save(&LastSeen::of(&before)).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for end in 0..whole.len() {
        std::fs::write(&path, &whole[..end]).unwrap();
        let told = kept.load(&now).unwrap_err();
        assert!(
            told.contains("not shown") && told.contains("written anew"),
            "{end}: {told}"
        );
    }
    for foreign in [
        "",
        "null",
        "{}",
        "[1]",
        "\u{0}\u{1}",
        "{\"format\":1}",
        "kubeconfig: yes",
    ] {
        std::fs::write(&path, foreign).unwrap();
        assert!(kept.load(&now).is_err(), "{foreign:?}");
    }
    std::fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    assert!(kept.load(&now).is_err());
    let text = String::from_utf8(whole.clone()).unwrap();
    std::fs::write(&path, text.replacen("\"format\":1", "\"format\":2", 1)).unwrap();
    assert!(kept.load(&now).unwrap_err().contains("format 2"));
    let mut elsewhere = now.clone();
    elsewhere.known.workspace.ledger = "/somewhere/else.sqlite".into();
    std::fs::write(&path, &whole).unwrap();
    assert!(
        kept.load(&elsewhere)
            .unwrap_err()
            .contains("another workspace")
    );
    // And it is mended by the next one.
    std::fs::write(&path, "{").unwrap();
    kept.save(&LastSeen::of(&before)).unwrap();
    assert!(kept.load(&now).unwrap().is_some());
}

/// A configuration that changed meanwhile: a target that is gone is not taken for another.
#[test]
fn a_view_of_a_target_that_is_gone_is_dropped() {
    let mut story = fixture::calm();
    story.focus("staging", "checkout");
    let before = story.show(Screen::Releases);
    let seen = LastSeen::of(&before);
    let mut workspace = before.known.workspace.clone();
    workspace
        .projects
        .retain(|project| project.id.name() != "checkout");
    let mut now = fresh(workspace, &before);
    let view = now.view.clone();
    seen.restore(&mut now);
    assert_eq!(
        (now.view.screen, now.view.project),
        (view.screen, view.project)
    );
}
