//! Exit codes (SPEC §6), and what each kind of ending maps to.

use crate::{
    domain::fault::{Fault, FaultKind},
    policy::refusal::{Refusal, RefusalKind},
    runtime::plain::Ended,
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
    pub const ALL: [Self; 9] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::NoGo,
        Self::NotFound,
        Self::Raced,
        Self::Unknown,
        Self::UnderWay,
        Self::Interrupted,
    ];

    /// For the manual.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => {
                "failed; also a flight that ended aborted or rolled back, and a broken chain"
            }
            Self::Usage => "the command line or the configuration is wrong",
            Self::NoGo => "NO-GO: a rule refused it",
            Self::NotFound => "not found, or the name is ambiguous",
            Self::Raced => "somebody else acted first",
            Self::Unknown => {
                "the outcome is unknown; look at status, gonogo never sends it again blindly"
            }
            Self::UnderWay => "still under way when --timeout ended",
            Self::Interrupted => "interrupted",
        }
    }

    pub fn of_refusal(refusal: &Refusal) -> Self {
        match refusal.kind {
            RefusalKind::Rule => Self::NoGo,
            RefusalKind::Raced => Self::Raced,
            RefusalKind::NotFound => Self::NotFound,
            RefusalKind::Usage => Self::Usage,
        }
    }

    /// How a session of lines ended: as its last command did.
    pub fn of_lines(ended: Ended) -> Self {
        match ended {
            Ended::Done => Self::Done,
            Ended::Refused(RefusalKind::Rule) => Self::NoGo,
            Ended::Refused(RefusalKind::Raced) => Self::Raced,
            Ended::Refused(RefusalKind::NotFound) => Self::NotFound,
            Ended::Refused(RefusalKind::Usage) => Self::Usage,
            Ended::Failed => Self::Failed,
            Ended::Unknown => Self::Unknown,
            Ended::Interrupted => Self::Interrupted,
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
