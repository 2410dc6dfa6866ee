//! What things look like: roles are meanings, themes give them colours, the terminal's depth limits them.
//!
//! The only place that may name a colour. `NO_COLOR` is obeyed here, by styles without colours, because the
//! terminal library's own way of obeying it loses reverse and bold, and the selection with them.

mod builtin;
mod colour;
mod depth;
mod file;
mod role;

use std::collections::BTreeMap;
use std::fmt;

use ratatui::style::{Color, Modifier, Style};

pub use colour::hex;
pub use depth::{ColourChoice, Depth};
pub use role::{Kind, Role};

/// The theme that is used when none is named, and when the named one is broken.
pub const DEFAULT: &str = "dark";

/// Dark or light, as the terminal's own ground is. No theme by itself: the shell asks the terminal and names one.
pub const AUTO: &str = "auto";

/// A style for every role, as this terminal can show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Theme {
    name: String,
    depth: Depth,
    styles: [Style; Role::ALL.len()],
}

/// A theme that can be drawn with, and what was wrong with the one that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    pub theme: Theme,
    /// Empty when `theme` is the one that was asked for.
    pub problems: Vec<Problem>,
}

/// One thing wrong with a theme, with the place in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub theme: String,
    /// `roles.danger`, `palette.ink`, or empty for the file as a whole.
    pub at: String,
    pub message: String,
}

/// The themes there are: the built-in ones, and the ones from a person's own folder, which win.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalogue {
    own: BTreeMap<String, String>,
}

impl Theme {
    /// A built-in theme. An unknown name gives the default one.
    pub fn builtin(name: &str, depth: Depth) -> Self {
        Catalogue::default().load(name, depth).theme
    }

    /// For tests of drawings: role *n* is `rgb(255, 0, n)`, so that a snapshot holds roles and not colours.
    pub fn probe() -> Self {
        let styles = Role::ALL.map(|role| Style::new().fg(Color::Rgb(255, 0, role as u8)));
        Self {
            name: "probe".to_owned(),
            depth: Depth::True,
            styles,
        }
    }

    pub fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// The role whose probe colour a cell shows; the opposite of [`Theme::probe`].
    pub fn probed(style: Style) -> Option<Role> {
        match style.fg {
            Some(Color::Rgb(255, 0, number)) => Role::ALL.get(usize::from(number)).copied(),
            _ => None,
        }
    }

    /// The lowest contrast of `role` on the backgrounds it is drawn on, by WCAG 2; none without RGB.
    pub fn contrast(&self, role: Role) -> Option<f64> {
        let style = self.style(role);
        let fg = style.fg?;
        let grounds = match style.bg {
            Some(own) => vec![own],
            None => [Role::Text, Role::Dialog]
                .iter()
                .filter_map(|role| self.style(*role).bg)
                .collect(),
        };
        grounds
            .into_iter()
            .filter_map(|bg| colour::contrast(fg, bg))
            .min_by(f64::total_cmp)
    }

    /// WCAG 2's contrast of what a cell shows, reverse video included; none where a colour is the terminal's own.
    pub fn contrast_of(style: Style) -> Option<f64> {
        colour::contrast(style.fg?, style.bg?)
    }

    fn dress(name: &str, depth: Depth, looks: &file::Looks) -> Self {
        let styles = Role::ALL.map(|role| {
            let look = looks[role as usize];
            // Without colours a ground of its own becomes reverse video, and meaning becomes weight.
            let weight = match (
                depth,
                look.bg.is_some() && role != Role::Text && role != Role::Dialog,
            ) {
                (Depth::None, true) => role.weight() | Modifier::REVERSED,
                (Depth::None, false) => role.weight(),
                _ => Modifier::empty(),
            };
            let mut style = Style::new().add_modifier(look.modifiers | weight);
            style.fg = look.fg.and_then(|fg| colour::at_depth(fg, depth));
            style.bg = look.bg.and_then(|bg| colour::at_depth(bg, depth));
            style
        });
        Self {
            name: name.to_owned(),
            depth,
            styles,
        }
    }
}

