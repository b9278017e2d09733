//! The published recipe (`docs/ledger-format.md`), followed by hand, gives the hashes that are written.

#![allow(clippy::unwrap_used, reason = "a panic in a test is a failed test")]

use billing::{Book, Entry, Line, Op, hex};
use sha2::{Digest, Sha256};
use vocab::{Bucket, Instant, Pico, Usage};

const DOC: &str = include_str!("../../docs/ledger-format.md");

fn example() -> Book {
    let mut book = Book::new("alice", Some(Pico::ZERO));
    let at = |seconds: u64| Instant::from_secs(1_795_219_200 + seconds);
    let line = Line {
        provider: "openai".into(),
        model: "gpt-4o-mini".into(),
        usage: Usage::default().with(Bucket::Input, 1_000).with(Bucket::Output, 50),
        price: Some("2026-11-21".into()),
        amount: Pico(180_000_000),
        outcome: "ok".into(),
    };
    for (seconds, op) in [
        (0, Op::Grant { id: "g-1".into(), amount: Pico::from_usd(5), reason: "first top-up".into() }),
        (
            60,
            Op::Hold {
                id: "r-1".into(),
                amount: Pico(750_000_000),
                estimate: Pico(210_000_000),
                lease_until: at(660),
                tags: r#"{"team":"blue"}"#.into(),
                caps: vec![],
            },
        ),
        (62, Op::Settle { id: "r-1".into(), lines: vec![line], estimated: false }),
    ] {
        book.post(op, at(seconds)).unwrap();
    }
    book
}

fn by_hand(entry: &Entry) -> [u8; 32] {
    let mut bytes = entry.prev_hash.to_vec();
    let word = |bytes: &mut Vec<u8>, word: &str| {
        bytes.extend(u32::try_from(word.len()).unwrap().to_be_bytes());
        bytes.extend(word.bytes());
    };
    bytes.push(1);
    word(&mut bytes, &entry.account);
    bytes.extend(entry.seq.to_be_bytes());
    bytes.extend(entry.time.as_micros().to_be_bytes());
    word(&mut bytes, serde_json::to_value(entry.kind).unwrap().as_str().unwrap());
    word(&mut bytes, &entry.op_id);
    let after = entry.balance_after;
    for amount in [entry.amount, after.granted, after.settled, after.held] {
        bytes.extend(amount.0.to_be_bytes());
    }
    word(&mut bytes, &entry.detail);
    Sha256::digest(&bytes).into()
}

#[test]
fn the_recipe_gives_the_hashes() {
    for entry in example().entries() {
        assert_eq!(hex(&by_hand(entry)), hex(&entry.hash));
        assert_eq!(entry.canonical_bytes()[0], 1);
    }
}

#[test]
fn the_worked_example_is_what_is_written_today() {
    for entry in example().entries() {
        let line = serde_json::to_string(entry).unwrap();
        assert!(DOC.contains(&line), "docs/ledger-format.md should contain\n{line}");
    }
    let book = example();
    let first = &book.entries()[0];
    let bytes: String = first.canonical_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let shown: String = DOC.split("<!-- bytes -->").nth(1).unwrap().split_whitespace().collect();
    assert!(shown.contains(&bytes), "{bytes}");
}
