//! When an intent that nobody answers for any more may be called *never landed*: not from a read that began before it
//! could no longer land (its deadline of 10 s and the settling time of 5 s over), and not while its sender still waits.
#![allow(clippy::unwrap_used, clippy::panic)]

use gonogo::{
    domain::{
        change::{Act, ActKind, Change},
        deployment::Outstanding,
        entry::{IntentId, Outcome},
        release::ReleaseRef,
        target::{WorkloadKind, WorkloadRef},
        workspace::Timings,
    },
    flight::after,
};
use jiff::{SignedDuration, Timestamp};

use super::fixture::{Scene, actor, observed, target};

const LAG: SignedDuration = SignedDuration::from_secs(6);

fn workload() -> WorkloadRef {
    WorkloadRef {
        kind: WorkloadKind::Rollout,
        namespace: "production".to_owned(),
        name: "auth-service".to_owned(),
        container: "auth-service".to_owned(),
    }
}

fn outstanding(change: Change) -> Outstanding {
    Outstanding {
        intent: IntentId("i1".to_owned()),
        act: Act {
            kind: ActKind::RollBack,
            target: target("production", "auth-service"),
            release: ReleaseRef::unread("shop/auth-service@sha256:ab"),
            step: None,
            changes: vec![change],
            reason: None,
            unrecorded: false,
            guard: None,
            broken: Vec::new(),
            controls: None,
            afterwards: Vec::new(),
        },
        change: 0,
        by: actor("dana"),
        at: Timestamp::UNIX_EPOCH,
        unknown: false,
    }
}

/// What is made of a read that arrived `seconds` after the intent and does not show the change.
fn settled(change: Change, seconds: i64, lag: SignedDuration) -> Option<Outcome> {
    let seen = observed("auth-service", &Scene::calm(), 41);
    let arrived = Timestamp::from_second(seconds).unwrap();
    after::settle(
        &outstanding(change),
        &seen,
        arrived,
        lag,
        &Timings::default(),
    )
}

#[test]
fn a_read_that_may_have_begun_before_the_deadline_settles_nothing() {
    let image = || Change::SetImage {
        workload: workload(),
        container_index: 0,
        image: "shop/auth-service@sha256:cd".to_owned(),
        expect: gonogo::domain::change::Expect::default(),
    };
    // One's own read counts from its start.
    assert_eq!(settled(image(), 15, SignedDuration::ZERO), None);
    assert_eq!(
        settled(image(), 16, SignedDuration::ZERO),
        Some(Outcome::NotApplied)
    );
    // A feed's is known by its arrival alone: it may be six seconds older.
    assert_eq!(settled(image(), 16, LAG), None);
    assert_eq!(settled(image(), 21, LAG), None);
    assert_eq!(settled(image(), 22, LAG), Some(Outcome::NotApplied));
    // One from before the intent says nothing, whatever it shows.
    assert_eq!(settled(image(), -1, SignedDuration::ZERO), None);
}

#[test]
fn a_wait_is_not_over_before_its_own_deadline() {
    let wait = || Change::AwaitTemplate {
        workload: workload(),
        image: "shop/auth-service@sha256:cd".to_owned(),
        deadline: SignedDuration::from_secs(60),
    };
    assert_eq!(
        after::deadline(&outstanding(wait()), Timings::default().mutation_deadline).as_secs(),
        60
    );
    assert_eq!(settled(wait(), 16, SignedDuration::ZERO), None);
    assert_eq!(settled(wait(), 65, SignedDuration::ZERO), None);
    assert_eq!(
        settled(wait(), 66, SignedDuration::ZERO),
        Some(Outcome::NotApplied)
    );
}
