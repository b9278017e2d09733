//! Every short story over one small account, against books kept by hand.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a panic in a test is a failed test")]

mod common;

use billing::{Account, Book, Op, Refusal, verify};
use common::*;
use std::collections::BTreeMap;
use vocab::{Instant, Pico};

/// What the auditor knows of a request. It shares nothing with the ledger but the words.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    Open(i128),
    Settled(i128),
    Released,
}

#[derive(Default)]
struct Auditor {
    granted: bool,
    requests: BTreeMap<&'static str, Known>,
}

impl Auditor {
    const GRANT: i128 = 10;

    fn free(&self) -> i128 {
        let spent: i128 = self
            .requests
            .values()
            .map(|known| match known {
                Known::Open(amount) | Known::Settled(amount) => *amount,
                Known::Released => 0,
            })
            .sum();
        if self.granted { Self::GRANT - spent } else { -spent }
    }

    /// `Some(true)` done, `Some(false)` done before, None refused.
    fn hears(&mut self, word: &Word) -> Option<bool> {
        let known = word.id.and_then(|id| self.requests.get(id).copied());
        match (word.verb, known) {
            ("grant", _) => Some(!std::mem::replace(&mut self.granted, true)),
            ("hold", None) if word.amount <= self.free() => self.becomes(word, Known::Open(word.amount)),
            ("hold", None) => None,
            ("hold", Some(_)) => Some(false),
            ("settle", Some(Known::Open(_))) => self.becomes(word, Known::Settled(word.amount)),
            ("settle", Some(Known::Settled(_))) => Some(false),
            ("release", Some(Known::Open(_))) => self.becomes(word, Known::Released),
            ("release", Some(Known::Released)) => Some(false),
            _ => None,
        }
    }

    fn becomes(&mut self, word: &Word, known: Known) -> Option<bool> {
        self.requests.insert(word.id?, known);
        Some(true)
    }
}

struct Word {
    verb: &'static str,
    id: Option<&'static str>,
    amount: i128,
}

const fn word(verb: &'static str, id: Option<&'static str>, amount: i128) -> Word {
    Word { verb, id, amount }
}

/// Two requests of six out of ten, so that they exclude each other; one settles for less, one for more.
const WORDS: [Word; 7] = [
    word("grant", None, 10),
    word("hold", Some("a"), 6),
    word("hold", Some("b"), 6),
    word("settle", Some("a"), 3),
    word("settle", Some("b"), 7),
    word("release", Some("a"), 0),
    word("release", Some("b"), 0),
];

fn op(word: &Word) -> Op {
    match (word.verb, word.id) {
        ("hold", Some(id)) => hold(id, word.amount),
        ("settle", Some(id)) => settle(id, word.amount),
        ("release", Some(id)) => release(id),
        _ => grant("g", word.amount),
    }
}

#[test]
fn every_story_of_six_words_keeps_the_books_right() {
    let count = WORDS.len();
    for story in 0..count.pow(6) {
        let (mut book, mut auditor) = (Book::new("a", Some(Pico::ZERO)), Auditor::default());
        let mut digits = story;
        for step in 0..6 {
            let word = &WORDS[digits % count];
            digits /= count;
            let answer = book.post(op(word), Instant::from_secs(step));
            let told = answer.as_ref().ok().map(|applied| applied.entry.is_some());
            assert_eq!(told, auditor.hears(word), "story {story}, step {step}: {answer:?}");
            assert_eq!(book.account().balance().available().0, auditor.free(), "story {story}, step {step}");
        }
        if story % 97 == 0 {
            verify(book.entries()).unwrap();
            let again = Account::replay("a", Some(Pico::ZERO), book.entries()).unwrap();
            assert_eq!(again.tally(), book.account().tally(), "story {story}");
        }
    }
}

#[test]
fn of_five_requests_of_sixty_per_cent_one_is_admitted() {
    let mut book = Book::new("a", Some(Pico::ZERO));
    book.post(grant("g", 100), Instant::ZERO).unwrap();
    let answers: Vec<_> = ["1", "2", "3", "4", "5"].map(|id| book.post(hold(id, 60), Instant::ZERO)).into();
    assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 1);
    assert_eq!(answers.iter().filter(|a| matches!(a, Err(Refusal::Poor { .. }))).count(), 4);
}
