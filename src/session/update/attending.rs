//! Being there: the heartbeats of this process, the dead-man cards it keeps up to date, and what it would leave behind.

use jiff::SignedDuration;

use crate::{
    domain::{
        entry::{Entry, StreamId},
        presence::{Duty, Presence},
        project::ProjectId,
        target::TargetId,
    },
    flight::{known::TargetKnown, process},
    policy::{
        card, controls,
        decide::{Command, may_stand_guard},
        gates::{order, ready},
    },
    session::{
        cockpit::{Cockpit, Severity},
        effect::Effect,
        runs::Run,
        view::Screen,
    },
};

/// A sign of life for each flight, when it is due or says something new.
pub fn beat(cockpit: &mut Cockpit) -> Option<Effect> {
    if !cockpit.ledger.ready || cockpit.known.ledger.trouble().is_some() {
        return None;
    }
    let rows = rows(cockpit);
    let same = |(new, old): (&Presence, &Presence)| {
        (&new.stream, &new.name, new.duty) == (&old.stream, &old.name, old.duty)
    };
    let news = rows.len() != cockpit.beaten.len() || !rows.iter().zip(&cockpit.beaten).all(same);
    let heartbeat = cockpit.workspace().timings.heartbeat;
    let due = cockpit
        .beaten
        .first()
        .is_none_or(|last| cockpit.now.duration_since(last.at) >= heartbeat);
    if !(news || due) {
        return None;
    }
    cockpit.beaten.clone_from(&rows);
    (!rows.is_empty()).then_some(Effect::Beat(rows))
}

/// What is under way is attended, wherever the cursor is.
fn rows(cockpit: &Cockpit) -> Vec<Presence> {
    let known = &cockpit.known;
    let under_way = known
        .targets
        .iter()
        .filter(|(_, known)| known.state.current.is_some());
    under_way
        .filter_map(|(id, _)| {
            let facts = known.facts(id, cockpit.now)?;
            let duty = if may_stand_guard(&facts, &cockpit.me) {
                Duty::Guarding
            } else {
                Duty::Watching
            };
            Some(Presence {
                process: cockpit.process.clone(),
                stream: StreamId::target(id),
                name: cockpit.me.name.clone(),
                duty,
                since: cockpit.since,
                at: cockpit.now,
                left: false,
            })
        })
        .collect()
}

/// The registry is asked again after so long, and sooner where it failed.
const AGAIN: SignedDuration = SignedDuration::from_mins(5);
const AFTER_FAILURE: SignedDuration = SignedDuration::from_secs(20);

/// Is what a rollback would put back still in its registry? Asked where a plan is looked at or requested.
pub fn look_for(cockpit: &mut Cockpit) -> Vec<Effect> {
    let looks = (cockpit.view.screen == Screen::Plan)
        .then(|| cockpit.focus().map(|target| target.id.clone()))
        .flatten();
    let (known, now) = (&cockpit.known, cockpit.now);
    let due = |image: &String| {
        known.images.get(image).is_none_or(|asked| {
            let old = |at, limit| now.duration_since(at) > limit;
            match (&asked.trouble, &asked.last) {
                (Some(trouble), _) => old(trouble.at, AFTER_FAILURE),
                (None, Some(last)) => old(last.at, AGAIN),
                (None, None) => true,
            }
        })
    };
    let wanted: Vec<(ProjectId, String)> = known
        .targets
        .iter()
        .filter(|(id, known)| known.state.current.is_some() || looks.as_ref() == Some(*id))
        .filter_map(|(id, _)| {
            let image = order::image_to_ask(&known.facts(id, now)?)?;
            Some((id.project.clone(), image))
        })
        .filter(|(_, image)| due(image) && !cockpit.looked_for.contains(image))
        .collect();
    let mut effects = make_ready(cockpit, looks.as_ref());
    for (project, image) in wanted {
        if cockpit.looked_for.insert(image.clone()) {
            effects.push(Effect::LookFor { project, image });
        }
    }
    effects
}

