//! How many colours there are to draw with.

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Depth {
    /// No colours: weight and reverse video only.
    None,
    Ansi16,
    Indexed256,
    True,
}

/// `--color`: what a person asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ColourChoice {
    #[default]
    Auto,
    Always,
    Never,
}

impl Depth {
    /// Reads what the environment says; `env` is asked for `NO_COLOR`, `COLORTERM` and `TERM`.
    pub fn detect(choice: ColourChoice, env: &dyn Fn(&str) -> Option<String>) -> Self {
        // <https://no-color.org>: present and not empty, whatever its value.
        let refused = env("NO_COLOR").is_some_and(|value| !value.is_empty());
        let term = env("TERM").unwrap_or_default();
        match choice {
            ColourChoice::Never => return Self::None,
            ColourChoice::Auto if refused || term == "dumb" => return Self::None,
            _ => {}
        }
        let colour_term = env("COLORTERM").unwrap_or_default();
        let is_one_of = |words: &[&str]| words.iter().any(|word| term.contains(word));
        if colour_term == "truecolor"
            || colour_term == "24bit"
            || is_one_of(&[
                "direct",
                "truecolor",
                "kitty",
                "ghostty",
                "alacritty",
                "wezterm",
                "foot",
            ])
        {
            Self::True
        } else if is_one_of(&["256color"]) {
            Self::Indexed256
        } else {
            Self::Ansi16
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(choice: ColourChoice, env: &[(&str, &str)], expect: Depth) {
        let find = |name: &str| {
            env.iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(Depth::detect(choice, &find), expect, "{choice:?} {env:?}");
    }

    #[test]
    fn the_environment_decides_unless_a_person_did() {
        use ColourChoice::{Always, Auto, Never};
        check(Auto, &[], Depth::Ansi16);
        check(Auto, &[("TERM", "xterm")], Depth::Ansi16);
        check(Auto, &[("TERM", "xterm-256color")], Depth::Indexed256);
        check(
            Auto,
            &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")],
            Depth::True,
        );
        check(Auto, &[("TERM", "xterm-kitty")], Depth::True);
        check(Auto, &[("TERM", "dumb")], Depth::None);
        check(
            Auto,
            &[("NO_COLOR", "1"), ("COLORTERM", "truecolor")],
            Depth::None,
        );
        check(
            Auto,
            &[("NO_COLOR", ""), ("COLORTERM", "truecolor")],
            Depth::True,
        );
        check(
            Always,
            &[("NO_COLOR", "1"), ("TERM", "xterm-256color")],
            Depth::Indexed256,
        );
        check(Never, &[("COLORTERM", "truecolor")], Depth::None);
    }
}
