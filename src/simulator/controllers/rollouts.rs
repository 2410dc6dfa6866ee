//! The Argo Rollouts controller for canaries without traffic routing: steps, pauses, abort, full promotion.
//! Follows `argoproj/argo-rollouts:rollout/{canary,sync,pause}.go`.

use super::counts::{Bounds, Side, canary_and_stable, next_canary_and_stable};
use super::revisions::{ROLLOUT, hash_of, revision_of, template_hash, total};
use super::rollout_status::{Counted, step_words};
use crate::simulator::chance;
use crate::simulator::json::{Json, pruned};
use crate::simulator::kinds::REPLICA_SETS;
use crate::simulator::store::Id;
use crate::simulator::world::{ROLLOUTS_CONTROLLER, World};
use jiff::SignedDuration;
use serde_json::{Value, json};

pub(super) const STEPS: &str = "/spec/strategy/canary/steps";
const PAUSE_STEP: &str = "CanaryPauseStep";

/// The ReplicaSets of a Rollout by role. `stable` is None when the present template is the stable one.
struct Sides {
    new: Option<Value>,
    stable: Option<Value>,
    others: Vec<Value>,
}

impl Sides {
    fn all(&self) -> Vec<Value> {
        self.new.iter().chain(&self.stable).chain(&self.others).cloned().collect()
    }
}

/// What one look at a Rollout decided about its pauses.
#[derive(Default)]
struct Pauses {
    add: bool,
    remove_step: bool,
    clear: bool,
    remove_abort: bool,
}

impl World {
    pub(in crate::simulator) fn reconcile_rollout(&mut self, id: &Id) {
        let Some(mut rollout) = self.find(id) else { return };
        let sets = self.controlled(&REPLICA_SETS, &id.namespace, rollout.uid());
        let new = Self::current_set(&rollout, &sets);
        let hash = new.as_ref().map_or_else(
            || template_hash(&rollout["spec"]["template"]),
            |set| hash_of(&ROLLOUT, set).to_owned(),
        );
        let changed = rollout.text("/status/currentPodHash") != hash
            || rollout.text("/status/currentStepHash") != step_hash(&rollout);
        if changed {
            let sides = by_role(&rollout, new, sets);
            self.restart_steps(rollout, &sides, &hash);
            return;
        }
        self.note_pause(&mut rollout);
        let mut new = new.unwrap_or_else(|| {
            let created = self.create_set(&ROLLOUT, &rollout);
            let message = format!("Created ReplicaSet {}", created.name());
            self.note(&rollout, ROLLOUTS_CONTROLLER, "NewReplicaSetCreated", &message);
            created
        });
        let revision = revision_of(&ROLLOUT, &rollout);
        self.number_revision(&ROLLOUT, &mut rollout, &mut new, &sets);
        if revision_of(&ROLLOUT, &rollout) != revision {
            let message = format!("Rollout updated to revision {}", revision_of(&ROLLOUT, &rollout));
            self.note(&rollout, ROLLOUTS_CONTROLLER, "RolloutUpdated", &message);
        }
        let mut sides = by_role(&rollout, Some(new), sets);
        let mut pauses = Pauses::default();
        let busy = self.resize(&rollout, &mut sides);
        if !busy {
            self.forget_old_sets(&rollout, &sides.others);
            self.consider_pause(&rollout, id, &mut pauses);
        }
        self.sync_status(rollout, &sides, &hash, pauses);
    }

    /// A new template or new steps: back to the first step, without abort, pauses or full promotion. Going back to
    /// the stable template, or into the rollback window, skips all steps.
    fn restart_steps(&mut self, mut rollout: Value, sides: &Sides, hash: &str) {
        let steps = rollout.items(STEPS).len();
        let counted = self.count_base(&mut rollout, sides, hash);
        let mut index = 0;
        if sides.new.is_some() && rollout.text("/status/stableRS") == hash {
            self.note(&rollout, ROLLOUTS_CONTROLLER, "SkipSteps", "Rollback to stable");
            index = steps;
        } else if within_rollback_window(&rollout, sides) {
            self.note(&rollout, ROLLOUTS_CONTROLLER, "SkipSteps", "Rollback within window");
            index = steps;
        }
        set_index(&mut rollout, steps, index);
        rollout.unset("/status/promoteFull");
        let pauses = Pauses { clear: true, remove_abort: true, ..Pauses::default() };
        self.persist(rollout, &counted, &pauses);
    }

