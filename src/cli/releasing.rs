//! The verbs that make releases and tell them apart: `release create`, `tag`, `diff`, `notes`.

mod preparing;
mod tagging;

use serde_json::{Value, json};

use crate::{
    domain::{
        catalogue::Catalogue,
        fault::FaultKind,
        migration::{RollbackWord, Said},
        notes::{
            self,
            telling::{self, Telling},
        },
        project::Project,
        release::{Artifact, Commit, Release},
        text::Clean,
        version::{ReleaseType, Version},
    },
    policy::{
        refusal::{Refusal, RefusalKind},
        releasing::{self, Wish},
        resolve::{self, Resolution},
    },
    runtime::outside::releases::Creation,
};

use super::{
    args::ReleaseVerb,
    exit::Exit,
    headless::{Headless, Stop},
};

impl Headless {
    pub(super) async fn release_verb(&mut self, verb: ReleaseVerb) -> Result<Exit, Stop> {
        match verb {
            ReleaseVerb::List { project, limit } => self.release_list(&project, limit).await,
            ReleaseVerb::Show { project, name } => self.release_show(&project, &name).await,
            ReleaseVerb::Create {
                project,
                commit,
                kind,
                rollback,
            } => {
                let kind = kind.as_deref().and_then(ReleaseType::parse);
                let rollback = rollback.as_deref().and_then(RollbackWord::parse);
                self.release_create(&project, commit, kind, rollback).await
            }
            ReleaseVerb::Tag(wish) => self.release_tag(wish).await,
            ReleaseVerb::Diff { project, from, to } => {
                self.release_diff(&project, &from, &to).await
            }
            ReleaseVerb::Notes {
                project,
                to,
                whom,
                from,
            } => {
                let telling = Telling::parse(&whom).unwrap_or_default();
                self.release_notes(&project, to.as_deref(), from.as_deref(), telling)
                    .await
            }
        }
    }

    fn project(&self, name: &str) -> Result<Project, Stop> {
        Ok(self.outside.workspace.find_project(name)?.clone())
    }

    /// Whether it can be written down, before anything is done.
    async fn writable(&mut self) -> Result<(), Stop> {
        if self.common.dry_run {
            return Ok(());
        }
        let standing = self.outside.standby.probe().await;
        let trouble = standing.trouble().cloned();
        self.known.ledger = standing;
        trouble.map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// By any name of a release, else by its first digits in git; what HEAD names where nothing is asked.
    async fn commit_named(
        &mut self,
        project: &Project,
        name: Option<String>,
    ) -> Result<Commit, Stop> {
        let Some(name) = name else {
            return Ok(self.outside.commit(project, None).await?);
        };
        let releases = self.known.releases.get(&project.id);
        let found = resolve::resolve(releases.map_or(&[][..], Catalogue::as_slice), &name);
        let sentence = found.sentence(&name);
        match found {
            Resolution::Found { release, .. } => {
                if let Some(sentence) = sentence {
                    self.output.say(&format!("gonogo: {sentence}"));
                }
                return Ok(release.commit.clone());
            }
            Resolution::Ambiguous { .. } => {
                let sentence = sentence.unwrap_or_default();
                return Err(Refusal::new(RefusalKind::NotFound, "release.name", sentence).into());
            }
            Resolution::NotFound => {}
        }
        let digits = (4..=40).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_hexdigit());
        if !digits {
            let sentence = format!(
                "`{name}` is no release of {}, and no commit id",
                project.id.name()
            );
            return Err(Refusal::new(RefusalKind::NotFound, "commit", sentence)
                .hint(format!("gonogo release list {}", project.id.name()))
                .into());
        }
        Ok(self.outside.commit(project, Some(name)).await?)
    }

    async fn release_create(
        &mut self,
        project: &str,
        commit: Option<String>,
        kind: Option<ReleaseType>,
        rollback: Option<RollbackWord>,
    ) -> Result<Exit, Stop> {
        let project = self.project(project)?;
        releasing::permit(&self.outside.workspace, &project, &self.actor)?;
        self.writable().await?;
        self.catalogue(&project.id).await?;
        let commit = self.commit_named(&project, commit).await?;
        let artifacts = match self.outside.artifact(&project.id, &commit).await {
            Ok(artifact) => vec![artifact],
            Err(fault) if fault.kind == FaultKind::NotFound => Vec::new(),
            Err(fault) => return Err(fault.into()),
        };
        let wish = Wish {
            resources: self.outside.resources(&project.id, &commit).await?,
            commit,
            release_type: kind,
            rollback,
            artifacts,
        };
        let write = !self.common.dry_run;
        let created = self.outside.create(&project, &wish, &self.actor, write);
        let (release, new) = match created.await? {
            Creation::Refused(refusal) => return Err(refusal.into()),
            Creation::Release(release, new) => (release, new),
        };
        if !new && kind.is_some() && kind != release.release_type {
            let was = release
                .release_type
                .map_or("without a type", ReleaseType::word);
            self.output.say(&format!(
                "gonogo: release {} was created {was}, and a release never changes",
                release.title()
            ));
        }
        let says = |said: &Said| said.word == rollback;
        if !new && rollback.is_some() && !release.trail.said.iter().any(says) {
            self.output.say(&format!(
                "gonogo: release {} was created without that word, and a release never changes; a trailer `Rollback:` of a later commit says it",
                release.title()
            ));
        }
        let mut object = json!({"release": Self::release_json(&release), "created": new});
        object["release"]["artifacts"] = json!(release.artifacts);
        if self.common.dry_run {
            object["dry_run"] = json!(true);
        }
        let dry = self.common.dry_run;
        self.data(object, || {
            let how = match (dry, new) {
                (true, true) => "would be",
                (false, true) => "is",
                (_, false) => "was already",
            };
            let mut lines = vec![format!(
                "commit {} {how} release {} of {}",
                release.commit.short(),
                release.title(),
                release.project
            )];
            lines.extend(release.artifacts.iter().filter_map(Artifact::pinned));
            lines
        });
        Ok(Exit::Done)
    }

