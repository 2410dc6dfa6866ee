//! Environments in promotion order, and what may enter them.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{hotfix::HotfixPolicy, release::TriggerKind};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnvironmentName(String);

impl EnvironmentName {
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for EnvironmentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    pub name: EnvironmentName,
    pub other_names: Vec<String>,
    pub purpose: String,
    /// A protected environment asks for typed confirmations and known digests.
    pub protected: bool,
    /// Said in the header where it stands.
    pub customer_data: bool,
    pub policy: Policy,
}

impl Environment {
    pub fn answers_to(&self, text: &str) -> bool {
        self.name.as_str() == text || self.other_names.iter().any(|name| name == text)
    }
}

/// What may enter an environment (SPEC E2, E3, A1). Part of every plan, and so of what is approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    pub allowed_triggers: Vec<TriggerKind>,
    /// Globs over branch names. For a tag: its commit is reachable from such a branch.
    pub allowed_branches: Vec<String>,
    /// Globs over tag aliases; none means any. `!suffix` style exclusions start with `!`.
    pub allowed_tags: Vec<String>,
    /// The release must have been live and verified there first.
    pub after: Option<EnvironmentName>,
    /// For how long.
    pub soak: SignedDuration,
    pub approvals: Option<ApprovalRule>,
    /// How a hotfix enters instead; none where it enters like everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hotfix: Option<HotfixPolicy>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            allowed_triggers: vec![
                TriggerKind::BranchPush,
                TriggerKind::Tag,
                TriggerKind::Manual,
            ],
            allowed_branches: vec!["*".to_owned()],
            allowed_tags: Vec::new(),
            after: None,
            soak: SignedDuration::from_hours(1),
            approvals: None,
            hotfix: None,
        }
    }
}

/// Who must say go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRule {
    /// How many different persons.
    pub quorum: u32,
    /// Of the people who hold this role in the environment.
    pub role: String,
    /// The requester's own go does not count (four eyes).
    pub exclude_requester: bool,
    /// A decision older than this no longer counts.
    pub expires_after: SignedDuration,
}
