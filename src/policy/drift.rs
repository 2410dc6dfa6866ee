//! Drift (SPEC E6): with nothing under way, something else runs or is asked for than the ledger records as live. It is
//! recorded as it is (*adopt*), or what is recorded flies again (*restore*).

use serde::{Deserialize, Serialize};

use crate::domain::{
    change::short_image,
    plan::StoredPlan,
    release::{Release, ReleaseRef},
};

use super::{
    facts::Facts,
    planner,
    refusal::{Refusal, RefusalKind},
};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// What the ledger says is live.
    pub recorded: Option<ReleaseRef>,
    /// What serves; by its revision where nobody knows it.
    pub running: ReleaseRef,
    /// What the platform asks for, where that is something else than what serves.
    pub desired: Option<String>,
}

impl Drift {
    /// `43 v1.4.0 serves, the ledger says 41 v1.2.3`
    pub fn sentence(&self) -> String {
        let asks = self.desired.as_ref().map_or_else(String::new, |image| {
            format!(", the platform asks for {image}")
        });
        let recorded = self.recorded.as_ref().map_or_else(
            || "nothing is recorded as live".to_owned(),
            |recorded| format!("the ledger says {}", recorded.title()),
        );
        format!("{} serves{asks}, {recorded}", self.running.title())
    }
}

/// What serves here: a release that somebody knows, else the platform's own revision. None where it was not read.
pub fn running(facts: &Facts<'_>) -> Option<ReleaseRef> {
    facts.running().or_else(|| {
        let observed = facts.workload.value()?;
        let hash = observed.workload.stable_hash.as_deref()?;
        let set = observed.replica_sets.iter().find(|set| set.hash == hash)?;
        Some(ReleaseRef::of_revision(set.revision, set.image.as_deref()?))
    })
}

/// Drift, if there is any: never while something is under way, and not where the platform was never read. What was never
/// recorded at all has not drifted.
pub fn look(facts: &Facts<'_>) -> Option<Drift> {
    if facts.current().is_some() {
        return None;
    }
    let recorded = &facts.state.live.as_ref()?.release;
    let running = running(facts)?;
    let image = facts.workload.value()?.workload.image.as_ref();
    let elsewhere = image.filter(|image| running.image.as_ref() != Some(*image));
    let same = running.commit == recorded.commit;
    if same && elsewhere.is_none() {
        return None;
    }
    let named = |image: &String| {
        facts
            .named(image)
            .map_or_else(|| short_image(image), |release| release.title())
    };
    Some(Drift {
        recorded: Some(recorded.clone()),
        desired: elsewhere.map(named),
        running,
    })
}

/// The plan that flies what is recorded: the ordinary path, from the catalogue's release where it is known.
pub fn restoring(facts: &Facts<'_>) -> Result<StoredPlan, Refusal> {
    let id = &facts.target.id;
    let Some(live) = &facts.state.live else {
        let sentence = format!("nothing is recorded as live in {id}: there is nothing to restore");
        return Err(
            Refusal::new(RefusalKind::NotFound, "drift.recorded", sentence)
                .hint("adopt records what runs"),
        );
    };
    planner::fresh(facts)?;
    let Some(drift) = look(facts) else {
        if let Some(current) = facts.current() {
            return Err(under_way(&current.plan.release, current.state.word()));
        }
        let sentence = format!(
            "{} serves {} as it is recorded: there is nothing to restore",
            live.release.title(),
            id.environment
        );
        return Err(Refusal::raced("drift.none", sentence));
    };
    let quoted = Release::from_ref(&id.project, &live.release);
    let mut release = facts
        .release(&live.release.commit)
        .cloned()
        .unwrap_or_else(|| quoted.clone());
    // What was live is flown by the digest that was live, whatever its tag names by now.
    if !quoted.artifacts.is_empty() {
        release.artifacts = quoted.artifacts;
    }
    Ok(planner::store(
        facts.environment,
        facts.target,
        &release,
        Some(drift.running),
    ))
}

/// Drift is judged when nothing is under way.
pub fn under_way(release: &ReleaseRef, state: &str) -> Refusal {
    let sentence = format!("release {} is {state} here", release.title());
    Refusal::raced("target.idle", sentence).hint("see it through, or roll back, first")
}
