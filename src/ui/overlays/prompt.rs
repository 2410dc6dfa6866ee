//! One line of text that a command still needs: a reason that others will read.

use ratatui::layout::Rect;

use crate::domain::hotfix::Criterion;
use crate::session::view::{Ask, Prompt};
use crate::ui::canvas::{Canvas, Line};
use crate::ui::theme::Role;
use crate::ui::widgets::{Dialog, HintWord, Tone};

pub fn draw(canvas: &mut Canvas, prompt: &Prompt, area: Rect) {
    let danger = matches!(
        prompt.ask,
        Ask::RollBack { .. }
            | Ask::Quit { .. }
            | Ask::Act { .. }
            | Ask::TakeOver { present: true, .. }
    );
    let says = match prompt.ask {
        Ask::Quit { .. } => {
            "gonogo writes down what is reached and guards nothing once it is gone; the platform stays as it is."
        }
        Ask::RollBack { .. } => {
            "The reason goes into the ledger; what will happen is shown before it does."
        }
        Ask::HotfixCriterion { .. } => {
            "Only for one of these it may hurry; type its number or its word:"
        }
        Ask::HotfixName { .. } => {
            "The branch begins at what is live, and the clock with it. It goes into the ledger with your name."
        }
        Ask::HotfixAgain { .. } => {
            "Two of one kind are two clocks, two branches and two backports."
        }
        Ask::TakeOver { present: true, .. } => {
            "They fly now and are not asked. Ask them first; the ledger says that you took the controls, and why."
        }
        Ask::Act { .. } => {
            "It is previewed once more first, and not begun if that is not what was read."
        }
        _ => "It goes into the ledger with your name.",
    };
    let mut body: Vec<Line> = Vec::new();
    for line in prompt.ask.details() {
        body.push(vec![canvas.piece(line, Role::TextStrong)]);
        body.push(Vec::new());
    }
    body.push(vec![canvas.piece(says, Role::TextDim)]);
    if matches!(prompt.ask, Ask::HotfixCriterion { .. }) {
        body.extend((1..).zip(Criterion::ALL).map(|(nth, criterion)| {
            vec![
                canvas.piece(format!("{nth} "), Role::HintKey),
                canvas.piece(criterion.word(), Role::TextStrong),
            ]
        }));
    }
    let go_on = match prompt.ask {
        Ask::Quit { .. } => "leaves, once quit is typed",
        _ => "go on",
    };
    let hints = [
        HintWord::new("enter", go_on),
        HintWord::new(
            "esc",
            if matches!(prompt.ask, Ask::Quit { .. }) {
                "stay"
            } else {
                "back"
            },
        ),
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
