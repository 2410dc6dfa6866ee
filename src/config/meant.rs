//! The configuration as meant: forms become the nouns of the domain, and what one key says about another is
//! followed up. A form that lacks what names it was reported already and is left out.

mod access;
mod item;
mod measured;
mod migration;
mod people;
mod place;
mod quorum;
pub(super) mod screen;
mod shipped;
mod target;
mod tight;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::domain::{
    hotfix::Budgets,
    project::{CatalogueSource, ImageSource, Project, ProjectId, TagStrategy, Triggers},
    version_file::{Place, Preparing, VersionFile},
    workspace::{Rehearsal, Timings, Workspace},
};

use super::{
    paths::{self, Folders},
    problem::{At, Report},
    typed::Form,
};

/// A noun, and the form it was typed on.
struct Meant<'f, T> {
    form: &'f Form,
    value: T,
}

/// What paths are resolved against.
pub struct Ground<'a> {
    /// Where the file is.
    pub folder: &'a Path,
    pub folders: Option<&'a Folders>,
}

impl Ground<'_> {
    fn path(&self, form: &Form, key: &str, report: &mut Report) -> Option<PathBuf> {
        let typed = form.text(key)?;
        let home = self.folders.and_then(|folders| folders.home.as_deref());
        let path = paths::resolve(typed, self.folder, home);
        if path.is_none() {
            report.problem(
                form.place(key),
                format!("`{key}` begins with a home folder that cannot be found"),
                "write the whole path",
            );
        }
        path
    }
}

/// Reports whatever is wrong; what comes back counts only when nothing is.
pub fn workspace(root: &Form, ground: &Ground, report: &mut Report) -> Workspace {
    let projects = projects(root, ground, report);
    let environments = place::environments(root, report);
    let people = people::people(root, &environments, report);
    place::order(&environments, report);
    quorum::quorums(root, &environments, &people, report);
    let timings = timings(root, report);
    let access = access::access(root, ground, &projects, report);
    let named = target::Named {
        ci: &access.ci,
        projects: &projects,
        environments: &environments,
        complete: projects.len() == root.forms("project").len()
            && environments.len() == root.forms("environment").len(),
        scrape_interval: timings.scrape_interval,
    };
    let (targets, own) = target::targets(root, ground, &named, report);
    quorum::tightened(root, &environments, &people, &own, report);
    for key in ["project", "environment", "target"] {
        if root.is_typed(key) && root.forms(key).is_empty() {
            report.problem(
                root.place(key),
                format!("there is no [[{key}]]"),
                "add one; config.example.toml shows how",
            );
        }
    }
    Workspace {
        name: root.text("name").unwrap_or_default().to_owned(),
        projects: projects.into_iter().map(|meant| meant.value).collect(),
        environments: place::resolved(environments, own),
        targets,
        people: people.into_iter().map(|meant| meant.value).collect(),
        timings,
        trust_names: root.flag("trust_names"),
        access,
        ledger: ledger(root, ground, report),
        state_files: state_files(root, ground, report),
        rehearsal: root.form("rehearsal").map(|form| Rehearsal {
            scenario: form.text("scenario").unwrap_or_default().to_owned(),
            speed: form.number("speed").unwrap_or(1.0),
        }),
    }
}

/// Files are named by release alone, so each project has a folder of its own.
fn state_files(root: &Form, ground: &Ground, report: &mut Report) -> BTreeMap<ProjectId, PathBuf> {
    let mut folders: BTreeMap<ProjectId, PathBuf> = BTreeMap::new();
    for form in root.forms("project") {
        let id = form.text("id").and_then(|id| ProjectId::parse(id).ok());
        let (Some(id), Some(folder)) = (id, ground.path(form, "state_files", report)) else {
            continue;
        };
        if let Some((other, _)) = folders.iter().find(|(_, taken)| **taken == folder) {
            report.problem(
                form.place("state_files"),
                format!("{other} keeps its state files there too"),
                "give every project a folder of its own",
            );
        }
        folders.insert(id, folder);
    }
    folders
}

fn ledger(root: &Form, ground: &Ground, report: &mut Report) -> PathBuf {
    match root.form("ledger") {
        Some(form) if form.is_typed("path") => {
            ground.path(form, "path", report).unwrap_or_default()
        }
        _ => ground.folders.map_or_else(
            || {
                report.problem(
                    root.at,
                    "there is no home folder to keep the ledger in",
                    "name a file: [ledger] path = \"…\"",
                );
                PathBuf::new()
            },
            Folders::ledger,
        ),
    }
}

