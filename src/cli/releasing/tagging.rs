//! `release tag`: the next version as an annotated tag, made and pushed by the `git` program, never moved and never
//! forced. What another process did meanwhile is found out before, and again after.

use serde_json::json;

use crate::{
    adapters::git::program::{self, Words},
    cli::{
        args::TagWish,
        exit::Exit,
        headless::{Headless, Stop},
    },
    domain::{
        entry::Body,
        fault::{Fault, FaultKind},
        notes,
        project::{Project, TagStrategy},
        release::{Commit, Release},
        target::TargetId,
        text::Clean,
        version::Version,
    },
    policy::{
        refusal::{Refusal, RefusalKind},
        releasing,
        versions::{Bump, Ground, Live},
    },
};

/// A tag that is to be made, with everything that was decided about it.
struct Tag {
    name: String,
    version: Version,
    commit: Commit,
    message: String,
    /// The commit has it already; what is left is to publish it.
    there: bool,
}

impl Headless {
    pub(super) async fn release_tag(&mut self, wish: TagWish) -> Result<Exit, Stop> {
        let project = self.project(&wish.project)?;
        releasing::permit(&self.outside.workspace, &project, &self.actor)?;
        self.writable().await?;
        self.sync().await?;
        self.catalogue(&project.id).await?;
        let commit = self.commit_named(&project, wish.commit.clone()).await?;
        let ground = self.ground_of(&project, &commit).await?;
        let bump = wish.kind.as_deref().and_then(Bump::parse);
        let version = match (bump, wish.version) {
            (_, Some(version)) => ground.named(version)?,
            (Some(bump), None) => ground.next(bump)?,
            (None, None) => {
                let sentence = "say which version: --type or --version";
                return Err(Refusal::new(RefusalKind::Usage, "version", sentence).into());
            }
        };
        let name = match project.tags {
            TagStrategy::Monorepo => format!("{}/{version}", project.id.name()),
            TagStrategy::TagAll => version.to_string(),
        };
        let tag = Tag {
            there: ground.taken.contains_key(&version),
            message: wish
                .message
                .unwrap_or_else(|| format!("Release {version} of {}", project.id.name())),
            name,
            version,
            commit,
        };
        let remote = match (wish.push, wish.remote) {
            (false, _) => None,
            (true, Some(remote)) => Some(remote),
            (true, None) => Some(remote_of(&project).await?),
        };
        if self.common.dry_run {
            return Ok(self.told_dry(&project, &tag, remote.as_deref()));
        }
        if let Some(remote) = &remote {
            let there = program::remote_object(&project.source, remote, &tag.name).await?;
            let here = self.outside.tag_object(&project, &tag.name).await?;
            if there.is_some() && there != here {
                return Err(taken_there(&tag, remote).into());
            }
        }
        let made = self.make(&project, &tag).await?;
        if let Some(remote) = &remote {
            self.publish(&project, &tag, remote, made).await?;
        }
        let body = Body::Tagged {
            tag: Clean::new(&tag.name),
            commit: tag.commit.clone(),
            remote: remote.as_deref().map(Clean::new),
        };
        if made || remote.is_some() {
            self.outside.tagged(&project, &self.actor, body).await?;
        }
        self.told_tag(&project, &tag, remote.as_deref(), made).await
    }

    /// Everything that the next version follows from.
    async fn ground_of(&mut self, project: &Project, commit: &Commit) -> Result<Ground, Stop> {
        let live = self.live_in_production(project);
        let asked = live.as_ref().map(|(_, commit)| commit.clone());
        let versions = self.outside.versions(project, commit, asked).await?;
        let mut released = versions.contained.iter().rev();
        let last = released.find(|version| version.is_release());
        let last = last.and_then(|it| versions.taken.get(it)).cloned();
        let log = self.outside.since(project, last, commit).await?;
        Ok(Ground {
            commit: commit.clone(),
            taken: versions.taken,
            live: live.map(|(live, _)| Live {
                contained: versions.contains,
                ..live
            }),
            contained: versions.contained,
            proposed: notes::proposed(&log.commits),
            now: self.outside.now(),
        })
    }

    /// What the ledger says is live in the last environment that is protected, else in the last one.
    fn live_in_production(&self, project: &Project) -> Option<(Live, Commit)> {
        let workspace = &self.outside.workspace;
        let of_project = workspace.environments.iter().rev().filter(|environment| {
            let id = TargetId::new(environment.name.clone(), project.id.clone());
            workspace.target(&id).is_some()
        });
        let production = of_project
            .clone()
            .find(|environment| environment.protected)
            .or_else(|| of_project.clone().next())?;
        let id = TargetId::new(production.name.clone(), project.id.clone());
        let live = &self.known.targets.get(&id)?.state.live.as_ref()?.release;
        let releases = self.known.releases.get(&project.id);
        let known = releases.and_then(|all| all.iter().find(|it| it.commit == live.commit));
        let named = live.name.as_ref().and_then(|it| it.as_str().parse().ok());
        let found = Live {
            title: live.title(),
            version: named.or_else(|| known.and_then(Release::version)),
            contained: false,
        };
        Some((found, live.commit.clone()))
    }

