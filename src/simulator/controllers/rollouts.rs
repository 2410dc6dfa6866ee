//! The Argo Rollouts controller: what canaries and blue-green updates have in common. Follows
//! `argoproj/argo-rollouts:rollout/{controller,sync}.go`.

use super::analysis::Runs;
use super::pauses::Pauses;
use super::revisions::{ROLLOUT, hash_of, revision_of, template_hash, total};
use super::rollout_status::{Counted, write_phase};
use super::sides::{Sides, by_role};
use super::steps::{STEPS, set_index, step_hash};
use crate::simulator::json::{Json, set_condition};
use crate::simulator::kinds::REPLICA_SETS;
use crate::simulator::store::Id;
use crate::simulator::world::{ROLLOUTS_CONTROLLER, World};
use serde_json::Value;

/// One look at a Rollout: what was found, and what is being decided.
pub(super) struct Look {
    pub id: Id,
    pub rollout: Value,
    pub sides: Sides,
    /// Hash of the present template.
    pub hash: String,
    pub pauses: Pauses,
    pub runs: Runs,
}

impl Look {
    pub fn aborted(&self) -> bool {
        self.pauses.aborts(&self.rollout)
    }

    pub fn replicas(&self) -> i64 {
        self.rollout.int("/spec/replicas").unwrap_or(1)
    }

    pub fn stable_hash(&self) -> &str {
        self.rollout.text("/status/stableRS")
    }
}

pub(super) fn is_blue_green(rollout: &Value) -> bool {
    rollout.has("/spec/strategy/blueGreen")
}

impl World {
    pub(in crate::simulator) fn reconcile_rollout(&mut self, id: &Id) {
        let Some(mut rollout) = self.find(id) else {
            return;
        };
        let usable = self
            .resolve_workload(&mut rollout)
            .and_then(|()| self.usable_spec(&rollout));
        if let Err(why) = usable {
            self.refuse_spec(rollout, &why);
            return;
        }
        forget_refusal(&mut rollout);
        let sets = self.controlled(&REPLICA_SETS, &id.namespace, rollout.uid());
        let new = Self::current_set(&rollout, &sets);
        let hash = new.as_ref().map_or_else(
            || template_hash(&rollout["spec"]["template"]),
            |set| hash_of(&ROLLOUT, set).to_owned(),
        );
        let steps_changed = !is_blue_green(&rollout)
            && rollout.text("/status/currentStepHash") != step_hash(&rollout);
        let mut look = Look {
            id: id.clone(),
            sides: by_role(&rollout, new, sets.clone()),
            hash,
            pauses: Pauses::default(),
            runs: Runs::default(),
            rollout,
        };
        if look.rollout.text("/status/currentPodHash") != look.hash || steps_changed {
            self.start_anew(look);
            return;
        }
        self.note_pause(&mut look.rollout);
        let mut new = match look.sides.new.take() {
            Some(found) => found,
            None => {
                let created = self.create_set(&ROLLOUT, &look.rollout);
                let newest = sets.iter().map(|set| revision_of(&ROLLOUT, set)).max();
                let message = format!(
                    "Created ReplicaSet {} (revision {})",
                    created.name(),
                    newest.unwrap_or(0) + 1
                );
                let about = &look.rollout;
                self.note(about, ROLLOUTS_CONTROLLER, "NewReplicaSetCreated", &message);
                created
            }
        };
        let revision = revision_of(&ROLLOUT, &look.rollout);
        self.number_revision(&ROLLOUT, &mut look.rollout, &mut new, &sets);
        let renumbered = revision_of(&ROLLOUT, &look.rollout);
        if renumbered != revision {
            let message = format!("Rollout updated to revision {renumbered}");
            self.note(
                &look.rollout,
                ROLLOUTS_CONTROLLER,
                "RolloutUpdated",
                &message,
            );
        }
        look.sides = by_role(&look.rollout, Some(new), sets);
        if is_blue_green(&look.rollout) {
            self.fly_blue_green(look);
        } else {
            self.fly_canary(look);
        }
    }

    /// A new template or new steps: back to the first step, without abort, pauses or full promotion. Going back to
    /// the stable template, or into the rollback window, skips all steps.
    fn start_anew(&mut self, mut look: Look) {
        let steps = look.rollout.items(STEPS).len();
        let before = self.count_base(&mut look);
        let mut index = 0;
        if steps > 0 {
            let back = look.sides.new.is_some() && look.stable_hash() == look.hash;
            let why = if back {
                Some("Rollback to stable")
            } else if super::sides::within_rollback_window(&look.rollout, &look.sides) {
                Some("Rollback within window")
            } else {
                None
            };
            if let Some(why) = why {
                self.note(&look.rollout, ROLLOUTS_CONTROLLER, "SkipSteps", why);
                index = steps;
            }
        }
        set_index(&mut look.rollout, steps, index);
        for gone in [
            "promoteFull",
            "canary/currentStepAnalysisRunStatus",
            "canary/currentBackgroundAnalysisRunStatus",
            "blueGreen/prePromotionAnalysisRunStatus",
            "blueGreen/postPromotionAnalysisRunStatus",
            "blueGreen/scaleUpPreviewCheckPoint",
        ] {
            look.rollout.unset(&format!("/status/{gone}"));
        }
        look.pauses.clear();
        self.persist(look, &before);
    }

