//! What a world of fake providers looks like: a TOML file.
//!
//! ```toml
//! name = "demo"
//! seed = 7
//!
//! [[provider]]
//! name = "brook"                  # also the first segment of its path on the lab's server
//! dialect = "openai-chat"         # openai-chat | openai-responses | gemini | anthropic | workers-ai | elevenlabs | cartesia | deepgram
//! flavour = "groq"                # openai-chat only: openai | groq | llamacpp | ollama | vllm
//! keys = ["brook-key"]            # accepted credentials; none listed: any (hosted) or none needed (local)
//!
//! [[provider.model]]
//! name = "brook-small"
//! input = "0.05"                  # USD for a million tokens, decimal text; absent: the price is unknown
//! output = "0.20"
//! quality = 0.61
//! context = 32768
//! ttft_ms = { p50 = 120, p95 = 400 }
//! tokens_per_s = 250
//! answer_tokens = [20, 90]
//!
//! [[provider.model]]               # one that speaks: `kind = "tts"`
//! name = "brook-voice"
//! kind = "tts"
//! voices = ["alto", "bass"]       # none listed: any
//! max_characters = 400            # absent: as many as the real one takes
//! per_1m_characters = "15"        # or per_minute, or input and output_audio
//! ms_per_character = 20           # each sentence is a tone of its own (`lab::sound`), so long for each character
//! realtime = 20                   # milliseconds of sound that are made in one
//!
//! [[provider.fault]]
//! kind = "server_error"           # any kind of `lab::Kind`
//! status = 503
//! period_s = 60                   # from time to time: the first 10 of every 60 seconds …
//! for_s = 10
//! chance = 0.8                    # … and then four requests of five
//! ```

mod caps;
mod check;

pub use check::BadScenario;

use crate::trouble::Trouble;
use serde::{Deserialize, Serialize};
use vocab::{Caps, Dialect, Effort, Kind};

/// Fake providers and what goes wrong with them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    #[serde(default)]
    pub name: String,
    /// Varies everything left to chance.
    #[serde(default)]
    pub seed: u64,
    #[serde(rename = "provider", default)]
    pub providers: Vec<Provider>,
}

/// Whose accent of OpenAI's dialect a server speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flavour {
    #[default]
    Openai,
    Groq,
    Llamacpp,
    Ollama,
    Vllm,
}

impl Flavour {
    /// A server of one's own: needs no key, and unknown fields are ignored rather than refused.
    pub const fn local(self) -> bool {
        matches!(self, Self::Llamacpp | Self::Ollama | Self::Vllm)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Lower-case letters, digits and `-`.
    pub name: String,
    pub dialect: Dialect,
    #[serde(default)]
    pub flavour: Flavour,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    #[serde(rename = "model")]
    pub models: Vec<Model>,
    #[serde(rename = "fault", default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<Rule>,
}

impl Provider {
    pub fn model(&self, name: &str) -> Option<&Model> {
        self.models.iter().find(|m| m.name == name)
    }

