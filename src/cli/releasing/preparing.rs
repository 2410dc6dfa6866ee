//! What `release tag` changes in the repository before it tags: the version in its files, and its section of the
//! CHANGELOG. Only in memory so far.

use jiff::tz::TimeZone;

use crate::{
    adapters::{
        git::prepare::{self, Edit},
        version_file,
    },
    cli::{
        args::TagWish,
        headless::{Headless, Stop},
    },
    domain::{changelog, notes, project::Project, release::Commit},
    policy::refusal::{Refusal, RefusalKind},
};

use super::tagging::Tag;

impl Headless {
    /// Fills in what has to change, and what is tagged where nothing has to.
    pub(super) async fn prepared(
        &self,
        project: &Project,
        wish: &TagWish,
        tag: &mut Tag,
    ) -> Result<(), Stop> {
        if wish.with.files && project.preparing.version_files.is_empty() {
            let sentence = format!("{} names no files that say its version", project.id);
            let refusal = Refusal::new(RefusalKind::Usage, "version.files", sentence)
                .hint("add version_files = [\"package.json:/version\"] to its [[project]]");
            return Err(refusal.into());
        }
        if wish.with.changelog && !tag.version.is_release() {
            let sentence = format!(
                "{} is no release yet: what it brings stays under Unreleased",
                tag.version
            );
            let refusal = Refusal::rule("version.changelog", sentence);
            return Err(refusal.hint("leave --changelog out").into());
        }
        if tag.commit.is_none()
            && let Some(begun) = &tag.begun
            && prepare::is_here(&project.source, &begun.commit)?
        {
            tag.commit = Some(begun.commit.clone());
            tag.branch = begun
                .branch
                .as_ref()
                .map(ToString::to_string)
                .or(tag.branch.take());
        }
        let on = tag.commit.clone().unwrap_or_else(|| tag.asked.clone());
        let edits = self.edits(project, wish, tag, &on).await?;
        match (&tag.commit, edits.first()) {
            (None, None) => tag.commit = Some(tag.asked.clone()),
            (None, Some(_)) => tag.edits = edits,
            (Some(_), None) => {}
            (Some(commit), Some(edit)) => {
                let sentence = format!(
                    "tag {} was begun on commit {}, whose {} says something else; a tag is never moved",
                    tag.name,
                    commit.short(),
                    edit.path
                );
                let refusal = Refusal::rule("version.taken", sentence)
                    .hint("end it as it was begun, or choose the next version");
                return Err(refusal.into());
            }
        }
        Ok(())
    }

    /// What is not as it is to be at that commit.
    async fn edits(
        &self,
        project: &Project,
        wish: &TagWish,
        tag: &Tag,
        on: &Commit,
    ) -> Result<Vec<Edit>, Stop> {
        let mut edits: Vec<Edit> = Vec::new();
        for file in project
            .preparing
            .version_files
            .iter()
            .filter(|_| wish.with.files)
        {
            // The same file may say it at several places.
            let before = match edits.iter().find(|edit| edit.path == file.path) {
                Some(edit) => Some(edit.after.clone()),
                None => prepare::read(&project.source, on, &file.path)?,
            };
            let refuse = |why: &str| {
                let sentence = format!("{file} at commit {}: {why}", on.short());
                Refusal::rule("version.files", sentence)
                    .hint("see version_files of the project in the configuration")
            };
            let before = before.ok_or_else(|| refuse("there is no such file"))?;
            let (after, _) =
                version_file::set(file, &before, tag.version).map_err(|why| refuse(&why))?;
            note(&mut edits, &file.path, Some(before), after);
        }
        if wish.with.changelog {
            let path = &project.preparing.changelog;
            let before = prepare::read(&project.source, on, path)?;
            let day = self.outside.now().to_zoned(TimeZone::UTC).date();
            let has = |text: &String| changelog::has(text, tag.version);
            let told = if before.as_ref().is_some_and(has) {
                Vec::new()
            } else {
                self.commits_told(project, tag, on).await?
            };
            let after = changelog::release(before.as_deref(), tag.version, day, &told);
            note(&mut edits, path, before, after);
        }
        edits.retain(|edit| edit.before.as_ref() != Some(&edit.after));
        Ok(edits)
    }

    /// The commits since the last release that this one contains, as notes.
    async fn commits_told(
        &self,
        project: &Project,
        tag: &Tag,
        on: &Commit,
    ) -> Result<Vec<notes::Note>, Stop> {
        let versions = self.outside.versions(project, on, None).await?;
        let mut before = versions.contained.iter().rev();
        let before = before.find(|it| it.is_release() && **it != tag.version);
        let before = before.and_then(|it| versions.taken.get(it)).cloned();
        let log = self.outside.since(project, before, on).await?;
        let left_out = log.total.saturating_sub(log.commits.len());
        if left_out > 0 {
            self.output.say(&format!(
                "gonogo: {}; {left_out} older ones are not in the CHANGELOG",
                log.summary()
            ));
        }
        Ok(notes::notes(&log.commits))
    }
}

/// Another change of a file goes on from the one before.
fn note(edits: &mut Vec<Edit>, path: &str, before: Option<String>, after: String) {
    match edits.iter_mut().find(|edit| edit.path == path) {
        Some(edit) => edit.after = after,
        None => edits.push(Edit {
            path: path.to_owned(),
            before,
            after,
        }),
    }
}
