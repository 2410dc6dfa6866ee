//! Decisions: which gates stand in the way of what, the truth table of the judge, and two operators who interleave any
//! commands without a release ever flying past its gates.

use std::collections::BTreeMap;

use gonogo::{
    domain::{
        change::ActKind,
        entry::{Answer, Body, IntentId, Means, Outcome},
        metric::{Figures, Metric, Metrics, SideFigures},
        observation::{Observation, Seen},
        plan::ItemId,
        workspace::Actor,
    },
    policy::{
        decide::{Command, Decision, decide},
        gate::{Judgement, Verdict},
        gates,
        refusal::RefusalKind,
    },
};
use jiff::SignedDuration;
use proptest::prelude::*;

use crate::fixture::{self, Story, actor, at, target};

fn blocking(judgement: &Judgement) -> Vec<String> {
    judgement.blocking().map(|gate| gate.id.clone()).collect()
}

fn take_off(story: &Story) -> Vec<String> {
    let id = target("production", "auth-service");
    let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
    let plan = match facts.current() {
        Some(current) => current.plan.clone(),
        None => story.plan(&id, 42),
    };
    blocking(&gates::take_off(&facts, &plan))
}

fn promotion(story: &Story) -> Vec<String> {
    let id = target("production", "auth-service");
    let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
    blocking(&gates::promotion(&facts, &facts.current().unwrap().plan))
}

#[test]
fn each_state_is_held_back_by_its_own_gates() {
    assert_eq!(take_off(&fixture::calm()), ["approvals", "checklist"]);
    assert_eq!(take_off(&fixture::requested()), ["approvals", "checklist"]);
    assert_eq!(take_off(&fixture::ready()), Vec::<String>::new());
    assert_eq!(promotion(&fixture::baking()), ["stage.bake"]);
    assert_eq!(promotion(&fixture::breach()), ["metric.latency_p99"]);
    assert!(promotion(&fixture::crashing()).contains(&"stage.pods".to_owned()));
    let stale = promotion(&fixture::stale());
    for unknown in ["stage.pods", "metric.error_rate", "metric.latency_p99"] {
        assert!(
            stale.contains(&unknown.to_owned()),
            "{unknown} is not known in {stale:?}"
        );
    }
}

#[test]
fn every_sentence_of_a_gate_names_a_figure_or_a_name() {
    for story in [fixture::calm(), fixture::requested(), fixture::ready()] {
        let id = target("production", "auth-service");
        let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
        let plan = facts
            .current()
            .map_or_else(|| story.plan(&id, 42), |current| current.plan.clone());
        for gate in gates::take_off(&facts, &plan).gates {
            assert!(gate.sentence.len() > 12, "{}: {}", gate.id, gate.sentence);
            assert!(
                !gate.sentence.ends_with('.'),
                "{}: {}",
                gate.id,
                gate.sentence
            );
        }
    }
}

