//! The analyses of a Rollout: which runs it needs now, and what their outcomes do to it.
//! Follows `argoproj/argo-rollouts:rollout/analysis.go`.

use super::blue_green::{active_hash, is_saturated};
use super::pauses::{BLUE_GREEN, INCONCLUSIVE, PAUSE_STEP, pauses_for};
use super::revisions::{DEADLINE, ROLLOUT, hash_of};
use super::rollouts::{Look, is_blue_green};
use super::sides::within_rollback_window;
use super::steps::{STEPS, current_index, current_step};
use crate::simulator::json::{Json, escape};
use crate::simulator::kinds::{ANALYSIS_RUNS, ANALYSIS_TEMPLATES, CLUSTER_ANALYSIS_TEMPLATES};
use crate::simulator::store::Id;
use crate::simulator::world::{ROLLOUTS_CONTROLLER, World};
use serde_json::{Map, Value, json};

/// One of the four places of an analysis.
struct Place {
    /// In the label `rollout-type` and in events.
    name: &'static str,
    /// Where the status keeps its run.
    status: &'static str,
}

const STEP: Place = Place {
    name: "Step",
    status: "/status/canary/currentStepAnalysisRunStatus",
};
const BACKGROUND: Place = Place {
    name: "Background",
    status: "/status/canary/currentBackgroundAnalysisRunStatus",
};
const BEFORE: Place = Place {
    name: "PrePromotion",
    status: "/status/blueGreen/prePromotionAnalysisRunStatus",
};
const AFTER: Place = Place {
    name: "PostPromotion",
    status: "/status/blueGreen/postPromotionAnalysisRunStatus",
};
const PLACES: [&Place; 4] = [&STEP, &BACKGROUND, &BEFORE, &AFTER];

/// The current run of each place, in the order of `PLACES`.
#[derive(Debug, Default)]
pub(super) struct Runs([Option<Value>; 4]);

fn phase(run: Option<&Value>) -> &str {
    run.map_or("", |run| run.text("/status/phase"))
}

pub(super) fn is_over(phase: &str) -> bool {
    ["Successful", "Failed", "Error", "Inconclusive"].contains(&phase)
}

impl Runs {
    pub fn step_succeeded(&self) -> bool {
        phase(self.0[0].as_ref()) == "Successful"
    }

    pub fn before_succeeded(&self) -> bool {
        phase(self.0[2].as_ref()) == "Successful"
    }

    pub fn after_succeeded(&self) -> bool {
        phase(self.0[3].as_ref()) == "Successful"
    }
}

impl World {
    /// Creates, follows and cancels the runs of a Rollout; an inconclusive one pauses it, a failed one aborts it.
    pub(super) fn reconcile_analyses(&mut self, look: &mut Look) {
        let all = self.controlled(&ANALYSIS_RUNS, &look.id.namespace, look.rollout.uid());
        let current = |look: &Look, place: &Place| {
            let name = look.rollout.text(&format!("{}/name", place.status));
            all.iter().find(|run| run.name() == name).cloned()
        };
        let moved_back = look
            .sides
            .new
            .as_ref()
            .is_some_and(|new| new.annotation(DEADLINE).is_some());
        let skips = look.aborted()
            || look.rollout.flag("/status/promoteFull")
            || moved_back
            || look.stable_hash().is_empty()
            || within_rollback_window(&look.rollout, &look.sides);
        let mut runs = Runs::default();
        if skips {
            for (at, place) in PLACES.into_iter().enumerate() {
                runs.0[at] = current(look, place);
            }
            self.cancel(&all, &[]);
        } else {
            if is_blue_green(&look.rollout) {
                runs.0[2] = self.before_promotion(look, current(look, &BEFORE));
                runs.0[3] = self.after_promotion(look, current(look, &AFTER));
                for run in [&runs.0[2], &runs.0[3]].into_iter().flatten() {
                    judge(look, run);
                }
            } else {
                runs.0[0] = self.step_analysis(look, current(look, &STEP));
                runs.0[1] = self.background_analysis(look, current(look, &BACKGROUND));
            }
            let names: Vec<&str> = runs.0.iter().flatten().map(Json::name).collect();
            self.cancel(&all, &names);
        }
        for (at, place) in PLACES.into_iter().enumerate() {
            self.follow(look, place, runs.0[at].as_ref());
        }
        look.runs = runs;
    }

