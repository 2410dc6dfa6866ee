//! What stands on the terminal and what would: readings come in all the time, and most of them change no cell. A frame
//! like the one before writes nothing.

use ratatui::{buffer::Buffer, layout::Rect};

#[derive(Default)]
pub struct Painting {
    shown: Buffer,
    next: Buffer,
}

impl Painting {
    /// Paints the next frame, and says whether it differs from the one that stands.
    pub fn paint<T>(
        &mut self,
        area: Rect,
        paint: impl FnOnce(Rect, &mut Buffer) -> T,
    ) -> (T, bool) {
        self.next.resize(area);
        self.next.reset();
        let told = paint(area, &mut self.next);
        (told, self.next != self.shown)
    }

    /// The frame that was painted last goes to the terminal: from now on it stands there. False where the terminal has
    /// another size by now; then nothing is known of what stands.
    pub fn put(&mut self, onto: &mut Buffer) -> bool {
        if onto.area != self.next.area {
            self.forget();
            return false;
        }
        onto.content.clone_from_slice(&self.next.content);
        std::mem::swap(&mut self.shown, &mut self.next);
        true
    }

    /// Somebody else wrote on the terminal, or it was cleared.
    pub fn forget(&mut self) {
        self.shown = Buffer::default();
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::*;

    const AREA: Rect = Rect::new(0, 0, 20, 3);

    /// Whether a frame with these words would be written; it is put where it would.
    fn changes(painting: &mut Painting, area: Rect, words: &str) -> bool {
        let ((), changed) = painting.paint(area, |_, buffer| {
            buffer.set_string(0, 1, words, Style::default());
        });
        if changed {
            assert!(painting.put(&mut Buffer::empty(area)));
        }
        changed
    }

    #[test]
    fn only_what_changes_a_cell_is_written() {
        let mut painting = Painting::default();
        assert!(changes(&mut painting, AREA, "10 %"));
        assert!(!changes(&mut painting, AREA, "10 %"));
        assert!(!changes(&mut painting, AREA, "10 %"));
        assert!(changes(&mut painting, AREA, "50 %"));
        assert!(changes(&mut painting, AREA, "10 %"));
        assert!(changes(&mut painting, Rect::new(0, 0, 10, 3), "10 %"));
        assert!(!changes(&mut painting, Rect::new(0, 0, 10, 3), "10 %"));
    }

    #[test]
    fn after_somebody_else_wrote_all_of_it_is_written_again() {
        let mut painting = Painting::default();
        assert!(changes(&mut painting, AREA, "10 %"));
        painting.forget();
        assert!(changes(&mut painting, AREA, "10 %"));
    }

    #[test]
    fn a_terminal_that_was_resized_meanwhile_gets_the_next_frame_whole() {
        let mut painting = Painting::default();
        painting.paint(AREA, |_, _| ());
        assert!(!painting.put(&mut Buffer::empty(Rect::new(0, 0, 9, 9))));
        assert!(changes(&mut painting, AREA, "10 %"));
    }
}
