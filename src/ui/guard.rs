//! A part of the screen that panics takes only itself down: release managers need the rest of it just then.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
};

thread_local! {
    static CONTAINING: Cell<bool> = const { Cell::new(false) };
}

/// Whether a panic of this thread would be contained. The panic hook asks, and leaves the terminal alone then.
pub fn is_containing() -> bool {
    CONTAINING.get()
}

/// Runs `draw`; a panic comes back as its words. What was half drawn is the caller's to clear.
pub fn contained(draw: impl FnOnce()) -> Result<(), String> {
    let outer = CONTAINING.replace(true);
    // Nothing that outlives the frame can be left in between: drawing reads state and writes cells.
    let ended = catch_unwind(AssertUnwindSafe(draw));
    CONTAINING.set(outer);
    ended.map_err(|panic| words(panic.as_ref()))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned());
    text.unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use ratatui::buffer::Buffer;
    use ratatui::layout::Rect;

    use crate::ui::canvas::Canvas;
    use crate::ui::spots::Spots;
    use crate::ui::text::lines;
    use crate::ui::theme::{Role, Theme};

    #[test]
    fn a_pane_that_panics_says_so_in_its_place_and_the_others_are_whole() {
        let theme = Theme::probe();
        let screen = Rect::new(0, 0, 60, 8);
        let mut buf = Buffer::empty(screen);
        let mut canvas = Canvas {
            buf: &mut buf,
            theme: &theme,
            spots: Spots::default(),
        };
        let (left, right) = (Rect::new(0, 0, 30, 8), Rect::new(30, 0, 30, 8));
        assert!(!canvas.guarded(left, "Pods", |canvas| {
            canvas.put(left, 2, 2, "half a pod", Role::Text);
            let nothing: [u8; 0] = [];
            let index = usize::from(canvas.buf.area.width);
            assert_eq!(nothing[index], 0);
        }));
        assert!(canvas.guarded(right, "Gates", |canvas| {
            canvas.put(right, 2, 2, "every gate", Role::Text);
        }));
        assert!(!super::is_containing());
        let text = lines(&buf).join("\n");
        for words in [
            "Pods",
            "✖ FAULT",
            "could not be",
            "index out of",
            "every gate",
        ] {
            assert!(text.contains(words), "{words}:\n{text}");
        }
        assert!(!text.contains("half a pod"), "{text}");
    }
}
