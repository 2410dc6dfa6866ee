//! The verbs that only read: status, resolve, release, plan, timeline, audit, config, keys, completions.

use std::{fmt::Write as _, time::Duration};

use serde_json::{Value, json};

use crate::{
    config::{self, Loaded},
    domain::{
        catalogue::Catalogue,
        deployment::FlightState,
        fault::FaultKind,
        release::Digest,
        standing::ONE_MACHINE,
        target::{Target, TargetId},
        time,
    },
    input::{Keymap, reference},
    policy::{
        controls,
        facts::Facts,
        gate::{Judgement, Verdict},
        gates, planner,
        refusal::{Refusal, RefusalKind},
        resolve::{self, Resolution},
    },
    ports::keep::Verified,
    runtime::state_files::{self, StateFiles},
    session::show::{self, place_notes},
};

use super::{
    acting::migrate,
    args::{AuditVerb, Common, HotfixVerb, Place, PolicyVerb, Verb},
    attend,
    exit::Exit,
    headless::{Headless, Stop},
    hotfix, items,
    output::Output,
};

pub fn keys(markdown: bool, keymap: &Keymap, output: Output) -> Exit {
    // The table of the documentation is that of the defaults; the list is that of the person who asks.
    if markdown {
        // The table of the documentation is that of the defaults; the list is that of the person who asks.
        output.own(reference::markdown(&Keymap::default()).trim_end());
        return Exit::Done;
    }
    for context in crate::input::Context::ALL {
        for group in reference::help(keymap, context) {
            output.line(&format!("{} · {}", context.title(), group.title));
            for row in group.rows.iter().filter(|row| !row.keys.is_empty()) {
                output.line(&format!("  {:<16} {}", row.keys, row.doc));
            }
        }
    }
    Exit::Done
}

pub fn config_check(common: &Common, example: bool, output: Output) -> Exit {
    if example {
        output.own(config::EXAMPLE.trim_end());
        return Exit::Done;
    }
    match super::workspace(common.config.as_deref()) {
        Ok(Loaded {
            workspace,
            warnings,
            ..
        }) => {
            for warning in &warnings {
                output.say(&warning.to_string());
            }
            let (projects, environments, targets) = (
                workspace.projects.len(),
                workspace.environments.len(),
                workspace.targets.len(),
            );
            let object = json!({"ok": true, "name": workspace.name, "projects": projects, "environments": environments, "targets": targets, "warnings": warnings});
            output.data(workspace.rehearsal.is_some(), object, || {
                vec![format!(
                    "{}: {projects} projects, {environments} environments, {targets} targets: good",
                    workspace.name
                )]
            });
            Exit::Done
        }
        Err(early) => early.told(output),
    }
}

