//! What comes from outside: entries, readings, answers. None of it ever touches the view.

use super::attending;
use crate::session::{
    cockpit::{Cockpit, Severity, Written},
    effect::Effect,
    event::{End, Event},
};
use crate::{
    domain::{
        difference::Difference, fault::Fault, observation::Seen, plan::ItemId, release::Commit,
        standing::Standing, target::TargetId,
    },
    flight::process::{self, Next},
    policy::{
        confirm::Challenge,
        decide::{Command, Decision, decide},
        guard::Stand,
    },
};

pub fn happened(cockpit: &mut Cockpit, event: &Event) -> Vec<Effect> {
    match event {
        Event::Entries(entries) => {
            for entry in entries {
                cockpit.known.enter(entry);
            }
            if cockpit.known.ledger.is_lost() {
                stands(cockpit, Standing::Whole);
            }
            let mut effects = attend(cockpit);
            if cockpit.ledger.ready {
                effects.extend(attending::cards(cockpit, entries));
                effects.extend(attending::look_for(cockpit));
            }
            return effects;
        }
        Event::LedgerReady => {
            cockpit.ledger.ready = true;
            let mut effects = attend(cockpit);
            effects.extend(attending::all_cards(cockpit));
            return effects;
        }
        Event::LedgerFailed(fault) => {
            stands(cockpit, Standing::Lost(fault.clone()));
        }
        Event::LedgerStands(standing) => {
            stands(cockpit, standing.clone());
            return attend(cockpit);
        }
        Event::Present(rows) => cockpit.known.attended(rows),
        Event::Aside(aside) => {
            cockpit.known.set_aside(aside.clone());
        }
        Event::Seen(observation) => {
            if let Seen::Readiness(_) = observation.seen {
                cockpit.readying.remove(&observation.target);
            }
            cockpit.known.observe(observation, cockpit.now);
            return attend_to(cockpit, &observation.target)
                .into_iter()
                .collect();
        }
        Event::Catalogue { project, releases } => {
            cockpit.catalogue(project, releases.clone());
            cockpit.catalogue_trouble.remove(project);
        }
        Event::CatalogueFailed { project, fault } => {
            cockpit
                .catalogue_trouble
                .insert(project.clone(), fault.clone());
        }
        Event::Shipped {
            project,
            commit,
            shipped,
        } => {
            cockpit.known.shipped(project, commit, shipped);
            let key = (project.clone(), commit.clone());
            cockpit.resolving.remove(&key);
            cockpit.artifact_trouble.remove(&key);
        }
        Event::ArtifactFailed {
            project,
            commit,
            fault,
        } => {
            let key = (project.clone(), commit.clone());
            cockpit.resolving.remove(&key);
            cockpit.artifact_trouble.insert(key, fault.clone());
        }
        Event::Image { image, missing } => {
            cockpit.looked_for.remove(image);
            cockpit.known.image(image, missing.clone(), cockpit.now);
        }
        Event::Compared { difference } => {
            let (from, to) = (&difference.from.commit, &difference.to.commit);
            compared(cockpit, from, to, Ok(difference.clone()));
        }
        Event::CompareFailed { from, to, fault } => {
            compared(cockpit, from, to, Err(fault.clone()));
        }
        Event::OutputRead { kept, outcome } => super::sql::read(cockpit, kept, outcome.clone()),
        Event::Card { target, path, text } => {
            let (path, text) = (path.clone(), text.clone());
            cockpit.cards.insert(target.clone(), Written { path, text });
        }
        Event::CardFailed { target, fault } => {
            cockpit.cards.remove(target);
            cockpit.say(Severity::Warning, fault.to_string());
        }
        Event::Recorded { verb, end, .. } => return answered(cockpit, verb, end, false),
        Event::RunSpoke {
            target,
            item,
            lines,
            skipped,
        } => {
            if let Some(run) = cockpit.runs.get_mut(&(target.clone(), item.clone())) {
                run.hear(lines, *skipped);
            }
        }
        Event::RunEnded {
            target,
            item,
            evidence,
            end,
        } => return ran(cockpit, target, item, evidence.as_ref(), end),
        Event::Attended { target, position } if cockpit.attending.get(target) == Some(position) => {
            cockpit.attending.remove(target);
        }
        Event::Guarded {
            target,
            sentence,
            end,
        } => return guarded(cockpit, target, sentence, end),
        Event::ActEnded { target, kind, end } => {
            cockpit.busy.remove(target);
            return answered(cockpit, kind.verb(), end, true);
        }
        _ => {}
    }
    Vec::new()
}

