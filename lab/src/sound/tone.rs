use super::PAUSE_MS;
use crate::prose::hash;

/// How many tones there are.
pub const TONES: u8 = 24;
/// A sentence is no shorter than this, in milliseconds: long enough to be told from others.
const SHORTEST: u64 = 120;

/// The tone of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tone(u8);

impl Tone {
    /// 0 to 23; None beyond.
    pub fn nth(n: u8) -> Option<Self> {
        (n < TONES).then_some(Self(n))
    }

    pub const fn number(self) -> u8 {
        self.0
    }

    /// 500, 625, … 3375. Where a codec has frames, the nearest tone whose period goes into one.
    pub const fn hertz(self) -> u32 {
        500 + 125 * self.0 as u32
    }

    /// The tone of one sentence: the first number in it, modulo 24, if there is one; else it depends on all of its letters
    /// and digits. "Sentence 3." is tone 3, whoever speaks it.
    pub fn of(sentence: &str) -> Self {
        let digits = |c: char| c.is_ascii_digit();
        let number: String =
            sentence.chars().skip_while(|c| !digits(*c)).take_while(|c| digits(*c)).take(9).collect();
        let number = number.parse().unwrap_or_else(|_| {
            let letters: String = sentence.chars().filter(|c| c.is_alphanumeric()).collect();
            hash(&[letters.as_bytes()])
        });
        Self(u8::try_from(number % u64::from(TONES)).unwrap_or(0))
    }
}

/// A stretch of sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Passage {
    /// None is silence.
    pub tone: Option<Tone>,
    pub ms: u64,
}

/// A text as it is spoken. Markers are not; what has no letters and no digits is a pause.
pub(crate) fn passages(text: &str, ms_per_character: u32, percent: u32) -> Vec<Passage> {
    let mut out = Vec::new();
    for sentence in sentences(&without_markers(text)) {
        let letters = sentence.chars().count() as u64;
        if sentence.chars().any(char::is_alphanumeric) {
            let ms = letters * u64::from(ms_per_character) * 100 / u64::from(percent.max(1));
            out.push(Passage { tone: Some(Tone::of(sentence)), ms: ms.max(SHORTEST) });
        }
        out.push(Passage { tone: None, ms: PAUSE_MS });
    }
    out
}

/// Stops followed by a blank, and those of scripts without blanks, end a sentence; so does a line.
fn sentences(text: &str) -> Vec<&str> {
    let mut out = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        let ends = match c {
            '.' | '!' | '?' | '…' => next.is_none_or(char::is_whitespace),
            '。' | '！' | '？' | '।' | '\n' => true,
            _ => false,
        };
        if ends {
            let end = at + c.len_utf8();
            out.push(text[start..end].trim());
            start = end;
        }
    }
    out.push(text[start..].trim());
    out.retain(|sentence| !sentence.is_empty());
    out
}

fn without_markers(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[[lab:") {
        out.push_str(before);
        rest = after.split_once("]]").map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}
