//! What must have happened before, and what must not happen at the same time (SPEC E3, E9).

use jiff::SignedDuration;

use crate::{
    domain::{
        change::short_image, deployment::FlightState, fault::FaultKind, plan::StoredPlan,
        release::ReleaseRef, time,
    },
    policy::{
        facts::Facts,
        gate::{Judged, Verdict},
        hotfix,
    },
};

/// One open request or flight per target.
pub fn idle(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let Some(current) = facts.current() else {
        return Some((
            Verdict::Pass,
            format!("nothing else is under way in {}", plan.plan.environment),
        ));
    };
    Some(if current.plan.digest != plan.digest {
        let (title, state, by) = (
            current.plan.release.title(),
            current.state.word(),
            &current.requester.name,
        );
        (
            Verdict::Fail,
            format!("release {title} is {state} here, requested by {by}; one at a time"),
        )
    } else if let Some(outstanding) = &current.outstanding {
        (
            Verdict::Unknown,
            format!(
                "{} asked to {} and the outcome is not known yet",
                outstanding.by.name,
                outstanding.act.kind.verb()
            ),
        )
    } else if current.state == FlightState::Requested {
        (
            Verdict::Pass,
            format!("nothing else is under way in {}", plan.plan.environment),
        )
    } else {
        (
            Verdict::Fail,
            format!("it is {} already", current.state.word()),
        )
    })
}

pub fn is_a_change(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let running = facts.running();
    let asked = facts
        .workload
        .value()
        .and_then(|observed| observed.workload.image.as_ref());
    // What is recorded flies again: stable may be it already, and what nobody knows is not it.
    let restores = facts.current().is_none_or(|c| c.plan.digest == plan.digest)
        && facts
            .state
            .live
            .as_ref()
            .is_some_and(|live| live.release.commit == plan.release.commit);
    let elsewhere = plan.release.image.is_some() && asked != plan.release.image.as_ref();
    if restores && elsewhere && asked.is_some() {
        let serves = crate::policy::drift::running(facts);
        let serves = serves.map_or_else(|| "something else".to_owned(), |it| it.title());
        let other = asked.map_or_else(String::new, |image| short_image(image));
        return Some((
            Verdict::Pass,
            format!("it restores what is recorded: {serves} serves, the platform asks for {other}"),
        ));
    }
    Some(match running {
        Some(running) if running.commit == plan.release.commit => (
            Verdict::Fail,
            format!(
                "release {} already serves {}",
                plan.release.title(),
                plan.plan.environment
            ),
        ),
        Some(running) => (Verdict::Pass, format!("{} serves now", running.title())),
        None if facts.workload.value().is_some() => (
            Verdict::Unknown,
            "what runs here now is no release that gonogo knows".to_owned(),
        ),
        None => (
            Verdict::Unknown,
            "what runs here now could not be read".to_owned(),
        ),
    })
}

/// Live and verified in the environment before, for the soak time (E3).
pub fn verified(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let policy = &plan.plan.policy;
    let after = policy.after.as_ref()?;
    let Some(earlier) = facts.earlier else {
        return Some((
            Verdict::Unknown,
            format!(
                "{} has no target in {after} to be verified in",
                facts.target.id.project
            ),
        ));
    };
    let title = plan.release.title();
    if earlier.read_only {
        return Some((
            Verdict::Unknown,
            format!(
                "a later gonogo wrote of {after}; this one cannot know what it said of release {title}"
            ),
        ));
    }
    if let Some(grounded) = earlier.grounded.get(&plan.release.commit) {
        return Some((
            Verdict::Fail,
            format!(
                "release {title} is grounded in {after}: {}",
                grounded.words()
            ),
        ));
    }
    let Some(since) = earlier.verified(&plan.release.commit) else {
        let live = earlier
            .live
            .as_ref()
            .map_or_else(|| "nothing".to_owned(), |live| live.release.title());
        return Some((
            Verdict::Fail,
            format!("release {title} was never verified in {after}; {live} is live there"),
        ));
    };
    let soaked = facts.now.duration_since(since);
    if let Some((hurry, terms)) = hotfix::terms(plan).filter(|(_, terms)| !terms.soak.is_zero()) {
        return Some((
            Verdict::Pass,
            format!(
                "verified in {after} {} ago; soak of {} replaced by {} fast-validation items: {}",
                time::age(soaked),
                time::exact(terms.soak),
                terms.validation.len(),
                hurry.words()
            ),
        ));
    }
    let own = policy.tightening().filter(|(_, own)| own.soak.is_some());
    let whose = own.map_or_else(String::new, |(project, _)| {
        format!(" by the rule of {}", project.name())
    });
    Some(if soaked < policy.soak {
        (
            Verdict::Fail,
            format!(
                "verified in {after} {} ago, the soak{} is {}",
                time::age(soaked),
                whose,
                time::exact(policy.soak)
            ),
        )
    } else {
        (
            Verdict::Pass,
            format!("verified in {after} {} ago", time::age(soaked)),
        )
    })
}

