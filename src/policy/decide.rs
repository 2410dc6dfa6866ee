//! `decide`: a command, the facts and who asks, to entries or an act or a refusal. The same for the screen, the
//! verbs and two operators at once: after a lost race it is simply asked again.

mod acting;
mod drifting;
mod flying;
mod guarding;
mod hotfix;
pub mod items;
mod papers;
mod places;
mod steering;
mod stopping;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::domain::{
    change::{Act, ActKind, Cause},
    deployment::{Deployment, FlightState, ItemStatus, LastAct},
    entry::{Answer, Body, Ending, OutsideAct},
    environment::Policy,
    evidence::Evidence,
    plan::{ItemId, StoredPlan},
    release::{Digest, Release, ReleaseRef},
    rollout::Workload,
    target::WorkloadKind,
    time,
    workspace::{Actor, Person},
};

use super::{
    auto, controls,
    facts::Facts,
    gate::{Judgement, Verdict},
    gates,
    migration::{self, Typed},
    planner,
    refusal::{Refusal, RefusalKind},
};

pub use hotfix::{AGAIN, HotfixCommand};

/// What a key or a verb means, with what it was meant for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "command")]
pub enum Command {
    Request {
        plan: Box<StoredPlan>,
        reason: String,
    },
    Cancel {
        reason: Option<String>,
    },
    Approve {
        plan: Digest,
        reason: String,
    },
    Reject {
        plan: Digest,
        reason: String,
    },
    /// Not now: it stands like a NO-GO.
    SayHold {
        plan: Digest,
        reason: String,
    },
    Withdraw {
        plan: Digest,
    },
    Check {
        item: ItemId,
        note: Option<String>,
    },
    /// Run an item of the checklist, here.
    Run {
        item: ItemId,
        note: Option<String>,
        /// Of one that acts.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        confirmed: Option<Typed>,
    },
    /// Somebody read what an item printed, and answers for this output.
    Read {
        item: ItemId,
        of: Digest,
        reason: String,
    },
    /// Judge a probe from what is watched.
    Measure {
        item: ItemId,
    },
    /// End a run, whoever began it.
    StopRun {
        item: ItemId,
    },
    /// How a run ended.
    Conclude {
        item: ItemId,
        ok: bool,
        evidence: Box<Evidence>,
        note: Option<String>,
    },
    Waive {
        item: ItemId,
        reason: String,
    },
    Reopen {
        item: ItemId,
        reason: Option<String>,
    },
    /// Say something about an item, and leave it as it is.
    Note {
        item: ItemId,
        text: String,
    },
    Fly {
        plan: Digest,
        /// Break-glass, and why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        glass: Option<String>,
    },
    /// A second person answers for a break-glass.
    Countersign {
        reason: String,
    },
    /// The guard holds: nobody pressed a key.
    Guard {
        cause: Box<Cause>,
    },
    StopGuard {
        reason: String,
    },
    /// What runs is recorded as live.
    Adopt {
        reason: String,
    },
    /// `over`: from somebody absent too.
    TakeControls {
        over: bool,
        reason: Option<String>,
    },
    HandControls {
        to: String,
        reason: Option<String>,
    },
    ReleaseControls,
    /// This release does not fly here until somebody clears it.
    Ground {
        release: Box<ReleaseRef>,
        reason: String,
    },
    Clear {
        release: Box<ReleaseRef>,
        reason: String,
    },
    /// Nothing takes off here until it is taken off or over.
    Lock {
        scope: Scope,
        reason: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lasts: Option<SignedDuration>,
    },
    Unlock {
        scope: Scope,
        reason: String,
    },
    /// The file's policy becomes the one in force.
    RecordPolicy {
        reason: String,
    },
    /// From the platform's step it was meant for.
    Promote {
        step: usize,
    },
    PromoteFully,
    Hold,
    Resume,
    Abort,
    Retry,
    RollBack {
        to: Option<Box<ReleaseRef>>,
        staged: bool,
        reason: String,
    },
    Close,
    Hotfix {
        what: HotfixCommand,
    },
}

/// Whose stream a command is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The whole environment of the target.
    Environment,
    Target,
}

impl Command {
    pub fn scope(&self) -> Scope {
        match self {
            Self::Lock { scope, .. } | Self::Unlock { scope, .. } => *scope,
            Self::RecordPolicy { .. } => Scope::Environment,
            _ => Scope::Target,
        }
    }

    /// Hold, whoever asks for it, abort and rollback: they wait for nothing.
    pub fn is_escape(&self) -> bool {
        matches!(
            self,
            Self::Hold | Self::Abort | Self::RollBack { .. } | Self::Guard { .. }
        )
    }

