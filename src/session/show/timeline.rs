//! The Timeline: every entry of the target in focus as a sentence.

use jiff::Timestamp;

use crate::{
    domain::{
        entry::{Answer, Body, Entry, Outcome},
        target::TargetId,
        time,
    },
    flight::known::TargetKnown,
    session::cockpit::Cockpit,
};

#[derive(Clone, Debug, PartialEq)]
pub struct TimelineLine {
    /// Place in the chain.
    pub seq: u64,
    pub at: Timestamp,
    pub clock: String,
    pub sentence: String,
    /// Refused, failed, unknown: worth a second look.
    pub bad: bool,
    /// Whose doing it was.
    pub by: String,
    /// It waits in the journal of this machine, and is not in the ledger yet.
    pub waits: bool,
}

/// All entries of the target in focus, oldest first.
pub fn timeline(cockpit: &Cockpit) -> Vec<TimelineLine> {
    timeline_since(cockpit, Timestamp::MIN)
}

/// The entries of one deployment: only they are put into words.
pub(super) fn timeline_since(cockpit: &Cockpit, since: Timestamp) -> Vec<TimelineLine> {
    cockpit
        .focus_known()
        .map_or_else(Vec::new, |known| told(known, |entry| entry.at >= since))
}

/// The entries of a target that came after this place in the chain.
pub fn timeline_after(cockpit: &Cockpit, id: &TargetId, seq: u64) -> Vec<TimelineLine> {
    let known = cockpit.known.targets.get(id);
    let told = known.map_or_else(Vec::new, |known| told(known, |entry| entry.seq > seq));
    told.into_iter().filter(|line| !line.waits).collect()
}

/// What waits in the journal for a place in the ledger, oldest first.
pub fn timeline_aside(cockpit: &Cockpit, id: &TargetId) -> Vec<TimelineLine> {
    let known = cockpit.known.targets.get(id);
    let told = known.map_or_else(Vec::new, |known| told(known, |_| false));
    told.into_iter().filter(|line| line.waits).collect()
}

/// How far back it is looked for whether something was asked before: sends and their outcomes.
const REPEATS: usize = 16;

/// The same change of the same act, by the same person.
fn asks_the_same(one: &Entry, other: &Entry) -> bool {
    match (&one.body, &other.body) {
        (
            Body::Intended {
                act, change: index, ..
            },
            Body::Intended {
                act: again, change, ..
            },
        ) => {
            one.actor.name == other.actor.name
                && (act.kind, act.step, index) == (again.kind, again.step, change)
                && act.changes == again.changes
        }
        _ => false,
    }
}

/// Said once, with how often; or, where the first time was told already, that it was asked again.
fn asked(entry: &Entry, sentence: &str, times: usize, whole: bool) -> String {
    let who = &entry.actor.name;
    let rest = sentence.strip_prefix(&format!("{who} asked "));
    match rest {
        Some(rest) if times > 1 && whole => format!("{who} asked {times} times {rest}"),
        Some(rest) if times > 1 => format!("{who} asked again, {times} times now {rest}"),
        _ => sentence.to_owned(),
    }
}

/// The entries that are wanted, and all that waits beside the ledger after them.
fn told(known: &TargetKnown, wanted: impl Fn(&Entry) -> bool) -> Vec<TimelineLine> {
    let sentence = |entry: &Entry| match (&entry.body, &known.stands().current) {
        // Of the deployment under way the plan is at hand, and says which share a stage is.
        (Body::StageReached { deployment, stage }, Some(current)) if *deployment == current.id => {
            current.plan.plan.stages.get(*stage).map_or_else(
                || entry.sentence(),
                |spec| format!("{} % reached, bakes {}", spec.share, time::exact(spec.bake)),
            )
        }
        _ => entry.sentence(),
    };
    let line = |entry: &Entry| TimelineLine {
        seq: entry.seq,
        at: entry.at,
        clock: entry.clock(),
        sentence: sentence(entry),
        bad: matches!(
            &entry.body,
            Body::Settled {
                outcome: Outcome::Refused { .. } | Outcome::Unknown { .. } | Outcome::NotApplied,
                ..
            } | Body::Measured { ok: false, .. }
                | Body::Decided {
                    answer: Answer::NoGo | Answer::Hold,
                    ..
                }
        ),
        by: entry.actor.name.clone(),
        waits: false,
    };
    let aside = known.aside.iter().map(|entry| {
        let line = line(entry);
        TimelineLine {
            sentence: format!("waits in the journal: {}", line.sentence),
            waits: true,
            ..line
        }
    });
    let mut lines: Vec<TimelineLine> = Vec::new();
    // What is sent again and again, with nothing but its outcomes between, is one asking.
    let mut asking: Option<(&Entry, usize, Option<usize>)> = None;
    let first = known.entries.iter().position(&wanted);
    let before = first.unwrap_or(known.entries.len()).saturating_sub(REPEATS);
    for entry in known.entries.iter().skip(before) {
        let shown = wanted(entry);
        match &entry.body {
            Body::Intended { .. } => {
                let again = asking.filter(|(former, ..)| asks_the_same(former, entry));
                let times = again.map_or(0, |(_, times, _)| times) + 1;
                let place = again.and_then(|(.., place)| place).filter(|_| shown);
                let said = asked(entry, &sentence(entry), times, place.is_some());
                let place = match place {
                    Some(place) => {
                        if let Some(line) = lines.get_mut(place) {
                            line.sentence = said;
                        }
                        Some(place)
                    }
                    None if shown => {
                        lines.push(TimelineLine {
                            sentence: said,
                            ..line(entry)
                        });
                        Some(lines.len() - 1)
                    }
                    None => None,
                };
                asking = Some((entry, times, place));
            }
            Body::Settled { .. } => lines.extend(shown.then(|| line(entry))),
            _ => {
                asking = None;
                lines.extend(shown.then(|| line(entry)));
            }
        }
    }
    lines.extend(aside);
    lines
}
