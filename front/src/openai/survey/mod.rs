//! A look at a chat request that takes nothing apart.
//!
//! One pass over the body ([`crate::json::Scan`]): types, bounds and known words of every field we know are checked,
//! the router's [`Brief`] is filled, and the places of the few fields that a same-dialect call may have to replace
//! are noted. Fields we do not know are let through: they reach providers of the same dialect as they came.

mod format;
mod message;
mod needs;
#[cfg(test)]
mod tests;
mod tokens;
mod tools;

use crate::json::{Kind, Scan, Seen, Text, Wrong, shortened};
use bytes::Bytes;
use message::Messages;
use relay::BadInput;
use std::borrow::Cow;
use vocab::{Brief, Caps, Effort, RawChat, Spans};

/// Longer names are no model's.
const MODEL_BYTES_MAX: usize = 256;
const CHOICES_MAX: i64 = 128;
const STOPS_MAX: usize = 4;
/// More than any model can give; bounds the arithmetic on it.
const OUTPUT_MAX: i64 = 1 << 30;

/// Looks through a chat completions request.
pub fn survey(body: Bytes) -> Result<RawChat, BadInput> {
    let mut survey = Survey::default();
    match survey.read(&body) {
        Ok(()) => Ok(RawChat { spans: survey.spans, untidy: survey.untidy, brief: survey.brief, body }),
        Err(wrong) => Err(wrong.told(&body)),
    }
}

/// What the fields say, until all are read and can be held against each other.
#[derive(Default)]
struct Survey {
    brief: Brief,
    spans: Spans,
    untidy: bool,
    messages: Option<Messages>,
    tools: tools::Tools,
    choice: tools::Choice,
    max_tokens: Option<u32>,
    max_completion_tokens: Option<u32>,
    logprobs: bool,
    top_logprobs: Option<i64>,
    serial: bool,
}

impl Survey {
    fn read(&mut self, body: &[u8]) -> Result<(), Wrong> {
        let mut scan = Scan::new(body)?;
        if scan.kind()? != Kind::Object {
            return Err(Wrong::field(
                "the body must be a JSON object like {\"model\": …, \"messages\": […]}",
            ));
        }
        self.spans.start = scan.at() + 1;
        let mut seen = Seen::default();
        scan.object(|scan, key| self.field(scan, key, &mut seen))?;
        scan.end()?;
        self.together()
    }

