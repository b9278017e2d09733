//! Budgets, against an auditor who reads the record and shares no code with the ledger.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic in a test is a failed test")]

mod common;

use billing::{Account, Book, Entry, Kind, Op, Refusal, verify};
use common::*;
use proptest::prelude::*;
use std::collections::BTreeMap;
use vocab::{Cap, Instant, Pico};

const DAY: u64 = 10;

fn day(second: u64, limit: i128) -> Cap {
    let from = Instant::from_secs(second / DAY * DAY);
    Cap {
        budget: "account/day".into(),
        from,
        until: Some(Instant::from_secs((second / DAY + 1) * DAY)),
        limit: Pico(limit),
    }
}

fn total(budget: &str, limit: i128) -> Cap {
    Cap { budget: budget.into(), from: Instant::ZERO, until: None, limit: Pico(limit) }
}

fn under(caps: Vec<Cap>, mut op: Op) -> Op {
    if let Op::Hold { caps: place, .. } | Op::Extend { caps: place, .. } = &mut op {
        *place = caps;
    }
    op
}

fn at(second: u64) -> Instant {
    Instant::from_secs(second)
}

fn taken(book: &Book, cap: &Cap) -> (i128, i128) {
    let taken = book.account().tally().budgets.taken(&cap.budget, cap.from);
    (taken.charged.0, taken.held.0)
}

#[test]
fn ten_of_fifty_find_room() {
    let mut book = Book::new("alice", None);
    let cap = total("account/total", 1_000);
    let done = (0..50).filter(|n| {
        let op = under(vec![cap.clone()], hold(&format!("r{n}"), 100));
        match book.post(op, at(1)) {
            Ok(_) => true,
            Err(refusal) => {
                let full = Refusal::Budget { cap: cap.clone(), taken: Pico(1_000), needed: Pico(100) };
                assert_eq!(refusal, full);
                false
            }
        }
    });
    assert_eq!(done.count(), 10);
    book.post(release("r3"), at(2)).unwrap();
    book.post(under(vec![cap.clone()], hold("late", 100)), at(2)).unwrap();
    assert_eq!(taken(&book, &cap), (0, 1_000));
}

#[test]
fn all_budgets_must_have_room_and_a_refusal_takes_from_none() {
    let mut book = Book::new("alice", None);
    let (wide, narrow) = (total("account/total", 1_000), total("tag:team=red/total", 50));
    let refused = book.post(under(vec![wide.clone(), narrow.clone()], hold("r1", 60)), at(1));
    assert!(matches!(refused, Err(Refusal::Budget { cap, .. }) if cap == narrow));
    assert_eq!((taken(&book, &wide), taken(&book, &narrow)), ((0, 0), (0, 0)));
    book.post(under(vec![wide.clone()], hold("r2", 60)), at(1)).unwrap();
    assert_eq!((taken(&book, &wide), taken(&book, &narrow)), ((0, 60), (0, 0)));
}

#[test]
fn what_is_given_back_goes_to_the_window_that_was_charged() {
    let mut book = Book::new("alice", None);
    let (today, tomorrow) = (day(5, 100), day(15, 100));
    book.post(under(vec![today.clone()], hold("r1", 100)), at(5)).unwrap();
    book.post(under(vec![tomorrow.clone()], hold("r2", 80)), at(15)).unwrap();
    // Ends on the next day: nothing of tomorrow's is touched.
    book.post(settle("r1", 30), at(16)).unwrap();
    assert_eq!(taken(&book, &tomorrow), (0, 80));
    assert_eq!(taken(&book, &today), (30, 0), "what it came to is known for one window more");
    let more = book.post(under(vec![tomorrow.clone()], extend("r2", 30, 700)), at(17));
    assert!(matches!(more, Err(Refusal::Budget { taken: Pico(80), needed: Pico(30), .. })));
    book.post(under(vec![tomorrow.clone()], extend("r2", 20, 700)), at(17)).unwrap();
    // More was used than was set aside: it is owed, and counts.
    book.post(settle("r2", 130), at(25)).unwrap();
    assert_eq!(taken(&book, &tomorrow), (130, 0));
    let again = book.post(under(vec![tomorrow.clone()], hold("r3", 0)), at(18));
    assert!(matches!(again, Err(Refusal::Budget { .. })), "more than full takes nothing, not even nothing");
    book.post(under(vec![day(25, 100)], hold("r4", 10)), at(25)).unwrap();
    assert_eq!(taken(&book, &today), (0, 0), "a window that is long over and empty is forgotten");
    assert_eq!(taken(&book, &tomorrow), (130, 0));
}

#[test]
fn a_clock_that_lags_finds_no_window_that_is_over() {
    let mut book = Book::new("alice", None);
    let (today, tomorrow) = (day(5, 100), day(15, 100));
    book.post(under(vec![today.clone()], hold("r1", 100)), at(5)).unwrap();
    book.post(settle("r1", 100), at(6)).unwrap();
    book.post(under(vec![tomorrow.clone()], hold("r2", 90)), at(15)).unwrap();
    let lagging = book.post(under(vec![today.clone()], hold("r3", 50)), at(15));
    assert!(matches!(lagging, Err(Refusal::Budget { taken: Pico(90), .. })), "{lagging:?}");
    book.post(under(vec![today], hold("r4", 10)), at(15)).unwrap();
    assert_eq!(taken(&book, &tomorrow), (0, 100));
}

