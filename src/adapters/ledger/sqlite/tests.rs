//! What only this store has: full disks, triggers, damaged files. The contract of every ledger is in
//! `tests/it/ledger.rs`.

use jiff::Timestamp;
use sqlx::ConnectOptions as _;

use super::{file::options, *};
use crate::domain::{entry::Body, release::Commit, workspace::Actor};

fn draft(number: u64) -> Draft {
    Draft {
        at: Timestamp::UNIX_EPOCH,
        actor: Actor::program("host"),
        body: Body::Numbered {
            number,
            commit: Commit::parse(&format!("{number:040x}")).expect("hex"),
        },
    }
}

fn stream() -> StreamId {
    StreamId("releases:acme/shop".to_owned())
}

async fn opened() -> (tempfile::TempDir, SqliteLedger) {
    let dir = tempfile::tempdir().expect("a folder");
    let ledger = SqliteLedger::open(&dir.path().join("state/ledger.db"))
        .await
        .expect("opens");
    (dir, ledger)
}

fn faulted(result: Result<Vec<Entry>, AppendError>) -> Fault {
    match result {
        Err(AppendError::Fault(fault)) => fault,
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test]
async fn a_full_disk_refuses_whole_appends_and_room_lets_them_in_again() {
    let (_dir, ledger) = opened().await;
    let limit = |pages: &'static str| {
        let writer = ledger.writer.as_ref().expect("opened to write");
        async move {
            let mut writer = writer.lock().await;
            sqlx::raw_sql(pages)
                .execute(&mut writer.connection)
                .await
                .expect("a limit");
        }
    };
    limit("PRAGMA max_page_count = 12").await;
    let mut written = 0;
    let fault = loop {
        let drafts = (1..=5).map(|n| draft(written + n)).collect();
        match ledger
            .append(&stream(), Expected::Position(written), drafts)
            .await
        {
            Ok(entries) => written += entries.len() as u64,
            full => break faulted(full),
        }
        assert!(written < 5_000, "the disk never fills");
    };
    assert_eq!(fault.kind, FaultKind::Refused);
    assert!(fault.to_string().contains("Make room"), "{fault}");
    assert_eq!(ledger.read(0).await.expect("reads").len() as u64, written);
    limit("PRAGMA max_page_count = 10000").await;
    let stream = stream();
    let after = ledger.append(&stream, Expected::Position(written), vec![draft(1)]);
    assert_eq!(after.await.expect("room again").len(), 1);
    assert!(matches!(ledger.verify().await, Ok(Verified::Whole { .. })));
}

/// A full or failing disk makes `SQLite` end the transaction by itself; a trigger that rolls back does just that.
#[tokio::test]
async fn a_transaction_that_ended_by_itself_is_not_the_last_one() {
    let (_dir, ledger) = opened().await;
    let mut shell = options(&ledger.path).connect().await.expect("connects");
    let mut ask = async |statement: &'static str| {
        sqlx::raw_sql(statement)
            .execute(&mut shell)
            .await
            .expect("done");
    };
    ask("CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(ROLLBACK, 'full'); END")
        .await;
    for _ in 0..3 {
        let fault = faulted(
            ledger
                .append(&stream(), Expected::Any, vec![draft(1)])
                .await,
        );
        assert!(fault.to_string().contains("full"), "{fault}");
    }
    ask("DROP TRIGGER full").await;
    ledger.probe().await.expect("it is written again");
    let stream = stream();
    let after = ledger.append(&stream, Expected::Position(0), vec![draft(1)]);
    assert_eq!(after.await.expect("room again").len(), 1);
}

#[tokio::test]
async fn the_table_takes_no_change_from_a_shell() {
    let (_dir, ledger) = opened().await;
    let drafts = vec![draft(1), draft(2)];
    ledger
        .append(&stream(), Expected::Any, drafts)
        .await
        .expect("appends");
    let mut shell = options(&ledger.path).connect().await.expect("connects");
    for statement in [
        "UPDATE entries SET prev = prev",
        "DELETE FROM entries WHERE seq = 2",
        "INSERT OR REPLACE INTO entries SELECT * FROM entries WHERE seq = 1",
        "INSERT INTO entries SELECT 4, stream, 3, bytes, prev, hash FROM entries WHERE seq = 1",
        "INSERT INTO entries SELECT 3, stream, 4, bytes, prev, hash FROM entries WHERE seq = 1",
        "INSERT INTO entries SELECT 3, 'other', 'one', bytes, prev, hash FROM entries WHERE seq = 1",
    ] {
        let result = sqlx::raw_sql(statement).execute(&mut shell).await;
        assert!(result.is_err(), "{statement}");
    }
    assert_eq!(ledger.read(0).await.expect("reads").len(), 2);
}

