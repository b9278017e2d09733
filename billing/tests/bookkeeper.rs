//! The ledger as a bookkeeper reads it: one row per operation, with what came of it and what is left.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic in a test is a failed test")]

mod common;

use billing::{Account, BadEntry, Balance, Book, Flaw, Op, Refusal, Repeat, verify};
use common::*;
use vocab::{Instant, Pico};

const NOW: Instant = Instant::from_secs(100);

/// Rows of `verb id [amount [lease seconds]] outcome [available]`.
#[track_caller]
fn table(overdraft: Option<i128>, rows: &str) -> Book {
    let mut book = Book::new("alice", overdraft.map(Pico));
    for row in rows.lines().map(str::trim).filter(|row| !row.is_empty()) {
        let (row, left) =
            row.split_once('#').map_or((row, None), |(row, left)| (row.trim(), Some(left.trim())));
        let words: Vec<_> = row.split_whitespace().collect();
        let (outcome, said) = words.split_last().unwrap();
        let number = |place: usize| said.get(place).map_or(0, |word| word.parse().unwrap());
        let id = said[1];
        let op = match said[0] {
            "grant" => grant(id, number(2)),
            "hold" => hold(id, number(2)),
            "extend" => extend(id, number(2), u64::try_from(number(3)).unwrap()),
            "settle" => settle(id, number(2)),
            "release" => release(id),
            "hit" => repeat(id, Repeat::Hit, number(2)),
            "replay" => repeat(id, Repeat::Replay, number(2)),
            verb => panic!("{verb}?"),
        };
        let before = book.account().clone();
        let answer = book.post(op, NOW);
        let came = match &answer {
            Ok(applied) if applied.entry.is_some() => "ok",
            Ok(_) => "again",
            Err(Refusal::Poor { .. }) => "poor",
            Err(Refusal::Conflict { .. }) => "conflict",
            Err(Refusal::NoHold { .. }) => "no-hold",
            Err(Refusal::BadAmount) => "bad",
            Err(Refusal::Budget { .. }) => "over",
        };
        assert_eq!(came, *outcome, "{row}: {answer:?}");
        if came != "ok" {
            assert_eq!(book.account().tally(), before.tally(), "{row}: changed nothing");
        }
        if let Some(left) = left {
            assert_eq!(book.account().balance().available().0.to_string(), left, "{row}");
        }
        verify(book.entries()).unwrap();
    }
    book
}

#[test]
fn a_day_in_the_books() {
    table(
        Some(0),
        "grant   g1  500         ok        # 500
         hold    h1  200         ok        # 300
         hold    h1  200         again     # 300
         settle  h1  140         ok        # 360
         settle  h1  140         again     # 360
         hold    h1  200         again     # 360
         hold    h2  361         poor      # 360
         hold    h2  360         ok        # 0
         hold    h3  1           poor      # 0
         hold    h4  0           ok        # 0
         release h2              ok        # 360
         release h2              again     # 360
         release h4              ok        # 360
         grant   g1  500         again     # 360
         grant   g2  -60         ok        # 300",
    );
}

#[test]
fn what_was_told_before_costs_nothing() {
    table(
        Some(0),
        "grant   g1  100         ok        # 100
         hit     r1  40          ok        # 100
         hit     r1  40          again     # 100
         hit     r1  41          conflict  # 100
         replay  r1  40          conflict  # 100
         hold    r1  10          conflict  # 100
         extend  r1  10  700     conflict  # 100
         settle  r1  10          conflict  # 100
         replay  r2  40          ok        # 100
         hold    h1  100         ok        # 0
         hit     h1  40          conflict  # 0
         replay  r3  7000        ok        # 0
         hit     r4  -1          bad       # 0
         settle  h1  60          ok        # 40
         replay  h1  60          conflict  # 40",
    );
}

#[test]
fn an_id_means_one_thing() {
    table(
        Some(0),
        "grant   g1  500         ok
         grant   g1  501         conflict
         hold    g1  100         conflict
         settle  g1  100         conflict
         hold    h1  100         ok
         hold    h1  101         conflict
         grant   h1  100         conflict
         settle  h1  50          ok
         settle  h1  51          conflict
         release h1              conflict
         hold    h1  101         conflict
         grant   h1  100         conflict
         hold    h2  10          ok
         release h2              ok
         settle  h2  5           conflict",
    );
}

