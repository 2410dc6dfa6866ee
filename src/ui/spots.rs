//! Where on the screen things are that the mouse can point at; written down while they are drawn.

use ratatui::layout::Rect;

use crate::session::pointer::Spot;

/// Later ones lie over earlier ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spots(Vec<(Rect, Spot)>);

impl Spots {
    pub(super) fn add(&mut self, area: Rect, spot: Spot) {
        if !area.is_empty() {
            self.0.push((area, spot));
        }
    }

    /// What is at a cell, counted from the upper left one.
    pub fn at(&self, column: u16, row: u16) -> Spot {
        let here = |(area, _): &&(Rect, Spot)| area.contains((column, row).into());
        self.0
            .iter()
            .rev()
            .find(here)
            .map_or(Spot::Ground, |(_, spot)| *spot)
    }

    /// Where `spot` is; the first place where it is several times.
    pub fn place(&self, spot: Spot) -> Option<(u16, u16)> {
        let (area, _) = self.0.iter().find(|(_, other)| *other == spot)?;
        Some((area.x, area.y))
    }
}
