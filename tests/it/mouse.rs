//! The mouse selects and scrolls; it acts on nothing and answers nothing.

use gonogo::session::cockpit::Cockpit;
use gonogo::session::effect::Effect;
use gonogo::session::event::{Event, Stamped};
use gonogo::session::pointer::{Pointing, Spot};
use gonogo::session::update::update;
use gonogo::session::view::{FlightPane, Overlay, Screen};
use gonogo::ui::theme::Theme;
use gonogo::ui::{Spots, render};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fixture::{self, press, wait, write};
use crate::pty::{Pty, READ};

fn spots(cockpit: &Cockpit, width: u16, height: u16) -> Spots {
    let area = Rect::new(0, 0, width, height);
    let mut buf = Buffer::empty(area);
    render(cockpit, &Theme::probe(), area, &mut buf).spots
}

fn point(cockpit: &mut Cockpit, spot: Spot, how: Pointing) -> Vec<Effect> {
    let at = cockpit.now;
    let event = Event::Pointed { spot, how };
    update(cockpit, &Stamped { at, event })
}

/// Clicks where `wanted` is drawn.
#[track_caller]
fn click(cockpit: &mut Cockpit, wanted: Spot) -> Vec<Effect> {
    let spots = spots(cockpit, 120, 36);
    let place = spots.place(wanted);
    let (column, row) = place.unwrap_or_else(|| panic!("{wanted:?} is nowhere"));
    point(cockpit, spots.at(column, row), Pointing::Click)
}

#[test]
fn a_click_selects_what_is_under_it() {
    let mut cockpit = fixture::breach().show(Screen::Fleet);
    cockpit.view.project = 1;
    let cell = Spot::Cell {
        project: 0,
        environment: 1,
    };
    assert_eq!(click(&mut cockpit, cell), []);
    assert_eq!((cockpit.view.project, cockpit.view.environment), (0, 1));
    click(&mut cockpit, Spot::Tab(Screen::Releases));
    assert_eq!(cockpit.view.screen, Screen::Releases);
    click(&mut cockpit, Spot::Line(2));
    assert_eq!(cockpit.view.release, 2);

    let mut cockpit = fixture::requested().show(Screen::Plan);
    click(&mut cockpit, Spot::Line(3));
    assert_eq!(cockpit.view.plan_line, 3);

    let mut cockpit = fixture::breach().show(Screen::Flight);
    for pane in FlightPane::ALL {
        // In the frame of the pane, where there is no line.
        click(&mut cockpit, Spot::Pane(pane));
        assert_eq!(cockpit.view.pane, pane);
        let line = Spot::PaneLine { pane, line: 1 };
        click(&mut cockpit, line);
        let (gate, pod) = (cockpit.view.flight_line, cockpit.view.pod_line);
        match pane {
            FlightPane::Gates => assert_eq!(gate, 1),
            FlightPane::Pods => assert_eq!(pod, 1),
            FlightPane::Timeline => assert!(cockpit.view.timeline_back > 0),
        }
    }

    let mut cockpit = fixture::breach().show(Screen::Timeline);
    click(&mut cockpit, Spot::Line(2));
    press(&mut cockpit, "y");
    let copied = cockpit.message.clone().unwrap().text;
    let line = &gonogo::session::show::timeline(&cockpit)[2];
    assert!(copied.contains(&line.sentence), "{copied}");
}

#[test]
fn the_wheel_scrolls_the_list_under_it() {
    let mut cockpit = fixture::breach().show(Screen::Flight);
    point(
        &mut cockpit,
        Spot::Pane(FlightPane::Pods),
        Pointing::WheelDown,
    );
    assert_eq!(
        (cockpit.view.pane, cockpit.view.pod_line),
        (FlightPane::Pods, 3)
    );
    point(
        &mut cockpit,
        Spot::Pane(FlightPane::Timeline),
        Pointing::WheelUp,
    );
    assert_eq!(cockpit.view.timeline_back, 3);
    let mut cockpit = fixture::calm().show(Screen::Releases);
    point(&mut cockpit, Spot::Ground, Pointing::WheelDown);
    assert_eq!(cockpit.view.release, 3);
    press(&mut cockpit, "?");
    point(&mut cockpit, Spot::Ground, Pointing::WheelDown);
    assert_eq!((cockpit.view.release, cockpit.view.help_top), (3, 3));
}

/// Every spot of every screen, clicked and wheeled, with and without a question over it.
#[test]
fn no_click_acts_or_answers() {
    let mut pointed = 0;
    for screen in Screen::ALL {
        for keys in ["", ":", "A", "R", "R enter", "F", "?", "1", "r"] {
            for story in [fixture::breach(), fixture::ready()] {
                let mut before = story.show(screen);
                press(&mut before, keys);
                wait(&mut before, 400);
                if keys == "R enter" {
                    write(&mut before, "production");
                }
                let spots = spots(&before, 120, 36);
                let mut seen: Vec<Spot> = Vec::new();
                for (column, row) in (0..36).flat_map(|y| (0..120).map(move |x| (x, y))) {
                    let spot = spots.at(column, row);
                    if seen.contains(&spot) {
                        continue;
                    }
                    seen.push(spot);
                    for how in [Pointing::Click, Pointing::WheelUp, Pointing::WheelDown] {
                        let mut cockpit = before.clone();
                        let effects = point(&mut cockpit, spot, how);
                        // Looking a digest up is all that a screen may ask for.
                        let harmless = |effect: &Effect| matches!(effect, Effect::Resolve { .. });
                        assert!(effects.iter().all(harmless), "{spot:?} {how:?} {effects:?}");
                        let open = |cockpit: &Cockpit| {
                            cockpit
                                .view
                                .overlay
                                .as_ref()
                                .map(std::mem::discriminant::<Overlay>)
                        };
                        assert_eq!(open(&cockpit), open(&before), "{spot:?} {how:?}");
                        pointed += 1;
                    }
                }
            }
        }
    }
    assert!(pointed > 1000, "only {pointed} were pointed at");
}

/// From the bytes of a terminal to the cursor; and none of it where the mouse is switched off.
#[test]
fn a_terminal_reports_presses_and_the_wheel_only_where_wanted() {
    use vt100::{MouseProtocolEncoding, MouseProtocolMode};
    let home = tempfile::tempdir().unwrap();
    let mut pty = Pty::rehearse(home.path(), "30");
    pty.sees("auth-service");
    // Presses and releases only, in SGR form: dragging with shift stays the terminal's own.
    let wanted = (MouseProtocolMode::PressRelease, MouseProtocolEncoding::Sgr);
    assert_eq!(pty.mouse(), wanted);
    let text = pty.text();
    let (row, line) = text
        .lines()
        .enumerate()
        .find(|(_, line)| line.contains("5 Timeline"))
        .unwrap();
    let column = line.chars().position(|c| c == '5').unwrap();
    pty.keys(&format!("\x1b[<0;{};{}M", column + 2, row + 1));
    pty.sees("Timeline, newest at the bottom");
    // A press with shift, a right click and a movement are nobody's business.
    for other in [
        "\x1b[<4;3;3M",
        "\x1b[<2;3;3M",
        "\x1b[<35;3;3M",
        "\x1b[<0;999;999M",
    ] {
        pty.keys(other);
    }
    std::thread::sleep(READ);
    assert!(pty.text().contains("Timeline, newest at the bottom"));
    pty.quits();

    let mut pty = Pty::rehearse_with(home.path(), &["--no-mouse"], &[]);
    pty.sees("auth-service");
    assert_eq!(pty.mouse().0, MouseProtocolMode::None);
}
