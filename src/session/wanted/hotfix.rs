//! From an action and what was typed with it to a command of a hotfix, or to what is asked next.

use crate::{
    domain::{
        hotfix::{BACKPORT, Criterion, why_no_name},
        plan::ItemId,
        target::TargetId,
    },
    input::Action,
    policy::{
        decide::{AGAIN, Command, HotfixCommand, decide},
        facts::Facts,
        refusal::{Refusal, RefusalKind},
    },
    session::{
        cockpit::Cockpit,
        show,
        view::{Aim, Ask, Screen},
    },
};

use super::{Step, Wanted};

pub fn is_about(action: Action) -> bool {
    matches!(
        action,
        Action::HotfixStart
            | Action::HotfixAdvance
            | Action::HotfixCheck
            | Action::HotfixBackport
            | Action::HotfixGiveUp
    )
}

/// Where hotfixes of the project under the cursor burn, wherever the cursor is.
pub fn home(cockpit: &Cockpit) -> Option<TargetId> {
    let project = cockpit.workspace().projects.get(cockpit.view.project)?;
    show::home(cockpit.workspace(), &project.id).map(|target| target.id.clone())
}

fn usage(rule: &str, sentence: String) -> Refusal {
    Refusal::new(RefusalKind::Usage, rule, sentence)
}

pub fn wanted(
    cockpit: &Cockpit,
    facts: &Facts<'_>,
    action: Action,
    aim: &Aim,
) -> Result<Step, Refusal> {
    if action == Action::HotfixStart {
        return Ok(start(aim));
    }
    let owed = show::selected_owed(cockpit);
    // On its screen the cursor says which; elsewhere it is named, or the only one.
    let pointed = owed.as_ref().map(|owed| owed.hotfix.as_str());
    let name = show::only_hotfix(facts, aim.hotfix.name.as_deref().or(pointed))?;
    let item = aim.item.clone().or_else(|| owed.map(|owed| owed.item));
    let what = match (action, item, &aim.reason) {
        (Action::HotfixAdvance, ..) => HotfixCommand::Advance { name },
        (Action::HotfixBackport, ..) => HotfixCommand::Backport { name },
        (Action::HotfixCheck, Some(ItemId(item)), None) if item == BACKPORT => {
            HotfixCommand::Backport { name }
        }
        (Action::HotfixCheck, Some(item), note) => HotfixCommand::Check {
            name,
            item,
            note: note.clone(),
        },
        (Action::HotfixCheck, None, _) => {
            let screen = cockpit.view.screen == Screen::Hotfix;
            let sentence = if screen {
                format!("hotfix {name} owes nothing that could be checked")
            } else {
                "say which: hotfix check ITEM".to_owned()
            };
            return Err(usage("checklist", sentence));
        }
        (_, _, Some(reason)) => HotfixCommand::GiveUp {
            name,
            reason: reason.clone(),
        },
        _ => return Ok(Step::Prompt(Ask::HotfixGiveUp { name })),
    };
    Ok(Step::Command(Command::Hotfix { what }))
}

/// What is not said is asked: the criterion first, then the name.
fn start(aim: &Aim) -> Step {
    let push = aim.hotfix.push;
    let Some(criterion) = aim.hotfix.criterion else {
        return Step::Prompt(Ask::HotfixCriterion { push });
    };
    let Some(name) = aim.hotfix.name.clone() else {
        return Step::Prompt(Ask::HotfixName { criterion, push });
    };
    Step::Command(starting(name, criterion, push, aim.hotfix.again))
}

fn starting(name: String, criterion: Criterion, push: bool, again: bool) -> Command {
    let what = HotfixCommand::Start {
        name,
        criterion,
        push,
        again,
    };
    Command::Hotfix { what }
}

/// Whether a start could go through at all, whatever is answered to its questions.
pub fn could_start(cockpit: &Cockpit, facts: &Facts<'_>) -> Result<(), Refusal> {
    let free = (0..=facts.hotfixes.all.len())
        .map(|nth| format!("hotfix-{nth}"))
        .find(|name| facts.hotfixes.named(name).is_none());
    let probe = starting(free.unwrap_or_default(), Criterion::Security, false, true);
    decide(&probe, facts, &cockpit.me).map(|_| ())
}

/// A second one with the criterion of one that is open is asked about, not refused.
pub fn or_again(command: &Command, refusal: Refusal) -> Result<Wanted, Refusal> {
    match command {
        Command::Hotfix {
            what:
                HotfixCommand::Start {
                    name,
                    criterion,
                    push,
                    ..
                },
        } if refusal.rule == AGAIN => Ok(Wanted::Prompt(Ask::HotfixAgain {
            name: name.clone(),
            criterion: *criterion,
            push: *push,
            open: refusal.sentence,
        })),
        _ => Err(refusal),
    }
}

/// By its word, or by its place among the four.
fn criterion(text: &str) -> Result<Criterion, Refusal> {
    let typed = text.trim().to_lowercase().replace(' ', "-");
    let by_place = typed
        .parse::<usize>()
        .ok()
        .and_then(|place| Criterion::ALL.get(place.checked_sub(1)?).copied());
    let begins = |criterion: &Criterion| !typed.is_empty() && criterion.word().starts_with(&typed);
    let mut like = Criterion::ALL.into_iter().filter(begins);
    let by_word = match (like.next(), like.next()) {
        (Some(one), None) => Some(one),
        _ => None,
    };
    by_place.or(by_word).ok_or_else(|| {
        let all = Criterion::ALL.map(Criterion::word).join(", ");
        usage("hotfix.criterion", format!("one of {all}, or 1 to 4"))
    })
}

/// What the text of a prompt about a hotfix makes: the next question, or the command. None for any other prompt.
pub fn answered(ask: &Ask, text: &str) -> Option<Result<Answered, Refusal>> {
    Some(match ask {
        Ask::HotfixCriterion { push } => criterion(text).map(|criterion| {
            Answered::Ask(Ask::HotfixName {
                criterion,
                push: *push,
            })
        }),
        Ask::HotfixName { criterion, push } => {
            let name = text.trim().trim_start_matches("hotfix/").to_owned();
            match why_no_name(&name) {
                Some(why) => Err(usage("hotfix.name", why)),
                None => Ok(Answered::Command(starting(name, *criterion, *push, false))),
            }
        }
        Ask::HotfixAgain {
            name,
            criterion,
            push,
            ..
        } if text.trim() == name => Ok(Answered::Command(starting(
            name.clone(),
            *criterion,
            *push,
            true,
        ))),
        Ask::HotfixAgain { name, .. } => {
            let sentence =
                format!("that is not `{name}`; esc leaves, 9 shows the one that is open");
            Err(usage("hotfix.again", sentence))
        }
        Ask::HotfixGiveUp { name } => Ok(Answered::Command(Command::Hotfix {
            what: HotfixCommand::GiveUp {
                name: name.clone(),
                reason: text.to_owned(),
            },
        })),
        _ => return None,
    })
}

pub enum Answered {
    Ask(Ask),
    Command(Command),
}
