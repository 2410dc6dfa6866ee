//! `poll`: the go/no-go poll without a screen. Approving needs the ledger alone, and so does reading who approved; the
//! catalogue is asked for what it knows of authors and of what changed, and missed where it is not there.

use serde_json::json;

use crate::{
    domain::{entry::Answer, time},
    policy::{
        facts::Facts,
        poll::{self, Call, Poll, Voice},
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

fn lines(facts: &Facts<'_>, poll: &Poll) -> Vec<String> {
    let mut lines: Vec<String> = poll
        .voices
        .iter()
        .map(|voice| line(facts, poll, voice))
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

fn line(facts: &Facts<'_>, poll: &Poll, voice: &Voice) -> String {
    let answer = match voice.answer {
        Some(Answer::Go) if !poll.void.is_empty() => "VOID",
        Some(answer) => answer.word(),
        None if voice.awaited => "awaited",
        None => "-",
    };
    let mut words: Vec<String> = Vec::new();
    words.extend(voice.reason.clone());
    words.extend(
        voice
            .at
            .map(|at| format!("{} ago", time::age(facts.now.duration_since(at)))),
    );
    words.extend(voice.identity());
    words.extend(voice.note.clone());
    let roles = voice.roles.join("+");
    let (name, words) = (&voice.name, words.join(" · "));
    format!("{answer:<8} {name:<12} {roles:<16} {words}")
        .trim_end()
        .to_owned()
}
