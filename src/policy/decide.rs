//! `decide`: a command, the facts and who asks, to entries or an act or a refusal. The same for the screen, the
//! verbs and two operators at once: after a lost race it is simply asked again.

use serde::{Deserialize, Serialize};

use crate::domain::{
    change::{Act, ActKind},
    deployment::{Deployment, FlightState, ItemStatus, LastAct},
    entry::{Answer, Body, Ending},
    plan::{ItemId, StoredPlan},
    release::{Digest, Release, ReleaseRef},
    rollout::Workload,
    target::WorkloadKind,
    time,
    workspace::Actor,
};

use super::{
    facts::Facts,
    gate::{Judgement, Verdict},
    gates, planner,
    refusal::{Refusal, RefusalKind},
};

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
    Withdraw {
        plan: Digest,
    },
    Check {
        item: ItemId,
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
    Fly {
        plan: Digest,
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
}

impl Command {
    /// The word of the command line.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::Cancel { .. } => "cancel",
            Self::Approve { .. } => "approve",
            Self::Reject { .. } => "reject",
            Self::Withdraw { .. } => "withdraw",
            Self::Check { .. } => "check",
            Self::Waive { .. } => "waive",
            Self::Reopen { .. } => "reopen",
            Self::Fly { .. } => "fly",
            Self::Promote { .. } => "promote",
            Self::PromoteFully => "promote --full",
            Self::Hold => "hold",
            Self::Resume => "resume",
            Self::Abort => "abort",
            Self::Retry => "retry",
            Self::RollBack { .. } => "rollback",
            Self::Close => "close",
        }
    }
}

/// What follows from a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// Written as they are.
    Record(Vec<Body>),
    /// To be confirmed, then executed. `opening` goes into the ledger together with the first intent.
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
    if facts.state.read_only {
        let sentence = format!(
            "the ledger of {} holds entries of a later gonogo; this one only reads it",
            facts.target.id
        );
        return Err(Refusal::rule("ledger.format", sentence).hint("use the newer program"));
    }
    permit(command, facts, actor)?;
    match command {
        Command::Request { plan, reason } => request(facts, plan, reason),
        Command::Cancel { reason } => cancel(facts, reason.as_ref()),
        Command::Approve { plan, reason } => answer(facts, actor, plan, Answer::Go, reason),
        Command::Reject { plan, reason } => answer(facts, actor, plan, Answer::NoGo, reason),
        Command::Withdraw { plan } => withdraw(facts, actor, plan),
        Command::Check { item, note } => check(facts, item, note.as_ref()),
        Command::Waive { item, reason } => waive(facts, actor, item, reason),
        Command::Reopen { item, reason } => reopen(facts, item, reason.as_ref()),
        Command::Close => close(facts),
        Command::Fly { plan } => fly(facts, plan),
        Command::Promote { step } => promote(facts, *step),
        Command::PromoteFully => promote_fully(facts),
        Command::Hold => hold(facts, actor),
        Command::Resume => resume(facts),
        Command::Abort => abort(facts),
        Command::Retry => retry(facts),
        Command::RollBack { to, staged, reason } => {
            roll_back(facts, to.as_deref(), *staged, reason)
        }
    }
}

