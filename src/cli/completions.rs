//! Completions for a shell: the script that asks us, and what we answer from the configuration, the repositories on this
//! machine and the ledger. Offline, with a deadline, and silent about whatever goes wrong: somebody is typing.

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    time::Duration,
};

use clap::{Arg, Command, CommandFactory as _};
use clap_complete::{
    CompleteEnv,
    engine::{ArgValueCompleter, CompletionCandidate},
    env::Shells,
};

use crate::{
    domain::{release::Release, workspace::Workspace},
    runtime::outside::Outside,
};

use super::{args::Cli, exit::Exit, output::Output};

/// Set by the scripts when they ask; a name of our own, since `COMPLETE` may be somebody else's.
pub const VARIABLE: &str = "GONOGO_COMPLETE";

/// Whoever pressed tab does not wait longer.
const PATIENCE: Duration = Duration::from_millis(800);

/// So many releases are offered before anything was typed.
const NEWEST: usize = 30;

/// Prints the script that a shell reads at its start.
pub fn script(shell: clap_complete::Shell, output: Output) -> Exit {
    let shells = Shells::builtins();
    let Some(writer) = shells.completer(&shell.to_string()) else {
        output.say(&format!("gonogo: no completions for {shell}"));
        return Exit::Usage;
    };
    let mut script = Vec::new();
    if writer
        .write_registration(VARIABLE, "gonogo", "gonogo", "gonogo", &mut script)
        .is_err()
    {
        return Exit::Failed;
    }
    output.own(String::from_utf8_lossy(&script).trim());
    Exit::Done
}

/// Whether a shell asked, and was answered.
pub fn answered() -> bool {
    if std::env::var_os(VARIABLE).is_none() {
        return false;
    }
    let here = std::env::current_dir().ok();
    // An error is a shell that we do not know: there is nobody to tell.
    CompleteEnv::with_factory(command)
        .var(VARIABLE)
        .bin("gonogo")
        .try_complete(std::env::args_os(), here.as_deref())
        .unwrap_or(true)
}

/// The grammar, knowing what its words may be. By the names of the arguments, so that a new verb is completed as well.
fn command() -> Command {
    knowing(Cli::command())
}

fn knowing(command: Command) -> Command {
    command.mut_args(completed).mut_subcommands(knowing)
}

fn completed(arg: Arg) -> Arg {
    let known: fn(&Asked) -> Vec<(String, String)> = match arg.get_id().as_str() {
        "environment" => environments,
        "project" => projects,
        "release" | "name" | "from" | "to" | "commit" => releases,
        "item" => items,
        "act_as" => people,
        _ => return arg,
    };
    arg.add(ArgValueCompleter::new(move |current: &OsStr| {
        candidates(current, known)
    }))
}

/// The words that are typed already, and the configuration they are about.
struct Asked {
    words: Vec<String>,
    workspace: Workspace,
}

fn candidates(
    current: &OsStr,
    known: fn(&Asked) -> Vec<(String, String)>,
) -> Vec<CompletionCandidate> {
    let Some(asked) = Asked::now() else {
        return Vec::new();
    };
    let typed = current.to_string_lossy();
    known(&asked)
        .into_iter()
        .filter(|(name, _)| name.starts_with(&*typed) && may_be_typed(name))
        .take(if typed.is_empty() { NEWEST } else { usize::MAX })
        .map(|(name, about)| CompletionCandidate::new(name).help(Some(about.into())))
        .collect()
}

/// A shell puts what it is offered into the line as it is. A tag may be called `v1;reboot`, and is not offered.
fn may_be_typed(name: &str) -> bool {
    !name.starts_with('-')
        && name
            .chars()
            .all(|symbol| symbol.is_ascii_alphanumeric() || "._/@+-".contains(symbol))
}

impl Asked {
    fn now() -> Option<Self> {
        // `gonogo -- gonogo --config FILE status …`
        let words: Vec<OsString> = std::env::args_os()
            .skip_while(|word| word != "--")
            .skip(2)
            .collect();
        let words: Vec<String> = words
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let workspace = super::workspace(config(&words).as_deref()).ok()?.workspace;
        Some(Self { words, workspace })
    }

