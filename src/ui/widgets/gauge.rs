//! How far something is, as a bar of one row.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::ui::text;
use crate::ui::theme::{Role, Theme};

/// A bar of `room` columns as text: done `━`, open `╌`. A share of 0 to 1; what is no number is nothing done.
///
/// Only a share of 1 fills it, and any share above 0 shows.
pub fn bar(share: f64, room: u16) -> (String, String) {
    let share = if share.is_nan() {
        0.0
    } else {
        share.clamp(0.0, 1.0)
    };
    // In range by the clamp above.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let mut done = (share * f64::from(room)).floor() as u16;
    if share > 0.0 {
        done = done.max(1).min(room);
    }
    (
        "━".repeat(usize::from(done)),
        "╌".repeat(usize::from(room - done)),
    )
}

/// Draws a bar over the first row of `area` with `label` behind it; the bar gives way to the label.
pub fn gauge(share: f64, label: &str, role: Role, area: Rect, buf: &mut Buffer, theme: &Theme) {
    let behind = if label.is_empty() {
        0
    } else {
        text::width(label).saturating_add(1)
    };
    let room = area.width.saturating_sub(behind);
    let (done, open) = bar(share, room);
    let column = text::put(buf, area, 0, 0, &done, theme.style(role));
    let column = text::put(buf, area, column, 0, &open, theme.style(Role::TrackNext));
    let gap = u16::from(room > 0 && behind > 0);
    text::put(buf, area, column + gap, 0, label, theme.style(Role::Text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::widgets::tests::{drawn, survives_every_size};

    #[test]
    fn bars_are_full_only_when_done() {
        let text = |share| format!("{}{}", bar(share, 4).0, bar(share, 4).1);
        assert_eq!(
            [0.0, 0.01, 0.5, 0.99, 1.0, 7.0, f64::NAN].map(text),
            ["╌╌╌╌", "━╌╌╌", "━━╌╌", "━━━╌", "━━━━", "━━━━", "╌╌╌╌"]
        );
    }

    #[test]
    fn the_label_stays_when_there_is_little_room() {
        let draw = |area: Rect, buf: &mut Buffer| {
            gauge(
                0.5,
                "2 min left",
                Role::Progressing,
                area,
                buf,
                &Theme::probe(),
            );
        };
        assert_eq!(drawn(19, 1, draw), ["━━━━╌╌╌╌ 2 min left"]);
        assert_eq!(drawn(10, 1, draw), ["2 min left"]);
        assert_eq!(drawn(5, 1, draw), ["2 mi…"]);
        survives_every_size(draw);
    }
}
