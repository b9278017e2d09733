//! How long a text will sound, before anybody has said it: for holds, and for bills where nobody counts.

/// Milliseconds for a letter, in scripts that have letters. Reading aloud is 150 words a minute or so, with spaces and the
/// pauses between sentences 15 characters a second.
const LETTER: u64 = 65;
/// For a digit: it is a word of its own.
const DIGIT: u64 = 300;
/// For a character of the scripts in which one is a syllable or a word.
const SYLLABLE: u64 = 230;
/// From here on (CJK radicals) characters are syllables.
const SYLLABLES: char = '\u{2e80}';
/// What comes before and after, however short the text is.
const ENDS: u64 = 500;
/// Nobody speaks so much slower than most.
const SLOWEST: u64 = 2;

/// About how many milliseconds, at this percentage of the usual speed.
pub fn likely(text: &str, speed: Option<u16>) -> u64 {
    let millis = text.chars().fold(ENDS, |sum, c| {
        sum.saturating_add(match c {
            '0'..='9' => DIGIT,
            c if c >= SYLLABLES => SYLLABLE,
            _ => LETTER,
        })
    });
    millis.saturating_mul(100) / u64::from(speed.unwrap_or(100)).max(1)
}

/// How many milliseconds it is hardly longer than.
pub fn most(text: &str, speed: Option<u16>) -> u64 {
    likely(text, speed).saturating_mul(SLOWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_of_reading_is_about_a_minute() {
        let words = "seven ".repeat(150);
        assert!((55_000..65_000).contains(&likely(&words, None)), "{}", likely(&words, None));
        assert_eq!(likely(&words, Some(200)), likely(&words, None) / 2);
        assert!(likely("2026", None) > likely("abcd", None));
        assert!(likely("今日は", None) > likely("abc", None));
        assert!(most("", None) > 0);
    }
}
