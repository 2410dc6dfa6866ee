//! The ledger of one machine: a `SQLite` file in WAL mode, synced in full before an append returns. Appends of
//! all processes go one after the other (`BEGIN IMMEDIATE`); sqlx's default, deferred, loses half of them as
//! *locked* when two processes race. Triggers keep the table append-only for whoever comes by with a shell.

use std::path::{Path, PathBuf};

use futures::{TryStreamExt as _, future::BoxFuture};
use sqlx::{Connection as _, sqlite::SqliteConnection};
use tokio::sync::Mutex;

use self::{
    fault::{code, fault, foreign},
    file::{APPLICATION, connect_to_look, connect_to_read, connect_to_write, is_ours},
    walk::Break,
};
use super::{
    chain::{self, GENESIS, Walk},
    folder,
};
use crate::{
    domain::{
        entry::{Draft, Entry, FORMAT, StreamId},
        fault::{Fault, FaultKind},
        presence::Presence,
    },
    ports::keep::{AppendError, Expected, Ledger, Verified},
};

mod fault;
mod file;
mod presence;
pub(super) mod walk;

pub struct SqliteLedger {
    path: PathBuf,
    /// None: opened to be read only.
    writer: Option<Mutex<Writer>>,
    reader: Mutex<SqliteConnection>,
    /// Its own, so that the poll waits for no append and no walk.
    watcher: Mutex<SqliteConnection>,
}

/// `SQLite` ends a transaction by itself when the disk is full or fails; sqlx then counts on one that is no longer there
/// and begins none ever after. So whatever met an error is not used again.
struct Writer {
    connection: SqliteConnection,
    spoiled: bool,
}

impl Writer {
    fn new(connection: SqliteConnection) -> Self {
        Self {
            connection,
            spoiled: false,
        }
    }

    /// A connection that stands in no transaction.
    async fn ready(&mut self, path: &Path) -> Result<&mut SqliteConnection, Fault> {
        if self.spoiled {
            *self = Self::new(connect_to_write(path).await?);
        }
        Ok(&mut self.connection)
    }
}

impl SqliteLedger {
    /// Makes the file where there is none, for its owner alone.
    pub async fn open(path: &Path) -> Result<Self, Fault> {
        if folder::prepare(path)? {
            file::create(path).await?;
        }
        folder::check_contents(path)?;
        file::check_header(path)?;
        let mut writer = connect_to_write(path).await?;
        is_ours(path, &mut writer).await?;
        let reader = connect_to_read(path).await?;
        let watcher = connect_to_read(path).await?;
        Ok(Self {
            path: path.to_owned(),
            writer: Some(Mutex::new(Writer::new(writer))),
            reader: Mutex::new(reader),
            watcher: Mutex::new(watcher),
        })
    }

    /// For whoever only looks: makes nothing, changes nothing, and every append is refused.
    pub async fn open_read_only(path: &Path) -> Result<Self, Fault> {
        folder::check(path)?;
        if !path.exists() {
            let doing = format!("opening {}", path.display());
            let fault = Fault::new(
                "ledger",
                FaultKind::NotFound,
                doing,
                "there is no such file",
            );
            return Err(fault.hint(
                "Set `ledger` in the configuration, or begin one by requesting a deployment",
            ));
        }
        folder::check_contents(path)?;
        file::check_header(path)?;
        let mut reader = connect_to_look(path).await?;
        let failed = |error| fault("opening", path, &error);
        let ours: i64 = sqlx::query_scalar("PRAGMA application_id")
            .fetch_one(&mut reader)
            .await
            .map_err(failed)?;
        if ours != APPLICATION {
            return Err(foreign(path));
        }
        let watcher = connect_to_look(path).await?;
        Ok(Self {
            path: path.to_owned(),
            writer: None,
            reader: Mutex::new(reader),
            watcher: Mutex::new(watcher),
        })
    }

    /// Waits for what is under way and gives the file back. Dropping does as well, a little later.
    pub async fn close(self) {
        let writer = self.writer.map(|writer| writer.into_inner().connection);
        for connection in [self.reader.into_inner(), self.watcher.into_inner()]
            .into_iter()
            .chain(writer)
        {
            if let Err(error) = connection.close().await {
                tracing::debug!(%error, "closing the ledger");
            }
        }
    }

