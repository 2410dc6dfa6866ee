//! Reads Rust source just well enough to tell code from words, and to find the names that it uses.

use std::collections::BTreeSet;

/// The folders of ours that a file names: by `crate::x`, `crate::{x, y}`, or enough `super`s to reach the root.
pub fn own_folders(inside: &str, code: &str) -> Vec<(usize, String)> {
    let depth = inside.split('/').count();
    let climb = "super::".repeat(depth);
    let mut named = Vec::new();
    for start in ["crate::", climb.as_str()] {
        for at in uses(code, start) {
            let rest = &code[at + start.len()..];
            match rest.trim_start().strip_prefix('{') {
                Some(group) => named.extend(heads(group).into_iter().map(|head| (at, head))),
                None => named.push((at, ident(rest))),
            }
        }
    }
    // A glob of the root would name everything.
    named
        .into_iter()
        .filter(|(_, name)| !name.is_empty())
        .collect()
}

/// The first word of each entry of a `use` group, given what follows its opening brace.
fn heads(group: &str) -> BTreeSet<String> {
    let mut heads = BTreeSet::new();
    let (mut depth, mut entry_begins) = (0_i32, true);
    for (at, symbol) in group.char_indices() {
        match symbol {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => entry_begins = true,
            _ if entry_begins && !symbol.is_whitespace() => {
                heads.insert(ident(&group[at..]));
                entry_begins = false;
            }
            _ => {}
        }
    }
    heads
}

/// Uses of a crate by name: not a field, a local module or a part of a longer name that is spelt like it.
pub fn crate_uses<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
    uses(code, name).filter(move |at| {
        let (before, after) = (code[..*at].trim_end(), code[at + name.len()..].trim_start());
        let path = before.strip_suffix("::");
        let local = path.is_some_and(|path| path.ends_with(is_word)) || before.ends_with('.');
        let names_it = after.starts_with("::")
            || (before.ends_with("use") && after.starts_with([';', ' ', 'a']));
        !local && names_it
    })
}

/// Where `text` stands as a whole word.
pub fn uses<'a>(code: &'a str, text: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(text)
        .map(|(at, _)| at)
        .filter(move |at| {
            let begins = !code[..*at].ends_with(is_word);
            let ends = text.ends_with(':') || !code[at + text.len()..].starts_with(is_word);
            begins && ends
        })
}

fn is_word(symbol: char) -> bool {
    symbol.is_alphanumeric() || symbol == '_'
}

fn ident(text: &str) -> String {
    text.trim_start()
        .chars()
        .take_while(|symbol| is_word(*symbol))
        .collect()
}

pub fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// The code with comments and the insides of strings and characters blanked, lines kept.
pub fn without_words(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(symbol) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(hashes) = raw_string(rest).filter(|_| !out.ends_with(is_word)) {
            let end = format!("\"{}", "#".repeat(hashes));
            let open = hashes + 2 + usize::from(rest.starts_with('b'));
            rest[open..]
                .find(&end)
                .map_or(rest.len(), |at| open + at + end.len())
        } else if symbol == '"' {
            quoted(rest)
        } else if symbol == '\'' {
            character(rest)
        } else {
            out.push(symbol);
            rest = &rest[symbol.len_utf8()..];
            continue;
        };
        out.extend(
            rest[..length]
                .chars()
                .map(|symbol| if symbol == '\n' { '\n' } else { ' ' }),
        );
        rest = &rest[length..];
    }
    out
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// The number of hashes if a raw string begins here.
fn raw_string(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = rest.chars().take_while(|symbol| *symbol == '#').count();
    rest[hashes..].starts_with('"').then_some(hashes)
}

fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, symbol) in text.char_indices().skip(1) {
        match symbol {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// A character literal's length; a lifetime is one quote and stays.
fn character(text: &str) -> usize {
    let mut symbols = text.char_indices().skip(1);
    match (symbols.next(), symbols.next()) {
        (Some((_, '\\')), Some((at, symbol))) => {
            let after = at + symbol.len_utf8();
            text[after..].find('\'').map_or(1, |end| after + end + 1)
        }
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// The code with `#[cfg(test)]` modules blanked: tests may look where the code may not.
pub fn without_unit_tests(code: &str) -> String {
    let mut out = code.to_owned();
    let mut from = 0;
    while let Some(found) = out[from..].find("#[cfg(test)]") {
        let start = from + found;
        from = start + 1;
        let Some(open) = out[start..].find('{').map(|at| start + at) else {
            break;
        };
        if !uses(&out[start..open], "mod").any(|_| true) {
            continue;
        }
        let mut depth = 0_u32;
        let close = out[open..].char_indices().find_map(|(at, symbol)| {
            match symbol {
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            (depth == 0).then_some(open + at + 1)
        });
        let end = close.unwrap_or(out.len());
        let blank: String = out[start..end]
            .chars()
            .map(|symbol| if symbol == '\n' { '\n' } else { ' ' })
            .collect();
        out.replace_range(start..end, &blank);
    }
    out
}
