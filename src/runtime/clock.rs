//! The one clock: wall time that never runs backwards, so that after a laptop's sleep readings are stale and
//! gates hold.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;

use crate::ports::now::Clock;

#[derive(Debug, Default)]
pub struct WallClock {
    /// Microseconds since the epoch, the latest that was given out.
    last: AtomicI64,
}

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        let now = Timestamp::now().as_microsecond();
        let last = self.last.fetch_max(now, Ordering::Relaxed);
        Timestamp::from_microsecond(now.max(last)).unwrap_or(Timestamp::MAX)
    }
}
