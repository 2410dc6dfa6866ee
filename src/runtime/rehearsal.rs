//! A rehearsal: the practice cluster, the workspace that points at it, a ledger with a past, and colleagues who answer.
//! Everything lives in one folder; what a killed rehearsal left behind is swept by the next start.

mod colleagues;
mod past;
mod workspace;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    config,
    domain::fault::{Fault, FaultKind},
    simulator::{Options, Practice, Scenario},
};

use super::outside::Outside;

pub use colleagues::answer_requests;

/// Folders of rehearsals in the system's temporary folder begin so; the process id follows.
const PREFIX: &str = "gonogo-rehearsal-";

#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub scenario: Scenario,
    pub seed: u64,
    pub speed: f64,
}

/// A running practice cluster with its workspace.
pub struct Rehearsal {
    pub practice: Practice,
    pub outside: Arc<Outside>,
    pub dir: PathBuf,
}

fn fault(doing: &str, detail: &str) -> Fault {
    Fault::new("rehearsal", FaultKind::Refused, doing, detail)
}

impl Rehearsal {
    /// Starts everything in `dir`, and writes `gonogo.toml` and, last, `ready` there.
    pub async fn start(wish: Wish, dir: &Path) -> Result<Self, Fault> {
        let doing = "starting the practice cluster";
        std::fs::create_dir_all(dir)
            .map_err(|error| fault(doing, &format!("{}: {error}", dir.display())))?;
        // What another run left in the same folder would mix with what is made now.
        for old in [
            "ready",
            "ledger.sqlite",
            "ledger.sqlite-wal",
            "ledger.sqlite-shm",
            "gonogo.toml",
            "kubeconfig",
        ] {
            let _ = std::fs::remove_file(dir.join(old));
        }
        for old in ["source", "gitops.git", "cards"] {
            let _ = std::fs::remove_dir_all(dir.join(old));
        }
        let options = Options {
            scenario: wish.scenario,
            seed: wish.seed,
            speed: wish.speed,
            dir: dir.to_owned(),
        };
        let practice = Practice::start(options)
            .await
            .map_err(|error| fault(doing, &error.to_string()))?;
        let workspace = workspace::of(&practice, wish, dir);
        let write = |name: &str, text: &str| {
            std::fs::write(dir.join(name), text).map_err(|error| {
                fault("writing the rehearsal's files", &format!("{name}: {error}"))
            })
        };
        write("gonogo.toml", &config::render(&workspace))?;
        let outside = Arc::new(Outside::open(workspace).await?);
        past::write(&outside, &practice).await?;
        write("ready", "")?;
        Ok(Self {
            practice,
            outside,
            dir: dir.to_owned(),
        })
    }

    pub async fn stop(self) {
        self.practice.stop().await;
        let _ = std::fs::remove_file(self.dir.join("ready"));
    }
}

/// A folder of this process's own, after sweeping those of processes that are gone.
pub fn own_folder() -> Result<PathBuf, Fault> {
    let base = std::env::temp_dir();
    for entry in std::fs::read_dir(&base).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX))
            .and_then(|pid| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !is_running(pid)) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    let dir = base.join(format!("{PREFIX}{}", std::process::id()));
    let made = std::fs::create_dir_all(&dir).and_then(|()| restrict(&dir));
    made.map_err(|error| {
        fault(
            "making a folder for the rehearsal",
            &format!("{}: {error}", dir.display()),
        )
    })?;
    Ok(dir)
}

fn restrict(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
}

/// Signal 0, asked of the shell's own `kill`: no process of ours is ever killed by a sweep.
fn is_running(pid: u32) -> bool {
    if Path::new("/proc/self").exists() {
        return Path::new(&format!("/proc/{pid}")).exists();
    }
    let asked = std::process::Command::new("kill")
        .args(["-0", &pid.to_string()])
        .stderr(std::process::Stdio::null())
        .status();
    asked.map_or(true, |status| status.success())
}
