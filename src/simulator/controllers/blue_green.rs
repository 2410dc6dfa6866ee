//! Blue-green Rollouts: the new side is built beside the active one, looked at under the preview service, and switched
//! to at once; the old side stays for a while. Follows `argoproj/argo-rollouts:rollout/{bluegreen,service,replicaset}.go`.

use super::pauses::{BLUE_GREEN, INCONCLUSIVE, halted, paused_since, pauses_for};
use super::revisions::{DEADLINE, ROLLOUT, hash_of, revision_of};
use super::rollouts::{Look, spelled};
use super::sides::within_rollback_window;
use crate::simulator::json::{Json, escape, stamp};
use crate::simulator::kinds::SERVICES;
use crate::simulator::store::Id;
use crate::simulator::world::{ROLLOUTS_CONTROLLER, World};
use jiff::SignedDuration;
use serde_json::Value;

const STRATEGY: &str = "/spec/strategy/blueGreen";
const MANAGED_BY: &str = "argo-rollouts.argoproj.io/managed-by-rollouts";

fn member<'a>(rollout: &'a Value, name: &str) -> Option<&'a Value> {
    rollout.pointer(STRATEGY)?.get(name)
}

fn service_of(rollout: &Value, name: &str) -> Option<Id> {
    let service = member(rollout, name)?
        .as_str()
        .filter(|name| !name.is_empty())?;
    Some(Id::new(&SERVICES, rollout.namespace(), service))
}

/// The hash that a service selects, or "".
fn selected(world: &World, service: Option<&Id>) -> String {
    service
        .and_then(|id| world.store.get(id))
        .and_then(|service| {
            service
                .pointer("/spec/selector")?
                .get(ROLLOUT.hash_label)?
                .as_str()
        })
        .unwrap_or("")
        .to_owned()
}

/// The hash of the side that serves.
pub(super) fn active_hash(world: &World, rollout: &Value) -> String {
    selected(world, service_of(rollout, "activeService").as_ref())
}

/// All of the wanted pods are there and available.
pub(super) fn is_saturated(rollout: &Value, set: &Value) -> bool {
    let replicas = rollout.int("/spec/replicas").unwrap_or(1);
    let desired = set
        .annotation(ROLLOUT.desired)
        .and_then(|text| text.parse::<i64>().ok());
    set.count("/spec/replicas") == replicas
        && desired == Some(replicas)
        && set.count("/status/availableReplicas") == replicas
}

/// Whether the controller waits before the switch, for a person or for a time.
fn waits(rollout: &Value) -> bool {
    member(rollout, "autoPromotionEnabled").and_then(Value::as_bool) == Some(false)
        || rollout.count("/spec/strategy/blueGreen/autoPromotionSeconds") > 0
}

fn reached_check_point(rollout: &Value) -> bool {
    rollout.flag("/status/blueGreen/scaleUpPreviewCheckPoint")
}

/// By a person or by the controller.
fn is_paused(rollout: &Value) -> bool {
    let causes = rollout.pointer("/status/pauseConditions");
    rollout.flag("/spec/paused")
        || causes
            .and_then(Value::as_array)
            .is_some_and(|all| !all.is_empty())
}

impl World {
    pub(super) fn fly_blue_green(&mut self, mut look: Look) {
        let (active, preview) = (
            service_of(&look.rollout, "activeService"),
            service_of(&look.rollout, "previewService"),
        );
        if let Some(preview) = &preview
            && !halted(&look.rollout)
        {
            self.switch(&look.rollout, preview, &look.hash);
        }
        // Going back to a side that still stands needs no pause: noted before its deadline is taken off.
        let stood = look
            .sides
            .new
            .as_ref()
            .is_some_and(|new| new.annotation(DEADLINE).is_some());
        self.resize_sides(&mut look, active.as_ref());
        let serving = selected(self, active.as_ref());
        self.consider_switch_pause(&mut look, &serving, stood);
        self.switch_active(&look, active.as_ref(), &serving, stood);
        self.reconcile_analyses(&mut look);
        self.sync_blue_green(look, active.as_ref(), preview.as_ref());
    }

    /// How many pods the new side should have now (`NewRSNewReplicas`).
    fn preview_size(&self, look: &Look) -> i64 {
        let rollout = &look.rollout;
        let serving = active_hash(self, rollout);
        let looked_at = reached_check_point(rollout) && !is_paused(rollout);
        match rollout.int("/spec/strategy/blueGreen/previewReplicaCount") {
            Some(count)
                if !serving.is_empty()
                    && serving != look.hash
                    && !rollout.flag("/status/promoteFull")
                    && !looked_at =>
            {
                count
            }
            _ => look.replicas(),
        }
    }

