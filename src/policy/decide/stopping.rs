//! Commands that stop a flight or take it back: hold, resume, abort, retry, rollback. The ways out ask little.

use super::{
    ActKind, Actor, Body, Decision, Deployment, Ending, Facts, FlightState, OutsideAct, Refusal,
    RefusalKind, Release, ReleaseRef, Workload, WorkloadKind, confirm, current, flying::ours,
    gates, go, in_state, migration, planner, settled, time,
};

const AIRBORNE: [FlightState; 2] = [FlightState::Flying, FlightState::Aborted];

/// The states in which something may be moving that a person wants to stop: also a rollout that somebody else started
/// while ours is only requested.
pub(super) fn moving<'a>(facts: &Facts<'a>, verb: &str) -> Result<&'a Deployment, Refusal> {
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

/// Where the ledger cannot be read nobody knows what was requested: the platform alone says what there is to stop. None:
/// the ledger, or what was read of it before, tells.
fn on_the_platform(facts: &Facts<'_>, verb: &str) -> Result<Option<ReleaseRef>, Refusal> {
    let untold = facts.ledger.is_lost() || facts.state.read_only;
    if !untold || facts.current().is_some() {
        return Ok(None);
    }
    let workload = &planner::last(facts)?.workload;
    let image = workload.image.as_deref().filter(|_| workload.is_midway());
    let image = image.ok_or_else(|| {
        Refusal::rule(
            "flight.state",
            format!(
                "the ledger cannot be read here, and {} is not between two releases: there is nothing to {verb}",
                facts.target.workload
            ),
        )
        .hint(format!(
            "kubectl -n {} shows and undoes its revisions",
            facts.target.workload.namespace
        ))
    })?;
    Ok(Some(named(facts, image)))
}

fn named(facts: &Facts<'_>, image: &str) -> ReleaseRef {
    facts
        .named(image)
        .unwrap_or_else(|| ReleaseRef::unread(image))
}

pub(super) fn hold(facts: &Facts<'_>, actor: &Actor) -> Result<Decision, Refusal> {
    let release = match on_the_platform(facts, "hold")? {
        Some(release) => release,
        None => moving(facts, "hold")?.plan.release.clone(),
    };
    let workload = &planner::last(facts)?.workload;
    // An old reading says nothing about now: then it is sent, and changes nothing where it is done.
    if workload.paused && facts.fresh().is_some() {
        let by = workload
            .held_by
            .as_ref()
            .map_or_else(|| "somebody outside gonogo".to_owned(), ToString::to_string);
        return Err(Refusal::raced(
            "hold.held",
            format!("it is held already, by {by}"),
        ));
    }
    Ok(confirm(planner::hold(facts, &release, &actor.name)?))
}

pub(super) fn resume(facts: &Facts<'_>) -> Result<Decision, Refusal> {
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
    // Where the controller goes on by itself, taking the hold off is letting it go on.
    if alone(facts, workload) {
        may_go_on(facts, deployment, "resume (it would go on by itself)")?;
    }
    // So is it where the guard held a pause that would have ended by itself.
    if let Some(gate) = crate::policy::guard::stands(facts, deployment) {
        let sentence = format!(
            "NO-GO, cannot resume (the controller goes on by itself then): {}",
            gate.sentence
        );
        return Err(Refusal::rule(&gate.id, sentence)
            .hint(format!("waive {} with a reason, or abort", gate.id)));
    }
    Ok(confirm(planner::resume(facts, &deployment.plan)?))
}

pub(super) fn abort(facts: &Facts<'_>) -> Result<Decision, Refusal> {
    let (release, before) = match on_the_platform(facts, "abort")? {
        Some(release) => (release, None),
        None => {
            let plan = &moving(facts, "abort")?.plan;
            (plan.release.clone(), plan.before.clone())
        }
    };
    let workload = &planner::last(facts)?.workload;
    if facts.target.workload.kind == WorkloadKind::Deployment {
        let sentence = format!(
            "{} has no stable side to fall back on",
            facts.target.workload
        );
        return Err(Refusal::rule("abort.kind", sentence).hint("roll it back instead"));
    }
    if workload.aborted && facts.fresh().is_some() {
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
                release.title()
            ),
        )
        .hint("roll it back instead"));
    }
    Ok(confirm(planner::abort(facts, &release, before.as_ref())?))
}

/// Does the rollout move on once nothing holds it?
fn alone(facts: &Facts<'_>, workload: &Workload) -> bool {
    facts.target.workload.kind == WorkloadKind::Deployment
        || crate::policy::guard::goes_on_alone(workload)
}

/// Nobody says no, and the place is not locked: what is asked wherever more pods get the new release.
fn may_go_on(facts: &Facts<'_>, deployment: &Deployment, what: &str) -> Result<(), Refusal> {
    let asked = [
        (
            "decision.no_go",
            gates::people::no_go(facts, &deployment.plan),
        ),
        ("lock", gates::place::lock(facts, &deployment.plan)),
    ];
    for (id, judged) in asked {
        if let Some((_, sentence)) = judged.filter(|(verdict, _)| !verdict.lets_through()) {
            return Err(Refusal::rule(
                id,
                format!("NO-GO, cannot {what}: {sentence}"),
            ));
        }
    }
    Ok(())
}

pub(super) fn retry(facts: &Facts<'_>) -> Result<Decision, Refusal> {
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
    may_go_on(facts, deployment, "retry")?;
    Ok(confirm(planner::retry(facts, &deployment.plan)?))
}

