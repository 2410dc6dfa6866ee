//! Items of the checklist: ticked by a person, measured from what is watched, or run; and what a run left.

use super::{
    Actor, Body, Command, Decision, Deployment, Facts, ItemId, ItemStatus, Refusal,
    acting::{all_known, in_order, may_act, under_way},
    current,
    papers::no_such_item,
    record,
};
use crate::{
    domain::{
        deployment::{GRACE, ItemState},
        evidence::Evidence,
        plan::{CommandSpec, ItemKind, ItemSpec},
    },
    policy::{gate::Verdict, measure::measure, migration::Typed},
};

/// The rule that refuses to judge a probe before there are readings.
pub const UNMEASURED: &str = "checklist.unknown";

/// What `check` means for an item: a tick, a measurement, or a run. Of an item that there is not, a tick, which says so.
pub fn meaning(facts: &Facts<'_>, item: &ItemId, note: Option<String>) -> Command {
    let spec = facts
        .state
        .carrier(item)
        .and_then(|carrier| carrier.plan.plan.item(item));
    let item = item.clone();
    match spec {
        Some(spec) if spec.is_run() => Command::Run {
            item,
            note,
            confirmed: None,
        },
        Some(spec) if matches!(spec.kind, ItemKind::Probe(_)) => Command::Measure { item },
        _ => Command::Check { item, note },
    }
}

/// A person's tick.
pub(super) fn check(
    facts: &Facts<'_>,
    item: &ItemId,
    note: Option<&String>,
) -> Result<Decision, Refusal> {
    let (deployment, spec) = open(facts, item)?;
    let refused = |rule, sentence: String, hint: &str| {
        Err(Refusal::rule(rule, sentence).hint(hint.to_owned()))
    };
    match &spec.kind {
        ItemKind::Check => Ok(record(Body::Checked {
            deployment: deployment.id.clone(),
            item: item.clone(),
            note: note.cloned(),
        })),
        ItemKind::Action(action) => refused(
            "checklist.action",
            format!(
                "{item} is what the flight does ({}), nobody ticks it",
                action.id()
            ),
            "it turns green when the flight has done it",
        ),
        ItemKind::Read(of) => refused(
            "checklist.read",
            format!("{item} is read, not ticked: it is said of exactly what {of} printed"),
            "gonogo migrate approve ENV PROJECT --sql DIGEST --reason …",
        ),
        ItemKind::Probe(_) => refused(
            "checklist.probe",
            format!("{item} is measured, not ticked"),
            "waive it by name if it cannot be measured",
        ),
        ItemKind::Command(_) => refused(
            "checklist.run",
            format!("{item} is run, not ticked"),
            "waive it by name if it cannot be run",
        ),
    }
}

/// The verdict of a probe that is judged from what is watched.
pub(super) fn measured(facts: &Facts<'_>, item: &ItemId) -> Result<Decision, Refusal> {
    let (deployment, spec) = open(facts, item)?;
    let ItemKind::Probe(probe) = &spec.kind else {
        let sentence = format!("{item} is not measured");
        return Err(Refusal::rule("checklist.probe", sentence));
    };
    let (verdict, evidence) = measure(probe, facts, &deployment.plan);
    if verdict == Verdict::Unknown {
        let sentence = format!("{item} cannot be measured now: {evidence}");
        return Err(Refusal::rule(UNMEASURED, sentence)
            .hint("wait for the readings; a verb takes --sample for one window of them"));
    }
    Ok(record(Body::Measured {
        deployment: deployment.id.clone(),
        item: item.clone(),
        ok: verdict.lets_through(),
        evidence,
    }))
}

/// Written before it starts, so that nobody else starts it meanwhile.
pub(super) fn run(
    facts: &Facts<'_>,
    actor: &Actor,
    item: &ItemId,
    confirmed: Option<&Typed>,
) -> Result<Decision, Refusal> {
    let (deployment, spec) = open(facts, item)?;
    if !spec.is_run() {
        return Err(Refusal::rule(
            "checklist.run",
            format!("there is nothing to run for {item}"),
        ));
    }
    if spec.acts() {
        all_known(facts, deployment, spec)?;
    }
    // A ledger that somebody else writes must not be able to make this machine run anything.
    if !deployment.plan.agrees() {
        return Err(Refusal::rule(
            "item.plan",
            format!("{item} is not run: what is stored under its digest is another plan, or names another image"),
        )
        .hint("cancel the request, and request it again"));
    }
    let configured = facts.target.items.iter().find(|own| own.id == *item);
    if configured.is_none_or(|own| own.kind != spec.kind || own.chain != spec.chain) {
        let what = spec
            .command()
            .map_or_else(|| spec.title.clone(), CommandSpec::line);
        return Err(Refusal::rule(
            "item.configured",
            format!("{item} of this plan is `{what}`, which the configuration here does not say, so it is not run here"),
        )
        .hint("run it where the plan was requested, or cancel it and request it with this configuration"));
    }
    if let Some(state) = deployment
        .items
        .get(item)
        .filter(|state| state.status == ItemStatus::Running)
    {
        let age = facts.now.duration_since(state.at);
        if age <= spec.patience().saturating_add(GRACE) {
            return Err(under_way(facts, deployment, spec));
        }
    }
    in_order(facts, deployment, spec)?;
    if spec.acts() {
        may_act(facts, actor, deployment, spec, confirmed)?;
    }
    Ok(record(Body::RunBegan {
        deployment: deployment.id.clone(),
        item: item.clone(),
    }))
}