/// F17: no data is never a pass. Every combination of age, side, scrapes, requests, value and silence.
#[test]
fn nothing_but_a_good_figure_passes() {
    let id = target("production", "auth-service");
    let story = fixture::breach();
    let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
    let source = facts.target.metrics.clone().unwrap();
    let limit = *facts
        .target
        .limits
        .iter()
        .find(|limit| limit.metric == Metric::ErrorRate)
        .unwrap();
    let hash = facts
        .workload
        .value()
        .unwrap()
        .workload
        .current_hash
        .clone()
        .unwrap();
    let (mut cases, mut passes) = (0, 0);
    let values = [
        None,
        Some(f64::NAN),
        Some(f64::INFINITY),
        Some(-0.0),
        Some(limit.hold),
        Some(limit.hold * 1.01),
    ];
    for age in [Some(0), Some(10), Some(16), Some(3600), None] {
        for present in [true, false] {
            for scrapes in [0, 1, 2, 12] {
                for requests in [0.0, 19.0, 99.0, 5000.0] {
                    for value in values {
                        for silent in [0, 5] {
                            let mut known = story.cockpit.known.clone();
                            let target_known = known.targets.get_mut(&id).unwrap();
                            target_known.metrics = gonogo::domain::reading::Subject::default();
                            let figures = Figures {
                                scrapes,
                                pods: u32::from(scrapes > 1),
                                requests,
                                error_rate: value,
                                latency_p99: value,
                            };
                            let latest = if silent > 0 {
                                Figures::default()
                            } else {
                                figures
                            };
                            let side = SideFigures {
                                over_window: figures,
                                latest,
                                silent,
                                trouble: None,
                                answered_at: None,
                            };
                            let sides = if present {
                                BTreeMap::from([(hash.clone(), side)])
                            } else {
                                BTreeMap::new()
                            };
                            if let Some(age) = age {
                                let metrics = Metrics {
                                    window: source.window,
                                    sides,
                                };
                                let when = story
                                    .cockpit
                                    .now
                                    .checked_sub(SignedDuration::from_secs(age))
                                    .unwrap();
                                known.observe(
                                    &Observation {
                                        target: id.clone(),
                                        seen: Seen::Metrics(metrics),
                                    },
                                    when,
                                );
                            }
                            let facts = known.facts(&id, story.cockpit.now).unwrap();
                            let (verdict, sentence) = gonogo::policy::judge::judge(
                                &facts,
                                &source,
                                &limit,
                                Some(&hash),
                                "canary",
                            );
                            let need = source.min_requests.max(20) as f64;
                            let judged = age.is_some_and(|age| age <= 15)
                                && present
                                && scrapes >= 2
                                && requests >= need
                                && silent == 0
                                && value.is_some_and(f64::is_finite);
                            let expected = match value {
                                _ if !judged => Verdict::Unknown,
                                Some(value) if value > limit.hold => Verdict::Fail,
                                _ => Verdict::Pass,
                            };
                            assert_eq!(
                                verdict, expected,
                                "{age:?} {present} {scrapes} {requests} {value:?} {silent}: {sentence}"
                            );
                            cases += 1;
                            passes += u32::from(verdict == Verdict::Pass);
                        }
                    }
                }
            }
        }
    }
    assert!(cases >= 200 && passes > 0, "{cases} cases, {passes} passes");
}

#[test]
fn what_was_meant_for_another_moment_is_refused() {
    let id = target("production", "auth-service");
    let story = fixture::breach();
    let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
    let refused = |command: Command| decide(&command, &facts, &actor("dana")).unwrap_err();
    // 50 % rests at step 3; step 1 was passed.
    assert_eq!(
        refused(Command::Promote { step: 1 }).kind,
        RefusalKind::Raced
    );
    assert_eq!(refused(Command::Promote { step: 5 }).rule, "promote.step");
    let breach = refused(Command::Promote { step: 3 });
    assert_eq!(breach.rule, "metric.latency_p99");
    assert!(
        breach.sentence.contains("512 ms, limit 500 ms"),
        "{}",
        breach.sentence
    );
    assert_eq!(refused(Command::PromoteFully).rule, "metric.latency_p99");
    assert_eq!(refused(Command::Retry).rule, "retry.aborted");
    assert_eq!(refused(Command::Resume).kind, RefusalKind::Raced);
    // The ways out are open.
    for command in [
        Command::Hold,
        Command::Abort,
        Command::RollBack {
            to: None,
            staged: false,
            reason: "slow".to_owned(),
        },
    ] {
        assert!(
            matches!(
                decide(&command, &facts, &actor("dana")),
                Ok(Decision::Act { .. })
            ),
            "{command:?}"
        );
    }
    let aborted = fixture::aborted();
    let facts = aborted
        .cockpit
        .known
        .facts(&id, aborted.cockpit.now)
        .unwrap();
    let full = decide(&Command::PromoteFully, &facts, &actor("dana")).unwrap_err();
    assert_eq!(full.rule, "promote.aborted");
}

