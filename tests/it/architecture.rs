//! The rules of the house, read from the sources: who may name whom, who may touch the outside, and who may
//! read a clock. Each breach says why it is one. The table is that of `src/lib.rs`; change both together.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// What a folder may name: other folders of ours, and crates that touch the outside.
struct Rule {
    folder: &'static str,
    ours: &'static [&'static str],
    outside: &'static [&'static str],
}

const EVERYTHING: &[&str] = &["*"];

#[rustfmt::skip]
const RULES: &[Rule] = &[
    Rule { folder: "domain",    ours: &[],                                               outside: &[] },
    Rule { folder: "policy",    ours: &["domain"],                                       outside: &[] },
    Rule { folder: "input",     ours: &[],                                               outside: &[] },
    Rule { folder: "flight",    ours: &["domain", "policy"],                             outside: &[] },
    Rule { folder: "session",   ours: &["domain", "policy", "flight", "input"],          outside: &["nucleo_matcher", "tui_input"] },
    Rule { folder: "ports",     ours: &["domain"],                                       outside: &["tokio_util"] },
    Rule { folder: "config",    ours: &["domain", "input"],                              outside: &["toml", "toml_edit", "directories", "std::fs", "std::env", "std::process"] },
    Rule { folder: "ui",        ours: &["domain", "policy", "input", "session"],         outside: &["ratatui", "toml"] },
    Rule { folder: "adapters",  ours: &["domain", "ports", "config"],
           outside: &["kube", "k8s_openapi", "reqwest", "git2", "prometheus_parse", "sqlx", "tokio", "tokio_util", "tokio_rustls", "rustls",
                      "hyper", "hyper_util", "tower", "toml", "toml_edit", "tempfile", "std::fs", "std::env", "std::process", "std::net"] },
    Rule { folder: "simulator", ours: &["domain"],
           outside: &["axum", "tokio", "tokio_util", "tokio_rustls", "rustls", "rcgen", "git2", "hyper", "hyper_util", "tower", "tempfile",
                      "std::fs", "std::env", "std::process", "std::net"] },
    Rule { folder: "server",    ours: &["domain", "policy", "flight", "ports", "config"],
           outside: &["axum", "tokio", "tokio_util", "tokio_rustls", "rustls", "hyper", "hyper_util", "tower", "std::net"] },
    Rule { folder: "runtime",   ours: EVERYTHING, outside: EVERYTHING },
    Rule { folder: "cli",       ours: EVERYTHING, outside: EVERYTHING },
    Rule { folder: "main",      ours: EVERYTHING, outside: EVERYTHING },
    Rule { folder: "lib",       ours: EVERYTHING, outside: &[] },
];

/// Crates, and parts of the standard library, that touch something outside of the program. The rest is pure.
const OUTSIDE: &[&str] = &[
    "axum",
    "clap",
    "clap_complete",
    "crossterm",
    "directories",
    "git2",
    "hyper",
    "hyper_util",
    "k8s_openapi",
    "kube",
    "nucleo_matcher",
    "prometheus_parse",
    "ratatui",
    "rcgen",
    "reqwest",
    "rustls",
    "sqlx",
    "tempfile",
    "tokio",
    "tokio_rustls",
    "tokio_util",
    "toml",
    "toml_edit",
    "tower",
    "tracing_subscriber",
    "tui_input",
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
];

/// Words that only some places may use, with the reason.
struct Word {
    words: &'static [&'static str],
    allowed: &'static [&'static str],
    why: &'static str,
}

const WORDS: &[Word] = &[
    Word {
        words: &[
            "Timestamp::now",
            "Zoned::now",
            "SystemTime::now",
            "Instant::now",
        ],
        allowed: &[
            "src/runtime",
            "src/simulator",
            "src/server",
            "src/cli",
            "src/main.rs",
        ],
        why: "only the runtime reads a clock: everything else compares times it was given, so that it can be tested and replayed",
    },
    Word {
        words: &["tokio::spawn", "task::spawn", "thread::spawn"],
        allowed: &[
            "src/runtime",
            "src/simulator",
            "src/server",
            "src/cli",
            "src/main.rs",
        ],
        why: "only the runtime starts tasks: it must be able to end them all and to hear of their panics",
    },
    Word {
        words: &["Color::", "Stylize"],
        allowed: &["src/ui/theme"],
        why: "drawing names roles and themes name colours, or NO_COLOR and colour-blind eyes are forgotten",
    },
    Word {
        words: &["KeyCode"],
        allowed: &["src/runtime/keys.rs"],
        why: "keys are translated in one place, so that every key can be remapped, recorded and replayed",
    },
    Word {
        words: &["set_symbol", "set_char"],
        allowed: &[],
        why: "it writes into a cell past the sanitiser, escape sequences included; use ui::text::put",
    },
];

