//! A look at a Responses request that takes nothing apart.
//!
//! One pass over the body ([`crate::json`]): types, bounds and known words of every field we know are checked, and the
//! router's [`Brief`] is filled. Where the fields stand that have to be replaced on the way to a Responses provider, its
//! adapter finds by itself.
//!
//! What leans on something that the provider keeps is refused: weir keeps nothing, and a thing kept at one provider would
//! bind the request to one credential of one provider. What only this API has words for is let through and noted: such
//! a request needs [`Caps::RESPONSES_ONLY`], and where nobody who speaks it is to be had the answer names the fields. Fields
//! we do not know count as such too. So nothing is ever left out in silence but what [`super`] lists.

mod input;
mod items;
mod needs;
mod parts;
mod settings;
mod stored;
#[cfg(test)]
mod tests;
mod tools;

use crate::json::{
    AnyObject, Bool, Found, Maybe, Members, Object, OneOf, Read, Real, Skip, Spoken, Text, Whole, Wrong,
    length, look, read, shortened,
};
use crate::openai::survey as openai;
use bytes::Bytes;
use relay::BadInput;
use vocab::{Brief, Caps, RawChat, Spans};

/// More than any model can give; bounds the arithmetic on it.
const OUTPUT_MAX: i64 = 1 << 30;
/// More names are counted, but not told.
const TOLD_MAX: usize = 8;

/// A request looked through.
#[derive(Clone, Debug)]
pub struct Surveyed {
    pub raw: RawChat,
    /// What only the Responses API can be told, by its path, such as `tools[1].type`.
    pub only: Vec<String>,
    /// The client wants to see what is thought, summed up.
    pub summary: bool,
}

/// Looks through a Responses request.
pub fn survey(body: Bytes) -> Result<Surveyed, BadInput> {
    let Survey { brief, all, reasoning, .. } = look(&body, |text| {
        let mut survey = read(text, Request)?;
        survey.together()?;
        Ok(survey)
    })?;
    let raw = RawChat { body, spans: Spans::default(), untidy: all.untidy, brief, headers: Vec::new() };
    Ok(Surveyed { raw, only: all.only, summary: reasoning.summary })
}

/// What the fields say, until all are read and can be held against each other.
#[derive(Debug, Default, PartialEq)]
struct Survey {
    brief: Brief,
    all: Totals,
    input: Option<input::Input>,
    tools: tools::Tools,
    choice: tools::Choice,
    reasoning: settings::Reasoning,
    logprobs: bool,
    serial: bool,
}

/// What is added up over the whole request.
#[derive(Debug, Default, PartialEq)]
struct Totals {
    size: tokens::Size,
    needs: Caps,
    /// There is reasoning that only whoever made it can take back, or nobody: a Responses provider would refuse it.
    untidy: bool,
    only: Vec<String>,
}

impl Totals {
    /// Notes what only the Responses API can be told.
    fn only(&mut self, path: impl Into<String>) {
        self.needs |= Caps::RESPONSES_ONLY;
        if self.only.len() < TOLD_MAX {
            self.only.push(path.into());
        }
    }
}

/// The fields we know. Others are let through, to Responses providers.
const FIELDS: [&str; 29] = [
    "model",
    "input",
    "instructions",
    "stream",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "text",
    "reasoning",
    "include",
    "max_output_tokens",
    "temperature",
    "top_p",
    "top_logprobs",
    "truncation",
    "metadata",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "stream_options",
    "service_tier",
    "max_tool_calls",
    "store",
    "background",
    "previous_response_id",
    "conversation",
    "prompt",
];

#[derive(Clone, Copy)]
struct Request;

impl<'de> Read<'de> for Request {
    type Out = Survey;

    fn plain(self, _: Found<'_>) -> Result<Survey, Wrong> {
        Err(Wrong::field("the body must be a JSON object like {\"model\": …, \"input\": …}"))
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Survey, Wrong> {
        let mut survey = Survey::default();
        while let Some(key) = object.key(&FIELDS)? {
            survey.field(key, &mut object)?;
        }
        Ok(survey)
    }
}

const TIERS: [&str; 7] = ["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"];

impl Survey {
    fn field<'de, M: Members<'de>>(&mut self, key: &str, object: &mut Object<'de, M>) -> Result<(), Wrong> {
        let Self { brief, all, .. } = self;
        match key {
            "model" => brief.model = object.value(Text(openai::model))?,
            "input" => self.input = Some(object.value(input::Items(all))?),
            "instructions" => {
                object.value(Maybe(Spoken(&mut all.size)))?;
            }
            "stream" => brief.stream = object.value(Maybe(Bool))?.unwrap_or(false),
            "max_output_tokens" => {
                let most = object.value(Maybe(Whole(1, OUTPUT_MAX)))?;
                brief.max_output = most.and_then(|most| u32::try_from(most).ok());
            }
            "tools" => self.tools = object.value(Maybe(tools::List(all)))?.unwrap_or_default(),
            "tool_choice" => self.choice = object.value(Maybe(tools::Chosen(all)))?.unwrap_or_default(),
            "parallel_tool_calls" => self.serial = object.value(Maybe(Bool))? == Some(false),
            "text" => drop(object.value(Maybe(settings::TextConfig(all)))?),
            "reasoning" => {
                self.reasoning = object.value(Maybe(settings::ReasoningConfig(all)))?.unwrap_or_default();
            }
            "include" => self.logprobs = object.value(Maybe(settings::Include(all)))?.unwrap_or(false),
            "store" | "background" | "previous_response_id" | "conversation" | "prompt" => {
                stored::field(key, object)?;
            }
            _ => self.setting(key, object)?,
        }
        Ok(())
    }

    fn setting<'de, M: Members<'de>>(&mut self, key: &str, object: &mut Object<'de, M>) -> Result<(), Wrong> {
        let Self { all, .. } = self;
        match key {
            // These ask for something only where they are not at their default of 1.
            "temperature" => sampling(all, object.value(Maybe(Real(0.0, 2.0)))?),
            "top_p" => sampling(all, object.value(Maybe(Real(0.0, 1.0)))?),
            "top_logprobs" => drop(object.value(Maybe(Whole(0, 20)))?),
            // Others have no words for it.
            "truncation" => {
                if object.value(Maybe(OneOf(&["auto", "disabled"])))? == Some("auto") {
                    all.only(key);
                }
            }
            "metadata" | "prompt_cache_options" | "stream_options" => {
                object.value(Maybe(AnyObject))?;
            }
            "user" | "safety_identifier" | "prompt_cache_key" | "prompt_cache_retention" => {
                object.value(Maybe(Text(length)))?;
            }
            "service_tier" => drop(object.value(Maybe(OneOf(&TIERS)))?),
            // Of the tools that run at the provider, which make the request its own anyway.
            "max_tool_calls" => drop(object.value(Maybe(Whole(0, i64::MAX)))?),
            // `moderation`, `context_management`, and what we do not know.
            _ => {
                if object.value(Maybe(Skip))?.is_some() {
                    all.only(shortened(object.name()));
                }
            }
        }
        Ok(())
    }
}

fn sampling(all: &mut Totals, asked: Option<f64>) {
    if asked.is_some_and(|value| value != 1.0) {
        all.needs |= Caps::SAMPLING;
    }
}