#[test]
fn the_shortest_way_back_depends_on_where_it_is() {
    use gonogo::domain::change::Change;
    let id = target("production", "auth-service");
    let kinds = |story: &Story| -> Vec<&'static str> {
        let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
        let command = Command::RollBack {
            to: None,
            staged: false,
            reason: "slow".to_owned(),
        };
        let Ok(Decision::Act { act, .. }) = decide(&command, &facts, &actor("dana")) else {
            return vec!["refused"];
        };
        let name = |change: &Change| match change {
            Change::SetImage { .. } => "set image",
            Change::Abort { .. } => "abort",
            Change::AwaitTemplate { .. } => "await",
            Change::PromoteFull { .. } => "promote full",
            Change::Resume { .. } => "resume",
            _ => "other",
        };
        act.changes.iter().map(name).collect()
    };
    assert_eq!(kinds(&fixture::breach()), ["abort", "set image"]);
    assert_eq!(kinds(&fixture::aborted()), ["set image"]);
    assert_eq!(
        kinds(&fixture::verifying()),
        ["set image", "await", "promote full"]
    );
    assert_eq!(
        kinds(&fixture::ready()),
        ["refused"],
        "nothing was changed yet: cancel instead"
    );
}

fn rolls_back_to(story: &Story, number: Option<u64>) -> Result<u64, String> {
    let id = target("production", "auth-service");
    let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
    let to = number.map(|number| {
        let release = facts
            .releases
            .iter()
            .find(|release| release.number == number);
        Box::new(release.unwrap().to_ref())
    });
    let command = Command::RollBack {
        to,
        staged: false,
        reason: "slow".to_owned(),
    };
    match decide(&command, &facts, &actor("dana")) {
        Ok(Decision::Act { act, .. }) => Ok(act.release.number),
        Ok(Decision::Record(_)) => Err("recorded".to_owned()),
        Err(refusal) => Err(refusal.rule),
    }
}

#[test]
fn a_rollback_goes_only_to_what_ran_here() {
    let calm = fixture::calm();
    assert_eq!(rolls_back_to(&calm, Some(40)), Ok(40));
    // 43 was never in production, 42 only in staging.
    for never in [42, 43] {
        let refused = rolls_back_to(&calm, Some(never));
        assert_eq!(refused, Err("rollback.verified".to_owned()));
    }
    // R again goes where the first one went, not forward to what is being left.
    assert_eq!(rolls_back_to(&fixture::breach(), None), Ok(41));
    let under_way = fixture::rolling_back();
    let going = under_way.cockpit.known.targets[&target("production", "auth-service")]
        .state
        .former()
        .map(|release| release.number);
    assert_eq!(going, Some(41));
}

#[test]
fn an_aborted_flight_is_not_retried_against_a_no_go() {
    let id = target("production", "auth-service");
    let mut story = fixture::aborted();
    let retry = |story: &Story| {
        let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
        decide(&Command::Retry, &facts, &actor("dana")).map_err(|refusal| refusal.rule)
    };
    assert!(matches!(retry(&story), Ok(Decision::Act { .. })));
    let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
    let plan = facts.current().unwrap().plan.digest.clone();
    let deployment = facts.current().unwrap().id.clone();
    let no = Body::Decided {
        deployment,
        plan,
        answer: Answer::NoGo,
        reason: "look first".to_owned(),
    };
    let kim = actor("kim");
    story.enter(&id, at("14:32:06"), &kim, no);
    assert_eq!(retry(&story).unwrap_err(), "decision.no_go");
    // And a plan that never took off is not retried at all.
    assert!(retry(&fixture::requested()).is_err());
}