/// Roles, checked here and nowhere else (SPEC A6). A workspace that names nobody trusts everybody.
fn permit(command: &Command, facts: &Facts<'_>, actor: &Actor) -> Result<(), Refusal> {
    let people = &facts.workspace.people;
    if people.is_empty() {
        return Ok(());
    }
    let environment = &facts.environment.name;
    let approver = facts
        .environment
        .policy
        .approvals
        .as_ref()
        .map_or("approve", |rule| rule.role.as_str());
    let role = match command {
        Command::Approve { .. } | Command::Reject { .. } | Command::Withdraw { .. } => approver,
        Command::Waive { .. } => "waive",
        Command::Hold | Command::Abort | Command::RollBack { .. } => "stop",
        _ => "operate",
    };
    let person = facts.workspace.person(&actor.name).ok_or_else(|| {
        Refusal::rule(
            "role.person",
            format!("{} is not among the people of this workspace", actor.name),
        )
        .hint("add a [[person]] with that name or account, or act --as somebody who is")
    })?;
    let holds = person.has_role(environment, role)
        || (role == "stop" && person.has_role(environment, "operate"));
    if holds {
        return Ok(());
    }
    let mut others = people
        .iter()
        .filter(|p| p.has_role(environment, role))
        .map(|p| p.name.as_str())
        .collect::<Vec<_>>()
        .join(", ");
    if others.is_empty() {
        "nobody does".clone_into(&mut others);
    }
    Err(Refusal::rule(
        &format!("role.{role}"),
        format!(
            "{} does not hold the role {role} in {environment}; {others}",
            actor.name
        ),
    ))
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
    Err(Refusal::rule(
        "flight.state",
        format!("cannot {verb}: release {title} is {state}"),
    ))
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

fn request(facts: &Facts<'_>, plan: &StoredPlan, reason: &str) -> Result<Decision, Refusal> {
    if let Some(open) = facts.current() {
        let ago = time::age(facts.now.duration_since(open.requested_at));
        let sentence = format!(
            "release {} is {} here, requested by {} {ago} ago",
            open.plan.release.title(),
            open.state.word(),
            open.requester.name
        );
        return Err(
            Refusal::raced("target.idle", sentence).hint("cancel it, or see it through, first")
        );
    }
    let id = &facts.target.id;
    let deployment = facts
        .state
        .next_deployment(id.environment.as_str(), id.project.name());
    Ok(record(Body::Requested {
        deployment,
        plan: Box::new(plan.clone()),
        reason: reason.to_owned(),
    }))
}

fn cancel(facts: &Facts<'_>, reason: Option<&String>) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    // A rollback that was opened, but of which nothing was applied, has changed nothing either.
    let untouched = deployment.state == FlightState::RollingBack && deployment.last_act.is_none();
    if !untouched {
        in_state(facts, &[FlightState::Requested], "cancel")?;
    }
    settled(deployment, facts)?;
    Ok(record(Body::Cancelled {
        deployment: deployment.id.clone(),
        reason: reason.cloned(),
    }))
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

fn answer(
    facts: &Facts<'_>,
    actor: &Actor,
    plan: &Digest,
    answer: Answer,
    reason: &str,
) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    same_plan(deployment, plan)?;
    if let Some(given) = deployment
        .decisions
        .iter()
        .find(|decision| decision.by.name == actor.name)
    {
        let word = if given.answer == Answer::Go {
            "GO"
        } else {
            "NO-GO"
        };
        return Err(Refusal::rule(
            "approvals.once",
            format!(
                "{} has said {word} already; decisions are withdrawn, never edited",
                actor.name
            ),
        )
        .hint("withdraw it first"));
    }
    Ok(record(Body::Decided {
        deployment: deployment.id.clone(),
        plan: plan.clone(),
        answer,
        reason: reason.to_owned(),
    }))
}

fn withdraw(facts: &Facts<'_>, actor: &Actor, plan: &Digest) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    same_plan(deployment, plan)?;
    if !deployment
        .decisions
        .iter()
        .any(|decision| decision.by.name == actor.name)
    {
        return Err(Refusal::new(
            RefusalKind::NotFound,
            "approvals",
            format!(
                "{} has given no decision on plan {}",
                actor.name,
                plan.short()
            ),
        ));
    }
    Ok(record(Body::Withdrawn {
        deployment: deployment.id.clone(),
        plan: plan.clone(),
    }))
}

fn no_such_item(deployment: &Deployment, item: &ItemId) -> Refusal {
    let ids: Vec<&str> = deployment
        .plan
        .plan
        .items
        .iter()
        .map(|item| item.id.0.as_str())
        .collect();
    Refusal::new(
        RefusalKind::NotFound,
        "checklist",
        format!("no item `{item}`; there are: {}", ids.join(", ")),
    )
}

fn check(facts: &Facts<'_>, item: &ItemId, note: Option<&String>) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    let spec = deployment
        .plan
        .plan
        .item(item)
        .ok_or_else(|| no_such_item(deployment, item))?;
    if !matches!(spec.kind, crate::domain::plan::ItemKind::Check) {
        return Err(
            Refusal::rule("checklist.probe", format!("{item} is measured, not ticked"))
                .hint("waive it by name if it cannot be measured"),
        );
    }
    if spec.is_verification() && deployment.promoted_at.is_none() {
        return Err(Refusal::rule(
            "verification.order",
            format!("{item} is verified after the last stage"),
        ));
    }
    if spec.is_verification() {
        let earlier = deployment
            .verification()
            .take_while(|other| other.id != *item)
            .find(|other| other.required && !deployment.is_settled(other));
        if let Some(earlier) = earlier {
            return Err(Refusal::rule(
                "verification.order",
                format!("{} comes before {item}", earlier.id),
            ));
        }
    }
    if deployment.item(item) == ItemStatus::Done {
        let by = deployment
            .items
            .get(item)
            .map_or("", |state| state.by.as_str());
        return Err(Refusal::raced(
            "checklist.done",
            format!("{item} was checked already by {by}"),
        ));
    }
    Ok(record(Body::Checked {
        deployment: deployment.id.clone(),
        item: item.clone(),
        note: note.cloned(),
    }))
}

/// In a protected environment the second person waives, not the one who requested.
fn waive(
    facts: &Facts<'_>,
    actor: &Actor,
    item: &ItemId,
    reason: &str,
) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    let known = deployment.plan.plan.item(item).is_some();
    match gates::waivable(&item.0) {
        Some(false) => {
            return Err(Refusal::rule(
                "waiver.never",
                format!("{item} is never waived"),
            ));
        }
        None if !known => return Err(no_such_item(deployment, item)),
        _ => {}
    }
    if reason.trim().is_empty() {
        return Err(Refusal::new(
            RefusalKind::Usage,
            "waiver.reason",
            "a waiver needs a reason",
        ));
    }
    if facts.environment.protected
        && actor.name == deployment.requester.name
        && !facts.workspace.people.is_empty()
    {
        let sentence = format!(
            "{} requested this deployment; in {} a second person waives",
            actor.name, facts.environment.name
        );
        return Err(Refusal::rule("waiver.four_eyes", sentence));
    }
    Ok(record(Body::Waived {
        deployment: deployment.id.clone(),
        item: item.clone(),
        reason: reason.to_owned(),
    }))
}

