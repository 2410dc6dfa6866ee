//! The Argo Rollouts controller for canaries without traffic routing: steps, pauses, abort, full promotion.
//! Follows `argoproj/argo-rollouts:rollout/{canary,sync,pause}.go`.

use super::counts::{Side, canary_and_stable, next_canary_and_stable};
use super::revisions::{ROLLOUT, hash_of, revision_of, template_hash, total};
use super::rollout_status::{Counted, write_phase};
use super::sides::{Sides, bounds_of, by_role, side, within_rollback_window};
use super::steps::{
    PAUSE_STEP, STEPS, current_index, current_step, current_weight, pause_duration, pause_since,
    set_index, step_hash, step_words,
};
use crate::simulator::json::{Json, stamp};
use crate::simulator::kinds::REPLICA_SETS;
use crate::simulator::store::Id;
use crate::simulator::world::{ROLLOUTS_CONTROLLER, World};
use jiff::SignedDuration;
use serde_json::{Value, json};

/// What one look at a Rollout decided about its pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pauses {
    Keep,
    /// The step is a pause, and begins.
    Begin,
    /// The step is over.
    EndStep,
    /// All pauses end, and an abort as well.
    Clear,
}

impl World {
    pub(in crate::simulator) fn reconcile_rollout(&mut self, id: &Id) {
        let Some(mut rollout) = self.find(id) else {
            return;
        };
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
            self.note(
                &rollout,
                ROLLOUTS_CONTROLLER,
                "NewReplicaSetCreated",
                &message,
            );
            created
        });
        let revision = revision_of(&ROLLOUT, &rollout);
        self.number_revision(&ROLLOUT, &mut rollout, &mut new, &sets);
        if revision_of(&ROLLOUT, &rollout) != revision {
            let message = format!(
                "Rollout updated to revision {}",
                revision_of(&ROLLOUT, &rollout)
            );
            self.note(&rollout, ROLLOUTS_CONTROLLER, "RolloutUpdated", &message);
        }
        let mut sides = by_role(&rollout, Some(new), sets);
        let mut pauses = Pauses::Keep;
        let busy = self.resize(&rollout, &mut sides);
        if !busy {
            self.forget_old_sets(&rollout, &sides.others);
            pauses = self.consider_pause(&rollout, id);
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
            self.note(
                &rollout,
                ROLLOUTS_CONTROLLER,
                "SkipSteps",
                "Rollback to stable",
            );
            index = steps;
        } else if within_rollback_window(&rollout, sides) {
            self.note(
                &rollout,
                ROLLOUTS_CONTROLLER,
                "SkipSteps",
                "Rollback within window",
            );
            index = steps;
        }
        set_index(&mut rollout, steps, index);
        rollout.unset("/status/promoteFull");
        let pauses = Pauses::Clear;
        self.persist(rollout, &counted, pauses);
    }

    /// Moves the `ReplicaSets` one step towards the weight; answers whether anything was scaled.
    fn resize(&mut self, rollout: &Value, sides: &mut Sides) -> bool {
        let replicas = rollout.int("/spec/replicas").unwrap_or(1);
        let bounds = bounds_of(rollout, replicas);
        let Sides {
            new: Some(new),
            stable,
            others,
        } = sides
        else {
            return false;
        };
        let others_wanted = total(&*others, "/spec/replicas");
        let (new_size, stable_size) = if let Some(stable) = stable.as_ref() {
            next_canary_and_stable(
                replicas,
                current_weight(rollout),
                bounds,
                side(new),
                side(stable),
                others_wanted,
            )
        } else {
            let none = Side::default();
            (
                next_canary_and_stable(replicas, 100, bounds, side(new), none, others_wanted).0,
                0,
            )
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
        for set in others
            .iter_mut()
            .rev()
            .filter(|set| set.count("/spec/replicas") > 0)
        {
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

    /// Whether the present step is a pause that begins now; one with a duration is looked at again when it ends.
    fn consider_pause(&mut self, rollout: &Value, id: &Id) -> Pauses {
        let held = rollout.flag("/spec/paused")
            || rollout.flag("/status/promoteFull")
            || rollout.flag("/status/abort");
        let Some(step) = current_step(rollout).filter(|step| !held && step.has("/pause")) else {
            return Pauses::Keep;
        };
        match (pause_since(rollout), pause_duration(step)) {
            (None, _) if !rollout.flag("/status/controllerPause") => return Pauses::Begin,
            (Some(since), Some(wait)) if since + wait > self.now => {
                // A second more, for start times are written in whole seconds.
                let left = (since + wait).duration_since(self.now);
                self.look_within(id, left + SignedDuration::from_secs(1));
            }
            _ => {}
        }
        Pauses::Keep
    }

    fn sync_status(&mut self, mut rollout: Value, sides: &Sides, hash: &str, mut pauses: Pauses) {
        let steps = rollout.items(STEPS).len();
        let counted = self.count_base(&mut rollout, sides, hash);
        let mut index = current_index(&rollout);
        let promote_full = rollout.flag("/status/promoteFull");
        if promote_full || within_rollback_window(&rollout, sides) {
            pauses = Pauses::Clear;
            index = steps;
        }
        let aborted = rollout.flag("/status/abort") && pauses != Pauses::Clear;
        let replicas = rollout.int("/spec/replicas").unwrap_or(1);
        let all_available = sides
            .new
            .as_ref()
            .is_some_and(|new| side(new).available == replicas);
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
            pauses = Pauses::Clear;
            index = steps;
        } else if aborted {
            index = if rollout.text("/status/stableRS") == hash {
                steps
            } else {
                0
            };
        } else if self.step_completed(&rollout, sides) {
            index += 1;
            pauses = Pauses::EndStep;
            if let Some(step) = current_step(&rollout) {
                let message = format!(
                    "Rollout step {index}/{steps} completed ({})",
                    step_words(step)
                );
                self.note(
                    &rollout,
                    ROLLOUTS_CONTROLLER,
                    "RolloutStepCompleted",
                    &message,
                );
            }
        }
        set_index(&mut rollout, steps, index);
        self.persist(rollout, &counted, pauses);
    }

    fn promote_stable(&mut self, rollout: &mut Value, hash: &str, reason: &str) {
        rollout.unset("/status/promoteFull");
        if rollout.text("/status/stableRS") != hash {
            rollout.set("/status/stableRS", hash);
            let revision = revision_of(&ROLLOUT, rollout);
            let message =
                format!("Rollout completed update to revision {revision} ({hash}): {reason}");
            self.note(rollout, ROLLOUTS_CONTROLLER, "RolloutCompleted", &message);
        }
    }

    fn step_completed(&self, rollout: &Value, sides: &Sides) -> bool {
        let Some(step) = current_step(rollout).filter(|_| !rollout.flag("/spec/paused")) else {
            return false;
        };
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
            set.as_ref().is_some_and(|set| {
                side(set)
                    == Side {
                        wanted,
                        available: wanted,
                    }
            })
        };
        reached(&sides.new, wanted.0)
            && (sides.stable.is_none() || reached(&sides.stable, wanted.1))
            && total(&sides.others, "/status/availableReplicas") == 0
    }

    /// Writes counts, hashes and observed generation, and answers what they were before.
    fn count_base(&mut self, rollout: &mut Value, sides: &Sides, hash: &str) -> Counted {
        let before = Counted::of(rollout);
        let sets: Vec<Value> = sides
            .all()
            .iter()
            .filter_map(|set| self.find(&Id::of(set)?))
            .collect();
        let new = sets.iter().find(|set| hash_of(&ROLLOUT, set) == hash);
        let running = total(&sets, "/status/replicas");
        for (member, count) in [
            ("replicas", running),
            ("HPAReplicas", running),
            (
                "updatedReplicas",
                new.map_or(0, |set| set.count("/status/replicas")),
            ),
            ("readyReplicas", total(&sets, "/status/readyReplicas")),
            (
                "availableReplicas",
                total(&sets, "/status/availableReplicas"),
            ),
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
    fn persist(&mut self, mut rollout: Value, before: &Counted, pauses: Pauses) {
        let aborted = rollout.flag("/status/abort") && pauses != Pauses::Clear;
        self.write_conditions(&mut rollout, before, aborted);
        let mut conditions = rollout.items("/status/pauseConditions").to_vec();
        let mut controller = rollout.flag("/status/controllerPause");
        if aborted {
            if !rollout.has("/status/abortedAt") {
                rollout.set("/status/abortedAt", stamp(self.now));
            }
            conditions.clear();
        } else {
            rollout.unset("/status/abort");
            rollout.unset("/status/abortedAt");
            match pauses {
                Pauses::Keep => {}
                Pauses::Begin => {
                    conditions.push(json!({"reason": PAUSE_STEP, "startTime": stamp(self.now)}));
                    controller = true;
                }
                Pauses::EndStep => conditions.retain(|pause| pause.text("/reason") != PAUSE_STEP),
                Pauses::Clear => conditions.clear(),
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
        write_phase(&mut rollout);
        self.put(rollout);
    }
}