/// W4: one metric in one stage.
#[test]
fn a_waiver_of_another_stage_silences_nothing() {
    let id = target("production", "auth-service");
    for (when, silenced) in [("14:00:30", false), ("14:32:06", true)] {
        let mut story = fixture::breach();
        let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
        let deployment = facts.current().unwrap().id.clone();
        let item = ItemId("metric.latency_p99".to_owned());
        let reason = "known".to_owned();
        let waived = Body::Waived {
            deployment,
            item,
            reason,
        };
        story.enter(&id, at(when), &actor("kim"), waived);
        assert_eq!(promotion(&story).is_empty(), silenced, "waived at {when}");
    }
}

#[test]
fn what_somebody_changed_outside_is_never_closed_as_verified() {
    use gonogo::flight::process::{Next, outlook};
    let id = target("production", "auth-service");
    for mut story in [fixture::verifying(), fixture::monitoring()] {
        // kubectl rollout undo: 41 serves again.
        story.see(&id, &fixture::Scene::calm(), 41, "14:32:07");
        let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
        let Next::Waiting(waiting) = outlook(&facts) else {
            panic!("{:?}", outlook(&facts));
        };
        assert!(
            waiting.sentence.contains("changed outside gonogo"),
            "{}",
            waiting.sentence
        );
        let close = gates::close(&facts, &facts.current().unwrap().plan);
        assert!(blocking(&close).contains(&"target.drift".to_owned()));
        // It is back already: R only has to say so.
        assert_eq!(rolls_back_to(&story, None), Err("recorded".to_owned()));
    }
}

#[test]
fn a_second_request_never_overwrites_the_first() {
    let id = target("production", "auth-service");
    let mut story = fixture::requested();
    let before = story.cockpit.known.targets[&id].state.current.clone();
    let plan = Box::new(story.plan(&id, 43));
    let deployment = Story::id();
    let reason = "late".to_owned();
    let opened = Body::RollbackOpened {
        deployment,
        plan,
        reason,
    };
    story.enter(&id, at("14:32:06"), &actor("lee"), opened);
    assert_eq!(story.cockpit.known.targets[&id].state.current, before);
}

#[derive(Clone, Debug)]
enum Move {
    Approve,
    Reject,
    Withdraw,
    Check(usize),
    Waive(usize),
    Reopen(usize),
    Fly,
    Promote(usize),
    Full,
    Hold,
    Abort,
    Retry,
    Cancel,
    Request,
}

fn a_move() -> impl Strategy<Value = Move> {
    prop_oneof![
        3 => Just(Move::Approve),
        1 => Just(Move::Reject),
        1 => Just(Move::Withdraw),
        4 => (0..8usize).prop_map(Move::Check),
        1 => (0..8usize).prop_map(Move::Waive),
        1 => (0..8usize).prop_map(Move::Reopen),
        4 => Just(Move::Fly),
        2 => (0..6usize).prop_map(Move::Promote),
        1 => Just(Move::Full),
        1 => Just(Move::Hold),
        1 => Just(Move::Abort),
        1 => Just(Move::Retry),
        1 => Just(Move::Cancel),
        2 => Just(Move::Request),
    ]
}

fn command(story: &Story, step: &Move) -> Option<Command> {
    let id = target("production", "auth-service");
    let facts = story.cockpit.known.facts(&id, story.cockpit.now)?;
    let plan = facts
        .current()
        .map_or_else(|| story.plan(&id, 42), |current| current.plan.clone());
    let item = |n: usize| {
        plan.plan
            .items
            .get(n)
            .map_or(ItemId("policy.tag".to_owned()), |item| item.id.clone())
    };
    let reason = "because".to_owned();
    Some(match step {
        Move::Approve => Command::Approve {
            plan: plan.digest,
            reason,
        },
        Move::Reject => Command::Reject {
            plan: plan.digest,
            reason,
        },
        Move::Withdraw => Command::Withdraw { plan: plan.digest },
        Move::Check(n) => Command::Check {
            item: item(*n),
            note: None,
        },
        Move::Waive(n) => Command::Waive {
            item: item(*n),
            reason,
        },
        Move::Reopen(n) => Command::Reopen {
            item: item(*n),
            reason: None,
        },
        Move::Fly => Command::Fly {
            plan: plan.digest,
            glass: None,
        },
        Move::Promote(step) => Command::Promote { step: *step },
        Move::Full => Command::PromoteFully,
        Move::Hold => Command::Hold,
        Move::Abort => Command::Abort,
        Move::Retry => Command::Retry,
        Move::Cancel => Command::Cancel { reason: None },
        Move::Request => Command::Request {
            plan: Box::new(plan),
            reason,
        },
    })
}