    /// Writes the state of a run into the status, and tells of its changes.
    fn follow(&mut self, look: &mut Look, place: &Place, run: Option<&Value>) {
        let before = look.rollout.pointer(place.status).cloned();
        let Some(run) = run else {
            if before.is_some() {
                look.rollout.unset(place.status);
            }
            return;
        };
        let (name, phase) = (run.name(), run.text("/status/phase"));
        let (old_name, old) = before.as_ref().map_or(("", ""), |before| {
            (before.text("/name"), before.text("/status"))
        });
        if !phase.is_empty() && (before.is_none() || old_name == name && old != phase) {
            let previous = if before.is_none() {
                "NoPreviousStatus"
            } else {
                old
            };
            let message = format!(
                "{} Analysis Run '{name}' Status New: '{phase}' Previous: '{previous}'",
                place.name
            );
            let reason = format!("AnalysisRun{phase}");
            if ["Failed", "Error"].contains(&phase) {
                self.warn(&look.rollout, ROLLOUTS_CONTROLLER, &reason, &message);
            } else {
                self.note(&look.rollout, ROLLOUTS_CONTROLLER, &reason, &message);
            }
        }
        let mut status = json!({"name": name, "status": phase});
        if !run.text("/status/message").is_empty() {
            status.set("/message", run.text("/status/message"));
        }
        look.rollout.set(place.status, status);
    }

    /// Asks runs to stop that nobody waits for.
    fn cancel(&mut self, all: &[Value], kept: &[&str]) {
        for run in all {
            let over = is_over(run.text("/status/phase"));
            if !over && !run.flag("/spec/terminate") && !kept.contains(&run.name()) {
                let mut run = run.clone();
                run.set("/spec/terminate", true);
                self.put(run);
            }
        }
    }

    fn step_analysis(&mut self, look: &mut Look, current: Option<Value>) -> Option<Value> {
        if !look.rollout.items("/status/pauseConditions").is_empty() {
            return current;
        }
        let index = current_index(&look.rollout).to_string();
        let wanted = current_step(&look.rollout)?.get("analysis")?.clone();
        // A run of an earlier step is of no use to this one.
        let current = current.filter(|run| run.label("step-index") == Some(&index));
        if needs_new(current.as_ref(), &look.rollout) {
            let labels = [("rollout-type", STEP.name), ("step-index", &index)];
            return Some(self.create_run(look, &wanted, &index, &labels));
        }
        let run = current?;
        judge(look, &run);
        Some(run)
    }

    fn background_analysis(&mut self, look: &mut Look, current: Option<Value>) -> Option<Value> {
        let wanted = look
            .rollout
            .pointer("/spec/strategy/canary/analysis")?
            .clone();
        let starts = usize::try_from(wanted.count("/startingStep")).unwrap_or(0);
        let promoted = look.stable_hash() == look.hash;
        let too_early =
            !look.rollout.items(STEPS).is_empty() && current_index(&look.rollout) < starts;
        if wanted.items("/templates").is_empty() || promoted || too_early {
            return None;
        }
        if pauses_for(&look.rollout, INCONCLUSIVE) {
            return current;
        }
        if needs_new(current.as_ref(), &look.rollout) {
            let labels = [("rollout-type", BACKGROUND.name)];
            return Some(self.create_run(look, &wanted, "", &labels));
        }
        let run = current?;
        judge(look, &run);
        Some(run)
    }

