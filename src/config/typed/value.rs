//! Reads one value as its key takes it, down to the elements of a list.

use globset::GlobBuilder;
use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use super::{
    super::{
        problem::{At, Report, did_you_mean},
        rules::{self, Rule},
        schema::{Key, Kind, Section},
        units::{self, Figure},
    },
    Value, WordList, form,
};

/// In bytes.
const LONGEST_GLOB: usize = 1_000;

/// The value if it is what the key takes. Otherwise one problem, or one for each wrong element.
pub(super) fn read(
    section: &'static Section,
    key: &'static Key,
    typed: &Spanned<DeValue>,
    report: &mut Report,
) -> Option<Value> {
    let at = typed.span().start;
    let mut reader = Reader {
        section,
        key,
        report,
    };
    match (&key.kind, typed.get_ref()) {
        (Kind::Text(rule), DeValue::String(text)) => reader
            .holds(rule, text, at)
            .then(|| Value::Text(text.clone().into_owned())),
        (Kind::Path, DeValue::String(text)) => reader
            .holds(&rules::TEXT, text, at)
            .then(|| Value::Text(text.clone().into_owned())),
        (Kind::Secret, DeValue::String(text)) => match secret(text) {
            Ok(()) => Some(Value::Text(text.clone().into_owned())),
            Err((what, hint)) => reader.wrong(at, what, hint),
        },
        (Kind::Programs, DeValue::Array(array)) => Some(reader.texts(array, |reader, text, at| {
            reader.holds(&rules::PROGRAM, text, at)
        })),
        (Kind::Argv, DeValue::Array(array)) => reader.argv(array, at),
        (Kind::Pattern, DeValue::String(text)) => reader
            .is_pattern(text, at)
            .then(|| Value::Text(text.clone().into_owned())),
        (Kind::OneOf(words), DeValue::String(text)) => reader
            .is_one_of(words, text, at)
            .then(|| Value::Text(text.clone().into_owned())),
        (Kind::Flag, DeValue::Boolean(flag)) => Some(Value::Flag(*flag)),
        (Kind::Count(from, to), DeValue::Integer(integer)) => {
            let count = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
            let within = count.filter(|count| (from..=to).contains(&count));
            if within.is_none() {
                reader.wrong::<()>(
                    at,
                    "is out of range",
                    &format!("it goes from {from} to {to}"),
                );
            }
            within.map(Value::Count)
        }
        (Kind::Number, DeValue::Integer(_) | DeValue::Float(_)) => reader
            .above_zero(number(typed.get_ref()), at)
            .map(Value::Number),
        (Kind::Figure, DeValue::Integer(_) | DeValue::Float(_)) => reader
            .above_zero(number(typed.get_ref()), at)
            .map(|bare| Value::Figure(Figure::Bare(bare))),
        (Kind::Figure, DeValue::String(text)) => match units::figure(text) {
            Ok(figure) => {
                let (Figure::Bare(number) | Figure::Percent(number)) = figure else {
                    return Some(Value::Figure(figure));
                };
                reader
                    .above_zero(Some(number), at)
                    .map(|_| Value::Figure(figure))
            }
            Err(hint) => reader.wrong(at, "is no figure", hint),
        },
        (
            Kind::Duration | Kind::Wait,
            DeValue::Integer(_) | DeValue::Float(_) | DeValue::String(_),
        ) => {
            let parsed = match typed.get_ref() {
                DeValue::String(text) => units::duration(text),
                bare => units::duration_of_seconds(number(bare).unwrap_or(f64::NAN)),
            };
            match parsed {
                Ok(zero) if zero.is_zero() && matches!(key.kind, Kind::Duration) => {
                    reader.wrong(at, "is 0", "write a duration above 0")
                }
                Ok(duration) => Some(Value::Duration(duration)),
                Err(hint) => reader.wrong(at, "is no duration", hint),
            }
        }
        (Kind::Clock, DeValue::String(_) | DeValue::Datetime(_)) => {
            match units::clock(&bare(typed.get_ref())) {
                Ok(time) => Some(Value::Clock(time)),
                Err(hint) => reader.wrong(at, "is no time of day", hint),
            }
        }
        (Kind::Moment, DeValue::String(_) | DeValue::Datetime(_)) => {
            match units::moment(&bare(typed.get_ref())) {
                Ok(moment) => Some(Value::Moment(moment)),
                Err(hint) => reader.wrong(at, "is no day and time", hint),
            }
        }
        (Kind::Texts(rule), DeValue::Array(array)) => {
            Some(reader.texts(array, |reader, text, at| reader.holds(rule, text, at)))
        }
        (Kind::SomeOf(words), DeValue::Array(array)) => {
            Some(reader.texts(array, |reader, text, at| reader.is_one_of(words, text, at)))
        }
        (Kind::Patterns, DeValue::Array(array)) => Some(reader.texts(array, Reader::is_pattern)),
        (Kind::Globs, DeValue::Array(array)) => Some(reader.texts(array, Reader::is_glob)),
        (Kind::Words, DeValue::Table(table)) => {
            let lists = table.iter().filter_map(|(name, value)| {
                let DeValue::Array(array) = value.get_ref() else {
                    reader.wrong::<()>(
                        value.span().start,
                        "takes lists of words",
                        "write { production = [\"operate\", \"approve\"] }",
                    );
                    return None;
                };
                let Value::Texts(words) = reader.texts(array, |reader, text, at| {
                    reader.holds(&rules::ROLE, text, at)
                }) else {
                    return None;
                };
                let name = At {
                    at: name.span().start,
                    value: name.get_ref().clone().into_owned(),
                };
                Some((name, words))
            });
            Some(Value::Words(lists.collect()))
        }
        (Kind::Keys, DeValue::Table(table)) => {
            let mut lists = Vec::new();
            reader.keys("", table, &mut lists);
            Some(Value::Words(lists))
        }
        (Kind::Table(inner), DeValue::Table(table)) => {
            Some(Value::Form(form(inner, table, at, reader.report)))
        }
        (Kind::OneOrMore(inner), DeValue::Table(table)) => {
            Some(Value::Forms(vec![form(inner, table, at, reader.report)]))
        }
        (Kind::Tables(inner) | Kind::OneOrMore(inner), DeValue::Array(array)) => {
            let forms = array.iter().filter_map(|element| {
                let at = element.span().start;
                match element.get_ref() {
                    DeValue::Table(table) => Some(form(inner, table, at, reader.report)),
                    _ => reader.wrong(at, "takes tables", &inner.example()),
                }
            });
            Some(Value::Forms(forms.collect()))
        }
        (kind, _) => reader.wrong(at, &format!("takes {}", kind.words()), &kind.example()),
    }
}

