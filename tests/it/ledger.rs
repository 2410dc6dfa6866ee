//! The contract of every ledger, as functions over `&dyn Ledger`, and its run over the `SQLite` one; then what a
//! hand that reaches past the ledger into its file leaves behind, and that the walk names it.

use std::{path::PathBuf, sync::Arc};

use gonogo::{
    adapters::ledger::{
        local::LocalLedger,
        sqlite::{SqliteLedger, verify_file},
    },
    domain::{
        entry::{Body, Draft, Entry, FORMAT, StreamId},
        release::Commit,
        standing::Standing,
        workspace::Actor,
    },
    ports::keep::{AppendError, Expected, Ledger, Standby as _, Verified},
};
use jiff::Timestamp;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

fn stream(name: &str) -> StreamId {
    StreamId(format!("releases:acme/{name}"))
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

/// Serialises to nothing: the ledger cannot write it.
fn unwritable() -> Draft {
    let mut draft = numbered(1);
    let kind = "later".to_owned();
    draft.body = Body::Unknown { kind };
    draft
}

/// Positions go from 1 in each stream and seq from 1 over all; what is read is what append returned.
async fn keeps_order(ledger: &dyn Ledger) {
    assert_eq!(ledger.read(0).await.expect("reads"), []);
    let (a, b) = (stream("a"), stream("b"));
    let two = vec![numbered(1), numbered(2)];
    let mut told = ledger
        .append(&a, Expected::Position(0), two)
        .await
        .expect("first");
    let one = ledger.append(&b, Expected::Position(0), vec![numbered(1)]);
    told.extend(one.await.expect("another stream"));
    let more = ledger.append(&a, Expected::Position(2), vec![numbered(3)]);
    told.extend(more.await.expect("goes on"));
    let fact = ledger.append(&a, Expected::Any, vec![numbered(4)]);
    told.extend(fact.await.expect("a fact"));
    let places: Vec<(u64, &str, u64)> = told
        .iter()
        .map(|e| (e.seq, e.stream.0.as_str(), e.position))
        .collect();
    assert_eq!(
        places,
        [
            (1, "releases:acme/a", 1),
            (2, "releases:acme/a", 2),
            (3, "releases:acme/b", 1),
            (4, "releases:acme/a", 3),
            (5, "releases:acme/a", 4),
        ]
    );
    assert!(told.iter().all(|entry| entry.format == FORMAT));
    assert_eq!(ledger.read(0).await.expect("reads"), told);
    assert_eq!(ledger.read(3).await.expect("reads"), told[3..]);
    assert_eq!(ledger.read(5).await.expect("reads"), []);
}

/// A position that is not the stream's last is a conflict that says where the stream is, and writes nothing.
async fn tells_conflicts(ledger: &dyn Ledger) {
    let a = stream("a");
    let before = ledger.read(0).await.expect("reads");
    for wrong in [0, 3, 5, u64::MAX] {
        let result = ledger
            .append(&a, Expected::Position(wrong), vec![numbered(9)])
            .await;
        assert_eq!(result, Err(AppendError::Conflict { found: 4 }), "{wrong}");
    }
    let empty = ledger.append(&a, Expected::Position(1), vec![]).await;
    assert_eq!(empty, Err(AppendError::Conflict { found: 4 }));
    let empty = ledger.append(&a, Expected::Position(4), vec![]).await;
    assert_eq!(empty, Ok(vec![]));
    assert_eq!(ledger.read(0).await.expect("reads"), before);
}

/// When the last of three cannot be written, none is.
async fn writes_all_or_none(ledger: &dyn Ledger) {
    let a = stream("a");
    let before = ledger.read(0).await.expect("reads");
    let drafts = vec![numbered(5), numbered(6), unwritable()];
    let result = ledger.append(&a, Expected::Position(4), drafts).await;
    assert!(matches!(result, Err(AppendError::Fault(_))), "{result:?}");
    assert_eq!(ledger.read(0).await.expect("reads"), before);
    let next = ledger.append(&a, Expected::Position(4), vec![numbered(5)]);
    assert_eq!(next.await.expect("the position is free")[0].position, 5);
}

/// An append that nobody waits for any more is there whole or not at all, and the next one goes in.
async fn survives_being_dropped(ledger: &dyn Ledger) {
    let dropped = stream("dropped");
    let mut last = 0;
    for micros in [0, 50, 200, 500, 1_000, 2_000, 4_000] {
        let drafts = (1..=20).map(numbered).collect();
        let append = ledger.append(&dropped, Expected::Any, drafts);
        let patience = std::time::Duration::from_micros(micros);
        let _ = tokio::time::timeout(patience, append).await;
        let next = ledger.append(&dropped, Expected::Any, vec![numbered(1)]);
        let position = next.await.expect("goes in")[0].position;
        assert!(
            [last + 1, last + 21].contains(&position),
            "{last} → {position}"
        );
        last = position;
    }
    assert!(matches!(ledger.verify().await, Ok(Verified::Whole { .. })));
}

/// The version moves when the other instance writes, and rests when nobody does.
async fn notices_the_other(ledger: &dyn Ledger, other: &dyn Ledger) {
    let before = ledger.version().await.expect("a version");
    assert_eq!(ledger.version().await.expect("a version"), before);
    let written = other
        .append(&stream("c"), Expected::Any, vec![numbered(1)])
        .await;
    let written = written.expect("appends");
    assert_ne!(ledger.version().await.expect("a version"), before);
    let last = ledger.read(0).await.expect("reads").pop();
    assert_eq!(last.as_ref(), written.first());
}

async fn is_whole(ledger: &dyn Ledger, expect: u64) {
    match ledger.verify().await.expect("walks") {
        Verified::Whole { entries, head } => {
            assert_eq!((entries, head.len()), (expect, 64));
        }
        broken @ Verified::Broken { .. } => unreachable!("{broken:?}"),
    }
}

/// Both append `each` entries by position to one stream, deciding again on every conflict.
async fn race(one: Arc<dyn Ledger>, other: Arc<dyn Ledger>, each: u64) {
    let runner = |ledger: Arc<dyn Ledger>, mark: u64| {
        tokio::spawn(async move {
            let stream = stream("race");
            let (mut at, mut conflicts) = (0, 0_u64);
            for n in 0..each {
                loop {
                    let drafts = vec![numbered(mark + n)];
                    match ledger.append(&stream, Expected::Position(at), drafts).await {
                        Ok(entries) => {
                            assert_eq!(entries[0].position, at + 1);
                            at += 1;
                            break;
                        }
                        Err(AppendError::Conflict { found }) => {
                            assert!(found > at);
                            (at, conflicts) = (found, conflicts + 1);
                        }
                        Err(AppendError::Fault(fault)) => unreachable!("{fault}"),
                    }
                }
            }
            conflicts
        })
    };
    let (first, second) = (runner(one.clone(), 10_000), runner(other, 20_000));
    let conflicts = first.await.expect("ran") + second.await.expect("ran");
    assert!(conflicts > 0, "they never met");
    let entries = one.read(0).await.expect("reads");
    let positions: Vec<u64> = entries.iter().map(|entry| entry.position).collect();
    assert_eq!(positions, (1..=2 * each).collect::<Vec<u64>>());
    // Nothing twice, nothing lost, and each one's own in its order.
    for mark in [10_000, 20_000] {
        let mine = entries.iter().filter_map(|entry| match &entry.body {
            Body::Numbered { number, .. } if number / 10_000 == mark / 10_000 => Some(*number),
            _ => None,
        });
        assert_eq!(
            mine.collect::<Vec<u64>>(),
            (mark..mark + each).collect::<Vec<u64>>()
        );
    }
    is_whole(one.as_ref(), 2 * each).await;
}

struct Place {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state/ledger.db");
        Self { _dir: dir, path }
    }

    async fn open(&self) -> SqliteLedger {
        SqliteLedger::open(&self.path).await.expect("opens")
    }

    /// Everything into the one file.
    async fn fold_log(&self) {
        let options = SqliteConnectOptions::new().filename(&self.path);
        let mut shell = SqliteConnection::connect_with(&options)
            .await
            .expect("connects");
        let folded = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)");
        let busy: i64 = folded.fetch_one(&mut shell).await.expect("folded");
        assert_eq!(busy, 0);
        shell.close().await.expect("closed");
    }

    fn remove(&self) {
        for end in ["", "-wal", "-shm"] {
            let mut name = self.path.as_os_str().to_owned();
            name.push(end);
            let _ = std::fs::remove_file(name);
        }
    }

    /// Other bytes in the ledger's place; no log of another file beside it.
    fn replace(&self, bytes: &[u8]) {
        self.remove();
        std::fs::write(&self.path, bytes).expect("written");
    }

    /// The same, as `cp` and `mv` do it.
    fn put_anew(&self, bytes: &[u8]) {
        let aside = self.path.with_extension("new");
        std::fs::write(&aside, bytes).expect("written");
        self.remove();
        std::fs::rename(aside, &self.path).expect("moved");
    }

    /// A hand that reaches past the ledger.
    async fn reach_in(&self, sql: &str) {
        let options = SqliteConnectOptions::new().filename(&self.path);
        let mut shell = SqliteConnection::connect_with(&options)
            .await
            .expect("connects");
        let sql = format!(
            "DROP TRIGGER IF EXISTS entries_follow; DROP TRIGGER IF EXISTS entries_stay; DROP TRIGGER IF EXISTS entries_remain; {sql}"
        );
        let sql = sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
        sql.execute(&mut shell).await.expect("done");
        shell.close().await.expect("closed");
    }
}

