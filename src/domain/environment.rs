//! Environments in promotion order, and what may enter them. What the ledger adds is in `state`.

mod state;
mod tightening;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

pub use state::{EnvironmentState, Lock, Recorded};
pub use tightening::Tightening;

use super::{calendar::Calendar, hotfix::HotfixPolicy, project::ProjectId, release::TriggerKind};

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
    /// What kind of data it holds; empty where nobody said.
    #[serde(default)]
    pub data: String,
    #[serde(default)]
    pub contacts: Vec<Contact>,
    #[serde(default)]
    pub dashboards: Vec<Dashboard>,
    pub policy: Policy,
}

/// Whom to ask or call, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    pub name: String,
    pub reach: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dashboard {
    pub title: String,
    /// http or https.
    pub url: String,
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
    /// All of them must be met, each by persons of its own.
    #[serde(default, with = "one_or_more")]
    pub approvals: Vec<ApprovalRule>,
    /// Whoever holds one of these roles may say NO-GO too, and is never outvoted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub veto: Vec<String>,
    /// Gates that say go in nobody's name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auto_approve: Vec<AutoApproval>,
    /// How a hotfix enters instead; none where it enters like everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hotfix: Option<HotfixPolicy>,
    /// The newest release that may enter is flown without being asked for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub auto_deploy: bool,
    /// Only with such a tag; globs as in `allowed_tags`, none for any release.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub auto_deploy_tags: Vec<String>,
    /// When not.
    #[serde(default, skip_serializing_if = "Calendar::is_default")]
    pub calendar: Calendar,
    /// What projects ask for themselves beside it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub projects: BTreeMap<ProjectId, Tightening>,
}

impl Policy {
    /// Whose GO is asked for, in the order of the rules.
    pub fn approver_roles(&self) -> impl Iterator<Item = &str> {
        self.approvals.iter().map(|rule| rule.role.as_str())
    }
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
            approvals: Vec::new(),
            veto: Vec::new(),
            auto_approve: Vec::new(),
            hotfix: None,
            auto_deploy: false,
            auto_deploy_tags: Vec::new(),
            calendar: Calendar::default(),
            projects: BTreeMap::new(),
        }
    }
}

/// Who must say go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRule {
    /// How many different persons; each counts for one rule only.
    pub quorum: u32,
    /// Of the people who hold this role in the environment.
    pub role: String,
    /// The requester's own go does not count (four eyes).
    pub exclude_requester: bool,
    /// Nor does that of whoever wrote what would be released.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclude_authors: bool,
    /// A decision older than this no longer counts.
    pub expires_after: SignedDuration,
}

/// One approver that is no person: it says go once all its gates pass (SPEC A4). Never the second pair of eyes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoApproval {
    /// It is shown as `auto:<rule>`.
    pub rule: String,
    /// The role whose quorum it counts for.
    pub role: String,
    /// By id: `order.verified`, `metric.error_rate`.
    pub gates: Vec<String>,
}

impl AutoApproval {
    pub fn name(&self) -> String {
        format!("auto:{}", self.rule)
    }
}

/// One rule stands as itself and none as nothing, as plans were written before there could be several: their digests
/// stay what they were.
mod one_or_more {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::ApprovalRule;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        None,
        One(ApprovalRule),
        Many(Vec<ApprovalRule>),
    }

    pub fn serialize<S: Serializer>(
        rules: &[ApprovalRule],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match rules {
            [] => serializer.serialize_none(),
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<ApprovalRule>, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::None => Vec::new(),
            Written::One(rule) => vec![rule],
            Written::Many(rules) => rules,
        })
    }
}
