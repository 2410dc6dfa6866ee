//! `release tag`: the next version as an annotated tag, made and pushed by the `git` program, never moved and never
//! forced. What is to be done is in the ledger before anything that others could see is made, so that a second run, after
//! whatever became of the first, goes on where it ended. What another process did meanwhile is found out before, and again
//! after.

use serde_json::json;

use crate::{
    adapters::git::{
        prepare::{self, Edit},
        program::{self, Words},
    },
    cli::{
        args::TagWish,
        exit::Exit,
        headless::{Headless, Stop},
    },
    domain::{
        catalogue::Tagging,
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
    runtime::outside::releases::Begun,
};

/// A tag that is to be made, with everything that was decided about it.
pub(super) struct Tag {
    pub name: String,
    pub version: Version,
    /// What was asked for.
    pub asked: Commit,
    /// What is tagged: what was asked for, or what was made of it for this tag. None: that is still to be made.
    pub commit: Option<Commit>,
    pub edits: Vec<Edit>,
    pub branch: Option<String>,
    pub message: String,
    /// The commit has it already; what is left is to publish it.
    pub there: bool,
    /// What the ledger knows of it from before.
    pub begun: Option<Tagging>,
}

/// What was done now.
#[derive(Clone, Copy, Default)]
struct Done {
    commit: bool,
    branch: bool,
    tag: bool,
}

impl Headless {
    pub(super) async fn release_tag(&mut self, wish: TagWish) -> Result<Exit, Stop> {
        let project = self.project(&wish.project)?;
        releasing::permit(&self.outside.workspace, &project, &self.actor)?;
        self.writable().await?;
        self.sync().await?;
        self.catalogue(&project.id).await?;
        let tag = self.decided(&project, &wish).await?;
        let remote = match (wish.push, wish.remote) {
            (false, _) => None,
            (true, Some(remote)) => Some(remote),
            (true, None) => Some(remote_of(&project).await?),
        };
        if self.common.dry_run {
            return self.told_dry(&project, &tag, remote.as_deref());
        }
        self.is_free(&project, &tag, remote.as_deref()).await?;
        if let Some(begun) = tag.begun.as_ref().filter(|it| it.is_open()) {
            self.output.say(&format!(
                "gonogo: {} began with tag {} at {}, and it was not ended; going on with it",
                begun.by, tag.name, begun.at
            ));
        }
        let (commit, mut done) = match &tag.commit {
            Some(commit) => (commit.clone(), Done::default()),
            None => {
                let made = prepare::commit(&project.source, &tag.asked, &tag.edits, &tag.message);
                let done = Done {
                    commit: true,
                    ..Done::default()
                };
                (made.await?, done)
            }
        };
        // A tag that somebody made without us, and that is to go nowhere, is none of the ledger's business.
        let ours = !tag.there || tag.begun.is_some() || remote.is_some();
        if ours {
            self.begin(&project, &tag, &commit, remote.as_deref())
                .await?;
        }
        done.branch = self.make_branch(&project, &tag, &commit).await?;
        done.tag = self.make(&project, &tag, &commit).await?;
        if let Some(remote) = &remote {
            self.publish(&project, &tag, &commit, remote, done.tag)
                .await?;
        }
        let pushed = remote.as_deref().map(Clean::new);
        let known = !ours
            || tag.begun.as_ref().is_some_and(|begun| {
                begun.made
                    && pushed
                        .as_ref()
                        .is_none_or(|it| begun.pushed_to.contains(it))
            });
        if !known {
            let body = Body::Tagged {
                tag: Clean::new(&tag.name),
                commit: commit.clone(),
                remote: pushed,
            };
            self.outside.tagged(&project, &self.actor, body).await?;
        }
        self.told_tag(&project, &tag, &commit, remote.as_deref(), done)
            .await
    }

    /// Which version, on what, and what is left to be done for it.
    async fn decided(&mut self, project: &Project, wish: &TagWish) -> Result<Tag, Stop> {
        let asked = self.commit_named(project, wish.commit.clone()).await?;
        let begun = self.outside.taggings(project).await?;
        let of_asked: Vec<&(Clean, Tagging)> = begun
            .iter()
            .filter(|(_, it)| *it.asked() == asked)
            .collect();
        let mut ground = self.ground_of(project, &asked).await?;
        let commits = ground.taken.clone();
        // A commit that was made for a version of this one stands for it.
        for (_, tagging) in &of_asked {
            ground.stands_for(&tagging.commit);
        }
        let version = match (wish.kind.as_deref().and_then(Bump::parse), wish.version) {
            (_, Some(version)) => ground.named(version)?,
            (Some(bump), None) => {
                let open = of_asked.iter().filter(|(_, it)| it.is_open());
                let open = open.filter_map(|(name, _)| version_of(project, name));
                ground.resumed(bump, open)?
            }
            (None, None) => {
                let sentence = "say which version: --type or --version";
                return Err(Refusal::new(RefusalKind::Usage, "version", sentence).into());
            }
        };
        let name = match project.tags {
            TagStrategy::Monorepo => format!("{}/{version}", project.id.name()),
            TagStrategy::TagAll => version.to_string(),
        };
        let known = of_asked.iter().find(|(tag, _)| tag.as_str() == name);
        let begun = known.map(|(_, it)| it.clone());
        let mut tag = Tag {
            there: ground.taken.contains_key(&version),
            commit: commits.get(&version).cloned(),
            edits: Vec::new(),
            branch: wish.with.branch.then(|| format!("release/{name}")),
            message: wish
                .message
                .clone()
                .unwrap_or_else(|| format!("Release {version} of {}", project.id.name())),
            name,
            version,
            asked,
            begun,
        };
        self.prepared(project, wish, &mut tag).await?;
        Ok(tag)
    }

    /// Nobody has another tag or branch of that name, here or there.
    async fn is_free(
        &self,
        project: &Project,
        tag: &Tag,
        remote: Option<&str>,
    ) -> Result<(), Stop> {
        let tip = tag
            .branch
            .as_ref()
            .map(|it| prepare::branch_tip(&project.source, it));
        if let (Some(tip), Some(branch)) = (tip.transpose()?.flatten(), &tag.branch)
            && tag
                .commit
                .as_ref()
                .is_none_or(|commit| commit.as_str() != tip)
        {
            return Err(branch_taken(branch, "this repository").into());
        }
        let Some(remote) = remote else {
            return Ok(());
        };
        let reference = format!("refs/tags/{}", tag.name);
        let there = program::remote_object(&project.source, remote, &reference).await?;
        let here = self.outside.tag_object(project, &tag.name).await?;
        if there.is_some() && there != here {
            return Err(taken_there(tag, remote).into());
        }
        if let Some(branch) = &tag.branch {
            let reference = format!("refs/heads/{branch}");
            let there = program::remote_object(&project.source, remote, &reference).await?;
            let ours = tag.commit.as_ref().map(Commit::as_str);
            if there.is_some_and(|there| Some(there.as_str()) != ours) {
                return Err(branch_taken(branch, remote).into());
            }
        }
        Ok(())
    }

    /// The intent, where it is not in the ledger as it is.
    async fn begin(
        &self,
        project: &Project,
        tag: &Tag,
        commit: &Commit,
        remote: Option<&str>,
    ) -> Result<(), Stop> {
        let meant_for = remote.map(Clean::new);
        let same = tag.begun.as_ref().is_some_and(|begun| {
            begun.commit == *commit && (meant_for.is_none() || begun.meant_for == meant_for)
        });
        if same {
            return Ok(());
        }
        let body = Body::Tagging {
            tag: Clean::new(&tag.name),
            commit: commit.clone(),
            base: (*commit != tag.asked).then(|| tag.asked.clone()),
            branch: tag.branch.as_deref().map(Clean::new),
            remote: meant_for,
        };
        let (name, seen) = (Clean::new(&tag.name), tag.begun.as_ref());
        let begun = self
            .outside
            .begin_tag(project, &self.actor, &name, seen, &body);
        match begun.await? {
            Begun::Ours => Ok(()),
            Begun::Refused(refusal) => Err(refusal.into()),
        }
    }

    /// True where it was made now.
    async fn make_branch(
        &self,
        project: &Project,
        tag: &Tag,
        commit: &Commit,
    ) -> Result<bool, Stop> {
        let Some(branch) = &tag.branch else {
            return Ok(false);
        };
        let tip = prepare::branch_tip(&project.source, branch)?;
        if tip.as_deref() == Some(commit.as_str()) {
            return Ok(false);
        }
        let doing = format!("making the branch {branch}");
        let words = program::branch(&project.source, branch, commit.as_str());
        program::run(&words, &doing).await?;
        Ok(true)
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
    async fn make(&self, project: &Project, tag: &Tag, commit: &Commit) -> Result<bool, Stop> {
        if tag.there {
            return Ok(false);
        }
        let words = program::tag(&project.source, &tag.name, commit.as_str(), &tag.message);
        let doing = format!("tagging commit {} as {}", commit.short(), tag.name);
        let Err(fault) = program::run(&words, &doing).await else {
            return Ok(true);
        };
        // It was free a moment ago.
        if self.outside.tag_object(project, &tag.name).await?.is_some() {
            let sentence = format!(
                "tag {} was made by somebody else meanwhile; nothing was moved",
                tag.name
            );
            self.dropped(project, tag, commit, &sentence).await?;
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
        commit: &Commit,
        remote: &str,
        made: bool,
    ) -> Result<(), Stop> {
        if let Some(branch) = &tag.branch {
            let words = program::push_branch(&project.source, remote, branch);
            let doing = format!("pushing the branch {branch} to {remote}");
            let pushed = program::run(&words, &doing).await;
            pushed.map_err(|fault| kept(fault, tag))?;
        }
        let words = program::push(&project.source, remote, &tag.name);
        let doing = format!("pushing tag {} to {remote}", tag.name);
        let Err(fault) = program::run(&words, &doing).await else {
            return Ok(());
        };
        let here = self.outside.tag_object(project, &tag.name).await?;
        let reference = format!("refs/tags/{}", tag.name);
        match program::remote_object(&project.source, remote, &reference).await {
            // It arrived, and its answer was lost.
            Ok(there) if there.is_some() && there == here => Ok(()),
            Ok(Some(_)) => {
                if let (true, Some(object)) = (made, &here) {
                    let words = program::take_back(&project.source, &tag.name, object);
                    let doing = format!("taking tag {} back, which nobody has seen", tag.name);
                    program::run(&words, &doing).await?;
                }
                let refusal = taken_there(tag, remote);
                self.dropped(project, tag, commit, &refusal.sentence)
                    .await?;
                Err(refusal.into())
            }
            Err(_) if fault.leaves_outcome_unknown() => {
                self.output.fault(self.rehearsal(), &kept(fault, tag));
                Err(Stop::Exit(Exit::Unknown))
            }
            Ok(None) | Err(_) => Err(kept(fault, tag).into()),
        }
    }

    /// It came to nothing, and the next one does not go on with it.
    async fn dropped(
        &self,
        project: &Project,
        tag: &Tag,
        commit: &Commit,
        reason: &str,
    ) -> Result<(), Stop> {
        let body = Body::TagDropped {
            tag: Clean::new(&tag.name),
            commit: commit.clone(),
            reason: Clean::new(reason),
        };
        Ok(self.outside.tagged(project, &self.actor, body).await?)
    }

    fn told_dry(&self, project: &Project, tag: &Tag, remote: Option<&str>) -> Result<Exit, Stop> {
        let source = &project.source;
        let mut commands: Vec<Words> = Vec::new();
        if tag.commit.is_none() {
            commands = prepare::words(source, &tag.asked, &tag.edits, &tag.message)?;
        }
        // Its id is not known before it is made.
        let commit = tag.commit.as_ref().map_or("NEW_COMMIT", Commit::as_str);
        if let Some(branch) = &tag.branch {
            commands.push(program::branch(source, branch, commit));
        }
        if !tag.there {
            commands.push(program::tag(source, &tag.name, commit, &tag.message));
        }
        if let Some(remote) = remote {
            let branch = tag.branch.as_ref();
            commands.extend(branch.map(|it| program::push_branch(source, remote, it)));
            commands.push(program::push(source, remote, &tag.name));
        }
        let words: Vec<&Vec<String>> = commands.iter().map(|words| &words.0).collect();
        let diff = prepare::diff(&tag.edits)?;
        let object = json!({
            "dry_run": true, "project": project.id, "tag": tag.name, "version": tag.version,
            "commit": tag.commit.as_ref().unwrap_or(&tag.asked), "branch": tag.branch,
            "files": tag.edits.iter().map(|edit| &edit.path).collect::<Vec<_>>(),
            "diff": diff, "commands": words,
        });
        self.data(object, || {
            let diff = diff.iter().map(ToString::to_string);
            diff.chain(commands.iter().map(ToString::to_string))
                .collect()
        });
        Ok(Exit::Done)
    }

    /// The release it names now, with its number.
    async fn told_tag(
        &mut self,
        project: &Project,
        tag: &Tag,
        commit: &Commit,
        remote: Option<&str>,
        done: Done,
    ) -> Result<Exit, Stop> {
        let releases = self.outside.catalogue(project).await?;
        let release = releases.iter().find(|it| it.commit == *commit);
        let files: Vec<&String> = tag.edits.iter().map(|edit| &edit.path).collect();
        let object = json!({
            "project": project.id, "tag": tag.name, "version": tag.version, "commit": commit,
            "base": (*commit != tag.asked).then_some(&tag.asked), "branch": tag.branch, "files": files,
            "made": done.tag, "pushed": remote, "release": release.map(Self::release_json),
        });
        self.data(object, || {
            let mut lines = Vec::new();
            if done.commit {
                let (from, to) = (tag.asked.short(), commit.short());
                lines.push(format!("commit {to} on top of {from}: {}", list(&files)));
            }
            if let Some(branch) = &tag.branch {
                let what = if done.branch { "made" } else { "was there" };
                lines.push(format!("branch {branch} {what}"));
            }
            let what = if done.tag { "tagged" } else { "is" };
            lines.push(format!("commit {} {what} {}", commit.short(), tag.name));
            lines.extend(release.map(|release| format!("release {}", release.title())));
            lines.push(match remote {
                Some(remote) => format!("pushed to {remote}"),
                None => format!(
                    "not pushed: release tag {} --commit {} --version {} --push",
                    project.id.name(),
                    tag.asked.short(),
                    tag.version
                ),
            });
            if *commit != tag.asked && tag.branch.is_none() {
                lines.push(format!(
                    "no branch holds that commit, only its tag; bring it to main with: git merge {}",
                    tag.name
                ));
            }
            lines
        });
        Ok(Exit::Done)
    }
}

fn list(files: &[&String]) -> String {
    let files: Vec<&str> = files.iter().map(|file| file.as_str()).collect();
    files.join(", ")
}

/// The version that a tag of this project says.
fn version_of(project: &Project, tag: &Clean) -> Option<Version> {
    let name = match project.tags {
        TagStrategy::Monorepo => tag
            .as_str()
            .strip_prefix(project.id.name())?
            .strip_prefix('/')?,
        TagStrategy::TagAll => tag.as_str(),
    };
    name.parse().ok()
}

fn branch_taken(branch: &str, place: &str) -> Refusal {
    let sentence = format!(
        "{place} has a branch {branch} already, on another commit; a branch is never moved"
    );
    Refusal::raced("version.branch", sentence)
        .hint("look at it, and remove it or choose another version")
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
