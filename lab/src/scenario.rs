//! What a world of fake providers looks like: a TOML file.
//!
//! ```toml
//! name = "demo"
//! seed = 7
//!
//! [[provider]]
//! name = "brook"                  # also the first segment of its path on the lab's server
//! dialect = "openai-chat"         # openai-chat | gemini | anthropic | workers-ai
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
//! [[provider.fault]]
//! kind = "server_error"           # any kind of `lab::Kind`
//! status = 503
//! period_s = 60                   # from time to time: the first 10 of every 60 seconds …
//! for_s = 10
//! chance = 0.8                    # … and then four requests of five
//! ```

use crate::trouble::{Kind, Trouble};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use vocab::{Caps, Dialect, Effort, Rate};

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
            None => default_caps(provider, self),
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
    pub kind: Kind,
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

fn default_caps(provider: &Provider, model: &Model) -> Caps {
    let common = Caps::TOOLS
        | Caps::PARALLEL_TOOLS
        | Caps::FORCED_TOOL
        | Caps::JSON_SCHEMA
        | Caps::VISION
        | Caps::STREAM;
    let mut caps = match (provider.dialect, provider.flavour) {
        (Dialect::Gemini, _) => {
            common
                | Caps::JSON_OBJECT
                | Caps::PDF
                | Caps::AUDIO_IN
                | Caps::MANY
                | Caps::SEED
                | Caps::STOP
                | Caps::SAMPLING
                | Caps::PENALTIES
                | Caps::SCHEMA_STREAM
                | Caps::SCHEMA_WITH_TOOLS
        }
        (Dialect::Anthropic, _) => {
            common
                | Caps::IMAGE_URL
                | Caps::PDF
                | Caps::STOP
                | Caps::SAMPLING
                | Caps::SCHEMA_STREAM
                | Caps::SERIAL_TOOLS
        }
        (Dialect::WorkersAi, _) => {
            Caps::TOOLS | Caps::JSON_OBJECT | Caps::JSON_SCHEMA | Caps::SEED | Caps::STREAM | Caps::SAMPLING
        }
        (Dialect::OpenaiChat, Flavour::Openai) => {
            common
                | Caps::JSON_OBJECT
                | Caps::IMAGE_URL
                | Caps::PDF
                | Caps::MANY
                | Caps::SEED
                | Caps::STOP
                | Caps::LOGPROBS
                | Caps::LOGIT_BIAS
                | Caps::PENALTIES
                | Caps::SAMPLING
                | Caps::SCHEMA_STREAM
                | Caps::SCHEMA_WITH_TOOLS
                | Caps::SERIAL_TOOLS
                | Caps::OPENAI_ONLY
        }
        (Dialect::OpenaiChat, Flavour::Groq) => {
            common
                | Caps::JSON_OBJECT
                | Caps::IMAGE_URL
                | Caps::SEED
                | Caps::STOP
                | Caps::SAMPLING
                | Caps::SERIAL_TOOLS
        }
        (Dialect::OpenaiChat, Flavour::Llamacpp | Flavour::Ollama | Flavour::Vllm) => {
            common
                | Caps::JSON_OBJECT
                | Caps::SEED
                | Caps::STOP
                | Caps::SAMPLING
                | Caps::PENALTIES
                | Caps::SCHEMA_STREAM
                | Caps::SCHEMA_WITH_TOOLS
        }
    };
    if model.reasons_always || !model.efforts.is_empty() {
        caps |= Caps::REASONING;
    }
    if model.reasons_always {
        caps -= Caps::SAMPLING | Caps::LOGPROBS | Caps::STOP;
    }
    caps
}

/// A scenario that cannot be played: where, and what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadScenario(pub String);

impl fmt::Display for BadScenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadScenario {}

impl Scenario {
    /// Reads and checks a scenario file.
    pub fn parse(text: &str) -> Result<Self, BadScenario> {
        let scenario: Self = toml::from_str(text).map_err(|e| BadScenario(e.to_string()))?;
        scenario.check()?;
        Ok(scenario)
    }

