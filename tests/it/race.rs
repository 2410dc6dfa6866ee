//! Two operators, two connections to one ledger, the same step at the same moment: one promotes it, the other reads who
//! was first. The same while a controller writes status all the time.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use gonogo::{
    policy::{
        confirm::{Challenge, Flags},
        decide::{Command, Decision, decide},
        refusal::{Refusal, RefusalKind},
    },
    session::event::End,
    simulator::Scenario,
};
use serde_json::json;

use super::{
    rig::{ROLLOUT, Rig},
    world::{Operator, World, whole_counts},
};

async fn operator(rig: &Rig, name: &str) -> Operator {
    let workspace = gonogo::config::load(&rig.config()).unwrap().workspace;
    Operator::of(workspace, name).await
}

/// Pauses one after the other, so that a promotion is over at once and another can be raced for.
fn many_steps(rig: &Rig, count: usize) {
    let mut steps = vec![json!({"setWeight": 10})];
    steps.extend(vec![json!({"pause": {}}); count]);
    steps.extend([
        json!({"setWeight": 50}),
        json!({"pause": {}}),
        json!({"setWeight": 100}),
        json!({"pause": {}}),
    ]);
    rig.api(
        "PATCH",
        ROLLOUT,
        &json!({"spec": {"strategy": {"canary": {"steps": steps}}}}),
    );
}

