//! Small things to draw with. Each is a plain value that draws itself into an area; none keeps state, and none
//! panics or leaves its area, however small that is.

mod columns;
mod dialog;
mod gauge;
mod hint_bar;
pub mod letters;
mod pod_grid;
mod sparkline;
mod stage_track;

pub use columns::{Align, Column, Columns, Field};
pub use dialog::{Dialog, Tone};
pub use gauge::{bar, gauge};
pub use hint_bar::{HintBar, HintWord};
pub use pod_grid::{PodGrid, PodMark};
pub use sparkline::{Scale, Sparkline};
pub use stage_track::{Mood, Stage, StageTrack, Standing};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    use crate::ui::text;

    /// What `draw` leaves on a screen of this size, as text.
    pub(super) fn drawn(width: u16, height: u16, draw: impl Fn(Rect, &mut Buffer)) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal
            .draw(|frame| draw(frame.area(), frame.buffer_mut()))
            .unwrap();
        text::lines(terminal.backend().buffer())
    }

    /// Draws at every small size, and into areas that are partly or wholly outside the buffer.
    pub(super) fn survives_every_size(draw: impl Fn(Rect, &mut Buffer)) {
        for width in 0..50 {
            for height in 0..6 {
                let area = Rect::new(0, 0, width, height);
                draw(area, &mut Buffer::empty(area));
            }
        }
        let screen = Rect::new(3, 2, 10, 4);
        for area in [
            Rect::new(0, 0, 40, 20),
            Rect::new(12, 5, 20, 20),
            Rect::new(50, 50, 9, 9),
            Rect::new(u16::MAX, u16::MAX, 1, 1),
        ] {
            draw(area, &mut Buffer::empty(screen));
        }
    }
}
