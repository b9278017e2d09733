//! How long does the ledger take over one request: pricing it, its hold and settle in an account's books, and both of them
//! in the store, on disk and in the database? How long to check a record, and for a page of it?
//!
//! `LEDGER_ENTRIES` says how long that record is; ten thousand if it is not set. It is written beside the build, so that it is on a
//! disk and not in memory.

#![allow(clippy::expect_used, reason = "a bench that cannot run says so")]

mod world;

#[path = "../src/store/mod.rs"]
#[allow(dead_code, unused_imports, reason = "the shell uses more of it than this")]
mod store;

use billing::{Account, Line, Op, charge};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use providers::catalogue::Catalogue;
use relay::ports::Books;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::{Options, Reader, Store};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use vocab::{Bucket, Dice, Instant, Pico, Usage};

const NOW: Instant = Instant::from_secs(1_795_219_200);

fn prices(c: &mut Criterion) {
    let catalogue = Catalogue::embedded().expect("the shipped catalogue");
    let entry = catalogue.find("openai", "gpt-6-sol").expect("a known model");
    let price = entry.card.price.clone().expect("a known price");
    let usage = Usage::default()
        .with(Bucket::Input, 2_000)
        .with(Bucket::CacheRead, 8_000)
        .with(Bucket::Output, 500)
        .with(Bucket::Reasoning, 400);
    c.bench_function("charge", |b| {
        b.iter(|| charge(black_box(&price), black_box(&usage), NOW).map(|c| c.total))
    });
    c.bench_function("catalogue/embedded", |b| b.iter(Catalogue::embedded));
}

fn hold(id: String) -> Op {
    let amount = Pico(1_000_000_000);
    let lease_until = NOW.after(Duration::from_secs(600));
    Op::Hold { id, amount, estimate: amount, lease_until, tags: String::new(), caps: vec![] }
}

fn settle(id: String) -> Op {
    let line = Line {
        provider: "openai".into(),
        model: "gpt-4o-mini".into(),
        usage: Usage::default().with(Bucket::Input, 212).with(Bucket::Output, 64),
        price: Some("0123456789ab".into()),
        amount: Pico(70_200_000),
        outcome: "ok".into(),
    };
    Op::Settle { id, lines: vec![line], estimated: false }
}

fn books(c: &mut Criterion) {
    let mut account = Account::new("local", None);
    let mut n = 0u64;
    c.bench_function("hold and settle", |b| {
        b.iter(|| {
            n += 1;
            let id = format!("request-{n}");
            account.apply(hold(id.clone()), &[], NOW).expect("an unlimited account");
            account.apply(settle(id), &[], NOW).expect("an open hold")
        });
    });
}

/// A folder on the disk that the build is on.
fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

/// Requests that are held and settled, one after the other. Their ids and times go on from `from`.
async fn requests(store: &Store, from: u64, count: u64) {
    for n in from..from + count {
        let now = NOW.after(Duration::from_micros(20 * n));
        let id = policy::request_id(None, now, Dice::seeded(n).roll());
        store.post("local", hold(id.clone()), now).await.expect("an unlimited account");
        store.post("local", settle(id), now).await.expect("an open hold");
    }
}

/// Settled requests in batches, each of which is waited for until it is on disk. Folding goes on beside.
fn append(c: &mut Criterion) {
    let runtime = runtime();
    let mut group = c.benchmark_group("append");
    for batch in [1, 100, 1_000, 10_000] {
        let folder = folder();
        let store = Store::open(folder.path().join("weir.db"), Options::default(), NOW).expect("a store");
        let mut n = 0;
        group.throughput(Throughput::Elements(batch));
        group.bench_function(BenchmarkId::new("durable", batch), |b| {
            b.iter(|| {
                runtime.block_on(async {
                    requests(&store, n, batch).await;
                    n += batch;
                    // One that is repeated changes nothing and has the mark of everything before.
                    let now = NOW.after(Duration::from_micros(20 * n));
                    let last = store.post("local", hold("last".into()), now).await.expect("one hold");
                    store.durable(last.mark).await.expect("a disk");
                });
            });
        });
        group.throughput(Throughput::Elements(batch));
        group.bench_function(BenchmarkId::new("in the database", batch), |b| {
            b.iter(|| {
                runtime.block_on(async {
                    requests(&store, n, batch).await;
                    n += batch;
                    store.read(|_| Ok(())).await.expect("a fold");
                });
            });
        });
    }
}

/// What is asked of a long record.
fn record(c: &mut Criterion) {
    let entries = std::env::var("LEDGER_ENTRIES").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000u64);
    let folder = folder();
    let path = folder.path().join("weir.db");
    runtime().block_on(async {
        let store = Store::open(&path, Options::default(), NOW).expect("a store");
        requests(&store, 0, entries / 2).await;
    });
    let reader = Reader::open(&path).expect("a store that was closed");
    let mut group = c.benchmark_group(format!("of {entries} entries"));
    group.sample_size(10);
    group.bench_function("verify", |b| {
        b.iter(|| assert_eq!(reader.verify("local").expect("a good record").entries, entries / 2 * 2));
    });
    group.bench_function("export", |b| {
        b.iter(|| reader.export("local", &mut std::io::sink()).expect("a good record"));
    });
    group.sample_size(50);
    group.bench_function("a usage page of 50", |b| {
        let mut before = entries;
        b.iter(|| {
            before = if before < 1_000 { entries } else { before - 997 };
            reader.ended("local", before, 50).expect("a page").len()
        });
    });
    let runtime = runtime();
    let store = Arc::new(Store::open(&path, Options::default(), NOW).expect("a store"));
    let front = world::front_over(store.clone());
    for (what, query) in [
        ("a usage page of what is often there", "model=gpt-4o-mini"),
        ("a usage page of what is never there", "model=nobody"),
        ("a usage page of what is never there, with a wildcard", "model=nobody*"),
        ("a usage page of a tag that is never there", "tag=team=red"),
        ("a usage page of the middle", "to=2026-11-21T00:00:05Z"),
    ] {
        group.bench_function(what, |b| {
            b.iter(|| runtime.block_on(world::got(&front, &format!("/api/billing/usage?{query}"))));
        });
    }
    drop(front);
    drop(store);
    group.bench_function("one request", |b| {
        let mut n = 0;
        b.iter(|| {
            n = (n + 997) % (entries / 2);
            let now = NOW.after(Duration::from_micros(20 * n));
            let id = policy::request_id(None, now, Dice::seeded(n).roll());
            assert_eq!(reader.of_request("local", &id, None).expect("a record").len(), 2);
        });
    });
    group.bench_function("spent since", |b| {
        b.iter(|| reader.spent("local", NOW.after(Duration::from_micros(5 * entries))).expect("a record"));
    });
    group.bench_function("open and close", |b| b.iter(|| opened(&path)));
}

fn opened(path: &Path) {
    drop(Store::open(path, Options::default(), NOW).expect("a store"));
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime")
}

criterion_group!(benches, prices, books, append, record);
criterion_main!(benches);