    fn resize_sides(&mut self, look: &mut Look, active: Option<&Id>) {
        let serving = selected(self, active);
        let replicas = look.replicas();
        let aborted = look.aborted() && look.stable_hash() != look.hash;
        for set in [&mut look.sides.new, &mut look.sides.stable]
            .into_iter()
            .flatten()
        {
            let keeps = aborted && hash_of(&ROLLOUT, set) == look.hash;
            if !keeps && set.annotation(DEADLINE).is_some() {
                set.unset(&format!("/metadata/annotations/{}", escape(DEADLINE)));
                *set = Value::clone(&self.put(set.clone()));
            }
        }
        let size = self.preview_size(look);
        let rollout = look.rollout.clone();
        let serves = |set: &Value| !serving.is_empty() && hash_of(&ROLLOUT, set) == serving;
        let stable_stands = look
            .sides
            .stable
            .as_ref()
            .is_some_and(|set| set.count("/status/availableReplicas") == replicas);
        if let Some(stable) = &mut look.sides.stable
            && serves(stable)
        {
            self.scale_set(&ROLLOUT, &rollout, stable, replicas);
        }
        if let Some(new) = &mut look.sides.new {
            let kept = rollout.int("/spec/strategy/blueGreen/abortScaleDownDelaySeconds");
            let size = match kept {
                _ if !aborted || serves(new) => size,
                // 0 keeps it for ever; and its time does not begin before the other side is whole.
                Some(0) => new.count("/spec/replicas"),
                _ if !stable_stands && new.annotation(DEADLINE).is_none() => {
                    new.count("/spec/replicas")
                }
                kept => {
                    let delay = kept.unwrap_or(30);
                    let full = new.count("/spec/replicas");
                    self.size_until_deadline(new, delay, full, &look.id)
                }
            };
            self.scale_set(&ROLLOUT, &rollout, new, size);
        }
        self.scale_down_the_rest(look, &serving);
    }

    /// Older sides go when their time is up.
    fn scale_down_the_rest(&mut self, look: &mut Look, serving: &str) {
        let rollout = look.rollout.clone();
        let strategy = &rollout["spec"]["strategy"]["blueGreen"];
        if pauses_for(&rollout, INCONCLUSIVE) {
            return;
        }
        // Without a delay of its own, the old side waits for the analysis after the switch.
        let after = strategy.has("/postPromotionAnalysis")
            && !strategy.has("/scaleDownDelaySeconds")
            && look.stable_hash() != look.hash
            && serving == look.hash;
        if after
            && rollout.text("/status/blueGreen/postPromotionAnalysisRunStatus/status")
                != "Successful"
        {
            return;
        }
        let delay = strategy.int("/scaleDownDelaySeconds").unwrap_or(30);
        let limit = strategy
            .int("/scaleDownDelayRevisionLimit")
            .unwrap_or(i64::MAX);
        let (id, stable) = (look.id.clone(), look.stable_hash().to_owned());
        let replicas = look.replicas();
        let shown = selected(self, service_of(&rollout, "previewService").as_ref());
        look.sides
            .others
            .sort_by_key(|set| std::cmp::Reverse(revision_of(&ROLLOUT, set)));
        let mut standing = 0;
        for set in &mut look.sides.others {
            let hash = hash_of(&ROLLOUT, set);
            let referenced = hash == serving || hash == stable || hash == shown;
            if referenced || set.count("/spec/replicas") == 0 {
                continue;
            }
            standing += 1;
            let size = if standing > limit {
                0
            } else {
                // While its time runs it has the size of the whole, whatever it had (`scaleDownDelayHelper`).
                let full = match set.annotation(DEADLINE) {
                    Some(_) => replicas,
                    None => set.count("/spec/replicas"),
                };
                self.size_until_deadline(set, delay, full, &id)
            };
            self.scale_set(&ROLLOUT, &rollout, set, size);
        }
        let others = look.sides.others.clone();
        self.forget_old_sets(&rollout, &others);
    }

