//! What differs between the plan that was approved and the one that would be made now, in words: answers given to the
//! one are void for the other, and people want to know why (SPEC A2).

use jiff::SignedDuration;
use serde_json::Value;

use crate::domain::{
    environment::{ApprovalRule, Policy},
    metric::Limit,
    plan::{Delivery, Measuring, Plan, StageSpec},
    release::Digest,
    time,
};

/// Fields of a plan that have words of their own.
const SAID: &[&str] = &[
    "release_digest",
    "resources",
    "delivery",
    "limits",
    "measuring",
    "stages",
    "items",
    "policy",
    "monitoring",
    "rollout_deadline",
    "protected",
];

/// One phrase for each thing that differs, the gravest first: `limits changed (error rate 0.10 % → 0.50 %)`. Empty only
/// where both plans are the same.
pub fn differences(stored: &Plan, today: &Plan) -> Vec<String> {
    let mut said = Vec::new();
    changed(
        &mut said,
        "the release's digest",
        &stored.release_digest,
        &today.release_digest,
        |digest| Digest::short(digest).to_owned(),
    );
    changed(
        &mut said,
        "the release's manifests",
        &stored.resources,
        &today.resources,
        |digest| digest.as_ref().map_or("none", Digest::short).to_owned(),
    );
    delivery(&mut said, &stored.delivery, &today.delivery);
    limits(&mut said, &stored.limits, &today.limits);
    measuring(&mut said, &stored.measuring, &today.measuring);
    changed(
        &mut said,
        "stages",
        &stored.stages,
        &today.stages,
        |stages| words(stages.iter().map(stage)),
    );
    items(&mut said, stored, today);
    policy(&mut said, &stored.policy, &today.policy);
    durations(&mut said, "monitoring", stored.monitoring, today.monitoring);
    durations(
        &mut said,
        "the deadline of a stage",
        stored.rollout_deadline,
        today.rollout_deadline,
    );
    changed(
        &mut said,
        "protection",
        &stored.protected,
        &today.protected,
        |protected| if *protected { "on" } else { "off" }.to_owned(),
    );
    rest(&mut said, "", SAID, stored, today);
    said
}

fn policy(said: &mut Vec<String>, stored: &Policy, today: &Policy) {
    changed(
        said,
        "who approves",
        &stored.approvals,
        &today.approvals,
        |rules| words(rules.iter().map(approvers)),
    );
    durations(said, "the soak", stored.soak, today.soak);
    if stored.projects != today.projects {
        said.push("what the project asks for itself changed".to_owned());
    }
    let worded = ["approvals", "soak", "projects"];
    rest(said, "policy ", &worded, stored, today);
}

/// `2 of approve`
fn approvers(rule: &ApprovalRule) -> String {
    let mut text = format!("{} of {}", rule.quorum, rule.role);
    if !rule.exclude_requester {
        text.push_str(", the requester too");
    }
    if rule.exclude_authors {
        text.push_str(", no author");
    }
    format!("{text}, for {}", time::exact(rule.expires_after))
}

fn stage(stage: &StageSpec) -> String {
    format!("{} % ({})", stage.share, time::exact(stage.bake))
}

fn delivery(said: &mut Vec<String>, stored: &Delivery, today: &Delivery) {
    let Delivery::SetImage {
        workload: on,
        image: former,
    } = stored;
    let Delivery::SetImage { workload, image } = today;
    changed(said, "the workload", on, workload, ToString::to_string);
    changed(said, "the image", former, image, |image| {
        image
            .as_deref()
            .map_or_else(|| "none".to_owned(), crate::domain::change::short_image)
    });
    if stored != today && on == workload && former == image {
        said.push("the delivery changed".to_owned());
    }
}

fn measuring(said: &mut Vec<String>, stored: &Measuring, today: &Measuring) {
    durations(said, "the window", stored.window, today.window);
    changed(
        said,
        "requests for a verdict",
        &stored.min_requests,
        &today.min_requests,
        u64::to_string,
    );
    let asked = |asked: &bool| if *asked { "asked" } else { "not asked" }.to_owned();
    changed(said, "health", &stored.health, &today.health, asked);
}

