//! A look at a chat request that takes nothing apart.
//!
//! One pass over the body ([`crate::json`]): types, bounds and known words of every field we know are checked, the
//! router's [`Brief`] is filled, and the places of the few fields that a same-dialect call may have to replace are
//! noted. Fields we do not know are let through: they reach providers of the same dialect as they came.

mod calls;
mod format;
mod message;
mod needs;
mod parts;
mod settings;
#[cfg(test)]
mod tests;
mod tools;
#[cfg(test)]
mod ways;

pub(crate) use parts::image_url;
pub(crate) use settings::model;

use crate::json::{
    AnyObject, Bool, Each, Found, Maybe, Members, Object, OneOf, Read, Real, Skip, Text, Whole, Wrong,
    length, look, read,
};
use bytes::Bytes;
use message::{Conversation, Messages};
use relay::BadInput;
use vocab::{Brief, Caps, Effort, RawChat, Span, Spans};

const CHOICES_MAX: i64 = 128;
/// More than any model can give; bounds the arithmetic on it.
const OUTPUT_MAX: i64 = 1 << 30;

/// Looks through a chat completions request.
pub fn survey(body: Bytes) -> Result<RawChat, BadInput> {
    let Survey { spans, untidy, brief, .. } = look(&body, |text| {
        let mut survey = read(text, Request { body: text })?;
        survey.together()?;
        Ok(survey)
    })?;
    Ok(RawChat { body, spans, untidy, brief, headers: Vec::new() })
}

/// What the fields say, until all are read and can be held against each other.
#[derive(Debug, Default, PartialEq)]
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

/// The fields we know. Others are let through.
const FIELDS: [&str; 35] = [
    "model",
    "messages",
    "stream",
    "max_tokens",
    "temperature",
    "stream_options",
    "max_completion_tokens",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "n",
    "stop",
    "seed",
    "logprobs",
    "top_logprobs",
    "logit_bias",
    "reasoning_effort",
    "response_format",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "verbosity",
    "modalities",
    "audio",
    "prediction",
    "moderation",
    "store",
    "metadata",
    "web_search_options",
    "service_tier",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "functions",
    "function_call",
];

#[derive(Clone, Copy)]
struct Request<'de> {
    body: &'de str,
}

impl<'de> Read<'de> for Request<'de> {
    type Out = Survey;

    fn plain(self, _: Found<'_>) -> Result<Survey, Wrong> {
        Err(Wrong::field("the body must be a JSON object like {\"model\": …, \"messages\": […]}"))
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Survey, Wrong> {
        let start = self.body.len() - self.body.trim_start_matches([' ', '\t', '\r', '\n']).len() + 1;
        let mut survey = Survey { spans: Spans { start, ..Spans::default() }, ..Survey::default() };
        while let Some(key) = object.key(&FIELDS)? {
            survey.field(key, &mut object, self.body)?;
        }
        Ok(survey)
    }
}

impl Survey {
    fn field<'de, M: Members<'de>>(
        &mut self,
        key: &str,
        object: &mut Object<'de, M>,
        body: &str,
    ) -> Result<(), Wrong> {
        match key {
            "model" => {
                let (raw, model) = object.written(Text(settings::model))?;
                self.spans.model = Some(span(body, raw));
                self.brief.model = model;
            }
            "messages" => self.messages = Some(object.value(Conversation)?),
            "stream_options" => {
                let (raw, usage) = object.written(Maybe(settings::StreamOptions))?;
                // What is read apart has its levels of nesting counted apart.
                if raw.trim_start_matches('{').contains(['{', '[']) {
                    read(body, Skip)?;
                }
                self.spans.stream_options = Some(span(body, raw));
                self.brief.include_usage = self.given(usage).unwrap_or(false);
            }
            "max_tokens" => {
                let (raw, count) = object.written(Maybe(Whole(1, OUTPUT_MAX)))?;
                self.spans.max_tokens = Some(span(body, raw));
                self.max_tokens = self.given(count).map(tokens);
            }
            "max_completion_tokens" => {
                let (raw, count) = object.written(Maybe(Whole(1, OUTPUT_MAX)))?;
                self.spans.max_completion_tokens = Some(span(body, raw));
                self.max_completion_tokens = self.given(count).map(tokens);
            }
            "" => {
                object.value(Skip)?;
            }
            _ => {
                let there = match key {
                    "tools" | "tool_choice" | "parallel_tool_calls" | "response_format" => {
                        self.structure(key, object)?
                    }
                    "stream" | "temperature" | "top_p" | "frequency_penalty" | "presence_penalty" | "n"
                    | "stop" | "seed" | "logprobs" | "top_logprobs" | "logit_bias" | "reasoning_effort" => {
                        self.sampling(key, object)?
                    }
                    _ => self.rarity(key, object)?,
                };
                self.given(there);
            }
        }
        Ok(())
    }

    /// An explicit null means absent, but not every server takes it.
    fn given<T>(&mut self, value: Option<T>) -> Option<T> {
        self.untidy |= value.is_none();
        value
    }