    /// True where it was made now.
    async fn make(&self, project: &Project, tag: &Tag) -> Result<bool, Stop> {
        if tag.there {
            return Ok(false);
        }
        let words = program::tag(&project.source, &tag.name, &tag.commit, &tag.message);
        let doing = format!("tagging commit {} as {}", tag.commit.short(), tag.name);
        let Err(fault) = program::run(&words, &doing).await else {
            return Ok(true);
        };
        // It was free a moment ago.
        if self.outside.tag_object(project, &tag.name).await?.is_some() {
            let sentence = format!(
                "tag {} was made by somebody else meanwhile; nothing was moved",
                tag.name
            );
            return Err(Refusal::raced("version.taken", sentence)
                .hint("run it again for the next free one")
                .into());
        }
        Err(fault.into())
    }

    async fn publish(
        &self,
        project: &Project,
        tag: &Tag,
        remote: &str,
        made: bool,
    ) -> Result<(), Stop> {
        let words = program::push(&project.source, remote, &tag.name);
        let doing = format!("pushing tag {} to {remote}", tag.name);
        let Err(fault) = program::run(&words, &doing).await else {
            return Ok(());
        };
        let here = self.outside.tag_object(project, &tag.name).await?;
        match program::remote_object(&project.source, remote, &tag.name).await {
            // It arrived, and its answer was lost.
            Ok(there) if there.is_some() && there == here => Ok(()),
            Ok(Some(_)) => {
                if let (true, Some(object)) = (made, &here) {
                    let words = program::take_back(&project.source, &tag.name, object);
                    let doing = format!("taking tag {} back, which nobody has seen", tag.name);
                    program::run(&words, &doing).await?;
                }
                Err(taken_there(tag, remote).into())
            }
            Err(_) if fault.leaves_outcome_unknown() => {
                self.output.fault(self.rehearsal(), &kept(fault, tag));
                Err(Stop::Exit(Exit::Unknown))
            }
            Ok(None) | Err(_) => Err(kept(fault, tag).into()),
        }
    }

    fn told_dry(&self, project: &Project, tag: &Tag, remote: Option<&str>) -> Exit {
        let make = (!tag.there)
            .then(|| program::tag(&project.source, &tag.name, &tag.commit, &tag.message));
        let push = remote.map(|remote| program::push(&project.source, remote, &tag.name));
        let commands: Vec<Words> = make.into_iter().chain(push).collect();
        let words: Vec<&Vec<String>> = commands.iter().map(|words| &words.0).collect();
        let object = json!({
            "dry_run": true, "project": project.id, "tag": tag.name, "version": tag.version,
            "commit": tag.commit, "commands": words,
        });
        self.data(object, || {
            commands.iter().map(ToString::to_string).collect()
        });
        Exit::Done
    }

    /// The release it names now, with its number.
    async fn told_tag(
        &mut self,
        project: &Project,
        tag: &Tag,
        remote: Option<&str>,
        made: bool,
    ) -> Result<Exit, Stop> {
        let releases = self.outside.catalogue(project).await?;
        let release = releases.iter().find(|it| it.commit == tag.commit);
        let object = json!({
            "project": project.id, "tag": tag.name, "version": tag.version, "commit": tag.commit,
            "made": made, "pushed": remote, "release": release.map(Self::release_json),
        });
        self.data(object, || {
            let what = if made { "tagged" } else { "is" };
            let mut lines = vec![format!("commit {} {what} {}", tag.commit.short(), tag.name)];
            lines.extend(release.map(|release| format!("release {}", release.title())));
            lines.push(match remote {
                Some(remote) => format!("pushed to {remote}"),
                None => format!(
                    "not pushed: release tag {} --version {} --push",
                    project.id.name(),
                    tag.version
                ),
            });
            lines
        });
        Ok(Exit::Done)
    }
}

fn taken_there(tag: &Tag, remote: &str) -> Refusal {
    let sentence = format!(
        "{remote} has another tag {} already, and a tag is never moved or forced",
        tag.name
    );
    Refusal::raced("version.taken", sentence)
        .hint("fetch its tags, and run it again for the next free one")
}

/// It was made and not published: that is no reason to make another one.
fn kept(fault: Fault, tag: &Tag) -> Fault {
    let hint = format!(
        "The tag is made here; publish it with --version {} --push",
        tag.version
    );
    fault.hint(hint)
}

/// `origin`, else the only one there is.
async fn remote_of(project: &Project) -> Result<String, Stop> {
    let remotes = program::remotes(&project.source).await?;
    let origin = remotes.iter().find(|remote| *remote == "origin");
    if let Some(remote) = origin.or_else(|| remotes.first().filter(|_| remotes.len() == 1)) {
        return Ok(remote.clone());
    }
    let place = project.source.display();
    let (detail, hint) = if remotes.is_empty() {
        (
            "it has no remote to push to".to_owned(),
            format!("Add one: `git -C {place} remote add origin …`"),
        )
    } else {
        (
            format!(
                "it has several remotes, and none is origin: {}",
                remotes.join(", ")
            ),
            "Name one with --remote".to_owned(),
        )
    };
    let doing = format!("looking for the remote of {place}");
    Err(Fault::new("git", FaultKind::NotFound, doing, &detail)
        .hint(hint)
        .into())
}
