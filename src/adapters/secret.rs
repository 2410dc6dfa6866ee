//! Reads a secret at the place that the configuration names, at the moment it is needed. What went wrong is said without
//! a word of what was read.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::{io::AsyncReadExt as _, process::Command};

use crate::domain::{
    access::{Secret, SecretRef},
    fault::{Fault, FaultKind},
};

/// Of a program that is asked; a password manager may have to be unlocked first, and then it is the wrong one for us.
const DEADLINE: Duration = Duration::from_secs(10);

const LARGEST: u64 = 64 << 10;

pub async fn read(place: &SecretRef) -> Result<Secret, Fault> {
    let text = match place {
        SecretRef::Env(name) => std::env::var(name).map_err(|_| {
            no(
                place,
                FaultKind::NotFound,
                "the variable is not set, or is no text",
            )
        })?,
        SecretRef::File(path) => file(place, path).await?,
        SecretRef::Cmd(words) => {
            let answer = tokio::time::timeout(DEADLINE, program(place, words)).await;
            answer.map_err(|_| {
                no(
                    place,
                    FaultKind::TimedOut,
                    "the program did not end within 10 s",
                )
            })??
        }
    };
    // A line as `echo` and editors end it.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err(no(place, FaultKind::NotFound, "there is nothing in it"));
    }
    if text.contains(char::is_control) {
        return Err(no(
            place,
            FaultKind::Malformed,
            "it is more than one line of text",
        ));
    }
    Ok(Secret::new(text))
}

fn no(place: &SecretRef, kind: FaultKind, detail: &str) -> Fault {
    let hint = match place {
        SecretRef::Env(name) => format!("Set {name} where gonogo is started"),
        SecretRef::File(path) => format!("Look at it with `ls -l {}`", path.display()),
        SecretRef::Cmd(words) => format!("Try it: `{}`", words.join(" ")),
    };
    Fault::new(
        "secret",
        kind,
        format!("reading the secret {place}"),
        detail,
    )
    .hint(hint)
}

/// Of its owner alone, as ssh wants its keys.
async fn file(place: &SecretRef, path: &Path) -> Result<String, Fault> {
    let unreadable = |error: std::io::Error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => FaultKind::NotFound,
            _ => FaultKind::Forbidden,
        };
        no(
            place,
            kind,
            &format!("the file cannot be read: {}", error.kind()),
        )
    };
    let metadata = tokio::fs::metadata(path).await.map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(no(place, FaultKind::Malformed, "that is no file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if metadata.permissions().mode() & 0o077 != 0 {
            let detail = "others on this machine may read the file, so it is no secret";
            let hint = format!("Run: chmod 600 {}", path.display());
            return Err(no(place, FaultKind::Forbidden, detail).hint(hint));
        }
    }
    let opened = tokio::fs::File::open(path).await.map_err(unreadable)?;
    let mut bytes = Vec::new();
    let read = opened.take(LARGEST).read_to_end(&mut bytes).await;
    read.map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|_| no(place, FaultKind::Malformed, "it is no text"))
}

/// Without a shell, and without our terminal. What it says on stderr may be a secret as well, and is not read.
async fn program(place: &SecretRef, words: &[String]) -> Result<String, Fault> {
    let Some((program, rest)) = words.split_first() else {
        return Err(no(place, FaultKind::Malformed, "it names no program"));
    };
    let failed = |detail: &str| no(place, FaultKind::Unauthorised, detail);
    let mut child = Command::new(program)
        .args(rest)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(&format!("the program cannot be started ({})", error.kind())))?;
    let mut bytes = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let read = stdout.take(LARGEST).read_to_end(&mut bytes).await;
        read.map_err(|_| failed("what the program says cannot be read"))?;
    }
    let ended = child
        .wait()
        .await
        .map_err(|_| failed("the program was lost"))?;
    if !ended.success() {
        return Err(failed(&format!("the program failed ({ended})")));
    }
    String::from_utf8(bytes).map_err(|_| no(place, FaultKind::Malformed, "it is no text"))
}
