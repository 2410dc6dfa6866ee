//! Which lines of a long list are on the screen. Pure arithmetic: cursors live in state, this only follows them.

use std::ops::Range;

/// A window of `rows` lines over `total`, beginning at `first`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Viewport {
    pub first: usize,
    pub rows: usize,
    pub total: usize,
}

impl Viewport {
    /// The window that keeps `selected` in its middle: it needs no memory of where it was.
    pub fn around(selected: usize, total: usize, rows: usize) -> Self {
        Self {
            first: selected.saturating_sub(rows / 2),
            rows,
            total,
        }
        .clamped()
    }

    /// The window that moves as little as possible from `first` to show `selected`.
    pub fn following(first: usize, selected: usize, total: usize, rows: usize) -> Self {
        let lowest = (selected + 1).saturating_sub(rows);
        Self {
            first: first.clamp(lowest, selected.max(lowest)),
            rows,
            total,
        }
        .clamped()
    }

    /// The window over the end, `back` lines away from it: for what grows.
    pub fn tail(back: usize, total: usize, rows: usize) -> Self {
        Self {
            first: total.saturating_sub(rows).saturating_sub(back),
            rows,
            total,
        }
        .clamped()
    }

    fn clamped(self) -> Self {
        Self {
            first: self.first.min(self.total.saturating_sub(self.rows)),
            ..self
        }
    }

    /// The lines that are seen.
    pub fn visible(self) -> Range<usize> {
        self.first.min(self.total)..self.first.saturating_add(self.rows).min(self.total)
    }

    /// How many lines are hidden above and below.
    pub fn hidden(self) -> (usize, usize) {
        let visible = self.visible();
        (visible.start, self.total - visible.end)
    }

    /// `3–12 of 40`, or nothing where all is seen.
    pub fn position(self) -> Option<String> {
        let visible = self.visible();
        let all = visible.len() == self.total || visible.is_empty();
        (!all).then(|| format!("{}–{} of {}", visible.start + 1, visible.end, self.total))
    }
}

/// Where a selection stands after moving by `by` lines, without leaving a list of `total`.
pub fn moved(selected: usize, by: isize, total: usize) -> usize {
    selected
        .saturating_add_signed(by)
        .min(total.saturating_sub(1))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn windows_follow_the_selection() {
        assert_eq!(Viewport::around(0, 40, 10).visible(), 0..10);
        assert_eq!(Viewport::around(20, 40, 10).visible(), 15..25);
        assert_eq!(Viewport::around(39, 40, 10).visible(), 30..40);
        assert_eq!(Viewport::around(2, 3, 10).visible(), 0..3);
        assert_eq!(Viewport::following(5, 7, 40, 10).first, 5);
        assert_eq!(Viewport::following(5, 2, 40, 10).first, 2);
        assert_eq!(Viewport::following(5, 20, 40, 10).first, 11);
        assert_eq!(Viewport::tail(0, 100, 10).visible(), 90..100);
        assert_eq!(Viewport::tail(500, 100, 10).visible(), 0..10);
        assert_eq!(Viewport::around(20, 40, 10).hidden(), (15, 15));
        assert_eq!(
            Viewport::around(20, 40, 10).position().unwrap(),
            "16–25 of 40"
        );
        assert_eq!(Viewport::around(2, 3, 10).position(), None);
    }

    #[test]
    fn moving_stops_at_the_ends() {
        assert_eq!(
            (
                moved(0, -1, 5),
                moved(4, 1, 5),
                moved(2, 10, 5),
                moved(3, -2, 5),
                moved(0, 1, 0)
            ),
            (0, 4, 4, 1, 0)
        );
    }

    proptest! {
        #[test]
        fn what_is_selected_is_seen(first in 0usize..200, selected in 0usize..100, total in 1usize..100, rows in 1usize..50) {
            let selected = selected % total;
            prop_assert!(Viewport::around(selected, total, rows).visible().contains(&selected));
            prop_assert!(Viewport::following(first, selected, total, rows).visible().contains(&selected));
            prop_assert_eq!(Viewport::tail(0, total, rows).visible().end, total);
        }
    }
}
