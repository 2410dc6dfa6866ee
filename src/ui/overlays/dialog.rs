//! The question before an act: what will be done, what is true afterwards, what it relies on, and what answers it.

use ratatui::layout::Rect;

use crate::domain::change::{Act, ActKind, Change, Expect};
use crate::policy::confirm::Friction;
use crate::session::cockpit::Cockpit;
use crate::session::view;
use crate::ui::canvas::{Canvas, Line};
use crate::ui::layout::cut_top;
use crate::ui::panes::gates::hang;
use crate::ui::theme::Role;
use crate::ui::widgets::{Dialog, HintWord, Tone};

/// Columns of words before a line is broken.
const WIDEST: u16 = 74;

pub fn draw(canvas: &mut Canvas, cockpit: &Cockpit, dialog: &view::Dialog, area: Rect) {
    let act = &dialog.challenge.act;
    let environment = cockpit.workspace().environment(&act.target.environment);
    let protected = environment.is_some_and(|environment| environment.protected);
    let danger = protected || matches!(act.kind, ActKind::Abort | ActKind::RollBack);
    let width = area.width.saturating_sub(4).min(WIDEST);
    let roomy = area.height >= 24;

    let mut body: Vec<Line> = Vec::new();
    let label = |words: &str| vec![canvas.piece(format!("{words:<12}"), Role::TextDim)];
    for (index, change) in act.changes.iter().enumerate() {
        let number = if act.changes.len() > 1 {
            format!("{}  ", index + 1)
        } else {
            String::new()
        };
        let mut lead = label(if index == 0 { "does" } else { "" });
        lead.push(canvas.piece(number, Role::TextDim));
        body.extend(hang(canvas, &lead, &change.line(), Role::Dialog, width, 3));
    }
    if roomy {
        body.push(Line::new());
    }
    for (index, sentence) in act.afterwards.iter().enumerate() {
        body.extend(hang(
            canvas,
            &label(if index == 0 { "afterwards" } else { "" }),
            sentence,
            Role::TextStrong,
            width,
            3,
        ));
    }
    if roomy {
        body.push(Line::new());
    }
    if let Some(reason) = &act.reason {
        body.extend(hang(
            canvas,
            &label("because"),
            reason,
            Role::Dialog,
            width,
            2,
        ));
    }
    let relies = relies_on(act);
    if !relies.is_empty() {
        body.extend(hang(
            canvas,
            &label("only if"),
            &relies,
            Role::TextDim,
            width,
            2,
        ));
    }
    let mut seal = label("act");
    seal.push(canvas.piece(dialog.challenge.fingerprint.short(), Role::TextDim));
    body.push(seal);
    let expected = match &dialog.challenge.friction {
        Friction::Type(expected) => Some(expected.as_str()),
        Friction::Enter | Friction::None => None,
    };
    let to = if act.kind == ActKind::RollBack {
        " to"
    } else {
        ""
    };
    let verb = format!(
        "{}{to} {}",
        verb(act.kind).to_lowercase(),
        act.release.title()
    );
    let hints = [
        HintWord::new("enter", verb.as_str()),
        HintWord::new("esc", "back, nothing happens"),
    ];
    let title = title(act, protected);
    let tone = if danger { Tone::Danger } else { Tone::Plain };
    // What was wrong with the last answer stands above the next one, whatever is cut.
    let extra = if expected.is_some() {
        2
    } else {
        u16::from(dialog.note.is_some())
    };
    let kept = Dialog {
        title: &title,
        tone,
        body: &body,
        extra,
        hints: &hints,
    }
    .render(area, canvas.buf, canvas.theme);
    if let Some(note) = &dialog.note {
        canvas.put(kept, 0, 0, &format!("! {note}"), Role::Warning);
    }
    if let Some(expected) = expected {
        let (_, kept) = cut_top(kept, kept.height.saturating_sub(1));
        let end = canvas.put(kept, 0, 0, "type ", Role::Dialog);
        let end = canvas.put(kept, end, 0, expected, Role::TextStrong);
        let end = canvas.put(kept, end, 0, "  ", Role::Dialog);
        let field = Rect {
            width: kept.width.min(end + 24),
            ..kept
        };
        canvas.input(field, end, 0, dialog.input.value(), dialog.input.cursor());
    }
}

/// `Abort 42 v1.3.0 in PRODUCTION`
fn title(act: &Act, protected: bool) -> String {
    let place = act.target.environment.as_str();
    let place = if protected {
        place.to_uppercase()
    } else {
        place.to_owned()
    };
    let to = if act.kind == ActKind::RollBack {
        " to"
    } else {
        ""
    };
    format!(
        "{}{to} {} · {} in {place}",
        verb(act.kind),
        act.release.title(),
        act.target.project.name()
    )
}

fn verb(kind: ActKind) -> &'static str {
    match kind {
        ActKind::Fly => "Fly",
        ActKind::Promote => "Promote",
        ActKind::PromoteFully => "Promote fully",
        ActKind::Hold => "Hold",
        ActKind::Resume => "Resume",
        ActKind::Abort => "Abort",
        ActKind::Retry => "Retry",
        ActKind::RollBack => "Roll back",
    }
}

/// What has to be so at the moment it lands: the narrowest preconditions of all changes together.
fn relies_on(act: &Act) -> String {
    let mut said: Vec<String> = Vec::new();
    let mut say = |words: String| {
        if !said.contains(&words) {
            said.push(words);
        }
    };
    for expect in act.changes.iter().filter_map(expect) {
        if let Some(step) = expect.step {
            say(format!("it rests at step {step}"));
        }
        if let Some(hash) = &expect.pod_hash {
            say(format!("the template is {hash}"));
        }
        if let Some(image) = &expect.image {
            say(format!(
                "the image is {}",
                crate::domain::change::short_image(image)
            ));
        }
    }
    said.join(", ")
}

fn expect(change: &Change) -> Option<&Expect> {
    match change {
        Change::SetImage { expect, .. }
        | Change::PromoteStep { expect, .. }
        | Change::PromoteFull { expect, .. }
        | Change::Abort { expect, .. }
        | Change::Retry { expect, .. }
        | Change::Hold { expect, .. }
        | Change::Resume { expect, .. } => Some(expect),
        Change::AwaitTemplate { .. } => None,
    }
}
