//! `theme = "auto"`: is the terminal's ground dark or light?

use std::time::Duration;

use terminal_colorsaurus::{QueryOptions, ThemeMode, theme_mode};

/// A terminal that answers anything answers at once; one that does not answer delays the first frame by this, once.
const PATIENCE: Duration = Duration::from_secs(1);

/// The name of the theme for this terminal. To be asked before anybody reads keys: the answer comes as input.
pub fn theme() -> &'static str {
    let mut options = QueryOptions::default();
    options.timeout = PATIENCE;
    match theme_mode(options) {
        Ok(ThemeMode::Light) => "light",
        Ok(ThemeMode::Dark) => "dark",
        Err(_) => said(std::env::var("COLORFGBG").ok().as_deref()),
    }
}

/// `COLORFGBG=0;15`: the last number is the ground, one of the sixteen colours. Dark where nothing is said.
fn said(colours: Option<&str>) -> &'static str {
    let ground = colours.and_then(|colours| colours.rsplit(';').next()?.parse::<u8>().ok());
    match ground {
        Some(7 | 9..=15) => "light",
        _ => "dark",
    }
}

#[cfg(test)]
mod tests {
    use super::said;

    #[test]
    fn the_environment_is_believed_where_the_terminal_is_silent() {
        for (colours, theme) in [
            (Some("0;15"), "light"),
            (Some("0;default;15"), "light"),
            (Some("15;0"), "dark"),
            (Some("12;8"), "dark"),
            (Some("nonsense"), "dark"),
            (None, "dark"),
        ] {
            assert_eq!(said(colours), theme, "{colours:?}");
        }
    }
}
