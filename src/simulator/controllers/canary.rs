//! Canaries without traffic routing: steps, pauses, analyses, abort, full promotion.
//! Follows `argoproj/argo-rollouts:rollout/canary.go`.

use super::counts::{Side, canary_and_stable, next_canary_and_stable};
use super::pauses::{PAUSE_STEP, paused_since, pauses_for};
use super::revisions::{ROLLOUT, total};
use super::rollouts::Look;
use super::sides::{Sides, bounds_of, side, within_rollback_window};
use super::steps::{
    STEPS, current_index, current_step, current_weight, pause_duration, set_index, step_words,
};
use crate::simulator::json::Json;
use crate::simulator::world::{ROLLOUTS_CONTROLLER, World};
use jiff::SignedDuration;
use serde_json::Value;

impl World {
    pub(super) fn fly_canary(&mut self, mut look: Look) {
        self.reconcile_analyses(&mut look);
        if !look.pauses.adds_any() {
            let busy = self.resize(&look.rollout, &mut look.sides);
            if !busy {
                self.forget_old_sets(&look.rollout, &look.sides.others);
                self.consider_pause(&mut look);
            }
        }
        self.sync_canary(look);
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
    fn consider_pause(&mut self, look: &mut Look) {
        let rollout = &look.rollout;
        let held =
            rollout.flag("/spec/paused") || rollout.flag("/status/promoteFull") || look.aborted();
        let Some(step) = current_step(rollout).filter(|step| !held && step.has("/pause")) else {
            return;
        };
        match (paused_since(rollout, PAUSE_STEP), pause_duration(step)) {
            (None, _) if !rollout.flag("/status/controllerPause") => {
                look.pauses.begin(PAUSE_STEP);
            }
            (Some(since), Some(wait)) if since + wait > self.now => {
                // A second more, for start times are written in whole seconds.
                let left = (since + wait).duration_since(self.now);
                let id = look.id.clone();
                self.look_within(&id, left + SignedDuration::from_secs(1));
            }
            _ => {}
        }
    }

    fn sync_canary(&mut self, mut look: Look) {
        let steps = look.rollout.items(STEPS).len();
        let before = self.count_base(&mut look);
        let mut index = current_index(&look.rollout);
        let promote_full = look.rollout.flag("/status/promoteFull");
        let in_window = within_rollback_window(&look.rollout, &look.sides);
        if promote_full || in_window {
            look.pauses.clear();
            index = steps;
        }
        let aborted = look.aborted();
        let all_available = look
            .sides
            .new
            .as_ref()
            .is_some_and(|new| side(new).available == look.replicas());
        let reason = if aborted || !all_available {
            None
        } else if look.stable_hash().is_empty() {
            Some("Initial deploy".to_owned())
        } else if promote_full {
            Some("Full promotion requested".to_owned())
        } else if in_window {
            Some("Rollback within window".to_owned())
        } else {
            (index >= steps).then(|| format!("Completed all {steps} canary steps"))
        };
        if let Some(reason) = reason {
            self.promote_stable(&mut look, &reason);
            index = steps;
        } else if aborted {
            index = if look.stable_hash() == look.hash {
                steps
            } else {
                0
            };
        } else if self.step_completed(&look) {
            index += 1;
            look.pauses.end(PAUSE_STEP);
            if let Some(step) = current_step(&look.rollout) {
                let message = format!(
                    "Rollout step {index}/{steps} completed ({})",
                    step_words(step)
                );
                let about = &look.rollout;
                self.note(about, ROLLOUTS_CONTROLLER, "RolloutStepCompleted", &message);
            }
            look.rollout
                .unset("/status/canary/currentStepAnalysisRunStatus");
        }
        set_index(&mut look.rollout, steps, index);
        self.persist(look, &before);
    }

    fn step_completed(&self, look: &Look) -> bool {
        let Look { rollout, sides, .. } = look;
        let Some(step) = current_step(rollout).filter(|_| !rollout.flag("/spec/paused")) else {
            return false;
        };
        if step.has("/pause") {
            if rollout.flag("/status/controllerPause") && !pauses_for(rollout, PAUSE_STEP) {
                return true;
            }
            return match (paused_since(rollout, PAUSE_STEP), pause_duration(step)) {
                (Some(since), Some(wait)) => self.now > since + wait,
                _ => false,
            };
        }
        if step.has("/analysis") {
            return look.runs.step_succeeded();
        }
        if !step.has("/setWeight") {
            // Experiments, plugins and the rest have no effect here and are over at once.
            return true;
        }
        let replicas = look.replicas();
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
}