    async fn release_diff(&mut self, project: &str, from: &str, to: &str) -> Result<Exit, Stop> {
        let project = self.project(project)?;
        let from = self.release(&project.id, from).await?;
        let to = self.release(&project.id, to).await?;
        let difference = self.outside.difference(from, to).await?;
        self.data(json!({"difference": difference}), || {
            let lines = difference.lines().into_iter();
            lines.map(|line| line.text).collect()
        });
        Ok(Exit::Done)
    }

    async fn release_notes(
        &mut self,
        project: &str,
        to: Option<&str>,
        from: Option<&str>,
        telling: Telling,
    ) -> Result<Exit, Stop> {
        let project = self.project(project)?;
        self.catalogue(&project.id).await?;
        let to = match to {
            Some(name) => self.release(&project.id, name).await?,
            None => {
                let releases = self.known.releases.get(&project.id);
                let newest = releases.and_then(|releases| releases.last()).cloned();
                newest.ok_or_else(|| {
                    let sentence = format!("{} has no release yet", project.id);
                    Refusal::new(RefusalKind::NotFound, "release", sentence)
                })?
            }
        };
        let version = to.version().filter(|version| version.is_release());
        let before = match from {
            Some(name) => Some(self.release(&project.id, name).await?.commit),
            None => self.before(&project, &to, version).await?,
        };
        let log = self
            .outside
            .since(&project, before.clone(), &to.commit)
            .await?;
        let title = version.map_or_else(|| "Unreleased".to_owned(), |it| it.to_string());
        let day = to.committed_at.to_zoned(jiff::tz::TimeZone::UTC).date();
        let told: Vec<Value> = notes::notes(&log.commits).iter().map(note_json).collect();
        let since = before
            .as_ref()
            .and_then(|commit| self.release_of(&project, commit))
            .map(Release::to_ref);
        let section = match telling {
            Telling::Changelog => notes::section(&title, day, &log.commits),
            Telling::Users => telling::users(&title, day, &log.commits),
            Telling::Migration => {
                let from = since
                    .as_ref()
                    .map(|it| it.name.as_ref().map_or(it.commit.short(), Clean::as_str));
                telling::migration(&title, from, &log.commits)
            }
        };
        if let Some(sentence) = telling::contradiction(to.kind(), &log.commits) {
            self.output.say(&format!("gonogo: {sentence}"));
        }
        let markdown: Vec<&str> = section.iter().map(Clean::as_str).collect();
        let left_out = log.total.saturating_sub(log.commits.len());
        if left_out > 0 {
            self.output.say(&format!(
                "gonogo: {}; of {left_out} older ones nothing is told here",
                log.summary()
            ));
        }
        let object = json!({
            "title": title, "for": telling.word(), "from": since, "to": to.to_ref(), "commits": log.total, "more": log.more,
            "proposed": notes::proposed(&log.commits), "notes": told, "markdown": markdown.join("\n"),
        });
        self.data(object, || section.iter().map(ToString::to_string).collect());
        Ok(Exit::Done)
    }

    fn release_of(&self, project: &Project, commit: &Commit) -> Option<&Release> {
        let releases = self.known.releases.get(&project.id)?;
        releases.iter().find(|release| release.commit == *commit)
    }

    /// The commit of the highest version before this one that it contains.
    async fn before(
        &self,
        project: &Project,
        to: &Release,
        version: Option<Version>,
    ) -> Result<Option<Commit>, Stop> {
        let versions = self.outside.versions(project, &to.commit, None).await?;
        let earlier = versions.contained.iter().rev().find(|it| {
            it.is_release()
                && version.is_none_or(|version| **it < version)
                && versions.taken.get(it) != Some(&to.commit)
        });
        Ok(earlier.and_then(|it| versions.taken.get(it)).cloned())
    }
}

fn note_json(note: &notes::Note) -> Value {
    json!({"group": note.group.title().to_lowercase(), "breaking": note.breaking, "text": note.text})
}
