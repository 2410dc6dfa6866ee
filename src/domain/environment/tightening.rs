//! What a project asks beside the policy of an environment, for itself. It only ever makes the policy tighter (SPEC E2):
//! whatever it says, what the environment asks holds too.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{ApprovalRule, Policy};
use crate::domain::{calendar::Calendar, project::ProjectId, release::TriggerKind};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tightening {
    /// None: whatever the environment allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed_triggers: Option<Vec<TriggerKind>>,
    /// The branch that the environment allows has to be one of these too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_branches: Vec<String>,
    /// The tag that the environment allows has to be one of these too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allowed_tags: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<SignedDuration>,
    /// One for a role that the environment asks too: the stricter of both counts in each point.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<ApprovalRule>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub veto: Vec<String>,
    /// Nothing of it is flown without being asked for, whatever the environment does.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub never_by_itself: bool,
    /// Has to be open too; in the environment's time zone.
    #[serde(default, skip_serializing_if = "Calendar::is_default")]
    pub calendar: Calendar,
}

impl Policy {
    /// The policy as it is for one project, with what it tightens. Of what others ask for themselves nothing is left, so
    /// that a plan does not hang on it. Taken again it stays the same.
    #[must_use]
    pub fn for_project(&self, project: &ProjectId) -> Self {
        let mut policy = self.clone();
        policy.projects.retain(|id, _| id == project);
        let Some(own) = self.projects.get(project) else {
            return policy;
        };
        if let Some(triggers) = &own.allowed_triggers {
            policy
                .allowed_triggers
                .retain(|trigger| triggers.contains(trigger));
        }
        policy.soak = own.soak.map_or(policy.soak, |soak| soak.max(policy.soak));
        for rule in &own.approvals {
            let mut rules = policy.approvals.iter_mut();
            match rules.find(|other| other.role == rule.role) {
                Some(other) => other.tighten(rule),
                None => policy.approvals.push(rule.clone()),
            }
        }
        for role in &own.veto {
            if !policy.veto.contains(role) {
                policy.veto.push(role.clone());
            }
        }
        if own.never_by_itself {
            policy.auto_deploy = false;
        }
        policy
    }

    /// What the project of this policy, as `for_project` left it, asks for itself.
    pub fn tightening(&self) -> Option<(&ProjectId, &Tightening)> {
        self.projects.first_key_value()
    }
}

impl ApprovalRule {
    fn tighten(&mut self, by: &Self) {
        self.quorum = self.quorum.max(by.quorum);
        self.exclude_requester |= by.exclude_requester;
        self.exclude_authors |= by.exclude_authors;
        self.expires_after = self.expires_after.min(by.expires_after);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> ProjectId {
        ProjectId::parse(&format!("acme/shop/{name}")).expect("valid")
    }

    fn rule(role: &str, quorum: u32, hours: i64) -> ApprovalRule {
        ApprovalRule {
            quorum,
            role: role.to_owned(),
            exclude_requester: false,
            exclude_authors: quorum == 2,
            expires_after: SignedDuration::from_hours(hours),
        }
    }

    #[test]
    fn the_stricter_of_both_counts_for_that_project_alone_and_once() {
        let mut policy = Policy {
            approvals: vec![rule("qa", 2, 4)],
            auto_deploy: true,
            ..Policy::default()
        };
        let own = Tightening {
            allowed_triggers: Some(vec![TriggerKind::Tag]),
            soak: Some(SignedDuration::from_mins(1)),
            approvals: vec![rule("qa", 1, 1), rule("security", 1, 8)],
            veto: vec!["legal".to_owned()],
            never_by_itself: true,
            ..Tightening::default()
        };
        policy.projects.insert(id("auth"), own.clone());
        policy.projects.insert(id("web"), Tightening::default());
        let auth = policy.for_project(&id("auth"));
        assert_eq!(auth.allowed_triggers, [TriggerKind::Tag]);
        assert_eq!(auth.soak, policy.soak, "a shorter one counts for nothing");
        let mut both = rule("qa", 2, 1);
        both.exclude_authors = true;
        assert_eq!(auth.approvals, [both, rule("security", 1, 8)]);
        assert_eq!(
            (auth.veto.as_slice(), auth.auto_deploy),
            (&own.veto[..], false)
        );
        assert_eq!(auth.tightening(), Some((&id("auth"), &own)));
        assert_eq!(auth.for_project(&id("auth")), auth);
        let other = policy.for_project(&id("other"));
        assert_eq!(other.tightening(), None);
        assert_eq!(other.approvals, policy.approvals);
    }

    /// Policies without any are written as they were: digests of stored plans stay.
    #[test]
    fn without_any_nothing_of_it_is_written() {
        let text = serde_json::to_string(&Policy::default()).expect("JSON");
        assert!(!text.contains("projects"), "{text}");
    }
}
