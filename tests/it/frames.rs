//! What the screens look like: their words in snapshots, their roles where it matters, and the pictures of the
//! README, which are drawn by the program itself.

use gonogo::session::cockpit::Cockpit;
use gonogo::session::view::Screen;
use gonogo::ui::text::lines;
use gonogo::ui::theme::{Depth, Role, Theme};
use gonogo::ui::{picture, render};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fixture::{self, Story, press, wait, write};

const SMALL: (u16, u16) = (80, 24);
const MIDDLE: (u16, u16) = (120, 36);
const LARGE: (u16, u16) = (200, 60);

fn drawn(cockpit: &Cockpit, theme: &Theme, size: (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, size.0, size.1);
    let mut buf = Buffer::empty(area);
    render(cockpit, theme, area, &mut buf);
    buf
}

pub fn frame(cockpit: &Cockpit, size: (u16, u16)) -> String {
    lines(&drawn(cockpit, &Theme::probe(), size)).join("\n")
}

fn look(name: &str, cockpit: &Cockpit, sizes: &[(u16, u16)]) {
    for size in sizes {
        insta::with_settings!({ prepend_module_to_snapshot => false, snapshot_path => "snapshots", omit_expression => true }, {
            insta::assert_snapshot!(format!("{name}_{}x{}", size.0, size.1), frame(cockpit, *size));
        });
    }
}

const ALL: [(u16, u16); 3] = [SMALL, MIDDLE, LARGE];

#[test]
fn the_flight_in_every_state() {
    let states: Vec<(&str, Story)> = vec![
        ("flight_requested", fixture::requested()),
        ("flight_baking", fixture::baking()),
        ("flight_breach", fixture::breach()),
        ("flight_crashing", fixture::crashing()),
        ("flight_aborted", fixture::aborted()),
        ("flight_rolling_back", fixture::rolling_back()),
        ("flight_verifying", fixture::verifying()),
        ("flight_monitoring", fixture::monitoring()),
        ("flight_unknown", fixture::unknown()),
        ("flight_stale", fixture::stale()),
    ];
    for (name, story) in states {
        let sizes: &[(u16, u16)] = if ["flight_breach", "flight_verifying"].contains(&name) {
            &ALL
        } else {
            &ALL[..2]
        };
        look(name, &story.show(Screen::Flight), sizes);
    }
    look(
        "flight_idle",
        &fixture::calm().show(Screen::Flight),
        &ALL[..2],
    );
    look(
        "flight_breach",
        &fixture::breach().show(Screen::Flight),
        &[(60, 16)],
    );
}

/// With the focus in it, a pane is a list with a cursor.
#[test]
fn the_panes_of_the_flight_with_the_focus() {
    for (name, keys) in [
        ("flight_focus_pods", "tab j"),
        ("flight_focus_timeline", "shift-tab k k"),
    ] {
        let mut cockpit = fixture::crashing().show(Screen::Flight);
        press(&mut cockpit, keys);
        look(name, &cockpit, &ALL[..2]);
        look(name, &cockpit, &[(60, 16)]);
    }
}

#[test]
fn the_fleet() {
    look("fleet", &fixture::fleet().show(Screen::Fleet), &ALL);
    look("fleet", &fixture::fleet().show(Screen::Fleet), &[(60, 16)]);
    look(
        "fleet_rehearsal",
        &fixture::rehearsed(fixture::calm()).show(Screen::Fleet),
        &ALL[..2],
    );
    let mut empty = fixture::calm();
    empty.cockpit.known.workspace.projects.clear();
    look("fleet_empty", &empty.show(Screen::Fleet), &[SMALL]);
}

#[test]
fn the_poll_that_a_room_reads() {
    let seen = |story: Story, who: &str| {
        let mut cockpit = story.show(Screen::Poll);
        cockpit.me = fixture::actor(who);
        cockpit
    };
    look("poll", &seen(fixture::polled(), "mia"), &ALL);
    look("poll", &seen(fixture::polled(), "mia"), &[(60, 16)]);
    look("poll_hold", &seen(fixture::vetoed(), "rob"), &ALL);
    look("poll_go", &seen(fixture::ready(), "dana"), &ALL[..2]);
    let mut void = fixture::ready();
    let targets = &mut void.cockpit.known.workspace.targets;
    for target in targets.iter_mut() {
        target.limits[0].hold = 0.5;
    }
    look("poll_void", &seen(void, "dana"), &ALL[..2]);
    look("poll_idle", &fixture::calm().show(Screen::Poll), &[SMALL]);
}

