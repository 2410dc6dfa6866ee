//! Commands of a hotfix: started where it burns, moved on, its list worked off, its backport proved, given up
//! (SPEC R8). They write to the stream of their project's hotfixes.

use serde::{Deserialize, Serialize};

use super::{Body, Decision, Facts, ItemId, Refusal, RefusalKind, record, time};
use crate::domain::{
    hotfix::{BACKPORT, Carried, Criterion, Hotfix, PatchVerdict, proofs, why_no_name},
    target::TargetId,
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "hotfix")]
pub enum HotfixCommand {
    Start {
        name: String,
        criterion: Criterion,
        /// The branch is pushed to `origin`, too.
        push: bool,
        /// One with the same criterion may be open already.
        #[serde(default)]
        again: bool,
    },
    /// On to the next leg of the clock.
    Advance {
        name: String,
    },
    Check {
        name: String,
        item: ItemId,
        note: Option<String>,
    },
    /// Ask for the proof, and record it.
    Backport {
        name: String,
    },
    GiveUp {
        name: String,
        reason: String,
    },
}

impl HotfixCommand {
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Start { .. } => "hotfix start",
            Self::Advance { .. } => "hotfix advance",
            Self::Check { .. } => "hotfix check",
            Self::Backport { .. } => "hotfix backport",
            Self::GiveUp { .. } => "hotfix give-up",
        }
    }
}

pub(super) fn hotfix(facts: &Facts<'_>, command: &HotfixCommand) -> Result<Decision, Refusal> {
    if facts.hotfixes.read_only {
        let sentence = format!(
            "the hotfixes of {} hold entries of a later gonogo; this one only reads them",
            facts.target.id.project
        );
        return Err(Refusal::rule("ledger.format", sentence).hint("use the newer program"));
    }
    match command {
        HotfixCommand::Start {
            name,
            criterion,
            again,
            ..
        } => start(facts, name, *criterion, *again),
        HotfixCommand::Advance { name } => advance(facts, name),
        HotfixCommand::Check { name, item, note } => check(facts, name, item, note.as_ref()),
        HotfixCommand::Backport { name } => backport(facts, name),
        HotfixCommand::GiveUp { name, reason } => give_up(facts, name, reason),
    }
}

fn named<'a>(facts: &Facts<'a>, name: &str) -> Result<&'a Hotfix, Refusal> {
    let hotfix = facts.hotfixes.named(name).ok_or_else(|| {
        let open: Vec<&str> = facts.hotfixes.open().map(|h| h.name.as_str()).collect();
        let open = if open.is_empty() {
            "none is open".to_owned()
        } else {
            format!("open: {}", open.join(", "))
        };
        Refusal::new(
            RefusalKind::NotFound,
            "hotfix.name",
            format!(
                "{} has no hotfix `{name}`; {open}",
                facts.target.id.project.name()
            ),
        )
    })?;
    if let Some(closed) = &hotfix.closed {
        let sentence = format!("{} gave hotfix {name} up already", closed.by);
        return Err(Refusal::raced("hotfix.closed", sentence));
    }
    Ok(hotfix)
}

/// What opens a second one with a criterion that burns already has to say so.
pub const AGAIN: &str = "hotfix.again";

fn start(
    facts: &Facts<'_>,
    name: &str,
    criterion: Criterion,
    again: bool,
) -> Result<Decision, Refusal> {
    if let Some(why) = why_no_name(name) {
        return Err(Refusal::new(RefusalKind::Usage, "hotfix.name", why));
    }
    if let Some(other) = facts.hotfixes.named(name) {
        let ago = time::age(facts.now.duration_since(other.started_at));
        let sentence = format!("{} started hotfix {name} {ago} ago", other.by);
        return Err(
            Refusal::raced("hotfix.name", sentence).hint("gonogo hotfix status, or another name")
        );
    }
    let mut open = facts.hotfixes.open();
    if let Some(other) = open.find(|other| other.criterion == criterion && !again) {
        let ago = time::age(facts.now.duration_since(other.started_at));
        let sentence = format!(
            "hotfix {} ({criterion}) is open, started by {} {ago} ago",
            other.name, other.by
        );
        return Err(Refusal::rule(AGAIN, sentence)
            .hint("gonogo hotfix status shows it; --again opens a second one"));
    }
    let environment = &facts.environment.name;
    let mut places = facts.workspace.environments.iter().rev();
    let home = places.find(|place| {
        let id = TargetId::new(place.name.clone(), facts.target.id.project.clone());
        facts.workspace.target(&id).is_some()
    });
    if let Some(home) = home.filter(|home| home.name != *environment) {
        let sentence = format!(
            "a hotfix begins at what is live in {}, not in {environment}",
            home.name
        );
        return Err(Refusal::rule("hotfix.home", sentence)
            .hint(format!("select {} and start it there", home.name)));
    }
    let Some(live) = &facts.state.live else {
        let sentence = format!("nothing is live in {environment} by the ledger: nothing to fix");
        return Err(Refusal::new(RefusalKind::NotFound, "hotfix.live", sentence));
    };
    if live.release.is_only_a_revision() {
        let sentence = format!(
            "{} is live in {environment} and no commit is known for it, so no branch can begin there",
            live.release.title()
        );
        return Err(Refusal::rule("hotfix.live", sentence));
    }
    let policy = facts.environment.policy.hotfix.clone().unwrap_or_default();
    let running = facts
        .running()
        .filter(|running| running.commit != live.release.commit)
        .map(Box::new);
    Ok(record(Body::HotfixStarted {
        name: name.to_owned(),
        branch: format!("hotfix/{name}"),
        onto: policy.onto,
        criterion,
        from: Box::new(live.release.clone()),
        environment: environment.clone(),
        running,
    }))
}

