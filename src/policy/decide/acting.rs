//! Items that change what is outside: what has to be true before one is run, and who read what.

use super::{
    Actor, Body, Decision, Deployment, Facts, FlightState, ItemId, ItemStatus, Refusal,
    RefusalKind, go, holds, items::open, papers::verified, record,
};
use crate::{
    domain::{
        plan::{ItemKind, ItemSpec},
        release::Digest,
        time,
    },
    policy::{
        gates,
        migration::{Shown, Typed, shown},
    },
};

/// What it hangs on is green, and is what it was when somebody read it.
pub(super) fn in_order(
    facts: &Facts<'_>,
    deployment: &Deployment,
    spec: &ItemSpec,
) -> Result<(), Refusal> {
    for id in spec.before_it() {
        let Some(earlier) = deployment.plan.plan.item(id) else {
            continue;
        };
        let status = deployment.status(earlier, facts.now);
        // Looking is how one finds out what became of an act.
        let looks = earlier.acts() && !spec.acts();
        match status {
            ItemStatus::Done | ItemStatus::Waived | ItemStatus::Unknown if looks => {
                at_rest(facts, deployment)?;
            }
            ItemStatus::Done | ItemStatus::Waived => {}
            ItemStatus::Running => return Err(under_way(facts, deployment, earlier)),
            _ => return Err(not_green(deployment, earlier, &spec.id)),
        }
    }
    Ok(())
}

/// Nobody looks at what is being taken back at this moment.
fn at_rest(facts: &Facts<'_>, deployment: &Deployment) -> Result<(), Refusal> {
    let mut back = deployment.plan.plan.way_back().filter(|item| item.acts());
    let running = back.find(|item| deployment.status(item, facts.now) == ItemStatus::Running);
    running.map_or(Ok(()), |item| Err(under_way(facts, deployment, item)))
}

fn not_green(deployment: &Deployment, earlier: &ItemSpec, item: &ItemId) -> Refusal {
    let read = deployment
        .items
        .get(&earlier.id)
        .filter(|state| state.status == ItemStatus::Done);
    if let (ItemKind::Read(of), Some(state)) = (&earlier.kind, read)
        && let Some(read) = &state.of
    {
        let now = deployment
            .output_of(of)
            .map_or("nothing that ended well", Digest::short);
        return Refusal::raced(
            "item.read",
            format!(
                "what {} read is {}, and {of} printed {now} since: it has to be read again",
                state.by,
                read.short()
            ),
        )
        .hint(format!(
            "gonogo migrate preview …, then approve what it prints; {item} was not begun"
        ));
    }
    Refusal::rule(
        "checklist.after",
        format!("{} comes before {item}", earlier.id),
    )
}

pub(super) fn under_way(facts: &Facts<'_>, deployment: &Deployment, spec: &ItemSpec) -> Refusal {
    let (item, state) = (&spec.id, deployment.items.get(&spec.id));
    let (by, age) = state.map_or_else(Default::default, |state| {
        let age = time::age(facts.now.duration_since(state.at));
        (state.by.as_str(), age)
    });
    let hint = if spec.acts() {
        format!(
            "wait for it; if it is known to be dead: gonogo check --stop … {item}, and look what became of it (migrate verify)"
        )
    } else {
        format!("wait for it; if it is known to be dead: gonogo reopen … {item}")
    };
    Refusal::raced(
        "checklist.running",
        format!("{by} runs {item} since {age} and has not said how it ended"),
    )
    .hint(hint)
}

/// Never sent twice blindly, never without everything that a take-off asks of the release, never by whoever read it alone.
pub(super) fn may_act(
    facts: &Facts<'_>,
    actor: &Actor,
    deployment: &Deployment,
    spec: &ItemSpec,
    confirmed: Option<&Typed>,
) -> Result<(), Refusal> {
    let (item, release) = (&spec.id, &deployment.plan.release);
    let usage = |sentence: String| Refusal::new(RefusalKind::Usage, "confirm", sentence);
    let Some(typed) = confirmed else {
        return Err(usage(format!(
            "{item} changes what is outside and needs a confirmation"
        ))
        .hint("gonogo migrate … --yes, or on the screen"));
    };
    same_as_shown(deployment, spec, typed)?;
    if spec.chain.way_back {
        found_there(facts, deployment, spec)?;
        go(
            &gates::before_way_back(facts, &deployment.plan),
            &format!("run {item}"),
        )?;
        nobody_needs_it(facts, deployment, spec)?;
    } else {
        if deployment.state != FlightState::Requested {
            let sentence = format!(
                "{item} is for before take-off, and release {} is {}",
                release.title(),
                deployment.state.word()
            );
            return Err(Refusal::rule("flight.state", sentence));
        }
        go(
            &gates::before_acts(facts, &deployment.plan),
            &format!("run {item}"),
        )?;
    }
    four_eyes(facts, actor, deployment, spec)?;
    let expected = release.number.to_string();
    if facts.environment.protected && typed.words.trim() != expected {
        return Err(usage(format!(
            "{item} in {} wants --confirm {expected} as well",
            facts.environment.name
        )));
    }
    Ok(())
}

