//! The themes that come with the program. A new one is a file in `themes/` and a line here.

pub(super) const THEMES: &[(&str, &str)] = &[
    ("dark", include_str!("../../../themes/dark.toml")),
    ("light", include_str!("../../../themes/light.toml")),
    (
        "high-contrast",
        include_str!("../../../themes/high-contrast.toml"),
    ),
    (
        "colour-blind",
        include_str!("../../../themes/colour-blind.toml"),
    ),
    ("ansi", include_str!("../../../themes/ansi.toml")),
];

pub(super) fn find(name: &str) -> Option<&'static str> {
    THEMES
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}
