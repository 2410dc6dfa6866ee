//! Aligned columns: as wide as what is in them, giving way by priority where there is little room.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::text;
use crate::ui::theme::{Role, Theme};
use crate::ui::viewport::Viewport;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// What a column is, apart from what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column<'a> {
    pub title: &'a str,
    pub align: Align,
    /// The fewest columns in which it still says something; below that it is left out.
    pub least: u16,
    /// 0 is the last to be left out or shortened.
    pub priority: u8,
}

/// One field of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    pub text: &'a str,
    pub role: Role,
}

impl<'a> Field<'a> {
    pub const fn new(text: &'a str, role: Role) -> Self {
        Self { text, role }
    }
}

/// A table; a row that is shorter than the columns is empty at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns<'a> {
    pub columns: &'a [Column<'a>],
    pub rows: &'a [Vec<Field<'a>>],
    /// The row that is selected, marked by its ground and by `▸`.
    pub selected: Option<usize>,
}

const GAP: u16 = 2;
/// The place of the mark before each row.
const MARGIN: u16 = 2;

impl Columns<'_> {
    /// The width of each column in `room` columns of screen, none for one that is left out.
    pub fn widths(&self, room: u16) -> Vec<Option<u16>> {
        let natural = |index: usize, column: &Column| {
            let fields = self
                .rows
                .iter()
                .filter_map(|row| row.get(index))
                .map(|field| text::width(field.text));
            fields.chain([text::width(column.title)]).max().unwrap_or(0)
        };
        let mut widths: Vec<Option<u16>> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| Some(natural(index, column)))
            .collect();
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse((self.columns[*index].priority, *index)));
        // First everything is shortened, least important first; then what is least important goes.
        for index in &order {
            let over = total(&widths).saturating_sub(room);
            if let Some(width) = &mut widths[*index] {
                *width = width
                    .saturating_sub(over)
                    .max((*width).min(self.columns[*index].least));
            }
        }
        for index in order {
            let left = widths.iter().flatten().count();
            if total(&widths) > room && left > 1 {
                widths[index] = None;
            }
        }
        if let Some(only) = widths.iter_mut().flatten().next() {
            *only = (*only).min(room);
        }
        // What leaving out a column has freed goes back to the most important.
        self.grow(&mut widths, room, natural);
        widths
    }

    fn grow(&self, widths: &mut [Option<u16>], room: u16, natural: impl Fn(usize, &Column) -> u16) {
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        order.sort_by_key(|index| (self.columns[*index].priority, *index));
        for index in order {
            let free = room.saturating_sub(total(widths));
            if let Some(width) = &mut widths[index] {
                *width = natural(index, &self.columns[index])
                    .min(width.saturating_add(free))
                    .max(*width);
            }
        }
    }

    /// Draws titles and the rows around the selected one.
    pub fn render(&self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        let widths = self.widths(area.width.saturating_sub(MARGIN));
        self.line(0, &widths, area, buf, |index| {
            Some((self.columns[index].title, theme.style(Role::Header)))
        });
        let rows = usize::from(area.height.saturating_sub(1));
        let view = Viewport::around(self.selected.unwrap_or(0), self.rows.len(), rows);
        for (row, index) in (1u16..).zip(view.visible()) {
            let chosen = self.selected == Some(index);
            if chosen {
                let line = Rect {
                    y: area.y.saturating_add(row),
                    height: 1,
                    ..area
                };
                buf.set_style(line.intersection(buf.area), theme.style(Role::Selection));
                text::put(buf, area, 0, row, "▸", theme.style(Role::Selection));
            }
            self.line(row, &widths, area, buf, |column| {
                let field = self.rows[index].get(column)?;
                let style = theme.style(field.role);
                // The selected row keeps weight, and takes colours that are seen on its ground.
                Some((
                    field.text,
                    if chosen {
                        style.patch(theme.style(Role::Selection))
                    } else {
                        style
                    },
                ))
            });
        }
    }

    fn line<'a>(
        &self,
        row: u16,
        widths: &[Option<u16>],
        area: Rect,
        buf: &mut Buffer,
        field: impl Fn(usize) -> Option<(&'a str, ratatui::style::Style)>,
    ) {
        let mut at = MARGIN;
        for (index, width) in widths.iter().enumerate() {
            let Some(width) = *width else { continue };
            if let Some((words, style)) = field(index) {
                let words = match self.columns[index].align {
                    Align::Left => text::fit(words, width),
                    Align::Right => text::pad_left(words, width),
                };
                text::put(buf, area, at, row, &words, style);
            }
            at = at.saturating_add(width).saturating_add(GAP);
        }
    }
}

