//! The guard (QUALITY F17, SPEC W6, D3): what it makes of every verdict in every place, that it only ever holds, once for
//! one cause, with the rights of whoever watches; and what the screen says before it does.

use std::collections::BTreeMap;

use gonogo::{
    domain::{
        change::ActKind,
        deployment::FlightState,
        entry::{Body, Draft, Entry, FORMAT, IntentId, Means, Outcome, StreamId},
        fault::{Fault, FaultKind},
        metric::{Figures, Metrics, SideFigures},
        observation::{Observation, Seen},
        plan::ItemId,
        rollout::{PlatformPause, Step},
        standing::{Aside, Standing},
        text::Clean,
        workspace::Actor,
    },
    flight::process::{self, Mover, Next},
    policy::{
        decide::{Command, Decision, decide},
        guard::Stand,
    },
    session::{
        cockpit::Cockpit,
        effect::Effect,
        event::{End, Event, Stamped},
        show,
        update::update,
        view::Screen,
    },
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::fixture::{self, CANARY, STABLE, Story, actor, at, target};

const SCRAPE: i64 = 5;

/// When the looks begin: the window since take-off is over.
fn start() -> Timestamp {
    at("14:32:10")
}

fn later(from: Timestamp, seconds: i64) -> Timestamp {
    from.checked_add(SignedDuration::from_secs(seconds))
        .unwrap()
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Figure {
    Good,
    Over,
    Lost,
    /// Over, and waived for this stage by name.
    Waived,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Ahead {
    /// The step waits for a person.
    Person,
    /// The controller goes on by itself, long after.
    Timer,
    /// … within the time that a hold may take.
    TimerNear,
    /// Between two steps, and no pause ahead.
    Moving,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Hindrance {
    None,
    HeldByUs,
    HeldOutside,
    Aborted,
    UnderWay,
    Stopped,
    ActedAlready,
    AnotherImage,
}

fn id() -> gonogo::domain::target::TargetId {
    target("production", "auth-service")
}

fn rollout(story: &mut Story) -> &mut gonogo::domain::rollout::Workload {
    let known = story.cockpit.known.targets.get_mut(&id()).unwrap();
    &mut known.workload.last.as_mut().unwrap().value.workload
}

fn metrics(figure: Figure) -> Metrics {
    let side = |latency: f64| {
        let figures = Figures {
            scrapes: 12,
            pods: 5,
            requests: 2000.0,
            error_rate: Some(0.03),
            latency_p99: Some(latency),
        };
        SideFigures {
            over_window: figures,
            latest: figures,
            silent: 0,
            trouble: None,
            answered_at: None,
        }
    };
    let mut sides = BTreeMap::from([(STABLE.to_owned(), side(295.0))]);
    match figure {
        Figure::Good => drop(sides.insert(CANARY.to_owned(), side(312.0))),
        Figure::Over | Figure::Waived => drop(sides.insert(CANARY.to_owned(), side(512.0))),
        Figure::Lost => {}
    }
    Metrics {
        window: SignedDuration::from_mins(1),
        sides,
    }
}

/// What the feeds bring at one moment; the platform is read anew as it was.
fn seen(story: &Story, figure: Figure) -> [Observation; 2] {
    let known = &story.cockpit.known.targets[&id()];
    let observed = known.workload.value().unwrap().clone();
    [
        Seen::Workload(Box::new(observed)),
        Seen::Metrics(metrics(figure)),
    ]
    .map(|seen| Observation { target: id(), seen })
}

fn look(story: &mut Story, figure: Figure, now: Timestamp) -> Stand {
    for observation in seen(story, figure) {
        story.cockpit.known.observe(&observation, now);
    }
    story.cockpit.known.guard(&id(), now, &actor("dana"))
}

fn lasting(story: &mut Story, ahead: Ahead, end: Timestamp) {
    let workload = rollout(story);
    let timed = |lasts: SignedDuration, since| {
        Some(PlatformPause {
            reason: "CanaryPauseStep".to_owned(),
            since: Some(since),
            lasts: Some(lasts),
        })
    };
    let lasts = SignedDuration::from_mins(60);
    match ahead {
        Ahead::Person => {}
        Ahead::Timer => {
            workload.steps[3] = Step::Pause(Some(lasts));
            workload.pause = timed(lasts, at("14:27:02"));
        }
        Ahead::TimerNear => {
            workload.steps[3] = Step::Pause(Some(lasts));
            workload.pause = timed(lasts, later(end, 4 - lasts.as_secs()));
        }
        Ahead::Moving => {
            workload.steps = vec![Step::SetWeight(10), Step::SetWeight(50)];
            (workload.step, workload.pause) = (Some(1), None);
        }
    }
}

/// The guard's hold as any process carries it out: decided, intended, applied.
fn held(story: &mut Story, stand: &Stand, number: usize, now: Timestamp) {
    let Stand::Hold(cause) = stand else {
        panic!("{stand:?}");
    };
    let mut cause = cause.clone();
    "dana".clone_into(&mut cause.watched_by);
    let guard = Actor::guard("bastion");
    let facts = story.cockpit.known.facts(&id(), now).unwrap();
    let command = Command::Guard {
        cause: Box::new(cause),
    };
    let Decision::Act { act, .. } = decide(&command, &facts, &guard).unwrap() else {
        panic!("a hold is an act");
    };
    assert_eq!(act.kind, ActKind::Hold, "it never does anything else");
    assert_eq!(act.changes.len(), 1);
    let intent = IntentId(format!("guard-{number}"));
    let intended = Body::Intended {
        deployment: Story::id(),
        intent: intent.clone(),
        act,
        change: 0,
        means: Means::Guard,
    };
    story.enter(&id(), now, &guard, intended);
    let settled = Body::Settled {
        deployment: Story::id(),
        intent,
        outcome: Outcome::Applied {
            seen: false,
            perhaps: false,
        },
    };
    story.enter(&id(), now, &guard, settled);
}

fn hindered(story: &mut Story, hindrance: Hindrance) {
    match hindrance {
        Hindrance::None => {}
        Hindrance::HeldByUs => {
            rollout(story).paused = true;
            rollout(story).held_by = Some(gonogo::domain::text::Clean::new("dana"));
        }
        Hindrance::HeldOutside => rollout(story).paused = true,
        Hindrance::Aborted => rollout(story).aborted = true,
        Hindrance::AnotherImage => rollout(story).image = Some("other@sha256:1".to_owned()),
        Hindrance::UnderWay => {
            let facts = story.cockpit.facts().unwrap();
            let plan = &facts.current().unwrap().plan;
            let act = gonogo::policy::planner::abort(&facts, &plan.release, plan.before.as_ref())
                .unwrap();
            let intended = Body::Intended {
                deployment: Story::id(),
                intent: IntentId("abort".to_owned()),
                act: Box::new(act),
                change: 0,
                means: Means::Dialog,
            };
            story.enter(&id(), start(), &actor("dana"), intended);
        }
        Hindrance::Stopped => story.enter(
            &id(),
            start(),
            &actor("dana"),
            Body::GuardStopped {
                deployment: Story::id(),
                reason: "watched by hand".to_owned(),
            },
        ),
        Hindrance::ActedAlready => {
            let mut before = fixture::breach();
            lasting(&mut before, Ahead::Timer, start());
            let first = later(start(), -3 * SCRAPE);
            look(&mut before, Figure::Over, first);
            let stand = look(&mut before, Figure::Over, start());
            let facts_now = later(start(), -1);
            // The same hold, in the story that is judged; a person has resumed since.
            let Stand::Hold(cause) = stand else {
                panic!("{stand:?}")
            };
            let facts = story.cockpit.facts().unwrap();
            let plan = &facts.current().unwrap().plan;
            let mut act = gonogo::policy::planner::hold(&facts, &plan.release, "guard").unwrap();
            act.guard = Some(Box::new(cause));
            let resume = gonogo::policy::planner::resume(&facts, plan).unwrap();
            for (number, act) in [act, resume].into_iter().enumerate() {
                let intent = IntentId(format!("before-{number}"));
                let intended = Body::Intended {
                    deployment: Story::id(),
                    intent: intent.clone(),
                    act: Box::new(act),
                    change: 0,
                    means: Means::Guard,
                };
                story.enter(&id(), facts_now, &Actor::guard("bastion"), intended);
                let settled = Body::Settled {
                    deployment: Story::id(),
                    intent,
                    outcome: Outcome::Applied {
                        seen: false,
                        perhaps: false,
                    },
                };
                story.enter(&id(), facts_now, &Actor::guard("bastion"), settled);
            }
        }
    }
}

/// 50 % of the way, a limit on errors and one on latency.
fn story(figure: Figure, ahead: Ahead, hindrance: Hindrance, end: Timestamp) -> Story {
    let mut story = fixture::breach();
    if figure == Figure::Waived {
        story.enter(
            &id(),
            at("14:30:00"),
            &actor("lee"),
            Body::Waived {
                deployment: Story::id(),
                item: ItemId("metric.latency_p99".to_owned()),
                reason: "a known slow query".to_owned(),
            },
        );
    }
    lasting(&mut story, ahead, end);
    hindered(&mut story, hindrance);
    story
}

#[test]
fn the_guard_holds_where_it_must_and_nowhere_else() {
    use Hindrance as H;
    let hindrances = [
        H::None,
        H::HeldByUs,
        H::HeldOutside,
        H::Aborted,
        H::UnderWay,
        H::Stopped,
        H::ActedAlready,
        H::AnotherImage,
    ];
    let (mut cases, mut holds) = (0, 0);
    for figure in [Figure::Good, Figure::Over, Figure::Lost, Figure::Waived] {
        for ahead in [Ahead::Person, Ahead::Timer, Ahead::TimerNear, Ahead::Moving] {
            for hindrance in hindrances {
                for intervals in [0, 1, 2, 3, 4, 20] {
                    let end = later(start(), intervals * SCRAPE);
                    let mut story = story(figure, ahead, hindrance, end);
                    let mut stand = Stand::Off;
                    for round in 0..=intervals {
                        stand = look(&mut story, figure, later(start(), round * SCRAPE));
                    }
                    cases += 1;
                    let bad = matches!(figure, Figure::Over | Figure::Lost);
                    let long = intervals >= 3 || ahead == Ahead::TimerNear;
                    // What it held for was latency; that errors are lost too is another cause.
                    let free = hindrance == H::None
                        || (hindrance == H::ActedAlready && figure == Figure::Lost);
                    let must = bad && long && free && ahead != Ahead::Person;
                    let case = format!("{figure:?} {ahead:?} {hindrance:?} {intervals}: {stand:?}");
                    assert_eq!(matches!(stand, Stand::Hold(_)), must, "{case}");
                    if bad && !long && free && ahead != Ahead::Person {
                        assert!(matches!(stand, Stand::Counting { .. }), "{case}");
                    }
                    if !bad {
                        assert!(!matches!(stand, Stand::Counting { .. }), "{case}");
                    }
                    holds += usize::from(must);
                }
            }
        }
    }
    assert!(cases >= 200 && holds > 20, "{holds} of {cases}");
}

/// How often it may fail is the limit's own figure.
#[test]
fn how_long_it_waits_is_configured_per_limit() {
    let end = later(start(), 10 * SCRAPE);
    for intervals in [1, 3, 7] {
        let mut story = story(Figure::Over, Ahead::Timer, Hindrance::None, end);
        let target_known = story.cockpit.known.targets.get_mut(&id()).unwrap();
        let current = target_known.state.current.as_mut().unwrap();
        for limit in &mut current.plan.plan.limits {
            limit.intervals = intervals;
        }
        let rounds = (0..20).find(|round| {
            let stand = look(&mut story, Figure::Over, later(start(), round * SCRAPE));
            matches!(stand, Stand::Hold(_))
        });
        assert_eq!(rounds, Some(i64::from(intervals)));
    }
}

/// Before the first window is over there are no figures yet, and that is no loss; unless the controller would go on.
#[test]
fn a_window_that_is_not_full_yet_is_no_loss() {
    let mut story = story(Figure::Lost, Ahead::Timer, Hindrance::None, start());
    let target_known = story.cockpit.known.targets.get_mut(&id()).unwrap();
    let took_off = later(start(), -1);
    target_known.state.current.as_mut().unwrap().took_off_at = Some(took_off);
    let stands = |story: &mut Story, seconds| look(story, Figure::Lost, later(start(), seconds));
    assert!(!matches!(stands(&mut story, 0), Stand::Hold(_)));
    assert!(!matches!(stands(&mut story, 40), Stand::Hold(_)));
    assert!(!matches!(stands(&mut story, 60), Stand::Hold(_)));
    assert!(matches!(stands(&mut story, 75), Stand::Hold(_)));
}

#[derive(Clone, Copy, Debug)]
enum Happens {
    Scrape(bool, bool),
    Resumed,
    OtherProcess,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        8 => (any::<bool>(), any::<bool>()).prop_map(|(good, lost)| Happens::Scrape(good, lost)),
        2 => Just(Happens::Resumed),
        1 => Just(Happens::OtherProcess),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is scraped, resumed, and whoever watches: no hold without a figure that does not pass, no second one for
    /// the same gate before it was seen to pass, and never anything but a hold.
    #[test]
    fn the_guard_acts_once_on_one_cause(events in proptest::collection::vec(happens(), 1..60)) {
        let mut story = story(Figure::Good, Ahead::Timer, Hindrance::None, start());
        let mut now = start();
        // By gate: held, and not seen to pass since.
        let mut unrecovered: BTreeMap<String, usize> = BTreeMap::new();
        let mut holds = 0;
        for event in events {
            now = later(now, SCRAPE);
            match event {
                Happens::Resumed => rollout(&mut story).paused = false,
                Happens::OtherProcess => {
                    story.cockpit.known.targets.get_mut(&id()).unwrap().guard = gonogo::policy::guard::Watch::default();
                }
                Happens::Scrape(good, lost) => {
                    let figure = match (good, lost) {
                        (true, _) => Figure::Good,
                        (false, true) => Figure::Lost,
                        (false, false) => Figure::Over,
                    };
                    let stand = look(&mut story, figure, now);
                    if good {
                        unrecovered.clear();
                        let calm = !matches!(stand, Stand::Hold(_) | Stand::Counting { .. });
                        prop_assert!(calm, "{:?}", stand);
                    }
                    if figure == Figure::Over {
                        unrecovered.remove("metric.error_rate");
                    }
                    if let Stand::Hold(cause) = &stand {
                        let again = unrecovered.insert(cause.gate.clone(), holds);
                        prop_assert_eq!(again, None, "{} again: {:?}", &cause.gate, &stand);
                        held(&mut story, &stand, holds, now);
                        rollout(&mut story).paused = true;
                        holds += 1;
                    }
                }
            }
        }
        let state = story.cockpit.known.targets[&id()].state.current.as_ref().unwrap();
        prop_assert_eq!(state.state, FlightState::Flying);
    }
}

/// Two figures are lost, two processes watch: the one that comes second has not seen the hold on the platform yet.
#[test]
fn a_hold_of_a_moment_ago_is_not_made_again_for_another_figure() {
    let mut story = story(Figure::Lost, Ahead::Timer, Hindrance::None, start());
    for round in 0..3 {
        look(&mut story, Figure::Lost, later(start(), round * SCRAPE));
    }
    let now = later(start(), 3 * SCRAPE);
    let stand = look(&mut story, Figure::Lost, now);
    held(&mut story, &stand, 0, now);
    assert_eq!(look(&mut story, Figure::Lost, later(now, 1)), Stand::Off);
    // Somebody took it off outside: what else is wrong is a cause of its own.
    let much_later = later(now, 60);
    let stand = look(&mut story, Figure::Lost, much_later);
    assert!(
        matches!(&stand, Stand::Hold(cause) if cause.gate == "metric.latency_p99"),
        "{stand:?}"
    );
}

fn told(cockpit: &mut Cockpit, now: Timestamp, event: Event) -> Vec<Effect> {
    update(cockpit, &Stamped { at: now, event })
}

fn scraped(story: &mut Story, figure: Figure, now: Timestamp) -> Vec<Effect> {
    let seen = seen(story, figure);
    seen.into_iter()
        .flat_map(|observation| told(&mut story.cockpit, now, Event::Seen(observation)))
        .collect()
}

fn guards(effects: &[Effect]) -> usize {
    let guard = |effect: &&Effect| matches!(effect, Effect::Guard { .. });
    effects.iter().filter(guard).count()
}

fn ready(ahead: Ahead) -> Story {
    let mut story = story(Figure::Over, ahead, Hindrance::None, start());
    story.cockpit.ledger.ready = true;
    story.cockpit.view.go(Screen::Flight);
    story
}

#[test]
fn the_screen_counts_down_and_holds_once() {
    let mut story = ready(Ahead::Timer);
    assert_eq!(guards(&scraped(&mut story, Figure::Over, start())), 0);
    let waiting = show::flight(&story.cockpit).unwrap().waiting.unwrap();
    assert_eq!(waiting.mover, Mover::Gonogo);
    assert_eq!(waiting.until, Some(later(start(), 3 * SCRAPE)));
    for words in [
        "guard: p99 latency of canary 512 ms, limit 500 ms",
        "in 0:15",
    ] {
        assert!(waiting.sentence.contains(words), "{}", waiting.sentence);
    }
    for round in 1..3 {
        let now = later(start(), round * SCRAPE);
        assert_eq!(guards(&scraped(&mut story, Figure::Over, now)), 0);
    }
    let now = later(start(), 3 * SCRAPE);
    let effects = scraped(&mut story, Figure::Over, now);
    assert_eq!(guards(&effects), 1, "{effects:?}");
    let act = effects.iter().find_map(|effect| match effect {
        Effect::Guard { confirmed, .. } => Some(confirmed),
        _ => None,
    });
    let confirmed = act.unwrap();
    assert_eq!(confirmed.means(), Means::Guard);
    let reason = confirmed.act().reason.clone().unwrap();
    assert!(
        reason.contains("512 ms, limit 500 ms, for 3 scrapes"),
        "{reason}"
    );
    // While it is under way, and after somebody else was first: not again by itself.
    let later_on = later(now, 1);
    assert_eq!(guards(&scraped(&mut story, Figure::Over, later_on)), 0);
    let done = Event::Guarded {
        target: id(),
        sentence: reason,
        end: End::Done,
    };
    let effects = told(&mut story.cockpit, later_on, done);
    assert_eq!(effects, [Effect::Bell]);
    let message = story.cockpit.message.as_ref().unwrap();
    assert!(
        message.text.starts_with("the guard holds production/"),
        "{}",
        message.text
    );
}

/// A hold does not wait for the ledger (SPEC §5), whoever makes it: its intent goes into the journal, and counts.
#[test]
fn without_the_ledger_it_holds_all_the_same_and_once() {
    for lost in [false, true] {
        let mut story = ready(Ahead::Timer);
        let fault = Fault::new("ledger", FaultKind::Refused, "appending", "disk full");
        let standing = if lost {
            Standing::Lost(fault)
        } else {
            Standing::ReadOnly(fault)
        };
        told(&mut story.cockpit, start(), Event::LedgerStands(standing));
        for round in 0..3 {
            let now = later(start(), round * SCRAPE);
            assert_eq!(guards(&scraped(&mut story, Figure::Over, now)), 0);
        }
        let now = later(start(), 3 * SCRAPE);
        let effects = scraped(&mut story, Figure::Over, now);
        assert_eq!(
            effects.len(),
            1,
            "a hold, and nothing is attended: {effects:?}"
        );
        let Effect::Guard { confirmed, .. } = &effects[0] else {
            panic!("{effects:?}");
        };
        let act = confirmed.act();
        assert!(act.unrecorded && act.kind == ActKind::Hold, "{act:?}");
        let (guard, intent) = (Actor::guard("bastion"), IntentId("aside".to_owned()));
        let aside = [
            Body::Intended {
                deployment: Story::id(),
                intent: intent.clone(),
                act: Box::new(act.clone()),
                change: 0,
                means: Means::Guard,
            },
            Body::Settled {
                deployment: Story::id(),
                intent,
                outcome: Outcome::Applied {
                    seen: false,
                    perhaps: false,
                },
            },
        ]
        .map(|body| Aside {
            stream: StreamId::target(&id()),
            draft: Draft {
                at: now,
                actor: guard.clone(),
                body,
            },
        });
        told(&mut story.cockpit, now, Event::Aside(aside.to_vec()));
        let done = Event::Guarded {
            target: id(),
            sentence: act.reason.clone().unwrap(),
            end: End::Done,
        };
        told(&mut story.cockpit, now, done);
        // Nobody saw it on the platform yet: what waits in the journal says that it was asked.
        assert_eq!(
            guards(&scraped(&mut story, Figure::Over, later(now, SCRAPE))),
            0
        );
        rollout(&mut story).paused = true;
        rollout(&mut story).held_by = Some(Clean::new("guard"));
        let flight = show::flight(&story.cockpit).unwrap();
        let sentence = flight.waiting.unwrap().sentence;
        assert!(
            sentence.contains("held on the platform by guard: p99 latency")
                && sentence.contains("the hold of guard waits in the journal"),
            "{sentence}"
        );
        assert!(flight.timeline.iter().any(|line| line.waits));
        let position = story.cockpit.known.targets[&id()].state.position;
        let facts = story.cockpit.known.facts(&id(), now).unwrap();
        assert_eq!(facts.state.position, position, "the place is the ledger's");

        // The ledger has it: it is told once, and nothing waits.
        let entries = aside.iter().enumerate().map(|(index, line)| Entry {
            seq: 10_000 + index as u64,
            stream: line.stream.clone(),
            position: position + 1 + index as u64,
            format: FORMAT,
            at: line.draft.at,
            actor: line.draft.actor.clone(),
            body: line.draft.body.clone(),
        });
        let event = Event::Entries(entries.collect());
        told(&mut story.cockpit, later(now, 6), event);
        let facts = story.cockpit.known.facts(&id(), now).unwrap();
        assert_eq!(facts.waits_in_journal(), None);
        assert_eq!(facts.state.position, position + 2);
        let current = facts.current().unwrap();
        assert_eq!(current.held.as_ref().unwrap().by, "guard");
        assert_eq!(current.guarded.len(), 1);
    }
}

#[test]
fn the_guard_has_the_rights_of_whoever_watches() {
    for (who, allowed) in [("dana", 1), ("lee", 1), ("kim", 1), ("sam", 0), ("eve", 0)] {
        let mut story = ready(Ahead::Timer);
        story.cockpit.me = actor(who);
        let mut holds = 0;
        for round in 0..4 {
            let now = later(start(), round * SCRAPE);
            holds += guards(&scraped(&mut story, Figure::Over, now));
        }
        assert_eq!(holds, allowed, "{who}");
        // Who may not hold is not told that something is about to be held.
        let waiting = show::flight(&story.cockpit).unwrap().waiting.unwrap();
        assert_eq!(
            waiting.sentence.starts_with("guard: "),
            allowed == 1,
            "{who}"
        );
    }
}

/// `z` takes the guard's hold off; where that lets the controller go on, what it held for must pass, or be waived.
#[test]
fn a_resume_past_the_guard_is_judged_like_a_promotion() {
    let mut story = story(Figure::Over, Ahead::Timer, Hindrance::None, start());
    for round in 0..3 {
        look(&mut story, Figure::Over, later(start(), round * SCRAPE));
    }
    let now = later(start(), 3 * SCRAPE);
    let stand = look(&mut story, Figure::Over, now);
    held(&mut story, &stand, 0, now);
    rollout(&mut story).paused = true;
    rollout(&mut story).held_by = Some(gonogo::domain::text::Clean::new("guard"));
    assert_eq!(look(&mut story, Figure::Over, now), Stand::Off);
    let resume = |story: &Story| {
        let facts = story.cockpit.known.facts(&id(), now).unwrap();
        let decided = decide(&Command::Resume, &facts, &actor("dana"));
        decided.map(drop).map_err(|refusal| refusal.rule)
    };
    assert_eq!(resume(&story), Err("metric.latency_p99".to_owned()));
    let facts = story.cockpit.known.facts(&id(), now).unwrap();
    let Next::Waiting(waiting) = process::next(&facts) else {
        panic!("it waits");
    };
    let said = "held on the platform by guard: p99 latency of canary 512 ms, limit 500 ms";
    assert!(waiting.sentence.starts_with(said), "{}", waiting.sentence);
    assert_eq!(waiting.mover, Mover::You);
    story.enter(
        &id(),
        now,
        &actor("lee"),
        Body::Waived {
            deployment: Story::id(),
            item: ItemId("metric.latency_p99".to_owned()),
            reason: "a known slow query".to_owned(),
        },
    );
    assert_eq!(resume(&story), Ok(()));
}
