//! Kinds of answers, and rounds.
#![allow(clippy::unwrap_used, clippy::panic)]

use http::{HeaderMap, StatusCode};

use super::*;

fn reply(content_type: &'static str) -> PodReply {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", http::HeaderValue::from_static(content_type));
    PodReply {
        status: StatusCode::OK,
        headers,
    }
}

fn read_json(body: &str) -> Result<HealthAnswer, String> {
    read(
        &reply("application/json"),
        body.as_bytes(),
        SignedDuration::ZERO,
    )
}

const WELL: &str = r#"{"status":"healthy","version":"v1.3.0","timestamp":"2024-01-15T14:30:00Z",
    "checks":{"database":"ok","cache":{"status":"up","latency_ms":3},"message_queue":"ok"}}"#;

#[test]
fn the_shape_of_the_seed_is_good() {
    let answer = read_json(WELL).unwrap();
    assert_eq!(
        (answer.version.as_ref(), answer.checks.len()),
        ("v1.3.0", 3)
    );
    assert!(answer.is_good() && unwell(&answer).is_none());
    assert!(read_json(r#"{"status":"UP"}"#).unwrap().is_good());
}

#[test]
fn whatever_is_not_well_is_named() {
    let table = [
        (
            r#"{"status":"healthy","checks":{"cache":"ok","database":"down"}}"#,
            "its check database says down",
        ),
        (
            r#"{"status":"healthy","checks":{"database":{"status":"down"}}}"#,
            "its check database says down",
        ),
        (
            r#"{"status":"healthy","checks":{"database":false}}"#,
            "its check database says false",
        ),
        (r#"{"status":"starting"}"#, "it says starting"),
    ];
    for (body, why) in table {
        assert_eq!(unwell(&read_json(body).unwrap()).as_deref(), Some(why));
    }
}

#[test]
fn what_is_no_answer_is_told_apart() {
    let table = [
        ("<html><body>Sign in</body></html>", "HTML"),
        ("OK", "no JSON"),
        ("", "nothing"),
        ("[]", "`status`"),
        (r#"{"state":"healthy"}"#, "`status`"),
        (r#"{"status":200}"#, "`status`"),
        (
            r#"{"kind":"Status","status":"Failure","message":"no"}"#,
            "API server",
        ),
    ];
    for (body, why) in table {
        let said = read_json(body).unwrap_err();
        assert!(said.contains(why), "{body}: {said}");
    }
    let html = read(
        &reply("text/html; charset=utf-8"),
        WELL.as_bytes(),
        SignedDuration::ZERO,
    );
    assert!(html.unwrap_err().contains("HTML"));
}

fn bad(ours: bool) -> Result<HealthAnswer, Asked> {
    Err(Asked {
        fault: Fault::new("kubernetes", FaultKind::Refused, "asking", "500"),
        ours,
        answer: None,
    })
}

#[test]
fn streaks_count_rounds_in_which_all_were_good() {
    let good = || read_json(WELL).map_err(|_| unreachable!());
    let mut streaks = BTreeMap::new();
    let mut round = |new: Vec<Result<HealthAnswer, Asked>>| {
        let answers = new
            .into_iter()
            .map(|answer| ("new".to_owned(), answer))
            .collect();
        match sum_up(["new", "old"].into_iter(), answers, &mut streaks) {
            Seen::Health(health) => health,
            other => panic!("{other:?}"),
        }
    };
    round(vec![good(), good()]);
    let second = round(vec![good(), good()]);
    let new = &second.sides["new"];
    assert_eq!(
        (new.asked, new.good, new.streak, new.trouble.is_none()),
        (2, 2, 2, true)
    );
    assert_eq!(
        (second.sides["old"].asked, second.sides["old"].streak),
        (0, 0)
    );
    let third = round(vec![good(), bad(false)]);
    let new = &third.sides["new"];
    assert_eq!(
        (
            new.good,
            new.streak,
            new.trouble.is_some(),
            new.last.is_some()
        ),
        (1, 0, true, true)
    );
    assert_eq!(round(vec![good()]).sides["new"].streak, 1);
    assert_eq!(round(vec![]).sides["new"].streak, 0);
}

#[test]
fn when_nobody_could_be_asked_nothing_is_known_of_them() {
    let mut streaks = BTreeMap::new();
    let answers = vec![("new".to_owned(), bad(true)), ("old".to_owned(), bad(true))];
    let seen = sum_up(["new", "old"].into_iter(), answers, &mut streaks);
    assert!(matches!(seen, Seen::HealthFailed(_)));
    let answers = vec![
        ("new".to_owned(), bad(true)),
        ("old".to_owned(), bad(false)),
    ];
    let seen = sum_up(["new", "old"].into_iter(), answers, &mut streaks);
    assert!(matches!(seen, Seen::Health(_)));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_000))]

    /// Bytes of any kind, and JSON of any shape: an answer or a sentence, never a panic.
    #[test]
    fn no_answer_makes_the_reader_panic(
        bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200),
        status in "\\PC{0,12}",
        check in "\\PC{0,12}",
        word in proptest::prelude::prop_oneof![
            proptest::prelude::Just("true".to_owned()), proptest::prelude::Just("[[[]]]".to_owned()),
            proptest::prelude::Just("{\"status\":{}}".to_owned()), proptest::prelude::Just("1e999".to_owned()),
            proptest::prelude::Just("\"\\u001b[2J\"".to_owned()), proptest::prelude::Just("null".to_owned()),
        ],
    ) {
        let json = format!("{{\"status\":{},\"checks\":{{{}:{word}}}}}", serde_json::json!(status), serde_json::json!(check));
        for body in [bytes.as_slice(), json.as_bytes()] {
            if let Ok(answer) = read(&reply("application/json"), body, SignedDuration::ZERO) {
                let _ = unwell(&answer);
                for (name, word) in &answer.checks {
                    proptest::prop_assert!(!name.as_ref().chars().chain(word.as_ref().chars()).any(crate::domain::text::is_hidden));
                }
            }
        }
    }
}

#[test]
fn depth_is_refused_and_a_thousand_checks_are_not() {
    let deep = format!(
        "{{\"status\":\"ok\",\"checks\":{{\"a\":{}1{}}}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    assert!(read_json(&deep).unwrap_err().contains("no JSON"));
    let many: Vec<String> = (0..1_000).map(|n| format!("\"c{n}\":\"ok\"")).collect();
    let wide = format!("{{\"status\":\"ok\",\"checks\":{{{}}}}}", many.join(","));
    assert_eq!(read_json(&wide).unwrap().checks.len(), 1_000);
}
