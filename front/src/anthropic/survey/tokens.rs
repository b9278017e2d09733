//! Input tokens before anybody has counted them: for routing, for holds, and for whoever asks before it asks.
//!
//! Four bytes of text a token is the usual rule of thumb for English; other languages take more tokens a character but
//! also more bytes a character, which roughly cancels out.

use super::Totals;

const BYTES_PER_TOKEN: usize = 4;
/// Role and separators.
const PER_MESSAGE: usize = 4;
const PER_REPLY: usize = 3;
/// The largest picture that is not made smaller, of 1.15 megapixels ("Vision", docs.claude.com).
pub(super) const IMAGE: usize = 1_600;
/// A call's frame around its name and arguments.
pub(super) const PER_CALL: usize = 8;

/// A document of `base64` characters: about 50 kB and 1,500 tokens a page.
pub(super) const fn document(base64: usize) -> usize {
    let bytes = base64 / 4 * 3;
    (bytes / 50_000 + 1) * 1_500
}

pub(super) fn estimate(all: &Totals, messages: usize, tool_bytes: usize) -> u32 {
    let text = (all.text_bytes + tool_bytes).div_ceil(BYTES_PER_TOKEN);
    let sum = text + messages * PER_MESSAGE + PER_REPLY + all.extra_tokens;
    u32::try_from(sum).unwrap_or(u32::MAX)
}
