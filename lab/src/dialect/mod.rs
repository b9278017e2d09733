//! The wire formats, written from the providers' documentation and from nothing of the product's own: a fake that
//! shared code with what it tests could only agree with it.

mod anthropic;
mod cartesia;
mod deepgram;
mod elevenlabs;
mod gemini;
mod json;
pub(crate) mod listening;
mod openai;
mod responses;
mod voice;
mod workers;
mod workers_task;
mod workers_voice;

use crate::answer::Answer;
use crate::ask::{Ask, Refusal};
use crate::scenario::{Model, Provider};
use crate::seen::Figures;
use crate::trouble::{Kind, Troubles};
use crate::wire::{Framing, Piece};
use http::HeaderMap;
use serde_json::Value;
use vocab::Dialect;

/// What a path is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Some dialects name the model and the way of answering in the path.
    Chat {
        model: Option<String>,
        stream: Option<bool>,
        sse: bool,
    },
    /// How many tokens a prompt has.
    Count {
        model: Option<String>,
    },
    /// OpenAI's embeddings.
    Embeddings,
    /// OpenAI's pictures.
    Images,
    /// OpenAI's pictures of pictures.
    Edits,
    /// Gemini's embeddings.
    Embed {
        model: String,
        batch: bool,
    },
    /// A text that is to be spoken; what the path names of how, and what stands behind it.
    Speak {
        path: String,
        query: String,
    },
    /// What was said in a file.
    Hear {
        model: Option<String>,
        translate: bool,
    },
    Models,
    /// One model's own entry.
    ModelCard(String),
    /// Whether the server is up.
    Health,
    Unknown,
}

impl Route {
    /// Whether a model is asked for what it is there for.
    pub const fn asks(&self) -> bool {
        !matches!(self, Self::Count { .. } | Self::Models | Self::ModelCard(_) | Self::Health | Self::Unknown)
    }

    pub const fn chat() -> Self {
        Self::Chat { model: None, stream: None, sse: true }
    }
}

/// A request as it came.
pub(crate) struct Incoming<'a> {
    pub provider: &'a Provider,
    pub route: &'a Route,
    pub headers: &'a HeaderMap,
    pub body: &'a [u8],
}

/// An answer with everything around it.
pub(crate) struct Told<'a> {
    pub provider: &'a Provider,
    pub model: &'a Model,
    pub ask: &'a Ask,
    pub answer: &'a Answer,
    pub troubles: &'a Troubles,
    /// Seconds since 1970.
    pub created: u64,
}

impl Told<'_> {
    /// The usage as this reply states it: none, zero or nonsense where that is asked for.
    pub fn figures(&self) -> Option<Figures> {
        let figures = self.answer.figures;
        if self.troubles.has(Kind::UsageMissing) {
            None
        } else if self.troubles.has(Kind::UsageZero) {
            Some(Figures::default())
        } else if self.troubles.has(Kind::UsageImpossible) {
            Some(Figures { cached: figures.input + 5, ..figures })
        } else {
            Some(figures)
        }
    }

    /// A stable id from what the answer depends on.
    pub fn id(&self) -> String {
        format!("{:016x}", self.answer.id)
    }
}

/// A status with headers and a JSON body, or an HTML one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Page {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Value,
}

impl Page {
    pub const fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body }
    }
}

/// One wire format for chat, from the server's side.
pub(crate) trait Tongue: Sync {
    fn route(&self, provider: &Provider, method: &str, path: &str, query: &str) -> Route;
    /// The credential, if one came.
    fn key(&self, headers: &HeaderMap, query: &str) -> Option<String>;
    fn read(&self, incoming: &Incoming<'_>) -> Result<Ask, Refusal>;
    fn refuse(&self, provider: &Provider, refusal: &Refusal) -> Page;
    /// A whole answer.
    fn whole(&self, told: &Told<'_>) -> Value;
    /// A whole answer that is no JSON.
    fn bytes(&self, told: &Told<'_>) -> Option<Vec<u8>> {
        let _ = told;
        None
    }
    /// What the body is, where it is neither JSON nor frames.
    fn kind(&self, told: &Told<'_>) -> Option<String> {
        voice::kind(told)
    }
    /// The same answer in frames.
    fn frames(&self, told: &Told<'_>) -> Vec<Piece>;
    fn framing(&self, ask: &Ask, crlf: bool) -> Framing;
    /// The frame that says that it went wrong after all.
    fn error_frame(&self, provider: &Provider) -> Piece;
    /// The list of models.
    fn models(&self, provider: &Provider) -> Value;
    fn model_card(&self, provider: &Provider, model: &Model) -> Value;
    /// How many tokens a prompt has, where the dialect can be asked.
    fn count(&self, tokens: u64) -> Value;
    fn health(&self, provider: &Provider) -> Value;
    /// Headers of every reply of a model.
    fn headers(&self, provider: &Provider, told: &Told<'_>) -> Vec<(&'static str, String)>;
}

pub(crate) fn tongue(dialect: Dialect) -> &'static dyn Tongue {
    match dialect {
        Dialect::OpenaiChat => &openai::Openai,
        Dialect::Elevenlabs => &elevenlabs::Elevenlabs,
        Dialect::Cartesia => &cartesia::Cartesia,
        Dialect::Deepgram => &deepgram::Deepgram,
        Dialect::OpenaiResponses => &responses::Responses,
        Dialect::Gemini => &gemini::Gemini,
        Dialect::Anthropic => &anthropic::Anthropic,
        Dialect::WorkersAi => &workers::WorkersAi,
    }
}

pub(crate) fn bearer(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    value.strip_prefix("Bearer ").map(|key| key.trim().to_owned()).filter(|key| !key.is_empty())
}

pub(crate) fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned).filter(|v| !v.is_empty())
}