fn reopen(facts: &Facts<'_>, item: &ItemId, reason: Option<&String>) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    if !deployment.items.contains_key(item) {
        return Err(no_such_item(deployment, item));
    }
    Ok(record(Body::Reopened {
        deployment: deployment.id.clone(),
        item: item.clone(),
        reason: reason.cloned(),
    }))
}

/// NO-GO as a refusal: the first reason, and how many more.
fn go(judgement: &Judgement, verb: &str) -> Result<(), Refusal> {
    let mut blocking = judgement.blocking();
    let Some(first) = blocking.next() else {
        return Ok(());
    };
    let more = match blocking.count() {
        0 => String::new(),
        n => format!(" (and {n} more)"),
    };
    Err(Refusal::rule(
        &first.id,
        format!("NO-GO, cannot {verb}: {}{more}", first.sentence),
    ))
}

fn close(facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let deployment = in_state(facts, &[FlightState::Monitoring], "close")?;
    go(&gates::close(facts, &deployment.plan), "close")?;
    Ok(record(Body::Ended {
        deployment: deployment.id.clone(),
        ending: Ending::Closed,
    }))
}

fn fly(facts: &Facts<'_>, plan: &Digest) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    if deployment.state != FlightState::Requested {
        let who = deployment
            .last_act
            .as_ref()
            .map_or_else(|| deployment.requester.name.clone(), |act| act.by.clone());
        return Err(Refusal::raced(
            "flight.state",
            format!(
                "release {} took off already, by {who}",
                deployment.plan.release.title()
            ),
        ));
    }
    same_plan(deployment, plan)?;
    settled(deployment, facts)?;
    go(&gates::take_off(facts, &deployment.plan), "fly")?;
    Ok(confirm(planner::fly(facts, &deployment.plan)?))
}

/// The rollout the deployment flies, read afresh, and asking for the release that was planned.
fn ours<'a>(facts: &Facts<'a>, deployment: &Deployment) -> Result<&'a Workload, Refusal> {
    let workload = &planner::fresh(facts)?.workload;
    let wanted = match deployment.state {
        FlightState::RollingBack => deployment.rolling_back_to.as_ref(),
        _ => Some(&deployment.plan.release),
    };
    let wanted = wanted.unwrap_or(&deployment.plan.release);
    if workload.image != wanted.image {
        let other = workload
            .image
            .as_deref()
            .map_or_else(|| "no image".to_owned(), crate::domain::change::short_image);
        let sentence = format!(
            "{} no longer asks for release {}, but for {other}",
            facts.target.workload,
            wanted.title()
        );
        return Err(Refusal::raced("target.drift", sentence)
            .hint("somebody changed it outside gonogo; R goes back"));
    }
    Ok(workload)
}

