//! Records of many pages: whatever is asked of them, the answer is that of the whole record in memory.

use super::*;
use crate::store::names::Name;
use billing::Kind;

/// A record of several pages and folds: ids of both kinds, long and short entries, requests that overlap, one still open.
async fn long(dir: &TempDir) -> (Store, Vec<Entry>) {
    let store = open(dir, None, 0);
    let made =
        |n: u64| policy::request_id(None, Instant::from_micros(n * 300_000), n.wrapping_mul(0x9E37_79B9));
    let id = |n: u64| if n.is_multiple_of(3) { format!("own {n}") } else { made(n) };
    for n in 0..300u64 {
        let now = Instant::from_millis(n * 300);
        let tags = if n.is_multiple_of(7) {
            format!("{{\"note\":\"{}\"}}", "long ".repeat(200))
        } else {
            String::new()
        };
        let (amount, lease_until) = (Pico(1_000 + i128::from(n)), now.after(Duration::from_secs(60)));
        let hold = Op::Hold { id: id(n), amount, estimate: Pico(3), lease_until, tags, caps: vec![] };
        store.post("alice", hold, now).await.unwrap();
        store.post("bob", super::hold(&id(n), 5), now).await.unwrap();
        if n.is_multiple_of(10) {
            let more = Op::Extend {
                id: id(n),
                more: Pico(1),
                lease_until: lease_until.after(Duration::from_secs(1)),
                caps: vec![],
            };
            store.post("alice", more, now).await.unwrap();
        }
        if let Some(before) = n.checked_sub(20) {
            let op = match before % 5 {
                0 => Op::Release { id: id(before), lines: vec![], why: "refused".into() },
                _ => settle(&id(before), i128::from(before) + 1),
            };
            store.post("alice", op, now).await.unwrap();
            store.post("bob", settle(&id(before), 1), now).await.unwrap();
        }
        if n.is_multiple_of(110) {
            store.read(|_| Ok(())).await.unwrap();
        }
    }
    let all = store.entries("alice", 0, 10_000).await.unwrap();
    (store, all)
}

#[tokio::test]
async fn every_part_of_a_long_record_is_found() {
    let dir = TempDir::new().unwrap();
    let (store, all) = long(&dir).await;
    let pages: i64 = sql(&dir).query_row("SELECT count(*) FROM page", (), |row| row.get(0)).unwrap();
    assert!((8..60).contains(&pages), "{pages}");
    assert_eq!(billing::verify(&all).unwrap(), store.read(|reader| reader.verify("alice")).await.unwrap());
    let last = all.len() as u64;
    for after in (0..=last).step_by(13).chain([last - 1, last, last + 5]) {
        for limit in [1, 7, 90] {
            let expected: Vec<_> = all.iter().filter(|e| e.seq > after).take(limit).cloned().collect();
            assert_eq!(
                store.entries("alice", after, limit).await.unwrap(),
                expected,
                "{limit} after {after}"
            );
            let ended = |e: &&Entry| e.seq < after && matches!(e.kind, Kind::Settle | Kind::Release);
            let expected: Vec<_> = all.iter().rev().filter(ended).take(limit).cloned().collect();
            assert_eq!(store.ended("alice", after, limit).await.unwrap(), expected, "{limit} before {after}");
        }
    }
    let latest = store.read(|reader| reader.latest("alice", 50)).await.unwrap();
    assert_eq!(latest, all.iter().rev().take(50).cloned().collect::<Vec<_>>());
    assert_eq!(store.read(|reader| reader.latest("alice", 0)).await.unwrap(), []);
    for n in (0..300).step_by(7) {
        for from in [Instant::from_millis(n * 300), Instant::from_micros(n * 300_000 + 1)] {
            let charged = all.iter().filter(|e| e.kind == Kind::Settle && e.time >= from).map(|e| e.amount);
            assert_eq!(store.spent("alice", from).await.unwrap(), charged.sum(), "{from:?}");
        }
    }
}

