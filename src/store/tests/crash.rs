//! The journal under everything that can happen to it: killed at any moment, power that fails in the middle of a write,
//! files that were damaged, exchanged or lost, disks that are full.

use super::*;
use crate::store::journal::frame::{self, Head};
use crate::store::journal::tail::Found;
use crate::store::journal::{Origin, slot};
use std::fs::File;
use std::io;
use std::sync::RwLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A disk that stands still while the gate is locked, so that a copy of its files is of one moment.
#[derive(Default)]
struct Gated(RwLock<()>);

impl Disk for Gated {
    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        let _open = self.0.read().unwrap();
        System.write(file, bytes, at)
    }
}

/// A disk that has room for so many bytes, and whose syncs fail from that one on.
struct Failing {
    room: AtomicU64,
    syncs: AtomicUsize,
    good_syncs: usize,
}

impl Failing {
    fn new(room: u64, good_syncs: usize) -> Arc<Self> {
        Arc::new(Self { room: room.into(), syncs: AtomicUsize::new(0), good_syncs })
    }
}

impl Disk for Failing {
    fn write(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        let len = bytes.len() as u64;
        let room = self.room.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |room| room.checked_sub(len));
        match room {
            Ok(_) => System.write(file, bytes, at),
            Err(room) => {
                // Like a real one: what fits is written.
                System.write(
                    file,
                    &bytes[..usize::try_from(room).unwrap() / frame::BLOCK * frame::BLOCK],
                    at,
                )?;
                Err(io::Error::from(io::ErrorKind::StorageFull))
            }
        }
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        if self.syncs.fetch_add(1, Ordering::SeqCst) == self.good_syncs {
            return Err(io::Error::other("the device went away"));
        }
        System.sync(file)
    }
}

/// Keeps the store from folding until it is dropped.
struct Unfolded(Connection);

impl Unfolded {
    fn new(dir: &TempDir) -> Self {
        let other = sql(dir);
        other.busy_timeout(Duration::from_secs(5)).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self(other)
    }
}

impl Drop for Unfolded {
    fn drop(&mut self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}

fn journal(dir: &TempDir) -> Vec<PathBuf> {
    slot::found(&file(dir)).unwrap()
}

fn origin(dir: &TempDir) -> (Origin, u64) {
    let numbers = sql(dir).query_row("SELECT store, epoch, position FROM journal", (), |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    });
    let (store, epoch, position) = numbers.unwrap();
    let origin = Origin { store: store.cast_unsigned(), epoch: epoch.cast_unsigned() };
    (origin, position.cast_unsigned())
}

/// Opens what a crash left and looks through all of it: how many entries there are. Nothing is held afterwards.
async fn recovered(dir: &TempDir) -> u64 {
    let store = open(dir, None, 0);
    let mut entries = 0;
    for name in store.read(|reader| reader.accounts()).await.unwrap() {
        let summary = store.read(move |reader| reader.verify(&name)).await.unwrap();
        assert_eq!(summary.open_holds, 0);
        entries += summary.entries;
    }
    assert_eq!(origin(dir).1, entries);
    entries
}

/// What is left of a weir that was killed after so many requests, a group for each entry, none of which was folded.
async fn killed(requests: usize) -> TempDir {
    killed_in(&TempDir::new().unwrap(), requests).await
}

async fn killed_in(dir: &TempDir, requests: usize) -> TempDir {
    let store = open(dir, None, 0);
    let _unfolded = Unfolded::new(dir);
    for n in 0..requests {
        post(&store, hold(&format!("r{n}"), 4)).await.unwrap();
        post(&store, settle(&format!("r{n}"), 3)).await.unwrap();
    }
    copy(dir)
}

/// The journal's only file with entries, as bytes, and where its frames begin and end, the zeros left out.
fn frames(dir: &TempDir) -> (PathBuf, Vec<u8>, Vec<(usize, usize)>) {
    let path = slot::path(&file(dir), 0);
    let bytes = std::fs::read(&path).unwrap();
    let mut start = 0;
    let mut places = Vec::new();
    for frame in frame::all(&bytes) {
        places.push((start, start + frame::HEAD + frame.body.len()));
        start += frame.len;
    }
    (path, bytes, places)
}

