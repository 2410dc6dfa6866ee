//! Items that are read or that act: what a key on one of them asks first, and which one a migration's action means.

use crate::{
    domain::{
        plan::{ItemId, ItemKind},
        release::Digest,
    },
    input::Action,
    policy::{
        facts::Facts,
        migration::{Direction, Steps, previews_of, shown},
        refusal::{Refusal, RefusalKind},
    },
    session::{cockpit::Cockpit, view::Ask},
};

/// None: an item like any other.
pub(super) fn asked(
    cockpit: &Cockpit,
    facts: &Facts<'_>,
    item: &ItemId,
) -> Option<Result<Ask, Refusal>> {
    let carrier = facts.state.carrier(item)?;
    let plan = &carrier.plan.plan;
    let spec = plan.item(item)?;
    let printed = |id: &ItemId| carrier.items.get(id)?.evidence.as_ref();
    match &spec.kind {
        ItemKind::Read(of) => Some(match printed(of) {
            Some(evidence) if !is_shown(cockpit, &evidence.output) => Err(Refusal::rule(
                "read.shown",
                format!(
                    "{} that {of} printed was not shown here yet, so nobody can have read it",
                    evidence.output.short()
                ),
            )
            .hint("v shows it")),
            Some(evidence) => Ok(Ask::Read {
                item: item.clone(),
                of: evidence.output.clone(),
                said: evidence.said.to_string(),
            }),
            None => Err(Refusal::rule(
                "checklist.after",
                format!("{of} comes before {item}: there is nothing to read yet"),
            )),
        }),
        _ if spec.acts() => {
            let previews = previews_of(plan, spec);
            let said: Vec<String> = previews
                .iter()
                .filter_map(printed)
                .map(|evidence| format!("; {}", evidence.said))
                .collect();
            let said = said.concat();
            let errand = spec.errand().unwrap_or_default();
            let number = carrier.plan.release.number.to_string();
            Some(Ok(Ask::Act {
                item: item.clone(),
                what: format!("{errand} in {}{said}", facts.target.id.environment),
                expected: facts.environment.protected.then_some(number),
                shown: shown(carrier, spec),
            }))
        }
        _ => None,
    }
}

/// Exactly this was asked for here, and came.
fn is_shown(cockpit: &Cockpit, of: &Digest) -> bool {
    let printed = cockpit.printed.as_ref().filter(|it| it.of == *of);
    printed.is_some_and(|it| matches!(it.outcome, Some(Ok(_))))
}

/// The item that an action of the migration is about.
pub(super) fn item(facts: &Facts<'_>, action: Action, back: bool) -> Result<ItemId, Refusal> {
    let direction = Direction::of(back || action == Action::MigrateRevert);
    let whose = match action {
        Action::MigratePreview | Action::MigrateApprove => Steps::carrier,
        _ => Steps::actor,
    };
    let carrier = whose(facts, direction)?;
    let steps = Steps::of(&carrier.plan.plan, &facts.target.id, direction)?;
    Ok(match action {
        Action::MigratePreview => steps.preview,
        Action::MigrateApprove => steps.read,
        Action::MigrateVerify => steps.verify.ok_or_else(|| {
            let sentence = "nothing says how this is verified";
            Refusal::new(RefusalKind::NotFound, "migration", sentence)
        })?,
        _ => steps.act,
    })
}
