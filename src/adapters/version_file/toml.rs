//! Where steps like `package.version` lead in a TOML text, by its bytes.

use std::ops::Range;

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Between the quotes of every text that the steps name; several where a list has several tables that fit.
pub(super) fn find(text: &str, steps: &str) -> Result<Vec<Range<usize>>, String> {
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        format!(
            "line {} is no TOML: {}",
            super::line(text, at),
            error.message()
        )
    })?;
    let steps: Vec<Step> = steps.split('.').map(Step::of).collect();
    let mut found = Vec::new();
    walk(table.get_ref(), &steps, &mut found);
    let mut texts = Vec::new();
    for value in found {
        match value.get_ref() {
            DeValue::String(_) => texts.push(inner(text, value.span())),
            DeValue::Table(table) if table.contains_key("workspace") => {
                return Err(
                    "it is inherited there: name the file and place of workspace.package.version"
                        .to_owned(),
                );
            }
            _ => return Err("the value there is no text".to_owned()),
        }
    }
    Ok(texts)
}

/// `package`, or `package[name=auth]`: those tables of a list whose `name` is `auth`.
struct Step<'a> {
    key: &'a str,
    only: Option<(&'a str, &'a str)>,
}

impl<'a> Step<'a> {
    fn of(text: &'a str) -> Self {
        let only = text.split_once('[').and_then(|(key, rest)| {
            let (name, value) = rest.strip_suffix(']')?.split_once('=')?;
            Some((key, (name, value)))
        });
        match only {
            Some((key, only)) => Self {
                key,
                only: Some(only),
            },
            None => Self {
                key: text,
                only: None,
            },
        }
    }
}

fn walk<'t, 'i>(
    table: &'t DeTable<'i>,
    steps: &[Step<'_>],
    found: &mut Vec<&'t Spanned<DeValue<'i>>>,
) {
    let Some((step, rest)) = steps.split_first() else {
        return;
    };
    let Some(value) = table.get(step.key) else {
        return;
    };
    if rest.is_empty() {
        found.push(value);
        return;
    }
    match (value.get_ref(), step.only) {
        (DeValue::Table(inner), None) => walk(inner, rest, found),
        (DeValue::Array(list), Some((name, wanted))) => {
            for inner in list.iter().filter_map(|it| it.get_ref().as_table()) {
                let named = inner.get(name).and_then(|it| it.get_ref().as_str());
                if named == Some(wanted) {
                    walk(inner, rest, found);
                }
            }
        }
        _ => {}
    }
}

/// Without its quotes, of whichever kind.
fn inner(text: &str, span: Range<usize>) -> Range<usize> {
    let raw = text.get(span.clone()).unwrap_or_default();
    for quote in ["\"\"\"", "'''", "\"", "'"] {
        let long = raw.len() >= 2 * quote.len();
        if long && raw.starts_with(quote) && raw.ends_with(quote) {
            return span.start + quote.len()..span.end - quote.len();
        }
    }
    span
}