/// One target as JSON: what is live, how it is, what is under way and what it waits for.
pub fn target_json(facts: &Facts<'_>) -> Value {
    let observed = facts.workload.value();
    let workload = observed.map(|observed| {
        let w = &observed.workload;
        json!({
            "phase": if facts.fresh().is_some() { json!(w.phase) } else { json!("unknown") },
            "message": w.message,
            "image": w.image,
            "desired": w.desired, "updated": w.updated, "ready": w.ready, "available": w.available,
            "step": w.step, "steps": w.steps.len(), "weight": w.set_weight(),
            "paused": w.paused, "held_by": w.held_by, "aborted": w.aborted,
            "sides": w.sides,
        })
    });
    // A verb of the ledger alone has not looked at the platform, and does not say what it waits for.
    let looked = facts.workload.last.is_some() || facts.workload.trouble.is_some();
    let deployment = facts.current().map(|current| {
        json!({
            "id": current.id,
            "state": current.state,
            "plan": current.plan.digest,
            "release": current.plan.release,
            "before": current.plan.before,
            "requested_by": current.requester.name,
            "stage": current.stage().and_then(|stage| current.plan.plan.stages.get(stage)).map(|stage| stage.share),
            "outstanding": current.outstanding.as_ref().map(|o| json!({"act": o.act.kind, "by": o.by.name, "at": o.at, "unknown": o.unknown})),
            "waiting": looked.then(|| attend::waiting(facts)).flatten(),
        })
    });
    json!({
        "environment": facts.target.id.environment,
        "project": facts.target.id.project,
        "protected": facts.environment.protected,
        "live": facts.state.live,
        "running": facts.running(),
        "drift": facts.drift(),
        "workload": workload,
        "tls_unverified": observed.is_some_and(|observed| observed.unverified),
        "read_at": facts.workload.last.as_ref().map(|last| last.at),
        "trouble": facts.workload.trouble.as_ref().map(|trouble| json!({"system": trouble.value.system, "kind": trouble.value.kind, "doing": trouble.value.doing, "detail": trouble.value.detail, "hint": trouble.value.hint})),
        "deployment": deployment,
        "controls": controls_json(facts),
        "break_glass": glass_json(facts),
        "hotfixes": hotfix::open_json(facts),
        "grounded": facts.state.grounded.keys().collect::<Vec<_>>(),
        "lock": facts.lock(),
        "notes": place_notes(facts),
        "purpose": facts.environment.purpose,
        "data": facts.environment.data,
        "customer_data": facts.environment.customer_data,
        "contacts": facts.environment.contacts,
        "dashboards": facts.environment.dashboards,
    })
}

/// Who flies, who looks on, and since when nobody does.
fn controls_json(facts: &Facts<'_>) -> Value {
    if facts.current().is_none() {
        return Value::Null;
    }
    let held = controls::holder(facts);
    json!({
        "holder": held.map(|held| &held.by),
        "since": held.map(|held| held.since),
        "present": held.is_some_and(|held| controls::is_present(facts, &held.by)),
        "watching": controls::watching(facts),
        "guarded": controls::is_guarded(facts, None),
        "unattended_since": controls::unattended_since(facts),
    })
}

/// What waits for a countersign.
fn glass_json(facts: &Facts<'_>) -> Vec<Value> {
    let within = facts.workspace.timings.countersign;
    let one = |glass: &crate::domain::deployment::Glass| {
        let due = glass.due(within);
        json!({
            "deployment": glass.deployment, "by": glass.by, "at": glass.at, "reason": glass.reason,
            "skipped": glass.skipped, "due": due, "overdue": facts.now > due,
        })
    };
    facts.state.unsigned().map(one).collect()
}

fn target_line(facts: &Facts<'_>) -> String {
    let id = &facts.target.id;
    let recorded = facts.state.live.as_ref().map(|live| live.release.title());
    let live = match (facts.running(), &recorded) {
        (Some(running), _) => running.title(),
        (None, Some(recorded)) if facts.workload.value().is_none() => recorded.clone(),
        (None, _) => "not a known release".to_owned(),
    };
    let (how, pods) = match facts.fresh() {
        Some(o) => (
            o.workload.phase.to_string(),
            format!("{}/{}", o.workload.ready, o.workload.desired),
        ),
        None => ("unknown".to_owned(), "?".to_owned()),
    };
    let (environment, project) = (id.environment.as_str(), id.project.name());
    let mut text = format!("{environment:<12} {project:<16} {live:<18} {how:<12} {pods:>7}");
    if let Some(current) = facts.current() {
        let _ = write!(
            text,
            "  {} {}",
            current.plan.release.title(),
            current.state.word()
        );
        if let Some(step) = step_words(facts) {
            let _ = write!(text, " {step}");
        }
        if let Some(waiting) = attend::waiting(facts) {
            let _ = write!(text, " · {}: {}", waiting.who(), waiting.sentence);
        }
        if let Some(held) = controls::holder(facts) {
            let _ = write!(text, " · controls: {}", controls::told(facts, held));
        }
        if let Some(since) = controls::unattended_since(facts) {
            let _ = write!(
                text,
                " · UNATTENDED since {} UTC",
                since.strftime("%H:%M:%S")
            );
        }
    } else if let Some(trouble) = &facts.workload.trouble {
        let _ = write!(text, "  {}", trouble.value);
    } else if let Some(recorded) = recorded.filter(|_| facts.drift()) {
        let _ = write!(text, "  drift: the ledger says {recorded}");
    }
    for note in place_notes(facts) {
        let _ = write!(text, "  ! {note}");
    }
    let within = facts.workspace.timings.countersign;
    for glass in facts.state.unsigned() {
        let _ = write!(text, "  !! {}", glass.sentence(within, facts.now));
    }
    for hotfix in show::hotfixes(facts) {
        let _ = write!(
            text,
            "  ! {}",
            hotfix.banner(&facts.workspace.timings.hotfix, facts.now)
        );
    }
    text.trim_end().to_owned()
}