    /// Follows the chain from where the walk stands, and looks whether the index of the streams tells the same.
    pub(super) async fn follow(&self, walk: &mut Walk) -> Result<Option<Break>, Fault> {
        let mut reader = self.reader.lock().await;
        let begins = walk.last;
        match walk::follow(&self.path, &mut reader, walk).await? {
            Some(broken) => Ok(Some(broken)),
            None if begins > 0 => Ok(None),
            None => walk::index_agrees(&self.path, &mut reader, walk).await,
        }
    }

    /// Entries of one stream, in order.
    pub(super) async fn read_stream(&self, stream: &StreamId) -> Result<Vec<Entry>, Fault> {
        let entries = self.read(0).await?;
        Ok(entries
            .into_iter()
            .filter(|entry| &entry.stream == stream)
            .collect())
    }

    /// The hash of one entry; None: there is no such.
    pub(super) async fn hash_of(&self, seq: i64) -> Result<Option<String>, Fault> {
        let mut reader = self.reader.lock().await;
        sqlx::query_scalar("SELECT hash FROM entries WHERE seq = ?")
            .bind(seq)
            .fetch_optional(&mut *reader)
            .await
            .map_err(|error| fault("reading", &self.path, &error))
    }

    /// Writes the schema's version over itself: a real write, synced, that changes nothing.
    pub(super) async fn probe(&self) -> Result<(), Fault> {
        let failed = |error| fault("writing to", &self.path, &error);
        let Some(writer) = &self.writer else {
            return Err(read_only(&self.path, "writing to"));
        };
        let mut writer = writer.lock().await;
        let connection = writer.ready(&self.path).await?;
        let written = async {
            let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
            sqlx::raw_sql("PRAGMA user_version = 1")
                .execute(&mut *tx)
                .await?;
            tx.commit().await
        };
        let written = written.await;
        writer.spoiled = written.is_err();
        written.map_err(failed)
    }

    async fn attempt(
        &self,
        writer: &mut SqliteConnection,
        stream: &StreamId,
        expected: Expected,
        drafts: &[Draft],
    ) -> Result<Vec<Entry>, Attempt> {
        let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
        let found: i64 =
            sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM entries WHERE stream = ?")
                .bind(&stream.0)
                .fetch_one(&mut *tx)
                .await?;
        let found = u64::try_from(found).unwrap_or(0);
        if let Expected::Position(position) = expected
            && position != found
        {
            tx.rollback().await?;
            return Err(Attempt::Conflict(found));
        }
        let last: Option<(i64, String)> =
            sqlx::query_as("SELECT seq, hash FROM entries ORDER BY seq DESC LIMIT 1")
                .fetch_optional(&mut *tx)
                .await?;
        let (last, mut prev) = last.unwrap_or_else(|| (0, GENESIS.to_owned()));
        let mut seq = u64::try_from(last).unwrap_or(0);
        let mut position = found;
        let mut entries = Vec::with_capacity(drafts.len());
        for draft in drafts {
            seq += 1;
            position += 1;
            let entry = Entry {
                seq,
                stream: stream.clone(),
                position,
                format: FORMAT,
                at: draft.at,
                actor: draft.actor.clone(),
                body: draft.body.clone(),
            };
            let bytes = serde_json::to_vec(&entry)?;
            let hash = chain::link(&prev, &bytes);
            sqlx::query(
                "INSERT INTO entries (seq, stream, position, bytes, prev, hash) VALUES (?, ?, ?, ?, ?, ?)",
            )
            .bind(i64::try_from(seq).unwrap_or(i64::MAX))
            .bind(&stream.0)
            .bind(i64::try_from(position).unwrap_or(i64::MAX))
            .bind(bytes)
            .bind(&prev)
            .bind(&hash)
            .execute(&mut *tx)
            .await?;
            prev = hash;
            entries.push(entry);
        }
        tx.commit().await?;
        Ok(entries)
    }
}

/// Why one try of an append came to nothing. In each case nothing was written.
enum Attempt {
    Conflict(u64),
    Sql(sqlx::Error),
    Bytes(serde_json::Error),
}