/// As long as nobody knows what became of one act, here or of a deployment that ended, no other is begun.
pub(super) fn all_known(
    facts: &Facts<'_>,
    deployment: &Deployment,
    spec: &ItemSpec,
) -> Result<(), Refusal> {
    let own = (deployment.status(spec, facts.now) == ItemStatus::Unknown).then_some(spec);
    let other = || {
        let other = facts.state.unsettled()?;
        Some((other, other.unsettled()?))
    };
    let Some((whose, act)) = own.map(|spec| (deployment, spec)).or_else(other) else {
        return Ok(());
    };
    let place = facts.target.id.place();
    if whose.status(act, facts.now) == ItemStatus::Running {
        return Err(under_way(facts, whose, act));
    }
    let (id, state) = (&act.id, whose.items.get(&act.id));
    let by = state.map_or("", |state| &state.by);
    let ran = state.and_then(|state| state.evidence.as_ref());
    let ended = ran.map_or_else(
        || "nobody heard how it ended".to_owned(),
        |evidence| format!("it ended so: {}", evidence.sentence()),
    );
    Err(Refusal::raced(
        "item.unknown",
        format!(
            "{by} began {id} of release {} and {ended}: it may have happened, and nothing is done blindly before somebody has looked",
            whose.plan.release.title()
        ),
    )
    .hint(format!(
        "gonogo migrate verify {place} tells; or look, and open it again by name: gonogo reopen {place} {id} --reason …"
    )))
}

/// What is taken back was looked for and found: a tool that counts from where the database is would else take back what
/// nobody read.
fn found_there(facts: &Facts<'_>, deployment: &Deployment, spec: &ItemSpec) -> Result<(), Refusal> {
    let refused =
        |sentence: String, hint: &str| Err(Refusal::rule("item.way_back", sentence).hint(hint));
    let release = deployment.plan.release.title();
    let Some(act) = deployment.acted() else {
        let sentence = format!("nothing stands of release {release} to be taken back");
        return refused(sentence, "gonogo plan shows what stands");
    };
    let Some(looks) = deployment.plan.plan.looks_at(&act.id) else {
        let sentence = format!(
            "nothing says whether {} is there, so {} would take back what nobody knows",
            act.id, spec.id
        );
        return refused(sentence, "add an item with `expect` after it");
    };
    match deployment.status(looks, facts.now) {
        ItemStatus::Done => Ok(()),
        ItemStatus::Running => Err(under_way(facts, deployment, looks)),
        _ => refused(
            format!(
                "{} did not find {} of release {release} there as a whole, so {} would take back something else",
                looks.id, act.id, spec.id
            ),
            &format!("gonogo migrate verify {}", facts.target.id.place()),
        ),
    }
}

/// What was confirmed is what is done, whoever did what since.
fn same_as_shown(deployment: &Deployment, spec: &ItemSpec, typed: &Typed) -> Result<(), Refusal> {
    let now = shown(deployment, spec);
    if now == typed.shown {
        return Ok(());
    }
    let words = |shown: &Shown| {
        let printed: Vec<&str> = shown.printed.iter().map(Digest::short).collect();
        format!("{} of {}", printed.join(", "), shown.deployment)
    };
    let sentence = format!(
        "what was confirmed is {}; it is {} now, and {} was not begun",
        words(&typed.shown),
        words(&now),
        spec.id
    );
    Err(Refusal::raced("item.shown", sentence).hint("look at it, and confirm that"))
}

/// A release that serves anybody runs on what it brought.
fn nobody_needs_it(
    facts: &Facts<'_>,
    deployment: &Deployment,
    spec: &ItemSpec,
) -> Result<(), Refusal> {
    let (item, release) = (&spec.id, &deployment.plan.release);
    let refused = |sentence: String, hint: &str| {
        let refusal = Refusal::rule("item.serves", sentence);
        Err(refusal.hint(hint))
    };
    let Some(observed) = facts.workload.value() else {
        // What never took off serves nobody.
        if deployment.took_off_at.is_none() {
            return Ok(());
        }
        return refused(
            format!(
                "nobody knows what serves now, so {item} might pull the ground from under release {}",
                release.title()
            ),
            "it is read anew each time: gonogo status",
        );
    };
    let workload = &observed.workload;
    let stable = observed
        .stable_image()
        .is_some_and(|it| Some(it) == release.image.as_deref());
    let wanted = workload.image == release.image && !workload.aborted;
    if release.image.is_some() && (stable || wanted) {
        return refused(
            format!(
                "release {} serves now and runs on what {item} would take back",
                release.title()
            ),
            "abort it or roll it back first",
        );
    }
    Ok(())
}

