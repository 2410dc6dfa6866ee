//! Label and field selectors, as queries write them and as objects hold them.

use super::json::Json;
use serde_json::Value;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

/// A parsed `labelSelector`. The empty one takes everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Labels(Vec<Term>);

impl Labels {
    /// `app=a,tier in (x,y),!old`.
    pub fn parse(text: &str) -> Self {
        let mut terms = Vec::new();
        let mut depth = 0;
        let mut start = 0;
        for (at, letter) in text.char_indices().chain([(text.len(), ',')]) {
            match letter {
                '(' => depth += 1,
                ')' => depth -= 1,
                ',' if depth == 0 => {
                    terms.extend(term(text[start..at].trim()));
                    start = at + 1;
                }
                _ => {}
            }
        }
        Self(terms)
    }

    /// The map `spec.selector` of a Service.
    pub fn of_service(selector: &Value) -> Self {
        let members = selector.as_object().into_iter().flatten();
        Self(
            members
                .map(|(key, value)| {
                    Term::In(key.clone(), vec![value.as_str().unwrap_or("").to_owned()])
                })
                .collect(),
        )
    }

    pub fn take(&self, object: &Value) -> bool {
        self.0.iter().all(|term| match term {
            Term::In(key, values) => object
                .label(key)
                .is_some_and(|label| values.iter().any(|value| value == label)),
            Term::NotIn(key, values) => object
                .label(key)
                .is_none_or(|label| values.iter().all(|value| value != label)),
            Term::Exists(key) => object.label(key).is_some(),
            Term::Missing(key) => object.label(key).is_none(),
        })
    }
}

fn term(text: &str) -> Option<Term> {
    if text.is_empty() {
        return None;
    }
    for (word, excludes) in [(" notin ", true), (" in ", false)] {
        if let Some((key, set)) = text.split_once(word) {
            let set = set.trim().trim_matches(['(', ')']);
            let values = set
                .split(',')
                .map(|value| value.trim().to_owned())
                .collect();
            let key = key.trim().to_owned();
            return Some(if excludes {
                Term::NotIn(key, values)
            } else {
                Term::In(key, values)
            });
        }
    }
    for (sign, excludes) in [("!=", true), ("==", false), ("=", false)] {
        if let Some((key, value)) = text.split_once(sign) {
            let (key, values) = (key.trim().to_owned(), vec![value.trim().to_owned()]);
            return Some(if excludes {
                Term::NotIn(key, values)
            } else {
                Term::In(key, values)
            });
        }
    }
    Some(match text.strip_prefix('!') {
        Some(key) => Term::Missing(key.trim().to_owned()),
        None => Term::Exists(text.to_owned()),
    })
}

/// A parsed `fieldSelector`: dotted path, wanted value, and whether equal or different.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String, bool)>);

impl Fields {
    /// `metadata.name=a,status.phase!=Running`.
    pub fn parse(text: &str) -> Self {
        let terms = text.split(',').filter_map(|term| {
            for (sign, equal) in [("!=", false), ("==", true), ("=", true)] {
                if let Some((path, value)) = term.split_once(sign) {
                    return Some((
                        format!("/{}", path.trim().replace('.', "/")),
                        value.trim().to_owned(),
                        equal,
                    ));
                }
            }
            None
        });
        Self(terms.collect())
    }

    pub fn take(&self, object: &Value) -> bool {
        self.0.iter().all(|(pointer, value, equal)| {
            let found = match object.pointer(pointer) {
                Some(Value::String(text)) => text.clone(),
                Some(Value::Null) | None => String::new(),
                Some(other) => other.to_string(),
            };
            (found == *value) == *equal
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn labels() {
        let pod = json!({"metadata": {"labels": {"app": "auth", "tier": "x"}}});
        for (text, expect) in [
            ("", true),
            ("app=auth", true),
            ("app==auth,tier!=x", false),
            ("tier in (x, y),app", true),
            ("tier notin (x,y)", false),
            ("!old", true),
            ("!app", false),
            ("colour!=red", true),
        ] {
            assert_eq!(Labels::parse(text).take(&pod), expect, "{text}");
        }
    }

    #[test]
    fn fields() {
        let pod =
            json!({"metadata": {"name": "a"}, "status": {"phase": "Running"}, "spec": {"n": 1}});
        for (text, expect) in [
            ("metadata.name=a", true),
            ("metadata.name=b", false),
            ("status.phase!=Running", false),
            ("spec.n=1", true),
        ] {
            assert_eq!(Fields::parse(text).take(&pod), expect, "{text}");
        }
    }
}
