//! Input tokens before anybody has counted them: for routing, for holds, and for `countTokens` where nobody can be
//! asked. The bill is made of what the provider counts.

/// "A token is equivalent to about 4 characters for Gemini models" (ai.google.dev, "Understand and count tokens").
const BYTES_PER_TOKEN: usize = 4;
/// Role and separators.
const PER_CONTENT: usize = 4;
/// "tiles of 768x768 pixels, each of which is counted as 258 tokens": a picture of four.
pub(super) const IMAGE: usize = 4 * 258;
/// A call's frame around its name and arguments.
pub(super) const PER_CALL: usize = 8;
/// A file by its address: nobody has looked.
pub(super) const FILE: usize = 1_500;

/// "Audio is converted to tokens at 32 tokens per second", at 16 kB of MP3 a second the most compact usual case.
pub(super) const fn audio(base64: usize) -> usize {
    base64 / 4 * 3 * 32 / 16_000 + 1
}

/// "each document page is equivalent to 258 tokens", and what is written on it, at about 50 kB a page.
pub(super) const fn document(base64: usize) -> usize {
    (base64 / 4 * 3 / 50_000 + 1) * 1_500
}

pub(super) fn estimate(text_bytes: usize, contents: usize, extra: usize) -> u32 {
    let sum = text_bytes.div_ceil(BYTES_PER_TOKEN) + contents * PER_CONTENT + extra;
    u32::try_from(sum).unwrap_or(u32::MAX)
}
