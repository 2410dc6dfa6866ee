//! The board: the latest value per subject, overwritten, bounded by the number of subjects. A storm of events becomes as
//! many updates as frames can show; nothing waits.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::Notify;

use crate::{
    domain::{
        observation::{Observation, Seen},
        target::TargetId,
    },
    ports::watch::Post,
};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Subject {
    Workload,
    Clock,
    Health,
    Metrics,
    Readiness,
}

#[derive(Clone, Default)]
pub struct Board {
    latest: Arc<Mutex<BTreeMap<(TargetId, Subject), Observation>>>,
    news: Arc<Notify>,
}

impl Board {
    pub fn post(&self) -> Post {
        let board = self.clone();
        Arc::new(move |observation| board.put(observation))
    }

    fn put(&self, observation: Observation) {
        let subject = match observation.seen {
            Seen::Workload(_) | Seen::WorkloadUnchanged | Seen::WorkloadFailed(_) => {
                Subject::Workload
            }
            Seen::ServerClock { .. } => Subject::Clock,
            Seen::Health(_) | Seen::HealthFailed(_) => Subject::Health,
            Seen::Metrics(_) | Seen::MetricsFailed(_) => Subject::Metrics,
            Seen::Readiness(_) => Subject::Readiness,
        };
        let key = (observation.target.clone(), subject);
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let unchanged = matches!(observation.seen, Seen::WorkloadUnchanged);
        // "Unchanged" says nothing against a value that was not taken up yet.
        if !(unchanged
            && latest
                .get(&key)
                .is_some_and(|waiting| matches!(waiting.seen, Seen::Workload(_))))
        {
            latest.insert(key, observation);
        }
        drop(latest);
        self.news.notify_one();
    }

    /// Waits until there is something to take.
    pub async fn news(&self) {
        self.news.notified().await;
    }

    pub fn take(&self) -> Vec<Observation> {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *latest).into_values().collect()
    }
}
