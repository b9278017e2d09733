//! The configuration: one TOML file, the same for both shells.
//!
//! Keys are named by environment variable or secret, never written in the file.

use policy::alert::Alerts;
use policy::limit::Quotas;
use policy::plan::Plans;
use policy::{Budgets, Settings};
use router::Weights;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use vocab::{Duration, Kind, Pico};

/// Which provider's dialect and defaults an entry has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProviderKind {
    Openai,
    Groq,
    Gemini,
    Anthropic,
    WorkersAi,
    Ollama,
    Llamacpp,
    Vllm,
    /// Speech only, as are the two below.
    Elevenlabs,
    Cartesia,
    Deepgram,
    /// Any other server that speaks OpenAI chat completions.
    Compatible,
}

impl ProviderKind {
    pub const ALL: [Self; 12] = [
        Self::Openai,
        Self::Groq,
        Self::Gemini,
        Self::Anthropic,
        Self::WorkersAi,
        Self::Ollama,
        Self::Llamacpp,
        Self::Vllm,
        Self::Elevenlabs,
        Self::Cartesia,
        Self::Deepgram,
        Self::Compatible,
    ];

    /// The name in the configuration and in the catalogue.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Groq => "groq",
            Self::Gemini => "gemini",
            Self::Anthropic => "anthropic",
            Self::WorkersAi => "workers-ai",
            Self::Ollama => "ollama",
            Self::Llamacpp => "llamacpp",
            Self::Vllm => "vllm",
            Self::Elevenlabs => "elevenlabs",
            Self::Cartesia => "cartesia",
            Self::Deepgram => "deepgram",
            Self::Compatible => "compatible",
        }
    }
}

/// Which of OpenAI's wire formats a provider is spoken to in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    #[default]
    ChatCompletions,
    Responses,
}

/// One provider. A fault of it is taken for a fault of its whole `domain`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProviderConfig {
    pub kind: ProviderKind,
    /// Of kind `openai` only: which of its two ways of chatting.
    #[serde(default)]
    pub api: Api,
    /// Where it is. For Workers AI up to and with the account.
    pub base_url: String,
    /// Names of environment variables or secrets that hold its keys; none where it wants none.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Which of its models to use; empty: every active model of the catalogue. A local server's models are named
    /// here or asked for at start.
    #[serde(default)]
    pub models: Vec<String>,
    /// Which of its models make embeddings, where the catalogue does not know them by name: a local server does not say.
    #[serde(default)]
    pub embeddings: Vec<String>,
    /// The same for pictures.
    #[serde(default)]
    pub images: Vec<String>,
    /// The same for speech.
    #[serde(default)]
    pub speech: Vec<String>,
    /// What fails together. Default: the provider's own name.
    #[serde(default)]
    pub domain: Option<String>,
    /// More headers to send. Never a credential: that is what `keys` is for.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The catalogue's provider to look models up in; default is the kind's.
    #[serde(default)]
    pub catalogue: Option<String>,
    /// The built-in lab: its content is fake, and every answer says so.
    #[serde(default)]
    pub fake: bool,
}

impl ProviderConfig {
    /// One without keys at an address, and everything else as it is without a word.
    pub fn at(kind: ProviderKind, base_url: String) -> Self {
        let headers = BTreeMap::new();
        Self {
            kind,
            api: Api::default(),
            base_url,
            keys: vec![],
            models: vec![],
            embeddings: vec![],
            images: vec![],
            speech: vec![],
            domain: None,
            headers,
            catalogue: None,
            fake: false,
        }
    }
}

/// How a named policy (`auto:NAME`) weighs and what it allows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// Weights to start from: cheap, balanced, fast or best.
    pub preset: Option<String>,
    /// USD that a good answer is worth.
    pub answer_value_usd: Option<Pico>,
    /// USD that a second is worth.
    pub second_value_usd: Option<Pico>,
    /// Providers it may use; empty is all.
    pub providers: Vec<String>,
    pub deny: Vec<String>,
    pub max_cost_usd: Option<Pico>,
    pub max_latency_ms: Option<u64>,
    pub min_quality: Option<f64>,
    /// A second candidate may start when the first is later than its usual p95.
    pub hedge: bool,
    /// Whether its answers are cached, where a request does not say; absent: as `service.cache.mode` has it.
    pub cache: Option<bool>,
    /// What trying models that are not known to be the best may cost a day; absent: none is tried.
    pub explore_usd_per_day: Option<Pico>,
}

