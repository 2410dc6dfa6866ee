//! The measures against figures computed by hand.
#![expect(clippy::unwrap_used, reason = "a test's own data")]

use jiff::{SignedDuration, Timestamp};

use super::*;
use crate::domain::{
    entry::DeploymentId,
    environment::EnvironmentName,
    history::{Done, Ended, Leg, StageRecord},
    plan::ItemId,
    project::ProjectId,
    release::{Digest, ReleaseRef},
};

fn at(minutes: i64) -> Timestamp {
    let zero: Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
    zero.checked_add(SignedDuration::from_mins(minutes))
        .unwrap()
}

fn done(minutes: i64) -> Done {
    Done {
        at: at(minutes),
        by: "dana".to_owned(),
        reason: None,
    }
}

fn release(number: u64) -> ReleaseRef {
    ReleaseRef {
        number,
        commit: Commit::parse(&format!("{number:040x}")).unwrap(),
        name: None,
        image: None,
    }
}

/// Takes off at `off` minutes, bakes 5 of them, serves everybody 20 min later, closes after 90.
fn closed(number: u64, off: i64) -> Record {
    Record {
        id: DeploymentId(format!("production-auth-{off}")),
        target: TargetId::new(
            EnvironmentName::new("production"),
            ProjectId::parse("acme/shop/auth").unwrap(),
        ),
        release: release(number),
        before: Some(release(number - 1)),
        subject: String::new(),
        plan: Digest::of(b""),
        rollback: false,
        requested: done(off - 10),
        answers: Vec::new(),
        took_off: Some(done(off)),
        stages: vec![StageRecord {
            share: 10,
            bake: SignedDuration::from_mins(5),
            reached_at: Some(at(off + 2)),
            left_at: Some(at(off + 12)),
        }],
        promoted_at: Some(at(off + 20)),
        monitored_at: Some(at(off + 30)),
        aborted: None,
        rolled_back: None,
        rolled_back_to: None,
        rollback_legs: Vec::new(),
        failed_items: Vec::new(),
        outside: 0,
        gaps: Vec::new(),
        broke_glass: None,
        cancelled: None,
        ended: Some(Ended {
            at: at(off + 90),
            by: "gonogo".to_owned(),
            how: Ending::Closed,
        }),
        rollout_deadline: SignedDuration::from_mins(10),
    }
}

/// Never served everybody: rolled back 15 minutes after take-off, in three.
fn failed(number: u64, off: i64) -> Record {
    let mut record = closed(number, off);
    (record.promoted_at, record.monitored_at) = (None, None);
    record.rolled_back = Some(done(off + 15));
    record.rollback_legs = vec![Leg {
        what: "abort".to_owned(),
        by: "dana".to_owned(),
        asked_at: at(off + 15),
        settled_at: Some(at(off + 15)),
        applied: true,
    }];
    record.ended = Some(Ended {
        at: at(off + 18),
        by: "gonogo".to_owned(),
        how: Ending::RolledBack,
    });
    record
}

/// A rollback of its own, back to the release before, in seven minutes.
fn reversal(number: u64, when: i64) -> Record {
    let mut record = failed(number - 1, when - 15);
    record.rollback = true;
    record.requested = done(when);
    record.took_off = Some(done(when));
    record.before = Some(release(number));
    record.ended = Some(Ended {
        at: at(when + 7),
        by: "gonogo".to_owned(),
        how: Ending::RolledBack,
    });
    record
}

fn card(records: &[Record], merged_before: Option<i64>) -> Scorecard {
    let flown: Vec<Flown<'_>> = records
        .iter()
        .map(|record| Flown {
            record,
            merged_at: merged_before.and_then(|hours| {
                let off = record.took_off.as_ref()?.at;
                off.checked_sub(SignedDuration::from_hours(hours)).ok()
            }),
            hotfix: merged_before.map(|_| record.release.number == 1003),
        })
        .collect();
    let window = Window {
        since: at(0),
        until: at(14 * 24 * 60),
    };
    scorecard(&flown, window)
}

#[track_caller]
fn says(card: &Scorecard, id: &str, verdict: Verdict, sentence: &str) {
    let found = card.measures.iter().find(|m| m.id == id).unwrap();
    assert_eq!(
        (found.verdict, found.sentence.as_str()),
        (verdict, sentence),
        "{id}"
    );
}

