//! Releases by whatever name they are given to a verb, and by what the ledger and the platform know of them when the
//! repository cannot be read.

use crate::{
    domain::{release::ReleaseRef, target::Target},
    policy::{
        decide::Command,
        refusal::{Refusal, RefusalKind},
        resolve,
    },
};

use super::{
    args::Place,
    exit::Exit,
    headless::{Headless, Stop},
};

impl Headless {
    pub(super) async fn ground(
        &mut self,
        place: &Place,
        name: Option<&str>,
        clear: bool,
        reason: String,
    ) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        let release = match name {
            Some(name) => self.quoted_or_known(&target, name).await?,
            None => {
                let newest = self
                    .facts(&target)?
                    .state
                    .quoted()
                    .first()
                    .copied()
                    .cloned();
                newest.ok_or_else(|| {
                    let sentence = format!("no release flew in {}: name one", target.id);
                    Refusal::new(RefusalKind::NotFound, "release", sentence)
                })?
            }
        };
        let release = Box::new(release);
        let command = if clear {
            Command::Clear { release, reason }
        } else {
            Command::Ground { release, reason }
        };
        self.simple(place, command).await
    }

    pub(super) async fn former_revision(&mut self, place: &Place) -> Result<ReleaseRef, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        self.read(&target).await;
        let kept = self.facts(&target)?.former_revision();
        Ok(kept.ok_or_else(|| {
            let sentence = format!("{} keeps no former revision to go back to", target.workload);
            Refusal::new(RefusalKind::NotFound, "rollback.former", sentence)
        })?)
    }

    /// By any name. A number that the ledger quotes needs no repository, and neither does another name while the
    /// repository cannot be read.
    async fn quoted_or_known(&mut self, target: &Target, name: &str) -> Result<ReleaseRef, Stop> {
        let state = &self.facts(target)?.state;
        let quoted = resolve::quoted(state, &target.id.project, name);
        let is_number = name.bytes().all(|digit| digit.is_ascii_digit());
        if let Some(quoted) = quoted.clone().filter(|_| is_number) {
            return Ok(quoted);
        }
        match self.release(&target.id.project, name).await {
            Ok(release) => Ok(release.to_ref()),
            Err(Stop::Fault(fault)) => match quoted {
                Some(quoted) => {
                    let title = quoted.title();
                    let said = format!("gonogo: {fault}; `{name}` is {title}, by the ledger");
                    self.output.say(&said);
                    Ok(quoted)
                }
                None => Err(fault.into()),
            },
            Err(other) => Err(other),
        }
    }

    /// By any name; what the ledger quotes with its image needs no registry.
    pub(super) async fn rollback_release(
        &mut self,
        place: &Place,
        name: &str,
    ) -> Result<ReleaseRef, Stop> {
        let target = self.find(place)?;
        self.sync().await.map_err(|fault| {
            let hint = "numbers and names are in the ledger: leave RELEASE out, and it goes to what is stable now";
            fault.hint(hint)
        })?;
        let release = self.quoted_or_known(&target, name).await?;
        let quoted = self.facts(&target)?.state.quoted();
        let quoted = quoted
            .into_iter()
            .find(|quoted| quoted.commit == release.commit && quoted.image.is_some());
        if let Some(quoted) = quoted {
            return Ok(quoted.clone());
        }
        Ok(self
            .release_with_artifact(&target.id.project, name)
            .await?
            .to_ref())
    }
}
