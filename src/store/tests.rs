mod crash;
mod older;
mod pages;

use super::journal::record::{self, Bytes};
use super::*;
use billing::{Balance, Flaw, Line};
use relay::ports::Books;
use rusqlite::Connection;
use std::path::Path;
use tempfile::TempDir;
use vocab::{Bucket, Usage};

const NOW: Instant = Instant::from_secs(1_000);

fn options(overdraft: Option<i128>, opening: i128) -> Options {
    let terms = Terms { overdraft: overdraft.map(Pico), opening: Pico(opening) };
    Options { terms: Box::new(move |_| terms), gather: Duration::ZERO, ..Options::default() }
}

fn open(dir: &TempDir, overdraft: Option<i128>, opening: i128) -> Store {
    Store::open(file(dir), options(overdraft, opening), NOW).unwrap()
}

fn file(dir: &TempDir) -> PathBuf {
    dir.path().join("weir.db")
}

fn hold(id: &str, amount: i128) -> Op {
    let lease_until = NOW.after(Duration::from_secs(60));
    Op::Hold {
        id: id.into(),
        amount: Pico(amount),
        estimate: Pico(amount / 2),
        lease_until,
        tags: String::new(),
        caps: vec![],
    }
}

fn settle(id: &str, amount: i128) -> Op {
    let line = Line {
        provider: "cheap".into(),
        model: "small".into(),
        usage: Usage::default().with(Bucket::Input, 5),
        price: Some("1".into()),
        amount: Pico(amount),
        outcome: "ok".into(),
    };
    Op::Settle { id: id.into(), lines: vec![line], estimated: false }
}

async fn post(store: &Store, op: Op) -> Result<Posted, BooksError> {
    let posted = store.post("alice", op, NOW).await?;
    store.durable(posted.mark).await?;
    Ok(posted)
}

fn balance(granted: i128, settled: i128, held: i128) -> Balance {
    Balance { granted: Pico(granted), settled: Pico(settled), held: Pico(held) }
}

/// What a crash would leave: all but SQLite's shared memory and our lock. The database before its log, as it is read.
fn copy(dir: &TempDir) -> TempDir {
    let copy = TempDir::new().unwrap();
    let mut files: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path()).collect();
    files.sort();
    for from in files {
        let name = from.file_name().unwrap().to_str().unwrap();
        if !name.ends_with("-shm") && !name.ends_with(".lock") {
            std::fs::copy(&from, copy.path().join(name)).unwrap();
        }
    }
    copy
}

#[tokio::test]
async fn a_request_is_held_settled_and_found_again() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, Some(0), 500);
    assert_eq!(store.balance("alice").await.unwrap(), balance(500, 0, 0));
    let held = post(&store, hold("r1", 200)).await.unwrap();
    assert_eq!((held.balance, held.fresh), (balance(500, 0, 200), true));
    assert_eq!(store.of_request("alice", "r1").await.unwrap().len(), 1, "an open one is found too");
    let settled = post(&store, settle("r1", 140)).await.unwrap();
    assert_eq!(settled.balance, balance(500, 140, 0));
    post(&store, hold("r2", 1)).await.unwrap();
    let release = Op::Release { id: "r2".into(), lines: vec![], why: "refused".into() };
    post(&store, release).await.unwrap();

    let kinds = |entries: &[Entry]| entries.iter().map(|e| (e.seq, e.kind.name())).collect::<Vec<_>>();
    let all = store.entries("alice", 0, 10).await.unwrap();
    assert_eq!(kinds(&all), [(1, "grant"), (2, "hold"), (3, "settle"), (4, "hold"), (5, "release")]);
    assert!(billing::verify(&all).is_ok());
    assert_eq!(kinds(&store.entries("alice", 2, 2).await.unwrap()), [(3, "settle"), (4, "hold")]);
    assert_eq!(kinds(&store.ended("alice", 6, 9).await.unwrap()), [(5, "release"), (3, "settle")]);
    assert_eq!(kinds(&store.ended("alice", u64::MAX, 1).await.unwrap()), [(5, "release")]);
    assert_eq!(store.ended("alice", 5, 9).await.unwrap(), [all[2].clone()]);
    assert_eq!(kinds(&store.of_request("alice", "r1").await.unwrap()), [(2, "hold"), (3, "settle")]);
    assert_eq!(store.of_request("alice", "none").await.unwrap(), []);
    assert_eq!(store.entries("nobody", 0, 9).await.unwrap(), []);
}

