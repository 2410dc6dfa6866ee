//! `config trust`: shows what a configuration that came with a repository would run and decide, and lets it from then on.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, IsTerminal as _},
    path::{Path, PathBuf},
};

use serde_json::json;

use crate::{
    config::{self, Folders, Trust, paths, trust},
    domain::{plan::CommandSpec, plan::ItemSpec, workspace::Workspace},
};

use super::{args::Common, exit::Exit, output::Output};

pub fn config_trust(common: &Common, revoke: bool, output: Output) -> Exit {
    let env = |name: &str| std::env::var_os(name);
    let Some(folders) = Folders::of_user(&env) else {
        output.say(
            "gonogo: there is no home folder to keep that in; name one with GONOGO_CONFIG_DIR",
        );
        return Exit::Usage;
    };
    let Some(file) = file(common.config.as_deref()) else {
        output.say("gonogo: no gonogo.toml in this repository; name the file with --config");
        return Exit::NotFound;
    };
    if revoke {
        return match trust::revoke(&folders, &file) {
            Ok(was) => {
                let object = json!({"file": file, "trusted": false, "was": was});
                output.data(false, object, || {
                    let word = if was {
                        "is not trusted any more"
                    } else {
                        "was not trusted"
                    };
                    vec![format!("{} {word}", file.display())]
                });
                Exit::Done
            }
            Err(error) => unkept(&error, output),
        };
    }
    // One reading: what is shown, parsed and trusted is the same text.
    let text = match config::text(&file) {
        Ok(text) => text,
        Err(problems) => {
            output.say(&problems.to_string());
            return Exit::Usage;
        }
    };
    let loaded = match config::parse_with(&text, &file, Trust::Own, Some(&folders)) {
        Ok(loaded) => loaded,
        Err(problems) => {
            output.say(&problems.to_string());
            return Exit::Usage;
        }
    };
    let runs = runs(&loaded.workspace);
    output.say(&format!("{}", file.display()));
    for line in &runs {
        output.say(&format!("  would run {line}"));
    }
    output.say("  and may say whose word counts, where the ledger is, which programs sign in to clusters, and what keys do");
    if !agreed(common, output) {
        output.say("gonogo: not trusted; with --yes it is trusted without a question");
        return Exit::Usage;
    }
    match trust::trust(&folders, &file, &text) {
        Ok(digest) => {
            let object = json!({"file": file, "trusted": true, "digest": digest, "runs": runs});
            output.data(false, object, || {
                vec![format!(
                    "{} is trusted as it is now ({}); one changed letter, and it is not",
                    file.display(),
                    digest.short()
                )]
            });
            Exit::Done
        }
        Err(error) => unkept(&error, output),
    }
}

/// What is named, else what the repository here has.
fn file(explicit: Option<&Path>) -> Option<PathBuf> {
    if let Some(path) = explicit {
        return Some(path.to_owned());
    }
    let here = std::env::current_dir().ok()?;
    let file = paths::repository(&here)?.join(paths::FILE);
    file.is_file().then_some(file)
}

/// Every program that it could start, once.
fn runs(workspace: &Workspace) -> BTreeSet<String> {
    let commands = workspace
        .targets
        .iter()
        .flat_map(|target| &target.items)
        .filter_map(ItemSpec::command)
        .map(CommandSpec::line);
    let plugins = workspace
        .access
        .plugins
        .allow
        .iter()
        .map(|path| path.display().to_string());
    commands.chain(plugins).collect()
}

fn agreed(common: &Common, output: Output) -> bool {
    if common.yes {
        return true;
    }
    if !std::io::stdin().is_terminal() || common.json {
        return false;
    }
    output.say("type trust to confirm:");
    let mut typed = String::new();
    let read = std::io::stdin().lock().read_line(&mut typed);
    read.is_ok() && typed.trim() == "trust"
}

fn unkept(error: &std::io::Error, output: Output) -> Exit {
    output.say(&format!(
        "gonogo: that could not be kept: {error}; see whether gonogo's data folder can be written"
    ));
    Exit::Failed
}
