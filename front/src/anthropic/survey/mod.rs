//! A look at a Messages request that takes nothing apart.
//!
//! One pass over the body ([`crate::json`]): types, bounds and known words of every field we know are checked, the
//! router's [`Brief`] is filled, and the places of the two fields are noted that may have to be replaced on the way to
//! Anthropic.
//!
//! Much of this API no other provider can be told: tools that run on Anthropic's servers, containers, files by id. That
//! is let through and noted: such a request needs [`Caps::ANTHROPIC_ONLY`], and where no Anthropic model is to be had the
//! answer names the fields. Fields we do not know count as such too. So nothing is ever left out in silence but what
//! [`super`] lists.

mod blocks;
mod message;
mod needs;
mod settings;
mod sources;
#[cfg(test)]
mod tests;
mod tools;

use super::error;
use crate::json::{
    AnyObject, Bool, Each, Found, Maybe, Members, Object, OneOf, Read, Real, Skip, Text, Whole, Wrong,
    length, look, read,
};
use bytes::Bytes;
use relay::BadInput;
use vocab::{Brief, Caps, Effort, RawChat, Span, Spans};

/// More than any model can give; bounds the arithmetic on it.
const OUTPUT_MAX: i64 = 1 << 30;
/// More names are counted, but not told.
const TOLD_MAX: usize = 8;

/// A request looked through.
#[derive(Clone, Debug)]
pub struct Surveyed {
    pub raw: RawChat,
    /// What only Anthropic can be told, by its path, such as `tools[1].type`.
    pub only: Vec<String>,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// An answer: its limit must be named.
    Answer,
    /// How many tokens the question has.
    Count,
}

/// Looks through a Messages request.
pub fn survey(body: Bytes, wanted: Wanted) -> Result<Surveyed, BadInput> {
    let Survey { brief, spans, all, .. } = look(&body, |text| {
        let mut survey = read(text, Request { body: text })?;
        survey.together(wanted)?;
        Ok(survey)
    })?;
    let raw = RawChat { body, spans, untidy: all.untidy, brief, headers: Vec::new() };
    Ok(Surveyed { raw, only: all.only })
}

/// What the fields say, until all are read and can be held against each other.
#[derive(Debug, Default, PartialEq)]
struct Survey {
    brief: Brief,
    spans: Spans,
    all: Totals,
    messages: Option<message::Messages>,
    tools: tools::Tools,
    choice: tools::Choice,
    thinking: settings::Thinking,
    effort: Option<Effort>,
    schema: bool,
}

/// What is added up over the whole request.
#[derive(Debug, Default, PartialEq)]
struct Totals {
    size: tokens::Size,
    needs: Caps,
    /// There are blocks that weir made of another provider's answer: Anthropic would refuse them as they are.
    untidy: bool,
    only: Vec<String>,
}

impl Totals {
    /// Notes what only Anthropic can be told.
    fn only(&mut self, path: impl Into<String>) {
        self.needs |= Caps::ANTHROPIC_ONLY;
        if self.only.len() < TOLD_MAX {
            self.only.push(path.into());
        }
    }
}

/// The fields we know. Others are let through, to Anthropic.
const FIELDS: [&str; 24] = [
    "model",
    "messages",
    "max_tokens",
    "system",
    "stream",
    "tools",
    "tool_choice",
    "thinking",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "metadata",
    "output_config",
    "output_format",
    "service_tier",
    "cache_control",
    "diagnostics",
    "speed",
    "mcp_servers",
    "container",
    "context_management",
    "inference_geo",
    error::THREAD,
];

#[derive(Clone, Copy)]
struct Request<'de> {
    body: &'de str,
}

impl<'de> Read<'de> for Request<'de> {
    type Out = Survey;

    fn plain(self, _: Found<'_>) -> Result<Survey, Wrong> {
        Err(Wrong::field(
            "the body must be a JSON object like {\"model\": …, \"max_tokens\": …, \"messages\": […]}",
        ))
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Survey, Wrong> {
        let mut survey = Survey::default();
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
        let Self { all, .. } = self;
        match key {
            "model" => {
                let (raw, model) = object.written(Text(settings::model))?;
                self.spans.model = Some(span(body, raw));
                self.brief.model = model;
            }
            "messages" => self.messages = Some(object.value(message::Conversation(all))?),
            "max_tokens" => {
                let (raw, count) = object.written(Whole(1, OUTPUT_MAX))?;
                self.spans.max_tokens = Some(span(body, raw));
                self.brief.max_output = u32::try_from(count).ok();
            }
            "system" => drop(object.value(Maybe(message::System(all)))?),
            "tools" => self.tools = object.value(Maybe(tools::List(all)))?.unwrap_or_default(),
            "tool_choice" => self.choice = object.value(Maybe(tools::Chosen(all)))?.unwrap_or_default(),
            "thinking" => {
                self.thinking = object.value(Maybe(settings::ThinkingConfig(all)))?.unwrap_or_default();
            }
            "output_config" => {
                if let Some(config) = object.value(Maybe(settings::OutputConfig(all)))? {
                    self.effort = config.effort;
                    self.schema |= config.schema;
                }
            }
            // As it was called while it was new.
            "output_format" => {
                self.schema |=
                    object.value(Maybe(settings::Format { all, path: "output_format" }))?.is_some();
            }
            _ => self.setting(key, object)?,
        }
        Ok(())
    }

    fn setting<'de, M: Members<'de>>(&mut self, key: &str, object: &mut Object<'de, M>) -> Result<(), Wrong> {
        let Self { brief, all, .. } = self;
        match key {
            "stream" => brief.stream = object.value(Maybe(Bool))?.unwrap_or(false),
            // These ask for something only where they are not at their default of 1.
            "temperature" | "top_p" => {
                if object.value(Maybe(Real(0.0, 1.0)))?.is_some_and(|value| value != 1.0) {
                    all.needs |= Caps::SAMPLING;
                }
            }
            "top_k" => {
                if object.value(Maybe(Whole(0, i64::MAX)))?.is_some() {
                    all.only(key);
                }
            }
            "stop_sequences" => {
                let any = object.value(Maybe(Each(Text(length), |_, _| Ok(()))))?;
                all.needs.set(Caps::STOP, any.is_some_and(|count| count > 0));
            }
            "metadata" => drop(object.value(Maybe(settings::Metadata))?),
            "service_tier" => drop(object.value(Maybe(OneOf(&["auto", "standard_only"])))?),
            error::THREAD => {
                if object.value(Maybe(Skip))?.is_some() {
                    let message =
                        "weir holds no conversations; send all of it in `messages` and leave this out";
                    return Err(Wrong::field(message).in_key(key));
                }
            }
            "cache_control" | "diagnostics" => drop(object.value(Maybe(AnyObject))?),
            "speed" => {
                if object.value(Maybe(Text(settings::fast)))?.unwrap_or(false) {
                    all.only(key);
                }
            }
            "mcp_servers" => {
                if object.value(Maybe(Each(AnyObject, |_, _| Ok(()))))?.is_some_and(|count| count > 0) {
                    all.only(key);
                }
            }
            // `container`, `context_management`, `inference_geo`, and what we do not know.
            _ => {
                if object.value(Maybe(Skip))?.is_some() {
                    all.only(crate::json::shortened(object.name()));
                }
            }
        }
        Ok(())
    }
}

/// Where a part of the body is in it.
fn span(body: &str, part: &str) -> Span {
    let start = part.as_ptr().addr().saturating_sub(body.as_ptr().addr());
    start..start + part.len()
}
