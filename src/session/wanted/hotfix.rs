//! From an action and what was typed with it to a command of a hotfix.

use crate::{
    domain::hotfix::Criterion,
    input::Action,
    policy::{
        decide::HotfixCommand,
        facts::Facts,
        refusal::{Refusal, RefusalKind},
    },
    session::{show, view::Aim},
};

pub fn wanted(facts: &Facts<'_>, action: Action, aim: &Aim) -> Result<HotfixCommand, Refusal> {
    let usage =
        |rule: &str, sentence: String| Err(Refusal::new(RefusalKind::Usage, rule, sentence));
    if action == Action::HotfixStart {
        let (Some(name), Some(criterion)) = (&aim.hotfix.name, aim.hotfix.criterion) else {
            let all = Criterion::ALL.map(Criterion::word).join(", ");
            let sentence =
                format!("say why and what: hotfix start --criterion C --name N; C is one of {all}");
            return usage("hotfix.criterion", sentence);
        };
        return Ok(HotfixCommand::Start {
            name: name.clone(),
            criterion,
            push: aim.hotfix.push,
        });
    }
    let name = show::only_hotfix(facts, aim.hotfix.name.as_deref())?;
    Ok(match (action, &aim.item, &aim.reason) {
        (Action::HotfixAdvance, ..) => HotfixCommand::Advance { name },
        (Action::HotfixBackport, ..) => HotfixCommand::Backport { name },
        (Action::HotfixCheck, Some(item), note) => HotfixCommand::Check {
            name,
            item: item.clone(),
            note: note.clone(),
        },
        (Action::HotfixGiveUp, _, Some(reason)) => HotfixCommand::GiveUp {
            name,
            reason: reason.clone(),
        },
        (Action::HotfixCheck, ..) => {
            return usage("checklist", "say which: hotfix check ITEM".to_owned());
        }
        _ => {
            let sentence = "say why: hotfix give-up --reason R".to_owned();
            return usage("hotfix.reason", sentence);
        }
    })
}