fn promote(facts: &Facts<'_>, step: usize) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    let passed = |by: &str| {
        Refusal::raced(
            "promote.step",
            format!("step {step} was already promoted by {by}"),
        )
    };
    // Unless the platform came to rest there anew since: somebody aborted and retried outside.
    let anew = |last: &LastAct| {
        let workload = facts.workload.value().map(|observed| &observed.workload);
        workload.is_some_and(|w| {
            let since = w.pause.as_ref().and_then(|pause| pause.since);
            w.step == Some(step) && since.is_some_and(|since| since > last.settled_at)
        })
    };
    if let Some(last) = deployment
        .promoted_steps
        .get(&step)
        .filter(|last| !anew(last))
    {
        let ago = time::age(facts.now.duration_since(last.settled_at));
        return Err(passed(&format!("{} {ago} ago", last.by)));
    }
    settled(deployment, facts)?;
    let deployment = in_state(facts, &[FlightState::Flying], "promote")?;
    let workload = ours(facts, deployment)?;
    if workload.aborted {
        return Err(Refusal::rule(
            "promote.aborted",
            "the rollout is aborted; retry comes first",
        ));
    }
    if facts.target.workload.kind == WorkloadKind::Deployment {
        return Err(Refusal::rule(
            "promote.kind",
            format!(
                "{} has no steps: it rolls on by itself",
                facts.target.workload
            ),
        ));
    }
    let now_at = workload.step.unwrap_or(workload.steps.len());
    if now_at > step {
        return Err(passed("somebody outside this ledger"));
    }
    if now_at < step {
        return Err(Refusal::rule(
            "promote.step",
            format!("the rollout is at step {now_at}, not at {step}"),
        ));
    }
    not_held(workload)?;
    if !workload.rests_at_step() {
        return Err(Refusal::rule(
            "promote.moving",
            format!("step {step} is still moving: {}", workload.message),
        ));
    }
    go(&gates::promotion(facts, &deployment.plan), "promote")?;
    Ok(confirm(planner::promote(facts, &deployment.plan, step)?))
}

/// Promotion passes over nobody's hold.
fn not_held(workload: &Workload) -> Result<(), Refusal> {
    if !workload.paused {
        return Ok(());
    }
    let by = workload
        .held_by
        .as_ref()
        .map_or_else(|| "somebody outside gonogo".to_owned(), ToString::to_string);
    Err(Refusal::rule(
        "promote.held",
        format!("held by {by}; resume first"),
    ))
}

fn promote_fully(facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    settled(deployment, facts)?;
    let last = deployment.last_act.as_ref();
    let done = last.filter(|last| {
        last.kind == ActKind::PromoteFully && deployment.state != FlightState::Flying
    });
    if let Some(last) = done {
        let ago = time::age(facts.now.duration_since(last.settled_at));
        let title = deployment.plan.release.title();
        return Err(Refusal::raced(
            "promote.step",
            format!(
                "release {title} was already promoted fully by {} {ago} ago",
                last.by
            ),
        ));
    }
    let deployment = in_state(
        facts,
        &[FlightState::Flying, FlightState::Aborted],
        "promote fully",
    )?;
    let workload = ours(facts, deployment)?;
    if workload.aborted || deployment.state == FlightState::Aborted {
        return Err(Refusal::rule(
            "promote.aborted",
            "the rollout is aborted; a full promotion would ship what was aborted. Retry comes first",
        ));
    }
    not_held(workload)?;
    if !workload.is_midway() {
        return Err(Refusal::raced(
            "promote.step",
            format!(
                "release {} is fully promoted already",
                deployment.plan.release.title()
            ),
        ));
    }
    go(
        &gates::full_promotion(facts, &deployment.plan),
        "promote fully",
    )?;
    Ok(confirm(planner::promote_fully(facts, &deployment.plan)?))
}

const AIRBORNE: [FlightState; 2] = [FlightState::Flying, FlightState::Aborted];

