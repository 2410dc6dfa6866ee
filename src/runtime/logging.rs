//! Logs go to a file, never to the terminal that the screen is on. Off unless `GONOGO_LOG` says what is wanted
//! (`debug`, `gonogo=trace`, …).

use std::{fs::OpenOptions, os::unix::fs::OpenOptionsExt as _, path::Path, sync::Mutex};

use tracing_subscriber::EnvFilter;

/// Appends to `file` (0600), in a folder of its own. What cannot be opened is no reason not to start.
pub fn start(wanted: Option<&str>, file: &Path) {
    let Some(filter) = wanted.and_then(|wanted| EnvFilter::try_new(wanted).ok()) else {
        return;
    };
    if let Some(folder) = file.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    let Ok(file) = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(file)
    else {
        return;
    };
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Mutex::new(file))
        .try_init();
}