/// In a protected environment whoever does it is not the one who read it.
fn four_eyes(
    facts: &Facts<'_>,
    actor: &Actor,
    deployment: &Deployment,
    spec: &ItemSpec,
) -> Result<(), Refusal> {
    if !facts.environment.protected || facts.workspace.people.is_empty() {
        return Ok(());
    }
    let readers = spec
        .before_it()
        .filter_map(|id| deployment.plan.plan.item(id));
    let readers = readers.filter(|item| matches!(item.kind, ItemKind::Read(_)));
    let mut states = readers.filter_map(|item| Some((item, deployment.items.get(&item.id)?)));
    match states.find(|(_, state)| state.status == ItemStatus::Done && state.by == actor.name) {
        None => Ok(()),
        Some((read, _)) => Err(Refusal::rule(
            "item.four_eyes",
            format!(
                "{} read {} and may not run {} as well in {}",
                actor.name, read.id, spec.id, facts.environment.name
            ),
        )
        .hint("somebody else with the role operate runs it, or somebody else reads it")),
    }
}

/// Somebody answers for exactly this output, having read it.
pub(super) fn read(
    facts: &Facts<'_>,
    actor: &Actor,
    item: &ItemId,
    of: &Digest,
    reason: &str,
) -> Result<Decision, Refusal> {
    let (deployment, spec) = open(facts, item)?;
    let ItemKind::Read(printed_by) = &spec.kind else {
        let sentence = format!("{item} is nothing that is read");
        return Err(Refusal::rule("checklist.read", sentence));
    };
    if reason.trim().is_empty() {
        let sentence = "whoever reads it says why it may be done";
        return Err(Refusal::new(RefusalKind::Usage, "read.reason", sentence));
    }
    verified(facts, actor, "read.verified")?;
    in_order(facts, deployment, spec)?;
    let state = deployment.items.get(printed_by);
    let evidence = state.and_then(|state| state.evidence.as_ref());
    let Some(evidence) = evidence else {
        return Err(Refusal::rule(
            "checklist.after",
            format!("{printed_by} comes before {item}: nothing was printed yet"),
        ));
    };
    if &evidence.output != of {
        return Err(Refusal::raced(
            "item.read",
            format!(
                "{printed_by} printed {}, not {}",
                evidence.output.short(),
                of.short()
            ),
        )
        .hint("read what it printed last, then decide on that"));
    }
    if evidence.kept.as_ref().is_none_or(|kept| kept.left_out > 0) {
        let sentence =
            format!("not all of what {printed_by} printed was kept: nobody could read it");
        return Err(Refusal::rule("read.whole", sentence).hint("run it again"));
    }
    Ok(record(Body::OutputRead {
        deployment: deployment.id.clone(),
        item: item.clone(),
        of: of.clone(),
        reason: reason.to_owned(),
    }))
}

/// What was done is not undone by opening it; what nobody knows a person answers for by name, in a protected environment
/// one who may waive and did not begin it.
pub(super) fn may_reopen(
    facts: &Facts<'_>,
    actor: &Actor,
    deployment: &Deployment,
    spec: &ItemSpec,
    reason: Option<&String>,
) -> Result<(), Refusal> {
    let item = &spec.id;
    match deployment.status(spec, facts.now) {
        ItemStatus::Done => Err(done(item)),
        ItemStatus::Running => Err(under_way(facts, deployment, spec)),
        ItemStatus::Unknown if reason.is_none_or(|reason| reason.trim().is_empty()) => {
            Err(Refusal::new(
                RefusalKind::Usage,
                "item.unknown",
                format!(
                    "nobody heard how {item} ended: say how you know that it may be done again"
                ),
            )
            .hint("--reason …"))
        }
        ItemStatus::Unknown => answers_for(facts, actor, deployment, item),
        _ => Ok(()),
    }
}

fn done(item: &ItemId) -> Refusal {
    Refusal::rule(
        "item.done",
        format!("{item} was done, and nothing that is said of it undoes it"),
    )
    .hint("what takes it back: gonogo migrate revert")
}

fn answers_for(
    facts: &Facts<'_>,
    actor: &Actor,
    deployment: &Deployment,
    item: &ItemId,
) -> Result<(), Refusal> {
    verified(facts, actor, "item.verified")?;
    if !facts.environment.protected || facts.workspace.people.is_empty() {
        return Ok(());
    }
    holds(facts, &actor.name, "waive")?;
    let state = deployment.items.get(item);
    if state.is_some_and(|state| state.by == actor.name) {
        return Err(Refusal::rule(
            "item.four_eyes",
            format!(
                "{} began {item} and does not answer alone for it in {}",
                actor.name, facts.environment.name
            ),
        )
        .hint(format!(
            "gonogo migrate verify {} tells; or somebody else with the role waive opens it",
            facts.target.id.place()
        )));
    }
    Ok(())
}

/// Whether it is needed may be waived; that it happened, or may have, not.
pub(super) fn may_waive(
    facts: &Facts<'_>,
    deployment: &Deployment,
    spec: &ItemSpec,
) -> Result<(), Refusal> {
    match deployment.status(spec, facts.now) {
        ItemStatus::Done => Err(done(&spec.id)),
        ItemStatus::Running => Err(under_way(facts, deployment, spec)),
        ItemStatus::Unknown => all_known(facts, deployment, spec),
        _ => Ok(()),
    }
}