    /// The word of the command line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::Cancel { .. } => "cancel",
            Self::Approve { .. } => "approve",
            Self::Reject { .. } => "reject",
            Self::SayHold { .. } => "poll --hold",
            Self::Withdraw { .. } => "withdraw",
            Self::Check { .. }
            | Self::Run { .. }
            | Self::Measure { .. }
            | Self::Conclude { .. } => "check",
            Self::Read { .. } => "migrate approve",
            Self::StopRun { .. } => "check --stop",
            Self::Waive { .. } => "waive",
            Self::Reopen { .. } => "reopen",
            Self::Note { .. } => "check --note",
            Self::Fly { glass: None, .. } => "fly",
            Self::Fly { .. } => "fly --break-glass",
            Self::Countersign { .. } => "countersign",
            Self::Guard { .. } => "guard",
            Self::StopGuard { .. } => "guard stop",
            Self::Adopt { .. } => "adopt",
            Self::TakeControls { .. } => "controls take",
            Self::HandControls { .. } => "controls hand",
            Self::ReleaseControls => "controls release",
            Self::Ground { .. } => "ground",
            Self::Clear { .. } => "ground --clear",
            Self::Lock { .. } => "lock",
            Self::Unlock { .. } => "unlock",
            Self::RecordPolicy { .. } => "policy record",
            Self::Promote { .. } => "promote",
            Self::PromoteFully => "promote --full",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::Abort => "abort",
            Self::Retry => "retry",
            Self::RollBack { .. } => "rollback",
            Self::Close => "close",
            Self::Hotfix { what } => what.verb(),
        }
    }

    /// The verb, with the item where it is about one: nobody should have to guess what was just confirmed.
    pub fn title(&self) -> String {
        match self {
            Self::Check { item, .. }
            | Self::Run { item, .. }
            | Self::Read { item, .. }
            | Self::Measure { item }
            | Self::StopRun { item }
            | Self::Conclude { item, .. }
            | Self::Waive { item, .. }
            | Self::Reopen { item, .. }
            | Self::Note { item, .. } => {
                format!("{} {item}", self.verb())
            }
            Self::Hotfix {
                what: HotfixCommand::Check { item, .. },
            } => format!("{} {item}", self.verb()),
            _ => self.verb().to_owned(),
        }
    }
}

/// What follows from a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Written as they are.
    Record(Vec<Body>),
    /// To be confirmed, then executed. `opening` goes into the ledger together with the first intent: the rollback's own
    /// deployment, or the broken glass.
    Act {
        act: Box<Act>,
        opening: Option<Body>,
    },
}

fn record(body: Body) -> Decision {
    Decision::Record(vec![body])
}

fn confirm(act: Act) -> Decision {
    Decision::Act {
        act: Box::new(act),
        opening: None,
    }
}

pub fn decide(command: &Command, facts: &Facts<'_>, actor: &Actor) -> Result<Decision, Refusal> {
    let unrecorded = unrecorded(facts, command.scope());
    if let Some(refusal) = unrecorded.as_ref().filter(|_| !command.is_escape()) {
        return Err(refusal.clone());
    }
    permit(command, facts, actor)?;
    let mut decision = match decided(command, facts, actor) {
        // Who was first is told before who flies.
        Err(refusal) if refusal.kind == RefusalKind::Raced => return Err(refusal),
        decision => {
            let taking = controls::taking(command, facts, actor)?;
            let mut decision = decision?;
            if let (Decision::Act { act, .. }, Some(taking)) = (&mut decision, taking) {
                act.afterwards.push(controls::line(facts, &taking));
                act.controls = Some(taking);
            }
            decision
        }
    };
    if let (Decision::Act { act, .. }, Some(silent)) = (&mut decision, silent(facts))
        && command.is_escape()
    {
        act.afterwards.insert(0, silent);
    }
    if let Some(why) = unrecorded {
        match &mut decision {
            Decision::Act { act, .. } => {
                act.unrecorded = true;
                act.afterwards.push(format!(
                    "{}; the intent waits in a journal on this machine and on the object, and is appended when the ledger is back",
                    why.sentence
                ));
            }
            Decision::Record(_) => return Err(why),
        }
    }
    Ok(decision)
}

