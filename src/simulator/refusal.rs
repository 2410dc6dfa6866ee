//! What the API answers when it says no: the `Status` object, with the reasons and codes of the real one.

use super::kinds::Kind;
use serde_json::{Value, json};

/// A failed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub code: u16,
    pub reason: &'static str,
    pub message: String,
    /// What it was about, as far as known.
    kind: Option<&'static Kind>,
    name: String,
    pub retry_after: Option<u64>,
    /// What is wrong with an object, which kubectl shows instead of the message.
    causes: Vec<Cause>,
}

/// One thing that is wrong with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    pub reason: &'static str,
    pub field: String,
    pub message: String,
}

impl Refusal {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            kind: None,
            name: String::new(),
            retry_after: None,
            causes: Vec::new(),
        }
    }

    fn of(mut self, kind: &'static Kind, name: &str) -> Self {
        self.kind = Some(kind);
        name.clone_into(&mut self.name);
        self
    }

    pub fn unauthorised() -> Self {
        Self::new(401, "Unauthorized", "Unauthorized")
    }

    pub fn forbidden(
        kind: &'static Kind,
        subresource: &str,
        name: &str,
        user: &str,
        verb: &str,
        namespace: &str,
    ) -> Self {
        let resource = match subresource {
            "" => kind.plural.to_owned(),
            sub => format!("{}/{sub}", kind.plural),
        };
        let place = match namespace {
            "" => "at the cluster scope".to_owned(),
            namespace => format!("in the namespace \"{namespace}\""),
        };
        let what = match name {
            "" => kind.qualified(),
            name => format!("{} \"{name}\"", kind.qualified()),
        };
        let message = format!(
            "{what} is forbidden: User \"{user}\" cannot {verb} resource \"{resource}\" in API group \"{}\" {place}",
            kind.group
        );
        Self::new(403, "Forbidden", message).of(kind, name)
    }

    pub fn unknown_path() -> Self {
        Self::new(
            404,
            "NotFound",
            "the server could not find the requested resource",
        )
    }

    pub fn not_found(kind: &'static Kind, name: &str) -> Self {
        Self::new(
            404,
            "NotFound",
            format!("{} \"{name}\" not found", kind.qualified()),
        )
        .of(kind, name)
    }

    pub fn exists(kind: &'static Kind, name: &str) -> Self {
        Self::new(
            409,
            "AlreadyExists",
            format!("{} \"{name}\" already exists", kind.qualified()),
        )
        .of(kind, name)
    }

    pub fn conflict(kind: &'static Kind, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your changes \
             to the latest version and try again",
            kind.qualified()
        );
        Self::new(409, "Conflict", message).of(kind, name)
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub fn not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    pub fn media_type(accepted: &str) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {accepted}"
        );
        Self::new(415, "UnsupportedMediaType", message)
    }

    /// A JSON patch that does not apply, a failed `test` included. The real server's words, plus why.
    pub fn patch_does_not_apply(why: &str) -> Self {
        Self::new(
            422,
            "Invalid",
            format!("the server rejected our request due to an error in our request: {why}"),
        )
    }

    /// What is wrong, each as `field: why`.
    pub fn invalid<S: AsRef<str>>(kind: &'static Kind, name: &str, why: &[S]) -> Self {
        let all = match why {
            [one] => one.as_ref().to_owned(),
            several => {
                let several: Vec<&str> = several.iter().map(AsRef::as_ref).collect();
                format!("[{}]", several.join(", "))
            }
        };
        let message = format!("{} \"{name}\" is invalid: {all}", kind.group_kind());
        let causes = why.iter().map(|why| {
            let (field, message) = why.as_ref().split_once(": ").unwrap_or(("", why.as_ref()));
            let reason = if message.starts_with("Required value") {
                "FieldValueRequired"
            } else {
                "FieldValueInvalid"
            };
            Cause {
                reason,
                field: field.to_owned(),
                message: message.to_owned(),
            }
        });
        Self {
            causes: causes.collect(),
            ..Self::new(422, "Invalid", message).of(kind, name)
        }
    }

    /// An object that does not decode as its kind.
    pub fn undecodable(kind: &'static Kind, why: &str) -> Self {
        let message = format!(
            "{name} in version \"{version}\" cannot be handled as a {name}: {why}",
            name = kind.kind,
            version = kind.version
        );
        Self::new(400, "BadRequest", message)
    }

    /// Members that an apply would take from other managers.
    pub fn apply_conflict(kind: &'static Kind, name: &str, causes: Vec<Cause>) -> Self {
        let count = causes.len();
        let all = match causes.as_slice() {
            [one] => format!("1 conflict: {}: {}", one.message, one.field),
            several => {
                let mut lines = format!("{count} conflicts:");
                let mut last = "";
                for cause in several {
                    if cause.message != last {
                        lines.push_str(if last.is_empty() { " " } else { "\n" });
                        lines.push_str(&cause.message);
                        lines.push(':');
                    }
                    lines.push_str("\n- ");
                    lines.push_str(&cause.field);
                    last = &cause.message;
                }
                lines
            }
        };
        Self {
            causes,
            ..Self::new(409, "Conflict", format!("Apply failed with {all}")).of(kind, name)
        }
    }

    pub fn expired() -> Self {
        Self::new(410, "Expired", "too old resource version")
    }

    pub fn from_the_future(wanted: u64, newest: u64) -> Self {
        let message = format!("Too large resource version: {wanted}, current: {newest}");
        Self {
            retry_after: Some(1),
            ..Self::new(504, "Timeout", message)
        }
    }

    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(503, "ServiceUnavailable", message)
    }

    pub fn injected(code: u16, retry_after: Option<u64>) -> Self {
        let reason = match code {
            403 => "Forbidden",
            409 => "Conflict",
            429 => "TooManyRequests",
            500 => "InternalError",
            503 => "ServiceUnavailable",
            504 => "Timeout",
            _ => "Unknown",
        };
        Self {
            retry_after,
            ..Self::new(code, reason, "a fault of the rehearsal")
        }
    }

    /// The `Status` object.
    pub fn status(&self) -> Value {
        let mut details = serde_json::Map::new();
        let (plural, group) = self.kind.map_or(("", ""), |kind| (kind.plural, kind.group));
        for (key, text) in [("kind", plural), ("group", group), ("name", &self.name)] {
            if !text.is_empty() {
                details.insert(key.to_owned(), json!(text));
            }
        }
        if let Some(seconds) = self.retry_after {
            details.insert("retryAfterSeconds".to_owned(), json!(seconds));
        }
        if !self.causes.is_empty() {
            let causes = self.causes.iter().map(|cause| {
                json!({"reason": cause.reason, "message": cause.message, "field": cause.field})
            });
            details.insert("causes".to_owned(), causes.collect());
        }
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message,
            "reason": self.reason, "details": details, "code": self.code})
    }
}