#[tokio::test]
async fn sqlite_keeps_the_contract() {
    let place = Place::new();
    let ledger = place.open().await;
    keeps_order(&ledger).await;
    tells_conflicts(&ledger).await;
    writes_all_or_none(&ledger).await;
    let other = place.open().await;
    notices_the_other(&ledger, &other).await;
    is_whole(&ledger, 7).await;

    // And all of it is there when it is opened again.
    let before = ledger.read(0).await.expect("reads");
    ledger.close().await;
    other.close().await;
    let (again, a) = (place.open().await, stream("a"));
    assert_eq!(again.read(0).await.expect("reads"), before);
    let next = again.append(&a, Expected::Position(5), vec![numbered(6)]);
    assert_eq!(next.await.expect("goes on")[0].seq, 8);
    is_whole(&again, 8).await;
    survives_being_dropped(&again).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_take_every_position_exactly_once() {
    let place = Place::new();
    // Opened at the same moment, too: both try to make the file and its schema.
    let (one, other) = tokio::join!(place.open(), place.open());
    race(Arc::new(one), Arc::new(other), 500).await;
}

#[tokio::test]
async fn the_walk_names_the_first_entry_that_does_not_follow() {
    // Six entries: a1 a2 b1 a3 b2 a4.
    for (what, sql, seq, why) in [
        (
            "a flipped byte",
            "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), 'host', 'hose') AS BLOB) WHERE seq = 3",
            3,
            "its bytes are not those that were hashed",
        ),
        (
            "a deleted entry",
            "DELETE FROM entries WHERE seq = 3",
            4,
            "entry 3 before it is missing",
        ),
        (
            "the first two deleted",
            "DELETE FROM entries WHERE seq < 3",
            3,
            "entries 1 to 2 before it are missing",
        ),
        (
            "two entries in each other's place",
            "UPDATE entries SET seq = 99 WHERE seq = 2; UPDATE entries SET seq = 2 WHERE seq = 3;
             UPDATE entries SET seq = 3 WHERE seq = 99",
            2,
            "it does not continue the entry before it",
        ),
        (
            "a hash of one's own",
            "UPDATE entries SET hash = replace(hash, substr(hash, 1, 1), 'x') WHERE seq = 4",
            4,
            "its bytes are not those that were hashed",
        ),
        (
            "another stream's entry",
            "UPDATE entries SET stream = 'releases:acme/z' WHERE seq = 5",
            5,
            "its columns say entry 5, 2 of releases:acme/z; its bytes say entry 5, 2 of releases:acme/b",
        ),
        (
            "a position moved",
            "UPDATE entries SET position = 7 WHERE seq = 6",
            6,
            "its columns say entry 6, 7 of releases:acme/a; its bytes say entry 6, 4 of releases:acme/a",
        ),
        (
            "an entry cut short",
            "UPDATE entries SET bytes = substr(bytes, 1, 40) WHERE seq = 1",
            1,
            "its bytes are not those that were hashed",
        ),
    ] {
        let place = Place::new();
        let ledger = place.open().await;
        for name in ["a", "a", "b", "a", "b", "a"] {
            let append = ledger
                .append(&stream(name), Expected::Any, vec![numbered(1)])
                .await;
            append.expect("appends");
        }
        is_whole(&ledger, 6).await;
        place.reach_in(sql).await;
        let why = why.to_owned();
        let broken = Verified::Broken { seq, why };
        assert_eq!(ledger.verify().await, Ok(broken.clone()), "{what}");
        assert_eq!(verify_file(&place.path).await, Ok(broken), "{what}");
        // Reading goes on: an entry lost from sight would be worse than one that is suspect.
        assert!(ledger.read(0).await.is_ok(), "{what}");
    }
}

#[tokio::test]
async fn what_a_later_gonogo_wrote_is_kept_and_followed() {
    let place = Place::new();
    let ledger = place.open().await;
    let a = stream("a");
    ledger
        .append(&a, Expected::Any, vec![numbered(1)])
        .await
        .expect("appends");
    let prev: String = {
        let options = SqliteConnectOptions::new().filename(&place.path);
        let mut shell = SqliteConnection::connect_with(&options)
            .await
            .expect("connects");
        let prev = sqlx::query_scalar("SELECT hash FROM entries");
        let prev: String = prev.fetch_one(&mut shell).await.expect("one");
        // In Rust's stead: what a later program would store.
        let bytes = r#"{"seq":2,"stream":"releases:acme/a","position":2,"format":2,"at":"2027-01-01T00:00:00Z","actor":{"name":"dana","means":"account","host":"h"},"body":{"kind":"paused","until":"noon"}}"#;
        let digest = gonogo::domain::release::Digest::of(format!("{prev}{bytes}").as_bytes());
        sqlx::query("INSERT INTO entries VALUES (2, 'releases:acme/a', 2, ?, ?, ?)")
            .bind(bytes.as_bytes())
            .bind(&prev)
            .bind(digest.as_str().trim_start_matches("sha256:"))
            .execute(&mut shell)
            .await
            .expect("inserted");
        prev
    };
    assert_eq!(prev.len(), 64);
    let entries: Vec<Entry> = ledger.read(1).await.expect("reads");
    let kind = "paused".to_owned();
    assert_eq!(entries[0].body, Body::Unknown { kind });
    assert_eq!(
        (entries[0].format, entries[0].actor.name.as_str()),
        (2, "dana")
    );
    is_whole(&ledger, 2).await;
    let next = ledger
        .append(&a, Expected::Position(2), vec![numbered(3)])
        .await;
    assert_eq!(next.expect("follows")[0].seq, 3);
    is_whole(&ledger, 3).await;
}

/// A ledger of a thousand entries, closed and in one file, with what is in it.
async fn a_thousand() -> (Place, Vec<u8>, Vec<Entry>) {
    let place = Place::new();
    let ledger = place.open().await;
    for n in 0..10_u64 {
        let drafts = (1..=100).map(|m| numbered(n * 100 + m)).collect();
        let name = if n % 2 == 0 { "a" } else { "b" };
        ledger
            .append(&stream(name), Expected::Any, drafts)
            .await
            .expect("appends");
    }
    let entries = ledger.read(0).await.expect("reads");
    ledger.close().await;
    place.fold_log().await;
    let bytes = std::fs::read(&place.path).expect("there");
    (place, bytes, entries)
}

fn page_size(bytes: &[u8]) -> usize {
    usize::from(u16::from_be_bytes([bytes[16], bytes[17]]))
}

/// What a program makes of a file: nothing it says may differ from what was written without being said to be broken.
async fn is_found_or_harmless(place: &Place, bytes: &[u8], entries: &[Entry], what: &str) -> bool {
    place.replace(bytes);
    match verify_file(&place.path).await {
        Err(_) | Ok(Verified::Broken { .. }) => true,
        Ok(Verified::Whole { entries: count, .. }) => {
            assert_eq!(count, entries.len() as u64, "{what}");
            let ledger = SqliteLedger::open_read_only(&place.path)
                .await
                .unwrap_or_else(|fault| unreachable!("{what}: {fault}"));
            let read = ledger.read(0).await.expect("reads");
            assert!(
                read == entries,
                "{what}: read differently, and called whole"
            );
            ledger.close().await;
            false
        }
    }
}

#[tokio::test]
async fn no_flipped_byte_changes_what_is_read_without_being_found() {
    let (place, whole, entries) = a_thousand().await;
    let size = page_size(&whole);
    let mut places: Vec<usize> = (0..100).collect();
    // The first bytes of every page, where its kind, its cells and its neighbours are.
    for page in (0..whole.len()).step_by(size) {
        places.extend([0, 1, 3, 5, 8, 9, 12].map(|at| page + at));
    }
    let mut found = 0;
    for at in &places {
        let mut bytes = whole.clone();
        bytes[*at] ^= 0x41;
        let what = format!("byte {at}");
        found += u32::from(is_found_or_harmless(&place, &bytes, &entries, &what).await);
    }
    assert!(found > 100, "{found} of {}", places.len());

    // Every byte of an entry's JSON, hashes and place is found.
    for mark in [b"\"number\":7,".as_slice(), b"\"number\":1000,"] {
        // The last one is the row; what stands before it was left behind in a page that became a branch of the tree.
        let row = memchr::memmem::rfind(&whole, mark).expect("in the file");
        let (mut begins, mut ends) = (row, row);
        while !whole[begins..].starts_with(b"{\"seq\":") {
            begins -= 1;
        }
        while !whole[ends..].starts_with(b"\"}}") {
            ends += 1;
        }
        // The stream stands before the bytes, prev and hash after them.
        for at in (begins - "releases:acme/a".len())..(ends + 3 + 128) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x01;
            let around = String::from_utf8_lossy(&whole[at - 12..at + 12]);
            let what = format!("byte {at} of an entry, in {around:?}");
            assert!(
                is_found_or_harmless(&place, &bytes, &entries, &what).await,
                "{what}"
            );
        }
    }
}