fn total(widths: &[Option<u16>]) -> u16 {
    let shown = widths.iter().flatten().count();
    let gaps = GAP.saturating_mul(u16::try_from(shown.saturating_sub(1)).unwrap_or(u16::MAX));
    widths
        .iter()
        .flatten()
        .fold(gaps, |sum, width| sum.saturating_add(*width))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::widgets::tests::{drawn, survives_every_size};

    const COLUMNS: [Column; 4] = [
        Column {
            title: "PROJECT",
            align: Align::Left,
            least: 6,
            priority: 0,
        },
        Column {
            title: "RELEASE",
            align: Align::Left,
            least: 4,
            priority: 1,
        },
        Column {
            title: "AGE",
            align: Align::Right,
            least: 3,
            priority: 3,
        },
        Column {
            title: "HEALTH",
            align: Align::Left,
            least: 6,
            priority: 2,
        },
    ];

    fn row(fields: [&'static str; 4]) -> Vec<Field<'static>> {
        fields.map(|text| Field::new(text, Role::Text)).to_vec()
    }

    fn draw(width: u16, height: u16) -> Vec<String> {
        let rows = [
            row(["auth-service", "42 v1.3.0", "2 h", "● healthy"]),
            row(["日本-gateway", "7", "12 min", "◐ progressing"]),
            row(["billing", "108 v2.0.1", "3 d", "✖ degraded"]),
        ];
        let table = Columns {
            columns: &COLUMNS,
            rows: &rows,
            selected: Some(1),
        };
        survives_every_size(|area, buf| table.render(area, buf, &Theme::probe()));
        drawn(width, height, |area, buf| {
            table.render(area, buf, &Theme::probe());
        })
    }

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        assert_eq!(
            draw(60, 5),
            [
                "  PROJECT       RELEASE        AGE  HEALTH",
                "  auth-service  42 v1.3.0      2 h  ● healthy",
                "▸ 日本-gateway  7           12 min  ◐ progressing",
                "  billing       108 v2.0.1     3 d  ✖ degraded",
                "",
            ]
        );
    }

    #[test]
    fn with_little_room_the_least_important_is_shortened_and_then_goes() {
        assert_eq!(
            draw(48, 2),
            [
                "  PROJECT       RELEASE       AGE  HEALTH",
                "▸ 日本-gateway  7           12 m…  ◐ progressing"
            ]
        );
        assert_eq!(
            draw(40, 2),
            [
                "  PROJECT       RELEASE     AGE  HEALTH",
                "▸ 日本-gateway  7           12…  ◐ prog…"
            ]
        );
        assert_eq!(
            draw(24, 2),
            ["  PROJECT   REL…  HEALTH", "▸ 日本-ga…  7     ◐ pro…"]
        );
        assert_eq!(draw(12, 2), ["  PROJECT", "▸ 日本-gate…"]);
    }

    #[test]
    fn the_selected_row_is_seen_in_a_short_table() {
        assert_eq!(
            draw(60, 2)[1],
            "▸ 日本-gateway  7           12 min  ◐ progressing"
        );
    }

    #[test]
    fn a_table_without_rows_has_its_titles() {
        let table = Columns {
            columns: &COLUMNS,
            rows: &[],
            selected: None,
        };
        assert_eq!(
            drawn(40, 2, |area, buf| table.render(area, buf, &Theme::probe())),
            ["  PROJECT  RELEASE  AGE  HEALTH", ""]
        );
    }
}
