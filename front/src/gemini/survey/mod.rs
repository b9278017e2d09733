//! A look at a `generateContent` request that takes nothing apart.
//!
//! One pass over the body ([`crate::json`]): types and known words of every field we know are checked, the router's
//! [`Brief`] is filled, and the few places are noted where something may have to be replaced on the way to Gemini.
//!
//! Gemini can be told more than anybody else. What no other provider can be told is let through and noted: such a
//! request needs [`Caps::GEMINI_ONLY`], and where no Gemini model is to be had the answer names the fields. So nothing
//! is ever left out in silence. Fields we do not know count as such too.

mod contents;
mod generation;
mod parts;
#[cfg(test)]
mod tests;
mod tools;

use super::names::Names;
use crate::json::{
    Bool, Each, Found, Maybe, Members, Object, OneOf, Read, Skip, Text, Wrong, filled, length, read, text,
};
use bytes::Bytes;
use relay::BadInput;
use std::sync::Arc;
use tokens::{Family, GEMINI, Size};
use vocab::{Brief, Caps, RawChat, Span, Spans};

/// More names are counted, but not told.
const TOLD_MAX: usize = 8;
/// Longer names are no model's.
const MODEL_BYTES_MAX: usize = 256;

/// A request looked through.
#[derive(Clone, Debug)]
pub struct Surveyed {
    pub raw: RawChat,
    /// What only Gemini can be told, by its path, such as `generationConfig.topK`.
    pub only: Vec<String>,
    /// The client wants to see what the model thinks.
    pub thoughts: bool,
}

/// Looks through a `generateContent` request for `model`, as the path names it.
pub fn survey(body: Bytes, model: &str, stream: bool) -> Result<Surveyed, BadInput> {
    named(model)?;
    let outcome = text(&body).and_then(|text| {
        let mut survey = read(text, Request { body: text })?;
        survey.together(stream)?;
        Ok(survey)
    });
    finish(outcome, body, model)
}

/// Looks through a `countTokens` request: contents alone, or a whole `generateContentRequest`.
pub fn survey_count(body: Bytes, model: &str) -> Result<Surveyed, BadInput> {
    named(model)?;
    let outcome = text(&body).and_then(|text| {
        let mut survey = read(text, Counted { body: text })?;
        survey.together(false)?;
        Ok(survey)
    });
    finish(outcome, body, model)
}

fn finish(outcome: Result<Survey, Wrong>, body: Bytes, model: &str) -> Result<Surveyed, BadInput> {
    match outcome {
        Ok(Survey { mut brief, spans, only, thoughts, .. }) => {
            model.clone_into(&mut brief.model);
            Ok(Surveyed {
                raw: RawChat { body, spans, untidy: false, brief, headers: Vec::new() },
                only,
                thoughts,
            })
        }
        Err(wrong) => Err(wrong.told(&body)),
    }
}

/// The model of the path.
pub(super) fn named(model: &str) -> Result<(), BadInput> {
    let wrong = |what: &str| Err(BadInput::at("model", format!("model: {what}")));
    if model.trim().is_empty() {
        return wrong("expected the name of a model or of a policy like \"auto\" in the path");
    }
    if model.len() > MODEL_BYTES_MAX {
        return wrong(&format!("a name has at most {MODEL_BYTES_MAX} bytes, this one has {}", model.len()));
    }
    if model.chars().any(char::is_control) {
        return wrong("the name in the path holds a control character");
    }
    Ok(())
}

/// What the fields say, until all are read and can be held against each other.
#[derive(Default)]
struct Survey {
    brief: Brief,
    spans: Spans,
    only: Vec<String>,
    thoughts: bool,
    contents: Option<contents::Contents>,
    system: Size,
    tools: tools::Tools,
    choice: tools::Choice,
    shape: generation::Shape,
}

impl Survey {
    /// Notes what only Gemini can be told.
    fn only(&mut self, path: impl Into<String>) {
        self.brief.needs |= Caps::GEMINI_ONLY;
        note(&mut self.only, path);
    }
}

fn note(only: &mut Vec<String>, path: impl Into<String>) {
    let path = path.into();
    if only.len() < TOLD_MAX && !only.contains(&path) {
        only.push(path);
    }
}