/// Asked in the ledger, so that it ends wherever it runs.
pub(super) fn stop(facts: &Facts<'_>, item: &ItemId) -> Result<Decision, Refusal> {
    let deployment = carrier(facts, item)?;
    let running = deployment.item(item) == ItemStatus::Running;
    if !running {
        return Err(Refusal::rule(
            "checklist.running",
            format!("nobody runs {item} now"),
        ));
    }
    Ok(record(Body::RunStopped {
        deployment: deployment.id.clone(),
        item: item.clone(),
    }))
}

/// What became of a run that this actor began.
pub(super) fn conclude(
    facts: &Facts<'_>,
    actor: &Actor,
    item: &ItemId,
    ok: bool,
    evidence: &Evidence,
    note: Option<&String>,
) -> Result<Decision, Refusal> {
    let deployment = carrier(facts, item)?;
    let acts = deployment.plan.plan.item(item).is_some_and(ItemSpec::acts);
    // An act that somebody stopped is unknown until whoever ran it says how it ended.
    let waits = |state: &&ItemState| match state.status {
        ItemStatus::Running => true,
        ItemStatus::Unknown => acts && state.evidence.is_none(),
        _ => false,
    };
    let ours = deployment
        .items
        .get(item)
        .filter(waits)
        .filter(|state| state.by == actor.name);
    if ours.is_none() {
        return Err(Refusal::raced(
            "checklist.running",
            format!(
                "{item} was opened again or answered otherwise while it ran; this run does not count"
            ),
        ));
    }
    Ok(record(Body::Ran {
        deployment: deployment.id.clone(),
        item: item.clone(),
        ok,
        evidence: Box::new(evidence.clone()),
        note: note.cloned(),
    }))
}

/// The item, if it is due and not done.
pub(super) fn open<'a>(
    facts: &Facts<'a>,
    item: &ItemId,
) -> Result<(&'a Deployment, &'a ItemSpec), Refusal> {
    let deployment = carrier(facts, item)?;
    let spec = deployment
        .plan
        .plan
        .item(item)
        .ok_or_else(|| no_such_item(deployment, item))?;
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
    if deployment.status(spec, facts.now) == ItemStatus::Done && !again(deployment, spec)? {
        let state = deployment.items.get(item);
        let by = state.map_or("", |state| state.by.as_str());
        let (done, next) = if spec.acts() {
            (
                "run",
                "what it did stands: look with what verifies it, or take its own way back",
            )
        } else {
            ("checked", "reopen it first, if it has to be done again")
        };
        let sentence = format!("{item} was {done} already by {by}");
        return Err(Refusal::raced("checklist.done", sentence).hint(next));
    }
    Ok((deployment, spec))
}

/// Whose item it is: of the deployment under way, or of one that ended and left something behind.
fn carrier<'a>(facts: &Facts<'a>, item: &ItemId) -> Result<&'a Deployment, Refusal> {
    match facts.state.carrier(item) {
        Some(carrier) => Ok(carrier),
        None => current(facts),
    }
}

/// Done, and may be done again: what is only looked at changes nothing. A preview stands as it was read once it was acted
/// upon.
fn again(deployment: &Deployment, spec: &ItemSpec) -> Result<bool, Refusal> {
    let plan = &deployment.plan.plan;
    if !spec.is_run() || spec.acts() {
        return Ok(false);
    }
    if plan.reader_of(&spec.id).is_some() {
        return match deployment.acted().filter(|_| !spec.chain.way_back) {
            None => Ok(true),
            Some(act) => Err(Refusal::raced(
                "item.acted",
                format!(
                    "{} was run by it: {} stands as it was read",
                    act.id, spec.id
                ),
            )),
        };
    }
    let acts = |id: &ItemId| plan.item(id).is_some_and(ItemSpec::acts);
    Ok(spec.chain.after.iter().any(acts))
}
