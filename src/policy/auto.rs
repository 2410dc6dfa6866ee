//! Auto-deploy (SPEC E7): which release an environment that follows its branches or tags would fly next, and in whose
//! name. Only ever forward, one at a time, and never again what was tried here before: what a person cancelled, aborted,
//! rolled back or grounded stays where it is until a person asks for it.

use super::{facts::Facts, gate::Verdict, gates::fit, planner};
use crate::domain::{
    entry::DeploymentId,
    environment::{Environment, EnvironmentName},
    release::{AliasKind, Release},
    workspace::{Actor, IdentityMeans},
};

/// `auto:dev`: what is asked for and flown in no person's name.
pub fn name(environment: &EnvironmentName) -> String {
    format!("auto:{environment}")
}

pub fn actor(environment: &EnvironmentName, host: &str) -> Actor {
    Actor {
        name: name(environment),
        ..Actor::program(host)
    }
}

/// The program itself, where it was told to deploy by itself. A person cannot come by this name: their means differ.
pub fn is_automatic(actor: &Actor, environment: &Environment) -> bool {
    environment.policy.auto_deploy
        && !environment.protected
        && actor.means == IdentityMeans::Program
        && actor.name == name(&environment.name)
}

/// The deployment under way, if it was asked for by auto-deploy.
pub fn own(facts: &Facts<'_>) -> Option<DeploymentId> {
    let current = facts.current()?;
    is_automatic(&current.requester, facts.environment).then(|| current.id.clone())
}

/// The newest release that may enter here by its names, if it is ahead of what is live and was never tried here.
pub fn wanted<'a>(facts: &Facts<'a>) -> Option<&'a Release> {
    let environment = facts.environment;
    if !environment.policy.auto_deploy || environment.protected || facts.current().is_some() {
        return None;
    }
    let newest = facts
        .releases
        .iter()
        .rev()
        .find(|release| follows(facts, release))?;
    let here = facts.state.live.as_ref().map(|live| &live.release);
    let running = facts.running();
    let behind = here
        .into_iter()
        .chain(running.as_ref())
        .any(|release| release.commit == newest.commit || release.number > newest.number);
    let mut past = facts.state.past.iter();
    let tried = past.any(|past| past.release.commit == newest.commit)
        || facts.state.grounded.contains_key(&newest.commit);
    (!behind && !tried).then_some(newest)
}

/// By trigger, branch and tag it may enter, and where `auto_deploy_tags` names some it has such a tag.
fn follows(facts: &Facts<'_>, release: &Release) -> bool {
    let policy = &facts.environment.policy;
    let plan = planner::store(facts.environment, facts.target, release, None);
    let allowed = [fit::trigger, fit::branch, fit::tag]
        .iter()
        .all(|judge| judge(facts, &plan).is_none_or(|(verdict, _)| verdict == Verdict::Pass));
    let mut tags = release
        .aliases
        .iter()
        .filter(|alias| alias.kind == AliasKind::Tag);
    let globs = &policy.auto_deploy_tags;
    let tagged = globs.is_empty() || tags.any(|tag| fit::tag_allowed(globs, tag.name.as_ref()));
    allowed && tagged
}
