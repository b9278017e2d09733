//! What a request asks of a model, in no provider's words, and why one was refused.

use crate::task::Task;
use crate::tokens::Tally;
use serde_json::Value;
use vocab::Effort;

/// One message, as far as counting and remembering go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    pub tally: Tally,
    /// Of everything in it.
    pub hash: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Offered {
    pub name: String,
    pub schema: Value,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Pick {
    #[default]
    Auto,
    Never,
    Any,
    Named(String),
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Shape {
    #[default]
    Text,
    Object,
    Schema(Value),
}

/// Where the client wants reasoning to appear. It is counted wherever it appears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Showing {
    #[default]
    Apart,
    /// Between `<think>` tags in the text, as Groq's raw format has it.
    Inline,
    Hidden,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ask {
    pub model: String,
    /// System prompt first, then messages.
    pub turns: Vec<Turn>,
    /// Text of the last message of the user.
    pub last_user: String,
    /// The conversation ends with these results of tools.
    pub results: Option<String>,
    pub tools: Vec<Offered>,
    pub pick: Pick,
    pub parallel: bool,
    pub shape: Shape,
    pub max_tokens: Option<u32>,
    pub stop: Vec<String>,
    pub n: u32,
    pub seed: Option<i64>,
    /// None: nothing was said about reasoning.
    pub effort: Option<Effort>,
    pub showing: Showing,
    pub stream: bool,
    pub include_usage: bool,
    pub logprobs: Option<u32>,
    /// Reasoning is to be told in a form that can come back.
    pub sealed: bool,
    /// How many turns may be cached; None leaves it to the provider.
    pub cache_turns: Option<usize>,
    pub cache_long: bool,
    /// Gemini: frames rather than one growing array.
    pub sse: bool,
    /// Workers AI: by the path whose whole answers come in an envelope.
    pub enveloped: bool,
    /// What is wanted where it is no conversation.
    pub task: Option<Task>,
}

impl Ask {
    pub fn input_tokens(&self) -> u64 {
        let mut sum = Tally::default();
        for turn in &self.turns {
            sum.chars += turn.tally.chars;
            sum.flat += turn.tally.flat;
        }
        for _ in &self.tools {
            sum.flat();
        }
        sum.tokens()
    }
}

/// Why a request gets an error instead of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The request itself; `code` is the dialect's own where it has one for it.
    Bad {
        code: &'static str,
        param: Option<String>,
    },
    NoKey,
    BadKey,
    Forbidden,
    Payment,
    Quota,
    NoModel(String),
    NoRoute,
    Busy {
        retry_after: Option<u32>,
    },
    Server(u16),
    TooLong {
        tokens: u64,
        limit: u32,
    },
    Filtered,
    TooLarge,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub why: Why,
    pub message: String,
}

impl Refusal {
    pub fn bad(message: impl Into<String>) -> Self {
        Self::coded("", None, message)
    }

    pub fn at(param: &str, message: impl Into<String>) -> Self {
        Self::coded("", Some(param), message)
    }

    pub fn coded(code: &'static str, param: Option<&str>, message: impl Into<String>) -> Self {
        Self { why: Why::Bad { code, param: param.map(str::to_owned) }, message: message.into() }
    }

    pub fn of(why: Why) -> Self {
        let message = match &why {
            Why::Bad { .. } => "The request is invalid.".into(),
            Why::NoKey => "No API key was provided.".into(),
            Why::BadKey => "Incorrect API key provided.".into(),
            Why::Forbidden => "Your key is not allowed to use this model.".into(),
            Why::Payment => "Your credit balance is too low to access the API.".into(),
            Why::Quota => {
                "You exceeded your current quota, please check your plan and billing details.".into()
            }
            Why::NoModel(model) => {
                format!("The model `{model}` does not exist or you do not have access to it.")
            }
            Why::NoRoute => "Unknown request URL.".into(),
            Why::Busy { .. } => "Rate limit reached, please slow down.".into(),
            Why::Server(529) => "Overloaded".into(),
            Why::Server(503) => "The model is overloaded. Please try again later.".into(),
            Why::Server(_) => "The server had an error while processing your request.".into(),
            Why::TooLong { tokens, limit } => {
                format!("The prompt has {tokens} tokens, which is above the limit of {limit}.")
            }
            Why::Filtered => "The request was refused by the content policy.".into(),
            Why::TooLarge => "The request body is too large.".into(),
        };
        Self { why, message }
    }
}