#[tokio::test]
async fn a_file_cut_off_anywhere_is_found() {
    let (place, whole, entries) = a_thousand().await;
    let size = page_size(&whole);
    let pages = (size..whole.len()).step_by(size);
    let odd = [
        1,
        15,
        99,
        100,
        511,
        size - 1,
        size + 1,
        whole.len() / 2 + 7,
        whole.len() - 1,
    ];
    for length in pages.chain(odd) {
        let what = format!("the first {length} bytes");
        assert!(
            is_found_or_harmless(&place, &whole[..length], &entries, &what).await,
            "{what}"
        );
    }
}

#[tokio::test]
async fn what_is_no_ledger_of_ours_is_left_alone() {
    let place = Place::new();
    std::fs::create_dir_all(place.path.parent().expect("a folder")).expect("made");
    let options = SqliteConnectOptions::new()
        .filename(&place.path)
        .create_if_missing(true);
    let mut shell = SqliteConnection::connect_with(&options)
        .await
        .expect("connects");
    sqlx::raw_sql("CREATE TABLE entries (note TEXT); INSERT INTO entries VALUES ('mine')")
        .execute(&mut shell)
        .await
        .expect("made");
    shell.close().await.expect("closed");
    let foreign = std::fs::read(&place.path).expect("there");
    for (bytes, words) in [
        (foreign.as_slice(), "database of another program"),
        (b"".as_slice(), "the file is empty"),
        (b"dear diary, today".as_slice(), "not a database"),
    ] {
        place.replace(bytes);
        for fault in [
            SqliteLedger::open(&place.path).await.err(),
            SqliteLedger::open_read_only(&place.path).await.err(),
            verify_file(&place.path).await.err(),
        ] {
            let said = fault.expect("refused").to_string();
            assert!(said.contains(words), "{said}");
        }
        assert!(
            std::fs::read(&place.path).expect("there") == bytes,
            "{words}"
        );
        // The program lives with it: it says how it stands, and appends nothing.
        let ledger = LocalLedger::new(&place.path, &[]);
        assert!(ledger.read(0).await.is_err());
        assert!(ledger.standing().is_lost(), "{words}");
        let a = stream("a");
        let append = ledger.append(&a, Expected::Any, vec![numbered(1)]);
        assert!(
            matches!(append.await, Err(AppendError::Fault(_))),
            "{words}"
        );
        assert!(
            std::fs::read(&place.path).expect("there") == bytes,
            "{words}"
        );
    }
}