#[test]
fn the_inbox() {
    let mut story = fixture::polled();
    for (item, by) in [("policy.tag", "dana"), ("way.back", "kim")] {
        let proposed = gonogo::domain::entry::Body::WaiverProposed {
            deployment: Story::id(),
            item: gonogo::domain::plan::ItemId(item.to_owned()),
            reason: "agreed with the release train".to_owned(),
        };
        story.enter(
            &Story::here(),
            fixture::at("14:25:00"),
            &fixture::actor(by),
            proposed,
        );
    }
    for (who, name) in [
        ("kim", "inbox_waiver"),
        ("mia", "inbox_answer"),
        ("lee", "inbox_empty"),
    ] {
        let mut cockpit = story.cockpit.clone();
        cockpit.me = fixture::actor(who);
        cockpit.view.go(Screen::Inbox);
        look(name, &cockpit, &ALL[..2]);
    }
    let mut held = fixture::vetoed().show(Screen::Inbox);
    held.me = fixture::actor("rob");
    look("inbox_objection", &held, &ALL);
}

#[test]
fn releases_and_timeline() {
    look(
        "releases",
        &fixture::breach().show(Screen::Releases),
        &ALL[..2],
    );
    let mut filtered = fixture::breach().show(Screen::Releases);
    press(&mut filtered, "/");
    write(&mut filtered, "passkeys");
    look("releases_filtered", &filtered, &[SMALL]);
    let mut none = filtered.clone();
    write(&mut none, "zzz");
    look("releases_none", &none, &[SMALL]);
    let mut loading = fixture::calm();
    loading.cockpit.known.releases.clear();
    look(
        "releases_loading",
        &loading.show(Screen::Releases),
        &[SMALL],
    );
    look(
        "timeline",
        &fixture::unknown().show(Screen::Timeline),
        &ALL[..2],
    );
    look(
        "history",
        &fixture::rolling_back().show(Screen::History),
        &ALL,
    );
}

#[test]
fn the_plan() {
    let mut looked_at = fixture::calm().show(Screen::Releases);
    press(&mut looked_at, "j enter");
    look("plan_looked_at", &looked_at, &ALL[..2]);
    look(
        "plan_requested",
        &fixture::requested().show(Screen::Plan),
        &ALL,
    );
    look(
        "plan_ready",
        &fixture::ready().show(Screen::Plan),
        &ALL[..2],
    );
}

#[test]
fn overlays() {
    let mut help = fixture::breach().show(Screen::Flight);
    press(&mut help, "?");
    look("help", &help, &ALL[..2]);
    let mut palette = fixture::breach().show(Screen::Flight);
    press(&mut palette, ":");
    look("palette", &palette, &ALL[..2]);
    write(&mut palette, "pro");
    look("palette_typed", &palette, &[MIDDLE]);

    let mut abort = fixture::breach().show(Screen::Flight);
    press(&mut abort, "A");
    look(
        "dialog_abort",
        &abort,
        &[SMALL, MIDDLE, (60, 16), (50, 6), (40, 1)],
    );
    let mut back = fixture::breach().show(Screen::Flight);
    press(&mut back, "R");
    look("prompt_rollback", &back, &[SMALL]);
    press(&mut back, "enter");
    wait(&mut back, 300);
    write(&mut back, "prod");
    look(
        "dialog_rollback",
        &back,
        &[SMALL, MIDDLE, (60, 16), (50, 6), (40, 1)],
    );
    let mut fly = fixture::ready().show(Screen::Plan);
    press(&mut fly, "F");
    look("dialog_fly", &fly, &[SMALL, MIDDLE]);
}

#[test]
fn below_the_smallest_size_one_line_says_what_matters() {
    for (name, story) in [
        ("tiny_breach", fixture::breach()),
        ("tiny_stale", fixture::stale()),
        ("tiny_calm", fixture::calm()),
    ] {
        look(name, &story.show(Screen::Flight), &[(50, 6), (40, 1)]);
    }
}

