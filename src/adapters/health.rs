//! The feed of `/health`: asks the pods of each template in rounds, and says what kind of answer each gave. A good
//! round is one in which every pod asked was good; rounds are counted per template.

use std::{collections::BTreeMap, ops::ControlFlow, sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream::FuturesUnordered};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::kubernetes::{Caller, PodReply, Trouble, is_html, patience, pods_to_ask, watch::Shown};
use crate::{
    domain::{
        fault::{Fault, FaultKind},
        health::{Health, HealthAnswer, HealthSide},
        observation::{Observation, Seen},
        rollout::Observed,
        text::Clean,
    },
    ports::watch::{Feed, Post},
};

/// An answer about health is a few hundred bytes.
const LARGEST: usize = 1 << 20;

#[derive(Clone)]
pub struct HealthFeed {
    caller: Caller,
    every: Duration,
    shown: tokio::sync::watch::Receiver<Shown>,
}

impl HealthFeed {
    pub(super) fn new(
        caller: Caller,
        every: SignedDuration,
        shown: tokio::sync::watch::Receiver<Shown>,
    ) -> Self {
        Self {
            caller,
            every: interval(every),
            shown,
        }
    }
}

/// As the configuration has it, and never a busy loop.
pub(super) fn interval(every: SignedDuration) -> Duration {
    Duration::try_from(every)
        .unwrap_or_default()
        .max(Duration::from_millis(20))
}