/// What is wrong is said without the text: it may be the secret itself.
fn secret(text: &str) -> Result<(), (&'static str, &'static str)> {
    const HINT: &str = "write \"env:NAME\", \"file:PATH\" or \"cmd:PROGRAM WORDS\"";
    let visible = !text.chars().any(char::is_control);
    match text.split_once(':') {
        Some(("env", name))
            if !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') =>
        {
            Ok(())
        }
        Some(("file" | "cmd", rest)) if !rest.trim().is_empty() && visible => Ok(()),
        Some(("keyring", _)) => Err((
            "names the keyring, which this gonogo cannot ask",
            "ask it with its program: \"cmd:secret-tool lookup service registry\"",
        )),
        Some(("env" | "file" | "cmd", _)) => Err(("does not say which", HINT)),
        _ => Err((
            "holds a secret, or nothing that we know; a secret does not stand here",
            HINT,
        )),
    }
}

/// A time with or without quotes.
fn bare(value: &DeValue) -> String {
    match value {
        DeValue::String(text) => text.clone().into_owned(),
        DeValue::Datetime(datetime) => datetime.to_string(),
        _ => String::new(),
    }
}

fn number(value: &DeValue) -> Option<f64> {
    match value {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .map(|integer| integer as f64),
        DeValue::Float(float) => float.as_str().parse().ok(),
        _ => None,
    }
}

