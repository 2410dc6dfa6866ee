//! `kill -9` between intent and outcome, at each kind of act, and answers that never come: what is said afterwards, that
//! each intent gets exactly one outcome, and that nothing is done twice.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::{thread::sleep, time::Duration};

use serde_json::{Value, json};

use super::rig::{DEADLINE, Rig, SETTLED, Said};

const SET_IMAGE: &str = r#""replace","path":"/spec/template"#;
const PROMOTE: &str = r#""remove","path":"/status/pauseConditions"#;
const PROMOTE_FULL: &str = "/status/promoteFull";
const HOLD: &str = r#""add","path":"/spec/paused"#;
const RESUME: &str = r#""replace","path":"/spec/paused"#;
const ABORT: &str = r#""add","path":"/status/abort"#;
const RETRY: &str = r#""replace","path":"/status/abort"#;

/// The write was carried out before the kill, or it never was.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Landed,
    Lost,
}

impl Fate {
    fn action(self) -> Value {
        match self {
            Self::Landed => json!({"hang_after": 60_000}),
            Self::Lost => json!({"hang_before": 60_000}),
        }
    }
}

/// One act of a chain of kills.
struct Kill<'a> {
    /// As in JSON.
    act: &'a str,
    /// As in the sentence.
    verb: &'a str,
    /// What its write has in its body.
    body: &'a str,
    arguments: &'a [&'a str],
}

const HOLD_IT: Kill<'_> = Kill {
    act: "hold",
    verb: "hold",
    body: HOLD,
    arguments: &["hold", "production", "auth-service"],
};
const RESUME_IT: Kill<'_> = Kill {
    act: "resume",
    verb: "resume",
    body: RESUME,
    arguments: &["resume", "production", "auth-service", "--yes"],
};
const ABORT_IT: Kill<'_> = Kill {
    act: "abort",
    verb: "abort",
    body: ABORT,
    arguments: &["abort", "production", "auth-service", "--yes"],
};
const RETRY_IT: Kill<'_> = Kill {
    act: "retry",
    verb: "retry",
    body: RETRY,
    arguments: &["retry", "production", "auth-service", "--yes"],
};
const FLY_IT: Kill<'_> = Kill {
    act: "fly",
    verb: "fly",
    body: SET_IMAGE,
    arguments: &[
        "deploy",
        "production",
        "auth-service",
        "42",
        "--yes",
        "--confirm",
        "42",
    ],
};
const PROMOTE_IT: Kill<'_> = Kill {
    act: "promote",
    verb: "promote",
    body: PROMOTE,
    arguments: &[
        "promote",
        "production",
        "auth-service",
        "--step",
        "1",
        "--yes",
    ],
};
const PROMOTE_IT_FULLY: Kill<'_> = Kill {
    act: "promote_fully",
    verb: "promote --full",
    body: PROMOTE_FULL,
    arguments: &[
        "promote",
        "production",
        "auth-service",
        "--full",
        "--yes",
        "--confirm",
        "42",
    ],
};
const ROLL_BACK: &[&str] = &[
    "rollback",
    "production",
    "auth-service",
    "--yes",
    "--confirm",
    "production",
    "--reason",
    "it is slow",
];

fn roll_back(body: &str) -> Kill<'_> {
    Kill {
        act: "roll_back",
        verb: "rollback",
        body,
        arguments: ROLL_BACK,
    }
}

/// Kills the act while its write is held, and reads what `status` says then.
#[track_caller]
fn kill(rig: &Rig, kill: &Kill<'_>, fate: Fate) {
    rig.clear();
    rig.fault_writes(kill.body, &fate.action(), 1);
    rig.kill_while_held(kill.arguments);
    let status = rig.status();
    let outstanding = &status["deployment"]["outstanding"];
    assert_eq!(outstanding["act"], kill.act, "{status:#}");
    assert_eq!(outstanding["by"], "dana");
    let line = rig.lines(&["status", "production", "auth-service"]);
    assert!(line.contains(&format!("{} asked", kill.verb)), "{line}");
}