#[test]
fn the_same_hold_again_is_the_same_in_any_window() {
    let mut book = Book::new("alice", None);
    book.post(under(vec![day(5, 100)], hold("r1", 60)), at(5)).unwrap();
    assert_eq!(book.post(under(vec![day(15, 100)], hold("r1", 60)), at(15)).unwrap().entry, None);
    book.post(settle("r1", 60), at(16)).unwrap();
    assert_eq!(book.post(under(vec![day(15, 100)], hold("r1", 60)), at(17)).unwrap().entry, None);
    assert_eq!(taken(&book, &day(15, 100)), (0, 0));
}

#[test]
fn an_orphan_counts_where_it_was_held() {
    let mut book = Book::new("alice", None);
    let cap = total("key:ci/total", 100);
    book.post(under(vec![cap.clone()], hold_until("r1", 100, at(9))), at(1)).unwrap();
    assert_eq!(book.sweep(at(9)), 1);
    assert_eq!(taken(&book, &cap), (50, 0), "half of it was the estimate");
}

#[test]
fn a_hold_without_budgets_reads_as_ever() {
    let mut book = Book::new("alice", None);
    let entry = book.post(hold("r1", 8), at(1)).unwrap().entry.unwrap();
    assert_eq!(entry.detail, r#"{"estimate":"0.000000000004","lease_until":600000000}"#);
    let caps = vec![total("tag:a=\"b\"/total", 9), day(7, 100)];
    let entry = book.post(under(caps, hold("r2", 8)), at(7)).unwrap().entry.unwrap();
    let budgets = r#""budgets":{"account/day":0,"tag:a=\"b\"/total":0}"#;
    assert_eq!(entry.detail, format!(r#"{{{budgets},"estimate":"0.000000000004","lease_until":600000000}}"#));
}

/// A budget, and when its window began.
type Key = (String, u64);

/// What every window has taken by the record alone: (charged, held).
fn audit(entries: &[Entry]) -> BTreeMap<Key, (i128, i128)> {
    let mut windows: BTreeMap<Key, (i128, i128)> = BTreeMap::new();
    let mut open: BTreeMap<&str, (Vec<Key>, i128)> = BTreeMap::new();
    for entry in entries {
        let detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap();
        let id = entry.op_id.as_str();
        match entry.kind {
            Kind::Grant | Kind::Hit | Kind::Replay => {}
            Kind::Hold => {
                let named = detail["budgets"].as_object().into_iter().flatten();
                let keys: Vec<_> = named.map(|(name, from)| (name.clone(), from.as_u64().unwrap())).collect();
                open.insert(id, (keys, 0));
            }
            Kind::Extend => {}
            Kind::Settle | Kind::Release => {
                let (keys, held) = open.remove(id).unwrap();
                for key in keys {
                    let window = windows.get_mut(&key).unwrap();
                    *window = (window.0 + entry.amount.0, window.1 - held);
                }
                continue;
            }
        }
        if let Some((keys, held)) = open.get_mut(id) {
            *held += entry.amount.0;
            keys.iter().for_each(|key| windows.entry(key.clone()).or_default().1 += entry.amount.0);
        }
    }
    windows
}

fn any_op() -> impl Strategy<Value = Op> {
    let id = || (0..9u8).prop_map(|n| format!("r{n}"));
    prop_oneof![
        (id(), 0..400i128).prop_map(|(id, n)| hold_until(&id, n, at(60))),
        (id(), 0..200i128, 61..64u64).prop_map(|(id, n, lease)| extend(&id, n, lease)),
        (id(), 0..300i128).prop_map(|(id, n)| settle(&id, n)),
        id().prop_map(|id| release(&id)),
    ]
}

proptest! {
    #[test]
    fn no_window_takes_more_than_its_budget(
        steps in prop::collection::vec((any_op(), 0..8u8, 0..4u64), 0..60), limit in 100..900i128,
    ) {
        let mut book = Book::new("alice", None);
        let mut second = 0;
        for (op, which, pause) in steps {
            second += pause;
            let caps = [day(second, limit), total("account/total", 4 * limit), total("key:ci/total", limit)];
            let caps: Vec<_> = caps.into_iter().enumerate().filter(|(n, _)| which >> n & 1 == 1).map(|(_, c)| c).collect();
            let before = audit(book.entries());
            let counts = matches!(op, Op::Hold { .. } | Op::Extend { .. });
            let done = book.post(under(caps.clone(), op), at(second)).is_ok_and(|applied| applied.entry.is_some());
            for (key, (charged, held)) in audit(book.entries()) {
                let most = caps.iter().find(|cap| cap.budget == key.0).map_or(i128::MAX, |cap| cap.limit.0);
                let grew = charged + held > before.get(&key).map_or(0, |(charged, held)| charged + held);
                prop_assert!(!(done && counts && grew) || charged + held <= most, "{key:?}: {charged} + {held} of {most}");
                prop_assert!(held >= 0);
            }
        }
        let windows = audit(book.entries());
        for (budget, taken) in book.account().tally().budgets.iter() {
            let key = (budget.to_owned(), taken.from.as_micros());
            prop_assert_eq!(windows.get(&key), Some(&(taken.charged.0, taken.held.0)), "{:?}", key);
        }
        // The latest of every budget is known, and all that is held somewhere.
        let known = book.account().tally().budgets.iter().count();
        let held = windows.iter().filter(|(key, (_, held))| {
            *held > 0 || !windows.keys().any(|other| other.0 == key.0 && other.1 > key.1)
        });
        prop_assert!(known >= held.count());
        let again = Account::replay("alice", None, book.entries()).unwrap();
        prop_assert_eq!(again.tally(), book.account().tally(), "the record is all there is");
        prop_assert!(verify(book.entries()).is_ok());
    }
}
