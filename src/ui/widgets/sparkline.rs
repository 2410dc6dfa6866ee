//! A metric over time in block glyphs. What is not known is a gap and not a zero; what is over its limit is
//! marked by more than colour.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::text;
use crate::ui::theme::{Role, Theme};

const BLOCKS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// The range that is drawn from the lowest to the highest block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    pub low: f64,
    pub high: f64,
}

impl Scale {
    /// One scale for series that are read side by side, so that equal heights are equal values; zero and the
    /// limit are always on it.
    pub fn joint(series: &[&[Option<f64>]], limit: Option<f64>) -> Self {
        let known = series
            .iter()
            .flat_map(|values| values.iter().flatten())
            .copied()
            .chain(limit);
        let known = known.filter(|value| value.is_finite());
        let (low, high) = known.fold((0.0_f64, 0.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        });
        Self { low, high }
    }

    /// Where `value` stands, 0 to 1.
    fn share(self, value: f64) -> f64 {
        let span = self.high - self.low;
        if span > 0.0 {
            ((value - self.low) / span).clamp(0.0, 1.0)
        } else {
            0.0
        }
    }
}

/// One series, the newest value at the right edge.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sparkline<'a> {
    /// Oldest first, evenly spaced; none where nothing was measured. What is not finite counts as none.
    pub values: &'a [Option<f64>],
    pub scale: Scale,
    pub role: Role,
    /// Values above it are drawn as [`Role::Limit`]; with two rows or more it is a line as well.
    pub limit: Option<f64>,
}

impl Sparkline<'_> {
    pub fn render(&self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        let rows = area.height.min(16);
        let steps = usize::from(rows) * 8;
        let seen = usize::from(area.width).min(self.values.len());
        let values = &self.values[self.values.len() - seen..];
        let limit_row = self
            .limit
            .filter(|_| rows > 1)
            .map(|limit| self.step(limit, steps).saturating_sub(1) / 8);
        for column in 0..area.width {
            let value = (usize::from(column) + seen)
                .checked_sub(usize::from(area.width))
                .and_then(|index| values.get(index).copied().flatten())
                .filter(|value| value.is_finite());
            let step = value.map_or(0, |value| self.step(value, steps));
            let over = value
                .zip(self.limit)
                .is_some_and(|(value, limit)| value > limit);
            let style = theme.style(if over { Role::Limit } else { self.role });
            for row in 0..rows {
                let level = usize::from(rows - 1 - row);
                let (glyph, style) = match step.saturating_sub(level * 8).min(8) {
                    0 if limit_row == Some(level) => ("╌", theme.style(Role::Limit)),
                    filled => (BLOCKS[filled], style),
                };
                if glyph != " " {
                    text::put(buf, area, column, row, glyph, style);
                }
            }
        }
    }

    /// 1 to `steps`: a value that was measured always shows.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn step(&self, value: f64, steps: usize) -> usize {
        ((self.scale.share(value) * steps as f64).ceil() as usize).clamp(1, steps.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::widgets::tests::{drawn, survives_every_size};

    fn spark(values: &[Option<f64>], limit: Option<f64>) -> Sparkline<'_> {
        Sparkline {
            values,
            scale: Scale::joint(&[values], limit),
            role: Role::SparkCanary,
            limit,
        }
    }

    #[test]
    fn gaps_are_gaps_and_the_newest_is_on_the_right() {
        let values = [Some(0.0), Some(4.0), None, Some(f64::NAN), Some(8.0)];
        let draw =
            |area: Rect, buf: &mut Buffer| spark(&values, None).render(area, buf, &Theme::probe());
        assert_eq!(drawn(8, 1, draw), ["   ▁▄  █"]);
        assert_eq!(drawn(2, 1, draw), [" █"]);
        survives_every_size(draw);
    }

    #[test]
    fn two_series_share_a_scale() {
        let (canary, stable) = ([Some(512.0), Some(400.0)], [Some(128.0), Some(64.0)]);
        let scale = Scale::joint(&[&canary, &stable], Some(500.0));
        let draw = |values: &[Option<f64>]| {
            let line = Sparkline {
                values,
                scale,
                role: Role::SparkStable,
                limit: None,
            };
            drawn(2, 1, |area, buf| line.render(area, buf, &Theme::probe()))
        };
        assert_eq!(
            (draw(&canary), draw(&stable)),
            (vec!["█▇".to_owned()], vec!["▂▁".to_owned()])
        );
    }

    #[test]
    fn what_is_over_the_limit_is_marked_and_a_tall_one_draws_the_limit() {
        let values = [Some(1.0), Some(4.0), Some(2.0)];
        let line = spark(&values, Some(2.0));
        let area = Rect::new(0, 0, 3, 1);
        let mut buf = Buffer::empty(area);
        line.render(area, &mut buf, &Theme::probe());
        let roles: Vec<_> = buf
            .content()
            .iter()
            .map(|cell| Theme::probed(cell.style()))
            .collect();
        assert_eq!(
            roles,
            [
                Some(Role::SparkCanary),
                Some(Role::Limit),
                Some(Role::SparkCanary)
            ]
        );
        assert_eq!(
            drawn(4, 2, |area, buf| line.render(area, buf, &Theme::probe())),
            ["  █", "╌▄██"]
        );
    }

    #[test]
    fn nothing_and_equal_values_draw_without_fuss() {
        assert_eq!(
            drawn(3, 1, |area, buf| spark(&[], None).render(
                area,
                buf,
                &Theme::probe()
            )),
            [""]
        );
        let zero = [Some(0.0), Some(0.0)];
        assert_eq!(
            drawn(3, 1, |area, buf| spark(&zero, None).render(
                area,
                buf,
                &Theme::probe()
            )),
            [" ▁▁"]
        );
    }
}
