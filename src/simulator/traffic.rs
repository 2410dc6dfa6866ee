//! Requests that the pods serve. Counters are closed forms of (seed, pod, time) over spans in which share and
//! behaviour of a pod stay the same, so they never fall and need no ticking.

use super::Scenario;
use super::chance;
use super::controllers::pods::Stage;
use super::json::Json;
use super::kinds::{PODS, ROLLOUTS, SERVICES};
use super::selector::Labels;
use super::store::Id;
use super::world::World;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// Upper bounds of the latency histogram, seconds; `+Inf` follows.
pub(super) const BUCKETS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0];

/// How a pod answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Behaviour {
    Well,
    /// Three per cent errors and a p99 of 1.2 s.
    Badly,
    /// Serves well, but `/metrics` answers 503 or nothing.
    Unmeasured,
}

impl Behaviour {
    fn error_ratio(self) -> f64 {
        match self {
            Self::Well | Self::Unmeasured => 0.000_02,
            Self::Badly => 0.03,
        }
    }

    /// Share of requests that took no longer than each bucket's bound. The p99 lies near 290 ms, or 1.2 s.
    fn shares(self) -> [f64; 10] {
        match self {
            Self::Well | Self::Unmeasured => [
                0.02, 0.12, 0.42, 0.70, 0.90, 0.9882, 0.9995, 0.9998, 1.0, 1.0,
            ],
            Self::Badly => [
                0.01, 0.06, 0.25, 0.48, 0.72, 0.90, 0.96, 0.9885, 0.9995, 1.0,
            ],
        }
    }

    fn mean_seconds(self) -> f64 {
        match self {
            Self::Well | Self::Unmeasured => 0.048,
            Self::Badly => 0.16,
        }
    }
}

/// What a pod has counted at a time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counters {
    pub requests: f64,
    pub errors: f64,
    pub seconds: f64,
    pub buckets: [f64; 10],
}

/// A time in which share and behaviour of a pod stayed the same.
#[derive(Clone, Debug)]
pub(super) struct Span {
    pub from: Timestamp,
    pub rate: f64,
    pub behaviour: Behaviour,
}

#[derive(Clone, Debug)]
struct Served {
    /// Start of the container whose counters these are.
    started: Timestamp,
    before: Counters,
    span: Span,
    /// Ended spans of this container, oldest first, each with what was counted before it.
    past: Vec<(Counters, Span)>,
}

/// The traffic of all pods.
#[derive(Debug)]
pub(super) struct Traffic {
    seed: u64,
    pods: BTreeMap<Id, Served>,
}

impl Traffic {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            pods: BTreeMap::new(),
        }
    }

    pub fn forget(&mut self, pod: &Id) {
        self.pods.remove(pod);
    }

    /// Says what a pod serves from now on; counters of a new container start at zero.
    fn assign(
        &mut self,
        pod: &Id,
        started: Timestamp,
        rate: f64,
        behaviour: Behaviour,
        now: Timestamp,
    ) {
        let seed = self.seed;
        let served = self.pods.entry(pod.clone()).or_insert_with(|| Served {
            started,
            before: Counters::default(),
            span: Span {
                from: started,
                rate,
                behaviour,
            },
            past: Vec::new(),
        });
        if served.started != started {
            *served = Served {
                started,
                before: Counters::default(),
                span: Span {
                    from: started,
                    rate,
                    behaviour,
                },
                past: Vec::new(),
            };
        }
        if (served.span.rate - rate).abs() > f64::EPSILON || served.span.behaviour != behaviour {
            let counted = count(seed, pod, &served.before, &served.span, now);
            let whole = whole(seed, pod, served.span.behaviour, counted);
            let before = std::mem::replace(&mut served.before, whole);
            let ended = std::mem::replace(
                &mut served.span,
                Span {
                    from: now,
                    rate,
                    behaviour,
                },
            );
            served.past.push((before, ended));
            if served.past.len() > 100 {
                served.past.remove(0);
            }
        }
    }

    /// What a pod had counted at a time, as its `/metrics` told it; None before its container started, and where that
    /// told nothing.
    pub fn scraped(&self, pod: &Id, at: Timestamp) -> Option<Counters> {
        let measured = self.span_at(pod, at)?.behaviour != Behaviour::Unmeasured;
        self.counters(pod, at).filter(|_| measured)
    }

    /// What a pod had counted at a time, if it has a running container.
    pub fn counters(&self, pod: &Id, at: Timestamp) -> Option<Counters> {
        let served = self.pods.get(pod)?;
        let past = served
            .past
            .iter()
            .rev()
            .find(|(_, span)| at >= span.from)
            .filter(|_| at < served.span.from);
        let (before, span) = past.map_or((&served.before, &served.span), |(before, span)| {
            (before, span)
        });
        let counters = count(self.seed, pod, before, span, at);
        let mut counters = whole(self.seed, pod, span.behaviour, counters);
        for bucket in &mut counters.buckets {
            // Less than a whole slow request is none yet; what arithmetic loses on the way is no request either.
            *bucket = (*bucket - 1e-6).ceil().max(0.0);
        }
        // Read as whole numbers, the first error of every pod would come late; each has a head start below one.
        counters.errors += chance::unit(self.seed, &format!("{}/errors", pod.name));
        Some(counters)
    }

    /// The present behaviour of a pod.
    pub fn behaviour(&self, pod: &Id) -> Behaviour {
        self.pods
            .get(pod)
            .map_or(Behaviour::Well, |served| served.span.behaviour)
    }

    /// What a pod did at a time.
    pub fn span_at(&self, pod: &Id, at: Timestamp) -> Option<&Span> {
        let served = self.pods.get(pod)?;
        if at >= served.span.from {
            return Some(&served.span);
        }
        served
            .past
            .iter()
            .rev()
            .map(|(_, span)| span)
            .find(|span| at >= span.from)
    }
}