    /// Before the switch, once the preview stands.
    fn before_promotion(&mut self, look: &mut Look, current: Option<Value>) -> Option<Value> {
        let strategy = &look.rollout["spec"]["strategy"]["blueGreen"];
        let wanted = strategy.get("prePromotionAnalysis")?.clone();
        let active = active_hash(self, &look.rollout);
        let preview = strategy.int("/previewReplicaCount");
        let stands = look.sides.new.as_ref().is_some_and(|new| match preview {
            Some(count) => {
                new.count("/spec/replicas") == count
                    && new.count("/status/availableReplicas") == count
            }
            None => is_saturated(&look.rollout, new),
        });
        let skips =
            look.stable_hash() == look.hash || active.is_empty() || active == look.hash || !stands;
        if skips || pauses_for(&look.rollout, INCONCLUSIVE) {
            return current;
        }
        if needs_new(current.as_ref(), &look.rollout) {
            let labels = [("rollout-type", BEFORE.name)];
            return Some(self.create_run(look, &wanted, "pre", &labels));
        }
        current
    }

    /// After the switch, before the new side counts as stable.
    fn after_promotion(&mut self, look: &mut Look, current: Option<Value>) -> Option<Value> {
        let strategy = &look.rollout["spec"]["strategy"]["blueGreen"];
        let wanted = strategy.get("postPromotionAnalysis")?.clone();
        let stands = look
            .sides
            .new
            .as_ref()
            .is_some_and(|new| is_saturated(&look.rollout, new));
        let skips = look.stable_hash() == look.hash
            || active_hash(self, &look.rollout) != look.hash
            || !stands;
        if skips || pauses_for(&look.rollout, INCONCLUSIVE) {
            return current;
        }
        if needs_new(current.as_ref(), &look.rollout) {
            let labels = [("rollout-type", AFTER.name)];
            return Some(self.create_run(look, &wanted, "post", &labels));
        }
        current
    }

    fn create_run(
        &mut self,
        look: &Look,
        analysis: &Value,
        infix: &str,
        labels: &[(&str, &str)],
    ) -> Value {
        let rollout = &look.rollout;
        let templates = self.templates(&look.id.namespace, analysis.items("/templates"), 0);
        let mut metrics = Vec::new();
        let mut args: Vec<Value> = Vec::new();
        for template in &templates {
            metrics.extend(template.items("/spec/metrics").iter().cloned());
            for arg in template.items("/spec/args") {
                let known = args.iter().position(|found| found["name"] == arg["name"]);
                match known {
                    Some(at) if !args[at].has("/value") => args[at] = arg.clone(),
                    Some(_) => {}
                    None => args.push(arg.clone()),
                }
            }
        }
        for given in analysis.items("/args") {
            let value = argument(given, look);
            if let Some(arg) = args.iter_mut().find(|arg| arg["name"] == given["name"]) {
                arg.unset("/valueFrom");
                arg.set("/value", value);
            }
        }
        let revision = rollout.annotation(ROLLOUT.revision).unwrap_or("0");
        let mut base = format!("{}-{}-{revision}", rollout.name(), look.hash);
        if !infix.is_empty() {
            base = format!("{base}-{infix}");
        }
        let mut name = base.clone();
        let mut again = 0;
        while self
            .store
            .get(&Id::new(&ANALYSIS_RUNS, &look.id.namespace, &name))
            .is_some()
        {
            again += 1;
            name = format!("{base}.{again}");
        }
        let mut all: Map<String, Value> = rollout["spec"]["selector"]["matchLabels"]
            .as_object()
            .cloned()
            .unwrap_or_default();
        all.insert(ROLLOUT.hash_label.to_owned(), json!(look.hash));
        for (key, value) in labels {
            all.insert((*key).to_owned(), json!(value));
        }
        let mut run = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisRun",
            "metadata": {"name": name, "namespace": look.id.namespace, "labels": all,
                "annotations": {ROLLOUT.revision: revision},
                "ownerReferences": [{"apiVersion": rollout["apiVersion"], "kind": "Rollout",
                    "name": rollout.name(), "uid": rollout.uid(), "controller": true,
                    "blockOwnerDeletion": true}]},
            "spec": {"metrics": metrics, "args": args}});
        if analysis.has("/dryRun") {
            run.set("/spec/dryRun", analysis["dryRun"].clone());
        }
        Value::clone(&self.create(run))
    }

    /// The templates that references name, those they name themselves included.
    fn templates(&self, namespace: &str, references: &[Value], depth: usize) -> Vec<Value> {
        let mut found: Vec<Value> = Vec::new();
        for reference in references {
            let Some(template) = self.template(namespace, reference) else {
                continue;
            };
            let nested = if depth < 5 {
                self.templates(namespace, template.items("/spec/templates"), depth + 1)
            } else {
                Vec::new()
            };
            for template in std::iter::once(template).chain(nested) {
                if !found.iter().any(|known| known.uid() == template.uid()) {
                    found.push(template);
                }
            }
        }
        found
    }

    fn template(&self, namespace: &str, reference: &Value) -> Option<Value> {
        let name = reference.text("/templateName");
        self.find(&if reference.flag("/clusterScope") {
            Id::new(&CLUSTER_ANALYSIS_TEMPLATES, "", name)
        } else {
            Id::new(&ANALYSIS_TEMPLATES, namespace, name)
        })
    }

    /// Whether every template is there that a Rollout names.
    pub(super) fn usable_templates(&self, rollout: &Value) -> Result<(), String> {
        let canary = "/spec/strategy/canary";
        let mut places = vec![
            format!("{canary}/analysis"),
            "/spec/strategy/blueGreen/prePromotionAnalysis".to_owned(),
            "/spec/strategy/blueGreen/postPromotionAnalysis".to_owned(),
        ];
        places.extend((0..rollout.items(STEPS).len()).map(|at| format!("{STEPS}/{at}/analysis")));
        for place in places {
            for reference in rollout.items(&format!("{place}/templates")) {
                if self.template(rollout.namespace(), reference).is_none() {
                    let name = reference.text("/templateName");
                    let kind = if reference.flag("/clusterScope") {
                        "ClusterAnalysisTemplate"
                    } else {
                        "AnalysisTemplate"
                    };
                    return Err(format!(
                        "{}.templates: Invalid value: \"{name}\": {kind} '{name}' not found",
                        path_of(&place)
                    ));
                }
            }
        }
        Ok(())
    }
}

