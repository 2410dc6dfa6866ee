//! Pods as one glyph each, so that forty of them are taken in at a glance.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::text;
use crate::ui::theme::{Role, Theme};

/// What a pod is doing. The order is that of urgency: what fails is never hidden behind a count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodMark {
    Crashing,
    Starting,
    Pending,
    Terminating,
    Ready,
}

impl PodMark {
    pub const ALL: [Self; 5] = [
        Self::Crashing,
        Self::Starting,
        Self::Pending,
        Self::Terminating,
        Self::Ready,
    ];

    pub const fn glyph(self) -> &'static str {
        match self {
            Self::Crashing => "✖",
            Self::Starting => "◐",
            Self::Pending => "○",
            Self::Terminating => "◌",
            Self::Ready => "●",
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Crashing => "crashing",
            Self::Starting => "starting",
            Self::Pending => "pending",
            Self::Terminating => "terminating",
            Self::Ready => "ready",
        }
    }

    pub const fn role(self) -> Role {
        match self {
            Self::Crashing => Role::Degraded,
            Self::Starting => Role::Progressing,
            Self::Pending => Role::Unknown,
            Self::Terminating => Role::TextDim,
            Self::Ready => Role::Healthy,
        }
    }
}

/// Pods of one side, wrapped over the rows there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PodGrid<'a> {
    pub pods: &'a [PodMark],
    /// Said at the end of the last row where it fits.
    pub restarts: Option<u64>,
}

impl PodGrid<'_> {
    /// The rows that showing every pod takes in `width` columns.
    pub fn rows(&self, width: u16) -> u16 {
        let per_row = usize::from(width.saturating_add(1) / 2).max(1);
        u16::try_from(self.pods.len().div_ceil(per_row)).unwrap_or(u16::MAX)
    }

    pub fn render(&self, area: Rect, buf: &mut Buffer, theme: &Theme) {
        let per_row = usize::from(area.width.saturating_add(1) / 2);
        let room = per_row * usize::from(area.height);
        if room == 0 {
            return;
        }
        let mut rest = None;
        let mut shown: Vec<PodMark> = if self.pods.len() <= room {
            self.pods.to_vec()
        } else {
            // Room for ` +n` is taken from the last row.
            let count = |kept: usize| format!("+{}", self.pods.len() - kept);
            let longest =
                usize::from(text::width(&count(0))).div_ceil(2) + usize::from(per_row > 4);
            let kept = room.saturating_sub(longest);
            rest = Some(count(kept));
            most_urgent(self.pods, kept)
        };
        shown.truncate(room);
        let (mut column, mut row) = (0, 0);
        for (index, pod) in shown.iter().enumerate() {
            (row, column) = (index / per_row, index % per_row * 2);
            put(buf, area, column, row, pod.glyph(), theme.style(pod.role()));
            column += 2;
        }
        if let Some(rest) = rest {
            if column >= usize::from(area.width) {
                (row, column) = (row + 1, 0);
            }
            put(buf, area, column, row, &rest, theme.style(Role::TextStrong));
            column += usize::from(text::width(&rest)) + 1;
        }
        if let Some(restarts) = self.restarts {
            let words = format!("restarts {restarts}");
            let at = usize::from(area.width.saturating_sub(text::width(&words)));
            // The last row of the area if it is free, else behind the pods, else not at all.
            let last = usize::from(area.height - 1);
            let free = row < last || column <= at;
            if free && text::width(&words) <= area.width {
                let role = if restarts == 0 {
                    Role::TextDim
                } else {
                    Role::Warning
                };
                put(
                    buf,
                    area,
                    at,
                    if column <= at { row } else { row + 1 },
                    &words,
                    theme.style(role),
                );
            }
        }
    }
}

/// `kept` pods with the urgent ones first; counted and not sorted, as there may be fifty thousand.
fn most_urgent(pods: &[PodMark], kept: usize) -> Vec<PodMark> {
    let of = |mark: PodMark| pods.iter().copied().filter(move |pod| *pod == mark);
    PodMark::ALL.into_iter().flat_map(of).take(kept).collect()
}

fn put(
    buf: &mut Buffer,
    area: Rect,
    column: usize,
    row: usize,
    words: &str,
    style: ratatui::style::Style,
) {
    if let (Ok(column), Ok(row)) = (u16::try_from(column), u16::try_from(row)) {
        text::put(buf, area, column, row, words, style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::widgets::tests::{drawn, survives_every_size};

    fn draw(pods: &[PodMark], restarts: Option<u64>, width: u16, height: u16) -> Vec<String> {
        let grid = PodGrid { pods, restarts };
        survives_every_size(|area, buf| grid.render(area, buf, &Theme::probe()));
        drawn(width, height, |area, buf| {
            grid.render(area, buf, &Theme::probe());
        })
    }

    #[test]
    fn each_state_has_its_glyph_and_restarts_are_said() {
        let pods = [
            PodMark::Ready,
            PodMark::Starting,
            PodMark::Crashing,
            PodMark::Pending,
            PodMark::Terminating,
        ];
        assert_eq!(draw(&pods, Some(3), 24, 1), ["● ◐ ✖ ○ ◌     restarts 3"]);
        assert_eq!(draw(&pods, Some(3), 12, 2), ["● ◐ ✖ ○ ◌", "  restarts 3"]);
        assert_eq!(draw(&pods, Some(3), 12, 1), ["● ◐ ✖ ○ ◌"]);
        assert_eq!(draw(&pods, None, 5, 2), ["● ◐ ✖", "○ ◌"]);
    }

    #[test]
    fn what_does_not_fit_is_counted_and_what_fails_stays_in_sight() {
        let mut pods = vec![PodMark::Ready; 10_000];
        pods[9_999] = PodMark::Crashing;
        assert_eq!(
            draw(&pods, None, 21, 2),
            ["✖ ● ● ● ● ● ● ● ● ● ●", "● ● ● ● ● ● ● +9982"]
        );
        assert_eq!(draw(&pods, None, 4, 1), ["+10…"]);
    }

    #[test]
    fn rows_are_known_before_drawing() {
        assert_eq!(
            PodGrid {
                pods: &[PodMark::Ready; 7],
                restarts: None
            }
            .rows(5),
            3
        );
        assert_eq!(
            PodGrid {
                pods: &[],
                restarts: None
            }
            .rows(0),
            0
        );
    }
}
