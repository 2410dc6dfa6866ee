//! `release create` (SPEC R4).

use std::collections::BTreeSet;

use crate::{
    domain::{
        catalogue::{self, Register, SourceCommit},
        entry::StreamId,
        fault::{Fault, FaultKind},
        project::Project,
        release::{Commit, Release},
        workspace::Actor,
    },
    policy::{
        refusal::Refusal,
        releasing::{self, Wish},
    },
    ports::keep::AppendError,
    runtime::outside::Outside,
};

use super::{MISSED, NUMBERING_TRIES, contested};

/// What became of `release create`.
pub enum Creation {
    /// With whether it was created now.
    Release(Box<Release>, bool),
    Refused(Refusal),
}

impl Outside {
    /// Makes a commit a release: once per commit, whoever asks how often, and all of it or nothing (SPEC R4).
    pub async fn create(
        &self,
        project: &Project,
        wish: &Wish,
        actor: &Actor,
        write: bool,
    ) -> Result<Creation, Fault> {
        // What triggers name comes first: the first import goes by commit time.
        self.numbered(project, write).await?;
        let stream = StreamId::releases(&project.id);
        for attempt in 0..NUMBERING_TRIES {
            if attempt > MISSED {
                self.reread().await;
            }
            let register = self.register(project).await?;
            let bodies = match releasing::create(project, &register, wish) {
                Ok(bodies) => bodies,
                Err(refusal) => return Ok(Creation::Refused(refusal)),
            };
            let fresh = !bodies.is_empty();
            if !write || !fresh {
                let mut created: BTreeSet<Commit> = register.created.keys().cloned().collect();
                created.insert(wish.commit.clone());
                let commits = self.commits(project, created).await?;
                let mut register = Register::clone(&register);
                register.foretell(catalogue::unnumbered(&commits, &register.numbers));
                return found(project, &commits, &register, wish)
                    .map(|release| Creation::Release(Box::new(release), fresh));
            }
            let appended = self.append(&stream, register.position, actor, bodies.into_iter());
            match appended.await {
                Ok(()) => {
                    let register = self.register(project).await?;
                    let created = register.created.keys().cloned().collect();
                    let commits = self.commits(project, created).await?;
                    return found(project, &commits, &register, wish)
                        .map(|release| Creation::Release(Box::new(release), true));
                }
                Err(AppendError::Conflict { .. }) => {}
                Err(AppendError::Fault(fault)) => return Err(fault),
            }
        }
        Err(contested(project))
    }
}

fn found(
    project: &Project,
    commits: &[SourceCommit],
    register: &Register,
    wish: &Wish,
) -> Result<Release, Fault> {
    let releases = catalogue::assemble(project, commits, register);
    let release = releases.into_iter().find(|it| it.commit == wish.commit);
    release.ok_or_else(|| {
        Fault::new(
            "git",
            FaultKind::NotFound,
            format!(
                "looking for commit {} in {}",
                wish.commit,
                project.source.display()
            ),
            "it is recorded as a release, and this clone does not have it",
        )
        .hint(format!(
            "Fetch it: `git -C {} fetch`",
            project.source.display()
        ))
    })
}