    /// The present template is stable from now on.
    pub(super) fn promote_stable(&mut self, look: &mut Look, reason: &str) {
        look.pauses.clear();
        look.rollout.unset("/status/promoteFull");
        look.rollout
            .unset("/status/blueGreen/scaleUpPreviewCheckPoint");
        if look.stable_hash() != look.hash {
            look.rollout.set("/status/stableRS", look.hash.as_str());
            let revision = revision_of(&ROLLOUT, &look.rollout);
            let message = format!(
                "Rollout completed update to revision {revision} ({}): {reason}",
                look.hash
            );
            let about = &look.rollout;
            self.note(about, ROLLOUTS_CONTROLLER, "RolloutCompleted", &message);
        }
    }

    /// Writes counts and hashes, and answers what they were before.
    pub(super) fn count_base(&mut self, look: &mut Look) -> Counted {
        let before = Counted::of(&look.rollout);
        let sets: Vec<Value> = look
            .sides
            .all()
            .iter()
            .filter_map(|set| self.find(&Id::of(set)?))
            .collect();
        let new = sets.iter().find(|set| hash_of(&ROLLOUT, set) == look.hash);
        let running = total(&sets, "/status/replicas");
        let rollout = &mut look.rollout;
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
        rollout.set(
            "/status/selector",
            spelled(&rollout["spec"]["selector"]["matchLabels"]),
        );
        rollout.set("/status/currentPodHash", look.hash.as_str());
        if !is_blue_green(rollout) {
            let steps = step_hash(rollout);
            rollout.set("/status/currentStepHash", steps);
        }
        before
    }

    /// Carries out what was decided about pauses, then conditions and phase, and stores the Rollout.
    pub(super) fn persist(&mut self, look: Look, before: &Counted) {
        let Look {
            mut rollout,
            mut pauses,
            ..
        } = look;
        self.write_conditions(&mut rollout, before, &mut pauses);
        let first = |rollout: &Value| rollout.text("/status/pauseConditions/0/reason").to_owned();
        let was = first(&rollout);
        pauses.carry_out(&mut rollout, self.now);
        let is = first(&rollout);
        if was.is_empty() && !is.is_empty() {
            let message = format!("Rollout is paused ({is})");
            self.note(&rollout, ROLLOUTS_CONTROLLER, "RolloutPaused", &message);
        } else if !was.is_empty() && is.is_empty() && !rollout.has("/status/abortedAt") {
            let message = "Rollout is resumed";
            self.note(&rollout, ROLLOUTS_CONTROLLER, "RolloutResumed", message);
        }
        self.observe(rollout);
    }

    /// Writes which generations were seen, and the phase, and stores the Rollout.
    fn observe(&mut self, mut rollout: Value) {
        let generation = rollout.count("/metadata/generation").to_string();
        rollout.set("/status/observedGeneration", generation);
        match rollout.annotation(super::workload_ref::GENERATION) {
            Some(generation) if rollout.has("/spec/workloadRef") => {
                let generation = generation.to_owned();
                rollout.set("/status/workloadObservedGeneration", generation);
            }
            _ => rollout.unset("/status/workloadObservedGeneration"),
        }
        write_phase(&mut rollout);
        self.put(rollout);
    }

    /// What the controller refuses to fly, by the reason that its condition quotes.
    fn usable_spec(&self, rollout: &Value) -> Result<(), String> {
        let strategy = &rollout["spec"]["strategy"];
        let given = |name: &str| strategy.get(name).is_some_and(|found| !found.is_null());
        match (given("canary"), given("blueGreen")) {
            (true, true) => {
                return Err("spec.strategy.strategy: Invalid value: multiple: Multiple Strategies can not be listed".to_owned());
            }
            (false, false) => {
                return Err("spec.strategy.strategy: Required value: Rollout has missing field '.spec.strategy.canary or .spec.strategy.blueGreen'".to_owned());
            }
            _ => {}
        }
        if pruned_empty(&rollout["spec"]["selector"]) {
            return Err(
                "spec.selector: Required value: Rollout has missing field '.spec.selector'"
                    .to_owned(),
            );
        }
        self.usable_services(rollout)?;
        self.usable_templates(rollout)
    }

    /// Says on the Rollout why it is not flown.
    fn refuse_spec(&mut self, mut rollout: Value, why: &str) {
        let message = format!("The Rollout \"{}\" is invalid: {why}", rollout.name());
        let reason = "InvalidSpec";
        if set_condition(&mut rollout, reason, "True", reason, &message, self.now) {
            self.warn(&rollout, ROLLOUTS_CONTROLLER, reason, &message);
        }
        self.observe(rollout);
    }
}

fn pruned_empty(value: &Value) -> bool {
    crate::simulator::json::pruned(value)
        .as_object()
        .is_none_or(serde_json::Map::is_empty)
}

/// `app=a,tier=b`.
pub(super) fn spelled(labels: &Value) -> String {
    let pairs: Vec<String> = labels
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or("")))
        .collect();
    pairs.join(",")
}

fn forget_refusal(rollout: &mut Value) {
    let mut conditions = rollout.items("/status/conditions").to_vec();
    let all = conditions.len();
    conditions.retain(|found| found.text("/type") != "InvalidSpec");
    if conditions.len() != all {
        rollout.set("/status/conditions", conditions);
    }
}
