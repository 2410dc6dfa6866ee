//! What the outside said, when, and who said it. Silence is visible: a reading has an age, and past the
//! stale limit nothing may count on it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// A value together with the moment it was read and the system it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading<T> {
    pub value: T,
    pub at: Timestamp,
    pub source: String,
}

impl<T> Reading<T> {
    pub fn new(value: T, at: Timestamp, source: impl Into<String>) -> Self {
        Self {
            value,
            at,
            source: source.into(),
        }
    }

    /// Never negative: a reading from a clock ahead of ours is as fresh as can be, not fresher.
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.at).max(SignedDuration::ZERO)
    }

    pub fn is_stale(&self, now: Timestamp, limit: SignedDuration) -> bool {
        self.age(now) > limit
    }
}

/// The latest good reading of a subject and, apart from it, the latest failure to read. A failure does
/// not wipe what was known; it only keeps it from becoming younger.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Subject<T> {
    pub last: Option<Reading<T>>,
    pub trouble: Option<Reading<Fault>>,
    /// When it first failed since the last good reading.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub down_since: Option<Timestamp>,
}

impl<T> Default for Subject<T> {
    fn default() -> Self {
        Self {
            last: None,
            trouble: None,
            down_since: None,
        }
    }
}

impl<T> Subject<T> {
    pub fn good(&mut self, value: T, at: Timestamp, source: impl Into<String>) {
        self.last = Some(Reading::new(value, at, source));
        self.answered();
    }

    /// It answers again.
    pub fn answered(&mut self) {
        (self.trouble, self.down_since) = (None, None);
    }

    pub fn failed(&mut self, fault: Fault, at: Timestamp) {
        let source = fault.system.clone();
        self.down_since.get_or_insert(at);
        self.trouble = Some(Reading::new(fault, at, source));
    }

    /// The value, if it was read within `limit`. What is older, or was never read, is not known.
    pub fn fresh(&self, now: Timestamp, limit: SignedDuration) -> Option<&T> {
        self.last
            .as_ref()
            .filter(|reading| !reading.is_stale(now, limit))
            .map(|reading| &reading.value)
    }

    pub fn value(&self) -> Option<&T> {
        self.last.as_ref().map(|reading| &reading.value)
    }
}