#[tokio::test]
async fn what_was_spent_is_counted_from_a_moment_on() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, None, 0);
    for n in 0..20u64 {
        let (id, now) = (format!("r{n}"), Instant::from_secs(n * 10));
        store.post("alice", hold(&id, 1), now).await.unwrap();
        store.post("alice", settle(&id, 1), now).await.unwrap();
    }
    for (from, spent) in [(0, 20), (1, 19), (10, 19), (101, 9), (190, 1), (191, 0), (9_999, 0)] {
        assert_eq!(store.spent("alice", Instant::from_secs(from)).await.unwrap(), Pico(spent), "from {from}");
    }
    assert_eq!(store.spent("nobody", NOW).await.unwrap(), Pico(0));
}

#[tokio::test]
async fn of_five_requests_of_sixty_per_cent_exactly_one_is_admitted() {
    let dir = TempDir::new().unwrap();
    let store = Arc::new(open(&dir, Some(0), 100));
    let threads: Vec<_> = (0..5)
        .map(|n| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(post(&store, hold(&format!("r{n}"), 60)))
            })
        })
        .collect();
    let answers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
    let poor = |answer: &&Result<_, _>| matches!(answer, Err(BooksError::Refused(Refusal::Poor { .. })));
    assert_eq!(answers.iter().filter(poor).count(), 4, "{answers:?}");
}

#[tokio::test]
async fn nothing_is_done_twice_not_even_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let grant = || Op::Grant { id: "g".into(), amount: Pico(10), reason: "paid".into() };
    let check = async |store: &Store| {
        for op in [grant(), hold("r1", 60), settle("r1", 50)] {
            let again = post(store, op.clone()).await.unwrap();
            assert_eq!((again.fresh, again.balance), (false, balance(110, 50, 0)), "{op:?}");
        }
        for op in [hold("r1", 61), settle("r1", 51), hold("g", 10), hold("opening", 1)] {
            let answer = post(store, op.clone()).await;
            assert!(
                matches!(answer, Err(BooksError::Refused(Refusal::Conflict { .. }))),
                "{op:?}: {answer:?}"
            );
        }
    };
    let store = open(&dir, Some(0), 100);
    for op in [grant(), hold("r1", 60), settle("r1", 50)] {
        assert!(store.post("alice", op, NOW).await.unwrap().fresh);
    }
    check(&store).await;
    drop(store);
    let store = open(&dir, Some(0), 100);
    check(&store).await;
    assert_eq!(store.read(|reader| reader.verify("alice")).await.unwrap().entries, 4);
}

#[tokio::test]
async fn the_same_new_id_from_many_at_once_is_held_once() {
    let dir = TempDir::new().unwrap();
    drop({
        let store = open(&dir, None, 0);
        post(&store, hold("old", 1)).await.unwrap();
        post(&store, settle("old", 1)).await.unwrap();
        store
    });
    let store = open(&dir, None, 0);
    for round in 0..50 {
        let id = format!("r{round}");
        let posts = (0..8).map(|_| post(&store, hold(&id, 7)));
        let fresh =
            futures::future::join_all(posts).await.into_iter().filter(|p| p.as_ref().unwrap().fresh).count();
        assert_eq!(fresh, 1, "{id}");
        let posts = (0..8).map(|_| post(&store, settle(&id, 7)));
        let fresh =
            futures::future::join_all(posts).await.into_iter().filter(|p| p.as_ref().unwrap().fresh).count();
        assert_eq!(fresh, 1, "{id}");
    }
    assert_eq!(store.balance("alice").await.unwrap().settled, Pico(351));
}

