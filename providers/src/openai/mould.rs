//! The shape that one frame after the other has.

use super::scan;
use std::ops::Range;

/// Shapes that did not fit again until no more are taken: some servers put something random into every frame.
const MISSES_MAX: u8 = 16;

/// The last ordinary frame with a hole where its text was. Another frame that fits it, and has one JSON string in the
/// hole, tells nothing but its text either: three comparisons rather than five searches.
#[derive(Debug, Default)]
pub(super) struct Mould {
    before: Vec<u8>,
    /// From the closing quote to the end of the frame.
    after: Vec<u8>,
    misses: u8,
}

impl Mould {
    /// Where the frame ends that `bytes` begin with and how long its text is; None where it does not fit.
    pub fn fits(&mut self, bytes: &[u8]) -> Option<(usize, usize)> {
        if self.after.is_empty() || !bytes.starts_with(&self.before) {
            return None;
        }
        // The text's opening quote is the last byte before the hole.
        let (inside, end) = scan::string(bytes, self.before.len() - 1)?;
        if !bytes.get(end - 1..)?.starts_with(&self.after) || inside.iter().any(|b| *b < b' ') {
            return None;
        }
        let text = json::unescaped_len(inside)?;
        self.misses = 0;
        Some((end - 1 + self.after.len(), text))
    }

    /// Takes the shape of a frame whose text stands at `inside`.
    pub fn take(&mut self, frame: &[u8], inside: Range<usize>) {
        self.before.clear();
        self.after.clear();
        // A frame that ends with a CR may be followed by an LF of its own.
        if self.misses < MISSES_MAX && frame.ends_with(b"\n") && inside.start > 0 {
            self.misses += 1;
            self.before.extend_from_slice(frame.get(..inside.start).unwrap_or_default());
            self.after.extend_from_slice(frame.get(inside.end..).unwrap_or_default());
        }
    }
}
