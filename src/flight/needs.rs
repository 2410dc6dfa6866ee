//! Which readings a command wants before it can be decided. The cockpit has them from its feeds; a verb asks
//! each of them once.

use crate::policy::decide::{Command, HotfixCommand};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Query {
    /// The workload, its replica sets and pods, read afresh.
    Workload,
    /// The project's releases.
    Catalogue,
    /// `/health` and `/metrics` over one window (`--sample`).
    Figures,
}

pub fn needs(command: &Command) -> &'static [Query] {
    match command {
        Command::Cancel { .. }
        | Command::Approve { .. }
        | Command::Reject { .. }
        | Command::SayHold { .. }
        | Command::Withdraw { .. }
        | Command::Check { .. }
        | Command::Read { .. }
        | Command::Run { confirmed: None, .. }
        | Command::Conclude { .. }
        | Command::StopRun { .. }
        | Command::Reopen { .. }
        | Command::Note { .. }
        | Command::Countersign { .. }
        | Command::StopGuard { .. }
        | Command::TakeControls { .. }
        | Command::HandControls { .. }
        | Command::ReleaseControls
        | Command::Ground { .. }
        | Command::Clear { .. }
        | Command::Lock { .. }
        | Command::Unlock { .. }
        | Command::RecordPolicy { .. }
        // The guard has looked at everything already.
        | Command::Guard { .. }
        | Command::Hotfix {
            what:
                HotfixCommand::Advance { .. }
                | HotfixCommand::Check { .. }
                | HotfixCommand::GiveUp { .. },
        } => &[],
        Command::Hotfix {
            what: HotfixCommand::Backport { .. },
        } => &[Query::Catalogue],
        // A waiver is for the stage that is reached: what was reached is written down first.
        Command::Waive { .. } | Command::Adopt { .. } => &[Query::Workload],
        // What acts asks of the release what a take-off asks, and on the way back who serves.
        Command::Run { confirmed: Some(_), .. } | Command::Request { .. } => {
            &[Query::Workload, Query::Catalogue]
        }
        Command::Fly { .. } | Command::Measure { .. } => &[Query::Workload, Query::Catalogue, Query::Figures],
        Command::Promote { .. } | Command::PromoteFully | Command::Resume | Command::Close => {
            &[Query::Workload, Query::Figures]
        }
        // At the start, what the ledger says is live is compared with what the platform shows.
        Command::Hotfix {
            what: HotfixCommand::Start { .. },
        }
        | Command::Hold
        | Command::Abort | Command::Retry | Command::RollBack { .. } => {
            &[Query::Workload]
        }
    }
}