/// A later program gave the file another version: what is in it is read, as far as it goes, and nothing is appended.
#[tokio::test]
async fn a_file_of_a_later_program_is_only_read() {
    let place = Place::new();
    let ledger = place.open().await;
    let a = stream("a");
    let written = ledger.append(&a, Expected::Any, vec![numbered(1), numbered(2)]);
    let written = written.await.expect("appends");
    ledger.close().await;
    place.reach_in("PRAGMA user_version = 2").await;
    let fault = SqliteLedger::open(&place.path)
        .await
        .err()
        .expect("refused");
    assert!(fault.to_string().contains("schema is version 2"), "{fault}");
    let ledger = LocalLedger::new(&place.path, &[]);
    assert_eq!(ledger.read(0).await, Ok(written));
    let standing = ledger.probe().await;
    assert!(matches!(standing, Standing::ReadOnly(_)), "{standing:?}");
    let append = ledger.append(&a, Expected::Any, vec![numbered(3)]).await;
    let Err(AppendError::Fault(fault)) = append else {
        unreachable!("{append:?}");
    };
    assert!(fault.to_string().contains("or a later one"), "{fault}");
    place.reach_in("PRAGMA user_version = 1").await;
    assert_eq!(ledger.probe().await, Standing::Whole);
    let append = ledger.append(&a, Expected::Any, vec![numbered(3)]).await;
    assert_eq!(append.expect("goes on")[0].seq, 3);
}

