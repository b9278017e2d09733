//! OpenAI's `audio/speech`.

use super::{Spoken, codec, said, sound};
use crate::given::{Given, Others};
use relay::BadInput;
use serde_json::Value;
use vocab::{Codec, Speak};

const FIELDS: [&str; 7] =
    ["model", "input", "voice", "response_format", "speed", "instructions", "stream_format"];

/// Understands a request. Fields we do not know are kept for providers that do.
pub fn read(body: &[u8]) -> Result<Spoken, BadInput> {
    let given = Given::read(body, &FIELDS, Others::Kept("{\"model\": …, \"input\": …, \"voice\": …}"))?;
    let model = given.text("model")?.filter(|model| !model.is_empty());
    let model = model.ok_or_else(|| {
        BadInput::at("model", "model: the field is missing; \"auto\" leaves the choice to the router")
    })?;
    let format = given.text("response_format")?;
    let format = format.map_or(Ok(Codec::Mp3), |name| codec("response_format", &name))?;
    let events = match given.text("stream_format")?.as_deref() {
        None | Some("audio") => false,
        Some("sse") => true,
        Some(other) => {
            let other = crate::json::shortened(other);
            let message = format!("stream_format: {other:?} is not known; allowed: audio, sse");
            return Err(BadInput::at("stream_format", message));
        }
    };
    let speak = Speak {
        text: said("input", given.text("input")?)?,
        voice: voice(&given)?,
        sound: sound(format, None),
        speed: given.percent("speed", 0.25, 4.0)?,
        language: None,
        instructions: given.text("instructions")?.filter(|text| !text.is_empty()),
        seed: None,
        extra: given.extra,
    };
    Ok(Spoken { speak, model, events })
}

/// A name, or an object with an id.
fn voice(given: &Given<'_>) -> Result<String, BadInput> {
    let named = match given.value("voice")? {
        None => return Ok(String::new()),
        Some(Value::String(name)) => Some(name),
        Some(Value::Object(of)) => of.get("id").and_then(Value::as_str).map(str::to_owned),
        Some(_) => None,
    };
    named.ok_or_else(|| BadInput::at("voice", "voice: expected a string, or an object with an `id`"))
}
