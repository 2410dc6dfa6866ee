//! Which release an action means: named, under the cursor, flown here, grounded here, or kept by the platform.

use crate::{
    domain::release::{Release, ReleaseRef},
    input::{Action, Context},
    policy::{
        facts::Facts,
        refusal::{Refusal, RefusalKind},
        resolve,
    },
    session::{
        cockpit::Cockpit,
        view::{Aim, Screen},
    },
};

/// A release to go back to by number: as the ledger quotes it (with its image), else as the catalogue does.
pub(super) fn rollback_release(
    cockpit: &Cockpit,
    facts: &Facts<'_>,
    number: u64,
) -> Result<ReleaseRef, Refusal> {
    let project = &facts.target.id.project;
    if let Some(quoted) = resolve::quoted(facts.state, project, &number.to_string()) {
        return Ok(quoted);
    }
    let release = cockpit
        .known
        .release(&facts.target.id.project, number)
        .filter(|release| !release.artifacts.is_empty());
    release.map(Release::to_ref).ok_or_else(|| {
        Refusal::new(
            RefusalKind::NotFound,
            "rollback.release",
            format!("release {number} never ran here, and its image is not known by digest"),
        )
    })
}

pub(super) fn former_revision(facts: &Facts<'_>) -> Result<ReleaseRef, Refusal> {
    facts.former_revision().ok_or_else(|| {
        Refusal::new(
            RefusalKind::NotFound,
            "rollback.former",
            format!(
                "{} keeps no former revision to go back to",
                facts.target.workload
            ),
        )
    })
}

/// The release that is named, else what flies here, else what flew here last.
pub(super) fn flown(facts: &Facts<'_>, aim: &Aim) -> Result<ReleaseRef, Refusal> {
    let named = |number: u64| {
        let known = facts.releases.iter().find(|r| r.number == number);
        resolve::quoted(facts.state, &facts.target.id.project, &number.to_string())
            .or_else(|| known.map(Release::to_ref))
    };
    let found = match aim.release {
        Some(number) => named(number),
        None => facts.state.quoted().first().copied().cloned(),
    };
    found.ok_or_else(|| {
        Refusal::new(
            RefusalKind::NotFound,
            "release",
            "no release flew here: name one",
        )
    })
}

/// The release that is named, else the one that was grounded last.
pub(super) fn grounded(facts: &Facts<'_>, aim: &Aim) -> Result<ReleaseRef, Refusal> {
    let grounded = &facts.state.grounded;
    let quoted = facts.state.quoted().into_iter();
    let known = facts.releases.iter().map(Release::to_ref);
    let mut among: Vec<(jiff::Timestamp, ReleaseRef)> = quoted
        .cloned()
        .chain(known)
        .filter(|release| aim.release.is_none_or(|number| number == release.number))
        .filter_map(|release| Some((grounded.get(&release.commit)?.at, release)))
        .collect();
    among.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    among
        .into_iter()
        .next()
        .map(|(_, release)| release)
        .ok_or_else(|| {
            let sentence = "nothing is grounded here";
            Refusal::new(RefusalKind::NotFound, "release.grounded", sentence)
        })
}

pub(super) fn chosen<'a>(
    cockpit: &Cockpit,
    facts: &Facts<'a>,
    aim: &Aim,
) -> Result<&'a Release, Refusal> {
    let under_cursor = || {
        cockpit
            .releases_shown()
            .get(cockpit.view.release)
            .map(|release| release.number)
    };
    let number = aim
        .release
        .or_else(|| {
            if cockpit.view.screen == Screen::Releases {
                under_cursor()
            } else {
                cockpit.view.chosen
            }
        })
        .or_else(under_cursor);
    let number = number.ok_or_else(|| {
        let keys = cockpit.keymap.texts(Action::ShowReleases, Context::Plan);
        let lists = keys.into_iter().next().unwrap_or("release list".to_owned());
        Refusal::new(
            RefusalKind::NotFound,
            "release",
            format!("pick a release first ({lists} lists them)"),
        )
    })?;
    let found = facts
        .releases
        .iter()
        .find(|release| release.number == number);
    found.ok_or_else(|| {
        Refusal::new(
            RefusalKind::NotFound,
            "release",
            format!("no release {number} in the catalogue"),
        )
    })
}
