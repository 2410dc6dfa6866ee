//! Limits against figures. No data is never a pass: too few scrapes, too few requests, silent pods and
//! absent families all make the verdict unknown, and each says why (SPEC W4, QUALITY F17).

use crate::domain::{
    metric::{Limit, Metric, SideFigures},
    target::MetricsSource,
    time,
};

use super::{facts::Facts, gate::Verdict};

/// Below this nothing is ever a verdict, whatever is configured.
pub const FLOOR_REQUESTS: u64 = 20;

/// One limit, judged over the pods of one template.
pub fn judge(
    facts: &Facts<'_>,
    source: &MetricsSource,
    limit: &Limit,
    hash: Option<&str>,
    who: &str,
) -> (Verdict, String) {
    let what = limit.metric.title();
    let unknown = |why: String| {
        (
            Verdict::Unknown,
            format!("{what} of {who}: no verdict, {why}"),
        )
    };
    let Some(reading) = &facts.metrics.last else {
        let why = facts
            .metrics
            .trouble
            .as_ref()
            .map_or_else(|| "no scrape yet".to_owned(), |t| t.value.to_string());
        return unknown(why);
    };
    let age = reading.age(facts.now);
    if age > facts.workspace.timings.stale {
        return unknown(format!("the last scrape is {} old", time::age(age)));
    }
    // A source that does not answer closes the gate at once, however fresh the figures before it are.
    if let Some(trouble) = &facts.metrics.trouble {
        return unknown(format!(
            "the metrics cannot be read ({}); the last good sample is {} old",
            trouble.value.detail,
            time::age(age)
        ));
    }
    let Some(side) = hash.and_then(|hash| reading.value.sides.get(hash)) else {
        return unknown("none of its pods was scraped".to_owned());
    };
    match value(facts, side, limit.metric, source) {
        Err(why) => unknown(why),
        // Too much of it is known of these pods; that they are still the ones is not.
        Ok(value) if value > limit.hold && facts.fresh().is_none() => unknown(format!(
            "{} is over the limit {}, but whether these are still its pods is not known: the platform was not read lately",
            limit.metric.show(value),
            limit.metric.show(limit.hold)
        )),
        Ok(value) if value > limit.hold => (
            Verdict::Fail,
            format!(
                "{what} of {who} {}, limit {}",
                limit.metric.show(value),
                limit.metric.show(limit.hold)
            ),
        ),
        Ok(value) => (
            Verdict::Pass,
            format!(
                "{what} of {who} {}, limit {}",
                limit.metric.show(value),
                limit.metric.show(limit.hold)
            ),
        ),
    }
}

fn value(
    facts: &Facts<'_>,
    side: &SideFigures,
    metric: Metric,
    source: &MetricsSource,
) -> Result<f64, String> {
    let figures = &side.over_window;
    // By the time of the reading, which is that of the newest round: did any pod answer in it?
    let every = facts.workspace.timings.scrape_interval;
    let round = facts.metrics.last.as_ref().map(|reading| reading.at);
    let deaf = round
        .zip(side.answered_at)
        .is_some_and(|(round, answered)| round.duration_since(answered) > every);
    if side.silent > 0 && (side.latest.pods == 0 || deaf) {
        let why = side
            .trouble
            .as_ref()
            .map_or_else(String::new, |fault| format!(" ({})", fault.detail));
        let last = side.answered_at.map_or_else(String::new, |at| {
            let age = time::age(facts.now.duration_since(at));
            format!("; the last good sample is {age} old")
        });
        let (pods, answer) = match side.silent {
            1 => ("1 pod".to_owned(), "answers"),
            n => (format!("{n} pods"), "answer"),
        };
        return Err(format!("{pods} {answer} no metrics{why}{last}"));
    }
    if figures.scrapes < 2 || figures.pods == 0 {
        return Err("it needs two scrapes".to_owned());
    }
    let need = source.min_requests.max(FLOOR_REQUESTS);
    if figures.requests < need as f64 {
        return Err(format!(
            "{:.0} of {need} requests in {}",
            figures.requests,
            time::exact(source.window)
        ));
    }
    figures
        .get(metric)
        .filter(|value| value.is_finite())
        .ok_or_else(|| "the pods do not serve it".to_owned())
}