impl Operator {
    /// Looks until the rollout rests at `step` and nothing is in doubt, as a person does before the key.
    pub(super) async fn ready(&mut self, step: usize) -> Result<Decision, Refusal> {
        let started = Instant::now();
        loop {
            self.look().await;
            let facts = self
                .known
                .facts(&self.target.id, self.outside.now())
                .unwrap();
            let decided = decide(&Command::Promote { step }, &facts, &self.actor);
            let moving = decided.as_ref().is_err_and(|refusal| {
                ["promote.moving", "promote.step", "flight.outstanding"]
                    .contains(&refusal.rule.as_str())
            });
            if !moving || started.elapsed() > Duration::from_secs(20) {
                return decided;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The key and its confirmation, after `wait`.
    pub(super) async fn promote(&self, step: usize, decided: Decision, wait: Duration) -> End {
        let Decision::Act { act, opening } = decided else {
            panic!("a promotion is an act")
        };
        let facts = self
            .known
            .facts(&self.target.id, self.outside.now())
            .unwrap();
        let confirmed = Challenge::new(*act, facts.environment)
            .by_flags(Flags {
                yes: true,
                take_over: true,
                ..Flags::default()
            })
            .unwrap();
        tokio::time::sleep(wait).await;
        let mut executor = self.executor();
        executor
            .execute(&confirmed, &Command::Promote { step }, opening)
            .await
    }

    pub(super) async fn step(&self) -> Option<usize> {
        self.outside
            .read_workload(&self.target)
            .await
            .unwrap()
            .workload
            .step
    }
}

/// Names who was first, and is one that exits with 5.
#[track_caller]
fn reads_who_was_first(round: usize, end: &End, winner: &str) {
    let End::Refused(refusal) = end else {
        panic!("round {round}: {end:?}")
    };
    assert_eq!(
        refusal.kind,
        RefusalKind::Raced,
        "round {round}: {refusal:?}"
    );
    assert!(
        refusal.sentence.contains(winner),
        "round {round}: {winner} was first, but: {}",
        refusal.sentence
    );
}

/// Races for the steps from `first` on; who comes how much later changes from round to round.
async fn race(rig: &Rig, first: usize, rounds: usize) {
    let (mut dana, mut lee) = (operator(rig, "dana").await, operator(rig, "lee").await);
    let won = rounds_of(&mut dana, &mut lee, first, rounds).await;
    // Coming later does not mean losing, or not always: both must have been in the race.
    assert!(won[0] > 0 && won[1] > 0, "{won:?}");
}

/// How many each of them won.
async fn rounds_of(
    dana: &mut Operator,
    lee: &mut Operator,
    first: usize,
    rounds: usize,
) -> [usize; 2] {
    let mut won = [0, 0];
    for round in 0..rounds {
        let step = first + round;
        let (his, hers) = tokio::join!(lee.ready(step), dana.ready(step));
        let late = Duration::from_micros(u64::try_from(round % 20).unwrap() * 400);
        let (his_wait, her_wait) = if round % 2 == 0 {
            (late, Duration::ZERO)
        } else {
            (Duration::ZERO, late)
        };
        let (his, hers) = tokio::join!(
            lee.promote(step, his.unwrap(), his_wait),
            dana.promote(step, hers.unwrap(), her_wait)
        );
        match (&his, &hers) {
            (End::Done, loser) => {
                won[0] += 1;
                reads_who_was_first(round, loser, "lee");
            }
            (loser, End::Done) => {
                won[1] += 1;
                reads_who_was_first(round, loser, "dana");
            }
            nobody => panic!("round {round}: {nobody:?}"),
        }
        assert!(
            dana.step().await <= Some(step + 1),
            "round {round}: more than one step"
        );
    }
    won
}

/// F9 in number: worlds side by side, each with two operators on two connections to its ledger. Flown to the last pause
/// of many, the platform is set back to the first and they race on.
#[test]
fn ten_thousand_races_for_one_step() {
    const STEPS: usize = 50;
    let (worlds, laps) = if whole_counts() { (8, 25) } else { (2, 2) };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()
        .unwrap();
    let races = runtime.block_on(futures::future::join_all((0..worlds).map(async |_| {
        let patience = Duration::from_secs(60);
        let world = World::start(Scenario::Good, patience, patience).await;
        world.many_steps(STEPS + 1).await;
        world.airborne(42).await;
        let (mut dana, mut lee) = (world.operator("dana").await, world.operator("lee").await);
        world.proxy.clear();
        let mut won = [0, 0];
        for _ in 0..laps {
            let of_lap = rounds_of(&mut dana, &mut lee, 1, STEPS).await;
            won = [won[0] + of_lap[0], won[1] + of_lap[1]];
            world.rests_anew().await;
        }
        assert!(won[0] > 0 && won[1] > 0, "{won:?}");
        // What the server took is what was won, and nothing besides.
        let patches = world.proxy.seen("PATCH");
        let taken = patches.iter().filter(|seen| seen.status == Some(200));
        assert_eq!(taken.count(), STEPS * laps);
        world.ledger_is_sound().await;
        world.stop().await;
        won[0] + won[1]
    })));
    assert_eq!(races.iter().sum::<usize>(), STEPS * laps * worlds);
    println!("{} races", races.iter().sum::<usize>());
}

fn applied(rig: &Rig) -> usize {
    rig.patches()
        .iter()
        .filter(|request| {
            request["status"] == 200 && request["body"].to_string().contains("pauseConditions")
        })
        .count()
}

/// Real processes, started together.
fn processes(rig: &Rig, first: usize, rounds: usize) {
    for round in 0..rounds {
        let step = (first + round).to_string();
        rig.until_rests((first + round) as u64);
        let arguments = [
            "promote",
            "production",
            "auth-service",
            "--step",
            &step,
            "--yes",
        ];
        let started = Instant::now();
        let (his, hers) = (rig.start("lee", &arguments), rig.start("dana", &arguments));
        let (his, hers) = (Rig::end(his, started), Rig::end(hers, started));
        let (loser, winner) = if his.code == 0 {
            (&hers, "lee")
        } else {
            (&his, "dana")
        };
        assert_eq!(
            (his.code.min(hers.code), loser.code),
            (0, 5),
            "{}{}",
            his.err,
            hers.err
        );
        assert!(loser.err.contains(winner), "{}", loser.err);
    }
    rig.until_rests((first + rounds) as u64);
}

#[test]
fn two_operators_promote_the_same_step() {
    let rig = Rig::serve("30");
    many_steps(&rig, 120);
    rig.airborne("42");
    rig.waive_figures();
    rig.clear();
    rig.block_on(race(&rig, 1, 92));
    processes(&rig, 93, 8);
    assert_eq!(applied(&rig), 100);
    rig.ledger_is_sound();
    let promoted = rig
        .entries()
        .iter()
        .filter(|entry| {
            entry["body"]["kind"] == "settled" && entry["body"]["outcome"]["result"] == "applied"
        })
        .count();
    // With the take-off of this flight and of those before the rehearsal began.
    let flown = rig
        .entries()
        .iter()
        .filter(|entry| {
            entry["body"]["kind"] == "intended" && entry["body"]["act"]["kind"] == "fly"
        })
        .count();
    assert_eq!(promoted, 100 + flown);
}

#[test]
fn a_busy_controller_refuses_nobody() {
    let rig = Rig::serve("30");
    many_steps(&rig, 60);
    rig.airborne("42");
    rig.waive_figures();
    rig.clear();
    rig.api(
        "POST",
        "/rehearsal/churn",
        &json!({"writes_per_second": 20}),
    );
    let versions = |rig: &Rig| {
        rig.rollout()["metadata"]["resourceVersion"]
            .as_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
    };
    let before = versions(&rig);
    rig.block_on(async {
        let mut dana = operator(&rig, "dana").await;
        for step in 1..=25 {
            let decided = dana.ready(step).await.unwrap();
            let end = dana.promote(step, decided, Duration::ZERO).await;
            assert_eq!(end, End::Done, "step {step}");
        }
    });
    rig.block_on(race(&rig, 26, 20));
    processes(&rig, 46, 2);
    assert!(versions(&rig) > before + 47, "the controller did not write");
    assert_eq!(applied(&rig), 47);
    // Every other act on the moving object too, and all of them without a second try.
    for arguments in [
        &["hold"][..],
        &["resume", "--yes"],
        &["abort", "--yes"],
        &["retry", "--yes"],
    ] {
        let arguments: Vec<&str> = arguments[..1]
            .iter()
            .chain(&["production", "auth-service"])
            .chain(&arguments[1..])
            .copied()
            .collect();
        rig.verb(&arguments).exits(0);
    }
    rig.ledger_is_sound();
}
