//! The steps of a canary: where a Rollout is in them, what they weigh, how long they pause.
//! Follows `argoproj/argo-rollouts:utils/replicaset/canary.go` (`GetCurrentSetWeight`, `GetCurrentCanaryStep`).

use crate::simulator::chance;
use crate::simulator::json::{Json, pruned};
use jiff::SignedDuration;
use serde_json::Value;

pub(super) const STEPS: &str = "/spec/strategy/canary/steps";

pub(super) fn current_index(rollout: &Value) -> usize {
    usize::try_from(rollout.count("/status/currentStepIndex")).unwrap_or(0)
}

/// The step that the Rollout is in; None once all are done.
pub(super) fn current_step(rollout: &Value) -> Option<&Value> {
    rollout.items(STEPS).get(current_index(rollout))
}

/// The weight that the pods should have: 0 when aborted, 100 without a step, else the last `setWeight` up to here.
pub(super) fn current_weight(rollout: &Value) -> i64 {
    if rollout.flag("/status/promoteFull")
        || rollout.text("/status/currentPodHash") == rollout.text("/status/stableRS")
    {
        return 100;
    }
    if rollout.flag("/status/abort") {
        return 0;
    }
    if current_step(rollout).is_none() {
        return 100;
    }
    let passed = rollout.items(STEPS).iter().take(current_index(rollout) + 1);
    passed
        .filter_map(|step| step.int("/setWeight"))
        .next_back()
        .unwrap_or(0)
}

pub(super) fn set_index(rollout: &mut Value, steps: usize, index: usize) {
    if steps == 0 {
        rollout.unset("/status/currentStepIndex");
    } else {
        rollout.set("/status/currentStepIndex", index.min(steps));
    }
}

/// Hash of the steps, so that a change of them restarts the canary.
pub(super) fn step_hash(rollout: &Value) -> String {
    chance::suffix(
        1,
        &pruned(&rollout["spec"]["strategy"]["canary"]["steps"]).to_string(),
        10,
    )
}

/// The duration of a pause step: seconds as a number or text, or a Go duration such as `5m`.
pub(super) fn pause_duration(step: &Value) -> Option<SignedDuration> {
    match step.pointer("/pause/duration")? {
        Value::Number(seconds) => Some(SignedDuration::from_secs(seconds.as_i64()?)),
        Value::String(text) => match text.parse() {
            Ok(seconds) => Some(SignedDuration::from_secs(seconds)),
            Err(_) => Some(go_duration(text).unwrap_or(SignedDuration::from_secs(-1))),
        },
        _ => None,
    }
}

/// A step in the words of its event.
pub(super) fn step_words(step: &Value) -> String {
    if let Some(weight) = step.int("/setWeight") {
        return format!("setWeight: {weight}");
    }
    match step.pointer("/pause/duration") {
        Some(Value::String(text)) => format!("pause: {text}"),
        Some(duration) => format!("pause: {duration}"),
        None => step
            .as_object()
            .and_then(|members| members.keys().next().cloned())
            .unwrap_or_default(),
    }
}

/// `1h30m`, `5m`, `1.5s`, `200ms`.
pub(super) fn go_duration(text: &str) -> Option<SignedDuration> {
    if text.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest
            .find(|letter: char| letter.is_ascii_digit())
            .unwrap_or(rest.len());
        seconds += number
            * match &rest[..unit] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 0.001,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    Some(SignedDuration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pause_durations() {
        for (duration, seconds) in [
            (json!(30), 30),
            (json!("30"), 30),
            (json!("5m"), 300),
            (json!("1h30m"), 5400),
            (json!("soon"), -1),
        ] {
            let step = json!({"pause": {"duration": duration}});
            assert_eq!(
                pause_duration(&step),
                Some(SignedDuration::from_secs(seconds)),
                "{duration}"
            );
        }
        assert_eq!(pause_duration(&json!({"pause": {}})), None);
    }
}