/// Reads the value of one key.
struct Reader<'r, 't> {
    section: &'static Section,
    key: &'static Key,
    report: &'r mut Report<'t>,
}

impl Reader<'_, '_> {
    fn wrong<T>(&mut self, at: usize, what: &str, hint: &str) -> Option<T> {
        let sentence = format!("`{}` in {} {what}", self.key.name, self.section.heading);
        self.report.problem(at, sentence, hint);
        None
    }

    fn holds(&mut self, rule: &Rule, text: &str, at: usize) -> bool {
        let holds = (rule.holds)(text);
        if !holds {
            self.wrong::<()>(at, &format!("is not {}", rule.what), rule.hint);
        }
        holds
    }

    fn is_one_of(&mut self, words: &'static [&'static str], text: &str, at: usize) -> bool {
        let known = words.contains(&text);
        if !known {
            self.wrong::<()>(
                at,
                &format!("cannot be `{}`", text.escape_debug()),
                &did_you_mean(text, words.iter().copied()),
            );
        }
        known
    }

    fn is_pattern(&mut self, text: &str, at: usize) -> bool {
        match regex::Regex::new(text) {
            Ok(_) => true,
            Err(error) => {
                // The last line of its message says what is wrong; those above draw the place.
                let message = error.to_string();
                let reason = message.lines().last().unwrap_or_default().trim();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                self.wrong::<()>(
                    at,
                    &format!("is no regular expression: {reason}"),
                    match self.key.kind {
                        Kind::Patterns => "write a branch's name, or escape what is special in it",
                        _ => "escape what is special in it",
                    },
                );
                false
            }
        }
    }

    fn is_glob(&mut self, text: &str, at: usize) -> bool {
        let glob = text.strip_prefix('!').unwrap_or(text);
        // Its reader goes as deep as the text does.
        if glob.len() > LONGEST_GLOB {
            self.wrong::<()>(at, "is too long for a glob", "write several short ones");
            return false;
        }
        match GlobBuilder::new(glob).build() {
            Ok(_) if !glob.is_empty() => true,
            Ok(_) => {
                self.wrong::<()>(at, "is an empty glob", "write a name, or `*` for any");
                false
            }
            Err(error) => {
                self.wrong::<()>(
                    at,
                    &format!("is no glob: {}", error.kind()),
                    "write it like main or hotfix/*",
                );
                false
            }
        }
    }

    fn above_zero(&mut self, number: Option<f64>, at: usize) -> Option<f64> {
        let good = number.filter(|number| number.is_finite() && *number > 0.0);
        if good.is_none() {
            self.wrong::<()>(at, "is not above 0", "write a positive, finite number");
        }
        good
    }

    /// A program and its words: all of them, or none.
    fn argv(&mut self, array: &DeArray, at: usize) -> Option<Value> {
        let mut words = Vec::new();
        for element in array {
            let at = element.span().start;
            let DeValue::String(text) = element.get_ref() else {
                return self.wrong(at, "takes a list of texts", "put each word in quotes");
            };
            if text.contains('\0') {
                return self.wrong(at, "holds a NUL byte", "leave it out");
            }
            words.push(At {
                at,
                value: text.clone().into_owned(),
            });
        }
        let named = words
            .first()
            .is_some_and(|first| !first.value.trim().is_empty());
        if named {
            Some(Value::Texts(words))
        } else {
            self.wrong(at, "names no program", "write [\"program\", \"word\", …]")
        }
    }

    /// `"rollout.promote" = […]`, and the same without quotes, which TOML takes for tables in tables.
    fn keys(&mut self, above: &str, table: &DeTable, lists: &mut Vec<WordList>) {
        for (name, value) in table {
            let (at, id) = (name.span().start, format!("{above}{}", name.get_ref()));
            match value.get_ref() {
                DeValue::Table(inner) => self.keys(&format!("{id}."), inner, lists),
                DeValue::Array(array) => {
                    let texts = self.texts(array, |reader, text, at| {
                        reader.holds(&rules::TEXT, text, at)
                    });
                    if let Value::Texts(keys) = texts {
                        lists.push((At { at, value: id }, keys));
                    }
                }
                _ => {
                    self.wrong::<()>(
                        value.span().start,
                        "takes lists of keys",
                        "write \"rollout.promote\" = [\"p\", \"ctrl-p\"]",
                    );
                }
            }
        }
    }

    /// The good ones; every other is reported.
    fn texts(
        &mut self,
        array: &DeArray,
        mut good: impl FnMut(&mut Self, &str, usize) -> bool,
    ) -> Value {
        let mut texts: Vec<At<String>> = Vec::new();
        for element in array {
            let at = element.span().start;
            let DeValue::String(text) = element.get_ref() else {
                self.wrong::<()>(at, "takes a list of texts", "put each in quotes");
                continue;
            };
            if good(self, text, at) {
                if texts.iter().any(|seen| seen.value == **text) {
                    self.wrong::<()>(at, "says the same thing twice", "leave one of them out");
                    continue;
                }
                texts.push(At {
                    at,
                    value: text.clone().into_owned(),
                });
            }
        }
        Value::Texts(texts)
    }
}

