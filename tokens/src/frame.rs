//! What is counted besides text: frames of messages and calls, pictures, sound, documents.
//!
//! A protocol's client mostly asks its own provider, so the rules are those of the protocol that a request came in, whoever
//! answers it. The bill is made of what the provider counts.

/// The rules of one protocol. Everything is in tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Role and separators of a message.
    pub message: u32,
    /// What the answer begins with.
    pub reply: u32,
    /// What is around the name and the arguments of a call of a tool.
    pub call: u32,
    pub image: u32,
    /// A picture that was asked to be looked at roughly.
    pub image_low: u32,
    /// A second of sound.
    second: u32,
}

/// OpenAI cookbook, "How to count tokens with tiktoken": 3 a message and 3 for the reply; and a role. Vision guide: a
/// 1024 × 1024 picture at high detail is 85 + 4 tiles of 170. Ten tokens a second of sound.
pub const OPENAI: Frame = Frame { message: 4, reply: 3, call: 8, image: 765, image_low: 85, second: 10 };

/// "Vision", docs.claude.com: the largest picture that is not made smaller has 1.15 megapixels. There is no sound.
pub const ANTHROPIC: Frame = Frame { image: 1_600, image_low: 1_600, second: 0, ..OPENAI };

/// ai.google.dev, "Understand and count tokens": "tiles of 768x768 pixels, each of which is counted as 258 tokens", here four
/// of them; "Audio is converted to tokens at 32 tokens per second".
pub const GEMINI: Frame = Frame { reply: 0, image: 4 * 258, image_low: 4 * 258, second: 32, ..OPENAI };

impl Frame {
    /// A recording of so many `base64` characters, at 16 kB of MP3 a second the most compact usual case.
    #[must_use]
    pub const fn sound(&self, base64: usize) -> u32 {
        whole(bytes(base64).saturating_mul(self.second as u64) / 16_000 + 1)
    }

    /// A document of so many `base64` characters: about 50 kB and 1,500 tokens a page. Of one that is only named nobody
    /// knows more than that it has a page.
    #[must_use]
    pub const fn document(&self, base64: usize) -> u32 {
        whole((bytes(base64) / 50_000 + 1).saturating_mul(1_500))
    }
}

const fn bytes(base64: usize) -> u64 {
    base64 as u64 / 4 * 3
}

const fn whole(tokens: u64) -> u32 {
    if tokens > u32::MAX as u64 { u32::MAX } else { tokens as u32 }
}
