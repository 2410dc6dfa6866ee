//! Copying where the terminal is not the last one: inside tmux.

use std::{process::Stdio, time::Duration};

use tokio::{io::AsyncWriteExt as _, process::Command};

/// Longer than tmux takes, and it must not be waited for for ever.
const PATIENCE: Duration = Duration::from_secs(2);

pub fn inside_tmux() -> bool {
    std::env::var_os("TMUX").is_some_and(|value| !value.is_empty())
}

/// tmux drops the OSC 52 of programs unless `set-clipboard` is `on`. Its own command makes a buffer of the text and hands
/// it to the terminal outside, whatever the setting.
pub async fn to_tmux(text: String) {
    let given = async {
        let mut tmux = Command::new("tmux")
            .args(["load-buffer", "-w", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        if let Some(mut stdin) = tmux.stdin.take() {
            stdin.write_all(text.as_bytes()).await?;
        }
        tmux.wait().await
    };
    match tokio::time::timeout(PATIENCE, given).await {
        Ok(Ok(status)) if status.success() => {}
        // OSC 52 was written as well; there is nothing better to try.
        Ok(Ok(status)) => tracing::warn!("tmux load-buffer ended with {status}"),
        Ok(Err(error)) => tracing::warn!("tmux load-buffer: {error}"),
        Err(_) => tracing::warn!("tmux load-buffer did not answer within {PATIENCE:?}"),
    }
}