fn timings(root: &Form, report: &mut Report) -> Timings {
    let standard = Timings::default();
    let Some(form) = root.form("timings") else {
        return standard;
    };
    let duration = |key: &str, standard| form.duration(key).unwrap_or(standard);
    let timings = Timings {
        mutation_deadline: duration("mutation_deadline", standard.mutation_deadline),
        settling: duration("settling", standard.settling),
        stale: duration("stale", standard.stale),
        health_interval: duration("health_interval", standard.health_interval),
        health_answers: form
            .count("health_answers")
            .and_then(|count| u32::try_from(count).ok())
            .unwrap_or(standard.health_answers),
        scrape_interval: duration("scrape_interval", standard.scrape_interval),
        countersign: duration("countersign", standard.countersign),
        hotfix: Budgets::new(|leg| duration(&format!("hotfix_{leg}"), leg.budget())),
        heartbeat: duration("heartbeat", standard.heartbeat),
        absent: duration("absent", standard.absent),
    };
    for (key, interval) in [
        ("health_interval", timings.health_interval),
        ("scrape_interval", timings.scrape_interval),
    ] {
        if interval >= timings.stale {
            let key_typed = if form.is_typed(key) { key } else { "stale" };
            report.problem(
                form.place(key_typed),
                format!("with this `{key}` every reading is stale before the next one comes"),
                format!("keep `{key}` below `stale`"),
            );
        }
    }
    if timings.heartbeat >= timings.absent {
        let key = if form.is_typed("heartbeat") {
            "heartbeat"
        } else {
            "absent"
        };
        report.problem(
            form.place(key),
            "with this `heartbeat` everybody is absent before they are heard again",
            "keep `heartbeat` below `absent`",
        );
    }
    timings
}

fn projects<'f>(root: &'f Form, ground: &Ground, report: &mut Report) -> Vec<Meant<'f, Project>> {
    let mut projects: Vec<Meant<Project>> = Vec::new();
    for form in root.forms("project") {
        let image = image(form, report);
        let source = ground.path(form, "source", report).unwrap_or_default();
        if !form.is_typed("source") && form.text("catalogue") != Some("oci") {
            report.problem(
                form.place("id"),
                "[[project]] needs `source`, the git repository on this machine",
                "add it, or list releases from the registry: catalogue = \"oci\"",
            );
        }
        let Some(id) = form.text("id").and_then(|id| ProjectId::parse(id).ok()) else {
            continue;
        };
        if projects.iter().any(|other| other.value.id == id) {
            report.problem(
                form.place("id"),
                format!("there is a second [[project]] {id}"),
                "leave one of them out",
            );
        }
        let value = Project {
            id,
            source,
            tags: if form.text("tags") == Some("tag-all") {
                TagStrategy::TagAll
            } else {
                TagStrategy::Monorepo
            },
            branches: values(form.texts("branches")),
            branch_aliases: values(form.texts("branch_aliases")),
            triggers: Triggers::of(form.flag("enabled"), form.flag("tag_trigger")),
            manifests: values(form.texts("manifests")),
            preparing: preparing(form),
            catalogue: if form.text("catalogue") == Some("oci") {
                CatalogueSource::Oci
            } else {
                CatalogueSource::Git
            },
            image,
        };
        projects.push(Meant { form, value });
    }
    projects
}

fn preparing(form: &Form) -> Preparing {
    let files = form.texts("version_files").iter();
    let patterns = form.forms("version_patterns").iter();
    let patterns = patterns.filter_map(|pattern| {
        Some(VersionFile {
            path: pattern.text("path")?.to_owned(),
            place: Place::Pattern(pattern.text("pattern")?.to_owned()),
        })
    });
    Preparing {
        version_files: files
            .filter_map(|file| VersionFile::parse(&file.value))
            .chain(patterns)
            .collect(),
        changelog: form.text("changelog").unwrap_or_default().to_owned(),
    }
}

/// The host of an image has a dot or a port, or is `localhost`; otherwise Docker Hub is meant, which answers
/// under another name (<https://docs.docker.com/reference/cli/docker/image/tag/>).
fn image(form: &Form, report: &mut Report) -> ImageSource {
    let name = form.text("image").unwrap_or_default();
    let host_and_path = name
        .split_once('/')
        .filter(|(host, _)| host.contains(['.', ':']) || *host == "localhost");
    let endpoint = match (form.text("registry"), host_and_path) {
        (Some(typed), _) => typed.trim_end_matches('/').to_owned(),
        (None, Some(("docker.io", _))) => "https://registry-1.docker.io".to_owned(),
        (None, Some((host, _))) => format!("https://{host}"),
        (None, None) => {
            if form.text("image").is_some() && !form.is_typed("registry") {
                report.problem(
                    form.place("image"),
                    format!("image `{name}` names no registry"),
                    "put its host in front, like docker.io/…, or add `registry`",
                );
            }
            String::new()
        }
    };
    ImageSource {
        name: name.to_owned(),
        endpoint,
        repository: form
            .text("registry_repository")
            .or(host_and_path.map(|(_, path)| path))
            .unwrap_or(name)
            .to_owned(),
    }
}

fn values(texts: &[At<String>]) -> Vec<String> {
    texts.iter().map(|text| text.value.clone()).collect()
}

fn owned(form: &Form, key: &str) -> Option<String> {
    form.text(key).map(str::to_owned)
}
