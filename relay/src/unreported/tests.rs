use super::*;
use proptest::prelude::*;
use vocab::{Message, Role};

/// A tokenizer of words: what stands between spaces, its space with it.
struct Words;

impl Tokenizers for Words {
    fn count(&self, family: Family, text: &str) -> Count {
        match family {
            Family::O200k => Count::Tokens(words(text)),
            Family::Cl100k => Count::Soon,
            _ => Count::Never,
        }
    }
}

fn words(text: &str) -> u64 {
    text.split(' ').filter(|word| !word.is_empty()).count() as u64
}

fn meter(family: Family) -> Meter {
    Meter::new(Arc::new(Words), family)
}

#[test]
fn a_piece_is_cut_before_a_word() {
    for (piece, left) in [
        ("one two three four", " four"),
        ("one two   three", ""),
        ("nospaceatall", ""),
        ("one two ", ""),
        ("one two t ", " t "),
        ("a b", " b"),
        (" ", ""),
        (" x", ""),
        ("x", ""),
    ] {
        assert_eq!(&piece[cut(piece)..], left, "{piece:?}");
    }
}

#[test]
fn memory_is_fixed() {
    let mut meter = meter(Family::O200k);
    for _ in 0..1_000 {
        meter.push(&"some words ".repeat(500));
        assert!(meter.kept.len() <= PIECE_MAX && meter.kept.capacity() <= 2 * PIECE_MAX);
    }
    assert_eq!(meter.tokens(), 1_000_000);
}

#[test]
fn who_has_no_tokenizer_estimates() {
    let text = "Some words of an answer that nobody counted. ".repeat(300);
    let likely = |family: Family| u64::from(family.likely(&size(&text)));
    for family in [Family::Cl100k, Family::Claude47, Family::Other] {
        let mut meter = meter(family);
        text.split_inclusive('w').for_each(|piece| meter.push(piece));
        let off = meter.tokens().abs_diff(likely(family));
        assert!(off * 50 <= likely(family), "{} for {}", meter.tokens(), likely(family));
    }
}

#[test]
fn of_a_huge_text_a_part_is_counted() {
    let tokenizers: Arc<dyn Tokenizers> = Arc::new(Words);
    let text = "Some words of an answer that nobody counted. ".repeat(100_000);
    let told = [Event::Text { choice: 0, text: text.clone(), logprobs: None }];
    let counted = of_answer(&tokenizers, Family::O200k, &told);
    let off = counted.abs_diff(words(&text)) as f64 / words(&text) as f64;
    assert!(off < 0.01, "{counted} for {}", words(&text));
}

#[test]
fn a_conversation_is_counted_with_what_is_no_text() {
    let tokenizers: Arc<dyn Tokenizers> = Arc::new(Words);
    let chat = Chat {
        messages: vec![Message::text(Role::System, "one two"), Message::text(Role::User, "three four five")],
        ..Chat::default()
    };
    let mut size = Size { more: 11, json: 1_000, ..Size::default() };
    size.say(&Text::of("one two three four five"));
    let count = |size: &Size| of_chat(&tokenizers, Family::O200k, &chat, size);
    assert_eq!(count(&size), 5 + 11);
    assert_eq!(count(&Size::default()), 5);
}

proptest! {
    #[test]
    fn it_does_not_matter_how_a_text_comes(text in "[a-z ,.\n]{0,300}", times in 1..60_usize, at in any::<prop::sample::Index>()) {
        let text = text.repeat(times);
        let cut = boundary(&text, at.index(text.len() + 1));
        let (mut whole, mut pieces) = (meter(Family::O200k), meter(Family::O200k));
        whole.push(&text);
        pieces.push(&text[..cut]);
        pieces.push(&text[cut..]);
        // Where a word is longer than half a piece it is cut.
        prop_assert!(pieces.tokens().abs_diff(whole.tokens()) <= 1 + text.len() as u64 / 2_000);
        prop_assert!(whole.tokens().abs_diff(words(&text)) <= 1 + text.len() as u64 / 2_000);
    }
}
