//! The scorecard: the eleven success measures of seed 002, each with its formula, its target and what may be said of it
//! (SPEC H2, §7). Computed from what the ledger recorded; what the ledger cannot know is said to be *not measured*.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::domain::{entry::Ending, history::Record, release::Commit, target::TargetId, time};

/// Means of fewer say little.
const LEAST_FOR_A_MEAN: usize = 5;
const WEEK: f64 = 7.0 * 86_400.0;

/// A deployment with what the repository knows of its release.
#[derive(Clone, Copy, Debug)]
pub struct Flown<'a> {
    pub record: &'a Record,
    /// When the commit came onto its branch; None where the repository was not read.
    pub merged_at: Option<Timestamp>,
    /// None where nobody knows what kind of release it was.
    pub hotfix: Option<bool>,
}

/// Deployments that ended in here count; those under way do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Window {
    pub since: Timestamp,
    pub until: Timestamp,
}

impl Window {
    fn holds(self, at: Timestamp) -> bool {
        self.since <= at && at <= self.until
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scorecard {
    pub window: Window,
    pub measures: Vec<Measure>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measure {
    pub id: &'static str,
    pub title: &'static str,
    pub formula: &'static str,
    /// In words: `> 95 %`, `< 30 min`.
    pub target: String,
    #[serde(flatten)]
    pub value: Value,
    /// How many it was computed from.
    pub n: usize,
    pub verdict: Verdict,
    /// Figure and count, for people.
    pub figure: String,
    /// The same with the verdict.
    pub sentence: String,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "value")]
pub enum Value {
    /// `of` among `n`.
    Share {
        of: usize,
        percent: f64,
    },
    Mean {
        mean_seconds: f64,
        worst_seconds: f64,
    },
    PerWeek {
        per_week: f64,
    },
    /// Nothing ended in the window that it could be computed from.
    None,
    NotMeasured {
        why: &'static str,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Met,
    Missed,
    TooFew,
    NoTarget,
    NotMeasured,
}

impl Verdict {
    pub fn word(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::TooFew => "too few",
            Self::NoTarget => "no target",
            Self::NotMeasured => "not measured",
        }
    }
}

#[derive(Clone, Copy)]
enum Target {
    /// Percent; the share must be above it.
    Above(usize),
    /// Percent; the share must be below it.
    Below(usize),
    Within(SignedDuration),
    None,
}

impl Target {
    fn words(self) -> String {
        match self {
            Self::Above(percent) => format!("> {percent} %"),
            Self::Below(percent) => format!("< {percent} %"),
            Self::Within(limit) => format!("< {}", time::exact(limit)),
            Self::None => "as needed".to_owned(),
        }
    }

    /// Fewer cannot tell: one bad case among them would already miss the target.
    fn least(self) -> usize {
        match self {
            Self::Above(percent) => 100_usize.div_ceil(100 - percent.min(99)),
            Self::Below(percent) => 100_usize.div_ceil(percent.max(1)),
            Self::Within(_) => LEAST_FOR_A_MEAN,
            Self::None => 1,
        }
    }
}

/// What a formula found: a share of so many, or times.
enum Found {
    Share { of: usize, n: usize },
    Times(Vec<SignedDuration>),
    PerWeek { n: usize, per_week: f64 },
    Unknown(&'static str),
}

struct Spec {
    id: &'static str,
    title: &'static str,
    target: Target,
    formula: &'static str,
    find: fn(&Flights<'_>) -> Found,
}

/// Of seed 002, in its order.
const MEASURES: [Spec; 11] = [
    Spec {
        id: "successful_deployments",
        title: "Successful deployments",
        target: Target::Above(95),
        formula: "releases whose last flight was closed and that no later rollback left, of all releases that took off",
        find: successful,
    },
    Spec {
        id: "rollback_rate",
        title: "Rollback rate",
        target: Target::Below(5),
        formula: "rollbacks that arrived, of all deployments that took off and ended",
        find: rollbacks,
    },
    Spec {
        id: "hotfix_rate",
        title: "Hotfix rate",
        target: Target::Below(10),
        formula: "releases that were hotfixes, of all releases that took off",
        find: hotfixes,
    },
    Spec {
        id: "mean_time_to_deploy",
        title: "Mean time to deploy",
        target: Target::Within(SignedDuration::from_mins(30)),
        formula: "mean of take-off to everybody served, bakes included",
        find: time_to_deploy,
    },
    Spec {
        id: "release_frequency",
        title: "Release frequency",
        target: Target::None,
        formula: "deployments closed, by the weeks between the first of the window and its end",
        find: frequency,
    },
    Spec {
        id: "lead_time",
        title: "Lead time",
        target: Target::Within(SignedDuration::from_hours(24)),
        formula: "mean of the commit on its branch to everybody served, the first time that each release is",
        find: lead_time,
    },
    Spec {
        id: "deployment_duration",
        title: "Deployment duration",
        target: Target::Within(SignedDuration::from_mins(10)),
        formula: "mean of take-off to everybody served, without bakes",
        find: duration,
    },
    Spec {
        id: "recovery_time",
        title: "Recovery time",
        target: Target::Within(SignedDuration::from_mins(5)),
        formula: "mean of the first change of a rollback to the former release serving everybody",
        find: recovery,
    },
    Spec {
        id: "deployment_failures",
        title: "Deployment failures",
        target: Target::Below(2),
        formula: "deployments that ended before everybody was served, of all that took off and ended",
        find: failures,
    },
    Spec {
        id: "post_deploy_issues",
        title: "Post-deploy issues",
        target: Target::Below(5),
        formula: "deployments that failed a verification or were rolled back after everybody was served, of all that served everybody",
        find: issues,
    },
    Spec {
        id: "customer_impact",
        title: "Customer impact",
        target: Target::Below(1),
        formula: "requests that failed while deployments were under way, of all requests then",
        find: |_| {
            Found::Unknown(
                "the ledger keeps verdicts about figures, not how many requests there were",
            )
        },
    },
];

/// What the formulas read.
struct Flights<'a> {
    window: Window,
    /// Forward deployments that took off and ended in the window, oldest first.
    over: Vec<Flown<'a>>,
    /// Everything that went back and arrived in the window.
    back: Vec<&'a Record>,
    /// Rollbacks of what was closed before, whenever they were.
    reversals: Vec<&'a Record>,
}

/// `flown` are deployments of the environments that count, in any order.
pub fn scorecard(flown: &[Flown<'_>], window: Window) -> Scorecard {
    let flights = Flights::of(flown, window);
    Scorecard {
        window,
        measures: MEASURES
            .iter()
            .map(|spec| measure(spec, &flights))
            .collect(),
    }
}

impl<'a> Flights<'a> {
    fn of(flown: &[Flown<'a>], window: Window) -> Self {
        let ended_at = |record: &Record| record.ended.as_ref().map(|ended| ended.at);
        let counts = |record: &Record| ended_at(record).is_some_and(|at| window.holds(at));
        let mut over: Vec<Flown<'a>> = flown
            .iter()
            .filter(|f| {
                let flew = f.record.took_off.is_some() || f.record.promoted_at.is_some();
                !f.record.rollback && flew && counts(f.record)
            })
            .copied()
            .collect();
        over.sort_by_key(|f| ended_at(f.record));
        let records = flown.iter().map(|f| f.record);
        let arrived = records.filter(|record| record.recovery().is_some());
        let arrived: Vec<&Record> = arrived.collect();
        Self {
            window,
            over,
            back: arrived.iter().copied().filter(|r| counts(r)).collect(),
            reversals: arrived.into_iter().filter(|r| r.rollback).collect(),
        }
    }

    /// The release was left again by a rollback of its own, and not flown again before that.
    fn was_reversed(&self, record: &Record) -> bool {
        let Some(ended) = &record.ended else {
            return false;
        };
        self.reversals.iter().any(|back| {
            let left = back.before.as_ref().map(|before| &before.commit);
            back.target == record.target
                && left == Some(&record.release.commit)
                && back.requested.at >= ended.at
        })
    }

    /// The last flight of each release on each target.
    fn releases(&self) -> BTreeMap<(&TargetId, &Commit), Flown<'a>> {
        let key = |f: &Flown<'a>| (&f.record.target, &f.record.release.commit);
        self.over.iter().map(|f| (key(f), *f)).collect()
    }
}

fn successful(flights: &Flights<'_>) -> Found {
    let releases = flights.releases();
    let good = |f: &&Flown<'_>| {
        let closed = f
            .record
            .ended
            .as_ref()
            .is_some_and(|e| e.how == Ending::Closed);
        closed && !flights.was_reversed(f.record)
    };
    Found::Share {
        of: releases.values().filter(good).count(),
        n: releases.len(),
    }
}

fn rollbacks(flights: &Flights<'_>) -> Found {
    Found::Share {
        of: flights.back.len(),
        n: flights.over.len(),
    }
}

fn hotfixes(flights: &Flights<'_>) -> Found {
    let commits: BTreeMap<&Commit, Option<bool>> = flights
        .over
        .iter()
        .map(|f| (&f.record.release.commit, f.hotfix))
        .collect();
    let known: Vec<bool> = commits.values().copied().flatten().collect();
    if known.is_empty() && !commits.is_empty() {
        return Found::Unknown(
            "nobody knows which releases were hotfixes: the repository was not read",
        );
    }
    Found::Share {
        of: known.iter().filter(|hotfix| **hotfix).count(),
        n: known.len(),
    }
}

fn time_to_deploy(flights: &Flights<'_>) -> Found {
    Found::Times(
        flights
            .over
            .iter()
            .filter_map(|f| f.record.time_to_deploy())
            .collect(),
    )
}

fn frequency(flights: &Flights<'_>) -> Found {
    let closed: Vec<Timestamp> = flights
        .over
        .iter()
        .filter_map(|f| f.record.ended.as_ref())
        .filter(|ended| ended.how == Ending::Closed)
        .map(|ended| ended.at)
        .collect();
    let first = flights.over.iter().map(|f| f.record.requested.at).min();
    let from = first
        .unwrap_or(flights.window.since)
        .max(flights.window.since);
    let weeks = flights.window.until.duration_since(from).as_secs_f64() / WEEK;
    Found::PerWeek {
        n: closed.len(),
        // What happened today is no rate of a week: less than one counts as one.
        per_week: closed.len() as f64 / weeks.max(1.0),
    }
}

fn lead_time(flights: &Flights<'_>) -> Found {
    let mut served: BTreeSet<(&TargetId, &Commit)> = BTreeSet::new();
    let (mut times, mut unknown) = (Vec::new(), 0_usize);
    for f in &flights.over {
        let Some(promoted) = f.record.promoted_at else {
            continue;
        };
        if !served.insert((&f.record.target, &f.record.release.commit)) {
            continue;
        }
        match f.merged_at {
            // A commit from after its own flight is one of a clock that is wrong.
            Some(merged) if merged <= promoted => times.push(promoted.duration_since(merged)),
            Some(_) | None => unknown += 1,
        }
    }
    if times.is_empty() && unknown > 0 {
        return Found::Unknown(
            "the repository was not read or its clock is wrong, so nobody knows when commits were merged",
        );
    }
    Found::Times(times)
}

fn duration(flights: &Flights<'_>) -> Found {
    Found::Times(
        flights
            .over
            .iter()
            .filter_map(|f| f.record.duration())
            .collect(),
    )
}

fn recovery(flights: &Flights<'_>) -> Found {
    Found::Times(
        flights
            .back
            .iter()
            .filter_map(|record| record.recovery())
            .collect(),
    )
}

fn failures(flights: &Flights<'_>) -> Found {
    let failed = |f: &&Flown<'_>| f.record.promoted_at.is_none();
    Found::Share {
        of: flights.over.iter().filter(failed).count(),
        n: flights.over.len(),
    }
}

fn issues(flights: &Flights<'_>) -> Found {
    let served = || {
        flights
            .over
            .iter()
            .map(|f| f.record)
            .filter(|r| r.promoted_at.is_some())
    };
    let troubled = |record: &&Record| {
        let back = record
            .ended
            .as_ref()
            .is_some_and(|e| e.how == Ending::RolledBack);
        back || !record.failed_items.is_empty() || flights.was_reversed(record)
    };
    Found::Share {
        of: served().filter(troubled).count(),
        n: served().count(),
    }
}

fn measure(spec: &Spec, flights: &Flights<'_>) -> Measure {
    let found = (spec.find)(flights);
    let (n, value, met) = match &found {
        Found::Share { of, n } => {
            let met = match spec.target {
                Target::Above(percent) => of * 100 > percent * n,
                Target::Below(percent) => of * 100 < percent * n,
                Target::Within(_) | Target::None => true,
            };
            let percent = *of as f64 * 100.0 / (*n).max(1) as f64;
            (*n, Value::Share { of: *of, percent }, met)
        }
        Found::Times(times) => {
            let sum: f64 = times.iter().map(SignedDuration::as_secs_f64).sum();
            let mean_seconds = sum / times.len().max(1) as f64;
            let worst = times.iter().max().copied().unwrap_or_default();
            let value = Value::Mean {
                mean_seconds,
                worst_seconds: worst.as_secs_f64(),
            };
            let met = match spec.target {
                Target::Within(limit) => mean_seconds < limit.as_secs_f64(),
                _ => true,
            };
            (times.len(), value, met)
        }
        Found::PerWeek { n, per_week } => (
            *n,
            Value::PerWeek {
                per_week: *per_week,
            },
            true,
        ),
        Found::Unknown(why) => (0, Value::NotMeasured { why }, false),
    };
    let value = if n == 0 && !matches!(found, Found::Unknown(_)) {
        Value::None
    } else {
        value
    };
    let verdict = match (&value, spec.target) {
        (Value::NotMeasured { .. }, _) => Verdict::NotMeasured,
        (_, Target::None) => Verdict::NoTarget,
        (_, target) if n < target.least() => Verdict::TooFew,
        _ if met => Verdict::Met,
        _ => Verdict::Missed,
    };
    let figure = figure(&value, n);
    Measure {
        id: spec.id,
        title: spec.title,
        formula: spec.formula,
        target: spec.target.words(),
        sentence: sentence(spec, &figure, n, verdict),
        figure,
        value,
        n,
        verdict,
    }
}

fn figure(value: &Value, n: usize) -> String {
    let clock = |seconds: f64| {
        let whole = SignedDuration::try_from_secs_f64(seconds).unwrap_or_default();
        if whole.as_hours() >= 48 {
            format!("{:.1} d", seconds / 86_400.0)
        } else if whole.as_hours() >= 2 {
            format!("{:.1} h", seconds / 3_600.0)
        } else {
            time::clock(whole)
        }
    };
    match value {
        Value::Share { of, percent } => format!("{percent:.1} % ({of} of {n})"),
        Value::Mean {
            mean_seconds,
            worst_seconds,
        } => format!(
            "{} (mean of {n}, worst {})",
            clock(*mean_seconds),
            clock(*worst_seconds)
        ),
        Value::PerWeek { per_week } => format!("{per_week:.1} a week ({n} in all)"),
        Value::None => "none ended in the window".to_owned(),
        Value::NotMeasured { why } => format!("not measured: {why}"),
    }
}

fn sentence(spec: &Spec, figure: &str, n: usize, verdict: Verdict) -> String {
    match verdict {
        Verdict::TooFew if n > 0 => format!("{figure}; it takes {} to say", spec.target.least()),
        Verdict::TooFew | Verdict::NoTarget | Verdict::NotMeasured => figure.to_owned(),
        Verdict::Met | Verdict::Missed => format!(
            "{figure}, target {}: {}",
            spec.target.words(),
            verdict.word()
        ),
    }
}

#[cfg(test)]
mod tests;
