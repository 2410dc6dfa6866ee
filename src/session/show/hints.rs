//! The hint bar: which keys make sense now, and why one would be refused.

use crate::{
    domain::deployment::{FlightState, ItemStatus},
    input::{Context, reference},
    session::{cockpit::Cockpit, wanted},
};

/// One hint: its key, its word, and why it would be refused now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HintShown {
    pub action: crate::input::Action,
    pub key: String,
    pub label: String,
    pub blocked: Option<String>,
}

/// The hint bar is true: what cannot run now says so, what makes no sense here is not there.
pub fn hints(cockpit: &Cockpit) -> Vec<HintShown> {
    hints_in(cockpit, cockpit.view.context())
}

/// What a screen without room for screens offers: the ways out of a flight, wherever one is, and where to look.
pub fn ways_out(cockpit: &Cockpit) -> Vec<HintShown> {
    use crate::input::Action::{Abort, HoldOrResume, Rollback, ShowFlight};
    // There is no room for help here, so it is not offered.
    let offered = [HoldOrResume, Abort, Rollback, ShowFlight];
    hints_in(cockpit, Context::Flight)
        .into_iter()
        .filter(|hint| offered.contains(&hint.action))
        .collect()
}

fn hints_in(cockpit: &Cockpit, context: Context) -> Vec<HintShown> {
    use crate::input::Action;
    let state = cockpit.facts().and_then(|facts| facts.flight_state());
    let paused = cockpit
        .facts()
        .and_then(|facts| facts.workload.value().map(|o| o.workload.paused))
        .unwrap_or(false);
    let running = cockpit
        .facts()
        .and_then(|facts| facts.current())
        .is_some_and(|current| {
            let mut items = current.items.values();
            items.any(|item| item.status == ItemStatus::Running)
        });
    let migrates = cockpit.facts().is_some_and(|facts| {
        let migrated = facts.state.last_migrated().or(facts.current());
        migrated.is_some_and(|it| it.plan.plan.acts().next().is_some())
    });
    let drift = cockpit.facts().is_some_and(|facts| facts.drift());
    // What is for bad days only is offered on them.
    let bad_day = context == Context::Hotfix || super::next_steps(cockpit).is_some();
    let rare = |action| {
        matches!(
            action,
            Action::Investigate | Action::ShowWindow | Action::Announce | Action::HotfixStart
        )
    };
    let locked = cockpit.facts().is_some_and(|facts| facts.lock().is_some());
    let unsigned = cockpit
        .facts()
        .is_some_and(|facts| facts.state.unsigned().next().is_some());
    let next = cockpit
        .facts()
        .filter(|_| super::selected_line(cockpit).is_some_and(|line| line.is_settled()))
        .and_then(|facts| wanted::next_open(&facts));
    let hints = reference::hints(&cockpit.keymap, context).into_iter();
    hints
        .filter(|hint| hint.action != Action::StopRun || running)
        .filter(|hint| hint.action != Action::ShowSql || migrates)
        .filter(|hint| {
            hint.action.risk() == crate::input::Risk::None
                || hotfix_here(hint.action, context)
                || makes_sense(hint.action, state, drift)
        })
        .filter(|hint| bad_day || !rare(hint.action))
        .filter(|hint| match hint.action {
            Action::Lock => false,
            Action::Unlock => locked,
            Action::Countersign => unsigned,
            _ => true,
        })
        .map(|hint| {
            let blocked = wanted::why_not(cockpit, hint.action);
            // On a gate the key goes to the next item that it could tick.
            let goes = next.as_ref().filter(|_| hint.action == Action::Check);
            if let Some(item) = goes {
                return HintShown {
                    action: hint.action,
                    key: hint.key,
                    label: format!("go to {item}"),
                    blocked: None,
                };
            }
            let label = match hint.action {
                Action::HoldOrResume if paused => "resume".to_owned(),
                // Nobody should have to guess what is about to be confirmed.
                Action::Check if blocked.is_none() => wanted::check_means(cockpit).map_or_else(
                    || hint.label.to_owned(),
                    |item| format!("{} {item}", hint.label),
                ),
                _ => hint.label.to_owned(),
            };
            HintShown {
                action: hint.action,
                key: hint.key,
                label,
                blocked,
            }
        })
        .collect()
}

/// On its own screen a hotfix is what its keys are about, whatever flies.
fn hotfix_here(action: crate::input::Action, context: Context) -> bool {
    context == Context::Hotfix && wanted::is_about_hotfix(action)
}

/// Could this action be meant at all while the deployment stands so? Whether it may run is for `decide`.
fn makes_sense(action: crate::input::Action, state: Option<FlightState>, drift: bool) -> bool {
    use crate::input::Action;
    use FlightState::{Aborted, Flying, Monitoring, Requested, Verifying};
    match action {
        Action::Request => state.is_none(),
        Action::Adopt | Action::Restore => drift,
        Action::Rollback => state != Some(Requested),
        Action::Fly | Action::Cancel | Action::BreakGlass => state == Some(Requested),
        Action::Promote
        | Action::PromoteFull
        | Action::HoldOrResume
        | Action::Abort
        | Action::StopGuard => state == Some(Flying),
        Action::Retry => state == Some(Aborted),
        Action::Ground => matches!(state, Some(Aborted | FlightState::RollingBack)),
        Action::Unlock | Action::Countersign | Action::HotfixStart => true,
        Action::Clear | Action::TakeControls | Action::HandControls | Action::ReleaseControls => {
            false
        }
        Action::Close => matches!(state, Some(Verifying | Monitoring)),
        _ => state.is_some(),
    }
}