const FIELDS: [&str; 16] = [
    "contents",
    "systemInstruction",
    "system_instruction",
    "tools",
    "toolConfig",
    "tool_config",
    "generationConfig",
    "generation_config",
    "safetySettings",
    "safety_settings",
    "cachedContent",
    "cached_content",
    "serviceTier",
    "service_tier",
    "labels",
    "model",
];

#[derive(Clone, Copy)]
struct Request<'de> {
    body: &'de str,
}

impl<'de> Read<'de> for Request<'de> {
    type Out = Survey;

    fn plain(self, _: Found<'_>) -> Result<Survey, Wrong> {
        Err(Wrong::field("the body must be a JSON object like {\"contents\": […]}"))
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Survey, Wrong> {
        let mut survey = Survey::default();
        let mut names = Names::of(&FIELDS);
        while let Some(key) = names.next(&mut object)? {
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
        body: &'de str,
    ) -> Result<(), Wrong> {
        match key {
            "contents" => {
                let contents = object.value(contents::List { body })?;
                self.contents = Some(contents);
            }
            "systemInstruction" => {
                let system = object.value(Maybe(contents::System { body }))?;
                if let Some(system) = system {
                    self.system = system.size;
                    if system.media {
                        self.only("systemInstruction.parts");
                    }
                    system.only.into_iter().for_each(|path| self.only(path));
                }
            }
            "tools" => {
                if let Some(tools) = object.value(Maybe(tools::List))? {
                    self.tools = tools;
                }
            }
            "toolConfig" => {
                if let Some(choice) = object.value(Maybe(tools::Config))? {
                    self.choice = choice;
                }
            }
            "generationConfig" => {
                object.value(Maybe(generation::Config(self)))?;
            }
            "safetySettings" => {
                let mut blocks = false;
                let each = |_, blocking: bool| {
                    blocks |= blocking;
                    Ok(())
                };
                object.value(Maybe(Each(Safety, each)))?;
                if blocks {
                    self.only("safetySettings");
                }
            }
            "cachedContent" => {
                if object.value(Maybe(Text(filled)))?.is_some() {
                    self.only("cachedContent");
                }
            }
            "serviceTier" => drop(object.value(Maybe(OneOf(&TIERS)))?),
            // For bookkeeping.
            "labels" => drop(object.value(Skip)?),
            "model" => {
                let (raw, _) = object.written(Text(length))?;
                self.spans.model = Some(span(body, raw));
            }
            _ => {
                object.value(Skip)?;
                let name = crate::json::shortened(object.name());
                self.only(name);
            }
        }
        Ok(())
    }

    /// Holds the fields against each other and fills in the rest of the brief.
    fn together(&mut self, stream: bool) -> Result<(), Wrong> {
        let Some(contents) = self.contents.take() else {
            let wanted = "the field is missing; expected an array of at least one content";
            return Err(Wrong::field(wanted).in_key("contents"));
        };
        let tools = std::mem::take(&mut self.tools);
        let choice = std::mem::take(&mut self.choice);
        if choice.forced && tools.functions == 0 {
            let message = "demands a call of a function, but `tools` declares none";
            return Err(Wrong::field(message)
                .in_key("mode")
                .in_key("functionCallingConfig")
                .in_key("toolConfig"));
        }
        for path in contents.only.iter().chain(&tools.only).chain(&choice.only) {
            self.only(path.as_str());
        }
        self.shape.check()?;
        let brief = &mut self.brief;
        brief.stream = stream;
        brief.include_usage = true;
        brief.n = brief.n.max(1);
        let declared = tools.functions > 0;
        let (object, schema) = (self.shape.object(), self.shape.schema());
        let needs = &mut brief.needs;
        *needs |= contents.needs;
        needs.set(Caps::PREFILL, contents.prefilled);
        needs.set(Caps::TOOLS, declared || contents.called);
        needs.set(Caps::FORCED_TOOL, choice.forced);
        needs.set(Caps::WEB_SEARCH, tools.search);
        needs.set(Caps::STREAM, stream);
        needs.set(Caps::JSON_OBJECT, object);
        needs.set(Caps::JSON_SCHEMA, schema);
        needs.set(Caps::SCHEMA_WITH_TOOLS, schema && declared);
        needs.set(Caps::SCHEMA_STREAM, schema && stream);
        let mut size = contents.size;
        size.add(&self.system);
        size.messages(&GEMINI, contents.count);
        size.define(tools.bytes + self.shape.bytes);
        size.tools = declared;
        brief.tokens_in = Family::Other.likely(&size);
        brief.size = Arc::new(size);
        self.spans.seals = contents.seals;
        Ok(())
    }
}

/// In lower case, as Google writes them.
const TIERS: [&str; 4] = ["unspecified", "standard", "flex", "priority"];

/// One of `safetySettings`: whether it blocks anything. Other providers have no such filters, so asking for none asks
/// for what happens anyway.
#[derive(Clone, Copy)]
struct Safety;

impl<'de> Read<'de> for Safety {
    type Out = bool;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<bool, Wrong> {
        let (mut category, mut threshold) = (false, None);
        while let Some(key) = object.key(&["category", "threshold"])? {
            match key {
                "category" => category = object.value(Text(filled))? > 0,
                "threshold" => {
                    let open = |text: crate::json::Quoted<'_>| {
                        Ok(matches!(&*text.text(), "BLOCK_NONE" | "OFF" | "HARM_BLOCK_THRESHOLD_UNSPECIFIED"))
                    };
                    threshold = Some(object.value(Text(open))?);
                }
                _ => drop(object.value(Skip)?),
            }
        }
        if !category {
            return Err(Wrong::missing("category"));
        }
        threshold.map(|open| !open).ok_or_else(|| Wrong::missing("threshold"))
    }
}