/// So often it is asked anew whether everything is there that a flight will need.
const READY_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// Asked where a plan is looked at or requested, and nowhere else: a fleet at rest costs no question.
fn make_ready(cockpit: &mut Cockpit, looks: Option<&TargetId>) -> Vec<Effect> {
    let (known, now) = (&cockpit.known, cockpit.now);
    let due = |of: &TargetKnown| {
        let last = of.readiness.last.as_ref();
        last.is_none_or(|last| now.duration_since(last.at) >= READY_AGAIN)
    };
    let wanted: Vec<TargetId> = known
        .targets
        .iter()
        .filter(|(id, of)| of.state.current.is_some() || looks == Some(*id))
        .filter(|(id, of)| due(of) && !cockpit.readying.contains(*id))
        .filter(|(id, _)| known.facts(id, now).is_some_and(|f| ready::is_asked(&f)))
        .map(|(id, _)| id.clone())
        .collect();
    cockpit.readying.extend(wanted.iter().cloned());
    wanted.into_iter().map(Effect::Ready).collect()
}

/// Items that begin when their box does, by whoever attends (`auto = true`); each once.
pub fn begin_by_themselves(cockpit: &mut Cockpit) -> Vec<Effect> {
    if !cockpit.ledger.ready || cockpit.known.ledger.trouble().is_some() {
        return Vec::new();
    }
    let (known, runs) = (&cockpit.known, &cockpit.runs);
    let due = known.targets.keys().filter_map(|id| {
        let command = process::begins_by_itself(&known.facts(id, cockpit.now)?, &cockpit.me)?;
        let Command::Run { item, .. } = &command else {
            return None;
        };
        let key = (id.clone(), item.clone());
        (!runs.contains_key(&key)).then_some((key, command))
    });
    let due: Vec<_> = due.collect();
    let mut effects = Vec::new();
    for ((target, item), command) in due {
        let begun = Run {
            by_itself: true,
            ..Run::begun(cockpit.now)
        };
        cockpit.runs.insert((target.clone(), item.clone()), begun);
        let place = format!("{} in {}", target.project.name(), target.environment);
        cockpit.say(
            Severity::Info,
            format!("{item} of {place} starts by itself"),
        );
        effects.push(Effect::Run {
            target,
            item,
            command: Box::new(command),
        });
    }
    effects
}

/// The cards that say something else after these entries.
pub fn cards(cockpit: &Cockpit, entries: &[Entry]) -> Vec<Effect> {
    let of = |id: &TargetId| {
        let stream = StreamId::target(id);
        entries
            .iter()
            .any(|entry| entry.stream == stream && card::is_news(&entry.body))
    };
    let ids = cockpit.known.targets.keys();
    ids.filter(|id| of(id)).cloned().map(Effect::Card).collect()
}

/// Of everything that flies, at the start.
pub fn all_cards(cockpit: &Cockpit) -> Vec<Effect> {
    let flies = |known: &TargetKnown| {
        let current = known.state.current.as_ref();
        current.is_some_and(|current| current.state.is_airborne())
    };
    let all = cockpit.known.targets.iter();
    all.filter(|(_, known)| flies(known))
        .map(|(id, _)| Effect::Card(id.clone()))
        .collect()
}

/// Why this process is needed: something is not answered, it has the controls, or nobody else guards what flies.
pub fn needed(cockpit: &Cockpit) -> Option<String> {
    let known = &cockpit.known;
    let place = |id: &TargetId| format!("{} in {}", id.project.name(), id.environment);
    if let Some((id, busy)) = cockpit.busy.iter().next() {
        let verb = busy.kind.verb();
        return Some(format!("{verb} of {} has no answer yet", place(id)));
    }
    let mut runs = cockpit.runs.iter();
    if let Some(((id, item), _)) = runs.find(|(_, run)| run.ended.is_none()) {
        return Some(format!(
            "{item} of {} still runs, and would be ended",
            place(id)
        ));
    }
    let all = || {
        let ids = known.targets.keys();
        ids.filter_map(|id| Some((id, known.facts(id, cockpit.now)?)))
    };
    let mine = |facts: &crate::policy::facts::Facts<'_>| {
        controls::holder(facts).is_some_and(|held| held.by == cockpit.me.name)
    };
    if let Some((id, _)) = all().find(|(_, facts)| mine(facts)) {
        return Some(format!("You hold the controls of {}", place(id)));
    }
    let alone = |facts: &crate::policy::facts::Facts<'_>| {
        let airborne = facts.current().is_some_and(|c| c.state.is_airborne());
        airborne && !controls::is_guarded(facts, Some(&cockpit.process))
    };
    let (id, _) = all().find(|(_, facts)| alone(facts))?;
    Some(format!("Nobody else guards {}", place(id)))
}