/// Whatever two or three people do in whatever order, a release flies only past gates that are GO, on approvals of
/// exactly its plan by two who did not request it, and while no act waits for its outcome.
#[test]
fn nothing_flies_past_its_gates() {
    let moves = prop::collection::vec((0..4usize, a_move(), any::<bool>()), 1..60);
    let config = ProptestConfig {
        cases: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let flown = std::cell::Cell::new(0);
    let tried = proptest::test_runner::TestRunner::new(config).run(
        &(moves, any::<bool>()),
        |(moves, ready)| {
            flown.set(flown.get() + interleave(moves, ready)?);
            Ok(())
        },
    );
    tried.unwrap();
    assert!(
        flown.get() > 20,
        "only {} flights took off: the test saw too little",
        flown.get()
    );
}

/// Plays the moves; how many of them took off.
fn interleave(moves: Vec<(usize, Move, bool)>, ready: bool) -> Result<u32, TestCaseError> {
    let people = ["dana", "lee", "sam", "kim"];
    let id = target("production", "auth-service");
    let mut story = if ready {
        fixture::ready()
    } else {
        fixture::calm()
    };
    let mut flown = 0;
    let mut intents = 0_u32;
    for (who, step, settles) in moves {
        let me: Actor = actor(people[who]);
        let Some(command) = command(&story, &step) else {
            continue;
        };
        let facts = story.cockpit.known.facts(&id, story.cockpit.now).unwrap();
        let outstanding = facts
            .current()
            .is_some_and(|current| current.outstanding.is_some());
        let Ok(decision) = decide(&command, &facts, &me) else {
            continue;
        };
        match decision {
            Decision::Record(bodies) => {
                for body in bodies {
                    story.enter(&id, at("14:32:07"), &me, body);
                }
            }
            Decision::Act { act, .. } => {
                prop_assert!(
                    !outstanding || act.kind.is_escape(),
                    "{:?} while another act is under way",
                    act.kind
                );
                let current = facts.current().unwrap().clone();
                if act.kind == ActKind::Fly {
                    flown += 1;
                    prop_assert!(gates::take_off(&facts, &current.plan).go);
                    let goes: Vec<&str> = current
                        .decisions
                        .iter()
                        .filter(|d| {
                            d.answer == Answer::Go
                                && d.plan == current.plan.digest
                                && d.by.name != current.requester.name
                        })
                        .map(|d| d.by.name.as_str())
                        .collect();
                    prop_assert!(goes.len() >= 2, "flew on {goes:?}");
                    prop_assert!(!current.decisions.iter().any(|d| d.answer == Answer::NoGo));
                }
                intents += 1;
                let intent = IntentId(format!("intent-{intents}"));
                let deployment = current.id.clone();
                story.enter(
                    &id,
                    at("14:32:07"),
                    &me,
                    Body::Intended {
                        deployment: deployment.clone(),
                        intent: intent.clone(),
                        act,
                        change: 0,
                        means: Means::Flags,
                    },
                );
                if settles {
                    story.enter(
                        &id,
                        at("14:32:07"),
                        &me,
                        Body::Settled {
                            deployment,
                            intent,
                            outcome: Outcome::Applied {
                                seen: false,
                                perhaps: false,
                            },
                        },
                    );
                }
            }
        }
    }
    Ok(flown)
}
