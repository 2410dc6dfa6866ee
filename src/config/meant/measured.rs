//! Items that are measured outside: by CI, by an object of the cluster, by a figure that a command prints.

use crate::domain::plan::{Bound, CiProbe, Find, NumberProbe, ObjectProbe};

use super::{
    super::{problem::Report, typed::Form},
    item::command,
    owned, values,
};

pub(super) fn ci(form: &Form, report: &mut Report) -> Option<CiProbe> {
    match form.count("reviewers") {
        Some(_) if form.is_typed("contexts") => {
            report.problem(
                form.place("reviewers"),
                "one item asks for checks or for reviews",
                "make two items of it",
            );
            None
        }
        Some(by) => Some(CiProbe::Reviews { by }),
        None => Some(CiProbe::Checks {
            contexts: values(form.texts("contexts")),
        }),
    }
}

pub(super) fn object(form: &Form, report: &mut Report) -> Option<ObjectProbe> {
    let probe = ObjectProbe {
        object: owned(form, "object")?,
        namespace: owned(form, "namespace"),
        whole_cluster: form.flag("whole_cluster"),
        pointer: owned(form, "pointer"),
        equals: owned(form, "equals"),
        condition: owned(form, "condition"),
    };
    let secret = probe
        .parts()
        .is_some_and(|(_, plural, _)| plural == "secrets");
    let (key, sentence, hint) = if secret {
        (
            "object",
            "what a secret holds is never read",
            "whether it is there says the gate ready.secrets",
        )
    } else if probe.whole_cluster && probe.namespace.is_some() {
        (
            "namespace",
            "an object of the whole cluster has no namespace",
            "leave one of them out",
        )
    } else if probe.pointer.is_some() && probe.condition.is_some() {
        (
            "condition",
            "one item asks for a value or for a condition",
            "make two items of it",
        )
    } else if probe.equals.is_some() && probe.pointer.is_none() {
        (
            "equals",
            "`equals` is about a value",
            "say where it is: pointer = \"/spec/…\"",
        )
    } else {
        return Some(probe);
    };
    report.problem(form.place(key), sentence, hint);
    None
}

pub(super) fn number(form: &Form, report: &mut Report) -> Option<NumberProbe> {
    let bound = Bound::parse(form.text("bound")?)?;
    let Some(command) = command(form) else {
        report.problem(
            form.at,
            "this item holds a figure against a bound, and says no command that prints one",
            "add command = [\"…\"]",
        );
        return None;
    };
    if bound.asks_former() && !command.checkout {
        report.problem(
            form.place("bound"),
            "the former release's figure comes from a copy of its commit",
            "say checkout = true",
        );
        return None;
    }
    let find = match (owned(form, "pattern"), owned(form, "pointer")) {
        (Some(pattern), None) => Find::Pattern(pattern),
        (None, Some(pointer)) => Find::Pointer(pointer),
        (_, _) => {
            report.problem(
                form.at,
                "this item does not say where the figure is",
                "say pattern = \"…\" for a line of the output, or pointer = \"/…\" for JSON; one of them",
            );
            return None;
        }
    };
    Some(NumberProbe {
        command,
        find,
        bound,
    })
}