impl From<sqlx::Error> for Attempt {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<serde_json::Error> for Attempt {
    fn from(error: serde_json::Error) -> Self {
        Self::Bytes(error)
    }
}

impl Ledger for SqliteLedger {
    fn append<'a>(
        &'a self,
        stream: &'a StreamId,
        expected: Expected,
        drafts: Vec<Draft>,
    ) -> BoxFuture<'a, Result<Vec<Entry>, AppendError>> {
        Box::pin(async move {
            let doing = format!("appending to {stream} in");
            let Some(writer) = &self.writer else {
                return Err(read_only(&self.path, &doing).into());
            };
            let mut writer = writer.lock().await;
            let connection = writer.ready(&self.path).await?;
            let mut result = self.attempt(connection, stream, expected, &drafts).await;
            // Recovery after a crash, or a snapshot that went stale: SQLite does not wait in these, and
            // nothing was written. A plain BUSY has waited its time.
            if let Err(Attempt::Sql(error)) = &result
                && matches!(code(error), Some(261 | 517))
            {
                result = self.attempt(connection, stream, expected, &drafts).await;
            }
            writer.spoiled = matches!(result, Err(Attempt::Sql(_)));
            result.map_err(|attempt| match attempt {
                Attempt::Conflict(found) => AppendError::Conflict { found },
                Attempt::Sql(error) => fault(&doing, &self.path, &error).into(),
                Attempt::Bytes(error) => {
                    let doing = format!("{doing} {}", self.path.display());
                    Fault::new("ledger", FaultKind::Bug, doing, &error.to_string()).into()
                }
            })
        })
    }

    fn read(&self, after: u64) -> BoxFuture<'_, Result<Vec<Entry>, Fault>> {
        Box::pin(async move {
            let mut reader = self.reader.lock().await;
            let rows = sqlx::query_as::<_, (i64, String, i64, Vec<u8>)>(
                "SELECT seq, stream, position, bytes FROM entries WHERE seq > ? ORDER BY seq",
            )
            .bind(i64::try_from(after).unwrap_or(i64::MAX))
            .fetch(&mut *reader);
            rows.map_ok(|(seq, stream, position, bytes)| {
                chain::decode(seq, stream, position, &bytes)
            })
            .try_collect()
            .await
            .map_err(|error| fault("reading", &self.path, &error))
        })
    }

    /// Counts the commits of every other connection, this process's writer included: more than was asked
    /// for, and it costs a reader one look for nothing.
    fn version(&self) -> BoxFuture<'_, Result<i64, Fault>> {
        Box::pin(async move {
            let mut watcher = self.watcher.lock().await;
            sqlx::query_scalar("PRAGMA data_version")
                .fetch_one(&mut *watcher)
                .await
                .map_err(|error| fault("watching", &self.path, &error))
        })
    }

    fn verify(&self) -> BoxFuture<'_, Result<Verified, Fault>> {
        Box::pin(async move {
            let mut reader = self.reader.lock().await;
            walk::verify(&self.path, &mut reader).await
        })
    }

    fn beat(&self, rows: Vec<Presence>) -> BoxFuture<'_, Result<(), Fault>> {
        Box::pin(async move {
            let doing = "writing a heartbeat to";
            let Some(writer) = &self.writer else {
                return Err(read_only(&self.path, doing));
            };
            let mut writer = writer.lock().await;
            let connection = writer.ready(&self.path).await?;
            let beaten = presence::beat(connection, &rows).await;
            writer.spoiled = beaten.is_err();
            beaten.map_err(|error| fault(doing, &self.path, &error))
        })
    }

    fn present(&self) -> BoxFuture<'_, Result<Vec<Presence>, Fault>> {
        Box::pin(async move {
            let mut reader = self.reader.lock().await;
            let read = presence::present(&mut reader).await;
            read.map_err(|error| fault("reading the heartbeats of", &self.path, &error))
        })
    }
}

fn read_only(path: &Path, doing: &str) -> Fault {
    let doing = format!("{doing} {}", path.display());
    let detail = "it was opened to be read only";
    Fault::new("ledger", FaultKind::Refused, doing, detail)
}

/// For `gonogo audit verify`: opens, walks, closes. A file too damaged to be opened is a fault.
pub async fn verify_file(path: &Path) -> Result<Verified, Fault> {
    let ledger = SqliteLedger::open_read_only(path).await?;
    let verified = ledger.verify().await;
    ledger.close().await;
    verified
}

#[cfg(test)]
mod tests;