    /// Moves the ReplicaSets one step towards the weight; answers whether anything was scaled.
    fn resize(&mut self, rollout: &Value, sides: &mut Sides) -> bool {
        let replicas = rollout.int("/spec/replicas").unwrap_or(1);
        let bounds = bounds_of(rollout, replicas);
        let Sides { new: Some(new), stable, others } = sides else { return false };
        let others_wanted = total(&*others, "/spec/replicas");
        let (new_size, stable_size) = match stable.as_ref() {
            Some(stable) => {
                next_canary_and_stable(replicas, current_weight(rollout), bounds, side(new), side(stable), others_wanted)
            }
            None => {
                let none = Side::default();
                (next_canary_and_stable(replicas, 100, bounds, side(new), none, others_wanted).0, 0)
            }
        };
        if let Some(stable) = stable
            && self.scale_set(&ROLLOUT, rollout, stable, stable_size)
        {
            return true;
        }
        if self.scale_set(&ROLLOUT, rollout, new, new_size) {
            return true;
        }
        // Pods of older sets still take traffic, so they go as soon as availability allows.
        let mut available = side(new).available + total(&*others, "/status/availableReplicas");
        available += stable.as_ref().map_or(0, |stable| side(stable).available);
        let mut spare = available - (replicas - bounds.unavailable);
        let mut scaled = false;
        for set in others.iter_mut().rev().filter(|set| set.count("/spec/replicas") > 0) {
            let wanted = set.count("/spec/replicas");
            let broken = (wanted - set.count("/status/availableReplicas")).max(0);
            let fewer = broken + (wanted - broken).min(spare.max(0));
            if fewer > 0 {
                spare -= fewer - broken;
                scaled |= self.scale_set(&ROLLOUT, rollout, set, wanted - fewer);
            }
        }
        scaled
    }

    fn consider_pause(&mut self, rollout: &Value, id: &Id, pauses: &mut Pauses) {
        if rollout.flag("/spec/paused") || rollout.flag("/status/promoteFull") || rollout.flag("/status/abort") {
            return;
        }
        let Some(step) = current_step(rollout).filter(|step| step.has("/pause")) else { return };
        match pause_since(rollout) {
            None if !rollout.flag("/status/controllerPause") => pauses.add = true,
            None => {}
            Some(since) => {
                if let Some(wait) = pause_duration(step)
                    && since + wait > self.now
                {
                    // A second more, for start times are written in whole seconds.
                    self.look_within(id, (since + wait).duration_since(self.now) + SignedDuration::from_secs(1));
                }
            }
        }
    }

    fn sync_status(&mut self, mut rollout: Value, sides: &Sides, hash: &str, mut pauses: Pauses) {
        let steps = rollout.items(STEPS).len();
        let counted = self.count_base(&mut rollout, sides, hash);
        let mut index = current_index(&rollout);
        let promote_full = rollout.flag("/status/promoteFull");
        if promote_full || within_rollback_window(&rollout, sides) {
            pauses.clear = true;
            pauses.remove_abort = true;
            index = steps;
        }
        let aborted = rollout.flag("/status/abort") && !pauses.remove_abort;
        let replicas = rollout.int("/spec/replicas").unwrap_or(1);
        let all_available = sides.new.as_ref().is_some_and(|new| side(new).available == replicas);
        let reason = if aborted || !all_available {
            None
        } else if rollout.text("/status/stableRS").is_empty() {
            Some("Initial deploy".to_owned())
        } else if promote_full {
            Some("Full promotion requested".to_owned())
        } else {
            (index >= steps).then(|| format!("Completed all {steps} canary steps"))
        };
        if let Some(reason) = reason {
            self.promote_stable(&mut rollout, hash, &reason);
            pauses = Pauses { clear: true, remove_abort: true, ..Pauses::default() };
            index = steps;
        } else if aborted {
            index = if rollout.text("/status/stableRS") == hash { steps } else { 0 };
        } else if self.step_completed(&rollout, sides) {
            index += 1;
            pauses.remove_step = true;
            if let Some(step) = current_step(&rollout) {
                let message = format!("Rollout step {index}/{steps} completed ({})", step_words(step));
                self.note(&rollout, ROLLOUTS_CONTROLLER, "RolloutStepCompleted", &message);
            }
        }
        set_index(&mut rollout, steps, index);
        self.persist(rollout, &counted, &pauses);
    }