impl Kind {
    fn words(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Path | Self::OneOf(_) | Self::Pattern => "a text",
            Self::Secret => "the place of a secret",
            Self::Texts(_)
            | Self::SomeOf(_)
            | Self::Patterns
            | Self::Globs
            | Self::Programs
            | Self::Argv => "a list of texts",
            Self::Flag => "true or false",
            Self::Count(..) => "a whole number",
            Self::Number => "a number",
            Self::Figure => "a figure",
            Self::Duration | Self::Wait => "a duration",
            Self::Clock => "a time of day",
            Self::Moment => "a day, or a day and a time",
            Self::Words => "lists of words by name",
            Self::Keys => "lists of keys by action",
            Self::Table(_) => "a table",
            Self::Tables(_) => "a list of tables",
            Self::OneOrMore(_) => "a table, or a list of tables",
        }
    }

    fn example(&self) -> String {
        match self {
            Self::Text(_) | Self::Path | Self::Pattern => "put it in quotes".to_owned(),
            Self::OneOf(words) => format!("write one of: {}", words.join(", ")),
            Self::SomeOf(words) => format!("write a list in [ ] of: {}", words.join(", ")),
            Self::Secret => "write \"env:NAME\", \"file:PATH\" or \"cmd:PROGRAM WORDS\"".to_owned(),
            Self::Texts(_) | Self::Patterns | Self::Globs | Self::Programs | Self::Argv => {
                "write a list in [ ], each text in quotes".to_owned()
            }
            Self::Flag => "write true or false, without quotes".to_owned(),
            Self::Count(from, to) => format!("it goes from {from} to {to}, without quotes"),
            Self::Number => "write a number, without quotes".to_owned(),
            Self::Figure => "write a number, \"0.1 %\" or \"500ms\"".to_owned(),
            Self::Duration | Self::Wait => "write \"5m\", \"90s\", \"1h\" or \"500ms\"".to_owned(),
            Self::Clock => "write \"14:00\"".to_owned(),
            Self::Moment => "write \"2026-12-18\" or \"2026-12-18 18:00\"".to_owned(),
            Self::Words => "write { production = [\"operate\", \"approve\"] }".to_owned(),
            Self::Keys => "write [keys] and below it: \"rollout.promote\" = [\"p\"]".to_owned(),
            Self::Table(inner) | Self::Tables(inner) | Self::OneOrMore(inner) => inner.example(),
        }
    }
}

impl Section {
    fn example(&self) -> String {
        let keys: Vec<&str> = self.keys.iter().map(|key| key.name).collect();
        if self.heading.starts_with('[') {
            format!("write {} and below it: {}", self.heading, keys.join(", "))
        } else {
            format!("write [{{ … }}] with: {}", keys.join(", "))
        }
    }
}