/// What whoever asks for a way out has to know of a platform that does not answer.
fn silent(facts: &Facts<'_>) -> Option<String> {
    let last = facts.workload.last.as_ref()?;
    if facts.fresh().is_some() && facts.workload.trouble.is_none() {
        return None;
    }
    let age = time::age(last.age(facts.now));
    let why = facts
        .workload
        .trouble
        .as_ref()
        .map_or_else(String::new, |trouble| {
            format!(" ({})", trouble.value.detail)
        });
    Some(format!(
        "SILENT: the platform was last read {age} ago{why}: what follows is by what it showed then. It is sent all the same, looked for, and sent again while it has not landed"
    ))
}

/// Why nothing can be written of this target now.
fn unrecorded(facts: &Facts<'_>, scope: Scope) -> Option<Refusal> {
    let (read_only, place) = match scope {
        Scope::Environment => (facts.place.read_only, facts.environment.name.to_string()),
        Scope::Target => (facts.state.read_only, facts.target.id.to_string()),
    };
    if read_only {
        let sentence = format!(
            "the ledger of {place} holds entries of a later gonogo; this one only reads it"
        );
        return Some(Refusal::rule("ledger.format", sentence).hint("use the newer program"));
    }
    let fault = facts.ledger.trouble()?;
    let can = if facts.ledger.is_lost() {
        "read"
    } else {
        "written"
    };
    let sentence = format!("the ledger cannot be {can}: {}", fault.detail);
    let refusal = Refusal::rule("ledger", sentence);
    Some(match &fault.hint {
        Some(hint) => refusal.hint(format!("{hint}. Hold, abort and rollback go all the same")),
        None => refusal.hint("hold, abort and rollback go all the same"),
    })
}

fn decided(command: &Command, facts: &Facts<'_>, actor: &Actor) -> Result<Decision, Refusal> {
    match command {
        Command::Request { plan, reason } => papers::request(facts, plan, reason),
        Command::Cancel { reason } => papers::cancel(facts, reason.as_ref()),
        Command::Approve { plan, reason } => papers::answer(facts, actor, plan, Answer::Go, reason),
        Command::Reject { plan, reason } => {
            papers::answer(facts, actor, plan, Answer::NoGo, reason)
        }
        Command::SayHold { plan, reason } => {
            papers::answer(facts, actor, plan, Answer::Hold, reason)
        }
        Command::Withdraw { plan } => papers::withdraw(facts, actor, plan),
        Command::Check { item, note } => items::check(facts, item, note.as_ref()),
        Command::Run {
            item, confirmed, ..
        } => items::run(facts, actor, item, confirmed.as_ref()),
        Command::Read { item, of, reason } => acting::read(facts, actor, item, of, reason),
        Command::Measure { item } => items::measured(facts, item),
        Command::StopRun { item } => items::stop(facts, item),
        Command::Conclude {
            item,
            ok,
            evidence,
            note,
        } => items::conclude(facts, actor, item, *ok, evidence, note.as_ref()),
        Command::Waive { item, reason } => papers::waive(facts, actor, item, reason),
        Command::Reopen { item, reason } => papers::reopen(facts, actor, item, reason.as_ref()),
        Command::Note { item, text } => papers::note(facts, item, text),
        Command::Close => papers::close(facts),
        Command::Hotfix { what } => hotfix::hotfix(facts, what),
        Command::Fly { plan, glass } => flying::fly(facts, plan, glass.as_deref()),
        Command::Countersign { reason } => guarding::countersign(facts, actor, reason),
        Command::Guard { cause } => guarding::guard(facts, cause),
        Command::StopGuard { reason } => guarding::stop_guard(facts, reason),
        Command::Adopt { reason } => drifting::adopt(facts, reason),
        Command::TakeControls { over, reason } => {
            steering::take(facts, actor, *over, reason.as_ref())
        }
        Command::HandControls { to, reason } => steering::hand(facts, actor, to, reason.as_ref()),
        Command::ReleaseControls => steering::release(facts, actor),
        Command::Ground { release, reason } => guarding::ground(facts, release, reason),
        Command::Clear { release, reason } => guarding::clear(facts, actor, release, reason),
        Command::Lock {
            scope,
            reason,
            lasts,
        } => places::lock(facts, actor, *scope, reason, *lasts),
        Command::Unlock { scope, reason } => places::unlock(facts, actor, *scope, reason),
        Command::RecordPolicy { reason } => places::record_policy(facts, reason),
        Command::Promote { step } => flying::promote(facts, *step),
        Command::PromoteFully => flying::promote_fully(facts),
        Command::Hold => stopping::hold(facts, actor),
        Command::Resume => stopping::resume(facts),
        Command::Abort => stopping::abort(facts),
        Command::Retry => stopping::retry(facts),
        Command::RollBack { to, staged, reason } => {
            stopping::roll_back(facts, to.as_deref(), *staged, reason)
        }
    }
}

