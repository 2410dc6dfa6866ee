//! The configuration as typed: a TOML text read against the schema into forms, whose every value has the
//! right type and a place. Knows nothing of what the keys mean to each other.

mod value;

use std::{borrow::Cow, collections::BTreeMap};

use jiff::{SignedDuration, civil::Time};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::{
    paths::Trust,
    problem::{At, Report, nearest},
    schema::{Key, Need, ROOT, Section},
    units::{Figure, Moment},
};

/// One table of the file, filled in as its section says. A key that was wrong is absent, and reported.
#[derive(Debug)]
pub struct Form {
    pub at: usize,
    values: BTreeMap<&'static str, Entry>,
    /// Typed, and wrong.
    broken: Vec<&'static str>,
}

#[derive(Debug)]
struct Entry {
    at: usize,
    /// Not a default.
    typed: bool,
    value: Value,
}

#[derive(Debug)]
enum Value {
    Text(String),
    Texts(Vec<At<String>>),
    Flag(bool),
    Count(u64),
    Number(f64),
    Figure(Figure),
    Duration(SignedDuration),
    Clock(Time),
    Moment(Moment),
    Words(Vec<WordList>),
    Form(Form),
    Forms(Vec<Form>),
}

/// A name the writer chose, and words under it.
pub type WordList = (At<String>, Vec<At<String>>);

impl Form {
    /// Where the key stands, or else its table.
    pub fn place(&self, key: &str) -> usize {
        self.values.get(key).map_or(self.at, |entry| entry.at)
    }

    /// Also when it was typed wrongly, so that nobody complains that it is missing.
    pub fn is_typed(&self, key: &str) -> bool {
        self.values.get(key).is_some_and(|entry| entry.typed) || self.broken.contains(&key)
    }

    pub fn text(&self, key: &str) -> Option<&str> {
        match self.value(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn texts(&self, key: &str) -> &[At<String>] {
        match self.value(key) {
            Some(Value::Texts(texts)) => texts,
            _ => &[],
        }
    }

    pub fn flag(&self, key: &str) -> bool {
        matches!(self.value(key), Some(Value::Flag(true)))
    }

    pub fn count(&self, key: &str) -> Option<u64> {
        match self.value(key)? {
            Value::Count(count) => Some(*count),
            _ => None,
        }
    }

    pub fn number(&self, key: &str) -> Option<f64> {
        match self.value(key)? {
            Value::Number(number) => Some(*number),
            _ => None,
        }
    }

    pub fn figure(&self, key: &str) -> Option<Figure> {
        match self.value(key)? {
            Value::Figure(figure) => Some(*figure),
            _ => None,
        }
    }

    pub fn duration(&self, key: &str) -> Option<SignedDuration> {
        match self.value(key)? {
            Value::Duration(duration) => Some(*duration),
            _ => None,
        }
    }

    pub fn clock(&self, key: &str) -> Option<Time> {
        match self.value(key)? {
            Value::Clock(time) => Some(*time),
            _ => None,
        }
    }

    pub fn moment(&self, key: &str) -> Option<Moment> {
        match self.value(key)? {
            Value::Moment(moment) => Some(*moment),
            _ => None,
        }
    }

    pub fn words(&self, key: &str) -> &[WordList] {
        match self.value(key) {
            Some(Value::Words(words)) => words,
            _ => &[],
        }
    }

    pub fn form(&self, key: &str) -> Option<&Form> {
        match self.value(key)? {
            Value::Form(form) => Some(form),
            _ => None,
        }
    }

    pub fn forms(&self, key: &str) -> &[Form] {
        match self.value(key) {
            Some(Value::Forms(forms)) => forms,
            _ => &[],
        }
    }

    fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).map(|entry| &entry.value)
    }
}

/// Reads the whole text. A text that is not TOML is only said to be that, at each place where it is not.
pub fn read(text: &str, report: &mut Report) -> Option<Form> {
    read_as(&ROOT, text, report)
}

/// The same for a text of another kind.
pub fn read_as(section: &'static Section, text: &str, report: &mut Report) -> Option<Form> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        report.problem(
            error.span().map_or(0, |span| span.start),
            format!("this is not TOML: {}", error.message()),
            "correct it here, then the rest can be read",
        );
    }
    errors
        .is_empty()
        .then(|| form(section, table.get_ref(), 0, report))
}

fn form(section: &'static Section, table: &DeTable, at: usize, report: &mut Report) -> Form {
    let mut values = BTreeMap::new();
    let mut broken = Vec::new();
    let mut misspelt = Vec::new();
    for (name, value) in table {
        match section.key(name.get_ref()) {
            Some(key) => {
                if let (Some(why), Trust::Repository) = (key.own_file_only, report.trust) {
                    report.problem(
                        name.span().start,
                        format!(
                            "a file found in a repository may not set `{}` in {}, because {why}",
                            key.name, section.heading
                        ),
                        "read the file, then: gonogo config trust; or name it with --config",
                    );
                }
                let place = value_place(name, value);
                if let Some(value) = value::read(section, key, value, report) {
                    let entry = Entry {
                        at: place,
                        typed: true,
                        value,
                    };
                    values.insert(key.name, entry);
                } else {
                    broken.push(key.name);
                }
            }
            None => misspelt.extend(unknown(section, name, report)),
        }
    }
    for key in section.keys {
        if table.contains_key(key.name) {
            continue;
        }
        match key.need {
            Need::Optional => {}
            Need::Required if misspelt.contains(&key.name) => {}
            Need::Required => report.problem(
                at,
                format!("{} has no `{}`", section.heading, key.name),
                format!("add it: {}", key.doc),
            ),
            Need::Default(typed) => {
                if let Some(value) = standard(section, key, typed, at, report) {
                    let entry = Entry {
                        at,
                        typed: false,
                        value,
                    };
                    values.insert(key.name, entry);
                }
            }
        }
    }
    Form { at, values, broken }
}

/// A value in the line of its key is the place; of a table it is the header.
fn value_place(name: &Spanned<Cow<str>>, value: &Spanned<DeValue>) -> usize {
    match value.get_ref() {
        DeValue::Table(_) | DeValue::Array(_) => name.span().start,
        _ => value.span().start,
    }
}

/// The default, read like what is typed. Its places are those of the table that lacks it.
fn standard(
    section: &'static Section,
    key: &'static Key,
    typed: &'static str,
    at: usize,
    report: &mut Report,
) -> Option<Value> {
    let parsed = DeValue::parse(typed).ok()?;
    let moved = Spanned::new(at..at, parsed.into_inner());
    value::read(section, key, &moved, report)
}

/// The key that was probably meant.
fn unknown(
    section: &Section,
    name: &Spanned<Cow<str>>,
    report: &mut Report,
) -> Option<&'static str> {
    let known = section.keys.iter().map(|key| key.name);
    let near = nearest(name.get_ref(), known.clone());
    report.problem(
        name.span().start,
        format!(
            "unknown key `{}` in {}",
            name.get_ref().escape_debug(),
            section.heading
        ),
        match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("it takes: {}", known.collect::<Vec<&str>>().join(", ")),
        },
    );
    near
}