fn advance(facts: &Facts<'_>, name: &str) -> Result<Decision, Refusal> {
    let hotfix = named(facts, name)?;
    let leg = hotfix.leg().next().ok_or_else(|| {
        let sentence = "monitoring is the last leg; it ends when the deployment is closed";
        Refusal::rule("hotfix.leg", sentence)
    })?;
    Ok(record(Body::HotfixAdvanced {
        name: name.to_owned(),
        leg,
    }))
}

fn check(
    facts: &Facts<'_>,
    name: &str,
    item: &ItemId,
    note: Option<&String>,
) -> Result<Decision, Refusal> {
    let hotfix = named(facts, name)?;
    if item.0 == BACKPORT {
        let sentence = format!("{item} is closed by the proof alone, not by a word");
        return Err(
            Refusal::rule("hotfix.backport", sentence).hint("gonogo hotfix backport PROJECT")
        );
    }
    if let Some(signed) = hotfix.checked.get(item) {
        let sentence = format!("{item} was checked already by {}", signed.by);
        return Err(Refusal::raced("checklist.done", sentence));
    }
    if !hotfix.owed.iter().any(|owed| owed.id == *item) {
        let owed: Vec<&str> = hotfix.owed.iter().map(|owed| owed.id.0.as_str()).collect();
        let sentence = if owed.is_empty() {
            format!("hotfix {name} put no item off")
        } else {
            format!(
                "no item `{item}`; hotfix {name} put off: {}",
                owed.join(", ")
            )
        };
        return Err(Refusal::new(RefusalKind::NotFound, "checklist", sentence));
    }
    if hotfix.landed().is_none() {
        let sentence = format!(
            "{item} follows after the flight; hotfix {name} is not live in {} yet",
            hotfix.environment
        );
        return Err(Refusal::rule("hotfix.order", sentence));
    }
    Ok(record(Body::HotfixChecked {
        name: name.to_owned(),
        item: item.clone(),
        note: note.cloned(),
    }))
}

/// Recorded only when every commit is proved: the first that is not is named.
fn backport(facts: &Facts<'_>, name: &str) -> Result<Decision, Refusal> {
    let hotfix = named(facts, name)?;
    if let Some(done) = &hotfix.backported {
        let sentence = format!(
            "hotfix {name} was proved on {} already, asked by {}",
            hotfix.onto, done.by
        );
        return Err(Refusal::raced("hotfix.backport", sentence));
    }
    let proofs = proofs(facts.releases, hotfix);
    if proofs.is_empty() {
        let sentence = format!(
            "git names no commit of hotfix {name} among the releases: nothing is on {} beyond {}",
            hotfix.branch,
            hotfix.from.title()
        );
        return Err(Refusal::rule("hotfix.backport", sentence)
            .hint("commit the fix; `branches` of the project has to match the branch"));
    }
    let mut fixes: Vec<Carried> = Vec::new();
    for proof in &proofs {
        let fix = &proof.fix;
        let sentence = match &proof.verdict {
            PatchVerdict::Proved { by } => {
                fixes.push(by.clone());
                continue;
            }
            PatchVerdict::Missing => format!(
                "{} ({}) of hotfix {name} is not on {}: neither the commit nor its patch id",
                fix.commit.short(),
                fix.subject,
                hotfix.onto
            ),
            PatchVerdict::CannotTell { why } => format!(
                "whether {} of hotfix {name} is on {} cannot be told: {why}",
                fix.commit.short(),
                hotfix.onto
            ),
        };
        return Err(Refusal::rule("hotfix.backport", sentence).hint(format!(
            "merge or cherry-pick {} into {}, then ask again",
            hotfix.branch, hotfix.onto
        )));
    }
    Ok(record(Body::HotfixBackported {
        name: name.to_owned(),
        fixes,
    }))
}

/// What landed is not given up: what it owes is paid.
fn give_up(facts: &Facts<'_>, name: &str, reason: &str) -> Result<Decision, Refusal> {
    let hotfix = named(facts, name)?;
    if reason.trim().is_empty() {
        let sentence = "giving a hotfix up needs a reason";
        return Err(Refusal::new(RefusalKind::Usage, "hotfix.reason", sentence));
    }
    if let Some(flight) = hotfix.landed() {
        let open = hotfix.open_items();
        let sentence = format!(
            "hotfix {name} is live in {} as {}; it ends when nothing is open, not by a word ({} open)",
            flight.environment,
            flight.release.title(),
            open.len()
        );
        return Err(Refusal::rule("hotfix.landed", sentence).hint("gonogo hotfix status"));
    }
    if let Some(flight) = hotfix.flights.iter().find(|flight| flight.ended.is_none()) {
        let sentence = format!(
            "{} of hotfix {name} is under way in {}; end that first",
            flight.deployment, flight.environment
        );
        return Err(Refusal::rule("hotfix.flight", sentence));
    }
    Ok(record(Body::HotfixClosed {
        name: name.to_owned(),
        reason: reason.to_owned(),
    }))
}
