//! Who flies, who looks on, and whether anybody guards: a line of the header.

use crate::{
    domain::deployment::FlightState,
    policy::{controls as rule, decide::may_stand_guard, facts::Facts},
    session::cockpit::Cockpit,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlsShown {
    /// `controls: dana (you)`, `controls: lee (absent)`, `controls: free`
    pub holder: String,
    /// How many attend without them, whoever looks at this screen included.
    pub watching: usize,
    /// What flies is guarded by nobody.
    pub unguarded: Option<String>,
}

/// None while nothing is under way.
pub fn controls(cockpit: &Cockpit, facts: &Facts<'_>) -> Option<ControlsShown> {
    let current = facts.current()?;
    let me = cockpit.me.name.as_str();
    let holder = match &current.controls {
        None => "controls: free".to_owned(),
        Some(held) if held.by == me => format!("controls: {me} (you)"),
        Some(held) if rule::is_present(facts, &held.by) => format!("controls: {}", held.by),
        Some(held) => format!("controls: {} (absent)", held.by),
    };
    // This process is there, whether or not its first heartbeat is.
    let others = rule::watching(facts).into_iter();
    let others = others.filter(|name| *name != me).count();
    let held = current.controls.as_ref();
    let watching = match held {
        Some(held) if held.by == me => others,
        None if others == 0 => 0,
        _ => others + 1,
    };
    let guarded = may_stand_guard(facts, &cockpit.me) || rule::is_guarded(facts, None);
    let flies = current.state == FlightState::Flying;
    Some(ControlsShown {
        holder,
        watching,
        unguarded: (flies && !guarded).then(|| "UNGUARDED".to_owned()),
    })
}
