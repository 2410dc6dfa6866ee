//! Items: what has to be ticked or measured, and whether it can be.

use jiff::SignedDuration;

use crate::domain::{
    access::CiSource,
    metric::Metric,
    migration::RollbackWord,
    plan::{
        Acts, Chain, CiProbe, CommandSpec, FlightAction, GitProbe, HttpProbe, ItemId, ItemKind,
        ItemSpec, Phase, Probe, TimeBox,
    },
    version::ReleaseType,
};

use super::{
    super::{
        problem::{Report, did_you_mean},
        schema::PROBES,
        typed::Form,
    },
    measured::{ci, number, object},
    migration, owned, shipped, values,
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
    ci: Option<&CiSource>,
    protected: bool,
    report: &mut Report,
) -> Vec<ItemSpec> {
    let mut items = Vec::new();
    let shipped = target
        .text("checklist")
        .and_then(|name| name.strip_prefix("builtin:"));
    match (target.text("checklist"), shipped) {
        (_, Some(name)) => items = shipped_for(target, name, ci, report),
        (Some(name), None) => match lists.iter().find(|(list, _)| *list == name) {
            Some((_, shared)) => items.clone_from(shared),
            None => report.problem(
                target.place("checklist"),
                format!("there is no checklist `{name}`"),
                did_you_mean(name, lists.iter().map(|(name, _)| *name)),
            ),
        },
        (None, None) => {}
    }
    if shipped.is_some() {
        // One's own way to turn a line green takes the place of ours.
        let mut own = Vec::new();
        self::items(target.forms("items"), &mut own, report);
        for item in own {
            match items.iter_mut().find(|shipped| shipped.id == item.id) {
                Some(place) => *place = item,
                None => items.push(item),
            }
        }
    } else {
        self::items(target.forms("items"), &mut items, report);
    }
    let migrates = migration::items(target, protected, report);
    migration::join(&mut items, migrates);
    measurable(target, &items, ci, report);
    chained(target, &items, report);
    items
}

/// What an item waits for stands above it, so that nothing ever waits for itself; and only what ran can be read.
fn chained(target: &Form, items: &[ItemSpec], report: &mut Report) {
    for (at, item) in items.iter().enumerate() {
        let above = items.get(..at).unwrap_or_default();
        for earlier in item.before_it() {
            if !above.iter().any(|other| other.id == *earlier) {
                report.problem(
                    target.at,
                    format!(
                        "the item {} waits for {earlier}, which does not stand above it",
                        item.id
                    ),
                    did_you_mean(&earlier.0, above.iter().map(|other| other.id.0.as_str())),
                );
            }
        }
        let ItemKind::Read(of) = &item.kind else {
            continue;
        };
        let read = above.iter().find(|other| other.id == *of);
        if read.is_some_and(|read| read.command().is_none()) {
            report.problem(
                target.at,
                format!("the item {} reads {of}, which is no command", item.id),
                "let it read an item of the kind command",
            );
        }
    }
}

/// One of `assets/checklists/`. What this target has nothing to measure with, a person confirms.
fn shipped_for(
    target: &Form,
    name: &str,
    ci: Option<&CiSource>,
    report: &mut Report,
) -> Vec<ItemSpec> {
    let all = shipped::all();
    let Some((_, items)) = all.iter().find(|(list, _)| list == name) else {
        report.problem(
            target.place("checklist"),
            format!("no checklist `builtin:{name}` ships with gonogo"),
            did_you_mean(name, all.iter().map(|(list, _)| list.as_str())),
        );
        return Vec::new();
    };
    let mut items = items.clone();
    for item in &mut items {
        let lacks = match &item.kind {
            ItemKind::Probe(Probe::Health) => !target.is_typed("health"),
            ItemKind::Probe(Probe::Metrics) => !target.is_typed("metrics"),
            ItemKind::Probe(Probe::Metric(metric)) => {
                let mut limits = target.forms("limits").iter();
                !target.is_typed("metrics")
                    || !limits.any(|limit| limit.text("metric") == Some(metric.id()))
            }
            _ => false,
        };
        if lacks {
            item.kind = ItemKind::Check;
        }
        let checks = ci.and_then(|ci| ci.checks.get(&item.id.0));
        if let (ItemKind::Check, Some(contexts)) = (&item.kind, checks) {
            item.kind = ItemKind::Probe(Probe::Ci(CiProbe::Checks {
                contexts: contexts.clone(),
            }));
        }
    }
    items
}

pub(super) fn items(forms: &[Form], items: &mut Vec<ItemSpec>, report: &mut Report) {
    for form in forms {
        let phase = form.text("phase").map(phase);
        let time_box = time_box(form, phase, report);
        let kind = kind(form, report);
        let chain = chain(form, kind.as_ref(), report);
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
        let auto = auto(form, &kind, phase, report);
        items.push(ItemSpec {
            id: ItemId(id.to_owned()),
            phase,
            title: owned(form, "title").unwrap_or_default(),
            kind,
            required: form.flag("required"),
            owner: owned(form, "owner"),
            time_box,
            max_age: max_age(form, phase, report),
            timeout: form.duration("timeout"),
            types: types(form),
            auto,
            chain,
        });
    }
}

