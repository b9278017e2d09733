use super::*;
use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation as _;

fn cut(text: &str) -> Vec<&str> {
    sentences(text).collect()
}

fn utterances(text: &str, first: usize, usual: usize, most: usize) -> Vec<&str> {
    Utterances::of(text, Lengths { first, usual, most }).collect()
}

#[test]
fn sentences_end_where_people_end_them() {
    for (text, expected) in [
        ("One. Two! Three? Four", vec!["One. ", "Two! ", "Three? ", "Four"]),
        ("She said \"Go.\" He went.", vec!["She said \"Go.\" ", "He went."]),
        ("Dr. Smith met Mrs. Jones. They talked.", vec!["Dr. Smith met Mrs. Jones. ", "They talked."]),
        ("J. S. Bach wrote it. So it is.", vec!["J. S. Bach wrote it. ", "So it is."]),
        ("See No. 5 there. No. It is gone.", vec!["See No. 5 there. ", "No. ", "It is gone."]),
        ("It was I. He left.", vec!["It was I. ", "He left."]),
        ("In the U.S. Army, e.g. Berlin. Done.", vec!["In the U.S. Army, e.g. Berlin. ", "Done."]),
        ("Das gilt z.B. Montags. Gut.", vec!["Das gilt z.B. Montags. ", "Gut."]),
        ("It costs 3.14 dollars. Cheap.", vec!["It costs 3.14 dollars. ", "Cheap."]),
        ("今日は。元気ですか？はい！", vec!["今日は。", "元気ですか？", "はい！"]),
        ("你好。再见。", vec!["你好。", "再见。"]),
        ("नमस्ते। आप कैसे हैं?", vec!["नमस्ते। ", "आप कैसे हैं?"]),
        ("Good 😀. Really! 🎉🎉", vec!["Good 😀. ", "Really! 🎉🎉"]),
        ("... And so on. ...", vec!["... And so on. ..."]),
        ("Title\nText of it.", vec!["Title\n", "Text of it."]),
        ("A line that\nwas wrapped here.", vec!["A line that\nwas wrapped here."]),
        ("One.\r\n\r\nTwo.", vec!["One.\r\n\r\n", "Two."]),
        ("", vec![]),
        (" \n ", vec![" \n "]),
    ] {
        assert_eq!(cut(text), expected, "{text}");
    }
}

#[test]
fn the_first_utterance_is_short_and_the_others_are_full() {
    let text = "One is here. Two is here. Three is here. Four is here.";
    assert_eq!(
        utterances(text, 0, 30, 100),
        ["One is here. ", "Two is here. Three is here. ", "Four is here."]
    );
    assert_eq!(utterances(text, 100, 100, 100), [text]);
}

#[test]
fn a_sentence_that_is_too_long_is_cut_where_one_breathes() {
    let text = "When it rains in the morning, the streets are empty and nobody sings";
    assert_eq!(
        utterances(text, 0, 40, 40),
        ["When it rains in the morning, ", "the streets are empty and nobody sings"]
    );
    assert_eq!(utterances("aaaa bbbb cccc", 0, 6, 6), ["aaaa ", "bbbb ", "cccc"]);
    assert_eq!(
        utterances("雨が降る朝、道は空いて誰も歌わない", 0, 9, 9),
        ["雨が降る朝、", "道は空いて誰も歌わ", "ない"]
    );
    // Blanks at the ends are not sent and do not count.
    assert_eq!(utterances("  abcde.   fghij.  ", 0, 6, 6), ["  abcde.   ", "fghij.  "]);
    assert_eq!(utterances("abcdef   ghi", 0, 6, 6), ["abcdef   ", "ghi"]);
}

#[test]
fn what_people_see_as_one_character_stays_one() {
    let family = "👨‍👩‍👧‍👦";
    let text = family.repeat(5);
    for piece in utterances(&text, 0, 10, 10) {
        assert_eq!(piece, family);
    }
    // Unless it is longer than the limit.
    assert_eq!(utterances(family, 0, 3, 3).concat(), family);
    assert!(utterances(family, 0, 3, 3).iter().all(|piece| piece.chars().count() <= 3));
    let accents = format!("a{}", "\u{301}".repeat(100));
    assert!(utterances(&accents, 0, 10, 10).iter().all(|piece| piece.chars().count() <= 10));
}

#[test]
fn a_million_characters_are_cut_in_one_walk() {
    let text = "word ".repeat(200_000);
    let pieces = utterances(&text, 0, 300, 300);
    assert_eq!(pieces.concat().len(), text.len());
    assert_eq!(pieces.len(), 200_000_usize.div_ceil(60));
}

proptest! {
    #[test]
    fn pieces_are_the_text_again_and_none_is_too_long(
        text in "([a-zA-Z]{1,12}[ ,.!?\n]{0,3}|[。、ก-ฮ一-七😀👨‍👩]{1,4}|e\u{301}|Dr\\. |\\PC){0,80}",
        first in 0_usize..80, usual in 1_usize..120, most in 1_usize..120,
    ) {
        prop_assert_eq!(cut(&text).concat(), text.clone());
        let pieces = utterances(&text, first, usual, most);
        prop_assert_eq!(pieces.concat(), text.clone());
        let graphemes: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| at).collect();
        let longest = text.graphemes(true).map(|g| g.chars().count()).max().unwrap_or(0);
        let mut at = 0;
        for piece in &pieces {
            prop_assert!(!piece.trim().is_empty() || text.trim().is_empty());
            prop_assert!(piece.trim().chars().count() <= most);
            prop_assert!(longest > most || graphemes.contains(&at), "cut at {at} of {text:?}");
            at += piece.len();
        }
    }

    #[test]
    fn what_is_left_is_cut_as_it_was(text in "([a-z]{1,9}[.!]? ){0,40}", most in 10_usize..60) {
        let pieces = utterances(&text, most, most, most);
        if let Some(first) = pieces.first() {
            prop_assert_eq!(utterances(&text[first.len()..], most, most, most), pieces[1..].to_vec());
        }
    }
}