/// Under a program that runs: a file that is taken away, cut back, or put in the ledger's place.
#[tokio::test]
async fn another_file_in_the_ledgers_place_is_noticed() {
    let place = Place::new();
    let ledger = LocalLedger::new(&place.path, &[]);
    let a = stream("a");
    let mut copies = Vec::new();
    for n in 1..=3 {
        ledger
            .append(&a, Expected::Position(n - 1), vec![numbered(n)])
            .await
            .expect("appends");
        place.fold_log().await;
        copies.push(std::fs::read(&place.path).expect("there"));
    }
    assert_eq!(ledger.read(0).await.expect("reads").len(), 3);
    assert_eq!(ledger.probe().await, Standing::Whole);
    let refused = async |words: &str| {
        let append = ledger.append(&a, Expected::Any, vec![numbered(9)]).await;
        let Err(AppendError::Fault(fault)) = append else {
            unreachable!("{words}: {append:?}");
        };
        assert!(fault.to_string().contains(words), "{fault}");
    };
    place.remove();
    refused("the file is gone").await;
    assert!(!place.path.exists(), "no new one is begun in its stead");
    // A copy from before the last entry: somebody restored too old a one.
    place.put_anew(&copies[1]);
    refused("BROKEN at entry 3").await;
    assert_eq!(ledger.read(0).await.expect("reads").len(), 2);
    place.put_anew(&copies[2]);
    assert_eq!(ledger.probe().await, Standing::Whole);
    let append = ledger.append(&a, Expected::Position(3), vec![numbered(4)]);
    assert_eq!(append.await.expect("goes on")[0].seq, 4);
}