    #[allow(clippy::ptr_arg, reason = "a borrowed key is kept without a copy")]
    fn field<'a>(
        &mut self,
        scan: &mut Scan<'a>,
        key: &Cow<'a, str>,
        seen: &mut Seen<'a>,
    ) -> Result<(), Wrong> {
        let Some(field) = Field::named(key) else {
            seen.unknown(key)?;
            return scan.skip().map(drop);
        };
        seen.known(field as u32)?;
        scan.kind()?;
        let start = scan.at();
        if !matches!(field, Field::Model | Field::Messages) && scan.null()? {
            // An explicit null means absent, but not every server takes it.
            self.untidy = true;
            self.place(field, start, scan.at());
            return Ok(());
        }
        self.value(scan, field)?;
        self.place(field, start, scan.at());
        Ok(())
    }

    fn place(&mut self, field: Field, start: usize, end: usize) {
        let span = match field {
            Field::Model => &mut self.spans.model,
            Field::StreamOptions => &mut self.spans.stream_options,
            Field::MaxTokens => &mut self.spans.max_tokens,
            Field::MaxCompletionTokens => &mut self.spans.max_completion_tokens,
            _ => return,
        };
        *span = Some(start..end);
    }

    fn value(&mut self, scan: &mut Scan<'_>, field: Field) -> Result<(), Wrong> {
        use Field as F;
        let needs = &mut self.brief.needs;
        match field {
            F::Model => self.brief.model = model(scan.text()?)?,
            F::Messages => self.messages = Some(message::messages(scan)?),
            F::Stream => self.brief.stream = scan.bool()?,
            F::StreamOptions => self.brief.include_usage = stream_options(scan)?,
            F::MaxTokens => self.max_tokens = Some(count(scan)?),
            F::MaxCompletionTokens => self.max_completion_tokens = Some(count(scan)?),
            F::Temperature => {
                needs.set(Caps::SAMPLING, needs.contains(Caps::SAMPLING) | differs(scan.real(0.0, 2.0)?))
            }
            F::TopP => {
                needs.set(Caps::SAMPLING, needs.contains(Caps::SAMPLING) | differs(scan.real(0.0, 1.0)?))
            }
            F::FrequencyPenalty | F::PresencePenalty => {
                if scan.real(-2.0, 2.0)? != 0.0 {
                    *needs |= Caps::PENALTIES;
                }
            }
            F::N => {
                self.brief.n = u32::try_from(scan.whole(1, CHOICES_MAX)?).unwrap_or(1);
                needs.set(Caps::MANY, self.brief.n > 1);
            }
            F::Stop => needs.set(Caps::STOP, stop(scan)?),
            F::Seed => {
                scan.whole(i64::MIN, i64::MAX)?;
                *needs |= Caps::SEED;
            }
            F::Logprobs => {
                self.logprobs = scan.bool()?;
                needs.set(Caps::LOGPROBS, self.logprobs);
            }
            F::TopLogprobs => self.top_logprobs = Some(scan.whole(0, 20)?),
            F::LogitBias => needs.set(Caps::LOGIT_BIAS, logit_bias(scan)?),
            F::ReasoningEffort => {
                let name = scan.one_of(&EFFORTS)?;
                self.brief.effort = Effort::named(name);
                needs.set(Caps::REASONING, self.brief.effort.is_some_and(|e| e != Effort::None));
            }
            F::ResponseFormat => *needs |= format::response_format(scan)?,
            F::Tools => self.tools = tools::tools(scan)?,
            F::ToolChoice => self.choice = tools::choice(scan)?,
            F::ParallelToolCalls => {
                let parallel = scan.bool()?;
                self.serial = !parallel;
            }
            F::Verbosity => {
                scan.one_of(&["low", "medium", "high"])?;
                *needs |= Caps::OPENAI_ONLY;
            }
            F::Modalities => modalities(scan, needs)?,
            F::Audio => {
                format::audio(scan)?;
                *needs |= Caps::OPENAI_ONLY;
            }
            F::Prediction => {
                format::prediction(scan)?;
                *needs |= Caps::OPENAI_ONLY;
            }
            F::Moderation => {
                object(scan)?;
                *needs |= Caps::OPENAI_ONLY;
            }
            F::Store => {
                if scan.bool()? {
                    *needs |= Caps::OPENAI_ONLY;
                }
            }
            F::Metadata => metadata(scan)?,
            F::WebSearchOptions => {
                object(scan)?;
                *needs |= Caps::WEB_SEARCH;
            }
            F::ServiceTier => {
                scan.one_of(&["auto", "default", "flex", "scale", "priority", "fast"])?;
            }
            F::User | F::SafetyIdentifier | F::PromptCacheKey => {
                scan.text()?;
            }
            F::Functions => return Err(Wrong::field("this old form is not served; send `tools` instead")),
            F::FunctionCall => {
                return Err(Wrong::field("this old form is not served; send `tool_choice` instead"));
            }
        }
        Ok(())
    }
}

/// The fields we know. Others are let through.
#[derive(Clone, Copy)]
enum Field {
    Model,
    Messages,
    Stream,
    StreamOptions,
    MaxTokens,
    MaxCompletionTokens,
    Temperature,
    TopP,
    FrequencyPenalty,
    PresencePenalty,
    N,
    Stop,
    Seed,
    Logprobs,
    TopLogprobs,
    LogitBias,
    ReasoningEffort,
    ResponseFormat,
    Tools,
    ToolChoice,
    ParallelToolCalls,
    Verbosity,
    Modalities,
    Audio,
    Prediction,
    Moderation,
    Store,
    Metadata,
    WebSearchOptions,
    ServiceTier,
    User,
    SafetyIdentifier,
    PromptCacheKey,
    Functions,
    FunctionCall,
}