/// `countTokens`.
#[derive(Clone, Copy)]
struct Counted<'de> {
    body: &'de str,
}

impl<'de> Read<'de> for Counted<'de> {
    type Out = Survey;

    fn plain(self, _: Found<'_>) -> Result<Survey, Wrong> {
        Err(Wrong::field("the body must be a JSON object like {\"contents\": […]}"))
    }

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Survey, Wrong> {
        const WHOLE: &str = "generateContentRequest";
        let mut survey = Survey::default();
        let mut within = None;
        let mut names = Names::of(&COUNTED);
        while let Some(key) = names.next(&mut object)? {
            match key {
                WHOLE => within = object.value(Maybe(Request { body: self.body }))?,
                key => survey.field(key, &mut object, self.body)?,
            }
        }
        match within {
            Some(_) if survey.contents.is_some() => {
                let message = "stands beside `contents`; send one of them";
                Err(Wrong::field(message).in_key(WHOLE))
            }
            Some(within) => Ok(within),
            None => Ok(survey),
        }
    }
}

const COUNTED: [&str; 10] = [
    "contents",
    "generateContentRequest",
    "generate_content_request",
    "systemInstruction",
    "system_instruction",
    "tools",
    "generationConfig",
    "generation_config",
    "model",
    "labels",
];

/// Where a part of the body is in it.
pub(super) fn span(body: &str, part: &str) -> Span {
    let start = part.as_ptr().addr().saturating_sub(body.as_ptr().addr());
    start..start + part.len()
}

/// A word of an enumeration, in whatever case: Google's own pages write some of them in either.
#[derive(Clone, Copy)]
struct Word(&'static [&'static str]);

impl Read<'_> for Word {
    type Out = &'static str;
    const WANTED: &'static str = "a string";

    fn plain(self, found: Found<'_>) -> Result<&'static str, Wrong> {
        let Found::Text(said) = found else { return Err(Wrong::instead_of(found, Self::WANTED)) };
        let said = said.text();
        self.0.iter().find(|known| known.eq_ignore_ascii_case(&said)).copied().ok_or_else(|| {
            let allowed = self.0.iter().map(|a| format!("{a:?}")).collect::<Vec<_>>().join(", ");
            Wrong::field(format!("{:?} is not known; allowed: {allowed}", crate::json::shortened(&said)))
        })
    }
}

/// Whether a flag is set.
fn flag<'de, M: Members<'de>>(object: &mut Object<'de, M>) -> Result<bool, Wrong> {
    Ok(object.value(Maybe(Bool))?.unwrap_or(false))
}
