//! What durability costs: one append beside the plain insert and the bare `fdatasync` under it, and a walk over the
//! whole chain. `cargo bench --bench ledger`; the figures are for reading, no test asserts them.

use std::{fs::OpenOptions, io::Write as _};

use divan::{Bencher, black_box};
use gonogo::{
    adapters::ledger::sqlite::{SqliteLedger, verify_file},
    domain::{
        entry::{Body, Draft, StreamId},
        release::Commit,
        workspace::Actor,
    },
    ports::keep::{Expected, Ledger as _, Verified},
};
use jiff::Timestamp;
use sqlx::{
    Connection as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

fn main() {
    divan::main();
}

fn runtime() -> Runtime {
    Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Where builds go, so on a disk: a temporary folder may be memory, which syncs for nothing.
fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

fn numbered(number: u64) -> Draft {
    Draft {
        at: Timestamp::from_second(1_700_000_000).expect("in range"),
        actor: Actor::program("host"),
        body: Body::Numbered {
            number,
            commit: Commit::parse(&format!("{number:040x}")).expect("hex"),
        },
    }
}

#[divan::bench]
fn append(bencher: Bencher) {
    let (runtime, folder) = (runtime(), folder());
    let path = folder.path().join("ledger.sqlite");
    let ledger = runtime.block_on(SqliteLedger::open(&path)).expect("opens");
    let stream = StreamId("releases:acme/shop".to_owned());
    let mut number = 0;
    bencher.bench_local(|| {
        number += 1;
        runtime
            .block_on(ledger.append(&stream, Expected::Any, vec![numbered(number)]))
            .expect("appends")
    });
    runtime.block_on(ledger.close());
}

/// The peer: one row of the same size into a table of the same file format, synced in full, with no chain and no
/// positions.
#[divan::bench]
fn append_plain_insert(bencher: Bencher) {
    let (runtime, folder) = (runtime(), folder());
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("plain.sqlite"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let mut connection = runtime
        .block_on(SqliteConnection::connect_with(&options))
        .expect("opens");
    let table = "CREATE TABLE rows (seq INTEGER PRIMARY KEY, text TEXT NOT NULL)";
    runtime
        .block_on(sqlx::raw_sql(table).execute(&mut connection))
        .expect("makes");
    let text = serde_json::to_string(&numbered(1)).expect("plain data");
    bencher.bench_local(|| {
        let insert = sqlx::query("INSERT INTO rows (text) VALUES (?)").bind(&text);
        runtime
            .block_on(insert.execute(&mut connection))
            .expect("inserts")
    });
}

/// The floor: half a kilobyte to the disk and back.
#[divan::bench]
fn append_floor_fdatasync(bencher: Bencher) {
    let folder = folder();
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(folder.path().join("floor"))
        .expect("opens");
    bencher.bench_local(|| {
        file.write_all(&[7; 512]).expect("writes");
        file.sync_data().expect("syncs");
    });
}

fn filled(runtime: &Runtime, folder: &TempDir, entries: u64) -> (std::path::PathBuf, SqliteLedger) {
    let path = folder.path().join("ledger.sqlite");
    let ledger = runtime.block_on(SqliteLedger::open(&path)).expect("opens");
    let stream = StreamId("releases:acme/shop".to_owned());
    for first in (1..=entries).step_by(1_000) {
        let drafts = (first..first + 1_000).map(numbered).collect();
        runtime
            .block_on(ledger.append(&stream, Expected::Any, drafts))
            .expect("appends");
    }
    (path, ledger)
}

/// What `gonogo audit verify` does.
#[divan::bench(args = [1_000, 100_000], sample_count = 10)]
fn verify(bencher: Bencher, entries: u64) {
    let (runtime, folder) = (runtime(), folder());
    let (path, ledger) = filled(&runtime, &folder, entries);
    runtime.block_on(ledger.close());
    bencher.bench_local(|| {
        let verified = runtime.block_on(verify_file(&path)).expect("opens");
        assert!(matches!(verified, Verified::Whole { entries: found, .. } if found == entries));
    });
}

/// What a start does before it may act: every entry read and parsed.
#[divan::bench(args = [1_000, 100_000], sample_count = 10)]
fn read_all(bencher: Bencher, entries: u64) {
    let (runtime, folder) = (runtime(), folder());
    let (_, ledger) = filled(&runtime, &folder, entries);
    bencher.bench_local(|| {
        let read = runtime.block_on(ledger.read(0)).expect("reads");
        assert_eq!(black_box(read).len() as u64, entries);
    });
}