/// The states in which something may be moving that a person wants to stop: also a rollout that somebody else started
/// while ours is only requested.
fn moving<'a>(facts: &Facts<'a>, verb: &str) -> Result<&'a Deployment, Refusal> {
    let midway = facts
        .workload
        .value()
        .is_some_and(|observed| observed.workload.is_midway());
    let deployment = current(facts)?;
    if midway || deployment.state == FlightState::RollingBack {
        return Ok(deployment);
    }
    in_state(facts, &AIRBORNE, verb)
}

fn hold(facts: &Facts<'_>, actor: &Actor) -> Result<Decision, Refusal> {
    let deployment = moving(facts, "hold")?;
    let workload = &planner::last(facts)?.workload;
    if workload.paused {
        let by = workload
            .held_by
            .as_ref()
            .map_or_else(|| "somebody outside gonogo".to_owned(), ToString::to_string);
        return Err(Refusal::raced(
            "hold.held",
            format!("it is held already, by {by}"),
        ));
    }
    Ok(confirm(planner::hold(
        facts,
        &deployment.plan,
        &actor.name,
    )?))
}

fn resume(facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    settled(deployment, facts)?;
    let deployment = moving(facts, "resume")?;
    let workload = ours(facts, deployment)?;
    if !workload.paused {
        return Err(Refusal::raced("resume.held", "nothing holds it"));
    }
    if workload.held_by.is_none() {
        let sentence = "it was paused outside gonogo; that hold is not ours to take off";
        return Err(Refusal::rule("resume.ours", sentence).hint(format!(
            "kubectl -n {} … by whoever paused it",
            facts.target.workload.namespace
        )));
    }
    // A timed pause that ran out under the hold goes on the moment the hold is off: that is a promotion.
    let over = workload
        .pause
        .as_ref()
        .is_some_and(|pause| match (pause.since, pause.lasts) {
            (Some(since), Some(lasts)) => facts.now.duration_since(since) >= lasts,
            _ => false,
        });
    if over {
        go(
            &gates::promotion(facts, &deployment.plan),
            "resume (its pause is over, so it would promote)",
        )?;
    }
    Ok(confirm(planner::resume(facts, &deployment.plan)?))
}

fn abort(facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let deployment = moving(facts, "abort")?;
    let workload = &planner::last(facts)?.workload;
    if facts.target.workload.kind == WorkloadKind::Deployment {
        let sentence = format!(
            "{} has no stable side to fall back on",
            facts.target.workload
        );
        return Err(Refusal::rule("abort.kind", sentence).hint("R rolls back"));
    }
    if workload.aborted {
        return Err(Refusal::raced(
            "abort.done",
            "it is aborted already; stable serves everybody",
        ));
    }
    if !workload.is_midway() {
        return Err(Refusal::rule(
            "abort.promoted",
            format!(
                "release {} is fully promoted; there is nothing to abort",
                deployment.plan.release.title()
            ),
        )
        .hint("R rolls back"));
    }
    Ok(confirm(planner::abort(facts, &deployment.plan)?))
}

fn retry(facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let deployment = current(facts)?;
    settled(deployment, facts)?;
    let workload = ours(facts, deployment)?;
    let last = deployment.last_act.as_ref();
    if let Some(last) = last.filter(|last| last.kind == ActKind::Retry && !workload.aborted) {
        let ago = time::age(facts.now.duration_since(last.settled_at));
        return Err(Refusal::raced(
            "retry.aborted",
            format!("it was already retried by {} {ago} ago", last.by),
        ));
    }
    if !workload.aborted {
        return Err(Refusal::rule(
            "retry.aborted",
            "it is not aborted; there is nothing to retry",
        ));
    }
    in_state(facts, &AIRBORNE, "retry")?;
    if let Some((Verdict::Fail, sentence)) = gates::people::no_go(facts, &deployment.plan) {
        return Err(Refusal::rule(
            "decision.no_go",
            format!("NO-GO, cannot retry: {sentence}"),
        ));
    }
    Ok(confirm(planner::retry(facts, &deployment.plan)?))
}

