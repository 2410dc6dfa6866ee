//! Colours as written, as a terminal can show them, and how well one is seen on another.

use ratatui::style::Color;

use super::depth::Depth;
use super::file::Looks;

/// The sixteen names, in the order of their numbers.
const NAMES: [(&str, Color); 16] = [
    ("black", Color::Black),
    ("red", Color::Red),
    ("green", Color::Green),
    ("yellow", Color::Yellow),
    ("blue", Color::Blue),
    ("magenta", Color::Magenta),
    ("cyan", Color::Cyan),
    ("white", Color::Gray),
    ("bright-black", Color::DarkGray),
    ("bright-red", Color::LightRed),
    ("bright-green", Color::LightGreen),
    ("bright-yellow", Color::LightYellow),
    ("bright-blue", Color::LightBlue),
    ("bright-magenta", Color::LightMagenta),
    ("bright-cyan", Color::LightCyan),
    ("bright-white", Color::White),
];

pub(super) fn names<'a>() -> impl Iterator<Item = &'a str> {
    NAMES.iter().map(|(name, _)| *name).chain(["default"])
}

/// `#rrggbb`, one of the sixteen names, `default` (the terminal's own), or a number of the 256.
pub(super) fn parse(text: &str) -> Option<Color> {
    if let Some(digits) = text.strip_prefix('#') {
        let number = u32::from_str_radix(digits, 16).ok()?;
        let plain = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        return plain.then(|| Color::from_u32(number));
    }
    if text == "default" {
        return Some(Color::Reset);
    }
    let named = NAMES
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, colour)| *colour);
    named.or_else(|| text.parse().ok().map(Color::Indexed))
}

/// The colour as a terminal of `depth` can show it.
pub(super) fn at_depth(colour: Color, depth: Depth) -> Option<Color> {
    match (depth, colour) {
        (Depth::None, _) => None,
        (Depth::Indexed256, Color::Rgb(r, g, b)) => {
            Some(Color::Indexed(nearest_indexed([r, g, b])))
        }
        _ => Some(colour),
    }
}

pub(super) fn needs_more_than_sixteen(looks: &Looks) -> bool {
    let rich =
        |colour: Option<Color>| matches!(colour, Some(Color::Rgb(..) | Color::Indexed(16..)));
    looks.iter().any(|look| rich(look.fg) || rich(look.bg))
}

/// The six levels of a channel in the 6×6×6 cube of xterm.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

/// The first sixteen are left out: every terminal shows them differently.
fn nearest_indexed(rgb: [u8; 3]) -> u8 {
    (16..=255u8)
        .min_by_key(|number| distance(rgb, indexed_rgb(*number)))
        .unwrap_or(16)
}

/// The RGB value of xterm's colours 16 to 255.
fn indexed_rgb(number: u8) -> [u8; 3] {
    if number >= 232 {
        return [8 + (number - 232) * 10; 3];
    }
    let cube = number.saturating_sub(16);
    [cube / 36, cube / 6 % 6, cube % 6].map(|level| LEVELS[usize::from(level)])
}

/// Squared distance, green weighted most as the eye does.
fn distance(one: [u8; 3], other: [u8; 3]) -> u32 {
    let channel = |index: usize| u32::from(one[index].abs_diff(other[index])).pow(2);
    2 * channel(0) + 4 * channel(1) + 3 * channel(2)
}

/// `#rrggbb`, for pictures; none for the terminal's own ground and ink. The sixteen are xterm's.
pub fn hex(colour: Color) -> Option<String> {
    const XTERM: [u32; 16] = [
        0x00_0000, 0xcd_0000, 0x00_cd00, 0xcd_cd00, 0x00_00ee, 0xcd_00cd, 0x00_cdcd, 0xe5_e5e5,
        0x7f_7f7f, 0xff_0000, 0x00_ff00, 0xff_ff00, 0x5c_5cff, 0xff_00ff, 0x00_ffff, 0xff_ffff,
    ];
    let [r, g, b] = match colour {
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Indexed(number) if number >= 16 => indexed_rgb(number),
        Color::Reset => return None,
        named => {
            let at = NAMES.iter().position(|(_, colour)| *colour == named);
            let number = match named {
                Color::Indexed(number) => usize::from(number),
                _ => at?,
            };
            return XTERM.get(number).map(|rgb| format!("#{rgb:06x}"));
        }
    };
    Some(format!("#{r:02x}{g:02x}{b:02x}"))
}

/// WCAG 2.2 contrast ratio, 1 to 21; none where a colour is the terminal's own.
pub(super) fn contrast(one: Color, other: Color) -> Option<f64> {
    let (one, other) = (luminance(one)?, luminance(other)?);
    Some((one.max(other) + 0.05) / (one.min(other) + 0.05))
}

fn luminance(colour: Color) -> Option<f64> {
    let rgb = match colour {
        Color::Rgb(r, g, b) => [r, g, b],
        Color::Indexed(number @ 16..) => indexed_rgb(number),
        _ => return None,
    };
    let linear = rgb.map(|channel| {
        let value = f64::from(channel) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    });
    Some(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_read_as_written() {
        assert_eq!(parse("#ff8000"), Some(Color::Rgb(255, 128, 0)));
        assert_eq!(parse("bright-red"), Some(Color::LightRed));
        assert_eq!(parse("208"), Some(Color::Indexed(208)));
        assert_eq!(parse("default"), Some(Color::Reset));
        for wrong in ["#fff", "#gggggg", "#+12345", "256", "-1", "", "reddish"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn two_hundred_and_fifty_six_colours_take_the_nearest() {
        for number in 16..=255u8 {
            let [r, g, b] = indexed_rgb(number);
            let Some(Color::Indexed(found)) = at_depth(Color::Rgb(r, g, b), Depth::Indexed256)
            else {
                continue;
            };
            assert_eq!(indexed_rgb(found), [r, g, b]);
        }
        assert_eq!(nearest_indexed([255, 0, 1]), 196);
        assert_eq!(nearest_indexed([9, 9, 9]), 232);
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        let ratio = contrast(Color::Rgb(0, 0, 0), Color::Rgb(255, 255, 255)).unwrap_or_default();
        assert!((ratio - 21.0).abs() < 1e-9);
        let grey =
            contrast(Color::Rgb(0x77, 0x77, 0x77), Color::Rgb(255, 255, 255)).unwrap_or_default();
        assert!((grey - 4.478).abs() < 0.001, "{grey}");
        assert_eq!(contrast(Color::Red, Color::Black), None);
    }
}