    fn promote_stable(&mut self, rollout: &mut Value, hash: &str, reason: &str) {
        rollout.unset("/status/promoteFull");
        if rollout.text("/status/stableRS") != hash {
            rollout.set("/status/stableRS", hash);
            let revision = revision_of(&ROLLOUT, rollout);
            let message = format!("Rollout completed update to revision {revision} ({hash}): {reason}");
            self.note(rollout, ROLLOUTS_CONTROLLER, "RolloutCompleted", &message);
        }
    }

    fn step_completed(&self, rollout: &Value, sides: &Sides) -> bool {
        let Some(step) = current_step(rollout).filter(|_| !rollout.flag("/spec/paused")) else { return false };
        if step.has("/pause") {
            let since = pause_since(rollout);
            if rollout.flag("/status/controllerPause") && since.is_none() {
                return true;
            }
            return match (since, pause_duration(step)) {
                (Some(since), Some(wait)) => self.now > since + wait,
                _ => false,
            };
        }
        if !step.has("/setWeight") {
            // Analyses, experiments and the rest have no effect here and are over at once.
            return true;
        }
        let replicas = rollout.int("/spec/replicas").unwrap_or(1);
        let surge = bounds_of(rollout, replicas).surge;
        let wanted = if sides.stable.is_some() {
            canary_and_stable(replicas, current_weight(rollout), surge)
        } else {
            (replicas, 0)
        };
        let reached = |set: &Option<Value>, wanted| {
            set.as_ref().is_some_and(|set| side(set) == Side { wanted, available: wanted })
        };
        reached(&sides.new, wanted.0)
            && (sides.stable.is_none() || reached(&sides.stable, wanted.1))
            && total(&sides.others, "/status/availableReplicas") == 0
    }