/// Roles, checked here and nowhere else (SPEC A6). A workspace that names nobody trusts everybody.
fn permit(command: &Command, facts: &Facts<'_>, actor: &Actor) -> Result<(), Refusal> {
    let people = &facts.workspace.people;
    if people.is_empty() {
        return Ok(());
    }
    // Told by the policy to deploy by itself, and nothing else.
    let by_itself = matches!(
        command,
        Command::Request { .. } | Command::Fly { glass: None, .. } | Command::Close
    );
    if by_itself && auto::is_automatic(actor, facts.environment) {
        return Ok(());
    }
    let role = match command {
        // Whoever gave an answer may take it back, whatever they hold today; whether they did is asked there.
        Command::Withdraw { .. } => return known(facts, &actor.name).map(drop),
        Command::Approve { .. } => return approves(facts, &actor.name, &[]),
        // Whoever might do it may read it, too.
        Command::Read { .. } if approves(facts, &actor.name, &[]).is_ok() => return Ok(()),
        Command::Countersign { .. } => return approves(facts, &actor.name, &usual(facts)),
        // NO is heard from whoever could say GO on any terms, those of a hotfix or the usual ones.
        Command::Reject { .. } | Command::SayHold { .. } => {
            let also = [usual(facts), asked(facts).veto.clone()].concat();
            return approves(facts, &actor.name, &also);
        }
        // What nobody has touched yet may be taken off the way by whoever may stop what flies, too.
        Command::Cancel { .. } if holds(facts, &actor.name, "stop").is_ok() => return Ok(()),
        Command::Waive { .. } | Command::Clear { .. } => "waive",
        Command::Hold
        | Command::Abort
        | Command::RollBack { .. }
        | Command::Guard { .. }
        | Command::StopGuard { .. }
        | Command::StopRun { .. }
        | Command::Ground { .. }
        | Command::Lock { .. }
        | Command::Unlock { .. } => "stop",
        // They are yours, whatever you may do with them.
        Command::ReleaseControls | Command::HandControls { .. } => return Ok(()),
        Command::RecordPolicy { .. } => "configure",
        _ => "operate",
    };
    // The guard has the rights of whoever watches, and no others.
    let name = match command {
        Command::Guard { cause } => &cause.watched_by,
        _ => &actor.name,
    };
    holds(facts, name, role)
}

/// Whoever may stop a flight may leave that to the guard.
pub fn may_stand_guard(facts: &Facts<'_>, actor: &Actor) -> bool {
    facts.workspace.people.is_empty() || holds(facts, &actor.name, "stop").is_ok()
}

/// Whoever lets gonogo deploy by itself is somebody who might.
pub fn may_operate(facts: &Facts<'_>, actor: &Actor) -> Result<(), Refusal> {
    if facts.workspace.people.is_empty() {
        return Ok(());
    }
    holds(facts, &actor.name, "operate")
}

/// The policy that is asked by: of the plan that was requested, whatever the configuration says since.
fn asked<'a>(facts: &Facts<'a>) -> &'a Policy {
    facts
        .current()
        .map_or(&facts.environment.policy, |current| {
            &current.plan.plan.policy
        })
}

/// Who approves here when nothing hurries. The terms of a hotfix name a role of their own.
fn usual(facts: &Facts<'_>) -> Vec<String> {
    let roles = facts.environment.policy.approver_roles();
    let roles = roles.filter(|_| {
        facts
            .current()
            .is_some_and(|c| c.plan.plan.hotfix.is_some())
    });
    roles.map(str::to_owned).collect()
}

/// Holds a role that some rule asks for, or one of `also`.
fn approves(facts: &Facts<'_>, name: &str, also: &[String]) -> Result<(), Refusal> {
    let (people, environment) = (&facts.workspace.people, &facts.environment.name);
    let person = known(facts, name)?;
    let mut roles: Vec<&str> = asked(facts).approver_roles().collect();
    if roles.is_empty() {
        roles.push("approve");
    }
    let vetoes = also.iter().map(String::as_str);
    for role in vetoes {
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    roles.dedup();
    let holds = |person: &Person| {
        roles
            .iter()
            .any(|role| person.approves_as(environment, role))
    };
    if holds(person) {
        return Ok(());
    }
    let others: Vec<&str> = people
        .iter()
        .filter(|person| holds(person))
        .map(|person| person.name.as_str())
        .collect();
    Err(not_held(facts, name, &roles, &others))
}

fn not_held(facts: &Facts<'_>, name: &str, roles: &[&str], others: &[&str]) -> Refusal {
    let others = if others.is_empty() {
        "nobody does".to_owned()
    } else {
        others.join(", ")
    };
    Refusal::rule(
        &format!("role.{}", roles.first().unwrap_or(&"approve")),
        format!(
            "{name} does not hold the role {} in {}; {others}",
            roles.join(" or "),
            facts.environment.name
        ),
    )
}

fn known<'a>(facts: &Facts<'a>, name: &str) -> Result<&'a Person, Refusal> {
    facts.workspace.person(name).ok_or_else(|| {
        Refusal::rule(
            "role.person",
            format!("{name} is not among the people of this workspace"),
        )
        .hint("add a [[person]] with that name or account, or act --as somebody who is")
    })
}

