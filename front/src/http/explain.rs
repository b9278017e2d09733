//! An ask that is only explained, in whichever protocol it is told.

use super::serve::{Call, Front};
use super::{messages, responses};
use crate::refusal::Refusal;
use crate::si::{self, SiAsk};
use crate::wishes::{self, Asked};
use crate::{anthropic, gemini, openai, voice};
use bytes::Bytes;
use relay::{Ask, Words};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::BTreeMap;
use vocab::{Dialect, Form, Kind};

impl Front {
    pub(super) fn explain(&self, call: &Call<'_>, body: Bytes) -> Result<Value, Refusal> {
        let ask = self.booked(call, self.explained(call, body)?)?;
        self.relay.explain(&ask).map_err(|t| Refusal::from(&t))
    }
}

/// Whose body it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Chat,
    Messages,
    Generate,
    Responses,
    Embeddings,
    Images,
    /// OpenAI's speech.
    Speech,
    /// Speech in our own words.
    Tts,
    Embed(Form),
    Si,
}

impl Shape {
    /// By its fields: `contents`, `content` and `requests` has only Gemini. An `input` beside a model is for Responses, or for
    /// embeddings where the model makes them, or to be heard where there is a voice; a `text` is to be heard; a `prompt` for a picture, or SI's. A chat is one where there is a model and
    /// nothing of SI's, unless its client says by a header that it speaks to Anthropic.
    fn of(fields: &BTreeMap<String, IgnoredAny>, kind: Option<Kind>, anthropics: bool) -> Self {
        const SI: [&str; 6] = ["prompt", "system", "skill", "personality", "policy", "max_cost_usd"];
        let has = |name: &str| fields.contains_key(name);
        let any = |names: &[&str]| names.iter().any(|name| has(name));
        match () {
            () if anthropics => Self::Messages,
            () if has("contents") => Self::Generate,
            () if has("requests") => Self::Embed(Form::Batch),
            () if has("content") => Self::Embed(Form::One),
            () if has("input") && (kind == Some(Kind::Tts) || any(&["voice", "stream_format"])) => {
                Self::Speech
            }
            () if has("text") && !has("input") => Self::Tts,
            () if has("model") && has("input") => {
                let vectors = kind == Some(Kind::Embedding) || any(&["encoding_format", "dimensions"]);
                if vectors { Self::Embeddings } else { Self::Responses }
            }
            () if has("prompt")
                && (kind == Some(Kind::Image) || any(&["size", "quality", "output_format"])) =>
            {
                Self::Images
            }
            () if has("model") && !any(&SI) => Self::Chat,
            () => Self::Si,
        }
    }
}

impl Front {
    fn explained(&self, call: &Call<'_>, body: Bytes) -> Result<Ask, Refusal> {
        let asked = wishes::of_headers(&call.head.headers)?;
        let raw = |dialect, raw, parse| Words::Raw { dialect, raw, parse };
        let task = |raw, parse| Words::Task { raw: Box::new(raw), parse };
        let words = match self.shape(call, &body) {
            Shape::Chat => raw(Dialect::OpenaiChat, openai::survey(body)?, openai::parse),
            Shape::Messages => {
                let surveyed = anthropic::survey(body, anthropic::Wanted::Answer)?;
                raw(Dialect::Anthropic, surveyed.raw, anthropic::parse)
            }
            Shape::Generate => {
                let model = named(&body)?;
                let mut surveyed = gemini::survey(body, &model, false)?;
                self.draws(&mut surveyed.raw.brief);
                raw(Dialect::Gemini, surveyed.raw, gemini::parse)
            }
            Shape::Responses => responses::words(crate::responses::survey(body)?.raw),
            Shape::Embeddings => task(openai::embeddings::survey(body)?, openai::embeddings::parse),
            Shape::Images => task(openai::images::survey(body)?, openai::images::parse),
            Shape::Speech => voice::openai::read(&body)?.words(),
            Shape::Tts => {
                let (spoken, wishes) = voice::own::read(&body, asked.wishes)?;
                return Ok(call.ask(spoken.words(), Asked { wishes, seed: asked.seed, trailer: false }));
            }
            Shape::Embed(form) => {
                let model = named(&body)?;
                task(gemini::embed::survey(body, &model, form)?, gemini::embed::parse)
            }
            Shape::Si => {
                let SiAsk { chat, brief, wishes } = si::read(&body, call.settings, asked.wishes)?;
                let words = Words::Chat { chat: Box::new(chat), brief };
                return Ok(call.ask(words, Asked { wishes, seed: asked.seed, trailer: false }));
            }
        };
        Ok(call.ask(words, asked))
    }

    fn shape(&self, call: &Call<'_>, body: &[u8]) -> Shape {
        let Ok(fields) = serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(body) else {
            return Shape::Si;
        };
        let kind = named(body).ok().and_then(|model| self.relay.kind_of(&model));
        Shape::of(&fields, kind, messages::speaks(&call.head.headers))
    }
}

/// The model of a body whose model is in the path where it is asked.
fn named(body: &[u8]) -> Result<String, Refusal> {
    #[derive(serde::Deserialize)]
    struct Named {
        model: Option<String>,
    }
    let read = |e| Refusal::new(400, "invalid_request", format!("The body cannot be read: {e}."));
    let named: Named = serde_json::from_slice(body).map_err(read)?;
    let Some(model) = named.model else {
        let message = "model: the field is missing; where Gemini's paths name the model, here the body does";
        return Err(Refusal { param: Some("model".into()), ..Refusal::new(400, "invalid_request", message) });
    };
    Ok(model.strip_prefix("models/").map_or(model.clone(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::{Form, Kind, Shape};

    #[test]
    fn a_body_is_known_by_its_fields() {
        let of =
            |body: &str, kind, anthropics| Shape::of(&serde_json::from_str(body).unwrap(), kind, anthropics);
        for (body, shape) in [
            (r#"{"model":"m","messages":[]}"#, Shape::Chat),
            (r#"{"model":"m","messages":[],"system":"s"}"#, Shape::Si),
            (r#"{"prompt":"p","model":"m"}"#, Shape::Si),
            (r#"{"messages":[]}"#, Shape::Si),
            (r#"{"model":"m","input":"x"}"#, Shape::Responses),
            (r#"{"model":"m","contents":[]}"#, Shape::Generate),
            (r#"{"model":"m","content":{}}"#, Shape::Embed(Form::One)),
            (r#"{"model":"m","requests":[]}"#, Shape::Embed(Form::Batch)),
            (r#"{"model":"m","input":"x","encoding_format":"float"}"#, Shape::Embeddings),
            (r#"{"model":"m","prompt":"x","size":"auto"}"#, Shape::Images),
            (r#"{"model":"m","input":"x","voice":"calm"}"#, Shape::Speech),
            (r#"{"model":"m","input":"x","text":{}}"#, Shape::Responses),
            (r#"{"text":"x","voice":"calm"}"#, Shape::Tts),
        ] {
            assert_eq!(of(body, None, false), shape, "{body}");
        }
        assert_eq!(of(r#"{"model":"m","messages":[],"system":"s"}"#, None, true), Shape::Messages);
        assert_eq!(of(r#"{"model":"m","input":"x"}"#, Some(Kind::Embedding), false), Shape::Embeddings);
        assert_eq!(of(r#"{"model":"m","prompt":"x"}"#, Some(Kind::Image), false), Shape::Images);
        assert_eq!(of(r#"{"model":"m","input":"x"}"#, Some(Kind::Tts), false), Shape::Speech);
    }
}
