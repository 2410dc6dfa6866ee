//! The next-steps card: after an abort, a rollback or a failure the question is no longer what stands against the next
//! stage, but what to do now (SPEC D18). Each step is one key.

use crate::{
    domain::{
        deployment::{Deployment, FlightState},
        entry::Ending,
        release::ReleaseRef,
        rollout::RolloutPhase,
    },
    input::{Action, Context, Keymap},
    policy::{drift, facts::Facts},
    session::cockpit::Cockpit,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextCard {
    pub title: String,
    pub steps: Vec<NextStep>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextStep {
    pub action: Action,
    pub key: String,
    pub words: String,
}

/// None while a flight goes well, or has not begun.
pub fn next_steps(cockpit: &Cockpit) -> Option<NextCard> {
    let facts = cockpit.facts()?;
    let (title, steps) = match facts.current() {
        Some(current) => under_way(&facts, current)?,
        None => drifted(&facts).or_else(|| after(&facts))?,
    };
    let step = |(action, words)| NextStep {
        action,
        key: key(&cockpit.keymap, action),
        words,
    };
    Some(NextCard {
        title,
        steps: steps.into_iter().map(step).collect(),
    })
}

type Steps = (String, Vec<(Action, String)>);

fn under_way(facts: &Facts<'_>, current: &Deployment) -> Option<Steps> {
    let title = current.plan.release.title();
    let back = facts
        .state
        .former()
        .cloned()
        .or_else(|| facts.former_revision());
    let to = back.map_or_else(
        || "there is nothing to roll back to".to_owned(),
        |back| format!("roll back to {}, so that it stays", back.title()),
    );
    let look = (
        Action::ShowTimeline,
        "investigate: what happened, and when".to_owned(),
    );
    let ground = (
        Action::Ground,
        format!("ground {title}: it does not fly here again until cleared"),
    );
    let degraded = facts
        .workload
        .value()
        .is_some_and(|observed| observed.workload.phase == RolloutPhase::Degraded);
    match facts.flight_state()? {
        FlightState::Aborted => {
            let retry = format!("retry {title} from its first stage");
            let steps = vec![look, (Action::Rollback, to), (Action::Retry, retry), ground];
            let title = if current.state == FlightState::Aborted {
                "Aborted: what now"
            } else {
                "Aborted outside: what now"
            };
            Some((title.to_owned(), steps))
        }
        FlightState::RollingBack => {
            let on = "press again if it stops half way: it goes on from there".to_owned();
            Some((
                "Rolling back: what now".to_owned(),
                vec![look, (Action::Rollback, on), ground],
            ))
        }
        FlightState::Flying if degraded => {
            let abort = "abort: stable serves everybody now".to_owned();
            let steps = vec![look, (Action::Abort, abort), (Action::Rollback, to), ground];
            Some(("Failed: what now".to_owned(), steps))
        }
        _ => None,
    }
}

/// Nothing is under way, and something else runs than is recorded.
fn drifted(facts: &Facts<'_>) -> Option<Steps> {
    let drift = drift::look(facts)?;
    let recorded = drift
        .recorded
        .as_ref()
        .map_or_else(String::new, ReleaseRef::title);
    let adopt = format!("adopt: {} is recorded as live", drift.running.title());
    let restore = format!("restore: ask to fly {recorded} again");
    let look = format!("investigate: {}", drift.sentence());
    Some((
        "Drift: what now".to_owned(),
        vec![
            (Action::ShowTimeline, look),
            (Action::Adopt, adopt),
            (Action::Restore, restore),
        ],
    ))
}

/// Nothing is under way, and the last flight was rolled back.
fn after(facts: &Facts<'_>) -> Option<Steps> {
    let last = facts.state.past.last()?;
    if last.ending != Ending::RolledBack {
        return None;
    }
    let left = facts.state.grounded.values().max_by_key(|g| g.at);
    let grounded = left.map_or_else(
        || "pick the release that comes next".to_owned(),
        |left| {
            format!(
                "pick the release that comes next; what flew is grounded ({})",
                left.words()
            )
        },
    );
    let steps = vec![
        (
            Action::ShowTimeline,
            "investigate: what happened, and when".to_owned(),
        ),
        (Action::ShowReleases, grounded),
        (
            Action::Clear,
            "let it fly again, with a reason, once it is understood".to_owned(),
        ),
    ];
    Some(("Rolled back: what now".to_owned(), steps))
}

/// The key, or what is typed where an action has none.
fn key(keymap: &Keymap, action: Action) -> String {
    let keys = keymap.texts(action, Context::Flight).into_iter().next();
    keys.unwrap_or_else(|| format!(":{}", action.verb().unwrap_or(action.id())))
}
