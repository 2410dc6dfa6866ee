//! The command line: the verbs of SPEC §6. Each names the command that the screen's action names, and runs it through
//! the same facts, gates, `decide`, process manager and executor.

mod acting;
mod args;
mod attend;
mod beginning;
mod card;
mod completions;
mod drift;
pub mod exit;
mod flying;
mod follow;
mod headless;
mod hotfix;
mod import;
mod items;
mod looking_back;
mod man;
mod naming;
mod output;
mod places;
mod polling;
mod reading;
mod rehearse;
mod releasing;
mod telling;
mod trusting;

use std::path::{Path, PathBuf};

use clap::Parser as _;

use crate::{
    config::{self, Folders, Loaded},
    domain::workspace::Workspace,
    input::Keymap,
    runtime::logging,
};

pub use args::Cli;
use args::{Common, ConfigVerb, Verb};
pub use exit::Exit;
use headless::Headless;
use output::Output;

/// Parses, runs, and says how it ended.
pub fn main() -> std::process::ExitCode {
    if completions::answered() {
        return Exit::Done.into();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Done
            };
            return exit.into();
        }
    };
    let Ok(runtime) = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    else {
        return Exit::Failed.into();
    };
    let exit = runtime.block_on(run(cli));
    // A watch in the background does not keep the process.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    exit.into()
}

/// A file that may not grow is an error to be said, like a full disk; left alone the signal would end the process.
fn outlive_file_limits() {
    let signal = rustix::process::Signal::XFSZ.as_raw();
    let kind = tokio::signal::unix::SignalKind::from_raw(signal);
    if let Err(error) = tokio::signal::unix::signal(kind) {
        tracing::warn!(%error, "SIGXFSZ is not caught");
    }
}

async fn run(cli: Cli) -> Exit {
    outlive_file_limits();
    let Cli { common, verb } = cli;
    let folders = Folders::of_user(&|name| std::env::var_os(name));
    if let Some(folders) = &folders {
        let wanted = std::env::var("GONOGO_LOG").ok();
        logging::start(wanted.as_deref(), &folders.logs().join("gonogo.log"));
    }
    let output = Output::new(common.json);
    match verb {
        Some(Verb::Completions { shell }) => completions::script(shell, output),
        Some(Verb::Man) => man::print(output),
        Some(Verb::Keys { markdown }) => {
            let loaded = workspace(common.config.as_deref());
            let keymap = loaded.map_or_else(|_| Keymap::default(), |loaded| loaded.screen.keymap);
            reading::keys(markdown, &keymap, output)
        }
        Some(Verb::Config {
            verb: ConfigVerb::Check { example },
        }) => reading::config_check(&common, example, output),
        Some(Verb::Config {
            verb: ConfigVerb::Trust { revoke },
        }) => trusting::config_trust(&common, revoke, output),
        Some(Verb::Import { file, write }) => import::run(&file, write.as_deref(), output),
        Some(Verb::Rehearse(wish)) => Box::pin(rehearse::run(wish, &common, output)).await,
        Some(verb) => {
            let workspace = match load(&common) {
                Ok(workspace) => workspace,
                Err(exit) => return exit.told(output),
            };
            match Headless::open(workspace, common, output).await {
                Ok(mut headless) => Box::pin(headless.run(verb)).await,
                Err((exit, output)) => exit.told(output),
            }
        }
        None => {
            let loaded = match workspace(common.config.as_deref()) {
                Ok(loaded) => loaded,
                Err(exit) => return exit.told(output),
            };
            Box::pin(rehearse::cockpit_on(loaded, &common, output)).await
        }
    }
}

/// What went wrong before anything ran.
struct Early {
    exit: Exit,
    text: String,
}

impl Early {
    fn told(self, output: Output) -> Exit {
        output.say(&self.text);
        self.exit
    }
}

/// The configuration, wherever it is; else a sentence that says where it was looked for.
fn load(common: &Common) -> Result<Workspace, Early> {
    workspace(common.config.as_deref()).map(|loaded| loaded.workspace)
}

fn workspace(explicit: Option<&Path>) -> Result<Loaded, Early> {
    let env = |name: &str| std::env::var_os(name);
    let folders = Folders::of_user(&env);
    let here = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
    let repository = config::paths::repository(&here);
    let places = config::paths::places(explicit, &env, folders.as_ref(), repository);
    let usage = |text: String| Early {
        exit: Exit::Usage,
        text,
    };
    let Some(place) = config::paths::find(&places) else {
        let looked: Vec<String> = places
            .iter()
            .map(|place| format!("  {} ({})", place.path.display(), place.why))
            .collect();
        return Err(usage(format!(
            "gonogo: no configuration. Looked at:\n{}\nTry the practice cluster: gonogo rehearse\nOr start from the example: gonogo config check --example > gonogo.toml",
            looked.join("\n")
        )));
    };
    config::load_with(&place.path, place.trust, folders.as_ref())
        .map_err(|problems| usage(problems.to_string()))
}
