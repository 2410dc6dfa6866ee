//! Two releases side by side: what is live here, or the one that is named, and the one under the cursor.

use crate::{
    domain::release::Release,
    policy::refusal::{Refusal, RefusalKind},
    session::{
        cockpit::{Cockpit, Comparison},
        effect::Effect,
        view::{Aim, Overlay, Screen},
    },
};

use super::overlays;
use crate::input::Action;

pub fn compare(cockpit: &mut Cockpit, aim: &Aim) -> Vec<Effect> {
    let (from, to) = match both(cockpit, aim) {
        Ok((from, to)) => (Box::new(from.clone()), Box::new(to.clone())),
        Err(refusal) => {
            overlays::refuse(cockpit, Action::Compare, &refusal);
            return Vec::new();
        }
    };
    cockpit.comparison = Some(Comparison {
        from: from.to_ref(),
        to: to.to_ref(),
        at: cockpit.now,
        outcome: None,
    });
    cockpit.view.overlay = Some(Overlay::Difference { top: 0 });
    vec![Effect::Compare { from, to }]
}

fn both<'a>(cockpit: &'a Cockpit, aim: &Aim) -> Result<(&'a Release, &'a Release), Refusal> {
    let not_found = |sentence: String| Refusal::new(RefusalKind::NotFound, "release", sentence);
    let facts = cockpit
        .facts()
        .ok_or_else(|| not_found("this project has no target in this environment".to_owned()))?;
    let project = &facts.target.id.project;
    let known = |number: u64| {
        cockpit
            .known
            .release(project, number)
            .ok_or_else(|| not_found(format!("release {number} is not in the catalogue")))
    };
    let under_cursor = || {
        let shown = cockpit.releases_shown();
        shown.get(cockpit.view.release).map(|it| it.number)
    };
    let planned = facts.current().map(|current| current.plan.release.number);
    let to = match (aim.release, cockpit.view.screen) {
        (Some(number), _) => Some(number),
        (None, Screen::Releases) => under_cursor(),
        (None, _) => planned.or(cockpit.view.chosen).or_else(under_cursor),
    };
    let to = known(to.ok_or_else(|| not_found("pick a release first (2 lists them)".to_owned()))?)?;
    let from = match aim.from {
        Some(number) => known(number)?,
        None => {
            let before = facts.before().ok_or_else(|| {
                let place = &facts.target.id.environment;
                not_found(format!("nothing is live in {place} to compare with"))
            })?;
            let found = facts.release(&before.commit);
            found.ok_or_else(|| {
                not_found(format!(
                    "{} is live here, and not in the catalogue",
                    before.title()
                ))
            })?
        }
    };
    if from.commit == to.commit {
        let sentence = format!(
            "release {} is what is live here: nothing differs",
            to.title()
        );
        return Err(Refusal::new(RefusalKind::Usage, "release", sentence));
    }
    Ok((from, to))
}
