//! `gonogo window` and `gonogo announce`: when there is a window, and what users are told. Both only read.

use serde_json::json;

use crate::{
    domain::text::Clean,
    flight::{announcement, window},
    policy::refusal::{Refusal, RefusalKind},
};

use super::{
    args::Place,
    exit::Exit,
    headless::{Headless, Stop},
};

impl Headless {
    /// By the policy in force; the ledger alone is read.
    pub(super) async fn window(&mut self, place: &Place) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        let hours = window::hours(&self.facts(&target)?);
        self.data(json!({ "window": hours }), || hours.lines());
        Ok(if hours.open == Some(true) {
            Exit::Done
        } else {
            Exit::NoGo
        })
    }

    /// What is not read is said, and the text then claims less.
    pub(super) async fn announce(&mut self, place: &Place) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        self.read(&target).await;
        let facts = self.facts(&target)?;
        let records = self
            .known
            .targets
            .get(&target.id)
            .map_or(&[][..], |known| known.history.records());
        let Some(made) = announcement::announcement(&facts, records) else {
            let sentence = format!("nothing ever flew to {}: nothing to tell", target.id);
            return Err(Refusal::new(RefusalKind::NotFound, "target.history", sentence).into());
        };
        for line in &made.before_sending {
            self.output.say(&format!("gonogo: {line}"));
        }
        let clean = |line: &String| Clean::new(line).to_string();
        self.data(json!({ "announcement": made, "sent": false }), || {
            made.text.iter().map(clean).collect()
        });
        Ok(Exit::Done)
    }
}