/// Counters after a span has lasted until `at`. Requests come in waves: the slope of the sum of sines stays positive.
fn count(seed: u64, pod: &Id, before: &Counters, span: &Span, at: Timestamp) -> Counters {
    let lasted = at.duration_since(span.from).as_secs_f64().max(0.0);
    let phase = chance::between(seed, &pod.name, 0.0, std::f64::consts::TAU);
    let wave = |period: f64, height: f64| {
        let turn = std::f64::consts::TAU / period;
        height * ((lasted * turn + phase).sin() - phase.sin())
    };
    let requests = (span.rate * (lasted + wave(60.0, 1.2) + wave(17.0, 0.3))).max(0.0);
    let errors = (span.rate * span.behaviour.error_ratio() * (lasted + wave(90.0, 4.0))).max(0.0);
    let seconds = span.rate
        * span.behaviour.mean_seconds()
        * (lasted + wave(60.0, 1.2) + wave(17.0, 0.3)).max(0.0);
    let mut buckets = leaning_shares(seed, pod, span.behaviour);
    for (share, before) in buckets.iter_mut().zip(before.buckets) {
        *share = before + requests * *share;
    }
    Counters {
        requests: before.requests + requests,
        errors: before.errors + errors,
        seconds: before.seconds + seconds,
        buckets,
    }
}

/// The shares of a behaviour, a little different from pod to pod.
fn leaning_shares(seed: u64, pod: &Id, behaviour: Behaviour) -> [f64; 10] {
    let lean = chance::between(seed, &format!("{}/p99", pod.name), -0.000_6, 0.000_6);
    let mut shares = behaviour.shares();
    for share in shares[5..8].iter_mut().filter(|share| **share < 0.999) {
        *share += lean;
    }
    shares
}

/// The same at the end of the last whole request. Rounded each by itself, total and buckets would come apart by one,
/// and a window with few requests would show a slow one that never was.
fn whole(seed: u64, pod: &Id, behaviour: Behaviour, mut counters: Counters) -> Counters {
    let rest = counters.requests.fract();
    counters.requests -= rest;
    for (bucket, share) in counters
        .buckets
        .iter_mut()
        .zip(leaning_shares(seed, pod, behaviour))
    {
        *bucket -= rest * share;
    }
    counters
}

/// Requests a second that a target gets from its users.
fn target_rate(namespace: &str) -> f64 {
    if namespace == "production" {
        50.0
    } else {
        20.0
    }
}

