//! A laptop that slept, without a process: what `update` does with a clock that jumped.

use gonogo::{
    domain::{entry::Body, target::TargetId},
    session::{
        cockpit::Cockpit,
        effect::Effect,
        event::{Event, Stamped},
        update::{slept, update},
        view::{Overlay, Screen},
    },
};
use jiff::{SignedDuration, Timestamp};

use super::fixture::{self, Story, actor, press, target};

fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap()
}

fn happens(cockpit: &mut Cockpit, at: Timestamp, event: Event) -> Vec<Effect> {
    update(cockpit, &Stamped { at, event })
}

/// Sleeps for an hour; what update wants done on waking.
fn sleeps(cockpit: &mut Cockpit) -> (Timestamp, Vec<Effect>) {
    let since = cockpit.now;
    let woke = later(since, 3600);
    assert!(slept(since, woke) && !slept(since, later(since, 2)));
    (woke, happens(cockpit, woke, Event::Woke { since }))
}

fn production() -> TargetId {
    target("production", "auth-service")
}

#[test]
fn on_waking_questions_are_closed_and_queued_keys_do_nothing() {
    let mut cockpit = fixture::ready().show(Screen::Flight);
    press(&mut cockpit, "F");
    assert!(matches!(cockpit.view.overlay, Some(Overlay::Dialog(_))));
    let (woke, effects) = sleeps(&mut cockpit);
    assert!(cockpit.view.overlay.is_none());
    assert!(effects.contains(&Effect::Refresh), "{effects:?}");
    let said = cockpit.message.clone().unwrap().text;
    assert!(
        said.contains("the confirmation of fly was cancelled"),
        "{said}"
    );

    // What was read before the sleep is stale at once, so nothing passes on it.
    let facts = cockpit.known.facts(&production(), cockpit.now).unwrap();
    assert!(facts.fresh().is_none());

    let key = |text: &str| Event::Key(gonogo::input::sequence(text).unwrap()[0]);
    for text in ["4", "F", "enter"] {
        let effects = happens(&mut cockpit, woke, key(text));
        assert!(effects.is_empty(), "{text}: {effects:?}");
    }
    happens(&mut cockpit, woke, Event::Paste("42".to_owned()));
    assert!(cockpit.view.overlay.is_none());
    happens(&mut cockpit, later(woke, 2), key("1"));
    assert_eq!(cockpit.view.screen, Screen::Fleet);
}

/// What the gap would be written as.
fn written(effects: &[Effect]) -> Vec<Body> {
    let bodies = effects.iter().filter_map(|effect| match effect {
        Effect::Attend { bodies, .. } => Some(bodies.clone()),
        _ => None,
    });
    bodies.flatten().collect()
}

/// Monitoring that would have ended in the sleep has not been watched: it goes on for as long as was missed.
#[test]
fn the_gap_is_nobodys_watch() {
    let mut story: Story = fixture::monitoring();
    let current = |story: &Story| {
        story.cockpit.known.targets[&production()]
            .state
            .current
            .clone()
            .unwrap()
    };
    let ends = current(&story).monitoring_ends().unwrap();
    let (woke, _) = sleeps(&mut story.cockpit);
    let bodies = written(&happens(&mut story.cockpit, woke, Event::Tick));
    let [Body::Unattended { from, until, .. }] = bodies.as_slice() else {
        panic!("{bodies:?}");
    };
    assert_eq!(
        (until.duration_since(*from), *until),
        (SignedDuration::from_hours(1), woke)
    );
    for body in &bodies {
        // Twice: two processes that slept together missed one hour.
        story.enter(&production(), woke, &actor("gonogo"), body.clone());
        story.enter(&production(), woke, &actor("gonogo"), body.clone());
    }
    assert_eq!(current(&story).monitoring_ends(), Some(later(ends, 3600)));
    // Written down once; after that the flight goes on.
    let position = story.cockpit.attending[&production()];
    happens(
        &mut story.cockpit,
        woke,
        Event::Attended {
            target: production(),
            position,
        },
    );
    let more = written(&happens(&mut story.cockpit, later(woke, 1), Event::Tick));
    assert!(
        !more
            .iter()
            .any(|body| matches!(body, Body::Unattended { .. })),
        "{more:?}"
    );
    assert!(story.cockpit.gaps.is_empty());
}

/// A bake is watched, not waited for.
#[test]
fn a_bake_is_not_over_because_somebody_slept() {
    let mut story: Story = fixture::baking();
    let ends = |story: &Story| {
        let state = &story.cockpit.known.targets[&production()].state;
        state.current.as_ref().unwrap().bake_ends().unwrap()
    };
    let before = ends(&story);
    let (woke, _) = sleeps(&mut story.cockpit);
    for body in written(&happens(&mut story.cockpit, woke, Event::Tick)) {
        story.enter(&production(), woke, &actor("gonogo"), body);
    }
    assert_eq!(ends(&story), later(before, 3600));
}
