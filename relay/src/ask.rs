//! What a caller wants, once the front door has understood it.

use crate::hear::Hear;
use crate::limits::Leave;
use router::Limits;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use vocab::{Brief, Chat, Dialect, Instant, RawChat, RawTask, Speak, Task};

/// A request on its way in. Everything it needs is in it; nothing is fished from elsewhere.
pub struct Ask {
    /// The id of the ledger entry, the log line and the span.
    pub id: String,
    /// That is its caller's choice.
    pub chosen: bool,
    /// Whose books pay.
    pub account: String,
    /// Which of the account's keys it came with.
    pub key: Option<vocab::Name>,
    /// Who of the account, where that is said.
    pub user: Option<vocab::Name>,
    /// What it may, and what it took for it; None: everything, without being counted.
    pub leave: Option<Box<Leave>>,
    pub words: Words,
    pub wishes: Wishes,
    /// When its head had been read.
    pub started: Instant,
    /// Same inputs and seed, same decision.
    pub seed: u64,
}

impl Ask {
    pub const fn brief(&self) -> &Brief {
        match &self.words {
            Words::Raw { raw, .. } => &raw.brief,
            Words::Chat { brief, .. } => brief,
            Words::Task { raw, .. } => &raw.brief,
            Words::Speak { brief, .. } => brief,
            Words::Hear(hear) => &hear.brief,
        }
    }
}

/// The conversation itself, or what is asked for instead of one.
pub enum Words {
    /// In the words of `dialect`, as they came: passed on as they are where the provider speaks the same, taken apart
    /// only where it does not.
    Raw { dialect: Dialect, raw: RawChat, parse: fn(&RawChat) -> Result<Chat, BadInput> },
    /// Already in no provider's words.
    Chat { chat: Box<Chat>, brief: Brief },
    /// What is no conversation, in the words that its form implies. It is answered whole.
    Task { raw: Box<RawTask>, parse: fn(&RawTask) -> Result<Task, BadInput> },
    /// A text that is to be heard. It is answered with [`Sounding`](crate::Sounding); the brief's `stream` says only whether
    /// its client can be told that the answer is still coming.
    Speak { speak: Arc<Speak>, brief: Brief },
    /// A file of sound, which may be on its way still. It is answered whole.
    Hear(Box<Hear>),
}

impl Words {
    /// Taken apart; None where that cannot be.
    pub fn chat(&self) -> Option<Cow<'_, Chat>> {
        match self {
            Self::Raw { raw, parse, .. } => parse(raw).ok().map(Cow::Owned),
            Self::Chat { chat, .. } => Some(Cow::Borrowed(chat)),
            Self::Task { .. } | Self::Speak { .. } | Self::Hear(_) => None,
        }
    }

    /// What is to be heard.
    pub const fn hear(&self) -> Option<&Hear> {
        match self {
            Self::Hear(hear) => Some(hear),
            _ => None,
        }
    }
}

/// How the caller narrows its own route (`X-Weir-*` headers, SI body fields).
#[derive(Clone, Debug, Default)]
pub struct Wishes {
    /// A preset (`cheap`, `balanced`, `fast`, `best`) or a policy of the configuration. The model name may say it too
    /// (`auto:cheap`), and wins.
    pub policy: Option<String>,
    pub limits: Limits,
    /// Turns of one conversation: they stay with one model while its cache is warm and that pays.
    pub session: Option<String>,
    /// Canonical JSON, or empty.
    pub tags: String,
}

/// A request that cannot be understood: which field, what is wrong, what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadInput {
    pub message: String,
    /// JSON path of the field, like `messages[2].role`.
    pub param: Option<String>,
}

impl BadInput {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), param: None }
    }

    pub fn at(param: impl Into<String>, message: impl Into<String>) -> Self {
        Self { message: message.into(), param: Some(param.into()) }
    }
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for BadInput {}