/// Needs no request and no approval; no gate stops it (SPEC D16).
pub(super) fn roll_back(
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
    if on_the_platform(facts, "roll back")?.is_some() {
        return back_to_stable(facts, to, staged, reason);
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
    let to = &match to {
        Some(to) => {
            may_go_back(facts, to)?;
            to.clone()
        }
        None => way_back(facts)?,
    };
    if workload.image == to.image && workload.is_promoted() && facts.current().is_none() {
        return Err(Refusal::raced(
            "rollback.done",
            format!("release {} already serves {}", to.title(), id.environment),
        ));
    }
    let mut act = planner::roll_back(facts, to, staged, reason)?;
    // What was brought back already is only written down.
    if !act.changes.is_empty() {
        migration::forbids(facts, to)?;
    }
    act.afterwards.extend(migration::on_the_way_back(facts, to));
    let under_way = facts
        .current()
        .filter(|current| current.state != FlightState::RollingBack);
    if let Some(current) = under_way.filter(|_| act.changes.is_empty() && workload.is_promoted()) {
        // A reading from before the flight shows the former release, too: it must not end what it has not seen.
        if !read_since(facts, current) {
            return Err(Refusal::raced(
                "rollback.unread",
                format!(
                    "what is known of {} is from before the latest act; it is being read",
                    facts.target.workload
                ),
            )
            .hint("ask again in a moment; the verb reads it first: gonogo rollback"));
        }
        // Somebody brought it back outside gonogo: what is left to do is to say so.
        let deployment = current.id.clone();
        let said = Body::SeenOutside {
            deployment: deployment.clone(),
            what: OutsideAct::BroughtBack,
            reason: Some(reason.to_owned()),
        };
        let ending = Ending::RolledBack;
        return Ok(Decision::Record(vec![
            said,
            Body::Ended { deployment, ending },
        ]));
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

/// The platform was read lately, and after everything that was done to it here.
fn read_since(facts: &Facts<'_>, deployment: &Deployment) -> bool {
    let acted = deployment.last_act.as_ref().map(|act| act.settled_at);
    let acted = acted.max(deployment.took_off_at);
    let began = facts
        .workload
        .last
        .as_ref()
        .and_then(|reading| reading.at.checked_sub(facts.lag).ok());
    facts.fresh().is_some() && began.is_some_and(|began| acted.is_none_or(|acted| began > acted))
}

/// Without the ledger: back to what the platform itself still runs as stable, and nowhere else.
fn back_to_stable(
    facts: &Facts<'_>,
    to: Option<&ReleaseRef>,
    staged: bool,
    reason: &str,
) -> Result<Decision, Refusal> {
    let stable = planner::last(facts)?.stable_image();
    let stable = stable.ok_or_else(|| {
        Refusal::rule(
            "rollback.former",
            "the ledger cannot be read, and the platform does not tell which image is stable",
        )
        .hint("abort it: stable then serves everybody")
    })?;
    if to.is_some_and(|to| to.image.as_deref() != Some(stable)) {
        return Err(Refusal::rule(
            "rollback.verified",
            "the ledger cannot be read: what ran here before is not known",
        )
        .hint("leave RELEASE out: then it goes to what is stable now"));
    }
    let to = named(facts, stable);
    Ok(confirm(planner::roll_back(facts, &to, staged, reason)?))
}

/// Where `R` goes: to what the ledger says was live before; where it knows nothing or nothing that is allowed, to the
/// platform's own former revision (SPEC E6).
fn way_back(facts: &Facts<'_>) -> Result<ReleaseRef, Refusal> {
    let id = &facts.target.id;
    let kept = facts
        .former_revision()
        .filter(|kept| may_go_back(facts, kept).is_ok());
    let Some(former) = facts.state.former() else {
        return kept.ok_or_else(|| {
            let sentence = format!(
                "neither {} nor the platform knows a former release of {} to go back to",
                id.environment,
                id.project.name()
            );
            Refusal::new(RefusalKind::NotFound, "rollback.former", sentence)
                .hint("a first deployment has no way back: fix forward, or delete it by hand")
        });
    };
    match may_go_back(facts, former) {
        Ok(()) => Ok(former.clone()),
        Err(refusal) => kept.ok_or(refusal),
    }
}

/// It ran here, by the ledger or by what the platform keeps, and is not grounded (SPEC D16).
fn may_go_back(facts: &Facts<'_>, to: &ReleaseRef) -> Result<(), Refusal> {
    let id = &facts.target.id;
    let project = id.project.name();
    if let Some(grounded) = facts.state.grounded.get(&to.commit) {
        let sentence = format!("release {} is grounded: {}", to.title(), grounded.words());
        return Err(Refusal::rule("release.grounded", sentence).hint(format!(
            "clear it with a reason: gonogo ground {} {project} {} --clear --reason …",
            id.environment, to.number
        )));
    }
    let kept = facts
        .former_revision()
        .is_some_and(|kept| kept.commit == to.commit);
    if !kept && !ran_here(facts, to) {
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
    Ok(())
}

/// It was verified here, or it is what was live before (SPEC D16).
pub(super) fn ran_here(facts: &Facts<'_>, to: &ReleaseRef) -> bool {
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
pub(super) fn rollback_opening(facts: &Facts<'_>, to: &ReleaseRef, reason: &str) -> Body {
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
