//! Every theme is whole, and can be read by the person who has to.

use gonogo::ui::theme::{Catalogue, DEFAULT, Depth, Kind, Role, Theme};

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
