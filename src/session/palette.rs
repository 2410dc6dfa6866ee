//! Fuzzy search, and the palette's grammar: the command line's, without `gonogo`.

use nucleo_matcher::{
    Config, Matcher, Utf32Str,
    pattern::{CaseMatching, Normalization, Pattern},
};

use crate::{
    domain::{hotfix::Criterion, plan::ItemId, target::TargetId, workspace::Workspace},
    input::{Action, did_you_mean, reference::PaletteEntry},
};

use super::{show, view::Aim};

/// Entries that match the first word typed, best first.
pub fn filter_entries(entries: Vec<PaletteEntry>, typed: &str) -> Vec<PaletteEntry> {
    let word = typed.split_whitespace().next().unwrap_or_default();
    if word.is_empty() {
        return entries;
    }
    let pattern = Pattern::parse(word, CaseMatching::Smart, Normalization::Smart);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut buffer = Vec::new();
    let mut scored: Vec<(u32, PaletteEntry)> = Vec::new();
    for entry in entries {
        let score = pattern
            .score(Utf32Str::new(entry.command, &mut buffer), &mut matcher)
            .map(|score| score + 1000);
        let text = format!("{} {}", entry.action.id(), entry.action.label());
        let score =
            score.or_else(|| pattern.score(Utf32Str::new(&text, &mut buffer), &mut matcher));
        if let Some(score) = score {
            scored.push((
                score + if entry.command == word { 10_000 } else { 0 },
                entry,
            ));
        }
    }
    scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
    scored.into_iter().map(|(_, entry)| entry).collect()
}

/// What a palette line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    Act {
        aim: Aim,
        target: Option<TargetId>,
    },
    /// `as NAME`
    SwitchOperator(String),
}

/// `promote production auth-service --step 1`, `plan staging 43`, `rollback --reason slow`, `as lee`. Environment and
/// project may be left out: the target under the cursor is meant.
pub fn parse(
    line: &str,
    workspace: &Workspace,
    focus: Option<&TargetId>,
    release_named: impl Fn(&TargetId, &str) -> Result<u64, String>,
) -> Result<Line, String> {
    let mut words = line.split_whitespace().peekable();
    let Some(verb) = words.next() else {
        return Err("type a command; ? lists them".to_owned());
    };
    if verb == "as" {
        let name = words.next().ok_or("as NAME")?;
        return Ok(Line::SwitchOperator(name.to_owned()));
    }
    // Several words of one command: what they make of the first one.
    let mut kind =
        words.next_if(|word| !word.starts_with("--") && is_verb(&format!("{verb} {word}")));
    let (mut place, mut reason): (Vec<&str>, Option<String>) = (Vec::new(), None);
    let mut aim = Aim::default();
    while let Some(word) = words.next() {
        match word {
            "--full" | "--break-glass" | "--clear" | "--hold" | "--stop" => kind = Some(word),
            "--former-revision" => aim.revision = true,
            "--staged" => aim.staged = true,
            "--revert" => aim.way_back = true,
            "--push" => aim.hotfix.push = true,
            "--again" => aim.hotfix.again = true,
            "--name" => {
                aim.hotfix.name = Some(words.next().ok_or("--name NAME")?.to_owned());
            }
            "--criterion" => {
                let criterion = words.next().and_then(Criterion::parse);
                aim.hotfix.criterion = Some(criterion.ok_or_else(|| {
                    let all = Criterion::ALL.map(Criterion::word).join(", ");
                    format!("--criterion takes one of {all}")
                })?);
            }
            "--take-over" => aim.take_over = true,
            "--step" => {
                let step = words
                    .next()
                    .and_then(|n| n.parse().ok())
                    .ok_or("--step takes the number of the step it rests at")?;
                aim.step = Some(step);
            }
            "--for" => {
                let lasts = words.next().and_then(|text| text.parse().ok());
                aim.lasts = Some(lasts.ok_or("--for takes a duration, like 2h or 90m")?);
            }
            "--reason" | "--note" => {
                if word == "--note" {
                    kind = Some(word);
                }
                reason = Some(
                    words
                        .by_ref()
                        .collect::<Vec<_>>()
                        .join(" ")
                        .trim_matches('"')
                        .to_owned(),
                );
            }
            flag if flag.starts_with("--") => return Err(format!("unknown option {flag}")),
            word => place.push(word),
        }
    }
    aim.reason = reason.filter(|reason| !reason.is_empty());
    let action = action_of(verb, kind)?;
    aim.action = Some(action);
    aim.hold = match verb {
        "hold" => Some(true),
        "resume" => Some(false),
        _ => None,
    };
    let mut rest = place.into_iter().peekable();
    let environment = rest.next_if(|word| workspace.find_environment(word).is_ok());
    let project = rest.next_if(|word| workspace.find_project(word).is_ok());
    aim.alone = project.is_some();
    let target = match environment {
        // A hotfix burns where the customers are, wherever the cursor is.
        None if verb == "hotfix" => burning(workspace, focus, project)?,
        _ => target_of(workspace, focus, environment, project)?,
    };
    let at = target.as_ref().or(focus);
    for word in rest {
        if takes_release(action) && aim.release.is_none() {
            let at = at.ok_or("which environment and project?")?;
            aim.release = Some(release_named(at, word)?);
        } else if action == Action::Compare && aim.from.is_none() {
            // The first one that was named is what the second is compared with.
            let at = at.ok_or("which environment and project?")?;
            aim.from = aim.release.replace(release_named(at, word)?);
        } else if takes_item(action) && aim.item.is_none() {
            aim.item = Some(ItemId(word.to_owned()));
        } else if action == Action::HandControls && aim.name.is_none() {
            aim.name = Some(word.to_owned());
        } else {
            return Err(format!(
                "`{word}` is no environment, no project, and more than {verb} takes"
            ));
        }
    }
    Ok(Line::Act { aim, target })
}

