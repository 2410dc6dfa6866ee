//! Targets: what they refer to, and whether their stages, limits and items can ever be met.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use crate::domain::{
    access::CiSource,
    environment::{Environment, Tightening},
    metric::{Limit, Metric},
    plan::StageSpec,
    project::{Project, ProjectId},
    target::{
        ClusterRef, Endpoint, MetricsSource, Pin, Target, TargetId, WorkloadKind, WorkloadRef,
    },
};

use super::{
    super::{
        problem::{Report, did_you_mean, nearest},
        typed::Form,
        units::Figure,
    },
    Ground, Meant, item, owned, place, tight,
};

/// What a target may refer to.
pub(super) struct Named<'a, 'f> {
    pub projects: &'a [Meant<'f, Project>],
    pub environments: &'a [Meant<'f, Environment>],
    /// False while some of them have no name; then a name that fits nothing is not held against a target.
    pub complete: bool,
    pub scrape_interval: SignedDuration,
    pub ci: &'a BTreeMap<ProjectId, CiSource>,
}

pub(super) fn targets(
    root: &Form,
    ground: &Ground,
    named: &Named,
    report: &mut Report,
) -> (Vec<Target>, Vec<(TargetId, Tightening)>) {
    let checklists = item::checklists(root, report);
    let mut targets: Vec<Target> = Vec::new();
    let mut tightenings = Vec::new();
    for form in root.forms("target") {
        let environment = environment(form, named, report);
        let project = project(form, named, report);
        let health = form.form("health").map(endpoint);
        let metrics = form
            .form("metrics")
            .map(|form| metrics(form, named.scrape_interval, report));
        let limits = limits(form, report);
        let stages = stages(form, report);
        let ci = project.as_ref().and_then(|project| named.ci.get(project));
        let items = item::of_target(
            form,
            &checklists,
            ci,
            environment.is_some_and(|environment| environment.value.protected),
            report,
        );
        let mut cluster = ClusterRef {
            kubeconfig: ground.path(form, "kubeconfig", report),
            context: owned(form, "context"),
            pin: form.form("pin").map(pin),
            must_be_verified: false,
        };
        let (Some(environment), Some(project)) = (environment, project) else {
            continue;
        };
        let place = &environment.value;
        let id = TargetId::new(place.name.clone(), project);
        if let Some(form) = form.form("policy") {
            let own = tight::tightening(form, id.project.name(), environment, report);
            tightenings.push((id.clone(), own));
        }
        if targets.iter().any(|other| other.id == id) {
            report.problem(
                form.at,
                format!("there is a second [[target]] for {id}"),
                "leave one of them out",
            );
        }
        cluster.must_be_verified = place.protected;
        let late = if place.protected { 10 } else { 5 };
        targets.push(Target {
            id,
            cluster,
            workload: workload(form),
            health,
            metrics,
            limits,
            stages,
            items,
            monitoring: form.duration("monitoring").unwrap_or_default(),
            rollout_deadline: form
                .duration("rollout_deadline")
                .unwrap_or(SignedDuration::from_mins(late)),
        });
    }
    (targets, tightenings)
}

fn environment<'a>(
    form: &Form,
    named: &Named<'a, '_>,
    report: &mut Report,
) -> Option<&'a Meant<'a, Environment>> {
    let name = form.text("environment")?;
    let found = named
        .environments
        .iter()
        .find(|environment| environment.value.answers_to(name));
    if found.is_none() && named.complete {
        report.problem(
            form.place("environment"),
            format!("there is no environment `{name}`"),
            did_you_mean(name, place::names(named.environments)),
        );
    }
    found
}

fn project(form: &Form, named: &Named, report: &mut Report) -> Option<ProjectId> {
    let name = form.text("project")?;
    let ids = || named.projects.iter().map(|project| &project.value.id);
    let exact = ids().find(|id| id.as_str() == name);
    let mut fitting = ids().filter(|id| id.answers_to(name));
    let (first, second) = (exact.or_else(|| fitting.next()), fitting.next());
    if let (None, Some(first), Some(second)) = (exact, first, second)
        && first != second
    {
        report.problem(
            form.place("project"),
            format!("`{name}` could be {first} or {second}"),
            "say more of the name",
        );
    }
    if first.is_none() && named.complete {
        let whole_or_tail = ids()
            .map(ProjectId::as_str)
            .chain(ids().map(ProjectId::name));
        report.problem(
            form.place("project"),
            format!("there is no project `{}`", name.escape_debug()),
            if name.contains('/') {
                did_you_mean(name, ids().map(ProjectId::as_str))
            } else {
                match nearest(name, whole_or_tail) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => did_you_mean(name, ids().map(ProjectId::as_str)),
                }
            },
        );
    }
    first.cloned()
}

fn workload(form: &Form) -> WorkloadRef {
    let (kind, name) = form
        .text("workload")
        .and_then(|text| text.split_once('/'))
        .unwrap_or_default();
    WorkloadRef {
        kind: if kind == "rollout" {
            WorkloadKind::Rollout
        } else {
            WorkloadKind::Deployment
        },
        namespace: owned(form, "namespace").unwrap_or_default(),
        name: name.to_owned(),
        container: owned(form, "container").unwrap_or_else(|| name.to_owned()),
    }
}

