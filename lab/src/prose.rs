//! Text that means nothing and is always the same.

use vocab::Dice;

const WORDS: &[&str] = &[
    "water", "finds", "its", "level", "and", "the", "river", "turns", "a", "stone", "holds", "against",
    "every", "current", "while", "reeds", "lean", "over", "quiet", "pools", "where", "light", "breaks",
    "into", "slow", "rings", "of", "gold", "upstream", "rain", "fills", "brook", "after", "brook", "until",
    "weir", "decides", "which", "way", "it", "flows", "naïve", "façade", "eau", "水", "flüsse", "møter",
    "kanal", "🙂", "—",
];

/// A stable 64-bit hash (FNV-1a) of parts; parts are kept apart by their length.
pub(crate) fn hash(parts: &[&[u8]]) -> u64 {
    let mut state = 0xcbf2_9ce4_8422_2325_u64;
    let mut eat = |byte: u8| state = (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    for part in parts {
        for byte in part.len().to_le_bytes() {
            eat(byte);
        }
        for byte in *part {
            eat(*byte);
        }
    }
    state
}

pub(crate) fn word(dice: &mut Dice) -> &'static str {
    let at = usize::try_from(dice.below(WORDS.len() as u64)).unwrap_or(0);
    WORDS.get(at).copied().unwrap_or("water")
}

/// Exactly `tokens` tokens of prose, beginning with `opening` as far as it fits. There is a character of more than
/// one byte among the first ones, so that a split character can be tested on any answer.
pub(crate) fn write(opening: &str, tokens: u32, dice: &mut Dice) -> String {
    let length = crate::tokens::CHARS_PER_TOKEN * usize::try_from(tokens).unwrap_or(0);
    if length == 0 {
        return String::new();
    }
    let mut text = String::from("“");
    text.push_str(opening.trim());
    text.push('”');
    let mut count = text.chars().count();
    let mut in_sentence = 0;
    while count < length {
        let word = word(dice);
        text.push(' ');
        text.push_str(word);
        count += 1 + word.chars().count();
        in_sentence += 1;
        if in_sentence > 6 && dice.below(4) == 0 {
            text.push('.');
            count += 1;
            in_sentence = 0;
        }
    }
    let mut out: String = text.chars().take(length - 1).collect();
    // A space at the very end would be lost to anyone who trims.
    if out.ends_with(' ') {
        out.pop();
        out.push('s');
    }
    out.push('.');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_has_the_length_that_was_asked_and_is_always_the_same() {
        for length in [0, 1, 2, 7, 40, 400] {
            let text = write("why is it so", length, &mut Dice::seeded(9));
            assert_eq!(crate::tokens(&text), u64::from(length));
            assert_eq!(text, write("why is it so", length, &mut Dice::seeded(9)));
        }
        assert_ne!(write("", 20, &mut Dice::seeded(1)), write("", 20, &mut Dice::seeded(2)));
        assert!(!write("plain", 3, &mut Dice::seeded(1)).is_ascii());
    }

    #[test]
    fn parts_are_kept_apart() {
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
    }
}
