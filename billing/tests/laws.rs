//! What holds for every history. The auditor keeps its own books and shares no code with the ledger.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic in a test is a failed test")]

mod common;

use billing::{Account, Book, Entry, Kind, Op, Repeat, verify};
use common::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use vocab::{Instant, Pico};

/// An operation on one of a few ids, so that they meet.
fn any_op() -> impl Strategy<Value = Op> {
    let id = || (0..6u8).prop_map(|n| format!("r{n}"));
    prop_oneof![
        (0..4u8, -300..900i128).prop_map(|(n, amount)| grant(&format!("g{n}"), amount)),
        (id(), 0..400i128, 1..60u64).prop_map(|(id, n, lease)| hold_until(&id, n, Instant::from_secs(lease))),
        (id(), 0..200i128, 30..34u64).prop_map(|(id, n, lease)| extend(&id, n, lease)),
        (id(), 0..600i128).prop_map(|(id, n)| settle(&id, n)),
        id().prop_map(|id| release(&id)),
        (id(), any::<bool>(), 0..600i128)
            .prop_map(|(id, hit, n)| { repeat(&id, if hit { Repeat::Hit } else { Repeat::Replay }, n) }),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Post(Op),
    /// What was posted some steps ago comes once more.
    Again(usize),
    Sweep,
    /// The process dies; what is left is the record.
    Crash,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => any_op().prop_map(Step::Post),
        3 => (0..8usize).prop_map(Step::Again),
        1 => Just(Step::Sweep),
        1 => Just(Step::Crash),
    ]
}

/// Reads the entries as a stranger would and says what they come to, panicking where they break a rule.
fn audit(entries: &[Entry], overdraft: i128) -> (i128, i128) {
    let (mut credit, mut charged) = (0i128, 0i128);
    let mut aside: BTreeMap<&str, i128> = BTreeMap::new();
    let mut over: BTreeSet<&str> = BTreeSet::new();
    let mut ended: BTreeSet<&str> = BTreeSet::new();
    for entry in entries {
        let amount = entry.amount.0;
        let id = entry.op_id.as_str();
        let detail: serde_json::Value = serde_json::from_str(&entry.detail).unwrap();
        match entry.kind {
            Kind::Grant => {
                assert!(ended.insert(id), "granted twice: {id}");
                credit += amount;
            }
            Kind::Hold => {
                assert!(!ended.contains(id), "held again: {id}");
                assert_eq!(aside.insert(id, amount), None, "held twice: {id}");
            }
            Kind::Extend => *aside.get_mut(id).expect("extended without a hold") += amount,
            Kind::Settle | Kind::Release => {
                let held = aside.remove(id).expect("ended without a hold");
                assert!(ended.insert(id), "ended twice: {id}");
                let lines = detail["lines"].as_array().unwrap();
                let sum: i128 = lines.iter().map(|line| nano_free(line["amount"].as_str().unwrap())).sum();
                assert_eq!(sum, amount, "the lines are the charge");
                charged += amount;
                if amount > held {
                    over.insert(id);
                }
            }
            Kind::Hit | Kind::Replay => {
                assert_eq!(amount, 0, "what was told before is not charged");
                assert!(!aside.contains_key(id), "repeated while something is set aside: {id}");
                assert!(ended.insert(id), "ended twice: {id}");
            }
        }
        let held: i128 = aside.values().sum();
        let said = entry.balance_after;
        assert_eq!(
            (said.granted.0, said.settled.0, said.held.0),
            (credit, charged, held),
            "entry {}",
            entry.seq
        );
        assert_eq!(said.available().0, credit - charged - held);
        // Nothing may be set aside beyond the overdraft. What was used beyond its hold is owed all the same.
        if over.is_empty() {
            assert!(credit - charged - held >= -overdraft, "entry {} overspends", entry.seq);
        }
    }
    (credit - charged, aside.values().sum())
}

/// `0.000000000012` → 12, by hand.
fn nano_free(usd: &str) -> i128 {
    let (whole, places) = usd.split_once('.').unwrap();
    format!("{whole}{places:0<12}").parse().unwrap()
}

