//! A whole line, where there is no screen: the answer to the question that stands open, or a command of the palette's
//! grammar. Ends in the same actions, the same decisions and the same confirmations as keys do.

use jiff::Timestamp;
use tui_input::Input;

use crate::{
    input::{Action, Context, Group, Risk},
    policy::{
        confirm::{DEAF_FOR, Friction},
        refusal::RefusalKind,
    },
    session::{
        cockpit::{Cockpit, Severity},
        effect::Effect,
        lines::{self, Line, Tone, pages},
        palette,
        view::{Ask, Overlay, Page},
    },
};

use super::{keys, overlays, sleep};

fn told(tone: Tone, text: impl Into<String>) -> Vec<Effect> {
    vec![Effect::Tell(vec![Line::new(tone, text)])]
}

fn misunderstood(cockpit: &mut Cockpit, text: impl Into<String>) -> Vec<Effect> {
    cockpit.refused = Some(RefusalKind::Usage);
    told(Tone::Warning, text)
}

pub fn entered(cockpit: &mut Cockpit, text: &str, typed_at: Timestamp) -> Vec<Effect> {
    let text = text.trim();
    cockpit.refused = None;
    if sleep::typed_in_the_dark(cockpit, typed_at) {
        let sentence = format!("`{text}` was typed before the machine woke: type it again");
        return misunderstood(cockpit, sentence);
    }
    cockpit.message = None;
    match &cockpit.view.overlay {
        Some(Overlay::Dialog(_) | Overlay::Prompt(_)) => answered(cockpit, text, typed_at),
        _ => command(cockpit, text),
    }
}

fn is_command(cockpit: &Cockpit, text: &str) -> bool {
    ["help", "?", "quit"].contains(&text) || overlays::parsed(cockpit, text).is_ok()
}

/// Only a line that was typed after the question could be read answers it, and only what it asks for confirms.
fn answered(cockpit: &mut Cockpit, text: &str, typed_at: Timestamp) -> Vec<Effect> {
    let Some(question) = lines::question(cockpit) else {
        return command(cockpit, text);
    };
    if ["esc", "no"].contains(&text) {
        cockpit.view.overlay = None;
        return told(
            Tone::Plain,
            format!("{}: left, nothing was done", question.what),
        );
    }
    let early = question
        .asked_at
        .is_none_or(|asked| typed_at.duration_since(asked) < DEAF_FOR);
    let fits = match &cockpit.view.overlay {
        Some(Overlay::Dialog(dialog)) => match &dialog.challenge.friction {
            Friction::Type(expected) => text == expected,
            Friction::Enter | Friction::None => text.is_empty(),
        },
        Some(Overlay::Prompt(prompt)) if matches!(prompt.ask, Ask::Quit { .. }) => text == "quit",
        _ => !is_command(cockpit, text),
    };
    if !fits && is_command(cockpit, text) {
        cockpit.view.overlay = None;
        let mut effects = told(
            Tone::Plain,
            format!("{}: left, nothing was done", question.what),
        );
        effects.extend(command(cockpit, text));
        return effects;
    }
    if early {
        let sentence = format!(
            "`{text}` came before the question could be read and does not answer it; {}",
            question.wants
        );
        return misunderstood(cockpit, sentence);
    }
    if !fits {
        let sentence = format!("`{text}` does not answer it; {}", question.wants);
        return misunderstood(cockpit, sentence);
    }
    match &mut cockpit.view.overlay {
        Some(Overlay::Dialog(dialog)) => {
            dialog.input = Input::new(text.to_owned());
            overlays::answer_dialog_at(cockpit, typed_at)
        }
        Some(Overlay::Prompt(prompt)) => {
            if !text.is_empty() {
                prompt.input = Input::new(text.to_owned());
            }
            let effects = overlays::answer_prompt(cockpit);
            if let Some(Overlay::Prompt(prompt)) = &cockpit.view.overlay
                && let Some(note) = prompt.note.clone()
            {
                return misunderstood(cockpit, note);
            }
            effects
        }
        _ => Vec::new(),
    }
}

