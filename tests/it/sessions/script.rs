//! How a session is written: prose, blank lines, and steps with what belongs below them.

use std::fmt;

/// What belongs below a step stands so far in.
const INDENT: &str = "  ";

#[derive(Clone)]
pub struct Script {
    /// Each with the prose and blank lines before it.
    pub steps: Vec<Step>,
    rest: Vec<String>,
}

#[derive(Clone)]
pub struct Step {
    pub line: usize,
    /// Prose and blank lines before it.
    before: Vec<String>,
    pub head: String,
    pub body: Vec<String>,
}

impl Step {
    pub fn words(&self) -> Vec<&str> {
        self.head.split_whitespace().collect()
    }
}

impl Script {
    pub fn read(text: &str) -> Result<Self, String> {
        let mut script = Self {
            steps: Vec::new(),
            rest: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                script.rest.push(line.to_owned());
            } else if let Some(inner) = line.strip_prefix(INDENT) {
                let step = script.steps.last_mut();
                let blank = script.rest.iter().all(String::is_empty);
                let Some(step) = step.filter(|_| blank) else {
                    return Err(format!("{}: indented, and below no step", index + 1));
                };
                step.body.append(&mut script.rest);
                step.body.push(inner.to_owned());
            } else {
                script.steps.push(Step {
                    line: index + 1,
                    before: std::mem::take(&mut script.rest),
                    head: line.to_owned(),
                    body: Vec::new(),
                });
            }
        }
        if script.steps.is_empty() {
            return Err("1: there is no step".to_owned());
        }
        Ok(script)
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            for line in &step.before {
                writeln!(f, "{line}")?;
            }
            writeln!(f, "{}", step.head)?;
            for line in &step.body {
                writeln!(f, "{}", format!("{INDENT}{line}").trim_end())?;
            }
        }
        for line in &self.rest {
            writeln!(f, "{line}")?;
        }
        Ok(())
    }
}

/// The words of a command line; quotes as a shell reads them, and nothing else that a shell does.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for symbol in line.chars() {
        match (quote, symbol) {
            (Some(open), _) if symbol == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(symbol);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            _ => word.get_or_insert_default().push(symbol),
        }
    }
    assert!(quote.is_none(), "a quote is open");
    words.extend(word);
    words
}

#[test]
fn a_script_is_written_as_it_was_read() {
    let text = "# prose\n\nrehearse good\n\n$ gonogo status\n  a\n\n    b\n  exit 3\n\n# the end\n";
    let script = Script::read(text).unwrap();
    assert_eq!(script.steps[1].body, ["a", "", "  b", "exit 3"]);
    assert_eq!(script.steps[1].line, 5);
    assert_eq!(script.to_string(), text);
    assert!(Script::read("  lost\n").is_err());
    assert_eq!(
        words(r#"$ git commit -m "it's on" ''"#),
        ["$", "git", "commit", "-m", "it's on", ""]
    );
}
