//! Runs of checklist items that this process started: their output as it comes, bounded, until the next one.

use std::collections::{BTreeMap, VecDeque};

use jiff::Timestamp;

use crate::domain::{evidence::Spoken, plan::ItemId, target::TargetId};

/// So many lines of each run can be looked at; all that is kept of it lies beside the ledger.
const MOST: usize = 2_000;

#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub since: Timestamp,
    /// None: it goes on.
    pub ended: Option<Timestamp>,
    /// The newest lines.
    pub lines: VecDeque<Spoken>,
    /// Lines that came before these.
    pub gone: u64,
    /// Nobody pressed a key for it.
    pub by_itself: bool,
}

/// By target and item, the latest run of each.
pub type Runs = BTreeMap<(TargetId, ItemId), Run>;

impl Run {
    pub fn begun(since: Timestamp) -> Self {
        Self {
            since,
            ended: None,
            lines: VecDeque::new(),
            gone: 0,
            by_itself: false,
        }
    }

    /// `skipped` lines came before `lines`, too fast to be handed on.
    pub fn hear(&mut self, lines: &[Spoken], skipped: u64) {
        self.gone += skipped;
        self.lines.extend(lines.iter().cloned());
        let more = self.lines.len().saturating_sub(MOST);
        self.lines.drain(..more);
        self.gone += more as u64;
    }
}
