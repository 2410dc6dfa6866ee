//! Items that begin by themselves while a verb attends: beside its loop, so that nothing else waits for them.

use std::collections::BTreeSet;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    domain::{plan::ItemId, target::Target},
    flight::process,
    policy::decide::Command,
    runtime::{
        executor::Executor,
        outside::Outside,
        running::{self, Ran},
    },
    session::event::End,
};

use super::headless::{Headless, Stop};

/// What this verb began. Whatever still runs when it goes is ended.
#[derive(Default)]
pub(super) struct Begun {
    items: BTreeSet<ItemId>,
    running: JoinSet<(ItemId, Result<Ran, End>)>,
    cancel: CancellationToken,
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Headless {
    /// Begins what is due, and says how what was begun ended.
    pub(super) async fn begin_by_itself(
        &mut self,
        target: &Target,
        begun: &mut Begun,
    ) -> Result<(), Stop> {
        while let Some(ended) = begun.running.try_join_next() {
            match ended {
                Ok((item, Ok(ran))) => {
                    self.told_run(target, &item, &ran, "check");
                }
                // Somebody else who attends was first.
                Ok((_, Err(End::Refused(_)))) | Err(_) => {}
                Ok((_, Err(end))) => self.ended(end)?,
            }
        }
        if self.common.dry_run || self.known.ledger.trouble().is_some() {
            return Ok(());
        }
        let facts = self.facts(target)?;
        let Some(command) = process::begins_by_itself(&facts, &self.actor) else {
            return Ok(());
        };
        let Command::Run { item, .. } = &command else {
            return Ok(());
        };
        let item = item.clone();
        if !begun.items.insert(item.clone()) {
            return Ok(());
        }
        self.output.say(&format!("gonogo: {item} starts by itself"));
        let outside = Outside::open(self.outside.workspace.clone()).await?;
        let (known, actor) = (self.known.clone(), self.actor.clone());
        let (listen, cancel) = (self.listen(&item), begun.cancel.child_token());
        let id = target.id.clone();
        begun.running.spawn(async move {
            let mut executor = Executor {
                outside: &outside,
                known,
                actor,
            };
            let ran = running::run(&mut executor, &command, &id, listen, cancel).await;
            (item, ran)
        });
        Ok(())
    }
}
