//! What `SQLite` says, as faults: by result code, with what to do about it.

use std::path::Path;

use crate::domain::fault::{Fault, FaultKind};

pub(super) fn foreign(path: &Path) -> Fault {
    let doing = format!("opening {}", path.display());
    Fault::new(
        "ledger",
        FaultKind::Refused,
        doing,
        "it is a database of another program",
    )
    .hint("Set `ledger` in the configuration to a file of its own")
}

/// `SQLite`'s extended result code.
pub(super) fn code(error: &sqlx::Error) -> Option<i32> {
    let database = error.as_database_error()?;
    database.code()?.parse().ok()
}

/// CORRUPT, NOTADB, or a value that is not of its column's type.
pub(super) fn is_damage(error: &sqlx::Error) -> bool {
    matches!(
        error,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)
    ) || matches!(code(error).map(|code| code & 0xff), Some(11 | 26))
}

pub(super) fn words(error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(database) => database.message().to_owned(),
        None => error.to_string(),
    }
}

pub(super) fn fault(doing: &str, path: &Path, error: &sqlx::Error) -> Fault {
    let shown = path.display();
    let (kind, hint) = match code(error).map(|code| code & 0xff) {
        // BUSY, LOCKED
        Some(5 | 6) => (
            FaultKind::Throttled,
            "Another process has been writing to it for more than 5 s; nothing was written here. Try again"
                .to_owned(),
        ),
        // READONLY, PERM, AUTH
        Some(8 | 3 | 23) => (
            FaultKind::Refused,
            format!("Nothing was written. Give this account the right to write {shown} and its folder"),
        ),
        // FULL, TOOBIG
        Some(13 | 18) => (
            FaultKind::Refused,
            format!("Nothing was written. Make room on the disk that holds {shown}"),
        ),
        // IOERR: what a failed sync left on the disk is not known.
        Some(10) => (
            FaultKind::Unreachable,
            format!("The disk that holds {shown} fails; look at the system's log"),
        ),
        // CANTOPEN
        Some(14) => (
            FaultKind::Refused,
            format!("Look whether {shown} and its folder are there and can be read and written"),
        ),
        _ if is_damage(error) => (
            FaultKind::Malformed,
            format!("Keep {shown} aside as it is, look with `gonogo audit verify`, and restore a copy"),
        ),
        _ => (FaultKind::Bug, "Please report this".to_owned()),
    };
    Fault::new("ledger", kind, format!("{doing} {shown}"), &words(error)).hint(hint)
}