#[tokio::test]
async fn what_is_confirmed_and_not_folded_is_there_after_a_crash() {
    let dir = killed(5).await;
    let rows: i64 = sql(&dir).query_row("SELECT count(*) FROM page", (), |row| row.get(0)).unwrap();
    assert_eq!(rows, 0, "nothing was folded");
    assert!(catch_up(file(&dir)).unwrap(), "nobody has the file");
    assert_eq!(Reader::open(file(&dir)).unwrap().verify("alice").unwrap().entries, 10);
    assert_eq!(journal(&dir), Vec::<PathBuf>::new(), "a file that was caught up with is all there is");
    assert_eq!(recovered(&dir).await, 10);
}

#[tokio::test]
async fn a_tail_torn_at_any_byte_ends_the_record_before_it() {
    let dir = killed(3).await;
    let (path, mut whole, places) = frames(&dir);
    let (origin, position) = origin(&dir);
    assert_eq!((places.len(), position), (6, 0), "a frame for each");
    whole.truncate(7 * frame::BLOCK);
    let intact = |bytes: &[u8]| {
        let same = |(start, end): &&(usize, usize)| bytes.get(*start..*end) == Some(&whole[*start..*end]);
        places.iter().take_while(same).count()
    };
    let found = |bytes: &[u8]| {
        let found = Found::of(file(&dir), vec![(path.clone(), bytes.to_vec())]);
        found.after(origin, position).map(|frames| frames.len())
    };
    for cut in places.iter().flat_map(|(start, end)| *start..=*end) {
        assert_eq!(found(&whole[..cut]).unwrap(), intact(&whole[..cut]), "the file ends at {cut}");
        for rest in [0, 0xA5] {
            let mut torn = whole.clone();
            torn[cut..].fill(rest);
            assert_eq!(found(&torn).unwrap(), intact(&torn), "{rest} from {cut} on");
        }
    }
    // A block that never came, while others did: only the last write was not confirmed.
    for (of, (start, end)) in places.iter().enumerate() {
        for byte in *start..*end {
            let mut damaged = whole.clone();
            damaged[byte] ^= 0x10;
            match found(&damaged) {
                Ok(frames) => assert_eq!((frames, of), (5, 5), "byte {byte}"),
                Err(StoreError::Gap { last, confirmed: 5, .. }) => {
                    assert_eq!(last, of as u64, "byte {byte}");
                }
                Err(other) => panic!("byte {byte}: {other}"),
            }
        }
    }
}

#[tokio::test]
async fn a_torn_tail_is_cut_off_and_written_over() {
    let dir = killed(3).await;
    let (path, whole, places) = frames(&dir);
    for cut in places.iter().flat_map(|(_, end)| [end - 99, end - 1, *end]) {
        let dir = copy(&dir);
        let mut torn = whole.clone();
        torn[cut..].fill(0xA5);
        std::fs::write(dir.path().join(path.file_name().unwrap()), torn).unwrap();
        let confirmed = places.iter().filter(|(_, end)| *end <= cut).count() as u64;
        // Of an odd number the last is a hold, which is settled at the start.
        assert_eq!(recovered(&dir).await, confirmed.next_multiple_of(2), "cut at {cut}");
        assert_eq!(recovered(&dir).await, confirmed.next_multiple_of(2), "cut at {cut}, a second time");
    }
}

#[tokio::test]
async fn damage_to_what_was_confirmed_is_refused_and_changes_nothing() {
    let dir = killed(3).await;
    let (path, whole, places) = frames(&dir);
    let mut damaged = whole.clone();
    damaged[places[2].0 + 100] ^= 1;
    std::fs::write(&path, &damaged).unwrap();
    for _ in 0..2 {
        let refused = Store::open(file(&dir), options(None, 0), NOW).err().unwrap();
        assert!(matches!(refused, StoreError::Gap { last: 2, confirmed: 5, .. }), "{refused}");
        assert!(refused.to_string().contains("weir.db.journal.*"), "{refused}");
        assert!(matches!(catch_up(file(&dir)), Err(StoreError::Gap { .. })));
    }
    assert_eq!(std::fs::read(&path).unwrap(), damaged);
    // Put back, it is as if nothing had been.
    std::fs::write(&path, &whole).unwrap();
    assert_eq!(recovered(&dir).await, 6);
}

