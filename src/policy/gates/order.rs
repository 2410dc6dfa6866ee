//! What must have happened before, and what must not happen at the same time (SPEC E3, E9).

use crate::{
    domain::{change::short_image, deployment::FlightState, plan::StoredPlan, time},
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
    Some(if soaked < policy.soak {
        (
            Verdict::Fail,
            format!(
                "verified in {after} {} ago, the soak is {}",
                time::age(soaked),
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

/// There is something to go back to, and it could be put back.
pub fn way_back(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let kept = facts.former_revision();
    let Some(before) = plan
        .before
        .as_ref()
        .or(facts.state.live.as_ref().map(|live| &live.release))
        .or(kept.as_ref())
    else {
        return Some((Verdict::Fail, NO_WAY_BACK.to_owned()));
    };
    let Some(image) = &before.image else {
        return Some((
            Verdict::Unknown,
            format!("the image of {} is not known by digest", before.title()),
        ));
    };
    let kept = facts.workload.value().is_some_and(|o| {
        o.replica_sets
            .iter()
            .any(|set| set.image.as_deref() == Some(image))
    });
    Some(if kept {
        let from = if before.is_only_a_revision() {
            ", known to the platform alone"
        } else {
            ""
        };
        (
            Verdict::Pass,
            format!(
                "rollback to {}{from} is ready: its replica set is there",
                before.title()
            ),
        )
    } else {
        (
            Verdict::Unknown,
            format!(
                "rollback to {}: its replica set was not seen",
                before.title()
            ),
        )
    })
}