    /// The size of a set that goes after a delay; the first call starts it.
    fn size_until_deadline(&mut self, set: &mut Value, delay: i64, full: i64, id: &Id) -> i64 {
        if full == 0 {
            return 0;
        }
        let deadline = set.annotation(DEADLINE).and_then(|text| text.parse().ok());
        let deadline: jiff::Timestamp = if let Some(deadline) = deadline {
            deadline
        } else {
            let deadline = self.now + SignedDuration::from_secs(delay);
            set.annotate(DEADLINE, &stamp(deadline));
            *set = Value::clone(&self.put(set.clone()));
            deadline
        };
        if deadline <= self.now {
            return 0;
        }
        // A second more, for deadlines are written in whole seconds.
        let left = deadline.duration_since(self.now) + SignedDuration::from_secs(1);
        self.look_within(id, left);
        full
    }

    /// Begins and ends the pause before the switch.
    fn consider_switch_pause(&mut self, look: &mut Look, serving: &str, stood: bool) {
        let ready = self.preview_stands(look);
        if look.rollout.flag("/status/abort") || !ready || halted(&look.rollout) {
            return;
        }
        let fast = stood
            || look.rollout.flag("/status/promoteFull")
            || serving.is_empty()
            || serving == look.hash;
        if fast || reached_check_point(&look.rollout) || !waits(&look.rollout) {
            look.pauses.end(BLUE_GREEN);
            return;
        }
        let analysed = !look
            .rollout
            .has("/spec/strategy/blueGreen/prePromotionAnalysis")
            || look
                .rollout
                .text("/status/blueGreen/prePromotionAnalysisRunStatus/status")
                == "Successful";
        if !analysed {
            return;
        }
        if let Some(since) = paused_since(&look.rollout, BLUE_GREEN) {
            if self.pause_is_over(look) {
                look.pauses.end(BLUE_GREEN);
            } else {
                let seconds = look
                    .rollout
                    .count("/spec/strategy/blueGreen/autoPromotionSeconds");
                let until = since + SignedDuration::from_secs(seconds);
                if until > self.now {
                    let left = until.duration_since(self.now) + SignedDuration::from_secs(1);
                    let id = look.id.clone();
                    self.look_within(&id, left);
                }
            }
        } else if !look.rollout.flag("/status/controllerPause") {
            look.pauses.begin(BLUE_GREEN);
        }
    }

    /// The new side has as many available pods as it should have now.
    fn preview_stands(&self, look: &Look) -> bool {
        let size = self.preview_size(look);
        look.sides.new.as_ref().is_some_and(|new| {
            new.count("/spec/replicas") == size && new.count("/status/availableReplicas") == size
        })
    }

    /// A person went on, or the time is up (`CompletedBlueGreenPause`).
    fn pause_is_over(&self, look: &Look) -> bool {
        let rollout = &look.rollout;
        if look.pauses.adds_any() {
            return false;
        }
        if reached_check_point(rollout) || !waits(rollout) {
            return true;
        }
        let since = paused_since(rollout, BLUE_GREEN);
        if member(rollout, "autoPromotionEnabled").and_then(Value::as_bool) == Some(false) {
            return rollout.flag("/status/controllerPause") && since.is_none();
        }
        let seconds = rollout.count("/spec/strategy/blueGreen/autoPromotionSeconds");
        match since {
            Some(since) => self.now > since + SignedDuration::from_secs(seconds),
            // Resumed by a person.
            None => rollout.flag("/status/controllerPause"),
        }
    }

    fn switch_active(&mut self, look: &Look, active: Option<&Id>, serving: &str, stood: bool) {
        let Some(active) = active else { return };
        if halted(&look.rollout) {
            return;
        }
        if look.rollout.flag("/status/abort") {
            let stable = look.stable_hash().to_owned();
            if !stable.is_empty() && stable != serving {
                self.switch(&look.rollout, active, &stable);
            }
            return;
        }
        let stands = self.preview_stands(look)
            && look
                .sides
                .new
                .as_ref()
                .is_some_and(|new| is_saturated(&look.rollout, new));
        if !stands {
            return;
        }
        let fast = stood
            || look.rollout.flag("/status/promoteFull")
            || serving.is_empty()
            || serving == look.hash;
        let analysed = !look
            .rollout
            .has("/spec/strategy/blueGreen/prePromotionAnalysis")
            || look
                .rollout
                .text("/status/blueGreen/prePromotionAnalysisRunStatus/status")
                == "Successful";
        if fast || self.pause_is_over(look) && analysed {
            self.switch(&look.rollout, active, &look.hash);
        }
    }