#[tokio::test]
async fn holds_of_a_dead_process_are_settled_at_their_estimate() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, Some(0), 1_000);
    post(&store, hold("done", 100)).await.unwrap();
    post(&store, settle("done", 80)).await.unwrap();
    post(&store, hold("lost", 100)).await.unwrap();
    // The file as it is on disk now is what a crash leaves.
    let crashed = copy(&dir);
    let after = open(&crashed, Some(0), 1_000);
    assert_eq!(after.balance("alice").await.unwrap(), balance(1_000, 130, 0));
    let lost = after.of_request("alice", "lost").await.unwrap();
    assert!(lost[1].detail.contains(r#""estimated":true"#), "{}", lost[1].detail);
    after.read(|reader| reader.verify("alice")).await.unwrap();
    assert_eq!(after.read(|reader| reader.accounts()).await.unwrap(), ["alice"]);
    // And a second crash changes nothing more.
    let crashed = copy(&crashed);
    let again = open(&crashed, Some(0), 1_000);
    assert_eq!(again.balance("alice").await.unwrap(), balance(1_000, 130, 0));
}

#[tokio::test]
async fn the_log_is_folded_into_the_file_while_requests_go_on() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, None, 0);
    let folded = || std::fs::metadata(file(&dir)).unwrap().len() > 1 << 20;
    let mut requests = 0u64;
    while !folded() {
        assert!(requests < 50_000, "never folded");
        for _ in 0..1_000 {
            store.post("alice", hold(&format!("r{requests:08}"), 3), NOW).await.unwrap();
            store.post("alice", settle(&format!("r{requests:08}"), 2), NOW).await.unwrap();
            requests += 1;
        }
    }
    let verified = store.read(|reader| reader.verify("alice")).await.unwrap();
    assert_eq!(verified.entries, 2 * requests);
    drop(store);
    assert!(!dir.path().join("weir.db-wal").exists(), "a closed store is one file");
    assert_eq!(Reader::open(file(&dir)).unwrap().verify("alice").unwrap(), verified);
}

#[tokio::test]
async fn a_sweep_ends_the_holds_whose_lease_has_ended() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, None, 0);
    post(&store, hold("r1", 10)).await.unwrap();
    assert_eq!(store.sweep(NOW), 0);
    assert_eq!(store.sweep(NOW.after(Duration::from_secs(60))), 1);
    assert_eq!(store.balance("alice").await.unwrap(), balance(0, 5, 0));
}