fn pin(form: &Form) -> Pin {
    Pin {
        server: owned(form, "server").map(|server| server.trim_end_matches('/').to_owned()),
        ca_sha256: owned(form, "ca_sha256").map(|hex| hex.replace(':', "").to_lowercase()),
        uid: owned(form, "uid"),
    }
}

fn endpoint(form: &Form) -> Endpoint {
    Endpoint {
        port: form
            .count("port")
            .and_then(|port| u16::try_from(port).ok())
            .unwrap_or_default(),
        path: owned(form, "path").unwrap_or_default(),
    }
}

fn metrics(form: &Form, scrape_interval: SignedDuration, report: &mut Report) -> MetricsSource {
    let window = form.duration("window").unwrap_or_default();
    // A figure is an increase, so it needs two scrapes; three, so that a late one is no gap.
    if !window.is_zero() && window < scrape_interval.saturating_mul(3) {
        report.problem(
            form.place("window"),
            "`window` is too short for three scrapes, so there would be no figures",
            "make it longer, or [timings] `scrape_interval` shorter",
        );
    }
    MetricsSource {
        endpoint: endpoint(form),
        prefix: owned(form, "prefix").unwrap_or_default(),
        window,
        min_requests: form.count("min_requests").unwrap_or_default(),
    }
}

fn limits(target: &Form, report: &mut Report) -> Vec<Limit> {
    let mut limits: Vec<Limit> = Vec::new();
    if !target.is_typed("metrics") && !target.forms("limits").is_empty() {
        report.problem(
            target.place("limits"),
            "there are `limits` and nothing that measures",
            "add metrics = { port = … }",
        );
    }
    for form in target.forms("limits") {
        let metric = match form.text("metric") {
            Some("error_rate") => Metric::ErrorRate,
            Some("latency_p99") => Metric::LatencyP99,
            _ => continue,
        };
        let hold = figure(form, "hold", metric, report);
        let roll_back = figure(form, "roll_back", metric, report);
        if let (Some(hold), Some(roll_back)) = (hold, roll_back)
            && hold > roll_back
        {
            report.problem(
                form.place("hold"),
                format!(
                    "`hold` is above `roll_back`: {} and {}",
                    metric.show(hold),
                    metric.show(roll_back)
                ),
                "hold at the lower figure",
            );
        }
        if limits.iter().any(|other| other.metric == metric) {
            report.problem(
                form.place("metric"),
                format!("there is a second limit for {}", metric.id()),
                "keep `hold` and `roll_back` in one",
            );
        }
        limits.push(Limit {
            metric,
            hold: hold.unwrap_or_default(),
            roll_back,
            intervals: form
                .count("intervals")
                .and_then(|count| u32::try_from(count).ok())
                .unwrap_or(Limit::INTERVALS),
        });
    }
    limits
}

/// In the unit of its metric: percent, or milliseconds.
fn figure(form: &Form, key: &str, metric: Metric, report: &mut Report) -> Option<f64> {
    let at = form.place(key);
    let value = match (metric, form.figure(key)?) {
        (Metric::ErrorRate, Figure::Bare(value) | Figure::Percent(value))
        | (Metric::LatencyP99, Figure::Bare(value)) => value,
        (Metric::LatencyP99, Figure::Time(time)) if time.is_positive() => {
            time.as_secs_f64() * 1000.0
        }
        (Metric::ErrorRate, Figure::Time(_)) => {
            report.problem(
                at,
                format!("`{key}` of error_rate is a duration"),
                "write percent: 0.1 or \"0.1 %\"",
            );
            return None;
        }
        (Metric::LatencyP99, _) => {
            report.problem(
                at,
                format!("`{key}` of latency_p99 is not a duration above 0"),
                "write milliseconds: 500 or \"500ms\"",
            );
            return None;
        }
    };
    if metric == Metric::ErrorRate && value > 100.0 {
        report.problem(
            at,
            format!("`{key}` of error_rate is above 100 %"),
            "an error rate is percent of all requests",
        );
        return None;
    }
    if metric == Metric::LatencyP99 && value < 5.0 {
        report.warning(
            at,
            format!("`{key}` of latency_p99 is {value} ms"),
            "it counts milliseconds; for seconds write \"2s\"",
        );
    }
    Some(value)
}

fn stages(target: &Form, report: &mut Report) -> Vec<StageSpec> {
    let mut stages: Vec<StageSpec> = Vec::new();
    let mut complete = true;
    for form in target.forms("stages") {
        let (Some(share), Some(bake)) = (form.count("share"), form.duration("bake")) else {
            complete = false;
            continue;
        };
        let share = u8::try_from(share).unwrap_or(100);
        if let Some(last) = stages.last()
            && last.share >= share
        {
            report.problem(
                form.place("share"),
                format!("a stage of {share} % follows one of {} %", last.share),
                "every stage has a larger share than the one before",
            );
        }
        stages.push(StageSpec { share, bake });
    }
    if let Some(last) = stages.last()
        && last.share != 100
        && complete
    {
        report.problem(
            target
                .forms("stages")
                .last()
                .map_or(target.at, |form| form.place("share")),
            format!("the stages end at {} %", last.share),
            "end them with { share = 100 }",
        );
    }
    stages
}
