//! What the pods themselves say: `/health`, `/metrics` and log lines, as functions of (seed, pod, time).

use super::chance;
use super::controllers::pods::{PodLife, Stage};
use super::json::{Json, stamp};
use super::store::Id;
use super::traffic::{BUCKETS, Behaviour, Counters};
use super::world::World;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::fmt::Write as _;

/// An answer of a pod to an HTTP request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PodAnswer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl PodAnswer {
    fn text(status: u16, body: impl Into<String>) -> Self {
        Self {
            status,
            content_type: "text/plain; charset=utf-8",
            body: body.into(),
        }
    }
}

impl World {
    /// A GET to a port of a pod. Err says why nothing could be reached.
    pub(super) fn ask_pod(&mut self, pod: &Id, port: u16, path: &str) -> Result<PodAnswer, String> {
        let (Some(object), Some(life)) = (self.store.get(pod).cloned(), self.pods.get(pod)) else {
            return Err(format!("pod {} is gone", pod.name));
        };
        let ip = object.text("/status/podIP");
        let runs = matches!(
            life.stage,
            Stage::Starting | Stage::Ready | Stage::Terminating
        ) && life.started.is_some();
        if !runs || ip.is_empty() || ![8080, 9090].contains(&port) {
            return Err(format!("dial tcp {ip}:{port}: connect: connection refused"));
        }
        let version = self.version_of(&object);
        Ok(match (port, path.trim_end_matches('/')) {
            (8080, "/health") => PodAnswer {
                status: if life.stage == Stage::Starting {
                    503
                } else {
                    200
                },
                content_type: "application/json",
                body: self.health(life, &version).to_string(),
            },
            (_, "/metrics") => self.metrics(pod, &version),
            (8080, "") => PodAnswer::text(
                200,
                format!("{} {version}\n", object.label("app").unwrap_or("app")),
            ),
            _ => PodAnswer::text(404, "404 page not found\n"),
        })
    }

    /// The version that a pod's program calls itself.
    pub(super) fn version_of(&self, pod: &Value) -> String {
        let release = self
            .making
            .catalogue
            .image(pod.text("/spec/containers/0/image"));
        release.map_or_else(|| "unknown".to_owned(), |release| release.version())
    }

    fn health(&self, life: &PodLife, version: &str) -> Value {
        let (status, check) = if life.stage == Stage::Starting {
            ("starting", "pending")
        } else {
            ("healthy", "ok")
        };
        json!({"status": status, "version": version, "timestamp": stamp(self.now),
            "checks": {"database": check, "cache": check, "message_queue": check}})
    }

    fn metrics(&self, pod: &Id, version: &str) -> PodAnswer {
        if self.traffic.behaviour(pod) == Behaviour::Unmeasured {
            // Alternating by five seconds: an answer that says no, and one that says nothing.
            return if self.now.as_second() / 5 % 2 == 0 {
                PodAnswer::text(503, "metrics are unavailable\n")
            } else {
                PodAnswer::text(200, "")
            };
        }
        let counters = self.traffic.counters(pod, self.now).unwrap_or_default();
        let wave = (self.now.as_second() as f64 / 40.0
            + chance::unit(self.making.seed, &pod.name) * 6.0)
            .sin();
        let body = exposition(&counters, version, 22.0 + 4.0 * wave);
        PodAnswer {
            status: 200,
            content_type: "text/plain; version=0.0.4; charset=utf-8",
            body,
        }
    }

    /// Log lines of a container between two times (the second excluded), each with its time.
    pub(super) fn log_lines(
        &self,
        pod: &Id,
        from: Timestamp,
        to: Timestamp,
        previous: bool,
    ) -> Vec<(Timestamp, String)> {
        let (Some(object), Some(life)) = (self.store.get(pod), self.pods.get(pod)) else {
            return Vec::new();
        };
        let version = self.version_of(object);
        let (started, ended) = match (previous, life.previous, life.started) {
            (true, Some((started, ended)), _) => (started, Some(ended)),
            (false, _, Some(started)) => {
                let crashed = life
                    .previous
                    .filter(|_| life.stage == Stage::Crashed)
                    .map(|(_, ended)| ended);
                (started, crashed)
            }
            _ => return Vec::new(),
        };
        let app = object.label("app").unwrap_or("app");
        let mut lines = vec![
            (
                started,
                format!("INFO  {app} starting version={version} pod={}", pod.name),
            ),
            (
                started + SignedDuration::from_millis(180),
                format!("INFO  {app} listening http=:8080 metrics=:9090"),
            ),
        ];
        if let Some(ended) = ended {
            lines.push((
                ended,
                format!("ERROR {app} cannot read the signing keys: no such table \"session_keys\""),
            ));
            lines.push((ended, format!("FATAL {app} exiting with code 1")));
        } else {
            let first = from.max(started + SignedDuration::from_secs(1)).as_second();
            for second in first..=to.as_second() {
                lines.extend(self.request_lines(pod, app, second));
            }
        }
        lines.retain(|(at, _)| *at >= from && *at < to);
        lines
    }

