//! The way to a platform: since when it is down, when it is tried again, and whether its clock agrees with ours.

use jiff::{SignedDuration, Timestamp};

use crate::{
    domain::{target::TargetId, time},
    session::cockpit::Cockpit,
};

/// Clocks that differ by more than this are said.
const SKEW: SignedDuration = SignedDuration::from_secs(2);

/// A platform that cannot be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Down {
    pub since: Timestamp,
    pub next_try: Option<Timestamp>,
}

impl Down {
    /// `down 14:02, retry 3 s`, for narrow places.
    pub fn brief(&self, now: Timestamp) -> String {
        let since = self.since.strftime("%H:%M");
        self.seconds_left(now).map_or_else(
            || format!("down {since}, trying"),
            |left| format!("down {since}, retry {left} s"),
        )
    }

    fn seconds_left(&self, now: Timestamp) -> Option<i128> {
        let at = self.next_try.filter(|at| *at > now)?;
        Some(at.duration_since(now).as_millis().div_euclid(1000) + 1)
    }

    /// `down since 14:02:11, next try in 3 s`
    pub fn words(&self, now: Timestamp) -> String {
        let since = self.since.strftime("%H:%M:%S");
        self.seconds_left(now).map_or_else(
            || format!("down since {since}, trying"),
            |left| format!("down since {since}, next try in {left} s"),
        )
    }
}

/// Since when a target cannot be read, and when that is tried again; None while it answers.
pub fn connection(cockpit: &Cockpit, id: &TargetId) -> Option<Down> {
    let workload = &cockpit.known.targets.get(id)?.workload;
    let trouble = workload.trouble.as_ref()?;
    let next_try = trouble
        .value
        .retry_after
        .and_then(|after| trouble.at.checked_add(after).ok());
    Some(Down {
        since: workload.down_since.unwrap_or(trouble.at),
        next_try,
    })
}

/// `CLOCK: the cluster is 10 min ahead`; None while the clocks agree.
pub fn skew(cockpit: &Cockpit, id: &TargetId) -> Option<String> {
    let ahead = cockpit.known.targets.get(id)?.ahead;
    if ahead.abs() <= SKEW {
        return None;
    }
    let word = if ahead.is_positive() {
        "ahead"
    } else {
        "behind"
    };
    let by = time::age(ahead.abs());
    Some(format!("CLOCK: the cluster is {by} {word}"))
}