#[tokio::test]
async fn a_long_record_is_taken_up_from_its_tally() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, None, 0);
    for n in 0..TALLY_EVERY {
        store.post("alice", hold(&format!("r{n}"), 3), NOW).await.unwrap();
        if n > 2 {
            store.post("alice", settle(&format!("r{n}"), 2), NOW).await.unwrap();
        }
    }
    store.read(|_| Ok(())).await.unwrap();
    let crashed = copy(&dir);
    let seq: i64 = sql(&crashed).query_row("SELECT seq FROM tally", (), |row| row.get(0)).unwrap();
    assert_eq!(seq.cast_unsigned(), TALLY_EVERY);
    // A tally that was tampered with is not believed.
    let tampered = copy(&dir);
    let state = "UPDATE tally SET state = replace(state, '\"held\":\"0.000000000003\"', '\"held\":\"0.000000000004\"')";
    assert_eq!(sql(&tampered).execute(state, ()).unwrap(), 1);
    for dir in [crashed, tampered] {
        let after = open(&dir, None, 0);
        let settled = i128::from(2 * (TALLY_EVERY - 3)) + 3;
        assert_eq!(after.balance("alice").await.unwrap(), balance(0, settled, 0));
        assert_eq!(after.of_request("alice", "r1").await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn amounts_beyond_64_bits_are_kept() {
    let dir = TempDir::new().unwrap();
    let much = Pico::from_usd(1_000_000_000);
    let store = open(&dir, Some(0), 0);
    post(&store, Op::Grant { id: "g".into(), amount: much, reason: String::new() }).await.unwrap();
    drop(store);
    assert_eq!(open(&dir, Some(0), 0).balance("alice").await.unwrap().granted, much);
}

fn sql(dir: &TempDir) -> Connection {
    Connection::open(file(dir)).unwrap()
}

async fn filled(dir: &TempDir) {
    let store = open(dir, Some(0), 500);
    for n in 0..5 {
        post(&store, hold(&format!("r{n}"), 20)).await.unwrap();
        post(&store, settle(&format!("r{n}"), 10)).await.unwrap();
    }
}

/// Changes the bytes of an entry where it lies in its page; what is left empty is not there any more.
fn tamper(dir: &TempDir, seq: u64, change: impl FnOnce(&mut Vec<u8>)) {
    let database = sql(dir);
    let (key, page): (i64, Vec<u8>) = database
        .query_row(
            "SELECT key, entries FROM page WHERE key & 1099511627775 <= ?1 ORDER BY key DESC LIMIT 1",
            [seq.cast_signed()],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    let page = pack::unpack(&page, 1).unwrap();
    let mut rest = Bytes(&page);
    let mut change = Some(change);
    let mut changed = Vec::new();
    while let Some(record) = record::next(&mut rest) {
        let mut bytes = record.bytes.to_vec();
        if record.seq == seq {
            change.take().unwrap()(&mut bytes);
        }
        changed.extend_from_slice(&bytes);
    }
    assert!(change.is_none(), "entry {seq} is in the page");
    let (mut rest, mut packer) = (Bytes(&changed), pack::Packer::default());
    while let Some(record) = record::next(&mut rest) {
        packer.push(&record);
    }
    let set = "UPDATE page SET entries = ?2 WHERE key = ?1";
    assert_eq!(database.execute(set, (key, packer.bytes())).unwrap(), 1);
}

/// Where the text stands in an entry's bytes.
fn place(bytes: &[u8], text: &[u8]) -> usize {
    bytes.windows(text.len()).position(|window| window == text).unwrap()
}

#[tokio::test]
async fn verify_finds_what_was_changed_in_the_file() {
    type Change = fn(&mut Vec<u8>);
    let cases: [(u64, Change, u64, Flaw); 6] = [
        // The amount is what stands before three balances, the detail's length and the detail.
        (5, |bytes| *bytes.iter_mut().rev().find(|byte| **byte == 10).unwrap() = 9, 5, Flaw::Hash),
        (
            7,
            |bytes| {
                let at = place(bytes, b"cheap");
                bytes[at..at + 5].copy_from_slice(b"dear!");
            },
            7,
            Flaw::Hash,
        ),
        (3, |bytes| bytes[16..48].fill(0), 3, Flaw::Hash),
        (4, Vec::clear, 5, Flaw::Sequence { expected: 4 }),
        (11, Vec::clear, 10, Flaw::CutOff { expected: 11 }),
        (2, |bytes| bytes.extend_from_within(..), 2, Flaw::Sequence { expected: 3 }),
    ];
    for (of, change, seq, flaw) in cases {
        let dir = TempDir::new().unwrap();
        filled(&dir).await;
        tamper(&dir, of, change);
        let found = Reader::open(file(&dir)).unwrap().verify("alice");
        assert!(
            matches!(&found, Err(StoreError::Bad(bad)) if (bad.seq, bad.flaw) == (seq, flaw)),
            "{of}: {found:?}"
        );
    }
}

#[tokio::test]
async fn verify_finds_pages_that_cannot_be_read_or_are_gone() {
    for change in [
        "UPDATE page SET entries = substr(entries, 1, length(entries) - 1)",
        "UPDATE page SET entries = zeroblob(length(entries))",
        "DELETE FROM page",
    ] {
        let dir = TempDir::new().unwrap();
        filled(&dir).await;
        sql(&dir).execute_batch(change).unwrap();
        let found = Reader::open(file(&dir)).unwrap().verify("alice");
        let gone = change.starts_with("DELETE");
        assert!(
            matches!(&found, Err(StoreError::Corrupt(_)) if !gone)
                || matches!(&found, Err(StoreError::Bad(bad)) if gone && bad.flaw == Flaw::CutOff { expected: 11 }),
            "{change}: {found:?}"
        );
    }
}

#[tokio::test]
async fn a_flipped_byte_in_the_file_is_found() {
    let dir = TempDir::new().unwrap();
    filled(&dir).await;
    let mut bytes = std::fs::read(file(&dir)).unwrap();
    let place = bytes.windows(11).position(|w| w == b"\"amount\":\"0").unwrap();
    bytes[place + 11] = b'7';
    std::fs::write(file(&dir), bytes).unwrap();
    let found = Reader::open(file(&dir)).unwrap().verify("alice");
    assert!(matches!(found, Err(StoreError::Bad(_))), "{found:?}");
}

#[tokio::test]
async fn an_export_is_the_record() {
    let dir = TempDir::new().unwrap();
    filled(&dir).await;
    let mut out = Vec::new();
    let reader = Reader::open(file(&dir)).unwrap();
    assert_eq!(reader.export("alice", &mut out).unwrap(), 11);
    let lines = String::from_utf8(out).unwrap();
    let entries: Vec<Entry> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(billing::verify(&entries).unwrap(), reader.verify("alice").unwrap());
}

#[tokio::test]
async fn a_file_that_cannot_be_had_says_why() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, None, 0);
    let second = Store::open(file(&dir), options(None, 0), NOW);
    assert!(matches!(second, Err(StoreError::Locked(_))));
    drop(store);
    sql(&dir).pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(
        Store::open(file(&dir), options(None, 0), NOW),
        Err(StoreError::Newer { found: 99, .. })
    ));

    let other = TempDir::new().unwrap();
    sql(&other).execute_batch("CREATE TABLE mine (x)").unwrap();
    assert!(matches!(Store::open(file(&other), options(None, 0), NOW), Err(StoreError::Foreign(_))));

    let garbage = TempDir::new().unwrap();
    std::fs::write(file(&garbage), [7u8; 8_192]).unwrap();
    assert!(matches!(Store::open(file(&garbage), options(None, 0), NOW), Err(StoreError::Corrupt(_))));
    assert!(matches!(
        Store::open(Path::new("/nowhere/weir.db"), options(None, 0), NOW),
        Err(StoreError::Disk(_))
    ));
}

