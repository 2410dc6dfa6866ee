//! The feed of `/metrics`: scrapes the pods of each template, keeps of every answer only the four families of seed
//! 001, and turns the differences over the window into figures.

mod exposition;

use std::{ops::ControlFlow, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use jiff::SignedDuration;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub use self::exposition::{Families, Filter};
use super::{
    health::{interval, next_round},
    kubernetes::{Caller, Trouble, is_html, patience, pods_to_ask, watch::Shown},
};
use crate::{
    domain::{
        fault::Fault,
        metric::{Metrics, Scrape, SideFigures, Tracker},
        observation::{Observation, Seen},
        rollout::Observed,
        target::MetricsSource,
    },
    ports::{
        now::Clock,
        watch::{Feed, Post},
    },
};

/// An endpoint that is larger is not read to its end.
const LARGEST: usize = 32 << 20;
/// The parser reads the old text format; whoever has only `OpenMetrics` sends that, which it reads well enough.
const ACCEPT: &str =
    "text/plain;version=0.0.4,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1";

#[derive(Clone)]
pub struct ScrapeFeed {
    caller: Caller,
    families: Families,
    window: SignedDuration,
    every: Duration,
    shown: tokio::sync::watch::Receiver<Shown>,
    clock: Arc<dyn Clock>,
}

impl ScrapeFeed {
    pub(super) fn new(
        caller: Caller,
        source: &MetricsSource,
        every: SignedDuration,
        shown: tokio::sync::watch::Receiver<Shown>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            caller,
            families: Families::new(&source.prefix),
            window: source.window,
            every: interval(every),
            shown,
            clock,
        }
    }
}

impl Feed for ScrapeFeed {
    fn run(&self, post: Post, cancel: CancellationToken) -> BoxFuture<'static, ()> {
        let feed = self.clone();
        async move {
            tokio::select! {
                () = cancel.cancelled() => {}
                () = feed.poll(&post) => {}
            }
        }
        .boxed()
    }
}

impl ScrapeFeed {
    async fn poll(mut self, post: &Post) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tracker = Tracker::default();
        loop {
            let observed = next_round(&mut ticks, &mut self.shown).await;
            let seen = self.round(&observed, &mut tracker).await;
            post(Observation {
                target: self.caller.target.clone(),
                seen,
            });
        }
    }

    async fn round(&self, observed: &Observed, tracker: &mut Tracker) -> Seen {
        let sides = pods_to_ask(observed);
        let mut asked: FuturesUnordered<_> = sides
            .iter()
            .flat_map(|(hash, pods)| pods.iter().map(|pod| (*hash, pod.name.as_ref())))
            .map(|(hash, pod)| async move { (hash, pod, self.ask(pod).await) })
            .collect();
        let mut metrics = Metrics {
            window: self.window,
            sides: sides
                .iter()
                .map(|(hash, _)| ((*hash).to_owned(), SideFigures::default()))
                .collect(),
        };
        let (mut answers, mut failures, mut all_ours) = (0, 0, true);
        while let Some((hash, pod, answer)) = asked.next().await {
            answers += 1;
            match answer {
                Ok(scrape) => tracker.push(pod, hash, self.clock.now(), scrape, self.window),
                Err(trouble) => {
                    failures += 1;
                    all_ours &= trouble.ours;
                    let side = metrics.sides.entry(hash.to_owned()).or_default();
                    side.silent += 1;
                    side.trouble.get_or_insert(trouble.fault);
                }
            }
        }
        if answers > 0 && failures == answers && all_ours {
            let first = metrics.sides.into_values().find_map(|side| side.trouble);
            if let Some(fault) = first {
                return Seen::MetricsFailed(fault);
            }
            return Seen::Metrics(Metrics::default());
        }
        tracker.keep(|pod| {
            sides
                .iter()
                .any(|(_, pods)| pods.iter().any(|p| p.name.as_ref() == pod))
        });
        let now = self.clock.now();
        // Two scrapes make one difference; a late one still belongs to it.
        let latest = SignedDuration::try_from(self.every + self.every / 2).unwrap_or(self.window);
        for (hash, side) in &mut metrics.sides {
            side.over_window = tracker.figures(hash, now, self.window);
            side.latest = tracker.figures(hash, now, latest);
            side.answered_at = tracker.newest(hash);
        }
        Seen::Metrics(metrics)
    }

    async fn ask(&self, pod: &str) -> Result<Scrape, Trouble> {
        let mut filter = Filter::new(&self.families);
        let mut total = 0;
        let mut head = Vec::new();
        let asked = self
            .caller
            .ask(pod, ACCEPT, patience(self.every), |chunk| {
                total += chunk.len();
                if total > LARGEST {
                    return ControlFlow::Break(
                        self.caller
                            .malformed(pod, "it serves more than 32 MB of metrics"),
                    );
                }
                if head.len() < 64 {
                    head.extend(chunk.iter().take(64));
                }
                filter.push(chunk);
                ControlFlow::Continue(())
            })
            .await;
        let (reply, refused) = asked?;
        if !reply.status.is_success() {
            return Err(self.caller.refused(pod, reply, refused));
        }
        let malformed = |what: &str| Trouble {
            fault: self.caller.malformed(pod, what),
            ours: false,
        };
        if is_html(&reply.headers, &head) {
            return Err(malformed("it answered with a page of HTML"));
        }
        if head.trim_ascii().is_empty() {
            return Err(malformed("it serves no metrics at all"));
        }
        let lines = filter.finish().map_err(|what| malformed(&what))?;
        let scrape = exposition::parse(&self.families, lines).map_err(|what| malformed(&what));
        scrape.map_err(|mut trouble| {
            trouble.fault = hinted(trouble.fault, &self.families);
            trouble
        })
    }
}

fn hinted(fault: Fault, families: &Families) -> Fault {
    fault.hint(format!(
        "Expected {}; their prefix stands in the configuration.",
        families.requests()
    ))
}