    /// Whether a call without a credential is refused.
    pub fn wants_key(&self) -> bool {
        !self.keys.is_empty() || self.dialect != Dialect::OpenaiChat || !self.flavour.local()
    }
}

/// Time to first token in milliseconds; log-normal between the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    pub p50: u32,
    pub p95: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// As the provider knows it; may hold slashes.
    pub name: String,
    /// What it is for: `chat`, `embedding`, `image`, `tts` or `stt`.
    #[serde(default)]
    pub kind: Kind,
    /// Of the vectors that it makes.
    #[serde(default = "default_dimensions")]
    pub dimensions: u32,
    /// Of pictures: USD for a million tokens of them; or for a tile and a step, and then nothing is counted in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_image: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_tile: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_step: Option<String>,
    /// Of speech: USD for a million characters, for a minute of it, or for a million tokens of sound beside `input`. A model that reads
    /// sound is paid for by the minute, and then nothing is counted in tokens, or by a million tokens of `input_audio`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_1m_characters: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_minute: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_audio: Option<String>,
    /// Of speech: the longest text, in characters; absent, that of the real one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_characters: Option<u32>,
    /// Of speech: voices that there are; none listed: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub voices: Vec<String>,
    /// Of speech: how long a character is heard.
    #[serde(default = "default_ms_per_character")]
    pub ms_per_character: u32,
    /// Of speech: milliseconds of sound that are made in one.
    #[serde(default = "default_realtime")]
    pub realtime: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_audio: Option<String>,
    /// The least that is paid for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_seconds_min: Option<u32>,
    /// USD for a million tokens, as decimal text. All absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<String>,
    /// Later prices, ascending by `from`.
    #[serde(rename = "price_change", default, skip_serializing_if = "Vec::is_empty")]
    pub price_changes: Vec<PriceChange>,
    /// Probability that an answer is good, 0 to 1. Absent: unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<f64>,
    /// 0 to 1; how much is known about the quality.
    #[serde(default = "half")]
    pub quality_confidence: f64,
    /// Input and output tokens together.
    #[serde(default = "default_context")]
    pub context: u32,
    #[serde(default = "default_max_output")]
    pub max_output: u32,
    /// Names of [`Caps`]; absent: what the dialect's better models can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caps: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub efforts: Vec<Effort>,
    /// Reasons even where no effort is asked; refuses `max_tokens` and sampling as OpenAI's reasoning models do.
    #[serde(default)]
    pub reasons_always: bool,
    /// Tokens of reasoning at medium effort; half of it at low, twice at high.
    #[serde(default = "default_reasoning")]
    pub reasoning_tokens: u32,
    #[serde(default = "default_latency")]
    pub ttft_ms: Latency,
    #[serde(default = "default_speed")]
    pub tokens_per_s: u32,
    /// Shortest and longest answer, where the client sets no lower limit.
    #[serde(default = "default_answer")]
    pub answer_tokens: [u32; 2],
    /// Tokens in one frame of a stream.
    #[serde(default = "one")]
    pub frame_tokens: u32,
    /// Workers AI only: 1 is the native shape, 2 that of OpenAI.
    #[serde(default = "one_u8")]
    pub family: u8,
    /// Shortest prefix in tokens that is remembered as cached; 0 remembers all, absent none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_min_tokens: Option<u64>,
}

impl Model {
    /// What it can do: as configured, else by dialect.
    pub fn caps(&self, provider: &Provider) -> Caps {
        match &self.caps {
            Some(names) => names.iter().filter_map(|n| Caps::named(n)).collect(),
            None => caps::default_caps(provider, self),
        }
    }
}

/// Input and output prices from a day on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceChange {
    /// `YYYY-MM-DD`; midnight UTC that begins it.
    pub from: String,
    pub input: String,
    pub output: String,
}

/// When something goes wrong. Every condition that is written must hold; none written means always.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub kind: crate::trouble::Kind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u32>,
    /// 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chance: Option<f64>,
    /// Every k-th request to the provider: the k-th, the 2k-th, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// Requests to the provider are counted from 1; this one included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_request: Option<u64>,
    /// This one excluded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_request: Option<u64>,
    /// Seconds of lab time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_s: Option<u64>,
    /// With `for_s`: in the first `for_s` seconds of every `period_s`, counted from `from_s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period_s: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_s: Option<u64>,
    /// Only these models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub models: Vec<String>,
    /// Only calls with this credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only streams, or only whole answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<bool>,
}

impl Rule {
    pub const fn trouble(&self) -> Trouble {
        Trouble {
            kind: self.kind,
            after: self.after,
            ms: self.ms,
            status: self.status,
            retry_after: self.retry_after,
            size: self.size,
        }
    }
}

const fn half() -> f64 {
    0.5
}
const fn default_dimensions() -> u32 {
    8
}
const fn default_ms_per_character() -> u32 {
    20
}
const fn default_realtime() -> u32 {
    20
}
const fn default_context() -> u32 {
    128_000
}
const fn default_max_output() -> u32 {
    16_384
}
const fn default_reasoning() -> u32 {
    60
}
const fn default_latency() -> Latency {
    Latency { p50: 200, p95: 600 }
}
const fn default_speed() -> u32 {
    100
}
const fn default_answer() -> [u32; 2] {
    [20, 120]
}
const fn one() -> u32 {
    1
}
const fn one_u8() -> u8 {
    1
}