fn holds(facts: &Facts<'_>, name: &str, role: &str) -> Result<(), Refusal> {
    let (people, environment) = (&facts.workspace.people, &facts.environment.name);
    let person = known(facts, name)?;
    let holds = person.has_role(environment, role)
        || (role == "stop" && person.has_role(environment, "operate"));
    if holds {
        return Ok(());
    }
    let others: Vec<&str> = people
        .iter()
        .filter(|p| p.has_role(environment, role))
        .map(|p| p.name.as_str())
        .collect();
    Err(not_held(facts, name, &[role], &others))
}

fn current<'a>(facts: &Facts<'a>) -> Result<&'a Deployment, Refusal> {
    facts.current().ok_or_else(|| {
        let id = &facts.target.id;
        Refusal::new(
            RefusalKind::NotFound,
            "target.idle",
            format!(
                "nothing is under way for {} in {}",
                id.project.name(),
                id.environment
            ),
        )
        .hint(format!(
            "gonogo request {} {} RELEASE --reason …",
            id.environment,
            id.project.name()
        ))
    })
}

fn in_state<'a>(
    facts: &Facts<'a>,
    wanted: &[FlightState],
    verb: &str,
) -> Result<&'a Deployment, Refusal> {
    let deployment = current(facts)?;
    if wanted.contains(&deployment.state) {
        return Ok(deployment);
    }
    let (title, state) = (deployment.plan.release.title(), deployment.state.word());
    let refusal = Refusal::rule(
        "flight.state",
        format!("cannot {verb}: release {title} is {state}"),
    );
    let serves = deployment.promoted_at.is_some();
    Err(match deployment.state {
        // Everybody has it: there is one way back.
        _ if serves && ["hold", "abort", "promote", "resume"].contains(&verb) => {
            refusal.hint("everybody is served by it: roll back (R) is the way back")
        }
        FlightState::Requested => {
            refusal.hint("it has not taken off: fly (F) starts it, cancel (X) ends it")
        }
        FlightState::RollingBack => refusal.hint("roll back (R) again goes on where it stopped"),
        _ => refusal,
    })
}

/// An outstanding intent blocks everything on its stream except hold, abort and rollback.
fn settled(deployment: &Deployment, facts: &Facts<'_>) -> Result<(), Refusal> {
    let Some(outstanding) = &deployment.outstanding else {
        return Ok(());
    };
    let ago = time::age(facts.now.duration_since(outstanding.at));
    let (who, what) = (&outstanding.by.name, outstanding.act.kind.verb());
    let step = outstanding
        .act
        .step
        .map_or_else(String::new, |step| format!(" step {step}"));
    Err(Refusal::raced(
        "flight.outstanding",
        format!("{who} asked to {what}{step} {ago} ago and its outcome is not known yet"),
    )
    .hint("it is looked up by itself; see the timeline"))
}

/// NO-GO as a refusal: the gravest reason, and how many more. What time alone will mend comes last.
fn go(judgement: &Judgement, verb: &str) -> Result<(), Refusal> {
    let Some(first) = judgement.gravest() else {
        return Ok(());
    };
    let more = match judgement.blocking().count() - 1 {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    };
    Err(Refusal::rule(
        &first.id,
        format!("NO-GO, cannot {verb}: {}{more}", first.sentence),
    ))
}

fn same_plan(deployment: &Deployment, plan: &Digest) -> Result<(), Refusal> {
    if &deployment.plan.digest == plan {
        return Ok(());
    }
    let sentence = format!(
        "the open request is plan {}, not {}",
        deployment.plan.digest.short(),
        plan.short()
    );
    Err(Refusal::raced("plan.digest", sentence)
        .hint("read the plan that is open now, then decide on that"))
}