/// Asks again at once, where a person has to wait for what became of the first: refused, and nothing is sent.
#[track_caller]
fn at_once_is_refused(rig: &Rig, kill: &Kill<'_>) {
    let said = rig.patiently("lee", kill.arguments).exits(5);
    assert!(
        said.err.contains(&format!(
            "dana asked to {}",
            kill.verb.split(' ').next().unwrap()
        )),
        "{}",
        said.err
    );
    assert_eq!(rig.patches().len(), 0);
}

fn again(rig: &Rig, kill: &Kill<'_>) -> Said {
    sleep(SETTLED);
    rig.verb(kill.arguments)
}

/// It never landed: asked again it is done, with one write.
#[track_caller]
fn is_done_when_asked_again(rig: &Rig, kill: &Kill<'_>, seq: u64) {
    again(rig, kill).exits(0);
    assert_eq!(rig.patches_with(kill.body), 1, "{:#?}", rig.patches());
    assert_eq!(rig.outcomes_after(seq), ["not_applied", "applied"]);
}

/// It landed: asked again it is refused in words about who did it, and nothing is sent.
#[track_caller]
fn is_found_when_asked_again(rig: &Rig, kill: &Kill<'_>, seq: u64, code: i32, words: &str) {
    let said = again(rig, kill).exits(code);
    assert!(said.err.contains(words), "{}", said.err);
    assert_eq!(rig.patches().len(), 0, "{:#?}", rig.patches());
    assert_eq!(rig.outcomes_after(seq), ["applied"]);
}

/// A whole flight in which every act is killed after its write landed, before its outcome was written.
#[test]
fn killed_after_it_landed() {
    let rig = Rig::serve("30");
    rig.request("42");
    let found = |it: &Kill<'_>, escape: bool, code: i32, words: &str| {
        let seq = rig.seq();
        kill(&rig, it, Fate::Landed);
        if !escape {
            at_once_is_refused(&rig, it);
        }
        is_found_when_asked_again(&rig, it, seq, code, words);
    };
    found(&FLY_IT, false, 5, "took off already, by dana");
    rig.until_rests(1);
    found(&PROMOTE_IT, false, 5, "step 1 was already promoted by dana");
    rig.until_rests(3);
    found(&HOLD_IT, true, 5, "held already, by dana");
    found(&RESUME_IT, false, 5, "nothing holds it");
    found(&ABORT_IT, true, 5, "aborted already");
    found(&RETRY_IT, false, 5, "already retried by dana");
    rig.until_rests(1);
    found(&PROMOTE_IT_FULLY, false, 5, "promoted fully");
    rig.until_rollout("42 is stable", |rollout| {
        rollout["status"]["stableRS"] == rollout["status"]["currentPodHash"]
    });
    rig.ledger_is_sound();

    // A rollback is three changes; killed after the first, and again after the last.
    kill(&rig, &roll_back(SET_IMAGE), Fate::Landed);
    rig.clear();
    rig.fault_writes(PROMOTE_FULL, &Fate::Landed.action(), 1);
    rig.kill_while_held(ROLL_BACK);
    assert_eq!(
        rig.patches_with("/spec/template"),
        0,
        "the image is not set again: {:#?}",
        rig.patches()
    );
    sleep(SETTLED);
    rig.clear();
    let closed = rig.verb(&["fly", "production", "auth-service", "--timeout", "30"]);
    assert_eq!(rig.patches().len(), 0, "{:#?}", rig.patches());
    serves_41(&rig, &closed);
}

