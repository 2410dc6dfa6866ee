//! Metric cards and the health card: both sides, their curves, and the verdict with its sentence.

use jiff::SignedDuration;

use crate::{
    domain::{
        metric::{Figures, Limit, Metric},
        reading::Subject,
        time,
    },
    policy::{facts::Facts, gate::Verdict, gates, judge},
    session::cockpit::Cockpit,
};

/// One metric with both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricShown {
    pub metric: Metric,
    pub limit: Limit,
    pub verdict: Verdict,
    /// The verdict's sentence, about the canary while there is one.
    pub sentence: String,
    pub canary: Option<f64>,
    pub stable: Option<f64>,
    pub canary_curve: Vec<Option<f64>>,
    pub stable_curve: Vec<Option<f64>>,
    /// Of the last scrape.
    pub age: Option<String>,
    pub stale: bool,
    pub requests: Option<f64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct HealthShown {
    /// Of the last answers, once they are older than the polls are apart.
    pub age: Option<String>,
    pub stale: bool,
    pub verdict: Verdict,
    pub sentence: String,
    /// Each check of the last answer: name, word.
    pub checks: Vec<(String, String)>,
    pub version: Option<String>,
}

fn is_stale<T>(facts: &Facts<'_>, subject: &Subject<T>) -> bool {
    let limit = facts.workspace.timings.stale;
    let last = subject.last.as_ref();
    last.is_some_and(|last| last.is_stale(facts.now, limit))
}

pub fn metrics(cockpit: &Cockpit, facts: &Facts<'_>, limits: &[Limit]) -> Vec<MetricShown> {
    let Some(source) = &facts.target.metrics else {
        return Vec::new();
    };
    let workload = facts.workload.value().map(|observed| &observed.workload);
    let (canary, stable) = (
        workload.and_then(|w| w.current_hash.clone()),
        workload.and_then(|w| w.stable_hash.clone()),
    );
    let midway = workload.is_some_and(crate::domain::rollout::Workload::is_midway);
    let who = if midway { "canary" } else { "the release" };
    let side = |hash: &Option<String>| {
        hash.as_ref()
            .and_then(|hash| facts.metrics.value()?.sides.get(hash))
    };
    let curve = |hash: &Option<String>, metric: Metric| -> Vec<Option<f64>> {
        let points = cockpit
            .known
            .targets
            .get(&facts.target.id)
            .map(|known| &known.curve);
        let at = |sides: &std::collections::BTreeMap<String, Figures>| {
            hash.as_ref()
                .and_then(|hash| sides.get(hash))
                .and_then(|figures| figures.get(metric))
        };
        points
            .map(|points| points.iter().map(|point| at(&point.sides)).collect())
            .unwrap_or_default()
    };
    let show = |limit: &Limit| {
        let (verdict, sentence) = judge::judge(facts, source, limit, canary.as_deref(), who);
        MetricShown {
            metric: limit.metric,
            limit: *limit,
            verdict,
            sentence,
            canary: if midway {
                side(&canary).and_then(|s| s.over_window.get(limit.metric))
            } else {
                None
            },
            stable: side(&stable).and_then(|s| s.over_window.get(limit.metric)),
            canary_curve: if midway {
                curve(&canary, limit.metric)
            } else {
                Vec::new()
            },
            stable_curve: curve(&stable, limit.metric),
            age: facts
                .metrics
                .last
                .as_ref()
                .map(|last| time::age(last.age(facts.now))),
            stale: is_stale(facts, facts.metrics),
            requests: side(&canary).map(|s| s.over_window.requests),
        }
    };
    limits.iter().map(show).collect()
}

pub fn health(facts: &Facts<'_>) -> Option<HealthShown> {
    let (verdict, sentence) = gates::health::new_pods_answer(facts)?;
    let hash = facts.workload.value()?.workload.current_hash.as_ref()?;
    let last = facts
        .health
        .value()
        .and_then(|health| health.sides.get(hash))
        .and_then(|side| side.last.as_ref());
    let checks = last.map(|answer| {
        answer
            .checks
            .iter()
            .map(|(name, word)| (name.to_string(), word.to_string()))
            .collect()
    });
    let age = facts.health.last.as_ref().map(|last| last.age(facts.now));
    let late = facts
        .workspace
        .timings
        .health_interval
        .saturating_add(SignedDuration::from_secs(1));
    Some(HealthShown {
        age: age.filter(|age| *age > late).map(time::age),
        stale: is_stale(facts, facts.health),
        verdict,
        sentence,
        checks: checks.unwrap_or_default(),
        version: last.map(|answer| answer.version.to_string()),
    })
}
