//! The file: its schema, how connections to it are made, and whether it is ours.

use std::{path::Path, time::Duration};

use sqlx::{
    ConnectOptions as _, Connection as _,
    sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous},
};

use super::{
    super::folder,
    fault::{code, fault, foreign},
    presence,
};
use crate::domain::fault::{Fault, FaultKind};

/// How long an append waits for another process's.
const BUSY: Duration = Duration::from_secs(5);

/// `user_version` of the file. The schema may change only with it; entries have a format of their own.
const SCHEMA_VERSION: i64 = 1;

/// "gngo", so that another program's database is told from ours.
pub(super) const APPLICATION: i64 = 0x676e_676f;

/// The insert trigger also stops `INSERT OR REPLACE`, which deletes without asking the delete trigger.
const SCHEMA: &str = "
    CREATE TABLE entries (
        seq INTEGER PRIMARY KEY,
        stream TEXT NOT NULL,
        position INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        prev TEXT NOT NULL,
        hash TEXT NOT NULL,
        UNIQUE (stream, position)
    ) STRICT;
    CREATE TRIGGER entries_follow BEFORE INSERT ON entries
    WHEN NEW.seq <> 1 + (SELECT coalesce(max(seq), 0) FROM entries)
        OR NEW.position <> 1 + (SELECT coalesce(max(position), 0) FROM entries WHERE stream = NEW.stream)
    BEGIN SELECT RAISE(ABORT, 'entries are appended one after the other'); END;
    CREATE TRIGGER entries_stay BEFORE UPDATE ON entries
    BEGIN SELECT RAISE(ABORT, 'entries are never changed'); END;
    CREATE TRIGGER entries_remain BEFORE DELETE ON entries
    BEGIN SELECT RAISE(ABORT, 'entries are never deleted'); END;
    PRAGMA application_id = 1735288687;
    PRAGMA user_version = 1;
";

pub(super) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY)
        .synchronous(SqliteSynchronous::Full)
        // On macOS a plain fsync leaves the data in the drive's cache.
        .pragma("fullfsync", "ON")
        .row_buffer_size(1_000)
        .disable_statement_logging()
}

/// Turning a new file to WAL needs it alone for a moment, and `SQLite` does not wait there.
pub(super) async fn connect_to_write(path: &Path) -> Result<SqliteConnection, Fault> {
    let options = options(path).journal_mode(SqliteJournalMode::Wal);
    let mut tries = 0;
    loop {
        match options.connect().await {
            Ok(connection) => return Ok(connection),
            Err(error) if matches!(code(&error).map(|c| c & 0xff), Some(5)) && tries < 50 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => return Err(fault("opening", path, &error)),
        }
    }
}

pub(super) async fn connect_to_read(path: &Path) -> Result<SqliteConnection, Fault> {
    let connection = options(path).read_only(true).connect().await;
    connection.map_err(|error| fault("opening", path, &error))
}

/// Looks at the first bytes as they are, before `SQLite` is let near: it would turn another program's file to its log.
pub(super) fn check_header(path: &Path) -> Result<(), Fault> {
    use std::io::Read as _;
    let mut header = Vec::with_capacity(100);
    let read = std::fs::File::open(path).and_then(|file| file.take(100).read_to_end(&mut header));
    let failed = |kind, detail: &str| {
        Fault::new(
            "ledger",
            kind,
            format!("opening {}", path.display()),
            detail,
        )
    };
    if let Err(error) = read {
        let hint = "Look whether this account may read it";
        return Err(failed(FaultKind::Forbidden, &error.to_string()).hint(hint));
    }
    let begins = header.starts_with(b"SQLite format 3\0");
    let Some(application) = header.get(68..72).filter(|_| begins) else {
        let detail =
            "the file is not a database: it was cut off or overwritten, or never was a ledger";
        let hint = format!("Keep {} aside as it is, and restore a copy", path.display());
        return Err(failed(FaultKind::Malformed, detail).hint(hint));
    };
    if application == APPLICATION.to_be_bytes().get(4..).unwrap_or_default() {
        Ok(())
    } else {
        Err(foreign(path))
    }
}

/// For a ledger that can only be looked at. In a folder where nothing may be made `SQLite` opens a file only when it is
/// told that nobody changes it; that holds as long as there is no log beside it.
pub(super) async fn connect_to_look(path: &Path) -> Result<SqliteConnection, Fault> {
    let look = async |options: SqliteConnectOptions| {
        let mut connection = options.read_only(true).connect().await?;
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM sqlite_schema")
            .fetch_one(&mut connection)
            .await?;
        Ok::<_, sqlx::Error>(connection)
    };
    let first = look(options(path)).await;
    let first = match first {
        Ok(connection) => return Ok(connection),
        Err(error) => error,
    };
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let logged = std::fs::metadata(Path::new(&log)).is_ok_and(|it| it.len() > 0);
    // READONLY, CANTOPEN
    if !logged && matches!(code(&first).map(|code| code & 0xff), Some(8 | 14)) {
        let second = look(options(path).immutable(true)).await;
        return second.map_err(|error| fault("opening", path, &error));
    }
    Err(fault("opening", path, &first))
}

/// Makes a ledger where there is none: whole under another name first, so that nobody ever finds half of one, and an
/// empty file is never ours.
pub(super) async fn create(path: &Path) -> Result<(), Fault> {
    let draft = folder::beside(path)?;
    let made = async {
        let failed = |error| fault("making", path, &error);
        let mut connection = options(&draft).connect().await.map_err(failed)?;
        sqlx::raw_sql(SCHEMA)
            .execute(&mut connection)
            .await
            .map_err(failed)?;
        connection.close().await.map_err(failed)
    };
    let made = made.await.and_then(|()| folder::put_in_place(&draft, path));
    let _ = std::fs::remove_file(&draft);
    made
}

/// Is it a ledger, of a schema that this program writes?
pub(super) async fn is_ours(path: &Path, connection: &mut SqliteConnection) -> Result<(), Fault> {
    let failed = |error| fault("opening", path, &error);
    let version: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let application: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    match (application, version) {
        (APPLICATION, SCHEMA_VERSION) => Ok(()),
        (APPLICATION, later) => {
            let doing = format!("opening {}", path.display());
            let detail =
                format!("its schema is version {later}; this gonogo writes {SCHEMA_VERSION}");
            let fault = Fault::new("ledger", FaultKind::Refused, doing, &detail);
            Err(fault.hint("Use the gonogo that your team uses, or a later one"))
        }
        _ => Err(foreign(path)),
    }
}

/// Are table and triggers word for word those that were made?
pub(super) async fn schema_is_ours(
    path: &Path,
    connection: &mut SqliteConnection,
) -> Result<bool, Fault> {
    const THINGS: &str = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name";
    let failed = |error| fault("verifying", path, &error);
    let mut there: Vec<String> = sqlx::query_scalar(THINGS)
        .fetch_all(&mut *connection)
        .await
        .map_err(failed)?;
    // Heartbeats stand beside the entries, once there were any.
    there.retain(|sql| sql != presence::TABLE);
    let mut model = SqliteConnectOptions::new()
        .in_memory(true)
        .connect()
        .await
        .map_err(failed)?;
    sqlx::raw_sql(SCHEMA)
        .execute(&mut model)
        .await
        .map_err(failed)?;
    let wanted: Vec<String> = sqlx::query_scalar(THINGS)
        .fetch_all(&mut model)
        .await
        .map_err(failed)?;
    Ok(there == wanted)
}
