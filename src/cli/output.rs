//! Data on stdout, messages on stderr; one object with `--json`. Nothing here decides anything.
#![expect(
    clippy::unused_self,
    reason = "both streams are reached through the one value that knows the format"
)]

use std::io::Write as _;

use serde_json::{Value, json};

use crate::{domain::fault::Fault, policy::refusal::Refusal};

#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub json: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self { json }
    }

    /// A line of data. A reader that went away is no error.
    pub fn line(self, text: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    /// A message.
    pub fn say(self, text: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    /// The object, or the lines where `--json` was not asked for. Every object names its schema.
    pub fn data(self, rehearsal: bool, mut object: Value, lines: impl FnOnce() -> Vec<String>) {
        if !self.json {
            for line in lines() {
                self.line(&line);
            }
            return;
        }
        if let Some(fields) = object.as_object_mut() {
            fields.insert("schema".to_owned(), json!(1));
            if rehearsal {
                fields.insert("rehearsal".to_owned(), json!(true));
            }
        }
        self.line(&object.to_string());
    }

    pub fn fault(self, rehearsal: bool, fault: &Fault) {
        self.say(&format!("gonogo: {fault}"));
        if self.json {
            let failure = json!({"system": fault.system, "kind": fault.kind, "doing": fault.doing, "detail": fault.detail, "hint": fault.hint});
            self.data(rehearsal, json!({"failure": failure}), Vec::new);
        }
    }

    pub fn refusal(self, rehearsal: bool, refusal: &Refusal) {
        let hint = refusal
            .hint
            .as_ref()
            .map_or_else(String::new, |hint| format!("\n  {hint}"));
        self.say(&format!("gonogo: {}{hint}", refusal.sentence));
        if self.json {
            self.data(rehearsal, json!({"refusal": refusal}), Vec::new);
        }
    }
}