fn live(steps: &[Step], overdraft: i128) -> Book {
    let mut book = Book::new("alice", Some(Pico(overdraft)));
    let mut posted: Vec<Op> = Vec::new();
    for (second, step) in (0u64..).zip(steps) {
        let now = Instant::from_secs(second);
        match step {
            Step::Post(op) => {
                let before = book.entries().len();
                if book.post(op.clone(), now).is_ok() {
                    posted.push(op.clone());
                } else {
                    assert_eq!(book.entries().len(), before, "a refusal changes nothing");
                }
            }
            Step::Again(back) => {
                let Some(op) = posted.iter().rev().nth(*back) else { continue };
                let before = book.account().tally().clone();
                let answer = book.post(op.clone(), now);
                // Only an extension of a hold that has ended since is refused; nothing is ever done twice.
                assert!(matches!(op, Op::Extend { .. }) || answer.is_ok_and(|a| a.entry.is_none()), "{op:?}");
                assert_eq!(book.account().tally(), &before);
            }
            Step::Sweep => {
                book.sweep(now);
                assert_eq!(book.account().orphans(now), []);
            }
            Step::Crash => {
                let again = Account::replay("alice", Some(Pico(overdraft)), book.entries()).unwrap();
                assert_eq!(again.tally(), book.account().tally(), "the record is all there is");
            }
        }
    }
    book
}

proptest! {
    #[test]
    fn the_books_add_up_at_every_prefix(steps in prop::collection::vec(any_step(), 0..60), overdraft in 0..300i128) {
        let mut book = live(&steps, overdraft);
        let (balance, held) = audit(book.entries(), overdraft);
        prop_assert_eq!(book.account().balance().balance().0, balance);
        prop_assert_eq!(book.account().balance().held.0, held);
        prop_assert!(verify(book.entries()).is_ok());
        // Every request ends: after the last lease nothing is held.
        book.sweep(Instant::from_secs(1_000_000));
        prop_assert_eq!(audit(book.entries(), overdraft).1, 0);
        prop_assert_eq!(verify(book.entries()).unwrap().open_holds, 0);
    }

    #[test]
    fn any_change_to_the_record_is_found(
        steps in prop::collection::vec(any_step(), 20..40),
        place in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        way in 0..5u8,
        bit in any::<prop::sample::Index>(),
    ) {
        let book = live(&steps, 1_000);
        let good = book.entries();
        prop_assume!(good.len() > 2);
        let (place, other) = (place.index(good.len()), other.index(good.len()));
        let mut bad = good.to_vec();
        match way {
            0 => flip(&mut bad[place], bit),
            1 => {
                // The last one missing is no break in the chain; the head tells (see Summary).
                bad.remove(place);
                if place == good.len() - 1 {
                    prop_assert_ne!(verify(&bad).unwrap().head, verify(good).unwrap().head);
                    return Ok(());
                }
            }
            2 => bad.swap(place, other),
            3 => bad.insert(place, good[other].clone()),
            _ => {
                // With its own hash made right again.
                flip(&mut bad[place], bit);
                bad[place].hash = bad[place].computed_hash();
                if place == good.len() - 1 {
                    // What was changed may have been the hash itself.
                    prop_assert!(bad == good || verify(&bad).map(|s| s.head).ok() != Some(good[place].hash));
                    return Ok(());
                }
            }
        }
        if bad != good {
            prop_assert!(verify(&bad).is_err());
        }
    }
}

/// One bit of one field.
fn flip(entry: &mut Entry, bit: prop::sample::Index) {
    let text = |text: &mut String, bit: usize| {
        let mut bytes = std::mem::take(text).into_bytes();
        let bit = bit % (bytes.len() * 7);
        // Of ASCII, any of the lower seven bits leaves ASCII.
        bytes[bit / 7] ^= 1 << (bit % 7);
        *text = String::from_utf8(bytes).unwrap();
    };
    let bit = bit.index(1 << 20);
    let (field, bit) = (bit % 11, bit / 11);
    match field {
        0 => text(&mut entry.account, bit),
        1 => entry.seq ^= 1 << (bit % 64),
        2 => entry.time = Instant::from_micros(entry.time.as_micros() ^ (1 << (bit % 64))),
        3 => entry.kind = Kind::ALL[(entry.kind as usize + 1 + bit % 4) % 5],
        4 => text(&mut entry.op_id, bit),
        5 => entry.amount.0 ^= 1 << (bit % 128),
        6 => entry.balance_after.granted.0 ^= 1 << (bit % 128),
        7 => entry.balance_after.settled.0 ^= 1 << (bit % 128),
        8 => entry.balance_after.held.0 ^= 1 << (bit % 128),
        9 => text(&mut entry.detail, bit),
        _ if bit % 2 == 0 => entry.prev_hash[bit / 2 % 32] ^= 1,
        _ => entry.hash[bit / 2 % 32] ^= 1,
    }
}
