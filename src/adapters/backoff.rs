//! How long to wait before asking again. Jittered, so that cockpits that lost the same server do not return to it
//! together.

use std::{
    hash::{BuildHasher, Hash, RandomState},
    time::Duration,
};

use crate::domain::fault::Fault;

/// A server that asks for more is asked again after this (QUALITY F3).
const LONGEST_ASKED: Duration = Duration::from_secs(30);

/// Doubles from `first` up to `most`.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    tried: u32,
}

impl Backoff {
    pub fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most,
            tried: 0,
        }
    }

    /// For feeds: a quarter of a second at first and at most 4 s, so that a server that is back is seen within five.
    pub fn of_feeds() -> Self {
        Self::new(Duration::from_millis(250), Duration::from_secs(4))
    }

    /// It went well: start from the beginning next time.
    pub fn reset(&mut self) {
        self.tried = 0;
    }

    /// Between half of and the whole step; where the server asked for a time, that (up to 30 s) and a tenth of it at
    /// most, so that those who were told the same do not come back together.
    pub fn next(&mut self, fault: &Fault) -> Duration {
        let step = self
            .first
            .saturating_mul(1 << self.tried.min(16))
            .min(self.most);
        self.tried = self.tried.saturating_add(1);
        let wait = step / 2 + step / 2 * share(self.tried) / 1000;
        let asked = fault
            .retry_after
            .and_then(|after| Duration::try_from(after).ok())
            .unwrap_or_default();
        let asked = asked.min(LONGEST_ASKED);
        wait.max(asked + asked / 10 * share(self.tried) / 1000)
    }
}

/// Thousandths by chance.
pub fn share(seed: impl Hash) -> u32 {
    u32::try_from(RandomState::new().hash_one(seed) % 1000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::domain::fault::FaultKind;

    fn throttled() -> Fault {
        Fault::new("kubernetes", FaultKind::Throttled, "reading", "429")
    }

    #[test]
    fn waits_double_within_their_jitter_and_stop_growing() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(400));
        for step in [100, 200, 400, 400, 400] {
            let wait = backoff.next(&throttled()).as_millis();
            assert!((step / 2..=step).contains(&wait), "{wait} for {step}");
        }
        backoff.reset();
        assert!(backoff.next(&throttled()) <= Duration::from_millis(100));
    }

    #[test]
    fn a_server_that_names_a_time_is_left_alone_for_it() {
        let mut fault = throttled();
        fault.retry_after = Some(SignedDuration::from_secs(7));
        let wait = |fault: &Fault| Backoff::of_feeds().next(fault).as_millis();
        let waits: Vec<u128> = (0..50).map(|_| wait(&fault)).collect();
        assert!(waits.iter().all(|wait| (7_000..=7_700).contains(wait)));
        assert!(
            waits.iter().any(|wait| *wait != waits[0]),
            "all come back together"
        );
        fault.retry_after = Some(SignedDuration::from_hours(9));
        assert!((30_000..=33_000).contains(&wait(&fault)));
    }
}