impl PolicyConfig {
    /// What it weighs with.
    ///
    /// # Errors
    /// Names the field that is wrong, and says why.
    pub fn weights(&self) -> Result<Weights, String> {
        let preset = self.preset.as_deref().unwrap_or("balanced");
        let mut weights = Weights::named(preset)
            .ok_or_else(|| format!("preset: {preset:?} is none of cheap, balanced, fast, best"))?;
        if let Some(value) = self.answer_value_usd {
            weights.answer_value = value.as_usd_f64();
        }
        if let Some(value) = self.second_value_usd {
            weights.time_value = value.as_usd_f64();
        }
        Ok(weights)
    }
}

/// Which embedding models are one and the same. Vectors of different models cannot be compared, so a request for vectors
/// is only ever served by deployments of one model.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EmbeddingsConfig {
    /// What `auto` means for embeddings: a model as clients name it. Without it `auto` is refused as soon as there are two.
    pub auto: Option<String>,
    /// Models by a name of one's own: deployments (`provider/model`) that make the same vectors under different names.
    pub same: BTreeMap<String, Vec<String>>,
}

/// Texts that are to be heard.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VoiceConfig {
    /// Who speaks where a request names nobody: a voice below or built in, or `PROVIDER/VOICE`.
    pub default: String,
    /// Characters of one text, at most, whatever the calls that it takes.
    pub text_max: usize,
    /// Characters of a part of a text: more than one sentence is said in one call only within this. 0: as few calls as can be.
    pub utterance: usize,
    /// Voices by names of one's own, and what built-in ones are called at providers that the table of them does not have.
    pub voices: BTreeMap<String, PersonaConfig>,
}

impl Default for VoiceConfig {
    fn default() -> Self {
        Self { default: "neutral".into(), text_max: 40_000, utterance: 300, voices: BTreeMap::new() }
    }
}

/// A voice that several providers have.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PersonaConfig {
    pub language: Option<String>,
    pub gender: Option<String>,
    pub pace: Option<String>,
    pub style: Option<String>,
    /// What it is called where: by provider/model, provider, or kind of providers, the first that is there; else as built in. `-`:
    /// it has none like it; empty: its model has one voice only.
    pub ids: BTreeMap<String, String>,
}

/// An account's credit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountConfig {
    /// How far below zero it may go; absent is without a limit.
    pub overdraft_usd: Option<Pico>,
    /// Granted once, when the account is first seen.
    pub credit_usd: Option<Pico>,
    /// What it has booked; absent: what `service.plan` says.
    pub plan: Option<String>,
    /// How fast and how dear, besides what its plan says.
    pub limits: Quotas,
    /// The same for each of its keys.
    pub key_limits: Quotas,
    /// What it, its keys and its tags may spend, and how fast.
    pub budget: Budgets,
}

/// What an account is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// How far below zero the available money may fall. None is without limit.
    pub overdraft: Option<Pico>,
    /// Granted once, with the account's first operation.
    pub opening: Pico,
}

/// Bounds on one request's upstream work.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// Upstream calls one request may make, retries, fallbacks and hedges together.
    pub attempts: u32,
    /// To the end of a whole answer, or to the first content of a stream.
    pub deadline_ms: u64,
    /// To the end of a picture, which takes longer.
    pub image_deadline_ms: u64,
    /// To the end of a transcript, from the last byte of the file on.
    pub transcript_deadline_ms: u64,
    pub connect_ms: u64,
    /// From a streamed call to its first content.
    pub first_content_ms: u64,
    /// Between one piece of a stream and the next.
    pub idle_ms: u64,
    /// How long to go on reading for the usage figures when the client has left.
    pub drain_ms: u64,
    /// The largest whole answer, in bytes.
    pub reply_max: usize,
    /// Output tokens expected of an answer whose request sets no limit.
    pub expected_output: u32,
    /// Output tokens a hold covers where neither the request nor the catalogue sets a limit.
    pub assumed_output: u32,
    /// Share of spend that hedges may use, in thousandths.
    pub hedge_permille: u32,
    /// What a call to a model without a known price is billed at, in USD per million tokens; absent: such a model is
    /// not used.
    pub unpriced_ceiling_usd_per_mtok: Option<Pico>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            attempts: 4,
            deadline_ms: 60_000,
            image_deadline_ms: 180_000,
            transcript_deadline_ms: 300_000,
            connect_ms: 3_000,
            first_content_ms: 20_000,
            idle_ms: 15_000,
            drain_ms: 3_000,
            reply_max: 32 << 20,
            expected_output: 300,
            assumed_output: 16_384,
            hedge_permille: 20,
            unpriced_ceiling_usd_per_mtok: None,
        }
    }
}