/// What waits in the journal goes in once: before anything else, by whoever comes, however often it was kept.
#[tokio::test]
async fn what_was_set_aside_is_appended_once() {
    let place = Place::new();
    let a = stream("a");
    let (one, other) = (
        LocalLedger::new(&place.path, &[]),
        LocalLedger::new(&place.path, &[]),
    );
    one.append(&a, Expected::Any, vec![numbered(1)])
        .await
        .expect("appends");
    let mut second = numbered(2);
    second.at = Timestamp::from_second(1_700_000_100).expect("in range");
    // Its append hung, was given up and set aside, and got there all the same.
    one.append(&a, Expected::Any, vec![second.clone()])
        .await
        .expect("appends");
    let mut third = numbered(3);
    third.at = Timestamp::from_second(1_700_000_200).expect("in range");
    one.set_aside(&a, &[second, third.clone()]).expect("kept");
    other.set_aside(&a, &[third]).expect("kept");
    assert!(one.waiting().is_some());
    let (left, right) = tokio::join!(one.probe(), other.probe());
    assert_eq!((left, right), (Standing::Whole, Standing::Whole));
    assert_eq!((one.waiting(), other.waiting()), (None, None));
    let numbers: Vec<u64> = one
        .read(0)
        .await
        .expect("reads")
        .iter()
        .filter_map(|entry| match entry.body {
            Body::Numbered { number, .. } => Some(number),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
    is_whole(&one, 3).await;
}

/// Whatever the umask, folders are 0700 and files 0600.
#[test]
fn the_umask_opens_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    for umask in ["000", "002", "022", "027", "077", "177", "777"] {
        let dir = tempfile::tempdir().expect("a folder");
        let ledger = dir.path().join("state/gonogo/ledger.sqlite");
        let smallest = include_str!("../configs/valid/smallest.toml");
        let example = format!("{smallest}\n[ledger]\npath = {ledger:?}\n");
        let config = dir.path().join("gonogo.toml");
        std::fs::write(&config, example).expect("written");
        let ran = std::process::Command::new("sh")
            .args(["-c", &format!("umask {umask}; exec \"$@\""), "sh"])
            .arg(super::rig::GONOGO)
            .arg("--config")
            .arg(&config)
            .args(["audit", "verify"])
            .env("HOME", dir.path())
            .env("GONOGO_CONFIG_DIR", dir.path().join("none"))
            .output()
            .expect("ran");
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "umask {umask}: {said}");
        for (name, expect) in [
            ("state", 0o700),
            ("state/gonogo", 0o700),
            ("state/gonogo/ledger.sqlite", 0o600),
        ] {
            let it = std::fs::metadata(dir.path().join(name)).expect("made");
            let mode = it.permissions().mode() & 0o777;
            assert_eq!(mode, expect, "umask {umask}: {name}");
        }
        for entry in std::fs::read_dir(dir.path().join("state/gonogo")).expect("made") {
            let entry = entry.expect("there");
            let mode = entry.metadata().expect("there").permissions().mode();
            assert_eq!(mode & 0o177, 0, "umask {umask}: {:?}", entry.path());
        }
    }
}

