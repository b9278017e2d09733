//! How each server speaks OpenAI's dialect. An accent is a constant: a new server is a new one.

use super::{Listener, Mouth};
use vocab::Caps;

/// The name of the field that limits the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitField {
    MaxTokens,
    MaxCompletionTokens,
}

/// Where a reasoning effort is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffortField {
    /// `reasoning_effort`.
    Named,
    /// `chat_template_kwargs`, because the chat template of the model decides what it understands.
    Template,
}

/// Everything in which a server differs from OpenAI's own.
#[derive(Debug, PartialEq, Eq)]
pub struct Accent {
    /// For messages to people: `Groq`.
    pub name: &'static str,
    /// What can be said to this server at all, whatever the model.
    pub expresses: Caps,
    pub limit_field: LimitField,
    pub effort_field: EffortField,
    /// The limit is sent even where the client named none.
    pub limit_always: bool,
    /// Knows the role `developer`; else it is told as `system`.
    pub developer: bool,
    /// Takes names on messages, null fields and lists of text parts. Where not, untidy requests are translated.
    pub untidy: bool,
    /// Answers 400 to fields it does not know; other servers ignore them.
    pub strict: bool,
    /// Knows `include_obfuscation`, which switches random padding off.
    pub obfuscates: bool,
    /// Is told who the user is.
    pub user: bool,
    pub stops_max: usize,
    pub tools_max: usize,
    /// Fields of OpenAI's that are left out in silence, because the answer is as good without them.
    pub drops: &'static [&'static str],
    /// Fields that are refused where they ask for more than the default.
    pub refuses: &'static [&'static str],
    /// Service tiers this server knows; empty: all are passed on.
    pub service_tiers: &'static [&'static str],
    /// Turns answers round where a format is asked for: the model cannot stream one (see [`Caps::SCHEMA_STREAM`]).
    pub whole_formats: bool,
    /// Wants `reasoning_format` where the model would else mix its reasoning into the text.
    pub reasoning_format: bool,
    /// 413 means that the input is too long for this account or model, not that the body is malformed.
    pub too_large_is_too_long: bool,
    /// The end of the bytes ends an answer too, once a finish reason was given. Only where nobody knows what the server
    /// is: every one that is known here sends its end mark, and without it was cut.
    pub finish_is_end: bool,
    /// Makes embeddings and pictures too.
    pub tasks: bool,
    /// Makes pictures of pictures. A server that has no such path would seem to have lost the model.
    pub edits: bool,
    /// Speaks; None where it does not.
    pub mouth: Option<Mouth>,
    /// Listens; None where it does not.
    pub listener: Option<Listener>,
}

/// The fields that only OpenAI's own servers know and that change the answer or what is kept of it.
const OPENAI_ONLY: &[&str] =
    &["audio", "modalities", "moderation", "verbosity", "web_search_options", "functions", "function_call"];
/// Hints for caches and bookkeeping.
const HINTS: &[&str] = &[
    "store",
    "metadata",
    "prediction",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "safety_identifier",
];

pub const OPENAI: Accent = Accent {
    name: "OpenAI",
    expresses: Caps::all().difference(Caps::OF_DIALECTS),
    limit_field: LimitField::MaxCompletionTokens,
    effort_field: EffortField::Named,
    limit_always: false,
    developer: true,
    untidy: true,
    strict: false,
    obfuscates: true,
    user: true,
    // "Up to 4 sequences where the API will stop" (API reference, `stop`).
    stops_max: 4,
    // "A max of 128 functions are supported" (API reference, `tools`).
    tools_max: 128,
    drops: &[],
    refuses: &[],
    service_tiers: &[],
    whole_formats: false,
    reasoning_format: false,
    too_large_is_too_long: false,
    finish_is_end: false,
    tasks: true,
    edits: true,
    mouth: Some(Mouth::Openai),
    listener: Some(Listener::Openai),
};

/// What servers other than OpenAI's cannot be told.
const FOREIGN: Caps = Caps::all().difference(
    Caps::OF_DIALECTS
        .union(Caps::OPENAI_ONLY)
        .union(Caps::CUSTOM_TOOLS)
        .union(Caps::AUDIO_OUT)
        .union(Caps::WEB_SEARCH)
        .union(Caps::PDF),
);

pub const GROQ: Accent = Accent {
    name: "Groq",
    // "The following fields are currently not supported and will result in a 400 error: logprobs, logit_bias,
    // top_logprobs, messages[].name, and n must be 1" (console.groq.com/docs/openai). The penalties are "not yet
    // supported by any of our models" (API reference).
    expresses: FOREIGN.difference(
        Caps::LOGPROBS.union(Caps::LOGIT_BIAS).union(Caps::MANY).union(Caps::PENALTIES).union(Caps::AUDIO_IN),
    ),
    developer: false,
    // Null fields in assistant messages are refused (BerriAI/litellm#5839).
    untidy: false,
    strict: true,
    obfuscates: false,
    drops: HINTS,
    refuses: OPENAI_ONLY,
    service_tiers: &["auto", "on_demand", "flex", "performance"],
    // "response_format does not support streaming" (langchain-ai/langchain#23629).
    whole_formats: true,
    reasoning_format: true,
    too_large_is_too_long: true,
    tasks: false,
    edits: false,
    mouth: Some(Mouth::Orpheus),
    listener: Some(Listener::Groq),
    ..OPENAI
};

/// Any server that says it is OpenAI-compatible.
pub const COMPATIBLE: Accent = Accent {
    name: "the OpenAI-compatible server",
    expresses: FOREIGN,
    limit_field: LimitField::MaxTokens,
    developer: false,
    untidy: false,
    obfuscates: false,
    stops_max: usize::MAX,
    tools_max: usize::MAX,
    drops: HINTS,
    refuses: OPENAI_ONLY,
    too_large_is_too_long: true,
    finish_is_end: true,
    edits: false,
    mouth: Some(Mouth::Plain),
    listener: Some(Listener::Plain),
    ..OPENAI
};

pub const LOCAL_LLAMACPP: Accent = Accent {
    name: "llama.cpp",
    expresses: FOREIGN.difference(Caps::MANY.union(Caps::AUDIO_IN)),
    effort_field: EffortField::Template,
    user: false,
    finish_is_end: false,
    mouth: None,
    listener: None,
    ..COMPATIBLE
};

pub const OLLAMA: Accent = Accent {
    name: "Ollama",
    // Takes no https images, ignores tool_choice, logit_bias, n and logprobs (docs/openai.md).
    expresses: FOREIGN.difference(
        Caps::IMAGE_URL
            .union(Caps::FORCED_TOOL)
            .union(Caps::SERIAL_TOOLS)
            .union(Caps::LOGIT_BIAS)
            .union(Caps::MANY)
            .union(Caps::LOGPROBS)
            .union(Caps::AUDIO_IN),
    ),
    user: false,
    finish_is_end: false,
    mouth: None,
    listener: None,
    ..COMPATIBLE
};

pub const VLLM: Accent = Accent {
    name: "vLLM",
    effort_field: EffortField::Template,
    // Without a limit a model may use up the whole remaining context.
    limit_always: true,
    user: false,
    finish_is_end: false,
    mouth: None,
    ..COMPATIBLE
};