impl Bounds {
    pub const fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    /// Of a request for this kind of work.
    pub const fn deadline_of(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Image => Duration::from_millis(self.image_deadline_ms),
            Kind::Stt => Duration::from_millis(self.transcript_deadline_ms),
            _ => self.deadline(),
        }
    }

    pub const fn connect(&self) -> Duration {
        Duration::from_millis(self.connect_ms)
    }

    pub const fn first_content(&self) -> Duration {
        Duration::from_millis(self.first_content_ms)
    }

    pub const fn idle(&self) -> Duration {
        Duration::from_millis(self.idle_ms)
    }

    pub const fn drain(&self) -> Duration {
        Duration::from_millis(self.drain_ms)
    }
}

/// Where the books are. The native shell's; on the edge each account has its own.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StoreConfig {
    /// The name of the environment variable that holds the address of a PostgreSQL, where several nodes share one ledger.
    /// Absent: this node's own file.
    pub postgres: Option<String>,
    /// After how long without a sign of life the holds of a node are settled by the others.
    pub silent_ms: u64,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self { postgres: None, silent_ms: 120_000 }
    }
}

/// Which decisions are written down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Logged {
    /// None.
    #[default]
    Off,
    /// Those of requests that left the choice to weir.
    Choices,
    /// Those of requests that named a model too.
    All,
}

/// The log of decisions, which other policies are judged by and feedback speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DecisionsConfig {
    pub log: Logged,
    /// With the last thing that a person said, up to 16 KiB of it.
    pub prompts: bool,
    /// How long one is kept.
    pub days: u32,
    /// How many bytes of them are kept; the oldest go first.
    pub total_max: u64,
}

impl Default for DecisionsConfig {
    fn default() -> Self {
        Self { log: Logged::Off, prompts: false, days: 30, total_max: 256 << 20 }
    }
}

impl DecisionsConfig {
    /// Whether such a decision is written down.
    pub fn wants(&self, pinned: bool) -> bool {
        self.log == Logged::All || (self.log == Logged::Choices && !pinned)
    }

    pub const fn ttl(&self) -> Duration {
        Duration::from_secs(self.days as u64 * 86_400)
    }
}

/// What is known of a model besides its card.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RoutingConfig {
    /// Prompts are read, and the predictor says how well the models that it knows will answer.
    pub learned_quality: bool,
    /// What callers say of their answers changes what is expected of the models that gave them.
    pub learn: bool,
}

impl RoutingConfig {
    /// Whether anything beside the cards is looked at before a model is chosen.
    pub const fn reads(&self, pinned: bool) -> bool {
        (self.learned_quality || self.learn) && !pinned
    }
}

/// The whole file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub providers: BTreeMap<String, ProviderConfig>,
    pub policies: BTreeMap<String, PolicyConfig>,
    pub accounts: BTreeMap<String, AccountConfig>,
    /// Those of the file are added to the built-in ones.
    pub plans: Plans,
    pub embeddings: EmbeddingsConfig,
    pub voice: VoiceConfig,
    pub bounds: Bounds,
    pub store: StoreConfig,
    pub decisions: DecisionsConfig,
    pub routing: RoutingConfig,
    /// Who is told of budgets that fill and credit that runs out.
    pub alerts: Alerts,
    /// Who may call, skills, CORS, credits.
    pub service: Settings,
    /// A catalogue file whose entries replace or join the built-in ones.
    pub catalogue: Option<String>,
}

impl Config {
    /// What an account is allowed. Without keys, callers on loopback are `local`, metered like any other and without a
    /// limit until one is configured. An account that nobody configured has no credit.
    pub fn terms(&self, account: &str) -> Terms {
        match self.accounts.get(account) {
            Some(account) => {
                Terms { overdraft: account.overdraft_usd, opening: account.credit_usd.unwrap_or_default() }
            }
            None if account == "local" && !self.service.wants_credentials() => {
                Terms { overdraft: None, opening: Pico::ZERO }
            }
            None => Terms { overdraft: Some(Pico::ZERO), opening: Pico::ZERO },
        }
    }
}