/// Aborted or rolled back here before (E9).
pub fn grounded(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let grounded = facts.state.grounded.get(&plan.release.commit)?;
    let ago = time::age(facts.now.duration_since(grounded.at));
    Some((
        Verdict::Fail,
        format!(
            "release {} is grounded: {} {ago} ago; clear it (ground --clear) or waive release.grounded, with a reason",
            plan.release.title(),
            grounded.words()
        ),
    ))
}

/// A first deployment; said before it flies, and waived by name (SPEC E6).
pub const NO_WAY_BACK: &str = "a first deployment: neither ledger nor platform knows anything to go back to; waive way.back to confirm that";

/// The registry's word for an image counts for so long.
const IMAGE_KNOWN_FOR: SignedDuration = SignedDuration::from_mins(15);

/// What `R` would go back to after this plan has flown.
fn to_put_back(facts: &Facts<'_>, plan: Option<&StoredPlan>) -> Option<ReleaseRef> {
    let planned = match plan {
        Some(plan) => plan.before.clone(),
        None => facts
            .current()
            .map_or_else(|| facts.before(), |current| current.plan.before.clone()),
    };
    planned
        .or_else(|| facts.state.live.as_ref().map(|live| live.release.clone()))
        .or_else(|| facts.former_revision())
}

/// The image that the registry has to be asked for before a take-off here can be judged; None where the gate does not
/// ask that.
pub fn image_to_ask(facts: &Facts<'_>) -> Option<String> {
    let before_take_off = facts
        .current()
        .is_none_or(|current| current.state == FlightState::Requested);
    if !facts.environment.protected || !before_take_off {
        return None;
    }
    to_put_back(facts, None)?.image
}

/// There is something to go back to, and it could be put back: known by digest, its replica set kept by the platform and
/// not pushed out by this flight, and in protected environments its image still in the registry (SPEC 8.5).
pub fn way_back(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let Some(before) = to_put_back(facts, Some(plan)) else {
        return Some((Verdict::Fail, NO_WAY_BACK.to_owned()));
    };
    let title = before.title();
    let Some(image) = &before.image else {
        return Some((
            Verdict::Unknown,
            format!("the image of {title} is not known by digest"),
        ));
    };
    let observed = facts.workload.value();
    let sets = observed.map_or(&[][..], |observed| observed.replica_sets.as_slice());
    let kept = sets
        .iter()
        .filter(|set| set.image.as_ref() == Some(image))
        .max_by_key(|set| set.revision);
    let Some((kept, observed)) = kept.zip(observed) else {
        return Some((
            Verdict::Unknown,
            format!("rollback to {title}: its replica set was not seen"),
        ));
    };
    // What is newer than it is a former revision too, once this has flown.
    let newer = sets.iter().filter(|set| set.revision > kept.revision);
    let back = newer.count() + 1;
    let limit = observed.workload.kept_revisions();
    if back > limit as usize {
        return Some((
            Verdict::Fail,
            format!(
                "rollback to {title}: it would be {back} revisions back, and the platform keeps {limit} (revisionHistoryLimit)"
            ),
        ));
    }
    if facts.environment.protected
        && let Some(verdict) = in_registry(facts, &title, image)
    {
        return Some(verdict);
    }
    let from = if before.is_only_a_revision() {
        ", known to the platform alone"
    } else {
        ""
    };
    let stored = if facts.environment.protected {
        ", its image in the registry"
    } else {
        ""
    };
    Some((
        Verdict::Pass,
        format!(
            "rollback to {title}{from} is ready: its replica set is kept, {back} of {limit} revisions back{stored}"
        ),
    ))
}

/// What stands against an image, by the registry's last word; None: it is there.
fn in_registry(facts: &Facts<'_>, title: &str, image: &str) -> Option<(Verdict, String)> {
    let name = short_image(image);
    let unknown = |why: String| Some((Verdict::Unknown, format!("rollback to {title}: {why}")));
    let Some(asked) = facts.images.get(image) else {
        return unknown(format!("the registry was not asked for {name} yet"));
    };
    if let Some(trouble) = &asked.trouble {
        if trouble.value.kind == FaultKind::NotFound {
            let why = format!(
                "rollback to {title}: {name} is gone from the registry ({})",
                trouble.value.detail
            );
            return Some((Verdict::Fail, why));
        }
        return unknown(trouble.value.to_string());
    }
    match &asked.last {
        Some(last) if last.is_stale(facts.now, IMAGE_KNOWN_FOR) => unknown(format!(
            "the registry was asked for {name} {} ago",
            time::age(last.age(facts.now))
        )),
        Some(_) => None,
        None => unknown(format!("the registry was not asked for {name} yet")),
    }
}
