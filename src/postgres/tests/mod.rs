//! With a real PostgreSQL; see `cluster` for where it comes from.

mod alerts;
mod answers;
mod cluster;
mod crowd;
mod keys;
mod law;
mod limits;
mod proxy;
mod slices;
mod stories;
mod sums;
mod tables;
mod trouble;

use super::*;
use billing::{Balance, Entry, Line, Op, Refusal};
use cluster::Cluster;
use relay::ports::{Books, BooksError, Posted};
use vocab::{Bucket, Instant, Usage};

const NOW: Instant = Instant::from_secs(1_000);

/// A database of one test, on the cluster of all.
struct Base {
    cluster: Arc<Cluster>,
    name: String,
}

impl Base {
    fn new() -> Option<Self> {
        let cluster = cluster::shared()?;
        let name = cluster.database();
        Some(Self { cluster, name })
    }

    fn url(&self) -> String {
        self.cluster.url(&self.name)
    }

    fn sql(&self, sql: &str) -> String {
        self.cluster.psql(&self.name, sql).unwrap()
    }

    /// A node whose accounts are all allowed the same.
    fn node(&self, name: &str, overdraft: Option<i128>, opening: i128) -> Postgres {
        Postgres::open(Address::parse(&self.url()).unwrap(), options(name, overdraft, opening)).unwrap()
    }

    fn reader(&self) -> Reader {
        Reader::open(Address::parse(&self.url()).unwrap()).unwrap()
    }

    /// Every account's chain, walked on a thread of its own; the sum of what they say.
    fn verify(&self) -> Vec<billing::Summary> {
        let url = self.url();
        let walk = move || {
            let reader = Reader::open(Address::parse(&url).unwrap()).unwrap();
            reader.accounts().unwrap().iter().map(|account| reader.verify(account).unwrap()).collect()
        };
        std::thread::spawn(walk).join().unwrap()
    }
}

fn options(name: &str, overdraft: Option<i128>, opening: i128) -> Options {
    let terms = Terms { overdraft: overdraft.map(Pico), opening: Pico(opening) };
    // Debug builds beside others on a busy machine.
    let patience = Duration::from_secs(10);
    Options { terms: Box::new(move |_| terms), patience, ..Options::new(name.into()) }
}

fn hold(id: &str, amount: i128) -> Op {
    hold_until(id, amount, NOW.after(Duration::from_secs(60)))
}

fn hold_until(id: &str, amount: i128, lease_until: Instant) -> Op {
    let tags = String::new();
    Op::Hold {
        id: id.into(),
        amount: Pico(amount),
        estimate: Pico(amount / 2),
        lease_until,
        tags,
        caps: vec![],
    }
}

fn line(amount: i128) -> Line {
    Line {
        provider: "cheap".into(),
        model: "small".into(),
        usage: Usage::default().with(Bucket::Input, 5),
        price: Some("1".into()),
        amount: Pico(amount),
        outcome: "ok".into(),
    }
}

fn settle(id: &str, amount: i128) -> Op {
    Op::Settle { id: id.into(), lines: vec![line(amount)], estimated: false }
}

fn balance(granted: i128, settled: i128, held: i128) -> Balance {
    Balance { granted: Pico(granted), settled: Pico(settled), held: Pico(held) }
}

async fn post(store: &Postgres, op: Op) -> Result<Posted, BooksError> {
    store.post("alice", op, NOW).await
}

fn is_poor(answer: &Result<Posted, BooksError>) -> bool {
    matches!(answer, Err(BooksError::Refused(Refusal::Poor { .. })))
}

/// Asks again and again until there is an answer.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..1_500 {
        if let Some(found) = look().await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}