#[tokio::test]
async fn a_frame_that_was_made_up_is_not_believed() {
    let dir = killed(2).await;
    let (path, mut bytes, places) = frames(&dir);
    let (origin, _) = origin(&dir);
    // The last settlement, with another amount in its detail and a checksum that fits.
    let (start, end) = places[3];
    let place = start + bytes[start..end].windows(5).rposition(|w| w == b"00003").unwrap();
    bytes[place + 4] = b'2';
    let head = Head { origin, offset: start as u64, first: 4, durable: 3, count: 1 };
    frame::seal(&mut bytes[start..], end - start, &head);
    std::fs::write(&path, bytes).unwrap();
    let refused = Store::open(file(&dir), options(None, 0), NOW).err().unwrap();
    assert!(matches!(refused, StoreError::Misfit { seq: 4, last: 3, .. }), "{refused}");
}

#[tokio::test]
async fn a_crash_while_folding_or_before_the_journal_is_let_go_doubles_nothing() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, None, 0);
    let unfolded = {
        let _unfolded = Unfolded::new(&dir);
        for n in 0..40 {
            post(&store, hold(&format!("r{n}"), 4)).await.unwrap();
            post(&store, settle(&format!("r{n}"), 3)).await.unwrap();
        }
        copy(&dir)
    };
    store.read(|_| Ok(())).await.unwrap();
    let folded = copy(&dir);
    let log = |dir: &TempDir| dir.path().join("weir.db-wal");
    let (before, after) = (std::fs::read(log(&unfolded)).unwrap(), std::fs::read(log(&folded)).unwrap());
    assert!(after.len() > before.len() + 20_000, "{} {}", before.len(), after.len());
    assert_eq!(before, after[..before.len()]);
    let whole = after.len();
    for cut in (before.len()..whole).step_by(3_001).chain([whole - 1, whole]) {
        let crashed = copy(&unfolded);
        std::fs::write(log(&crashed), &after[..cut]).unwrap();
        assert_eq!(recovered(&crashed).await, 80, "the log ends at {cut}");
    }
    let crashed = copy(&folded);
    assert_eq!(origin(&crashed).1, 80, "all is folded");
    assert!(!journal(&crashed).is_empty(), "and still in the journal");
    assert_eq!(recovered(&crashed).await, 80);
}

#[tokio::test]
async fn whatever_was_called_durable_survives_a_crash_in_the_middle() {
    let dir = TempDir::new().unwrap();
    let gate = Arc::new(Gated::default());
    // Small files, so that they are written again all the time, but long enough for any group: none is replaced.
    let of = |disk: Arc<dyn Disk>| Options { disk, segment: 64 << 10, ..options(None, 0) };
    let store = Arc::new(Store::open(file(&dir), of(gate.clone()), NOW).unwrap());
    let busy = Arc::clone(&store);
    let poster = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for n in 0..6_000 {
                let name = format!("account {}", n % 7);
                busy.post(&name, hold(&format!("r{n}"), 10), NOW).await.unwrap();
                let posted = busy.post(&name, settle(&format!("r{n}"), 9), NOW).await.unwrap();
                if n % 40 == 0 {
                    busy.durable(posted.mark).await.unwrap();
                }
            }
        });
    });
    let mut crashes = 0;
    while !poster.is_finished() {
        let crashed = {
            let _closed = gate.0.write().unwrap();
            let durable = store.shared.durable.mark();
            let before = std::fs::metadata(file(&dir)).unwrap().len();
            let crashed = copy(&dir);
            // A real crash stops everything at once; here a checkpoint between two copies is the one thing to keep out.
            (std::fs::metadata(file(&dir)).unwrap().len() == before).then_some((crashed, durable))
        };
        let Some((crashed, durable)) = crashed else { continue };
        let entries = recovered(&crashed).await;
        assert!(entries >= durable, "{entries} of {durable}");
        crashes += 1;
    }
    poster.join().unwrap();
    assert!(crashes > 0);
    assert!(journal(&dir).len() <= 64, "files are written again");
    drop(store);
    assert_eq!(recovered(&dir).await, 12_000);
}

