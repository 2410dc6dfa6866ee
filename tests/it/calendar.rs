//! Windows, freezes and days off: what is open when, by the clocks of the environment, across their changes; and what
//! the gate says and stops.

use gonogo::{
    domain::{
        calendar::{Calendar, Day, Freeze, Opening, Rule, WHOLE_DAY, Window, Zone},
        change::ActKind,
        entry::Body,
    },
    policy::{
        decide::{Command, Decision, decide},
        gate::{GateResult, Verdict},
        gates,
    },
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::fixture::{self, Story, actor, at, target};

fn zone(name: &str) -> Zone {
    Zone::parse(name).expect("a zone")
}

fn window(days: &[Day], from: &str, minutes: i64) -> Window {
    Window {
        days: days.to_vec(),
        from: from.parse().expect("a time"),
        lasts: SignedDuration::from_mins(minutes),
    }
}

fn instant(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// `open`, or the rule that closes it.
fn word(calendar: &Calendar, now: &str) -> &'static str {
    match calendar.at(instant(now)).expect("a known zone") {
        Opening::Open { .. } => "open",
        Opening::Closed { by, .. } => match by {
            Rule::Freeze(_) => "freeze",
            Rule::DayOff(_) => "day off",
            Rule::NoWindow => "no window",
        },
    }
}

fn opens(calendar: &Calendar, now: &str) -> String {
    calendar
        .next_opening(instant(now))
        .map_or_else(|| "never".to_owned(), |at| at.to_string())
}

fn closes(calendar: &Calendar, now: &str) -> String {
    match calendar.at(instant(now)).expect("a known zone") {
        Opening::Open {
            closes: Some((at, _)),
        } => at.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_day_off_is_a_day_of_the_environment_not_of_the_reader() {
    let calendar = |name| Calendar {
        zone: zone(name),
        no_deploys_on: vec![Day::Friday],
        ..Calendar::default()
    };
    // Friday 13 March 2026, 03:30 in UTC: still Thursday in New York, Friday in Berlin and Tokyo.
    let night = "2026-03-13T03:30:00Z";
    assert_eq!(word(&calendar("America/New_York"), night), "open");
    assert_eq!(word(&calendar("Europe/Berlin"), night), "day off");
    assert_eq!(
        closes(&calendar("America/New_York"), night),
        "2026-03-13T04:00:00Z"
    );
    assert_eq!(
        opens(&calendar("Europe/Berlin"), night),
        "2026-03-13T23:00:00Z"
    );
    assert_eq!(
        opens(&calendar("Asia/Tokyo"), night),
        "2026-03-13T15:00:00Z"
    );
}

#[test]
fn windows_follow_the_clock_on_the_wall_across_its_changes() {
    // (zone, from, minutes, asked at, opens, closes): Berlin leaves 02:00 out on 29 March 2026 and has it twice on
    // 25 October; New York on 8 March and 1 November.
    let table = [
        // 09:00 is another instant in winter and summer.
        (
            "Europe/Berlin",
            "09:00",
            60,
            "2026-03-28T12:00:00Z",
            "2026-03-29T07:00:00Z",
            "2026-03-29T08:00:00Z",
        ),
        (
            "Europe/Berlin",
            "09:00",
            60,
            "2026-03-27T12:00:00Z",
            "2026-03-28T08:00:00Z",
            "2026-03-28T09:00:00Z",
        ),
        (
            "America/New_York",
            "09:00",
            60,
            "2026-03-07T20:00:00Z",
            "2026-03-08T13:00:00Z",
            "2026-03-08T14:00:00Z",
        ),
        // In the gap: as much later as was left out, and as long as ever.
        (
            "Europe/Berlin",
            "02:30",
            30,
            "2026-03-28T12:00:00Z",
            "2026-03-29T01:30:00Z",
            "2026-03-29T02:00:00Z",
        ),
        (
            "America/New_York",
            "02:15",
            30,
            "2026-03-07T20:00:00Z",
            "2026-03-08T07:15:00Z",
            "2026-03-08T07:45:00Z",
        ),
        // In the fold: the first of the two, and as long as ever.
        (
            "Europe/Berlin",
            "02:30",
            30,
            "2026-10-24T12:00:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-25T01:00:00Z",
        ),
        (
            "America/New_York",
            "01:30",
            30,
            "2026-10-31T20:00:00Z",
            "2026-11-01T05:30:00Z",
            "2026-11-01T06:00:00Z",
        ),
        // Across the change: an hour is an hour.
        (
            "Europe/Berlin",
            "01:30",
            60,
            "2026-03-28T12:00:00Z",
            "2026-03-29T00:30:00Z",
            "2026-03-29T01:30:00Z",
        ),
        // Over midnight.
        (
            "UTC",
            "23:30",
            60,
            "2026-03-28T12:00:00Z",
            "2026-03-28T23:30:00Z",
            "2026-03-29T00:30:00Z",
        ),
    ];
    for (name, from, minutes, asked, expected, until) in table {
        let calendar = Calendar {
            zone: zone(name),
            windows: vec![window(&Day::ALL, from, minutes)],
            ..Calendar::default()
        };
        assert_eq!(word(&calendar, asked), "no window", "{name} {from}");
        assert_eq!(opens(&calendar, asked), expected, "{name} {from}");
        assert_eq!(word(&calendar, expected), "open", "{name} {from}");
        assert_eq!(closes(&calendar, expected), until, "{name} {from}");
        assert_eq!(word(&calendar, until), "no window", "{name} {from}");
    }
}

#[test]
fn a_whole_day_is_as_long_as_the_day() {
    let calendar = Calendar {
        zone: zone("Europe/Berlin"),
        windows: vec![window(&[Day::Sunday], "00:00", WHOLE_DAY.as_secs() / 60)],
        ..Calendar::default()
    };
    let begins = opens(&calendar, "2026-10-24T12:00:00Z");
    assert_eq!(begins, "2026-10-24T22:00:00Z");
    assert_eq!(
        closes(&calendar, &begins),
        "2026-10-25T23:00:00Z",
        "25 hours"
    );
    let begins = opens(&calendar, "2026-03-28T12:00:00Z");
    assert_eq!(begins, "2026-03-28T23:00:00Z");
    assert_eq!(
        closes(&calendar, &begins),
        "2026-03-29T22:00:00Z",
        "23 hours"
    );
}

#[test]
fn windows_that_follow_each_other_are_one_and_a_day_off_cuts_them() {
    let calendar = Calendar {
        zone: zone("UTC"),
        windows: vec![
            window(&Day::ALL, "00:00", 12 * 60),
            window(&Day::ALL, "12:00", 12 * 60),
        ],
        no_deploys_on: vec![Day::Friday],
        ..Calendar::default()
    };
    assert_eq!(
        closes(&calendar, "2026-03-08T07:00:00Z"),
        "2026-03-13T00:00:00Z"
    );
    assert_eq!(word(&calendar, "2026-03-13T07:00:00Z"), "day off");
    assert_eq!(
        opens(&calendar, "2026-03-13T07:00:00Z"),
        "2026-03-14T00:00:00Z"
    );
}

#[test]
fn a_freeze_goes_before_every_window_and_its_end_is_followed_to_the_next() {
    let freeze = |from: &str, until: &str| Freeze {
        from: from.parse().expect("a time"),
        until: until.parse().expect("a time"),
        reason: "year end".to_owned(),
    };
    let calendar = Calendar {
        zone: zone("Europe/Berlin"),
        windows: vec![window(&[Day::Monday], "09:00", 60)],
        freezes: vec![
            freeze("2026-12-18T00:00", "2027-01-04T00:00"),
            freeze("2027-01-03T00:00", "2027-01-04T09:30"),
        ],
        no_deploys_on: vec![Day::Friday],
    };
    assert_eq!(word(&calendar, "2026-12-21T08:30:00Z"), "freeze");
    assert_eq!(
        opens(&calendar, "2026-12-21T08:30:00Z"),
        "2027-01-04T08:30:00Z"
    );
    assert_eq!(
        closes(&calendar, "2026-12-14T08:30:00Z"),
        "2026-12-14T09:00:00Z"
    );
    // A freeze that begins or ends in the hour that comes twice is the longer one.
    let fold = Calendar {
        zone: zone("Europe/Berlin"),
        freezes: vec![freeze("2026-10-25T02:10", "2026-10-25T02:20")],
        ..Calendar::default()
    };
    assert_eq!(word(&fold, "2026-10-25T00:09:59Z"), "open");
    assert_eq!(opens(&fold, "2026-10-25T00:10:00Z"), "2026-10-25T01:20:00Z");
}

#[test]
fn a_calendar_that_never_opens_says_so_and_ends() {
    let never = Calendar {
        no_deploys_on: Day::ALL.to_vec(),
        ..Calendar::default()
    };
    assert_eq!(opens(&never, "2026-03-12T12:00:00Z"), "never");
    assert!(window(&[Day::Friday], "09:00", 60).never_opens(&[Day::Friday]));
    // It lasts into a day that is open.
    assert!(!window(&[Day::Friday], "23:30", 60).never_opens(&[Day::Friday]));
    assert!(window(&[Day::Friday], "23:30", 30).never_opens(&[Day::Friday]));
}

fn calendars() -> impl Strategy<Value = Calendar> {
    let days = || proptest::sample::subsequence(Day::ALL.to_vec(), 1..=7);
    let windows =
        (days(), 0..24_i8, 0..60_i8, 1..=1440_i64).prop_map(|(days, hour, minute, lasts)| Window {
            days,
            from: jiff::civil::time(hour, minute, 0, 0),
            lasts: SignedDuration::from_mins(lasts),
        });
    let freezes = (0..700_i64, 1..60_i64).prop_map(|(from, lasts)| {
        let begin = jiff::civil::date(2026, 1, 1).at(2, 30, 0, 0);
        let from = begin + SignedDuration::from_hours(from * 12);
        Freeze {
            from,
            until: from + SignedDuration::from_hours(lasts * 7),
            reason: "freeze".to_owned(),
        }
    });
    let names = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "America/Havana",
        "Asia/Kathmandu",
    ];
    (
        proptest::sample::select(names.to_vec()),
        proptest::collection::vec(windows, 0..3),
        proptest::collection::vec(freezes, 0..4),
        proptest::sample::subsequence(Day::ALL.to_vec(), 0..4),
    )
        .prop_map(|(name, windows, freezes, no_deploys_on)| Calendar {
            zone: zone(name),
            windows,
            freezes,
            no_deploys_on,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    /// The next opening is open, and nothing from now to there is: asked at every three quarters of an hour and at the second
    /// before it. What is open stays so until it is said to close, and then is closed.
    #[test]
    fn the_next_opening_is_the_first(calendar in calendars(), hours in 0..17_000_i64, seconds in 0..3600_i64) {
        let now = instant("2026-01-01T00:00:00Z") + SignedDuration::from_secs(hours * 3600 + seconds);
        let is_open = |at| matches!(calendar.at(at), Some(Opening::Open { .. }));
        let (until, open) = match calendar.at(now).expect("a known zone") {
            Opening::Open { closes } => (closes.map(|(at, _)| at), true),
            Opening::Closed { opens, .. } => (opens, false),
        };
        if open {
            prop_assert_eq!(calendar.next_opening(now), Some(now));
        }
        let mut at = now;
        let end = until.unwrap_or(now + SignedDuration::from_hours(24 * 9));
        while at < end {
            prop_assert_eq!(is_open(at), open, "at {}", at);
            at += SignedDuration::from_mins(45);
        }
        if let Some(until) = until {
            prop_assert_eq!(is_open(until - SignedDuration::from_secs(1)), open, "right before {}", until);
            prop_assert_eq!(is_open(until), !open, "at {}", until);
        }
    }
}

/// Production by this calendar, ready to fly, on Thursday 12 March 2026 at half past two in the afternoon, UTC.
fn ready(calendar: &Calendar) -> Story {
    let mut story = fixture::ready_by(|workspace| {
        for environment in &mut workspace.environments {
            if environment.protected {
                environment.policy.calendar = calendar.clone();
            }
        }
    });
    story.cockpit.now = at("14:31:00");
    story
}

fn gate(story: &Story) -> Option<GateResult> {
    let id = target("production", "auth-service");
    let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
    let gates = gates::take_off(&facts, &facts.current().unwrap().plan).gates;
    gates.into_iter().find(|gate| gate.id == "calendar.window")
}

#[test]
fn the_gate_names_its_rule_its_figure_and_the_next_opening() {
    assert_eq!(
        gate(&ready(&Calendar::default())),
        None,
        "nothing configured, nothing said"
    );
    let berlin = |calendar: Calendar| Calendar {
        zone: zone("Europe/Berlin"),
        ..calendar
    };
    let thursday = berlin(Calendar {
        no_deploys_on: vec![Day::Thursday],
        ..Calendar::default()
    });
    let closed = gate(&ready(&thursday)).unwrap();
    assert_eq!(closed.verdict, Verdict::Fail);
    assert!(closed.waivable);
    assert_eq!(
        closed.sentence,
        "production is closed: nothing is deployed on Thursdays; next opening Fri 13 Mar 00:00 CET, in 8 h"
    );
    let morning = berlin(Calendar {
        windows: vec![window(&[Day::Monday], "09:00", 30)],
        ..Calendar::default()
    });
    assert_eq!(
        gate(&ready(&morning)).unwrap().sentence,
        "production is closed: outside its windows; next opening Mon 16 Mar 09:00 CET, in 3 d"
    );
    let wide = berlin(Calendar {
        windows: vec![window(&[Day::Thursday], "09:00", 8 * 60)],
        ..Calendar::default()
    });
    let open = gate(&ready(&wide)).unwrap();
    assert_eq!(open.verdict, Verdict::Pass);
    assert_eq!(
        open.sentence,
        "production is open until Thu 12 Mar 17:00 CET: outside its windows"
    );
}

#[test]
fn a_flight_that_outlasts_its_window_is_warned_about_in_gate_and_dialog() {
    let short = Calendar {
        windows: vec![window(&[Day::Thursday], "14:00", 35)],
        ..Calendar::default()
    };
    let story = ready(&short);
    let warned = gate(&story).unwrap();
    assert_eq!(warned.verdict, Verdict::Pass);
    let sentence = "production closes in 4 min (Thu 12 Mar 14:35 UTC: outside its windows), and the flight takes 10 min for its bakes alone";
    assert_eq!(warned.sentence, sentence);
    let id = target("production", "auth-service");
    let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
    let plan = facts.current().unwrap().plan.digest.clone();
    let command = Command::Fly { plan, glass: None };
    let Ok(Decision::Act { act, .. }) = decide(&command, &facts, &actor("dana")) else {
        panic!("it is open, and everything else is green");
    };
    assert_eq!(act.kind, ActKind::Fly);
    assert!(
        act.afterwards.contains(&format!("WARNING: {sentence}")),
        "{:?}",
        act.afterwards
    );
}

#[test]
fn a_closed_calendar_stops_take_off_alone_and_an_emergency_passes_it() {
    let closed = Calendar {
        no_deploys_on: vec![Day::Thursday],
        ..Calendar::default()
    };
    let story = ready(&closed);
    let id = target("production", "auth-service");
    let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
    let plan = facts.current().unwrap().plan.digest.clone();
    let fly = |glass: Option<&str>| {
        let command = Command::Fly {
            plan: plan.clone(),
            glass: glass.map(str::to_owned),
        };
        decide(&command, &facts, &actor("dana"))
    };
    let refusal = fly(None).unwrap_err();
    assert_eq!(refusal.rule, "calendar.window");
    assert!(
        refusal.sentence.contains("Thursdays"),
        "{}",
        refusal.sentence
    );
    let Ok(Decision::Act {
        opening: Some(Body::GlassBroken { skipped, .. }),
        ..
    }) = fly(Some("customers cannot pay"))
    else {
        panic!("break-glass passes a closed calendar");
    };
    assert_eq!(skipped.len(), 1);
    let roll_back = Command::RollBack {
        to: None,
        staged: false,
        reason: "errors".to_owned(),
    };
    let back = decide(&roll_back, &facts, &actor("dana"));
    if let Err(refusal) = back {
        assert_ne!(
            refusal.rule, "calendar.window",
            "no rollback waits for a window"
        );
    }
}