    /// A sample of the requests of one second: a line or two, and errors as often as they are counted.
    fn request_lines(&self, pod: &Id, app: &str, second: i64) -> Vec<(Timestamp, String)> {
        let seed = self.making.seed;
        let Ok(start) = Timestamp::from_second(second) else {
            return Vec::new();
        };
        let Some(span) = self
            .traffic
            .span_at(pod, start)
            .filter(|span| span.rate > 0.0)
        else {
            return Vec::new();
        };
        let errors = if span.behaviour == Behaviour::Badly {
            0.12
        } else {
            0.001
        };
        let slow = if span.behaviour == Behaviour::Badly {
            900.0
        } else {
            60.0
        };
        (0..chance::draw(seed, &format!("{}/{second}", pod.name)) % 3)
            .map(|nth| {
                let about = format!("{}/{second}/{nth}", pod.name);
                let pick = chance::draw(seed, &about);
                let path = ["/v1/session", "/v1/login", "/v1/token", "/v1/keys", "/v1/logout"]
                    [usize::try_from(pick % 5).unwrap_or(0)];
                let at = start + SignedDuration::from_millis(i64::try_from(nth * 450 + pick % 400).unwrap_or(0));
                let took = 4.0 + slow * chance::unit(seed, &format!("{about}/ms")).powi(3);
                let trace = format!("{pick:016x}");
                if chance::unit(seed, &format!("{about}/error")) < errors {
                    let why = ["upstream timeout", "database: too many connections", "cache: connection reset"]
                        [usize::try_from((pick >> 8) % 3).unwrap_or(0)];
                    return (at, format!("ERROR {app} request path={path} status=500 duration_ms={took:.0} trace={trace} error={why:?}"));
                }
                (at, format!("INFO  {app} request path={path} status=200 duration_ms={took:.0} trace={trace}"))
            })
            .collect()
    }
}

const ERROR_TYPES: [&str; 3] = ["timeout", "database", "upstream"];

/// Splits a number of errors by type, whole and without a rest: of ten, five, three and two.
fn by_type(errors: f64) -> [f64; 3] {
    const TURNS: [usize; 10] = [0, 1, 0, 2, 0, 1, 0, 1, 0, 2];
    let tens = (errors / 10.0).floor();
    let mut counts = [tens * 5.0, tens * 3.0, tens * 2.0];
    for (turn, kind) in TURNS.iter().enumerate() {
        if (turn as f64) < errors.floor() - tens * 10.0 {
            counts[*kind] += 1.0;
        }
    }
    counts
}

/// The four families of the Prometheus text format.
fn exposition(counters: &Counters, version: &str, connections: f64) -> String {
    let mut text = String::new();
    let requests = counters.requests.floor();
    let mut family = |name: &str, kind: &str, help: &str, samples: &[(String, f64)]| {
        let _ = writeln!(
            text,
            "# HELP release_manager_{name} {help}\n# TYPE release_manager_{name} {kind}"
        );
        for (series, value) in samples {
            let _ = writeln!(text, "release_manager_{series} {value}");
        }
    };
    let label = format!("version=\"{version}\"");
    family(
        "requests_total",
        "counter",
        "Requests served.",
        &[(format!("requests_total{{{label}}}"), requests)],
    );
    let errors: Vec<(String, f64)> = ERROR_TYPES
        .iter()
        .zip(by_type(counters.errors))
        .map(|(kind, count)| (format!("errors_total{{type=\"{kind}\",{label}}}"), count))
        .collect();
    family(
        "errors_total",
        "counter",
        "Requests that failed, by type.",
        &errors,
    );
    let mut histogram: Vec<(String, f64)> = BUCKETS
        .iter()
        .zip(counters.buckets)
        .map(|(bound, count)| {
            (
                format!("request_duration_seconds_bucket{{{label},le=\"{bound}\"}}"),
                count.floor(),
            )
        })
        .collect();
    histogram.push((
        format!("request_duration_seconds_bucket{{{label},le=\"+Inf\"}}"),
        requests,
    ));
    histogram.push((
        format!("request_duration_seconds_sum{{{label}}}"),
        (counters.seconds * 1000.0).floor() / 1000.0,
    ));
    histogram.push((
        format!("request_duration_seconds_count{{{label}}}"),
        requests,
    ));
    family(
        "request_duration_seconds",
        "histogram",
        "Time to answer.",
        &histogram,
    );
    let connections = [(
        format!("db_connections_active{{{label}}}"),
        connections.round(),
    )];
    family(
        "db_connections_active",
        "gauge",
        "Connections to the database in use.",
        &connections,
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_error_is_lost_between_the_types() {
        let mut last = [0.0; 3];
        for errors in 0..200 {
            let counts = by_type(f64::from(errors) + 0.7);
            assert!(
                (counts.iter().sum::<f64>() - f64::from(errors)).abs() < 0.1,
                "{errors}"
            );
            assert!(counts.iter().zip(last).all(|(new, old)| *new >= old));
            last = counts;
        }
    }
}