/// A whole flight in which every act is killed before its write was carried out.
#[test]
fn killed_before_it_landed() {
    let rig = Rig::serve("30");
    rig.request("42");
    let done = |it: &Kill<'_>, escape: bool| {
        let seq = rig.seq();
        kill(&rig, it, Fate::Lost);
        if !escape {
            at_once_is_refused(&rig, it);
        }
        is_done_when_asked_again(&rig, it, seq);
    };
    done(&FLY_IT, false);
    rig.until_rests(1);
    done(&PROMOTE_IT, false);
    rig.until_rests(3);
    done(&HOLD_IT, true);
    done(&RESUME_IT, false);
    done(&ABORT_IT, true);
    done(&RETRY_IT, false);
    rig.until_rests(1);
    done(&PROMOTE_IT_FULLY, false);
    rig.until_rollout("42 is stable", |rollout| {
        rollout["status"]["stableRS"] == rollout["status"]["currentPodHash"]
    });
    rig.ledger_is_sound();

    kill(&rig, &roll_back(SET_IMAGE), Fate::Lost);
    rig.clear();
    rig.fault_writes(PROMOTE_FULL, &Fate::Lost.action(), 1);
    rig.kill_while_held(ROLL_BACK);
    assert_eq!(
        rig.patches_with("/spec/template"),
        1,
        "{:#?}",
        rig.patches()
    );
    rig.clear();
    rig.verb(ROLL_BACK).exits(0);
    assert_eq!(
        rig.patches_with("/spec/template"),
        0,
        "{:#?}",
        rig.patches()
    );
    assert_eq!(rig.patches_with(PROMOTE_FULL), 1, "{:#?}", rig.patches());
    let closed = rig.verb(&["fly", "production", "auth-service", "--timeout", "30"]);
    serves_41(&rig, &closed);
}

/// In mid-canary a rollback aborts first; killed at either change, either way, the next one finishes it.
#[test]
fn rollback_killed_in_mid_canary() {
    let rig = Rig::serve("30");
    rig.airborne("42");
    kill(&rig, &roll_back(ABORT), Fate::Lost);
    kill(&rig, &roll_back(ABORT), Fate::Landed);
    assert_eq!(rig.rollout()["status"]["abort"], true);
    kill(&rig, &roll_back(SET_IMAGE), Fate::Lost);
    assert_eq!(rig.patches_with("/status/abort"), 0, "{:#?}", rig.patches());
    kill(&rig, &roll_back(SET_IMAGE), Fate::Landed);
    sleep(SETTLED);
    rig.clear();
    let closed = rig.verb(&["fly", "production", "auth-service", "--timeout", "30"]);
    assert_eq!(rig.patches().len(), 0, "{:#?}", rig.patches());
    serves_41(&rig, &closed);
}

/// An escape does not wait for what became of an act before it; that one gets its outcome all the same.
#[test]
fn escape_over_a_killed_promotion() {
    let rig = Rig::serve("30");
    rig.airborne("42");
    kill(&rig, &PROMOTE_IT, Fate::Landed);
    rig.verb_as("lee", ABORT_IT.arguments).exits(0);
    assert_eq!(rig.status()["deployment"]["state"], "aborted");
    rig.ledger_is_sound();
    // And one that is killed too. Lee, who aborted, has the controls and is gone.
    let retry = [RETRY_IT.arguments, &["--take-over"]].concat();
    rig.verb(&retry).exits(0);
    rig.until_rests(1);
    kill(&rig, &PROMOTE_IT, Fate::Lost);
    kill(&rig, &HOLD_IT, Fate::Landed);
    sleep(SETTLED);
    rig.verb(RESUME_IT.arguments).exits(0);
    assert_eq!(rig.step(), 1);
    rig.ledger_is_sound();
}

#[track_caller]
fn serves_41(rig: &Rig, said: &Said) {
    let rollout = rig.rollout();
    let status = rig.status();
    assert!(
        status["deployment"].is_null(),
        "{}: {}{}\n{status:#}",
        said.code,
        said.out,
        said.err
    );
    assert_eq!(status["live"]["release"]["number"], 41, "{status:#}");
    assert_eq!(
        rollout["status"]["stableRS"],
        rollout["status"]["currentPodHash"]
    );
    rig.ledger_is_sound();
}

