//! What of a text is said in one call.

use super::casting::Cast;
use audio::{Lengths, Utterances};
use std::ops::Range;
use vocab::{Codec, Speak};

/// Whether sound of this kind can be put end to end while it comes, so that a text can be said in parts.
pub const fn joins(codec: Codec) -> bool {
    matches!(codec, Codec::Mp3) || codec.is_plain()
}

/// What is said next by a call to who is cast, from `at` on; None where nothing is left. Blanks at the ends are not said.
pub fn next(speak: &Speak, cast: &Cast, at: usize) -> Option<Range<usize>> {
    let rest = speak.text.get(at..)?;
    let start = at + rest.len() - rest.trim_start().len();
    let rest = rest.trim();
    if rest.is_empty() {
        return None;
    }
    if !joins(speak.sound.codec) {
        return Some(start..start + rest.len());
    }
    let most = cast.most.max(1);
    let lengths = match cast.usual {
        0 => Lengths { first: most, usual: most, most },
        // The first sentence by itself, so that it is soon heard.
        usual if at == 0 => Lengths { first: 0, usual, most },
        usual => Lengths { first: usual, usual, most },
    };
    let said = Utterances::of(rest, lengths).next().unwrap_or(rest).trim_end();
    Some(start..start + said.len())
}