#[tokio::test]
async fn every_id_of_a_long_record_is_found_in_its_account() {
    let dir = TempDir::new().unwrap();
    let (store, all) = long(&dir).await;
    for entry in all.iter().step_by(3) {
        let expected: Vec<_> = all.iter().filter(|other| other.op_id == entry.op_id).cloned().collect();
        assert_eq!(store.of_request("alice", &entry.op_id).await.unwrap(), expected);
        let of_bob = store.of_request("bob", &entry.op_id).await.unwrap();
        assert!(!of_bob.is_empty() && of_bob.iter().all(|e| e.account == "bob" && e.op_id == entry.op_id));
    }
    // What the filter learns from the file is what it was told while that was written.
    let mut learnt = std::collections::BTreeSet::new();
    Reader::open(file(&dir)).unwrap().known_keys(|key| learnt.extend([key])).unwrap();
    assert!(all.iter().filter(|e| e.kind.ends()).all(|e| learnt.contains(&Seen::key(1, &e.op_id))));
    let own = sql(&dir).query_row(
        "SELECT length(places) FROM known WHERE key = ?1",
        [Name::of("own 3").shelf],
        |row| row.get::<_, i64>(0),
    );
    assert_eq!(own.unwrap(), 24, "two accounts have done something under the same id");
}

#[tokio::test]
async fn ids_of_one_second_share_rows() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, None, 0);
    for n in 0..500u64 {
        let id = policy::request_id(None, Instant::from_micros(n), n << 7);
        store.post("alice", hold(&id, 1), NOW).await.unwrap();
        store.post("alice", settle(&id, 1), NOW).await.unwrap();
    }
    drop(store);
    let (rows, bytes): (i64, i64) = sql(&dir)
        .query_row("SELECT count(*), sum(length(places)) FROM known", (), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .unwrap();
    assert!(rows < 10, "{rows}");
    assert_eq!(bytes, 500 * 12);
}

#[tokio::test]
async fn a_time_is_found_by_halving() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir, None, 0);
    assert_eq!(store.seq_before("alice", NOW).await.unwrap(), 0, "of nobody");
    let mut times = Vec::new();
    for n in 0..700u64 {
        let at = NOW.after(std::time::Duration::from_micros(n / 3 * 10));
        for op in [hold(&format!("r{n}"), 2), settle(&format!("r{n}"), 1)] {
            store.post("alice", op, at).await.unwrap();
            times.push(at);
        }
        if n % 50 == 0 {
            store.read(|_| Ok(())).await.unwrap();
        }
    }
    for at in [0, 1, 9, 10, 11, 500, 1_165, 2_329, 2_330, 2_331, 9_999] {
        let at = NOW.after(std::time::Duration::from_micros(at));
        let expected = u64::try_from(times.iter().filter(|time| **time < at).count()).unwrap();
        assert_eq!(store.seq_before("alice", at).await.unwrap(), expected, "{at:?}");
        let plain = Plain(&store).seq_before("alice", at).await.unwrap();
        assert_eq!(plain, expected, "by entries alone, {at:?}");
    }
}

/// A store that has nothing better than what every one has.
struct Plain<'a>(&'a Store);

#[async_trait::async_trait]
impl Books for Plain<'_> {
    async fn post(&self, account: &str, op: Op, now: Instant) -> Result<Posted, BooksError> {
        self.0.post(account, op, now).await
    }

    async fn durable(&self, mark: Mark) -> Result<(), BooksError> {
        self.0.durable(mark).await
    }

    async fn balance(&self, account: &str) -> Result<Balance, BooksError> {
        self.0.balance(account).await
    }

    async fn budgets(&self, account: &str) -> Result<billing::Budgets, BooksError> {
        self.0.budgets(account).await
    }

    async fn entries(&self, account: &str, after: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        self.0.entries(account, after, limit).await
    }

    async fn ended(&self, account: &str, before: u64, limit: usize) -> Result<Vec<Entry>, BooksError> {
        self.0.ended(account, before, limit).await
    }

    async fn of_request(&self, account: &str, id: &str) -> Result<Vec<Entry>, BooksError> {
        self.0.of_request(account, id).await
    }

    async fn spent(&self, account: &str, from: Instant) -> Result<Pico, BooksError> {
        self.0.spent(account, from).await
    }
}