#[test]
fn twenty_one_good_deployments_meet_what_can_be_met() {
    let records: Vec<Record> = (0..21)
        .map(|n| closed(1000 + u64::try_from(n).unwrap(), 60 + n * 240))
        .collect();
    let card = card(&records, Some(3));
    for (id, verdict, sentence) in [
        (
            "successful_deployments",
            Verdict::Met,
            "100.0 % (21 of 21), target > 95 %: met",
        ),
        (
            "rollback_rate",
            Verdict::Met,
            "0.0 % (0 of 21), target < 5 %: met",
        ),
        // One hotfix of 21 is 4.76 %.
        (
            "hotfix_rate",
            Verdict::Met,
            "4.8 % (1 of 21), target < 10 %: met",
        ),
        (
            "mean_time_to_deploy",
            Verdict::Met,
            "20:00 (mean of 21, worst 20:00), target < 30 min: met",
        ),
        // The first request is at 0:50; to the end of the window it is 13 days 23 h 10 min, 1.995 weeks: 10.5 a week.
        (
            "release_frequency",
            Verdict::NoTarget,
            "10.5 a week (21 in all)",
        ),
        // Merged 3 h before take-off, served 20 min after it.
        (
            "lead_time",
            Verdict::Met,
            "3.3 h (mean of 21, worst 3.3 h), target < 24 h: met",
        ),
        // It rested 10 min at 10 %, and its bake of 5 counts: 20 − 5.
        (
            "deployment_duration",
            Verdict::Missed,
            "15:00 (mean of 21, worst 15:00), target < 10 min: MISSED",
        ),
        ("recovery_time", Verdict::TooFew, "none ended in the window"),
        (
            "deployment_failures",
            Verdict::TooFew,
            "0.0 % (0 of 21); it takes 50 to say",
        ),
        (
            "post_deploy_issues",
            Verdict::Met,
            "0.0 % (0 of 21), target < 5 %: met",
        ),
    ] {
        says(&card, id, verdict, sentence);
    }
    assert_eq!(card.measures.len(), 11);
    assert_eq!(card.measures[10].verdict, Verdict::NotMeasured);
    assert!(
        card.measures[10]
            .sentence
            .starts_with("not measured: the ledger keeps")
    );
}

#[test]
fn what_went_wrong_counts_where_it_belongs() {
    // 20 releases: two failed in flight, one failed its verification, one was closed and reversed later.
    let mut records: Vec<Record> = (0..20)
        .map(|n| {
            let (number, off) = (1000 + u64::try_from(n).unwrap(), 60 + n * 240);
            if n < 2 {
                failed(number, off)
            } else {
                closed(number, off)
            }
        })
        .collect();
    records[2].failed_items = vec![ItemId("verify.metrics".to_owned())];
    records.push(reversal(1005, 60 + 5 * 240 + 100));
    let card = card(&records, None);
    for (id, verdict, sentence) in [
        // 20 less 2 failed and 1 reversed.
        (
            "successful_deployments",
            Verdict::Missed,
            "85.0 % (17 of 20), target > 95 %: MISSED",
        ),
        (
            "rollback_rate",
            Verdict::Missed,
            "15.0 % (3 of 20), target < 5 %: MISSED",
        ),
        // 3, 3 and 7 minutes.
        (
            "recovery_time",
            Verdict::TooFew,
            "4:20 (mean of 3, worst 7:00); it takes 5 to say",
        ),
        (
            "deployment_failures",
            Verdict::TooFew,
            "10.0 % (2 of 20); it takes 50 to say",
        ),
        // Of 18 that served everybody, one failed its verification and one was reversed.
        (
            "post_deploy_issues",
            Verdict::TooFew,
            "11.1 % (2 of 18); it takes 20 to say",
        ),
        (
            "hotfix_rate",
            Verdict::NotMeasured,
            "not measured: nobody knows which releases were hotfixes: the repository was not read",
        ),
        (
            "lead_time",
            Verdict::NotMeasured,
            "not measured: the repository was not read or its clock is wrong, so nobody knows when commits were merged",
        ),
    ] {
        says(&card, id, verdict, sentence);
    }
}

#[test]
fn a_release_that_flew_at_the_second_try_counts_once() {
    let records = [failed(1000, 60), closed(1000, 300)];
    let card = card(&records, Some(1));
    says(
        &card,
        "successful_deployments",
        Verdict::TooFew,
        "100.0 % (1 of 1); it takes 20 to say",
    );
    says(
        &card,
        "rollback_rate",
        Verdict::TooFew,
        "50.0 % (1 of 2); it takes 20 to say",
    );
}

#[test]
fn exactly_on_the_target_is_not_within_it() {
    // 95 of 100 is not more than 95 %, 5 of 100 not less than 5 %.
    let records: Vec<Record> = (0..100)
        .map(|n| {
            let (number, off) = (1000 + u64::try_from(n).unwrap(), 60 + n * 100);
            if n < 5 {
                failed(number, off)
            } else {
                closed(number, off)
            }
        })
        .collect();
    let card = card(&records, None);
    says(
        &card,
        "successful_deployments",
        Verdict::Missed,
        "95.0 % (95 of 100), target > 95 %: MISSED",
    );
    says(
        &card,
        "rollback_rate",
        Verdict::Missed,
        "5.0 % (5 of 100), target < 5 %: MISSED",
    );
    says(
        &card,
        "deployment_failures",
        Verdict::Missed,
        "5.0 % (5 of 100), target < 2 %: MISSED",
    );
    says(
        &card,
        "recovery_time",
        Verdict::Met,
        "3:00 (mean of 5, worst 3:00), target < 5 min: met",
    );
}

#[test]
fn nothing_in_the_window_is_nothing_good() {
    let records = [closed(1000, -10_000)];
    for measure in card(&records, Some(1)).measures {
        assert!(
            matches!(
                measure.verdict,
                Verdict::TooFew | Verdict::NoTarget | Verdict::NotMeasured
            ),
            "{measure:?}"
        );
    }
}
