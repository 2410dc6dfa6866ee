//! F1 in number: the connection is cut after exactly so many bytes of a promotion or of a leg of a rollback, or of the
//! answer to it. Nothing is ever done twice; what became of it is unknown at first, and then found by reading.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::time::{Duration, Instant};

use gonogo::{
    domain::entry::{Body, Outcome},
    flight::process::{self, Next},
    policy::decide::Command,
    session::event::End,
    simulator::Scenario,
};
use serde_json::{Value, json};

use super::{
    fault_proxy::Strike,
    rig::ROLLOUT,
    world::{Operator, World, whole_counts},
};

const SETTLING: Duration = Duration::from_millis(30);
const STEPS: usize = 40;

/// The nth of so many cuts, spread evenly and in no order over a request and its answer.
fn cut(nth: usize, of: usize, (request, answer): (usize, usize)) -> Strike {
    let length = request + answer;
    // Walks over all of it; 0.618 of a round apart, whatever the length.
    let at = if of >= length {
        nth % length
    } else {
        (nth * 40_503) % 65_536 * length / 65_536
    };
    if at < request {
        Strike::Request(at)
    } else {
        Strike::Response(at - request)
    }
}

fn counts(whole: usize, part: usize) -> usize {
    if whole_counts() { whole } else { part }
}

fn worlds() -> usize {
    counts(12, 3)
}

/// Every world does its share of the cuts, at the same time.
fn everywhere(count: usize, sweep: impl AsyncFn(World, usize, usize) -> usize) {
    let started = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    let worlds = worlds();
    let done = runtime.block_on(futures::future::join_all((0..worlds).map(async |one| {
        let world = World::start(Scenario::Good, Duration::from_secs(20), SETTLING).await;
        sweep(world, one, worlds).await
    })));
    let done: usize = done.iter().sum();
    assert_eq!(done, count);
    println!("{done} cuts in {:.0?}", started.elapsed());
}

/// How many bytes the newest change and its answer had.
fn lengths(world: &World, leg: usize) -> (usize, usize) {
    let patches = world.proxy.seen("PATCH");
    (patches[leg].bytes, patches[leg].answer.unwrap())
}

#[test]
fn a_promotion_cut_at_every_byte() {
    let count = counts(5_000, 150);
    everywhere(count, async |world, one, worlds| {
        world.many_steps(STEPS + 1).await;
        world.airborne(42).await;
        let mut dana = world.operator("dana").await;
        let decided = dana.ready(1).await.unwrap();
        world.proxy.clear();
        assert_eq!(dana.promote(1, decided, Duration::ZERO).await, End::Done);
        let lengths = lengths(&world, 0);
        let (mut step, mut done) = (2, 0);
        for nth in (one..count).step_by(worlds) {
            if step > STEPS {
                world.rests_anew().await;
                step = 1;
            }
            step += usize::from(promoted(&world, &mut dana, step, cut(nth, count, lengths)).await);
            done += 1;
        }
        world.ledger_is_sound().await;
        world.stop().await;
        done
    });
}

/// Whether it was promoted, by one step, with one request.
async fn promoted(world: &World, dana: &mut Operator, step: usize, strike: Strike) -> bool {
    let decided = dana.ready(step).await.unwrap();
    let seq = dana.known.seq;
    world.proxy.clear();
    world.proxy.arm("PATCH", 0, 1, strike.clone());
    let end = dana.promote(step, decided, Duration::ZERO).await;
    let patches = world.proxy.seen("PATCH");
    assert_eq!(patches.len(), 1, "{strike:?}: sent again");
    let outcomes = dana.outcomes_after(seq).await;
    let now = dana.step().await.unwrap();
    match strike {
        Strike::Request(_) => {
            assert!(
                matches!(&end, End::Failed(fault) if fault.detail.as_ref().contains("never landed")),
                "{strike:?}: {end:?}"
            );
            assert_eq!(outcomes, ["unknown", "not applied"], "{strike:?}");
            assert_eq!(now, step, "{strike:?}");
            false
        }
        _ => {
            assert_eq!(end, End::Done, "{strike:?}");
            assert_eq!(outcomes, ["unknown", "applied"], "{strike:?}");
            assert!(
                now == step || now == step + 1,
                "{strike:?}: from {step} to {now}"
            );
            true
        }
    }
}

#[test]
fn each_leg_of_a_rollback_cut_at_every_byte() {
    let count = counts(5_000, 90);
    everywhere(count, async |world, one, worlds| {
        world.airborne(42).await;
        let template = world.rollout().await["spec"]["template"].clone();
        let mut dana = world.operator("dana").await;
        world.proxy.clear();
        dana.look().await;
        assert_eq!(dana.act(&back()).await, End::Done);
        let lengths = [lengths(&world, 0), lengths(&world, 1)];
        let mut done = 0;
        for nth in (one..count).step_by(worlds) {
            fly_again(&world, &template).await;
            let leg = nth % 2;
            rolled_back(
                &world,
                &mut dana,
                leg,
                cut(nth / 2, count / 2, lengths[leg]),
            )
            .await;
            done += 1;
        }
        world.ledger_is_sound().await;
        world.stop().await;
        done
    });
}

fn back() -> Command {
    Command::RollBack {
        to: None,
        staged: false,
        reason: "it is slow".to_owned(),
    }
}

