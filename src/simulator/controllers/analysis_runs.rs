//! The `AnalysisRun` controller: measures, counts, and says what came of it.
//! Follows `argoproj/argo-rollouts:analysis/analysis.go` and `utils/evaluate/evaluate.go`.

use super::analysis::is_over;
use super::steps::go_duration;
use crate::simulator::figures::condition::{self, Subject};
use crate::simulator::figures::{self, Answer};
use crate::simulator::json::{Json, stamp};
use crate::simulator::store::Id;
use crate::simulator::world::{ROLLOUTS_CONTROLLER, World};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

/// Measurements kept of each metric.
const KEPT: usize = 10;
/// Before a measurement that could not be taken is tried again.
const RETRY: SignedDuration = SignedDuration::from_secs(10);
/// From bad to worse: the worst of all metrics is that of the run.
const ORDER: [&str; 6] = [
    "Pending",
    "Running",
    "Successful",
    "Inconclusive",
    "Error",
    "Failed",
];

impl World {
    pub(in crate::simulator) fn reconcile_analysis_run(&mut self, id: &Id) {
        let Some(mut run) = self.find(id) else { return };
        if is_over(run.text("/status/phase")) {
            return;
        }
        let metrics = match resolved(&run) {
            Ok(metrics) => metrics,
            Err(why) => {
                let message = format!("Unable to resolve metric arguments: {why}");
                self.end_run(run, "Error", &message);
                return;
            }
        };
        let terminating = run.flag("/spec/terminate") || has_failed(&run);
        for metric in &metrics {
            if self.is_due(&run, metric, terminating) {
                self.measure(&mut run, metric);
            }
        }
        if !run.has("/status/startedAt") {
            run.set("/status/startedAt", stamp(self.now));
        }
        let (phase, message) = self.assess(&mut run, &metrics);
        if is_over(&phase) {
            self.end_run(run, &phase, &message);
            return;
        }
        run.set("/status/phase", phase);
        // A metric that failed ends the others, so they are looked at once more, at once.
        let next = if has_failed(&run) && !terminating {
            Some(self.now)
        } else {
            metrics
                .iter()
                .filter_map(|metric| next_time(&run, metric, self.now))
                .min()
        };
        self.put(run);
        if let Some(next) = next {
            self.look_within(id, next.duration_since(self.now));
        }
    }

    fn end_run(&mut self, mut run: Value, phase: &str, message: &str) {
        run.set("/status/phase", phase);
        run.set("/status/completedAt", stamp(self.now));
        if message.is_empty() {
            run.unset("/status/message");
        } else {
            run.set("/status/message", message);
        }
        let reason = format!("AnalysisRun{phase}");
        let words = format!("Analysis Completed. Result: {phase}");
        if ["Failed", "Error"].contains(&phase) {
            self.warn(&run, ROLLOUTS_CONTROLLER, &reason, &words);
        } else {
            self.note(&run, ROLLOUTS_CONTROLLER, &reason, &words);
        }
        self.put(run);
    }

    fn is_due(&self, run: &Value, metric: &Value, terminating: bool) -> bool {
        let result = result_of(run, metric);
        if terminating || result.is_some_and(|result| is_over(result.text("/phase"))) {
            return false;
        }
        next_time(run, metric, self.now).is_some_and(|next| next <= self.now)
    }

    fn measure(&mut self, run: &mut Value, metric: &Value) {
        let now = stamp(self.now);
        let (phase, value, message) = self.take(metric);
        let mut measurement = json!({"phase": phase, "startedAt": now, "finishedAt": now});
        if let Some(value) = value {
            measurement.set("/value", value);
        }
        if !message.is_empty() {
            measurement.set("/message", message);
        }
        let mut result = result_of(run, metric).cloned().unwrap_or_else(
            || json!({"name": metric.text("/name"), "phase": "Running", "measurements": []}),
        );
        let mut bump = |member: &str| {
            let count = result.count(&format!("/{member}")) + 1;
            result.set(&format!("/{member}"), count);
        };
        match phase {
            "Error" => {
                bump("error");
                bump("consecutiveError");
            }
            phase => {
                bump(&phase.to_lowercase());
                bump("count");
                result.unset("/consecutiveError");
            }
        }
        let mut measurements = result.items("/measurements").to_vec();
        measurements.push(measurement);
        let excess = measurements.len().saturating_sub(KEPT);
        result.set("/measurements", measurements.split_off(excess));
        set_result(run, result);
    }