/// Somebody may have asked for another one meanwhile.
fn compared(
    cockpit: &mut Cockpit,
    from: &Commit,
    to: &Commit,
    outcome: Result<Box<Difference>, Fault>,
) {
    let asked = cockpit.comparison.as_mut();
    if let Some(asked) = asked.filter(|it| it.from.commit == *from && it.to.commit == *to) {
        asked.outcome = Some(outcome);
    }
}

/// Said when it changes, and shown for as long as it lasts.
fn stands(cockpit: &mut Cockpit, standing: Standing) {
    if cockpit.known.ledger == standing {
        return;
    }
    match standing.trouble() {
        Some(fault) => cockpit.say(Severity::Error, fault.to_string()),
        None => cockpit.say(Severity::Info, "the ledger is back"),
    }
    cockpit.known.ledger = standing;
}

fn answered(cockpit: &mut Cockpit, verb: &str, end: &End, acted: bool) -> Vec<Effect> {
    match end {
        End::Done => {
            // The server took it; what follows is for the platform to show.
            let word = if acted { "applied" } else { "done" };
            cockpit.say(Severity::Info, format!("{verb}: {word}"));
            Vec::new()
        }
        End::Refused(refusal) => {
            let hint = refusal
                .hint
                .as_ref()
                .map_or_else(String::new, |hint| format!(" ({hint})"));
            cockpit.say(
                Severity::Warning,
                format!("{verb} refused: {}{hint}", refusal.sentence),
            );
            vec![Effect::Bell]
        }
        End::Failed(fault) => {
            cockpit.say(Severity::Error, format!("{verb} failed: {fault}"));
            let again = fault
                .retry_after
                .and_then(|after| cockpit.now.checked_add(after).ok());
            if let Some(message) = &mut cockpit.message {
                message.again_at = again;
            }
            vec![Effect::Bell]
        }
        End::Unknown(fault) => {
            cockpit.say(
                Severity::Error,
                format!("{verb}: outcome UNKNOWN, it is being looked up: {fault}"),
            );
            vec![Effect::Bell]
        }
    }
}

/// How it went says its evidence, or what kept it from any.
fn ran(
    cockpit: &mut Cockpit,
    target: &TargetId,
    item: &ItemId,
    evidence: Option<&(bool, String)>,
    end: &End,
) -> Vec<Effect> {
    let key = (target.clone(), item.clone());
    if let Some(run) = cockpit.runs.get_mut(&key) {
        run.ended = Some(cockpit.now);
    }
    if *end != End::Done {
        // What was refused has printed nothing.
        if matches!(end, End::Refused(_))
            && cockpit.runs.get(&key).is_some_and(|r| r.lines.is_empty())
            && let Some(run) = cockpit.runs.remove(&key)
            && run.by_itself
        {
            // Somebody else who attends was first; nobody pressed a key here.
            return Vec::new();
        }
        return answered(cockpit, &format!("check {item}"), end, false);
    }
    let (passed, sentence) = match evidence {
        Some((passed, sentence)) => (*passed, sentence.as_str()),
        None => (false, "it left no evidence"),
    };
    let (severity, word) = if passed {
        (Severity::Info, "passed")
    } else {
        (Severity::Warning, "did not pass")
    };
    cockpit.say(severity, format!("{item} {word}: {sentence}"));
    if passed {
        Vec::new()
    } else {
        vec![Effect::Bell]
    }
}

