//! Asking for a deployment: the plan stored as a request, by which digest it is decided on, and `deploy`.

use std::io::IsTerminal as _;

use serde_json::json;

use crate::{
    domain::{release::Digest, target::Target},
    policy::{
        decide::Command,
        gates, planner,
        refusal::{Refusal, RefusalKind},
    },
};

use crate::cli::{
    args::Place,
    exit::Exit,
    headless::{Headless, Stop},
    reading::gate_lines,
};

impl Headless {
    pub(super) async fn request(
        &mut self,
        place: &Place,
        name: &str,
        reason: String,
    ) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.stored(&target, name, reason).await?;
        self.requested(&target).await
    }

    /// Says what was asked for, and what stands against it.
    pub(in crate::cli) async fn requested(&mut self, target: &Target) -> Result<Exit, Stop> {
        self.before_take_off(target).await;
        let facts = self.facts(target)?;
        let Some(current) = facts.current() else {
            return Ok(Exit::Failed);
        };
        let judgement = gates::take_off(&facts, &current.plan);
        let object = json!({"deployment": current.id, "plan": current.plan.digest, "release": current.plan.release, "go": judgement.go, "gates": judgement.gates});
        self.data(object, || {
            let mut lines = vec![format!(
                "requested {} as plan {}",
                current.plan.release.title(),
                current.plan.digest
            )];
            lines.extend(gate_lines(&judgement));
            lines
        });
        Ok(Exit::Done)
    }

    /// Makes the plan and stores it in the ledger.
    pub(in crate::cli) async fn stored(
        &mut self,
        target: &Target,
        name: &str,
        reason: String,
    ) -> Result<(), Stop> {
        self.sync().await?;
        self.read(target).await;
        let release = self.release_with_artifact(&target.id.project, name).await?;
        let facts = self.facts(target)?;
        let plan = planner::planned(&facts, &release);
        self.record(
            target,
            &Command::Request {
                plan: Box::new(plan),
                reason,
            },
        )
        .await
    }

    /// The plan a decision is about: named by its digest or twelve digits of it; on a terminal it is shown first.
    pub(super) async fn plan_digest(
        &mut self,
        place: &Place,
        given: Option<&str>,
    ) -> Result<Digest, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        let open = self
            .facts(&target)?
            .current()
            .map(|current| current.plan.clone());
        let nothing = || {
            Refusal::new(
                RefusalKind::NotFound,
                "target.idle",
                format!("nothing is requested for {}", target.id),
            )
        };
        let open = open.ok_or_else(nothing)?;
        match given {
            Some(text)
                if open.digest.as_str() == text
                    || (text.len() >= 12 && open.digest.short() == text) =>
            {
                Ok(open.digest)
            }
            Some(text) => match Digest::parse(text) {
                // Decided on, and refused there with the plan that is open now.
                Some(other) => Ok(other),
                None => Err(Refusal::raced(
                    "plan.digest",
                    format!(
                        "the open request is plan {}, not {text}",
                        open.digest.short()
                    ),
                )
                .into()),
            },
            None if std::io::stdin().is_terminal() => {
                self.output.say(&format!(
                    "plan {}\nrelease {}\n{}",
                    open.digest,
                    crate::domain::entry::from_to(open.before.as_ref(), &open.release),
                    open.subject
                ));
                Ok(open.digest)
            }
            None => Err(Refusal::new(
                RefusalKind::Usage,
                "plan.digest",
                "name the plan you decide on: --plan DIGEST (gonogo plan shows it)",
            )
            .into()),
        }
    }
}