#[tokio::test]
async fn opened_to_read_it_appends_nothing_and_sees_what_others_append() {
    let (_dir, ledger) = opened().await;
    let reader = SqliteLedger::open_read_only(&ledger.path)
        .await
        .expect("opens");
    let refused = faulted(
        reader
            .append(&stream(), Expected::Any, vec![draft(1)])
            .await,
    );
    assert_eq!(refused.kind, FaultKind::Refused);
    let before = reader.version().await.expect("a version");
    ledger
        .append(&stream(), Expected::Any, vec![draft(1)])
        .await
        .expect("appends");
    assert_ne!(reader.version().await.expect("a version"), before);
    assert_eq!(reader.read(0).await.expect("reads").len(), 1);
    let missing = ledger.path.with_file_name("other.db");
    let fault = SqliteLedger::open_read_only(&missing)
        .await
        .err()
        .expect("none there");
    assert_eq!(fault.kind, FaultKind::NotFound);
}

#[tokio::test]
async fn another_programs_file_and_a_later_schema_are_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("ledger.db");
    let theirs = options(&path).create_if_missing(true);
    let mut shell = theirs.connect().await.expect("connects");
    let make = sqlx::raw_sql("CREATE TABLE songs (title TEXT)");
    make.execute(&mut shell).await.expect("made");
    for opening in [
        SqliteLedger::open(&path).await.err(),
        SqliteLedger::open_read_only(&path).await.err(),
    ] {
        let fault = opening.expect("refused");
        assert!(fault.to_string().contains("another program"), "{fault}");
    }

    let (_dir, ledger) = opened().await;
    let mut shell = options(&ledger.path).connect().await.expect("connects");
    let later = sqlx::raw_sql("PRAGMA user_version = 2");
    later.execute(&mut shell).await.expect("set");
    let fault = SqliteLedger::open(&ledger.path)
        .await
        .err()
        .expect("refused");
    assert!(fault.to_string().contains("version 2"), "{fault}");
    assert!(SqliteLedger::open_read_only(&ledger.path).await.is_ok());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_a_fault_with_a_hint() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("ledger.db");
    std::fs::write(
        &path,
        "these are not the bytes you are looking for".repeat(200),
    )
    .expect("written");
    for fault in [
        SqliteLedger::open(&path).await.err().expect("no database"),
        verify_file(&path).await.expect_err("no database"),
    ] {
        assert_eq!(fault.kind, FaultKind::Malformed, "{fault}");
        assert!(fault.hint.is_some(), "{fault}");
    }
}

/// Every byte of a page that holds entries, one at a time: each flip is either found, or in room that holds
/// nothing (then every entry still reads back as it was).
#[tokio::test]
async fn no_flipped_byte_of_the_file_changes_an_entry_unseen() {
    let (dir, ledger) = opened().await;
    let drafts = (1..=60).map(draft).collect();
    ledger
        .append(&stream(), Expected::Any, drafts)
        .await
        .expect("appends");
    let told = ledger.read(0).await.expect("reads");
    let path = ledger.path.clone();
    ledger.close().await;
    let whole = std::fs::read(&path).expect("the file");
    assert!(
        whole.len() > 16_384,
        "closing moved the entries into the file"
    );
    let flipped = dir.path().join("state/flipped.db");
    let mut found = 0;
    // A prime step over the whole file: every page, every kind of place in it, in a second or two.
    for at in (0..whole.len()).step_by(149) {
        let mut bytes = whole.clone();
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 0x20;
        }
        std::fs::write(&flipped, &bytes).expect("written");
        if let Ok(Verified::Whole { entries, .. }) = verify_file(&flipped).await {
            let ledger = SqliteLedger::open_read_only(&flipped).await.expect("opens");
            assert_eq!(
                (entries, ledger.read(0).await),
                (60, Ok(told.clone())),
                "{at}"
            );
        } else {
            found += 1;
        }
    }
    assert!(found > 50, "only {found} flips were found");
}
