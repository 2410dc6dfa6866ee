//! What `/health` of seed 001 said, summed up over the pods asked (SPEC W1).

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{fault::Fault, text::Clean};

/// One good-or-bad answer of one pod.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthAnswer {
    pub status: Clean,
    pub version: Clean,
    pub checks: BTreeMap<Clean, Clean>,
    pub latency: SignedDuration,
}

impl HealthAnswer {
    /// `healthy`, `ok`, `up`, `pass` are good words; every check must be good as well.
    pub fn is_good(&self) -> bool {
        good(self.status.as_ref()) && self.checks.values().all(|check| good(check.as_ref()))
    }
}

fn good(word: &str) -> bool {
    ["healthy", "ok", "up", "pass", "passing"]
        .iter()
        .any(|w| word.eq_ignore_ascii_case(w))
}

/// The latest round over the pods of one template.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HealthSide {
    pub asked: u32,
    pub good: u32,
    /// Good rounds in a row (every pod asked was good).
    pub streak: u32,
    pub last: Option<HealthAnswer>,
    /// The first thing that was wrong in the latest round.
    pub trouble: Option<Fault>,
}

/// By template hash.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Health {
    pub sides: BTreeMap<String, HealthSide>,
}