    pub fn provider(&self, name: &str) -> Option<&Provider> {
        self.providers.iter().find(|p| p.name == name)
    }

    /// Refuses what cannot be played.
    pub fn check(&self) -> Result<(), BadScenario> {
        let mut names = BTreeSet::new();
        for provider in &self.providers {
            let at = format!("provider {:?}", provider.name);
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if provider.name.is_empty() || !provider.name.chars().all(plain) {
                return Err(BadScenario(format!("{at}: a name is lower-case letters, digits and -")));
            }
            if !names.insert(provider.name.as_str()) {
                return Err(BadScenario(format!("{at} is there twice")));
            }
            if provider.models.is_empty() {
                return Err(BadScenario(format!("{at} has no model")));
            }
            let mut models = BTreeSet::new();
            for model in &provider.models {
                let at = format!("{at}, model {:?}", model.name);
                if !models.insert(model.name.as_str()) {
                    return Err(BadScenario(format!("{at} is there twice")));
                }
                model.check().map_err(|what| BadScenario(format!("{at}: {what}")))?;
            }
            for (i, rule) in provider.faults.iter().enumerate() {
                rule.check(provider)
                    .map_err(|what| BadScenario(format!("{at}, fault {} ({}): {what}", i + 1, rule.kind)))?;
            }
        }
        Ok(())
    }
}

impl Model {
    fn check(&self) -> Result<(), String> {
        if self.name.is_empty() || self.name.contains(char::is_whitespace) {
            return Err("a model name has no spaces".into());
        }
        let changes = self.price_changes.iter().flat_map(|c| [Some(&c.input), Some(&c.output)]);
        let prices = [&self.input, &self.output, &self.cache_read, &self.cache_write];
        for price in prices.into_iter().map(Option::as_ref).chain(changes).flatten() {
            Rate::of(price, 1_000_000).map_err(|e| e.to_string())?;
        }
        if let Some(change) =
            self.price_changes.iter().find(|c| vocab::Instant::parse_date(&c.from).is_none())
        {
            return Err(format!("price_change: {:?} is no date like 2027-01-31", change.from));
        }
        if self.input.is_some() != self.output.is_some() {
            return Err("input and output prices go together".into());
        }
        let unit = 0.0..=1.0;
        if self.quality.is_some_and(|q| !unit.contains(&q)) || !unit.contains(&self.quality_confidence) {
            return Err("quality and quality_confidence are 0 to 1".into());
        }
        if let Some(name) = self.caps.iter().flatten().find(|n| Caps::named(n).is_none()) {
            return Err(format!("there is no capability {name:?}"));
        }
        if self.ttft_ms.p50 == 0 || self.ttft_ms.p95 < self.ttft_ms.p50 {
            return Err("ttft_ms: p50 is above zero and p95 not below it".into());
        }
        if self.tokens_per_s == 0 || self.frame_tokens == 0 {
            return Err("tokens_per_s and frame_tokens are above zero".into());
        }
        let [least, most] = self.answer_tokens;
        if least == 0 || least > most {
            return Err("answer_tokens: shortest (above zero), longest".into());
        }
        if !(1..=2).contains(&self.family) {
            return Err("family is 1 or 2".into());
        }
        Ok(())
    }
}

impl Rule {
    fn check(&self, provider: &Provider) -> Result<(), String> {
        if self.chance.is_some_and(|c| !(0.0..=1.0).contains(&c)) {
            return Err("chance is 0 to 1".into());
        }
        if self.every == Some(0) || self.period_s == Some(0) {
            return Err("every and period_s are above zero".into());
        }
        if self.period_s.is_some() != self.for_s.is_some() {
            return Err("period_s and for_s go together".into());
        }
        if let Some(name) = self.models.iter().find(|m| provider.model(m).is_none()) {
            return Err(format!("there is no model {name:?}"));
        }
        if self.status.is_some_and(|s| !(400..600).contains(&s)) {
            return Err("status is 400 to 599".into());
        }
        Ok(())
    }
}
