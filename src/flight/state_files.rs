//! What the state files of a project have to say, derived from the ledger alone (SPEC D14): the same whenever it is
//! derived, whoever does it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde_json::{Map, json};

use crate::domain::{
    entry::{Ending, StreamId},
    environment::EnvironmentName,
    history::Record,
    project::ProjectId,
    release::{Commit, ReleaseRef},
    state_file::{EnvironmentFile, ReleaseFile, StateFile, Status, file_name},
    target::TargetId,
    text::Clean,
    version::Version,
};

use super::known::Known;

/// One file, and what has to stand in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    pub path: PathBuf,
    pub content: StateFile,
}

/// All files of all projects that keep some.
pub fn expected(known: &Known) -> Vec<Expected> {
    let folders = known.workspace.state_files.iter();
    folders
        .flat_map(|(project, folder)| of_project(known, project, folder))
        .collect()
}

fn of_project(known: &Known, project: &ProjectId, folder: &Path) -> Vec<Expected> {
    let environments: Vec<&EnvironmentName> = known
        .workspace
        .environments
        .iter()
        .map(|environment| &environment.name)
        .filter(|name| {
            known
                .workspace
                .target(&TargetId::new((*name).clone(), project.clone()))
                .is_some()
        })
        .collect();
    let mut releases: BTreeMap<&Commit, Vec<&Record>> = BTreeMap::new();
    let mut files = Vec::new();
    for name in &environments {
        let id = TargetId::new((*name).clone(), project.clone());
        let Some(target) = known.targets.get(&id) else {
            continue;
        };
        // A rollback says how it ended for the release that it left, not for the one that it went to.
        for record in target
            .history
            .records()
            .iter()
            .filter(|record| !record.rollback)
        {
            releases
                .entry(&record.release.commit)
                .or_default()
                .push(record);
        }
        let live = target.state.live.as_ref();
        let file = EnvironmentFile {
            environment: name.to_string(),
            version: live.map(|live| release_id(&live.release)),
            number: live.map(|live| live.release.number),
            commit: live.map(|live| live.release.commit.to_string()),
            image: live.and_then(|live| live.release.image.clone()),
            since: live.map(|live| live.since),
            others: Map::new(),
        };
        if let Some(file_name) = file_name(name.as_str()) {
            files.push(Expected {
                path: folder.join("environments").join(file_name),
                content: StateFile::Environment(file),
            });
        }
    }
    for records in releases.values() {
        let content = release_file(known, &environments, records);
        let path = content
            .as_ref()
            .and_then(|file| file_name(&file.release_id));
        if let (Some(content), Some(path)) = (content, path) {
            files.push(Expected {
                path: folder.join("releases").join(path),
                content: StateFile::Release(content),
            });
        }
    }
    files
}

/// The name that people know it by: its friendliest, or its number where that is no file name.
fn release_id(release: &ReleaseRef) -> String {
    let name = release.name.as_ref().map(Clean::as_str);
    name.filter(|name| file_name(name).is_some())
        .map_or_else(|| release.number.to_string(), str::to_owned)
}

/// The records of one release in every environment, each environment's oldest first.
fn release_file(
    known: &Known,
    environments: &[&EnvironmentName],
    records: &[&Record],
) -> Option<ReleaseFile> {
    let newest = records.iter().max_by_key(|record| record.requested.at)?;
    let statuses: BTreeMap<String, Status> = environments
        .iter()
        .map(|name| {
            let last = records
                .iter()
                .rev()
                .find(|record| record.target.environment == **name);
            let status = last.map_or(Status::Pending, |record| status(known, record));
            (name.to_string(), status)
        })
        .collect();
    let latest = status(known, newest);
    let all = |wanted: Status| {
        environments
            .last()
            .and_then(|last| statuses.get(last.as_str()))
            == Some(&wanted)
    };
    let begun = statuses
        .values()
        .any(|s| matches!(s, Status::Deployed | Status::Deploying));
    let whole = match latest {
        Status::Failed | Status::RolledBack => latest,
        _ if all(Status::Deployed) => Status::Deployed,
        _ if begun => Status::Deploying,
        _ => latest,
    };
    Some(ReleaseFile {
        release_id: release_id(&newest.release),
        kind: kind(known, newest),
        status: whole,
        environments: statuses
            .into_iter()
            .map(|(name, status)| (name, json!(status)))
            .collect(),
        artifacts: newest.release.image.iter().cloned().collect(),
        rollback_version: newest.before.as_ref().map(release_id),
        deployment_start: newest.took_off.as_ref().map(|off| off.at),
        others: Map::new(),
    })
}

fn status(known: &Known, record: &Record) -> Status {
    match record.ended.as_ref().map(|ended| ended.how) {
        Some(Ending::RolledBack) => Status::RolledBack,
        Some(Ending::Closed) if was_left(known, record) => Status::RolledBack,
        Some(Ending::Closed) => Status::Deployed,
        None if record.rolled_back.is_some() => Status::Failed,
        None if record.promoted_at.is_some() => Status::Deployed,
        None if record.aborted.is_some() => Status::Failed,
        None if record.took_off.is_some() => Status::Deploying,
        Some(Ending::Cancelled) | None => Status::Pending,
    }
}

/// A rollback of its own took it away after it was closed.
fn was_left(known: &Known, record: &Record) -> bool {
    let Some(target) = known.targets.get(&record.target) else {
        return false;
    };
    let later = |back: &&Record| {
        let left = back.before.as_ref().map(|before| &before.commit);
        back.rollback
            && left == Some(&record.release.commit)
            && back.requested.at >= record.requested.at
            && back.recovery().is_some()
    };
    target.history.records().iter().any(|back| later(&back))
}

/// As it was created, else as its version proposes (SPEC R13).
fn kind(known: &Known, record: &Record) -> Option<String> {
    let stream = StreamId::releases(&record.target.project);
    let created = known
        .kinds
        .get(&(stream, record.release.commit.clone()))
        .copied();
    let proposed = || {
        let name = record.release.name.as_ref()?.as_str();
        name.parse::<Version>().ok()?.release_type()
    };
    created.or_else(proposed).map(|kind| kind.word().to_owned())
}
