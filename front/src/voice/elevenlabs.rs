//! ElevenLabs' `text-to-speech`, for its clients.

use super::own::language;
use super::{Spoken, codec, said, sound};
use crate::given::{Given, Others};
use crate::openai::write::json;
use crate::refusal::Refusal;
use relay::BadInput;
use serde_json::{Map, Value};
use vocab::{Codec, Sound, Speak};

const FIELDS: [&str; 5] = ["text", "model_id", "language_code", "voice_settings", "seed"];

/// What a request without `output_format` is answered with: `mp3_44100_128`.
const USUAL: Sound = Sound { codec: Codec::Mp3, rate: Some(44_100), bitrate: Some(128_000) };

/// Understands a request for the voice that its path names. Without a model it is the router's choice.
pub fn read(body: &[u8], voice: String, format: Option<&str>) -> Result<Spoken, BadInput> {
    let given = Given::read(body, &FIELDS, Others::Kept("{\"text\": …}"))?;
    let mut settings = match given.value("voice_settings")? {
        None => Map::new(),
        Some(Value::Object(settings)) => settings,
        Some(_) => return Err(BadInput::at("voice_settings", "voice_settings: expected an object")),
    };
    let speed = settings.remove("speed").filter(|speed| !speed.is_null());
    let speed = speed.map(|speed| speed.to_string());
    let speed = Given::percent_of("voice_settings.speed", speed.as_deref(), 0.25, 4.0)?;
    let text = said("text", given.text("text")?)?;
    let model = given.text("model_id")?.filter(|model| !model.is_empty());
    let language = language("language_code", given.text("language_code")?)?;
    let seed = given.whole("seed", 0, u32::MAX.into())?.and_then(|seed| u32::try_from(seed).ok());
    let mut extra = given.extra;
    if !settings.is_empty() {
        extra.insert("voice_settings".into(), settings.into());
    }
    let speak = Speak {
        text,
        voice,
        sound: format.map_or(Ok(USUAL), output)?,
        speed,
        language,
        instructions: None,
        seed,
        extra,
    };
    Ok(Spoken { speak, model: model.unwrap_or_else(|| "auto".into()), events: false })
}

/// `codec_rate_bitrate` or `codec_rate`: `mp3_44100_128`, `pcm_16000`, `ulaw_8000`.
fn output(name: &str) -> Result<Sound, BadInput> {
    let wrong = || {
        let name = crate::json::shortened(name);
        BadInput::at(
            "output_format",
            format!(
                "output_format: {name:?} is not known; expected one like mp3_44100_128, pcm_24000, opus_48000_64 or ulaw_8000"
            ),
        )
    };
    let mut parts = name.split('_');
    let codec = match parts.next() {
        Some("ulaw") => Codec::Mulaw,
        Some(name @ ("mp3" | "opus" | "wav" | "pcm" | "alaw")) => codec("output_format", name)?,
        _ => return Err(wrong()),
    };
    let number = |part: Option<&str>| part.map(|part| part.parse::<u32>().map_err(|_| wrong())).transpose();
    let rate = number(parts.next())?.filter(|rate| (8_000..=48_000).contains(rate)).ok_or_else(wrong)?;
    let kilobits = number(parts.next())?;
    if parts.next().is_some() || kilobits.is_some_and(|kilobits| !(8..=512).contains(&kilobits)) {
        return Err(wrong());
    }
    Ok(Sound { bitrate: kilobits.map(|kilobits| kilobits * 1_000), ..sound(codec, Some(rate)) })
}

/// `{"detail":{…}}`, as its clients read errors.
pub fn told(refusal: &Refusal, request_id: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(256 + refusal.message.len());
    out.extend_from_slice(br#"{"detail":{"status":"#);
    json(&mut out, &refusal.code);
    for (name, text) in [
        ("code", Some(refusal.code.as_str())),
        ("type", Some(refusal.openai_type())),
        ("message", Some(refusal.message.as_str())),
        ("param", refusal.param.as_deref()),
        ("request_id", Some(request_id)),
    ] {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        json(&mut out, &text);
    }
    if !refusal.attempts.is_empty() {
        out.extend_from_slice(br#","attempts":"#);
        json(&mut out, &refusal.attempts);
    }
    out.extend_from_slice(b"}}");
    out
}