/// `spec.strategy.canary.steps[1].analysis` of a pointer.
fn path_of(pointer: &str) -> String {
    let mut path = String::new();
    for part in pointer.split('/').skip(1) {
        if part.parse::<usize>().is_ok() {
            path.extend(["[", part, "]"]);
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(part);
        }
    }
    path
}

/// The value of an argument that a Rollout gives.
fn argument(given: &Value, look: &Look) -> String {
    match given.text("/valueFrom/podTemplateHashValue") {
        "Latest" => return look.hash.clone(),
        "Stable" => {
            let stable = look.sides.stable.as_ref();
            return stable.map_or_else(
                || look.hash.clone(),
                |set| hash_of(&ROLLOUT, set).to_owned(),
            );
        }
        _ => {}
    }
    let path = given.text("/valueFrom/fieldRef/fieldPath");
    if path.is_empty() {
        return given.text("/value").to_owned();
    }
    // `metadata.labels['app']` and `metadata.name`.
    let mut pointer = String::new();
    for part in path.split(['.', '[']) {
        pointer.push('/');
        pointer.push_str(&escape(part.trim_matches(['\'', '"', ']'])));
    }
    look.rollout.text(&pointer).to_owned()
}

/// Whether a new run is due: there is none, one could not tell and a person went on, or an abort was taken back.
fn needs_new(current: Option<&Value>, rollout: &Value) -> bool {
    let Some(current) = current else { return true };
    let paused = [PAUSE_STEP, BLUE_GREEN]
        .iter()
        .any(|reason| pauses_for(rollout, reason));
    if rollout.flag("/status/controllerPause") && !paused {
        return current.text("/status/phase") == "Inconclusive";
    }
    rollout.has("/status/abortedAt")
}

/// What the outcome of a run does to the Rollout.
fn judge(look: &mut Look, run: &Value) {
    match run.text("/status/phase") {
        "Inconclusive" => look.pauses.begin(INCONCLUSIVE),
        "Failed" | "Error" => look.pauses.abort(run.text("/status/message")),
        _ => {}
    }
}
