//! A buffer as an SVG picture, for documents: the same cells, colours and weights, the same bytes every time.

use std::fmt::Write as _;

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Modifier;

use super::theme;

/// Size of one cell in the picture's units; a monospaced face of 14 units is 8.4 wide.
const CELL: (f64, f64) = (8.4, 16.5);
const MARGIN: f64 = 12.0;

/// What is used for cells in the terminal's own colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paper<'a> {
    pub ground: &'a str,
    pub ink: &'a str,
}

impl Default for Paper<'_> {
    fn default() -> Self {
        Self {
            ground: "#14171c",
            ink: "#d8dce3",
        }
    }
}

/// How a cell looks, after reverse video.
#[derive(PartialEq, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the independent weights of a cell"
)]
struct Look {
    ink: String,
    ground: Option<String>,
    bold: bool,
    italic: bool,
    underlined: bool,
    dim: bool,
}

fn look(cell: &Cell, paper: Paper<'_>) -> Look {
    let mut ink = theme::hex(cell.fg);
    let mut ground = theme::hex(cell.bg);
    if cell.modifier.contains(Modifier::REVERSED) {
        (ink, ground) = (
            Some(ground.unwrap_or_else(|| paper.ground.to_owned())),
            Some(ink.unwrap_or_else(|| paper.ink.to_owned())),
        );
    }
    Look {
        ink: ink.unwrap_or_else(|| paper.ink.to_owned()),
        ground: ground.filter(|ground| ground != paper.ground),
        bold: cell.modifier.contains(Modifier::BOLD),
        italic: cell.modifier.contains(Modifier::ITALIC),
        underlined: cell.modifier.contains(Modifier::UNDERLINED),
        dim: cell.modifier.contains(Modifier::DIM),
    }
}

/// Draws `buf` as a standalone SVG; `title` is read out where the picture cannot be seen.
pub fn svg(buf: &Buffer, title: &str, paper: Paper<'_>) -> String {
    let (columns, rows) = (buf.area.width, buf.area.height);
    let wide = f64::from(columns) * CELL.0 + 2.0 * MARGIN;
    let high = f64::from(rows) * CELL.1 + 2.0 * MARGIN;
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {wide:.0} {high:.0}\" role=\"img\" font-family=\"ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace\" font-size=\"14\">\n<title>{}</title>\n<rect width=\"{wide:.0}\" height=\"{high:.0}\" rx=\"8\" fill=\"{}\"/>",
        escaped(title),
        paper.ground
    );
    for row in 0..rows {
        let cells: Vec<(u16, &Cell)> = (0..columns)
            .filter_map(|column| Some((column, buf.cell((buf.area.x + column, buf.area.y + row))?)))
            .collect();
        let top = MARGIN + f64::from(row) * CELL.1;
        let runs = runs(&cells, paper);
        let left = |run: &Run| MARGIN + f64::from(run.column) * CELL.0;
        // Grounds first: a bold letter may lean over into the next cell.
        for run in &runs {
            let (x, length) = (left(run), f64::from(run.width) * CELL.0);
            if let Some(ground) = &run.look.ground {
                let _ = writeln!(
                    out,
                    "<rect x=\"{x:.1}\" y=\"{top:.1}\" width=\"{length:.1}\" height=\"{:.1}\" fill=\"{ground}\"/>",
                    CELL.1
                );
            }
        }
        for run in &runs {
            let x = left(run);
            let words = run.text.trim_end();
            if words.trim().is_empty() {
                continue;
            }
            let kept = f64::from(super::text::width(words)) * CELL.0;
            let mut style = String::new();
            if run.look.bold {
                style.push_str(" font-weight=\"bold\"");
            }
            if run.look.italic {
                style.push_str(" font-style=\"italic\"");
            }
            if run.look.underlined {
                style.push_str(" text-decoration=\"underline\"");
            }
            if run.look.dim {
                style.push_str(" opacity=\"0.7\"");
            }
            let _ = writeln!(
                out,
                "<text x=\"{x:.1}\" y=\"{:.1}\" fill=\"{}\"{style} textLength=\"{kept:.1}\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\">{}</text>",
                top + 12.6,
                run.look.ink,
                escaped(words)
            );
        }
    }
    out.push_str("</svg>\n");
    out
}

/// Neighbouring cells that look alike.
struct Run {
    column: u16,
    width: u16,
    text: String,
    look: Look,
}

fn runs(cells: &[(u16, &Cell)], paper: Paper<'_>) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut skip = 0;
    for (column, cell) in cells {
        // The cell behind a wide glyph belongs to it.
        if skip > 0 {
            skip -= 1;
            continue;
        }
        let wide = super::text::width(cell.symbol()).max(1);
        skip = wide - 1;
        let seen = look(cell, paper);
        match runs.last_mut() {
            Some(run) if run.look == seen => {
                run.text.push_str(cell.symbol());
                run.width += wide;
            }
            _ => runs.push(Run {
                column: *column,
                width: wide,
                text: cell.symbol().to_owned(),
                look: seen,
            }),
        }
    }
    // Spaces in front are place, not text: a run begins where its words do.
    for run in &mut runs {
        if run.look.ground.is_none() {
            let spaces = run.text.len() - run.text.trim_start_matches(' ').len();
            if spaces < run.text.len() {
                run.text.drain(..spaces);
                let spaces = u16::try_from(spaces).unwrap_or(0);
                run.column += spaces;
                run.width -= spaces;
            }
        }
    }
    runs
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    use super::*;

    #[test]
    fn a_picture_holds_the_words_escaped_and_the_grounds() {
        let mut buf = Buffer::empty(Rect::new(0, 0, 8, 1));
        buf.set_string(0, 0, "  a<b", Style::new().add_modifier(Modifier::BOLD));
        buf.set_style(
            Rect::new(5, 0, 3, 1),
            Style::new().add_modifier(Modifier::REVERSED),
        );
        let picture = svg(&buf, "a & b", Paper::default());
        assert!(picture.contains("<title>a &amp; b</title>"), "{picture}");
        assert!(
            picture.contains("x=\"28.8\" y=\"24.6\" fill=\"#d8dce3\" font-weight=\"bold\""),
            "{picture}"
        );
        assert!(picture.contains(">a&lt;b</text>"), "{picture}");
        assert!(
            picture.contains(
                "<rect x=\"54.0\" y=\"12.0\" width=\"25.2\" height=\"16.5\" fill=\"#d8dce3\"/>"
            ),
            "{picture}"
        );
        assert_eq!(picture, svg(&buf, "a & b", Paper::default()));
    }
}