/// Run by hand: `cargo test --release --test it -- --ignored figures --nocapture`.
#[tokio::test]
#[ignore = "measures; asserts nothing that a slow disk could break"]
async fn figures_of_a_hundred_thousand_entries() {
    let place = Place::new();
    let ledger = place.open().await;
    let mut told = Vec::new();
    let mut timed =
        |what: &'static str, start: std::time::Instant| told.push((what, start.elapsed()));
    let start = std::time::Instant::now();
    for n in 0..100 {
        let drafts = (1..=1_000).map(|m| numbered(n * 1_000 + m)).collect();
        ledger
            .append(&stream("a"), Expected::Any, drafts)
            .await
            .expect("appends");
    }
    timed("100 appends of 1,000", start);
    let start = std::time::Instant::now();
    for n in 1..=100 {
        ledger
            .append(&stream("b"), Expected::Any, vec![numbered(n)])
            .await
            .expect("appends");
    }
    timed("100 appends of 1", start);
    let start = std::time::Instant::now();
    assert_eq!(ledger.read(0).await.expect("reads").len(), 100_100);
    timed("read of all", start);
    let start = std::time::Instant::now();
    is_whole(&ledger, 100_100).await;
    timed("verify", start);
    let start = std::time::Instant::now();
    ledger.version().await.expect("a version");
    timed("version", start);
    std::io::Write::write_all(&mut std::io::stderr(), format!("{told:#?}\n").as_bytes())
        .expect("shown");
}