fn limits(said: &mut Vec<String>, stored: &[Limit], today: &[Limit]) {
    let mut parts = Vec::new();
    for limit in stored {
        let title = limit.metric.title();
        let Some(now) = today.iter().find(|other| other.metric == limit.metric) else {
            parts.push(format!("{title} gone"));
            continue;
        };
        let show = |figure: Option<f64>| {
            figure.map_or_else(|| "none".to_owned(), |figure| limit.metric.show(figure))
        };
        if limit.hold.to_bits() != now.hold.to_bits() {
            let (former, figure) = (show(Some(limit.hold)), show(Some(now.hold)));
            parts.push(format!("{title} {former} → {figure}"));
        }
        if limit.roll_back.map(f64::to_bits) != now.roll_back.map(f64::to_bits) {
            let (former, figure) = (show(limit.roll_back), show(now.roll_back));
            parts.push(format!("{title} rolls back at {former} → {figure}"));
        }
        if limit.intervals != now.intervals {
            parts.push(format!(
                "{title} after {} → {} scrapes",
                limit.intervals, now.intervals
            ));
        }
    }
    for limit in today {
        if !stored.iter().any(|other| other.metric == limit.metric) {
            let figure = limit.metric.show(limit.hold);
            parts.push(format!("{} is new, {figure}", limit.metric.title()));
        }
    }
    if !parts.is_empty() {
        said.push(format!("limits changed ({})", parts.join(", ")));
    } else if stored != today {
        said.push("limits changed".to_owned());
    }
}

fn items(said: &mut Vec<String>, stored: &Plan, today: &Plan) {
    let mut parts = Vec::new();
    for item in &stored.items {
        match today.item(&item.id) {
            None => parts.push(format!("{} gone", item.id)),
            Some(now) if now != item => parts.push(format!("{} changed", item.id)),
            Some(_) => {}
        }
    }
    for item in &today.items {
        if stored.item(&item.id).is_none() {
            parts.push(format!("{} is new", item.id));
        }
    }
    if !parts.is_empty() {
        said.push(format!("checklist changed ({})", parts.join(", ")));
    } else if stored.items != today.items {
        said.push("checklist changed (its order)".to_owned());
    }
}

fn durations(said: &mut Vec<String>, what: &str, stored: SignedDuration, today: SignedDuration) {
    changed(said, what, &stored, &today, |duration| {
        time::exact(*duration)
    });
}

fn changed<T: PartialEq>(
    said: &mut Vec<String>,
    what: &str,
    stored: &T,
    today: &T,
    show: impl Fn(&T) -> String,
) {
    if stored != today {
        said.push(format!(
            "{what} changed ({} → {})",
            show(stored),
            show(today)
        ));
    }
}

/// Whatever has no words of its own goes by the name of its field: nothing differs in silence.
fn rest<T: serde::Serialize>(
    said: &mut Vec<String>,
    of: &str,
    but: &[&str],
    stored: &T,
    today: &T,
) {
    let fields = |value: &T| match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (stored, today) = (fields(stored), fields(today));
    let mut names: Vec<&String> = stored.keys().chain(today.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names
        .into_iter()
        .filter(|name| !but.contains(&name.as_str()))
    {
        let (former, now) = (stored.get(name), today.get(name));
        if former == now {
            continue;
        }
        let what = format!("{of}{}", name.replace('_', " "));
        said.push(match (brief(former), brief(now)) {
            (Some(former), Some(now)) => format!("{what} changed ({former} → {now})"),
            _ => format!("{what} changed"),
        });
    }
}

/// What fits into a phrase: a word, a figure, a list of words.
fn brief(value: Option<&Value>) -> Option<String> {
    match value {
        None | Some(Value::Null) => Some("none".to_owned()),
        Some(Value::String(text)) => Some(text.clone()),
        Some(Value::Bool(_) | Value::Number(_)) => value.map(ToString::to_string),
        Some(Value::Array(list)) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            texts.map(|texts| words(texts.into_iter().map(str::to_owned)))
        }
        Some(Value::Object(_)) => None,
    }
}

fn words(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<String> = texts.collect();
    if texts.is_empty() {
        "none".to_owned()
    } else {
        texts.join(", ")
    }
}
