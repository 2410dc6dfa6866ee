//! Exit codes (SPEC §6), and what each kind of ending maps to.

use crate::{
    domain::fault::{Fault, FaultKind},
    policy::refusal::{Refusal, RefusalKind},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// Also a flight that ended aborted or rolled back, and a broken chain.
    Failed = 1,
    Usage = 2,
    /// A rule refused it: NO-GO.
    NoGo = 3,
    /// Not found, or ambiguous.
    NotFound = 4,
    /// Somebody acted first.
    Raced = 5,
    /// The outcome is unknown.
    Unknown = 6,
    /// Still under way when `--timeout` ended.
    UnderWay = 7,
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    pub fn of_refusal(refusal: &Refusal) -> Self {
        match refusal.kind {
            RefusalKind::Rule => Self::NoGo,
            RefusalKind::Raced => Self::Raced,
            RefusalKind::NotFound => Self::NotFound,
            RefusalKind::Usage => Self::Usage,
        }
    }

    pub fn of_fault(fault: &Fault) -> Self {
        match fault.kind {
            FaultKind::NotFound => Self::NotFound,
            FaultKind::Cancelled => Self::Interrupted,
            _ => Self::Failed,
        }
    }
}
