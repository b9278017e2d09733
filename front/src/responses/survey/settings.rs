//! The small top-level objects.

use super::Totals;
use crate::json::{
    AnyObject, Array, Bool, Items, Maybe, Members, Object, OneOf, Read, Skip, Text, Wrong, filled, length,
    owned, shortened,
};
use vocab::{Caps, Effort};

/// How the model is to think, and what of it is to be shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reasoning {
    pub effort: Option<Effort>,
    pub summary: bool,
}

/// `reasoning`.
pub(super) struct ReasoningConfig<'t>(pub &'t mut Totals);

impl<'de> Read<'de> for ReasoningConfig<'_> {
    type Out = Reasoning;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Reasoning, Wrong> {
        const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
        const SUMMARIES: [&str; 3] = ["auto", "concise", "detailed"];
        let Self(all) = self;
        let mut reasoning = Reasoning::default();
        while let Some(key) = object.key(&["effort", "summary", "generate_summary"])? {
            match key {
                "effort" => reasoning.effort = object.value(Maybe(OneOf(&EFFORTS)))?.and_then(Effort::named),
                // The second is as it was called while it was new.
                "summary" | "generate_summary" => {
                    reasoning.summary |= object.value(Maybe(OneOf(&SUMMARIES)))?.is_some();
                }
                _ => {
                    if object.value(Maybe(Skip))?.is_some() {
                        all.only(format!("reasoning.{}", shortened(object.name())));
                    }
                }
            }
        }
        Ok(reasoning)
    }
}

/// `text`: the shape of the answer, and how many words it makes.
pub(super) struct TextConfig<'t>(pub &'t mut Totals);

impl<'de> Read<'de> for TextConfig<'_> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let Self(all) = self;
        while let Some(key) = object.key(&["format", "verbosity"])? {
            match key {
                "format" => {
                    let needs = object.value(Maybe(Format(all)))?;
                    all.needs |= needs.unwrap_or_default();
                }
                "verbosity" => {
                    let verbosity = object.value(Maybe(OneOf(&["low", "medium", "high"])))?;
                    if verbosity.is_some_and(|verbosity| verbosity != "medium") {
                        all.needs |= Caps::OPENAI_ONLY;
                    }
                }
                _ => {
                    if object.value(Maybe(Skip))?.is_some() {
                        all.only(format!("text.{}", shortened(object.name())));
                    }
                }
            }
        }
        Ok(())
    }
}

/// `text.format`: what it needs.
struct Format<'t>(&'t mut Totals);

impl<'de> Read<'de> for Format<'_> {
    type Out = Caps;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Caps, Wrong> {
        const KINDS: [&str; 3] = ["text", "json_object", "json_schema"];
        let Self(all) = self;
        let (mut kind, mut name, mut schema) = (None, false, false);
        while let Some(key) = object.key(&["type", "name", "schema", "description", "strict"])? {
            match key {
                "type" => kind = Some(object.value(Text(owned))?),
                "name" => name = object.value(Text(filled)).map(|_| true)?,
                "schema" => {
                    all.size.define(object.value(AnyObject)?);
                    schema = true;
                }
                "description" => drop(object.value(Maybe(Text(length)))?),
                "strict" => drop(object.value(Maybe(Bool))?),
                _ => {
                    if object.value(Maybe(Skip))?.is_some() {
                        all.only(format!("text.format.{}", shortened(object.name())));
                    }
                }
            }
        }
        match kind.as_deref() {
            None => Err(Wrong::missing_one_of("type", &KINDS)),
            Some("text") => Ok(Caps::empty()),
            Some("json_object") => Ok(Caps::JSON_OBJECT),
            Some("json_schema") if !name => Err(Wrong::missing("name")),
            Some("json_schema") if !schema => Err(Wrong::missing("schema")),
            Some("json_schema") => Ok(Caps::JSON_SCHEMA),
            Some(other) => {
                let allowed = crate::json::listed(&KINDS);
                let wrong = format!("{:?} is not known; allowed: {allowed}", shortened(other));
                Err(Wrong::field(wrong).in_key("type"))
            }
        }
    }
}

/// What else may be told. Of those below it is only told where there is something of the kind, which makes the request a
/// Responses provider's own anyway.
const MORE: [&str; 6] = [
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
];
pub(in crate::responses) const LOGPROBS: &str = "message.output_text.logprobs";
/// Always told, where there is any: nothing is kept here that an id could name.
const ENCRYPTED: &str = "reasoning.encrypted_content";

/// `include`: whether log probabilities are wanted.
pub(super) struct Include<'t>(pub &'t mut Totals);

impl<'de> Read<'de> for Include<'_> {
    type Out = bool;
    const WANTED: &'static str = "an array";

    fn array<A: Items<'de>>(self, mut array: Array<A>) -> Result<bool, Wrong> {
        let mut logprobs = false;
        while let Some(name) = array.next(Text(owned))? {
            match name.as_str() {
                LOGPROBS => logprobs = true,
                ENCRYPTED => {}
                name if MORE.contains(&name) => {}
                _ => self.0.only(format!("include[{}]", array.count() - 1)),
            }
        }
        Ok(logprobs)
    }
}