    /// How the answer is drawn. None for null, here and below.
    fn sampling<'de, M: Members<'de>>(
        &mut self,
        key: &str,
        object: &mut Object<'de, M>,
    ) -> Result<Option<()>, Wrong> {
        let Self { brief, logprobs, top_logprobs, .. } = self;
        let needs = &mut brief.needs;
        Ok(match key {
            "stream" => object.value(Maybe(Bool))?.map(|stream| brief.stream = stream),
            // These ask for something only where they are not at their default of 1.
            "temperature" => {
                let value = object.value(Maybe(Real(0.0, 2.0)))?;
                value.map(|value| needs.set(Caps::SAMPLING, needs.contains(Caps::SAMPLING) | (value != 1.0)))
            }
            "top_p" => {
                let value = object.value(Maybe(Real(0.0, 1.0)))?;
                value.map(|value| needs.set(Caps::SAMPLING, needs.contains(Caps::SAMPLING) | (value != 1.0)))
            }
            "n" => object.value(Maybe(Whole(1, CHOICES_MAX)))?.map(|n| {
                brief.n = u32::try_from(n).unwrap_or(1);
                needs.set(Caps::MANY, n > 1);
            }),
            "stop" => object.value(Maybe(settings::Stop))?.map(|any| needs.set(Caps::STOP, any)),
            "seed" => object.value(Maybe(Whole(i64::MIN, i64::MAX)))?.map(|_| *needs |= Caps::SEED),
            "logprobs" => object.value(Maybe(Bool))?.map(|wanted| {
                *logprobs = wanted;
                needs.set(Caps::LOGPROBS, wanted);
            }),
            "top_logprobs" => object.value(Maybe(Whole(0, 20)))?.map(|most| *top_logprobs = Some(most)),
            "logit_bias" => {
                object.value(Maybe(settings::LogitBias))?.map(|any| needs.set(Caps::LOGIT_BIAS, any))
            }
            "reasoning_effort" => object.value(Maybe(OneOf(&EFFORTS)))?.map(|name| {
                brief.effort = Effort::named(name);
                needs.set(Caps::REASONING, brief.effort.is_some_and(|e| e != Effort::None));
            }),
            // The two penalties.
            _ => object.value(Maybe(Real(-2.0, 2.0)))?.map(|penalty| {
                if penalty != 0.0 {
                    *needs |= Caps::PENALTIES;
                }
            }),
        })
    }

    /// Tools and the answer's shape.
    fn structure<'de, M: Members<'de>>(
        &mut self,
        key: &str,
        object: &mut Object<'de, M>,
    ) -> Result<Option<()>, Wrong> {
        Ok(match key {
            "tools" => object.value(Maybe(tools::List))?.map(|tools| self.tools = tools),
            "tool_choice" => object.value(Maybe(tools::Chosen))?.map(|choice| self.choice = choice),
            "parallel_tool_calls" => object.value(Maybe(Bool))?.map(|parallel| self.serial = !parallel),
            _ => object.value(Maybe(format::ResponseFormat))?.map(|needs| self.brief.needs |= needs),
        })
    }

    fn rarity<'de, M: Members<'de>>(
        &mut self,
        key: &str,
        object: &mut Object<'de, M>,
    ) -> Result<Option<()>, Wrong> {
        let needs = &mut self.brief.needs;
        Ok(match key {
            "verbosity" => {
                object.value(Maybe(OneOf(&["low", "medium", "high"])))?.map(|_| *needs |= Caps::OPENAI_ONLY)
            }
            "modalities" => {
                let audio = |_, kind| {
                    needs.set(Caps::AUDIO_OUT, needs.contains(Caps::AUDIO_OUT) || kind == "audio");
                    Ok(())
                };
                object.value(Maybe(Each(OneOf(&["text", "audio"]), audio)))?.map(drop)
            }
            "audio" => object.value(Maybe(format::Audio))?.map(|()| *needs |= Caps::OPENAI_ONLY),
            "prediction" => object.value(Maybe(format::Prediction))?.map(|()| *needs |= Caps::OPENAI_ONLY),
            "moderation" => object.value(Maybe(AnyObject))?.map(|_| *needs |= Caps::OPENAI_ONLY),
            "store" => object.value(Maybe(Bool))?.map(|store| {
                if store {
                    *needs |= Caps::OPENAI_ONLY;
                }
            }),
            "metadata" => object.value(Maybe(settings::Metadata))?,
            "web_search_options" => object.value(Maybe(AnyObject))?.map(|_| *needs |= Caps::WEB_SEARCH),
            "service_tier" => object.value(Maybe(OneOf(&TIERS)))?.map(drop),
            "functions" => object.value(Maybe(settings::Old("tools")))?,
            "function_call" => object.value(Maybe(settings::Old("tool_choice")))?,
            // `user`, `safety_identifier`, `prompt_cache_key`.
            _ => object.value(Maybe(Text(length)))?.map(drop),
        })
    }
}

const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
const TIERS: [&str; 6] = ["auto", "default", "flex", "scale", "priority", "fast"];

fn tokens(count: i64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Where a part of the body is in it.
pub(super) fn span(body: &str, part: &str) -> Span {
    let start = part.as_ptr().addr().saturating_sub(body.as_ptr().addr());
    start..start + part.len()
}