    /// One measurement: its phase, its value, and what went wrong.
    fn take(&self, metric: &Value) -> (&'static str, Option<String>, String) {
        let query = metric.text("/provider/prometheus/query");
        if !metric.has("/provider/prometheus") {
            let message = "the practice cluster measures with the provider prometheus only";
            return ("Error", None, message.to_owned());
        }
        let answer = match figures::ask(self, query) {
            Ok(answer) => answer,
            Err(why) => return ("Error", None, why),
        };
        let subject = match &answer {
            Answer::Scalar(number) => Subject::One(*number),
            Answer::Vector(_) => Subject::Many(answer.numbers()),
        };
        let value = Some(answer.text());
        match verdict(metric, &subject) {
            Ok(phase) => (phase, value, String::new()),
            Err(why) => ("Error", value, why),
        }
    }

    /// Phases of the metrics and of the run, and the sums.
    fn assess(&mut self, run: &mut Value, metrics: &[Value]) -> (String, String) {
        let terminating = run.flag("/spec/terminate") || has_failed(run);
        let mut message = if run.flag("/spec/terminate") {
            "Run Terminated".to_owned()
        } else {
            String::new()
        };
        let (mut worst, mut all_over) = (String::new(), true);
        let mut sums = [json!({"count": 0}), json!({"count": 0})];
        for metric in metrics {
            let dry = is_dry(run, metric);
            let sum = usize::from(dry);
            let count = sums[sum].count("/count") + 1;
            sums[sum].set("/count", count);
            let Some(mut result) = result_of(run, metric).cloned() else {
                all_over = false;
                continue;
            };
            let phase = phase_of(metric, &result, terminating);
            if phase != result.text("/phase") {
                if is_over(phase) {
                    let words = format!(
                        "Metric '{}' Completed. Result: {phase}",
                        metric.text("/name")
                    );
                    let reason = format!("Metric{phase}");
                    if ["Failed", "Error"].contains(&phase) {
                        self.warn(run, ROLLOUTS_CONTROLLER, &reason, &words);
                    } else {
                        self.note(run, ROLLOUTS_CONTROLLER, &reason, &words);
                    }
                }
                let last = result.items("/measurements").last();
                let said = last.map_or("", |last| last.text("/message")).to_owned();
                result.set("/phase", phase);
                if !said.is_empty() {
                    result.set("/message", said);
                }
                if dry {
                    result.set("/dryRun", true);
                }
                set_result(run, result.clone());
            }
            if !is_over(phase) {
                all_over = false;
                continue;
            }
            let outcome = format!("/{}", phase.to_lowercase());
            let count = sums[sum].count(&outcome) + 1;
            sums[sum].set(&outcome, count);
            if dry {
                if worst.is_empty() {
                    "Successful".clone_into(&mut worst);
                }
                continue;
            }
            let rank = |phase: &str| ORDER.iter().position(|known| *known == phase);
            if worst.is_empty() || rank(phase) > rank(&worst) {
                phase.clone_into(&mut worst);
                if let Some((_, why)) = failure(metric, &result) {
                    message = format!(
                        "Metric \"{}\" assessed {phase} due to {why}",
                        metric.text("/name")
                    );
                    if !result.text("/message").is_empty() {
                        message =
                            format!("{message}: \"Error Message: {}\"", result.text("/message"));
                    }
                }
            }
        }
        let [sum, dry] = sums;
        run.set("/status/runSummary", sum);
        run.set("/status/dryRunSummary", dry);
        if terminating {
            let phase = if worst.is_empty() {
                "Successful".to_owned()
            } else {
                worst
            };
            return (phase, message);
        }
        if !all_over || worst.is_empty() {
            return ("Running".to_owned(), String::new());
        }
        (worst, message)
    }
}

/// The metrics of a run with `{{args.name}}` put in.
fn resolved(run: &Value) -> Result<Vec<Value>, String> {
    let args = run.items("/spec/args");
    let mut metrics = Vec::new();
    for metric in run.items("/spec/metrics") {
        let mut text = metric.to_string();
        for arg in args.iter().filter(|arg| arg.has("/value")) {
            let value = json!(arg.text("/value")).to_string();
            let value = value.trim_matches('"');
            for form in ["{{args.NAME}}", "{{ args.NAME }}"] {
                text = text.replace(&form.replace("NAME", arg.text("/name")), value);
            }
        }
        if let Some((_, rest)) = text.split_once("{{") {
            let name = rest.split("}}").next().unwrap_or("").trim();
            return Err(format!("failed to resolve {{{{{name}}}}}"));
        }
        metrics.push(serde_json::from_str(&text).map_err(|error| error.to_string())?);
    }
    Ok(metrics)
}