/// Needs no request and no approval; no gate stops it (SPEC D16).
fn roll_back(
    facts: &Facts<'_>,
    to: Option<&ReleaseRef>,
    staged: bool,
    reason: &str,
) -> Result<Decision, Refusal> {
    let id = &facts.target.id;
    if reason.trim().is_empty() {
        return Err(Refusal::new(
            RefusalKind::Usage,
            "rollback.reason",
            "a rollback needs a reason",
        ));
    }
    let workload = &planner::last(facts)?.workload;
    let requested = facts
        .current()
        .filter(|current| current.state == FlightState::Requested && current.outstanding.is_none());
    if let Some(current) = requested.filter(|_| workload.is_promoted()) {
        let sentence = format!(
            "release {} is only requested; nothing was changed yet",
            current.plan.release.title()
        );
        return Err(
            Refusal::rule("rollback.requested", sentence).hint("cancel the request instead")
        );
    }
    // Pressed twice, or sent twice by a script: going further back is asked for by name.
    let just = facts
        .state
        .past
        .last()
        .filter(|_| to.is_none() && facts.current().is_none());
    if let Some(past) = just.filter(|past| past.ending == Ending::RolledBack) {
        let live = facts
            .state
            .live
            .as_ref()
            .map_or_else(String::new, |live| live.release.title());
        let ago = time::age(facts.now.duration_since(past.ended_at));
        return Err(Refusal::raced(
            "rollback.done",
            format!("{} was rolled back to {live} {ago} ago", id.environment),
        )
        .hint("to go further back, name the release: gonogo rollback ENV PROJECT RELEASE"));
    }
    let to = to.or_else(|| facts.state.former()).ok_or_else(|| {
        Refusal::new(
            RefusalKind::NotFound,
            "rollback.former",
            format!(
                "{} knows no former release of {} to go back to",
                id.environment,
                id.project.name()
            ),
        )
        .hint("name one: gonogo rollback ENV PROJECT RELEASE")
    })?;
    if let Some(grounded) = facts.state.grounded.get(&to.commit) {
        return Err(Refusal::rule(
            "release.grounded",
            format!(
                "release {} is grounded: {} here by {}",
                to.title(),
                grounded.how.done(),
                grounded.by
            ),
        ));
    }
    if !ran_here(facts, to) {
        return Err(Refusal::rule(
            "rollback.verified",
            format!(
                "release {} was never verified in {}",
                to.title(),
                id.environment
            ),
        )
        .hint("a rollback goes to what ran here; request it instead"));
    }
    if workload.image == to.image && workload.is_promoted() && facts.current().is_none() {
        return Err(Refusal::raced(
            "rollback.done",
            format!("release {} already serves {}", to.title(), id.environment),
        ));
    }
    let act = planner::roll_back(facts, to, staged, reason)?;
    let under_way = facts
        .current()
        .filter(|current| current.state != FlightState::RollingBack);
    if let Some(current) = under_way.filter(|_| act.changes.is_empty() && workload.is_promoted()) {
        // Somebody brought it back outside gonogo: what is left to do is to say so.
        return Ok(record(Body::Ended {
            deployment: current.id.clone(),
            ending: Ending::RolledBack,
        }));
    }
    if act.changes.is_empty() {
        return Err(Refusal::raced(
            "rollback.under_way",
            format!("the rollback to {} is under way", to.title()),
        ));
    }
    let opening = facts
        .current()
        .is_none()
        .then(|| rollback_opening(facts, to, reason));
    Ok(Decision::Act {
        act: Box::new(act),
        opening,
    })
}

/// It was verified here, or it is what was live before (SPEC D16).
fn ran_here(facts: &Facts<'_>, to: &ReleaseRef) -> bool {
    let state = facts.state;
    let is = |release: &ReleaseRef| release.commit == to.commit;
    let before = facts
        .current()
        .and_then(|current| current.plan.before.as_ref());
    let going = facts
        .current()
        .and_then(|current| current.rolling_back_to.as_ref());
    state.verified(&to.commit).is_some()
        || before.is_some_and(is)
        || going.is_some_and(is)
        || state.live.as_ref().is_some_and(|live| is(&live.release))
}

/// With nothing under way, the rollback is a deployment of its own.
fn rollback_opening(facts: &Facts<'_>, to: &ReleaseRef, reason: &str) -> Body {
    let id = &facts.target.id;
    let release = Release::from_ref(&id.project, to);
    let plan = planner::store(facts.environment, facts.target, &release, facts.before());
    let deployment = facts
        .state
        .next_deployment(id.environment.as_str(), id.project.name());
    Body::RollbackOpened {
        deployment,
        plan: Box::new(plan),
        reason: reason.to_owned(),
    }
}
