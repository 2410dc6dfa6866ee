//! Showing the SQL that was made last: it lies beside the ledger, and is read from there.

use crate::{
    domain::{
        evidence::Kept,
        fault::Fault,
        plan::{ItemId, ItemKind},
        release::Digest,
    },
    input::Action,
    policy::{
        migration::{Direction, Steps},
        refusal::{Refusal, RefusalKind},
    },
    session::{
        cockpit::{Cockpit, Printed},
        effect::Effect,
        show,
        view::{Aim, Overlay},
    },
};

use super::overlays;

pub fn show_sql(cockpit: &mut Cockpit, aim: &Aim) -> Vec<Effect> {
    match printed(cockpit, aim) {
        Ok((printed, kept)) => {
            cockpit.printed = Some(printed);
            cockpit.view.overlay = Some(Overlay::Sql { top: 0 });
            vec![Effect::ReadOutput { kept }]
        }
        Err(refusal) => {
            overlays::refuse(cockpit, Action::ShowSql, &refusal);
            Vec::new()
        }
    }
}

/// Of the selected item, where that is one that printed or one that reads; else of the migration.
fn printed(cockpit: &Cockpit, aim: &Aim) -> Result<(Printed, Kept), Refusal> {
    let not_found =
        |rule: &str, sentence: String| Err(Refusal::new(RefusalKind::NotFound, rule, sentence));
    let Some(facts) = cockpit.facts() else {
        return not_found(
            "target",
            "this project has no target in this environment".to_owned(),
        );
    };
    let preview = match under_cursor(cockpit).filter(|_| !aim.way_back) {
        Some(item) => item,
        None => {
            let direction = Direction::of(aim.way_back);
            let carrier = Steps::carrier(&facts, direction)?;
            Steps::of(&carrier.plan.plan, &facts.target.id, direction)?.preview
        }
    };
    let carrier = facts.state.carrier(&preview);
    let state = carrier.and_then(|carrier| carrier.items.get(&preview));
    let Some(evidence) = state.and_then(|state| state.evidence.as_ref()) else {
        return not_found("migration.preview", format!("{preview} was not run yet"));
    };
    let Some(kept) = evidence.kept.clone() else {
        return not_found("evidence", format!("nothing is kept of {preview}"));
    };
    let printed = Printed {
        item: preview,
        said: evidence.sentence(),
        of: evidence.output.clone(),
        kept: kept.digest.clone(),
        at: cockpit.now,
        outcome: None,
    };
    Ok((printed, kept))
}

fn under_cursor(cockpit: &Cockpit) -> Option<ItemId> {
    let line = show::selected_line(cockpit)?;
    let show::LineKind::Item { spec, state, .. } = &line.kind else {
        return None;
    };
    match &spec.kind {
        ItemKind::Read(of) => Some(of.clone()),
        _ => {
            let evidence = state.as_ref()?.evidence.as_ref()?;
            evidence.kept.as_ref().map(|_| spec.id.clone())
        }
    }
}

/// Somebody may have asked for another one meanwhile.
pub fn read(cockpit: &mut Cockpit, kept: &Digest, outcome: Result<String, Fault>) {
    let asked = cockpit.printed.as_mut();
    if let Some(asked) = asked.filter(|it| it.kept == *kept) {
        asked.outcome = Some(outcome);
    }
}
