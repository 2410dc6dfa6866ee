//! The manual page, from the grammar and the tables: every verb with its options, exit codes, files and variables.

use std::io;

use clap::{Arg, Command, CommandFactory as _};
use clap_mangen::{
    Man,
    roff::{Inline, Roff, bold, italic, roman},
};

use super::{args::Cli, completions, exit::Exit, output::Output};
use crate::config::paths;

/// The variables that are read, here or by a library for us. A test looks for others in the sources.
const VARIABLES: &[(&str, &str)] = &[
    (
        paths::FOLDER_VARIABLE,
        "a folder that holds everything of one workspace: gonogo.toml, data/ and state/",
    ),
    (
        "GONOGO_LOG",
        "what is logged, e.g. debug or gonogo=trace; off when it is not set",
    ),
    (
        completions::VARIABLE,
        "set by the completion scripts, when they ask what may be typed",
    ),
    (
        "KUBECONFIG",
        "where kubeconfig files are, for targets that name none",
    ),
    (
        "NO_COLOR",
        "when set and not empty, no colours unless --color always says so",
    ),
    (
        "COLORTERM",
        "truecolor or 24bit where the terminal has all colours",
    ),
    (
        "COLORFGBG",
        "whether the ground is light, where the terminal does not say it itself (theme auto)",
    ),
    ("TERM", "what the terminal can do"),
    (
        "TMUX",
        "inside tmux, what is copied is handed through it as well",
    ),
    (
        "PATH",
        "where credential plugins are found that a kubeconfig names without a folder",
    ),
    (
        "USER, LOGNAME",
        "the account that acts, where --as names nobody",
    ),
    ("HOSTNAME", "this machine's name, as the ledger keeps it"),
    (
        "HTTPS_PROXY, NO_PROXY",
        "the way to clusters and registries; never used for this machine itself",
    ),
];

/// What is kept where, as on Linux; elsewhere as the platform prescribes.
const FILES: &[(&str, &str)] = &[
    (
        "$XDG_CONFIG_HOME/gonogo/gonogo.toml",
        "the configuration (~/.config), unless --config names another or $GONOGO_CONFIG_DIR holds one",
    ),
    (
        "gonogo.toml",
        "at the root of a repository: read where there is no other; it may not name kubeconfigs, programs or the ledger",
    ),
    (
        "$XDG_DATA_HOME/gonogo/ledger.sqlite",
        "the ledger (~/.local/share), unless the configuration says otherwise",
    ),
    (
        "$XDG_STATE_HOME/gonogo/logs/gonogo.log",
        "the log (~/.local/state), when $GONOGO_LOG asks for one",
    ),
    (
        "$XDG_STATE_HOME/gonogo/last-seen.json",
        "what was on the screen last; may be deleted",
    ),
];

/// What is typed from the first look to the way back. A test parses each.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "gonogo rehearse --scenario bad-canary",
        "the whole cockpit on a practice cluster: nothing is real",
    ),
    (
        "gonogo status production",
        "what is live there, how it is, and what waits for somebody",
    ),
    (
        "gonogo plan production auth-service v1.3.0 --sample",
        "every gate with its sentence, after one window of figures; stores nothing",
    ),
    (
        "gonogo request production auth-service 42 --reason 'weekly train'",
        "stores the plan and asks its approvers",
    ),
    (
        "gonogo approve production auth-service --plan sha256:0f3a --reason 'read the migration'",
        "GO for exactly that plan",
    ),
    (
        "gonogo deploy production auth-service 42 --reason 'weekly train' --wait --yes --confirm 42",
        "request and take off in one, without questions, until a person is needed",
    ),
    (
        "gonogo promote production auth-service --step 1 --yes",
        "from that step to the next, and refused if somebody was first",
    ),
    (
        "gonogo rollback production auth-service --reason 'latency over its limit' --dry-run",
        "prints the requests that a rollback would send, and sends nothing",
    ),
    (
        "gonogo --plain",
        "the same session as lines, for screen readers and pipes",
    ),
];

pub fn print(output: Output) -> Exit {
    match page() {
        Ok(page) => {
            output.own(page.trim_end());
            Exit::Done
        }
        Err(_) => Exit::Failed,
    }
}

fn page() -> io::Result<String> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone()).manual("gonogo");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    synopsis(&command).to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    verbs(&command).to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    table("EXAMPLES", EXAMPLES.iter().copied()).to_writer(&mut page)?;
    let exits = Exit::ALL.map(|exit| ((exit as u8).to_string(), exit.meaning()));
    let exits = exits.iter().map(|(code, why)| (code.as_str(), *why));
    table("EXIT STATUS", exits).to_writer(&mut page)?;
    table("FILES", FILES.iter().copied()).to_writer(&mut page)?;
    table("ENVIRONMENT", VARIABLES.iter().copied()).to_writer(&mut page)?;
    man.render_version_section(&mut page)?;
    String::from_utf8(page).map_err(io::Error::other)
}

/// Every verb on a line of its own, with what it takes.
fn synopsis(command: &Command) -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold("gonogo"), roman(" ["), italic("OPTIONS"), roman("]")]);
    lines(command, &mut Vec::new(), &mut roff);
    roff
}

