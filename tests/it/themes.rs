//! Every theme is whole, and can be read by the person who has to.

use std::collections::BTreeMap;

use gonogo::session::cockpit::Cockpit;
use gonogo::session::view::Screen;
use gonogo::ui::render;
use gonogo::ui::text::lines;
use gonogo::ui::theme::{Catalogue, DEFAULT, Depth, Kind, Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::fixture::{self, press, wait, write};

const DEPTHS: [Depth; 4] = [Depth::None, Depth::Ansi16, Depth::Indexed256, Depth::True];

#[test]
fn every_built_in_theme_is_whole() {
    let catalogue = Catalogue::default();
    assert!(catalogue.names().contains(&DEFAULT));
    for name in catalogue.names() {
        for depth in DEPTHS {
            let loaded = catalogue.load(name, depth);
            assert_eq!(loaded.problems, [], "{name}");
            assert_eq!((loaded.theme.name(), loaded.theme.depth()), (name, depth));
        }
    }
}

#[test]
fn every_theme_with_colours_of_its_own_can_be_read() {
    let mut measured = 0;
    for name in Catalogue::default().names() {
        for depth in [Depth::True, Depth::Indexed256] {
            let theme = Theme::builtin(name, depth);
            for role in Role::ALL {
                let least = match role.kind() {
                    Kind::Text => 4.5,
                    Kind::Shape => 3.0,
                    Kind::Line => continue,
                };
                let Some(contrast) = theme.contrast(role) else {
                    continue;
                };
                measured += 1;
                assert!(
                    contrast >= least,
                    "{name} at {depth:?}: {} has {contrast:.2}, needs {least}",
                    role.id()
                );
            }
        }
    }
    assert!(measured > 200, "only {measured} pairs were measured");
}

#[test]
fn every_theme_file_is_built_in() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/themes");
    let names = Catalogue::default();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(
            names.names().contains(&stem.as_str()),
            "{stem} has a file and no line in src/ui/theme/builtin.rs"
        );
    }
}

#[test]
fn what_must_not_be_confused_looks_different_at_every_depth() {
    let pairs = [
        (Role::Text, Role::Selection),
        (Role::Text, Role::Danger),
        (Role::Text, Role::Production),
        (Role::Text, Role::Rehearsal),
        (Role::GatePass, Role::GateFail),
        (Role::Healthy, Role::Degraded),
        (Role::HintKey, Role::HintText),
    ];
    for name in Catalogue::default().names() {
        for depth in DEPTHS {
            let theme = Theme::builtin(name, depth);
            for (one, other) in pairs {
                assert_ne!(
                    theme.style(one),
                    theme.style(other),
                    "{name} at {depth:?}: {} and {}",
                    one.id(),
                    other.id()
                );
            }
        }
    }
}

/// Screens and what lies over them, in states that draw as many roles on as many grounds as there are.
fn pictures() -> Vec<Cockpit> {
    let mut all = Vec::new();
    for screen in Screen::ALL {
        for story in [
            fixture::fleet(),
            fixture::breach(),
            fixture::requested(),
            fixture::monitoring(),
        ] {
            all.push(fixture::rehearsed(story).show(screen));
        }
    }
    let states: [fn() -> fixture::Story; 6] = [
        fixture::crashing,
        fixture::aborted,
        fixture::rolling_back,
        fixture::verifying,
        fixture::unknown,
        fixture::stale,
    ];
    for story in states {
        all.push(story().show(Screen::Flight));
    }
    for keys in ["?", ":", "A", "R", "R enter", "tab", "tab tab", "/"] {
        let mut cockpit = fixture::breach().show(Screen::Flight);
        press(&mut cockpit, keys);
        wait(&mut cockpit, 300);
        if keys.len() > 1 || keys == "/" {
            write(&mut cockpit, "42");
        }
        press(&mut cockpit, "enter");
        all.push(cockpit);
    }
    all
}

fn drawn(cockpit: &Cockpit, theme: &Theme, size: (u16, u16)) -> Buffer {
    let area = Rect::new(0, 0, size.0, size.1);
    let mut buf = Buffer::empty(area);
    render(cockpit, theme, area, &mut buf);
    buf
}

/// Not the roles by themselves but the cells of drawn screens: whatever a role happens to stand on.
#[test]
fn every_word_on_every_ground_can_be_read() {
    let pictures = pictures();
    let catalogue = Catalogue::default();
    let mut measured = BTreeMap::new();
    for name in catalogue.names() {
        for depth in [Depth::True, Depth::Indexed256] {
            let theme = Theme::builtin(name, depth);
            for (number, cockpit) in pictures.iter().enumerate() {
                for size in [(80, 24), (120, 36), (50, 6)] {
                    let buf = drawn(cockpit, &theme, size);
                    for cell in buf.content() {
                        let word = cell.symbol().chars().any(char::is_alphanumeric);
                        let Some(contrast) = Theme::contrast_of(cell.style()).filter(|_| word)
                        else {
                            continue;
                        };
                        *measured.entry(name).or_insert(0) += 1;
                        assert!(
                            contrast >= 4.5,
                            "{name} at {depth:?}, picture {number}: `{}` has {contrast:.2}: {:?}",
                            cell.symbol(),
                            cell.style()
                        );
                    }
                }
            }
        }
    }
    // All but the one that has only the terminal's own colours.
    assert_eq!(
        measured.len(),
        Catalogue::default().names().len() - 1,
        "{measured:?}"
    );
    assert!(
        measured.values().all(|count| *count > 10_000),
        "{measured:?}"
    );
}

/// Without any style at all, only by glyphs and words.
#[test]
fn no_two_states_look_alike_without_colours() {
    let states = vec![
        ("requested", fixture::requested()),
        ("ready", fixture::ready()),
        ("baking", fixture::baking()),
        ("breach", fixture::breach()),
        ("crashing", fixture::crashing()),
        ("aborted", fixture::aborted()),
        ("rolling back", fixture::rolling_back()),
        ("verifying", fixture::verifying()),
        ("monitoring", fixture::monitoring()),
        ("unknown", fixture::unknown()),
        ("stale", fixture::stale()),
    ];
    for (screen, size) in [
        (Screen::Flight, (80, 24)),
        (Screen::Flight, (120, 36)),
        (Screen::Flight, (60, 16)),
        (Screen::Flight, (40, 1)),
        (Screen::Fleet, (120, 36)),
    ] {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (name, story) in &states {
            let mut cockpit = story.cockpit.clone();
            cockpit.view.screen = screen;
            let text = lines(&drawn(&cockpit, &Theme::builtin("dark", Depth::None), size));
            // Figures and names are no states.
            let words: String = text
                .join("\n")
                .chars()
                .filter(|symbol| !symbol.is_ascii_digit())
                .collect();
            // In one line and from afar, a gate that fails and a request that waits are the fleet's and the flight's to tell.
            if let Some(other) = seen.insert(words, name)
                && size.1 > 1
            {
                panic!("{name} looks like {other} on {screen:?} at {size:?}");
            }
        }
        assert!(seen.len() > 6, "{seen:?}");
    }
}