/// `at step 1 of 5, 10 %`: what `promote --step` takes.
fn step_words(facts: &Facts<'_>) -> Option<String> {
    let current = facts.current()?;
    let workload = &facts.workload.value()?.workload;
    let step = workload
        .step
        .filter(|_| current.state == FlightState::Flying)?;
    let stage = current
        .stage()
        .and_then(|stage| current.plan.plan.stages.get(stage))
        .map_or_else(String::new, |stage| format!(", {} %", stage.share));
    Some(format!("at step {step} of {}{stage}", workload.steps.len()))
}

pub fn gate_lines(judgement: &Judgement) -> Vec<String> {
    let mark = |verdict: Verdict| match verdict {
        Verdict::Pass => "✔ pass   ",
        Verdict::Fail => "✖ FAIL   ",
        Verdict::Unknown => "? unknown",
        Verdict::Waived => "~ waived ",
    };
    let mut lines: Vec<String> = judgement
        .gates
        .iter()
        .map(|gate| format!("{} {:<18} {}", mark(gate.verdict), gate.id, gate.sentence))
        .collect();
    let blocking = judgement.blocking().count();
    lines.push(if judgement.go {
        "GO".to_owned()
    } else {
        format!("NO-GO: {blocking} of {} gates", judgement.gates.len())
    });
    lines
}

impl Headless {
    pub async fn dispatch(&mut self, verb: Verb) -> Result<Exit, Stop> {
        match verb {
            Verb::Status {
                environment,
                project,
                watch,
            } => {
                self.status(environment.as_deref(), project.as_deref(), watch)
                    .await
            }
            Verb::Resolve { project, name } => self.resolve(&project, &name).await,
            Verb::Release { verb } => self.release_verb(verb).await,
            Verb::Plan { place, release } => self.plan(&place, release.as_deref()).await,
            Verb::Hotfix {
                verb: HotfixVerb::Status { project, name },
            } => {
                self.hotfix_status(project.as_deref(), name.as_deref())
                    .await
            }
            Verb::Card { place } => self.card(&place).await,
            Verb::Window { place } => self.window(&place).await,
            Verb::Announce { place } => self.announce(&place).await,
            Verb::Drift {
                environment,
                project,
            } => self.drift(environment.as_deref(), project.as_deref()).await,
            Verb::Poll {
                place, hold: false, ..
            } => self.poll(&place).await,
            Verb::Inbox => self.inbox().await,
            Verb::Matrix { place, release } => self.matrix(&place, release.as_deref()).await,
            Verb::Timeline {
                place,
                deployment,
                format,
            } => self.timeline(&place, deployment.as_deref(), format).await,
            Verb::History {
                environment,
                project,
            } => {
                self.history(environment.as_deref(), project.as_deref())
                    .await
            }
            Verb::Scorecard { since, environment } => {
                self.scorecard(since, environment.as_deref()).await
            }
            Verb::Audit {
                verb: AuditVerb::Verify,
            } => self.audit_verify().await,
            Verb::Policy {
                verb: PolicyVerb::Show { environment },
            } => self.policy_show(environment.as_deref()).await,
            acting => {
                if !self.common.dry_run {
                    self.state_files = StateFiles::start(&self.outside.workspace);
                }
                self.act(acting).await
            }
        }
    }

