//! An ask that is only explained, in whichever protocol it is told.

use super::serve::{Call, Front};
use super::{messages, responses};
use crate::refusal::Refusal;
use crate::si::{self, SiAsk};
use crate::wishes::{self, Asked};
use crate::{anthropic, gemini, openai};
use bytes::Bytes;
use relay::{Ask, Words};
use serde::de::IgnoredAny;
use serde_json::Value;
use std::collections::BTreeMap;
use vocab::Dialect;

impl Front {
    pub(super) fn explain(&self, call: &Call<'_>, body: Bytes) -> Result<Value, Refusal> {
        let ask = explained(call, body)?;
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
    Si,
}

impl Shape {
    /// By its fields: `contents` has only Gemini, `input` beside a model only Responses. A chat is one where there is a model
    /// and nothing of SI's, unless its client says by a header that it speaks to Anthropic.
    fn of(body: &[u8], anthropics: bool) -> Self {
        const SI: [&str; 6] = ["prompt", "system", "skill", "personality", "policy", "max_cost_usd"];
        let Ok(fields) = serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(body) else {
            return Self::Si;
        };
        let has = |name: &str| fields.contains_key(name);
        match () {
            () if anthropics => Self::Messages,
            () if has("contents") => Self::Generate,
            () if has("model") && has("input") => Self::Responses,
            () if has("model") && !SI.into_iter().any(has) => Self::Chat,
            () => Self::Si,
        }
    }
}

fn explained(call: &Call<'_>, body: Bytes) -> Result<Ask, Refusal> {
    let asked = wishes::of_headers(&call.head.headers)?;
    let raw = |dialect, raw, parse| Words::Raw { dialect, raw, parse };
    let words = match Shape::of(&body, messages::speaks(&call.head.headers)) {
        Shape::Chat => raw(Dialect::OpenaiChat, openai::survey(body)?, openai::parse),
        Shape::Messages => {
            let surveyed = anthropic::survey(body, anthropic::Wanted::Answer)?;
            raw(Dialect::Anthropic, surveyed.raw, anthropic::parse)
        }
        Shape::Generate => {
            let model = named(&body)?;
            raw(Dialect::Gemini, gemini::survey(body, &model, false)?.raw, gemini::parse)
        }
        Shape::Responses => responses::words(crate::responses::survey(body)?.raw),
        Shape::Si => {
            let SiAsk { chat, brief, wishes } = si::read(&body, call.settings, asked.wishes)?;
            let words = Words::Chat { chat: Box::new(chat), brief };
            return Ok(call.ask(words, Asked { wishes, seed: asked.seed, trailer: false }));
        }
    };
    Ok(call.ask(words, asked))
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
    use super::Shape;

    #[test]
    fn a_body_is_known_by_its_fields() {
        for (body, shape) in [
            (r#"{"model":"m","messages":[]}"#, Shape::Chat),
            (r#"{"model":"m","messages":[],"system":"s"}"#, Shape::Si),
            (r#"{"prompt":"p","model":"m"}"#, Shape::Si),
            (r#"{"messages":[]}"#, Shape::Si),
            (r#"{"model":"m","input":"x"}"#, Shape::Responses),
            (r#"{"model":"m","contents":[]}"#, Shape::Generate),
            ("[", Shape::Si),
        ] {
            assert_eq!(Shape::of(body.as_bytes(), false), shape, "{body}");
        }
        assert_eq!(Shape::of(br#"{"model":"m","messages":[],"system":"s"}"#, true), Shape::Messages);
    }
}