#[tokio::test]
async fn the_journal_goes_round_its_files_under_many_posters() {
    let dir = TempDir::new().unwrap();
    let options = Options { segment: 4 << 10, gather: Duration::from_millis(1), ..options(None, 0) };
    let store = Arc::new(Store::open(file(&dir), options, NOW).unwrap());
    let threads: Vec<_> = (0..6)
        .map(|thread| {
            let store = Arc::clone(&store);
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
                runtime.block_on(async {
                    for n in 0..200 {
                        let id = format!("{thread}-{n}");
                        post(&store, hold(&id, 2)).await.unwrap();
                        let name = format!("of {thread}");
                        store.post(&name, hold(&id, 2), NOW).await.unwrap();
                        store.post(&name, settle(&id, 1), NOW).await.unwrap();
                        store.post("alice", settle(&id, 1), NOW).await.unwrap();
                    }
                });
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(store.read(|reader| reader.verify("alice")).await.unwrap().entries, 2_400);
    assert!(journal(&dir).len() <= 64);
    drop(store);
    assert_eq!(journal(&dir), Vec::<PathBuf>::new(), "a closed store is one file");
    assert_eq!(recovered(&dir).await, 4_800);
}

#[tokio::test]
async fn an_entry_longer_than_a_file_has_one_of_its_own() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(file(&dir), Options { segment: 4 << 10, ..options(None, 0) }, NOW).unwrap();
    let grant =
        |n: usize| Op::Grant { id: format!("g{n}"), amount: Pico(1), reason: "long ".repeat(n * 20_000) };
    for n in 0..4 {
        post(&store, grant(n)).await.unwrap();
        post(&store, hold(&format!("r{n}"), 1)).await.unwrap();
    }
    let crashed = copy(&dir);
    assert_eq!(recovered(&crashed).await, 12);
    assert_eq!(store.entries("alice", 0, 9).await.unwrap().len(), 8);
}

#[tokio::test]
async fn a_full_disk_stops_the_store_and_loses_nothing_confirmed() {
    for room in [160 << 10, (160 << 10) + 777, 300_001] {
        let dir = TempDir::new().unwrap();
        let options = Options { segment: 64 << 10, disk: Failing::new(room, usize::MAX), ..options(None, 0) };
        let store = Store::open(file(&dir), options, NOW).unwrap();
        let mut confirmed = 0;
        let _unfolded = Unfolded::new(&dir);
        let refused = loop {
            match post(&store, hold(&format!("r{confirmed}"), 1)).await {
                Ok(_) => confirmed += 1,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, BooksError::Down(_)), "{refused:?}");
        assert!(matches!(post(&store, hold("more", 1)).await, Err(BooksError::Down(_))));
        assert!(confirmed > 5);
        let crashed = copy(&dir);
        let after = open(&crashed, None, 0);
        for n in 0..confirmed {
            let entries = after.of_request("alice", &format!("r{n}")).await.unwrap();
            assert_eq!(entries.len(), 2, "r{n} was confirmed, and its hold is settled at the start");
        }
        after.read(|reader| reader.verify("alice")).await.unwrap();
    }
}

#[tokio::test]
async fn a_sync_that_failed_is_not_tried_again() {
    let dir = TempDir::new().unwrap();
    // One sync for each of the two files that are made first; the third request's fails, and later ones would not.
    let disk = Failing::new(u64::MAX, 4);
    let store = Store::open(file(&dir), Options { disk: disk.clone(), ..options(None, 0) }, NOW).unwrap();
    while disk.syncs.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    post(&store, hold("a", 1)).await.unwrap();
    post(&store, hold("b", 1)).await.unwrap();
    assert!(
        matches!(post(&store, hold("c", 1)).await, Err(BooksError::Down(why)) if why.contains("went away"))
    );
    assert!(matches!(post(&store, hold("d", 1)).await, Err(BooksError::Down(_))));
    store.close();
    assert_eq!(disk.syncs.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn another_program_in_the_database_keeps_nobody_waiting() {
    let dir = TempDir::new().unwrap();
    let options = Options { patience: Duration::from_millis(20), ..options(None, 0) };
    let store = Store::open(file(&dir), options, NOW).unwrap();
    let unfolded = Unfolded::new(&dir);
    post(&store, hold("r1", 1)).await.unwrap();
    post(&store, settle("r1", 1)).await.unwrap();
    let reading = store.entries("alice", 0, 9);
    futures::pin_mut!(reading);
    assert!(futures::poll!(reading.as_mut()).is_pending(), "a reader waits for the fold");
    drop(unfolded);
    assert_eq!(reading.await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_second_program_reads_what_is_folded_and_takes_nothing_away() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, None, 0);
    post(&store, hold("r1", 1)).await.unwrap();
    assert!(!catch_up(file(&dir)).unwrap(), "a running weir has it");
    assert!(!journal(&dir).is_empty());
    store.read(|_| Ok(())).await.unwrap();
    assert_eq!(Reader::open(file(&dir)).unwrap().entries("alice", 0, 9).unwrap().len(), 1);
    post(&store, settle("r1", 1)).await.unwrap();
    assert_eq!(store.entries("alice", 0, 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_lies_about_is_folded_after_a_second_without_being_asked() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, None, 0);
    let posted = post(&store, hold("r1", 1)).await.unwrap();
    store.shared.folded.wait(posted.mark.0).await.unwrap();
    assert_eq!(Reader::open(file(&dir)).unwrap().entries("alice", 0, 9).unwrap().len(), 1);
}

#[tokio::test]
async fn a_journal_and_a_database_that_do_not_belong_together_are_told_apart() {
    let dir = killed(3).await;
    let refused = |dir: &TempDir| Store::open(file(dir), options(None, 0), NOW).err().unwrap();

    let fresh = copy(&dir);
    std::fs::remove_file(file(&fresh)).unwrap();
    assert!(matches!(refused(&fresh), StoreError::Stray { .. }), "the database was removed alone");

    // The database of before is put beside the journal of after.
    let early = TempDir::new().unwrap();
    drop(open(&early, None, 0));
    let later = killed_in(&copy(&early), 1).await;
    for path in journal(&later) {
        std::fs::copy(&path, early.path().join(path.file_name().unwrap())).unwrap();
    }
    assert!(matches!(refused(&early), StoreError::Stray { .. }));

    let moved = copy(&dir);
    journal(&moved).into_iter().for_each(|path| std::fs::remove_file(path).unwrap());
    assert_eq!(recovered(&moved).await, 0, "one without its journal is what it is, with a warning");
}

#[tokio::test]
async fn a_file_missing_from_the_middle_of_the_journal_is_noticed() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(file(&dir), Options { segment: 2 << 10, ..options(None, 0) }, NOW).unwrap();
    let crashed = {
        let _unfolded = Unfolded::new(&dir);
        for n in 0..30 {
            post(&store, hold(&format!("r{n}"), 1)).await.unwrap();
        }
        copy(&dir)
    };
    assert!(journal(&crashed).len() > 3);
    let whole = copy(&crashed);
    assert_eq!(recovered(&whole).await, 60);
    std::fs::remove_file(slot::path(&file(&crashed), 1)).unwrap();
    let refused = Store::open(file(&crashed), options(None, 0), NOW).err().unwrap();
    assert!(matches!(refused, StoreError::Gap { .. }), "{refused}");
}

#[test]
fn an_entry_comes_out_of_the_journal_as_it_went_in() {
    let mut account = billing::Account::new("müller", None);
    let mut bytes = vec![0; frame::HEAD];
    let ops = [
        hold("r1", 1 << 100),
        settle("r1", 1 << 90),
        Op::Grant { id: "g".into(), amount: Pico(-5), reason: "ß\n".into() },
    ];
    let entries: Vec<Entry> =
        ops.into_iter().map(|op| account.apply(op, &[], NOW).unwrap().entry.unwrap()).collect();
    entries.iter().for_each(|entry| record::write(&mut bytes, 7, 3, entry));
    let mut body = record::Bytes(&bytes[frame::HEAD..]);
    for entry in &entries {
        let read = record::next(&mut body).unwrap();
        assert!(read.follows(&entry.prev_hash));
        assert!(!read.follows(&[9; 32]));
        assert_eq!((read.account, read.open), (7, 3));
        assert_eq!(read.settled(), Some(entry.balance_after.settled));
        assert_eq!(read.entry(entry.prev_hash).unwrap(), *entry);
    }
    assert!(record::next(&mut body).is_none());
}