/// Somebody sets the new image again, and the platform has taken it up.
async fn fly_again(world: &World, template: &Value) {
    // First it has to have seen the old one, or it has seen no change at all.
    world
        .until("back", |rollout| {
            let status = &rollout["status"];
            status["observedGeneration"] == rollout["metadata"]["generation"].to_string().as_str()
                && status["currentPodHash"] == status["stableRS"]
        })
        .await;
    let wanted = json!({"spec": {"template": template}});
    world.api("PATCH", ROLLOUT, &wanted).await;
    world
        .until("flying again", |rollout| {
            let status = &rollout["status"];
            status["observedGeneration"] == rollout["metadata"]["generation"].to_string().as_str()
                && status["currentPodHash"] != status["stableRS"]
                && status["abort"] != true
        })
        .await;
}

/// Comes to its end in spite of the cut, and each of its changes was taken by the server once.
async fn rolled_back(world: &World, dana: &mut Operator, leg: usize, strike: Strike) {
    dana.look().await;
    let seq = dana.known.seq;
    world.proxy.clear();
    world.proxy.arm("PATCH", leg, 1, strike.clone());
    let end = dana.act(&back()).await;
    assert_eq!(end, End::Done, "leg {leg}, {strike:?}");
    assert_eq!(world.proxy.struck(), 1);
    let patches = world.proxy.seen("PATCH");
    let taken = |status: bool| {
        let of_leg = patches
            .iter()
            .filter(|seen| seen.path.contains("/status") == status);
        of_leg.filter(|seen| seen.status == Some(200)).count()
    };
    assert_eq!(
        (taken(true), taken(false)),
        (1, 1),
        "leg {leg}, {strike:?}: {patches:#?}"
    );
    let outcomes = dana.outcomes_after(seq).await;
    let expected: &[&str] = match (&strike, leg) {
        (Strike::Request(_), 0) => &["unknown", "not applied", "applied", "applied"],
        (Strike::Request(_), _) => &["applied", "unknown", "not applied", "applied"],
        (_, 0) => &["unknown", "applied", "applied"],
        (_, _) => &["applied", "unknown", "applied"],
    };
    assert_eq!(outcomes, expected, "leg {leg}, {strike:?}");
}

/// F13: whoever rolls back is gone at a byte of the request or of the answer of either leg. Whoever comes next finds exactly
/// one intent without an outcome, finishes what is missing, and does nothing twice. (That a process can be killed there as
/// well, with a signal, is in `kill`.)
#[test]
fn a_rollback_killed_at_every_boundary() {
    let count = counts(1_200, 24);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    let worlds = worlds();
    let done = runtime.block_on(futures::future::join_all((0..worlds).map(async |one| {
        let world = World::start(Scenario::Good, KILLED_AFTER, SETTLING).await;
        world.airborne(42).await;
        let template = world.rollout().await["spec"]["template"].clone();
        let mut dana = world.operator("dana").await;
        world.proxy.clear();
        dana.look().await;
        assert_eq!(dana.act(&back()).await, End::Done);
        let lengths = [lengths(&world, 0), lengths(&world, 1)];
        let mut done = 0;
        for nth in (one..count).step_by(worlds) {
            fly_again(&world, &template).await;
            let leg = nth % 2;
            let strike = match cut(nth / 2, count / 2, lengths[leg]) {
                Strike::Request(at) => Strike::HoldRequest(at),
                Strike::Response(at) => Strike::HoldResponse(at),
                other => other,
            };
            killed(&world, leg, strike).await;
            done += 1;
        }
        fly_again(&world, &template).await;
        let mut dana = world.operator("dana").await;
        dana.look().await;
        assert_eq!(dana.act(&back()).await, End::Done);
        world.ledger_is_sound().await;
        world.stop().await;
        done
    })));
    assert_eq!(done.iter().sum::<usize>(), count);
    println!("{count} kills");
}

const KILLED_AFTER: Duration = Duration::from_secs(2);

async fn killed(world: &World, leg: usize, strike: Strike) {
    let mut dana = world.operator("dana").await;
    dana.look().await;
    world.proxy.clear();
    world.proxy.arm("PATCH", leg, 1, strike.clone());
    {
        let command = back();
        let gone = dana.act(&command);
        tokio::select! {
            biased;
            () = world.proxy.held() => {}
            end = gone => panic!("leg {leg}, {strike:?}: it ended: {end:?}"),
        }
    }
    drop(dana);
    // After so long what is not seen never landed, and whoever comes next may write that down.
    tokio::time::sleep(KILLED_AFTER + SETTLING + Duration::from_millis(20)).await;
    let mut lee = world.operator("lee").await;
    lee.look().await;
    let facts = lee.known.facts(&lee.target.id, lee.outside.now()).unwrap();
    let current = facts.current().unwrap();
    let outstanding = current.outstanding.as_ref();
    assert_eq!(
        outstanding.map(|intent| intent.change),
        Some(leg),
        "leg {leg}, {strike:?}"
    );
    let landed = matches!(strike, Strike::HoldResponse(_));
    if leg == 1 && landed {
        // Nothing is left to do but to write down what was reached.
        let Next::Record(bodies) = process::next(&facts) else {
            panic!("{strike:?}: it is not found")
        };
        assert!(
            matches!(
                bodies.as_slice(),
                [Body::Settled {
                    outcome: Outcome::Applied { seen: true, .. },
                    ..
                }]
            ),
            "{bodies:?}"
        );
    } else {
        assert_eq!(lee.act(&back()).await, End::Done, "leg {leg}, {strike:?}");
    }
    let patches = world.proxy.seen("PATCH");
    let taken = |status: bool| {
        let of_leg = patches
            .iter()
            .filter(|seen| seen.path.contains("/status") == status);
        of_leg.filter(|seen| seen.status == Some(200)).count()
    };
    assert_eq!(
        (taken(true), taken(false)),
        (1, 1),
        "leg {leg}, {strike:?}: {patches:#?}"
    );
}