impl Catalogue {
    /// Adds a theme from outside: its name and the text of its file.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Self {
        self.own.insert(name.to_owned(), text.to_owned());
        self
    }

    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = builtin::THEMES.iter().map(|(name, _)| *name).collect();
        names.extend(
            self.own
                .keys()
                .map(String::as_str)
                .filter(|own| builtin::find(own).is_none()),
        );
        names
    }

    /// The theme `name` for a terminal of `depth`. Anything wrong with it is told, and the default is used.
    pub fn load(&self, name: &str, depth: Depth) -> Loaded {
        let found = |wanted: &str| {
            self.own
                .get(wanted)
                .map(String::as_str)
                .or_else(|| builtin::find(wanted))
        };
        let (looks, problems) = file::resolve(name, &found, &self.names());
        let (name, looks) = match looks {
            Some(looks) if problems.is_empty() => (name, looks),
            _ => (
                DEFAULT,
                file::resolve(DEFAULT, &builtin::find, &[])
                    .0
                    .unwrap_or(file::PLAIN),
            ),
        };
        // Sixteen colours are the terminal's own and cannot be matched: the theme made for them stands in.
        let looks = match depth {
            Depth::Ansi16 if colour::needs_more_than_sixteen(&looks) => {
                file::resolve("ansi", &builtin::find, &[])
                    .0
                    .unwrap_or(file::PLAIN)
            }
            _ => looks,
        };
        Loaded {
            theme: Theme::dress(name, depth, &looks),
            problems,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "theme {}", self.theme)?;
        if !self.at.is_empty() {
            write!(f, ", {}", self.at)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Problem {}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let loaded = Catalogue::default()
            .with("mist", text)
            .load("mist", Depth::True);
        loaded.problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_theme_may_change_only_a_palette() {
        let mine =
            "inherits = \"dark\"\n[palette]\nred = \"#ff0000\"\n[roles]\n\"text.dim\" = \"red\"";
        let loaded = Catalogue::default()
            .with("mist", mine)
            .load("mist", Depth::True);
        assert_eq!(loaded.problems, []);
        assert_eq!(loaded.theme.name(), "mist");
        let red = Some(Color::Rgb(255, 0, 0));
        assert_eq!(loaded.theme.style(Role::Danger).fg, red);
        assert_eq!(loaded.theme.style(Role::TextDim).fg, red);
        assert_eq!(
            loaded.theme.style(Role::Text),
            Theme::builtin("dark", Depth::True).style(Role::Text)
        );
    }

    #[test]
    fn every_problem_of_a_broken_theme_is_told_at_once_and_the_default_is_used() {
        let broken = r##"
            inherits = "dark"
            shadow = true
            [palette]
            ink = "#12345"
            [roles]
            "dangr" = "red"
            "danger" = "redd"
            "limit" = { fg = "red", modifiers = ["bould"], blink = 1 }
            "canary" = 7
        "##;
        assert_eq!(
            problems(broken),
            [
                "theme mist, shadow: not a key of a theme; there are inherits, palette, roles",
                "theme mist, palette.ink: `#12345` is not a colour: write #rrggbb, a colour name or 0 to 255",
                "theme mist, roles.canary: write a colour, or { fg, bg, modifiers }",
                "theme mist, roles.danger: `redd` is neither in the palette nor a colour; did you mean `red`?",
                "theme mist, roles.dangr: not a role; did you mean `danger`?",
                "theme mist, roles.limit: `blink` is not a key of a role; there are fg, bg, modifiers",
                "theme mist, roles.limit: `bould` is not a modifier; did you mean `bold`?",
            ]
        );
        let loaded = Catalogue::default()
            .with("mist", broken)
            .load("mist", Depth::True);
        assert_eq!(loaded.theme, Theme::builtin(DEFAULT, Depth::True));
    }

    #[test]
    fn what_cannot_be_read_or_found_says_so() {
        assert_eq!(
            problems("inherits = \"drak\""),
            ["theme mist, inherits: there is no theme `drak`; did you mean `dark`?"]
        );
        assert_eq!(
            problems("inherits = \"mist\""),
            ["theme mist, inherits: `mist` inherits itself"]
        );
        assert!(
            problems("[roles")[0].starts_with("theme mist: "),
            "{:?}",
            problems("[roles")
        );
        let missing = problems("[roles]\ntext = \"#ffffff\"");
        assert!(
            missing.contains(
                &"theme mist, roles.danger: missing, here and in what is inherited".to_owned()
            ),
            "{missing:?}"
        );
        let unknown = Catalogue::default().load("lihgt", Depth::True);
        assert_eq!(
            unknown.problems[0].to_string(),
            "theme lihgt: there is no such theme; did you mean `light`?"
        );
        assert_eq!(unknown.theme.name(), DEFAULT);
    }

    #[test]
    fn without_colours_what_is_selected_or_dangerous_still_stands_out() {
        for name in Catalogue::default().names() {
            let theme = Theme::builtin(name, Depth::None);
            for role in Role::ALL {
                assert_eq!(
                    (theme.style(role).fg, theme.style(role).bg),
                    (None, None),
                    "{name} {role:?}"
                );
            }
            for role in [Role::Selection, Role::Production, Role::Rehearsal] {
                assert!(
                    theme.style(role).add_modifier.contains(Modifier::REVERSED),
                    "{name} {role:?}"
                );
            }
            assert!(
                theme
                    .style(Role::Danger)
                    .add_modifier
                    .contains(Modifier::BOLD),
                "{name}"
            );
            assert_eq!(theme.style(Role::Text), Style::new(), "{name}");
        }
    }

    #[test]
    fn sixteen_colours_are_the_terminals_own() {
        let theme = Theme::builtin("dark", Depth::Ansi16);
        assert_eq!(
            theme.style(Role::Danger).fg,
            Theme::builtin("ansi", Depth::Ansi16).style(Role::Danger).fg
        );
        for role in Role::ALL {
            assert!(
                !matches!(
                    theme.style(role).fg,
                    Some(Color::Rgb(..) | Color::Indexed(_))
                ),
                "{role:?}"
            );
        }
    }

    #[test]
    fn the_probe_tells_roles_apart() {
        let probe = Theme::probe();
        for role in Role::ALL {
            assert_eq!(Theme::probed(probe.style(role)), Some(role));
        }
    }
}