#[derive(Debug, PartialEq, Eq)]
struct Breach {
    path: String,
    line: usize,
    message: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

#[test]
fn the_sources_keep_the_rules_of_the_house() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    sources(&root.join("tests"), &mut files);
    assert!(
        files.len() > 10,
        "the walk found only {} files",
        files.len()
    );
    let mut found = Vec::new();
    for file in files {
        let path = file
            .strip_prefix(root)
            .unwrap()
            .to_string_lossy()
            .replace('\\', "/");
        found.extend(breaches(&path, &std::fs::read_to_string(&file).unwrap()));
    }
    let told: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(
        told.is_empty(),
        "{} breaches of the house rules:\n{}",
        told.len(),
        told.join("\n")
    );
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Everything in one file that breaks a rule. In `tests/` only the form of the file is looked at.
fn breaches(path: &str, source: &str) -> Vec<Breach> {
    let mut found = Vec::new();
    let mut tell = |line: usize, message: String| {
        found.push(Breach {
            path: path.to_owned(),
            line,
            message,
        });
    };
    if !source.starts_with("//!") {
        tell(
            1,
            "begins without `//!`: say what this file owns, and what it must not know".to_owned(),
        );
    }
    if path.ends_with("/mod.rs") {
        tell(1, "is a mod.rs: a module foo is foo.rs beside foo/, so that every tab in an editor has a name".to_owned());
    }
    let Some(inside) = path.strip_prefix("src/") else {
        return found;
    };
    let folder = inside
        .split('/')
        .next()
        .unwrap_or_default()
        .trim_end_matches(".rs");
    let code = without_unit_tests(&without_words(source));
    let Some(rule) = RULES.iter().find(|rule| rule.folder == folder) else {
        tell(
            1,
            format!(
                "`{folder}` has no row in the table of who may name whom; add one here and in src/lib.rs"
            ),
        );
        return found;
    };
    for (at, other) in own_folders(inside, &code) {
        if other != folder && !allows(rule.ours, &other) && !is_item_of_the_root(&other) {
            let may = if rule.ours.is_empty() {
                "nothing of ours".to_owned()
            } else {
                rule.ours.join(", ")
            };
            tell(
                line_of(&code, at),
                format!(
                    "`{folder}` may not name `{other}` (it may name {may}): dependencies go one way"
                ),
            );
        }
    }
    for name in OUTSIDE {
        for at in crate_uses(&code, name) {
            if !allows(rule.outside, name) {
                tell(
                    line_of(&code, at),
                    format!(
                        "`{folder}` may not use `{name}`: it is kept from the outside, so that it can be tested and replayed"
                    ),
                );
            }
        }
    }
    for word in WORDS {
        let allowed = word.allowed.iter().any(|place| path.starts_with(place));
        for (at, text) in word
            .words
            .iter()
            .flat_map(|text| uses(&code, text).map(move |at| (at, text)))
        {
            if !allowed {
                tell(line_of(&code, at), format!("`{text}`: {}", word.why));
            }
        }
    }
    found.sort_by_key(|breach| breach.line);
    found
}

fn allows(list: &[&str], name: &str) -> bool {
    list.contains(&"*") || list.contains(&name)
}

/// What the root itself defines is open to all; folders are what the table is about.
fn is_item_of_the_root(name: &str) -> bool {
    !RULES.iter().any(|rule| rule.folder == name)
}

/// The folders of ours that a file names: by `crate::x`, `crate::{x, y}`, or enough `super`s to reach the root.
fn own_folders(inside: &str, code: &str) -> Vec<(usize, String)> {
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
fn crate_uses<'a>(code: &'a str, name: &'a str) -> impl Iterator<Item = usize> + 'a {
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
fn uses<'a>(code: &'a str, text: &'a str) -> impl Iterator<Item = usize> + 'a {
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

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

/// The code with comments and the insides of strings and characters blanked, lines kept.
fn without_words(source: &str) -> String {
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
fn without_unit_tests(code: &str) -> String {
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

mod checker {
    //! The checker sees what it should, and only that.

    use super::breaches;

    fn check(path: &str, code: &str, expect: &[(usize, &str)]) {
        let found = breaches(path, &format!("//! About.\n{code}"));
        let told: Vec<(usize, &str)> = found
            .iter()
            .map(|breach| (breach.line, breach.message.as_str()))
            .collect();
        assert_eq!(told.len(), expect.len(), "{path}: {told:?}");
        for ((line, message), (expected, part)) in told.iter().zip(expect) {
            assert!(
                line == expected && message.contains(part),
                "{path}:{line}: {message}; expected {expected}: {part}"
            );
        }
    }

    #[test]
    fn folders_that_may_not_be_named() {
        check(
            "src/domain/release.rs",
            "use crate::policy::gate;",
            &[(2, "`domain` may not name `policy`")],
        );
        check(
            "src/domain/release.rs",
            "use crate::domain::text::Clean;",
            &[],
        );
        check(
            "src/policy/gate.rs",
            "use crate::{\n domain::{plan, ui},\n runtime::clock,\n};",
            &[(2, "`policy` may not name `runtime`")],
        );
        check(
            "src/ui/panes/fleet.rs",
            "fn f() { crate::adapters::kubernetes::get(); }",
            &[(2, "`ui` may not name `adapters`")],
        );
        check(
            "src/domain/release.rs",
            "use super::super::policy;",
            &[(2, "`domain` may not name `policy`")],
        );
        check("src/domain/release.rs", "use super::policy;", &[]);
        check(
            "src/domain.rs",
            "use super::ui;",
            &[(2, "`domain` may not name `ui`")],
        );
        check("src/runtime/run.rs", "use crate::{adapters, ui};", &[]);
        check("src/gadgets/one.rs", "", &[(1, "`gadgets` has no row")]);
    }

    #[test]
    fn crates_that_touch_the_outside() {
        check(
            "src/input/chord.rs",
            "use crossterm::event::Event;",
            &[(2, "`input` may not use `crossterm`")],
        );
        check(
            "src/ui/draw.rs",
            "fn f() { ::tokio::time::sleep(x); std::fs::read(y); }",
            &[(2, "tokio"), (2, "std::fs")],
        );
        check("src/policy/gate.rs", "use kube;", &[(2, "kube")]);
        check(
            "src/adapters/registry.rs",
            "use crate::adapters::git2::x; use kube::Api;",
            &[],
        );
        check(
            "src/policy/gate.rs",
            "let x = self.tokio; let my_tokio::y = crate::policy::kube::z;",
            &[],
        );
        check("src/ui/draw.rs", "use ratatui::buffer::Buffer;", &[]);
    }

    #[test]
    fn clocks_tasks_colours_keys_and_raw_cells() {
        check(
            "src/adapters/http.rs",
            "let at = Timestamp::now();",
            &[(2, "reads a clock")],
        );
        check(
            "src/session/update.rs",
            "\nlet at = std::time::Instant::now();",
            &[(3, "reads a clock")],
        );
        check("src/simulator/world.rs", "let at = Timestamp::now();", &[]);
        check(
            "src/adapters/http.rs",
            "tokio::spawn(async {});",
            &[(2, "starts tasks")],
        );
        check(
            "src/ui/panes/fleet.rs",
            "Style::new().fg(Color::Red)",
            &[(2, "themes name colours")],
        );
        check("src/ui/theme/colour.rs", "Color::Red", &[]);
        check(
            "src/runtime/run.rs",
            "use crossterm::event::KeyCode;",
            &[(2, "in one place")],
        );
        check("src/runtime/keys.rs", "use crossterm::event::KeyCode;", &[]);
        check(
            "src/runtime/run.rs",
            "cell.set_symbol(x);",
            &[(2, "past the sanitiser")],
        );
    }

    #[test]
    fn words_in_comments_strings_and_unit_tests_are_no_breach() {
        let harmless = r##"
            /// Unlike `Instant::now`, and crate::policy.
            /* Color:: /* nested */ KeyCode */
            const TEXT: &str = "crate::policy \" Color::Red";
            const RAW: &str = r#"Color::Red "quoted" crate::ui"#;
            const QUOTE: char = '"'; const ESCAPED: char = '\''; const UNIT: &'static str = "tokio::spawn";
            #[cfg(test)]
            mod tests {
                fn f() { if true { Instant::now(); } }
            }
        "##;
        check("src/domain/release.rs", harmless, &[]);
        check(
            "src/domain/release.rs",
            &format!("{harmless}\nColor::Red"),
            &[(13, "Color::")],
        );
    }

    #[test]
    fn the_form_of_a_file() {
        let found = breaches("src/domain/release.rs", "use std::fmt;\n");
        assert_eq!(found.len(), 1);
        assert!(
            found[0]
                .to_string()
                .starts_with("src/domain/release.rs:1: begins without `//!`"),
            "{}",
            found[0]
        );
        check("src/domain/mod.rs", "", &[(1, "mod.rs")]);
        check("tests/it/any.rs", "use gonogo::ui; Color::Red;", &[]);
    }
}
