//! Error rate and latency of one template's pods, computed from counter deltas over a window (SPEC W2).
//!
//! Counters only grow; a counter that fell was reset with its process, and its new value is the increase
//! since. NaN, infinities and negative samples are not readings. The first scrape of a pod is a baseline and
//! adds nothing. The quantile is Prometheus' `histogram_quantile`: linear inside its bucket.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Failed requests, in percent of all.
    ErrorRate,
    /// 99th percentile of the request duration, in milliseconds.
    LatencyP99,
}

impl Metric {
    pub const ALL: [Self; 2] = [Self::ErrorRate, Self::LatencyP99];

    pub fn id(self) -> &'static str {
        match self {
            Self::ErrorRate => "error_rate",
            Self::LatencyP99 => "latency_p99",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::ErrorRate => "error rate",
            Self::LatencyP99 => "p99 latency",
        }
    }

    /// `0.04 %`, `512 ms`.
    pub fn show(self, value: f64) -> String {
        match self {
            Self::ErrorRate => format!("{value:.2} %"),
            Self::LatencyP99 if value >= 10_000.0 => format!("{:.1} s", value / 1000.0),
            Self::LatencyP99 => format!("{value:.0} ms"),
        }
    }
}

/// Above `hold` nothing is promoted; above `roll_back` the release should go.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Limit {
    pub metric: Metric,
    pub hold: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub roll_back: Option<f64>,
    /// For how many scrapes in a row it is over the limit, or not known, before the guard holds.
    #[serde(default = "Limit::intervals", skip_serializing_if = "Limit::is_usual")]
    pub intervals: u32,
}

impl Limit {
    /// Once is chance, three times in a row is not (QUALITY F17).
    pub const INTERVALS: u32 = 3;

    fn intervals() -> u32 {
        Self::INTERVALS
    }

    // The usual is left out, so that the digests of plans approved before stay what they were.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
    fn is_usual(intervals: &u32) -> bool {
        *intervals == Self::INTERVALS
    }
}

/// One pod's counters at one moment, summed over labels. Missing families are None, never zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scrape {
    pub requests: Option<f64>,
    pub errors: Option<f64>,
    /// Cumulative counts by upper bound in seconds, ascending, the last one +∞.
    pub buckets: Vec<(f64, f64)>,
}

/// Figures of one side over one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Scrapes of the pod that has most of them.
    pub scrapes: u32,
    pub pods: u32,
    pub requests: f64,
    /// Percent. None: not known.
    pub error_rate: Option<f64>,
    /// Milliseconds. None: not known.
    pub latency_p99: Option<f64>,
}

impl Figures {
    pub fn get(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::ErrorRate => self.error_rate,
            Metric::LatencyP99 => self.latency_p99,
        }
    }
}

/// Figures by template hash: over the whole window for verdicts, and over the latest interval for the curve.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    pub window: SignedDuration,
    pub sides: BTreeMap<String, SideFigures>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SideFigures {
    pub over_window: Figures,
    pub latest: Figures,
    /// The pods that did not answer well in the latest round, and the first reason.
    pub silent: u32,
    pub trouble: Option<super::fault::Fault>,
    /// When one of its pods last answered well, as far back as the window goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<Timestamp>,
}

/// Keeps each pod's scrapes for one window.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    pods: BTreeMap<String, (String, VecDeque<(Timestamp, Scrape)>)>,
}

impl Tracker {
    pub fn push(
        &mut self,
        pod: &str,
        hash: &str,
        at: Timestamp,
        scrape: Scrape,
        window: SignedDuration,
    ) {
        let (kept_hash, series) = self.pods.entry(pod.to_owned()).or_default();
        if kept_hash != hash {
            hash.clone_into(kept_hash);
            series.clear();
        }
        series.push_back((at, scrape));
        while series
            .front()
            .is_some_and(|(first, _)| at.duration_since(*first) > window)
        {
            series.pop_front();
        }
    }