fn result_of<'a>(run: &'a Value, metric: &Value) -> Option<&'a Value> {
    run.items("/status/metricResults")
        .iter()
        .find(|result| result["name"] == metric["name"])
}

fn set_result(run: &mut Value, result: Value) {
    let mut results = run.items("/status/metricResults").to_vec();
    match results
        .iter_mut()
        .find(|found| found["name"] == result["name"])
    {
        Some(found) => *found = result,
        None => results.push(result),
    }
    run.set("/status/metricResults", results);
}

fn is_dry(run: &Value, metric: &Value) -> bool {
    run.items("/spec/dryRun").iter().any(|dry| {
        let pattern = dry.text("/metricName");
        regex::Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(metric.text("/name")))
    })
}

/// Whether a metric that counts has ended badly, which ends the run.
fn has_failed(run: &Value) -> bool {
    run.items("/status/metricResults").iter().any(|result| {
        ["Failed", "Error", "Inconclusive"].contains(&result.text("/phase"))
            && !result.flag("/dryRun")
    })
}

/// A number that may be written as a text.
fn number(metric: &Value, pointer: &str) -> Option<i64> {
    metric
        .int(pointer)
        .or_else(|| metric.text(pointer).parse().ok())
}

/// How often a metric is measured; None for as long as the run lasts.
fn wanted_count(metric: &Value) -> Option<i64> {
    number(metric, "/count").or_else(|| (!metric.has("/interval")).then_some(1))
}

/// When a metric is measured next; None when it is done.
fn next_time(run: &Value, metric: &Value, now: Timestamp) -> Option<Timestamp> {
    let result = result_of(run, metric);
    let last = result.and_then(|result| result.items("/measurements").last());
    let (Some(result), Some(last)) = (result, last) else {
        let delay = go_duration(metric.text("/initialDelay")).unwrap_or(SignedDuration::ZERO);
        let started = run.time("/status/startedAt").unwrap_or(now);
        return Some(started + delay);
    };
    if is_over(result.text("/phase"))
        || wanted_count(metric).is_some_and(|count| result.count("/count") >= count)
    {
        return None;
    }
    let interval = if last.text("/phase") == "Error" {
        RETRY
    } else {
        go_duration(metric.text("/interval")).unwrap_or(RETRY)
    };
    Some(last.time("/finishedAt").unwrap_or(now) + interval)
}

/// What a measurement says, by the conditions of its metric.
fn verdict(metric: &Value, subject: &Subject) -> Result<&'static str, String> {
    let asked = |name: &str| {
        let condition = metric.text(name);
        if condition.is_empty() {
            Ok(None)
        } else {
            condition::holds(condition, subject).map(Some)
        }
    };
    let (success, failure) = (asked("/successCondition")?, asked("/failureCondition")?);
    Ok(match (success, failure) {
        (_, Some(true)) | (Some(false), None) => "Failed",
        (Some(false), Some(false)) => "Inconclusive",
        _ => "Successful",
    })
}

/// Why a metric has ended badly, if it has.
fn failure(metric: &Value, result: &Value) -> Option<(&'static str, String)> {
    let limit = |name: &str, default: i64| number(metric, name).unwrap_or(default);
    let over = |count: i64, limit: i64, what: &str, of: &str| {
        (count > limit).then(|| format!("{what} ({count}) > {of} ({limit})"))
    };
    let errors = over(
        result.count("/consecutiveError"),
        limit("/consecutiveErrorLimit", 4),
        "consecutiveErrors",
        "consecutiveErrorLimit",
    );
    let inconclusive = over(
        result.count("/inconclusive"),
        limit("/inconclusiveLimit", 0),
        "inconclusive",
        "inconclusiveLimit",
    );
    let failed = over(
        result.count("/failed"),
        limit("/failureLimit", 0),
        "failed",
        "failureLimit",
    );
    errors
        .map(|why| ("Error", why))
        .or_else(|| inconclusive.map(|why| ("Inconclusive", why)))
        .or_else(|| failed.map(|why| ("Failed", why)))
}

fn phase_of(metric: &Value, result: &Value, terminating: bool) -> &'static str {
    let known = |phase: &str| ORDER.into_iter().find(|known| *known == phase);
    if let Some(over) = known(result.text("/phase")).filter(|phase| is_over(phase)) {
        return over;
    }
    if let Some((phase, _)) = failure(metric, result) {
        return phase;
    }
    let counted = wanted_count(metric).is_some_and(|count| result.count("/count") >= count);
    if counted || terminating {
        "Successful"
    } else {
        "Running"
    }
}
