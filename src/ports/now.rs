//! The clock, as a thing that is handed in.

use jiff::Timestamp;

/// Wall time that never runs backwards.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}