    /// Writes counts, hashes and observed generation, and answers what they were before.
    fn count_base(&mut self, rollout: &mut Value, sides: &Sides, hash: &str) -> Counted {
        let before = Counted::of(rollout);
        let sets: Vec<Value> = sides.all().iter().filter_map(|set| self.find(&Id::of(set)?)).collect();
        let new = sets.iter().find(|set| hash_of(&ROLLOUT, set) == hash);
        let running = total(&sets, "/status/replicas");
        for (member, count) in [
            ("replicas", running),
            ("HPAReplicas", running),
            ("updatedReplicas", new.map_or(0, |set| set.count("/status/replicas"))),
            ("readyReplicas", total(&sets, "/status/readyReplicas")),
            ("availableReplicas", total(&sets, "/status/availableReplicas")),
        ] {
            rollout.set(&format!("/status/{member}"), count);
        }
        let selector: Vec<String> = rollout["spec"]["selector"]["matchLabels"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
            .collect();
        rollout.set("/status/selector", selector.join(","));
        rollout.set("/status/currentPodHash", hash);
        let steps = step_hash(rollout);
        rollout.set("/status/currentStepHash", steps);
        before
    }

    /// Carries out what was decided about pauses, then conditions and phase, and stores the Rollout.
    fn persist(&mut self, mut rollout: Value, before: &Counted, pauses: &Pauses) {
        let aborted = rollout.flag("/status/abort") && !pauses.remove_abort;
        self.write_conditions(&mut rollout, before, aborted);
        let mut conditions = rollout.items("/status/pauseConditions").to_vec();
        let mut controller = rollout.flag("/status/controllerPause");
        if aborted {
            if !rollout.has("/status/abortedAt") {
                rollout.set("/status/abortedAt", crate::simulator::json::stamp(self.now));
            }
            conditions.clear();
        } else {
            rollout.unset("/status/abort");
            rollout.unset("/status/abortedAt");
            if pauses.clear {
                conditions.clear();
            }
            if pauses.remove_step {
                conditions.retain(|condition| condition.text("/reason") != PAUSE_STEP);
            }
            if pauses.add {
                let now = crate::simulator::json::stamp(self.now);
                conditions.push(json!({"reason": PAUSE_STEP, "startTime": now}));
                controller = true;
            }
        }
        if conditions.is_empty() {
            rollout.unset("/status/pauseConditions");
            // While a step waits for the look after being unpaused, `controllerPause` says so.
            rollout.unset("/status/controllerPause");
        } else {
            rollout.set("/status/pauseConditions", conditions);
            rollout.set("/status/controllerPause", controller);
        }
        let generation = rollout.count("/metadata/generation").to_string();
        rollout.set("/status/observedGeneration", generation);
        self.write_phase(&mut rollout);
        self.put(rollout);
    }
}

fn by_role(rollout: &Value, new: Option<Value>, sets: Vec<Value>) -> Sides {
    let stable_hash = rollout.text("/status/stableRS");
    let new_uid = new.as_ref().map_or(String::new(), |set| set.uid().to_owned());
    let (mut stable, mut others) = (None, Vec::new());
    for set in sets.into_iter().filter(|set| set.uid() != new_uid) {
        if !stable_hash.is_empty() && hash_of(&ROLLOUT, &set) == stable_hash {
            stable = Some(set);
        } else {
            others.push(set);
        }
    }
    Sides { new, stable, others }
}

fn bounds_of(rollout: &Value, replicas: i64) -> Bounds {
    let canary = &rollout["spec"]["strategy"]["canary"];
    Bounds::resolve(canary.get("maxSurge"), canary.get("maxUnavailable"), replicas)
}

fn side(set: &Value) -> Side {
    Side { wanted: set.count("/spec/replicas"), available: set.count("/status/availableReplicas") }
}

/// Hash of the steps, so that a change of them restarts the canary.
fn step_hash(rollout: &Value) -> String {
    chance::suffix(1, &pruned(&rollout["spec"]["strategy"]["canary"]["steps"]).to_string(), 10)
}

pub(super) fn current_index(rollout: &Value) -> usize {
    usize::try_from(rollout.count("/status/currentStepIndex")).unwrap_or(0)
}

/// The step that the Rollout is in; None once all are done.
pub(super) fn current_step(rollout: &Value) -> Option<&Value> {
    rollout.items(STEPS).get(current_index(rollout))
}

fn set_index(rollout: &mut Value, steps: usize, index: usize) {
    if steps == 0 {
        rollout.unset("/status/currentStepIndex");
    } else {
        rollout.set("/status/currentStepIndex", index.min(steps));
    }
}

/// The weight that the pods should have: 0 when aborted, 100 without a step, else the last `setWeight` up to here.
fn current_weight(rollout: &Value) -> i64 {
    if rollout.flag("/status/promoteFull") || rollout.text("/status/currentPodHash") == rollout.text("/status/stableRS") {
        return 100;
    }
    if rollout.flag("/status/abort") {
        return 0;
    }
    if current_step(rollout).is_none() {
        return 100;
    }
    let passed = rollout.items(STEPS).iter().take(current_index(rollout) + 1);
    passed.filter_map(|step| step.int("/setWeight")).last().unwrap_or(0)
}

fn pause_since(rollout: &Value) -> Option<jiff::Timestamp> {
    let conditions = rollout.items("/status/pauseConditions");
    conditions.iter().find(|condition| condition.text("/reason") == PAUSE_STEP)?.time("/startTime")
}

/// The duration of a pause step: seconds as a number or text, or a Go duration such as `5m`.
fn pause_duration(step: &Value) -> Option<SignedDuration> {
    match step.pointer("/pause/duration")? {
        Value::Number(seconds) => Some(SignedDuration::from_secs(seconds.as_i64()?)),
        Value::String(text) => match text.parse() {
            Ok(seconds) => Some(SignedDuration::from_secs(seconds)),
            Err(_) => Some(go_duration(text).unwrap_or(SignedDuration::from_secs(-1))),
        },
        _ => None,
    }
}

/// `1h30m`, `5m`, `1.5s`, `200ms`.
fn go_duration(text: &str) -> Option<SignedDuration> {
    let mut seconds = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        seconds += number
            * match &rest[..unit] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 0.001,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    Some(SignedDuration::from_secs_f64(seconds))
}

/// Whether the present template is an earlier one that lies fewer revisions back than `spec.rollbackWindow` allows.
fn within_rollback_window(rollout: &Value, sides: &Sides) -> bool {
    let Some(window) = rollout.int("/spec/rollbackWindow/revisions") else { return false };
    let (Some(new), Some(stable)) = (&sides.new, &sides.stable) else { return false };
    let born = |set: &Value| set.time("/metadata/creationTimestamp");
    let (from, to) = (born(new), born(stable));
    let between = sides.others.iter().filter(|set| born(set) > from && born(set) < to).count();
    from < to && i64::try_from(between).is_ok_and(|between| between < window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pause_durations() {
        for (duration, seconds) in
            [(json!(30), 30), (json!("30"), 30), (json!("5m"), 300), (json!("1h30m"), 5400), (json!("soon"), -1)]
        {
            let step = json!({"pause": {"duration": duration}});
            assert_eq!(pause_duration(&step), Some(SignedDuration::from_secs(seconds)), "{duration}");
        }
        assert_eq!(pause_duration(&json!({"pause": {}})), None);
    }
}