fn chain(form: &Form, kind: Option<&ItemKind>, report: &mut Report) -> Chain {
    let acts = form.flag("acts");
    let rollback = form.text("rollback").and_then(RollbackWord::parse);
    if acts && kind.is_some_and(|kind| !matches!(kind, ItemKind::Command(_))) {
        report.problem(
            form.place("acts"),
            "only a command acts",
            "leave `acts` out, or say kind = \"command\"",
        );
    }
    if rollback.is_some() && !acts {
        report.problem(
            form.place("rollback"),
            "`rollback` is for an item that acts",
            "leave it out, or add acts = true",
        );
    }
    let after = values(form.texts("after"));
    Chain {
        after: after.into_iter().map(ItemId).collect(),
        acts: acts.then_some(Acts { rollback }),
        way_back: form.flag("way_back"),
    }
}

/// None where all of them are meant.
fn types(form: &Form) -> Vec<ReleaseType> {
    let typed = form.texts("types");
    let named = |it: &ReleaseType| typed.iter().any(|word| word.value == it.word());
    let types: Vec<ReleaseType> = ReleaseType::ALL.into_iter().filter(named).collect();
    if types.len() == ReleaseType::ALL.len() {
        return Vec::new();
    }
    types
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

/// The keys that each kind and each probe takes beside those of every item; the first is the one it cannot be without.
const OF_KIND: &[(&str, &[&str])] = &[
    ("check", &[]),
    ("probe", &["probe"]),
    ("command", COMMAND),
    ("action", &["action"]),
    ("read", &["reads"]),
];
const OF_PROBE: &[(&str, &[&str])] = &[
    ("pods", &[]),
    ("health", &[]),
    ("metrics", &[]),
    ("metric", &["metric"]),
    ("gate", &["gate"]),
    ("command", COMMAND),
    ("http", &["url", "status", "expect", "timeout"]),
    ("tcp", &["address", "timeout"]),
    ("dns", &["host", "timeout"]),
    (
        "git",
        &["git", "branch", "paths", "reviewers", "file", "timeout"],
    ),
    ("ci", &[NONE, "contexts", "reviewers", "timeout"]),
    (
        "kubernetes",
        &[
            "object",
            "namespace",
            "whole_cluster",
            "pointer",
            "equals",
            "condition",
            "timeout",
        ],
    ),
    ("number", NUMBER),
];
/// In the first place: it needs none of them.
const NONE: &str = "";
const NUMBER: &[&str] = &[
    "bound", "command", "env", "folder", "checkout", "pattern", "pointer", "timeout",
];
const COMMAND: &[&str] = &["command", "env", "folder", "checkout", "expect", "timeout"];

fn kind(form: &Form, report: &mut Report) -> Option<ItemKind> {
    let kind = form.text("kind")?;
    let probe = form.text("probe");
    let of = |table: &'static [(&str, &[&'static str])], word: &str| {
        table
            .iter()
            .find(|(name, _)| *name == word)
            .map_or(&[][..], |(_, keys)| *keys)
    };
    let mut takes = of(OF_KIND, kind).to_vec();
    if kind == "probe" && form.is_typed("probe") {
        takes.extend(of(OF_PROBE, probe?));
    }
    let what = match probe.filter(|_| kind == "probe") {
        Some(probe) => format!("the probe {probe}"),
        None => format!("the kind {kind}"),
    };
    if let Some(first) = of(OF_KIND, kind)
        .first()
        .into_iter()
        .chain(
            probe
                .filter(|_| kind == "probe")
                .and_then(|p| of(OF_PROBE, p).first()),
        )
        .find(|key| **key != NONE && !form.is_typed(key))
    {
        let hint = if *first == "probe" {
            format!("add probe = \"…\", one of: {}", PROBES.join(", "))
        } else {
            format!("add `{first}`")
        };
        report.problem(
            form.at,
            format!("this item is of {what} and has no `{first}`"),
            hint,
        );
        return None;
    }
    let others = OF_KIND.iter().chain(OF_PROBE).flat_map(|(_, keys)| *keys);
    let mut good = true;
    for key in others {
        if form.is_typed(key) && !takes.contains(key) {
            report.problem(
                form.place(key),
                format!("this item is of {what}, which takes no `{key}`"),
                "leave it out, or say another `kind` or `probe`",
            );
            good = false;
        }
    }
    if !good {
        return None;
    }
    match kind {
        "probe" => measured(form, probe?, report).map(ItemKind::Probe),
        "command" => command(form).map(ItemKind::Command),
        "action" => FlightAction::ALL
            .into_iter()
            .find(|action| Some(action.id()) == form.text("action"))
            .map(ItemKind::Action),
        "read" => owned(form, "reads").map(|of| ItemKind::Read(ItemId(of))),
        _ => Some(ItemKind::Check),
    }
}

