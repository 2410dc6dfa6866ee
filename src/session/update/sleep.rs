//! A machine that slept: what was typed in the dark counts for nothing, open questions are closed, everything is read
//! anew, and the gap is nobody's watch.

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::{deployment::FlightState, entry::Body, target::TargetId, time},
    session::{
        cockpit::{Cockpit, Severity},
        effect::Effect,
        view::Overlay,
    },
};

/// The heart beats every second; this long without a beat is no busy machine.
const LONGEST_BREATH: SignedDuration = SignedDuration::from_secs(6);
/// Keys from before may still be in the queue for this long.
const DEAF_FOR: SignedDuration = SignedDuration::from_secs(1);

/// Whether nothing at all happened from `last` to `now` although the heart should have beaten.
pub fn slept(last: Timestamp, now: Timestamp) -> bool {
    now.duration_since(last) > LONGEST_BREATH
}

/// What arrives at `at` may have been typed before the machine woke.
pub fn typed_in_the_dark(cockpit: &Cockpit, at: Timestamp) -> bool {
    cockpit
        .woke
        .is_some_and(|woke| at.duration_since(woke) < DEAF_FOR)
}

pub fn woke(cockpit: &mut Cockpit, since: Timestamp) -> Vec<Effect> {
    let now = cockpit.now;
    cockpit.woke = Some(now);
    cockpit.view.pending.clear();
    let cancelled = match cockpit.view.overlay.take() {
        Some(Overlay::Dialog(dialog)) => {
            let verb = dialog.challenge.act.kind.verb();
            format!("; the confirmation of {verb} was cancelled, nothing was sent")
        }
        Some(Overlay::Prompt(prompt)) => {
            format!("; “{}” was cancelled", prompt.ask.title())
        }
        Some(Overlay::Palette(_)) => "; what stood in the palette was dropped".to_owned(),
        Some(
            Overlay::Help
            | Overlay::Difference { .. }
            | Overlay::Paper { .. }
            | Overlay::Sql { .. }
            | Overlay::Page { .. },
        )
        | None => String::new(),
    };
    for (id, known) in &cockpit.known.targets {
        let counts = known.stands().current.as_ref().is_some_and(|current| {
            matches!(
                current.state,
                FlightState::Flying | FlightState::Verifying | FlightState::Monitoring
            )
        });
        if counts {
            let gap = cockpit.gaps.entry(id.clone()).or_insert((since, now));
            gap.1 = now;
        }
    }
    cockpit.say(
        Severity::Warning,
        format!(
            "this process slept for {}{cancelled}; what was typed meanwhile is ignored, and everything is read anew",
            time::age(now.duration_since(since))
        ),
    );
    vec![Effect::Refresh, Effect::Redraw, Effect::Bell]
}

/// The gap that has still to be written down for a target. It goes before anything that was reached: what would close
/// at once on waking has not been watched.
pub fn gap(cockpit: &mut Cockpit, target: &TargetId) -> Option<Body> {
    let (from, until) = *cockpit.gaps.get(target)?;
    let current = cockpit
        .known
        .targets
        .get(target)
        .and_then(|known| known.stands().current.as_ref());
    let open = current.filter(|current| current.gaps.last().is_none_or(|(_, end)| *end < until));
    let Some(current) = open else {
        cockpit.gaps.remove(target);
        return None;
    };
    Some(Body::Unattended {
        deployment: current.id.clone(),
        from,
        until,
    })
}
