//! Logs go to a file, never to the terminal that the screen is on. Off unless `GONOGO_LOG` says what is wanted
//! (`debug`, `gonogo=trace`, …). Libraries log too, so nothing is written that looks like a secret or acts on a terminal.

use std::{
    fs::{DirBuilder, File, OpenOptions, Permissions},
    io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    sync::Mutex,
};

use tracing_subscriber::EnvFilter;

use crate::domain::text::{clean_lines, redacted};

/// Appends to `file` (0600), in a folder of its own (0700). What cannot be opened is no reason not to start.
pub fn start(wanted: Option<&str>, file: &Path) {
    let Some(filter) = wanted.and_then(|wanted| EnvFilter::try_new(wanted).ok()) else {
        return;
    };
    let Ok(file) = open(file) else {
        return;
    };
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Mutex::new(Discreet(file)))
        .try_init();
}

fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    // Whoever put a link there would have us write to another file.
    if path.is_symlink() {
        return Err(io::Error::other("the log is a link"));
    }
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

/// Gets an event at a time, as the formatter hands them over.
struct Discreet<W>(W);

impl<W: io::Write> io::Write for Discreet<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        for line in clean_lines(&redacted(&text)) {
            writeln!(self.0, "{line}")?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::io::Write as _;

    use super::*;

    #[test]
    fn nothing_secret_and_nothing_that_acts_is_written() {
        let mut kept = Vec::new();
        let event = "header: Bearer abcdefghijklmnop0123\u{1b}[2J\nkey -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n";
        Discreet(&mut kept).write_all(event.as_bytes()).unwrap();
        assert_eq!(
            String::from_utf8(kept).unwrap(),
            "header: Bearer •••␛[2J\nkey •••\n"
        );
    }

    #[test]
    fn the_log_is_its_owners_alone_and_no_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/gonogo.log");
        open(&path).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        open(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        let link = folder.path().join("link.log");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(open(&link).is_err());
    }
}