/// Sentences name keys (`ready: p promotes`), so a line with just that key is understood.
fn key(cockpit: &Cockpit, text: &str) -> Option<Action> {
    let named = |action: &Action| {
        [Context::Plan, Context::Flight].into_iter().any(|context| {
            cockpit
                .keymap
                .texts(*action, context)
                .iter()
                .any(|key| key == text)
        })
    };
    Action::ALL
        .iter()
        .copied()
        .filter(|action| action.risk() != Risk::None)
        .find(named)
}

fn command(cockpit: &mut Cockpit, text: &str) -> Vec<Effect> {
    // What people type who come from the shell, or from the screen.
    let text = text.strip_prefix("gonogo ").unwrap_or(text);
    let text = text.strip_prefix(':').unwrap_or(text).trim();
    match text {
        "" => return Vec::new(),
        "help" | "?" => return vec![Effect::Tell(pages::help())],
        "quit" | "q" | "exit" => return keys::quit(cockpit),
        _ => {}
    }
    let by_key = key(cockpit, text).map(|action| palette::Line::Act {
        aim: overlays::plain(action),
        target: None,
    });
    let (aim, target) = match by_key.map_or_else(|| overlays::parsed(cockpit, text), Ok) {
        Ok(palette::Line::SwitchOperator(name)) => {
            overlays::switch_operator(cockpit, &name);
            return Vec::new();
        }
        Ok(palette::Line::Act { aim, target }) => (aim, target),
        Err(sentence) => {
            return misunderstood(cockpit, format!("{sentence}. help lists what can be typed"));
        }
    };
    let Some(action) = aim.action else {
        return Vec::new();
    };
    let looks =
        action.group() == Group::Screens || matches!(action, Action::Compare | Action::ShowMatrix);
    let reads = matches!(action, Action::ShowWindow | Action::Announce);
    if action.risk() == Risk::None && !looks && !reads {
        let sentence = format!("`{text}` is for the screen; help lists what can be typed here");
        return misunderstood(cockpit, sentence);
    }
    // There is no cursor here, so nothing is meant that was not said.
    let missing = match action {
        Action::Request if aim.release.is_none() => {
            Some("request [ENV PROJECT] RELEASE --reason R")
        }
        Action::Compare if aim.release.is_none() => Some("release diff [ENV PROJECT] [FROM] TO"),
        Action::Waive if aim.item.is_none() => Some("waive [ENV PROJECT] ITEM --reason R"),
        Action::Note if aim.item.is_none() => Some("check [ENV PROJECT] ITEM --note TEXT"),
        Action::Reopen if aim.item.is_none() => Some("reopen [ENV PROJECT] ITEM --reason R"),
        _ => None,
    };
    if let Some(usage) = missing {
        return misunderstood(cockpit, format!("say which: {usage}"));
    }
    if let Some(target) = &target {
        cockpit.focus_on(target);
    }
    let mut effects = keys::run(cockpit, action, &aim);
    if action == Action::Request
        && effects
            .iter()
            .any(|effect| matches!(effect, Effect::Resolve { .. }))
    {
        cockpit.say(
            Severity::Info,
            "the registry is asked for the digest of its image; the request goes on when it answers",
        );
    }
    if action == Action::ShowMatrix {
        cockpit.view.overlay = None;
        effects.push(Effect::Tell(pages::page(cockpit, &Page::Matrix)));
    }
    if let Some(Overlay::Paper { paper, .. }) = &cockpit.view.overlay {
        let lines = paper.lines.iter();
        let told = lines.map(|line| Line::new(Tone::Plain, line.clone()));
        effects.push(Effect::Tell(told.collect()));
        cockpit.view.overlay = None;
    }
    if action.group() == Group::Screens {
        effects.push(Effect::Tell(pages::screen(cockpit)));
    }
    effects
}
