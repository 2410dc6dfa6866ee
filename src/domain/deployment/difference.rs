//! What one entry changed: the state of a target before it and after it, as words (SPEC H1). Read off the fold, so that
//! no kind of entry can be without it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Deployment, ItemStatus, TargetState};
use crate::domain::{
    change::{Change, short_image},
    entry::{Body, DeploymentId, Entry},
    environment::EnvironmentState,
    release::Digest,
};

/// One thing that is not what it was. None: there was nothing, or there is nothing any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub what: String,
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Difference {
    /// `state: flying → aborted`
    pub fn sentence(&self) -> String {
        let word = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".to_owned());
        format!(
            "{}: {} → {}",
            self.what,
            word(&self.before),
            word(&self.after)
        )
    }
}

/// The words of a state that entries change. Made once after each entry and compared with the one before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sketch {
    standing: Words,
    current: Option<(DeploymentId, Words)>,
    /// How the last deployment ended.
    ended: Option<String>,
}

type Words = BTreeMap<String, String>;

impl Sketch {
    pub fn of(state: &TargetState) -> Self {
        let mut words = Words::new();
        if let Some(live) = &state.live {
            words.insert("live".to_owned(), live.release.title());
        }
        for (commit, grounded) in &state.grounded {
            words.insert(format!("commit {}", commit.short()), grounded.words());
        }
        if let Some(lock) = &state.lock {
            words.insert("lock".to_owned(), format!("by {}", lock.by));
        }
        for glass in &state.glass {
            let signed = glass.countersigned.as_ref();
            let word = signed.map_or_else(
                || "waits for a countersign".to_owned(),
                |signed| format!("countersigned by {}", signed.by),
            );
            words.insert(format!("break-glass of {}", glass.deployment), word);
        }
        let current = state.current.as_ref();
        Self {
            standing: words,
            current: current.map(|current| (current.id.clone(), under_way(current))),
            ended: state.past.last().map(|past| past.ending.to_string()),
        }
    }

    /// What is different in `after`, the deployment's own first. One that begins or ends differs in its state alone.
    pub fn differences(&self, after: &Self) -> Vec<Difference> {
        let state = |words: &Words| words.get(STATE).cloned();
        let begun_or_ended = |before: Option<String>, after: Option<String>| {
            vec![Difference {
                what: STATE.to_owned(),
                before,
                after,
            }]
        };
        let mut found = match (&self.current, &after.current) {
            (Some((id, before)), Some((other, after))) if id == other => differing(before, after),
            (None, None) => Vec::new(),
            (_, Some((_, begun))) => begun_or_ended(None, state(begun)),
            (Some((_, over)), None) => begun_or_ended(state(over), after.ended.clone()),
        };
        found.extend(differing(&self.standing, &after.standing));
        found
    }
}

fn differing(before: &Words, after: &Words) -> Vec<Difference> {
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    let mut names: Vec<&String> = after.keys().chain(gone).collect();
    names.sort();
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| Difference {
            what: name.clone(),
            before: before.get(name).cloned(),
            after: after.get(name).cloned(),
        })
        .collect()
}

const STATE: &str = "state";

fn under_way(current: &Deployment) -> Words {
    let mut words = Words::new();
    let mut put = |what: &str, word: String| {
        words.insert(what.to_owned(), word);
    };
    put(STATE, current.state.word().to_owned());
    let stage = current
        .stage()
        .and_then(|stage| current.plan.plan.stages.get(stage));
    if let Some(stage) = stage {
        put("stage", format!("{} %", stage.share));
    }
    if let Some(to) = &current.rolling_back_to {
        put("rolls back to", to.title());
    }
    if let Some(controls) = &current.controls {
        put("controls", controls.by.clone());
    }
    for (id, proposed) in &current.proposals {
        let word = format!("proposed by {}", proposed.by);
        put(&format!("waiver of {id}"), word);
    }
    if let Some(held) = &current.held {
        put("held by", held.by.clone());
    }
    if let Some(stopped) = &current.guard_stopped {
        put("guard", format!("stopped by {}", stopped.by));
    }
    if let Some(outstanding) = &current.outstanding {
        let known = if outstanding.unknown {
            "unknown"
        } else {
            "sent"
        };
        put(outstanding.act.kind.verb(), known.to_owned());
    }
    for decision in &current.decisions {
        put(
            &format!("answer of {}", decision.by.name),
            decision.answer.word().to_owned(),
        );
    }
    for (id, item) in &current.items {
        let status = match item.status {
            ItemStatus::Open => "open",
            ItemStatus::Running => "running",
            ItemStatus::Done => "done",
            ItemStatus::Failed => "failed",
            ItemStatus::Waived => "waived",
            ItemStatus::Unknown => "unknown",
        };
        put(&id.0, status.to_owned());
    }
    words
}

/// What an intent was going to change on the platform: what was read before it, and what was asked for.
pub fn wanted(entry: &Entry) -> Option<Difference> {
    let Body::Intended { act, change, .. } = &entry.body else {
        return None;
    };
    let difference = |what: &str, before: Option<String>, after: &str| Difference {
        what: what.to_owned(),
        before,
        after: Some(after.to_owned()),
    };
    let word = |text: &str| Some(text.to_owned());
    Some(match act.changes.get(*change)? {
        Change::SetImage { image, expect, .. } => difference(
            "desired image",
            expect.image.as_deref().map(short_image),
            &short_image(image),
        ),
        Change::PromoteStep { expect, .. } => {
            let step = expect.step?;
            difference("step", Some(step.to_string()), &format!("past {step}"))
        }
        Change::PromoteFull { expect, .. } => difference(
            "step",
            expect.step.map(|step| step.to_string()),
            "past all of them",
        ),
        Change::Abort { .. } => difference("rollout", word("going on"), "aborted"),
        Change::Retry { .. } => difference("rollout", word("aborted"), "from its first step"),
        Change::Hold { .. } => difference("paused", word("no"), "yes"),
        Change::Resume { .. } => difference("paused", word("yes"), "no"),
        Change::AwaitTemplate { .. } => return None,
    })
}

/// What an entry about the whole environment changes: its lock, and which policy counts.
fn of_place(state: &EnvironmentState) -> Words {
    let mut words = Words::new();
    if let Some(lock) = &state.lock {
        words.insert(
            "lock of the environment".to_owned(),
            format!("by {}", lock.by),
        );
    }
    if let Some(recorded) = &state.recorded {
        let policy = Digest::of_json(&(recorded.protected, &recorded.policy));
        words.insert("policy in force".to_owned(), policy.short().to_owned());
    }
    words
}

/// The differences that each entry made, in their order: of a target's stream, and of its environment's.
pub fn of_entries<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Vec<Vec<Difference>> {
    let (mut state, mut place) = (TargetState::default(), EnvironmentState::default());
    let (mut before, mut around) = (Sketch::default(), Words::new());
    let step = |entry: &Entry| {
        if !entry.stream.is_target() {
            place.evolve(entry);
            let after = of_place(&place);
            let found = differing(&around, &after);
            around = after;
            return found;
        }
        state.evolve(entry);
        let after = Sketch::of(&state);
        let mut found: Vec<Difference> = wanted(entry).into_iter().collect();
        found.extend(before.differences(&after));
        before = after;
        found
    };
    entries.into_iter().map(step).collect()
}
