//! Who may do what on the practice cluster: its owner everything, its viewer look at everything but secrets. Asked in
//! access reviews, and kept.

use super::call::{Answer, Call, json};
use super::route::Target;
use crate::simulator::json::Json;
use crate::simulator::refusal::Refusal;
use hyper::{Method, StatusCode};
use serde_json::{Value, json as object};

/// Whose token it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rights {
    Owner,
    Viewer,
}

impl Rights {
    fn may(self, verb: &str, resource: &str, subresource: &str) -> bool {
        self == Self::Owner
            || ["get", "list", "watch"].contains(&verb)
                && resource != "secrets"
                && subresource != "proxy"
    }

    /// As the API server names whoever asks.
    fn user(self) -> &'static str {
        match self {
            Self::Owner => "practice",
            Self::Viewer => "practice-viewer",
        }
    }

    /// The call is one that this user may make.
    pub fn check(self, call: &Call, target: &Target) -> Result<(), Refusal> {
        let verb = verb(call, target);
        if self.may(verb, target.kind.plural, &target.subresource) {
            return Ok(());
        }
        Err(Refusal::forbidden(
            target.kind,
            &target.subresource,
            &target.name,
            self.user(),
            verb,
            &target.namespace,
        ))
    }
}

fn verb(call: &Call, target: &Target) -> &'static str {
    match call.method {
        Method::GET if call.asks("watch") => "watch",
        Method::GET if target.name.is_empty() => "list",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::DELETE if target.name.is_empty() => "deletecollection",
        Method::DELETE => "delete",
        _ => "patch",
    }
}

/// A question about rights; asking changes nothing.
pub(super) fn is_review(call: &Call) -> bool {
    call.method == Method::POST && call.path.starts_with("/apis/authorization.k8s.io/v1/")
}

pub(super) fn review(call: &Call) -> Result<Answer, Refusal> {
    let mut review = call.object()?;
    let kind = call.path.trim_end_matches('/').rsplit('/').next();
    review["status"] = if kind == Some("selfsubjectrulesreviews") {
        rules(call.rights)
    } else {
        verdict(call.rights, &review)
    };
    Ok(json(StatusCode::CREATED, &review))
}

fn verdict(rights: Rights, review: &Value) -> Value {
    let spec = |path: &str| review.text(&format!("/spec/{path}"));
    let allowed = if review.has("/spec/nonResourceAttributes") {
        rights.may(spec("nonResourceAttributes/verb"), "", "")
    } else {
        rights.may(
            spec("resourceAttributes/verb"),
            spec("resourceAttributes/resource"),
            spec("resourceAttributes/subresource"),
        )
    };
    if allowed {
        object!({"allowed": true})
    } else {
        let reason = format!("the practice cluster lets {} look only", rights.user());
        object!({"allowed": false, "reason": reason})
    }
}

/// All that somebody may do, for `kubectl auth can-i --list`.
fn rules(rights: Rights) -> Value {
    let rule = |verbs: &[&str], groups: &[&str], resources: &[&str]| object!({"verbs": verbs, "apiGroups": groups, "resources": resources});
    let (resources, paths) = match rights {
        Rights::Owner => (vec![rule(&["*"], &["*"], &["*"])], vec!["*"]),
        Rights::Viewer => {
            let looks = ["get", "list", "watch"];
            let kinds = crate::simulator::kinds::groups().into_iter();
            let rules = kinds.map(|(group, version)| {
                let plurals: Vec<&str> = crate::simulator::kinds::of_group(group, version)
                    .map(|kind| kind.plural)
                    .filter(|plural| *plural != "secrets")
                    .collect();
                rule(&looks, &[group], &plurals)
            });
            (rules.collect(), vec!["get"])
        }
    };
    object!({"resourceRules": resources, "incomplete": false,
        "nonResourceRules": [{"verbs": paths, "nonResourceURLs": ["*"]}]})
}