/// The role of the first cell of `words`, on the line that holds them.
fn role_of(cockpit: &Cockpit, size: (u16, u16), words: &str) -> Option<Role> {
    let buf = drawn(cockpit, &Theme::probe(), size);
    for (row, line) in (0u16..).zip(lines(&buf)) {
        if let Some(at) = line.find(words) {
            let column = gonogo::ui::text::width(&line[..at]);
            return Theme::probed(buf.cell((column, row))?.style());
        }
    }
    None
}

#[test]
fn what_matters_has_its_role() {
    let breach = fixture::breach().show(Screen::Flight);
    let cases = [
        ("PRODUCTION", Role::Production),
        ("✖ HOLD", Role::GateFail),
        ("✖ over limit", Role::GateFail),
        ("‖ 50 %", Role::Paused),
        ("canary 42", Role::Canary),
        ("customer data", Role::Warning),
    ];
    for (words, role) in cases {
        assert_eq!(role_of(&breach, MIDDLE, words), Some(role), "{words}");
    }
    let rehearsal = fixture::rehearsed(fixture::breach()).show(Screen::Flight);
    for size in ALL {
        assert_eq!(
            role_of(&rehearsal, size, "REHEARSAL"),
            Some(Role::Rehearsal),
            "{size:?}"
        );
    }
    let stale = fixture::stale().show(Screen::Flight);
    assert_eq!(role_of(&stale, SMALL, "STALE"), Some(Role::Warning));
}

#[test]
fn text_from_outside_is_shown_and_does_not_act() {
    let mut story = fixture::crashing();
    let id = fixture::target("production", "auth-service");
    let known = story
        .cockpit
        .known
        .targets
        .get_mut(&id)
        .expect("configured");
    let last = known.workload.last.as_mut().expect("read");
    let name = "auth\u{1b}[31m\u{202e}evil";
    last.value.pods[0].name = gonogo::domain::text::Clean::new(name);
    story.cockpit.message = None;
    let text = frame(&story.show(Screen::Flight), LARGE);
    assert!(text.contains("auth␛[31m‹U+202E›evil"), "{text}");
    let mut raw = fixture::breach().show(Screen::Flight);
    raw.say(
        gonogo::session::cockpit::Severity::Error,
        "\u{1b}]0;owned\u{7}",
    );
    assert!(frame(&raw, MIDDLE).contains("␛]0;owned␇"));
}

#[test]
fn without_colours_the_selection_and_production_are_still_seen() {
    use ratatui::style::Modifier;
    let cockpit = fixture::fleet().show(Screen::Fleet);
    let buf = drawn(&cockpit, &Theme::builtin("dark", Depth::None), MIDDLE);
    let reversed: String = buf
        .content()
        .iter()
        .filter(|cell| cell.modifier.contains(Modifier::REVERSED))
        .map(ratatui::buffer::Cell::symbol)
        .collect();
    assert!(reversed.contains("PRODUCTION"), "{reversed}");
    assert!(reversed.contains("41 v1.2.3"), "{reversed}");
    assert!(frame(&cockpit, MIDDLE).contains('▸'));
}

/// The pictures in `assets/` are what the program draws. `GONOGO_BLESS=1 cargo test --test it pictures` renews them.
#[test]
fn pictures_are_what_the_program_draws() {
    let theme = Theme::builtin("dark", Depth::True);
    let mut abort = fixture::breach().show(Screen::Flight);
    press(&mut abort, "A");
    let pictures = [
        (
            "flight",
            "A canary at 50 % held by its latency",
            fixture::breach().show(Screen::Flight),
        ),
        (
            "fleet",
            "The fleet: projects in their environments",
            fixture::fleet().show(Screen::Fleet),
        ),
        (
            "plan",
            "A plan that waits for one approval",
            fixture::requested().show(Screen::Plan),
        ),
        ("abort", "The question before an abort", abort),
    ];
    for (name, title, cockpit) in pictures {
        let svg = picture::svg(
            &drawn(&cockpit, &theme, MIDDLE),
            title,
            picture::Paper::default(),
        );
        let path =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("assets/{name}.svg"));
        if std::env::var_os("GONOGO_BLESS").is_some() {
            std::fs::write(&path, &svg).expect("assets/ can be written");
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == svg,
            "{} is not what the program draws; GONOGO_BLESS=1 renews it",
            path.display()
        );
    }
}
