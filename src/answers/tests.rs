use super::AnswerFile;
use crate::net::NativeClock;
use crate::node::block_on;
use bytes::Bytes;
use policy::{Caller, Digest, IdempotencyKey, IdempotencySetting, Slot, Tenant};
use relay::answers::{Answers as _, AnswersDown, Claim};
use relay::ports::Clock as _;
use rusqlite::Connection;
use std::path::PathBuf;
use tempfile::TempDir;
use vocab::{Duration, Instant};

const RULES: IdempotencySetting =
    IdempotencySetting { ttl_s: 3_600, entry_max: 1_000_000, total_max: 1_000_000 };

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("weir.db.answers")
    }

    fn open(&self) -> AnswerFile {
        AnswerFile::beside(&self.0.path().join("weir.db"), NativeClock::start()).unwrap()
    }

    fn files(&self) -> usize {
        std::fs::read_dir(self.0.path()).unwrap().count()
    }
}

fn slot(account: &str, key: &str) -> Slot {
    let caller = Caller { account: account.into(), ..Caller::default() };
    Tenant::of(&caller).slot(IdempotencyKey::new(key).unwrap())
}

fn now() -> Instant {
    NativeClock::start().now()
}

fn claim(file: &AnswerFile, key: &str, at: Instant) -> Result<Claim, AnswersDown> {
    block_on(file.claim(&slot("red", key), &Digest::of("r"), at, at)).unwrap()
}

fn put(file: &AnswerFile, key: &str, answer: &[u8], rules: &IdempotencySetting) {
    let Ok(Claim::Yours(number)) = claim(file, key, now()) else { panic!("{key} is taken") };
    let answer = Bytes::copy_from_slice(answer);
    block_on(file.keep(&slot("red", key), number, &Digest::of("r"), answer, rules, now())).unwrap().unwrap();
}

fn found(file: &AnswerFile, key: &str, at: Instant) -> Option<Vec<u8>> {
    match claim(file, key, at).unwrap() {
        Claim::Kept { request, answer } => {
            assert_eq!(request, Digest::of("r"));
            Some(answer.to_vec())
        }
        Claim::Yours(number) => {
            block_on(file.give_up(&slot("red", key), number)).unwrap();
            None
        }
        Claim::Busy { .. } => panic!("{key} is busy"),
    }
}

#[test]
fn answers_are_there_after_a_restart_and_gone_after_their_time() {
    let folder = Folder::new();
    let file = folder.open();
    put(&file, "a", b"one", &RULES);
    put(&file, "b", b"two", &IdempotencySetting { ttl_s: 0, ..RULES });
    assert_eq!(found(&file, "a", now()).as_deref(), Some(&b"one"[..]));
    file.close();
    assert!(claim(&file, "a", now()).is_err(), "closed is closed");
    assert_eq!(folder.files(), 1, "nothing is left beside it");

    let file = folder.open();
    assert_eq!(found(&file, "a", now()).as_deref(), Some(&b"one"[..]));
    assert_eq!(found(&file, "b", now()), None);
    assert_eq!(found(&file, "a", now().after(Duration::from_secs(3_601))), None);
    let other = block_on(file.claim(&slot("blue", "a"), &Digest::of("r"), now(), now())).unwrap().unwrap();
    assert!(matches!(other, Claim::Yours(_)), "another tenant's key is another");
    file.close();
}

#[test]
fn nothing_is_made_while_nobody_asks() {
    let folder = Folder::new();
    folder.open().close();
    assert_eq!(folder.files(), 0);
}

#[test]
fn the_oldest_make_room_and_the_file_stays_as_large() {
    let folder = Folder::new();
    let file = folder.open();
    let rules = IdempotencySetting { total_max: 100_000, ..RULES };
    for n in 0..50 {
        put(&file, &format!("k{n}"), &[7; 30_000], &rules);
    }
    let there: Vec<u32> = (0..50).filter(|n| found(&file, &format!("k{n}"), now()).is_some()).collect();
    assert_eq!(there, [47, 48, 49]);
    file.close();
    let size = std::fs::metadata(folder.file()).unwrap().len();
    assert!(size < 400_000, "{size}");
    // What is there is counted again.
    let file = folder.open();
    put(&file, "last", &[7; 30_000], &rules);
    assert_eq!((found(&file, "k47", now()), found(&file, "k48", now()).is_some()), (None, true));
    file.close();
}

#[test]
fn one_is_first_and_who_leaves_lets_go() {
    let folder = Folder::new();
    let file = folder.open();
    let Ok(Claim::Yours(number)) = claim(&file, "a", now()) else { panic!() };
    let Ok(Claim::Busy { over, .. }) = claim(&file, "a", now()) else { panic!() };
    let answer = Bytes::from_static(b"x");
    block_on(file.keep(&slot("red", "a"), number, &Digest::of("r"), answer, &RULES, now())).unwrap().unwrap();
    block_on(over).unwrap();
    assert!(found(&file, "a", now()).is_some());
    // A client that leaves while the file is looked at, which takes until nobody else is in it.
    let other = Connection::open(folder.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let slot = slot("red", "b");
    let request = Digest::of("r");
    let mut leaving = Box::pin(file.claim(&slot, &request, now(), now()));
    let begun = leaving.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
    assert!(begun.is_pending());
    drop(leaving);
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(found(&file, "b", now()), None, "nobody has it");
    file.close();
}

#[test]
fn a_file_that_is_none_refuses_and_is_taken_up_once_it_is_gone() {
    let folder = Folder::new();
    let path = folder.file();
    std::fs::write(&path, [b'x'; 9_000]).unwrap();
    let file = folder.open();
    assert!(claim(&file, "a", now()).is_err());
    std::fs::remove_file(&path).unwrap();
    put(&file, "a", b"one", &RULES);
    assert!(found(&file, "a", now()).is_some());
    file.close();
}
