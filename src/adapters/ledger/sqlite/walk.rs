//! Following the chain through the file. A thousand entries come as one value, since a row of its own for each takes
//! longer to hand over than to check. A batch in which anything is odd is walked again row by row, which names the place.

use std::path::Path;

use futures::TryStreamExt as _;
use sqlx::sqlite::SqliteConnection;

use super::{
    fault::{fault, is_damage, words},
    file::schema_is_ours,
};
use crate::{
    adapters::ledger::chain::{Row, Walk},
    domain::fault::Fault,
    ports::keep::Verified,
};

/// Between the columns and between the rows. JSON writes neither in a string as it is.
const COLUMN: u8 = 0x1f;
const ROW: u8 = 0x1e;

const BATCH: &str = "
    SELECT count(*), CAST(group_concat(
        seq || char(31) || stream || char(31) || position || char(31) || prev || char(31) || hash
        || char(31) || CAST(bytes AS TEXT), char(30)) AS BLOB)
    FROM (SELECT * FROM entries WHERE seq > ? ORDER BY seq LIMIT 1000)";

const ROWS: &str = "
    SELECT seq, stream, position, bytes, prev, hash FROM entries WHERE seq > ? ORDER BY seq LIMIT 1000";

/// Where the chain breaks.
#[derive(Debug)]
pub(in crate::adapters::ledger) struct Break {
    pub seq: u64,
    pub why: String,
}

impl Break {
    fn damaged(walk: &Walk, error: &sqlx::Error) -> Self {
        Self {
            seq: walk.due(),
            why: format!("the file is damaged there: {}", words(error)),
        }
    }
}

/// From where the walk stands to the last entry.
pub(super) async fn follow(
    path: &Path,
    reader: &mut SqliteConnection,
    walk: &mut Walk,
) -> Result<Option<Break>, Fault> {
    loop {
        let batch: Result<(i64, Option<Vec<u8>>), sqlx::Error> = sqlx::query_as(BATCH)
            .bind(walk.last)
            .fetch_one(&mut *reader)
            .await;
        match batch {
            Ok((0, _)) => return Ok(None),
            Ok((count, Some(bytes))) => {
                let mut ahead = walk.clone();
                if step_through(&mut ahead, count, &bytes).is_some() {
                    *walk = ahead;
                    continue;
                }
            }
            Ok((_, None)) => {}
            Err(error) if is_damage(&error) => {}
            Err(error) => return Err(fault("verifying", path, &error)),
        }
        let before = walk.last;
        if let Some(broken) = slowly(path, reader, walk).await? {
            return Ok(Some(broken));
        }
        if walk.last == before {
            // Rows were counted and none can be had.
            return Ok(Some(Break {
                seq: walk.due(),
                why: "the file is damaged there: it counts entries that it does not give"
                    .to_owned(),
            }));
        }
    }
}

/// Steps over a batch; None when anything in it is odd. The separators are counted, so that no column can smuggle in a
/// row of its own.
fn step_through(walk: &mut Walk, count: i64, bytes: &[u8]) -> Option<()> {
    fn text(column: &[u8]) -> Option<&str> {
        std::str::from_utf8(column).ok()
    }
    let rows = usize::try_from(count).ok()?;
    let separators = |which| memchr::memchr_iter(which, bytes).count();
    if separators(ROW) + 1 != rows || separators(COLUMN) != 5 * rows {
        return None;
    }
    let mut rest = bytes;
    for _ in 0..rows {
        let end = memchr::memchr(ROW, rest).unwrap_or(rest.len());
        let (row, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        let mut columns = row.splitn(6, |byte| *byte == COLUMN);
        let mut next = || columns.next();
        let (seq, stream, position) = (next()?, next()?, next()?);
        let (prev, hash, bytes) = (next()?, next()?, next()?);
        walk.step(Row {
            seq: text(seq)?.parse().ok()?,
            stream: text(stream)?,
            position: text(position)?.parse().ok()?,
            bytes,
            prev: text(prev)?,
            hash: text(hash)?,
        })
        .ok()?;
    }
    Some(())
}

async fn slowly(
    path: &Path,
    reader: &mut SqliteConnection,
    walk: &mut Walk,
) -> Result<Option<Break>, Fault> {
    let mut rows = sqlx::query_as::<_, (i64, String, i64, Vec<u8>, String, String)>(ROWS)
        .bind(walk.last)
        .fetch(&mut *reader);
    loop {
        let (seq, stream, position, bytes, prev, hash) = match rows.try_next().await {
            Ok(Some(row)) => row,
            Ok(None) => return Ok(None),
            Err(error) if is_damage(&error) => return Ok(Some(Break::damaged(walk, &error))),
            Err(error) => return Err(fault("verifying", path, &error)),
        };
        let step = walk.step(Row {
            seq,
            stream: &stream,
            position,
            bytes: &bytes,
            prev: &prev,
            hash: &hash,
        });
        if let Err(why) = step {
            let seq = u64::try_from(seq).unwrap_or(0);
            return Ok(Some(Break { seq, why }));
        }
    }
}

/// The index of the streams, by which appends find their position: does it tell what the table does?
pub(super) async fn index_agrees(
    path: &Path,
    reader: &mut SqliteConnection,
    walk: &Walk,
) -> Result<Option<Break>, Fault> {
    let told: Result<Vec<(String, i64, i64)>, sqlx::Error> = sqlx::query_as(
        "SELECT stream, max(position), count(*) FROM entries WHERE seq <= ? GROUP BY stream",
    )
    .bind(walk.last)
    .fetch_all(&mut *reader)
    .await;
    let told = match told {
        Ok(told) => told,
        Err(error) if is_damage(&error) => return Ok(Some(Break::damaged(walk, &error))),
        Err(error) => return Err(fault("verifying", path, &error)),
    };
    let positions = walk.positions();
    let agrees = told.len() == positions.len()
        && told
            .iter()
            .all(|(stream, last, count)| last == count && positions.get(stream) == Some(last));
    Ok((!agrees).then(|| Break {
        seq: walk.due(),
        why: "all entries follow, but the file around them is damaged: its index tells other positions"
            .to_owned(),
    }))
}

/// The chain first, so that the broken entry is named; then the schema and `SQLite`'s own check, which also sees an
/// index that tells another story than its table.
pub(super) async fn verify(path: &Path, reader: &mut SqliteConnection) -> Result<Verified, Fault> {
    let mut walk = Walk::new();
    if let Some(Break { seq, why }) = follow(path, reader, &mut walk).await? {
        return Ok(Verified::Broken { seq, why });
    }
    let check: Result<String, sqlx::Error> = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(&mut *reader)
        .await;
    let mut complaint = match check {
        Ok(text) if text == "ok" => None,
        Ok(text) => Some(text),
        Err(error) if is_damage(&error) => Some(words(&error)),
        Err(error) => return Err(fault("verifying", path, &error)),
    };
    if complaint.is_none() && !schema_is_ours(path, reader).await? {
        complaint = Some("its tables and triggers are not those that gonogo made".to_owned());
    }
    Ok(match complaint {
        Some(text) => Verified::Broken {
            seq: walk.due(),
            why: format!("all entries follow, but the file around them is damaged: {text}"),
        },
        None => Verified::Whole {
            entries: walk.entries,
            head: walk.head,
        },
    })
}
