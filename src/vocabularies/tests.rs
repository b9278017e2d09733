#![allow(clippy::disallowed_methods, reason = "it is measured how long it takes")]

use super::*;
use proptest::prelude::*;
use std::time::{Duration, Instant};

/// Once made ready, both of them.
fn ready() -> &'static Vocabularies {
    static READY: OnceLock<Vocabularies> = OnceLock::new();
    READY.get_or_init(|| {
        let all = Vocabularies::default();
        let begun = Instant::now();
        for family in [Family::O200k, Family::Cl100k] {
            assert_eq!(all.count(family, "x"), Count::Soon, "nobody waits for it");
            while all.count(family, "x") == Count::Soon {
                assert!(begun.elapsed() < Duration::from_secs(60));
                std::thread::yield_now();
            }
        }
        all
    })
}

#[test]
fn texts_are_counted_as_openai_does() {
    // OpenAI's cookbook, "How to count tokens with tiktoken".
    for (text, cl100k, o200k) in [
        ("tiktoken is great!", 6, 6),
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
        ("お誕生日おめでとう", 9, 8),
        ("", 0, 0),
        ("<|endoftext|>", 7, 7),
    ] {
        assert_eq!(ready().count(Family::Cl100k, text), Count::Tokens(cl100k), "{text}");
        assert_eq!(ready().count(Family::O200k, text), Count::Tokens(o200k), "{text}");
    }
}

#[test]
fn others_are_left_to_the_estimate() {
    for family in Family::ALL {
        let ours = matches!(family, Family::O200k | Family::Cl100k);
        assert_eq!(ready().count(family, "x") == Count::Never, !ours, "{}", family.name());
    }
    assert_eq!(ready().count(Family::O200k, &"x ".repeat(TEXT_MAX)), Count::Never);
}

#[test]
fn nothing_takes_long() {
    ready();
    for text in ["a", "a ", "\n", " ", "é", "漢", "\u{300}", "0", "ab", "!?"] {
        let text = text.repeat(relay::PIECE_MAX / text.len());
        let begun = Instant::now();
        assert!(matches!(ready().count(Family::O200k, &text), Count::Tokens(1..)));
        assert!(begun.elapsed() < Duration::from_millis(500), "{:?} for {:?}", begun.elapsed(), &text[..4]);
    }
}

/// Words, code, other scripts, and what has no words.
fn said() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        8 => "[a-z]{1,9}",
        1 => "[A-Z][a-z]{2,7}",
        1 => "[a-z]{2,6}_[a-z]{2,6}\\(\\)",
        1 => "[0-9]{1,6}",
        1 => "[а-я]{2,9}",
        1 => "[一-龥]{1,9}",
        1 => "[ก-ฮ]{2,9}",
        1 => "[!-/]{1,3}",
        1 => "[a-zA-Z0-9+/]{20,200}",
    ];
    prop::collection::vec((word, prop_oneof![9 => Just(" "), 1 => Just("\n"), 1 => Just("\n    ")]), 1..60)
        .prop_map(|words| words.into_iter().map(|(word, space)| word + space).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// A cut may part what would have been one token, or let two be one: at most two tokens a piece, of a thousand or so.
    #[test]
    fn pieces_come_to_what_the_whole_does(said in prop::collection::vec(said(), 1..4), times in 1..60_usize) {
        let text = said.concat().repeat(times);
        let vocabulary = ready().o200k.ready.get().unwrap().as_ref().unwrap();
        let whole = vocabulary.count_ordinary(&text) as u64;
        let all: Arc<dyn Tokenizers> = Arc::new(Vocabularies { o200k: ready().o200k.clone(), ..Vocabularies::default() });
        let mut meter = relay::Meter::new(all, Family::O200k);
        text.split_inclusive('e').for_each(|piece| meter.push(piece));
        let pieces = 2 * text.len() / relay::PIECE_MAX;
        prop_assert!(meter.tokens().abs_diff(whole) <= 2 * pieces as u64, "{} for {whole}", meter.tokens());
    }
}

/// The documents of this repository, as an answer would come.
#[test]
fn of_real_text_a_thousandth_is_off() {
    let text =
        [include_str!("../../README.md"), include_str!("../../ARCHITECTURE.md"), include_str!("tests.rs")]
            .concat();
    let vocabulary = ready().o200k.ready.get().unwrap().as_ref().unwrap();
    let all: Arc<dyn Tokenizers> =
        Arc::new(Vocabularies { o200k: ready().o200k.clone(), ..Vocabularies::default() });
    let mut meter = relay::Meter::new(all, Family::O200k);
    text.split_inclusive(' ').for_each(|piece| meter.push(piece));
    let whole = vocabulary.count_ordinary(&text) as u64;
    assert!(meter.tokens().abs_diff(whole) * 1_000 <= whole, "{} for {whole}", meter.tokens());
}
