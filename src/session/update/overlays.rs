//! Palette, prompt and dialog: the only places where typed text has a meaning. A dialog ignores keys from before it
//! was painted, and pasted text altogether.

use jiff::Timestamp;
use tui_input::{Input, InputRequest};

use crate::session::{
    cockpit::{Busy, Cockpit, Severity},
    effect::Effect,
    palette::{self, Line},
    show,
    view::{Aim, Ask, Dialog, Overlay, PaletteState, Prompt},
    wanted::{self, Question, Wanted},
};
use crate::{
    domain::workspace::{Actor, IdentityMeans},
    input::{Action, Chord, Key, reference},
    policy::confirm::{Friction, Reply},
};

pub fn painted(cockpit: &mut Cockpit) {
    let now = cockpit.now;
    match &mut cockpit.view.overlay {
        Some(Overlay::Dialog(dialog)) => {
            dialog.challenge.painted_at.get_or_insert(now);
        }
        Some(Overlay::Prompt(prompt)) => {
            prompt.painted_at.get_or_insert(now);
        }
        _ => {}
    }
}

/// Pasted text goes where text is written, and never answers a dialog.
pub fn pasted(cockpit: &mut Cockpit, text: &str) -> Vec<Effect> {
    let line: String = text.chars().filter(|c| !c.is_control()).collect();
    let into = |input: &mut Input| {
        for character in line.chars().take(4096) {
            input.handle(InputRequest::InsertChar(character));
        }
    };
    match &mut cockpit.view.overlay {
        Some(Overlay::Palette(palette)) => into(&mut palette.input),
        Some(Overlay::Prompt(prompt)) => into(&mut prompt.input),
        Some(Overlay::Dialog(dialog)) => {
            dialog.note = Some("pasted text does not answer this: type it".to_owned());
        }
        Some(Overlay::Help) => {}
        None if cockpit.view.filtering => into(&mut cockpit.view.filter),
        None => cockpit.say(
            Severity::Info,
            "pasted text is ignored here; / filters, : takes commands",
        ),
    }
    Vec::new()
}

/// The editing keys of one line.
pub fn edit(input: &mut Input, chord: Chord) {
    let request = match (chord.key, chord.ctrl) {
        (Key::Backspace, _) => InputRequest::DeletePrevChar,
        (Key::Delete, _) => InputRequest::DeleteNextChar,
        (Key::Left, _) => InputRequest::GoToPrevChar,
        (Key::Right, _) => InputRequest::GoToNextChar,
        (Key::Home, _) | (Key::Char('a'), true) => InputRequest::GoToStart,
        (Key::End, _) | (Key::Char('e'), true) => InputRequest::GoToEnd,
        (Key::Char('w'), true) => InputRequest::DeletePrevWord,
        (Key::Char('u'), true) => InputRequest::DeleteLine,
        _ => match chord.typed() {
            Some(character) => InputRequest::InsertChar(character),
            None => return,
        },
    };
    input.handle(request);
}

pub fn open_palette(cockpit: &mut Cockpit) {
    cockpit.view.overlay = Some(Overlay::Palette(PaletteState::default()));
}

/// The palette's entries for what is typed.
fn entries(cockpit: &Cockpit, typed: &str) -> Vec<reference::PaletteEntry> {
    palette::filter_entries(
        reference::palette(&cockpit.keymap, cockpit.view.screen.context()),
        typed,
    )
}

/// What the palette lists now, each with the reason why it cannot run.
pub fn listed(cockpit: &Cockpit) -> Vec<(reference::PaletteEntry, Option<String>)> {
    let Some(Overlay::Palette(palette)) = &cockpit.view.overlay else {
        return Vec::new();
    };
    entries(cockpit, palette.input.value())
        .into_iter()
        .map(|entry| (entry.clone(), wanted::why_not(cockpit, entry.action)))
        .collect()
}

pub fn palette_moved(cockpit: &mut Cockpit, by: isize) {
    let count = listed(cockpit).len();
    if let Some(Overlay::Palette(palette)) = &mut cockpit.view.overlay {
        palette.selected = palette
            .selected
            .saturating_add_signed(by)
            .min(count.saturating_sub(1));
    }
}

pub fn complete(cockpit: &mut Cockpit) {
    let Some(Overlay::Palette(palette)) = &cockpit.view.overlay else {
        return;
    };
    let Some(entry) = entries(cockpit, palette.input.value())
        .into_iter()
        .nth(palette.selected)
    else {
        return;
    };
    if let Some(Overlay::Palette(palette)) = &mut cockpit.view.overlay {
        palette.input = Input::new(format!("{} ", entry.command));
        palette.selected = 0;
    }
}

