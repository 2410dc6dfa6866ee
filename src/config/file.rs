//! The file of the configuration, before it is a text: that it is one, and whose hands it was in.

use std::{
    fs::{File, Metadata},
    io::Read as _,
    path::Path,
};

use crate::domain::workspace::Workspace;

use super::problem::Problem;

/// A configuration is a few kilobytes; a hundred projects in ten environments are not half of this.
pub(super) const LARGEST: u64 = 1 << 20;

/// The whole text, or what kept us from it.
pub(super) fn read(path: &Path) -> Result<String, Problem> {
    let wrong = |sentence: &str, hint: &str| Problem::of_file(path, sentence, hint);
    let unreadable = |error: std::io::Error| {
        let sentence = format!("cannot be read: {error}");
        let hint = match error.kind() {
            std::io::ErrorKind::PermissionDenied => {
                format!("look at it with: ls -l {}", path.display())
            }
            _ => "check the path given with --config, or what GONOGO_CONFIG_DIR says".to_owned(),
        };
        Problem::of_file(path, sentence, hint)
    };
    // Asked before it is opened: a pipe that nobody writes to would not let us go on.
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return Err(wrong("is a folder", "name the file in it, gonogo.toml"));
    }
    if !metadata.is_file() {
        return Err(wrong("is no file", "name a text file"));
    }
    if let Some(problem) = open_to_all(path, &metadata) {
        return Err(problem);
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(wrong(
            "is larger than 1 MB, and not read",
            "is it the right file? A configuration is a few kilobytes",
        ));
    }
    let mut text = text(path, bytes)?;
    // What some editors put in front of a text.
    if text.starts_with('\u{feff}') {
        text.replace_range(..'\u{feff}'.len_utf8(), "");
    }
    Ok(text)
}

fn text(path: &Path, bytes: Vec<u8>) -> Result<String, Problem> {
    let place = |at: usize, sentence: &str, hint: &str, bytes: &[u8]| {
        let before = bytes.get(..at).unwrap_or_default();
        let line = before.iter().rev().take_while(|byte| **byte != b'\n');
        let line: Vec<u8> = line.copied().collect();
        Problem {
            file: path.to_owned(),
            line: memchr::memchr_iter(b'\n', before).count() + 1,
            column: line.iter().filter(|byte| **byte & 0xc0 != 0x80).count() + 1,
            sentence: sentence.to_owned(),
            hint: hint.to_owned(),
        }
    };
    if let Some(at) = memchr::memchr(0, &bytes) {
        return Err(place(
            at,
            "there is a NUL byte, so this is no text",
            "is it the right file? Save it as UTF-8",
            &bytes,
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        place(
            at,
            "this is not UTF-8",
            "save the file as UTF-8",
            error.as_bytes(),
        )
    })
}

/// Who may write this file decides who may approve, and what is run.
#[cfg(unix)]
fn open_to_all(path: &Path, metadata: &Metadata) -> Option<Problem> {
    use std::os::unix::fs::PermissionsExt;
    (metadata.permissions().mode() & 0o002 != 0).then(|| {
        Problem::of_file(
            path,
            "anybody on this machine may change this file, and with it who may approve; it is not used",
            format!("run: chmod o-w {}", path.display()),
        )
    })
}

#[cfg(not(unix))]
fn open_to_all(_: &Path, _: &Metadata) -> Option<Problem> {
    None
}

/// What other accounts of this machine may see or do that they should not (QUALITY T13).
#[cfg(unix)]
pub(super) fn exposed(path: &Path, workspace: &Workspace) -> Vec<Problem> {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &Path| {
        std::fs::metadata(path)
            .ok()
            .filter(Metadata::is_file)
            .map(|metadata| metadata.permissions().mode())
    };
    let mut found = Vec::new();
    if mode(path).is_some_and(|mode| mode & 0o020 != 0) {
        found.push(Problem::of_file(
            path,
            "its whole group may change this file, and with it who may approve",
            format!("unless that is meant, run: chmod g-w {}", path.display()),
        ));
    }
    let mut kubeconfigs: Vec<&Path> = workspace
        .targets
        .iter()
        .filter_map(|target| target.cluster.kubeconfig.as_deref())
        .collect();
    kubeconfigs.sort_unstable();
    kubeconfigs.dedup();
    for kubeconfig in kubeconfigs {
        if mode(kubeconfig).is_some_and(|mode| mode & 0o077 != 0) {
            found.push(Problem::of_file(
                kubeconfig,
                "others on this machine may read this kubeconfig, and with it the credentials in it",
                format!("run: chmod 600 {}", kubeconfig.display()),
            ));
        }
    }
    found
}

#[cfg(not(unix))]
pub(super) fn exposed(_: &Path, _: &Workspace) -> Vec<Problem> {
    Vec::new()
}
