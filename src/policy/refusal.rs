//! A rule said no: one sentence naming the rule and its figure, and what to do next.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// NO-GO: a gate, a role, a state that does not allow it.
    Rule,
    /// Somebody acted first, or the world moved on.
    Raced,
    /// Nothing of that name, or nothing under way.
    NotFound,
    /// The command itself makes no sense as given.
    Usage,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{sentence}")]
pub struct Refusal {
    pub kind: RefusalKind,
    /// The gate or rule, by id: `order.verified`, `role.operate`.
    pub rule: String,
    pub sentence: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl Refusal {
    pub fn new(kind: RefusalKind, rule: &str, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            rule: rule.to_owned(),
            sentence: sentence.into(),
            hint: None,
        }
    }

    pub fn rule(rule: &str, sentence: impl Into<String>) -> Self {
        Self::new(RefusalKind::Rule, rule, sentence)
    }

    pub fn raced(rule: &str, sentence: impl Into<String>) -> Self {
        Self::new(RefusalKind::Raced, rule, sentence)
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}