#[tokio::test]
async fn a_full_queue_makes_callers_wait_and_drops_nothing() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(file(&dir), Options { queue: 4, ..options(None, 0) }, NOW).unwrap();
    let posts = (0..200).map(|n| post(&store, hold(&format!("r{n}"), 1)).map(Result::unwrap));
    use futures::FutureExt as _;
    futures::future::join_all(posts).await;
    assert_eq!(store.entries("alice", 0, 1_000).await.unwrap().len(), 200);
    store.close();
    assert!(matches!(store.post("alice", hold("late", 1), NOW).await, Err(BooksError::Down(_))));
}

#[tokio::test]
async fn one_who_stops_waiting_keeps_nobody_else_waiting() {
    let dir = TempDir::new().unwrap();
    let store = Arc::new(
        Store::open(file(&dir), Options { gather: Duration::from_millis(5), ..options(None, 0) }, NOW)
            .unwrap(),
    );
    for round in 0..20 {
        let mut tasks = Vec::new();
        for n in 0..20 {
            let store = Arc::clone(&store);
            tasks.push(tokio::spawn(async move {
                post(&store, hold(&format!("{round}-{n}"), 1)).await.map(drop)
            }));
        }
        tokio::task::yield_now().await;
        tasks.iter().step_by(2).for_each(tokio::task::JoinHandle::abort);
        for task in tasks.into_iter().skip(1).step_by(2) {
            task.await.unwrap().unwrap();
        }
    }
}

#[test]
fn waiting_works_without_a_runtime_and_across_runtimes() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, None, 0);
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime().block_on(post(&store, hold("a", 1))).unwrap();
    // The first runtime took its hub along; a second one on this thread gets its own.
    runtime().block_on(post(&store, hold("b", 1))).unwrap();
    futures::executor::block_on(post(&store, hold("c", 1))).unwrap();
    runtime().block_on(post(&store, hold("d", 1))).unwrap();
    // One that ends before its hub was ever polled takes it along, too.
    for n in 0..100 {
        runtime().block_on(async {
            let mark = store.post("alice", hold(&format!("r{n}"), 1), NOW).await.unwrap().mark;
            let mut waiting = store.durable(mark);
            let _ = futures::poll!(waiting.as_mut());
        });
    }
    runtime().block_on(post(&store, hold("e", 1))).unwrap();
}

#[test]
fn the_filter_never_forgets_and_rarely_errs() {
    let seen = Seen::for_ids(0, 16 << 20);
    assert!(seen.maybe(Seen::key(1, "anything")), "as long as it has not learnt the file");
    seen.complete();
    (0..100_000).for_each(|n| seen.insert(Seen::key(n % 5, &format!("r{n}"))));
    assert!((0..100_000).all(|n| seen.maybe(Seen::key(n % 5, &format!("r{n}")))));
    let wrong = (0..100_000).filter(|n| seen.maybe(Seen::key(n % 5, &format!("x{n}")))).count();
    assert!(wrong < 100, "{wrong} of 100,000");
}
