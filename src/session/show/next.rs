//! The next-steps card: after an abort, a rollback or a failure the question is no longer what stands against the next
//! stage, but what to do now (SPEC D18). Each step is one key.

use crate::{
    domain::{
        deployment::{Deployment, FlightState},
        entry::Ending,
        release::ReleaseRef,
        rollout::{PodState, RolloutPhase},
        time,
    },
    flight::window,
    input::{Action, Context, Keymap},
    policy::{drift, facts::Facts},
    session::{cockpit::Cockpit, wanted},
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
    pub state: StepState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepState {
    Open,
    /// The words say by whom.
    Done,
    /// The words say why.
    Refused,
}

/// None while a flight goes well, or has not begun.
pub fn next_steps(cockpit: &Cockpit) -> Option<NextCard> {
    let facts = cockpit.facts()?;
    let (title, steps) = match facts.current() {
        Some(current) => under_way(cockpit, &facts, current)?,
        None => drifted(&facts).or_else(|| after(cockpit, &facts))?,
    };
    let step = |(action, words, done): Todo| {
        let refused = (!done).then(|| wanted::why_not(cockpit, action)).flatten();
        NextStep {
            action,
            key: key(&cockpit.keymap, action),
            state: match (done, &refused) {
                (true, _) => StepState::Done,
                (_, Some(_)) => StepState::Refused,
                (_, None) => StepState::Open,
            },
            words: match refused {
                Some(why) => format!("{words}; not now: {why}"),
                None => words,
            },
        }
    };
    Some(NextCard {
        title,
        steps: steps.into_iter().map(step).collect(),
    })
}

/// What its key does, in words, and whether it is done already.
type Todo = (Action, String, bool);
type Steps = (String, Vec<Todo>);

fn open(action: Action, words: impl Into<String>) -> Todo {
    (action, words.into(), false)
}

fn under_way(cockpit: &Cockpit, facts: &Facts<'_>, current: &Deployment) -> Option<Steps> {
    let release = &current.plan.release;
    let title = release.title();
    let back = facts
        .state
        .former()
        .cloned()
        .or_else(|| facts.former_revision());
    let to = back.map_or_else(
        || "there is nothing to roll back to".to_owned(),
        |back| format!("roll back to {}, so that it stays", back.title()),
    );
    let degraded = facts
        .workload
        .value()
        .is_some_and(|observed| observed.workload.phase == RolloutPhase::Degraded);
    let mut steps = vec![investigate(facts)];
    let name = match facts.flight_state()? {
        FlightState::Aborted => {
            steps.push(open(Action::Rollback, to));
            steps.push(open(
                Action::Retry,
                format!("retry {title} from its first stage"),
            ));
            if current.state == FlightState::Aborted {
                "Aborted: what now"
            } else {
                "Aborted outside: what now"
            }
        }
        FlightState::RollingBack => {
            let on = "press again if it stops half way: it goes on from there";
            steps.push(open(Action::Rollback, on));
            "Rolling back: what now"
        }
        FlightState::Flying if degraded => {
            steps.push(open(Action::Abort, "abort: stable serves everybody now"));
            steps.push(open(Action::Rollback, to));
            "Failed: what now"
        }
        _ => return None,
    };
    steps.push(ground(facts, release));
    steps.extend(further(cockpit, facts));
    Some((name.to_owned(), steps))
}

/// Where to look first.
fn investigate(facts: &Facts<'_>) -> Todo {
    let sick = facts.workload.value().map_or(0, |observed| {
        observed
            .new_pods()
            .filter(|pod| pod.state != PodState::Ready)
            .count()
    });
    let words = match sick {
        0 => "investigate: the timeline, at what ended it".to_owned(),
        1 => "investigate: the pod that is not ready, then the timeline".to_owned(),
        many => format!("investigate: {many} pods that are not ready, then the timeline"),
    };
    open(Action::Investigate, words)
}

/// Rolled back it is grounded already; who did that, and when.
fn ground(facts: &Facts<'_>, release: &ReleaseRef) -> Todo {
    let title = release.title();
    match facts.state.grounded.get(&release.commit) {
        Some(grounded) => {
            let ago = time::age(facts.now.duration_since(grounded.at));
            let words = format!("{title} is grounded: {}, {ago} ago", grounded.words());
            (Action::Ground, words, true)
        }
        None => open(
            Action::Ground,
            format!("ground {title}: it does not fly here again until cleared"),
        ),
    }
}

/// What comes whatever happened: a fix, the time for it, and those who have to know.
fn further(cockpit: &Cockpit, facts: &Facts<'_>) -> Vec<Todo> {
    let mut open_ones = facts.hotfixes.open();
    let hotfix = match open_ones.next() {
        Some(hotfix) => {
            let words = format!(
                "{} (by {}); 9 shows it",
                hotfix.banner(&facts.workspace.timings.hotfix, facts.now),
                hotfix.by
            );
            (Action::ShowHotfix, words, true)
        }
        None => {
            let live = wanted::hotfix_home(cockpit)
                .and_then(|home| cockpit.known.targets.get(&home))
                .and_then(|known| known.state.live.as_ref());
            let from = live.map_or_else(String::new, |live| {
                format!(", from {}", live.release.title())
            });
            open(Action::HotfixStart, format!("start a hotfix{from}"))
        }
    };
    vec![
        hotfix,
        open(
            Action::ShowWindow,
            format!("window: {}", window::hours(facts).sentence),
        ),
        open(
            Action::Announce,
            "tell users: the text for them, to copy and to send yourself",
        ),
    ]
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
            open(Action::ShowTimeline, look),
            open(Action::Adopt, adopt),
            open(Action::Restore, restore),
        ],
    ))
}

/// Nothing is under way, and the last flight was rolled back.
fn after(cockpit: &Cockpit, facts: &Facts<'_>) -> Option<Steps> {
    let last = facts.state.past.last()?;
    if last.ending != Ending::RolledBack {
        return None;
    }
    let mut steps = vec![investigate(facts), ground(facts, &last.release)];
    if facts.state.grounded.contains_key(&last.release.commit) {
        steps.push(open(
            Action::Clear,
            "let it fly again, with a reason, once it is understood",
        ));
    }
    steps.push(open(
        Action::ShowReleases,
        "pick the release that comes next",
    ));
    steps.extend(further(cockpit, facts));
    Some(("Rolled back: what now".to_owned(), steps))
}

/// The key, or what is typed where an action has none.
fn key(keymap: &Keymap, action: Action) -> String {
    let keys = keymap.texts(action, Context::Flight).into_iter().next();
    keys.unwrap_or_else(|| format!(":{}", action.verb().unwrap_or(action.id())))
}