    /// Points a service at the pods of a hash.
    fn switch(&mut self, rollout: &Value, service: &Id, hash: &str) {
        let Some(mut object) = self.find(service) else {
            return;
        };
        let before = selected(self, Some(service));
        if before == hash && object.annotation(MANAGED_BY).is_some() {
            return;
        }
        let label = format!("/spec/selector/{}", escape(ROLLOUT.hash_label));
        object.set(&label, hash);
        object.annotate(MANAGED_BY, rollout.name());
        self.put(object);
        let message = format!(
            "Switched selector for service '{}' from '{before}' to '{hash}'",
            service.name
        );
        self.note(rollout, ROLLOUTS_CONTROLLER, "SwitchService", &message);
    }

    fn sync_blue_green(&mut self, mut look: Look, active: Option<&Id>, preview: Option<&Id>) {
        let before = self.count_base(&mut look);
        let promote_full = look.rollout.flag("/status/promoteFull");
        let in_window = within_rollback_window(&look.rollout, &look.sides);
        if promote_full || in_window {
            look.pauses.clear();
        }
        let serving = selected(self, active);
        look.rollout
            .set("/status/blueGreen/activeSelector", serving.as_str());
        let shown = selected(self, preview);
        if shown.is_empty() {
            look.rollout.unset("/status/blueGreen/previewSelector");
        } else {
            look.rollout.set("/status/blueGreen/previewSelector", shown);
        }
        let analysed = !look
            .rollout
            .has("/spec/strategy/blueGreen/postPromotionAnalysis")
            || look.runs.after_succeeded();
        let reason = if look.stable_hash().is_empty() || serving.is_empty() {
            Some("Initial deploy")
        } else if serving != look.hash {
            None
        } else if promote_full {
            Some("Full promotion requested")
        } else if in_window {
            Some("Rollback within window")
        } else if look.aborted() || !analysed {
            None
        } else {
            Some("Completed blue-green update")
        };
        if let Some(reason) = reason {
            self.promote_stable(&mut look, reason);
        } else {
            self.note_check_point(&mut look);
        }
        // Counts are those of the side that serves.
        let all = look.sides.all();
        let set = all
            .iter()
            .find(|set| hash_of(&ROLLOUT, set) == serving)
            .and_then(|set| self.find(&Id::of(set)?));
        if let Some(set) = set {
            for (member, of) in [
                ("HPAReplicas", "replicas"),
                ("availableReplicas", "availableReplicas"),
                ("readyReplicas", "readyReplicas"),
            ] {
                let count = set.count(&format!("/status/{of}"));
                look.rollout.set(&format!("/status/{member}"), count);
            }
            let selector = spelled(&set["spec"]["selector"]["matchLabels"]);
            look.rollout.set("/status/selector", selector);
        }
        self.persist(look, &before);
    }

    /// With a preview of its own size: once it was looked at, it may grow.
    fn note_check_point(&mut self, look: &mut Look) {
        let Some(count) = look
            .rollout
            .int("/spec/strategy/blueGreen/previewReplicaCount")
        else {
            return;
        };
        let analysed = !look
            .rollout
            .has("/spec/strategy/blueGreen/prePromotionAnalysis")
            || look.runs.before_succeeded();
        let available = look
            .sides
            .new
            .as_ref()
            .is_some_and(|new| new.count("/status/availableReplicas") == count);
        let passed =
            reached_check_point(&look.rollout) || analysed && available && self.pause_is_over(look);
        if passed {
            look.rollout
                .set("/status/blueGreen/scaleUpPreviewCheckPoint", true);
        }
    }

    /// Whether the services of a Rollout are there, and two.
    pub(super) fn usable_services(&self, rollout: &Value) -> Result<(), String> {
        if !rollout.has(STRATEGY) {
            return Ok(());
        }
        let path = "spec.strategy.blueGreen";
        let (active, preview) = (
            service_of(rollout, "activeService"),
            service_of(rollout, "previewService"),
        );
        if active.is_none() {
            return Err(format!("{path}.activeService: Required value"));
        }
        if active == preview {
            return Err(format!(
                "{path}.activeService: Invalid value: \"{}\": This rollout uses the same service for the active and preview services, but two different services are required.",
                active.map(|id| id.name).unwrap_or_default()
            ));
        }
        for (name, id) in [("activeService", active), ("previewService", preview)] {
            if let Some(id) = id
                && self.store.get(&id).is_none()
            {
                return Err(format!(
                    "{path}.{name}: Invalid value: \"{0}\": service \"{0}\" not found",
                    id.name
                ));
            }
        }
        Ok(())
    }
}
