//! How the lab counts tokens, so simply that a test can do it too.

use serde_json::Value;

/// Tokens of a text: one for every four characters (Unicode scalar values), a started one counts whole.
///
/// It is the one rule behind every usage figure that the lab reports:
///
/// - *input* is [`tokens`] of the characters of every text of the request added up (system, user, assistant and tool
///   results, in any dialect), plus [`FLAT`] for each offered tool, each earlier tool call and each tool result, plus
///   [`MEDIA`] for each image, audio clip or file;
/// - *output* is `tokens(text)` for each choice, plus `tokens(arguments)` for the compact JSON of each tool call;
/// - *reasoning* is `tokens(reasoning text)`; the dialect decides whether it is inside the output figure or beside it.
pub fn tokens(text: &str) -> u64 {
    of_chars(chars(text))
}

/// What a tool, a tool call or a tool result costs besides its text, in tokens.
pub const FLAT: u64 = 8;

/// What an image, an audio clip or a file costs, in tokens.
pub const MEDIA: u64 = 256;

/// A second of speech that is made, in tokens: "25 audio tokens per second".
pub(crate) const AUDIO_TOKENS: u64 = 25;

pub(crate) const CHARS_PER_TOKEN: usize = 4;

pub(crate) fn chars(text: &str) -> u64 {
    u64::try_from(text.chars().count()).unwrap_or(u64::MAX)
}

pub(crate) const fn of_chars(chars: u64) -> u64 {
    chars.div_ceil(CHARS_PER_TOKEN as u64)
}

/// The first `count` tokens of a text, and whether that is not all of it.
pub(crate) fn first_tokens(text: &str, count: u64) -> (&str, bool) {
    let chars = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(CHARS_PER_TOKEN);
    match text.char_indices().nth(chars) {
        Some((at, _)) => (&text[..at], true),
        None => (text, false),
    }
}

/// A text in pieces of `per` tokens each; the last may be shorter. Empty text has no pieces.
pub(crate) fn pieces(text: &str, per: u32) -> Vec<&str> {
    let size = CHARS_PER_TOKEN * usize::try_from(per.max(1)).unwrap_or(1);
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let cut = rest.char_indices().nth(size).map_or(rest.len(), |(at, _)| at);
        let (piece, after) = rest.split_at(cut);
        out.push(piece);
        rest = after;
    }
    out
}

/// Texts and flat costs of a request, added up as they are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub chars: u64,
    pub flat: u64,
}

impl Tally {
    pub fn text(&mut self, text: &str) {
        self.chars += chars(text);
    }

    pub const fn flat(&mut self) {
        self.flat += FLAT;
    }

    pub const fn media(&mut self) {
        self.flat += MEDIA;
    }

    pub const fn tokens(self) -> u64 {
        of_chars(self.chars) + self.flat
    }
}

/// A tool result as text: a string is itself, an object is its `result` or `output` if that is text, else its JSON.
pub(crate) fn result_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(map) => match map.get("result").or_else(|| map.get("output")) {
            Some(Value::String(text)) => text.clone(),
            _ => value.to_string(),
        },
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_characters_are_a_token_whatever_their_bytes() {
        for (text, count) in
            [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("水水水水", 1), ("🙂🙂🙂🙂🙂", 2)]
        {
            assert_eq!(tokens(text), count, "{text}");
        }
    }

    #[test]
    fn pieces_are_the_text_and_count_like_it() {
        let text = "naïve words, 水 and 🙂 in a row";
        for per in 1..9 {
            let parts = pieces(text, per);
            assert_eq!(parts.concat(), text);
            let mut so_far = String::new();
            for (i, part) in parts.iter().enumerate().take(parts.len() - 1) {
                so_far.push_str(part);
                assert_eq!(tokens(&so_far), (i as u64 + 1) * u64::from(per));
            }
        }
        assert_eq!(first_tokens(text, 2), ("naïve wo", true));
        assert_eq!(first_tokens("abcd", 1), ("abcd", false));
    }
}
