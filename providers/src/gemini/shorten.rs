//! A frame too large to be kept, made small as it passes.
//!
//! What makes a frame large is a string: text, a picture in base64. A long one is cut and everything else kept, so that
//! what is left is a frame of the same meaning, read like any other.

use memchr::memchr2;

/// A string longer than this is cut.
const STRING_MAX: usize = 1 << 10;
/// What is left is smaller, or nothing is known of the frame.
const LEFT_MAX: usize = 64 << 10;

/// The state of one frame. Fixed memory: at most 64 KiB are kept.
#[derive(Debug, Default)]
pub(crate) struct Shorten {
    out: Vec<u8>,
    /// Bytes of strings that were left out.
    cut: usize,
    /// How much of the string under way is kept; None outside of one.
    string: Option<usize>,
    escaped: bool,
}

impl Shorten {
    /// Takes more of the frame, as it is on the wire.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while let Some((byte, rest)) = bytes.split_first() {
            let Some(kept) = self.string else {
                self.keep(*byte);
                if *byte == b'"' {
                    self.string = Some(0);
                }
                bytes = rest;
                continue;
            };
            if self.escaped {
                self.escaped = false;
                if kept >= STRING_MAX {
                    self.cut = self.cut.saturating_add(2);
                } else if *byte == b'u' {
                    // Its digits stay as text: half of a pair must not be left alone, and nobody reads it here.
                    self.keep(b'u');
                    self.string = Some(kept + 1);
                } else {
                    self.keep(b'\\');
                    self.keep(*byte);
                    self.string = Some(kept + 2);
                }
                bytes = rest;
                continue;
            }
            match byte {
                b'"' => {
                    self.keep(b'"');
                    self.string = None;
                }
                b'\\' => self.escaped = true,
                _ if kept < STRING_MAX => {
                    self.keep(*byte);
                    self.string = Some(kept + 1);
                }
                _ => {
                    let skipped = memchr2(b'"', b'\\', bytes).unwrap_or(bytes.len());
                    self.cut = self.cut.saturating_add(skipped);
                    bytes = bytes.get(skipped..).unwrap_or_default();
                    continue;
                }
            }
            bytes = rest;
        }
    }

    fn keep(&mut self, byte: u8) {
        if self.out.len() <= LEFT_MAX {
            self.out.push(byte);
        }
    }

    /// Bytes of text that were cut off.
    pub const fn cut(&self) -> usize {
        self.cut
    }

    /// What is left of the frame; None where it was too much. A character that was cut in two is replaced.
    pub fn left(self) -> Option<String> {
        let fits = self.out.len() <= LEFT_MAX && self.string.is_none();
        fits.then(|| String::from_utf8_lossy(&self.out).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn shortened(pieces: &[&[u8]]) -> (Option<String>, usize) {
        let mut shorten = Shorten::default();
        pieces.iter().for_each(|piece| shorten.feed(piece));
        let cut = shorten.cut();
        (shorten.left(), cut)
    }

    #[test]
    fn what_is_short_stays_and_what_is_long_is_cut() {
        let long = "ä\"\\\n🙂".repeat(1_000);
        let frame = json!({ "a": long, "finishReason": "STOP", "b": [1, { "c": "\u{1}x" }] }).to_string();
        let (left, cut) = shortened(&[frame.as_bytes()]);
        let left: Value = serde_json::from_str(&left.unwrap()).unwrap();
        assert_eq!((&left["finishReason"], &left["b"]), (&json!("STOP"), &json!([1, { "c": "u0001x" }])));
        assert!(left["a"].as_str().unwrap().len() <= STRING_MAX + 8 && cut > 8_000);
    }

    #[test]
    fn what_is_large_without_long_strings_is_given_up() {
        let many = json!(vec!["x"; 40_000]).to_string();
        assert_eq!(shortened(&[many.as_bytes()]).0, None);
    }

    proptest! {
        #[test]
        fn however_it_is_cut(
            texts in proptest::collection::vec("(\\PC|[\"\\\\\n\u{7}ä🙂]){0,80}", 1..20),
            times in 1_usize..60,
            at in any::<prop::sample::Index>(),
        ) {
            let frame = json!(texts.iter().map(|text| text.repeat(times)).collect::<Vec<_>>()).to_string();
            let bytes = frame.as_bytes();
            let (head, tail) = bytes.split_at(at.index(bytes.len()));
            let (left, cut) = shortened(&[head, tail]);
            prop_assert_eq!(&left, &shortened(&[bytes]).0);
            let Some(left) = left else { return Ok(()) };
            let whole: Vec<String> = serde_json::from_str(&left).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert_eq!(whole.len(), texts.len());
            if cut == 0 && !frame.contains("\\u") {
                prop_assert_eq!(left, frame);
            }
        }
    }
}
