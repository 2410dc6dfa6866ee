//! What one look at a Rollout decides about pauses and abort, and what that makes of its status.
//! Follows `argoproj/argo-rollouts:rollout/pause.go` (`CalculatePauseStatus`).

use crate::simulator::json::{Json, stamp};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The step is a pause.
pub(super) const PAUSE_STEP: &str = "CanaryPauseStep";
/// The preview stands and waits for the switch.
pub(super) const BLUE_GREEN: &str = "BlueGreenPause";
/// An analysis could not tell; a person decides.
pub(super) const INCONCLUSIVE: &str = "InconclusiveAnalysisRun";

/// Gathered while the controller looks, carried out once.
#[derive(Clone, Debug, Default)]
pub(super) struct Pauses {
    add: Vec<&'static str>,
    remove: Vec<&'static str>,
    clear: bool,
    retry: bool,
    abort: Option<String>,
}

impl Pauses {
    pub fn begin(&mut self, reason: &'static str) {
        self.add.push(reason);
    }

    pub fn end(&mut self, reason: &'static str) {
        self.remove.push(reason);
    }

    /// All pauses end, and an abort as well.
    pub fn clear(&mut self) {
        self.clear = true;
        self.retry = true;
    }

    /// Aborts, for a reason that the condition will quote.
    pub fn abort(&mut self, why: &str) {
        self.abort = Some(why.to_owned());
    }

    pub fn adds_any(&self) -> bool {
        !self.add.is_empty()
    }

    pub fn aborts(&self, rollout: &Value) -> bool {
        !self.retry && (self.abort.is_some() || rollout.flag("/status/abort"))
    }

    /// Why it is aborted now, "" when nobody said.
    pub fn reason(&self) -> &str {
        self.abort.as_deref().unwrap_or("")
    }

    /// Writes pauses and abort into the status.
    pub fn carry_out(&self, rollout: &mut Value, now: Timestamp) {
        let before = rollout.items("/status/pauseConditions").to_vec();
        let controller = rollout.flag("/status/controllerPause");
        rollout.unset("/status/pauseConditions");
        // While a step waits for the look after being unpaused, `controllerPause` says so.
        rollout.unset("/status/controllerPause");
        if self.aborts(rollout) {
            rollout.set("/status/abort", true);
            if !rollout.has("/status/abortedAt") {
                rollout.set("/status/abortedAt", stamp(now));
            }
            return;
        }
        rollout.unset("/status/abort");
        rollout.unset("/status/abortedAt");
        if self.clear {
            return;
        }
        let there = |reason: &str| before.iter().any(|pause| pause.text("/reason") == reason);
        let fresh: Vec<Value> = self
            .add
            .iter()
            .filter(|reason| !there(reason))
            .map(|reason| json!({"reason": reason, "startTime": stamp(now)}))
            .collect();
        let controller = controller || !fresh.is_empty();
        let kept = before
            .iter()
            .filter(|pause| !self.remove.contains(&pause.text("/reason")));
        let pauses: Vec<Value> = kept.cloned().chain(fresh).collect();
        if !pauses.is_empty() {
            rollout.set("/status/pauseConditions", pauses);
            rollout.set("/status/controllerPause", controller);
        }
    }
}

/// Since when a Rollout pauses for a reason.
pub(super) fn paused_since(rollout: &Value, reason: &str) -> Option<Timestamp> {
    rollout
        .items("/status/pauseConditions")
        .iter()
        .find(|pause| pause.text("/reason") == reason)?
        .time("/startTime")
}

/// Whether a Rollout pauses for a reason.
pub(super) fn pauses_for(rollout: &Value, reason: &str) -> bool {
    rollout
        .items("/status/pauseConditions")
        .iter()
        .any(|pause| pause.text("/reason") == reason)
}

/// Nothing goes on: held by hand, or an analysis could not tell.
pub(super) fn halted(rollout: &Value) -> bool {
    rollout.flag("/spec/paused") || pauses_for(rollout, INCONCLUSIVE)
}