/// Enter in the palette: the line if it parses, else the selected entry.
pub fn run_palette(cockpit: &mut Cockpit) -> Vec<Effect> {
    let Some(Overlay::Palette(palette)) = &cockpit.view.overlay else {
        return Vec::new();
    };
    let typed = palette.input.value().trim().to_owned();
    let chosen = entries(cockpit, &typed).into_iter().nth(palette.selected);
    let several_words = typed.contains(' ');
    let line = match chosen {
        Some(entry) if !several_words && entry.command != "--as" => entry.command.to_owned(),
        _ => typed,
    };
    match parsed(cockpit, &line) {
        Ok(Line::SwitchOperator(name)) => {
            cockpit.view.overlay = None;
            switch_operator(cockpit, &name);
            Vec::new()
        }
        Ok(Line::Act { aim, target }) => {
            cockpit.view.overlay = None;
            if let Some(target) = target {
                cockpit.focus_on(&target);
            }
            let Some(action) = aim.action else {
                return Vec::new();
            };
            super::keys::run(cockpit, action, &aim)
        }
        Err(sentence) => {
            if let Some(Overlay::Palette(palette)) = &mut cockpit.view.overlay {
                palette.note = Some(sentence);
            }
            Vec::new()
        }
    }
}

/// What a line of the palette's grammar asks for, seen from the target in focus.
pub fn parsed(cockpit: &Cockpit, line: &str) -> Result<Line, String> {
    let focus = cockpit.focus().map(|target| target.id.clone());
    let known = &cockpit.known;
    let named = |target: &crate::domain::target::TargetId, name: &str| {
        let releases = known
            .releases
            .get(&target.project)
            .map_or(&[][..], Vec::as_slice);
        let resolution = crate::policy::resolve::resolve(releases, name);
        // What the ledger quotes is enough while the repository cannot be read.
        let quoted = || {
            let known = known.targets.get(target).filter(|_| releases.is_empty())?;
            crate::policy::resolve::quoted(&known.state, &target.project, name)
        };
        resolution
            .release()
            .map(|release| release.number)
            .or_else(|| quoted().map(|release| release.number))
            .ok_or_else(|| resolution.sentence(name).unwrap_or_default())
    };
    palette::parse(line, cockpit.workspace(), focus.as_ref(), named)
}

/// A5: the name is claimed, not proved; the ledger says so with every entry.
pub fn switch_operator(cockpit: &mut Cockpit, name: &str) {
    let people = &cockpit.workspace().people;
    let person = people.iter().find(|person| person.name == name);
    if let Some(person) = person {
        let (email, host) = (person.email.clone(), cockpit.me.host.clone());
        cockpit.me = Actor {
            name: name.to_owned(),
            email,
            means: IdentityMeans::Claimed,
            host,
        };
        cockpit.say(Severity::Info, format!("you act as {name} now"));
    } else {
        let names: Vec<&str> = people.iter().map(|person| person.name.as_str()).collect();
        cockpit.say(
            Severity::Warning,
            format!(
                "nobody here is called {name}; there are: {}",
                names.join(", ")
            ),
        );
    }
}

pub fn open_prompt(cockpit: &mut Cockpit, ask: Ask) {
    let input = Input::new(ask.suggestion().to_owned());
    cockpit.view.overlay = Some(Overlay::Prompt(Prompt {
        ask,
        input,
        note: None,
        painted_at: None,
    }));
}

/// Enter in a prompt.
pub fn answer_prompt(cockpit: &mut Cockpit) -> Vec<Effect> {
    let Some(Overlay::Prompt(prompt)) = &cockpit.view.overlay else {
        return Vec::new();
    };
    if prompt.ask == Ask::Quit {
        if prompt.input.value().trim() == "quit" {
            return vec![Effect::Quit];
        }
        note(cockpit, "type quit, or esc to stay");
        return Vec::new();
    }
    match wanted::complete(cockpit, &prompt.ask, prompt.input.value()) {
        Ok(wanted) => {
            cockpit.view.overlay = None;
            want(cockpit, wanted)
        }
        Err(refusal) => {
            note(cockpit, &refusal.sentence);
            Vec::new()
        }
    }
}

fn note(cockpit: &mut Cockpit, text: &str) {
    match &mut cockpit.view.overlay {
        Some(Overlay::Prompt(prompt)) => prompt.note = Some(text.to_owned()),
        Some(Overlay::Dialog(dialog)) => dialog.note = Some(text.to_owned()),
        _ => {}
    }
}

/// What an action turned into is carried out, or its dialog opens.
pub fn want(cockpit: &mut Cockpit, wanted: Wanted) -> Vec<Effect> {
    let Some(target) = cockpit.focus().map(|target| target.id.clone()) else {
        return Vec::new();
    };
    match wanted {
        Wanted::Record(command) => vec![Effect::Record {
            target,
            command: Box::new(command),
        }],
        Wanted::Prompt(ask) => {
            open_prompt(cockpit, ask);
            Vec::new()
        }
        Wanted::Resolve(release) => {
            let key = (release.project.clone(), release.commit.clone());
            cockpit.say(Severity::Info, format!("asking the registry for the digest of release {}; press again when it is there", release.title()));
            if cockpit.resolving.insert(key) {
                return vec![Effect::Resolve {
                    project: release.project,
                    commit: release.commit,
                }];
            }
            Vec::new()
        }
        Wanted::Confirm(question) => {
            let Question {
                command,
                challenge,
                opening,
            } = *question;
            let dialog = Dialog {
                challenge,
                command,
                opening,
                input: Input::default(),
                note: None,
            };
            let asks = dialog.challenge.friction != Friction::None;
            cockpit.view.overlay = Some(Overlay::Dialog(Box::new(dialog)));
            if asks {
                Vec::new()
            } else {
                answer_dialog(cockpit)
            }
        }
    }
}

