//! `voice/tts`: speech in our own words.

use super::{RATE_LEAST, RATE_MOST, Spoken, codec, said, sound};
use crate::given::{Given, Others};
use relay::{BadInput, Wishes};
use serde_json::Map;
use vocab::{Codec, Speak};

const FIELDS: [&str; 16] = [
    "text",
    "voice",
    "format",
    "rate",
    "speed",
    "language",
    "instructions",
    "seed",
    "model",
    "policy",
    "max_cost_usd",
    "max_latency_ms",
    "min_quality",
    "providers",
    "session",
    "tags",
];

/// Understands a request. `wishes` are those of the headers; the body's win.
pub fn read(body: &[u8], mut wishes: Wishes) -> Result<(Spoken, Wishes), BadInput> {
    let given = Given::read(body, &FIELDS, Others::Refused("{\"text\": \"…\", \"voice\": \"calm\"}"))?;
    let format = given.text("format")?.map_or(Ok(Codec::Mp3), |name| codec("format", &name))?;
    let rate = given.whole("rate", RATE_LEAST, RATE_MOST)?.and_then(|rate| u32::try_from(rate).ok());
    let seed = given.whole("seed", 0, u32::MAX.into())?.and_then(|seed| u32::try_from(seed).ok());
    let speak = Speak {
        text: said("text", given.text("text")?)?,
        voice: given.text("voice")?.unwrap_or_default(),
        sound: sound(format, rate),
        speed: given.percent("speed", 0.25, 4.0)?,
        language: language("language", given.text("language")?)?,
        instructions: given.text("instructions")?.filter(|text| !text.is_empty()),
        seed,
        extra: Map::new(),
    };
    given.wish(&mut wishes)?;
    let model = given.text("model")?.filter(|model| !model.is_empty());
    let model = model.unwrap_or_else(|| "auto".into());
    Ok((Spoken { speak, model, events: false }, wishes))
}

/// BCP 47, as far as its form goes: letters and digits in short groups.
pub(super) fn language(field: &str, tag: Option<String>) -> Result<Option<String>, BadInput> {
    let Some(tag) = tag.filter(|tag| !tag.is_empty()) else { return Ok(None) };
    let group =
        |group: &str| (1..=8).contains(&group.len()) && group.bytes().all(|b| b.is_ascii_alphanumeric());
    if tag.len() > 35 || !tag.split('-').all(group) {
        let tag = crate::json::shortened(&tag);
        return Err(BadInput::at(
            field,
            format!("{field}: expected a language like en or pt-BR, got {tag:?}"),
        ));
    }
    Ok(Some(tag))
}
