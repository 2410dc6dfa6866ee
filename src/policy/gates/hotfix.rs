//! A hotfix that hurries, and everything else that must not fly over one (SPEC R8, E12).

use crate::{
    domain::{hotfix::Fix, plan::StoredPlan, release::Release, time},
    policy::{
        facts::Facts,
        gate::{Judged, Verdict},
        hotfix,
    },
};

/// The terms that this plan flies on, as long as its hotfix stands.
pub fn open(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    let (expedited, _) = hotfix::terms(plan)?;
    let Some(known) = facts.hotfixes.named(&expedited.hotfix) else {
        return Some((
            Verdict::Unknown,
            format!(
                "the ledger knows no hotfix {}, so its terms do not hold",
                expedited.hotfix
            ),
        ));
    };
    if let Some(closed) = &known.closed {
        return Some((
            Verdict::Fail,
            format!(
                "{} gave hotfix {} up; its terms do not hold any more",
                closed.by, known.name
            ),
        ));
    }
    if known.is_over() {
        return Some((
            Verdict::Fail,
            format!(
                "hotfix {} is over: its terms do not hold for what comes after it",
                known.name
            ),
        ));
    }
    let ago = time::age(facts.now.duration_since(known.started_at));
    let within = time::exact(facts.workspace.timings.countersign);
    Some((
        Verdict::Pass,
        format!(
            "{}, started by {} {ago} ago: {}; a second person countersigns within {within} of take-off",
            expedited.words(),
            known.by,
            expedited.relaxations().join("; "),
        ),
    ))
}

/// Whatever a hotfix brought to this environment is in this release too: by ancestry, else as the same patch.
pub fn backport(facts: &Facts<'_>, plan: &StoredPlan) -> Judged {
    if facts.hotfixes.all.is_empty() {
        return None;
    }
    let live = facts
        .running()
        .or_else(|| facts.state.live.as_ref().map(|live| live.release.clone()))?;
    if live.commit == plan.release.commit {
        return None;
    }
    let environment = &plan.plan.environment;
    let unread = |release: &str, why: &str| {
        Some((
            Verdict::Unknown,
            format!("which hotfixes release {release} has is not known: {why}"),
        ))
    };
    let missing = "it is not in the catalogue; is its repository readable?";
    let Some(there) = facts.release(&live.commit) else {
        return unread(&live.title(), missing);
    };
    if let Some(why) = &there.lineage.unknown {
        return unread(&live.title(), why.as_ref());
    }
    let fixes = &there.lineage.has;
    let first = fixes.first()?;
    let Some(ours) = facts.release(&plan.release.commit) else {
        return unread(&plan.release.title(), missing);
    };
    let lacking: Vec<&Fix> = fixes
        .iter()
        .map(|carried| &carried.fix)
        .filter(|fix| ours.lineage.carries(&fix.commit).is_none())
        .collect();
    let Some(lacks) = lacking.first() else {
        return Some((
            Verdict::Pass,
            format!(
                "has all {} commits of hotfix {} that are live in {environment}: {}",
                fixes.len(),
                first.fix.hotfix,
                by(ours, &first.fix)
            ),
        ));
    };
    if let Some(why) = &ours.lineage.unknown {
        return unread(&plan.release.title(), why.as_ref());
    }
    Some((
        Verdict::Fail,
        format!(
            "release {} lacks {} of {} commits of hotfix {} that are live in {environment}: {} ({}); backport it, or fly a release that has it",
            plan.release.title(),
            lacking.len(),
            fixes.len(),
            lacks.hotfix,
            lacks.commit.short(),
            lacks.subject
        ),
    ))
}

/// `9f3c2ab as 1c2d3e4, same patch id`
fn by(release: &Release, fix: &Fix) -> String {
    match release.lineage.carries(&fix.commit) {
        Some(carried) if carried.by != fix.commit => format!(
            "{} as {}, {}",
            fix.commit.short(),
            carried.by.short(),
            carried.how.words()
        ),
        _ => format!("{} itself", fix.commit.short()),
    }
}
