//! `gonogo rehearse`: the cockpit on the practice cluster, or the practice cluster alone.

use std::sync::Arc;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::{
    config::{Folders, Loaded, Screen},
    runtime::{
        kept::Kept,
        outside::Outside,
        plain,
        rehearsal::{self, Rehearsal},
        run::{self, Wishes},
    },
    simulator::Scenario,
    ui::theme::ColourChoice,
};

use super::{
    args::{Colour, Common, Wish},
    exit::Exit,
    follow,
    headless::operator,
    output::Output,
};

pub async fn run(wish: Wish, common: &Common, output: Output) -> Exit {
    let scenario: Scenario = match wish.scenario.parse() {
        Ok(scenario) => scenario,
        Err(error) => {
            output.say(&format!("gonogo: {error}"));
            return Exit::Usage;
        }
    };
    if !(wish.speed.is_finite() && wish.speed > 0.0) {
        output.say("gonogo: --speed is a number above 0");
        return Exit::Usage;
    }
    let wished = rehearsal::Wish {
        scenario,
        seed: wish.seed,
        speed: wish.speed,
    };
    let (dir, own) = match &wish.dir {
        Some(dir) => (
            std::path::absolute(dir).unwrap_or_else(|_| dir.clone()),
            false,
        ),
        None => match rehearsal::own_folder() {
            Ok(dir) => (dir, true),
            Err(fault) => {
                output.fault(true, &fault);
                return Exit::Failed;
            }
        },
    };
    let exit = match Rehearsal::start(wished, &dir).await {
        Ok(rehearsal) if wish.serve => serve(rehearsal, output).await,
        Ok(rehearsal) => Box::pin(cockpit(rehearsal, common, output)).await,
        Err(fault) => {
            output.fault(true, &fault);
            Exit::Failed
        }
    };
    if own {
        // Nothing is left behind.
        let _ = std::fs::remove_dir_all(&dir);
    }
    exit
}

async fn serve(rehearsal: Rehearsal, output: Output) -> Exit {
    let dir = rehearsal.dir.display().to_string();
    let object = json!({"ready": true, "dir": dir, "api": rehearsal.practice.api_url(), "registry": rehearsal.practice.registry_url()});
    output.data(true, object, || {
        vec![
            format!("practice cluster ready on {}", rehearsal.practice.api_url()),
            format!("  kubectl --kubeconfig {dir}/kubeconfig get rollouts -A"),
            format!("  gonogo --config {dir}/gonogo.toml status"),
            "ctrl-c stops it".to_owned(),
        ]
    });
    run::interrupted().await;
    rehearsal.stop().await;
    Exit::Done
}

async fn cockpit(rehearsal: Rehearsal, common: &Common, output: Output) -> Exit {
    let cancel = CancellationToken::new();
    let colleagues = tokio::spawn(rehearsal::answer_requests(
        Arc::clone(&rehearsal.outside),
        cancel.clone(),
    ));
    // To practise with one's own keys and colours, as far as there is a configuration that can be read.
    let screen = super::workspace(common.config.as_deref())
        .map_or_else(|_| Screen::default(), |loaded| loaded.screen);
    let exit = Box::pin(fly(Arc::clone(&rehearsal.outside), screen, common, output)).await;
    cancel.cancel();
    let _ = colleagues.await;
    rehearsal.stop().await;
    exit
}

/// The cockpit on the configured workspace.
pub async fn cockpit_on(loaded: Loaded, common: &Common, output: Output) -> Exit {
    let rehearsal = loaded.workspace.rehearsal.is_some();
    match Outside::open(loaded.workspace).await {
        Ok(outside) => Box::pin(fly(Arc::new(outside), loaded.screen, common, output)).await,
        Err(fault) => {
            output.fault(rehearsal, &fault);
            Exit::Failed
        }
    }
}

async fn fly(outside: Arc<Outside>, screen: Screen, common: &Common, output: Output) -> Exit {
    let me = operator(&outside.workspace, common.act_as.as_deref(), &outside.host);
    let colour = match (common.color, screen.color.as_str()) {
        (Some(Colour::Always), _) | (None, "always") => ColourChoice::Always,
        (Some(Colour::Never), _) | (None, "never") => ColourChoice::Never,
        _ => ColourChoice::Auto,
    };
    let folders = Folders::of_user(&|name| std::env::var_os(name));
    let wishes = Wishes {
        colour,
        theme: common.theme.clone().or(Some(screen.theme)),
        mouse: screen.mouse && !common.no_mouse,
        keymap: screen.keymap,
        kept: Kept::of(&outside.workspace, folders.as_ref()),
    };
    // Ends with the screen.
    let following = screen
        .follow
        .then(|| follow::beside(&outside.workspace, common));
    let ended = if common.plain {
        plain::run(outside, me, wishes).await.map(Exit::of_lines)
    } else {
        run::run(outside, me, wishes).await.map(|()| Exit::Done)
    };
    drop(following);
    match ended {
        Ok(exit) => exit,
        Err(error) => {
            output.say(&format!("gonogo: {error}"));
            Exit::Failed
        }
    }
}
