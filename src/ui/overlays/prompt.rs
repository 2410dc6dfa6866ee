//! One line of text that a command still needs: a reason that others will read.

use ratatui::layout::Rect;

use crate::session::view::{Ask, Prompt};
use crate::ui::canvas::{Canvas, Line};
use crate::ui::theme::Role;
use crate::ui::widgets::{Dialog, HintWord, Tone};

pub fn draw(canvas: &mut Canvas, prompt: &Prompt, area: Rect) {
    let danger = matches!(
        prompt.ask,
        Ask::RollBack { .. } | Ask::Quit { .. } | Ask::Act { .. }
    );
    let says = match prompt.ask {
        Ask::Quit { .. } => {
            "gonogo writes down what is reached and guards nothing once it is gone; the platform stays as it is."
        }
        Ask::RollBack { .. } => {
            "The reason goes into the ledger; what will happen is shown before it does."
        }
        Ask::Act { .. } => {
            "It is previewed once more first, and not begun if that is not what was read."
        }
        _ => "It goes into the ledger with your name.",
    };
    let body: Vec<Line> = vec![vec![canvas.piece(says, Role::TextDim)]];
    let hints = [
        HintWord::new("enter", "go on"),
        HintWord::new("esc", "back"),
    ];
    let title = prompt.ask.title();
    let dialog = Dialog {
        title: &title,
        tone: if danger { Tone::Danger } else { Tone::Plain },
        body: &body,
        extra: 2,
        hints: &hints,
    };
    let kept = dialog.render(area, canvas.buf, canvas.theme);
    if let Some(note) = &prompt.note {
        canvas.put(kept, 0, 0, &format!("! {note}"), Role::Warning);
    }
    canvas.input(
        kept,
        0,
        kept.height.saturating_sub(1),
        prompt.input.value(),
        prompt.input.cursor(),
    );
}
