//! The rules of the house, read from the sources: who may name whom, who may touch the outside, and who may
//! read a clock. Each breach says why it is one. The table is that of `src/lib.rs`; change both together.

mod checker;
mod code;
mod page;

use std::fmt;
use std::path::{Path, PathBuf};

use code::{crate_uses, line_of, own_folders, uses, without_unit_tests, without_words};

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
           outside: &["axum", "k8s_openapi", "tokio", "tokio_util", "tokio_rustls", "rustls", "rcgen", "git2", "hyper", "hyper_util", "tower", "tempfile",
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
        words: &["Timestamp::now", "Zoned::now", "SystemTime::now"],
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
        words: &["Instant::now"],
        allowed: &[
            "src/runtime",
            "src/simulator",
            "src/server",
            "src/cli",
            "src/main.rs",
            // A stopwatch for deadlines and latencies; it tells no time that is kept.
            "src/adapters",
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
        words: &["unbounded_channel", "mpsc::unbounded"],
        allowed: &[],
        why: "what waits without a bound grows without one: readings go on the board, everything else through a channel with a size",
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
        } else if path.file_name().is_some_and(|name| name == "tests.rs") {
            // Unit tests that grew into a file of their own are unit tests still.
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
