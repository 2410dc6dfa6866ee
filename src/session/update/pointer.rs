//! The mouse moves cursors and changes what is looked at. It runs no act and answers no question, whatever is clicked.

use crate::{
    input::Action,
    session::{
        cockpit::Cockpit,
        effect::Effect,
        pointer::{Pointing, Spot},
        show,
        view::{FlightPane, Overlay, Screen},
    },
};

use super::{keys, overlays};

/// Lines that one notch of the wheel moves.
const NOTCH: isize = 3;

pub fn pointed(cockpit: &mut Cockpit, spot: &Spot, how: Pointing) -> Vec<Effect> {
    // Keys of a sequence belong together; a click between them ends it.
    cockpit.view.pending.clear();
    let notch = match how {
        Pointing::Click => 0,
        Pointing::WheelUp => -NOTCH,
        Pointing::WheelDown => NOTCH,
    };
    match &mut cockpit.view.overlay {
        // A question is answered on the keyboard, where a slip of the hand does not reach.
        Some(Overlay::Dialog(_) | Overlay::Prompt(_)) => Vec::new(),
        Some(
            Overlay::Help
            | Overlay::Difference { .. }
            | Overlay::Paper { .. }
            | Overlay::Sql { .. }
            | Overlay::Page { .. },
        ) => {
            keys::moved(cockpit, notch);
            Vec::new()
        }
        Some(Overlay::Palette(palette)) => {
            match (how, spot) {
                (Pointing::Click, Spot::Command(line)) => palette.selected = *line,
                (Pointing::Click, _) => {}
                _ => overlays::palette_moved(cockpit, notch),
            }
            Vec::new()
        }
        None if how == Pointing::Click => clicked(cockpit, *spot),
        None => {
            if let Spot::Pane(pane) | Spot::PaneLine { pane, .. } = *spot {
                cockpit.view.pane = pane;
            }
            keys::moved(cockpit, notch);
            Vec::new()
        }
    }
}

fn clicked(cockpit: &mut Cockpit, spot: Spot) -> Vec<Effect> {
    match spot {
        Spot::Tab(screen) => {
            let action = match screen {
                Screen::Fleet => Action::ShowFleet,
                Screen::Releases => Action::ShowReleases,
                Screen::Plan => Action::ShowPlan,
                Screen::Flight => Action::ShowFlight,
                Screen::Timeline => Action::ShowTimeline,
                Screen::Poll => Action::ShowPoll,
                Screen::Inbox => Action::ShowInbox,
                Screen::History => Action::ShowHistory,
                Screen::Hotfix => Action::ShowHotfix,
            };
            return keys::run(cockpit, action, &overlays::plain(action));
        }
        Spot::Cell {
            project,
            environment,
        } => {
            let view = &mut cockpit.view;
            if (view.project, view.environment) != (project, environment) {
                (view.project, view.environment) = (project, environment);
                keys::elsewhere(cockpit);
            }
        }
        Spot::Line(line) => match cockpit.view.screen {
            Screen::Releases => cockpit.view.release = line,
            Screen::Plan => cockpit.view.plan_line = line,
            Screen::Poll => cockpit.view.poll_line = line,
            Screen::Inbox => cockpit.view.inbox_line = line,
            Screen::History => cockpit.view.history = line,
            Screen::Hotfix => cockpit.view.hotfix_line = line,
            Screen::Timeline => {
                let count = show::timeline(cockpit).len();
                cockpit.view.timeline_back = count.saturating_sub(1 + line);
            }
            Screen::Fleet | Screen::Flight => {}
        },
        Spot::Pane(pane) => cockpit.view.pane = pane,
        Spot::PaneLine { pane, line } => {
            cockpit.view.pane = pane;
            match pane {
                FlightPane::Gates => cockpit.view.flight_line = line,
                FlightPane::Pods => cockpit.view.pod_line = line,
                FlightPane::Timeline => {
                    let count = show::flight(cockpit).map_or(0, |flight| flight.timeline.len());
                    cockpit.view.timeline_back = count.saturating_sub(1 + line);
                }
            }
        }
        Spot::Command(_) | Spot::Ground => {}
    }
    Vec::new()
}
