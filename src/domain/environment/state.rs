//! What the ledger knows of an environment, whatever flies in it: who locked it, and which policy is in force.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Environment, Policy};
use crate::domain::{
    entry::{Body, Entry, FORMAT},
    time,
};

/// Nothing takes off and nothing is promoted while it holds; hold, abort and rollback do not know it (SPEC E11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    pub by: String,
    pub at: Timestamp,
    pub reason: String,
    /// None: until somebody takes it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Lock {
    pub fn of(entry: &Entry, reason: &str, until: Option<Timestamp>) -> Self {
        Self {
            by: entry.actor.name.clone(),
            at: entry.at,
            reason: reason.to_owned(),
            until,
        }
    }

    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }

    /// `locked by dana 5 min ago, for 25 min more: the database moves`
    pub fn sentence(&self, now: Timestamp) -> String {
        let ago = time::age(now.duration_since(self.at));
        let more = self.until.map_or_else(
            || "until it is unlocked".to_owned(),
            |until| format!("for {} more", time::age(until.duration_since(now))),
        );
        format!("locked by {} {ago} ago, {more}: {}", self.by, self.reason)
    }
}

/// A policy as somebody with the role *configure* recorded it, and whether the environment was protected then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    pub by: String,
    pub at: Timestamp,
    pub protected: bool,
    pub policy: Policy,
}

/// The fold of the stream `environment:<name>`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentState {
    /// Position of the last entry folded; the next append expects this.
    pub position: u64,
    pub lock: Option<Lock>,
    pub recorded: Option<Recorded>,
    /// Holds entries of a later format: nothing may be appended by this program, and it cannot know what holds here.
    pub read_only: bool,
}

impl EnvironmentState {
    pub fn fold<'a>(entries: impl IntoIterator<Item = &'a Entry>) -> Self {
        let mut state = Self::default();
        for entry in entries {
            state.evolve(entry);
        }
        state
    }

    pub fn evolve(&mut self, entry: &Entry) {
        self.position = entry.position;
        if entry.format > FORMAT || matches!(entry.body, Body::Unknown { .. }) {
            self.read_only = true;
            return;
        }
        match &entry.body {
            Body::Locked { reason, until } => self.lock = Some(Lock::of(entry, reason, *until)),
            Body::Unlocked { .. } => self.lock = None,
            Body::PolicyRecorded {
                protected, policy, ..
            } => {
                self.recorded = Some(Recorded {
                    by: entry.actor.name.clone(),
                    at: entry.at,
                    protected: *protected,
                    policy: (**policy).clone(),
                });
            }
            _ => {}
        }
    }

    pub fn lock(&self, now: Timestamp) -> Option<&Lock> {
        self.lock.as_ref().filter(|lock| lock.holds(now))
    }

    /// The environment with the policy that counts (SPEC E2): the recorded one where it is protected, by the file or by
    /// the record, and the file's where it is open to everybody or nothing was ever recorded. Nothing enters a protected
    /// environment before the first record: whoever sets it up says once that this is the policy.
    pub fn in_force(&self, configured: &Environment) -> Environment {
        let counts = self
            .recorded
            .as_ref()
            .filter(|recorded| recorded.protected || configured.protected);
        let mut in_force = configured.clone();
        if let Some(recorded) = counts {
            in_force.protected = true;
            in_force.policy = recorded.policy.clone();
        }
        in_force
    }

    /// How the file differs from what is recorded, one line for each key; none where nothing is recorded.
    pub fn differences(&self, configured: &Environment) -> Vec<String> {
        let Some(recorded) = &self.recorded else {
            return Vec::new();
        };
        let mut lines = recorded.policy.differences(&configured.policy);
        if recorded.protected != configured.protected {
            lines.insert(
                0,
                format!(
                    "protected: {} is recorded, the file says {}",
                    recorded.protected, configured.protected
                ),
            );
        }
        lines
    }
}

impl Policy {
    /// `soak: 3600 s is recorded, the file says 0 s`: each key that this policy and another do not share.
    pub fn differences(&self, file: &Self) -> Vec<String> {
        let fields = |policy: &Self| match serde_json::to_value(policy) {
            Ok(serde_json::Value::Object(fields)) => fields,
            _ => serde_json::Map::new(),
        };
        let (here, there) = (fields(self), fields(file));
        let mut keys: Vec<&String> = here.keys().chain(there.keys()).collect();
        keys.sort_unstable();
        keys.dedup();
        let words = |value: Option<&serde_json::Value>| match value {
            None | Some(serde_json::Value::Null) => "nothing".to_owned(),
            Some(value) => value.to_string(),
        };
        keys.into_iter()
            .filter(|key| here.get(*key) != there.get(*key))
            .map(|key| {
                let (here, there) = (words(here.get(key)), words(there.get(key)));
                format!("{key}: {here} is recorded, the file says {there}")
            })
            .collect()
    }
}
