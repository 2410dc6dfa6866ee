//! Palette, prompt and dialog: the only places where typed text has a meaning. A dialog ignores keys from before it
//! was painted, and pasted text altogether.

use jiff::Timestamp;
use tui_input::{Input, InputRequest};

use crate::session::{
    cockpit::{Busy, Cockpit, Severity},
    effect::Effect,
    palette::{self, Line},
    runs::Run,
    show,
    view::{Aim, Ask, Dialog, Overlay, PaletteState, Prompt},
    wanted::{self, Question, Wanted},
};
use crate::{
    domain::{
        catalogue::Catalogue,
        text::is_hidden,
        workspace::{Actor, IdentityMeans},
    },
    input::{Action, Chord, Key, reference},
    policy::{
        confirm::{Friction, Reply},
        decide::Command,
    },
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

/// The terminal showed something else meanwhile: a question is deaf again until it was seen again.
pub fn unpainted(cockpit: &mut Cockpit) {
    if let Some(Overlay::Dialog(dialog)) = &mut cockpit.view.overlay {
        dialog.challenge.painted_at = None;
    }
}

/// The most characters of one paste that a line takes.
const LONGEST_PASTE: usize = 4096;

/// Pasted text as one line, and what had to be left out of it.
fn as_line(text: &str) -> (String, Option<String>) {
    let words: Vec<&str> = text
        .split(['\n', '\r', '\t'])
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .collect();
    let joined = words.join(" ");
    let seen: String = joined.chars().filter(|c| !is_hidden(*c)).collect();
    let hidden = joined.chars().count() - seen.chars().count();
    let long = seen.chars().count().saturating_sub(LONGEST_PASTE);
    let note = match (hidden, long) {
        (0, 0) => None,
        (0, long) => Some(format!("pasted without its last {long} characters")),
        (hidden, _) => Some(format!(
            "pasted without {hidden} characters that cannot be seen"
        )),
    };
    (seen.chars().take(LONGEST_PASTE).collect(), note)
}

/// Pasted text goes where text is written, and never answers a dialog.
pub fn pasted(cockpit: &mut Cockpit, text: &str) -> Vec<Effect> {
    let (line, left_out) = as_line(text);
    cockpit.view.pending.clear();
    let into = |input: &mut Input| {
        // One string instead of thousands of insertions, each of which would move the rest.
        let at = input.cursor();
        let mut value: String = input.value().chars().take(at).collect();
        value.push_str(&line);
        let cursor = at + line.chars().count();
        value.extend(input.value().chars().skip(at));
        *input = Input::new(value).with_cursor(cursor);
    };
    match &mut cockpit.view.overlay {
        Some(Overlay::Palette(palette)) => {
            into(&mut palette.input);
            (palette.selected, palette.note) = (0, left_out);
        }
        Some(Overlay::Prompt(prompt)) if matches!(prompt.ask, Ask::Act { .. }) => {
            prompt.note = Some("pasted text does not answer this: type it".to_owned());
        }
        Some(Overlay::Prompt(prompt)) => {
            into(&mut prompt.input);
            prompt.note = left_out;
        }
        Some(Overlay::Dialog(dialog)) => {
            dialog.note = Some("pasted text does not answer this: type it".to_owned());
        }
        Some(
            Overlay::Help
            | Overlay::Difference { .. }
            | Overlay::Paper { .. }
            | Overlay::Sql { .. }
            | Overlay::Page { .. },
        ) => {}
        None if cockpit.view.filtering => {
            into(cockpit.view.filter_line());
        }
        None => cockpit.say(
            Severity::Info,
            "pasted text is ignored here; / filters, : takes commands",
        ),
    }
    Vec::new()
}

/// What is typed takes the place of what was suggested, and is never added to it.
pub fn unsuggest(prompt: &mut Prompt, chord: Chord) {
    let suggestion = prompt.ask.suggestion();
    if chord.typed().is_some() && !suggestion.is_empty() && prompt.input.value() == suggestion {
        prompt.input = Input::default();
    }
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

/// What the palette lists now, each with the reason why it cannot run. What can run comes first; but what is called
/// exactly as typed comes before all others, or enter would run something else than what was written.
pub fn listed(cockpit: &Cockpit) -> Vec<(reference::PaletteEntry, Option<String>)> {
    let Some(Overlay::Palette(palette)) = &cockpit.view.overlay else {
        return Vec::new();
    };
    let typed = palette.input.value();
    let all = reference::palette(&cockpit.keymap, cockpit.view.screen.context());
    let mut listed: Vec<(reference::PaletteEntry, Option<String>)> =
        palette::filter_entries(all, typed)
            .into_iter()
            .map(|entry| {
                let why_not = wanted::why_not(cockpit, entry.action);
                (entry, why_not)
            })
            .collect();
    // Stable: the order of the search stays within each part.
    let word = typed.split_whitespace().next().unwrap_or_default();
    listed.sort_by_key(|(entry, why_not)| (entry.command != word, why_not.is_some()));
    listed
}

/// The entry under the palette's cursor.
fn chosen(cockpit: &Cockpit) -> Option<reference::PaletteEntry> {
    let Some(Overlay::Palette(palette)) = &cockpit.view.overlay else {
        return None;
    };
    let (entry, _) = listed(cockpit).into_iter().nth(palette.selected)?;
    Some(entry)
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
    let Some(entry) = chosen(cockpit) else {
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
    let chosen = chosen(cockpit);
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
            .map_or(&[][..], Catalogue::as_slice);
        let resolution = crate::policy::resolve::resolve(releases, name);
        // What the ledger quotes is enough while the repository cannot be read.
        let quoted = || {
            let known = known.targets.get(target).filter(|_| releases.is_empty())?;
            crate::policy::resolve::quoted(known.stands(), &target.project, name)
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
    if matches!(prompt.ask, Ask::Quit { .. }) {
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
        Wanted::Record(command @ Command::Run { .. }) => {
            let Command::Run { item, .. } = &command else {
                return Vec::new();
            };
            let item = item.clone();
            let begun = Run::begun(cockpit.now);
            cockpit.runs.insert((target.clone(), item.clone()), begun);
            cockpit.say(Severity::Info, format!("{item} runs in the background"));
            vec![Effect::Run {
                target,
                item,
                command: Box::new(command),
            }]
        }
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
            let taken = match act.controls.as_ref().map(|taking| &taking.from) {
                Some(Some(from)) => (
                    Severity::Warning,
                    format!("; it takes the controls from {from}: tell them"),
                ),
                Some(None) | None => (Severity::Info, String::new()),
            };
            cockpit.say(taken.0, format!("{}: asked{}", kind.verb(), taken.1));
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
            unsuggest(prompt, chord);
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
        Some(
            Overlay::Help
            | Overlay::Difference { .. }
            | Overlay::Paper { .. }
            | Overlay::Sql { .. }
            | Overlay::Page { .. },
        ) => {}
        None => {
            edit(cockpit.view.filter_line(), chord);
        }
    }
}

/// The most that terminals take through OSC 52: 100,000 bytes of sequence, base64 and its frame included.
pub const MOST_COPIED: usize = 74_994;

/// `y`: what is under the cursor goes to the clipboard, as it can be seen.
pub fn copy(cockpit: &mut Cockpit) -> Vec<Effect> {
    if let Some(Overlay::Paper { paper, .. }) = &cockpit.view.overlay {
        let text = paper.copied.clone();
        let title = paper.title.clone();
        cockpit.say(Severity::Info, format!("copied: {title}"));
        return vec![Effect::Copy(text)];
    }
    let Some(text) = copied(cockpit) else {
        cockpit.say(Severity::Info, "nothing is selected that could be copied");
        return Vec::new();
    };
    let text: String = text.chars().filter(|c| !is_hidden(*c)).collect();
    if text.len() > MOST_COPIED {
        cockpit.say(
            Severity::Warning,
            format!(
                "not copied: {} bytes, and a terminal takes {MOST_COPIED}",
                text.len()
            ),
        );
        return Vec::new();
    }
    cockpit.say(Severity::Info, format!("copied {text}"));
    vec![Effect::Copy(text)]
}

/// The whole dead-man card of the target in focus.
pub fn copy_card(cockpit: &mut Cockpit) -> Vec<Effect> {
    let written = cockpit
        .focus()
        .and_then(|target| cockpit.cards.get(&target.id));
    let Some(written) = written.cloned() else {
        cockpit.say(
            Severity::Info,
            "no card was written here yet: that happens at take-off (gonogo card ENV PROJECT prints one)",
        );
        return Vec::new();
    };
    cockpit.say(
        Severity::Info,
        format!("copied the dead-man card; it is in {}", written.path),
    );
    vec![Effect::Copy(written.text)]
}

/// A line of a timeline that is scrolled back by so many lines.
fn entry(lines: &[show::TimelineLine], back: usize) -> Option<String> {
    let line = lines.get(lines.len().checked_sub(1 + back)?)?;
    Some(format!("{} {}", line.at, line.sentence))
}

/// The digest, id or sentence under the cursor.
fn copied(cockpit: &Cockpit) -> Option<String> {
    use crate::session::view::{FlightPane, Screen};
    match cockpit.view.screen {
        Screen::Releases => cockpit
            .releases_shown()
            .get(cockpit.view.release)
            .map(|release| release.commit.to_string()),
        Screen::Plan => show::plan(cockpit).map(|plan| plan.plan.digest.to_string()),
        Screen::Flight => {
            let flight = show::flight(cockpit)?;
            match cockpit.view.pane {
                FlightPane::Gates => match &flight.lines.get(cockpit.view.flight_line)?.kind {
                    show::LineKind::Gate(gate) => Some(gate.sentence.clone()),
                    show::LineKind::Item { spec, .. } => {
                        Some(format!("{} {}", spec.id, spec.title))
                    }
                },
                FlightPane::Pods => {
                    let pods = show::pods::lines(flight.observed?);
                    pods.get(cockpit.view.pod_line)
                        .map(|pod| pod.name.to_string())
                }
                FlightPane::Timeline => entry(&flight.timeline, cockpit.view.timeline_back),
            }
        }
        Screen::History => {
            let record = *show::history(cockpit).get(cockpit.view.history)?;
            Some(record.id.to_string())
        }
        Screen::Timeline => entry(&show::timeline(cockpit), cockpit.view.timeline_back),
        Screen::Poll => show::poll(cockpit)?.poll.map(|poll| poll.sentence),
        Screen::Inbox => show::inbox(cockpit)
            .get(cockpit.view.inbox_line)
            .map(|errand| format!("{}: {}", errand.target, errand.sentence)),
        Screen::Fleet => cockpit.focus().map(|target| target.id.to_string()),
        Screen::Hotfix => {
            let owed = show::selected_owed(cockpit)?;
            Some(format!("{} {}", owed.item, owed.title))
        }
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
