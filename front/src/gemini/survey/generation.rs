//! `generationConfig`.

use super::super::names::Names;
use super::{Survey, Word, flag};
use crate::gemini::parse::effort;
use crate::json::{
    AnyObject, Each, Found, Maybe, Members, Object, Read, Real, Skip, Text, Whole, Wrong, filled, shortened,
};
use vocab::{Caps, Effort};

const CHOICES_MAX: i64 = 128;
/// More than any model can give; bounds the arithmetic on it.
const OUTPUT_MAX: i64 = 1 << 30;
/// "stopSequences (max 5)".
const STOPS_MAX: usize = 5;
const TOP_LOGPROBS_MAX: i64 = 20;

const FIELDS: [&str; 41] = [
    "maxOutputTokens",
    "max_output_tokens",
    "temperature",
    "topP",
    "top_p",
    "topK",
    "top_k",
    "seed",
    "stopSequences",
    "stop_sequences",
    "candidateCount",
    "candidate_count",
    "responseMimeType",
    "response_mime_type",
    "responseSchema",
    "response_schema",
    "responseJsonSchema",
    "response_json_schema",
    "thinkingConfig",
    "thinking_config",
    "responseLogprobs",
    "response_logprobs",
    "logprobs",
    "presencePenalty",
    "presence_penalty",
    "frequencyPenalty",
    "frequency_penalty",
    "responseModalities",
    "response_modalities",
    "speechConfig",
    "speech_config",
    "imageConfig",
    "image_config",
    "mediaResolution",
    "media_resolution",
    "audioTimestamp",
    "audio_timestamp",
    "enableAffectiveDialog",
    "enable_affective_dialog",
    "enableEnhancedCivicAnswers",
    "enable_enhanced_civic_answers",
];

/// What shape the answer must have.
#[derive(Default)]
pub(super) struct Shape {
    mime: Option<&'static str>,
    schema: bool,
    json_schema: bool,
    logprobs: bool,
    top_logprobs: bool,
    pub bytes: usize,
}

const MIMES: [&str; 3] = ["text/plain", "application/json", "text/x.enum"];

impl Shape {
    pub fn schema(&self) -> bool {
        self.schema || self.json_schema
    }

    pub fn object(&self) -> bool {
        self.mime == Some("application/json") && !self.schema()
    }

    pub fn check(&self) -> Result<(), Wrong> {
        let wrong =
            |field: &str, message: &str| Err(Wrong::field(message).in_key(field).in_key("generationConfig"));
        let name = if self.json_schema { "responseJsonSchema" } else { "responseSchema" };
        if self.schema && self.json_schema {
            return wrong(name, "stands beside `responseSchema`; send one of them");
        }
        if self.schema() && !matches!(self.mime, Some("application/json" | "text/x.enum")) {
            return wrong(name, "needs `responseMimeType` to be \"application/json\"");
        }
        if self.top_logprobs && !self.logprobs {
            return wrong("logprobs", "needs `responseLogprobs: true`");
        }
        Ok(())
    }
}

pub(super) struct Config<'s>(pub &'s mut Survey);

impl<'de> Read<'de> for Config<'_> {
    type Out = ();

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<(), Wrong> {
        let mut names = Names::of(&FIELDS);
        while let Some(key) = names.next(&mut object)? {
            match key {
                "maxOutputTokens" | "temperature" | "topP" | "topK" | "seed" | "stopSequences"
                | "candidateCount" | "presencePenalty" | "frequencyPenalty" => {
                    self.0.sampling(key, &mut object)?;
                }
                _ => self.0.structure(key, &mut object)?,
            }
        }
        Ok(())
    }
}

impl Survey {
    /// How the answer is drawn.
    fn sampling<'de, M: Members<'de>>(
        &mut self,
        key: &str,
        object: &mut Object<'de, M>,
    ) -> Result<(), Wrong> {
        let needs = &mut self.brief.needs;
        match key {
            "maxOutputTokens" => {
                let most = object.value(Maybe(Whole(1, OUTPUT_MAX)))?;
                self.brief.max_output = most.and_then(|most| u32::try_from(most).ok());
            }
            // These ask for something only where they are not at their default of 1.
            "temperature" => {
                if object.value(Maybe(Real(0.0, 2.0)))?.is_some_and(|value| value != 1.0) {
                    *needs |= Caps::SAMPLING;
                }
            }
            "topP" => {
                if object.value(Maybe(Real(0.0, 1.0)))?.is_some_and(|value| value != 1.0) {
                    *needs |= Caps::SAMPLING;
                }
            }
            "topK" => {
                // Google's own type is a float.
                if object.value(Maybe(Real(0.0, 1e9)))?.is_some() {
                    self.only("generationConfig.topK");
                }
            }
            "seed" => {
                if object.value(Maybe(Whole(i64::from(i32::MIN), i64::from(i32::MAX))))?.is_some() {
                    *needs |= Caps::SEED;
                }
            }
            "stopSequences" => {
                let few = |at, _| {
                    if at < STOPS_MAX {
                        return Ok(());
                    }
                    Err(Wrong::field(format!("at most {STOPS_MAX} stop sequences are taken")))
                };
                if object.value(Maybe(Each(Text(filled), few)))?.is_some_and(|count| count > 0) {
                    *needs |= Caps::STOP;
                }
            }
            "candidateCount" => {
                if let Some(n) = object.value(Maybe(Whole(1, CHOICES_MAX)))? {
                    self.brief.n = u32::try_from(n).unwrap_or(1);
                    needs.set(Caps::MANY, n > 1);
                }
            }
            // The two penalties.
            _ => {
                if object.value(Maybe(Real(-2.0, 2.0)))?.is_some_and(|penalty| penalty != 0.0) {
                    *needs |= Caps::PENALTIES;
                }
            }
        }
        Ok(())
    }