#[test]
fn only_an_open_hold_can_end_or_grow() {
    table(
        Some(0),
        "grant   g1  500         ok
         settle  h1  1           no-hold
         release h1              no-hold
         extend  h1  1   700     no-hold
         hold    h1  100         ok        # 400
         extend  h1  50  700     ok        # 350
         extend  h1  50  700     again     # 350
         extend  h1  51  700     conflict  # 350
         extend  h1  50  800     ok        # 300
         extend  h1  301 900     poor      # 300
         settle  h1  180         ok        # 320
         extend  h1  50  800     no-hold   # 320",
    );
}

#[test]
fn amounts_that_make_no_sense_are_refused() {
    table(
        None,
        "hold    h1  -1          bad
         hold    h1  10          ok
         extend  h1  -1  700     bad
         settle  h1  -3          bad
         hold    h2  81129638414606681695789005144055     bad
         hold    h2  81129638414606681695789005144054     ok
         grant   g1  -81129638414606681695789005144065    bad
         settle  h1  10          ok",
    );
}

#[test]
fn what_was_really_used_is_charged_even_beyond_the_hold() {
    let book = table(
        Some(0),
        "grant   g1  500         ok
         hold    h1  100         ok        # 400
         settle  h1  650         ok        # -150
         hold    h2  1           poor",
    );
    let settled = book.of("h1").pop().unwrap();
    assert!(settled.detail.ends_with(r#","over":true}"#), "{}", settled.detail);
}

#[test]
fn an_overdraft_is_a_limit_too_and_none_is_none() {
    table(Some(50), "hold h1 50 ok # -50\n hold h2 1 poor\n settle h1 50 ok # -50");
    table(None, "hold h1 5000 ok # -5000\n settle h1 5000 ok # -5000\n hold h2 1 ok");
}

#[test]
fn credit_can_be_taken_back_but_not_from_open_holds() {
    table(Some(0), "grant g1 100 ok\n hold h1 60 ok # 40\n grant g2 -41 poor\n grant g2 -40 ok # 0");
}

#[test]
fn a_release_charges_nothing() {
    let mut book = table(None, "hold h1 10 ok");
    let costly = Op::Release { id: "h1".into(), lines: vec![line(1)], why: "why".into() };
    assert_eq!(book.post(costly, NOW).unwrap_err(), Refusal::BadAmount);
}

#[test]
fn a_refusal_says_what_is_missing() {
    let mut account = Account::new("alice", Some(Pico(5)));
    account.apply(grant("g", 100), &[], NOW).unwrap();
    let refusal = account.apply(hold("h", 106), &[], NOW).unwrap_err();
    assert_eq!(refusal, Refusal::Poor { needed: Pico(106), available: Pico(105) });
}

#[test]
fn orphans_are_settled_at_their_estimate_oldest_first() {
    let mut book = Book::new("alice", None);
    let secs = Instant::from_secs;
    for (id, lease) in [("z", 10), ("a", 20), ("m", 30)] {
        book.post(hold_until(id, 100, secs(lease)), secs(1)).unwrap();
    }
    book.post(extend("z", 10, 50), secs(2)).unwrap();
    assert_eq!(book.account().orphans(secs(19)), []);
    assert_eq!(book.sweep(secs(30)), 2);
    let ended: Vec<_> = book.entries().iter().filter(|e| e.kind.ends()).map(|e| e.op_id.as_str()).collect();
    assert_eq!(ended, ["a", "m"]);
    let last = book.entries().last().unwrap();
    assert_eq!((last.amount, last.time), (Pico(50), secs(30)));
    assert!(last.detail.contains(r#""estimated":true"#) && last.detail.contains("orphan"), "{}", last.detail);
    assert_eq!(book.sweep(secs(30)), 0);
    // The one who should have ended it comes late: it is known, and it is another content.
    assert!(matches!(book.post(settle("a", 70), secs(31)), Err(Refusal::Conflict { .. })));
    assert_eq!(book.sweep(secs(50)), 1);
    let after = book.account().balance();
    assert_eq!(after, Balance { granted: Pico(0), settled: Pico(150), held: Pico(0) });
}

#[test]
fn time_does_not_run_backwards_in_the_record() {
    let mut book = Book::new("alice", None);
    book.post(hold("a", 1), Instant::from_secs(9)).unwrap();
    book.post(hold("b", 1), Instant::from_secs(3)).unwrap();
    assert_eq!(book.entries()[1].time, Instant::from_secs(9));
}

#[test]
fn tags_are_kept_as_json_whatever_they_are() {
    for (tags, kept) in [
        (r#"{"team":"blue"}"#, r#""tags":{"team":"blue"}}"#),
        ("free \"text\"", r#""tags":"free \"text\""}"#),
        ("", r#""lease_until":600000000}"#),
    ] {
        let op = |tags: &str| Op::Hold {
            id: "h".into(),
            amount: Pico(2),
            estimate: Pico(1),
            lease_until: LEASE,
            tags: tags.into(),
            caps: vec![],
        };
        let mut book = Book::new("alice", None);
        book.post(op(tags), NOW).unwrap();
        let entry = &book.entries()[0];
        assert!(entry.detail.ends_with(kept), "{}", entry.detail);
        let mut again = Account::replay("alice", None, book.entries()).unwrap();
        assert_eq!(again.apply(op(tags), &[], NOW).unwrap().entry, None);
        assert!(matches!(again.apply(op("[1]"), &[], NOW), Err(Refusal::Conflict { .. })));
    }
}

#[test]
fn verify_names_the_first_bad_entry_and_why() {
    let book = table(
        None,
        "grant g 9 ok\n hold a 5 ok\n extend a 1 700 ok\n settle a 4 ok\n hold b 1 ok\n release b ok",
    );
    let good = book.entries();
    let summary = verify(good).unwrap();
    assert_eq!((summary.entries, summary.open_holds, summary.head), (6, 0, good[5].hash));
    let check = |seq: u64, flaw: Flaw, change: &dyn Fn(&mut Vec<billing::Entry>)| {
        let mut entries = good.to_vec();
        change(&mut entries);
        assert_eq!(verify(&entries), Err(BadEntry { account: "alice".into(), seq, flaw }));
    };
    check(3, Flaw::Sequence { expected: 2 }, &|e| drop(e.remove(1)));
    check(2, Flaw::Sequence { expected: 1 }, &|e| drop(e.remove(0)));
    check(3, Flaw::Sequence { expected: 2 }, &|e| e.swap(1, 2));
    check(4, Flaw::Hash, &|e| e[3].amount = Pico(3));
    check(4, Flaw::Chain, &|e| e[3].prev_hash[0] ^= 1);
    check(2, Flaw::Account, &|e| e[1].account = "bob".into());
    // Who changes an entry and computes its hash anew breaks the next one, or the arithmetic.
    check(5, Flaw::Chain, &|e| {
        e[3].time = Instant::from_secs(101);
        e[3].hash = e[3].computed_hash();
    });
    let forged = |seq: usize, flaw: Flaw, change: &dyn Fn(&mut billing::Entry)| {
        check(seq as u64, flaw, &|e| {
            change(&mut e[seq - 1]);
            e[seq - 1].hash = e[seq - 1].computed_hash();
        });
    };
    forged(1, Flaw::Balance, &|e| e.amount = Pico(8));
    forged(4, Flaw::Amount, &|e| e.amount = Pico(3));
    forged(4, Flaw::Detail, &|e| e.detail = "{}".into());
    forged(4, Flaw::Hold, &|e| e.op_id = "b".into());
    forged(4, Flaw::Time, &|e| e.time = Instant::ZERO);
    forged(5, Flaw::Amount, &|e| e.amount = Pico(-1));
    forged(6, Flaw::Balance, &|e| e.balance_after.held = Pico(1));
}

#[test]
fn an_entry_goes_through_json_unchanged() {
    let book = table(None, "grant g 9 ok\n hold a 5 ok\n settle a 4 ok");
    for entry in book.entries() {
        let text = serde_json::to_string(entry).unwrap();
        assert_eq!(&serde_json::from_str::<billing::Entry>(&text).unwrap(), entry);
    }
    let tally = book.account().tally();
    let text = serde_json::to_string(tally).unwrap();
    assert_eq!(&serde_json::from_str::<billing::Tally>(&text).unwrap(), tally);
    let bad = serde_json::to_string(&book.entries()[0]).unwrap().replace("\"hash\":\"", "\"hash\":\"g");
    assert!(serde_json::from_str::<billing::Entry>(&bad).is_err());
}
