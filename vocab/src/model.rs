//! What is known of a model before it is asked.

use crate::{Effort, Price};
use bitflags::bitflags;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A wire format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// OpenAI chat completions, which Groq and every local server speak with an accent.
    OpenaiChat,
    /// OpenAI's Responses API.
    OpenaiResponses,
    Gemini,
    Anthropic,
    /// Cloudflare's `ai/run` envelope, either family of text models inside.
    WorkersAi,
    /// Speech only, as are the two below.
    Elevenlabs,
    Cartesia,
    Deepgram,
}

bitflags! {
    /// What a request needs, what a model can do, what a wire format can say: the same words for all three.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Caps: u32 {
        const TOOLS = 1;
        const PARALLEL_TOOLS = 1 << 1;
        /// Tool choice `required` or a named function.
        const FORCED_TOOL = 1 << 2;
        const JSON_OBJECT = 1 << 3;
        const JSON_SCHEMA = 1 << 4;
        const VISION = 1 << 5;
        /// Images by https URL rather than inline.
        const IMAGE_URL = 1 << 6;
        const PDF = 1 << 7;
        const AUDIO_IN = 1 << 8;
        const AUDIO_OUT = 1 << 9;
        const REASONING = 1 << 10;
        const LOGPROBS = 1 << 11;
        /// More than one choice (`n` above 1).
        const MANY = 1 << 12;
        const SEED = 1 << 13;
        const STOP = 1 << 14;
        const LOGIT_BIAS = 1 << 15;
        const PENALTIES = 1 << 16;
        /// Temperature and top_p other than the default.
        const SAMPLING = 1 << 17;
        const STREAM = 1 << 18;
        /// Continues from a last message of the assistant.
        const PREFILL = 1 << 19;
        const WEB_SEARCH = 1 << 20;
        /// Custom (free text) tools of OpenAI.
        const CUSTOM_TOOLS = 1 << 21;
        /// JSON schema and tools in one request.
        const SCHEMA_WITH_TOOLS = 1 << 22;
        /// JSON schema in a streamed request.
        const SCHEMA_STREAM = 1 << 23;
        /// `parallel_tool_calls: false` is honoured.
        const SERIAL_TOOLS = 1 << 24;
        /// Fields only OpenAI's own servers know: prediction, audio, store, verbosity, moderation.
        const OPENAI_ONLY = 1 << 25;
        /// What only the Messages API has words for: server tools, containers, files by id, sampling from the top k.
        const ANTHROPIC_ONLY = 1 << 26;
        /// Fields only Gemini knows: its own tools, safety settings that block, caches, files by its own addresses. No
        /// model of the catalogue has it: it is the wire format's.
        const GEMINI_ONLY = 1 << 27;
        /// What only the Responses API has words for: tools that run at OpenAI, files by id, conversations cut to fit.
        const RESPONSES_ONLY = 1 << 28;
    }
}

impl Caps {
    /// What a wire format has words for and the others have not, whatever the model: no card has to claim it.
    pub const OF_DIALECTS: Self = Self::ANTHROPIC_ONLY.union(Self::GEMINI_ONLY).union(Self::RESPONSES_ONLY);

    /// Names in lower case, as the catalogue, the configuration and error messages write them.
    pub fn names(self) -> impl Iterator<Item = String> {
        self.iter_names().map(|(name, _)| name.to_ascii_lowercase())
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::from_name(&name.to_ascii_uppercase())
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    #[default]
    Chat,
    Embedding,
    Image,
    Tts,
    Stt,
}

impl Kind {
    /// For people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Embedding => "embeddings",
            Self::Image => "images",
            Self::Tts => "text-to-speech",
            Self::Stt => "speech-to-text",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Active,
    Deprecated,
    Retired,
}

/// A probability that an answer is good, and how much is known about it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quality {
    /// 0 to 1.
    pub mean: f64,
    /// 0 (a guess) to 1 (certain).
    pub confidence: f64,
}

/// One model as the catalogue has it. Latency figures are priors: they serve until there is evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    pub provider: String,
    /// The provider's own name for it; may hold slashes. `*` for a wildcard entry.
    pub model: String,
    pub kind: Kind,
    pub status: Status,
    /// Input and output tokens together; None is unknown.
    pub context: Option<u32>,
    pub max_output: Option<u32>,
    /// Characters of text that one call may hold, for speech; None is unknown.
    pub chars_max: Option<u32>,
    pub caps: Caps,
    /// The reasoning efforts it takes; empty where unknown or none.
    pub efforts: Vec<Effort>,
    /// Whether it always reasons (cannot be told not to).
    pub reasons_always: bool,
    pub quality: Option<Quality>,
    pub ttft_ms: Option<u32>,
    pub tokens_per_s: Option<u32>,
    /// None is unknown, which is never free.
    pub price: Option<Arc<Price>>,
    /// Midnight UTC of the day it stops, if announced.
    pub shutdown: Option<crate::Instant>,
}

impl Card {
    /// `provider/model`.
    pub fn id(&self) -> String {
        format!("{}/{}", self.provider, self.model)
    }
}