/// Waits for the next round, and then for the pods of it.
pub(super) async fn next_round(
    ticks: &mut tokio::time::Interval,
    shown: &mut tokio::sync::watch::Receiver<Shown>,
) -> Arc<Observed> {
    loop {
        ticks.tick().await;
        if let Some(observed) = shown.borrow().clone() {
            return observed;
        }
        // Nothing has been seen of the target yet; its own feed says why.
        if shown.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Feed for HealthFeed {
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

impl HealthFeed {
    async fn poll(mut self, post: &Post) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut streaks = BTreeMap::new();
        loop {
            let observed = next_round(&mut ticks, &mut self.shown).await;
            let seen = self.round(&observed, &mut streaks).await;
            post(Observation {
                target: self.caller.target.clone(),
                seen,
            });
        }
    }

    async fn round(&self, observed: &Observed, streaks: &mut BTreeMap<String, u32>) -> Seen {
        let mut asked: FuturesUnordered<_> = pods_to_ask(observed)
            .into_iter()
            .flat_map(|(hash, pods)| pods.into_iter().map(move |pod| (hash, pod.name.as_ref())))
            .map(|(hash, pod)| async move { (hash, self.ask(pod).await) })
            .collect();
        let mut answers: Vec<(String, Result<HealthAnswer, Asked>)> = Vec::new();
        while let Some((hash, answer)) = asked.next().await {
            answers.push((hash.to_owned(), answer));
        }
        let hashes = pods_to_ask(observed);
        sum_up(hashes.iter().map(|(hash, _)| *hash), answers, streaks)
    }

    async fn ask(&self, pod: &str) -> Result<HealthAnswer, Asked> {
        let mut body = Vec::new();
        let began = Instant::now();
        let asked = self
            .caller
            .ask(pod, "application/json", patience(self.every), |chunk| {
                if body.len() + chunk.len() > LARGEST {
                    return ControlFlow::Break(
                        self.caller.malformed(pod, "the answer is larger than 1 MB"),
                    );
                }
                body.extend_from_slice(chunk);
                ControlFlow::Continue(())
            })
            .await;
        let latency = SignedDuration::try_from(began.elapsed()).unwrap_or_default();
        let (reply, refused) = asked.map_err(Asked::from)?;
        self.judge(pod, reply, body, refused, latency)
    }

    /// A pod that says it is not well usually does so with a 5xx and the same body.
    fn judge(
        &self,
        pod: &str,
        reply: PodReply,
        body: Vec<u8>,
        refused: Vec<u8>,
        latency: SignedDuration,
    ) -> Result<HealthAnswer, Asked> {
        let success = reply.status.is_success();
        let body = if success { body } else { refused };
        let read = read(&reply, &body, latency);
        if success {
            let answer = read.map_err(|what| Asked {
                ours: false,
                fault: self.caller.malformed(pod, &what),
                answer: None,
            })?;
            return match unwell(&answer) {
                None => Ok(answer),
                Some(why) => Err(self.bad(pod, &why, answer)),
            };
        }
        match read {
            Ok(answer) => {
                let why = unwell(&answer).unwrap_or_else(|| "it says it is well".to_owned());
                let why = format!("{}, {why}", reply.status.as_u16());
                Err(self.bad(pod, &why, answer))
            }
            Err(_) => Err(Asked::from(self.caller.refused(pod, reply, body))),
        }
    }

    fn bad(&self, pod: &str, why: &str, answer: HealthAnswer) -> Asked {
        let mut fault = self.caller.malformed(pod, why);
        fault.kind = FaultKind::Refused;
        Asked {
            fault,
            ours: false,
            answer: Some(answer),
        }
    }
}

/// A pod that was asked and is not good.
struct Asked {
    fault: Fault,
    ours: bool,
    /// If it said so itself.
    answer: Option<HealthAnswer>,
}

impl From<Trouble> for Asked {
    fn from(trouble: Trouble) -> Self {
        Self {
            fault: trouble.fault,
            ours: trouble.ours,
            answer: None,
        }
    }
}

/// One round → what is posted. When no pod could be asked for a reason that is not theirs, nothing is known of them.
fn sum_up<'a>(
    hashes: impl Iterator<Item = &'a str>,
    answers: Vec<(String, Result<HealthAnswer, Asked>)>,
    streaks: &mut BTreeMap<String, u32>,
) -> Seen {
    let mut sides: BTreeMap<String, HealthSide> = hashes
        .map(|hash| (hash.to_owned(), HealthSide::default()))
        .collect();
    let all_ours = !answers.is_empty()
        && answers
            .iter()
            .all(|(_, answer)| answer.as_ref().is_err_and(|asked| asked.ours));
    let mut first = None;
    for (hash, answer) in answers {
        let side = sides.entry(hash).or_default();
        side.asked += 1;
        match answer {
            Ok(answer) => {
                side.good += 1;
                side.last.get_or_insert(answer);
            }
            Err(asked) => {
                first.get_or_insert_with(|| asked.fault.clone());
                side.trouble.get_or_insert(asked.fault);
                // What is wrong is worth more than what is well.
                side.last = asked.answer.or(side.last.take());
            }
        }
    }
    streaks.retain(|hash, _| sides.contains_key(hash));
    for (hash, side) in &mut sides {
        let streak = streaks.entry(hash.clone()).or_default();
        let good = side.asked > 0 && side.good == side.asked;
        *streak = if good { streak.saturating_add(1) } else { 0 };
        side.streak = *streak;
    }
    match first {
        Some(fault) if all_ours => Seen::HealthFailed(fault),
        _ => Seen::Health(Health { sides }),
    }
}

#[derive(Deserialize)]
struct Body {
    status: String,
    version: Option<String>,
    #[serde(default)]
    checks: BTreeMap<String, Value>,
}

/// The shape of seed 001. A check is a word, or an object with a word in `status`.
fn read(reply: &PodReply, body: &[u8], latency: SignedDuration) -> Result<HealthAnswer, String> {
    if is_html(&reply.headers, body) {
        return Err("it answered with a page of HTML".to_owned());
    }
    if body.trim_ascii().is_empty() {
        return Err("it answered with nothing".to_owned());
    }
    let value: Value =
        serde_json::from_slice(body).map_err(|_| "it answered with something that is no JSON")?;
    if value.get("kind").is_some_and(|kind| kind == "Status") {
        return Err("that is the API server speaking".to_owned());
    }
    let body = Body::deserialize(value)
        .map_err(|_| "its JSON has no `status` word (expected status, version, checks)")?;
    let checks = body.checks.iter().map(|(name, value)| {
        let word = value.as_str().or_else(|| value.get("status")?.as_str());
        let word = word.map_or_else(|| value.to_string(), str::to_owned);
        (Clean::new(name), Clean::new(&word))
    });
    Ok(HealthAnswer {
        status: Clean::new(&body.status),
        version: Clean::new(&body.version.unwrap_or_default()),
        checks: checks.collect(),
        latency,
    })
}

/// What is not good about it, in its own words.
fn unwell(answer: &HealthAnswer) -> Option<String> {
    if answer.is_good() {
        return None;
    }
    let mut one = answer.clone();
    let bad = answer.checks.iter().find(|(name, word)| {
        one.status = Clean::new("ok");
        one.checks = BTreeMap::from([((*name).clone(), (*word).clone())]);
        !one.is_good()
    });
    Some(match bad {
        Some((name, word)) => format!("its check {name} says {word}"),
        None => format!("it says {}", answer.status),
    })
}

#[cfg(test)]
#[path = "health_tests.rs"]
mod tests;