/// Nobody asked for it, so what came of it is said aloud; that somebody else was first is no news.
fn guarded(cockpit: &mut Cockpit, target: &TargetId, sentence: &str, end: &End) -> Vec<Effect> {
    cockpit.guarding.remove(target);
    let (severity, words) = match end {
        End::Done => (
            Severity::Warning,
            format!("the guard holds {target}: {sentence}"),
        ),
        End::Refused(_) => return Vec::new(),
        End::Failed(fault) => {
            let rest = cockpit.workspace().timings.scrape_interval;
            let rested = cockpit.now.checked_add(rest).ok();
            cockpit.guarding.insert(target.clone(), rested);
            (
                Severity::Error,
                format!("the guard could NOT hold {target}, it tries again: {fault}"),
            )
        }
        End::Unknown(fault) => (
            Severity::Error,
            format!("the guard asked to hold {target}, outcome UNKNOWN: {fault}"),
        ),
    };
    cockpit.say(severity, words);
    vec![Effect::Bell]
}

/// Whatever was reached anywhere is written down, once per position of its stream.
pub fn attend(cockpit: &mut Cockpit) -> Vec<Effect> {
    let targets: Vec<TargetId> = cockpit
        .known
        .targets
        .iter()
        .filter(|(_, known)| known.stands().current.is_some())
        .map(|(id, _)| id.clone())
        .collect();
    targets
        .iter()
        .filter_map(|target| attend_to(cockpit, target))
        .collect()
}

/// The guard's hold, where it is due, allowed to whoever sits here, and not under way already.
fn hold(cockpit: &mut Cockpit, target: &TargetId, stand: Stand) -> Option<Effect> {
    let Stand::Hold(mut cause) = stand else {
        return None;
    };
    let rests = cockpit
        .guarding
        .get(target)
        .is_some_and(|until| until.is_none_or(|until| cockpit.now < until));
    if rests || cockpit.busy.contains_key(target) {
        return None;
    }
    cause.watched_by.clone_from(&cockpit.me.name);
    let command = Box::new(Command::Guard {
        cause: Box::new(cause),
    });
    let facts = cockpit.known.facts(target, cockpit.now)?;
    let Ok(Decision::Act { act, .. }) = decide(&command, &facts, &cockpit.me) else {
        return None;
    };
    let confirmed = Box::new(Challenge::new(*act, facts.environment).by_guard()?);
    cockpit.guarding.insert(target.clone(), None);
    Some(Effect::Guard {
        target: target.clone(),
        confirmed,
        command,
    })
}

fn attend_to(cockpit: &mut Cockpit, target: &TargetId) -> Option<Effect> {
    if !cockpit.ledger.ready {
        return None;
    }
    // A hold does not wait for the ledger, whoever makes it.
    let stand = cockpit.known.guard(target, cockpit.now, &cockpit.me);
    if let Some(effect) = hold(cockpit, target, stand) {
        return Some(effect);
    }
    if cockpit.known.ledger.trouble().is_some() {
        return None;
    }
    let facts = cockpit.known.facts(target, cockpit.now)?;
    let position = facts.state.position;
    if facts.state.read_only
        || cockpit.attending.contains_key(target)
        || cockpit.busy.contains_key(target)
    {
        return None;
    }
    let bodies = match super::sleep::gap(cockpit, target) {
        Some(body) => vec![body],
        None => match process::next(&cockpit.known.facts(target, cockpit.now)?) {
            Next::Record(bodies) => bodies,
            Next::Waiting(_) | Next::Idle => return None,
        },
    };
    cockpit.attending.insert(target.clone(), position);
    Some(Effect::Attend {
        target: target.clone(),
        position,
        bodies,
    })
}
