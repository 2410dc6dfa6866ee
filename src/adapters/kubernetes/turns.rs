//! Who may connect when: at once while all is well, and one after the other after a connection failed, so that a
//! server that comes back is not run over by everything that waited for it.

use std::{
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use http::Uri;
use tokio::time::Instant;
use tower::Service;

/// At most two a second; a little more apart, and not in step with other cockpits.
const APART: Duration = Duration::from_millis(520);
const JITTER: u32 = 120;
/// How long after the last failure connections still take turns.
const WARY: Duration = Duration::from_secs(10);

/// Shared by all connections of one client.
#[derive(Debug, Default)]
pub(super) struct Turns {
    failed: Mutex<Option<Instant>>,
    /// When the last one connected. Whoever waits for it and gives up leaves the queue.
    last: tokio::sync::Mutex<Option<Instant>>,
}

impl Turns {
    fn is_wary(&self) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.is_some_and(|at| at.elapsed() < WARY)
    }

    async fn turn(&self) {
        let mut last = self.last.lock().await;
        if let Some(last) = last.filter(|_| self.is_wary()) {
            let jitter = crate::adapters::backoff::share(last) * JITTER / 1000;
            tokio::time::sleep_until(last + APART + Duration::from_millis(jitter.into())).await;
        }
        *last = Some(Instant::now());
    }

    fn failed(&self) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}

/// A connector that waits for its turn.
#[derive(Clone)]
pub(super) struct TakingTurns<C> {
    pub connector: C,
    /// None: connects at once, come what may.
    pub turns: Option<Arc<Turns>>,
}

impl<C> Service<Uri> for TakingTurns<C>
where
    C: Service<Uri> + Clone + Send + 'static,
    C::Future: Send,
    C::Response: Send,
    C::Error: Send,
{
    type Response = C::Response;
    type Error = C::Error;
    type Future = BoxFuture<'static, Result<C::Response, C::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.connector.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // The one that is ready is taken; its clone need not be.
        let clone = self.connector.clone();
        let mut connector = std::mem::replace(&mut self.connector, clone);
        let Some(turns) = self.turns.clone() else {
            return connector.call(uri).boxed();
        };
        async move {
            turns.turn().await;
            let connected = connector.call(uri).await;
            if connected.is_err() {
                turns.failed();
            }
            connected
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of `all` callers connect within a second and a bit, one after the other or at once.
    async fn within_a_second(fails: bool) -> usize {
        let turns = Arc::new(Turns::default());
        if fails {
            turns.failed();
        }
        let count = Arc::new(Mutex::new(0));
        let callers = (0..20).map(|_| {
            let (turns, count) = (Arc::clone(&turns), Arc::clone(&count));
            async move {
                turns.turn().await;
                *count.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            }
        });
        let _ = tokio::time::timeout(
            Duration::from_millis(1010),
            futures::future::join_all(callers),
        )
        .await;
        *count.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[tokio::test]
    async fn after_a_failure_two_a_second_and_before_it_all_at_once() {
        assert_eq!(within_a_second(false).await, 20);
        // A slow machine lets fewer through, none lets more.
        let through = within_a_second(true).await;
        assert!((1..=2).contains(&through), "{through}");
    }
}