    /// What the answer is made of.
    fn structure<'de, M: Members<'de>>(
        &mut self,
        key: &str,
        object: &mut Object<'de, M>,
    ) -> Result<(), Wrong> {
        match key {
            "responseMimeType" => {
                self.shape.mime = object.value(Maybe(Word(&MIMES)))?;
                if self.shape.mime == Some("text/x.enum") {
                    self.only("generationConfig.responseMimeType");
                }
            }
            "responseSchema" => {
                let bytes = object.value(Maybe(AnyObject))?;
                self.shape.schema = bytes.is_some();
                self.shape.bytes += bytes.unwrap_or(0);
            }
            "responseJsonSchema" => {
                let bytes = object.value(Maybe(Schema))?;
                self.shape.json_schema = bytes.is_some();
                self.shape.bytes += bytes.unwrap_or(0);
            }
            "responseLogprobs" => {
                self.shape.logprobs = flag(object)?;
                self.brief.needs.set(Caps::LOGPROBS, self.shape.logprobs);
            }
            "logprobs" => {
                self.shape.top_logprobs = object.value(Maybe(Whole(0, TOP_LOGPROBS_MAX)))?.is_some();
            }
            "thinkingConfig" => {
                let Some(thinking) = object.value(Maybe(Thinking))? else { return Ok(()) };
                self.thoughts = thinking.shown;
                self.brief.effort = thinking.effort;
                let thinks = thinking.effort.is_some_and(|effort| effort != Effort::None);
                self.brief.needs.set(Caps::REASONING, thinks);
                thinking.only.into_iter().for_each(|path| self.only(path));
            }
            "responseModalities" => {
                let (mut audio, mut image) = (false, false);
                let each = |_, kind| {
                    audio |= kind == "AUDIO";
                    image |= !matches!(kind, "AUDIO" | "TEXT" | "MODALITY_UNSPECIFIED");
                    Ok(())
                };
                object.value(Maybe(Each(Word(&MODALITIES), each)))?;
                if audio || image {
                    self.only("generationConfig.responseModalities");
                }
                if audio {
                    self.brief.needs |= Caps::AUDIO_OUT;
                }
            }
            // Configurations of what only Gemini makes, and what we do not know.
            known => {
                let there = object.value(Maybe(Skip))?.is_some();
                let name = if known.is_empty() { shortened(object.name()) } else { known.to_owned() };
                if there {
                    self.only(format!("generationConfig.{name}"));
                }
            }
        }
        Ok(())
    }
}

const MODALITIES: [&str; 5] = ["MODALITY_UNSPECIFIED", "TEXT", "IMAGE", "AUDIO", "VIDEO"];

/// A JSON Schema: its length. `true` is one too.
#[derive(Clone, Copy)]
struct Schema;

impl<'de> Read<'de> for Schema {
    type Out = usize;

    fn plain(self, found: Found<'_>) -> Result<usize, Wrong> {
        Err(Wrong::instead_of(found, "a JSON Schema object"))
    }

    fn object<M: Members<'de>>(self, object: Object<'de, M>) -> Result<usize, Wrong> {
        AnyObject.object(object)
    }
}

#[derive(Default)]
struct Thought {
    effort: Option<Effort>,
    shown: bool,
    only: Vec<String>,
}

#[derive(Clone, Copy)]
struct Thinking;

impl<'de> Read<'de> for Thinking {
    type Out = Thought;

    fn object<M: Members<'de>>(self, mut object: Object<'de, M>) -> Result<Thought, Wrong> {
        let (mut thought, mut level, mut budget) = (Thought::default(), None, None);
        let mut names = Names::of(&[
            "thinkingLevel",
            "thinking_level",
            "thinkingBudget",
            "thinking_budget",
            "includeThoughts",
            "include_thoughts",
        ]);
        while let Some(key) = names.next(&mut object)? {
            match key {
                "thinkingLevel" => level = object.value(Maybe(Word(&effort::LEVELS)))?,
                // -1 lets the model decide.
                "thinkingBudget" => budget = object.value(Maybe(Whole(-1, OUTPUT_MAX)))?,
                "includeThoughts" => thought.shown = flag(&mut object)?,
                _ => {
                    object.value(Skip)?;
                    let name = shortened(object.name());
                    thought.only.push(format!("generationConfig.thinkingConfig.{name}"));
                }
            }
        }
        if level.is_some() && budget.is_some() {
            let message = "stands beside `thinkingLevel`; send one of them";
            return Err(Wrong::field(message).in_key("thinkingBudget"));
        }
        thought.effort = effort::of(level, budget);
        Ok(thought)
    }
}