fn measured(form: &Form, probe: &str, report: &mut Report) -> Option<Probe> {
    Some(match probe {
        "pods" => Probe::Pods,
        "health" => Probe::Health,
        "metrics" => Probe::Metrics,
        "metric" => Probe::Metric(
            Metric::ALL
                .into_iter()
                .find(|metric| Some(metric.id()) == form.text("metric"))?,
        ),
        "gate" => Probe::Gate(owned(form, "gate")?),
        "command" => Probe::Command(command(form)?),
        "http" => Probe::Http(HttpProbe {
            url: owned(form, "url")?,
            status: form
                .count("status")
                .and_then(|status| u16::try_from(status).ok()),
            expect: owned(form, "expect"),
        }),
        "tcp" => Probe::Tcp(owned(form, "address")?),
        "dns" => Probe::Dns(owned(form, "host")?),
        "ci" => Probe::Ci(ci(form, report)?),
        "kubernetes" => Probe::Kubernetes(object(form, report)?),
        "number" => Probe::Number(number(form, report)?),
        _ => Probe::Git(git(form, report)?),
    })
}

fn git(form: &Form, report: &mut Report) -> Option<GitProbe> {
    let question = form.text("git")?;
    for (key, of) in [
        ("branch", "merged"),
        ("paths", "changed"),
        ("reviewers", "reviewed"),
        ("file", "changelog"),
    ] {
        if form.is_typed(key) && question != of {
            report.problem(
                form.place(key),
                format!("`{key}` is for git = \"{of}\""),
                "leave it out",
            );
            return None;
        }
    }
    Some(match question {
        "merged" => GitProbe::Merged {
            branch: owned(form, "branch").unwrap_or_else(|| "main".to_owned()),
        },
        "tagged" => GitProbe::Tagged,
        "changed" => {
            let paths = values(form.texts("paths"));
            if paths.is_empty() {
                report.problem(
                    form.at,
                    "this item asks what changed and does not say of what",
                    "add paths = [\"CHANGELOG.md\"]",
                );
                return None;
            }
            GitProbe::Changed { paths }
        }
        "no-new-todo" => GitProbe::NoNewTodo,
        "changelog" => GitProbe::Changelog {
            path: owned(form, "file").unwrap_or_else(|| "CHANGELOG.md".to_owned()),
        },
        _ => GitProbe::Reviewed {
            by: form.count("reviewers").unwrap_or(1),
        },
    })
}

/// Only what is measured or run, in its box after the flight; what changes the platform never does so by itself.
fn auto(form: &Form, kind: &ItemKind, phase: Phase, report: &mut Report) -> bool {
    if !form.flag("auto") {
        return false;
    }
    let runs = match kind {
        ItemKind::Command(_) => true,
        ItemKind::Probe(probe) => probe.is_outward(),
        ItemKind::Check | ItemKind::Action(_) | ItemKind::Read(_) => false,
    };
    let acts = form.is_typed("acts") || form.is_typed("way_back");
    if runs && !acts && phase == Phase::Verify && form.is_typed("until") {
        return true;
    }
    report.problem(
        form.place("auto"),
        "only commands and probes of the phase verify that have a box run by themselves",
        "give it `from` and `until`, or leave `auto` out",
    );
    false
}

pub(super) fn command(form: &Form) -> Option<CommandSpec> {
    let argv = values(form.texts("command"));
    (!argv.is_empty()).then(|| CommandSpec {
        argv,
        env: values(form.texts("env")),
        folder: owned(form, "folder"),
        checkout: form.flag("checkout"),
        expect: owned(form, "expect"),
    })
}

/// Only what stands before take-off waits long enough to grow old.
fn max_age(form: &Form, phase: Phase, report: &mut Report) -> Option<SignedDuration> {
    let age = form.duration("max_age")?;
    if phase == Phase::Verify {
        report.problem(
            form.place("max_age"),
            "items of the phase verify have their box, and no `max_age`",
            "leave it out, or say another phase",
        );
        return None;
    }
    Some(age)
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
fn measurable(target: &Form, items: &[ItemSpec], ci: Option<&CiSource>, report: &mut Report) {
    let asks_ci = |item: &&ItemSpec| matches!(item.kind, ItemKind::Probe(Probe::Ci(_)));
    if let (Some(item), None) = (items.iter().find(asks_ci), ci) {
        report.problem(
            target.at,
            format!(
                "the item {} asks the CI, and nothing says where that of this project is",
                item.id
            ),
            "add [[ci]] with the project and its repository",
        );
    }
    let asks = |item: &ItemSpec, key: &str| match &item.kind {
        ItemKind::Probe(Probe::Health) => key == "health",
        ItemKind::Probe(Probe::Metrics | Probe::Metric(_)) => key == "metrics",
        _ => false,
    };
    for key in ["health", "metrics"] {
        let asking = items.iter().find(|item| asks(item, key));
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
    if !target.is_typed("items") && !target.is_typed("checklist") && items.is_empty() {
        report.warning(
            target.at,
            "nothing has to be ticked or measured for this target",
            "add `items`, or a `checklist` that several targets share",
        );
    }
}
