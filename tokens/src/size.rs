//! How large a request is, whoever will count its tokens.

use crate::{Frame, Text};

/// What the tokens of a request are estimated from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// What is said, written without escapes.
    pub text: Text,
    /// Bytes of JSON that nobody looked into: definitions of tools, arguments, schemas.
    pub json: u32,
    /// Tokens of all that is neither: frames, pictures, sound.
    pub more: u32,
    /// There are tools: some providers put instructions of their own before them.
    pub tools: bool,
}

impl Size {
    /// A request of which the tokens are known.
    #[must_use]
    pub const fn tokens(count: u32) -> Self {
        Self { text: Text::NONE, json: 0, more: count, tools: false }
    }

    /// All of another one that stands beside it.
    pub fn add(&mut self, other: &Self) {
        self.text.add(&other.text);
        self.json = self.json.saturating_add(other.json);
        self.more = self.more.saturating_add(other.more);
        self.tools |= other.tools;
    }

    /// More of what is said.
    pub fn say(&mut self, text: &Text) {
        self.text.add(text);
    }

    /// More bytes of JSON.
    pub const fn define(&mut self, bytes: usize) {
        let bytes = if bytes > u32::MAX as usize { u32::MAX } else { bytes as u32 };
        self.json = self.json.saturating_add(bytes);
    }

    /// More tokens, once for each of `times`.
    pub const fn frame(&mut self, tokens: u32, times: usize) {
        let times = if times > u32::MAX as usize { u32::MAX } else { times as u32 };
        self.more = self.more.saturating_add(tokens.saturating_mul(times));
    }

    /// What frames so many messages.
    pub const fn messages(&mut self, frame: &Frame, count: usize) {
        self.frame(frame.message, count);
        self.frame(frame.reply, 1);
    }
}
