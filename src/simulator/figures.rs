//! What an analysis measures: queries over the counters of the pods, in as much of `PromQL` as rates, sums and quantiles
//! need, and the conditions on their results.

pub(super) mod condition;
mod query;
mod tokens;

pub(super) use query::Answer;

use super::traffic::BUCKETS;
use super::world::World;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Labels of a series.
pub(super) type Labels = BTreeMap<String, String>;

/// Where samples come from.
pub(super) trait Samples {
    /// The series of a metric at a time, as a scrape of every pod would show them.
    fn series(&self, metric: &str, at: Timestamp) -> Vec<(Labels, f64)>;
}

const PREFIX: &str = "release_manager_";

impl Samples for World {
    fn series(&self, metric: &str, at: Timestamp) -> Vec<(Labels, f64)> {
        let Some(metric) = metric.strip_prefix(PREFIX) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for pod in self.pods.keys() {
            let (Some(counters), Some(object)) =
                (self.traffic.scraped(pod, at), self.store.get(pod))
            else {
                continue;
            };
            let mut labels: Labels = object["metadata"]["labels"]
                .as_object()
                .into_iter()
                .flatten()
                // A label of a series has no dashes and dots.
                .map(|(key, value)| {
                    let key = key.replace(['-', '.', '/'], "_");
                    (key, value.as_str().unwrap_or("").to_owned())
                })
                .collect();
            labels.insert("namespace".to_owned(), pod.namespace.clone());
            labels.insert("pod".to_owned(), pod.name.clone());
            labels.insert("version".to_owned(), self.version_of(object));
            let with = |name: &str, value: String| {
                let mut labels = labels.clone();
                labels.insert(name.to_owned(), value);
                labels
            };
            match metric {
                "requests_total" | "request_duration_seconds_count" => {
                    found.push((labels, counters.requests));
                }
                "errors_total" => found.push((labels, counters.errors)),
                "request_duration_seconds_sum" => found.push((labels, counters.seconds)),
                "request_duration_seconds_bucket" => {
                    for (bound, count) in BUCKETS.iter().zip(counters.buckets) {
                        found.push((with("le", bound.to_string()), count));
                    }
                    found.push((with("le", "+Inf".to_owned()), counters.requests));
                }
                _ => {}
            }
        }
        found
    }
}

/// Asks a query of the world as it is now.
pub(super) fn ask(world: &World, query: &str) -> Result<Answer, String> {
    query::ask(world, query, world.now)
}
