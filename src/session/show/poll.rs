//! The Poll screen: who says what, and whose turn it is.

use crate::{
    domain::{entry::from_to, time},
    input::{Action, Context},
    policy::poll::{self, Call, Poll},
    session::{cockpit::Cockpit, wanted},
};

use super::plan;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PollShown {
    /// None where nobody is asked and nobody objects.
    pub poll: Option<Poll>,
    /// `41 v1.2.3 → 42 v1.3.0`
    pub change: String,
    /// `requested by dana 34 min ago: why`, or that it is not.
    pub request: String,
    /// What comes next, by its key.
    pub next: String,
}

/// The poll of the open request, else that of the plan that is looked at.
pub fn poll(cockpit: &Cockpit) -> Option<PollShown> {
    let shown = plan(cockpit)?;
    let facts = cockpit.facts()?;
    let poll = poll::poll(&facts, &shown.plan);
    let request = shown.deployment.as_ref().map_or_else(
        || "not requested: nobody was asked yet".to_owned(),
        |current| {
            let ago = time::age(cockpit.now.duration_since(current.requested_at));
            format!(
                "requested by {} {ago} ago: {}",
                current.requester.name, current.reason
            )
        },
    );
    let requested = shown.deployment.is_some();
    Some(PollShown {
        change: from_to(shown.plan.before.as_ref(), &shown.plan.release),
        request,
        next: next(cockpit, poll.as_ref(), requested),
        poll,
    })
}

/// The people say GO: whether it goes is for all the gates to say, and where it is for the flight.
fn approved(cockpit: &Cockpit, key: &impl Fn(Action) -> String) -> String {
    let plan = key(Action::ShowPlan);
    let facts = cockpit
        .focus()
        .and_then(|target| cockpit.known.facts(&target.id, cockpit.now));
    let Some((facts, current)) = facts.and_then(|facts| Some((facts, facts.current()?))) else {
        return format!("{plan} shows the plan, where F flies");
    };
    if current.state.is_airborne() {
        let flight = key(Action::ShowFlight);
        return format!("it is {}; {flight} shows the flight", current.state.word());
    }
    let judgement = crate::policy::gates::take_off(&facts, &current.plan);
    match judgement.gravest() {
        Some(gate) => format!(
            "approved, but NO-GO: {}; {plan} shows the plan",
            gate.sentence
        ),
        None => format!("{plan} shows the plan, where F flies"),
    }
}

fn next(cockpit: &Cockpit, poll: Option<&Poll>, requested: bool) -> String {
    let key = |action| {
        cockpit
            .keymap
            .texts(action, Context::Poll)
            .into_iter()
            .next()
            .unwrap_or_default()
    };
    if !requested {
        return format!(
            "{} shows the plan, where it is requested",
            key(Action::ShowPlan)
        );
    }
    let Some(poll) = poll else {
        return format!("{} shows the plan", key(Action::ShowPlan));
    };
    let mine = poll.voice(&cockpit.me.name);
    if mine.is_some_and(|voice| voice.awaited)
        && wanted::why_not(cockpit, Action::Approve).is_none()
    {
        return format!(
            "you are asked: {} says GO, {} NO-GO, {} HOLD",
            key(Action::Approve),
            key(Action::Reject),
            key(Action::SayHold)
        );
    }
    match poll.call {
        Call::Go => approved(cockpit, &key),
        Call::Void => format!(
            "{} shows the plan, where the request is cancelled and made again",
            key(Action::ShowPlan)
        ),
        Call::NoGo | Call::Hold
            if mine.is_some_and(|voice| {
                voice
                    .answer
                    .is_some_and(|answer| answer != crate::domain::entry::Answer::Go)
            }) =>
        {
            format!("{} takes your word back", key(Action::Withdraw))
        }
        Call::NoGo | Call::Hold => "it stands until it is withdrawn by whoever said it".to_owned(),
        Call::Waiting | Call::Unknown => {
            let names: Vec<&str> = poll.awaited().map(|voice| voice.name.as_str()).collect();
            if names.is_empty() {
                "nobody is left to ask".to_owned()
            } else {
                format!("still awaited: {}", names.join(", "))
            }
        }
    }
}
