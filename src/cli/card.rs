//! `gonogo card`: the dead-man card of a target, printed; and the file that acting verbs keep beside the ledger.

use serde_json::json;

use crate::{domain::target::TargetId, runtime::card};

use super::{
    args::Place,
    exit::Exit,
    headless::{Headless, Stop},
};

impl Headless {
    /// Printed as it would be written now. What cannot be read is left out and said: the card is for bad days.
    pub(super) async fn card(&mut self, place: &Place) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        if let Err(fault) = self.sync().await {
            self.output.say(&format!("gonogo: {fault}"));
        }
        let mut known = self.known.clone();
        let Some(card) = card::made(&self.outside, &mut known, &target).await else {
            return Ok(Exit::Failed);
        };
        let trouble = known
            .targets
            .get(&target.id)
            .and_then(|known| known.workload.trouble.as_ref());
        if let Some(trouble) = trouble {
            self.output.say(&format!("gonogo: {}", trouble.value));
        }
        let path = card::path(&self.outside.workspace, &target.id);
        let written = path.exists().then(|| path.display().to_string());
        self.data(
            json!({"environment": target.id.environment, "project": target.id.project, "card": card, "file": written}),
            || card.text().lines().map(str::to_owned).collect(),
        );
        Ok(Exit::Done)
    }

    /// After what was done: the file says what undoes it. That it could not be written stops nothing.
    pub(super) async fn write_card(&self, target: &TargetId) {
        if let Err(fault) = card::write(&self.outside, self.known.clone(), target).await {
            self.output.say(&format!("gonogo: {fault}"));
        }
    }
}
