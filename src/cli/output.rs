//! Data on stdout, messages on stderr; one object with `--json`. Nothing here decides anything.

use std::{borrow::Cow, fmt::Write as _, io::Write as _};

use serde_json::{Value, json};

use crate::{
    domain::{
        fault::Fault,
        text::{Clean, clean_lines, is_hidden, redacted},
    },
    policy::refusal::Refusal,
};

#[derive(Clone, Copy, Debug)]
pub struct Output {
    pub json: bool,
    /// Nothing is printed: a screen has the terminal.
    silent: bool,
}

impl Output {
    pub fn new(json: bool) -> Self {
        Self {
            json,
            silent: false,
        }
    }

    /// For what goes on behind a screen.
    pub fn silent() -> Self {
        Self {
            json: false,
            silent: true,
        }
    }

    /// Our own text as it is: completions, the example. A reader that went away is no error.
    pub fn own(self, text: &str) {
        if !self.silent {
            let _ = writeln!(std::io::stdout().lock(), "{text}");
        }
    }

    /// Lines of data. What people and platforms wrote is in them, so nothing in them acts on a terminal.
    pub fn line(self, text: &str) {
        self.own(&harmless(text));
    }

    /// A message.
    pub fn say(self, text: &str) {
        if self.silent {
            tracing::info!("{}", harmless(text));
            return;
        }
        let _ = writeln!(std::io::stderr().lock(), "{}", harmless(text));
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
        without_secrets(&mut object);
        self.own(&escaped(&object.to_string()));
    }

    pub fn fault(self, rehearsal: bool, fault: &Fault) {
        self.say(&format!("gonogo: {fault}"));
        if self.json {
            let failure = json!({"system": fault.system, "kind": fault.kind, "doing": fault.doing, "detail": fault.detail, "hint": fault.hint});
            self.data(rehearsal, json!({"failure": failure}), Vec::new);
        }
    }

    /// On stderr alone: what follows is the answer.
    pub fn fault_said(self, fault: &Fault) {
        self.say(&format!("gonogo: {fault}"));
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

/// Clean texts are already; others are what people typed.
fn without_secrets(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Cow::Owned(changed) = redacted(text) {
                *text = changed;
            }
        }
        Value::Array(values) => values.iter_mut().for_each(without_secrets),
        Value::Object(fields) => fields.values_mut().for_each(without_secrets),
        _ => {}
    }
}

fn harmless(text: &str) -> String {
    let mut lines = clean_lines(text);
    if text.ends_with('\n') {
        lines.push(Clean::default());
    }
    let lines: Vec<&str> = lines.iter().map(Clean::as_str).collect();
    lines.join("\n")
}

/// JSON that says the same in harmless characters: what would act on a terminal can only be inside of strings.
fn escaped(json: &str) -> String {
    if !json.chars().any(is_hidden) {
        return json.to_owned();
    }
    let mut out = String::with_capacity(json.len() + 16);
    let mut units = [0; 2];
    for symbol in json.chars() {
        if !is_hidden(symbol) {
            out.push(symbol);
            continue;
        }
        for unit in symbol.encode_utf16(&mut units) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_on_a_line_acts_on_the_terminal() {
        assert_eq!(
            harmless("a\u{1b}[31m\nb\u{202e}c\n"),
            "a␛[31m\nb‹U+202E›c\n"
        );
        assert_eq!(harmless(""), "");
    }

    #[test]
    fn json_stays_what_it_was() {
        for text in ["plain", "\u{1b}[31m", "a\u{202e}b", "\u{e0041}tag", "ä → ✔"] {
            let object = json!({ text: [text] });
            let shown = escaped(&object.to_string());
            assert!(!shown.chars().any(is_hidden), "{shown}");
            let back: Value = serde_json::from_str(&shown).unwrap_or_default();
            assert_eq!(back, object);
        }
    }
}