    /// Forgets pods that are gone; their increases leave the window with them.
    pub fn keep(&mut self, present: impl Fn(&str) -> bool) {
        self.pods.retain(|pod, _| present(pod));
    }

    /// The newest scrape of any pod of `hash`.
    pub fn newest(&self, hash: &str) -> Option<Timestamp> {
        let of_hash = self.pods.values().filter(|(of, _)| of == hash);
        of_hash
            .filter_map(|(_, series)| Some(series.back()?.0))
            .max()
    }

    /// Sums over the pods of `hash`, from scrapes no older than `window` before `now`.
    pub fn figures(&self, hash: &str, now: Timestamp, window: SignedDuration) -> Figures {
        let (mut figures, mut errors, mut requests_known, mut errors_known) =
            (Figures::default(), 0.0, false, false);
        let mut buckets: Vec<(f64, f64)> = Vec::new();
        for (_, series) in self.pods.values().filter(|(pod_hash, _)| pod_hash == hash) {
            let inside: Vec<&Scrape> = series
                .iter()
                .filter(|(at, _)| now.duration_since(*at) <= window)
                .map(|(_, scrape)| scrape)
                .collect();
            figures.scrapes = figures
                .scrapes
                .max(u32::try_from(inside.len()).unwrap_or(u32::MAX));
            if inside.len() < 2 {
                continue;
            }
            figures.pods += 1;
            if let Some(increase) = increase(inside.iter().map(|s| s.requests)) {
                figures.requests += increase;
                requests_known = true;
            }
            if let Some(increase) = increase(inside.iter().map(|s| s.errors)) {
                errors += increase;
                errors_known = true;
            }
            add_bucket_increases(&mut buckets, &inside);
        }
        if requests_known && errors_known && figures.requests > 0.0 {
            figures.error_rate = Some((errors / figures.requests * 100.0).min(100.0));
        }
        figures.latency_p99 = quantile(0.99, &buckets).map(|seconds| seconds * 1000.0);
        figures
    }
}

/// The growth of one counter over its samples, or None when fewer than two of them are usable.
fn increase(samples: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let (mut last, mut sum, mut steps) = (None::<f64>, 0.0, 0);
    for value in samples
        .flatten()
        .filter(|value| value.is_finite() && *value >= 0.0)
    {
        if let Some(before) = last {
            sum += if value >= before {
                value - before
            } else {
                value
            };
            steps += 1;
        }
        last = Some(value);
    }
    (steps > 0).then_some(sum)
}

fn add_bucket_increases(into: &mut Vec<(f64, f64)>, scrapes: &[&Scrape]) {
    let Some(bounds) = scrapes.last().map(|scrape| {
        scrape
            .buckets
            .iter()
            .map(|(bound, _)| *bound)
            .collect::<Vec<_>>()
    }) else {
        return;
    };
    for bound in bounds {
        let same = |b: f64| b.total_cmp(&bound).is_eq();
        let samples = scrapes.iter().map(|scrape| {
            scrape
                .buckets
                .iter()
                .find(|(b, _)| same(*b))
                .map(|(_, count)| *count)
        });
        let Some(grown) = increase(samples) else {
            continue;
        };
        match into.iter_mut().find(|(b, _)| same(*b)) {
            Some((_, count)) => *count += grown,
            None => into.push((bound, grown)),
        }
    }
    into.sort_by(|a, b| a.0.total_cmp(&b.0));
}

