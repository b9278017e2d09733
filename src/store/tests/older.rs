//! Files of earlier versions. What is in `v2` was written by a weir of version 2 that was then killed: its database, what its
//! journal held beside it, and the record as that weir exported it.

use super::*;
use crate::store::journal::{frame, slot};
use crate::store::{migrate, schema};

const DATABASE: &str = include_str!("v2/database.sql");
const JOURNAL: &str = include_str!("v2/journal.hex");
const EXPORT: &str = include_str!("v2/export.jsonl");

/// As many entries of each account are in the database, and so many in all.
const IN_DATABASE: u64 = 29;

fn database(dir: &TempDir) -> Connection {
    let connection = sql(dir);
    connection.execute_batch(DATABASE).unwrap();
    connection.pragma_update(None, "user_version", 2).unwrap();
    connection.pragma_update(None, "application_id", 0x7765_6972).unwrap();
    connection.pragma_update(None, "journal_mode", "wal").unwrap();
    connection
}

fn journal(dir: &TempDir) {
    let mut bytes = Vec::new();
    for line in JOURNAL.lines() {
        let pairs = line.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap());
        bytes.extend(pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap()));
        bytes.resize(frame::padded(bytes.len()), 0);
    }
    bytes.resize(1 << 20, 0);
    std::fs::write(slot::path(&file(dir), 0), bytes).unwrap();
}

