//! What the ledger keeps of `release tag`: that somebody is about to, and what became of it.

use crate::{
    domain::{
        catalogue::Tagging,
        entry::{Body, Draft, StreamId},
        fault::Fault,
        project::Project,
        text::Clean,
        workspace::Actor,
    },
    policy::refusal::Refusal,
    ports::keep::{AppendError, Expected},
    runtime::outside::Outside,
};

use super::{NUMBERING_TRIES, contested};

/// What became of the intent to make a tag.
pub enum Begun {
    /// It stands in the ledger, and nobody else's does.
    Ours,
    Refused(Refusal),
}

impl Outside {
    /// What the ledger knows of the tags of a project that somebody began to make, by name.
    pub async fn taggings(&self, project: &Project) -> Result<Vec<(Clean, Tagging)>, Fault> {
        let register = self.register(project).await?;
        let all = register.tags.iter();
        Ok(all.map(|(tag, it)| (tag.clone(), it.clone())).collect())
    }

    /// Writes down that this tag is about to be made, unless somebody else began with it since `seen` was read.
    pub async fn begin_tag(
        &self,
        project: &Project,
        actor: &Actor,
        tag: &Clean,
        seen: Option<&Tagging>,
        body: &Body,
    ) -> Result<Begun, Fault> {
        let stream = StreamId::releases(&project.id);
        for _ in 0..NUMBERING_TRIES {
            let register = self.register(project).await?;
            let now = register.tags.get(tag);
            if let Some(other) = now.filter(|it| seen != Some(*it)) {
                let sentence = format!("{} began with tag {tag} just now", other.by);
                let refusal = Refusal::raced("version.begun", sentence)
                    .hint("run it again to go on with what was begun");
                return Ok(Begun::Refused(refusal));
            }
            let bodies = std::iter::once(body.clone());
            match self.append(&stream, register.position, actor, bodies).await {
                Ok(()) => return Ok(Begun::Ours),
                Err(AppendError::Conflict { .. }) => {}
                Err(AppendError::Fault(fault)) => return Err(fault),
            }
        }
        Err(contested(project))
    }

    /// Writes down what became of a tag. A fact: it goes in wherever the stream stands.
    pub async fn tagged(&self, project: &Project, actor: &Actor, body: Body) -> Result<(), Fault> {
        let stream = StreamId::releases(&project.id);
        let draft = Draft {
            at: self.now(),
            actor: actor.clone(),
            body,
        };
        let appended = self.ledger.append(&stream, Expected::Any, vec![draft]);
        match appended.await {
            Ok(_) => Ok(()),
            Err(AppendError::Fault(fault)) => Err(fault),
            Err(AppendError::Conflict { .. }) => Err(contested(project)),
        }
    }
}
