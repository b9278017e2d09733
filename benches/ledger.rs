//! How long does the ledger take over one request: pricing it, and its hold and settle in an account's books?

#![allow(clippy::expect_used, reason = "a bench that cannot run says so")]

use billing::{Account, Line, Op, charge};
use criterion::{Criterion, criterion_group, criterion_main};
use providers::catalogue::Catalogue;
use std::hint::black_box;
use vocab::{Bucket, Instant, Pico, Usage};

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

fn books(c: &mut Criterion) {
    let usage = Usage::default().with(Bucket::Input, 212).with(Bucket::Output, 64);
    let mut account = Account::new("local", None);
    let mut n = 0u64;
    c.bench_function("hold and settle", |b| {
        b.iter(|| {
            n += 1;
            let id = format!("request-{n}");
            let amount = Pico(1_000_000_000);
            let hold =
                Op::Hold { id: id.clone(), amount, estimate: amount, lease_until: NOW, tags: String::new() };
            account.apply(hold, &[], NOW).expect("an unlimited account");
            let line = Line {
                provider: "openai".into(),
                model: "gpt-4o-mini".into(),
                usage,
                price: Some("0123456789ab".into()),
                amount: Pico(70_200_000),
                outcome: "ok".into(),
            };
            account
                .apply(Op::Settle { id, lines: vec![line], estimated: false }, &[], NOW)
                .expect("an open hold")
        });
    });
}

criterion_group!(benches, prices, books);
criterion_main!(benches);