fn is_verb(words: &str) -> bool {
    let mut actions = Action::ALL.iter();
    actions.any(|action| action.verbs().contains(&words))
}

fn takes_release(action: Action) -> bool {
    matches!(
        action,
        Action::Request
            | Action::ShowPlan
            | Action::Rollback
            | Action::Fly
            | Action::Ground
            | Action::Clear
            | Action::Compare
    )
}

pub fn takes_item(action: Action) -> bool {
    matches!(
        action,
        Action::Check
            | Action::StopRun
            | Action::Note
            | Action::Waive
            | Action::Reopen
            | Action::HotfixCheck
    )
}

fn action_of(verb: &str, kind: Option<&str>) -> Result<Action, String> {
    if let Some(kind) = kind {
        let whole = format!("{verb} {kind}");
        let mut actions = Action::ALL.iter().copied();
        return actions
            .find(|action| action.verbs().contains(&whole.as_str()))
            .ok_or_else(|| format!("{verb} does not take {kind}"));
    }
    let by_verb = Action::ALL
        .iter()
        .copied()
        .find(|action| action.verbs().contains(&verb));
    by_verb
        .or_else(|| Action::from_id(verb))
        .or_else(|| {
            Action::ALL
                .iter()
                .copied()
                .find(|action| action.label() == verb)
        })
        .ok_or_else(|| {
            let verbs = Action::ALL
                .iter()
                .flat_map(|action| action.verbs().iter().copied());
            format!("unknown command `{verb}`{}", did_you_mean(verb, verbs))
        })
}

fn burning(
    workspace: &Workspace,
    focus: Option<&TargetId>,
    project: Option<&str>,
) -> Result<Option<TargetId>, String> {
    let project = match project {
        Some(name) => &workspace.find_project(name).map_err(|e| e.sentence)?.id,
        None => &focus.ok_or("which project?")?.project,
    };
    Ok(show::home(workspace, project).map(|target| target.id.clone()))
}

fn target_of(
    workspace: &Workspace,
    focus: Option<&TargetId>,
    environment: Option<&str>,
    project: Option<&str>,
) -> Result<Option<TargetId>, String> {
    if environment.is_none() && project.is_none() {
        return Ok(None);
    }
    let environment = match environment {
        Some(name) => workspace
            .find_environment(name)
            .map_err(|e| e.sentence)?
            .name
            .clone(),
        None => focus.ok_or("which environment?")?.environment.clone(),
    };
    let project = match project {
        Some(name) => workspace
            .find_project(name)
            .map_err(|e| e.sentence)?
            .id
            .clone(),
        None => focus.ok_or("which project?")?.project.clone(),
    };
    let id = TargetId::new(environment, project);
    if workspace.target(&id).is_none() {
        return Err(format!(
            "{} is not configured for {}",
            id.project, id.environment
        ));
    }
    Ok(Some(id))
}