/// `histogram_quantile` over cumulative counts. None without observations or without a +∞ bucket; a
/// quantile that falls into the last bucket is that bucket's lower bound, as in Prometheus.
pub fn quantile(q: f64, buckets: &[(f64, f64)]) -> Option<f64> {
    let (last_bound, total) = *buckets.last()?;
    if !last_bound.is_infinite() || total <= 0.0 || buckets.len() < 2 {
        return None;
    }
    let rank = q * total;
    let index = buckets.iter().position(|(_, count)| *count >= rank)?;
    let (upper, count) = buckets[index];
    if upper.is_infinite() {
        return buckets.get(index.checked_sub(1)?).map(|(bound, _)| *bound);
    }
    let (lower, below) = if index == 0 {
        (0.0, 0.0)
    } else {
        buckets[index - 1]
    };
    let inside = count - below;
    Some(if inside <= 0.0 {
        upper
    } else {
        lower + (upper - lower) * ((rank - below) / inside)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("in range")
    }

    fn scrape(requests: f64, errors: f64) -> Scrape {
        let fast = requests * 0.9;
        Scrape {
            requests: Some(requests),
            errors: Some(errors),
            buckets: vec![(0.1, fast), (0.5, requests), (f64::INFINITY, requests)],
        }
    }

    fn figures(samples: &[(i64, Scrape)]) -> Figures {
        let window = SignedDuration::from_secs(60);
        let mut tracker = Tracker::default();
        for (second, sample) in samples {
            tracker.push("pod", "hash", at(*second), sample.clone(), window);
        }
        tracker.figures("hash", at(samples.last().map_or(0, |s| s.0)), window)
    }

    #[test]
    fn one_scrape_is_a_baseline_and_no_figure() {
        let one = figures(&[(0, scrape(100.0, 1.0))]);
        assert_eq!(
            (one.scrapes, one.error_rate, one.latency_p99),
            (1, None, None)
        );
    }

    #[test]
    fn the_error_rate_is_the_ratio_of_increases() {
        let two = figures(&[(0, scrape(1000.0, 500.0)), (5, scrape(1200.0, 502.0))]);
        assert!((two.requests - 200.0).abs() < 1e-9);
        assert!((two.error_rate.expect("known") - 1.0).abs() < 1e-9);
        assert!((two.latency_p99.expect("known") - 460.0).abs() < 1e-6);
    }

    #[test]
    fn a_reset_counts_what_came_after_it() {
        let reset = figures(&[(0, scrape(1000.0, 10.0)), (5, scrape(50.0, 1.0))]);
        assert!((reset.requests - 50.0).abs() < 1e-9);
        assert!((reset.error_rate.expect("known") - 2.0).abs() < 1e-9);
    }

    #[test]
    fn absent_or_broken_samples_are_not_zero() {
        let mut no_errors = scrape(200.0, 0.0);
        no_errors.errors = None;
        assert_eq!(
            figures(&[(0, no_errors.clone()), (5, no_errors)]).error_rate,
            None
        );
        for broken in [f64::NAN, f64::INFINITY, -1.0] {
            let bad = Scrape {
                requests: Some(broken),
                errors: Some(broken),
                buckets: vec![],
            };
            assert_eq!(figures(&[(0, scrape(1.0, 0.0)), (5, bad)]).error_rate, None);
        }
    }

    #[test]
    fn scrapes_before_the_window_do_not_count() {
        let late = figures(&[
            (0, scrape(0.0, 0.0)),
            (100, scrape(500.0, 5.0)),
            (105, scrape(600.0, 5.0)),
        ]);
        assert!((late.requests - 100.0).abs() < 1e-9);
        assert_eq!(late.scrapes, 2);
    }

    #[test]
    fn quantiles_follow_prometheus() {
        let inf = f64::INFINITY;
        assert_eq!(
            quantile(0.5, &[(1.0, 0.0), (2.0, 10.0), (inf, 10.0)]),
            Some(1.5)
        );
        assert_eq!(quantile(0.99, &[(1.0, 1.0), (inf, 10.0)]), Some(1.0));
        assert_eq!(quantile(0.99, &[(1.0, 0.0), (inf, 0.0)]), None);
        assert_eq!(quantile(0.99, &[(1.0, 5.0)]), None);
        assert_eq!(quantile(0.99, &[]), None);
    }
}