/// Enter in a dialog.
fn answer_dialog(cockpit: &mut Cockpit) -> Vec<Effect> {
    answer_dialog_at(cockpit, cockpit.now)
}

/// An answer to the dialog, given at `at`. Only what was confirmed becomes an effect.
pub fn answer_dialog_at(cockpit: &mut Cockpit, at: Timestamp) -> Vec<Effect> {
    let Some(Overlay::Dialog(dialog)) = &mut cockpit.view.overlay else {
        return Vec::new();
    };
    match dialog.challenge.answer(dialog.input.value(), at) {
        Reply::TooEarly => Vec::new(),
        Reply::Mismatch => {
            if let Friction::Type(expected) = &dialog.challenge.friction {
                dialog.note = Some(format!("that is not `{expected}`"));
            }
            dialog.input.reset();
            Vec::new()
        }
        Reply::Confirmed(confirmed) => {
            let (command, opening) = (
                Box::new(dialog.command.clone()),
                dialog.opening.clone().map(Box::new),
            );
            cockpit.view.overlay = None;
            let act = confirmed.act();
            let (kind, target) = (act.kind, act.target.clone());
            cockpit.busy.insert(
                target,
                Busy {
                    kind,
                    since: cockpit.now,
                },
            );
            cockpit.say(Severity::Info, format!("{}: asked", kind.verb()));
            vec![Effect::Execute {
                confirmed,
                command,
                opening,
            }]
        }
    }
}

/// Enter, in whatever takes an answer.
pub fn answer(cockpit: &mut Cockpit) -> Vec<Effect> {
    match &cockpit.view.overlay {
        Some(Overlay::Prompt(_)) => answer_prompt(cockpit),
        Some(Overlay::Dialog(_)) => answer_dialog(cockpit),
        _ => Vec::new(),
    }
}

/// Keys that are text go into what is open.
pub fn typed(cockpit: &mut Cockpit, chord: Chord) {
    match &mut cockpit.view.overlay {
        Some(Overlay::Palette(palette)) => {
            edit(&mut palette.input, chord);
            (palette.selected, palette.note) = (0, None);
        }
        Some(Overlay::Prompt(prompt)) => {
            edit(&mut prompt.input, chord);
            prompt.note = None;
        }
        Some(Overlay::Dialog(dialog)) => {
            let deaf = dialog.challenge.painted_at.is_none_or(|painted| {
                cockpit.now.duration_since(painted) < crate::policy::confirm::DEAF_FOR
            });
            if !deaf && matches!(dialog.challenge.friction, Friction::Type(_)) {
                edit(&mut dialog.input, chord);
                dialog.note = None;
            }
        }
        Some(Overlay::Help) => {}
        None => {
            edit(&mut cockpit.view.filter, chord);
            cockpit.view.release = 0;
        }
    }
}

/// What `y` copies: the digest, id or sentence under the cursor.
pub fn copied(cockpit: &Cockpit) -> Option<String> {
    use crate::session::view::Screen;
    match cockpit.view.screen {
        Screen::Releases => cockpit
            .releases_shown()
            .get(cockpit.view.release)
            .map(|release| release.commit.to_string()),
        Screen::Plan => show::plan(cockpit).map(|plan| plan.plan.digest.to_string()),
        Screen::Flight => cockpit
            .facts()
            .and_then(|facts| facts.current())
            .map(|current| current.id.to_string()),
        Screen::Timeline => {
            let lines = show::timeline(cockpit);
            let at = lines.len().checked_sub(1 + cockpit.view.timeline_back)?;
            lines
                .get(at)
                .map(|line| format!("{} {}", line.at, line.sentence))
        }
        Screen::Fleet => cockpit.focus().map(|target| target.id.to_string()),
    }
}

/// A key was meant for an action; say why it cannot be.
pub fn refuse(cockpit: &mut Cockpit, action: Action, refusal: &crate::policy::refusal::Refusal) {
    cockpit.refused = Some(refusal.kind);
    let hint = refusal
        .hint
        .as_ref()
        .map_or_else(String::new, |hint| format!(" ({hint})"));
    cockpit.say(
        Severity::Warning,
        format!("{}: {}{hint}", action.label(), refusal.sentence),
    );
}

/// An aim without anything but its action.
pub fn plain(action: Action) -> Aim {
    Aim {
        action: Some(action),
        ..Aim::default()
    }
}