impl World {
    /// Shares each target's requests among its ready pods, and lets the scenario have its way.
    pub(super) fn share_traffic(&mut self) {
        let mut targets: BTreeMap<(String, String), Vec<Server>> = BTreeMap::new();
        let doors = self.doors();
        for pod in self.store.list(&PODS, "") {
            let Some(id) = Id::of(pod) else { continue };
            let Some(life) = self.pods.get(&id) else {
                continue;
            };
            let Some(started) = life.started else {
                continue;
            };
            let target = (
                id.namespace.clone(),
                pod.label("app").unwrap_or("").to_owned(),
            );
            let (mut ready, suspect) = (life.stage == Stage::Ready, self.is_bad_release(pod));
            let behind = |previews: bool| {
                doors.iter().any(|door| {
                    door.preview == previews
                        && door.namespace == id.namespace
                        && door.pods.take(pod)
                })
            };
            // Pods that only a preview service shows serve nobody but those who try them.
            let tried = behind(true) && !behind(false);
            let closed = doors.iter().any(|door| door.sides && door.of_app(&id, pod));
            if closed && !behind(false) && !tried {
                ready = false;
            }
            targets.entry(target).or_default().push(Server {
                id,
                started,
                ready,
                tried,
                suspect,
            });
        }
        for ((namespace, _), pods) in targets {
            let open = |pod: &&Server| pod.ready && !pod.tried;
            let ready = pods.iter().filter(open).count();
            let tried = pods.iter().filter(|pod| pod.ready && pod.tried).count();
            let suspects = pods.iter().filter(open).filter(|pod| pod.suspect).count();
            // The trouble begins when half of the pods run the release.
            let trouble = match self.making.scenario {
                _ if suspects == 0 || suspects * 2 < ready => Behaviour::Well,
                Scenario::BadCanary => Behaviour::Badly,
                Scenario::MetricsLost => Behaviour::Unmeasured,
                Scenario::Good | Scenario::CrashLoop | Scenario::SlowStart | Scenario::Conflict => {
                    Behaviour::Well
                }
            };
            for pod in pods {
                let behaviour = if pod.suspect {
                    trouble
                } else {
                    Behaviour::Well
                };
                let rate = if pod.ready && pod.tried {
                    TRIED_RATE / tried as f64
                } else if pod.ready {
                    target_rate(&namespace) / ready as f64
                } else {
                    0.0
                };
                self.traffic
                    .assign(&pod.id, pod.started, rate, behaviour, self.now);
            }
        }
    }
}

/// Requests a second of those who try a preview.
const TRIED_RATE: f64 = 4.0;

/// A service through which requests come.
struct Door {
    namespace: String,
    pods: Labels,
    app: String,
    /// The preview service of a blue-green Rollout.
    preview: bool,
    /// The active service of one: other pods of the app are closed.
    sides: bool,
}

impl Door {
    fn of_app(&self, id: &Id, pod: &Value) -> bool {
        self.namespace == id.namespace && pod.label("app") == Some(&self.app)
    }
}

impl World {
    fn doors(&self) -> Vec<Door> {
        let strategies: Vec<(&str, &Value)> = self
            .store
            .list(&ROLLOUTS, "")
            .filter_map(|rollout| {
                let strategy = rollout.pointer("/spec/strategy/blueGreen")?;
                Some((rollout.namespace(), strategy))
            })
            .collect();
        let services = self.store.list(&SERVICES, "");
        services
            .filter(|service| service.has("/spec/selector"))
            .map(|service| {
                let named = |role: &str| {
                    strategies.iter().any(|(namespace, strategy)| {
                        *namespace == service.namespace() && strategy.text(role) == service.name()
                    })
                };
                Door {
                    namespace: service.namespace().to_owned(),
                    pods: Labels::of_service(&service["spec"]["selector"]),
                    app: service.text("/spec/selector/app").to_owned(),
                    preview: named("/previewService"),
                    sides: named("/activeService"),
                }
            })
            .collect()
    }
}

/// A pod with a running container, as the traffic sees it.
struct Server {
    id: Id,
    started: Timestamp,
    ready: bool,
    /// Shown by a preview service alone.
    tried: bool,
    /// Runs the release that the scenario is about.
    suspect: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn counters_never_fall_and_start_at_zero() {
        let start = Timestamp::UNIX_EPOCH;
        for behaviour in [Behaviour::Well, Behaviour::Badly] {
            let pod = Id::new(&PODS, "production", "auth-service-x");
            let mut traffic = Traffic::new(1);
            traffic.assign(&pod, start, 5.0, behaviour, start);
            let mut last = traffic.counters(&pod, start).unwrap_or_default();
            assert!(last.requests < 0.1 && last.errors < 1.0 && last.buckets[9] < 0.1);
            for tick in 1..6000 {
                let now = start + SignedDuration::from_millis(tick * 100);
                if tick == 3000 {
                    traffic.assign(&pod, start, 9.0, Behaviour::Badly, now);
                }
                let next = traffic.counters(&pod, now).unwrap_or_default();
                assert!(
                    next.requests >= last.requests && next.errors >= last.errors,
                    "at {tick}"
                );
                assert!(
                    next.buckets
                        .iter()
                        .zip(last.buckets)
                        .all(|(new, old)| *new >= old),
                    "at {tick}"
                );
                assert!(
                    next.buckets.windows(2).all(|pair| pair[0] <= pair[1])
                        && next.buckets[9] <= next.requests
                );
                last = next;
            }
        }
    }
}