fn lines<'a>(command: &'a Command, path: &mut Vec<&'a str>, roff: &mut Roff) {
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        path.push(verb.get_name());
        if verb.has_subcommands() {
            lines(verb, path, roff);
        } else {
            let (words, options) = arguments(verb);
            let mut title = titled(&path.join(" "), &words);
            for option in options {
                let Some(long) = option.get_long() else {
                    continue;
                };
                let mut typed = vec![bold(format!("--{long}"))];
                if option.get_action().takes_values() {
                    typed.extend([roman(" "), italic(value(option))]);
                }
                title.push(roman(" "));
                if option.is_required_set() {
                    title.extend(typed);
                } else {
                    title.push(roman("["));
                    title.extend(typed);
                    title.push(roman("]"));
                }
            }
            roff.control("br", []);
            roff.text(title);
        }
        path.pop();
    }
}

/// Its own words and options; those of all verbs stand under OPTIONS.
fn arguments(verb: &Command) -> (Vec<&Arg>, Vec<&Arg>) {
    verb.get_arguments()
        .filter(|arg| !arg.is_hide_set() && !arg.is_global_set() && arg.get_id() != "help")
        .partition(|arg| arg.is_positional())
}

/// `gonogo promote ENV PROJECT`
fn titled(name: &str, words: &[&Arg]) -> Vec<Inline> {
    let mut title = vec![bold(format!("gonogo {name}"))];
    for word in words {
        let typed = value(word);
        title.push(roman(" "));
        if word.is_required_set() {
            title.push(italic(typed));
        } else {
            title.extend([roman("["), italic(typed), roman("]")]);
        }
    }
    title
}

/// Every verb with its own options; those of all verbs stand under OPTIONS.
fn verbs(command: &Command) -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["VERBS"]);
    leaves(command, &mut Vec::new(), &mut roff);
    roff
}

fn leaves<'a>(command: &'a Command, path: &mut Vec<&'a str>, roff: &mut Roff) {
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        path.push(verb.get_name());
        if verb.has_subcommands() {
            leaves(verb, path, roff);
        } else {
            one(verb, &path.join(" "), roff);
        }
        path.pop();
    }
}

fn one(verb: &Command, name: &str, roff: &mut Roff) {
    let (words, options) = arguments(verb);
    roff.control("TP", []);
    roff.text(titled(name, &words));
    let about = verb.get_about().map(ToString::to_string);
    roff.text([roman(about.unwrap_or_default())]);
    for option in options {
        let help = option.get_help().map(ToString::to_string);
        let mut typed = option
            .get_long()
            .map_or_else(String::new, |long| format!("--{long}"));
        if option.get_action().takes_values() {
            typed = format!("{typed} {}", value(option));
        }
        roff.control("br", []);
        let help = help.filter(|help| !help.is_empty());
        let must = if option.is_required_set() {
            " (required)"
        } else {
            ""
        };
        roff.text([
            bold(typed),
            roman(help.map_or_else(|| must.to_owned(), |help| format!(": {help}{must}"))),
        ]);
    }
}

fn value(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names
        .first()
        .map_or_else(|| arg.get_id().as_str().to_uppercase(), ToString::to_string)
}

fn table<'a>(title: &str, rows: impl Iterator<Item = (&'a str, &'a str)>) -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", [title]);
    for (name, meaning) in rows {
        roff.control("TP", []);
        roff.text([bold(name)]);
        roff.text([roman(meaning)]);
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_on_the_page_and_can_be_typed() {
        use clap::Parser as _;
        let page = page()
            .unwrap_or_default()
            .replace("\\-", "-")
            .replace("\\(aq", "'");
        for (line, _) in EXAMPLES {
            let mut words: Vec<String> = Vec::new();
            for (index, part) in line.split('\'').enumerate() {
                if index % 2 == 1 {
                    words.push(part.to_owned());
                } else {
                    words.extend(part.split_whitespace().map(str::to_owned));
                }
            }
            assert!(Cli::try_parse_from(&words).is_ok(), "{line}: {words:?}");
            assert!(page.contains(words[1].as_str()), "{line}");
        }
        let synopsis = page.split("VERBS").next().unwrap_or_default();
        for words in ["SYNOPSIS", "gonogo promote", "--step", "--reason"] {
            assert!(synopsis.contains(words), "{words} in {synopsis}");
        }
    }

    /// What is read in `src/`, by the names in quotes after `env::var`.
    #[test]
    fn every_variable_that_is_read_is_on_the_page() {
        let page = page().unwrap_or_default().replace("\\-", "-");
        let mut seen = 0;
        let mut folders = vec![std::path::PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src"
        ))];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).expect("text");
                for part in text.split("env::var").skip(1) {
                    let name = part
                        .trim_start_matches("_os")
                        .strip_prefix("(\"")
                        .and_then(|rest| rest.split('"').next());
                    if let Some(name) = name.filter(|name| *name != "(\"") {
                        seen += 1;
                        assert!(page.contains(name), "{name}, read in {}", path.display());
                    }
                }
            }
        }
        assert!(seen >= 3, "the test sees too little");
    }
}
