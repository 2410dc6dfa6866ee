//! The one function that changes the cockpit. Pure: an event in, effects out.

mod attending;
mod compare;
mod keys;
mod line;
mod look;
mod overlays;
mod pages;
mod pointer;
mod sleep;
mod sql;
mod world;

pub use keys::NO_ARM;
pub use overlays::{MOST_COPIED, listed};
pub use sleep::slept;

use crate::input::Action;

use super::{
    cockpit::{Cockpit, Severity},
    effect::Effect,
    event::{Event, Stamped},
};

/// How long the answer to the last key stays on the screen.
const MESSAGE_SECONDS: i64 = 20;

/// What pressing the key of an action does on the screen in front.
pub fn run(cockpit: &mut Cockpit, action: Action) -> Vec<Effect> {
    keys::run(cockpit, action, &overlays::plain(action))
}

pub fn update(cockpit: &mut Cockpit, stamped: &Stamped) -> Vec<Effect> {
    // The clock handed in never runs backwards; an event out of order does not turn time back either.
    cockpit.now = cockpit.now.max(stamped.at);
    match &stamped.event {
        // What was typed before the machine woke was meant for another world.
        Event::Key(_) | Event::Paste(_) if sleep::typed_in_the_dark(cockpit, stamped.at) => {
            Vec::new()
        }
        Event::Key(chord) => keys::pressed(cockpit, *chord),
        Event::Line { text, typed_at } => line::entered(cockpit, text, *typed_at),
        Event::Woke { since } => sleep::woke(cockpit, *since),
        Event::Paste(text) => overlays::pasted(cockpit, text),
        Event::Resize { columns, rows } => {
            cockpit.size = (*columns, *rows);
            Vec::new()
        }
        Event::Pointed { spot, how } => pointer::pointed(cockpit, spot, *how),
        Event::Suspend => vec![Effect::Suspend],
        Event::Resumed { columns, rows } => {
            cockpit.size = (*columns, *rows);
            cockpit.view.pending.clear();
            overlays::unpainted(cockpit);
            vec![Effect::Redraw]
        }
        Event::NotSuspended => {
            cockpit.say(
                Severity::Warning,
                "not suspended: no shell with job control would bring gonogo back",
            );
            Vec::new()
        }
        Event::Painted => {
            overlays::painted(cockpit);
            Vec::new()
        }
        Event::Tick => {
            let old = |at| cockpit.now.duration_since(at).as_secs() > MESSAGE_SECONDS;
            if cockpit
                .message
                .as_ref()
                .is_some_and(|message| old(message.at) && message.severity != Severity::Error)
            {
                cockpit.message = None;
            }
            let mut effects = world::attend(cockpit);
            effects.extend(attending::beat(cockpit));
            effects.extend(attending::look_for(cockpit));
            effects.extend(attending::begin_by_themselves(cockpit));
            effects
        }
        Event::Terminate => vec![Effect::Quit],
        other => world::happened(cockpit, other),
    }
}
