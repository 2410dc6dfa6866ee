//! The steps of a canary, and durations as Argo writes them (FACTS §1.2).

use jiff::SignedDuration;
use serde_json::Value;

use super::objects::RawWorkload;
use crate::domain::{rollout::Step, text::Clean};

/// Empty for any strategy but a canary. Weights come out in percent of the most traffic that can be routed.
pub(super) fn steps(raw: &RawWorkload) -> Vec<Step> {
    let Some(canary) = raw.spec.strategy.as_ref().and_then(|s| s.canary.as_ref()) else {
        return Vec::new();
    };
    let most = canary
        .traffic_routing
        .as_ref()
        .and_then(|routing| routing.max_traffic_weight)
        .filter(|most| *most > 0)
        .unwrap_or(100);
    canary
        .steps
        .iter()
        .flatten()
        .map(|step| {
            step.iter()
                .find(|(_, value)| !value.is_null())
                .or_else(|| step.iter().next())
                .map_or_else(
                    || Step::Other("empty".to_owned()),
                    |(kind, value)| one_step(kind, value, most),
                )
        })
        .collect()
}

fn one_step(kind: &str, value: &Value, most: i64) -> Step {
    let other = || Step::Other(short(kind));
    match kind {
        "setWeight" => value
            .as_i64()
            .and_then(|weight| u8::try_from(weight.checked_mul(100)? / most).ok())
            .filter(|weight| *weight <= 100)
            .map_or_else(
                || Step::Other(format!("setWeight of {}", short(&value.to_string()))),
                Step::SetWeight,
            ),
        "pause" => match value.get("duration") {
            None | Some(Value::Null) => Step::Pause(None),
            Some(duration) => read_duration(duration)
                .filter(|lasts| !lasts.is_negative())
                .map_or_else(
                    || Step::Other("pause of an unreadable duration".to_owned()),
                    |lasts| Step::Pause(Some(lasts)),
                ),
        },
        "analysis" => Step::Analysis,
        _ => other(),
    }
}

/// As much of it as fits a line.
fn short(text: &str) -> String {
    let clean = Clean::new(text).to_string();
    match clean.char_indices().nth(40) {
        Some((cut, _)) => format!("{}…", clean.get(..cut).unwrap_or_default()),
        None => clean,
    }
}

/// `30`, `"30"`, `"1h5m"` (FACTS §1.2).
fn read_duration(value: &Value) -> Option<SignedDuration> {
    let text = match value {
        Value::Number(seconds) => return seconds.as_i64().map(SignedDuration::from_secs),
        Value::String(text) => text.trim(),
        _ => return None,
    };
    text.parse()
        .map(SignedDuration::from_secs)
        .ok()
        .or_else(|| go_duration(text))
}

/// Go's `time.ParseDuration`: a sequence of decimal numbers with a unit each.
fn go_duration(text: &str) -> Option<SignedDuration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut nanos = 0.0_f64;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest.get(..end)?.parse().ok()?;
        rest = rest.get(end..)?;
        // "ms" before "m" and "s".
        let (unit, factor) = [
            ("ns", 1.0),
            ("us", 1e3),
            ("µs", 1e3),
            ("ms", 1e6),
            ("s", 1e9),
            ("m", 60e9),
            ("h", 3600e9),
        ]
        .into_iter()
        .find(|(unit, _)| rest.starts_with(unit))?;
        nanos += number * factor;
        rest = rest.get(unit.len()..)?;
    }
    SignedDuration::try_from_secs_f64(nanos / 1e9).ok()
}
