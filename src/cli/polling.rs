//! `poll` and `inbox`: the go/no-go poll and what waits for somebody, without a screen. Approving needs the ledger alone, and so does reading who approved; the
//! catalogue is asked for what it knows of authors and of what changed, and missed where it is not there.

use serde_json::json;

use crate::{
    domain::time,
    flight::inbox,
    policy::{
        facts::Facts,
        poll::{self, Call, Poll},
        refusal::{Refusal, RefusalKind},
    },
};

use super::{
    args::Place,
    exit::Exit,
    headless::{Headless, Stop},
};

impl Headless {
    pub(super) async fn poll(&mut self, place: &Place) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        if let Err(fault) = self.catalogue(&target.id.project).await {
            self.output.say(&format!("gonogo: {fault}"));
        }
        let facts = self.facts(&target)?;
        let Some(current) = facts.current() else {
            let sentence = format!("nothing is requested for {}", target.id);
            return Err(Refusal::new(RefusalKind::NotFound, "target.idle", sentence)
                .hint(format!(
                    "gonogo request {} {} RELEASE --reason …",
                    target.id.environment,
                    target.id.project.name()
                ))
                .into());
        };
        let Some(poll) = poll::poll(&facts, &current.plan) else {
            let sentence = format!("{} asks for nobody's approval", target.id.environment);
            let object = json!({"environment": target.id.environment, "project": target.id.project, "call": Call::Go, "sentence": sentence, "seats": [], "voices": []});
            self.data(object, || vec![sentence]);
            return Ok(Exit::Done);
        };
        let mut object = json!(poll);
        object["environment"] = json!(target.id.environment);
        object["project"] = json!(target.id.project);
        object["release"] = json!(current.plan.release);
        object["requested_by"] = json!(current.requester.name);
        object["waiting_for"] = json!(poll.awaited().map(|voice| &voice.name).collect::<Vec<_>>());
        self.data(object, || lines(&facts, &poll));
        Ok(if poll.call == Call::Go {
            Exit::Done
        } else {
            Exit::NoGo
        })
    }
}

/// `gonogo inbox`: what the ledger alone says of it; no platform is asked.
impl Headless {
    pub(super) async fn inbox(&mut self) -> Result<Exit, Stop> {
        self.sync().await?;
        let now = self.outside.now();
        let errands = inbox::inbox(&self.known, &self.actor, now);
        let object = json!({"for": self.actor.name, "inbox": errands});
        self.data(object, || {
            if errands.is_empty() {
                return vec![format!("nothing waits for {}", self.actor.name)];
            }
            let line = |errand: &inbox::Errand| {
                let (id, since) = (&errand.target, now.duration_since(errand.since));
                format!(
                    "{:<11}  {:<12} {:<16} {:>6}  {}",
                    errand.kind.word(),
                    id.environment.as_str(),
                    id.project.name(),
                    time::age(since),
                    errand.sentence
                )
            };
            errands.iter().map(line).collect()
        });
        Ok(Exit::Done)
    }
}

fn lines(facts: &Facts<'_>, poll: &Poll) -> Vec<String> {
    let mut lines: Vec<String> = poll
        .voices
        .iter()
        .map(|voice| voice.line(poll, facts.now))
        .collect();
    for seats in &poll.seats {
        lines.push(format!(
            "{} of {} with the role {} ({} hold it)",
            seats.taken.len(),
            seats.quorum,
            seats.role,
            seats.holders
        ));
    }
    lines.push(format!("{}: {}", poll.call.word(), poll.sentence));
    lines
}
