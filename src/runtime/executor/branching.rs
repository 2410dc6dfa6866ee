//! The branch of a hotfix: looked for before the hotfix is written down, made after it.

use crate::{
    domain::{
        entry::Body,
        fault::{Fault, FaultKind},
        project::Project,
        release::Commit,
        target::TargetId,
    },
    policy::decide::{Command, HotfixCommand},
    session::event::End,
};

use super::Executor;

/// A branch to be made once its hotfix is in the ledger.
pub(super) struct Branch {
    project: Project,
    name: String,
    at: Commit,
    push: bool,
}

impl Executor<'_> {
    /// The branch that a start asks for, free to be made; none for any other command.
    pub(super) async fn branch_wanted(
        &self,
        command: &Command,
        target: &TargetId,
        bodies: &[Body],
    ) -> Result<Option<Branch>, Fault> {
        let (
            Command::Hotfix {
                what: HotfixCommand::Start { push, .. },
            },
            Some(Body::HotfixStarted { branch, from, .. }),
        ) = (command, bodies.first())
        else {
            return Ok(None);
        };
        let project = self.outside.workspace.project(&target.project);
        let project = project.ok_or_else(|| {
            Fault::new(
                "configuration",
                FaultKind::NotFound,
                format!("looking {} up", target.project),
                "it is not configured",
            )
        })?;
        self.outside
            .branch_is_free(project, branch, &from.commit)
            .await?;
        Ok(Some(Branch {
            project: project.clone(),
            name: branch.clone(),
            at: from.commit.clone(),
            push: *push,
        }))
    }

    pub(super) async fn make(&self, branch: Branch) -> End {
        let made = self
            .outside
            .branch(&branch.project, &branch.name, &branch.at, branch.push);
        match made.await {
            Ok(()) => End::Done,
            Err(fault) => End::Failed(fault),
        }
    }
}
