//! The History: every deployment of the workspace, newest first, and the scorecard over those that count.

use crate::{
    domain::{environment::EnvironmentName, history::Record},
    flight::looking_back::{self, Wanted},
    policy::scorecard::Scorecard,
    session::cockpit::Cockpit,
};

/// Newest first, as far as the filter lets them through.
pub fn history(cockpit: &Cockpit) -> Vec<&Record> {
    let wanted = Wanted {
        filter: cockpit.view.history_filter.value(),
        ..Wanted::default()
    };
    looking_back::deployments(&cockpit.known, cockpit.now, wanted)
}

/// Of the environments that count, and their names.
pub fn scorecard(cockpit: &Cockpit) -> (String, Scorecard) {
    let environments = looking_back::counted(&cockpit.known, None);
    let window = looking_back::window(cockpit.now, None);
    let card = looking_back::scored(&cockpit.known, &environments, window);
    let names: Vec<&str> = environments.iter().map(EnvironmentName::as_str).collect();
    (names.join(", "), card)
}
