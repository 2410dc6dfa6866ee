//! Heartbeats in the ledger's file: a table of its own, made by the first beat, in which rows are replaced and forgotten
//! as entries never are.

use jiff::{SignedDuration, Timestamp};
use sqlx::{Connection as _, sqlite::SqliteConnection};

use crate::domain::{
    entry::StreamId,
    presence::{Duty, Presence},
    text::cleaned,
};

/// As `sqlite_schema` quotes it, so that the check of the schema knows it.
pub(super) const TABLE: &str = "CREATE TABLE presence (
        process TEXT NOT NULL,
        stream TEXT NOT NULL,
        name TEXT NOT NULL,
        duty TEXT NOT NULL,
        since INTEGER NOT NULL,
        at INTEGER NOT NULL,
        gone INTEGER NOT NULL,
        PRIMARY KEY (process, stream)
    ) STRICT";

const IS_THERE: &str =
    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'presence'";

/// Who attended is worth knowing for so long.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

type Row = (String, String, String, String, i64, i64, i64);

pub(super) async fn beat(
    connection: &mut SqliteConnection,
    rows: &[Presence],
) -> Result<(), sqlx::Error> {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await?;
    let there: i64 = sqlx::query_scalar(IS_THERE).fetch_one(&mut *tx).await?;
    if there == 0 {
        sqlx::raw_sql(TABLE).execute(&mut *tx).await?;
    }
    for row in rows {
        sqlx::query(
            "INSERT INTO presence (process, stream, name, duty, since, at, gone) VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (process, stream) DO UPDATE
             SET name = excluded.name, duty = excluded.duty, since = excluded.since, at = excluded.at, gone = excluded.gone",
        )
        .bind(&row.process)
        .bind(&row.stream.0)
        .bind(&row.name)
        .bind(row.duty.word())
        .bind(row.since.as_millisecond())
        .bind(row.at.as_millisecond())
        .bind(i64::from(row.left))
        .execute(&mut *tx)
        .await?;
    }
    if let Some(old) = rows.iter().map(|row| row.at).max() {
        let oldest = old.checked_sub(KEPT).unwrap_or(Timestamp::MIN);
        sqlx::query("DELETE FROM presence WHERE at < ?")
            .bind(oldest.as_millisecond())
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await
}

pub(super) async fn present(
    connection: &mut SqliteConnection,
) -> Result<Vec<Presence>, sqlx::Error> {
    let there: i64 = sqlx::query_scalar(IS_THERE)
        .fetch_one(&mut *connection)
        .await?;
    if there == 0 {
        return Ok(Vec::new());
    }
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT process, stream, name, duty, since, at, gone FROM presence ORDER BY stream, name, process",
    )
    .fetch_all(&mut *connection)
    .await?;
    Ok(rows.into_iter().filter_map(decoded).collect())
}

/// A row that this program cannot read says nothing about anybody.
fn decoded((process, stream, name, duty, since, at, gone): Row) -> Option<Presence> {
    Some(Presence {
        process,
        stream: StreamId(stream),
        name: cleaned(&name).into_owned(),
        duty: Duty::parse(&duty)?,
        since: Timestamp::from_millisecond(since).ok()?,
        at: Timestamp::from_millisecond(at).ok()?,
        left: gone != 0,
    })
}