fn exported() -> Vec<Entry> {
    EXPORT.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn version(dir: &TempDir) -> i64 {
    sql(dir).pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}

fn export(dir: &TempDir) -> String {
    let reader = Reader::open(file(dir)).unwrap();
    let mut out = Vec::new();
    for account in ["müller", "alice"] {
        reader.export(account, &mut out).unwrap();
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn a_killed_weir_of_version_2_is_taken_over_entry_by_entry() {
    let dir = TempDir::new().unwrap();
    drop(database(&dir));
    journal(&dir);
    assert!(catch_up(file(&dir)).unwrap());
    assert_eq!(version(&dir), schema::VERSION);
    let entries = exported();
    let expected: Vec<&str> = EXPORT.lines().collect();
    let mut found: Vec<String> = export(&dir).lines().map(str::to_owned).collect();
    found.sort();
    let mut sorted = expected.clone();
    sorted.sort_unstable();
    assert_eq!(found, sorted, "to the byte");
    let reader = Reader::open(file(&dir)).unwrap();
    for account in ["müller", "alice"] {
        let all: Vec<_> = entries.iter().filter(|entry| entry.account == account).cloned().collect();
        assert_eq!(reader.verify(account).unwrap(), billing::verify(&all).unwrap());
        for entry in &all {
            let of_id: Vec<_> = all.iter().filter(|other| other.op_id == entry.op_id).cloned().collect();
            let open = of_id.iter().all(|entry| !entry.kind.ends()).then(|| of_id[0].seq);
            assert_eq!(reader.of_request(account, &entry.op_id, open).unwrap(), of_id);
        }
    }
    let left = sql(&dir).query_row(
        "SELECT count(*) FROM sqlite_schema WHERE name IN ('entry', 'ledger', 'entry_done')",
        (),
        |row| row.get::<_, i64>(0),
    );
    assert_eq!(left.unwrap(), 0);
}

#[tokio::test]
async fn requests_go_on_where_version_2_was_and_nothing_is_done_twice() {
    let dir = TempDir::new().unwrap();
    drop(database(&dir));
    journal(&dir);
    let entries = exported();
    let store = open(&dir, None, 500);
    for entry in entries.iter().filter(|entry| entry.kind == billing::Kind::Grant) {
        let op =
            Op::Grant { id: entry.op_id.clone(), amount: Pico(entry.amount.0 + 1), reason: "again".into() };
        let refused = store.post(&entry.account, op, NOW).await;
        assert!(matches!(refused, Err(BooksError::Refused(Refusal::Conflict { .. }))), "{refused:?}");
    }
    let now = Instant::from_secs(1_795_220_000);
    for entry in entries.iter().filter(|entry| entry.kind == billing::Kind::Settle) {
        let op = Op::Settle { id: entry.op_id.clone(), lines: vec![], estimated: false };
        let refused = store.post(&entry.account, op, now).await;
        assert!(matches!(refused, Err(BooksError::Refused(Refusal::Conflict { .. }))), "{refused:?}");
    }
    store.post("alice", hold("new", 20), now).await.unwrap();
    store.post("alice", settle("new", 20), now).await.unwrap();
    drop(store);
    let reader = Reader::open(file(&dir)).unwrap();
    let open_before = 1;
    let entries_now: u64 = ["müller", "alice"].map(|name| reader.verify(name).unwrap().entries).iter().sum();
    assert_eq!(entries_now, entries.len() as u64 + open_before + 2);
}

#[test]
fn a_file_of_version_1_is_taken_over_as_well() {
    let dir = TempDir::new().unwrap();
    database(&dir).execute_batch("DROP TABLE journal; PRAGMA user_version = 1").unwrap();
    drop(open(&dir, None, 500));
    let reader = Reader::open(file(&dir)).unwrap();
    // One hold was open, and is settled now.
    assert_eq!(
        reader.verify("müller").unwrap().entries + reader.verify("alice").unwrap().entries,
        IN_DATABASE + 1
    );
}

#[test]
fn a_move_to_pages_that_was_cut_short_goes_on_where_it_was() {
    let dir = TempDir::new().unwrap();
    let mut connection = database(&dir);
    // Cut short when only some of the entries were there, gone on with by the older weir, and cut short again.
    connection
        .execute_batch(
            "CREATE TABLE later AS SELECT key, time, kind, op_id, amount, granted, settled, held, detail, hash FROM entry \
             WHERE seq > 5; DELETE FROM entry WHERE seq > 5",
        )
        .unwrap();
    migrate::fill_pages(&mut connection).unwrap();
    connection.execute_batch("INSERT INTO entry SELECT * FROM later; DROP TABLE later").unwrap();
    migrate::fill_pages(&mut connection).unwrap();
    drop(connection);
    assert_eq!(version(&dir), 2);
    assert!(matches!(Reader::open(file(&dir)), Err(StoreError::Older { found: 2, known: schema::VERSION })));
    journal(&dir);
    assert!(catch_up(file(&dir)).unwrap());
    assert_eq!(export(&dir).lines().count(), EXPORT.lines().count());
    assert!(EXPORT.lines().all(|line| export(&dir).contains(line)));
}

#[test]
fn what_was_wrong_before_is_wrong_afterwards_and_nothing_is_dropped_that_cannot_be_read() {
    let dir = TempDir::new().unwrap();
    database(&dir)
        .execute_batch("UPDATE entry SET detail = replace(detail, 'cheap', 'dear!') WHERE seq = 7")
        .unwrap();
    catch_up(file(&dir)).unwrap();
    let reader = Reader::open(file(&dir)).unwrap();
    let bad = ["müller", "alice"].map(|name| reader.verify(name));
    assert!(bad.iter().any(|found| matches!(found, Err(StoreError::Bad(bad)) if bad.seq == 7)), "{bad:?}");

    let dir = TempDir::new().unwrap();
    database(&dir).execute_batch("UPDATE entry SET kind = 'gift' WHERE seq = 7").unwrap();
    assert!(catch_up(file(&dir)).is_err());
    let rows: i64 = sql(&dir).query_row("SELECT count(*) FROM entry", (), |row| row.get(0)).unwrap();
    assert_eq!((rows.cast_unsigned(), version(&dir)), (IN_DATABASE, 2));
}

#[test]
fn a_file_that_an_older_weir_uses_is_left_to_it() {
    let dir = TempDir::new().unwrap();
    drop(database(&dir));
    let lock = schema::lock(&file(&dir)).unwrap();
    assert!(!catch_up(file(&dir)).unwrap());
    let refused = Reader::open(file(&dir)).err().unwrap();
    assert!(refused.to_string().contains("end the older weir"), "{refused}");
    drop(lock);
    assert_eq!(version(&dir), 2);
    assert!(catch_up(file(&dir)).unwrap());
    assert_eq!(version(&dir), schema::VERSION);
}

#[tokio::test]
async fn a_file_of_version_3_gets_room_for_keys_and_keeps_its_books() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, None, 500);
    post(&store, hold("h", 20)).await.unwrap();
    post(&store, settle("h", 20)).await.unwrap();
    store.close();
    drop(store);
    let before = sql(&dir);
    before
        .execute_batch("DROP TABLE managed_key; DROP TABLE former_secret; DROP TABLE alert; DROP TABLE delivery; PRAGMA user_version = 3")
        .unwrap();
    drop(before);
    assert!(matches!(Reader::open(file(&dir)), Err(StoreError::Older { found: 3, known: schema::VERSION })));
    let store = open(&dir, None, 500);
    assert_eq!(version(&dir), schema::VERSION);
    assert!(store.keys().all().unwrap().is_empty());
    assert_eq!(Reader::open(file(&dir)).unwrap().verify("alice").unwrap().entries, 3);
}
