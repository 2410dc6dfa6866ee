//! Hotfixes, as screens and verbs show them: where they burn, and which one is meant.

use crate::{
    domain::{hotfix::Hotfix, project::ProjectId, target::Target, workspace::Workspace},
    policy::{
        facts::Facts,
        refusal::{Refusal, RefusalKind},
    },
};

/// Where hotfixes of a project burn: its target in the last environment it runs in.
pub fn home<'a>(workspace: &'a Workspace, project: &ProjectId) -> Option<&'a Target> {
    workspace.environments.iter().rev().find_map(|environment| {
        workspace.targets.iter().find(|target| {
            target.id.project == *project && target.id.environment == environment.name
        })
    })
}

/// What is open of the hotfixes that began in this target.
pub fn hotfixes<'a>(facts: &Facts<'a>) -> impl Iterator<Item = &'a Hotfix> {
    let here = &facts.target.id.environment;
    facts
        .hotfixes
        .open()
        .filter(move |hotfix| hotfix.environment == *here)
}

/// The one of that name, else the only one that is open.
pub fn only_hotfix(facts: &Facts<'_>, name: Option<&str>) -> Result<String, Refusal> {
    let missing =
        |sentence: String| Err(Refusal::new(RefusalKind::NotFound, "hotfix.name", sentence));
    let project = facts.target.id.project.name();
    let open: Vec<&str> = facts.hotfixes.open().map(|h| h.name.as_str()).collect();
    match (name, open.as_slice()) {
        (Some(name), _) if facts.hotfixes.named(name).is_some() => Ok(name.to_owned()),
        (None, [one]) => Ok((*one).to_owned()),
        (Some(name), []) => missing(format!("{project} has no hotfix `{name}`; none is open")),
        (Some(name), open) => missing(format!(
            "{project} has no hotfix `{name}`; open: {}",
            open.join(", ")
        )),
        (None, []) => missing(format!("no hotfix of {project} is open")),
        (None, open) => missing(format!(
            "{project} has several open hotfixes, say which with --name: {}",
            open.join(", ")
        )),
    }
}