    /// The first word that names a project in full or by its tail.
    fn project(&self) -> Option<&crate::domain::project::Project> {
        let mut words = self.words.iter();
        words.find_map(|word| self.workspace.find_project(word).ok())
    }
}

fn config(words: &[String]) -> Option<PathBuf> {
    words.iter().enumerate().find_map(|(at, word)| {
        let path = match word.strip_prefix("--config") {
            Some("") => words.get(at + 1)?,
            Some(rest) => rest.strip_prefix('=')?,
            None => return None,
        };
        Some(PathBuf::from(path))
    })
}

fn environments(asked: &Asked) -> Vec<(String, String)> {
    let named = asked.workspace.environments.iter();
    named
        .flat_map(|environment| {
            let own = environment.name.as_str().to_owned();
            let other = format!("another name of {own}");
            std::iter::once((own, environment.purpose.clone())).chain(
                environment
                    .other_names
                    .iter()
                    .map(move |name| (name.clone(), other.clone())),
            )
        })
        .collect()
}

/// The shortest name that is no other project's, and the whole one.
fn projects(asked: &Asked) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for project in &asked.workspace.projects {
        let (tail, whole) = (project.id.name(), project.id.as_str());
        if asked.workspace.find_project(tail).is_ok() {
            found.push((tail.to_owned(), whole.to_owned()));
        }
    }
    for project in &asked.workspace.projects {
        found.push((project.id.as_str().to_owned(), String::new()));
    }
    found
}

fn people(asked: &Asked) -> Vec<(String, String)> {
    let people = asked.workspace.people.iter();
    people
        .map(|person| (person.name.clone(), String::new()))
        .collect()
}

/// Of the target, where both of its names are typed; else of all targets of the project.
fn items(asked: &Asked) -> Vec<(String, String)> {
    let Some(project) = asked.project() else {
        return Vec::new();
    };
    let mut targets: Vec<_> = asked
        .workspace
        .targets
        .iter()
        .filter(|target| target.id.project == project.id)
        .collect();
    let environment = asked
        .words
        .iter()
        .find_map(|word| asked.workspace.find_environment(word).ok());
    if let Some(environment) = environment {
        targets.retain(|target| target.id.environment == environment.name);
    }
    targets
        .into_iter()
        .flat_map(|target| &target.items)
        .map(|item| (item.id.0.clone(), item.title.clone()))
        .collect()
}

/// Newest first, each under its number and then under its other names. Numbers are read, never given.
fn releases(asked: &Asked) -> Vec<(String, String)> {
    let Some(project) = asked.project() else {
        return Vec::new();
    };
    // Opening a ledger would make one.
    if !asked.workspace.ledger.is_file() {
        return Vec::new();
    }
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
    else {
        return Vec::new();
    };
    let (workspace, project) = (asked.workspace.clone(), project.clone());
    let read = async move {
        let outside = Outside::open(workspace).await.ok()?;
        outside.foretold(&project).await.ok()
    };
    let read = runtime.block_on(async { tokio::time::timeout(PATIENCE, read).await });
    runtime.shutdown_background();
    let releases: Vec<Release> = read.ok().flatten().unwrap_or_default();
    releases
        .iter()
        .rev()
        .flat_map(|release| {
            let about = release.subject.to_string();
            let aliases = release.aliases.iter().map(|alias| alias.name.to_string());
            std::iter::once(release.number.to_string())
                .chain(aliases)
                .map(move |name| (name, about.clone()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_would_read_as_more_than_a_word_is_not_offered() {
        for good in ["42", "v1.2.3-rc.1", "main-42", "acme/shop/auth", "a@b+c_d"] {
            assert!(may_be_typed(good), "{good}");
        }
        for bad in [
            "v1;reboot",
            "$(id)",
            "`id`",
            "a b",
            "a&b",
            "-x",
            "a'b",
            "ä",
            "a\u{1b}",
        ] {
            assert!(!may_be_typed(bad), "{bad}");
        }
    }

    #[test]
    fn the_configuration_is_the_one_on_the_line() {
        let of = |line: &str| {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            config(&words)
        };
        assert_eq!(of("status --config a.toml"), Some("a.toml".into()));
        assert_eq!(of("--config=b.toml status"), Some("b.toml".into()));
        assert_eq!(of("status"), None);
        assert_eq!(of("status --config"), None);
    }
}