/// F1: no answer within the deadline, a cut connection, a server that is busy.
#[test]
fn answers_that_do_not_come() {
    let rig = Rig::serve("30");
    rig.airborne("42");

    // Carried out, but its answer comes after the deadline: seen by reading.
    rig.clear();
    rig.fault_writes(HOLD, &json!({"hang_after": 8_000}), 1);
    let seq = rig.seq();
    let said = rig.verb(HOLD_IT.arguments).exits(0);
    assert!(said.took < Duration::from_secs(6), "{:?}", said.took);
    assert_eq!(rig.outcomes_after(seq), ["unknown", "applied"]);
    assert_eq!(rig.struck(), 1);
    assert_eq!(rig.patches().len(), 0, "{:#?}", rig.patches());

    // Cut after it was carried out.
    rig.clear();
    rig.fault_writes(RESUME, &json!("reset_after"), 1);
    let seq = rig.seq();
    rig.verb(RESUME_IT.arguments).exits(0);
    assert_eq!(rig.outcomes_after(seq), ["unknown", "applied"]);
    assert_eq!(rig.patches_with("/spec/paused"), 1);

    // Cut before: a promotion is not sent again, whatever is read.
    rig.clear();
    rig.fault_writes(PROMOTE, &json!("reset_before"), 1);
    let seq = rig.seq();
    let said = rig.verb(PROMOTE_IT.arguments).exits(1);
    assert!(said.err.contains("never landed"), "{}", said.err);
    assert_eq!(rig.outcomes_after(seq), ["unknown", "not_applied"]);
    assert_eq!((rig.patches().len(), rig.step()), (1, 1));

    // Turned away at the door: refused, once.
    rig.clear();
    rig.fault_writes(PROMOTE, &json!({"status": 503}), 1);
    let seq = rig.seq();
    rig.verb(PROMOTE_IT.arguments).exits(1);
    assert_eq!(rig.outcomes_after(seq), ["refused"]);
    assert_eq!((rig.patches().len(), rig.step()), (1, 1));

    // Nothing answers any more, not even the reads: unknown, said soon, and found once it answers.
    rig.clear();
    rig.fault_writes(PROMOTE, &json!({"hang_after": 60_000}), 1);
    let seq = rig.seq();
    let started = std::time::Instant::now();
    let promoting = rig.start("dana", PROMOTE_IT.arguments);
    super::rig::wait_for("the write to be held", || (rig.struck() == 1).then_some(()));
    rig.fault(
        &json!({"method": "GET", "path_contains": "/apis/argoproj.io/"}),
        &json!("reset_before"),
        1_000,
    );
    super::rig::wait_for("UNKNOWN in the ledger", || {
        (rig.outcomes_after(seq) == ["unknown"]).then_some(())
    });
    assert!(
        started.elapsed() < DEADLINE + Duration::from_secs(4),
        "{:?}",
        started.elapsed()
    );
    let said = Rig::end(promoting, started).exits(6);
    assert!(said.err.contains("outcome is unknown"), "{}", said.err);
    assert_eq!(rig.status()["deployment"]["outstanding"]["unknown"], true);
    rig.api("DELETE", "/rehearsal/faults", &Value::Null);
    let said = rig.verb(PROMOTE_IT.arguments).exits(5);
    assert!(
        said.err.contains("step 1 was already promoted by dana"),
        "{}",
        said.err
    );
    assert_eq!(rig.outcomes_after(seq), ["unknown", "applied"]);
    assert_eq!(rig.patches().len(), 0);
    rig.until_rests(3);

    // An abort is sent again, each time after a look.
    rig.clear();
    rig.fault_writes(ABORT, &json!({"status": 503}), 1);
    let seq = rig.seq();
    rig.verb(ABORT_IT.arguments).exits(0);
    assert_eq!(rig.outcomes_after(seq), ["refused", "applied"]);
    assert_eq!(rig.patches_with("/status/abort"), 2);

    // At most five times in all; a rollback likewise.
    rig.clear();
    rig.fault_writes(SET_IMAGE, &json!("reset_before"), 3);
    rig.fault_writes(SET_IMAGE, &json!({"status": 503}), 1_000);
    let said = rig.verb(ROLL_BACK).exits(1);
    assert_eq!(rig.patches().len(), 5, "{:#?}", rig.patches());
    assert!(said.took < Duration::from_secs(30), "{:?}", said.took);
    rig.clear();
    rig.fault_writes(SET_IMAGE, &json!("reset_after"), 1);
    rig.verb(ROLL_BACK).exits(0);
    assert_eq!(rig.patches().len(), 1, "{:#?}", rig.patches());
    let closed = rig.verb(&["fly", "production", "auth-service", "--timeout", "30"]);
    serves_41(&rig, &closed);
}
