//! `gonogo drift` and `gonogo restore`: what runs against what is recorded, and the request that flies what is recorded.

use serde_json::json;

use crate::{
    domain::target::Target,
    policy::{decide::Command, drift},
};

use super::{
    args::Place,
    exit::Exit,
    headless::{Headless, Stop},
};

impl Headless {
    /// One line a target; 1 where something drifted or could not be read.
    pub(super) async fn drift(
        &mut self,
        environment: Option<&str>,
        project: Option<&str>,
    ) -> Result<Exit, Stop> {
        let targets = self.targets(environment, project)?;
        self.sync().await?;
        let reads =
            futures::future::join_all(targets.iter().map(|target| self.outside.read(target))).await;
        let now = self.outside.now();
        for observation in &reads {
            self.known.observe(observation, now);
        }
        // A release is told by its digest where the ledger never saw it.
        for target in &targets {
            if drift::look(&self.facts(target)?).is_some() {
                let _ = self.catalogue(&target.id.project).await;
            }
        }
        let (mut objects, mut lines, mut good) = (Vec::new(), Vec::new(), true);
        for target in &targets {
            let facts = self.facts(target)?;
            let drift = drift::look(&facts);
            let unread = facts.fresh().is_none();
            let sentence = match (&drift, &facts.workload.trouble, facts.current()) {
                (_, Some(trouble), _) => format!("not known: {}", trouble.value),
                (Some(drift), None, _) => format!("DRIFT: {}", drift.sentence()),
                (None, None, Some(current)) => format!(
                    "{} is {}: not judged",
                    current.plan.release.title(),
                    current.state.word()
                ),
                (None, None, None) => match &facts.state.live {
                    Some(live) => format!("{} serves, as recorded", live.release.title()),
                    None => "nothing is recorded as live; adopt records what runs".to_owned(),
                },
            };
            good &= drift.is_none() && !unread;
            let (environment, project) = (&target.id.environment, &target.id.project);
            lines.push(format!(
                "{:<12} {:<16} {sentence}",
                environment.as_str(),
                project.name()
            ));
            objects.push(json!({
                "environment": environment, "project": project,
                "drift": drift, "read": !unread, "sentence": sentence,
            }));
        }
        self.data(json!({"targets": objects}), || lines);
        Ok(if good { Exit::Done } else { Exit::Failed })
    }

    /// Asks to fly what is recorded: a request like any other, with its gates.
    pub(super) async fn restore(&mut self, place: &Place, reason: String) -> Result<Exit, Stop> {
        let target: Target = self.find(place)?;
        self.sync().await?;
        self.read(&target).await;
        // What is quoted is enough while the repository cannot be read.
        if let Err(fault) = self.catalogue(&target.id.project).await {
            self.output.say(&format!("gonogo: {fault}"));
        }
        let plan = Box::new(drift::restoring(&self.facts(&target)?)?);
        self.record(&target, &Command::Request { plan, reason })
            .await?;
        self.requested(&target).await
    }
}
