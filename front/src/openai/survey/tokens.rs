//! Input tokens before anybody has counted them.
//!
//! An estimate for routing and for holds; the bill is made of what the provider counts. Four bytes of text a token is
//! OpenAI's own rule of thumb for English ("What are tokens and how to count them?", help centre); other languages
//! take more tokens a character but also more bytes a character, which roughly cancels out.

use super::message::Messages;

const BYTES_PER_TOKEN: usize = 4;
/// Role and separators (OpenAI cookbook, "How to count tokens with tiktoken": 3 a message and 3 for the reply).
const PER_MESSAGE: usize = 4;
const PER_REPLY: usize = 3;
/// A 1024 × 1024 picture at high detail: 85 + 4 tiles of 170 (OpenAI vision guide).
pub(crate) const IMAGE: usize = 765;
pub(crate) const IMAGE_LOW: usize = 85;
/// A call's frame around its name and arguments.
pub(crate) const PER_CALL: usize = 8;

/// A recording of `base64` characters: ten tokens a second, at 16 kB of MP3 a second the most compact usual case.
pub(super) const fn audio(base64: usize) -> usize {
    base64 / 4 * 3 * 10 / 16_000 + 1
}

/// A document of `base64` characters: about 50 kB and 1,500 tokens a page.
pub(crate) const fn document(base64: usize) -> usize {
    let bytes = base64 / 4 * 3;
    (bytes / 50_000 + 1) * 1_500
}

pub(super) fn estimate(messages: &Messages, tool_bytes: usize) -> u32 {
    let text = (messages.text_bytes + tool_bytes).div_ceil(BYTES_PER_TOKEN);
    let sum = text + messages.count * PER_MESSAGE + PER_REPLY + messages.extra_tokens;
    u32::try_from(sum).unwrap_or(u32::MAX)
}