impl Field {
    fn named(key: &str) -> Option<Self> {
        Some(match key {
            "model" => Self::Model,
            "messages" => Self::Messages,
            "stream" => Self::Stream,
            "stream_options" => Self::StreamOptions,
            "max_tokens" => Self::MaxTokens,
            "max_completion_tokens" => Self::MaxCompletionTokens,
            "temperature" => Self::Temperature,
            "top_p" => Self::TopP,
            "frequency_penalty" => Self::FrequencyPenalty,
            "presence_penalty" => Self::PresencePenalty,
            "n" => Self::N,
            "stop" => Self::Stop,
            "seed" => Self::Seed,
            "logprobs" => Self::Logprobs,
            "top_logprobs" => Self::TopLogprobs,
            "logit_bias" => Self::LogitBias,
            "reasoning_effort" => Self::ReasoningEffort,
            "response_format" => Self::ResponseFormat,
            "tools" => Self::Tools,
            "tool_choice" => Self::ToolChoice,
            "parallel_tool_calls" => Self::ParallelToolCalls,
            "verbosity" => Self::Verbosity,
            "modalities" => Self::Modalities,
            "audio" => Self::Audio,
            "prediction" => Self::Prediction,
            "moderation" => Self::Moderation,
            "store" => Self::Store,
            "metadata" => Self::Metadata,
            "web_search_options" => Self::WebSearchOptions,
            "service_tier" => Self::ServiceTier,
            "user" => Self::User,
            "safety_identifier" => Self::SafetyIdentifier,
            "prompt_cache_key" => Self::PromptCacheKey,
            "functions" => Self::Functions,
            "function_call" => Self::FunctionCall,
            _ => return None,
        })
    }
}

const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];

/// Sampling fields ask for something only where they are not at their default of 1.
fn differs(value: f64) -> bool {
    value != 1.0
}

fn count(scan: &mut Scan<'_>) -> Result<u32, Wrong> {
    scan.whole(1, OUTPUT_MAX).map(|n| u32::try_from(n).unwrap_or(u32::MAX))
}

fn model(text: Text<'_>) -> Result<String, Wrong> {
    let name = text.said();
    if name.trim().is_empty() {
        return Err(Wrong::field(
            "expected the name of a model or of a policy like \"auto\", got an empty string",
        ));
    }
    if name.len() > MODEL_BYTES_MAX {
        return Err(Wrong::field(format!(
            "a name has at most {MODEL_BYTES_MAX} bytes, this one has {}",
            name.len()
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(Wrong::field(format!("{:?} holds a control character", shortened(&name))));
    }
    Ok(name.into_owned())
}

fn stream_options(scan: &mut Scan<'_>) -> Result<bool, Wrong> {
    let mut include_usage = false;
    let mut seen = Seen::default();
    scan.object(|scan, key| {
        match key.as_ref() {
            "include_usage" => {
                seen.known(0)?;
                if !scan.null()? {
                    include_usage = scan.bool()?;
                }
            }
            "include_obfuscation" => {
                seen.known(1)?;
                if !scan.null()? {
                    scan.bool()?;
                }
            }
            _ => {
                seen.unknown(key)?;
                scan.skip()?;
            }
        }
        Ok(())
    })?;
    Ok(include_usage)
}

/// Whether there is any.
fn stop(scan: &mut Scan<'_>) -> Result<bool, Wrong> {
    match scan.kind()? {
        Kind::Text => scan.text().map(|_| true),
        Kind::Array => {
            let count = scan.array(|scan, item| {
                if item == STOPS_MAX {
                    return Err(Wrong::field(format!("at most {STOPS_MAX} stop sequences are taken")));
                }
                scan.text().map(drop)
            })?;
            Ok(count > 0)
        }
        other => Err(Wrong::field(format!(
            "expected a string or an array of at most {STOPS_MAX} strings, got {}",
            other.name()
        ))),
    }
}

fn logit_bias(scan: &mut Scan<'_>) -> Result<bool, Wrong> {
    let mut any = false;
    scan.object(|scan, _| {
        any = true;
        scan.real(-100.0, 100.0).map(drop)
    })?;
    Ok(any)
}

fn modalities(scan: &mut Scan<'_>, needs: &mut Caps) -> Result<(), Wrong> {
    scan.array(|scan, _| {
        if scan.one_of(&["text", "audio"])? == "audio" {
            *needs |= Caps::AUDIO_OUT;
        }
        Ok(())
    })
    .map(drop)
}

fn metadata(scan: &mut Scan<'_>) -> Result<(), Wrong> {
    scan.object(|scan, _| scan.text().map(drop))
}

fn object(scan: &mut Scan<'_>) -> Result<(), Wrong> {
    scan.object(|scan, _| scan.skip().map(drop))
}