    /// The targets of an environment, of a project in it, or all.
    pub(super) fn targets(
        &self,
        environment: Option<&str>,
        project: Option<&str>,
    ) -> Result<Vec<Target>, Stop> {
        let environment = environment
            .map(|name| {
                self.outside
                    .workspace
                    .find_environment(name)
                    .map(|e| e.name.clone())
            })
            .transpose()?;
        let project = project
            .map(|name| {
                self.outside
                    .workspace
                    .find_project(name)
                    .map(|p| p.id.clone())
            })
            .transpose()?;
        let wanted = |id: &TargetId| {
            environment.as_ref().is_none_or(|e| *e == id.environment)
                && project.as_ref().is_none_or(|p| *p == id.project)
        };
        Ok(self
            .outside
            .workspace
            .targets
            .iter()
            .filter(|target| wanted(&target.id))
            .cloned()
            .collect())
    }

    async fn status(
        &mut self,
        environment: Option<&str>,
        project: Option<&str>,
        watch: bool,
    ) -> Result<Exit, Stop> {
        let targets = self.targets(environment, project)?;
        let mut former = Vec::new();
        let (mut compared, mut differing) = (None, Vec::new());
        loop {
            self.sync().await?;
            let reads =
                futures::future::join_all(targets.iter().map(|target| self.outside.read(target)))
                    .await;
            let now = self.outside.now();
            for observation in &reads {
                self.known.observe(observation, now);
            }
            // What a request waits for is judged by its release too; that it cannot be read says the gate itself.
            for target in &targets {
                if self
                    .facts(target)?
                    .current()
                    .is_some_and(|current| !current.state.is_airborne())
                {
                    let _ = self.catalogue(&target.id.project).await;
                    self.before_take_off(target).await;
                }
            }
            let (mut objects, mut lines) = (Vec::new(), Vec::new());
            for target in &targets {
                let facts = self.facts(target)?;
                objects.push(target_json(&facts));
                lines.push(target_line(&facts));
            }
            let place = self.outside.standby.waiting();
            let mut waits = Vec::new();
            for target in place.iter().flat_map(|_| &targets) {
                for entry in self.facts(target)?.aside {
                    lines.push(format!(
                        "{} waits in the journal: {} {}",
                        target.id,
                        entry.clock(),
                        entry.sentence()
                    ));
                    waits.push(json!({"target": target.id.to_string(), "at": entry.at, "by": entry.actor.name, "body": entry.body, "sentence": entry.sentence()}));
                }
            }
            let standing = self.outside.standby.standing();
            if let Some(trouble) = standing.trouble() {
                lines.push(format!("LEDGER: {trouble}"));
            }
            // Read again where the ledger has something new.
            if compared != Some(self.known.seq) {
                compared = Some(self.known.seq);
                differing = state_files::differing(&self.known).await;
            }
            lines.extend(differing.iter().map(|file| format!("STATE FILE: {file}")));
            if lines != former {
                former.clone_from(&lines);
                let mut object = json!({"targets": objects});
                if !differing.is_empty() {
                    object["state_files"] = json!(differing);
                }
                if let Some(trouble) = standing.trouble() {
                    object["ledger"] = json!({"trouble": trouble});
                }
                if let Some(place) = &place {
                    object["journal"] = json!({"place": place, "waits": waits});
                }
                self.data(object, || lines);
            }
            if !watch {
                let unread = targets.iter().any(|target| {
                    self.facts(target)
                        .is_ok_and(|facts| facts.fresh().is_none())
                });
                // A break-glass that nobody answers for is red.
                let red = targets.iter().any(|target| {
                    self.facts(target)
                        .is_ok_and(|facts| facts.state.unsigned().next().is_some())
                });
                // Whoever may only read the ledger still reads the truth in it.
                let untrue = standing.is_lost()
                    || standing
                        .trouble()
                        .is_some_and(|trouble| trouble.kind == FaultKind::Malformed);
                return Ok(if unread || red || untrue {
                    Exit::Failed
                } else {
                    Exit::Done
                });
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn resolve(&mut self, project: &str, name: &str) -> Result<Exit, Stop> {
        let project = self.outside.workspace.find_project(project)?.id.clone();
        self.catalogue(&project).await?;
        let releases = self
            .known
            .releases
            .get(&project)
            .map_or(&[][..], Catalogue::as_slice);
        let resolution = resolve::resolve(releases, name);
        let sentence = resolution.sentence(name);
        match resolution {
            Resolution::Found {
                release,
                rule,
                also,
            } => {
                let others: Vec<Value> = also
                    .iter()
                    .map(|(rule, other)| json!({"rule": rule.to_string(), "number": other.number}))
                    .collect();
                let object = json!({"release": Self::release_json(release), "rule": rule.to_string(), "also": others});
                self.data(object, || {
                    let mut lines = vec![format!(
                        "{} is release {} ({}), by its {rule}",
                        name,
                        release.title(),
                        release.commit
                    )];
                    lines.extend(sentence);
                    lines
                });
                Ok(Exit::Done)
            }
            Resolution::Ambiguous { .. } | Resolution::NotFound => {
                let sentence = sentence.unwrap_or_else(|| format!("no release `{name}`"));
                Err(Refusal::new(RefusalKind::NotFound, "release.name", sentence).into())
            }
        }
    }

    pub(super) async fn release_list(&mut self, project: &str, limit: usize) -> Result<Exit, Stop> {
        let project = self.outside.workspace.find_project(project)?.id.clone();
        self.catalogue(&project).await?;
        let remarks = self.outside.remarks(&project).await;
        for remark in &remarks {
            self.output.say(&format!("gonogo: {remark}"));
        }
        let releases = self
            .known
            .releases
            .get(&project)
            .map_or(&[][..], Catalogue::as_slice);
        let limit = if limit == 0 { usize::MAX } else { limit };
        let shown: Vec<_> = releases.iter().rev().take(limit).collect();
        let objects: Vec<Value> = shown
            .iter()
            .map(|release| Self::release_json(release))
            .collect();
        self.data(json!({"releases": objects, "remarks": remarks}), || {
            let line = |release: &&crate::domain::release::Release| {
                let names: Vec<&str> = release
                    .aliases
                    .iter()
                    .map(|alias| alias.name.as_ref())
                    .collect();
                format!(
                    "{:>5}  {}  {:<28} {:<16} {}",
                    release.number,
                    release.commit.short(),
                    names.join(" "),
                    release.author.as_ref(),
                    release.subject
                )
            };
            shown.iter().map(line).collect()
        });
        Ok(Exit::Done)
    }

    pub(super) async fn release_show(&mut self, project: &str, name: &str) -> Result<Exit, Stop> {
        let project = self.outside.workspace.find_project(project)?.id.clone();
        let release = self.release_with_artifact(&project, name).await?;
        let mut object = json!({"release": Self::release_json(&release)});
        object["release"]["artifacts"] = json!(release.artifacts);
        self.data(object, || {
            let names: Vec<String> = release
                .aliases
                .iter()
                .map(|alias| alias.name.to_string())
                .collect();
            let mut lines = vec![
                format!("release   {} of {}", release.number, release.project),
                format!("names     {}", names.join(", ")),
                format!("commit    {}", release.commit),
                format!("author    {} <{}>", release.author, release.email),
                format!("subject   {}", release.subject),
                format!("committed {}", release.committed_at),
            ];
            lines.extend(release.kind().map(|kind| format!("type      {kind}")));
            lines.extend(
                release
                    .artifacts
                    .iter()
                    .map(|a| format!("image     {}", a.pinned().unwrap_or_else(|| a.uri.clone()))),
            );
            let missing = release.missing.iter();
            lines.extend(missing.map(|missing| format!("missing   {missing}")));
            if let Some(resources) = &release.resources {
                let digest = resources.digest.as_ref().map(Digest::as_str);
                let of = digest.map_or_else(String::new, |digest| format!(", {digest}"));
                lines.push(format!("manifests {}{of}", resources.files));
            }
            if release.is_whole() {
                lines.push(format!("digest    {}", release.digest()));
            }
            lines
        });
        Ok(Exit::Done)
    }

    async fn plan(&mut self, place: &Place, release: Option<&str>) -> Result<Exit, Stop> {
        let target = self.find(place)?;
        self.sync().await?;
        if self.common.sample {
            self.sample(&target).await?;
        }
        self.read(&target).await;
        self.before_take_off(&target).await;
        self.catalogue(&target.id.project).await?;
        let open = self
            .facts(&target)?
            .current()
            .map(|current| current.plan.clone());
        let plan = match (open, release) {
            (Some(open), None) => open,
            (open, Some(name)) => {
                let release = self.release_with_artifact(&target.id.project, name).await?;
                let facts = self.facts(&target)?;
                let fresh = planner::planned(&facts, &release);
                // The request that is open is the plan that people decided on, as long as nothing changed.
                open.filter(|open| open.digest == fresh.digest)
                    .unwrap_or(fresh)
            }
            (None, None) => {
                let refusal = Refusal::new(
                    RefusalKind::Usage,
                    "plan.release",
                    "nothing is requested here: name the RELEASE to plan",
                );
                return Err(refusal.into());
            }
        };
        let facts = self.facts(&target)?;
        let judgement = gates::take_off(&facts, &plan);
        let unmeasured = judgement.blocking().any(|gate| {
            let measured = gate.id.starts_with("metric.") || gate.id.contains("health");
            gate.verdict == crate::policy::gate::Verdict::Unknown && measured
        });
        if unmeasured && !self.common.sample {
            self.output
                .say("gonogo: figures are missing: --sample measures for one window first");
        }
        let object = json!({
            "environment": target.id.environment, "project": target.id.project,
            "release": plan.release, "before": plan.before, "digest": plan.digest,
            "go": judgement.go, "gates": judgement.gates,
            "items": items::json(&facts, &plan),
            "rollback": migrate::rollback_json(plan.plan.rollback.as_ref()),
            "migration": migrate::steps_json(&facts, &plan.plan),
            "ledger": facts.environment.protected.then_some(ONE_MACHINE),
        });
        self.data(object, || {
            let mut lines = vec![
                format!("plan {} for {}", plan.digest.short(), target.id),
                format!(
                    "release {}: {}",
                    crate::domain::entry::from_to(plan.before.as_ref(), &plan.release),
                    plan.subject
                ),
            ];
            lines.extend(plan.plan.stages.iter().map(|stage| {
                format!(
                    "stage {:>3} %  bakes {}",
                    stage.share,
                    time::exact(stage.bake)
                )
            }));
            lines.extend(items::lines(&facts, &plan));
            lines.extend(gate_lines(&judgement));
            if facts.environment.protected {
                lines.push(format!("the ledger is {ONE_MACHINE}"));
            }
            lines
        });
        Ok(if judgement.go { Exit::Done } else { Exit::NoGo })
    }

    async fn audit_verify(&mut self) -> Result<Exit, Stop> {
        match self.outside.ledger.verify().await? {
            Verified::Whole { entries, head } => {
                self.data(
                    json!({"whole": true, "entries": entries, "head": head}),
                    || {
                        vec![format!(
                            "{entries} entries follow from each other; head {head}"
                        )]
                    },
                );
                Ok(Exit::Done)
            }
            Verified::Broken { seq, why } => {
                self.data(json!({"whole": false, "seq": seq, "why": why}), || {
                    vec![format!("BROKEN at entry {seq}: {why}")]
                });
                Ok(Exit::Failed)
            }
        }
    }
}
