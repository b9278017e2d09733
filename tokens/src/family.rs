//! Families of tokenizers.

use crate::weights::{self, Weights};
use crate::{CLASSES, Size, Text};

/// Models that share a vocabulary, or nearly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// OpenAI since GPT-4o, and gpt-oss.
    O200k,
    /// OpenAI before: GPT-4, GPT-3.5, embeddings.
    Cl100k,
    /// Claude up to 4.6.
    Claude,
    /// Claude since 4.7, which takes more tokens for the same text.
    Claude47,
    /// Gemini, Gemma.
    Gemini,
    Llama,
    Qwen,
    DeepSeek,
    /// Mistral since Nemo.
    Mistral,
    /// Nobody knows.
    #[default]
    Other,
}

impl Family {
    /// How many there are.
    pub const COUNT: usize = Self::Other as usize + 1;
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::O200k,
        Self::Cl100k,
        Self::Claude,
        Self::Claude47,
        Self::Gemini,
        Self::Llama,
        Self::Qwen,
        Self::DeepSeek,
        Self::Mistral,
        Self::Other,
    ];

    /// For people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::O200k => "o200k",
            Self::Cl100k => "cl100k",
            Self::Claude => "claude",
            Self::Claude47 => "claude-4.7",
            Self::Gemini => "gemini",
            Self::Llama => "llama",
            Self::Qwen => "qwen",
            Self::DeepSeek => "deepseek",
            Self::Mistral => "mistral",
            Self::Other => "other",
        }
    }

    /// The family of a model, by what it is called anywhere: `gpt-6-sol`, `@cf/meta/llama-3.2-1b-instruct`.
    #[must_use]
    pub fn of(model: &str) -> Self {
        let model = model.to_ascii_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| place(&model, word).is_some());
        // A model that was taught by another keeps its own vocabulary, which its name says as well.
        if has(&["claude"]) {
            if older_claude(&model) { Self::Claude } else { Self::Claude47 }
        } else if has(&["gemini", "gemma"]) {
            Self::Gemini
        } else if has(&["qwen", "qwq"]) {
            Self::Qwen
        } else if has(&["llama"]) {
            Self::Llama
        } else if has(&["deepseek"]) {
            Self::DeepSeek
        } else if has(&["mistral", "mixtral", "ministral", "codestral", "devstral", "magistral", "pixtral"]) {
            Self::Mistral
        } else if has(&["gpt-3.5", "gpt-35", "text-embedding"])
            || has(&["gpt-4"]) && !has(&["gpt-4o", "gpt-4."])
        {
            Self::Cl100k
        } else if has(&["gpt", "codex"]) || reasons(&model) {
            Self::O200k
        } else {
            Self::Other
        }
    }

    /// About how many input tokens a request has: the middle, wrong by as much in one direction as in the other. Never
    /// none.
    #[must_use]
    pub fn likely(self, size: &Size) -> u32 {
        let weights = self.weights();
        let json = u64::from(size.json) * u64::from(weights.json);
        let tokens = rounded(weighed(&weights.likely, &size.text) + json);
        tokens.saturating_add(weights.besides(size)).max(1)
    }

    /// How many input tokens a request has at most, in 99 of 100 cases whatever people write in it.
    #[must_use]
    pub fn most(self, size: &Size) -> u32 {
        let weights = self.weights();
        let json = u64::from(size.json) * u64::from(weights.json) * weights::JSON_EIGHTHS / 8;
        let tokens = rounded(weighed(&weights.most, &size.text) + json).saturating_add(weights.besides(size));
        let estimated = size.json > 0 || size.text.bytes() > 0;
        tokens.saturating_add(if estimated { weights::LEAST } else { 0 }).max(1)
    }

    /// About how many tokens an answer has of which only the length is known, in `bytes`. What was said before it tells
    /// in which script it probably is.
    #[must_use]
    pub fn answer(self, bytes: u64, before: &Text) -> u64 {
        let weights = self.weights();
        // A word or two say little.
        let known = u64::from(before.bytes());
        let (tokens, of) =
            if known < 200 { (weights.byte.into(), 1) } else { (weighed(&weights.likely, before), known) };
        // Tokens a byte first, so that nothing is too large for 64 bits.
        let rate = (tokens << FINER) / of;
        (bytes.saturating_mul(rate) / (weights::ONE << FINER)).max(u64::from(bytes > 0))
    }

    const fn weights(self) -> &'static Weights {
        &weights::TABLE[self as usize]
    }
}

/// Bits of a rate beyond those of a weight.
const FINER: u32 = 10;

/// Where a word stands in a name. Names are short and this is looked at once for each model.
fn place(name: &str, word: &str) -> Option<usize> {
    name.as_bytes().windows(word.len()).position(|part| part == word.as_bytes())
}

/// `o1`, `openai/o3-mini`.
fn reasons(name: &str) -> bool {
    let own = name.bytes().rposition(|byte| byte == b'/').map_or(0, |slash| slash + 1);
    matches!(name.as_bytes().get(own..), Some([b'o', b'0'..=b'9', ..]))
}

/// The version is the first number or two of a name: `claude-3-5-sonnet`, `claude-opus-4-6-20260101`. What says none is the
/// newest.
fn older_claude(name: &str) -> bool {
    let after = place(name, "claude").and_then(|at| name.as_bytes().get(at..)).unwrap_or_default();
    let mut numbers =
        after.split(|byte| !byte.is_ascii_alphanumeric()).map(number).skip_while(Option::is_none);
    let Some(major) = numbers.next().flatten() else { return false };
    let minor = numbers.next().flatten().unwrap_or(0);
    (major, minor) < (4, 7)
}

/// A number of one or two digits, which is no date.
fn number(part: &[u8]) -> Option<u8> {
    match part.strip_prefix(b"v").unwrap_or(part) {
        [one @ b'0'..=b'9'] => Some(one - b'0'),
        [ten @ b'0'..=b'9', one @ b'0'..=b'9'] => Some((ten - b'0') * 10 + (one - b'0')),
        _ => None,
    }
}

impl Weights {
    fn besides(&self, size: &Size) -> u32 {
        let tools = if size.tools { u32::from(self.tools) } else { 0 };
        size.more.saturating_add(tools)
    }
}

/// In [`weights::ONE`]s of a token.
fn weighed(weights: &[u16; CLASSES], text: &Text) -> u64 {
    let pairs = text.classes().iter().zip(weights);
    pairs.map(|(count, weight)| u64::from(*count) * u64::from(*weight)).sum()
}

fn rounded(weighed: u64) -> u32 {
    u32::try_from((weighed + weights::ONE / 2) / weights::ONE).unwrap_or(u32::MAX)
}
