//! Items: what has to be ticked or measured, and whether it can be.

use crate::domain::plan::{ItemId, ItemKind, ItemSpec, Phase, Probe, TimeBox};

use super::{
    super::{
        problem::{Report, did_you_mean},
        typed::Form,
    },
    owned,
};

/// The shared lists, by name.
pub(super) fn checklists<'f>(root: &'f Form, report: &mut Report) -> Vec<(&'f str, Vec<ItemSpec>)> {
    let mut lists: Vec<(&str, Vec<ItemSpec>)> = Vec::new();
    for form in root.forms("checklist") {
        let mut items = Vec::new();
        self::items(form.forms("items"), &mut items, report);
        let Some(name) = form.text("name") else {
            continue;
        };
        if lists.iter().any(|(other, _)| *other == name) {
            report.problem(
                form.place("name"),
                format!("there is a second [[checklist]] {name}"),
                "leave one of them out",
            );
        }
        lists.push((name, items));
    }
    lists
}

/// Those of its checklist, then its own.
pub(super) fn of_target(
    target: &Form,
    lists: &[(&str, Vec<ItemSpec>)],
    report: &mut Report,
) -> Vec<ItemSpec> {
    let mut items = Vec::new();
    if let Some(name) = target.text("checklist") {
        match lists.iter().find(|(list, _)| *list == name) {
            Some((_, shared)) => items.clone_from(shared),
            None => report.problem(
                target.place("checklist"),
                format!("there is no checklist `{name}`"),
                did_you_mean(name, lists.iter().map(|(name, _)| *name)),
            ),
        }
    }
    self::items(target.forms("items"), &mut items, report);
    measurable(target, &items, report);
    items
}

pub(super) fn items(forms: &[Form], items: &mut Vec<ItemSpec>, report: &mut Report) {
    for form in forms {
        let phase = form.text("phase").map(phase);
        let time_box = time_box(form, phase, report);
        let kind = kind(form, report);
        let (Some(id), Some(phase), Some(kind)) = (form.text("id"), phase, kind) else {
            continue;
        };
        if items.iter().any(|other| other.id.0 == id) {
            report.problem(
                form.place("id"),
                format!("there is a second item {id}"),
                "give every item of a target an id of its own",
            );
        }
        items.push(ItemSpec {
            id: ItemId(id.to_owned()),
            phase,
            title: owned(form, "title").unwrap_or_default(),
            kind,
            required: form.flag("required"),
            owner: owned(form, "owner"),
            time_box,
        });
    }
}

fn phase(word: &str) -> Phase {
    match word {
        "validate" => Phase::Validate,
        "version" => Phase::Version,
        "package" => Phase::Package,
        "staging" => Phase::Staging,
        "verify" => Phase::Verify,
        "communicate" => Phase::Communicate,
        _ => Phase::Deploy,
    }
}

fn kind(form: &Form, report: &mut Report) -> Option<ItemKind> {
    match (form.text("kind")?, form.text("probe")) {
        ("probe", Some(word)) => Some(ItemKind::Probe(match word {
            "pods" => Probe::Pods,
            "health" => Probe::Health,
            _ => Probe::Metrics,
        })),
        ("probe", None) => {
            report.problem(
                form.at,
                "this item is a probe and does not say what is measured",
                "add probe = \"pods\", \"health\" or \"metrics\"",
            );
            None
        }
        (_, Some(_)) => {
            report.problem(
                form.place("probe"),
                "this item has a `probe` and is a check, which a person ticks",
                "add kind = \"probe\", or leave `probe` out",
            );
            None
        }
        (_, None) => Some(ItemKind::Check),
    }
}

fn time_box(form: &Form, phase: Option<Phase>, report: &mut Report) -> Option<TimeBox> {
    let (from, until) = (form.duration("from"), form.duration("until"));
    let typed = ["from", "until"]
        .into_iter()
        .find(|key| form.is_typed(key))?;
    let at = form.place(typed);
    if phase.is_some_and(|phase| phase != Phase::Verify) {
        report.problem(
            at,
            "only items of the phase verify have a time",
            "leave `from` and `until` out, or say phase = \"verify\"",
        );
        return None;
    }
    let Some(until) = until else {
        report.problem(
            at,
            "this item is due and never late",
            "add `until`, or leave `from` out",
        );
        return None;
    };
    let from = from.unwrap_or_default();
    if from >= until {
        report.problem(
            at,
            "this item is late before it is due",
            "make `from` earlier than `until`",
        );
        return None;
    }
    Some(TimeBox { from, until })
}

/// What a probe asks must be configured, or its gate could never turn green.
fn measurable(target: &Form, items: &[ItemSpec], report: &mut Report) {
    for (probe, key) in [(Probe::Health, "health"), (Probe::Metrics, "metrics")] {
        let asking = items
            .iter()
            .find(|item| item.kind == ItemKind::Probe(probe));
        if let Some(item) = asking
            && !target.is_typed(key)
        {
            report.problem(
                target.at,
                format!(
                    "the item {} probes `{key}`, which this target does not have",
                    item.id
                ),
                format!("add {key} = {{ port = … }} to this [[target]]"),
            );
        }
    }
    if !target.is_typed("items") && !target.is_typed("checklist") {
        report.warning(
            target.at,
            "nothing has to be ticked or measured for this target",
            "add `items`, or a `checklist` that several targets share",
        );
    }
}
